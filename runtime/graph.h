/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logical graph that weir_main builds, and the physical plan made from it: operators chained into vertices, one task per vertex and subtask.
 * Plain data in the environment's arena; immutable once planned.
 */
#ifndef WEIR_RUNTIME_GRAPH_H
#define WEIR_RUNTIME_GRAPH_H

#include <weir/ckpt.h>
#include <weir/flow.h>

#include "base/arena.h"
#include "base/vec.h"
#include "runtime/op.h"

enum weir_exchange { WEIR_FORWARD, WEIR_BY_KEY, WEIR_REBALANCE, WEIR_BROADCAST_ALL };
const char *weir_exchange_name(enum weir_exchange e); /* FORWARD, HASH, REBALANCE, BROADCAST: as Flink's plan says */

/* How to take the key out of a row. */
struct weir_key_spec {
	struct weir_type *type;       /* of the key: the field's own type, or a tuple of them */
	uint32_t nfields;             /* 0: the row itself */
	const uint32_t *fields;
	const char *text;             /* "origin" */
};

struct weir_edge {
	struct weir_node *from;
	const char *tag;              /* side output, or NULL */
	enum weir_exchange exchange;
	const struct weir_key_spec *key; /* BY_KEY */
};

struct weir_side {
	const char *tag;
	struct weir_type *type;
};

struct weir_node {
	uint32_t id;                  /* from 1, in the order of creation: a topological order */
	const char *uid;
	struct weir_operator_id op_id;
	const struct weir_op_ops *ops;
	const void *config;
	struct weir_type *in, *out;   /* NULL for sources / sinks */
	const struct weir_key_spec *key;
	uint32_t parallelism;         /* 0 = default, until planned */
	uint32_t max_parallelism;     /* planned; a restored operator keeps the one it was stored with */
	bool no_chain;
	uint32_t nedges;
	struct weir_edge *edges;      /* inputs */
	WEIR_VEC(struct weir_side) sides;
	uint32_t vertex;              /* planned: index into plan->vertices */
	uint32_t chain_index;         /* place within it */
};

struct weir_stream {
	struct weir_env *env;
	struct weir_node *node;       /* that made it; NULL for a union */
	struct weir_type *type;
	uint32_t nedges;
	struct weir_edge *edges;      /* what a consumer would be connected to */
};

struct weir_keyed {
	struct weir_stream *stream;
	const struct weir_key_spec *key;
};

struct weir_env {
	struct weir_arena arena;
	struct weir_error err;        /* the first build error */
	WEIR_VEC(struct weir_node *) nodes;
	const char *job_name;
	int argc;
	char **argv;
	struct weir_stream *broken;   /* handed out after an error */
	bool *arg_used;               /* argc flags */
};

struct weir_env *weir_env_new(int argc, char **argv);
void weir_env_free(struct weir_env *env);
/* A build error: the first one sticks. */
void weir_env_fail(struct weir_env *env, int code, const char *uid, const char *fmt, ...) WEIR_PRINTF(4, 5);

/* ---- the plan ---- */
struct weir_vertex {
	uint32_t id;
	uint32_t parallelism;
	uint32_t nnodes;
	struct weir_node **nodes;     /* chain, head first; every node's consumer in the chain comes later */
	const char *name;             /* "flights -> timestamps" */
};

struct weir_plan {
	struct weir_env *env;
	const char *job_name;
	uint32_t max_parallelism;     /* of every operator, unless a restored one says otherwise */
	uint32_t nvertices;
	struct weir_vertex *vertices; /* topological order */
	uint32_t ntasks;
};

/* Check the graph and lay it out. Reports the sticky build error first. default_parallelism >= 1; max_parallelism 0 = Flink's default. */
int weir_plan_make(struct weir_env *env, uint32_t default_parallelism, uint32_t max_parallelism, struct weir_plan **out, struct weir_error *err) WEIR_CHECK;
/* Flink's JSON plan: {"jid","name","type","nodes":[...]}. */
int weir_plan_json(const struct weir_plan *p, const char *job_id, struct weir_buf *out) WEIR_CHECK;

#endif
