// SPDX-License-Identifier: Apache-2.0
/*
 * The model of a checkpoint as JSON, one line. Members that hold nothing are left out; meta_parse.c supplies the same nothing.
 * Names are strings where modified UTF-8 and UTF-8 name the same bytes, else {"hex":..}, so that no byte is lost. Pure; out of memory is sticky in
 * the buffer.
 */
#include "statetool/meta.h"

#include "base/hash.h"
#include "base/json.h"

const char *const weir__meta_handle_kinds[] = { "none", "inline", "file", "relative", "key-groups", "segment", "empty-segment", NULL };
const char *const weir__meta_list_modes[] = { "split", "union", "broadcast", NULL };
const char *const weir__meta_snapshot_kinds[] = { "unknown", "checkpoint", "full-checkpoint", "savepoint", "stop-with-savepoint", "stop-with-drain", NULL };
const char *const weir__meta_profiles[] = { "1.12", "1.14", "1.11", NULL };

struct writer {
	struct weir_buf *b;
	bool data;
};

static void put_hex(struct weir_slice s, struct weir_buf *b)
{
	weir_buf_text(b, "{\"hex\":\"");
	weir_buf_hex(b, s);
	weir_buf_text(b, "\"}");
}

/* UTF-8 of at most three bytes a character, without NUL and surrogates: the same in both encodings. */
static bool plain_utf8(struct weir_slice s)
{
	for (size_t i = 0; i < s.len;) {
		const uint8_t *p = s.ptr + i;
		size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 0;

		if (!n || !p[0] || n > s.len - i)
			return false;
		for (size_t k = 1; k < n; k++)
			if ((p[k] & 0xc0) != 0x80)
				return false;
		if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
			return false;
		i += n;
	}
	return true;
}

static void put_name(struct weir_slice s, struct weir_buf *b)
{
	if (plain_utf8(s))
		weir_json_str(b, s.ptr ? (const char *)s.ptr : "", s.len);
	else
		put_hex(s, b);
}

static void name_member(const char *name, struct weir_slice s, struct weir_buf *b)
{
	if (!s.len)
		return;
	weir_buf_printf(b, ",\"%s\":", name);
	put_name(s, b);
}

static void number_member(const char *name, int64_t v, struct weir_buf *b)
{
	weir_buf_printf(b, ",\"%s\":%lld", name, (long long)v);
}

static void nonzero_member(const char *name, int64_t v, struct weir_buf *b)
{
	if (v)
		number_member(name, v, b);
}

static void bytes_member(const struct writer *w, const char *name, struct weir_slice s)
{
	if (w->data) {
		weir_buf_printf(w->b, ",\"%s\":", name);
		put_hex(s, w->b);
	} else {
		weir_buf_printf(w->b, ",\"size\":%zu,\"xxh3\":\"%016llx\"", s.len, (unsigned long long)weir_xxh3(s.ptr ? s.ptr : (const uint8_t *)"", s.len));
	}
}

static void offsets_member(const char *name, const int64_t *v, uint32_t n, struct weir_buf *b)
{
	weir_buf_printf(b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++)
		weir_buf_printf(b, "%s%lld", i ? "," : "", (long long)v[i]);
	weir_buf_u8(b, ']');
}

static void groups_members(const struct weir_key_group_offsets *g, struct weir_buf *b)
{
	weir_buf_printf(b, ",\"keyGroups\":[%d,%lld]", g->first, (long long)g->first + g->count - 1);
	if (g->offsets)
		offsets_member("offsets", g->offsets, g->count, b);
}

static void put_stream(const struct writer *w, const struct weir_stream_handle *h)
{
	weir_buf_printf(w->b, "{\"kind\":\"%s\"", weir__meta_handle_kinds[h->kind <= WEIR_HANDLE_EMPTY_SEGMENT ? h->kind : 0]);
	name_member("name", h->name, w->b);
	if (h->kind == WEIR_HANDLE_INLINE)
		bytes_member(w, "data", h->data);
	else if (h->kind != WEIR_HANDLE_NONE)
		number_member("size", h->size, w->b);
	if (h->kind == WEIR_HANDLE_SEGMENT || h->kind == WEIR_HANDLE_EMPTY_SEGMENT) {
		weir_buf_printf(w->b, ",\"start\":%lld,\"scope\":%d", (long long)h->start, h->scope);
		name_member("logicalId", h->logical_id, w->b);
	}
	if (h->kind == WEIR_HANDLE_KEY_GROUPS) {
		groups_members(&h->groups, w->b);
		if (h->inner) {
			weir_buf_text(w->b, ",\"inner\":");
			put_stream(w, h->inner);
		}
	}
	weir_buf_u8(w->b, '}');
}

static void stream_member(const struct writer *w, const char *name, const struct weir_stream_handle *h)
{
	if (h->kind == WEIR_HANDLE_NONE)
		return;
	weir_buf_printf(w->b, ",\"%s\":", name);
	put_stream(w, h);
}

static void named_member(const struct writer *w, const char *name, const struct weir_named_handle *h, uint32_t n)
{
	if (!n)
		return;
	weir_buf_printf(w->b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_text(w->b, i ? ",{\"name\":" : "{\"name\":");
		put_name(h[i].name, w->b);
		stream_member(w, "handle", &h[i].handle);
		weir_buf_u8(w->b, '}');
	}
	weir_buf_u8(w->b, ']');
}

static void put_keyed(const struct writer *w, const struct weir_keyed_handle *k);

static void keyed_list_member(const struct writer *w, const char *name, const struct weir_keyed_handle *k, uint32_t n)
{
	if (!n)
		return;
	weir_buf_printf(w->b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_text(w->b, i ? "," : "");
		put_keyed(w, &k[i]);
	}
	weir_buf_u8(w->b, ']');
}

static void changes_member(const struct writer *w, const struct weir_keyed_handle *k)
{
	if (!k->nchanges)
		return;
	weir_buf_text(w->b, ",\"changes\":[");
	for (uint32_t i = 0; i < k->nchanges; i++) {
		weir_buf_printf(w->b, "%s{\"keyGroup\":%d", i ? "," : "", k->changes[i].key_group);
		bytes_member(w, "data", k->changes[i].bytes);
		weir_buf_u8(w->b, '}');
	}
	weir_buf_u8(w->b, ']');
}

static void files_member(const struct writer *w, const struct weir_keyed_handle *k)
{
	if (!k->nfiles)
		return;
	weir_buf_text(w->b, ",\"files\":[");
	for (uint32_t i = 0; i < k->nfiles; i++) {
		weir_buf_printf(w->b, "%s{\"offset\":%lld", i ? "," : "", (long long)k->files[i].offset);
		stream_member(w, "handle", &k->files[i].handle);
		weir_buf_u8(w->b, '}');
	}
	weir_buf_u8(w->b, ']');
}

static void put_keyed(const struct writer *w, const struct weir_keyed_handle *k)
{
	struct weir_buf *b = w->b;

	weir_buf_printf(b, "{\"tag\":%d", (int)k->kind);
	groups_members(&k->groups, b);
	name_member("id", k->id, b);
	nonzero_member("checkpointId", k->checkpoint_id, b);
	name_member("backend", k->backend_id, b);
	nonzero_member("checkpointedSize", k->checkpointed_size, b);
	stream_member(w, "stream", &k->stream);
	named_member(w, "shared", k->shared, k->nshared);
	named_member(w, "private", k->private_, k->nprivate);
	keyed_list_member(w, "materialized", k->materialized, k->nmaterialized);
	keyed_list_member(w, "increments", k->increments, k->nincrements);
	nonzero_member("materializationId", k->materialization_id, b);
	nonzero_member("fromSequence", k->from_seq, b);
	nonzero_member("toSequence", k->to_seq, b);
	changes_member(w, k);
	files_member(w, k);
	nonzero_member("size", k->size, b);
	name_member("storageId", k->storage_id, b);
	weir_buf_u8(b, '}');
}

static void put_oper(const struct writer *w, const struct weir_operator_handle *h)
{
	struct weir_buf *b = w->b;

	weir_buf_text(b, "{\"lists\":[");
	for (uint32_t i = 0; i < h->nlists; i++) {
		weir_buf_text(b, i ? ",{\"name\":" : "{\"name\":");
		put_name(h->lists[i].name, b);
		weir_buf_printf(b, ",\"mode\":\"%s\"", weir__meta_list_modes[h->lists[i].mode <= WEIR_BROADCAST ? h->lists[i].mode : 0]);
		offsets_member("offsets", h->lists[i].offsets, h->lists[i].count, b);
		weir_buf_u8(b, '}');
	}
	weir_buf_u8(b, ']');
	if (h->merged) {
		weir_buf_printf(b, ",\"merged\":true%s", h->empty ? ",\"empty\":true" : "");
		name_member("taskOwnedDirectory", h->task_owned_dir, b);
		name_member("sharedDirectory", h->shared_dir, b);
	}
	stream_member(w, "stream", &h->stream);
	weir_buf_u8(b, '}');
}

static void channels_member(const struct writer *w, const char *name, const struct weir_channel_handle *c, uint32_t n)
{
	struct weir_buf *b = w->b;

	if (!n)
		return;
	weir_buf_printf(b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_printf(b, "%s{\"subtask\":%d,\"a\":%d,\"b\":%d%s", i ? "," : "", c[i].subtask, c[i].a, c[i].b, c[i].merged ? ",\"merged\":true" : "");
		if (c[i].merged)
			put_hex(c[i].packed, (weir_buf_text(b, ",\"packed\":"), b));
		else
			offsets_member("offsets", c[i].offsets, c[i].noffsets, b);
		number_member("size", c[i].size, b);
		stream_member(w, "stream", &c[i].stream);
		weir_buf_u8(b, '}');
	}
	weir_buf_u8(b, ']');
}

static void keyed_member(const struct writer *w, const char *name, const struct weir_keyed_handle *k)
{
	if (k->kind == WEIR_KEYED_NONE)
		return;
	weir_buf_printf(w->b, ",\"%s\":", name);
	put_keyed(w, k);
}

static void oper_member(const struct writer *w, const char *name, const struct weir_operator_handle *h)
{
	if (!h->present)
		return;
	weir_buf_printf(w->b, ",\"%s\":", name);
	put_oper(w, h);
}

static void put_subtask(const struct writer *w, const struct weir_subtask_state *s)
{
	weir_buf_printf(w->b, "{\"index\":%u%s", s->index, s->finished ? ",\"finished\":true" : "");
	nonzero_member("durationInverted", s->duration_inverted, w->b);
	keyed_member(w, "managedKeyed", &s->managed_keyed);
	keyed_member(w, "rawKeyed", &s->raw_keyed);
	oper_member(w, "managedOperator", &s->managed_operator);
	oper_member(w, "rawOperator", &s->raw_operator);
	channels_member(w, "inputChannels", s->inputs, s->ninputs);
	channels_member(w, "resultSubpartitions", s->outputs, s->noutputs);
	weir_buf_u8(w->b, '}');
}

static void put_operator(const struct writer *w, const struct weir_operator_state *op)
{
	struct weir_buf *b = w->b;
	char hex[33];

	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "{\"id\":\"%s\"", hex);
	name_member("uid", op->uid, b);
	name_member("name", op->name, b);
	weir_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u", op->parallelism, op->max_parallelism);
	nonzero_member("chainExtra", op->chain_extra, b);
	weir_buf_printf(b, ",\"fullyFinished\":%s", op->fully_finished ? "true" : "false");
	stream_member(w, "coordinator", &op->coordinator);
	weir_buf_text(b, ",\"subtasks\":[");
	for (uint32_t i = 0; i < op->nsubtasks; i++) {
		weir_buf_text(b, i ? "," : "");
		put_subtask(w, &op->subtasks[i]);
	}
	weir_buf_text(b, "]}");
}

static void put_properties(const struct writer *w, const struct weir_snapshot_properties *p)
{
	static const char *const names[] = { "discardCancelled", "discardFailed", "discardFinished", "discardSubsumed", "discardSuspended", "forced", "unclaimed" };
	const bool flags[] = { p->discard_cancelled, p->discard_failed, p->discard_finished, p->discard_subsumed, p->discard_suspended, p->forced, p->unclaimed };

	weir_buf_printf(w->b, "{\"kind\":\"%s\",\"native\":%s", weir__meta_snapshot_kinds[p->kind <= WEIR_SNAPSHOT_TERMINATE ? p->kind : 0], p->native ? "true" : "false");
	for (size_t i = 0; i < sizeof(flags); i++)
		if (flags[i])
			weir_buf_printf(w->b, ",\"%s\":true", names[i]);
	if (p->raw.len)
		bytes_member(w, "raw", p->raw);
	weir_buf_u8(w->b, '}');
}

void weir_meta_json(const struct weir_ckpt *c, bool data, struct weir_buf *out)
{
	struct writer w = { out, data };

	weir_buf_printf(out, "{\"version\":%d", c->version);
	if (c->profile)
		weir_buf_printf(out, ",\"profile\":\"%s\"", weir__meta_profiles[c->profile]);
	number_member("checkpointId", c->id, out);
	weir_buf_text(out, ",\"masters\":[");
	for (uint32_t i = 0; i < c->nmasters; i++) {
		weir_buf_text(out, i ? ",{\"name\":" : "{\"name\":");
		put_name(c->masters[i].name, out);
		number_member("version", c->masters[i].version, out);
		bytes_member(&w, "payload", c->masters[i].payload);
		weir_buf_u8(out, '}');
	}
	weir_buf_text(out, "],\"operators\":[");
	for (uint32_t i = 0; i < c->noperators; i++) {
		weir_buf_text(out, i ? "," : "");
		put_operator(&w, &c->operators[i]);
	}
	weir_buf_text(out, "],\"properties\":");
	put_properties(&w, &c->properties);
	weir_buf_text(out, "}\n");
}
