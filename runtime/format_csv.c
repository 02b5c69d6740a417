// SPDX-License-Identifier: Apache-2.0
/*
 * Reading CSV (RFC 4180) into columns. Rows that need no care are taken many at a time (format_csv_plain.c). Each other row is cut into spans, then the
 * spans that the record wants are converted; what is wrong with a row is found and said here.
 *
 * Rules beyond the RFC
 *  1. Lines end with LF or CRLF. A line with nothing on it is skipped, unless the file has one column.
 *  2. A quote opens a quoted field only at its start; elsewhere it is an ordinary character. After the closing quote the field ends.
 *  3. Every row has as many fields as the header (without one: as the record).
 *  4. An unquoted empty field is empty text; where the record can hold nulls it is null text. It is no number, time or boolean.
 * Pure over the cursor; memory for spans only when a header is taken.
 */
#include "runtime/format_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define FEW 8u       /* plain rows */
#define LONGEST 128u /* rows read alone */

enum scan { SCAN_ROW, SCAN_MORE, SCAN_TEXT_AFTER_QUOTE, SCAN_OPEN_QUOTE };

struct row {
	const char *next;    /* the row after it */
	const char *fault;   /* SCAN_TEXT_AFTER_QUOTE, SCAN_OPEN_QUOTE: where */
	uint32_t n;          /* fields; only the first span_cap have spans */
	uint64_t lines;      /* line ends inside quotes */
};

static inline void add_span(struct weir_row_parser *ps, struct row *r, const char *from, const char *to)
{
	if (r->n < ps->span_cap)
		ps->spans[r->n] = (struct weir_csv_span){ from, (uint32_t)(to - from), false, false };
	r->n++;
}

/* A field that begins with a quote. On SCAN_ROW *p is at the delimiter or line end behind it, or at the end of the last bytes. */
static enum scan scan_quoted(struct weir_row_parser *ps, const struct weir_row_cursor *c, struct row *r, const char **p)
{
	const char *from = *p + 1, *q = from;
	bool escaped = false;

	for (;;) {
		q = q < c->end ? memchr(q, '"', (size_t)(c->end - q)) : NULL;
		if (!q) {
			r->fault = *p;
			return c->last ? SCAN_OPEN_QUOTE : SCAN_MORE;
		}
		if (q + 1 == c->end && !c->last)
			return SCAN_MORE;
		if (q + 1 == c->end || q[1] != '"')
			break;
		escaped = true;
		q += 2;
	}
	if (r->n < ps->span_cap)
		ps->spans[r->n] = (struct weir_csv_span){ from, (uint32_t)(q - from), true, escaped };
	r->n++;
	for (const char *l = from; (l = memchr(l, '\n', (size_t)(q - l))); l++)
		r->lines++;
	*p = q + 1;
	if (*p < c->end && **p == '\r') {
		if (*p + 1 == c->end && !c->last)
			return SCAN_MORE;
		if (*p + 1 == c->end || (*p)[1] == '\n')
			(*p)++;
	}
	if (*p < c->end && **p != '\n' && **p != ps->delimiter) {
		r->fault = *p;
		return SCAN_TEXT_AFTER_QUOTE;
	}
	return SCAN_ROW;
}

/* The last field of the row ends at `to`, a line feed or the end of the bytes. */
static inline void last_span(struct weir_row_parser *ps, struct row *r, const char *from, const char *to)
{
	add_span(ps, r, from, to > from && to[-1] == '\r' ? to - 1 : to);
}

/* Cut the row at c->p into spans. */
static enum scan scan_row(struct weir_row_parser *ps, const struct weir_row_cursor *c, struct row *r)
{
	const char *field = c->p, *word = c->p, *end = c->end;

	r->n = 0;
	r->lines = 0;
	for (;;) {
		uint64_t x, hits;

		while (field < end && *field == '"') { /* only ever at the start of a field */
			enum scan s = scan_quoted(ps, c, r, &field);

			if (s != SCAN_ROW)
				return s;
			if (field == end || *field == '\n') {
				r->next = field == end ? end : field + 1;
				return SCAN_ROW;
			}
			word = ++field;
		}
		if (word >= end)
			break;
		x = weir__load64le(word); /* slack: readable */
		hits = weir__zero_bytes(x ^ WEIR__EACH_BYTE(ps->delimiter)) | weir__zero_bytes(x ^ WEIR__EACH_BYTE('\n'));
		for (; hits; hits &= hits - 1) {
			const char *at = word + (__builtin_ctzll(hits) >> 3);

			if (at >= end)
				break;
			if (*at == '\n') {
				last_span(ps, r, field, at);
				r->next = at + 1;
				return SCAN_ROW;
			}
			add_span(ps, r, field, at);
			field = at + 1;
			if (*field == '"' && field < end) /* slack: readable */
				break;
		}
		word = hits && field > word && field < end && *field == '"' ? field : word + 8;
	}
	if (!c->last)
		return SCAN_MORE;
	last_span(ps, r, field < end ? field : end, end);
	r->next = end;
	return SCAN_ROW;
}

/* Doubled quotes made single, in the batch. NULL when out of memory. */
static char *unquote(struct weir_row_parser *ps, struct weir_batch *b, const struct weir_csv_span *s, size_t *out_n)
{
	char *to = weir__text_room(ps, b, s->len), *at = to;

	for (uint32_t i = 0; to && i < s->len; i++) {
		*at++ = s->p[i];
		i += s->p[i] == '"';
	}
	*out_n = (size_t)(at - to);
	return to;
}

static inline enum weir_store store(struct weir_row_parser *ps, struct weir_batch *b, uint32_t field, const struct weir_csv_span *s)
{
	struct weir_row_field *f = &ps->fields[field];
	const char *p = s->p;
	size_t n = s->len;
	int64_t v;

	if (__builtin_expect(s->escaped, 0)) {
		p = unquote(ps, b, s, &n);
		if (!p)
			return WEIR_STORE_NOMEM;
	}
	switch (f->kind) {
	case WEIR_INT8:
	case WEIR_INT16:
	case WEIR_INT32:
	case WEIR_INT64:
		return weir__parse_i64(p, n, &v) && weir__store_int(f->kind, b->cols[field], b->rows, v) ? WEIR_STORE_OK : WEIR_STORE_BAD;
	case WEIR_TIMESTAMP:
		return weir__parse_time(&f->dates, p, n, (int64_t *)b->cols[field] + b->rows) ? WEIR_STORE_OK : WEIR_STORE_BAD;
	case WEIR_STRING:
		if (n == 0 && ps->nullable && !s->quoted) {
			((struct weir_str *)b->cols[field])[b->rows] = WEIR_STR_NULL;
			return WEIR_STORE_OK;
		}
		return weir__store_text(ps, b, field, b->rows, p, n, s->escaped);
	case WEIR_BYTES:
		if (n == 0 && ps->nullable && !s->quoted) {
			((struct weir_str *)b->cols[field])[b->rows] = WEIR_STR_NULL;
			return WEIR_STORE_OK;
		}
		return weir__store_rare(ps, b, field, b->rows, p, n, false);
	default:
		return weir__store_rare(ps, b, field, b->rows, p, n, false);
	}
}

static void blame_scan(struct weir_row_fault *fault, const struct weir_row_parser *ps, const struct row *r, enum scan s, const char *end)
{
	uint32_t column = s == SCAN_OPEN_QUOTE ? r->n : r->n - 1; /* a field whose quote was closed has been counted */
	const char *name = column < ps->ncolumns && ps->header ? ps->header[column] : NULL;
	size_t left = (size_t)(end - r->fault);

	if (s == SCAN_OPEN_QUOTE)
		weir__row_blame(fault, column + 1, name, r->fault, left, "the quote that opens here is never closed");
	else
		weir__row_blame(fault, column + 1, name, r->fault, left < 20 ? left : 20,
				"text stands behind a closing quote; a quote inside a quoted field is written twice");
}

/* A row that could not be cut: it is given up until the next line end. */
static enum weir_rows_stop bad_scan(struct weir_row_parser *ps, struct weir_row_cursor *c, const struct row *r, enum scan s, struct weir_row_fault *fault)
{
	const char *nl = memchr(c->p, '\n', (size_t)(c->end - c->p)), *next = nl ? nl + 1 : c->end, *row_end;

	if (!nl && !c->last)
		return WEIR_ROWS_MORE;
	weir__row_fault(fault, c->p, next, c->lines);
	row_end = fault->row + fault->row_len;
	blame_scan(fault, ps, r, s, r->fault < row_end ? row_end : c->end);
	c->p = next;
	c->lines++;
	return WEIR_ROWS_BAD;
}

static void blame_value(struct weir_row_fault *fault, const struct weir_row_parser *ps, const struct weir_csv_column *col)
{
	const struct weir_csv_span *s = &ps->spans[col->column];
	enum weir_kind kind = ps->fields[col->field].kind;

	weir__row_blame(fault, col->column + 1, ps->fields[col->field].name, s->p, s->len, "expected %s", weir__value_expected(kind));
}

/* Store the row's fields. OK, or the column that failed in *out_bad. */
static inline enum weir_store store_row(struct weir_row_parser *ps, struct weir_batch *b, const struct weir_csv_column **out_bad)
{
	for (uint32_t i = 0; i < ps->nfields; i++) {
		const struct weir_csv_column *col = &ps->columns[i];
		enum weir_store s = store(ps, b, col->field, &ps->spans[col->column]);

		if (__builtin_expect(s != WEIR_STORE_OK, 0)) {
			*out_bad = col;
			return s;
		}
	}
	return WEIR_STORE_OK;
}

/* Rows that need no care. False: none. Where they seldom stand together, looking for them costs more than it saves: then more and more rows are read
 * alone before the next attempt. */
static bool take_plain(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max)
{
	uint32_t taken = weir__csv_plain(ps, c, b, max);

	if (taken == max || taken >= FEW) {
		ps->patience = 0;
	} else {
		ps->patience = ps->patience ? ps->patience * 2 : 1;
		ps->patience = ps->patience < LONGEST ? ps->patience : LONGEST;
		ps->alone = ps->patience;
	}
	return taken > 0;
}

enum weir_rows_stop weir__csv_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault)
{
	const struct weir_csv_column *bad = NULL;
	struct row r = { 0 };

	while (b->rows < max) {
		enum weir_store stored;
		enum scan s;

		if ((c->limit && c->p >= c->limit) || (c->last && c->p == c->end))
			return WEIR_ROWS_END;
		if (ps->alone == 0 && take_plain(ps, c, b, max - b->rows))
			continue;
		ps->alone -= ps->alone > 0;
		s = scan_row(ps, c, &r);
		if (s == SCAN_MORE)
			return WEIR_ROWS_MORE;
		if (s != SCAN_ROW)
			return bad_scan(ps, c, &r, s, fault);
		if (r.n == 1 && ps->ncolumns > 1 && ps->spans[0].len == 0 && !ps->spans[0].quoted) {
			c->p = r.next;
			c->lines++;
			continue;
		}
		stored = r.n == ps->ncolumns ? store_row(ps, b, &bad) : WEIR_STORE_BAD;
		if (stored == WEIR_STORE_OK) {
			b->rows++;
			c->lines += 1 + r.lines;
			c->p = r.next;
			continue;
		}
		if (stored == WEIR_STORE_NOMEM)
			return WEIR_ROWS_NOMEM;
		weir__row_fault(fault, c->p, r.next, c->lines);
		if (r.n != ps->ncolumns)
			weir__row_blame(fault, 0, NULL, fault->row, fault->row_len, "the row has %u column%s, expected %u%s", r.n, r.n == 1 ? "" : "s",
					ps->ncolumns, ps->header ? " as in the header" : "");
		else
			blame_value(fault, ps, bad);
		c->lines += 1 + r.lines;
		c->p = r.next;
		return WEIR_ROWS_BAD;
	}
	return WEIR_ROWS_FULL;
}

/* ---- headers ---- */

static int take_names(struct weir_row_parser *ps, uint32_t n, char ***out)
{
	char **names = calloc(n, sizeof(*names));

	for (uint32_t i = 0; names && i < n; i++) {
		const struct weir_csv_span *s = &ps->spans[i];
		char *to = names[i] = malloc((size_t)s->len + 1);

		for (uint32_t k = 0; to && k < s->len; k++) {
			*to++ = s->p[k];
			k += s->escaped && s->p[k] == '"';
		}
		if (!to) {
			while (i > 0)
				free(names[--i]);
			free(names);
			return WEIR_ENOMEM;
		}
		*to = 0;
	}
	*out = names;
	return names ? 0 : WEIR_ENOMEM;
}

static void list_names(char *text, size_t size, char *const *names, uint32_t n)
{
	size_t at = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i ? ", " : "", names[i]);
}

static int map_columns(struct weir_row_parser *ps, struct weir_error *err)
{
	uint32_t found = 0;
	char list[400];

	for (uint32_t c = 0; c < ps->ncolumns; c++) {
		for (uint32_t f = 0; f < ps->nfields; f++) {
			if (strcmp(ps->header[c], ps->fields[f].name) != 0)
				continue;
			for (uint32_t k = 0; k < found; k++)
				if (ps->columns[k].field == f)
					return weir_error_set(err, WEIR_EPARSE, "line 1: the header names column %s twice", ps->header[c]);
			ps->columns[found++] = (struct weir_csv_column){ c, f };
		}
	}
	for (uint32_t f = 0; f < ps->nfields; f++) {
		uint32_t k = 0;

		while (k < found && ps->columns[k].field != f)
			k++;
		if (k == found) {
			list_names(list, sizeof(list), ps->header, ps->ncolumns);
			return weir_error_set(err, WEIR_EPARSE,
					      "line 1: no column is called %s, which is a field of the record; the header has: %s (no_header reads files without one)",
					      ps->fields[f].name, list);
		}
	}
	return 0;
}

enum weir_rows_stop weir_row_parser_header(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_error *err)
{
	struct row r;
	char **names;
	enum scan s;

	if (c->last && c->p == c->end)
		return WEIR_ROWS_END;
	s = scan_row(ps, c, &r);
	if (s == SCAN_MORE && !c->full)
		return WEIR_ROWS_MORE;
	if (s != SCAN_ROW) {
		weir_error_set(err, WEIR_EPARSE, "line 1: the header is not CSV: a quote is not closed, or text stands behind one");
		return WEIR_ROWS_BAD;
	}
	if (r.n > ps->span_cap) {
		struct weir_csv_span *spans = realloc(ps->spans, r.n * sizeof(*spans));

		if (!spans)
			return WEIR_ROWS_NOMEM;
		ps->spans = spans;
		ps->span_cap = r.n;
		(void)scan_row(ps, c, &r);
	}
	if (take_names(ps, r.n, &names))
		return WEIR_ROWS_NOMEM;
	if (weir_row_parser_no_header(ps)) {
		for (uint32_t i = 0; i < r.n; i++)
			free(names[i]);
		free(names);
		return WEIR_ROWS_NOMEM;
	}
	ps->header = names;
	ps->ncolumns = r.n;
	if (map_columns(ps, err))
		return WEIR_ROWS_BAD;
	c->p = r.next;
	c->lines += 1 + r.lines;
	return WEIR_ROWS_FULL;
}
