// SPDX-License-Identifier: Apache-2.0
/*
 * The checkpoint coordinator.
 *
 * A pending checkpoint goes FREE -> COLLECTING (trigger) -> WRITING (begin_write, when nobody is missing) -> FREE (complete or
 * drop); COLLECTING -> FREE by drop. The job's states and who moves them: job_event (RUNNING, RESTARTING, STOPPED), complete
 * (STOPPING), fail_job (FAILING).
 *
 * Invariants
 * 1. Ids strictly increase. Each triggered id ends exactly once: NOTIFY_COMPLETE (or, for a plain savepoint and for an orphan,
 *    silently) or NOTIFY_ABORTED. Each request is answered exactly once.
 * 2. WRITE comes only when every task has acknowledged or is finished; while a write is out the checkpoint cannot be aborted.
 * 3. At most max_concurrent checkpoints are pending; savepoints and the final checkpoint do not count.
 * 4. A completed checkpoint aborts older pending checkpoints, never savepoints. A plain savepoint completes silently, because
 *    no failure restarts from it: committing results with it would commit them twice after a restart from an older checkpoint.
 * 5. The savepoint of a stop or drain commits nothing either where checkpoints are stored (seal_stops): it is followed, with nothing between them, by a
 *    checkpoint at the same position, whose completion commits, answers the request and ends the sources. So whoever dies at any point leaves a newest
 *    checkpoint that holds all that was committed. Without a store the savepoint is all there is: the answer goes out first, then the results.
 * 6. A stop or drain that fails after its trigger fails the job: its sources have already stopped. A savepoint of any kind that fails before a source
 *    was asked (its folder cannot be made) fails the request only.
 * 7. While a stop or drain is pending, and from STOPPING on, nothing new is triggered.
 *
 * No clock, no lock, no allocation after init. One thread at a time.
 */
#include "runtime/coordinator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TASKS_MAX (1u << 24)
#define SAVEPOINTS_MAX (WEIR_COORD_PENDING_MAX - WEIR_COORD_CONCURRENT_MAX)

/* ---- tables ---- */
static const struct {
	const char *name, *text;
	bool preflight, counted;
} failures[WEIR_CKPT_FAILURE_MAX] = {
	[WEIR_CKPT_OK] = { "OK", "Checkpoint completed.", false, false },
#define X(name, preflight, counted, text) [WEIR_CKPT_##name] = { #name, text, preflight, counted },
	WEIR_CKPT_FAILURES(X)
#undef X
};

static bool is_failure(enum weir_ckpt_failure f) { return (unsigned)f > WEIR_CKPT_OK && (unsigned)f < WEIR_CKPT_FAILURE_MAX; }
static unsigned row_of(enum weir_ckpt_failure f) { return is_failure(f) ? (unsigned)f : 0; }

const char *weir_ckpt_failure_name(enum weir_ckpt_failure f) { return failures[row_of(f)].name; }
const char *weir_ckpt_failure_text(enum weir_ckpt_failure f) { return failures[row_of(f)].text; }
bool weir_ckpt_failure_preflight(enum weir_ckpt_failure f) { return failures[row_of(f)].preflight; }
bool weir_ckpt_failure_counted(enum weir_ckpt_failure f) { return failures[row_of(f)].counted; }

static const char *const kind_names[WEIR_COORD_KIND_MAX] = { "checkpoint", "savepoint", "stop", "drain", "final", "suspend", "terminate" };

#define TO(s) (1u << WEIR_COORD_##s)
static const struct {
	const char *name;
	unsigned next; /* bit set of states */
} jobs[WEIR_COORD_JOB_MAX] = {
	[WEIR_COORD_CREATED] = { "CREATED", TO(RUNNING) | TO(RESTARTING) | TO(STOPPED) },
	[WEIR_COORD_RUNNING] = { "RUNNING", TO(STOPPING) | TO(FAILING) | TO(RESTARTING) | TO(STOPPED) },
	[WEIR_COORD_STOPPING] = { "STOPPING", TO(RESTARTING) | TO(STOPPED) },
	[WEIR_COORD_FAILING] = { "FAILING", TO(RESTARTING) | TO(STOPPED) },
	[WEIR_COORD_RESTARTING] = { "RESTARTING", TO(RUNNING) | TO(RESTARTING) | TO(STOPPED) },
	[WEIR_COORD_STOPPED] = { "STOPPED", 0 },
};
static const unsigned pending_next[WEIR_COORD_PENDING_STATE_MAX] = {
	[WEIR_COORD_FREE] = TO(COLLECTING),
	[WEIR_COORD_COLLECTING] = TO(WRITING) | TO(FREE),
	[WEIR_COORD_WRITING] = TO(FREE),
};

const char *weir_coordinator_kind_name(enum weir_coordinator_kind k) { return (unsigned)k < WEIR_COORD_KIND_MAX ? kind_names[k] : "?"; }
const char *weir_coordinator_job_name(enum weir_coordinator_job j) { return (unsigned)j < WEIR_COORD_JOB_MAX ? jobs[j].name : "?"; }
bool weir_coordinator_job_may(enum weir_coordinator_job from, enum weir_coordinator_job to)
{
	return (unsigned)from < WEIR_COORD_JOB_MAX && (unsigned)to < WEIR_COORD_JOB_MAX && (jobs[from].next & 1u << to);
}

static void set_job(struct weir_coordinator *c, enum weir_coordinator_job to)
{
	assert(weir_coordinator_job_may(c->job, to));
	c->job = to;
}

static void set_pending(struct weir_coordinator_pending *p, enum weir_coordinator_pending_state to)
{
	assert(pending_next[p->state] & 1u << to);
	p->state = to;
}

/* ---- small things ---- */
static bool bit(const uint64_t *set, uint32_t i) { return set[i / 64] >> i % 64 & 1; }
static void set_bit(uint64_t *set, uint32_t i) { set[i / 64] |= (uint64_t)1 << i % 64; }

static int64_t later(int64_t at, int64_t by) { return at > 0 && by > INT64_MAX - at ? INT64_MAX : at + by; }

static bool is_stop(enum weir_coordinator_kind k) { return k == WEIR_COORD_STOP || k == WEIR_COORD_DRAIN; }
static bool is_seal(enum weir_coordinator_kind k) { return k == WEIR_COORD_SUSPEND || k == WEIR_COORD_TERMINATE; }
static bool is_sync(enum weir_coordinator_kind k) { return is_stop(k) || is_seal(k); }
static bool is_checkpoint(enum weir_coordinator_kind k) { return k == WEIR_COORD_CHECKPOINT || k == WEIR_COORD_FINAL || is_seal(k); }
/* Tasks run and can be told something. */
static bool is_alive(const struct weir_coordinator *c) { return c->job == WEIR_COORD_RUNNING || c->job == WEIR_COORD_STOPPING; }

static void push(struct weir_coordinator_actions *out, struct weir_coordinator_action a)
{
	assert(out->count < WEIR_COORD_ACTIONS_MAX);
	out->items[out->count++] = a;
}

static void push_for(struct weir_coordinator_actions *out, enum weir_coordinator_action_kind kind, const struct weir_coordinator_pending *p,
		     enum weir_ckpt_failure reason)
{
	bool asked = p->asked && p->savepoint < 0; /* nobody asked for a seal */

	push(out, (struct weir_coordinator_action){ .kind = kind, .snapshot = p->kind, .reason = reason, .ckpt = p->ckpt, .asked = asked,
							       .request = asked ? p->request : 0 });
}

static void answer(struct weir_coordinator_actions *out, uint64_t request, int64_t ckpt, enum weir_coordinator_kind kind,
		   enum weir_ckpt_failure reason)
{
	push(out, (struct weir_coordinator_action){ .kind = WEIR_COORD_ANSWER, .snapshot = kind, .reason = reason, .ckpt = ckpt, .asked = true,
						       .request = request });
}

/* The pending checkpoint with the lowest id above `after`, or NULL: loops in id order that survive changes on the way. */
static struct weir_coordinator_pending *next_pending(struct weir_coordinator *c, int64_t after)
{
	struct weir_coordinator_pending *best = NULL;

	for (int i = 0; i < WEIR_COORD_PENDING_MAX; i++) {
		struct weir_coordinator_pending *p = &c->pending[i];

		if (p->state != WEIR_COORD_FREE && p->ckpt > after && (!best || p->ckpt < best->ckpt))
			best = p;
	}
	return best;
}

static struct weir_coordinator_pending *find(struct weir_coordinator *c, int64_t ckpt, enum weir_coordinator_pending_state state)
{
	for (int i = 0; i < WEIR_COORD_PENDING_MAX; i++)
		if (c->pending[i].state == state && (state == WEIR_COORD_FREE || c->pending[i].ckpt == ckpt))
			return &c->pending[i];
	return NULL;
}

struct tally {
	uint32_t checkpoints, others; /* pending; others: savepoints of all kinds and final checkpoints */
	bool sync, final, room;
};

static struct tally count_pending(const struct weir_coordinator *c)
{
	struct tally t = { 0 };

	for (int i = 0; i < WEIR_COORD_PENDING_MAX; i++) {
		const struct weir_coordinator_pending *p = &c->pending[i];

		if (p->state == WEIR_COORD_FREE) {
			t.room = true;
			continue;
		}
		if (p->kind == WEIR_COORD_CHECKPOINT)
			t.checkpoints++;
		else
			t.others++;
		t.sync |= is_sync(p->kind);
		t.final |= p->kind == WEIR_COORD_FINAL;
	}
	return t;
}

bool weir_coordinator_is_writing(const struct weir_coordinator *c)
{
	for (int i = 0; i < WEIR_COORD_PENDING_MAX; i++)
		if (c->pending[i].state == WEIR_COORD_WRITING)
			return true;
	return false;
}

/* ---- one checkpoint ---- */
static void begin_write(struct weir_coordinator_pending *p, struct weir_coordinator_actions *out)
{
	set_pending(p, WEIR_COORD_WRITING);
	push_for(out, WEIR_COORD_WRITE, p, WEIR_CKPT_OK);
}

/* savepoint: of a seal, else -1. */
static void trigger(struct weir_coordinator *c, enum weir_coordinator_kind kind, const uint64_t *request, int64_t savepoint, struct weir_coordinator_actions *out)
{
	struct weir_coordinator_pending *p = find(c, 0, WEIR_COORD_FREE);
	uint64_t *acked = p->acked;

	set_pending(p, WEIR_COORD_COLLECTING);
	*p = (struct weir_coordinator_pending){ .state = WEIR_COORD_COLLECTING, .kind = kind, .ckpt = c->next_id++, .triggered_ms = c->now_ms,
						.asked = request != NULL, .request = request ? *request : 0, .acked = acked, .savepoint = savepoint,
						.missing = c->ntasks - c->nfinished,
						.expires_ms = c->cfg.timeout_ms > 0 ? later(c->now_ms, c->cfg.timeout_ms) : INT64_MAX };
	memcpy(acked, c->finished, c->words * sizeof(*acked));
	c->triggered++;
	if (p->missing == 0) {
		begin_write(p, out);
		return;
	}
	push_for(out, WEIR_COORD_TRIGGER, p, WEIR_CKPT_OK);
}

static void answer_for(struct weir_coordinator_actions *out, const struct weir_coordinator_pending *p, enum weir_ckpt_failure reason)
{
	if (p->asked)
		answer(out, p->request, p->savepoint < 0 ? p->ckpt : p->savepoint, p->kind, reason);
}

/* End a pending checkpoint that will never complete, without judging it. */
static void drop(struct weir_coordinator *c, struct weir_coordinator_pending *p, enum weir_ckpt_failure reason, struct weir_coordinator_actions *out)
{
	if (p->state == WEIR_COORD_COLLECTING && is_alive(c))
		push_for(out, WEIR_COORD_ABORT, p, reason);
	push_for(out, WEIR_COORD_NOTIFY_ABORTED, p, reason);
	answer_for(out, p, reason);
	if (p->kind == WEIR_COORD_FINAL)
		c->final_ms = later(c->now_ms, c->cfg.min_pause_ms > WEIR_COORD_FINAL_RETRY_MS ? c->cfg.min_pause_ms : WEIR_COORD_FINAL_RETRY_MS);
	set_pending(p, WEIR_COORD_FREE);
	c->failed++;
}

/* The job is going down: collecting checkpoints end, writes under way become orphans, waiting requests are refused. */
static void abandon_all(struct weir_coordinator *c, enum weir_ckpt_failure reason, struct weir_coordinator_actions *out)
{
	struct weir_coordinator_pending *p;

	for (int64_t id = -1; (p = next_pending(c, id)); id = p->ckpt) {
		if (p->state == WEIR_COORD_WRITING)
			p->orphaned = true;
		else
			drop(c, p, reason, out);
	}
	for (uint32_t i = 0; i < c->nqueued; i++)
		answer(out, c->queue[i], -1, WEIR_COORD_CHECKPOINT, reason);
	c->nqueued = 0;
}

static void fail_job(struct weir_coordinator *c, int64_t ckpt, enum weir_ckpt_failure reason, const char *text, struct weir_coordinator_actions *out)
{
	c->failures = 0;
	push(out, (struct weir_coordinator_action){ .kind = WEIR_COORD_FAIL_JOB, .reason = reason, .ckpt = ckpt, .text = text });
	set_job(c, WEIR_COORD_FAILING);
	abandon_all(c, WEIR_CKPT_JOB_FAILURE, out);
}

/* A pending checkpoint failed: drop it and see whether the job fails with it. by_task: a task said so. */
static void fail_pending(struct weir_coordinator *c, struct weir_coordinator_pending *p, enum weir_ckpt_failure reason, bool by_task,
			 struct weir_coordinator_actions *out)
{
	enum weir_coordinator_kind kind = p->kind;
	int64_t ckpt = p->ckpt;
	bool orphaned = p->orphaned, untouched = p->state == WEIR_COORD_COLLECTING && weir_ckpt_failure_preflight(reason);

	drop(c, p, reason, out);
	if (orphaned || c->job != WEIR_COORD_RUNNING)
		return;
	if (!is_checkpoint(kind) && untouched) /* its folder could not be made: no source has heard of it */
		return;
	if (is_sync(kind)) {
		fail_job(c, ckpt, reason, "Stop with savepoint failed after its sources had stopped", out);
		return;
	}
	if ((kind == WEIR_COORD_SAVEPOINT && !by_task) || !weir_ckpt_failure_counted(reason) || ckpt <= c->success_id || c->cfg.tolerable_failed < 0)
		return;
	if (++c->failures > (uint32_t)c->cfg.tolerable_failed)
		fail_job(c, ckpt, reason, "Exceeded checkpoint tolerable failure threshold", out);
}

/* A completed checkpoint commits, and those before it are not needed any more. */
static void commit(struct weir_coordinator *c, const struct weir_coordinator_pending *p, struct weir_coordinator_actions *out)
{
	struct weir_coordinator_pending *old;

	for (int64_t id = -1; (old = next_pending(c, id)) && old->ckpt < p->ckpt; id = old->ckpt)
		if (old->state == WEIR_COORD_COLLECTING && is_checkpoint(old->kind))
			drop(c, old, WEIR_CKPT_CHECKPOINT_SUBSUMED, out);
	push_for(out, WEIR_COORD_NOTIFY_COMPLETE, p, WEIR_CKPT_OK);
}

static void stop_sources(struct weir_coordinator *c, const struct weir_coordinator_pending *p, struct weir_coordinator_actions *out)
{
	push_for(out, WEIR_COORD_STOP_SOURCES, p, WEIR_CKPT_OK);
	set_job(c, WEIR_COORD_STOPPING);
	for (uint32_t i = 0; i < c->nqueued; i++)
		answer(out, c->queue[i], -1, WEIR_COORD_CHECKPOINT, WEIR_CKPT_CHECKPOINT_COORDINATOR_SUSPEND);
	c->nqueued = 0;
}

static void complete(struct weir_coordinator *c, struct weir_coordinator_pending *done, struct weir_coordinator_actions *out)
{
	struct weir_coordinator_pending p = *done;
	bool live = is_alive(c) && !p.orphaned, ends = p.kind == WEIR_COORD_FINAL || is_sync(p.kind);

	if (is_checkpoint(p.kind) && p.ckpt < c->completed_id) { /* a newer one was published first */
		drop(c, done, WEIR_CKPT_CHECKPOINT_SUBSUMED, out);
		return;
	}
	set_pending(done, WEIR_COORD_FREE);
	c->completed++;
	c->last_done_ms = c->now_ms;
	if (is_checkpoint(p.kind))
		c->completed_id = p.ckpt;
	if (p.ckpt > c->success_id) {
		c->success_id = p.ckpt;
		c->failures = 0;
	}
	if (is_stop(p.kind) && live && c->cfg.seal_stops) {
		trigger(c, p.kind == WEIR_COORD_STOP ? WEIR_COORD_SUSPEND : WEIR_COORD_TERMINATE, p.asked ? &p.request : NULL, p.ckpt, out);
		return;
	}
	if (is_sync(p.kind)) /* who stops the job knows where it stands before the first result is out */
		answer_for(out, &p, live ? WEIR_CKPT_OK : WEIR_CKPT_JOB_FAILURE);
	if (live && p.kind != WEIR_COORD_SAVEPOINT)
		commit(c, &p, out);
	if (!is_sync(p.kind))
		answer_for(out, &p, WEIR_CKPT_OK);
	if (ends && live && c->job == WEIR_COORD_RUNNING)
		stop_sources(c, &p, out);
}

/* ---- events ---- */
static void ack_one(struct weir_coordinator_pending *p, uint32_t task, struct weir_coordinator_actions *out)
{
	if (bit(p->acked, task))
		return;
	set_bit(p->acked, task);
	if (--p->missing == 0)
		begin_write(p, out);
}

static void task_event(struct weir_coordinator *c, const struct weir_coordinator_event *ev, struct weir_coordinator_actions *out)
{
	struct weir_coordinator_pending *p;

	switch (ev->kind) {
	case WEIR_COORD_ACK:
		p = find(c, ev->ckpt, WEIR_COORD_COLLECTING);
		if (p)
			ack_one(p, ev->task, out);
		else
			c->late_acks++;
		return;
	case WEIR_COORD_DECLINE:
		p = find(c, ev->ckpt, WEIR_COORD_COLLECTING);
		if (p)
			fail_pending(c, p, is_failure(ev->reason) ? ev->reason : WEIR_CKPT_CHECKPOINT_DECLINED, true, out);
		return;
	case WEIR_COORD_TASK_FINISHED:
		if (!bit(c->finished, ev->task)) {
			set_bit(c->finished, ev->task);
			c->nfinished++;
			for (int64_t id = -1; (p = next_pending(c, id)); id = p->ckpt)
				if (p->state == WEIR_COORD_COLLECTING)
					ack_one(p, ev->task, out);
		}
		break;
	default: break;
	}
	if (bit(c->source, ev->task) && !bit(c->ended, ev->task)) { /* SOURCE_ENDED, or a source that is gone */
		set_bit(c->ended, ev->task);
		c->nended++;
	}
}

static void request_event(struct weir_coordinator *c, const struct weir_coordinator_event *ev, struct weir_coordinator_actions *out)
{
	struct tally t = count_pending(c);
	enum weir_ckpt_failure no = WEIR_CKPT_OK;

	if (c->job == WEIR_COORD_STOPPED)
		no = WEIR_CKPT_CHECKPOINT_COORDINATOR_SHUTDOWN;
	else if (c->job == WEIR_COORD_STOPPING || (c->job == WEIR_COORD_RUNNING && t.sync))
		no = WEIR_CKPT_CHECKPOINT_COORDINATOR_SUSPEND;
	else if (c->job != WEIR_COORD_RUNNING)
		no = WEIR_CKPT_NOT_ALL_REQUIRED_TASKS_RUNNING;
	else if (ev->snapshot == WEIR_COORD_CHECKPOINT ? c->nqueued == WEIR_COORD_QUEUE_MAX : t.others >= SAVEPOINTS_MAX)
		no = WEIR_CKPT_TOO_MANY_CHECKPOINT_REQUESTS;
	if (no != WEIR_CKPT_OK)
		answer(out, ev->request, -1, ev->snapshot, no);
	else if (ev->snapshot == WEIR_COORD_CHECKPOINT)
		c->queue[c->nqueued++] = ev->request;
	else
		trigger(c, ev->snapshot, &ev->request, -1, out);
}

static void job_event(struct weir_coordinator *c, enum weir_coordinator_job to, struct weir_coordinator_actions *out)
{
	set_job(c, to);
	if (to == WEIR_COORD_RUNNING) {
		c->due_ms = c->cfg.interval_ms > 0 ? later(c->now_ms, c->cfg.interval_ms) : INT64_MAX;
		c->final_ms = c->now_ms;
		c->failures = 0;
		return;
	}
	abandon_all(c, to == WEIR_COORD_STOPPED ? WEIR_CKPT_CHECKPOINT_COORDINATOR_SHUTDOWN : WEIR_CKPT_TASK_FAILURE, out);
	if (to == WEIR_COORD_RESTARTING) {
		memset(c->finished, 0, c->words * sizeof(*c->finished));
		memset(c->ended, 0, c->words * sizeof(*c->ended));
		c->nfinished = c->nended = 0;
	}
}

static void expire(struct weir_coordinator *c, struct weir_coordinator_actions *out)
{
	struct weir_coordinator_pending *p;

	for (int64_t id = -1; (p = next_pending(c, id)); id = p->ckpt)
		if (p->state == WEIR_COORD_COLLECTING && c->now_ms >= p->expires_ms)
			fail_pending(c, p, WEIR_CKPT_CHECKPOINT_EXPIRED, false, out);
}

static bool wants_final(const struct weir_coordinator *c) { return c->cfg.final_checkpoint && c->nended == c->nsources; }

/* When the next periodic checkpoint may start. */
static int64_t next_periodic(const struct weir_coordinator *c)
{
	int64_t pause = c->last_done_ms == INT64_MIN ? INT64_MIN : later(c->last_done_ms, c->cfg.min_pause_ms);

	return c->due_ms > pause ? c->due_ms : pause;
}

/* Trigger what is due and allowed; returns when to look again. */
static int64_t pump(struct weir_coordinator *c, struct weir_coordinator_actions *out)
{
	struct tally t = count_pending(c);

	if (c->job != WEIR_COORD_RUNNING || t.sync)
		return INT64_MAX;
	while (c->nqueued && t.checkpoints < c->cfg.max_concurrent && t.room) {
		uint64_t request = c->queue[0];

		memmove(c->queue, c->queue + 1, --c->nqueued * sizeof(c->queue[0]));
		trigger(c, WEIR_COORD_CHECKPOINT, &request, -1, out);
		t = count_pending(c);
	}
	if (!t.room)
		return INT64_MAX;
	if (wants_final(c)) {
		if (t.final)
			return INT64_MAX;
		if (c->now_ms < c->final_ms)
			return c->final_ms;
		trigger(c, WEIR_COORD_FINAL, NULL, -1, out);
		return INT64_MAX;
	}
	if (c->cfg.interval_ms <= 0 || t.checkpoints >= c->cfg.max_concurrent)
		return INT64_MAX;
	if (c->now_ms >= next_periodic(c)) {
		trigger(c, WEIR_COORD_CHECKPOINT, NULL, -1, out);
		c->due_ms = later(c->due_ms, c->cfg.interval_ms);
		if (c->due_ms <= c->now_ms)
			c->due_ms = later(c->now_ms, c->cfg.interval_ms);
		if (t.checkpoints + 1 >= c->cfg.max_concurrent)
			return INT64_MAX;
	}
	return next_periodic(c);
}

static int check_event(struct weir_coordinator *c, const struct weir_coordinator_event *ev, struct weir_error *err)
{
	bool task = ev->kind == WEIR_COORD_ACK || ev->kind == WEIR_COORD_DECLINE || ev->kind == WEIR_COORD_SOURCE_ENDED ||
		    ev->kind == WEIR_COORD_TASK_FINISHED;

	if (task && ev->task >= c->ntasks)
		return weir_error_set(err, WEIR_EBUG, "coordinator: event of task %u, but the job has %u tasks", ev->task, c->ntasks);
	if (ev->kind == WEIR_COORD_SOURCE_ENDED && !bit(c->source, ev->task))
		return weir_error_set(err, WEIR_EBUG, "coordinator: task %u ended as a source, but it is not one", ev->task);
	if (ev->kind == WEIR_COORD_REQUEST && (unsigned)ev->snapshot >= WEIR_COORD_FINAL)
		return weir_error_set(err, WEIR_EBUG, "coordinator: request %llu asks for kind %d", (unsigned long long)ev->request, (int)ev->snapshot);
	if (ev->kind == WEIR_COORD_WRITTEN && !find(c, ev->ckpt, WEIR_COORD_WRITING))
		return weir_error_set(err, WEIR_EBUG, "coordinator: checkpoint %lld was written, but its metadata was not asked for", (long long)ev->ckpt);
	if (ev->kind == WEIR_COORD_JOB && (!weir_coordinator_job_may(c->job, ev->job) || ev->job == WEIR_COORD_STOPPING || ev->job == WEIR_COORD_FAILING))
		return weir_error_set(err, WEIR_EBUG, "coordinator: the job cannot go from %s to %s", weir_coordinator_job_name(c->job),
				      weir_coordinator_job_name(ev->job));
	return 0;
}

int weir_coordinator_step(struct weir_coordinator *c, const struct weir_coordinator_event *ev, struct weir_coordinator_actions *out,
			  struct weir_error *err)
{
	struct weir_coordinator_pending *p;
	int code;

	out->count = 0;
	out->next_wake_ms = INT64_MAX;
	code = check_event(c, ev, err);
	if (code)
		return code;
	if (ev->now_ms > c->now_ms)
		c->now_ms = ev->now_ms;
	switch (ev->kind) {
	case WEIR_COORD_TICK: break;
	case WEIR_COORD_REQUEST: request_event(c, ev, out); break;
	case WEIR_COORD_ACK:
	case WEIR_COORD_DECLINE:
	case WEIR_COORD_SOURCE_ENDED:
	case WEIR_COORD_TASK_FINISHED: task_event(c, ev, out); break;
	case WEIR_COORD_WRITTEN:
		p = find(c, ev->ckpt, WEIR_COORD_WRITING);
		if (ev->reason == WEIR_CKPT_OK)
			complete(c, p, out);
		else
			fail_pending(c, p, is_failure(ev->reason) ? ev->reason : WEIR_CKPT_FINALIZE_CHECKPOINT_FAILURE, false, out);
		break;
	case WEIR_COORD_JOB: job_event(c, ev->job, out); break;
	}
	expire(c, out);
	out->next_wake_ms = pump(c, out);
	for (int64_t id = -1; (p = next_pending(c, id)); id = p->ckpt)
		if (p->state == WEIR_COORD_COLLECTING && p->expires_ms < out->next_wake_ms)
			out->next_wake_ms = p->expires_ms;
	return 0;
}

/* ---- life ---- */
static int check_config(const struct weir_coordinator_config *cfg, uint32_t ntasks, uint32_t nsources, struct weir_error *err)
{
	if (cfg->interval_ms < 0)
		return weir_error_set(err, WEIR_EINVALID, "execution.checkpointing.interval is %lld ms: give 0 (no periodic checkpoints) or more",
				      (long long)cfg->interval_ms);
	if (cfg->min_pause_ms < 0)
		return weir_error_set(err, WEIR_EINVALID, "execution.checkpointing.min-pause is %lld ms: give 0 or more", (long long)cfg->min_pause_ms);
	if (cfg->timeout_ms < 0)
		return weir_error_set(err, WEIR_EINVALID, "execution.checkpointing.timeout is %lld ms: give 0 (never) or more", (long long)cfg->timeout_ms);
	if (cfg->max_concurrent < 1 || cfg->max_concurrent > WEIR_COORD_CONCURRENT_MAX)
		return weir_error_set(err, WEIR_EINVALID, "execution.checkpointing.max-concurrent-checkpoints is %u: give 1 to %d", cfg->max_concurrent,
				      WEIR_COORD_CONCURRENT_MAX);
	if (cfg->first_id < 1)
		return weir_error_set(err, WEIR_EINVALID, "the first checkpoint id is %lld: ids start at 1", (long long)cfg->first_id);
	if (ntasks < 1 || ntasks > TASKS_MAX || nsources < 1)
		return weir_error_set(err, WEIR_EINVALID, "a job has 1 to %u tasks, at least one of them a source: got %u with %u sources", TASKS_MAX, ntasks,
				      nsources);
	return 0;
}

int weir_coordinator_init(struct weir_coordinator *c, const struct weir_coordinator_config *cfg, uint32_t ntasks, const bool *is_source,
			  struct weir_error *err)
{
	uint32_t nsources = 0, words = (ntasks + 63) / 64;
	uint64_t *mem;
	int code;

	for (uint32_t i = 0; i < ntasks && i < TASKS_MAX; i++)
		nsources += is_source[i];
	code = check_config(cfg, ntasks, nsources, err);
	if (code)
		return code;
	mem = calloc((size_t)words * (3 + WEIR_COORD_PENDING_MAX), sizeof(*mem));
	if (!mem)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for the checkpoint coordinator of %u tasks", ntasks);
	*c = (struct weir_coordinator){ .cfg = *cfg, .ntasks = ntasks, .nsources = nsources, .words = words, .words_mem = mem,
					.source = mem, .ended = mem + words, .finished = mem + 2 * (size_t)words,
					.next_id = cfg->first_id, .completed_id = -1, .success_id = -1,
					.now_ms = INT64_MIN, .due_ms = INT64_MAX, .last_done_ms = INT64_MIN, .final_ms = INT64_MIN };
	if (cfg->min_pause_ms > 0)
		c->cfg.max_concurrent = 1;
	for (uint32_t i = 0; i < ntasks; i++)
		if (is_source[i])
			set_bit(c->source, i);
	for (uint32_t i = 0; i < WEIR_COORD_PENDING_MAX; i++)
		c->pending[i].acked = mem + (3 + (size_t)i) * words;
	return 0;
}

void weir_coordinator_fini(struct weir_coordinator *c)
{
	free(c->words_mem);
	memset(c, 0, sizeof(*c));
}
