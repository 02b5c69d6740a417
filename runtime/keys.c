// SPDX-License-Identifier: Apache-2.0
/*
 * Keys of a batch. A key that is one field is that field's column, uncopied; several fields become dense native tuples in the alias's arena.
 * The key group is Flink's: murmur of the Java hash code. int32, int64 and ASCII text have loops of their own; everything else asks the type.
 */
#include "runtime/keys.h"

#include "base/hash.h"

static const void *gather(const struct weir_key_spec *k, struct weir_batch *b, struct weir_batch *alias)
{
	uint32_t size = k->type->size;
	char *keys;

	if (k->nfields == 1)
		return b->cols[k->fields[0]];
	if (k->nfields == 0 && b->ncols == 1 && b->type->kind < WEIR_TUPLE)
		return b->cols[0];
	keys = weir_arena_alloc(weir_batch_arena(alias), (size_t)b->rows * size + 1, 16);
	if (!keys)
		return NULL;
	memset(keys, 0, (size_t)b->rows * size);
	for (uint32_t i = 0; i < b->rows; i++) {
		if (k->nfields == 0) {
			weir_batch_row(b, i, keys + (size_t)i * size);
			continue;
		}
		for (uint32_t f = 0; f < k->nfields; f++) {
			uint32_t w = k->type->fields[f].type->size;

			memcpy(keys + (size_t)i * size + k->type->fields[f].offset, (const char *)b->cols[k->fields[f]] + (size_t)i * w, w);
		}
	}
	return keys;
}

static inline uint16_t group_of(int32_t java, uint32_t max, bool power)
{
	uint32_t m = (uint32_t)weir_murmur_java(java);

	return (uint16_t)(power ? m & (max - 1) : m % max);
}

/* Java's String.hashCode of ASCII text; false when there is anything else. */
static inline bool ascii_hash(const struct weir_str *s, int32_t *out)
{
	const uint8_t *p = (const uint8_t *)weir_str_data(s);
	uint32_t h = 0, n = weir_str_len(s), any = 0;

	for (uint32_t i = 0; i < n; i++) {
		any |= p[i];
		h = 31 * h + p[i];
	}
	*out = (int32_t)h;
	return any < 0x80;
}

int weir_keys_attach(const struct weir_key_spec *k, struct weir_batch *b, const struct weir_select *rows, uint32_t max, struct weir_batch **out, struct weir_error *err)
{
	struct weir_batch *a = weir_batch_alias(b);
	uint32_t n = rows && rows->rows ? rows->n : b->rows, size = k->type->size;
	const uint16_t *pick = rows ? rows->rows : NULL;
	bool power = (max & (max - 1)) == 0;
	uint64_t *hashes;
	uint16_t *groups;
	const char *keys;
	int code = 0;

	keys = a ? gather(k, b, a) : NULL;
	hashes = a ? weir_arena_alloc(weir_batch_arena(a), b->rows * sizeof(*hashes) + 8, 64) : NULL;
	groups = a ? weir_arena_alloc(weir_batch_arena(a), b->rows * sizeof(*groups) + 8, 64) : NULL;
	if (!keys || !hashes || !groups) {
		weir_batch_unref(a);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	for (uint32_t i = 0; i < n && !code; i++) {
		uint32_t r = pick ? pick[i] : i;
		const void *key = keys + (size_t)r * size;
		int32_t java;

		switch (k->type->kind) {
		case WEIR_INT64:
			hashes[r] = weir_hash_u64(*(const uint64_t *)key);
			java = weir_java_hash_i64(*(const int64_t *)key);
			break;
		case WEIR_STRING:
			hashes[r] = weir_type_hash(k->type, key);
			if (!ascii_hash(key, &java))
				code = weir_type_java_hash(k->type, key, &java, err);
			break;
		default:
			hashes[r] = weir_type_hash(k->type, key);
			code = weir_type_java_hash(k->type, key, &java, err);
		}
		groups[r] = group_of(java, max, power);
	}
	if (code) {
		weir_batch_unref(a);
		return code;
	}
	a->keys = keys;
	a->hashes = hashes;
	a->groups = groups;
	*out = a;
	return 0;
}
