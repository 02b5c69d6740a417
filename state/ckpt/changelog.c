/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a changelog: reading files and inline increments, giving records their states, taking records apart.
 *
 * 1. A log file is one byte (0 plain, 1 snappy) and change sets; a handle's offset counts bytes behind that byte, uncompressed. Change set:
 *    i32 groups, each: i32 changes, i32 key group (-1: METADATA), changes x (i32 length, bytes).
 * 2. METADATA names a state and binds a 16-bit id to it, which holds until it is bound again. Its last three bytes are the id and the type code.
 * 3. No record holds the key's serializer: it is that of what is materialized, else of a timer queue, else not known.
 *
 * weir__log_read() reads files; the rest is pure. Fails on damage (file, offset) and out of memory.
 */
#include "state/ckpt/changelog.h"

#include <stdlib.h>

#include "state/flink/keyed_priv.h"
#include "state/flink/snappy_frame.h"

static const char *const op_names[] = { "CLEAR", "SET", "SET_INTERNAL", "ADD", "MERGE_NS", "ADD_ELEMENT", "ADD_OR_UPDATE_ELEMENT", "REMOVE_ELEMENT", "METADATA" };

const char *weir__change_op_name(uint8_t op)
{
	return op < sizeof(op_names) / sizeof(op_names[0]) ? op_names[op] : "?";
}

static int no_memory(struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "no memory for a changelog");
}

/* ---- reading ---- */

void weir__log_fini(struct weir__log *log)
{
	for (size_t i = 0; i < log->maps.len; i++)
		weir_fs_unmap(log->maps.items[i]);
	for (size_t i = 0; i < log->plain.len; i++)
		weir_buf_fini(&log->plain.items[i]);
	weir_vec_fini(&log->maps);
	weir_vec_fini(&log->plain);
	weir_vec_fini(&log->changes);
	free(log->path);
	log->path = NULL;
}

static int add_change(struct weir__log *log, int32_t group, struct weir_slice bytes, struct weir_error *err)
{
	struct weir__change *c = weir_vec_push(&log->changes);

	if (!c)
		return no_memory(err);
	*c = (struct weir__change){ .key_group = group, .state = UINT32_MAX, .bytes = bytes };
	return 0;
}

static int read_change_set(struct weir__log *log, struct weir_src *src, struct weir_error *err)
{
	uint32_t ngroups = weir_src_count(src, 8);

	for (uint32_t g = 0; g < ngroups && !src->code; g++) {
		uint32_t n = weir_src_count(src, 4);
		int32_t group = weir_src_i32(src);

		for (uint32_t i = 0; i < n && !src->code; i++) {
			struct weir_slice bytes = weir_src_blob32(src);

			if (!src->code && bytes.len == 0)
				weir_src_fail(src, WEIR_ECORRUPT, "a change has no bytes");
			if (!src->code && add_change(log, group, bytes, err))
				return WEIR_ENOMEM;
		}
	}
	return weir_src_error(src, err);
}

/* The content of a log file behind its first byte. */
static int open_file(const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir__log *log, struct weir_slice *out, struct weir_error *err)
{
	struct weir_fs_map *map = NULL, **slot;
	struct weir_slice bytes;
	struct weir_buf *plain;
	const char *what;
	size_t used;
	int code;

	free(log->path);
	log->path = NULL;
	code = weir_ckpt_bytes(c, h, &map, &bytes, &log->path, err);
	if (code)
		return code;
	slot = map ? weir_vec_push(&log->maps) : NULL;
	if (map && !slot) {
		weir_fs_unmap(map);
		return no_memory(err);
	}
	if (slot)
		*slot = map;
	if (bytes.len == 0 || bytes.ptr[0] > 1)
		return weir_error_at(err, WEIR_ECORRUPT, log->path, 0, "this is not a changelog: it begins with %d where 0 (plain) or 1 (snappy) is known",
				     bytes.len ? bytes.ptr[0] : -1);
	*out = (struct weir_slice){ bytes.ptr + 1, bytes.len - 1 };
	if (bytes.ptr[0] == 0)
		return 0;
	plain = weir_vec_push(&log->plain);
	if (!plain)
		return no_memory(err);
	*plain = (struct weir_buf){ 0 };
	code = weir_snappy_frame_read(*out, true, plain, &used, &what);
	if (weir_buf_error(plain))
		return no_memory(err);
	if (code && plain->len == 0) /* else a handle may need only what came before the damage; its change set then ends too early */
		return weir_error_at(err, code, log->path, used + 1, "%s", what);
	*out = weir_buf_slice(plain);
	return 0;
}

static bool same_file(const struct weir_stream_handle *a, const struct weir_stream_handle *b)
{
	return a && a->kind == b->kind && (a->kind == WEIR_HANDLE_FILE || a->kind == WEIR_HANDLE_RELATIVE) && weir_slice_eq(a->name, b->name) && a->size == b->size;
}

static int read_files(const struct weir_ckpt *c, const struct weir_keyed_handle *k, struct weir__log *log, struct weir_error *err)
{
	const struct weir_stream_handle *last = NULL;
	struct weir_slice content = { NULL, 0 };
	int code = 0;

	for (uint32_t i = 0; i < k->nfiles && code == 0; i++) {
		const struct weir_change_file *f = &k->files[i];
		struct weir_src src;

		if (!same_file(last, &f->handle))
			code = open_file(c, &f->handle, log, &content, err);
		last = &f->handle;
		if (code)
			break;
		if (f->offset < 0 || (uint64_t)f->offset > content.len)
			return weir_error_at(err, WEIR_ECORRUPT, log->path, WEIR_NO_OFFSET, "a change set lies at %lld, outside of the %zu bytes of its changelog",
					     (long long)f->offset, content.len);
		src = weir_src_of((struct weir_slice){ content.ptr + f->offset, content.len - (size_t)f->offset }, log->path, (uint64_t)f->offset + 1);
		code = read_change_set(log, &src, err);
	}
	return code;
}

int weir__log_read(const struct weir_ckpt *c, const struct weir_keyed_handle *k, struct weir__log *log, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < k->nincrements && code == 0; i++) {
		const struct weir_keyed_handle *inc = &k->increments[i];

		for (uint32_t n = 0; n < inc->nchanges && code == 0; n++)
			code = inc->changes[n].bytes.len ? add_change(log, inc->changes[n].key_group, inc->changes[n].bytes, err)
							 : weir_error_at(err, WEIR_ECORRUPT, c->path, WEIR_NO_OFFSET, "a change has no bytes");
		if (code == 0)
			code = read_files(c, inc, log, err);
	}
	if (code == 0 && !log->path && !(log->path = strdup(c->path ? c->path : "")))
		code = no_memory(err);
	return code;
}

/* ---- states ---- */

struct binding {
	uint16_t id;
	uint32_t state;
};
struct resolving {
	struct weir__log *log;
	struct weir_arena *mem;
	WEIR_VEC(struct binding) bindings;
	WEIR_VEC(struct weir_keyed_state_meta) states;
	struct weir_error *err;
};

static bool bind(struct resolving *r, uint16_t id, uint32_t state)
{
	struct binding *b;

	for (size_t i = 0; i < r->bindings.len; i++)
		if (r->bindings.items[i].id == id) {
			r->bindings.items[i].state = state;
			return true;
		}
	b = weir_vec_push(&r->bindings);
	if (b)
		*b = (struct binding){ id, state };
	return b != NULL;
}

static uint32_t bound(const struct resolving *r, uint16_t id)
{
	for (size_t i = 0; i < r->bindings.len; i++)
		if (r->bindings.items[i].id == id)
			return r->bindings.items[i].state;
	return UINT32_MAX;
}

static bool same_state(const struct weir_keyed_state_meta *a, const struct weir_keyed_state_meta *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0 && weir_type_equal(a->stored, b->stored) && (a->ns == b->ns || (a->ns && b->ns && weir_type_equal(a->ns, b->ns)));
}

static int define(struct resolving *r, struct weir__change *c)
{
	struct weir_src src = weir_src_of(c->bytes, r->log->path, 0);
	struct weir_keyed_state_meta s, *slot;
	uint8_t op = weir_src_u8(&src);
	const uint8_t *id = c->bytes.ptr + c->bytes.len - 3;
	int code;

	weir_src_i32(&src); /* version of the description: 6 and 7 have the same form */
	if (src.code || op != WEIR__CHANGE_METADATA || weir_src_left(&src) < 3)
		return weir_error_at(r->err, WEIR_ECORRUPT, r->log->path, WEIR_NO_OFFSET, "a changelog has a change without key group that does not describe a state");
	code = weir_keyed_read_state_meta((struct weir_slice){ src.p, weir_src_left(&src) - 3 }, r->log->path, r->mem, &s, r->err);
	if (code)
		return code;
	for (uint32_t i = 0; i < r->states.len; i++)
		if (same_state(&r->states.items[i], &s)) {
			c->state = i;
			return bind(r, (uint16_t)(id[0] << 8 | id[1]), i) ? 0 : no_memory(r->err);
		}
	slot = weir_vec_push(&r->states);
	if (!slot)
		return no_memory(r->err);
	*slot = s;
	c->state = (uint32_t)r->states.len - 1;
	return bind(r, (uint16_t)(id[0] << 8 | id[1]), c->state) ? 0 : no_memory(r->err);
}

static int find_key(struct resolving *r, struct weir_keyed_meta *meta)
{
	for (size_t i = 0; i < r->states.len && !meta->key; i++)
		if (r->states.items[i].kind == WEIR_STATE_TIMER && r->states.items[i].stored->kind == WEIR_TIMER)
			meta->key = r->states.items[i].stored->fields[0].type;
	if (!meta->key)
		meta->key = weir_keyed_unknown_type(r->mem, "the key of a changelog (its serializer is not in the log)", r->err);
	return meta->key ? 0 : WEIR_ENOMEM;
}

int weir__log_resolve(struct weir__log *log, struct weir_arena *mem, struct weir_keyed_meta *meta, struct weir_error *err)
{
	struct resolving r = { .log = log, .mem = mem, .err = err };
	int code = 0;

	for (uint32_t i = 0; i < meta->nstates && code == 0; i++) {
		struct weir_keyed_state_meta *slot = weir_vec_push(&r.states);

		code = slot ? 0 : no_memory(err);
		if (slot)
			*slot = meta->states[i];
	}
	for (size_t i = 0; i < log->changes.len && code == 0; i++) {
		struct weir__change *c = &log->changes.items[i];

		if (c->key_group < 0)
			code = define(&r, c);
		else if (c->bytes.len >= 3)
			c->state = bound(&r, (uint16_t)(c->bytes.ptr[1] << 8 | c->bytes.ptr[2]));
	}
	if (code == 0)
		code = find_key(&r, meta);
	if (code == 0) {
		meta->nstates = (uint32_t)r.states.len;
		meta->states = r.states.len ? weir_arena_copy(mem, r.states.items, r.states.len * sizeof(*r.states.items)) : NULL;
		code = meta->states || !meta->nstates ? 0 : no_memory(err);
	}
	weir_vec_fini(&r.bindings);
	weir_vec_fini(&r.states);
	return code;
}

/* ---- records ---- */

static struct weir_slice take(const struct weir_type *t, struct weir_src *src)
{
	const uint8_t *from = src->p;

	if (weir_type_skip(t, src) != 0)
		return (struct weir_slice){ NULL, 0 };
	return (struct weir_slice){ from, (size_t)(src->p - from) };
}

bool weir__change_timer(const struct weir_state_info *state, struct weir_src *src, struct weir_slice *out_element, struct weir_entry *out)
{
	const uint8_t *from = src->p;

	if (!state->key || !state->ns || weir__keyed_is_opaque(state->key) || weir__keyed_is_opaque(state->ns))
		return false;
	out->timestamp = (int64_t)(weir_src_u64(src) ^ 1ull << 63);
	out->key = take(state->key, src);
	out->ns = take(state->ns, src);
	*out_element = (struct weir_slice){ from, (size_t)(src->p - from) };
	return src->code == 0;
}

static const char *parse_timers(const struct weir_state_info *state, struct weir_src *src, struct weir__change_parts *out)
{
	struct weir_entry e;
	struct weir_slice element;

	if (out->op != WEIR__CHANGE_ADD_ELEMENT && out->op != WEIR__CHANGE_REMOVE_ELEMENT)
		return "a timer queue knows no such change";
	out->ntimers = out->op == WEIR__CHANGE_ADD_ELEMENT ? weir_src_count(src, 8) : 1;
	out->timers = (struct weir_slice){ src->p, weir_src_left(src) };
	for (uint32_t i = 0; i < out->ntimers; i++)
		if (!weir__change_timer(state, src, &element, &e))
			return "a timer does not decode";
	return NULL;
}

static const char *parse_merge(const struct weir_state_info *state, struct weir_src *src, struct weir__change_parts *out)
{
	const uint8_t *from;

	out->target = take(state->ns, src);
	out->nsources = weir_src_count(src, 1);
	from = src->p;
	for (uint32_t i = 0; i < out->nsources && !src->code; i++)
		take(state->ns, src);
	out->sources = (struct weir_slice){ from, (size_t)(src->p - from) };
	return src->code ? "merged namespaces do not decode" : NULL;
}

/* The reasons that are no damage. */
#define NO_KEY "key and value cannot be told apart: the log does not name the serializer of keys"
#define NO_NAMESPACE "namespace and value cannot be told apart: the serializer of namespaces is not known to weir"
#define NO_USER_KEY "user key and value cannot be told apart: the serializer of user keys is not known to weir"

static const char *parse_key_value(const struct weir_state_info *state, struct weir_src *src, struct weir__change_parts *out)
{
	out->key = take(state->key, src);
	out->ns = take(state->ns, src);
	if (src->code)
		return "key and namespace do not decode";
	if (out->op == WEIR__CHANGE_MERGE_NS)
		return parse_merge(state, src, out);
	if (out->op == WEIR__CHANGE_CLEAR)
		return NULL;
	if (state->kind == WEIR_STATE_MAP && out->op >= WEIR__CHANGE_ADD_ELEMENT) {
		out->user_key = take(state->user_key, src);
		if (out->op == WEIR__CHANGE_REMOVE_ELEMENT)
			return NULL;
	}
	out->value = weir_src_bytes(src, weir_src_left(src));
	return NULL;
}

static const char *not_known(const struct weir_state_info *state, uint8_t op)
{
	if (!state->key || weir__keyed_is_opaque(state->key))
		return NO_KEY;
	if (!state->ns || weir__keyed_is_opaque(state->ns))
		return NO_NAMESPACE;
	if (state->kind == WEIR_STATE_MAP && op >= WEIR__CHANGE_ADD_ELEMENT && (!state->user_key || weir__keyed_is_opaque(state->user_key)))
		return NO_USER_KEY;
	return NULL;
}

const char *weir__change_parse(const struct weir_state_info *state, struct weir_slice record, struct weir__change_parts *out)
{
	struct weir_src src = weir_src_of(record, NULL, 0);
	const char *why;

	*out = (struct weir__change_parts){ .op = weir_src_u8(&src) };
	weir_src_u16(&src);
	why = src.code || out->op >= WEIR__CHANGE_METADATA ? NULL : not_known(state, out->op);
	if (why)
		return why;
	if (src.code || out->op >= WEIR__CHANGE_METADATA)
		why = "this kind of change is not known";
	else
		why = state->kind == WEIR_STATE_TIMER ? parse_timers(state, &src, out) : parse_key_value(state, &src, out);
	if (!why && src.code)
		why = "the change ends too early";
	else if (!why && weir_src_left(&src))
		why = "bytes are left behind the change";
	out->damaged = why != NULL;
	return why;
}
