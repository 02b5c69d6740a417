// SPDX-License-Identifier: Apache-2.0
/*
 * The calls a user function makes: emitting rows, state, timers. Nothing here fails towards the user: what goes wrong is kept in the context (the first
 * error wins) and fails the task after the function has returned; until then calls do nothing and hand out zeroed scratch memory.
 * One thread per context.
 */
#include "runtime/context.h"

#include <stdio.h>
#include <stdlib.h>

#include "state/backend/reach.h"

uint32_t weir__fire_at_once = 4096;

struct weir_ctx *weir_ctx_new(struct weir_op *op, struct weir_error *err)
{
	struct weir_ctx *c = calloc(1, sizeof(*c));

	if (c)
		c->row = calloc(WEIR_ROW_BLOCK, op->node->in ? op->node->in->size + 1 : 1);
	if (!c || !c->row) {
		free(c);
		weir_error_set(err, WEIR_ENOMEM, "out of memory");
		return NULL;
	}
	c->op = op;
	c->key_size = op->backend ? op->node->key->type->size : 0;
	c->err = (struct weir_error)WEIR_ERROR_INIT;
	c->time_ms = WEIR_NO_TIME;
	c->out.ctx = c;
	c->out.type = op->node->out;
	return c;
}

void weir_ctx_free(struct weir_ctx *c)
{
	if (!c)
		return;
	weir_batch_unref(c->out.batch);
	for (size_t i = 0; i < c->out.sides.len; i++)
		weir_batch_unref(c->out.sides.items[i].batch);
	weir_vec_fini(&c->out.sides);
	weir_arena_fini(&c->states);
	free(c->row);
	free(c);
}

int weir_ctx_result_slow(struct weir_ctx *c, int returned, struct weir_error *err)
{
	if (c->err.code) {
		if (err && !err->code)
			*err = c->err;
		return c->err.code;
	}
	return weir_error_set(err, returned < 0 ? returned : WEIR_EFAILED, "the function returned %d", returned);
}

int weir_fail(struct weir_ctx *c, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return weir_error_set(&c->err, WEIR_EFAILED, "%s", text);
}

int64_t weir_time(const struct weir_ctx *c) { return c->time_ms; }
int64_t weir_watermark(const struct weir_ctx *c) { return c->op->watermark_ms; }
int64_t weir_processing_time(const struct weir_ctx *c) { return weir_op_now_ms(c->op); }
uint32_t weir_subtask(const struct weir_ctx *c) { return c->op->subtask; }
static const void *key_of_row(const struct weir_ctx *c) { return (const char *)c->keyed->keys + (size_t)c->key_row * c->key_size; }
const void *weir_key(const struct weir_ctx *c)
{
	return c->keyed ? key_of_row(c) : c->fired_key ? c->fired_key : c->op->backend ? weir_backend_key(c->op->backend) : NULL;
}
void weir_accumulate(struct weir_ctx *c, const char *name, int64_t n) { weir_op_accumulate(c->op, name, n); }

void weir_op_accumulate(struct weir_op *op, const char *name, int64_t n)
{
	struct weir_task *t = op->task;
	struct weir_accumulator *a;

	for (a = t->accumulators; a; a = a->next)
		if (strcmp(a->name, name) == 0)
			break;
	if (!a) {
		a = weir_arena_zero(&t->arena, sizeof(*a));
		if (!a)
			return;
		snprintf(a->name, sizeof(a->name), "%s", name);
		a->next = t->accumulators;
		t->accumulators = a;
	}
	a->value += n;
}

/* ---- rows out ---- */

static int flush(struct weir_out *o, const char *tag, struct weir_batch **slot, struct weir_error *err)
{
	struct weir_batch *b = *slot;
	int code;

	if (!b || b->rows == 0)
		return 0;
	*slot = NULL; /* what is emitted from inside starts a batch of its own */
	code = tag ? weir_op_emit_side(o->ctx->op, tag, b, NULL, err) : weir_op_emit(o->ctx->op, b, NULL, err);
	if (!*slot)
		*slot = weir_batch_reuse(b);
	else
		weir_batch_unref(b);
	return code;
}

int weir_out_flush(struct weir_out *o, struct weir_error *err)
{
	int code = flush(o, NULL, &o->batch, err);

	for (size_t i = 0; i < o->sides.len && !code; i++)
		code = flush(o, o->sides.items[i].tag, &o->sides.items[i].batch, err);
	return code;
}

static void append(struct weir_out *o, const char *tag, struct weir_type *type, struct weir_batch **slot, const void *row, int64_t time)
{
	struct weir_ctx *c = o->ctx;

	if (c->err.code)
		return;
	if (!*slot)
		*slot = weir_batch_new(type, true);
	if (!*slot || !weir_batch_append(*slot, row, time)) {
		weir_error_set(&c->err, WEIR_ENOMEM, "out of memory for an emitted row");
		return;
	}
	if ((*slot)->rows == WEIR_BATCH_ROWS) {
		int code = flush(o, tag, slot, &c->err);

		if (code)
			weir_error_set(&c->err, code, "an operator behind this one failed");
	}
}

void weir_emit_at(struct weir_out *o, const void *row, int64_t time)
{
	if (!o->type)
		weir_fail(o->ctx, "this operator has no output");
	else
		append(o, NULL, o->type, &o->batch, row, time);
}

void weir_emit(struct weir_out *o, const void *row) { weir_emit_at(o, row, o->ctx->time_ms); }

void weir_emit_side(struct weir_out *o, const char *tag, const void *row)
{
	struct weir_out_side *side = NULL;
	const struct weir_node *n = o->ctx->op->node;

	for (size_t i = 0; i < o->sides.len && !side; i++)
		if (o->sides.items[i].tag == tag || strcmp(o->sides.items[i].tag, tag) == 0)
			side = &o->sides.items[i];
	for (size_t i = 0; i < n->sides.len && !side; i++) {
		if (strcmp(n->sides.items[i].tag, tag) != 0)
			continue;
		side = weir_vec_push(&o->sides);
		if (!side) {
			weir_error_set(&o->ctx->err, WEIR_ENOMEM, "out of memory");
			return;
		}
		*side = (struct weir_out_side){ .tag = n->sides.items[i].tag, .type = n->sides.items[i].type };
	}
	if (side) /* nobody listens: the row goes nowhere, as in Flink */
		append(o, side->tag, side->type, &side->batch, row, o->ctx->time_ms);
}

/* ---- state ---- */

struct weir_value_state { struct weir_ctx *ctx; struct weir_state *state; void *scratch; uint32_t size; };
struct weir_list_state { struct weir_ctx *ctx; struct weir_state *state; };
struct weir_map_state { struct weir_ctx *ctx; struct weir_state *state; void *scratch; uint32_t size; };

/* Register; *out_state stays NULL after an error. */
static void declare(struct weir_ctx *c, struct weir_state_desc d, struct weir_state **out_state)
{
	int code = 0;

	if (c->err.code)
		return;
	if (!c->op->backend) {
		weir_fail(c, "state '%s': only keyed functions have keyed state; put weir_key_by before the operator", d.name);
		return;
	}
	if (!c->opening) {
		weir_fail(c, "state '%s' must be declared in open()", d.name);
		return;
	}
	code = weir_type_prepare(d.value, &c->err);
	if (!code && d.user_key)
		code = weir_type_prepare(d.user_key, &c->err);
	if (!code)
		code = weir_backend_state(c->op->backend, &d, out_state, &c->err);
	if (code)
		weir_error_set(&c->err, code, "state '%s' cannot be had", d.name);
}

static void *handle(struct weir_ctx *c, size_t size)
{
	static _Thread_local struct weir_map_state nothing; /* for a context that is failing for want of memory */
	void *p = weir_arena_zero(&c->states, size);

	if (p)
		return p;
	weir_error_set(&c->err, WEIR_ENOMEM, "out of memory");
	return &nothing;
}

struct weir_value_state *weir_value_state(struct weir_ctx *c, const char *name, struct weir_type *type)
{
	struct weir_value_state *s = handle(c, sizeof(*s));

	declare(c, (struct weir_state_desc){ .name = name, .kind = WEIR_STATE_VALUE, .value = type }, &s->state);
	s->ctx = c;
	s->size = type->size;
	s->scratch = weir_arena_zero(&c->states, type->size + 1);
	return s;
}

struct weir_list_state *weir_list_state(struct weir_ctx *c, const char *name, struct weir_type *element)
{
	struct weir_list_state *s = handle(c, sizeof(*s));

	declare(c, (struct weir_state_desc){ .name = name, .kind = WEIR_STATE_LIST, .value = element }, &s->state);
	s->ctx = c;
	return s;
}

struct weir_map_state *weir_map_state(struct weir_ctx *c, const char *name, struct weir_type *key, struct weir_type *value)
{
	struct weir_map_state *s = handle(c, sizeof(*s));

	declare(c, (struct weir_state_desc){ .name = name, .kind = WEIR_STATE_MAP, .value = value, .user_key = key }, &s->state);
	s->ctx = c;
	s->size = value->size;
	s->scratch = weir_arena_zero(&c->states, value->size + 1);
	return s;
}

static void remember(struct weir_ctx *c, int code)
{
	if (code)
		weir_error_set(&c->err, code, "a state access failed");
}

/* Make the row's key current. */
static void take_key(struct weir_ctx *c)
{
	const struct weir_batch *b = c->keyed;
	const void *key = key_of_row(c);
	uint64_t hash = b->hashes[c->key_row];
	uint32_t group = b->groups[c->key_row];

	c->keyed = NULL;
	if (!weir_backend_reach_key(c->op->backend, key, hash, group))
		remember(c, weir_backend_set_key_hashed(c->op->backend, key, hash, group, &c->err));
}

/* Before an access: no error so far, and the row's key is current. */
static inline bool ready(struct weir_ctx *c)
{
	if (c->keyed && c->err.code == 0)
		take_key(c);
	return c->err.code == 0;
}

static inline bool usable(struct weir_ctx *c, const struct weir_state *s) { return s && ready(c); }

const void *weir_value(struct weir_value_state *s)
{
	const void *v = NULL;

	if (!usable(s->ctx, s->state))
		return NULL;
	v = weir_state_reach(s->state);
	if (!v)
		remember(s->ctx, weir_state_get(s->state, NULL, &v, &s->ctx->err));
	return v;
}

void *weir_value_edit(struct weir_value_state *s)
{
	void *v = NULL;

	if (usable(s->ctx, s->state)) {
		v = weir_state_reach_edit(s->state);
		if (v)
			return v;
		remember(s->ctx, weir_state_edit(s->state, NULL, &v, NULL, &s->ctx->err));
	}
	return v ? v : memset(s->scratch, 0, s->size);
}

void weir_value_set(struct weir_value_state *s, const void *value)
{
	if (usable(s->ctx, s->state))
		remember(s->ctx, weir_state_set(s->state, NULL, value, &s->ctx->err));
}

static void clear(struct weir_ctx *c, struct weir_state *s)
{
	if (usable(c, s))
		remember(c, weir_state_clear(s, NULL, &c->err));
}

void weir_value_clear(struct weir_value_state *s) { clear(s->ctx, s->state); }
void weir_list_clear(struct weir_list_state *s) { clear(s->ctx, s->state); }
void weir_map_clear(struct weir_map_state *s) { clear(s->ctx, s->state); }

void weir_list_add(struct weir_list_state *s, const void *element)
{
	if (usable(s->ctx, s->state))
		remember(s->ctx, weir_state_list_add(s->state, NULL, element, &s->ctx->err));
}

struct weir_list weir_list(struct weir_list_state *s)
{
	struct weir_list l = { 0 };

	if (usable(s->ctx, s->state))
		remember(s->ctx, weir_state_list_get(s->state, NULL, &l, &s->ctx->err));
	return l;
}

const void *weir_map_get(struct weir_map_state *s, const void *key)
{
	const void *v = NULL;

	if (usable(s->ctx, s->state))
		remember(s->ctx, weir_state_map_get(s->state, NULL, key, &v, &s->ctx->err));
	return v;
}

void *weir_map_edit(struct weir_map_state *s, const void *key)
{
	void *v = NULL;

	if (usable(s->ctx, s->state))
		remember(s->ctx, weir_state_map_edit(s->state, NULL, key, &v, NULL, &s->ctx->err));
	return v ? v : memset(s->scratch, 0, s->size);
}

void weir_map_remove(struct weir_map_state *s, const void *key)
{
	if (usable(s->ctx, s->state))
		remember(s->ctx, weir_state_map_remove(s->state, NULL, key, &s->ctx->err));
}

uint32_t weir_map_count(struct weir_map_state *s) { return usable(s->ctx, s->state) ? weir_state_map_count(s->state, NULL) : 0; }

bool weir_map_next(struct weir_map_state *s, uint64_t *cursor, const void **out_key, const void **out_value)
{
	return usable(s->ctx, s->state) && weir_state_map_next(s->state, NULL, cursor, out_key, out_value);
}

/* ---- timers ---- */

static void timer(struct weir_ctx *c, enum weir_time_domain d, int64_t time, bool add)
{
	if (!ready(c))
		return;
	if (!c->timers) {
		weir_fail(c, "timers need a keyed function with a .timer member");
		return;
	}
	remember(c, add ? weir_timers_add(c->timers, d, time, NULL, &c->err) : weir_timers_remove(c->timers, d, time, NULL, &c->err));
	if (add && d == WEIR_PROCESSING_TIME)
		weir_op_wake_at(c->op, time);
}

void weir_event_timer(struct weir_ctx *c, int64_t t) { timer(c, WEIR_EVENT_TIME, t, true); }
void weir_processing_timer(struct weir_ctx *c, int64_t t) { timer(c, WEIR_PROCESSING_TIME, t, true); }
void weir_delete_event_timer(struct weir_ctx *c, int64_t t) { timer(c, WEIR_EVENT_TIME, t, false); }
void weir_delete_processing_timer(struct weir_ctx *c, int64_t t) { timer(c, WEIR_PROCESSING_TIME, t, false); }
