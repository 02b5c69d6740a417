/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one key group: regions cut into 4 KiB blocks, with block copy-on-write for snapshots. See space.c.
 */
#ifndef WEIR_STATE_BACKEND_SPACE_H
#define WEIR_STATE_BACKEND_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/backend/pool.h"

#define WEIR__BLOCK_SHIFT 12u
#define WEIR__BLOCK ((size_t)1 << WEIR__BLOCK_SHIFT)
#define WEIR__LARGEST_CELL ((size_t)16 << 10)
#define WEIR__SPACE_CLASSES 52u

struct weir__region {
	struct weir__region *next, *prev; /* next is older */
	uint8_t *base;
	size_t size;
	_Atomic(uint8_t *) shadow;        /* image of captured blocks, made at the first capture */
	uint32_t born;                    /* the space's epoch when it was made; a snapshot covers what is older than itself */
	uint32_t nblocks;
	bool dead;                        /* freed, kept for the running snapshot */
	bool streamed;                    /* the snapshot's thread reads it with weir__space_read() and needs no image of it; that thread's */
	_Atomic uint32_t blocks[];        /* 2 * epoch: captured for it; 2 * epoch + 1: being copied; less: not yet */
};

struct weir__space {
	_Atomic uint32_t active;          /* epoch of the snapshot that has not read this space yet, or 0 */
	_Atomic bool failed;              /* out of memory for an image: that snapshot is lost */
	uint32_t epoch;
	uint32_t nregions, sorted_cap;
	struct weir__region *regions;     /* newest first */
	struct weir__region **sorted;     /* by address; the task's */
	uint8_t *bump, *bump_end;
	uint32_t ndead;
	uint64_t bytes;                   /* of all regions */
	struct weir__pool *pool;          /* shared by the key groups of a backend; set by its owner before use */
	void *free[WEIR__SPACE_CLASSES];
};

void weir__space_fini(struct weir__space *s);

/* ---- the task's side ---- */
/* 16-aligned, not zeroed. Already touched. NULL when out of memory. */
void *weir__space_alloc(struct weir__space *s, size_t n);
void weir__space_free(struct weir__space *s, void *p, size_t n); /* n as allocated; NULL is allowed */
static inline bool weir__space_has_region(size_t n) { return n > WEIR__LARGEST_CELL; } /* an allocation of n has a region of its own */
/* What an allocation of n really holds. */
size_t weir__space_room(size_t n);
bool weir__space_alloc_is_zero(size_t n); /* an allocation of n comes as a fresh mapping, zeroed */
/* The region p lies in, or NULL. */
struct weir__region *weir__space_region(const struct weir__space *s, const void *p);
void weir__space_touch_slow(struct weir__space *s, struct weir__region *r, const void *p, size_t n);

/* Must come before every write to [p, p+n). r: the region if known, else NULL. */
static inline void weir__space_touch(struct weir__space *s, struct weir__region *r, const void *p, size_t n)
{
	if (__builtin_expect(atomic_load_explicit(&s->active, memory_order_acquire) != 0, 0))
		weir__space_touch_slow(s, r, p, n);
}
/* Give back pages of a dead range; the content becomes undefined. Does nothing while a snapshot needs the space. */
void weir__space_discard(struct weir__space *s, uint8_t *from, uint8_t *to);
/* Free what was kept for a snapshot that is over. */
void weir__space_sweep(struct weir__space *s);

/* ---- snapshots ---- */
/* Task: from now on blocks keep their present content for the snapshot. */
void weir__space_begin(struct weir__space *s);

/* The image of a space as it was at begin, read by the snapshot's thread. */
struct weir__image {
	struct weir__space *space;
	struct weir__region *head;        /* the newest region at begin */
	struct weir__region **sorted;
	uint32_t nregions;
	struct weir__region *last;        /* found by the previous look-up */
};
/* Snapshot thread: capture everything that is left, but not what is streamed. False: out of memory, now or earlier in the task. */
bool weir__image_take(struct weir__image *im, struct weir__space *s, struct weir__region *head);
/* Snapshot thread: n blocks of a streamed region as they were at begin, each read once. `to` has room for whole blocks. */
void weir__space_read(struct weir__space *s, struct weir__region *r, uint32_t block, uint32_t n, uint8_t *to);
/* Was memory for an image missing, so that what was read is not to be trusted? */
static inline bool weir__space_failed(const struct weir__space *s) { return atomic_load(&s->failed); }
/* Address in the image of something that lay at p; NULL only for addresses that were never in the space. */
void *weir__image_at(struct weir__image *im, const void *p);
/* Release the image and the space: after a take that succeeded, on the same thread; else (im->space and im->head set) only on the task's. */
void weir__image_release(struct weir__image *im);

#endif
