// SPDX-License-Identifier: Apache-2.0
/*
 * Kills and breaks the demo job at its file operations, resumes it, and compares what it committed with an uninterrupted run.
 *
 *     crash WEIR JOB.so INPUT.csv FOLDER MODE PARALLELISM STEP     one line per failure, then "N passed, N failed, N skipped"
 *
 * MODE
 *   kill    SIGKILL before operation k, for k = 1, 1 + STEP, ... until several runs in a row end un-killed; then resumed
 *   again   the same, and the resumed run is killed as well, at an operation drawn from k
 *   lives   one job killed over and over at a random operation until it ends by itself; STEP is the number of such jobs
 *   nospc   operation k fails with ENOSPC, no restarts: the job fails, says so, and resumes
 *   full    every operation from k on fails with ENOSPC
 *   io      operation k fails with EIO, and the job restarts by itself
 *   stop    `weir stop` is called, and SIGKILL comes before operation k, counted from the first of the stop; then, from the same files, both ways on:
 *           --resume, and -s with the savepoint, if it is complete, told or not
 *   stopio  the same, but operation k fails with EIO; the stop is called again until it succeeds, and -s takes the savepoint that was told
 *
 * After each interruption, before anything is resumed: what is committed is a part of the expected result, no line too often; the newest complete
 * checkpoint can be read (weir state verify). After the end: equal, no checkpoint folder without _metadata, no more than are retained; and once more
 * resumed, the job says that it had finished and changes nothing.
 * Workers are processes (WEIR_CRASH_JOBS, default: the processors, at most 4); worker w takes every w-th point. What failed is kept in FOLDER.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NDIRS 3
#define RETAINED 2
#define UNKILLED_ENOUGH 3 /* per worker */
#define SECONDS_ALLOWED 60

enum mode { KILL, AGAIN, LIVES, NOSPC, FULL, IO_ERROR, STOP, STOP_IO, MODES };
static const char *const mode_names[] = { "kill", "again", "lives", "nospc", "full", "io", "stop", "stopio" };
static const char *const dirs[NDIRS] = { "hours", "late", "alerts" };

struct lines {
	char **items;
	size_t n, cap;
};

struct totals { /* shared by the workers */
	unsigned passed, failed, interrupted, savepoints;
};

static const char *weir, *job, *input, *folder, *parallelism;
static enum mode mode;
static struct lines expected[NDIRS];
static struct totals *totals;

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

/* ---- results ---- */

static void add_line(struct lines *l, const char *p, size_t n)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		l->items = realloc(l->items, l->cap * sizeof(*l->items));
	}
	if (!l->items || !(l->items[l->n++] = strndup(p, n)))
		die("out of memory");
}

static void free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct lines){ 0 };
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	long n;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)n + 1);
	if (!text || fread(text, 1, (size_t)n, f) != (size_t)n)
		die("%s cannot be read", path);
	fclose(f);
	return text;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The lines of all committed files of a folder, sorted. False when a file ends within a line. */
static bool read_results(const char *out, const char *name, struct lines *to)
{
	char dir[600], path[900];
	struct dirent *e;
	DIR *d;
	bool whole = true;

	snprintf(dir, sizeof(dir), "%s/%s", out, name);
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		char *text, *p, *end;

		if (strncmp(e->d_name, "part-", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		text = read_file(path);
		for (p = text; p && *p; p = end + 1) {
			end = strchr(p, '\n');
			if (!end) {
				whole = false;
				break;
			}
			add_line(to, p, (size_t)(end - p));
		}
		free(text);
	}
	if (d)
		closedir(d);
	if (to->n)
		qsort(to->items, to->n, sizeof(*to->items), by_text);
	return whole;
}

/* Lines of a that b has not, counted with repetition. */
static size_t missing(const struct lines *a, const struct lines *b, const char **out_first)
{
	size_t i = 0, k = 0, n = 0;

	while (i < a->n) {
		int c = k < b->n ? strcmp(a->items[i], b->items[k]) : -1;

		if (c == 0) {
			i++;
			k++;
		} else if (c > 0) {
			k++;
		} else {
			if (n++ == 0)
				*out_first = a->items[i];
			i++;
		}
	}
	return n;
}

/* NULL, or what is wrong. */
static const char *compare(const char *out, bool at_end)
{
	static char why[400];

	why[0] = 0;
	for (int i = 0; i < NDIRS && !why[0]; i++) {
		struct lines got = { 0 };
		const char *first = "";
		size_t n;

		if (!read_results(out, dirs[i], &got))
			snprintf(why, sizeof(why), "%s: a committed file ends within a line", dirs[i]);
		else if ((n = missing(&got, &expected[i], &first)) != 0)
			snprintf(why, sizeof(why), "%s: %zu lines doubled or wrong, as: %s", dirs[i], n, first);
		else if (at_end && (n = missing(&expected[i], &got, &first)) != 0)
			snprintf(why, sizeof(why), "%s: %zu lines lost, as: %s", dirs[i], n, first);
		free_lines(&got);
	}
	return why[0] ? why : NULL;
}

/* ---- processes ---- */

static pid_t spawn(char *const argv[], char *const env[], const char *log)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		for (int i = 0; env && env[i]; i++)
			putenv(env[i]);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static int run(char *const argv[], char *const env[], const char *log)
{
	struct timespec pause = { 0, 1000000 };
	int64_t left = SECONDS_ALLOWED * 1000;
	pid_t pid = spawn(argv, env, log);
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		nanosleep(&pause, NULL);
		if (--left <= 0) {
			kill(pid, SIGABRT);
			waitpid(pid, &status, 0);
			return -1000; /* hangs */
		}
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct trial {
	char dir[300], out[320], ck[330], log[320];
	unsigned point;
	const char *restarts;
	const char *from;       /* a savepoint to start from, instead of --resume */
	char told[400];         /* the savepoint that `weir stop` has named, or "" */
};

/* Its exit status; or its pid, when it runs on, slowly. */
static int run_job_with(struct trial *t, char *const env[], bool in_background)
{
	const char *argv[32], *rate = in_background ? "3000" : "20000";
	const char *options[] = { "-Dexecution.checkpointing.interval=3ms", "-Dexecution.checkpointing.num-retained=2", "-Drestart-strategy.fixed-delay.delay=1ms",
				  "-Dexecution.checkpointing.data-inline-threshold=200" };
	const char *arguments[] = { job, "--", "--input", input, "--output", t->out, "--watermark-rows", "5", "--rows-per-second", rate };
	char define[400], restarts[100];
	int n = 0;

	snprintf(define, sizeof(define), "-Dexecution.checkpointing.dir=%s", t->ck);
	snprintf(restarts, sizeof(restarts), "-Drestart-strategy.type=%s", t->restarts);
	for (const char *const *p = (const char *[]){ weir, "run", "-p", parallelism, define, restarts, NULL }; *p; p++)
		argv[n++] = *p;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		argv[n++] = options[i];
	argv[n++] = t->from ? "-s" : "--resume";
	if (t->from)
		argv[n++] = t->from;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++)
		argv[n++] = arguments[i];
	argv[n] = NULL;
	return in_background ? (int)spawn((char *const *)(uintptr_t)argv, env, t->log) : run((char *const *)(uintptr_t)argv, env, t->log);
}

static int run_job(struct trial *t, const char *variable, const char *value)
{
	char assignment[100];
	char *env[] = { assignment, NULL };

	snprintf(assignment, sizeof(assignment), "%s=%s", variable, value);
	return run_job_with(t, variable ? env : NULL, false);
}

/* ---- checks ---- */

static bool fail(const struct trial *t, const char *what, const char *detail)
{
	char *log = read_file(t->log);

	printf("FAILED %s -p %s point %u: %s%s%s\n", mode_names[mode], parallelism, t->point, what, detail ? ": " : "", detail ? detail : "");
	printf("  kept in %s; the last messages were:\n%.1500s\n", t->dir, log && *log ? log : "(none)");
	fflush(stdout);
	free(log);
	return false;
}

static bool is_checkpoint(const char *name) { return strncmp(name, "chk-", 4) == 0; }

/* Count the checkpoints of the only job folder below t->ck: complete ones and others. */
static void count_checkpoints(const struct trial *t, int *out_complete, int *out_others)
{
	char dir[700], meta[1400];
	struct dirent *e, *c;
	DIR *root = opendir(t->ck), *d;

	*out_complete = *out_others = 0;
	while (root && (e = readdir(root)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(dir, sizeof(dir), "%s/%s", t->ck, e->d_name);
		d = opendir(dir);
		while (d && (c = readdir(d)) != NULL) {
			if (!is_checkpoint(c->d_name))
				continue;
			snprintf(meta, sizeof(meta), "%s/%s/_metadata", dir, c->d_name);
			*(access(meta, F_OK) == 0 ? out_complete : out_others) += 1;
		}
		if (d)
			closedir(d);
	}
	if (root)
		closedir(root);
}

static bool check_interrupted(struct trial *t)
{
	char *argv[] = { (char *)(uintptr_t)weir, (char *)"state", (char *)"verify", t->ck, NULL };
	const char *why = compare(t->out, false);
	int complete, others, rc;
	char log[320];

	if (why)
		return fail(t, "committed before the resume", why);
	count_checkpoints(t, &complete, &others);
	if (complete == 0)
		return true;
	memcpy(log, t->log, sizeof(log));
	snprintf(t->log, sizeof(t->log), "%s/verify.log", t->dir);
	rc = run(argv, NULL, t->log);
	if (rc)
		return fail(t, "the newest checkpoint is not whole", NULL);
	memcpy(t->log, log, sizeof(log));
	return true;
}

static bool check_end(struct trial *t)
{
	const char *why = compare(t->out, true);
	int complete, others, rc;
	char *log;

	if (why)
		return fail(t, "after the end", why);
	count_checkpoints(t, &complete, &others);
	if (others || complete < 1 || complete > RETAINED)
		return fail(t, "checkpoints at the end", others ? "a folder without _metadata was left" : complete ? "too many" : "none");
	snprintf(t->log, sizeof(t->log), "%s/finished.log", t->dir);
	rc = run_job(t, NULL, NULL);
	log = read_file(t->log);
	if (rc || !log || !strstr(log, "had already finished"))
		return fail(t, "a finished job resumed", "should say that it had finished, and exit with 0");
	free(log);
	why = compare(t->out, true);
	return why ? fail(t, "after a finished job was resumed", why) : true;
}

/* ---- points ---- */

static uint32_t mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

/* One interruption of the job. out_hit: it really was interrupted. */
static bool interrupt_at(struct trial *t, unsigned k, bool *out_hit)
{
	char value[40];
	char *log;
	int rc;

	if (mode <= LIVES) {
		snprintf(value, sizeof(value), "%u", k);
		rc = run_job(t, "WEIR_FS_KILL_AT", value);
		*out_hit = rc == -SIGKILL;
		return rc == 0 || rc == -SIGKILL ? true : fail(t, "ended in another way than by the kill", NULL);
	}
	snprintf(value, sizeof(value), "%u%s:%s", k, mode == FULL ? "+" : "", mode == IO_ERROR ? "IO" : "NOSPC");
	rc = run_job(t, "WEIR_FS_FAIL_AT", value);
	log = read_file(t->log);
	*out_hit = rc != 0 || (log && strstr(log, "WEIR_FS_FAIL_AT"));
	if (rc == -1000)
		return fail(t, "hangs", NULL);
	if (rc < 0 || rc == 70)
		return fail(t, "crashed", NULL);
	if (rc != 0 && (!log || !strstr(log, mode == IO_ERROR ? "input/output error" : "no space left on device")))
		return fail(t, "the message does not say why it failed", NULL);
	free(log);
	return true;
}

static bool finish(struct trial *t)
{
	int rc;

	snprintf(t->log, sizeof(t->log), "%s/resume.log", t->dir);
	t->restarts = "none";
	rc = run_job(t, NULL, NULL);
	if (rc)
		return fail(t, rc == -1000 ? "hangs after the resume" : "did not resume", NULL);
	return check_end(t);
}

/* ---- stops ---- */

/* The only complete savepoint below DIR/sp, malloc'ed, or NULL. */
static char *find_savepoint(const struct trial *t)
{
	char dir[320], *found = NULL;
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/sp", t->dir);
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		char *path, *meta;

		if (e->d_name[0] == '.' || asprintf(&path, "%s/%s", dir, e->d_name) < 0 || asprintf(&meta, "%s/_metadata", path) < 0)
			continue;
		if (access(meta, F_OK) == 0) {
			free(found);
			found = path;
		} else {
			free(path);
		}
		free(meta);
	}
	if (d)
		closedir(d);
	return found;
}

/* Ask the job to stop until it says that it has, or is gone. Its exit status. */
static int stop_job(struct trial *t, pid_t pid)
{
	char sp[320], log[320], socket[340], *text;
	char *argv[] = { (char *)(uintptr_t)weir, (char *)"stop", (char *)"-p", sp, (char *)"delays", NULL }, *env[] = { socket, NULL };
	int status, left = 10000;

	snprintf(sp, sizeof(sp), "%s/sp", t->dir);
	snprintf(log, sizeof(log), "%s/stop.log", t->dir);
	snprintf(socket, sizeof(socket), "XDG_RUNTIME_DIR=%s/r", t->dir);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (!t->told[0] && run(argv, env, log) == 0 && (text = read_file(log)) != NULL) {
			char *path = strstr(text, "Path: file:");

			snprintf(t->told, sizeof(t->told), "%.*s", path ? (int)strcspn(path + 11, "\n") : 0, path ? path + 11 : "");
			free(text);
		}
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		if (--left == 0) {
			kill(pid, SIGABRT);
			waitpid(pid, &status, 0);
			return -1000;
		}
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void copy_tree(const struct trial *t, const char *name, const char *from, const char *to)
{
	char a[400], b[400];
	char *clean[] = { (char *)"/bin/rm", (char *)"-rf", b, NULL }, *copy[] = { (char *)"/bin/cp", (char *)"-a", a, b, NULL };

	snprintf(a, sizeof(a), "%s/%s%s", t->dir, from, name);
	snprintf(b, sizeof(b), "%s/%s%s", t->dir, to, name);
	run(clean, NULL, "/dev/null");
	if (access(a, F_OK) == 0)
		run(copy, NULL, "/dev/null");
}

/* From what the stop left, --resume; then from the same again, -s. */
static bool both_ways_on(struct trial *t)
{
	char *savepoint = mode == STOP ? find_savepoint(t) : t->told[0] ? strdup(t->told) : NULL;
	const char *why;

	copy_tree(t, "out", "", "kept-");
	copy_tree(t, "ck", "", "kept-");
	if (!finish(t))
		return false;
	if (!savepoint)
		return true;
	copy_tree(t, "out", "kept-", "");
	copy_tree(t, "ck", "kept-", "");
	snprintf(t->log, sizeof(t->log), "%s/savepoint.log", t->dir);
	t->from = savepoint;
	if (run_job_with(t, NULL, false) != 0)
		return fail(t, "did not start from the savepoint", savepoint);
	why = compare(t->out, true);
	free(savepoint);
	t->from = NULL;
	__atomic_add_fetch(&totals->savepoints, 1, __ATOMIC_SEQ_CST);
	return why ? fail(t, "after the end, from the savepoint", why) : true;
}

static bool stop_at(struct trial *t, unsigned k, bool *out_hit)
{
	char value[60], run_dir[330], socket[360];
	char *env[] = { value, (char *)"WEIR_FS_COUNT_FROM=/savepoint-", socket, NULL };
	char *log;
	int rc;

	snprintf(run_dir, sizeof(run_dir), "%s/r", t->dir); /* each has its own: `weir stop delays` must find one job */
	mkdir(run_dir, 0700);
	snprintf(socket, sizeof(socket), "XDG_RUNTIME_DIR=%s", run_dir);
	snprintf(value, sizeof(value), mode == STOP ? "WEIR_FS_KILL_AT=%u" : "WEIR_FS_FAIL_AT=%u:IO", k);
	rc = stop_job(t, run_job_with(t, env, true));
	log = read_file(t->log);
	*out_hit = rc != 0 || (log && strstr(log, "WEIR_FS_FAIL_AT"));
	free(log);
	if (rc != 0 && !(mode == STOP && rc == -SIGKILL))
		return fail(t, "ended in another way than by the stop or the kill", NULL);
	if (rc == 0 && !t->told[0])
		return fail(t, "the job ended before it could be stopped", NULL);
	return check_interrupted(t) && both_ways_on(t);
}

static bool one_point(unsigned k, bool *out_hit)
{
	struct trial t = { .point = k, .restarts = mode == IO_ERROR || mode == STOP_IO ? "fixed-delay" : "none" };
	char *clean[] = { (char *)"/bin/rm", (char *)"-rf", t.dir, NULL };
	bool ok, hit = true;

	snprintf(t.dir, sizeof(t.dir), "%s/%s-%s-%u", folder, mode_names[mode], parallelism, k);
	snprintf(t.out, sizeof(t.out), "%s/out", t.dir);
	snprintf(t.ck, sizeof(t.ck), "%s/ck", t.dir);
	snprintf(t.log, sizeof(t.log), "%s/first.log", t.dir);
	mkdir(t.dir, 0755);
	*out_hit = true;
	if (mode >= STOP) {
		ok = stop_at(&t, k, out_hit);
	} else if (mode == LIVES) {
		uint32_t seed = mix(k), life = 0;

		/* later lives are longer: one that is too short for its first checkpoint brings nothing */
		for (ok = true; ok && hit; seed = mix(seed + 1))
			ok = interrupt_at(&t, 15 + seed % (90 + 30 * life++), &hit) && check_interrupted(&t);
	} else {
		ok = interrupt_at(&t, k, out_hit) && check_interrupted(&t);
		if (ok && mode == AGAIN && *out_hit)
			ok = interrupt_at(&t, 1 + mix(k) % 60, &hit) && check_interrupted(&t);
	}
	ok = ok && (mode >= STOP || finish(&t));
	if (ok)
		run(clean, NULL, "/dev/null");
	return ok;
}

static void work(unsigned worker, unsigned workers, unsigned step)
{
	unsigned unkilled = 0;

	for (unsigned i = worker; unkilled < UNKILLED_ENOUGH && (mode != LIVES || i < step); i += workers) {
		bool hit, ok = one_point(1 + i * (mode == LIVES ? 1 : step), &hit);

		__atomic_add_fetch(ok ? &totals->passed : &totals->failed, 1, __ATOMIC_SEQ_CST);
		if (hit)
			__atomic_add_fetch(&totals->interrupted, 1, __ATOMIC_SEQ_CST);
		unkilled = hit ? 0 : unkilled + 1;
		if (totals->failed >= 20)
			break;
	}
}

static void uninterrupted(void)
{
	char out[400], log[400];
	char *argv[] = { (char *)(uintptr_t)weir, (char *)"run", (char *)(uintptr_t)job, (char *)"--", (char *)"--input", (char *)(uintptr_t)input,
			 (char *)"--output", out, (char *)"--watermark-rows", (char *)"5", NULL };

	snprintf(out, sizeof(out), "%s/plain-%d", folder, (int)getpid());
	snprintf(log, sizeof(log), "%s/plain.log", folder);
	if (run(argv, NULL, log) != 0)
		die("the uninterrupted run failed: %s", read_file(log));
	for (int i = 0; i < NDIRS; i++)
		if (!read_results(out, dirs[i], &expected[i]) || expected[i].n == 0)
			die("the uninterrupted run has no %s: nothing would be compared", dirs[i]);
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = getenv("WEIR_CRASH_JOBS") ? (unsigned)atoi(getenv("WEIR_CRASH_JOBS")) : cpus > 4 ? 4 : (unsigned)cpus, step;

	if (argc != 8)
		die("usage: crash WEIR JOB.so INPUT.csv FOLDER MODE PARALLELISM STEP");
	weir = argv[1];
	job = argv[2];
	input = argv[3];
	folder = argv[4];
	parallelism = argv[6];
	step = (unsigned)atoi(argv[7]);
	while (mode < MODES && strcmp(mode_names[mode], argv[5]) != 0)
		mode++;
	if (mode == MODES || step == 0 || workers == 0)
		die("crash: unknown mode, or a step or number of jobs of 0");
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	uninterrupted();
	for (unsigned w = 0; w < workers; w++) {
		if (fork() == 0) {
			work(w, workers, step);
			exit(0);
		}
	}
	for (int status; wait(&status) > 0;)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			totals->failed++;
	if (mode >= STOP && totals->savepoints == 0) {
		printf("FAILED %s: no run went on from a savepoint\n", mode_names[mode]);
		totals->failed++;
	}
	if (totals->interrupted == 0) {
		printf("FAILED %s: no run was interrupted, so nothing was tested\n", mode_names[mode]);
		totals->failed++;
	}
	printf("%-5s -p %s: %u interrupted; %u passed, %u failed, 0 skipped\n", mode_names[mode], parallelism, totals->interrupted, totals->passed, totals->failed);
	return totals->failed ? 1 : 0;
}
