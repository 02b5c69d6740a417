/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the hand-written loops: open addressing, linear probing, made large enough beforehand, on huge pages, keys prefetched 16 ahead. */
#ifndef WEIR_BENCH_HAND_TABLE_H
#define WEIR_BENCH_HAND_TABLE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define HAND_AHEAD 16u

struct hand_table { uint64_t *slots; uint64_t mask; size_t bytes; uint32_t words; }; /* key + 1, values */

static inline void hand_table_make(struct hand_table *h, uint64_t nkeys, uint32_t words)
{
	uint64_t cap = 1024;

	while (cap * 6 / 10 < nkeys)
		cap *= 2;
	*h = (struct hand_table){ .mask = cap - 1, .bytes = cap * words * 8, .words = words };
	h->slots = mmap(NULL, h->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(h->slots, h->bytes, MADV_HUGEPAGE);
	memset(h->slots, 0, h->bytes);
}

static inline void hand_table_free(struct hand_table *h) { munmap(h->slots, h->bytes); }

static inline void hand_table_prefetch(const struct hand_table *h, uint64_t hash, uint32_t words) { __builtin_prefetch(&h->slots[(hash & h->mask) * words], 1); }

/* words: a constant, so that the multiplication goes away. */
static inline uint64_t *hand_table_at(const struct hand_table *h, uint64_t hash, int64_t key, uint32_t words)
{
	uint64_t want = (uint64_t)key + 1, at = hash & h->mask;

	while (h->slots[at * words] != want && h->slots[at * words])
		at = (at + 1) & h->mask;
	h->slots[at * words] = want;
	return &h->slots[at * words + 1];
}

#endif
