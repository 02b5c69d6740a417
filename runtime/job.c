// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a job. One thread (the host's, for this actor) does everything but the calls marked "any thread" in job.h, which only post events or read
 * the status under the lock.
 *
 * A failure of any task fails the job: the other tasks are cancelled, the restart strategy decides, and the job starts again from its newest complete
 * checkpoint (all tasks are one region: they are connected). Nothing of an older start is alive when a new one is made.
 */
#include "runtime/job_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const state_names[WEIR_JOB_STATE_MAX] = { "CREATED", "RUNNING", "FAILING", "RESTARTING", "CANCELLING", "FINISHED", "FAILED", "CANCELED" };

const char *weir_job_state_name(enum weir_job_state s) { return state_names[s]; }

struct weir_job_config weir_job_config_default(void)
{
	return (struct weir_job_config){ .timeout_ms = 600000, .max_concurrent = 1, .exactly_once = true, .create_subdir = true, .num_retained = 1,
					 .inline_threshold = 20480, .meta_version = WEIR_META_DEFAULT, .restart = weir_restart_default(WEIR_RESTART_NONE) };
}

int64_t weir__job_now_ms(const struct weir_job *j) { return weir_mono_ns(j->host->clock) / 1000000; }

static void go(struct weir_job *j, enum weir_job_state s)
{
	j->state = s;
	atomic_store(&j->shown_state, (int)s);
}

void weir__job_say(struct weir_job *j, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (j->on_event)
		j->on_event(j->on_event_arg, text);
}

/* ---- events ---- */

void weir__job_post(struct weir_job *j, struct weir_job_event *e)
{
	e->next = NULL;
	pthread_mutex_lock(&j->lock);
	*j->events_last = e;
	j->events_last = &e->next;
	pthread_mutex_unlock(&j->lock);
	weir_wake(&j->actor);
}

static struct weir_job_event *take_events(struct weir_job *j)
{
	struct weir_job_event *e;

	pthread_mutex_lock(&j->lock);
	e = j->events;
	j->events = NULL;
	j->events_last = &j->events;
	pthread_mutex_unlock(&j->lock);
	return e;
}

/* To a request that comes too late. */
static void turn_away(struct weir_job_request *r)
{
	struct weir_error err = WEIR_ERROR_INIT;

	weir_error_set(&err, WEIR_EBUSY, "the job has ended");
	if (r->answer)
		r->answer(r->arg, err.code, NULL, &err);
	free(r->target);
}

void weir_job_ask(struct weir_job *j, const struct weir_job_request *r)
{
	struct weir_job_event *e = calloc(1, sizeof(*e));
	bool late;

	if (!e)
		abort();
	e->kind = WEIR_JOB_EV_ASK;
	e->ask = *r;
	pthread_mutex_lock(&j->lock);
	late = j->over;
	if (!late) {
		*j->events_last = e;
		j->events_last = &e->next;
	}
	pthread_mutex_unlock(&j->lock);
	if (late) {
		turn_away(&e->ask);
		free(e);
	} else {
		weir_wake(&j->actor);
	}
}

static void drop_events(struct weir_job *j)
{
	for (struct weir_job_event *e = take_events(j), *next; e; e = next) {
		next = e->next;
		if (e->kind == WEIR_JOB_EV_TASK)
			weir_task_ack_free(e->task.ack);
		if (e->kind == WEIR_JOB_EV_ASK)
			turn_away(&e->ask);
		if (e->target)
			weir_store_abort(j->store, e->target);
		free(e->uri);
		free(e);
	}
}

/* ---- status ---- */

static bool is_sink(const struct weir_task *t)
{
	return t->nout == 0;
}

/* On the job's thread, once per step: what weir_job_status shows. */
static void gather(struct weir_job *j)
{
	uint64_t in = 0, out = 0;
	int64_t wm = INT64_MAX;
	uint32_t pressed = 0;

	if (!j->tasks)
		return;
	for (uint32_t i = 0; i < j->plan->ntasks; i++) {
		struct weir_task *t = j->tasks[i];

		if (!t)
			return;
		if (t->nin == 0)
			in += atomic_load_explicit(&t->rows_out, memory_order_relaxed);
		if (is_sink(t)) {
			int64_t w = atomic_load_explicit(&t->watermark_ms, memory_order_relaxed);

			out += atomic_load_explicit(&t->rows_in, memory_order_relaxed);
			wm = w < wm ? w : wm;
		}
		pressed += atomic_load_explicit(&t->backpressured, memory_order_relaxed);
	}
	pthread_mutex_lock(&j->lock);
	j->status.rows_in = in;
	j->status.rows_out = out;
	j->status.watermark_ms = wm;
	j->status.backpressured = pressed;
	pthread_mutex_unlock(&j->lock);
}

/* ---- ending ---- */

static void over(struct weir_job *j, enum weir_job_state s)
{
	weir__job_answer_all(j, s == WEIR_JOB_FINISHED ? WEIR_EBUSY : WEIR_EFAILED, s == WEIR_JOB_FINISHED ? "the job has finished" : "the job has ended");
	go(j, s);
	pthread_mutex_lock(&j->lock);
	j->over = true;
	pthread_cond_broadcast(&j->over_cond);
	pthread_mutex_unlock(&j->lock);
	drop_events(j);
}

void weir__job_fail(struct weir_job *j, const struct weir_error *why)
{
	if (j->state != WEIR_JOB_RUNNING && j->state != WEIR_JOB_CREATED)
		return;
	weir_error_clear(&j->err);
	j->err = *why;
	go(j, WEIR_JOB_FAILING);
	weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_JOB, .job = WEIR_COORD_RESTARTING });
	weir__job_mail_all(j, WEIR_MAIL_CANCEL, 0);
}

/* The end of a job that had begun: are its checkpoints of use to anybody? Nothing writes any more. */
static void discard_checkpoints(struct weir_job *j, bool failed)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char text[1200];

	if (!j->store || j->keep || j->cfg.retention == WEIR_RETAIN_ON_CANCELLATION || (failed && j->cfg.retention == WEIR_DELETE_ON_CANCELLATION))
		return;
	if (weir_store_discard(j->store, &err) != 0)
		weir__job_say(j, "not all checkpoints could be deleted: %s", weir_error_text(&err, text, sizeof(text)));
	else
		weir__job_say(j, "the checkpoints in %s were deleted, as execution.checkpointing.externalized-checkpoint-retention says", weir_store_dir(j->store));
}

static void canceled(struct weir_job *j)
{
	weir_error_clear(&j->err);
	weir_error_set(&j->err, WEIR_ECANCELED, "the job was canceled");
	if (j->state != WEIR_JOB_CREATED)
		discard_checkpoints(j, false);
	over(j, WEIR_JOB_CANCELED);
}

static void failed(struct weir_job *j)
{
	discard_checkpoints(j, true);
	over(j, WEIR_JOB_FAILED);
}

static void cancel(struct weir_job *j)
{
	if (j->state == WEIR_JOB_RESTARTING || j->state == WEIR_JOB_CREATED) {
		canceled(j);
		return;
	}
	if (j->state != WEIR_JOB_RUNNING && j->state != WEIR_JOB_FAILING)
		return;
	go(j, WEIR_JOB_CANCELLING);
	weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_JOB, .job = WEIR_COORD_STOPPED });
	weir__job_mail_all(j, WEIR_MAIL_CANCEL, 0);
}

/* ---- starting ---- */

static int start_tasks(struct weir_job *j, struct weir_error *err)
{
	int code;

	j->generation++;
	j->started_id = j->newest_id;
	weir_rng_hex(&j->rng, j->attempt, 8);
	j->closing = false;
	code = weir__job_build(j, err);
	if (!code)
		code = weir__job_coord_start(j, err);
	if (!code)
		code = weir__job_launch(j, err);
	return code;
}

static void begin(struct weir_job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;

	go(j, WEIR_JOB_RUNNING);
	if (start_tasks(j, &err) != 0) {
		if (!j->has_coord) { /* not all tasks were made, or nobody to lead them: nothing runs */
			weir__job_teardown(j);
			j->err = err;
			over(j, WEIR_JOB_FAILED);
			return;
		}
		weir__job_fail(j, &err);
	}
}

/* A process that died between the rename of _metadata and the sync of its directory leaves a checkpoint that is seen but may still be lost with the
 * machine. What is built on it is published durably, so it must be durable first. Where nothing can be written it has been for long. */
static int make_durable(const struct weir_ckpt *c, struct weir_error *err)
{
	struct weir_error why = WEIR_ERROR_INIT;
	int code = weir_fs_caps(c->fs) & WEIR_FS_READ_ONLY ? 0 : weir_fs_sync_dir(c->fs, c->dir, &why);

	if (code == WEIR_EPERM || code == WEIR_EUNSUPPORTED || code == WEIR_EINVALID)
		return 0;
	if (code && err && !err->code)
		*err = why;
	return code;
}

static int open_restore(struct weir_job *j, const char *uri, struct weir_error *err)
{
	const char *base;
	int code = weir_ckpt_open(uri, &j->restore, err);

	if (code)
		return code;
	code = weir_ckpt_check_files(j->restore, err);
	if (code)
		weir_ckpt_suggest(j->restore->fs, j->restore->path, err);
	if (!code)
		code = make_durable(j->restore, err);
	free(j->restore_uri);
	j->restore_uri = weir_fs_uri(j->restore->fs, j->restore->dir);
	if (!code)
		code = weir__job_check_fit(j, j->restore, err);
	base = strrchr(j->restore->dir, '/');
	pthread_mutex_lock(&j->lock); /* it is shown in the status */
	j->finished_before = !code && j->restore->properties.kind == WEIR_SNAPSHOT_TERMINATE && base && strncmp(base, "/chk-", 5) == 0;
	pthread_mutex_unlock(&j->lock);
	if (j->restore->id >= j->next_ckpt)
		j->next_ckpt = j->restore->id + 1;
	return code;
}

/* Everything of the last start is gone; start again from the newest checkpoint. */
static void restart(struct weir_job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const char *point = j->stop_uri ? j->stop_uri : j->newest_uri ? j->newest_uri : j->restore_uri;
	char *from = point ? strdup(point) : NULL;

	weir_ckpt_close(j->restore);
	j->restore = NULL;
	if (from && open_restore(j, from, &err) != 0) {
		weir_error_wrap(&err, "the job cannot be restarted");
		j->err = err;
		over(j, WEIR_JOB_FAILED);
	} else {
		weir_error_clear(&j->err);
		begin(j);
	}
	free(from);
}

/* Why it is not tried again, and what to do, behind the error. */
static void advise(struct weir_job *j, const struct weir_failover_decision *d)
{
	const char *point = j->newest_uri ? j->newest_uri : j->restore_uri, *code = "mend it";
	size_t n = strlen(j->err.msg);

	if (!d->lasting && (j->failover.cfg.kind == WEIR_RESTART_NONE || weir_code_disposition(j->err.code) >= WEIR_USER))
		return;
	if (j->err.code == WEIR_ENOSPC)
		code = "make room";
	if (j->err.code == WEIR_EPERM)
		code = "allow it";
	snprintf(j->err.msg + n, sizeof(j->err.msg) - n, ". The job is not restarted: %s. To go on, %s and start it %s%.300s", d->text, code,
		 !j->store ? "again" : point ? "with --resume, from " : "with --resume", j->store && point ? point : "");
}

/* The tasks of a failed or cancelled start are quiet: take them down and decide. */
static void after_failure(struct weir_job *j)
{
	struct weir_failover_decision d;
	char text[1200];

	weir__job_teardown(j);
	weir__job_drop_pending(j);
	if (j->has_coord) {
		if (j->coord.next_id > j->next_ckpt)
			j->next_ckpt = j->coord.next_id;
		weir_coordinator_fini(&j->coord);
		j->has_coord = false;
	}
	j->coord_wake_ms = INT64_MAX;
	if (j->state == WEIR_JOB_CANCELLING) {
		canceled(j);
		return;
	}
	if (j->restore && weir_code_disposition(j->err.code) == WEIR_DAMAGED) { /* it will be as damaged the next time */
		weir_ckpt_suggest(j->restore->fs, j->restore->path, &j->err);
		over(j, WEIR_JOB_FAILED);
		return;
	}
	weir_failover_judge(&j->failover, weir__job_now_ms(j), &j->err, j->newest_id > j->started_id, &j->rng, &d);
	if (!d.restart) {
		advise(j, &d);
		failed(j);
		return;
	}
	weir__job_say(j, "%s: %s", weir_error_text(&j->err, text, sizeof(text)), d.text);
	pthread_mutex_lock(&j->lock);
	j->status.restarts++;
	pthread_mutex_unlock(&j->lock);
	if (__builtin_add_overflow(weir__job_now_ms(j), d.delay_ms, &j->restart_at_ms))
		j->restart_at_ms = INT64_MAX;
	go(j, WEIR_JOB_RESTARTING);
}

static void after_close(struct weir_job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;

	gather(j);
	/* a checkpoint that was being written when the last one completed has become one too many since */
	if (j->store && weir_store_retire(j->store, &err) != 0)
		weir__job_on_retired(j, &err);
	weir__job_teardown(j);
	weir__job_drop_pending(j);
	weir_coordinator_fini(&j->coord);
	j->has_coord = false;
	over(j, WEIR_JOB_FINISHED);
}

/* ---- the step ---- */

static void on_task(struct weir_job *j, struct weir_job_event *e)
{
	struct weir_task_event *t = &e->task;

	if (e->generation != j->generation) {
		weir_task_ack_free(t->ack);
		return;
	}
	switch (t->kind) {
	case WEIR_TASK_IS_RUNNING:
		if (++j->nrunning < j->plan->ntasks || j->state != WEIR_JOB_RUNNING)
			break;
		pthread_mutex_lock(&j->lock);
		j->status.started = true;
		pthread_cond_broadcast(&j->over_cond);
		pthread_mutex_unlock(&j->lock);
		if (j->stop_uri) { /* the sinks have published what the savepoint holds: nothing else was left to do */
			j->closing = true;
			weir__job_mail_all(j, WEIR_MAIL_CLOSE, 0);
		} else {
			weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_JOB, .job = WEIR_COORD_RUNNING });
		}
		break;
	case WEIR_TASK_HAS_ENDED:
		if (j->tasks[t->task]->nin == 0)
			weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_SOURCE_ENDED, .task = t->task });
		break;
	case WEIR_TASK_IS_DONE:
		j->ndone++;
		if (t->state == WEIR_TASK_FAILED)
			weir__job_fail(j, &t->err);
		break;
	case WEIR_TASK_NOTICE:
		if (strcmp(j->noticed.msg, t->err.msg) != 0)
			weir__job_say(j, "%s", t->err.msg);
		j->noticed = t->err;
		break;
	case WEIR_TASK_ACK:
	case WEIR_TASK_DECLINE:
		weir__job_on_task(j, e);
		break;
	}
}

static void on_event(struct weir_job *j, struct weir_job_event *e)
{
	switch (e->kind) {
	case WEIR_JOB_EV_TASK: on_task(j, e); break;
	case WEIR_JOB_EV_BEGUN: weir__job_on_begun(j, e); break;
	case WEIR_JOB_EV_WRITTEN: weir__job_on_written(j, e); break;
	case WEIR_JOB_EV_RETIRED: weir__job_on_retired(j, &e->err); break;
	case WEIR_JOB_EV_ASK:
		if (e->ask.kind == WEIR_JOB_CANCEL) {
			j->keep = e->ask.keep;
			cancel(j);
			if (e->ask.answer)
				e->ask.answer(e->ask.arg, 0, NULL, NULL);
			free(e->ask.target);
		} else {
			weir__job_on_ask(j, e);
		}
		break;
	}
}

static bool is_over(const struct weir_job *j) { return j->state >= WEIR_JOB_FINISHED; }

#define DAY_MS (24 * 3600 * 1000LL)

static int64_t job_step(struct weir_actor *a)
{
	struct weir_job *j = (struct weir_job *)a;
	int64_t now, wake = INT64_MAX;

	if (j->state == WEIR_JOB_CREATED)
		begin(j);
	gather(j);
	for (struct weir_job_event *e = take_events(j), *next; e; e = next) {
		next = e->next;
		on_event(j, e);
		free(e);
	}
	now = weir__job_now_ms(j);
	if (j->has_coord && now >= j->coord_wake_ms)
		weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_TICK });
	if (j->state == WEIR_JOB_RESTARTING && now >= j->restart_at_ms)
		restart(j);
	if ((j->state == WEIR_JOB_FAILING || j->state == WEIR_JOB_CANCELLING || (j->state == WEIR_JOB_RUNNING && j->closing)) && j->tasks &&
	    j->ndone == j->plan->ntasks) {
		if (!weir__job_tasks_quiet(j) || (j->has_coord && weir_coordinator_is_writing(&j->coord)))
			return weir_mono_ns(j->host->clock) + 1000000; /* work is still in flight: look again in a millisecond */
		if (j->state == WEIR_JOB_RUNNING)
			after_close(j);
		else
			after_failure(j);
	}
	if (is_over(j))
		return WEIR_STEP_DONE;
	if (j->has_coord)
		wake = j->coord_wake_ms;
	if (j->state == WEIR_JOB_RESTARTING && j->restart_at_ms < wake)
		wake = j->restart_at_ms;
	if (wake == INT64_MAX)
		return WEIR_STEP_IDLE;
	if (wake <= now)
		return WEIR_STEP_AGAIN;
	return (wake > now + DAY_MS ? now + DAY_MS : wake) * 1000000; /* settings reach to the end of time: then look again tomorrow */
}

/* ---- from outside ---- */

int weir_job_new(struct weir_plan *plan, const struct weir_job_config *config, struct weir_host *host, uint64_t seed, struct weir_job **out, struct weir_error *err)
{
	struct weir_job *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	int64_t highest = 0;
	int code;

	if (!j)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	j->actor = (struct weir_actor){ .step = job_step, .name = "job", .host = host };
	j->plan = plan;
	j->cfg = *config;
	j->host = host;
	j->rng.state = seed;
	j->next_ckpt = 1;
	j->coord_wake_ms = INT64_MAX;
	j->events_last = &j->events;
	j->err = (struct weir_error)WEIR_ERROR_INIT;
	j->status.last_checkpoint = -1;
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->over_cond, &attr);
	pthread_condattr_destroy(&attr);
	code = weir_failover_init(&j->failover, &config->restart, err);
	if (!code && config->dir) {
		struct weir_store_config s = { .root = config->dir, .job_id = config->job_id, .create_subdir = config->create_subdir,
					       .num_retained = config->num_retained, .inline_threshold = config->inline_threshold,
					       .meta_version = config->meta_version };

		code = weir_store_open(&s, &j->rng, &j->store, err);
		if (!code)
			code = weir_store_highest(j->store, &highest, err);
		if (!code && highest >= j->next_ckpt)
			j->next_ckpt = highest + 1;
	}
	if (!code && config->restore)
		code = open_restore(j, config->restore, err);
	if (!code && !host->ops->prepare(host, &j->actor)) /* here, so that whoever knows the job may wake it */
		code = weir_error_set(err, WEIR_ENOMEM, "out of memory");
	if (code) {
		weir_job_free(j);
		return code;
	}
	*out = j;
	return 0;
}

int weir_job_start(struct weir_job *j, struct weir_error *err)
{
	if (j->host->ops->start(j->host, &j->actor))
		return 0;
	weir_error_set(&j->err, WEIR_EIO, "cannot start the job's thread");
	over(j, WEIR_JOB_FAILED); /* answers who has asked already */
	return weir_error_set(err, WEIR_EIO, "cannot start the job's thread");
}

/* Until it is over or, when that is enough, started. */
static bool wait_for(struct weir_job *j, bool started, int64_t timeout_ms)
{
	struct timespec t;
	bool b;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += timeout_ms / 1000;
	t.tv_nsec += timeout_ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&j->lock);
	while (!j->over && !(started && j->status.started))
		if ((timeout_ms < 0 ? pthread_cond_wait(&j->over_cond, &j->lock) : pthread_cond_timedwait(&j->over_cond, &j->lock, &t)) == ETIMEDOUT)
			break;
	b = j->over || (started && j->status.started);
	pthread_mutex_unlock(&j->lock);
	return b;
}

bool weir_job_wait(struct weir_job *j, int64_t timeout_ms) { return wait_for(j, false, timeout_ms); }
bool weir_job_wait_started(struct weir_job *j, int64_t timeout_ms) { return wait_for(j, true, timeout_ms); }

int weir_job_result(struct weir_job *j, struct weir_error *err)
{
	if (atomic_load(&j->shown_state) == WEIR_JOB_FINISHED)
		return 0;
	if (err && j->err.code)
		*err = j->err;
	return j->err.code ? j->err.code : weir_error_set(err, WEIR_EFAILED, "the job did not finish");
}

void weir_job_free(struct weir_job *j)
{
	if (!j)
		return;
	if (j->actor.host_data) {
		j->host->ops->join(j->host, &j->actor);
		while (atomic_load(&j->works)) /* a last deletion of old checkpoints may still run */
			j->host->clock->sleep_ns(j->host->clock, 200000);
		j->host->ops->release(j->host, &j->actor);
	}
	weir__job_teardown(j);
	weir__job_drop_pending(j);
	drop_events(j);
	if (j->has_coord)
		weir_coordinator_fini(&j->coord);
	weir_failover_fini(&j->failover);
	weir_store_close(j->store);
	weir_ckpt_close(j->restore);
	weir_vec_fini(&j->totals);
	free(j->restore_uri);
	free(j->newest_uri);
	free(j->stop_uri);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->over_cond);
	free(j);
}

void weir_job_status(struct weir_job *j, struct weir_job_status *out)
{
	pthread_mutex_lock(&j->lock);
	*out = j->status;
	out->state = (enum weir_job_state)atomic_load(&j->shown_state);
	memcpy(out->job_id, j->cfg.job_id, sizeof(out->job_id));
	out->ntasks = j->plan->ntasks;
	out->finished_before = j->finished_before;
	pthread_mutex_unlock(&j->lock);
	if (out->state < WEIR_JOB_FINISHED)
		weir_wake(&j->actor); /* so that the next call sees fresh numbers */
}

const char *weir_job_restored_from(const struct weir_job *j) { return j->restore_uri; }

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct weir_accumulator *)a)->name, ((const struct weir_accumulator *)b)->name);
}

void weir_job_accumulators(struct weir_job *j, void (*fn)(void *arg, const char *name, int64_t value), void *arg)
{
	pthread_mutex_lock(&j->lock);
	if (j->totals.len)
		qsort(j->totals.items, j->totals.len, sizeof(j->totals.items[0]), by_name);
	for (size_t i = 0; i < j->totals.len; i++)
		fn(arg, j->totals.items[i].name, j->totals.items[i].value);
	pthread_mutex_unlock(&j->lock);
}

void weir_job_on_event(struct weir_job *j, void (*fn)(void *arg, const char *text), void *arg)
{
	j->on_event = fn;
	j->on_event_arg = arg;
}
