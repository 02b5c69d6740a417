// SPDX-License-Identifier: Apache-2.0
/*
 * States whose namespace is a time window, kept by window: for each key group a table of windows, whose values are panes, each a table of the keys that have an
 * entry under that window. So a window that is over is read from front to back and dropped as a whole; keys of one window lie together; and a batch, whose
 * rows have few windows, finds a pane once and then looks keys up as if there were no namespace.
 *
 * A pane is a cell in the key group's space, so its address never changes and snapshots see it. A pane begins with room for one entry. When it grows beyond a few,
 * it is given at once the size that the pane dropped last had, since most windows hold as many keys as the one before.
 *
 * Invariants
 *   1. A pane is touched before its head is written, which every insertion, deletion and rehash step does.
 *   2. `recent` holds no pane that was dropped, and no slots that a pane has no more.
 *   3. A pane without entries may exist; it goes with its timers.
 *
 * Threads: the task's; a walk over an image is the snapshot's thread's. Fails only for want of memory.
 */
#include "state/backend/panes.h"

#include <stdlib.h>

#include "state/backend/windows.h"

#define RECENT_GROUPS 1024u /* with more key groups forgetting a window would cost more than finding panes */
#define EXPECT_FROM 4u      /* entries from which the last pane's size is believed in */

/* ---- beginning and end ---- */

bool weir__panes_init(struct weir_state *s)
{
	uint32_t n = s->b->config.ngroups;
	bool ok;

	weir__layout_init(&s->outer, &weir_time_window, &weir_void, sizeof(struct weir__pane), _Alignof(struct weir__pane));
	s->expected = calloc(n, sizeof(*s->expected));
	ok = s->expected != NULL;
	s->recent = n <= RECENT_GROUPS && ok ? calloc(WEIR__RECENT, sizeof(*s->recent)) : NULL;
	for (uint32_t i = 0; s->recent && i < WEIR__RECENT && ok; i++) {
		s->recent[i].near = calloc(n, sizeof(struct weir__near));
		ok = s->recent[i].near != NULL;
	}
	return ok && (s->recent || n > RECENT_GROUPS);
}

void weir__panes_fini(struct weir_state *s)
{
	for (uint32_t i = 0; s->recent && i < WEIR__RECENT; i++)
		free(s->recent[i].near);
	free(s->recent);
	free(s->expected);
}

/* ---- panes ---- */

static inline uint32_t window_tag(const struct weir_window *w) { return weir__tag(weir_type_hash(&weir_time_window, w)); }

struct weir__pane *weir__pane_find(const struct weir_state *s, uint32_t g, const struct weir_window *w)
{
	uint8_t *slot = weir__table_find(&s->tables[g], &s->outer, window_tag(w), w, NULL);

	return slot ? weir__slot_value(&s->outer, slot) : NULL;
}

struct weir__pane *weir__pane_get(struct weir_state *s, uint32_t g, const struct weir_window *w)
{
	struct weir__space *space = &s->b->spaces[g];
	struct weir__table *t = &s->tables[g];
	struct weir__pane *p;
	bool created;
	uint8_t *slot = weir__table_put(t, &s->outer, space, window_tag(w), w, NULL, &created);

	if (!slot)
		return NULL;
	p = weir__slot_value(&s->outer, slot);
	if (!created)
		return p;
	p->window = *w; /* the cell is new: it has been touched */
	p->table.stagger = t->stagger;
	p->timers = WEIR__PANE_SINGLE;
	if (s->windows && !weir__windows_arm(s->windows, p, g)) {
		weir__table_delete(t, &s->outer, space, slot);
		return NULL;
	}
	weir__table_step(t, &s->outer, space, WEIR__STEP_SLOTS);
	return p;
}

struct weir__recent *weir__panes_recent(struct weir_state *s, const struct weir_window *w)
{
	struct weir__recent *r;

	for (uint32_t i = 0; i < WEIR__RECENT; i++)
		if (weir__window_eq(s->recent[i].window, *w))
			return &s->recent[i];
	r = &s->recent[s->recent_next];
	s->recent_next = (s->recent_next + 1) % WEIR__RECENT;
	memset(r->near, 0, s->b->config.ngroups * sizeof(struct weir__near));
	r->window = *w;
	return r;
}

void weir__pane_moved(struct weir_state *s, uint32_t g, const struct weir__pane *p)
{
	for (uint32_t i = 0; s->recent && i < WEIR__RECENT; i++)
		if (s->recent[i].near[g].pane == p)
			s->recent[i].near[g].slots = NULL;
}

static void forget(struct weir_state *s, uint32_t g, const struct weir__pane *p)
{
	for (uint32_t i = 0; s->recent && i < WEIR__RECENT; i++)
		if (s->recent[i].near[g].pane == p)
			s->recent[i].near[g] = (struct weir__near){ 0 };
}

/* ---- entries ---- */

bool weir__pane_grow(struct weir_state *s, uint32_t g, struct weir__pane *p)
{
	uint32_t have = p->table.count, more = 1;

	if (have >= EXPECT_FROM && s->expected[g] > have)
		more = s->expected[g] - have;
	weir__pane_moved(s, g, p);
	return weir__table_reserve(&p->table, &s->layout, &s->b->spaces[g], more);
}

uint8_t *weir__pane_put(struct weir_state *s, uint32_t g, struct weir__pane *p, const void *key, uint64_t hash, bool *out_created)
{
	struct weir__space *space = &s->b->spaces[g];
	struct weir__table *t = &p->table;
	uint32_t tag = weir__tag(hash);
	uint8_t *slot;

	weir__pane_touch(space, p);
	weir__table_step(t, &s->layout, space, WEIR__STEP_SLOTS);
	weir__pane_moved(s, g, p);
	slot = weir__table_find(t, &s->layout, tag, key, NULL);
	*out_created = !slot;
	if (!slot) {
		if (weir__table_full(t) && !weir__pane_grow(s, g, p))
			return NULL;
		slot = weir__table_insert(t, &s->layout, space, tag, key, NULL);
		if (!slot)
			return NULL;
		s->count++;
		if (p->timers & WEIR__PANE_SINGLE && s->windows && !weir__windows_arm_one(s->windows, p, g, key))
			return NULL;
	}
	weir__table_touch(t, &s->layout, space, slot);
	return slot;
}

void weir__pane_remove(struct weir_state *s, uint32_t g, struct weir__pane *p, uint8_t *slot)
{
	struct weir__space *space = &s->b->spaces[g];

	weir__pane_touch(space, p);
	weir__table_touch(&p->table, &s->layout, space, slot);
	weir__value_free(space, s->value, weir__slot_value(&s->layout, slot));
	weir__table_delete(&p->table, &s->layout, space, slot);
	weir__pane_moved(s, g, p);
	s->count--;
}

/* Everything that the entries own, and their slots. */
static void drop_entries(struct weir_state *s, uint32_t g, struct weir__pane *p)
{
	weir__pane_touch(&s->b->spaces[g], p);
	forget(s, g, p);
	weir__state_drop_entries(s, g, &p->table);
}

void weir__pane_drop(struct weir_state *s, uint32_t g, struct weir__pane *p)
{
	struct weir__table *t = &s->tables[g];
	struct weir_window w = p->window;

	s->expected[g] = p->table.count;
	drop_entries(s, g, p);
	weir__table_delete(t, &s->outer, &s->b->spaces[g], weir__table_find(t, &s->outer, window_tag(&w), &w, NULL));
	weir__table_step(t, &s->outer, &s->b->spaces[g], WEIR__STEP_SLOTS);
}

void weir__panes_empty_group(struct weir_state *s, uint32_t g)
{
	struct weir__table *t = &s->tables[g];
	uint64_t cursor = 0;
	uint8_t *slot;

	while ((slot = weir__table_next(t, &s->outer, &cursor)) != NULL) {
		drop_entries(s, g, weir__slot_value(&s->outer, slot));
		weir__space_free(&s->b->spaces[g], weir__slot_value(&s->outer, slot), sizeof(struct weir__pane));
	}
	weir__table_clear(t, &s->outer, &s->b->spaces[g]);
}

/* ---- walking ---- */

/* Turn a table's slots into the image's. */
static void relocate(struct weir__image *image, struct weir__table *t)
{
	if (image && t->cur.slots)
		t->cur.slots = weir__image_at(image, t->cur.slots);
	if (image && t->old.slots)
		t->old.slots = weir__image_at(image, t->old.slots);
}

const struct weir__pane *weir__pane_walk_pane(struct weir__pane_walk *w)
{
	uint8_t *slot;

	if (!w->begun)
		relocate(w->image, &w->panes);
	w->begun = true;
	slot = weir__table_next(&w->panes, w->outer, &w->pane_at);
	if (!slot)
		return NULL;
	w->pane = weir__slot_value(w->outer, slot);
	if (w->image)
		w->pane = weir__image_at(w->image, w->pane);
	w->table = w->pane->table;
	relocate(w->image, &w->table);
	w->at = 0;
	return w->pane;
}

uint8_t *weir__pane_walk_slot(struct weir__pane_walk *w)
{
	for (;;) {
		uint8_t *slot = w->pane ? weir__table_next(&w->table, w->layout, &w->at) : NULL;

		if (slot)
			return slot;
		if (!weir__pane_walk_pane(w))
			return NULL;
	}
}
