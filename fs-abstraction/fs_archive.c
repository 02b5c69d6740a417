// SPDX-License-Identifier: Apache-2.0
/*
 * Archives as a file system.
 *
 * 1. Every file is a piece of one mapping: of the tar itself, or of the unnamed file that everything was unpacked into. Reading is a copy, mapping is a pointer.
 * 2. Names are made absolute and normal; one that leads outside ("../x") damages the archive. The last of several files of one name counts, as for tar.
 * 3. Lengths are compared with the bytes that are there. Links, devices and sparse files are left out.
 * The only file that knows libarchive; its functions are declared here and found when they are needed, so that building and starting cost nothing.
 * Read-only after opening: any thread.
 */
#include "fs-abstraction/fs_archive.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/vec.h"
#include "fs-abstraction/fs_priv.h"
#include "fs-abstraction/path.h"

struct member {
	char *path;
	uint64_t offset, size;
};

struct archive_fs {
	struct weir_fs fs;
	struct weir_fs_ops ops; /* its own, for the scheme */
	const uint8_t *bytes;
	size_t len;
	int64_t mtime_ms;
	const char *name;       /* of the archive, for messages */
	WEIR_VEC(struct member) files; /* by path */
};

struct archive_in {
	struct weir_fs_in base;
	const struct archive_fs *a;
	const struct member *m;
};

/* ---- the index ---- */
static int add_file(struct archive_fs *a, const char *name, size_t name_len, uint64_t offset, uint64_t size, struct weir_error *err)
{
	struct weir_buf b = { 0 };
	struct member *m;
	unsigned depth = 0;
	char *path;

	for (size_t i = 0; i < name_len;) { /* ".." may not leave the root */
		size_t n = strcspn(name + i, "/");

		if (i + n > name_len)
			n = name_len - i;
		if (n == 2 && memcmp(name + i, "..", 2) == 0) {
			if (!depth--)
				return weir_error_at(err, WEIR_ECORRUPT, a->name, offset, "the archive has a file outside of itself: \"%.*s\"", (int)name_len, name);
		} else if (n && !(n == 1 && name[i] == '.')) {
			depth++;
		}
		i += n + 1;
	}
	weir_buf_u8(&b, '/');
	weir_buf_put(&b, name, name_len);
	path = weir_buf_error(&b) ? NULL : weir_path_normal(weir_buf_cstr(&b));
	weir_buf_fini(&b);
	m = path ? weir_vec_push(&a->files) : NULL;
	if (!m) {
		free(path);
		return weir__fs_nomem(err, a->name);
	}
	*m = (struct member){ path, offset, size };
	return 0;
}

static int by_path_then_offset(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	int c = strcmp(a->path, b->path);

	return c ? c : (a->offset > b->offset) - (a->offset < b->offset);
}

static void sort_index(struct archive_fs *a)
{
	size_t n = 0;

	if (a->files.len)
		qsort(a->files.items, a->files.len, sizeof(*a->files.items), by_path_then_offset);
	for (size_t i = 0; i < a->files.len; i++) {
		if (i + 1 < a->files.len && strcmp(a->files.items[i].path, a->files.items[i + 1].path) == 0)
			free(a->files.items[i].path); /* a later one replaces it */
		else
			a->files.items[n++] = a->files.items[i];
	}
	a->files.len = n;
}

/* First member not below path. */
static size_t lower_bound(const struct archive_fs *a, const char *path)
{
	size_t lo = 0, hi = a->files.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(a->files.items[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct member *find_file(const struct archive_fs *a, const char *path)
{
	size_t i = lower_bound(a, path);

	return i < a->files.len && strcmp(a->files.items[i].path, path) == 0 ? &a->files.items[i] : NULL;
}

static bool below(const char *path, const char *dir, size_t dir_len)
{
	return strncmp(path, dir, dir_len) == 0 && (path[dir_len] == '/' || dir_len == 0);
}

/* First file below a directory, or the number of files. *len: of the directory's path; "/" counts as empty. */
static size_t first_below(const struct archive_fs *a, const char *dir, size_t *len)
{
	struct weir_buf prefix = { 0 };
	size_t i = 0;

	*len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
	weir_buf_printf(&prefix, "%.*s/", (int)*len, dir);
	if (!weir_buf_error(&prefix))
		i = lower_bound(a, weir_buf_cstr(&prefix));
	weir_buf_fini(&prefix);
	return i < a->files.len && below(a->files.items[i].path, dir, *len) ? i : a->files.len;
}

/* ---- tar as it lies ---- */
static bool tar_number(const uint8_t *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (p[0] & 0x80) { /* base 256 */
		for (size_t i = 1; i < n; i++) {
			if (v >> 56)
				return false;
			v = v << 8 | p[i];
		}
		*out = v;
		return !(p[0] & 0x7f);
	}
	for (size_t i = 0; i < n && p[i] && p[i] != ' '; i++) {
		if (p[i] < '0' || p[i] > '7' || v >> 60)
			return false;
		v = v * 8 + (uint64_t)(p[i] - '0');
	}
	*out = v;
	return true;
}

static bool tar_checksum(const uint8_t *h)
{
	uint64_t want, sum = 8 * ' ';

	for (int i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : h[i];
	return tar_number(h + 148, 8, &want) && want == sum;
}

/* "LENGTH path=VALUE\n"... of a pax header; takes path and size. */
static void read_pax(struct weir_slice s, struct weir_slice *path, uint64_t *size, bool *has_size)
{
	while (s.len) {
		size_t n = 0, i = 0;

		while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && n < ((size_t)1 << 40))
			n = n * 10 + (size_t)(s.ptr[i++] - '0');
		if (!n || n > s.len || i + 1 >= n || s.ptr[i] != ' ')
			return;
		i++;
		if (n - i > 6 && memcmp(s.ptr + i, "path=", 5) == 0)
			*path = (struct weir_slice){ s.ptr + i + 5, n - i - 6 };
		if (n - i > 6 && memcmp(s.ptr + i, "size=", 5) == 0) {
			*size = strtoull((const char *)s.ptr + i + 5, NULL, 10); /* ends at the line feed */
			*has_size = true;
		}
		s.ptr += n;
		s.len -= n;
	}
}

static size_t text_length(const uint8_t *p, size_t n) { return strnlen((const char *)p, n); }

static int index_tar(struct archive_fs *a, struct weir_error *err)
{
	struct weir_slice name = { 0 };
	uint64_t at = 0, size, pax_size = 0;
	bool has_pax_size = false;

	while (a->len - at >= 512 && a->bytes[at]) {
		const uint8_t *h = a->bytes + at;
		uint8_t type = h[156];
		char joined[257];
		int rc;

		if (!tar_checksum(h) || !tar_number(h + 124, 12, &size))
			return weir_error_at(err, WEIR_ECORRUPT, a->name, at, "this is no header of a tar archive: its checksum is wrong");
		if (has_pax_size && type != 'x' && type != 'L' && type != 'g')
			size = pax_size;
		if (size > a->len - at - 512)
			return weir_error_at(err, WEIR_ETRUNCATED, a->name, at, "a file of %llu bytes begins here, but the archive ends %llu bytes later", (unsigned long long)size,
					     (unsigned long long)(a->len - at - 512));
		if (type == 'x') {
			read_pax((struct weir_slice){ h + 512, (size_t)size }, &name, &pax_size, &has_pax_size);
		} else if (type == 'L') {
			name = (struct weir_slice){ h + 512, text_length(h + 512, (size_t)size) };
		} else if (type != 'g') {
			if (!name.ptr) {
				size_t prefix = memcmp(h + 257, "ustar\0", 6) == 0 ? text_length(h + 345, 155) : 0; /* GNU keeps other things there */

				name.len = (size_t)snprintf(joined, sizeof(joined), "%.*s%s%.*s", (int)prefix, (const char *)h + 345, prefix ? "/" : "", (int)text_length(h, 100),
							    (const char *)h);
				name.ptr = (const uint8_t *)joined;
			}
			rc = type == '0' || type == 0 || type == '7' ? add_file(a, (const char *)name.ptr, name.len, at + 512, size, err) : 0;
			if (rc)
				return rc;
			name = (struct weir_slice){ 0 };
			has_pax_size = false;
		}
		at += 512 + (size + 511) / 512 * 512;
		if (at > a->len)
			at = a->len;
	}
	return 0;
}

/* ---- everything else: unpacked by libarchive ---- */
static struct {
	void *(*read_new)(void);
	int (*filter_all)(void *);
	int (*format_all)(void *);
	int (*open_filename)(void *, const char *, size_t);
	int (*next_header)(void *, void **);
	const char *(*pathname)(void *);
	unsigned (*filetype)(void *);
	int (*data_block)(void *, const void **, size_t *, int64_t *);
	const char *(*error_string)(void *);
	int (*read_free)(void *);
} lib;

static int load_library(const char *name, struct weir_error *err)
{
	static const struct {
		const char *name;
		void *slot;
	} functions[] = {
		{ "archive_read_new", &lib.read_new }, { "archive_read_support_filter_all", &lib.filter_all }, { "archive_read_support_format_all", &lib.format_all },
		{ "archive_read_open_filename", &lib.open_filename }, { "archive_read_next_header", &lib.next_header }, { "archive_entry_pathname", &lib.pathname },
		{ "archive_entry_filetype", &lib.filetype }, { "archive_read_data_block", &lib.data_block }, { "archive_error_string", &lib.error_string },
		{ "archive_read_free", &lib.read_free },
	};
	void *handle = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return weir_error_at(err, WEIR_EUNSUPPORTED, name, WEIR_NO_OFFSET,
				     "reading compressed archives needs libarchive.so.13, which is not installed (Debian: apt-get install libarchive13); a plain tar needs nothing");
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *f = dlsym(handle, functions[i].name);

		if (!f)
			return weir_error_at(err, WEIR_EUNSUPPORTED, name, WEIR_NO_OFFSET, "libarchive.so.13 has no %s", functions[i].name);
		memcpy(functions[i].slot, &f, sizeof(f));
	}
	return 0;
}

static int unnamed_file(struct weir_error *err)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	dir = dir && dir[0] ? dir : "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/weir-archive-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return weir_error_sys(err, errno, dir, "make a temporary file");
	unlink(path);
	return fd;
}

static int write_at(int fd, const uint8_t *p, size_t n, uint64_t to, struct weir_error *err)
{
	while (n) {
		ssize_t k = pwrite(fd, p, n, (off_t)to);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return weir_error_sys(err, k < 0 ? errno : EIO, "temporary file for the archive (TMPDIR)", "write");
		p += k;
		n -= (size_t)k;
		to += (uint64_t)k;
	}
	return 0;
}

static int bad_archive(struct archive_fs *a, void *r, struct weir_error *err)
{
	const char *why = lib.error_string(r);

	return weir_error_at(err, WEIR_ECORRUPT, a->name, WEIR_NO_OFFSET, "the archive cannot be read: %s", why ? why : "no reason was given");
}

static int unpack_file(struct archive_fs *a, void *r, int fd, uint64_t *at, const char *name, struct weir_error *err)
{
	uint64_t size = 0;
	const void *block;
	int64_t offset;
	size_t n;
	int code, rc;

	while ((code = lib.data_block(r, &block, &n, &offset)) == 0) {
		rc = write_at(fd, block, n, *at + (uint64_t)offset, err);
		if (rc)
			return rc;
		size = (uint64_t)offset + n;
	}
	if (code != 1)
		return bad_archive(a, r, err);
	rc = add_file(a, name, strlen(name), *at, size, err);
	*at += (size + 4095) & ~(uint64_t)4095;
	return rc;
}

static int unpack(struct archive_fs *a, int fd, uint64_t *size, struct weir_error *err)
{
	void *r = lib.read_new(), *entry;
	int rc = r ? 0 : weir__fs_nomem(err, a->name), code;

	if (rc)
		return rc;
	lib.filter_all(r);
	lib.format_all(r);
	if (lib.open_filename(r, a->name, 1 << 17))
		rc = bad_archive(a, r, err);
	while (rc == 0 && (code = lib.next_header(r, &entry)) != 1) {
		const char *name;

		if (code < -20) { /* worse than a warning */
			rc = bad_archive(a, r, err);
			break;
		}
		name = lib.pathname(entry);
		if (name && lib.filetype(entry) == S_IFREG)
			rc = unpack_file(a, r, fd, size, name, err);
	}
	lib.read_free(r);
	return rc;
}

static int index_by_library(struct archive_fs *a, struct weir_error *err)
{
	uint64_t size = 0;
	void *map;
	int rc = load_library(a->name, err), fd;

	if (rc)
		return rc;
	fd = unnamed_file(err);
	if (fd < 0)
		return fd;
	rc = unpack(a, fd, &size, err);
	if (rc == 0 && ftruncate(fd, (off_t)(size + 1)) != 0)
		rc = weir_error_sys(err, errno, "temporary file for the archive (TMPDIR)", "extend");
	if (rc == 0) {
		map = mmap(NULL, (size_t)size + 1, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			rc = weir_error_sys(err, errno, a->name, "map");
		} else {
			munmap((void *)a->bytes, a->len);
			a->bytes = map;
			a->len = (size_t)size + 1;
		}
	}
	close(fd);
	return rc;
}

/* ---- the file system ---- */
static struct archive_fs *of(const struct weir_fs *fs) { return (struct archive_fs *)fs; }

static int not_there(const struct archive_fs *a, const char *path, struct weir_error *err)
{
	return weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET, "there is no such file in %s", a->name);
}

static int archive_open(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err)
{
	const struct member *m = find_file(of(fs), path);
	struct archive_in *in;

	if (!m)
		return not_there(of(fs), path, err);
	in = calloc(1, sizeof(*in));
	if (!in)
		return weir__fs_nomem(err, path);
	in->a = of(fs);
	in->m = m;
	*out = &in->base;
	return 0;
}

static int archive_size(struct weir_fs_in *in, uint64_t *out, struct weir_error *err)
{
	(void)err;
	*out = ((struct archive_in *)in)->m->size;
	return 0;
}

static int archive_read_at(struct weir_fs_in *in, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	const struct archive_in *i = (struct archive_in *)in;
	size_t n = offset >= i->m->size ? 0 : i->m->size - offset < len ? (size_t)(i->m->size - offset) : len;

	(void)err;
	if (n)
		memcpy(buf, i->a->bytes + i->m->offset + offset, n);
	*out_n = n;
	return 0;
}

static void archive_in_close(struct weir_fs_in *in) { free(in); }

static int archive_map(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *bytes, struct weir_error *err)
{
	const struct member *m = find_file(of(fs), path);
	struct weir_fs_map *map;

	if (!m)
		return not_there(of(fs), path, err);
	map = calloc(1, sizeof(*map));
	if (!map)
		return weir__fs_nomem(err, path);
	map->fs = fs;
	*bytes = (struct weir_slice){ of(fs)->bytes + m->offset, (size_t)m->size };
	*out = map;
	return 0;
}

static void archive_unmap(struct weir_fs_map *m) { free(m); }

static int archive_stat(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err)
{
	const struct archive_fs *a = of(fs);
	const struct member *m = find_file(a, path);
	size_t len;

	if (!m && strcmp(path, "/") != 0 && first_below(a, path, &len) == a->files.len)
		return not_there(a, path, err);
	*out = (struct weir_fs_stat){ .type = m ? WEIR_FS_FILE : WEIR_FS_DIRECTORY, .size = m ? m->size : 0, .mtime_ms = a->mtime_ms };
	return 0;
}

static int archive_list(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err)
{
	const struct archive_fs *a = of(fs);
	size_t len, i = first_below(a, path, &len);
	char last[256] = "";
	int rc = 0;

	if (i == a->files.len && strcmp(path, "/") != 0)
		return find_file(a, path) ? weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "is a file, not a directory") : not_there(a, path, err);
	for (; i < a->files.len && below(a->files.items[i].path, path, len) && rc == 0; i++) {
		const struct member *m = &a->files.items[i];
		const char *name = m->path + len + 1;
		size_t n = strcspn(name, "/");
		struct weir_fs_stat st = { .type = name[n] ? WEIR_FS_DIRECTORY : WEIR_FS_FILE, .size = name[n] ? 0 : m->size, .mtime_ms = a->mtime_ms };

		if (n >= sizeof(last) || (strncmp(name, last, n) == 0 && !last[n] && last[0]))
			continue;
		memcpy(last, name, n);
		last[n] = 0;
		rc = fn(arg, last, &st);
	}
	return rc;
}

static const struct weir_fs_ops archive_ops = {
	.size = sizeof(struct weir_fs_ops), .caps = WEIR_FS_READ_ONLY | WEIR_FS_MAP, .open = archive_open, .size_of = archive_size, .read_at = archive_read_at,
	.in_close = archive_in_close, .map = archive_map, .unmap = archive_unmap, .stat = archive_stat, .list = archive_list,
};

bool weir_fs_is_archive(struct weir_slice s)
{
	static const struct {
		const char *magic;
		size_t len;
	} known[] = { { "PK\3\4", 4 }, { "\x1f\x8b", 2 }, { "\xfd" "7zXZ", 5 }, { "\x28\xb5\x2f\xfd", 4 }, { "BZh", 3 }, { "7z\xbc\xaf\x27\x1c", 6 } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (s.len > known[i].len && memcmp(s.ptr, known[i].magic, known[i].len) == 0)
			return true;
	return s.len >= 512 && memcmp(s.ptr + 257, "ustar", 5) == 0;
}

int weir_fs_archive_open(const char *path, const char *scheme, struct weir_fs **out, struct weir_error *err)
{
	struct archive_fs *a = calloc(1, sizeof(*a));
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	void *map = MAP_FAILED;

	if (fd < 0 || !a || fstat(fd, &st) != 0)
		rc = a ? weir_error_sys(err, errno, path, "open") : weir__fs_nomem(err, path);
	else if (st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (rc == 0 && map == MAP_FAILED)
		rc = st.st_size > 0 ? weir_error_sys(err, errno, path, "map") : weir_error_at(err, WEIR_ECORRUPT, path, 0, "the file is empty");
	if (fd >= 0)
		close(fd);
	if (rc) {
		free(a);
		return rc;
	}
	a->ops = archive_ops;
	a->ops.scheme = scheme;
	a->fs.ops = &a->ops;
	a->bytes = map;
	a->len = (size_t)st.st_size;
	a->name = strdup(path);
	a->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (!a->name)
		rc = weir__fs_nomem(err, path);
	else if (a->len >= 512 && memcmp(a->bytes + 257, "ustar", 5) == 0)
		rc = index_tar(a, err);
	else
		rc = index_by_library(a, err);
	if (rc) {
		weir_fs_archive_close(&a->fs);
		return rc;
	}
	sort_index(a);
	*out = &a->fs;
	return 0;
}

void weir_fs_archive_close(struct weir_fs *fs)
{
	struct archive_fs *a = of(fs);

	for (size_t i = 0; i < a->files.len; i++)
		free(a->files.items[i].path);
	weir_vec_fini(&a->files);
	munmap((void *)a->bytes, a->len);
	free((void *)a->name);
	free(a);
}

int weir_fs_archive_each(struct weir_fs *fs, weir_archive_file_fn *fn, void *arg)
{
	const struct archive_fs *a = of(fs);
	int rc = 0;

	for (size_t i = 0; i < a->files.len && rc == 0; i++)
		rc = fn(arg, a->files.items[i].path, a->files.items[i].size);
	return rc;
}
