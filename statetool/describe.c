// SPDX-License-Identifier: Apache-2.0
/* The model of a checkpoint, and types, as JSON. Pure; out of memory is sticky in the buffer. */
#include "statetool/describe.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "statetool/pick.h"

static void put_text(struct weir_slice s, struct weir_buf *b)
{
	char text[1024];

	weir_json_text(b, weir_slice_text(s, text, sizeof(text)));
}

static const char *handle_name(enum weir_handle_kind k)
{
	static const char *const names[] = { "none", "inline", "file", "relative", "key-groups", "segment", "empty-segment" };

	return names[k <= WEIR_HANDLE_EMPTY_SEGMENT ? k : 0];
}

static void stream_json(const struct weir_stream_handle *h, struct weir_buf *b)
{
	weir_buf_printf(b, "{\"kind\":\"%s\"", handle_name(h->kind));
	if (h->name.len) {
		weir_buf_text(b, ",\"name\":");
		put_text(h->name, b);
	}
	if (h->kind == WEIR_HANDLE_INLINE)
		weir_buf_printf(b, ",\"size\":%zu,\"xxh3\":\"%016llx\"", h->data.len, (unsigned long long)weir_xxh3(h->data.ptr ? h->data.ptr : (const uint8_t *)"", h->data.len));
	else if (h->kind != WEIR_HANDLE_NONE && h->size >= 0)
		weir_buf_printf(b, ",\"size\":%lld", (long long)h->size);
	if (h->kind == WEIR_HANDLE_SEGMENT)
		weir_buf_printf(b, ",\"start\":%lld,\"scope\":\"%s\"", (long long)h->start, h->scope ? "shared" : "exclusive");
	if (h->kind == WEIR_HANDLE_KEY_GROUPS && h->inner) {
		weir_buf_text(b, ",\"inner\":");
		stream_json(h->inner, b);
	}
	weir_buf_u8(b, '}');
}

static void named_json(const char *name, const struct weir_named_handle *h, uint32_t n, struct weir_buf *b)
{
	if (!n)
		return;
	weir_buf_printf(b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_text(b, i ? ",{\"name\":" : "{\"name\":");
		put_text(h[i].name, b);
		weir_buf_text(b, ",\"handle\":");
		stream_json(&h[i].handle, b);
		weir_buf_u8(b, '}');
	}
	weir_buf_u8(b, ']');
}

static void keyed_json(const struct weir_keyed_handle *k, struct weir_buf *b)
{
	weir_buf_printf(b, "{\"tag\":%d,\"keyGroups\":[%d,%d]", (int)k->kind, k->groups.first, k->groups.first + (int32_t)k->groups.count - 1);
	if (k->id.len) {
		weir_buf_text(b, ",\"id\":");
		put_text(k->id, b);
	}
	if (k->backend_id.len) {
		weir_buf_text(b, ",\"backend\":");
		put_text(k->backend_id, b);
		weir_buf_printf(b, ",\"checkpointId\":%lld", (long long)k->checkpoint_id);
	}
	if (k->groups.offsets) {
		weir_buf_text(b, ",\"offsets\":[");
		for (uint32_t i = 0; i < k->groups.count; i++)
			weir_buf_printf(b, "%s%lld", i ? "," : "", (long long)k->groups.offsets[i]);
		weir_buf_u8(b, ']');
	}
	if (k->stream.kind != WEIR_HANDLE_NONE) {
		weir_buf_text(b, ",\"stream\":");
		stream_json(&k->stream, b);
	}
	named_json("shared", k->shared, k->nshared, b);
	named_json("private", k->private_, k->nprivate, b);
	for (uint32_t i = 0; i < k->nmaterialized; i++) {
		weir_buf_text(b, i ? "," : ",\"materialized\":[");
		keyed_json(&k->materialized[i], b);
		weir_buf_text(b, i + 1 == k->nmaterialized ? "]" : "");
	}
	for (uint32_t i = 0; i < k->nincrements; i++) {
		weir_buf_text(b, i ? "," : ",\"increments\":[");
		keyed_json(&k->increments[i], b);
		weir_buf_text(b, i + 1 == k->nincrements ? "]" : "");
	}
	for (uint32_t i = 0; i < k->nfiles; i++) {
		weir_buf_printf(b, "%s{\"offset\":%lld,\"handle\":", i ? "," : ",\"files\":[", (long long)k->files[i].offset);
		stream_json(&k->files[i].handle, b);
		weir_buf_text(b, i + 1 == k->nfiles ? "}]" : "}");
	}
	if (k->nchanges)
		weir_buf_printf(b, ",\"changes\":%u", k->nchanges);
	weir_buf_u8(b, '}');
}

static void oper_json(const struct weir_operator_handle *h, struct weir_buf *b)
{
	static const char *const modes[] = { "split", "union", "broadcast" };

	weir_buf_text(b, "{\"lists\":[");
	for (uint32_t i = 0; i < h->nlists; i++) {
		weir_buf_text(b, i ? ",{\"name\":" : "{\"name\":");
		put_text(h->lists[i].name, b);
		weir_buf_printf(b, ",\"mode\":\"%s\",\"offsets\":[", modes[h->lists[i].mode <= WEIR_BROADCAST ? h->lists[i].mode : 0]);
		for (uint32_t k = 0; k < h->lists[i].count; k++)
			weir_buf_printf(b, "%s%lld", k ? "," : "", (long long)h->lists[i].offsets[k]);
		weir_buf_text(b, "]}");
	}
	weir_buf_text(b, "],\"stream\":");
	stream_json(&h->stream, b);
	weir_buf_u8(b, '}');
}

static void channels_json(const char *name, const struct weir_channel_handle *c, uint32_t n, struct weir_buf *b)
{
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_printf(b, "%s%s%s{\"a\":%d,\"b\":%d,\"size\":%lld,\"stream\":", i ? "," : ",\"", i ? "" : name, i ? "" : "\":[", c[i].a, c[i].b, (long long)c[i].size);
		stream_json(&c[i].stream, b);
		weir_buf_text(b, i + 1 == n ? "}]" : "}");
	}
}

static void subtask_json(const struct weir_subtask_state *s, struct weir_buf *b)
{
	weir_buf_printf(b, "{\"index\":%u%s", s->index, s->finished ? ",\"finished\":true" : "");
	if (s->managed_keyed.kind != WEIR_KEYED_NONE) {
		weir_buf_text(b, ",\"managedKeyed\":");
		keyed_json(&s->managed_keyed, b);
	}
	if (s->raw_keyed.kind != WEIR_KEYED_NONE) {
		weir_buf_text(b, ",\"rawKeyed\":");
		keyed_json(&s->raw_keyed, b);
	}
	if (s->managed_operator.present) {
		weir_buf_text(b, ",\"managedOperator\":");
		oper_json(&s->managed_operator, b);
	}
	if (s->raw_operator.present) {
		weir_buf_text(b, ",\"rawOperator\":");
		oper_json(&s->raw_operator, b);
	}
	channels_json("inputChannels", s->inputs, s->ninputs, b);
	channels_json("resultSubpartitions", s->outputs, s->noutputs, b);
	weir_buf_u8(b, '}');
}

static void operator_json(const struct weir_operator_state *op, struct weir_buf *b)
{
	char hex[33];

	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "{\"id\":\"%s\"", hex);
	if (op->uid.len) {
		weir_buf_text(b, ",\"uid\":");
		put_text(op->uid, b);
	}
	if (op->name.len) {
		weir_buf_text(b, ",\"name\":");
		put_text(op->name, b);
	}
	weir_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u,\"fullyFinished\":%s", op->parallelism, op->max_parallelism, op->fully_finished ? "true" : "false");
	if (op->coordinator.kind != WEIR_HANDLE_NONE) {
		weir_buf_text(b, ",\"coordinator\":");
		stream_json(&op->coordinator, b);
	}
	weir_buf_text(b, ",\"subtasks\":[");
	for (uint32_t i = 0; i < op->nsubtasks; i++) {
		weir_buf_text(b, i ? "," : "");
		subtask_json(&op->subtasks[i], b);
	}
	weir_buf_text(b, "]}");
}

void weir_describe_metadata(const struct weir_ckpt *c, struct weir_buf *b)
{
	weir_buf_printf(b, "{\"version\":%d,\"checkpointId\":%lld,\"masters\":[", c->version, (long long)c->id);
	for (uint32_t i = 0; i < c->nmasters; i++) {
		weir_buf_text(b, i ? ",{\"name\":" : "{\"name\":");
		put_text(c->masters[i].name, b);
		weir_buf_printf(b, ",\"version\":%d,\"size\":%zu}", c->masters[i].version, c->masters[i].payload.len);
	}
	weir_buf_text(b, "],\"operators\":[");
	for (uint32_t i = 0; i < c->noperators; i++) {
		weir_buf_text(b, i ? "," : "");
		operator_json(&c->operators[i], b);
	}
	weir_buf_printf(b, "],\"properties\":{\"kind\":%d,\"native\":%s,\"bytes\":%zu}}\n", (int)c->properties.kind, c->properties.native ? "true" : "false", c->properties.raw.len);
}

/* ---- states ---- */
static void type_json(const char *name, const struct weir_type *t, struct weir_buf *b)
{
	char text[1024];

	if (!t)
		return;
	weir_buf_printf(b, ",\"%s\":", name);
	weir_json_text(b, weir_type_text(t, text, sizeof(text)));
	if (t->kind == WEIR_OPAQUE && t->java) {
		weir_buf_printf(b, ",\"%sSerializer\":", name);
		weir_json_text(b, t->java);
	}
	if (t->kind != WEIR_POJO && t->kind != WEIR_ROW)
		return;
	weir_buf_printf(b, ",\"%sFields\":[", name);
	for (uint32_t i = 0; i < t->nfields; i++) {
		weir_buf_text(b, i ? ",{" : "{");
		if (t->fields[i].name) {
			weir_buf_text(b, "\"name\":");
			weir_json_text(b, t->fields[i].name);
			weir_buf_u8(b, ',');
		}
		weir_buf_text(b, "\"type\":");
		weir_json_text(b, weir_type_text(t->fields[i].type, text, sizeof(text)));
		weir_buf_u8(b, '}');
	}
	weir_buf_u8(b, ']');
}

void weir_describe_state(const struct weir_state_info *s, struct weir_buf *b)
{
	weir_buf_text(b, "{\"name\":");
	weir_json_text(b, s->name ? s->name : "");
	weir_buf_printf(b, ",\"kind\":\"%s\"", weir_state_kind_name(s->kind));
	type_json("key", s->key, b);
	type_json("namespace", s->ns, b);
	type_json("userKey", s->user_key, b);
	if (s->kind != WEIR_STATE_TIMER)
		type_json("value", s->value, b);
	weir_buf_text(b, "}\n");
}

static void type_line(const char *name, const struct weir_type *t, struct weir_buf *b)
{
	char text[1024];

	if (t)
		weir_buf_printf(b, "%-10s %s\n", name, weir_type_text(t, text, sizeof(text)));
}

void weir_describe_state_text(const struct weir_state_info *s, struct weir_buf *b)
{
	weir_buf_printf(b, "%-10s %s\n%-10s %s\n", "state", s->name ? s->name : "", "kind", weir_state_kind_name(s->kind));
	type_line("key", s->key, b);
	type_line("namespace", s->ns, b);
	type_line("user key", s->user_key, b);
	if (s->kind != WEIR_STATE_TIMER)
		type_line("value", s->value, b);
}
