// SPDX-License-Identifier: Apache-2.0
/* Making and freeing a task: its operators, their outputs, and the place for its channels (which the job connects). */
#include "runtime/task.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t consumers_of(const struct weir_env *env, const struct weir_node *n, const struct weir_edge **out_edges, const struct weir_node **out_nodes)
{
	uint32_t count = 0;

	for (size_t i = 0; i < env->nodes.len; i++) {
		const struct weir_node *c = env->nodes.items[i];

		for (uint32_t e = 0; e < c->nedges; e++) {
			if (c->edges[e].from != n)
				continue;
			if (out_edges) {
				out_edges[count] = &c->edges[e];
				out_nodes[count] = c;
			}
			count++;
		}
	}
	return count;
}

static bool make_output(struct weir_task *t, struct weir_output *o, const struct weir_edge *e, const struct weir_node *to)
{
	o->consumer = to;
	o->edge = e;
	o->tag = e->tag;
	o->exchange = e->exchange;
	o->key = e->key;
	o->consumer_max_parallelism = to->max_parallelism;
	if (to->vertex == t->vertex->id) {
		o->chained = t->ops[to->chain_index].op;
		return true;
	}
	o->nchannels = e->exchange == WEIR_FORWARD ? 1 : to->parallelism;
	o->first = t->nout;
	o->next = e->exchange == WEIR_REBALANCE ? t->subtask % o->nchannels : 0;
	t->nout += o->nchannels;
	if (e->exchange == WEIR_BY_KEY && o->nchannels > 1) {
		o->picked = weir_arena_alloc(&t->arena, o->nchannels * sizeof(*o->picked), 64);
		o->npicked = weir_arena_zero(&t->arena, o->nchannels * sizeof(*o->npicked));
		return o->picked && o->npicked;
	}
	return true;
}

static bool make_op(struct weir_task *t, uint32_t i, const struct weir_node *n)
{
	struct weir_op_slot *slot = &t->ops[i];
	struct weir_op *op = weir_arena_alloc(&t->arena, n->ops->size, 64);

	if (!op)
		return false;
	memset(op, 0, n->ops->size);
	op->ops = n->ops;
	op->node = n;
	op->task = t;
	op->config = n->config;
	op->subtask = t->subtask;
	op->parallelism = n->parallelism;
	op->max_parallelism = n->max_parallelism;
	op->clock = t->clock;
	op->rng = &t->rng;
	op->watermark_ms = INT64_MIN;
	slot->op = op;
	slot->wake_ms = INT64_MAX;
	return true;
}

static bool make_outputs(struct weir_task *t, const struct weir_env *env)
{
	for (uint32_t i = 0; i < t->nops; i++) {
		struct weir_op_slot *slot = &t->ops[i];
		const struct weir_edge **edges;
		const struct weir_node **nodes;

		slot->noutputs = consumers_of(env, slot->op->node, NULL, NULL);
		edges = weir_arena_zero(&t->arena, slot->noutputs * sizeof(*edges) + 1);
		nodes = weir_arena_zero(&t->arena, slot->noutputs * sizeof(*nodes) + 1);
		slot->outputs = weir_arena_zero(&t->arena, slot->noutputs * sizeof(*slot->outputs) + 1);
		if (!edges || !nodes || !slot->outputs)
			return false;
		consumers_of(env, slot->op->node, edges, nodes);
		for (uint32_t k = 0; k < slot->noutputs; k++)
			if (!make_output(t, &slot->outputs[k], edges[k], nodes[k]))
				return false;
	}
	return true;
}

struct weir_task *weir_task_new(const struct weir_plan *plan, const struct weir_vertex *v, uint32_t subtask, uint32_t number, struct weir_host *host, uint64_t seed)
{
	struct weir_task *t = calloc(1, sizeof(*t));
	char name[128];
	bool ok = true;

	if (!t)
		return NULL;
	snprintf(name, sizeof(name), "%.100s[%u]", v->nodes[0]->uid, subtask);
	t->actor = (struct weir_actor){ .step = weir_task_step, .host = host, .name = weir_arena_text(&t->arena, name, strlen(name)) };
	t->number = number;
	t->vertex = v;
	t->subtask = subtask;
	t->rng.state = seed;
	t->clock = host->clock;
	t->err = (struct weir_error)WEIR_ERROR_INIT;
	t->mail_last = &t->mail;
	atomic_store(&t->watermark_ms, INT64_MIN);
	pthread_mutex_init(&t->mail_lock, NULL);
	t->nops = v->nnodes;
	t->ops = weir_arena_zero(&t->arena, t->nops * sizeof(*t->ops));
	for (uint32_t i = 0; t->ops && ok && i < t->nops; i++)
		ok = make_op(t, i, v->nodes[i]);
	if (!t->ops || !ok || !make_outputs(t, plan->env)) {
		weir_task_free(t);
		return NULL;
	}
	t->out = weir_arena_zero(&t->arena, t->nout * sizeof(*t->out) + 1);
	if (!t->out) {
		weir_task_free(t);
		return NULL;
	}
	return t;
}

void weir_task_free(struct weir_task *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->ops && i < t->nops; i++)
		if (t->ops[i].op && t->ops[i].op->backend)
			weir_backend_close(t->ops[i].op->backend);
	for (size_t i = t->overflow_head; i < t->overflow.len; i++)
		weir_element_drop(&t->overflow.items[i].element);
	weir_vec_fini(&t->overflow);
	weir_watermark_merge_fini(&t->merge);
	for (uint32_t i = 0; i < WEIR_TASK_ALIGNING; i++)
		weir_ckpt_request_unref(t->aligning[i]);
	weir_ckpt_request_unref(t->waiting);
	weir_vec_fini(&t->aborted);
	for (struct weir_mail *m = t->mail, *next; m; m = next) {
		next = m->next;
		weir_ckpt_request_unref(m->request);
		free(m);
	}
	pthread_mutex_destroy(&t->mail_lock);
	weir_arena_fini(&t->arena);
	free(t);
}
