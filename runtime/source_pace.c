// SPDX-License-Identifier: Apache-2.0
/*
 * Pacing. Row n (from 0) of a subtask is due at start + n * parallelism / rows_per_second. A source that was held back for more than a second does not
 * make up for it: the schedule starts anew. Pure.
 */
#include "runtime/source_pace.h"

#define SECOND INT64_C(1000000000)

/* When row n is due, after the start. */
static int64_t due_ns(const struct weir_pace *p, int64_t n)
{
	return (int64_t)(((__int128)n * p->parallelism * SECOND + p->rows_per_second - 1) / p->rows_per_second);
}

uint32_t weir_pace_due(struct weir_pace *p, int64_t mono_ns, uint32_t max, int64_t *out_wait_ns)
{
	int64_t slice, due;

	*out_wait_ns = 0;
	if (p->rows_per_second <= 0)
		return max;
	if (!p->started || mono_ns - p->start_ns - due_ns(p, p->taken) > SECOND + due_ns(p, 1)) {
		p->started = true;
		p->start_ns = mono_ns;
		p->taken = 0;
	}
	due = (int64_t)((__int128)(mono_ns - p->start_ns) * p->rows_per_second / ((__int128)p->parallelism * SECOND)) + 1 - p->taken;
	if (due > 0)
		return due < max ? (uint32_t)due : max;
	slice = p->rows_per_second / p->parallelism / 100;
	*out_wait_ns = p->start_ns + due_ns(p, p->taken + (slice > 1 ? slice - 1 : 0)) - mono_ns;
	if (*out_wait_ns < 1)
		*out_wait_ns = 1;
	return 0;
}
