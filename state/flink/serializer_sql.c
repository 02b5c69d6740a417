// SPDX-License-Identifier: Apache-2.0
/*
 * Serializers of SQL values: rows, arrays, maps, text, DECIMAL, TIMESTAMP, RAW, and values as the job sees them (ExternalSerializer), with
 * the names that they had in Flink 1.10. docs/formats/serializers.md, "SQL". The values are those of sql_value.c and sql_parse.c.
 *
 * Invariants: a type's detail is its SQL type; a size stands in front of every value of unknown length, so that objects of unknown classes
 * inside (RAW) do not make a row unreadable.
 * Pure.
 */
#include "state/flink/sql_type.h"

#define TABLE "org.apache.flink.table.runtime.typeutils."

static const struct weir_serializer row_data, array_data, map_data, string_data, decimal_data, timestamp_data, raw_value, external;

static const struct weir__sql_type *sql_of(const struct weir_type *t)
{
	static const struct weir__sql_type string = { .root = SQL_VARCHAR, .precision = INT32_MAX };

	return t->serializer == &string_data ? &string : t->detail;
}

static void skip_sql(const struct weir_type *t, struct weir_src *src, bool tail)
{
	weir__sql_value_walk(sql_of(t), src, tail, NULL);
}

static void put_sql(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	weir__sql_value_walk(sql_of(t), src, tail, out);
}

static int parse_sql(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	return weir__sql_value_parse(sql_of(t), j, out);
}

static void put_sql_name(const struct weir_type *t, struct weir_buf *out)
{
	weir__sql_type_text(sql_of(t), out, 0);
}

static uint32_t least_sql(const struct weir_type *t)
{
	return weir__sql_value_min(sql_of(t));
}

static bool framed(const struct weir_type *t)
{
	(void)t;
	return false;
}

bool weir__sql_is_row(const struct weir_type *t)
{
	return t->kind == WEIR_WIRE && t->serializer == &row_data;
}

/* ---- hash codes: Flink's murmur over the bytes ---- */

static uint32_t mix(uint32_t h, uint32_t k)
{
	k *= 0xcc9e2d51u;
	h ^= (k << 15 | k >> 17) * 0x1b873593u;
	return (h << 13 | h >> 19) * 5 + 0xe6546b64u;
}

static int32_t murmur(struct weir_slice s)
{
	uint32_t h = 42;
	size_t i = 0;

	for (; i + 4 <= s.len; i += 4)
		h = mix(h, (uint32_t)s.ptr[i] | (uint32_t)s.ptr[i + 1] << 8 | (uint32_t)s.ptr[i + 2] << 16 | (uint32_t)s.ptr[i + 3] << 24);
	for (; i < s.len; i++)
		h = mix(h, (uint32_t)(int32_t)(int8_t)s.ptr[i]);
	h ^= (uint32_t)s.len;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return (int32_t)(h ^ h >> 16);
}

/* Of rows and text: the bytes behind the size. */
static bool hash_bytes(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	(void)t;
	*out = murmur(weir_src_blob32(src));
	return !src->code;
}

static bool hash_timestamp(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	const struct weir__sql_type *s = t->detail;
	uint64_t ms = weir_src_u64(src);
	uint32_t nanos = s->precision <= 3 ? 0 : weir_src_u32(src);

	*out = (int32_t)(31 * (uint32_t)(ms ^ ms >> 32) + nanos);
	return !src->code;
}

static int length_of_timestamp(const struct weir_type *t)
{
	return ((const struct weir__sql_type *)t->detail)->precision <= 3 ? 8 : 12;
}

static int length_of_decimal(const struct weir_type *t)
{
	(void)t;
	return -1;
}

#define SQL(variable, title, bytes, hash_fn, length_fn) \
	static const struct weir_serializer variable = { .name = title, .min = bytes, .skip = skip_sql, .put_json = put_sql, .parse = parse_sql, \
		.java_hash = hash_fn, .least = least_sql, .undelimited = framed, .length = length_fn, .put_name = put_sql_name }
SQL(row_data, "SQL row", 4, hash_bytes, NULL);
SQL(array_data, "SQL array", 4, NULL, NULL);
SQL(map_data, "SQL map", 4, NULL, NULL);
SQL(decimal_data, "DECIMAL", 5, NULL, length_of_decimal);
SQL(timestamp_data, "TIMESTAMP", 8, hash_timestamp, length_of_timestamp);
static const struct weir_serializer string_data = { .name = "STRING", .min = 4, .skip = skip_sql, .put_json = put_sql, .parse = parse_sql, .text = true, .java_hash = hash_bytes, .put_name = put_sql_name };
static const struct weir_serializer raw_value = { .name = "RAW", .min = 4, .skip = skip_sql, .put_json = put_sql, .parse = parse_sql, .undelimited = framed };

/* ---- snapshots ---- */

static bool version_is(struct weir__snapshot_reader *r, int32_t least, int32_t most)
{
	if (!r->src->code && (r->version < least || r->version > most))
		weir_src_fail(r->src, WEIR_EVERSION, "the snapshot of a SQL serializer is of a version weir does not know");
	return !r->src->code;
}

/* What the serializers of the fields say of RAW types, also inside rows. */
static void learn_raw(struct weir__sql_type *s, const struct weir_type *t, uint32_t depth)
{
	if (depth >= WEIR__TYPE_DEPTH || t->kind != WEIR_WIRE)
		return;
	if (s->root == SQL_RAW && t->serializer == &raw_value && t->nfields == 1)
		s->raw = t->fields[0].type;
	if ((s->root != SQL_ROW && s->root != SQL_STRUCTURED) || t->serializer != &row_data || t->nfields != s->n)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		learn_raw(s->parts[i], t->fields[i].type, depth + 1);
}

static void read_row_data(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	uint32_t n = weir_src_count(r->src, 6);
	struct weir__sql_type *s;

	(void)c;
	if (!version_is(r, 1, 4))
		return;
	if (n > UINT16_MAX) {
		weir_src_fail(r->src, WEIR_ECORRUPT, "a SQL row has more than 65535 fields");
		return;
	}
	s = weir__sql_type_new(r, SQL_ROW, n);
	for (uint32_t i = 0; i < n && !r->src->code; i++)
		s->parts[i] = weir__sql_type_read(r);
	if (r->src->code)
		return;
	t->detail = s;
	weir__snapshot_nested(r, t, n, r->version < 4);
	if (r->version == 4 && weir__wire_bool(r->src, "the flag for field names of a SQL row is neither 0 nor 1")) {
		s->names = weir__snapshot_zero(r, (n + (size_t)1) * sizeof(*s->names));
		for (uint32_t i = 0; i < n && !r->src->code; i++)
			s->names[i] = t->fields[i].name = weir__snapshot_utf(r);
	}
	if (!r->src->code)
		learn_raw(s, t, 0);
}

static void read_array_data(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	uint32_t n = c->serializer == &map_data ? 2 : 1;
	struct weir__sql_type *s;

	if (!version_is(r, 1, 3))
		return;
	s = weir__sql_type_new(r, n == 2 ? SQL_MAP : SQL_ARRAY, n);
	for (uint32_t i = 0; i < n && !r->src->code; i++)
		s->parts[i] = weir__sql_type_read(r);
	t->detail = s;
	weir__java_skip(r, n); /* their serializers, which follow from the types */
}

static void read_decimal(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct weir__sql_type *s = weir__sql_type_new(r, SQL_DECIMAL, 0);

	(void)c;
	if (!s || !version_is(r, 1, 3))
		return;
	s->precision = weir_src_i32(r->src);
	s->scale = weir_src_i32(r->src);
	if (!r->src->code && (s->precision < 1 || s->precision > 38 || s->scale < 0 || s->scale > s->precision))
		weir_src_fail(r->src, WEIR_ECORRUPT, "a DECIMAL serializer has digits that SQL does not allow");
	t->detail = s;
}

static void read_timestamp(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct weir__sql_type *s = weir__sql_type_new(r, SQL_TIMESTAMP, 0);

	(void)c;
	if (!s || !version_is(r, 1, 1))
		return;
	s->precision = weir_src_i32(r->src);
	if (!r->src->code && (s->precision < 0 || s->precision > 9))
		weir_src_fail(r->src, WEIR_ECORRUPT, "a TIMESTAMP serializer has a precision that is not from 0 to 9");
	t->detail = s;
}

/* Before its nested snapshot: the object's serializer. Objects show by it (see raw_of). */
static void read_raw(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct weir__sql_type *s = weir__sql_type_new(r, SQL_RAW, 0);

	(void)c;
	if (!s || !version_is(r, 1, 3))
		return;
	if (r->version == 3 && weir_src_i32(r->src) != WEIR__COMPOSITE_MAGIC)
		weir_src_fail(r->src, WEIR_ECORRUPT, "a composite serializer snapshot lacks its magic number 911108");
	if (r->version == 3)
		t->snapshot_version = weir_src_i32(r->src);
	if (!r->src->code && (t->snapshot_version < 0 || t->snapshot_version > 3))
		weir_src_fail(r->src, WEIR_EVERSION, "a composite serializer snapshot has an outer version weir does not know");
	weir__snapshot_nested(r, t, 1, true);
	if (!r->src->code)
		s->raw = t->fields[0].type;
	t->detail = s;
}

/* ---- values as the job sees them ---- */

/* Does the type of the DataType describe what the internal serializer writes? */
static bool internal_fits(const struct weir__sql_type *s, const struct weir_type *t)
{
	s = weir__sql_resolved(s);
	switch (s->root) {
	case SQL_DATE:
	case SQL_TIME:
	case SQL_INTERVAL_YEAR_MONTH: return t->kind == WEIR_INT32;
	case SQL_INTERVAL_DAY_TIME: return t->kind == WEIR_INT64;
	case SQL_DECIMAL: return t->serializer == &decimal_data && (((const struct weir__sql_type *)t->detail)->precision <= 18) == (s->precision <= 18);
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMP_LTZ: return t->serializer == &timestamp_data && (((const struct weir__sql_type *)t->detail)->precision <= 3) == (s->precision <= 3);
	case SQL_ARRAY: return t->serializer == &array_data;
	case SQL_MULTISET:
	case SQL_MAP: return t->serializer == &map_data;
	case SQL_ROW:
	case SQL_STRUCTURED: return t->serializer == &row_data && t->nfields == s->n;
	default: return false; /* it shows itself as well */
	}
}

static void skip_external(const struct weir_type *t, struct weir_src *src, bool tail)
{
	if (internal_fits(t->detail, t->fields[0].type))
		weir__sql_value_walk(t->detail, src, tail, NULL);
	else
		(void)!weir__value_skip(t->fields[0].type, src, tail);
}

static void put_external(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	if (internal_fits(t->detail, t->fields[0].type))
		weir__sql_value_walk(t->detail, src, tail, out);
	else
		weir__value_json(t->fields[0].type, src, tail, out);
}

static int parse_external(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	return internal_fits(t->detail, t->fields[0].type) ? weir__sql_value_parse(t->detail, j, out) : weir__value_parse(t->fields[0].type, j, out);
}

static uint32_t least_external(const struct weir_type *t)
{
	return t->fields[0].type->wire_min < weir__sql_value_min(t->detail) ? t->fields[0].type->wire_min : weir__sql_value_min(t->detail);
}

static int length_external(const struct weir_type *t)
{
	return weir_type_java_length(t->fields[0].type);
}

static void put_external_name(const struct weir_type *t, struct weir_buf *out)
{
	weir_buf_text(out, "external ");
	weir__sql_type_text(t->detail, out, 0);
}

static const struct weir_serializer external = { .name = "external", .skip = skip_external, .put_json = put_external, .parse = parse_external, .least = least_external, .length = length_external, .put_name = put_external_name };

static void read_external(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	(void)c;
	t->detail = weir__sql_data_type_read(r);
	weir__wire_bool(r->src, "the flag of an ExternalSerializer snapshot is neither 0 nor 1");
}

#define OWN(X, s, read_fn) { .name = X, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &(s), .read = read_fn }
#define SIMPLE(X, s) { .name = X, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
const struct weir__snapshot_class weir__serializers_sql[] = {
	OWN(TABLE "RowDataSerializer$RowDataSerializerSnapshot", row_data, read_row_data),
	SIMPLE(TABLE "StringDataSerializer$StringDataSerializerSnapshot", string_data),
	OWN(TABLE "DecimalDataSerializer$DecimalSerializerSnapshot", decimal_data, read_decimal),
	OWN(TABLE "TimestampDataSerializer$TimestampDataSerializerSnapshot", timestamp_data, read_timestamp),
	OWN(TABLE "ArrayDataSerializer$ArrayDataSerializerSnapshot", array_data, read_array_data),
	OWN(TABLE "MapDataSerializer$MapDataSerializerSnapshot", map_data, read_array_data),
	OWN(TABLE "RawValueDataSerializer$RawValueDataSerializerSnapshot", raw_value, read_raw),
	{ .name = TABLE "ExternalSerializer$ExternalSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .outer = 1, .serializer = &external, .nested = 1,
	  .read = read_external },
	/* Flink 1.10 */
	OWN(TABLE "BaseRowSerializer$BaseRowSerializerSnapshot", row_data, read_row_data),
	SIMPLE(TABLE "BinaryStringSerializer$BinaryStringSerializerSnapshot", string_data),
	OWN(TABLE "DecimalSerializer$DecimalSerializerSnapshot", decimal_data, read_decimal),
	OWN(TABLE "SqlTimestampSerializer$SqlTimestampSerializerSnapshot", timestamp_data, read_timestamp),
	OWN(TABLE "BaseArraySerializer$BaseArraySerializerSnapshot", array_data, read_array_data),
	OWN(TABLE "BaseMapSerializer$BaseMapSerializerSnapshot", map_data, read_array_data),
	OWN(TABLE "BinaryGenericSerializer$BinaryGenericSerializerSnapshot", raw_value, read_raw),
	{ .name = NULL },
};
