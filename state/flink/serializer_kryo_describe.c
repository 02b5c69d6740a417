// SPDX-License-Identifier: Apache-2.0
/*
 * Classes that a user describes, so that Kryo values of them can be read: FieldSerializer writes no names and no types. docs/formats/serializers.md, "Kryo".
 *
 *     final class shop.Order extends shop.Base { String id; int count; List<String> tags; Color color; transient Object cache; }
 *     enum shop.Color { RED, GREEN }
 *
 * 1. As Java declares them: fields in that order, only those that are not static or transient count. Modifiers, comments and initial values are passed over.
 * 2. `final` matters: where the type of a field is a final class, its objects do not name their class. Enums are final.
 * 3. Names without a package are of that of the class around them, or of java.lang, java.util, java.math, java.time.
 * 4. One table for the process, filled before a checkpoint is opened and never changed or freed after.
 * May fail: text that is not that, classes described twice, out of memory.
 */
#include "state/flink/serializer_kryo.h"

#include "base/json.h"
#include "state/flink/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_FIELDS = 500, MAX_SUPERS = 20 };

struct field {
	const char *name, *type; /* type as written: "int", "java.util.List", "String[]" */
	const char *generic[2];  /* of <A> or <A,B>, or NULL */
	size_t at, len;
};

struct described {
	struct described *next;
	const char *name, *super;
	const char *constants;   /* enum: separated by blanks; NULL: a class */
	bool final;
	uint32_t n;
	struct field *fields;
};

static struct weir_arena mem;
static struct described *all;

static struct described *find(const char *name)
{
	struct described *d = all;

	while (d && strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

/* ---- reading the descriptions ---- */

struct text {
	const char *p, *end;
	uint32_t line;
	struct weir_error *err;
};

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '.' || (c & 0x80); }

static void blanks(struct text *t)
{
	while (t->p < t->end) {
		if (*t->p == '\n')
			t->line++;
		if (t->end - t->p >= 2 && t->p[0] == '/' && t->p[1] == '/') {
			while (t->p < t->end && *t->p != '\n')
				t->p++;
		} else if (t->end - t->p >= 2 && t->p[0] == '/' && t->p[1] == '*') {
			for (t->p += 2; t->p < t->end && !(t->p[-1] == '/' && t->p[-2] == '*'); t->p++)
				t->line += *t->p == '\n';
		} else if (*t->p == ' ' || *t->p == '\t' || *t->p == '\n' || *t->p == '\r') {
			t->p++;
		} else {
			return;
		}
	}
}

static bool take(struct text *t, char c)
{
	blanks(t);
	return t->p < t->end && *t->p == c && t->p++;
}

static int fail(struct text *t, const char *expected)
{
	int n = 0;

	blanks(t);
	while (n < 20 && n < t->end - t->p && (uint8_t)t->p[n] >= 0x20)
		n++;
	return weir_error_set(t->err, WEIR_EINVALID, "class descriptions, line %u: expected %s, found \"%.*s\"", t->line, expected, n, t->p);
}

/* The next name in the arena; NULL: there is none. */
static const char *name_of(struct text *t)
{
	const char *from;

	blanks(t);
	for (from = t->p; t->p < t->end && is_name(*t->p);)
		t->p++;
	return t->p > from ? weir_arena_text(&mem, from, (size_t)(t->p - from)) : NULL;
}

static bool is(const char *name, const char *word) { return name && strcmp(name, word) == 0; }

static const char *after_modifiers(struct text *t, bool *passed_over, bool *final)
{
	static const char *const plain[] = { "public", "private", "protected", "abstract", "volatile" };
	const char *name = name_of(t);

	for (bool more = true; more && name;) {
		more = is(name, "static") || is(name, "transient");
		*passed_over |= more;
		*final |= is(name, "final");
		more |= is(name, "final");
		for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
			more |= is(name, plain[i]);
		if (more)
			name = name_of(t);
	}
	return name;
}

/* <A, B>: their names; nested ones are passed over and count as none. */
static int read_generics(struct text *t, struct field *f)
{
	uint32_t i = 0;

	if (!take(t, '<'))
		return 0;
	for (;;) {
		const char *name = take(t, '?') ? "java.lang.Object" : name_of(t);
		int depth = 0;

		if (!name)
			return fail(t, "the name of a type");
		blanks(t);
		if (t->p < t->end && (*t->p == '<' || *t->p == '[' || is_name(*t->p)))
			name = "java.lang.Object"; /* not a final class, so its objects name theirs */
		for (; t->p < t->end && (depth || (*t->p != ',' && *t->p != '>')); t->p++)
			depth += (*t->p == '<') - (*t->p == '>');
		if (i < 2)
			f->generic[i++] = name;
		if (take(t, '>'))
			return 0;
		if (!take(t, ','))
			return fail(t, "the end of <..>");
	}
}

/* "type name;" */
static int read_field(struct text *t, struct described *d)
{
	struct field f = { 0 };
	bool passed_over = false, final = false;
	int code;

	f.type = after_modifiers(t, &passed_over, &final);
	if (!f.type)
		return fail(t, "a field as \"int count;\"");
	code = read_generics(t, &f);
	while (!code && take(t, '[')) {
		char array[600];

		if (!take(t, ']'))
			return fail(t, "]");
		snprintf(array, sizeof(array), "%s[]", f.type);
		f.type = weir_arena_text(&mem, array, strlen(array));
	}
	f.name = code ? NULL : name_of(t);
	if (!code && !f.name)
		code = fail(t, "the name of a field");
	if (!code && take(t, '='))
		while (t->p < t->end && *t->p != ';')
			t->p++;
	if (!code && !take(t, ';'))
		code = fail(t, "; behind a field (methods are not part of a description)");
	if (code || passed_over)
		return code;
	if (d->n == MAX_FIELDS || !f.type)
		return weir_error_set(t->err, WEIR_EINVALID, "class descriptions: %s has more than %d fields", d->name, MAX_FIELDS);
	d->fields[d->n++] = f;
	return 0;
}

static int read_constants(struct text *t, struct described *d)
{
	struct weir_buf names = { 0 };
	const char *name;
	int code = 0;

	while (!code && (name = name_of(t)) != NULL) {
		weir_buf_printf(&names, "%s%s", names.len ? " " : "", name);
		if (!take(t, ','))
			break;
	}
	take(t, ';');
	if (!take(t, '}'))
		code = fail(t, "} behind the constants of an enum");
	d->constants = weir_arena_text(&mem, weir_buf_cstr(&names), names.len);
	if (!code && (!d->constants || names.code))
		code = weir_error_set(t->err, WEIR_ENOMEM, "no memory for class descriptions");
	weir_buf_fini(&names);
	return code;
}

static int read_class(struct text *t)
{
	struct described *d = weir_arena_zero(&mem, sizeof(*d));
	bool passed_over = false, is_enum;
	const char *word;
	int code = 0;

	if (!d)
		return weir_error_set(t->err, WEIR_ENOMEM, "no memory for class descriptions");
	word = after_modifiers(t, &passed_over, &d->final);
	is_enum = is(word, "enum");
	if (!is_enum && !is(word, "class"))
		return fail(t, "\"class a.B {\" or \"enum a.B {\"");
	d->name = name_of(t);
	if (!d->name)
		return fail(t, "the name of a class");
	if (find(d->name))
		return weir_error_set(t->err, WEIR_EINVALID, "class descriptions, line %u: %s is described twice", t->line, d->name);
	for (word = name_of(t); word; word = name_of(t)) {
		if (is(word, "extends"))
			d->super = name_of(t);
		take(t, ',');
	}
	if (!take(t, '{'))
		return fail(t, "{");
	if (is_enum) {
		d->final = true;
		code = read_constants(t, d);
	} else {
		d->fields = weir_arena_zero(&mem, MAX_FIELDS * sizeof(*d->fields));
		if (!d->fields)
			return weir_error_set(t->err, WEIR_ENOMEM, "no memory for class descriptions");
		while (!code && !take(t, '}'))
			code = read_field(t, d);
	}
	d->next = all;
	if (!code)
		all = d;
	return code;
}

int weir_kryo_describe(const char *text, size_t len, struct weir_error *err)
{
	struct text t = { text, text + len, 1, err };
	int code = 0;

	for (blanks(&t); !code && t.p < t.end; blanks(&t))
		code = read_class(&t);
	return code;
}

/* ---- use ---- */

static bool known(const char *name)
{
	return find(name) || weir__kryo_class_named(name).read != weir__kryo_unknown;
}

/* The class a type of a field names, for code inside class d. */
static struct weir__kryo_class resolve(struct weir__kryo_graph *g, const struct described *d, const char *type)
{
	static const char *const packages[] = { "", "java.lang.", "java.util.", "java.math.", "java.time." };
	static const char *const primitives[] = { "boolean", "byte", "short", "char", "int", "long", "float", "double" };
	const char *array = strchr(type, '['), *dot = strrchr(d->name, '.');
	char name[1024], base[600];

	snprintf(base, sizeof(base), "%.*s", (int)(array ? array - type : (ptrdiff_t)strlen(type)), type);
	snprintf(name, sizeof(name), "%s$%s", d->name, base); /* inside the class, beside it, in its package */
	if (!find(name))
		snprintf(name, sizeof(name), "%.*s$%s", (int)strcspn(d->name, "$"), d->name, base);
	if (!find(name) && dot)
		snprintf(name, sizeof(name), "%.*s.%s", (int)(dot - d->name), d->name, base);
	for (size_t i = 0; !find(name) && i < sizeof(packages) / sizeof(packages[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", packages[i], base);
		if (known(name))
			break;
	}
	if (array) { /* "[I", "[Lx;" */
		char inner[600];
		const char *letter = NULL;

		for (size_t i = 0; i < 8; i++)
			letter = strcmp(base, primitives[i]) == 0 ? &"ZBSCIJFD"[i] : letter;
		snprintf(inner, sizeof(inner), "%s", letter ? "" : name);
		name[0] = 0;
		for (const char *p = array; *p; p += 2)
			strcat(name, "[");
		snprintf(name + strlen(name), 600, letter ? "%.1s" : "L%s;", letter ? letter : inner);
	}
	char *copy = weir_arena_text(&g->mem, name, strlen(name));

	if (!copy) {
		weir_src_fail(g->src, WEIR_ENOMEM, "out of memory for a Kryo value");
		return (struct weir__kryo_class){ "", weir__kryo_unknown, 0, NULL };
	}
	return weir__kryo_class_named(copy);
}

static void put_field(struct weir__kryo_graph *g, const struct described *d, const struct field *f)
{
	static const char *const primitives[] = { "boolean", "byte", "short", "char", "int", "long", "float", "double" };
	struct weir__kryo_class c, generic[2];

	for (size_t i = 0; i < 8; i++)
		if (strcmp(f->type, primitives[i]) == 0) {
			weir__kryo_put_primitive(g, "ZBSCIJFD"[i]);
			return;
		}
	c = resolve(g, d, f->type);
	for (int i = 0; i < 2; i++) {
		generic[i] = f->generic[i] ? resolve(g, d, f->generic[i]) : c;
		g->generic[i] = f->generic[i] && generic[i].flags & WEIR__KRYO_FINAL ? &generic[i] : NULL;
	}
	if (c.flags & WEIR__KRYO_FINAL && !(c.name[0] == '[' && c.flags & WEIR__KRYO_UNSURE))
		weir__kryo_known(g, &c, true);
	else
		weir__kryo_object(g);
	g->generic[0] = g->generic[1] = NULL;
}

static int by_name(const void *a, const void *b) { return strcmp((*(struct field *const *)a)->name, (*(struct field *const *)b)->name); }

/* The fields of the class, then those of what it extends, as reflection lists them. */
static uint32_t list_fields(struct weir__kryo_graph *g, const struct described *d, struct field *list, const struct described **owner, uint32_t max)
{
	uint32_t n = 0;

	for (int depth = 0; d && depth < MAX_SUPERS; depth++) {
		struct weir__kryo_class super = d->super ? resolve(g, d, d->super) : (struct weir__kryo_class){ "", NULL, 0, NULL };

		for (uint32_t i = 0; i < d->n && n < max; i++) {
			owner[n] = d;
			list[n++] = d->fields[i];
		}
		d = d->super ? find(super.name) : NULL;
	}
	return n;
}

void weir__kryo_described(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const struct described *d = find(c->name);
	struct field *list = weir_arena_zero(&g->mem, 2 * MAX_FIELDS * sizeof(*list)), **order = weir_arena_zero(&g->mem, 2 * MAX_FIELDS * sizeof(*order));
	const struct described **owner = weir_arena_zero(&g->mem, 2 * MAX_FIELDS * sizeof(*owner));
	struct weir_buf texts = { 0 }, *out = g->out;
	uint32_t n;

	if (!d || !list || !order || !owner) {
		weir_src_fail(g->src, WEIR_ENOMEM, "out of memory for a Kryo value");
		return;
	}
	n = list_fields(g, d, list, owner, 2 * MAX_FIELDS);
	for (uint32_t i = 0; i < n; i++)
		order[i] = &list[i];
	qsort(order, n, sizeof(*order), by_name);
	g->out = &texts;
	for (uint32_t i = 0; i < n && !weir__kryo_stop(g); i++) {
		order[i]->at = texts.len;
		put_field(g, owner[order[i] - list], order[i]);
		order[i]->len = texts.len - order[i]->at;
	}
	g->out = out;
	weir_buf_text(out, "{\"@\":");
	weir_json_text(out, c->name);
	for (uint32_t i = 0; i < n && !g->src->code; i++) {
		if (!list[i].len) /* behind what could not be read */
			continue;
		weir_buf_u8(out, ',');
		weir_json_text(out, list[i].name);
		weir_buf_u8(out, ':');
		weir_buf_put(out, texts.data + list[i].at, list[i].len);
	}
	weir_buf_u8(out, '}');
	out->code = out->code ? out->code : texts.code;
	weir_buf_fini(&texts);
}

bool weir__kryo_description(const char *name, struct weir__kryo_class *out)
{
	const struct described *d = find(name);

	if (!d)
		return false;
	*out = d->constants ? (struct weir__kryo_class){ name, weir__kryo_enum, WEIR__KRYO_FINAL | WEIR__KRYO_ENUM, d->constants }
			    : (struct weir__kryo_class){ name, weir__kryo_described, d->final ? WEIR__KRYO_FINAL : 0, NULL };
	return true;
}
