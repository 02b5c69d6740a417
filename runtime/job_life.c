// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a job: its states, and the step of its actor. Everything here is done by one thread, the host's for this actor.
 *
 * A failure of any task fails the job: the other tasks are cancelled, the restart strategy decides, and the job starts again from its newest complete
 * checkpoint (all tasks are one region: they are connected). Nothing of an older start is alive when a new one is made. An end that the user asked for, or that
 * comes of a failure, deletes checkpoints as the retention says.
 */
#include "runtime/job_priv.h"

#include <stdio.h>
#include <stdlib.h>

static void go(struct weir_job *j, enum weir_job_state s)
{
	j->state = s;
	atomic_store(&j->shown_state, (int)s);
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

void weir__job_over(struct weir_job *j, enum weir_job_state s)
{
	weir__job_answer_all(j, s == WEIR_JOB_FINISHED ? WEIR_EBUSY : WEIR_EFAILED, s == WEIR_JOB_FINISHED ? "the job has finished" : "the job has ended");
	go(j, s);
	pthread_mutex_lock(&j->lock);
	j->over = true;
	pthread_cond_broadcast(&j->over_cond);
	pthread_mutex_unlock(&j->lock);
	weir__job_drop_events(j);
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
	weir__job_over(j, WEIR_JOB_CANCELED);
}

static void failed(struct weir_job *j)
{
	discard_checkpoints(j, true);
	weir__job_over(j, WEIR_JOB_FAILED);
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
			weir__job_over(j, WEIR_JOB_FAILED);
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

int weir__job_open_restore(struct weir_job *j, const char *uri, struct weir_error *err)
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
	if (from && weir__job_open_restore(j, from, &err) != 0) {
		weir_error_wrap(&err, "the job cannot be restarted");
		j->err = err;
		weir__job_over(j, WEIR_JOB_FAILED);
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
		weir__job_over(j, WEIR_JOB_FAILED);
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
	weir__job_over(j, WEIR_JOB_FINISHED);
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

int64_t weir__job_step(struct weir_actor *a)
{
	struct weir_job *j = (struct weir_job *)a;
	int64_t now, wake = INT64_MAX;

	if (j->state == WEIR_JOB_CREATED)
		begin(j);
	gather(j);
	for (struct weir_job_event *e = weir__job_take_events(j), *next; e; e = next) {
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
