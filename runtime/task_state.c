// SPDX-License-Identifier: Apache-2.0
/*
 * The state of a task: what falls to it from a restored checkpoint, and its part of a new one.
 *
 * A snapshot has a synchronous part on the task's thread (operator lists are serialized, the backend marks its blocks: constant time) and an asynchronous
 * part on an I/O thread, which writes one stream per operator list set and per keyed state and hands the handles to the job. Everything the asynchronous
 * part needs is in struct snapshot_work; the task only learns that it is over.
 */
#include "runtime/task.h"

#include <stdlib.h>

#include "state/flink/oper.h"

/* ---- restore ---- */

static int open_backend(struct weir_task *t, struct weir_op_slot *slot, struct weir_error *err)
{
	const struct weir_node *n = slot->op->node;
	struct weir_key_group_range range = weir_key_group_range_of(n->max_parallelism, n->parallelism, t->subtask);
	struct weir_backend_config config = { .key = n->key->type, .max_parallelism = n->max_parallelism, .first_group = (int32_t)range.first,
					      .ngroups = range.last - range.first + 1 };
	struct weir_assign_keyed *handles;
	uint32_t count;
	int code = weir_backend_open_hashmap(&config, &slot->op->backend, err);

	if (code || !slot->restored)
		return code;
	count = weir_assign_keyed(slot->restored, false, n->parallelism, t->subtask, NULL, 0);
	handles = weir_arena_zero(&t->arena, count * sizeof(*handles) + 1);
	if (!handles)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	weir_assign_keyed(slot->restored, false, n->parallelism, t->subtask, handles, count);
	for (uint32_t i = 0; i < count && !code; i++)
		code = weir_backend_restore(slot->op->backend, t->restore, handles[i].handle, err);
	return code;
}

static int find_pieces(struct weir_task *t, struct weir_op_slot *slot, struct weir_error *err)
{
	struct weir_assign_plan *plan;
	int code = weir_assign_plan_new(slot->restored, false, slot->op->node->parallelism, &t->arena, &plan, err);

	if (code)
		return code;
	slot->npieces = weir_assign_plan_pieces(plan, t->subtask, NULL, 0);
	slot->pieces = weir_arena_zero(&t->arena, slot->npieces * sizeof(*slot->pieces) + 1);
	if (!slot->pieces)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	weir_assign_plan_pieces(plan, t->subtask, slot->pieces, slot->npieces);
	return 0;
}

/*
 * Which subtasks had finished (all their input had ended, and finish() had run) when the snapshot was taken: union list "finished", Tuple2 of longs: subtask,
 * parallelism. Written only then. What they emitted at the end is in the snapshot, so it must not come again: not from the subtask of that number, and from
 * none when all had finished. (Flink goes on with a list that it does not know as it is, and its own finish() writes what is buffered in state, which is empty.)
 */
struct finished {
	int64_t subtask, parallelism;
};
static struct weir_field finished_fields[] = { { "f0", &weir_int64, 0 }, { "f1", &weir_int64, 0 } };
static struct weir_type finished_type = { .kind = WEIR_TUPLE, .size = sizeof(struct finished), .align = _Alignof(struct finished), .name = "finished",
					  .fields = finished_fields, .nfields = 2, .null_offset = WEIR_NO_NULLS };

struct finished_search {
	uint32_t subtask;
	int64_t found;
	bool all, own;
};

static int find_finished(void *arg, const void *value, struct weir_error *err)
{
	struct finished_search *s = arg;
	const struct finished *f = value;

	(void)err;
	s->own |= f->subtask == s->subtask;
	s->all |= ++s->found >= f->parallelism;
	return 0;
}

static int restore_finished(struct weir_task *t, struct weir_op_slot *slot, struct weir_error *err)
{
	struct finished_search s = { .subtask = t->subtask };
	int code = 0;

	if (slot->restored && slot->op->ops->finish)
		code = weir_op_restored(slot->op, "finished", &finished_type, find_finished, &s, err);
	slot->finished = s.own || s.all || t->finished_before || (slot->restored && slot->restored->fully_finished);
	return code;
}

static int snapshot_finished(struct weir_task *t, const struct weir_op_slot *slot, struct weir_op_snapshot *out, struct weir_error *err)
{
	struct finished f = { t->subtask, slot->op->parallelism };
	int code = weir_op_snapshot_list(out, "finished", &finished_type, WEIR_UNION, err);

	return code ? code : weir_op_snapshot_add(out, &f, err);
}

int weir__task_restore(struct weir_task *t, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < t->nops && !code; i++) {
		struct weir_op_slot *slot = &t->ops[i];

		if (t->restore)
			slot->restored = weir_ckpt_operator(t->restore, &slot->op->node->op_id);
		if (slot->restored)
			code = find_pieces(t, slot, err);
		if (!code)
			code = restore_finished(t, slot, err);
		if (!code && slot->op->ops->keyed)
			code = open_backend(t, slot, err);
		if (code)
			weir__blame(slot->op, code, err);
	}
	return code;
}

bool weir_op_is_restored(const struct weir_op *op)
{
	return op->task->ops[op->node->chain_index].restored != NULL;
}

struct reading { /* one piece of one list */
	struct weir_type *want;
	const struct weir_assign_piece *piece;
	weir_op_element_fn *fn;
	void *arg;
	const char *path;
	struct weir_arena mem;
	struct weir_error *err;
};

static int one_element(void *arg, const struct weir_entry *e)
{
	struct reading *r = arg;
	struct weir_src src = weir_src_of(e->value, r->path, 0);
	void *value;
	int code;

	if (e->index < (int32_t)r->piece->first || e->index >= (int32_t)(r->piece->first + r->piece->count))
		return 0;
	weir_arena_reset(&r->mem);
	value = weir_arena_zero(&r->mem, r->want->size + 1);
	if (!value)
		return weir_error_set(r->err, WEIR_ENOMEM, "out of memory");
	code = weir_type_read(r->want, &src, &r->mem, value, r->err);
	return code ? code : r->fn(r->arg, value, r->err);
}

static bool same_name(struct weir_slice a, const char *b)
{
	return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

static int read_piece(struct weir_op *op, const struct weir_assign_piece *p, struct weir_type *type, weir_op_element_fn *fn, void *arg, struct weir_error *err)
{
	struct reading r = { .want = type, .piece = p, .fn = fn, .arg = arg, .err = err };
	struct weir_oper_header *header = NULL;
	struct weir_arena mem = { 0 };
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	char *path = NULL;
	int code = weir_ckpt_bytes(op->task->restore, &p->handle->stream, &map, &bytes, &path, err);

	if (!code)
		code = weir_oper_read_header(bytes, path, p->handle, &mem, &header, err);
	for (uint32_t i = 0; !code && i < header->nstates; i++) {
		char why[300] = "";

		if (!same_name(p->list->name, header->states[i].name))
			continue;
		if (weir_type_compat(header->states[i].value, type, why, sizeof(why)) != WEIR_COMPAT_AS_IS)
			code = weir_error_set(err, WEIR_EINCOMPATIBLE, "operator state '%s' was stored with another type: %s", header->states[i].name, why);
		else if (p->list->mode != WEIR_BROADCAST) {
			r.path = path;
			code = weir_oper_read(bytes, path, p->handle, header, i, one_element, &r, err);
		}
		break;
	}
	weir_arena_fini(&r.mem);
	weir_arena_fini(&mem);
	weir_fs_unmap(map);
	free(path);
	return code;
}

int weir_op_restored(struct weir_op *op, const char *name, struct weir_type *type, weir_op_element_fn *fn, void *arg, struct weir_error *err)
{
	struct weir_op_slot *slot = weir__slot_of(op);
	int code = weir_type_prepare(type, err);

	for (uint32_t i = 0; i < slot->npieces && !code; i++)
		if (same_name(slot->pieces[i].list->name, name) && slot->pieces[i].count)
			code = read_piece(op, &slot->pieces[i], type, fn, arg, err);
	return code;
}

/* ---- snapshot: the synchronous part ---- */

struct list {
	struct weir_oper_meta meta;
	WEIR_VEC(size_t) ends; /* of each element in bytes */
	struct weir_buf bytes;
};

struct weir_op_snapshot {
	WEIR_VEC(struct list) lists;
};

struct snapshot_work {
	struct weir_work work;
	struct weir_task *task;
	struct weir_ckpt_request *request;
	struct weir_rng rng;
	struct weir_snapshot *keyed;     /* of op 0, the only one that can be keyed */
	int32_t first_group;
	uint32_t ngroups;
	uint32_t nops;
	struct weir_op_snapshot ops[];
};

int weir_op_snapshot_list(struct weir_op_snapshot *s, const char *name, struct weir_type *type, enum weir_distribution mode, struct weir_error *err)
{
	struct list *l = weir_vec_push(&s->lists);
	char *copy = strdup(name);

	if (!l || !copy) {
		free(copy);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	*l = (struct list){ .meta = { .name = copy, .mode = mode, .value = type } };
	return weir_type_prepare(type, err);
}

int weir_op_snapshot_add(struct weir_op_snapshot *s, const void *value, struct weir_error *err)
{
	struct list *l = &s->lists.items[s->lists.len - 1];
	int code = weir_type_write(l->meta.value, value, &l->bytes, err);
	size_t *end = code ? NULL : weir_vec_push(&l->ends);

	if (code)
		return code;
	if (!end || weir_buf_error(&l->bytes))
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for operator state '%s'", l->meta.name);
	*end = l->bytes.len;
	return 0;
}

static void free_work(struct snapshot_work *w)
{
	for (uint32_t i = 0; i < w->nops; i++) {
		for (size_t k = 0; k < w->ops[i].lists.len; k++) {
			struct list *l = &w->ops[i].lists.items[k];

			free((char *)(uintptr_t)l->meta.name);
			weir_vec_fini(&l->ends);
			weir_buf_fini(&l->bytes);
		}
		weir_vec_fini(&w->ops[i].lists);
	}
	weir_ckpt_request_unref(w->request);
	free(w);
}

/* ---- snapshot: the asynchronous part ---- */

/* A weir_put_fn between a snapshot and its stream: nobody waits for what has been given up. */
struct sink {
	struct weir_state_out *out;
	const struct weir_ckpt_request *request;
};

static int put_wanted(void *arg, const void *p, size_t n, struct weir_error *err)
{
	struct sink *s = arg;

	if (atomic_load_explicit(&s->request->aborted, memory_order_relaxed))
		return weir_error_set(err, WEIR_ECANCELED, "the checkpoint was aborted");
	return weir_state_out_put(s->out, p, n, err);
}

static int write_lists(struct snapshot_work *w, struct weir_op_snapshot *s, struct weir_arena *mem, struct weir_subtask_state *sub, struct weir_error *err)
{
	struct weir_oper_state *states = weir_arena_zero(mem, s->lists.len * sizeof(*states) + 1);
	struct weir_state_out *out;
	struct weir_buf b = { 0 };
	int code = 0;

	if (!states)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	for (size_t i = 0; i < s->lists.len; i++) {
		struct list *l = &s->lists.items[i];
		struct weir_slice *e = weir_arena_zero(mem, l->ends.len * sizeof(*e) + 1);
		size_t from = 0;

		if (!e)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
		for (size_t k = 0; k < l->ends.len; k++) {
			e[k] = (struct weir_slice){ l->bytes.data + from, l->ends.items[k] - from };
			from = l->ends.items[k];
		}
		states[i] = (struct weir_oper_state){ l->meta, (uint32_t)l->ends.len, e };
		states[i].meta.name = weir_arena_text(mem, l->meta.name, strlen(l->meta.name)); /* the handle's names point to it */
	}
	code = weir_oper_write((uint32_t)s->lists.len, states, w->request->oper_version, &b, mem, &sub->managed_operator, err);
	if (!code)
		code = weir_state_out_open(w->request->target, &w->rng, &out, err);
	if (!code) {
		code = weir_state_out_put(out, b.data, b.len, err);
		if (code)
			weir_state_out_abort(out);
		else
			code = weir_state_out_close(out, mem, &sub->managed_operator.stream, err);
	}
	if (!code)
		sub->managed_operator.present = true;
	atomic_fetch_add(&w->request->bytes, b.len);
	weir_buf_fini(&b);
	return code;
}

static int write_keyed(struct snapshot_work *w, struct weir_arena *mem, struct weir_subtask_state *sub, struct weir_error *err)
{
	struct weir_keyed_handle *h = &sub->managed_keyed;
	struct sink sink = { .request = w->request };
	uint64_t size = 0;
	char uuid[37];
	int code;

	h->groups = (struct weir_key_group_offsets){ w->first_group, w->ngroups, weir_arena_zero(mem, w->ngroups * sizeof(int64_t)) };
	if (!h->groups.offsets)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	code = weir_state_out_open(w->request->target, &w->rng, &sink.out, err);
	if (code)
		return code;
	code = weir_snapshot_write(w->keyed, w->request->format, put_wanted, &sink, h->groups.offsets, &size, err);
	if (code) {
		weir_state_out_abort(sink.out);
		return code;
	}
	code = weir_state_out_close(sink.out, mem, &h->stream, err);
	weir_rng_uuid(&w->rng, uuid);
	h->kind = w->request->format == WEIR_FORMAT_FULL ? WEIR_KEYED_SAVEPOINT : WEIR_KEYED_GROUPS;
	if (h->kind == WEIR_KEYED_GROUPS)
		h->id = (struct weir_slice){ (const uint8_t *)weir_arena_text(mem, uuid, 36), 36 };
	atomic_fetch_add(&w->request->bytes, size);
	return code;
}

static int write_all(struct snapshot_work *w, struct weir_task_ack *ack, struct weir_error *err)
{
	int code = 0;

	ack->nops = w->nops;
	ack->ops = weir_arena_zero(&ack->arena, w->nops * sizeof(*ack->ops));
	if (!ack->ops)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < w->nops && !code; i++) {
		ack->ops[i].index = w->task->subtask;
		if (!w->request->target)
			continue;
		if (atomic_load(&w->request->aborted))
			return weir_error_set(err, WEIR_ECANCELED, "the checkpoint was aborted");
		if (w->ops[i].lists.len)
			code = write_lists(w, &w->ops[i], &ack->arena, &ack->ops[i], err);
		if (!code && i == 0 && w->keyed)
			code = write_keyed(w, &ack->arena, &ack->ops[i], err);
	}
	return code;
}

static void run_work(struct weir_work *base)
{
	struct snapshot_work *w = (struct snapshot_work *)base;
	struct weir_task *t = w->task;
	struct weir_task_event e = { .kind = WEIR_TASK_ACK, .task = t->number, .ckpt = w->request->id, .err = WEIR_ERROR_INIT };
	struct weir_mail mail = { .kind = WEIR_MAIL_SNAPSHOT_DONE, .id = w->request->id, .snapshot = w->keyed };

	e.ack = calloc(1, sizeof(*e.ack));
	if (!e.ack || write_all(w, e.ack, &e.err) != 0) {
		weir_task_ack_free(e.ack);
		e.ack = NULL;
		e.kind = WEIR_TASK_DECLINE;
		e.reason = WEIR_CKPT_CHECKPOINT_ASYNC_EXCEPTION;
	}
	free_work(w); /* lets go of the request before the job hears of it */
	t->tell(t->job, &e);
	if (mail.snapshot)
		weir_task_mail(t, &mail);
	atomic_fetch_sub(&t->inflight, 1); /* the last touch: the job frees no task before */
}

int weir__task_snapshot(struct weir_task *t, struct weir_ckpt_request *r, struct weir_error *err)
{
	struct snapshot_work *w = calloc(1, sizeof(*w) + t->nops * sizeof(w->ops[0]));
	struct weir_backend *backend = t->ops[0].op->backend;
	/* a drain is no end: who goes on from it reads the rest */
	bool at_end = t->state == WEIR_TASK_ENDED && r->kind != WEIR_COORD_DRAIN && r->kind != WEIR_COORD_TERMINATE;
	int code = 0;

	if (!w)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	w->work.fn = run_work;
	w->task = t;
	w->request = weir_ckpt_request_ref(r);
	w->rng.state = weir_rng_next(&t->rng);
	w->nops = t->nops;
	for (uint32_t i = 0; i < t->nops && !code; i++) {
		struct weir_op *op = t->ops[i].op;

		weir__current_op = op;
		if (op->ops->snapshot)
			code = op->ops->snapshot(op, r->id, &w->ops[i], err);
		weir__current_op = NULL;
		if (!code && at_end && op->ops->finish)
			code = snapshot_finished(t, &t->ops[i], &w->ops[i], err);
		if (code)
			weir__blame(op, code, err);
	}
	if (!code && backend && r->target) {
		struct weir_key_group_range range = weir_key_group_range_of(t->ops[0].op->max_parallelism, t->vertex->parallelism, t->subtask);

		w->first_group = (int32_t)range.first;
		w->ngroups = range.last - range.first + 1;
		code = weir_backend_snapshot(backend, &w->keyed, err);
	}
	if (code) {
		free_work(w);
		return code;
	}
	t->running_snapshot = w->keyed;
	t->last_snapshot_id = r->id;
	atomic_fetch_add(&t->inflight, 1);
	t->actor.host->ops->submit(t->actor.host, &w->work);
	return 0;
}

void weir__task_snapshot_done(struct weir_task *t, struct weir_snapshot *s)
{
	weir_snapshot_end(s);
	if (t->running_snapshot == s)
		t->running_snapshot = NULL;
}
