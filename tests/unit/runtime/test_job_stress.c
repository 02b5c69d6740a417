// SPDX-License-Identifier: Apache-2.0
/*
 * Whole jobs. First with a host that steps actors and work by hand, for orders that threads seldom take; then on threads, with functions that fail,
 * requests of all kinds, cancels and resumes at other parallelisms, compared with what an undisturbed run must give. For ThreadSanitizer above all.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/flow.h>

#include "base/vec.h"
#include "runtime/job.h"
#include "runtime/job_priv.h"
#include "tests/lib/weirtest.h"

#define NUMBER(F) F(int64, k) F(int64, v)
WEIR_RECORD(number, NUMBER)

/* ---- user functions: fail once at the call that was armed ---- */

static atomic_llong calls, fail_at;
static int64_t nkeys = 7;

static int call(struct weir_ctx *ctx)
{
	return atomic_fetch_add(&calls, 1) + 1 == atomic_load(&fail_at) ? weir_fail(ctx, "on purpose") : 0;
}

static int keyed(struct weir_ctx *ctx, const void *in, void *out)
{
	int64_t n = *(const int64_t *)in;

	*(struct number *)out = (struct number){ n % nkeys, n };
	return call(ctx);
}

struct counter {
	struct weir_value_state *count;
	bool far_timer;
};

static int counter_open(struct weir_ctx *ctx, void *self)
{
	((struct counter *)self)->count = weir_value_state(ctx, "count", &weir_int64);
	return call(ctx);
}

/* Gives (v, how many of its key have come): once for each v, and the counts of a key without holes. */
static int counter_element(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	int64_t *n = weir_value_edit(((struct counter *)self)->count);
	const struct number *r = in;

	++*n;
	weir_processing_timer(ctx, INT64_MAX - 1 - r->k); /* never */
	weir_emit(out, &(struct number){ r->v, *n });
	return call(ctx);
}

static int counter_timer(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out)
{
	(void)self, (void)out;
	return weir_fail(ctx, "the timer of %lld fired", (long long)time);
}

static const struct weir_process counter = { .size = sizeof(struct counter), .in = &number_type, .out = &number_type, .open = counter_open,
					     .element = counter_element, .timer = counter_timer };

/* ---- a host that is told what to do ---- */

struct hand {
	struct weir_host base;
	struct weir_virtual_clock clock;
	WEIR_VEC(struct weir_actor *) actors;
	WEIR_VEC(struct weir_work *) works;
	bool hold;                      /* works wait */
};

struct seat { bool started, done; int64_t due_ns; };

static bool hand_prepare(struct weir_host *h, struct weir_actor *a)
{
	*weir_vec_push(&((struct hand *)h)->actors) = a;
	a->host_data = calloc(1, sizeof(struct seat));
	a->host = h;
	return true;
}
static bool hand_start(struct weir_host *h, struct weir_actor *a)
{
	(void)h;
	return ((struct seat *)a->host_data)->started = true;
}
static void hand_wake(struct weir_host *h, struct weir_actor *a)
{
	(void)h;
	((struct seat *)a->host_data)->due_ns = 0;
}
static void hand_join(struct weir_host *h, struct weir_actor *a) { (void)h, (void)a; }
static void hand_release(struct weir_host *base, struct weir_actor *a)
{
	struct hand *h = (struct hand *)base;

	for (size_t i = 0; i < h->actors.len; i++)
		if (h->actors.items[i] == a)
			h->actors.items[i--] = h->actors.items[--h->actors.len];
	free(a->host_data);
	a->host_data = NULL;
}
static void hand_submit(struct weir_host *h, struct weir_work *w) { *weir_vec_push(&((struct hand *)h)->works) = w; }
static const struct weir_host_ops hand_ops = { hand_prepare, hand_start, hand_wake, hand_join, hand_release, hand_submit };

static struct hand *hand_new(void)
{
	struct hand *h = calloc(1, sizeof(*h));

	weir_virtual_clock_init(&h->clock, 1000000000000);
	h->base.ops = &hand_ops;
	h->base.clock = &h->clock.base;
	return h;
}

static void run_work(struct hand *h, size_t i)
{
	struct weir_work *w = h->works.items[i];

	memmove(&h->works.items[i], &h->works.items[i + 1], (--h->works.len - i) * sizeof(w));
	w->fn(w);
}

static bool is_named(const struct weir_actor *a, const char *name) { return name && strncmp(a->name, name, strlen(name)) == 0; }

static bool step(struct weir_actor *a)
{
	struct seat *s = a->host_data;

	if (!s->started || s->done)
		return false;
	s->due_ns = a->step(a);
	s->done = s->due_ns == WEIR_STEP_DONE;
	return true;
}

/* A round: each actor but `but` steps once, then works unless they are held. */
static void round_of(struct hand *h, const char *but)
{
	for (size_t i = 0; i < h->actors.len; i++)
		if (!is_named(h->actors.items[i], but))
			step(h->actors.items[i]);
	while (!h->hold && h->works.len)
		run_work(h, 0);
	h->clock.ns += 1000000;
}

static void step_only(struct hand *h, const char *name)
{
	for (size_t i = 0; i < h->actors.len; i++)
		if (is_named(h->actors.items[i], name))
			step(h->actors.items[i]);
}

struct answer {
	atomic_int count;
	int code;
	char *uri;
};

static void on_answer(void *arg, int code, const char *uri, const struct weir_error *err)
{
	struct answer *a = arg;

	(void)err;
	a->code = code;
	free(a->uri);
	a->uri = uri ? strdup(uri) : NULL;
	atomic_fetch_add(&a->count, 1);
}

static void ask(struct weir_job *j, enum weir_job_request_kind kind, struct answer *a)
{
	char target[300];

	snprintf(target, sizeof(target), "%s/sp", weir_test_dir());
	weir_job_ask(j, &(struct weir_job_request){ .kind = kind, .target = kind == WEIR_JOB_CHECKPOINT ? NULL : strdup(target), .answer = on_answer, .arg = a });
}

static struct weir_job_config config_in(const char *folder)
{
	static char dir[300];
	struct weir_job_config c = weir_job_config_default();

	snprintf(dir, sizeof(dir), "%s/%s", weir_test_dir(), folder);
	c.dir = dir;
	memset(c.job_id, 'a', 32);
	return c;
}

static struct weir_plan *plan_of(struct weir_env *env, uint32_t parallelism)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_plan *plan;

	ck_ok(weir_plan_make(env, parallelism, 32, &plan, &err));
	return plan;
}

/* Rounds until each answer is there; fails after an hour of the clock. */
static void until_answered(struct hand *h, struct answer *a)
{
	for (int i = 0; i < 20000 && !atomic_load(&a->count); i++)
		round_of(h, NULL);
	ck_assert_msg(atomic_load(&a->count) == 1, "answered %d times after 20 s", atomic_load(&a->count));
	ck_assert_int_eq(a->code, 0);
}

static void end_hand(struct hand *h, struct weir_job *j, struct weir_env *env, struct answer *cancel)
{
	ask(j, WEIR_JOB_CANCEL, cancel);
	for (int i = 0; i < 1000 && !j->over; i++)
		round_of(h, NULL);
	ck_assert(j->over);
	weir_job_free(j);
	weir_env_free(env);
	weir_vec_fini(&h->actors);
	weir_vec_fini(&h->works);
	free(h);
}

static void build_slow(struct weir_env *env)
{
	struct weir_stream *a = weir_sequence_source(env, "first", 0, 1000000, .rows_per_second = 50000);
	struct weir_stream *b = weir_sequence_source(env, "second", 0, 1000000, .rows_per_second = 50000);

	weir_job_name(env, "slow");
	a = weir_map(weir_union(a, b), "keyed", keyed, &number_type);
	weir_discard(weir_process(weir_key_by(a, "k"), "counter", &counter), "sink");
}

/* The directory of the second one is ready first: its barriers must not overtake those of the first. */
WEIR_TEST(directories_made_in_another_order)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_job_config c = config_in("ck");
	struct weir_env *env = weir_env_new(0, NULL);
	struct hand *h = hand_new();
	struct answer first = { 0 }, second = { 0 }, cancel = { 0 };
	struct weir_job *j;

	build_slow(env);
	ck_ok(weir_job_new(plan_of(env, 1), &c, &h->base, 1, &j, &err));
	ck_ok(weir_job_start(j, &err));
	for (int i = 0; i < 10; i++)
		round_of(h, NULL);
	ask(j, WEIR_JOB_SAVEPOINT, &first);
	ask(j, WEIR_JOB_CHECKPOINT, &second);
	h->hold = true;
	round_of(h, NULL);
	ck_assert_uint_eq(h->works.len, 2);
	run_work(h, 1);
	for (int i = 0; i < 5; i++)
		round_of(h, NULL);
	h->hold = false;
	until_answered(h, &first);
	until_answered(h, &second);
	free(first.uri);
	free(second.uri);
	end_hand(h, j, env, &cancel);
}

/* ---- nothing happens between a stop's savepoint and the checkpoint that commits ---- */

static int later_element(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	(void)self, (void)in, (void)out;
	weir_processing_timer(ctx, weir_processing_time(ctx) + 20);
	return 0;
}

static int later_timer(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out)
{
	(void)self, (void)time;
	weir_emit(out, &(struct number){ *(const int64_t *)weir_key(ctx), 1 });
	return 0;
}

static const struct weir_process later = { .in = &number_type, .out = &number_type, .element = later_element, .timer = later_timer };

#define LATER_ROWS 4000

/* Until it has stopped, and for 40 ms more than the savepoint needs; its savepoint. */
static void run_later(const char *from, bool slow_disk, struct answer *a)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_job_config c = config_in("ck");
	struct weir_env *env = weir_env_new(0, NULL);
	struct hand *h = hand_new();
	static char out[300];
	struct weir_stream *s;
	struct weir_job *j;

	snprintf(out, sizeof(out), "%s/out", weir_test_dir());
	nkeys = INT64_MAX;
	s = weir_map(weir_sequence_source(env, "numbers", 0, 1000000, .rows_per_second = 20000), "keyed", keyed, &number_type);
	weir_csv_sink(weir_process(weir_key_by(s, "k"), "later", &later), "sink", out);
	c.restore = from;
	h->clock.ns += from ? 10000000000 : 0; /* later */
	ck_ok(weir_job_new(plan_of(env, 2), &c, &h->base, from ? 2 : 1, &j, &err));
	ck_ok(weir_job_start(j, &err));
	for (int i = 0; i < 100; i++)
		round_of(h, NULL);
	ask(j, WEIR_JOB_STOP, a);
	for (int i = 0; i < 20000 && !j->over; i++) {
		h->hold = slow_disk && i % 15 != 14;
		round_of(h, NULL);
	}
	ck_assert(j->over);
	ck_assert_int_eq(a->code, 0);
	weir_job_free(j);
	weir_env_free(env);
	weir_vec_fini(&h->actors);
	weir_vec_fini(&h->works);
	free(h);
	nkeys = 7;
}

static void count_later(uint8_t seen[LATER_ROWS])
{
	char dir[300], path[600], line[100];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/out", weir_test_dir());
	d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = fopen(path, "re");
		ck_assert_ptr_nonnull(f);
		while (fgets(line, sizeof(line), f))
			if (atoll(line) < LATER_ROWS)
				seen[atoll(line)]++;
		fclose(f);
	}
	closedir(d);
}

/* A processing-time timer that fired between the two was in what the checkpoint committed and still in the savepoint: its row came twice. */
WEIR_TEST(no_timer_fires_between_the_savepoint_of_a_stop_and_its_checkpoint)
{
	static uint8_t seen[LATER_ROWS];
	struct answer first = { 0 }, second = { 0 };
	int n = 0;

	run_later(NULL, true, &first);
	run_later(first.uri, false, &second);
	count_later(seen);
	for (int i = 0; i < LATER_ROWS; i++) {
		ck_assert_msg(seen[i] <= 1, "the row of timer %d is there %d times", i, seen[i]);
		n += seen[i];
	}
	for (int i = 0; i < 1000; i++) /* set before the first stop */
		ck_assert_msg(seen[i] == 1, "the row of timer %d is not there", i);
	ck_assert_int_gt(n, 1500);
	free(first.uri);
	free(second.uri);
}

static int said;
static char said_text[1000];

static void note_said(void *arg, const char *text)
{
	(void)arg;
	said++;
	snprintf(said_text, sizeof(said_text), "%s", text);
}

/* It was said on an I/O thread, though job.h promises the job's. */
WEIR_TEST(what_cannot_be_deleted_is_said_on_the_jobs_thread)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_job_config c = config_in("ck");
	struct weir_env *env = weir_env_new(0, NULL);
	struct hand *h = hand_new();
	struct answer a = { 0 }, cancel = { 0 };
	char command[400];
	struct weir_job *j;

	build_slow(env);
	ck_ok(weir_job_new(plan_of(env, 1), &c, &h->base, 1, &j, &err));
	weir_job_on_event(j, note_said, NULL);
	ck_ok(weir_job_start(j, &err));
	for (int i = 0; i < 10; i++)
		round_of(h, NULL);
	ask(j, WEIR_JOB_CHECKPOINT, &a);
	h->hold = true;
	for (int i = 0; i < 1000 && !atomic_load(&a.count); i++) {
		round_of(h, NULL);
		while (!atomic_load(&a.count) && h->works.len)
			run_work(h, 0);
	}
	ck_assert_int_eq(a.code, 0);
	ck_assert_uint_ge(h->works.len, 1); /* the deletion of older ones */
	snprintf(command, sizeof(command), "rm -rf '%s'", c.dir);
	ck_assert_int_eq(system(command), 0);
	while (h->works.len)
		run_work(h, 0);
	ck_assert_int_eq(said, 0);
	h->hold = false;
	round_of(h, NULL);
	ck_assert_int_eq(said, 1);
	ck_assert_msg(strstr(said_text, "old checkpoints could not be deleted: ") && strstr(said_text, c.dir), "%s", said_text);
	free(a.uri);
	end_hand(h, j, env, &cancel);
}

/* A source runs, but has not been stepped since, when the trigger comes; its neighbour's rows wait for its START. */
WEIR_TEST(a_trigger_before_the_first_rows)
{
	static const enum weir_job_request_kind kinds[] = { WEIR_JOB_CHECKPOINT, WEIR_JOB_STOP };

	for (int k = 0; k < 2; k++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_job_config c = config_in(k ? "ck2" : "ck1");
		struct weir_env *env = weir_env_new(0, NULL);
		struct hand *h = hand_new();
		struct answer a = { 0 }, cancel = { 0 };
		struct weir_job *j;

		build_slow(env);
		ck_ok(weir_job_new(plan_of(env, 1), &c, &h->base, 1, &j, &err));
		ck_ok(weir_job_start(j, &err));
		step_only(h, "job");
		step_only(h, "second");
		for (int i = 0; i < 50; i++)
			round_of(h, "second");
		ask(j, kinds[k], &a);
		for (int i = 0; i < 5; i++)
			round_of(h, "second");
		until_answered(h, &a);
		free(a.uri);
		end_hand(h, j, env, &cancel);
	}
}

/* The coordinator gives a newer checkpoint up while an older one is still on its way: tasks go on with the older one. */
WEIR_TEST(giving_up_a_newer_one)
{
	for (int sent = 0; sent < 2; sent++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_job_config c = config_in(sent ? "ck1" : "ck0");
		struct weir_env *env = weir_env_new(0, NULL);
		struct hand *h = hand_new();
		struct answer older = { 0 }, newer = { 0 }, cancel = { 0 }, last = { 0 };
		struct weir_job *j;

		build_slow(env);
		ck_ok(weir_job_new(plan_of(env, 2), &c, &h->base, 1, &j, &err));
		ck_ok(weir_job_start(j, &err));
		for (int i = 0; i < 10; i++)
			round_of(h, NULL);
		ask(j, WEIR_JOB_SAVEPOINT, &older);
		for (int i = 0; i < 5; i++)
			round_of(h, "keyed"); /* its barriers stand before the first operator */
		if (sent)
			ask(j, WEIR_JOB_SAVEPOINT, &newer);
		else
			weir_job_ask(j, &(struct weir_job_request){ .kind = WEIR_JOB_SAVEPOINT, .target = strdup("/proc/nowhere"), .answer = on_answer, .arg = &newer });
		for (int i = 0; i < 5; i++)
			round_of(h, "keyed");
		if (sent) {
			struct weir_task_event e = { .kind = WEIR_TASK_DECLINE, .ckpt = 2, .reason = WEIR_CKPT_CHECKPOINT_DECLINED_TASK_NOT_READY, .err = WEIR_ERROR_INIT };

			ck_assert_int_eq(j->pending->id, 2);
			ck_assert(j->pending->sent);
			j->tasks[0]->tell(j, &e);
			for (int i = 0; i < 5; i++)
				round_of(h, "keyed");
		}
		ck_assert_int_eq(newer.count, 1);
		ck_assert(newer.code != 0);
		until_answered(h, &older);
		ask(j, WEIR_JOB_CHECKPOINT, &last);
		until_answered(h, &last);
		free(older.uri);
		free(last.uri);
		end_hand(h, j, env, &cancel);
	}
}

/* ---- on threads ---- */

#define REQUESTS 64

struct stress {
	struct weir_rng rng;
	int64_t nrows;
	uint32_t source_parallelism, sink_parallelism;
	bool unchain[3];
	struct answer answers[REQUESTS], stopped;
	char *savepoint;                /* of a stop that was answered */
	char dir[300], out[300], sp[300];
};

static uint32_t below(struct stress *s, uint32_t n) { return (uint32_t)weir_rng_below(&s->rng, n); }

static void build_stress(struct stress *s, struct weir_env *env)
{
	struct weir_stream *rows = weir_sequence_source(env, "rows", 0, s->nrows - 1, .parallelism = s->source_parallelism);

	weir_job_name(env, "stress");
	if (s->unchain[0])
		rows = weir_rebalance(rows);
	rows = weir_map(rows, "keyed", keyed, &number_type);
	rows = weir_process(weir_key_by(rows, "k"), "counter", &counter);
	if (s->unchain[1])
		rows = weir_rebalance(rows);
	weir_csv_sink(rows, "sink", s->out, .parallelism = s->sink_parallelism);
}

static int64_t id_of(const char *uri)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;
	int64_t id;

	ck_ok(weir_ckpt_open(uri, &c, &err));
	ck_ok(weir_ckpt_check_files(c, &err));
	id = c->id;
	weir_ckpt_close(c);
	return id;
}

/* The newest of checkpoints and the savepoint that the job was stopped with; NULL: none. */
static char *choose_start(struct stress *s)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *uri = NULL;
	int code = weir_store_newest(s->dir, &uri, NULL, NULL, &err);

	ck_assert_msg(code == 0 || code == WEIR_ENOTFOUND, "%s", err.msg);
	if (s->savepoint && (!uri || id_of(s->savepoint) > id_of(uri))) {
		free(uri);
		uri = strdup(s->savepoint);
	}
	return uri;
}

static void send_request(struct stress *s, struct weir_job *j, bool calm, uint32_t *nasked)
{
	struct weir_job_request r = { .answer = on_answer, .arg = &s->answers[*nasked] };
	uint32_t what = below(s, 12);

	if (*nasked == REQUESTS || what > 7)
		return;
	r.kind = what < 3 ? WEIR_JOB_SAVEPOINT : what < 5 ? WEIR_JOB_CHECKPOINT : what == 6 ? WEIR_JOB_STOP : what == 7 ? WEIR_JOB_CANCEL : WEIR_JOB_SAVEPOINT;
	if (calm && (r.kind == WEIR_JOB_STOP || r.kind == WEIR_JOB_CANCEL))
		return;
	r.native = below(s, 2);
	if (r.kind == WEIR_JOB_STOP) {
		if (atomic_load(&s->stopped.count) < 0 || s->stopped.uri) /* asked, or stopped already */
			return;
		r.arg = &s->stopped;
		atomic_store(&s->stopped.count, -1); /* one at a time: its answer makes it 0 */
	} else {
		++*nasked;
	}
	if (r.kind == WEIR_JOB_SAVEPOINT || r.kind == WEIR_JOB_STOP)
		r.target = strdup(below(s, 6) ? s->sp : "/proc/no-such-folder");
	weir_job_ask(j, &r);
}

static void after_stop(struct stress *s)
{
	ck_assert_int_eq(atomic_load(&s->stopped.count), 0); /* answered, or never asked */
	if (s->stopped.uri) {
		free(s->savepoint);
		s->savepoint = s->stopped.uri;
		s->stopped.uri = NULL;
	}
}

/* One run of the job to its end. True when the data is all through. */
static bool attempt(struct stress *s, struct weir_host *host, bool calm)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_job_config c = weir_job_config_default();
	struct weir_env *env = weir_env_new(0, NULL);
	char *from = choose_start(s);
	uint32_t nasked = 0;
	enum weir_job_state state;
	struct weir_job *j;

	memset(s->answers, 0, sizeof(s->answers));
	memset(c.job_id, 'b', 32);
	c.dir = s->dir;
	c.restore = from;
	c.interval_ms = 1 + below(s, 20);
	c.max_concurrent = 1 + below(s, 3);
	c.num_retained = 1 + below(s, 2);
	c.tolerable_failed = -1;
	c.inline_threshold = below(s, 2) ? 0 : 20480;
	c.restart = weir_restart_default(WEIR_RESTART_FIXED_DELAY);
	c.restart.attempts = 3;
	c.restart.delay_ms = below(s, 8);
	atomic_store(&calls, 0);
	atomic_store(&fail_at, calm || below(s, 3) == 0 ? 0 : 1 + below(s, (uint32_t)s->nrows * 2));
	build_stress(s, env);
	ck_ok(weir_job_new(plan_of(env, 1 + below(s, 3)), &c, host, weir_rng_next(&s->rng), &j, &err));
	ck_ok(weir_job_start(j, &err));
	while (!weir_job_wait(j, below(s, 8)))
		send_request(s, j, calm, &nasked);
	state = j->state;
	ck_assert_msg(!calm || state == WEIR_JOB_FINISHED, "%s: %s", weir_job_state_name(state), j->err.msg);
	weir_job_free(j);
	for (uint32_t i = 0; i < nasked; i++) {
		ck_assert_int_eq(atomic_load(&s->answers[i].count), 1);
		free(s->answers[i].uri);
	}
	weir_env_free(env);
	free(from);
	if (state == WEIR_JOB_FINISHED && !s->stopped.uri) {
		after_stop(s);
		return true;
	}
	after_stop(s);
	return false;
}

static void read_part(const char *path, int64_t nrows, int64_t *counts)
{
	FILE *f = fopen(path, "r");
	long long v, n;

	ck_assert(f != NULL);
	while (fscanf(f, "%lld,%lld", &v, &n) == 2) {
		ck_assert_msg(v >= 0 && v < nrows, "%s: row %lld", path, v);
		ck_assert_msg(counts[v] == 0, "%s: row %lld twice", path, v);
		counts[v] = n;
	}
	ck_assert(feof(f));
	fclose(f);
}

/* Every row once, and of each key the counts 1, 2, 3.. once each. */
static void check_output(const struct stress *s)
{
	int64_t *counts = calloc((size_t)s->nrows, sizeof(*counts));
	bool *seen = calloc((size_t)s->nrows + 1, sizeof(*seen));
	struct dirent *e;
	DIR *d = opendir(s->out);

	ck_assert(d != NULL);
	while ((e = readdir(d)) != NULL) {
		char path[600];

		snprintf(path, sizeof(path), "%s/%s", s->out, e->d_name);
		if (e->d_name[0] != '.')
			read_part(path, s->nrows, counts);
	}
	closedir(d);
	for (int64_t k = 0; k < nkeys && k < s->nrows; k++) {
		memset(seen, 0, (size_t)s->nrows + 1);
		for (int64_t v = k; v < s->nrows; v += nkeys) {
			ck_assert_msg(counts[v] > 0 && counts[v] <= (s->nrows - 1 - k) / nkeys + 1, "row %lld: count %lld", (long long)v, (long long)counts[v]);
			ck_assert_msg(!seen[counts[v]], "key %lld: count %lld twice", (long long)k, (long long)counts[v]);
			seen[counts[v]] = true;
		}
	}
	free(seen);
	free(counts);
}

static void stress(uint64_t seed, uint32_t number)
{
	struct stress s = { .rng = { seed } };
	struct weir_host *host = weir_host_threads_new(1 + below(&s, 3));
	bool done = false;

	snprintf(s.dir, sizeof(s.dir), "%s/ck%u", weir_test_dir(), number);
	snprintf(s.out, sizeof(s.out), "%s/out%u", weir_test_dir(), number);
	snprintf(s.sp, sizeof(s.sp), "%s/sp%u", weir_test_dir(), number);
	s.nrows = 1 + below(&s, below(&s, 3) ? 60000 : 2000);
	s.source_parallelism = below(&s, 3);
	s.sink_parallelism = below(&s, 3);
	nkeys = 1 + below(&s, 40);
	for (int i = 0; i < 3; i++)
		s.unchain[i] = below(&s, 2);
	for (int i = 0; i < 8 && !done; i++)
		done = attempt(&s, host, i == 7);
	ck_assert(done);
	check_output(&s);
	free(s.savepoint);
	weir_host_threads_free(host);
}

WEIR_TEST(random_jobs_with_failures_and_requests)
{
	const char *given = getenv("WEIR_STRESS_SEED"), *seconds = getenv("WEIR_STRESS_SECONDS");
	int64_t end = weir_mono_ns(&weir_system_clock) + (seconds ? atoll(seconds) : 6) * 1000000000;
	uint64_t seed = given ? strtoull(given, NULL, 10) : 1;

	for (uint32_t n = 0; n == 0 || weir_mono_ns(&weir_system_clock) < end; n++) {
		if (seconds)
			fprintf(stderr, "seed %llu\n", (unsigned long long)(seed + n));
		stress(seed + n, n);
	}
}
