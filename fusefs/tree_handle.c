// SPDX-License-Identifier: Apache-2.0
/*
 * handles/: each state handle as its own bytes, OPERATOR.SUBTASK.KIND.N.bin: a window of a file, or what lies inline in _metadata. Channel state
 * (unaligned checkpoints) is input-GATE.CHANNEL and output-PARTITION.SUBPARTITION. The list is made with the view and never changes.
 */
#include "fusefs/tree_rows.h"

#include <stdio.h>
#include <string.h>

static const struct weir_channel_handle *channel_of(const struct weir_channel_handle *c, uint32_t n, const struct weir_stream_handle *h)
{
	for (uint32_t i = 0; i < n; i++)
		if (&c[i].stream == h)
			return &c[i];
	return NULL;
}

static void kind_of(const struct weir_subtask_state *s, const struct weir_stream_handle *h, char out[32])
{
	const struct weir_channel_handle *c;

	if (!s)
		strcpy(out, "coordinator");
	else if (h == &s->managed_operator.stream)
		strcpy(out, "operator");
	else if (h == &s->raw_operator.stream)
		strcpy(out, "raw-operator");
	else if (h == &s->raw_keyed.stream)
		strcpy(out, "raw-keyed");
	else if ((c = channel_of(s->inputs, s->ninputs, h)) != NULL)
		snprintf(out, 32, "input-%d.%d", c->a, c->b);
	else if ((c = channel_of(s->outputs, s->noutputs, h)) != NULL)
		snprintf(out, 32, "output-%d.%d", c->a, c->b);
	else
		strcpy(out, "keyed");
}

struct gathering {
	struct weir_snapshot *s;
	uint32_t cap;
};

static int gather(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct gathering *g = arg;
	struct weir_snapshot *s = g->s;
	struct weir_named_part *to;

	if (!op)
		return 0;
	if (s->nhandles == g->cap) {
		to = weir_arena_alloc(&s->mem, 2 * g->cap * sizeof(*to), 16);
		if (!to)
			return WEIR_ENOMEM;
		memcpy(to, s->handles, s->nhandles * sizeof(*to));
		s->handles = to;
		g->cap *= 2;
	}
	to = &s->handles[s->nhandles++];
	*to = (struct weir_named_part){ .op = op, .sub = sub, .handle = h };
	kind_of(sub, h, to->kind);
	for (uint32_t i = s->nhandles - 1; i-- > 0 && s->handles[i].op == op && s->handles[i].sub == sub;)
		if (strcmp(s->handles[i].kind, to->kind) == 0) {
			to->number = s->handles[i].number + 1;
			break;
		}
	return 0;
}

int weir__gather_handles(struct weir_snapshot *s)
{
	struct gathering g = { s, 64 };

	s->handles = weir_arena_alloc(&s->mem, g.cap * sizeof(*s->handles), 16);
	return s->handles ? weir_ckpt_each_handle(s->ckpt, gather, &g) : WEIR_ENOMEM;
}

int weir__handle_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			 struct weir_error *err)
{
	const struct weir_named_part *h;
	struct weir__place p;
	char hex[33];
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	*out_n = p.snap->nhandles < 1u << 20 ? p.snap->nhandles : 1u << 20;
	if (i >= *out_n)
		return 0;
	h = &p.snap->handles[i];
	weir_operator_id_hex(&h->op->id, hex);
	weir_buf_printf(name, "%s.", hex);
	if (h->sub)
		weir_buf_printf(name, "%05u.", h->sub->index);
	weir_buf_printf(name, "%s.%u.bin", h->kind, h->number);
	out->rank = (uint32_t)i;
	return 1;
}
