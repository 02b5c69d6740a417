// SPDX-License-Identifier: Apache-2.0
/*
 * Ownership of what native values point to. Every value stored in a shard owns its text and arrays: each lies in a cell of its own in
 * the shard's space, referenced once. The size of a cell follows from the value (length of the text, count of the array), so cells have
 * no headers.
 *
 * Invariants
 *   1. A stored value points only into its own shard, and no two stored values share a cell.
 *   2. Null fields of a record own nothing; their native content is zero once settled.
 *
 * Threads: own, free and settle are the task's; relocate works on an image and belongs to the snapshot's thread.
 * Recursion is bounded by the nesting cap of types (32).
 */
#include "state/backend/value.h"

static inline bool is_record(const struct weir_type *t)
{
	return t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO || t->kind == WEIR_TIMER || t->kind == WEIR_TTL;
}

static inline bool field_null(const struct weir_type *t, uint32_t i, const void *record)
{
	uint64_t bits;

	if (t->null_offset == WEIR_NO_NULLS)
		return false;
	memcpy(&bits, (const char *)record + t->null_offset, 8);
	return bits >> i & 1;
}

static inline bool text_is_far(const struct weir_str *s)
{
	return s->len > WEIR_STR_INLINE && s->len != WEIR_STR_NULL_LEN;
}

/* ---- own ---- */

static void *copy_array(struct weir__space *s, const struct weir_type *t, const void *from, uint32_t count, bool *ok)
{
	size_t n = (size_t)count * t->size;
	char *to = n ? weir__space_alloc(s, n) : NULL;

	if (!to)
		return NULL;
	memcpy(to, from, n);
	if (!weir__is_flat(t))
		for (uint32_t i = 0; i < count; i++)
			*ok &= weir__value_own(s, t, to + (size_t)i * t->size);
	return to;
}

static bool own_list(struct weir__space *s, const struct weir_type *t, struct weir_list *l)
{
	const struct weir_type *e = t->fields[0].type;
	bool ok = true;

	if (!e->size || !l->count) {
		l->items = NULL;
		return true;
	}
	l->items = copy_array(s, e, l->items, l->count, &ok);
	if (!l->items) {
		l->count = 0;
		return false;
	}
	return ok;
}

static bool own_map(struct weir__space *s, const struct weir_type *t, struct weir_map *m)
{
	const struct weir_type *k = t->fields[0].type, *v = t->fields[1].type;
	struct weir_map from = *m;
	uint8_t *nulls = NULL;
	bool ok = true;

	*m = (struct weir_map){ 0 };
	if (!from.count)
		return true;
	if (from.nulls) {
		nulls = weir__space_alloc(s, from.count);
		if (!nulls)
			return false;
		memcpy(nulls, from.nulls, from.count);
	}
	m->keys = copy_array(s, k, from.keys, from.count, &ok);
	m->values = copy_array(s, v, from.values, from.count, &ok);
	m->nulls = nulls;
	m->count = from.count;
	if ((k->size && !m->keys) || (v->size && !m->values)) {
		if (m->keys)
			weir__space_free(s, (void *)(uintptr_t)m->keys, (size_t)from.count * k->size); /* text inside leaks: freed with the shard */
		if (m->values)
			weir__space_free(s, (void *)(uintptr_t)m->values, (size_t)from.count * v->size);
		weir__space_free(s, nulls, from.count);
		*m = (struct weir_map){ 0 };
		return false;
	}
	return ok;
}

bool weir__value_own(struct weir__space *s, const struct weir_type *t, void *v)
{
	bool ok = true;

	if (weir__is_flat(t))
		return true;
	if (t->kind == WEIR_LIST)
		return own_list(s, t, v);
	if (t->kind == WEIR_MAP)
		return own_map(s, t, v);
	if (is_record(t)) {
		for (uint32_t i = 0; i < t->nfields; i++) {
			char *f = (char *)v + t->fields[i].offset;

			if (weir__is_flat(t->fields[i].type))
				continue;
			if (field_null(t, i, v))
				memset(f, 0, t->fields[i].type->size);
			else
				ok &= weir__value_own(s, t->fields[i].type, f);
		}
		return ok;
	}
	struct weir_str *text = v; /* STRING, BYTES, OPAQUE */

	if (text_is_far(text)) {
		char *to = weir__space_alloc(s, text->len);

		if (!to) {
			memset(text, 0, sizeof(*text));
			return false;
		}
		memcpy(to, text->u.ptr, text->len);
		text->u.ptr = to;
	}
	return true;
}

/* ---- free ---- */

static void free_array(struct weir__space *s, const struct weir_type *t, const void *items, uint32_t count)
{
	char *p = (char *)(uintptr_t)items;

	if (!p)
		return;
	if (!weir__is_flat(t))
		for (uint32_t i = 0; i < count; i++)
			weir__value_free(s, t, p + (size_t)i * t->size);
	weir__space_free(s, p, (size_t)count * t->size);
}

void weir__value_free(struct weir__space *s, const struct weir_type *t, void *v)
{
	if (weir__is_flat(t))
		return;
	if (t->kind == WEIR_LIST) {
		const struct weir_list *l = v;

		free_array(s, t->fields[0].type, l->items, l->count);
	} else if (t->kind == WEIR_MAP) {
		const struct weir_map *m = v;

		free_array(s, t->fields[0].type, m->keys, m->count);
		free_array(s, t->fields[1].type, m->values, m->count);
		weir__space_free(s, (void *)(uintptr_t)m->nulls, m->count);
	} else if (is_record(t)) {
		for (uint32_t i = 0; i < t->nfields; i++)
			if (!field_null(t, i, v))
				weir__value_free(s, t->fields[i].type, (char *)v + t->fields[i].offset);
	} else {
		struct weir_str *text = v;

		if (text_is_far(text))
			weir__space_free(s, (void *)(uintptr_t)text->u.ptr, text->len);
	}
}

/* ---- settle ---- */

static bool same_container(const struct weir_type *t, const void *a, const void *b)
{
	if (t->kind == WEIR_LIST) {
		const struct weir_list *x = a, *y = b;

		return x->items == y->items && x->count == y->count;
	}
	if (t->kind == WEIR_MAP) {
		const struct weir_map *x = a, *y = b;

		return x->keys == y->keys && x->values == y->values && x->nulls == y->nulls && x->count == y->count;
	}
	return memcmp(a, b, sizeof(struct weir_str)) == 0;
}

/* Pass 1: own what changed. Changed leaves are marked by leaving `before` as it is; unchanged ones are emptied in `before`, so that pass 2,
 * weir__value_free(before), frees exactly what was replaced. Copying before freeing keeps values that borrow from the old ones right. */
static bool take_changes(struct weir__space *s, const struct weir_type *t, void *before, void *v)
{
	bool ok = true;

	if (weir__is_flat(t))
		return true;
	if (!is_record(t)) {
		if (!same_container(t, before, v))
			return weir__value_own(s, t, v);
		memset(before, 0, t->size);
		return true;
	}
	for (uint32_t i = 0; i < t->nfields; i++) {
		const struct weir_type *ft = t->fields[i].type;
		char *b = (char *)before + t->fields[i].offset, *a = (char *)v + t->fields[i].offset;

		if (weir__is_flat(ft))
			continue;
		if (field_null(t, i, v))
			memset(a, 0, ft->size);
		else if (field_null(t, i, before))
			ok &= weir__value_own(s, ft, a);
		else
			ok &= take_changes(s, ft, b, a);
	}
	return ok;
}

bool weir__value_settle(struct weir__space *s, const struct weir_type *t, void *before, void *v)
{
	bool ok = take_changes(s, t, before, v);

	weir__value_free(s, t, before);
	return ok;
}

/* ---- relocate ---- */

static bool relocate_array(struct weir__image *im, const struct weir_type *t, const void **items, uint32_t count)
{
	char *p;

	if (!*items || !count)
		return true;
	*items = p = weir__image_at(im, *items);
	if (!p)
		return false;
	if (!weir__is_flat(t))
		for (uint32_t i = 0; i < count; i++)
			if (!weir__value_relocate(im, t, p + (size_t)i * t->size))
				return false;
	return true;
}

bool weir__value_relocate(struct weir__image *im, const struct weir_type *t, void *v)
{
	if (weir__is_flat(t))
		return true;
	if (t->kind == WEIR_LIST) {
		struct weir_list *l = v;

		return relocate_array(im, t->fields[0].type, &l->items, l->count);
	}
	if (t->kind == WEIR_MAP) {
		struct weir_map *m = v;
		const void *nulls = m->nulls;

		if (!relocate_array(im, t->fields[0].type, &m->keys, m->count) || !relocate_array(im, t->fields[1].type, &m->values, m->count))
			return false;
		if (nulls) {
			m->nulls = weir__image_at(im, nulls);
			return m->nulls != NULL;
		}
		return true;
	}
	if (is_record(t)) {
		for (uint32_t i = 0; i < t->nfields; i++)
			if (!field_null(t, i, v) && !weir__value_relocate(im, t->fields[i].type, (char *)v + t->fields[i].offset))
				return false;
		return true;
	}
	struct weir_str *text = v;

	if (text_is_far(text)) {
		text->u.ptr = weir__image_at(im, text->u.ptr);
		return text->u.ptr != NULL;
	}
	return true;
}

enum weir__eq weir__eq_of(const struct weir_type *t)
{
	switch (t->kind) {
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW:
		return WEIR__EQ_NONE;
	case WEIR_BOOLEAN:
	case WEIR_INT8:
	case WEIR_INT16:
	case WEIR_CHAR:
		return WEIR__EQ_BYTES;
	case WEIR_INT32:
		return WEIR__EQ_4;
	case WEIR_INT64:
	case WEIR_TIMESTAMP:
		return WEIR__EQ_8;
	case WEIR_TIME_WINDOW:
		return WEIR__EQ_16;
	case WEIR_STRING:
	case WEIR_BYTES:
		return WEIR__EQ_STR;
	default:
		return WEIR__EQ_TYPE;
	}
}
