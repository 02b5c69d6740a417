// SPDX-License-Identifier: Apache-2.0
/*
 * Splits of file sources.
 *
 * Invariants
 *  1. All splits of a subtask are in its state, finished ones too: after a restore the state is the truth and nothing is listed again.
 *  2. Enumeration is a function of the input's names and sizes, so every subtask finds the same splits and takes its own.
 * A folder that changes between the opens of two subtasks breaks 2: the input must be there before the job starts.
 */
#include "runtime/source_split.h"

#include <stdio.h>
#include <stdlib.h>

#include <weir/fs.h>

#include "runtime/input_file.h"

#define MAX_FOLDERS 16 /* nesting; also what ends a loop of links */

static struct weir_field fields[] = {
	{ "f0", &weir_string, 0 }, { "f1", &weir_int64, 0 }, { "f2", &weir_int64, 0 }, { "f3", &weir_int64, 0 }, { "f4", &weir_int64, 0 },
	{ "f5", &weir_int64, 0 }, { "f6", &weir_int64, 0 }, { "f7", &weir_int64, 0 }, { "f8", &weir_boolean, 0 },
};
static struct weir_type split_type = {
	.kind = WEIR_TUPLE, .size = sizeof(struct weir_split), .align = _Alignof(struct weir_split), .name = "weir_split",
	.fields = fields, .nfields = sizeof(fields) / sizeof(fields[0]), .null_offset = WEIR_NO_NULLS,
};

static int prepare_type(struct weir_type **out, struct weir_error *err)
{
	*out = &split_type;
	return weir_type_prepare(&split_type, err);
}

void weir_splits_fini(struct weir_split_list *l)
{
	weir_vec_fini(&l->v);
	weir_arena_fini(&l->arena);
}

static int out_of_memory(struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "out of memory for the list of input files");
}

/* ---- enumeration ---- */

struct found {
	char *path;
	uint64_t size;
	bool folder;
};
struct listing {
	WEIR_VEC(struct found) v;
	const char *folder;
	bool nomem;
};

static void free_listing(struct listing *l)
{
	for (size_t i = 0; i < l->v.len; i++)
		free(l->v.items[i].path);
	weir_vec_fini(&l->v);
}

static int add_entry(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct listing *l = arg;
	struct found *f;

	if (name[0] == '.' || name[0] == '_' || st->type == WEIR_FS_OTHER)
		return 0;
	f = weir_vec_push(&l->v);
	if (f && asprintf(&f->path, "%s%s%s", l->folder, strcmp(l->folder, "/") == 0 ? "" : "/", name) < 0) {
		l->v.len--;
		f = NULL;
	}
	if (!f) {
		l->nomem = true;
		return 1;
	}
	f->size = st->size;
	f->folder = st->type == WEIR_FS_DIRECTORY;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static int list_files(struct weir_fs *fs, const char *folder, int depth, struct listing *files, struct weir_error *err)
{
	struct listing here = { .folder = folder };
	int rc = depth > MAX_FOLDERS ? weir_error_at(err, WEIR_EINVALID, folder, WEIR_NO_OFFSET, "folders are nested deeper than %d (a loop of links?)", MAX_FOLDERS)
				     : weir_fs_list(fs, folder, add_entry, &here, err);

	if (here.nomem) {
		weir_error_clear(err);
		rc = out_of_memory(err);
	}
	if (!rc && here.v.len)
		qsort(here.v.items, here.v.len, sizeof(*here.v.items), by_path);
	for (size_t i = 0; !rc && i < here.v.len; i++) {
		struct found *f = &here.v.items[i], *slot;

		if (f->folder) {
			rc = list_files(fs, f->path, depth + 1, files, err);
			continue;
		}
		slot = weir_vec_push(&files->v);
		if (!slot) {
			rc = out_of_memory(err);
			break;
		}
		*slot = *f;
		f->path = NULL; /* moved */
	}
	free_listing(&here);
	return rc;
}

struct layout {
	struct weir_split_list *list;
	uint64_t split_bytes;
	uint32_t subtask, parallelism, next; /* next: number of the next split */
};

static int add_split(struct layout *lay, const char *uri, uint64_t start, uint64_t end, struct weir_error *err)
{
	struct weir_split *s;
	char *path;

	if (lay->next++ % lay->parallelism != lay->subtask)
		return 0;
	path = weir_arena_text(&lay->list->arena, uri, strlen(uri));
	s = path ? weir_vec_push(&lay->list->v) : NULL;
	if (!s)
		return out_of_memory(err);
	*s = (struct weir_split){
		.path = weir_str_of(path), .start = (int64_t)start, .end = (int64_t)end, .offset = (int64_t)start,
		.max_time = WEIR_NO_TIME, .watermark = INT64_MIN,
	};
	return 0;
}

static int add_file(struct layout *lay, struct weir_fs *fs, const char *path, uint64_t size, struct weir_error *err)
{
	char *uri = weir_fs_uri(fs, path);
	int rc = 0;

	if (!uri)
		return out_of_memory(err);
	if (weir_input_is_gzip(path)) {
		rc = add_split(lay, uri, 0, INT64_MAX, err);
	} else {
		for (uint64_t at = 0; !rc && (at < size || at == 0); at += lay->split_bytes)
			rc = add_split(lay, uri, at, size - at > lay->split_bytes ? at + lay->split_bytes : size, err);
	}
	free(uri);
	return rc;
}

static int lay_out(struct layout *lay, const char *uri, struct weir_error *err)
{
	struct listing files = { 0 };
	struct weir_fs_stat st;
	struct weir_fs *fs;
	char *path;
	int rc = weir_fs_resolve(uri, &fs, &path, err);

	if (rc)
		return rc;
	rc = weir_fs_stat(fs, path, &st, err);
	if (!rc && st.type == WEIR_FS_DIRECTORY) {
		rc = list_files(fs, path, 0, &files, err);
		if (!rc && files.v.len == 0)
			rc = weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET,
					   "the folder has no files to read (names that begin with . or _ are left out)");
		for (size_t i = 0; !rc && i < files.v.len; i++)
			rc = add_file(lay, fs, files.v.items[i].path, files.v.items[i].size, err);
	} else if (!rc && st.type == WEIR_FS_OTHER) {
		rc = weir_error_at(err, WEIR_EUNSUPPORTED, path, WEIR_NO_OFFSET, "this is neither a file nor a folder; pipe it into standard input and read \"-\"");
	} else if (!rc) {
		rc = add_file(lay, fs, path, st.size, err);
	}
	free_listing(&files);
	free(path);
	return rc;
}

int weir_splits_enumerate(struct weir_split_list *l, const char *uri, uint64_t split_bytes, uint32_t subtask, uint32_t parallelism, struct weir_error *err)
{
	struct layout lay = { l, split_bytes, subtask, parallelism, 0 };

	if (strcmp(uri, WEIR_INPUT_STDIN) == 0)
		return add_split(&lay, WEIR_INPUT_STDIN, 0, INT64_MAX, err);
	return lay_out(&lay, uri, err);
}

/* ---- state ---- */

static int add_restored(void *arg, const void *value, struct weir_error *err)
{
	struct weir_split_list *l = arg;
	const struct weir_split *from = value;
	struct weir_split *s = weir_vec_push(&l->v);
	char *path = s ? weir_arena_text(&l->arena, weir_str_data(&from->path), weir_str_len(&from->path)) : NULL;

	if (!path)
		return out_of_memory(err);
	*s = *from;
	s->path = weir_str_view(path, weir_str_len(&from->path));
	if (s->start < 0 || s->end < s->start || s->offset < s->start || s->rows < 0 || s->lines < 0)
		return weir_error_set(err, WEIR_ECORRUPT, "the state says that %s was read up to byte %lld of %lld..%lld, which cannot be", path,
				      (long long)s->offset, (long long)s->start, (long long)s->end);
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct weir_split *x = a, *y = b;
	int c = weir_str_cmp(&x->path, &y->path);

	return c ? c : (x->start > y->start) - (x->start < y->start);
}

int weir_splits_restore(struct weir_split_list *l, struct weir_op *op, struct weir_error *err)
{
	struct weir_type *type;
	int rc = prepare_type(&type, err);

	if (!rc)
		rc = weir_op_restored(op, WEIR_SPLITS_STATE, type, add_restored, l, err);
	if (!rc && l->v.len)
		qsort(l->v.items, l->v.len, sizeof(*l->v.items), by_place);
	return rc;
}

int weir_splits_snapshot(const struct weir_split_list *l, int64_t watermark, struct weir_op_snapshot *out, struct weir_error *err)
{
	struct weir_type *type;
	int rc = prepare_type(&type, err);

	if (!rc)
		rc = weir_op_snapshot_list(out, WEIR_SPLITS_STATE, type, WEIR_SPLIT_DISTRIBUTE, err);
	for (size_t i = 0; !rc && i < l->v.len; i++) {
		struct weir_split s = l->v.items[i];

		s.watermark = watermark;
		rc = weir_op_snapshot_add(out, &s, err);
	}
	return rc;
}

char *weir_split_uri(struct weir_split_list *l, const struct weir_split *s)
{
	return weir_arena_text(&l->arena, weir_str_data(&s->path), weir_str_len(&s->path));
}

/* ---- watermarks ---- */

int64_t weir_splits_watermark(const struct weir_split_list *l, int64_t out_of_orderness_ms)
{
	int64_t least = INT64_MAX, delay, watermark;

	for (size_t i = 0; i < l->v.len; i++) {
		const struct weir_split *s = &l->v.items[i];

		if (!s->finished && s->rows > 0 && s->max_time < least)
			least = s->max_time; /* WEIR_NO_TIME, when all rows were bad, holds everything back */
	}
	if (least == INT64_MAX || __builtin_add_overflow(out_of_orderness_ms, 1, &delay) || __builtin_sub_overflow(least, delay, &watermark))
		return INT64_MIN;
	return watermark;
}

int64_t weir_splits_restored_watermark(const struct weir_split_list *l)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < l->v.len; i++)
		if (!l->v.items[i].finished && l->v.items[i].watermark < least)
			least = l->v.items[i].watermark;
	return least == INT64_MAX ? INT64_MIN : least;
}
