// SPDX-License-Identifier: Apache-2.0
/*
 * Text rows. Byte 0: format (2 bits), header; byte 1: how many bytes arrive at a time; then the rows. What must hold for any bytes: the rows and the complaints
 * do not depend on how the bytes arrive, and what was read is written and read again as the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/format_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVERY(F) F(string, s) F(int32, i) F(timestamp, t) F(boolean, b) F(double, d) F(float, f) F(char, c) F(bytes, y) F(int8, i8) F(int64, l)
WEIR_RECORD(every, EVERY)
#define FEW(F) F(string, s) F(int32, i)
WEIR_RECORD(few, FEW)

struct how {
	enum weir_rows_format format;
	const struct weir_type *type;
	bool header;
	size_t chunk;
};

static void demand(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static void flush(struct weir_row_writer *w, struct weir_batch **b, const struct weir_type *t, struct weir_buf *rows)
{
	demand(weir_row_writer_put(w, *b, NULL, rows, NULL) == 0, "rows cannot be written");
	weir_batch_unref(*b);
	*b = weir_batch_new(t, false);
	demand(*b != NULL, "memory");
}

/* Rows as text of `out_format`; complaints are counted, and put among the rows when `complaints`. */
static size_t read_rows(struct how how, const char *bytes, size_t n, enum weir_row_format out_format, bool complaints, struct weir_buf *rows)
{
	char *copy = malloc(n + WEIR_TEXT_SLACK);
	struct weir_row_cursor c = { .p = copy, .end = copy };
	struct weir_row_parser *ps;
	struct weir_row_writer *w;
	struct weir_batch *b = weir_batch_new(how.type, false);
	bool header = how.header;
	size_t bad = 0;

	demand(copy && b && weir_row_parser_new(how.format, how.type, 0, &ps, NULL) == 0 && weir_row_writer_new(out_format, how.type, NULL, &w, NULL) == 0, "memory");
	memcpy(copy, bytes, n);
	memset(copy + n, 'x', WEIR_TEXT_SLACK);
	for (;;) {
		struct weir_row_fault fault;
		enum weir_rows_stop stop = header ? weir_row_parser_header(ps, &c, NULL) : weir_row_parser_run(ps, &c, b, 100, &fault);

		if (stop == WEIR_ROWS_END || (header && stop == WEIR_ROWS_BAD))
			break;
		demand(stop != WEIR_ROWS_NOMEM, "memory");
		if (stop == WEIR_ROWS_MORE) {
			demand(!c.last, "more is wanted behind the end");
			c.end += how.chunk < (size_t)(copy + n - c.end) ? how.chunk : (size_t)(copy + n - c.end);
			c.last = c.end == copy + n;
			continue;
		}
		header = false;
		if (stop == WEIR_ROWS_FULL && b->rows < 100)
			continue; /* it was the header */
		flush(w, &b, how.type, rows);
		if (stop == WEIR_ROWS_BAD) {
			bad++;
			demand(fault.row >= copy && fault.row + fault.row_len <= c.end, "the bad row lies outside");
			demand(!fault.text || fault.text_len <= n, "the text to blame is too long");
			if (complaints)
				weir_buf_printf(rows, "! %llu %u %s %zu\n", (unsigned long long)fault.line, fault.column, fault.what, fault.row_len);
		}
	}
	flush(w, &b, how.type, rows);
	weir_batch_unref(b);
	weir_row_writer_free(w);
	weir_row_parser_free(ps);
	free(copy);
	return bad;
}

static bool same(const struct weir_buf *a, const struct weir_buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct how how;
	struct weir_buf whole = { 0 }, cut = { 0 }, text = { 0 }, first = { 0 }, second = { 0 };
	const char *rows = (const char *)data + 2;

	if (size < 2 || size > 4096 || weir_type_prepare(&every_type, NULL) || weir_type_prepare(&few_type, NULL))
		return 0;
	size -= 2;
	how.format = data[0] & 1 ? WEIR_FORMAT_JSON : WEIR_FORMAT_CSV;
	how.type = data[0] & 2 ? &every_type : &few_type;
	how.header = data[0] & 4 && how.format == WEIR_FORMAT_CSV;
	how.chunk = size + 1;
	(void)read_rows(how, rows, size, WEIR_ROWS_JSON, true, &whole);
	how.chunk = 1u + data[1] % 61;
	(void)read_rows(how, rows, size, WEIR_ROWS_JSON, true, &cut);
	demand(same(&whole, &cut), "rows depend on how the bytes arrive");

	how.chunk = size + 1;
	(void)read_rows(how, rows, size, WEIR_ROWS_JSON, false, &first);
	(void)read_rows(how, rows, size, how.format == WEIR_FORMAT_CSV ? WEIR_ROWS_CSV : WEIR_ROWS_JSON, false, &text);
	how.header = false;
	how.chunk = text.len + 1;
	demand(read_rows(how, text.len ? (const char *)text.data : "", text.len, WEIR_ROWS_JSON, false, &second) == 0, "what was written cannot be read");
	if (how.format == WEIR_FORMAT_JSON) /* CSV has no null text */
		demand(same(&first, &second), "what was written reads differently");
	else if (!memmem(first.data ? first.data : (const uint8_t *)"", first.len, "null", 4))
		demand(same(&first, &second), "what was written reads differently");
	weir_buf_fini(&whole);
	weir_buf_fini(&cut);
	weir_buf_fini(&text);
	weir_buf_fini(&first);
	weir_buf_fini(&second);
	return 0;
}
