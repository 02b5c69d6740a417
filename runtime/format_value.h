/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of text rows: numbers, times, text. What both CSV and JSON need to read and to write.
 *
 * Slack: readers marked so may load up to WEIR_TEXT_SLACK bytes from the start of a value or past its end, so that many bytes must be readable
 * there (their content does not matter). Writers marked so need room for the given number of bytes.
 */
#ifndef WEIR_RUNTIME_FORMAT_VALUE_H
#define WEIR_RUNTIME_FORMAT_VALUE_H

#include <weir/type.h>

#include "base/buf.h"

#define WEIR_TEXT_SLACK 16u

static inline uint64_t weir__load64le(const char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

#define WEIR__EACH_BYTE(c) (0x0101010101010101u * (uint8_t)(c))
#define WEIR__HIGH_BITS 0x8080808080808080u

/* 0x80 in each byte of x that is zero, exactly. */
static inline uint64_t weir__zero_bytes(uint64_t x)
{
	return ~(((x & ~WEIR__HIGH_BITS) + ~WEIR__HIGH_BITS) | x | ~WEIR__HIGH_BITS);
}

/* Eight digits as numbers, the first in the low byte. False: a byte is above 9. */
static inline bool weir__eight_digits(uint64_t v, uint32_t *out)
{
	if (((v + WEIR__EACH_BYTE(0x76)) | v) & WEIR__HIGH_BITS)
		return false;
	v = (v * 2561 >> 8) & 0x00ff00ff00ff00ffu;
	v = (v * 6553601 >> 16) & 0x0000ffff0000ffffu;
	*out = (uint32_t)(v * 42949672960001u >> 32);
	return true;
}

bool weir__parse_i64_slow(const char *p, size_t n, int64_t *out);
/* [-+]digits. Slack. False: not a number, or out of range. */
static inline bool weir__parse_i64(const char *p, size_t n, int64_t *out)
{
	size_t negative = *p == '-'; /* without a branch: signs come in no order */
	uint32_t v;

	n -= negative;
	if (n - 1 < 8 && weir__eight_digits((weir__load64le(p + negative) ^ WEIR__EACH_BYTE('0')) << (8 - n) * 8, &v)) {
		*out = ((int64_t)v ^ -(int64_t)negative) + (int64_t)negative;
		return true;
	}
	return weir__parse_i64_slow(p, n + negative, out);
}

/* strict: as JSON spells numbers. Otherwise also "+1", ".5", "1.", and Java's NaN, Infinity, -Infinity. Out of range is false. */
bool weir__parse_f64(const char *p, size_t n, bool strict, double *out);
bool weir__parse_f32(const char *p, size_t n, bool strict, float *out);
bool weir__json_number(const char *p, size_t n); /* spelled as JSON spells numbers, of any size */

/* The last date seen: rows tend to share it. Zeroed is empty. */
struct weir_date_cache {
	char text[10];
	bool known;
	int64_t days; /* since 1970-01-01 */
};
/* 2001-01-01 or 2001/01/01; then a blank or T and 00:47[:00[.123456789]]; then Z or an offset +02:00, +0200, +02. Without an offset: UTC.
 * A year outside 0000..9999 has a sign and up to nine digits. What is below a millisecond is cut off. */
bool weir__parse_time(struct weir_date_cache *cache, const char *p, size_t n, int64_t *out_ms);
/* The same for the last date seen and 00:47, 00:47:00 or 00:47:00Z behind it. False: anything else. Slack. */
static inline bool weir__parse_time_quickly(const struct weir_date_cache *cache, const char *p, size_t n, int64_t *out_ms)
{
	uint64_t v, w;
	uint32_t hour, minute, second;

	if ((n != 16 && n != 19 && !(n == 20 && p[19] == 'Z')) || !cache->known || memcmp(cache->text, p, sizeof(cache->text)) != 0 || (p[10] != ' ' && p[10] != 'T'))
		return false;
	v = weir__load64le(p + 11);
	if (n == 16)
		v = (v & 0xffffffffffu) | (uint64_t)0x30303a << 40;       /* ":00", first letter in the low byte */
	v ^= 0x30303a30303a3030u;                                         /* digits to numbers, colons to zero */
	w = v * 10 + (v >> 8);                                            /* two digits in bytes 0, 3 and 6 */
	hour = w & 0xff, minute = w >> 24 & 0xff, second = w >> 48 & 0xff;
	if (((v | (v + 0x0606000606000606u)) & 0xf0f0fff0f0fff0f0u) != 0 || hour > 23 || minute > 59 || second > 59)
		return false;
	*out_ms = cache->days * INT64_C(86400000) + ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
	return true;
}

/* Well-formed UTF-8; a surrogate that has no partner may stand in its three-byte form, as in struct weir_str. */
bool weir__utf8_valid_slow(const char *p, size_t n);
/* Slack. */
static inline bool weir__utf8_valid(const char *p, size_t n)
{
	uint64_t high = 0;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		high |= weir__load64le(p + i);
	if (i < n)
		high |= weir__load64le(p + i) << (8 - (n - i)) * 8;
	return !(high & WEIR__HIGH_BITS) || weir__utf8_valid_slow(p, n);
}
/* One UTF-16 unit from UTF-8. */
bool weir__parse_char(const char *p, size_t n, uint16_t *out);
/* Standard alphabet with padding. to has room for n / 4 * 3 bytes. */
bool weir__parse_base64(const char *p, size_t n, char *to, size_t *out_n);
bool weir__parse_bool(const char *p, size_t n, bool *out); /* true, false */

/* Bring a whole number into a column of type INT8..INT64, TIMESTAMP. False: out of range. */
static inline bool weir__store_int(enum weir_kind kind, void *col, uint32_t row, int64_t v)
{
	switch (kind) {
	case WEIR_INT8: return ((int8_t *)col)[row] = (int8_t)v, v == (int8_t)v;
	case WEIR_INT16: return ((int16_t *)col)[row] = (int16_t)v, v == (int16_t)v;
	case WEIR_INT32: return ((int32_t *)col)[row] = (int32_t)v, v == (int32_t)v;
	default: return ((int64_t *)col)[row] = v, true;
	}
}

/* A view of up to 12 bytes. Slack. */
static inline struct weir_str weir__short_str(const char *p, uint32_t n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t lo = weir__load64le(p), hi = 0;
	struct weir_str s = { .len = n };

	if (n > 8) {
		hi = weir__load64le(p + 8) & (UINT64_MAX >> (16 - n) * 8);
	} else {
		lo = n ? lo & UINT64_MAX >> (8 - n) * 8 : 0;
	}
	hi = hi << 32 | lo >> 32;
	memcpy(s.prefix, &lo, 4);
	memcpy(s.u.rest, &hi, 8);
	return s;
#else
	return weir_str_view(p, n);
#endif
}

/* What a value of this kind must look like, for messages: "a whole number from -128 to 127 (int8)". */
const char *weir__value_expected(enum weir_kind kind);
/* Can a row format hold it as one value? */
static inline bool weir__value_scalar(enum weir_kind kind) { return kind <= WEIR_TIMESTAMP; }
const char *weir__value_kind(enum weir_kind kind); /* "int32" */

/* ---- writing; each returns the end of what it wrote ---- */
char *weir__format_i64(char *to, int64_t v);  /* room for 20 */
char *weir__format_time(char *to, int64_t ms); /* room for 40; as java.time.Instant.toString */
uint32_t weir__format_char(char to[3], uint16_t unit); /* UTF-8; returns its length */
void weir__put_base64(struct weir_buf *out, const uint8_t *p, size_t n);

#endif
