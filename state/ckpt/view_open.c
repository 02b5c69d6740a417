/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the parts of a view: one per handle, in the order of a scan, with their bytes, decoded metadata and descriptions of states.
 *
 * 1. Only running out of memory fails the whole; whatever else is wrong with a handle is kept in its part.
 * 2. `layouts` is the table of keyed layouts: a new one is a row and a file.
 */
#include "state/ckpt/view_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "state/flink/keyed_priv.h"
#include "state/flink/snapshot.h"
#include "state/flink/timers_raw.h"

static const struct weir__layout layouts[] = {
	{ WEIR_KEYED_GROUPS_OLD, weir__groups_open, weir__groups_scan, NULL },
	{ WEIR_KEYED_SAVEPOINT, weir__groups_open, weir__groups_scan, NULL },
	{ WEIR_KEYED_GROUPS, weir__groups_open, weir__groups_scan, NULL },
	{ WEIR_KEYED_INCREMENTAL_OLD, weir__rocksdb_part_open, weir__rocksdb_part_scan, weir__rocksdb_part_close },
	{ WEIR_KEYED_INCREMENTAL, weir__rocksdb_part_open, weir__rocksdb_part_scan, weir__rocksdb_part_close },
	{ WEIR_KEYED_CHANGELOG_OLD, weir__changelog_open, weir__changelog_scan, weir__changelog_close },
	{ WEIR_KEYED_CHANGELOG, weir__changelog_open, weir__changelog_scan, weir__changelog_close },
};

int weir__part_load(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	return weir_ckpt_bytes(v->ckpt, part->stream, &part->map, &part->bytes, &part->path, err);
}

void weir__part_close(struct weir__part *part)
{
	if (part->layout && part->layout->close)
		part->layout->close(part);
	if (part->class_ == WEIR__PART_RAW_KEYED)
		weir__raw_keyed_close(part);
	if (part->map)
		weir_fs_unmap(part->map);
	free(part->path);
	free(part->failure);
}

/* ---- descriptions of states ---- */

static bool same_type(const struct weir_type *a, const struct weir_type *b)
{
	return a == b || (a && b && weir_type_equal(a, b));
}

static bool same_state(const struct weir_state_info *a, const struct weir_state_info *b)
{
	return a->op == b->op && a->kind == b->kind && strcmp(a->name, b->name) == 0 && same_type(a->key, b->key) && same_type(a->ns, b->ns) &&
	       same_type(a->user_key, b->user_key) && same_type(a->value, b->value) && same_type(a->stored, b->stored);
}

/* The one description equal to `wanted`, made when it is new. NULL when out of memory. */
static const struct weir_state_info *intern(struct weir_view *v, const struct weir_state_info *wanted)
{
	struct weir_state_info *s, **slot;

	for (size_t i = v->op_states; i < v->states.len; i++)
		if (same_state(v->states.items[i], wanted))
			return v->states.items[i];
	s = weir_arena_copy(&v->mem, wanted, sizeof(*wanted));
	slot = s ? weir_vec_push(&v->states) : NULL;
	if (!slot)
		return NULL;
	return *slot = s;
}

static int no_memory(struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "no memory for the states of a checkpoint");
}

static int make_infos(struct weir_view *v, struct weir__part *part, uint32_t n, struct weir_error *err)
{
	part->infos = weir_arena_zero(&v->mem, (n + 1) * sizeof(*part->infos));
	part->ninfos = part->infos ? n : 0;
	return part->infos ? 0 : no_memory(err);
}

static void keyed_info(const struct weir__part *part, const struct weir_keyed_state_meta *m, struct weir_state_info *out)
{
	struct weir_type *t = m->stored;

	*out = (struct weir_state_info){ .op = part->op, .kind = m->kind, .name = (char *)(uintptr_t)m->name, .key = part->meta->key, .ns = m->ns,
					 .value = t, .stored = t };
	if (m->kind == WEIR_STATE_TIMER) {
		out->value = NULL;
		out->key = t->kind == WEIR_TIMER ? t->fields[0].type : NULL;
		out->ns = t->kind == WEIR_TIMER ? t->fields[1].type : NULL;
	} else if (m->kind == WEIR_STATE_MAP && t->kind == WEIR_MAP) {
		out->user_key = t->fields[0].type;
		out->value = t->fields[1].type;
	} else if (m->kind == WEIR_STATE_LIST && t->kind == WEIR_LIST) {
		out->value = t->fields[0].type;
	}
}

static int keyed_infos(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	int code = make_infos(v, part, part->meta->nstates, err);

	weir_serializer_written_by(part->meta->key, v->ckpt->version);
	for (uint32_t i = 0; i < part->ninfos && code == 0; i++) {
		struct weir_state_info s;

		weir_serializer_written_by(part->meta->states[i].stored, v->ckpt->version);
		if (part->meta->states[i].ns)
			weir_serializer_written_by(part->meta->states[i].ns, v->ckpt->version);
		keyed_info(part, &part->meta->states[i], &s);
		part->infos[i] = intern(v, &s);
		if (!part->infos[i])
			code = no_memory(err);
	}
	return code;
}

static int oper_infos(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	static const enum weir_state_kind kinds[] = { [WEIR_SPLIT_DISTRIBUTE] = WEIR_STATE_OPERATOR_LIST, [WEIR_UNION] = WEIR_STATE_OPERATOR_UNION,
						      [WEIR_BROADCAST] = WEIR_STATE_BROADCAST };
	int code = make_infos(v, part, part->header->nstates, err);

	for (uint32_t i = 0; i < part->ninfos && code == 0; i++) {
		const struct weir_oper_meta *m = &part->header->states[i];
		struct weir_state_info s = { .op = part->op, .kind = kinds[m->mode], .name = (char *)(uintptr_t)m->name,
					     .user_key = m->mode == WEIR_BROADCAST ? m->key : NULL, .value = m->value, .stored = m->value };

		weir_serializer_written_by(m->value, v->ckpt->version);
		if (m->key)
			weir_serializer_written_by(m->key, v->ckpt->version);
		part->infos[i] = intern(v, &s);
		if (!part->infos[i])
			code = no_memory(err);
	}
	return code;
}

static int plain_info(struct weir_view *v, struct weir__part *part, uint32_t i, enum weir_state_kind kind, struct weir_slice name, struct weir_error *err)
{
	struct weir_state_info s = { .op = part->op, .kind = kind };

	s.name = weir__keyed_text(&v->mem, name);
	part->infos[i] = s.name ? intern(v, &s) : NULL;
	return part->infos[i] ? 0 : no_memory(err);
}

/* ---- parts ---- */

/* The handle could not be opened: keep why. */
static int keep_failure(struct weir_view *v, struct weir__part *part, int code, struct weir_error *why, struct weir_error *err)
{
	(void)v;
	if (code == WEIR_ENOMEM)
		return weir_error_set(err, code, "%s", why->msg);
	part->failure = malloc(sizeof(*part->failure));
	if (!part->failure)
		return no_memory(err);
	if (!why->code)
		weir_error_set(why, code, "it cannot be read");
	*part->failure = *why;
	part->ninfos = 0;
	return 0;
}

static const struct weir__layout *layout_of(enum weir_keyed_kind kind)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].kind == kind)
			return &layouts[i];
	return NULL;
}

int weir__part_open_keyed(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	int code;

	part->layout = layout_of(part->keyed->kind);
	if (!part->layout)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "keyed state handles with tag %d are not read by this version", (int)part->keyed->kind);
	if (part->op->max_parallelism == 0 || part->op->max_parallelism > 32768)
		return weir_error_set(err, WEIR_ECORRUPT, "max parallelism %u is not possible: Flink allows 1 to 32768", part->op->max_parallelism);
	code = part->layout->open(v, part, err);
	return code ? code : keyed_infos(v, part, err);
}

static int open_oper(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	int code;

	part->stream = &part->oper->stream;
	code = weir__part_load(v, part, err);
	if (code || part->bytes.len == 0) /* the placeholder of file merging */
		return code;
	code = weir_oper_read_header(part->bytes, part->path, part->oper, &v->mem, &part->header, err);
	return code ? code : oper_infos(v, part, err);
}

static int open_raw_oper(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	int code;

	part->stream = &part->oper->stream;
	code = weir__part_load(v, part, err);
	if (code == 0)
		code = make_infos(v, part, part->oper->nlists, err);
	for (uint32_t i = 0; i < part->ninfos && code == 0; i++)
		code = plain_info(v, part, i, WEIR_STATE_RAW_OPERATOR, part->oper->lists[i].name, err);
	return code;
}

static int raw_timers(struct weir_view *v, struct weir__part *part, const struct weir_raw_services *services, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < 2 * services->items.len && code == 0; i++) {
		const struct weir_raw_service *r = &services->items.items[i / 2];
		struct weir_state_info s = { .op = part->op, .kind = WEIR_STATE_RAW_TIMER, .key = r->key, .ns = r->ns };
		const char *clock = i % 2 ? "processing_" : "event_";
		size_t len = strlen(clock) + strlen(r->name);

		s.name = weir_arena_alloc(&v->mem, len + 1, 1);
		if (s.name)
			snprintf(s.name, len + 1, "%s%s", clock, r->name);
		part->infos[1 + i] = s.name ? intern(v, &s) : NULL;
		code = part->infos[1 + i] ? 0 : no_memory(err);
	}
	return code;
}

static int open_raw_keyed(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	struct weir_raw_services *services = NULL;
	int code;

	if (part->keyed->kind != WEIR_KEYED_GROUPS_OLD && part->keyed->kind != WEIR_KEYED_GROUPS && part->keyed->kind != WEIR_KEYED_SAVEPOINT)
		return weir_error_set(err, WEIR_ECORRUPT, "raw keyed state has a handle with tag %d, which cannot hold it", (int)part->keyed->kind);
	code = weir__raw_keyed_open(v, part, &services, err);
	if (code == 0)
		code = make_infos(v, part, 1 + 2 * (uint32_t)services->items.len, err);
	if (code == 0)
		code = plain_info(v, part, 0, WEIR_STATE_RAW_KEYED, (struct weir_slice){ NULL, 0 }, err);
	return code ? code : raw_timers(v, part, services, err);
}

static int open_whole(struct weir_view *v, struct weir__part *part, struct weir_slice name, struct weir_error *err)
{
	int code = part->stream ? weir__part_load(v, part, err) : 0;

	if (code == 0)
		code = make_infos(v, part, 1, err);
	return code ? code : plain_info(v, part, 0, part->op ? WEIR_STATE_COORDINATOR : WEIR_STATE_MASTER, name, err);
}

static int add_part(struct weir_view *v, const struct weir__part *blank, struct weir_slice name, struct weir_error *err)
{
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir__part *part = weir_vec_push(&v->parts);
	int code = 0;

	if (!part)
		return no_memory(err);
	*part = *blank;
	switch (part->class_) {
	case WEIR__PART_KEYED:
		code = weir__part_open_keyed(v, part, &why);
		break;
	case WEIR__PART_RAW_KEYED:
		code = open_raw_keyed(v, part, &why);
		break;
	case WEIR__PART_OPERATOR:
		code = open_oper(v, part, &why);
		break;
	case WEIR__PART_RAW_OPERATOR:
		code = open_raw_oper(v, part, &why);
		break;
	default:
		code = open_whole(v, part, name, &why);
	}
	return code ? keep_failure(v, part, code, &why, err) : 0;
}

static int add_subtask(struct weir_view *v, const struct weir_operator_state *op, const struct weir_subtask_state *s, struct weir_error *err)
{
	struct weir_slice none = { NULL, 0 };
	struct weir__part blank = { .op = op, .subtask = (int32_t)s->index };
	int code = 0;

	if (s->managed_operator.present) {
		blank.class_ = WEIR__PART_OPERATOR;
		blank.oper = &s->managed_operator;
		code = add_part(v, &blank, none, err);
	}
	if (code == 0 && s->raw_operator.present) {
		blank.class_ = WEIR__PART_RAW_OPERATOR;
		blank.oper = &s->raw_operator;
		code = add_part(v, &blank, none, err);
	}
	blank.oper = NULL;
	if (code == 0 && s->managed_keyed.kind != WEIR_KEYED_NONE) {
		blank.class_ = WEIR__PART_KEYED;
		blank.keyed = &s->managed_keyed;
		code = add_part(v, &blank, none, err);
	}
	if (code == 0 && s->raw_keyed.kind != WEIR_KEYED_NONE) {
		blank.class_ = WEIR__PART_RAW_KEYED;
		blank.keyed = &s->raw_keyed;
		code = add_part(v, &blank, none, err);
	}
	return code;
}

static int compare_subtasks(const void *a, const void *b)
{
	const struct weir_subtask_state *x = *(const struct weir_subtask_state *const *)a, *y = *(const struct weir_subtask_state *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

static int add_operator(struct weir_view *v, const struct weir_operator_state *op, struct weir_error *err)
{
	const struct weir_subtask_state **order = malloc((op->nsubtasks + 1) * sizeof(*order));
	struct weir__part blank = { .class_ = WEIR__PART_COORDINATOR, .op = op, .subtask = -1, .stream = &op->coordinator };
	int code = order ? 0 : no_memory(err);

	v->op_states = (uint32_t)v->states.len;
	if (code == 0 && op->coordinator.kind != WEIR_HANDLE_NONE)
		code = add_part(v, &blank, (struct weir_slice){ NULL, 0 }, err);
	for (uint32_t i = 0; i < op->nsubtasks && code == 0; i++)
		order[i] = &op->subtasks[i];
	if (code == 0)
		qsort(order, op->nsubtasks, sizeof(*order), compare_subtasks);
	for (uint32_t i = 0; i < op->nsubtasks && code == 0; i++)
		code = add_subtask(v, op, order[i], err);
	free(order);
	return code;
}

int weir__view_open_parts(struct weir_view *v, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < v->ckpt->nmasters && code == 0; i++) {
		const struct weir_master_state *m = &v->ckpt->masters[i];
		struct weir__part blank = { .class_ = WEIR__PART_MASTER, .subtask = -1, .bytes = m->payload };

		code = add_part(v, &blank, m->name, err);
	}
	for (uint32_t i = 0; i < v->ckpt->noperators && code == 0; i++)
		code = add_operator(v, &v->ckpt->operators[i], err);
	return code;
}
