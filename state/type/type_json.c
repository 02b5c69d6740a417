// SPDX-License-Identifier: Apache-2.0
/*
 * Values as compact JSON (docs/formats/json.md), always from the wire form, so that a value has one text wherever it comes from.
 *
 * Invariants
 *  1. The text is a function of the value alone: maps are sorted by the text of their pairs in String.compareTo order.
 *  2. Numbers, floats and instants are printed as Java prints them.
 *  3. A value that ends in something opaque shows what stands before it; one with something opaque in the middle is {"hex":..}.
 * Pure; errors are sticky in the cursor; recursion follows the type.
 */
#include "state/type/serializer.h"

#include "base/json.h"

#include <stdlib.h>

void weir__put_hex_json(struct weir_buf *out, struct weir_slice s)
{
	weir_buf_text(out, "{\"hex\":\"");
	weir_buf_hex(out, s);
	weir_buf_text(out, "\"}");
}

static void put_string(struct weir_src *src, struct weir_buf *out)
{
	struct weir_buf scratch = { 0 };
	struct weir_slice s;
	uint32_t n;

	if (weir__string_length(src, &n)) {
		s = weir__string_units(src, n, &scratch);
		weir_json_str(out, s.ptr ? (const char *)s.ptr : "", s.len);
	} else {
		weir_buf_text(out, "null");
	}
	if (scratch.data)
		weir_buf_fini(&scratch);
}

static void put_char(uint16_t unit, struct weir_buf *out)
{
	char text[3];
	size_t n = 0;

	if (unit >= 0x800)
		text[n++] = (char)(0xe0 | unit >> 12);
	if (unit >= 0x80)
		text[n++] = (char)(unit >= 0x800 ? 0x80 | (unit >> 6 & 63) : 0xc0 | unit >> 6);
	text[n++] = (char)(unit >= 0x80 ? 0x80 | (unit & 63) : unit);
	weir_json_str(out, text, n);
}

/* ---- maps ---- */

static int by_text(const void *a, const void *b)
{
	const struct weir__json_item *x = a, *y = b;
	int c = weir__utf16_cmp(x->text, x->len, y->text, y->len);

	return c ? c : (x->at > y->at) - (x->at < y->at);
}

void weir__json_sort(struct weir_buf *out, size_t start, struct weir__json_item *items, uint32_t n)
{
	struct weir_buf sorted = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		items[i].text = out->data + items[i].at;
		items[i].len = (i + 1 < n ? items[i + 1].at : out->len) - items[i].at;
	}
	qsort(items, n, sizeof(*items), by_text);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			weir_buf_u8(&sorted, ',');
		weir_buf_put(&sorted, items[i].text, items[i].len);
	}
	out->len = start;
	weir_buf_put_slice(out, weir_buf_slice(&sorted));
	if (sorted.code)
		out->code = sorted.code;
	weir_buf_fini(&sorted);
}

static void put_map(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint32_t n = weir__wire_count(src, t->fields[0].type->wire_min + 1);
	struct weir__json_item *pairs = malloc((n + (size_t)1) * sizeof(*pairs));
	size_t start;

	if (!pairs) {
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a map");
		return;
	}
	weir_buf_u8(out, '[');
	start = out->len;
	for (uint32_t i = 0; i < n && !src->code; i++) {
		pairs[i].at = out->len;
		weir_buf_u8(out, '[');
		weir__value_json(t->fields[0].type, src, false, out);
		weir_buf_u8(out, ',');
		if (weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			weir_buf_text(out, "null");
		else
			weir__value_json(t->fields[1].type, src, tail && i + 1 == n, out);
		weir_buf_u8(out, ']');
	}
	if (!src->code && !out->code)
		weir__json_sort(out, start, pairs, n);
	weir_buf_u8(out, ']');
	free(pairs);
}

/* ---- records ---- */

static void put_list(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint32_t n = weir__wire_count(src, t->fields[0].type->wire_min);

	weir_buf_u8(out, '[');
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (i)
			weir_buf_u8(out, ',');
		weir__value_json(t->fields[0].type, src, tail && i + 1 == n, out);
	}
	weir_buf_u8(out, ']');
}

static void put_tuple(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	weir_buf_u8(out, '[');
	for (uint32_t i = 0; i < t->nfields && !src->code; i++) {
		if (i)
			weir_buf_u8(out, ',');
		weir__value_json(t->fields[i].type, src, tail && i + 1 == t->nfields, out);
	}
	weir_buf_u8(out, ']');
}

static void put_row(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	static const char *const kinds[] = { "+I", "-U", "+U", "-D" };
	uint32_t first = weir__row_mask_bits(t) - t->nfields, last = t->nfields;
	uint8_t kind;
	const uint8_t *mask = weir__wire_row_mask(t, src, &kind);

	if (!mask)
		return;
	while (last > 0 && weir__mask_bit(mask, first + last - 1))
		last--;
	weir_buf_printf(out, "{\"row\":\"%s\",\"f\":[", kinds[kind]);
	for (uint32_t i = 0; i < t->nfields && !src->code; i++) {
		if (i)
			weir_buf_u8(out, ',');
		if (weir__mask_bit(mask, first + i))
			weir_buf_text(out, "null");
		else
			weir__value_json(t->fields[i].type, src, tail && i + 1 == last, out);
	}
	weir_buf_text(out, "]}");
}

static void put_pojo(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	const struct weir_type *sub;
	const char *name;
	uint8_t flags = weir__wire_pojo_flags(t, src, &sub, &name);
	bool first = true;

	if (src->code)
		return;
	if (flags == WEIR__POJO_NULL) {
		weir_buf_text(out, "null");
		return;
	}
	if (flags != WEIR__POJO_PLAIN) {
		if (sub)
			weir__value_json(sub, src, tail, out);
		else
			weir_src_fail(src, WEIR_ENOTYPE, "a POJO is of a subclass whose serializer the snapshot does not describe");
		return;
	}
	weir_buf_u8(out, '{');
	weir_json_key(out, &first, "@");
	weir_json_text(out, t->java);
	for (uint32_t i = 0; i < t->nfields && !src->code; i++) {
		const struct weir_field *f = weir__wire_field(t, i);

		weir_json_key(out, &first, f->name);
		if (weir__wire_bool(src, WEIR__BAD_NULL_FLAG))
			weir_buf_text(out, "null");
		else
			weir__value_json(f->type, src, tail && i + 1 == t->nfields, out);
	}
	weir_buf_u8(out, '}');
}

static void put_timer(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint64_t stamp = weir_src_u64(src) ^ (uint64_t)1 << 63;

	weir_buf_text(out, "{\"@\":\"org.apache.flink.streaming.api.operators.TimerHeapInternalTimer\",\"key\":");
	weir__value_json(t->fields[0].type, src, false, out);
	weir_buf_text(out, ",\"namespace\":");
	weir__value_json(t->fields[1].type, src, tail, out);
	weir_buf_text(out, ",\"timestamp\":");
	weir_json_i64(out, (int64_t)stamp);
	weir_buf_u8(out, '}');
}

static void put_instant(struct weir_src *src, struct weir_buf *out)
{
	int64_t seconds;
	int32_t nanos;

	if (weir__wire_instant(src, &seconds, &nanos)) {
		weir_buf_u8(out, '"');
		weir__instant_text(out, seconds, nanos);
		weir_buf_u8(out, '"');
	} else {
		weir_buf_text(out, "null");
	}
}

static void put_window(struct weir_src *src, struct weir_buf *out)
{
	weir_buf_text(out, "{\"start\":");
	weir_json_i64(out, weir_src_i64(src));
	weir_buf_text(out, ",\"end\":");
	weir_json_i64(out, weir_src_i64(src));
	weir_buf_u8(out, '}');
}

void weir__value_json(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	switch (t->kind) {
	case WEIR_BOOLEAN: weir_buf_text(out, weir__wire_bool(src, "a boolean is neither 0 nor 1") ? "true" : "false"); break;
	case WEIR_INT8: weir_json_i64(out, (int8_t)weir_src_u8(src)); break;
	case WEIR_INT16: weir_json_i64(out, weir_src_i16(src)); break;
	case WEIR_INT32: weir_json_i64(out, weir_src_i32(src)); break;
	case WEIR_INT64: weir_json_i64(out, weir_src_i64(src)); break;
	case WEIR_FLOAT: weir_json_f32(out, weir_src_f32(src)); break;
	case WEIR_DOUBLE: weir_json_f64(out, weir_src_f64(src)); break;
	case WEIR_CHAR: put_char(weir_src_u16(src), out); break;
	case WEIR_STRING: put_string(src, out); break;
	case WEIR_BYTES: weir__put_hex_json(out, weir_src_blob32(src)); break;
	case WEIR_TIMESTAMP: put_instant(src, out); break;
	case WEIR_LIST: put_list(t, src, tail, out); break;
	case WEIR_MAP: put_map(t, src, tail, out); break;
	case WEIR_TUPLE: put_tuple(t, src, tail, out); break;
	case WEIR_ROW: put_row(t, src, tail, out); break;
	case WEIR_POJO: put_pojo(t, src, tail, out); break;
	case WEIR_VOID:
		weir_src_u8(src);
		weir_buf_text(out, "null");
		break;
	case WEIR_TIME_WINDOW: put_window(src, out); break;
	case WEIR_GLOBAL_WINDOW:
		weir_src_u8(src);
		weir_buf_text(out, "\"GlobalWindow\"");
		break;
	case WEIR_TIMER: put_timer(t, src, tail, out); break;
	case WEIR_TTL:
		weir_buf_text(out, "{\"ttl\":");
		weir_json_i64(out, weir_src_i64(src));
		weir_buf_text(out, ",\"value\":");
		weir__value_json(t->fields[0].type, src, tail, out);
		weir_buf_u8(out, '}');
		break;
	case WEIR_WIRE: t->serializer->put_json(t, src, tail, out); break;
	case WEIR_OPAQUE:
	case WEIR_KIND_MAX:
		if (tail)
			weir__put_hex_json(out, weir_src_bytes(src, weir_src_left(src)));
		else
			weir_src_fail(src, WEIR_ENOTYPE, "the length of a value of a serializer weir does not know is not in the bytes");
		break;
	}
}

int weir_type_to_json(const struct weir_type *t, struct weir_src *src, struct weir_buf *out)
{
	struct weir_src start = *src;
	size_t at = out->len;

	if (src->code)
		return src->code;
	weir__value_json(t, src, true, out);
	if (src->code == WEIR_ENOTYPE) { /* something in the middle has no known end: show the bytes */
		*src = start;
		out->len = at;
		weir__put_hex_json(out, weir_src_bytes(src, weir_src_left(src)));
	}
	if (src->code)
		out->len = at;
	return src->code ? src->code : out->code;
}

int weir_type_value_json(const struct weir_type *t, const void *v, struct weir_buf *out)
{
	struct weir_buf wire = { 0 };
	int code = weir_type_write(t, v, &wire, NULL);

	if (!code)
		code = wire.code;
	if (!code) {
		struct weir_src src = weir_src_of(weir_buf_slice(&wire), NULL, 0);

		code = weir_type_to_json(t, &src, out);
	}
	weir_buf_fini(&wire);
	return code;
}
