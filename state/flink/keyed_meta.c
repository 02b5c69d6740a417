/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata block of keyed state: what states a stream holds and of which types (docs/formats/keyed-state.md, section 1).
 *
 * 1. Only proxy version 6 (Flink 1.7 and later) is read and written; older ones are refused by name.
 * 2. Serializer snapshots carry no length. Where one is unknown its end is where something follows that can only be the next part of this
 *    block: a serializer key and a snapshot, the head of a state, or the end of the block.
 * Pure: bytes and an arena. Fails on damage, on unknown content that cannot be delimited, and when memory runs out.
 */
#include "state/flink/keyed.h"

#include "base/text.h"
#include "state/flink/keyed_priv.h"
#include "state/flink/snapshot.h"

enum { PROXY_VERSION = 6, TSS_VERSION = 2, MAX_OPTIONS = 64, MAX_SERIALIZERS = 8, SEARCH_LIMIT = 1 << 20 };
enum { KEY_VALUE = 0, PRIORITY_QUEUE = 3, KEY_VALUE_V2 = 4 };

static const char *const kinds[] = { "VALUE", "LIST", "REDUCING", "FOLDING", "AGGREGATING", "MAP" };
#define MIN_STATE 14u /* bytes of a state at least */
#define VALUE_KEY "VALUE_SERIALIZER"
#define NAMESPACE_KEY "NAMESPACE_SERIALIZER"
#define USER_KEY "USER_KEY_SERIALIZER"
#define STATE_TYPE "KEYED_STATE_TYPE"

char *weir__keyed_text(struct weir_arena *mem, struct weir_slice in)
{
	char *out = weir_arena_alloc(mem, in.len + 1, 1);
	const uint8_t *p = in.ptr;
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < in.len; i++) {
		if (p[i] == 0xed && in.len - i >= 6 && (p[i + 1] & 0xf0) == 0xa0 && p[i + 3] == 0xed && (p[i + 4] & 0xf0) == 0xb0) {
			uint32_t cp = 0x10000u + ((p[i + 1] & 15u) << 16 | (p[i + 2] & 63u) << 10 | (p[i + 4] & 15u) << 6 | (p[i + 5] & 63u));

			out[n++] = (char)(0xf0u | cp >> 18);
			out[n++] = (char)(0x80u | (cp >> 12 & 63u));
			out[n++] = (char)(0x80u | (cp >> 6 & 63u));
			out[n++] = (char)(0x80u | (cp & 63u));
			i += 5;
		} else {
			out[n++] = (char)p[i];
		}
	}
	out[n] = '\0';
	return out;
}

/* ---- writing ---- */

static int put_serializer(struct weir_buf *out, const char *key, const struct weir_type *t, struct weir_error *err)
{
	weir_buf_utf(out, key);
	return weir_serializer_snapshot_write_proxy(t, out, err);
}

static int put_v2(struct weir_buf *out, const struct weir_keyed_state_meta *s, struct weir_error *err)
{
	bool list = s->kind == WEIR_STATE_LIST && s->stored->kind == WEIR_LIST, map = s->kind == WEIR_STATE_MAP && s->stored->kind == WEIR_MAP;
	bool user_key = map && !(s->stored->fields[0].type->kind == WEIR_OPAQUE && s->stored->fields[0].type->snapshot.len == 0);
	int code;

	weir_buf_i32(out, user_key ? 3 : 2);
	code = put_serializer(out, VALUE_KEY, list ? s->stored->fields[0].type : map ? s->stored->fields[1].type : s->stored, err);
	if (code == 0 && user_key)
		code = put_serializer(out, USER_KEY, s->stored->fields[0].type, err);
	return code ? code : put_serializer(out, NAMESPACE_KEY, s->ns, err);
}

static int put_state(struct weir_buf *out, const struct weir_keyed_state_meta *s, struct weir_error *err)
{
	bool timer = s->kind == WEIR_STATE_TIMER;
	int code;

	if (s->kind > WEIR_STATE_TIMER || !s->stored || (!timer && !s->ns))
		return weir_error_set(err, WEIR_EINVALID, "state '%s' cannot be written as keyed state: its kind or types are missing", s->name);
	weir_buf_utf(out, s->name);
	weir_buf_i32(out, timer ? PRIORITY_QUEUE : s->v2 ? KEY_VALUE_V2 : KEY_VALUE);
	weir_buf_i32(out, timer ? 0 : 1);
	if (!timer) {
		weir_buf_utf(out, STATE_TYPE);
		weir_buf_utf(out, kinds[s->kind]);
	}
	if (s->v2 && !timer)
		return put_v2(out, s, err);
	weir_buf_i32(out, timer ? 1 : 2);
	code = put_serializer(out, VALUE_KEY, s->stored, err);
	if (code == 0 && !timer)
		code = put_serializer(out, NAMESPACE_KEY, s->ns, err);
	return code;
}

int weir_keyed_write_meta(bool compressed, const struct weir_type *key, uint32_t nstates, const struct weir_keyed_state_meta *states,
			  struct weir_buf *out, struct weir_error *err)
{
	int code;

	if (nstates > WEIR__KEYED_MAX_STATES)
		return weir_error_set(err, WEIR_EINVALID, "%u states in one operator: Flink allows %u", nstates, WEIR__KEYED_MAX_STATES);
	weir_buf_i32(out, PROXY_VERSION);
	weir_buf_bool(out, compressed);
	code = weir_serializer_snapshot_write_proxy(key, out, err);
	if (code) {
		weir_error_wrap(err, "key type");
		return code;
	}
	weir_buf_i16(out, (int16_t)nstates);
	for (uint32_t i = 0; i < nstates; i++) {
		code = put_state(out, &states[i], err);
		if (code) {
			weir_error_wrap(err, "state '%s'", states[i].name);
			return code;
		}
	}
	code = weir_buf_error(out);
	return code ? weir_error_set(err, code, "no memory for the metadata block of keyed state") : 0;
}

/* ---- what may follow a serializer ---- */

struct after {
	const struct weir_src *block; /* the whole block: where it ends */
	bool key;                     /* behind the key serializer: the number of states comes */
	bool more;                    /* another serializer of this state comes */
	bool last_state;
};

static bool is_serializer_key(struct weir_slice s)
{
	return weir_slice_is(s, VALUE_KEY) || weir_slice_is(s, NAMESPACE_KEY) || weir_slice_is(s, USER_KEY);
}

static bool state_follows(struct weir_src *at)
{
	struct weir_slice name = weir_src_utf(at);
	int32_t type = weir_src_i32(at), noptions = weir_src_i32(at);

	if (at->code || name.len == 0)
		return false;
	for (size_t i = 0; i < name.len; i++) /* a length can be read anywhere; a name has no control characters */
		if (name.ptr[i] < 0x20)
			return false;
	if (type == PRIORITY_QUEUE)
		return noptions == 0 && weir_src_i32(at) == 1 && weir_slice_is(weir_src_utf(at), VALUE_KEY) && weir_src_i32(at) == TSS_VERSION;
	return (type == KEY_VALUE || type == KEY_VALUE_V2) && noptions == 1 && weir_slice_is(weir_src_utf(at), STATE_TYPE);
}

static bool may_follow(struct weir_src at, void *arg)
{
	const struct after *a = arg;

	if (a->more)
		return is_serializer_key(weir_src_utf(&at)) && weir_src_i32(&at) == TSS_VERSION && !at.code;
	if (a->key) {
		uint16_t n = weir_src_u16(&at);

		if (at.code || n > WEIR__KEYED_MAX_STATES || n * MIN_STATE > weir_src_left(&at))
			return false;
		return n ? state_follows(&at) : at.p == a->block->end;
	}
	return a->last_state ? at.p == a->block->end : state_follows(&at);
}

/* ---- reading ---- */

/* The snapshot that begins at `start` (behind its proxy version) as one opaque type, up to where the block goes on. */
static int read_opaque(struct weir_src *src, struct weir_src start, struct after *after, struct weir_arena *mem, struct weir_type **out, struct weir_error *err)
{
	struct weir_src at = start;
	struct weir_slice name = weir_src_utf(&at);
	struct weir_type *t = weir_arena_zero(mem, sizeof(*t));

	weir_src_i32(&at);
	for (size_t i = 0; !at.code && i < SEARCH_LIMIT && !may_follow(at, after); i++)
		weir_src_u8(&at);
	if (at.code || !may_follow(at, after))
		return weir_error_at(err, WEIR_ENOTYPE, src->path, weir_src_offset(&start), "the snapshot of %.*s, a serializer weir does not know, has no recognizable end",
				     (int)(name.len < 200 ? name.len : 200), name.len ? (const char *)name.ptr : "");
	if (!t)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a type");
	t->kind = WEIR_OPAQUE;
	t->null_offset = WEIR_NO_NULLS;
	t->java = weir__keyed_text(mem, name);
	t->snapshot = (struct weir_slice){ weir_arena_copy(mem, start.p, (size_t)(at.p - start.p)), (size_t)(at.p - start.p) };
	if (!t->java || !t->snapshot.ptr)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a type");
	*src = at;
	*out = t;
	return weir_type_prepare(t, err);
}

/* A snapshot in proxy form. When unknown classes inside it were delimited wrongly, so that nothing of this block follows, all of it is opaque. */
static int read_type(struct weir_src *src, struct after *after, struct weir_arena *mem, struct weir_type **out, struct weir_error *err)
{
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_src start = *src;
	int code = weir_serializer_snapshot_read_proxy(src, mem, may_follow, after, out, &why);

	weir_src_i32(&start);
	if (code == 0 && (!weir__keyed_is_opaque(*out) || may_follow(*src, after)))
		return 0;
	if (code == 0 || code == WEIR_ENOTYPE)
		return read_opaque(src, start, after, mem, out, err);
	if (err && !err->code)
		*err = why;
	return code;
}

struct parts {
	struct weir_type *value, *ns, *user_key;
};

static int read_serializers(struct weir_src *src, struct after *after, struct weir_arena *mem, struct parts *out, struct weir_error *err)
{
	int32_t n = weir_src_i32(src);

	if (n < 1 || n > MAX_SERIALIZERS)
		weir_src_fail(src, WEIR_ECORRUPT, "a state has an impossible number of serializers");
	for (int32_t i = 0; i < n && !src->code; i++) {
		struct weir_slice key = weir_src_utf(src);
		struct weir_type *t = NULL;
		int code;

		after->more = i + 1 < n;
		if (src->code)
			break;
		code = read_type(src, after, mem, &t, err);
		if (code)
			return code;
		if (weir_slice_is(key, VALUE_KEY))
			out->value = t;
		else if (weir_slice_is(key, NAMESPACE_KEY))
			out->ns = t;
		else if (weir_slice_is(key, USER_KEY))
			out->user_key = t;
		else
			weir_src_fail(src, WEIR_ECORRUPT, "a state has a serializer under a name that is not known");
	}
	return weir_src_error(src, err);
}

static int read_options(struct weir_src *src, enum weir_state_kind *out)
{
	int32_t n = weir_src_i32(src);
	bool found = false;

	if (n < 0 || n > MAX_OPTIONS)
		return weir_src_fail(src, WEIR_ECORRUPT, "a state has an impossible number of options");
	for (int32_t i = 0; i < n; i++) {
		struct weir_slice key = weir_src_utf(src), value = weir_src_utf(src);

		if (!weir_slice_is(key, STATE_TYPE))
			continue;
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (weir_slice_is(value, kinds[k])) {
				*out = (enum weir_state_kind)k;
				found = true;
			}
	}
	return found ? src->code : weir_src_fail(src, WEIR_EUNSUPPORTED, "the kind of a state (value, list, map ...) is missing or not known");
}

struct weir_type *weir_keyed_unknown_type(struct weir_arena *mem, const char *what, struct weir_error *err)
{
	struct weir_type *t = weir_arena_zero(mem, sizeof(*t));

	if (!t) {
		weir_error_set(err, WEIR_ENOMEM, "no memory for a type");
		return NULL;
	}
	t->kind = WEIR_OPAQUE;
	t->null_offset = WEIR_NO_NULLS;
	t->java = what;
	return weir_type_prepare(t, err) ? NULL : t;
}

/* The pieces of a KEY_VALUE_V2 state put together as a KEY_VALUE state has them. */
static int join_v2(const struct parts *parts, struct weir_arena *mem, struct weir_keyed_state_meta *s, struct weir_error *err)
{
	s->v2 = true;
	if (s->kind == WEIR_STATE_LIST) {
		s->stored = weir_type_list(mem, parts->value, err);
	} else if (s->kind == WEIR_STATE_MAP && parts->user_key) {
		s->stored = weir_type_map(mem, parts->user_key, parts->value, err);
	} else if (s->kind == WEIR_STATE_MAP) {
		struct weir_type *unknown = weir_keyed_unknown_type(mem, "a user key (Flink 2.0 does not store its serializer)", err);

		s->stored = unknown ? weir_type_map(mem, unknown, parts->value, err) : NULL;
	}
	if (!s->stored)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the types of state '%s'", s->name);
	return 0;
}

static int read_state(struct weir_src *src, struct after *after, struct weir_arena *mem, struct weir_keyed_state_meta *s, struct weir_error *err)
{
	struct weir_slice name = weir_src_utf(src);
	int32_t type = weir_src_i32(src);
	struct parts parts = { NULL, NULL, NULL };
	int code;

	s->name = weir__keyed_text(mem, name);
	if (!s->name)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the name of a state");
	s->kind = WEIR_STATE_TIMER;
	if (type == KEY_VALUE || type == KEY_VALUE_V2)
		read_options(src, &s->kind);
	else if (type == PRIORITY_QUEUE && weir_src_i32(src) != 0)
		weir_src_fail(src, WEIR_ECORRUPT, "a timer queue has options");
	else if (type != PRIORITY_QUEUE)
		weir_src_fail(src, WEIR_ECORRUPT, "a state type is neither KEY_VALUE (0, 4) nor PRIORITY_QUEUE (3)");
	if (src->code)
		return weir_src_error(src, err);
	code = read_serializers(src, after, mem, &parts, err);
	if (code)
		return code;
	s->stored = parts.value;
	s->ns = parts.ns;
	if (!parts.value || (s->kind != WEIR_STATE_TIMER && !parts.ns))
		weir_src_fail(src, WEIR_ECORRUPT, "a state has no value serializer or no namespace serializer");
	else if (type == KEY_VALUE_V2)
		code = join_v2(&parts, mem, s, err);
	return code ? code : weir_src_error(src, err);
}

int weir_keyed_read_state_meta(struct weir_slice bytes, const char *path, struct weir_arena *mem, struct weir_keyed_state_meta *out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(bytes, path, 0);
	struct after after = { .block = &src, .last_state = true };

	*out = (struct weir_keyed_state_meta){ 0 };
	return read_state(&src, &after, mem, out, err);
}

static int read_version(struct weir_src *src, const char *path, struct weir_error *err)
{
	int32_t version = weir_src_i32(src);

	if (src->code)
		return weir_src_error(src, err);
	if (version >= 1 && version < PROXY_VERSION)
		return weir_error_at(err, WEIR_EVERSION, path, 0, "keyed state of format %d, written by Flink 1.6 or older; weir reads format %d (Flink 1.7 and later). "
				     "Let Flink 1.8 to 1.16 restore it and take a new savepoint", version, PROXY_VERSION);
	if (version != PROXY_VERSION)
		return weir_error_at(err, WEIR_ECORRUPT, path, 0, "this is not a keyed state stream: format %d where %d is known", version, PROXY_VERSION);
	return 0;
}

int weir_keyed_read_meta(struct weir_slice stream, const char *path, struct weir_arena *mem, struct weir_keyed_meta **out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(stream, path, 0);
	struct after after = { .block = &src, .key = true };
	struct weir_keyed_meta *m = weir_arena_zero(mem, sizeof(*m));
	int code;

	if (!m)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the metadata of keyed state");
	code = read_version(&src, path, err);
	if (code)
		return code;
	m->compressed = weir_src_u8(&src) != 0;
	code = src.code ? weir_src_error(&src, err) : read_type(&src, &after, mem, &m->key, err);
	if (code) {
		weir_error_wrap(err, "key type");
		return code;
	}
	m->nstates = weir_src_u16(&src);
	if (src.code || m->nstates > WEIR__KEYED_MAX_STATES || m->nstates * MIN_STATE > weir_src_left(&src)) {
		weir_src_fail(&src, WEIR_ECORRUPT, "the number of states is larger than what follows");
		return weir_src_error(&src, err);
	}
	m->states = weir_arena_zero(mem, (m->nstates + 1) * sizeof(*m->states));
	if (!m->states)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for %u states", m->nstates);
	after.key = false;
	for (uint32_t i = 0; i < m->nstates; i++) {
		after.last_state = i + 1 == m->nstates;
		code = read_state(&src, &after, mem, &m->states[i], err);
		if (code) {
			const char *name = m->states[i].name;

			weir_error_wrap(err, "state %u of %u%s%.200s", i + 1, m->nstates, name ? ": " : "", name ? name : "");
			return code;
		}
	}
	m->size = weir_src_offset(&src);
	*out = m;
	return 0;
}
