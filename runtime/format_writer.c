// SPDX-License-Identifier: Apache-2.0
/*
 * Batches -> CSV and NDJSON rows.
 *
 * Invariants
 *  1. What is written reads back equal (format_csv.c, format_json.c), with one exception: null text in CSV comes back as empty text, unless the
 *     record that reads can hold nulls; then empty text is written "" and nothing is null.
 *  2. CSV is quoted only where a field has the delimiter, a quote or a line end in it.
 * Pure; out of memory is sticky in the buffer.
 */
#include "runtime/format_rows.h"

#include <stdlib.h>

#include "base/json.h"

#define KEY_COPY 16u        /* short keys are copied with this many bytes */
#define USUAL 48u           /* bytes of a usual value, at most */

struct column {
	const struct weir_type *type;
	uint32_t key, key_len;  /* in keys */
};

struct weir_row_writer {
	enum weir_row_format format;
	const struct weir_type *type;
	bool record, nullable;
	char *prefix;
	size_t prefix_len;
	uint32_t ncols;
	struct column *columns; /* ncols */
	struct weir_buf keys;   /* what stands before each value: {"a": ,"b": and so on, or commas; then KEY_COPY bytes of slack */
	const char *tail;       /* what ends a row */
	size_t room;            /* for a row of usual values */
};

static int check_type(enum weir_row_format format, const struct weir_type *t, bool record, struct weir_error *err)
{
	if (format != WEIR_ROWS_CSV)
		return 0;
	if (!record && !weir__value_scalar(t->kind))
		return weir_error_set(err, WEIR_EINVALID, "a row of CSV cannot hold a %s; write JSON, or make the fields simple values", weir__value_kind(t->kind));
	for (uint32_t i = 0; record && i < t->nfields; i++)
		if (!weir__value_scalar(t->fields[i].type->kind))
			return weir_error_set(err, WEIR_EINVALID, "field %s is a %s, which a column of CSV cannot hold; write JSON, or make it simple values",
					      t->fields[i].name ? t->fields[i].name : "?", weir__value_kind(t->fields[i].type->kind));
	return 0;
}

static const char *field_name(const struct weir_row_writer *w, uint32_t i, char room[16])
{
	if (!w->record)
		return "value";
	if (w->type->fields[i].name)
		return w->type->fields[i].name;
	*weir__format_i64(room + 1, i) = 0;
	room[0] = 'f';
	return room;
}

static void put_key(struct weir_row_writer *w, uint32_t i)
{
	char room[16];

	if (w->format == WEIR_ROWS_CSV) {
		if (i)
			weir_buf_u8(&w->keys, ',');
	} else if (w->record) {
		weir_buf_u8(&w->keys, i ? ',' : '{');
		weir_json_text(&w->keys, field_name(w, i, room));
		weir_buf_u8(&w->keys, ':');
	}
}

int weir_row_writer_new(enum weir_row_format format, const struct weir_type *t, const char *prefix, struct weir_row_writer **out, struct weir_error *err)
{
	bool record = t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO;
	struct weir_row_writer *w;
	int rc = check_type(format, t, record, err);

	if (rc)
		return rc;
	w = calloc(1, sizeof(*w));
	if (!w)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a row writer");
	w->format = format;
	w->type = t;
	w->record = record;
	w->nullable = record && t->null_offset != WEIR_NO_NULLS;
	w->ncols = record ? t->nfields : 1;
	w->prefix = strdup(prefix ? prefix : "");
	w->prefix_len = prefix ? strlen(prefix) : 0;
	w->columns = calloc(w->ncols + 1, sizeof(*w->columns));
	for (uint32_t i = 0; w->columns && i < w->ncols; i++) {
		w->columns[i].type = record ? t->fields[i].type : t;
		w->columns[i].key = (uint32_t)w->keys.len;
		put_key(w, i);
		w->columns[i].key_len = (uint32_t)w->keys.len - w->columns[i].key;
	}
	w->tail = format == WEIR_ROWS_CSV || !record ? "\n" : w->ncols ? "}\n" : "{}\n";
	w->room = w->prefix_len + w->keys.len + (size_t)w->ncols * (USUAL + KEY_COPY) + 8;
	weir_buf_put(&w->keys, (const char[KEY_COPY]){ 0 }, KEY_COPY);
	if (!w->prefix || !w->columns || w->keys.code) {
		weir_row_writer_free(w);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a row writer");
	}
	*out = w;
	return 0;
}

void weir_row_writer_free(struct weir_row_writer *w)
{
	if (!w)
		return;
	weir_buf_fini(&w->keys);
	free(w->columns);
	free(w->prefix);
	free(w);
}

/* ---- the usual values, the same in both formats but for quotes ---- */

/* 0x80 in some byte when one of the bytes of x is below n (at most 0x80). */
static inline uint64_t any_below(uint64_t x, uint8_t n) { return (x - WEIR__EACH_BYTE(n)) & ~x & WEIR__HIGH_BITS; }

/* Is it text within the view without a letter that may need care? */
static inline bool text_is_easy(const struct weir_str *s, bool json)
{
	const char *p = (const char *)s + 4;
	uint64_t lo, hi, odd;

	if (s->len - 1 >= WEIR_STR_INLINE)
		return false;
	lo = weir__load64le(p);
	hi = weir__load64le(p + 4) >> 32;
	if (s->len < 8) /* the unused bytes become harmless letters */
		lo |= WEIR__EACH_BYTE('a') << s->len * 8;
	hi |= s->len > 8 ? WEIR__EACH_BYTE('a') << (s->len - 8) * 8 : WEIR__EACH_BYTE('a');
	if (json)
		odd = any_below(lo, '"' + 1) | any_below(hi, '"' + 1) | weir__zero_bytes(lo ^ WEIR__EACH_BYTE('\\')) | weir__zero_bytes(hi ^ WEIR__EACH_BYTE('\\')) |
		      ((lo | hi) & WEIR__HIGH_BITS);
	else
		odd = any_below(lo, ',' + 1) | any_below(hi, ',' + 1); /* quotes, commas, line ends, and some that are harmless */
	return !odd;
}

/* At `to`, which has room for USUAL bytes. NULL: not a usual value. */
static inline char *put_usual(char *to, enum weir_kind kind, bool json, const void *col, uint32_t row)
{
	const struct weir_str *s;

	switch (kind) {
	case WEIR_BOOLEAN: return ((const bool *)col)[row] ? (char *)memcpy(to, "true", 4) + 4 : (char *)memcpy(to, "false", 5) + 5;
	case WEIR_INT8: return weir__format_i64(to, ((const int8_t *)col)[row]);
	case WEIR_INT16: return weir__format_i64(to, ((const int16_t *)col)[row]);
	case WEIR_INT32: return weir__format_i64(to, ((const int32_t *)col)[row]);
	case WEIR_INT64: return weir__format_i64(to, ((const int64_t *)col)[row]);
	case WEIR_TIMESTAMP:
		*to = '"';
		to = weir__format_time(to + json, ((const int64_t *)col)[row]);
		*to = '"';
		return to + json;
	case WEIR_STRING:
		s = (const struct weir_str *)col + row;
		if (!text_is_easy(s, json))
			return NULL;
		*to = '"';
		memcpy(to + json, (const char *)s + 4, WEIR_STR_INLINE);
		to += json + s->len;
		*to = '"';
		return to + json;
	default: return NULL;
	}
}

/* ---- CSV ---- */

static void put_csv_text(struct weir_buf *out, const char *p, size_t n)
{
	const char *quote = n ? memchr(p, '"', n) : NULL;

	if (!quote && !(n && (memchr(p, ',', n) || memchr(p, '\n', n) || memchr(p, '\r', n)))) {
		weir_buf_put(out, p, n);
		return;
	}
	weir_buf_u8(out, '"');
	for (; quote; quote = n ? memchr(p, '"', n) : NULL) {
		size_t k = (size_t)(quote - p) + 1;

		weir_buf_put(out, p, k);
		weir_buf_u8(out, '"');
		p += k;
		n -= k;
	}
	weir_buf_put(out, p, n);
	weir_buf_u8(out, '"');
}

void weir_row_writer_header(const struct weir_row_writer *w, struct weir_buf *out)
{
	for (uint32_t i = 0; w->format == WEIR_ROWS_CSV && i < w->ncols; i++) {
		char room[16];
		const char *name = field_name(w, i, room);

		if (i)
			weir_buf_u8(out, ',');
		put_csv_text(out, name, strlen(name));
	}
	if (w->format == WEIR_ROWS_CSV)
		weir_buf_u8(out, '\n');
}

/* NaN and the infinities without the quotes that JSON needs. */
static void put_csv_float(struct weir_buf *out, double wide, float narrow, bool single)
{
	size_t at = out->len;

	if (single)
		weir_json_f32(out, narrow);
	else
		weir_json_f64(out, wide);
	if (out->len > at + 2 && out->data[at] == '"') {
		memmove(out->data + at, out->data + at + 1, out->len - at - 2);
		out->len -= 2;
	}
}

static void put_csv_value(const struct weir_row_writer *w, struct weir_buf *out, enum weir_kind kind, const void *col, uint32_t row)
{
	const struct weir_str *s;
	char text[3];

	switch (kind) {
	case WEIR_FLOAT: put_csv_float(out, 0, ((const float *)col)[row], true); break;
	case WEIR_DOUBLE: put_csv_float(out, ((const double *)col)[row], 0, false); break;
	case WEIR_CHAR: put_csv_text(out, text, weir__format_char(text, ((const uint16_t *)col)[row])); break;
	default:
		s = (const struct weir_str *)col + row;
		if (weir_str_is_null(s))
			break;
		if (s->len == 0 && (w->nullable || w->ncols == 1))
			weir_buf_put(out, "\"\"", 2);
		else if (kind == WEIR_BYTES)
			weir__put_base64(out, (const uint8_t *)weir_str_data(s), s->len);
		else
			put_csv_text(out, weir_str_data(s), s->len);
	}
}

/* ---- JSON ---- */

static void put_json_text(struct weir_buf *out, const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n; i++) {
		uint8_t c = (uint8_t)p[i];

		if (c < 0x20 || c == '"' || c == '\\' || c == 0xed)
			break;
	}
	if (i < n) {
		weir_json_str(out, p, n);
		return;
	}
	weir_buf_u8(out, '"');
	weir_buf_put(out, p, n);
	weir_buf_u8(out, '"');
}

static int put_json_value(struct weir_buf *out, const struct weir_type *t, const void *col, uint32_t row)
{
	const struct weir_str *s = (const struct weir_str *)col + row; /* if it is one */
	char text[3];

	switch (t->kind) {
	case WEIR_FLOAT: weir_json_f32(out, ((const float *)col)[row]); return 0;
	case WEIR_DOUBLE: weir_json_f64(out, ((const double *)col)[row]); return 0;
	case WEIR_CHAR: weir_json_str(out, text, weir__format_char(text, ((const uint16_t *)col)[row])); return 0;
	case WEIR_STRING:
	case WEIR_BYTES:
		if (weir_str_is_null(s)) {
			weir_buf_text(out, "null");
		} else if (t->kind == WEIR_STRING) {
			put_json_text(out, weir_str_data(s), s->len);
		} else {
			weir_buf_u8(out, '"');
			weir__put_base64(out, (const uint8_t *)weir_str_data(s), s->len);
			weir_buf_u8(out, '"');
		}
		return 0;
	default:
		return weir_type_value_json(t, (const char *)col + (size_t)row * t->size, out);
	}
}

/* ---- rows ---- */

static inline char *put_key_before(char *to, const struct weir_row_writer *w, const struct column *c)
{
	memcpy(to, w->keys.data + c->key, KEY_COPY);
	if (c->key_len > KEY_COPY)
		memcpy(to + KEY_COPY, w->keys.data + c->key + KEY_COPY, c->key_len - KEY_COPY);
	return to + c->key_len;
}

/* json: the format, as a constant. A value that is not usual goes through the buffer. */
static inline __attribute__((always_inline)) int put_row(const struct weir_row_writer *w, bool json, const struct weir_batch *b, uint32_t row, struct weir_buf *out)
{
	char *to = (char *)weir_buf_room(out, w->room);
	int rc = 0;

	if (!to)
		return 0;
	to = (char *)memcpy(to, w->prefix, w->prefix_len) + w->prefix_len;
	for (uint32_t i = 0; i < w->ncols && !rc; i++) {
		const struct column *c = &w->columns[i];
		char *end;

		to = put_key_before(to, w, c);
		end = put_usual(to, c->type->kind, json, b->cols[i], row);
		if (end) {
			to = end;
			continue;
		}
		out->len = (size_t)(to - (char *)out->data);
		if (json)
			rc = put_json_value(out, c->type, b->cols[i], row);
		else
			put_csv_value(w, out, c->type->kind, b->cols[i], row);
		to = (char *)weir_buf_room(out, w->room);
		if (!to)
			return rc;
	}
	to = stpcpy(to, w->tail);
	out->len = (size_t)(to - (char *)out->data);
	return rc;
}

int weir_row_writer_put(struct weir_row_writer *w, const struct weir_batch *b, const struct weir_select *rows, struct weir_buf *out, struct weir_error *err)
{
	bool all = !rows || !rows->rows;
	uint32_t n = all ? b->rows : rows->n;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < n; i++) {
		uint32_t row = all ? i : rows->rows[i];

		rc = w->format == WEIR_ROWS_CSV ? put_row(w, false, b, row, out) : put_row(w, true, b, row, out);
	}
	if (rc)
		return weir_error_set(err, rc, "a row cannot be written as JSON");
	return weir_buf_error(out) ? weir_error_set(err, WEIR_ENOMEM, "out of memory for rows to write") : 0;
}
