// SPDX-License-Identifier: Apache-2.0
/*
 * One seed: attempts at a job, each a process that may crash, until the job has finished; then what it committed is compared with the oracle.
 *
 * The process that starts a job anew takes the newest complete checkpoint, as --resume does; or a newer savepoint that the job was resumed from; or, one
 * time in two, the savepoint of a stop, as long as nothing went on past it. Invariants that are checked besides the result: docs/design/simulator.md.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/context.h"
#include "runtime/job_priv.h"
#include "tests/sim/host_sim.h"

#define ATTEMPTS_MAX 20
#define STEPS_MAX 100000 /* many times what a job needs */
#define PATIENCE 20000   /* then a job whose checkpoints always expire is killed */
#define REQUESTS_MAX 3
#define CHAIN_MAX 10     /* processes in a row that are asked to stop */
#define PATIENT_MS 600000 /* a checkpoint that expires after so long was forgotten by somebody */

struct request {
	uint64_t at_step; /* 0: none */
	struct weir_job_request r;
};

struct run {
	struct sim_scenario s;
	struct sim_fs fs;
	struct weir_rng rng;
	struct sim_host *host;
	struct sim_verdict *out;
	bool verbose;
	/* this attempt */
	uint32_t attempt;
	bool faulty, crash_after_savepoint, kill_only, user_fault;
	uint64_t crash_step;
	struct request requests[REQUESTS_MAX];
	struct weir_job *job;
	int64_t acked;         /* newest checkpoint known to be complete, of all attempts */
	bool stopping, asked_to_stop, drained, ever_drained;
	/* what an operator would start from */
	char *savepoint;       /* URI, or NULL: newer than the checkpoints, and the job went on from it */
	int64_t savepoint_id;
	char *stopped;         /* URI, or NULL: of the stop that ended the last attempt, told or found */
	int64_t stopped_id;
	bool may_have_stopped; /* nobody was told, but its savepoint may be there */
	uint32_t restarts_before; /* of the job, when the stop was asked for */
	uint64_t hash;
};

static void fail(struct run *r, const char *fmt, ...) WEIR_PRINTF(2, 3);
static void fail(struct run *r, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (!r->out->passed)
		return; /* the first one counts */
	r->out->passed = false;
	n = (size_t)snprintf(r->out->why, sizeof(r->out->why), "attempt %u: ", r->attempt);
	va_start(ap, fmt);
	vsnprintf(r->out->why + n, sizeof(r->out->why) - n, fmt, ap);
	va_end(ap);
}

static uint32_t below(struct run *r, uint32_t n) { return (uint32_t)weir_rng_below(&r->rng, n); }
static bool chance(struct run *r, uint32_t of_16) { return below(r, 16) < of_16; }

static void on_fs_call(void *arg, uint64_t what)
{
	struct run *r = arg;

	r->hash = (r->hash ^ what) * 0x9fb21c651e98df25u;
	if (r->host)
		sim_host_note(r->host, what);
}

/* ---- input ---- */

static void put_file(struct run *r, const char *dir, uint32_t n)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	char path[100];

	snprintf(path, sizeof(path), "%s/part-%u.csv", dir, n);
	sim_input(&r->s, n, &b);
	if (weir_fs_publish(r->fs.memory, path, weir_buf_slice(&b), &err) != 0)
		abort();
	weir_buf_fini(&b);
}

static void put_input(struct run *r)
{
	struct weir_error err = WEIR_ERROR_INIT;

	if (weir_fs_mkdirs_durable(r->fs.memory, "/in", &err) != 0)
		abort();
	for (uint32_t f = 0; f < r->s.nfiles; f++)
		put_file(r, "/in", f);
}

/* ---- what will go wrong ---- */

static void plan_faults(struct run *r)
{
	struct sim_fs_fault faults[SIM_FS_FAULTS];
	uint32_t n = 0, few = chance(r, 6) ? 60 : 700;
	uint64_t user = 0;

	r->faulty = r->attempt < r->s.attempts && !chance(r, r->s.calm);
	r->crash_step = 0;
	r->crash_after_savepoint = chance(r, 8);
	r->kill_only = chance(r, 8);
	if (r->faulty && chance(r, 10)) {
		if (chance(r, 10))
			faults[n++] = (struct sim_fs_fault){ .at = 1 + below(r, few), .crash = true, .changing = chance(r, 12) };
		else
			r->crash_step = 1 + below(r, few * 2);
	}
	if (r->faulty && chance(r, 6))
		for (uint32_t i = 1 + below(r, 2); i-- > 0;) {
			bool changing = chance(r, 12);

			faults[n++] = (struct sim_fs_fault){ .at = 1 + below(r, few), .changing = changing, .times = chance(r, 4) ? 1 + (int)below(r, 4) : 1,
							     .code = changing && chance(r, 8) ? WEIR_ENOSPC : WEIR_EIO };
		}
	if (r->faulty && chance(r, r->s.config.max_concurrent > 1 ? 10 : 5)) /* checkpoints overtake each other: then a restart from the right one */
		user = 1 + below(r, few);
	r->user_fault = user != 0;
	sim_fs_arm(&r->fs, faults, n);
	if (r->faulty && chance(r, 3))
		r->fs.crash_at_rename = 1 + below(r, 12);
	sim_graph_arm(&r->s, user);
}

static void on_answer(void *arg, int code, const char *uri, const struct weir_error *err);
static void on_stopped(void *arg, int code, const char *uri, const struct weir_error *err);

static void plan_requests(struct run *r)
{
	memset(r->requests, 0, sizeof(r->requests));
	if (!r->s.with_requests || r->attempt > (r->s.chain ? CHAIN_MAX : 3))
		return;
	if (r->s.chain) {
		r->requests[0] = (struct request){ 1 + below(r, chance(r, 8) ? 60 : 200), { .kind = WEIR_JOB_STOP, .native = chance(r, 8), .answer = on_stopped, .arg = r } };
		return;
	}
	for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *q = &r->requests[i];
		uint32_t kind = below(r, 8);

		if (chance(r, 6))
			continue;
		q->at_step = 1 + below(r, chance(r, 8) ? 100 : 800);
		q->r = (struct weir_job_request){ .kind = kind < 3 ? WEIR_JOB_SAVEPOINT : kind < 5 ? WEIR_JOB_CHECKPOINT : kind < 7 ? WEIR_JOB_STOP : WEIR_JOB_CANCEL,
						  .native = chance(r, 8), .answer = on_answer, .arg = r };
		if (q->r.kind == WEIR_JOB_STOP) {
			q->r.answer = on_stopped;
			q->r.drain = r->s.may_drain && !(r->faulty && r->s.graph == SIM_TIMED) && chance(r, 10);
		}
	}
}

/* ---- savepoints and checkpoints as an operator sees them ---- */

/* Id of a complete checkpoint or savepoint, or -1. */
static int64_t id_of(struct run *r, const char *uri, enum weir_snapshot_kind *out_kind)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;
	int64_t id = -1;
	bool quiet = r->fs.quiet;

	r->fs.quiet = true;
	if (weir_ckpt_open(uri, &c, &err) == 0) {
		if (weir_ckpt_check_files(c, &err) == 0)
			id = c->id;
		*out_kind = c->properties.kind;
		weir_ckpt_close(c);
	}
	r->fs.quiet = quiet;
	return id;
}

static void use_savepoint(struct run *r, const char *uri)
{
	enum weir_snapshot_kind kind;
	int64_t id = id_of(r, uri, &kind);

	if (id < 0) {
		fail(r, "the savepoint %s was answered for and is not complete", uri);
		return;
	}
	if (r->savepoint && id <= r->savepoint_id)
		return;
	free(r->savepoint);
	r->savepoint = strdup(uri);
	r->savepoint_id = id;
}

static void on_answer(void *arg, int code, const char *uri, const struct weir_error *err)
{
	struct run *r = arg;

	(void)err;
	if (r->fs.crashed || code || !uri)
		return;
	if (r->verbose)
		printf("              answered: %s\n", uri);
	if (strstr(uri, "/savepoint-") && r->crash_after_savepoint) {
		use_savepoint(r, uri);
		sim_fs_crash_now(&r->fs); /* and go on from it */
	}
}

static void note_stopped(struct run *r, const char *uri)
{
	enum weir_snapshot_kind kind;
	int64_t id = id_of(r, uri, &kind);

	if (id < 0)
		fail(r, "the savepoint %s of a stop was answered for and is not complete", uri);
	free(r->stopped);
	r->stopped = strdup(uri);
	r->stopped_id = id;
}

static void on_stopped(void *arg, int code, const char *uri, const struct weir_error *err)
{
	struct run *r = arg;

	(void)err;
	if (r->fs.crashed)
		return;
	if (code == 0 && uri) {
		if (r->verbose)
			printf("              stopped with: %s\n", uri);
		note_stopped(r, uri);
		if (r->faulty && chance(r, 8)) /* now its results are published */
			sim_fs_fail_soon(&r->fs, 1 + below(r, 12));
	} else {
		r->stopping = false;
	}
}

/* The savepoint of a stop that nobody was told of. Nothing is committed that goes beyond it, if the job has not started again since. */
static int find_stopped(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct run *r = arg;
	enum weir_snapshot_kind kind = WEIR_SNAPSHOT_UNKNOWN;
	char uri[200];

	(void)st;
	snprintf(uri, sizeof(uri), "sim:/sp/%s", name);
	if (id_of(r, uri, &kind) > r->stopped_id && kind != WEIR_SNAPSHOT_SAVEPOINT && r->s.config.meta_version >= 4)
		note_stopped(r, uri);
	return 0;
}

static char *newest_checkpoint(struct run *r, int64_t *out_id)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *uri = NULL;
	bool quiet = r->fs.quiet;
	const char *base;
	int code;

	*out_id = -1;
	if (!r->s.stored)
		return NULL;
	r->fs.quiet = true;
	code = weir_store_newest("sim:/ckpt", &uri, NULL, NULL, &err);
	r->fs.quiet = quiet;
	if (code)
		return NULL;
	base = strrchr(uri, '/');
	if (!base || sscanf(base, "/chk-%lld", (long long *)out_id) != 1)
		fail(r, "the newest checkpoint is %s", uri);
	return uri;
}

struct names {
	WEIR_VEC(char *) v;
};

static int add_name(void *arg, const char *name, const struct weir_fs_stat *st)
{
	char **slot = weir_vec_push(&((struct names *)arg)->v);

	(void)st;
	if (slot)
		*slot = strdup(name);
	return 0;
}

/* A savepoint that is not gone on from is past: nobody may take it for that of a later stop. */
static void forget_savepoints(struct run *r, const char *but)
{
	struct names n = { 0 };
	char path[200];
	int rc = weir_fs_list(r->fs.memory, "/sp", add_name, &n, NULL);

	(void)rc; /* none were taken */
	for (size_t i = 0; i < n.v.len; i++) {
		snprintf(path, sizeof(path), "/sp/%s", n.v.items[i]);
		if (!but || !strstr(but, path))
			(void)!weir_fs_remove(r->fs.memory, path, true, NULL);
		free(n.v.items[i]);
	}
	weir_vec_fini(&n.v);
}

/* URI to start from, or NULL; malloc'ed. */
static char *choose_start(struct run *r)
{
	int64_t id;
	char *uri = newest_checkpoint(r, &id);

	if (id < r->acked)
		fail(r, "checkpoint %lld was acknowledged, but the newest complete one is %lld", (long long)r->acked, (long long)id);
	if (r->savepoint && r->savepoint_id > id) {
		free(uri);
		uri = strdup(r->savepoint);
		id = r->savepoint_id;
	}
	if (r->may_have_stopped)
		(void)!weir_fs_list(r->fs.memory, "/sp", find_stopped, r, NULL); /* none were taken, perhaps */
	r->may_have_stopped = false;
	/* told: as new as the checkpoint that came with it. Not told: newer than any, or that checkpoint is there too */
	if (r->stopped && r->stopped_id >= id - 1 && chance(r, 8)) {
		free(uri);
		uri = strdup(r->stopped);
		use_savepoint(r, uri);
		r->out->from_stopped++;
	}
	free(r->stopped);
	r->stopped = NULL;
	r->stopped_id = -1;
	forget_savepoints(r, uri);
	return uri;
}

/* ---- running one attempt ---- */

static void on_job_event(void *arg, const char *text)
{
	struct run *r = arg;

	if (strstr(text, "expired") && r->job->cfg.timeout_ms >= PATIENT_MS && !r->fs.struck && !r->fs.crashed)
		fail(r, "%s, though nothing had been struck and it had all the time", text);
	if (r->verbose)
		printf("              %s\n", text);
}

static void note_progress(struct run *r)
{
	int64_t last = r->job->status.last_checkpoint;

	if (!r->fs.crashed && last > r->acked && r->s.stored) {
		r->acked = last;
		r->out->checkpoints++;
	}
}

static void ask(struct run *r)
{
	uint64_t step = sim_host_steps(r->host);

	for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *q = &r->requests[i];

		if (!q->at_step || step < q->at_step)
			continue;
		q->at_step = 0;
		if (r->fs.crashed || (r->stopping && q->r.kind == WEIR_JOB_STOP))
			continue;
		if (q->r.kind == WEIR_JOB_STOP) {
			r->stopping = r->asked_to_stop = true;
			r->drained |= q->r.drain;
			r->ever_drained |= q->r.drain;
			r->restarts_before = r->job->status.restarts;
		}
		if (r->verbose)
			printf("              *** request %d%s\n", (int)q->r.kind, q->r.drain ? " drain" : "");
		weir_job_ask(r->job, &q->r);
	}
}

/* Until the job is over. After a crash it is only taken down: nothing that it does reaches the disk. */
static void drive(struct run *r)
{
	bool down = false;

	while (!r->job->over) {
		if ((r->crash_step && sim_host_steps(r->host) >= r->crash_step) || (r->attempt < r->s.attempts && sim_host_steps(r->host) >= PATIENCE))
			sim_fs_crash_now(&r->fs);
		if (r->fs.crashed && !down) {
			struct weir_job_request cancel = { .kind = WEIR_JOB_CANCEL };

			down = true;
			weir_job_ask(r->job, &cancel);
		}
		ask(r);
		if (sim_host_step(r->host) == SIM_DEADLOCK || sim_host_steps(r->host) > STEPS_MAX) {
			fail(r, "%s; the job is %s", sim_host_steps(r->host) > STEPS_MAX ? "the job does not end" : "deadlock: nobody has anything to do",
			     weir_job_state_name(r->job->state));
			if (r->verbose)
				sim_host_print(r->host);
			return;
		}
		note_progress(r);
	}
}

static struct sim_host *new_host(struct run *r)
{
	struct sim_host_config c = { .seed = weir_rng_next(&r->rng), .step_ns = 20000 + below(r, 300000), .work_ns = 1000 + below(r, chance(r, 8) ? 100000 : 1500000), .uneven = chance(r, 6) };

	if (r->attempt < r->s.attempts && chance(r, r->s.config.max_concurrent > 1 ? 10 : 4)) {
		c.slow_in_1024 = below(r, 200);
		c.slow_ns = 1000000 + below(r, 40000000);
	}
	return sim_host_new(&c);
}

/* True when the job's failure has a reason that we made. */
static bool excused(const struct run *r)
{
	const struct weir_job_config *c = &r->s.config;

	return r->fs.struck || sim_graph_struck() || (r->job->status.failed_checkpoints && r->job->cfg.timeout_ms < PATIENT_MS && (c->tolerable_failed >= 0 || r->asked_to_stop));
}

static void after_run(struct run *r, bool *out_done)
{
	struct weir_error err = WEIR_ERROR_INIT;
	int code = weir_job_result(r->job, &err);
	enum weir_job_state state = r->job->state;

	r->out->restarts += r->job->status.restarts;
	r->may_have_stopped = r->stopping && !r->stopped && !r->drained && r->job->status.restarts == r->restarts_before;
	if (sim_host_misuse(r->host))
		fail(r, "%s", sim_host_misuse(r->host));
	if (r->verbose)
		printf("attempt %u: %s after %llu steps, %.3f ms%s%s\n", r->attempt, weir_job_state_name(state), (unsigned long long)sim_host_steps(r->host),
		       (double)sim_host_now_ns(r->host) / 1e6, code ? ": " : "", code ? err.msg : "");
	if (r->fs.crashed || state == WEIR_JOB_CANCELED)
		return;
	r->drained |= r->job->finished_before && r->ever_drained; /* a drained job has finished, even if it was another process that drained it */
	if (state == WEIR_JOB_FINISHED)
		*out_done = !r->stopping || r->drained;
	else if (!excused(r))
		fail(r, "the job failed without a reason: %s", err.msg);
}

/* False when the job could not even be made. */
static bool start(struct run *r, struct weir_env *env, const char *restore, struct weir_error *err)
{
	struct weir_job_config c = r->s.config;
	uint32_t p = 1 + below(r, 3);
	struct weir_plan *plan;
	uint64_t seed = weir_rng_next(&r->rng);

	if (r->s.rescales)
		r->s.source_parallelism = 1 + below(r, 3);
	sim_graph_build(&r->s, env);
	if (weir_plan_make(env, p < r->s.max_parallelism ? p : r->s.max_parallelism, r->s.max_parallelism, &plan, err) != 0) {
		fail(r, "the plan was refused: %s", err->msg);
		return false;
	}
	c.restore = restore;
	if (r->attempt >= r->s.attempts)
		c.timeout_ms = PATIENT_MS;
	if (weir_job_new(plan, &c, sim_host_base(r->host), seed, &r->job, err) != 0) {
		r->job = NULL;
		return false;
	}
	weir_job_on_event(r->job, on_job_event, r);
	if (r->verbose)
		printf("attempt %u: parallelism %u, from %s\n", r->attempt, p, restore ? restore : "nothing");
	if (weir_job_start(r->job, err) != 0)
		abort();
	return true;
}

/* False when the next attempt has to go on. */
static bool attempt(struct run *r)
{
	struct weir_env *env = weir_env_new(0, NULL);
	struct weir_error err = WEIR_ERROR_INIT;
	char *from = choose_start(r);
	bool done = false;

	r->stopping = r->asked_to_stop = r->drained = false;
	plan_faults(r);
	plan_requests(r);
	r->host = new_host(r);
	sim_host_trace(r->host, r->verbose);
	r->fs.quiet = false;
	r->fs.trace = r->verbose;
	if (start(r, env, from, &err)) {
		drive(r);
		after_run(r, &done);
		if (r->out->passed)
			weir_job_free(r->job);
	} else if (!r->fs.crashed && !r->fs.struck) {
		fail(r, "the job could not be made: %s", err.msg);
	}
	r->job = NULL;
	r->fs.quiet = true;
	r->out->steps += sim_host_steps(r->host);
	r->hash = (r->hash ^ sim_host_hash(r->host)) * 0x9fb21c651e98df25u;
	sim_host_free(r->host);
	r->host = NULL;
	weir_env_free(env);
	free(from);
	return done;
}

/* ---- the end ---- */

/* The rows that a drained job had read: some first part of them. */
static bool matches_a_prefix(struct run *r, const struct sim_lines *got)
{
	bool same = false;

	for (uint32_t n = 0; n <= r->s.nrows && !same; n++) {
		struct sim_lines want = { 0 };
		char why[2000];

		sim_oracle(&r->s, n, &want);
		same = sim_lines_compare(&want, got, false, false, why, sizeof(why));
		sim_lines_fini(&want);
	}
	return same;
}

static void compare(struct run *r, bool finished)
{
	struct sim_lines want = { 0 }, got = { 0 };
	uint32_t hidden;
	char why[1800];
	bool same;

	sim_lines_read(&got, &r->fs, &hidden);
	sim_lines_sort(&got);
	if (r->s.loose) {
		if (!sim_loose_check(&r->s, &got, finished, why, sizeof(why)))
			fail(r, "%s%s", finished ? "the result is wrong" : "something is committed that is no result", why);
		sim_lines_fini(&got);
		return;
	}
	sim_oracle(&r->s, r->s.nrows, &want);
	same = sim_lines_compare(&want, &got, !r->s.exactly_once, !finished, why, sizeof(why));
	if (!same && finished && r->drained && r->s.graph == SIM_TIMED)
		same = matches_a_prefix(r, &got);
	if (!same && !(r->drained && finished && r->s.graph != SIM_TIMED))
		fail(r, "%s%s", finished ? "the result is wrong" : "something is committed that is no result", why);
	if (finished && r->out->crashes == 0 && r->out->restarts == 0 && r->attempt == 0 && r->fs.struck == 0 && hidden)
		fail(r, "%u hidden files are left, though nothing had failed", hidden);
	sim_lines_fini(&want);
	sim_lines_fini(&got);
}

struct found {
	uint32_t complete, other;
};

static int count_one(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct found *f = arg;

	(void)st;
	f->complete += strncmp(name, "chk-", 4) == 0;
	f->other += name[0] == '.' && strcmp(name, ".lock") != 0 && strcmp(name, ".job") != 0;
	return 0;
}

static void check_retained(struct run *r)
{
	struct found f = { 0 };
	char dir[100];

	snprintf(dir, sizeof(dir), "/ckpt/%s", r->s.config.create_subdir ? r->s.config.job_id : "");
	if (!r->s.stored || r->drained || r->fs.struck || weir_fs_list(r->fs.memory, dir, count_one, &f, NULL) != 0)
		return;
	if (f.complete > r->s.config.num_retained)
		fail(r, "%u checkpoints are there, %u should be", f.complete, r->s.config.num_retained);
	if (f.complete == 0)
		fail(r, "no checkpoint is left after the end");
	if (f.other)
		fail(r, "%u hidden files are left beside the checkpoints", f.other);
}

void sim_run(uint64_t seed, bool verbose, struct sim_verdict *out)
{
	struct run *r = calloc(1, sizeof(*r));
	bool done = false;

	if (!r)
		abort();
	*out = (struct sim_verdict){ .passed = true };
	r->out = out;
	r->verbose = verbose;
	r->acked = r->stopped_id = -1;
	r->rng.state = seed ^ 0x5851f42d4c957f2du;
	r->fs.on_call = on_fs_call;
	r->fs.arg = r;
	r->fs.quiet = true;
	sim_scenario_make(&r->s, seed);
	weir__fire_at_once = seed % 3 ? 1 + (uint32_t)(seed % 5) : 4096; /* watermarks that take several steps */
	if (verbose)
		sim_scenario_print(&r->s);
	sim_fs_open(&r->fs);
	put_input(r);
	for (; !done && out->passed && r->attempt < ATTEMPTS_MAX; r->attempt++) {
		done = attempt(r);
		out->attempts++;
		if (!out->passed)
			break;
		if (done)
			break;
		out->crashes += r->fs.crashed;
		compare(r, false);
		sim_fs_reboot(&r->fs, r->fs.crashed && !r->kill_only, weir_rng_next(&r->rng) | 1);
	}
	if (out->passed && !done)
		fail(r, "the job has not finished after %u attempts", r->attempt);
	if (out->passed) {
		compare(r, true);
		check_retained(r);
	}
	sim_fs_close(&r->fs);
	free(r->savepoint);
	free(r->stopped);
	out->hash = r->hash;
	free(r);
}
