// SPDX-License-Identifier: Apache-2.0
/*
 * A restored state meets the state the job registers: their types are compared by Flink's rules; a state held natively under types that
 * fit as they are is simply taken over, every other one is converted value by value (stored bytes, converted bytes, native form) into
 * fresh tables, key group by key group, so that both forms of the whole state never exist at once.
 * Threads: the task's. Fails on types that do not fit (naming state and difference), on damage found while converting, without memory.
 */
#include "state/backend/hashmap.h"

#include <stdlib.h>

struct conversion {
	struct weir_state *from, *to;
	struct weir_buf bytes, converted;
	struct weir_arena mem;
	void *ns, *value, *user_key;
	uint32_t group;
	struct weir_error *err;
};

static bool fits(const struct weir_type *from, const struct weir_type *to)
{
	return weir_type_compat(from, to, NULL, 0) == WEIR_COMPAT_AS_IS;
}

/* One value: stored type `from`, held natively (type held) or as bytes -> native of type `to`. */
static int convert_value(struct conversion *c, const struct weir_type *from, const struct weir_type *held, const void *v, bool boxed, uint32_t skip,
			 const struct weir_type *to, void *out)
{
	struct weir_slice bytes;
	struct weir_src src;
	int code;

	if (boxed) {
		bytes = weir_str_slice(v);
		bytes = (struct weir_slice){ bytes.ptr + skip, bytes.len - skip };
	} else {
		weir_buf_clear(&c->bytes);
		code = weir_type_write(held, v, &c->bytes, c->err);
		if (code)
			return code;
		bytes = weir_buf_slice(&c->bytes);
	}
	if (!fits(from, to)) {
		src = weir_src_of(bytes, NULL, 0);
		weir_buf_clear(&c->converted);
		code = weir_type_convert(from, to, &src, &c->converted, c->err);
		if (code)
			return code;
		bytes = weir_buf_slice(&c->converted);
	}
	/* weir_type_read may keep pointers into its source, and the buffers are used again: so the bytes move into the arena */
	bytes.ptr = weir_arena_copy(&c->mem, bytes.ptr, bytes.len);
	if (!bytes.ptr)
		return weir__backend_nomem(c->to, c->err);
	src = weir_src_of(bytes, NULL, 0);
	code = weir_type_read(to, &src, &c->mem, out, c->err);
	if (!code && weir_src_left(&src))
		code = weir_error_set(c->err, WEIR_ECORRUPT, "bytes are left behind a value");
	return code;
}

static const struct weir_type *inner(const struct weir_type *stored, enum weir_state_kind kind, uint32_t i)
{
	return kind == WEIR_STATE_LIST || kind == WEIR_STATE_MAP ? stored->fields[i].type : stored;
}

static int convert_list(struct conversion *c, const struct weir__list *list, uint8_t *to)
{
	struct weir_state *f = c->from;
	const struct weir_type *stored = inner(f->stored, f->kind, 0);

	for (uint32_t i = 0; i < list->count; i++) {
		int code = convert_value(c, stored, f->value, (const char *)list->items + (size_t)i * f->value->size, f->form != WEIR__NATIVE, 0, c->to->value, c->value);

		if (code)
			return code;
		if (!weir__list_add(c->to->value, weir__slot_value(&c->to->layout, to), weir__space_of(c->to), c->value))
			return weir__backend_nomem(c->to, c->err);
	}
	return 0;
}

static int convert_map(struct conversion *c, const struct weir__map *m, uint8_t *to)
{
	struct weir_state *f = c->from, *t = c->to;
	bool boxed = f->form != WEIR__NATIVE;

	for (uint32_t i = 0; i < m->count; i++) {
		uint8_t *e = weir__map_entry(&f->entries, m, i), *v = e + f->entries.value_off, *made;
		uint32_t null = boxed ? (uint8_t)weir_str_data((struct weir_str *)v)[0] : weir__map_entry_null(e);
		int code = convert_value(c, inner(f->stored, f->kind, 0), f->user_key, e + f->entries.key_off, boxed, 0, t->user_key, c->user_key);

		if (!code && !null)
			code = convert_value(c, inner(f->stored, f->kind, 1), f->value, v, boxed, 1, t->value, c->value);
		if (code)
			return code;
		made = weir__map_add(&t->entries, weir__slot_value(&t->layout, to), weir__space_of(t), weir__tag(weir_type_hash(t->user_key, c->user_key)), c->user_key);
		if (!made)
			return weir__backend_nomem(t, c->err);
		memcpy(made + 4, &null, 4);
		if (!null && t->value->size)
			memcpy(made + t->entries.value_off, c->value, t->value->size);
		if (!weir__value_own(weir__space_of(t), t->value, made + t->entries.value_off))
			return weir__backend_nomem(t, c->err);
	}
	return 0;
}

static int convert_slot(struct conversion *c, uint8_t *slot)
{
	struct weir_state *f = c->from, *t = c->to;
	const void *ns = slot + f->layout.ns_off, *v = weir__slot_value(&f->layout, slot);
	bool created;
	uint8_t *to, *place;
	int code;

	weir_arena_reset(&c->mem);
	code = weir__backend_take_key(f->b, slot + f->layout.key_off, weir_type_hash(f->layout.key, slot + f->layout.key_off), (uint32_t)f->b->config.first_group + c->group, c->err);
	if (!code && f->ns_boxed) {
		code = convert_value(c, f->real_ns, f->ns, ns, true, 0, t->ns, c->ns);
		ns = c->ns;
	}
	if (!code && !f->list && !f->map)
		code = convert_value(c, f->stored, f->value, v, f->form != WEIR__NATIVE, 0, t->value, c->value);
	if (code)
		return code;
	to = weir__state_put(t, ns, &created);
	if (!to)
		return weir__backend_nomem(t, c->err);
	if (f->list)
		return convert_list(c, v, to);
	if (f->map)
		return convert_map(c, v, to);
	place = weir__slot_value(&t->layout, to);
	if (t->value->size)
		memcpy(place, c->value, t->value->size);
	return weir__value_own(weir__space_of(t), t->value, place) ? 0 : weir__backend_nomem(t, c->err);
}

/* Key group by key group, so that both forms of the whole state never exist at once. */
static int convert_groups(struct conversion *c)
{
	struct weir_backend *b = c->from->b;
	int code = 0;

	for (c->group = 0; c->group < b->config.ngroups && !code; c->group++) {
		const struct weir__table *t = &c->from->tables[c->group];
		uint64_t cursor = 0;
		uint8_t *slot;

		if (!c->to->by_window && !weir__table_reserve(&c->to->tables[c->group], &c->to->layout, &b->spaces[c->group], t->count))
			return weir__backend_nomem(c->to, c->err);
		while (!code && (slot = weir__table_next(t, &c->from->layout, &cursor)) != NULL)
			code = convert_slot(c, slot);
		if (code)
			return weir_error_wrap(c->err, "state '%s', key group %u", c->from->name, (uint32_t)b->config.first_group + c->group), code;
		weir__state_empty_group(c->from, c->group);
	}
	return 0;
}

static int convert_state(struct weir_state *s, const struct weir_state_desc *d, struct weir_type *ns, struct weir_type *stored, struct weir_error *err)
{
	struct weir_error local = WEIR_ERROR_INIT;
	struct weir_backend *b = s->b;
	struct weir_type *uk = d->kind == WEIR_STATE_MAP ? d->user_key : NULL;
	struct conversion c = { .from = s, .err = err ? err : &local };
	const struct weir_type *kt = b->config.key;
	struct weir_arena mem = { 0 };
	struct weir_state swap;
	void *key = b->has_key ? weir_arena_zero(&mem, kt->size + 1) : NULL; /* the current key, which conversion changes */
	uint32_t group = (uint32_t)b->config.first_group + b->group;
	int code;

	if (b->has_key && (!key || !weir_type_copy(kt, b->key, &mem, key))) {
		weir_arena_fini(&mem);
		return weir__backend_nomem(s, err);
	}
	c.to = weir__state_new_as(b, d, ns, err);
	c.ns = calloc(1, ns->size + 16);
	c.value = calloc(1, d->value->size + 16);
	c.user_key = calloc(1, uk ? uk->size + 16 : 16);
	code = !c.to ? WEIR_ENOMEM : !c.ns || !c.value || !c.user_key ? weir__backend_nomem(s, err) : convert_groups(&c);
	if (c.to) {
		c.to->stored = stored;
		if (code) {
			weir__state_empty(c.to);
		} else { /* the restored one keeps its place in the list */
			swap = *s;
			*s = *c.to;
			*c.to = swap;
		}
		b->states.len--;
		weir__state_free(c.to);
	}
	b->has_key = false;
	if (key && weir__backend_take_key(b, key, weir_type_hash(kt, key), group, err) && !code)
		code = WEIR_ENOMEM;
	weir_arena_fini(&mem);
	free(c.ns);
	free(c.value);
	free(c.user_key);
	weir_buf_fini(&c.bytes);
	weir_buf_fini(&c.converted);
	weir_arena_fini(&c.mem);
	return code;
}

int weir__state_claim(struct weir_state *s, const struct weir_state_desc *d, struct weir_type *stored, struct weir_error *err)
{
	struct weir_type *ns = d->ns ? d->ns : &weir_void;
	char why[400] = "";
	enum weir_compat compat;
	int code = 0;

	if (s->kind != d->kind)
		return weir_error_set(err, WEIR_EINCOMPATIBLE, "state '%s' was restored as %s, but the job registers it as %s; rename the state, or migrate it", s->name,
				      weir_state_kind_name(s->kind), weir_state_kind_name(d->kind));
	if (weir_type_compat(s->real_ns, ns, why, sizeof(why)) != WEIR_COMPAT_AS_IS)
		return weir_error_set(err, WEIR_EINCOMPATIBLE, "state '%s': the restored namespace does not fit: %s", s->name, why);
	compat = weir_type_compat(s->stored, stored, why, sizeof(why));
	if (compat == WEIR_COMPAT_INCOMPATIBLE)
		return weir_error_set(err, WEIR_EINCOMPATIBLE, "state '%s': the restored values do not fit: %s; keep the stored type in the job, or migrate the state (weir state migrate)",
				      s->name, why);
	if (s->form >= WEIR__WHOLE_FULL)
		return weir_error_set(err, WEIR_EINCOMPATIBLE, "state '%s': the restored values are of a serializer weir does not know (%s)", s->name,
				      s->stored->java ? s->stored->java : "inside of a container");
	if (s->form == WEIR__NATIVE && compat == WEIR_COMPAT_AS_IS && !s->ns_boxed && !d->by_window) {
		s->ns = s->real_ns = ns;
		s->value = d->value;
		s->user_key = d->kind == WEIR_STATE_MAP ? d->user_key : NULL;
		s->stored = stored;
		s->layout.ns = ns;
		s->entries.key = s->user_key;
		s->entries.value = s->value;
	} else {
		code = convert_state(s, d, ns, stored, err);
	}
	s->claimed = !code;
	return code;
}
