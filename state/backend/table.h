/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of one (state, key group): open addressing, linear probing, everything inline. See table.c.
 */
#ifndef WEIR_STATE_BACKEND_TABLE_H
#define WEIR_STATE_BACKEND_TABLE_H

#include "state/backend/value.h"

/* What a slot holds; the same for all tables of a state. A slot: u32 tag (0 = empty), key, namespace, value or pointer to its cell. */
struct weir__layout {
	struct weir_type *key, *ns;
	enum weir__eq key_eq, ns_eq;
	uint32_t slot_size;
	uint32_t key_off, ns_off, value_off;
	uint32_t value_size;   /* of the value */
	bool in_cell;          /* the slot has a pointer to value_size bytes */
};

struct weir__slots {
	uint8_t *slots;
	struct weir__region *region;
	uint32_t mask;         /* capacity - 1 */
	uint32_t shift;        /* home = tag >> shift */
};

struct weir__table {
	struct weir__slots cur;
	uint32_t count;        /* entries in cur and old */
	uint32_t limit;        /* entries that cur may hold */
	struct weir__slots old; /* slots NULL unless a rehash is under way */
	uint32_t old_start, old_done; /* slots [start, start + done) of old, cyclic, have been moved */
	uint32_t old_freed;    /* ... of which the first so many were given back */
	uint32_t debt;         /* slots to move at the next occasion */
	uint32_t batch;        /* last resolve that paid the debt */
	uint32_t stagger;      /* any number; not all the same */
};

#define WEIR__INLINE_VALUE 48u
void weir__layout_init(struct weir__layout *l, struct weir_type *key, struct weir_type *ns, uint32_t value_size, uint32_t value_align);

/* Tables and their index use the same 32 bits of a hash; the top ones are the index, so a table grows without hashing keys again. */
static inline uint32_t weir__tag(uint64_t hash)
{
	uint32_t t = (uint32_t)(hash >> 32);

	return t ? t : 1;
}
/* The hash of (key, namespace) from the namespace's own. */
static inline uint64_t weir__hash_join(uint64_t key_hash, uint64_t ns_hash)
{
	uint64_t h = (key_hash ^ (ns_hash + 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;

	return h ^ h >> 32 ^ h << 32;
}
static inline uint64_t weir__hash_with_ns(uint64_t key_hash, const struct weir_type *ns, enum weir__eq ns_eq, const void *value)
{
	return ns_eq == WEIR__EQ_NONE ? key_hash : weir__hash_join(key_hash, weir_type_hash(ns, value));
}
static inline void *weir__slot_value(const struct weir__layout *l, uint8_t *slot)
{
	void *cell;

	if (!l->in_cell)
		return slot + l->value_off;
	memcpy(&cell, slot + l->value_off, sizeof(void *));
	return cell;
}
/* Has old's entry with this tag been moved? (only while old.slots) */
static inline bool weir__moved(const struct weir__table *t, uint32_t tag)
{
	return (((tag >> t->old.shift) - t->old_start) & t->old.mask) < t->old_done;
}
static inline bool weir__slot_is(const struct weir__layout *l, const uint8_t *slot, uint32_t tag, const void *key, const void *ns)
{
	uint32_t have;

	memcpy(&have, slot, 4);
	return have == tag && weir__value_eq(l->key_eq, l->key, slot + l->key_off, key) && weir__value_eq(l->ns_eq, l->ns, slot + l->ns_off, ns);
}

uint8_t *weir__table_find(const struct weir__table *t, const struct weir__layout *l, uint32_t tag, const void *key, const void *ns);
/* The slot, made if absent: key and namespace copied in, value zeroed. NULL when out of memory. May grow the table, which moves slots. */
uint8_t *weir__table_put(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t tag, const void *key, const void *ns,
			 bool *out_created);
/* As put for an absent entry, when weir__table_full() says there is room: moves nothing. */
uint8_t *weir__table_insert(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t tag, const void *key, const void *ns);
static inline bool weir__table_full(const struct weir__table *t) { return t->count >= t->limit; }
/* Make room for n more entries. */
bool weir__table_reserve(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t n);
/* Make the slot writable, also its cell. */
static inline void weir__table_touch(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint8_t *slot)
{
	if (__builtin_expect(atomic_load_explicit(&s->active, memory_order_acquire) == 0, 1))
		return;
	if (l->in_cell)
		weir__space_touch_slow(s, NULL, weir__slot_value(l, slot), l->value_size);
	else
		weir__space_touch_slow(s, slot >= t->cur.slots && slot <= t->cur.slots + (size_t)t->cur.mask * l->slot_size ? t->cur.region : NULL, slot,
				       l->slot_size);
}
/* Remove: frees key, namespace and cell; what the value points to is the caller's. Moves slots. */
void weir__table_delete(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint8_t *slot);
/* Pay some of the rehash's debt: moves slots. */
void weir__table_step(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t most);
/* Iterate: *cursor from 0; NULL at the end. at() translates addresses (an image) or is NULL. */
uint8_t *weir__table_next(const struct weir__table *t, const struct weir__layout *l, uint64_t *cursor);
void weir__table_clear(struct weir__table *t, const struct weir__layout *l, struct weir__space *s); /* the slots only, not what they own */

#endif
