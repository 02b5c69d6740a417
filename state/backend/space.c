// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of one key group ("shard"), and the copy-on-write that makes snapshots cheap to begin.
 *
 * Regions hold everything a snapshot must see: tables and cells. Cells up to 16 KiB come from size classes (four per
 * doubling) cut from regions that double; larger ones get a region of their own.
 * Small regions come from malloc, so that an almost empty key group costs about a kilobyte; medium ones from a pool of huge pages (pool.c).
 *
 * Copy-on-write. Each 4 KiB block has a word: captured for snapshot `epoch`, busy (being copied by the task), or older = still to be
 * captured. Before a write the task captures the block: CAS to busy, copy into the region's shadow, publish. The snapshot's thread copies
 * a block without asking and then says captured by a CAS; when that fails the task was faster, the copy may be torn, and the shadow has
 * the block. So the task never waits, not even for a thread that was preempted in the middle of a block. Big tables are streamed: their blocks go
 * into that thread's buffer only, and a shadow has only what the task changed ahead of it.
 *
 * Invariants
 *   1. While active != 0, a block of a region with born < active is written only after its word says captured.
 *   2. Before shadows are freed every word says captured, so the task neither reads nor writes them; that is why
 *      the snapshot's thread may free them without asking.
 *   3. Regions are unlinked and freed only by the task and only while active == 0; until then they are `dead`.
 *   4. A region's address never changes.
 *
 * Threads: task, and the snapshot's thread through struct weir__image. Out of memory for a shadow fails the snapshot,
 * never the task.
 */
#include "state/backend/space.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_REGION ((size_t)1024)
#define LARGEST_REGION ((size_t)64 << 20)
#define HUGE_PAGE ((size_t)2 << 20)

/* ---- regions ---- */

/* Base memory of a region: from malloc, the pool, or its own mapping, by size. The task's. */
static void *base_take(struct weir__space *s, size_t size)
{
	return size < WEIR__POOL_FROM ? malloc(size) : size < WEIR__POOL_BELOW ? weir__pool_take(s->pool, size) : weir__pages_map(size);
}

static void base_give(struct weir__space *s, void *p, size_t size)
{
	if (size < WEIR__POOL_FROM)
		free(p);
	else if (size < WEIR__POOL_BELOW)
		weir__pool_give(s->pool, p, size);
	else
		munmap(p, size);
}

static uint32_t sorted_place(const struct weir__space *s, const void *p)
{
	uint32_t lo = 0, hi = s->nregions;

	while (lo < hi) { /* first region whose end lies behind p */
		uint32_t mid = lo + (hi - lo) / 2;

		if ((const uint8_t *)p >= s->sorted[mid]->base + s->sorted[mid]->size)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool sorted_insert(struct weir__space *s, struct weir__region *r)
{
	uint32_t at;

	if (s->nregions == s->sorted_cap) {
		uint32_t cap = s->sorted_cap ? s->sorted_cap * 2 : 4;
		struct weir__region **grown = realloc(s->sorted, cap * sizeof(struct weir__region *));

		if (!grown)
			return false;
		s->sorted = grown;
		s->sorted_cap = cap;
	}
	at = sorted_place(s, r->base);
	memmove(&s->sorted[at + 1], &s->sorted[at], (s->nregions - at) * sizeof(struct weir__region *));
	s->sorted[at] = r;
	s->nregions++;
	return true;
}

static struct weir__region *region_new(struct weir__space *s, size_t size)
{
	uint32_t nblocks;
	struct weir__region *r;

	if (size >= WEIR__POOL_FROM)
		size = (size + WEIR__BLOCK - 1) & ~(WEIR__BLOCK - 1);
	if (size >> WEIR__BLOCK_SHIFT >= UINT32_MAX)
		return NULL;
	nblocks = (uint32_t)((size + WEIR__BLOCK - 1) >> WEIR__BLOCK_SHIFT);
	r = calloc(1, sizeof(*r) + nblocks * sizeof(r->blocks[0]));
	if (!r)
		return NULL;
	r->size = size;
	r->nblocks = nblocks;
	r->born = s->epoch;
	r->base = base_take(s, size);
	if (!r->base || !sorted_insert(s, r)) {
		if (r->base)
			base_give(s, r->base, size);
		free(r);
		return NULL;
	}
	r->next = s->regions;
	if (r->next)
		r->next->prev = r;
	s->regions = r;
	s->bytes += size;
	return r;
}

static void region_free(struct weir__space *s, struct weir__region *r)
{
	uint32_t at = sorted_place(s, r->base);

	memmove(&s->sorted[at], &s->sorted[at + 1], (s->nregions - at - 1) * sizeof(struct weir__region *));
	s->nregions--;
	if (r->prev)
		r->prev->next = r->next;
	else
		s->regions = r->next;
	if (r->next)
		r->next->prev = r->prev;
	s->bytes -= r->size;
	base_give(s, r->base, r->size);
	free(r);
}

struct weir__region *weir__space_region(const struct weir__space *s, const void *p)
{
	uint32_t at = sorted_place(s, p);

	return at < s->nregions && (const uint8_t *)p >= s->sorted[at]->base ? s->sorted[at] : NULL;
}

void weir__space_fini(struct weir__space *s)
{
	while (s->regions) {
		struct weir__region *r = s->regions;
		uint8_t *shadow = atomic_load(&r->shadow);

		s->regions = r->next;
		if (shadow)
			weir__pool_image_give(s->pool, shadow, r->size);
		base_give(s, r->base, r->size);
		free(r);
	}
	free(s->sorted);
	memset(s, 0, sizeof(*s));
}

/* ---- cells ---- */

/* Classes: 16, 32, 48, 64, then 80, 96, 112, 128, 160, ... four steps per doubling. */
static uint32_t class_of(size_t n)
{
	uint32_t lg;

	if (n <= 64)
		return n ? (uint32_t)((n - 1) >> 4) : 0;
	lg = 63 - (uint32_t)__builtin_clzll(n - 1);
	return 4 + (lg - 6) * 4 + (uint32_t)((n - 1) >> (lg - 2) & 3);
}

static size_t class_size(uint32_t c)
{
	uint32_t lg = 6 + (c - 4) / 4;

	return c < 4 ? (c + 1) * (size_t)16 : ((size_t)1 << lg) + ((c - 4) % 4 + 1) * ((size_t)1 << (lg - 2));
}

size_t weir__space_room(size_t n)
{
	return n <= WEIR__LARGEST_CELL ? class_size(class_of(n)) : (n + WEIR__BLOCK - 1) & ~(WEIR__BLOCK - 1);
}

bool weir__space_alloc_is_zero(size_t n)
{
	return n >= WEIR__POOL_BELOW;
}

static void push_free(struct weir__space *s, void *p, uint32_t c)
{
	weir__space_touch(s, NULL, p, sizeof(void *));
	memcpy(p, &s->free[c], sizeof(void *));
	s->free[c] = p;
}

/* What is left of the current region becomes free cells. */
static void retire_bump(struct weir__space *s)
{
	while (s->bump_end - s->bump >= 16) {
		size_t left = (size_t)(s->bump_end - s->bump);
		uint32_t c = class_of(left < WEIR__LARGEST_CELL ? left : WEIR__LARGEST_CELL);

		if (class_size(c) > left)
			c--;
		push_free(s, s->bump, c);
		s->bump += class_size(c);
	}
}

static bool more_room(struct weir__space *s, size_t need)
{
	size_t size = FIRST_REGION;
	struct weir__region *r;

	while (size < s->bytes / 2 && size < LARGEST_REGION)
		size *= 2;
	while (size < need)
		size *= 2;
	if (need >= WEIR__BLOCK && size < WEIR__POOL_FROM) /* many keys: huge pages */
		size = WEIR__POOL_FROM;
	r = region_new(s, size);
	if (!r)
		return false;
	retire_bump(s);
	s->bump = r->base;
	s->bump_end = r->base + r->size;
	return true;
}

void *weir__space_alloc(struct weir__space *s, size_t n)
{
	uint32_t c;
	size_t size;
	void *p;

	if (n > WEIR__LARGEST_CELL) {
		struct weir__region *r;

		if (s->ndead && atomic_load_explicit(&s->active, memory_order_acquire) == 0)
			weir__space_sweep(s);
		r = n < SIZE_MAX / 2 ? region_new(s, n) : NULL;
		return r ? r->base : NULL;
	}
	c = class_of(n);
	size = class_size(c);
	p = s->free[c];
	if (p) {
		memcpy(&s->free[c], p, sizeof(void *));
		weir__space_touch(s, NULL, p, size);
		return p;
	}
	if ((size_t)(s->bump_end - s->bump) < size && !more_room(s, size))
		return NULL;
	p = s->bump;
	s->bump += size;
	weir__space_touch(s, NULL, p, size);
	return p;
}

void weir__space_free(struct weir__space *s, void *p, size_t n)
{
	struct weir__region *r;
	uint32_t active;

	if (!p)
		return;
	if (n <= WEIR__LARGEST_CELL) {
		push_free(s, p, class_of(n));
		return;
	}
	r = weir__space_region(s, p);
	active = atomic_load_explicit(&s->active, memory_order_acquire);
	if (active) {
		/* Even a region that is newer than the snapshot: its neighbours in the list may be read right now. */
		r->dead = true;
		s->ndead++;
	} else {
		region_free(s, r);
	}
}

void weir__space_sweep(struct weir__space *s)
{
	struct weir__region *r, *next;

	if (!s->ndead || atomic_load_explicit(&s->active, memory_order_acquire) != 0)
		return;
	for (r = s->regions; r; r = next) {
		next = r->next;
		if (r->dead)
			region_free(s, r);
	}
	s->ndead = 0;
}

void weir__space_discard(struct weir__space *s, uint8_t *from, uint8_t *to)
{
	uintptr_t a = ((uintptr_t)from + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1), e = (uintptr_t)to & ~(HUGE_PAGE - 1);

	if (a < e && atomic_load_explicit(&s->active, memory_order_acquire) == 0)
		(void)madvise((void *)a, e - a, MADV_DONTNEED);
}

/* ---- copy-on-write ---- */

static uint8_t *region_shadow(struct weir__space *s, struct weir__region *r)
{
	uint8_t *have = atomic_load_explicit(&r->shadow, memory_order_acquire), *made;

	if (have)
		return have;
	made = weir__pool_image_take(s->pool, r->size);
	if (!made)
		return NULL;
	if (atomic_compare_exchange_strong(&r->shadow, &have, made))
		return made;
	weir__pool_image_give(s->pool, made, r->size); /* the other thread was first */
	return have;
}

static inline void pause_cpu(uint32_t spins)
{
	if (spins > 200) {
		sched_yield();
		return;
	}
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static size_t block_bytes(const struct weir__region *r, uint32_t block)
{
	size_t off = (size_t)block << WEIR__BLOCK_SHIFT;

	return r->size - off < WEIR__BLOCK ? r->size - off : WEIR__BLOCK;
}

/* The task: keep a block's content before it changes. */
static void capture(struct weir__space *s, struct weir__region *r, uint32_t block, uint32_t epoch)
{
	uint32_t done = epoch * 2, word = atomic_load_explicit(&r->blocks[block], memory_order_acquire);
	size_t off = (size_t)block << WEIR__BLOCK_SHIFT;
	uint8_t *shadow;

	if (word == done || !atomic_compare_exchange_strong_explicit(&r->blocks[block], &word, done + 1, memory_order_acq_rel, memory_order_acquire))
		return; /* read by the snapshot's thread, now or earlier */
	shadow = region_shadow(s, r);
	if (shadow)
		memcpy(shadow + off, r->base + off, block_bytes(r, block));
	else
		atomic_store(&s->failed, true);
	atomic_store_explicit(&r->blocks[block], done, memory_order_release);
}

/* Copy what the task may be writing to at the same time; volatile, so that it does not become a memcpy, which the thread sanitizer would watch. */
__attribute__((no_sanitize("thread"))) static void copy_racing(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t x = *(const volatile uint64_t *)(from + i);

		__builtin_memcpy(to + i, &x, 8);
	}
	for (; i < n; i++)
		to[i] = ((const volatile uint8_t *)from)[i];
}

/* The snapshot's thread: a block as it was, at `to` (NULL: nobody needs it). False: the task has it in the shadow, or had no memory for that. */
static bool read_block(struct weir__region *r, uint32_t block, uint32_t epoch, uint8_t *to)
{
	uint32_t done = epoch * 2, spins = 0, word = atomic_load_explicit(&r->blocks[block], memory_order_acquire);

	if (word < done) {
		if (to)
			copy_racing(to, r->base + ((size_t)block << WEIR__BLOCK_SHIFT), block_bytes(r, block));
		/* the task writes only after it has changed the word, so while that is as it was the copy is good */
		if (atomic_compare_exchange_strong_explicit(&r->blocks[block], &word, done, memory_order_acq_rel, memory_order_acquire))
			return true;
	}
	while (word != done) {
		pause_cpu(spins++);
		word = atomic_load_explicit(&r->blocks[block], memory_order_acquire);
	}
	return false;
}

void weir__space_read(struct weir__space *s, struct weir__region *r, uint32_t block, uint32_t n, uint8_t *to)
{
	uint32_t epoch = atomic_load_explicit(&s->active, memory_order_acquire);

	for (; n--; block++, to += WEIR__BLOCK) {
		const uint8_t *shadow;

		if (read_block(r, block, epoch, to))
			continue;
		shadow = atomic_load_explicit(&r->shadow, memory_order_acquire);
		if (shadow) /* else s->failed */
			memcpy(to, shadow + ((size_t)block << WEIR__BLOCK_SHIFT), block_bytes(r, block));
	}
}

void weir__space_touch_slow(struct weir__space *s, struct weir__region *r, const void *p, size_t n)
{
	uint32_t epoch = atomic_load_explicit(&s->active, memory_order_acquire), first, last;

	if (!epoch || !n)
		return;
	if (!r)
		r = weir__space_region(s, p);
	if (r->born >= epoch)
		return;
	first = (uint32_t)((size_t)((const uint8_t *)p - r->base) >> WEIR__BLOCK_SHIFT);
	last = (uint32_t)((size_t)((const uint8_t *)p + n - 1 - r->base) >> WEIR__BLOCK_SHIFT);
	for (; first <= last; first++)
		capture(s, r, first, epoch);
}

void weir__space_begin(struct weir__space *s)
{
	weir__space_sweep(s);
	atomic_store(&s->failed, false);
	s->epoch++;
	atomic_store_explicit(&s->active, s->epoch, memory_order_release);
}

static int by_address(const void *a, const void *b)
{
	const struct weir__region *x = *(struct weir__region *const *)a, *y = *(struct weir__region *const *)b;

	return x->base < y->base ? -1 : x->base > y->base;
}

/* All blocks that are left of a region, into its shadow. By way of a buffer, because the task may take a block, and write it there, while it is read. */
static bool fill_shadow(struct weir__space *s, struct weir__region *r, uint32_t epoch)
{
	uint8_t *shadow = region_shadow(s, r);
	_Alignas(64) uint8_t buffer[WEIR__BLOCK];

	for (uint32_t b = 0; shadow && b < r->nblocks; b++)
		if (read_block(r, b, epoch, buffer))
			memcpy(shadow + ((size_t)b << WEIR__BLOCK_SHIFT), buffer, block_bytes(r, b));
	return shadow != NULL;
}

bool weir__image_take(struct weir__image *im, struct weir__space *s, struct weir__region *head)
{
	uint32_t epoch = atomic_load_explicit(&s->active, memory_order_acquire), n = 0;
	struct weir__region *r;

	*im = (struct weir__image){ .space = s, .head = head };
	for (r = head; r; r = r->next) {
		if (r->streamed)
			continue;
		if (!fill_shadow(s, r, epoch))
			return false;
		n++;
	}
	im->sorted = n ? malloc(n * sizeof(struct weir__region *)) : NULL;
	if ((n && !im->sorted) || atomic_load(&s->failed))
		return false;
	for (r = head; r; r = r->next)
		if (!r->streamed)
			im->sorted[im->nregions++] = r;
	if (n)
		qsort(im->sorted, n, sizeof(struct weir__region *), by_address);
	return true;
}

void *weir__image_at(struct weir__image *im, const void *p)
{
	const uint8_t *at = p;
	struct weir__region *r = im->last;
	uint32_t lo = 0, hi = im->nregions;

	if (!r || at < r->base || at >= r->base + r->size) {
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (at >= im->sorted[mid]->base + im->sorted[mid]->size)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == im->nregions || at < im->sorted[lo]->base)
			return NULL;
		r = im->last = im->sorted[lo];
	}
	return atomic_load_explicit(&r->shadow, memory_order_relaxed) + (at - r->base);
}

void weir__image_release(struct weir__image *im)
{
	uint32_t epoch = atomic_load_explicit(&im->space->active, memory_order_acquire);

	for (struct weir__region *r = im->head; r; r = r->next) {
		uint8_t *shadow;

		for (uint32_t b = 0; r->streamed && b < r->nblocks; b++) /* what was not read: invariant 2 */
			(void)read_block(r, b, epoch, NULL);
		r->streamed = false;
		shadow = atomic_exchange(&r->shadow, NULL);
		if (shadow)
			weir__pool_image_give(im->space->pool, shadow, r->size);
	}
	free(im->sorted);
	im->sorted = NULL;
	atomic_store_explicit(&im->space->active, 0, memory_order_release);
}
