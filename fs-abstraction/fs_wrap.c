// SPDX-License-Identifier: Apache-2.0
/*
 * The forwarding that trace and fault share (fs_wrap.h).
 *
 * Invariants
 *  1. One call from above is at most one call below, of the same operation. A CLOSE that is made to fail aborts below instead, as
 *     the contract asks of a failing close; a CREATE whose bookkeeping finds no memory aborts too.
 *  2. The wrapper calls the inner operations directly: fs.c has checked the contract and buffered already.
 * Threading: as the inner file system; the hooks lock what they share.
 */
#include "fs-abstraction/fs_wrap.h"

#include <stdlib.h>
#include <string.h>

#include "fs-abstraction/fs_priv.h"

struct wrap_in {
	struct weir_fs_in base;
	struct weir_fs_in *inner;
	char path[];
};

struct wrap_out {
	struct weir_fs_out base;
	struct weir_fs_out *inner;
	char path[];
};

static struct weir__fs_wrap *wrap_of(struct weir_fs *fs) { return (struct weir__fs_wrap *)fs; }

static int before(struct weir__fs_wrap *w, const struct weir_fs_call *call, size_t *n, struct weir_error *err)
{
	return w->before ? w->before(w, call, n, err) : 0;
}

static int after(struct weir__fs_wrap *w, struct weir_fs_call *call, int result)
{
	call->result = result;
	if (w->after)
		w->after(w, call);
	return result;
}

/* ---- reading ---- */

static int wrap_open(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_OPEN, path, NULL, 0, 0 };
	size_t len = strlen(path) + 1;
	struct wrap_in *in = malloc(sizeof(*in) + len);
	int rc = in ? before(w, &call, NULL, err) : weir__fs_nomem(err, path);

	if (!rc)
		rc = w->inner->ops->open(w->inner, path, &in->inner, err);
	if (rc) {
		free(in);
	} else {
		in->inner->fs = w->inner;
		memcpy(in->path, path, len);
		*out = &in->base;
	}
	return after(w, &call, rc);
}

static int wrap_size_of(struct weir_fs_in *base, uint64_t *out, struct weir_error *err)
{
	struct wrap_in *in = (struct wrap_in *)base;

	return in->inner->fs->ops->size_of(in->inner, out, err);
}

static int wrap_read_at(struct weir_fs_in *base, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	struct wrap_in *in = (struct wrap_in *)base;
	struct weir__fs_wrap *w = wrap_of(base->fs);
	struct weir_fs_call call = { WEIR_FS_OP_READ, in->path, NULL, len, 0 };
	int rc = before(w, &call, NULL, err);

	if (!rc)
		rc = w->inner->ops->read_at(in->inner, buf, len, offset, out_n, err);
	if (!rc)
		call.n = *out_n;
	return after(w, &call, rc);
}

static void wrap_in_close(struct weir_fs_in *base)
{
	struct wrap_in *in = (struct wrap_in *)base;

	in->inner->fs->ops->in_close(in->inner);
	free(in);
}

static int wrap_map(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *bytes, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_MAP, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	if (!rc)
		rc = weir_fs_map(w->inner, path, out, bytes, err); /* reads where the inner one cannot map */
	return after(w, &call, rc);
}

static void wrap_unmap(struct weir_fs_map *map) { weir_fs_unmap(map); }

/* ---- writing ---- */

/* Make the outer stream for the inner one that `call` opened. */
static int open_out(struct weir__fs_wrap *w, const struct weir_fs_call *call, enum weir_fs_write_mode mode, struct weir_fs_out **out,
		    struct weir_error *err)
{
	const struct weir_fs_ops *inner = w->inner->ops;
	size_t len = strlen(call->path) + 1;
	struct wrap_out *o = calloc(1, sizeof(*o) + len);
	int rc;

	if (!o)
		return weir__fs_nomem(err, call->path);
	if (call->op == WEIR_FS_OP_CREATE)
		rc = inner->create(w->inner, call->path, mode, &o->inner, err);
	else
		rc = inner->resume(w->inner, call->path, call->n, &o->inner, err);
	if (rc) {
		free(o);
		return rc;
	}
	memcpy(o->path, call->path, len);
	o->inner->fs = w->inner;
	o->inner->path = o->path;
	o->inner->keep = call->op == WEIR_FS_OP_RESUME;
	*out = &o->base;
	return 0;
}

static int wrap_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_CREATE, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	if (!rc)
		rc = open_out(w, &call, mode, out, err);
	return after(w, &call, rc);
}

static int wrap_resume(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_RESUME, path, NULL, length, 0 };
	int rc = before(w, &call, NULL, err);

	if (!rc)
		rc = open_out(w, &call, WEIR_FS_NO_OVERWRITE, out, err);
	return after(w, &call, rc);
}

static int wrap_write(struct weir_fs_out *base, const void *p, size_t len, struct weir_error *err)
{
	struct wrap_out *o = (struct wrap_out *)base;
	struct weir__fs_wrap *w = wrap_of(base->fs);
	struct weir_fs_call call = { WEIR_FS_OP_WRITE, o->path, NULL, len, 0 };
	size_t part = 0;
	int rc = before(w, &call, &part, err);

	if (!rc)
		rc = w->inner->ops->write(o->inner, p, len, err);
	else if (part && part <= len) { /* a torn write; how it ends does not change what we report */
		int torn = w->inner->ops->write(o->inner, p, part, NULL);

		(void)torn;
	}
	return after(w, &call, rc);
}

static int wrap_sync(struct weir_fs_out *base, struct weir_error *err)
{
	struct wrap_out *o = (struct wrap_out *)base;
	struct weir__fs_wrap *w = wrap_of(base->fs);
	struct weir_fs_call call = { WEIR_FS_OP_SYNC, o->path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	if (!rc)
		rc = w->inner->ops->sync(o->inner, err);
	return after(w, &call, rc);
}

static int wrap_close(struct weir_fs_out *base, struct weir_error *err)
{
	struct wrap_out *o = (struct wrap_out *)base;
	struct weir__fs_wrap *w = wrap_of(base->fs);
	struct weir_fs_call call = { WEIR_FS_OP_CLOSE, o->path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	o->inner->keep = base->keep;
	if (rc)
		w->inner->ops->abort(o->inner);
	else
		rc = w->inner->ops->close(o->inner, err);
	rc = after(w, &call, rc);
	free(o);
	return rc;
}

static void wrap_abort(struct weir_fs_out *base)
{
	struct wrap_out *o = (struct wrap_out *)base;
	struct weir__fs_wrap *w = wrap_of(base->fs);
	struct weir_fs_call call = { WEIR_FS_OP_ABORT, o->path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, NULL);

	(void)rc; /* an abort cannot fail */
	o->inner->keep = base->keep;
	w->inner->ops->abort(o->inner);
	after(w, &call, 0);
	free(o);
}

/* ---- names ---- */

static int wrap_stat(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_STAT, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	return after(w, &call, rc ? rc : w->inner->ops->stat(w->inner, path, out, err));
}

struct counted {
	weir_fs_list_fn *fn;
	void *arg;
	uint64_t n;
};

static int count_entry(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct counted *c = arg;

	c->n++;
	return c->fn(c->arg, name, st);
}

static int wrap_list(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_LIST, path, NULL, 0, 0 };
	struct counted c = { fn, arg, 0 };
	int rc = before(w, &call, NULL, err);

	if (!rc)
		rc = w->inner->ops->list(w->inner, path, count_entry, &c, err);
	call.n = c.n;
	return after(w, &call, rc);
}

static int wrap_mkdir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_MKDIR, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	return after(w, &call, rc ? rc : w->inner->ops->mkdir(w->inner, path, err));
}

static int wrap_rename(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_RENAME, from, to, 0, 0 };
	int rc = before(w, &call, NULL, err);

	return after(w, &call, rc ? rc : w->inner->ops->rename(w->inner, from, to, err));
}

static int wrap_remove(struct weir_fs *fs, const char *path, bool directory, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_REMOVE, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	return after(w, &call, rc ? rc : w->inner->ops->remove(w->inner, path, directory, err));
}

static int wrap_sync_dir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_SYNC_DIR, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	return after(w, &call, rc ? rc : w->inner->ops->sync_dir(w->inner, path, err));
}

static int wrap_lock(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err)
{
	struct weir__fs_wrap *w = wrap_of(fs);
	struct weir_fs_call call = { WEIR_FS_OP_LOCK, path, NULL, 0, 0 };
	int rc = before(w, &call, NULL, err);

	return after(w, &call, rc ? rc : w->inner->ops->lock(w->inner, path, out, err));
}

static void wrap_unlock(struct weir_fs_lock *lock) { weir_fs_unlock(lock); }

static uint64_t wrap_unique(struct weir_fs *fs)
{
	struct weir_fs *inner = wrap_of(fs)->inner;

	return inner->ops->unique(inner);
}

void weir__fs_wrap_init(struct weir__fs_wrap *w, struct weir_fs *inner)
{
	w->inner = inner;
	w->ops = (struct weir_fs_ops){
		.scheme = inner->ops->scheme,
		.size = sizeof(struct weir_fs_ops),
		.caps = inner->ops->caps,
		.open = wrap_open,
		.size_of = wrap_size_of,
		.read_at = wrap_read_at,
		.in_close = wrap_in_close,
		.map = wrap_map,
		.unmap = wrap_unmap,
		.create = inner->ops->create ? wrap_create : NULL,
		.resume = inner->ops->resume ? wrap_resume : NULL,
		.write = wrap_write,
		.sync = wrap_sync,
		.close = wrap_close,
		.abort = wrap_abort,
		.stat = wrap_stat,
		.list = wrap_list,
		.mkdir = wrap_mkdir,
		.rename = wrap_rename,
		.remove = wrap_remove,
		.sync_dir = wrap_sync_dir,
		.lock = inner->ops->lock ? wrap_lock : NULL,
		.unlock = wrap_unlock,
		.unique = inner->ops->unique ? wrap_unique : NULL,
	};
	w->base = (struct weir_fs){ &w->ops, inner->authority };
}
