// SPDX-License-Identifier: Apache-2.0
/*
 * Restoring FULL and HEAP handles. claim.c has the meeting of restored states with the job's.
 *
 * A restored state is held natively where its types alone fix the native form (scalars, text, lists and maps of them): when the job
 * registers it, nothing has to be done. Records have a native form only the job knows, so their values stay the bytes that were stored
 * (WEIR__BOXED), element by element, until the job registers the state: then they are converted by Flink's rules of schema evolution.
 * Values that cannot be taken apart, because a serializer is unknown, stay whole and are written back unchanged.
 *
 * Invariants
 *   1. Only key groups of the backend's range are read; each key is checked against the group it was found in.
 *   2. Damage is an error with file, offset and state; nothing is skipped silently.
 * Threads: the task's, before the job runs. Fails on damage, on types that do not fit, and when memory runs out.
 */
#include "state/backend/hashmap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/order.h"
#include "state/flink/snapshot.h"

/* The native form follows from the type alone. */
static bool is_plain(const struct weir_type *t)
{
	switch (t->kind) {
	case WEIR_TUPLE:
	case WEIR_ROW:
	case WEIR_POJO:
	case WEIR_TTL:
	case WEIR_TIMER:
	case WEIR_OPAQUE:
	case WEIR_WIRE:
		return false;
	case WEIR_LIST:
		return is_plain(t->fields[0].type);
	case WEIR_MAP:
		return is_plain(t->fields[0].type) && is_plain(t->fields[1].type);
	default:
		return true;
	}
}

static bool is_opaque(const struct weir_type *t) { return t->kind == WEIR_OPAQUE || (t->flags & WEIR_TYPE_OPAQUE) != 0; }

/* ---- reading entries ---- */

struct target {
	struct weir_state *state;
	struct weir_timers *timers;
	enum weir_time_domain domain;
};

struct restoring {
	struct weir_backend *b;
	const char *path;
	struct weir_keyed_meta *meta;
	enum weir_keyed_format format;
	struct target *targets;
	struct weir_arena scratch;
	void *key, *ns, *user_key, *value; /* native */
	int32_t group;
	struct weir_error *err;
};

static int damaged(struct restoring *r, uint32_t i, const char *what)
{
	return weir_error_at(r->err, WEIR_ECORRUPT, r->path, WEIR_NO_OFFSET, "key group %d, state '%s': %s", r->group, r->meta->states[i].name, what);
}

/* One native value from all of `bytes`, or the bytes themselves. */
static int take_value(struct restoring *r, uint32_t i, const struct weir_type *t, bool boxed, struct weir_slice bytes, void *v)
{
	struct weir_src src = weir_src_of(bytes, r->path, 0);
	int code;

	if (boxed) {
		struct weir_str s = weir_str_view((const char *)bytes.ptr, (uint32_t)bytes.len);

		if (bytes.len >= WEIR_STR_NULL_LEN)
			return damaged(r, i, "a value of 4 GiB or more");
		memcpy(v, &s, sizeof(s));
		return 0;
	}
	if (bytes.len == 8 && t->kind == WEIR_INT64) { /* most keys, counts and sums, by the ten million */
		uint64_t x;

		memcpy(&x, bytes.ptr, sizeof(x));
		x = __builtin_bswap64(x);
		memcpy(v, &x, sizeof(x));
		return 0;
	}
	if (bytes.len == 1 && t->kind == WEIR_VOID)
		return 0;
	code = weir_type_read(t, &src, &r->scratch, v, r->err);
	if (code)
		return weir_error_wrap(r->err, "key group %d, state '%s'", r->group, r->meta->states[i].name), code;
	return weir_src_left(&src) ? damaged(r, i, "bytes are left behind a value") : 0;
}

static int take_key(struct restoring *r, uint32_t i, struct weir_slice bytes)
{
	const struct weir_backend_config *c = &r->b->config;
	int32_t java;
	int code = take_value(r, i, c->key, false, bytes, r->key);

	if (code)
		return code;
	if (weir_type_java_hash(c->key, r->key, &java, NULL) == 0 && weir_key_group(java, c->max_parallelism) != (uint32_t)r->group)
		return damaged(r, i, "a key belongs to another key group; was max parallelism changed, or is the file damaged?");
	return weir__backend_take_key(r->b, r->key, weir_type_hash(c->key, r->key), (uint32_t)r->group, r->err);
}

static int add_element(struct restoring *r, uint32_t i, struct weir_state *s, uint8_t *slot, struct weir_slice bytes)
{
	int code = take_value(r, i, s->value, s->form == WEIR__BOXED, bytes, r->value);

	if (!code && !weir__list_add(s->value, weir__slot_value(&s->layout, slot), weir__space_of(s), r->value))
		code = weir__backend_nomem(s, r->err);
	return code;
}

static int add_list(struct restoring *r, uint32_t i, struct weir_state *s, struct weir_slice bytes)
{
	const struct weir_type *e = r->meta->states[i].stored->fields[0].type;
	struct weir_src src = weir_src_of(bytes, r->path, 0);
	bool heap = r->format == WEIR_FORMAT_HEAP, created;
	uint32_t n = heap ? weir_src_count(&src, 0) : 0, k;
	uint8_t *slot;
	int code = 0;

	if (src.code || (!weir_src_left(&src) && !n))
		return src.code ? damaged(r, i, src.what) : 0; /* an empty list does not exist */
	slot = weir__state_put(s, r->ns, &created);
	if (!slot)
		return weir__backend_nomem(s, r->err);
	for (k = 0; (heap ? k < n : weir_src_left(&src) > 0) && !code; k++) {
		const uint8_t *from;

		if (!heap && k && weir_src_u8(&src) != 0x2c)
			return damaged(r, i, "the elements of a list are not joined by the byte 2c");
		from = src.p;
		if (weir_type_skip(e, &src) != 0)
			return damaged(r, i, src.what ? src.what : "a list element does not decode");
		code = add_element(r, i, s, slot, (struct weir_slice){ from, (size_t)(src.p - from) });
	}
	return code ? code : weir_src_left(&src) ? damaged(r, i, "bytes are left behind the elements of a list") : 0;
}

/* value: with its null flag. */
static int add_to_map(struct restoring *r, uint32_t i, struct weir_state *s, struct weir_slice user_key, struct weir_slice value)
{
	bool boxed = s->form == WEIR__BOXED, created;
	uint32_t tag, null = 0;
	uint8_t *slot, *e, *v;
	struct weir__map *m;
	int code = take_value(r, i, s->user_key, boxed, user_key, r->user_key);

	if (code)
		return code;
	if (!value.len || value.ptr[0] > 1)
		return damaged(r, i, "a map value has no null flag");
	if (!boxed) {
		null = value.ptr[0];
		memset(r->value, 0, s->value->size);
	}
	if (boxed || !null)
		code = take_value(r, i, s->value, boxed, boxed ? value : (struct weir_slice){ value.ptr + 1, value.len - 1 }, r->value);
	if (code)
		return code;
	slot = weir__state_put(s, r->ns, &created);
	if (!slot)
		return weir__backend_nomem(s, r->err);
	m = weir__slot_value(&s->layout, slot);
	tag = weir__tag(weir_type_hash(s->user_key, r->user_key));
	e = weir__map_find(&s->entries, m, tag, r->user_key);
	if (e)
		return damaged(r, i, "a user key appears twice in a map");
	e = weir__map_add(&s->entries, m, weir__space_of(s), tag, r->user_key);
	if (!e)
		return weir__backend_nomem(s, r->err);
	v = e + s->entries.value_off;
	memcpy(e + 4, &null, 4);
	if (s->value->size)
		memcpy(v, r->value, s->value->size);
	return weir__value_own(weir__space_of(s), s->value, v) ? 0 : weir__backend_nomem(s, r->err);
}

static int add_map(struct restoring *r, uint32_t i, struct weir_state *s, const struct weir_entry *entry)
{
	const struct weir_type *map = r->meta->states[i].stored;
	struct weir_src src = weir_src_of(entry->value, r->path, 0);
	uint32_t n;
	int code = 0;

	if (r->format == WEIR_FORMAT_FULL)
		return add_to_map(r, i, s, entry->user_key, entry->value);
	n = weir_src_count(&src, 1);
	for (uint32_t k = 0; k < n && !code && !src.code; k++) {
		struct weir_slice uk, value;
		const uint8_t *from = src.p;

		(void)!weir_type_skip(map->fields[0].type, &src);
		uk = (struct weir_slice){ from, (size_t)(src.p - from) };
		from = src.p;
		if (!weir_src_bool(&src) && !src.code)
			(void)!weir_type_skip(map->fields[1].type, &src);
		value = (struct weir_slice){ from, (size_t)(src.p - from) };
		if (!src.code)
			code = add_to_map(r, i, s, uk, value);
	}
	if (code)
		return code;
	return src.code ? damaged(r, i, src.what) : weir_src_left(&src) ? damaged(r, i, "bytes are left behind the entries of a map") : 0;
}

static int add_value(struct restoring *r, uint32_t i, struct weir_state *s, struct weir_slice bytes)
{
	bool created;
	uint8_t *slot, *v;
	int code = take_value(r, i, s->value, s->form != WEIR__NATIVE, bytes, r->value);

	if (code)
		return code;
	slot = weir__state_put(s, r->ns, &created);
	if (!slot)
		return weir__backend_nomem(s, r->err);
	v = weir__slot_value(&s->layout, slot);
	if (!created)
		return damaged(r, i, "a key appears twice");
	memcpy(v, r->value, s->value->size);
	return weir__value_own(weir__space_of(s), s->value, v) ? 0 : weir__backend_nomem(s, r->err);
}

static int on_entry(void *arg, uint32_t i, const struct weir_entry *e)
{
	struct restoring *r = arg;
	struct weir_state *s = r->targets[i].state;
	struct weir_timers *t = r->targets[i].timers;
	int code;

	if (e->undecodable)
		return weir_error_at(r->err, WEIR_ENOTYPE, r->path, WEIR_NO_OFFSET, "key group %d, state '%s': %s", r->group, r->meta->states[i].name, e->undecodable);
	weir_arena_reset(&r->scratch);
	code = take_key(r, i, e->key);
	if (!code)
		code = take_value(r, i, t ? t->ns : s->ns, t ? t->ns_boxed : s->ns_boxed, e->ns, r->ns);
	if (code)
		return code;
	if (t)
		return weir__timers_put(t, r->targets[i].domain, r->b->group, e->timestamp, r->b->key, r->ns, r->err);
	if (s->list)
		return add_list(r, i, s, e->value);
	if (s->map)
		return add_map(r, i, s, e);
	return add_value(r, i, s, e->value);
}

/* Make room at once. Streams that weir wrote have their entries in the order of the hash: put into a table that is too small for all of them they
 * would crowd in one place of it, and each insertion would walk over most of the others. The count was compared with the bytes that follow. */
static int on_state(void *arg, uint32_t i, uint32_t count)
{
	struct restoring *r = arg;
	struct weir_state *s = r->targets[i].state;
	struct weir_timers *t = r->targets[i].timers;
	uint32_t g = (uint32_t)(r->group - r->b->config.first_group);
	struct weir__table *table = s ? &s->tables[g] : &t->queues[r->targets[i].domain].tables[g];

	if (count > 4 && !weir__table_reserve(table, s ? &s->layout : &t->layout, &r->b->spaces[g], count))
		return weir_error_set(r->err, WEIR_ENOMEM, "no memory to restore %u entries of state '%s'", count, r->meta->states[i].name);
	return 0;
}

/* ---- states of a handle ---- */

static int differs(const struct restoring *r, const char *name)
{
	return weir_error_at(r->err, WEIR_EINCOMPATIBLE, r->path, WEIR_NO_OFFSET, "state '%s' was written with different types by different subtasks", name);
}

static struct weir_state *make_state(struct restoring *r, const struct weir_keyed_state_meta *m)
{
	struct weir_type *value = m->stored, *user_key = NULL, *ns = m->ns;
	enum weir__form form, whole = r->format == WEIR_FORMAT_HEAP ? WEIR__WHOLE_HEAP : WEIR__WHOLE_FULL;
	bool ns_boxed = !is_plain(m->ns);
	struct weir_state *s;

	if (m->kind == WEIR_STATE_LIST) {
		form = m->stored->kind != WEIR_LIST || is_opaque(m->stored) ? whole : is_plain(m->stored) ? WEIR__NATIVE : WEIR__BOXED;
		if (form == WEIR__NATIVE)
			value = m->stored->fields[0].type;
	} else if (m->kind == WEIR_STATE_MAP) {
		bool opaque = m->stored->kind != WEIR_MAP || is_opaque(m->stored);

		form = opaque && whole == WEIR__WHOLE_HEAP ? whole : !opaque && is_plain(m->stored) ? WEIR__NATIVE : WEIR__BOXED;
		user_key = &weir_bytes;
		if (form == WEIR__NATIVE) {
			user_key = m->stored->fields[0].type;
			value = m->stored->fields[1].type;
		}
	} else {
		form = is_plain(m->stored) ? WEIR__NATIVE : WEIR__BOXED;
	}
	if (form != WEIR__NATIVE)
		value = &weir_bytes;
	if (ns_boxed)
		ns = &weir_bytes;
	s = weir__state_new(r->b, m->name, m->kind, form, ns, value, user_key, r->err);
	if (s) {
		s->real_ns = m->ns;
		s->ns_boxed = ns_boxed;
		s->stored = m->stored;
	}
	return s;
}

static int target_state(struct restoring *r, const struct weir_keyed_state_meta *m, struct target *to)
{
	for (size_t i = 0; i < r->b->states.len; i++) {
		struct weir_state *s = r->b->states.items[i];

		if (strcmp(s->name, m->name) != 0)
			continue;
		if (s->claimed)
			return weir_error_set(r->err, WEIR_EBUG, "state '%s' was registered before it was restored", s->name);
		if (s->kind != m->kind || !weir_type_equal(s->stored, m->stored) || !weir_type_equal(s->real_ns, m->ns) ||
		    (s->form >= WEIR__WHOLE_FULL && (s->form == WEIR__WHOLE_HEAP) != (r->format == WEIR_FORMAT_HEAP)))
			return differs(r, m->name);
		to->state = s;
		return 0;
	}
	to->state = make_state(r, m);
	return to->state ? 0 : WEIR_ENOMEM;
}

static int target_timers(struct restoring *r, const struct weir_keyed_state_meta *m, struct target *to)
{
	static const char event[] = "_timer_state/event_", processing[] = "_timer_state/processing_";
	struct weir_type *ns;
	const char *service = strncmp(m->name, event, sizeof(event) - 1) == 0		? m->name + sizeof(event) - 1
			    : strncmp(m->name, processing, sizeof(processing) - 1) == 0 ? m->name + sizeof(processing) - 1 : NULL;

	if (!service || m->stored->kind != WEIR_TIMER || is_opaque(m->stored->fields[0].type))
		return weir_error_at(r->err, WEIR_EUNSUPPORTED, r->path, WEIR_NO_OFFSET, "priority queue '%s' does not hold timers that weir knows", m->name);
	ns = m->stored->fields[1].type;
	to->domain = strncmp(m->name, event, sizeof(event) - 1) == 0 ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME;
	to->timers = weir__timers_find(r->b, service);
	if (to->timers && to->timers->claimed)
		return weir_error_set(r->err, WEIR_EBUG, "timers of '%s' were registered before they were restored", service);
	if (to->timers)
		return weir_type_equal(to->timers->real_ns, ns) ? 0 : differs(r, m->name);
	to->timers = weir__timers_new(r->b, service, is_plain(ns) ? ns : &weir_bytes, ns, !is_plain(ns), r->err);
	return to->timers ? 0 : WEIR_ENOMEM;
}

static int prepare_targets(struct restoring *r)
{
	const struct weir_type *key = r->b->config.key;
	char why[256] = "";
	size_t ns = 16, value = 16, user_key = 16;
	int code = 0;

	if (weir_type_compat(r->meta->key, key, why, sizeof(why)) != WEIR_COMPAT_AS_IS)
		return weir_error_at(r->err, WEIR_EINCOMPATIBLE, r->path, WEIR_NO_OFFSET, "the key of the restored state does not fit this job's: %s", why);
	r->targets = weir_arena_zero(&r->b->mem, (r->meta->nstates + 1) * sizeof(*r->targets));
	if (!r->targets)
		return weir_error_set(r->err, WEIR_ENOMEM, "no memory to restore %u states", r->meta->nstates);
	for (uint32_t i = 0; i < r->meta->nstates && !code; i++) {
		const struct weir_keyed_state_meta *m = &r->meta->states[i];
		struct target *t = &r->targets[i];
		size_t n;

		code = m->kind == WEIR_STATE_TIMER ? target_timers(r, m, t) : target_state(r, m, t);
		if (code)
			return code;
		n = t->timers ? t->timers->ns->size : t->state->ns->size;
		ns = n > ns ? n : ns;
		if (t->state) {
			value = t->state->value->size > value ? t->state->value->size : value;
			if (t->state->user_key)
				user_key = t->state->user_key->size > user_key ? t->state->user_key->size : user_key;
		}
	}
	r->key = weir_arena_zero(&r->b->mem, key->size + 1);
	r->ns = weir_arena_zero(&r->b->mem, ns);
	r->value = weir_arena_zero(&r->b->mem, value);
	r->user_key = weir_arena_zero(&r->b->mem, user_key);
	if (!r->key || !r->ns || !r->value || !r->user_key)
		return weir_error_set(r->err, WEIR_ENOMEM, "no memory to restore %u states", r->meta->nstates);
	return 0;
}

/* ---- the handle ---- */

static int by_offset(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Where the group at `offset` ends: the next larger offset, or the end of the stream. */
static int64_t group_end(const int64_t *sorted, uint32_t n, int64_t offset, int64_t size)
{
	size_t next = weir_above_i64(sorted, n, offset);

	return next < n ? sorted[next] : size;
}

static int read_groups(struct restoring *r, const struct weir_keyed_handle *h, struct weir_slice stream, const int64_t *sorted)
{
	const struct weir_backend_config *c = &r->b->config;
	struct weir_keyed_walk walk = { .state = on_state, .entry = on_entry, .arg = r };
	int code = 0;

	for (uint32_t i = 0; i < h->groups.count && !code; i++) {
		int64_t offset = h->groups.offsets[i];

		r->group = h->groups.first + (int32_t)i;
		if (r->group < c->first_group || r->group - c->first_group >= (int64_t)c->ngroups || (!offset && r->format == WEIR_FORMAT_FULL))
			continue;
		if (offset <= 0 || offset >= (int64_t)stream.len)
			return weir_error_at(r->err, WEIR_ECORRUPT, r->path, WEIR_NO_OFFSET, "key group %d is said to begin at byte %lld of a file of %zu bytes", r->group,
					     (long long)offset, stream.len);
		code = weir_keyed_read_group_stored(r->format, stream, r->path, r->meta, r->group, offset,
						    group_end(sorted, h->groups.count, offset, (int64_t)stream.len), c->max_parallelism, &walk, r->err);
	}
	return code;
}

/* version: of the checkpoint's metadata, which tells what the serializers of that release wrote. */
static int restore_stream(struct restoring *r, const struct weir_keyed_handle *h, struct weir_slice stream, int32_t version)
{
	size_t n = h->groups.count * sizeof(int64_t);
	int64_t *sorted = malloc(n + 8), first;
	struct weir_slice head = stream;
	int code;

	if (!sorted)
		return weir_error_set(r->err, WEIR_ENOMEM, "no memory to restore %u key groups", h->groups.count);
	if (n) {
		memcpy(sorted, h->groups.offsets, n);
		qsort(sorted, h->groups.count, sizeof(int64_t), by_offset);
	}
	first = group_end(sorted, h->groups.count, 0, (int64_t)stream.len);
	if (first > 0 && first < (int64_t)stream.len) /* where the last serializer ends, should it be unknown */
		head.len = (size_t)first;
	code = weir_keyed_read_meta(head, r->path, &r->b->mem, &r->meta, r->err);
	if (!code) {
		weir_serializer_written_by(r->meta->key, version);
		for (uint32_t i = 0; i < r->meta->nstates; i++) {
			weir_serializer_written_by(r->meta->states[i].stored, version);
			if (r->meta->states[i].ns)
				weir_serializer_written_by(r->meta->states[i].ns, version);
		}
		r->format = weir_keyed_detect(h->kind, stream, r->meta, &h->groups, r->b->config.max_parallelism);
		code = prepare_targets(r);
	}
	if (!code)
		code = read_groups(r, h, stream, sorted);
	free(sorted);
	return code;
}

int weir_backend_restore(struct weir_backend *b, const struct weir_ckpt *c, const struct weir_keyed_handle *h, struct weir_error *err)
{
	struct weir_error local = WEIR_ERROR_INIT;
	struct restoring r = { .b = b, .err = err ? err : &local };
	struct weir_fs_map *map = NULL;
	struct weir_slice stream;
	char *path = NULL;
	int64_t last = (int64_t)h->groups.first + h->groups.count;
	int code;

	if (h->kind == WEIR_KEYED_NONE || last <= b->config.first_group || h->groups.first >= b->config.first_group + (int64_t)b->config.ngroups)
		return 0;
	if (h->kind != WEIR_KEYED_GROUPS_OLD && h->kind != WEIR_KEYED_SAVEPOINT && h->kind != WEIR_KEYED_GROUPS)
		return weir_error_set(r.err, WEIR_EUNSUPPORTED, "the hashmap backend cannot read state of kind %d (RocksDB files or a changelog); take a canonical savepoint",
				      (int)h->kind);
	code = weir_ckpt_bytes(c, &h->stream, &map, &stream, &path, r.err);
	if (code)
		return code;
	r.path = path;
	code = restore_stream(&r, h, stream, c->version);
	b->has_key = false;
	weir_arena_fini(&r.scratch);
	weir_fs_unmap(map);
	free(path);
	return code;
}
