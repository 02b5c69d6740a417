/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the benchmarks measure: the engine and a hand-written limit on the same data, in one process, interleaved L E E L L E E L, by CPU time.
 * The answer is the median of the pairwise ratios with a bootstrap interval. A fixed loop runs beside them: when it does not take the same time each
 * time, the machine was too busy and the row says so.
 */
#ifndef WEIR_BENCH_MEASURE_H
#define WEIR_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

/* Run once; the cost in seconds (of whatever clock the benchmark finds right). Negative: failed, the row is not printed. */
typedef double measure_fn(void *arg);

struct measure_result {
	double ratio, low, high;      /* median of engine/limit, and its 95 % interval */
	double limit_s, engine_s;     /* medians */
	double best;                  /* min(engine) / min(limit) */
	double control;               /* p50/min of the fixed loop; above 1.1 the machine was busy */
	uint32_t pairs;
};

double measure_thread_s(void);   /* CPU time of this thread */
double measure_process_s(void);  /* ... of all threads of the process */
double measure_wall_s(void);

/* One run of each first, to warm up, then `pairs` pairs. False when a run failed. */
bool measure_pairs(measure_fn *limit, measure_fn *engine, void *arg, uint32_t pairs, struct measure_result *out);
double measure_median(double *v, uint32_t n); /* sorts v */

/* ---- the table ---- */
void measure_header(void);
/* rows: to print ns a row; 0: milliseconds a run. */
void measure_print(const char *name, const struct measure_result *r, double rows, double target);
void measure_print_info(const char *name, const struct measure_result *r, double rows); /* no target */
/* A plain number with an upper bound. */
void measure_print_value(const char *name, double value, const char *unit, double target);
void measure_machine(void);

/* --quick in argv: sizes for seconds instead of minutes. */
bool measure_quick(int argc, char **argv);

#endif
