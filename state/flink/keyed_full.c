/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key group of a FULL stream: runs of (composite key, value), docs/formats/keyed-state.md sections 2 and 4.
 *
 * 1. Keys and values carry their lengths, so content that does not fit its types costs only that entry: it is delivered as undecodable.
 * 2. Lengths, state numbers and the key group in each key are structure: when they are wrong the group is damaged and reading stops.
 * 3. A part whose serializer is unknown is found from what stands around it, as far as that has a known size.
 * Pure.
 */
#include "state/flink/keyed.h"

#include "state/flink/keyed_priv.h"

#define NOT_KNOWN "the parts of its key cannot be told apart: a serializer in it is not known to weir"
#define NO_TIMER "the element of this queue is not a timer"

/* Step over Flink's length behind a field of an ambiguous key, which must be n. */
static bool skip_length(struct weir_src *src, size_t n)
{
	do {
		if (weir_src_u8(src) != (uint8_t)n)
			return false;
		n >>= 8;
	} while (n);
	return !src->code;
}

/* Take one part of known type. */
static bool take(const struct weir_type *t, struct weir_src *src, struct weir_slice *out)
{
	const uint8_t *from = src->p;

	if (weir__keyed_is_number(t))
		(void)weir_src_take(src, t->wire_min);
	else
		(void)!weir_type_skip(t, src);
	if (src->code)
		return false;
	*out = (struct weir_slice){ from, (size_t)(src->p - from) };
	return true;
}

/* Key, namespace and user key behind the key group. False with *why when they cannot be told apart. */
static bool split_key(const struct weir_keyed_meta *meta, const struct weir_keyed_state_meta *s, struct weir_src *src, struct weir_entry *e, const char **why)
{
	const struct weir_type *uk = s->kind == WEIR_STATE_MAP && s->stored->kind == WEIR_MAP ? s->stored->fields[0].type : NULL;
	bool map = s->kind == WEIR_STATE_MAP, ambiguous = weir__keyed_ambiguous(meta->key, s->ns);

	*why = NOT_KNOWN;
	if (weir__keyed_is_opaque(meta->key)) { /* what follows must have a known size */
		int ns_size = weir__keyed_fixed_size(s->ns), uk_size = !map ? 0 : uk ? weir__keyed_fixed_size(uk) : -1;
		size_t left = weir_src_left(src);

		if (ns_size < 0 || uk_size < 0 || left < (size_t)(ns_size + uk_size))
			return false;
		e->key = weir_src_bytes(src, left - (size_t)(ns_size + uk_size));
		ambiguous = false;
	} else if (!take(meta->key, src, &e->key)) {
		*why = "its key does not decode";
		return false;
	}
	if (weir__keyed_is_opaque(s->ns)) {
		int uk_size = !map ? 0 : uk ? weir__keyed_fixed_size(uk) : -1;

		if (uk_size < 0 || weir_src_left(src) < (size_t)uk_size)
			return false;
		e->ns = weir_src_bytes(src, weir_src_left(src) - (size_t)uk_size);
	} else if (ambiguous && !skip_length(src, e->key.len)) {
		*why = "the length behind its key is wrong";
		return false;
	} else if (!take(s->ns, src, &e->ns)) {
		*why = "its namespace does not decode";
		return false;
	}
	if (ambiguous && !skip_length(src, e->ns.len)) {
		*why = "the length behind its namespace is wrong";
		return false;
	}
	if (map && (!uk || weir__keyed_is_opaque(uk))) {
		e->user_key = weir_src_bytes(src, weir_src_left(src));
		if (!e->user_key.ptr)
			e->user_key.ptr = src->p;
	} else if (map && !take(uk, src, &e->user_key)) {
		*why = "its user key does not decode";
		return false;
	}
	*why = "bytes are left behind its key";
	return weir_src_left(src) == 0;
}

static bool split_timer(const struct weir_keyed_state_meta *s, struct weir_src *src, struct weir_entry *e, const char **why)
{
	const struct weir_type *key, *ns;

	*why = NO_TIMER;
	if (s->stored->kind != WEIR_TIMER)
		return false;
	key = s->stored->fields[0].type;
	ns = s->stored->fields[1].type;
	e->timestamp = (int64_t)(weir_src_u64(src) ^ 1ull << 63);
	*why = NOT_KNOWN;
	if (weir__keyed_is_opaque(key)) {
		int size = weir__keyed_fixed_size(ns);

		if (size < 0 || weir_src_left(src) < (size_t)size)
			return false;
		e->key = weir_src_bytes(src, weir_src_left(src) - (size_t)size);
	} else if (!take(key, src, &e->key)) {
		*why = "its key does not decode";
		return false;
	}
	if (weir__keyed_is_opaque(ns)) {
		e->ns = weir_src_bytes(src, weir_src_left(src));
		return true;
	}
	*why = "its namespace does not decode";
	if (!take(ns, src, &e->ns))
		return false;
	*why = "bytes are left behind the timer";
	return weir_src_left(src) == 0;
}

void weir_keyed_split(const struct weir_keyed_meta *meta, uint32_t state, int32_t key_group, uint32_t max_parallelism, struct weir_slice key,
		      struct weir_slice value, struct weir_entry *out)
{
	const struct weir_keyed_state_meta *s = &meta->states[state];
	uint32_t prefix = weir_keyed_prefix(max_parallelism);
	struct weir_src src = weir_src_of((struct weir_slice){ key.ptr + prefix, key.len - prefix }, NULL, 0);
	struct weir_entry e = { .subtask = -1, .key_group = key_group, .index = -1 };
	const char *why = NULL;

	if (!(s->kind == WEIR_STATE_TIMER ? split_timer(s, &src, &e, &why) : split_key(meta, s, &src, &e, &why))) {
		e.undecodable = why;
		e.damaged = strcmp(why, NOT_KNOWN) != 0 && strcmp(why, NO_TIMER) != 0;
		e.key = key;
		e.ns = e.user_key = (struct weir_slice){ NULL, 0 };
	}
	if (s->kind != WEIR_STATE_TIMER || e.undecodable)
		e.value = value;
	*out = e;
}

static int deliver(struct weir__keyed_group *g, uint32_t state, struct weir_slice key, struct weir_slice value)
{
	struct weir_entry e;

	weir_keyed_split(g->meta, state, g->key_group, g->max_parallelism, key, value, &e);
	return g->walk->entry(g->walk->arg, state, &e);
}

/* How many (key, namespace) the run that begins at src has; what is damaged in it is found when it is read. Entries of one map lie side by side. */
static uint32_t count_run(const struct weir__keyed_group *g, uint32_t state, struct weir_src src, uint32_t prefix)
{
	const struct weir_keyed_state_meta *s = &g->meta->states[state];
	struct weir_slice before = { NULL, 0 };
	uint32_t n = 0;

	for (bool more = true; more;) {
		struct weir_slice key = weir_src_blob32(&src);

		weir_src_blob32(&src);
		if (src.code || key.len < prefix)
			break;
		more = !(key.ptr[0] & 0x80);
		if (s->kind == WEIR_STATE_MAP) {
			struct weir_src inner = weir_src_of((struct weir_slice){ key.ptr + prefix, key.len - prefix }, NULL, 0);
			struct weir_entry e = { 0 };
			const char *why;

			if (!split_key(g->meta, s, &inner, &e, &why))
				continue;
			key = (struct weir_slice){ e.key.ptr, (size_t)(e.ns.ptr - e.key.ptr) + e.ns.len };
			if (before.ptr && key.len == before.len && memcmp(key.ptr, before.ptr, key.len) == 0)
				continue;
			before = key;
		}
		n++;
	}
	return n;
}

static int wrong_group(struct weir__keyed_group *g, uint64_t at, uint32_t state)
{
	return weir__keyed_fail(g, WEIR_ECORRUPT, at, state, "an entry's key names another key group");
}

int weir__keyed_read_full(struct weir__keyed_group *g, struct weir_src *src)
{
	uint32_t prefix = weir_keyed_prefix(g->max_parallelism), state = weir_src_u16(src);
	int code;

	if (src->code)
		return weir__keyed_src_fail(g, src, UINT32_MAX);
	for (bool run = true; state != WEIR__KEYED_END;) {
		uint64_t at = (uint64_t)(src->p - src->base);
		struct weir_slice key, value;

		if (state >= g->meta->nstates)
			return weir__keyed_fail(g, WEIR_ECORRUPT, at - 2, UINT32_MAX, "the number of a state is larger than the states of the stream");
		if (run && g->walk->state && (code = g->walk->state(g->walk->arg, state, count_run(g, state, *src, prefix))) != 0)
			return code;
		key = weir_src_blob32(src);
		value = weir_src_blob32(src);
		if (src->code)
			return weir__keyed_src_fail(g, src, state);
		if (key.len < prefix)
			return weir__keyed_fail(g, WEIR_ECORRUPT, at, state, "a key is too short for its key group");
		if (((prefix == 2 ? (key.ptr[0] & 0x7fu) << 8 | key.ptr[1] : key.ptr[0] & 0x7fu)) != (uint32_t)g->key_group)
			return wrong_group(g, at + 4, state);
		code = deliver(g, state, key, value);
		if (code)
			return code;
		run = (key.ptr[0] & 0x80) != 0;
		if (run)
			state = weir_src_u16(src);
		if (src->code)
			return weir__keyed_src_fail(g, src, state);
	}
	return 0;
}
