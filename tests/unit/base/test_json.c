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
