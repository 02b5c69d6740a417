// SPDX-License-Identifier: Apache-2.0
/*
 * Values of one type as values of another, wire form to wire form, one pass.
 *
 * POJO fields match by name; row fields by name where both types have names, else by position (added or cut at the end, which goes
 * beyond Flink: offline migration can). Added fields are null, or 0 for numbers of a POJO, as Java leaves them; dropped ones are gone.
 * Where the types agree the bytes are copied as they are.
 * Pure. Recursion follows the types. May fail: damage, types that do not convert (WEIR_EINCOMPATIBLE, naming the field).
 */
#include "state/type/type_priv.h"

#include <stdlib.h>

struct converter {
	struct weir_src *src;
	struct weir_buf *out;
	struct weir_error *err;
};

static int convert(struct converter *c, const struct weir_type *from, const struct weir_type *to, bool tail);

static int damaged(struct converter *c)
{
	return weir_src_error(c->src, c->err);
}

static int no_way(struct converter *c, const struct weir_type *from, const struct weir_type *to)
{
	char a[200], b[200];

	weir_type_text(from, a, sizeof(a));
	weir_type_text(to, b, sizeof(b));
	weir_src_fail(c->src, WEIR_EINCOMPATIBLE, "a value does not convert");
	return weir_error_at(c->err, WEIR_EINCOMPATIBLE, c->src->path, weir_src_offset(c->src), "a value of type %s cannot become %s", a, b);
}

static int copy_value(struct converter *c, const struct weir_type *t, bool tail)
{
	const uint8_t *start = c->src->p;

	if (weir__value_skip(t, c->src, tail))
		return damaged(c);
	weir_buf_put(c->out, start, (size_t)(c->src->p - start));
	return 0;
}

/* Where a record's fields lie in the source; p NULL = null. */
struct span {
	const uint8_t *p, *end;
};

static int convert_span(struct converter *c, struct span s, const struct weir_field *from, const struct weir_field *to, bool tail)
{
	struct weir_src saved = *c->src;
	int code;

	c->src->p = s.p;
	c->src->end = s.end;
	code = convert(c, from->type, to->type, tail);
	if (code) {
		if (to->name && c->err && c->err->code)
			weir_error_wrap(c->err, "field %s", to->name);
		return code;
	}
	*c->src = saved;
	return 0;
}

/* Index in `from` of the field that becomes to->fields[j], or -1. */
static int source_of(const struct weir_type *from, const struct weir_type *to, uint32_t j)
{
	bool named = from->kind == WEIR_POJO || (from->nfields && to->nfields && from->fields[0].name && to->fields[0].name);

	if (named)
		return weir_type_field(from, to->fields[j].name);
	return j < from->nfields ? (int)j : -1;
}

static int convert_pojo_fields(struct converter *c, const struct weir_type *from, const struct weir_type *to, struct span *spans, bool tail)
{
	int code = 0;

	for (uint32_t i = 0; i < from->nfields; i++) {
		const struct weir_field *f = weir__wire_field(from, i);
		struct span *s = &spans[f - from->fields];

		if (weir__wire_bool(c->src, WEIR__BAD_NULL_FLAG))
			continue;
		s->p = c->src->p;
		if (weir__value_skip(f->type, c->src, tail && i + 1 == from->nfields))
			return damaged(c);
		s->end = c->src->p;
	}
	if (c->src->code)
		return damaged(c);
	weir_buf_u8(c->out, WEIR__POJO_PLAIN);
	for (uint32_t i = 0; i < to->nfields && !code; i++) {
		const struct weir_field *f = weir__wire_field(to, i);
		int j = source_of(from, to, (uint32_t)(f - to->fields));

		if (j < 0) {
			weir__wire_put_default(c->out, f->type);
		} else if (!spans[j].p) {
			weir_buf_bool(c->out, true);
		} else {
			weir_buf_bool(c->out, false);
			code = convert_span(c, spans[j], &from->fields[j], f, true);
		}
	}
	return code;
}

static int convert_pojo(struct converter *c, const struct weir_type *from, const struct weir_type *to, bool tail)
{
	const struct weir_type *sub;
	struct span *spans;
	const char *name;
	uint8_t flags;
	int code;

	if (strcmp(from->java, to->java) != 0)
		return no_way(c, from, to);
	flags = weir__wire_pojo_flags(from, c->src, &sub, &name);
	if (c->src->code)
		return damaged(c);
	if (flags == WEIR__POJO_NULL) {
		weir_buf_u8(c->out, flags);
		return 0;
	}
	if (flags != WEIR__POJO_PLAIN) {
		weir_src_fail(c->src, WEIR_EINCOMPATIBLE, "a POJO is of a subclass");
		return weir_error_at(c->err, WEIR_EINCOMPATIBLE, c->src->path, weir_src_offset(c->src), "a value of %s is of its subclass %s; the fields of subclasses are not converted",
				     from->java, name ? name : "(not named in the snapshot)");
	}
	spans = calloc(from->nfields + (size_t)1, sizeof(*spans));
	if (!spans)
		return weir_error_set(c->err, weir_src_fail(c->src, WEIR_ENOMEM, "out of memory"), "out of memory for a POJO");
	code = convert_pojo_fields(c, from, to, spans, tail);
	free(spans);
	return code;
}

static int convert_row_fields(struct converter *c, const struct weir_type *from, const struct weir_type *to, struct span *spans, bool tail)
{
	uint32_t first = weir__row_mask_bits(from) - from->nfields, last = from->nfields, bits = weir__row_mask_bits(to), to_first = bits - to->nfields;
	size_t at = c->out->len;
	uint8_t kind;
	const uint8_t *mask = weir__wire_row_mask(from, c->src, &kind);
	int code = 0;

	while (mask && last > 0 && weir__mask_bit(mask, first + last - 1))
		last--;
	for (uint32_t i = 0; mask && i < last; i++) {
		if (weir__mask_bit(mask, first + i))
			continue;
		spans[i].p = c->src->p;
		if (weir__value_skip(from->fields[i].type, c->src, tail && i + 1 == last))
			break;
		spans[i].end = c->src->p;
	}
	if (c->src->code)
		return damaged(c);
	if (kind && !to_first)
		return no_way(c, from, to);
	for (uint32_t i = 0; i < (bits + 7) / 8; i++)
		weir_buf_u8(c->out, i == 0 && to_first ? (uint8_t)((kind & 1) << 7 | (kind & 2) << 5) : 0);
	for (uint32_t i = 0; i < to->nfields && !code; i++) {
		int j = source_of(from, to, i);
		uint32_t bit = to_first + i;

		if (j >= 0 && spans[j].p)
			code = convert_span(c, spans[j], &from->fields[j], &to->fields[i], true);
		else if (!c->out->code)
			c->out->data[at + bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
	return code;
}

static int convert_row(struct converter *c, const struct weir_type *from, const struct weir_type *to, bool tail)
{
	struct span *spans = calloc(from->nfields + (size_t)1, sizeof(*spans));
	int code;

	if (!spans)
		return weir_error_set(c->err, weir_src_fail(c->src, WEIR_ENOMEM, "out of memory"), "out of memory for a row");
	code = convert_row_fields(c, from, to, spans, tail);
	free(spans);
	return code;
}

static int convert_items(struct converter *c, const struct weir_type *from, const struct weir_type *to, bool tail)
{
	bool map = from->kind == WEIR_MAP;
	uint32_t n = weir__wire_count(c->src, from->fields[0].type->wire_min + map);
	int code = c->src->code ? damaged(c) : 0;

	weir_buf_u32(c->out, n);
	for (uint32_t i = 0; i < n && !code; i++) {
		bool null = false;

		code = convert(c, from->fields[0].type, to->fields[0].type, tail && !map && i + 1 == n);
		if (code || !map)
			continue;
		null = weir__wire_bool(c->src, WEIR__BAD_NULL_FLAG);
		weir_buf_bool(c->out, null);
		if (c->src->code)
			code = damaged(c);
		else if (!null)
			code = convert(c, from->fields[1].type, to->fields[1].type, tail && i + 1 == n);
	}
	return code;
}

static int convert(struct converter *c, const struct weir_type *from, const struct weir_type *to, bool tail)
{
	int code = 0;

	if (weir_type_equal(from, to))
		return copy_value(c, from, tail);
	if (from->kind != to->kind)
		return no_way(c, from, to);
	switch (from->kind) {
	case WEIR_POJO: return convert_pojo(c, from, to, tail);
	case WEIR_ROW: return convert_row(c, from, to, tail);
	case WEIR_LIST:
	case WEIR_MAP: return convert_items(c, from, to, tail);
	case WEIR_TUPLE:
	case WEIR_TIMER:
	case WEIR_TTL:
		if (from->nfields != to->nfields)
			return no_way(c, from, to);
		if (from->kind != WEIR_TUPLE) {
			weir_buf_u64(c->out, weir_src_u64(c->src));
			code = damaged(c);
		}
		for (uint32_t i = 0; i < from->nfields && !code; i++)
			code = convert(c, from->fields[i].type, to->fields[i].type, tail && i + 1 == from->nfields);
		return code;
	case WEIR_WIRE:
	case WEIR_OPAQUE: return no_way(c, from, to);
	default: return copy_value(c, from, tail); /* a scalar under another class: the same bytes */
	}
}

int weir_type_convert(const struct weir_type *from, const struct weir_type *to, struct weir_src *src, struct weir_buf *out, struct weir_error *err)
{
	struct converter c = { src, out, err };

	if (src->code)
		return weir_src_error(src, err);
	return convert(&c, from, to, true);
}
