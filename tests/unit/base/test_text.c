// SPDX-License-Identifier: Apache-2.0
#include "base/date.h"
#include "base/order.h"
#include "base/text.h"
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <string.h>

WEIR_TEST(words_that_are_near)
{
	char longer[130];

	ck_assert_uint_eq(weir_edit_distance("", ""), 0);
	ck_assert_uint_eq(weir_edit_distance("", "abc"), 3);
	ck_assert_uint_eq(weir_edit_distance("limit", "limt"), 1);
	ck_assert_uint_eq(weir_edit_distance("shwo", "show"), 1); /* swapped */
	ck_assert_uint_eq(weir_edit_distance("kitten", "sitting"), 3);
	memset(longer, 'x', sizeof(longer));
	longer[127] = 0;
	ck_assert_uint_eq(weir_edit_distance(longer, "x"), 126);
	longer[127] = 'x';
	longer[128] = 0;
	ck_assert_uint_eq(weir_edit_distance(longer, "x"), SIZE_MAX);
	ck_assert_uint_eq(weir_edit_distance("x", longer), SIZE_MAX);
}

WEIR_TEST(hex_digits)
{
	uint32_t v = 7;

	ck_assert_int_eq(weir_hex_digit('f'), 15);
	ck_assert_int_eq(weir_hex_digit('A'), 10);
	ck_assert_int_eq(weir_hex_digit('g'), -1);
	ck_assert_int_eq(weir_hex_digit(0), -1);
	ck_assert(!weir_hex4("12g4", &v));
	ck_assert_uint_eq(v, 7); /* untouched */
	ck_assert(weir_hex4("d83D", &v));
	ck_assert_uint_eq(v, 0xd83d);
}

WEIR_TEST(characters_as_utf8)
{
	static const struct { uint32_t cp; const char *text; } cases[] = {
		{ 'a', "a" }, { 0x7f, "\x7f" }, { 0x80, "\xc2\x80" }, { 0x7ff, "\xdf\xbf" }, { 0x800, "\xe0\xa0\x80" }, { 0x20ac, "\xe2\x82\xac" },
		{ 0xd800, "\xed\xa0\x80" }, { 0xffff, "\xef\xbf\xbf" }, { 0x10000, "\xf0\x90\x80\x80" }, { 0x10ffff, "\xf4\x8f\xbf\xbf" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t to[4];
		size_t n = weir_utf8_put(to, cases[i].cp);

		ck_assert_uint_eq(n, strlen(cases[i].text));
		ck_assert_mem_eq(to, cases[i].text, n);
	}
}

WEIR_TEST(slices_and_text)
{
	struct weir_slice s = { (const uint8_t *)"abc", 3 };

	ck_assert(weir_slice_is(s, "abc"));
	ck_assert(!weir_slice_is(s, "ab"));
	ck_assert(!weir_slice_is(s, "abd"));
}

WEIR_TEST(days_and_dates_go_both_ways)
{
	int64_t year, before_year = INT64_MIN, before = 0;
	int month, day;

	ck_assert_int_eq(weir_days_of_date(1970, 1, 1), 0);
	ck_assert_int_eq(weir_days_of_date(2000, 2, 29), 11016);
	ck_assert_int_eq(weir_days_of_date(0, 1, 1), -719528);
	for (int64_t d = -800000; d < 800000; d += 13) {
		weir_date_of_days(d, &year, &month, &day);
		ck_assert(weir_date_exists(year, month, day));
		ck_assert_int_eq(weir_days_of_date(year, month, day), d);
		ck_assert(year * 10000 + month * 100 + day > before || before_year == INT64_MIN);
		before = year * 10000 + month * 100 + day, before_year = year;
	}
	ck_assert(weir_date_exists(2000, 2, 29) && weir_date_exists(2024, 2, 29) && weir_date_exists(-4, 2, 29));
	ck_assert(!weir_date_exists(1900, 2, 29) && !weir_date_exists(2023, 2, 29) && !weir_date_exists(2023, 4, 31));
	ck_assert(!weir_date_exists(2023, 0, 1) && !weir_date_exists(2023, 13, 1) && !weir_date_exists(2023, 1, 0));
}

WEIR_TEST(orders_of_numbers)
{
	static const int64_t items[] = { INT64_MIN, 1, 1, 5 };
	int64_t a = INT64_MIN, b = INT64_MAX;

	ck_assert_int_lt(weir_order_i64(&a, &b), 0);
	ck_assert_int_gt(weir_order_i64_down(&a, &b), 0);
	ck_assert_int_eq(weir_order_i64(&a, &a), 0);
	ck_assert_uint_eq(weir_above_i64(items, 4, 0), 1);
	ck_assert_uint_eq(weir_above_i64(items, 4, 1), 3);
	ck_assert_uint_eq(weir_above_i64(items, 4, 5), 4);
	ck_assert_uint_eq(weir_above_i64(items, 0, 5), 0);
}

static void shows(const char *in, size_t size, bool lines, const char *want)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%s", in);
	weir_text_visible(buf, size, lines);
	ck_assert_str_eq(buf, want);
	weir_text_visible(buf, size, lines);
	ck_assert_str_eq(buf, want);
}

WEIR_TEST(text_from_damaged_names_can_be_shown)
{
	shows("plain", 64, false, "plain");
	shows("", 64, false, "");
	shows("Zürich 東京 \xf0\x9f\x98\x80", 64, false, "Zürich 東京 \xf0\x9f\x98\x80");
	shows("a\033[2Jb\177", 64, false, "a\\x1b[2Jb\\x7f");
	shows("two\nlines\r", 64, true, "two\nlines\\x0d");
	shows("two\nlines", 64, false, "two\\x0alines");
	shows("\xff\xc3(", 64, false, "\\xff\\xc3(");
	shows("\xed\xa0\x80", 64, false, "\\xed\\xa0\\x80");          /* half a surrogate pair */
	shows("\xc2\x9b" "31m", 64, false, "\\xc2\\x9b31m");            /* the C1 form of ESC [ */
	shows("\xc0\x80\xe0\x80\x80\xf4\x90\x80\x80", 64, false, "\\xc0\\x80\\xe0\\x80\\x80\\xf4\\x90\\x80\\x80");
	shows("cut \xe6\x9d", 64, false, "cut \\xe6\\x9d");
	for (size_t size = 8; size < 20; size++) { /* never longer than the buffer, always ended */
		char buf[32] = "ab\001\002\003\004\005";

		weir_text_visible(buf, size, false);
		ck_assert_uint_lt(strlen(buf), size);
		ck_assert_int_eq(strncmp(buf, "ab\\x01\\x02\\x03\\x04\\x05", strlen(buf)), 0);
	}
}
