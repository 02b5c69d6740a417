// SPDX-License-Identifier: Apache-2.0
/*
 * A stateless chain of four operators over rows in memory (source, convert, filter, project) against one fused loop over the same columns: Nexmark's first
 * query with a filter behind it. Once with batch functions, once with the functions that see a row at a time.
 *     bench_chain [--quick]
 */
#include <stdio.h>

#include <weir/weir.h>

#include "base/rng.h"
#include "bench/measure.h"
#include "bench/memory_job.h"

#define BATCHES 4u /* stay in the second-level cache */

#define BID(F) F(int64, auction) F(int64, bidder) F(int64, price) F(timestamp, time)
#define SALE(F) F(int64, auction) F(int64, euros) F(timestamp, time)
WEIR_RECORD(bid, BID)
WEIR_RECORD(sale, SALE)

struct chain {
	struct memory_rows rows;
	bool by_row;
};

static inline int64_t in_euros(int64_t dollars) { return dollars * 908 / 1000; }
static inline bool wanted(int64_t euros) { return euros >= 5000; }

/* ---- the limit ---- */

static uint64_t limit_rows, limit_sum;

static double run_limit(void *arg)
{
	struct chain *c = arg;
	double t = measure_thread_s();

	limit_rows = limit_sum = 0;
	for (uint64_t i = 0; i < c->rows.count; i++) {
		static int64_t auctions[WEIR_BATCH_ROWS], euros[WEIR_BATCH_ROWS], times[WEIR_BATCH_ROWS];
		const struct weir_batch *b = c->rows.batches[i % BATCHES];
		const int64_t *auction = b->cols[0], *price = b->cols[2], *time = b->cols[3];
		uint64_t sum = 0;
		uint32_t n = 0;

		for (uint32_t k = 0; k < b->rows; k++) {
			int64_t e = in_euros(price[k]);

			auctions[n] = auction[k];
			euros[n] = e;
			times[n] = time[k];
			sum += wanted(e) ? (uint64_t)e : 0;
			n += wanted(e);
		}
		__asm__ volatile("" : : "r"(auctions), "r"(euros), "r"(times) : "memory");
		limit_sum += sum;
		limit_rows += n;
	}
	return measure_thread_s() - t;
}

/* ---- the job ---- */

static int convert_batch(struct weir_ctx *ctx, const struct weir_batch *in, void *const *out)
{
	const int64_t *price = weir_column(in, bid, price);
	int64_t *to = out[2];

	(void)ctx;
	memcpy(out[0], weir_column(in, bid, auction), in->rows * sizeof(int64_t));
	memcpy(out[1], weir_column(in, bid, bidder), in->rows * sizeof(int64_t));
	memcpy(out[3], weir_column(in, bid, time), in->rows * sizeof(int64_t));
	for (uint32_t i = 0; i < in->rows; i++)
		to[i] = in_euros(price[i]);
	return 0;
}

static int filter_batch(struct weir_ctx *ctx, const struct weir_batch *in, struct weir_select *out)
{
	const int64_t *price = weir_column(in, bid, price);

	(void)ctx;
	for (uint32_t i = 0; i < in->rows; i++)
		weir_select_if(out, i, wanted(price[i]));
	return 0;
}

static int project_batch(struct weir_ctx *ctx, const struct weir_batch *in, void *const *out)
{
	(void)ctx;
	memcpy(out[0], weir_column(in, bid, auction), in->rows * sizeof(int64_t));
	memcpy(out[1], weir_column(in, bid, price), in->rows * sizeof(int64_t));
	memcpy(out[2], weir_column(in, bid, time), in->rows * sizeof(int64_t));
	return 0;
}

static int convert_row(struct weir_ctx *ctx, const void *in, void *out)
{
	(void)ctx;
	*(struct bid *)out = *(const struct bid *)in;
	((struct bid *)out)->price = in_euros(((const struct bid *)in)->price);
	return 0;
}

static int filter_row(struct weir_ctx *ctx, const void *in, bool *keep)
{
	(void)ctx;
	*keep = wanted(((const struct bid *)in)->price);
	return 0;
}

static int project_row(struct weir_ctx *ctx, const void *in, void *out)
{
	const struct bid *b = in;

	(void)ctx;
	*(struct sale *)out = (struct sale){ .auction = b->auction, .euros = b->price, .time = b->time };
	return 0;
}

static void build(struct weir_env *env, struct memory_rows *rows, void *arg)
{
	struct weir_stream *s = memory_source(env, rows);

	if (((struct chain *)arg)->by_row)
		s = weir_map(weir_filter(weir_map(s, "convert", convert_row, &bid_type), "filter", filter_row), "project", project_row, &sale_type);
	else
		s = weir_batch_map(weir_batch_filter(weir_batch_map(s, "convert", convert_batch, &bid_type), "filter", filter_batch), "project", project_batch, &sale_type);
	memory_sink(s, rows);
}

static double run_engine(void *arg)
{
	struct chain *c = arg;

	if (!memory_job_run(&c->rows, build, c))
		return -1;
	if (c->rows.rows_out != limit_rows || c->rows.sum_out != limit_sum) {
		fprintf(stderr, "bench_chain: results differ: %llu rows, sum %llu; by hand %llu, %llu\n", (unsigned long long)c->rows.rows_out,
			(unsigned long long)c->rows.sum_out, (unsigned long long)limit_rows, (unsigned long long)limit_sum);
		return -1;
	}
	return c->rows.cpu_s;
}

int main(int argc, char **argv)
{
	bool quick = measure_quick(argc, argv);
	struct chain c = { .rows = { .type = &bid_type, .nbatches = BATCHES, .sum_column = 1 } };
	struct weir_rng rng = { 11 };
	struct measure_result r;

	c.rows.batches = memory_batches(&bid_type, true, BATCHES);
	if (!c.rows.batches)
		return 1;
	for (uint32_t i = 0; i < BATCHES; i++) {
		struct weir_batch *b = c.rows.batches[i];

		for (uint32_t k = 0; k < b->rows; k++) {
			((int64_t *)b->cols[0])[k] = 1000 + (int64_t)weir_rng_below(&rng, 1000);
			((int64_t *)b->cols[1])[k] = 1000 + (int64_t)weir_rng_below(&rng, 1000);
			((int64_t *)b->cols[2])[k] = 100 + (int64_t)weir_rng_below(&rng, 10000);
			((int64_t *)b->cols[3])[k] = b->times[k] = 1000000 + (int64_t)i * 1024 + k;
		}
	}
	for (int by_row = 0; by_row < 2; by_row++) {
		c.by_row = by_row;
		c.rows.count = (quick ? 4000u : 40000u) / (by_row ? 4 : 1);
		if (!measure_pairs(run_limit, run_engine, &c, quick ? 7 : 15, &r))
			return 1;
		if (by_row)
			measure_print_info("  the same with row functions", &r, (double)c.rows.count * WEIR_BATCH_ROWS);
		else
			measure_print("stateless chain, 4 operators", &r, (double)c.rows.count * WEIR_BATCH_ROWS, 4);
	}
	memory_batches_free(c.rows.batches, BATCHES);
	return 0;
}
