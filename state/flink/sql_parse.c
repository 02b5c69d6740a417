// SPDX-License-Identifier: Apache-2.0
/*
 * JSON -> SQL values, as sql_value.c shows them: images laid out as Flink's BinaryRowWriter and BinaryArrayWriter lay them out.
 *
 * Invariants
 *  1. What was shown, typed again, gives the same bytes, except for the order of map entries (shown sorted), for DECIMAL and TIMESTAMP nulls
 *     that generated code left a reserved part for, and for text that was not UTF-8.
 *  2. An image is built as slots and parts, joined at its end; so the number of elements need not be known before.
 * Pure. Recursion follows the type. May fail: malformed or unfitting text (WEIR_EPARSE with the offset in it), out of memory (in the buffer).
 */
#include "state/flink/sql_type.h"

#include "base/date.h"
#include "base/text.h"
#include "state/type/big_number.h"

#include <stdio.h>
#include <stdlib.h>

/* An image in the making. */
struct image {
	struct weir_buf head, slots, parts;
	struct weir_buf moved; /* u32 each: where in slots an offset into parts stands */
	uint32_t n;
	struct weir_buf nulls; /* u8 each */
};

static void image_fini(struct image *m)
{
	weir_buf_fini(&m->head);
	weir_buf_fini(&m->slots);
	weir_buf_fini(&m->parts);
	weir_buf_fini(&m->moved);
	weir_buf_fini(&m->nulls);
}

static void put_le(struct weir_buf *b, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		weir_buf_u8(b, (uint8_t)(v >> 8 * i));
}

static void pad8(struct weir_buf *b)
{
	while (b->len % 8 && !b->code)
		weir_buf_u8(b, 0);
}

/* A slot that names the part that follows: low half, offset. */
static void put_reference(struct image *m, uint32_t low)
{
	put_le(&m->moved, m->slots.len + 4, 4);
	put_le(&m->slots, low, 4);
	put_le(&m->slots, m->parts.len, 4);
}

static void put_part(struct image *m, struct weir_slice s)
{
	put_reference(m, (uint32_t)s.len);
	weir_buf_put_slice(&m->parts, s);
	pad8(&m->parts);
}

/* head is complete: join everything. */
static void join(struct image *m, struct weir_buf *out)
{
	uint32_t base;

	if (m->head.len)
		weir_buf_put_slice(out, weir_buf_slice(&m->head));
	while ((m->head.len + m->slots.len) % 8 && !m->slots.code)
		weir_buf_u8(&m->slots, 0);
	base = (uint32_t)(m->head.len + m->slots.len);
	for (size_t i = 0; i + 4 <= m->moved.len && !m->slots.code; i += 4) {
		uint32_t at, offset;

		memcpy(&at, m->moved.data + i, 4);
		memcpy(&offset, m->slots.data + at, 4);
		offset += base;
		memcpy(m->slots.data + at, &offset, 4);
	}
	weir_buf_put_slice(out, weir_buf_slice(&m->slots));
	weir_buf_put_slice(out, weir_buf_slice(&m->parts));
	if (m->head.code | m->slots.code | m->parts.code | m->moved.code | m->nulls.code)
		out->code = WEIR_ENOMEM;
}

/* ---- scalars ---- */

static int parse_text(struct json_in *j, struct weir_buf *text)
{
	int code = weir__json_string(j, text);

	return code ? code : text->code ? weir_error_set(j->err, WEIR_ENOMEM, "out of memory for a text") : 0;
}

static int parse_bytes(struct json_in *j, struct weir_buf *out)
{
	static const char *const names[] = { "hex" };
	struct json_span span;
	int code = weir__json_object(j, 1, names, NULL, &span);

	if (code)
		return code;
	if (!span.p || span.end - span.p < 2 || (span.end - span.p) % 2 || *span.p != '"')
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: bytes are written {\"hex\":\"01ff\"}, with pairs of hex digits");
	for (const char *p = span.p + 1; p + 1 < span.end; p += 2) {
		int high = weir_hex_digit(p[0]), low = weir_hex_digit(p[1]);

		if (high < 0 || low < 0)
			return weir_error_set(j->err, WEIR_EPARSE, "JSON: \"%.2s\" in \"hex\" is not a pair of hex digits", p);
		weir_buf_u8(out, (uint8_t)(high << 4 | low));
	}
	return 0;
}

/* The number in text as unscaled two's complement bytes of the type's scale. False: not a number, or too many digits. */
static bool decimal_of_text(const struct weir_buf *text, const struct weir__sql_type *t, struct weir_buf *unscaled)
{
	struct weir_buf least = { 0 }, digits = { 0 };
	int32_t scale = 0;
	bool fits = text->len && text->len < 200 && weir__big_parse((const char *)text->data, text->len, &least, &scale);
	size_t sign;

	weir__big_text(&digits, weir_buf_slice(&least));
	sign = digits.len && digits.data[0] == '-';
	if (digits.len - sign == 1 && digits.data[sign] == '0')
		scale = t->scale;
	for (; fits && scale > t->scale; scale--)
		fits = digits.len - sign > 1 && digits.data[--digits.len] == '0';
	for (; fits && scale < t->scale; scale++) {
		fits = digits.len - sign < (size_t)t->precision;
		weir_buf_u8(&digits, '0');
	}
	fits = fits && digits.len - sign <= (size_t)t->precision && weir__big_parse((const char *)digits.data, digits.len, unscaled, &scale);
	if (least.code | digits.code)
		unscaled->code = WEIR_ENOMEM;
	weir_buf_fini(&least);
	weir_buf_fini(&digits);
	return fits;
}

/* A decimal number, as text or bare. */
static int parse_decimal(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *unscaled)
{
	struct weir_buf text = { 0 };
	char expected[80];
	const char *at = j->p;
	int code = 0;

	snprintf(expected, sizeof(expected), "a number of at most %d digits, %d of them behind the point", t->precision, t->scale);
	if (weir__json_peek(j) == '"')
		code = parse_text(j, &text);
	else
		while (j->p < j->end && (memchr("+-.eE", *j->p, 5) || (*j->p >= '0' && *j->p <= '9')))
			weir_buf_u8(&text, (uint8_t)*j->p++);
	if (!code && !decimal_of_text(&text, t, unscaled)) {
		j->p = at;
		code = unscaled->code || text.code ? weir_error_set(j->err, WEIR_ENOMEM, "out of memory for a number") : weir__json_fail(j, expected);
	}
	weir_buf_fini(&text);
	return code;
}

static int64_t be_to_i64(struct weir_slice s)
{
	uint64_t v = s.len && s.ptr[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.ptr[i];
	return (int64_t)v;
}

/* LocalDateTime or Instant text, or milliseconds. */
static int parse_timestamp(struct json_in *j, const struct weir__sql_type *t, int64_t *ms, int32_t *nano_of_ms)
{
	struct weir_buf text = { 0 };
	int64_t seconds = 0;
	int32_t nanos = 0;
	char *blank;
	const char *at = j->p;
	int code;

	*nano_of_ms = 0;
	if (weir__json_peek(j) != '"')
		return weir__json_int(j, INT64_MIN, INT64_MAX, ms);
	code = parse_text(j, &text);
	if (code)
		goto out;
	blank = text.len ? memchr(text.data, ' ', text.len) : NULL;
	if (blank)
		*blank = 'T';
	if (!text.len || text.data[text.len - 1] != 'Z')
		weir_buf_u8(&text, 'Z');
	if (!weir__instant_parse((const char *)text.data, text.len, &seconds, &nanos) || (t->precision <= 3 && nanos % 1000000) ||
	    seconds >= INT64_MAX / 1000 || seconds < INT64_MIN / 1000) {
		j->p = at;
		code = weir__json_fail(j, t->precision <= 3 ? "a time like 2001-01-31T23:59:59.999" : "a time like 2001-01-31T23:59:59.999999999");
	} else {
		*ms = seconds * 1000 + nanos / 1000000;
	}
	*nano_of_ms = nanos % 1000000;
out:
	weir_buf_fini(&text);
	return code;
}

static bool take_number(const char **p, const char *end, int max_digits, int64_t *out)
{
	int n = 0;

	for (*out = 0; *p < end && **p >= '0' && **p <= '9' && n < max_digits; n++)
		*out = *out * 10 + (*(*p)++ - '0');
	return n > 0;
}

static bool take_char(const char **p, const char *end, char c)
{
	return *p < end && **p == c && (*p)++;
}

/* 2001-12-31 */
static bool date_of_text(const char *p, const char *end, int32_t *out)
{
	bool minus = take_char(&p, end, '-') || (take_char(&p, end, '+'), false);
	int64_t year, month, day, days;

	if (!take_number(&p, end, 10, &year) || !take_char(&p, end, '-') || !take_number(&p, end, 2, &month) || !take_char(&p, end, '-') || !take_number(&p, end, 2, &day) || p != end)
		return false;
	year = minus ? -year : year;
	if (!weir_date_exists(year, month, day))
		return false;
	days = weir_days_of_date(year, (int)month, (int)day);
	*out = (int32_t)days;
	return days >= INT32_MIN && days <= INT32_MAX;
}

/* 23:59, 23:59:58, 23:59:58.123 */
static bool time_of_text(const char *p, const char *end, int32_t *out)
{
	int64_t hour, minute, second = 0, ms = 0;

	if (!take_number(&p, end, 2, &hour) || !take_char(&p, end, ':') || !take_number(&p, end, 2, &minute))
		return false;
	if (take_char(&p, end, ':') && !take_number(&p, end, 2, &second))
		return false;
	if (take_char(&p, end, '.')) {
		const char *from = p;

		if (!take_number(&p, end, 3, &ms))
			return false;
		for (long n = p - from; n < 3; n++)
			ms *= 10;
	}
	*out = (int32_t)(((hour * 60 + minute) * 60 + second) * 1000 + ms);
	return p == end && hour < 24 && minute < 60 && second < 60;
}

/* The parts of a java.time.Period (years and months) or Duration (hours to seconds), added up in units of the last: P2Y1M, PT-1H-0.5S. */
static bool interval_of_text(const char *p, const char *end, bool months, int64_t *out)
{
	const struct { char unit; int64_t worth; } units[] = { { months ? 'Y' : 'H', months ? 12 : 3600000 }, { 'M', months ? 1 : 60000 }, { months ? 'D' : 'S', months ? 0 : 1000 } };
	size_t next = 0;

	*out = 0;
	if (!take_char(&p, end, 'P') || (!months && !take_char(&p, end, 'T')) || p == end)
		return false;
	while (p < end) {
		bool minus = take_char(&p, end, '-');
		int64_t v, ms = 0;

		if (!take_number(&p, end, 15, &v))
			return false;
		if (!months && take_char(&p, end, '.')) {
			const char *from = p;

			if (!take_number(&p, end, 3, &ms))
				return false;
			for (long n = p - from; n < 3; n++)
				ms *= 10;
		}
		while (next < 3 && p < end && units[next].unit != *p)
			next++;
		if (next == 3 || p == end || (ms && next < 2) || (months && next == 2 && v) || v > INT64_MAX / 4 / 3600000)
			return false;
		v = v * units[next++].worth + ms;
		*out += minus ? -v : v;
		p++;
	}
	return !months || (*out >= INT32_MIN && *out <= INT32_MAX);
}

static int parse_interval(struct json_in *j, bool months, int64_t *out)
{
	struct weir_buf text = { 0 };
	const char *at = j->p;
	int code;

	if (weir__json_peek(j) != '"')
		return weir__json_int(j, months ? INT32_MIN : INT64_MIN, months ? INT32_MAX : INT64_MAX, out);
	code = parse_text(j, &text);
	if (!code && (!text.len || !interval_of_text((const char *)text.data, (const char *)text.data + text.len, months, out))) {
		j->p = at;
		code = weir__json_fail(j, months ? "a number of months, or a period like P2Y1M" : "a number of milliseconds, or a duration like PT25H1M1.001S");
	}
	weir_buf_fini(&text);
	return code;
}

/* INT and what is stored as one: a number, or the text that a java.time value has. */
static int parse_int(struct json_in *j, const struct weir__sql_type *t, int64_t *out)
{
	struct weir_buf text = { 0 };
	const char *at = j->p;
	int32_t v = 0;
	bool fits = false;
	int code;

	if (weir__json_peek(j) != '"' || (t->root != SQL_DATE && t->root != SQL_TIME))
		return weir__json_int(j, INT32_MIN, INT32_MAX, out);
	code = parse_text(j, &text);
	if (!code) {
		const char *p = text.data ? (const char *)text.data : "";

		fits = t->root == SQL_DATE ? date_of_text(p, p + text.len, &v) : time_of_text(p, p + text.len, &v);
	}
	weir_buf_fini(&text);
	if (!code && !fits) {
		j->p = at;
		code = weir__json_fail(j, t->root == SQL_DATE ? "a date like 2001-12-31, or days since 1970" : "a time like 23:59:58.123, or milliseconds of the day");
	}
	*out = v;
	return code;
}

/* Whole numbers of every width. */
static int parse_whole(struct json_in *j, const struct weir__sql_type *t, int64_t *out)
{
	switch (t->root) {
	case SQL_TINYINT: return weir__json_int(j, INT8_MIN, INT8_MAX, out);
	case SQL_SMALLINT: return weir__json_int(j, INT16_MIN, INT16_MAX, out);
	case SQL_BIGINT: return weir__json_int(j, INT64_MIN, INT64_MAX, out);
	case SQL_INTERVAL_DAY_TIME:
	case SQL_INTERVAL_YEAR_MONTH: return parse_interval(j, t->root == SQL_INTERVAL_YEAR_MONTH, out);
	case SQL_BOOLEAN:
		*out = weir__json_word(j, "true");
		return *out || weir__json_word(j, "false") ? 0 : weir__json_fail(j, "true or false");
	default: return parse_int(j, t, out);
	}
}

static int parse_floating(struct json_in *j, const struct weir__sql_type *t, int64_t *out_bits)
{
	struct weir_buf b = { 0 };
	struct weir_src src;
	double d;
	int code = weir__json_float(j, t->root == SQL_FLOAT, &d);

	if (code)
		return code;
	if (t->root == SQL_FLOAT)
		weir_buf_f32(&b, (float)d);
	else
		weir_buf_f64(&b, d);
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	*out_bits = t->root == SQL_FLOAT ? (int64_t)weir_src_u32(&src) : weir_src_i64(&src);
	if (b.code)
		code = weir_error_set(j->err, WEIR_ENOMEM, "out of memory for a number");
	weir_buf_fini(&b);
	return code;
}

static int parse_scalar(struct json_in *j, const struct weir__sql_type *t, int64_t *bits)
{
	return t->root == SQL_FLOAT || t->root == SQL_DOUBLE ? parse_floating(j, t, bits) : parse_whole(j, t, bits);
}

/* ---- images ---- */

static int parse_array(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out);
static int parse_map(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out);
static int parse_row(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out);

/* What lies in an image as bytes: text, bytes, nested images, RAW. */
static int parse_part(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out)
{
	switch (t->root) {
	case SQL_CHAR:
	case SQL_VARCHAR: return parse_text(j, out);
	case SQL_BINARY:
	case SQL_VARBINARY: return parse_bytes(j, out);
	case SQL_ARRAY: return parse_array(j, t, out);
	case SQL_MULTISET:
	case SQL_MAP: return parse_map(j, t, out);
	case SQL_ROW:
	case SQL_STRUCTURED: return parse_row(j, t, out);
	case SQL_RAW: return t->raw && !(t->raw->flags & WEIR_TYPE_OPAQUE) ? weir__value_parse(t->raw, j, out) : parse_bytes(j, out);
	case SQL_VARIANT: return weir_error_set(j->err, WEIR_EUNSUPPORTED, "values of type VARIANT cannot be typed");
	default: return parse_bytes(j, out);
	}
}

static int parse_slot_timestamp(struct json_in *j, const struct weir__sql_type *t, struct image *m)
{
	int64_t ms;
	int32_t nanos;
	int code = parse_timestamp(j, t, &ms, &nanos);

	if (code)
		return code;
	if (t->precision <= 3) {
		put_le(&m->slots, (uint64_t)ms, 8);
		return 0;
	}
	put_reference(m, (uint32_t)nanos);
	put_le(&m->parts, (uint64_t)ms, 8);
	return 0;
}

static int parse_slot_decimal(struct json_in *j, const struct weir__sql_type *t, struct image *m)
{
	struct weir_buf unscaled = { 0 };
	int code = parse_decimal(j, t, &unscaled);

	if (!code && t->precision <= 18) {
		put_le(&m->slots, (uint64_t)be_to_i64(weir_buf_slice(&unscaled)), 8);
	} else if (!code) {
		size_t end;

		put_part(m, weir_buf_slice(&unscaled));
		end = m->parts.len - (unscaled.len + 7) / 8 * 8 + 16; /* sixteen bytes whatever the size */
		while (m->parts.len < end && !m->parts.code)
			weir_buf_u8(&m->parts, 0);
	}
	weir_buf_fini(&unscaled);
	return code;
}

static int parse_slot_part(struct json_in *j, const struct weir__sql_type *t, struct image *m)
{
	bool may_be_short = t->root == SQL_CHAR || t->root == SQL_VARCHAR || t->root == SQL_BINARY || t->root == SQL_VARBINARY;
	struct weir_buf part = { 0 };
	int code = parse_part(j, t, &part);

	if (!code && part.code)
		code = weir_error_set(j->err, WEIR_ENOMEM, "out of memory for a value");
	if (!code && may_be_short && part.len <= 7) {
		weir_buf_put_slice(&m->slots, weir_buf_slice(&part));
		put_le(&m->slots, 0, 7 - (unsigned)part.len);
		weir_buf_u8(&m->slots, (uint8_t)(0x80 | part.len));
	} else if (!code) {
		put_part(m, weir_buf_slice(&part));
	}
	weir_buf_fini(&part);
	return code;
}

/* One field or element; width: of a slot (8 in rows). */
static int parse_slot(struct json_in *j, const struct weir__sql_type *t, unsigned width, struct image *m)
{
	bool null = weir__json_word(j, "null");
	int64_t bits = 0;
	int code = 0;

	t = weir__sql_resolved(t);
	weir_buf_u8(&m->nulls, null);
	m->n++;
	if (null)
		put_le(&m->slots, 0, width);
	else if (weir__sql_scalar_bytes(t)) {
		code = parse_scalar(j, t, &bits);
		put_le(&m->slots, (uint64_t)bits & (weir__sql_scalar_bytes(t) == 8 ? UINT64_MAX : (1ull << 8 * weir__sql_scalar_bytes(t)) - 1), width);
	} else if (t->root == SQL_DECIMAL)
		code = parse_slot_decimal(j, t, m);
	else if (t->root == SQL_TIMESTAMP || t->root == SQL_TIMESTAMP_LTZ || t->root == SQL_TIMESTAMP_TZ)
		code = parse_slot_timestamp(j, t, m);
	else
		code = parse_slot_part(j, t, m);
	if (!code && m->parts.len + m->slots.len > INT32_MAX / 2)
		code = weir_error_set(j->err, WEIR_EPARSE, "JSON: a SQL value is larger than a gigabyte");
	return code;
}

/* Null bits, low bit first, from bit `first` of the head on. */
static void put_nulls(struct image *m, size_t head_bytes, uint32_t first)
{
	size_t at = m->head.len;

	for (size_t i = 0; i < head_bytes; i++)
		weir_buf_u8(&m->head, 0);
	for (uint32_t i = 0; i < m->n && !m->head.code && !m->nulls.code; i++)
		m->head.data[at + (first + i) / 8] |= (uint8_t)(m->nulls.data[i] << (first + i) % 8);
}

static void finish_array(struct image *m, struct weir_buf *out)
{
	put_le(&m->head, m->n, 4);
	put_nulls(m, (m->n + (size_t)31) / 32 * 4, 0);
	join(m, out);
}

static int parse_array(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out)
{
	struct image m = { .n = 0 };
	int code = weir__json_expect(j, '[');
	bool done = !code && weir__json_take(j, ']');

	while (!code && !done) {
		code = parse_slot(j, t->parts[0], weir__sql_element_bytes(t->parts[0]), &m);
		if (!code) {
			done = weir__json_take(j, ']');
			code = done ? 0 : weir__json_expect(j, ',');
		}
	}
	if (!code)
		finish_array(&m, out);
	image_fini(&m);
	return code;
}

/* [[key,value],..] */
static int parse_map(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out)
{
	static const struct weir__sql_type times = { .root = SQL_INTEGER };
	const struct weir__sql_type *value = t->root == SQL_MULTISET ? &times : t->parts[1];
	struct image keys = { .n = 0 }, values = { .n = 0 };
	struct weir_buf key_array = { 0 };
	int code = weir__json_expect(j, '[');
	bool done = !code && weir__json_take(j, ']');

	while (!code && !done) {
		code = weir__json_expect(j, '[');
		if (!code)
			code = parse_slot(j, t->parts[0], weir__sql_element_bytes(t->parts[0]), &keys);
		if (!code)
			code = weir__json_expect(j, ',');
		if (!code)
			code = parse_slot(j, value, weir__sql_element_bytes(value), &values);
		if (!code)
			code = weir__json_expect(j, ']');
		if (!code) {
			done = weir__json_take(j, ']');
			code = done ? 0 : weir__json_expect(j, ',');
		}
	}
	if (!code) {
		finish_array(&keys, &key_array);
		put_le(out, key_array.len, 4);
		weir_buf_put_slice(out, weir_buf_slice(&key_array));
		if (key_array.code)
			out->code = key_array.code;
		finish_array(&values, out);
	}
	weir_buf_fini(&key_array);
	image_fini(&keys);
	image_fini(&values);
	return code;
}

/* Fields as [..]. */
static int parse_fields(struct json_in *j, const struct weir__sql_type *t, uint8_t kind, struct weir_buf *out)
{
	struct image m = { .n = 0 };
	int code = weir__json_expect(j, '[');

	for (uint32_t i = 0; i < t->n && !code; i++) {
		if (i)
			code = weir__json_expect(j, ',');
		if (!code)
			code = parse_slot(j, t->parts[i], 8, &m);
	}
	if (!code)
		code = weir__json_expect(j, ']');
	if (!code) {
		put_nulls(&m, (t->n + (size_t)63 + 8) / 64 * 8, 8);
		if (!m.head.code)
			m.head.data[0] = kind;
		join(&m, out);
	}
	image_fini(&m);
	return code;
}

/* {"@":class,"name":..} of a structured type. */
static int parse_structured(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out)
{
	struct json_span *spans = calloc(t->n + (size_t)1, sizeof(*spans));
	struct image m = { .n = 0 };
	struct json_in saved;
	int code = spans ? weir__json_object(j, t->n, t->names, t->class_name ? t->class_name : "", spans)
			 : weir_error_set(j->err, WEIR_ENOMEM, "out of memory for a structured value");

	saved = *j;
	for (uint32_t i = 0; i < t->n && !code; i++) {
		j->p = spans[i].p ? spans[i].p : "null";
		j->end = spans[i].p ? spans[i].end : j->p + 4;
		code = parse_slot(j, t->parts[i], 8, &m);
		if (!code && weir__json_peek(j))
			code = weir__json_fail(j, "the end of the field");
		*j = saved;
	}
	if (!code) {
		put_nulls(&m, (t->n + (size_t)63 + 8) / 64 * 8, 8);
		join(&m, out);
	}
	image_fini(&m);
	free(spans);
	return code;
}

/* {"row":"+I","f":[..]}; the fields alone for +I; for a single field its value alone, unless that is an object or array. */
static int parse_row(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out)
{
	static const char *const names[] = { "row", "f" }, *const kinds[] = { "\"+I\"", "\"-U\"", "\"+U\"", "\"-D\"" };
	struct json_span spans[2];
	struct json_in saved;
	uint8_t kind = 0;
	char c = weir__json_peek(j);
	int code;

	if (c == '[')
		return parse_fields(j, t, 0, out);
	if (c != '{' && t->n == 1) {
		struct image m = { .n = 0 };

		code = parse_slot(j, t->parts[0], 8, &m);
		if (!code) {
			put_nulls(&m, 8, 8);
			join(&m, out);
		}
		image_fini(&m);
		return code;
	}
	if (t->external == SQL_POJO && t->names)
		return parse_structured(j, t, out);
	code = weir__json_object(j, 2, names, NULL, spans);
	if (code)
		return code;
	if (!spans[1].p)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: a row lacks \"f\", its fields: {\"row\":\"+I\",\"f\":[..]}");
	while (spans[0].p && kind < 4 && (spans[0].end - spans[0].p != 4 || memcmp(spans[0].p, kinds[kind], 4) != 0))
		kind++;
	if (kind == 4)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: a row kind is one of +I, -U, +U, -D");
	saved = *j;
	j->p = spans[1].p;
	j->end = spans[1].end;
	code = parse_fields(j, t, kind, out);
	if (!code && weir__json_peek(j))
		code = weir__json_fail(j, "the end of the row");
	*j = saved;
	return code;
}

/* ---- what the internal serializers write ---- */

static void put_be(struct weir_buf *out, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i > 0; i--)
		weir_buf_u8(out, (uint8_t)(v >> 8 * (i - 1)));
}

static int parse_sized(struct json_in *j, const struct weir__sql_type *t, struct weir_buf *out)
{
	size_t at = out->len;
	int code;

	weir_buf_u32(out, 0);
	code = parse_part(j, t, out);
	if (!code && out->len - at - 4 > INT32_MAX)
		code = weir_error_set(j->err, WEIR_EPARSE, "JSON: a SQL value is larger than two gigabytes");
	if (!out->code)
		weir_buf_patch_u32(out, at, (uint32_t)(out->len - at - 4));
	return code;
}

int weir__sql_value_parse(const struct weir__sql_type *t, struct json_in *j, struct weir_buf *out)
{
	struct weir_buf unscaled = { 0 };
	int64_t bits = 0;
	int32_t nanos;
	int code;

	t = weir__sql_resolved(t);
	if (weir__sql_scalar_bytes(t)) {
		code = parse_scalar(j, t, &bits);
		put_be(out, (uint64_t)bits, weir__sql_scalar_bytes(t));
		return code;
	}
	switch (t->root) {
	case SQL_DECIMAL:
		code = parse_decimal(j, t, &unscaled);
		if (t->precision <= 18) {
			put_be(out, (uint64_t)be_to_i64(weir_buf_slice(&unscaled)), 8);
		} else {
			weir_buf_u32(out, (uint32_t)unscaled.len);
			weir_buf_put_slice(out, weir_buf_slice(&unscaled));
		}
		weir_buf_fini(&unscaled);
		return code;
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMP_TZ:
	case SQL_TIMESTAMP_LTZ:
		code = parse_timestamp(j, t, &bits, &nanos);
		put_be(out, (uint64_t)bits, 8);
		if (t->precision > 3)
			weir_buf_i32(out, nanos);
		return code;
	case SQL_NULL:
		weir_buf_u8(out, 0);
		return weir__json_word(j, "null") ? 0 : weir__json_fail(j, "null");
	default: return parse_sized(j, t, out);
	}
}
