// SPDX-License-Identifier: Apache-2.0
/* Hashes. The murmur variants are given by ../docs/formats/metadata.md sections on identifiers and key groups. Pure. */
#include "base/hash.h"

#include <string.h>
#include <xxhash.h>

static inline uint64_t rotl64(uint64_t v, int r) { return v << r | v >> (64 - r); }
static inline uint32_t rotr32(uint32_t v, int r) { return v >> r | v << (32 - r); }

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void put_le64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t fmix64(uint64_t k)
{
	k ^= k >> 33;
	k *= 0xff51afd7ed558ccdu;
	k ^= k >> 33;
	k *= 0xc4ceb9fe1a85ec53u;
	return k ^ k >> 33;
}

#define C1 0x87c37b91114253d5u
#define C2 0x4cf5ad432745937fu

void weir_murmur128(const void *data, size_t len, uint8_t out[16])
{
	const uint8_t *p = data, *end = p + len / 16 * 16;
	uint64_t h1 = 0, h2 = 0;
	uint8_t tail[16] = { 0 };
	size_t rest = len % 16;

	for (; p < end; p += 16) {
		h1 ^= rotl64(le64(p) * C1, 31) * C2;
		h1 = (rotl64(h1, 27) + h2) * 5 + 0x52dce729u;
		h2 ^= rotl64(le64(p + 8) * C2, 33) * C1;
		h2 = (rotl64(h2, 31) + h1) * 5 + 0x38495ab5u;
	}
	if (rest)
		memcpy(tail, p, rest);
	if (rest > 8)
		h2 ^= rotl64(le64(tail + 8) * C2, 33) * C1;
	if (rest)
		h1 ^= rotl64(le64(tail) * C1, 31) * C2;
	h1 ^= len;
	h2 ^= len;
	h1 += h2;
	h2 += h1;
	h1 = fmix64(h1);
	h2 = fmix64(h2);
	h1 += h2;
	h2 += h1;
	put_le64(out, h1);
	put_le64(out + 8, h2);
}

uint64_t weir_xxh3(const void *data, size_t len) { return XXH3_64bits(data, len); }
uint64_t weir_xxh3_seed(const void *data, size_t len, uint64_t seed) { return XXH3_64bits_withSeed(data, len, seed); }

void weir_xxh3_128(const void *data, size_t len, uint8_t out[16])
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits(data, len));
	memcpy(out, c.digest, 16);
}

static const uint32_t sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
	0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha_block(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[64], v[8];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (rotr32(a, 7) ^ rotr32(a, 18) ^ a >> 3) + w[i - 7] + (rotr32(b, 17) ^ rotr32(b, 19) ^ b >> 10);
	}
	memcpy(v, h, sizeof(v));
	for (int i = 0; i < 64; i++) {
		uint32_t t1 = v[7] + (rotr32(v[4], 6) ^ rotr32(v[4], 11) ^ rotr32(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha_k[i] + w[i];
		uint32_t t2 = (rotr32(v[0], 2) ^ rotr32(v[0], 13) ^ rotr32(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

void weir_sha256_init(struct weir_sha256 *s)
{
	*s = (struct weir_sha256){ .h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void weir_sha256_put(struct weir_sha256 *s, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		size_t at = s->len % 64, n = 64 - at < len ? 64 - at : len;

		memcpy(s->block + at, p, n);
		s->len += n;
		p += n;
		len -= n;
		if (s->len % 64 == 0)
			sha_block(s->h, s->block);
	}
}

void weir_sha256_done(struct weir_sha256 *s, uint8_t out[32])
{
	uint64_t bits = s->len * 8;
	uint8_t end[8];

	weir_sha256_put(s, "\x80", 1);
	while (s->len % 64 != 56)
		weir_sha256_put(s, "", 1);
	for (int i = 0; i < 8; i++)
		end[i] = (uint8_t)(bits >> (56 - 8 * i));
	weir_sha256_put(s, end, 8);
	for (int i = 0; i < 32; i++)
		out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void weir_sha256(const void *data, size_t len, uint8_t out[32])
{
	struct weir_sha256 s;

	weir_sha256_init(&s);
	weir_sha256_put(&s, data, len);
	weir_sha256_done(&s, out);
}

/* Slicing-by-1 over a table computed at first need would be a mutable global; 16 entries by nibble are enough for framing. */
#ifdef __x86_64__
/* The instruction for it: 8 bytes in 3 cycles, where the table takes 60. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc, w;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&w, p, 8);
		c = __builtin_ia32_crc32di(c, w);
	}
	crc = (uint32_t)c;
	for (; len; p++, len--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

static uint32_t crc32c_table(uint32_t crc, const uint8_t *p, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return crc;
}

uint32_t weir__crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
	return ~crc32c_table(~crc, data, len);
}

uint32_t weir_crc32c(uint32_t crc, const void *data, size_t len)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_sse42(~crc, data, len);
#endif
	return weir__crc32c_by_table(crc, data, len);
}
