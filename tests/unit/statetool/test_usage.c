// SPDX-License-Identifier: Apache-2.0
/* du and timers: sums that agree with a plain count, the largest found, histograms that lose nothing. */
#include "statetool/table.h"
#include "statetool/timers.h"
#include "statetool/usage.h"
#include "tests/lib/weirtest.h"

#include <stdlib.h>

#include "base/rng.h"

static struct weir_view *open_view(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;

	ck_ok(weir_ckpt_open(path, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	return v;
}

static void sums_agree(const char *path)
{
	struct weir_view *v = open_view(path);
	const struct weir_ckpt *c = weir_view_ckpt(v);
	struct weir_state_count *rows = calloc(weir_view_nstates(v) + 1, sizeof(*rows));
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_usage u;
	uint64_t entries = 0, by_op = 0, keyed = 0, by_group = 0;

	ck_ok(weir_state_counts(v, rows, &err));
	ck_ok(weir_usage_collect(v, NULL, NULL, 3, NULL, &u, &err));
	for (uint32_t i = 0; i < weir_view_nstates(v); i++) {
		ck_assert_uint_eq(u.states[i].entries, rows[i].entries);
		ck_assert_uint_eq(u.states[i].bytes, rows[i].bytes);
		entries += rows[i].entries;
		keyed += weir_state_is_keyed(weir_view_state(v, i)->kind) ? rows[i].entries : 0;
	}
	for (uint32_t i = 0; i < c->noperators; i++) {
		by_op += u.operators[i].entries;
		for (uint32_t g = 0; u.operators[i].groups && g < c->operators[i].max_parallelism; g++)
			by_group += u.operators[i].groups[g].entries;
	}
	ck_assert_uint_eq(u.entries, entries);
	ck_assert_uint_eq(by_op, entries); /* no master state here */
	ck_assert_uint_eq(by_group, keyed);
	for (uint32_t i = 1; i < u.entries_top.n; i++)
		ck_assert(u.entries_top.items[i - 1].size >= u.entries_top.items[i].size);
	weir_usage_fini(&u);
	free(rows);
	weir_view_close(v);
}

WEIR_TEST(du_agrees_with_a_plain_count)
{
	static const char *const shared[] = { "fixtures/flights/2.1.1/canonical-hashmap-snappy", "fixtures/flights/2.1.1/canonical-rocksdb", "fixtures/flights/1.20.1/canonical-rocksdb" };

	sums_agree(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"));
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (weir_test_shared(shared[i]))
			sums_agree(weir_test_shared(shared[i]));
}

struct biggest {
	const struct weir_state_info *state;
	uint64_t bytes;
};

static int find_biggest(void *arg, const struct weir_entry *e)
{
	struct biggest *b = arg;
	uint64_t n = e->key.len + e->ns.len + e->user_key.len + e->value.len + (weir_state_is_timer(e->state->kind) ? 8 : 0);

	if (n > b->bytes)
		*b = (struct biggest){ e->state, n };
	return 0;
}

WEIR_TEST(du_finds_the_largest)
{
	struct weir_view *v = open_view(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"));
	struct weir_scan all = WEIR_SCAN_ALL;
	struct weir_error err = WEIR_ERROR_INIT;
	struct biggest b = { 0 };
	struct weir_usage u;

	ck_ok(weir_view_scan(v, &all, find_biggest, &b, &err));
	ck_ok(weir_usage_collect(v, NULL, NULL, 2, NULL, &u, &err));
	ck_assert_uint_eq(u.entries_top.n, 2);
	ck_assert_uint_eq(u.entries_top.items[0].size, b.bytes);
	ck_assert_ptr_nonnull(u.entries_top.items[0].key);
	ck_assert_uint_eq(u.lists.n, 2);
	ck_assert_uint_eq(u.lists.items[0].size, 9);
	ck_assert_uint_eq(u.maps.n, 2);
	ck_assert_uint_eq(u.maps.items[0].size, 71); /* destinations of ORD */
	ck_assert(memmem(u.maps.items[0].key, u.maps.items[0].key_len, "ORD", 3) != NULL);
	weir_usage_fini(&u);
	ck_ok(weir_usage_collect(v, NULL, NULL, 0, NULL, &u, &err));
	ck_assert_uint_eq(u.entries_top.n, 0);
	weir_usage_fini(&u);
	weir_view_close(v);
}

static void check_histogram(const int64_t *times, size_t n)
{
	struct weir_histogram h = { 0 };
	uint64_t want[WEIR_BINS] = { 0 }, sum = 0;
	int64_t w;

	for (size_t i = 0; i < n; i++)
		weir_histogram_add(&h, times[i]);
	w = weir_histogram_width_ms(&h);
	ck_assert_uint_le(h.n, WEIR_BINS);
	for (size_t i = 0; i < n; i++) {
		int64_t bin = times[i] / w - (times[i] % w < 0);

		if (times[i] == INT64_MAX)
			continue;
		ck_assert(bin >= h.first && bin < h.first + h.n);
		want[bin - h.first]++;
	}
	for (uint32_t i = 0; i < h.n; i++) {
		ck_assert_uint_eq(h.counts[i], want[i]);
		sum += h.counts[i];
	}
	ck_assert_uint_eq(sum, h.total);
	ck_assert_uint_eq(h.total + h.never, n);
}

WEIR_TEST(histograms_hold_every_time_in_its_bin)
{
	static const int64_t ends[] = { INT64_MIN, INT64_MAX - 1, 0, -1, 1, INT64_MAX, 86400000, -86400001 };
	struct weir_rng r = { 7 };
	int64_t times[300];

	check_histogram(ends, 8);
	check_histogram(ends + 2, 3);
	check_histogram(ends, 0);
	for (int round = 0; round < 300; round++) {
		unsigned shift = (unsigned)(round % 64);

		for (size_t i = 0; i < 300; i++)
			times[i] = (int64_t)weir_rng_next(&r) >> shift;
		check_histogram(times, 300);
	}
}

WEIR_TEST(tables_are_aligned)
{
	struct weir_table t;
	struct weir_buf b = { 0 };

	weir_table_init(&t, "lr");
	weir_table_cell(&t, "a");
	weir_table_cell(&t, "%d", 1);
	weir_table_cell(&t, "\xc3\xa9\xc3\xa9\xc3\xa9");
	weir_table_cell(&t, "%d", 1000);
	weir_table_print(&t, 1, &b);
	ck_assert_str_eq(weir_buf_cstr(&b), " a       1\n \xc3\xa9\xc3\xa9\xc3\xa9  1000\n");
	weir_buf_clear(&b);
	weir_bar(0, 10, 4, &b);
	ck_assert_uint_eq(b.len, 0);
	weir_bar(1, 1000000, 4, &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "▏");
	weir_buf_clear(&b);
	weir_bar(10, 10, 2, &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "██");
	weir_buf_fini(&b);
}
