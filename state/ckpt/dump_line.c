/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry as one line of JSON; the fields and their order are the oracle's. Pure. A value that does not decode loses its JSON, never its bytes.
 */
#include "state/ckpt/dump.h"

#include "base/json.h"
#include "state/ckpt/dump_priv.h"
#include "state/flink/keyed_priv.h"

#define UNKNOWN_CLASS "weir has no serializer for this class"

void weir__dump_hex(struct weir_buf *b, const char *field, struct weir_slice s)
{
	weir_buf_printf(b, ",\"%s_hex\":\"", field);
	weir_buf_hex(b, s);
	weir_buf_u8(b, '"');
}

static const struct weir_type *find_opaque(const struct weir_type *t, int depth)
{
	if (t->kind == WEIR_OPAQUE || depth > 32)
		return t;
	for (uint32_t i = 0; i < t->nfields; i++)
		if (weir__keyed_is_opaque(t->fields[i].type))
			return find_opaque(t->fields[i].type, depth + 1);
	return t;
}

static void note(struct weir__trouble *t, const char *class_, const char *what, bool damaged)
{
	if (!t->what)
		*t = (struct weir__trouble){ class_, what, damaged };
}

void weir__dump_json(struct weir_buf *b, const char *field, const struct weir_type *t, struct weir_slice s, struct weir__trouble *trouble)
{
	struct weir_src src = weir_src_of(s, NULL, 0);
	size_t at = b->len;

	if (!t) {
		note(trouble, NULL, "its type is not known", false);
		return;
	}
	if (weir__keyed_is_opaque(t)) { /* some values say where they end all the same (Kryo) */
		const struct weir_type *o = find_opaque(t, 0);
		struct weir_src value = src;

		if (weir_type_skip(t, &value) != 0 || weir_src_left(&value)) {
			note(trouble, o->java ? o->java : "?", o->kind == WEIR_WIRE && value.code == WEIR_ENOTYPE ? value.what : UNKNOWN_CLASS, false);
			return;
		}
	}
	weir_buf_printf(b, ",\"%s\":", field);
	if (weir_type_to_json(t, &src, b) == 0)
		weir_src_end(&src, "bytes are left behind the value");
	if (src.code) {
		b->len = at;
		note(trouble, NULL, src.what, true);
	}
}

void weir__dump_part(struct weir_buf *b, const char *field, const struct weir_type *t, struct weir_slice s, struct weir__trouble *trouble)
{
	if (!s.ptr)
		return;
	weir__dump_json(b, field, t, s, trouble);
	weir__dump_hex(b, field, s);
}

/* A canonical list as an array. */
static void put_list(struct weir_buf *b, const struct weir_state_info *info, struct weir_slice s, struct weir__trouble *trouble)
{
	struct weir_src src = weir_src_of(s, NULL, 0);
	size_t at = b->len;

	if (info->stored->kind != WEIR_LIST || weir__keyed_is_opaque(info->value)) {
		weir__dump_json(b, "value", info->value, s, trouble);
		return;
	}
	weir_buf_text(b, ",\"value\":[");
	while (weir_src_left(&src)) {
		if (src.p != src.base)
			weir_buf_u8(b, ',');
		if (weir_type_to_json(info->value, &src, b) == 0 && weir_src_left(&src) && weir_src_u8(&src) != 0x2c)
			weir_src_fail(&src, WEIR_ECORRUPT, "the elements of a list are not joined by the byte 2c");
	}
	weir_buf_u8(b, ']');
	if (src.code) {
		b->len = at;
		note(trouble, NULL, src.what, true);
	}
}

static void put_map_value(struct weir_buf *b, const struct weir_state_info *info, struct weir_slice s, struct weir__trouble *trouble)
{
	if (s.len == 0)
		note(trouble, NULL, "the value of a map entry has no null flag", true);
	else if (s.ptr[0])
		weir_buf_text(b, ",\"value\":null,\"null_value\":true");
	else
		weir__dump_json(b, "value", info->value, (struct weir_slice){ s.ptr + 1, s.len - 1 }, trouble);
}

static void put_value(struct weir_buf *b, const struct weir_entry *e, struct weir__trouble *trouble)
{
	const struct weir_state_info *info = e->state;

	switch (info->kind) {
	case WEIR_STATE_LIST:
		put_list(b, info, e->value, trouble);
		break;
	case WEIR_STATE_MAP:
		if (info->stored->kind == WEIR_MAP)
			put_map_value(b, info, e->value, trouble);
		else
			weir__dump_json(b, "value", info->value, e->value, trouble);
		break;
	default:
		weir__dump_json(b, "value", info->value, e->value, trouble);
	}
}

void weir__dump_trouble(struct weir_buf *b, const struct weir__trouble *t)
{
	if (!t->what)
		return;
	weir_buf_text(b, ",\"undecodable\":\"");
	if (t->class_) {
		struct weir_buf text = { 0 }; /* class names are plain text, but come from a file */

		weir_json_text(&text, t->class_);
		if (text.len > 2)
			weir_buf_put(b, text.data + 1, text.len - 2);
		weir_buf_text(b, ": ");
		weir_buf_fini(&text);
	}
	weir_buf_text(b, t->what);
	weir_buf_u8(b, '"');
}

static void put_keyed(struct weir_buf *b, const struct weir_entry *e, struct weir__trouble *trouble)
{
	bool composite = e->undecodable && e->key.ptr && !e->ns.ptr, rest = e->undecodable && !e->key.ptr,
	     timer = e->state->kind == WEIR_STATE_TIMER || e->state->kind == WEIR_STATE_RAW_TIMER;

	if (e->key_group >= 0)
		weir_buf_printf(b, ",\"kg\":%d", e->key_group);
	if (e->undecodable) {
		note(trouble, NULL, e->undecodable, e->damaged);
		if (!composite && !rest) { /* key and namespace are known, the value is not */
			struct weir__trouble ignored = { NULL, NULL, false };

			weir__dump_part(b, "key", e->state->key, e->key, &ignored);
			weir__dump_part(b, "ns", e->state->ns, e->ns, &ignored);
		}
		weir__dump_trouble(b, trouble);
		if (composite)
			weir__dump_hex(b, "stored_key", e->key);
		if (e->value.ptr)
			weir__dump_hex(b, rest ? "rest_of_key_group" : "value", e->value);
		return;
	}
	if (timer)
		weir_buf_printf(b, ",\"timestamp\":%lld", (long long)e->timestamp);
	weir__dump_part(b, "key", e->state->key, e->key, trouble);
	weir__dump_part(b, "ns", e->state->ns, e->ns, trouble);
	weir__dump_part(b, "uk", e->state->user_key, e->user_key, trouble);
	if (!timer) {
		put_value(b, e, trouble);
		weir__dump_trouble(b, trouble);
		weir__dump_hex(b, "value", e->value);
	} else {
		weir__dump_trouble(b, trouble);
	}
}

static void put_operator(struct weir_buf *b, const struct weir_entry *e, struct weir__trouble *trouble)
{
	if (e->index >= 0)
		weir_buf_printf(b, ",\"index\":%d", e->index);
	if (e->undecodable) {
		note(trouble, NULL, e->undecodable, e->damaged);
	} else {
		weir__dump_part(b, "uk", e->state->user_key, e->user_key, trouble);
		weir__dump_json(b, "value", e->state->value, e->value, trouble);
	}
	weir__dump_trouble(b, trouble);
	weir__dump_hex(b, "value", e->value);
}

static const char *mode_name(const struct weir_view *v, const struct weir_entry *e)
{
	static const char *const names[] = { "SPLIT_DISTRIBUTE", "UNION", "BROADCAST" };

	(void)v;
	for (uint32_t i = 0; i < e->state->op->nsubtasks; i++) {
		const struct weir_subtask_state *s = &e->state->op->subtasks[i];

		if ((int32_t)s->index != e->subtask)
			continue;
		for (uint32_t k = 0; k < s->raw_operator.nlists; k++)
			if (s->raw_operator.lists[k].name.len == strlen(e->state->name) &&
			    memcmp(s->raw_operator.lists[k].name.ptr, e->state->name, s->raw_operator.lists[k].name.len) == 0)
				return names[s->raw_operator.lists[k].mode];
	}
	return names[0];
}

void weir__dump_head(struct weir_buf *b, const struct weir_operator_state *op)
{
	struct weir_arena mem = { 0 };
	char hex[33];
	const char *text;

	weir_buf_u8(b, '{');
	if (!op)
		return;
	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "\"op\":\"%s\",", hex);
	if (op->uid.len && (text = weir__keyed_text(&mem, op->uid)) != NULL) {
		weir_buf_text(b, "\"uid\":");
		weir_json_text(b, text);
		weir_buf_u8(b, ',');
	}
	if (op->name.len && (text = weir__keyed_text(&mem, op->name)) != NULL) {
		weir_buf_text(b, "\"name\":");
		weir_json_text(b, text);
		weir_buf_u8(b, ',');
	}
	weir_buf_printf(b, "\"maxp\":%u,", op->max_parallelism);
	weir_arena_fini(&mem);
}

struct weir__trouble weir__dump_line(const struct weir_view *v, const struct weir_entry *e, struct weir_buf *b)
{
	struct weir__trouble trouble = { NULL, NULL, false };

	if (e->subtask >= 0)
		weir_buf_printf(b, "\"sub\":%d,", e->subtask);
	if (e->change)
		return weir__dump_change(e, b);
	weir_buf_printf(b, "\"kind\":\"%s\",\"state\":", weir_state_kind_name(e->state->kind));
	weir_json_text(b, e->state->name);
	switch (e->state->kind) {
	case WEIR_STATE_MASTER:
		weir_buf_printf(b, ",\"version\":%d", (uint32_t)e->index < v->ckpt->nmasters ? v->ckpt->masters[e->index].version : 0);
		weir__dump_hex(b, "value", e->value);
		break;
	case WEIR_STATE_COORDINATOR:
		weir__dump_hex(b, "value", e->value);
		break;
	case WEIR_STATE_RAW_OPERATOR:
		weir_buf_printf(b, ",\"mode\":\"%s\",\"index\":%d", mode_name(v, e), e->index);
		weir__dump_hex(b, "value", e->value);
		break;
	case WEIR_STATE_RAW_KEYED:
		weir_buf_printf(b, ",\"kg\":%d,\"size\":%zu", e->key_group, e->value.len);
		if (e->undecodable)
			note(&trouble, NULL, e->undecodable, e->damaged);
		weir__dump_trouble(b, &trouble);
		weir__dump_hex(b, "value", e->value);
		break;
	case WEIR_STATE_OPERATOR_LIST: case WEIR_STATE_OPERATOR_UNION: case WEIR_STATE_BROADCAST:
		put_operator(b, e, &trouble);
		break;
	default:
		put_keyed(b, e, &trouble);
	}
	weir_buf_u8(b, '}');
	return trouble;
}

int weir_dump_entry(const struct weir_view *v, const struct weir_entry *e, struct weir_buf *out, struct weir_error *err)
{
	weir__dump_head(out, e->state->op);
	weir__dump_line(v, e, out);
	return weir_buf_error(out) ? weir_error_set(err, weir_buf_error(out), "no memory for a line of JSON") : 0;
}
