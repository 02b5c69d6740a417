/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are streams of key groups: managed keyed state as FULL or HEAP.
 *
 * 1. A key group ends where the next larger offset of its handle begins, or with the stream.
 * 2. Subtasks of one operator nearly always have the same metadata block: equal bytes share one decoded block.
 * Threads and failures as view.c says.
 */
#include "state/ckpt/view_priv.h"

#include <stdlib.h>

#include "base/order.h"

enum { GIVE_BACK = 4 << 20 }; /* bytes read */

int weir__groups_ends(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	const struct weir_key_group_offsets *g = &part->keyed->groups;
	int64_t *sorted = malloc((g->count + 1) * sizeof(*sorted));

	part->ends = weir_arena_alloc(&v->mem, (g->count + 1) * sizeof(*part->ends), 8);
	if (!sorted || !part->ends) {
		free(sorted);
		return weir_error_set(err, WEIR_ENOMEM, "no memory for %u key groups", g->count);
	}
	memcpy(sorted, g->offsets, g->count * sizeof(*sorted));
	qsort(sorted, g->count, sizeof(*sorted), weir_order_i64);
	for (uint32_t i = 0; i < g->count; i++) {
		size_t next = weir_above_i64(sorted, g->count, g->offsets[i]);

		part->ends[i] = next < g->count ? sorted[next] : (int64_t)part->bytes.len;
	}
	free(sorted);
	return 0;
}

/* Bytes up to the first key group: the metadata block. */
static struct weir_slice metadata_bytes(const struct weir__part *part)
{
	const struct weir_key_group_offsets *g = &part->keyed->groups;
	struct weir_slice s = part->bytes;

	for (uint32_t i = 0; i < g->count; i++)
		if (g->offsets[i] > 0 && (uint64_t)g->offsets[i] < s.len)
			s.len = (size_t)g->offsets[i];
	return s;
}

/* The block of an earlier subtask with the same bytes. */
static struct weir_keyed_meta *same_block(struct weir_view *v, const struct weir__part *part, struct weir_slice block)
{
	for (size_t i = v->parts.len; i-- > 0;) {
		const struct weir__part *p = &v->parts.items[i];

		if (p == part)
			continue;
		if (p->op != part->op)
			return NULL;
		if (p->class_ == WEIR__PART_KEYED && p->meta && p->meta->size == block.len && p->bytes.len >= block.len &&
		    memcmp(p->bytes.ptr, block.ptr, block.len) == 0)
			return p->meta;
	}
	return NULL;
}

int weir__groups_open(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	struct weir_slice block;
	int code;

	part->stream = &part->keyed->stream;
	code = weir__part_load(v, part, err);
	if (code)
		return code;
	block = metadata_bytes(part);
	part->meta = same_block(v, part, block);
	if (!part->meta) {
		code = weir_keyed_read_meta(block, part->path, &v->mem, &part->meta, err);
		if (code)
			return code;
	}
	part->format = weir_keyed_detect(part->keyed->kind, part->bytes, part->meta, &part->keyed->groups, part->op->max_parallelism);
	return weir__groups_ends(v, part, err);
}

/* What lies before p has been read: its pages need not stay in memory while the rest is. */
static void give_back(struct weir__scan_ctx *x, const uint8_t *p)
{
	const struct weir__part *part = x->part;

	if (!p || p < part->bytes.ptr || p > part->bytes.ptr + part->bytes.len)
		return; /* a key of a decompressed group, or none */
	if (p > x->done && part->map)
		weir_fs_map_done(part->map, (struct weir_slice){ x->done, (size_t)(p - x->done) });
	x->done = p;
}

static int group_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct weir__scan_ctx *x = arg;

	if ((uintptr_t)e->key.ptr - (uintptr_t)x->done > GIVE_BACK)
		give_back(x, e->key.ptr);
	return weir__scan_entry(x, state, e);
}

int32_t weir__wanted_group(const struct weir__scan_ctx *x, const struct weir__part *part)
{
	struct weir_arena scratch = { 0 };
	int32_t want = x->scan->key_group;
	uint32_t group;

	if (!x->scan->key.ptr)
		return want;
	if (weir_keyed_group_of(part->meta->key, x->scan->key, part->op->max_parallelism, &scratch, &group))
		want = want < 0 || want == (int32_t)group ? (int32_t)group : -2;
	weir_arena_fini(&scratch);
	return want;
}

int weir__groups_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	const struct weir_key_group_offsets *g = &part->keyed->groups;
	int32_t want = weir__wanted_group(x, part);
	uint32_t from = 0, to = g->count;

	if (want != -1) {
		if (want < g->first || (uint32_t)(want - g->first) >= g->count)
			return 0;
		from = (uint32_t)(want - g->first);
		to = from + 1;
	}
	x->done = part->bytes.ptr;
	for (uint32_t i = from; i < to; i++) {
		const uint8_t *start = part->bytes.ptr + (g->offsets[i] > 0 && (uint64_t)g->offsets[i] < part->bytes.len ? g->offsets[i] : 0);
		int32_t group = g->first + (int32_t)i;
		int code = weir_keyed_read_group(part->format, part->bytes, part->path, part->meta, group, g->offsets[i], part->ends[i],
						 part->op->max_parallelism, group_entry, x, err);

		if ((uintptr_t)start - (uintptr_t)x->done > GIVE_BACK)
			give_back(x, start);
		if (code)
			code = weir__scan_damage(x, group, code, err);
		if (code)
			return code;
	}
	return 0;
}
