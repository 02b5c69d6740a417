// SPDX-License-Identifier: Apache-2.0
/*
 * Reading NDJSON into columns: one value per line, an object when the record has fields. Steered by the record: a value is converted as it is met,
 * and what the record does not know is skipped, though it must be JSON.
 *
 * Rules
 *  1. Fields stand in any order; when one stands twice the last counts. The next field is first looked for behind the one before, where it mostly is.
 *  2. A field that is missing is an error, and so is null, except: text is null text where the record can hold nulls (missing) or always (null).
 *  3. Whole numbers are written without fraction and exponent. A timestamp is text as in CSV, or a whole number of milliseconds since 1970.
 *  4. bytes is text in base64; char is text of one UTF-16 unit; NaN, Infinity and -Infinity are text, as the writer puts them.
 *  5. A blank line is skipped. Nesting deeper than 64 is refused.
 * Pure over the cursor.
 */
#include "runtime/format_priv.h"

#include <stdio.h>

#include "base/text.h"

#define DEPTH 64

/* One line being read. On an error `what` says which, p is where. */
struct reader {
	const char *p, *end;
	const char *what;
	bool nomem;
};

static bool fail(struct reader *r, const char *what)
{
	if (!r->what)
		r->what = what;
	return false;
}

static inline void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

static bool expect(struct reader *r, char c, const char *what)
{
	skip_blanks(r);
	if (r->p == r->end || *r->p != c)
		return fail(r, what);
	r->p++;
	return true;
}

/* ---- strings ---- */

/* p is behind the opening quote. The closing one, or NULL. *out_escaped: there are escapes. Control characters must be escaped. */
static inline const char *string_end(struct reader *r, bool *out_escaped)
{
	const char *p = r->p;

	*out_escaped = false;
	while (p < r->end) {
		uint64_t x = weir__load64le(p);
		uint64_t hits = weir__zero_bytes(x ^ WEIR__EACH_BYTE('"')) | weir__zero_bytes(x ^ WEIR__EACH_BYTE('\\')) | weir__zero_bytes(x & WEIR__EACH_BYTE(0xe0));

		if (!hits) {
			p += 8;
			continue;
		}
		p += __builtin_ctzll(hits) >> 3;
		if (p >= r->end)
			break;
		if (*p == '"')
			return p;
		if (*p != '\\') {
			r->p = p;
			fail(r, "a control character stands in a string; it must be escaped");
			return NULL;
		}
		*out_escaped = true;
		p += 2;
	}
	fail(r, "the string is not closed");
	return NULL;
}

/* *p is behind "\u". A high surrogate takes the low one that follows it. */
static bool unescape_unit(const char **p, const char *end, char **to)
{
	uint32_t c, low;

	if (end - *p < 4 || !weir_hex4(*p, &c))
		return false;
	*p += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' && weir_hex4(*p + 2, &low) && low >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*p += 6;
	}
	*to += weir_utf8_put((uint8_t *)*to, c);
	return true;
}

/* Never longer than what it came from. NULL: a bad escape. */
static char *unescape(const char *p, const char *end, char *to)
{
	while (p < end) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		switch (p[1]) { /* the scan has seen a character behind every backslash */
		case '"': case '\\': case '/': *to++ = p[1]; break;
		case 'b': *to++ = '\b'; break;
		case 'f': *to++ = '\f'; break;
		case 'n': *to++ = '\n'; break;
		case 'r': *to++ = '\r'; break;
		case 't': *to++ = '\t'; break;
		case 'u':
			p += 2;
			if (!unescape_unit(&p, end, &to))
				return NULL;
			continue;
		default: return NULL;
		}
		p += 2;
	}
	return to;
}

/* A string at r->p, its content as [*out, *out + *out_n): in the line, or (escapes, *out_owned) in the batch. */
static bool read_string(struct reader *r, struct weir_row_parser *ps, struct weir_batch *b, const char **out, size_t *out_n, bool *out_owned)
{
	const char *from = ++r->p, *end = string_end(r, out_owned);
	char *to, *to_end;

	if (!end)
		return false;
	*out = from;
	*out_n = (size_t)(end - from);
	if (*out_owned) {
		to = weir__text_room(ps, b, *out_n);
		if (!to) {
			r->nomem = true;
			return fail(r, "out of memory");
		}
		to_end = unescape(from, end, to);
		if (!to_end)
			return fail(r, "a backslash in a string is followed by something that is no escape of JSON");
		*out = to;
		*out_n = (size_t)(to_end - to);
	}
	r->p = end + 1;
	return true;
}

/* ---- values that nobody wants ---- */

static bool word(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

static const char *number_end(const struct reader *r)
{
	const char *p = r->p;

	while (p < r->end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' || *p == 'e' || *p == 'E'))
		p++;
	return p;
}

static bool skip_string(struct reader *r)
{
	bool escaped;
	const char *end;

	r->p++;
	end = string_end(r, &escaped);
	if (end)
		r->p = end + 1;
	return end != NULL;
}

static bool skip_value(struct reader *r, int depth);

static bool skip_nested(struct reader *r, int depth, char close)
{
	r->p++;
	skip_blanks(r);
	if (r->p < r->end && *r->p == close) {
		r->p++;
		return true;
	}
	for (;;) {
		if (close == '}') {
			skip_blanks(r);
			if (r->p == r->end || *r->p != '"')
				return fail(r, "expected a field name in quotes");
			if (!skip_string(r) || !expect(r, ':', "expected a colon behind the field name"))
				return false;
		}
		if (!skip_value(r, depth + 1))
			return false;
		skip_blanks(r);
		if (r->p < r->end && *r->p == ',') {
			r->p++;
			continue;
		}
		return expect(r, close, close == '}' ? "expected a comma or } in an object" : "expected a comma or ] in an array");
	}
}

static bool skip_value(struct reader *r, int depth)
{
	const char *end;

	if (depth > DEPTH)
		return fail(r, "values are nested deeper than 64");
	skip_blanks(r);
	if (r->p == r->end)
		return fail(r, "expected a value");
	switch (*r->p) {
	case '"': return skip_string(r);
	case '{': return skip_nested(r, depth, '}');
	case '[': return skip_nested(r, depth, ']');
	case 't': return word(r, "true") || fail(r, "expected a value");
	case 'f': return word(r, "false") || fail(r, "expected a value");
	case 'n': return word(r, "null") || fail(r, "expected a value");
	default:
		end = number_end(r);
		if (!weir__json_number(r->p, (size_t)(end - r->p)))
			return fail(r, "expected a value");
		r->p = end;
		return true;
	}
}

/* ---- values of the record ---- */

static enum weir_store store_string(struct weir_row_parser *ps, struct weir_batch *b, uint32_t field, const char *p, size_t n, bool owned)
{
	struct weir_row_field *f = &ps->fields[field];

	switch (f->kind) {
	case WEIR_STRING:
		return weir__store_text(ps, b, field, b->rows, p, n, owned);
	case WEIR_TIMESTAMP:
		if (weir__parse_time_quickly(&f->dates, p, n, (int64_t *)b->cols[field] + b->rows))
			return WEIR_STORE_OK;
		return weir__parse_time(&f->dates, p, n, (int64_t *)b->cols[field] + b->rows) ? WEIR_STORE_OK : WEIR_STORE_BAD;
	case WEIR_FLOAT:
	case WEIR_DOUBLE: /* NaN and the infinities have no other form */
		if (n && p[n - 1] != 'N' && p[n - 1] != 'y')
			return WEIR_STORE_BAD;
		return weir__store_rare(ps, b, field, b->rows, p, n, false);
	case WEIR_CHAR:
	case WEIR_BYTES:
		return weir__store_rare(ps, b, field, b->rows, p, n, true);
	default:
		return WEIR_STORE_BAD;
	}
}

static enum weir_store store_word(struct reader *r, struct weir_row_parser *ps, struct weir_batch *b, uint32_t field)
{
	enum weir_kind kind = ps->fields[field].kind;
	bool truth = *r->p == 't';

	if (*r->p == 'n') {
		if (!word(r, "null") || (kind != WEIR_STRING && kind != WEIR_BYTES))
			return WEIR_STORE_BAD;
		((struct weir_str *)b->cols[field])[b->rows] = WEIR_STR_NULL;
		return WEIR_STORE_OK;
	}
	if (!word(r, truth ? "true" : "false") || kind != WEIR_BOOLEAN)
		return WEIR_STORE_BAD;
	((bool *)b->cols[field])[b->rows] = truth;
	return WEIR_STORE_OK;
}

/* A whole number of up to seven digits with a comma or brace behind it: most are. Slack. */
static inline bool take_short_number(struct reader *r, int64_t *out)
{
	const char *p = r->p;
	size_t negative = *p == '-', n;
	uint64_t x = weir__load64le(p + negative) ^ WEIR__EACH_BYTE('0'), ends = ((x + WEIR__EACH_BYTE(0x76)) | x) & WEIR__HIGH_BITS;
	uint32_t v;

	if (!ends)
		return false;
	n = (size_t)__builtin_ctzll(ends) >> 3; /* a byte above 9 spoils only those behind it */
	p += negative + n;
	if (n == 0 || (n > 1 && (x & 0xff) == 0) || p >= r->end || (*p != ',' && *p != '}') || !weir__eight_digits(x << (8 - n) * 8, &v))
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	r->p = p;
	return true;
}

static enum weir_store store_number(struct reader *r, struct weir_row_parser *ps, struct weir_batch *b, uint32_t field)
{
	enum weir_kind kind = ps->fields[field].kind;
	const char *p = r->p, *end;
	size_t n;
	int64_t v;

	if (((kind >= WEIR_INT8 && kind <= WEIR_INT64) || kind == WEIR_TIMESTAMP) && take_short_number(r, &v))
		return weir__store_int(kind, b->cols[field], b->rows, v) ? WEIR_STORE_OK : WEIR_STORE_BAD;
	end = number_end(r);
	n = (size_t)(end - p);
	r->p = end;
	if (kind == WEIR_FLOAT || kind == WEIR_DOUBLE)
		return weir__store_rare(ps, b, field, b->rows, p, n, true);
	if ((kind < WEIR_INT8 || kind > WEIR_INT64) && kind != WEIR_TIMESTAMP)
		return WEIR_STORE_BAD;
	if (n == 0 || *p == '+' || (p[*p == '-'] == '0' && n > 1u + (*p == '-'))) /* JSON has no leading plus and zeros */
		return WEIR_STORE_BAD;
	return weir__parse_i64(p, n, &v) && weir__store_int(kind, b->cols[field], b->rows, v) ? WEIR_STORE_OK : WEIR_STORE_BAD;
}

/* The value at r->p into a field. False: r->what says why, or *out_bad is where a value begins that does not fit the field. */
static bool read_value(struct reader *r, struct weir_row_parser *ps, struct weir_batch *b, uint32_t field, const char **out_bad)
{
	const char *from, *text;
	enum weir_store s;
	size_t n;
	bool owned;

	skip_blanks(r);
	from = r->p;
	if (from == r->end)
		return fail(r, "expected a value");
	if (*from == '"') {
		if (!read_string(r, ps, b, &text, &n, &owned))
			return false;
		s = store_string(ps, b, field, text, n, owned);
	} else if (*from == 't' || *from == 'f' || *from == 'n') {
		s = store_word(r, ps, b, field);
	} else if (*from == '{' || *from == '[') {
		s = skip_value(r, 1) ? WEIR_STORE_BAD : WEIR_STORE_OK;
		if (r->what)
			return false;
	} else {
		s = store_number(r, ps, b, field);
	}
	if (s == WEIR_STORE_NOMEM) {
		r->nomem = true;
		return fail(r, "out of memory");
	}
	if (s == WEIR_STORE_BAD)
		*out_bad = from;
	return s == WEIR_STORE_OK;
}

/* The field called [p, p + n): the one behind the last, or any. nfields: none. */
static inline uint32_t find_field(const struct weir_row_parser *ps, uint32_t guess, const char *p, size_t n)
{
	if (guess < ps->nfields && ps->fields[guess].name_len == n && memcmp(ps->fields[guess].name, p, n) == 0)
		return guess;
	for (uint32_t f = 0; f < ps->nfields; f++)
		if (ps->fields[f].name_len == n && memcmp(ps->fields[f].name, p, n) == 0)
			return f;
	return ps->nfields;
}

/* Is the next field the one that is expected, spelled plainly, with its colon right behind? Then step over both. Slack. */
static inline bool take_expected(struct reader *r, const struct weir_row_parser *ps, uint32_t guess)
{
	const struct weir_row_field *f = &ps->fields[guess];
	const char *p = r->p + 1;

	if (guess >= ps->nfields || !f->key_len || (size_t)(r->end - p) < f->key_len || ((weir__load64le(p) ^ f->key[0]) & f->key_mask[0]) != 0 ||
	    ((weir__load64le(p + 8) ^ f->key[1]) & f->key_mask[1]) != 0)
		return false;
	r->p = p + f->key_len;
	return true;
}

struct object {
	const char *bad;     /* a value that does not fit */
	uint32_t field;      /* the field being read; nfields = none */
	uint32_t seen;       /* different fields of the record */
};

static bool read_object(struct reader *r, struct weir_row_parser *ps, struct weir_batch *b, struct object *o)
{
	uint32_t guess = 0;

	if (!expect(r, '{', "expected an object: { at the start of the row"))
		return false;
	skip_blanks(r);
	if (r->p < r->end && *r->p == '}') {
		r->p++;
		return true;
	}
	for (;;) {
		const char *name;
		size_t n;
		bool owned;

		o->field = ps->nfields;
		skip_blanks(r);
		if (r->p == r->end || *r->p != '"')
			return fail(r, "expected a field name in quotes");
		if (take_expected(r, ps, guess)) {
			o->field = guess;
		} else {
			if (!read_string(r, ps, b, &name, &n, &owned) || !expect(r, ':', "expected a colon behind the field name"))
				return false;
			o->field = find_field(ps, guess, name, n);
		}
		if (o->field < ps->nfields) {
			o->seen += ps->fields[o->field].stamp != ps->stamp;
			ps->fields[o->field].stamp = ps->stamp;
			guess = o->field + 1;
			if (!read_value(r, ps, b, o->field, &o->bad))
				return false;
		} else if (!skip_value(r, 1)) {
			return false;
		}
		skip_blanks(r);
		if (r->p < r->end && *r->p == ',') {
			r->p++;
			continue;
		}
		return expect(r, '}', "expected a comma or } in an object");
	}
}

/* Fields that did not occur. False: one that may not be missing; o->field names it. */
static bool fill_missing(struct weir_row_parser *ps, struct weir_batch *b, struct object *o)
{
	for (uint32_t f = 0; f < ps->nfields; f++) {
		enum weir_kind kind = ps->fields[f].kind;

		if (ps->fields[f].stamp == ps->stamp)
			continue;
		o->field = f;
		if (!ps->nullable || (kind != WEIR_STRING && kind != WEIR_BYTES))
			return false;
		((struct weir_str *)b->cols[f])[b->rows] = WEIR_STR_NULL;
	}
	return true;
}

static void blame(struct weir_row_fault *fault, const struct weir_row_parser *ps, const struct reader *r, const struct object *o)
{
	const char *name = o->field < ps->nfields ? ps->fields[o->field].name : NULL;
	const char *from = o->bad ? o->bad : r->p;
	uint32_t column = (uint32_t)(from - fault->row) + 1;

	if (o->bad)
		weir__row_blame(fault, column, name, from, (size_t)(r->p - from), "expected %s%s", weir__value_expected(ps->fields[o->field].kind),
				ps->fields[o->field].kind == WEIR_TIMESTAMP ? ", or milliseconds since 1970" : "");
	else if (r->what)
		weir__row_blame(fault, column, name, from, (size_t)(r->end - from), "%s", r->what);
	else
		weir__row_blame(fault, 0, name, NULL, 0, "field %s is missing", name);
}

/* One line that is not blank. */
static bool read_row(struct reader *r, struct weir_row_parser *ps, struct weir_batch *b, struct object *o)
{
	bool bare = ps->type->nfields == 0 || weir__value_scalar(ps->type->kind);

	if (++ps->stamp == 0) { /* the stamps of 2^32 rows ago must not look like new ones */
		for (uint32_t f = 0; f < ps->nfields; f++)
			ps->fields[f].stamp = 0;
		ps->stamp = 1;
	}
	o->field = bare ? 0 : ps->nfields;
	if (!(bare ? read_value(r, ps, b, 0, &o->bad) : read_object(r, ps, b, o)))
		return false;
	skip_blanks(r);
	if (r->p != r->end) {
		o->field = ps->nfields;
		return fail(r, "something stands behind the value; a row is one line with one value");
	}
	return bare || o->seen == ps->nfields || fill_missing(ps, b, o);
}

enum weir_rows_stop weir__json_run(struct weir_row_parser *ps, struct weir_row_cursor *c, struct weir_batch *b, uint32_t max, struct weir_row_fault *fault)
{
	while (b->rows < max) {
		struct reader r = { 0 };
		struct object o = { 0 };
		const char *next;
		bool ok;

		if ((c->limit && c->p >= c->limit) || (c->last && c->p == c->end))
			return WEIR_ROWS_END;
		if (!weir__row_line(c, &r.end, &next))
			return WEIR_ROWS_MORE;
		r.p = c->p;
		skip_blanks(&r);
		if (r.p == r.end) {
			c->p = next;
			c->lines++;
			continue;
		}
		ok = read_row(&r, ps, b, &o);
		if (r.nomem)
			return WEIR_ROWS_NOMEM;
		if (!ok) {
			weir__row_fault(fault, c->p, r.end, c->lines);
			blame(fault, ps, &r, &o);
		}
		c->p = next;
		c->lines++;
		if (!ok)
			return WEIR_ROWS_BAD;
		b->rows++;
	}
	return WEIR_ROWS_FULL;
}
