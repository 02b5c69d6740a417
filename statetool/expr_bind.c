// SPDX-License-Identifier: Apache-2.0
/*
 * Binding an expression to a state: which field of which record each name means, and whether kinds fit. What is not known before the value is seen (opaque
 * serializers, subclasses of POJOs, serializers that are known in their wire form only) is left to the evaluation, which is total. Pure.
 */
#include "statetool/expr_priv.h"

#include <stdio.h>

#include "base/text.h"
#include "statetool/pick.h"

enum class_ { ANY, BOOL, NUM, STR, LIST, MAP, RECORD };
static const char *const class_names[] = { "anything", "true or false", "a number", "text", "a list", "a map", "a record" };

struct shape {
	enum class_ class_;
	const struct weir_type *type;  /* or NULL */
	const struct weir_type *elem;  /* LIST, MAP */
	bool ttl;                      /* the value lies in one with a time to live */
};

struct binder {
	struct weir_expr *x;
	const struct weir_state_info *s;
	struct weir_error *err;
	int rc;
};

static struct shape bind(struct binder *b, struct weir__expr *n);

static struct shape of_class(enum class_ c) { return (struct shape){ .class_ = c }; }

/* A row of SQL: known in its wire form only, but it says its fields, and JSON shows it as any row. */
static bool is_sql_row(const struct weir_type *t)
{
	char text[8];

	return t->kind == WEIR_WIRE && t->nfields && strncmp(weir_type_text(t, text, sizeof(text)), "ROW<", 4) == 0;
}

static struct shape of_type(const struct weir_type *t)
{
	struct shape s = { .type = t };

	if (!t)
		return s;
	switch (t->kind) {
	case WEIR_BOOLEAN: s.class_ = BOOL; break;
	case WEIR_INT8: case WEIR_INT16: case WEIR_INT32: case WEIR_INT64: case WEIR_FLOAT: case WEIR_DOUBLE: s.class_ = NUM; break;
	case WEIR_CHAR: case WEIR_STRING: case WEIR_TIMESTAMP: s.class_ = STR; break;
	case WEIR_LIST:
		s.class_ = LIST;
		s.elem = t->fields[0].type;
		break;
	case WEIR_MAP:
		s.class_ = MAP;
		s.elem = t->fields[1].type;
		break;
	case WEIR_TUPLE: case WEIR_ROW: case WEIR_POJO: case WEIR_TIME_WINDOW: case WEIR_BYTES: s.class_ = RECORD; break;
	case WEIR_TTL:
		s = of_type(t->fields[0].type);
		s.ttl = true;
		break;
	default:
		if (is_sql_row(t))
			s.class_ = RECORD;
		break;
	}
	return s;
}

static struct shape fail(struct binder *b, const struct weir__expr *n, const char *text)
{
	if (!b->rc)
		b->rc = weir__expr_fail(b->x, n->at, WEIR_EINVALID, b->err, "%s", text);
	return of_class(ANY);
}

static struct shape mismatch(struct binder *b, const struct weir__expr *n, struct shape s, const char *wanted)
{
	char text[360], type[200] = "";

	if (s.type)
		weir_type_text(s.type, type, sizeof(type));
	snprintf(text, sizeof(text), "this is %s%s%s%s; %s is wanted", class_names[s.class_], s.type ? " (" : "", type, s.type ? ")" : "", wanted);
	return fail(b, n, text);
}

/* ---- names ---- */
static struct shape of_root(struct binder *b, const struct weir__expr *n)
{
	const struct weir_state_info *s = b->s;
	bool keyed = weir_state_is_keyed(s->kind), raw = s->kind == WEIR_STATE_RAW_KEYED;
	char text[200];

	switch (n->root) {
	case WEIR__ROOT_KEY:
		if (keyed)
			return of_type(s->key);
		break;
	case WEIR__ROOT_NS:
		if (keyed)
			return of_type(s->ns);
		break;
	case WEIR__ROOT_UK:
		if (s->kind == WEIR_STATE_MAP || s->kind == WEIR_STATE_BROADCAST)
			return of_type(s->user_key);
		break;
	case WEIR__ROOT_TIMESTAMP:
		if (weir_state_is_timer(s->kind))
			return of_class(NUM);
		break;
	case WEIR__ROOT_VALUE:
		if (s->kind == WEIR_STATE_LIST)
			return (struct shape){ .class_ = LIST, .elem = s->value };
		if (!weir_state_is_timer(s->kind))
			return of_type(s->value);
		break;
	case WEIR__ROOT_KG:
		if (keyed || raw)
			return of_class(NUM);
		break;
	case WEIR__ROOT_OP: case WEIR__ROOT_STATE: case WEIR__ROOT_KIND: return of_class(STR);
	default: return of_class(NUM);
	}
	snprintf(text, sizeof(text), "entries of state '%.60s' (%s) do not have this", s->name ? s->name : "", weir_state_kind_name(s->kind));
	return fail(b, n, text);
}

static void field_list(const struct weir_type *t, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = 0;
	for (uint32_t i = 0; i < t->nfields && at < size - 1; i++) {
		if (t->fields[i].name)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? ", " : "", t->fields[i].name);
		else
			at += (size_t)snprintf(buf + at, size - at, "%sf%u", i ? ", " : "", i);
	}
	if (at >= size - 1)
		memcpy(buf + size - 4, "...", 4);
}

/* A field of a record by its name; n->index is set where JSON shows the record as a list. */
static struct shape of_field(struct binder *b, struct weir__expr *n, const struct weir_type *t, const char *name)
{
	char list[200], text[360];
	int i = weir_type_field(t, name);
	unsigned position;
	char end;

	if (t->kind == WEIR_TIME_WINDOW && (strcmp(name, "start") == 0 || strcmp(name, "end") == 0))
		return of_class(NUM);
	if (t->kind == WEIR_BYTES && strcmp(name, "hex") == 0)
		return of_class(STR);
	if ((t->kind == WEIR_ROW || t->kind == WEIR_WIRE) && (strcmp(name, "row") == 0 || strcmp(name, "f") == 0) && i < 0)
		return of_class(ANY);
	if (i < 0 && t->kind != WEIR_POJO && sscanf(name, "f%u%c", &position, &end) == 1 && position < t->nfields)
		i = (int)position;
	if (i >= 0) {
		if (t->kind != WEIR_POJO)
			n->index = i;
		return of_type(t->fields[i].type);
	}
	if (t->kind == WEIR_POJO && (t->nsubs || strcmp(name, "@") == 0))
		return of_class(ANY); /* perhaps a subclass has it */
	if (t->kind == WEIR_TIME_WINDOW)
		snprintf(list, sizeof(list), "start, end");
	else if (t->kind == WEIR_BYTES)
		snprintf(list, sizeof(list), "hex");
	else
		field_list(t, list, sizeof(list));
	snprintf(text, sizeof(text), "there is no field '%.60s'; there are: %s", name, list);
	return fail(b, n, text);
}

static struct shape of_member(struct binder *b, struct weir__expr *n)
{
	struct shape s = bind(b, n->a);
	const char *name = (const char *)n->literal.text.ptr;
	char text[360], type[200] = "";

	n->index = -1;
	n->map = false;
	if (b->rc || s.class_ == ANY)
		return of_class(ANY);
	if (s.ttl && (strcmp(name, "ttl") == 0 || strcmp(name, "value") == 0)) {
		s.ttl = false;
		return name[0] == 't' ? of_class(NUM) : s;
	}
	if (s.class_ == RECORD)
		return of_field(b, n, s.type, name);
	if (s.class_ == MAP) {
		struct shape key = of_type(s.type->fields[0].type);

		if (key.class_ != STR && key.class_ != ANY)
			return mismatch(b, n, key, "a map's key goes in brackets: [key], and of its kind it");
		n->map = true;
		return of_type(s.elem);
	}
	if (s.type)
		weir_type_text(s.type, type, sizeof(type));
	if (s.class_ == LIST)
		snprintf(text, sizeof(text), "a list has no field '%.60s': take one item, [0], or its len()", name);
	else
		snprintf(text, sizeof(text), "there is no field '%.60s' in %s%s%s%s", name, class_names[s.class_], type[0] ? " (" : "", type, type[0] ? ")" : "");
	return fail(b, n, text);
}

static struct shape of_subscript(struct binder *b, struct weir__expr *n)
{
	struct shape s = bind(b, n->a), at = bind(b, n->b);
	const struct weir_json *lit = n->b->op == WEIR__LITERAL ? &n->b->literal : NULL;

	n->index = -1;
	n->map = s.class_ == MAP;
	if (b->rc || s.class_ == ANY)
		return of_class(ANY);
	if (s.class_ == MAP) {
		struct shape key = of_type(s.type->fields[0].type);

		if (key.class_ != ANY && at.class_ != ANY && key.class_ != at.class_)
			return mismatch(b, n->b, at, class_names[key.class_]);
		return of_type(s.elem);
	}
	if (s.class_ == LIST)
		return at.class_ == NUM || at.class_ == ANY ? of_type(s.elem) : mismatch(b, n->b, at, "a number");
	if (s.class_ != RECORD)
		return mismatch(b, n, s, "a list, a map or a record");
	if (lit && lit->kind == WEIR_JSON_STRING)
		return of_field(b, n, s.type, (const char *)lit->text.ptr);
	if (lit && lit->kind == WEIR_JSON_INT && s.type->kind != WEIR_POJO && lit->u.i >= 0 && lit->u.i < s.type->nfields) {
		n->index = (int32_t)lit->u.i;
		return of_type(s.type->fields[lit->u.i].type);
	}
	return of_class(ANY);
}

/* ---- operators ---- */
static bool not_a_number(const struct weir__expr *n)
{
	return n->op == WEIR__LITERAL && n->literal.kind == WEIR_JSON_STRING &&
	       (weir_slice_is(n->literal.text, "NaN") || weir_slice_is(n->literal.text, "Infinity") || weir_slice_is(n->literal.text, "-Infinity"));
}

static struct shape of_comparison(struct binder *b, struct weir__expr *n)
{
	struct shape l = bind(b, n->a), r = bind(b, n->b);
	bool ordered = n->op != WEIR__EQ && n->op != WEIR__NE;
	char text[200];

	if (ordered && (l.class_ >= LIST || r.class_ >= LIST))
		return mismatch(b, l.class_ >= LIST ? n->a : n->b, l.class_ >= LIST ? l : r, "something with an order");
	if (!b->rc && l.class_ != ANY && r.class_ != ANY && l.class_ != r.class_ && !not_a_number(n->a) && !not_a_number(n->b) &&
	    !(l.class_ >= LIST && r.class_ >= LIST)) {
		snprintf(text, sizeof(text), "%s is compared with %s here: that is never so", class_names[l.class_], class_names[r.class_]);
		return fail(b, n, text);
	}
	return of_class(BOOL);
}

static struct shape want(struct binder *b, struct weir__expr *n, enum class_ c)
{
	struct shape s = bind(b, n);

	if (!b->rc && s.class_ != ANY && s.class_ != c)
		return mismatch(b, n, s, class_names[c]);
	return s;
}

static struct shape of_containment(struct binder *b, struct weir__expr *n)
{
	struct weir__expr *container = n->op == WEIR__IN ? n->b : n->a, *item = n->op == WEIR__IN ? n->a : n->b;
	struct shape c = bind(b, container);

	n->map = c.class_ == MAP;
	if (!b->rc && (c.class_ == NUM || c.class_ == BOOL))
		return mismatch(b, container, c, "a list, a map or text");
	if (c.class_ == STR)
		want(b, item, STR);
	else
		bind(b, item);
	return of_class(BOOL);
}

static struct shape of_sum(struct binder *b, struct weir__expr *n)
{
	struct shape l = bind(b, n->a), r;

	if (n->op == WEIR__ADD && l.class_ == STR) {
		want(b, n->b, STR);
		return of_class(STR);
	}
	if (!b->rc && l.class_ != ANY && l.class_ != NUM)
		return mismatch(b, n->a, l, "a number");
	r = n->op == WEIR__ADD && l.class_ == ANY ? bind(b, n->b) : want(b, n->b, NUM);
	return of_class(n->op == WEIR__ADD && l.class_ == ANY ? (r.class_ == NUM || r.class_ == STR ? r.class_ : ANY) : NUM);
}

static struct shape of_literal(struct binder *b, struct weir__expr *n)
{
	switch (n->op == WEIR__LIST ? WEIR_JSON_ARRAY : n->literal.kind) {
	case WEIR_JSON_BOOL: return of_class(BOOL);
	case WEIR_JSON_INT: case WEIR_JSON_FLOAT: return of_class(NUM);
	case WEIR_JSON_STRING: return of_class(STR);
	case WEIR_JSON_ARRAY:
		for (struct weir__expr *i = n->a; i; i = i->next)
			bind(b, i);
		return of_class(LIST);
	default: return of_class(ANY);
	}
}

static struct shape bind(struct binder *b, struct weir__expr *n)
{
	struct shape s;

	if (b->rc)
		return of_class(ANY);
	switch (n->op) {
	case WEIR__LITERAL: case WEIR__LIST: return of_literal(b, n);
	case WEIR__ROOT: return of_root(b, n);
	case WEIR__MEMBER: return of_member(b, n);
	case WEIR__SUBSCRIPT: return of_subscript(b, n);
	case WEIR__OR: case WEIR__AND:
		want(b, n->a, BOOL);
		want(b, n->b, BOOL);
		return of_class(BOOL);
	case WEIR__NOT: want(b, n->a, BOOL); return of_class(BOOL);
	case WEIR__NEGATE: case WEIR__ABS: want(b, n->a, NUM); return of_class(NUM);
	case WEIR__EQ: case WEIR__NE: case WEIR__LT: case WEIR__LE: case WEIR__GT: case WEIR__GE: return of_comparison(b, n);
	case WEIR__IN: case WEIR__CONTAINS: return of_containment(b, n);
	case WEIR__STARTS: case WEIR__ENDS: case WEIR__MATCHES:
		want(b, n->a, STR);
		want(b, n->b, STR);
		return of_class(BOOL);
	case WEIR__ADD: case WEIR__SUB: case WEIR__MUL: case WEIR__DIV: case WEIR__MOD: return of_sum(b, n);
	case WEIR__LEN:
		s = bind(b, n->a);
		return !b->rc && (s.class_ == NUM || s.class_ == BOOL) ? mismatch(b, n->a, s, "a list, a map, a record or text") : of_class(NUM);
	case WEIR__LOWER: case WEIR__UPPER: want(b, n->a, STR); return of_class(STR);
	case WEIR__NUM: bind(b, n->a); return of_class(NUM);
	case WEIR__STR: bind(b, n->a); return of_class(STR);
	}
	return of_class(ANY);
}

int weir_expr_bind(struct weir_expr *x, const struct weir_state_info *s, struct weir_error *err)
{
	struct binder b = { .x = x, .s = s, .err = err };
	char label[512];

	want(&b, x->root, BOOL);
	if (!b.rc && s->op) {
		const char *text = weir_operator_label(s->op, NULL, label, sizeof(label));

		x->label.len = strlen(text);
		x->label.ptr = (uint8_t *)weir_arena_text(&x->mem, text, x->label.len);
	}
	return b.rc;
}
