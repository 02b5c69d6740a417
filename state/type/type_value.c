// SPDX-License-Identifier: Apache-2.0
/*
 * Values in memory: deep copy and equality, as Java's equals sees them (0.0 is not -0.0, NaN is NaN, maps regardless of order).
 * Flat values are copied as they lie. Pure. Recursion follows the type.
 */
#include "state/type/type_priv.h"

#include "base/arena.h"

#include <stdlib.h>

static const void *item(const void *items, uint32_t i, const struct weir_type *t)
{
	return (const char *)items + (size_t)i * t->size;
}

/* ---- copy ---- */

static bool copy_items(const struct weir_type *t, const void *from, uint32_t n, struct weir_arena *mem, const void **to)
{
	char *p = weir_arena_alloc(mem, (size_t)n * t->size, t->align);

	if (!p)
		return false;
	if (t->flags & WEIR_TYPE_FLAT) {
		if (n && t->size)
			memcpy(p, from, (size_t)n * t->size);
	} else {
		for (uint32_t i = 0; i < n; i++)
			if (!weir_type_copy(t, item(from, i, t), mem, p + (size_t)i * t->size))
				return false;
	}
	*to = p;
	return true;
}

static bool copy_map(const struct weir_type *t, const struct weir_map *v, struct weir_arena *mem, struct weir_map *to)
{
	struct weir_map m = { .count = v->count };
	const struct weir_type *e = t->fields[1].type;

	if (!copy_items(t->fields[0].type, v->keys, v->count, mem, &m.keys) || !copy_items(e, v->values, v->count, mem, &m.values))
		return false;
	if (v->nulls && v->count && !(m.nulls = weir_arena_copy(mem, v->nulls, v->count)))
		return false;
	*to = m;
	return true;
}

bool weir_type_copy(const struct weir_type *t, const void *v, struct weir_arena *mem, void *to)
{
	if (t->flags & WEIR_TYPE_FLAT) {
		if (to != v && t->size)
			memcpy(to, v, t->size);
		return true;
	}
	switch (t->kind) {
	case WEIR_STRING:
	case WEIR_BYTES:
	case WEIR_WIRE:
	case WEIR_OPAQUE: return weir_arena_str(mem, *(const struct weir_str *)v, to);
	case WEIR_LIST: {
		struct weir_list l = *(const struct weir_list *)v;

		if (!copy_items(t->fields[0].type, l.items, l.count, mem, &l.items))
			return false;
		*(struct weir_list *)to = l;
		return true;
	}
	case WEIR_MAP: return copy_map(t, v, mem, to);
	default: break;
	}
	if (to != v)
		memcpy(to, v, t->size); /* head and flat fields; the others follow */
	for (uint32_t i = 0; i < t->nfields; i++) {
		const struct weir_field *f = &t->fields[i];
		char *p = (char *)to + f->offset;

		if (!(f->type->flags & WEIR_TYPE_FLAT) && !weir__null_bit(t, i, to) && !weir_type_copy(f->type, p, mem, p))
			return false;
	}
	return true;
}

/* ---- equality ---- */

static bool map_value_equal(const struct weir_type *t, const struct weir_map *a, uint32_t i, const struct weir_map *b, uint32_t j)
{
	const struct weir_type *e = t->fields[1].type;
	bool x = weir__map_value_is_null(t, a, i), y = weir__map_value_is_null(t, b, j);

	return x || y ? x && y : weir_type_value_equal(e, item(a->values, i, e), item(b->values, j, e));
}

struct hashed {
	uint64_t hash;
	uint32_t i;
};

static int by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash ? 1 : (x->i > y->i) - (x->i < y->i);
}

static struct hashed *hash_keys(const struct weir_type *k, const struct weir_map *m)
{
	struct hashed *h = malloc((m->count + (size_t)1) * sizeof(*h));

	for (uint32_t i = 0; h && i < m->count; i++)
		h[i] = (struct hashed){ weir_type_hash(k, item(m->keys, i, k)), i };
	if (h)
		qsort(h, m->count, sizeof(*h), by_hash);
	return h;
}

/* Entry i of a somewhere in b? */
static bool find_entry(const struct weir_type *t, const struct weir_map *a, uint32_t i, const struct weir_map *b)
{
	const struct weir_type *k = t->fields[0].type;

	for (uint32_t j = 0; j < b->count; j++)
		if (weir_type_value_equal(k, item(a->keys, i, k), item(b->keys, j, k)))
			return map_value_equal(t, a, i, b, j);
	return false;
}

static bool maps_equal(const struct weir_type *t, const struct weir_map *a, const struct weir_map *b)
{
	const struct weir_type *k = t->fields[0].type;
	struct hashed *x, *y;
	bool equal = a->count == b->count;
	uint32_t same = 0;

	if (!equal)
		return false;
	while (same < a->count && weir_type_value_equal(k, item(a->keys, same, k), item(b->keys, same, k)) && map_value_equal(t, a, same, b, same))
		same++;
	if (same == a->count)
		return true;
	x = hash_keys(k, a);
	y = hash_keys(k, b);
	for (uint32_t i = 0; i < a->count && equal; i++) {
		if (!x || !y) { /* out of memory: the slow way */
			equal = find_entry(t, a, i, b);
			continue;
		}
		uint32_t from = i;
		bool found = false;

		while (from > 0 && y[from - 1].hash == x[i].hash)
			from--;
		for (uint32_t j = from; j < b->count && y[j].hash == x[i].hash && !found; j++)
			found = weir_type_value_equal(k, item(a->keys, x[i].i, k), item(b->keys, y[j].i, k)) && map_value_equal(t, a, x[i].i, b, y[j].i);
		equal = found;
	}
	free(x);
	free(y);
	return equal;
}

static bool lists_equal(const struct weir_type *e, const struct weir_list *a, const struct weir_list *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!weir_type_value_equal(e, item(a->items, i, e), item(b->items, i, e)))
			return false;
	return true;
}

static bool records_equal(const struct weir_type *t, const void *a, const void *b)
{
	if (t->kind == WEIR_ROW && t->null_offset != WEIR_NO_NULLS && ((const struct weir_row_head *)a)->kind != ((const struct weir_row_head *)b)->kind)
		return false;
	if ((t->kind == WEIR_TIMER || t->kind == WEIR_TTL) && *(const int64_t *)a != *(const int64_t *)b)
		return false;
	for (uint32_t i = 0; i < t->nfields; i++) {
		bool x = weir__field_is_null(t, i, a), y = weir__field_is_null(t, i, b);

		if (x != y || (!x && !weir_type_value_equal(t->fields[i].type, (const char *)a + t->fields[i].offset, (const char *)b + t->fields[i].offset)))
			return false;
	}
	return true;
}

bool weir_type_value_equal(const struct weir_type *t, const void *a, const void *b)
{
	switch (t->kind) {
	case WEIR_BOOLEAN:
	case WEIR_INT8: return *(const uint8_t *)a == *(const uint8_t *)b;
	case WEIR_INT16:
	case WEIR_CHAR: return *(const uint16_t *)a == *(const uint16_t *)b;
	case WEIR_INT32: return *(const int32_t *)a == *(const int32_t *)b;
	case WEIR_INT64:
	case WEIR_TIMESTAMP: return *(const int64_t *)a == *(const int64_t *)b;
	case WEIR_FLOAT: {
		float x = *(const float *)a, y = *(const float *)b;

		return (x != x && y != y) || memcmp(&x, &y, sizeof(x)) == 0;
	}
	case WEIR_DOUBLE: {
		double x = *(const double *)a, y = *(const double *)b;

		return (x != x && y != y) || memcmp(&x, &y, sizeof(x)) == 0;
	}
	case WEIR_STRING:
	case WEIR_BYTES:
	case WEIR_WIRE:
	case WEIR_OPAQUE: return weir_str_eq(a, b);
	case WEIR_LIST: return lists_equal(t->fields[0].type, a, b);
	case WEIR_MAP: return maps_equal(t, a, b);
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW: return true;
	case WEIR_TIME_WINDOW: return memcmp(a, b, sizeof(struct weir_window)) == 0;
	case WEIR_TUPLE:
	case WEIR_ROW:
	case WEIR_POJO:
	case WEIR_TIMER:
	case WEIR_TTL: return records_equal(t, a, b);
	case WEIR_KIND_MAX: break;
	}
	return false;
}
