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
	/* The row's key, made the backend's current one only when the function asks for state, a timer or the key: most calls look at the row and return. */
	const struct weir_batch *keyed;  /* the batch it lies in; NULL = the backend has it already */
	uint32_t key_row;                /* of keyed */
	const void *fired_key;           /* of the window that fires; else NULL */
	uint32_t key_size;
	struct weir_out out;
	struct weir_arena states;        /* handles of states */
	void *row;                       /* scratch for WEIR_ROW_BLOCK input rows */
};

/* The selected rows of a batch as records in c->row, a block at a time (a chain of three row functions: 40 -> 17 ns a row). */
struct weir_rows {
	const struct weir_batch *in;
	const uint16_t *pick;
	uint32_t n, i;                   /* rows; those given */
	uint32_t row;                    /* number in the batch of the record that next() gave */
	uint32_t size;                   /* of a record */
	uint32_t left;                   /* records that are made and not given */
	char *block, *next;              /* the next of them */
};
static inline struct weir_rows weir__rows(struct weir_ctx *c, const struct weir_batch *in, const uint16_t *pick, uint32_t n)
{
	return (struct weir_rows){ .in = in, .pick = pick, .n = n, .block = c->row, .next = c->row, .size = in->type->size };
}
/* Make the records of the next block. False at the end. */
static inline bool weir__rows_block(struct weir_rows *it)
{
	uint32_t n = it->n - it->i < WEIR_ROW_BLOCK ? it->n - it->i : WEIR_ROW_BLOCK;

	weir_batch_rows(it->in, it->pick ? it->pick + it->i : NULL, it->i, n, it->block);
	it->next = it->block;
	it->left = n;
	return n > 0;
}
/* NULL at the end. Also sets c->time_ms. */
static inline const void *weir__rows_next(struct weir_rows *it, struct weir_ctx *c)
{
	char *record;

	if (__builtin_expect(it->left == 0, 0) && !weir__rows_block(it))
		return NULL;
	it->left--;
	record = it->next;
	it->next += it->size;
	it->row = it->pick ? it->pick[it->i] : it->i;
	it->i++;
	c->time_ms = it->in->times ? it->in->times[it->row] : WEIR_NO_TIME;
	return record;
}

/* The context of op; out->type is the node's. */
struct weir_ctx *weir_ctx_new(struct weir_op *op, struct weir_error *err);
void weir_ctx_free(struct weir_ctx *c);
int weir_ctx_result_slow(struct weir_ctx *c, int returned, struct weir_error *err) WEIR_CHECK;
/* 0, or what the function returned or ran into, as an error. Call after each user function. */
static inline WEIR_CHECK int weir_ctx_result(struct weir_ctx *c, int returned, struct weir_error *err)
{
	return __builtin_expect(returned == 0 && c->err.code == 0, 1) ? 0 : weir_ctx_result_slow(c, returned, err);
}
/* In watermark() and tick(), after a timer: its output waits for a slower consumer, or it has fired enough for one step. */
extern uint32_t weir__fire_at_once; /* constant but for the simulator */
static inline bool weir__must_pause(const struct weir_ctx *c, uint32_t fired) { return fired >= weir__fire_at_once || weir__task_is_full(c->op->task); }
/* Send on what was emitted. */
int weir_out_flush(struct weir_out *o, struct weir_error *err) WEIR_CHECK;

#endif
