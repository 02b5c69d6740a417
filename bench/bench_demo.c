// SPDX-License-Identifier: Apache-2.0
/*
 * The demo job (examples/delays.c) on generated flights in CSV, run by `weir run` from a built .so, against bench/delays_by_hand.c: user and system
 * CPU time of the two processes. The results must be equal as sets of lines, or nothing is printed.
 *     bench_demo WEIR [--quick] [--rows N] [--keep]
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/error.h>

#include "base/rng.h"
#include "bench/delays_by_hand.h"
#include "bench/measure.h"

#define AIRPORTS 221
#define A_DAY 16400        /* flights, as in 2001 */
#define WATERMARK_ROWS "512"

struct demo {
	char dir[200], csv[300], job[300], hand_dir[300], weir_dir[300];
	const char *weir;
	uint64_t rows;
};

/* ---- the input ---- */

struct generated { int16_t delay; uint8_t from, to; };

static void code_of(uint32_t airport, char out[4])
{
	uint32_t v = airport * 7919u % 17576u; /* prime to 26^3: all different */

	out[0] = (char)('A' + v / 676), out[1] = (char)('A' + v / 26 % 26), out[2] = (char)('A' + v % 26), out[3] = 0;
}

/* Few airports have most flights, as in life. */
static uint8_t draw_airport(struct weir_rng *rng)
{
	double u = weir_rng_unit(rng);

	return (uint8_t)(u * u * u * AIRPORTS);
}

/* The distribution of examples/data: 17 % more than 10 minutes early, 46 % up to 15 minutes late, 23 % later. */
static int16_t draw_delay(struct weir_rng *rng)
{
	uint32_t u = (uint32_t)weir_rng_below(rng, 1000);

	if (u < 190)
		return (int16_t)(-20 + (int)weir_rng_below(rng, 10));
	if (u < 485)
		return (int16_t)(-10 + (int)weir_rng_below(rng, 10));
	if (u < 772)
		return (int16_t)weir_rng_below(rng, 15);
	if (u < 944)
		return (int16_t)(15 + weir_rng_below(rng, 45));
	if (u < 995)
		return (int16_t)(60 + weir_rng_below(rng, 120));
	return (int16_t)(180 + weir_rng_below(rng, 300));
}

static void put_row(FILE *f, int64_t minute, const struct generated *g)
{
	static int64_t known_day = -1;
	static char date[16];
	uint32_t of_day = (uint32_t)(minute % 1440);
	char from[4], to[4];

	if (minute / 1440 != known_day) {
		time_t t = (time_t)(978307200 + minute / 1440 * 86400); /* 2001-01-01 */
		struct tm tm;

		known_day = minute / 1440;
		gmtime_r(&t, &tm);
		strftime(date, sizeof(date), "%Y/%m/%d", &tm);
	}
	code_of(g->from, from);
	code_of(g->to, to);
	fprintf(f, "%s %02u:%02u,%d,%u,%s,%s\n", date, of_day / 60, of_day % 60, g->delay, 60u + (g->from * 31u + g->to * 57u) % 2500u, from, to);
}

/* Flights are drawn by schedule and written by real departure: a counting sort over minutes. */
static bool generate(const struct demo *d)
{
	uint64_t minutes = (d->rows / A_DAY + 2) * 1440, *place = calloc(minutes + 1, sizeof(*place));
	struct generated *all = malloc(d->rows * sizeof(*all)), *sorted = malloc(d->rows * sizeof(*sorted));
	uint32_t *minute = malloc(d->rows * sizeof(*minute));
	struct weir_rng rng = { 2001 };
	FILE *f = fopen(d->csv, "w");

	if (!place || !all || !sorted || !minute || !f)
		return perror(d->csv), false;
	for (uint64_t i = 0; i < d->rows; i++) {
		all[i] = (struct generated){ draw_delay(&rng), draw_airport(&rng), draw_airport(&rng) };
		minute[i] = (uint32_t)((int64_t)(i / A_DAY * 1440 + 300 + weir_rng_below(&rng, 1080)) + all[i].delay);
		place[minute[i] + 1]++;
	}
	for (uint64_t m = 1; m <= minutes; m++)
		place[m] += place[m - 1];
	for (uint64_t i = 0; i < d->rows; i++)
		sorted[place[minute[i]]++] = all[i]; /* place[m] is now where minute m ends */
	fputs("date,delay,distance,origin,destination\n", f);
	for (uint64_t i = 0, m = 0; i < d->rows; i++) {
		while (place[m] <= i)
			m++;
		put_row(f, (int64_t)m, &sorted[i]);
	}
	free(place), free(all), free(sorted), free(minute);
	return fclose(f) == 0;
}

/* ---- runs ---- */

/* CPU seconds of a child, or -1. */
static double wait_cpu(pid_t pid)
{
	struct rusage u;
	int status;

	if (pid < 0 || wait4(pid, &status, 0, &u) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -1;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static WEIR_PRINTF(1, 2) bool shell(const char *fmt, ...)
{
	char command[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command) == 0;
}

static double run_hand(void *arg)
{
	struct demo *d = arg;
	pid_t pid;

	if (!shell("rm -rf '%s' && mkdir -p '%s'", d->hand_dir, d->hand_dir))
		return -1;
	pid = fork();
	if (pid == 0)
		_exit(delays_by_hand(d->csv, d->hand_dir, (unsigned)atoi(WATERMARK_ROWS)) == 0 ? 0 : 1);
	return wait_cpu(pid);
}

static double run_weir(void *arg)
{
	struct demo *d = arg;
	pid_t pid;

	if (!shell("rm -rf '%s'", d->weir_dir))
		return -1;
	pid = fork();
	if (pid == 0) {
		int fd = open("/dev/null", O_WRONLY);

		dup2(fd, STDERR_FILENO);
		execl(d->weir, d->weir, "run", d->job, "--", "--input", d->csv, "--output", d->weir_dir, "--watermark-rows", WATERMARK_ROWS, (char *)NULL);
		_exit(127);
	}
	return wait_cpu(pid);
}

static bool same(const struct demo *d, const char *name)
{
	if (shell("export LC_ALL=C; cat '%s/%s/part-'* | sort > '%s/a' && sort '%s/%s' > '%s/b' && cmp '%s/a' '%s/b' && test -s '%s/a'", d->weir_dir, name, d->dir,
		  d->hand_dir, name, d->dir, d->dir, d->dir, d->dir))
		return true;
	fprintf(stderr, "bench_demo: the results '%s' of the job and of the program by hand differ\n", name);
	return false;
}

static bool build(const struct demo *d)
{
	const char *include = getenv("WEIR_INCLUDE");

	return shell("cc -std=gnu11 -O2 -fPIC -shared -I'%s' -o '%s' '%s'", include ? include : "include", d->job, "examples/delays.c");
}

static double wall_of(measure_fn *run, void *arg)
{
	double t = measure_wall_s();

	run(arg);
	return measure_wall_s() - t;
}

int main(int argc, char **argv)
{
	bool quick = measure_quick(argc, argv), keep = false;
	struct demo d = { .rows = quick ? 500000 : 10000000 };
	struct measure_result r;
	const char *tmp = getenv("TMPDIR");
	int status = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc)
			d.rows = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--keep") == 0)
			keep = true;
		else if (argv[i][0] != '-')
			d.weir = argv[i];
	}
	if (!d.weir)
		return fprintf(stderr, "bench_demo WEIR [--quick] [--rows N] [--keep]\n"), 2;
	snprintf(d.dir, sizeof(d.dir), "%.150s/weir-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(d.dir))
		return perror(d.dir), 1;
	snprintf(d.csv, sizeof(d.csv), "%s/flights.csv", d.dir);
	snprintf(d.job, sizeof(d.job), "%s/delays.so", d.dir);
	snprintf(d.hand_dir, sizeof(d.hand_dir), "%s/hand", d.dir);
	snprintf(d.weir_dir, sizeof(d.weir_dir), "%s/weir", d.dir);
	if (!generate(&d) || !build(&d))
		goto out;
	if (run_hand(&d) < 0 || run_weir(&d) < 0) {
		fprintf(stderr, "bench_demo: a run failed\n");
		goto out;
	}
	if (!same(&d, "hours") || !same(&d, "late") || !same(&d, "alerts"))
		goto out;
	if (measure_pairs(run_hand, run_weir, &d, quick ? 3 : 7, &r)) {
		char name[60];
		double hand = wall_of(run_hand, &d), weir = wall_of(run_weir, &d);

		snprintf(name, sizeof(name), "demo job, %.1f M flights in CSV", (double)d.rows / 1e6);
		measure_print(name, &r, (double)d.rows, 2);
		printf("    wall: by hand %.2f s, the job %.2f s\n", hand, weir);
		status = 0;
	}
out:
	if (keep)
		printf("kept: %s\n", d.dir);
	else
		(void)shell("rm -rf '%s'", d.dir);
	return status;
}
