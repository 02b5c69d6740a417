// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of key groups: the groups that hold keys, the shards that divide a large group by the hash of the key (two levels of 256 at most), the leaves of
 * the last level. A shard's rank is level << 16 | the first bytes of the hash.
 */
#include "fusefs/tree_rows.h"

#include <stdlib.h>

int weir__group_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			struct weir_error *err)
{
	struct weir_facts *f;
	int rc = weir__facts(t, dir, &f, err);

	if (rc)
		return rc;
	*out_n = f->nfull;
	if (i >= f->nfull)
		return 0;
	out->group = f->full[i];
	weir_buf_printf(name, "%05u", out->group);
	return 1;
}

int weir__group_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	struct weir_facts *f;
	int rc;

	if (strlen(name) != 5 || strspn(name, "0123456789") != 5)
		return WEIR_ENOTFOUND;
	out->group = (uint32_t)strtoul(name, NULL, 10);
	rc = weir__facts(t, dir, &f, err);
	if (rc)
		return rc;
	return out->group < f->ngroups && f->groups[out->group] ? 0 : WEIR_ENOTFOUND;
}

/* ---- shards ---- */
static int get_index(struct weir_tree *t, struct weir_inode n, const struct weir_index **out, struct weir__place *p, struct weir_error *err)
{
	int rc = weir__place_of(t, n, p, err);

	return rc ? rc : weir_index_get(t->cache, n.snapshot, p->view, n.slot, n.group, out, err);
}

/* Is this directory divided further? Its shards have this level then. */
static uint32_t next_level(struct weir_inode dir, const struct weir_index *x)
{
	uint32_t level = dir.kind == NODE_SHARD ? dir.rank >> 16 : 0;

	return level < x->depth ? level + 1 : 0;
}

/* Leaves of a shard: [lo, hi) of by_hash. */
static void shard_range(const struct weir_index *x, uint32_t level, uint32_t bits, uint32_t *lo, uint32_t *hi)
{
	uint32_t shift = level == 1 ? 56 : 48, from = 0, to = x->nleaves;

	if (!x->by_hash) {
		*lo = 0, *hi = x->nleaves;
		return;
	}
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (x->leaves[x->by_hash[mid]].hash >> shift < bits)
			from = mid + 1;
		else
			to = mid;
	}
	*lo = from;
	to = x->nleaves;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (x->leaves[x->by_hash[mid]].hash >> shift <= bits)
			from = mid + 1;
		else
			to = mid;
	}
	*hi = from;
}

int weir__shard_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	uint32_t level, base, lo, hi;
	uint64_t seen = 0;
	int rc = get_index(t, dir, &x, &p, err);

	if (rc)
		return rc;
	level = next_level(dir, x);
	base = level == 2 ? (dir.rank & 0xff) << 8 : 0;
	for (uint32_t b = 0; level && rc == 0 && b < 256; b++) {
		shard_range(x, level, base | b, &lo, &hi);
		if (lo == hi || seen++ != i)
			continue;
		out->rank = level << 16 | base | b;
		weir_buf_printf(name, "%02x", b);
		rc = 1;
	}
	*out_n = seen;
	weir_index_put(t->cache, x);
	return rc;
}

int weir__leaf_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		       struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	uint32_t lo = 0, hi;
	int rc = get_index(t, dir, &x, &p, err);

	if (rc)
		return rc;
	hi = x->nleaves;
	if (next_level(dir, x))
		hi = 0;
	else if (dir.kind == NODE_SHARD)
		shard_range(x, dir.rank >> 16, dir.rank & 0xffff, &lo, &hi);
	*out_n = hi - lo;
	if (i < *out_n) {
		out->rank = x->by_hash ? x->by_hash[lo + i] : (uint32_t)i;
		weir__leaf_name(p.state, x, out->rank, name);
		out->kind = weir__leaf_kind(t->view);
		weir_buf_text(name, weir__leaf_suffix(t->view));
		rc = 1;
	}
	weir_index_put(t->cache, x);
	return rc;
}
