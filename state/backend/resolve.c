// SPDX-License-Identifier: Apache-2.0
/*
 * A batch of keys to the addresses of their values: the fast path of keyed operators. Slots are prefetched DISTANCE rows ahead of the
 * probe; missing ones are made and zeroed.
 *
 * Invariants
 *   1. Addresses handed out stay valid until the next call: a table pays its rehash debt before its first row of a batch, and moves nothing
 *      after that. A table that fills up in the middle goes over to a larger one: a large table keeps its old slots in place (the rehash is
 *      incremental); a small one moves at once, and the rows already answered for its key group are looked up again.
 *   2. Every address has been touched: the caller may write at once.
 */
#include "state/backend/hashmap.h"

#define DISTANCE 16u

struct batch {
	struct weir_state *s;
	uint32_t n, key_size, ns_stride;
	const uint8_t *keys;
	const uint64_t *hashes;
	const uint16_t *groups;
	const uint8_t *ns;
	void **slots;
	uint8_t *created;
};

enum shape { KEY_8, KEY_STR, KEY_ANY, KEY_AND_NS };

static inline __attribute__((always_inline)) uint32_t row_tag(const struct batch *b, enum shape shape, uint32_t i)
{
	if (shape != KEY_AND_NS)
		return weir__tag(b->hashes[i]);
	return weir__tag(weir__hash_with_ns(b->hashes[i], b->s->ns, b->s->layout.ns_eq, b->ns + (size_t)i * b->ns_stride));
}

static inline __attribute__((always_inline)) uint8_t *probe(const struct weir__slots *h, const struct weir__layout *l, enum shape shape, uint32_t slot_size,
							     uint32_t key_off, uint32_t tag, const uint8_t *key, const uint8_t *ns)
{
	for (uint32_t i = tag >> h->shift;; i = (i + 1) & h->mask) {
		uint8_t *slot = h->slots + (size_t)i * slot_size;
		uint32_t have;

		memcpy(&have, slot, 4);
		if (have == tag) {
			if (shape == KEY_8 ? memcmp(slot + key_off, key, 8) == 0
			    : shape == KEY_STR ? weir_str_eq((const struct weir_str *)(slot + key_off), (const struct weir_str *)key)
			    : weir__value_eq(l->key_eq, l->key, slot + key_off, key) &&
				(shape == KEY_ANY || weir__value_eq(l->ns_eq, l->ns, slot + l->ns_off, ns)))
				return slot;
		} else if (!have) {
			return NULL;
		}
	}
}

static inline __attribute__((always_inline)) void prefetch_row(const struct batch *b, enum shape shape, uint32_t slot_size, uint32_t i)
{
	const struct weir__table *t = &b->s->tables[b->groups[i] - (uint32_t)b->s->b->config.first_group];
	uint32_t tag = row_tag(b, shape, i);
	const struct weir__slots *h = __builtin_expect(t->old.slots != NULL, 0) && !weir__moved(t, tag) ? &t->old : &t->cur;
	const uint8_t *slot;

	if (!h->slots)
		return;
	slot = h->slots + (size_t)(tag >> h->shift) * slot_size;
	__builtin_prefetch(slot, 1);
	__builtin_prefetch(slot + slot_size - 1, 1);
}

/* Rows 0..until of this key group are looked up again: their table has moved. */
static void look_again(const struct batch *b, uint32_t until, uint16_t group)
{
	struct weir_state *s = b->s;
	const struct weir__table *t = &s->tables[group - (uint32_t)s->b->config.first_group];

	for (uint32_t i = 0; i < until; i++) {
		const uint8_t *ns = b->ns + (size_t)i * b->ns_stride;

		if (b->groups[i] == group)
			b->slots[i] = weir__slot_value(&s->layout, weir__table_find(t, &s->layout, row_tag(b, KEY_AND_NS, i), b->keys + (size_t)i * b->key_size, ns));
	}
}

/* The row's key is new. NULL when out of memory. */
static __attribute__((noinline)) uint8_t *insert_row(const struct batch *b, uint32_t i, uint32_t tag)
{
	struct weir_state *s = b->s;
	uint32_t g = b->groups[i] - (uint32_t)s->b->config.first_group;
	struct weir__table *t = &s->tables[g];
	struct weir__space *space = &s->b->spaces[g];
	uint8_t *slot;

	if (weir__table_full(t)) {
		const uint8_t *before = t->cur.slots, *old = t->old.slots;

		if (!weir__table_reserve(t, &s->layout, space, 1))
			return NULL;
		t->batch = s->b->batch; /* no step in this batch any more */
		if ((before && t->old.slots != before) || (old && t->old.slots != old)) /* what was handed out has moved */
			look_again(b, i, b->groups[i]);
	}
	slot = weir__table_insert(t, &s->layout, space, tag, b->keys + (size_t)i * b->key_size, b->ns + (size_t)i * b->ns_stride);
	s->count += slot != NULL;
	return slot;
}

static inline __attribute__((always_inline)) uint32_t resolve_rows(const struct batch *b, enum shape shape)
{
	struct weir_state *s = b->s;
	const struct weir__layout *l = &s->layout;
	uint32_t slot_size = l->slot_size, key_off = l->key_off, value_off = l->value_off, first = (uint32_t)s->b->config.first_group;
	bool in_cell = l->in_cell, snapshot = s->b->snapshot != NULL;
	uint32_t batch = s->b->batch, key_size = shape == KEY_8 ? 8 : b->key_size;

	for (uint32_t i = 0; i < DISTANCE && i < b->n; i++)
		prefetch_row(b, shape, slot_size, i);
	for (uint32_t i = 0; i < b->n; i++) {
		struct weir__table *t = &s->tables[b->groups[i] - first];
		const uint8_t *key = b->keys + (size_t)i * key_size, *ns = b->ns + (size_t)i * b->ns_stride;
		uint32_t tag = row_tag(b, shape, i);
		uint8_t *slot = NULL;

		if (i + DISTANCE < b->n)
			prefetch_row(b, shape, slot_size, i + DISTANCE);
		if (__builtin_expect(t->old.slots != NULL, 0)) {
			if (t->batch != batch) {
				t->batch = batch;
				weir__table_step(t, l, &s->b->spaces[b->groups[i] - first], WEIR__STEP_BATCH);
			}
			if (t->old.slots && !weir__moved(t, tag))
				slot = probe(&t->old, l, shape, slot_size, key_off, tag, key, ns);
		}
		if (!slot && __builtin_expect(t->cur.slots != NULL, 1))
			slot = probe(&t->cur, l, shape, slot_size, key_off, tag, key, ns);
		b->created[i] = !slot;
		if (__builtin_expect(!slot, 0)) {
			slot = insert_row(b, i, tag);
			if (!slot)
				return i;
		}
		if (__builtin_expect(snapshot, 0))
			weir__table_touch(t, l, &s->b->spaces[b->groups[i] - first], slot);
		if (__builtin_expect(in_cell, 0))
			b->slots[i] = weir__slot_value(l, slot);
		else
			b->slots[i] = slot + value_off;
	}
	return b->n;
}

/* One body for each shape, so that the common ones are tight loops. */
static __attribute__((noinline)) uint32_t resolve_8(const struct batch *b) { return resolve_rows(b, KEY_8); }
static __attribute__((noinline)) uint32_t resolve_str(const struct batch *b) { return resolve_rows(b, KEY_STR); }
static __attribute__((noinline)) uint32_t resolve_any(const struct batch *b) { return resolve_rows(b, KEY_ANY); }
static __attribute__((noinline)) uint32_t resolve_ns(const struct batch *b) { return resolve_rows(b, KEY_AND_NS); }

static int check_groups(const struct batch *b, struct weir_error *err)
{
	const struct weir_backend_config *c = &b->s->b->config;
	uint32_t first = (uint32_t)c->first_group, bad = 0;

	for (uint32_t i = 0; i < b->n; i++)
		bad |= b->groups[i] - first >= c->ngroups;
	if (!bad)
		return 0;
	return weir_error_set(err, WEIR_EBUG, "state '%s': rows of a batch belong to key groups outside of %d to %lld", b->s->name, c->first_group,
			      (long long)c->first_group + c->ngroups - 1);
}

int weir_state_resolve(struct weir_state *s, uint32_t n, const void *keys, const uint64_t *hashes, const uint16_t *groups, const void *ns, size_t ns_stride,
		       void **slots, uint8_t *created, struct weir_error *err)
{
	static const uint8_t no_ns;
	struct batch b = { .s = s, .n = n, .key_size = s->b->config.key->size, .ns_stride = ns ? (uint32_t)ns_stride : 0, .keys = keys, .hashes = hashes,
			   .groups = groups, .ns = ns ? ns : &no_ns, .slots = slots, .created = created };
	uint32_t done;
	int code = weir_backend_settle(s->b, err);

	if (code)
		return code;
	if (s->list || s->map || !s->claimed || !weir__is_flat(s->value))
		return weir_error_set(err, WEIR_EUNSUPPORTED, "state '%s': only values without text or containers are resolved in batches; use the calls for one key", s->name);
	if (!ns && s->layout.ns_eq != WEIR__EQ_NONE)
		return weir_error_set(err, WEIR_EBUG, "state '%s' has a namespace, which was not given", s->name);
	code = check_groups(&b, err);
	if (code)
		return code;
	s->b->batch++;
	if (s->layout.ns_eq != WEIR__EQ_NONE)
		done = resolve_ns(&b);
	else if (s->layout.key_eq == WEIR__EQ_8)
		done = resolve_8(&b);
	else if (s->layout.key_eq == WEIR__EQ_STR)
		done = resolve_str(&b);
	else
		done = resolve_any(&b);
	return done == n ? 0 : weir__backend_nomem(s, err);
}
