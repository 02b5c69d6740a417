// SPDX-License-Identifier: Apache-2.0
/*
 * One state stream of a checkpoint that is being written: in memory up to the threshold, then a file with a random name.
 *
 * 1. A file is durable (sync, close) before its handle exists. Its directory entry is made durable once for all by weir_store_complete().
 * 2. The first error poisons the stream: the file is removed, every later call returns that error, close() too. Never tried again under
 *    the same name.
 *
 * One thread per stream; streams of one target may run in parallel.
 */
#include "state/ckpt/store.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "fs-abstraction/path.h"

struct weir_state_out {
	const struct weir_store_target *target;
	char name[37];
	char *path;
	struct weir_buf held;     /* until there is a file */
	struct weir_fs_out *file;
	uint64_t position;
	int failed;
};

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "not enough memory to write state"); }

int weir_state_out_open(struct weir_store_target *t, struct weir_rng *rng, struct weir_state_out **out, struct weir_error *err)
{
	struct weir_state_out *o = calloc(1, sizeof(*o));

	if (!o)
		return no_memory(err);
	weir_rng_uuid(rng, o->name);
	o->target = t;
	o->path = weir_path_join(t->dir, o->name);
	if (!o->path) {
		free(o);
		return no_memory(err);
	}
	*out = o;
	return 0;
}

static int poison(struct weir_state_out *o, int code)
{
	weir_fs_abort(o->file);
	o->file = NULL;
	o->failed = code;
	return code;
}

static int spill(struct weir_state_out *o, struct weir_error *err)
{
	int code = weir_fs_create(o->target->fs, o->path, WEIR_FS_NO_OVERWRITE, &o->file, err);

	if (code) {
		o->file = NULL;
		return code;
	}
	code = weir_fs_write(o->file, o->held.data, o->held.len, err);
	weir_buf_fini(&o->held);
	return code;
}

int weir_state_out_put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	struct weir_state_out *o = arg;
	int code = 0;

	if (o->failed)
		return weir_error_at(err, o->failed, o->path, WEIR_NO_OFFSET, "an earlier write to this state file failed");
	if (!o->file && o->position + n <= o->target->inline_threshold) {
		weir_buf_put(&o->held, p, n);
		code = weir_buf_error(&o->held) ? no_memory(err) : 0;
	} else {
		if (!o->file)
			code = spill(o, err);
		if (!code)
			code = weir_fs_write(o->file, p, n, err);
	}
	if (code)
		return poison(o, code);
	o->position += n;
	return 0;
}

uint64_t weir_state_out_position(const struct weir_state_out *o) { return o->position; }

static int fill_inline(const struct weir_state_out *o, struct weir_arena *mem, struct weir_stream_handle *h, struct weir_error *err)
{
	char *uri = weir_fs_uri(o->target->fs, o->path), *name = uri ? weir_arena_text(mem, uri, strlen(uri)) : NULL;
	const void *data = weir_arena_copy(mem, o->held.data, o->held.len);

	free(uri);
	if (!name || !data)
		return no_memory(err);
	*h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_INLINE, .name = { (const uint8_t *)name, strlen(name) }, .size = (int64_t)o->held.len,
					  .data = { data, o->held.len } };
	return 0;
}

static int finish_file(struct weir_state_out *o, struct weir_arena *mem, struct weir_stream_handle *h, struct weir_error *err)
{
	const char *name = weir_arena_text(mem, o->name, strlen(o->name));
	int code = name ? weir_fs_sync(o->file, err) : no_memory(err);

	if (code)
		return poison(o, code);
	code = weir_fs_close(o->file, err); /* frees it, and leaves no file when it fails */
	o->file = NULL;
	if (!code)
		*h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_RELATIVE, .name = { (const uint8_t *)name, strlen(name) }, .size = (int64_t)o->position };
	return code;
}

int weir_state_out_close(struct weir_state_out *o, struct weir_arena *mem, struct weir_stream_handle *h, struct weir_error *err)
{
	int code = 0;

	if (o->failed)
		code = weir_error_at(err, o->failed, o->path, WEIR_NO_OFFSET, "an earlier write to this state file failed");
	else if (o->file)
		code = finish_file(o, mem, h, err);
	else if (o->position)
		code = fill_inline(o, mem, h, err);
	else
		*h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_NONE };
	weir_state_out_abort(o);
	return code;
}

void weir_state_out_abort(struct weir_state_out *o)
{
	if (!o)
		return;
	weir_fs_abort(o->file);
	weir_buf_fini(&o->held);
	free(o->path);
	free(o);
}
