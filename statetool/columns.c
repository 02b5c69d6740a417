// SPDX-License-Identifier: Apache-2.0
/*
 * Columns are derived from the types once; cells are found in the JSON trees of an entry's parts, so that every serializer that can be shown can be exported.
 * Pure but for the scratch arena of a row. Fails when out of memory.
 */
#include "statetool/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/json.h"
#include "base/vec.h"
#include "statetool/pick.h"
#include "statetool/text.h"

enum { DEPTH_MAX = 8, COLUMNS_MAX = 500 };

enum source { KG, SUBTASK, INDEX, KEY, NS, UK, TIMESTAMP, POS, VALUE, WHY };

struct step {
	const char *name;  /* a member, or NULL: item `index` */
	uint32_t index;
};
struct column {
	struct weir_column c;
	enum source source;
	uint32_t nsteps;
	struct step steps[2 * DEPTH_MAX];
};

struct weir_columns {
	WEIR_VEC(struct column *) items;
	const struct weir_state_info *state;
	struct weir_arena scratch;
	struct weir_buf text;
	const struct weir_json **cells;
};

struct deriving {
	struct weir_columns *out;
	struct weir_arena *mem;
	struct column now; /* source and steps so far */
	bool nomem;
};

static bool name_taken(const struct weir_columns *c, const char *name)
{
	for (size_t i = 0; i < c->items.len; i++)
		if (strcasecmp(c->items.items[i]->c.name, name) == 0)
			return true;
	return false;
}

static void put_column(struct deriving *d, const char *name, enum weir_column_kind kind)
{
	struct column *c = weir_arena_copy(d->mem, &d->now, sizeof(d->now));
	char unique[300];

	if (!c || !weir_vec_reserve(&d->out->items, d->out->items.len + 1)) {
		d->nomem = true;
		return;
	}
	snprintf(unique, sizeof(unique), "%s", name);
	for (int i = 2; name_taken(d->out, unique); i++)
		snprintf(unique, sizeof(unique), "%.250s_%d", name, i);
	c->c.kind = kind;
	c->c.name = weir_arena_text(d->mem, unique, strlen(unique));
	d->out->items.items[d->out->items.len++] = c;
	d->nomem |= !c->c.name;
}

static void derive(struct deriving *d, const char *name, const struct weir_type *t, unsigned depth);

static void derive_at(struct deriving *d, const char *prefix, const char *field, struct step step, const struct weir_type *t, unsigned depth)
{
	char name[300];

	snprintf(name, sizeof(name), "%.200s_%.80s", prefix, field);
	d->now.steps[d->now.nsteps++] = step;
	derive(d, name, t, depth + 1);
	d->now.nsteps--;
}

static void derive_fields(struct deriving *d, const char *name, const struct weir_type *t, bool row, unsigned depth)
{
	if (row)
		d->now.steps[d->now.nsteps++] = (struct step){ "f", 0 };
	for (uint32_t i = 0; i < t->nfields; i++) {
		uint32_t at = t->kind == WEIR_POJO && t->wire_order ? t->wire_order[i] : i;
		const struct weir_field *f = &t->fields[at];
		char position[16];

		snprintf(position, sizeof(position), "f%u", at);
		derive_at(d, name, f->name && f->name[0] ? f->name : position, t->kind == WEIR_POJO ? (struct step){ f->name, 0 } : (struct step){ NULL, at }, f->type, depth);
	}
	if (row)
		d->now.nsteps--;
}

/* What the text of a type that is known in its wire form only says about SQL's types. */
static enum weir_column_kind kind_of_wire(const char *text)
{
	static const struct {
		const char *begins;
		enum weir_column_kind kind;
	} known[] = { { "BIGINT", WEIR_COLUMN_INTEGER }, { "INT", WEIR_COLUMN_INTEGER }, { "SMALLINT", WEIR_COLUMN_INTEGER }, { "TINYINT", WEIR_COLUMN_INTEGER },
		      { "DOUBLE", WEIR_COLUMN_REAL }, { "FLOAT", WEIR_COLUMN_REAL }, { "STRING", WEIR_COLUMN_TEXT }, { "VARCHAR", WEIR_COLUMN_TEXT }, { "CHAR", WEIR_COLUMN_TEXT } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(text, known[i].begins, strlen(known[i].begins)) == 0 && strncmp(text, "INTERVAL", 8) != 0)
			return known[i].kind;
	return WEIR_COLUMN_ANY;
}

static void derive(struct deriving *d, const char *name, const struct weir_type *t, unsigned depth)
{
	bool deep = depth >= DEPTH_MAX - 1 || (t && d->out->items.len + t->nfields > COLUMNS_MAX);
	char text[64];

	if (!t) {
		put_column(d, name, WEIR_COLUMN_ANY);
		return;
	}
	switch (t->kind) {
	case WEIR_VOID: return;
	case WEIR_BOOLEAN: case WEIR_INT8: case WEIR_INT16: case WEIR_INT32: case WEIR_INT64: put_column(d, name, WEIR_COLUMN_INTEGER); return;
	case WEIR_FLOAT: case WEIR_DOUBLE: put_column(d, name, WEIR_COLUMN_REAL); return;
	case WEIR_CHAR: case WEIR_STRING: case WEIR_TIMESTAMP: case WEIR_GLOBAL_WINDOW: put_column(d, name, WEIR_COLUMN_TEXT); return;
	case WEIR_BYTES: put_column(d, name, WEIR_COLUMN_BLOB); return;
	case WEIR_TIME_WINDOW:
		if (deep)
			break;
		derive_at(d, name, "start", (struct step){ "start", 0 }, &weir_int64, depth);
		derive_at(d, name, "end", (struct step){ "end", 0 }, &weir_int64, depth);
		return;
	case WEIR_TTL:
		if (deep)
			break;
		derive_at(d, name, "ttl", (struct step){ "ttl", 0 }, &weir_int64, depth);
		d->now.steps[d->now.nsteps++] = (struct step){ "value", 0 };
		derive(d, name, t->fields[0].type, depth + 1);
		d->now.nsteps--;
		return;
	case WEIR_TUPLE: case WEIR_ROW: case WEIR_POJO:
		if (deep || (t->kind == WEIR_POJO && t->nsubs)) /* a subclass has other fields */
			break;
		derive_fields(d, name, t, t->kind == WEIR_ROW, depth);
		return;
	case WEIR_WIRE:
		weir_type_text(t, text, sizeof(text));
		if (!deep && t->nfields && strncmp(text, "ROW<", 4) == 0)
			derive_fields(d, name, t, true, depth);
		else
			put_column(d, name, kind_of_wire(text));
		return;
	default: break;
	}
	put_column(d, name, WEIR_COLUMN_ANY);
}

static void derive_part(struct deriving *d, enum source source, const char *name, const struct weir_type *t, bool always)
{
	d->now = (struct column){ .source = source };
	if (t || always)
		derive(d, name, t, 0);
}

int weir_columns_of(const struct weir_state_info *s, struct weir_arena *mem, struct weir_columns **out, struct weir_error *err)
{
	struct deriving d = { .mem = mem, .out = weir_arena_zero(mem, sizeof(*d.out)) };
	bool keyed = weir_state_is_keyed(s->kind);

	if (!d.out)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	d.out->state = s;
	derive_part(&d, keyed || s->kind == WEIR_STATE_RAW_KEYED ? KG : SUBTASK, keyed || s->kind == WEIR_STATE_RAW_KEYED ? "key_group" : "subtask", &weir_int32, true);
	if (!keyed)
		derive_part(&d, INDEX, "position", &weir_int32, true);
	if (keyed) {
		derive_part(&d, KEY, "key", s->key, true);
		derive_part(&d, NS, "ns", s->ns, false);
	}
	if (s->kind == WEIR_STATE_MAP || s->kind == WEIR_STATE_BROADCAST)
		derive_part(&d, UK, "map_key", s->user_key, true);
	if (s->kind == WEIR_STATE_LIST)
		derive_part(&d, POS, "position", &weir_int32, true);
	if (weir_state_is_timer(s->kind))
		derive_part(&d, TIMESTAMP, "timestamp", &weir_int64, true);
	else
		derive_part(&d, VALUE, "value", s->value, true);
	derive_part(&d, WHY, "undecodable", &weir_string, true);
	d.out->cells = weir_arena_zero(mem, d.out->items.len * sizeof(*d.out->cells));
	if (d.nomem || !d.out->cells) {
		weir_vec_fini(&d.out->items);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	*out = d.out;
	return 0;
}

uint32_t weir_columns_count(const struct weir_columns *c) { return (uint32_t)c->items.len; }

const struct weir_column *weir_column(const struct weir_columns *c, uint32_t i) { return &c->items.items[i]->c; }

void weir_columns_fini(struct weir_columns *c)
{
	if (!c)
		return;
	weir_vec_fini(&c->items);
	weir_arena_fini(&c->scratch);
	weir_buf_fini(&c->text);
}

/* ---- rows ---- */
static const struct weir_json nothing = { .kind = WEIR_JSON_NULL };

static const struct weir_json *follow(const struct weir_json *j, const struct column *c)
{
	for (uint32_t i = 0; i < c->nsteps && j; i++) {
		if (c->steps[i].name)
			j = weir_json_member(j, c->steps[i].name);
		else
			j = j->kind == WEIR_JSON_ARRAY && c->steps[i].index < j->n ? &j->u.items[c->steps[i].index] : NULL;
	}
	return j ? j : &nothing;
}

static int tree(struct weir_columns *c, const struct weir_json **out, struct weir_error *err)
{
	int rc = weir_buf_error(&c->text) ? WEIR_ENOMEM : weir_json_parse(weir_buf_slice(&c->text), &c->scratch, out, NULL);

	return rc ? weir_error_set(err, WEIR_ENOMEM, "out of memory for an entry") : 0;
}

static int part(struct weir_columns *c, const struct weir_type *t, struct weir_slice bytes, const struct weir_json **out, struct weir_error *err)
{
	if (!bytes.ptr)
		return 0;
	weir_buf_clear(&c->text);
	weir_text_json(t, bytes, &c->text);
	return tree(c, out, err);
}

static int emit(struct weir_columns *c, const struct weir_entry *e, const struct weir_json *const *parts, const struct weir_json *value, int64_t pos, weir_row_fn *fn, void *arg)
{
	struct weir_json numbers[5] = { { .kind = WEIR_JSON_INT, .u.i = e->key_group }, { .kind = WEIR_JSON_INT, .u.i = e->subtask }, { .kind = WEIR_JSON_INT, .u.i = e->index },
					{ .kind = WEIR_JSON_INT, .u.i = e->timestamp }, { .kind = WEIR_JSON_INT, .u.i = pos } };
	struct weir_json why = { .kind = e->undecodable ? WEIR_JSON_STRING : WEIR_JSON_NULL,
				 .text = { (const uint8_t *)e->undecodable, e->undecodable ? strlen(e->undecodable) : 0 } };

	for (size_t i = 0; i < c->items.len; i++) {
		const struct column *k = c->items.items[i];
		const struct weir_json **cell = &c->cells[i];

		switch (k->source) {
		case KG: *cell = e->key_group < 0 ? &nothing : &numbers[0]; break;
		case SUBTASK: *cell = e->subtask < 0 ? &nothing : &numbers[1]; break;
		case INDEX: *cell = e->index < 0 ? &nothing : &numbers[2]; break;
		case TIMESTAMP: *cell = &numbers[3]; break;
		case POS: *cell = pos < 0 ? &nothing : &numbers[4]; break;
		case KEY: *cell = follow(parts[0], k); break;
		case NS: *cell = follow(parts[1], k); break;
		case UK: *cell = follow(parts[2], k); break;
		case VALUE: *cell = follow(value, k); break;
		case WHY: *cell = &why; break;
		}
		if (k->source == VALUE && *cell == &nothing && k == c->items.items[c->items.len - 2] && e->undecodable)
			*cell = value; /* what there is: {"$raw":..} */
	}
	return fn(arg, c->cells);
}

int weir_columns_rows(struct weir_columns *c, const struct weir_entry *e, weir_row_fn *fn, void *arg, struct weir_error *err)
{
	const struct weir_state_info *s = e->state;
	const struct weir_json *parts[3] = { &nothing, &nothing, &nothing }, *value = &nothing;
	int rc;

	weir_arena_reset(&c->scratch);
	rc = part(c, s->key, e->key, &parts[0], err);
	if (rc == 0)
		rc = part(c, s->ns, e->ns, &parts[1], err);
	if (rc == 0)
		rc = part(c, s->user_key, e->user_key, &parts[2], err);
	if (rc == 0 && (!weir_state_is_timer(s->kind) || e->undecodable)) {
		weir_buf_clear(&c->text);
		weir_text_value(e, &c->text);
		rc = tree(c, &value, err);
	}
	if (rc)
		return rc;
	if (s->kind != WEIR_STATE_LIST || value->kind != WEIR_JSON_ARRAY)
		return emit(c, e, parts, value, -1, fn, arg);
	for (uint32_t i = 0; i < value->n && rc == 0; i++)
		rc = emit(c, e, parts, &value->u.items[i], i, fn, arg);
	return rc;
}

void weir_json_put(const struct weir_json *j, struct weir_buf *out)
{
	switch (j->kind) {
	case WEIR_JSON_NULL: weir_buf_text(out, "null"); break;
	case WEIR_JSON_BOOL: weir_buf_text(out, j->u.b ? "true" : "false"); break;
	case WEIR_JSON_INT: weir_json_i64(out, j->u.i); break;
	case WEIR_JSON_FLOAT:
		if (j->text.ptr)
			weir_buf_put_slice(out, j->text);
		else
			weir_json_f64(out, j->u.f);
		break;
	case WEIR_JSON_STRING: weir_json_str(out, (const char *)j->text.ptr, j->text.len); break;
	case WEIR_JSON_ARRAY:
		weir_buf_u8(out, '[');
		for (uint32_t i = 0; i < j->n; i++) {
			weir_buf_text(out, i ? "," : "");
			weir_json_put(&j->u.items[i], out);
		}
		weir_buf_u8(out, ']');
		break;
	case WEIR_JSON_OBJECT:
		weir_buf_u8(out, '{');
		for (uint32_t i = 0; i < j->n; i++) {
			weir_buf_text(out, i ? "," : "");
			weir_json_str(out, (const char *)j->u.members[i].name.ptr, j->u.members[i].name.len);
			weir_buf_u8(out, ':');
			weir_json_put(&j->u.members[i].value, out);
		}
		weir_buf_u8(out, '}');
		break;
	}
}
