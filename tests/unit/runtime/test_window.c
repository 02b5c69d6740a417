// SPDX-License-Identifier: Apache-2.0
/* Window arithmetic against Flink's own answers and against plain definitions. */
#include "runtime/window.h"

#include "base/rng.h"
#include "tests/unit/runtime/cores_golden.h"

#define HOUR 3600000

WEIR_TEST(starts_equal_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "start")); n++) {
		int64_t t = golden_int(&p), offset = golden_int(&p), size = golden_int(&p), want = golden_int(&p);

		ck_assert_msg(weir_window_start(t, offset, size) == want, "line %d: %" PRId64, g.number, weir_window_start(t, offset, size));
	}
	ck_assert_int_gt(n, 300);
}

WEIR_TEST(sliding_windows_equal_flinks_in_number_and_order)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "sliding")); n++) {
		struct weir_window_rule a = { .kind = WEIR_WINDOW_SLIDING, .event_time = true };
		int64_t t = golden_int(&p);
		struct weir_window_sliding it;
		struct weir_window w;
		struct weir_error err = WEIR_ERROR_INIT;

		a.size_ms = golden_int(&p);
		a.slide_ms = golden_int(&p);
		a.offset_ms = golden_int(&p);
		ck_ok(weir_window_rule_check(&a, &err));
		weir_window_sliding_begin(&it, &a, t);
		while (weir_window_sliding_next(&it, &w)) {
			ck_assert_msg(*p == ' ', "line %d: more windows than Flink's", g.number);
			ck_assert_int_eq(w.start_ms, golden_int(&p));
			ck_assert(w.start_ms <= t && t < w.end_ms && w.end_ms - w.start_ms == a.size_ms);
		}
		ck_assert_msg(*p == 0, "line %d: fewer windows than Flink's: %s", g.number, p);
	}
	ck_assert_int_gt(n, 100);
}

WEIR_TEST(sessions_equal_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "sessions")); n++) {
		struct weir_window_rule a = { .kind = WEIR_WINDOW_SESSION, .event_time = true };
		struct weir_window held[32];
		uint32_t count = 0;

		a.size_ms = golden_int(&p);
		while (strncmp(p, " :", 2) != 0) {
			struct weir_window_merge m = weir_window_session_find(held, count, weir_window_session(&a, golden_int(&p)));

			count = weir_window_session_apply(held, count, &m);
		}
		p += 2;
		for (uint32_t i = 0; i < count; i++) {
			ck_assert_int_eq(held[i].start_ms, golden_int(&p));
			ck_assert_int_eq(held[i].end_ms, golden_int(&p));
		}
		ck_assert_msg(*p == 0, "line %d: fewer sessions than Flink's", g.number);
	}
	ck_assert_int_gt(n, 100);
}

WEIR_TEST(a_late_row_merges_three_sessions)
{
	struct weir_window held[4] = { { 0, 10 }, { 20, 30 }, { 40, 50 } };
	struct weir_window_merge m = weir_window_session_find(held, 3, (struct weir_window){ 10, 20 });

	ck_assert_uint_eq(m.first, 0); /* touching ends merge, as in Flink */
	ck_assert_uint_eq(m.count, 2);
	ck_assert(m.cover.start_ms == 0 && m.cover.end_ms == 30);
	m = weir_window_session_find(held, 3, (struct weir_window){ 5, 45 });
	ck_assert_uint_eq(m.count, 3);
	ck_assert_uint_eq(weir_window_session_apply(held, 3, &m), 1);
	ck_assert(held[0].start_ms == 0 && held[0].end_ms == 50);
	m = weir_window_session_find(held, 1, (struct weir_window){ 51, 60 });
	ck_assert(m.first == 1 && m.count == 0);
	ck_assert_uint_eq(weir_window_session_apply(held, 1, &m), 2);
	m = weir_window_session_find(held, 0, (struct weir_window){ 1, 2 });
	ck_assert(m.first == 0 && m.count == 0 && m.cover.start_ms == 1);
}

/* Any order of insertion gives what merging all at once gives. */
WEIR_TEST(insertion_order_does_not_matter)
{
	struct weir_rng rng = { 7 };

	for (int round = 0; round < 3000; round++) {
		struct weir_window all[24], held[24];
		uint32_t n = 1 + (uint32_t)weir_rng_below(&rng, 23), count = 0, group[24], kept;

		for (uint32_t i = 0; i < n; i++) {
			struct weir_window w = { (int64_t)weir_rng_below(&rng, 100) - 50, 0 };
			uint32_t at = i;
			struct weir_window_merge m;

			w.end_ms = w.start_ms + 1 + (int64_t)weir_rng_below(&rng, 6);
			m = weir_window_session_find(held, count, w);
			count = weir_window_session_apply(held, count, &m);
			for (; at > 0 && all[at - 1].start_ms > w.start_ms; at--)
				all[at] = all[at - 1];
			all[at] = w;
			for (uint32_t k = 1; k < count; k++)
				ck_assert(held[k - 1].end_ms < held[k].start_ms);
		}
		kept = weir_window_merge_sorted(all, n, group);
		ck_assert_uint_eq(kept, count);
		ck_assert(group[0] == 0 && group[n - 1] == kept - 1);
		ck_assert(memcmp(all, held, kept * sizeof(*held)) == 0);
	}
}

WEIR_TEST(days_begin_at_local_midnight_with_an_offset)
{
	struct weir_window_rule a = { .kind = WEIR_WINDOW_TUMBLING, .event_time = true, .size_ms = 24 * HOUR, .offset_ms = -8 * HOUR };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_window w;

	ck_ok(weir_window_rule_check(&a, &err));
	w = weir_window_tumbling(&a, 0); /* 08:00 in UTC+8 */
	ck_assert(w.start_ms == -8 * HOUR && w.end_ms == 16 * HOUR);
	w = weir_window_tumbling(&a, -8 * HOUR - 1);
	ck_assert(w.start_ms == -32 * HOUR && w.end_ms == -8 * HOUR);
}

WEIR_TEST(lateness_and_cleanup)
{
	struct weir_window_rule a = { .kind = WEIR_WINDOW_TUMBLING, .event_time = true, .size_ms = 100 };
	struct weir_window w = { 0, 100 }, end = { INT64_MAX - 5, INT64_MAX };

	ck_assert_int_eq(weir_window_max_time(w), 99);
	ck_assert_int_eq(weir_window_cleanup_time(&a, w), 99);
	ck_assert(!weir_window_is_late(&a, w, 98) && weir_window_is_late(&a, w, 99));
	a.lateness_ms = 10;
	ck_assert(!weir_window_is_late(&a, w, 108) && weir_window_is_late(&a, w, 109));
	ck_assert(!weir_window_is_row_late(&a, 50, 59) && weir_window_is_row_late(&a, 50, 60));
	ck_assert_int_eq(weir_window_cleanup_time(&a, end), INT64_MAX);
	a.lateness_ms = INT64_MAX;
	ck_assert_int_eq(weir_window_cleanup_time(&a, w), INT64_MAX);
	ck_assert(!weir_window_is_late(&a, w, INT64_MAX - 1) && !weir_window_is_row_late(&a, 50, INT64_MAX - 1));
	a.event_time = false;
	a.lateness_ms = 10;
	ck_assert_int_eq(weir_window_cleanup_time(&a, w), 99);
	ck_assert(!weir_window_is_late(&a, w, INT64_MAX) && !weir_window_is_row_late(&a, 50, INT64_MAX));
	a = (struct weir_window_rule){ .kind = WEIR_WINDOW_GLOBAL, .event_time = true };
	ck_assert(!weir_window_is_late(&a, WEIR_WINDOW_GLOBAL_MAX, INT64_MAX));
	ck_assert_int_eq(weir_window_cleanup_time(&a, WEIR_WINDOW_GLOBAL_MAX), INT64_MAX);
}

WEIR_TEST(sliding_ends_at_the_edge_of_time)
{
	struct weir_window_rule a = { .kind = WEIR_WINDOW_SLIDING, .size_ms = 100, .slide_ms = 10 };
	int64_t times[] = { INT64_MIN + 1, INT64_MIN + 55, INT64_MIN + 105, INT64_MAX, INT64_MAX - 55 };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct weir_window_sliding it;
		struct weir_window w;
		int n = 0;

		weir_window_sliding_begin(&it, &a, times[i]);
		while (weir_window_sliding_next(&it, &w))
			n++;
		ck_assert_int_le(n, 10);
	}
}

static void refuse(struct weir_window_rule a, const char *text)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_assert_int_eq(weir_window_rule_check(&a, &err), WEIR_EINVALID);
	ck_assert_msg(strstr(err.msg, text) != NULL, "%s", err.msg);
}

WEIR_TEST(wrong_settings_are_named)
{
	struct weir_error err = WEIR_ERROR_INIT;

	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_TUMBLING }, "size of the window is 0 ms");
	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_SESSION, .size_ms = -1 }, "gap of the window is -1 ms");
	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_SLIDING, .size_ms = 5 }, "slide of the window is 0 ms");
	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_TUMBLING, .size_ms = 5, .offset_ms = 5 }, "less than its size of 5 ms");
	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_TUMBLING, .size_ms = 5, .offset_ms = INT64_MIN }, "offset of the window");
	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_SLIDING, .size_ms = 10, .slide_ms = 5, .offset_ms = -5 }, "less than its slide of 5 ms");
	refuse((struct weir_window_rule){ .kind = WEIR_WINDOW_GLOBAL, .lateness_ms = -1 }, "allowed lateness is -1 ms");
	ck_assert_int_eq(weir_window_check_time(INT64_MIN, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "without an event time"));
	ck_assert_int_eq(weir_window_check_time(INT64_MIN + 1, NULL), 0);
}
