// SPDX-License-Identifier: Apache-2.0
/*
 * Hashes of values in memory: weir_type_hash for our tables (fast; equal values hash equal, nothing else is promised, it may change
 * between releases and is never stored), and Java's hashCode for Flink's key groups (stored, must never change).
 * Pure. Recursion follows the type.
 */
#include "state/type/type_priv.h"

#include "base/hash.h"

static uint64_t mix(uint64_t h, uint64_t v)
{
	return weir_hash_u64((h << 5 | h >> 59) ^ v);
}

static uint64_t hash_map(const struct weir_type *t, const struct weir_map *m)
{
	const struct weir_type *k = t->fields[0].type, *e = t->fields[1].type;
	uint64_t sum = m->count;

	for (uint32_t i = 0; i < m->count; i++) { /* any order */
		uint64_t v = weir__map_value_is_null(t, m, i) ? 1 : weir_type_hash(e, (const char *)m->values + (size_t)i * e->size);

		sum += mix(weir_type_hash(k, (const char *)m->keys + (size_t)i * k->size), v);
	}
	return weir_hash_u64(sum);
}

static uint64_t hash_record(const struct weir_type *t, const void *v)
{
	uint64_t h = t->kind == WEIR_TIMER || t->kind == WEIR_TTL ? weir_hash_u64(*(const uint64_t *)v) : 0;

	if (t->kind == WEIR_ROW && t->null_offset != WEIR_NO_NULLS)
		h = ((const struct weir_row_head *)v)->kind;
	for (uint32_t i = 0; i < t->nfields; i++)
		h = mix(h, weir__field_is_null(t, i, v) ? 1 : weir_type_hash(t->fields[i].type, (const char *)v + t->fields[i].offset));
	return h;
}

uint64_t weir_type_hash(const struct weir_type *t, const void *v)
{
	switch (t->kind) {
	case WEIR_INT64:
	case WEIR_TIMESTAMP: return weir_hash_u64(*(const uint64_t *)v);
	case WEIR_INT32: return weir_hash_u64((uint64_t)(int64_t)*(const int32_t *)v);
	case WEIR_STRING:
	case WEIR_BYTES:
	case WEIR_WIRE:
	case WEIR_OPAQUE: return weir_hash_str(v);
	case WEIR_BOOLEAN:
	case WEIR_INT8: return weir_hash_u64(*(const uint8_t *)v);
	case WEIR_INT16:
	case WEIR_CHAR: return weir_hash_u64(*(const uint16_t *)v);
	case WEIR_FLOAT: {
		float f = *(const float *)v;
		uint32_t bits = 0x7fc00000u;

		if (f == f)
			memcpy(&bits, &f, 4);
		return weir_hash_u64(bits);
	}
	case WEIR_DOUBLE: {
		double f = *(const double *)v;
		uint64_t bits = 0x7ff8000000000000u;

		if (f == f)
			memcpy(&bits, &f, 8);
		return weir_hash_u64(bits);
	}
	case WEIR_LIST: {
		const struct weir_list *l = v;
		const struct weir_type *e = t->fields[0].type;
		uint64_t h = l->count;

		for (uint32_t i = 0; i < l->count; i++)
			h = mix(h, weir_type_hash(e, (const char *)l->items + (size_t)i * e->size));
		return h;
	}
	case WEIR_MAP: return hash_map(t, v);
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW: return 0;
	case WEIR_TIME_WINDOW: return mix(weir_hash_u64((uint64_t)((const struct weir_window *)v)->start_ms), (uint64_t)((const struct weir_window *)v)->end_ms);
	case WEIR_TUPLE:
	case WEIR_ROW:
	case WEIR_POJO:
	case WEIR_TIMER:
	case WEIR_TTL: return hash_record(t, v);
	case WEIR_KIND_MAX: break;
	}
	return 0;
}
