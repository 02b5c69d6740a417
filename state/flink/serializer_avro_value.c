// SPDX-License-Identifier: Apache-2.0
/*
 * Avro values by their schema: stepping over, the text of GenericData.toString, and back. docs/formats/serializers.md, "Avro".
 *
 * 1. Two encodings: Flink's own (numbers of fixed size) and Avro's binary one (varints), which Kryo stores. Only numbers and counts differ.
 * 2. A map is shown in the order of the java.util.HashMap that Avro reads it into, so that the text is what Java prints.
 * 3. No value takes more steps than STEPS and some for each of its bytes, nor is nested deeper than DEPTH: a schema may contain itself, and records may be empty.
 * Pure. May fail: damage; out of memory.
 */
#include "state/flink/serializer_avro.h"

#include "base/json.h"
#include "state/flink/serializer_avro_time.h"
#include "state/type/json_in.h"
#include "state/type/type_priv.h"

#include <stdlib.h>

enum { DEPTH = 200, STEPS = 65536 };

struct walk {
	struct weir_src *src;
	struct weir__avro_form form;
	struct weir_buf *out; /* NULL: step over only */
	const uint8_t *start;
	uint64_t steps;
	uint32_t depth;
};

/* ---- numbers of both encodings ---- */

static int64_t take_zigzag(struct weir_src *src)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && !src->code; shift += 7) {
		uint8_t b = weir_src_u8(src);

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return (int64_t)(v >> 1 ^ (0 - (v & 1)));
	}
	weir_src_fail(src, WEIR_ECORRUPT, "an Avro number has more than ten bytes");
	return 0;
}

static int32_t take_int(struct walk *w)
{
	int64_t v = w->form.standard ? take_zigzag(w->src) : weir_src_i32(w->src);

	if (v < INT32_MIN || v > INT32_MAX)
		weir_src_fail(w->src, WEIR_ECORRUPT, "an Avro int has more than 32 bits");
	return (int32_t)v;
}

static int64_t take_long(struct walk *w) { return w->form.standard ? take_zigzag(w->src) : weir_src_i64(w->src); }

static float take_float(struct walk *w)
{
	uint32_t bits = weir_src_u32(w->src);
	float v;

	bits = w->form.standard ? __builtin_bswap32(bits) : bits;
	memcpy(&v, &bits, 4);
	return v;
}

static double take_double(struct walk *w)
{
	uint64_t bits = weir_src_u64(w->src);
	double v;

	bits = w->form.standard ? __builtin_bswap64(bits) : bits;
	memcpy(&v, &bits, 8);
	return v;
}

static struct weir_slice take_bytes(struct walk *w)
{
	int64_t n = w->form.standard ? take_zigzag(w->src) : weir_src_i32(w->src);

	if (n < 0 || (uint64_t)n > weir_src_left(w->src)) {
		weir_src_fail(w->src, WEIR_ECORRUPT, "an Avro string or bytes is longer than the data that follows");
		return (struct weir_slice){ NULL, 0 };
	}
	return weir_src_bytes(w->src, (size_t)n);
}

static struct weir_slice take_text(struct walk *w)
{
	struct weir_slice s = take_bytes(w);
	size_t bad;

	if (s.len && weir__utf8_units((const char *)s.ptr, s.len, &bad) < 0)
		weir_src_fail(w->src, WEIR_ECORRUPT, "an Avro string is not UTF-8");
	return s;
}

/* Items of the next block of an array or map; 0 ends it. */
static uint64_t take_block(struct walk *w)
{
	int64_t n = 0;

	if (w->form.standard) {
		n = take_zigzag(w->src);
		if (n < 0 && n > INT64_MIN) { /* and its length in bytes */
			take_zigzag(w->src);
			n = -n;
		}
		if (n < 0)
			weir_src_fail(w->src, WEIR_ECORRUPT, "an Avro array or map has an impossible count");
		return w->src->code ? 0 : (uint64_t)n;
	}
	for (unsigned shift = 0; shift < 63 && !w->src->code; shift += 7) {
		uint8_t b = weir_src_u8(w->src);

		n |= (int64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return w->src->code ? 0 : (uint64_t)n;
	}
	weir_src_fail(w->src, WEIR_ECORRUPT, "an Avro array or map has an impossible count");
	return 0;
}

static uint32_t take_index(struct walk *w, uint32_t n, const char *what)
{
	int32_t i = take_int(w);

	if (w->src->code || i < 0 || (uint32_t)i >= n) {
		weir_src_fail(w->src, WEIR_ECORRUPT, what);
		return UINT32_MAX;
	}
	return (uint32_t)i;
}

/* ---- text ---- */

static void put(struct walk *w, const char *text)
{
	if (w->out)
		weir_buf_text(w->out, text);
}

/* Quoted, and escaped as GenericData.writeEscapedString does. */
static void put_escaped(struct weir_buf *out, const uint8_t *p, size_t n)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

	weir_buf_u8(out, '"');
	for (size_t i = 0; i < n; i++) {
		const char *at = p[i] < 0x80 && p[i] ? strchr(from, p[i]) : NULL;
		uint32_t c = p[i], len = 1;

		if (at) {
			weir_buf_u8(out, '\\');
			weir_buf_u8(out, (uint8_t)to[at - from]);
			continue;
		}
		if (c >= 0xc0 && c < 0xe0 && i + 1 < n)
			c = (c & 31) << 6 | (p[i + 1] & 63), len = 2;
		else if (c >= 0xe0 && c < 0xf0 && i + 2 < n)
			c = (c & 15) << 12 | (uint32_t)(p[i + 1] & 63) << 6 | (p[i + 2] & 63), len = 3;
		if (c < 0x20 || c == 0x7f || (len == 2 && c < 0xa0) || (c >= 0x2000 && c < 0x2100))
			weir_buf_printf(out, "\\u%04X", c);
		else
			weir_buf_put(out, p + i, len);
		i += len - 1;
	}
	weir_buf_u8(out, '"');
}

/* Bytes as the characters U+0000 to U+00FF. */
static void put_latin1(struct weir_buf *out, struct weir_slice s)
{
	struct weir_buf text = { 0 };

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] >= 0x80)
			weir_buf_u8(&text, (uint8_t)(0xc0 | s.ptr[i] >> 6));
		weir_buf_u8(&text, s.ptr[i] >= 0x80 ? 0x80 | (s.ptr[i] & 63) : s.ptr[i]);
	}
	put_escaped(out, text.data, text.len);
	out->code = out->code ? out->code : text.code;
	weir_buf_fini(&text);
}

static void put_fixed(struct weir_buf *out, struct weir_slice s)
{
	weir_buf_u8(out, '[');
	for (size_t i = 0; i < s.len; i++)
		weir_buf_printf(out, "%s%d", i ? ", " : "", (int8_t)s.ptr[i]);
	weir_buf_u8(out, ']');
}

/* ---- values ---- */

static void walk_value(struct walk *w, const struct weir__avro *s);

static void walk_record(struct walk *w, const struct weir__avro *s)
{
	put(w, "{");
	for (uint32_t i = 0; i < s->n && !w->src->code; i++) {
		if (w->out) {
			weir_buf_text(w->out, i ? ", " : "");
			put_escaped(w->out, (const uint8_t *)s->names[i], strlen(s->names[i]));
			weir_buf_text(w->out, ": ");
		}
		walk_value(w, s->parts[i]);
	}
	put(w, "}");
}

static void walk_array(struct walk *w, const struct weir__avro *s)
{
	bool first = true;

	put(w, "[");
	for (uint64_t n; (n = take_block(w)) > 0 && !w->src->code;)
		for (; n > 0 && !w->src->code; n--) {
			put(w, first ? "" : ", ");
			first = false;
			walk_value(w, s->parts[0]);
		}
	put(w, "]");
}

struct item {
	size_t at, len;
	uint32_t bucket, index;
};

static int by_bucket(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->bucket != y->bucket ? (x->bucket > y->bucket) - (x->bucket < y->bucket) : (x->index > y->index) - (x->index < y->index);
}

/* HashMap.hash(key). */
static uint32_t spread(struct weir_slice key, bool java_string)
{
	uint32_t h = 0;

	for (size_t i = 0; i < key.len; i++) {
		uint32_t c = key.ptr[i];

		if (!java_string || c < 0x80) { /* org.apache.avro.util.Utf8 hashes its signed bytes */
			h = h * 31 + (uint32_t)(int32_t)(int8_t)c;
			continue;
		}
		uint32_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

		c &= 0x3fu >> more;
		for (; more > 0 && i + 1 < key.len; more--)
			c = c << 6 | (key.ptr[++i] & 63);
		if (c >= 0x10000)
			h = h * 31 + (0xd800 + ((c - 0x10000) >> 10)), c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		h = h * 31 + c;
	}
	return h ^ h >> 16;
}

/* The texts of the entries in the order of a HashMap made for `block` entries that holds n. */
static void order_entries(struct walk *w, size_t start, struct item *items, uint32_t n, uint64_t block)
{
	struct weir_buf sorted = { 0 };
	uint64_t cap = 1;

	while (cap < block)
		cap *= 2;
	while (n > cap * 3 / 4)
		cap *= 2;
	for (uint32_t i = 0; i < n; i++) {
		items[i].bucket &= (uint32_t)(cap - 1);
		items[i].len = (i + 1 < n ? items[i + 1].at : w->out->len) - items[i].at;
	}
	qsort(items, n, sizeof(*items), by_bucket);
	for (uint32_t i = 0; i < n && !w->out->code; i++) {
		weir_buf_text(&sorted, i ? ", " : "");
		weir_buf_put(&sorted, w->out->data + items[i].at, items[i].len);
	}
	w->out->len = start;
	weir_buf_put_slice(w->out, weir_buf_slice(&sorted));
	w->out->code = w->out->code ? w->out->code : sorted.code;
	weir_buf_fini(&sorted);
}

static bool grow(struct walk *w, struct item **items, uint32_t n)
{
	struct item *more;

	if (n & (n - 1)) /* doubled at each power of two */
		return true;
	more = realloc(*items, (n ? n * (size_t)2 : 1) * sizeof(*more));
	if (!more) {
		weir_src_fail(w->src, WEIR_ENOMEM, "out of memory for an Avro map");
		return false;
	}
	*items = more;
	return true;
}

static void walk_map(struct walk *w, const struct weir__avro *s)
{
	size_t start;
	uint64_t block = 0;
	struct item *items = NULL;
	uint32_t count = 0;

	put(w, "{");
	start = w->out ? w->out->len : 0;
	for (uint64_t n; (n = take_block(w)) > 0 && !w->src->code;) {
		block = block ? block : n;
		for (; n > 0 && !w->src->code; n--) {
			struct weir_slice key = take_text(w);

			if (w->out && !w->src->code && grow(w, &items, count)) {
				items[count] = (struct item){ w->out->len, 0, spread(key, s->java_string), count };
				count++;
				put_escaped(w->out, key.ptr, key.len);
				weir_buf_text(w->out, ": ");
			}
			walk_value(w, s->parts[0]);
		}
	}
	if (w->out && !w->src->code && !w->out->code && count)
		order_entries(w, start, items, count, block < count ? block : count);
	free(items);
	put(w, "}");
}

static void put_time(struct walk *w, enum weir__avro_logical logical, int64_t v)
{
	size_t at = w->out->len;

	weir_buf_u8(w->out, '"');
	if (weir__avro_time_text(w->out, logical, v)) {
		weir_buf_u8(w->out, '"');
	} else { /* java.time has no such moment */
		w->out->len = at < w->out->len ? at : w->out->len;
		weir_json_i64(w->out, v);
	}
}

static void walk_number(struct walk *w, const struct weir__avro *s)
{
	int64_t v = s->kind == WEIR__AVRO_INT ? take_int(w) : take_long(w);

	if (w->out && w->form.converted && s->logical)
		put_time(w, s->logical, v);
	else if (w->out)
		weir_json_i64(w->out, v);
}

static void walk_text(struct walk *w, const struct weir__avro *s)
{
	struct weir_slice text = s->kind == WEIR__AVRO_STRING ? take_text(w) : s->kind == WEIR__AVRO_FIXED ? weir_src_bytes(w->src, s->n) : take_bytes(w);

	if (!w->out || w->src->code)
		return;
	if (s->kind == WEIR__AVRO_STRING)
		put_escaped(w->out, text.ptr, text.len);
	else if (s->kind == WEIR__AVRO_FIXED)
		put_fixed(w->out, text);
	else
		put_latin1(w->out, text);
}

static void walk_boolean(struct walk *w)
{
	put(w, weir__wire_bool(w->src, "an Avro boolean is neither 0 nor 1") ? "true" : "false");
}

static void walk_enum(struct walk *w, const struct weir__avro *s)
{
	uint32_t i = take_index(w, s->n, "an Avro enum has no such symbol");

	if (w->out && i < s->n)
		put_escaped(w->out, (const uint8_t *)s->names[i], strlen(s->names[i]));
}

static bool enter(struct walk *w)
{
	if (w->src->code)
		return false;
	if (w->depth >= DEPTH)
		weir_src_fail(w->src, WEIR_EUNSUPPORTED, "an Avro value is nested deeper than 200");
	if (++w->steps > STEPS + 64 * (uint64_t)(w->src->p - w->start))
		weir_src_fail(w->src, WEIR_ECORRUPT, "an Avro value has implausibly many parts without bytes");
	return !w->src->code;
}

static void walk_value(struct walk *w, const struct weir__avro *s)
{
	if (!enter(w))
		return;
	w->depth++;
	switch (s->kind) {
	case WEIR__AVRO_NULL: put(w, "null"); break;
	case WEIR__AVRO_BOOLEAN: walk_boolean(w); break;
	case WEIR__AVRO_INT:
	case WEIR__AVRO_LONG: walk_number(w, s); break;
	case WEIR__AVRO_FLOAT: {
		float v = take_float(w);

		if (w->out)
			weir_json_f32(w->out, v);
		break;
	}
	case WEIR__AVRO_DOUBLE: {
		double v = take_double(w);

		if (w->out)
			weir_json_f64(w->out, v);
		break;
	}
	case WEIR__AVRO_BYTES:
	case WEIR__AVRO_STRING:
	case WEIR__AVRO_FIXED: walk_text(w, s); break;
	case WEIR__AVRO_RECORD: walk_record(w, s); break;
	case WEIR__AVRO_ENUM: walk_enum(w, s); break;
	case WEIR__AVRO_ARRAY: walk_array(w, s); break;
	case WEIR__AVRO_MAP: walk_map(w, s); break;
	case WEIR__AVRO_UNION: {
		uint32_t i = take_index(w, s->n, "an Avro union has no such branch");

		if (i < s->n)
			walk_value(w, s->parts[i]);
		break;
	}
	}
	w->depth--;
}

static struct walk walk_of(struct weir_src *src, struct weir__avro_form form, struct weir_buf *out)
{
	return (struct walk){ .src = src, .form = form, .out = out, .start = src->p };
}

void weir__avro_skip(const struct weir__avro *s, struct weir_src *src, struct weir__avro_form form)
{
	struct walk w = walk_of(src, form, NULL);

	walk_value(&w, s);
}

/* ---- the value as JSON, as the dump shows it ---- */

static void show_text(struct walk *w, const struct weir__avro *s)
{
	struct weir_buf text = { 0 }, *out = w->out;

	w->out = &text;
	walk_value(w, s);
	w->out = out;
	weir_json_str(out, text.data ? (const char *)text.data : "", text.len);
	out->code = out->code ? out->code : text.code;
	weir_buf_fini(&text);
}

static void show(struct walk *w, const struct weir__avro *s);

/* A map that is the whole value: pairs, sorted by their text. */
static void show_map(struct walk *w, const struct weir__avro *s)
{
	struct weir__json_item *items = NULL;
	uint32_t count = 0;
	size_t start;

	weir_buf_u8(w->out, '[');
	start = w->out->len;
	for (uint64_t n; (n = take_block(w)) > 0 && !w->src->code;)
		for (; n > 0 && !w->src->code; n--) {
			struct weir_slice key = take_text(w);

			if (!w->src->code && !(count & (count - 1))) {
				struct weir__json_item *more = realloc(items, (count ? count * (size_t)2 : 1) * sizeof(*more));

				items = more ? more : items;
				if (!more)
					weir_src_fail(w->src, WEIR_ENOMEM, "out of memory for an Avro map");
			}
			if (w->src->code)
				break;
			items[count++].at = w->out->len;
			weir_buf_u8(w->out, '[');
			weir_json_str(w->out, key.len ? (const char *)key.ptr : "", key.len);
			weir_buf_u8(w->out, ',');
			show(w, s->parts[0]);
			weir_buf_u8(w->out, ']');
		}
	if (!w->src->code && !w->out->code && count)
		weir__json_sort(w->out, start, items, count);
	free(items);
	weir_buf_u8(w->out, ']');
}

static void show_array(struct walk *w, const struct weir__avro *s)
{
	bool first = true;

	weir_buf_u8(w->out, '[');
	for (uint64_t n; (n = take_block(w)) > 0 && !w->src->code;)
		for (; n > 0 && !w->src->code; n--) {
			weir_buf_text(w->out, first ? "" : ",");
			first = false;
			show(w, s->parts[0]);
		}
	weir_buf_u8(w->out, ']');
}

static void show(struct walk *w, const struct weir__avro *s)
{
	if (!enter(w))
		return;
	w->depth++;
	switch (s->kind) {
	case WEIR__AVRO_RECORD:
	case WEIR__AVRO_FIXED: show_text(w, s); break;
	case WEIR__AVRO_UNION: {
		uint32_t i = take_index(w, s->n, "an Avro union has no such branch");

		if (i < s->n)
			show(w, s->parts[i]);
		break;
	}
	case WEIR__AVRO_STRING: {
		struct weir_slice text = take_text(w);

		weir_json_str(w->out, text.len ? (const char *)text.ptr : "", text.len);
		break;
	}
	case WEIR__AVRO_BYTES: weir__put_hex_json(w->out, take_bytes(w)); break;
	case WEIR__AVRO_ARRAY: show_array(w, s); break;
	case WEIR__AVRO_MAP: show_map(w, s); break;
	default: w->depth--, walk_value(w, s), w->depth++;
	}
	w->depth--;
}

void weir__avro_json(const struct weir__avro *s, struct weir_src *src, struct weir__avro_form form, struct weir_buf *out)
{
	struct walk w = walk_of(src, form, out);

	show(&w, s);
}

/* ---- hashCode, as GenericData.hashCode ---- */

static uint32_t hash_bytes(struct weir_slice s, bool backwards)
{
	uint32_t h = 1;

	for (size_t i = 0; i < s.len; i++)
		h = h * 31 + (uint32_t)(int32_t)(int8_t)s.ptr[backwards ? s.len - 1 - i : i];
	return h;
}

static uint32_t hash_utf8(struct weir_slice s)
{
	uint32_t h = 0;

	for (size_t i = 0; i < s.len; i++)
		h = h * 31 + (uint32_t)(int32_t)(int8_t)s.ptr[i];
	return h;
}

static uint32_t fold(uint64_t v) { return (uint32_t)(v ^ v >> 32); }

static bool hash_value(struct walk *w, const struct weir__avro *s, uint32_t *out);

static bool hash_parts(struct walk *w, const struct weir__avro *s, uint32_t *out)
{
	uint32_t h = 1, part;
	bool known = true;

	if (s->kind == WEIR__AVRO_ARRAY)
		for (uint64_t n; known && (n = take_block(w)) > 0 && !w->src->code;)
			for (; known && n > 0 && !w->src->code; n--) {
				known = hash_value(w, s->parts[0], &part);
				h = h * 31 + part;
			}
	else
		for (uint32_t i = 0; known && i < s->n && !w->src->code; i++) {
			if (s->ignored[i]) {
				walk_value(w, s->parts[i]);
				continue;
			}
			known = hash_value(w, s->parts[i], &part);
			h = h * 31 + part;
		}
	*out = h;
	return known;
}

static bool hash_value(struct walk *w, const struct weir__avro *s, uint32_t *out)
{
	bool known = true;

	*out = 0;
	if (!enter(w) || (w->form.converted && s->logical))
		return false;
	w->depth++;
	switch (s->kind) {
	case WEIR__AVRO_NULL: break;
	case WEIR__AVRO_BOOLEAN: *out = weir__wire_bool(w->src, "an Avro boolean is neither 0 nor 1") ? 1231 : 1237; break;
	case WEIR__AVRO_INT: *out = (uint32_t)take_int(w); break;
	case WEIR__AVRO_LONG: *out = fold((uint64_t)take_long(w)); break;
	case WEIR__AVRO_FLOAT: *out = weir_src_u32(w->src); break;
	case WEIR__AVRO_DOUBLE: *out = fold(weir_src_u64(w->src)); break;
	case WEIR__AVRO_BYTES: *out = hash_bytes(take_bytes(w), true); break;
	case WEIR__AVRO_FIXED: *out = hash_bytes(weir_src_bytes(w->src, s->n), false); break;
	case WEIR__AVRO_STRING: *out = hash_utf8(take_text(w)); break;
	case WEIR__AVRO_ENUM: *out = take_index(w, s->n, "an Avro enum has no such symbol"); break;
	case WEIR__AVRO_RECORD:
	case WEIR__AVRO_ARRAY: known = hash_parts(w, s, out); break;
	case WEIR__AVRO_UNION: {
		uint32_t i = take_index(w, s->n, "an Avro union has no such branch");

		known = i < s->n && hash_value(w, s->parts[i], out);
		break;
	}
	case WEIR__AVRO_MAP: known = false;
	}
	w->depth--;
	return known && !w->src->code;
}

bool weir__avro_hash(const struct weir__avro *s, struct weir_src *src, struct weir__avro_form form, int32_t *out)
{
	struct walk w = walk_of(src, form, NULL);
	uint32_t h;
	bool known = hash_value(&w, s, &h);

	*out = (int32_t)h;
	return known;
}
