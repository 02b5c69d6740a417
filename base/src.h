/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sticky-error cursor over bytes in memory that reads what Java's DataInput reads (big endian).
 * After the first failure every read returns zero or an empty slice and the position stays; a decoder checks once per
 * record with weir_src_error(). Lengths are compared with the bytes that remain before anything is allocated from them.
 * Slices returned point into the input. Pure; one cursor per thread.
 */
#ifndef WEIR_BASE_SRC_H
#define WEIR_BASE_SRC_H

#include <weir/error.h>
#include <weir/str.h>

struct weir_src {
	const uint8_t *base, *p, *end;
	uint64_t origin;      /* offset of base in `path`, for messages */
	const char *path;     /* file name for messages, or NULL; not owned */
	int code;             /* first failure, or 0 */
	uint64_t fail_offset; /* where */
	const char *what;     /* what was wrong: a static string */
};

static inline struct weir_src weir_src_of(struct weir_slice s, const char *path, uint64_t origin)
{
	return (struct weir_src){ .base = s.ptr, .p = s.ptr, .end = s.ptr ? s.ptr + s.len : NULL, .origin = origin, .path = path };
}
static inline size_t weir_src_left(const struct weir_src *s) { return s->code ? 0 : (size_t)(s->end - s->p); }
static inline uint64_t weir_src_offset(const struct weir_src *s) { return s->origin + (uint64_t)(s->p - s->base); }

/* Record a failure (the first one wins) and return its code. what must be a static string. */
int weir_src_fail(struct weir_src *s, int code, const char *what);
/* 0, or the failure as a full message with path and offset in *err. */
int weir_src_error(const struct weir_src *s, struct weir_error *err);
/* Fails with WEIR_ECORRUPT unless everything has been read. */
int weir_src_end(struct weir_src *s, const char *what);

static inline const uint8_t *weir_src_take(struct weir_src *s, size_t n)
{
	const uint8_t *p = s->p;

	if (s->code || (size_t)(s->end - p) < n) {
		weir_src_fail(s, WEIR_ETRUNCATED, "the data ends inside a value");
		return NULL;
	}
	if (n) /* an empty source has no address to count from */
		s->p = p + n;
	return p;
}
static inline uint8_t weir_src_u8(struct weir_src *s) { const uint8_t *p = weir_src_take(s, 1); return p ? *p : 0; }
static inline bool weir_src_bool(struct weir_src *s) { return weir_src_u8(s) != 0; }
static inline uint32_t weir_be32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline uint16_t weir_src_u16(struct weir_src *s)
{
	const uint8_t *p = weir_src_take(s, 2);
	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}
static inline uint32_t weir_src_u32(struct weir_src *s)
{
	const uint8_t *p = weir_src_take(s, 4);
	return p ? weir_be32(p) : 0;
}
static inline uint64_t weir_src_u64(struct weir_src *s)
{
	const uint8_t *p = weir_src_take(s, 8);
	uint64_t v = 0;
	if (p)
		memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}
static inline int16_t weir_src_i16(struct weir_src *s) { return (int16_t)weir_src_u16(s); }
static inline int32_t weir_src_i32(struct weir_src *s) { return (int32_t)weir_src_u32(s); }
static inline int64_t weir_src_i64(struct weir_src *s) { return (int64_t)weir_src_u64(s); }
static inline float weir_src_f32(struct weir_src *s) { uint32_t b = weir_src_u32(s); float v; memcpy(&v, &b, 4); return v; }
static inline double weir_src_f64(struct weir_src *s) { uint64_t b = weir_src_u64(s); double v; memcpy(&v, &b, 8); return v; }
static inline struct weir_slice weir_src_bytes(struct weir_src *s, size_t n)
{
	const uint8_t *p = weir_src_take(s, n);
	return (struct weir_slice){ p, p ? n : 0 };
}
/* A count of items of at least min_size bytes each: negative, or more than can follow, is WEIR_ECORRUPT. */
uint32_t weir_src_count(struct weir_src *s, size_t min_size);
/* writeUTF: the raw modified UTF-8 bytes. */
struct weir_slice weir_src_utf(struct weir_src *s);
/* i32 length (negative is corrupt) and that many bytes. */
struct weir_slice weir_src_blob32_slow(struct weir_src *s);
static inline struct weir_slice weir_src_blob32(struct weir_src *s)
{
	size_t left = s->code ? 0 : (size_t)(s->end - s->p), n = left >= 4 ? weir_be32(s->p) : SIZE_MAX;

	if (left < 4 || n > left - 4)
		return weir_src_blob32_slow(s);
	s->p += 4 + n;
	return (struct weir_slice){ s->p - n, n };
}
/* Unsigned LEB128 of at most 5 bytes. */
uint32_t weir_src_varint(struct weir_src *s);

#endif
