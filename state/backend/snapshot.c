// SPDX-License-Identifier: Apache-2.0
/*
 * Snapshots. The synchronous part copies the heads of all tables and starts copy-on-write in every key group that has memory: its
 * cost is the number of states times key groups, never that of entries. The asynchronous part takes one key group after the
 * other: captures what is left of it, serializes from the image, releases the image. So the memory for images is that of what the
 * task changed ahead of the writer, plus one key group.
 *
 * Invariants
 *   1. The writer reads only images, and of states only what was copied here (types are immutable).
 *   2. Order of states: as registered, key/value states first, then timer queues (processing before event time, as Flink makes them).
 *   3. Failure leaves the rest of the key groups to weir_snapshot_end(), on the task's thread.
 */
#include "state/backend/encode.h"
#include "state/backend/hashmap.h"

#include <stdio.h>
#include <stdlib.h>

/* A state or timer queue as it was. */
struct part {
	struct weir_keyed_state_meta meta;
	enum weir__form form;
	bool list, map, ns_boxed;
	struct weir_type *value, *user_key;   /* of values; timers: value is the timer type */
	struct weir_type *ns;
	struct weir__layout layout;
	struct weir__map_layout entries;
	struct weir__table *tables;
};

struct weir_snapshot {
	struct weir_backend *b;
	struct weir_backend_config config;
	struct weir_arena mem;
	uint32_t nparts;
	struct part *parts;
	struct weir__region **heads;          /* ngroups; NULL: no memory then, or released */
	bool written;
};

/* ---- the synchronous part ---- */

static struct weir__table *copy_tables(struct weir_snapshot *s, const struct weir__table *from)
{
	size_t n = s->config.ngroups * sizeof(*from);
	struct weir__table *to = weir_arena_alloc(&s->mem, n, 64);

	return to ? memcpy(to, from, n) : NULL;
}

static bool add_state(struct weir_snapshot *s, const struct weir_state *from)
{
	struct part *p = &s->parts[s->nparts++];

	*p = (struct part){ .form = from->form, .list = from->list, .map = from->map, .ns_boxed = from->ns_boxed, .value = from->value,
			    .user_key = from->user_key, .ns = from->ns, .layout = from->layout, .entries = from->entries };
	p->meta = (struct weir_keyed_state_meta){ .name = weir_arena_text(&s->mem, from->name, strlen(from->name)), .kind = from->kind, .ns = from->real_ns,
						  .stored = from->stored };
	p->tables = copy_tables(s, from->tables);
	return p->meta.name && p->tables;
}

static bool add_queue(struct weir_snapshot *s, const struct weir_timers *t, enum weir_time_domain d)
{
	struct part *p = &s->parts[s->nparts++];
	size_t n = strlen(t->service) + 40;
	char *name = weir_arena_alloc(&s->mem, n, 1);

	if (!name)
		return false;
	snprintf(name, n, "_timer_state/%s_%s", d == WEIR_EVENT_TIME ? "event" : "processing", t->service);
	*p = (struct part){ .ns_boxed = t->ns_boxed, .value = t->timer, .ns = t->ns, .layout = t->layout };
	p->meta = (struct weir_keyed_state_meta){ .name = name, .kind = WEIR_STATE_TIMER, .stored = t->stored };
	p->tables = copy_tables(s, t->queues[d].tables);
	return p->tables != NULL;
}

int weir_backend_snapshot(struct weir_backend *b, struct weir_snapshot **out, struct weir_error *err)
{
	size_t n = b->states.len + 2 * b->timers.len;
	struct weir_snapshot *s;
	bool ok;
	int code = weir_backend_settle(b, err);

	if (code)
		return code;
	if (b->snapshot)
		return weir_error_set(err, WEIR_EBUSY, "a snapshot of this state is still being written");
	*out = NULL;
	if (!n)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return weir_error_set(err, WEIR_ENOMEM, "no memory to begin a snapshot");
	s->b = b;
	s->config = b->config;
	s->parts = weir_arena_zero(&s->mem, n * sizeof(*s->parts));
	s->heads = weir_arena_zero(&s->mem, b->config.ngroups * sizeof(struct weir__region *));
	ok = s->parts && s->heads;
	for (size_t i = 0; i < b->states.len && ok; i++)
		ok = add_state(s, b->states.items[i]);
	for (size_t i = 0; i < b->timers.len && ok; i++)
		ok = add_queue(s, b->timers.items[i], WEIR_PROCESSING_TIME) && add_queue(s, b->timers.items[i], WEIR_EVENT_TIME);
	if (!ok) {
		weir_arena_fini(&s->mem);
		free(s);
		return weir_error_set(err, WEIR_ENOMEM, "no memory to begin a snapshot");
	}
	for (uint32_t g = 0; g < b->config.ngroups; g++) {
		if (!b->spaces[g].regions)
			continue;
		weir__space_begin(&b->spaces[g]);
		s->heads[g] = b->spaces[g].regions;
	}
	b->snapshot = s;
	*out = s;
	return 0;
}

void weir_snapshot_end(struct weir_snapshot *s)
{
	if (!s)
		return;
	for (uint32_t g = 0; g < s->config.ngroups; g++) {
		struct weir__image im = { .space = &s->b->spaces[g], .head = s->heads[g] };

		if (s->heads[g])
			weir__image_release(&im);
		weir__space_sweep(&s->b->spaces[g]);
	}
	weir__pool_images_drop(&s->b->pool);
	s->b->snapshot = NULL;
	weir_arena_fini(&s->mem);
	free(s);
}

/* ---- the asynchronous part ---- */

struct writing {
	struct weir_snapshot *s;
	struct weir_keyed_writer *w;
	enum weir_keyed_format format;
	struct weir__image im;
	struct weir_buf key, ns, user_key, value;
	struct weir__encoder fast_key, fast_ns, fast_value, fast_slot;
	struct weir_error *err;
};

static int stray(struct writing *w, const struct part *p)
{
	return weir_error_set(w->err, WEIR_EBUG, "state '%s' points outside of itself: something wrote through a pointer into state that was no longer valid", p->meta.name);
}

/* The bytes of one native or boxed value that lies in the image. */
static int put_value(struct writing *w, const struct part *p, struct weir_type *t, bool boxed, void *v, struct weir_buf *out)
{
	if (!weir__is_flat(t) && !weir__value_relocate(&w->im, t, v))
		return stray(w, p);
	if (boxed) {
		weir_buf_put_slice(out, weir_str_slice(v));
		return 0;
	}
	return weir_type_write(t, v, out, w->err);
}

static int put_list(struct writing *w, const struct part *p, const struct weir__list *list)
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

static bool entry_is_null(const struct part *p, const uint8_t *e)
{
	return weir__map_entry_null(e) || ((p->value->kind == WEIR_STRING || p->value->kind == WEIR_BYTES) &&
					   weir_str_is_null((const struct weir_str *)(e + p->entries.value_off)));
}

/* One user key and its value with the null flag. */
static int put_entry(struct writing *w, const struct part *p, uint8_t *e, struct weir_buf *key)
{
	bool boxed = p->form != WEIR__NATIVE, null = !boxed && entry_is_null(p, e);
	int code = put_value(w, p, p->user_key, boxed, e + p->entries.key_off, key);

	if (!boxed)
		weir_buf_bool(&w->value, null);
	return code || null ? code : put_value(w, p, p->value, boxed, e + p->entries.value_off, &w->value);
}

static int write_map(struct writing *w, const struct part *p, const struct weir__map *m)
{
	uint8_t *entries = weir__image_at(&w->im, m->entries);
	int code = entries ? 0 : stray(w, p);

	if (!code && w->format == WEIR_FORMAT_HEAP) {
		weir_buf_u32(&w->value, m->count);
		for (uint32_t i = 0; i < m->count && !code; i++)
			code = put_entry(w, p, entries + (size_t)i * p->entries.entry_size, &w->value);
		return code ? code : weir_keyed_writer_entry(w->w, weir_buf_slice(&w->key), weir_buf_slice(&w->ns), (struct weir_slice){ NULL, 0 },
							     weir_buf_slice(&w->value), 0, w->err);
	}
	for (uint32_t i = 0; i < m->count && !code; i++) {
		weir_buf_clear(&w->user_key);
		weir_buf_clear(&w->value);
		code = put_entry(w, p, entries + (size_t)i * p->entries.entry_size, &w->user_key);
		if (!code)
			code = weir_keyed_writer_entry(w->w, weir_buf_slice(&w->key), weir_buf_slice(&w->ns), weir_buf_slice(&w->user_key),
						       weir_buf_slice(&w->value), 0, w->err);
	}
	return code;
}

/* A restored value that could not be taken apart. */
static int put_whole(struct writing *w, const struct part *p, struct weir_str *v)
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

static int write_slot(struct writing *w, const struct part *p, uint8_t *slot)
{
	struct weir_slice none = { NULL, 0 };
	void *v;
	int code;

	weir_buf_clear(&w->key);
	weir_buf_clear(&w->ns);
	weir_buf_clear(&w->value);
	code = put_value(w, p, p->layout.key, false, slot + p->layout.key_off, &w->key);
	if (!code)
		code = put_value(w, p, p->ns, p->ns_boxed, slot + p->layout.ns_off, &w->ns);
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
	return weir_keyed_writer_entry(w->w, weir_buf_slice(&w->key), weir_buf_slice(&w->ns), none, weir_buf_slice(&w->value), 0, w->err);
}

/* Values whose wire form has a fixed size, the common case: no buffers, no walk over types. */
static int write_fast(struct writing *w, const struct part *p, uint8_t *slot)
{
	struct weir_slice none = { NULL, 0 };
	uint8_t bytes[3 * WEIR__ENCODE_BYTES], *key, *value, *end;
	const void *v = weir__slot_value(&p->layout, slot);

	if (p->layout.in_cell) {
		v = weir__image_at(&w->im, v);
		if (!v)
			return stray(w, p);
	}
	key = weir__encode(&w->fast_ns, slot + p->layout.ns_off, bytes);
	value = weir__encode(&w->fast_key, slot + p->layout.key_off, key);
	end = weir__encode(&w->fast_value, v, value);
	if (w->format == WEIR_FORMAT_HEAP) /* namespace, key, value, as they lie */
		return weir_keyed_writer_entry(w->w, (struct weir_slice){ bytes, (size_t)(end - bytes) }, none, none, none, 0, w->err);
	return weir_keyed_writer_entry(w->w, (struct weir_slice){ key, (size_t)(value - key) }, (struct weir_slice){ bytes, (size_t)(key - bytes) }, none,
				       (struct weir_slice){ value, (size_t)(end - value) }, 0, w->err);
}

/* The whole slot at once: HEAP wants namespace, key, value in one row. */
static int write_fastest(struct writing *w, const struct part *p, uint8_t *slot)
{
	struct weir_slice none = { NULL, 0 };
	uint8_t bytes[WEIR__ENCODE_BYTES];

	(void)p;
	weir__encode(&w->fast_slot, slot, bytes);
	return weir_keyed_writer_entry(w->w, (struct weir_slice){ bytes, w->fast_slot.size }, none, none, none, 0, w->err);
}

static bool can_write_fastest(struct writing *w, const struct part *p)
{
	w->fast_slot.nops = w->fast_slot.size = 0;
	return w->format == WEIR_FORMAT_HEAP && !p->layout.in_cell && weir__encoder_add(&w->fast_slot, p->ns, p->layout.ns_off) &&
	       weir__encoder_add(&w->fast_slot, p->layout.key, p->layout.key_off) && weir__encoder_add(&w->fast_slot, p->value, p->layout.value_off);
}

static bool can_write_fast(struct writing *w, const struct part *p)
{
	return p->meta.kind != WEIR_STATE_TIMER && !p->list && !p->map && p->form == WEIR__NATIVE && !p->ns_boxed && weir__encoder_make(&w->fast_key, p->layout.key) &&
	       weir__encoder_make(&w->fast_ns, p->ns) && weir__encoder_make(&w->fast_value, p->value);
}

static int write_timer(struct writing *w, const struct part *p, uint8_t *slot)
{
	struct weir_slice none = { NULL, 0 };
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
	return code ? code : weir_keyed_writer_entry(w->w, weir_buf_slice(&w->key), weir_buf_slice(&w->ns), none, none, time, w->err);
}

static int write_part(struct writing *w, uint32_t number, uint32_t g)
{
	const struct part *p = &w->s->parts[number];
	struct weir__table t = p->tables[g];
	int (*write)(struct writing *, const struct part *, uint8_t *);
	uint64_t cursor = 0;
	uint8_t *slot;
	int code;

	if (!t.count && w->format == WEIR_FORMAT_FULL)
		return 0;
	code = weir_keyed_writer_state(w->w, number, t.count, w->err);
	if (code || !t.count)
		return code;
	t.cur.slots = weir__image_at(&w->im, t.cur.slots);
	if (t.old.slots)
		t.old.slots = weir__image_at(&w->im, t.old.slots);
	write = p->meta.kind == WEIR_STATE_TIMER ? write_timer : !can_write_fast(w, p) ? write_slot : can_write_fastest(w, p) ? write_fastest : write_fast;
	while (!code && (slot = weir__table_next(&t, &p->layout, &cursor)) != NULL)
		code = write(w, p, slot);
	if (!code && (weir_buf_error(&w->key) || weir_buf_error(&w->ns) || weir_buf_error(&w->user_key) || weir_buf_error(&w->value)))
		code = weir_error_set(w->err, WEIR_ENOMEM, "no memory to write state");
	return code;
}

static int write_group(struct writing *w, uint32_t g)
{
	struct weir_snapshot *s = w->s;
	int32_t group = s->config.first_group + (int32_t)g;
	int code = weir_keyed_writer_group(w->w, group, w->err);

	if (code)
		return code;
	if (s->heads[g] && !weir__image_take(&w->im, &s->b->spaces[g], s->heads[g])) {
		free(w->im.sorted);
		return weir_error_set(w->err, WEIR_ENOMEM, "no memory for the image of key group %d", group);
	}
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
	free(metas);
	return code;
}
