// SPDX-License-Identifier: Apache-2.0
/*
 * JSON text, read by a cursor. Strict RFC 8259, except that NaN and infinities come as strings. Pure.
 * Stepping over values counts brackets instead of recursing.
 */
#include "state/type/json_in.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_NESTING 1000u

int weir__json_fail(struct json_in *j, const char *expected)
{
	size_t left = (size_t)(j->end - j->p);
	int show = left > 24 ? 24 : (int)left;

	if (!left)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: expected %s, but the text ends at offset %zu", expected, (size_t)(j->p - j->start));
	return weir_error_set(j->err, WEIR_EPARSE, "JSON at offset %zu: expected %s, found \"%.*s%s\"", (size_t)(j->p - j->start), expected, show, j->p,
			      left > 24 ? "..." : "");
}

static void skip_space(struct json_in *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
		j->p++;
}

char weir__json_peek(struct json_in *j)
{
	skip_space(j);
	return j->p < j->end ? *j->p : 0;
}

bool weir__json_take(struct json_in *j, char c)
{
	if (weir__json_peek(j) != c || j->p == j->end)
		return false;
	j->p++;
	return true;
}

int weir__json_expect(struct json_in *j, char c)
{
	char text[] = { '\'', c, '\'', 0 };

	return weir__json_take(j, c) ? 0 : weir__json_fail(j, text);
}

bool weir__json_word(struct json_in *j, const char *word)
{
	size_t n = strlen(word);

	skip_space(j);
	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return false;
	j->p += n;
	return true;
}

static int escape(struct json_in *j, struct weir_buf *text)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = j->p < j->end ? memchr(from, *j->p, 8) : NULL;
	uint32_t u, low;
	uint8_t utf8[4];

	if (at) {
		weir_buf_u8(text, (uint8_t)to[at - from]);
		j->p++;
		return 0;
	}
	if (j->end - j->p < 5 || *j->p != 'u' || !weir_hex4(j->p + 1, &u))
		return weir__json_fail(j, "an escape sequence");
	j->p += 5;
	if (u >= 0xd800 && u < 0xdc00 && j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u' && weir_hex4(j->p + 2, &low) && low >= 0xdc00 && low < 0xe000) {
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
		j->p += 6;
	}
	weir_buf_put(text, utf8, weir_utf8_put(utf8, u));
	return 0;
}

int weir__json_string(struct json_in *j, struct weir_buf *text)
{
	int code = weir__json_peek(j) == '"' ? 0 : weir__json_fail(j, "a string");

	for (j->p += !code; !code;) {
		const char *from = j->p;

		while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (uint8_t)*j->p >= 0x20)
			j->p++;
		weir_buf_put(text, from, (size_t)(j->p - from));
		if (j->p == j->end || (uint8_t)*j->p < 0x20)
			code = weir__json_fail(j, "the end of a string");
		else if (*j->p++ == '"')
			return 0;
		else
			code = escape(j, text);
	}
	return code;
}

/* The extent of a number token. */
static size_t number_length(const struct json_in *j)
{
	const char *p = j->p;

	while (p < j->end && (memchr("+-.eE", *p, 5) || (*p >= '0' && *p <= '9')))
		p++;
	return (size_t)(p - j->p);
}

int weir__json_int(struct json_in *j, int64_t min, int64_t max, int64_t *out)
{
	char text[32], *rest;
	size_t n;
	long long v;

	skip_space(j);
	n = number_length(j);
	if (n == 0 || n >= sizeof(text))
		return weir__json_fail(j, "a whole number");
	memcpy(text, j->p, n);
	text[n] = 0;
	errno = 0;
	v = strtoll(text, &rest, 10);
	if (*rest || *text == '+' || rest == text)
		return weir__json_fail(j, "a whole number");
	if (errno || v < min || v > max) {
		char expected[96];

		snprintf(expected, sizeof(expected), "a number from %lld to %lld", (long long)min, (long long)max);
		return weir__json_fail(j, expected);
	}
	j->p += n;
	*out = v;
	return 0;
}

int weir__json_float(struct json_in *j, bool single, double *out)
{
	char text[400], *rest;
	size_t n;

	if (weir__json_word(j, "\"NaN\"")) {
		*out = NAN;
		return 0;
	}
	if (weir__json_word(j, "\"Infinity\"") || weir__json_word(j, "\"-Infinity\"")) {
		*out = j->p[-10] == '-' ? -INFINITY : INFINITY;
		return 0;
	}
	n = number_length(j);
	if (n == 0 || n >= sizeof(text) || *j->p == '+')
		return weir__json_fail(j, "a number");
	memcpy(text, j->p, n);
	text[n] = 0;
	*out = single ? (double)strtof(text, &rest) : strtod(text, &rest);
	if (*rest || rest == text)
		return weir__json_fail(j, "a number");
	if (isinf(*out))
		return weir__json_fail(j, single ? "a number that a 32-bit float holds" : "a number that a 64-bit float holds");
	j->p += n;
	return 0;
}

/* One token that is not a bracket. */
static int skip_scalar(struct json_in *j)
{
	struct weir_buf text = { 0 };
	double d;
	int code = 0;

	if (*j->p == '"')
		code = weir__json_string(j, &text);
	else if (!weir__json_word(j, "null") && !weir__json_word(j, "true") && !weir__json_word(j, "false"))
		code = number_length(j) ? weir__json_float(j, false, &d) : weir__json_fail(j, "a value");
	weir_buf_fini(&text);
	return code;
}

static int skip_any(struct json_in *j, struct json_span *out)
{
	char closers[MAX_NESTING];
	uint32_t depth = 0;
	int code = 0;

	skip_space(j);
	out->p = j->p;
	do {
		char c = weir__json_peek(j);

		if (c == '{' || c == '[') {
			if (depth == MAX_NESTING)
				return weir__json_fail(j, "less nesting (at most 1000)");
			closers[depth++] = c == '{' ? '}' : ']';
			j->p++;
		} else if (depth && c == closers[depth - 1]) {
			depth--;
			j->p++;
		} else if (depth && (c == ',' || c == ':')) {
			j->p++; /* what stands where is checked when the value is read */
		} else if (!c) {
			code = weir__json_fail(j, "a value");
		} else {
			code = skip_scalar(j);
		}
	} while (depth && !code);
	out->end = j->p;
	return code;
}

static int take_member(struct json_in *j, uint32_t n, const char *const *names, const char *class_name, struct json_span *spans, struct weir_buf *key)
{
	struct json_span span;
	uint32_t i = 0;
	int code;

	weir_buf_clear(key);
	code = weir__json_string(j, key);
	if (!code)
		code = weir__json_expect(j, ':');
	if (code)
		return code;
	const char *name = weir_buf_cstr(key);

	if (class_name && strcmp(name, "@") == 0) {
		weir_buf_clear(key);
		code = weir__json_string(j, key);
		if (!code && strcmp(weir_buf_cstr(key), class_name) != 0)
			code = weir_error_set(j->err, WEIR_EPARSE, "JSON: an object of class %s where %s is stored", weir_buf_cstr(key), class_name);
		return code;
	}
	code = skip_any(j, &span);
	if (code)
		return code;
	while (i < n && strcmp(names[i], name) != 0)
		i++;
	if (i == n)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: no field is called \"%s\"%s%s", name, class_name ? " in " : "", class_name ? class_name : "");
	if (spans[i].p)
		return weir_error_set(j->err, WEIR_EPARSE, "JSON: \"%s\" stands there twice", name);
	spans[i] = span;
	return 0;
}

int weir__json_object(struct json_in *j, uint32_t n, const char *const *names, const char *class_name, struct json_span *spans)
{
	struct weir_buf key = { 0 };
	int code = weir__json_expect(j, '{');

	memset(spans, 0, n * sizeof(*spans));
	if (!code && weir__json_take(j, '}'))
		return 0;
	while (!code) {
		code = take_member(j, n, names, class_name, spans, &key);
		if (!code && weir__json_take(j, '}'))
			break;
		if (!code)
			code = weir__json_expect(j, ',');
	}
	weir_buf_fini(&key);
	return code;
}
