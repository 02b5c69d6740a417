// SPDX-License-Identifier: Apache-2.0
/*
 * Single values of text rows. The fast ways are inline in the header; here are the full ones.
 *
 * Invariants
 *  1. Whole numbers are exact or refused; floating point numbers are the nearest value, whatever the locale.
 *  2. A reader accepts everything that the writer of its kind makes.
 * Pure, except that the C locale object is made once and kept.
 */
#include "runtime/format_value.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/date.h"

bool weir__parse_i64_slow(const char *p, size_t n, int64_t *out)
{
	const char *end = p + n;
	bool negative = n && *p == '-';
	int64_t v = 0;

	if (n && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	for (; p < end; p++) {
		unsigned digit = (unsigned)(unsigned char)*p - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, (int64_t)digit, &v))
			return false; /* summed below zero, where there is room for the smallest number */
	}
	if (!negative && v == INT64_MIN)
		return false;
	*out = negative ? v : -v;
	return true;
}

/* ---- floating point ---- */

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

struct decimal {
	uint64_t mantissa;
	int64_t exp10;
	bool negative, exact; /* all digits are in the mantissa */
};

static const char *scan_digits(const char *p, const char *end, struct decimal *d, bool fraction)
{
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (d->mantissa < 1000000000000000000u) {
			d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
			d->exp10 -= fraction;
		} else {
			d->exact = d->exact && *p == '0';
			d->exp10 += !fraction;
		}
	}
	return p;
}

/* Check the spelling and collect the digits. */
static bool scan_decimal(const char *p, size_t n, bool strict, struct decimal *d)
{
	const char *end = p + n, *from, *point;

	*d = (struct decimal){ .exact = true };
	if (p < end && (*p == '-' || (*p == '+' && !strict)))
		d->negative = *p++ == '-';
	from = p;
	p = point = scan_digits(p, end, d, false);
	if (strict && (p == from || (*from == '0' && p - from > 1)))
		return false;
	if (p < end && *p == '.') {
		p = scan_digits(p + 1, end, d, true);
		if (p - point == 1 && (strict || point == from))
			return false;
	}
	if (p == from)
		return false;
	if (p < end && (*p == 'e' || *p == 'E')) {
		bool down = ++p < end && *p == '-';
		int64_t e = 0;

		if (p < end && (*p == '-' || *p == '+'))
			p++;
		if (p == end)
			return false;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			e = e < 100000 ? e * 10 + (*p - '0') : e;
		d->exp10 += down ? -e : e;
	}
	return p == end;
}

bool weir__json_number(const char *p, size_t n)
{
	struct decimal d;

	return scan_decimal(p, n, true, &d);
}

static bool named_f64(const char *p, size_t n, double *out)
{
	if (n == 3 && memcmp(p, "NaN", 3) == 0)
		*out = (double)NAN;
	else if (n == 8 && memcmp(p, "Infinity", 8) == 0)
		*out = (double)INFINITY;
	else if (n == 9 && memcmp(p, "-Infinity", 9) == 0)
		*out = -(double)INFINITY;
	else
		return false;
	return true;
}

/* By the C library; the spelling has been checked. Long spellings are rare: they are copied to be terminated. */
static bool slow_float(const char *p, size_t n, double *out_double, float *out_float)
{
	char small[64], *text = n < sizeof(small) ? small : malloc(n + 1);
	bool ok;

	if (!text)
		return false;
	pthread_once(&c_locale_once, make_locale);
	memcpy(text, p, n);
	text[n] = 0;
	if (out_double) {
		*out_double = c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
		ok = !isinf(*out_double);
	} else {
		*out_float = c_locale ? strtof_l(text, NULL, c_locale) : strtof(text, NULL);
		ok = !isinf(*out_float);
	}
	if (text != small)
		free(text);
	return ok;
}

bool weir__parse_f64(const char *p, size_t n, bool strict, double *out)
{
	static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	struct decimal d;

	if (!strict && named_f64(p, n, out))
		return true;
	if (!scan_decimal(p, n, strict, &d))
		return false;
	if (d.exact && d.mantissa <= (uint64_t)1 << 53 && d.exp10 >= -22 && d.exp10 <= 22) { /* both are exact: one rounding */
		double v = d.exp10 < 0 ? (double)d.mantissa / powers[-d.exp10] : (double)d.mantissa * powers[d.exp10];

		*out = d.negative ? -v : v;
		return true;
	}
	return slow_float(p, n, out, NULL);
}

bool weir__parse_f32(const char *p, size_t n, bool strict, float *out)
{
	static const float powers[] = { 1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f };
	struct decimal d;
	double named;

	if (!strict && named_f64(p, n, &named)) {
		*out = (float)named;
		return true;
	}
	if (!scan_decimal(p, n, strict, &d))
		return false;
	if (d.exact && d.mantissa <= (uint64_t)1 << 24 && d.exp10 >= -10 && d.exp10 <= 10) {
		float v = d.exp10 < 0 ? (float)d.mantissa / powers[-d.exp10] : (float)d.mantissa * powers[d.exp10];

		*out = d.negative ? -v : v;
		return true;
	}
	return slow_float(p, n, NULL, out);
}

/* ---- time ---- */

#define DAY_MS INT64_C(86400000)

static bool two(const char **p, const char *end, int max, int *out)
{
	unsigned a, b;

	if (end - *p < 2)
		return false;
	a = (unsigned)(unsigned char)(*p)[0] - '0', b = (unsigned)(unsigned char)(*p)[1] - '0';
	*p += 2;
	*out = (int)(a * 10 + b);
	return a <= 9 && b <= 9 && *out <= max;
}

static bool letter(const char **p, const char *end, char c)
{
	return *p < end && *(*p)++ == c;
}

/* Year, month and day from *p. */
static bool parse_date(const char **p, const char *end, int64_t *out_days)
{
	bool negative = false, wide = false;
	int64_t year = 0;
	int month, day, n = 0;
	char separator;

	if (*p < end && (**p == '+' || **p == '-')) {
		negative = *(*p)++ == '-';
		wide = true;
	}
	for (; *p < end && **p >= '0' && **p <= '9' && n < 9; n++)
		year = year * 10 + (*(*p)++ - '0');
	if (wide ? n < 4 : n != 4)
		return false;
	year = negative ? -year : year;
	if (*p == end || (**p != '-' && **p != '/'))
		return false;
	separator = *(*p)++;
	if (!two(p, end, 12, &month) || !letter(p, end, separator) || !two(p, end, 31, &day) || !weir_date_exists(year, month, day))
		return false;
	*out_days = weir_days_of_date(year, month, day);
	return true;
}

/* Hours, minutes, seconds and fraction: ms of the day. */
static bool parse_clock(const char **p, const char *end, int64_t *out_ms)
{
	int hour, minute, second = 0, ms = 0;

	if (!two(p, end, 23, &hour) || !letter(p, end, ':') || !two(p, end, 59, &minute))
		return false;
	if (*p < end && **p == ':') {
		(*p)++;
		if (!two(p, end, 59, &second))
			return false;
		if (*p < end && (**p == '.' || **p == ',')) {
			int n = 0;

			for ((*p)++; *p < end && **p >= '0' && **p <= '9' && n < 9; n++, (*p)++)
				ms = n < 3 ? ms * 10 + (**p - '0') : ms;
			if (n == 0)
				return false;
			for (; n < 3; n++)
				ms *= 10;
		}
	}
	*out_ms = ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
	return true;
}

/* Z, +02:00, +0200, +02 up to the end. */
static bool parse_offset(const char *p, const char *end, int64_t *out_ms)
{
	int hour, minute = 0;
	bool negative;

	*out_ms = 0;
	if (p == end)
		return true;
	if (*p == 'Z' || *p == 'z')
		return p + 1 == end;
	if (*p != '+' && *p != '-')
		return false;
	negative = *p++ == '-';
	if (!two(&p, end, 18, &hour))
		return false;
	if (p < end && *p == ':')
		p++;
	else if (p < end && end - p != 2)
		return false;
	if (p < end && !two(&p, end, 59, &minute))
		return false;
	*out_ms = (hour * 60 + minute) * INT64_C(60000) * (negative ? -1 : 1);
	return p == end && p[-1] != ':';
}

bool weir__parse_time(struct weir_date_cache *cache, const char *p, size_t n, int64_t *out_ms)
{
	const char *start = p, *end = p + n;
	int64_t clock_ms = 0, offset_ms = 0, days;
	__int128 ms;

	if (n >= 16 && cache->known && memcmp(cache->text, p, sizeof(cache->text)) == 0) {
		days = cache->days;
		p += sizeof(cache->text);
	} else {
		if (!parse_date(&p, end, &days))
			return false;
		if (p - start == (ptrdiff_t)sizeof(cache->text)) {
			memcpy(cache->text, start, sizeof(cache->text));
			cache->days = days;
			cache->known = true;
		}
	}
	if (p < end) {
		if (*p != ' ' && *p != 'T' && *p != 't')
			return false;
		p++;
		if (!parse_clock(&p, end, &clock_ms) || !parse_offset(p, end, &offset_ms))
			return false;
	}
	ms = (__int128)days * DAY_MS + clock_ms - offset_ms; /* the first and last representable days are not whole */
	*out_ms = (int64_t)ms;
	return ms >= INT64_MIN && ms <= INT64_MAX;
}

/* ---- text ---- */

bool weir__utf8_valid_slow(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + n;
	bool after_high = false; /* the last character was a high surrogate */

	while (p < end) {
		uint8_t c = *p;
		int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;

		if (more < 0 || end - p <= more)
			return false;
		for (int i = 1; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] >= 0x90))
			return false;
		if (c == 0xed && p[1] >= 0xb0 && after_high) /* a pair must be one character */
			return false;
		after_high = c == 0xed && p[1] >= 0xa0 && p[1] < 0xb0;
		p += more + 1;
	}
	return true;
}

bool weir__parse_char(const char *text, size_t n, uint16_t *out)
{
	const uint8_t *p = (const uint8_t *)text;

	if (n < 1 || n > 3 || !weir__utf8_valid_slow(text, n) || n != (p[0] < 0x80 ? 1u : p[0] < 0xe0 ? 2u : 3u))
		return false;
	*out = (uint16_t)(n == 1 ? p[0] : n == 2 ? (p[0] & 31) << 6 | (p[1] & 63) : (p[0] & 15) << 12 | (p[1] & 63) << 6 | (p[2] & 63));
	return true;
}

static int base64_digit(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool weir__parse_base64(const char *p, size_t n, char *to, size_t *out_n)
{
	size_t pad = 0, at = 0;

	if (n % 4)
		return false;
	while (n && pad < 2 && p[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n; i += 4) {
		uint32_t word = 0;
		size_t keep = i + 4 == n ? 4 - pad : 4;

		for (size_t k = 0; k < 4; k++) {
			int digit = k < keep ? base64_digit((uint8_t)p[i + k]) : 0;

			if (digit < 0)
				return false;
			word = word << 6 | (uint32_t)digit;
		}
		if ((keep == 2 && word & 0xffff) || (keep == 3 && word & 0xff)) /* bits that no byte has */
			return false;
		for (size_t k = 0; k + 1 < keep; k++)
			to[at++] = (char)(word >> (16 - 8 * k));
	}
	*out_n = at;
	return true;
}

bool weir__parse_bool(const char *p, size_t n, bool *out)
{
	*out = n == 4;
	return (n == 4 && memcmp(p, "true", 4) == 0) || (n == 5 && memcmp(p, "false", 5) == 0);
}

static const char *const names[] = {
	[WEIR_BOOLEAN] = "boolean", [WEIR_INT8] = "int8", [WEIR_INT16] = "int16", [WEIR_INT32] = "int32", [WEIR_INT64] = "int64",
	[WEIR_FLOAT] = "float", [WEIR_DOUBLE] = "double", [WEIR_CHAR] = "char", [WEIR_STRING] = "string", [WEIR_BYTES] = "bytes",
	[WEIR_TIMESTAMP] = "timestamp", [WEIR_LIST] = "list", [WEIR_MAP] = "map", [WEIR_TUPLE] = "tuple", [WEIR_ROW] = "row", [WEIR_POJO] = "record",
};

const char *weir__value_kind(enum weir_kind kind)
{
	return (size_t)kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] : "another type";
}

const char *weir__value_expected(enum weir_kind kind)
{
	switch (kind) {
	case WEIR_BOOLEAN: return "true or false";
	case WEIR_INT8: return "a whole number from -128 to 127 (int8)";
	case WEIR_INT16: return "a whole number from -32768 to 32767 (int16)";
	case WEIR_INT32: return "a whole number from -2147483648 to 2147483647 (int32)";
	case WEIR_INT64: return "a whole number of 64 bits (int64)";
	case WEIR_FLOAT: return "a number within the range of a float";
	case WEIR_DOUBLE: return "a number within the range of a double";
	case WEIR_CHAR: return "one character (of the Basic Multilingual Plane)";
	case WEIR_BYTES: return "bytes in base64";
	case WEIR_TIMESTAMP: return "a time such as 2001-01-31T23:59:00Z or 2001/01/31 23:59";
	default: return "text in UTF-8";
	}
}

/* ---- writing ---- */

static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
			    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

char *weir__format_i64(char *to, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	uint32_t n = 1;
	char *p;

	*to = '-';
	to += v < 0;
	for (uint64_t k = u; k >= 10; k /= 100, n += 2)
		if (k < 100) {
			n++;
			break;
		}
	for (p = to + n; u >= 100; u /= 100)
		memcpy(p -= 2, pairs + u % 100 * 2, 2);
	if (u >= 10)
		memcpy(to, pairs + u * 2, 2);
	else
		*to = (char)('0' + u);
	return to + n;
}

static char *put_two(char *to, int v)
{
	memcpy(to, pairs + v * 2, 2);
	return to + 2;
}

static char *put_date(char *to, int64_t days)
{
	int64_t year, absolute;
	int month, day;

	weir_date_of_days(days, &year, &month, &day);
	absolute = year < 0 ? -year : year;
	if (year > 9999)
		*to++ = '+';
	else if (year < 0)
		*to++ = '-';
	if (absolute > 9999) {
		to = weir__format_i64(to, absolute);
	} else {
		to = put_two(to, (int)(absolute / 100));
		to = put_two(to, (int)(absolute % 100));
	}
	*to++ = '-';
	to = put_two(to, month);
	*to++ = '-';
	return put_two(to, day);
}

char *weir__format_time(char *to, int64_t ms)
{
	static _Thread_local struct { int64_t days; uint32_t n; char text[28]; } last; /* rows tend to share their date */
	int64_t rest = ms % DAY_MS, days = ms / DAY_MS - (rest < 0);
	uint32_t of_day, second, minute;

	rest += rest < 0 ? DAY_MS : 0;
	if (days != last.days || last.n == 0) {
		last.days = days;
		last.n = (uint32_t)(put_date(last.text, days) - last.text);
	}
	memcpy(to, last.text, 16); /* most dates are shorter, and the caller has the room */
	if (last.n > 16)
		memcpy(to + 16, last.text + 16, last.n - 16);
	to += last.n;
	of_day = (uint32_t)rest;
	second = of_day / 1000;
	minute = second / 60;
	memcpy(to, "T00:00:00Z", 10);
	memcpy(to + 1, pairs + minute / 60 * 2, 2);
	memcpy(to + 4, pairs + minute % 60 * 2, 2);
	memcpy(to + 7, pairs + second % 60 * 2, 2);
	if (of_day % 1000 == 0)
		return to + 10;
	to[9] = '.';
	to[10] = (char)('0' + of_day % 1000 / 100);
	memcpy(to + 11, pairs + of_day % 100 * 2, 2);
	to[13] = 'Z';
	return to + 14;
}

uint32_t weir__format_char(char to[3], uint16_t unit)
{
	uint32_t n = 0;

	if (unit >= 0x800)
		to[n++] = (char)(0xe0 | unit >> 12);
	if (unit >= 0x80)
		to[n++] = (char)(unit >= 0x800 ? 0x80 | (unit >> 6 & 63) : 0xc0 | unit >> 6);
	to[n++] = (char)(unit >= 0x80 ? 0x80 | (unit & 63) : unit);
	return n;
}

void weir__put_base64(struct weir_buf *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *to = n ? (char *)weir_buf_room(out, (n + 2) / 3 * 4) : NULL;

	if (!to)
		return;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t word = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0u);

		*to++ = digits[word >> 18];
		*to++ = digits[word >> 12 & 63];
		*to++ = i + 1 < n ? digits[word >> 6 & 63] : '=';
		*to++ = i + 2 < n ? digits[word & 63] : '=';
	}
	out->len += (n + 2) / 3 * 4;
}
