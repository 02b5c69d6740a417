// SPDX-License-Identifier: Apache-2.0
/*
 * BigInteger and BigDecimal, and Flink's mutable values (IntValue, StringValue, ...). docs/formats/serializers.md.
 * BigInteger: i32 0 null, 1 zero, 2 one, 3 ten, else length + 4 and two's complement bytes. Java chooses the short forms by object identity, so a
 * number may have two encodings; typed numbers take the short one, as Java's constants do. Pure.
 */
#include "state/flink/snapshot_priv.h"

#include "base/json.h"
#include "state/type/big_number.h"

#include <stdio.h>

#define BASE "org.apache.flink.api.common.typeutils.base."

/* ---- BigInteger, BigDecimal ---- */

/* False: null (or failure). */
static bool take_big(struct weir_src *src, struct weir_slice *two)
{
	static const uint8_t constants[] = { 0, 1, 10 };
	uint32_t k = weir_src_u32(src);

	*two = (struct weir_slice){ NULL, 0 };
	if (src->code || k == 0)
		return false;
	if (k <= 3) {
		*two = (struct weir_slice){ &constants[k - 1], 1 };
	} else if (k == 4 || k > INT32_MAX) {
		weir_src_fail(src, WEIR_ECORRUPT, "a BigInteger has an impossible length");
	} else {
		*two = weir_src_bytes(src, k - 4);
	}
	return !src->code;
}

static const struct weir_serializer big_integer, big_decimal;

static bool take_number(const struct weir_type *t, struct weir_src *src, struct weir_slice *two, int32_t *scale)
{
	bool there = take_big(src, two);

	*scale = there && t->serializer == &big_decimal ? weir_src_i32(src) : 0;
	return there && !src->code;
}

static void skip_big(const struct weir_type *t, struct weir_src *src, bool tail)
{
	struct weir_slice two;
	int32_t scale;

	(void)tail;
	take_number(t, src, &two, &scale);
}

static void put_big(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct weir_slice two;
	int32_t scale;

	(void)tail;
	if (!take_number(t, src, &two, &scale)) {
		weir_buf_text(out, "null");
	} else if (two.len > WEIR__BIG_LIMIT) {
		weir__put_hex_json(out, two);
	} else {
		weir_buf_u8(out, '"');
		if (t->serializer == &big_decimal)
			weir__big_decimal_text(out, two, scale);
		else
			weir__big_text(out, two);
		weir_buf_u8(out, '"');
	}
}

static int parse_big(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct weir_buf text = { 0 }, two = { 0 };
	int32_t scale = 0;
	int code = 0;

	if (weir__json_word(j, "null")) {
		weir_buf_u32(out, 0);
		return 0;
	}
	if (weir__json_peek(j) == '"')
		code = weir__json_string(j, &text);
	else
		while (j->p < j->end && memchr("+-.eE0123456789", *j->p, 15))
			weir_buf_u8(&text, (uint8_t)*j->p++);
	if (!code && (!weir__big_parse((const char *)text.data, text.len, &two, &scale) || (t->serializer == &big_integer && scale)))
		code = two.code ? weir_error_set(j->err, two.code, "out of memory for a number")
				: weir__json_fail(j, t->serializer == &big_integer ? "a whole number" : "a decimal number");
	if (!code) {
		bool one_byte = two.len == 1;

		if (one_byte && (two.data[0] <= 1 || two.data[0] == 10)) {
			weir_buf_u32(out, two.data[0] == 10 ? 3 : two.data[0] + 1u);
		} else {
			weir_buf_u32(out, (uint32_t)two.len + 4);
			weir_buf_put(out, two.data, two.len);
		}
		if (t->serializer == &big_decimal)
			weir_buf_i32(out, scale);
	}
	weir_buf_fini(&text);
	weir_buf_fini(&two);
	return code;
}

/* BigInteger.hashCode(): over the words of the magnitude, times the sign. BigDecimal: times 31 plus the scale. */
static bool hash_big(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	struct weir_slice two;
	int32_t scale;
	uint32_t h = 0, word = 0;
	bool negative;
	unsigned carry;
	uint8_t magnitude[256];

	*out = 0;
	if (!take_number(t, src, &two, &scale))
		return !src->code;
	negative = two.len && two.ptr[0] & 0x80;
	if (two.len > sizeof(magnitude))
		return false;
	carry = negative;
	for (size_t i = two.len; i-- > 0;) {
		unsigned b = negative ? (~two.ptr[i] & 0xffu) + carry : two.ptr[i];

		magnitude[i] = (uint8_t)b;
		carry = negative ? b >> 8 : 0;
	}
	for (size_t i = 0; i < two.len; i++) {
		word = word << 8 | magnitude[i];
		if ((two.len - 1 - i) % 4 == 0) {
			h = 31 * h + word;
			word = 0;
		}
	}
	if (negative)
		h = 0 - h;
	*out = (int32_t)(t->serializer == &big_decimal ? 31 * h + (uint32_t)scale : h);
	return true;
}

static const struct weir_serializer big_integer = { .name = "BigInteger", .min = 4, .skip = skip_big, .put_json = put_big, .parse = parse_big, .text = true, .java_hash = hash_big };
static const struct weir_serializer big_decimal = { .name = "BigDecimal", .min = 4, .skip = skip_big, .put_json = put_big, .parse = parse_big, .text = true, .java_hash = hash_big };

/* ---- mutable values: shown as the object with its field ---- */

#define VALUE(variable, title, bytes, of) \
	static const struct value variable = { { .name = title, .min = bytes, .skip = skip_value, .put_json = put_value, .parse = parse_value, .length = length_value }, &(of) }

struct value {
	struct weir_serializer serializer; /* first */
	const struct weir_type *type;      /* what is inside; VOID: nothing */
};

static const struct value *value_of(const struct weir_type *t) { return (const struct value *)t->serializer; }

static void skip_value(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)tail;
	if (t->serializer->min)
		weir__value_skip(value_of(t)->type, src, false);
}

static void put_value(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)tail;
	weir_buf_printf(out, "{\"@\":\"org.apache.flink.types.%s\"", t->serializer->name);
	if (t->serializer->min) {
		weir_buf_text(out, ",\"value\":");
		weir__value_json(value_of(t)->type, src, false, out);
	}
	weir_buf_u8(out, '}');
}

static int parse_value(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	static const char *const names[] = { "value" };
	struct json_span span;
	struct json_in in;
	char title[64];
	int code;

	if (t->serializer->min && weir__json_peek(j) != '{') /* the value alone */
		return weir__value_parse(value_of(t)->type, j, out);
	snprintf(title, sizeof(title), "org.apache.flink.types.%s", t->serializer->name);
	code = weir__json_object(j, t->serializer->min != 0, names, title, &span);
	if (code || !t->serializer->min)
		return code;
	if (!span.p)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: a %s lacks \"value\"", t->serializer->name);
	in = (struct json_in){ j->start, span.p, span.end, j->err };
	return weir__value_parse(value_of(t)->type, &in, out);
}

static int length_value(const struct weir_type *t) { return (int)t->serializer->min; }

VALUE(boolean_value, "BooleanValue", 1, weir_boolean);
VALUE(byte_value, "ByteValue", 1, weir_int8);
VALUE(short_value, "ShortValue", 2, weir_int16);
VALUE(int_value, "IntValue", 4, weir_int32);
VALUE(long_value, "LongValue", 8, weir_int64);
VALUE(float_value, "FloatValue", 4, weir_float);
VALUE(double_value, "DoubleValue", 8, weir_double);
VALUE(char_value, "CharValue", 2, weir_char);
VALUE(null_value, "NullValue", 0, weir_void);

/* StringValue: varint of the length itself (no null), UTF-16 units. Shown as the object: its characters, length and hash, which is not computed yet. */
static void walk_string(struct weir_src *src, struct weir_buf *out)
{
	uint32_t n = weir_src_varint(src);

	if (!src->code && n > weir_src_left(src))
		weir_src_fail(src, WEIR_ECORRUPT, "a StringValue is longer than the data that follows");
	if (out)
		weir_buf_text(out, "{\"@\":\"org.apache.flink.types.StringValue\",\"value\":[");
	for (uint32_t i = 0; i < n && !src->code; i++) {
		uint32_t unit = weir_src_varint(src);
		struct weir_src one;
		uint8_t bytes[2] = { (uint8_t)(unit >> 8), (uint8_t)unit };

		if (unit > 0xffff)
			weir_src_fail(src, WEIR_ECORRUPT, "a character of a StringValue has more than 16 bits");
		one = weir_src_of((struct weir_slice){ bytes, 2 }, NULL, 0);
		if (out && i)
			weir_buf_u8(out, ',');
		if (out)
			weir__value_json(&weir_char, &one, false, out);
	}
	if (out)
		weir_buf_printf(out, "],\"len\":%u,\"hashCode\":0}", n);
}

static void skip_string(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)t, (void)tail;
	walk_string(src, NULL);
}

static void put_string(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)t, (void)tail;
	walk_string(src, out);
}

static const struct weir_serializer string_value = { .name = "StringValue", .min = 1, .skip = skip_string, .put_json = put_string };

#define ROW(X, s) { .name = BASE X "Serializer$" X "SerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
const struct weir__snapshot_class weir__serializers_number[] = {
	ROW("BigInt", big_integer),
	ROW("BigDec", big_decimal),
	ROW("BooleanValue", boolean_value.serializer),
	ROW("ByteValue", byte_value.serializer),
	ROW("ShortValue", short_value.serializer),
	ROW("IntValue", int_value.serializer),
	ROW("LongValue", long_value.serializer),
	ROW("FloatValue", float_value.serializer),
	ROW("DoubleValue", double_value.serializer),
	ROW("CharValue", char_value.serializer),
	ROW("NullValue", null_value.serializer),
	ROW("StringValue", string_value),
	{ .name = NULL },
};
