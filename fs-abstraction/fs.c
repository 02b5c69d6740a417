// SPDX-License-Identifier: Apache-2.0
/*
 * FileSystem dispatch: checks the contract, then calls the implementation. The output buffer lives here.
 *
 * Invariants
 *  1. An implementation sees only absolute, normal paths, and modes that exist.
 *  2. FS-04: the first failing write, sync or flush is kept in out->failed; every later call returns it, and close() aborts.
 *  3. Bytes reach ops->write in the order given, in pieces of at least BUFFER_MAX or at flush, sync and close.
 * Threading: a file system by many threads, a stream by one at a time (FS-10). Whatever fails says the path.
 */
#include "fs-abstraction/fs_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "fs-abstraction/path.h"

#define BUFFER_MIN 1024u         /* most files of a small job are smaller than this */
#define BUFFER_MAX (64u << 10)

uint32_t weir_fs_caps(const struct weir_fs *fs) { return fs->ops->caps; }
const char *weir_fs_scheme(const struct weir_fs *fs) { return fs->ops->scheme; }

/* ---- checks ---- */

int weir__fs_nomem(struct weir_error *err, const char *path)
{
	return weir_error_at(err, WEIR_ENOMEM, path, WEIR_NO_OFFSET, "out of memory");
}

int weir__fs_path_take(struct weir__fs_path *p, const char *path, struct weir_error *err)
{
	p->owned = NULL;
	p->text = path;
	if (!path || path[0] != '/')
		return weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "not an absolute path; resolve a URI or relative path first");
	if (weir_path_is_normal(path))
		return 0;
	p->text = p->owned = weir_path_normal(path);
	return p->owned ? 0 : weir__fs_nomem(err, path);
}

void weir__fs_path_drop(struct weir__fs_path *p)
{
	free(p->owned);
	p->owned = NULL;
}

int weir__fs_writable(const struct weir_fs *fs, const char *path, struct weir_error *err)
{
	if (fs->ops->caps & WEIR_FS_READ_ONLY || !fs->ops->create)
		return weir_error_at(err, WEIR_EPERM, path, WEIR_NO_OFFSET, "the file system %s: can only be read", fs->ops->scheme);
	return 0;
}

static int take_writable(struct weir_fs *fs, struct weir__fs_path *p, const char *path, struct weir_error *err)
{
	int rc = weir__fs_path_take(p, path, err);

	if (!rc && (rc = weir__fs_writable(fs, p->text, err)))
		weir__fs_path_drop(p);
	return rc;
}

/* ---- reading ---- */

int weir_fs_open(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc = weir__fs_path_take(&p, path, err);

	if (rc)
		return rc;
	rc = fs->ops->open(fs, p.text, out, err);
	if (!rc)
		(*out)->fs = fs;
	weir__fs_path_drop(&p);
	return rc;
}

int weir_fs_size(struct weir_fs_in *in, uint64_t *out, struct weir_error *err) { return in->fs->ops->size_of(in, out, err); }

int weir_fs_read_at(struct weir_fs_in *in, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	size_t n = 0;
	int rc;

	if (len == 0 || offset > INT64_MAX) { /* no file reaches that far: at or past the end */
		*out_n = 0;
		return 0;
	}
	if (len > INT64_MAX - offset)
		len = (size_t)(INT64_MAX - offset);
	rc = in->fs->ops->read_at(in, buf, len, offset, &n, err);
	if (rc)
		return rc;
	assert(n <= len);
	*out_n = n;
	return 0;
}

void weir_fs_in_close(struct weir_fs_in *in)
{
	if (in)
		in->fs->ops->in_close(in);
}

/* map() where the file system cannot: the content, read into memory. fs is NULL. */
struct read_map {
	struct weir_fs_map base;
	uint8_t bytes[];
};

static int map_by_reading(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *out_bytes, struct weir_error *err)
{
	struct weir_fs_in *in = NULL;
	struct read_map *m = NULL;
	uint64_t size = 0;
	size_t n = 0;
	int rc = weir_fs_open(fs, path, &in, err);

	if (rc)
		return rc;
	rc = weir_fs_size(in, &size, err);
	if (rc)
		goto out;
	m = size < SIZE_MAX / 2 ? malloc(sizeof(*m) + (size_t)size + 1) : NULL;
	if (!m) {
		rc = weir__fs_nomem(err, path);
		goto out;
	}
	rc = weir_fs_read_at(in, m->bytes, (size_t)size, 0, &n, err);
	if (!rc && n != size)
		rc = weir_error_at(err, WEIR_EIO, path, n, "the file ended after %zu of %llu bytes while it was read", n, (unsigned long long)size);
	if (rc)
		goto out;
	m->base.fs = NULL;
	*out_bytes = (struct weir_slice){ m->bytes, n };
	*out = &m->base;
	m = NULL;
out:
	free(m);
	weir_fs_in_close(in);
	return rc;
}

int weir_fs_map(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *out_bytes, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc = weir__fs_path_take(&p, path, err);

	if (rc)
		return rc;
	rc = fs->ops->map ? fs->ops->map(fs, p.text, out, out_bytes, err) : map_by_reading(fs, p.text, out, out_bytes, err);
	weir__fs_path_drop(&p);
	return rc;
}

void weir_fs_map_done(struct weir_fs_map *m, struct weir_slice bytes)
{
	if (m && m->fs && m->fs->ops->map_done)
		m->fs->ops->map_done(m, bytes);
}

void weir_fs_unmap(struct weir_fs_map *m)
{
	if (m && m->fs)
		m->fs->ops->unmap(m);
	else
		free(m);
}

/* ---- writing ---- */

static int attach(struct weir_fs *fs, const char *path, bool keep, struct weir_fs_out *out, struct weir_error *err)
{
	out->fs = fs;
	out->buffer = NULL;
	out->buffered = out->buffer_cap = 0;
	out->failed = 0;
	out->keep = keep;
	out->path = strdup(path);
	if (out->path)
		return 0;
	out->path = (char *)path; /* for the time of the abort */
	fs->ops->abort(out);
	return weir__fs_nomem(err, path);
}

int weir_fs_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err)
{
	struct weir_fs_out *o = NULL;
	struct weir__fs_path p;
	int rc = take_writable(fs, &p, path, err);

	if (rc)
		return rc;
	if (mode != WEIR_FS_NO_OVERWRITE && mode != WEIR_FS_OVERWRITE)
		rc = weir_error_at(err, WEIR_EBUG, p.text, WEIR_NO_OFFSET, "write mode %d does not exist", (int)mode);
	else if (p.text[1] == 0)
		rc = weir_error_at(err, WEIR_EEXISTS, p.text, WEIR_NO_OFFSET, "the root directory cannot be written as a file");
	else
		rc = fs->ops->create(fs, p.text, mode, &o, err);
	if (!rc)
		rc = attach(fs, p.text, false, o, err);
	if (!rc) {
		o->position = 0;
		*out = o;
	}
	weir__fs_path_drop(&p);
	return rc;
}

int weir__fs_resume(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err)
{
	struct weir_fs_out *o = NULL;
	struct weir__fs_path p;
	int rc = take_writable(fs, &p, path, err);

	if (rc)
		return rc;
	if (!(fs->ops->caps & WEIR_FS_RECOVERABLE) || !fs->ops->resume)
		rc = weir_error_at(err, WEIR_EUNSUPPORTED, p.text, WEIR_NO_OFFSET, "the file system %s: cannot continue a file", fs->ops->scheme);
	else
		rc = fs->ops->resume(fs, p.text, length, &o, err);
	if (!rc)
		rc = attach(fs, p.text, true, o, err);
	if (!rc) {
		o->position = length;
		*out = o;
	}
	weir__fs_path_drop(&p);
	return rc;
}

static int refuse(const struct weir_fs_out *out, struct weir_error *err)
{
	return weir_error_at(err, out->failed, out->path, WEIR_NO_OFFSET,
			     "an earlier write or sync of this file failed (%s): its content is not trusted; abort it and write a new file",
			     weir_code_text(out->failed));
}

static int write_through(struct weir_fs_out *out, const void *p, size_t len, struct weir_error *err)
{
	int rc = len ? out->fs->ops->write(out, p, len, err) : 0;

	if (rc)
		out->failed = rc;
	return rc;
}

int weir_fs_flush(struct weir_fs_out *out, struct weir_error *err)
{
	size_t n = out->buffered;

	if (out->failed)
		return refuse(out, err);
	out->buffered = 0;
	return write_through(out, out->buffer, n, err);
}

/* Room for len more bytes in the buffer; false when the buffer is at its largest or there is no memory for more. */
static bool grow_buffer(struct weir_fs_out *out, size_t len)
{
	size_t cap = out->buffer_cap ? out->buffer_cap : BUFFER_MIN;
	uint8_t *buffer;

	if (out->buffered + len > BUFFER_MAX)
		return false;
	if (cap < out->buffered + len)
		cap = BUFFER_MAX;
	buffer = realloc(out->buffer, cap);
	if (!buffer)
		return false;
	out->buffer = buffer;
	out->buffer_cap = cap;
	return true;
}

int weir_fs_write(struct weir_fs_out *out, const void *p, size_t len, struct weir_error *err)
{
	int rc;

	if (out->failed)
		return refuse(out, err);
	if (len == 0)
		return 0;
	if (len > out->buffer_cap - out->buffered && !grow_buffer(out, len)) {
		rc = weir_fs_flush(out, err);
		if (rc)
			return rc;
		if (len >= BUFFER_MAX || (len > out->buffer_cap && !grow_buffer(out, len))) {
			rc = write_through(out, p, len, err);
			if (!rc)
				out->position += len;
			return rc;
		}
	}
	memcpy(out->buffer + out->buffered, p, len);
	out->buffered += len;
	out->position += len;
	return 0;
}

int weir_fs_sync(struct weir_fs_out *out, struct weir_error *err)
{
	int rc = weir_fs_flush(out, err);

	if (rc)
		return rc;
	rc = out->fs->ops->sync(out, err);
	if (rc)
		out->failed = rc;
	return rc;
}

uint64_t weir_fs_position(const struct weir_fs_out *out) { return out->position; }

int weir_fs_close(struct weir_fs_out *out, struct weir_error *err)
{
	int rc = weir_fs_flush(out, err);
	char *path = out->path;

	free(out->buffer);
	out->buffer = NULL;
	if (rc)
		out->fs->ops->abort(out);
	else
		rc = out->fs->ops->close(out, err);
	free(path);
	return rc;
}

void weir_fs_abort(struct weir_fs_out *out)
{
	char *path;

	if (!out)
		return;
	path = out->path;
	free(out->buffer);
	out->buffer = NULL;
	out->fs->ops->abort(out);
	free(path);
}

/* ---- names ---- */

int weir_fs_stat(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc = weir__fs_path_take(&p, path, err);

	if (rc)
		return rc;
	rc = fs->ops->stat(fs, p.text, out, err);
	weir__fs_path_drop(&p);
	return rc;
}

int weir_fs_list(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc = weir__fs_path_take(&p, path, err);

	if (rc)
		return rc;
	rc = fs->ops->list(fs, p.text, fn, arg, err);
	weir__fs_path_drop(&p);
	return rc;
}

int weir_fs_rename(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err)
{
	struct weir__fs_path a, b;
	int rc = take_writable(fs, &a, from, err);

	if (rc)
		return rc;
	rc = weir__fs_path_take(&b, to, err);
	if (rc)
		goto out;
	if (a.text[1] == 0 || b.text[1] == 0)
		rc = weir_error_at(err, WEIR_EINVALID, from, WEIR_NO_OFFSET, "the root directory cannot be renamed or replaced");
	else if (strcmp(a.text, b.text) != 0 && weir_path_is_within(b.text, a.text))
		rc = weir_error_at(err, WEIR_EINVALID, from, WEIR_NO_OFFSET, "cannot be moved into itself (%s)", b.text);
	else
		rc = fs->ops->rename(fs, a.text, b.text, err);
	weir__fs_path_drop(&b);
out:
	weir__fs_path_drop(&a);
	return rc;
}

int weir_fs_sync_dir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc;

	if (!(fs->ops->caps & WEIR_FS_DIR_SYNC))
		return 0;
	rc = take_writable(fs, &p, path, err);
	if (rc)
		return rc;
	rc = fs->ops->sync_dir(fs, p.text, err);
	weir__fs_path_drop(&p);
	return rc;
}

int weir_fs_lock(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc = take_writable(fs, &p, path, err);

	if (rc)
		return rc;
	if (!(fs->ops->caps & WEIR_FS_LOCK) || !fs->ops->lock)
		rc = weir_error_at(err, WEIR_EUNSUPPORTED, p.text, WEIR_NO_OFFSET, "the file system %s: has no locks", fs->ops->scheme);
	else
		rc = fs->ops->lock(fs, p.text, out, err);
	weir__fs_path_drop(&p);
	return rc;
}

void weir_fs_unlock(struct weir_fs_lock *lock)
{
	if (lock)
		lock->fs->ops->unlock(lock);
}

char *weir__fs_hidden_path(struct weir_fs *fs, const char *path)
{
	struct weir_rng rng = fs->ops->unique ? (struct weir_rng){ fs->ops->unique(fs) } : weir_rng_system();
	char uuid[37];

	weir_rng_uuid(&rng, uuid);
	return weir_path_hidden(path, uuid);
}
