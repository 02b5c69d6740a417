// SPDX-License-Identifier: Apache-2.0
/*
 * Bump allocator. Blocks double from 4 KiB to 1 MiB; a request larger than a block gets a block of its own.
 * Invariant: p..end lies in blocks (the head) whenever blocks is not NULL.
 */
#include "base/arena.h"

#include <stdlib.h>

struct weir_arena_block {
	struct weir_arena_block *next;
	size_t size; /* of the whole block */
	max_align_t data[];
};

#define FIRST ((size_t)4096)
#define LARGEST ((size_t)1 << 20)

void weir_arena_fini(struct weir_arena *a)
{
	while (a->blocks) {
		struct weir_arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	*a = (struct weir_arena){ 0 };
}

static void use_block(struct weir_arena *a, struct weir_arena_block *b)
{
	a->p = (char *)b->data;
	a->end = (char *)b + b->size;
}

void weir_arena_reset(struct weir_arena *a)
{
	struct weir_arena_block *keep = a->blocks, *b, *next;

	if (!keep)
		return;
	for (b = keep->next; b; b = next) {
		next = b->next;
		if (b->size > keep->size) {
			struct weir_arena_block *t = keep;

			keep = b;
			b = t;
		}
		free(b);
	}
	keep->next = NULL;
	a->blocks = keep;
	a->total = keep->size;
	use_block(a, keep);
}

static bool grow(struct weir_arena *a, size_t need)
{
	size_t size = a->blocks ? a->blocks->size * 2 : FIRST;
	struct weir_arena_block *b;

	if (size > LARGEST)
		size = LARGEST;
	if (need > SIZE_MAX - sizeof(*b) - 64)
		return false;
	if (size < need + sizeof(*b) + 64)
		size = need + sizeof(*b) + 64;
	b = malloc(size);
	if (!b)
		return false;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	a->total += size;
	use_block(a, b);
	return true;
}

void *weir_arena_alloc(struct weir_arena *a, size_t size, size_t align)
{
	size_t pad = (size_t)(-(uintptr_t)a->p) & (align - 1);

	if (!a->blocks || (size_t)(a->end - a->p) < pad || (size_t)(a->end - a->p) - pad < size) {
		if (size > SIZE_MAX / 2 || !grow(a, size + align))
			return NULL;
		pad = (size_t)(-(uintptr_t)a->p) & (align - 1);
	}
	char *p = a->p + pad;

	a->p = p + size;
	return p;
}

void *weir_arena_zero(struct weir_arena *a, size_t size)
{
	void *p = weir_arena_alloc(a, size, 16);

	if (p)
		memset(p, 0, size);
	return p;
}

void *weir_arena_copy(struct weir_arena *a, const void *from, size_t size)
{
	void *p = weir_arena_alloc(a, size, 16);

	if (p && size)
		memcpy(p, from, size);
	return p;
}

char *weir_arena_text(struct weir_arena *a, const char *from, size_t len)
{
	char *p = weir_arena_alloc(a, len + 1, 1);

	if (p) {
		if (len)
			memcpy(p, from, len);
		p[len] = 0;
	}
	return p;
}

bool weir_arena_str(struct weir_arena *a, struct weir_str in, struct weir_str *out)
{
	if (in.len > WEIR_STR_INLINE && in.len != WEIR_STR_NULL_LEN) {
		char *p = weir_arena_alloc(a, in.len, 1);

		if (!p)
			return false;
		memcpy(p, in.u.ptr, in.len);
		in.u.ptr = p;
	}
	*out = in;
	return true;
}
