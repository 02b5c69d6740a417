// SPDX-License-Identifier: Apache-2.0
/*
 * Avro values typed as JSON, or as the text of GenericData.toString inside a JSON string, into Flink's encoding.
 *
 * 1. A union takes its first branch that fits: its text does not say which one it was ("5" fits int and long).
 * 2. Maps keep the order in which their entries are typed, which is that of the text.
 * 3. Trying branches is bounded by ATTEMPTS.
 * Pure. May fail: text that does not fit (WEIR_EPARSE), out of memory.
 */
#include "state/flink/serializer_avro.h"

#include "base/json.h"
#include "state/flink/serializer_avro_time.h"
#include "state/type/json_in.h"
#include "state/type/type_priv.h"

#include <stdlib.h>

enum { DEPTH = 200, ATTEMPTS = 1 << 20 };

struct parser {
	struct json_in j;
	struct weir__avro_form form;
	struct weir_buf *out;
	uint32_t depth, attempts;
	bool in_union; /* the value is that of a branch */
};

static int parse_value(struct parser *x, const struct weir__avro *s);

static int fail(struct parser *x, const char *expected) { return weir__json_fail(&x->j, expected); }

static int parse_number(struct parser *x, const struct weir__avro *s)
{
	bool is_int = s->kind == WEIR__AVRO_INT;
	int64_t v;
	int code;

	if (x->form.converted && s->logical && weir__json_peek(&x->j) == '"') {
		struct weir_buf text = { 0 };

		code = weir__json_string(&x->j, &text);
		if (!code && !weir__avro_time_parse(text.data ? (const char *)text.data : "", text.len, s->logical, &v))
			code = fail(x, "a date or time of the schema's logical type behind this");
		weir_buf_fini(&text);
	} else {
		code = weir__json_int(&x->j, is_int ? INT32_MIN : INT64_MIN, is_int ? INT32_MAX : INT64_MAX, &v);
	}
	if (!code && is_int)
		weir_buf_i32(x->out, (int32_t)v);
	else if (!code)
		weir_buf_i64(x->out, v);
	return code;
}

/* In a union a number is a float only when it is printed as that again: else it was a double. */
static bool is_float(struct parser *x, const char *from, double v)
{
	struct weir_buf text = { 0 };
	size_t n;
	bool same;

	while (from < x->j.p && (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\r'))
		from++;
	n = (size_t)(x->j.p - from);
	weir_json_f32(&text, (float)v);
	same = text.len == n && memcmp(text.data, from, n) == 0;
	weir_buf_fini(&text);
	return same;
}

static int parse_float(struct parser *x, bool single)
{
	const char *from = x->j.p;
	double v;
	int code = weir__json_float(&x->j, single, &v);

	if (!code && single && x->in_union && !is_float(x, from, v))
		code = fail(x, "a float before this");
	if (!code && single)
		weir_buf_f32(x->out, (float)v);
	else if (!code)
		weir_buf_f64(x->out, v);
	return code;
}

/* A text as bytes behind their length: strings as UTF-8, bytes as the characters U+0000 to U+00FF. */
static int parse_text(struct parser *x, bool latin1)
{
	struct weir_buf text = { 0 };
	int code = weir__json_string(&x->j, &text);
	size_t n = 0;

	for (size_t i = 0; latin1 && i < text.len && !code; i++) {
		uint8_t c = text.data[i];

		if (c >= 0xc4 || (c >= 0xc2 && i + 1 == text.len))
			code = fail(x, "bytes, which are characters up to U+00FF, before this");
		else
			text.data[n++] = c < 0x80 ? c : (uint8_t)((c & 3) << 6 | (text.data[++i] & 63));
	}
	if (!code && !latin1)
		n = text.len;
	if (!code && text.code)
		code = weir_error_set(x->j.err, text.code, "no memory for a text");
	if (!code) {
		weir_buf_i32(x->out, (int32_t)n);
		weir_buf_put(x->out, text.data, n);
	}
	weir_buf_fini(&text);
	return code;
}

static int parse_fixed(struct parser *x, uint32_t n)
{
	int code = weir__json_expect(&x->j, '[');

	for (uint32_t i = 0; i < n && !code; i++) {
		int64_t v = 0;

		if (i)
			code = weir__json_expect(&x->j, ',');
		if (!code)
			code = weir__json_int(&x->j, -128, 255, &v);
		weir_buf_u8(x->out, (uint8_t)v);
	}
	return code ? code : weir__json_expect(&x->j, ']');
}

static int parse_enum(struct parser *x, const struct weir__avro *s)
{
	struct weir_buf text = { 0 };
	int code = weir__json_string(&x->j, &text);
	uint32_t i = 0;

	while (!code && i < s->n && strcmp(s->names[i], weir_buf_cstr(&text)) != 0)
		i++;
	if (!code && i == s->n)
		code = fail(x, "a symbol of the enum before this");
	weir_buf_i32(x->out, (int32_t)i);
	weir_buf_fini(&text);
	return code;
}

static int parse_record(struct parser *x, const struct weir__avro *s)
{
	struct json_span *spans = calloc(s->n + (size_t)1, sizeof(*spans));
	int code = spans ? weir__json_object(&x->j, s->n, s->names, NULL, spans) : weir_error_set(x->j.err, WEIR_ENOMEM, "no memory for an Avro record");
	struct json_in saved = x->j;

	for (uint32_t i = 0; i < s->n && !code; i++) {
		if (!spans[i].p) {
			code = weir_error_set(x->j.err, WEIR_EPARSE, "JSON: an Avro record %s lacks \"%s\"", s->name, s->names[i]);
			break;
		}
		x->j.p = spans[i].p;
		x->j.end = spans[i].end;
		code = parse_value(x, s->parts[i]);
		if (!code && weir__json_peek(&x->j))
			code = fail(x, "the end of the value");
		x->j = saved;
	}
	free(spans);
	return code;
}

/* An element; of a map "key":value, or [key,value] among pairs. */
static int parse_item(struct parser *x, const struct weir__avro *s, bool pairs)
{
	bool map = s->kind == WEIR__AVRO_MAP;
	int code = pairs ? weir__json_expect(&x->j, '[') : 0;

	if (!code && map)
		code = parse_text(x, false);
	if (!code && map)
		code = weir__json_expect(&x->j, pairs ? ',' : ':');
	if (!code)
		code = parse_value(x, s->parts[0]);
	return code || !pairs ? code : weir__json_expect(&x->j, ']');
}

/* One block of items, and the block of none that ends it. */
static int parse_items(struct parser *x, const struct weir__avro *s)
{
	bool pairs = s->kind == WEIR__AVRO_MAP && weir__json_peek(&x->j) == '[', object = s->kind == WEIR__AVRO_MAP && !pairs;
	struct weir_buf items = { 0 }, *out = x->out;
	uint32_t n = 0;
	int code = weir__json_expect(&x->j, object ? '{' : '[');
	bool more = !code && !weir__json_take(&x->j, object ? '}' : ']');

	x->out = &items;
	while (more && !code) {
		code = parse_item(x, s, pairs);
		n++;
		more = !code && weir__json_take(&x->j, ',');
		if (!code && !more)
			code = weir__json_expect(&x->j, object ? '}' : ']');
	}
	x->out = out;
	if (n)
		weir_buf_varint(out, n);
	weir_buf_put_slice(out, weir_buf_slice(&items));
	weir_buf_u8(out, 0);
	out->code = out->code ? out->code : items.code;
	weir_buf_fini(&items);
	return code;
}

static int parse_union(struct parser *x, const struct weir__avro *s)
{
	struct json_in start = x->j;
	size_t at = x->out->len;

	for (uint32_t i = 0; i < s->n; i++) {
		struct weir_error why = WEIR_ERROR_INIT;
		int code;

		if (++x->attempts > ATTEMPTS)
			break;
		x->j = start;
		x->j.err = i + 1 == s->n ? start.err : &why; /* the last branch tells what is wrong */
		x->out->len = at;
		weir_buf_i32(x->out, (int32_t)i);
		x->in_union = true;
		code = parse_value(x, s->parts[i]);
		x->j.err = start.err;
		weir_error_clear(&why);
		if (code != WEIR_EPARSE)
			return code;
		if (i + 1 == s->n)
			return code;
	}
	return fail(x, "a value of one branch of the union");
}

static int parse_value(struct parser *x, const struct weir__avro *s)
{
	int code;

	if (x->depth >= DEPTH)
		return fail(x, "less nesting (at most 200)");
	x->in_union &= s->kind == WEIR__AVRO_FLOAT;
	x->depth++;
	switch (s->kind) {
	case WEIR__AVRO_NULL: code = weir__json_word(&x->j, "null") ? 0 : fail(x, "null"); break;
	case WEIR__AVRO_BOOLEAN: code = weir__value_parse(&weir_boolean, &x->j, x->out); break;
	case WEIR__AVRO_INT:
	case WEIR__AVRO_LONG: code = parse_number(x, s); break;
	case WEIR__AVRO_FLOAT: code = parse_float(x, true); break;
	case WEIR__AVRO_DOUBLE: code = parse_float(x, false); break;
	case WEIR__AVRO_BYTES: code = weir__json_peek(&x->j) == '{' ? weir__value_parse(&weir_bytes, &x->j, x->out) : parse_text(x, true); break;
	case WEIR__AVRO_STRING: code = parse_text(x, false); break;
	case WEIR__AVRO_RECORD: code = parse_record(x, s); break;
	case WEIR__AVRO_ENUM: code = parse_enum(x, s); break;
	case WEIR__AVRO_ARRAY:
	case WEIR__AVRO_MAP: code = parse_items(x, s); break;
	case WEIR__AVRO_UNION: code = parse_union(x, s); break;
	case WEIR__AVRO_FIXED: code = parse_fixed(x, s->n); break;
	default: code = fail(x, "a value");
	}
	x->depth--;
	return code;
}

/* Is this shown as the text of toString inside a JSON string? */
static bool quoted(const struct weir__avro *s)
{
	if (s->kind == WEIR__AVRO_UNION)
		for (uint32_t i = 0; i < s->n; i++)
			if (s->parts[i]->kind == WEIR__AVRO_RECORD || s->parts[i]->kind == WEIR__AVRO_FIXED)
				return true;
	return s->kind == WEIR__AVRO_RECORD || s->kind == WEIR__AVRO_FIXED;
}

int weir__avro_parse(const struct weir__avro *s, struct json_in *j, struct weir__avro_form form, struct weir_buf *out)
{
	struct parser x = { .j = *j, .form = form, .out = out };
	struct weir_buf text = { 0 };
	int code;

	if (weir__json_peek(&x.j) != '"' || !quoted(s)) {
		code = parse_value(&x, s);
		*j = x.j;
		return code;
	}
	code = weir__json_string(&x.j, &text);
	if (!code) {
		*j = x.j;
		x.j.start = x.j.p = weir_buf_cstr(&text);
		x.j.end = x.j.p + text.len;
		code = parse_value(&x, s);
		if (!code && weir__json_peek(&x.j))
			code = fail(&x, "the end of the value");
	}
	weir_buf_fini(&text);
	return code;
}
