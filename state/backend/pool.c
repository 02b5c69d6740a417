// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of 128 key groups are too small for huge pages of their own, yet together they are most of the memory, and without huge pages
 * every random access pays for a page walk. So regions of 32 KiB to 4 MiB are cut, in units of 32 KiB, from chunks of huge pages that the
 * key groups of a backend share; what one gives back (the old table of a rehash) is warm for the next.
 *
 * First fit over a bitmap of units: takes and gives happen once per table growth. A chunk without users is unmapped.
 *
 * Images are plain mappings without huge pages: blocks arrive one by one, and nobody should wait for 2 MiB to be cleared for 4 KiB. Key
 * groups are written one after the other, so the next one can use the image of the last: that saves a page fault for each block.
 *
 * Threads: the task's only; images: the task and the snapshot's thread. Neither waits for the lock: an image can always be mapped anew.
 */
#include "state/backend/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNIT ((size_t)32 << 10)
#define SMALLEST ((size_t)2 << 20)
#define LARGEST ((size_t)8 << 20) /* unmapping 64 MiB of huge pages takes 5 ms, which is a stall */
#define HUGE_PAGE ((size_t)2 << 20)
#define IMAGE_MAP_FROM ((size_t)64 << 10)
#define IMAGES_BYTES ((size_t)64 << 20)

struct weir__chunk {
	struct weir__chunk *next;
	uint8_t *base;
	uint32_t nunits, nused;
	uint32_t from;     /* no free unit before this one */
	uint8_t used[];    /* one byte a unit */
};

void *weir__pages_map(size_t size)
{
	size_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
	uint8_t *p = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;

	if (p == MAP_FAILED)
		return NULL;
	if (!slack)
		return p;
	at = (uint8_t *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (at > p)
		munmap(p, (size_t)(at - p));
	if (at + size < p + size + slack)
		munmap(at + size, (size_t)(p + slack - at));
	(void)madvise(at, size, MADV_HUGEPAGE);
	return at;
}

static uint32_t units_of(size_t n)
{
	return (uint32_t)((n + UNIT - 1) / UNIT);
}

/* n free units in a row; nunits if there are none. */
static uint32_t find_run(struct weir__chunk *c, uint32_t n)
{
	uint32_t run = 0;

	while (c->from < c->nunits && c->used[c->from])
		c->from++;
	for (uint32_t i = c->from; i < c->nunits; i++) {
		run = c->used[i] ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return c->nunits;
}

static struct weir__chunk *add_chunk(struct weir__pool *p, size_t need)
{
	size_t size = SMALLEST;
	struct weir__chunk *c;

	while (size < need || (size < p->bytes / 2 && size < LARGEST))
		size *= 2;
	c = calloc(1, sizeof(*c) + size / UNIT);
	if (!c)
		return NULL;
	c->base = weir__pages_map(size);
	if (!c->base) {
		free(c);
		return NULL;
	}
	c->nunits = units_of(size);
	c->next = p->chunks;
	p->chunks = c;
	p->bytes += size;
	return c;
}

void *weir__pool_take(struct weir__pool *p, size_t n)
{
	uint32_t units = units_of(n), at = 0;
	struct weir__chunk *c;

	for (c = p->chunks; c; c = c->next) {
		at = c->nunits - c->nused >= units ? find_run(c, units) : c->nunits;
		if (at < c->nunits)
			break;
	}
	if (!c) {
		c = add_chunk(p, n);
		if (!c)
			return NULL;
		at = 0;
	}
	memset(c->used + at, 1, units);
	c->nused += units;
	return c->base + at * UNIT;
}

static void drop_chunk(struct weir__pool *p, struct weir__chunk **place)
{
	struct weir__chunk *c = *place;

	*place = c->next;
	p->bytes -= c->nunits * UNIT;
	munmap(c->base, c->nunits * UNIT);
	free(c);
}

void weir__pool_give(struct weir__pool *p, void *at, size_t n)
{
	uint32_t units = units_of(n);

	for (struct weir__chunk **place = &p->chunks; *place; place = &(*place)->next) {
		struct weir__chunk *c = *place;
		uint32_t first;

		if ((uint8_t *)at < c->base || (uint8_t *)at >= c->base + c->nunits * UNIT)
			continue;
		first = (uint32_t)((size_t)((uint8_t *)at - c->base) / UNIT);
		memset(c->used + first, 0, units);
		c->nused -= units;
		c->from = first < c->from ? first : c->from;
		if (!c->nused)
			drop_chunk(p, place);
		return;
	}
}

/* ---- images ---- */

void weir__pool_init(struct weir__pool *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
}

/* Sizes are rounded to powers of two (untouched pages cost nothing), so that the image of one region fits another. */
static size_t image_size(size_t n)
{
	size_t size = IMAGE_MAP_FROM;

	while (size < n)
		size *= 2;
	return size;
}

void *weir__pool_image_take(struct weir__pool *p, size_t n)
{
	size_t size = image_size(n);
	void *at = NULL;

	if (n < IMAGE_MAP_FROM)
		return malloc(n);
	if (pthread_mutex_trylock(&p->lock) == 0) {
		for (uint32_t i = 0; i < p->nimages && !at; i++)
			if (p->images[i].size == size) {
				at = p->images[i].at;
				p->images[i] = p->images[--p->nimages];
				p->image_bytes -= size;
			}
		pthread_mutex_unlock(&p->lock);
	}
	if (at)
		return at;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	(void)madvise(at, size, MADV_NOHUGEPAGE);
	return at;
}

void weir__pool_image_give(struct weir__pool *p, void *at, size_t n)
{
	size_t size = image_size(n);
	bool kept = false;

	if (n < IMAGE_MAP_FROM) {
		free(at);
		return;
	}
	if (pthread_mutex_trylock(&p->lock) == 0) {
		if (p->nimages < WEIR__IMAGES_KEPT && p->image_bytes + size <= IMAGES_BYTES) {
			p->images[p->nimages].at = at;
			p->images[p->nimages++].size = size;
			p->image_bytes += size;
			kept = true;
		}
		pthread_mutex_unlock(&p->lock);
	}
	if (!kept)
		munmap(at, size);
}

void weir__pool_images_drop(struct weir__pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->nimages) {
		p->nimages--;
		munmap(p->images[p->nimages].at, p->images[p->nimages].size);
	}
	p->image_bytes = 0;
	pthread_mutex_unlock(&p->lock);
}

void weir__pool_fini(struct weir__pool *p)
{
	weir__pool_images_drop(p);
	pthread_mutex_destroy(&p->lock);
	while (p->chunks)
		drop_chunk(p, &p->chunks);
}
