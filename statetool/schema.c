// SPDX-License-Identifier: Apache-2.0
/*
 * Changing a record's fields inside a stored serializer.
 *
 * 1. Three types are made of the record: `from` and `to`, in which every field has a name (a row without names gets its positions), so
 *    that weir_type_convert can pair them; and the one that is stored, which has names only if the original had.
 * 2. The containers around the record (TTL, list, map) are rebuilt; everything else is shared with the original.
 * 3. Defaults that are not Java's are put in after the conversion, through the native form.
 */
#include "statetool/schema.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_FIELDS 1024

struct added {
	uint32_t field;             /* in `to` */
	struct weir_slice wire;     /* its default; ptr NULL = Java's */
};

struct weir_schema {
	enum weir_state_kind kind;
	struct weir_type *old, *record;   /* as stored; the record in it */
	struct weir_type *from, *to;      /* containers with named records */
	struct weir_type *to_record;
	struct weir_type *stored;
	struct added *added;
	size_t nadded;
	bool defaults;
};

/* ---- names of types ---- */
static const struct {
	const char *name;
	struct weir_type *type;
} scalars[] = {
	{ "boolean", &weir_boolean }, { "bool", &weir_boolean }, { "int8", &weir_int8 }, { "byte", &weir_int8 }, { "int16", &weir_int16 },
	{ "short", &weir_int16 }, { "int32", &weir_int32 }, { "int", &weir_int32 }, { "integer", &weir_int32 }, { "int64", &weir_int64 },
	{ "long", &weir_int64 }, { "float", &weir_float }, { "double", &weir_double }, { "char", &weir_char }, { "string", &weir_string },
	{ "bytes", &weir_bytes }, { "byte[]", &weir_bytes }, { "timestamp", &weir_timestamp }, { "instant", &weir_timestamp },
};

static struct weir_type *parse_name(const char **p, int depth, struct weir_arena *mem, struct weir_error *err)
{
	size_t n = strcspn(*p, "<>,");
	const char *start = *p;
	struct weir_type *a, *b = NULL;

	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++)
		if (strlen(scalars[i].name) == n && strncasecmp(scalars[i].name, start, n) == 0) {
			*p += n;
			return scalars[i].type;
		}
	if (depth < 8 && start[n] == '<' && ((n == 4 && strncasecmp(start, "list", 4) == 0) || (n == 3 && strncasecmp(start, "map", 3) == 0))) {
		*p += n + 1;
		a = parse_name(p, depth + 1, mem, err);
		if (a && n == 3 && **p == ',') {
			++*p;
			b = parse_name(p, depth + 1, mem, err);
		}
		if (a && **p == '>' && (n == 4 || b)) {
			++*p;
			return n == 4 ? weir_type_list(mem, a, err) : weir_type_map(mem, a, b, err);
		}
	}
	weir_error_set(err, WEIR_EINVALID, "unknown type '%s'; known are boolean, int8, int16, int32, int64, float, double, char, string, bytes, timestamp, list<T>, map<K,V>",
		       start);
	return NULL;
}

static struct weir_type *parse_type_name(const char *text, struct weir_arena *mem, struct weir_error *err)
{
	const char *p = text;
	struct weir_type *t = parse_name(&p, 0, mem, err);

	if (t && *p) {
		weir_error_set(err, WEIR_EINVALID, "'%s' goes on after the type '%.*s'", text, (int)(p - text), text);
		return NULL;
	}
	return t;
}

/* ---- the record ---- */
struct fields {
	uint32_t n;
	struct weir_type *types[MAX_FIELDS];
	const char *names[MAX_FIELDS];
	bool added[MAX_FIELDS];
	struct weir_slice defaults[MAX_FIELDS];
};

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory for a change of schema"); }

static struct weir_type **record_slot(struct weir_type **at, enum weir_state_kind kind)
{
	struct weir_type *t = *at;

	if (kind == WEIR_STATE_LIST && t->kind == WEIR_LIST)
		at = &t->fields[0].type;
	else if (kind == WEIR_STATE_MAP && t->kind == WEIR_MAP)
		at = &t->fields[1].type;
	if ((*at)->kind == WEIR_TTL)
		at = &(*at)->fields[0].type;
	return at;
}

static int find_field(const struct fields *f, const char *name, size_t len)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (strlen(f->names[i]) == len && memcmp(f->names[i], name, len) == 0)
			return (int)i;
	if (len > 1 && name[0] == 'f') /* f3: the fourth of a row without names */
		for (uint32_t i = 0; i < f->n; i++)
			if (strlen(f->names[i]) == len - 1 && memcmp(f->names[i], name + 1, len - 1) == 0)
				return (int)i;
	return -1;
}

static int no_field(const struct fields *f, const char *name, size_t len, struct weir_error *err)
{
	char list[400] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < f->n && n < sizeof(list) - 1; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", f->names[i]);
	return weir_error_set(err, WEIR_EINVALID, "there is no field '%.*s'; there are: %s", (int)len, name, list);
}

static int drop_field(struct fields *f, const char *name, struct weir_error *err)
{
	int at = find_field(f, name, strlen(name));

	if (at < 0)
		return no_field(f, name, strlen(name), err);
	f->n--;
	for (uint32_t i = (uint32_t)at; i < f->n; i++) {
		f->types[i] = f->types[i + 1];
		f->names[i] = f->names[i + 1];
		f->added[i] = f->added[i + 1];
		f->defaults[i] = f->defaults[i + 1];
	}
	return 0;
}

static int parse_default(const struct weir_type *t, const char *text, struct weir_arena *mem, struct weir_slice *out, struct weir_error *err)
{
	struct weir_buf b = { 0 };
	int rc = weir_type_from_json(t, text, strlen(text), true, &b, err);

	if (rc == 0) {
		out->ptr = weir_arena_copy(mem, b.data, b.len);
		out->len = b.len;
		rc = out->ptr ? 0 : no_memory(err);
	} else {
		weir_error_wrap(err, "default value '%s'", text);
	}
	weir_buf_fini(&b);
	return rc;
}

static int add_field(struct fields *f, const char *spec, struct weir_arena *mem, struct weir_error *err)
{
	const char *colon = strchr(spec, ':'), *eq = colon ? strchr(colon, '=') : NULL;
	size_t len = colon ? (size_t)(colon - spec) : 0;
	char *type;

	if (!colon || len == 0)
		return weir_error_set(err, WEIR_EINVALID, "'%s' does not name a field and its type: write NAME:TYPE or NAME:TYPE=DEFAULT", spec);
	if (find_field(f, spec, len) >= 0)
		return weir_error_set(err, WEIR_EINVALID, "there is a field '%.*s' already", (int)len, spec);
	if (f->n == MAX_FIELDS)
		return weir_error_set(err, WEIR_EINVALID, "a record of more than %d fields is not supported", MAX_FIELDS);
	type = weir_arena_text(mem, colon + 1, eq ? (size_t)(eq - colon - 1) : strlen(colon + 1));
	f->names[f->n] = weir_arena_text(mem, spec, len);
	if (!type || !f->names[f->n])
		return no_memory(err);
	f->types[f->n] = parse_type_name(type, mem, err);
	if (!f->types[f->n])
		return err ? err->code : WEIR_EINVALID;
	f->added[f->n] = true;
	f->defaults[f->n] = (struct weir_slice){ 0 };
	if (eq) {
		int rc = parse_default(f->types[f->n], eq + 1, mem, &f->defaults[f->n], err);

		if (rc)
			return rc;
	}
	f->n++;
	return 0;
}

static int reorder(struct fields *f, const char *order, struct weir_error *err)
{
	struct fields *to = calloc(1, sizeof(*to));
	bool taken[MAX_FIELDS] = { false };
	int rc = to ? 0 : no_memory(err);

	while (rc == 0 && *order) {
		size_t n = strcspn(order, ",");
		int at = find_field(f, order, n);

		if (at < 0) {
			rc = no_field(f, order, n, err);
		} else if (taken[at]) {
			rc = weir_error_set(err, WEIR_EINVALID, "the order names field '%s' twice", f->names[at]);
		} else {
			taken[at] = true;
			to->types[to->n] = f->types[at];
			to->names[to->n] = f->names[at];
			to->added[to->n] = f->added[at];
			to->defaults[to->n++] = f->defaults[at];
		}
		order += n + (order[n] == ',');
	}
	for (uint32_t i = 0; rc == 0 && i < f->n; i++)
		if (!taken[i])
			rc = weir_error_set(err, WEIR_EINVALID, "the order leaves out field '%s'; --drop it if that is meant", f->names[i]);
	if (rc == 0)
		*f = *to;
	free(to);
	return rc;
}

/* ---- building types ---- */
static struct weir_type *make_record(const struct weir_type *like, const struct fields *f, bool named, struct weir_arena *mem, struct weir_error *err)
{
	struct weir_type *t = like->kind == WEIR_POJO ? weir_type_pojo(mem, like->java, f->n, f->types, f->names, err)
						      : weir_type_row(mem, f->n, f->types, named ? f->names : NULL, err);

	if (!t)
		return NULL;
	t->subs = like->subs;
	t->nsubs = like->nsubs;
	t->nregistered = like->nregistered;
	if (t->kind == WEIR_ROW) { /* with or without row kind, as before */
		t->snapshot_version = like->snapshot_version;
		t->wire_min = like->snapshot_version == 0 || like->snapshot_version >= 3 ? (f->n + 9) / 8 : (f->n + 7) / 8;
	}
	return t;
}

/* The original with its fields named as `names` says: the same bytes. */
static struct weir_type *name_record(const struct weir_type *t, const struct fields *f, struct weir_arena *mem, struct weir_error *err)
{
	struct weir_type *copy = t->kind == WEIR_POJO ? (struct weir_type *)(uintptr_t)t : make_record(t, f, true, mem, err);

	return copy;
}

/* The path from a stored serializer to its record, with the record replaced. */
static struct weir_type *rebuild(const struct weir_type *t, const struct weir_type *record, struct weir_type *with, struct weir_arena *mem, struct weir_error *err)
{
	struct weir_type *inner, *made;

	if (t == record)
		return with;
	inner = rebuild(t->fields[t->nfields - 1].type, record, with, mem, err);
	if (!inner)
		return NULL;
	made = t->kind == WEIR_LIST ? weir_type_list(mem, inner, err)
	     : t->kind == WEIR_MAP  ? weir_type_map(mem, t->fields[0].type, inner, err)
				    : weir_type_ttl(mem, inner, err);
	if (made) {
		made->java = t->java;
		made->snapshot_version = t->snapshot_version;
	}
	return made;
}

static int take_fields(const struct weir_type *record, struct fields *f, struct weir_arena *mem, struct weir_error *err)
{
	char number[16];

	if (record->nfields > MAX_FIELDS)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "a record of %u fields is not supported; the limit is %d", record->nfields, MAX_FIELDS);
	f->n = record->nfields;
	for (uint32_t i = 0; i < f->n; i++) {
		f->types[i] = record->fields[i].type;
		f->names[i] = record->fields[i].name;
		if (!f->names[i]) {
			snprintf(number, sizeof(number), "%u", i);
			f->names[i] = weir_arena_text(mem, number, strlen(number));
		}
		if (!f->names[i])
			return no_memory(err);
	}
	return 0;
}

static int change_fields(struct fields *f, const struct weir_schema_change *changes, size_t n, const char *order, struct weir_arena *mem, struct weir_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = changes[i].kind == WEIR_ADD_FIELD ? add_field(f, changes[i].text, mem, err) : drop_field(f, changes[i].text, err);
	if (rc == 0 && order)
		rc = reorder(f, order, err);
	return rc;
}

static int note_added(struct weir_schema *s, const struct fields *f, struct weir_arena *mem, struct weir_error *err)
{
	s->added = weir_arena_zero(mem, (f->n + 1) * sizeof(*s->added));
	if (!s->added)
		return no_memory(err);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->added[i] && f->defaults[i].ptr) {
			int at = weir_type_field(s->to_record, f->names[i]);

			s->added[s->nadded++] = (struct added){ (uint32_t)at, f->defaults[i] };
			s->defaults = true;
		}
	if (s->defaults && s->to_record->null_offset == WEIR_NO_NULLS)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "default values need a record of at most 64 fields");
	return 0;
}

static int make_types(struct weir_schema *s, const struct weir_schema_change *changes, size_t nchanges, const char *order, struct fields *f, struct weir_arena *mem,
		      struct weir_error *err)
{
	bool named = s->record->kind == WEIR_POJO || (s->record->nfields && s->record->fields[0].name);
	struct weir_type *from, *stored;
	int rc = take_fields(s->record, f, mem, err);

	if (rc)
		return rc;
	from = name_record(s->record, f, mem, err);
	rc = from ? change_fields(f, changes, nchanges, order, mem, err) : err ? err->code : WEIR_ENOMEM;
	if (rc)
		return rc;
	s->to_record = make_record(s->record, f, true, mem, err);
	stored = s->to_record && !named ? make_record(s->record, f, false, mem, err) : s->to_record;
	s->from = rebuild(s->old, s->record, from, mem, err);
	s->to = s->to_record ? rebuild(s->old, s->record, s->to_record, mem, err) : NULL;
	s->stored = stored ? rebuild(s->old, s->record, stored, mem, err) : NULL;
	if (!s->from || !s->to || !s->stored)
		return err && err->code ? err->code : no_memory(err);
	return note_added(s, f, mem, err);
}

int weir_schema_new(struct weir_type *stored, enum weir_state_kind kind, const struct weir_schema_change *changes, size_t nchanges, const char *order,
		    struct weir_arena *mem, struct weir_schema **out, struct weir_error *err)
{
	struct weir_schema *s = weir_arena_zero(mem, sizeof(*s));
	struct weir_type *at = stored;
	struct fields *f;
	char text[300];
	int rc;

	if (!s)
		return no_memory(err);
	s->kind = kind;
	s->old = stored;
	s->record = *record_slot(&at, kind);
	if (s->record->kind != WEIR_POJO && s->record->kind != WEIR_ROW)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "the state holds %s, which has no fields to add, drop or reorder (POJOs and rows have)",
				      weir_type_text(stored, text, sizeof(text)));
	if (s->record->flags & WEIR_TYPE_OPAQUE)
		return weir_error_set(err, WEIR_ENOTYPE, "the state holds %s; a field whose serializer is not known cannot be stepped over, so the record cannot be rewritten",
				      weir_type_text(stored, text, sizeof(text)));
	f = calloc(1, sizeof(*f));
	if (!f)
		return no_memory(err);
	rc = make_types(s, changes, nchanges, order, f, mem, err);
	free(f);
	if (rc == 0)
		*out = s;
	return rc;
}

struct weir_type *weir_schema_stored(const struct weir_schema *s) { return s->stored; }
const struct weir_type *weir_schema_before(const struct weir_schema *s) { return s->record; }
const struct weir_type *weir_schema_after(const struct weir_schema *s) { return s->to_record; }

/* ---- values ---- */
static int fill_defaults(const struct weir_schema *s, const struct weir_type *t, void *v, struct weir_arena *mem, struct weir_error *err)
{
	int rc = 0;

	if (t == s->to_record) {
		for (size_t i = 0; i < s->nadded && rc == 0; i++) {
			const struct weir_field *f = &t->fields[s->added[i].field];
			struct weir_src src = weir_src_of(s->added[i].wire, NULL, 0);
			uint64_t nulls;

			rc = weir_type_read(f->type, &src, mem, (char *)v + f->offset, err);
			memcpy(&nulls, (char *)v + t->null_offset, 8);
			nulls &= ~(1ull << s->added[i].field);
			memcpy((char *)v + t->null_offset, &nulls, 8);
		}
		return rc;
	}
	if (t->kind == WEIR_TTL)
		return fill_defaults(s, t->fields[0].type, (char *)v + t->fields[0].offset, mem, err);
	if (t->kind == WEIR_LIST) {
		struct weir_list *l = v;

		for (uint32_t i = 0; i < l->count && rc == 0; i++)
			rc = fill_defaults(s, t->fields[0].type, (char *)(uintptr_t)l->items + (size_t)i * t->fields[0].type->size, mem, err);
	} else if (t->kind == WEIR_MAP) {
		struct weir_map *m = v;

		for (uint32_t i = 0; i < m->count && rc == 0; i++)
			if (!m->nulls || !m->nulls[i])
				rc = fill_defaults(s, t->fields[1].type, (char *)(uintptr_t)m->values + (size_t)i * t->fields[1].type->size, mem, err);
	}
	return rc;
}

static int with_defaults(const struct weir_schema *s, const struct weir_type *to, struct weir_slice wire, struct weir_buf *out, struct weir_error *err)
{
	struct weir_arena mem = { 0 };
	struct weir_src src = weir_src_of(wire, NULL, 0);
	void *v = weir_arena_zero(&mem, to->size + 16u);
	int rc = v ? weir_type_read(to, &src, &mem, v, err) : no_memory(err);

	if (rc == 0)
		rc = fill_defaults(s, to, v, &mem, err);
	if (rc == 0)
		rc = weir_type_write(to, v, out, err);
	weir_arena_fini(&mem);
	return rc;
}

/* One value at the cursor. */
static int convert_one(const struct weir_schema *s, const struct weir_type *from, const struct weir_type *to, struct weir_src *src, struct weir_buf *out,
		       struct weir_error *err)
{
	struct weir_buf plain = { 0 };
	int rc;

	if (!s->defaults)
		return weir_type_convert(from, to, src, out, err);
	rc = weir_type_convert(from, to, src, &plain, err);
	if (rc == 0)
		rc = with_defaults(s, to, weir_buf_slice(&plain), out, err);
	weir_buf_fini(&plain);
	return rc;
}

static int finish(struct weir_src *src, struct weir_buf *out, struct weir_error *err)
{
	weir_src_end(src, "bytes are left behind a value");
	if (src->code)
		return weir_src_error(src, err);
	return weir_buf_error(out) ? no_memory(err) : 0;
}

int weir_schema_convert(const struct weir_schema *s, struct weir_slice value, struct weir_buf *out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(value, NULL, 0);
	int rc = convert_one(s, s->from, s->to, &src, out, err);

	return rc ? rc : finish(&src, out, err);
}

int weir_schema_convert_canonical(const struct weir_schema *s, struct weir_slice value, struct weir_buf *out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(value, NULL, 0);
	bool list = s->kind == WEIR_STATE_LIST && s->from->kind == WEIR_LIST, map = s->kind == WEIR_STATE_MAP && s->from->kind == WEIR_MAP;
	const struct weir_type *from = list ? s->from->fields[0].type : map ? s->from->fields[1].type : s->from;
	const struct weir_type *to = list ? s->to->fields[0].type : map ? s->to->fields[1].type : s->to;
	bool first = true;
	int rc = 0;

	if (map) {
		uint8_t null = weir_src_u8(&src);

		weir_buf_u8(out, null);
		if (null) /* what follows the flag has no meaning */
			return src.code ? weir_src_error(&src, err) : 0;
	}
	do {
		if (list && !weir_src_left(&src))
			break;
		if (!first && weir_src_u8(&src) != 0x2c)
			return weir_error_set(err, WEIR_ECORRUPT, "the elements of a list are not separated as they must be");
		if (!first)
			weir_buf_u8(out, 0x2c);
		first = false;
		rc = convert_one(s, from, to, &src, out, err);
	} while (rc == 0 && list);
	return rc ? rc : finish(&src, out, err);
}
