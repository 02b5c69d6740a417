// SPDX-License-Identifier: Apache-2.0
/* Where a node lives: its coordinates looked up in the source, and how its name is written. Everything else about a node starts here. */
#include "fusefs/tree_rows.h"

#include <string.h>

#include "fusefs/name.h"
#include "statetool/list.h"

bool weir__inode_is_state(enum weir_inode_kind k)
{
	return k >= NODE_STATE || k == NODE_TIMER || k == NODE_SERVICE || k == NODE_OPER_STATE || k == NODE_MODE || k == NODE_BROADCAST || k == NODE_RAW_STATE || k == NODE_SIZE_LINK;
}

static bool is_operator(enum weir_inode_kind k)
{
	return (k >= NODE_OPERATOR && !weir__inode_is_state(k)) || k == NODE_UID_LINK || k == NODE_NAME_LINK;
}

int weir__place_of(struct weir_tree *t, struct weir_inode n, struct weir__place *out, struct weir_error *err)
{
	struct weir__place p = { 0 };
	int rc;

	if (n.kind >= NODE_KINDS)
		return WEIR_ENOTFOUND;
	p.snap = weir_source_slot(t->src, n.snapshot);
	if (!p.snap)
		return WEIR_ENOTFOUND;
	rc = weir_snapshot_view(p.snap, &p.view, err);
	if (rc)
		return rc;
	p.ckpt = weir_view_ckpt(p.view);
	if (weir__inode_is_state(n.kind)) {
		if (n.slot >= weir_view_nstates(p.view))
			return WEIR_ENOTFOUND;
		p.state = weir_view_state(p.view, n.slot);
		p.op = p.state->op;
	} else if (is_operator(n.kind)) {
		if (n.slot >= p.ckpt->noperators)
			return WEIR_ENOTFOUND;
		p.op = &p.ckpt->operators[n.slot];
	}
	*out = p;
	return 0;
}

bool weir__is_small(struct weir_tree *t, const struct weir__place *p)
{
	uint64_t sum = 0;

	if (p->op)
		return weir_operator_bytes(p->op) <= t->exact_bytes;
	for (uint32_t i = 0; i < p->ckpt->noperators; i++)
		sum += weir_operator_bytes(&p->ckpt->operators[i]);
	return sum <= t->exact_bytes;
}

void weir__put_name(const char *text, struct weir_buf *name)
{
	struct weir_slice s = { (const uint8_t *)text, strlen(text) };
	uint8_t hash[16];
	size_t from = name->len;

	weir_name_encode(s, name);
	weir_leaf_hash(s, (struct weir_slice){ 0 }, hash);
	weir_name_shorten(name, from, 240, hash, false);
}
