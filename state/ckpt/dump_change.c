/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of a changelog as a line of the dump: the operation, and what it holds. A METADATA record shows the state it describes. Pure.
 */
#include "base/json.h"
#include "state/ckpt/changelog.h"
#include "state/ckpt/dump_priv.h"
#include "state/flink/keyed_priv.h"

#define LONG "org.apache.flink.api.common.typeutils.base.LongSerializer"
#define TTL_TIME "{\"snapshot\":\"" LONG "$LongSerializerSnapshot\",\"serializer\":\"" LONG "\",\"length\":8}"

/* The first class name in a snapshot's bytes. */
static struct weir_slice snapshot_class(const struct weir_type *t)
{
	struct weir_src src = weir_src_of(t->snapshot, NULL, 0);

	return weir_src_utf(&src);
}

/* The serializer's class from its snapshot's: ...XSerializerSnapshot, or a class inside the serializer's own. */
static size_t serializer_len(struct weir_slice class_)
{
	const char *p = (const char *)class_.ptr;
	const char *inner = memrchr(p, '$', class_.len), *outer;
	size_t suffix = strlen("Snapshot");

	if (inner) {
		outer = inner;
		while (outer > p && outer[-1] != '.' && outer[-1] != '$')
			outer--;
		if (memmem(inner, class_.len - (size_t)(inner - p), outer, (size_t)(inner - outer)))
			return (size_t)(inner - p);
	}
	return class_.len > suffix && memcmp(p + class_.len - suffix, "Snapshot", suffix) == 0 ? class_.len - suffix : class_.len;
}

static bool has_nested(const struct weir_type *t)
{
	return t->kind == WEIR_LIST || t->kind == WEIR_MAP || t->kind == WEIR_TUPLE || t->kind == WEIR_TIMER || t->kind == WEIR_ROW || t->kind == WEIR_TTL;
}

static void put_serializer(struct weir_buf *b, const struct weir_type *t, int depth)
{
	struct weir_slice class_ = snapshot_class(t);

	if (class_.len == 0) {
		weir_buf_text(b, "{}");
		return;
	}
	weir_buf_text(b, "{\"snapshot\":");
	weir_json_str(b, (const char *)class_.ptr, class_.len);
	if (!weir__keyed_is_opaque(t)) {
		weir_buf_text(b, ",\"serializer\":");
		weir_json_str(b, (const char *)class_.ptr, serializer_len(class_));
		weir_buf_printf(b, ",\"length\":%d", weir_type_java_length(t));
	}
	if (has_nested(t) && t->nfields && depth < 32) {
		weir_buf_text(b, ",\"nested\":[");
		if (t->kind == WEIR_TTL)
			weir_buf_text(b, TTL_TIME ",");
		for (uint32_t i = 0; i < t->nfields; i++) {
			if (i)
				weir_buf_u8(b, ',');
			put_serializer(b, t->fields[i].type, depth + 1);
		}
		weir_buf_u8(b, ']');
	}
	weir_buf_u8(b, '}');
}

static void put_description(struct weir_buf *b, const struct weir_entry *e)
{
	const struct weir_state_info *s = e->state;
	const uint8_t *id = e->value.ptr + e->value.len - 3;
	bool timer = s->kind == WEIR_STATE_TIMER;

	weir_buf_text(b, ",\"metainfo\":{\"name\":");
	weir_json_text(b, s->name);
	weir_buf_printf(b, ",\"type\":\"%s\",\"options\":{", timer ? "PRIORITY_QUEUE" : id[2] == 10 ? "KEY_VALUE_V2" : "KEY_VALUE");
	if (!timer) {
		weir_buf_text(b, "\"KEYED_STATE_TYPE\":\"");
		for (const char *p = weir_state_kind_name(s->kind); *p; p++)
			weir_buf_u8(b, (uint8_t)(*p - 'a' + 'A'));
		weir_buf_u8(b, '"');
	}
	weir_buf_text(b, "},\"serializers\":{");
	if (!timer && s->ns) {
		weir_buf_text(b, "\"NAMESPACE_SERIALIZER\":");
		put_serializer(b, s->ns, 0);
		weir_buf_u8(b, ',');
	}
	weir_buf_text(b, "\"VALUE_SERIALIZER\":");
	put_serializer(b, s->stored, 0);
	weir_buf_printf(b, "}},\"state_id\":%d", id[0] << 8 | id[1]);
}

static void put_timers(struct weir_buf *b, const struct weir_entry *e, const struct weir__change_parts *p, struct weir__trouble *trouble)
{
	struct weir_src src = weir_src_of(p->timers, NULL, 0);

	weir_buf_text(b, ",\"timers\":[");
	for (uint32_t i = 0; i < p->ntimers; i++) {
		struct weir_slice element;
		struct weir_entry t = { .timestamp = 0 };

		weir__change_timer(e->state, &src, &element, &t);
		weir_buf_printf(b, "%s{\"timestamp\":%lld", i ? "," : "", (long long)t.timestamp);
		weir__dump_part(b, "key", e->state->key, t.key, trouble);
		weir__dump_part(b, "ns", e->state->ns, t.ns, trouble);
		weir_buf_u8(b, '}');
	}
	weir_buf_u8(b, ']');
}

static void put_sources(struct weir_buf *b, const struct weir_entry *e, const struct weir__change_parts *p, struct weir__trouble *trouble)
{
	struct weir_src src = weir_src_of(p->sources, NULL, 0);

	weir__dump_json(b, "target", e->state->ns, p->target, trouble);
	weir_buf_text(b, ",\"sources\":[");
	for (uint32_t i = 0; i < p->nsources && !src.code; i++) {
		if (i)
			weir_buf_u8(b, ',');
		if (weir_type_to_json(e->state->ns, &src, b) != 0)
			trouble->what = "a merged namespace does not decode";
	}
	weir_buf_u8(b, ']');
}

/* Whole lists and maps are in the serializer's form here. */
static const struct weir_type *value_type(const struct weir_entry *e, uint8_t op)
{
	bool whole = op < WEIR__CHANGE_ADD_ELEMENT && (e->state->kind == WEIR_STATE_LIST || e->state->kind == WEIR_STATE_MAP);

	return whole ? e->state->stored : e->state->value;
}

struct weir__trouble weir__dump_change(const struct weir_entry *e, struct weir_buf *b)
{
	struct weir__trouble trouble = { NULL, NULL, false };
	struct weir__change_parts p;

	weir_buf_text(b, "\"kind\":\"change\",\"state\":");
	weir_json_text(b, e->state->name);
	weir_buf_printf(b, ",\"kg\":%d,\"index\":%d,\"change\":\"%s\"", e->key_group, e->index, weir__change_op_name(e->value.len ? e->value.ptr[0] : 255));
	if (e->key_group < 0) {
		put_description(b, e);
	} else {
		trouble.what = weir__change_parse(e->state, e->value, &p);
		trouble.damaged = p.damaged;
		if (e->state->kind == WEIR_STATE_TIMER && !trouble.what) {
			put_timers(b, e, &p, &trouble);
		} else if (e->state->kind != WEIR_STATE_TIMER) {
			weir__dump_part(b, "key", e->state->key, p.key, &trouble);
			weir__dump_part(b, "ns", e->state->ns, p.ns, &trouble);
			if (p.op == WEIR__CHANGE_MERGE_NS && !trouble.what)
				put_sources(b, e, &p, &trouble);
			weir__dump_part(b, "uk", e->state->user_key, p.user_key, &trouble);
			weir__dump_part(b, "value", value_type(e, p.op), p.value, &trouble);
		}
		weir__dump_trouble(b, &trouble);
	}
	weir__dump_hex(b, "change", e->value);
	weir_buf_u8(b, '}');
	return trouble;
}
