// SPDX-License-Identifier: Apache-2.0
/*
 * weir state ls. The table and the JSON come from the same rows. Counting reads every entry once, operator by operator, so that damage in
 * one does not hide the others.
 */
#include "statetool/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"

bool weir_state_index_init(struct weir_state_index *x, const struct weir_view *v)
{
	uint32_t n = weir_view_nstates(v);

	*x = (struct weir_state_index){ .v = v, .mask = 15, .last = UINT32_MAX };
	while (x->mask / 2 < n)
		x->mask = x->mask * 2 + 1;
	x->table = calloc(x->mask + (size_t)1, sizeof(*x->table));
	for (uint32_t i = 0; x->table && i < n; i++) {
		uint32_t at = (uint32_t)weir_hash_u64((uintptr_t)weir_view_state(v, i)) & x->mask;

		while (x->table[at])
			at = (at + 1) & x->mask;
		x->table[at] = i + 1;
	}
	return x->table != NULL;
}

uint32_t weir_state_index_of(struct weir_state_index *x, const struct weir_state_info *s)
{
	uint32_t at = (uint32_t)weir_hash_u64((uintptr_t)s) & x->mask;

	if (x->last != UINT32_MAX && weir_view_state(x->v, x->last) == s)
		return x->last;
	for (; x->table[at]; at = (at + 1) & x->mask)
		if (weir_view_state(x->v, x->table[at] - 1) == s)
			return x->last = x->table[at] - 1;
	return UINT32_MAX;
}

void weir_state_index_fini(struct weir_state_index *x) { free(x->table); }

/* Where a state of op stands to s in the view's order: by id, master state first. */
static int operator_order(const struct weir_state_info *s, const struct weir_operator_state *op)
{
	return !s->op ? -(op != NULL) : !op ? 1 : memcmp(&s->op->id, &op->id, sizeof(op->id));
}

uint32_t weir_states_of(const struct weir_view *v, const struct weir_operator_state *op, uint32_t *out_end)
{
	uint32_t lo = 0, hi = weir_view_nstates(v), end;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (operator_order(weir_view_state(v, mid), op) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < weir_view_nstates(v) && operator_order(weir_view_state(v, end), op) == 0;)
		end++;
	*out_end = end;
	return lo;
}

struct counting {
	struct weir_view *v;
	struct weir_state_count *rows;
	struct weir_state_index index;
	struct weir_error *why;
};

static int count_entry(void *arg, const struct weir_entry *e)
{
	struct counting *c = arg;
	uint32_t at = weir_state_index_of(&c->index, e->state);

	if (at == UINT32_MAX)
		return 0;
	if (e->undecodable && weir_state_is_keyed(e->state->kind) && e->state->op && weir_operator_unreadable(e->state->op)) {
		c->rows[at].complete = false; /* stands for all that is there */
		return 0;
	}
	c->rows[at].entries++;
	c->rows[at].bytes += e->key.len + e->ns.len + e->user_key.len + e->value.len + (weir_state_is_timer(e->state->kind) ? 8 : 0);
	return 0;
}

static void count_problem(void *arg, const struct weir_problem *p)
{
	struct counting *c = arg;

	for (uint32_t i = 0; i < weir_view_nstates(c->v); i++) {
		const struct weir_state_info *s = weir_view_state(c->v, i);

		if (s->op == p->op && (!p->state || !p->state[0] || strcmp(p->state, s->name ? s->name : "") == 0))
			c->rows[i].complete = false;
	}
	if (c->why && c->why->code == 0 && p->code != WEIR_EUNSUPPORTED)
		weir_error_at(c->why, p->code, p->path, p->offset, "%s", p->text ? p->text : weir_code_text(p->code));
}

int weir_state_counts(struct weir_view *v, struct weir_state_count *rows, struct weir_error *why)
{
	struct counting c = { .v = v, .rows = rows, .why = why };
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct weir_error err = WEIR_ERROR_INIT;
	uint32_t n = weir_view_nstates(v);
	int rc;

	if (!weir_state_index_init(&c.index, v))
		return WEIR_ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		rows[i] = (struct weir_state_count){ .complete = true };
	scan.problem = count_problem;
	scan.problem_arg = &c;
	rc = weir_view_scan(v, &scan, count_entry, &c, &err);
	weir_state_index_fini(&c.index);
	if (rc && rc != WEIR_ENOMEM && rc != WEIR_EUNSUPPORTED && why && why->code == 0)
		*why = err;
	return rc == WEIR_ENOMEM ? rc : 0;
}

const char *weir_bytes_text(uint64_t n, char buf[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)n;
	int u = 0;

	while (v >= 1024 && u < 6)
		v /= 1024, u++;
	snprintf(buf, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}

static uint64_t handle_bytes(const struct weir_stream_handle *h)
{
	return h->kind == WEIR_HANDLE_INLINE ? h->data.len : h->kind == WEIR_HANDLE_NONE || h->size < 0 ? 0 : (uint64_t)h->size;
}

static uint64_t keyed_bytes(const struct weir_keyed_handle *k)
{
	uint64_t n = handle_bytes(&k->stream);

	for (uint32_t i = 0; i < k->nshared; i++)
		n += handle_bytes(&k->shared[i].handle);
	for (uint32_t i = 0; i < k->nprivate; i++)
		n += handle_bytes(&k->private_[i].handle);
	for (uint32_t i = 0; i < k->nfiles; i++)
		n += handle_bytes(&k->files[i].handle);
	for (uint32_t i = 0; i < k->nchanges; i++)
		n += k->changes[i].bytes.len;
	for (uint32_t i = 0; i < k->nmaterialized; i++)
		n += keyed_bytes(&k->materialized[i]);
	for (uint32_t i = 0; i < k->nincrements; i++)
		n += keyed_bytes(&k->increments[i]);
	return n;
}

uint64_t weir_operator_bytes(const struct weir_operator_state *op)
{
	uint64_t n = handle_bytes(&op->coordinator);

	for (uint32_t i = 0; i < op->nsubtasks; i++) {
		const struct weir_subtask_state *s = &op->subtasks[i];

		n += handle_bytes(&s->managed_operator.stream) + handle_bytes(&s->raw_operator.stream) + keyed_bytes(&s->managed_keyed) + keyed_bytes(&s->raw_keyed);
		for (uint32_t k = 0; k < s->ninputs; k++)
			n += handle_bytes(&s->inputs[k].stream);
		for (uint32_t k = 0; k < s->noutputs; k++)
			n += handle_bytes(&s->outputs[k].stream);
	}
	return n;
}

static void type_member(const char *name, const struct weir_type *t, struct weir_buf *b)
{
	bool first = false;
	char text[512];

	if (!t)
		return;
	weir_json_key(b, &first, name);
	weir_json_text(b, weir_type_text(t, text, sizeof(text)));
}

static void state_json(const struct weir_state_info *s, const struct weir_state_count *n, struct weir_buf *b)
{
	weir_buf_text(b, "{\"name\":");
	weir_json_text(b, s->name ? s->name : "");
	weir_buf_printf(b, ",\"kind\":\"%s\"", weir_state_kind_name(s->kind));
	type_member("key", s->key, b);
	type_member("namespace", s->ns, b);
	type_member("userKey", s->user_key, b);
	type_member("value", s->value, b);
	if (n)
		weir_buf_printf(b, ",\"entries\":%llu,\"bytes\":%llu%s", (unsigned long long)n->entries, (unsigned long long)n->bytes, n->complete ? "" : ",\"incomplete\":true");
	weir_buf_u8(b, '}');
}

static void operator_json(struct weir_view *v, const struct weir_operator_state *op, const struct weir_list_options *o, const struct weir_state_count *rows, struct weir_buf *b)
{
	char text[512], hex[33];
	bool first = true;
	uint32_t end;

	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "{\"id\":\"%s\"", hex);
	if (weir_operator_uid(op, &o->uids, text, sizeof(text))) {
		weir_buf_text(b, ",\"uid\":");
		weir_json_text(b, text);
	}
	if (op->name.len) {
		weir_buf_text(b, ",\"name\":");
		weir_json_text(b, weir_slice_text(op->name, text, sizeof(text)));
	}
	weir_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u,\"subtasks\":%u,\"fullyFinished\":%s,\"bytes\":%llu", op->parallelism, op->max_parallelism,
			op->nsubtasks, op->fully_finished ? "true" : "false", (unsigned long long)weir_operator_bytes(op));
	if (weir_operator_layout(op)[0])
		weir_buf_printf(b, ",\"keyedLayout\":\"%s\"", weir_operator_layout(op));
	if (weir_operator_unreadable(op))
		weir_buf_printf(b, ",\"unreadable\":\"%s\"", weir_operator_unreadable(op));
	weir_buf_text(b, ",\"states\":[");
	for (uint32_t i = weir_states_of(v, op, &end); i < end; i++) {
		const struct weir_state_info *s = weir_view_state(v, i);

		if (s->op != op)
			continue;
		if (!first)
			weir_buf_u8(b, ',');
		first = false;
		state_json(s, rows ? &rows[i] : NULL, b);
	}
	weir_buf_text(b, "]}");
}

static const char *const snapshot_kinds[] = { "unknown", "checkpoint", "full checkpoint", "savepoint", "stop-with-savepoint", "stop-with-drain" };

static void list_json(struct weir_view *v, const struct weir_list_options *o, const struct weir_state_count *rows, struct weir_buf *b)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	bool first = true;

	weir_buf_text(b, "{\"path\":");
	weir_json_text(b, c->dir ? c->dir : "");
	weir_buf_printf(b, ",\"metadataVersion\":%d,\"checkpointId\":%lld,\"kind\":\"%s\",\"masterStates\":%u,\"operators\":[", c->version, (long long)c->id,
			snapshot_kinds[c->properties.kind <= WEIR_SNAPSHOT_TERMINATE ? c->properties.kind : 0], c->nmasters);
	for (uint32_t i = 0; i < c->noperators; i++) {
		if (o->op && o->op != &c->operators[i])
			continue;
		if (!first)
			weir_buf_u8(b, ',');
		first = false;
		operator_json(v, &c->operators[i], o, rows, b);
	}
	weir_buf_text(b, "]}\n");
}

static void state_line(const struct weir_state_info *s, const struct weir_state_count *n, int width, struct weir_buf *b)
{
	char key[200], ns[120], uk[200], value[300], size[24];

	weir_buf_printf(b, "  %-*s  %-14s", width, s->name && s->name[0] ? s->name : "-", weir_state_kind_name(s->kind));
	if (n && !n->complete && !n->entries)
		weir_buf_printf(b, "  %9s   %10s", "?", "?");
	else if (n)
		weir_buf_printf(b, "  %9llu%s  %10s", (unsigned long long)n->entries, n->complete ? " " : "+", weir_bytes_text(n->bytes, size));
	if (s->key || s->user_key || s->value)
		weir_buf_text(b, "  ");
	if (s->key)
		weir_buf_printf(b, "%s", weir_type_text(s->key, key, sizeof(key)));
	if (s->ns && s->ns->kind != WEIR_VOID)
		weir_buf_printf(b, " @ %s", weir_type_text(s->ns, ns, sizeof(ns)));
	if (s->user_key)
		weir_buf_printf(b, "%s[%s]", s->key ? " " : "", weir_type_text(s->user_key, uk, sizeof(uk)));
	if (s->value && !weir_state_is_timer(s->kind))
		weir_buf_printf(b, "%s%s", s->key || s->user_key ? " -> " : "", weir_type_text(s->value, value, sizeof(value)));
	weir_buf_u8(b, '\n');
}

static void operator_text(struct weir_view *v, const struct weir_operator_state *op, const struct weir_list_options *o, const struct weir_state_count *rows, int width,
			  struct weir_buf *b)
{
	char label[512], name[512], hex[33], size[24];
	uint32_t end;

	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "\n%s%s%s", o->bold ? "\033[1m" : "", weir_operator_label(op, &o->uids, label, sizeof(label)), o->bold ? "\033[0m" : "");
	if (weir_operator_uid(op, &o->uids, label, sizeof(label)))
		weir_buf_printf(b, "  %s%s%s", op->name.len ? weir_slice_text(op->name, name, sizeof(name)) : "", op->name.len ? "  " : "", hex);
	weir_buf_printf(b, "\n  parallelism %u, max %u, %s", op->parallelism, op->max_parallelism, weir_bytes_text(weir_operator_bytes(op), size));
	if (weir_operator_layout(op)[0])
		weir_buf_printf(b, ", keyed state %s", weir_operator_layout(op));
	if (op->fully_finished)
		weir_buf_text(b, ", finished");
	if (weir_operator_unreadable(op))
		weir_buf_printf(b, "\n  keyed state is stored as %s, which this version lists but does not read", weir_operator_unreadable(op));
	weir_buf_u8(b, '\n');
	for (uint32_t i = weir_states_of(v, op, &end); i < end; i++)
		if (weir_view_state(v, i)->op == op)
			state_line(weir_view_state(v, i), rows ? &rows[i] : NULL, width, b);
}

static void list_text(struct weir_view *v, const struct weir_list_options *o, const struct weir_state_count *rows, struct weir_buf *b)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	int width = 12;

	for (uint32_t i = 0; i < weir_view_nstates(v); i++) {
		const struct weir_state_info *s = weir_view_state(v, i);
		int n = s->name ? (int)strlen(s->name) : 0;

		if ((!o->op || s->op == o->op) && n > width)
			width = n < 40 ? n : 40;
	}
	weir_buf_printf(b, "%s: %s %lld, metadata version %d, %u operator%s\n", c->dir ? c->dir : "?",
			snapshot_kinds[c->properties.kind <= WEIR_SNAPSHOT_TERMINATE ? c->properties.kind : 0], (long long)c->id, c->version, c->noperators,
			c->noperators == 1 ? "" : "s");
	for (uint32_t i = 0; i < c->noperators; i++)
		if (!o->op || o->op == &c->operators[i])
			operator_text(v, &c->operators[i], o, rows, width, b);
	if (c->nmasters)
		weir_buf_printf(b, "\n%u master state%s\n", c->nmasters, c->nmasters == 1 ? "" : "s");
}

int weir_state_list(struct weir_view *v, const struct weir_list_options *o, struct weir_sink *sink, struct weir_error *err)
{
	struct weir_state_count *rows = NULL;
	struct weir_error why = WEIR_ERROR_INIT;
	int rc = 0;

	if (!o->no_count) {
		rows = calloc(weir_view_nstates(v) + 1u, sizeof(*rows));
		rc = rows ? weir_state_counts(v, rows, &why) : WEIR_ENOMEM;
		if (rc) {
			free(rows);
			return weir_error_set(err, rc, "out of memory");
		}
	}
	if (o->json)
		list_json(v, o, rows, &sink->buf);
	else
		list_text(v, o, rows, &sink->buf);
	free(rows);
	rc = weir_sink_step(sink);
	if (rc == 0 && why.code) {
		if (err)
			*err = why;
		rc = why.code;
	}
	return rc;
}
