// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator's host.
 *
 * Invariants
 *  1. One thing runs at a time, to its end: an actor's step, or a piece of work. What is next is drawn from the seed among all that could run now:
 *     actors that were woken or are due, works that are due. When there is none the clock jumps to the next due time.
 *  2. An actor is woken before its step can miss it: `pending` is cleared before the step, as the threads host does.
 *  3. Every draw and every time goes into the hash.
 * One thread. Out of memory aborts: this is a test.
 */
#include "tests/sim/host_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

struct seat {
	struct weir_actor *actor;
	bool pending, started, done;
	int64_t due_ns;
	uint32_t weight, number;
};

struct sim_host {
	struct weir_host base;
	struct weir_virtual_clock clock; /* clock.base.sleep_ns is ours */
	struct sim_host_config cfg;
	struct weir_rng rng;
	WEIR_VEC(struct seat *) seats;
	WEIR_VEC(struct weir_work *) works;
	uint64_t steps, hash;
	uint32_t next_number;
	bool trace;
	const char *misuse;
};

static void *must(void *p)
{
	if (!p) {
		fputs("sim: out of memory\n", stderr);
		abort();
	}
	return p;
}

static void note(struct sim_host *h, uint64_t v)
{
	h->hash = (h->hash ^ v) * 0x9fb21c651e98df25u;
	h->hash ^= h->hash >> 35;
}

/* ---- the host's operations ---- */

static bool sim_prepare(struct weir_host *base, struct weir_actor *a)
{
	struct sim_host *h = (struct sim_host *)base;
	struct seat *s = must(calloc(1, sizeof(*s)));

	*s = (struct seat){ .actor = a, .due_ns = INT64_MAX, .weight = h->cfg.uneven ? 1u << weir_rng_below(&h->rng, 5) : 1, .number = h->next_number++ };
	*(struct seat **)must(weir_vec_push(&h->seats)) = s;
	a->host_data = s;
	a->host = base;
	return true;
}

static bool sim_start(struct weir_host *base, struct weir_actor *a)
{
	struct seat *s = a->host_data;

	(void)base;
	s->started = s->pending = true;
	return true;
}

static void sim_wake(struct weir_host *base, struct weir_actor *a)
{
	struct sim_host *h = (struct sim_host *)base;
	struct seat *s = a->host_data;

	if (!s)
		h->misuse = "an actor was woken that the host does not know";
	else
		s->pending = true;
}

static void sim_join(struct weir_host *base, struct weir_actor *a)
{
	struct sim_host *h = (struct sim_host *)base;
	struct seat *s = a->host_data;

	if (s->started && !s->done)
		h->misuse = "an actor was joined that is not over";
}

static void sim_release(struct weir_host *base, struct weir_actor *a)
{
	struct sim_host *h = (struct sim_host *)base;
	struct seat *s = a->host_data;

	for (size_t i = 0; i < h->seats.len; i++)
		if (h->seats.items[i] == s) {
			memmove(&h->seats.items[i], &h->seats.items[i + 1], (h->seats.len - i - 1) * sizeof(s));
			h->seats.len--;
			break;
		}
	free(s);
	a->host_data = NULL;
}

static void sim_submit(struct weir_host *base, struct weir_work *w)
{
	struct sim_host *h = (struct sim_host *)base;
	bool slow = h->cfg.slow_in_1024 && weir_rng_below(&h->rng, 1024) < h->cfg.slow_in_1024;
	int64_t delay = (int64_t)weir_rng_below(&h->rng, (uint64_t)(slow ? h->cfg.slow_ns : 2 * h->cfg.work_ns) + 1);

	w->due_ns = h->clock.ns + delay;
	*(struct weir_work **)must(weir_vec_push(&h->works)) = w;
	note(h, (uint64_t)w->due_ns);
}

static const struct weir_host_ops ops = { sim_prepare, sim_start, sim_wake, sim_join, sim_release, sim_submit };

/* ---- running ---- */

static void run_work(struct sim_host *h, size_t i)
{
	struct weir_work *w = h->works.items[i];

	memmove(&h->works.items[i], &h->works.items[i + 1], (h->works.len - i - 1) * sizeof(w));
	h->works.len--;
	if (h->trace)
		printf("%10.3f ms  work\n", (double)h->clock.ns / 1e6);
	w->fn(w);
}

static void run_seat(struct sim_host *h, struct seat *s)
{
	int64_t next;

	s->pending = false;
	s->due_ns = INT64_MAX;
	next = s->actor->step(s->actor); /* may prepare and release other actors */
	if (h->trace)
		printf("%10.3f ms  %s%s\n", (double)h->clock.ns / 1e6, s->actor->name, next == WEIR_STEP_DONE ? ": done" : next == WEIR_STEP_AGAIN ? ": more" : "");
	if (next == WEIR_STEP_DONE)
		s->done = true;
	else if (next == WEIR_STEP_AGAIN)
		s->pending = true;
	else
		s->due_ns = next;
}

static bool seat_ready(const struct sim_host *h, const struct seat *s) { return s->started && !s->done && (s->pending || s->due_ns <= h->clock.ns); }

/* Sum of the chances of all that could run now. */
static uint64_t ready(const struct sim_host *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < h->seats.len; i++)
		n += seat_ready(h, h->seats.items[i]) ? h->seats.items[i]->weight : 0;
	for (size_t i = 0; i < h->works.len; i++)
		n += h->works.items[i]->due_ns <= h->clock.ns;
	return n;
}

static int64_t next_due(const struct sim_host *h)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < h->seats.len; i++)
		if (h->seats.items[i]->started && !h->seats.items[i]->done && h->seats.items[i]->due_ns < at)
			at = h->seats.items[i]->due_ns;
	for (size_t i = 0; i < h->works.len; i++)
		if (h->works.items[i]->due_ns < at)
			at = h->works.items[i]->due_ns;
	return at;
}

/* What the draw falls on: a seat, or else a work's place in *out_work. */
static struct seat *find(const struct sim_host *h, uint64_t pick, size_t *out_work)
{
	for (size_t i = 0; i < h->seats.len; i++) {
		struct seat *s = h->seats.items[i];

		if (!seat_ready(h, s))
			continue;
		if (pick < s->weight)
			return s;
		pick -= s->weight;
	}
	for (*out_work = 0; *out_work < h->works.len; ++*out_work)
		if (h->works.items[*out_work]->due_ns <= h->clock.ns && pick-- == 0)
			break;
	return NULL;
}

enum sim_step sim_host_step(struct sim_host *h)
{
	uint64_t n = ready(h);
	struct seat *s;
	size_t work = 0;

	if (n == 0) {
		int64_t at = next_due(h);

		if (at == INT64_MAX)
			return SIM_DEADLOCK;
		h->clock.ns = at;
		n = ready(h);
	}
	s = find(h, weir_rng_below(&h->rng, n), &work);
	h->steps++;
	h->clock.ns += (int64_t)weir_rng_below(&h->rng, (uint64_t)(2 * h->cfg.step_ns) + 1);
	note(h, (uint64_t)h->clock.ns);
	note(h, s ? s->number : 1000000 + work);
	if (s)
		run_seat(h, s);
	else
		run_work(h, work);
	return SIM_STEPPED;
}

/* Somebody waits in a loop for work to be over (weir_job_free): run what becomes due meanwhile. */
static void sim_sleep(struct weir_clock *c, int64_t ns)
{
	struct sim_host *h = (struct sim_host *)((char *)c - offsetof(struct sim_host, clock));

	h->clock.ns += ns;
	for (size_t i = 0; i < h->works.len;)
		if (h->works.items[i]->due_ns <= h->clock.ns) {
			run_work(h, i);
			i = 0;
		} else {
			i++;
		}
}

/* ---- life ---- */

struct sim_host *sim_host_new(const struct sim_host_config *config)
{
	struct sim_host *h = must(calloc(1, sizeof(*h)));

	h->base.ops = &ops;
	weir_virtual_clock_init(&h->clock, 1000000000000);
	h->clock.base.sleep_ns = sim_sleep;
	h->base.clock = &h->clock.base;
	h->cfg = *config;
	h->rng.state = config->seed;
	h->hash = config->seed;
	return h;
}

void sim_host_free(struct sim_host *h)
{
	weir_vec_fini(&h->seats);
	weir_vec_fini(&h->works);
	free(h);
}

struct weir_host *sim_host_base(struct sim_host *h) { return &h->base; }
uint64_t sim_host_steps(const struct sim_host *h) { return h->steps; }
uint64_t sim_host_hash(const struct sim_host *h) { return h->hash; }
void sim_host_note(struct sim_host *h, uint64_t what) { note(h, what); }
int64_t sim_host_now_ns(const struct sim_host *h) { return h->clock.ns; }
void sim_host_calm(struct sim_host *h) { h->cfg.slow_in_1024 = 0; }
void sim_host_trace(struct sim_host *h, bool on) { h->trace = on; }
const char *sim_host_misuse(const struct sim_host *h) { return h->misuse; }

void sim_host_print(const struct sim_host *h)
{
	printf("at %.3f ms, %zu works\n", (double)h->clock.ns / 1e6, h->works.len);
	for (size_t i = 0; i < h->seats.len; i++)
		printf("  actor %s%s%s\n", h->seats.items[i]->actor->name, h->seats.items[i]->done ? " done" : "", h->seats.items[i]->pending ? " pending" : "");
}
