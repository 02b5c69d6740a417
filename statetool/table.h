/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people: cells are gathered, columns are as wide as their widest cell. Numbers stand right. Small bars for proportions.
 * Out of memory is sticky in the buffer that it is printed to.
 */
#ifndef WEIR_STATETOOL_TABLE_H
#define WEIR_STATETOOL_TABLE_H

#include "base/buf.h"
#include "base/vec.h"

enum { WEIR_TABLE_COLUMNS = 12 };

struct weir_table {
	struct weir_buf text;     /* all cells, each ended by a NUL */
	uint32_t columns, cell;   /* of the table; of the row at hand */
	bool right[WEIR_TABLE_COLUMNS];
	size_t width[WEIR_TABLE_COLUMNS];
};

/* columns: "l" or "r" for each: "lrr". */
void weir_table_init(struct weir_table *t, const char *columns);
/* The next cell; rows follow each other without a mark. */
void weir_table_cell(struct weir_table *t, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* Print with `indent` blanks in front and two between columns, and free the cells; the columns stay. */
void weir_table_print(struct weir_table *t, unsigned indent, struct weir_buf *out);
/* A bar of part/whole of `width` characters, in eighths. */
void weir_bar(uint64_t part, uint64_t whole, unsigned width, struct weir_buf *out);
/* How many characters of a terminal a text takes (each character counts one). */
size_t weir_text_width(const char *text, size_t len);

#endif
