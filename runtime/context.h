/* SPDX-License-Identifier: Apache-2.0 */
/* What a user function's ctx and out are. One context per operator instance; runtime/context.c and op_*.c look inside. */
#ifndef WEIR_RUNTIME_CONTEXT_H
#define WEIR_RUNTIME_CONTEXT_H

#include "runtime/task.h"

struct weir_out_side {
	const char *tag;
	struct weir_type *type;
	struct weir_batch *batch;
};

struct weir_out {
	struct weir_ctx *ctx;
	struct weir_type *type;          /* main output, or NULL */
	struct weir_batch *batch;        /* being filled, or NULL */
	WEIR_VEC(struct weir_out_side) sides;
	bool stopped;                    /* after an error: rows are dropped, the task fails after the call */
};

struct weir_ctx {
	struct weir_op *op;
	struct weir_error err;           /* what a call inside the user function ran into; code 0 = nothing */
	int64_t time_ms;                 /* of the row or timer */
	bool opening;
	struct weir_timers *timers;
	const void *key;                 /* current, native */
	struct weir_out out;
	struct weir_arena states;        /* handles of states */
	void *row;                       /* scratch for one input row */
};

/* The context of op; out->type is the node's. */
struct weir_ctx *weir_ctx_new(struct weir_op *op, struct weir_error *err);
void weir_ctx_free(struct weir_ctx *c);
/* 0, or what the function returned or ran into, as an error. Call after each user function. */
int weir_ctx_result(struct weir_ctx *c, int returned, struct weir_error *err) WEIR_CHECK;
/* Send on what was emitted. */
int weir_out_flush(struct weir_out *o, struct weir_error *err) WEIR_CHECK;

#endif
