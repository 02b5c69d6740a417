// SPDX-License-Identifier: Apache-2.0
/*
 * The asynchronous part of a snapshot: one key group after the other is written as it was at weir_backend_snapshot(), then released. So the memory it
 * takes is what the task changed ahead of the writer, plus the cells of one key group.
 *
 * Tables that have a region of their own are streamed: read block by block into a window that stays in the cache. Everything else of the key group is
 * captured into its image first, because cells are read in the order of the slots that lead to them. Values of fixed size are encoded in batches,
 * straight into the writer's buffer (encode.c).
 *
 * Invariants
 *   1. The writer reads windows and images only, never what the task may be writing.
 *   2. Slots are written in the order of the table, those of a rehash's old table first.
 *   3. Failure leaves the rest of the key groups to weir_snapshot_end(), on the task's thread.
 * Threads: any one, while the task goes on. Fails when `put` does, when memory runs out, and on values that have no wire form.
 */
#include <stdlib.h>

#include "state/backend/encode.h"
#include "state/backend/snapshot_priv.h"

#define WINDOW_BLOCKS 16u
#define BATCH 256u

struct writing {
	struct weir_snapshot *s;
	struct weir_keyed_writer *w;
	enum weir_keyed_format format;
	struct weir__image im;
	struct weir_buf key, ns, user_key, value;
	struct weir_buf window;
	const struct weir__pane *pane;        /* that the slots being written are of, when their state is kept by window */
	const void *aside;                    /* second source of all rows of a plan, where it is not each one's cell */
	struct weir__row_plan plan;           /* size 0: entries are written one by one */
	const uint8_t *slots[BATCH], *cells[BATCH];
	struct weir_error *err;
};

static int stray(struct writing *w, const struct weir__part *p)
{
	return weir_error_set(w->err, WEIR_EBUG, "state '%s' points outside of itself: something wrote through a pointer into state that was no longer valid", p->meta.name);
}

/* The entry whose parts were collected. A part that found no memory has lost bytes, and only its buffer knows. */
static int send_entry(struct writing *w, const struct weir_buf *user_key, const struct weir_buf *value, int64_t timestamp)
{
	static const struct weir_buf none;

	user_key = user_key ? user_key : &none;
	value = value ? value : &none;
	if (weir_buf_error(&w->key) || weir_buf_error(&w->ns) || weir_buf_error(user_key) || weir_buf_error(value))
		return weir_error_set(w->err, WEIR_ENOMEM, "no memory to write state");
	return weir_keyed_writer_entry(w->w, weir_buf_slice(&w->key), weir_buf_slice(&w->ns), weir_buf_slice(user_key), weir_buf_slice(value), timestamp, w->err);
}

/* The bytes of one native or boxed value that lies in the image. */
static int put_value(struct writing *w, const struct weir__part *p, struct weir_type *t, bool boxed, void *v, struct weir_buf *out)
{
	if (!weir__is_flat(t) && !weir__value_relocate(&w->im, t, v))
		return stray(w, p);
	if (boxed) {
		weir_buf_put_slice(out, weir_str_slice(v));
		return 0;
	}
	return weir_type_write(t, v, out, w->err);
}

static int put_list(struct writing *w, const struct weir__part *p, const struct weir__list *list)
{
	char *items = list->count && p->value->size ? weir__image_at(&w->im, list->items) : NULL;
	int code = 0;

	if (list->count && p->value->size && !items)
		return stray(w, p);
	if (w->format == WEIR_FORMAT_HEAP)
		weir_buf_u32(&w->value, list->count);
	for (uint32_t i = 0; i < list->count && !code; i++) {
		if (i && w->format == WEIR_FORMAT_FULL)
			weir_buf_u8(&w->value, 0x2c);
		code = put_value(w, p, p->value, p->form != WEIR__NATIVE, items + (size_t)i * p->value->size, &w->value);
	}
	return code;
}

static bool entry_is_null(const struct weir__part *p, const uint8_t *e)
{
	return weir__map_entry_null(e) || ((p->value->kind == WEIR_STRING || p->value->kind == WEIR_BYTES) &&
					   weir_str_is_null((const struct weir_str *)(e + p->entries.value_off)));
}

/* One user key and its value with the null flag. */
static int put_entry(struct writing *w, const struct weir__part *p, uint8_t *e, struct weir_buf *key)
{
	bool boxed = p->form != WEIR__NATIVE, null = !boxed && entry_is_null(p, e);
	int code = put_value(w, p, p->user_key, boxed, e + p->entries.key_off, key);

	if (!boxed)
		weir_buf_bool(&w->value, null);
	return code || null ? code : put_value(w, p, p->value, boxed, e + p->entries.value_off, &w->value);
}

static int write_map(struct writing *w, const struct weir__part *p, const struct weir__map *m)
{
	uint8_t *entries = weir__image_at(&w->im, m->entries);
	int code = entries ? 0 : stray(w, p);

	if (!code && w->format == WEIR_FORMAT_HEAP) {
		weir_buf_u32(&w->value, m->count);
		for (uint32_t i = 0; i < m->count && !code; i++)
			code = put_entry(w, p, entries + (size_t)i * p->entries.entry_size, &w->value);
		return code ? code : send_entry(w, NULL, &w->value, 0);
	}
	for (uint32_t i = 0; i < m->count && !code; i++) {
		weir_buf_clear(&w->user_key);
		weir_buf_clear(&w->value);
		code = put_entry(w, p, entries + (size_t)i * p->entries.entry_size, &w->user_key);
		if (!code)
			code = send_entry(w, &w->user_key, &w->value, 0);
	}
	return code;
}

/* A restored value that could not be taken apart. */
static int put_whole(struct writing *w, const struct weir__part *p, struct weir_str *v)
{
	enum weir__form want = w->format == WEIR_FORMAT_HEAP ? WEIR__WHOLE_HEAP : WEIR__WHOLE_FULL;

	if (!weir__value_relocate(&w->im, &weir_bytes, v))
		return stray(w, p);
	if (p->form == want) {
		weir_buf_put_slice(&w->value, weir_str_slice(v));
		return 0;
	}
	if (p->meta.kind == WEIR_STATE_LIST)
		return want == WEIR__WHOLE_HEAP ? weir_list_from_canonical(p->meta.stored, weir_str_slice(v), &w->value, w->err)
						: weir_list_to_canonical(p->meta.stored, weir_str_slice(v), &w->value, w->err);
	return weir_error_set(w->err, WEIR_ENOTYPE, "its map was restored from a serializer weir does not know and cannot change between the native and the canonical format; "
			      "take a snapshot of the format it was restored from, or drop it with --allowNonRestoredState");
}

static int write_slot(struct writing *w, const struct weir__part *p, uint8_t *slot)
{
	void *v;
	int code;

	weir_buf_clear(&w->key);
	weir_buf_clear(&w->ns);
	weir_buf_clear(&w->value);
	code = put_value(w, p, p->layout.key, false, slot + p->layout.key_off, &w->key);
	if (!code)
		code = put_value(w, p, p->ns, p->ns_boxed, p->by_window ? (void *)(uintptr_t)&w->pane->window : slot + p->layout.ns_off, &w->ns);
	v = weir__slot_value(&p->layout, slot);
	if (!code && p->layout.in_cell) {
		v = weir__image_at(&w->im, v);
		code = v ? 0 : stray(w, p);
	}
	if (code)
		return code;
	if (p->map)
		return write_map(w, p, v);
	if (p->list)
		code = put_list(w, p, v);
	else if (p->form == WEIR__WHOLE_FULL || p->form == WEIR__WHOLE_HEAP)
		code = put_whole(w, p, v);
	else
		code = put_value(w, p, p->value, p->form == WEIR__BOXED, v, &w->value);
	if (code)
		return code;
	return send_entry(w, NULL, &w->value, 0);
}

static int write_timer(struct writing *w, const struct weir__part *p, uint8_t *slot)
{
	uint8_t *timer;
	int64_t time;
	int code;

	memcpy(&timer, slot + p->layout.key_off, sizeof(void *));
	timer = weir__image_at(&w->im, timer);
	if (!timer)
		return stray(w, p);
	memcpy(&time, timer, 8);
	weir_buf_clear(&w->key);
	weir_buf_clear(&w->ns);
	code = put_value(w, p, p->value->fields[0].type, false, timer + p->value->fields[0].offset, &w->key);
	if (!code)
		code = put_value(w, p, p->ns, p->ns_boxed, timer + p->value->fields[1].offset, &w->ns);
	return code ? code : send_entry(w, NULL, NULL, time);
}

/* ---- batches of rows ---- */

/* Do the entries of this part have one size? Then how they are made. */
static void plan_rows(struct writing *w, const struct weir__part *p)
{
	const struct weir__layout *l = &p->layout;
	bool timer = p->meta.kind == WEIR_STATE_TIMER, ok;
	const struct weir_type *key = timer ? p->value->fields[0].type : l->key;
	uint32_t key_size = weir__row_size(key), ns_size = weir__row_size(p->ns), value_size = timer ? 0 : weir__row_size(p->value);
	struct weir_keyed_row row;

	w->plan.size = 0;
	if (p->list || p->map || (p->by_window && l->in_cell) || p->form != WEIR__NATIVE || p->ns_boxed || !key_size || !ns_size || (!timer && !value_size))
		return;
	weir_keyed_writer_row(w->w, key_size, ns_size, value_size, &row);
	if (!row.size || !weir__row_begin(&w->plan, row.bytes, row.size))
		return;
	if (timer)
		ok = weir__row_add_timestamp(&w->plan, 1, 0, (uint32_t)row.timestamp) && weir__row_add(&w->plan, key, 1, p->value->fields[0].offset, (uint32_t)row.key) &&
		     weir__row_add(&w->plan, p->ns, 1, p->value->fields[1].offset, (uint32_t)row.ns);
	else
		ok = (p->by_window ? weir__row_add(&w->plan, p->ns, 1, offsetof(struct weir__pane, window), (uint32_t)row.ns)
				   : weir__row_add(&w->plan, p->ns, 0, l->ns_off, (uint32_t)row.ns)) && weir__row_add(&w->plan, key, 0, l->key_off, (uint32_t)row.key) &&
		     weir__row_add(&w->plan, p->value, l->in_cell, l->in_cell ? 0 : l->value_off, (uint32_t)row.value);
	if (!ok || !weir__row_end(&w->plan))
		w->plan.size = 0;
}

/* Where the cells of n slots lie in the image. */
static int find_cells(struct writing *w, const struct weir__part *p, uint32_t n, uint32_t offset)
{
	for (uint32_t i = 0; i < n; i++) {
		void *cell;

		memcpy(&cell, w->slots[i] + offset, sizeof(cell));
		w->cells[i] = weir__image_at(&w->im, cell);
		if (!w->cells[i])
			return stray(w, p);
	}
	return 0;
}

static int write_rows(struct writing *w, const struct weir__part *p, const uint8_t *slots, size_t n)
{
	const uint8_t *const *const sources[] = { w->slots, w->cells };
	bool timer = p->meta.kind == WEIR_STATE_TIMER;
	uint32_t size = p->layout.slot_size;
	int code = 0;

	while (n && !code) {
		uint32_t part = n < BATCH ? (uint32_t)n : BATCH, full = 0;
		uint8_t *room;

		for (uint32_t i = 0; i < part; i++, slots += size) { /* no branch: whether a slot is empty cannot be foreseen */
			uint32_t tag;

			memcpy(&tag, slots, sizeof(tag));
			w->slots[full] = slots;
			w->cells[full] = w->aside;
			full += tag != 0;
		}
		n -= part;
		if (full && !w->aside && (timer || p->layout.in_cell))
			code = find_cells(w, p, full, timer ? p->layout.key_off : p->layout.value_off);
		if (full && !code)
			code = weir_keyed_writer_rows(w->w, full, w->plan.size, &room, w->err);
		if (full && !code)
			weir__row_encode(&w->plan, full, sources, room);
	}
	return code;
}

/* ---- tables ---- */

static int write_slots(struct writing *w, const struct weir__part *p, uint8_t *slots, size_t n)
{
	int code = 0;

	if (w->plan.size)
		return write_rows(w, p, slots, n);
	for (; n && !code; n--, slots += p->layout.slot_size) {
		uint32_t tag;

		memcpy(&tag, slots, sizeof(tag));
		if (tag)
			code = p->meta.kind == WEIR_STATE_TIMER ? write_timer(w, p, slots) : write_slot(w, p, slots);
	}
	return code;
}

/* A rehash's old table, without the slots that have been moved; they are `done` cyclic ones from `start` on. */
static int write_old(struct writing *w, const struct weir__part *p, const struct weir__table *t)
{
	size_t size = p->layout.slot_size, cap = (size_t)t->old.mask + 1, from = t->old_start + (size_t)t->old_done, left = cap - t->old_done;
	uint8_t *slots = weir__image_at(&w->im, t->old.slots);
	size_t first;
	int code;

	if (!slots)
		return stray(w, p);
	from &= t->old.mask;
	first = left < cap - from ? left : cap - from;
	code = write_slots(w, p, slots + from * size, first);
	return code ? code : write_slots(w, p, slots, left - first);
}

/* A table in a region of its own. A slot may lie across the end of the window: its beginning is kept. */
static int stream_table(struct writing *w, const struct weir__part *p, const struct weir__slots *h)
{
	size_t size = p->layout.slot_size, left = ((size_t)h->mask + 1) * size, kept = 0;
	uint8_t *window;
	int code = 0;

	weir_buf_clear(&w->window);
	window = weir_buf_room(&w->window, WINDOW_BLOCKS * WEIR__BLOCK + size);
	if (!window)
		return weir_error_set(w->err, WEIR_ENOMEM, "no memory to write state");
	for (uint32_t block = 0; left && !code; block += WINDOW_BLOCKS) {
		size_t have = left - kept < WINDOW_BLOCKS * WEIR__BLOCK ? left - kept : WINDOW_BLOCKS * WEIR__BLOCK, n;

		weir__space_read(w->im.space, h->region, block, (uint32_t)((have + WEIR__BLOCK - 1) >> WEIR__BLOCK_SHIFT), window + kept);
		n = (kept + have) / size;
		code = weir__space_failed(w->im.space) ? weir_error_set(w->err, WEIR_ENOMEM, "no memory for the image of a table") : write_slots(w, p, window, n);
		left -= n * size;
		kept = kept + have - n * size;
		memmove(window, window + n * size, kept);
	}
	return code;
}

static int write_table(struct writing *w, const struct weir__part *p, const struct weir__table *t)
{
	uint8_t *slots;
	int code = t->old.slots ? write_old(w, p, t) : 0;

	if (code || !t->count)
		return code;
	if (!p->by_window && t->cur.region && t->cur.region->streamed)
		return stream_table(w, p, &t->cur);
	slots = weir__image_at(&w->im, t->cur.slots);
	return slots ? write_slots(w, p, slots, (size_t)t->cur.mask + 1) : stray(w, p);
}

/* ---- states kept by window ---- */

static struct weir__pane_walk walk_panes(struct writing *w, const struct weir__part *p, uint32_t g)
{
	return (struct weir__pane_walk){ .panes = p->tables[g], .outer = &p->outer, .layout = &p->layout, .image = &w->im };
}

/* Entries; of timers, those that the panes stand for. */
static uint32_t count_panes(struct writing *w, const struct weir__part *p, uint32_t g)
{
	struct weir__pane_walk walk = walk_panes(w, p->windows ? p->windows : p, g);
	const struct weir__pane *pane;
	uint32_t n = 0;
	int64_t at[2];

	while ((pane = weir__pane_walk_pane(&walk)) != NULL)
		n += pane->table.count * (p->windows ? weir__windows_times(p->lateness_ms, pane, at) : 1);
	return n;
}

static int write_panes(struct writing *w, const struct weir__part *p, uint32_t g)
{
	struct weir__pane_walk walk = walk_panes(w, p, g);
	int code = 0;

	while (!code && (w->aside = w->pane = weir__pane_walk_pane(&walk)) != NULL)
		code = write_table(w, p, &w->pane->table);
	w->aside = NULL;
	return code;
}

struct pane_timer { /* what the timers of a pane for one time have in common */
	int64_t time;
	struct weir_window window;
};

/* As plan_rows, from slots of the state and a struct pane_timer. */
static bool plan_pane_timers(struct writing *w, const struct weir__part *p)
{
	const struct weir__layout *l = &p->layout;
	uint32_t key_size = weir__row_size(l->key);
	struct weir_keyed_row row;

	w->plan.size = 0;
	if (!key_size)
		return false;
	weir_keyed_writer_row(w->w, key_size, weir__row_size(&weir_time_window), 0, &row);
	return row.size && weir__row_begin(&w->plan, row.bytes, row.size) && weir__row_add_timestamp(&w->plan, 1, offsetof(struct pane_timer, time), (uint32_t)row.timestamp) &&
	       weir__row_add(&w->plan, l->key, 0, l->key_off, (uint32_t)row.key) &&
	       weir__row_add(&w->plan, &weir_time_window, 1, offsetof(struct pane_timer, window), (uint32_t)row.ns) && weir__row_end(&w->plan);
}

static int write_pane_timer_rows(struct writing *w, const struct weir__part *timers, uint32_t g)
{
	struct weir__pane_walk walk = walk_panes(w, timers->windows, g);
	const struct weir__pane *pane;
	int code = 0;

	while (!code && (pane = weir__pane_walk_pane(&walk)) != NULL) {
		int64_t times[2];
		uint32_t n = weir__windows_times(timers->lateness_ms, pane, times);

		for (uint32_t i = 0; i < n && !code; i++) {
			struct pane_timer timer = { times[i], pane->window };

			w->aside = &timer;
			code = write_table(w, timers->windows, &pane->table);
		}
	}
	w->aside = NULL;
	return code;
}

/* Where keys differ in size. They have been relocated in the image: the state has been written before. */
static int write_pane_timers(struct writing *w, const struct weir__part *timers, uint32_t g)
{
	const struct weir__part *p = timers->windows;
	struct weir__pane_walk walk = walk_panes(w, p, g);
	uint8_t *slot;
	int code = 0;

	while (!code && (slot = weir__pane_walk_slot(&walk)) != NULL) {
		int64_t times[2];
		uint32_t n = weir__windows_times(timers->lateness_ms, walk.pane, times);

		if (!n)
			continue;
		weir_buf_clear(&w->key);
		weir_buf_clear(&w->ns);
		code = weir_type_write(p->layout.key, slot + p->layout.key_off, &w->key, w->err);
		if (!code)
			code = weir_type_write(&weir_time_window, &walk.pane->window, &w->ns, w->err);
		for (uint32_t i = 0; i < n && !code; i++)
			code = send_entry(w, NULL, NULL, times[i]);
	}
	return code;
}

static int write_part(struct writing *w, uint32_t number, uint32_t g)
{
	const struct weir__part *p = &w->s->parts[number];
	uint32_t count = p->by_window ? 0 : p->tables[g].count;
	int code;

	if (p->by_window || p->windows)
		count += count_panes(w, p, g);
	if (!count && w->format == WEIR_FORMAT_FULL)
		return 0;
	code = weir_keyed_writer_state(w->w, number, count, w->err);
	if (code || !count)
		return code;
	plan_rows(w, p);
	code = p->by_window ? write_panes(w, p, g) : write_table(w, p, &p->tables[g]);
	if (!code && p->windows)
		code = plan_pane_timers(w, p->windows) ? write_pane_timer_rows(w, p, g) : write_pane_timers(w, p, g);
	return code;
}

/* ---- key groups ---- */

/* Everything of the key group that is not streamed, into its image. */
static int take_image(struct writing *w, uint32_t g)
{
	struct weir_snapshot *s = w->s;

	for (uint32_t i = 0; i < s->nparts; i++) {
		const struct weir__slots *h = &s->parts[i].tables[g].cur;

		if (h->slots && !s->parts[i].by_window && weir__space_has_region(((size_t)h->mask + 1) * s->parts[i].layout.slot_size))
			h->region->streamed = true;
	}
	if (weir__image_take(&w->im, &s->b->spaces[g], s->heads[g]))
		return 0;
	free(w->im.sorted);
	return weir_error_set(w->err, WEIR_ENOMEM, "no memory for the image of key group %d", s->config.first_group + (int32_t)g);
}

static int write_group(struct writing *w, uint32_t g)
{
	struct weir_snapshot *s = w->s;
	int32_t group = s->config.first_group + (int32_t)g;
	int code = weir_keyed_writer_group(w->w, group, w->err);

	if (!code && s->heads[g])
		code = take_image(w, g);
	if (code)
		return code;
	for (uint32_t i = 0; i < s->nparts && !code; i++) {
		code = write_part(w, i, g);
		if ((code == WEIR_EINVALID || code == WEIR_ENOTYPE) && w->err) /* a value that cannot be written: say where it is */
			weir_error_wrap(w->err, "state '%s', key group %d", s->parts[i].meta.name, group);
	}
	if (s->heads[g]) {
		weir__image_release(&w->im);
		s->heads[g] = NULL;
	}
	return code;
}

int weir_snapshot_write(struct weir_snapshot *s, enum weir_keyed_format format, weir_put_fn *put, void *arg, int64_t *offsets, uint64_t *out_size,
			struct weir_error *err)
{
	struct writing w = { .s = s, .format = format, .err = err };
	struct weir_keyed_state_meta *metas;
	int code;

	if (s->written)
		return weir_error_set(err, WEIR_EBUG, "a snapshot is written once");
	s->written = true;
	metas = calloc(s->nparts, sizeof(*metas));
	if (!metas)
		return weir_error_set(err, WEIR_ENOMEM, "no memory to write a snapshot");
	for (uint32_t i = 0; i < s->nparts; i++)
		metas[i] = s->parts[i].meta;
	code = weir_keyed_writer_new(format, s->config.key, s->nparts, metas, s->config.max_parallelism, s->config.first_group, s->config.ngroups, put, arg, &w.w, err);
	for (uint32_t g = 0; g < s->config.ngroups && !code; g++)
		code = write_group(&w, g);
	if (!code)
		code = weir_keyed_writer_finish(w.w, offsets, out_size, err);
	weir_keyed_writer_free(w.w);
	weir_buf_fini(&w.key);
	weir_buf_fini(&w.ns);
	weir_buf_fini(&w.user_key);
	weir_buf_fini(&w.value);
	weir_buf_fini(&w.window);
	free(metas);
	return code;
}
