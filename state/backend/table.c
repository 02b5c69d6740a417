// SPDX-License-Identifier: Apache-2.0
/*
 * Open addressing with linear probing for one (state, key group). The home of an entry is the top bits of its 32-bit tag, so slots
 * lie in the order of their tags (up to the shifts of probing), and a bigger table is filled from front to back: rehashing streams through both
 * tables and never looks at a key.
 *
 * Growth: x4 while the table is under 1 KiB, x2 above. From 64 KiB the rehash is incremental: old and new table side by side,
 * each insertion adds a debt of slots to move, paid by weir__table_step() at the next call, never inside a batch. Keys spread evenly over
 * key groups, so all tables of a state would fill up at the same time: `stagger` (the key group) makes their limits differ a little.
 *
 * Invariants
 *   1. While a rehash is under way, old takes no insertions. Whole runs are moved: the first unmoved slot follows an empty one. Moved
 *      slots are left as they are and never read again: weir__moved() decides by the tag.
 *   2. count <= limit < capacity: every probe ends at an empty slot.
 *   3. The debt is so large that old is empty long before cur is full; if a huge batch breaks that, the rest is moved at once.
 *
 * Threads: the task's. A snapshot works on a copy of struct weir__table and the image of its slots.
 */
#include "state/backend/table.h"

#define FIRST_CAPACITY 2u
#define QUADRUPLE_BELOW ((size_t)1 << 10)
#define INCREMENTAL_FROM ((size_t)64 << 10)
#define SPARSE_UNTIL 1024u
#define DEBT_PER_INSERT 16u

static uint32_t up(uint32_t n, uint32_t align)
{
	return (n + align - 1) & ~(align - 1);
}

void weir__layout_init(struct weir__layout *l, struct weir_type *key, struct weir_type *ns, uint32_t value_size, uint32_t value_align)
{
	uint32_t at = 4, align = 4, a;

	*l = (struct weir__layout){ .key = key, .ns = ns, .key_eq = weir__eq_of(key), .ns_eq = weir__eq_of(ns), .value_size = value_size };
	a = key->align ? key->align : 1;
	align = a > align ? a : align;
	l->key_off = at = up(at, a);
	at += key->size;
	a = ns->size && ns->align ? ns->align : 1;
	align = a > align ? a : align;
	l->ns_off = at = up(at, a);
	at += ns->size;
	l->in_cell = value_size > WEIR__INLINE_VALUE;
	a = l->in_cell ? (uint32_t)sizeof(void *) : value_size && value_align ? value_align : 1;
	align = a > align ? a : align;
	l->value_off = at = up(at, a);
	at += l->in_cell ? (uint32_t)sizeof(void *) : value_size;
	l->slot_size = up(at, align);
}

static inline uint32_t tag_of(const uint8_t *slot)
{
	uint32_t t;

	memcpy(&t, slot, 4);
	return t;
}

static inline uint32_t capacity(const struct weir__slots *h)
{
	return h->slots ? h->mask + 1 : 0;
}

/* 0.62 to 0.73 of the capacity; half of it while tables are small, where a short probe counts for more than memory. */
static uint32_t limit_of(const struct weir__table *t, uint32_t cap)
{
	if (cap <= SPARSE_UNTIL)
		return cap <= 8 ? cap - 1 : cap / 2;
	return (uint32_t)((uint64_t)cap * (160 + t->stagger % 29) / 256);
}

/* ---- find ---- */

static uint8_t *find_in(const struct weir__slots *h, const struct weir__layout *l, uint32_t tag, const void *key, const void *ns)
{
	for (uint32_t i = tag >> h->shift;; i = (i + 1) & h->mask) {
		uint8_t *slot = h->slots + (size_t)i * l->slot_size;

		if (weir__slot_is(l, slot, tag, key, ns))
			return slot;
		if (!tag_of(slot))
			return NULL;
	}
}

uint8_t *weir__table_find(const struct weir__table *t, const struct weir__layout *l, uint32_t tag, const void *key, const void *ns)
{
	uint8_t *slot;

	if (!t->count)
		return NULL;
	if (t->old.slots && !weir__moved(t, tag)) {
		slot = find_in(&t->old, l, tag, key, ns);
		if (slot)
			return slot;
	}
	return find_in(&t->cur, l, tag, key, ns);
}

/* ---- capacity ---- */

static bool new_slots(struct weir__slots *h, const struct weir__layout *l, struct weir__space *s, uint32_t cap)
{
	size_t n = (size_t)cap * l->slot_size;

	h->slots = weir__space_alloc(s, n);
	if (!h->slots)
		return false;
	if (!weir__space_alloc_is_zero(n))
		memset(h->slots, 0, n);
	h->region = weir__space_has_region(n) ? weir__space_region(s, h->slots) : NULL; /* of small ones it is looked for when it is needed */
	h->mask = cap - 1;
	h->shift = 32 - (uint32_t)__builtin_ctz(cap);
	return true;
}

static void free_slots(struct weir__slots *h, const struct weir__layout *l, struct weir__space *s)
{
	weir__space_free(s, h->slots, (size_t)capacity(h) * l->slot_size);
	*h = (struct weir__slots){ 0 };
}

/* An empty slot of cur for this tag. */
static uint8_t *vacancy(struct weir__table *t, const struct weir__layout *l, uint32_t tag)
{
	uint32_t i = tag >> t->cur.shift;

	while (tag_of(t->cur.slots + (size_t)i * l->slot_size))
		i = (i + 1) & t->cur.mask;
	return t->cur.slots + (size_t)i * l->slot_size;
}

/* Move at least n slots of old, and then to the end of the run. */
static void move(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t n)
{
	uint32_t cap = t->old.mask + 1, done = t->old_done;
	uint32_t size = l->slot_size;
	bool in_run = true;

	for (; done < cap && (n || in_run); done++) {
		const uint8_t *from = t->old.slots + (size_t)((t->old_start + done) & t->old.mask) * size;
		uint32_t tag = tag_of(from);

		in_run = tag != 0;
		if (in_run) {
			uint8_t *to = vacancy(t, l, tag);

			weir__space_touch(s, t->cur.region, to, size);
			memcpy(to, from, size);
		}
		n -= n > 0;
	}
	t->old_done = done;
	if (done == cap) {
		free_slots(&t->old, l, s);
		t->old_start = t->old_done = t->old_freed = t->debt = 0;
	} else if (weir__space_alloc_is_zero((size_t)cap * size) && done - t->old_freed >= (4u << 20) / size) { /* a mapping of its own */
		uint32_t a = (t->old_start + t->old_freed) & t->old.mask, b = (t->old_start + done) & t->old.mask;

		if (a < b) /* at the wrap it waits for the end */
			weir__space_discard(s, t->old.slots + (size_t)a * size, t->old.slots + (size_t)b * size);
		t->old_freed = done;
	}
}

void weir__table_step(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t most)
{
	uint32_t n = t->debt < most ? t->debt : most;

	if (!t->old.slots || !n)
		return;
	t->debt -= n;
	move(t, l, s, n);
}

/* Go over to a table of cap slots. */
static bool resize(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t cap)
{
	struct weir__slots fresh;

	if (t->old.slots)
		move(t, l, s, UINT32_MAX);
	if (!new_slots(&fresh, l, s, cap))
		return false;
	t->old = t->cur;
	t->cur = fresh;
	t->limit = limit_of(t, cap);
	if (!t->old.slots)
		return true;
	t->old_start = t->old_done = t->old_freed = t->debt = 0;
	while (tag_of(t->old.slots + (size_t)t->old_start * l->slot_size)) /* runs start behind an empty slot */
		t->old_start++;
	t->old_start = (t->old_start + 1) & t->old.mask;
	if ((size_t)(t->old.mask + 1) * l->slot_size < INCREMENTAL_FROM)
		move(t, l, s, UINT32_MAX);
	return true;
}

bool weir__table_reserve(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t n)
{
	uint64_t need = (uint64_t)t->count + n, cap = capacity(&t->cur);

	if (need <= t->limit)
		return true;
	if (!cap)
		cap = FIRST_CAPACITY;
	while (limit_of(t, (uint32_t)cap) < need) {
		cap *= cap * l->slot_size < QUADRUPLE_BELOW ? 4 : 2;
		if (cap > (uint64_t)1 << 31)
			return false;
	}
	return resize(t, l, s, (uint32_t)cap);
}

/* ---- insert and delete ---- */

uint8_t *weir__table_insert(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t tag, const void *key, const void *ns)
{
	uint8_t *slot = vacancy(t, l, tag);
	void *cell = NULL;

	if (l->in_cell) {
		cell = weir__space_alloc(s, l->value_size);
		if (!cell)
			return NULL;
		memset(cell, 0, l->value_size);
	}
	weir__space_touch(s, t->cur.region, slot, l->slot_size);
	memset(slot + 4, 0, l->slot_size - 4);
	if (l->key->size)
		memcpy(slot + l->key_off, key, l->key->size);
	if (l->ns->size && l->ns_eq != WEIR__EQ_NONE)
		memcpy(slot + l->ns_off, ns, l->ns->size);
	if (!weir__value_own(s, l->key, slot + l->key_off) || !weir__value_own(s, l->ns, slot + l->ns_off)) {
		weir__space_free(s, cell, l->value_size);
		return NULL;
	}
	if (l->in_cell)
		memcpy(slot + l->value_off, &cell, sizeof(void *));
	memcpy(slot, &tag, 4);
	t->count++;
	if (t->old.slots)
		t->debt = t->debt < UINT32_MAX / 2 ? t->debt + DEBT_PER_INSERT : t->debt;
	return slot;
}

uint8_t *weir__table_put(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint32_t tag, const void *key, const void *ns,
			 bool *out_created)
{
	uint8_t *slot = weir__table_find(t, l, tag, key, ns);

	*out_created = !slot;
	if (slot)
		return slot;
	if (weir__table_full(t) && !weir__table_reserve(t, l, s, 1))
		return NULL;
	return weir__table_insert(t, l, s, tag, key, ns);
}

static bool holds(const struct weir__slots *h, const struct weir__layout *l, const uint8_t *slot)
{
	return h->slots && slot >= h->slots && slot <= h->slots + (size_t)h->mask * l->slot_size;
}

void weir__table_delete(struct weir__table *t, const struct weir__layout *l, struct weir__space *s, uint8_t *slot)
{
	struct weir__slots *h = holds(&t->cur, l, slot) ? &t->cur : &t->old;
	uint32_t size = l->slot_size, i = (uint32_t)((size_t)(slot - h->slots) / size), cap;

	weir__space_touch(s, h->region, slot, size);
	weir__value_free(s, l->key, slot + l->key_off);
	weir__value_free(s, l->ns, slot + l->ns_off);
	if (l->in_cell)
		weir__space_free(s, weir__slot_value(l, slot), l->value_size);
	for (uint32_t j = (i + 1) & h->mask;; j = (j + 1) & h->mask) { /* close the gap */
		uint8_t *from = h->slots + (size_t)j * size, *to = h->slots + (size_t)i * size;
		uint32_t tag = tag_of(from);

		if (!tag)
			break;
		if (((j - (tag >> h->shift)) & h->mask) < ((j - i) & h->mask))
			continue;
		weir__space_touch(s, h->region, to, size);
		memcpy(to, from, size);
		i = j;
	}
	weir__space_touch(s, h->region, h->slots + (size_t)i * size, size);
	memset(h->slots + (size_t)i * size, 0, 4);
	t->count--;
	if (!t->count) {
		weir__table_clear(t, l, s);
		return;
	}
	cap = capacity(&t->cur);
	if (t->old.slots)
		t->debt += DEBT_PER_INSERT;
	else if (cap > 64 && t->count < cap / 16)
		(void)resize(t, l, s, cap / 4); /* no memory: stays large */
}

void weir__table_clear(struct weir__table *t, const struct weir__layout *l, struct weir__space *s)
{
	if (t->old.slots)
		free_slots(&t->old, l, s);
	if (t->cur.slots)
		free_slots(&t->cur, l, s);
	*t = (struct weir__table){ .batch = t->batch, .stagger = t->stagger };
}

uint8_t *weir__table_next(const struct weir__table *t, const struct weir__layout *l, uint64_t *cursor)
{
	uint64_t old_cap = capacity(&t->old), cap = capacity(&t->cur);

	while (*cursor < old_cap + cap) {
		uint64_t at = (*cursor)++;
		uint8_t *slot;

		if (at < old_cap) {
			if (at < t->old_done) {
				*cursor = t->old_done;
				continue;
			}
			slot = t->old.slots + ((t->old_start + at) & t->old.mask) * l->slot_size;
		} else {
			slot = t->cur.slots + (at - old_cap) * l->slot_size;
		}
		if (tag_of(slot))
			return slot;
	}
	return NULL;
}
