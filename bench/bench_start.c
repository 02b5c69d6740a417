// SPDX-License-Identifier: Apache-2.0
/*
 * Starting: `weir --version`, the first result of a job of one row from a built .so, and the memory of a job that waits for rows. Wall time from fork;
 * the median of many starts, and for the limit a program that does nothing.
 *     bench_start WEIR [--quick]
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/error.h>

#include "bench/measure.h"

struct start {
	const char *weir;
	char dir[200], csv[300], job[300], delays[300];
	uint32_t runs;
};

static const char one_row[] = "#include <weir/weir.h>\n"
			      "#define ROW(F) F(int64, a) F(string, b)\n"
			      "WEIR_RECORD(row, ROW)\n"
			      "int weir_main(struct weir_env *env, int argc, char **argv)\n"
			      "{\n"
			      "\t(void)argc, (void)argv;\n"
			      "\tweir_print(weir_csv_source(env, \"rows\", weir_arg(env, \"input\"), &row_type), \"out\");\n"
			      "\treturn 0;\n"
			      "}\n";

/* Start it with standard output in a pipe. Returns its pid. */
static pid_t spawn(const char *const *argv, int *out_fd)
{
	pid_t pid;
	int p[2];

	if (pipe(p) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(p[1], STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(p[0]), close(p[1]);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(p[1]);
	*out_fd = p[0];
	return pid;
}

/* Seconds from fork to the first byte on standard output (or its end), then to the program's end; negative: it failed. */
static double run_once(const char *const *argv, bool to_end)
{
	double t = measure_wall_s(), first;
	char buf[4096];
	int fd, status;
	bool got;
	pid_t pid = spawn(argv, &fd);

	if (pid < 0)
		return -1;
	got = read(fd, buf, sizeof(buf)) > 0;
	first = measure_wall_s() - t;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -1;
	return to_end ? measure_wall_s() - t : got ? first : -1;
}

/* *out_least: the fastest; on a busy machine it says more than the median. */
static double typical_ms(const char *const *argv, bool to_end, uint32_t runs, double *out_least)
{
	double v[128], median;

	for (uint32_t i = 0; i < runs; i++) {
		v[i] = run_once(argv, to_end);
		if (v[i] < 0)
			return -1;
	}
	median = measure_median(v, runs) * 1e3; /* sorts */
	*out_least = v[0] * 1e3;
	return median;
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

static bool write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

static bool build(const struct start *s)
{
	const char *include = getenv("WEIR_INCLUDE");
	char source[300];

	snprintf(source, sizeof(source), "%s/one.c", s->dir);
	if (!include)
		include = "include";
	return write_file(source, one_row) && write_file(s->csv, "a,b\n1,first\n") &&
	       shell("cc -std=gnu11 -O2 -fPIC -shared -I'%s' -o '%s' '%s'", include, s->job, source) &&
	       shell("cc -std=gnu11 -O2 -fPIC -shared -I'%s' -o '%s' examples/delays.c", include, s->delays);
}

/* Resident memory in MB of the demo job while it waits for its next row. */
static double idle_mb(const struct start *s)
{
	char out[300], path[64], line[200];
	const char *argv[] = { s->weir, "run", s->delays, "--", "--input", "examples/data/flights-20k.csv", "--output", out, "--rows-per-second", "1", NULL };
	double kb = -1;
	FILE *f;
	int fd;
	pid_t pid;

	snprintf(out, sizeof(out), "%s/out", s->dir);
	pid = spawn(argv, &fd);
	if (pid < 0)
		return -1;
	sleep(2);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtod(line + 6, NULL);
	if (f)
		fclose(f);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	return kb < 0 ? -1 : kb / 1e3;
}

static bool print(const char *name, double value, const char *unit, double target)
{
	if (value < 0)
		fprintf(stderr, "bench_start: %s: the program failed\n", name);
	else
		measure_print_value(name, value, unit, target);
	return value >= 0;
}

int main(int argc, char **argv)
{
	struct start s = { .runs = measure_quick(argc, argv) ? 11 : 51 };
	const char *tmp = getenv("TMPDIR");
	bool ok;

	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-')
			s.weir = argv[i];
	if (!s.weir)
		return fprintf(stderr, "bench_start WEIR [--quick]\n"), 2;
	snprintf(s.dir, sizeof(s.dir), "%.150s/weir-start-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(s.dir))
		return perror(s.dir), 1;
	snprintf(s.csv, sizeof(s.csv), "%s/one.csv", s.dir);
	snprintf(s.job, sizeof(s.job), "%s/one.so", s.dir);
	snprintf(s.delays, sizeof(s.delays), "%s/delays.so", s.dir);
	ok = build(&s);
	if (ok) {
		const char *nothing[] = { "/bin/true", NULL }, *version[] = { s.weir, "--version", NULL };
		const char *job[] = { s.weir, "run", s.job, "--", "--input", s.csv, NULL };

		double least[3];

		ok = print("weir --version", typical_ms(version, true, s.runs, &least[0]), "ms", 3) &&
		     print("first result of a one-row job", typical_ms(job, false, s.runs, &least[1]), "ms", 20) && print("memory of an idle job", idle_mb(&s), "MB", 16);
		if (ok && typical_ms(nothing, true, s.runs, &least[2]) >= 0)
			printf("    least: --version %.1f ms, first result %.1f ms; to start and end /bin/true: %.1f ms\n", least[0], least[1], least[2]);
	}
	(void)shell("rm -rf '%s'", s.dir);
	return ok ? 0 : 1;
}
