// SPDX-License-Identifier: Apache-2.0
/* Growable byte buffer. Capacity doubles; one sticky error. No I/O. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void weir_buf_fini(struct weir_buf *b)
{
	free(b->data);
	*b = (struct weir_buf){ 0 };
}

uint8_t *weir_buf_room_slow(struct weir_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 64;
	uint8_t *p;

	if (b->code)
		return NULL;
	if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
		b->code = WEIR_ENOMEM;
		return NULL;
	}
	while (cap < b->len + n)
		cap *= 2;
	p = realloc(b->data, cap);
	if (!p) {
		b->code = WEIR_ENOMEM;
		return NULL;
	}
	b->data = p;
	b->cap = cap;
	return p + b->len;
}

void weir_buf_f32(struct weir_buf *b, float v)
{
	uint32_t bits = 0x7fc00000u;

	if (v == v)
		memcpy(&bits, &v, 4);
	weir_buf_u32(b, bits);
}

void weir_buf_f64(struct weir_buf *b, double v)
{
	uint64_t bits = 0x7ff8000000000000u;

	if (v == v)
		memcpy(&bits, &v, 8);
	weir_buf_u64(b, bits);
}

void weir_buf_utf_raw(struct weir_buf *b, struct weir_slice s)
{
	if (s.len > 65535) {
		if (!b->code)
			b->code = WEIR_EINVALID;
		return;
	}
	weir_buf_u16(b, (uint16_t)s.len);
	weir_buf_put_slice(b, s);
}

void weir_buf_utf_n(struct weir_buf *b, const char *text, size_t len)
{
	size_t at = b->len, n;

	weir_buf_u16(b, 0);
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c == 0) {
			weir_buf_put(b, "\xc0\x80", 2);
		} else if (c >= 0xf0 && len - i >= 4) { /* above U+FFFF: two surrogates of three bytes each */
			uint32_t cp = ((c & 7u) << 18 | ((uint8_t)text[i + 1] & 63u) << 12 | ((uint8_t)text[i + 2] & 63u) << 6 |
				       ((uint8_t)text[i + 3] & 63u)) - 0x10000u;
			uint32_t half[2] = { 0xd800u + (cp >> 10), 0xdc00u + (cp & 0x3ffu) };

			for (int k = 0; k < 2; k++) {
				uint8_t three[3] = { (uint8_t)(0xe0u | half[k] >> 12), (uint8_t)(0x80u | (half[k] >> 6 & 63u)),
						     (uint8_t)(0x80u | (half[k] & 63u)) };
				weir_buf_put(b, three, 3);
			}
			i += 3;
		} else {
			weir_buf_u8(b, c);
		}
	}
	n = b->len - at - 2;
	if (b->code)
		return;
	if (n > 65535) {
		b->code = WEIR_EINVALID;
		return;
	}
	b->data[at] = (uint8_t)(n >> 8);
	b->data[at + 1] = (uint8_t)n;
}

void weir_buf_utf(struct weir_buf *b, const char *text)
{
	weir_buf_utf_n(b, text, strlen(text));
}

void weir_buf_varint(struct weir_buf *b, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		weir_buf_u8(b, (uint8_t)(v | 0x80));
	weir_buf_u8(b, (uint8_t)v);
}

void weir_buf_patch_u32(struct weir_buf *b, size_t at, uint32_t v)
{
	if (b->code || at + 4 > b->len)
		return;
	v = __builtin_bswap32(v);
	memcpy(b->data + at, &v, 4);
}

void weir_buf_printf(struct weir_buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);

	va_end(ap);
	if (n > 0) {
		uint8_t *to = weir_buf_room(b, (size_t)n + 1);

		if (to) {
			vsnprintf((char *)to, (size_t)n + 1, fmt, again);
			b->len += (size_t)n;
		}
	}
	va_end(again);
}

void weir_buf_hex(struct weir_buf *b, struct weir_slice s)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *to = s.len ? weir_buf_room(b, s.len * 2) : NULL;

	if (!to)
		return;
	for (size_t i = 0; i < s.len; i++) {
		to[2 * i] = (uint8_t)digits[s.ptr[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[s.ptr[i] & 15];
	}
	b->len += s.len * 2;
}

const char *weir_buf_cstr(struct weir_buf *b)
{
	uint8_t *end = weir_buf_room(b, 1);

	if (!end)
		return "";
	*end = 0;
	return (const char *)b->data;
}
