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
 *   3. A row is prepared (its tag, the address of its home slot, a prefetch) DISTANCE rows before it is looked at. No table moves in between: debts are
 *      paid when a table's first row is prepared, and when an insertion moves a table, the rows prepared by then are prepared again.
 * Most rows are answered by the slot at home, without another look at the table; most others by its neighbour, which is prefetched with it (keyed count of
 * 1 M keys: 33 -> 30 ns a row). Of a state kept by window a row's pane is found when it is prepared; from there on the pane's table is the row's.
 */
#include "state/backend/windows.h"

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

enum key_shape { KEY_8, KEY_STR, KEY_ANY };
enum ns_shape { NS_NONE, NS_PANE, NS_ANY }; /* NS_PANE: the state is kept by window, and there is no namespace in a pane */

/* Rows on their way: tags of the prepared ones, and their panes. */
struct ahead {
	uint32_t tags[2 * DISTANCE];
	struct weir__pane *panes[2 * DISTANCE];
	struct weir__recent *recent; /* of the last row's window, or NULL */
	struct weir__near alone;     /* where there is none */
};

static inline const void *ns_of(const struct batch *b, uint32_t i) { return b->ns + (size_t)i * b->ns_stride; }
static inline uint32_t group_of(const struct batch *b, uint32_t i) { return b->groups[i] - (uint32_t)b->s->b->config.first_group; }

static inline __attribute__((always_inline)) uint32_t tag_of(const struct batch *b, enum ns_shape shape, uint32_t i)
{
	return weir__tag(shape == NS_ANY ? weir__hash_join(b->hashes[i], weir_type_hash(b->s->ns, ns_of(b, i))) : b->hashes[i]);
}

static inline __attribute__((always_inline)) bool slot_is(const struct weir__layout *l, enum key_shape key_shape, enum ns_shape ns_shape, const uint8_t *slot, uint32_t key_off,
							  uint32_t tag, const uint8_t *key, const uint8_t *ns)
{
	uint32_t have;

	memcpy(&have, slot, 4);
	if (have != tag)
		return false;
	if (key_shape == KEY_8 ? memcmp(slot + key_off, key, 8) != 0
	    : key_shape == KEY_STR ? !weir_str_eq((const struct weir_str *)(const void *)(slot + key_off), (const struct weir_str *)(const void *)key)
				   : !weir__value_eq(l->key_eq, l->key, slot + key_off, key))
		return false;
	return ns_shape != NS_ANY || weir__value_eq(l->ns_eq, l->ns, slot + l->ns_off, ns);
}

static inline __attribute__((always_inline)) uint8_t *probe(const struct weir__slots *h, const struct weir__layout *l, enum key_shape key_shape, enum ns_shape ns_shape,
							     uint32_t tag, const uint8_t *key, const uint8_t *ns)
{
	for (uint32_t i = tag >> h->shift;; i = (i + 1) & h->mask) {
		uint8_t *slot = h->slots + (size_t)i * l->slot_size;
		uint32_t have;

		if (slot_is(l, key_shape, ns_shape, slot, l->key_off, tag, key, ns))
			return slot;
		memcpy(&have, slot, 4);
		if (!have)
			return NULL;
	}
}

static inline __attribute__((always_inline)) struct weir__table *table_of_row(const struct batch *b, enum ns_shape shape, uint32_t i, const struct ahead *a)
{
	return shape == NS_PANE ? &a->panes[i % (2 * DISTANCE)]->table : &b->s->tables[group_of(b, i)];
}

static __attribute__((noinline)) void pay_debt(const struct batch *b, struct weir__table *t, uint32_t i)
{
	struct weir__space *space = &b->s->b->spaces[group_of(b, i)];

	if (b->s->by_window)
		weir__pane_touch(space, (struct weir__pane *)(void *)t);
	t->batch = b->s->b->batch;
	weir__table_step(t, &b->s->layout, space, WEIR__STEP_BATCH);
}

/* The pane of row i, made if absent; its table has paid. pane NULL: no memory. */
static __attribute__((noinline)) const struct weir__near *find_near(const struct batch *b, uint32_t i, struct ahead *a)
{
	const struct weir_window *w = ns_of(b, i);
	struct weir__near *near = &a->alone;
	struct weir__table *t;

	*near = (struct weir__near){ 0 };
	if (b->s->recent) {
		a->recent = weir__panes_recent(b->s, w);
		near = &a->recent->near[group_of(b, i)];
	}
	if (!near->pane)
		near->pane = weir__pane_get(b->s, group_of(b, i), w);
	if (!near->pane)
		return near;
	t = &near->pane->table;
	if (t->old.slots && t->batch != b->s->b->batch)
		pay_debt(b, t, i);
	near->slots = t->old.slots ? NULL : t->cur.slots;
	near->shift = t->cur.shift;
	return near;
}

static inline __attribute__((always_inline)) const struct weir__near *near_of(const struct batch *b, uint32_t i, struct ahead *a)
{
	const struct weir__recent *r = a->recent;
	const struct weir__near *near = r && weir__window_eq(r->window, *(const struct weir_window *)ns_of(b, i)) ? &r->near[group_of(b, i)] : NULL;

	return near && near->slots ? near : find_near(b, i, a);
}

/* The home of a tag in a table, where a rehash may be under way. */
static inline __attribute__((always_inline)) uint8_t *home_in(const struct weir__table *t, uint32_t tag, uint32_t slot_size)
{
	const struct weir__slots *h = t->old.slots && !weir__moved(t, tag) ? &t->old : &t->cur;

	return h->slots ? h->slots + (size_t)(tag >> h->shift) * slot_size : NULL;
}

/* Invariant 3. slots[i] becomes the address of the home slot, or NULL when the table has none. */
static inline __attribute__((always_inline)) void prepare(const struct batch *b, enum ns_shape shape, uint32_t slot_size, uint32_t i, struct ahead *a)
{
	uint32_t tag = tag_of(b, shape, i);
	uint8_t *slot;

	a->tags[i % (2 * DISTANCE)] = tag;
	if (shape == NS_PANE) {
		const struct weir__near *near = near_of(b, i, a);

		a->panes[i % (2 * DISTANCE)] = near->pane;
		slot = near->slots ? near->slots + (size_t)(tag >> near->shift) * slot_size : near->pane ? home_in(&near->pane->table, tag, slot_size) : NULL;
	} else {
		struct weir__table *t = table_of_row(b, shape, i, a);

		if (__builtin_expect(t->old.slots != NULL, 0) && t->batch != b->s->b->batch)
			pay_debt(b, t, i);
		slot = home_in(t, tag, slot_size);
	}
	b->slots[i] = slot;
	if (!slot)
		return;
	__builtin_prefetch(slot, 1);
	__builtin_prefetch(slot + 2 * slot_size - 1, 1); /* and the next slot: one row in three is there, behind a cache line's end */
}

/* Rows 0..until of this table are looked up again: it has moved. */
static void look_again(const struct batch *b, uint32_t until, uint16_t group, const struct weir__table *t)
{
	struct weir_state *s = b->s;

	for (uint32_t i = 0; i < until; i++) {
		const void *ns = ns_of(b, i);
		uint32_t tag;

		if (b->groups[i] != group || (s->by_window && &weir__pane_find(s, group_of(b, i), ns)->table != t))
			continue;
		tag = weir__tag(s->by_window ? b->hashes[i] : weir__hash_with_ns(b->hashes[i], s->ns, s->layout.ns_eq, ns));
		b->slots[i] = weir__slot_value(&s->layout, weir__table_find(t, &s->layout, tag, b->keys + (size_t)i * b->key_size, ns));
	}
}

/* The row's key is new in t. NULL when out of memory. */
static __attribute__((noinline)) uint8_t *insert_row(const struct batch *b, struct weir__table *t, uint32_t i, uint32_t tag)
{
	struct weir_state *s = b->s;
	uint32_t g = group_of(b, i);
	struct weir__pane *p = s->by_window ? (struct weir__pane *)(void *)t : NULL;
	struct weir__space *space = &s->b->spaces[g];
	const uint8_t *key = b->keys + (size_t)i * b->key_size;
	uint8_t *slot;

	if (p)
		weir__pane_touch(space, p);
	if (weir__table_full(t)) {
		const uint8_t *before = t->cur.slots, *old = t->old.slots;

		if (!(p ? weir__pane_grow(s, g, p) : weir__table_reserve(t, &s->layout, space, 1)))
			return NULL;
		t->batch = s->b->batch; /* no step in this batch any more */
		if ((before && t->old.slots != before) || (old && t->old.slots != old)) /* what was handed out has moved */
			look_again(b, i, b->groups[i], t);
	}
	slot = weir__table_insert(t, &s->layout, space, tag, key, ns_of(b, i));
	s->count += slot != NULL;
	if (slot && p && p->timers & WEIR__PANE_SINGLE && s->windows && !weir__windows_arm_one(s->windows, p, g, key))
		return NULL;
	return slot;
}

/* Not at home: somewhere behind, or in the other half of a table that is being rehashed, or new. */
static inline __attribute__((always_inline)) uint8_t *look(const struct batch *b, const struct weir__table *t, enum key_shape key_shape, enum ns_shape ns_shape, uint32_t tag,
							    const uint8_t *key, const uint8_t *ns)
{
	uint8_t *slot = NULL;

	if (__builtin_expect(t->old.slots != NULL, 0) && !weir__moved(t, tag))
		slot = probe(&t->old, &b->s->layout, key_shape, ns_shape, tag, key, ns);
	return slot || !t->cur.slots ? slot : probe(&t->cur, &b->s->layout, key_shape, ns_shape, tag, key, ns);
}

static inline __attribute__((always_inline)) uint32_t resolve_rows(const struct batch *b, enum key_shape key_shape, enum ns_shape ns_shape)
{
	struct weir_state *s = b->s;
	const struct weir__layout *l = &s->layout;
	uint32_t slot_size = l->slot_size, key_off = l->key_off, value_off = l->value_off;
	uint32_t key_size = key_shape == KEY_8 ? 8 : key_shape == KEY_STR ? (uint32_t)sizeof(struct weir_str) : b->key_size;
	bool in_cell = l->in_cell, snapshot = s->b->snapshot != NULL;
	struct ahead a = { .recent = NULL };

	for (uint32_t i = 0; i < DISTANCE && i < b->n; i++)
		prepare(b, ns_shape, slot_size, i, &a);
	for (uint32_t i = 0; i < b->n; i++) {
		const uint8_t *key = b->keys + (size_t)i * key_size, *ns = ns_of(b, i);
		uint32_t tag = a.tags[i % (2 * DISTANCE)];
		uint8_t *slot = b->slots[i];

		if (i + DISTANCE < b->n)
			prepare(b, ns_shape, slot_size, i + DISTANCE, &a);
		if (ns_shape == NS_PANE && __builtin_expect(!slot && !a.panes[i % (2 * DISTANCE)], 0))
			return i;
		if (!slot || !slot_is(l, key_shape, ns_shape, slot, key_off, tag, key, ns))
			slot = look(b, table_of_row(b, ns_shape, i, &a), key_shape, ns_shape, tag, key, ns);
		b->created[i] = !slot;
		if (__builtin_expect(!slot, 0)) {
			struct weir__table *t = table_of_row(b, ns_shape, i, &a);
			const uint8_t *cur = t->cur.slots, *old = t->old.slots;

			slot = insert_row(b, t, i, tag);
			if (!slot)
				return i;
			if (t->cur.slots != cur || t->old.slots != old)
				for (uint32_t k = i + 1; k <= i + DISTANCE && k < b->n; k++)
					prepare(b, ns_shape, slot_size, k, &a);
		}
		if (__builtin_expect(snapshot, 0))
			weir__table_touch(table_of_row(b, ns_shape, i, &a), l, &s->b->spaces[group_of(b, i)], slot);
		b->slots[i] = __builtin_expect(in_cell, 0) ? weir__slot_value(l, slot) : slot + value_off;
	}
	return b->n;
}

/* One body for each shape, so that the common ones are tight loops. */
static __attribute__((noinline)) uint32_t resolve_8(const struct batch *b) { return resolve_rows(b, KEY_8, NS_NONE); }
static __attribute__((noinline)) uint32_t resolve_str(const struct batch *b) { return resolve_rows(b, KEY_STR, NS_NONE); }
static __attribute__((noinline)) uint32_t resolve_any(const struct batch *b) { return resolve_rows(b, KEY_ANY, NS_NONE); }
static __attribute__((noinline)) uint32_t resolve_8_pane(const struct batch *b) { return resolve_rows(b, KEY_8, NS_PANE); }
static __attribute__((noinline)) uint32_t resolve_str_pane(const struct batch *b) { return resolve_rows(b, KEY_STR, NS_PANE); }
static __attribute__((noinline)) uint32_t resolve_any_pane(const struct batch *b) { return resolve_rows(b, KEY_ANY, NS_PANE); }
static __attribute__((noinline)) uint32_t resolve_any_any(const struct batch *b) { return resolve_rows(b, KEY_ANY, NS_ANY); }

static uint32_t resolve(const struct batch *b)
{
	enum weir__eq key = b->s->layout.key_eq;

	if (b->s->by_window)
		return key == WEIR__EQ_8 ? resolve_8_pane(b) : key == WEIR__EQ_STR ? resolve_str_pane(b) : resolve_any_pane(b);
	if (b->s->layout.ns_eq != WEIR__EQ_NONE)
		return resolve_any_any(b);
	return key == WEIR__EQ_8 ? resolve_8(b) : key == WEIR__EQ_STR ? resolve_str(b) : resolve_any(b);
}

/* Is any outside? In vectors of eight. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O3")))
#endif
static bool any_outside(const uint16_t *groups, uint32_t n, uint16_t first, uint16_t last)
{
	uint16_t bad = 0;

	for (uint32_t i = 0; i < n; i++)
		bad |= (uint16_t)(groups[i] < first) | (uint16_t)(groups[i] > last);
	return bad;
}

static int check_groups(const struct batch *b, struct weir_error *err)
{
	const struct weir_backend_config *c = &b->s->b->config;
	bool bad = any_outside(b->groups, b->n, (uint16_t)c->first_group, (uint16_t)((uint32_t)c->first_group + c->ngroups - 1));

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
	if (!ns && (s->by_window || s->layout.ns_eq != WEIR__EQ_NONE))
		return weir_error_set(err, WEIR_EBUG, "state '%s' has a namespace, which was not given", s->name);
	code = check_groups(&b, err);
	if (code)
		return code;
	s->b->batch++;
	done = resolve(&b);
	return done == n ? 0 : weir__backend_nomem(s, err);
}
