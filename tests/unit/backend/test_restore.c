// SPDX-License-Identifier: Apache-2.0
/* Restoring: large states in the order weir writes them. */
#include "tests/unit/backend/model.h"

#include <time.h>

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* n keys, a timer for each of the first ntimers, in one key group, through a snapshot into a new backend. Returns the CPU time of the restore. */
static double restore_many(enum weir_keyed_format format, int64_t n, int64_t ntimers)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = 1, .ngroups = 1 };
	struct weir_state_desc desc = { .name = "count", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };
	struct weir_backend *b;
	struct weir_state *s;
	struct weir_timers *t;
	struct shot shot;
	const void *v;
	double cpu;

	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	ck_ok(weir_backend_timers(b, "t", NULL, &t, &err));
	for (int64_t k = 0; k < n; k++) {
		int64_t twice = 2 * k;

		ck_ok(weir_backend_set_key(b, &k, &err));
		ck_ok(weir_state_set(s, NULL, &twice, &err));
		if (k < ntimers)
			ck_ok(weir_timers_add(t, WEIR_EVENT_TIME, k % 10, NULL, &err));
	}
	shot_take(&shot, b, format, &config);
	weir_backend_close(b);
	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	cpu = cpu_seconds();
	ck_ok(shot_restore(&shot, b, &err));
	cpu = cpu_seconds() - cpu;
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	ck_ok(weir_backend_timers(b, "t", NULL, &t, &err));
	ck_assert_uint_eq(weir_state_count(s), (uint64_t)n);
	ck_assert_uint_eq(weir_timers_count(t, WEIR_EVENT_TIME), (uint64_t)ntimers);
	for (int64_t k = 0; k < n; k += 97) {
		ck_ok(weir_backend_set_key(b, &k, &err));
		ck_ok(weir_state_get(s, NULL, &v, &err));
		ck_assert_ptr_nonnull(v);
		ck_assert_int_eq(*(const int64_t *)v, 2 * k);
	}
	weir_backend_close(b);
	shot_free(&shot);
	return cpu;
}

/* A table that grew while entries came in the order of their hashes had all of them in one place: 21 million keys took nine minutes. */
WEIR_TEST(a_canonical_stream_in_the_order_of_the_hash_is_restored_at_once)
{
	double few = restore_many(WEIR_FORMAT_FULL, 50000, 20000), many = restore_many(WEIR_FORMAT_FULL, 400000, 160000);

	ck_assert_msg(many < 25 * few + 0.5, "%.3f s for 50000 keys, %.3f s for 400000", few, many);
}

WEIR_TEST(a_native_stream_of_more_than_a_million_keys_is_restored_at_once)
{
	double few = restore_many(WEIR_FORMAT_HEAP, 200000, 0), many = restore_many(WEIR_FORMAT_HEAP, 1800000, 0);

	ck_assert_msg(many < 30 * few + 0.5, "%.3f s for 200000 keys, %.3f s for 1800000", few, many);
}

/* A count that the bytes cannot hold is damage, before any memory is taken for it. */
WEIR_TEST(a_native_stream_that_announces_too_many_entries_is_damaged)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = 1, .ngroups = 1 };
	struct weir_state_desc desc = { .name = "count", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };
	struct weir_backend *b;
	struct weir_state *s;
	struct shot shot;
	size_t at;

	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	for (int64_t k = 0; k < 100; k++) {
		ck_ok(weir_backend_set_key(b, &k, &err));
		ck_ok(weir_state_set(s, NULL, &k, &err));
	}
	shot_take(&shot, b, WEIR_FORMAT_HEAP, &config);
	weir_backend_close(b);
	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	at = (size_t)shot.offsets[0] + 4 + 2; /* behind the numbers of key group and state */
	ck_assert_uint_eq(shot.bytes.data[at + 3], 100);
	shot.bytes.data[at + 3] = 101;
	ck_assert_int_eq(shot_restore(&shot, b, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "key group 0, state 'count': more entries are announced than bytes follow"));
	weir_backend_close(b);
	shot_free(&shot);
}
