// SPDX-License-Identifier: Apache-2.0
/* JSON text. Number forms follow Java's Double.toString and Float.toString (shortest digits that read back equal). */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"

static bool surrogate(const uint8_t *p, size_t left)
{
	return left >= 3 && p[0] == 0xed && p[1] >= 0xa0;
}

void weir_json_str(struct weir_buf *b, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t from = 0;

	weir_buf_u8(b, '"');
	for (size_t i = 0; i < len; i++) {
		uint8_t c = p[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0xed)
			continue;
		if (c == 0xed && !surrogate(p + i, len - i))
			continue;
		weir_buf_put(b, p + from, i - from);
		from = i + 1;
		switch (c) {
		case '"': weir_buf_text(b, "\\\""); break;
		case '\\': weir_buf_text(b, "\\\\"); break;
		case '\n': weir_buf_text(b, "\\n"); break;
		case '\r': weir_buf_text(b, "\\r"); break;
		case '\t': weir_buf_text(b, "\\t"); break;
		case 0xed:
			weir_buf_printf(b, "\\u%04x", 0xd000u | (p[i + 1] & 63u) << 6 | (p[i + 2] & 63u));
			i += 2;
			from = i + 1;
			break;
		default: weir_buf_printf(b, "\\u%04x", c);
		}
	}
	weir_buf_put(b, p + from, len - from);
	weir_buf_u8(b, '"');
}

void weir_json_key(struct weir_buf *b, bool *first, const char *name)
{
	if (!*first)
		weir_buf_u8(b, ',');
	*first = false;
	weir_json_text(b, name);
	weir_buf_u8(b, ':');
}

void weir_json_i64(struct weir_buf *b, int64_t v)
{
	weir_buf_printf(b, "%lld", (long long)v);
}

/* digits: significant decimal digits without point; value = 0.d1d2d3... * 10^exp10 */
static void put_java(struct weir_buf *b, bool neg, const char *digits, int n, int exp10)
{
	char *from = (char *)weir_buf_room(b, 48), *to = from;

	if (!to)
		return;
	if (neg)
		*to++ = '-';
	if (exp10 > -3 && exp10 <= 0) { /* 10^-3 <= v < 10^7: plain */
		to = (char *)memcpy(to, "0.00", 4) + 2 - exp10;
		to = (char *)memcpy(to, digits, (size_t)n) + n;
	} else if (exp10 > 0 && exp10 <= 7) {
		for (int i = 0; i < exp10; i++)
			*to++ = i < n ? digits[i] : '0';
		*to++ = '.';
		if (n > exp10)
			to = (char *)memcpy(to, digits + exp10, (size_t)(n - exp10)) + (n - exp10);
		else
			*to++ = '0';
	} else {
		*to++ = digits[0];
		*to++ = '.';
		if (n > 1)
			to = (char *)memcpy(to, digits + 1, (size_t)(n - 1)) + (n - 1);
		else
			*to++ = '0';
		to += snprintf(to, 8, "E%d", exp10 - 1);
	}
	b->len += (size_t)(to - from);
}

/* The usual double, quickly. False: not one of those. */
static bool put_shortest(struct weir_buf *b, double v)
{
	char digits[24], *p = digits + sizeof(digits);
	uint64_t d;
	int exp, n;

	if (!weir_decimal_shortest(fabs(v), &d, &exp))
		return false;
	for (; d; d /= 10)
		*--p = (char)('0' + d % 10);
	n = (int)(digits + sizeof(digits) - p);
	put_java(b, v < 0, p, n, exp + n);
	return true;
}

static void put_float(struct weir_buf *b, double v, bool single)
{
	char text[40], digits[24];
	int n = 0, exp10;

	if (isnan(v)) {
		weir_buf_text(b, "\"NaN\"");
		return;
	}
	if (isinf(v)) {
		weir_buf_text(b, v < 0 ? "\"-Infinity\"" : "\"Infinity\"");
		return;
	}
	if (v == 0) {
		weir_buf_text(b, signbit(v) ? "-0.0" : "0.0");
		return;
	}
	if ((!single || (fabs(v) < 1e7 && v == (double)(int64_t)v)) && put_shortest(b, v)) /* a whole float has the digits of the same double */
		return;
	/* A decimal of up to DBL_DIG digits comes back from %.*e with DBL_DIG digits, padded with zeros: so the search may start there. Subnormal
	 * numbers have fewer; they start at two digits, as Java does: 4.9E-324. */
	int precision = single ? (fabs(v) < (double)FLT_MIN ? 1 : FLT_DIG - 1) : (fabs(v) < DBL_MIN ? 1 : DBL_DIG - 1);

	for (; precision < 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, v);
		if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
			break;
	}
	const char *p = text + (text[0] == '-');

	for (; *p && *p != 'e'; p++)
		if (*p != '.')
			digits[n++] = *p;
	exp10 = atoi(p + 1) + 1;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	put_java(b, v < 0, digits, n, exp10);
}

void weir_json_f64(struct weir_buf *b, double v) { put_float(b, v, false); }
void weir_json_f32(struct weir_buf *b, float v) { put_float(b, (double)v, true); }
