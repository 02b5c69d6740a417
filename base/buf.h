/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer that writes what Java's DataOutput writes (big endian), and text.
 * Out of memory is sticky: after it every put is a no-op and weir_buf_error() says WEIR_ENOMEM, so a writer checks once.
 * A zeroed struct is a valid empty buffer. Not thread-safe.
 */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include <weir/error.h>
#include <weir/str.h>

struct weir_buf {
	uint8_t *data;
	size_t len, cap;
	int code; /* 0 or WEIR_ENOMEM */
};

void weir_buf_fini(struct weir_buf *b);
static inline void weir_buf_clear(struct weir_buf *b) { b->len = 0, b->code = 0; }
static inline int weir_buf_error(const struct weir_buf *b) { return b->code; }
static inline struct weir_slice weir_buf_slice(const struct weir_buf *b) { return (struct weir_slice){ b->data, b->len }; }

/* Room for n more bytes, which the caller then fills and adds to len. NULL when out of memory. */
uint8_t *weir_buf_room_slow(struct weir_buf *b, size_t n);
static inline uint8_t *weir_buf_room(struct weir_buf *b, size_t n)
{
	return b->cap - b->len >= n && b->data ? b->data + b->len : weir_buf_room_slow(b, n);
}

static inline void weir_buf_put(struct weir_buf *b, const void *p, size_t n)
{
	uint8_t *to = n ? weir_buf_room(b, n) : NULL;

	if (to) {
		memcpy(to, p, n);
		b->len += n;
	}
}
static inline void weir_buf_put_slice(struct weir_buf *b, struct weir_slice s) { weir_buf_put(b, s.ptr, s.len); }
static inline void weir_buf_u8(struct weir_buf *b, uint8_t v) { weir_buf_put(b, &v, 1); }
static inline void weir_buf_bool(struct weir_buf *b, bool v) { weir_buf_u8(b, v); }
static inline void weir_buf_u16(struct weir_buf *b, uint16_t v) { v = __builtin_bswap16(v); weir_buf_put(b, &v, 2); }
static inline void weir_buf_u32(struct weir_buf *b, uint32_t v) { v = __builtin_bswap32(v); weir_buf_put(b, &v, 4); }
static inline void weir_buf_u64(struct weir_buf *b, uint64_t v) { v = __builtin_bswap64(v); weir_buf_put(b, &v, 8); }
static inline void weir_buf_i16(struct weir_buf *b, int16_t v) { weir_buf_u16(b, (uint16_t)v); }
static inline void weir_buf_i32(struct weir_buf *b, int32_t v) { weir_buf_u32(b, (uint32_t)v); }
static inline void weir_buf_i64(struct weir_buf *b, int64_t v) { weir_buf_u64(b, (uint64_t)v); }
/* IEEE bits; every NaN is written as Java's canonical one. */
void weir_buf_f32(struct weir_buf *b, float v);
void weir_buf_f64(struct weir_buf *b, double v);
/* writeUTF: u16 byte length and bytes that are already modified UTF-8. Longer than 65535: sticky WEIR_EINVALID. */
void weir_buf_utf_raw(struct weir_buf *b, struct weir_slice mutf8);
/* writeUTF from ordinary UTF-8 text (NUL and characters above U+FFFF are converted). */
void weir_buf_utf(struct weir_buf *b, const char *utf8);
void weir_buf_utf_n(struct weir_buf *b, const char *utf8, size_t len);
/* Unsigned LEB128, low group first (StringValue's). */
void weir_buf_varint(struct weir_buf *b, uint32_t v);
/* Overwrite earlier bytes: a length that is known only later. */
void weir_buf_patch_u32(struct weir_buf *b, size_t at, uint32_t v);

static inline void weir_buf_text(struct weir_buf *b, const char *text) { weir_buf_put(b, text, strlen(text)); }
void weir_buf_printf(struct weir_buf *b, const char *fmt, ...) WEIR_PRINTF(2, 3);
void weir_buf_hex(struct weir_buf *b, struct weir_slice s); /* lower case */
/* NUL-terminated content, owned by the buffer; "" when empty or out of memory. */
const char *weir_buf_cstr(struct weir_buf *b);

#endif
