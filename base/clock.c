// SPDX-License-Identifier: Apache-2.0
/* The system's clock and a virtual one. */
#include "base/clock.h"

#include <time.h>

static int64_t sys_now_ms(struct weir_clock *c)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t sys_mono_ns(struct weir_clock *c)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sys_sleep_ns(struct weir_clock *c, int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	(void)c;
	nanosleep(&t, NULL);
}

struct weir_clock weir_system_clock = { sys_now_ms, sys_mono_ns, sys_sleep_ns };

static int64_t virtual_now_ms(struct weir_clock *c)
{
	struct weir_virtual_clock *v = (struct weir_virtual_clock *)c;

	return v->start_ms + v->ns / 1000000;
}

static int64_t virtual_mono_ns(struct weir_clock *c) { return ((struct weir_virtual_clock *)c)->ns; }
static void virtual_sleep_ns(struct weir_clock *c, int64_t ns) { ((struct weir_virtual_clock *)c)->ns += ns; }

void weir_virtual_clock_init(struct weir_virtual_clock *c, int64_t start_ms)
{
	*c = (struct weir_virtual_clock){ { virtual_now_ms, virtual_mono_ns, virtual_sleep_ns }, 0, start_ms };
}
