// SPDX-License-Identifier: Apache-2.0
/*
 * SQL values: the images of BinaryRowData, BinaryArrayData and BinaryMapData, and what the other internal serializers write, checked and
 * shown as JSON.
 *
 * Invariants
 *  1. One walk both checks and shows (out = NULL only checks), so stepping over and showing accept the same values.
 *  2. Images are in the byte order of x86 and ARM (Flink writes that of its JVM), sizes in front of them big endian.
 *  3. The parts that an image points to lie inside it and together are not larger than it, so work is linear in its bytes times the depth
 *     of the type, whatever its offsets say. Flink writes its parts one behind the other.
 *  4. Null bits rule: what else lies in the slot of a null is not looked at.
 * Pure. Recursion follows the type.
 */
#include "state/flink/sql_type.h"

#include "base/date.h"
#include "base/json.h"
#include "state/type/big_number.h"

#include <stdio.h>
#include <stdlib.h>

struct image {
	const uint8_t *p;
	uint32_t size, fixed; /* parts lie behind the fixed part */
	uint64_t used;        /* by parts, so far */
	struct weir_src *src;
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static void bad_at(const struct image *m, const uint8_t *p, const char *what)
{
	if (!m->src->code)
		m->src->p = p;
	weir_src_fail(m->src, WEIR_ECORRUPT, what);
}

/* ---- texts; out may be NULL everywhere ---- */

static void put_text(struct weir_buf *out, const char *text)
{
	if (out)
		weir_buf_text(out, text);
}

/* Bytes that should be UTF-8; Java shows what is not as U+FFFD, one for each part that could not be the start of a character. */
static void put_utf8(struct weir_buf *out, struct weir_slice s)
{
	struct weir_buf fixed = { 0 };
	size_t bad, at = 0;

	if (!out)
		return;
	while (at < s.len && weir__utf8_units((const char *)s.ptr + at, s.len - at, &bad) < 0) {
		const uint8_t *p = s.ptr + at + bad;
		size_t left = s.len - at - bad, n = 1, want = p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : 1;

		weir_buf_put(&fixed, s.ptr + at, bad);
		weir_buf_text(&fixed, "\xef\xbf\xbd");
		if (want > 1 && left > 1 && p[1] >= (p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80) && p[1] <= (p[0] == 0xf4 ? 0x8f : 0xbf))
			for (n = 2; n < want && n < left && p[n] >> 6 == 2;)
				n++;
		at += bad + n;
	}
	weir_buf_put(&fixed, s.ptr + at, s.len - at);
	if (fixed.code)
		out->code = fixed.code;
	weir_json_str(out, fixed.data ? (const char *)fixed.data : "", fixed.len);
	weir_buf_fini(&fixed);
}

/* BigDecimal of big-endian two's complement bytes. DecimalData shows without an exponent, BigDecimal with one where Java has one. */
static void put_decimal(struct weir_buf *out, const uint8_t *p, size_t len, const struct weir__sql_type *t)
{
	struct weir_buf text = { 0 };
	size_t sign, n, scale = (size_t)t->scale;

	if (!out)
		return;
	weir_buf_u8(out, '"');
	if (t->external == SQL_BIG_DECIMAL) {
		weir__big_decimal_text(out, (struct weir_slice){ p, len }, t->scale);
	} else {
		weir__big_text(&text, (struct weir_slice){ p, len });
		sign = text.len && text.data[0] == '-';
		n = text.len - sign;
		weir_buf_put(out, text.data, sign);
		if (n <= scale)
			weir_buf_u8(out, '0');
		weir_buf_put(out, text.data + sign, n > scale ? n - scale : 0);
		if (scale)
			weir_buf_u8(out, '.');
		for (size_t i = n; i < scale; i++)
			weir_buf_u8(out, '0');
		weir_buf_put(out, text.data + sign + (n > scale ? n - scale : 0), n > scale ? scale : n);
		if (text.code)
			out->code = text.code;
		weir_buf_fini(&text);
	}
	weir_buf_u8(out, '"');
}

static void put_decimal_i64(struct weir_buf *out, uint64_t v, const struct weir__sql_type *t)
{
	uint8_t be[8];

	v = __builtin_bswap64(v);
	memcpy(be, &v, 8);
	put_decimal(out, be, 8, t);
}

/* LocalDateTime.toString, or as the job sees it. */
static void put_timestamp(struct weir_buf *out, const struct weir__sql_type *t, int64_t ms, int32_t nano_of_ms)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	int32_t nanos = (int32_t)((ms % 1000 + 1000) % 1000) * 1000000 + nano_of_ms;
	struct weir_buf text = { 0 };

	if (!out)
		return;
	weir__instant_text(&text, seconds, nanos);
	if (text.len < 20) { /* out of memory */
		out->code = text.code;
		return;
	}
	if (t->external == SQL_JAVA_SQL) { /* 2001-12-31 23:59:58.5 */
		bool fraction = nanos != 0;

		*(char *)memchr(text.data, 'T', text.len) = ' ';
		text.len--;
		while (fraction && text.data[text.len - 1] == '0')
			text.len--;
		weir_buf_text(&text, fraction ? "" : ".0");
	} else if (t->external != SQL_JAVA_TIME || t->root != SQL_TIMESTAMP_LTZ) {
		text.len--; /* the Z */
		if (!nanos && memcmp(text.data + text.len - 3, ":00", 3) == 0)
			text.len -= 3;
	}
	weir_buf_u8(out, '"');
	weir_buf_put_slice(out, weir_buf_slice(&text));
	weir_buf_u8(out, '"');
	weir_buf_fini(&text);
}

static void put_date(struct weir_buf *out, int32_t days)
{
	int64_t year;
	int month, day;

	weir_date_of_days(days, &year, &month, &day);
	weir_buf_printf(out, "\"%s%0*lld-%02d-%02d\"", year > 9999 ? "+" : "", year < 0 ? 5 : 4, (long long)year, month, day);
}

static void put_time(struct weir_buf *out, int32_t ms, bool seconds)
{
	weir_buf_printf(out, "\"%02d:%02d", ms / 3600000, ms / 60000 % 60);
	if (seconds || ms % 60000)
		weir_buf_printf(out, ":%02d", ms / 1000 % 60);
	if (!seconds && ms % 1000)
		weir_buf_printf(out, ".%03d", ms % 1000);
	weir_buf_u8(out, '"');
}

/* java.time.Period of months, as Flink makes it: years and months. */
static void put_period(struct weir_buf *out, int32_t months)
{
	int32_t years = months / 12, rest = months % 12;

	weir_buf_text(out, "\"P");
	if (years)
		weir_buf_printf(out, "%dY", years);
	if (rest)
		weir_buf_printf(out, "%dM", rest);
	weir_buf_text(out, months ? "\"" : "0D\"");
}

/* java.time.Duration.toString. */
static void put_duration(struct weir_buf *out, int64_t ms)
{
	int64_t seconds = ms / 1000, hours, minutes, fraction = ms % 1000;

	hours = seconds / 3600;
	minutes = seconds / 60 % 60;
	seconds %= 60;
	weir_buf_text(out, "\"PT");
	if (hours)
		weir_buf_printf(out, "%lldH", (long long)hours);
	if (minutes)
		weir_buf_printf(out, "%lldM", (long long)minutes);
	if (seconds || fraction || !ms) {
		weir_buf_printf(out, "%s%lld", ms < 0 && !seconds && fraction ? "-" : "", (long long)seconds);
		if (fraction) {
			char digits[8];
			int n = snprintf(digits, sizeof(digits), "%03d", (int)(fraction < 0 ? -fraction : fraction));

			while (n > 1 && digits[n - 1] == '0')
				digits[--n] = 0;
			weir_buf_printf(out, ".%s", digits);
		}
		weir_buf_u8(out, 'S');
	}
	weir_buf_u8(out, '"');
}

/* INT and what is stored as one. */
static void put_int(struct weir_buf *out, const struct weir__sql_type *t, int32_t v)
{
	bool outside = t->external == SQL_JAVA_TIME || t->external == SQL_JAVA_SQL;

	if (!out)
		return;
	if (t->root == SQL_DATE && outside)
		put_date(out, v);
	else if (t->root == SQL_TIME && outside && v >= 0 && v < 86400000)
		put_time(out, v, t->external == SQL_JAVA_SQL);
	else if (t->root == SQL_INTERVAL_YEAR_MONTH && outside)
		put_period(out, v);
	else
		weir_json_i64(out, v);
}

static void put_long(struct weir_buf *out, const struct weir__sql_type *t, int64_t v)
{
	if (!out)
		return;
	if (t->root == SQL_INTERVAL_DAY_TIME && t->external == SQL_JAVA_TIME)
		put_duration(out, v);
	else
		weir_json_i64(out, v);
}

static void put_raw(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *outer, struct weir_buf *out)
{
	struct weir_src src = { .base = outer->base, .p = s.ptr, .end = s.ptr + s.len, .origin = outer->origin, .path = outer->path };
	size_t at = out ? out->len : 0;

	if (t->raw && !(t->raw->flags & WEIR_TYPE_OPAQUE)) {
		if (out)
			weir__value_json(t->raw, &src, true, out);
		else
			weir__value_skip(t->raw, &src, true);
		if (!src.code)
			weir_src_end(&src, "the object of a RAW value is shorter than its bytes");
		if (src.code != WEIR_ENOTYPE) {
			if (src.code && !outer->code) {
				outer->p = s.ptr;
				weir_src_fail(outer, src.code, src.what);
			}
			return;
		}
	}
	if (out) {
		out->len = at;
		weir__put_hex_json(out, s);
	}
}

/* ---- images ---- */

static void walk_array(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *src, struct weir_buf *out);
static void walk_map(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *src, struct weir_buf *out);
static void walk_row(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *src, struct weir_buf *out);

/* A part of the image. */
static struct weir_slice part_of(struct image *m, const uint8_t *slot, uint32_t size, uint32_t offset)
{
	if (offset < m->fixed || offset > m->size || size > m->size - offset)
		bad_at(m, slot, "a part of a binary row or array lies outside of it");
	m->used += size;
	if (m->used > m->size)
		bad_at(m, slot, "the parts of a binary row or array are larger than it");
	return m->src->code ? (struct weir_slice){ slot, 0 } : (struct weir_slice){ m->p + offset, size };
}

/* Text and bytes of up to seven may lie in the slot. */
static struct weir_slice short_part(struct image *m, const uint8_t *slot)
{
	uint32_t n = slot[7] & 0x7f;

	if (!(slot[7] & 0x80))
		return part_of(m, slot, le32(slot), le32(slot + 4));
	if (n > 7)
		bad_at(m, slot, "text inside a slot of a binary row or array is longer than seven bytes");
	return (struct weir_slice){ slot, n > 7 ? 0 : n };
}

static void put_slot_decimal(const struct weir__sql_type *t, struct image *m, const uint8_t *slot, struct weir_buf *out)
{
	struct weir_slice s;

	if (t->precision <= 18) {
		put_decimal_i64(out, le64(slot), t);
		return;
	}
	s = part_of(m, slot, le32(slot), le32(slot + 4));
	if (!m->src->code && (s.len < 1 || s.len > 16))
		bad_at(m, slot, "a DECIMAL does not have 1 to 16 bytes");
	if (!m->src->code)
		put_decimal(out, s.ptr, s.len, t);
}

static void put_slot_timestamp(const struct weir__sql_type *t, struct image *m, const uint8_t *slot, struct weir_buf *out)
{
	struct weir_slice s;

	if (t->precision <= 3) {
		put_timestamp(out, t, (int64_t)le64(slot), 0);
		return;
	}
	s = part_of(m, slot, 8, le32(slot + 4));
	if (le32(slot) > 999999)
		bad_at(m, slot, "the nanoseconds of a TIMESTAMP are not below a millisecond");
	if (!m->src->code)
		put_timestamp(out, t, (int64_t)le64(s.ptr), (int32_t)le32(slot));
}

/* VARIANT: i32 length of the metadata, metadata, value. Shown as the standalone serializer's Java object shows. */
static void put_variant(struct image *m, const uint8_t *slot, struct weir_slice s, struct weir_buf *out)
{
	uint32_t n = s.len >= 4 ? weir_be32(s.ptr) : 0;

	if (!m->src->code && (s.len < 4 || n > s.len - 4))
		bad_at(m, slot, "the metadata of a VARIANT is longer than the VARIANT");
	if (m->src->code || !out)
		return;
	weir_buf_text(out, "{\"@\":\"org.apache.flink.types.variant.BinaryVariant\",\"value\":");
	weir__put_hex_json(out, (struct weir_slice){ s.ptr + 4 + n, s.len - 4 - n });
	weir_buf_text(out, ",\"metadata\":");
	weir__put_hex_json(out, (struct weir_slice){ s.ptr + 4, n });
	weir_buf_text(out, ",\"pos\":0}");
}

static void walk_slot(const struct weir__sql_type *t, struct image *m, const uint8_t *slot, struct weir_buf *out)
{
	struct weir_slice s;

	t = weir__sql_resolved(t);
	switch (t->root) {
	case SQL_BOOLEAN:
		if (*slot > 1)
			bad_at(m, slot, "a BOOLEAN is neither 0 nor 1");
		put_text(out, *slot ? "true" : "false");
		return;
	case SQL_TINYINT: put_long(out, t, (int8_t)*slot); return;
	case SQL_SMALLINT: put_long(out, t, (int16_t)(slot[0] | slot[1] << 8)); return;
	case SQL_INTEGER:
	case SQL_DATE:
	case SQL_TIME:
	case SQL_INTERVAL_YEAR_MONTH: put_int(out, t, (int32_t)le32(slot)); return;
	case SQL_BIGINT:
	case SQL_INTERVAL_DAY_TIME: put_long(out, t, (int64_t)le64(slot)); return;
	case SQL_FLOAT:
		if (out)
			weir_json_f32(out, (union { uint32_t u; float f; }){ le32(slot) }.f);
		return;
	case SQL_DOUBLE:
		if (out)
			weir_json_f64(out, (union { uint64_t u; double d; }){ le64(slot) }.d);
		return;
	case SQL_DECIMAL: put_slot_decimal(t, m, slot, out); return;
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMP_TZ:
	case SQL_TIMESTAMP_LTZ: put_slot_timestamp(t, m, slot, out); return;
	case SQL_CHAR:
	case SQL_VARCHAR:
		s = short_part(m, slot);
		if (!m->src->code)
			put_utf8(out, s);
		return;
	case SQL_BINARY:
	case SQL_VARBINARY:
		s = short_part(m, slot);
		if (out)
			weir__put_hex_json(out, s);
		return;
	default: break;
	}
	s = part_of(m, slot, le32(slot), le32(slot + 4));
	if (m->src->code)
		return;
	switch (t->root) {
	case SQL_ARRAY: walk_array(t, s, m->src, out); return;
	case SQL_MULTISET:
	case SQL_MAP: walk_map(t, s, m->src, out); return;
	case SQL_ROW:
	case SQL_STRUCTURED: walk_row(t, s, m->src, out); return;
	case SQL_VARIANT: put_variant(m, slot, s, out); return;
	case SQL_RAW: put_raw(t, s, m->src, out); return;
	default:
		if (out)
			weir__put_hex_json(out, s);
	}
}

/* n elements of a size: checked, then found by slot_at. */
static struct image array_image(const struct weir__sql_type *element, struct weir_slice s, struct weir_src *src, uint32_t *n)
{
	struct image m = { .p = s.ptr, .size = (uint32_t)s.len, .src = src };
	uint64_t need;

	*n = s.len >= 4 ? le32(s.ptr) : UINT32_MAX;
	need = 4 + ((uint64_t)*n + 31) / 32 * 4 + (uint64_t)*n * weir__sql_element_bytes(element);
	if (s.len < 4 || need > s.len) {
		bad_at(&m, s.ptr, "a binary array has more elements than bytes");
		*n = 0;
	}
	m.fixed = src->code ? 0 : (uint32_t)need;
	return m;
}

static void walk_element(const struct weir__sql_type *element, struct image *m, uint32_t n, uint32_t i, struct weir_buf *out)
{
	if (m->p[4 + i / 8] >> i % 8 & 1)
		put_text(out, "null");
	else
		walk_slot(element, m, m->p + 4 + (n + (size_t)31) / 32 * 4 + (size_t)i * weir__sql_element_bytes(element), out);
}

static void walk_array(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *src, struct weir_buf *out)
{
	uint32_t n;
	struct image m = array_image(t->parts[0], s, src, &n);

	put_text(out, "[");
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (i)
			put_text(out, ",");
		walk_element(t->parts[0], &m, n, i, out);
	}
	put_text(out, "]");
}

static void walk_map(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *src, struct weir_buf *out)
{
	static const struct weir__sql_type times = { .root = SQL_INTEGER, .not_null = true };
	const struct weir__sql_type *value = t->root == SQL_MULTISET ? &times : t->parts[1];
	uint32_t key_bytes = s.len >= 4 ? le32(s.ptr) : UINT32_MAX, n = 0, nvalues = 0;
	struct image keys, values, whole = { .src = src };
	struct weir__json_item *pairs = NULL;
	size_t start;

	if (s.len < 4 || key_bytes > s.len - 4) {
		bad_at(&whole, s.ptr, "the keys of a binary map are larger than it");
		return;
	}
	keys = array_image(t->parts[0], (struct weir_slice){ s.ptr + 4, key_bytes }, src, &n);
	values = array_image(value, (struct weir_slice){ s.ptr + 4 + key_bytes, s.len - 4 - key_bytes }, src, &nvalues);
	if (!src->code && n != nvalues)
		bad_at(&values, values.p, "a binary map has not as many values as keys");
	if (src->code)
		return;
	if (out && !(pairs = malloc((n + (size_t)1) * sizeof(*pairs)))) {
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a map");
		return;
	}
	put_text(out, "[");
	start = out ? out->len : 0;
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (out)
			pairs[i].at = out->len;
		put_text(out, "[");
		walk_element(t->parts[0], &keys, n, i, out);
		put_text(out, ",");
		walk_element(value, &values, n, i, out);
		put_text(out, "]");
	}
	if (out && !src->code && !out->code)
		weir__json_sort(out, start, pairs, n);
	put_text(out, "]");
	free(pairs);
}

static void walk_row(const struct weir__sql_type *t, struct weir_slice s, struct weir_src *src, struct weir_buf *out)
{
	static const char *const kinds[] = { "+I", "-U", "+U", "-D" };
	size_t bits = (t->n + (size_t)63 + 8) / 64 * 8, fixed = bits + 8 * (size_t)t->n;
	struct image m = { .p = s.ptr, .size = (uint32_t)s.len, .fixed = (uint32_t)fixed, .src = src };
	bool pojo = t->external == SQL_POJO && t->names;

	if (s.len < fixed)
		bad_at(&m, s.ptr, "a binary row is shorter than its fields");
	else if (s.ptr[0] > 3)
		bad_at(&m, s.ptr, "the kind of a binary row is not from 0 to 3");
	if (src->code)
		return;
	if (out && pojo) {
		weir_buf_text(out, "{\"@\":");
		weir_json_text(out, t->class_name ? t->class_name : "");
	} else if (out) {
		weir_buf_printf(out, "{\"row\":\"%s\",\"f\":[", kinds[s.ptr[0]]);
	}
	for (uint32_t i = 0; i < t->n && !src->code; i++) {
		if (i || pojo)
			put_text(out, ",");
		if (out && pojo) {
			weir_json_text(out, t->names[i]);
			weir_buf_u8(out, ':');
		}
		if (s.ptr[(8 + (size_t)i) / 8] >> i % 8 & 1)
			put_text(out, "null");
		else
			walk_slot(t->parts[i], &m, s.ptr + bits + 8 * (size_t)i, out);
	}
	put_text(out, pojo ? "}" : "]}");
}

/* ---- what the internal serializers write ---- */

uint32_t weir__sql_value_min(const struct weir__sql_type *t)
{
	t = weir__sql_resolved(t);
	switch (t->root) {
	case SQL_BIGINT:
	case SQL_DOUBLE:
	case SQL_INTERVAL_DAY_TIME: return 8;
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMP_TZ:
	case SQL_TIMESTAMP_LTZ: return t->precision <= 3 ? 8 : 12;
	case SQL_DECIMAL: return t->precision <= 18 ? 8 : 5;
	case SQL_VARIANT: return 8;
	case SQL_NULL: return 1;
	default: return weir__sql_element_bytes(t) < 4 ? weir__sql_element_bytes(t) : 4;
	}
}

static void walk_decimal(const struct weir__sql_type *t, struct weir_src *src, struct weir_buf *out)
{
	struct weir_slice s;

	if (t->precision <= 18) {
		put_decimal_i64(out, weir_src_u64(src), t);
		return;
	}
	s = weir_src_blob32(src);
	if (!src->code && (s.len < 1 || s.len > 16))
		weir_src_fail(src, WEIR_ECORRUPT, "a DECIMAL does not have 1 to 16 bytes");
	if (!src->code)
		put_decimal(out, s.ptr, s.len, t);
}

static void walk_timestamp(const struct weir__sql_type *t, struct weir_src *src, struct weir_buf *out)
{
	int64_t ms = weir_src_i64(src);
	int32_t nanos = t->precision <= 3 ? 0 : weir_src_i32(src);

	if (nanos < 0 || nanos > 999999)
		weir_src_fail(src, WEIR_ECORRUPT, "the nanoseconds of a TIMESTAMP are not below a millisecond");
	if (!src->code)
		put_timestamp(out, t, ms, nanos);
}

/* What has a size in front. */
static void walk_sized(const struct weir__sql_type *t, struct weir_src *src, struct weir_buf *out)
{
	struct weir_slice s = weir_src_blob32(src);

	if (src->code)
		return;
	switch (t->root) {
	case SQL_CHAR:
	case SQL_VARCHAR: put_utf8(out, s); return;
	case SQL_ARRAY: walk_array(t, s, src, out); return;
	case SQL_MULTISET:
	case SQL_MAP: walk_map(t, s, src, out); return;
	case SQL_ROW:
	case SQL_STRUCTURED: walk_row(t, s, src, out); return;
	case SQL_RAW: put_raw(t, s, src, out); return;
	default:
		if (out)
			weir__put_hex_json(out, s);
	}
}

void weir__sql_value_walk(const struct weir__sql_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	static const struct { bool is; struct weir_type *type; } plain[SQL_ROOTS] = {
		[SQL_BOOLEAN] = { true, &weir_boolean }, [SQL_TINYINT] = { true, &weir_int8 }, [SQL_SMALLINT] = { true, &weir_int16 },
		[SQL_BIGINT] = { true, &weir_int64 },    [SQL_FLOAT] = { true, &weir_float },  [SQL_DOUBLE] = { true, &weir_double },
	};

	(void)tail;
	t = weir__sql_resolved(t);
	if (plain[t->root].is && out) {
		weir__value_json(plain[t->root].type, src, false, out);
		return;
	}
	if (plain[t->root].is) {
		(void)!weir__value_skip(plain[t->root].type, src, false);
		return;
	}
	switch (t->root) {
	case SQL_INTEGER:
	case SQL_DATE:
	case SQL_TIME:
	case SQL_INTERVAL_YEAR_MONTH: put_int(out, t, weir_src_i32(src)); return;
	case SQL_INTERVAL_DAY_TIME: put_long(out, t, weir_src_i64(src)); return;
	case SQL_DECIMAL: walk_decimal(t, src, out); return;
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMP_TZ:
	case SQL_TIMESTAMP_LTZ: walk_timestamp(t, src, out); return;
	case SQL_NULL:
		weir_src_u8(src);
		put_text(out, "null");
		return;
	default: walk_sized(t, src, out);
	}
}
