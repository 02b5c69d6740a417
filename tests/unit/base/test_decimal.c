// SPDX-License-Identifier: Apache-2.0
/* The shortest decimal of a double, against printf and strtod. */
#include "base/decimal.h"
#include "tests/lib/weirtest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* With k digits, the printed number reads back as v. */
static bool reads_back(double v, int k)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*e", k - 1, v);
	return strtod(text, NULL) == v;
}

static void check(double v)
{
	uint64_t digits;
	int exp, k;
	char text[64];

	if (!weir_decimal_shortest(v, &digits, &exp))
		return;
	k = snprintf(text, sizeof(text), "%llu", (unsigned long long)digits);
	ck_assert_msg(digits % 10 != 0, "%.17g has a zero at its end", v);
	snprintf(text + k, sizeof(text) - (size_t)k, "e%d", exp);
	ck_assert_msg(strtod(text, NULL) == v, "%.17g was written %s", v, text);
	ck_assert_msg(k == 1 || !reads_back(v, k - 1), "%.17g needs fewer digits than %s", v, text);
	if (reads_back(v, k)) { /* not above some powers of two: their shortest decimal is not the one that printf rounds to */
		char near[64], ours[64];
		int n = 0;

		snprintf(near, sizeof(near), "%.*e", k - 1, v);
		for (char *p = near; *p != 'e'; p++)
			if (*p != '.')
				near[n++] = *p;
		near[n] = 0;
		snprintf(ours, sizeof(ours), "%llu", (unsigned long long)digits);
		ck_assert_msg(strcmp(near, ours) == 0, "%.17g was written %s, closer is %s", v, text, near);
	}
}

WEIR_TEST(random_doubles_have_their_shortest_decimal)
{
	struct weir_rng r = { 3 };

	for (int i = 0; i < 100000; i++) {
		double v = ldexp(weir_rng_unit(&r) + 1, (int)weir_rng_below(&r, 90) - 37);

		check(v);
		check((double)weir_rng_below(&r, 100000) / (double)(1 + weir_rng_below(&r, 500)));
		check((double)weir_rng_below(&r, 1000000) / 1000);
		check((double)(weir_rng_next(&r) >> (11 + weir_rng_below(&r, 40))));
	}
}

WEIR_TEST(neighbours_of_powers_have_their_shortest_decimal)
{
	for (int e = -36; e <= 52; e++) {
		double v = ldexp(1, e);

		check(v), check(nextafter(v, 0)), check(nextafter(v, INFINITY));
	}
	for (int e = -9; e <= 15; e++) {
		double v = pow(10, e);

		check(v), check(nextafter(v, 0)), check(nextafter(v, INFINITY));
	}
}

WEIR_TEST(what_lies_outside_is_refused)
{
	static const double outside[] = { 0x1p53, 1e300, 1e-12, 5e-324, 0.0 };
	uint64_t digits = 77;
	int exp = 77;

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		ck_assert_msg(!weir_decimal_shortest(outside[i], &digits, &exp), "%g", outside[i]);
	ck_assert(digits == 77 && exp == 77);
	ck_assert(weir_decimal_shortest(0x1p53 - 1, &digits, &exp) && digits == 9007199254740991u && exp == 0);
	ck_assert(weir_decimal_shortest(0.1, &digits, &exp) && digits == 1 && exp == -1);
}
