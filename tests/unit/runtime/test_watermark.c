// SPDX-License-Identifier: Apache-2.0
/* Watermark merge against Flink's valve and against a plain definition; generators; idleness. */
#include "runtime/watermark.h"

#include "base/rng.h"
#include "tests/unit/runtime/cores_golden.h"

static struct weir_watermark_change step(struct weir_watermark_merge *m, enum weir_watermark_event_kind kind, uint32_t channel, int64_t value)
{
	struct weir_watermark_event ev = { kind, channel, value };
	struct weir_watermark_change out;
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_watermark_merge_step(m, &ev, &out, &err));
	return out;
}

/* "a" active, "wN" watermark, "i" idle, "-" nothing: in the order in which they are to be told. */
static void told(struct weir_watermark_change c, char *text)
{
	char *p = text;

	if (c.status_changed && !c.idle)
		*p++ = 'a';
	if (c.advanced)
		p += sprintf(p, "w%" PRId64, c.watermark);
	if (c.status_changed && c.idle)
		*p++ = 'i';
	if (p == text)
		*p++ = '-';
	*p = 0;
}

WEIR_TEST(merge_equals_flinks_valve)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "valve")); n++) {
		struct weir_watermark_merge m;
		struct weir_error err = WEIR_ERROR_INIT;

		ck_ok(weir_watermark_merge_init(&m, (uint32_t)golden_int(&p), &err));
		p = strchr(p, ':') + 1;
		while (*p) {
			char kind = p[1], got[64], *want;
			uint32_t channel = (uint32_t)strtoul(p + 2, &p, 10);
			int64_t value = *p == ',' ? strtoll(p + 1, &p, 10) : 0;

			want = p + 1;
			p += strcspn(p, " ");
			told(step(&m, kind == 'W' ? WEIR_WATERMARK_ADVANCE : kind == 'I' ? WEIR_WATERMARK_IDLE : WEIR_WATERMARK_ACTIVE, channel, value), got);
			ck_assert_msg(strlen(got) == (size_t)(p - want) && memcmp(got, want, strlen(got)) == 0, "line %d, %.12s: %s", g.number,
				      want - 10, got);
		}
		weir_watermark_merge_fini(&m);
	}
	ck_assert_int_gt(n, 100);
}

WEIR_TEST(output_is_the_minimum)
{
	struct weir_watermark_merge m;
	struct weir_watermark_change c;
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_watermark_merge_init(&m, 2, &err));
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 0, 29).advanced);
	c = step(&m, WEIR_WATERMARK_ADVANCE, 1, 14);
	ck_assert(c.advanced && c.watermark == 14);
	c = step(&m, WEIR_WATERMARK_ADVANCE, 1, 40);
	ck_assert(c.advanced && c.watermark == 29);
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 0, 12).advanced); /* lower than before */
	c = step(&m, WEIR_WATERMARK_IDLE, 0, 0);                      /* no longer waited for */
	ck_assert(c.advanced && c.watermark == 40 && !c.idle);
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 0, 35).advanced); /* back, behind the output: moves nothing back */
	c = step(&m, WEIR_WATERMARK_ADVANCE, 1, 50);                  /* and holds nobody back until it has caught up */
	ck_assert(c.advanced && c.watermark == 50);
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 0, 55).advanced);
	c = step(&m, WEIR_WATERMARK_ADVANCE, 1, 60);
	ck_assert(c.advanced && c.watermark == 55);
	weir_watermark_merge_fini(&m);
}

WEIR_TEST(the_maximum_comes_when_all_have_finished)
{
	struct weir_watermark_merge m;
	struct weir_watermark_change c;
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_watermark_merge_init(&m, 3, &err));
	ck_assert(!step(&m, WEIR_WATERMARK_FINISHED, 0, 0).advanced);
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 0, 5).advanced); /* nothing counts after the end */
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 1, 7).advanced);
	c = step(&m, WEIR_WATERMARK_ADVANCE, 2, 9);
	ck_assert(c.advanced && c.watermark == 7);
	c = step(&m, WEIR_WATERMARK_ADVANCE, 1, WEIR_WATERMARK_MAX); /* the last watermark is an end */
	ck_assert(c.advanced && c.watermark == 9);
	c = step(&m, WEIR_WATERMARK_IDLE, 2, 0); /* 2 may bring more: idle, not the maximum */
	ck_assert(!c.advanced && c.status_changed && c.idle);
	c = step(&m, WEIR_WATERMARK_FINISHED, 2, 0);
	ck_assert(c.advanced && c.watermark == WEIR_WATERMARK_MAX && c.status_changed && !c.idle);
	ck_assert(!step(&m, WEIR_WATERMARK_FINISHED, 2, 0).advanced);
	weir_watermark_merge_reset(&m);
	ck_assert(!step(&m, WEIR_WATERMARK_ADVANCE, 1, 7).advanced);
	weir_watermark_merge_fini(&m);
}

/* Flink flushes to the highest idle watermark only when the last active channel had not fallen behind. */
WEIR_TEST(the_last_to_become_idle_flushes_only_when_aligned)
{
	for (int behind = 0; behind < 2; behind++) {
		struct weir_watermark_merge m;
		struct weir_watermark_change c;
		struct weir_error err = WEIR_ERROR_INIT;

		ck_ok(weir_watermark_merge_init(&m, 3, &err));
		step(&m, WEIR_WATERMARK_ADVANCE, 1, 10);
		step(&m, WEIR_WATERMARK_IDLE, 1, 0);
		step(&m, WEIR_WATERMARK_ADVANCE, 0, 30);
		c = step(&m, WEIR_WATERMARK_ADVANCE, 2, 20);
		ck_assert(c.advanced && c.watermark == 20);
		if (behind)
			step(&m, WEIR_WATERMARK_ACTIVE, 1, 0);
		step(&m, WEIR_WATERMARK_IDLE, 0, 0);
		c = step(&m, WEIR_WATERMARK_IDLE, 2, 0);
		ck_assert_int_eq(c.watermark, behind ? 20 : 30);
		if (behind)
			c = step(&m, WEIR_WATERMARK_IDLE, 1, 0);
		ck_assert(c.status_changed && c.idle && c.watermark == (behind ? 20 : 30));
		weir_watermark_merge_fini(&m);
	}
}

/* Every sequence of five events over two channels: never back, idle exactly when all unfinished channels are. */
WEIR_TEST(all_short_sequences_keep_the_invariants)
{
	static const int64_t values[] = { 1, 2, WEIR_WATERMARK_MAX };
	enum { CHOICES = 12, LENGTH = 5 };
	struct weir_watermark_merge m;
	struct weir_error err = WEIR_ERROR_INIT;
	long total = 1;

	ck_ok(weir_watermark_merge_init(&m, 2, &err));
	for (int i = 0; i < LENGTH; i++)
		total *= CHOICES;
	for (long seq = 0; seq < total; seq++) {
		int64_t last = WEIR_WATERMARK_MIN;
		bool idle[2] = { false, false }, done[2] = { false, false };
		long rest = seq;

		weir_watermark_merge_reset(&m);
		for (int i = 0; i < LENGTH; i++, rest /= CHOICES) {
			uint32_t c = rest % CHOICES % 2;
			int what = (int)(rest % CHOICES / 2); /* 0-2 advance, 3 idle, 4 active, 5 finished */
			struct weir_watermark_change out =
				step(&m, what < 3 ? WEIR_WATERMARK_ADVANCE : (enum weir_watermark_event_kind)(what - 2), c, what < 3 ? values[what] : 0);

			done[c] |= what == 2 || what == 5;
			idle[c] = !done[c] && (what == 3 || (what != 4 && what > 2 && idle[c]));
			ck_assert(out.watermark >= last && out.advanced == (out.watermark > last));
			ck_assert_int_eq(out.idle, !(done[0] && done[1]) && (idle[0] || done[0]) && (idle[1] || done[1]));
			ck_assert_int_eq(out.watermark == WEIR_WATERMARK_MAX, done[0] && done[1]);
			last = out.watermark;
		}
	}
	weir_watermark_merge_fini(&m);
}

WEIR_TEST(many_channels)
{
	enum { N = 65535 };
	struct weir_watermark_merge m;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_rng rng = { 3 };
	static int64_t value[N];
	int64_t least;

	ck_ok(weir_watermark_merge_init(&m, N, &err));
	for (int i = 0; i < N; i++)
		value[i] = WEIR_WATERMARK_MIN;
	for (int round = 1; round <= 4; round++) {
		least = INT64_MAX;
		for (int i = 0; i < N; i++) {
			value[i] = round * 1000 + (int64_t)weir_rng_below(&rng, 1000);
			step(&m, WEIR_WATERMARK_ADVANCE, (uint32_t)i, value[i]);
			least = value[i] < least ? value[i] : least;
		}
		ck_assert_int_eq(m.output, least);
	}
	weir_watermark_merge_fini(&m);
	ck_assert_int_eq(weir_watermark_merge_init(&m, 0, &err), WEIR_EINVALID);
}

WEIR_TEST(a_wrong_channel_is_a_bug)
{
	struct weir_watermark_event ev = { WEIR_WATERMARK_IDLE, 2, 0 };
	struct weir_watermark_change out;
	struct weir_watermark_merge m;
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_watermark_merge_init(&m, 2, &err));
	ck_assert_int_eq(weir_watermark_merge_step(&m, &ev, &out, &err), WEIR_EBUG);
	ck_assert_str_eq(err.msg, "watermark of channel 2, but the task has 2");
	weir_watermark_merge_fini(&m);
}

WEIR_TEST(bounded_out_of_orderness)
{
	struct weir_watermark_gen g;
	struct weir_error err = WEIR_ERROR_INIT;
	int64_t w = 0;

	ck_ok(weir_watermark_gen_init(&g, 10, 3, &err));
	ck_assert(!weir_watermark_gen_on_periodic(&g, &w)); /* nothing seen */
	weir_watermark_gen_on_event(&g, 100);
	ck_assert(weir_watermark_gen_on_periodic(&g, &w) && w == 89);
	ck_assert(!weir_watermark_gen_on_periodic(&g, &w)); /* not again */
	weir_watermark_gen_on_event(&g, 50);
	ck_assert(!weir_watermark_gen_on_periodic(&g, &w));
	ck_ok(weir_watermark_gen_init(&g, 0, 1, &err)); /* monotonous */
	weir_watermark_gen_on_event(&g, 100);
	ck_assert(weir_watermark_gen_on_periodic(&g, &w) && w == 99);
	ck_ok(weir_watermark_gen_init(&g, INT64_MAX, 1, &err));
	weir_watermark_gen_on_event(&g, -5);
	ck_assert(!weir_watermark_gen_on_periodic(&g, &w)); /* below the lowest number: none, not a wrapped one */
	weir_watermark_gen_on_event(&g, 5);
	ck_assert(weir_watermark_gen_on_periodic(&g, &w) && w == 5 - INT64_MAX - 1);
	ck_assert_int_eq(weir_watermark_gen_init(&g, -1, 1, &err), WEIR_EINVALID);
	weir_error_clear(&err);
	ck_assert_int_eq(weir_watermark_gen_init(&g, 0, 0, &err), WEIR_EINVALID);
}

/* Watermarks come after the same rows however the rows are cut, and after a restore at any row. */
WEIR_TEST(position_decides_not_the_cut)
{
	enum { ROWS = 100, EVERY = 7 };
	struct weir_rng rng = { 11 };
	struct weir_error err = WEIR_ERROR_INIT;
	int64_t time[ROWS], want[ROWS], w = 0;
	struct weir_watermark_gen g;

	ck_ok(weir_watermark_gen_init(&g, 5, EVERY, &err));
	for (int i = 0; i < ROWS; i++) {
		time[i] = i * 3 + (int64_t)weir_rng_below(&rng, 30);
		want[i] = weir_watermark_gen_on_rows(&g, &time[i], 1, &w) ? w : -1;
		ck_assert(want[i] == -1 || (i + 1) % EVERY == 0);
	}
	for (int round = 0; round < 500; round++) {
		ck_ok(weir_watermark_gen_init(&g, 5, EVERY, &err));
		for (uint32_t at = 0; at < ROWS;) {
			uint32_t n = 1 + (uint32_t)weir_rng_below(&rng, weir_watermark_gen_rows_left(&g));

			n = n > ROWS - at ? ROWS - at : n;
			if (weir_rng_below(&rng, 4) == 0) { /* stored and restored here */
				struct weir_watermark_gen stored = g;

				ck_ok(weir_watermark_gen_init(&g, 5, EVERY, &err));
				weir_watermark_gen_restore(&g, stored.max_ms, stored.rows, stored.emitted);
			}
			w = -1;
			ck_assert_int_eq(weir_watermark_gen_on_rows(&g, time + at, n, &w), want[at + n - 1] != -1);
			ck_assert_int_eq(w, want[at + n - 1]);
			at += n;
		}
	}
}

WEIR_TEST(idleness)
{
	struct weir_idleness i;

	weir_idleness_init(&i, 100, 1000);
	ck_assert_int_eq(weir_idleness_wake_ms(&i), 1100);
	ck_assert(!weir_idleness_on_tick(&i, 1099));
	ck_assert(!weir_idleness_on_activity(&i, 1050));
	ck_assert(!weir_idleness_on_tick(&i, 1149));
	ck_assert(weir_idleness_on_tick(&i, 1150));
	ck_assert(!weir_idleness_on_tick(&i, 1300)); /* told once */
	ck_assert_int_eq(weir_idleness_wake_ms(&i), INT64_MAX);
	ck_assert(weir_idleness_on_activity(&i, 1400));
	ck_assert(!weir_idleness_on_activity(&i, 1400));
	weir_idleness_init(&i, 0, 1000);
	ck_assert(!weir_idleness_on_tick(&i, INT64_MAX - 1));
	weir_idleness_init(&i, INT64_MAX, 1000);
	ck_assert(!weir_idleness_on_tick(&i, INT64_MAX - 1));
}
