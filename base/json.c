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

/* Has one of the eight bytes of w to be looked at: below 0x20, " or \, or 0xed? Bytes above 0x7f may say so without need; that costs time only. */
static bool special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\', control = w - ones * 0x20;

	return ((control | (quote - ones) | (slash - ones)) | w) & highs;
}

/* How many bytes from p on are copied as they are. */
static size_t plain_run(const uint8_t *p, size_t len)
{
	size_t i = 0;
	uint64_t w;

	if (len >= 4 && len < 8) { /* both ends, which overlap */
		uint32_t a, b;

		memcpy(&a, p, 4);
		memcpy(&b, p + len - 4, 4);
		if (!special(a | (uint64_t)b << 32))
			return len;
	}
	for (; len - i >= 8; i += 8) {
		memcpy(&w, p + i, 8);
		if (special(w))
			break;
	}
	if (i && len - i < 8) {
		memcpy(&w, p + len - 8, 8);
		if (!special(w))
			return len;
	}
	for (; i < len; i++)
		if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || (p[i] == 0xed && surrogate(p + i, len - i)))
			break;
	return i;
}

static void put_escaped(struct weir_buf *b, uint8_t c)
{
	switch (c) {
	case '"': weir_buf_text(b, "\\\""); break;
	case '\\': weir_buf_text(b, "\\\\"); break;
	case '\n': weir_buf_text(b, "\\n"); break;
	case '\r': weir_buf_text(b, "\\r"); break;
	case '\t': weir_buf_text(b, "\\t"); break;
	default: weir_buf_printf(b, "\\u%04x", c);
	}
}

void weir_json_str(struct weir_buf *b, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t *to = weir_buf_room(b, len + 2);
	size_t run = plain_run(p, len);

	if (!to)
		return;
	*to = '"';
	if (run)
		memcpy(to + 1, p, run);
	b->len += 1 + run;
	while (run < len) {
		size_t from;

		if (p[run] == 0xed) {
			weir_buf_printf(b, "\\u%04x", 0xd000u | (p[run + 1] & 63u) << 6 | (p[run + 2] & 63u));
			run += 3;
		} else {
			put_escaped(b, p[run++]);
		}
		from = run;
		run += plain_run(p + run, len - run);
		weir_buf_put(b, p + from, run - from);
	}
	weir_buf_u8(b, '"');
}

void weir_json_key(struct weir_buf *b, bool *first, const char *name)
{
	size_t len = strlen(name), run = plain_run((const uint8_t *)name, len);
	uint8_t *to;

	if (!*first)
		weir_buf_u8(b, ',');
	*first = false;
	if (run < len) {
		weir_json_str(b, name, len);
		weir_buf_u8(b, ':');
		return;
	}
	to = weir_buf_room(b, len + 3);
	if (!to)
		return;
	*to = '"';
	memcpy(to + 1, name, len);
	to[len + 1] = '"', to[len + 2] = ':';
	b->len += len + 3;
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869"
			    "707172737475767778798081828384858687888990919293949596979899";

/* The digits of v, ending before `end`. Returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
	uint32_t low;

	for (; v >= 100000000; v /= 100000000) { /* eight at a time, in 32 bits */
		uint32_t eight = (uint32_t)(v % 100000000), a = eight / 10000, b = eight % 10000;

		memcpy(end - 8, pairs + a / 100 * 2, 2);
		memcpy(end - 6, pairs + a % 100 * 2, 2);
		memcpy(end - 4, pairs + b / 100 * 2, 2);
		memcpy(end - 2, pairs + b % 100 * 2, 2);
		end -= 8;
	}
	for (low = (uint32_t)v; low >= 100; low /= 100)
		end = (char *)memcpy(end - 2, pairs + low % 100 * 2, 2);
	if (low >= 10)
		return (char *)memcpy(end - 2, pairs + low * 2, 2);
	*--end = (char)('0' + low);
	return end;
}

void weir_json_i64(struct weir_buf *b, int64_t v)
{
	char text[24], *end = text + sizeof(text), *from = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);

	if (v < 0)
		*--from = '-';
	weir_buf_put(b, from, (size_t)(end - from));
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
	char digits[24], *p;
	uint64_t d;
	int exp, n;

	if (!weir_decimal_shortest(fabs(v), &d, &exp))
		return false;
	p = digits_before(digits + sizeof(digits), d);
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
