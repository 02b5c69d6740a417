// SPDX-License-Identifier: Apache-2.0
/*
 * Text: UTF-8 in memory, UTF-16 units on the wire (Flink's StringValue), modified UTF-8 in snapshots (Java's writeUTF).
 *
 * Invariants
 *  1. Memory holds WTF-8: UTF-8, where an unpaired surrogate is its 3-byte form. Every Java string has exactly one such form, so
 *     bytewise equality is String.equals. A surrogate PAIR as two 3-byte forms is therefore refused, as is all else that is not UTF-8.
 *  2. ASCII is the same bytes in both forms: it is copied, or not even that, in runs of 8.
 * Pure. May fail: text that is not UTF-8, damaged bytes, out of memory (sticky in the buffer).
 */
#include "state/type/type_priv.h"

#include "base/arena.h"
#include "base/text.h"

#define HIGH_BITS 0x8080808080808080u

/* Length of the ASCII prefix. */
static size_t ascii_run(const uint8_t *p, size_t len)
{
	size_t i = 0;

	for (; len - i >= 8; i += 8) {
		uint64_t w;

		memcpy(&w, p + i, 8);
		if (w & HIGH_BITS)
			break;
	}
	while (i < len && p[i] < 0x80)
		i++;
	return i;
}

/* One character that is not ASCII: its bytes (0 = malformed) and code point. Surrogates are let through singly. */
static unsigned take_wide(const uint8_t *p, size_t left, uint32_t *cp)
{
	uint8_t c = p[0];
	unsigned n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	uint32_t v;

	if (c < 0xc2 || c > 0xf4 || left < n)
		return 0;
	v = n == 4 ? c & 7u : n == 3 ? c & 15u : c & 31u;
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 63u);
	}
	if ((n == 3 && v < 0x800) || (n == 4 && (v < 0x10000 || v > 0x10ffff)))
		return 0;
	*cp = v;
	return n;
}

static bool is_high(uint32_t u) { return u >= 0xd800 && u < 0xdc00; }
static bool is_low(uint32_t u) { return u >= 0xdc00 && u < 0xe000; }

int64_t weir__utf8_units(const char *text, size_t len, size_t *bad)
{
	const uint8_t *p = (const uint8_t *)text;
	int64_t units = 0;
	uint32_t before = 0;

	for (size_t i = 0; i < len;) {
		size_t run = ascii_run(p + i, len - i);
		uint32_t cp;
		unsigned n;

		if (run) {
			i += run;
			units += (int64_t)run;
			before = 0;
			continue;
		}
		n = take_wide(p + i, len - i, &cp);
		if (!n || (is_low(cp) && is_high(before))) {
			*bad = i;
			return -1;
		}
		before = cp;
		i += n;
		units += n == 4 ? 2 : 1;
	}
	return units;
}

static uint8_t *put_unit(uint8_t *to, uint32_t u)
{
	for (; u >= 0x80; u >>= 7)
		*to++ = (uint8_t)(u | 0x80);
	*to++ = (uint8_t)u;
	return to;
}

bool weir__string_write(struct weir_buf *out, const char *text, size_t len, size_t *bad)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t run = ascii_run(p, len);
	int64_t units = (int64_t)len;
	uint8_t *start, *to;

	if (run < len) {
		units = weir__utf8_units(text, len, bad);
		if (units < 0)
			return false;
	}
	start = to = weir_buf_room(out, len * 2 + 5); /* no character takes more than twice its UTF-8 length */
	if (!to)
		return true; /* sticky in the buffer */
	to = put_unit(to, (uint32_t)units + 1);
	if (run)
		memcpy(to, p, run);
	to += run;
	for (size_t i = run; i < len;) {
		uint32_t cp;
		unsigned n;

		if (p[i] < 0x80) {
			*to++ = p[i++];
			continue;
		}
		n = take_wide(p + i, len - i, &cp);
		i += n ? n : 1;
		if (n == 4) {
			to = put_unit(to, 0xd800 + ((cp - 0x10000) >> 10));
			cp = 0xdc00 + (cp & 0x3ff);
		}
		to = put_unit(to, cp);
	}
	out->len += (size_t)(to - start);
	return true;
}

static uint32_t take_unit(struct weir_src *src)
{
	uint32_t v = weir_src_varint(src);

	if (v > 0xffff) {
		weir_src_fail(src, WEIR_ECORRUPT, "a character of a string is larger than 16 bits");
		return 0;
	}
	return v;
}

/* Append a unit to UTF-8 text, joining it with an unpaired high surrogate that ends the text. */
static void append_unit(struct weir_buf *b, uint32_t unit, uint32_t *high)
{
	uint8_t four[4];
	uint32_t cp = unit;

	if (*high && is_low(unit)) {
		b->len -= b->code ? 0 : 3;
		cp = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
	}
	*high = is_high(unit) ? unit : 0;
	weir_buf_put(b, four, weir_utf8_put(four, cp));
}

struct weir_slice weir__string_units(struct weir_src *src, uint32_t n, struct weir_buf *scratch)
{
	size_t left = weir_src_left(src), run;
	const uint8_t *p = src->p;
	uint32_t high = 0, i;

	if (n <= left && weir__ascii(p, n))
		return weir_src_bytes(src, n);
	run = ascii_run(p, n < left ? n : left);
	weir_buf_clear(scratch);
	weir_buf_put(scratch, p, run);
	src->p += run;
	for (i = (uint32_t)run; i < n && !src->code; i++)
		append_unit(scratch, take_unit(src), &high);
	if (scratch->code)
		weir_src_fail(src, scratch->code, "out of memory for a string");
	return src->code ? (struct weir_slice){ NULL, 0 } : weir_buf_slice(scratch);
}

/* One unit of modified UTF-8 at *p; false when malformed. */
static bool take_mutf8(const uint8_t **p, const uint8_t *end, uint32_t *unit)
{
	const uint8_t *s = *p;
	unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] == 0 || (s[0] >= 0x80 && s[0] < 0xc0) || s[0] >= 0xf0 || (size_t)(end - s) < n)
		return false;
	*unit = n == 1 ? s[0] : n == 2 ? s[0] & 31u : s[0] & 15u;
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return false;
		*unit = *unit << 6 | (s[i] & 63u);
	}
	*p = s + n;
	return *unit >= (n == 3 ? 0x800u : n == 2 ? 0x80u : 1u); /* U+0000 has no place in names, which are C text here */
}

char *weir__mutf8_text(struct weir_src *src, struct weir_slice m, struct weir_arena *mem)
{
	const uint8_t *p = m.ptr, *end;
	struct weir_buf b = { 0 };
	uint32_t high = 0, unit;
	char *text;

	if (src->code)
		return NULL;
	end = p + m.len;
	if (ascii_run(p, m.len) == m.len && (m.len == 0 || !memchr(p, 0, m.len))) {
		text = weir_arena_text(mem, (const char *)p, m.len);
	} else {
		while (p < end && !src->code)
			if (take_mutf8(&p, end, &unit))
				append_unit(&b, unit, &high);
			else
				weir_src_fail(src, WEIR_ECORRUPT, "a name is not text (modified UTF-8)");
		text = src->code || b.code ? NULL : weir_arena_text(mem, (const char *)b.data, b.len);
		weir_buf_fini(&b);
	}
	if (!text)
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a name");
	return text;
}

int weir__utf16_cmp(const void *a, size_t alen, const void *b, size_t blen)
{
	const uint8_t *x = a, *y = b;
	size_t n = alen < blen ? alen : blen;

	for (size_t i = 0; i < n; i++) {
		if (x[i] == y[i])
			continue;
		/* Four-byte characters are surrogates in UTF-16: they sort before U+E000..U+FFFF (lead bytes ee, ef). */
		if (x[i] >= 0xee && y[i] >= 0xee && (x[i] >= 0xf0) != (y[i] >= 0xf0))
			return x[i] >= 0xf0 ? -1 : 1;
		return x[i] < y[i] ? -1 : 1;
	}
	return alen < blen ? -1 : alen > blen;
}
