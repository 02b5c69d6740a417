// SPDX-License-Identifier: Apache-2.0
/*
 * JSON text -> wire form: the reverse of type_json.c (docs/formats/json.md), for keys and values that people type.
 *
 * Invariants: what type_json prints reads back to the same bytes, but for the order of map entries, which JSON shows sorted.
 * Pure. Recursion follows the type. May fail: malformed or unfitting text (WEIR_EPARSE, with the offset in it).
 */
#include "base/json.h"
#include "state/type/serializer.h"

#include <stdlib.h>

struct parser {
	struct json_in j;
	struct weir_buf *out;
	struct weir_buf text; /* scratch */
};

static int parse_value(struct parser *x, const struct weir_type *t);

/* Parse the value at a span found before. */
static int parse_span(struct parser *x, const struct weir_type *t, struct json_span span)
{
	struct json_in saved = x->j;
	int code;

	x->j.p = span.p;
	x->j.end = span.end;
	code = parse_value(x, t);
	if (!code && weir__json_peek(&x->j))
		code = weir__json_fail(&x->j, "the end of the value");
	x->j = saved;
	return code;
}

static bool is_null(struct json_span s)
{
	return s.end - s.p == 4 && memcmp(s.p, "null", 4) == 0;
}

static int missing(struct parser *x, const char *name, const char *what)
{
	return weir_error_set(x->j.err, WEIR_EPARSE, "JSON: %s lacks \"%s\"", what, name);
}

static int parse_int(struct parser *x, int64_t min, int64_t max, unsigned bytes)
{
	int64_t v;
	int code = weir__json_int(&x->j, min, max, &v);

	if (code)
		return code;
	for (unsigned i = bytes; i > 0; i--)
		weir_buf_u8(x->out, (uint8_t)((uint64_t)v >> 8 * (i - 1)));
	return 0;
}

static int parse_boolean(struct parser *x)
{
	if (weir__json_word(&x->j, "true"))
		weir_buf_u8(x->out, 1);
	else if (weir__json_word(&x->j, "false"))
		weir_buf_u8(x->out, 0);
	else
		return weir__json_fail(&x->j, "true or false");
	return 0;
}

static int parse_float(struct parser *x, bool single)
{
	double v;
	int code = weir__json_float(&x->j, single, &v);

	if (!code && single)
		weir_buf_f32(x->out, (float)v);
	else if (!code)
		weir_buf_f64(x->out, v);
	return code;
}

/* ---- kinds whose JSON is a string: given as text, so that bare words share them ---- */

static int put_string(struct parser *x, const char *text, size_t len)
{
	size_t bad;

	if (len >= INT32_MAX)
		return weir_error_set(x->j.err, WEIR_EPARSE, "a string of %zu bytes is longer than Java allows", len);
	if (weir__string_write(x->out, text, len, &bad))
		return 0;
	return weir_error_set(x->j.err, WEIR_EPARSE, "the text is not UTF-8: byte 0x%02x at offset %zu of it", (unsigned)(uint8_t)text[bad], bad);
}

static int put_char(struct parser *x, const char *text, size_t len)
{
	size_t bad;
	const uint8_t *p = (const uint8_t *)text;

	if (len == 0 || len > 3 || weir__utf8_units(text, len, &bad) != 1)
		return weir_error_set(x->j.err, WEIR_EPARSE, "\"%.*s\" is not one character of at most 16 bits", (int)(len > 40 ? 40 : len), text);
	weir_buf_u16(x->out, (uint16_t)(len == 1 ? p[0] : len == 2 ? (p[0] & 31u) << 6 | (p[1] & 63u) : (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u)));
	return 0;
}

static int put_timestamp(struct parser *x, const char *text, size_t len)
{
	int64_t seconds;
	int32_t nanos;

	if (!weir__instant_parse(text, len, &seconds, &nanos))
		return weir_error_set(x->j.err, WEIR_EPARSE, "\"%.*s\" is not a UTC time like 2001-01-31T23:59:59.999Z", (int)(len > 60 ? 60 : len), text);
	weir__wire_put_instant(x->out, seconds, nanos);
	return 0;
}

static int put_text(struct parser *x, const struct weir_type *t, const char *text, size_t len)
{
	return t->kind == WEIR_STRING ? put_string(x, text, len) : t->kind == WEIR_CHAR ? put_char(x, text, len) : put_timestamp(x, text, len);
}

static int parse_text(struct parser *x, const struct weir_type *t)
{
	int code;

	if (t->kind == WEIR_STRING && weir__json_word(&x->j, "null")) {
		weir_buf_u8(x->out, 0);
		return 0;
	}
	if (t->kind == WEIR_TIMESTAMP && weir__json_word(&x->j, "null")) {
		weir__wire_put_instant(x->out, INT64_MIN, INT32_MIN);
		return 0;
	}
	weir_buf_clear(&x->text);
	code = weir__json_string(&x->j, &x->text);
	if (!code && x->text.code)
		code = weir_error_set(x->j.err, WEIR_ENOMEM, "out of memory for a string");
	return code ? code : put_text(x, t, (const char *)x->text.data, x->text.len);
}

static int parse_hex(struct parser *x, bool length)
{
	static const char *const names[] = { "hex" };
	struct json_span span;
	int code = weir__json_object(&x->j, 1, names, NULL, &span);
	size_t n;

	if (code)
		return code;
	if (!span.p)
		return missing(x, "hex", "an object that stands for bytes");
	n = (size_t)(span.end - span.p);
	if (n < 2 || n % 2 || *span.p != '"' || n / 2 - 1 > INT32_MAX)
		return weir_error_set(x->j.err, WEIR_EPARSE, "JSON: \"hex\" is not a string of pairs of hex digits");
	if (length)
		weir_buf_u32(x->out, (uint32_t)(n / 2 - 1));
	for (const char *p = span.p + 1; p + 1 < span.end; p += 2) {
		unsigned v;

		if (!strchr("0123456789abcdefABCDEF", p[0]) || !strchr("0123456789abcdefABCDEF", p[1]) || !p[0] || !p[1])
			return weir_error_set(x->j.err, WEIR_EPARSE, "JSON: \"%.2s\" in \"hex\" is not a pair of hex digits", p);
		v = (unsigned)strtoul((const char[]){ p[0], p[1], 0 }, NULL, 16);
		weir_buf_u8(x->out, (uint8_t)v);
	}
	return 0;
}

/* ---- containers ---- */

static int parse_list(struct parser *x, const struct weir_type *t)
{
	size_t at = x->out->len;
	uint32_t n = 0;
	int code = weir__json_expect(&x->j, '[');

	weir_buf_u32(x->out, 0);
	if (!code && weir__json_take(&x->j, ']'))
		return 0;
	while (!code) {
		code = parse_value(x, t->fields[0].type);
		n++;
		if (!code && weir__json_take(&x->j, ']'))
			break;
		if (!code)
			code = weir__json_expect(&x->j, ',');
	}
	weir_buf_patch_u32(x->out, at, n);
	return code;
}

static int parse_map_value(struct parser *x, const struct weir_type *t)
{
	if (weir__json_word(&x->j, "null")) {
		weir_buf_u8(x->out, 1);
		return 0;
	}
	weir_buf_u8(x->out, 0);
	return parse_value(x, t->fields[1].type);
}

/* [[key,value],..], or {"key":value,..} for keys that are strings. */
static int parse_map(struct parser *x, const struct weir_type *t)
{
	bool object = t->fields[0].type->kind == WEIR_STRING && weir__json_peek(&x->j) == '{';
	size_t at = x->out->len;
	uint32_t n = 0;
	int code = weir__json_expect(&x->j, object ? '{' : '[');

	weir_buf_u32(x->out, 0);
	if (!code && weir__json_take(&x->j, object ? '}' : ']'))
		return 0;
	while (!code) {
		if (!object)
			code = weir__json_expect(&x->j, '[');
		if (!code)
			code = parse_value(x, t->fields[0].type);
		if (!code)
			code = weir__json_expect(&x->j, object ? ':' : ',');
		if (!code)
			code = parse_map_value(x, t);
		if (!code && !object)
			code = weir__json_expect(&x->j, ']');
		n++;
		if (!code && weir__json_take(&x->j, object ? '}' : ']'))
			break;
		if (!code)
			code = weir__json_expect(&x->j, ',');
	}
	weir_buf_patch_u32(x->out, at, n);
	return code;
}

static int parse_tuple(struct parser *x, const struct weir_type *t)
{
	int code = weir__json_expect(&x->j, '[');

	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		if (i)
			code = weir__json_expect(&x->j, ',');
		if (!code)
			code = parse_value(x, t->fields[i].type);
	}
	return code ? code : weir__json_expect(&x->j, ']');
}

static int parse_row_fields(struct parser *x, const struct weir_type *t, uint8_t kind)
{
	uint32_t bits = weir__row_mask_bits(t), first = bits - t->nfields;
	size_t at = x->out->len;
	int code = weir__json_expect(&x->j, '[');

	for (uint32_t i = 0; i < (bits + 7) / 8; i++)
		weir_buf_u8(x->out, i == 0 && first ? (uint8_t)((kind & 1) << 7 | (kind & 2) << 5) : 0);
	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		uint32_t bit = first + i;

		if (i)
			code = weir__json_expect(&x->j, ',');
		if (code)
			break;
		if (!weir__json_word(&x->j, "null"))
			code = parse_value(x, t->fields[i].type);
		else if (!x->out->code)
			x->out->data[at + bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
	return code ? code : weir__json_expect(&x->j, ']');
}

/* {"row":"+I","f":[..]}, or the fields alone for +I. */
static int parse_row(struct parser *x, const struct weir_type *t)
{
	static const char *const names[] = { "row", "f" }, *const kinds[] = { "\"+I\"", "\"-U\"", "\"+U\"", "\"-D\"" };
	struct json_span spans[2];
	struct json_in saved;
	uint8_t kind = 0;
	int code;

	if (weir__json_peek(&x->j) == '[')
		return parse_row_fields(x, t, 0);
	code = weir__json_object(&x->j, 2, names, NULL, spans);
	if (code)
		return code;
	if (!spans[1].p)
		return missing(x, "f", "a row");
	while (spans[0].p && kind < 4 && (spans[0].end - spans[0].p != 4 || memcmp(spans[0].p, kinds[kind], 4) != 0))
		kind++;
	if (kind == 4)
		return weir_error_set(x->j.err, WEIR_EPARSE, "JSON: a row kind is one of +I, -U, +U, -D");
	if (kind && !weir__row_has_kind(t))
		return weir_error_set(x->j.err, WEIR_EPARSE, "JSON: rows of Flink 1.10 and before have no row kind; only +I fits");
	saved = x->j;
	x->j.p = spans[1].p;
	x->j.end = spans[1].end;
	code = parse_row_fields(x, t, kind);
	if (!code && weir__json_peek(&x->j))
		code = weir__json_fail(&x->j, "the end of the row");
	x->j = saved;
	return code;
}

static int parse_pojo(struct parser *x, const struct weir_type *t)
{
	const char **names;
	struct json_span *spans;
	int code = 0;

	if (weir__json_word(&x->j, "null")) {
		weir_buf_u8(x->out, WEIR__POJO_NULL);
		return 0;
	}
	names = malloc((t->nfields + (size_t)1) * sizeof(*names));
	spans = malloc((t->nfields + (size_t)1) * sizeof(*spans));
	if (!names || !spans) {
		code = weir_error_set(x->j.err, WEIR_ENOMEM, "out of memory for a POJO");
		goto out;
	}
	for (uint32_t i = 0; i < t->nfields; i++)
		names[i] = t->fields[i].name;
	code = weir__json_object(&x->j, t->nfields, names, t->java, spans);
	weir_buf_u8(x->out, WEIR__POJO_PLAIN);
	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		const struct weir_field *f = weir__wire_field(t, i);
		struct json_span span = spans[f - t->fields];
		if (!span.p) {
			weir__wire_put_default(x->out, f->type);
			continue;
		}
		weir_buf_bool(x->out, is_null(span));
		if (!is_null(span))
			code = parse_span(x, f->type, span);
	}
out:
	free(names);
	free(spans);
	return code;
}

/* Objects of one or two i64 and the fields of t: TTL, timer, time window. */
static int parse_stamped(struct parser *x, const struct weir_type *t)
{
	static const char *const ttl[] = { "ttl", "value" }, *const timer[] = { "timestamp", "key", "namespace" }, *const window[] = { "start", "end" };
	const char *const *names = t->kind == WEIR_TTL ? ttl : t->kind == WEIR_TIMER ? timer : window;
	uint32_t n = t->kind == WEIR_TIMER ? 3 : 2, stamps = t->kind == WEIR_TIME_WINDOW ? 2 : 1;
	struct json_span spans[3];
	int code = weir__json_object(&x->j, n, names, t->kind == WEIR_TIMER ? "org.apache.flink.streaming.api.operators.TimerHeapInternalTimer" : NULL, spans);

	for (uint32_t i = 0; i < n && !code; i++)
		if (!spans[i].p)
			code = missing(x, names[i], weir__kind_name(t->kind));
		else
			code = parse_span(x, i < stamps ? &weir_int64 : t->fields[i - stamps].type, spans[i]);
	return code;
}

static int parse_value(struct parser *x, const struct weir_type *t)
{
	size_t at = x->out->len;
	int code;

	switch (t->kind) {
	case WEIR_BOOLEAN: return parse_boolean(x);
	case WEIR_INT8: return parse_int(x, INT8_MIN, INT8_MAX, 1);
	case WEIR_INT16: return parse_int(x, INT16_MIN, INT16_MAX, 2);
	case WEIR_INT32: return parse_int(x, INT32_MIN, INT32_MAX, 4);
	case WEIR_INT64: return parse_int(x, INT64_MIN, INT64_MAX, 8);
	case WEIR_FLOAT: return parse_float(x, true);
	case WEIR_DOUBLE: return parse_float(x, false);
	case WEIR_CHAR:
	case WEIR_STRING:
	case WEIR_TIMESTAMP: return parse_text(x, t);
	case WEIR_BYTES: return parse_hex(x, true);
	case WEIR_WIRE:
		if (!t->serializer->parse)
			return weir_error_set(x->j.err, WEIR_EUNSUPPORTED, "values of type %s cannot be typed", t->serializer->name);
		return t->serializer->parse(t, &x->j, x->out);
	case WEIR_OPAQUE: return parse_hex(x, false);
	case WEIR_LIST: return parse_list(x, t);
	case WEIR_MAP: return parse_map(x, t);
	case WEIR_TUPLE: return parse_tuple(x, t);
	case WEIR_ROW: return parse_row(x, t);
	case WEIR_POJO: return parse_pojo(x, t);
	case WEIR_TTL:
	case WEIR_TIME_WINDOW: return parse_stamped(x, t);
	case WEIR_TIMER:
		code = parse_stamped(x, t);
		if (!code && !x->out->code)
			x->out->data[at] ^= 0x80;
		return code;
	case WEIR_VOID:
		weir_buf_u8(x->out, 0);
		return weir__json_word(&x->j, "null") ? 0 : weir__json_fail(&x->j, "null");
	case WEIR_GLOBAL_WINDOW:
		weir_buf_u8(x->out, 0);
		return weir__json_word(&x->j, "\"GlobalWindow\"") ? 0 : weir__json_fail(&x->j, "\"GlobalWindow\"");
	case WEIR_KIND_MAX: break;
	}
	return weir_error_set(x->j.err, WEIR_EBUG, "no JSON for kind %d", (int)t->kind);
}

int weir__value_parse(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct parser x = { .j = *j, .out = out };
	int code = parse_value(&x, t);

	*j = x.j;
	weir_buf_fini(&x.text);
	return code;
}

/* Text typed without its quotes. */
static int parse_bare(struct parser *x, const struct weir_type *t, const char *text, size_t len)
{
	struct weir_buf quoted = { 0 };
	int code;

	weir_json_str(&quoted, text, len);
	x->j.start = x->j.p = (const char *)quoted.data;
	x->j.end = x->j.p + quoted.len;
	code = quoted.code ? weir_error_set(x->j.err, quoted.code, "out of memory for a value") : parse_value(x, t);
	weir_buf_fini(&quoted);
	return code;
}

int weir_type_from_json(const struct weir_type *t, const char *json, size_t len, bool bare, struct weir_buf *out, struct weir_error *err)
{
	struct parser x = { .j = { json, json, json + len, err }, .out = out };
	size_t at = out->len;
	int code;

	if (bare && (t->kind == WEIR_STRING || t->kind == WEIR_CHAR || t->kind == WEIR_TIMESTAMP) && (len == 0 || *json != '"')) {
		code = put_text(&x, t, json, len);
	} else if (bare && t->kind == WEIR_WIRE && t->serializer->text && (len == 0 || *json != '"')) {
		code = parse_bare(&x, t, json, len);
	} else {
		code = parse_value(&x, t);
		if (!code && weir__json_peek(&x.j))
			code = weir__json_fail(&x.j, "the end of the value");
	}
	if (!code && out->code)
		code = weir_error_set(err, out->code, "out of memory for a value");
	if (code && !out->code)
		out->len = at;
	weir_buf_fini(&x.text);
	return code;
}
