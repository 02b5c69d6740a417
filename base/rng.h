/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness as an argument: splitmix64, seeded; same seed, same numbers. */
#ifndef WEIR_BASE_RNG_H
#define WEIR_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct weir_rng { uint64_t state; };

static inline uint64_t weir_rng_next(struct weir_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}
/* Uniform in [0, n); n > 0. */
static inline uint64_t weir_rng_below(struct weir_rng *r, uint64_t n) { return (uint64_t)((unsigned __int128)weir_rng_next(r) * n >> 64); }
static inline double weir_rng_unit(struct weir_rng *r) { return (double)(weir_rng_next(r) >> 11) * 0x1.0p-53; }

/* Seeded from the system's entropy. */
struct weir_rng weir_rng_system(void);
/* n lower-case hex digits and a NUL. */
void weir_rng_hex(struct weir_rng *r, char *out, size_t n);
/* A random (version 4) UUID: 36 characters and a NUL. */
void weir_rng_uuid(struct weir_rng *r, char out[37]);

#endif
