/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as an argument. Nothing above base/ reads the system's clock: it takes a struct weir_clock *, which the simulator
 * replaces by a virtual one. Milliseconds since the epoch for wall time; nanoseconds from an arbitrary start for durations.
 */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>

struct weir_clock {
	int64_t (*now_ms)(struct weir_clock *c);  /* wall clock */
	int64_t (*mono_ns)(struct weir_clock *c); /* never goes back */
	void (*sleep_ns)(struct weir_clock *c, int64_t ns);
};

extern struct weir_clock weir_system_clock;

/* A clock that moves only when told to. sleep_ns advances it. */
struct weir_virtual_clock {
	struct weir_clock base;
	int64_t ns;       /* since `start_ms` */
	int64_t start_ms;
};
void weir_virtual_clock_init(struct weir_virtual_clock *c, int64_t start_ms);

static inline int64_t weir_now_ms(struct weir_clock *c) { return c->now_ms(c); }
static inline int64_t weir_mono_ns(struct weir_clock *c) { return c->mono_ns(c); }

#endif
