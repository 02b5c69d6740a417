// SPDX-License-Identifier: Apache-2.0
/*
 * Native form -> wire form: Flink's serializers byte for byte (docs/formats/serializers.md).
 *
 * Invariants: nothing is changed silently: what the wire form cannot hold is WEIR_EINVALID and names the field and byte.
 * Pure. Recursion follows the type, so its depth is at most that of the type. Out of memory is sticky in the buffer.
 */
#include "state/type/type_priv.h"

static int write_value(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err);

static int write_string(const struct weir_str *s, struct weir_buf *out, struct weir_error *err)
{
	size_t bad;

	if (weir_str_is_null(s)) {
		weir_buf_u8(out, 0);
		return 0;
	}
	if (s->len >= INT32_MAX)
		return weir_error_set(err, WEIR_EINVALID, "a string of %u bytes is longer than Java allows", s->len);
	if (weir__string_write(out, weir_str_data(s), s->len, &bad))
		return 0;
	return weir_error_set(err, WEIR_EINVALID, "a string of %u bytes is not UTF-8: byte 0x%02x at offset %zu; clean the text, or use type bytes",
			      s->len, (unsigned)(uint8_t)weir_str_data(s)[bad], bad);
}

static int write_bytes(const struct weir_str *s, struct weir_buf *out, struct weir_error *err)
{
	if (weir_str_is_null(s))
		return weir_error_set(err, WEIR_EINVALID, "a null byte array cannot be stored here; only a field of a POJO or row and a map value may be null");
	if (s->len > INT32_MAX)
		return weir_error_set(err, WEIR_EINVALID, "a byte array of %u bytes is longer than Java allows", s->len);
	weir_buf_u32(out, s->len);
	weir_buf_put(out, weir_str_data(s), s->len);
	return 0;
}

static void write_timestamp(int64_t ms, struct weir_buf *out)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);

	weir__wire_put_instant(out, seconds, (int32_t)(ms - seconds * 1000) * 1000000);
}

static int write_list(const struct weir_type *t, const struct weir_list *l, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_type *e = t->fields[0].type;
	int code = 0;

	if (l->count > INT32_MAX)
		return weir_error_set(err, WEIR_EINVALID, "a list of %u elements is longer than Java allows", l->count);
	weir_buf_u32(out, l->count);
	for (uint32_t i = 0; i < l->count && !code; i++) {
		code = write_value(e, (const char *)l->items + (size_t)i * e->size, out, err);
		if (code)
			weir_error_wrap(err, "list element %u", i);
	}
	return code;
}

static int write_map(const struct weir_type *t, const struct weir_map *m, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_type *k = t->fields[0].type, *e = t->fields[1].type;
	int code = 0;

	if (m->count > INT32_MAX)
		return weir_error_set(err, WEIR_EINVALID, "a map of %u entries is larger than Java allows", m->count);
	weir_buf_u32(out, m->count);
	for (uint32_t i = 0; i < m->count && !code; i++) {
		bool null = weir__map_value_is_null(t, m, i);

		code = write_value(k, (const char *)m->keys + (size_t)i * k->size, out, err);
		weir_buf_bool(out, null);
		if (!code && !null)
			code = write_value(e, (const char *)m->values + (size_t)i * e->size, out, err);
		if (code)
			weir_error_wrap(err, "map entry %u", i);
	}
	return code;
}

static int write_field(const struct weir_type *t, const struct weir_field *f, const void *record, struct weir_buf *out, struct weir_error *err)
{
	int code = write_value(f->type, (const char *)record + f->offset, out, err);

	if (code && err)
		weir_error_wrap(err, "field %s of %s", f->name ? f->name : "without name", t->name ? t->name : t->java ? t->java : weir__kind_name(t->kind));
	return code;
}

static int write_fields(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < t->nfields && !code; i++)
		code = write_field(t, &t->fields[i], v, out, err);
	return code;
}

static int write_pojo(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err)
{
	int code = 0;

	weir_buf_u8(out, WEIR__POJO_PLAIN);
	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		const struct weir_field *f = weir__wire_field(t, i);
		bool null = weir__field_is_null(t, (uint32_t)(f - t->fields), v);

		weir_buf_bool(out, null);
		if (!null)
			code = write_field(t, f, v, out, err);
	}
	return code;
}

static int write_row(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_row_head *head = t->null_offset == WEIR_NO_NULLS ? NULL : v;
	uint32_t bits = weir__row_mask_bits(t), first = bits - t->nfields;
	uint8_t kind = head ? head->kind : 0;
	size_t at = out->len;
	int code = 0;

	if (kind > 3 || (kind && !first))
		return weir_error_set(err, WEIR_EINVALID, kind > 3 ? "row kind %u is none of 0 to 3" : "row kind %u: rows of Flink 1.10 and before have none", kind);
	uint8_t *mask = weir_buf_room(out, (bits + 7) / 8);

	if (!mask)
		return 0;
	memset(mask, 0, (bits + 7) / 8);
	out->len += (bits + 7) / 8;
	if (first)
		mask[0] = (uint8_t)((kind & 1) << 7 | (kind & 2) << 5);
	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		uint32_t bit = first + i;

		if (!weir__field_is_null(t, i, v))
			code = write_field(t, &t->fields[i], v, out, err);
		else if (!out->code)
			out->data[at + bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
	return code;
}

static int write_value(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err)
{
	switch (t->kind) {
	case WEIR_BOOLEAN: weir_buf_u8(out, *(const uint8_t *)v != 0); return 0;
	case WEIR_INT8: weir_buf_u8(out, *(const uint8_t *)v); return 0;
	case WEIR_INT16: weir_buf_i16(out, *(const int16_t *)v); return 0;
	case WEIR_INT32: weir_buf_i32(out, *(const int32_t *)v); return 0;
	case WEIR_INT64: weir_buf_i64(out, *(const int64_t *)v); return 0;
	case WEIR_FLOAT: weir_buf_f32(out, *(const float *)v); return 0;
	case WEIR_DOUBLE: weir_buf_f64(out, *(const double *)v); return 0;
	case WEIR_CHAR: weir_buf_u16(out, *(const uint16_t *)v); return 0;
	case WEIR_STRING: return write_string(v, out, err);
	case WEIR_BYTES: return write_bytes(v, out, err);
	case WEIR_TIMESTAMP: write_timestamp(*(const int64_t *)v, out); return 0;
	case WEIR_LIST: return write_list(t, v, out, err);
	case WEIR_MAP: return write_map(t, v, out, err);
	case WEIR_TUPLE: return write_fields(t, v, out, err);
	case WEIR_ROW: return write_row(t, v, out, err);
	case WEIR_POJO: return write_pojo(t, v, out, err);
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW: weir_buf_u8(out, 0); return 0;
	case WEIR_TIME_WINDOW:
		weir_buf_i64(out, ((const struct weir_window *)v)->start_ms);
		weir_buf_i64(out, ((const struct weir_window *)v)->end_ms);
		return 0;
	case WEIR_TIMER: /* the sign bit flipped, so that bytes sort as timestamps do */
		weir_buf_u64(out, (uint64_t)*(const int64_t *)v ^ (uint64_t)1 << 63);
		return write_fields(t, v, out, err);
	case WEIR_TTL:
		weir_buf_i64(out, *(const int64_t *)v);
		return write_fields(t, v, out, err);
	case WEIR_WIRE:
	case WEIR_OPAQUE: /* bytes as they were */
		weir_buf_put(out, weir_str_data(v), weir_str_len(v));
		return 0;
	case WEIR_KIND_MAX: break;
	}
	return weir_error_set(err, WEIR_EBUG, "no wire form for kind %d", (int)t->kind);
}

int weir_type_write(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err)
{
	return write_value(t, v, out, err);
}

void weir__wire_put_default(struct weir_buf *out, const struct weir_type *t)
{
	bool number = weir__is_number(t->kind);

	weir_buf_bool(out, !number);
	for (uint32_t i = 0; number && i < t->wire_min; i++)
		weir_buf_u8(out, 0);
}
