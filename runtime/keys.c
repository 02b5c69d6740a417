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

/* One body for each kind of key, with the kind and the selection decided outside the loops. java[i] is the Java hash of the i-th
 * selected row. */
static inline __attribute__((always_inline)) int hash_rows(const struct weir_type *t, enum weir_kind kind, const char *keys, const uint16_t *pick, uint32_t n, uint64_t *hashes,
							   int32_t *java, struct weir_error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t r = pick ? pick[i] : i;
		int code = 0;

		if (kind == WEIR_INT64) {
			hashes[r] = weir_hash_u64(((const uint64_t *)(const void *)keys)[r]);
			java[i] = weir_java_hash_i64(((const int64_t *)(const void *)keys)[r]);
		} else if (kind == WEIR_STRING) {
			const struct weir_str *s = (const struct weir_str *)(const void *)keys + r;

			hashes[r] = weir_hash_str(s);
			if (__builtin_expect(!ascii_hash(s, &java[i]), 0))
				code = weir_type_java_hash(t, s, &java[i], err);
		} else {
			hashes[r] = weir_type_hash(t, keys + (size_t)r * t->size);
			code = weir_type_java_hash(t, keys + (size_t)r * t->size, &java[i], err);
		}
		if (code)
			return code;
	}
	return 0;
}

static int hash_all(const struct weir_type *t, const char *keys, const uint16_t *pick, uint32_t n, uint64_t *hashes, int32_t *java, struct weir_error *err)
{
	switch (t->kind) {
	case WEIR_INT64: return pick ? hash_rows(t, WEIR_INT64, keys, pick, n, hashes, java, err) : hash_rows(t, WEIR_INT64, keys, NULL, n, hashes, java, err);
	case WEIR_STRING: return pick ? hash_rows(t, WEIR_STRING, keys, pick, n, hashes, java, err) : hash_rows(t, WEIR_STRING, keys, NULL, n, hashes, java, err);
	default: return hash_rows(t, WEIR_KIND_MAX, keys, pick, n, hashes, java, err);
	}
}

/* Vectors of eight where the processor has them: the multiplications of the baseline's vectors are slow. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
static void groups_of(const int32_t *java, const uint16_t *pick, uint32_t n, uint32_t max, uint16_t *groups)
{
	if ((max & (max - 1)) != 0) {
		for (uint32_t i = 0; i < n; i++)
			groups[pick ? pick[i] : i] = (uint16_t)((uint32_t)weir_murmur_java(java[i]) % max);
	} else if (pick) {
		for (uint32_t i = 0; i < n; i++)
			groups[pick[i]] = (uint16_t)((uint32_t)weir_murmur_java(java[i]) & (max - 1));
	} else {
		for (uint32_t i = 0; i < n; i++)
			groups[i] = (uint16_t)((uint32_t)weir_murmur_java(java[i]) & (max - 1));
	}
}

int weir_keys_attach(const struct weir_key_spec *k, struct weir_batch *b, const struct weir_select *rows, uint32_t max, struct weir_batch **out, struct weir_error *err)
{
	uint32_t n = rows && rows->rows ? rows->n : b->rows;
	const uint16_t *pick = rows ? rows->rows : NULL;
	int32_t java[WEIR_BATCH_ROWS];
	struct weir_batch *a;
	uint64_t *hashes;
	uint16_t *groups;
	const char *keys;
	void *room;
	int code;

	a = weir_batch_alias_room(b, WEIR_BATCH_ROWS * (sizeof(*hashes) + sizeof(*groups)), &room);
	keys = a ? gather(k, b, a) : NULL;
	if (!keys) {
		weir_batch_unref(a);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	hashes = room;
	groups = (uint16_t *)(hashes + WEIR_BATCH_ROWS);
	code = hash_all(k->type, keys, pick, n, hashes, java, err);
	if (code) {
		weir_batch_unref(a);
		return code;
	}
	groups_of(java, pick, n, max, groups);
	a->keys = keys;
	a->hashes = hashes;
	a->groups = groups;
	*out = a;
	return 0;
}
