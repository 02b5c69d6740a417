/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a changelog's records make of state: an overlay over what is materialized.
 *
 * 1. A cell per value, list, map entry and timer that the log touches, in the order of their first change; a map has one more for itself, which counts how often
 *    it was cleared. Memory grows with the log, never with what is materialized.
 * 2. A cell that `hides` says everything; a list that does not is appended to its materialized elements.
 * 3. Merging namespaces concatenates lists. Of reducing and aggregating state it needs the job's function when both sides hold something, and what is
 *    materialized cannot be looked up here: then the value is unknown, until a later change sets it (Flink logs the result right behind).
 * 4. A record that cannot be taken apart is listed in `bad`: what it would have changed is not known.
 *
 * Pure. Fails out of memory.
 */
#include "state/ckpt/changelog.h"

#include <stdlib.h>

#include "base/hash.h"
#include "state/flink/keyed_priv.h"

#define MERGED "namespaces were merged: only the job's own function can tell this value"
#define NO_LIST "a change of this list cannot be applied: its elements cannot be told apart"

struct applying {
	struct weir__overlay *o;
	const struct weir_state_info *state;
	const struct weir__change *change;
	struct weir__change_parts parts;
	bool has_base;
	struct weir_error *err;
};

static int no_memory(struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "no memory to apply a changelog");
}

/* ---- cells ---- */

static uint64_t hash_of(uint32_t state, int32_t group, struct weir_slice key, struct weir_slice ns, struct weir_slice user_key)
{
	uint64_t h = weir_hash_u64((uint64_t)state << 32 | (uint32_t)group);

	h = weir_hash_u64(h ^ weir_xxh3(key.ptr ? (const void *)key.ptr : "", key.len));
	h = weir_hash_u64(h ^ weir_xxh3(ns.ptr ? (const void *)ns.ptr : "", ns.len));
	return user_key.ptr ? weir_hash_u64(h ^ weir_xxh3(user_key.ptr, user_key.len) ^ 1) : h;
}

const struct weir__cell *weir__overlay_find(const struct weir__overlay *o, uint32_t state, int32_t group, struct weir_slice key, struct weir_slice ns,
					    struct weir_slice user_key)
{
	uint64_t hash = hash_of(state, group, key, ns, user_key);

	for (size_t i = hash; o->nslots && o->slots[i & (o->nslots - 1)]; i++) {
		const struct weir__cell *c = &o->cells.items[o->slots[i & (o->nslots - 1)] - 1];

		if (c->hash == hash && c->state == state && c->key_group == group && !c->user_key.ptr == !user_key.ptr && weir_slice_eq(c->key, key) &&
		    weir_slice_eq(c->ns, ns) && weir_slice_eq(c->user_key, user_key))
			return c;
	}
	return NULL;
}

static bool grow(struct weir__overlay *o)
{
	size_t n = o->nslots ? o->nslots * 2 : 64;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return false;
	for (uint32_t k = 0; k < o->cells.len; k++) {
		size_t i = o->cells.items[k].hash;

		while (slots[i & (n - 1)])
			i++;
		slots[i & (n - 1)] = k + 1;
	}
	free(o->slots);
	o->slots = slots;
	o->nslots = n;
	return true;
}

static struct weir__cell *cell_of(struct applying *a, struct weir_slice key, struct weir_slice ns, struct weir_slice user_key)
{
	struct weir__overlay *o = a->o;
	uint32_t state = a->change->state;
	const struct weir__cell *found = weir__overlay_find(o, state, a->change->key_group, key, ns, user_key);
	struct weir__cell *c;
	size_t i;

	if (found)
		return &o->cells.items[found - o->cells.items];
	if (o->cells.len * 2 >= o->nslots && !grow(o))
		return NULL;
	c = weir_vec_push(&o->cells);
	if (!c)
		return NULL;
	*c = (struct weir__cell){ .state = state, .key_group = a->change->key_group, .key = key, .ns = ns, .user_key = user_key,
				  .hash = hash_of(state, a->change->key_group, key, ns, user_key), .hides = !a->has_base };
	for (i = c->hash; o->slots[i & (o->nslots - 1)]; i++)
		;
	o->slots[i & (o->nslots - 1)] = (uint32_t)o->cells.len;
	return c;
}

static void clear_cell(struct weir__cell *c)
{
	c->hides = true;
	c->present = false;
	c->unknown = NULL;
	c->generation++;
	weir_buf_clear(&c->list);
}

/* ---- kinds of state ---- */

static const struct weir_slice none = { NULL, 0 };

/* Put list elements (canonical) behind those of the cell. */
static int append(struct applying *a, struct weir__cell *c, struct weir_slice elements)
{
	if (elements.len == 0)
		return 0;
	if (c->list.len)
		weir_buf_u8(&c->list, 0x2c);
	weir_buf_put_slice(&c->list, elements);
	c->present = true;
	return weir_buf_error(&c->list) ? no_memory(a->err) : 0;
}

static int change_list(struct applying *a, struct weir__cell *c)
{
	struct weir_buf elements = { 0 };
	int code;

	if (a->parts.op == WEIR__CHANGE_ADD_ELEMENT)
		return append(a, c, a->parts.value);
	if (a->parts.op == WEIR__CHANGE_SET || a->parts.op == WEIR__CHANGE_SET_INTERNAL)
		clear_cell(c);
	code = weir_list_to_canonical(a->state->stored, a->parts.value, &elements, NULL);
	if (code == WEIR_ENOMEM) {
		code = no_memory(a->err);
	} else if (code) {
		c->hides = c->present = true;
		c->unknown = NO_LIST;
		c->value = a->parts.value;
		code = 0;
	} else {
		code = append(a, c, weir_buf_slice(&elements));
	}
	weir_buf_fini(&elements);
	return code;
}

/* One entry of a map: a user value behind its null flag, or removed. */
static int change_entry(struct applying *a, uint32_t generation, struct weir_slice user_key, struct weir_slice flag_and_value, bool removed)
{
	struct weir__cell *c = cell_of(a, a->parts.key, a->parts.ns, user_key);

	if (!c)
		return no_memory(a->err);
	c->hides = true;
	c->generation = generation;
	c->present = !removed;
	c->value = flag_and_value;
	return 0;
}

static int put_all(struct applying *a, uint32_t generation, bool *out_bad)
{
	const struct weir_type *map = a->state->stored;
	struct weir_src src = weir_src_of(a->parts.value, NULL, 0);
	uint32_t n = weir_src_count(&src, 1);
	int code = 0;

	*out_bad = true;
	if (map->kind != WEIR_MAP || weir__keyed_is_opaque(map))
		return 0;
	for (uint32_t i = 0; i < n && code == 0; i++) {
		struct weir_slice user_key = { src.p, 0 }, value;

		if (weir_type_skip(map->fields[0].type, &src) != 0)
			return 0;
		user_key.len = (size_t)(src.p - user_key.ptr);
		value.ptr = src.p;
		if ((!weir_src_bool(&src) && weir_type_skip(map->fields[1].type, &src) != 0) || src.code)
			return 0;
		value.len = (size_t)(src.p - value.ptr);
		code = change_entry(a, generation, user_key, value, false);
	}
	*out_bad = code == 0 && (src.code || weir_src_left(&src) != 0);
	return code;
}

static int change_map(struct applying *a, struct weir__cell *c, bool *out_bad)
{
	uint32_t generation;
	struct weir_slice value = { NULL, a->parts.value.len + 1 };
	uint8_t *copy;

	if (a->parts.op == WEIR__CHANGE_SET || a->parts.op == WEIR__CHANGE_SET_INTERNAL)
		clear_cell(c);
	generation = c->generation;
	if (a->parts.op == WEIR__CHANGE_REMOVE_ELEMENT)
		return change_entry(a, generation, a->parts.user_key, none, true);
	if (a->parts.op < WEIR__CHANGE_ADD_ELEMENT)
		return put_all(a, generation, out_bad);
	copy = weir_arena_alloc(&a->o->mem, value.len, 1);
	if (!copy)
		return no_memory(a->err);
	copy[0] = 0;
	memcpy(copy + 1, a->parts.value.ptr, a->parts.value.len);
	value.ptr = copy;
	return change_entry(a, generation, a->parts.user_key, value, false);
}

static int change_timers(struct applying *a)
{
	struct weir_src src = weir_src_of(a->parts.timers, NULL, 0);

	for (uint32_t i = 0; i < a->parts.ntimers; i++) {
		struct weir_slice element;
		struct weir_entry e;
		struct weir__cell *c;

		weir__change_timer(a->state, &src, &element, &e);
		c = cell_of(a, element, none, none);
		if (!c)
			return no_memory(a->err);
		c->hides = true;
		c->present = a->parts.op == WEIR__CHANGE_ADD_ELEMENT;
	}
	return 0;
}

/* Move what one source namespace holds to the target. */
static int merge_one(struct applying *a, struct weir_slice source)
{
	struct weir__cell *from = cell_of(a, a->parts.key, source, none), *to = from ? cell_of(a, a->parts.key, a->parts.target, none) : NULL;
	int code = 0;

	from = to ? cell_of(a, a->parts.key, source, none) : NULL; /* the vector may have moved */
	if (!from)
		return no_memory(a->err);
	if (from == to || (from->hides && !from->present))
		return 0;
	if (from->unknown || !from->hides || !to->hides || to->unknown || (a->state->kind != WEIR_STATE_LIST && to->present)) {
		clear_cell(to);
		to->present = true;
		to->unknown = MERGED;
		to->value = none;
	} else if (a->state->kind == WEIR_STATE_LIST) {
		code = append(a, to, weir_buf_slice(&from->list));
	} else {
		to->present = true;
		to->value = from->value;
	}
	clear_cell(from);
	return code;
}

static int merge_namespaces(struct applying *a)
{
	struct weir_src src = weir_src_of(a->parts.sources, NULL, 0);
	int code = 0;

	for (uint32_t i = 0; i < a->parts.nsources && code == 0; i++) {
		const uint8_t *from = src.p;

		if (weir_type_skip(a->state->ns, &src) != 0)
			break; /* parsing has seen them all */
		code = merge_one(a, (struct weir_slice){ from, (size_t)(src.p - from) });
	}
	return code;
}

static int apply(struct applying *a, bool *out_bad)
{
	struct weir__cell *c;

	if (a->state->kind == WEIR_STATE_TIMER)
		return change_timers(a);
	if (a->parts.op == WEIR__CHANGE_MERGE_NS)
		return merge_namespaces(a);
	c = cell_of(a, a->parts.key, a->parts.ns, none);
	if (!c)
		return no_memory(a->err);
	if (a->parts.op == WEIR__CHANGE_CLEAR) {
		clear_cell(c);
		return 0;
	}
	if (a->state->kind == WEIR_STATE_LIST)
		return change_list(a, c);
	if (a->state->kind == WEIR_STATE_MAP)
		return change_map(a, c, out_bad);
	clear_cell(c);
	c->present = true;
	c->value = a->parts.value;
	return 0;
}

int weir__overlay_build(const struct weir__log *log, const struct weir_state_info *const *states, const bool *has_base, struct weir__overlay *o,
			struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < log->changes.len && code == 0; i++) {
		struct applying a = { .o = o, .change = &log->changes.items[i], .err = err };
		bool bad = true;
		uint32_t *slot;

		if (a.change->key_group < 0)
			continue;
		if (a.change->state != UINT32_MAX) {
			a.state = states[a.change->state];
			a.has_base = has_base[a.change->state];
			bad = weir__change_parse(a.state, a.change->bytes, &a.parts) != NULL;
		}
		if (!bad)
			code = apply(&a, &bad);
		if (bad && code == 0) {
			slot = weir_vec_push(&o->bad);
			if (slot)
				*slot = i;
			else
				code = no_memory(err);
		}
	}
	return code;
}

void weir__overlay_fini(struct weir__overlay *o)
{
	for (size_t i = 0; i < o->cells.len; i++)
		weir_buf_fini(&o->cells.items[i].list);
	weir_vec_fini(&o->cells);
	weir_vec_fini(&o->bad);
	free(o->slots);
	weir_arena_fini(&o->mem);
}
