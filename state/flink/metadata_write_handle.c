// SPDX-License-Identifier: Apache-2.0
/*
 * Writing state handles, and rewriting them for the releases that read a version. Rules as in metadata_write.c.
 */
#include "state/flink/metadata_priv.h"

#include <stdlib.h>

/* The tag a keyed handle gets at this version, or -1 after refusing. */
static int tag_of(struct weir__meta_writer *w, const struct weir_keyed_handle *h)
{
	static const struct weir_slice filesystem = { (const uint8_t *)"filesystem", 10 };
	int32_t version = w->v->version;

	if (w->exact)
		return (int)h->kind;
	if (h->kind >= WEIR_KEYED_CHANGELOG_OLD && h->kind <= WEIR_KEYED_CHANGES_FILES_OLD && w->c->profile == WEIR_META_1_14) {
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "a changelog handle of Flink 1.14, which lacks ids,");
		return -1;
	}
	switch (h->kind) {
	case WEIR_KEYED_SAVEPOINT:
	case WEIR_KEYED_GROUPS:
		return version == 2 ? WEIR_KEYED_GROUPS_OLD : (int)h->kind;
	case WEIR_KEYED_INCREMENTAL:
		return version == 2 ? WEIR_KEYED_INCREMENTAL_OLD : WEIR_KEYED_INCREMENTAL;
	case WEIR_KEYED_CHANGELOG_OLD:
	case WEIR_KEYED_CHANGELOG:
	case WEIR_KEYED_CHANGES_INLINE:
	case WEIR_KEYED_CHANGES_FILES_OLD:
	case WEIR_KEYED_CHANGES_FILES:
		break;
	default:
		return (int)h->kind;
	}
	if (version == 2) {
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "a changelog handle");
		return -1;
	}
	if (h->kind == WEIR_KEYED_CHANGES_INLINE)
		return WEIR_KEYED_CHANGES_INLINE;
	if (h->kind == WEIR_KEYED_CHANGELOG || h->kind == WEIR_KEYED_CHANGELOG_OLD)
		return version == 3 ? WEIR_KEYED_CHANGELOG_OLD : WEIR_KEYED_CHANGELOG;
	if (version == 3 && h->kind == WEIR_KEYED_CHANGES_FILES && !weir_slice_eq(h->storage_id, filesystem)) {
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "a changelog in the storage \"%.*s\"", (int)h->storage_id.len, (const char *)h->storage_id.ptr);
		return -1;
	}
	return version == 3 ? WEIR_KEYED_CHANGES_FILES_OLD : WEIR_KEYED_CHANGES_FILES;
}

/* ---- streams ---- */

/* Before Flink 1.11 every reference is absolute. */
static void write_relative_as_absolute(struct weir__meta_writer *w, const struct weir_stream_handle *h)
{
	struct weir_buf path = { 0 };
	char *uri = NULL;

	if (!w->c->fs || !w->c->dir) {
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "the relative file %.*s, whose directory is not known,", (int)h->name.len, (const char *)h->name.ptr);
		return;
	}
	weir_buf_printf(&path, "%s%s%.*s", w->c->dir, strcmp(w->c->dir, "/") ? "/" : "", (int)h->name.len, (const char *)h->name.ptr);
	uri = weir_buf_error(&path) ? NULL : weir_fs_uri(w->c->fs, weir_buf_cstr(&path));
	if (uri) {
		weir_buf_u8(w->out, WEIR__TAG_FILE);
		weir_buf_i64(w->out, h->size);
		weir_buf_utf(w->out, uri);
	} else {
		weir__meta_refuse(w, WEIR_ENOMEM, "not enough memory");
	}
	free(uri);
	weir_buf_fini(&path);
}

static void write_segment(struct weir__meta_writer *w, const struct weir_stream_handle *h)
{
	if (!w->exact && w->v->version < 4)
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "a segment of a merged file (Flink 1.20 and later)");
	weir_buf_u8(w->out, h->kind == WEIR_HANDLE_SEGMENT ? WEIR__TAG_SEGMENT : WEIR__TAG_EMPTY_SEGMENT);
	if (h->kind == WEIR_HANDLE_EMPTY_SEGMENT)
		return;
	weir_buf_i64(w->out, h->start);
	weir_buf_i64(w->out, h->size);
	weir_buf_i32(w->out, h->scope);
	weir_buf_utf_raw(w->out, h->name);
	weir_buf_utf_raw(w->out, h->logical_id);
}

static void write_key_groups(struct weir__meta_writer *w, const struct weir_key_group_offsets *g)
{
	weir_buf_i32(w->out, g->first);
	weir_buf_u32(w->out, g->count);
	weir__meta_write_offsets(w, g->count, g->offsets);
}

static void write_range(struct weir__meta_writer *w, const struct weir_key_group_offsets *g)
{
	weir_buf_i32(w->out, g->first);
	weir_buf_u32(w->out, g->count);
}

void weir__meta_write_stream(struct weir__meta_writer *w, const struct weir_stream_handle *h, int depth)
{
	if (depth > WEIR__META_DEPTH + 1)
		weir__meta_refuse(w, WEIR_EINVALID, "handles are nested more than %d deep", WEIR__META_DEPTH);
	if (w->code)
		return;
	switch (h->kind) {
	case WEIR_HANDLE_NONE:
		weir_buf_u8(w->out, WEIR__TAG_NULL);
		return;
	case WEIR_HANDLE_INLINE:
		weir_buf_u8(w->out, WEIR__TAG_INLINE);
		weir_buf_utf_raw(w->out, h->name);
		weir_buf_u32(w->out, (uint32_t)h->data.len);
		weir_buf_put_slice(w->out, h->data);
		return;
	case WEIR_HANDLE_FILE:
		weir_buf_u8(w->out, WEIR__TAG_FILE);
		weir_buf_i64(w->out, h->size);
		weir_buf_utf_raw(w->out, h->name);
		return;
	case WEIR_HANDLE_RELATIVE:
		if (!w->exact && w->v->version == 2) {
			write_relative_as_absolute(w, h);
			return;
		}
		weir_buf_u8(w->out, WEIR__TAG_RELATIVE);
		weir_buf_utf_raw(w->out, h->name);
		weir_buf_i64(w->out, h->size);
		return;
	case WEIR_HANDLE_KEY_GROUPS:
		if (!w->exact && w->v->version == 2)
			weir__meta_refuse(w, WEIR_EUNSUPPORTED, "key groups in the place of a stream");
		weir_buf_u8(w->out, WEIR__TAG_KEY_GROUPS);
		write_key_groups(w, &h->groups);
		weir__meta_write_stream(w, h->inner, depth + 1);
		return;
	case WEIR_HANDLE_SEGMENT:
	case WEIR_HANDLE_EMPTY_SEGMENT:
		write_segment(w, h);
		return;
	}
	weir__meta_refuse(w, WEIR_EINVALID, "%d is no kind of stream handle", (int)h->kind);
}

/* ---- keyed ---- */

static void write_named_list(struct weir__meta_writer *w, uint32_t n, const struct weir_named_handle *list, int depth)
{
	weir_buf_u32(w->out, n);
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_utf_raw(w->out, list[i].name);
		weir__meta_write_stream(w, &list[i].handle, depth + 1);
	}
}

static void write_incremental(struct weir__meta_writer *w, const struct weir_keyed_handle *h, int tag, int depth)
{
	weir_buf_i64(w->out, h->checkpoint_id);
	weir_buf_utf_raw(w->out, h->backend_id);
	write_range(w, &h->groups);
	if (tag == WEIR_KEYED_INCREMENTAL)
		weir_buf_i64(w->out, h->checkpointed_size);
	weir__meta_write_stream(w, &h->stream, depth + 1);
	write_named_list(w, h->nshared, h->shared, depth);
	write_named_list(w, h->nprivate, h->private_, depth);
	if (tag == WEIR_KEYED_INCREMENTAL)
		weir_buf_utf_raw(w->out, h->id);
}

static void write_keyed_list(struct weir__meta_writer *w, uint32_t n, const struct weir_keyed_handle *list, int depth)
{
	weir_buf_u32(w->out, n);
	for (uint32_t i = 0; i < n && !w->code; i++)
		weir__meta_write_keyed(w, &list[i], depth + 1);
}

static void write_changelog(struct weir__meta_writer *w, const struct weir_keyed_handle *h, int tag, int depth)
{
	bool of_1_14 = w->exact && w->c->profile == WEIR_META_1_14 && tag == WEIR_KEYED_CHANGELOG_OLD;

	write_range(w, &h->groups);
	if (!of_1_14)
		weir_buf_i64(w->out, h->checkpointed_size);
	write_keyed_list(w, h->nmaterialized, h->materialized, depth);
	write_keyed_list(w, h->nincrements, h->increments, depth);
	if (of_1_14)
		return;
	weir_buf_i64(w->out, h->materialization_id);
	if (tag == WEIR_KEYED_CHANGELOG)
		weir_buf_i64(w->out, h->checkpoint_id);
	weir_buf_utf_raw(w->out, h->id);
}

static void write_changes_inline(struct weir__meta_writer *w, const struct weir_keyed_handle *h)
{
	write_range(w, &h->groups);
	weir_buf_i64(w->out, h->from_seq);
	weir_buf_i64(w->out, h->to_seq);
	weir_buf_u32(w->out, h->nchanges);
	for (uint32_t i = 0; i < h->nchanges; i++) {
		weir_buf_i32(w->out, h->changes[i].key_group);
		weir_buf_u32(w->out, (uint32_t)h->changes[i].bytes.len);
		weir_buf_put_slice(w->out, h->changes[i].bytes);
	}
	if (!(w->exact && w->c->profile == WEIR_META_1_14))
		weir_buf_utf_raw(w->out, h->id);
}

static void write_changes_files(struct weir__meta_writer *w, const struct weir_keyed_handle *h, int tag, int depth)
{
	bool of_1_14 = w->exact && w->c->profile == WEIR_META_1_14 && tag == WEIR_KEYED_CHANGES_FILES_OLD;

	write_range(w, &h->groups);
	weir_buf_u32(w->out, h->nfiles);
	for (uint32_t i = 0; i < h->nfiles; i++) {
		weir_buf_i64(w->out, h->files[i].offset);
		weir__meta_write_stream(w, &h->files[i].handle, depth + 1);
	}
	weir_buf_i64(w->out, h->size);
	if (!of_1_14) {
		weir_buf_i64(w->out, h->checkpointed_size);
		weir_buf_utf_raw(w->out, h->id);
	}
	if (tag != WEIR_KEYED_CHANGES_FILES)
		return;
	if (h->kind == WEIR_KEYED_CHANGES_FILES_OLD)
		weir_buf_utf(w->out, "filesystem");
	else
		weir_buf_utf_raw(w->out, h->storage_id);
}

void weir__meta_write_keyed(struct weir__meta_writer *w, const struct weir_keyed_handle *h, int depth)
{
	int tag = w->code ? -1 : tag_of(w, h);

	if (depth > WEIR__META_DEPTH + 1)
		weir__meta_refuse(w, WEIR_EINVALID, "handles are nested more than %d deep", WEIR__META_DEPTH);
	if (tag < 0 || w->code)
		return;
	weir_buf_u8(w->out, (uint8_t)tag);
	switch (tag) {
	case WEIR_KEYED_NONE:
		break;
	case WEIR_KEYED_GROUPS_OLD:
	case WEIR_KEYED_SAVEPOINT:
	case WEIR_KEYED_GROUPS:
		write_key_groups(w, &h->groups);
		weir__meta_write_stream(w, &h->stream, depth + 1);
		if (tag == WEIR_KEYED_GROUPS)
			weir_buf_utf_raw(w->out, h->id);
		break;
	case WEIR_KEYED_INCREMENTAL_OLD:
	case WEIR_KEYED_INCREMENTAL:
		write_incremental(w, h, tag, depth);
		break;
	case WEIR_KEYED_CHANGELOG_OLD:
	case WEIR_KEYED_CHANGELOG:
		write_changelog(w, h, tag, depth);
		break;
	case WEIR_KEYED_CHANGES_INLINE:
		write_changes_inline(w, h);
		break;
	case WEIR_KEYED_CHANGES_FILES_OLD:
	case WEIR_KEYED_CHANGES_FILES:
		write_changes_files(w, h, tag, depth);
		break;
	default:
		weir__meta_refuse(w, WEIR_EINVALID, "%d is no kind of keyed state handle", tag);
	}
}

/* ---- operator ---- */

void weir__meta_write_operator_handle(struct weir__meta_writer *w, const struct weir_operator_handle *h)
{
	if (h->merged && !w->exact && w->v->version < 4)
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "operator state in merged files (Flink 1.20 and later)");
	weir_buf_u8(w->out, h->merged ? WEIR__TAG_OPERATOR_MERGED : WEIR__TAG_OPERATOR);
	weir_buf_u32(w->out, h->nlists);
	for (uint32_t i = 0; i < h->nlists; i++) {
		weir_buf_utf_raw(w->out, h->lists[i].name);
		weir_buf_u8(w->out, (uint8_t)h->lists[i].mode);
		weir_buf_u32(w->out, h->lists[i].count);
		weir__meta_write_offsets(w, h->lists[i].count, h->lists[i].offsets);
	}
	if (h->merged) {
		weir_buf_utf_raw(w->out, h->task_owned_dir);
		weir_buf_utf_raw(w->out, h->shared_dir);
		weir_buf_bool(w->out, h->empty);
	}
	weir__meta_write_stream(w, &h->stream, 0);
}
