/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembling a RocksDB directory from the handles of a checkpoint.
 *
 * 1. Directories are $TMPDIR/weir-rocksdb-XXXXXX, mode 0700. The checkpoint's own files and directories are never written to.
 * 2. While a directory is in use its file `weir.lock` is locked. A process that was killed leaves its directory behind unlocked; whoever assembles the next one removes it.
 * 3. A name inside a handle is a plain file name, or the checkpoint is damaged: nothing outside the directory is ever touched.
 *
 * Any thread. Fails on missing and short files, a full disk, out of memory.
 */
#include "state/ckpt/rocksdb_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME "weir.lock"
enum { STALE_SECONDS = 60 }; /* younger ones may be about to take their lock */


/* ---- removing ---- */

static void remove_content(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

void weir__rocksdb_dir_remove(struct weir__rocksdb_dir *d)
{
	if (!d->path)
		return;
	remove_content(d->path);
	close(d->lock);
	free(d->path);
	d->path = NULL;
}

static int take_lock(const char *dir, int flags)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" LOCK_NAME, dir) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Directories of ours whose process is gone. */
static void sweep(const char *base)
{
	DIR *d = opendir(base);
	struct dirent *e;
	struct stat st;
	char path[4096];

	while (d && (e = readdir(d)) != NULL) {
		int fd;

		if (strncmp(e->d_name, WEIR__ROCKSDB_PREFIX, strlen(WEIR__ROCKSDB_PREFIX)) != 0 || snprintf(path, sizeof(path), "%s/%s", base, e->d_name) >= (int)sizeof(path) ||
		    lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mtime + STALE_SECONDS > time(NULL))
			continue;
		fd = take_lock(path, 0);
		if (fd < 0)
			continue;
		remove_content(path);
		close(fd);
	}
	if (d)
		closedir(d);
}

/* ---- assembling ---- */

static int write_file(const char *path, struct weir_slice s, struct weir_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	const uint8_t *p = s.ptr, *end = s.ptr ? s.ptr + s.len : NULL;
	int code = fd < 0 ? weir_error_sys(err, errno, path, "create a copy of a RocksDB file") : 0;

	while (code == 0 && p != end) {
		ssize_t n = write(fd, p, (size_t)(end - p));

		if (n < 0 && errno != EINTR)
			code = weir_error_sys(err, errno, path, "copy a RocksDB file (TMPDIR names another place)");
		p += n > 0 ? n : 0;
	}
	if (fd >= 0 && close(fd) != 0 && code == 0)
		code = weir_error_sys(err, errno, path, "copy a RocksDB file (TMPDIR names another place)");
	return code;
}

static int copy_file(const struct weir_ckpt *c, const struct weir_stream_handle *h, const char *to, struct weir_error *err)
{
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	char *path = NULL;
	int code = weir_ckpt_bytes(c, h, &map, &bytes, &path, err);

	if (code == 0)
		code = write_file(to, bytes, err);
	weir_fs_unmap(map);
	free(path);
	return code;
}

static int link_file(const struct weir_ckpt *c, const struct weir_stream_handle *h, const char *to, struct weir_error *err)
{
	struct weir_fs *fs;
	char *path = NULL, *real = NULL;
	int code = weir_ckpt_locate(c, h, &fs, &path, err);

	if (code)
		return code;
	if (fs != weir_fs_local) {
		code = copy_file(c, h, to, err);
	} else if (linkat(AT_FDCWD, path, AT_FDCWD, to, AT_SYMLINK_FOLLOW) != 0) {
		real = realpath(path, NULL);
		if (!real || symlink(real, to) != 0)
			code = copy_file(c, h, to, err);
	}
	free(real);
	free(path);
	return code;
}

static int add_file(const struct weir_ckpt *c, const struct weir_named_handle *f, const char *dir, struct weir_error *err)
{
	const struct weir_stream_handle *h = &f->handle;
	char to[4096];
	struct stat st;
	int code;

	if (f->name.len == 0 || f->name.len > 255 || f->name.ptr[0] == '.' || memchr(f->name.ptr, '/', f->name.len) || memchr(f->name.ptr, 0, f->name.len))
		return weir_error_at(err, WEIR_ECORRUPT, c->path, WEIR_NO_OFFSET, "a RocksDB file of this checkpoint has an impossible name");
	if (snprintf(to, sizeof(to), "%s/%.*s", dir, (int)f->name.len, (const char *)f->name.ptr) >= (int)sizeof(to))
		return weir_error_at(err, WEIR_EINVALID, dir, WEIR_NO_OFFSET, "the path is too long");
	if (lstat(to, &st) == 0)
		return weir_error_at(err, WEIR_ECORRUPT, c->path, WEIR_NO_OFFSET, "two RocksDB files of this checkpoint are both called %s", to + strlen(dir) + 1);
	if (h->kind == WEIR_HANDLE_FILE || h->kind == WEIR_HANDLE_RELATIVE)
		code = link_file(c, h, to, err);
	else
		code = copy_file(c, h, to, err);
	if (code)
		weir_error_wrap(err, "RocksDB file %s", to + strlen(dir) + 1);
	return code;
}

static int make_dir(struct weir__rocksdb_dir *out, struct weir_error *err)
{
	const char *base = getenv("TMPDIR");
	char path[4000];

	if (!base || base[0] != '/')
		base = "/tmp";
	sweep(base);
	if (snprintf(path, sizeof(path), "%s/" WEIR__ROCKSDB_PREFIX "XXXXXX", base) >= (int)sizeof(path) || !mkdtemp(path))
		return weir_error_sys(err, errno, base, "make a temporary directory for RocksDB files (TMPDIR names another place)");
	out->path = strdup(path);
	out->lock = out->path ? take_lock(path, O_CREAT) : -1;
	if (out->lock >= 0)
		return 0;
	remove_content(path);
	free(out->path);
	out->path = NULL;
	return weir_error_sys(err, errno, path, "lock a temporary directory");
}

int weir__rocksdb_dir_build(const struct weir_ckpt *c, const struct weir_keyed_handle *k, struct weir__rocksdb_dir *out, struct weir_error *err)
{
	struct weir__rocksdb_dir d = { NULL, -1 };
	int code = make_dir(&d, err);

	for (uint32_t i = 0; i < k->nshared && code == 0; i++)
		code = add_file(c, &k->shared[i], d.path, err);
	for (uint32_t i = 0; i < k->nprivate && code == 0; i++)
		code = add_file(c, &k->private_[i], d.path, err);
	if (code) {
		weir__rocksdb_dir_remove(&d);
		return code;
	}
	*out = d;
	return 0;
}
