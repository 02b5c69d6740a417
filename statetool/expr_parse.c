// SPDX-License-Identifier: Apache-2.0
/*
 * Text -> tree, by recursive descent; nesting is capped. From loose to tight: || or, && and, ! not, comparisons (== != < <= > >= in contains startsWith
 * endsWith matches; they do not chain), + -, * / %, - , .name [subscript]. Pure. Fails with INVALID and NOMEM.
 */
#include "statetool/expr_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "state/type/json_in.h"

enum { DEPTH_MAX = 100, TEXT_MAX = 8192 };

struct parser {
	struct weir_expr *x;
	const char *p;      /* next byte */
	unsigned depth;
	struct weir_error *err;
	int rc;
};

int weir__expr_fail(const struct weir_expr *x, uint32_t at, int code, struct weir_error *err, const char *fmt, ...)
{
	size_t len = strlen(x->text), from = at > 40 ? at - 40 : 0, n = len - from < 72 ? len - from : 72;
	char what[400], line[80], caret[80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < n; i++)
		line[i] = (uint8_t)x->text[from + i] < 0x20 ? ' ' : x->text[from + i];
	line[n] = 0;
	size_t col = 0;
	for (size_t i = 0; i < at - from && i < n; i++)
		if (((uint8_t)line[i] & 0xc0) != 0x80)
			caret[col++] = ' ';
	caret[col] = 0;
	return weir_error_set(err, code, "expression, column %u: %s\n    %s\n    %s^", at + 1, what, line, caret);
}

static struct weir__expr *parse_or(struct parser *p);
static struct weir__expr *parse_unary(struct parser *p);

static void *fail(struct parser *p, const char *at, const char *what)
{
	if (!p->rc)
		p->rc = weir__expr_fail(p->x, (uint32_t)(at - p->x->text), WEIR_EINVALID, p->err, "%s", what);
	return NULL;
}

static struct weir__expr *node(struct parser *p, enum weir__expr_op op, const char *at, struct weir__expr *a, struct weir__expr *b)
{
	struct weir__expr *n = p->rc ? NULL : weir_arena_zero(&p->x->mem, sizeof(*n));

	if (!n && !p->rc)
		p->rc = weir_error_set(p->err, WEIR_ENOMEM, "out of memory");
	if (n) {
		n->op = op;
		n->at = (uint32_t)(at - p->x->text);
		n->a = a;
		n->b = b;
		n->index = -1;
	}
	return n;
}

static void blanks(struct parser *p)
{
	while (*p->p == ' ' || *p->p == '\t' || *p->p == '\n' || *p->p == '\r')
		p->p++;
}

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || (uint8_t)c >= 0x80; }

static size_t word_length(const char *p)
{
	size_t n = 0;

	while (is_word(p[n]))
		n++;
	return n;
}

static bool take(struct parser *p, const char *symbol)
{
	size_t n = strlen(symbol);

	blanks(p);
	if (strncmp(p->p, symbol, n) != 0 || (is_word(symbol[0]) && is_word(p->p[n])))
		return false;
	p->p += n;
	return true;
}

/* ---- literals ---- */
static struct weir__expr *parse_string(struct parser *p)
{
	const char *start = p->p;
	struct weir_buf text = { 0 };
	struct weir__expr *n = NULL;
	char quote = *p->p++;

	for (; *p->p && *p->p != quote; p->p++) {
		uint32_t u;
		uint8_t utf8[4];

		if (*p->p != '\\') {
			weir_buf_u8(&text, (uint8_t)*p->p);
			continue;
		}
		switch (*++p->p) {
		case 'n': weir_buf_u8(&text, '\n'); break;
		case 't': weir_buf_u8(&text, '\t'); break;
		case 'r': weir_buf_u8(&text, '\r'); break;
		case '\\': case '"': case '\'': case '/': weir_buf_u8(&text, (uint8_t)*p->p); break;
		case 'u':
			if (strnlen(p->p + 1, 4) < 4 || !weir_hex4(p->p + 1, &u)) {
				fail(p, p->p, "\\u wants four hexadecimal digits");
				goto out;
			}
			weir_buf_put(&text, utf8, weir_utf8_put(utf8, u));
			p->p += 4;
			break;
		default:
			fail(p, p->p, "in text, \\ is followed by one of n t r u \\ \" ' /");
			goto out;
		}
	}
	if (!*p->p) {
		fail(p, start, "this text has no end: the closing quote is missing");
		goto out;
	}
	p->p++;
	n = node(p, WEIR__LITERAL, start, NULL, NULL);
	if (n) {
		n->literal.kind = WEIR_JSON_STRING;
		n->literal.text.ptr = (uint8_t *)weir_arena_text(&p->x->mem, text.data ? (char *)text.data : "", text.len);
		n->literal.text.len = text.len;
		if (!n->literal.text.ptr || weir_buf_error(&text)) {
			p->rc = weir_error_set(p->err, WEIR_ENOMEM, "out of memory");
			n = NULL;
		}
	}
out:
	weir_buf_fini(&text);
	return n;
}

static struct weir__expr *parse_number(struct parser *p)
{
	const char *start = p->p;
	size_t n = 0;
	char *end, *text;
	bool whole = true;
	struct weir__expr *x;

	for (; (p->p[n] >= '0' && p->p[n] <= '9') || p->p[n] == '.' || p->p[n] == 'e' || p->p[n] == 'E' || p->p[n] == '_' ||
	       ((p->p[n] == '-' || p->p[n] == '+') && n && (p->p[n - 1] == 'e' || p->p[n - 1] == 'E'));
	     n++)
		whole &= p->p[n] != '.' && p->p[n] != 'e' && p->p[n] != 'E';
	if (is_word(p->p[n]))
		return fail(p, start + n, "a number goes over into a word here");
	text = weir_arena_text(&p->x->mem, start, n);
	x = node(p, WEIR__LITERAL, start, NULL, NULL);
	if (!text || !x)
		return x;
	size_t to = 0;
	for (size_t i = 0; i < n; i++) /* 1_000_000 */
		if (text[i] != '_')
			text[to++] = text[i];
	text[to] = 0;
	x->literal.text = (struct weir_slice){ (uint8_t *)text, to };
	errno = 0;
	x->literal.kind = WEIR_JSON_INT;
	if (whole)
		x->literal.u.i = strtoll(text, &end, 10);
	if (!whole || errno) {
		x->literal.kind = WEIR_JSON_FLOAT;
		x->literal.u.f = strtod(text, &end);
		if (*end)
			return fail(p, start, "this is no number");
	}
	p->p += n;
	return x;
}

/* ---- names ---- */
static const struct {
	const char *name;
	enum weir__expr_root root;
} roots[] = {
	{ "key", WEIR__ROOT_KEY }, { "ns", WEIR__ROOT_NS }, { "namespace", WEIR__ROOT_NS }, { "uk", WEIR__ROOT_UK }, { "mapKey", WEIR__ROOT_UK },
	{ "value", WEIR__ROOT_VALUE }, { "kg", WEIR__ROOT_KG }, { "keyGroup", WEIR__ROOT_KG }, { "subtask", WEIR__ROOT_SUBTASK }, { "index", WEIR__ROOT_INDEX },
	{ "timestamp", WEIR__ROOT_TIMESTAMP }, { "bytes", WEIR__ROOT_BYTES }, { "op", WEIR__ROOT_OP }, { "state", WEIR__ROOT_STATE }, { "kind", WEIR__ROOT_KIND },
};
static const struct {
	const char *name;
	enum weir__expr_op op;
	int args;
} functions[] = {
	{ "len", WEIR__LEN, 1 }, { "lower", WEIR__LOWER, 1 }, { "upper", WEIR__UPPER, 1 }, { "abs", WEIR__ABS, 1 }, { "num", WEIR__NUM, 1 }, { "str", WEIR__STR, 1 },
	{ "contains", WEIR__CONTAINS, 2 }, { "startsWith", WEIR__STARTS, 2 }, { "endsWith", WEIR__ENDS, 2 }, { "matches", WEIR__MATCHES, 2 },
};

static struct weir__expr *check_regex(struct parser *p, struct weir__expr *n)
{
	char why[120];
	int rc;

	if (!n || n->op != WEIR__MATCHES)
		return n;
	if (n->b->op != WEIR__LITERAL || n->b->literal.kind != WEIR_JSON_STRING || strlen((const char *)n->b->literal.text.ptr) != n->b->literal.text.len)
		return fail(p, p->x->text + n->b->at, "matches wants a pattern in quotes");
	n->regex = weir_arena_zero(&p->x->mem, sizeof(*n->regex));
	if (!n->regex) {
		p->rc = weir_error_set(p->err, WEIR_ENOMEM, "out of memory");
		return NULL;
	}
	rc = regcomp(n->regex, (const char *)n->b->literal.text.ptr, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, n->regex, why, sizeof(why));
		n->regex = NULL;
		return fail(p, p->x->text + n->b->at, why);
	}
	n->chain = p->x->regexes;
	p->x->regexes = n;
	return n;
}

static struct weir__expr *parse_call(struct parser *p, const char *start, size_t n)
{
	struct weir__expr *a, *b = NULL;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strlen(functions[i].name) != n || memcmp(functions[i].name, start, n) != 0)
			continue;
		a = parse_or(p);
		if (a && functions[i].args == 2) {
			if (!take(p, ","))
				return fail(p, p->p, "a comma and a second argument are wanted here");
			b = parse_or(p);
		}
		if (p->rc)
			return NULL;
		if (!take(p, ")"))
			return fail(p, p->p, ") is wanted here");
		return check_regex(p, node(p, functions[i].op, start, a, b));
	}
	return fail(p, start, "there is no such function; there are len lower upper abs num str contains startsWith endsWith matches");
}

static struct weir__expr *parse_name(struct parser *p)
{
	const char *start = p->p;
	size_t n = word_length(start);
	struct weir__expr *x;

	p->p += n;
	if (n == 4 && (memcmp(start, "true", 4) == 0 || memcmp(start, "null", 4) == 0)) {
		x = node(p, WEIR__LITERAL, start, NULL, NULL);
		if (x && start[0] == 't') {
			x->literal.kind = WEIR_JSON_BOOL;
			x->literal.u.b = true;
		}
		return x;
	}
	if (n == 5 && memcmp(start, "false", 5) == 0) {
		x = node(p, WEIR__LITERAL, start, NULL, NULL);
		if (x)
			x->literal.kind = WEIR_JSON_BOOL;
		return x;
	}
	if (take(p, "("))
		return parse_call(p, start, n);
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (strlen(roots[i].name) == n && memcmp(roots[i].name, start, n) == 0) {
			x = node(p, WEIR__ROOT, start, NULL, NULL);
			if (x)
				x->root = roots[i].root;
			return x;
		}
	return fail(p, start, "there is no such name; there are key, ns, uk (the key of a map's entry), value, kg, subtask, timestamp, index, bytes, op, state, kind; text is written in quotes");
}

/* ---- operands ---- */
static struct weir__expr *parse_list(struct parser *p)
{
	struct weir__expr *list = node(p, WEIR__LIST, p->p - 1, NULL, NULL), **last = list ? &list->a : NULL;

	if (!list || take(p, "]"))
		return list;
	do {
		*last = parse_or(p);
		if (!*last)
			return NULL;
		last = &(*last)->next;
	} while (take(p, ","));
	return take(p, "]") ? list : fail(p, p->p, ", or ] is wanted here");
}

static struct weir__expr *parse_primary(struct parser *p)
{
	struct weir__expr *x;

	blanks(p);
	if (*p->p == '"' || *p->p == '\'')
		return parse_string(p);
	if ((*p->p >= '0' && *p->p <= '9') || (*p->p == '.' && p->p[1] >= '0' && p->p[1] <= '9'))
		return parse_number(p);
	if (take(p, "(")) {
		x = parse_or(p);
		return !x || take(p, ")") ? x : fail(p, p->p, ") is wanted here");
	}
	if (take(p, "["))
		return parse_list(p);
	if (is_word(*p->p))
		return parse_name(p);
	return fail(p, p->p, *p->p ? "a value is wanted here" : "a value is missing at the end");
}

static struct weir__expr *parse_postfix(struct parser *p)
{
	struct weir__expr *x = parse_primary(p), *sub;

	while (x && !p->rc) {
		const char *at;

		blanks(p);
		at = p->p;
		if (*at == '.') {
			size_t n;

			p->p++;
			blanks(p);
			n = word_length(p->p);
			if (!n)
				return fail(p, p->p, "the name of a field is wanted behind the dot (one that is no word goes in brackets: [\"a-b\"])");
			x = node(p, WEIR__MEMBER, p->p, x, NULL);
			if (!x)
				return NULL;
			x->literal.text.ptr = (uint8_t *)weir_arena_text(&p->x->mem, p->p, n);
			x->literal.text.len = n;
			if (!x->literal.text.ptr)
				p->rc = weir_error_set(p->err, WEIR_ENOMEM, "out of memory");
			p->p += n;
		} else if (take(p, "[")) {
			sub = parse_or(p);
			if (sub && !take(p, "]"))
				return fail(p, p->p, "] is wanted here");
			x = sub ? node(p, WEIR__SUBSCRIPT, at, x, sub) : NULL;
		} else {
			break;
		}
	}
	return p->rc ? NULL : x;
}

static struct weir__expr *parse_unary(struct parser *p)
{
	struct weir__expr *x;
	const char *at;

	blanks(p);
	at = p->p;
	if (++p->depth > DEPTH_MAX)
		return fail(p, at, "the expression is nested too deep");
	if (*at == '-') {
		p->p++;
		x = parse_unary(p);
		x = x ? node(p, WEIR__NEGATE, at, x, NULL) : NULL;
	} else if ((*at == '!' && at[1] != '=') || (strncmp(at, "not", 3) == 0 && !is_word(at[3]))) {
		p->p += *at == '!' ? 1 : 3;
		x = parse_unary(p);
		x = x ? node(p, WEIR__NOT, at, x, NULL) : NULL;
	} else {
		x = parse_postfix(p);
	}
	p->depth--;
	return x;
}

/* ---- operators ---- */
struct operator_ {
	const char *symbol;
	enum weir__expr_op op;
};

static struct weir__expr *parse_chain(struct parser *p, struct weir__expr *(*tighter)(struct parser *), const struct operator_ *ops)
{
	struct weir__expr *x = tighter(p), *b;

	while (x) {
		const struct operator_ *o = ops;
		const char *at;

		blanks(p);
		at = p->p;
		while (o->symbol && !take(p, o->symbol))
			o++;
		if (!o->symbol)
			return x;
		b = tighter(p);
		x = b ? node(p, o->op, at, x, b) : NULL;
	}
	return NULL;
}

static struct weir__expr *parse_product(struct parser *p)
{
	static const struct operator_ ops[] = { { "*", WEIR__MUL }, { "/", WEIR__DIV }, { "%", WEIR__MOD }, { 0 } };

	return parse_chain(p, parse_unary, ops);
}

static struct weir__expr *parse_sum(struct parser *p)
{
	static const struct operator_ ops[] = { { "+", WEIR__ADD }, { "-", WEIR__SUB }, { 0 } };

	return parse_chain(p, parse_product, ops);
}

static struct weir__expr *parse_comparison(struct parser *p)
{
	static const struct operator_ ops[] = { { "==", WEIR__EQ }, { "!=", WEIR__NE }, { "<=", WEIR__LE }, { ">=", WEIR__GE }, { "<", WEIR__LT }, { ">", WEIR__GT },
						{ "in", WEIR__IN }, { "contains", WEIR__CONTAINS }, { "startsWith", WEIR__STARTS }, { "endsWith", WEIR__ENDS },
						{ "matches", WEIR__MATCHES }, { 0 } };
	struct weir__expr *x = parse_sum(p), *b;
	bool negated = false;

	if (!x)
		return NULL;
	blanks(p);
	const char *at = p->p;
	if (take(p, "not")) {
		negated = true;
		blanks(p);
	}
	for (const struct operator_ *o = ops; o->symbol; o++) {
		if ((negated && o->op < WEIR__IN) || !take(p, o->symbol))
			continue;
		b = parse_sum(p);
		x = b ? check_regex(p, node(p, o->op, at, x, b)) : NULL;
		if (!x)
			return NULL;
		blanks(p);
		for (o = ops; o->op < WEIR__IN; o++)
			if (strncmp(p->p, o->symbol, strlen(o->symbol)) == 0)
				return fail(p, p->p, "comparisons do not chain: join two of them with &&");
		return negated ? node(p, WEIR__NOT, at, x, NULL) : x;
	}
	if (negated)
		return fail(p, p->p, "in, contains, startsWith, endsWith or matches is wanted behind `not` here");
	if (*p->p == '=')
		return fail(p, p->p, "equality is written ==");
	return x;
}

static struct weir__expr *parse_and(struct parser *p)
{
	static const struct operator_ ops[] = { { "&&", WEIR__AND }, { "and", WEIR__AND }, { 0 } };

	return parse_chain(p, parse_comparison, ops);
}

static struct weir__expr *parse_or(struct parser *p)
{
	static const struct operator_ ops[] = { { "||", WEIR__OR }, { "or", WEIR__OR }, { 0 } };
	struct weir__expr *x;

	if (++p->depth > DEPTH_MAX)
		return fail(p, p->p, "the expression is nested too deep");
	x = parse_chain(p, parse_and, ops);
	p->depth--;
	return x;
}

int weir_expr_parse(const char *text, struct weir_expr **out, struct weir_error *err)
{
	struct weir_expr *x = calloc(1, sizeof(*x));
	struct parser p = { .x = x, .err = err };

	if (!x || !(x->text = strdup(text))) {
		free(x);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	p.p = x->text;
	if (strlen(text) > TEXT_MAX)
		p.rc = weir_error_set(err, WEIR_EINVALID, "the expression is longer than %d bytes", TEXT_MAX);
	else
		x->root = parse_or(&p);
	blanks(&p);
	if (!p.rc && *p.p)
		fail(&p, p.p, "an operator is wanted here");
	if (p.rc) {
		weir_expr_free(x);
		return p.rc;
	}
	*out = x;
	return 0;
}
