// SPDX-License-Identifier: Apache-2.0
/* Tables and bars. Pure. */
#include "statetool/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void weir_table_init(struct weir_table *t, const char *columns)
{
	*t = (struct weir_table){ 0 };
	for (; columns[t->columns] && t->columns < WEIR_TABLE_COLUMNS; t->columns++)
		t->right[t->columns] = columns[t->columns] == 'r';
}

size_t weir_text_width(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

void weir_table_cell(struct weir_table *t, const char *fmt, ...)
{
	char text[1024];
	size_t width, len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	width = weir_text_width(text, len);
	weir_buf_put(&t->text, text, len + 1);
	if (width > t->width[t->cell])
		t->width[t->cell] = width;
	t->cell = (t->cell + 1) % t->columns;
}

void weir_table_print(struct weir_table *t, unsigned indent, struct weir_buf *out)
{
	const char *p = (const char *)t->text.data;
	size_t left = weir_buf_error(&t->text) ? 0 : t->text.len;

	if (weir_buf_error(&t->text))
		out->code = t->text.code;
	for (uint32_t i = 0; left; i = (i + 1) % t->columns) {
		size_t len = strlen(p), pad = t->width[i] - weir_text_width(p, len);
		bool last = i + 1 == t->columns;

		weir_buf_printf(out, "%*s", i ? 2 : (int)indent, "");
		if (t->right[i])
			weir_buf_printf(out, "%*s", (int)pad, "");
		weir_buf_put(out, p, len);
		if (!t->right[i] && !last)
			weir_buf_printf(out, "%*s", (int)pad, "");
		if (last) {
			while (out->len && out->data[out->len - 1] == ' ')
				out->len--;
			weir_buf_u8(out, '\n');
		}
		p += len + 1;
		left -= len + 1;
	}
	weir_buf_fini(&t->text);
	memset(t->width, 0, sizeof(t->width));
	t->cell = 0;
}

void weir_bar(uint64_t part, uint64_t whole, unsigned width, struct weir_buf *out)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned n = whole ? (unsigned)((double)(part < whole ? part : whole) / (double)whole * width * 8 + 0.5) : 0;

	if (part && !n)
		n = 1;
	for (unsigned i = 0; i < n / 8; i++)
		weir_buf_text(out, "█");
	weir_buf_text(out, eighths[n % 8]);
}
