// SPDX-License-Identifier: Apache-2.0
/*
 * Paired measurement. The bootstrap resamples the pairwise ratios with a fixed seed, so a printed interval can be recomputed.
 * One thread. Nothing fails but the runs themselves.
 */
#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"

#define MOST_PAIRS 128u
#define RESAMPLES 2000u

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double measure_thread_s(void) { return seconds(CLOCK_THREAD_CPUTIME_ID); }
double measure_process_s(void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }
double measure_wall_s(void) { return seconds(CLOCK_MONOTONIC); }

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double measure_median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* A million dependent multiply-adds: about a millisecond, no memory. */
static double control_loop(void)
{
	static volatile uint64_t keep;
	double t = measure_thread_s();
	uint64_t x = keep + 1;

	for (int i = 0; i < 1000000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		__asm__ volatile("" : "+r"(x));
	}
	keep = x;
	return measure_thread_s() - t;
}

static void bootstrap(const double *ratios, uint32_t n, double *out_low, double *out_high)
{
	static double medians[RESAMPLES];
	struct weir_rng rng = { 20010101 };

	for (uint32_t i = 0; i < RESAMPLES; i++) {
		double sample[MOST_PAIRS];

		for (uint32_t k = 0; k < n; k++)
			sample[k] = ratios[weir_rng_below(&rng, n)];
		medians[i] = measure_median(sample, n);
	}
	qsort(medians, RESAMPLES, sizeof(medians[0]), by_value);
	*out_low = medians[RESAMPLES * 25 / 1000];
	*out_high = medians[RESAMPLES * 975 / 1000];
}

bool measure_pairs(measure_fn *limit, measure_fn *engine, void *arg, uint32_t pairs, struct measure_result *out)
{
	double l[MOST_PAIRS], e[MOST_PAIRS], ratios[MOST_PAIRS], control[MOST_PAIRS], control_min;

	if (pairs > MOST_PAIRS)
		pairs = MOST_PAIRS;
	if (limit(arg) < 0 || engine(arg) < 0)
		return false;
	for (uint32_t i = 0; i < pairs; i++) {
		if (i % 2) {
			e[i] = engine(arg);
			l[i] = limit(arg);
		} else {
			l[i] = limit(arg);
			e[i] = engine(arg);
		}
		if (e[i] < 0 || l[i] < 0)
			return false;
		ratios[i] = e[i] / l[i];
		control[i] = control_loop();
	}
	*out = (struct measure_result){ .pairs = pairs };
	bootstrap(ratios, pairs, &out->low, &out->high);
	out->ratio = measure_median(ratios, pairs);
	out->limit_s = measure_median(l, pairs);
	out->engine_s = measure_median(e, pairs);
	out->best = e[0] / l[0]; /* sorted now */
	control_min = control[0];
	out->control = measure_median(control, pairs);
	for (uint32_t i = 0; i < pairs; i++)
		control_min = control[i] < control_min ? control[i] : control_min;
	out->control /= control_min;
	return true;
}

/* ---- the table ---- */

void measure_header(void)
{
	printf("%-34s %12s %12s %7s %16s %8s %6s\n", "", "limit", "engine", "ratio", "95 % interval", "target", "");
}

static void print_row(const char *name, const struct measure_result *r, double rows, const char *goal, const char *verdict)
{
	double scale = rows > 0 ? 1e9 / rows : 1e3;
	const char *unit = rows > 0 ? "ns/row" : "ms";
	int digits = rows > 0 ? 2 : 1;
	char interval[40];

	snprintf(interval, sizeof(interval), "[%.2f, %.2f]", r->low, r->high);
	printf("%-34s %7.*f %-6s %5.*f %-6s %5.2f %16s %8s %6s%s\n", name, digits, r->limit_s * scale, unit, digits, r->engine_s * scale, unit, r->ratio, interval, goal,
	       verdict, r->control > 1.1 ? "  (machine busy)" : "");
	fflush(stdout);
}

void measure_print(const char *name, const struct measure_result *r, double rows, double target)
{
	char goal[16];

	snprintf(goal, sizeof(goal), "<= %.3g", target);
	print_row(name, r, rows, goal, r->ratio <= target ? "met" : "MISSED");
}

void measure_print_info(const char *name, const struct measure_result *r, double rows)
{
	print_row(name, r, rows, "", "");
}

void measure_print_value(const char *name, double value, const char *unit, double target)
{
	char goal[16];

	snprintf(goal, sizeof(goal), "<= %.3g", target);
	printf("%-34s %12s %7.1f %-6s %5s %16s %8s %6s\n", name, "", value, unit, "", "", goal, value <= target ? "met" : "MISSED");
	fflush(stdout);
}

static void first_line(const char *path, const char *key, char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	char line[512];

	snprintf(out, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		char *value = line;

		line[strcspn(line, "\n")] = 0;
		if (key && strncmp(line, key, strlen(key)) != 0)
			continue;
		if (key && (value = strchr(line, ':')) != NULL)
			value += 1 + (value[1] == ' ');
		snprintf(out, size, "%s", value ? value : line);
		break;
	}
	if (f)
		fclose(f);
}

void measure_machine(void)
{
	char cpu[200], load[100], thp[100];
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	first_line("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
	first_line("/proc/loadavg", NULL, load, sizeof(load));
	first_line("/sys/kernel/mm/transparent_hugepage/enabled", NULL, thp, sizeof(thp));
	printf("machine: %s, %ld cores, %.0f GB; huge pages %s; load %s\n", cpu, sysconf(_SC_NPROCESSORS_ONLN), (double)pages * (double)page / 1e9, thp, load);
#ifdef __clang__
	printf("compiler: clang %s", __clang_version__);
#else
	printf("compiler: gcc %s", __VERSION__);
#endif
#ifdef WEIR_BENCH_FLAGS
	printf("; flags %s", WEIR_BENCH_FLAGS);
#endif
	printf("; the limits are compiled with the same flags\n");
	fflush(stdout);
}

bool measure_quick(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--quick") == 0)
			return true;
	return false;
}
