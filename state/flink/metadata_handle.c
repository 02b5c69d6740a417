// SPDX-License-Identifier: Apache-2.0
/*
 * Reading state handles: three grammars (stream, keyed, operator) over one space of tags. docs/formats/metadata.md has the table.
 * Rules as in metadata.c. Handles may hold handles: the depth is capped.
 */
#include "state/flink/metadata_priv.h"

static void fail_tag(struct weir__meta_reader *r, uint64_t at, unsigned tag, const char *where)
{
	if (tag > WEIR__TAG_LAST)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "handle tag %u is not known to Flink 1.10-2.3", tag);
	else
		weir__meta_fail(r, WEIR_ECORRUPT, at, "handle tag %u cannot stand for %s", tag, where);
}

static bool too_deep(struct weir__meta_reader *r, int depth)
{
	if (depth < WEIR__META_DEPTH)
		return false;
	weir__meta_fail(r, WEIR_ECORRUPT, weir_src_offset(&r->src), "handles are nested more than %d deep", WEIR__META_DEPTH);
	return true;
}

/* i32 first, i32 count, without offsets. */
static void read_range(struct weir__meta_reader *r, struct weir_key_group_offsets *g)
{
	uint64_t at = weir_src_offset(&r->src);
	int32_t first = weir_src_i32(&r->src), n = weir_src_i32(&r->src);

	if (first < 0 || n < 0 || (int64_t)first + n > WEIR__MAX_PARALLELISM) {
		weir__meta_fail(r, WEIR_ECORRUPT, at, "%d key groups from %d on: they must lie within 0 to %d", n, first, WEIR__MAX_PARALLELISM - 1);
		return;
	}
	g->first = first;
	g->count = r->src.code ? 0 : (uint32_t)n;
}

static int64_t *read_offsets(struct weir__meta_reader *r, uint32_t n)
{
	int64_t *p = NULL;

	if (n > weir_src_left(&r->src) / 8)
		weir_src_fail(&r->src, WEIR_ETRUNCATED, "the offsets are more than the data that follows");
	p = weir__meta_array(r, n, 8);
	for (uint32_t i = 0; p && i < n; i++)
		p[i] = weir_src_i64(&r->src);
	return p;
}

static void read_key_groups(struct weir__meta_reader *r, struct weir_key_group_offsets *g)
{
	read_range(r, g);
	g->offsets = read_offsets(r, g->count);
	if (!g->offsets)
		g->count = 0;
}

static int64_t read_size(struct weir__meta_reader *r)
{
	uint64_t at = weir_src_offset(&r->src);
	int64_t size = weir_src_i64(&r->src);

	if (size < -1)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "the file size %lld is negative", (long long)size);
	return size;
}

static void read_segment(struct weir__meta_reader *r, struct weir_stream_handle *h)
{
	uint64_t at = weir_src_offset(&r->src);

	h->start = weir_src_i64(&r->src);
	h->size = weir_src_i64(&r->src);
	if (h->start < 0 || h->size < 0 || h->start > INT64_MAX - h->size)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "%lld bytes at %lld are no segment of a file", (long long)h->size, (long long)h->start);
	at = weir_src_offset(&r->src);
	h->scope = weir_src_i32(&r->src);
	if (h->scope != 0 && h->scope != 1)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "the segment's scope %d is neither exclusive (0) nor shared (1)", h->scope);
	h->name = weir_src_utf(&r->src);
	h->logical_id = weir_src_utf(&r->src);
}

void weir__meta_read_stream(struct weir__meta_reader *r, struct weir_stream_handle *h, int depth)
{
	struct weir_src *s = &r->src;
	uint64_t at = weir_src_offset(s);
	uint8_t tag = weir_src_u8(s);

	if (s->code || too_deep(r, depth))
		return;
	switch (tag) {
	case WEIR__TAG_NULL:
		h->kind = WEIR_HANDLE_NONE;
		break;
	case WEIR__TAG_INLINE:
		h->kind = WEIR_HANDLE_INLINE;
		h->name = weir_src_utf(s);
		h->data = weir_src_blob32(s);
		h->size = (int64_t)h->data.len;
		break;
	case WEIR__TAG_FILE:
		h->kind = WEIR_HANDLE_FILE;
		h->size = read_size(r);
		h->name = weir_src_utf(s);
		break;
	case WEIR__TAG_RELATIVE:
		h->kind = WEIR_HANDLE_RELATIVE;
		h->name = weir_src_utf(s);
		h->size = read_size(r);
		break;
	case WEIR__TAG_KEY_GROUPS:
		h->kind = WEIR_HANDLE_KEY_GROUPS;
		read_key_groups(r, &h->groups);
		h->inner = weir__meta_array(r, 1, sizeof(*h->inner));
		if (h->inner)
			weir__meta_read_stream(r, h->inner, depth + 1);
		break;
	case WEIR__TAG_SEGMENT:
		h->kind = WEIR_HANDLE_SEGMENT;
		read_segment(r, h);
		break;
	case WEIR__TAG_EMPTY_SEGMENT:
		h->kind = WEIR_HANDLE_EMPTY_SEGMENT;
		break;
	default:
		fail_tag(r, at, tag, "a stream");
	}
}

/* ---- keyed ---- */

static void read_named_list(struct weir__meta_reader *r, uint32_t *out_n, struct weir_named_handle **out, int depth)
{
	uint32_t n = weir_src_count(&r->src, 3);

	*out = weir__meta_array(r, n, sizeof(**out));
	*out_n = *out ? n : 0;
	for (uint32_t i = 0; i < *out_n && !r->src.code; i++) {
		(*out)[i].name = weir_src_utf(&r->src);
		weir__meta_read_stream(r, &(*out)[i].handle, depth + 1);
	}
}

static void read_incremental(struct weir__meta_reader *r, struct weir_keyed_handle *h, int depth)
{
	bool second = h->kind == WEIR_KEYED_INCREMENTAL;

	h->checkpoint_id = weir_src_i64(&r->src);
	h->backend_id = weir_src_utf(&r->src);
	read_range(r, &h->groups);
	h->checkpointed_size = second ? weir_src_i64(&r->src) : -1;
	weir__meta_read_stream(r, &h->stream, depth + 1);
	read_named_list(r, &h->nshared, &h->shared, depth);
	read_named_list(r, &h->nprivate, &h->private_, depth);
	if (second)
		h->id = weir_src_utf(&r->src);
}

static void read_keyed_list(struct weir__meta_reader *r, uint32_t *out_n, struct weir_keyed_handle **out, int depth, bool increments)
{
	uint32_t n = weir_src_count(&r->src, 1);

	*out = weir__meta_array(r, n, sizeof(**out));
	*out_n = *out ? n : 0;
	for (uint32_t i = 0; i < *out_n && !r->src.code; i++) {
		uint64_t at = weir_src_offset(&r->src);
		enum weir_keyed_kind kind;

		weir__meta_read_keyed(r, &(*out)[i], depth + 1);
		kind = (*out)[i].kind;
		if (increments && kind != WEIR_KEYED_CHANGES_INLINE && kind != WEIR_KEYED_CHANGES_FILES && kind != WEIR_KEYED_CHANGES_FILES_OLD)
			weir__meta_fail(r, WEIR_ECORRUPT, at, "handle tag %u cannot stand for a changelog increment", (unsigned)kind);
	}
}

static void read_changelog(struct weir__meta_reader *r, struct weir_keyed_handle *h, int depth)
{
	bool of_1_14 = r->profile == WEIR_META_1_14 && h->kind == WEIR_KEYED_CHANGELOG_OLD;

	r->saw_changelog = true;
	read_range(r, &h->groups);
	h->checkpointed_size = of_1_14 ? -1 : weir_src_i64(&r->src);
	read_keyed_list(r, &h->nmaterialized, &h->materialized, depth, false);
	read_keyed_list(r, &h->nincrements, &h->increments, depth, true);
	if (of_1_14)
		return;
	h->materialization_id = weir_src_i64(&r->src);
	h->checkpoint_id = h->kind == WEIR_KEYED_CHANGELOG ? weir_src_i64(&r->src) : h->materialization_id;
	h->id = weir_src_utf(&r->src);
}

static void read_changes_inline(struct weir__meta_reader *r, struct weir_keyed_handle *h)
{
	struct weir_src *s = &r->src;

	r->saw_changelog = true;
	read_range(r, &h->groups);
	h->from_seq = weir_src_i64(s);
	h->to_seq = weir_src_i64(s);
	h->nchanges = weir_src_count(s, 8);
	h->changes = weir__meta_array(r, h->nchanges, sizeof(*h->changes));
	for (uint32_t i = 0; i < h->nchanges && !s->code; i++) {
		h->changes[i].key_group = weir_src_i32(s);
		h->changes[i].bytes = weir_src_blob32(s);
	}
	if (r->profile != WEIR_META_1_14)
		h->id = weir_src_utf(s);
}

static void read_changes_files(struct weir__meta_reader *r, struct weir_keyed_handle *h, int depth)
{
	struct weir_src *s = &r->src;
	bool of_1_14 = r->profile == WEIR_META_1_14 && h->kind == WEIR_KEYED_CHANGES_FILES_OLD;

	r->saw_changelog = true;
	read_range(r, &h->groups);
	h->nfiles = weir_src_count(s, 9);
	h->files = weir__meta_array(r, h->nfiles, sizeof(*h->files));
	for (uint32_t i = 0; i < h->nfiles && !s->code; i++) {
		h->files[i].offset = weir_src_i64(s);
		weir__meta_read_stream(r, &h->files[i].handle, depth + 1);
		h->files[i].handle.longer = true;
	}
	h->size = weir_src_i64(s);
	h->checkpointed_size = of_1_14 ? -1 : weir_src_i64(s);
	if (!of_1_14)
		h->id = weir_src_utf(s);
	if (h->kind == WEIR_KEYED_CHANGES_FILES)
		h->storage_id = weir_src_utf(s);
}

void weir__meta_read_keyed(struct weir__meta_reader *r, struct weir_keyed_handle *h, int depth)
{
	struct weir_src *s = &r->src;
	uint64_t at = weir_src_offset(s);
	uint8_t tag = weir_src_u8(s);

	if (s->code || too_deep(r, depth))
		return;
	h->kind = (enum weir_keyed_kind)tag;
	switch (h->kind) {
	case WEIR_KEYED_NONE:
		break;
	case WEIR_KEYED_GROUPS_OLD:
	case WEIR_KEYED_SAVEPOINT:
	case WEIR_KEYED_GROUPS:
		read_key_groups(r, &h->groups);
		weir__meta_read_stream(r, &h->stream, depth + 1);
		if (h->kind == WEIR_KEYED_GROUPS)
			h->id = weir_src_utf(s);
		break;
	case WEIR_KEYED_INCREMENTAL_OLD:
	case WEIR_KEYED_INCREMENTAL:
		read_incremental(r, h, depth);
		break;
	case WEIR_KEYED_CHANGELOG_OLD:
	case WEIR_KEYED_CHANGELOG:
		read_changelog(r, h, depth);
		break;
	case WEIR_KEYED_CHANGES_INLINE:
		read_changes_inline(r, h);
		break;
	case WEIR_KEYED_CHANGES_FILES_OLD:
	case WEIR_KEYED_CHANGES_FILES:
		read_changes_files(r, h, depth);
		break;
	default:
		h->kind = WEIR_KEYED_NONE;
		fail_tag(r, at, tag, "keyed state");
	}
}

/* ---- operator ---- */

static void read_lists(struct weir__meta_reader *r, struct weir_operator_handle *h)
{
	struct weir_src *s = &r->src;

	h->nlists = weir_src_count(s, 7);
	h->lists = weir__meta_array(r, h->nlists, sizeof(*h->lists));
	for (uint32_t i = 0; i < h->nlists && !s->code; i++) {
		struct weir_operator_list *l = &h->lists[i];
		uint64_t at;
		uint8_t mode;

		l->name = weir_src_utf(s);
		at = weir_src_offset(s);
		mode = weir_src_u8(s);
		if (mode > WEIR_BROADCAST)
			weir__meta_fail(r, WEIR_ECORRUPT, at, "distribution mode %u is not split (0), union (1) or broadcast (2)", mode);
		l->mode = (enum weir_distribution)(mode <= WEIR_BROADCAST ? mode : 0);
		l->count = weir_src_count(s, 8);
		l->offsets = read_offsets(r, l->count);
		if (!l->offsets)
			l->count = 0;
	}
}

static void read_merged(struct weir__meta_reader *r, struct weir_operator_handle *h)
{
	uint64_t at;
	uint8_t empty;

	h->merged = true;
	h->task_owned_dir = weir_src_utf(&r->src);
	h->shared_dir = weir_src_utf(&r->src);
	at = weir_src_offset(&r->src);
	empty = weir_src_u8(&r->src);
	if (empty > 1)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "the flag for empty state is %u, not 0 or 1", empty);
	h->empty = empty == 1;
}

void weir__meta_read_operator_handle(struct weir__meta_reader *r, struct weir_operator_handle *h)
{
	uint64_t at = weir_src_offset(&r->src);
	uint8_t tag = weir_src_u8(&r->src);

	if (r->src.code)
		return;
	if (tag != WEIR__TAG_OPERATOR && tag != WEIR__TAG_OPERATOR_MERGED) {
		fail_tag(r, at, tag, "operator state"); /* 0 too: the flag before it said that there is state */
		return;
	}
	h->present = true;
	read_lists(r, h);
	if (tag == WEIR__TAG_OPERATOR_MERGED)
		read_merged(r, h);
	at = weir_src_offset(&r->src);
	weir__meta_read_stream(r, &h->stream, 0);
	if (h->merged && h->stream.kind != WEIR_HANDLE_SEGMENT && h->stream.kind != WEIR_HANDLE_EMPTY_SEGMENT)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "merged operator state does not lie in a file segment");
}
