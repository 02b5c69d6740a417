// SPDX-License-Identifier: Apache-2.0
/*
 * Wire form alone: the pieces every decoder shares (null masks, POJO flags), and stepping over a value.
 * Checks all that reading checks: a value that can be stepped over can be rendered.
 * Pure; sticky errors in the cursor; recursion follows the type.
 */
#include "state/type/serializer.h"

const uint8_t *weir__wire_row_mask(const struct weir_type *t, struct weir_src *src, uint8_t *kind)
{
	uint32_t bits = weir__row_mask_bits(t);
	size_t bytes = (bits + 7) / 8;
	const uint8_t *mask;

	*kind = 0;
	if (!bytes) /* an old row of no fields has no mask */
		return src->code ? NULL : (const uint8_t *)"";
	mask = weir_src_take(src, bytes);
	if (!mask)
		return NULL;
	if (weir__row_has_kind(t))
		*kind = (uint8_t)(weir__mask_bit(mask, 0) | weir__mask_bit(mask, 1) << 1);
	if (bits % 8 && (mask[bytes - 1] & (0xffu >> bits % 8))) {
		src->p -= bytes;
		weir_src_fail(src, WEIR_ECORRUPT, "a row's null mask has bits beyond its fields");
		return NULL;
	}
	return mask;
}

uint8_t weir__wire_pojo_flags(const struct weir_type *t, struct weir_src *src, const struct weir_type **sub, const char **name)
{
	uint8_t flags = weir_src_u8(src);

	*sub = NULL;
	*name = NULL;
	if (src->code || flags == WEIR__POJO_NULL || flags == WEIR__POJO_PLAIN)
		return flags;
	if (flags == WEIR__POJO_TAGGED) {
		uint8_t tag = weir_src_u8(src);

		if (!src->code && tag >= t->nregistered)
			weir_src_fail(src, WEIR_ECORRUPT, "a POJO's subclass tag is not among the registered subclasses");
		else if (!src->code)
			*sub = t->subs[tag].type, *name = t->subs[tag].name;
	} else if (flags == WEIR__POJO_SUBCLASS) {
		struct weir_slice s = weir_src_utf(src);

		for (uint32_t i = 0; i < t->nsubs && !src->code; i++)
			if (t->subs[i].name && strlen(t->subs[i].name) == s.len && memcmp(t->subs[i].name, s.ptr, s.len) == 0)
				*sub = t->subs[i].type, *name = t->subs[i].name;
	} else {
		src->p--;
		weir_src_fail(src, WEIR_ECORRUPT, "a POJO starts with an unknown flags byte");
	}
	return src->code ? 0 : flags;
}


static void skip_string(struct weir_src *src)
{
	struct weir_buf scratch = { 0 };
	uint32_t n;

	if (weir__string_length(src, &n))
		weir__string_units(src, n, &scratch);
	if (scratch.data)
		weir_buf_fini(&scratch);
}

/* A field: numbers without a call. */
static inline void skip_field(const struct weir_type *t, struct weir_src *src, bool tail)
{
	if (t->kind >= WEIR_INT8 && t->kind <= WEIR_CHAR)
		weir_src_take(src, t->wire_min);
	else
		weir__value_skip(t, src, tail);
}

/* A field of a POJO that is not null and a number or short ASCII text, as most are. False: nothing was done. */
static inline bool skip_usual(const struct weir_type *t, struct weir_src *src)
{
	const uint8_t *p = src->p;
	size_t left = (size_t)(src->end - p), n;

	if (left < 2 || *p)
		return false;
	if (t->kind >= WEIR_INT8 && t->kind <= WEIR_CHAR)
		n = t->wire_min;
	else if (t->kind == WEIR_STRING && p[1] < 0x80 && p[1] && p[1] < left && weir__ascii(p + 2, p[1] - 1u))
		n = p[1];
	else
		return false;
	if (left - 1 < n)
		return false;
	src->p = p + 1 + n;
	return true;
}

static void skip_map(const struct weir_type *t, struct weir_src *src, bool tail)
{
	uint32_t n = weir__wire_count(src, t->fields[0].type->wire_min + 1);

	for (uint32_t i = 0; i < n && !src->code; i++) {
		weir__value_skip(t->fields[0].type, src, false);
		if (!weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			weir__value_skip(t->fields[1].type, src, tail && i + 1 == n);
	}
}

static void skip_pojo(const struct weir_type *t, struct weir_src *src, bool tail)
{
	const struct weir_type *sub;
	const char *name;
	uint8_t flags = weir__wire_pojo_flags(t, src, &sub, &name);

	if (src->code || flags == WEIR__POJO_NULL)
		return;
	if (flags != WEIR__POJO_PLAIN) {
		if (sub)
			weir__value_skip(sub, src, tail);
		else
			weir_src_fail(src, WEIR_ENOTYPE, "a POJO is of a subclass whose serializer the snapshot does not describe");
		return;
	}
	for (uint32_t i = 0; i < t->nfields && !src->code; i++)
		if (!skip_usual(weir__wire_field(t, i)->type, src) && !weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			skip_field(weir__wire_field(t, i)->type, src, tail && i + 1 == t->nfields);
}

static void skip_row(const struct weir_type *t, struct weir_src *src, bool tail)
{
	uint32_t first = weir__row_mask_bits(t) - t->nfields, last = t->nfields;
	uint8_t kind;
	const uint8_t *mask = weir__wire_row_mask(t, src, &kind);

	if (!mask)
		return;
	while (last > 0 && weir__mask_bit(mask, first + last - 1))
		last--;
	for (uint32_t i = 0; i < last && !src->code; i++)
		if (!weir__mask_bit(mask, first + i))
			skip_field(t->fields[i].type, src, tail && i + 1 == last);
}

static void skip_fields(const struct weir_type *t, struct weir_src *src, bool tail)
{
	for (uint32_t i = 0; i < t->nfields && !src->code; i++)
		skip_field(t->fields[i].type, src, tail && i + 1 == t->nfields);
}

int weir__value_skip(const struct weir_type *t, struct weir_src *src, bool tail)
{
	int64_t seconds;
	int32_t nanos;

	switch (t->kind) {
	case WEIR_BOOLEAN: weir__wire_bool(src, "a boolean is neither 0 nor 1"); break;
	case WEIR_STRING: skip_string(src); break;
	case WEIR_BYTES: weir_src_blob32(src); break;
	case WEIR_TIMESTAMP: weir__wire_instant(src, &seconds, &nanos); break;
	case WEIR_LIST: {
		uint32_t n = weir__wire_count(src, t->fields[0].type->wire_min);

		for (uint32_t i = 0; i < n && !src->code; i++)
			weir__value_skip(t->fields[0].type, src, tail && i + 1 == n);
		break;
	}
	case WEIR_MAP: skip_map(t, src, tail); break;
	case WEIR_ROW: skip_row(t, src, tail); break;
	case WEIR_POJO: skip_pojo(t, src, tail); break;
	case WEIR_TIMER:
	case WEIR_TTL: weir_src_take(src, 8); /* fall through */
	case WEIR_TUPLE: skip_fields(t, src, tail); break;
	case WEIR_WIRE: t->serializer->skip(t, src, tail); break;
	case WEIR_OPAQUE:
		if (tail)
			weir_src_take(src, weir_src_left(src));
		else
			weir_src_fail(src, WEIR_ENOTYPE, "the length of a value of a serializer weir does not know is not in the bytes");
		break;
	default: weir_src_take(src, t->wire_min); /* fixed size */
	}
	return src->code;
}

int weir_type_skip(const struct weir_type *t, struct weir_src *src)
{
	return weir__value_skip(t, src, false);
}
