/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for the simulator: every actor and every piece of work runs in the caller's thread, in an order drawn from a seed, under a virtual clock.
 * Nothing here looks at real time; the same seed and the same actors give the same run.
 */
#ifndef WEIR_SIM_HOST_H
#define WEIR_SIM_HOST_H

#include "runtime/host.h"

struct sim_host_config {
	uint64_t seed;
	int64_t step_ns;        /* a step takes up to twice this */
	int64_t work_ns;        /* work is due after up to twice this */
	uint32_t slow_in_1024;  /* so many of 1024 works take up to slow_ns */
	int64_t slow_ns;
	bool uneven;            /* actors have different chances to run */
};

struct sim_host;

enum sim_step { SIM_STEPPED, SIM_DEADLOCK };

struct sim_host *sim_host_new(const struct sim_host_config *config);
void sim_host_free(struct sim_host *h); /* nothing may be left in it */
struct weir_host *sim_host_base(struct sim_host *h);
/* One choice: an actor's step or a piece of work; moves the clock. DEADLOCK: nobody has anything to do, ever. */
enum sim_step sim_host_step(struct sim_host *h);
uint64_t sim_host_steps(const struct sim_host *h);
uint64_t sim_host_hash(const struct sim_host *h); /* of all choices so far */
void sim_host_note(struct sim_host *h, uint64_t what); /* let something else count in the hash */
int64_t sim_host_now_ns(const struct sim_host *h);
/* From now on work is due as this says. */
void sim_host_calm(struct sim_host *h);
void sim_host_trace(struct sim_host *h, bool on); /* each choice as a line on stdout */
/* Something that should never be: a wake-up of an actor that is gone, a join of one that is not over. NULL: nothing. */
const char *sim_host_misuse(const struct sim_host *h);
/* What is left to do, for the report of a deadlock. */
void sim_host_print(const struct sim_host *h);

#endif
