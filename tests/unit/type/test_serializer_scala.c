// SPDX-License-Identifier: Apache-2.0
/*
 * Scala's serializers, Variant and Bitmap. Bytes of flink-table-api-scala's own test data where there are any (Flink's classes for these are not at hand, so
 * the JSON is weir's own).
 */
#include "tests/unit/type/damage.h"

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

#define OLD "org.apache.flink.api.scala.typeutils."
#define NEW "org.apache.flink.table.api.typeutils."

/* A composite snapshot; body: a text in the outer body, or NULL. */
static struct weir_type *composite(const char *class, int outer, const char *body, uint32_t n, struct weir_type *const *fields)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;

	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, class);
	weir_buf_i32(&b, 3);
	weir_buf_i32(&b, 911108);
	weir_buf_i32(&b, outer);
	if (body)
		weir_buf_utf(&b, body);
	weir_buf_i32(&b, 1333245);
	weir_buf_i32(&b, 1);
	weir_buf_u32(&b, n);
	for (uint32_t i = 0; i < n; i++)
		ck_ok(weir_serializer_snapshot_write(fields[i], &b, &err));
	t = type_of_snapshot(&A, (struct weir_slice){ weir_arena_copy(&A, b.data, b.len), b.len }, &err);
	ck_assert_msg(t != NULL, "%s", err.msg);
	weir_buf_fini(&b);
	return t;
}

static struct weir_type *simple(const char *class)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;

	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, class);
	weir_buf_i32(&b, 3);
	t = type_of_snapshot(&A, (struct weir_slice){ weir_arena_copy(&A, b.data, b.len), b.len }, &err);
	ck_assert_msg(t != NULL, "%s", err.msg);
	weir_buf_fini(&b);
	return t;
}

/* Shown, typed again, damaged. */
static void check(const struct weir_type *t, const char *hex, const char *json)
{
	ck_assert_str_eq(json_of(&A, t, unhex(&A, hex)), json);
	ck_assert_str_eq(typed_hex(&A, t, json), hex);
	damage_value(t, unhex(&A, hex));
}

static struct weir_type *const int_string[] = { &weir_int32, &weir_string };

WEIR_TEST(case_classes)
{
	struct weir_type *t = composite(NEW "ScalaCaseClassSerializerSnapshot", 2, "a.CustomCaseClass", 2, (struct weir_type *[]){ &weir_string, &weir_int32 });
	char text[100];

	check(t, "06666c696e6b0000000b", "{\"@\":\"a.CustomCaseClass\",\"_1\":\"flink\",\"_2\":11}");
	ck_assert_str_eq(weir_type_text(t, text, sizeof(text)), "case class a.CustomCaseClass");
	ck_assert_uint_eq(t->wire_min, 5);
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"_1\":\"x\"}"), "a.CustomCaseClass lacks \"_2\""));
	t = composite(OLD "ScalaCaseClassSerializerSnapshot", 2, "scala.Tuple2", 2, int_string);
	check(t, "0000000707417061636865", "{\"@\":\"scala.Tuple2\",\"_1\":7,\"_2\":\"Apache\"}");
	ck_assert_str_eq(typed_hex(&A, t, "[7,\"Apache\"]"), "0000000707417061636865");
	t = composite(OLD "Tuple2CaseClassSerializerSnapshot", 2, "scala.Tuple2", 2, (struct weir_type *[]){ &weir_int32, &weir_int64 });
	check(t, "000000010000000000000002", "{\"@\":\"scala.Tuple2\",\"_1\":1,\"_2\":2}");
	ck_assert_int_eq(weir_type_java_length(t), 12);
}

WEIR_TEST(options_eithers_tries)
{
	struct weir_type *t = composite(OLD "ScalaOptionSerializerSnapshot", 2, NULL, 1, (struct weir_type *[]){ &weir_string });

	check(t, "00", "{\"@\":\"scala.None$\"}");
	check(t, "010261", "{\"@\":\"scala.Some\",\"value\":\"a\"}");
	check(t, "0100", "{\"@\":\"scala.Some\",\"value\":null}");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "02")), "CORRUPT");
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"@\":\"x\"}"), "scala.Some"));
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"@\":\"scala.Some\"}"), "scala.Some"));
	t = composite(NEW "ScalaEitherSerializerSnapshot", 1, NULL, 2, int_string);
	check(t, "000c48656c6c6f20776f726c64", "{\"@\":\"scala.util.Right\",\"value\":\"Hello world\"}");
	check(t, "0100000001", "{\"@\":\"scala.util.Left\",\"value\":1}");
	t = composite(NEW "ScalaTrySerializerSnapshot", 2, NULL, 2, int_string);
	check(t, "0100000001", "{\"@\":\"scala.util.Success\",\"value\":1}");
	check(t, "000261", "{\"@\":\"scala.util.Failure\",\"exception\":\"a\"}");
}

#define BUILDER(T, E) "implicitly[scala.collection.generic.CanBuildFrom[" T ", " E ", " T "]]"

WEIR_TEST(collections)
{
	struct weir_type *t = composite(NEW "TraversableSerializerSnapshot", 2, BUILDER("Seq[Int]", "Int"), 1, (struct weir_type *[]){ &weir_int32 }), *pair;

	check(t, "00000003010000000101000000020100000003", "[1,2,3]");
	check(t, "00000002010000000a00", "[10,null]");
	check(t, "00000000", "[]");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "ffffffff")), "CORRUPT");
	t = composite(OLD "TraversableSerializerSnapshot", 2, BUILDER("scala.collection.mutable.Set[Int]", "Int"), 1, (struct weir_type *[]){ &weir_int32 });
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000002010000000301" "00000001")), "[1,3]"); /* sorted by text, as sets are */
	pair = composite(NEW "ScalaCaseClassSerializerSnapshot", 2, "scala.Tuple2", 2, (struct weir_type *[]){ &weir_string, &weir_int32 });
	t = composite(NEW "TraversableSerializerSnapshot", 2, BUILDER("Map[String,Int]", "(String, Int)"), 1, (struct weir_type *[]){ pair });
	check(t, "000000020107417061636865000000000106466c696e6b00000001", "[[\"Apache\",0],[\"Flink\",1]]");
}

WEIR_TEST(enumerations)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;

	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, NEW "ScalaEnumSerializerSnapshot");
	weir_buf_i32(&b, 3);
	weir_buf_utf(&b, "a.Letters$");
	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, "A");
	weir_buf_i32(&b, 0);
	weir_buf_utf(&b, "C");
	weir_buf_i32(&b, 7);
	t = type_of_snapshot(&A, weir_buf_slice(&b), &err);
	ck_assert_msg(t != NULL, "%s", err.msg);
	check(t, "00000000", "\"A\"");
	check(t, "00000007", "\"C\"");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000001")), "CORRUPT");
	ck_assert_str_eq(typed_hex(&A, t, "\"B\""), "\"B\" is not a value of a.Letters$; the first is A");
	damage_snapshot(weir_buf_slice(&b));
	weir_buf_fini(&b);
}

WEIR_TEST(unit_and_nothing)
{
	check(simple(OLD "UnitSerializer$UnitSerializerSnapshot"), "00", "{\"@\":\"scala.runtime.BoxedUnit\"}");
	ck_assert_int_eq(weir_type_java_length(simple(NEW "UnitSerializer$UnitSerializerSnapshot")), 1);
	ck_assert_str_eq(json_of(&A, simple(NEW "NothingSerializerSnapshot"), unhex(&A, "00")), "CORRUPT");
}

#define BASE "org.apache.flink.api.common.typeutils.base."

WEIR_TEST(variants_and_bitmaps)
{
	struct weir_type *t = simple(BASE "VariantSerializer$VariantSerializerSnapshot");

	check(t, "00000002" "00000003" "0c05" "010000",
	      "{\"@\":\"org.apache.flink.types.variant.BinaryVariant\",\"value\":{\"hex\":\"0c05\"},\"metadata\":{\"hex\":\"010000\"},\"pos\":0}");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000002" "7fffffff" "0c05")), "CORRUPT");
	ck_assert_ptr_nonnull(strstr(typed_hex(&A, t, "{\"value\":{\"hex\":\"00\"}}"), "a Variant is"));
	check(simple(BASE "BitmapSerializer$BitmapSerializerSnapshot"), "000000083a30000000000000", "{\"hex\":\"3a30000000000000\"}");
}
