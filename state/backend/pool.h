/* SPDX-License-Identifier: Apache-2.0 */
/* Medium-sized pieces of memory (32 KiB to 4 MiB) for the regions of all key groups of a backend, cut from huge pages. See pool.c. */
#ifndef WEIR_STATE_BACKEND_POOL_H
#define WEIR_STATE_BACKEND_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR__POOL_FROM ((size_t)32 << 10)
#define WEIR__POOL_BELOW ((size_t)4 << 20)

struct weir__chunk;
struct weir__pool {
	struct weir__chunk *chunks;
	size_t bytes; /* of all chunks */
};

/* n in [POOL_FROM, POOL_BELOW). Not zeroed. NULL when out of memory. */
void *weir__pool_take(struct weir__pool *p, size_t n);
void weir__pool_give(struct weir__pool *p, void *at, size_t n);
void weir__pool_fini(struct weir__pool *p);
/* Pages of size bytes (a multiple of 4 KiB), zeroed, aligned and advised for huge pages from 2 MiB on. */
void *weir__pages_map(size_t size);

#endif
