/* SPDX-License-Identifier: Apache-2.0 */
/* What the row formats share: format_rows.c, format_csv.c, format_csv_plain.c, format_json.c. */
#ifndef WEIR_RUNTIME_FORMAT_PRIV_H
#define WEIR_RUNTIME_FORMAT_PRIV_H

#include "runtime/format_rows.h"

struct weir_row_field {
	enum weir_kind kind;
	const char *name;
	uint32_t name_len;
	uint32_t key_len;           /* JSON: of the name as it is mostly spelled, with quote and colon behind it; 0 = none, it is long or has escapes */
	uint64_t key[2], key_mask[2]; /* its bytes */
	uint32_t stamp;             /* JSON: the row it was last seen in */
	struct weir_date_cache dates;
};

struct weir_csv_span {              /* one field of the row being read */
	const char *p;
	uint32_t len;
	bool quoted, escaped;       /* escaped: doubled quotes inside */
};
struct weir_csv_column {
	uint32_t column, field;     /* column of the file -> field of the record; ascending by column */
};

struct weir_row_parser {
	enum weir_rows_format format;
	const struct weir_type *type;
	uint32_t nfields;
	struct weir_row_field *fields;
	bool nullable;              /* the record has a null bitmap */
	/* CSV */
	char delimiter;
	uint32_t ncolumns, span_cap;
	struct weir_csv_span *spans; /* max(ncolumns, nfields, 1) */
	struct weir_csv_column *columns; /* nfields */
	struct weir_csv_index *index; /* NULL: another format */
	uint32_t alone, patience;   /* rows to read one by one before plain ones are looked for again; how many it was the last time */
	char **header;              /* ncolumns names, or NULL */
	/* JSON */
	uint32_t stamp;
	/* room for long text, in the arena of the batch being filled */
	char *text, *text_end;
};

/* Room for n bytes of text and the slack behind them, in b. NULL when out of memory. */
char *weir__text_room_slow(struct weir_row_parser *ps, struct weir_batch *b, size_t n);
static inline char *weir__text_room(struct weir_row_parser *ps, struct weir_batch *b, size_t n)
{
	if ((size_t)(ps->text_end - ps->text) >= n + WEIR_TEXT_SLACK) {
		char *to = ps->text;

		ps->text += n;
		return to;
	}
	return weir__text_room_slow(ps, b, n);
}

enum weir_store { WEIR_STORE_OK, WEIR_STORE_BAD, WEIR_STORE_NOMEM };
/* Put text into a row of a string column. Slack behind p. `owned`: p already lies in the batch. */
static inline enum weir_store weir__store_text(struct weir_row_parser *ps, struct weir_batch *b, uint32_t field, uint32_t row, const char *p, size_t n,
						   bool owned)
{
	struct weir_str *to = (struct weir_str *)b->cols[field] + row;

	if (!weir__utf8_valid(p, n))
		return WEIR_STORE_BAD;
	if (n <= WEIR_STR_INLINE) {
		*to = weir__short_str(p, (uint32_t)n);
		return WEIR_STORE_OK;
	}
	if (!owned) {
		char *copy = weir__text_room(ps, b, n);

		if (!copy)
			return WEIR_STORE_NOMEM;
		memcpy(copy, p, n);
		p = copy;
	}
	*to = weir_str_view(p, (uint32_t)n);
	return WEIR_STORE_OK;
}
/* The same for the kinds that are rare: boolean, char, bytes, float, double. strict: as JSON spells. */
enum weir_store weir__store_rare(struct weir_row_parser *ps, struct weir_batch *b, uint32_t field, uint32_t row, const char *p, size_t n, bool strict);

void weir__row_fault(struct weir_row_fault *f, const char *row, const char *row_end, uint64_t line);
/* Blame [p, p + n) of a column. */
void weir__row_blame(struct weir_row_fault *f, uint32_t column, const char *name, const char *p, size_t n, const char *fmt, ...) WEIR_PRINTF(6, 7);

enum weir_rows_stop weir__csv_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault);
/* Append rows that need no care, as many as stand together at c->p, up to max. 0: the next row must be read by itself. */
uint32_t weir__csv_plain(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max);
struct weir_csv_index *weir__csv_index_new(void); /* freed with free() */
enum weir_rows_stop weir__json_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault);

/* The line at c->p: its end (without line end) and where the next one starts. False: the bytes end inside it. */
static inline bool weir__row_line(const struct weir_row_cursor *c, const char **out_end, const char **out_next)
{
	const char *nl = memchr(c->p, '\n', (size_t)(c->end - c->p));

	if (!nl && !c->last)
		return false;
	*out_next = nl ? nl + 1 : c->end;
	*out_end = nl ? nl : c->end;
	if (*out_end > c->p && (*out_end)[-1] == '\r')
		(*out_end)--;
	return true;
}

#endif
