/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors and what runs them. A task and a job are actors: step functions that never block. A host drives them: threads in production
 * (host_threads.c), one thread with a virtual clock and a seeded schedule in the simulator (tests/sim).
 */
#ifndef WEIR_RUNTIME_HOST_H
#define WEIR_RUNTIME_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rng.h"

struct weir_host;
struct weir_actor;

#define WEIR_STEP_AGAIN 0           /* there is more to do now */
#define WEIR_STEP_IDLE INT64_MAX    /* until woken */
#define WEIR_STEP_DONE INT64_MIN    /* never again */

struct weir_actor {
	/* Do a bounded amount of work. Returns when to be called again: AGAIN, IDLE, DONE or a time on the host's clock (mono ns). */
	int64_t (*step)(struct weir_actor *a);
	const char *name;               /* "flights[0]" */
	struct weir_host *host;
	void *host_data;                /* the host's */
};

/* One piece of work that may block (files): runs once, on another thread or later. fn frees it. */
struct weir_work {
	void (*fn)(struct weir_work *w);
	struct weir_work *next;         /* the host's */
	int64_t due_ns;                 /* the host's */
};

struct weir_host_ops {
	/* Make the actor known, before anyone may wake it. False when out of memory. */
	bool (*prepare)(struct weir_host *h, struct weir_actor *a);
	/* Begin to step a prepared actor. False when a thread cannot be had. */
	bool (*start)(struct weir_host *h, struct weir_actor *a);
	/* It has something to do: callable from any thread from prepare() to release(). */
	void (*wake)(struct weir_host *h, struct weir_actor *a);
	/* Wait until the actor's last step has returned. Only for actors that are on their way to DONE. */
	void (*join)(struct weir_host *h, struct weir_actor *a);
	/* Forget the actor: nobody may wake it any more. After join, or without start. */
	void (*release)(struct weir_host *h, struct weir_actor *a);
	void (*submit)(struct weir_host *h, struct weir_work *w);
};

struct weir_host {
	const struct weir_host_ops *ops;
	struct weir_clock *clock;
};

static inline void weir_wake(struct weir_actor *a) { a->host->ops->wake(a->host, a); }

/* Threads: one per actor and `io_threads` for work. NULL when out of memory. Free after every actor is joined; waits for submitted work. */
struct weir_host *weir_host_threads_new(uint32_t io_threads);
void weir_host_threads_free(struct weir_host *h);

#endif
