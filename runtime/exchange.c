// SPDX-License-Identifier: Apache-2.0
/*
 * From an operator's output to where it goes: the next operator of the chain (a call), or channels (a batch reference and a row list; rows are never
 * copied). What finds its channel full goes to the task's overflow, in order; the task takes no new input until the overflow is empty, so it holds at
 * most what one input element produced.
 *
 * Invariant: while any overflow exists, everything sent later goes behind it (order per channel is kept).
 */
#include "runtime/assign.h"
#include "runtime/keys.h"
#include "runtime/task.h"

#include <stdlib.h>

int weir__task_send(struct weir_task *t, uint32_t channel, struct weir_element *e, struct weir_error *err)
{
	struct weir_overflow *o;

	if (t->overflow_head == t->overflow.len && weir_channel_push(t->out[channel], e))
		return 0;
	o = weir_vec_push(&t->overflow);
	if (!o) {
		weir_element_drop(e);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for rows that wait for a slower operator");
	}
	*o = (struct weir_overflow){ channel, *e };
	return 0;
}

int weir__task_send_all(struct weir_task *t, enum weir_element_kind kind, int64_t value, struct weir_ckpt_request *r, struct weir_error *err)
{
	for (uint32_t i = 0; i < t->nout; i++) {
		struct weir_element e = { .kind = kind };
		int code;

		if (kind == WEIR_EL_BARRIER)
			e.u.request = weir_ckpt_request_ref(r);
		else
			e.u.value = value;
		code = weir__task_send(t, i, &e, err);
		if (code)
			return code;
	}
	return 0;
}

bool weir__task_flush_overflow(struct weir_task *t)
{
	while (t->overflow_head < t->overflow.len) {
		struct weir_overflow *o = &t->overflow.items[t->overflow_head];

		if (!weir_channel_push(t->out[o->channel], &o->element))
			return false;
		t->overflow_head++;
	}
	t->overflow.len = t->overflow_head = 0;
	return true;
}

/* Into empty rings but for a watermark and a barrier or two: it never waits behind rows. */
int weir__task_send_start(struct weir_task *t, struct weir_error *err)
{
	if (t->started)
		return 0;
	t->started = true;
	return weir__task_send_all(t, WEIR_EL_START, 0, NULL, err);
}

static int send_batch(struct weir_task *t, uint32_t channel, struct weir_batch *b, const uint16_t *rows, uint32_t n, struct weir_error *err)
{
	struct weir_element e = { .kind = WEIR_EL_BATCH };
	int code = weir__task_send_start(t, err);

	if (code)
		return code;
	if (rows) {
		if (n == 0)
			return 0;
		e.rows.n = n;
		e.rows.rows = malloc(n * sizeof(*rows));
		if (!e.rows.rows)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
		memcpy(e.rows.rows, rows, n * sizeof(*rows));
	}
	e.u.batch = weir_batch_ref(b);
	return weir__task_send(t, channel, &e, err);
}

struct attached { /* the batch under the key of an earlier output: the next one often has the same */
	struct weir_batch *batch;
	const struct weir_output *of;
};

static bool same_key(const struct weir_output *a, const struct weir_output *b)
{
	return a->consumer_max_parallelism == b->consumer_max_parallelism && a->key->nfields == b->key->nfields &&
	       memcmp(a->key->fields, b->key->fields, a->key->nfields * sizeof(a->key->fields[0])) == 0;
}

static int send_by_key(struct weir_task *t, struct weir_output *o, struct weir_batch *b, const struct weir_select *rows, struct attached *at, struct weir_error *err)
{
	uint32_t n = rows && rows->rows ? rows->n : b->rows;
	const uint16_t *pick = rows ? rows->rows : NULL;
	struct weir_batch *keyed;
	int code = 0;

	if (!at->batch || !same_key(at->of, o)) {
		weir_batch_unref(at->batch);
		at->batch = NULL;
		code = weir_keys_attach(o->key, b, rows, o->consumer_max_parallelism, &at->batch, err);
		at->of = o;
		if (code)
			return code;
	}
	keyed = at->batch;
	if (o->nchannels == 1)
		return send_batch(t, o->first, keyed, pick, n, err);
	memset(o->npicked, 0, o->nchannels * sizeof(*o->npicked));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t r = pick ? pick[i] : i;
		uint32_t to = weir_key_group_owner(o->consumer_max_parallelism, o->nchannels, keyed->groups[r]);

		o->picked[to][o->npicked[to]++] = (uint16_t)r;
	}
	for (uint32_t c = 0; c < o->nchannels && !code; c++)
		code = send_batch(t, o->first + c, keyed, o->picked[c], o->npicked[c], err);
	return code;
}

static int send_output(struct weir_task *t, struct weir_output *o, struct weir_batch *b, const struct weir_select *rows, struct attached *at, struct weir_error *err)
{
	const uint16_t *pick = rows ? rows->rows : NULL;
	uint32_t n = pick ? rows->n : b->rows;
	int code = 0;

	switch (o->exchange) {
	case WEIR_BY_KEY:
		return send_by_key(t, o, b, rows, at, err);
	case WEIR_BROADCAST_ALL:
		for (uint32_t c = 0; c < o->nchannels && !code; c++)
			code = send_batch(t, o->first + c, b, pick, n, err);
		return code;
	default: /* FORWARD has one channel; REBALANCE takes turns, a batch at a time */
		code = send_batch(t, o->first + o->next, b, pick, n, err);
		o->next = (o->next + 1) % o->nchannels;
		return code;
	}
}

static bool same_tag(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static int emit(struct weir_task *t, struct weir_op_slot *slot, const char *tag, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err)
{
	uint32_t n = rows && rows->rows ? rows->n : b->rows;
	struct attached at = { 0 };
	int code = 0;

	if (n == 0)
		return 0;
	if (!tag)
		slot->op->rows_out += n;
	for (uint32_t i = 0; i < slot->noutputs && !code; i++) {
		struct weir_output *o = &slot->outputs[i];

		if (!same_tag(o->tag, tag))
			continue;
		if (o->chained) {
			o->chained->rows_in += n;
			weir__current_op = o->chained;
			code = o->chained->ops->batch(o->chained, b, rows, err);
			weir__current_op = slot->op;
			if (code)
				weir__blame(o->chained, code, err);
		} else {
			code = send_output(t, o, b, rows, &at, err);
		}
	}
	weir_batch_unref(at.batch);
	return code;
}

/* ---- what operators call (op.h) ---- */

int weir_op_emit(struct weir_op *op, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err)
{
	/* a source's first rows may all be dropped in the chain, and the watermark behind them is a new one: it must not come before START */
	int code = op->task->started || op->task->nin ? 0 : weir__task_send_start(op->task, err);

	if (code)
		return code;
	return emit(op->task, weir__slot_of(op), NULL, b, rows, err);
}

int weir_op_emit_side(struct weir_op *op, const char *tag, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err)
{
	return emit(op->task, weir__slot_of(op), tag, b, rows, err);
}
