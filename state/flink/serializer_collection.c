// SPDX-License-Identifier: Apache-2.0
/*
 * Arrays of primitives, strings and objects, sets, enums, Either, and null made possible (NullableSerializer). docs/formats/serializers.md.
 * An item's null flag has both senses: sets say 1 for null, object arrays 1 for a value. Pure.
 */
#include "state/flink/snapshot_priv.h"

#include "base/arena.h"

#include <stdlib.h>

#define BASE "org.apache.flink.api.common.typeutils.base."
#define RUNTIME "org.apache.flink.api.java.typeutils.runtime."

/* ---- arrays and sets: i32 n, n items ---- */

enum flag { NO_FLAG, NULL_FLAG, VALUE_FLAG };

static const struct weir_serializer set, object_array, string_array, boolean_array, char_array, int16_array, int32_array, int64_array, float_array, double_array;

static const struct weir_type *element_of(const struct weir_type *t, enum flag *flag)
{
	const struct {
		const struct weir_serializer *serializer;
		const struct weir_type *element;
	} plain[] = { { &string_array, &weir_string }, { &boolean_array, &weir_boolean }, { &char_array, &weir_char },	 { &int16_array, &weir_int16 },
		      { &int32_array, &weir_int32 },   { &int64_array, &weir_int64 },	  { &float_array, &weir_float }, { &double_array, &weir_double } };

	*flag = t->serializer == &set ? NULL_FLAG : t->serializer == &object_array ? VALUE_FLAG : NO_FLAG;
	for (size_t i = 0; *flag == NO_FLAG && i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].serializer == t->serializer)
			return plain[i].element;
	return t->fields[0].type;
}

static void walk_items(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct weir__json_item *items = NULL;
	enum flag flag;
	const struct weir_type *e = element_of(t, &flag);
	uint32_t n = weir__wire_count(src, flag ? 1 : e->wire_min);
	bool sorted = out && t->serializer == &set;
	size_t start;

	if (sorted && !(items = malloc((n + (size_t)1) * sizeof(*items)))) {
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a set");
		return;
	}
	weir__wire_text(out, "[");
	start = out ? out->len : 0;
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (i && !sorted)
			weir__wire_text(out, ",");
		if (sorted)
			items[i].at = out->len;
		if (flag && weir__wire_bool(src, WEIR__BAD_NULL_FLAG) == (flag == NULL_FLAG))
			weir__wire_text(out, "null");
		else
			weir__wire_value(e, src, tail && i + 1 == n, out);
	}
	if (sorted && !src->code && !out->code)
		weir__json_sort(out, start, items, n);
	weir__wire_text(out, "]");
	free(items);
}

static int parse_items(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	size_t at = out->len;
	enum flag flag;
	const struct weir_type *e = element_of(t, &flag);
	uint32_t n = 0;
	int code = weir__json_expect(j, '[');

	weir_buf_u32(out, 0);
	if (!code && weir__json_take(j, ']'))
		return 0;
	while (!code) {
		bool null = flag && weir__json_word(j, "null");

		if (flag)
			weir_buf_bool(out, null == (flag == NULL_FLAG));
		if (!null)
			code = weir__value_parse(e, j, out);
		n++;
		if (!code && weir__json_take(j, ']'))
			break;
		if (!code)
			code = weir__json_expect(j, ',');
	}
	weir_buf_patch_u32(out, at, n);
	return code;
}

static void skip_items(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_items(t, src, tail, NULL);
}

#define ARRAY(variable, title) \
	static const struct weir_serializer variable = { .name = title, .min = 4, .skip = skip_items, .put_json = walk_items, .parse = parse_items }
ARRAY(set, "set");
ARRAY(object_array, "array");
ARRAY(string_array, "string array");
ARRAY(boolean_array, "boolean array");
ARRAY(char_array, "char array");
ARRAY(int16_array, "int16 array");
ARRAY(int32_array, "int32 array");
ARRAY(int64_array, "int64 array");
ARRAY(float_array, "float array");
ARRAY(double_array, "double array");

/* The component class of an object array. */
static void read_component(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	(void)c;
	t->detail = weir__snapshot_utf(r);
}

/* ---- enums: the index among the constants that the snapshot lists ---- */

struct constants {
	const char *java;
	uint32_t n;
	const char **names;
};

static void read_enum(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct constants *e = weir__snapshot_zero(r, sizeof(*e));

	(void)c;
	if (!e)
		return;
	if (r->version < 2 || r->version > 3)
		weir_src_fail(r->src, WEIR_EVERSION, "an enum snapshot is of a version weir does not know");
	e->java = weir__snapshot_utf(r);
	e->n = weir_src_count(r->src, 2);
	e->names = weir__snapshot_zero(r, (e->n + (size_t)1) * sizeof(*e->names));
	for (uint32_t i = 0; e->names && i < e->n && !r->src->code; i++)
		e->names[i] = weir__snapshot_utf(r);
	t->detail = e;
}

static const char *constant_at(const struct weir_type *t, struct weir_src *src)
{
	const struct constants *e = t->detail;
	uint32_t i = weir_src_u32(src);

	if (!src->code && i >= e->n)
		weir_src_fail(src, WEIR_ECORRUPT, "an enum's index is not among the constants of its snapshot");
	return src->code ? "" : e->names[i];
}

static void skip_enum(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)tail;
	constant_at(t, src);
}

static void put_enum(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)tail;
	weir_json_text(out, constant_at(t, src));
}

static int parse_enum(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	const struct constants *e = t->detail;
	struct weir_buf text = { 0 };
	int code = weir__json_string(j, &text);

	if (!code) {
		uint32_t i = 0;

		while (i < e->n && strcmp(e->names[i], weir_buf_cstr(&text)) != 0)
			i++;
		weir_buf_u32(out, i);
		if (i == e->n)
			code = weir_error_set(j->err, WEIR_EPARSE, "\"%s\" is not a constant of %s; the first is %s", weir_buf_cstr(&text), e->java, e->n ? e->names[0] : "missing: it has none");
	}
	weir_buf_fini(&text);
	return code;
}

static int length_four(const struct weir_type *t)
{
	(void)t;
	return 4;
}

static void name_enum(const struct weir_type *t, struct weir_buf *out)
{
	weir_buf_printf(out, "enum %s", ((const struct constants *)t->detail)->java);
}

static const struct weir_serializer enumeration = {
	.name = "enum", .min = 4, .skip = skip_enum, .put_json = put_enum, .parse = parse_enum, .text = true, .length = length_four, .put_name = name_enum
};

/* ---- Either: bool isLeft, value ---- */

#define EITHER "org.apache.flink.types.Either$"

static void walk_either(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	bool left = weir__wire_bool(src, "the flag of an Either is neither 0 nor 1");

	weir__wire_text(out, left ? "{\"@\":\"" EITHER "Left\",\"value\":" : "{\"@\":\"" EITHER "Right\",\"value\":");
	if (!src->code)
		weir__wire_value(t->fields[left ? 0 : 1].type, src, tail, out);
	weir__wire_text(out, left ? ",\"right\":null}" : ",\"left\":null}");
}

static void skip_either(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_either(t, src, tail, NULL);
}

static int parse_span(const struct weir_type *t, struct json_in *j, struct json_span span, struct weir_buf *out)
{
	struct json_in in = { j->start, span.p, span.end, j->err };
	int code = weir__value_parse(t, &in, out);

	return !code && weir__json_peek(&in) ? weir__json_fail(&in, "the end of the value") : code;
}

static int parse_either(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	static const char *const names[] = { "@", "value", "left", "right" };
	struct json_span s[4];
	int code = weir__json_object(j, 4, names, NULL, s);
	bool left = false;

	if (code)
		return code;
	left = s[0].p && s[0].end - s[0].p == (long)sizeof("\"" EITHER "Left\"") - 1 && memcmp(s[0].p + sizeof("\"" EITHER) - 1, "Left", 4) == 0;
	if (!s[0].p || !s[1].p)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: an Either is {\"@\":\"" EITHER "Left\",\"value\":..} or Right");
	weir_buf_bool(out, left);
	return parse_span(t->fields[left ? 0 : 1].type, j, s[1], out);
}

static const struct weir_serializer either = { .name = "Either", .min = 1, .skip = skip_either, .put_json = walk_either, .parse = parse_either };

/* ---- Nullable: bool isNull; null: padding; else the value ---- */

static void read_padding(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	uint32_t *padding = weir__snapshot_zero(r, sizeof(*padding));

	(void)c;
	if (!padding)
		return;
	*padding = weir_src_count(r->src, 0);
	if (*padding > 1u << 20)
		weir_src_fail(r->src, WEIR_ECORRUPT, "the padding of a nullable serializer is implausibly long");
	t->detail = padding;
}

static void walk_nullable(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	if (!weir__wire_bool(src, WEIR__BAD_NULL_FLAG)) {
		if (!src->code)
			weir__wire_value(t->fields[0].type, src, tail, out);
		return;
	}
	weir_src_take(src, *(const uint32_t *)t->detail);
	weir__wire_text(out, "null");
}

static void skip_nullable(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_nullable(t, src, tail, NULL);
}

static int parse_nullable(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	bool null = weir__json_word(j, "null");

	weir_buf_bool(out, null);
	for (uint32_t i = 0; null && i < *(const uint32_t *)t->detail; i++)
		weir_buf_u8(out, 0);
	return null ? 0 : weir__value_parse(t->fields[0].type, j, out);
}

static bool hash_nullable(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	const struct weir_type *inner = t->fields[0].type;
	struct weir_arena mem = { 0 };
	bool known = true;

	*out = 0;
	if (!weir_src_bool(src)) {
		void *v = weir_arena_zero(&mem, inner->size + (size_t)1);

		known = v && weir_type_read(inner, src, &mem, v, NULL) == 0 && weir_type_java_hash(inner, v, out, NULL) == 0;
	}
	weir_arena_fini(&mem);
	return known;
}

static int length_nullable(const struct weir_type *t)
{
	uint32_t padding = *(const uint32_t *)t->detail;

	return padding ? 1 + (int)padding : -1;
}

static const struct weir_serializer nullable = { .name = "nullable", .min = 1, .skip = skip_nullable, .put_json = walk_nullable, .parse = parse_nullable,
						 .java_hash = hash_nullable, .length = length_nullable };

#define SIMPLE(class_name, s) { .name = class_name, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
#define COMPOSITE(class_name, s, max, n, fn) \
	{ .name = class_name, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .serializer = &(s), .outer = max, .nested = n, .read = fn }
#define PRIMITIVE(X, s) SIMPLE(BASE "array." X "PrimitiveArraySerializer$" X "PrimitiveArraySerializerSnapshot", s)
const struct weir__snapshot_class weir__serializers_collection[] = {
	PRIMITIVE("Boolean", boolean_array),
	PRIMITIVE("Char", char_array),
	PRIMITIVE("Short", int16_array),
	PRIMITIVE("Int", int32_array),
	PRIMITIVE("Long", int64_array),
	PRIMITIVE("Float", float_array),
	PRIMITIVE("Double", double_array),
	SIMPLE(BASE "array.StringArraySerializer$StringArraySerializerSnapshot", string_array),
	COMPOSITE(BASE "SetSerializerSnapshot", set, 1, 1, NULL),
	COMPOSITE(BASE "GenericArraySerializerSnapshot", object_array, 1, 1, read_component),
	{ .name = BASE "EnumSerializer$EnumSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &enumeration, .read = read_enum },
	COMPOSITE(RUNTIME "JavaEitherSerializerSnapshot", either, 1, 2, NULL),
	COMPOSITE(RUNTIME "EitherSerializerSnapshot", either, 2, 2, NULL),
	COMPOSITE(RUNTIME "NullableSerializer$NullableSerializerSnapshot", nullable, 2, 1, read_padding),
	{ .name = NULL },
};
