// SPDX-License-Identifier: Apache-2.0
/*
 * Avro schemas: JSON text to a tree, once for each snapshot. Pure.
 *
 * 1. Names resolve as Avro's Schema.Parser does: a name with dots is full; else it gets its own "namespace", or that of the record around it.
 * 2. A record is known by name before its fields are read, so it may contain itself.
 * 3. Everything lives in the arena; the JSON tree is gone when the schema is returned. Nesting is bounded by cJSON and by DEPTH.
 * May fail: text that is not a schema; out of memory.
 */
#include "state/flink/serializer_avro.h"

#include "base/arena.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 100, MAX_FIXED = 64 << 20 };

struct named {
	struct named *next;
	const char *name;
	struct weir__avro *schema;
};

struct reader {
	struct weir_src *src;
	struct weir_arena *mem;
	struct named *names;
};

static const char *const primitives[] = { "null", "boolean", "int", "long", "float", "double", "bytes", "string" };

static struct weir__avro *bad(struct reader *r, const char *what)
{
	weir_src_fail(r->src, WEIR_ECORRUPT, what);
	return NULL;
}

static void *room(struct reader *r, size_t bytes)
{
	void *p = weir_arena_zero(r->mem, bytes);

	if (!p)
		weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for an Avro schema");
	return p;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static const char *copy(struct reader *r, const char *text)
{
	char *p = weir_arena_text(r->mem, text, strlen(text));

	if (!p)
		weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for an Avro schema");
	return p;
}

/* The full name; *space receives the namespace for names inside. */
static const char *full_name(struct reader *r, const char *name, const char *own, const char *outer, const char **space)
{
	const char *dot = strrchr(name, '.'), *in = own ? own : outer;
	size_t n;
	char *p;

	if (dot) {
		*space = weir_arena_text(r->mem, name, (size_t)(dot - name));
		return copy(r, name);
	}
	*space = in ? copy(r, in) : NULL;
	if (!in || !*in)
		return copy(r, name);
	n = strlen(in) + strlen(name) + 2;
	p = room(r, n);
	if (p)
		snprintf(p, n, "%s.%s", in, name);
	return p;
}

static struct weir__avro *lookup(struct reader *r, const char *name, const char *space)
{
	const char *unused, *full = full_name(r, name, NULL, space, &unused);

	for (const struct named *n = r->names; n && full; n = n->next)
		if (strcmp(n->name, full) == 0)
			return n->schema;
	for (const struct named *n = r->names; n; n = n->next)
		if (strcmp(n->name, name) == 0)
			return n->schema;
	return bad(r, "an Avro schema uses a name that it does not define");
}

static struct weir__avro *build(struct reader *r, enum weir__avro_kind kind, uint32_t n)
{
	struct weir__avro *s = room(r, sizeof(*s));

	if (!s)
		return NULL;
	s->kind = kind;
	s->n = n;
	if (kind == WEIR__AVRO_RECORD || kind == WEIR__AVRO_UNION || kind == WEIR__AVRO_ARRAY || kind == WEIR__AVRO_MAP)
		s->parts = room(r, (n + (size_t)1) * sizeof(*s->parts));
	if (kind == WEIR__AVRO_RECORD || kind == WEIR__AVRO_ENUM)
		s->names = room(r, (n + (size_t)1) * sizeof(*s->names));
	return r->src->code ? NULL : s;
}

static struct weir__avro *read_schema(struct reader *r, const cJSON *j, const char *space, uint32_t depth);

static struct weir__avro *read_union(struct reader *r, const cJSON *j, const char *space, uint32_t depth)
{
	struct weir__avro *s = build(r, WEIR__AVRO_UNION, (uint32_t)cJSON_GetArraySize(j));
	uint32_t i = 0;

	for (const cJSON *b = j->child; b && s && !r->src->code; b = b->next)
		s->parts[i++] = read_schema(r, b, space, depth + 1);
	return s;
}

static enum weir__avro_logical logical_of(const char *name, enum weir__avro_kind kind)
{
	static const struct { const char *name; enum weir__avro_kind kind; enum weir__avro_logical logical; } all[] = {
		{ "date", WEIR__AVRO_INT, WEIR__AVRO_DATE },
		{ "time-millis", WEIR__AVRO_INT, WEIR__AVRO_TIME_MS },
		{ "time-micros", WEIR__AVRO_LONG, WEIR__AVRO_TIME_US },
		{ "timestamp-millis", WEIR__AVRO_LONG, WEIR__AVRO_STAMP_MS },
		{ "timestamp-micros", WEIR__AVRO_LONG, WEIR__AVRO_STAMP_US },
		{ "local-timestamp-millis", WEIR__AVRO_LONG, WEIR__AVRO_LOCAL_MS },
		{ "local-timestamp-micros", WEIR__AVRO_LONG, WEIR__AVRO_LOCAL_US },
	};

	for (size_t i = 0; name && i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].kind == kind && strcmp(all[i].name, name) == 0)
			return all[i].logical;
	return WEIR__AVRO_PLAIN;
}

static struct weir__avro *read_primitive(struct reader *r, const char *type, const cJSON *j)
{
	for (uint32_t k = 0; k < sizeof(primitives) / sizeof(primitives[0]); k++)
		if (strcmp(primitives[k], type) == 0) {
			struct weir__avro *s = build(r, (enum weir__avro_kind)k, 0);

			if (s && j)
				s->logical = logical_of(text_of(j, "logicalType"), s->kind);
			return s;
		}
	return NULL;
}

/* The symbols of an enum. */
static void read_symbols(struct reader *r, const cJSON *list, struct weir__avro *s)
{
	uint32_t i = 0;

	for (const cJSON *v = list->child; v && !r->src->code; v = v->next) {
		if (!cJSON_IsString(v))
			bad(r, "a symbol of an Avro enum is not a text");
		else
			s->names[i++] = copy(r, v->valuestring);
	}
}

static void read_fields(struct reader *r, const cJSON *list, struct weir__avro *s, const char *space, uint32_t depth)
{
	bool *ignored = room(r, s->n + (size_t)1);
	uint32_t i = 0;

	s->ignored = ignored;

	for (const cJSON *f = list->child; f && !r->src->code; f = f->next, i++) {
		const char *name = text_of(f, "name"), *order = text_of(f, "order");

		ignored[i] = order && strcmp(order, "ignore") == 0;
		if (!name)
			bad(r, "a field of an Avro record has no name");
		else
			s->names[i] = copy(r, name);
		s->parts[i] = r->src->code ? NULL : read_schema(r, cJSON_GetObjectItemCaseSensitive(f, "type"), space, depth + 1);
	}
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Fields and symbols have different names. */
static void check_names(struct reader *r, const struct weir__avro *s)
{
	const char **sorted = r->src->code ? NULL : malloc((s->n + (size_t)1) * sizeof(*sorted));

	if (!sorted) {
		weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for an Avro schema");
		return;
	}
	memcpy(sorted, s->names, s->n * sizeof(*sorted));
	qsort(sorted, s->n, sizeof(*sorted), by_text);
	for (uint32_t i = 1; i < s->n; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			bad(r, "an Avro record or enum has a name twice");
	free(sorted);
}

static struct weir__avro *read_named(struct reader *r, const cJSON *j, const char *type, const char *outer, uint32_t depth)
{
	bool record = strcmp(type, "record") == 0 || strcmp(type, "error") == 0, fixed = strcmp(type, "fixed") == 0;
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(j, record ? "fields" : "symbols"), *size = cJSON_GetObjectItemCaseSensitive(j, "size");
	const char *name = text_of(j, "name"), *space = NULL;
	struct weir__avro *s;
	struct named *n;

	if (!name)
		return bad(r, "a named type of an Avro schema has no name");
	if (fixed && (!cJSON_IsNumber(size) || size->valuedouble < 0 || size->valuedouble > MAX_FIXED))
		return bad(r, "an Avro fixed has no size, or an impossible one");
	if (!fixed && !cJSON_IsArray(list))
		return bad(r, record ? "an Avro record has no fields" : "an Avro enum has no symbols");
	s = build(r, fixed ? WEIR__AVRO_FIXED : record ? WEIR__AVRO_RECORD : WEIR__AVRO_ENUM, fixed ? (uint32_t)size->valuedouble : (uint32_t)cJSON_GetArraySize(list));
	n = room(r, sizeof(*n));
	if (!s || !n)
		return NULL;
	s->name = full_name(r, name, text_of(j, "namespace"), outer, &space);
	*n = (struct named){ r->names, s->name, s };
	r->names = n;
	if (r->src->code || fixed)
		return s;
	if (record)
		read_fields(r, list, s, space, depth);
	else
		read_symbols(r, list, s);
	check_names(r, s);
	return s;
}

static struct weir__avro *read_complex(struct reader *r, const cJSON *j, const char *type, const char *space, uint32_t depth)
{
	bool map = strcmp(type, "map") == 0;
	const char *java;
	struct weir__avro *s;

	if (!map && strcmp(type, "array") != 0)
		return NULL;
	s = build(r, map ? WEIR__AVRO_MAP : WEIR__AVRO_ARRAY, 1);
	if (!s)
		return NULL;
	java = text_of(j, "avro.java.string");
	s->java_string = java && strcmp(java, "String") == 0;
	s->parts[0] = read_schema(r, cJSON_GetObjectItemCaseSensitive(j, map ? "values" : "items"), space, depth + 1);
	return s;
}

static struct weir__avro *read_schema(struct reader *r, const cJSON *j, const char *space, uint32_t depth)
{
	const cJSON *type = cJSON_IsObject(j) ? cJSON_GetObjectItemCaseSensitive(j, "type") : NULL;
	struct weir__avro *s;

	if (depth > DEPTH)
		return bad(r, "an Avro schema is nested deeper than 100");
	if (cJSON_IsArray(j))
		return read_union(r, j, space, depth);
	if (cJSON_IsString(j)) {
		s = read_primitive(r, j->valuestring, NULL);
		return s || r->src->code ? s : lookup(r, j->valuestring, space);
	}
	if (type && !cJSON_IsString(type)) /* {"type": {...}} */
		return read_schema(r, type, space, depth + 1);
	if (!type)
		return bad(r, "a part of an Avro schema has no type");
	for (size_t i = 0; i < 4; i++) {
		static const char *const named[] = { "record", "error", "enum", "fixed" };

		if (strcmp(type->valuestring, named[i]) == 0)
			return read_named(r, j, type->valuestring, space, depth);
	}
	s = read_complex(r, j, type->valuestring, space, depth);
	if (!s && !r->src->code)
		s = read_primitive(r, type->valuestring, j);
	return s || r->src->code ? s : lookup(r, type->valuestring, space);
}

static uint32_t add(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX / 2 - b ? UINT32_MAX / 2 : a + b;
}

/* Least bytes of a value. One inside its own definition counts as nothing there. */
static uint32_t measure(struct weir__avro *s)
{
	static const uint8_t sizes[] = { 0, 1, 4, 8, 4, 8, 4, 4 };
	uint32_t least = UINT32_MAX;

	if (s->measured)
		return s->min;
	s->measured = true;
	switch (s->kind) {
	case WEIR__AVRO_RECORD:
		for (uint32_t i = 0; i < s->n; i++) {
			uint32_t part = measure(s->parts[i]);

			s->min = add(s->min, part);
		}
		break;
	case WEIR__AVRO_UNION:
		for (uint32_t i = 0; i < s->n; i++) {
			uint32_t part = measure(s->parts[i]);

			least = part < least ? part : least;
		}
		s->min = add(4, s->n ? least : 0);
		break;
	case WEIR__AVRO_ARRAY:
	case WEIR__AVRO_MAP:
		measure(s->parts[0]);
		s->min = 1;
		break;
	case WEIR__AVRO_ENUM: s->min = 4; break;
	case WEIR__AVRO_FIXED: s->min = s->n; break;
	default: s->min = sizes[s->kind];
	}
	return s->min;
}

struct weir__avro *weir__avro_schema(struct weir_src *src, struct weir_slice json, struct weir_arena *mem)
{
	struct reader r = { .src = src, .mem = mem };
	struct weir__avro *s;
	const char *end = NULL;
	cJSON *j;

	if (src->code)
		return NULL;
	j = cJSON_ParseWithLengthOpts(json.len ? (const char *)json.ptr : "", json.len, &end, false);
	s = j ? read_schema(&r, j, NULL, 0) : bad(&r, "an Avro schema is not JSON");
	cJSON_Delete(j);
	if (src->code || !s)
		return NULL;
	measure(s);
	return s;
}
