// SPDX-License-Identifier: Apache-2.0
/* Types compared, and named in messages. Pure. */
#include "state/type/serializer.h"

#include <stdio.h>

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

bool weir_type_equal(const struct weir_type *a, const struct weir_type *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || a->nfields != b->nfields || !same_text(a->java, b->java))
		return false;
	if (a->kind == WEIR_ROW && weir__row_has_kind(a) != weir__row_has_kind(b))
		return false;
	if (a->serializer != b->serializer || ((a->kind == WEIR_OPAQUE || a->kind == WEIR_WIRE) && !weir_slice_eq(a->snapshot, b->snapshot)))
		return false;
	for (uint32_t i = 0; i < a->nfields; i++) {
		const struct weir_field *x = weir__wire_field(a, i), *y = weir__wire_field(b, i);

		if (a->kind == WEIR_POJO ? !same_text(x->name, y->name) : a->kind == WEIR_ROW && x->name && y->name && !same_text(x->name, y->name))
			return false;
		if (!weir_type_equal(x->type, y->type))
			return false;
	}
	return true;
}

struct text {
	char *buf;
	size_t size, len;
};

static void put(struct text *x, const char *s)
{
	size_t n = strlen(s);

	if (x->len + 1 >= x->size)
		return;
	if (n > x->size - 1 - x->len)
		n = x->size - 1 - x->len;
	memcpy(x->buf + x->len, s, n);
	x->len += n;
	x->buf[x->len] = 0;
}

static void put_type(struct text *x, const struct weir_type *t)
{
	bool names = t->kind == WEIR_POJO || (t->kind == WEIR_ROW && t->nfields && t->fields[0].name);

	if (t->kind == WEIR_WIRE && t->serializer->put_name) {
		struct weir_buf name = { 0 };

		t->serializer->put_name(t, &name);
		weir_buf_u8(&name, 0);
		put(x, name.code ? t->serializer->name : (const char *)name.data);
		weir_buf_fini(&name);
		return;
	}
	put(x, weir__type_noun(t));
	if (t->java && (t->kind == WEIR_POJO || t->kind == WEIR_OPAQUE)) {
		put(x, " ");
		put(x, t->kind == WEIR_OPAQUE && t->name ? t->name : t->java);
	}
	if (!t->nfields && t->kind != WEIR_POJO && t->kind != WEIR_ROW)
		return;
	put(x, names ? "{" : "<");
	for (uint32_t i = 0; i < t->nfields; i++) {
		if (x->len + 1 >= x->size)
			return; /* full: no need to walk the rest */
		if (i)
			put(x, ", ");
		if (names) {
			put(x, t->fields[i].name ? t->fields[i].name : "?");
			put(x, ": ");
		}
		put_type(x, t->fields[i].type);
	}
	put(x, names ? "}" : ">");
}

const char *weir_type_text(const struct weir_type *t, char *buf, size_t size)
{
	struct text x = { buf, size, 0 };

	if (!size)
		return buf;
	buf[0] = 0;
	put_type(&x, t);
	if (x.len + 1 == size && size > 4)
		memcpy(buf + size - 4, "...", 4);
	return buf;
}
