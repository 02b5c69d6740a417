// SPDX-License-Identifier: Apache-2.0
/* Single values: numbers, times, text. */
#include "tests/lib/weirtest.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "runtime/format_value.h"

/* A copy with slack that holds hostile bytes. */
static const char *slack(const char *text, size_t n)
{
	static char room[4][512];
	static int turn;
	char *to = room[turn++ & 3];

	ck_assert_uint_lt(n + 32, sizeof(room[0]));
	memset(to, '7', sizeof(room[0]));
	memcpy(to, text, n);
	return to;
}
#define S(text) slack(text, strlen(text)), strlen(text)

static int64_t i64(const char *text)
{
	int64_t v = -12345;

	ck_assert_msg(weir__parse_i64(S(text), &v), "'%s' is a number", text);
	return v;
}

static bool is_i64(const char *text)
{
	int64_t v;

	return weir__parse_i64(S(text), &v);
}

WEIR_TEST(whole_numbers)
{
	ck_assert_int_eq(i64("0"), 0);
	ck_assert_int_eq(i64("-0"), 0);
	ck_assert_int_eq(i64("7"), 7);
	ck_assert_int_eq(i64("-5"), -5);
	ck_assert_int_eq(i64("+5"), 5);
	ck_assert_int_eq(i64("007"), 7);
	ck_assert_int_eq(i64("12345678"), 12345678);
	ck_assert_int_eq(i64("-12345678"), -12345678);
	ck_assert_int_eq(i64("123456789"), 123456789);
	ck_assert_int_eq(i64("9223372036854775807"), INT64_MAX);
	ck_assert_int_eq(i64("-9223372036854775808"), INT64_MIN);
	ck_assert_int_eq(i64("0000000000000000000000001"), 1);
	static const char *const bad[] = { "", "-", "+", "--1", "-+1", "+-1", "1 ", " 1", "1.0", "1e3", "a", "12a", "1234567a", "12345678a", "9223372036854775808",
					   "-9223372036854775809", "99999999999999999999", "0x10", "1-", "12:", "1/", "\xb1", "1\xff" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!is_i64(bad[i]), "'%s' is no number", bad[i]);
	for (int c = 1; c < 256; c++) { /* every byte that is no digit, at every place of a short number */
		for (int at = 0; at < 8; at++) {
			char text[9] = "11111111";

			text[at] = (char)c;
			bool digit = (c >= '0' && c <= '9') || (at == 0 && (c == '-' || c == '+'));

			ck_assert_int_eq(is_i64(text), digit);
		}
	}
}

WEIR_TEST(whole_numbers_round_trip)
{
	struct weir_rng r = { 1 };
	char text[32];

	for (int i = 0; i < 100000; i++) {
		int64_t v = (int64_t)(weir_rng_next(&r) >> weir_rng_below(&r, 64)), back;

		v = weir_rng_below(&r, 2) ? v : -v;
		size_t n = (size_t)(weir__format_i64(text, v) - text);

		ck_assert(weir__parse_i64(slack(text, n), n, &back));
		ck_assert_int_eq(back, v);
	}
	ck_assert_int_eq(weir__format_i64(text, INT64_MIN) - text, 20);
	ck_assert_int_eq(memcmp(text, "-9223372036854775808", 20), 0);
}

WEIR_TEST(columns_have_bounds)
{
	int8_t a[2];
	int16_t b[2];
	int32_t c[2];

	ck_assert(weir__store_int(WEIR_INT8, a, 1, -128) && a[1] == -128 && !weir__store_int(WEIR_INT8, a, 1, 128) && !weir__store_int(WEIR_INT8, a, 1, -129));
	ck_assert(weir__store_int(WEIR_INT16, b, 1, 32767) && b[1] == 32767 && !weir__store_int(WEIR_INT16, b, 1, 32768));
	ck_assert(weir__store_int(WEIR_INT32, c, 1, INT32_MIN) && c[1] == INT32_MIN && !weir__store_int(WEIR_INT32, c, 1, INT64_C(2147483648)));
}

WEIR_TEST(floating_point)
{
	double d;
	float f;
	static const char *const good[] = { "0", "-0", "1.5", "3.141592653589793", "1e10", "1E-7", "123456789012345678901234567890", "2.2250738585072014E-308",
					    "1.7976931348623157E308", "4.9E-324", "9007199254740993", "0.1", "1.0e22", "1e23", "0.000001", "5e-324",
					    "179769313486231570000000000000000000000" };
	static const char *const bad[] = { "", "-", "+1", "1.", ".5", "01", "1e", "1e+", "--1", "1.5x", "0x1p3", "nan", "inf", "NaN", "Infinity", "1e999", "-1e999", "1,5", " 1", "1 " };
	static const char *const lax[] = { "+1", "1.", ".5", "01", "NaN", "Infinity", "-Infinity" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(weir__parse_f64(S(good[i]), true, &d), "%s", good[i]);
		ck_assert_msg(d == strtod(good[i], NULL) && signbit(d) == (good[i][0] == '-'), "%s gave %.17g", good[i], d);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__parse_f64(S(bad[i]), true, &d) && !weir__parse_f32(S(bad[i]), true, &f), "%s", bad[i]);
	for (size_t i = 0; i < sizeof(lax) / sizeof(lax[0]); i++)
		ck_assert_msg(weir__parse_f64(S(lax[i]), false, &d) && weir__parse_f32(S(lax[i]), false, &f), "%s", lax[i]);
	ck_assert(!weir__parse_f64(S("."), false, &d) && !weir__parse_f64(S("-."), false, &d) && !weir__parse_f64(S("1e999"), false, &d));
	ck_assert(!weir__parse_f32(S("1e39"), true, &f) && weir__parse_f32(S("16777217"), true, &f) && f == 16777216.0f);
	ck_assert(weir__parse_f32(S("0.1"), true, &f) && f == 0.1f && weir__parse_f32(S("3.4028235E38"), true, &f) && f == 3.4028235E38f);
	ck_assert(weir__json_number(S("1e999")) && !weir__json_number(S("1-2")) && !weir__json_number(S("")) && !weir__json_number(S("-")));
}

static int64_t at(const char *text)
{
	struct weir_date_cache cache = { 0 };
	int64_t ms = -1, again = -2;

	ck_assert_msg(weir__parse_time(&cache, S(text), &ms), "'%s' is a time", text);
	ck_assert(weir__parse_time(&cache, S(text), &again));
	ck_assert_int_eq(ms, again);
	return ms;
}

WEIR_TEST(times)
{
	const int64_t t = 978310020000; /* date -u -d '2001-01-01 00:47' +%s */
	int64_t ms;
	struct weir_date_cache cache = { 0 };

	ck_assert_int_eq(at("2001/01/01 00:47"), t);
	ck_assert_int_eq(at("2001-01-01 00:47"), t);
	ck_assert_int_eq(at("2001-01-01T00:47"), t);
	ck_assert_int_eq(at("2001-01-01 00:47:05"), t + 5000);
	ck_assert_int_eq(at("2001-01-01T00:47:00Z"), t);
	ck_assert_int_eq(at("2001-01-01T00:47:00.1Z"), t + 100);
	ck_assert_int_eq(at("2001-01-01T00:47:00.123456789Z"), t + 123);
	ck_assert_int_eq(at("2001-01-01T02:47:00+02:00"), t);
	ck_assert_int_eq(at("2001-01-01T02:47+0200"), t);
	ck_assert_int_eq(at("2000-12-31T19:47:00.000-05"), t);
	ck_assert_int_eq(at("2001-01-01"), t - 47 * 60000);
	ck_assert_int_eq(at("1970-01-01T00:00:00Z"), 0);
	ck_assert_int_eq(at("1969-12-31T23:59:59.999Z"), -1);
	ck_assert_int_eq(at("2000-02-29 00:00"), 951782400000);
	ck_assert_int_eq(at("0000-01-01T00:00:00Z"), -62167219200000);
	ck_assert_int_eq(at("+10000-01-01T00:00:00Z"), 253402300800000);
	ck_assert_int_eq(at("-0001-12-31T00:00:00Z"), -62167305600000);
	ck_assert_int_eq(at("+292278994-08-17T07:12:55.807Z"), INT64_MAX);
	ck_assert_int_eq(at("-292275055-05-16T16:47:04.192Z"), INT64_MIN);
	static const char *const bad[] = {
		"", "2001", "2001-01", "2001-1-1 00:47", "2001/01-01 00:47", "2001-13-01 00:00", "2001-00-01 00:00", "2001-01-00 00:00", "2001-02-29 00:00",
		"1900-02-29 00:00", "2001-04-31 00:00", "2001-01-01 24:00", "2001-01-01 00:60", "2001-01-01 00:00:60", "2001-01-01 0:47", "2001-01-01 00:47:", "2001-01-01 00:47:00.",
		"2001-01-01 00:47x", "2001-01-01 00:47ZZ", "2001-01-01 00:47+2", "2001-01-01 00:47+02:", "2001-01-01 00:47+02:0", "2001-01-01 00:47+19", "2001-01-01 00:47+02:60",
		"2001-01-01x00:47", " 2001-01-01 00:47", "2001-01-01 00:47 ", "12001-01-01 00:47", "+292278994-08-17T07:12:55.808Z", "+999999999-01-01 00:00", "978310020000", "2001-01-01 ",
		"2001-01-01 00", "2001-01-01 00:4",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__parse_time(&cache, S(bad[i]), &ms), "'%s' is no time", bad[i]);
	ck_assert(weir__parse_time(&cache, S("2001-01-01 00:00"), &ms)); /* now the date is known; the rest is still looked at */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__parse_time(&cache, S(bad[i]), &ms), "'%s' is no time", bad[i]);
}

WEIR_TEST(times_round_trip)
{
	struct weir_date_cache cache = { 0 };
	struct weir_rng r = { 3 };
	char text[64];

	for (int i = 0; i < 200000; i++) {
		int64_t ms = (int64_t)weir_rng_next(&r) >> weir_rng_below(&r, 64), back;
		size_t n = (size_t)(weir__format_time(text, ms) - text);

		ck_assert_uint_le(n, 40);
		ck_assert_msg(weir__parse_time(&cache, slack(text, n), n, &back), "%.*s", (int)n, text);
		ck_assert_int_eq(back, ms);
	}
	*weir__format_time(text, 978310020000) = 0;
	ck_assert_str_eq(text, "2001-01-01T00:47:00Z"); /* as java.time.Instant */
	*weir__format_time(text, 978310020045) = 0;
	ck_assert_str_eq(text, "2001-01-01T00:47:00.045Z");
	*weir__format_time(text, INT64_MIN) = 0;
	ck_assert_str_eq(text, "-292275055-05-16T16:47:04.192Z");
	*weir__format_time(text, -62167219200001) = 0;
	ck_assert_str_eq(text, "-0001-12-31T23:59:59.999Z");
}

WEIR_TEST(utf8)
{
	static const char *const good[] = { "", "abc", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xed\xb0\x80", "\xf4\x8f\xbf\xbf", "12345678\xc3\xa9" };
	static const char *const bad[] = { "\x80", "\xc3", "\xc0\x80", "\xe2\x82", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "caf\xe9",
					   "\xed\xa0\xbd\xed\xb8\x80", "1234567\xe9", "12345678\xe9" };
	uint16_t unit;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(weir__utf8_valid(S(good[i])), "good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__utf8_valid(S(bad[i])), "bad %zu", i);
	for (uint32_t c = 0; c < 0x10000; c++) {
		char text[3];
		uint32_t n = weir__format_char(text, (uint16_t)c);

		ck_assert(weir__parse_char(slack(text, n), n, &unit));
		ck_assert_uint_eq(unit, c);
	}
	ck_assert(!weir__parse_char(S(""), &unit) && !weir__parse_char(S("ab"), &unit) && !weir__parse_char(S("\xf0\x9f\x98\x80"), &unit) && !weir__parse_char(S("\xc3"), &unit));
}

WEIR_TEST(base64)
{
	struct weir_rng r = { 5 };
	struct weir_buf b = { 0 };
	uint8_t bytes[64];
	char back[64];
	size_t n;

	for (size_t len = 0; len < sizeof(bytes); len++) {
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)weir_rng_next(&r);
		weir_buf_clear(&b);
		weir__put_base64(&b, bytes, len);
		ck_assert_uint_eq(b.len, (len + 2) / 3 * 4);
		ck_assert(weir__parse_base64((char *)b.data, b.len, back, &n));
		ck_assert_uint_eq(n, len);
		ck_assert_int_eq(memcmp(back, bytes, len), 0);
	}
	weir_buf_clear(&b);
	weir__put_base64(&b, (const uint8_t *)"light wor", 9);
	ck_assert_str_eq(weir_buf_cstr(&b), "bGlnaHQgd29y");
	static const char *const bad[] = { "a", "ab", "abc", "ab=c", "a===", "====", "ab-_", "abc=d", "ab==ab==", "bGln\n", "bGlnaB==" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__parse_base64(S(bad[i]), back, &n), "%s", bad[i]);
	weir_buf_fini(&b);
}

WEIR_TEST(short_text_views)
{
	for (uint32_t n = 0; n <= 12; n++) {
		const char *p = slack("abcdefghijkl", 12);
		struct weir_str fast = weir__short_str(p, n), plain = weir_str_view(p, n);

		ck_assert_int_eq(memcmp(&fast, &plain, sizeof(fast)), 0);
	}
}

WEIR_TEST(times_read_quickly_are_those_read_slowly)
{
	static const char letters[] = "0123456789:: T.-Z+x\x80";
	struct weir_rng r = { 3 };
	struct weir_date_cache dates = { 0 };
	int64_t quick, slow;
	uint32_t agreed = 0;

	ck_assert(weir__parse_time(&dates, "2001/01/31", 10, &slow));
	for (int i = 0; i < 200000; i++) {
		char text[20 + WEIR_TEXT_SLACK] = "2001/01/31 23:59:58Z";
		size_t n = 10 + weir_rng_below(&r, 11);

		for (uint64_t k = weir_rng_below(&r, 4); k > 0; k--)
			text[8 + weir_rng_below(&r, 12)] = letters[weir_rng_below(&r, sizeof(letters) - 1)];
		if (weir__parse_time_quickly(&dates, text, n, &quick)) {
			struct weir_date_cache none = { 0 };

			ck_assert_msg(weir__parse_time(&none, text, n, &slow) && quick == slow, "%.*s", (int)n, text);
			agreed++;
		}
	}
	ck_assert_uint_gt(agreed, 10000);
}

WEIR_TEST(whole_numbers_of_any_length_and_letter)
{
	static const char letters[] = "0123456789-+/:\xb0\x70";
	struct weir_rng r = { 4 };

	for (int i = 0; i < 300000; i++) {
		char text[20 + WEIR_TEXT_SLACK];
		size_t n = weir_rng_below(&r, 12);
		int64_t quick = 0, slow = 0;
		bool ok;

		memset(text, '7', sizeof(text));
		for (size_t k = 0; k < n; k++)
			text[k] = letters[weir_rng_below(&r, weir_rng_below(&r, 8) ? 10 : sizeof(letters) - 1)];
		ok = weir__parse_i64(text, n, &quick);
		ck_assert_msg(ok == weir__parse_i64_slow(text, n, &slow) && quick == slow, "%.*s", (int)n, text);
	}
}
