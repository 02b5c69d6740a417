// SPDX-License-Identifier: Apache-2.0
/*
 * From the logical graph to the plan: parallelism, chains, vertices. Pure but for the arena.
 *
 * A node joins the chain of its producer when it has one input edge, that edge is FORWARD from the main output or a side output, both have the same
 * parallelism, and chaining is not disabled. A FORWARD edge between different parallelisms becomes REBALANCE.
 * Invariant: in a vertex, producers stand before consumers; vertices are in topological order.
 */
#include <stdio.h>

#include "base/json.h"
#include "runtime/assign.h"
#include "runtime/graph.h"

static int check(struct weir_env *env, uint32_t max_parallelism, struct weir_error *err)
{
	bool *fed;

	if (env->err.code) {
		if (err)
			*err = env->err;
		return env->err.code;
	}
	if (env->nodes.len == 0)
		return weir_error_set(err, WEIR_EINVALID, "the job is empty: weir_main made no source");
	fed = weir_arena_zero(&env->arena, env->nodes.len + 2);
	if (!fed)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	for (size_t i = 0; i < env->nodes.len; i++) {
		struct weir_node *n = env->nodes.items[i];

		if (n->parallelism > max_parallelism)
			return weir_error_set(err, WEIR_EINVALID, "operator '%s': parallelism %u is more than the maximum parallelism %u "
					      "(pipeline.max-parallelism)", n->uid, n->parallelism, max_parallelism);
		for (uint32_t e = 0; e < n->nedges; e++)
			fed[n->edges[e].from->id] = true;
	}
	for (size_t i = 0; i < env->nodes.len; i++)
		if (env->nodes.items[i]->out && !fed[i + 1])
			return weir_error_set(err, WEIR_EINVALID, "operator '%s': nothing takes its output; end it with a sink (weir_discard throws rows away)",
					      env->nodes.items[i]->uid);
	return 0;
}

static bool joins_chain(const struct weir_node *n)
{
	return n->nedges == 1 && n->edges[0].exchange == WEIR_FORWARD && !n->no_chain && n->parallelism == n->edges[0].from->parallelism;
}

static int name_vertex(struct weir_env *env, struct weir_vertex *v)
{
	struct weir_buf b = { 0 };

	for (uint32_t i = 0; i < v->nnodes; i++)
		weir_buf_printf(&b, "%s%s", i ? " -> " : "", v->nodes[i]->uid);
	v->name = weir_arena_text(&env->arena, weir_buf_cstr(&b), b.len);
	weir_buf_fini(&b);
	return v->name ? 0 : WEIR_ENOMEM;
}

int weir_plan_make(struct weir_env *env, uint32_t parallelism, uint32_t max_parallelism, struct weir_plan **out, struct weir_error *err)
{
	struct weir_plan *p;
	uint32_t widest = parallelism;
	int code;

	for (size_t i = 0; i < env->nodes.len; i++) {
		if (!env->nodes.items[i]->parallelism)
			env->nodes.items[i]->parallelism = parallelism;
		if (env->nodes.items[i]->parallelism > widest)
			widest = env->nodes.items[i]->parallelism;
	}
	if (!max_parallelism)
		max_parallelism = weir_max_parallelism_default(widest);
	code = check(env, max_parallelism, err);
	if (code)
		return code;
	p = weir_arena_zero(&env->arena, sizeof(*p));
	if (p)
		p->vertices = weir_arena_zero(&env->arena, env->nodes.len * sizeof(*p->vertices));
	if (!p || !p->vertices)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	p->env = env;
	p->max_parallelism = max_parallelism;
	p->job_name = env->job_name ? env->job_name : "weir job";
	for (size_t i = 0; i < env->nodes.len; i++) {
		struct weir_node *n = env->nodes.items[i];
		struct weir_vertex *v;

		for (uint32_t e = 0; e < n->nedges; e++)
			if (n->edges[e].exchange == WEIR_FORWARD && n->edges[e].from->parallelism != n->parallelism)
				n->edges[e].exchange = WEIR_REBALANCE;
		if (joins_chain(n)) {
			n->vertex = n->edges[0].from->vertex;
			v = &p->vertices[n->vertex];
		} else {
			n->vertex = p->nvertices++;
			v = &p->vertices[n->vertex];
			v->id = n->vertex;
			v->parallelism = n->parallelism;
			v->nodes = weir_arena_zero(&env->arena, env->nodes.len * sizeof(*v->nodes));
			if (!v->nodes)
				return weir_error_set(err, WEIR_ENOMEM, "out of memory");
			p->ntasks += n->parallelism;
		}
		n->max_parallelism = max_parallelism;
		n->chain_index = v->nnodes;
		v->nodes[v->nnodes++] = n;
	}
	for (uint32_t i = 0; i < p->nvertices; i++)
		if (name_vertex(env, &p->vertices[i]))
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	*out = p;
	return 0;
}

int weir_plan_json(const struct weir_plan *p, const char *job_id, struct weir_buf *b)
{
	weir_buf_text(b, "{\"jid\":");
	weir_json_text(b, job_id);
	weir_buf_text(b, ",\"name\":");
	weir_json_text(b, p->job_name);
	weir_buf_text(b, ",\"type\":\"STREAMING\",\"nodes\":[");
	for (size_t i = 0; i < p->env->nodes.len; i++) {
		const struct weir_node *n = p->env->nodes.items[i];
		char id[33], text[400];

		weir_operator_id_hex(&n->op_id, id);
		weir_buf_printf(b, "%s{\"id\":%u,\"uid\":", i ? "," : "", n->id);
		weir_json_text(b, n->uid);
		weir_buf_printf(b, ",\"operator_id\":\"%s\",\"type\":", id);
		weir_json_text(b, n->ops->name);
		weir_buf_printf(b, ",\"pact\":\"%s\",\"contents\":", n->nedges ? (n->out ? "Operator" : "Data Sink") : "Data Source");
		weir_json_text(b, n->uid);
		weir_buf_printf(b, ",\"parallelism\":%u,\"max_parallelism\":%u,\"vertex\":%u", n->parallelism, n->max_parallelism, n->vertex);
		if (n->out) {
			weir_buf_text(b, ",\"output\":");
			weir_json_text(b, weir_type_text(n->out, text, sizeof(text)));
		}
		weir_buf_text(b, ",\"predecessors\":[");
		for (uint32_t e = 0; e < n->nedges; e++) {
			weir_buf_printf(b, "%s{\"id\":%u,\"ship_strategy\":\"%s\",\"chained\":%s", e ? "," : "", n->edges[e].from->id,
					weir_exchange_name(n->edges[e].exchange), n->edges[e].from->vertex == n->vertex ? "true" : "false");
			if (n->edges[e].key) {
				weir_buf_text(b, ",\"key\":");
				weir_json_text(b, n->edges[e].key->text);
			}
			if (n->edges[e].tag) {
				weir_buf_text(b, ",\"side_output\":");
				weir_json_text(b, n->edges[e].tag);
			}
			weir_buf_u8(b, '}');
		}
		weir_buf_text(b, "]}");
	}
	weir_buf_text(b, "]}");
	return weir_buf_error(b);
}
