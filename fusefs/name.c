// SPDX-License-Identifier: Apache-2.0
/* The coding of names. weir_name_decode accepts exactly the image of weir_name_encode: it encodes again and compares. */
#include "fusefs/name.h"

/* Length of the valid UTF-8 sequence at p (no surrogates, no overlong forms), or 0. *cp receives the character. */
static size_t sequence(const uint8_t *p, size_t left, uint32_t *cp)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	uint32_t c;

	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*cp = c;
	return n;
}

static bool stays(uint32_t c, size_t at, size_t n, size_t len)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '/' || c == '%' || c == '@' || c == '~' || c == '\\')
		return false;
	if ((c == '.' && at == 0) || (c == ' ' && (at == 0 || at + n == len)))
		return false;
	if (c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
		return false; /* would disturb a terminal or hide */
	return (c & 0xfffe) != 0xfffe && !(c >= 0xfdd0 && c <= 0xfdef); /* no characters */
}

void weir_name_encode(struct weir_slice bytes, struct weir_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	uint32_t c = 0;
	size_t n;

	if (bytes.len == 0)
		weir_buf_u8(out, '%');
	for (size_t i = 0; i < bytes.len; i += n) {
		n = sequence(bytes.ptr + i, bytes.len - i, &c);
		if (n && stays(c, i, n, bytes.len)) {
			weir_buf_put(out, bytes.ptr + i, n);
			continue;
		}
		if (n == 0)
			n = 1;
		for (size_t k = 0; k < n; k++) {
			uint8_t b = bytes.ptr[i + k];
			char coded[3] = { '%', digits[b >> 4], digits[b & 15] };

			weir_buf_put(out, coded, 3);
		}
	}
}

static int upper_hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool weir_name_decode(const char *name, size_t len, struct weir_buf *out)
{
	size_t mark = out->len;
	struct weir_buf again = { 0 };
	bool same;

	for (size_t i = 0; i < len && !(len == 1 && name[0] == '%'); i++) {
		int hi, lo;

		if (name[i] != '%') {
			weir_buf_u8(out, (uint8_t)name[i]);
			continue;
		}
		hi = i + 2 < len ? upper_hex(name[i + 1]) : -1;
		lo = i + 2 < len ? upper_hex(name[i + 2]) : -1;
		if (hi < 0 || lo < 0) {
			out->len = mark;
			return false;
		}
		weir_buf_u8(out, (uint8_t)(hi << 4 | lo));
		i += 2;
	}
	weir_name_encode((struct weir_slice){ out->data + mark, out->len - mark }, &again);
	same = !weir_buf_error(&again) && again.len == len && memcmp(again.data, name, len) == 0;
	weir_buf_fini(&again);
	if (!same)
		out->len = mark;
	return same;
}

void weir_name_shorten(struct weir_buf *buf, size_t from, size_t max, const uint8_t hash[16], bool always)
{
	size_t len = buf->len - from, keep = 180;
	const uint8_t *p = buf->data + from;

	if (weir_buf_error(buf) || (len <= max && !always))
		return;
	if (len <= keep) {
		keep = len;
	} else {
		for (size_t back = 0; back < 2; back++) /* not inside %XX */
			if (p[keep - 1 - back] == '%') {
				keep -= 1 + back;
				break;
			}
		while (keep > 0 && (p[keep] & 0xc0) == 0x80)
			keep--;
	}
	buf->len = from + keep;
	weir_buf_u8(buf, '~');
	weir_buf_hex(buf, (struct weir_slice){ hash, 16 });
}
