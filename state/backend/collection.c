// SPDX-License-Identifier: Apache-2.0
/*
 * LIST and MAP states: a slot's value is a struct weir__list or weir__map whose content lies in the shard (map.c). A list or map that
 * becomes empty loses its slot. What exists and stands in its home slot (home.h) is reached without the long way through hashmap.c. Same invariants and threads as hashmap.c.
 */
#include "base/hash.h"
#include "state/backend/home.h"

static inline void step(struct weir_state *s)
{
	struct weir__table *t = weir__table_of(s);

	if (__builtin_expect(t->old.slots != NULL, 0))
		weir__table_step(t, &s->layout, weir__space_of(s), WEIR__STEP_SLOTS);
}

/* The slot of the current key and ns, or NULL, to be looked at. */
static int look(struct weir_state *s, bool list, bool map, const void *ns, uint8_t **out_slot, struct weir_error *err)
{
	uint8_t *slot = s->list == list && s->map == map ? weir__state_home(s) : NULL;
	int code = 0;

	if (!slot) {
		code = weir__state_enter(s, list, map, err);
		if (!code) {
			step(s);
			slot = weir__state_find(s, ns);
		}
	}
	*out_slot = slot;
	return code;
}

/* The slot of the current key, made writable, when it stands in its home. */
static uint8_t *home_to_write(struct weir_state *s)
{
	uint8_t *slot = weir__state_home(s);

	if (slot)
		weir__table_touch(weir__table_of(s), &s->layout, weir__space_of(s), slot);
	return slot;
}

/* ---- lists ---- */

/* One more into a list that exists, in its home slot. False: take the long way. */
static bool add_at_home(struct weir_state *s, const void *item)
{
	uint8_t *slot = s->list && weir__is_flat(s->value) && s->value->size ? home_to_write(s) : NULL;
	struct weir__list *list = slot ? weir__slot_value(&s->layout, slot) : NULL;

	if (list && list->count == list->cap)
		item = weir__backend_stage(s->b, item, s->value->size); /* it may lie in the list that is about to move */
	return list && item && weir__list_add(s->value, list, weir__space_of(s), item);
}

int weir_state_list_add(struct weir_state *s, const void *ns, const void *item, struct weir_error *err)
{
	bool created;
	uint8_t *slot;
	int code;

	if (add_at_home(s, item))
		return 0;
	code = weir__state_enter(s, true, false, err);
	if (code)
		return code;
	item = weir__backend_stage(s->b, item, s->value->size); /* it may lie in the list that is about to move */
	slot = item ? weir__state_put(s, ns, &created) : NULL;
	if (!slot)
		return weir__backend_nomem(s, err);
	if (!weir__list_add(s->value, weir__slot_value(&s->layout, slot), weir__space_of(s), item)) {
		if (created)
			weir__state_drop_slot(s, s->b->group, slot);
		return weir__backend_nomem(s, err);
	}
	step(s);
	return 0;
}

int weir_state_list_get(struct weir_state *s, const void *ns, struct weir_list *out, struct weir_error *err)
{
	const struct weir__list *list;
	uint8_t *slot;
	int code = look(s, true, false, ns, &slot, err);

	if (code)
		return code;
	list = slot ? weir__slot_value(&s->layout, slot) : NULL;
	*out = list ? (struct weir_list){ .items = list->items, .count = list->count } : (struct weir_list){ 0 };
	return 0;
}

int weir_state_list_set(struct weir_state *s, const void *ns, const struct weir_list *from, struct weir_error *err)
{
	struct weir_list items = *from;
	struct weir__list fresh = { 0 }, *list;
	struct weir__space *space;
	bool created;
	uint8_t *slot;
	int code;

	if (!items.count)
		return weir_state_clear(s, ns, err);
	code = weir__state_enter(s, true, false, err);
	if (code)
		return code;
	space = weir__space_of(s);
	for (uint32_t i = 0; i < items.count; i++) /* the items may lie in the list that is replaced: copy first */
		if (!weir__list_add(s->value, &fresh, space, (const char *)items.items + (size_t)i * s->value->size)) {
			weir__list_free(s->value, &fresh, space);
			return weir__backend_nomem(s, err);
		}
	slot = weir__state_put(s, ns, &created);
	if (!slot) {
		weir__list_free(s->value, &fresh, space);
		return weir__backend_nomem(s, err);
	}
	list = weir__slot_value(&s->layout, slot);
	weir__list_free(s->value, list, space);
	*list = fresh;
	step(s);
	return 0;
}

/* ---- maps ---- */

static inline uint32_t entry_tag(const struct weir_state *s, const void *user_key)
{
	return weir__tag(s->user_key->kind == WEIR_STRING ? weir_hash_str(user_key) : weir_type_hash(s->user_key, user_key));
}

/* The map of the current key and ns, or NULL, to be looked at. */
static int look_at_map(struct weir_state *s, const void *ns, const struct weir__map **out, struct weir_error *err)
{
	uint8_t *slot;
	int code = look(s, false, true, ns, &slot, err);

	*out = !code && slot ? weir__slot_value(&s->layout, slot) : NULL;
	return code;
}

int weir_state_map_get(struct weir_state *s, const void *ns, const void *user_key, const void **out_value, struct weir_error *err)
{
	const struct weir__map *m;
	const uint8_t *e;
	int code = look_at_map(s, ns, &m, err);

	if (code)
		return code;
	e = m ? weir__map_find(&s->entries, m, entry_tag(s, user_key), user_key) : NULL;
	*out_value = e && !weir__map_entry_null(e) ? e + s->entries.value_off : NULL;
	return 0;
}

/* The value of an entry, made if absent, of a map that exists in its home slot. NULL: take the long way. */
static void *edit_at_home(struct weir_state *s, const void *user_key, bool *out_created)
{
	uint8_t *slot = s->map && weir__is_flat(s->value) ? weir__state_home(s) : NULL, *e;
	struct weir__space *space = weir__space_of(s);
	struct weir__map *m;
	uint32_t tag;

	if (!slot)
		return NULL;
	m = weir__slot_value(&s->layout, slot);
	tag = entry_tag(s, user_key);
	e = weir__map_find(&s->entries, m, tag, user_key);
	*out_created = !e;
	if (!e) {
		weir__table_touch(weir__table_of(s), &s->layout, space, slot);
		e = weir__map_add(&s->entries, m, space, tag, user_key);
	} else if (!weir__map_entry_null(e)) {
		weir__space_touch(space, NULL, e, s->entries.entry_size);
	} else {
		return NULL;
	}
	return e ? e + s->entries.value_off : NULL;
}

int weir_state_map_edit(struct weir_state *s, const void *ns, const void *user_key, void **out_value, bool *out_created, struct weir_error *err)
{
	bool created, new_entry = false;
	struct weir__map *m;
	uint32_t tag;
	uint8_t *slot, *e;
	void *v;
	int code;

	v = edit_at_home(s, user_key, &created);
	if (v) {
		*out_value = v;
		if (out_created)
			*out_created = created;
		return 0;
	}
	code = weir__state_enter(s, false, true, err);
	if (code)
		return code;
	step(s);
	tag = entry_tag(s, user_key);
	slot = weir__state_put(s, ns, &created);
	if (!slot)
		return weir__backend_nomem(s, err);
	m = weir__slot_value(&s->layout, slot);
	e = weir__map_find(&s->entries, m, tag, user_key);
	if (!e) {
		e = weir__map_add(&s->entries, m, weir__space_of(s), tag, user_key);
		if (!e) {
			if (created)
				weir__state_drop_slot(s, s->b->group, slot);
			return weir__backend_nomem(s, err);
		}
		new_entry = true;
	}
	weir__space_touch(weir__space_of(s), NULL, e, s->entries.entry_size);
	if (weir__map_entry_null(e)) { /* a restored null is replaced by a value */
		memset(e + 4, 0, 4);
		new_entry = true;
	}
	code = weir__state_begin_edit(s, s->value, e + s->entries.value_off, err);
	if (code)
		return code;
	if (out_created)
		*out_created = new_entry;
	*out_value = e + s->entries.value_off;
	return 0;
}

int weir_state_map_remove(struct weir_state *s, const void *ns, const void *user_key, struct weir_error *err)
{
	int code = weir__state_enter(s, false, true, err);
	struct weir__map *m;
	uint8_t *slot, *e;

	if (code)
		return code;
	slot = weir__state_find(s, ns);
	m = slot ? weir__slot_value(&s->layout, slot) : NULL;
	e = m ? weir__map_find(&s->entries, m, entry_tag(s, user_key), user_key) : NULL;
	if (e && m->count == 1) {
		weir__state_drop_slot(s, s->b->group, slot);
	} else if (e) {
		weir__table_touch(weir__table_of(s), &s->layout, weir__space_of(s), slot);
		weir__map_remove(&s->entries, m, weir__space_of(s), e);
	}
	step(s);
	return 0;
}

uint32_t weir_state_map_count(struct weir_state *s, const void *ns)
{
	const struct weir__map *m;

	return look_at_map(s, ns, &m, NULL) == 0 && m ? m->count : 0;
}

bool weir_state_map_next(struct weir_state *s, const void *ns, uint64_t *cursor, const void **out_user_key, const void **out_value)
{
	const struct weir__map *m;
	const uint8_t *e;

	if (look_at_map(s, ns, &m, NULL) != 0 || !m || *cursor >= m->count)
		return false;
	e = weir__map_entry(&s->entries, m, (uint32_t)(*cursor)++);
	*out_user_key = e + s->entries.key_off;
	*out_value = weir__map_entry_null(e) ? NULL : e + s->entries.value_off;
	return true;
}
