// SPDX-License-Identifier: Apache-2.0
/*
 * Avro: vectors of Flink 1.20.1 and 2.1.1 (avro_vectors.h), the three versions of the snapshot, schemas, logical types, hash codes, damage.
 */
#include "tests/unit/type/avro_vectors.h"
#include "tests/unit/type/damage.h"

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

#define GENERIC "org.apache.avro.generic.GenericRecord"

static struct weir_slice snapshot_of(int version, const char *java, const char *schema)
{
	struct weir_buf b = { 0 };
	struct weir_slice s;
	size_t bad;

	(void)bad;
	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, "org.apache.flink.formats.avro.typeutils.AvroSerializerSnapshot");
	weir_buf_i32(&b, version);
	if (version == 3) {
		weir_buf_varint(&b, (uint32_t)strlen(java) + 1); /* ASCII only */
		weir_buf_text(&b, java);
		weir_buf_varint(&b, (uint32_t)strlen(schema) + 1);
		weir_buf_text(&b, schema);
	} else {
		if (version == 2)
			weir_buf_utf(&b, java);
		weir_buf_utf(&b, schema);
	}
	s = (struct weir_slice){ weir_arena_copy(&A, b.data, b.len), b.len };
	weir_buf_fini(&b);
	return s;
}

static struct weir_type *avro_of(const char *java, const char *schema)
{
	struct weir_type *t = type_of_snapshot(&A, snapshot_of(3, java, schema), &err);

	ck_assert_msg(t != NULL, "%s: %s", schema, err.msg);
	return t;
}

WEIR_TEST(what_flink_wrote_is_shown_as_avro_shows_it)
{
	for (size_t i = 0; i < sizeof(avro_vectors) / sizeof(avro_vectors[0]); i++) {
		const struct avro_vector *v = &avro_vectors[i];
		struct weir_type *t = avro_of(GENERIC, v->schema);
		struct weir_slice data = unhex(&A, v->hex);
		struct weir_src src = weir_src_of(data, NULL, 0);

		ck_assert_msg(strcmp(json_of(&A, t, data), v->json) == 0, "%s\nshown  %s\nwanted %s", v->name, json_of(&A, t, data), v->json);
		ck_assert_int_eq(weir_type_skip(t, &src), 0);
		ck_assert_uint_eq(weir_src_left(&src), 0);
		ck_assert_uint_le(t->wire_min, data.len);
		if (v->again)
			ck_assert_str_eq(typed_hex(&A, t, v->json), v->hex);
	}
}

WEIR_TEST(vectors_of_the_specification)
{
	struct weir_type *t = avro_of(GENERIC,
				      "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"s\",\"type\":\"string\"},"
				      "{\"name\":\"u\",\"type\":[\"null\",\"double\"]},{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
				      "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"boolean\"}},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"int\"}},"
				      "{\"name\":\"b\",\"type\":\"bytes\"},{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}}]}");

	ck_assert_str_eq(json_of(&A, t, unhex(&A, "fffffffe00000000000000030000000368c3a9000000013ff8000000000000000000010201000001000000016b000000070000000001090102")),
			 "\"{\\\"i\\\": -2, \\\"l\\\": 3, \\\"s\\\": \\\"h\xc3\xa9\\\", \\\"u\\\": 1.5, \\\"e\\\": \\\"B\\\", \\\"a\\\": [true, false], \\\"m\\\": {\\\"k\\\": 7}, \\\"b\\\": "
			 "\\\"\\\\t\\\", \\\"f\\\": [1, 2]}\"");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "fffffffe00000000000000030000000368c3a900000000000000010001000000016b000000070000000001090102")),
			 "\"{\\\"i\\\": -2, \\\"l\\\": 3, \\\"s\\\": \\\"h\xc3\xa9\\\", \\\"u\\\": null, \\\"e\\\": \\\"B\\\", \\\"a\\\": [], \\\"m\\\": {\\\"k\\\": 7}, \\\"b\\\": \\\"\\\\t\\\", "
			 "\\\"f\\\": [1, 2]}\"");
	/* typed as an object, in any order */
	ck_assert_str_eq(typed_hex(&A, t, "{\"f\":[1,2],\"b\":\"\\t\",\"m\":{\"k\":7},\"a\":[true,false],\"e\":\"B\",\"u\":1.5,\"s\":\"h\xc3\xa9\",\"l\":3,\"i\":-2}"),
			 "fffffffe00000000000000030000000368c3a9000000013ff8000000000000000000010201000001000000016b000000070000000001090102");
}

#define POINT "{\"type\":\"record\",\"name\":\"P\",\"namespace\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"},{\"name\":\"y\",\"type\":[\"null\",\"a.P\"]}]}"

WEIR_TEST(every_version_of_the_snapshot)
{
	char text[100];

	for (int version = 1; version <= 3; version++) {
		struct weir_type *t = type_of_snapshot(&A, snapshot_of(version, "a.P", POINT), &err);

		ck_assert_msg(t != NULL, "%s", err.msg);
		ck_assert_str_eq(weir_type_text(t, text, sizeof(text)), "Avro a.P{x, y}");
		ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000001" "00000001" "00000002" "00000000")), "\"{\\\"x\\\": 1, \\\"y\\\": {\\\"x\\\": 2, \\\"y\\\": null}}\"");
	}
	ck_assert_ptr_null(type_of_snapshot(&A, snapshot_of(4, "a.P", POINT), &err));
	ck_assert_int_eq(err.code, WEIR_EVERSION);
	ck_assert_ptr_nonnull(strstr(err.msg, "Avro serializer snapshot is of a version"));
	weir_error_clear(&err);
}

/* A schema that is none leaves the values opaque; the snapshot ends where it ends all the same. */
WEIR_TEST(schemas_that_are_none)
{
	static const char *const none[] = { "", "{", "5", "\"nothing\"", "{\"type\":\"record\",\"name\":\"R\"}", "{\"type\":\"record\",\"fields\":[]}",
					    "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":1e18}", "{\"type\":\"enum\",\"name\":\"E\"}",
					    "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[1]}", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "{\"type\":\"array\"}", "{\"type\":\"map\",\"values\":\"x.Y\"}", "[[[[5]]]]" };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct weir_type *t = avro_of(GENERIC, none[i]);

		ck_assert_msg(t->kind == WEIR_OPAQUE, "%s", none[i]);
		ck_assert_str_eq(json_of(&A, t, unhex(&A, "01")), "{\"hex\":\"01\"}");
	}
}

WEIR_TEST(deep_schemas_end)
{
	struct weir_buf b = { 0 };

	for (int i = 0; i < 20000; i++)
		weir_buf_u8(&b, '[');
	ck_assert_int_eq(avro_of(GENERIC, weir_buf_cstr(&b))->kind, WEIR_OPAQUE);
	weir_buf_clear(&b);
	for (int i = 0; i < 200; i++)
		weir_buf_text(&b, "{\"type\":\"array\",\"items\":");
	weir_buf_text(&b, "\"int\"");
	for (int i = 0; i < 200; i++)
		weir_buf_u8(&b, '}');
	ck_assert_int_eq(avro_of(GENERIC, weir_buf_cstr(&b))->kind, WEIR_OPAQUE);
	weir_buf_fini(&b);
}

/* Schemas whose values need no bytes: endless inside themselves, or of 2^60 parts. */
WEIR_TEST(values_without_bytes_end)
{
	struct weir_type *t = avro_of(GENERIC, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"r\",\"type\":\"R\"}]}");
	struct weir_buf b = { 0 };

	ck_assert_str_eq(json_of(&A, t, unhex(&A, "")), "UNSUPPORTED");
	weir_buf_text(&b, "[{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}");
	for (int i = 1; i < 60; i++)
		weir_buf_printf(&b, ",{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":\"R%d\"},{\"name\":\"b\",\"type\":\"R%d\"}]}", i, i - 1, i - 1);
	weir_buf_u8(&b, ']');
	t = avro_of(GENERIC, weir_buf_cstr(&b));
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "0000003b")), "CORRUPT");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000001")), "\"{\\\"a\\\": {}, \\\"b\\\": {}}\"");
	t = avro_of(GENERIC, "{\"type\":\"array\",\"items\":\"null\"}");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "ffffffff0700")), "CORRUPT");
	weir_buf_fini(&b);
}

#define TIMES "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"d\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},{\"name\":\"t\",\"type\":{\"type\":\"int\",\"logicalType\":\"time-millis\"}}," \
	      "{\"name\":\"s\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},{\"name\":\"l\",\"type\":{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}}]}"

/* Generic records hold the numbers, generated classes java.time. */
WEIR_TEST(logical_types)
{
	static const char hex[] = "00004650" "0036ee81" "00000000000003e8" "00000000000003e9";
	struct weir_type *t = avro_of(GENERIC, TIMES);

	ck_assert_str_eq(json_of(&A, t, unhex(&A, hex)), "\"{\\\"d\\\": 18000, \\\"t\\\": 3600001, \\\"s\\\": 1000, \\\"l\\\": 1001}\"");
	ck_assert_str_eq(typed_hex(&A, t, json_of(&A, t, unhex(&A, hex))), hex);
	t = avro_of("a.T", TIMES);
	ck_assert_str_eq(json_of(&A, t, unhex(&A, hex)),
			 "\"{\\\"d\\\": \\\"2019-04-14\\\", \\\"t\\\": \\\"01:00:00.001\\\", \\\"s\\\": \\\"1970-01-01T00:00:01Z\\\", \\\"l\\\": \\\"1970-01-01T00:00:00.001001\\\"}\"");
	ck_assert_str_eq(typed_hex(&A, t, json_of(&A, t, unhex(&A, hex))), hex);
	ck_assert_str_eq(typed_hex(&A, t, "{\"d\":18000,\"t\":3600001,\"s\":1000,\"l\":1001}"), hex);
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"d\":\"2019-02-30\",\"t\":1,\"s\":1,\"l\":1}"), "a date or time"));
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000000" "ffffffff" "7fffffffffffffff" "8000000000000000")),
			 "\"{\\\"d\\\": \\\"1970-01-01\\\", \\\"t\\\": -1, \\\"s\\\": \\\"+292278994-08-17T07:12:55.807Z\\\", \\\"l\\\": \\\"-290308-12-21T19:59:05.224192\\\"}\"");
}

WEIR_TEST(what_does_not_fit_says_why)
{
	struct weir_type *t = avro_of(GENERIC, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"u\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}]}]}");

	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"i\":1}"), "Avro record R lacks \"u\""));
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"i\":1,\"u\":null,\"z\":1}"), "no field is called \"z\""));
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"i\":2147483648,\"u\":null}"), "from -2147483648 to 2147483647"));
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"i\":1,\"u\":\"B\"}"), "a symbol of the enum"));
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "\"{\\\"i\\\": 1, \\\"u\\\": null} more\""), "the end of the value"));
	ck_assert_str_eq(typed_hex(&A, t, "{\"i\":1,\"u\":\"A\"}"), "000000010000000100000000");
}

/* GenericData.hashCode, as Flink's key groups need it; computed by Avro 1.11.4. */
WEIR_TEST(hash_codes)
{
	struct weir_type *t = avro_of(GENERIC, "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"s\",\"type\":\"string\"},{\"name\":\"n\",\"type\":\"long\"},{\"name\":\"x\",\"type\":\"int\",\"order\":\"ignore\"}]}");
	struct weir_slice key = unhex(&A, "00000003" "4f5244" "00000000000007d1" "00000005");
	struct weir_str native = { 0 };
	struct weir_src src = weir_src_of(key, NULL, 0);
	int32_t hash;

	ck_ok(weir_type_read(t, &src, &A, &native, &err));
	ck_ok(weir_type_java_hash(t, &native, &hash, &err));
	ck_assert_int_eq(hash, (31 + ((79 * 31 + 82) * 31 + 68)) * 31 + 2001); /* 31 * (31 * 1 + "ORD".hashCode()) + 2001 */
	t = avro_of(GENERIC, "{\"type\":\"map\",\"values\":\"int\"}");
	src = weir_src_of(unhex(&A, "00"), NULL, 0);
	ck_ok(weir_type_read(t, &src, &A, &native, &err));
	ck_assert_int_eq(weir_type_java_hash(t, &native, &hash, &err), WEIR_EUNSUPPORTED);
	weir_error_clear(&err);
}

WEIR_TEST(damaged_values)
{
	for (size_t i = 0; i < sizeof(avro_vectors) / sizeof(avro_vectors[0]); i++)
		if (strlen(avro_vectors[i].hex) < 700)
			damage_value(avro_of(GENERIC, avro_vectors[i].schema), unhex(&A, avro_vectors[i].hex));
	weir_arena_fini(&A);
}

WEIR_TEST(damaged_snapshots)
{
	for (int version = 1; version <= 3; version++)
		damage_snapshot(snapshot_of(version, "a.P", POINT));
	weir_arena_fini(&A);
}
