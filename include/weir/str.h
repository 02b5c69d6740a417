/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text and bytes as values.
 *
 * struct weir_str is a 16-byte view: up to 12 bytes lie inside it, longer text is a 4-byte prefix and a pointer. It is
 * the native form of the types string (UTF-8; unpaired surrogates as their 3-byte form) and bytes, in records, in columns
 * and in state. Unused inline bytes are zero, so two short views are equal exactly when their 16 bytes are. A view does
 * not own what it points to; how long that lives is said where the view comes from (api property 6: inputs are valid
 * during the call, emitted rows are copied). Length UINT32_MAX means null.
 *
 * struct weir_slice is a plain (pointer, length) pair for serialized bytes and file content.
 */
#ifndef WEIR_STR_H
#define WEIR_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weir_slice {
	const uint8_t *ptr;
	size_t len;
};

#define WEIR_STR_INLINE 12u
#define WEIR_STR_NULL_LEN UINT32_MAX

struct weir_str {
	uint32_t len;
	char prefix[4]; /* bytes 0-3; bytes 4-11 follow in `rest` when len <= 12 */
	union {
		char rest[8];
		const char *ptr;
	} u;
};

#define WEIR_STR_NULL ((struct weir_str){ .len = WEIR_STR_NULL_LEN })

static inline bool weir_str_is_null(const struct weir_str *s) { return s->len == WEIR_STR_NULL_LEN; }

/* First byte of the text; not terminated. Points into *s when the text is short, so s must outlive its use. */
static inline const char *weir_str_data(const struct weir_str *s)
{
	return s->len <= WEIR_STR_INLINE || s->len == WEIR_STR_NULL_LEN ? (const char *)s + 4 : s->u.ptr;
}

/* Length in bytes; 0 for null. */
static inline uint32_t weir_str_len(const struct weir_str *s) { return weir_str_is_null(s) ? 0 : s->len; }

/* A view of len bytes at ptr, which must live as long as the view when len > 12. */
static inline struct weir_str weir_str_view(const char *ptr, uint32_t len)
{
	struct weir_str s = { .len = len };

	if (len <= WEIR_STR_INLINE) {
		if (len)
			memcpy((char *)&s + 4, ptr, len);
	} else {
		memcpy(s.prefix, ptr, 4);
		s.u.ptr = ptr;
	}
	return s;
}

static inline struct weir_str weir_str_of(const char *text) { return weir_str_view(text, (uint32_t)strlen(text)); }

static inline bool weir_str_eq(const struct weir_str *a, const struct weir_str *b)
{
	if (memcmp(a, b, 8) != 0) /* length and first four bytes */
		return false;
	if (a->len <= WEIR_STR_INLINE || a->len == WEIR_STR_NULL_LEN)
		return memcmp(a->u.rest, b->u.rest, 8) == 0;
	return a->u.ptr == b->u.ptr || memcmp(a->u.ptr, b->u.ptr, a->len) == 0;
}

/* Bytewise order (which is code point order for UTF-8); null first. */
static inline int weir_str_cmp(const struct weir_str *a, const struct weir_str *b)
{
	uint32_t la = weir_str_len(a), lb = weir_str_len(b);
	int c = (int)weir_str_is_null(b) - (int)weir_str_is_null(a);

	if (c)
		return c;
	c = memcmp(weir_str_data(a), weir_str_data(b), la < lb ? la : lb);
	return c ? c : (la > lb) - (la < lb);
}

static inline struct weir_slice weir_str_slice(const struct weir_str *s)
{
	return (struct weir_slice){ (const uint8_t *)weir_str_data(s), weir_str_len(s) };
}

static inline bool weir_slice_eq(struct weir_slice a, struct weir_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Take the next run of non-blank bytes off *rest. False when there is none. Tokens point into what *rest points into. */
bool weir_str_next_word(struct weir_str *rest, struct weir_str *out_token);

#endif
