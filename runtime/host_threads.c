// SPDX-License-Identifier: Apache-2.0
/*
 * Actors on threads. A wake-up is a flag and, only when the actor sleeps, a signal; so a busy pipeline never makes a system call for it.
 *
 * Invariant (no lost wake-up): wake() sets `pending` before it looks at `sleeping`; the sleeper sets `sleeping` before it looks at `pending`; both with
 * sequential consistency. Work runs in the order of submission on a fixed set of threads.
 */
#include "runtime/host.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct seat { /* one actor's thread */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	atomic_bool pending, sleeping;
	bool started;
	struct weir_actor *actor;
	char signal_stack[16384];       /* a handler can speak even when a user's function has used up its stack */
};

struct threads_host {
	struct weir_host base;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct weir_work *first, **last;
	bool stopping;
	uint32_t nio;
	pthread_t io[];
};

static bool threads_prepare(struct weir_host *h, struct weir_actor *a)
{
	struct seat *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return false;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->cond, &attr);
	pthread_condattr_destroy(&attr);
	s->actor = a;
	a->host_data = s;
	a->host = h;
	return true;
}

static void sleep_until(struct seat *s, int64_t until_ns)
{
	struct timespec t = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };

	pthread_mutex_lock(&s->lock);
	atomic_store(&s->sleeping, true);
	while (!atomic_load(&s->pending)) {
		if (until_ns == WEIR_STEP_IDLE)
			pthread_cond_wait(&s->cond, &s->lock);
		else if (pthread_cond_timedwait(&s->cond, &s->lock, &t) != 0)
			break;
	}
	atomic_store(&s->sleeping, false);
	pthread_mutex_unlock(&s->lock);
}

#define SPINS 200 /* looks at the flag before sleeping: a neighbour's next batch is often microseconds away */

static void *run(void *arg)
{
	struct seat *s = arg;
	stack_t alt = { .ss_sp = s->signal_stack, .ss_size = sizeof(s->signal_stack) }, none = { .ss_flags = SS_DISABLE }, had;
	bool mine = sigaltstack(NULL, &had) == 0 && (had.ss_flags & SS_DISABLE) && sigaltstack(&alt, NULL) == 0; /* a sanitizer brings its own */

	for (;;) {
		int64_t next;

		atomic_store(&s->pending, false);
		next = s->actor->step(s->actor);
		if (next == WEIR_STEP_DONE)
			break;
		if (next == WEIR_STEP_AGAIN)
			continue;
		for (int i = 0; i < SPINS && !atomic_load_explicit(&s->pending, memory_order_relaxed); i++)
			atomic_signal_fence(memory_order_seq_cst);
		if (!atomic_load(&s->pending))
			sleep_until(s, next);
	}
	if (mine)
		sigaltstack(&none, NULL);
	return NULL;
}

static bool threads_start(struct weir_host *h, struct weir_actor *a)
{
	struct seat *s = a->host_data;
	char name[16];

	(void)h;
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		return false;
	s->started = true;
	snprintf(name, sizeof(name), "%.15s", a->name ? a->name : "weir");
	pthread_setname_np(s->thread, name);
	return true;
}

static void threads_wake(struct weir_host *h, struct weir_actor *a)
{
	struct seat *s = a->host_data;

	(void)h;
	if (!s)
		return;
	atomic_store(&s->pending, true);
	if (atomic_load(&s->sleeping)) {
		pthread_mutex_lock(&s->lock);
		pthread_cond_signal(&s->cond);
		pthread_mutex_unlock(&s->lock);
	}
}

static void threads_join(struct weir_host *h, struct weir_actor *a)
{
	struct seat *s = a->host_data;

	(void)h;
	if (s && s->started) {
		pthread_join(s->thread, NULL);
		s->started = false;
	}
}

static void threads_release(struct weir_host *h, struct weir_actor *a)
{
	struct seat *s = a->host_data;

	(void)h;
	if (!s)
		return;
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->lock);
	free(s);
	a->host_data = NULL;
}

static void threads_submit(struct weir_host *base, struct weir_work *w)
{
	struct threads_host *h = (struct threads_host *)base;

	w->next = NULL;
	pthread_mutex_lock(&h->lock);
	*h->last = w;
	h->last = &w->next;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->lock);
}

static void *io_run(void *arg)
{
	struct threads_host *h = arg;

	for (;;) {
		struct weir_work *w;

		pthread_mutex_lock(&h->lock);
		while (!h->first && !h->stopping)
			pthread_cond_wait(&h->cond, &h->lock);
		w = h->first;
		if (w) {
			h->first = w->next;
			if (!h->first)
				h->last = &h->first;
		}
		pthread_mutex_unlock(&h->lock);
		if (!w)
			return NULL;
		w->fn(w);
	}
}

static const struct weir_host_ops ops = { threads_prepare, threads_start, threads_wake, threads_join, threads_release, threads_submit };

struct weir_host *weir_host_threads_new(uint32_t io_threads)
{
	struct threads_host *h = calloc(1, sizeof(*h) + io_threads * sizeof(h->io[0]));

	if (!h)
		return NULL;
	h->base.ops = &ops;
	h->base.clock = &weir_system_clock;
	h->last = &h->first;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->cond, NULL);
	while (h->nio < io_threads && pthread_create(&h->io[h->nio], NULL, io_run, h) == 0)
		h->nio++;
	if (h->nio == 0) {
		free(h);
		return NULL;
	}
	return &h->base;
}

void weir_host_threads_free(struct weir_host *base)
{
	struct threads_host *h = (struct threads_host *)base;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_broadcast(&h->cond);
	pthread_mutex_unlock(&h->lock);
	for (uint32_t i = 0; i < h->nio; i++)
		pthread_join(h->io[i], NULL);
	pthread_cond_destroy(&h->cond);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
