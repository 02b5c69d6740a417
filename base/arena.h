/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator: many small objects with one lifetime. Not thread-safe. NULL on exhaustion.
 * reset() keeps the largest block for reuse; fini() frees everything. A zeroed struct is a valid empty arena.
 */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include <weir/str.h>

struct weir_arena_block;
struct weir_arena {
	struct weir_arena_block *blocks; /* newest first */
	char *p, *end;
	size_t total;                    /* bytes held in blocks */
};

void weir_arena_fini(struct weir_arena *a);
void weir_arena_reset(struct weir_arena *a);
void *weir_arena_alloc(struct weir_arena *a, size_t size, size_t align) __attribute__((malloc));
void *weir_arena_zero(struct weir_arena *a, size_t size) __attribute__((malloc)); /* 16-aligned, zeroed */
void *weir_arena_copy(struct weir_arena *a, const void *p, size_t size);         /* 16-aligned */
char *weir_arena_text(struct weir_arena *a, const char *p, size_t len);          /* copy, NUL-terminated */
/* A view whose bytes live in the arena (or inside the view). False when out of memory. */
bool weir_arena_str(struct weir_arena *a, struct weir_str in, struct weir_str *out);

#endif
