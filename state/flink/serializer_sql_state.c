// SPDX-License-Identifier: Apache-2.0
/*
 * Serializers of what SQL operators keep beside rows: linked lists, sorted and null-aware maps, views of lists and maps, windows, null, sorted
 * longs, and the records of the sequenced multiset (2.2). docs/formats/serializers.md, "SQL".
 * Objects show as {"@":class,field:..}. Pure.
 */
#include "state/flink/java_object.h"
#include "state/flink/sql_type.h"

#include "base/arena.h"
#include "base/json.h"

#include <stdlib.h>

#define TABLE "org.apache.flink.table.runtime.typeutils."
#define VIEW "org.apache.flink.table.dataview."
#define WINDOW "org.apache.flink.table.runtime.operators.window."
#define LINKED "org.apache.flink.table.runtime.sequencedmultisetstate.linked."

/* A value to JSON, or only past it when out is NULL. */
static void walk(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	if (out)
		weir__value_json(t, src, tail, out);
	else
		(void)!weir__value_skip(t, src, tail);
}

static void put(struct weir_buf *out, const char *text)
{
	if (out)
		weir_buf_text(out, text);
}

/* ---- LinkedList: i32 n, since 1.14 a mask of nulls, the elements that are not null ---- */

static bool has_mask(const struct weir_type *t)
{
	return t->detail != NULL;
}

static void walk_list(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint32_t min = t->fields[0].type->wire_min, n = has_mask(t) ? (uint32_t)weir_src_i32(src) : weir__wire_count(src, min), last;
	const uint8_t *mask = NULL;

	if (has_mask(t)) {
		if (n > INT32_MAX || ((size_t)n + 7) / 8 > weir_src_left(src))
			weir_src_fail(src, WEIR_ECORRUPT, "a linked list has more elements than bytes");
		mask = weir_src_take(src, src->code ? 0 : (n + (size_t)7) / 8);
		if (!src->code && n % 8 && mask[n / 8] & 0xffu >> n % 8)
			weir_src_fail(src, WEIR_ECORRUPT, "the null mask of a linked list has bits beyond its elements");
		if (!src->code && !min && n > WEIR__EMPTY_ITEMS)
			weir_src_fail(src, WEIR_ECORRUPT, "a count of elements without bytes is implausibly large");
	}
	if (src->code)
		return;
	for (last = n; mask && last > 0 && weir__mask_bit(mask, last - 1);)
		last--;
	put(out, "[");
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (i)
			put(out, ",");
		if (mask && weir__mask_bit(mask, i))
			put(out, "null");
		else
			walk(t->fields[0].type, src, tail && i + 1 == last, out);
	}
	put(out, "]");
}

static void skip_list(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_list(t, src, tail, NULL);
}

static int parse_list(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct weir_buf mask = { 0 }, elements = { 0 };
	int code = weir__json_expect(j, '[');
	bool done = !code && weir__json_take(j, ']');
	uint32_t n = 0;

	while (!code && !done) {
		bool null = has_mask(t) && weir__json_word(j, "null");

		if (n % 8 == 0)
			weir_buf_u8(&mask, 0);
		if (null && !mask.code)
			mask.data[n / 8] |= (uint8_t)(0x80u >> n % 8);
		if (!null)
			code = weir__value_parse(t->fields[0].type, j, &elements);
		n++;
		if (!code) {
			done = weir__json_take(j, ']');
			code = done ? 0 : weir__json_expect(j, ',');
		}
	}
	weir_buf_u32(out, n);
	if (has_mask(t))
		weir_buf_put_slice(out, weir_buf_slice(&mask));
	weir_buf_put_slice(out, weir_buf_slice(&elements));
	if (mask.code | elements.code)
		out->code = WEIR_ENOMEM;
	weir_buf_fini(&mask);
	weir_buf_fini(&elements);
	return code;
}

static const struct weir_serializer linked_list = { .name = "linked list", .min = 4, .skip = skip_list, .put_json = walk_list, .parse = parse_list };

static void read_linked_list(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	static const bool yes = true;
	bool mask = r->version == 2;

	(void)c;
	if (r->version >= 3)
		mask = weir__wire_bool(r->src, "the flag for null masks of a linked list is neither 0 nor 1");
	t->detail = mask ? &yes : NULL;
}

/* ---- maps: i32 n; each: [bool key is null] key, bool value is null, value ---- */

static const struct weir_serializer sorted_map, null_aware_map;

static void walk_map(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	bool null_keys = t->serializer == &null_aware_map, sorted = out && null_keys;
	uint32_t n = weir__wire_count(src, null_keys ? 2 : t->fields[0].type->wire_min + 1);
	struct weir__json_item *pairs = sorted ? malloc((n + (size_t)1) * sizeof(*pairs)) : NULL;
	size_t start;

	if (sorted && !pairs) {
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a map");
		return;
	}
	put(out, "[");
	start = out ? out->len : 0;
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (sorted)
			pairs[i].at = out->len;
		else if (i)
			put(out, ",");
		put(out, "[");
		if (null_keys && weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			put(out, "null");
		else
			walk(t->fields[0].type, src, false, out);
		put(out, ",");
		if (weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			put(out, "null");
		else
			walk(t->fields[1].type, src, tail && i + 1 == n, out);
		put(out, "]");
	}
	if (sorted && !src->code && !out->code)
		weir__json_sort(out, start, pairs, n);
	put(out, "]");
	free(pairs);
}

static void skip_map(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_map(t, src, tail, NULL);
}

static int parse_nullable(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	bool null = weir__json_word(j, "null");

	weir_buf_bool(out, null);
	return null ? 0 : weir__value_parse(t, j, out);
}

static int parse_map(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	size_t at = out->len;
	int code = weir__json_expect(j, '[');
	bool done = !code && weir__json_take(j, ']');
	uint32_t n = 0;

	weir_buf_u32(out, 0);
	while (!code && !done) {
		n++;
		code = weir__json_expect(j, '[');
		if (!code)
			code = t->serializer == &null_aware_map ? parse_nullable(t->fields[0].type, j, out) : weir__value_parse(t->fields[0].type, j, out);
		if (!code)
			code = weir__json_expect(j, ',');
		if (!code)
			code = parse_nullable(t->fields[1].type, j, out);
		if (!code)
			code = weir__json_expect(j, ']');
		if (!code) {
			done = weir__json_take(j, ']');
			code = done ? 0 : weir__json_expect(j, ',');
		}
	}
	if (!out->code)
		weir_buf_patch_u32(out, at, n);
	return code;
}

static const struct weir_serializer sorted_map = { .name = "sorted map", .min = 4, .skip = skip_map, .put_json = walk_map, .parse = parse_map };
static const struct weir_serializer null_aware_map = { .name = "map with null keys", .min = 4, .skip = skip_map, .put_json = walk_map, .parse = parse_map };

static void read_sorted_map(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	(void)c;
	if (!r->src->code && (r->version < 1 || r->version > 3))
		weir_src_fail(r->src, WEIR_EVERSION, "the snapshot of a sorted map is of a version weir does not know");
	weir__java_skip(r, 1); /* the comparator: entries are stored in its order */
	weir__snapshot_nested(r, t, 2, true);
}

/* ---- objects whose fields follow each other ---- */

struct object {
	const struct weir_serializer serializer;
	const char *class_name;
	const char *names[7];       /* of the fields */
	bool stamp;                 /* the first is an i64 without a serializer of its own */
	bool hex;                   /* rows inside are shown as bytes, as Flink's object shows them, which does not know their types */
};

static const struct object *object_of(const struct weir_type *t);

/* Checked as what it is; shown without its size. */
static void walk_hex(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	const uint8_t *start = src->p;

	if (weir__value_skip(t, src, tail) == 0 && out)
		weir__put_hex_json(out, (struct weir_slice){ start + 4, (size_t)(src->p - start) - 4 });
}

static void walk_object(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	const struct object *o = object_of(t);
	uint32_t name = 0;

	put(out, "{\"@\":\"");
	put(out, o->class_name);
	put(out, "\"");
	if (o->stamp) {
		int64_t v = weir_src_i64(src);

		if (out)
			weir_buf_printf(out, ",\"%s\":%lld", o->names[name], (long long)v);
		name++;
	}
	for (uint32_t i = 0; i < t->nfields && !src->code; i++) {
		if (out)
			weir_buf_printf(out, ",\"%s\":", o->names[name + i]);
		if (o->hex)
			walk_hex(t->fields[i].type, src, tail && i + 1 == t->nfields, out);
		else
			walk(t->fields[i].type, src, tail && i + 1 == t->nfields, out);
	}
	put(out, "}");
}

static void skip_object(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_object(t, src, tail, NULL);
}

static int parse_object(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	const struct object *o = object_of(t);
	struct json_span spans[7];
	uint32_t n = t->nfields + o->stamp;
	struct json_in saved;
	int code = weir__json_object(j, n, o->names, o->class_name, spans);

	saved = *j;
	for (uint32_t i = 0; i < n && !code; i++) {
		if (!spans[i].p) {
			code = weir_error_set(j->err, WEIR_EPARSE, "JSON: an object of class %s lacks \"%s\"", o->class_name, o->names[i]);
			break;
		}
		j->p = spans[i].p;
		j->end = spans[i].end;
		code = weir__value_parse(o->stamp && i == 0 ? &weir_int64 : o->hex ? &weir_bytes : t->fields[i - o->stamp].type, j, out);
		if (!code && weir__json_peek(j))
			code = weir__json_fail(j, "the end of the field");
		*j = saved;
	}
	return code;
}

static uint32_t least_object(const struct weir_type *t)
{
	uint64_t n = object_of(t)->stamp ? 8 : 0;

	for (uint32_t i = 0; i < t->nfields; i++)
		n += t->fields[i].type->wire_min;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

#define OBJECT(title) { .name = title, .skip = skip_object, .put_json = walk_object, .parse = parse_object, .least = least_object }
static const struct object objects[] = {
	{ OBJECT("ListView"), "org.apache.flink.table.api.dataview.ListView", { "list" }, false, false },
	{ OBJECT("MapView"), "org.apache.flink.table.api.dataview.MapView", { "map" }, false, false },
	{ OBJECT("WindowKey"), "org.apache.flink.table.runtime.util.WindowKey", { "window", "key" }, true, true },
	{ OBJECT("CountWindow"), WINDOW "CountWindow", { "id" }, true, false },
	{ OBJECT("MetaSqnInfo"), LINKED "MetaSqnInfo", { "highSqn", "size" }, false, false },
	{ OBJECT("RowSqnInfo"), LINKED "RowSqnInfo", { "firstSqn", "lastSqn" }, false, false },
	{ OBJECT("Node"), LINKED "Node", { "row", "sqn", "prevSqn", "nextSqn", "nextSqnForRecord", "timestamp" }, false, false },
	{ OBJECT("RowDataKey"), LINKED "RowDataKey", { "rowData" }, false, false },
};
enum { LIST_VIEW, MAP_VIEW, WINDOW_KEY, COUNT_WINDOW, META_SQN, ROW_SQN, NODE, ROW_DATA_KEY };

static const struct object *object_of(const struct weir_type *t)
{
	return (const struct object *)(const void *)t->serializer; /* its first member */
}

/* i32 length and Java object, twice: the code that compares and hashes keys; then the row's snapshot. */
static void read_row_data_key(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	(void)c;
	if (!r->src->code && r->version != 0)
		weir_src_fail(r->src, WEIR_EVERSION, "the snapshot of a RowDataKey is of a version weir does not know");
	weir_src_blob32(r->src);
	weir_src_blob32(r->src);
	if (!r->src->code && weir__snapshot_fields(r, t, 1))
		t->fields[0].type = weir__snapshot_inner(r, true);
}

/* A composite of outer version 1 whose nested serializer must be one of rows: its values have a size in front. */
static void read_window_key(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	(void)c;
	if (!r->src->code && (r->version != 3 || weir_src_i32(r->src) != WEIR__COMPOSITE_MAGIC || weir_src_i32(r->src) != 1))
		weir_src_fail(r->src, WEIR_EVERSION, "the snapshot of a WindowKey is of a version weir does not know");
	weir__snapshot_nested(r, t, 1, true);
	if (!r->src->code && !weir__sql_is_row(t->fields[0].type))
		weir_src_fail(r->src, WEIR_ECORRUPT, "the serializer inside that of a WindowKey is not one of rows");
	t->snapshot_version = 1;
}

/* ---- the rest: null, sorted longs, windows, rows of unknown types ---- */

static void skip_byte(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)t, (void)tail;
	weir_src_u8(src);
}

static void put_null(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	skip_byte(t, src, tail);
	weir_buf_text(out, "null");
}

static int parse_null(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	(void)t;
	weir_buf_u8(out, 0);
	return weir__json_word(j, "null") ? 0 : weir__json_fail(j, "null");
}

static int length_of_min(const struct weir_type *t)
{
	return (int)t->serializer->min;
}

static const struct weir_serializer null = { .name = "null", .min = 1, .skip = skip_byte, .put_json = put_null, .parse = parse_null, .length = length_of_min };

static void put_global(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	skip_byte(t, src, tail);
	weir_buf_text(out, "{\"@\":\"" WINDOW "GlobalWindow\"}");
}

static int parse_global(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct json_span none;

	(void)t;
	weir_buf_u8(out, 0);
	return weir__json_object(j, 0, NULL, WINDOW "GlobalWindow", &none);
}

static const struct weir_serializer global_window = { .name = "table GlobalWindow", .min = 1, .skip = skip_byte, .put_json = put_global, .parse = parse_global, .length = length_of_min };

static void skip_long(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)t, (void)tail;
	weir_src_u64(src);
}

static void put_long(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)t, (void)tail;
	weir_json_i64(out, (int64_t)(weir_src_u64(src) ^ (uint64_t)1 << 63));
}

static int parse_long(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	int64_t v = 0;
	int code = weir__json_int(j, INT64_MIN, INT64_MAX, &v);

	(void)t;
	weir_buf_u64(out, (uint64_t)v ^ (uint64_t)1 << 63);
	return code;
}

static bool hash_long(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	uint64_t v = weir_src_u64(src) ^ (uint64_t)1 << 63;

	(void)t;
	*out = (int32_t)(uint32_t)(v ^ v >> 32);
	return true;
}

static const struct weir_serializer sorted_long = { .name = "sorted long", .min = 8, .skip = skip_long, .put_json = put_long, .parse = parse_long, .java_hash = hash_long, .length = length_of_min };

/* BinaryRowData whose types the snapshot does not say: i32 size, image. */
static void walk_binary_row(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint32_t arity = *(const uint32_t *)t->detail;
	struct weir_slice s = weir_src_blob32(src);

	(void)tail;
	if (!src->code && s.len < ((uint64_t)arity + 63 + 8) / 64 * 8 + 8 * (uint64_t)arity)
		weir_src_fail(src, WEIR_ECORRUPT, "a binary row is shorter than its fields");
	if (!src->code && out)
		weir__put_hex_json(out, s);
}

static void skip_binary_row(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_binary_row(t, src, tail, NULL);
}

static int parse_binary_row(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	(void)t;
	return weir__value_parse(&weir_bytes, j, out); /* i32 length, bytes: the same form */
}

static const struct weir_serializer binary_row = { .name = "binary row", .min = 4, .skip = skip_binary_row, .put_json = walk_binary_row, .parse = parse_binary_row };

static void read_binary_row(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	uint32_t *arity = weir__snapshot_zero(r, sizeof(*arity));

	(void)c;
	if (!arity)
		return;
	if (r->version < 1 || r->version > 3)
		weir_src_fail(r->src, WEIR_EVERSION, "the snapshot of a binary row is of a version weir does not know");
	*arity = weir_src_u32(r->src);
	if (!r->src->code && *arity > INT32_MAX)
		weir_src_fail(r->src, WEIR_ECORRUPT, "a binary row has a negative number of fields");
	t->detail = arity;
}

#define SIMPLE(X, s) { .name = X, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
#define OWN(X, s, read_fn) { .name = X, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &(s), .read = read_fn }
#define COMPOSITE(X, s, version, n) { .name = X, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .outer = version, .serializer = &(s), .nested = n }
const struct weir__snapshot_class weir__serializers_sql_state[] = {
	{ .name = TABLE "LinkedListSerializer$LinkedListSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .outer = 3, .serializer = &linked_list, .nested = 1,
	  .read = read_linked_list },
	OWN(TABLE "SortedMapSerializerSnapshot", sorted_map, read_sorted_map),
	COMPOSITE(VIEW "NullAwareMapSerializerSnapshot", null_aware_map, 1, 2),
	COMPOSITE(VIEW "ListViewSerializerSnapshot", objects[LIST_VIEW].serializer, 1, 1),
	COMPOSITE(VIEW "MapViewSerializerSnapshot", objects[MAP_VIEW].serializer, 1, 1),
	{ .name = TABLE "WindowKeySerializer$WindowKeySerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &objects[WINDOW_KEY].serializer, .read = read_window_key },
	COMPOSITE(LINKED "MetaSqnInfoSerializer$MetaSqnInfoSerializerSnapshot", objects[META_SQN].serializer, 0, 2),
	COMPOSITE(LINKED "RowSqnInfoSerializer$RowSqnInfoSerializerSnapshot", objects[ROW_SQN].serializer, 0, 2),
	COMPOSITE(LINKED "NodeSerializer$NodeSerializerSnapshot", objects[NODE].serializer, 0, 6),
	OWN(LINKED "RowDataKeySerializerSnapshot", objects[ROW_DATA_KEY].serializer, read_row_data_key),
	SIMPLE(VIEW "NullSerializer$NullSerializerSnapshot", null),
	SIMPLE("org.apache.flink.table.runtime.operators.sink.SortedLongSerializer$SortedLongSerializerSnapshot", sorted_long),
	SIMPLE(TABLE "SortedLongSerializer$SortedLongSerializerSnapshot", sorted_long),
	OWN(TABLE "BinaryRowDataSerializer$BinaryRowDataSerializerSnapshot", binary_row, read_binary_row),
	OWN(TABLE "BinaryRowSerializer$BinaryRowSerializerSnapshot", binary_row, read_binary_row), /* 1.10 */
	{ .name = WINDOW "TimeWindow$Serializer$TimeWindowSerializerSnapshot", .kind = WEIR_TIME_WINDOW, .form = WEIR__SNAPSHOT_SIMPLE },
	SIMPLE(WINDOW "GlobalWindow$Serializer$GlobalWindowSerializerSnapshot", global_window),
	SIMPLE(WINDOW "CountWindow$Serializer$CountWindowSerializerSnapshot", objects[COUNT_WINDOW].serializer),
	{ .name = NULL },
};
