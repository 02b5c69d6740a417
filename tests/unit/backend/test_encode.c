// SPDX-License-Identifier: Apache-2.0
/* The replayed wire forms of state/backend/encode.c against weir_type_write. */
#include "tests/lib/weirtest.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "state/backend/encode.h"

#define EVERY(F) F(boolean, z) F(int8, b) F(int16, s) F(int32, i) F(int64, l) F(float, f) F(double, d) F(char, c) F(timestamp, t)
WEIR_RECORD(every, EVERY)
#define TEXTUAL(F) F(int64, a) F(string, b)
WEIR_RECORD(textual, TEXTUAL)

/* Two rows with v in them, between bytes that stay. */
static void same(const struct weir_type *t, const void *v)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir__row_plan plan;
	struct weir_buf want = { 0 };
	uint8_t fixed[WEIR__ROW_BYTES], have[2 * WEIR__ROW_BYTES];
	const uint8_t *values[] = { v, v };
	const uint8_t *const *const sources[] = { NULL, values };
	uint32_t n = weir__row_size(t);

	for (uint32_t i = 0; i < sizeof(fixed); i++)
		fixed[i] = (uint8_t)(i + 100);
	ck_ok(weir_type_write(t, v, &want, &err));
	ck_assert_uint_eq(n, want.len);
	ck_assert(weir__row_begin(&plan, fixed, n + 12));
	ck_assert(weir__row_add(&plan, t, 1, 0, 5));
	ck_assert(weir__row_end(&plan));
	memset(have, 0xee, sizeof(have));
	weir__row_encode(&plan, 2, sources, have);
	for (int row = 0; row < 2; row++) {
		ck_assert_mem_eq(have + row * (n + 12), fixed, 5);
		ck_assert_mem_eq(have + row * (n + 12) + 5, want.data, n);
		ck_assert_mem_eq(have + row * (n + 12) + 5 + n, fixed + 5 + n, 7);
	}
	ck_assert_uint_eq(have[2 * (n + 12)], 0xee);
	weir_buf_fini(&want);
}

WEIR_TEST(encoded_values_equal_the_serializers)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_rng rng = { 4 };
	struct weir_type *tuple;

	ck_ok(weir_type_prepare(&every_type, &err));
	tuple = weir_type_tuple(&mem, 3, (struct weir_type *[]){ &weir_int64, &weir_int8, &weir_time_window }, &err);
	ck_assert_ptr_nonnull(tuple);
	for (int i = 0; i < 2000; i++) {
		uint64_t bits = weir_rng_next(&rng), more[8];
		struct every v = { .z = i & 1, .b = (int8_t)bits, .s = (int16_t)bits, .i = (int32_t)bits, .l = (int64_t)bits, .c = (uint16_t)bits,
				   .t = (int64_t)(bits >> (i % 30)) / 1000 * (i % 2 ? 1 : -1) / 1000 };

		memcpy(&v.f, &bits, 4);
		memcpy(&v.d, &bits, 8);
		if (i % 50 == 0)
			v.f = NAN, v.d = -NAN;
		same(&every_type, &v);
		for (int k = 0; k < 8; k++)
			more[k] = weir_rng_next(&rng);
		same(tuple, more);
		same(&weir_time_window, more);
		same(&weir_int64, more);
		same(&weir_void, NULL);
		same(&weir_global_window, NULL);
	}
	weir_arena_fini(&mem);
}

WEIR_TEST(values_of_varying_size_are_left_to_the_serializer)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	ck_ok(weir_type_prepare(&textual_type, &err));
	ck_assert_uint_eq(0, weir__row_size(&textual_type));
	ck_assert_uint_eq(0, weir__row_size(&weir_string));
	ck_assert_uint_eq(0, weir__row_size(weir_type_list(&mem, &weir_int64, &err)));
	/* has a null bitmap */
	ck_assert_uint_eq(0, weir__row_size(weir_type_pojo(&mem, "x.Y", 1, (struct weir_type *[]){ &weir_int64 }, (const char *const[]){ "a" }, &err)));
	weir_arena_fini(&mem);
}

WEIR_TEST(rows_that_are_too_long_are_left_to_the_serializer)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_type *five[25], *t = &weir_int64;
	struct weir__row_plan plan;
	uint8_t fixed[WEIR__ROW_BYTES] = { 0 };

	ck_assert(!weir__row_begin(&plan, fixed, WEIR__ROW_BYTES + 1));
	for (int level = 0; level < 2; level++) { /* 625 numbers: too many bytes, too many moves */
		for (int i = 0; i < 25; i++)
			five[i] = t;
		t = weir_type_tuple(&mem, 25, five, &err);
		ck_assert_ptr_nonnull(t);
	}
	ck_assert_uint_eq(weir__row_size(t), 0);
	t = weir_type_tuple(&mem, 4, (struct weir_type *[]){ five[0], five[0], five[0], five[0] }, &err); /* 100 numbers: too many moves */
	ck_assert_uint_eq(weir__row_size(t), 800);
	ck_assert(weir__row_begin(&plan, fixed, 800));
	ck_assert(!weir__row_add(&plan, t, 0, 0, 0));
	weir_arena_fini(&mem);
}
