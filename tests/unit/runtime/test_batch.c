// SPDX-License-Identifier: Apache-2.0
/* Columns to records and back, in blocks and one by one. */
#include "tests/lib/weirtest.h"

#include "base/rng.h"
#include "runtime/batch.h"

#define MIXED(F) F(boolean, yes) F(int16, small) F(int64, n) F(string, name) F(int8, tiny) F(int32, mid) F(double, d) F(timestamp, t)
WEIR_RECORD(mixed, MIXED)

static struct weir_batch *random_batch(struct weir_rng *r)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_batch *b;

	ck_ok(weir_type_prepare(&mixed_type, &err));
	b = weir_batch_new(&mixed_type, true);
	for (uint32_t i = 0; i < WEIR_BATCH_ROWS; i++) {
		uint64_t bits = weir_rng_next(r);
		struct mixed m = { .yes = bits & 1, .small = (int16_t)bits, .n = (int64_t)bits, .tiny = (int8_t)(bits >> 8), .mid = (int32_t)(bits >> 16),
				   .name = bits & 2 ? weir_str_of("short") : weir_str_of("a name that is longer"), .d = (double)(bits >> 40), .t = (int64_t)(bits >> 20) };

		ck_assert(weir_batch_append(b, &m, (int64_t)i));
	}
	return b;
}

static void same_record(const struct mixed *a, const struct mixed *b)
{
	ck_assert(a->yes == b->yes && a->small == b->small && a->n == b->n && a->tiny == b->tiny && a->mid == b->mid && a->t == b->t);
	ck_assert(a->d >= b->d && a->d <= b->d);
	ck_assert(weir_str_eq(&a->name, &b->name));
}

WEIR_TEST(blocks_of_records_are_the_rows_one_by_one)
{
	struct weir_rng r = { 1 };
	struct weir_batch *b = random_batch(&r);
	struct mixed block[WEIR_ROW_BLOCK] = { 0 }, one = { 0 };

	for (int round = 0; round < 500; round++) {
		uint32_t n = (uint32_t)weir_rng_below(&r, WEIR_ROW_BLOCK + 1), first = (uint32_t)weir_rng_below(&r, WEIR_BATCH_ROWS - WEIR_ROW_BLOCK);
		uint16_t pick[WEIR_ROW_BLOCK];
		bool picked = weir_rng_below(&r, 2);

		for (uint32_t i = 0; i < n; i++)
			pick[i] = (uint16_t)weir_rng_below(&r, WEIR_BATCH_ROWS);
		weir_batch_rows(b, picked ? pick : NULL, first, n, block);
		for (uint32_t i = 0; i < n; i++) {
			weir_batch_row(b, picked ? pick[i] : first + i, &one);
			same_record(&block[i], &one);
		}
	}
	weir_batch_unref(b);
}

WEIR_TEST(blocks_of_records_are_appended_as_one_by_one)
{
	struct weir_rng r = { 2 };
	struct weir_batch *b = random_batch(&r), *blocks = weir_batch_new(&mixed_type, true);
	struct mixed block[WEIR_ROW_BLOCK] = { 0 }, want = { 0 }, have = { 0 };
	int64_t times[WEIR_ROW_BLOCK];

	for (uint32_t at = 0; at < WEIR_BATCH_ROWS;) {
		uint32_t n = (uint32_t)weir_rng_below(&r, WEIR_ROW_BLOCK + 1);

		n = n < WEIR_BATCH_ROWS - at ? n : WEIR_BATCH_ROWS - at;
		weir_batch_rows(b, NULL, at, n, block);
		for (uint32_t i = 0; i < n; i++)
			times[i] = at + i;
		weir_batch_append_rows(blocks, block, n, times);
		at += n;
		ck_assert_uint_eq(blocks->rows, at);
	}
	for (uint32_t i = 0; i < WEIR_BATCH_ROWS; i++) {
		weir_batch_row(b, i, &want);
		weir_batch_row(blocks, i, &have);
		same_record(&want, &have);
		ck_assert_int_eq(blocks->times[i], b->times[i]);
	}
	weir_batch_unref(blocks);
	weir_batch_unref(b);
}

WEIR_TEST(batches_without_fields_have_one_column)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_batch *b;
	int64_t rows[7] = { 1, 2, 3, 4, 5, 6, 7 }, back[7];

	ck_ok(weir_type_prepare(&weir_int64, &err));
	b = weir_batch_new(&weir_int64, false);
	weir_batch_append_rows(b, rows, 7, NULL);
	ck_assert_uint_eq(b->rows, 7);
	weir_batch_rows(b, (const uint16_t[]){ 6, 0 }, 0, 2, back);
	ck_assert(back[0] == 7 && back[1] == 1);
	weir_batch_rows(b, NULL, 2, 5, back);
	ck_assert(back[0] == 3 && back[4] == 7);
	weir_batch_unref(b);
}
