// SPDX-License-Identifier: Apache-2.0
/* weir state du: the table and the JSON of one struct weir_usage. */
#include <stdio.h>

#include "base/json.h"
#include "statetool/table.h"
#include "statetool/text.h"
#include "statetool/usage.h"

static const char *const file_classes[] = { "inline", "exclusive", "shared", "taskOwned", "elsewhere" };
static const char *const file_texts[] = { "inside _metadata", "of this checkpoint alone", "shared with other checkpoints", "of the job (taskowned)", "elsewhere" };

static void put_key(const struct weir_large *l, struct weir_buf *b)
{
	struct weir_slice key = { l->key, l->key_len }, ns = { l->key + l->key_len, l->ns_len };
	size_t from = b->len;

	if (!l->key)
		return;
	weir_text_column(l->state->key, key, b);
	if (l->state->ns && l->state->ns->kind != WEIR_VOID && ns.len) {
		weir_buf_text(b, " @ ");
		weir_text_column(l->state->ns, ns, b);
	}
	if (b->len - from > 100) { /* not inside a character */
		b->len = from + 97;
		while (b->len > from && (b->data[b->len] & 0xc0) == 0x80)
			b->len--;
		weir_buf_text(b, "...");
	}
}

static const char *state_name(const struct weir_state_info *s) { return s->name && s->name[0] ? s->name : weir_state_kind_name(s->kind); }

static const struct weir_group_usage *largest_group(const struct weir_operator_usage *u, int32_t *out, uint64_t *out_mean)
{
	uint64_t sum = 0;

	*out = -1;
	for (uint32_t i = 0; u->groups && i < u->op->max_parallelism; i++) {
		sum += u->groups[i].bytes;
		if (*out < 0 || u->groups[i].bytes > u->groups[*out].bytes)
			*out = (int32_t)i;
	}
	*out_mean = u->op->max_parallelism ? sum / u->op->max_parallelism : 0;
	return *out < 0 ? NULL : &u->groups[*out];
}

/* ---- for people ---- */
static void states_text(struct weir_view *v, const struct weir_du_options *o, const struct weir_usage *u, struct weir_buf *b)
{
	struct weir_table t;
	char label[512], size[24];
	struct weir_buf bar = { 0 };

	weir_table_init(&t, "llrrrl");
	for (uint32_t i = 0; i < weir_view_nstates(v); i++) {
		const struct weir_state_info *s = weir_view_state(v, i);
		const struct weir_state_count *n = &u->states[i];

		if ((o->op && s->op != o->op) || (!n->entries && n->complete))
			continue;
		weir_table_cell(&t, "%s/%s", s->op ? weir_operator_label(s->op, &o->uids, label, sizeof(label)) : "master", state_name(s));
		weir_table_cell(&t, "%s", weir_state_kind_name(s->kind));
		if (n->complete || n->entries)
			weir_table_cell(&t, "%llu%s", (unsigned long long)n->entries, n->complete ? "" : "+");
		else
			weir_table_cell(&t, "?");
		weir_table_cell(&t, "%s", weir_bytes_text(n->bytes, size));
		weir_table_cell(&t, "%.1f%%", u->bytes ? 100.0 * (double)n->bytes / (double)u->bytes : 0);
		weir_buf_clear(&bar);
		weir_bar(n->bytes, u->bytes, 20, &bar);
		weir_table_cell(&t, "%s", weir_buf_cstr(&bar));
	}
	weir_buf_fini(&bar);
	weir_table_print(&t, 0, b);
}

static void groups_text(const struct weir_ckpt *c, const struct weir_du_options *o, const struct weir_usage *u, struct weir_buf *b)
{
	struct weir_table t;
	char label[512], size[24], mean[24];
	int32_t at;
	bool any = false;

	weir_table_init(&t, "lrrrrr");
	for (uint32_t i = 0; i < c->noperators; i++) {
		uint64_t average;
		const struct weir_group_usage *g = largest_group(&u->operators[i], &at, &average);

		if (!g || (o->op && o->op != &c->operators[i]))
			continue;
		if (!any) {
			weir_buf_text(b, "\nlargest key groups\n");
			any = true;
		}
		weir_table_cell(&t, "%s", weir_operator_label(&c->operators[i], &o->uids, label, sizeof(label)));
		weir_table_cell(&t, "%d of %u", at, c->operators[i].max_parallelism);
		weir_table_cell(&t, "%llu entries", (unsigned long long)g->entries);
		weir_table_cell(&t, "%s", weir_bytes_text(g->bytes, size));
		weir_table_cell(&t, "mean %s", weir_bytes_text(average, mean));
		if (average)
			weir_table_cell(&t, "%.1f x", (double)g->bytes / (double)average);
		else
			weir_table_cell(&t, "%s", "");
	}
	weir_table_print(&t, 2, b);
}

static void largest_text(const char *title, const char *unit, const struct weir_largest *l, const struct weir_du_options *o, struct weir_buf *b)
{
	struct weir_table t;
	struct weir_buf key = { 0 };
	char label[512], size[24];

	if (!l->n)
		return;
	weir_buf_printf(b, "\n%s\n", title);
	weir_table_init(&t, unit ? "rrll" : "rll");
	for (uint32_t i = 0; i < l->n; i++) {
		const struct weir_state_info *s = l->items[i].state;

		if (unit)
			weir_table_cell(&t, "%llu %s", (unsigned long long)l->items[i].size, unit);
		weir_table_cell(&t, "%s", weir_bytes_text(l->items[i].bytes, size));
		weir_table_cell(&t, "%s/%s", s->op ? weir_operator_label(s->op, &o->uids, label, sizeof(label)) : "master", state_name(s));
		weir_buf_clear(&key);
		put_key(&l->items[i], &key);
		weir_table_cell(&t, "%s", weir_buf_cstr(&key));
	}
	weir_table_print(&t, 2, b);
	weir_buf_fini(&key);
}

static void du_text(struct weir_view *v, const struct weir_du_options *o, const struct weir_usage *u, struct weir_buf *b)
{
	struct weir_table t;
	char size[24];

	states_text(v, o, u, b);
	weir_buf_printf(b, "%llu entries, %s\n", (unsigned long long)u->entries, weir_bytes_text(u->bytes, size));
	groups_text(weir_view_ckpt(v), o, u, b);
	largest_text("largest entries", NULL, &u->entries_top, o, b);
	largest_text("longest lists", "elements", &u->lists, o, b);
	largest_text("biggest maps", "entries", &u->maps, o, b);
	weir_buf_text(b, "\nfiles\n");
	weir_table_init(&t, "rrl");
	for (int i = 0; i < WEIR_FILES_MAX; i++) {
		if (!u->files[i].files)
			continue;
		weir_table_cell(&t, "%llu", (unsigned long long)u->files[i].files);
		weir_table_cell(&t, "%s", weir_bytes_text(u->files[i].bytes, size));
		weir_table_cell(&t, "%s", file_texts[i]);
	}
	weir_table_print(&t, 2, b);
}

/* ---- JSON ---- */
static void count_json(uint64_t entries, uint64_t bytes, struct weir_buf *b)
{
	weir_buf_printf(b, "\"entries\":%llu,\"bytes\":%llu", (unsigned long long)entries, (unsigned long long)bytes);
}

static void op_json(const struct weir_operator_state *op, const struct weir_uids *uids, struct weir_buf *b)
{
	char text[512], hex[33];

	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "\"op\":\"%s\"", hex);
	if (weir_operator_uid(op, uids, text, sizeof(text))) {
		weir_buf_text(b, ",\"uid\":");
		weir_json_text(b, text);
	}
	if (op->name.len) {
		weir_buf_text(b, ",\"name\":");
		weir_json_text(b, weir_slice_text(op->name, text, sizeof(text)));
	}
}

static void operator_json(struct weir_view *v, const struct weir_du_options *o, const struct weir_usage *u, const struct weir_operator_usage *op, struct weir_buf *b)
{
	const char *comma = "";
	uint32_t end;

	weir_buf_u8(b, '{');
	op_json(op->op, &o->uids, b);
	weir_buf_u8(b, ',');
	count_json(op->entries, op->bytes, b);
	weir_buf_printf(b, ",\"fileBytes\":%llu,\"states\":[", (unsigned long long)weir_operator_bytes(op->op));
	for (uint32_t i = weir_states_of(v, op->op, &end); i < end; i++) {
		const struct weir_state_info *s = weir_view_state(v, i);

		if (s->op != op->op)
			continue;
		weir_buf_printf(b, "%s{\"name\":", comma);
		weir_json_text(b, s->name ? s->name : "");
		weir_buf_printf(b, ",\"kind\":\"%s\",", weir_state_kind_name(s->kind));
		count_json(u->states[i].entries, u->states[i].bytes, b);
		weir_buf_text(b, u->states[i].complete ? "}" : ",\"incomplete\":true}");
		comma = ",";
	}
	weir_buf_text(b, "],\"keyGroups\":[");
	comma = "";
	for (uint32_t i = 0; op->groups && i < op->op->max_parallelism; i++) {
		if (!op->groups[i].entries)
			continue;
		weir_buf_printf(b, "%s{\"kg\":%u,", comma, i);
		count_json(op->groups[i].entries, op->groups[i].bytes, b);
		weir_buf_u8(b, '}');
		comma = ",";
	}
	weir_buf_text(b, "]}");
}

static void largest_json(const char *name, bool elements, const struct weir_largest *l, const struct weir_du_options *o, struct weir_buf *b)
{
	weir_buf_printf(b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct weir_large *it = &l->items[i];

		weir_buf_text(b, i ? ",{" : "{");
		if (it->state->op)
			op_json(it->state->op, &o->uids, b);
		weir_buf_text(b, it->state->op ? ",\"state\":" : "\"state\":");
		weir_json_text(b, it->state->name ? it->state->name : "");
		if (it->key_group >= 0)
			weir_buf_printf(b, ",\"kg\":%d", it->key_group);
		if (it->key) {
			weir_buf_text(b, ",\"key\":");
			weir_text_json(it->state->key, (struct weir_slice){ it->key, it->key_len }, b);
			if (it->state->ns && it->state->ns->kind != WEIR_VOID && it->ns_len) {
				weir_buf_text(b, ",\"ns\":");
				weir_text_json(it->state->ns, (struct weir_slice){ it->key + it->key_len, it->ns_len }, b);
			}
		}
		if (elements)
			weir_buf_printf(b, ",\"elements\":%llu", (unsigned long long)it->size);
		weir_buf_printf(b, ",\"bytes\":%llu}", (unsigned long long)it->bytes);
	}
	weir_buf_u8(b, ']');
}

static void du_json(struct weir_view *v, const struct weir_du_options *o, const struct weir_usage *u, struct weir_buf *b)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	const char *comma = "";

	weir_buf_u8(b, '{');
	count_json(u->entries, u->bytes, b);
	weir_buf_text(b, ",\"operators\":[");
	for (uint32_t i = 0; i < c->noperators; i++) {
		if (o->op && o->op != &c->operators[i])
			continue;
		weir_buf_text(b, comma);
		operator_json(v, o, u, &u->operators[i], b);
		comma = ",";
	}
	weir_buf_u8(b, ']');
	largest_json("largest", false, &u->entries_top, o, b);
	largest_json("lists", true, &u->lists, o, b);
	largest_json("maps", true, &u->maps, o, b);
	weir_buf_text(b, ",\"files\":{");
	for (int i = 0; i < WEIR_FILES_MAX; i++)
		weir_buf_printf(b, "%s\"%s\":{\"files\":%llu,\"bytes\":%llu}", i ? "," : "", file_classes[i], (unsigned long long)u->files[i].files, (unsigned long long)u->files[i].bytes);
	weir_buf_text(b, "}}\n");
}

int weir_state_du(struct weir_view *v, const struct weir_du_options *o, struct weir_sink *sink, struct weir_error *err)
{
	struct weir_usage u;
	int rc = weir_usage_collect(v, o->op, NULL, o->top, sink, &u, err);

	if (rc)
		return rc;
	if (o->json)
		du_json(v, o, &u, &sink->buf);
	else
		du_text(v, o, &u, &sink->buf);
	rc = weir_sink_step(sink);
	if (rc == 0 && u.why.code) { /* after everything that can be told */
		if (err)
			*err = u.why;
		rc = u.why.code;
	}
	weir_usage_fini(&u);
	return rc;
}
