// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a state (or operator) that are tables: all.tsv, ranges/, top/, key-groups.tsv, and those of timers. What needs the whole state in another order stands
 * on its index; the rest is one scan, or a segment a key group.
 */
#include "fusefs/tree_priv.h"

#include <stdlib.h>
#include <string.h>

#include "statetool/columns.h"
#include "statetool/text.h"
#include "statetool/usage.h"

/* ---- all.tsv: the columns of weir state export; tab, newline, return and backslash are \t \n \r \\ ---- */
static void tsv_text(struct weir_slice s, struct weir_buf *b)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		char coded = c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\\' ? '\\' : 0;

		if (coded)
			weir_buf_u8(b, '\\');
		weir_buf_u8(b, coded ? (uint8_t)coded : c);
	}
}

struct tsv {
	struct weir_columns *columns;
	struct weir_buf *out, text;
};

static int tsv_row(void *arg, const struct weir_json *const *cells)
{
	struct tsv *x = arg;

	for (uint32_t i = 0; i < weir_columns_count(x->columns); i++) {
		const struct weir_json *j = cells[i], *hex = weir_column(x->columns, i)->kind == WEIR_COLUMN_BLOB ? weir_json_member(j, "hex") : NULL;

		if (i)
			weir_buf_u8(x->out, '\t');
		if (hex)
			j = hex;
		if (j->kind == WEIR_JSON_STRING) {
			tsv_text(j->text, x->out);
		} else if (j->kind != WEIR_JSON_NULL) {
			weir_buf_clear(&x->text);
			weir_json_put(j, &x->text);
			tsv_text(weir_buf_slice(&x->text), x->out);
		}
	}
	weir_buf_u8(x->out, '\n');
	return 0;
}

/* Segment 0 is the header, then one a key group. */
int weir__render_tsv(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, uint64_t segment, struct weir_buf *b, struct weir_error *err)
{
	struct tsv x = { .out = b };
	struct weir_arena mem = { 0 };
	const struct weir_index *index = NULL;
	struct weir_facts *f;
	int rc = weir_columns_of(p->state, &mem, &x.columns, err);

	for (uint32_t i = 0; rc == 0 && segment == 0 && i < weir_columns_count(x.columns); i++) {
		const char *name = weir_column(x.columns, i)->name;

		weir_buf_text(b, i ? "\t" : "");
		tsv_text((struct weir_slice){ (const uint8_t *)name, strlen(name) }, b);
	}
	if (rc == 0 && segment == 0)
		weir_buf_u8(b, '\n');
	if (rc == 0 && segment > 0)
		rc = weir__facts(t, n, &f, err);
	if (rc == 0 && segment > 0 && segment <= f->nfull)
		rc = weir_index_get(t->cache, n.snapshot, p->view, n.slot, f->full[segment - 1], &index, err);
	for (uint32_t i = 0; rc == 0 && index && i < index->nentries; i++)
		rc = weir_columns_rows(x.columns, &index->entries[i], tsv_row, &x, err);
	weir_index_put(t->cache, index);
	if (x.columns)
		weir_columns_fini(x.columns);
	weir_arena_fini(&mem);
	weir_buf_fini(&x.text);
	return rc;
}

/* ---- ranges/: slices of all.jsonl, whole key groups, about equal by entries ---- */
uint32_t weir__ranges(const struct weir_facts *f) { return f->nfull < 64 ? f->nfull : 64; }

void weir__range_of(const struct weir_facts *f, uint32_t r, uint32_t *out_from, uint32_t *out_to)
{
	uint64_t total = 0, sum = 0, ranges = weir__ranges(f);
	uint32_t from = UINT32_MAX, to = UINT32_MAX;

	for (uint32_t i = 0; i < f->nfull; i++)
		total += f->groups[f->full[i]];
	for (uint32_t i = 0; i < f->nfull; i++) {
		if (from == UINT32_MAX && sum * ranges >= r * total)
			from = i;
		if (to == UINT32_MAX && sum * ranges >= (r + 1) * total)
			to = i;
		sum += f->groups[f->full[i]];
	}
	*out_from = from == UINT32_MAX ? f->nfull : from;
	*out_to = to == UINT32_MAX || r + 1 == ranges ? f->nfull : to;
}

/* ---- top/ ---- */
int weir__render_top(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, struct weir_buf *b, struct weir_error *err)
{
	enum { TOP = 1000 };
	struct weir_usage u = { 0 };
	const struct weir_largest *l;
	int rc = weir_usage_collect(p->view, p->op, p->state, TOP, NULL, &u, err);

	(void)t;
	if (rc)
		return rc;
	l = n.rank == 0 ? &u.entries_top : n.rank == 1 ? &u.lists : &u.maps;
	weir_buf_text(b, n.rank == 0 ? "bytes\tkey_group\tkey\n" : "size\tkey_group\tkey\n");
	for (uint32_t i = 0; i < l->n; i++) {
		const struct weir_large *x = &l->items[i];
		struct weir_entry e = { .state = p->state, .key = { x->key, x->key_len }, .ns = { x->key ? x->key + x->key_len : NULL, x->ns_len } };
		struct weir_leaf leaf = { .first = 0, .count = 1 };
		struct weir_index one = { .entries = &e, .leaves = &leaf, .nentries = 1, .nleaves = 1 };

		if (x->state != p->state)
			continue;
		weir_buf_printf(b, "%llu\t%d\t", (unsigned long long)x->size, (int)x->key_group);
		weir__leaf_name(p->state, &one, 0, b);
		weir_buf_u8(b, '\n');
	}
	if (u.why.code && err) { /* the largest may be what could not be read */
		*err = u.why;
		rc = u.why.code;
	}
	weir_usage_fini(&u);
	return rc;
}

/* ---- key-groups.tsv ---- */
static int32_t subtask_of(const struct weir_operator_state *op, uint32_t group)
{
	for (uint32_t i = 0; i < op->nsubtasks; i++) {
		const struct weir_keyed_handle *k = &op->subtasks[i].managed_keyed;

		if (k->kind != WEIR_KEYED_NONE && (int64_t)group >= k->groups.first && (int64_t)group < (int64_t)k->groups.first + k->groups.count)
			return (int32_t)op->subtasks[i].index;
	}
	return -1;
}

int weir__render_key_groups(const struct weir__place *p, struct weir_buf *b, struct weir_error *err)
{
	struct weir_usage u = { 0 };
	const struct weir_group_usage *g = NULL;
	int rc = weir_usage_collect(p->view, p->op, NULL, 1, NULL, &u, err);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < p->ckpt->noperators; i++)
		if (u.operators[i].op == p->op)
			g = u.operators[i].groups;
	weir_buf_text(b, "key_group\tsubtask\tentries\tbytes\n");
	for (uint32_t i = 0; g && i < p->op->max_parallelism; i++)
		if (g[i].entries)
			weir_buf_printf(b, "%u\t%d\t%llu\t%llu\n", i, (int)subtask_of(p->op, i), (unsigned long long)g[i].entries, (unsigned long long)g[i].bytes);
	if (u.why.code && err) {
		*err = u.why;
		rc = u.why.code;
	}
	weir_usage_fini(&u);
	return rc;
}

/* ---- timers ---- */
int weir__render_timers(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, struct weir_buf *b, struct weir_error *err)
{
	enum { NEXT = 1000 };
	const struct weir_index *x;
	int rc = weir_index_get(t->cache, n.snapshot, p->view, n.slot, WEIR_GROUP_WHOLE, &x, err);

	if (rc)
		return rc;
	for (uint32_t i = 0; n.kind == NODE_NEXT && i < x->nentries && i < NEXT; i++) {
		weir_text_entry(&x->entries[i], NULL, b);
		weir_buf_u8(b, '\n');
	}
	if (n.kind == NODE_HISTOGRAM)
		weir_buf_text(b, "hour\ttimers\n");
	for (uint32_t i = 0; n.kind == NODE_HISTOGRAM && i < x->nbuckets; i++) {
		weir__time_name(x->entries[x->leaves[x->buckets[i]].first].timestamp, true, b);
		weir_buf_printf(b, "\t%u\n", x->buckets[i + 1] - x->buckets[i]);
	}
	weir_index_put(t->cache, x);
	return 0;
}
