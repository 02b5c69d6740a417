/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. Read type.c first. */
#ifndef WEIR_STATE_TYPE_TYPE_PRIV_H
#define WEIR_STATE_TYPE_TYPE_PRIV_H

#include "base/buf.h"
#include "base/src.h"

#include <weir/type.h>

struct json_in;

#define WEIR__TYPE_DEPTH 32u     /* nesting cap; bounds every recursion over types and values */
#define WEIR__EMPTY_ITEMS 65536u /* a container whose elements have no bytes may claim at most so many */

/* ---- types ---- */
int weir__type_prepare_in(struct weir_type *t, struct weir_arena *a, struct weir_error *err) WEIR_CHECK;
const char *weir__kind_name(enum weir_kind k);
/* Its kind, or the name of its serializer. */
const char *weir__type_noun(const struct weir_type *t);
/* Java's String.compareTo on UTF-8 text: the order of UTF-16 units. */
int weir__utf16_cmp(const void *a, size_t alen, const void *b, size_t blen);
static inline const struct weir_field *weir__wire_field(const struct weir_type *t, uint32_t i)
{
	return &t->fields[t->wire_order ? t->wire_order[i] : i];
}
/* Rows of Flink 1.10 and before have no row kind. */
static inline bool weir__row_has_kind(const struct weir_type *t) { return t->snapshot_version == 0 || t->snapshot_version >= 3; }
static inline uint32_t weir__row_mask_bits(const struct weir_type *t) { return t->nfields + (weir__row_has_kind(t) ? 2u : 0u); }
static inline bool weir__mask_bit(const uint8_t *mask, uint32_t i) { return mask[i / 8] >> (7 - i % 8) & 1; }
static inline bool weir__is_number(enum weir_kind k) { return k <= WEIR_CHAR; }

/* ---- records in memory ---- */
static inline bool weir__null_bit(const struct weir_type *t, uint32_t i, const void *record)
{
	uint64_t bits;

	if (t->null_offset == WEIR_NO_NULLS)
		return false;
	memcpy(&bits, (const char *)record + t->null_offset, 8);
	return bits >> i & 1;
}
static inline bool weir__value_is_null(const struct weir_type *t, const void *v)
{
	return (t->kind == WEIR_STRING || t->kind == WEIR_BYTES) && weir_str_is_null(v);
}
/* Is fields[i] of the record null, by the bitmap or by itself? */
static inline bool weir__field_is_null(const struct weir_type *t, uint32_t i, const void *record)
{
	return weir__null_bit(t, i, record) || weir__value_is_null(t->fields[i].type, (const char *)record + t->fields[i].offset);
}
static inline bool weir__map_value_is_null(const struct weir_type *t, const struct weir_map *m, uint32_t i)
{
	return (m->nulls && m->nulls[i]) || weir__value_is_null(t->fields[1].type, (const char *)m->values + (size_t)i * t->fields[1].type->size);
}

/* ---- text: UTF-8 <-> the UTF-16 units of StringValue (string.c) ---- */
/* Number of UTF-16 units, or -1 with *bad = the offending byte's offset. */
int64_t weir__utf8_units(const char *text, size_t len, size_t *bad);
/* Append len text as StringValue: varint(units + 1), units. False with *bad when it is not UTF-8. */
bool weir__string_write(struct weir_buf *out, const char *text, size_t len, size_t *bad);
/* After the length: n units as UTF-8. Pure ASCII comes back as the source's own bytes; else *utf8 holds it. */
struct weir_slice weir__string_units(struct weir_src *src, uint32_t n, struct weir_buf *scratch);
/* Length word: false = null (or failure). */
static inline bool weir__string_length(struct weir_src *src, uint32_t *n)
{
	bool one = !src->code && src->p < src->end && *src->p < 0x80;
	uint32_t v = one ? *src->p++ : weir_src_varint(src);

	if (v && v - 1 > weir_src_left(src))
		weir_src_fail(src, WEIR_ECORRUPT, "a string is longer than the data that follows");
	*n = v ? v - 1 : 0;
	return v != 0 && !src->code;
}
/* Are all n bytes ASCII? */
static inline bool weir__ascii(const uint8_t *p, size_t n)
{
	uint64_t w, all = 0;
	uint32_t a, b;

	if (n < 4) {
		for (size_t i = 0; i < n; i++)
			all |= p[i];
		return all < 0x80;
	}
	if (n < 8) {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
		return !((a | b) & 0x80808080u);
	}
	for (size_t i = 0; i + 8 < n; i += 8) {
		memcpy(&w, p + i, 8);
		all |= w;
	}
	memcpy(&w, p + n - 8, 8);
	return !((all | w) & 0x8080808080808080u);
}
/* Modified UTF-8 (writeUTF) as UTF-8 text in the arena; NULL when damaged (the cursor says why) or out of memory. */
char *weir__mutf8_text(struct weir_src *src, struct weir_slice mutf8, struct weir_arena *mem);

/* ---- pieces of wire values ---- */
/* 0 or 1; anything else is damage. */
static inline bool weir__wire_bool(struct weir_src *src, const char *what)
{
	uint8_t v = weir_src_u8(src);

	if (v > 1)
		weir_src_fail(src, WEIR_ECORRUPT, what);
	return v == 1;
}
#define WEIR__BAD_NULL_FLAG "a null flag is neither 0 nor 1"
/* Number of items of a container with elements of least size min. */
static inline uint32_t weir__wire_count(struct weir_src *src, uint32_t min)
{
	uint32_t n = weir_src_count(src, min);

	if (!min && n > WEIR__EMPTY_ITEMS) {
		weir_src_fail(src, WEIR_ECORRUPT, "a count of elements without bytes is implausibly large");
		return 0;
	}
	return n;
}
/* A Row's mask, checked; *kind is 0 for rows without one. */
const uint8_t *weir__wire_row_mask(const struct weir_type *t, struct weir_src *src, uint8_t *kind);
enum { WEIR__POJO_NULL = 1, WEIR__POJO_PLAIN = 2, WEIR__POJO_SUBCLASS = 4, WEIR__POJO_TAGGED = 8 };
/* The flags byte; for subclasses also the name or tag. *sub receives the subclass's type (NULL when not known) and *name its class. */
uint8_t weir__wire_pojo_flags(const struct weir_type *t, struct weir_src *src, const struct weir_type **sub, const char **name);
/* Instant: false = null (or failure). Seconds and nanoseconds are checked. */
bool weir__wire_instant(struct weir_src *src, int64_t *seconds, int32_t *nanos);
void weir__wire_put_instant(struct weir_buf *out, int64_t seconds, int32_t nanos);
/* What Java leaves in a POJO field that nobody set, with its null flag: 0 for numbers, else null. */
void weir__wire_put_default(struct weir_buf *out, const struct weir_type *t);
#define WEIR__INSTANT_MIN (-31557014167219200)
#define WEIR__INSTANT_MAX 31556889864403199

/* A value inside another. tail: nothing follows it, so that an OPAQUE may take all that is left. The cursor holds the error; skip returns it too. */
int weir__value_skip(const struct weir_type *t, struct weir_src *src, bool tail);
void weir__value_json(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out);
int weir__value_parse(const struct weir_type *t, struct json_in *j, struct weir_buf *out);
/* Texts that were appended to out from `start` on, without commas, put in String.compareTo order with commas between. */
struct weir__json_item {
	const uint8_t *text;
	size_t at, len; /* at: where it begins in out; the rest is set by the call */
};
void weir__json_sort(struct weir_buf *out, size_t start, struct weir__json_item *items, uint32_t n);
void weir__put_hex_json(struct weir_buf *out, struct weir_slice s);

/* ---- java.time.Instant as text (instant.c) ---- */
void weir__instant_text(struct weir_buf *out, int64_t seconds, int32_t nanos);
bool weir__instant_parse(const char *text, size_t len, int64_t *seconds, int32_t *nanos);

#endif
