// SPDX-License-Identifier: Apache-2.0
/*
 * Big numbers as text. Digits are made nine at a time (division of 32-bit words by 10^9), which is quadratic; WEIR__BIG_LIMIT bounds it.
 * Pure. May fail: out of memory, sticky in the output.
 */
#include "state/type/big_number.h"

#include <stdlib.h>
#include <string.h>

#define BILLION 1000000000u

/* |two| as 32-bit words, the most significant first. NULL: out of memory. */
static uint32_t *magnitude(struct weir_slice two, size_t *n, bool *negative)
{
	size_t words = two.len / 4 + 1;
	uint32_t *w = calloc(words, sizeof(*w));
	uint32_t carry;

	*negative = two.len && two.ptr[0] & 0x80;
	*n = words;
	if (!w)
		return NULL;
	for (size_t i = 0; i < words * 4; i++) { /* i-th byte from the end, sign extended */
		uint8_t b = i < two.len ? two.ptr[two.len - 1 - i] : *negative ? 0xff : 0;

		w[words - 1 - i / 4] |= (uint32_t)b << 8 * (i % 4);
	}
	carry = *negative;
	for (size_t i = words; *negative && i > 0; i--) {
		w[i - 1] = ~w[i - 1] + carry;
		carry = carry && !w[i - 1];
	}
	return w;
}

/* The digits of |two|, without leading zeros. */
static void put_digits(struct weir_buf *out, struct weir_slice two, bool *negative)
{
	size_t n, first = 0, at = out->len, end;
	uint32_t *w = magnitude(two, &n, negative);

	if (!w) {
		out->code = WEIR_ENOMEM;
		return;
	}
	do { /* backwards, nine digits at a time */
		uint64_t rest = 0;
		size_t start = first;

		for (size_t i = start; i < n; i++) {
			rest = rest << 32 | w[i];
			w[i] = (uint32_t)(rest / BILLION);
			rest %= BILLION;
			if (i == first && !w[i])
				first++;
		}
		for (int i = 0; i < 9; i++, rest /= 10)
			weir_buf_u8(out, (uint8_t)('0' + rest % 10));
	} while (first < n);
	free(w);
	if (out->code)
		return;
	while (out->len > at + 1 && out->data[out->len - 1] == '0')
		out->len--;
	end = out->len;
	for (size_t i = 0; i < (end - at) / 2; i++) {
		uint8_t b = out->data[at + i];

		out->data[at + i] = out->data[end - 1 - i];
		out->data[end - 1 - i] = b;
	}
}

void weir__big_text(struct weir_buf *out, struct weir_slice two)
{
	if (two.len && two.ptr[0] & 0x80)
		weir_buf_u8(out, '-');
	put_digits(out, two, &(bool){ false });
}

void weir__big_decimal_text(struct weir_buf *out, struct weir_slice unscaled, int32_t scale)
{
	struct weir_buf digits = { 0 };
	bool negative;
	int64_t point;

	put_digits(&digits, unscaled, &negative);
	if (digits.code) {
		out->code = digits.code;
		goto out;
	}
	if (negative)
		weir_buf_u8(out, '-');
	point = (int64_t)digits.len - scale; /* digits before the point */
	if (scale == 0) {
		weir_buf_put(out, digits.data, digits.len);
	} else if (scale > 0 && point - 1 >= -6) {
		if (point > 0) {
			weir_buf_put(out, digits.data, (size_t)point);
			weir_buf_u8(out, '.');
			weir_buf_put(out, digits.data + point, digits.len - (size_t)point);
		} else {
			weir_buf_text(out, "0.");
			for (int64_t i = point; i < 0; i++)
				weir_buf_u8(out, '0');
			weir_buf_put(out, digits.data, digits.len);
		}
	} else {
		weir_buf_u8(out, digits.data[0]);
		if (digits.len > 1) {
			weir_buf_u8(out, '.');
			weir_buf_put(out, digits.data + 1, digits.len - 1);
		}
		if (point != 1)
			weir_buf_printf(out, "E%+lld", (long long)(point - 1));
	}
out:
	weir_buf_fini(&digits);
}

/* magnitude = magnitude * 10 + digit; bytes little endian. */
static void times_ten(struct weir_buf *m, unsigned digit)
{
	unsigned carry = digit;

	for (size_t i = 0; i < m->len && !m->code; i++) {
		carry += m->data[i] * 10u;
		m->data[i] = (uint8_t)carry;
		carry >>= 8;
	}
	if (carry)
		weir_buf_u8(m, (uint8_t)carry);
}

static bool parse_exponent(const char *p, const char *end, int64_t *out)
{
	bool negative = p < end && *p == '-';
	int64_t v = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || v > INT32_MAX)
			return false;
		v = v * 10 + (*p - '0');
	}
	*out = negative ? -v : v;
	return true;
}

/* Least two's complement bytes of a little-endian magnitude, big endian. */
static void put_two(struct weir_buf *out, const struct weir_buf *m, bool negative)
{
	size_t n = m->len, at = out->len;
	unsigned carry = negative;

	while (n > 0 && !m->data[n - 1])
		n--;
	for (size_t i = 0; i <= n; i++)
		weir_buf_u8(out, 0);
	for (size_t i = 0; i <= n && !out->code; i++) {
		unsigned b = i < n ? m->data[i] : 0;

		if (negative) {
			b = (~b & 0xff) + carry;
			carry = b >> 8;
		}
		out->data[at + n - i] = (uint8_t)b;
	}
	while (!out->code && out->len - at > 1 && (out->data[at] == 0 || out->data[at] == 0xff) && (out->data[at] & 0x80) == (out->data[at + 1] & 0x80)) {
		memmove(out->data + at, out->data + at + 1, out->len - at - 1);
		out->len--;
	}
}

bool weir__big_parse(const char *text, size_t len, struct weir_buf *unscaled, int32_t *scale)
{
	const char *p = text, *end, *point = NULL;
	struct weir_buf m = { 0 };
	size_t digits = 0;
	int64_t exponent = 0, s;
	bool negative, fine = len <= 2 * WEIR__BIG_LIMIT;

	if (!len)
		return false;
	end = text + len;
	negative = *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; fine && p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.' && !point) {
			point = p;
			continue;
		}
		fine = *p >= '0' && *p <= '9';
		if (fine) {
			digits++;
			times_ten(&m, (unsigned)(*p - '0'));
		}
	}
	s = point ? p - point - 1 : 0;
	if (fine && p < end)
		fine = parse_exponent(p + 1, end, &exponent);
	s -= exponent;
	fine = fine && digits && s >= INT32_MIN && s <= INT32_MAX;
	if (fine) {
		put_two(unscaled, &m, negative);
		*scale = (int32_t)s;
	}
	if (m.code)
		unscaled->code = m.code;
	weir_buf_fini(&m);
	return fine && !unscaled->code;
}
