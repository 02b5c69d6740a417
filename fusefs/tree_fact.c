// SPDX-License-Identifier: Apache-2.0
/*
 * Facts about a state: how many entries it has, how many bytes, in which key groups. Learnt by one scan when first asked for, under facts_lock; damage is
 * remembered as the state's own error and does not hide other states.
 */
#include "fusefs/tree_priv.h"

#include <stdlib.h>
#include <string.h>

#include "statetool/list.h"

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory for the mount"); }

struct counting {
	struct weir_facts *f;
	bool keyed;
	struct weir_error *why;
};

static int count_entry(void *arg, const struct weir_entry *e)
{
	struct counting *c = arg;
	uint32_t g = c->keyed && e->key_group >= 0 && (uint32_t)e->key_group < c->f->ngroups ? (uint32_t)e->key_group : 0;

	if (e->undecodable && c->keyed && e->state->op && weir_operator_unreadable(e->state->op)) {
		c->f->code = weir_error_set(c->why, WEIR_EUNSUPPORTED, "this keyed state is stored as %s, which this version does not read", weir_operator_unreadable(e->state->op));
		return c->f->code;
	}
	c->f->count++;
	c->f->bytes += e->key.len + e->ns.len + e->user_key.len + e->value.len + (e->state->kind == WEIR_STATE_TIMER ? 8 : 0);
	if (c->f->groups[g] < UINT32_MAX)
		c->f->groups[g]++;
	return 0;
}

static void count_problem(void *arg, const struct weir_problem *p)
{
	struct counting *c = arg;

	if (c->f->code == 0)
		c->f->code = weir_error_at(c->why, p->code, p->path, p->offset, "%s", p->text ? p->text : weir_code_text(p->code));
	if (c->keyed && p->key_group >= 0 && (uint32_t)p->key_group < c->f->ngroups && !c->f->groups[p->key_group])
		c->f->groups[p->key_group] = 1; /* listed, so that opening it says what is wrong */
}

static int count_state(struct weir_facts *f, const struct weir__place *p, struct weir_error *why)
{
	struct counting c = { f, weir_state_is_keyed(p->state->kind), why };
	struct weir_arena *mem = &p->snap->mem;
	struct weir_scan scan = WEIR_SCAN_ALL;
	int rc;

	f->ngroups = c.keyed && p->op ? p->op->max_parallelism : 1;
	if (f->ngroups == 0 || f->ngroups > 32768)
		f->ngroups = 32768;
	f->groups = weir_arena_zero(mem, f->ngroups * sizeof(*f->groups));
	if (!f->groups)
		return no_memory(why);
	scan.state = p->state;
	scan.problem = count_problem;
	scan.problem_arg = &c;
	rc = weir_view_scan(p->view, &scan, count_entry, &c, why);
	if (rc == WEIR_ENOMEM)
		return rc;
	if (rc && f->code == 0)
		f->code = rc;
	for (uint32_t i = 0; i < f->ngroups; i++)
		f->nfull += f->groups[i] > 0;
	f->full = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->full));
	f->all_len = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->all_len));
	f->keys_len = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->keys_len));
	f->tsv_len = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->tsv_len));
	if (!f->full || !f->all_len || !f->keys_len || !f->tsv_len)
		return no_memory(why);
	f->top_len[0] = f->top_len[1] = f->top_len[2] = f->tsv_len[0] = -1;
	for (uint32_t i = 0, n = 0; i < f->ngroups; i++)
		if (f->groups[i]) {
			f->all_len[n] = f->keys_len[n] = f->tsv_len[n + 1] = -1;
			f->full[n++] = i;
		}
	return 0;
}

/* Damage in a state does not hide the rest of it: the facts are there, with .code. State that is not read at all is an error. */
int weir__facts(struct weir_tree *t, struct weir_inode n, struct weir_facts **out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_facts *f;
	int rc = weir__place_of(t, n, &p, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&t->facts_lock);
	f = &p.snap->facts[n.slot];
	if (!f->counted) {
		memset(f, 0, sizeof(*f));
		rc = count_state(f, &p, &why);
		__atomic_store_n(&f->counted, rc == 0, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&t->facts_lock);
	if (rc == 0 && f->code == WEIR_EUNSUPPORTED) {
		rc = f->code;
		if (why.code == 0)
			weir_error_set(&why, rc, "this keyed state is stored as %s, which this version does not read",
				       p.op && weir_operator_unreadable(p.op) ? weir_operator_unreadable(p.op) : "files");
	} else if (rc == 0 && why.code) {
		weir_tree_note(t, weir_inode_pack(n), &why);
	}
	if (rc && err)
		*err = why;
	else
		*out = f;
	return rc;
}

/* ---- states by size ---- */
struct sized {
	uint32_t slot;
	uint64_t bytes;
};

static int larger_first(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	return x->bytes != y->bytes ? (x->bytes < y->bytes) - (x->bytes > y->bytes) : (x->slot > y->slot) - (x->slot < y->slot);
}

int weir__sizes(struct weir_tree *t, const struct weir__place *p, struct weir_error *err)
{
	uint32_t n = weir_view_nstates(p->view);
	struct weir_state_count *counts = NULL;
	struct sized *order = NULL;
	int rc = 0;

	pthread_mutex_lock(&t->facts_lock);
	if (!p->snap->by_size) {
		uint64_t *bytes = weir_arena_zero(&p->snap->mem, (n + 1) * sizeof(*bytes));
		uint32_t *slots = weir_arena_zero(&p->snap->mem, (n + 1) * sizeof(*slots));

		counts = calloc(n + 1, sizeof(*counts));
		order = calloc(n + 1, sizeof(*order));
		rc = bytes && slots && counts && order ? weir_state_counts(p->view, counts, NULL) : WEIR_ENOMEM;
		for (uint32_t i = 0; i < n && rc == 0; i++)
			order[i] = (struct sized){ i, bytes[i] = counts[i].bytes };
		if (rc == 0) {
			qsort(order, n, sizeof(*order), larger_first);
			for (uint32_t i = 0; i < n; i++)
				slots[i] = order[i].slot;
			p->snap->state_bytes = bytes;
			__atomic_store_n(&p->snap->by_size, slots, __ATOMIC_RELEASE);
		}
	}
	pthread_mutex_unlock(&t->facts_lock);
	free(counts);
	free(order);
	return rc ? no_memory(err) : 0;
}
