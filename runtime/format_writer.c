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

struct weir_row_writer {
	enum weir_row_format format;
	const struct weir_type *type;
	bool record, nullable;
	char *prefix;
	size_t prefix_len;
	uint32_t ncols;
	struct weir_buf keys;   /* JSON: {"a": ,"b": ... */
	uint32_t *key_ends;
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
	w->key_ends = calloc(w->ncols + 1, sizeof(*w->key_ends));
	for (uint32_t i = 0; w->key_ends && i < w->ncols; i++) {
		char room[16];

		weir_buf_u8(&w->keys, i ? ',' : '{');
		weir_json_text(&w->keys, field_name(w, i, room));
		weir_buf_u8(&w->keys, ':');
		w->key_ends[i] = (uint32_t)w->keys.len;
	}
	if (!w->prefix || !w->key_ends || w->keys.code) {
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
	free(w->key_ends);
	free(w->prefix);
	free(w);
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

/* Numbers, booleans, times: the same letters in both formats, but for quotes around times. False: another kind. */
static inline bool put_plain(struct weir_buf *out, enum weir_kind kind, const void *col, uint32_t row)
{
	char *to = (char *)weir_buf_room(out, 48), *end;

	if (!to)
		return kind <= WEIR_INT64 || kind == WEIR_TIMESTAMP;
	switch (kind) {
	case WEIR_BOOLEAN:
		end = ((const bool *)col)[row] ? (char *)memcpy(to, "true", 4) + 4 : (char *)memcpy(to, "false", 5) + 5;
		break;
	case WEIR_INT8: end = weir__format_i64(to, ((const int8_t *)col)[row]); break;
	case WEIR_INT16: end = weir__format_i64(to, ((const int16_t *)col)[row]); break;
	case WEIR_INT32: end = weir__format_i64(to, ((const int32_t *)col)[row]); break;
	case WEIR_INT64: end = weir__format_i64(to, ((const int64_t *)col)[row]); break;
	case WEIR_TIMESTAMP: end = weir__format_time(to, ((const int64_t *)col)[row]); break;
	default: return false;
	}
	out->len += (size_t)(end - to);
	return true;
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

	if (put_plain(out, kind, col, row))
		return;
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

static void put_csv_row(const struct weir_row_writer *w, const struct weir_batch *b, uint32_t row, struct weir_buf *out)
{
	for (uint32_t i = 0; i < w->ncols; i++) {
		if (i)
			weir_buf_u8(out, ',');
		put_csv_value(w, out, w->record ? w->type->fields[i].type->kind : w->type->kind, b->cols[i], row);
	}
	weir_buf_u8(out, '\n');
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
	case WEIR_TIMESTAMP:
		weir_buf_u8(out, '"');
		(void)put_plain(out, t->kind, col, row);
		weir_buf_u8(out, '"');
		return 0;
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
		return put_plain(out, t->kind, col, row) ? 0 : weir_type_value_json(t, (const char *)col + (size_t)row * t->size, out);
	}
}

static int put_json_row(const struct weir_row_writer *w, const struct weir_batch *b, uint32_t row, struct weir_buf *out)
{
	int rc = 0;

	if (!w->record) {
		rc = put_json_value(out, w->type, b->cols[0], row);
	} else {
		for (uint32_t i = 0, at = 0; !rc && i < w->ncols; at = w->key_ends[i++]) {
			weir_buf_put(out, w->keys.data + at, w->key_ends[i] - at);
			rc = put_json_value(out, w->type->fields[i].type, b->cols[i], row);
		}
		weir_buf_text(out, w->ncols ? "}" : "{}");
	}
	weir_buf_u8(out, '\n');
	return rc;
}

int weir_row_writer_put(struct weir_row_writer *w, const struct weir_batch *b, const struct weir_select *rows, struct weir_buf *out, struct weir_error *err)
{
	bool all = !rows || !rows->rows;
	uint32_t n = all ? b->rows : rows->n;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < n; i++) {
		uint32_t row = all ? i : rows->rows[i];

		weir_buf_put(out, w->prefix, w->prefix_len);
		if (w->format == WEIR_ROWS_CSV)
			put_csv_row(w, b, row, out);
		else
			rc = put_json_row(w, b, row, out);
	}
	if (rc)
		return weir_error_set(err, rc, "a row cannot be written as JSON");
	return weir_buf_error(out) ? weir_error_set(err, WEIR_ENOMEM, "out of memory for rows to write") : 0;
}
