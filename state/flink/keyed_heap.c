/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key group of a HEAP stream: a section for each state, entries without lengths (docs/formats/keyed-state.md, section 5); and the
 * conversion of its entries to canonical form.
 *
 * 1. Everything must decode, because nothing else says where an entry ends: any failure is damage and stops the group.
 * 2. From the first section on whose entries have an unknown serializer in them, the whole rest of the group is taken apart at once, by
 *    keyed_search.c; when that has no single answer the rest becomes one undecodable entry.
 * Pure.
 */
#include "state/flink/keyed.h"

#include <stdio.h>

#include "state/flink/keyed_priv.h"

bool weir__keyed_undelimited(const struct weir_keyed_meta *meta, uint32_t state)
{
	const struct weir_keyed_state_meta *s = &meta->states[state];

	if (s->kind == WEIR_STATE_TIMER)
		return weir__keyed_is_opaque(s->stored) || s->stored->kind != WEIR_TIMER;
	return weir__keyed_is_opaque(s->stored) || weir__keyed_is_opaque(s->ns) || weir__keyed_is_opaque(meta->key);
}

static struct weir_slice take(const struct weir_type *t, struct weir_src *src)
{
	const uint8_t *from = src->p;

	if (weir__keyed_is_number(t))
		return weir_src_bytes(src, t->wire_min);
	if (weir_type_skip(t, src) != 0)
		return (struct weir_slice){ NULL, 0 };
	return (struct weir_slice){ from, (size_t)(src->p - from) };
}

static int read_timer(struct weir__keyed_group *g, uint32_t state, struct weir_src *src)
{
	const struct weir_type *timer = g->meta->states[state].stored;
	struct weir_entry e = { .subtask = -1, .key_group = g->key_group, .index = -1 };

	e.timestamp = (int64_t)(weir_src_u64(src) ^ 1ull << 63);
	e.key = take(timer->fields[0].type, src);
	e.ns = take(timer->fields[1].type, src);
	return src->code ? weir__keyed_src_fail(g, src, state) : g->walk->entry(g->walk->arg, state, &e);
}

static int read_entry(struct weir__keyed_group *g, uint32_t state, struct weir_src *src)
{
	const struct weir_keyed_state_meta *s = &g->meta->states[state];
	struct weir_entry e = { .subtask = -1, .key_group = g->key_group, .index = -1 };

	if (s->kind == WEIR_STATE_TIMER)
		return read_timer(g, state, src);
	e.ns = take(s->ns, src);
	e.key = take(g->meta->key, src);
	e.value = take(s->stored, src);
	return src->code ? weir__keyed_src_fail(g, src, state) : g->walk->entry(g->walk->arg, state, &e);
}

/* Entries whose ends the search found. body: what its positions count from. */
static int deliver_found(struct weir__keyed_group *g, const struct weir__keyed_section *sec, struct weir_slice body)
{
	const struct weir_keyed_state_meta *s = &g->meta->states[sec->state];

	for (uint32_t i = 0; i < sec->count; i++) {
		uint32_t from = sec->starts[i], to = sec->starts[i + 1];
		struct weir_src src = weir_src_of((struct weir_slice){ body.ptr + from, to - from }, g->path, from);
		struct weir_entry e = { .subtask = -1, .key_group = g->key_group, .index = -1 };
		int code;

		e.ns = take(s->ns, &src);
		e.key = take(g->meta->key, &src);
		if (src.code)
			return weir__keyed_src_fail(g, &src, sec->state);
		e.value = (struct weir_slice){ src.p, weir_src_left(&src) };
		code = g->walk->entry(g->walk->arg, sec->state, &e);
		if (code)
			return code;
	}
	return 0;
}

/* The rest of the group from an undelimited section on. src stands before that section's header. */
static int read_rest(struct weir__keyed_group *g, struct weir_src *src, const uint8_t *seen)
{
	struct weir_slice body = { src->p, weir_src_left(src) };
	struct weir__keyed_section *sec = NULL;
	const char *why = NULL;
	int code = weir__keyed_search(g, body, seen, &sec, &why);

	if (code)
		return weir__keyed_fail(g, code, (uint64_t)(src->p - src->base), UINT32_MAX, "no memory to find the ends of its entries");
	if (why) {
		uint32_t state = weir_src_u16(src), count = weir_src_u32(src);
		struct weir_entry e = { .subtask = -1, .key_group = g->key_group, .index = -1, .undecodable = why,
					.value = { src->p, weir_src_left(src) } };

		src->p = src->end;
		code = g->walk->state ? g->walk->state(g->walk->arg, state, count) : 0;
		return code ? code : g->walk->entry(g->walk->arg, state, &e);
	}
	for (; sec && code == 0; sec = sec->next) {
		struct weir_src part = weir_src_of((struct weir_slice){ body.ptr, body.len }, g->path, weir_src_offset(src));

		part.p = part.base + sec->start;
		code = g->walk->state ? g->walk->state(g->walk->arg, sec->state, sec->count) : 0;
		if (code == 0 && sec->starts)
			code = deliver_found(g, sec, body);
		for (uint32_t i = 0; !sec->starts && i < sec->count && code == 0; i++)
			code = read_entry(g, sec->state, &part);
	}
	src->p = src->end;
	return code;
}

/* Can all entries of an undelimited section be stepped over after all? The serializer decides value by value (Kryo). */
static bool steps_over(const struct weir_keyed_meta *meta, uint32_t state, uint32_t count, const struct weir_src *from)
{
	const struct weir_keyed_state_meta *s = &meta->states[state];
	struct weir_src src = *from;

	if (s->kind == WEIR_STATE_TIMER)
		return false;
	for (uint32_t i = 0; i < count && !src.code; i++)
		if (weir_type_skip(s->ns, &src) || weir_type_skip(meta->key, &src) || weir_type_skip(s->stored, &src))
			return false;
	return !src.code;
}

/* The fewest bytes an entry takes. */
static uint64_t least_entry(const struct weir_keyed_meta *meta, uint32_t state)
{
	const struct weir_keyed_state_meta *s = &meta->states[state];
	uint64_t n;

	if (weir__keyed_undelimited(meta, state))
		return 1;
	n = s->kind == WEIR_STATE_TIMER ? s->stored->wire_min : (uint64_t)s->ns->wire_min + meta->key->wire_min + s->stored->wire_min;
	return n ? n : 1;
}

int weir__keyed_read_heap(struct weir__keyed_group *g, struct weir_src *src)
{
	int32_t group = weir_src_i32(src);
	uint8_t *seen = weir_arena_zero(&g->scratch, g->meta->nstates + 1);
	int code = 0;

	if (src->code)
		return weir__keyed_src_fail(g, src, UINT32_MAX);
	if (group != g->key_group)
		return weir__keyed_fail(g, WEIR_ECORRUPT, 0, UINT32_MAX, "its number is that of another key group");
	if (!seen)
		return weir__keyed_fail(g, WEIR_ENOMEM, 0, UINT32_MAX, "no memory");
	for (uint32_t i = 0; i < g->meta->nstates; i++) {
		struct weir_src head = *src;
		uint64_t at = (uint64_t)(src->p - src->base);
		uint32_t state = weir_src_u16(src), count = weir_src_u32(src);

		if (src->code)
			return weir__keyed_src_fail(g, src, UINT32_MAX);
		if (state >= g->meta->nstates || seen[state])
			return weir__keyed_fail(g, WEIR_ECORRUPT, at, UINT32_MAX, state < g->meta->nstates ? "a state appears twice" : "the number of a state is too large");
		if (count > weir_src_left(src) / least_entry(g->meta, state))
			return weir__keyed_fail(g, WEIR_ECORRUPT, at + 2, state, "more entries are announced than bytes follow");
		if (count && weir__keyed_undelimited(g->meta, state) && !steps_over(g->meta, state, count, src)) {
			*src = head;
			return read_rest(g, src, seen);
		}
		seen[state] = 1;
		code = g->walk->state ? g->walk->state(g->walk->arg, state, count) : 0;
		for (uint32_t k = 0; k < count && code == 0; k++)
			code = read_entry(g, state, src);
		if (code)
			return code;
	}
	return 0;
}

/* ---- canonical form ---- */

struct canonical {
	const struct weir_keyed_meta *meta;
	const char *path;
	weir_keyed_entry_fn *fn;
	void *arg;
	struct weir_buf buf;
	struct weir_error *err;
};

static int not_canonical(struct canonical *c, uint32_t state, const struct weir_entry *stored, const char *why)
{
	struct weir_entry e = *stored;

	e.undecodable = why;
	return c->fn(c->arg, state, &e);
}

static int list_entry(struct canonical *c, uint32_t state, const struct weir_entry *stored)
{
	const struct weir_type *list = c->meta->states[state].stored;
	struct weir_error local = WEIR_ERROR_INIT;
	struct weir_entry e = *stored;
	int code;

	weir_buf_clear(&c->buf);
	code = weir_list_to_canonical(list, stored->value, &c->buf, &local);
	if (code == WEIR_ENOTYPE)
		return not_canonical(c, state, stored, "the elements of this list cannot be told apart: their serializer is not known to weir");
	if (code)
		return weir_error_at(c->err, code, c->path, WEIR_NO_OFFSET, "key group %d, state '%s': %s", stored->key_group, c->meta->states[state].name, local.msg);
	e.value = weir_buf_slice(&c->buf);
	if (!e.value.ptr)
		e.value.ptr = stored->value.ptr; /* an empty list is a value of no bytes, not an absent one */
	return c->fn(c->arg, state, &e);
}

static int map_entries(struct canonical *c, uint32_t state, const struct weir_entry *stored)
{
	const struct weir_type *map = c->meta->states[state].stored;
	bool known = map->kind == WEIR_MAP && !weir__keyed_is_opaque(map->fields[0].type);
	struct weir_src src = weir_src_of(stored->value, c->path, 0);
	uint32_t n = weir_src_count(&src, 1);

	struct weir_src all = weir_src_of(stored->value, c->path, 0);

	if (!known || (n > 1 && weir__keyed_is_opaque(map->fields[1].type) && (weir_type_skip(map, &all) || weir_src_left(&all))))
		return not_canonical(c, state, stored, "the entries of this map cannot be told apart: their serializer is not known to weir");
	for (uint32_t i = 0; i < n && !src.code; i++) {
		struct weir_entry e = *stored;
		const uint8_t *from;
		int code;

		e.user_key = take(map->fields[0].type, &src);
		from = src.p;
		if (!weir_src_bool(&src)) {
			if (n == 1 && weir__keyed_is_opaque(map->fields[1].type))
				src.p = src.code ? src.p : src.end;
			else if (weir_type_skip(map->fields[1].type, &src) != 0)
				break;
		}
		if (src.code)
			break;
		e.value = (struct weir_slice){ from, (size_t)(src.p - from) };
		code = c->fn(c->arg, state, &e);
		if (code)
			return code;
	}
	weir_src_end(&src, "bytes are left behind the entries of a map");
	if (src.code)
		return weir_error_at(c->err, src.code, c->path, WEIR_NO_OFFSET, "key group %d, state '%s': %s", stored->key_group, c->meta->states[state].name, src.what);
	return 0;
}

static int canonical_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct canonical *c = arg;

	if (!e->undecodable && c->meta->states[state].kind == WEIR_STATE_LIST)
		return list_entry(c, state, e);
	if (!e->undecodable && c->meta->states[state].kind == WEIR_STATE_MAP)
		return map_entries(c, state, e);
	return c->fn(c->arg, state, e);
}

int weir_keyed_read_group(enum weir_keyed_format format, struct weir_slice stream, const char *path, const struct weir_keyed_meta *meta, int32_t key_group,
			  int64_t offset, int64_t end, uint32_t max_parallelism, weir_keyed_entry_fn *fn, void *arg, struct weir_error *err)
{
	struct canonical c = { .meta = meta, .path = path, .fn = fn, .arg = arg, .err = err };
	struct weir_keyed_walk walk = { .entry = format == WEIR_FORMAT_HEAP ? canonical_entry : fn, .arg = format == WEIR_FORMAT_HEAP ? (void *)&c : arg };
	int code = weir_keyed_read_group_stored(format, stream, path, meta, key_group, offset, end, max_parallelism, &walk, err);

	weir_buf_fini(&c.buf);
	return code;
}
