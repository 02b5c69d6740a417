/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs over rows in memory: a source that hands out prepared batches, a sink that counts rows and notes when the last one came. They take the place of
 * ordinary operators in a graph made with the public calls, so that everything between them is the engine as it is.
 */
#ifndef WEIR_BENCH_MEMORY_JOB_H
#define WEIR_BENCH_MEMORY_JOB_H

#include "runtime/graph.h"

struct memory_rows {
	struct weir_type *type;
	struct weir_batch **warm;       /* handed out first, before the clock starts; may be NULL */
	uint32_t nwarm;
	struct weir_batch **batches;
	uint32_t nbatches;
	uint64_t count;                 /* batches to hand out: the array over and over */
	bool timed;                     /* batches have times: watermarks follow them, this far behind */
	int64_t out_of_orderness_ms;
	/* results */
	uint64_t rows_out;              /* at the sink, warm ones included */
	uint64_t sum_out;               /* of the 8-byte values in column sum_column there */
	uint32_t sum_column;
	double cpu_s, wall_s;           /* from the first row that is not warm to the last at the sink, all threads */
	/* private */
	uint64_t given;
	int64_t max_ms;
	double cpu_start, wall_start;
};

/* n batches of one type, rows to be filled in by the caller. NULL when out of memory. */
struct weir_batch **memory_batches(struct weir_type *type, bool timed, uint32_t n);
void memory_batches_free(struct weir_batch **b, uint32_t n);

struct weir_stream *memory_source(struct weir_env *env, struct memory_rows *rows);
void memory_sink(struct weir_stream *s, struct memory_rows *rows);
/* Run the graph that build() makes; message on stderr and false when it fails. */
bool memory_job_run(struct memory_rows *rows, void (*build)(struct weir_env *env, struct memory_rows *rows, void *arg), void *arg);

#endif
