// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "tests/lib/weirtest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static void expect_f64(double v, const char *text)
{
	struct weir_buf b = { 0 };

	weir_json_f64(&b, v);
	ck_assert_str_eq(weir_buf_cstr(&b), text);
	weir_buf_fini(&b);
}

WEIR_TEST(doubles_print_as_java_prints_them)
{
	expect_f64(0.0, "0.0");
	expect_f64(-0.0, "-0.0");
	expect_f64(1, "1.0");
	expect_f64(100, "100.0");
	expect_f64(317, "317.0");
	expect_f64(0.1, "0.1");
	expect_f64(0.001, "0.001");
	expect_f64(0.0009, "9.0E-4");
	expect_f64(1234567.5, "1234567.5");
	expect_f64(1e7, "1.0E7");
	expect_f64(9999999, "9999999.0");
	expect_f64(-1.5e-300, "-1.5E-300");
	expect_f64(1.0 / 3, "0.3333333333333333");
	expect_f64(NAN, "\"NaN\"");
	expect_f64(-INFINITY, "\"-Infinity\"");
}

WEIR_TEST(floats_print_as_java_prints_them)
{
	struct weir_buf b = { 0 };

	weir_json_f32(&b, 7.142857f);
	weir_buf_u8(&b, ' ');
	weir_json_f32(&b, 4.2266665f);
	ck_assert_str_eq(weir_buf_cstr(&b), "7.142857 4.2266665");
	weir_buf_fini(&b);
}

WEIR_TEST(strings_are_escaped)
{
	static const char in[] = "a\"\\\n\x01z\0\xed\xa0\x80\u00e9";
	struct weir_buf b = { 0 };

	weir_json_str(&b, in, sizeof(in) - 1);
	ck_assert_str_eq(weir_buf_cstr(&b), "\"a\\\"\\\\\\n\\u0001z\\u0000\\ud800\u00e9\"");
	weir_buf_fini(&b);
}

/* The shortest of all lengths, tried one by one: what the search must find. */
static int shortest(double v)
{
	char text[40];

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, v);
		if (strtod(text, NULL) == v)
			return digits;
	}
	return 17;
}

WEIR_TEST(doubles_print_with_the_fewest_digits)
{
	struct weir_rng r = { 7 };
	struct weir_buf b = { 0 };

	for (int i = 0; i < 20000; i++) {
		double v = i % 2 ? weir_rng_unit(&r) * 1000 : (double)weir_rng_below(&r, 100000) / 64.0;
		int digits = 0, zeros = 0;
		bool lead = true;

		if (v == 0)
			continue;
		weir_buf_clear(&b);
		weir_json_f64(&b, v);
		ck_assert(strtod(weir_buf_cstr(&b), NULL) == v);
		for (const char *p = weir_buf_cstr(&b); *p && *p != 'E'; p++) {
			lead = lead && (*p == '0' || *p == '.');
			if (*p < '0' || *p > '9' || lead)
				continue;
			zeros = *p == '0' ? zeros + 1 : 0;
			digits++;
		}
		ck_assert_int_eq(digits - zeros, shortest(v));
	}
	weir_buf_fini(&b);
}

WEIR_TEST(whole_numbers_have_all_their_digits)
{
	static const int64_t edges[] = { 0, 9, 10, 99, 100, 101, 999, 1000, 9999, 10000, 12345, 99999, 1000000007, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MIN + 1, -1, -9, -10, -100 };
	struct weir_buf b = { 0 };
	struct weir_rng rng = { 3 };
	char want[32];

	for (size_t i = 0; i < 20000; i++) {
		int64_t v = i < sizeof(edges) / sizeof(edges[0]) ? edges[i] : (int64_t)(weir_rng_next(&rng) >> (i % 64)) * (i % 2 ? 1 : -1);

		weir_buf_clear(&b);
		weir_json_i64(&b, v);
		snprintf(want, sizeof(want), "%lld", (long long)v);
		ck_assert_str_eq(weir_buf_cstr(&b), want);
	}
	weir_buf_fini(&b);
}

/* Text is looked at eight bytes at a time: what must be escaped is found at every place, beside every byte. */
WEIR_TEST(what_is_escaped_is_found_at_every_place)
{
	static const struct { const char *raw, *text; } special[] = { { "\"", "\\\"" }, { "\\", "\\\\" }, { "\n", "\\n" }, { "\x01", "\\u0001" }, { "\x1f", "\\u001f" }, { "\xed\xa0\x80", "\\ud800" } };
	struct weir_buf b = { 0 };

	for (size_t k = 0; k < sizeof(special) / sizeof(special[0]); k++)
		for (size_t at = 0; at < 20; at++)
			for (int fill = 0; fill < 5; fill++) {
				static const char fills[5] = { ' ', '!', '~', '\x7f', 'x' };
				size_t n = strlen(special[k].raw);
				char raw[40], want[80];

				memset(raw, fills[fill], 24);
				memcpy(raw + at, special[k].raw, n);
				snprintf(want, sizeof(want), "\"%.*s%s%.*s\"", (int)at, raw, special[k].text, (int)(24 - at - n), raw + at + n);
				weir_buf_clear(&b);
				weir_json_str(&b, raw, 24);
				ck_assert_str_eq(weir_buf_cstr(&b), want);
			}
	weir_buf_clear(&b);
	weir_json_str(&b, NULL, 0);
	weir_json_str(&b, "Z\xc3\xbcrich \xe6\x9d\xb1\xe4\xba\xac \xed\x95\x9c", 18); /* ed begins a Hangul syllable too */
	ck_assert_str_eq(weir_buf_cstr(&b), "\"\"\"Z\xc3\xbcrich \xe6\x9d\xb1\xe4\xba\xac \xed\x95\x9c\"");
	weir_buf_fini(&b);
}
