// SPDX-License-Identifier: Apache-2.0
/*
 * The task: one step at a time through mail, due timers, and either one poll of its source or some elements of its input channels. It never blocks;
 * what it cannot pass on waits in the overflow (exchange.c), and while anything waits there no input is taken.
 *
 * Order within a step: mail, a snapshot that waits, overflow, processing-time timers, the rest of a watermark, input. So a checkpoint trigger is answered between two batches,
 * and a watermark that fires millions of timers holds no more of their rows than fit downstream: barriers, like all input, wait until it is through.
 * Invariants: `state` moves only along the table below; END is sent once; after a barrier was sent for a checkpoint nothing of before it follows.
 * Start: a task takes no rows before each input has said where it starts (START, behind its first watermark) or that it has nothing (END). Else rows that
 * were late would not be late after a restore, when the watermark of one input, or the end of an empty one, comes behind the rows of another.
 */
#include "runtime/task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

_Thread_local const struct weir_op *weir__current_op;

static const struct {
	const char *name;
	uint32_t next; /* bit set */
} states[WEIR_TASK_STATE_MAX] = {
#define B(s) (1u << WEIR_TASK_##s)
	[WEIR_TASK_NEW] = { "CREATED", B(RUNNING) | B(ENDED) | B(CLOSED) | B(FAILED) | B(CANCELED) },
	[WEIR_TASK_RUNNING] = { "RUNNING", B(ENDED) | B(CLOSED) | B(FAILED) | B(CANCELED) },
	[WEIR_TASK_ENDED] = { "ENDED", B(CLOSED) | B(FAILED) | B(CANCELED) },
	[WEIR_TASK_CLOSED] = { "FINISHED", 0 },
	[WEIR_TASK_FAILED] = { "FAILED", 0 },
	[WEIR_TASK_CANCELED] = { "CANCELED", 0 },
#undef B
};

static void go(struct weir_task *t, enum weir_task_state to)
{
	assert(states[t->state].next & 1u << to);
	t->state = to;
	atomic_store(&t->task_state, (int)to);
}

static void tell(struct weir_task *t, enum weir_task_event_kind kind)
{
	struct weir_task_event e = { .kind = kind, .task = t->number, .state = t->state, .err = t->err };

	t->tell(t->job, &e);
}

void weir_op_notice(struct weir_op *op, const char *fmt, ...)
{
	struct weir_task_event e = { .kind = WEIR_TASK_NOTICE, .task = op->task->number, .err = WEIR_ERROR_INIT };
	va_list ap;
	int n = snprintf(e.err.msg, sizeof(e.err.msg), "operator '%.200s': ", op->node->uid);

	va_start(ap, fmt);
	vsnprintf(e.err.msg + n, sizeof(e.err.msg) - (size_t)n, fmt, ap);
	va_end(ap);
	op->task->tell(op->task->job, &e);
}

/* ---- mail ---- */

void weir_task_mail(struct weir_task *t, const struct weir_mail *m)
{
	struct weir_mail *copy = malloc(sizeof(*copy));

	if (!copy) /* the job would wait for ever: better to end here, with the reason in the core */
		abort();
	*copy = *m;
	copy->next = NULL;
	pthread_mutex_lock(&t->mail_lock);
	*t->mail_last = copy;
	t->mail_last = &copy->next;
	atomic_store(&t->has_mail, true);
	pthread_mutex_unlock(&t->mail_lock);
	weir_wake(&t->actor);
}

static struct weir_mail *take_mail(struct weir_task *t)
{
	struct weir_mail *m;

	if (!atomic_load(&t->has_mail))
		return NULL;
	pthread_mutex_lock(&t->mail_lock);
	m = t->mail;
	t->mail = NULL;
	t->mail_last = &t->mail;
	atomic_store(&t->has_mail, false);
	pthread_mutex_unlock(&t->mail_lock);
	return m;
}

/* ---- errors ---- */

/* Say which operator it was; the innermost one of a chain is named. */
int weir__blame(const struct weir_op *op, int code, struct weir_error *err)
{
	if (err && !err->code)
		return weir_error_set(err, code, "operator '%s': %s", op->node->uid, weir_code_text(code));
	if (err && strncmp(err->msg, "operator '", 10) != 0)
		weir_error_wrap(err, "operator '%s'", op->node->uid);
	return code;
}

/* ---- ending ---- */

static void close_ops(struct weir_task *t)
{
	for (uint32_t i = t->nops; i-- > 0;) {
		struct weir_op *op = t->ops[i].op;

		weir__current_op = op;
		if (op && op->ops->close)
			op->ops->close(op);
		weir__current_op = NULL;
	}
}

static void end_as(struct weir_task *t, enum weir_task_state s)
{
	close_ops(t);
	go(t, s);
	if (!t->running_snapshot)
		tell(t, WEIR_TASK_IS_DONE);
}

static void fail(struct weir_task *t, int code)
{
	weir_error_set(&t->err, code, "task %s failed", t->actor.name);
	end_as(t, WEIR_TASK_FAILED);
}

static bool is_final(const struct weir_task *t)
{
	return t->state >= WEIR_TASK_CLOSED;
}

/* ---- watermarks within the chain ---- */

static int op_watermark(struct weir_task *t, struct weir_op *op, int64_t w, struct weir_error *err);

static int forward_watermark(struct weir_task *t, struct weir_op_slot *slot, int64_t w, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < slot->noutputs && !code; i++) {
		struct weir_output *o = &slot->outputs[i];

		if (o->chained)
			code = op_watermark(t, o->chained, w, err);
		for (uint32_t c = 0; !o->chained && c < o->nchannels && !code; c++) {
			struct weir_element e = { .kind = WEIR_EL_WATERMARK, .u.value = w };

			code = weir__task_send(t, o->first + c, &e, err);
		}
	}
	return code;
}

/* A restored watermark is one that the operator had seen before: the timers that it let go are gone, and those that were set for an earlier time since then
 * wait for the next one, as they would have without a restore. Inputs send it before their START. */
static bool is_restored(const struct weir_task *t, int64_t w)
{
	return t->restore && t->waiting_in && w != INT64_MAX;
}

/* Let the operator act on its watermark, and pass it on. The first of the chain may stop in between (t->firing); any other one, which in practice has no timers, may not. */
static int fire(struct weir_task *t, struct weir_op *op, int64_t w, struct weir_error *err)
{
	const struct weir_op *caller = weir__current_op;
	bool more = op->ops->watermark != NULL;
	int code = 0;

	weir__current_op = op;
	while (more && !code) {
		more = false;
		code = op->ops->watermark(op, w, &more, err);
		if (op == t->ops[0].op)
			break;
	}
	weir__current_op = caller;
	if (code)
		return weir__blame(op, code, err);
	t->firing.on = more;
	t->firing.watermark = w;
	if (more || (op->ops->own_watermarks && w != INT64_MAX))
		return 0;
	return forward_watermark(t, weir__slot_of(op), w, err);
}

static int op_watermark(struct weir_task *t, struct weir_op *op, int64_t w, struct weir_error *err)
{
	if (w <= op->watermark_ms)
		return 0;
	op->watermark_ms = w;
	if (!is_restored(t, w))
		return fire(t, op, w, err);
	return op->ops->own_watermarks ? 0 : forward_watermark(t, weir__slot_of(op), w, err);
}

int weir_op_emit_watermark(struct weir_op *op, int64_t w, struct weir_error *err)
{
	struct weir_task *t = op->task;

	if (!op->node->nedges) {
		int code = t->polled ? weir__task_send_start(t, err) : 0; /* in the first poll it is the restored one, which belongs before START */

		if (code)
			return code;
		op->watermark_ms = w;
		atomic_store_explicit(&t->watermark_ms, w, memory_order_relaxed);
	}
	return forward_watermark(t, weir__slot_of(op), w, err);
}

static int forward_idle(struct weir_task *t, struct weir_op_slot *slot, bool idle, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < slot->noutputs && !code; i++) {
		struct weir_output *o = &slot->outputs[i];

		if (o->chained && !o->chained->ops->own_watermarks)
			code = forward_idle(t, weir__slot_of(o->chained), idle, err);
		for (uint32_t c = 0; !o->chained && c < o->nchannels && !code; c++) {
			struct weir_element e = { .kind = WEIR_EL_IDLE, .u.value = idle };

			code = weir__task_send(t, o->first + c, &e, err);
		}
	}
	return code;
}

int weir_op_emit_idle(struct weir_op *op, bool idle, struct weir_error *err)
{
	return forward_idle(op->task, weir__slot_of(op), idle, err);
}

/* ---- the end of input ---- */

static int finish_ops(struct weir_task *t, struct weir_error *err)
{
	int code = 0;

	if (t->nin == 0)
		code = forward_watermark(t, &t->ops[0], INT64_MAX, err);
	for (uint32_t i = 0; i < t->nops && !code; i++) {
		struct weir_op *op = t->ops[i].op;

		if (t->ops[i].finished)
			continue;
		t->ops[i].finished = true;
		weir__current_op = op;
		if (op->ops->finish)
			code = op->ops->finish(op, err);
		weir__current_op = NULL;
		if (code)
			weir__blame(op, code, err);
	}
	if (!code)
		code = weir__task_send_all(t, WEIR_EL_END, 0, NULL, err);
	if (code)
		return code;
	atomic_store_explicit(&t->watermark_ms, INT64_MAX, memory_order_relaxed);
	go(t, WEIR_TASK_ENDED);
	tell(t, WEIR_TASK_HAS_ENDED);
	return 0;
}

/* ---- checkpoints ---- */

static int take_snapshot(struct weir_task *t, struct weir_ckpt_request *r, struct weir_error *err)
{
	int code;

	if (r->kind == WEIR_COORD_STOP || r->kind == WEIR_COORD_DRAIN)
		t->stop_requested = true;
	if (t->running_snapshot) { /* hold the input until it is written */
		weir_ckpt_request_unref(t->waiting);
		t->waiting = weir_ckpt_request_ref(r);
		return 0;
	}
	code = weir__task_send_all(t, WEIR_EL_BARRIER, 0, r, err);
	return code ? code : weir__task_snapshot(t, r, err);
}

#define POLLS_BEFORE_START 64

static int poll_source(struct weir_task *t, int64_t now_ms, bool *out_more, struct weir_error *err);

/* A source is asked for a checkpoint: its barrier goes between the batch before and the batch after, and behind START: a reader that waits for START from an
 * input whose barrier has come would wait for ever. */
static int triggered(struct weir_task *t, struct weir_ckpt_request *r, struct weir_error *err)
{
	bool more = true;
	int code = 0;

	for (int n = 0; !code && more && !t->started && t->state == WEIR_TASK_RUNNING && n < POLLS_BEFORE_START; n++)
		code = poll_source(t, weir_now_ms(t->clock), &more, err);
	if (!code && t->state == WEIR_TASK_RUNNING)
		code = weir__task_send_start(t, err);
	if (code)
		return code;
	if (r->kind == WEIR_COORD_DRAIN && t->state == WEIR_TASK_RUNNING) {
		t->source_ended = true;
		code = finish_ops(t, err);
	}
	return code ? code : take_snapshot(t, r, err);
}

/* The request whose barriers came in; older ones can no longer be taken when barriers align, and go with it. */
static struct weir_ckpt_request *take_aligning(struct weir_task *t, int64_t id)
{
	struct weir_ckpt_request *found = NULL;

	for (uint32_t i = 0; i < WEIR_TASK_ALIGNING; i++) {
		struct weir_ckpt_request *r = t->aligning[i];

		if (r && r->id == id)
			found = r;
		else if (r && t->gate.exactly_once && r->id < id)
			weir_ckpt_request_unref(r);
		else
			continue;
		t->aligning[i] = NULL;
	}
	return found;
}

static void keep_aligning(struct weir_task *t, struct weir_ckpt_request *r)
{
	struct weir_ckpt_request **slot = &t->aligning[0];

	for (uint32_t i = 0; i < WEIR_TASK_ALIGNING; i++) { /* a free place, else the oldest's */
		if (t->aligning[i] && t->aligning[i]->id == r->id)
			return;
		if (*slot && (!t->aligning[i] || t->aligning[i]->id < (*slot)->id))
			slot = &t->aligning[i];
	}
	weir_ckpt_request_unref(*slot);
	*slot = weir_ckpt_request_ref(r);
}

static int gate_event(struct weir_task *t, const struct weir_gate_event *ev, struct weir_error *err)
{
	struct weir_gate_actions todo;
	int code = weir_gate_step(&t->gate, ev, &todo, err);

	for (uint32_t i = 0; i < todo.count && !code; i++) {
		struct weir_gate_action *a = &todo.items[i];

		if (a->kind == WEIR_GATE_SNAPSHOT) {
			struct weir_ckpt_request *r = take_aligning(t, a->ckpt);

			code = r ? take_snapshot(t, r, err) : weir_error_set(err, WEIR_EBUG, "no barrier of checkpoint %lld is known", (long long)a->ckpt);
			weir_ckpt_request_unref(r);
		} else if (a->kind == WEIR_GATE_ABORT) {
			struct weir_task_event e = { .kind = WEIR_TASK_DECLINE, .task = t->number, .ckpt = a->ckpt, .reason = a->reason };

			t->tell(t->job, &e);
		} /* BLOCK, UNBLOCK_ALL: the gate is asked for each channel */
	}
	return code;
}

static int barrier(struct weir_task *t, uint32_t channel, struct weir_ckpt_request *r, struct weir_error *err)
{
	struct weir_gate_event ev = { .kind = WEIR_GATE_BARRIER, .channel = channel, .ckpt = r->id, .at_ms = weir_now_ms(t->clock) };

	for (size_t i = 0; i < t->aborted.len; i++)
		if (t->aborted.items[i] == r->id)
			return 0;
	keep_aligning(t, r);
	return gate_event(t, &ev, err);
}

/* ---- input ---- */

static int merge_event(struct weir_task *t, enum weir_watermark_event_kind kind, uint32_t channel, int64_t value, struct weir_error *err)
{
	struct weir_watermark_event ev = { kind, channel, value };
	struct weir_watermark_change change;
	int code = weir_watermark_merge_step(&t->merge, &ev, &change, err);

	if (!code && change.status_changed && !change.idle && !t->ops[0].op->ops->own_watermarks)
		code = forward_idle(t, &t->ops[0], false, err);
	if (!code && change.advanced) {
		atomic_store_explicit(&t->watermark_ms, change.watermark, memory_order_relaxed);
		code = op_watermark(t, t->ops[0].op, change.watermark, err);
	}
	t->firing.idle_after = change.status_changed && change.idle && !t->ops[0].op->ops->own_watermarks;
	return !code && !t->firing.on && t->firing.idle_after ? forward_idle(t, &t->ops[0], true, err) : code;
}

static int input_started(struct weir_task *t, uint32_t channel, struct weir_error *err)
{
	if (t->started_in[channel])
		return 0;
	t->started_in[channel] = true;
	return --t->waiting_in ? 0 : weir__task_send_start(t, err);
}

static int input_ended(struct weir_task *t, uint32_t channel, struct weir_error *err)
{
	int code = input_started(t, channel, err);

	return !code && ++t->ended_in == t->nin ? finish_ops(t, err) : code;
}

/* The next part of a watermark; after the last one, what it held back. */
static int go_on_firing(struct weir_task *t, struct weir_error *err)
{
	int code = fire(t, t->ops[0].op, t->firing.watermark, err);

	if (code || t->firing.on)
		return code;
	if (t->firing.idle_after)
		code = forward_idle(t, &t->ops[0], true, err);
	if (!code && t->firing.input_ended)
		code = input_ended(t, t->firing.channel, err);
	t->firing.idle_after = t->firing.input_ended = false;
	return code;
}

/* What follows the START of an input, before another one has started. Barriers go on: they follow the START of each. */
static bool is_early(const struct weir_task *t, uint32_t channel)
{
	enum weir_element_kind next;

	return t->waiting_in && weir_channel_peek(t->in[channel], &next) && (next == WEIR_EL_BATCH || (next == WEIR_EL_WATERMARK && t->started_in[channel]));
}

static int element(struct weir_task *t, uint32_t channel, struct weir_element *e, struct weir_error *err)
{
	struct weir_op *head = t->ops[0].op;
	int code;

	switch (e->kind) {
	case WEIR_EL_BATCH:
		head->rows_in += e->rows.rows ? e->rows.n : e->u.batch->rows;
		weir__current_op = head;
		code = head->ops->batch(head, e->u.batch, &e->rows, err);
		weir__current_op = NULL;
		return code ? weir__blame(head, code, err) : 0;
	case WEIR_EL_WATERMARK:
		return merge_event(t, WEIR_WATERMARK_ADVANCE, channel, e->u.value, err);
	case WEIR_EL_IDLE:
		return merge_event(t, e->u.value ? WEIR_WATERMARK_IDLE : WEIR_WATERMARK_ACTIVE, channel, 0, err);
	case WEIR_EL_BARRIER:
		return barrier(t, channel, e->u.request, err);
	case WEIR_EL_START:
		return input_started(t, channel, err);
	case WEIR_EL_END:
		code = merge_event(t, WEIR_WATERMARK_FINISHED, channel, 0, err);
		t->firing.input_ended = t->firing.on;
		t->firing.channel = channel;
		return code || t->firing.on ? code : input_ended(t, channel, err);
	case WEIR_EL_CANCEL:
		break;
	}
	return 0;
}

#define BUDGET 8 /* elements a step */

/* True in *out_more when there may be more. */
static int read_inputs(struct weir_task *t, bool *out_more, struct weir_error *err)
{
	uint32_t idle = 0;

	for (int n = 0; n < BUDGET && idle < t->nin;) {
		uint32_t c = t->next_in;
		struct weir_element e;
		int code;

		t->next_in = c + 1 == t->nin ? 0 : c + 1;
		if (weir_gate_is_blocked(&t->gate, c) || is_early(t, c) || !weir_channel_pop(t->in[c], &e)) {
			idle++;
			continue;
		}
		idle = 0;
		n++;
		code = element(t, c, &e, err);
		weir_element_drop(&e);
		if (code)
			return code;
		if (t->waiting || t->firing.on || weir__task_is_full(t)) {
			*out_more = true; /* step() decides */
			return 0;
		}
	}
	*out_more = idle < t->nin;
	return 0;
}

static int poll_source(struct weir_task *t, int64_t now_ms, bool *out_more, struct weir_error *err)
{
	struct weir_op *op = t->ops[0].op;
	enum weir_poll got = WEIR_POLL_IDLE;
	int64_t wake = INT64_MAX;
	int code;

	if (t->stop_requested || t->source_ended)
		return 0;
	weir__current_op = op;
	code = op->ops->poll(op, now_ms, &got, &wake, err);
	weir__current_op = NULL;
	if (code)
		return weir__blame(op, code, err);
	*out_more = got == WEIR_POLL_MORE;
	if (got == WEIR_POLL_IDLE && wake != INT64_MAX)
		weir_op_wake_at(op, wake);
	if (got == WEIR_POLL_END) {
		t->source_ended = true;
		return finish_ops(t, err);
	}
	/* A source that goes through empty files says nothing until it has rows or ends: neighbours that waited for its START only by chance would have late
	 * rows by chance. Its first rows send START themselves. */
	t->polled = true;
	return got == WEIR_POLL_MORE ? 0 : weir__task_send_start(t, err);
}

/* ---- processing time ---- */

void weir_op_wake_at(struct weir_op *op, int64_t ms)
{
	struct weir_op_slot *slot = weir__slot_of(op);

	if (ms < slot->wake_ms)
		slot->wake_ms = ms;
}

int64_t weir_op_now_ms(const struct weir_op *op) { return weir_now_ms(op->clock); }
bool weir_op_has_checkpoints(const struct weir_op *op) { (void)op; return true; }

static int tick(struct weir_task *t, int64_t now_ms, struct weir_error *err)
{
	for (uint32_t i = 0; i < t->nops; i++) {
		struct weir_op *op = t->ops[i].op;
		int code = 0;

		if (t->ops[i].wake_ms > now_ms)
			continue;
		t->ops[i].wake_ms = INT64_MAX;
		weir__current_op = op;
		if (op->ops->tick && !t->stop_requested && t->state == WEIR_TASK_RUNNING)
			code = op->ops->tick(op, now_ms, err);
		weir__current_op = NULL;
		if (code)
			return weir__blame(op, code, err);
	}
	return 0;
}

#define SLEEP_MAX_MS (24 * 3600 * 1000LL)

static int64_t next_wake(const struct weir_task *t, int64_t now_ms)
{
	int64_t at = INT64_MAX;

	for (uint32_t i = 0; i < t->nops; i++)
		if (t->ops[i].wake_ms < at)
			at = t->ops[i].wake_ms;
	if (at == INT64_MAX)
		return WEIR_STEP_IDLE;
	if (at <= now_ms)
		return WEIR_STEP_AGAIN;
	/* A timer may be set for the end of time: nobody sleeps longer than a day at once, and the sum stays within range. */
	return weir_mono_ns(t->clock) + (at > now_ms + SLEEP_MAX_MS ? SLEEP_MAX_MS : at - now_ms) * 1000000;
}

/* ---- mail, handled ---- */

static int committed(struct weir_task *t, int64_t id, struct weir_error *err)
{
	for (uint32_t i = 0; i < t->nops; i++) {
		struct weir_op *op = t->ops[i].op;
		int code = op->ops->committed ? op->ops->committed(op, id, err) : 0;

		if (code)
			return weir__blame(op, code, err);
	}
	return 0;
}

/*
 * Given up by the coordinator, which says so past the barriers: so of the gate only this id is taken back, and older ones go on. When its barriers have not come
 * they are passed over later, for a neighbour that knew earlier will not send its. At least once nothing waits for a barrier, and nothing is to be done.
 */
static int abort_at_gate(struct weir_task *t, int64_t id, struct weir_error *err)
{
	struct weir_gate_event ev = { .kind = WEIR_GATE_CANCEL, .ckpt = id };
	int64_t *slot;
	size_t n = 0;

	for (size_t i = 0; i < t->aborted.len; i++)
		if (t->aborted.items[i] > t->gate.closed)
			t->aborted.items[n++] = t->aborted.items[i];
	t->aborted.len = n;
	if (id <= t->gate.closed)
		return 0;
	if (t->gate.pending[0].missing && t->gate.pending[0].ckpt == id) {
		weir_ckpt_request_unref(take_aligning(t, id));
		return gate_event(t, &ev, err);
	}
	slot = weir_vec_push(&t->aborted);
	if (!slot)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	*slot = id;
	return 0;
}

static int aborted(struct weir_task *t, int64_t id, struct weir_error *err)
{
	for (uint32_t i = 0; i < t->nops; i++)
		if (t->ops[i].op->ops->aborted)
			t->ops[i].op->ops->aborted(t->ops[i].op, id);
	if (t->waiting && t->waiting->id == id) {
		weir_ckpt_request_unref(t->waiting);
		t->waiting = NULL;
	}
	return t->nin && t->gate.exactly_once ? abort_at_gate(t, id, err) : 0;
}

static int one_mail(struct weir_task *t, struct weir_mail *m, struct weir_error *err)
{
	if (m->kind == WEIR_MAIL_SNAPSHOT_DONE) {
		weir__task_snapshot_done(t, m->snapshot);
		if (is_final(t))
			tell(t, WEIR_TASK_IS_DONE);
		return 0;
	}
	if (is_final(t))
		return 0;
	switch (m->kind) {
	case WEIR_MAIL_TRIGGER: return triggered(t, m->request, err);
	case WEIR_MAIL_COMMITTED: return committed(t, m->id, err);
	case WEIR_MAIL_ABORTED: return aborted(t, m->id, err);
	case WEIR_MAIL_CLOSE: end_as(t, WEIR_TASK_CLOSED); return 0;
	case WEIR_MAIL_CANCEL: end_as(t, WEIR_TASK_CANCELED); return 0;
	case WEIR_MAIL_SNAPSHOT_DONE: break;
	}
	return 0;
}

static void read_mail(struct weir_task *t)
{
	struct weir_mail *m, *next;

	for (m = take_mail(t); m; m = next) {
		int code = one_mail(t, m, &t->err);

		if (code && !is_final(t))
			fail(t, code);
		next = m->next;
		weir_ckpt_request_unref(m->request);
		free(m);
	}
}

/* ---- opening ---- */

static int open_ops(struct weir_task *t, struct weir_error *err)
{
	int code = weir__task_restore(t, err);

	for (uint32_t i = 0; i < t->nops && !code; i++) {
		struct weir_op *op = t->ops[i].op;

		weir__current_op = op;
		if (op->ops->open)
			code = op->ops->open(op, err);
		weir__current_op = NULL;
		if (code)
			weir__blame(op, code, err);
	}
	return code;
}

static int start(struct weir_task *t, struct weir_error *err)
{
	int code = open_ops(t, err);

	if (code)
		return code;
	go(t, WEIR_TASK_RUNNING);
	tell(t, WEIR_TASK_IS_RUNNING);
	if (t->nin == 0 && t->ops[0].finished) {
		t->source_ended = true;
		return finish_ops(t, err);
	}
	return 0;
}

/* ---- the step ---- */

static int work(struct weir_task *t, int64_t *out_next, struct weir_error *err)
{
	int64_t now_ms;
	bool more = false;
	int code = 0;

	*out_next = WEIR_STEP_IDLE;
	if (t->waiting) {
		struct weir_ckpt_request *r = t->waiting;

		if (t->running_snapshot)
			return 0;
		t->waiting = NULL;
		code = take_snapshot(t, r, err);
		weir_ckpt_request_unref(r);
		if (code)
			return code;
	}
	if (!weir__task_flush_overflow(t)) {
		atomic_store_explicit(&t->backpressured, true, memory_order_relaxed);
		return 0;
	}
	atomic_store_explicit(&t->backpressured, false, memory_order_relaxed);
	now_ms = weir_now_ms(t->clock);
	code = tick(t, now_ms, err);
	if (!code && t->firing.on)
		code = go_on_firing(t, err);
	if (!code && !t->firing.on && !weir__task_is_full(t))
		code = t->nin ? read_inputs(t, &more, err) : poll_source(t, now_ms, &more, err);
	atomic_store_explicit(&t->rows_in, t->ops[0].op->rows_in, memory_order_relaxed);
	atomic_store_explicit(&t->rows_out, t->ops[0].op->rows_out, memory_order_relaxed);
	*out_next = more || t->firing.on || weir__task_is_full(t) ? WEIR_STEP_AGAIN : next_wake(t, now_ms);
	return code;
}

/* Consumers that sleep are told of new rows now if this task is about to sleep, or the first of those rows has waited long enough. */
static void wake_consumers(struct weir_task *t, int64_t next)
{
	int64_t now_ns;
	bool owed = false;

	for (uint32_t i = 0; i < t->nout && !owed; i++)
		owed = t->out[i]->owed;
	if (!t->nout)
		return;
	now_ns = weir_mono_ns(t->clock);
	if (!owed)
		t->owed_since_ns = 0;
	else if (!t->owed_since_ns)
		t->owed_since_ns = t->step_ns;
	t->step_ns = now_ns;
	if (!owed || (next == WEIR_STEP_AGAIN && now_ns - t->owed_since_ns < WEIR_FLUSH_NS))
		return;
	t->owed_since_ns = 0;
	for (uint32_t i = 0; i < t->nout; i++)
		weir_channel_flush(t->out[i]);
}

int64_t weir_task_step(struct weir_actor *a)
{
	struct weir_task *t = (struct weir_task *)a;
	int64_t next = WEIR_STEP_IDLE;
	int code = 0;

	read_mail(t);
	if (!is_final(t))
		code = t->state == WEIR_TASK_NEW ? (next = WEIR_STEP_AGAIN, start(t, &t->err)) : work(t, &next, &t->err);
	if (code && !is_final(t))
		fail(t, code);
	if (is_final(t))
		next = t->running_snapshot ? WEIR_STEP_IDLE : WEIR_STEP_DONE;
	wake_consumers(t, next);
	return next;
}
