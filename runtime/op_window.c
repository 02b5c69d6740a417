// SPDX-License-Identifier: Apache-2.0
/*
 * Event-time windows (tumbling, sliding) with an aggregate per key and window: AGGREGATING state "window-contents" under the window as namespace and
 * timers of the service "window-timers", as Flink's WindowOperator keeps them; both are weir_backend_windows().
 *
 * A row whose window is over (cleanup time <= watermark) is late: it goes to the side output when there is one, and is counted in the accumulator
 * "numLateRecordsDropped", Flink's name, or "numLateRecordsToSideOutput". A window fires when the watermark passes its last millisecond, and with allowed
 * lateness again for each late row; its state goes at its cleanup time.
 * Tumbling windows with an accumulator without text take the batch path: all accumulators are resolved first, then updated.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"
#include "runtime/window.h"

#define CHUNK 256u /* rows whose accumulators are resolved at a time: still in the first-level cache when they are updated */

struct window_op {
	struct weir_op base;
	struct weir_ctx *c;
	const struct weir_window_config *cfg;
	struct weir_window_rule rule;
	struct weir_windows *windows;
	struct weir_state *state;        /* of the windows */
	void *out_row;
	/* scratch of the batch path, dense over the rows that are not late */
	char *keys;
	uint64_t hashes[WEIR_BATCH_ROWS];
	uint16_t groups[WEIR_BATCH_ROWS], rows[WEIR_BATCH_ROWS + 1], late[WEIR_BATCH_ROWS + 1];
	struct weir_window of[WEIR_BATCH_ROWS]; /* each row's window */
	uint16_t all[WEIR_BATCH_ROWS];          /* 0, 1, 2 ... */
	void *slots[CHUNK];
	uint8_t created[CHUNK];
};

static int window_open(struct weir_op *op, struct weir_error *err)
{
	struct window_op *w = (struct window_op *)op;
	int code;

	w->cfg = op->config;
	w->c = op->ctx = weir_ctx_new(op, err);
	if (!w->c)
		return WEIR_ENOMEM;
	w->rule = (struct weir_window_rule){ .kind = w->cfg->assigner.slide_ms == w->cfg->assigner.size_ms ? WEIR_WINDOW_TUMBLING : WEIR_WINDOW_SLIDING,
					     .event_time = true, .size_ms = w->cfg->assigner.size_ms, .slide_ms = w->cfg->assigner.slide_ms,
					     .offset_ms = w->cfg->assigner.offset_ms, .lateness_ms = w->cfg->opts.allowed_lateness_ms };
	w->keys = weir_arena_alloc(&w->c->states, (size_t)op->node->key->type->size * WEIR_BATCH_ROWS + 1, 64);
	w->out_row = weir_arena_zero(&w->c->states, op->node->out->size + 1);
	if (!w->keys || !w->out_row)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < WEIR_BATCH_ROWS; i++)
		w->all[i] = (uint16_t)i;
	code = weir_window_rule_check(&w->rule, err);
	if (!code)
		code = weir_backend_windows(op->backend, &(struct weir_state_desc){ .name = "window-contents", .kind = WEIR_STATE_AGGREGATING, .value = w->cfg->opts.aggregate->acc },
					    "window-timers", w->rule.lateness_ms, &w->windows, err);
	if (!code)
		w->state = weir_windows_state(w->windows);
	return code;
}

/* ---- firing ---- */

static int emit_result(struct window_op *w, const void *key, const struct weir_window *window, const void *acc, struct weir_error *err)
{
	int code;

	memset(w->out_row, 0, w->base.node->out->size);
	w->c->time_ms = weir_window_max_time(*window);
	code = weir_ctx_result(w->c, w->cfg->opts.aggregate->result(w->c, key, window, acc, w->out_row), err);
	if (code)
		return code;
	weir_emit(&w->c->out, w->out_row);
	return weir_ctx_result(w->c, 0, err);
}

static int fire_again(struct window_op *w, const struct weir_window *window, struct weir_error *err)
{
	const void *acc;
	int code = weir_state_get(w->state, window, &acc, err);

	return code || !acc ? code : emit_result(w, weir_backend_key(w->base.backend), window, acc, err);
}

static int window_watermark(struct weir_op *op, int64_t watermark, bool *out_more, struct weir_error *err)
{
	struct window_op *w = (struct window_op *)op;
	struct weir_window_due due;
	uint32_t fired = 0;
	int code;

	while (!(code = weir_windows_next(w->windows, watermark, &due, err)) && due.key) {
		w->c->fired_key = due.key;
		code = due.value ? emit_result(w, due.key, &due.window, due.value, err) : 0;
		w->c->fired_key = NULL;
		if (code)
			return code;
		if (weir__must_pause(w->c, ++fired)) {
			*out_more = true;
			return 0;
		}
	}
	return code ? code : weir_out_flush(&w->c->out, err);
}

/* ---- rows ---- */

static int late_rows(struct window_op *w, struct weir_batch *in, uint32_t n, struct weir_error *err)
{
	struct weir_select s = { n, w->late };

	if (n == 0)
		return 0;
	weir_op_accumulate(&w->base, w->cfg->opts.late ? "numLateRecordsToSideOutput" : "numLateRecordsDropped", n);
	return w->cfg->opts.late ? weir_op_emit_side(&w->base, w->cfg->opts.late, in, &s, err) : 0;
}

static int set_key(struct window_op *w, struct weir_batch *in, uint32_t r, struct weir_error *err)
{
	return weir_backend_set_key_hashed(w->base.backend, (const char *)in->keys + r * (size_t)w->base.node->key->type->size, in->hashes[r], in->groups[r], err);
}

static int add_one(struct window_op *w, struct weir_batch *in, uint32_t r, const struct weir_window *window, struct weir_error *err)
{
	void *acc;
	int code = weir_state_edit(w->state, window, &acc, NULL, err);

	if (code)
		return code;
	weir_batch_row(in, r, w->c->row);
	w->c->time_ms = in->times[r];
	code = weir_ctx_result(w->c, w->cfg->opts.aggregate->add(w->c, acc, w->c->row), err);
	if (!code && weir_window_max_time(*window) <= w->base.watermark_ms) /* late but allowed: the result is sent again */
		code = fire_again(w, window, err);
	return code;
}

/* Sliding windows, and accumulators with text: a row at a time. */
static int by_row(struct window_op *w, struct weir_batch *in, const uint16_t *pick, uint32_t n, struct weir_error *err)
{
	uint32_t nlate = 0;
	int code = 0;

	for (uint32_t i = 0; i < n && !code; i++) {
		uint32_t r = pick ? pick[i] : i;
		struct weir_window_sliding it;
		struct weir_window window;
		bool counted = false;

		code = weir_window_check_time(in->times ? in->times[r] : WEIR_NO_TIME, err);
		if (!code)
			code = set_key(w, in, r, err);
		weir_window_sliding_begin(&it, &w->rule, in->times ? in->times[r] : 0);
		while (!code && weir_window_sliding_next(&it, &window)) {
			if (weir_window_is_late(&w->rule, window, w->base.watermark_ms))
				continue;
			counted = true;
			code = add_one(w, in, r, &window, err);
		}
		if (!code && !counted && weir_window_is_row_late(&w->rule, in->times[r], w->base.watermark_ms))
			w->late[nlate++] = (uint16_t)r;
	}
	if (!code)
		code = weir_backend_settle(w->base.backend, err);
	return code ? code : late_rows(w, in, nlate, err);
}

/* Rows of the batch that are in time go to w->rows with their windows, others to w->late. */
static uint32_t assign(struct window_op *w, struct weir_batch *in, const uint16_t *pick, uint32_t n, uint32_t *out_late)
{
	int64_t size = w->rule.size_ms, last = INT64_MIN, last_start = 0;
	uint32_t m = 0, late = 0;
	bool last_late = false;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t r = pick ? pick[i] : i;
		int64_t t = in->times[r];

		if (last == INT64_MIN || t < last_start || t >= last) { /* neighbours mostly share a window: divide only when they do not */
			last_start = weir_window_start(t, w->rule.offset_ms, size);
			last = (int64_t)((uint64_t)last_start + (uint64_t)size);
			last_late = weir_window_is_late(&w->rule, (struct weir_window){ last_start, last }, w->base.watermark_ms);
		}
		w->of[m] = (struct weir_window){ last_start, last };
		w->rows[m] = (uint16_t)r;
		w->late[late] = (uint16_t)r;
		m += !last_late;
		late += last_late;
	}
	*out_late = late;
	return m;
}

/* The accumulators of n rows are in w->slots. */
static int update(struct window_op *w, struct weir_batch *in, uint16_t *rows, uint32_t n, struct weir_error *err)
{
	const struct weir_aggregate *a = w->cfg->opts.aggregate;
	struct weir_rows it;
	const void *row;
	int code = 0;

	if (a->add_batch) {
		struct weir_select s = { n, rows };

		return weir_ctx_result(w->c, a->add_batch(w->c, in, &s, w->slots), err);
	}
	it = weir__rows(w->c, in, rows, n);
	for (uint32_t i = 0; !code && (row = weir__rows_next(&it, w->c)) != NULL; i++)
		code = weir_ctx_result(w->c, a->add(w->c, w->slots[i], row), err);
	return code;
}

/* Add n rows: their keys, hashes and groups are dense; windows: of each row, or with step 0 of all. */
static int add_rows(struct window_op *w, struct weir_batch *in, uint16_t *rows, uint32_t n, const void *keys, const uint64_t *hashes, const uint16_t *groups,
		    const struct weir_window *windows, size_t step, struct weir_error *err)
{
	size_t key_size = w->base.node->key->type->size;
	int code = 0;

	for (uint32_t at = 0; at < n && !code; at += CHUNK) {
		uint32_t k = n - at < CHUNK ? n - at : CHUNK;

		code = weir_state_resolve(w->state, k, (const char *)keys + at * key_size, hashes + at, groups + at, (const char *)windows + at * step, step, w->slots, w->created, err);
		if (!code)
			code = update(w, in, rows + at, k, err);
	}
	return code;
}

/* min, max: times of all rows. */
static int by_batch(struct window_op *w, struct weir_batch *in, const uint16_t *pick, uint32_t n, int64_t min, int64_t max, struct weir_error *err)
{
	size_t key_size = w->base.node->key->type->size;
	struct weir_window first = weir_window_tumbling(&w->rule, min);
	uint32_t nlate, m;
	int code;

	if (!pick && max < first.end_ms && min >= first.start_ms && !weir_window_is_late(&w->rule, first, w->base.watermark_ms)) /* the common case */
		return add_rows(w, in, w->all, n, in->keys, in->hashes, in->groups, &first, 0, err);
	m = assign(w, in, pick, n, &nlate);
	if (!pick && m == n)
		return add_rows(w, in, w->all, n, in->keys, in->hashes, in->groups, w->of, sizeof(w->of[0]), err);
	for (uint32_t i = 0; i < m; i++) {
		uint32_t r = w->rows[i];

		memcpy(w->keys + i * key_size, (const char *)in->keys + r * key_size, key_size);
		w->hashes[i] = in->hashes[r];
		w->groups[i] = in->groups[r];
	}
	code = add_rows(w, in, w->rows, m, w->keys, w->hashes, w->groups, w->of, sizeof(w->of[0]), err);
	return code ? code : late_rows(w, in, nlate, err);
}

/* With allowed lateness: a window that has fired is sent again after each row, with what it holds then. Only the row path knows what that is. */
static bool sends_again(const struct window_op *w, const struct weir_batch *in, const uint16_t *pick, uint32_t n)
{
	for (uint32_t i = 0; w->rule.lateness_ms && i < n; i++) {
		int64_t start = weir_window_start(in->times[pick ? pick[i] : i], w->rule.offset_ms, w->rule.size_ms);

		if (weir_window_max_time((struct weir_window){ start, start + w->rule.size_ms }) <= w->base.watermark_ms)
			return true;
	}
	return false;
}

static int window_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct window_op *w = (struct window_op *)op;
	const uint16_t *pick = rows ? rows->rows : NULL;
	uint32_t n = pick ? rows->n : in->rows;
	bool batch = w->rule.kind == WEIR_WINDOW_TUMBLING && w->cfg->opts.aggregate->acc->flags & WEIR_TYPE_FLAT;
	int64_t min = INT64_MAX, max = INT64_MIN;
	int code;

	if (!in->times)
		return weir_error_set(err, WEIR_EINVALID, "its rows have no event time: put weir_assign_timestamps before the window");
	weir_windows_watermark(w->windows, op->watermark_ms);
	if (!batch) {
		code = by_row(w, in, pick, n, err);
		return code ? code : weir_out_flush(&w->c->out, err);
	}
	for (uint32_t i = 0; i < n; i++) {
		int64_t t = in->times[pick ? pick[i] : i];

		min = t < min ? t : min;
		max = t > max ? t : max;
	}
	code = weir_window_check_time(min, err);
	if (!code)
		code = sends_again(w, in, pick, n) ? by_row(w, in, pick, n, err) : by_batch(w, in, pick, n, min, max, err);
	return code ? code : weir_out_flush(&w->c->out, err);
}

static void window_close(struct weir_op *op)
{
	struct window_op *w = (struct window_op *)op;

	weir_ctx_free(w->c);
	w->c = op->ctx = NULL;
}

const struct weir_op_ops weir_op_window = { .name = "Window", .size = sizeof(struct window_op), .keyed = true, .open = window_open, .batch = window_batch,
					    .watermark = window_watermark, .close = window_close };
