// SPDX-License-Identifier: Apache-2.0
/* Memory of a key group: cells, regions, and images that keep what was there. */
#include "tests/lib/weirtest.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "state/backend/space.h"

struct cell { uint8_t *p; size_t n; uint8_t fill; };

static void fill(struct weir__space *s, struct cell *c, uint8_t v)
{
	weir__space_touch(s, NULL, c->p, c->n);
	memset(c->p, v, c->n);
	c->fill = v;
}

static void check(const struct cell *c, const uint8_t *at, uint8_t v)
{
	ck_assert_ptr_nonnull(at);
	size_t i = 0;

	while (i < c->n && at[i] == v)
		i++;
	ck_assert_msg(i == c->n, "byte %zu of a cell of %zu: %u, want %u", i, c->n, at[i], v);
}

WEIR_TEST(an_image_keeps_what_was_there_while_cells_change)
{
	static const size_t sizes[] = { 1, 16, 17, 100, 1000, 5000, 16384, 16385, 40000, 70000, 5u << 20 };
	struct weir__pool pool;
	struct weir__space s = { .pool = &pool };
	struct weir_rng rng = { 11 };
	struct cell cells[400], then[400];

	weir__pool_init(&pool);
	for (int i = 0; i < 400; i++) {
		cells[i].n = sizes[i == 7 ? 10 : weir_rng_below(&rng, 10)];
		cells[i].p = weir__space_alloc(&s, cells[i].n);
		ck_assert_ptr_nonnull(cells[i].p);
		ck_assert_uint_eq((uintptr_t)cells[i].p % 16, 0);
		ck_assert_uint_ge(weir__space_room(cells[i].n), cells[i].n);
		fill(&s, &cells[i], (uint8_t)i);
	}
	for (int round = 0; round < 3; round++) {
		struct weir__region *head;
		struct weir__image im;

		memcpy(then, cells, sizeof(cells));
		weir__space_begin(&s);
		head = s.regions;
		for (int i = 0; i < 600; i++) { /* overwrite, free, allocate again */
			struct cell *c = &cells[weir_rng_below(&rng, 400)];

			if (i % 3 == 0) {
				weir__space_free(&s, c->p, c->n);
				c->n = sizes[weir_rng_below(&rng, 10)];
				c->p = weir__space_alloc(&s, c->n);
			}
			fill(&s, c, (uint8_t)weir_rng_next(&rng));
		}
		ck_assert(weir__image_take(&im, &s, head));
		for (int i = 0; i < 400; i++)
			check(&then[i], weir__image_at(&im, then[i].p), then[i].fill);
		ck_assert_ptr_null(weir__image_at(&im, &im));
		weir__image_release(&im);
		weir__space_sweep(&s);
		ck_assert_uint_eq(s.ndead, 0);
		for (int i = 0; i < 400; i++)
			check(&cells[i], cells[i].p, cells[i].fill);
	}
	weir__space_fini(&s);
	weir__pool_fini(&pool);
}

WEIR_TEST(freed_cells_are_used_again_and_freed_regions_go)
{
	struct weir__pool pool;
	struct weir__space s = { .pool = &pool };
	uint64_t bytes;
	void *p;

	weir__pool_init(&pool);
	p = weir__space_alloc(&s, 100);
	weir__space_free(&s, p, 100);
	ck_assert_ptr_eq(weir__space_alloc(&s, 112), p); /* the same class */
	ck_assert_uint_le(s.bytes, 1024); /* an almost empty key group is small */
	bytes = s.bytes;
	for (int i = 0; i < 1000; i++) {
		p = weir__space_alloc(&s, (size_t)20000 + (size_t)i * 5000);
		weir__space_free(&s, p, (size_t)20000 + (size_t)i * 5000);
	}
	ck_assert_uint_eq(s.bytes, bytes);
	ck_assert_uint_eq(pool.bytes, 0);
	weir__space_free(&s, NULL, 10);
	weir__space_fini(&s);
	weir__pool_fini(&pool);
}
