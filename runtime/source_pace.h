/* SPDX-License-Identifier: Apache-2.0 */
/* How many rows a source may emit by now: a schedule of rows per second. Pure over the clock it is given. */
#ifndef WEIR_RUNTIME_SOURCE_PACE_H
#define WEIR_RUNTIME_SOURCE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct weir_pace {
	int64_t rows_per_second;  /* over all subtasks; 0 = no limit */
	uint32_t parallelism;
	bool started;
	int64_t start_ns;
	int64_t taken;            /* rows since start_ns */
};

/* Rows that are due at mono_ns, at most `max`. 0: none; *out_wait_ns says how long until some are (about 10 ms of rows, at least one). */
uint32_t weir_pace_due(struct weir_pace *p, int64_t mono_ns, uint32_t max, int64_t *out_wait_ns);
static inline void weir_pace_take(struct weir_pace *p, uint32_t rows) { p->taken += rows; }

#endif
