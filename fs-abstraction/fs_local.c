// SPDX-License-Identifier: Apache-2.0
/*
 * The local file system, over POSIX calls.
 *
 * Invariants
 *  1. Every descriptor is close-on-exec. EINTR and short counts are handled here; close() is never repeated.
 *  2. A file is made with O_EXCL: nobody else's file is ever opened to write. OVERWRITE removes the old name first, so that
 *     who has the old file open or mapped keeps it.
 *  3. Abort and a failed close remove the name only while it still leads to the file that create made.
 *  4. A changing operation is counted before it is carried out (fs_counter.h).
 * A mapped file that somebody truncates raises SIGBUS at the reader: weir never truncates or rewrites what it has published;
 * the recoverable writer truncates hidden files only, which nobody maps. Locks are flock()s on a file with the holder's pid in it:
 * they go with the last process that inherited the descriptor through fork(), at the latest.
 */
#include "fs-abstraction/fs_counter.h"
#include "fs-abstraction/fs_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_BYTES ((uint64_t)8 << 20)

struct local_in {
	struct weir_fs_in base;
	int fd;
	char path[];
};

struct local_out {
	struct weir_fs_out base;
	int fd;
	uint64_t written, started; /* the file's length; how much of it is on its way to the disk */
};

struct local_map {
	struct weir_fs_map base;
	void *addr; /* NULL for an empty file */
	size_t len;
};

struct local_lock {
	struct weir_fs_lock base;
	int fd;
	char path[];
};

static int fail(struct weir_error *err, const char *path, const char *what)
{
	int sys = errno;

	if (sys == EISDIR || sys == ENAMETOOLONG || sys == ELOOP) {
		char text[128];
		int rc = weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "cannot %s: %s", what, strerror_r(sys, text, sizeof(text)));

		if (err && !err->sys)
			err->sys = sys;
		return rc;
	}
	return weir_error_sys(err, sys, path, what);
}

static int open_again(const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* ---- reading ---- */

/* Opens a regular file; its size in *st. */
static int open_regular(const char *path, int flags, int *out_fd, struct stat *st, struct weir_error *err)
{
	int fd = open_again(path, flags | O_NONBLOCK, 0), rc = 0; /* not to hang in a FIFO */

	if (fd < 0)
		return fail(err, path, "open");
	if (fstat(fd, st) != 0)
		rc = fail(err, path, "find the size");
	else if (S_ISDIR(st->st_mode))
		rc = weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "is a directory, not a file");
	else if (!S_ISREG(st->st_mode))
		rc = weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "is not a regular file");
	if (rc)
		close(fd);
	else
		*out_fd = fd;
	return rc;
}

static int local_open(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err)
{
	size_t n = strlen(path) + 1;
	struct local_in *in;
	struct stat st;
	int fd = -1, rc = open_regular(path, O_RDONLY, &fd, &st, err);

	(void)fs;
	if (rc)
		return rc;
	in = malloc(sizeof(*in) + n);
	if (!in) {
		close(fd);
		return weir__fs_nomem(err, path);
	}
	in->fd = fd;
	memcpy(in->path, path, n);
	*out = &in->base;
	return 0;
}

static int local_size_of(struct weir_fs_in *base, uint64_t *out, struct weir_error *err)
{
	struct local_in *in = (struct local_in *)base;
	struct stat st;

	if (fstat(in->fd, &st) != 0)
		return fail(err, in->path, "find the size");
	*out = (uint64_t)st.st_size;
	return 0;
}

static int local_read_at(struct weir_fs_in *base, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	struct local_in *in = (struct local_in *)base;
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(in->fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int rc = fail(err, in->path, "read");

			if (err && err->offset == WEIR_NO_OFFSET)
				err->offset = offset + done;
			return rc;
		}
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*out_n = done;
	return 0;
}

static void local_in_close(struct weir_fs_in *base)
{
	struct local_in *in = (struct local_in *)base;

	close(in->fd);
	free(in);
}

static int local_map(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *bytes, struct weir_error *err)
{
	struct local_map *m = NULL;
	struct stat st;
	int fd = -1, rc = open_regular(path, O_RDONLY, &fd, &st, err);

	if (rc)
		return rc;
	m = malloc(sizeof(*m));
	if (!m) {
		rc = weir__fs_nomem(err, path);
		goto out;
	}
	*m = (struct local_map){ { fs }, NULL, (size_t)st.st_size };
	if (m->len) {
		m->addr = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (m->addr == MAP_FAILED) {
			rc = fail(err, path, "map into memory");
			goto out;
		}
	}
	*bytes = (struct weir_slice){ m->addr ? m->addr : (const void *)"", m->len };
	*out = &m->base;
	m = NULL;
out:
	free(m);
	close(fd);
	return rc;
}

/* The pages that lie in it whole. The mapping stays: reading them again takes them from the page cache. */
static void local_map_done(struct weir_fs_map *base, struct weir_slice bytes)
{
	struct local_map *m = (struct local_map *)base;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), from = (size_t)(bytes.ptr - (const uint8_t *)m->addr), to = from + bytes.len;

	from = (from + page - 1) / page * page;
	to = to == m->len ? to : to / page * page;
	if (m->addr && from < to && to <= m->len)
		madvise((char *)m->addr + from, to - from, MADV_DONTNEED);
}

static void local_unmap(struct weir_fs_map *base)
{
	struct local_map *m = (struct local_map *)base;

	if (m->addr)
		munmap(m->addr, m->len);
	free(m);
}

/* ---- writing ---- */

/* Remove the name if it still leads to this file. */
static void remove_own(const char *path, int fd)
{
	struct stat a, b;

	if (fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		unlink(path);
}

static int new_out(int fd, bool made, uint64_t length, const char *path, struct weir_fs_out **out, struct weir_error *err)
{
	struct local_out *o = calloc(1, sizeof(*o));

	if (!o) {
		if (made)
			remove_own(path, fd);
		close(fd);
		return weir__fs_nomem(err, path);
	}
	o->fd = fd;
	o->written = o->started = length;
	*out = &o->base;
	return 0;
}

static int local_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err)
{
	int fd, rc = weir__fs_count(WEIR_FS_OP_CREATE, path, err);

	(void)fs;
	if (rc)
		return rc;
	do {
		if (mode == WEIR_FS_OVERWRITE && unlink(path) != 0 && errno != ENOENT) {
			if (errno == EISDIR)
				return weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "a directory is in the way of this file");
			return fail(err, path, "replace");
		}
		fd = open_again(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
	} while (fd < 0 && errno == EEXIST && mode == WEIR_FS_OVERWRITE);
	return fd < 0 ? fail(err, path, "create") : new_out(fd, true, 0, path, out, err);
}

static int local_resume(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err)
{
	struct stat st;
	int fd = -1, rc = weir__fs_count(WEIR_FS_OP_RESUME, path, err);

	(void)fs;
	if (rc)
		return rc;
	rc = open_regular(path, O_WRONLY, &fd, &st, err);
	if (rc)
		return rc;
	if ((uint64_t)st.st_size < length)
		rc = weir_error_at(err, WEIR_ECORRUPT, path, (uint64_t)st.st_size, "the file has %llu bytes, fewer than the %llu to continue at",
				   (unsigned long long)st.st_size, (unsigned long long)length);
	else if ((uint64_t)st.st_size > length && ftruncate(fd, (off_t)length) != 0)
		rc = fail(err, path, "cut back");
	else if (lseek(fd, (off_t)length, SEEK_SET) < 0)
		rc = fail(err, path, "continue");
	if (rc) {
		close(fd);
		return rc;
	}
	return new_out(fd, false, length, path, out, err);
}

/* The disk begins with a large file while the rest of it is being made, so that sync finds little left to do. It promises nothing, so its result does not
 * matter: an error of the disk is kept by the kernel and comes back from sync. */
static void start_write_back(struct local_out *o, size_t len)
{
	o->written += len;
	if (o->written - o->started < START_BYTES)
		return;
	(void)sync_file_range(o->fd, (off_t)(o->started), (off_t)(o->written - o->started), SYNC_FILE_RANGE_WRITE);
	o->started = o->written;
}

static int local_write(struct weir_fs_out *base, const void *p, size_t len, struct weir_error *err)
{
	struct local_out *o = (struct local_out *)base;
	int rc = weir__fs_count(WEIR_FS_OP_WRITE, base->path, err);

	if (rc)
		return rc;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(o->fd, (const char *)p + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return fail(err, base->path, "write");
		}
		done += (size_t)n;
	}
	start_write_back(o, len);
	return 0;
}

static int local_sync(struct weir_fs_out *base, struct weir_error *err)
{
	struct local_out *o = (struct local_out *)base;
	int rc = weir__fs_count(WEIR_FS_OP_SYNC, base->path, err);

	if (rc)
		return rc;
	while (fdatasync(o->fd) != 0)
		if (errno != EINTR)
			return fail(err, base->path, "sync to disk");
	return 0;
}

static void local_abort(struct weir_fs_out *base)
{
	struct local_out *o = (struct local_out *)base;

	if (!base->keep)
		remove_own(base->path, o->fd);
	close(o->fd);
	free(o);
}

static int local_close(struct weir_fs_out *base, struct weir_error *err)
{
	struct local_out *o = (struct local_out *)base;
	int rc = weir__fs_count(WEIR_FS_OP_CLOSE, base->path, err);
	struct stat st;
	bool known;

	if (rc) {
		local_abort(base);
		return rc;
	}
	known = fstat(o->fd, &st) == 0;
	if (close(o->fd) != 0) { /* NFS and quota report a failed write here */
		struct stat now;

		rc = fail(err, base->path, "close");
		if (!base->keep && known && lstat(base->path, &now) == 0 && now.st_ino == st.st_ino && now.st_dev == st.st_dev)
			unlink(base->path);
	}
	free(o);
	return rc;
}

/* ---- names ---- */

static void fill_stat(const struct stat *st, bool link, struct weir_fs_stat *out)
{
	out->type = S_ISREG(st->st_mode) ? WEIR_FS_FILE : S_ISDIR(st->st_mode) ? WEIR_FS_DIRECTORY : WEIR_FS_OTHER;
	out->link = link;
	out->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	out->mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static int stat_at(int dir, const char *name, struct weir_fs_stat *out)
{
	struct stat st;
	bool link;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	link = S_ISLNK(st.st_mode);
	if (link && fstatat(dir, name, &st, 0) != 0 && errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
		return -1;
	fill_stat(&st, link, out);
	return 0;
}

static int local_stat(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err)
{
	(void)fs;
	return stat_at(AT_FDCWD, path, out) == 0 ? 0 : fail(err, path, "look up");
}

static int local_list(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err)
{
	int fd = open_again(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0), rc = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	(void)fs;
	if (!dir) {
		if (fd < 0 && errno == ENOTDIR && access(path, F_OK) == 0)
			return weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "is a file, not a directory");
		rc = fail(err, path, "list");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc) {
		struct weir_fs_stat st;

		errno = 0;
		e = readdir(dir);
		if (!e) {
			if (errno)
				rc = fail(err, path, "list");
			break;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (stat_at(dirfd(dir), e->d_name, &st) != 0) {
			if (errno == ENOENT) /* removed since */
				continue;
			rc = fail(err, path, "list");
			break;
		}
		rc = fn(arg, e->d_name, &st);
	}
	closedir(dir);
	return rc;
}

static int local_mkdir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	int rc = weir__fs_count(WEIR_FS_OP_MKDIR, path, err);

	(void)fs;
	if (rc)
		return rc;
	return mkdir(path, 0777) == 0 ? 0 : fail(err, path, "make the directory");
}

static int local_rename(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err)
{
	struct stat st;
	int sys, rc = weir__fs_count(WEIR_FS_OP_RENAME, from, err);

	(void)fs;
	if (rc)
		return rc;
	if (rename(from, to) == 0)
		return 0;
	sys = errno;
	if ((sys == EISDIR || sys == ENOTDIR || sys == ENOTEMPTY) && lstat(from, &st) == 0 && lstat(to, &st) == 0)
		return weir_error_at(err, WEIR_EEXISTS, to, WEIR_NO_OFFSET, "is in the way: %s cannot take its place", from);
	if (sys == EXDEV)
		return weir_error_at(err, WEIR_EUNSUPPORTED, from, WEIR_NO_OFFSET, "cannot be renamed to %s, which is on another disk: copy it instead", to);
	errno = sys;
	return fail(err, from, "rename");
}

static int local_remove(struct weir_fs *fs, const char *path, bool directory, struct weir_error *err)
{
	int rc = weir__fs_count(WEIR_FS_OP_REMOVE, path, err);

	(void)fs;
	if (rc)
		return rc;
	return (directory ? rmdir(path) : unlink(path)) == 0 ? 0 : fail(err, path, "remove");
}

static int local_sync_dir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	int fd, rc = weir__fs_count(WEIR_FS_OP_SYNC_DIR, path, err);

	(void)fs;
	if (rc)
		return rc;
	fd = open_again(path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fail(err, path, "open the directory to sync it");
	while ((rc = fsync(fd)) != 0 && errno == EINTR)
		;
	if (rc)
		rc = fail(err, path, "sync the directory to disk");
	close(fd);
	return rc;
}

/* ---- locks ---- */

static int busy(struct weir_error *err, const char *path, int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	text[n > 0 ? n : 0] = 0;
	pid = strtol(text, NULL, 10);
	if (pid <= 0)
		return weir_error_at(err, WEIR_EBUSY, path, WEIR_NO_OFFSET, "in use by another process: wait for it or stop it");
	if (pid == (long)getpid())
		return weir_error_at(err, WEIR_EBUSY, path, WEIR_NO_OFFSET, "in use by this process (%ld) already", pid);
	return weir_error_at(err, WEIR_EBUSY, path, WEIR_NO_OFFSET, "in use by process %ld: wait for it or stop it", pid);
}

/* Open and lock. *out_fd is -1 when the file was removed meanwhile, by a holder that let go: try again. */
static int try_lock(const char *path, int *out_fd, struct weir_error *err)
{
	struct stat a, b;
	int fd = open_again(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0666), rc;

	*out_fd = -1;
	if (fd < 0)
		return fail(err, path, "open the lock file");
	while ((rc = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR)
		;
	if (rc != 0) {
		rc = errno == EWOULDBLOCK ? busy(err, path, fd) : fail(err, path, "lock");
		close(fd);
		return rc;
	}
	if (fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		*out_fd = fd;
	else
		close(fd);
	return 0;
}

static int local_lock(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err)
{
	size_t n = strlen(path) + 1;
	struct local_lock *l;
	int fd = -1, rc = 0;

	while (!rc && fd < 0)
		rc = try_lock(path, &fd, err);
	if (rc)
		return rc;
	l = malloc(sizeof(*l) + n);
	if (!l) {
		close(fd);
		return weir__fs_nomem(err, path);
	}
	l->base.fs = fs;
	l->fd = fd;
	memcpy(l->path, path, n);
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
		/* a full disk: the lock holds all the same, only its holder's name is missing */
	}
	*out = &l->base;
	return 0;
}

/* The name goes while the lock is still held: who opened the old file finds out in try_lock. */
static void local_unlock(struct weir_fs_lock *base)
{
	struct local_lock *l = (struct local_lock *)base;

	remove_own(l->path, l->fd);
	close(l->fd);
	free(l);
}

static const struct weir_fs_ops ops = {
	.scheme = "file",
	.size = sizeof(struct weir_fs_ops),
	.caps = WEIR_FS_ATOMIC_RENAME | WEIR_FS_DIR_SYNC | WEIR_FS_RECOVERABLE | WEIR_FS_LOCK | WEIR_FS_MAP | WEIR_FS_SHARED,
	.open = local_open,
	.size_of = local_size_of,
	.read_at = local_read_at,
	.in_close = local_in_close,
	.map = local_map,
	.unmap = local_unmap,
	.map_done = local_map_done,
	.create = local_create,
	.resume = local_resume,
	.write = local_write,
	.sync = local_sync,
	.close = local_close,
	.abort = local_abort,
	.stat = local_stat,
	.list = local_list,
	.mkdir = local_mkdir,
	.rename = local_rename,
	.remove = local_remove,
	.sync_dir = local_sync_dir,
	.lock = local_lock,
	.unlock = local_unlock,
};

static struct weir_fs local = { &ops, NULL };
struct weir_fs *const weir_fs_local = &local;
