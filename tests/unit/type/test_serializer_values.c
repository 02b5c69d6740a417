// SPDX-License-Identifier: Apache-2.0
/* Values of serializers that are known by their wire form: vectors that a real Flink wrote, both ways; Java's hash codes; what cannot be typed. */
#include "tests/unit/type/hex.h"

#include "state/flink/snapshot_priv.h"

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

#define BASE "org.apache.flink.api.common.typeutils.base."

static struct weir_type *simple(const char *class_name)
{
	struct weir_buf b = { 0 };
	struct weir_slice s;

	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, class_name);
	weir_buf_i32(&b, 3);
	s = (struct weir_slice){ weir_arena_copy(&A, b.data, b.len), b.len };
	weir_buf_fini(&b);
	return type_of_snapshot(&A, s, &err);
}

static struct weir_type *base(const char *x)
{
	char name[200];
	struct weir_type *t;

	snprintf(name, sizeof(name), BASE "%sSerializer$%sSerializerSnapshot", x, x);
	t = simple(name);
	ck_assert_msg(t && t->kind == WEIR_WIRE, "%s: %s", x, err.msg);
	return t;
}

/* hex reads as json, and json is typed as hex; in memory and back it stays hex. */
static void both(struct weir_type *t, const char *hex, const char *json)
{
	struct weir_slice wire = unhex(&A, hex);
	struct weir_src src = weir_src_of(wire, NULL, 0);
	struct weir_buf out = { 0 };
	struct weir_str v;

	ck_assert_str_eq(json_of(&A, t, wire), json);
	ck_ok(weir_type_from_json(t, json, strlen(json), false, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), tohex(&A, wire));
	ck_ok(weir_type_read(t, &src, &A, &v, &err));
	ck_assert_int_eq(weir_src_left(&src), 0);
	weir_buf_clear(&out);
	ck_ok(weir_type_write(t, &v, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), tohex(&A, wire));
	weir_buf_fini(&out);
}

static void shows(struct weir_type *t, const char *hex, const char *json)
{
	ck_assert_str_eq(json_of(&A, t, unhex(&A, hex)), json);
}

static void hashes(struct weir_type *t, const char *hex, int32_t expected)
{
	struct weir_src src = weir_src_of(unhex(&A, hex), NULL, 0);
	struct weir_str v;
	int32_t h;

	ck_ok(weir_type_read(t, &src, &A, &v, &err));
	ck_ok(weir_type_java_hash(t, &v, &h, &err));
	ck_assert_int_eq(h, expected);
}

static void refuses(struct weir_type *t, const char *json, const char *why)
{
	struct weir_buf out = { 0 };
	struct weir_error e = WEIR_ERROR_INIT;

	ck_assert_int_lt(weir_type_from_json(t, json, strlen(json), false, &out, &e), 0);
	ck_assert_msg(strstr(e.msg, why) != NULL, "%s: %s", json, e.msg);
	weir_buf_fini(&out);
}

WEIR_TEST(dates_and_times)
{
	shows(base("Date"), "00000000000003e8", "\"Thu Jan 01 00:00:01 UTC 1970\"");
	shows(base("Date"), "fffffffffffffc18", "\"Wed Dec 31 23:59:59 UTC 1969\"");
	both(base("Date"), "8000000000000000", "null");
	both(base("SqlTime"), "00000000000003e8", "\"00:00:01\"");
	both(base("SqlDate"), "0000000005265c00", "\"1970-01-02\"");
	both(base("SqlTimestamp"), "00000000000003e9000f4242", "\"1970-01-01 00:00:01.001000002\"");
	both(base("SqlTimestamp"), "800000000000000000000000", "null");
	both(base("LocalDate"), "000007e4021d", "\"2020-02-29\"");
	both(base("LocalDate"), "800000008000", "null");
	both(base("LocalTime"), "173b3a00000007", "\"23:59:58.000000007\"");
	both(base("LocalTime"), "17000000000000", "\"23:00\"");
	both(base("LocalTime"), "80800080000000", "null");
	both(base("LocalDateTime"), "000007e4021d173b3a00000007", "\"2020-02-29T23:59:58.000000007\"");
	both(base("LocalDateTime"), "80000000800080800080000000", "null");
	refuses(base("LocalDate"), "\"2021-02-29\"", "a date as 2001-12-31");
	refuses(base("SqlDate"), "\"+999999999-01-01\"", "fit into 64 bits");
	refuses(base("SqlTimestamp"), "\"-999999999-01-01 00:00\"", "fit into 64 bits");
	shows(base("Date"), "7fffffffffffffff", "\"Sun Aug 17 07:12:55 UTC 292278994\"");
	ck_assert_uint_gt(strlen(json_of(&A, base("SqlTimestamp"), unhex(&A, "800000000000000100000000"))), 20);
	refuses(base("LocalTime"), "\"24:00\"", "a time as");
	hashes(base("LocalDate"), "000007e4021d", 4137117); /* LocalDate.of(2020, 2, 29).hashCode() */
	hashes(base("Date"), "00000000000003e8", 1000);
	ck_assert_str_eq(json_of(&A, base("LocalDate"), unhex(&A, "000007e5021d")), "CORRUPT"); /* 2021-02-29 */
}

WEIR_TEST(big_numbers)
{
	both(base("BigInt"), "00000000", "null");
	both(base("BigInt"), "00000001", "\"0\"");
	both(base("BigInt"), "00000003", "\"10\"");
	both(base("BigInt"), "00000005ff", "\"-1\"");
	both(base("BigInt"), "000000060080", "\"128\"");
	both(base("BigInt"), "00000006ff7f", "\"-129\"");
	both(base("BigInt"), "0000001317c6e3bfd70fdeeaec417172dcbac0", "\"123456789012345678901234567890123456\"");
	shows(base("BigInt"), "000000050a", "\"10\""); /* new BigInteger("10") */
	shows(base("BigInt"), "0000000500", "\"0\"");
	both(base("BigDec"), "00000000", "null");
	both(base("BigDec"), "0000000300000001", "\"1.0\"");
	both(base("BigDec"), "00000006cfc700000003", "\"-12.345\"");
	both(base("BigDec"), "00000002fffffffd", "\"1E+3\"");
	both(base("BigDec"), "0000000100000002", "\"0.00\"");
	both(base("BigDec"), "000000060080" "00000008", "\"0.00000128\"");
	both(base("BigDec"), "000000060080" "0000000a", "\"1.28E-8\"");
	refuses(base("BigInt"), "\"1.5\"", "a whole number");
	refuses(base("BigDec"), "\"1.5.5\"", "a decimal number");
	refuses(base("BigDec"), "\"\"", "a decimal number");
	hashes(base("BigInt"), "00000005ff", -1);
	hashes(base("BigInt"), "0000000905000000" "00", 155); /* 5 << 32 */
	hashes(base("BigDec"), "00000006cfc700000003", -382692); /* new BigDecimal("-12.345").hashCode() */
}

WEIR_TEST(arrays)
{
	both(simple(BASE "array.IntPrimitiveArraySerializer$IntPrimitiveArraySerializerSnapshot"), "0000000200000001ffffffff", "[1,-1]");
	both(simple(BASE "array.CharPrimitiveArraySerializer$CharPrimitiveArraySerializerSnapshot"), "00000002004120ac", "[\"A\",\"\xe2\x82\xac\"]");
	both(simple(BASE "array.StringArraySerializer$StringArraySerializerSnapshot"), "0000000302610001", "[\"a\",null,\"\"]");
	both(simple(BASE "array.DoublePrimitiveArraySerializer$DoublePrimitiveArraySerializerSnapshot"), "000000013ff0000000000000", "[1.0]");
	ck_assert_str_eq(json_of(&A, simple(BASE "array.IntPrimitiveArraySerializer$IntPrimitiveArraySerializerSnapshot"), unhex(&A, "7fffffff00000001")), "CORRUPT");
}

WEIR_TEST(enums_and_nullables)
{
	static const char col[] = "00000002 00506f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e456e75"
				  "6d53657269616c697a657224456e756d53657269616c697a6572536e617073686f74000000030006563324436f6c0000"
				  "000200035245440005475245454e";
	static const char padded[] = "00000002 00596f72672e6170616368652e666c696e6b2e6170692e6a6176612e747970657574696c732e72756e74696d652e4e75"
				     "6c6c61626c6553657269616c697a6572244e756c6c61626c6553657269616c697a6572536e617073686f740000000300"
				     "0de7040000000200000004001457fd0000000100000001004e6f72672e6170616368652e666c696e6b2e6170692e636f"
				     "6d6d6f6e2e747970657574696c732e626173652e496e7453657269616c697a657224496e7453657269616c697a657253"
				     "6e617073686f7400000003";
	struct weir_type *t = type_of_snapshot(&A, unhex(&A, col), &err);
	char text[100];

	ck_assert_ptr_nonnull(t);
	both(t, "00000001", "\"GREEN\"");
	refuses(t, "\"BLUE\"", "\"BLUE\" is not a constant of V3$Col; the first is RED");
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000002")), "CORRUPT");
	ck_assert_str_eq(weir_type_text(t, text, sizeof(text)), "enum V3$Col");
	t = type_of_snapshot(&A, unhex(&A, padded), &err);
	ck_assert_ptr_nonnull(t);
	both(t, "0100000000", "null");
	both(t, "0000000001", "1");
	hashes(t, "0000000007", 7);
	ck_assert_int_eq(weir_type_java_length(t), 5);
}
