// SPDX-License-Identifier: Apache-2.0
/* Small pieces of text. Pure; nothing here fails. */
#include "base/text.h"

int weir_hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool weir_hex4(const char *p, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int d = weir_hex_digit(p[i]);

		if (d < 0)
			return false;
		v = v << 4 | (uint32_t)d;
	}
	*out = v;
	return true;
}

size_t weir_utf8_put(uint8_t *to, uint32_t cp)
{
	if (cp < 0x80) {
		to[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		to[0] = (uint8_t)(0xc0 | cp >> 6);
		to[1] = (uint8_t)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		to[0] = (uint8_t)(0xe0 | cp >> 12);
		to[1] = (uint8_t)(0x80 | (cp >> 6 & 63));
		to[2] = (uint8_t)(0x80 | (cp & 63));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | cp >> 18);
	to[1] = (uint8_t)(0x80 | (cp >> 12 & 63));
	to[2] = (uint8_t)(0x80 | (cp >> 6 & 63));
	to[3] = (uint8_t)(0x80 | (cp & 63));
	return 4;
}

size_t weir_edit_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), row[3][128];

	if (la > 127 || lb > 127)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

/* Bytes of the character at p (at most n) that may be shown, or 0. */
static size_t shown_len(const uint8_t *p, size_t n, bool lines)
{
	uint32_t cp;
	size_t len;

	if (p[0] < 0x80)
		return (p[0] >= 0x20 && p[0] != 0x7f) || (lines && p[0] == '\n');
	len = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	if (len == 0 || len > n)
		return 0;
	cp = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 63u);
	}
	if ((len == 3 && cp < 0x800) || (len == 4 && (cp < 0x10000 || cp > 0x10ffff)) || (cp >= 0xd800 && cp < 0xe000) || cp < 0xa0)
		return 0;
	return len;
}

void weir_text_visible(char *text, size_t size, bool lines)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = (const uint8_t *)text;
	size_t n = strnlen(text, size), at = 0, len = 0;

	while (at < n && (len = shown_len(p + at, n - at, lines)) > 0)
		at += len;
	while (at < n) {
		len = shown_len(p + at, n - at, lines);
		if (len) {
			at += len;
			continue;
		}
		if (at + 5 > size) { /* no room for it and the end */
			text[at] = 0;
			return;
		}
		if (n + 3 >= size)
			n = size - 4;
		memmove(text + at + 4, text + at + 1, n - at > 1 ? n - at - 1 : 0);
		text[at + 3] = digits[p[at] & 15];
		text[at + 2] = digits[p[at] >> 4];
		text[at + 1] = 'x';
		text[at] = '\\';
		n += 3;
		text[n] = 0;
		at += 4;
	}
}
