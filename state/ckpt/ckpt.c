// SPDX-License-Identifier: Apache-2.0
/*
 * Checkpoints as files: opening one by any of its names, and the bytes behind its handles.
 *
 * 1. An opened checkpoint keeps its _metadata mapped and its model in an arena of its own; close frees both.
 * 2. A file is handed out only when it is there and as long as the handle says; everything else is WEIR_ECORRUPT with the file's name.
 * 3. A relative reference never leaves the directory of _metadata.
 * 4. An absolute reference is taken as it is first. When nothing is there, the checkpoint may have been moved: its path below some
 *    common directory is then looked for below the directory of _metadata, its parent and its grandparent (a job's files lie in
 *    <job>/{chk-N,shared,taskowned}, a changelog beside <job>). The prefix found at opening is remembered.
 *
 * After opening, everything is read-only: any thread.
 */
#include "state/ckpt/ckpt_priv.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "fs-abstraction/path.h"
#include "state/ckpt/store.h"

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "not enough memory to open a checkpoint"); }

/* ---- files that moved ---- */

static bool is_file(struct weir_fs *fs, const char *path, uint64_t *out_size)
{
	struct weir_fs_stat st;

	if (weir_fs_stat(fs, path, &st, NULL) != 0 || st.type != WEIR_FS_FILE)
		return false;
	*out_size = st.size;
	return true;
}

/* The path part of "scheme://authority/path", normalised. malloc'ed, or NULL. */
static char *path_of_uri(const char *uri)
{
	const char *colon = strchr(uri, ':'), *slash = strchr(uri, '/');

	if (colon && slash && colon < slash) {
		uri = colon + 1;
		if (uri[0] == '/' && uri[1] == '/')
			uri = strchr(uri + 2, '/');
	}
	return uri && uri[0] == '/' ? weir_path_normal(uri) : NULL;
}

/* dir + suffix when that is a file. */
static char *join_if_file(const struct weir_ckpt *c, const char *dir, const char *suffix, uint64_t *out_size)
{
	struct weir_buf b = { 0 };
	char *path = NULL;

	weir_buf_printf(&b, "%s%s", strcmp(dir, "/") ? dir : "", suffix);
	if (!weir_buf_error(&b) && is_file(c->fs, weir_buf_cstr(&b), out_size))
		path = strdup(weir_buf_cstr(&b));
	weir_buf_fini(&b);
	return path;
}

/* Look for `path`, which is not there, near the checkpoint. *out_cut: how much of path the directory *out_dir stands for. */
static char *find_moved(const struct weir_ckpt *c, const char *path, char **out_dir, size_t *out_cut, uint64_t *out_size)
{
	char *dir[3] = { strdup(c->dir), NULL, NULL }, *found = NULL;
	int n = 0;

	while (dir[n] && n < 2 && (dir[n + 1] = weir_path_parent(dir[n])) != NULL)
		n++;
	for (int up = 2; up >= 0 && !found; up--) /* far ones first: the longest common rest is the surest */
		for (const char *rest = path; dir[up] && rest && !found; rest = strchr(rest + 1, '/')) {
			found = join_if_file(c, dir[up], rest, out_size);
			if (found && out_dir) {
				*out_dir = dir[up];
				*out_cut = (size_t)(rest - path);
				dir[up] = NULL;
				break;
			}
		}
	for (int i = 0; i < 3; i++)
		free(dir[i]);
	return found;
}

static char *follow_move(const struct weir_ckpt *c, const char *path, uint64_t *out_size)
{
	size_t n = c->moved_from ? strlen(c->moved_from) : 0;
	char *found = NULL;

	if (c->moved_from && strncmp(path, c->moved_from, n) == 0 && path[n] == '/')
		found = join_if_file(c, c->moved_to, path + n, out_size);
	return found ? found : find_moved(c, path, NULL, NULL, out_size);
}

/* ---- locating ---- */

static int check_size(const struct weir_stream_handle *h, const char *path, uint64_t size, struct weir_error *err)
{
	if (h->kind == WEIR_HANDLE_SEGMENT) {
		if (size < (uint64_t)h->start + (uint64_t)h->size)
			return weir_error_at(err, WEIR_ECORRUPT, path, WEIR_NO_OFFSET, "the file has %llu bytes, the checkpoint needs bytes %llu to %llu of it",
					     (unsigned long long)size, (unsigned long long)h->start, (unsigned long long)h->start + (unsigned long long)h->size);
		return 0;
	}
	if (h->size >= 0 && (h->longer ? size < (uint64_t)h->size : size != (uint64_t)h->size))
		return weir_error_at(err, WEIR_ECORRUPT, path, WEIR_NO_OFFSET, "the file has %llu bytes, the checkpoint wrote %lld: it was cut or replaced",
				     (unsigned long long)size, (long long)h->size);
	return 0;
}

static int missing(const struct weir_ckpt *c, const struct weir_stream_handle *h, const char *path, struct weir_error *err)
{
	return weir_error_at(err, WEIR_ECORRUPT, path, WEIR_NO_OFFSET, "the file is missing, with %lld bytes of state of %s%s", (long long)h->size,
			     c->path ? c->path : "the checkpoint",
			     h->kind == WEIR_HANDLE_RELATIVE ? "" : "; it was looked for near that file too (if the checkpoint was copied, copy shared/ and taskowned/ as well)");
}

static int locate_relative(const struct weir_ckpt *c, const struct weir_stream_handle *h, const char *name, char **out_path, struct weir_error *err)
{
	char *joined = weir_path_join(c->dir, name), *path = joined ? weir_path_normal(joined) : NULL;
	struct weir_fs_stat st;
	int code = 0;

	free(joined);
	if (!path)
		return no_memory(err);
	if (!weir_path_is_within(path, c->dir) || strcmp(path, c->dir) == 0)
		code = weir_error_at(err, WEIR_ECORRUPT, c->path, WEIR_NO_OFFSET, "the relative reference \"%s\" leads outside the checkpoint's directory", name);
	else if ((code = weir_fs_stat(c->fs, path, &st, err)) == WEIR_ENOTFOUND || (!code && st.type != WEIR_FS_FILE)) {
		weir_error_clear(err);
		code = missing(c, h, path, err);
	} else if (!code)
		code = check_size(h, path, st.size, err);
	if (code)
		free(path);
	else
		*out_path = path;
	return code;
}

static int locate_absolute(const struct weir_ckpt *c, const struct weir_stream_handle *h, const char *uri, struct weir_fs **out_fs, char **out_path,
			   struct weir_error *err)
{
	struct weir_fs *fs = NULL;
	char *path = NULL, *there = NULL;
	uint64_t size = 0;
	int code = weir_fs_resolve(uri, &fs, &path, NULL);

	if (code || !is_file(fs, path, &size)) {
		there = path_of_uri(uri);
		free(path);
		path = there && c->dir && c->fs ? follow_move(c, there, &size) : NULL;
		free(there);
		fs = c->fs;
	}
	if (!path)
		return code == WEIR_ENOMEM ? no_memory(err) : missing(c, h, uri, err);
	code = check_size(h, path, size, err);
	if (code) {
		free(path);
		return code;
	}
	*out_fs = fs;
	*out_path = path;
	return 0;
}

int weir_ckpt_locate(const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_fs **out_fs, char **out_path, struct weir_error *err)
{
	char *name;
	int code;

	while (h->kind == WEIR_HANDLE_KEY_GROUPS)
		h = h->inner;
	if (h->kind != WEIR_HANDLE_FILE && h->kind != WEIR_HANDLE_RELATIVE && h->kind != WEIR_HANDLE_SEGMENT)
		return weir_error_set(err, WEIR_EINVALID, "this handle has no file");
	if (h->kind == WEIR_HANDLE_RELATIVE && (!c->fs || !c->dir))
		return weir_error_set(err, WEIR_EINVALID, "a checkpoint that was not opened has no directory: its relative references lead nowhere");
	name = strndup((const char *)h->name.ptr, h->name.len);
	if (!name)
		return no_memory(err);
	if (h->kind == WEIR_HANDLE_RELATIVE) {
		code = locate_relative(c, h, name, out_path, err);
		if (!code)
			*out_fs = c->fs;
	} else {
		code = locate_absolute(c, h, name, out_fs, out_path, err);
	}
	free(name);
	return code;
}

struct check {
	const struct weir_ckpt *c;
	struct weir_error *err;
};

static int check_one(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct check *k = arg;
	struct weir_fs *fs;
	char *path = NULL, hex[33];
	int code;

	if (h->kind == WEIR_HANDLE_INLINE)
		return 0;
	code = weir_ckpt_locate(k->c, h, &fs, &path, k->err);
	free(path);
	if (code == WEIR_ECORRUPT) {
		weir_operator_id_hex(&op->id, hex);
		weir_error_wrap(k->err, "state of operator %.*s, subtask %d", op->uid.len ? (int)(op->uid.len < 100 ? op->uid.len : 100) : 32,
				op->uid.len ? (const char *)op->uid.ptr : hex, sub ? (int)sub->index : -1);
	}
	return code;
}

int weir_ckpt_check_files(const struct weir_ckpt *c, struct weir_error *err)
{
	struct check k = { c, err };

	return weir_ckpt_each_handle(c, check_one, &k);
}

/* ---- bytes ---- */

static int map_file(const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_fs_map **out_map, struct weir_slice *out, char **out_path,
		    struct weir_error *err)
{
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	struct weir_fs *fs;
	char *path;
	int code = weir_ckpt_locate(c, h, &fs, &path, err);

	if (code)
		return code;
	code = weir_fs_map(fs, path, &map, &bytes, err);
	if (!code)
		code = check_size(h, path, bytes.len, err); /* again: it may have changed */
	if (code) {
		weir_fs_unmap(map);
		free(path);
		return code;
	}
	if (h->kind == WEIR_HANDLE_SEGMENT)
		bytes = (struct weir_slice){ bytes.ptr ? bytes.ptr + h->start : NULL, (size_t)h->size };
	*out_map = map;
	*out = bytes;
	*out_path = path;
	return 0;
}

int weir_ckpt_bytes(const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_fs_map **out_map, struct weir_slice *out, char **out_path,
		    struct weir_error *err)
{
	struct weir_buf text = { 0 };
	char *path;

	while (h->kind == WEIR_HANDLE_KEY_GROUPS)
		h = h->inner;
	if (h->kind == WEIR_HANDLE_FILE || h->kind == WEIR_HANDLE_RELATIVE || h->kind == WEIR_HANDLE_SEGMENT)
		return map_file(c, h, out_map, out, out_path, err);
	weir_buf_printf(&text, "%s (inline state)", c->path ? c->path : "_metadata");
	path = weir_buf_error(&text) ? NULL : strdup(weir_buf_cstr(&text));
	weir_buf_fini(&text);
	if (!path)
		return no_memory(err);
	*out_map = NULL;
	*out = h->kind == WEIR_HANDLE_INLINE ? h->data : (struct weir_slice){ NULL, 0 };
	*out_path = path;
	return 0;
}

/* ---- opening ---- */

static int first_absolute(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	(void)op, (void)sub;
	if (h->kind != WEIR_HANDLE_FILE && h->kind != WEIR_HANDLE_SEGMENT)
		return 0;
	*(const struct weir_stream_handle **)arg = h;
	return 1;
}

/* Set moved_from and moved_to when the first absolute reference shows that the checkpoint was moved. Finding nothing is no error. */
static void detect_move(struct weir_ckpt *c)
{
	const struct weir_stream_handle *h = NULL;
	struct weir_fs *fs;
	char *uri, *path = NULL, *there = NULL, *dir = NULL, *found = NULL;
	uint64_t size;
	size_t cut = 0;

	weir_ckpt_each_handle(c, first_absolute, &h);
	uri = h ? strndup((const char *)h->name.ptr, h->name.len) : NULL;
	if (uri && !(weir_fs_resolve(uri, &fs, &path, NULL) == 0 && is_file(fs, path, &size)) && (there = path_of_uri(uri)) != NULL)
		found = find_moved(c, there, &dir, &cut, &size);
	if (found) {
		c->moved_from = weir_arena_text(c->arena, there, cut);
		c->moved_to = weir_arena_text(c->arena, dir, strlen(dir));
		if (!c->moved_to)
			c->moved_from = NULL;
	}
	free(found);
	free(dir);
	free(there);
	free(path);
	free(uri);
}

int weir__ckpt_open_file(struct weir_fs *fs, const char *path, struct weir_ckpt **out, struct weir_error *err)
{
	struct weir_arena *mem = calloc(1, sizeof(*mem));
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	struct weir_ckpt *c = NULL;
	char *dir = weir_path_parent(path);
	int code = mem && dir ? weir_fs_map(fs, path, &map, &bytes, err) : no_memory(err);

	if (!code)
		code = weir_ckpt_decode(bytes, path, mem, &c, err);
	if (!code) {
		c->fs = fs;
		c->dir = weir_arena_text(mem, dir, strlen(dir));
		c->path = weir_arena_text(mem, path, strlen(path));
		code = c->dir && c->path ? 0 : no_memory(err);
	}
	free(dir);
	if (code) {
		weir_fs_unmap(map);
		if (mem)
			weir_arena_fini(mem);
		free(mem);
		return code;
	}
	c->map = map;
	detect_move(c);
	*out = c;
	return 0;
}

int weir_ckpt_open(const char *uri, struct weir_ckpt **out, struct weir_error *err)
{
	struct weir_fs *fs;
	struct weir_fs_stat st;
	char *path = NULL, *meta = NULL, *dir = NULL;
	int code = weir_fs_resolve(uri, &fs, &path, err);

	if (code)
		return code;
	code = weir_fs_stat(fs, path, &st, err);
	if (code) {
		if (code == WEIR_ENOTFOUND)
			weir_error_wrap(err, "no checkpoint or savepoint here");
		goto out;
	}
	if (st.type == WEIR_FS_FILE) {
		code = weir__ckpt_open_file(fs, path, out, err);
		goto out;
	}
	code = weir__ckpt_find_newest(fs, path, &dir, NULL, NULL, err);
	if (code)
		goto out;
	meta = weir_path_join(dir, "_metadata");
	code = meta ? weir__ckpt_open_file(fs, meta, out, err) : no_memory(err);
out:
	if (code == WEIR_ECORRUPT || code == WEIR_ETRUNCATED)
		weir_ckpt_suggest(fs, meta ? meta : path, err);
	free(meta);
	free(dir);
	free(path);
	return code;
}

void weir_ckpt_close(struct weir_ckpt *c)
{
	struct weir_arena *mem = c ? c->arena : NULL;

	if (!c)
		return;
	weir_fs_unmap(c->map);
	weir_arena_fini(mem); /* c itself lies in it */
	free(mem);
}
