// SPDX-License-Identifier: Apache-2.0
/*
 * The jobs of the simulator, written as a user would write them, and the user functions they consist of. oracle.c says what they must give; the two share
 * no code. Functions fail once, at the call that sim_graph_arm() chose.
 */
#include "tests/sim/sim.h"

#include <stdio.h>

#define ROW(F) F(int64, t) F(string, k) F(int32, v)
#define ACC(F) F(int64, n) F(int64, sum) F(int32, max)
#define TEXT_ACC(F) F(int64, n) F(int64, sum) F(int32, max) F(string, first)
#define RESULT(F) F(string, k) F(int64, start) F(int64, n) F(int64, sum) F(int32, max) F(string, first)
#define ALERT(F) F(string, k) F(int64, until) F(int64, n) F(int64, sum) F(int64, listed) F(int32, top)
#define TALLY(F) F(int64, n) F(int64, sum)
#define WORD(F) F(string, word) F(int64, count)
#define NUMBER(F) F(string, k) F(int64, v)
WEIR_RECORD(row, ROW)
WEIR_RECORD(acc, ACC)
WEIR_RECORD(text_acc, TEXT_ACC)
WEIR_RECORD(result, RESULT)
WEIR_RECORD(alert, ALERT)
WEIR_RECORD(tally, TALLY)
WEIR_RECORD(word, WORD)
WEIR_RECORD(number, NUMBER)

static const struct sim_scenario *now; /* of the run that is on */
static uint64_t calls, fail_at;
static bool struck;

void sim_graph_arm(const struct sim_scenario *s, uint64_t at)
{
	now = s;
	calls = 0;
	fail_at = at;
	struck = false;
}

bool sim_graph_struck(void) { return struck; }

/* Each user function begins with it. */
static int call(struct weir_ctx *ctx)
{
	if (++calls != fail_at)
		return 0;
	struck = true;
	return weir_fail(ctx, "the function fails on purpose");
}

const char *const *sim_graph_sinks(void)
{
	static const char *const names[] = { "win", "late", "alerts", "odd", "words", "flow", "cast", "numbers", NULL };

	return names;
}

/* ---- timed ---- */

static int scale(struct weir_ctx *ctx, const void *in, void *out)
{
	const struct row *r = in;
	struct row *o = out;

	*o = *r;
	o->v = r->v * 3;
	return call(ctx);
}

static int keep_some(struct weir_ctx *ctx, const void *in, bool *keep)
{
	*keep = ((const struct row *)in)->v % 5 != 0;
	return call(ctx);
}

static int acc_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct acc *a = acc;
	const struct row *r = in;

	a->max = a->n == 0 || r->v > a->max ? r->v : a->max;
	a->n++;
	a->sum += r->v;
	return call(ctx);
}

static int text_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct text_acc *a = acc;
	const struct row *r = in;

	if (a->n == 0)
		a->first = r->k; /* text: such an accumulator takes the row path */
	a->max = a->n == 0 || r->v > a->max ? r->v : a->max;
	a->n++;
	a->sum += r->v;
	return call(ctx);
}

static int acc_result(struct weir_ctx *ctx, const void *key, const struct weir_window *w, const void *acc, void *out)
{
	const struct acc *a = acc;

	*(struct result *)out = (struct result){ *(const struct weir_str *)key, w->start_ms, a->n, a->sum, a->max, weir_str_of("-") };
	return call(ctx);
}

static int text_result(struct weir_ctx *ctx, const void *key, const struct weir_window *w, const void *acc, void *out)
{
	const struct text_acc *a = acc;

	*(struct result *)out = (struct result){ *(const struct weir_str *)key, w->start_ms, a->n, a->sum, a->max, a->first };
	return call(ctx);
}

static const struct weir_aggregate flat_aggregate = { .acc = &acc_type, .out = &result_type, .add = acc_add, .result = acc_result };
static const struct weir_aggregate text_aggregate = { .acc = &text_acc_type, .out = &result_type, .add = text_add, .result = text_result };

struct watcher {
	struct weir_value_state *tally;
	struct weir_list_state *values;
	struct weir_map_state *by_digit;
};

static int watch_open(struct weir_ctx *ctx, void *self)
{
	struct watcher *w = self;

	w->tally = weir_value_state(ctx, "tally", &tally_type);
	w->values = weir_list_state(ctx, "values", &weir_int32);
	w->by_digit = weir_map_state(ctx, "by-digit", &weir_int32, &weir_int64);
	return 0;
}

static int watch_element(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	struct watcher *w = self;
	const struct row *r = in;
	struct tally *t;
	int32_t digit = (r->v / 3 % 3 + 3) % 3;

	if (now->process_side && r->v % 2)
		weir_emit_side(out, "odd", r);
	if (r->v < now->threshold)
		return call(ctx);
	t = weir_value_edit(w->tally);
	t->sum += r->v;
	if (t->n++ == 0)
		weir_event_timer(ctx, r->t + now->timer_ms);
	weir_list_add(w->values, &r->v);
	*(int64_t *)weir_map_edit(w->by_digit, &digit) += 1;
	return call(ctx);
}

static int watch_timer(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out)
{
	struct watcher *w = self;
	const struct tally *t = weir_value(w->tally);
	struct alert a = { .k = *(const struct weir_str *)weir_key(ctx), .until = time, .top = -1 };
	struct weir_list values;
	const void *digit, *count;
	uint64_t cursor = 0;
	int64_t most = 0;

	if (!t)
		return weir_fail(ctx, "a timer without its state");
	a.n = t->n;
	a.sum = t->sum;
	values = weir_list(w->values);
	for (uint32_t i = 0; i < values.count; i++)
		a.listed = (int64_t)((uint64_t)a.listed * 31 + (uint64_t)(int64_t)((const int32_t *)values.items)[i]); /* minds the order */
	while (weir_map_next(w->by_digit, &cursor, &digit, &count)) {
		int32_t d = *(const int32_t *)digit;
		int64_t n = *(const int64_t *)count;

		if (n > most || (n == most && d < a.top)) {
			most = n;
			a.top = d;
		}
	}
	weir_emit(out, &a);
	weir_value_clear(w->tally);
	weir_list_clear(w->values);
	weir_map_clear(w->by_digit);
	return call(ctx);
}

/* A row that is in no state: a second call after a restore would write it again. */
static int watch_finish(struct weir_ctx *ctx, void *self, struct weir_out *out)
{
	(void)self;
	if (now->finishers)
		weir_emit(out, &(struct alert){ .k = weir_str_of("end"), .until = weir_subtask(ctx) });
	return call(ctx);
}

static const struct weir_process watch = {
	.size = sizeof(struct watcher), .in = &row_type, .out = &alert_type, .open = watch_open, .element = watch_element, .timer = watch_timer,
	.finish = watch_finish,
};

/* Perhaps not chained. */
static struct weir_stream *loose(struct weir_stream *s, uint32_t bit)
{
	return now->unchained >> bit & 1 ? weir_disable_chaining(s) : s;
}

static struct weir_stream *rows_of(struct weir_env *env, const char *uid)
{
	return weir_csv_source(env, uid, "sim:/in", &row_type, .on_error = "skip", .parallelism = now->source_parallelism, .split_bytes = now->split_bytes,
			       .rows_per_second = now->rows_per_second);
}

static void build_timed(struct weir_env *env)
{
	struct weir_watermark_strategy w = weir_bounded_out_of_orderness(now->bound_ms);
	struct weir_stream *s = rows_of(env, "rows"), *win, *alerts;
	struct weir_keyed *k;

	w.every_rows = now->every_rows;
	if (now->direct_times)
		s = weir_assign_timestamps(s, "t", w);
	s = loose(weir_parallelism(weir_map(s, "scale", scale, &row_type), now->source_parallelism), 0);
	if (!now->direct_times)
		s = loose(weir_parallelism(weir_assign_timestamps(s, "t", w), now->source_parallelism), 1);
	if (now->filter)
		s = loose(weir_parallelism(weir_filter(s, "some", keep_some), now->source_parallelism), 2);
	k = weir_key_by(s, "k");
	win = weir_window(k, "win", now->sliding ? weir_sliding(now->size_ms, now->slide_ms) : weir_tumbling(now->size_ms),
			  now->text_acc ? &text_aggregate : &flat_aggregate, .late = now->late_sink ? "late" : NULL, .allowed_lateness_ms = now->lateness_ms);
	weir_csv_sink(win, "win-sink", "sim:/out/win", .parallelism = now->sink_parallelism);
	if (now->late_sink)
		weir_json_sink(weir_side_output(win, "late"), "late-sink", "sim:/out/late");
	if (now->loose)
		return;
	alerts = weir_process(k, "watch", &watch);
	if (now->finishers)
		weir_parallelism(alerts, now->finishers);
	weir_json_sink(alerts, "alert-sink", "sim:/out/alerts");
	if (now->process_side)
		weir_csv_sink(weir_side_output_of(alerts, "odd", &row_type), "odd-sink", "sim:/out/odd", .parallelism = now->sink_parallelism);
}

/* ---- words ---- */

static int split(struct weir_ctx *ctx, const void *in, struct weir_out *out)
{
	struct weir_str rest = ((const struct weir_line *)in)->text, token;

	while (weir_str_next_word(&rest, &token)) {
		struct word w = { .word = token, .count = 1 };

		weir_emit(out, &w);
	}
	return call(ctx);
}

static void build_words(struct weir_env *env)
{
	struct weir_stream *s = weir_text_source(env, "lines", "sim:/in", .parallelism = now->source_parallelism, .split_bytes = now->split_bytes,
						 .rows_per_second = now->rows_per_second);

	s = loose(weir_flat_map(s, "split", split, &word_type), 0);
	s = weir_sum(weir_key_by(s, "word"), "counts", "count");
	weir_json_sink(loose(s, 1), "word-sink", "sim:/out/words", .parallelism = now->sink_parallelism);
}

/* ---- flow ---- */

static int late_batch(struct weir_ctx *ctx, const struct weir_batch *in, struct weir_select *out)
{
	const int32_t *v = weir_column(in, row, v);

	for (uint32_t i = 0; i < in->rows; i++)
		weir_select_if(out, i, v[i] >= now->threshold);
	return call(ctx);
}

static void build_flow(struct weir_env *env)
{
	struct weir_stream *s = rows_of(env, "rows"), *cast;

	if (now->with_union)
		s = weir_union(s, rows_of(env, "again"));
	cast = weir_parallelism(weir_map(weir_broadcast(s), "copy", scale, &row_type), now->copies);
	weir_json_sink(loose(cast, 3), "cast-sink", "sim:/out/cast", .parallelism = now->sink_parallelism);
	s = loose(weir_map(weir_rebalance(s), "scale", scale, &row_type), 0);
	s = loose(weir_filter(s, "some", keep_some), 1);
	s = loose(weir_batch_filter(s, "high", late_batch), 2);
	weir_csv_sink(s, "flow-sink", "sim:/out/flow", .parallelism = now->sink_parallelism);
}

/* ---- sequence ---- */

static int keyed_number(struct weir_ctx *ctx, const void *in, void *out)
{
	int64_t n = *(const int64_t *)in;
	struct number *o = out;

	o->k = weir_str_of(sim_key((uint32_t)((n % now->nkeys + now->nkeys) % now->nkeys)));
	o->v = now->in_order ? n : 1;
	return call(ctx);
}

static int fold(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct number *a = acc;
	const struct number *n = in;

	a->v = now->in_order ? (int64_t)((uint64_t)a->v * 7 + (uint64_t)n->v) : a->v + n->v;
	return call(ctx);
}

static void build_sequence(struct weir_env *env)
{
	struct weir_stream *s = weir_sequence_source(env, "numbers", now->sequence_from, now->sequence_from + now->nrows - 1, .parallelism = now->source_parallelism,
						     .rows_per_second = now->rows_per_second);

	s = weir_map(s, "keyed", keyed_number, &number_type);
	if (now->source_parallelism)
		weir_parallelism(s, now->source_parallelism);
	s = weir_reduce(weir_key_by(loose(s, 0), "k"), "fold", fold);
	weir_csv_sink(loose(s, 1), "number-sink", "sim:/out/numbers", .parallelism = now->sink_parallelism);
}

void sim_graph_build(const struct sim_scenario *s, struct weir_env *env)
{
	static void (*const build[SIM_GRAPHS])(struct weir_env *) = { build_timed, build_words, build_flow, build_sequence };

	now = s;
	weir_job_name(env, "sim");
	build[s->graph](env);
}
