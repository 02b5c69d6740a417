// SPDX-License-Identifier: Apache-2.0
/*
 * Row parsers: what the formats share, and lines of text.
 *
 * Invariants
 *  1. A row is in the batch wholly or not at all: b->rows grows when its last field is stored.
 *  2. Text longer than a short view lies in the batch's arena, so the bytes that were parsed may go.
 *  3. run() always gets on: it consumes a row, or says MORE, END, FULL or NOMEM. A row that may not become longer (cursor->full) is bad.
 * One parser per thread. Fails on foreign input by WEIR_ROWS_BAD, and for want of memory.
 */
#include "runtime/format_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

char *weir__text_room_slow(struct weir_row_parser *ps, struct weir_batch *b, size_t n)
{
	size_t size = n + WEIR_TEXT_SLACK > 4096 ? n + WEIR_TEXT_SLACK : 4096;
	char *to = weir_arena_alloc(weir_batch_arena(b), size, 1);

	if (!to)
		return NULL;
	if (size - n >= (size_t)(ps->text_end - ps->text)) { /* keep the larger rest */
		ps->text = to + n;
		ps->text_end = to + size;
	}
	return to;
}

void weir__row_fault(struct weir_row_fault *f, const char *row, const char *row_end, uint64_t line)
{
	if (row_end > row && row_end[-1] == '\n')
		row_end--;
	if (row_end > row && row_end[-1] == '\r')
		row_end--;
	f->row = row;
	f->row_len = (size_t)(row_end - row);
	f->line = line;
}

void weir__row_blame(struct weir_row_fault *f, uint32_t column, const char *name, const char *p, size_t n, const char *fmt, ...)
{
	va_list ap;

	f->column = column;
	f->name = name;
	f->text = p;
	f->text_len = n;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

enum weir_store weir__store_rare(struct weir_row_parser *ps, struct weir_batch *b, uint32_t field, uint32_t row, const char *p, size_t n, bool strict)
{
	void *col = b->cols[field];
	bool ok = false;
	size_t len;
	char *to;

	switch (ps->fields[field].kind) {
	case WEIR_BOOLEAN:
		ok = weir__parse_bool(p, n, (bool *)col + row);
		break;
	case WEIR_FLOAT:
		ok = weir__parse_f32(p, n, strict, (float *)col + row);
		break;
	case WEIR_DOUBLE:
		ok = weir__parse_f64(p, n, strict, (double *)col + row);
		break;
	case WEIR_CHAR:
		ok = weir__parse_char(p, n, (uint16_t *)col + row);
		break;
	case WEIR_BYTES:
		to = weir__text_room(ps, b, n / 4 * 3);
		if (!to)
			return WEIR_STORE_NOMEM;
		ok = weir__parse_base64(p, n, to, &len);
		if (ok)
			((struct weir_str *)col)[row] = weir_str_view(to, (uint32_t)len);
		break;
	default:
		break;
	}
	return ok ? WEIR_STORE_OK : WEIR_STORE_BAD;
}

static bool record(const struct weir_type *t)
{
	return t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO;
}

static int check_type(enum weir_rows_format format, const struct weir_type *t, struct weir_error *err)
{
	static const char *const formats[] = { "text", "CSV", "JSON" };

	if (!record(t)) {
		if (!weir__value_scalar(t->kind) || (format == WEIR_FORMAT_TEXT && t->kind != WEIR_STRING))
			return weir_error_set(err, WEIR_EINVALID, "a row of %s cannot be read as %s; use a record of simple fields", formats[format],
					      weir__value_kind(t->kind));
		return 0;
	}
	if (format == WEIR_FORMAT_TEXT && (t->nfields != 1 || t->fields[0].type->kind != WEIR_STRING))
		return weir_error_set(err, WEIR_EINVALID, "lines of text need a record with one field, a string");
	for (uint32_t i = 0; i < t->nfields; i++) {
		const struct weir_field *f = &t->fields[i];

		if (!f->name)
			return weir_error_set(err, WEIR_EINVALID, "field %u of the record has no name, so no column of %s can be its own", i + 1, formats[format]);
		if (!weir__value_scalar(f->type->kind))
			return weir_error_set(err, WEIR_EINVALID, "field %s is a %s, which %s rows cannot be read into; they hold simple values only", f->name,
					      weir__value_kind(f->type->kind), formats[format]);
	}
	if (t->nfields == 0)
		return weir_error_set(err, WEIR_EINVALID, "the record has no fields");
	return 0;
}

static void spell_key(struct weir_row_field *f)
{
	char text[WEIR_TEXT_SLACK + 1] = "", mask[WEIR_TEXT_SLACK] = "";

	if (f->name_len + 2 > WEIR_TEXT_SLACK || strpbrk(f->name, "\"\\"))
		return;
	f->key_len = (uint32_t)snprintf(text, sizeof(text), "%s\":", f->name);
	memset(mask, 0xff, f->key_len);
	for (int i = 0; i < 2; i++) {
		f->key[i] = weir__load64le(text + i * 8);
		f->key_mask[i] = weir__load64le(mask + i * 8);
	}
}

int weir_row_parser_new(enum weir_rows_format format, const struct weir_type *t, char delimiter, struct weir_row_parser **out, struct weir_error *err)
{
	struct weir_row_parser *ps;
	int rc = check_type(format, t, err);

	if (rc)
		return rc;
	if (delimiter == '"' || delimiter == '\n' || delimiter == '\r')
		return weir_error_set(err, WEIR_EINVALID, "a quote or a line end cannot be the delimiter of CSV");
	ps = calloc(1, sizeof(*ps));
	if (!ps)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a row parser");
	ps->format = format;
	ps->type = t;
	ps->delimiter = delimiter ? delimiter : ',';
	ps->nfields = record(t) ? t->nfields : 1;
	ps->nullable = record(t) && t->null_offset != WEIR_NO_NULLS;
	ps->fields = calloc(ps->nfields, sizeof(*ps->fields));
	ps->columns = calloc(ps->nfields, sizeof(*ps->columns));
	ps->index = format == WEIR_FORMAT_CSV ? weir__csv_index_new() : NULL;
	if (!ps->fields || !ps->columns || (format == WEIR_FORMAT_CSV && !ps->index) || weir_row_parser_no_header(ps)) {
		weir_row_parser_free(ps);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a row parser");
	}
	for (uint32_t i = 0; i < ps->nfields; i++) {
		struct weir_row_field *f = &ps->fields[i];

		f->kind = record(t) ? t->fields[i].type->kind : t->kind;
		f->name = record(t) ? t->fields[i].name : "value";
		f->name_len = (uint32_t)strlen(f->name);
		spell_key(f);
	}
	*out = ps;
	return 0;
}

static void free_header(struct weir_row_parser *ps)
{
	for (uint32_t i = 0; ps->header && i < ps->ncolumns; i++)
		free(ps->header[i]);
	free(ps->header);
	ps->header = NULL;
}

void weir_row_parser_free(struct weir_row_parser *ps)
{
	if (!ps)
		return;
	free_header(ps);
	free(ps->fields);
	free(ps->columns);
	free(ps->spans);
	free(ps->index);
	free(ps);
}

int weir_row_parser_no_header(struct weir_row_parser *ps)
{
	free_header(ps);
	if (ps->span_cap < ps->nfields) {
		struct weir_csv_span *spans = realloc(ps->spans, ps->nfields * sizeof(*spans));

		if (!spans)
			return WEIR_ENOMEM;
		ps->spans = spans;
		ps->span_cap = ps->nfields;
	}
	ps->ncolumns = ps->nfields;
	for (uint32_t i = 0; i < ps->nfields; i++)
		ps->columns[i] = (struct weir_csv_column){ i, i };
	return 0;
}

static enum weir_rows_stop text_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault)
{
	while (b->rows < max) {
		const char *end, *next;
		enum weir_store s;

		if ((c->limit && c->p >= c->limit) || (c->last && c->p == c->end))
			return WEIR_ROWS_END;
		if (!weir__row_line(c, &end, &next))
			return WEIR_ROWS_MORE;
		s = weir__store_text(ps, b, 0, b->rows, c->p, (size_t)(end - c->p), false);
		if (s == WEIR_STORE_NOMEM)
			return WEIR_ROWS_NOMEM;
		if (s == WEIR_STORE_BAD) {
			weir__row_fault(fault, c->p, end, c->lines);
			weir__row_blame(fault, 0, NULL, c->p, (size_t)(end - c->p), "expected %s", weir__value_expected(WEIR_STRING));
		}
		c->p = next;
		c->lines++;
		if (s == WEIR_STORE_BAD)
			return WEIR_ROWS_BAD;
		b->rows++;
	}
	return WEIR_ROWS_FULL;
}

/* The row is as long as a row may be and has not ended: give it up as one bad line. */
static enum weir_rows_stop give_up(struct weir_row_cursor *c, struct weir_row_fault *fault)
{
	const char *nl = memchr(c->p, '\n', (size_t)(c->end - c->p)), *next = nl ? nl + 1 : c->end;

	weir__row_fault(fault, c->p, next, c->lines);
	weir__row_blame(fault, 0, NULL, NULL, 0, "the row does not end within %zu MiB (is a quote not closed?)", (size_t)(c->end - c->p) >> 20);
	c->p = next;
	c->lines++;
	c->full = false; /* of the rows behind it nothing is known */
	return WEIR_ROWS_BAD;
}

enum weir_rows_stop weir_row_parser_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault)
{
	enum weir_rows_stop stop;

	ps->text = ps->text_end = NULL; /* the batch may be another one */
	*fault = (struct weir_row_fault){ 0 };
	if (ps->format == WEIR_FORMAT_CSV)
		stop = weir__csv_run(ps, c, b, max, fault);
	else if (ps->format == WEIR_FORMAT_JSON)
		stop = weir__json_run(ps, c, b, max, fault);
	else
		stop = text_run(ps, c, b, max, fault);
	if (stop == WEIR_ROWS_MORE && c->full)
		return give_up(c, fault);
	return stop;
}
