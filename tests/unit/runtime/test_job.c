// SPDX-License-Identifier: Apache-2.0
/* Whole jobs on the threads host, over memory: results, restarts, savepoints, refusals. What schedules and crashes do to them: tests/sim. */
#include "tests/lib/weirtest.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs-abstraction/fs_layers.h"
#include "runtime/job_priv.h"

#define NUMBER(F) F(string, k) F(int64, v)
#define ROW(F) F(int64, t) F(string, k)
#define COUNT(F) F(int64, n)
#define RESULT(F) F(string, k) F(int64, start) F(int64, n)
WEIR_RECORD(number, NUMBER)
WEIR_RECORD(row, ROW)
WEIR_RECORD(count, COUNT)
WEIR_RECORD(result, RESULT)

#define NUMBERS 5000

static _Atomic int fail_in; /* calls until a function fails, once; 0 = never */

static int may_fail(struct weir_ctx *ctx)
{
	return atomic_load(&fail_in) && atomic_fetch_sub(&fail_in, 1) == 1 ? weir_fail(ctx, "on purpose") : 0;
}

static int keyed(struct weir_ctx *ctx, const void *in, void *out)
{
	static const char *const keys[] = { "a", "b", "c" };
	struct number *n = out;

	n->k = weir_str_of(keys[*(const int64_t *)in % 3]);
	n->v = 1;
	weir_accumulate(ctx, "numbers", 1);
	return may_fail(ctx);
}

static void build_numbers(struct weir_env *env, int64_t rate)
{
	struct weir_stream *s = weir_map(weir_sequence_source(env, "numbers", 0, NUMBERS - 1, .rows_per_second = rate), "keyed", keyed, &number_type);

	weir_csv_sink(weir_sum(weir_key_by(s, "k"), "sum", "v"), "sink", "memory://job/out");
}

/* ---- running ---- */

struct trial {
	struct weir_fs *fs;
	struct weir_host *host;
	struct weir_env *env;
	struct weir_job *job;
	struct weir_job_config config;
	struct weir_error err;
};

static void trial_init(struct trial *t)
{
	*t = (struct trial){ .fs = weir_fs_memory_new("job"), .config = weir_job_config_default(), .err = WEIR_ERROR_INIT };
	snprintf(t->config.job_id, sizeof(t->config.job_id), "0123456789abcdef0123456789abcdef");
	t->config.dir = "memory://job/ckpt";
	t->config.savepoint_dir = "memory://job/sp";
	atomic_store(&fail_in, 0);
}

/* A new process: the graph is in t->env. */
static int begin(struct trial *t, uint32_t parallelism)
{
	static uint64_t seed; /* each process has another */
	struct weir_plan *plan;
	int code = weir_plan_make(t->env, parallelism, 0, &plan, &t->err);

	t->host = weir_host_threads_new(2);
	if (!code)
		code = weir_job_new(plan, &t->config, t->host, ++seed, &t->job, &t->err);
	return code ? code : weir_job_start(t->job, &t->err);
}

static void end(struct trial *t)
{
	weir_job_free(t->job);
	weir_host_threads_free(t->host);
	weir_env_free(t->env);
	t->job = NULL;
}

static void trial_fini(struct trial *t) { weir_fs_memory_free(t->fs); }

struct rows {
	uint32_t n, per_key[3];
	bool seen[3][NUMBERS];
	char text[1000]; /* of all, one after the other, while they fit */
};

static int read_rows(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct rows *r = arg;
	struct weir_fs *fs = NULL;
	struct weir_fs_map *map;
	struct weir_slice s;
	char path[300], *p;
	size_t at = 0;

	(void)st;
	if (name[0] == '.')
		return 0;
	snprintf(path, sizeof(path), "memory://job/out/%s", name);
	ck_assert_int_eq(weir_fs_resolve(path, &fs, &p, NULL), 0);
	ck_assert_int_eq(weir_fs_map(fs, p, &map, &s, NULL), 0);
	free(p);
	while (at < s.len) {
		const char *line = (const char *)s.ptr + at;
		size_t n = (size_t)((const char *)memchr(line, '\n', s.len - at) - line);
		int key = line[0] - 'a';
		long v = strtol(line + 2, NULL, 10);

		if (key >= 0 && key < 3 && v >= 1 && v <= NUMBERS && !r->seen[key][v - 1]) {
			r->seen[key][v - 1] = true;
			r->per_key[key]++;
		}
		if (strlen(r->text) + n + 2 < sizeof(r->text))
			snprintf(r->text + strlen(r->text), sizeof(r->text) - strlen(r->text), "%.*s\n", (int)n, line);
		r->n++;
		at += n + 1;
	}
	weir_fs_unmap(map);
	return 0;
}

/* Each running count of each key exactly once. */
static void check_numbers(struct trial *t)
{
	struct rows *r = calloc(1, sizeof(*r));

	ck_assert_int_eq(weir_fs_list(t->fs, "/out", read_rows, r, NULL), 0);
	ck_assert_uint_eq(r->n, NUMBERS);
	ck_assert_uint_eq(r->per_key[0] + r->per_key[1] + r->per_key[2], NUMBERS);
	free(r);
}

static void start_numbers(struct trial *t, uint32_t parallelism, int64_t rate)
{
	t->env = weir_env_new(0, NULL);
	build_numbers(t->env, rate);
	ck_assert_msg(begin(t, parallelism) == 0, "%s", t->err.msg);
}

static void take_total(void *arg, const char *name, int64_t value)
{
	if (strcmp(name, "numbers") == 0)
		*(int64_t *)arg = value;
}

static void ck_ended(struct trial *t)
{
	char text[1200];

	ck_assert(weir_job_wait(t->job, 20000));
	ck_assert_msg(weir_job_result(t->job, &t->err) == 0, "%s", weir_error_text(&t->err, text, sizeof(text)));
}

/* ---- tests ---- */

WEIR_TEST(a_job_commits_each_row_once)
{
	struct weir_job_status s;
	struct trial t;
	int64_t total = 0;

	trial_init(&t);
	start_numbers(&t, 2, 0);
	ck_ended(&t);
	weir_job_status(t.job, &s);
	ck_assert_int_eq(s.state, WEIR_JOB_FINISHED);
	ck_assert_uint_eq(s.rows_in, NUMBERS);
	weir_job_accumulators(t.job, take_total, &total);
	ck_assert_int_eq(total, NUMBERS);
	ck_assert_str_eq(t.job->newest_uri, "memory://job/ckpt/0123456789abcdef0123456789abcdef/chk-1");
	end(&t);
	check_numbers(&t);
	trial_fini(&t);
}

WEIR_TEST(a_failed_function_restarts_the_job)
{
	struct weir_job_status s;
	struct trial t;

	trial_init(&t);
	t.config.interval_ms = 5;
	t.config.restart = weir_restart_default(WEIR_RESTART_FIXED_DELAY);
	t.config.restart.delay_ms = 1;
	atomic_store(&fail_in, NUMBERS / 2);
	start_numbers(&t, 2, 100000);
	ck_ended(&t);
	weir_job_status(t.job, &s);
	ck_assert_uint_eq(s.restarts, 1);
	end(&t);
	check_numbers(&t);
	trial_fini(&t);
}

WEIR_TEST(without_a_strategy_the_failure_names_the_operator)
{
	struct trial t;

	trial_init(&t);
	atomic_store(&fail_in, 10);
	start_numbers(&t, 1, 0);
	ck_assert(weir_job_wait(t.job, 20000));
	ck_assert_int_eq(weir_job_result(t.job, &t.err), WEIR_EFAILED);
	ck_assert_msg(strstr(t.err.msg, "operator 'keyed'") && strstr(t.err.msg, "on purpose"), "%s", t.err.msg);
	end(&t);
	trial_fini(&t);
}

struct answer {
	_Atomic int code; /* 1: none yet */
	char uri[300];
};

static void keep_answer(void *arg, int code, const char *uri, const struct weir_error *err)
{
	struct answer *a = arg;

	(void)err;
	snprintf(a->uri, sizeof(a->uri), "%s", uri ? uri : "");
	atomic_store(&a->code, code);
}

WEIR_TEST(a_stopped_job_goes_on_at_another_parallelism)
{
	struct answer a = { .code = 1 };
	struct weir_job_request stop = { .kind = WEIR_JOB_STOP, .answer = keep_answer, .arg = &a };
	struct trial t;

	trial_init(&t);
	start_numbers(&t, 2, 20000);
	weir_job_wait(t.job, 30);
	do { /* until all tasks run */
		atomic_store(&a.code, 1);
		weir_job_ask(t.job, &stop);
		while (atomic_load(&a.code) == 1)
			weir_job_wait(t.job, 5);
	} while (a.code == WEIR_EFAILED);
	ck_assert_int_eq(a.code, 0);
	ck_assert_ptr_nonnull(strstr(a.uri, "memory://job/sp/savepoint-012345-"));
	ck_ended(&t);
	end(&t);
	t.config.restore = a.uri;
	start_numbers(&t, 3, 0);
	ck_assert_str_eq(weir_job_restored_from(t.job), a.uri);
	ck_ended(&t);
	weir_job_ask(t.job, &stop); /* too late, but answered */
	ck_assert_int_eq(a.code, WEIR_EBUSY);
	end(&t);
	check_numbers(&t);
	trial_fini(&t);
}

WEIR_TEST(a_cancelled_job_says_so_and_resumes)
{
	struct weir_job_request cancel = { .kind = WEIR_JOB_CANCEL };
	struct trial t;
	char *newest = NULL;

	trial_init(&t);
	t.config.interval_ms = 5;
	start_numbers(&t, 2, 20000);
	for (int i = 0; i < 2000 && !newest; i++) {
		weir_job_wait(t.job, 5);
		if (weir_store_newest("memory://job/ckpt", &newest, NULL, NULL, NULL) != 0)
			newest = NULL;
	}
	free(newest);
	weir_job_ask(t.job, &cancel);
	ck_assert(weir_job_wait(t.job, 20000));
	ck_assert_int_eq(weir_job_result(t.job, &t.err), WEIR_ECANCELED);
	weir_error_clear(&t.err);
	end(&t);
	newest = NULL;
	ck_assert_int_eq(weir_store_newest("memory://job/ckpt", &newest, NULL, NULL, &t.err), 0);
	t.config.restore = newest;
	start_numbers(&t, 1, 0);
	ck_ended(&t);
	end(&t);
	free(newest);
	check_numbers(&t);
	trial_fini(&t);
}

static int count_name(void *arg, const char *name, const struct weir_fs_stat *st)
{
	(void)st;
	*(uint32_t *)arg += strncmp(name, "chk-", 4) == 0;
	return 0;
}

static uint32_t checkpoints_of(struct trial *t)
{
	uint32_t n = 0;

	ck_assert_int_eq(weir_fs_list(t->fs, "/ckpt/0123456789abcdef0123456789abcdef", count_name, &n, NULL), 0);
	return n;
}

enum ending { FINISHES, CANCELED, KEPT, FAILS };

static void end_with(struct trial *t, enum weir_retention retention, enum ending how)
{
	struct weir_job_request cancel = { .kind = WEIR_JOB_CANCEL, .keep = how == KEPT };
	struct answer a = { .code = 1 };
	struct weir_job_request q = { .kind = WEIR_JOB_CHECKPOINT, .answer = keep_answer, .arg = &a };

	trial_init(t);
	t->config.retention = retention;
	t->config.num_retained = 3;
	start_numbers(t, 1, how == FINISHES ? 0 : 5000);
	for (int i = 0; how != FINISHES && i < 2; i++)
		do {
			atomic_store(&a.code, 1);
			weir_job_ask(t->job, &q);
			while (atomic_load(&a.code) == 1)
				weir_job_wait(t->job, 1);
		} while (a.code);
	if (how == FAILS)
		atomic_store(&fail_in, 10);
	else if (how != FINISHES)
		weir_job_ask(t->job, &cancel);
	ck_assert(weir_job_wait(t->job, 20000));
	end(t);
}

/* DELETE_ON_CANCELLATION and NO_EXTERNALIZED_CHECKPOINTS were taken and did nothing. */
WEIR_TEST(retention_decides_what_is_left_at_the_end)
{
	static const uint32_t left[3][4] = {
		[WEIR_RETAIN_ON_CANCELLATION] = { 1, 2, 2, 2 },
		[WEIR_DELETE_ON_CANCELLATION] = { 1, 0, 2, 2 },
		[WEIR_NO_EXTERNALIZED_CHECKPOINTS] = { 1, 0, 2, 0 },
	};

	for (int r = 0; r < 3; r++)
		for (int how = FINISHES; how <= FAILS; how++) {
			struct trial t;

			end_with(&t, (enum weir_retention)r, (enum ending)how);
			ck_assert_msg(checkpoints_of(&t) == left[r][how], "retention %d, ending %d: %u are left", r, how, checkpoints_of(&t));
			trial_fini(&t);
		}
}

/* ---- the end of a part of the input ---- */

static _Atomic int finish_calls;

static int ender_element(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	(void)ctx, (void)self, (void)in, (void)out;
	return 0;
}

static int ender_finish(struct weir_ctx *ctx, void *self, struct weir_out *out)
{
	(void)self;
	weir_emit(out, &(struct number){ weir_str_of("b"), 1 + weir_subtask(ctx) });
	atomic_fetch_add(&finish_calls, 1);
	return 0;
}

static const struct weir_process ender = { .in = &number_type, .out = &number_type, .element = ender_element, .finish = ender_finish };

/* A short input whose operator says something at its end, beside a long one. */
static void start_ender(struct trial *t, uint32_t parallelism, int64_t rate)
{
	struct weir_stream *s;

	t->env = weir_env_new(0, NULL);
	s = weir_map(weir_sequence_source(t->env, "short", 0, 9), "keyed", keyed, &number_type);
	weir_csv_sink(weir_process(weir_key_by(s, "k"), "ender", &ender), "sink", "memory://job/out");
	weir_discard(weir_sequence_source(t->env, "long", 0, 200000, .rows_per_second = rate, .parallelism = 1), "nothing");
	ck_assert_msg(begin(t, parallelism) == 0, "%s", t->err.msg);
}

/* Restored from a checkpoint between the end of an operator's input and the end of the job, finish() ran again and wrote its rows a second time. */
WEIR_TEST(an_operator_that_had_finished_does_not_finish_again)
{
	static const uint32_t then[] = { 2, 1, 3 };

	for (int i = 0; i < 3; i++) {
		struct answer a = { .code = 1 };
		struct weir_job_request q = { .kind = i == 1 ? WEIR_JOB_SAVEPOINT : WEIR_JOB_CHECKPOINT, .answer = keep_answer, .arg = &a };
		struct weir_job_request cancel = { .kind = WEIR_JOB_CANCEL };
		struct rows *r = calloc(1, sizeof(*r));
		struct trial t;

		trial_init(&t);
		atomic_store(&finish_calls, 0);
		start_ender(&t, 2, 1000);
		while (atomic_load(&finish_calls) < 2)
			weir_job_wait(t.job, 1);
		do {
			atomic_store(&a.code, 1);
			weir_job_ask(t.job, &q);
			while (atomic_load(&a.code) == 1)
				weir_job_wait(t.job, 1);
		} while (a.code == WEIR_EFAILED);
		ck_assert_int_eq(a.code, 0);
		weir_job_ask(t.job, &cancel);
		ck_assert(weir_job_wait(t.job, 20000));
		end(&t);
		t.config.restore = a.uri;
		start_ender(&t, then[i], 0);
		ck_ended(&t);
		end(&t);
		ck_assert_int_eq(atomic_load(&finish_calls), 2);
		ck_assert_int_eq(weir_fs_list(t.fs, "/out", read_rows, r, NULL), 0);
		ck_assert_uint_eq(r->n, 2);
		ck_assert_uint_eq(r->per_key[1], 2);
		free(r);
		trial_fini(&t);
	}
}

/* The savepoint with these operators marked as Flink marks those whose subtasks have all finished: without state. */
static void finish_operators(struct trial *t, const char *uri, const char *const *uids, const char *to)
{
	struct weir_buf bytes = { 0 };
	struct weir_ckpt *c;

	ck_assert_int_eq(weir_ckpt_open(uri, &c, &t->err), 0);
	for (uint32_t i = 0; i < c->noperators; i++)
		for (const char *const *u = uids; *u; u++) {
			struct weir_operator_id id = weir_operator_id_of_uid(*u);

			if (memcmp(id.bytes, c->operators[i].id.bytes, 16) != 0)
				continue;
			c->operators[i].fully_finished = true;
			c->operators[i].nsubtasks = 0;
		}
	ck_assert_msg(weir_ckpt_encode(c, 4, &bytes, &t->err) == 0, "%s", t->err.msg);
	ck_assert_int_eq(weir_fs_mkdirs_durable(t->fs, to, &t->err), 0);
	ck_assert_int_eq(weir_fs_publish(t->fs, "/flink/_metadata", weir_buf_slice(&bytes), &t->err), 0);
	weir_buf_fini(&bytes);
	weir_ckpt_close(c);
}

/* Flink writes operators whose subtasks have all finished without their state: a source among them must not begin anew. */
WEIR_TEST(operators_that_had_finished_in_flink_do_nothing)
{
	static const char *const uids[] = { "short", "keyed", "ender", NULL };
	struct answer a = { .code = 1 };
	struct weir_job_request q = { .kind = WEIR_JOB_STOP, .answer = keep_answer, .arg = &a };
	struct weir_job_status s;
	struct trial t;

	trial_init(&t);
	atomic_store(&finish_calls, 0);
	start_ender(&t, 1, 1000);
	while (atomic_load(&finish_calls) < 1)
		weir_job_wait(t.job, 1);
	do {
		atomic_store(&a.code, 1);
		weir_job_ask(t.job, &q);
		while (atomic_load(&a.code) == 1)
			weir_job_wait(t.job, 1);
	} while (a.code == WEIR_EFAILED);
	ck_assert_int_eq(a.code, 0);
	ck_ended(&t);
	weir_job_status(t.job, &s);
	end(&t);
	finish_operators(&t, a.uri, uids, "/flink");
	t.config.restore = "memory://job/flink";
	start_ender(&t, 2, 0);
	ck_ended(&t);
	ck_assert_int_eq(atomic_load(&finish_calls), 1);
	{
		uint64_t first = s.rows_in;

		weir_job_status(t.job, &s);
		ck_assert_uint_eq(s.rows_in + first, 200001 + 10); /* the long input goes on; of the short one nothing is read again */
	}
	end(&t);
	trial_fini(&t);
}

WEIR_TEST(a_job_is_refused_when_it_cannot_start)
{
	struct trial t;

	trial_init(&t);
	t.config.restore = "memory://job/nothing";
	t.env = weir_env_new(0, NULL);
	build_numbers(t.env, 0);
	ck_assert_int_lt(begin(&t, 1), 0);
	ck_assert_msg(strstr(t.err.msg, "nothing") || strstr(t.err.path, "nothing"), "%s", t.err.msg);
	end(&t);
	trial_fini(&t);
}

/* A setting that the coordinator refuses: once the tasks were mailed that had never been started, by way of a null pointer. */
WEIR_TEST(a_bad_setting_fails_the_job)
{
	struct trial t;

	trial_init(&t);
	t.config.max_concurrent = 0;
	start_numbers(&t, 2, 0);
	ck_assert(weir_job_wait(t.job, 20000));
	ck_assert_int_eq(weir_job_result(t.job, &t.err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(t.err.msg, "max-concurrent-checkpoints"));
	end(&t);
	trial_fini(&t);
}

/* ---- windows ---- */

static int count_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	(void)ctx, (void)in;
	((struct count *)acc)->n++;
	return 0;
}

static int count_batch(struct weir_ctx *ctx, const struct weir_batch *in, const struct weir_select *rows, void *const *accs)
{
	(void)ctx, (void)in;
	for (uint32_t i = 0; i < rows->n; i++)
		((struct count *)accs[i])->n++;
	return 0;
}

static int count_result(struct weir_ctx *ctx, const void *key, const struct weir_window *w, const void *acc, void *out)
{
	(void)ctx;
	*(struct result *)out = (struct result){ *(const struct weir_str *)key, w->start_ms, ((const struct count *)acc)->n };
	return 0;
}

static const struct weir_aggregate counting = { .acc = &count_type, .out = &result_type, .add = count_add, .result = count_result };
static const struct weir_aggregate by_batch_only = { .acc = &count_type, .out = &result_type, .add_batch = count_batch, .result = count_result };

static struct weir_keyed *timed_rows(struct weir_env *env)
{
	struct weir_stream *s = weir_csv_source(env, "rows", "memory://job/in.csv", &row_type);

	return weir_key_by(weir_assign_timestamps(s, "t", (struct weir_watermark_strategy){ .every_rows = 2 }), "k");
}

/* Rows for a window that has been sent already send it again, each with what it holds then; two of them in one batch sent the last value twice
 * (simulator seeds 246, 252). */
WEIR_TEST(late_rows_send_their_window_one_by_one)
{
	static const char text[] = "t,k\n5,x\n100,x\n6,x\n7,x\n8,x\n";
	struct rows *r = calloc(1, sizeof(*r));
	struct trial t;

	trial_init(&t);
	ck_assert_int_eq(weir_fs_publish(t.fs, "/in.csv", (struct weir_slice){ (const uint8_t *)text, sizeof(text) - 1 }, NULL), 0);
	t.env = weir_env_new(0, NULL);
	weir_csv_sink(weir_window(timed_rows(t.env), "window", weir_tumbling(10), &counting, .allowed_lateness_ms = 1000), "sink", "memory://job/out");
	ck_assert_int_eq(begin(&t, 1), 0);
	ck_ended(&t);
	end(&t);
	ck_assert_int_eq(weir_fs_list(t.fs, "/out", read_rows, r, NULL), 0);
	ck_assert_str_eq(r->text, "x,0,1\nx,0,2\nx,0,3\nx,0,4\nx,100,1\n");
	free(r);
	trial_fini(&t);
}

/* Sliding windows call .add for each row: without one that was a null pointer. */
WEIR_TEST(an_aggregate_without_add_is_refused_where_rows_go_one_by_one)
{
	struct weir_plan *plan;
	struct trial t;

	trial_init(&t);
	t.env = weir_env_new(0, NULL);
	weir_csv_sink(weir_window(timed_rows(t.env), "window", weir_sliding(10, 5), &by_batch_only), "sink", "memory://job/out");
	ck_assert_int_eq(weir_plan_make(t.env, 1, 0, &plan, &t.err), WEIR_EINVALID);
	ck_assert_msg(strstr(t.err.msg, "window") && strstr(t.err.msg, ".add"), "%s", t.err.msg);
	weir_env_free(t.env);
	trial_fini(&t);
}
