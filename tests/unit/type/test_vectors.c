// SPDX-License-Identifier: Apache-2.0
/* Bytes that a real Flink wrote: values and serializer snapshots. */
#include "tests/unit/type/hex.h"

#include <math.h>
#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

/* wire -> JSON is `json`; JSON -> wire is `hex`; wire -> native -> wire is `hex`; skip takes it all. */
static void both(struct weir_type *t, const char *hex, const char *json)
{
	struct weir_slice wire = unhex(&A, hex);
	struct weir_src src = weir_src_of(wire, NULL, 0);
	struct weir_buf out = { 0 };
	void *v;

	ck_ok(weir_type_prepare(t, &err));
	v = weir_arena_zero(&A, t->size + 1);
	ck_assert_str_eq(json_of(&A, t, wire), json);
	ck_ok(weir_type_from_json(t, json, strlen(json), false, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), tohex(&A, wire));
	ck_assert_int_eq(weir_type_skip(t, &src), 0);
	ck_assert_int_eq(weir_src_left(&src), 0);
	src = weir_src_of(wire, NULL, 0);
	ck_ok(weir_type_read(t, &src, &A, v, &err));
	ck_assert_int_eq(weir_src_left(&src), 0);
	weir_buf_clear(&out);
	ck_ok(weir_type_write(t, v, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), tohex(&A, wire));
	weir_buf_clear(&out);
	ck_assert_int_eq(weir_type_value_json(t, v, &out), 0);
	ck_assert_str_eq(weir_buf_cstr(&out), json);
	weir_buf_fini(&out);
}

/* Only wire -> JSON (and skip): the native form cannot hold it, or JSON has another spelling for it. */
static void shows(struct weir_type *t, const char *hex, const char *json)
{
	struct weir_slice wire = unhex(&A, hex);
	struct weir_src src = weir_src_of(wire, NULL, 0);

	ck_assert_str_eq(json_of(&A, t, wire), json);
	ck_assert_int_eq(weir_type_skip(t, &src), 0);
	ck_assert_int_eq(weir_src_left(&src), 0);
}

WEIR_TEST(scalars)
{
	both(&weir_boolean, "01", "true");
	both(&weir_boolean, "00", "false");
	both(&weir_int8, "fe", "-2");
	both(&weir_int16, "fffe", "-2");
	both(&weir_int32, "fffffffe", "-2");
	both(&weir_int64, "fffffffffffffffe", "-2");
	both(&weir_int64, "8000000000000000", "-9223372036854775808");
	both(&weir_float, "3fc00000", "1.5");
	both(&weir_double, "bff8000000000000", "-1.5");
	both(&weir_float, "7fc00000", "\"NaN\"");
	both(&weir_double, "fff0000000000000", "\"-Infinity\"");
	both(&weir_double, "7ff0000000000000", "\"Infinity\"");
	both(&weir_double, "8000000000000000", "-0.0");
	both(&weir_double, "0000000000000001", "4.9E-324");
	both(&weir_float, "00000001", "1.4E-45");
	both(&weir_double, "7fefffffffffffff", "1.7976931348623157E308");
	both(&weir_double, "416312d000000000", "1.0E7");
	both(&weir_double, "3f50624dd2f1a9fc", "0.001");
	both(&weir_char, "20ac", "\"€\"");
	both(&weir_char, "0041", "\"A\"");
	both(&weir_char, "0000", "\"\\u0000\"");
	both(&weir_char, "d83d", "\"\\ud83d\"");
	both(&weir_char, "00e9", "\"é\"");
	both(&weir_void, "00", "null");
	both(&weir_global_window, "00", "\"GlobalWindow\"");
	both(&weir_time_window, "00000000000003e800000000000007d0", "{\"start\":1000,\"end\":2000}");
	both(&weir_bytes, "0000000201ff", "{\"hex\":\"01ff\"}");
	both(&weir_bytes, "00000000", "{\"hex\":\"\"}");
	both(&weir_bytes, "0000000e000102030405060708090a0b0c0d", "{\"hex\":\"000102030405060708090a0b0c0d\"}");
}

WEIR_TEST(nan_is_written_as_java_does)
{
	struct weir_buf out = { 0 };
	double d = -NAN;

	ck_ok(weir_type_write(&weir_double, &d, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), "7ff8000000000000");
	weir_buf_fini(&out);
}

WEIR_TEST(texts)
{
	char text[40000], hex[90000], json[40010];

	both(&weir_string, "00", "null");
	both(&weir_string, "01", "\"\"");
	both(&weir_string, "0261", "\"a\"");
	both(&weir_string, "027f", "\"\x7f\"");
	both(&weir_string, "028001", "\"\xc2\x80\"");
	both(&weir_string, "02e901", "\"é\"");
	both(&weir_string, "02ff7f", "\"\xe3\xbf\xbf\"");
	both(&weir_string, "02808001", "\"\xe4\x80\x80\"");
	both(&weir_string, "02ac41", "\"€\"");
	both(&weir_string, "02ffff03", "\"\xef\xbf\xbf\"");
	both(&weir_string, "03bdb00380bc03", "\"😀\"");
	both(&weir_string, "0200", "\"\\u0000\"");
	both(&weir_string, "02bdb003", "\"\\ud83d\"");             /* unpaired high */
	both(&weir_string, "0280bc03", "\"\\ude00\"");             /* unpaired low */
	both(&weir_string, "0380bc03bdb003", "\"\\ude00\\ud83d\""); /* low, high: no pair */
	both(&weir_string, "04bdb003bdb00380bc03", "\"\\ud83d😀\""); /* high, pair */
	both(&weir_string, "04bdb00361" "80bc03", "\"\\ud83da\\ude00\"");
	both(&weir_string, "06225c0a0d09", "\"\\\"\\\\\\n\\r\\t\"");
	for (int i = 0; i < 4; i++) {
		static const int sizes[] = { 126, 127, 16382, 16383 };
		static const char *const heads[] = { "7f", "8001", "ff7f", "808001" };
		int n = sizes[i];

		memset(text, 'x', sizeof(text));
		strcpy(hex, heads[i]);
		for (int k = 0; k < n; k++)
			strcat(hex + strlen(heads[i]) + 2 * (size_t)k, "78");
		snprintf(json, sizeof(json), "\"%.*s\"", n, text);
		both(&weir_string, hex, json);
	}
	/* ASCII up to the last character of a word-wise run */
	for (int n = 0; n < 20; n++) {
		char *p = hex;

		p += sprintf(p, "%02x", n + 2);
		for (int k = 0; k < n; k++)
			p += sprintf(p, "61");
		strcpy(p, "e901");
		memset(text, 'a', (size_t)n);
		snprintf(json, sizeof(json), "\"%.*sé\"", n, text);
		both(&weir_string, hex, json);
	}
}

WEIR_TEST(instants)
{
	both(&weir_timestamp, "ffffffffffffffff00000000", "\"1969-12-31T23:59:59Z\"");
	both(&weir_timestamp, "ffffffffffffffff3b8b87c0", "\"1969-12-31T23:59:59.999Z\"");
	both(&weir_timestamp, "000000005e5a5f7e00000000", "\"2020-02-29T12:56:30Z\"");
	both(&weir_timestamp, "000000000000000000000000", "\"1970-01-01T00:00:00Z\"");
	both(&weir_timestamp, "0000003afff4417f00000000", "\"9999-12-31T23:59:59Z\"");
	both(&weir_timestamp, "0000003afff4418000000000", "\"+10000-01-01T00:00:00Z\"");
	both(&weir_timestamp, "fffffff1868b83ff00000000", "\"-0001-12-31T23:59:59Z\"");
	shows(&weir_timestamp, "ffffffffffffffff00000005", "\"1969-12-31T23:59:59.000000005Z\"");
	shows(&weir_timestamp, "000000000000000000000fa0", "\"1970-01-01T00:00:00.000004Z\"");
	shows(&weir_timestamp, "800000000000000080000000", "null");
	ck_assert_str_eq(json_of(&A, &weir_timestamp, unhex(&A, "007020b2c5a1897f3b9ac9ff")), "CORRUPT"); /* beyond Instant.MAX */
	ck_assert_str_eq(json_of(&A, &weir_timestamp, unhex(&A, "00000000000000003b9aca00")), "CORRUPT"); /* a billion nanoseconds */
}

WEIR_TEST(containers)
{
	struct weir_type *strings = weir_type_list(&A, &weir_string, &err), *map = weir_type_map(&A, &weir_string, &weir_int32, &err);
	struct weir_type *pair = weir_type_tuple(&A, 2, (struct weir_type *[]){ &weir_string, &weir_int32 }, &err);

	both(strings, "0000000202610262", "[\"a\",\"b\"]");
	both(strings, "00000000", "[]");
	both(strings, "0000000200" "01", "[null,\"\"]");
	both(map, "00000002026b0000000001026e01", "[[\"k\",1],[\"n\",null]]");
	both(weir_type_map(&A, &weir_string, &weir_string, &err), "00000002026b00026c026e01", "[[\"k\",\"l\"],[\"n\",null]]");
	shows(map, "00000003026c0000000001026b0000000002026e01", "[[\"k\",2],[\"l\",1],[\"n\",null]]");
	both(pair, "026100000001", "[\"a\",1]");
	both(weir_type_timer(&A, &weir_string, &weir_void, &err), "80000000000003e8026b00",
	     "{\"@\":\"org.apache.flink.streaming.api.operators.TimerHeapInternalTimer\",\"key\":\"k\",\"namespace\":null,\"timestamp\":1000}");
	both(weir_type_timer(&A, &weir_string, &weir_void, &err), "7fffffffffffffff026b00",
	     "{\"@\":\"org.apache.flink.streaming.api.operators.TimerHeapInternalTimer\",\"key\":\"k\",\"namespace\":null,\"timestamp\":-1}");
	both(weir_type_ttl(&A, &weir_string, &err), "00000000000003e80276", "{\"ttl\":1000,\"value\":\"v\"}");
	both(weir_type_list(&A, &weir_int32, &err), "000000020000000100000002", "[1,2]");
}

WEIR_TEST(maps_are_sorted_as_java_sorts_text)
{
	struct weir_type *map = weir_type_map(&A, &weir_string, &weir_int8, &err);

	/* U+1F600 is two surrogates and sorts before U+FFFD; "10" before "9" */
	shows(map, "00000004" "02fdff03" "0001" "03bdb00380bc03" "0002" "0239" "0003" "033130" "0004", "[[\"10\",4],[\"9\",3],[\"😀\",2],[\"\xef\xbf\xbd\",1]]");
}

WEIR_TEST(rows)
{
	struct weir_type *row = weir_type_row(&A, 2, (struct weir_type *[]){ &weir_int32, &weir_string }, NULL, &err);
	struct weir_type *seven[7] = { &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8 };
	struct weir_type *wide = weir_type_row(&A, 7, seven, NULL, &err), old = *wide;

	both(row, "1000000007", "{\"row\":\"+I\",\"f\":[7,null]}");
	both(row, "600261", "{\"row\":\"+U\",\"f\":[null,\"a\"]}");
	both(row, "e00261", "{\"row\":\"-D\",\"f\":[null,\"a\"]}");
	both(row, "a00261", "{\"row\":\"-U\",\"f\":[null,\"a\"]}");
	both(wide, "1580010305", "{\"row\":\"+I\",\"f\":[1,null,3,null,5,null,null]}");
	old.flags = 0;
	old.size = 0;
	old.snapshot_version = 2;
	both(&old, "56010305", "{\"row\":\"+I\",\"f\":[1,null,3,null,5,null,null]}");
}

WEIR_TEST(pojos)
{
	struct weir_type *p = weir_type_pojo(&A, "V3$P", 3, (struct weir_type *[]){ &weir_int32, &weir_string, &weir_int32 }, (const char *const[]){ "b", "a", "c" }, &err);

	both(p, "0200036869000000000501", "{\"@\":\"V3$P\",\"a\":\"hi\",\"b\":5,\"c\":null}");
	shows(p, "01", "null");
	ck_assert_str_eq(json_of(&A, p, unhex(&A, "0202")), "CORRUPT");
	ck_assert_str_eq(json_of(&A, p, unhex(&A, "03")), "CORRUPT");
}

static const char proxy_int[] =
	"00000002004e6f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e62617365"
	"2e496e7453657269616c697a657224496e7453657269616c697a6572536e617073686f7400000003";

static const char list_string[] =
	"00416f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e4c6973"
	"7453657269616c697a6572536e617073686f7400000003000de70400000001001457fd000000010000000100546f7267"
	"2e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e537472696e675365"
	"7269616c697a657224537472696e6753657269616c697a6572536e617073686f7400000003";

static const char tuple2[] =
	"00436f72672e6170616368652e666c696e6b2e6170692e6a6176612e747970657574696c732e72756e74696d652e5475"
	"706c6553657269616c697a6572536e617073686f7400000003000de7040000000200266f72672e6170616368652e666c"
	"696e6b2e6170692e6a6176612e7475706c652e5475706c6532001457fd000000010000000200546f72672e6170616368"
	"652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e537472696e6753657269616c697a"
	"657224537472696e6753657269616c697a6572536e617073686f7400000003004e6f72672e6170616368652e666c696e"
	"6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e496e7453657269616c697a657224496e74536572"
	"69616c697a6572536e617073686f7400000003";

static const char row[] =
	"004f6f72672e6170616368652e666c696e6b2e6170692e6a6176612e747970657574696c732e72756e74696d652e526f"
	"7753657269616c697a657224526f7753657269616c697a6572536e617073686f7400000003000de70400000004010014"
	"57fd0000000100000002004e6f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c"
	"732e626173652e496e7453657269616c697a657224496e7453657269616c697a6572536e617073686f74000000030054"
	"6f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e537472696e"
	"6753657269616c697a657224537472696e6753657269616c697a6572536e617073686f7400000003";

static const char pojo[] =
	"00426f72672e6170616368652e666c696e6b2e6170692e6a6176612e747970657574696c732e72756e74696d652e506f"
	"6a6f53657269616c697a6572536e617073686f7400000002000456332450000004f2c69a3d7000000003000161010000"
	"0009000456332450000161010000005a00546f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e7479"
	"70657574696c732e626173652e537472696e6753657269616c697a657224537472696e6753657269616c697a6572536e"
	"617073686f740000000300016201000000090004563324500001620100000054004e6f72672e6170616368652e666c69"
	"6e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e496e7453657269616c697a657224496e745365"
	"7269616c697a6572536e617073686f740000000300016301000000090004563324500001630100000054004e6f72672e"
	"6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e496e7453657269616c"
	"697a657224496e7453657269616c697a6572536e617073686f7400000003000004f2c69a3d7000000000000004f2c69a"
	"3d7000000000";

static const char ttl[] =
	"00486f72672e6170616368652e666c696e6b2e72756e74696d652e73746174652e74746c2e54746c5374617465466163"
	"746f72792454746c53657269616c697a6572536e617073686f7400000003000de70400000002001457fd000000010000"
	"000200506f72672e6170616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e4c"
	"6f6e6753657269616c697a6572244c6f6e6753657269616c697a6572536e617073686f740000000300546f72672e6170"
	"616368652e666c696e6b2e6170692e636f6d6d6f6e2e747970657574696c732e626173652e537472696e675365726961"
	"6c697a657224537472696e6753657269616c697a6572536e617073686f7400000003";

/* Generated bytes are Flink's; they read back to an equal type, which writes them again; every proper prefix is refused. */
static void snapshot(struct weir_type *t, const char *hex)
{
	struct weir_slice want = unhex(&A, hex);
	struct weir_buf out = { 0 };
	struct weir_type *again;
	struct weir_src src = weir_src_of(want, NULL, 0);

	ck_ok(weir_type_prepare(t, &err));
	ck_ok(weir_serializer_snapshot_write(t, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), tohex(&A, want));
	ck_ok(weir_serializer_snapshot_read(&src, &A, NULL, NULL, &again, &err));
	ck_assert_int_eq(weir_src_left(&src), 0);
	ck_assert(weir_type_equal(t, again));
	ck_assert(weir_slice_eq(again->snapshot, want));
	ck_assert(again->snapshot.ptr != want.ptr);
	weir_buf_clear(&out);
	ck_ok(weir_serializer_snapshot_write(again, &out, &err));
	ck_assert(weir_slice_eq(weir_buf_slice(&out), want));
	for (size_t n = 0; n < want.len; n++) {
		struct weir_error e = WEIR_ERROR_INIT;

		src = weir_src_of((struct weir_slice){ want.ptr, n }, "x", 0);
		ck_assert_int_ne(weir_serializer_snapshot_read(&src, &A, NULL, NULL, &again, &e), 0);
		ck_assert(e.msg[0]);
	}
	weir_buf_fini(&out);
}

WEIR_TEST(snapshots)
{
	struct weir_buf out = { 0 };

	ck_ok(weir_serializer_snapshot_write_proxy(&weir_int32, &out, &err));
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), proxy_int);
	weir_buf_fini(&out);
	snapshot(weir_type_list(&A, &weir_string, &err), list_string);
	snapshot(weir_type_tuple(&A, 2, (struct weir_type *[]){ &weir_string, &weir_int32 }, &err), tuple2);
	snapshot(weir_type_row(&A, 2, (struct weir_type *[]){ &weir_int32, &weir_string }, NULL, &err), row);
	snapshot(weir_type_pojo(&A, "V3$P", 3, (struct weir_type *[]){ &weir_int32, &weir_string, &weir_int32 }, (const char *const[]){ "b", "a", "c" }, &err), pojo);
	snapshot(weir_type_ttl(&A, &weir_string, &err), ttl);
}
