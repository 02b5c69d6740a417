// SPDX-License-Identifier: Apache-2.0
/*
 * The tasks of a job: does the restored state fit, make and connect them, start them, take them down.
 *
 * Channels: each edge between vertices gives the consumer's subtask one channel per producer's subtask that may send to it (FORWARD: one). Producers
 * number theirs from output->first, in the order of consumer subtasks.
 */
#include "runtime/job_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- does a checkpoint fit? ---- */

static bool has_state(const struct weir_operator_state *o)
{
	if (o->coordinator.kind != WEIR_HANDLE_NONE)
		return true;
	for (uint32_t i = 0; i < o->nsubtasks; i++) {
		const struct weir_subtask_state *s = &o->subtasks[i];

		if (s->managed_operator.present || s->raw_operator.present || s->managed_keyed.kind || s->raw_keyed.kind || s->ninputs || s->noutputs)
			return true;
	}
	return false;
}

static struct weir_node *node_of(struct weir_plan *p, const struct weir_operator_id *id)
{
	for (size_t i = 0; i < p->env->nodes.len; i++)
		if (memcmp(p->env->nodes.items[i]->op_id.bytes, id->bytes, 16) == 0)
			return p->env->nodes.items[i];
	return NULL;
}

static int name_strangers(struct weir_job *j, const struct weir_ckpt *c, struct weir_error *err)
{
	char list[500] = "";
	size_t n = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->noperators; i++) {
		const struct weir_operator_state *o = &c->operators[i];
		char id[33];

		if (node_of(j->plan, &o->id) || !has_state(o))
			continue;
		weir_operator_id_hex(&o->id, id);
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s%.*s%s", count ? ", " : "", id, (int)(o->uid.len ? o->uid.len : 0),
					      (const char *)o->uid.ptr, "");
		count++;
	}
	if (count == 0 || j->cfg.allow_non_restored)
		return 0;
	return weir_error_at(err, WEIR_EINCOMPATIBLE, c->path, WEIR_NO_OFFSET,
			     "%u operator%s of this snapshot %s not in the job: %s. Is it another job's? If the state may be dropped, add -n (--allowNonRestoredState); "
			     "if an operator was renamed, give it its old uid", count, count == 1 ? "" : "s", count == 1 ? "is" : "are", list);
}

int weir__job_check_fit(struct weir_job *j, const struct weir_ckpt *c, struct weir_error *err)
{
	int code = name_strangers(j, c, err);

	for (uint32_t i = 0; i < c->noperators && !code; i++) {
		struct weir_node *n = node_of(j->plan, &c->operators[i].id);

		if (!n || !has_state(&c->operators[i]))
			continue;
		code = weir_assign_check(&c->operators[i], n->parallelism, j->cfg.max_parallelism, &n->max_parallelism, err);
		if (code)
			weir_error_wrap(err, "operator '%s'", n->uid);
	}
	return code;
}

/* ---- making and connecting ---- */

static void on_task_event(void *job, const struct weir_task_event *e)
{
	struct weir_job *j = job;
	struct weir_job_event *copy = calloc(1, sizeof(*copy));

	if (!copy)
		abort();
	copy->kind = WEIR_JOB_EV_TASK;
	copy->generation = j->generation; /* tasks of an older start are gone before the number changes */
	copy->task = *e;
	weir__job_post(j, copy);
}

static uint32_t first_task(const struct weir_plan *p, uint32_t vertex)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < vertex; v++)
		n += p->vertices[v].parallelism;
	return n;
}

static uint32_t inputs_of(const struct weir_node *head)
{
	uint32_t n = 0;

	for (uint32_t e = 0; e < head->nedges; e++)
		n += head->edges[e].exchange == WEIR_FORWARD ? 1 : head->edges[e].from->parallelism;
	return n;
}

/* The output of the producer's task that feeds this edge of this consumer. */
static struct weir_output *output_for(struct weir_task *from, const struct weir_edge *e, const struct weir_node *to)
{
	struct weir_op_slot *slot = &from->ops[e->from->chain_index];

	for (uint32_t o = 0; o < slot->noutputs; o++)
		if (slot->outputs[o].consumer == to && slot->outputs[o].edge == e)
			return &slot->outputs[o];
	return NULL;
}

static void connect(struct weir_channel *ch, struct weir_task *from, uint32_t out, struct weir_task *to, uint32_t in)
{
	ch->producer = &from->actor;
	ch->consumer = &to->actor;
	from->out[out] = ch;
	to->in[in] = ch;
}

static void connect_task(struct weir_job *j, struct weir_task *to, struct weir_channel **next)
{
	const struct weir_node *head = to->vertex->nodes[0];
	uint32_t in = 0;

	for (uint32_t e = 0; e < head->nedges; e++) {
		const struct weir_edge *edge = &head->edges[e];
		uint32_t base = first_task(j->plan, edge->from->vertex);
		bool forward = edge->exchange == WEIR_FORWARD;

		for (uint32_t p = forward ? to->subtask : 0; p < (forward ? to->subtask + 1 : edge->from->parallelism); p++) {
			struct weir_task *from = j->tasks[base + p];
			struct weir_output *o = output_for(from, edge, head);

			connect((*next)++, from, o->first + (forward ? 0 : to->subtask), to, in++);
		}
	}
}

static int make_inputs(struct weir_task *t, bool exactly_once, struct weir_error *err)
{
	uint8_t *gate;

	t->nin = inputs_of(t->vertex->nodes[0]);
	if (t->nin == 0)
		return 0;
	if (t->nin > WEIR_GATE_CHANNELS_MAX)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "operator '%s' would have %u input channels in each subtask; up to %u are possible: lower the parallelism",
				      t->vertex->nodes[0]->uid, t->nin, WEIR_GATE_CHANNELS_MAX);
	t->in = weir_arena_zero(&t->arena, t->nin * sizeof(*t->in));
	gate = weir_arena_zero(&t->arena, t->nin);
	t->started_in = weir_arena_zero(&t->arena, t->nin * sizeof(*t->started_in));
	t->waiting_in = t->nin;
	if (!t->in || !gate || !t->started_in)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	weir_gate_init(&t->gate, t->nin, exactly_once, gate);
	return weir_watermark_merge_init(&t->merge, t->nin, err);
}

int weir__job_build(struct weir_job *j, struct weir_error *err)
{
	const struct weir_plan *p = j->plan;
	struct weir_channel *next;
	uint32_t n = 0;
	int code = 0;

	j->tasks = calloc(p->ntasks, sizeof(*j->tasks));
	if (!j->tasks)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	j->nchannels = 0;
	for (uint32_t v = 0; v < p->nvertices && !code; v++) {
		for (uint32_t s = 0; s < p->vertices[v].parallelism && !code; s++) {
			struct weir_task *t = weir_task_new(p, &p->vertices[v], s, n, j->host, weir_rng_next(&j->rng));

			if (!t)
				return weir_error_set(err, WEIR_ENOMEM, "out of memory");
			j->tasks[n++] = t;
			t->restore = j->restore;
			t->finished_before = j->finished_before;
			t->tell = on_task_event;
			t->job = j;
			for (uint32_t i = 0; i < t->nops; i++) {
				t->ops[i].op->job_id = j->cfg.job_id;
				t->ops[i].op->attempt = j->attempt;
				t->ops[i].op->locked_dir = j->store ? weir_store_dir(j->store) : NULL;
			}
			code = make_inputs(t, j->cfg.exactly_once, err);
			j->nchannels += t->nin;
		}
	}
	if (code)
		return code;
	if (j->nchannels) {
		j->channels = aligned_alloc(64, j->nchannels * sizeof(*j->channels));
		if (!j->channels)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
		memset(j->channels, 0, j->nchannels * sizeof(*j->channels));
	}
	next = j->channels;
	for (uint32_t i = 0; i < n; i++)
		connect_task(j, j->tasks[i], &next);
	return 0;
}

/* Tasks from this one on have no thread: they count as done. */
static void never_run(struct weir_job *j, uint32_t from)
{
	for (uint32_t i = from; i < j->plan->ntasks; i++) {
		j->ndone++;
		j->tasks[i]->state = WEIR_TASK_CANCELED;
	}
}

int weir__job_launch(struct weir_job *j, struct weir_error *err)
{
	uint32_t n = j->plan->ntasks;

	j->ndone = j->nrunning = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (j->host->ops->prepare(j->host, &j->tasks[i]->actor))
			continue;
		never_run(j, 0);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	for (uint32_t i = 0; i < n; i++) {
		if (j->host->ops->start(j->host, &j->tasks[i]->actor))
			continue;
		never_run(j, i);
		return weir_error_set(err, WEIR_EIO, "cannot start a thread for task %s", j->tasks[i]->actor.name);
	}
	return 0;
}

void weir__job_mail_all(struct weir_job *j, enum weir_mail_kind kind, int64_t id)
{
	struct weir_mail m = { .kind = kind, .id = id };

	for (uint32_t i = 0; j->tasks && i < j->plan->ntasks; i++)
		weir_task_mail(j->tasks[i], &m);
}

bool weir__job_tasks_quiet(struct weir_job *j)
{
	if (!j->tasks)
		return true;
	if (j->ndone < j->plan->ntasks)
		return false;
	for (uint32_t i = 0; i < j->plan->ntasks; i++)
		if (atomic_load(&j->tasks[i]->inflight))
			return false;
	return atomic_load(&j->works) == 0;
}

static void add_total(struct weir_job *j, const struct weir_accumulator *a)
{
	struct weir_accumulator *to = NULL;

	for (size_t i = 0; i < j->totals.len && !to; i++)
		if (strcmp(j->totals.items[i].name, a->name) == 0)
			to = &j->totals.items[i];
	if (!to) {
		to = weir_vec_push(&j->totals);
		if (!to)
			return;
		*to = *a;
		to->value = 0;
	}
	to->value += a->value;
}

void weir__job_teardown(struct weir_job *j)
{
	uint32_t n = j->plan->ntasks;

	if (!j->tasks)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (j->tasks[i] && j->tasks[i]->actor.host_data)
			j->host->ops->join(j->host, &j->tasks[i]->actor);
	for (uint32_t i = 0; i < j->nchannels && j->channels; i++)
		if (j->channels[i].consumer)
			weir_channel_discard(&j->channels[i]);
	pthread_mutex_lock(&j->lock);
	j->totals.len = 0; /* a restarted job counts from its restored state on */
	for (uint32_t i = 0; i < n; i++)
		for (struct weir_accumulator *a = j->tasks[i] ? j->tasks[i]->accumulators : NULL; a; a = a->next)
			add_total(j, a);
	pthread_mutex_unlock(&j->lock);
	for (uint32_t i = 0; i < n; i++) {
		if (j->tasks[i] && j->tasks[i]->actor.host_data)
			j->host->ops->release(j->host, &j->tasks[i]->actor);
		weir_task_free(j->tasks[i]);
	}
	free(j->tasks);
	free(j->channels);
	j->tasks = NULL;
	j->channels = NULL;
	j->nchannels = 0;
}
