// SPDX-License-Identifier: Apache-2.0
/*
 * Keyed count: rows in memory -> key_by -> weir_sum -> sink, all threads counted, against one loop with one presized table. Both have every key
 * before the clock starts. The loop only counts; the job also emits a row with the running sum for each row, as Flink's sum does.
 *     bench_keyed [--quick] [--only N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "base/hash.h"
#include "base/rng.h"
#include "bench/hand_table.h"
#include "bench/measure.h"
#include "bench/memory_job.h"

#define COUNTED(F) F(int64, key) F(int64, n)
WEIR_RECORD(counted, COUNTED)

struct keyed {
	struct memory_rows rows;
	struct hand_table table;
};

/* ---- the limit ---- */

static void count(struct hand_table *h, const struct weir_batch *b)
{
	uint64_t hashes[WEIR_BATCH_ROWS];
	const int64_t *keys = b->cols[0], *n = b->cols[1];

	for (uint32_t i = 0; i < b->rows; i++)
		hashes[i] = weir_hash_u64((uint64_t)keys[i]);
	for (uint32_t i = 0; i < HAND_AHEAD && i < b->rows; i++)
		hand_table_prefetch(h, hashes[i], 2);
	for (uint32_t i = 0; i < b->rows; i++) {
		if (i + HAND_AHEAD < b->rows)
			hand_table_prefetch(h, hashes[i + HAND_AHEAD], 2);
		*hand_table_at(h, hashes[i], keys[i], 2) += (uint64_t)n[i];
	}
}

static double run_limit(void *arg)
{
	struct keyed *k = arg;
	double t;

	hand_table_make(&k->table, (uint64_t)k->rows.nwarm * WEIR_BATCH_ROWS, 2);
	for (uint32_t i = 0; i < k->rows.nwarm; i++)
		count(&k->table, k->rows.warm[i]);
	t = measure_thread_s();
	for (uint32_t i = 0; i < k->rows.count; i++)
		count(&k->table, k->rows.batches[i]);
	t = measure_thread_s() - t;
	hand_table_free(&k->table);
	return t;
}

/* ---- the job ---- */

static void build(struct weir_env *env, struct memory_rows *rows, void *arg)
{
	(void)arg;
	memory_sink(weir_sum(weir_key_by(memory_source(env, rows), "key"), "count", "n"), rows);
}

static double run_engine(void *arg)
{
	struct keyed *k = arg;

	return memory_job_run(&k->rows, build, NULL) ? k->rows.cpu_s : -1;
}

/* The sum over all running sums is the same in both. */
static bool same(struct keyed *k)
{
	uint64_t sum = 0;

	hand_table_make(&k->table, (uint64_t)k->rows.nwarm * WEIR_BATCH_ROWS, 2);
	for (uint32_t i = 0; i < k->rows.nwarm + k->rows.count; i++) {
		const struct weir_batch *b = i < k->rows.nwarm ? k->rows.warm[i] : k->rows.batches[i - k->rows.nwarm];
		const int64_t *keys = b->cols[0], *n = b->cols[1];

		for (uint32_t r = 0; r < b->rows; r++)
			sum += *hand_table_at(&k->table, weir_hash_u64((uint64_t)keys[r]), keys[r], 2) += (uint64_t)n[r];
	}
	hand_table_free(&k->table);
	if (run_engine(k) < 0)
		return false;
	if (k->rows.sum_out == sum && k->rows.rows_out == (uint64_t)(k->rows.nwarm + k->rows.count) * WEIR_BATCH_ROWS)
		return true;
	fprintf(stderr, "bench_keyed: results differ\n");
	return false;
}

static bool one(const char *name, uint32_t nkeys, uint32_t batches, uint32_t pairs)
{
	struct keyed k = { .rows = { .type = &counted_type, .nwarm = nkeys / WEIR_BATCH_ROWS, .nbatches = batches, .count = batches, .sum_column = 1 } };
	struct weir_rng rng = { 1 };
	struct measure_result r;
	bool ok;

	k.rows.warm = memory_batches(&counted_type, false, k.rows.nwarm);
	k.rows.batches = memory_batches(&counted_type, false, batches);
	if (!k.rows.warm || !k.rows.batches)
		return false;
	for (uint32_t i = 0; i < k.rows.nwarm + batches; i++) {
		struct weir_batch *b = i < k.rows.nwarm ? k.rows.warm[i] : k.rows.batches[i - k.rows.nwarm];

		for (uint32_t c = 0; c < b->rows; c++) {
			((int64_t *)b->cols[0])[c] = i < k.rows.nwarm ? (int64_t)i * WEIR_BATCH_ROWS + c : (int64_t)weir_rng_below(&rng, k.rows.nwarm * (uint64_t)WEIR_BATCH_ROWS);
			((int64_t *)b->cols[1])[c] = 1;
		}
	}
	ok = same(&k) && measure_pairs(run_limit, run_engine, &k, pairs, &r);
	if (ok)
		measure_print(name, &r, (double)batches * WEIR_BATCH_ROWS, 2);
	memory_batches_free(k.rows.warm, k.rows.nwarm);
	memory_batches_free(k.rows.batches, batches);
	return ok;
}

int main(int argc, char **argv)
{
	bool quick = measure_quick(argc, argv);
	int only = argc > 2 && strcmp(argv[argc - 2], "--only") == 0 ? atoi(argv[argc - 1]) : 0; /* 1..3: for a profiler */
	bool ok = true;

	if (!only || only == 1)
		ok &= one("keyed count, 10 k keys", 10 * 1024, quick ? 1000 : 8000, quick ? 7 : 15);
	if (!only || only == 2)
		ok &= one("keyed count, 1 M keys", 1000 * 1024, quick ? 1000 : 4000, quick ? 5 : 15);
	if (!quick && (!only || only == 3))
		ok &= one("keyed count, 10 M keys", 9766 * 1024, 8000, 7);
	return ok ? 0 : 1;
}
