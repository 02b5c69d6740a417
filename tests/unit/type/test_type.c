// SPDX-License-Identifier: Apache-2.0
/* Preparation, layout, errors of native values, JSON that is wrong, names of types. */
#include "tests/unit/type/hex.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

#define INNER(F) F(int32, x) F(string, y)
WEIR_RECORD(inner, INNER)
#define WEIR_T_inner inner_type
#define OUTER(F) F(boolean, zulu) F(inner, mike) F(int8, alpha) F(double, bravo) F(int16, tiny) F(timestamp, at) F(char, c) F(bytes, raw)
WEIR_RECORD(outer, OUTER)
#define PAIR(F) F(string, f0) F(int32, f1)
WEIR_RECORD_AS(pair, PAIR, WEIR_TUPLE, NULL)
#define LINE(F) F(int32, n) F(string, word)
WEIR_RECORD_AS(line, LINE, WEIR_ROW, NULL)

static void *prepare_it(void *arg)
{
	struct weir_error e = WEIR_ERROR_INIT;

	(void)arg;
	return weir_type_prepare(&outer_type, &e) ? &outer_type : NULL;
}

WEIR_TEST(records_are_laid_out_as_c_does)
{
	pthread_t th[8];
	char text[200];
	void *result;

	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&th[i], NULL, prepare_it, NULL), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(th[i], &result);
		ck_assert_ptr_null(result);
	}
	ck_assert_int_eq(outer_type.fields[1].offset, offsetof(struct outer, mike));
	ck_assert_int_eq(outer_type.fields[3].offset, offsetof(struct outer, bravo));
	ck_assert_int_eq(outer_type.fields[7].offset, offsetof(struct outer, raw));
	ck_assert(!(outer_type.flags & WEIR_TYPE_FLAT));
	ck_assert_int_eq(outer_type.depth, 3);
	ck_assert_int_eq(weir_type_field(&outer_type, "bravo"), 3);
	ck_assert_int_eq(weir_type_field(&outer_type, "nope"), -1);
	ck_assert_int_eq(outer_type.wire_order[0], 2); /* alpha, at, bravo, c, mike, raw, tiny, zulu */
	ck_assert_int_eq(outer_type.wire_order[1], 5);
	ck_assert_int_eq(outer_type.wire_order[7], 0);
	ck_assert_str_eq(weir_type_text(&outer_type, text, sizeof(text)),
			 "POJO weir.outer{zulu: boolean, mike: POJO weir.inner{x: int32, y: string}, alpha: int8, bravo: double, tiny: int16, at: timestamp, c: char, raw: bytes}");
	ck_assert_str_eq(weir_type_text(&outer_type, text, 20), "POJO weir.outer{...");
}

WEIR_TEST(record_values)
{
	struct outer v = { true, { 7, weir_str_of("inner") }, -1, 1.5, 3, -1, 0x20ac, WEIR_STR_NULL }, w;
	struct weir_buf out = { 0 };
	struct weir_src src;

	ck_ok(weir_type_prepare(&outer_type, &err));
	ck_ok(weir_type_write(&outer_type, &v, &out, &err));
	src = weir_src_of(weir_buf_slice(&out), NULL, 0);
	ck_ok(weir_type_read(&outer_type, &src, &A, &w, &err));
	ck_assert(weir_type_value_equal(&outer_type, &v, &w));
	ck_assert(weir_str_is_null(&w.raw));
	weir_buf_clear(&out);
	ck_assert_int_eq(weir_type_value_json(&outer_type, &v, &out), 0);
	ck_assert_str_eq(weir_buf_cstr(&out), "{\"@\":\"weir.outer\",\"alpha\":-1,\"at\":\"1969-12-31T23:59:59.999Z\",\"bravo\":1.5,\"c\":\"€\","
					      "\"mike\":{\"@\":\"weir.inner\",\"x\":7,\"y\":\"inner\"},\"raw\":null,\"tiny\":3,\"zulu\":true}");
	weir_buf_fini(&out);
}

/* Reading hex into v of type t fails with this code and a message that has both pieces. */
static void refuses(struct weir_type *t, void *v, const char *hex, int code, const char *piece, const char *piece2)
{
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_src src = weir_src_of(unhex(&A, hex), "state/file", 0x1000);

	ck_ok(weir_type_prepare(t, &err));
	ck_assert_str_eq(weir_code_name(weir_type_read(t, &src, &A, v, &e)), weir_code_name(code));
	ck_assert_msg(strstr(e.msg, piece) && strstr(e.msg, piece2), "message: %s", e.msg);
	ck_assert_str_eq(e.path, "state/file");
	ck_assert(e.offset >= 0x1000 && e.offset <= 0x1000 + strlen(hex) / 2);
}

WEIR_TEST(nulls_and_subclasses_do_not_vanish)
{
	struct inner v;
	struct pair p;
	struct line l;
	int64_t at;
	struct weir_str s;

	refuses(&inner_type, &v, "02010000", WEIR_EINCOMPATIBLE, "field x (int32) of inner", "null");
	refuses(&inner_type, &v, "01", WEIR_EINCOMPATIBLE, "null", "");
	refuses(&inner_type, &v, "04000361624302", WEIR_EINCOMPATIBLE, "weir.inner", "subclass");
	refuses(&inner_type, &v, "0800", WEIR_ECORRUPT, "subclass tag", "");
	refuses(&inner_type, &v, "020200000001", WEIR_ECORRUPT, "null flag", "");
	refuses(&inner_type, &v, "0200000000", WEIR_ETRUNCATED, "ends", "");
	refuses(&line_type, &l, "2000", WEIR_EINCOMPATIBLE, "field n (int32) of line", "null");
	refuses(&line_type, &l, "8000000001" "00", WEIR_EINCOMPATIBLE, "row kind", "");
	refuses(&line_type, &l, "0800000001" "00", WEIR_ECORRUPT, "null mask", "");
	refuses(&pair_type, &p, "0561", WEIR_ECORRUPT, "longer than the data", "f0");
	refuses(&weir_timestamp, &at, "000000000000000000000001", WEIR_EINCOMPATIBLE, "below a millisecond", "");
	refuses(&weir_timestamp, &at, "800000000000000080000000", WEIR_EINCOMPATIBLE, "null", "");
	refuses(&weir_timestamp, &at, "0070000000000000" "00000000", WEIR_EINCOMPATIBLE, "64-bit milliseconds", "");
	refuses(&weir_string, &s, "0280808001", WEIR_ECORRUPT, "16 bits", "");
	refuses(&weir_string, &s, "ffffffffff", WEIR_ECORRUPT, "too long", "");
	refuses(&weir_bytes, &s, "ffffffff", WEIR_ECORRUPT, "negative", "");
	refuses(&weir_bytes, &s, "00000002ff", WEIR_ECORRUPT, "larger than the data", "");
	refuses(&weir_boolean, &l, "02", WEIR_ECORRUPT, "boolean", "");
	/* with a null bitmap all of it fits */
	struct weir_type *t = weir_type_pojo(&A, "weir.inner", 2, (struct weir_type *[]){ &weir_int32, &weir_string }, (const char *const[]){ "x", "y" }, &err);
	struct { uint64_t nulls; struct inner in; } n;
	struct weir_src src = weir_src_of(unhex(&A, "020101"), NULL, 0);

	ck_ok(weir_type_read(t, &src, &A, &n, &err));
	ck_assert_uint_eq(n.nulls, 3);
	ck_assert(weir_str_is_null(&n.in.y) && n.in.x == 0);
}

WEIR_TEST(a_null_record_inside_a_record_sets_its_bit)
{
	struct weir_type *in = weir_type_pojo(&A, "x.In", 1, (struct weir_type *[]){ &weir_int64 }, (const char *const[]){ "v" }, &err);
	struct weir_type *out = weir_type_pojo(&A, "x.Out", 2, (struct weir_type *[]){ in, &weir_timestamp }, (const char *const[]){ "a", "b" }, &err);
	uint64_t v[8];
	struct weir_src src = weir_src_of(unhex(&A, "02" "0001" "00800000000000000080000000"), NULL, 0);
	struct weir_buf b = { 0 };

	ck_ok(weir_type_read(out, &src, &A, v, &err));
	ck_assert_uint_eq(v[0], 3);
	ck_ok(weir_type_write(out, v, &b, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&b)), "020101"); /* the same value, told by the record */
	weir_buf_fini(&b);
}

WEIR_TEST(what_the_wire_cannot_hold_is_named)
{
	static const char *const bad[] = { "ab\xff", "ab\xc3", "ab\xc0\x80", "ab\xed\xa0\xbd\xed\xb8\x80", "ab\xf4\x90\x80\x80", "ab\xe0\x80\x80", "ab\x80" };
	struct weir_buf out = { 0 };
	struct inner v = { 1, WEIR_STR_NULL };

	ck_ok(weir_type_prepare(&inner_type, &err));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct weir_error e = WEIR_ERROR_INIT;

		v.y = weir_str_of(bad[i]);
		ck_assert_int_eq(weir_type_write(&inner_type, &v, &out, &e), WEIR_EINVALID);
		ck_assert_msg(strstr(e.msg, "field y of inner") && strstr(e.msg, "not UTF-8") && strstr(e.msg, i == 3 ? "offset 5" : "offset 2"), "%zu: %s", i, e.msg);
	}
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_str null = WEIR_STR_NULL;

	ck_assert_int_eq(weir_type_write(&weir_bytes, &null, &out, &e), WEIR_EINVALID);
	ck_assert(strstr(e.msg, "null byte array"));
	weir_buf_fini(&out);
}

static struct weir_field loop_fields[2];
static struct weir_type loop = { .kind = WEIR_TUPLE, .nfields = 2, .fields = loop_fields, .null_offset = WEIR_NO_NULLS };

WEIR_TEST(impossible_types_are_refused)
{
	struct weir_field twice[2] = { { "a", &weir_int32, 0 }, { "a", &weir_int64, 0 } }, nameless[1] = { { NULL, &weir_int32, 0 } };
	struct weir_type t = { .kind = WEIR_POJO, .java = "x.Y", .nfields = 2, .fields = twice, .null_offset = WEIR_NO_NULLS };
	struct weir_type *deep = &weir_int32;

#define REFUSED(type, piece)                                                                         \
	do {                                                                                         \
		struct weir_error e = WEIR_ERROR_INIT;                                               \
		ck_assert_int_eq(weir_type_prepare(type, &e), WEIR_EINVALID);                        \
		ck_assert_msg(strstr(e.msg, piece) != NULL, "message: %s", e.msg);                   \
	} while (0)
	REFUSED(&t, "two fields called a");
	t.fields = nameless, t.nfields = 1; /* a type that failed may be corrected and prepared again */
	REFUSED(&t, "field 0 of x.Y has no name");
	t.java = NULL;
	REFUSED(&t, "no class name");
	t = (struct weir_type){ .kind = WEIR_ROW, .size = 24, .align = 8, .nfields = 2, .fields = twice, .null_offset = WEIR_NO_NULLS, .name = "r" };
	twice[1].name = "b";
	REFUSED(&t, "the struct is 24 bytes");
	t = (struct weir_type){ .kind = WEIR_KIND_MAX };
	REFUSED(&t, "unknown kind");
	t = (struct weir_type){ .kind = WEIR_LIST };
	REFUSED(&t, "needs 1");
	loop_fields[0].type = loop_fields[1].type = &loop;
	REFUSED(&loop, "deeper than 32");
	for (int i = 0; i < 31; i++)
		deep = weir_type_list(&A, deep, &err);
	ck_assert_ptr_nonnull(deep);
	ck_assert_ptr_null(weir_type_list(&A, deep, &err));
	ck_assert(strstr(err.msg, "deeper than 32"));
	weir_error_clear(&err);
	ck_assert_ptr_null(weir_type_tuple(&A, 0, NULL, &err));
	ck_assert(strstr(err.msg, "Tuple1 to Tuple25"));
}

WEIR_TEST(wide_rows)
{
	struct weir_type *fields[300], *t;
	struct weir_buf out = { 0 };
	char hex[8] = { 0 }, *v;
	struct weir_src src;

	for (int i = 0; i < 300; i++)
		fields[i] = &weir_int8;
	t = weir_type_row(&A, 300, fields, NULL, &err);
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->null_offset, WEIR_NO_NULLS);
	ck_assert_uint_eq(t->wire_min, 38);
	v = weir_arena_zero(&A, t->size);
	for (int i = 0; i < 300; i++)
		v[t->fields[i].offset] = (char)i;
	ck_ok(weir_type_write(t, v, &out, &err));
	ck_assert_uint_eq(out.len, 338);
	src = weir_src_of(weir_buf_slice(&out), NULL, 0);
	ck_assert_int_eq(weir_type_skip(t, &src), 0);
	out.data[20] |= 1; /* a null, which the native form cannot hold */
	src = weir_src_of(weir_buf_slice(&out), NULL, 0);
	struct weir_error e = WEIR_ERROR_INIT;

	ck_assert_int_eq(weir_type_read(t, &src, &A, v, &e), WEIR_EINCOMPATIBLE);
	(void)hex;
	weir_buf_fini(&out);
}

WEIR_TEST(elements_without_bytes_cannot_flood_memory)
{
	struct weir_type *empty = weir_type_row(&A, 0, NULL, NULL, &err), *list;
	struct weir_src src = weir_src_of(unhex(&A, "7fffffff"), NULL, 0);
	struct weir_list v;

	empty = weir_arena_copy(&A, empty, sizeof(*empty));
	empty->flags = 0, empty->size = 0, empty->snapshot_version = 2; /* an old row of no fields: no bytes */
	list = weir_type_list(&A, empty, &err);
	ck_assert_ptr_nonnull(list);
	ck_assert_uint_eq(empty->wire_min, 0);
	ck_assert_int_eq(weir_type_skip(list, &src), WEIR_ECORRUPT);
	src = weir_src_of(unhex(&A, "7fffffff"), NULL, 0);
	ck_assert_int_eq(weir_type_read(list, &src, &A, &v, NULL), WEIR_ECORRUPT);
	ck_assert_str_eq(json_of(&A, list, unhex(&A, "00000002")), "[{\"row\":\"+I\",\"f\":[]},{\"row\":\"+I\",\"f\":[]}]");
}

WEIR_TEST(table_hashes)
{
	int64_t n = -5;
	int32_t m = -5;
	struct weir_str s = weir_str_of("hello"), longer = weir_str_of("hello, hello, hello");

	ck_assert(weir_type_hash(&weir_int64, &n) == weir_hash_u64((uint64_t)n));
	ck_assert(weir_type_hash(&weir_int32, &m) == weir_hash_u64((uint64_t)n));
	ck_assert(weir_type_hash(&weir_string, &s) == weir_hash_str(&s));
	ck_assert(weir_type_hash(&weir_string, &longer) == weir_xxh3("hello, hello, hello", 19));
}

WEIR_TEST(java_lengths)
{
	struct weir_type *t2[] = { &weir_int32, &weir_int64 }, *ts[] = { &weir_int32, &weir_string }, *tv[] = { &weir_int32, &weir_void };

	ck_assert_int_eq(weir_type_java_length(&weir_int64), 8);
	ck_assert_int_eq(weir_type_java_length(&weir_string), -1);
	ck_assert_int_eq(weir_type_java_length(&weir_timestamp), 12);
	ck_assert_int_eq(weir_type_java_length(&weir_void), 0);
	ck_assert_int_eq(weir_type_java_length(&weir_time_window), 16);
	ck_assert_int_eq(weir_type_java_length(weir_type_tuple(&A, 2, t2, &err)), 12);
	ck_assert_int_eq(weir_type_java_length(weir_type_tuple(&A, 2, ts, &err)), -1);
	ck_assert_int_eq(weir_type_java_length(weir_type_tuple(&A, 2, tv, &err)), -1);
	ck_assert_int_eq(weir_type_java_length(weir_type_timer(&A, &weir_int64, &weir_void, &err)), 16);
}

static void parses(struct weir_type *t, const char *json, bool bare, const char *hex)
{
	struct weir_buf out = { 0 };

	ck_ok(weir_type_from_json(t, json, strlen(json), bare, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), hex);
	weir_buf_fini(&out);
}

static void parse_fails(struct weir_type *t, const char *json, const char *piece)
{
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };

	weir_buf_u8(&out, 0xaa);
	ck_assert_msg(weir_type_from_json(t, json, strlen(json), false, &out, &e) == WEIR_EPARSE, "%s was taken", json);
	ck_assert_msg(strstr(e.msg, piece) != NULL, "%s: message: %s", json, e.msg);
	ck_assert_uint_eq(out.len, 1); /* untouched */
	weir_buf_fini(&out);
}

WEIR_TEST(json_in)
{
	struct weir_type *map = weir_type_map(&A, &weir_string, &weir_int32, &err);
	struct weir_type *row = weir_type_row(&A, 2, (struct weir_type *[]){ &weir_int32, &weir_string }, NULL, &err);

	ck_ok(weir_type_prepare(&inner_type, &err));
	parses(&weir_string, "JFK", true, "044a464b");
	parses(&weir_string, "null", true, "056e756c6c");
	parses(&weir_string, "", true, "01");
	parses(&weir_string, "\"JFK\"", true, "044a464b");
	parses(&weir_string, " \"\\u00e9\\ud83d\\ude00\\/\" ", false, "05e901bdb00380bc032f");
	parses(&weir_timestamp, "2020-02-29T12:56:30Z", true, "000000005e5a5f7e00000000");
	parses(&weir_timestamp, "\"2020-02-29T12:56:30.5Z\"", false, "000000005e5a5f7e1dcd6500");
	parses(&weir_int64, " -7 ", true, "fffffffffffffff9");
	parses(map, "{\"k\":1,\"n\":null}", false, "00000002026b0000000001026e01");
	parses(map, "{}", false, "00000000");
	parses(row, "[7,null]", false, "1000000007");
	parses(row, "{ \"f\" : [ null , \"a\" ], \"row\" : \"-D\" }", false, "e00261");
	parses(&inner_type, "{\"y\":\"a\",\"x\":7}", false, "02000000000700" "0261");
	parses(&inner_type, "{\"x\":7}", false, "02000000000701");
	parses(&inner_type, "{\"y\":null}", false, "02000000000001"); /* numbers left out are 0 */
	parses(&inner_type, "{\"x\":null}", false, "020101");
	parses(&inner_type, "null", false, "01");
	parse_fails(&inner_type, "{\"x\":7,\"x\":8}", "twice");
	parse_fails(&inner_type, "{\"z\":7}", "no field is called \"z\" in weir.inner");
	parse_fails(&inner_type, "{\"@\":\"a.B\"}", "class a.B");
	parse_fails(&inner_type, "{\"x\":7", "','");
	parse_fails(&inner_type, "{\"x\":[}", "a value");
	parse_fails(&weir_int8, "128", "-128 to 127");
	parse_fails(&weir_int64, "9223372036854775808", "9223372036854775807");
	parse_fails(&weir_int32, "1.5", "a whole number");
	parse_fails(&weir_int32, "\"1\"", "a whole number");
	parse_fails(&weir_int32, "1 2", "the end of the value");
	parse_fails(&weir_int32, "", "ends at offset 0");
	parse_fails(&weir_float, "1e39", "32-bit");
	parse_fails(&weir_double, "abc", "a number");
	parse_fails(&weir_boolean, "1", "true or false");
	parse_fails(&weir_string, "\"ab", "the end of a string");
	parse_fails(&weir_string, "\"\\x\"", "an escape");
	parse_fails(&weir_string, "\"a\xff\"", "not UTF-8");
	parse_fails(&weir_char, "\"ab\"", "one character");
	parse_fails(&weir_char, "\"😀\"", "one character");
	parse_fails(&weir_timestamp, "\"2021-02-29T00:00:00Z\"", "not a UTC time");
	parse_fails(&weir_timestamp, "\"2021-02-28 00:00:00Z\"", "not a UTC time");
	parse_fails(&weir_bytes, "{\"hex\":\"0g\"}", "hex");
	parse_fails(&weir_bytes, "{\"hex\":\"012\"}", "hex");
	parse_fails(&weir_bytes, "{}", "lacks \"hex\"");
	parse_fails(&weir_time_window, "{\"start\":1}", "lacks \"end\"");
	parse_fails(&weir_void, "0", "null");
	parse_fails(row, "[1]", "','");
	parse_fails(row, "[1,null,2]", "']'");
	parse_fails(row, "{\"row\":\"+X\",\"f\":[1,null]}", "row kind");
	parse_fails(map, "[[\"a\"]]", "','");
	char deep[3000];

	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"x\":", 5);
	deep[2999] = 0;
	parse_fails(&inner_type, deep, "less nesting");
}
