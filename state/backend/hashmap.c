// SPDX-License-Identifier: Apache-2.0
/*
 * The hashmap backend: states, the current key, values. Lists and maps are in collection.c, batches in resolve.c, timers in timers.c, windows in windows.c,
 * checkpoints in snapshot.c and restore.c.
 *
 * Each (state, key group) has a table (table.c); what tables and values need of memory lies in the key group's space (space.c), one for all
 * states, and is written only after weir__space_touch().
 *
 * Invariants
 *   1. A slot with an empty list or map does not exist, as in Flink.
 *   2. At most one value is out for editing: edit_type != NULL. Every call settles it first.
 *   3. Rehash steps are made where a call begins (get, edit) or ends (set, add, remove): never while pointers handed out before are in use.
 *   4. Arguments may lie in state (a value just read): they are staged, or read before anything moves.
 *
 * Threads: the task's. Fails: out of memory, wrong kind of state, no current key, key outside the range.
 */
#include "state/backend/hashmap.h"

#include <stdlib.h>

#include "base/hash.h"
#include "state/backend/windows.h"

int weir__backend_nomem(const struct weir_state *s, struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "state '%s': no memory for another entry (%llu bytes of keyed state are held); use more subtasks, or let old entries go",
			      s->name, (unsigned long long)weir_backend_bytes(s->b));
}

/* ---- open, close ---- */

int weir_backend_open_hashmap(const struct weir_backend_config *config, struct weir_backend **out, struct weir_error *err)
{
	struct weir_backend *b;
	int code;

	if (!config->key || !config->max_parallelism || config->max_parallelism > 32768 || config->first_group < 0 || !config->ngroups ||
	    (uint64_t)config->first_group + config->ngroups > config->max_parallelism)
		return weir_error_set(err, WEIR_EINVALID, "key groups %d to %lld do not lie within max parallelism %u", config->first_group,
				      (long long)config->first_group + config->ngroups - 1, config->max_parallelism);
	code = weir_type_prepare(config->key, err);
	if (code)
		return code;
	if (config->key->flags & WEIR_TYPE_OPAQUE)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "keys of a type without a known serializer cannot be used by a job");
	b = calloc(1, sizeof(*b));
	if (b) {
		weir__pool_init(&b->pool);
		b->config = *config;
		b->spaces = calloc(config->ngroups, sizeof(*b->spaces));
		b->key = calloc(1, config->key->size + 8);
	}
	if (!b || !b->spaces || !b->key) {
		if (b)
			weir_backend_close(b);
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a backend of %u key groups", config->ngroups);
	}
	for (uint32_t g = 0; g < config->ngroups; g++)
		b->spaces[g].pool = &b->pool;
	*out = b;
	return 0;
}

void weir__state_free(struct weir_state *s)
{
	weir__panes_fini(s);
	free(s->tables);
	free(s->name);
	free(s);
}

void weir_backend_close(struct weir_backend *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->states.len; i++)
		weir__state_free(b->states.items[i]);
	for (size_t i = 0; i < b->timers.len; i++)
		weir__timers_free(b->timers.items[i]);
	for (size_t i = 0; i < b->windows.len; i++)
		weir__windows_free(b->windows.items[i]);
	for (uint32_t g = 0; b->spaces && g < b->config.ngroups; g++)
		weir__space_fini(&b->spaces[g]);
	weir__pool_fini(&b->pool);
	weir_vec_fini(&b->states);
	weir_vec_fini(&b->timers);
	weir_vec_fini(&b->windows);
	weir_arena_fini(&b->mem);
	weir_arena_fini(&b->key_mem);
	free(b->spaces);
	free(b->key);
	free(b->before);
	free(b->stage);
	free(b);
}

uint64_t weir_backend_bytes(const struct weir_backend *b)
{
	uint64_t n = b->mem.total + b->key_mem.total + b->config.ngroups * sizeof(*b->spaces);

	for (uint32_t g = 0; g < b->config.ngroups; g++)
		n += b->spaces[g].bytes;
	n += b->states.len * b->config.ngroups * sizeof(struct weir__table);
	for (size_t i = 0; i < b->timers.len; i++)
		for (int d = 0; d < 2; d++)
			n += b->timers.items[i]->queues[d].cap * 32 + b->config.ngroups * sizeof(struct weir__table);
	for (size_t i = 0; i < b->windows.len; i++)
		n += b->windows.items[i]->heap.cap * sizeof(struct weir__pane_due) + 2 * b->windows.items[i]->cap * sizeof(struct weir__entry_due);
	return n;
}

/* ---- states ---- */

static void lay_out_state(struct weir_state *s)
{
	if (s->list)
		weir__layout_init(&s->layout, s->b->config.key, s->ns, sizeof(struct weir__list), _Alignof(struct weir__list));
	else if (s->map)
		weir__layout_init(&s->layout, s->b->config.key, s->ns, sizeof(struct weir__map), _Alignof(struct weir__map));
	else
		weir__layout_init(&s->layout, s->b->config.key, s->by_window ? &weir_void : s->ns, s->value->size, s->value->align);
	if (s->map)
		weir__map_layout_init(&s->entries, s->user_key, s->value);
}

static struct weir_state *new_state(struct weir_backend *b, const char *name, enum weir_state_kind kind, enum weir__form form, struct weir_type *ns, struct weir_type *value,
				    struct weir_type *user_key, bool by_window, struct weir_error *err)
{
	struct weir_state *s = calloc(1, sizeof(*s)), **place;

	if (s) {
		bool split = form == WEIR__NATIVE || form == WEIR__BOXED;

		s->b = b;
		s->kind = kind;
		s->form = form;
		s->list = kind == WEIR_STATE_LIST && split;
		s->map = kind == WEIR_STATE_MAP && split;
		s->ns = s->real_ns = ns;
		s->value = value;
		s->user_key = user_key;
		s->by_window = by_window;
		s->name = strdup(name);
		s->tables = calloc(b->config.ngroups, sizeof(*s->tables));
		place = s->name && s->tables && (!by_window || weir__panes_init(s)) ? weir_vec_push(&b->states) : NULL;
		if (place) {
			for (uint32_t g = 0; g < b->config.ngroups; g++)
				s->tables[g].stagger = (g + (uint32_t)b->config.first_group) * 11;
			lay_out_state(s);
			*place = s;
			return s;
		}
		weir__state_free(s);
	}
	weir_error_set(err, WEIR_ENOMEM, "no memory for state '%s'", name);
	return NULL;
}

struct weir_state *weir__state_new(struct weir_backend *b, const char *name, enum weir_state_kind kind, enum weir__form form, struct weir_type *ns, struct weir_type *value,
				   struct weir_type *user_key, struct weir_error *err)
{
	return new_state(b, name, kind, form, ns, value, user_key, false, err);
}

struct weir_state *weir__state_new_as(struct weir_backend *b, const struct weir_state_desc *d, struct weir_type *ns, struct weir_error *err)
{
	return new_state(b, d->name, d->kind, WEIR__NATIVE, ns, d->value, d->kind == WEIR_STATE_MAP ? d->user_key : NULL, d->by_window, err);
}

static bool type_same(const struct weir_type *a, const struct weir_type *b)
{
	return a == b || (a && b && weir_type_equal(a, b));
}

static int check_again(const struct weir_state *s, const struct weir_state_desc *d, const struct weir_type *ns, struct weir_error *err)
{
	char have[200], want[200];

	if (s->kind != d->kind)
		return weir_error_set(err, WEIR_EINCOMPATIBLE, "state '%s' is registered twice: as %s and as %s; give one of them another name", s->name,
				      weir_state_kind_name(s->kind), weir_state_kind_name(d->kind));
	if (s->by_window == d->by_window && type_same(s->value, d->value) && type_same(s->ns, ns) && (!s->map || type_same(s->user_key, d->user_key)))
		return 0;
	return weir_error_set(err, WEIR_EINCOMPATIBLE, "state '%s' is registered twice with different types (%s, then %s); give one of them another name", s->name,
			      weir_type_text(s->value, have, sizeof(have)), weir_type_text(d->value, want, sizeof(want)));
}

static int check_desc(const struct weir_state_desc *d, struct weir_type *ns, struct weir_error *err)
{
	struct weir_type *types[3] = { ns, d->value, d->kind == WEIR_STATE_MAP ? d->user_key : NULL };

	if (!d->name || !d->name[0] || !d->value || (d->kind == WEIR_STATE_MAP && !d->user_key))
		return weir_error_set(err, WEIR_EINVALID, "a state needs a name and types");
	if (d->kind > WEIR_STATE_MAP || d->kind == WEIR_STATE_FOLDING)
		return weir_error_set(err, WEIR_EINVALID, "state '%s': a %s state cannot be registered as keyed state", d->name, weir_state_kind_name(d->kind));
	if (d->by_window && (d->kind == WEIR_STATE_LIST || d->kind == WEIR_STATE_MAP || ns->kind != WEIR_TIME_WINDOW))
		return weir_error_set(err, WEIR_EINVALID, "state '%s': a %s state cannot be kept by window", d->name, weir_state_kind_name(d->kind));
	for (int i = 0; i < 3; i++) {
		int code = types[i] ? weir_type_prepare(types[i], err) : 0;

		if (code)
			return weir_error_wrap(err, "state '%s'", d->name), code;
		if (types[i] && types[i]->flags & WEIR_TYPE_OPAQUE)
			return weir_error_set(err, WEIR_EUNSUPPORTED, "state '%s': a type without a known serializer cannot be used by a job", d->name);
	}
	return 0;
}

int weir_backend_state(struct weir_backend *b, const struct weir_state_desc *d, struct weir_state **out, struct weir_error *err)
{
	struct weir_type *ns = d->ns ? d->ns : &weir_void, *stored;
	struct weir_state *s;
	int code = weir_backend_settle(b, err);

	if (!code)
		code = check_desc(d, ns, err);
	if (code)
		return code;
	stored = d->kind == WEIR_STATE_LIST ? weir_type_list(&b->mem, d->value, err)
	       : d->kind == WEIR_STATE_MAP  ? weir_type_map(&b->mem, d->user_key, d->value, err) : d->value;
	if (!stored)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the types of state '%s'", d->name);
	for (size_t i = 0; i < b->states.len; i++) {
		s = b->states.items[i];
		if (strcmp(s->name, d->name) != 0)
			continue;
		code = s->claimed ? check_again(s, d, ns, err) : weir__state_claim(s, d, stored, err);
		if (!code)
			*out = s;
		return code;
	}
	s = weir__state_new_as(b, d, ns, err);
	if (!s)
		return WEIR_ENOMEM;
	s->stored = stored;
	s->claimed = true;
	*out = s;
	return 0;
}

const char *weir_backend_unclaimed(const struct weir_backend *b, uint32_t i)
{
	for (size_t k = 0; k < b->states.len; k++)
		if (!b->states.items[k]->claimed && i-- == 0)
			return b->states.items[k]->name;
	for (size_t k = 0; k < b->timers.len; k++)
		if (!b->timers.items[k]->claimed && i-- == 0)
			return b->timers.items[k]->service;
	return NULL;
}

int weir_backend_drop_unclaimed(struct weir_backend *b, struct weir_error *err)
{
	size_t kept = 0;

	if (b->snapshot)
		return weir_error_set(err, WEIR_EBUG, "states cannot be dropped while a snapshot is being written");
	for (size_t i = 0; i < b->states.len; i++) {
		struct weir_state *s = b->states.items[i];

		if (s->claimed) {
			b->states.items[kept++] = s;
			continue;
		}
		weir__state_empty(s);
		weir__state_free(s);
	}
	b->states.len = kept;
	kept = 0;
	for (size_t i = 0; i < b->timers.len; i++) {
		struct weir_timers *t = b->timers.items[i];

		if (t->claimed) {
			b->timers.items[kept++] = t;
			continue;
		}
		weir__timers_empty(t);
		weir__timers_free(t);
	}
	b->timers.len = kept;
	return 0;
}

/* ---- current key ---- */

int weir__backend_take_key(struct weir_backend *b, const void *key, uint64_t hash, uint32_t group, struct weir_error *err)
{
	const struct weir_type *t = b->config.key;

	if (group - (uint32_t)b->config.first_group >= b->config.ngroups)
		return weir_error_set(err, WEIR_EBUG, "a key of key group %u came to a subtask of key groups %d to %lld: it was partitioned by another key", group,
				      b->config.first_group, (long long)b->config.first_group + b->config.ngroups - 1);
	if (key != b->key) {
		if (weir__is_flat(t)) {
			memcpy(b->key, key, t->size);
		} else {
			weir_arena_reset(&b->key_mem);
			b->has_key = false;
			if (!weir_type_copy(t, key, &b->key_mem, b->key))
				return weir_error_set(err, WEIR_ENOMEM, "no memory for the current key");
		}
	}
	b->group = group - (uint32_t)b->config.first_group;
	b->key_hash = hash;
	b->has_key = true;
	return 0;
}

int weir_backend_set_key_hashed(struct weir_backend *b, const void *key, uint64_t hash, uint32_t group, struct weir_error *err)
{
	int code = weir_backend_settle(b, err);

	return code ? code : weir__backend_take_key(b, key, hash, group, err);
}

int weir_backend_set_key(struct weir_backend *b, const void *key, struct weir_error *err)
{
	int32_t java;
	int code = weir_backend_settle(b, err);

	if (!code)
		code = weir_type_java_hash(b->config.key, key, &java, err);
	return code ? code : weir__backend_take_key(b, key, weir_type_hash(b->config.key, key), weir_key_group(java, b->config.max_parallelism), err);
}

const void *weir_backend_key(const struct weir_backend *b)
{
	return b->has_key ? b->key : NULL;
}

int weir_backend_settle(struct weir_backend *b, struct weir_error *err)
{
	const struct weir_type *t = b->edit_type;
	int code = b->late_code;

	if (__builtin_expect(code != 0, 0)) {
		b->late_code = 0;
		return weir_error_set(err, code, "no memory for the key of a timer");
	}
	if (__builtin_expect(!t, 1))
		return 0;
	b->edit_type = NULL;
	if (!weir__value_settle(&b->spaces[b->edit_group], t, b->before, b->edit_value))
		return weir_error_set(err, WEIR_ENOMEM, "no memory to keep an edited value");
	return 0;
}

static bool room_for(uint8_t **p, size_t *size, size_t n)
{
	uint8_t *grown;

	if (*size >= n)
		return true;
	n = n < 64 ? 64 : n * 2;
	grown = realloc(*p, n);
	if (!grown)
		return false;
	*p = grown;
	*size = n;
	return true;
}

int weir__state_begin_edit(struct weir_state *s, const struct weir_type *t, void *v, struct weir_error *err)
{
	struct weir_backend *b = s->b;

	if (weir__is_flat(t))
		return 0;
	if (!room_for(&b->before, &b->before_size, t->size))
		return weir__backend_nomem(s, err);
	memcpy(b->before, v, t->size);
	b->edit_type = t;
	b->edit_value = v;
	b->edit_group = b->group;
	return 0;
}

const void *weir__backend_stage(struct weir_backend *b, const void *p, size_t n)
{
	if (!room_for(&b->stage, &b->stage_size, n + 1))
		return NULL;
	if (n)
		memcpy(b->stage, p, n);
	return b->stage;
}

/* ---- slots ---- */

static int wrong_kind(const struct weir_state *s, struct weir_error *err)
{
	if (!s->claimed)
		return weir_error_set(err, WEIR_EBUG, "state '%s' was restored but is not registered", s->name);
	return weir_error_set(err, WEIR_EBUG, "state '%s' is a %s state and cannot be used as another kind", s->name, weir_state_kind_name(s->kind));
}

int weir__state_enter(struct weir_state *s, bool list, bool map, struct weir_error *err)
{
	struct weir_backend *b = s->b;
	int code = weir_backend_settle(b, err);

	if (code)
		return code;
	if (__builtin_expect(s->list != list || s->map != map || !s->claimed, 0))
		return wrong_kind(s, err);
	if (__builtin_expect(!b->has_key, 0))
		return weir_error_set(err, WEIR_EBUG, "state '%s' was used without a current key", s->name);
	return 0;
}

static inline uint32_t slot_tag(const struct weir_state *s, const void *ns)
{
	return weir__tag(weir__hash_with_ns(s->b->key_hash, s->ns, s->layout.ns_eq, ns));
}

uint8_t *weir__state_find(struct weir_state *s, const void *ns)
{
	if (s->by_window) {
		const struct weir__pane *p = weir__pane_find(s, s->b->group, ns);

		return p ? weir__table_find(&p->table, &s->layout, weir__tag(s->b->key_hash), s->b->key, NULL) : NULL;
	}
	return weir__table_find(weir__table_of(s), &s->layout, slot_tag(s, ns), s->b->key, ns);
}

uint8_t *weir__state_put(struct weir_state *s, const void *ns, bool *out_created)
{
	struct weir__table *t = weir__table_of(s);
	uint8_t *slot;

	if (s->by_window) {
		struct weir__pane *p = weir__pane_get(s, s->b->group, ns);

		return p ? weir__pane_put(s, s->b->group, p, s->b->key, s->b->key_hash, out_created) : NULL;
	}
	slot = weir__table_put(t, &s->layout, weir__space_of(s), slot_tag(s, ns), s->b->key, ns, out_created);
	if (!slot)
		return NULL;
	s->count += *out_created;
	weir__table_touch(t, &s->layout, weir__space_of(s), slot);
	return slot;
}

static inline void step(struct weir_state *s)
{
	struct weir__table *t = weir__table_of(s);

	if (__builtin_expect(t->old.slots != NULL, 0))
		weir__table_step(t, s->by_window ? &s->outer : &s->layout, weir__space_of(s), WEIR__STEP_SLOTS);
}

/* Free what a slot's value owns. */
static void free_value(struct weir_state *s, uint32_t g, uint8_t *slot)
{
	void *v = weir__slot_value(&s->layout, slot);

	if (s->list)
		weir__list_free(s->value, v, &s->b->spaces[g]);
	else if (s->map)
		weir__map_free(&s->entries, v, &s->b->spaces[g]);
	else
		weir__value_free(&s->b->spaces[g], s->value, v);
}

void weir__state_drop_slot(struct weir_state *s, uint32_t g, uint8_t *slot)
{
	weir__table_touch(&s->tables[g], &s->layout, &s->b->spaces[g], slot);
	free_value(s, g, slot);
	weir__table_delete(&s->tables[g], &s->layout, &s->b->spaces[g], slot);
	s->count--;
}

void weir__state_drop_entries(struct weir_state *s, uint32_t g, struct weir__table *t)
{
	struct weir__space *space = &s->b->spaces[g];
	bool owning = s->list || s->map || s->layout.in_cell || !weir__is_flat(s->value) || !weir__is_flat(s->layout.key) || !weir__is_flat(s->layout.ns);
	uint64_t cursor = 0;
	uint8_t *slot;

	while (owning && (slot = weir__table_next(t, &s->layout, &cursor)) != NULL) {
		weir__table_touch(t, &s->layout, space, slot);
		free_value(s, g, slot);
		if (s->layout.in_cell)
			weir__space_free(space, weir__slot_value(&s->layout, slot), s->layout.value_size);
		weir__value_free(space, s->layout.key, slot + s->layout.key_off);
		weir__value_free(space, s->layout.ns, slot + s->layout.ns_off);
	}
	s->count -= t->count;
	weir__table_clear(t, &s->layout, space);
}

void weir__state_empty_group(struct weir_state *s, uint32_t g)
{
	if (s->by_window)
		weir__panes_empty_group(s, g);
	else
		weir__state_drop_entries(s, g, &s->tables[g]);
}

void weir__state_empty(struct weir_state *s)
{
	for (uint32_t g = 0; g < s->b->config.ngroups; g++)
		weir__state_empty_group(s, g);
}

/* ---- values ---- */

int weir_state_get(struct weir_state *s, const void *ns, const void **out_value, struct weir_error *err)
{
	int code = weir__state_enter(s, false, false, err);
	uint8_t *slot;

	if (code)
		return code;
	step(s);
	slot = weir__state_find(s, ns);
	*out_value = slot ? weir__slot_value(&s->layout, slot) : NULL;
	return 0;
}

int weir_state_edit(struct weir_state *s, const void *ns, void **out_value, bool *out_created, struct weir_error *err)
{
	int code = weir__state_enter(s, false, false, err);
	bool created;
	uint8_t *slot;

	if (code)
		return code;
	step(s);
	slot = weir__state_put(s, ns, &created);
	if (!slot)
		return weir__backend_nomem(s, err);
	code = weir__state_begin_edit(s, s->value, weir__slot_value(&s->layout, slot), err);
	if (code)
		return code;
	if (out_created)
		*out_created = created;
	*out_value = weir__slot_value(&s->layout, slot);
	return 0;
}

int weir_state_set(struct weir_state *s, const void *ns, const void *value, struct weir_error *err)
{
	int code = weir__state_enter(s, false, false, err);
	bool created;
	uint8_t *slot;
	void *v;

	if (code)
		return code;
	value = weir__backend_stage(s->b, value, s->value->size); /* it may lie in a slot that is about to move */
	slot = value ? weir__state_put(s, ns, &created) : NULL;
	if (!slot)
		return weir__backend_nomem(s, err);
	v = weir__slot_value(&s->layout, slot);
	if (weir__is_flat(s->value)) {
		memcpy(v, value, s->value->size);
	} else {
		code = weir__state_begin_edit(s, s->value, v, err);
		if (code)
			return code;
		memcpy(v, value, s->value->size);
		code = weir_backend_settle(s->b, err);
	}
	step(s);
	return code;
}

int weir_state_clear(struct weir_state *s, const void *ns, struct weir_error *err)
{
	int code = weir__state_enter(s, s->list, s->map, err);
	uint8_t *slot;

	if (code)
		return code;
	slot = weir__state_find(s, ns);
	if (slot && s->by_window)
		weir__pane_remove(s, s->b->group, weir__pane_find(s, s->b->group, ns), slot);
	else if (slot)
		weir__state_drop_slot(s, s->b->group, slot);
	step(s);
	return 0;
}

uint64_t weir_state_count(const struct weir_state *s)
{
	return s->count;
}

/* A MAP's entries as two arrays, for weir_state_each. */
static bool gather(const struct weir_state *s, const struct weir__map *m, struct weir_arena *mem, struct weir_map *out)
{
	char *keys, *values;
	uint8_t *nulls;

	weir_arena_reset(mem);
	keys = weir_arena_alloc(mem, (size_t)m->count * s->user_key->size + 1, 16);
	values = weir_arena_alloc(mem, (size_t)m->count * s->value->size + 1, 16);
	nulls = weir_arena_alloc(mem, m->count + 1, 1);
	if (!keys || !values || !nulls)
		return false;
	for (uint32_t i = 0; i < m->count; i++) {
		const uint8_t *e = weir__map_entry(&s->entries, m, i);

		memcpy(keys + (size_t)i * s->user_key->size, e + s->entries.key_off, s->user_key->size);
		memcpy(values + (size_t)i * s->value->size, e + s->entries.value_off, s->value->size);
		nulls[i] = weir__map_entry_null(e);
	}
	*out = (struct weir_map){ .keys = keys, .values = values, .nulls = nulls, .count = m->count };
	return true;
}

int weir_state_each(struct weir_state *s, weir_state_each_fn *fn, void *arg)
{
	struct weir_arena mem = { 0 };
	int code = weir_backend_settle(s->b, NULL);

	for (uint32_t g = 0; g < s->b->config.ngroups && !code; g++) {
		struct weir__pane_walk walk = { .panes = s->tables[g], .outer = &s->outer, .layout = &s->layout };
		uint64_t cursor = 0;
		uint8_t *slot;

		while (!code && (slot = s->by_window ? weir__pane_walk_slot(&walk) : weir__table_next(&s->tables[g], &s->layout, &cursor)) != NULL) {
			const void *v = weir__slot_value(&s->layout, slot);
			struct weir_map map;

			if (s->map) {
				if (!gather(s, v, &mem, &map)) {
					code = WEIR_ENOMEM;
					break;
				}
				v = &map;
			}
			code = fn(arg, slot + s->layout.key_off, s->by_window ? (const void *)&walk.pane->window : slot + s->layout.ns_off, v);
		}
	}
	weir_arena_fini(&mem);
	return code;
}
