// SPDX-License-Identifier: Apache-2.0
/*
 * Plain CSV rows, many at a time. Delimiters, line feeds and quotes of 64 bytes become bit masks; the masks become a list of where fields end; then each
 * column of the record is converted for all rows in a loop of its own.
 *
 * Invariants
 *  1. Only rows that are right are taken, whole and in order: the first row that is anything else (an escaped quote, a line break or a lone quote in a
 *     field, another number of columns, a value that does not fit) is left with all behind it to format_csv.c, which reads it or says what is wrong.
 *  2. What is taken is exactly what format_csv.c would have made of it.
 * Pure over the cursor; memory for long text only. Out of memory ends the rows taken; the row-by-row reader meets it again and reports it.
 */
#include "runtime/format_priv.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FIELDS 1024u  /* that one pass takes, about: text, list and columns stay in the first-level cache */
#define MASKS 1024u   /* 64 KiB of text */
#define MOST 1024u    /* rows */

struct weir_csv_index {
	uint32_t n;           /* fields whose end is known */
	uint32_t reach;       /* rows to look at the next time: few where plain rows are seldom together, so that little is looked at in vain */
	bool quotes;          /* some fields are quoted */
	bool high;            /* some bytes are not ASCII */
	uint64_t newlines[MASKS]; /* that end a row, by block */
	uint32_t ends[1 + FIELDS + 64 + 12]; /* [0] is UINT32_MAX, as if a field ended before the first: field i is [ends[i] + 1, ends[i + 1]) for every i */
};

struct weir_csv_index *weir__csv_index_new(void)
{
	struct weir_csv_index *ix = malloc(sizeof(*ix));

	if (ix) {
		ix->ends[0] = UINT32_MAX;
		ix->reach = MOST;
	}
	return ix;
}

/* ---- 64 bytes to masks: bit i stands for byte i ---- */

struct marks { uint64_t delimiter, newline, quote, high; }; /* high: whether, not where */

#ifdef __SSE2__
static inline __m128i load16(const char *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
static inline uint64_t bits_of(__m128i x) { return (uint32_t)_mm_movemask_epi8(x); }

#define SAME(x, letter) bits_of(_mm_cmpeq_epi8(x, _mm_set1_epi8(letter)))
#define ALL(letter) (SAME(a, letter) | SAME(b, letter) << 16 | SAME(c, letter) << 32 | SAME(d, letter) << 48)

static inline uint64_t letters_of(const char *p, char letter)
{
	const __m128i a = load16(p), b = load16(p + 16), c = load16(p + 32), d = load16(p + 48);

	return ALL(letter);
}

static inline struct marks marks_of(const char *p, char delimiter)
{
	const __m128i a = load16(p), b = load16(p + 16), c = load16(p + 32), d = load16(p + 48);

	return (struct marks){ ALL(delimiter), ALL('\n'), ALL('"'), bits_of(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) };
}
#else
/* 0x80 in bytes to bits. */
static inline uint64_t bits_of(uint64_t x) { return (x >> 7) * 0x0102040810204080u >> 56; }

static inline uint64_t letters_of(const char *p, char letter)
{
	uint64_t m = 0;

	for (int i = 0; i < 64; i += 8)
		m |= bits_of(weir__zero_bytes(weir__load64le(p + i) ^ WEIR__EACH_BYTE(letter))) << i;
	return m;
}

static inline struct marks marks_of(const char *p, char delimiter)
{
	struct marks m = { letters_of(p, delimiter), letters_of(p, '\n'), letters_of(p, '"'), 0 };

	for (int i = 0; i < 64; i += 8)
		m.high |= weir__load64le(p + i) & WEIR__HIGH_BITS;
	return m;
}
#endif

/* ---- where fields end ---- */

struct quoting {
	uint64_t inside;      /* all ones: the last byte was inside quotes */
	uint64_t ended;       /* 1: it was a delimiter or line feed (or nothing was before): a quote may open */
	uint64_t closed;      /* 1: it was a closing quote */
	uint64_t returned;    /* 1: it was a carriage return behind a closing quote */
};

/* Take away what lies inside quotes. Returns where something begins that is not plain, as a bit, or 0. */
static uint64_t mask_quotes(struct quoting *q, const struct marks *m, const char *p, uint64_t *hits)
{
	uint64_t in = m->quote, opens, closes, behind, returns, odd;

	for (int i = 1; i < 64; i *= 2)
		in ^= in << i; /* every byte from an opening quote to the one before the closing quote */
	in ^= q->inside;
	*hits &= ~in;
	opens = m->quote & in;
	closes = m->quote & ~in;
	behind = closes << 1 | q->closed;
	returns = behind & letters_of(p, '\r');
	odd = opens & ~(*hits << 1 | q->ended);                      /* a quote inside a field, or a doubled one */
	odd |= behind & ~(*hits | returns);                          /* text behind a closing quote */
	odd |= (returns << 1 | q->returned) & ~m->newline;
	odd |= m->newline & in;
	q->inside = (uint64_t)((int64_t)in >> 63);
	q->closed = closes >> 63;
	q->returned = returns >> 63;
	return odd & -odd;
}

static inline uint32_t count_bits(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	return (uint32_t)(((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}

/* The places of the bits of x. How many there are is hard to foresee, so they come in groups of twelve, the last ones of which mean nothing. Returns the number. */
static inline uint32_t put_ends(uint32_t *to, uint64_t x, uint32_t at)
{
	uint32_t n = count_bits(x);

#define NEXT(i) to[i] = at + (uint32_t)__builtin_ctzll(x | (uint64_t)1 << 63), x &= x - 1
	for (uint32_t i = 0; i < n; i += 12, to += 12) {
		NEXT(0), NEXT(1), NEXT(2), NEXT(3), NEXT(4), NEXT(5);
		NEXT(6), NEXT(7), NEXT(8), NEXT(9), NEXT(10), NEXT(11);
	}
	return n;
}

/* Fields of the bytes [p, end), until there are `want`, something is not plain, or the bytes end. */
static void index_fields(struct weir_csv_index *ix, const char *p, const char *end, char delimiter, uint32_t want)
{
	struct quoting q = { .ended = 1 };
	uint64_t high = 0, stop = 0;
	uint32_t block = 0, n = 0;

	ix->quotes = false;
	for (; n < want && block < MASKS && p < end && !stop; block++, p += 64) {
		char tail[64];
		const char *from = p;
		struct marks m;
		uint64_t hits;

		if (end - p < 64) {
			memset(tail, 0, sizeof(tail));
			from = memcpy(tail, p, (size_t)(end - p));
		}
		m = marks_of(from, delimiter);
		hits = m.delimiter | m.newline;
		if (__builtin_expect((m.quote | q.inside | q.closed | q.returned) != 0, 0)) {
			ix->quotes = true;
			stop = mask_quotes(&q, &m, from, &hits);
			if (stop)
				hits &= stop - 1;
		}
		q.ended = hits >> 63;
		high |= m.high;
		ix->newlines[block] = m.newline & hits;
		n += put_ends(ix->ends + 1 + n, hits, block * 64);
	}
	ix->n = n;
	ix->high = high != 0;
}

static bool ends_row(const struct weir_csv_index *ix, uint32_t end) { return ix->newlines[end / 64] >> end % 64 & 1; }

/* Rows at the front that have ncolumns fields each. */
static uint32_t whole_rows(const struct weir_csv_index *ix, uint32_t ncolumns, uint32_t max)
{
	uint32_t rows = ix->n / ncolumns < max ? ix->n / ncolumns : max, right = 0, newlines = 0, last;

	if (!rows)
		return 0;
	for (uint32_t i = 1; i <= rows; i++)
		right += ends_row(ix, ix->ends[(size_t)i * ncolumns]);
	last = ix->ends[(size_t)rows * ncolumns];
	for (uint32_t k = 0; k < last / 64; k++)
		newlines += count_bits(ix->newlines[k]);
	newlines += count_bits(ix->newlines[last / 64] & UINT64_MAX >> (63 - last % 64));
	if (right == rows && newlines == rows)
		return rows;
	for (uint32_t i = 0; i < rows; i++) /* one of them is not like the others */
		for (uint32_t k = 1; k <= ncolumns; k++)
			if (ends_row(ix, ix->ends[(size_t)i * ncolumns + k]) != (k == ncolumns))
				return i;
	return rows;
}

/* ---- columns ---- */

struct column {
	const char *text;         /* the first row */
	const uint32_t *end;      /* of this column's field in the first row */
	uint32_t step;            /* from row to row: columns of the file */
	bool careful;             /* quotes may stand around it, a carriage return may stand behind it */
	uint32_t field;           /* of the record */
};

/* The field that ends at *e. Returns whether it was quoted. */
static inline __attribute__((always_inline)) bool field_at(const struct column *c, bool careful, const uint32_t *e, const char **out_p, size_t *out_n)
{
	uint32_t from = e[-1] + 1;
	const char *p = c->text + from;
	size_t n = *e - from;

	*out_p = p;
	*out_n = n;
	if (!careful)
		return false;
	n -= n && p[n - 1] == '\r' && c->text[*e] == '\n';
	*out_n = n;
	if (!n || *p != '"')
		return false;
	*out_p = p + 1;
	*out_n = n - 2;
	return true;
}

/* Each returns how many rows went well. The column is a copy, which no store can change. */
static inline __attribute__((always_inline)) uint32_t take_ints(const struct column c, bool careful, enum weir_kind kind, void *col, uint32_t at, uint32_t rows)
{
	const uint32_t *e = c.end;
	uint32_t i;

	for (i = 0; i < rows; i++, e += c.step) {
		const char *p;
		int64_t v;
		size_t n;

		(void)field_at(&c, careful, e, &p, &n);
		if (!weir__parse_i64(p, n, &v) || !weir__store_int(kind, col, at + i, v))
			break;
	}
	return i;
}

static inline __attribute__((always_inline)) uint32_t take_times(const struct column c, bool careful, struct weir_date_cache *dates, int64_t *to, uint32_t rows)
{
	const uint32_t *e = c.end;
	uint32_t i;

	for (i = 0; i < rows; i++, e += c.step) {
		const char *p;
		size_t n;

		(void)field_at(&c, careful, e, &p, &n);
		if (!weir__parse_time_quickly(dates, p, n, &to[i]) && !weir__parse_time(dates, p, n, &to[i]))
			break;
	}
	return i;
}

static inline __attribute__((always_inline)) uint32_t take_text(const struct column c, bool careful, struct weir_row_parser *ps, struct weir_batch *b, uint32_t rows)
{
	struct weir_str *to = (struct weir_str *)b->cols[c.field] + b->rows;
	bool nullable = ps->nullable, ascii = !ps->index->high;
	const uint32_t *e = c.end;
	uint32_t i;

	for (i = 0; i < rows; i++, e += c.step) {
		const char *p;
		size_t n;
		bool quoted = field_at(&c, careful, e, &p, &n);

		if (n == 0 && nullable && !quoted)
			to[i] = WEIR_STR_NULL;
		else if (n <= WEIR_STR_INLINE && ascii)
			to[i] = weir__short_str(p, (uint32_t)n);
		else if (weir__store_text(ps, b, c.field, b->rows + i, p, n, false) != WEIR_STORE_OK)
			break;
	}
	return i;
}

static uint32_t take_rare(const struct column c, struct weir_row_parser *ps, struct weir_batch *b, uint32_t rows)
{
	bool nullable = ps->nullable && ps->fields[c.field].kind == WEIR_BYTES;
	const uint32_t *e = c.end;
	uint32_t i;

	for (i = 0; i < rows; i++, e += c.step) {
		const char *p;
		size_t n;
		bool quoted = field_at(&c, true, e, &p, &n);

		if (n == 0 && nullable && !quoted)
			((struct weir_str *)b->cols[c.field])[b->rows + i] = WEIR_STR_NULL;
		else if (weir__store_rare(ps, b, c.field, b->rows + i, p, n, false) != WEIR_STORE_OK)
			break;
	}
	return i;
}

/* A loop for each kind of column, and for fields with and without quotes. */
#define LOOP(name, ...)                                                                                                                          \
	static __attribute__((noinline)) uint32_t name(const struct column c, struct weir_row_parser *ps, struct weir_batch *b, uint32_t rows)   \
	{                                                                                                                                        \
		void *col = b->cols[c.field];                                                                                                    \
																		 \
		(void)ps, (void)col;                                                                                                             \
		return c.careful ? TAKE(true, __VA_ARGS__) : TAKE(false, __VA_ARGS__);                                                           \
	}
#define TAKE(careful, take, ...) take(c, careful, __VA_ARGS__, rows)
LOOP(take_int8, take_ints, WEIR_INT8, col, b->rows)
LOOP(take_int16, take_ints, WEIR_INT16, col, b->rows)
LOOP(take_int32, take_ints, WEIR_INT32, col, b->rows)
LOOP(take_int64, take_ints, WEIR_INT64, col, b->rows)
LOOP(take_timestamp, take_times, &ps->fields[c.field].dates, (int64_t *)col + b->rows)
LOOP(take_string, take_text, ps, b)

static uint32_t take_column(const struct column c, struct weir_row_parser *ps, struct weir_batch *b, uint32_t rows)
{
	switch (ps->fields[c.field].kind) {
	case WEIR_INT8: return take_int8(c, ps, b, rows);
	case WEIR_INT16: return take_int16(c, ps, b, rows);
	case WEIR_INT32: return take_int32(c, ps, b, rows);
	case WEIR_INT64: return take_int64(c, ps, b, rows);
	case WEIR_TIMESTAMP: return take_timestamp(c, ps, b, rows);
	case WEIR_STRING: return take_string(c, ps, b, rows);
	default: return take_rare(c, ps, b, rows);
	}
}

/* Has one of these rows a carriage return at its end? */
static bool has_returns(const struct weir_csv_index *ix, const char *text, uint32_t ncolumns, uint32_t rows)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i <= rows; i++) {
		uint32_t end = ix->ends[(size_t)i * ncolumns];

		found |= text[end ? end - 1 : 0] == '\r';
	}
	return found;
}

uint32_t weir__csv_plain(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max)
{
	struct weir_csv_index *ix = ps->index;
	uint64_t want;
	uint32_t rows;
	bool returns;

	if (ps->ncolumns > FIELDS / 4)
		return 0;
	max = max < ix->reach ? max : ix->reach;
	want = (uint64_t)max * ps->ncolumns;
	index_fields(ix, c->p, c->end, ps->delimiter, want < FIELDS ? (uint32_t)want : FIELDS);
	rows = whole_rows(ix, ps->ncolumns, max);
	while (c->limit && rows > 1 && c->p + ix->ends[(size_t)(rows - 1) * ps->ncolumns] + 1 >= c->limit) /* the first one begins before it */
		rows--;
	returns = has_returns(ix, c->p, ps->ncolumns, rows);
	for (uint32_t i = 0; rows && i < ps->nfields; i++) {
		const struct weir_csv_column *col = &ps->columns[i];
		bool careful = ix->quotes || (returns && col->column + 1 == ps->ncolumns);

		rows = take_column((struct column){ c->p, ix->ends + 1 + col->column, ps->ncolumns, careful, col->field }, ps, b, rows);
	}
	ix->reach = rows < max ? rows * 2 + 2 : rows < MOST / 4 ? rows * 4 : MOST;
	if (rows) {
		b->rows += rows;
		c->lines += rows;
		c->p += ix->ends[(size_t)rows * ps->ncolumns] + 1;
	}
	return rows;
}
