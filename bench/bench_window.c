// SPDX-License-Identifier: Apache-2.0
/*
 * Hourly tumbling window per key (count, sum, maximum) over rows in memory, against one loop with a presized table for each open hour. Both emit the
 * same results when the watermark has passed an hour. Rows are up to ten minutes out of order.
 *     bench_window [--quick] [--only N]
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/weir.h>

#include "base/hash.h"
#include "base/rng.h"
#include "bench/hand_table.h"
#include "bench/measure.h"
#include "bench/memory_job.h"

#define KEYS 10000u
#define ROWS_AN_HOUR 160000u  /* 16 for each key */
#define BEHIND WEIR_MINUTES(10)

#define READING(F) F(int64, key) F(int64, value) F(timestamp, time)
#define TOTAL(F) F(int64, count) F(int64, sum) F(int64, max)
#define RESULT(F) F(int64, key) F(int64, digest) F(timestamp, start)
WEIR_RECORD(reading, READING)
WEIR_RECORD(total, TOTAL)
WEIR_RECORD(result, RESULT)

struct windowed {
	struct memory_rows rows;
	bool add_batch;
	uint64_t sum, n;         /* by hand */
};

static inline uint64_t digest(int64_t key, int64_t start, const struct total *t)
{
	return ((uint64_t)key * 31 + (uint64_t)start + (uint64_t)t->count) * 0x9e3779b97f4a7c15u + (uint64_t)t->sum * 7 + (uint64_t)t->max;
}

/* ---- the limit ---- */

#define OPEN 4 /* hours open at a time, a power of two; one more than can be */

static void close_hour(struct windowed *w, struct hand_table *h, int64_t hour)
{
	for (uint64_t i = 0; i <= h->mask; i++) {
		uint64_t *slot = &h->slots[i * 4];

		if (!slot[0])
			continue;
		w->sum += digest((int64_t)slot[0] - 1, hour * WEIR_HOURS(1), (const struct total *)&slot[1]);
		w->n++;
		memset(slot, 0, 32);
	}
}

static void by_hand(struct windowed *w, struct hand_table *hours)
{
	int64_t first = 0, last = -1, max = INT64_MIN;

	for (uint64_t i = 0; i < w->rows.count; i++) {
		const struct weir_batch *b = w->rows.batches[i];
		const int64_t *keys = b->cols[0], *values = b->cols[1], *times = b->cols[2];
		uint64_t hashes[WEIR_BATCH_ROWS];
		int64_t hour_of[WEIR_BATCH_ROWS], start = -WEIR_DAYS(1), hour = -1;

		for (uint32_t k = 0; k < b->rows; k++) {
			hashes[k] = weir_hash_u64((uint64_t)keys[k]);
			if (times[k] < start || times[k] >= start + WEIR_HOURS(1)) {
				hour = times[k] / WEIR_HOURS(1);
				start = hour * WEIR_HOURS(1);
			}
			hour_of[k] = hour;
			max = times[k] > max ? times[k] : max;
		}
		for (uint32_t k = 0; k < b->rows; k++) {
			struct total *t;

			if (k + HAND_AHEAD < b->rows)
				hand_table_prefetch(&hours[hour_of[k + HAND_AHEAD] % OPEN], hashes[k + HAND_AHEAD], 4);
			last = hour_of[k] > last ? hour_of[k] : last;
			t = (struct total *)hand_table_at(&hours[hour_of[k] % OPEN], hashes[k], keys[k], 4);
			t->max = t->count == 0 || values[k] > t->max ? values[k] : t->max;
			t->count++;
			t->sum += values[k];
		}
		for (; first <= last && (first + 1) * WEIR_HOURS(1) - 1 <= max - BEHIND - 1; first++)
			close_hour(w, &hours[first % OPEN], first);
	}
	for (; first <= last; first++)
		close_hour(w, &hours[first % OPEN], first);
}

static double run_limit(void *arg)
{
	struct windowed *w = arg;
	struct hand_table hours[OPEN];
	double t;

	for (int i = 0; i < OPEN; i++)
		hand_table_make(&hours[i], KEYS, 4);
	w->sum = w->n = 0;
	t = measure_thread_s();
	by_hand(w, hours);
	t = measure_thread_s() - t;
	for (int i = 0; i < OPEN; i++)
		hand_table_free(&hours[i]);
	return t;
}

/* ---- the job ---- */

static int add(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct total *t = acc;
	const struct reading *r = in;

	(void)ctx;
	t->max = t->count == 0 || r->value > t->max ? r->value : t->max;
	t->count++;
	t->sum += r->value;
	return 0;
}

static int add_batch(struct weir_ctx *ctx, const struct weir_batch *in, const struct weir_select *rows, void *const *accs)
{
	const int64_t *values = weir_column(in, reading, value);

	(void)ctx;
	for (uint32_t i = 0; i < rows->n; i++) {
		int64_t v = values[rows->rows[i]];
		struct total *t = accs[i];

		t->max = t->count == 0 || v > t->max ? v : t->max;
		t->count++;
		t->sum += v;
	}
	return 0;
}

static int result(struct weir_ctx *ctx, const void *key, const struct weir_window *window, const void *acc, void *out)
{
	struct result *r = out;

	(void)ctx;
	*r = (struct result){ .key = *(const int64_t *)key, .start = window->start_ms };
	r->digest = (int64_t)digest(r->key, r->start, acc);
	return 0;
}

static const struct weir_aggregate by_row = { .acc = &total_type, .out = &result_type, .add = add, .result = result };
static const struct weir_aggregate by_batch = { .acc = &total_type, .out = &result_type, .add = add, .add_batch = add_batch, .result = result };

static void build(struct weir_env *env, struct memory_rows *rows, void *arg)
{
	const struct windowed *w = arg;
	struct weir_keyed *k = weir_key_by(memory_source(env, rows), "key");

	memory_sink(weir_window(k, "hours", weir_tumbling(WEIR_HOURS(1)), w->add_batch ? &by_batch : &by_row), rows);
}

static double run_engine(void *arg)
{
	struct windowed *w = arg;

	if (!memory_job_run(&w->rows, build, w))
		return -1;
	if (w->rows.sum_out != w->sum || w->rows.rows_out != w->n) {
		fprintf(stderr, "bench_window: results differ: %llu windows, by hand %llu\n", (unsigned long long)w->rows.rows_out, (unsigned long long)w->n);
		return -1;
	}
	return w->rows.cpu_s;
}

int main(int argc, char **argv)
{
	bool quick = measure_quick(argc, argv);
	int only = argc > 2 && strcmp(argv[argc - 2], "--only") == 0 ? atoi(argv[argc - 1]) : 0; /* 1, 2: for a profiler */
	uint32_t batches = quick ? 800 : 6000;
	struct windowed w = { .rows = { .type = &reading_type, .nbatches = batches, .count = batches, .timed = true, .out_of_orderness_ms = BEHIND, .sum_column = 1 } };
	struct weir_rng rng = { 5 };
	struct measure_result r;

	w.rows.batches = memory_batches(&reading_type, true, batches);
	if (!w.rows.batches)
		return 1;
	for (uint64_t i = 0; i < batches; i++) {
		struct weir_batch *b = w.rows.batches[i];

		for (uint32_t k = 0; k < b->rows; k++) {
			int64_t at = (int64_t)((i * WEIR_BATCH_ROWS + k) * (uint64_t)WEIR_HOURS(1) / ROWS_AN_HOUR) - (int64_t)weir_rng_below(&rng, BEHIND - 60000);

			((int64_t *)b->cols[0])[k] = (int64_t)weir_rng_below(&rng, KEYS);
			((int64_t *)b->cols[1])[k] = (int64_t)weir_rng_below(&rng, 500);
			((int64_t *)b->cols[2])[k] = b->times[k] = at < 0 ? 0 : at;
		}
	}
	for (int with_batch = 1; with_batch >= 0; with_batch--) {
		if (only && only != 2 - with_batch)
			continue;
		w.add_batch = with_batch;
		if (!measure_pairs(run_limit, run_engine, &w, quick ? 7 : 15, &r))
			return 1;
		if (with_batch)
			measure_print("hourly window, 10 k keys", &r, (double)batches * WEIR_BATCH_ROWS, 2.5);
		else
			measure_print_info("  the same with a row function", &r, (double)batches * WEIR_BATCH_ROWS);
	}
	memory_batches_free(w.rows.batches, batches);
	return 0;
}
