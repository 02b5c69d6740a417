// SPDX-License-Identifier: Apache-2.0
/*
 * A job from outside: making it, asking it, waiting for it, what it says of itself. What job.h marks so may be called on any thread: such calls post events
 * to the job's actor (job_life.c) or read the status under the lock.
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

struct weir_job_event *weir__job_take_events(struct weir_job *j)
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

void weir__job_drop_events(struct weir_job *j)
{
	for (struct weir_job_event *e = weir__job_take_events(j), *next; e; e = next) {
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

/* ---- from outside ---- */

int weir_job_new(struct weir_plan *plan, const struct weir_job_config *config, struct weir_host *host, uint64_t seed, struct weir_job **out, struct weir_error *err)
{
	struct weir_job *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	int64_t highest = 0;
	int code;

	if (!j)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	j->actor = (struct weir_actor){ .step = weir__job_step, .name = "job", .host = host };
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
		code = weir__job_open_restore(j, config->restore, err);
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
	weir__job_over(j, WEIR_JOB_FAILED); /* answers who has asked already */
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
	weir__job_drop_events(j);
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
