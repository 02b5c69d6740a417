/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The managed operator state stream: a header that names the states and their types, then their elements, addressed by the offsets in the handle
 * (docs/formats/metadata.md; proxy versions 5 and 6).
 *
 * 1. Elements have no length: one ends where the next offset of any state begins, or with the stream.
 * 2. Compressed streams (version 6): each offset is the start of a snappy chunk, and an element is a run of whole chunks.
 * 3. Serializers weir does not know cost nothing here: the offsets delimit their elements, and the smallest one ends the header.
 * Pure: bytes in memory. Fails on damage, naming file, offset and state, and when memory runs out.
 */
#include "state/flink/oper.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/order.h"
#include "base/text.h"
#include "base/vec.h"
#include "state/flink/keyed_priv.h"
#include "state/flink/snappy_frame.h"
#include "state/flink/snapshot.h"

enum { OLDEST = 5, NEWEST = 6, TSS_VERSION = 2, MAX_STATES = 32767 };
enum { TYPE_OPERATOR = 1, TYPE_BROADCAST = 2 };

#define MODE_KEY "OPERATOR_STATE_DISTRIBUTION_MODE"
#define KEY_KEY "KEY_SERIALIZER"
#define VALUE_KEY "VALUE_SERIALIZER"

static const char *const modes[] = { [WEIR_SPLIT_DISTRIBUTE] = "SPLIT_DISTRIBUTE", [WEIR_UNION] = "UNION", [WEIR_BROADCAST] = "BROADCAST" };

/* ---- writing ---- */

static int put_descriptor(struct weir_buf *out, const struct weir_oper_meta *m, struct weir_error *err)
{
	bool broadcast = m->mode == WEIR_BROADCAST;
	int code;

	weir_buf_utf(out, m->name);
	weir_buf_i32(out, broadcast ? TYPE_BROADCAST : TYPE_OPERATOR);
	weir_buf_i32(out, 1);
	weir_buf_utf(out, MODE_KEY);
	weir_buf_utf(out, modes[m->mode]);
	weir_buf_i32(out, broadcast ? 2 : 1);
	weir_buf_utf(out, VALUE_KEY);
	code = weir_serializer_snapshot_write_proxy(m->value, out, err);
	if (code == 0 && broadcast) {
		weir_buf_utf(out, KEY_KEY);
		code = weir_serializer_snapshot_write_proxy(m->key, out, err);
	}
	if (code)
		weir_error_wrap(err, "operator state '%s'", m->name);
	return code;
}

static int put_class(uint32_t n, const struct weir_oper_state *states, bool broadcast, struct weir_buf *out, struct weir_error *err)
{
	size_t at = out->len;
	uint32_t count = 0;

	weir_buf_u16(out, 0);
	for (uint32_t i = 0; i < n; i++) {
		int code;

		if ((states[i].meta.mode == WEIR_BROADCAST) != broadcast)
			continue;
		code = put_descriptor(out, &states[i].meta, err);
		if (code)
			return code;
		count++;
	}
	if (count > MAX_STATES)
		return weir_error_set(err, WEIR_EINVALID, "%u operator states in one operator: Flink allows %d", count, MAX_STATES);
	if (!weir_buf_error(out)) {
		out->data[at] = (uint8_t)(count >> 8);
		out->data[at + 1] = (uint8_t)count;
	}
	return 0;
}

static int put_elements(const struct weir_oper_state *s, struct weir_buf *out, size_t origin, struct weir_arena *mem, struct weir_operator_list *list,
			struct weir_error *err)
{
	struct weir_buf name = { 0 };

	if (s->meta.mode == WEIR_BROADCAST && s->count != 1)
		return weir_error_set(err, WEIR_EINVALID, "broadcast state '%s' has %u elements: it needs one, the whole map", s->meta.name, s->count);
	weir_buf_utf(&name, s->meta.name);
	list->mode = s->meta.mode;
	list->count = s->count;
	list->offsets = weir_arena_zero(mem, (s->count + 1) * sizeof(*list->offsets));
	list->name = (struct weir_slice){ weir_buf_error(&name) ? NULL : weir_arena_copy(mem, name.data + 2, name.len - 2 ? name.len - 2 : 1),
					  weir_buf_error(&name) ? 0 : name.len - 2 };
	weir_buf_fini(&name);
	if (!list->offsets || !list->name.ptr)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for operator state '%s'", s->meta.name);
	for (uint32_t i = 0; i < s->count; i++) {
		list->offsets[i] = (int64_t)(out->len - origin);
		weir_buf_put_slice(out, s->elements[i]);
	}
	return 0;
}

int weir_oper_write(uint32_t n, const struct weir_oper_state *states, int32_t proxy_version, struct weir_buf *out, struct weir_arena *mem,
		    struct weir_operator_handle *handle, struct weir_error *err)
{
	struct weir_operator_list *lists = weir_arena_zero(mem, (n + 1) * sizeof(*lists));
	size_t origin = out->len;
	uint32_t k = 0;
	int code;

	if (proxy_version < OLDEST || proxy_version > NEWEST)
		return weir_error_set(err, WEIR_EVERSION, "operator state of format %d cannot be written: 5 (Flink up to 1.17) and 6 are known", proxy_version);
	if (!lists)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for %u operator states", n);
	weir_buf_i32(out, proxy_version);
	if (proxy_version >= 6)
		weir_buf_bool(out, false);
	code = put_class(n, states, false, out, err);
	if (code == 0)
		code = put_class(n, states, true, out, err);
	for (int broadcast = 0; broadcast < 2; broadcast++)
		for (uint32_t i = 0; i < n && code == 0; i++)
			if ((states[i].meta.mode == WEIR_BROADCAST) == broadcast)
				code = put_elements(&states[i], out, origin, mem, &lists[k++], err);
	if (code == 0 && weir_buf_error(out))
		code = weir_error_set(err, weir_buf_error(out), "no memory for operator state");
	if (code)
		return code;
	handle->present = true;
	handle->nlists = n;
	handle->lists = lists;
	return 0;
}

/* ---- what may follow an unknown serializer ---- */

struct after {
	const uint8_t *end; /* of the header, as far as known */
	bool more;          /* another serializer of this state */
	bool last;          /* of its class */
	bool broadcast;
};

static bool descriptor_follows(struct weir_src *at, int type)
{
	struct weir_slice name = weir_src_utf(at);

	for (size_t i = 0; i < name.len; i++) /* a length can be read anywhere; a name has no control characters */
		if (name.ptr[i] < 0x20)
			return false;
	return weir_src_i32(at) == type && weir_src_i32(at) == 1 && weir_slice_is(weir_src_utf(at), MODE_KEY) && !at->code;
}

static bool may_follow(struct weir_src at, void *arg)
{
	const struct after *a = arg;

	if (a->more) {
		struct weir_slice key = weir_src_utf(&at);

		return (weir_slice_is(key, KEY_KEY) || weir_slice_is(key, VALUE_KEY)) && weir_src_i32(&at) == TSS_VERSION && !at.code;
	}
	if (!a->last)
		return descriptor_follows(&at, a->broadcast ? TYPE_BROADCAST : TYPE_OPERATOR);
	if (a->broadcast)
		return at.p == a->end;
	if (weir_src_u16(&at) == 0)
		return !at.code && at.p == a->end;
	return descriptor_follows(&at, TYPE_BROADCAST);
}

/* ---- reading ---- */

static int read_serializers(struct weir_src *src, struct after *after, struct weir_arena *mem, struct weir_oper_meta *m, struct weir_error *err)
{
	int32_t n = weir_src_i32(src);

	if (n < 1 || n > 2)
		weir_src_fail(src, WEIR_ECORRUPT, "an operator state has an impossible number of serializers");
	for (int32_t i = 0; i < n && !src->code; i++) {
		struct weir_slice key = weir_src_utf(src);
		struct weir_type *t = NULL;
		int code;

		after->more = i + 1 < n;
		if (src->code)
			break;
		code = weir_serializer_snapshot_read_proxy(src, mem, may_follow, after, &t, err);
		if (code)
			return code;
		if (weir_slice_is(key, VALUE_KEY))
			m->value = t;
		else if (weir_slice_is(key, KEY_KEY))
			m->key = t;
		else
			weir_src_fail(src, WEIR_ECORRUPT, "an operator state has a serializer under a name that is not known");
	}
	if (!src->code && (!m->value || (m->mode == WEIR_BROADCAST && !m->key)))
		weir_src_fail(src, WEIR_ECORRUPT, "an operator state lacks a serializer");
	return weir_src_error(src, err);
}

static int read_descriptor(struct weir_src *src, struct after *after, struct weir_arena *mem, struct weir_oper_meta *m, struct weir_error *err)
{
	struct weir_slice name = weir_src_utf(src), value;
	int32_t type = weir_src_i32(src), noptions = weir_src_i32(src);
	bool found = false;

	m->name = weir__keyed_text(mem, name);
	if (!m->name)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the name of a state");
	if (type != (after->broadcast ? TYPE_BROADCAST : TYPE_OPERATOR))
		weir_src_fail(src, WEIR_ECORRUPT, "an operator state has a type that is not possible here");
	if (noptions < 0 || noptions > 64)
		weir_src_fail(src, WEIR_ECORRUPT, "an operator state has an impossible number of options");
	for (int32_t i = 0; i < noptions && !src->code; i++) {
		bool is_mode = weir_slice_is(weir_src_utf(src), MODE_KEY);

		value = weir_src_utf(src);
		for (int k = 0; is_mode && k < 3; k++)
			if (weir_slice_is(value, modes[k])) {
				m->mode = (enum weir_distribution)k;
				found = true;
			}
	}
	if (!found || (m->mode == WEIR_BROADCAST) != after->broadcast)
		weir_src_fail(src, WEIR_ECORRUPT, "the distribution mode of an operator state is missing or not possible here");
	return src->code ? weir_src_error(src, err) : read_serializers(src, after, mem, m, err);
}

/* The bytes in front of the first element. */
static size_t header_limit(struct weir_slice stream, const struct weir_operator_handle *h, bool compressed)
{
	size_t limit = stream.len;

	for (uint32_t i = 0; i < h->nlists; i++)
		for (uint32_t k = 0; k < h->lists[i].count; k++)
			if (h->lists[i].offsets[k] >= 0 && (uint64_t)h->lists[i].offsets[k] <= limit)
				limit = (size_t)h->lists[i].offsets[k];
	if (compressed && limit >= WEIR_SNAPPY_IDENTIFIER_LEN) {
		const uint8_t *p = stream.ptr + limit - WEIR_SNAPPY_IDENTIFIER_LEN;

		if (p[0] == 0xff && memcmp(p + 4, "sNaPpY", 6) == 0)
			return limit - WEIR_SNAPPY_IDENTIFIER_LEN;
	}
	return limit;
}

static int find_lists(const struct weir_operator_handle *h, struct weir_oper_header *out, const char *path, struct weir_arena *mem, struct weir_error *err)
{
	for (uint32_t i = 0; i < h->nlists; i++) {
		char *name = weir__keyed_text(mem, h->lists[i].name);
		bool found = false;

		if (!name)
			return weir_error_set(err, WEIR_ENOMEM, "no memory for the name of a state");
		for (uint32_t k = 0; k < out->nstates && !found; k++)
			if (strcmp(out->states[k].name, name) == 0 && !out->states[k].list) {
				out->states[k].list = &h->lists[i];
				found = true;
			}
		if (!found && h->lists[i].count)
			return weir_error_at(err, WEIR_ECORRUPT, path, 0, "operator state '%.200s' has elements but the stream does not describe it", name);
	}
	return 0;
}

/* Room for n more states in the header. */
static bool grow(struct weir_oper_header *h, uint32_t n, struct weir_arena *mem)
{
	struct weir_oper_meta *more = weir_arena_zero(mem, (h->nstates + n + 1) * sizeof(*more));

	if (!more)
		return false;
	if (h->nstates)
		memcpy(more, h->states, h->nstates * sizeof(*more));
	h->states = more;
	return true;
}

static int read_class(struct weir_src *src, struct after *after, struct weir_arena *mem, struct weir_oper_header *h, struct weir_error *err)
{
	uint32_t n = weir_src_u16(src);

	if (src->code || n * 14u > weir_src_left(src)) {
		weir_src_fail(src, WEIR_ECORRUPT, "the number of operator states is larger than what follows");
		return weir_src_error(src, err);
	}
	if (!grow(h, n, mem))
		return weir_error_set(err, WEIR_ENOMEM, "no memory for %u operator states", n);
	for (uint32_t i = 0; i < n; i++) {
		struct weir_oper_meta *m = &h->states[h->nstates];
		int code;

		after->last = i + 1 == n;
		code = read_descriptor(src, after, mem, m, err);
		if (code) {
			weir_error_wrap(err, "operator state '%.200s'", m->name ? m->name : "?");
			return code;
		}
		h->nstates++;
	}
	return 0;
}

int weir_oper_read_header(struct weir_slice stream, const char *path, const struct weir_operator_handle *handle, struct weir_arena *mem,
			  struct weir_oper_header **out, struct weir_error *err)
{
	struct weir_oper_header *h = weir_arena_zero(mem, sizeof(*h));
	struct weir_src src = weir_src_of(stream, path, 0);
	int32_t version = weir_src_i32(&src);
	struct after after = { .end = NULL };
	int code;

	if (!h)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for operator state");
	if (src.code)
		return weir_src_error(&src, err);
	if (version >= 1 && version < OLDEST)
		return weir_error_at(err, WEIR_EVERSION, path, 0, "operator state of format %d, written by Flink 1.6 or older; weir reads 5 and 6 (Flink 1.7 and later). "
				     "Let Flink 1.8 to 1.16 restore it and take a new savepoint", version);
	if (version < OLDEST || version > NEWEST)
		return weir_error_at(err, WEIR_ECORRUPT, path, 0, "this is not an operator state stream: format %d where 5 and 6 are known", version);
	h->compressed = version >= 6 && weir_src_u8(&src) != 0;
	src.end = stream.ptr + header_limit(stream, handle, h->compressed);
	if (src.end < src.p)
		return weir_error_at(err, WEIR_ECORRUPT, path, 0, "the first element lies inside the header");
	after.end = src.end;
	code = read_class(&src, &after, mem, h, err);
	if (code == 0) {
		after = (struct after){ .end = src.end, .broadcast = true };
		code = read_class(&src, &after, mem, h, err);
	}
	if (code == 0)
		code = find_lists(handle, h, path, mem, err);
	if (code)
		return code;
	*out = h;
	return 0;
}

/* ---- elements ---- */

struct ends {
	WEIR_VEC(int64_t) at; /* every offset of the handle, and the end of the stream; ascending */
};

static bool collect_ends(const struct weir_operator_handle *h, size_t size, struct ends *e)
{
	size_t n = 1;

	for (uint32_t i = 0; i < h->nlists; i++)
		n += h->lists[i].count;
	if (!weir_vec_reserve(&e->at, n))
		return false;
	for (uint32_t i = 0; i < h->nlists; i++)
		for (uint32_t k = 0; k < h->lists[i].count; k++)
			e->at.items[e->at.len++] = h->lists[i].offsets[k];
	e->at.items[e->at.len++] = (int64_t)size;
	qsort(e->at.items, e->at.len, sizeof(int64_t), weir_order_i64);
	return true;
}

/* The smallest end above offset, or the offset itself when it is the largest (no bytes). */
static int64_t end_of(const struct ends *e, int64_t offset)
{
	size_t next = weir_above_i64(e->at.items, e->at.len, offset);

	return next < e->at.len ? e->at.items[next] : offset;
}

/* Can all entries be stepped over? Some serializers decide value by value (Kryo). */
static bool steps_over(const struct weir_oper_meta *m, uint32_t n, const struct weir_src *from)
{
	struct weir_src src = *from;

	for (uint32_t i = 0; i < n && !src.code; i++)
		if (weir_type_skip(m->key, &src) || weir_type_skip(m->value, &src))
			return false;
	return !src.code && weir_src_left(&src) == 0;
}

static int deliver_broadcast(const struct weir_oper_meta *m, struct weir_slice bytes, weir_entry_fn *fn, void *arg, struct weir_error *err, const char *path,
			     uint64_t offset, bool compressed)
{
	struct weir_src src = weir_src_of(bytes, path, compressed ? 0 : offset);
	uint32_t n = weir_src_count(&src, 1);
	struct weir_entry e = { .subtask = -1, .key_group = -1, .index = -1, .value = bytes };

	bool opaque = weir__keyed_is_opaque(m->key) || weir__keyed_is_opaque(m->value), steps = !opaque || steps_over(m, n, &src);

	if (!src.code && n && !steps && (n > 1 || weir__keyed_is_opaque(m->key))) {
		e.undecodable = "the entries of this map cannot be told apart: their serializer is not known to weir";
		return fn(arg, &e);
	}
	for (uint32_t i = 0; i < n && !src.code; i++) {
		const uint8_t *from = src.p;
		int code;

		if (weir_type_skip(m->key, &src) != 0)
			break;
		e.user_key = (struct weir_slice){ from, (size_t)(src.p - from) };
		from = src.p;
		if (!steps)
			src.p = src.end;
		else if (weir_type_skip(m->value, &src) != 0)
			break;
		e.value = (struct weir_slice){ from, (size_t)(src.p - from) };
		code = fn(arg, &e);
		if (code)
			return code;
	}
	weir_src_end(&src, "bytes are left behind the entries of a broadcast state");
	if (src.code)
		return weir_error_at(err, src.code, path, compressed ? offset : src.fail_offset, "operator state '%.200s': %s", m->name, src.what);
	return 0;
}

static int deliver_element(const struct weir_oper_meta *m, struct weir_slice bytes, uint32_t index, weir_entry_fn *fn, void *arg)
{
	struct weir_entry e = { .subtask = -1, .key_group = -1, .index = (int32_t)index, .value = bytes };

	if (!weir__keyed_is_opaque(m->value)) {
		struct weir_src src = weir_src_of(bytes, NULL, 0);

		if (weir_type_skip(m->value, &src) != 0)
			e.undecodable = src.what;
		else if (weir_src_left(&src))
			e.undecodable = "bytes are left behind the element";
		e.damaged = e.undecodable != NULL;
	}
	return fn(arg, &e);
}

int weir_oper_read(struct weir_slice stream, const char *path, const struct weir_operator_handle *handle, const struct weir_oper_header *header, uint32_t state,
		   weir_entry_fn *fn, void *arg, struct weir_error *err)
{
	const struct weir_oper_meta *m = &header->states[state];
	const struct weir_operator_list *list = m->list;
	struct weir_buf plain = { 0 };
	struct ends ends = { 0 };
	int code = 0;

	if (!list || list->count == 0)
		return 0;
	if (!collect_ends(handle, stream.len, &ends))
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the offsets of operator state '%s'", m->name);
	for (uint32_t i = 0; i < list->count && code == 0; i++) {
		int64_t from = list->offsets[i], to = end_of(&ends, from);
		struct weir_slice bytes;
		const char *what;
		size_t used;

		if (from < 0 || (uint64_t)from > stream.len || (uint64_t)to > stream.len) {
			code = weir_error_at(err, WEIR_ECORRUPT, path, WEIR_NO_OFFSET, "operator state '%.200s', element %u: its offset %lld lies outside of the %zu bytes of the stream",
					     m->name, i, (long long)from, stream.len);
			break;
		}
		bytes = (struct weir_slice){ stream.ptr + from, (size_t)(to - from) };
		if (header->compressed) {
			weir_buf_clear(&plain);
			code = weir_snappy_frame_read(bytes, false, &plain, &used, &what);
			if (code) {
				code = weir_error_at(err, code, path, (uint64_t)from + used, "operator state '%.200s', element %u: %s", m->name, i, what);
				break;
			}
			bytes = weir_buf_slice(&plain);
		}
		code = m->mode == WEIR_BROADCAST ? deliver_broadcast(m, bytes, fn, arg, err, path, (uint64_t)from, header->compressed)
						 : deliver_element(m, bytes, i, fn, arg);
	}
	weir_vec_fini(&ends.at);
	weir_buf_fini(&plain);
	return code;
}
