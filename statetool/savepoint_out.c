// SPDX-License-Identifier: Apache-2.0
/*
 * The directory of a new savepoint. Files keep the names they had where these are free, so that a migrated savepoint looks like its origin.
 * Invariant: _metadata is written last; until then abort removes every file made here, and the directory if it was made here.
 */
#include "statetool/savepoint_out.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "base/vec.h"
#include "fs-abstraction/path.h"

struct copied {
	char *from;     /* path, or path and start of a segment */
	char *name;
	int64_t size;
};

struct weir_savepoint_out {
	struct weir_fs *fs;
	char *dir;
	bool made_dir;
	WEIR_VEC(struct copied) files;
	struct weir_rng rng;
	struct weir_fs_out *file; /* the stream being written, */
	struct weir_buf bytes;    /* or its bytes */
	char *name;
	bool open_;
	uint64_t size;
};

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory while writing a savepoint"); }

static int any_name(void *arg, const char *name, const struct weir_fs_stat *st)
{
	(void)arg, (void)name, (void)st;
	return 1;
}

static int take_dir(struct weir_savepoint_out *o, struct weir_error *err)
{
	struct weir_fs_stat st;
	struct weir_error quiet = WEIR_ERROR_INIT;
	int rc = weir_fs_stat(o->fs, o->dir, &st, &quiet);

	if (rc == WEIR_ENOTFOUND) {
		o->made_dir = true;
		rc = weir_fs_mkdirs_durable(o->fs, o->dir, err);
		return rc;
	}
	if (rc == 0 && st.type != WEIR_FS_DIRECTORY)
		return weir_error_at(err, WEIR_EEXISTS, o->dir, WEIR_NO_OFFSET, "a file is in the way of the new savepoint");
	if (rc == 0)
		rc = weir_fs_list(o->fs, o->dir, any_name, NULL, &quiet);
	if (rc > 0)
		return weir_error_at(err, WEIR_EEXISTS, o->dir, WEIR_NO_OFFSET, "the directory is not empty; a savepoint is never changed in place: name a new directory");
	if (rc && err)
		*err = quiet;
	return rc;
}

int weir_savepoint_out_begin(const char *uri, struct weir_savepoint_out **out, struct weir_error *err)
{
	struct weir_savepoint_out *o = calloc(1, sizeof(*o));
	int rc;

	if (!o)
		return no_memory(err);
	o->rng = weir_rng_system();
	rc = weir_fs_resolve(uri, &o->fs, &o->dir, err);
	if (rc == 0)
		rc = take_dir(o, err);
	if (rc) {
		free(o->dir);
		free(o);
		return rc;
	}
	*out = o;
	return 0;
}

const char *weir_savepoint_out_dir(const struct weir_savepoint_out *o) { return o->dir; }

static void free_out(struct weir_savepoint_out *o)
{
	for (size_t i = 0; i < o->files.len; i++) {
		free(o->files.items[i].from);
		free(o->files.items[i].name);
	}
	weir_vec_fini(&o->files);
	weir_buf_fini(&o->bytes);
	free(o->name);
	free(o->dir);
	free(o);
}

void weir_savepoint_out_abort(struct weir_savepoint_out *o)
{
	char *path;

	if (!o)
		return;
	weir_fs_abort(o->file);
	for (size_t i = 0; i < o->files.len; i++) {
		path = weir_path_join(o->dir, o->files.items[i].name);
		if (path && weir_fs_remove(o->fs, path, false, NULL))
			(void)0; /* nothing can be done about it here */
		free(path);
	}
	if (o->made_dir && weir_fs_remove(o->fs, o->dir, false, NULL))
		(void)0;
	free_out(o);
}

static bool name_taken(const struct weir_savepoint_out *o, const char *name)
{
	for (size_t i = 0; i < o->files.len; i++)
		if (strcmp(o->files.items[i].name, name) == 0)
			return true;
	return strcmp(name, "_metadata") == 0;
}

/* The file's own name when it is free, else a random one. malloc'ed. */
static char *choose_name(struct weir_savepoint_out *o, const struct weir_stream_handle *h)
{
	const char *text = (const char *)h->name.ptr;
	size_t from = h->name.len;
	char uuid[37], *name;

	while (from > 0 && text[from - 1] != '/')
		from--;
	name = h->kind == WEIR_HANDLE_SEGMENT || h->name.len == 0 ? NULL : strndup(text + from, h->name.len - from);
	if (name && name[0] && name[0] != '.' && !name_taken(o, name))
		return name;
	free(name);
	weir_rng_uuid(&o->rng, uuid);
	return strdup(uuid);
}

static int remember(struct weir_savepoint_out *o, char *from, char *name, int64_t size, struct weir_error *err)
{
	struct copied *c = weir_vec_push(&o->files);

	if (!c) {
		free(from);
		free(name);
		return no_memory(err);
	}
	*c = (struct copied){ from, name, size };
	return 0;
}

static int set_relative(const struct weir_ckpt *c, const char *name, int64_t size, struct weir_stream_handle *h, struct weir_error *err)
{
	char *text = weir_arena_text(c->arena, name, strlen(name));

	if (!text)
		return no_memory(err);
	*h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_RELATIVE, .name = { (const uint8_t *)text, strlen(text) }, .size = size };
	return 0;
}

/* ---- one new stream ---- */
int weir_savepoint_out_open(struct weir_savepoint_out *o, const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_error *err)
{
	char *path;
	int rc;

	(void)c;
	o->open_ = true;
	o->size = 0;
	weir_buf_clear(&o->bytes);
	if (h->kind == WEIR_HANDLE_INLINE)
		return 0;
	o->name = choose_name(o, h);
	path = o->name ? weir_path_join(o->dir, o->name) : NULL;
	if (!path)
		return no_memory(err);
	rc = weir_fs_create(o->fs, path, WEIR_FS_NO_OVERWRITE, &o->file, err);
	free(path);
	return rc;
}

int weir_savepoint_out_put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	struct weir_savepoint_out *o = arg;

	o->size += n;
	if (o->file)
		return weir_fs_write(o->file, p, n, err);
	weir_buf_put(&o->bytes, p, n);
	return weir_buf_error(&o->bytes) ? no_memory(err) : 0;
}

int weir_savepoint_out_end(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_stream_handle *h, struct weir_error *err)
{
	struct weir_fs_out *file = o->file;
	char *name = o->name;
	int rc;

	o->open_ = false;
	if (!file) {
		uint8_t *copy = weir_arena_copy(c->arena, o->bytes.data ? o->bytes.data : (const uint8_t *)"", o->bytes.len);

		if (!copy)
			return no_memory(err);
		h->data = (struct weir_slice){ copy, o->bytes.len };
		h->size = (int64_t)o->bytes.len;
		return 0;
	}
	o->file = NULL;
	o->name = NULL;
	rc = weir_fs_sync(file, err);
	if (rc)
		weir_fs_abort(file);
	else
		rc = weir_fs_close(file, err);
	if (rc == 0)
		rc = set_relative(c, name, (int64_t)o->size, h, err);
	if (rc == 0)
		return remember(o, NULL, name, (int64_t)o->size, err);
	free(name);
	return rc;
}

/* ---- copies ---- */
static int copy_bytes(struct weir_savepoint_out *o, struct weir_slice bytes, struct weir_error *err)
{
	int rc = 0;

	for (size_t at = 0; at < bytes.len && rc == 0; at += 1u << 20)
		rc = weir_savepoint_out_put(o, bytes.ptr + at, bytes.len - at < 1u << 20 ? bytes.len - at : 1u << 20, err);
	return rc;
}

static char *source_key(const struct weir_stream_handle *h)
{
	struct weir_buf b = { 0 };
	char *key;

	weir_buf_printf(&b, "%d:%lld:%.*s", h->kind == WEIR_HANDLE_SEGMENT, (long long)(h->kind == WEIR_HANDLE_SEGMENT ? h->start : 0), (int)h->name.len,
			(const char *)h->name.ptr);
	key = weir_buf_error(&b) ? NULL : strdup(weir_buf_cstr(&b));
	weir_buf_fini(&b);
	return key;
}

int weir_savepoint_out_copy(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_stream_handle *h, struct weir_error *err)
{
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	char *path = NULL, *key;
	int rc;

	while (h->kind == WEIR_HANDLE_KEY_GROUPS)
		h = h->inner;
	if (h->kind == WEIR_HANDLE_NONE || h->kind == WEIR_HANDLE_INLINE || h->kind == WEIR_HANDLE_EMPTY_SEGMENT)
		return 0;
	key = source_key(h);
	if (!key)
		return no_memory(err);
	for (size_t i = 0; i < o->files.len; i++)
		if (o->files.items[i].from && strcmp(o->files.items[i].from, key) == 0) {
			free(key);
			return set_relative(c, o->files.items[i].name, o->files.items[i].size, h, err);
		}
	rc = weir_ckpt_bytes(c, h, &map, &bytes, &path, err);
	if (rc == 0)
		rc = weir_savepoint_out_open(o, c, h, err);
	if (rc == 0)
		rc = copy_bytes(o, bytes, err);
	if (rc == 0)
		rc = weir_savepoint_out_end(o, c, h, err);
	if (rc == 0)
		o->files.items[o->files.len - 1].from = key;
	else
		free(key);
	weir_fs_unmap(map);
	free(path);
	return rc;
}

int weir_savepoint_out_copy_keyed(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_keyed_handle *k, struct weir_error *err)
{
	int rc = weir_savepoint_out_copy(o, c, &k->stream, err);

	for (uint32_t i = 0; i < k->nshared && rc == 0; i++)
		rc = weir_savepoint_out_copy(o, c, &k->shared[i].handle, err);
	for (uint32_t i = 0; i < k->nprivate && rc == 0; i++)
		rc = weir_savepoint_out_copy(o, c, &k->private_[i].handle, err);
	for (uint32_t i = 0; i < k->nfiles && rc == 0; i++)
		rc = weir_savepoint_out_copy(o, c, &k->files[i].handle, err);
	for (uint32_t i = 0; i < k->nmaterialized && rc == 0; i++)
		rc = weir_savepoint_out_copy_keyed(o, c, &k->materialized[i], err);
	for (uint32_t i = 0; i < k->nincrements && rc == 0; i++)
		rc = weir_savepoint_out_copy_keyed(o, c, &k->increments[i], err);
	return rc;
}

int weir_savepoint_out_copy_operator(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_operator_handle *h, struct weir_error *err)
{
	int rc = h->present ? weir_savepoint_out_copy(o, c, &h->stream, err) : 0;

	if (rc == 0 && h->present && h->merged)
		h->merged = h->empty; /* the segment has become a file */
	return rc;
}

int weir_savepoint_out_side(struct weir_savepoint_out *o, const char *name, struct weir_fs_out **out, struct weir_error *err)
{
	char *path = weir_path_join(o->dir, name), *copy = strdup(name);
	int rc;

	if (!path || !copy) {
		free(path);
		free(copy);
		return no_memory(err);
	}
	rc = weir_fs_create(o->fs, path, WEIR_FS_NO_OVERWRITE, out, err);
	free(path);
	if (rc == 0) {
		rc = remember(o, NULL, copy, 0, err);
		if (rc)
			weir_fs_abort(*out);
		return rc;
	}
	free(copy);
	return rc;
}

int weir_savepoint_out_complete(struct weir_savepoint_out *o, struct weir_ckpt *c, int32_t version, struct weir_error *err)
{
	struct weir_fs *fs = c->fs;
	char *dir = c->dir, *path = weir_path_join(o->dir, "_metadata");
	struct weir_buf bytes = { 0 };
	int rc = path ? weir_fs_sync_dir(o->fs, o->dir, err) : no_memory(err);

	c->fs = o->fs; /* what relative references are relative to, for versions that have none */
	c->dir = o->dir;
	if (rc == 0)
		rc = weir_ckpt_encode(c, version, &bytes, err);
	if (rc == 0)
		rc = weir_fs_publish(o->fs, path, weir_buf_slice(&bytes), err);
	c->fs = fs;
	c->dir = dir;
	weir_buf_fini(&bytes);
	free(path);
	if (rc)
		weir_savepoint_out_abort(o);
	else
		free_out(o);
	return rc;
}
