// SPDX-License-Identifier: Apache-2.0
/* weir state show. What the metadata and the types say, then what one pass over the entries adds. The text and the JSON come from the same values. */
#include "statetool/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "statetool/meta.h"
#include "statetool/table.h"
#include "statetool/usage.h"

enum { PLOT_ROWS = 16, FILES_SHOWN = 30 };

struct inspecting {
	struct weir_view *v;
	const struct weir_inspect_options *o;
	struct weir_sink *sink;
	struct weir_error *err;
	struct weir_error why; /* first damage */
	uint32_t shown;
};

const char *weir_flink_releases(const struct weir_ckpt *c)
{
	switch (c->version) {
	case 2: return "1.3 to 1.10";
	case 3: return c->profile == WEIR_META_1_11 ? "1.11" : c->profile == WEIR_META_1_14 ? "1.14" : "1.11 to 1.15";
	case 4: return "1.16 to 1.20";
	case 5: return "2.0";
	case 6: return "2.1 to 2.3";
	default: return "unknown";
	}
}

static bool has_ttl(const struct weir_type *t) { return t && t->kind == WEIR_TTL; }

/* ---- key groups ---- */
static void plot(const struct weir_operator_usage *u, const char *indent, struct weir_buf *b)
{
	uint32_t n = u->op->max_parallelism, rows = n < PLOT_ROWS ? n : PLOT_ROWS;
	uint64_t entries[PLOT_ROWS] = { 0 }, bytes[PLOT_ROWS] = { 0 }, most = 0;
	struct weir_table t;
	struct weir_buf bar = { 0 };
	char size[24];

	if (!u->groups)
		return;
	for (uint32_t i = 0; i < n; i++) {
		entries[(uint64_t)i * rows / n] += u->groups[i].entries;
		bytes[(uint64_t)i * rows / n] += u->groups[i].bytes;
	}
	for (uint32_t r = 0; r < rows; r++)
		most = bytes[r] > most ? bytes[r] : most;
	weir_buf_printf(b, "%skey groups\n", indent);
	weir_table_init(&t, "lrrl");
	for (uint32_t r = 0; r < rows; r++) {
		uint32_t from = (uint32_t)(((uint64_t)r * n + rows - 1) / rows), to = (uint32_t)(((uint64_t)(r + 1) * n + rows - 1) / rows) - 1;

		weir_buf_clear(&bar);
		weir_bar(bytes[r], most, 30, &bar);
		if (from == to)
			weir_table_cell(&t, "%u", from);
		else
			weir_table_cell(&t, "%u-%u", from, to);
		weir_table_cell(&t, "%llu", (unsigned long long)entries[r]);
		weir_table_cell(&t, "%s", weir_bytes_text(bytes[r], size));
		weir_table_cell(&t, "%s", weir_buf_cstr(&bar));
	}
	weir_table_print(&t, (unsigned)strlen(indent) + 2, b);
	weir_buf_fini(&bar);
}

static void groups_json(const struct weir_operator_usage *u, struct weir_buf *b)
{
	const char *comma = "";

	weir_buf_text(b, ",\"keyGroups\":[");
	for (uint32_t i = 0; u->groups && i < u->op->max_parallelism; i++) {
		if (!u->groups[i].entries)
			continue;
		weir_buf_printf(b, "%s{\"kg\":%u,\"entries\":%llu,\"bytes\":%llu}", comma, i, (unsigned long long)u->groups[i].entries, (unsigned long long)u->groups[i].bytes);
		comma = ",";
	}
	weir_buf_u8(b, ']');
}

/* ---- a state ---- */
static void state_text(struct inspecting *x, const struct weir_state_info *s, const struct weir_state_count *n, const struct weir_operator_usage *u)
{
	struct weir_buf *b = &x->sink->buf;
	char size[24];

	weir_buf_printf(b, "\n  %s  %s", s->name && s->name[0] ? s->name : "-", weir_state_kind_name(s->kind));
	weir_buf_printf(b, "  %llu%s entries, %s%s\n", (unsigned long long)n->entries, n->complete ? "" : "+", weir_bytes_text(n->bytes, size),
			has_ttl(s->value) ? ", with time to live" : "");
	weir_type_tree_text(s->key, "key", "    ", b);
	if (s->ns && s->ns->kind != WEIR_VOID)
		weir_type_tree_text(s->ns, "namespace", "    ", b);
	weir_type_tree_text(s->user_key, "map key", "    ", b);
	if (!weir_state_is_timer(s->kind))
		weir_type_tree_text(s->value, s->kind == WEIR_STATE_LIST || s->kind == WEIR_STATE_OPERATOR_LIST || s->kind == WEIR_STATE_OPERATOR_UNION ? "element" : "value", "    ", b);
	if (u)
		plot(u, "    ", b);
}

static void type_member(const char *name, const struct weir_type *t, struct weir_buf *b)
{
	if (!t)
		return;
	weir_buf_printf(b, ",\"%s\":", name);
	weir_type_tree_json(t, b);
}

static void state_json(const struct weir_state_info *s, const struct weir_state_count *n, const struct weir_operator_usage *u, struct weir_buf *b)
{
	weir_buf_text(b, "{\"name\":");
	weir_json_text(b, s->name ? s->name : "");
	weir_buf_printf(b, ",\"kind\":\"%s\",\"ttl\":%s", weir_state_kind_name(s->kind), has_ttl(s->value) ? "true" : "false");
	type_member("key", s->key, b);
	type_member("namespace", s->ns, b);
	type_member("mapKey", s->user_key, b);
	type_member("value", s->value, b);
	weir_buf_printf(b, ",\"entries\":%llu,\"bytes\":%llu%s", (unsigned long long)n->entries, (unsigned long long)n->bytes, n->complete ? "" : ",\"incomplete\":true");
	if (u)
		groups_json(u, b);
	weir_buf_u8(b, '}');
}

/* ---- files of an operator ---- */
struct files {
	const struct weir_operator_state *op;
	struct weir_buf *b;
	bool json;
	uint64_t n, inline_bytes;
};

static int put_file(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct files *f = arg;
	char name[1024], size[24];

	if (op != f->op)
		return 0;
	if (h->kind == WEIR_HANDLE_INLINE && !f->json) {
		f->inline_bytes += h->data.len;
		return 0;
	}
	weir_slice_text(h->name, name, sizeof(name));
	if (f->json) {
		weir_buf_printf(f->b, "%s{\"kind\":\"%s\",\"name\":", f->n ? "," : "", weir__meta_handle_kinds[h->kind]);
		weir_json_text(f->b, name);
		weir_buf_printf(f->b, ",\"size\":%lld", h->kind == WEIR_HANDLE_INLINE ? (long long)h->data.len : (long long)h->size);
		if (sub)
			weir_buf_printf(f->b, ",\"subtask\":%u", sub->index);
		weir_buf_u8(f->b, '}');
	} else if (f->n < FILES_SHOWN) {
		weir_buf_printf(f->b, "  %-10s  %s\n", weir_bytes_text(h->size > 0 ? (uint64_t)h->size : 0, size), name);
	}
	f->n++;
	return 0;
}

static void files_of(struct inspecting *x, const struct weir_operator_state *op)
{
	struct files f = { op, &x->sink->buf, x->o->json, 0, 0 };
	struct weir_ckpt one = *weir_view_ckpt(x->v); /* as if it were the only operator */
	char size[24];

	if (x->o->json)
		weir_buf_text(f.b, ",\"files\":[");
	else
		weir_buf_text(f.b, "\n  files\n");
	one.operators = (struct weir_operator_state *)op;
	one.noperators = 1;
	if (weir_ckpt_each_handle(&one, put_file, &f))
		return;
	if (x->o->json)
		weir_buf_u8(f.b, ']');
	else if (f.n > FILES_SHOWN)
		weir_buf_printf(f.b, "  and %llu more; --json has all\n", (unsigned long long)(f.n - FILES_SHOWN));
	if (!x->o->json && f.inline_bytes)
		weir_buf_printf(f.b, "  %-10s  inside _metadata\n", weir_bytes_text(f.inline_bytes, size));
}

/* ---- an operator ---- */
static void operator_head(struct inspecting *x, const struct weir_operator_state *op)
{
	struct weir_buf *b = &x->sink->buf;
	char label[512], name[512], hex[33], size[24];

	weir_operator_id_hex(&op->id, hex);
	if (x->o->json) {
		weir_buf_printf(b, "{\"op\":\"%s\"", hex);
		if (weir_operator_uid(op, &x->o->uids, label, sizeof(label))) {
			weir_buf_text(b, ",\"uid\":");
			weir_json_text(b, label);
		}
		if (op->name.len) {
			weir_buf_text(b, ",\"name\":");
			weir_json_text(b, weir_slice_text(op->name, name, sizeof(name)));
		}
		weir_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u,\"layout\":\"%s\",\"bytes\":%llu,\"states\":[", op->parallelism, op->max_parallelism,
				weir_operator_layout(op), (unsigned long long)weir_operator_bytes(op));
		return;
	}
	weir_buf_printf(b, "%s%s\n", x->shown ? "\n" : "", weir_operator_label(op, &x->o->uids, label, sizeof(label)));
	weir_buf_printf(b, "  id %s", hex);
	if (op->name.len)
		weir_buf_printf(b, ", name %s", weir_slice_text(op->name, name, sizeof(name)));
	weir_buf_printf(b, "\n  parallelism %u, max %u, %s", op->parallelism, op->max_parallelism, weir_bytes_text(weir_operator_bytes(op), size));
	if (weir_operator_layout(op)[0])
		weir_buf_printf(b, ", keyed state %s", weir_operator_layout(op));
	weir_buf_text(b, op->fully_finished ? ", finished\n" : "\n");
}

static int show_operator(struct inspecting *x, const struct weir_operator_state *op, const struct weir_state_info *only, const struct weir_usage *u)
{
	const struct weir_operator_usage *ou = &u->operators[op - weir_view_ckpt(x->v)->operators];
	const char *comma = "";
	uint32_t end;

	if (x->o->json && x->shown)
		weir_buf_u8(&x->sink->buf, ',');
	operator_head(x, op);
	for (uint32_t i = weir_states_of(x->v, op, &end); i < end; i++) {
		const struct weir_state_info *s = weir_view_state(x->v, i);

		if (s->op != op || (only && s != only))
			continue;
		if (x->o->json) {
			weir_buf_text(&x->sink->buf, comma);
			state_json(s, &u->states[i], only ? ou : NULL, &x->sink->buf);
			comma = ",";
		} else {
			state_text(x, s, &u->states[i], only ? ou : NULL);
		}
	}
	if (x->o->json)
		weir_buf_u8(&x->sink->buf, ']');
	if (x->o->json && !only)
		groups_json(ou, &x->sink->buf);
	else if (!only && ou->groups) {
		weir_buf_u8(&x->sink->buf, '\n');
		plot(ou, "  ", &x->sink->buf);
	}
	if (!only)
		files_of(x, op);
	if (x->o->json)
		weir_buf_u8(&x->sink->buf, '}');
	x->shown++;
	return weir_sink_step(x->sink);
}

/* One operator, or one state of one, with a pass of its own. */
static int show_one(struct inspecting *x, const struct weir_operator_state *op)
{
	const struct weir_state_info *only = x->o->state ? weir_view_find(x->v, &op->id, x->o->state) : NULL;
	struct weir_usage u;
	int rc = weir_usage_collect(x->v, op, only, 0, x->sink, &u, x->err);

	if (rc)
		return rc;
	rc = show_operator(x, op, only, &u);
	if (u.why.code && !x->why.code)
		x->why = u.why;
	weir_usage_fini(&u);
	return rc;
}

/* All operators, with one pass over everything. */
static int show_all(struct inspecting *x)
{
	const struct weir_ckpt *c = weir_view_ckpt(x->v);
	struct weir_usage u;
	int rc = weir_usage_collect(x->v, NULL, NULL, 0, x->sink, &u, x->err);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < c->noperators && rc == 0; i++)
		rc = show_operator(x, &c->operators[i], NULL, &u);
	x->why = u.why;
	weir_usage_fini(&u);
	return rc;
}

/* ---- the checkpoint ---- */
static void checkpoint_head(struct inspecting *x)
{
	const struct weir_ckpt *c = weir_view_ckpt(x->v);
	struct weir_buf *b = &x->sink->buf;
	const char *kind = weir__meta_snapshot_kinds[c->properties.kind <= WEIR_SNAPSHOT_TERMINATE ? c->properties.kind : 0];

	if (x->o->json) {
		weir_buf_text(b, "{\"path\":");
		weir_json_text(b, c->dir ? c->dir : "");
		weir_buf_printf(b, ",\"kind\":\"%s\",\"checkpointId\":%lld,\"metadataVersion\":%d,\"flink\":\"%s\",\"masterStates\":%u,\"operators\":[", kind, (long long)c->id, c->version,
				weir_flink_releases(c), c->nmasters);
		return;
	}
	weir_buf_printf(b, "%s\n  %s %lld%s, metadata version %d (Flink %s), %u operator%s, %u master state%s\n\n", c->dir ? c->dir : "?", kind, (long long)c->id,
			c->properties.kind >= WEIR_SNAPSHOT_SAVEPOINT ? c->properties.native ? ", native" : ", canonical" : "", c->version, weir_flink_releases(c), c->noperators,
			c->noperators == 1 ? "" : "s", c->nmasters, c->nmasters == 1 ? "" : "s");
	x->shown = 0;
}

int weir_state_inspect(struct weir_view *v, const struct weir_inspect_options *o, struct weir_sink *sink, struct weir_error *err)
{
	struct inspecting x = { .v = v, .o = o, .sink = sink, .err = err, .why = WEIR_ERROR_INIT };
	const struct weir_ckpt *c = weir_view_ckpt(v);
	int rc = 0;

	if (!o->op || o->json)
		checkpoint_head(&x);
	if (!o->op && !o->state)
		rc = show_all(&x);
	for (uint32_t i = 0; i < c->noperators && rc == 0 && (o->op || o->state); i++) {
		const struct weir_operator_state *op = &c->operators[i];

		if ((!o->op || o->op == op) && (!o->state || weir_view_find(v, &op->id, o->state)))
			rc = show_one(&x, op);
	}
	if (rc == 0 && o->json)
		weir_buf_text(&sink->buf, "]}\n");
	if (rc == 0)
		rc = weir_sink_step(sink);
	if (rc == 0 && x.why.code) {
		if (err)
			*err = x.why;
		rc = x.why.code;
	}
	return rc;
}
