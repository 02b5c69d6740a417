// SPDX-License-Identifier: Apache-2.0
/*
 * May state of one type be read by a job that uses another? Flink's rules (docs/formats/serializers.md): a scalar must stay what it
 * is; composites keep their arity and their parts decide; POJOs match fields by name, so fields may come and go.
 * Pure. Recursion follows the types.
 */
#include "state/type/type_priv.h"

#include <stdio.h>

struct why {
	char *text;
	size_t size;
	enum weir_compat worst;
};

static void say(struct why *w, enum weir_compat c, const char *fmt, ...) WEIR_PRINTF(3, 4);
static void say(struct why *w, enum weir_compat c, const char *fmt, ...)
{
	va_list ap;

	if (c <= w->worst) /* the first of the worst is told */
		return;
	w->worst = c;
	if (!w->text || !w->size)
		return;
	va_start(ap, fmt);
	vsnprintf(w->text, w->size, fmt, ap);
	va_end(ap);
}

static const char *field_name(const struct weir_type *t, uint32_t i, char buf[24])
{
	if (t->fields[i].name)
		return t->fields[i].name;
	snprintf(buf, 24, "%u", i);
	return buf;
}

static void compare(struct why *w, const struct weir_type *from, const struct weir_type *to, const char *where);

static void compare_pojo(struct why *w, const struct weir_type *from, const struct weir_type *to)
{
	bool order = from->nfields == to->nfields;

	if (strcmp(from->java, to->java) != 0) {
		say(w, WEIR_COMPAT_INCOMPATIBLE, "the state is of class %s, the job uses class %s", from->java, to->java);
		return;
	}
	for (uint32_t i = 0; i < from->nfields; i++) {
		const struct weir_field *f = weir__wire_field(from, i);
		int j = weir_type_field(to, f->name);

		order = order && weir__wire_field(to, i)->name && strcmp(weir__wire_field(to, i)->name, f->name) == 0;
		if (j >= 0)
			compare(w, f->type, to->fields[j].type, f->name);
		else
			say(w, WEIR_COMPAT_AFTER_MIGRATION, "field %s of %s is no longer there; its values will be dropped", f->name, to->java);
	}
	for (uint32_t i = 0; i < to->nfields; i++)
		if (weir_type_field(from, to->fields[i].name) < 0)
			say(w, WEIR_COMPAT_AFTER_MIGRATION, "field %s of %s is new; it will be null, or 0 for a number", to->fields[i].name, to->java);
	if (!order)
		say(w, WEIR_COMPAT_AFTER_MIGRATION, "the fields of %s are stored in another order", to->java);
}

static void compare_parts(struct why *w, const struct weir_type *from, const struct weir_type *to)
{
	char buf[24];

	if (from->nfields != to->nfields) {
		say(w, WEIR_COMPAT_INCOMPATIBLE, "the state is of a %s of %u fields, the job uses %u; Flink does not change their number", weir__kind_name(to->kind), from->nfields,
		    to->nfields);
		return;
	}
	if (from->kind == WEIR_ROW && weir__row_has_kind(from) != weir__row_has_kind(to))
		say(w, WEIR_COMPAT_AFTER_MIGRATION, "rows of Flink 1.10 and before have no row kind");
	for (uint32_t i = 0; i < from->nfields; i++)
		compare(w, from->fields[i].type, to->fields[i].type, field_name(to, i, buf));
}

static void compare(struct why *w, const struct weir_type *from, const struct weir_type *to, const char *where)
{
	bool same_class = from->java && to->java ? strcmp(from->java, to->java) == 0 : !from->java && !to->java;
	char a[160], b[160];

	if (from == to || w->worst == WEIR_COMPAT_INCOMPATIBLE)
		return;
	weir_type_text(from, a, sizeof(a));
	weir_type_text(to, b, sizeof(b));
	if (from->kind != to->kind) {
		say(w, WEIR_COMPAT_INCOMPATIBLE, "%s%s%sis %s in the state and %s in the job", where ? "field " : "the value", where ? where : "", " ", a, b);
	} else if (from->kind == WEIR_POJO) {
		compare_pojo(w, from, to);
	} else if (from->kind == WEIR_WIRE) {
		if (!weir_type_equal(from, to))
			say(w, WEIR_COMPAT_INCOMPATIBLE, "%s%sis %s in the state and %s in the job, or their snapshots differ", where ? "field " : "the value ", where ? where : "", a, b);
	} else if (from->kind == WEIR_OPAQUE) {
		if (!same_class || !weir_slice_eq(from->snapshot, to->snapshot))
			say(w, WEIR_COMPAT_INCOMPATIBLE, "weir does not know the serializers %s and %s, and their snapshots differ", from->java, to->java);
	} else if (!same_class && from->kind != WEIR_TUPLE) { /* the class of a tuple is stored but not compared */
		say(w, WEIR_COMPAT_INCOMPATIBLE, "%s%s is written by another serializer: %s in the state, %s in the job", where ? "field " : "the value", where ? where : "",
		    from->java ? from->java : a, to->java ? to->java : b);
	} else {
		compare_parts(w, from, to);
	}
}

enum weir_compat weir_type_compat(const struct weir_type *from, const struct weir_type *to, char *why, size_t why_size)
{
	struct why w = { why, why_size, WEIR_COMPAT_AS_IS };

	if (why && why_size)
		*why = 0;
	compare(&w, from, to, NULL);
	return w.worst;
}
