// SPDX-License-Identifier: Apache-2.0
/* Sinks: exactly once over every crash point, errors, printing. */
#include "tests/unit/runtime/op_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs-abstraction/fs_layers.h"

#define NUMBER(F) F(int64, n) F(string, text)
WEIR_RECORD(number, NUMBER)

enum { ROWS = 24, EVERY = 5 }; /* a checkpoint after each EVERY rows */

static struct weir_sink_config sink_to(const char *path, enum weir_row_format format)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_type_prepare(&number_type, &err));
	return (struct weir_sink_config){ .format = format, .opts = { .path = path }, .type = &number_type };
}

static int put_row(struct harness *h, int i, struct weir_error *err)
{
	struct weir_batch *b = weir_batch_new(&number_type, false);
	struct number n = { .n = i, .text = weir_str_of("some text, \"quoted\"") };
	int rc;

	ck_assert(weir_batch_append(b, &n, 0));
	rc = h->op->ops->batch(h->op, b, NULL, err);
	weir_batch_unref(b);
	return rc;
}

/* ---- what is visible ---- */

struct seen {
	int times[ROWS];
	int files, hidden;
};

static void count_rows(struct seen *s, const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	while (p < end && (p = memmem(p, (size_t)(end - p), "\"n\":", 4))) {
		int i = atoi(p += 4);

		ck_assert(i >= 0 && i < ROWS);
		s->times[i]++;
	}
}

struct look {
	struct weir_fs *fs;
	const char *dir;
	struct seen *seen;
};

static int look_at(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct look *l = arg;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_in *in;
	char path[300], text[8192];
	size_t n;

	(void)st;
	if (name[0] == '.') {
		l->seen->hidden++;
		return 0;
	}
	l->seen->files++;
	snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	ck_ok(weir_fs_open(l->fs, path, &in, &err));
	ck_ok(weir_fs_read_at(in, text, sizeof(text), 0, &n, &err));
	weir_fs_in_close(in);
	count_rows(l->seen, text, n);
	return 0;
}

static struct seen look(struct weir_fs *fs, const char *dir)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct seen s = { 0 };
	struct look l = { fs, dir, &s };
	int rc = weir_fs_list(fs, dir, look_at, &l, &err);

	ck_assert_msg(rc == 0 || rc == WEIR_ENOTFOUND, "%s", err.msg);
	return s;
}

static void check_once(const struct seen *s, const char *what, int where, uint64_t seed)
{
	for (int i = 0; i < ROWS; i++)
		ck_assert_msg(s->times[i] == 1, "%s %d, seed %llu: row %d is there %d times", what, where, (unsigned long long)seed, i, s->times[i]);
}

/* ---- a job of one sink ---- */

struct job {
	struct weir_sink_config config;
	struct weir_op_snapshot state;  /* of the last complete checkpoint */
	bool has_state;
	int64_t next_id;
	int row, state_row;             /* next row; next row in that checkpoint */
};

/* One attempt. crash_at: stop before this step (steps are counted on). True when it went through. */
static bool attempt(struct job *j, struct harness *h, int crash_at)
{
	struct weir_error err = WEIR_ERROR_INIT;
	int step = 0;

	harness_init(h, &weir_op_file_sink, &j->config, NULL, 0, 1, j->has_state ? &j->state : NULL);
	h->rng.state = (uint64_t)j->next_id * 1000 + (uint64_t)crash_at;
	j->row = j->has_state ? j->state_row : 0;
	if (step++ == crash_at)
		return false;
	ck_ok(harness_open(h, &err));
	for (bool finished = false; !finished;) {
		struct weir_op_snapshot snap;
		int64_t id = j->next_id++;

		for (int i = 0; i < EVERY && j->row < ROWS; i++) {
			if (step++ == crash_at)
				return false;
			ck_ok(put_row(h, j->row++, &err));
		}
		finished = j->row == ROWS;
		if (finished)
			ck_ok(h->op->ops->finish(h->op, &err));
		if (step++ == crash_at)
			return false;
		ck_ok(harness_snapshot(h, id, &snap, &err));
		if (step++ == crash_at) { /* taken, but the checkpoint did not become complete */
			snapshot_free(&snap);
			return false;
		}
		if (id % 3 == 0 && !finished) { /* some never do; the next one covers them */
			snapshot_free(&snap);
			continue;
		}
		if (j->has_state)
			snapshot_free(&j->state);
		j->state = snap;
		j->has_state = true;
		j->state_row = j->row;
		if (step++ == crash_at)
			return false;
		ck_ok(h->op->ops->committed(h->op, id, &err));
	}
	return step != crash_at;
}

WEIR_TEST(exactly_once_over_every_crash)
{
	for (int first = 0; first < 60; first++)
		for (uint64_t seed = 0; seed < 6; seed++) {
			struct weir_fs *fs = weir_fs_memory_new("sink");
			struct job j = { .config = sink_to("memory://sink/out/put", WEIR_ROWS_JSON), .next_id = 1 };
			struct harness h;
			struct seen s;
			bool done = false;

			for (int n = 0; !done; n++) { /* crash, and crash again soon after the restart */
				done = attempt(&j, &h, n == 0 ? first : n == 1 ? (int)seed * 3 : 1000);
				if (!done) {
					s = look(fs, "/out/put");
					for (int i = 0; i < ROWS; i++)
						ck_assert_msg(s.times[i] <= (i < j.state_row), "row %d is visible %d times, %d are complete", i, s.times[i], j.state_row);
				}
				if (!done && seed == 5)
					weir_fs_memory_kill(fs); /* the process only */
				else if (!done)
					weir_fs_memory_crash(fs, seed);
				harness_fini(&h);
			}
			s = look(fs, "/out/put");
			check_once(&s, "crash before step", first, seed);
			if (j.has_state)
				snapshot_free(&j.state);
			weir_fs_memory_free(fs);
		}
}

WEIR_TEST(tokens_survive_rescaling)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("sink");
	struct weir_sink_config c = sink_to("memory://sink/out", WEIR_ROWS_JSON);
	struct weir_op_snapshot before[3], after[2];
	struct harness h;
	struct seen s;

	for (uint32_t sub = 0; sub < 3; sub++) {
		harness_init(&h, &weir_op_file_sink, &c, NULL, sub, 3, NULL);
		ck_ok(harness_open(&h, &err));
		for (int i = (int)sub; i < ROWS; i += 3)
			ck_ok(put_row(&h, i, &err));
		ck_ok(harness_snapshot(&h, 7, &before[sub], &err));
		ck_assert_int_eq(before[sub].mode, WEIR_UNION);
		ck_assert_uint_eq(before[sub].elements.len, 1);
		harness_fini(&h);
	}
	s = look(fs, "/out");
	ck_assert_int_eq(s.files, 0);
	ck_assert_int_eq(s.hidden, 3);
	snapshot_deal(before, 3, after, 1); /* a union list: everybody gets all, and each publishes its share */
	for (int twice = 0; twice < 2; twice++) /* restored again from the same savepoint: nothing doubles */
		for (uint32_t sub = 0; sub < 2; sub++) {
			harness_init(&h, &weir_op_file_sink, &c, NULL, sub, 2, &after[0]);
			ck_ok(harness_open(&h, &err));
			harness_fini(&h);
			s = look(fs, "/out");
			ck_assert_int_eq(s.files, twice ? 3 : sub ? 3 : 2);
		}
	check_once(&s, "rescaled", 0, 0);
	ck_assert_int_eq(s.hidden, 0);
	for (int i = 0; i < 3; i++)
		snapshot_free(&before[i]);
	snapshot_free(&after[0]);
	weir_fs_memory_free(fs);
}

/* A job that has its checkpoint folder to itself clears what its own crashed attempts left, and nothing else; but not before a checkpoint of its own is
 * complete: a newer one than it was restored from may have been removed without the disk knowing, and come back with a crash (simulator seed 37486). */
WEIR_TEST(leftovers_of_crashed_attempts_go)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("sink");
	struct weir_sink_config c = sink_to("memory://sink/out", WEIR_ROWS_JSON);
	static const char *const jobs[] = { "aa", "aa", "bb", "aa", "aa" }, *const dirs[] = { "ck/aa", "ck/aa", "ck/bb", "other/aa", NULL },
			  *const attempts[] = { "00000001", "00000002", "00000003", "00000004", "00000005" };
	struct weir_op_snapshot state = { 0 };
	struct harness h;

	for (int i = 0; i < 5; i++) { /* five attempts, each killed with a file open; the first one's file is in a checkpoint; the last two store elsewhere */
		harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
		h.op->job_id = jobs[i];
		h.op->locked_dir = dirs[i];
		h.op->attempt = attempts[i];
		ck_ok(harness_open(&h, &err));
		ck_ok(put_row(&h, i, &err));
		if (i == 0)
			ck_ok(harness_snapshot(&h, 1, &state, &err));
		weir_fs_memory_kill(fs);
		harness_fini(&h);
	}
	ck_assert_int_eq(look(fs, "/out").hidden, 5);
	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, &state);
	h.op->job_id = "aa";
	h.op->attempt = "00000006";
	h.op->locked_dir = "ck/aa";
	ck_ok(harness_open(&h, &err));
	ck_assert_int_eq(look(fs, "/out").files, 1);  /* the checkpoint's */
	ck_assert_int_eq(look(fs, "/out").hidden, 4); /* the second attempt's, and those of others */
	ck_ok(h.op->ops->committed(h.op, 2, &err));
	/* The other job's, and those of a process with this job's id that has another checkpoint folder, or none: it may be running. Once they were removed,
	 * and that process lost rows which its checkpoint had counted. */
	ck_assert_int_eq(look(fs, "/out").hidden, 3);
	harness_fini(&h);
	snapshot_free(&state);
	weir_fs_memory_free(fs);
}

WEIR_TEST(older_tokens_wait_for_a_complete_checkpoint)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("sink");
	struct weir_sink_config c = sink_to("memory://sink/out", WEIR_ROWS_JSON);
	struct weir_op_snapshot snap;
	struct harness h;

	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	for (int id = 1; id <= 4; id++) {
		if (id != 3) /* nothing was written before the third */
			ck_ok(put_row(&h, id, &err));
		ck_ok(harness_snapshot(&h, id, &snap, &err));
		ck_assert_uint_eq(snap.elements.len, id == 3 ? 2 : id == 4 ? 3 : (size_t)id);
		snapshot_free(&snap);
	}
	ck_ok(h.op->ops->committed(h.op, 2, &err));
	ck_assert_int_eq(look(fs, "/out").files, 2);
	ck_ok(h.op->ops->committed(h.op, 2, &err)); /* again: nothing to do */
	ck_ok(h.op->ops->committed(h.op, 3, &err));
	ck_assert_int_eq(look(fs, "/out").files, 2);
	ck_ok(h.op->ops->committed(h.op, 9, &err));
	ck_assert_int_eq(look(fs, "/out").files, 3);
	ck_assert_int_eq(look(fs, "/out").hidden, 0);
	harness_fini(&h);
	weir_fs_memory_free(fs);
}

WEIR_TEST(without_checkpoints_the_end_commits)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("sink");
	struct weir_sink_config c = sink_to("memory://sink/out", WEIR_ROWS_JSON);
	struct harness h;
	struct seen s;

	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
	h.no_checkpoints = true;
	ck_ok(harness_open(&h, &err));
	for (int i = 0; i < ROWS; i++)
		ck_ok(put_row(&h, i, &err));
	ck_assert_int_eq(look(fs, "/out").files, 0);
	ck_ok(h.op->ops->finish(h.op, &err));
	harness_fini(&h);
	s = look(fs, "/out");
	check_once(&s, "no checkpoints", 0, 0);
	weir_fs_memory_free(fs);
}

WEIR_TEST(a_failed_attempt_leaves_no_open_file)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("sink");
	struct weir_sink_config c = sink_to("memory://sink/out", WEIR_ROWS_JSON);
	struct harness h;

	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(put_row(&h, 1, &err));
	ck_assert_int_eq(look(fs, "/out").hidden, 1);
	harness_fini(&h);
	ck_assert_int_eq(look(fs, "/out").hidden, 0);
	weir_fs_memory_free(fs);
}

/* ---- names and content ---- */

static char *only_file(const char *dir, char *name, size_t size)
{
	static char text[4096];
	char path[700];
	struct dirent *e;
	DIR *d = opendir(dir);
	FILE *f;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && ++n)
			snprintf(name, size, "%s", e->d_name);
	closedir(d);
	ck_assert_int_eq(n, 1);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

static const char *in_dir(const char *name)
{
	static char room[8][512];
	static int turn;
	char *to = room[turn++ & 7];

	snprintf(to, sizeof(room[0]), "%s/%s", weir_test_dir(), name);
	return to;
}

WEIR_TEST(csv_files_have_headers_when_asked)
{
	for (int header = 0; header < 2; header++) {
		struct weir_error err = WEIR_ERROR_INIT;
		const char *dir = in_dir(header ? "a" : "b");
		struct weir_sink_config c = sink_to(dir, WEIR_ROWS_CSV);
		struct harness h;
		char name[300], *text;
		unsigned sub, counter;
		char run[16], end[16];

		c.opts.header = header;
		harness_init(&h, &weir_op_file_sink, &c, NULL, 3, 8, NULL);
		h.no_checkpoints = true;
		ck_ok(harness_open(&h, &err));
		ck_ok(put_row(&h, 1, &err));
		ck_ok(put_row(&h, 2, &err));
		ck_ok(h.op->ops->finish(h.op, &err));
		harness_fini(&h);
		text = only_file(dir, name, sizeof(name));
		ck_assert_str_eq(text, header ? "n,text\n1,\"some text, \"\"quoted\"\"\"\n2,\"some text, \"\"quoted\"\"\"\n"
					      : "1,\"some text, \"\"quoted\"\"\"\n2,\"some text, \"\"quoted\"\"\"\n");
		ck_assert_int_eq(sscanf(name, "part-%u-%14[0-9a-f]-%u.%15s", &sub, run, &counter, end), 4);
		ck_assert_uint_eq(sub, 3);
		ck_assert_uint_eq(strlen(run), 14);
		ck_assert_uint_eq(counter, 0);
		ck_assert_str_eq(end, "csv");
	}
}

/* ---- kill and fail at every operation of the local file system ---- */

/* In a child: run from the state in `file`, keeping it there as checkpoints become complete. */
static void run_child(const char *dir, const char *file)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink_config c = sink_to(dir, WEIR_ROWS_JSON);
	struct weir_op_snapshot state = { 0 }, snap;
	struct harness h;
	int row = 0;
	int64_t id = 1;
	FILE *f = fopen(file, "r");
	bool has_state = f != NULL;

	if (f) {
		size_t n, len;

		ck_assert_int_eq(fscanf(f, "%d %zu\n", &row, &n), 2);
		snprintf(state.name, sizeof(state.name), "pending");
		while (n--) {
			struct element *e = weir_vec_push(&state.elements);

			ck_assert_int_eq(fscanf(f, "%zu:", &len), 1);
			*e = (struct element){ malloc(len), len };
			ck_assert_uint_eq(fread(e->bytes, 1, len, f), len);
		}
		fclose(f);
	}
	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, has_state ? &state : NULL);
	h.rng = weir_rng_system();
	if (harness_open(&h, &err))
		goto failed;
	for (; row < ROWS; id++) {
		char temporary[600];

		for (int i = 0; i < 9 && row < ROWS; i++)
			if (put_row(&h, row++, &err))
				goto failed;
		if (harness_snapshot(&h, id, &snap, &err))
			goto failed;
		snprintf(temporary, sizeof(temporary), "%s.new", file);
		f = fopen(temporary, "w");
		fprintf(f, "%d %zu\n", row, snap.elements.len);
		for (size_t i = 0; i < snap.elements.len; i++) {
			fprintf(f, "%zu:", snap.elements.items[i].len);
			fwrite(snap.elements.items[i].bytes, 1, snap.elements.items[i].len, f);
		}
		fclose(f);
		rename(temporary, file);
		snapshot_free(&snap);
		if (h.op->ops->committed(h.op, id, &err))
			goto failed;
	}
	harness_fini(&h);
	snapshot_free(&state);
	_exit(0);
failed:
	/* a failure is the one that was asked for, and says where */
	if (!strstr(err.msg, "asked for by WEIR_FS_FAIL_AT") || err.code != WEIR_ENOSPC || !err.path[0]) {
		fprintf(stderr, "%s: %s\n", err.path, err.msg);
		_exit(2);
	}
	harness_fini(&h);
	_exit(1);
}

static int spawn(const char *dir, const char *file, const char *variable, const char *value)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (variable)
			setenv(variable, value, 1);
		run_child(dir, file);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static struct seen look_local(const char *dir)
{
	struct seen s = { 0 };
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		char path[900], text[8192];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		s.files++;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = fopen(path, "r");
		count_rows(&s, text, fread(text, 1, sizeof(text), f));
		fclose(f);
	}
	if (d)
		closedir(d);
	return s;
}

static void break_everywhere(const char *variable, const char *code, int broken)
{
	for (int n = 1;; n++) {
		char dir[500], file[500], value[32];
		int status;
		struct seen s;

		snprintf(dir, sizeof(dir), "%s/%s-%d/out", weir_test_dir(), variable, n);
		snprintf(file, sizeof(file), "%s/%s-%d.state", weir_test_dir(), variable, n);
		snprintf(value, sizeof(value), "%d%s", n, code);
		status = spawn(dir, file, variable, value);
		if (status == 0) {
			ck_assert_int_gt(n, 15);
			return;
		}
		ck_assert_msg(WIFSIGNALED(status) ? WTERMSIG(status) == broken : WEXITSTATUS(status) == broken, "operation %d: status %x", n, (unsigned)status);
		ck_assert_int_eq(spawn(dir, file, NULL, NULL), 0);
		s = look_local(dir);
		check_once(&s, variable, n, 0);
	}
}

WEIR_TEST(exactly_once_over_every_kill) { break_everywhere("WEIR_FS_KILL_AT", "", SIGKILL); }
WEIR_TEST(exactly_once_over_every_full_disk) { break_everywhere("WEIR_FS_FAIL_AT", ":NOSPC", 1); }

WEIR_TEST(after_a_failed_write_nothing_goes)
{
	struct weir_error err = WEIR_ERROR_INIT, again = WEIR_ERROR_INIT;
	struct weir_sink_config c = sink_to(in_dir("out"), WEIR_ROWS_JSON);
	struct weir_op_snapshot snap = { 0 };
	struct harness h;

	setenv("WEIR_FS_FAIL_AT", "5:NOSPC", 1); /* the first: making out, and its parent durable */
	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	while (!put_row(&h, 1, &err))
		if (harness_snapshot(&h, 1, &snap, &err))
			break;
		else
			snapshot_free(&snap);
	ck_assert_int_eq(err.code, WEIR_ENOSPC);
	ck_assert_msg(strstr(err.msg, "cannot write results to "), "%s", err.msg);
	snapshot_free(&snap);
	ck_assert_int_eq(put_row(&h, 2, &again), WEIR_ENOSPC);
	ck_assert_msg(strstr(again.msg, "has failed before"), "%s", again.msg);
	ck_assert_int_eq(harness_snapshot(&h, 2, &snap, NULL), WEIR_ENOSPC);
	ck_assert_int_eq(h.op->ops->finish(h.op, NULL), WEIR_ENOSPC);
	harness_fini(&h);
}

WEIR_TEST(sinks_that_cannot_open)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink_config c = sink_to("", WEIR_ROWS_JSON);
	struct weir_op_snapshot state = { .name = "pending" };
	struct element damaged = { (uint8_t *)"\0\0\0\0\0\0\0\x07\0\0\0\3abc", 15 };
	struct harness h;
	FILE *f;

	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
	ck_assert_int_eq(harness_open(&h, &err), WEIR_EINVALID);
	ck_assert_str_eq(err.msg, "the path of the output folder is empty");
	harness_fini(&h);
	c.opts.path = in_dir("file");
	f = fopen(c.opts.path, "w");
	fclose(f);
	weir_error_clear(&err);
	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, NULL);
	ck_assert_int_eq(harness_open(&h, &err), WEIR_EEXISTS); /* a file is in the way */
	harness_fini(&h);
	c.opts.path = in_dir("out");
	state.elements.items = &damaged;
	state.elements.len = 1;
	weir_error_clear(&err);
	harness_init(&h, &weir_op_file_sink, &c, NULL, 0, 1, &state);
	ck_assert_int_eq(harness_open(&h, &err), WEIR_ECORRUPT);
	ck_assert_msg(strncmp(err.msg, "the results of checkpoint 7, whose state this job starts from, cannot be published: ", 80) == 0, "%s", err.msg);
	harness_fini(&h);
}

/* ---- print and discard ---- */

WEIR_TEST(print_writes_json_lines)
{
	for (uint32_t p = 1; p <= 2; p++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_sink_config c = sink_to(NULL, WEIR_ROWS_JSON);
		int saved = dup(STDOUT_FILENO), fds[2];
		char text[1000];
		struct harness h;
		ssize_t n;

		ck_assert_int_eq(pipe(fds), 0);
		fflush(stdout);
		dup2(fds[1], STDOUT_FILENO);
		harness_init(&h, &weir_op_print, &c, NULL, p - 1, p, NULL);
		ck_ok(harness_open(&h, &err));
		ck_ok(put_row(&h, 1, &err));
		dup2(saved, STDOUT_FILENO);
		n = read(fds[0], text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		ck_assert_str_eq(text, p == 1 ? "{\"n\":1,\"text\":\"some text, \\\"quoted\\\"\"}\n" : "2> {\"n\":1,\"text\":\"some text, \\\"quoted\\\"\"}\n");
		harness_fini(&h);
	}
}

WEIR_TEST(print_to_a_reader_that_went_away)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink_config c = sink_to(NULL, WEIR_ROWS_JSON);
	int saved = dup(STDOUT_FILENO), fds[2], rc;
	sigset_t pending;
	struct harness h;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(stdout);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	close(fds[0]);
	harness_init(&h, &weir_op_print, &c, NULL, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	rc = put_row(&h, 1, &err);
	dup2(saved, STDOUT_FILENO);
	ck_assert_int_eq(rc, WEIR_EIO);
	ck_assert_str_eq(err.path, "standard output");
	ck_assert_str_eq(err.msg, "cannot print rows: Broken pipe");
	sigpending(&pending);
	ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
	harness_fini(&h);
}

WEIR_TEST(discard_counts)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink_config c = sink_to(NULL, WEIR_ROWS_JSON);
	struct weir_select none = { 0, (uint16_t[1]){ 0 } };
	struct weir_batch *b = weir_batch_new(&number_type, false);
	struct harness h;

	harness_init(&h, &weir_op_discard, &c, NULL, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(put_row(&h, 1, &err));
	ck_ok(put_row(&h, 1, &err));
	ck_ok(h.op->ops->batch(h.op, b, &none, &err));
	ck_assert_int_eq(h.accumulated, 2);
	ck_assert_str_eq(h.accumulator, "flights.rows");
	weir_batch_unref(b);
	harness_fini(&h);
}
