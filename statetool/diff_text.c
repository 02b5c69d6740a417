// SPDX-License-Identifier: Apache-2.0
/* What differs, as lines for people and as JSON, one object a line. Compares operators and types on the way; entries come from diff.c. */
#include "statetool/diff_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "statetool/table.h"

static const char *const change_names[] = { "added", "removed", "changed" };
static const char change_signs[] = "+-~";

/* ---- operators and types ---- */
static void name_of(const struct weir__diff *d, const struct weir_operator_state *op, struct weir_buf *b)
{
	char label[512];

	weir_buf_text(b, op ? weir_operator_label(op, &d->o->uids, label, sizeof(label)) : "master");
}

static void op_json(const struct weir__diff *d, const struct weir_operator_state *op, struct weir_buf *b)
{
	char hex[33], text[512];

	if (!op)
		return;
	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "\"op\":\"%s\",", hex);
	if (weir_operator_uid(op, &d->o->uids, text, sizeof(text))) {
		weir_buf_text(b, "\"uid\":");
		weir_json_text(b, text);
		weir_buf_u8(b, ',');
	}
}

static void operator_change(struct weir__diff *d, const struct weir_operator_state *a, const struct weir_operator_state *b)
{
	enum weir__diff_change change = !a ? WEIR__ADDED : !b ? WEIR__REMOVED : WEIR__CHANGED;
	struct weir_buf *out = &d->sink->buf;

	d->result.operators++;
	if (d->o->json) {
		weir_buf_printf(out, "{\"what\":\"operator\",\"change\":\"%s\",", change_names[change]);
		op_json(d, a ? a : b, out);
		if (change == WEIR__CHANGED)
			weir_buf_printf(out, "\"old\":{\"parallelism\":%u,\"maxParallelism\":%u},\"new\":{\"parallelism\":%u,\"maxParallelism\":%u}", a->parallelism, a->max_parallelism,
					b->parallelism, b->max_parallelism);
		else
			out->len -= out->data[out->len - 1] == ',';
		weir_buf_text(out, "}\n");
		return;
	}
	weir_buf_printf(out, "%c operator ", change_signs[change]);
	name_of(d, a ? a : b, out);
	if (change == WEIR__CHANGED)
		weir_buf_printf(out, "  parallelism %u -> %u, max %u -> %u", a->parallelism, b->parallelism, a->max_parallelism, b->max_parallelism);
	weir_buf_u8(out, '\n');
}

void weir__diff_operators(struct weir__diff *d)
{
	const struct weir_ckpt *a = weir_view_ckpt(d->view[0]), *b = weir_view_ckpt(d->view[1]);

	for (uint32_t i = 0; i < a->noperators; i++) {
		const struct weir_operator_state *x = &a->operators[i], *y = weir_ckpt_operator(b, &x->id);

		if (d->o->op && memcmp(&x->id, d->o->op, sizeof(x->id)) != 0)
			continue;
		if (!y || x->parallelism != y->parallelism || x->max_parallelism != y->max_parallelism)
			operator_change(d, x, y);
	}
	for (uint32_t i = 0; i < b->noperators; i++)
		if ((!d->o->op || memcmp(&b->operators[i].id, d->o->op, sizeof(*d->o->op)) == 0) && !weir_ckpt_operator(a, &b->operators[i].id))
			operator_change(d, NULL, &b->operators[i]);
}

static bool same_type(const struct weir_type *a, const struct weir_type *b) { return (!a && !b) || (a && b && weir_type_equal(a, b)); }

static void type_change(struct weir__diff *d, const struct weir_state_info *s, const char *part, const struct weir_type *a, const struct weir_type *b)
{
	struct weir_buf *out = &d->sink->buf;
	char old[1024], new[1024];

	if (same_type(a, b))
		return;
	d->result.states++;
	if (!a)
		strcpy(old, "none");
	else
		weir_type_text(a, old, sizeof(old));
	if (!b)
		strcpy(new, "none");
	else
		weir_type_text(b, new, sizeof(new));
	if (d->o->json) {
		weir_buf_text(out, "{\"what\":\"type\",\"change\":\"changed\",");
		op_json(d, s->op, out);
		weir_buf_text(out, "\"state\":");
		weir_json_text(out, s->name ? s->name : "");
		weir_buf_printf(out, ",\"part\":\"%s\",\"old\":", part);
		weir_json_text(out, old);
		weir_buf_text(out, ",\"new\":");
		weir_json_text(out, new);
		weir_buf_text(out, "}\n");
		return;
	}
	weir_buf_text(out, "~ state ");
	name_of(d, s->op, out);
	weir_buf_printf(out, "/%s  %s: %s -> %s\n", s->name ? s->name : "", part, old, new);
}

void weir__diff_types(struct weir__diff *d)
{
	struct weir_buf *out = &d->sink->buf;

	for (size_t i = 0; i < d->pairs.len; i++) {
		const struct weir__diff_pair *p = &d->pairs.items[i];
		const struct weir_state_info *a = p->on[0], *b = p->on[1], *s = a ? a : b;

		if (a && b) {
			type_change(d, s, "key", a->key, b->key);
			type_change(d, s, "namespace", a->ns, b->ns);
			type_change(d, s, "map key", a->user_key, b->user_key);
			type_change(d, s, "value", a->value, b->value);
			continue;
		}
		d->result.states++;
		if (d->o->json) {
			weir_buf_printf(out, "{\"what\":\"state\",\"change\":\"%s\",", change_names[a ? WEIR__REMOVED : WEIR__ADDED]);
			op_json(d, s->op, out);
			weir_buf_text(out, "\"state\":");
			weir_json_text(out, s->name ? s->name : "");
			weir_buf_printf(out, ",\"kind\":\"%s\"}\n", weir_state_kind_name(s->kind));
		} else {
			weir_buf_printf(out, "%c state ", change_signs[a ? WEIR__REMOVED : WEIR__ADDED]);
			name_of(d, s->op, out);
			weir_buf_printf(out, "/%s (%s)\n", s->name ? s->name : "", weir_state_kind_name(s->kind));
		}
	}
}

/* ---- output of entries ---- */
void weir__diff_line(struct weir__diff *d, const struct weir__diff_kept *k)
{
	const struct weir__diff_pair *p = &d->pairs.items[k->pair];
	const struct weir_state_info *s = p->on[0] ? p->on[0] : p->on[1];
	struct weir_buf *out = &d->sink->buf;
	const char *old = k->text[0], *new = k->text[1];

	if (d->o->json) {
		weir_buf_printf(out, "{\"what\":\"entry\",\"change\":\"%s\",", change_names[k->change]);
		op_json(d, s->op, out);
		weir_buf_text(out, "\"state\":");
		weir_json_text(out, s->name ? s->name : "");
		weir_buf_printf(out, ",\"entry\":%s", k->head ? k->head : "null");
		if (old && k->change != WEIR__ADDED)
			weir_buf_printf(out, ",\"old\":%s", old);
		if (new && k->change != WEIR__REMOVED)
			weir_buf_printf(out, ",\"new\":%s", new);
		weir_buf_text(out, "}\n");
		return;
	}
	weir_buf_printf(out, "%c ", change_signs[k->change]);
	name_of(d, s->op, out);
	weir_buf_printf(out, "/%s\t%s", s->name && s->name[0] ? s->name : weir_state_kind_name(s->kind), k->head ? k->head : "");
	if (k->change != WEIR__ADDED)
		weir_buf_text(out, old ? old : "?");
	weir_buf_text(out, k->change == WEIR__CHANGED ? " -> " : "");
	if (k->change != WEIR__REMOVED)
		weir_buf_text(out, new ? new : "?");
	weir_buf_u8(out, '\n');
}

void weir__diff_summary_text(struct weir__diff *d)
{
	struct weir_table t;
	struct weir_buf name = { 0 };

	weir_table_init(&t, "lrrrrl");
	for (size_t i = 0; i < d->pairs.len; i++) {
		const struct weir__diff_pair *p = &d->pairs.items[i];
		const struct weir_state_info *s = p->on[0] ? p->on[0] : p->on[1];

		if (!p->added && !p->removed && !p->changed)
			continue;
		weir_buf_clear(&name);
		name_of(d, s->op, &name);
		weir_buf_printf(&name, "/%s", s->name && s->name[0] ? s->name : weir_state_kind_name(s->kind));
		weir_table_cell(&t, "%s", weir_buf_cstr(&name));
		weir_table_cell(&t, "+%llu", (unsigned long long)p->added);
		weir_table_cell(&t, "-%llu", (unsigned long long)p->removed);
		weir_table_cell(&t, "~%llu", (unsigned long long)p->changed);
		weir_table_cell(&t, "=%llu", (unsigned long long)p->same);
		if (p->skipped)
			weir_table_cell(&t, "and %u key groups that are the same", p->skipped);
		else
			weir_table_cell(&t, "%s", "");
	}
	weir_table_print(&t, 0, &d->sink->buf);
	weir_buf_fini(&name);
}

void weir__diff_summary_json(struct weir__diff *d)
{
	const struct weir_diff_result *r = &d->result;
	struct weir_buf *out = &d->sink->buf;

	for (size_t i = 0; i < d->pairs.len; i++) {
		const struct weir__diff_pair *p = &d->pairs.items[i];
		const struct weir_state_info *s = p->on[0] ? p->on[0] : p->on[1];

		if (!p->added && !p->removed && !p->changed)
			continue;
		weir_buf_text(out, "{\"what\":\"entries\",");
		op_json(d, s->op, out);
		weir_buf_text(out, "\"state\":");
		weir_json_text(out, s->name ? s->name : "");
		weir_buf_printf(out, ",\"added\":%llu,\"removed\":%llu,\"changed\":%llu,\"same\":%llu}\n", (unsigned long long)p->added, (unsigned long long)p->removed,
				(unsigned long long)p->changed, (unsigned long long)p->same);
	}
	weir_buf_printf(out, "{\"what\":\"summary\",\"operators\":%llu,\"states\":%llu,\"added\":%llu,\"removed\":%llu,\"changed\":%llu,\"same\":%llu,\"keyGroupsSkipped\":%llu}\n",
			(unsigned long long)r->operators, (unsigned long long)r->states, (unsigned long long)r->added, (unsigned long long)r->removed,
			(unsigned long long)r->changed, (unsigned long long)r->same, (unsigned long long)r->groups_skipped);
}
