/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the key groups of a backend share: medium-sized pieces (32 KiB to 4 MiB) for regions, cut from huge pages, and images for
 * snapshots. See pool.c.
 */
#ifndef WEIR_STATE_BACKEND_POOL_H
#define WEIR_STATE_BACKEND_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR__POOL_FROM ((size_t)32 << 10)
#define WEIR__POOL_BELOW ((size_t)4 << 20)

#define WEIR__IMAGES_KEPT 32u

struct weir__chunk;
struct weir__pool {
	struct weir__chunk *chunks;
	size_t bytes; /* of all chunks */
	/* images that are not in use, kept while a snapshot is being written: their pages are there already */
	pthread_mutex_t lock;
	uint32_t nimages;
	size_t image_bytes;
	struct { void *at; size_t size; } images[WEIR__IMAGES_KEPT];
};

void weir__pool_init(struct weir__pool *p);

/* n in [POOL_FROM, POOL_BELOW). Not zeroed. NULL when out of memory. */
void *weir__pool_take(struct weir__pool *p, size_t n);
void weir__pool_give(struct weir__pool *p, void *at, size_t n);
void weir__pool_fini(struct weir__pool *p);
/* Memory for the image of a region of n bytes: content undefined. By the task and the snapshot's thread. NULL when out of memory. */
void *weir__pool_image_take(struct weir__pool *p, size_t n);
void weir__pool_image_give(struct weir__pool *p, void *at, size_t n);
void weir__pool_images_drop(struct weir__pool *p);
/* Pages of size bytes (a multiple of 4 KiB), zeroed, aligned and advised for huge pages from 2 MiB on. */
void *weir__pages_map(size_t size);

#endif
