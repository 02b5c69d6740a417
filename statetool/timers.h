/* SPDX-License-Identifier: Apache-2.0 */
/* weir state timers: what fires when. */
#ifndef WEIR_STATETOOL_TIMERS_H
#define WEIR_STATETOOL_TIMERS_H

#include "statetool/pick.h"
#include "statetool/sink.h"

/* Counts of times in bins of a handy width (1 ms, 10 ms, ... 1 h, 6 h, 1 day, ...), which grows with the range, so that one pass is enough. */
enum { WEIR_BINS = 24 };
struct weir_histogram {
	uint64_t counts[WEIR_BINS];
	unsigned width;      /* index of the width */
	int64_t first;       /* bin of counts[0]: time divided by the width, rounded down */
	uint32_t n;          /* bins in use */
	uint64_t never;      /* at the end of time (Long.MAX_VALUE): registered, but never due */
	uint64_t total;      /* but for those */
	int64_t min, max;
};
void weir_histogram_add(struct weir_histogram *h, int64_t time_ms);
int64_t weir_histogram_width_ms(const struct weir_histogram *h);

struct weir_timers_options {
	const struct weir_operator_state *op; /* NULL = all */
	const char *state;                    /* NULL = every timer service */
	struct weir_uids uids;
	uint32_t next;                        /* how many of the next timers to show */
	bool json;
};
int weir_state_timers(struct weir_view *v, const struct weir_timers_options *o, struct weir_sink *sink, struct weir_error *err) WEIR_CHECK;

#endif
