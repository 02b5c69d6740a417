// SPDX-License-Identifier: Apache-2.0
/*
 * The shell around the checkpoint coordinator: carries out its actions with files and mail, and turns what happens into its events.
 *
 * A checkpoint's way: TRIGGER -> (I/O thread) its directory is made -> mail to the sources -> barriers -> every task acknowledges with handles -> WRITE ->
 * (I/O thread) _metadata is published -> WRITTEN -> NOTIFY_COMPLETE -> mail to all tasks -> (I/O thread) older ones are deleted. Files are only touched on
 * I/O threads; the list of pending checkpoints only on the job's.
 */
#include "runtime/job_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- work of the job itself ---- */

struct job_work {
	struct weir_work work;
	struct weir_job *job;
	int64_t id;
	bool savepoint;
	char *target_dir;               /* savepoints */
	struct weir_store_target *target;
	struct weir_ckpt *ckpt;         /* WRITE: assembled, in `arena` */
	struct weir_arena arena;
	struct weir_ckpt_request *request; /* keeps the target from being removed while it is written */
};

static void submit(struct weir_job *j, struct job_work *w, void (*fn)(struct weir_work *))
{
	w->work.fn = fn;
	w->job = j;
	atomic_fetch_add(&j->works, 1);
	j->host->ops->submit(j->host, &w->work);
}

static void work_over(struct job_work *w, struct weir_job_event *e)
{
	struct weir_job *j = w->job;

	weir_ckpt_request_unref(w->request);
	weir_arena_fini(&w->arena);
	free(w->target_dir);
	free(w);
	if (e)
		weir__job_post(j, e);
	atomic_fetch_sub(&j->works, 1); /* the last touch */
}

static struct weir_job_event *new_event(enum weir_job_event_kind kind, int64_t id)
{
	struct weir_job_event *e = calloc(1, sizeof(*e));

	if (!e)
		abort(); /* a checkpoint would hang for ever */
	e->kind = kind;
	e->ckpt = id;
	e->err = (struct weir_error)WEIR_ERROR_INIT;
	return e;
}

/* ---- pending ---- */

static struct weir_pending *find(struct weir_job *j, int64_t id)
{
	struct weir_pending *p = j->pending;

	while (p && p->id != id)
		p = p->next;
	return p;
}

static void drop(struct weir_job *j, struct weir_pending *p)
{
	struct weir_pending **at = &j->pending;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	for (uint32_t i = 0; i < j->plan->ntasks; i++)
		weir_task_ack_free(p->acks[i]);
	if (p->request && p->aborted)
		atomic_store(&p->request->aborted, true);
	weir_ckpt_request_unref(p->request);
	free(p->acks);
	free(p->uri);
	free(p);
}

void weir__job_drop_pending(struct weir_job *j)
{
	while (j->pending) {
		j->pending->aborted = true;
		drop(j, j->pending);
	}
}

/* ---- requests ---- */

static void answer(struct weir_asked *a, int code, const char *uri, const struct weir_error *err)
{
	if (a->r.answer)
		a->r.answer(a->r.arg, code, uri, err);
	free(a->r.target);
	free(a);
}

static struct weir_asked *take_asked(struct weir_job *j, uint64_t id)
{
	for (struct weir_asked **at = &j->asked; *at; at = &(*at)->next) {
		struct weir_asked *a = *at;

		if (a->id == id) {
			*at = a->next;
			return a;
		}
	}
	return NULL;
}

void weir__job_answer_all(struct weir_job *j, int code, const char *text)
{
	struct weir_error err = WEIR_ERROR_INIT;

	weir_error_set(&err, code, "%s", text);
	while (j->asked)
		answer(take_asked(j, j->asked->id), code, NULL, &err);
}

void weir__job_on_ask(struct weir_job *j, struct weir_job_event *e)
{
	struct weir_asked *a = calloc(1, sizeof(*a));
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_coordinator_event ev = { .kind = WEIR_COORD_REQUEST };

	if (!a)
		abort();
	a->id = ++j->next_ask;
	a->r = e->ask;
	if (j->state != WEIR_JOB_RUNNING || j->closing) {
		weir_error_set(&err, WEIR_EBUSY, "the job is %s: try again when it runs", weir_job_state_name(j->state));
		answer(a, err.code, NULL, &err);
		return;
	}
	if (e->ask.kind != WEIR_JOB_CHECKPOINT && !a->r.target && !j->cfg.savepoint_dir) {
		weir_error_set(&err, WEIR_EINVALID, "no folder for the savepoint: name one, or set execution.checkpointing.savepoint-dir");
		answer(a, err.code, NULL, &err);
		return;
	}
	if (e->ask.kind == WEIR_JOB_CHECKPOINT && !j->store) {
		weir_error_set(&err, WEIR_EINVALID, "the job stores no checkpoints: set execution.checkpointing.dir");
		answer(a, err.code, NULL, &err);
		return;
	}
	a->next = j->asked;
	j->asked = a;
	ev.request = a->id;
	ev.snapshot = e->ask.kind == WEIR_JOB_CHECKPOINT ? WEIR_COORD_CHECKPOINT : e->ask.kind == WEIR_JOB_SAVEPOINT ? WEIR_COORD_SAVEPOINT
		      : e->ask.drain ? WEIR_COORD_DRAIN : WEIR_COORD_STOP;
	weir__job_coord_event(j, ev);
}

/* ---- TRIGGER ---- */

static void begin_work(struct weir_work *base)
{
	struct job_work *w = (struct job_work *)base;
	struct weir_job *j = w->job;
	struct weir_job_event *e = new_event(WEIR_JOB_EV_BEGUN, w->id);
	struct weir_rng rng = { (uint64_t)w->id * 0x9e3779b97f4a7c15u ^ (uint64_t)weir_mono_ns(j->host->clock) };
	int code;

	if (w->savepoint)
		code = weir_store_begin_savepoint(j->store, w->target_dir, j->cfg.job_id, w->id, &rng, &e->target, &e->err);
	else
		code = weir_store_begin(j->store, w->id, &e->target, &e->err);
	if (code)
		e->target = NULL;
	work_over(w, e);
}

static struct weir_asked *find_asked(struct weir_job *j, uint64_t id)
{
	struct weir_asked *a = j->asked;

	while (a && a->id != id)
		a = a->next;
	return a;
}

static void trigger(struct weir_job *j, const struct weir_coordinator_action *act)
{
	int64_t id = act->ckpt;
	enum weir_coordinator_kind kind = act->snapshot;
	struct weir_pending *p = calloc(1, sizeof(*p));
	bool savepoint = kind == WEIR_COORD_SAVEPOINT || kind == WEIR_COORD_STOP || kind == WEIR_COORD_DRAIN;
	struct weir_asked *a = act->asked ? find_asked(j, act->request) : NULL;
	struct job_work *w;

	if (p)
		p->acks = calloc(j->plan->ntasks, sizeof(*p->acks));
	w = calloc(1, sizeof(*w));
	if (!p || !p->acks || !w)
		abort();
	p->id = id;
	p->kind = kind;
	p->ask = a ? a->id : 0;
	p->started_ms = weir__job_now_ms(j);
	p->err = (struct weir_error)WEIR_ERROR_INIT;
	p->next = j->pending;
	j->pending = p;
	w->id = id;
	w->savepoint = savepoint;
	if (savepoint)
		w->target_dir = strdup(a && a->r.target ? a->r.target : j->cfg.savepoint_dir);
	if (!savepoint && !j->store) { /* nothing to store: the checkpoint only commits */
		struct weir_job_event *e = new_event(WEIR_JOB_EV_BEGUN, id);

		free(w);
		weir__job_post(j, e);
		return;
	}
	submit(j, w, begin_work);
}

static void decline(struct weir_job *j, int64_t id, enum weir_ckpt_failure why)
{
	weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_DECLINE, .task = 0, .ckpt = id, .reason = why });
}

/* Barriers of all sources must come in the order of ids, or a task passes the older one over. Directories are made in any order: a checkpoint waits for those before. */
static void send_triggers(struct weir_job *j)
{
	for (;;) {
		struct weir_pending *p = NULL;

		for (struct weir_pending *i = j->pending; i; i = i->next)
			if (!i->sent && !i->aborted && (!p || i->id < p->id))
				p = i;
		if (!p || !p->request || !j->tasks)
			return;
		p->sent = true;
		for (uint32_t i = 0; i < j->plan->ntasks; i++) {
			struct weir_mail m = { .kind = WEIR_MAIL_TRIGGER, .id = p->id };

			if (j->tasks[i]->nin)
				continue;
			m.request = weir_ckpt_request_ref(p->request);
			weir_task_mail(j->tasks[i], &m);
		}
	}
}

void weir__job_on_begun(struct weir_job *j, struct weir_job_event *e)
{
	struct weir_pending *p = find(j, e->ckpt);
	struct weir_ckpt_request *r;
	struct weir_asked *a;

	if (e->err.code) {
		if (p) {
			p->err = e->err;
			decline(j, e->ckpt, WEIR_CKPT_IO_EXCEPTION);
		}
		return;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	atomic_store(&r->refs, 1);
	r->id = e->ckpt;
	r->store = j->store;
	r->target = e->target;
	if (!p || p->aborted || !j->tasks) { /* given up meanwhile: the last reference removes the directory */
		atomic_store(&r->aborted, true);
		weir_ckpt_request_unref(r);
		return;
	}
	r->kind = p->kind;
	r->savepoint = r->target && r->target->savepoint;
	a = p->ask ? find_asked(j, p->ask) : NULL;
	r->format = r->savepoint && !(a && a->r.native) ? WEIR_FORMAT_FULL : WEIR_FORMAT_HEAP;
	r->oper_version = j->cfg.meta_version >= 4 ? 6 : 5;
	r->triggered_ms = p->started_ms;
	p->request = r;
	send_triggers(j);
}

/* ---- WRITE ---- */

static struct weir_snapshot_properties properties(const struct weir_job *j, const struct weir_pending *p)
{
	struct weir_snapshot_properties q = { .kind = WEIR_SNAPSHOT_CHECKPOINT, .discard_subsumed = true, .discard_finished = true };

	q.discard_cancelled = q.discard_suspended = j->cfg.retention != WEIR_RETAIN_ON_CANCELLATION;
	q.discard_failed = j->cfg.retention == WEIR_NO_EXTERNALIZED_CHECKPOINTS;
	switch (p->kind) {
	case WEIR_COORD_SAVEPOINT: q = (struct weir_snapshot_properties){ .kind = WEIR_SNAPSHOT_SAVEPOINT, .forced = true }; break;
	case WEIR_COORD_STOP: q = (struct weir_snapshot_properties){ .kind = WEIR_SNAPSHOT_SUSPEND, .forced = true }; break;
	case WEIR_COORD_DRAIN:
	case WEIR_COORD_TERMINATE:
	case WEIR_COORD_FINAL: q = (struct weir_snapshot_properties){ .kind = WEIR_SNAPSHOT_TERMINATE, .forced = true }; break;
	default: break;
	}
	q.native = p->request && p->request->format == WEIR_FORMAT_HEAP;
	return q;
}

static int assemble(struct weir_job *j, struct weir_pending *p, struct job_work *w)
{
	struct weir_env *env = j->plan->env;
	struct weir_ckpt *c = weir_arena_zero(&w->arena, sizeof(*c));
	uint32_t first[64], *start = first;
	uint32_t n = 0;

	if (j->plan->nvertices > 64)
		start = weir_arena_zero(&w->arena, j->plan->nvertices * sizeof(*start));
	if (c)
		c->operators = weir_arena_zero(&w->arena, env->nodes.len * sizeof(*c->operators));
	if (!c || !c->operators || !start)
		return WEIR_ENOMEM;
	for (uint32_t v = 0; v < j->plan->nvertices; v++) {
		start[v] = n;
		n += j->plan->vertices[v].parallelism;
	}
	c->id = p->id;
	c->arena = &w->arena;
	c->properties = properties(j, p);
	c->noperators = (uint32_t)env->nodes.len;
	for (size_t i = 0; i < env->nodes.len; i++) {
		const struct weir_node *node = env->nodes.items[i];
		struct weir_operator_state *o = &c->operators[i];

		*o = (struct weir_operator_state){ .id = node->op_id, .name = { (const uint8_t *)node->uid, strlen(node->uid) },
						   .uid = { (const uint8_t *)node->uid, strlen(node->uid) }, .parallelism = node->parallelism,
						   .max_parallelism = node->max_parallelism, .nsubtasks = node->parallelism };
		o->subtasks = weir_arena_zero(&w->arena, node->parallelism * sizeof(*o->subtasks));
		if (!o->subtasks)
			return WEIR_ENOMEM;
		for (uint32_t s = 0; s < node->parallelism; s++)
			o->subtasks[s] = p->acks[start[node->vertex] + s]->ops[node->chain_index];
	}
	w->ckpt = c;
	return 0;
}

static void write_work(struct weir_work *base)
{
	struct job_work *w = (struct job_work *)base;
	struct weir_job_event *e = new_event(WEIR_JOB_EV_WRITTEN, w->id);

	/* The target is freed by complete(), with or without success; nobody else may look at it any more. */
	struct weir_store_target *target = w->request->target;

	w->request->target = NULL;
	if (weir_store_complete(w->request->store, target, w->ckpt, &e->uri, &e->err) != 0 && !e->err.code)
		weir_error_set(&e->err, WEIR_EIO, "the metadata could not be written");
	work_over(w, e);
}

static void write_metadata(struct weir_job *j, int64_t id)
{
	struct weir_pending *p = find(j, id);
	struct weir_job_event *e;
	struct job_work *w;

	if (p && p->request && p->request->target) {
		w = calloc(1, sizeof(*w));
		if (!w)
			abort();
		w->id = id;
		w->request = weir_ckpt_request_ref(p->request);
		if (assemble(j, p, w) == 0) {
			submit(j, w, write_work);
			return;
		}
		weir_ckpt_request_unref(w->request);
		weir_arena_fini(&w->arena);
		free(w);
		e = new_event(WEIR_JOB_EV_WRITTEN, id);
		weir_error_set(&e->err, WEIR_ENOMEM, "out of memory for the metadata");
	} else {
		e = new_event(WEIR_JOB_EV_WRITTEN, id); /* nothing is stored */
	}
	weir__job_post(j, e);
}

void weir__job_on_written(struct weir_job *j, struct weir_job_event *e)
{
	struct weir_pending *p = find(j, e->ckpt);
	enum weir_ckpt_failure why = e->err.code ? WEIR_CKPT_FINALIZE_CHECKPOINT_FAILURE : WEIR_CKPT_OK;

	if (p) {
		p->err = e->err;
		p->uri = e->uri;
		e->uri = NULL;
	}
	if (!e->err.code && p) {
		bool newest = (!p->request || !p->request->savepoint) && p->id > j->newest_id; /* else a newer one was written first */

		pthread_mutex_lock(&j->lock);
		if (newest) {
			j->status.last_checkpoint = p->id;
			j->status.last_checkpoint_ms = weir__job_now_ms(j) - p->started_ms;
			j->status.last_checkpoint_bytes = p->request ? atomic_load(&p->request->bytes) : 0;
		}
		pthread_mutex_unlock(&j->lock);
		if (newest)
			j->newest_id = p->id;
		if (newest && p->uri) {
			free(j->newest_uri);
			j->newest_uri = strdup(p->uri);
		}
	}
	weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_WRITTEN, .ckpt = e->ckpt, .reason = why });
	free(e->uri);
}

/* ---- completion ---- */

static void retire_work(struct weir_work *base)
{
	struct job_work *w = (struct job_work *)base;
	struct weir_job_event *e = new_event(WEIR_JOB_EV_RETIRED, w->id);

	if (weir_store_retire(w->job->store, &e->err) == 0) {
		free(e);
		e = NULL;
	}
	work_over(w, e);
}

void weir__job_on_retired(struct weir_job *j, const struct weir_error *err)
{
	char text[1200];

	weir__job_say(j, "old checkpoints could not be deleted: %s", weir_error_text(err, text, sizeof(text)));
}

static void notify_complete(struct weir_job *j, int64_t id)
{
	struct weir_pending *p = find(j, id);
	struct job_work *w;

	if (p && p->uri && p->kind != WEIR_COORD_CHECKPOINT && p->kind != WEIR_COORD_FINAL) {
		free(j->stop_uri);
		j->stop_uri = strdup(p->uri);
	}
	weir__job_mail_all(j, WEIR_MAIL_COMMITTED, id);
	if (p)
		p->completed = true;
	w = j->store ? calloc(1, sizeof(*w)) : NULL;
	if (w)
		submit(j, w, retire_work);
}

static void notify_aborted(struct weir_job *j, int64_t id, enum weir_ckpt_failure why)
{
	struct weir_pending *p = find(j, id);
	char text[1000];

	if (p) {
		p->aborted = true;
		if (p->request)
			atomic_store(&p->request->aborted, true);
		pthread_mutex_lock(&j->lock);
		j->status.failed_checkpoints++;
		pthread_mutex_unlock(&j->lock);
		weir__job_say(j, "checkpoint %lld failed: %s%s%s", (long long)id, weir_ckpt_failure_text(why), p->err.code ? " " : "",
			      p->err.code ? weir_error_text(&p->err, text, sizeof(text)) : "");
	}
	if (!p || p->sent)
		weir__job_mail_all(j, WEIR_MAIL_ABORTED, id);
}

/* The savepoint of a stop is whole, but the checkpoint that commits its results is not: the job goes on from an older one and will write them itself. */
static void refuse_savepoint(struct weir_job *j, const struct weir_pending *savepoint, enum weir_ckpt_failure reason, struct weir_error *err)
{
	for (struct weir_pending *p = j->pending; p && !err->code; p = p->next)
		if ((p->kind == WEIR_COORD_SUSPEND || p->kind == WEIR_COORD_TERMINATE) && p->err.code)
			*err = p->err;
	weir_error_set(err, WEIR_EFAILED, "%s", weir_ckpt_failure_text(reason));
	weir_error_wrap(err, "the job has not stopped: the checkpoint behind the savepoint failed, so do not start from %.300s", savepoint->uri);
}

static void answer_request(struct weir_job *j, const struct weir_coordinator_action *act)
{
	struct weir_asked *a = take_asked(j, act->request);
	struct weir_pending *p = act->ckpt >= 0 ? find(j, act->ckpt) : NULL;
	struct weir_error err = WEIR_ERROR_INIT;

	if (a && act->reason == WEIR_CKPT_OK) {
		answer(a, 0, p ? p->uri : NULL, NULL);
	} else if (a) {
		if (p && p->err.code)
			err = p->err;
		else if (p && p->uri)
			refuse_savepoint(j, p, act->reason, &err);
		else
			weir_error_set(&err, WEIR_EFAILED, "%s", weir_ckpt_failure_text(act->reason));
		answer(a, err.code, NULL, &err);
	}
	if (p && p->ask == act->request) {
		p->ask = 0;
		if (act->reason == WEIR_CKPT_OK)
			p->completed = true;
		else
			p->aborted = true;
	}
}

static void sweep(struct weir_job *j)
{
	for (struct weir_pending *p = j->pending, *next; p; p = next) {
		next = p->next;
		if (p->ask == 0 && (p->aborted || p->completed)) /* told, and answered where somebody asked */
			drop(j, p);
	}
}

static void act(struct weir_job *j, const struct weir_coordinator_action *a)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_pending *p;

	switch (a->kind) {
	case WEIR_COORD_TRIGGER: trigger(j, a); break;
	case WEIR_COORD_ABORT: break; /* NOTIFY_ABORTED follows and tells the tasks */
	case WEIR_COORD_WRITE: write_metadata(j, a->ckpt); break;
	case WEIR_COORD_NOTIFY_COMPLETE: notify_complete(j, a->ckpt); break;
	case WEIR_COORD_NOTIFY_ABORTED: notify_aborted(j, a->ckpt, a->reason); break;
	case WEIR_COORD_STOP_SOURCES:
		j->closing = true;
		weir__job_mail_all(j, WEIR_MAIL_CLOSE, 0);
		break;
	case WEIR_COORD_ANSWER: answer_request(j, a); break;
	case WEIR_COORD_FAIL_JOB:
		p = find(j, a->ckpt);
		if (p && p->err.code)
			err = p->err;
		weir_error_set(&err, WEIR_EFAILED, "%s", a->text ? a->text : weir_ckpt_failure_text(a->reason));
		if (a->text)
			weir_error_wrap(&err, "%s", a->text);
		weir__job_fail(j, &err);
		break;
	}
}

void weir__job_coord_event(struct weir_job *j, struct weir_coordinator_event ev)
{
	struct weir_coordinator_actions *todo;
	struct weir_error err = WEIR_ERROR_INIT;

	if (!j->has_coord)
		return;
	todo = calloc(1, sizeof(*todo));
	if (!todo)
		abort();
	ev.now_ms = weir__job_now_ms(j);
	if (weir_coordinator_step(&j->coord, &ev, todo, &err) != 0) {
		weir__job_fail(j, &err);
	} else {
		j->coord_wake_ms = todo->next_wake_ms;
		for (uint32_t i = 0; i < todo->count; i++)
			act(j, &todo->items[i]);
		sweep(j);
		send_triggers(j); /* what waited for one that has been given up */
	}
	free(todo);
}

int weir__job_coord_start(struct weir_job *j, struct weir_error *err)
{
	struct weir_coordinator_config c = WEIR_COORD_CONFIG_DEFAULT;
	bool *source = calloc(j->plan->ntasks, sizeof(*source));
	int code;

	if (!source)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	c.interval_ms = j->store ? j->cfg.interval_ms : 0;
	c.min_pause_ms = j->cfg.min_pause_ms;
	c.timeout_ms = j->cfg.timeout_ms;
	c.max_concurrent = j->cfg.max_concurrent;
	c.tolerable_failed = j->cfg.tolerable_failed;
	c.final_checkpoint = true;
	c.seal_stops = j->store != NULL;
	c.first_id = j->next_ckpt;
	for (uint32_t i = 0; i < j->plan->ntasks; i++)
		source[i] = j->tasks[i]->nin == 0;
	code = weir_coordinator_init(&j->coord, &c, j->plan->ntasks, source, err);
	free(source);
	j->has_coord = code == 0;
	j->coord_wake_ms = INT64_MAX;
	return code;
}

/* ---- what tasks say ---- */

void weir__job_on_task(struct weir_job *j, struct weir_job_event *e)
{
	struct weir_task_event *t = &e->task;
	struct weir_pending *p = find(j, t->ckpt);

	if (t->kind == WEIR_TASK_DECLINE) {
		if (p && !p->err.code)
			p->err = t->err;
		weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_DECLINE, .task = t->task, .ckpt = t->ckpt, .reason = t->reason });
		return;
	}
	if (!p || p->aborted || p->acks[t->task]) {
		weir_task_ack_free(t->ack);
	} else {
		p->acks[t->task] = t->ack;
	}
	weir__job_coord_event(j, (struct weir_coordinator_event){ .kind = WEIR_COORD_ACK, .task = t->task, .ckpt = t->ckpt });
}
