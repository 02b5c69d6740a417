// SPDX-License-Identifier: Apache-2.0
/*
 * Evaluation. Values are trees of JSON: what weir state get prints, so that every serializer is understood that can be shown, and nothing else needs to know
 * about types. Parts of an entry are turned into trees only when the expression asks for them.
 *
 * 1. Total: what is not there, does not fit or cannot be computed (division by zero) is null; null is equal to null only, and compares to nothing.
 * 2. Whole numbers of 64 bits are exact; what overflows goes on as a double.
 * 3. Pure: memory is the expression's, and is used again for the next entry.
 */
#include "statetool/expr_priv.h"

#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "statetool/pick.h"
#include "statetool/text.h"

static const struct weir_json null_json = { .kind = WEIR_JSON_NULL };
static const struct weir_json true_json = { .kind = WEIR_JSON_BOOL, .u.b = true }, false_json = { .kind = WEIR_JSON_BOOL };

static const struct weir_json *eval(struct weir_expr *x, const struct weir__expr *n);

static const struct weir_json *boolean(bool b) { return b ? &true_json : &false_json; }

static struct weir_json *fresh(struct weir_expr *x, enum weir_json_kind kind)
{
	struct weir_json *j = weir_arena_zero(&x->scratch, sizeof(*j));

	if (j)
		j->kind = kind;
	else
		x->nomem = true;
	return j;
}

static const struct weir_json *whole(struct weir_expr *x, int64_t v)
{
	struct weir_json *j = fresh(x, WEIR_JSON_INT);

	if (!j)
		return &null_json;
	j->u.i = v;
	return j;
}

static const struct weir_json *real(struct weir_expr *x, double v)
{
	struct weir_json *j = fresh(x, WEIR_JSON_FLOAT);

	if (!j)
		return &null_json;
	j->u.f = v;
	return j;
}

static const struct weir_json *text(struct weir_expr *x, const void *p, size_t n)
{
	struct weir_json *j = fresh(x, WEIR_JSON_STRING);
	char *copy = j ? weir_arena_text(&x->scratch, p, n) : NULL;

	if (!copy) {
		x->nomem = true;
		return &null_json;
	}
	j->text = (struct weir_slice){ (uint8_t *)copy, n };
	return j;
}

/* ---- parts of the entry ---- */
static const struct weir_json *tree_of_buffer(struct weir_expr *x)
{
	const struct weir_json *j = &null_json;
	struct weir_error err = WEIR_ERROR_INIT;

	if (weir_buf_error(&x->json) || weir_json_parse(weir_buf_slice(&x->json), &x->scratch, &j, &err) == WEIR_ENOMEM)
		x->nomem = true;
	return j;
}

static const struct weir_json *part(struct weir_expr *x, const struct weir_type *t, struct weir_slice bytes)
{
	if (!bytes.ptr)
		return &null_json;
	weir_buf_clear(&x->json);
	weir_text_json(t, bytes, &x->json);
	return tree_of_buffer(x);
}

static const struct weir_json *read_root(struct weir_expr *x, enum weir__expr_root root)
{
	const struct weir_entry *e = x->entry;
	const struct weir_state_info *s = e->state;
	const char *name;

	switch (root) {
	case WEIR__ROOT_KEY: return part(x, s->key, e->key);
	case WEIR__ROOT_NS: return part(x, s->ns, e->ns);
	case WEIR__ROOT_UK: return part(x, s->user_key, e->user_key);
	case WEIR__ROOT_VALUE:
		if (weir_state_is_timer(s->kind) && !e->undecodable)
			return &null_json;
		weir_buf_clear(&x->json);
		weir_text_value(e, &x->json);
		return tree_of_buffer(x);
	case WEIR__ROOT_KG: return e->key_group < 0 ? &null_json : whole(x, e->key_group);
	case WEIR__ROOT_SUBTASK: return e->subtask < 0 ? &null_json : whole(x, e->subtask);
	case WEIR__ROOT_INDEX: return e->index < 0 ? &null_json : whole(x, e->index);
	case WEIR__ROOT_TIMESTAMP: return weir_state_is_timer(s->kind) ? whole(x, e->timestamp) : &null_json;
	case WEIR__ROOT_BYTES: return whole(x, (int64_t)(e->key.len + e->ns.len + e->user_key.len + e->value.len));
	case WEIR__ROOT_OP: return x->label.ptr ? text(x, x->label.ptr, x->label.len) : &null_json;
	case WEIR__ROOT_STATE: return s->name ? text(x, s->name, strlen(s->name)) : &null_json;
	case WEIR__ROOT_KIND:
		name = weir_state_kind_name(s->kind);
		return text(x, name, strlen(name));
	case WEIR__ROOT_MAX: break;
	}
	return &null_json;
}

/* ---- comparing ---- */
static bool numeric(const struct weir_json *j, long double *out)
{
	char *end;

	if (j->kind == WEIR_JSON_INT)
		*out = j->u.i;
	else if (j->kind == WEIR_JSON_FLOAT)
		*out = j->text.ptr ? strtold((const char *)j->text.ptr, &end) : (long double)j->u.f;
	else if (j->kind != WEIR_JSON_STRING || !j->text.len || j->text.ptr[0] <= ' ')
		return false;
	else { /* "NaN", decimals: numbers that JSON shows as text */
		*out = strtold((const char *)j->text.ptr, &end);
		return end == (const char *)j->text.ptr + j->text.len;
	}
	return true;
}

/* A point of time as text: its fraction is part of it, the Z at the end is not. */
static size_t text_length(struct weir_slice s) { return s.len > 11 && s.ptr[10] == 'T' && s.ptr[s.len - 1] == 'Z' ? s.len - 1 : s.len; }

/* False when the two cannot be compared. */
static bool order(const struct weir_json *a, const struct weir_json *b, int *out)
{
	long double x, y;

	if (a->kind == WEIR_JSON_STRING && b->kind == WEIR_JSON_STRING) {
		size_t m = text_length(a->text), n = text_length(b->text);
		int c = memcmp(a->text.ptr, b->text.ptr, m < n ? m : n);

		*out = c ? c : (m > n) - (m < n);
		return true;
	}
	if (a->kind == WEIR_JSON_BOOL && b->kind == WEIR_JSON_BOOL) {
		*out = (int)a->u.b - (int)b->u.b;
		return true;
	}
	if ((!weir_json_is_number(a) && !weir_json_is_number(b)) || !numeric(a, &x) || !numeric(b, &y) || isnan(x) || isnan(y))
		return false;
	*out = (x > y) - (x < y);
	return true;
}

static bool equal(const struct weir_json *a, const struct weir_json *b)
{
	int c;

	if (a->kind == b->kind && a->n == b->n) {
		if (a->kind == WEIR_JSON_NULL)
			return true;
		if (a->kind == WEIR_JSON_ARRAY) {
			for (uint32_t i = 0; i < a->n; i++)
				if (!equal(&a->u.items[i], &b->u.items[i]))
					return false;
			return true;
		}
		if (a->kind == WEIR_JSON_OBJECT) {
			for (uint32_t i = 0; i < a->n; i++) {
				const struct weir_json *other = weir_json_member(b, (const char *)a->u.members[i].name.ptr);

				if (!other || !equal(&a->u.members[i].value, other))
					return false;
			}
			return true;
		}
		if (a->kind == WEIR_JSON_STRING && weir_slice_eq(a->text, b->text))
			return true;
	}
	return order(a, b, &c) && c == 0;
}

/* ---- parts of values ---- */
static bool is_pairs(const struct weir_json *j)
{
	for (uint32_t i = 0; i < j->n; i++)
		if (j->u.items[i].kind != WEIR_JSON_ARRAY || j->u.items[i].n != 2)
			return false;
	return true;
}

static const struct weir_json *of_pairs(const struct weir_json *j, const struct weir_json *key)
{
	for (uint32_t i = 0; i < j->n && is_pairs(&(struct weir_json){ .n = 1, .u.items = &j->u.items[i] }); i++)
		if (equal(&j->u.items[i].u.items[0], key))
			return &j->u.items[i].u.items[1];
	return &null_json;
}

/* What stands inside the wrappers of JSON: a row's fields, a value with a time to live. */
static const struct weir_json *fields_of(const struct weir_json *j)
{
	const struct weir_json *f = weir_json_member(j, "row") ? weir_json_member(j, "f") : NULL;

	return f && f->kind == WEIR_JSON_ARRAY ? f : j;
}

static const struct weir_json *ttl_value(const struct weir_json *j)
{
	return j->kind == WEIR_JSON_OBJECT && j->n == 2 && weir_json_member(j, "ttl") ? weir_json_member(j, "value") : NULL;
}

static const struct weir_json *item(const struct weir_json *list, int64_t i)
{
	list = fields_of(list);
	if (i < 0)
		i += list->n; /* from the end */
	return list->kind == WEIR_JSON_ARRAY && i >= 0 && i < list->n ? &list->u.items[i] : &null_json;
}

static const struct weir_json *member(const struct weir_json *j, const struct weir__expr *n)
{
	const struct weir_json *found = weir_json_member(j, (const char *)n->literal.text.ptr), *inner = ttl_value(j);
	const char *name = (const char *)n->literal.text.ptr;
	char *end;

	if (found)
		return found;
	if (inner)
		return member(inner, n);
	if (n->index >= 0)
		return item(j, n->index);
	if (j->kind == WEIR_JSON_ARRAY && (n->map || (j->n && is_pairs(j)))) {
		struct weir_json key = { .kind = WEIR_JSON_STRING, .text = n->literal.text };

		return of_pairs(j, &key);
	}
	if (name[0] == 'f' && name[1] >= '0' && name[1] <= '9') { /* a tuple's or row's f0, f1, ... */
		long i = strtol(name + 1, &end, 10);

		return *end ? &null_json : item(j, i);
	}
	return &null_json;
}

static const struct weir_json *subscript(const struct weir_json *j, const struct weir_json *at, bool map)
{
	const struct weir_json *found = at->kind == WEIR_JSON_STRING ? weir_json_member(j, (const char *)at->text.ptr) : NULL, *inner = ttl_value(j);

	if (found)
		return found;
	if (inner)
		return subscript(inner, at, map);
	j = fields_of(j);
	if (j->kind != WEIR_JSON_ARRAY)
		return &null_json;
	if (map || at->kind != WEIR_JSON_INT)
		return of_pairs(j, at);
	return item(j, at->u.i);
}

static const struct weir_json *length(struct weir_expr *x, const struct weir_json *j)
{
	const struct weir_json *inner = ttl_value(j), *hex = j->kind == WEIR_JSON_OBJECT && j->n == 1 ? weir_json_member(j, "hex") : NULL;
	int64_t n = 0;

	if (inner)
		return length(x, inner);
	if (hex && hex->kind == WEIR_JSON_STRING)
		return whole(x, (int64_t)hex->text.len / 2);
	j = fields_of(j);
	if (j->kind == WEIR_JSON_ARRAY || j->kind == WEIR_JSON_OBJECT)
		return whole(x, j->n);
	if (j->kind != WEIR_JSON_STRING)
		return &null_json;
	for (size_t i = 0; i < j->text.len; i++)
		n += (j->text.ptr[i] & 0xc0) != 0x80;
	return whole(x, n);
}

/* ---- operators ---- */
static bool is_in(const struct weir_json *a, const struct weir_json *b, bool map)
{
	if (b->kind == WEIR_JSON_STRING)
		return a->kind == WEIR_JSON_STRING && (a->text.len == 0 || memmem(b->text.ptr, b->text.len, a->text.ptr, a->text.len));
	if (b->kind == WEIR_JSON_OBJECT && ttl_value(b))
		return is_in(a, ttl_value(b), map);
	b = fields_of(b);
	if (b->kind == WEIR_JSON_OBJECT)
		return a->kind == WEIR_JSON_STRING && weir_json_member(b, (const char *)a->text.ptr);
	for (uint32_t i = 0; b->kind == WEIR_JSON_ARRAY && i < b->n; i++) {
		const struct weir_json *it = &b->u.items[i];

		if (equal(a, map && it->kind == WEIR_JSON_ARRAY && it->n == 2 ? &it->u.items[0] : it))
			return true;
	}
	return false;
}

static bool affix(const struct weir_json *a, const struct weir_json *b, bool end)
{
	if (a->kind != WEIR_JSON_STRING || b->kind != WEIR_JSON_STRING || a->text.len < b->text.len)
		return false;
	return memcmp(a->text.ptr + (end ? a->text.len - b->text.len : 0), b->text.ptr, b->text.len) == 0;
}

static const struct weir_json *whole_sum(struct weir_expr *x, enum weir__expr_op op, int64_t a, int64_t b)
{
	int64_t v = 0;

	switch (op) {
	case WEIR__ADD: return __builtin_add_overflow(a, b, &v) ? real(x, (double)a + (double)b) : whole(x, v);
	case WEIR__SUB: return __builtin_sub_overflow(a, b, &v) ? real(x, (double)a - (double)b) : whole(x, v);
	case WEIR__MUL: return __builtin_mul_overflow(a, b, &v) ? real(x, (double)a * (double)b) : whole(x, v);
	case WEIR__MOD: return b == 0 ? &null_json : b == -1 ? whole(x, 0) : whole(x, a % b);
	default: break;
	}
	if (b == 0)
		return &null_json;
	return b == -1 ? whole_sum(x, WEIR__SUB, 0, a) : a % b == 0 ? whole(x, a / b) : real(x, (double)a / (double)b);
}

static const struct weir_json *arithmetic(struct weir_expr *x, enum weir__expr_op op, const struct weir_json *a, const struct weir_json *b)
{
	long double p, q;

	if (a->kind == WEIR_JSON_INT && b->kind == WEIR_JSON_INT)
		return whole_sum(x, op, a->u.i, b->u.i);
	if (op == WEIR__ADD && a->kind == WEIR_JSON_STRING && b->kind == WEIR_JSON_STRING) {
		weir_buf_clear(&x->json);
		weir_buf_put_slice(&x->json, a->text);
		weir_buf_put_slice(&x->json, b->text);
		return text(x, weir_buf_cstr(&x->json), x->json.len);
	}
	if ((!weir_json_is_number(a) && !weir_json_is_number(b)) || !numeric(a, &p) || !numeric(b, &q))
		return &null_json;
	switch (op) {
	case WEIR__ADD: return real(x, (double)(p + q));
	case WEIR__SUB: return real(x, (double)(p - q));
	case WEIR__MUL: return real(x, (double)(p * q));
	case WEIR__MOD: return q == 0 ? &null_json : real(x, (double)fmodl(p, q));
	default: return q == 0 ? &null_json : real(x, (double)(p / q));
	}
}

static const struct weir_json *compare(const struct weir__expr *n, const struct weir_json *a, const struct weir_json *b)
{
	int c;

	switch (n->op) {
	case WEIR__EQ: return boolean(equal(a, b));
	case WEIR__NE: return boolean(!equal(a, b));
	case WEIR__IN: return boolean(is_in(a, b, n->map));
	case WEIR__CONTAINS: return boolean(is_in(b, a, n->map));
	case WEIR__STARTS: return boolean(affix(a, b, false));
	case WEIR__ENDS: return boolean(affix(a, b, true));
	default: break;
	}
	if (!order(a, b, &c))
		return &false_json;
	return boolean(n->op == WEIR__LT ? c < 0 : n->op == WEIR__LE ? c <= 0 : n->op == WEIR__GT ? c > 0 : c >= 0);
}

static const struct weir_json *convert(struct weir_expr *x, enum weir__expr_op op, const struct weir_json *a)
{
	long double v;
	char *end;

	switch (op) {
	case WEIR__NEGATE:
		if (a->kind == WEIR_JSON_INT)
			return whole_sum(x, WEIR__SUB, 0, a->u.i);
		return weir_json_is_number(a) && numeric(a, &v) ? real(x, (double)-v) : &null_json;
	case WEIR__ABS:
		if (a->kind == WEIR_JSON_INT)
			return a->u.i < 0 ? whole_sum(x, WEIR__SUB, 0, a->u.i) : a;
		return numeric(a, &v) ? real(x, (double)fabsl(v)) : &null_json;
	case WEIR__NUM:
		if (a->kind == WEIR_JSON_STRING && a->text.len && numeric(a, &v)) {
			long long i = strtoll((const char *)a->text.ptr, &end, 10);

			return !*end && (long double)i == v ? whole(x, i) : real(x, (double)v);
		}
		return weir_json_is_number(a) ? a : &null_json;
	case WEIR__STR:
		if (a->kind == WEIR_JSON_STRING)
			return a;
		if (weir_json_is_number(a) && a->text.ptr)
			return text(x, a->text.ptr, a->text.len);
		weir_buf_clear(&x->json);
		if (a->kind == WEIR_JSON_INT)
			weir_buf_printf(&x->json, "%lld", (long long)a->u.i);
		else if (a->kind == WEIR_JSON_FLOAT)
			weir_buf_printf(&x->json, "%.17g", a->u.f);
		else if (a->kind == WEIR_JSON_BOOL)
			weir_buf_text(&x->json, a->u.b ? "true" : "false");
		else
			return &null_json;
		return text(x, weir_buf_cstr(&x->json), x->json.len);
	default: break;
	}
	if (a->kind != WEIR_JSON_STRING)
		return &null_json;
	const struct weir_json *copy = text(x, a->text.ptr, a->text.len);
	for (uint8_t *p = (uint8_t *)copy->text.ptr; p && *p; p++) /* ASCII letters */
		if (op == WEIR__LOWER ? *p >= 'A' && *p <= 'Z' : *p >= 'a' && *p <= 'z')
			*p ^= 0x20;
	return copy;
}

static const struct weir_json *make_list(struct weir_expr *x, const struct weir__expr *n)
{
	struct weir_json *list = fresh(x, WEIR_JSON_ARRAY), *items;
	uint32_t count = 0;

	for (const struct weir__expr *i = n->a; i; i = i->next)
		count++;
	items = list ? weir_arena_alloc(&x->scratch, (count + (size_t)1) * sizeof(*items), 16) : NULL;
	if (!items) {
		x->nomem = true;
		return &null_json;
	}
	for (const struct weir__expr *i = n->a; i; i = i->next)
		items[list->n++] = *eval(x, i);
	list->u.items = items;
	return list;
}

static const struct weir_json *eval(struct weir_expr *x, const struct weir__expr *n)
{
	const struct weir_json *a, *b;

	switch (n->op) {
	case WEIR__LITERAL: return &n->literal;
	case WEIR__ROOT:
		if (!x->roots[n->root])
			x->roots[n->root] = read_root(x, n->root);
		return x->roots[n->root];
	case WEIR__LIST: return make_list(x, n);
	case WEIR__OR: return boolean((a = eval(x, n->a), a->kind == WEIR_JSON_BOOL && a->u.b) || (b = eval(x, n->b), b->kind == WEIR_JSON_BOOL && b->u.b));
	case WEIR__AND: return boolean((a = eval(x, n->a), a->kind == WEIR_JSON_BOOL && a->u.b) && (b = eval(x, n->b), b->kind == WEIR_JSON_BOOL && b->u.b));
	default: break;
	}
	a = eval(x, n->a);
	switch (n->op) {
	case WEIR__MEMBER: return member(a, n);
	case WEIR__NOT: return a->kind == WEIR_JSON_BOOL ? boolean(!a->u.b) : &null_json;
	case WEIR__LEN: return length(x, a);
	case WEIR__NEGATE: case WEIR__ABS: case WEIR__NUM: case WEIR__STR: case WEIR__LOWER: case WEIR__UPPER: return convert(x, n->op, a);
	case WEIR__MATCHES: return boolean(a->kind == WEIR_JSON_STRING && regexec(n->regex, (const char *)a->text.ptr, 0, NULL, 0) == 0);
	case WEIR__SUBSCRIPT: return n->index >= 0 ? item(ttl_value(a) ? ttl_value(a) : a, n->index) : subscript(a, eval(x, n->b), n->map);
	default: break;
	}
	b = eval(x, n->b);
	return n->op >= WEIR__ADD ? arithmetic(x, n->op, a, b) : compare(n, a, b);
}

int weir_expr_eval(struct weir_expr *x, const struct weir_entry *e, bool *out, struct weir_error *err)
{
	const struct weir_json *j;

	weir_arena_reset(&x->scratch);
	memset(x->roots, 0, sizeof(x->roots));
	x->entry = e;
	x->nomem = false;
	j = eval(x, x->root);
	if (x->nomem)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for the value of an entry");
	*out = j->kind == WEIR_JSON_BOOL && j->u.b;
	return 0;
}

void weir_expr_free(struct weir_expr *x)
{
	if (!x)
		return;
	for (struct weir__expr *n = x->regexes; n; n = n->chain)
		regfree(n->regex);
	weir_arena_fini(&x->mem);
	weir_arena_fini(&x->scratch);
	weir_buf_fini(&x->json);
	free(x->text);
	free(x);
}
