/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint seen as states and entries: opening, finding states, scanning.
 *
 * 1. Every handle is one part. A part that cannot be opened is kept with its error: a scan that may concern it says so.
 * 2. States are merged over subtasks by operator, kind, name and types; the entries of all of them point to the one description.
 * 3. Nothing is decoded ahead: a scan reads the mapped bytes of the key groups it needs.
 * After open a view does not change: many threads may scan it. Fails on damage (file, offset, operator, subtask, key group, state) and out of memory.
 */
#include "state/ckpt/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "state/ckpt/view_priv.h"

static const char *const kind_names[WEIR_STATE_KIND_MAX] = {
	[WEIR_STATE_VALUE] = "value",
	[WEIR_STATE_LIST] = "list",
	[WEIR_STATE_REDUCING] = "reducing",
	[WEIR_STATE_FOLDING] = "folding",
	[WEIR_STATE_AGGREGATING] = "aggregating",
	[WEIR_STATE_MAP] = "map",
	[WEIR_STATE_TIMER] = "timer",
	[WEIR_STATE_OPERATOR_LIST] = "operator-list",
	[WEIR_STATE_OPERATOR_UNION] = "operator-union",
	[WEIR_STATE_BROADCAST] = "broadcast",
	[WEIR_STATE_RAW_KEYED] = "raw-keyed",
	[WEIR_STATE_RAW_TIMER] = "raw-timer",
	[WEIR_STATE_RAW_OPERATOR] = "raw-operator",
	[WEIR_STATE_COORDINATOR] = "coordinator",
	[WEIR_STATE_MASTER] = "master",
};

static const char *const class_names[] = {
	[WEIR__PART_MASTER] = "master",     [WEIR__PART_COORDINATOR] = "coordinator", [WEIR__PART_OPERATOR] = "operator",
	[WEIR__PART_RAW_OPERATOR] = "raw-operator", [WEIR__PART_KEYED] = "keyed",     [WEIR__PART_RAW_KEYED] = "raw-keyed",
};

const char *weir_state_kind_name(enum weir_state_kind k)
{
	return (unsigned)k < WEIR_STATE_KIND_MAX ? kind_names[k] : "unknown";
}

/* ---- open and close ---- */

static int compare_states(const void *a, const void *b)
{
	const struct weir_state_info *x = *(struct weir_state_info *const *)a, *y = *(struct weir_state_info *const *)b;
	int c = (x->op != NULL) - (y->op != NULL);

	if (c == 0 && x->op)
		c = memcmp(x->op->id.bytes, y->op->id.bytes, sizeof(x->op->id.bytes));
	if (c == 0)
		c = strcmp(kind_names[x->kind], kind_names[y->kind]);
	return c ? c : strcmp(x->name, y->name);
}

static int compare_held(const void *a, const void *b)
{
	const uint8_t *x = ((const struct weir_slice *)a)->ptr, *y = ((const struct weir_slice *)b)->ptr;

	return (x > y) - (x < y);
}

static int index_held(struct weir_view *v, struct weir_error *err)
{
	if (!weir_vec_reserve(&v->held, v->parts.len + 1))
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a view of %zu handles", v->parts.len);
	for (size_t i = 0; i < v->parts.len; i++)
		if (v->parts.items[i].bytes.len)
			v->held.items[v->held.len++] = v->parts.items[i].bytes;
	qsort(v->held.items, v->held.len, sizeof(*v->held.items), compare_held);
	return 0;
}

int weir_view_open(struct weir_ckpt *c, struct weir_view **out, struct weir_error *err)
{
	struct weir_view *v = calloc(1, sizeof(*v));
	int code;

	if (!v)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a view of %s", c->path ? c->path : "a checkpoint");
	v->ckpt = c;
	pthread_mutex_init(&v->lock, NULL);
	code = weir__view_open_parts(v, err);
	if (code == 0)
		code = index_held(v, err);
	if (code) {
		v->ckpt = NULL; /* stays the caller's */
		weir_view_close(v);
		return code;
	}
	if (v->states.len)
		qsort(v->states.items, v->states.len, sizeof(*v->states.items), compare_states);
	*out = v;
	return 0;
}

void weir_view_close(struct weir_view *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->parts.len; i++)
		weir__part_close(&v->parts.items[i]);
	weir_vec_fini(&v->open);
	weir_vec_fini(&v->parts);
	weir_vec_fini(&v->states);
	weir_vec_fini(&v->held);
	weir_arena_fini(&v->mem);
	pthread_mutex_destroy(&v->lock);
	weir_ckpt_close(v->ckpt);
	free(v);
}

const struct weir_ckpt *weir_view_ckpt(const struct weir_view *v)
{
	return v->ckpt;
}

uint32_t weir_view_nstates(const struct weir_view *v)
{
	return (uint32_t)v->states.len;
}

const struct weir_state_info *weir_view_state(const struct weir_view *v, uint32_t i)
{
	return i < v->states.len ? v->states.items[i] : NULL;
}

const struct weir_state_info *weir_view_find(const struct weir_view *v, const struct weir_operator_id *op, const char *name)
{
	for (size_t i = 0; i < v->states.len; i++) {
		const struct weir_state_info *s = v->states.items[i];

		if (strcmp(s->name, name) == 0 && (!op || (s->op && memcmp(op->bytes, s->op->id.bytes, sizeof(op->bytes)) == 0)))
			return s;
	}
	return NULL;
}

bool weir__view_holds(const struct weir_view *v, struct weir_slice s)
{
	size_t lo = 0, hi = v->held.len;

	while (lo < hi) { /* the last part that begins at or before s */
		size_t mid = lo + (hi - lo) / 2;

		if (v->held.items[mid].ptr <= s.ptr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && s.ptr + s.len <= v->held.items[lo - 1].ptr + v->held.items[lo - 1].len;
}

/* ---- problems ---- */

const char *weir__operator_text(const struct weir_operator_state *op, char *buf, size_t size)
{
	char hex[33];
	struct weir_slice name;

	if (!op)
		return "";
	weir_operator_id_hex(&op->id, hex);
	name = op->uid.len ? op->uid : op->name;
	if (name.len)
		snprintf(buf, size, "'%.*s' (%s)", (int)(name.len < 100 ? name.len : 100), (const char *)name.ptr, hex);
	else
		snprintf(buf, size, "%s", hex);
	return buf;
}

void weir__problem_fill(struct weir_problem *out, struct weir__problem_text *buf, const struct weir__part *part, const struct weir_error *err)
{
	const char *op = weir__operator_text(part->op, buf->operator_, sizeof(buf->operator_));
	char subtask[32] = "";

	if (part->subtask >= 0)
		snprintf(subtask, sizeof(subtask), ", subtask %d", part->subtask);
	if (part->op)
		snprintf(buf->text, sizeof(buf->text), "operator %s%s: %s", op, subtask, err->msg);
	else
		snprintf(buf->text, sizeof(buf->text), "%s", err->msg);
	weir_text_visible(buf->operator_, sizeof(buf->operator_), false);
	weir_text_visible(buf->text, sizeof(buf->text), false);
	*out = (struct weir_problem){
		.path = err->path[0] || !part->path ? err->path : part->path,
		.offset = err->offset,
		.operator_ = op,
		.state = "",
		.code = err->code,
		.text = buf->text,
		.reason = err->msg,
		.op = part->op,
		.subtask = part->subtask,
		.key_group = -1,
		.kind = class_names[part->class_],
		.size = part->stream ? part->stream->size : -1,
	};
}

bool weir_problem_is_damage(const struct weir_problem *p)
{
	return p->code != WEIR_EUNSUPPORTED && p->code != WEIR_ENOTYPE && p->code != WEIR_EVERSION;
}

/* ---- scanning ---- */

int weir__scan_entry(struct weir__scan_ctx *x, uint32_t index, const struct weir_entry *in)
{
	struct weir_entry e = *in;
	int value;

	if (index >= x->part->ninfos || !weir__scan_wants(x, index))
		return 0;
	if (x->scan->key.ptr && !e.undecodable && !weir_slice_eq(e.key, x->scan->key))
		return 0;
	e.state = x->part->infos[index];
	e.subtask = x->part->subtask;
	value = x->fn(x->arg, &e);
	if (value)
		x->stopped = true;
	return value;
}

int weir__scan_damage(struct weir__scan_ctx *x, int32_t key_group, int code, struct weir_error *err)
{
	struct weir__problem_text text;
	struct weir_problem p;
	char op[160];

	if (x->stopped)
		return code;
	if (!x->scan->problem || !err || code == WEIR_ENOMEM) {
		if (x->part->op && x->part->subtask >= 0)
			weir_error_wrap(err, "operator %s, subtask %d", weir__operator_text(x->part->op, op, sizeof(op)), x->part->subtask);
		else if (x->part->op)
			weir_error_wrap(err, "operator %s", weir__operator_text(x->part->op, op, sizeof(op)));
		return code;
	}
	weir__problem_fill(&p, &text, x->part, err);
	p.key_group = key_group;
	x->scan->problem(x->scan->problem_arg, &p);
	weir_error_clear(err);
	return 0;
}

static bool is_keyed(enum weir_state_kind k)
{
	return k <= WEIR_STATE_TIMER;
}

static enum weir__part_class class_of(enum weir_state_kind k)
{
	switch (k) {
	case WEIR_STATE_OPERATOR_LIST: case WEIR_STATE_OPERATOR_UNION: case WEIR_STATE_BROADCAST:
		return WEIR__PART_OPERATOR;
	case WEIR_STATE_RAW_KEYED: case WEIR_STATE_RAW_TIMER:
		return WEIR__PART_RAW_KEYED;
	case WEIR_STATE_RAW_OPERATOR:
		return WEIR__PART_RAW_OPERATOR;
	case WEIR_STATE_COORDINATOR:
		return WEIR__PART_COORDINATOR;
	case WEIR_STATE_MASTER:
		return WEIR__PART_MASTER;
	default:
		return WEIR__PART_KEYED;
	}
}

static bool part_matches(const struct weir__part *p, const struct weir_scan *s)
{
	bool keyed = p->class_ == WEIR__PART_KEYED || p->class_ == WEIR__PART_RAW_KEYED;

	if (s->subtask >= 0 && p->subtask != s->subtask)
		return false;
	if (s->key_group >= 0 && !keyed)
		return false;
	if (s->key.ptr && p->class_ != WEIR__PART_KEYED)
		return false;
	if (!s->state)
		return true;
	if (p->op != s->state->op || p->class_ != (is_keyed(s->state->kind) ? WEIR__PART_KEYED : class_of(s->state->kind)))
		return false;
	if (p->failure)
		return true;
	for (uint32_t i = 0; i < p->ninfos; i++)
		if (p->infos[i] == s->state)
			return true;
	return false;
}

static int scan_whole(struct weir__scan_ctx *x, struct weir__part *p)
{
	struct weir_entry e = { .key_group = -1, .index = -1, .value = p->bytes };

	if (!e.value.ptr)
		e.value.ptr = (const uint8_t *)"";
	if (p->class_ == WEIR__PART_MASTER)
		e.index = (int32_t)(p - x->view->parts.items);
	return weir__scan_entry(x, 0, &e);
}

static int scan_part(struct weir__scan_ctx *x, struct weir__part *p, struct weir_error *err)
{
	x->part = p;
	if (p->failure) {
		if (err)
			*err = *p->failure;
		return weir__scan_damage(x, -1, p->failure->code, err);
	}
	switch (p->class_) {
	case WEIR__PART_KEYED:
		return p->layout->scan(x, p, err);
	case WEIR__PART_RAW_KEYED:
		return weir__raw_keyed_scan(x, p, err);
	case WEIR__PART_OPERATOR:
		return weir__oper_scan(x, p, err);
	case WEIR__PART_RAW_OPERATOR:
		return weir__raw_oper_scan(x, p, err);
	default:
		return scan_whole(x, p);
	}
}

int weir__scan_part(struct weir_view *v, struct weir__part *part, const struct weir_scan *scan, weir_entry_fn *fn, void *arg, struct weir_error *err)
{
	struct weir__scan_ctx x = { .view = v, .scan = scan, .fn = fn, .arg = arg };

	return scan_part(&x, part, err);
}

int weir_view_scan(struct weir_view *v, const struct weir_scan *scan, weir_entry_fn *fn, void *arg, struct weir_error *err)
{
	struct weir__scan_ctx x = { .view = v, .scan = scan, .fn = fn, .arg = arg };
	struct weir_error local = WEIR_ERROR_INIT;

	if (!err)
		err = &local; /* problems are told from it */
	for (size_t i = 0; i < v->parts.len; i++) {
		int code;

		if (!part_matches(&v->parts.items[i], scan))
			continue;
		code = scan_part(&x, &v->parts.items[i], err);
		if (code)
			return code;
	}
	return 0;
}
