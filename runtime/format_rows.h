/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text rows <-> batches. A parser is made for one record type and fills the columns of batches straight from bytes; a writer turns
 * batches into bytes. Lines of text, CSV (RFC 4180) and NDJSON.
 *
 * A type without fields is a row of one value: a CSV column "value", a bare JSON value per line.
 */
#ifndef WEIR_RUNTIME_FORMAT_ROWS_H
#define WEIR_RUNTIME_FORMAT_ROWS_H

#include "runtime/format_value.h"
#include "runtime/op.h"

enum weir_rows_format { WEIR_FORMAT_TEXT, WEIR_FORMAT_CSV, WEIR_FORMAT_JSON };

/* ---- reading ---- */

/* Bytes to read rows from. WEIR_TEXT_SLACK more bytes than [p, end) are readable. */
struct weir_row_cursor {
	const char *p, *end;  /* p: the next row */
	const char *limit;    /* rows that start here or later belong to somebody else; NULL = none do */
	bool last;            /* nothing follows end */
	bool full;            /* the bytes end inside a row, and it may not become longer than this */
	uint64_t lines;       /* line ends passed */
};

/* A row that cannot be read. The pointers lead into the cursor's bytes. */
struct weir_row_fault {
	const char *row, *text;  /* the whole row without its line end; the part that is to blame, or NULL */
	size_t row_len, text_len;
	uint64_t line;           /* cursor->lines where the row begins */
	uint32_t column;         /* from 1; 0 = the row as a whole */
	const char *name;        /* of the column or field, or NULL */
	char what[200];          /* "expected a whole number ...", "the quote is not closed" */
};

enum weir_rows_stop {
	WEIR_ROWS_FULL, /* `max` rows are in the batch */
	WEIR_ROWS_MORE, /* more bytes are needed; p is at the row that is cut */
	WEIR_ROWS_END,  /* the limit, or the end of the last bytes */
	WEIR_ROWS_BAD,  /* *fault says what; p is behind the bad row */
	WEIR_ROWS_NOMEM,
};

struct weir_row_parser;
/* Fails with WEIR_EINVALID naming a field whose type a text row cannot hold. t must outlive the parser. */
int weir_row_parser_new(enum weir_rows_format format, const struct weir_type *t, char delimiter, struct weir_row_parser **out, struct weir_error *err) WEIR_CHECK;
void weir_row_parser_free(struct weir_row_parser *ps); /* NULL is allowed */
/* CSV: the columns as a header names them, in any order; columns that the record does not have are skipped. A field of the record without a column
 * is WEIR_EPARSE naming it. The header is the row at cursor->p; MORE and END (no bytes at all) as below, FULL when it was taken. */
enum weir_rows_stop weir_row_parser_header(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_error *err);
/* CSV without a header: the record's fields in their order. This is how a parser starts. */
int weir_row_parser_no_header(struct weir_row_parser *ps) WEIR_CHECK;
/* Append rows to b until it has `max` of them (at most WEIR_BATCH_ROWS). Text is copied into the batch. */
enum weir_rows_stop weir_row_parser_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault);

/* ---- writing ---- */

struct weir_row_writer;
/* Fails with WEIR_EINVALID naming a field that CSV cannot hold; JSON holds every type. prefix (may be NULL) stands before each row. */
int weir_row_writer_new(enum weir_row_format format, const struct weir_type *t, const char *prefix, struct weir_row_writer **out, struct weir_error *err) WEIR_CHECK;
void weir_row_writer_free(struct weir_row_writer *w); /* NULL is allowed */
/* CSV: the line with the field names. Nothing for JSON. */
void weir_row_writer_header(const struct weir_row_writer *w, struct weir_buf *out);
int weir_row_writer_put(struct weir_row_writer *w, const struct weir_batch *b, const struct weir_select *rows, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

#endif
