// SPDX-License-Identifier: Apache-2.0
/*
 * Maps and lists of one key, in the shard's cells. Up to 8 entries a map is searched front to back; above, an index of entry numbers
 * (open addressing, at most half full) finds them. Entries themselves stay dense, so iteration is a walk over an array, and its order
 * depends only on what was put and removed, in which order.
 *
 * Invariant: index (if any) holds exactly the entries 0..count-1. The task's thread only.
 */
#include "state/backend/map.h"

#define LINEAR 8u

void weir__map_layout_init(struct weir__map_layout *l, struct weir_type *key, struct weir_type *value)
{
	uint32_t ka = key->align ? key->align : 1, va = value->align ? value->align : 1;

	*l = (struct weir__map_layout){ .key = key, .value = value, .key_eq = weir__eq_of(key) };
	l->key_off = (8 + ka - 1) & ~(ka - 1);
	l->value_off = (l->key_off + key->size + va - 1) & ~(va - 1);
	l->entry_size = (l->value_off + value->size + 7) & ~7u;
}

static uint32_t entry_tag(const uint8_t *e)
{
	uint32_t t;

	memcpy(&t, e, 4);
	return t;
}

static inline bool entry_is(const struct weir__map_layout *l, const uint8_t *e, uint32_t tag, const void *key)
{
	return entry_tag(e) == tag && (weir__same_bytes(l->key_eq, e + l->key_off, key) || weir__value_eq(l->key_eq, l->key, e + l->key_off, key));
}

static uint32_t index_mask(const struct weir__map *m) { return m->cap * 2 - 1; }
static uint32_t home_of(const struct weir__map *m, uint32_t tag) { return tag >> (32 - (uint32_t)__builtin_ctz(m->cap * 2)); }

uint8_t *weir__map_find(const struct weir__map_layout *l, const struct weir__map *m, uint32_t tag, const void *key)
{
	if (!m->index) {
		for (uint32_t i = 0; i < m->count; i++) {
			uint8_t *e = weir__map_entry(l, m, i);

			if (entry_is(l, e, tag, key))
				return e;
		}
		return NULL;
	}
	for (uint32_t i = home_of(m, tag); m->index[i]; i = (i + 1) & index_mask(m)) {
		uint8_t *e = weir__map_entry(l, m, m->index[i] - 1);

		if (entry_is(l, e, tag, key))
			return e;
	}
	return NULL;
}

static void index_add(struct weir__map *m, struct weir__space *s, uint32_t tag, uint32_t number)
{
	uint32_t i = home_of(m, tag);

	while (m->index[i])
		i = (i + 1) & index_mask(m);
	weir__space_touch(s, NULL, &m->index[i], 4);
	m->index[i] = number + 1;
}

static uint32_t index_find(const struct weir__map *m, uint32_t tag, uint32_t number)
{
	uint32_t i = home_of(m, tag);

	while (m->index[i] != number + 1)
		i = (i + 1) & index_mask(m);
	return i;
}

static void index_remove(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s, uint32_t i)
{
	uint32_t mask = index_mask(m);

	for (uint32_t j = (i + 1) & mask; m->index[j]; j = (j + 1) & mask) {
		uint32_t home = home_of(m, entry_tag(weir__map_entry(l, m, m->index[j] - 1)));

		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		weir__space_touch(s, NULL, &m->index[i], 4);
		m->index[i] = m->index[j];
		i = j;
	}
	weir__space_touch(s, NULL, &m->index[i], 4);
	m->index[i] = 0;
}

static bool grow_map(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s)
{
	uint32_t cap = !m->cap ? 2 : m->cap < LINEAR ? LINEAR : m->cap * 2;
	struct weir__map old = *m;
	uint8_t *entries = cap > UINT32_MAX / 4 ? NULL : weir__space_alloc(s, (size_t)cap * l->entry_size);
	uint32_t *index = NULL;

	if (!entries)
		return false;
	if (cap > LINEAR) {
		size_t n = (size_t)cap * 2 * sizeof(uint32_t);

		index = weir__space_alloc(s, n);
		if (!index) {
			weir__space_free(s, entries, (size_t)cap * l->entry_size);
			return false;
		}
		if (!weir__space_alloc_is_zero(n))
			memset(index, 0, n);
	}
	if (old.count)
		memcpy(entries, old.entries, (size_t)old.count * l->entry_size);
	*m = (struct weir__map){ .entries = entries, .index = index, .count = old.count, .cap = cap };
	for (uint32_t i = 0; index && i < m->count; i++)
		index_add(m, s, entry_tag(weir__map_entry(l, m, i)), i);
	weir__space_free(s, old.entries, (size_t)old.cap * l->entry_size);
	if (old.index)
		weir__space_free(s, old.index, (size_t)old.cap * 2 * sizeof(uint32_t));
	return true;
}

static bool copy_key(const struct weir__map_layout *l, struct weir__space *s, uint8_t *e, const void *key)
{
	if (l->key->size)
		memcpy(e + l->key_off, key, l->key->size);
	if (weir__value_own(s, l->key, e + l->key_off))
		return true;
	weir__value_free(s, l->key, e + l->key_off);
	return false;
}

uint8_t *weir__map_add(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s, uint32_t tag, const void *key)
{
	uint8_t *e;

	if (m->count == m->cap && !grow_map(l, m, s))
		return NULL;
	e = weir__map_entry(l, m, m->count);
	weir__space_touch(s, NULL, e, l->entry_size);
	for (uint32_t i = 0; i < l->entry_size; i += 8) /* a few words: no call */
		memset(e + i, 0, 8);
	memcpy(e, &tag, 4);
	if (l->key_eq == WEIR__EQ_STR && ((const struct weir_str *)key)->len <= WEIR_STR_INLINE)
		memcpy(e + l->key_off, key, sizeof(struct weir_str));
	else if (!copy_key(l, s, e, key))
		return NULL;
	if (m->index)
		index_add(m, s, tag, m->count);
	m->count++;
	return e;
}

void weir__map_remove(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s, uint8_t *entry)
{
	uint32_t number = (uint32_t)((size_t)(entry - m->entries) / l->entry_size), last = m->count - 1;

	weir__value_free(s, l->key, entry + l->key_off);
	weir__value_free(s, l->value, entry + l->value_off);
	if (m->index)
		index_remove(l, m, s, index_find(m, entry_tag(entry), number));
	if (number != last) {
		uint8_t *e = weir__map_entry(l, m, last);

		if (m->index) {
			uint32_t i = index_find(m, entry_tag(e), last);

			weir__space_touch(s, NULL, &m->index[i], 4);
			m->index[i] = number + 1;
		}
		weir__space_touch(s, NULL, entry, l->entry_size);
		memcpy(entry, e, l->entry_size);
	}
	m->count--;
}

void weir__map_free(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s)
{
	if (!weir__is_flat(l->key) || !weir__is_flat(l->value))
		for (uint32_t i = 0; i < m->count; i++) {
			weir__value_free(s, l->key, weir__map_entry(l, m, i) + l->key_off);
			weir__value_free(s, l->value, weir__map_entry(l, m, i) + l->value_off);
		}
	weir__space_free(s, m->entries, (size_t)m->cap * l->entry_size);
	if (m->index)
		weir__space_free(s, m->index, (size_t)m->cap * 2 * sizeof(uint32_t));
	*m = (struct weir__map){ 0 };
}

bool weir__list_add(const struct weir_type *t, struct weir__list *list, struct weir__space *s, const void *item)
{
	char *to;

	if (list->count == list->cap) {
		uint32_t cap = list->cap ? list->cap * 2 : t->size ? (uint32_t)(weir__space_room(t->size) / t->size) : 1;
		void *items;

		if (list->cap > UINT32_MAX / 2)
			return false;
		items = weir__space_alloc(s, (size_t)cap * t->size);
		if (!items)
			return false;
		if (list->count)
			memcpy(items, list->items, (size_t)list->count * t->size);
		weir__space_free(s, list->items, (size_t)list->cap * t->size);
		list->items = items;
		list->cap = cap;
	}
	to = (char *)list->items + (size_t)list->count * t->size;
	weir__space_touch(s, NULL, to, t->size);
	if (t->size)
		memcpy(to, item, t->size);
	if (!weir__value_own(s, t, to)) {
		weir__value_free(s, t, to);
		return false;
	}
	list->count++;
	return true;
}

void weir__list_free(const struct weir_type *t, struct weir__list *list, struct weir__space *s)
{
	if (!weir__is_flat(t))
		for (uint32_t i = 0; i < list->count; i++)
			weir__value_free(s, t, (char *)list->items + (size_t)i * t->size);
	weir__space_free(s, list->items, (size_t)list->cap * t->size);
	*list = (struct weir__list){ 0 };
}
