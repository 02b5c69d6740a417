// SPDX-License-Identifier: Apache-2.0
/* Sticky-error cursor: the cold paths. */
#include "base/src.h"

int weir_src_fail(struct weir_src *s, int code, const char *what)
{
	if (!s->code) {
		s->code = code;
		s->fail_offset = weir_src_offset(s);
		s->what = what;
	}
	return s->code;
}

int weir_src_error(const struct weir_src *s, struct weir_error *err)
{
	return s->code ? weir_error_at(err, s->code, s->path, s->fail_offset, "%s", s->what) : 0;
}

int weir_src_end(struct weir_src *s, const char *what)
{
	if (!s->code && s->p != s->end)
		weir_src_fail(s, WEIR_ECORRUPT, what);
	return s->code;
}

uint32_t weir_src_count(struct weir_src *s, size_t min_size)
{
	int32_t n = weir_src_i32(s);

	if (s->code)
		return 0;
	if (n < 0) {
		weir_src_fail(s, WEIR_ECORRUPT, "a count is negative");
		return 0;
	}
	if (min_size && (uint32_t)n > weir_src_left(s) / min_size) {
		weir_src_fail(s, WEIR_ECORRUPT, "a count is larger than the data that follows");
		return 0;
	}
	return (uint32_t)n;
}

struct weir_slice weir_src_utf(struct weir_src *s)
{
	return weir_src_bytes(s, weir_src_u16(s));
}

struct weir_slice weir_src_blob32_slow(struct weir_src *s)
{
	return weir_src_bytes(s, weir_src_count(s, 1));
}

uint32_t weir_src_varint(struct weir_src *s)
{
	uint32_t v = 0;

	for (int shift = 0; shift < 35; shift += 7) {
		uint8_t b = weir_src_u8(s);

		if (shift == 28 && (b & 0xf0))
			break;
		v |= (uint32_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	weir_src_fail(s, WEIR_ECORRUPT, "a variable-length number is too long");
	return 0;
}
