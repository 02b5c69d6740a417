// SPDX-License-Identifier: Apache-2.0
/*
 * Process functions: a user's struct per subtask, called for each row and each timer of the current key. Timers of the service "user-timers", as Flink
 * names them; event-time timers fire at watermarks in the order (time, key), whatever the order of their making.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"

#include <stdlib.h>

struct process_op {
	struct weir_op base;
	struct weir_ctx *c;
	const struct weir_process *p;
	void *self;
	bool opened;
};

static int process_open(struct weir_op *op, struct weir_error *err)
{
	struct process_op *s = (struct process_op *)op;
	const struct weir_process_config *cfg = op->config;
	int code = 0;

	s->p = cfg->process;
	s->c = op->ctx = weir_ctx_new(op, err);
	s->self = calloc(1, s->p->size ? s->p->size : 1);
	if (!s->c || !s->self)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	if (op->backend && s->p->timer)
		code = weir_backend_timers(op->backend, "user-timers", &weir_void, &s->c->timers, err);
	if (code)
		return code;
	s->c->opening = true;
	s->opened = true;
	code = weir_ctx_result(s->c, s->p->open ? s->p->open(s->c, s->self) : 0, err);
	s->c->opening = false;
	if (!code && s->c->timers && weir_timers_next(s->c->timers, WEIR_PROCESSING_TIME) != INT64_MAX)
		weir_op_wake_at(op, weir_timers_next(s->c->timers, WEIR_PROCESSING_TIME));
	return code;
}

static int process_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct process_op *s = (struct process_op *)op;
	const uint16_t *pick = rows ? rows->rows : NULL;
	struct weir_rows it = weir__rows(s->c, in, pick, pick ? rows->n : in->rows);
	const struct weir_batch *keyed = op->backend ? in : NULL;
	const void *row;
	int code = 0;

	while (!code && (row = weir__rows_next(&it, s->c)) != NULL) {
		s->c->keyed = keyed;
		s->c->key_row = it.row;
		code = weir_ctx_result(s->c, s->p->element(s->c, s->self, row, &s->c->out), err);
	}
	s->c->keyed = NULL;
	if (!code && op->backend)
		code = weir_backend_settle(op->backend, err);
	return code ? code : weir_out_flush(&s->c->out, err);
}

/* *out_more: timers are left that are due, for want of room for what they emit. */
static int fire(struct process_op *s, enum weir_time_domain d, int64_t up_to, bool *out_more, struct weir_error *err)
{
	uint32_t fired = 0;
	const void *ns;
	int64_t time;
	int code = 0;

	while (!code && !*out_more && weir_timers_pop(s->c->timers, d, up_to, &time, &ns)) {
		s->c->time_ms = time;
		code = weir_ctx_result(s->c, s->p->timer(s->c, s->self, time, &s->c->out), err);
		*out_more = weir__must_pause(s->c, ++fired);
	}
	if (!code)
		code = weir_backend_settle(s->base.backend, err);
	return code || *out_more ? code : weir_out_flush(&s->c->out, err);
}

static int process_watermark(struct weir_op *op, int64_t w, bool *out_more, struct weir_error *err)
{
	struct process_op *s = (struct process_op *)op;

	return s->c->timers ? fire(s, WEIR_EVENT_TIME, w, out_more, err) : 0;
}

static int process_tick(struct weir_op *op, int64_t now, struct weir_error *err)
{
	struct process_op *s = (struct process_op *)op;
	bool more = false;
	int code = s->c->timers ? fire(s, WEIR_PROCESSING_TIME, now, &more, err) : 0;

	if (!code && more) /* rows may come in between: send what was emitted before */
		code = weir_out_flush(&s->c->out, err);
	if (!code && s->c->timers && weir_timers_next(s->c->timers, WEIR_PROCESSING_TIME) != INT64_MAX)
		weir_op_wake_at(op, weir_timers_next(s->c->timers, WEIR_PROCESSING_TIME));
	return code;
}

static int process_finish(struct weir_op *op, struct weir_error *err)
{
	struct process_op *s = (struct process_op *)op;
	int code = 0;

	s->c->time_ms = WEIR_NO_TIME;
	if (s->p->finish)
		code = weir_ctx_result(s->c, s->p->finish(s->c, s->self, &s->c->out), err);
	return code ? code : weir_out_flush(&s->c->out, err);
}

static void process_close(struct weir_op *op)
{
	struct process_op *s = (struct process_op *)op;

	if (s->opened && s->p->close)
		s->p->close(s->c, s->self);
	free(s->self);
	weir_ctx_free(s->c);
	s->self = NULL;
	s->c = op->ctx = NULL;
}

#define PROCESS .size = sizeof(struct process_op), .open = process_open, .batch = process_batch, .finish = process_finish, .close = process_close
const struct weir_op_ops weir_op_process = { .name = "KeyedProcess", .keyed = true, PROCESS, .watermark = process_watermark, .tick = process_tick };
const struct weir_op_ops weir_op_process_stream = { .name = "Process", PROCESS };
