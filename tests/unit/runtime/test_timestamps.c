// SPDX-License-Identifier: Apache-2.0
/* Timestamps and watermarks away from a source: where they stand, and where they go on after a restore, at the same parallelism and another. */
#include "tests/unit/runtime/op_harness.h"

#include "runtime/op_config.h"

#define ROW(F) F(int64, t)
WEIR_RECORD(row, ROW)

static const struct weir_timestamps_config every_two = { .field = 0, .strategy = { .out_of_orderness_ms = 10, .every_rows = 2 } };

static void open_one(struct harness *h, uint32_t subtask, uint32_t parallelism, const struct weir_op_snapshot *restored)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_type_prepare(&row_type, &err));
	harness_init(h, &weir_op_timestamps, &every_two, &row_type, subtask, parallelism, restored);
	ck_ok(harness_open(h, &err));
}

static void put(struct harness *h, int64_t t)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_batch *b = weir_batch_new(&row_type, true);

	ck_assert(weir_batch_append(b, &(struct row){ t }, WEIR_NO_TIME));
	ck_ok(h->op->ops->batch(h->op, b, NULL, &err));
	weir_batch_unref(b);
}

/* What it has said since the last time. */
static const char *said(struct harness *h)
{
	static char text[600];

	snprintf(text, sizeof(text), "%s", h->log.len ? weir_buf_cstr(&h->log) : "");
	weir_buf_clear(&h->log);
	return text;
}

#define expect(h, text) ck_assert_str_eq(said(h), text)

/* Union state: every subtask is given the elements of all. */
static void save(struct harness *all, uint32_t n, struct weir_op_snapshot *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_op_snapshot each[4];

	for (uint32_t i = 0; i < n; i++)
		ck_ok(harness_snapshot(&all[i], 1, &each[i], &err));
	snapshot_deal(each, n, out, 1);
	for (uint32_t i = 0; i < n; i++)
		snapshot_free(&each[i]);
}

WEIR_TEST(a_watermark_after_each_so_many_rows)
{
	struct harness h;

	open_one(&h, 0, 1, NULL);
	expect(&h, "");
	put(&h, 100);
	put(&h, 50);
	expect(&h, "{\"t\":100}\n{\"t\":50}\nW 89\n");
	put(&h, 60);
	put(&h, 70); /* nothing newer: no watermark */
	expect(&h, "{\"t\":60}\n{\"t\":70}\n");
	harness_fini(&h);
}

/* After a rescale a subtask took the position of its own number: that of a subtask that may have seen nothing. The watermark then began anew, and rows that
 * were late without the restore were not. (simulator, timed with rescales) */
WEIR_TEST(a_rescaled_assigner_goes_on_from_the_one_that_had_rows)
{
	static const uint32_t then[] = { 1, 2, 3 };

	for (int i = 0; i < 3; i++) {
		struct harness before[2], after[3];
		struct weir_op_snapshot state;

		open_one(&before[0], 0, 2, NULL);
		open_one(&before[1], 1, 2, NULL);
		put(&before[1], 100);
		put(&before[1], 90);
		put(&before[1], 200); /* one row into the next two */
		expect(&before[1], "{\"t\":100}\n{\"t\":90}\nW 89\n{\"t\":200}\n");
		save(before, 2, &state);
		for (uint32_t k = 0; k < then[i]; k++)
			open_one(&after[k], k, then[i], &state);
		for (uint32_t k = 0; k < then[i]; k++) {
			if (then[i] == 2 && k == 0) { /* the same parallelism: each its own */
				expect(&after[k], "");
				continue;
			}
			expect(&after[k], "W 89\n");
			put(&after[k], 120);
			expect(&after[k], "{\"t\":120}\nW 189\n");
		}
		for (uint32_t k = 0; k < then[i]; k++)
			harness_fini(&after[k]);
		harness_fini(&before[0]);
		harness_fini(&before[1]);
		snapshot_free(&state);
	}
}

/* Of several that had rows nobody knows whose rows come here now: the furthest behind, so that no row becomes late that was not. A position that was only
 * inherited is behind one that was worked on. */
WEIR_TEST(a_rescaled_assigner_takes_the_furthest_behind)
{
	struct harness before[3], after[2], last;
	struct weir_op_snapshot first, second;

	for (uint32_t k = 0; k < 3; k++)
		open_one(&before[k], k, 3, NULL);
	put(&before[0], 500);
	put(&before[0], 500);
	put(&before[2], 300);
	put(&before[2], 300);
	save(before, 3, &first);
	for (uint32_t k = 0; k < 2; k++) {
		open_one(&after[k], k, 2, &first);
		expect(&after[k], "W 289\n");
	}
	put(&after[1], 400);
	put(&after[1], 400);
	expect(&after[1], "{\"t\":400}\n{\"t\":400}\nW 389\n");
	save(after, 2, &second);
	open_one(&last, 0, 1, &second);
	expect(&last, "W 389\n"); /* not 289, which subtask 0 has only inherited */
	for (uint32_t k = 0; k < 3; k++)
		harness_fini(&before[k]);
	for (uint32_t k = 0; k < 2; k++)
		harness_fini(&after[k]);
	harness_fini(&last);
	snapshot_free(&first);
	snapshot_free(&second);
}
