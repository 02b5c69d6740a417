// SPDX-License-Identifier: Apache-2.0
/*
 * Scala's types: case classes and tuples, Option, Either, Try, collections, Enumeration, Unit, Nothing. docs/formats/serializers.md, "Scala".
 * The classes moved from org.apache.flink.api.scala.typeutils (1.x) to org.apache.flink.table.api.typeutils (2.x); bytes and snapshots are the same.
 * Shown as objects with their fields, as other classes are; field names of case classes are not stored: _1, _2. Pure.
 */
#include "state/flink/snapshot_priv.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what several share ---- */

static int parse_span(const struct weir_type *t, struct json_in *j, struct json_span span, struct weir_buf *out)
{
	struct json_in in = { j->start, span.p, span.end, j->err };
	int code = weir__value_parse(t, &in, out);

	return !code && weir__json_peek(&in) ? weir__json_fail(&in, "the end of the value") : code;
}

static bool span_is(struct json_span s, const char *text)
{
	return s.p && (size_t)(s.end - s.p) == strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

/* One of two cases, told by a bool in front: the class of each, and the name of its only field (NULL: it has none). */
struct two {
	const char *name, *flag;
	struct { const char *class, *field; } one, other; /* one: the bool is true */
};

static void put_two(const struct two *two, const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	bool first = weir__wire_bool(src, two->flag);
	const char *class = first ? two->one.class : two->other.class, *field = first ? two->one.field : two->other.field;

	if (src->code)
		return;
	weir__wire_text(out, "{\"@\":\"");
	weir__wire_text(out, class);
	weir__wire_text(out, "\"");
	if (field) {
		weir__wire_text(out, ",\"");
		weir__wire_text(out, field);
		weir__wire_text(out, "\":");
		weir__wire_value(t->fields[first || t->nfields == 1 ? 0 : 1].type, src, tail, out);
	}
	weir__wire_text(out, "}");
}

static int parse_two(const struct two *two, const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	const char *names[] = { "@", two->one.field, two->other.field ? two->other.field : two->one.field };
	struct json_span s[3];
	char quoted[64];
	int code = weir__json_object(j, 3, names, NULL, s);
	bool first;

	if (code)
		return code;
	snprintf(quoted, sizeof(quoted), "\"%s\"", two->one.class);
	first = span_is(s[0], quoted);
	snprintf(quoted, sizeof(quoted), "\"%s\"", two->other.class);
	const struct json_span *value = s[1].p ? &s[1] : &s[2];
	bool wants = first || two->other.field;

	if ((!first && !span_is(s[0], quoted)) || (wants && !value->p) || (!wants && value->p))
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: expected {\"@\":\"%s\",\"%s\":..} or \"%s\"", two->one.class, two->one.field, two->other.class);
	weir_buf_bool(out, first);
	return wants ? parse_span(t->fields[first || t->nfields == 1 ? 0 : 1].type, j, *value, out) : 0;
}

/* A serializer whose stepping over and showing are one function. */
#define WALKED(walk) \
	static void skip_##walk(const struct weir_type *t, struct weir_src *src, bool tail) { put_##walk(t, src, tail, NULL); }

#define TWO(variable, ...)                                                                                                                                             \
	static const struct two variable##_cases = { __VA_ARGS__ };                                                                                                    \
	static void put_##variable(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out) { put_two(&variable##_cases, t, src, tail, out); } \
	static int parse_##variable(const struct weir_type *t, struct json_in *j, struct weir_buf *out) { return parse_two(&variable##_cases, t, j, out); }             \
	WALKED(variable)

TWO(option, "Option", "the flag of a Scala Option is neither 0 nor 1", { "scala.Some", "value" }, { "scala.None$", NULL })
TWO(either, "Either", "the flag of a Scala Either is neither 0 nor 1", { "scala.util.Left", "value" }, { "scala.util.Right", "value" })
TWO(try, "Try", "the flag of a Scala Try is neither 0 nor 1", { "scala.util.Success", "value" }, { "scala.util.Failure", "exception" })

#define TWO_ROW(variable, title) static const struct weir_serializer variable = { .name = title, .min = 1, .skip = skip_##variable, .put_json = put_##variable, .parse = parse_##variable }
TWO_ROW(option, "Scala Option");
TWO_ROW(either, "Scala Either");
TWO_ROW(try, "Scala Try");

/* ---- case classes and tuples: the fields, nothing else ---- */

static void read_class(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	(void)c;
	t->detail = weir__snapshot_utf(r);
}

/* pair: as an entry of a map, [key,value]. */
static void put_fields(const struct weir_type *t, struct weir_src *src, bool tail, bool pair, struct weir_buf *out)
{
	weir__wire_text(out, pair ? "[" : "{\"@\":");
	if (out && !pair)
		weir_json_text(out, t->detail);
	for (uint32_t i = 0; i < t->nfields && !src->code; i++) {
		if (out && pair)
			weir_buf_text(out, i ? "," : "");
		else if (out)
			weir_buf_printf(out, ",\"_%u\":", i + 1);
		weir__wire_value(t->fields[i].type, src, tail && i + 1 == t->nfields, out);
	}
	weir__wire_text(out, pair ? "]" : "}");
}

static void put_case(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out) { put_fields(t, src, tail, false, out); }
WALKED(case)

static int parse_case(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	char names[100][8];
	const char *list[100];
	struct json_span s[100];
	uint32_t n = t->nfields;
	int code;

	if (weir__json_take(j, '[')) {
		code = 0;
		for (uint32_t i = 0; i < n && !code; i++) {
			code = i ? weir__json_expect(j, ',') : 0;
			code = code ? code : weir__value_parse(t->fields[i].type, j, out);
		}
		return code ? code : weir__json_expect(j, ']');
	}
	if (n > 100)
		return weir__json_fail(j, "a list of the fields");
	for (uint32_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "_%u", i + 1);
		list[i] = names[i];
	}
	code = weir__json_object(j, n, list, t->detail, s);
	for (uint32_t i = 0; i < n && !code; i++)
		code = s[i].p ? parse_span(t->fields[i].type, j, s[i], out) : weir_error_set(j->err, WEIR_EPARSE, "JSON: %s lacks \"%s\"", (const char *)t->detail, names[i]);
	return code;
}

static uint32_t least_case(const struct weir_type *t)
{
	uint64_t min = 0;

	for (uint32_t i = 0; i < t->nfields; i++)
		min += t->fields[i].type->wire_min;
	return min < INT32_MAX ? (uint32_t)min : INT32_MAX;
}

static int length_case(const struct weir_type *t)
{
	int sum = 0;

	for (uint32_t i = 0; i < t->nfields; i++) {
		int n = weir_type_java_length(t->fields[i].type);

		if (n <= 0 || n > INT32_MAX - sum)
			return -1;
		sum += n;
	}
	return sum;
}

static void name_case(const struct weir_type *t, struct weir_buf *out)
{
	weir_buf_text(out, "case class ");
	weir_buf_text(out, t->detail);
}

static const struct weir_serializer case_class = { .name = "case class", .skip = skip_case, .put_json = put_case, .parse = parse_case, .least = least_case, .length = length_case, .put_name = name_case };

/* ---- collections: i32 count, each a bool notNull and the element. Which collection says the code that builds it ---- */

/* Sets and maps of "...CanBuildFrom[Map[String,Int], ..." are shown sorted. */
static bool is_sorted(const char *builder)
{
	const char *from = strstr(builder, "CanBuildFrom["), *end, *dot;

	from = from ? from + strlen("CanBuildFrom[") : builder;
	end = from + strcspn(from, "[, ");
	dot = end;
	while (dot > from && dot[-1] != '.')
		dot--;
	return end - dot >= 3 && (memcmp(end - 3, "Map", 3) == 0 || memcmp(end - 3, "Set", 3) == 0);
}

/* Whose elements are its entries, Tuple2. */
static bool is_map(const struct weir_type *t)
{
	const struct weir_type *e = t->fields[0].type;

	return e->kind == WEIR_WIRE && e->serializer == &case_class && e->nfields == 2 && strncmp(e->detail, "scala.Tuple2", 12) == 0 && is_sorted(t->detail);
}

static void put_elements(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint32_t n = weir__wire_count(src, 1);
	bool sort = out && is_sorted(t->detail), pairs = is_map(t);
	struct weir__json_item *items = sort ? malloc((n + (size_t)1) * sizeof(*items)) : NULL;
	size_t start;

	if (sort && !items) {
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a Scala collection");
		return;
	}
	weir__wire_text(out, "[");
	start = out ? out->len : 0;
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (sort)
			items[i].at = out->len;
		else
			weir__wire_text(out, i ? "," : "");
		if (!weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			weir__wire_text(out, "null");
		else if (pairs)
			put_fields(t->fields[0].type, src, tail && i + 1 == n, true, out);
		else
			weir__wire_value(t->fields[0].type, src, tail && i + 1 == n, out);
	}
	if (sort && !src->code && !out->code)
		weir__json_sort(out, start, items, n);
	free(items);
	weir__wire_text(out, "]");
}
WALKED(elements)

static int parse_elements(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	size_t at = out->len;
	int code = weir__json_expect(j, '[');
	uint32_t n = 0;
	bool more = !code && !weir__json_take(j, ']');

	weir_buf_u32(out, 0);
	while (more && !code) {
		bool null = weir__json_word(j, "null");

		weir_buf_bool(out, !null);
		code = null ? 0 : weir__value_parse(t->fields[0].type, j, out);
		n++;
		more = !code && weir__json_take(j, ',');
		if (!code && !more)
			code = weir__json_expect(j, ']');
	}
	if (!out->code)
		weir_buf_patch_u32(out, at, n);
	return code;
}

static const struct weir_serializer traversable = { .name = "Scala collection", .min = 4, .skip = skip_elements, .put_json = put_elements, .parse = parse_elements };

/* ---- Enumeration: i32 id ---- */

struct values {
	const char *java;
	uint32_t n;
	const char **names;
	int32_t *ids;
};

static void read_values(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct values *v = weir__snapshot_zero(r, sizeof(*v));
	uint32_t n;

	(void)c;
	if (r->version < 2 || r->version > 3)
		weir_src_fail(r->src, WEIR_EVERSION, "a snapshot of a Scala Enumeration is of a version weir does not know");
	if (!v || r->src->code)
		return;
	v->java = weir__snapshot_utf(r);
	n = weir_src_count(r->src, 6);
	v->names = r->src->code ? NULL : weir__snapshot_zero(r, (n + (size_t)1) * sizeof(*v->names));
	v->ids = v->names ? weir__snapshot_zero(r, (n + (size_t)1) * sizeof(*v->ids)) : NULL;
	for (; v->ids && v->n < n && !r->src->code; v->n++) {
		v->names[v->n] = weir__snapshot_utf(r);
		v->ids[v->n] = weir_src_i32(r->src);
	}
	t->detail = v;
}

static void put_constant(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	const struct values *v = t->detail;
	int32_t id = weir_src_i32(src);
	uint32_t i = 0;

	(void)tail;
	while (i < v->n && v->ids[i] != id)
		i++;
	if (i == v->n)
		weir_src_fail(src, WEIR_ECORRUPT, "the id of an Enumeration's value is not in its snapshot");
	else if (out)
		weir_json_text(out, v->names[i]);
}
WALKED(constant)

static int parse_constant(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	const struct values *v = t->detail;
	struct weir_buf text = { 0 };
	int code = weir__json_string(j, &text);
	uint32_t i = 0;

	while (!code && i < v->n && strcmp(v->names[i], weir_buf_cstr(&text)) != 0)
		i++;
	if (!code && i == v->n)
		code = weir_error_set(j->err, WEIR_EPARSE, "\"%s\" is not a value of %s; the first is %s", weir_buf_cstr(&text), v->java, v->n ? v->names[0] : "missing: it has none");
	if (!code)
		weir_buf_i32(out, v->ids[i]);
	weir_buf_fini(&text);
	return code;
}

static int length_four(const struct weir_type *t)
{
	(void)t;
	return 4;
}

static const struct weir_serializer enumeration = { .name = "Scala Enumeration", .min = 4, .skip = skip_constant, .put_json = put_constant, .parse = parse_constant, .text = true, .length = length_four };

/* ---- Unit: one byte. Nothing: there is no value ---- */

#define UNIT "scala.runtime.BoxedUnit"

static void put_unit(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)t, (void)tail;
	weir_src_u8(src);
	weir__wire_text(out, "{\"@\":\"" UNIT "\"}");
}
WALKED(unit)

static int parse_unit(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct json_span none;

	(void)t;
	weir_buf_u8(out, 0);
	return weir__json_word(j, "null") ? 0 : weir__json_object(j, 0, NULL, UNIT, &none);
}

static int length_one(const struct weir_type *t)
{
	(void)t;
	return 1;
}

static void put_none(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)t, (void)tail, (void)out;
	weir_src_fail(src, WEIR_ECORRUPT, "there is no value of Scala's type Nothing");
}
WALKED(none)

static const struct weir_serializer unit = { .name = "Unit", .min = 1, .skip = skip_unit, .put_json = put_unit, .parse = parse_unit, .length = length_one };
static const struct weir_serializer nothing = { .name = "Nothing", .min = 1, .skip = skip_none, .put_json = put_none };

#define SIMPLE(package, X, s) { .name = package X "SerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
#define COMPOSITE(package, X, s, max, n, fn) \
	{ .name = package X "SerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .serializer = &(s), .outer = max, .nested = n, .read = fn }
#define ROWS(package)                                                              \
	COMPOSITE(package, "ScalaCaseClass", case_class, 2, WEIR__ANY_NESTED, read_class), \
	COMPOSITE(package, "Tuple2CaseClass", case_class, 2, WEIR__ANY_NESTED, read_class), \
	COMPOSITE(package, "ScalaOption", option, 2, 1, NULL),                     \
	COMPOSITE(package, "ScalaEither", either, 2, 2, NULL),                     \
	COMPOSITE(package, "ScalaTry", try, 2, 2, NULL),                           \
	COMPOSITE(package, "Traversable", traversable, 2, 1, read_class),          \
	{ .name = package "ScalaEnumSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &enumeration, .read = read_values }, \
	SIMPLE(package "UnitSerializer$", "Unit", unit), SIMPLE(package, "Nothing", nothing)

const struct weir__snapshot_class weir__serializers_scala[] = {
	ROWS("org.apache.flink.api.scala.typeutils."),
	ROWS("org.apache.flink.table.api.typeutils."),
	{ .name = NULL },
};
