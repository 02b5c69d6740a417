/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes. Flink's: MurmurHash3 x64 128 of a uid (operator ids), the 32-bit murmur that spreads Java hash codes over key
 * groups. Ours: a fast 64-bit hash for tables and XXH3 for checksums. Pure.
 */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <weir/str.h>

/* MurmurHash3 x64 128, seed 0; out is h1 then h2, little endian: the 16 bytes of an OperatorID in printed order. */
void weir_murmur128(const void *data, size_t len, uint8_t out[16]);
/* Flink's MathUtils.murmurHash of a Java hash code: never negative. */
static inline int32_t weir_murmur_java(int32_t code)
{
	uint32_t h = (uint32_t)code * 0xcc9e2d51u;

	h = (h << 15 | h >> 17) * 0x1b873593u;
	h = (h << 13 | h >> 19) * 5 + 0xe6546b64u;
	h ^= 4;
	h ^= h >> 16;
	h *= 0x85ebca6bu;
	h ^= h >> 13;
	h *= 0xc2b2ae35u;
	h ^= h >> 16;
	return (int32_t)(((h ^ (0u - (h >> 31))) + (h >> 31)) & 0x7fffffffu); /* absolute value; 0x80000000 becomes 0 */
}
/* Key group of a Java hash code. */
static inline uint32_t weir_key_group(int32_t java_hash, uint32_t max_parallelism)
{
	return (uint32_t)weir_murmur_java(java_hash) % max_parallelism;
}
/* Java's Long.hashCode. */
static inline int32_t weir_java_hash_i64(int64_t v) { return (int32_t)((uint64_t)v ^ (uint64_t)v >> 32); }

/* Table hash of one 64-bit word: multiply and fold; good low and high bits. */
static inline uint64_t weir_hash_u64(uint64_t v)
{
	v ^= v >> 32;
	v *= 0x9e3779b97f4a7c15u;
	v ^= v >> 29;
	v *= 0xbf58476d1ce4e5b9u;
	return v ^ v >> 32;
}
uint64_t weir_xxh3(const void *data, size_t len);
/* Table hash of text: what lies inside the view is two words (twice as fast as XXH3 of the same bytes). Not that of its bytes. */
static inline uint64_t weir_hash_str(const struct weir_str *s)
{
	uint64_t a, b;

	if (s->len > WEIR_STR_INLINE)
		return s->len == WEIR_STR_NULL_LEN ? 1 : weir_xxh3(s->u.ptr, s->len);
	memcpy(&a, s, 8);
	memcpy(&b, s->u.rest, 8);
	b *= 0x9fb21c651e98df25u;
	return weir_hash_u64(a ^ b ^ b >> 32);
}
uint64_t weir_xxh3_seed(const void *data, size_t len, uint64_t seed);
void weir_xxh3_128(const void *data, size_t len, uint8_t out[16]); /* canonical (big endian) order */
void weir_sha256(const void *data, size_t len, uint8_t out[32]);
struct weir_sha256 { uint32_t h[8]; uint64_t len; uint8_t block[64]; };
void weir_sha256_init(struct weir_sha256 *s);
void weir_sha256_put(struct weir_sha256 *s, const void *data, size_t len);
void weir_sha256_done(struct weir_sha256 *s, uint8_t out[32]);
/* CRC-32C (Castagnoli). crc is the running value, 0 at the start. */
uint32_t weir_crc32c(uint32_t crc, const void *data, size_t len);
uint32_t weir__crc32c_by_table(uint32_t crc, const void *data, size_t len); /* where the processor has no instruction for it */

#endif
