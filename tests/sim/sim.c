// SPDX-License-Identifier: Apache-2.0
/*
 * sim SEEDS [FIRST]          run so many seeds, from FIRST (default 1) on
 * sim --seed N [--verbose]   run one; --verbose traces every choice and every file operation
 *
 * Exit status 1 when a seed failed. A failure prints the command that replays it.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX 20

static struct sim_verdict sum;

static bool one(const char *program, uint64_t seed, bool verbose)
{
	struct sim_verdict v;

	sim_run(seed, verbose, &v);
	if (!v.passed)
		printf("sim: seed %llu failed: %s\n  replay: %s --seed %llu --verbose\n", (unsigned long long)seed, v.why, program, (unsigned long long)seed);
	if (verbose || !v.passed)
		printf("sim: seed %llu hash %016llx, %llu steps, %u attempts, %u crashes, %u restarts, %u checkpoints\n", (unsigned long long)seed,
		       (unsigned long long)v.hash, (unsigned long long)v.steps, v.attempts, v.crashes, v.restarts, v.checkpoints);
	fflush(stdout);
	sum.steps += v.steps;
	sum.attempts += v.attempts;
	sum.crashes += v.crashes;
	sum.restarts += v.restarts;
	sum.checkpoints += v.checkpoints;
	sum.from_stopped += v.from_stopped;
	return v.passed;
}

/* The same seed must give the same run: seen by running it twice. */
static bool repeats(const char *program, uint64_t seed)
{
	struct sim_verdict a, b;

	sim_run(seed, false, &a);
	sim_run(seed, false, &b);
	if (a.hash == b.hash && a.steps == b.steps && a.passed == b.passed)
		return true;
	printf("sim: seed %llu is not deterministic: hash %016llx, then %016llx\n  replay: %s --seed %llu --verbose\n", (unsigned long long)seed,
	       (unsigned long long)a.hash, (unsigned long long)b.hash, program, (unsigned long long)seed);
	return false;
}

static int many(const char *program, uint64_t seeds, uint64_t first)
{
	uint64_t failed = 0, passed = 0;

	for (uint64_t i = first; i < first + seeds; i++) {
		bool ok = one(program, i, false) && (i % 100 != 0 || repeats(program, i));

		passed += ok;
		failed += !ok;
		if (failed == SHOWN_MAX) {
			printf("sim: %d seeds failed: the rest is left out\n", SHOWN_MAX);
			break;
		}
	}
	printf("sim: %llu steps, %u attempts (%u from a stop's savepoint), %u crashes, %u restarts, %u checkpoints\n", (unsigned long long)sum.steps, sum.attempts,
	       sum.from_stopped, sum.crashes, sum.restarts, sum.checkpoints);
	printf("sim: %llu passed, %llu failed, %llu skipped\n", (unsigned long long)passed, (unsigned long long)failed, (unsigned long long)(seeds - passed - failed));
	return failed ? 1 : 0;
}

static int usage(void)
{
	fputs("usage: sim SEEDS [FIRST]\n       sim --seed N [--verbose]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, seeds;
	bool verbose;

	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "--seed") == 0) {
		if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--verbose") != 0))
			return usage();
		verbose = argc == 4;
		return one(argv[0], strtoull(argv[2], NULL, 10), verbose) && (verbose || repeats(argv[0], strtoull(argv[2], NULL, 10))) ? 0 : 1;
	}
	seeds = strtoull(argv[1], NULL, 10);
	if (seeds == 0 || argc > 3)
		return usage();
	if (argc == 3)
		first = strtoull(argv[2], NULL, 10);
	return many(argv[0], seeds, first);
}
