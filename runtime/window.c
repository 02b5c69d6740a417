// SPDX-License-Identifier: Apache-2.0
/*
 * Window arithmetic, as in Flink's TimeWindow, the window assigners, WindowOperator (lateness, cleanup) and MergingWindowSet.
 *
 * Invariants
 * 1. A window handed out contains the time it was asked for (times within a window's length of the ends of int64 excepted).
 * 2. Sessions of a key are kept ascending, disjoint and not touching; find and apply keep them so.
 *
 * Pure: nothing is stored here. Nothing fails but the checks of settings and of times.
 */
#include "runtime/window.h"

#include <string.h>

static int64_t later(int64_t at, int64_t by) { return at > 0 && by > INT64_MAX - at ? INT64_MAX : at + by; }

static int check_positive(const char *what, int64_t ms, struct weir_error *err)
{
	return ms > 0 ? 0 : weir_error_set(err, WEIR_EINVALID, "the %s of the window is %lld ms: give 1 ms or more", what, (long long)ms);
}

int weir_window_rule_check(const struct weir_window_rule *a, struct weir_error *err)
{
	bool sliding = a->kind == WEIR_WINDOW_SLIDING;
	int64_t step = sliding ? a->slide_ms : a->size_ms;
	int code = 0;

	if (a->kind != WEIR_WINDOW_GLOBAL)
		code = check_positive(a->kind == WEIR_WINDOW_SESSION ? "gap" : "size", a->size_ms, err);
	if (!code && sliding)
		code = check_positive("slide", a->slide_ms, err);
	if (code)
		return code;
	if ((a->kind == WEIR_WINDOW_TUMBLING || sliding) && (a->offset_ms >= step || a->offset_ms <= -step))
		return weir_error_set(err, WEIR_EINVALID, "the offset of the window is %lld ms: give less than its %s of %lld ms, either way",
				      (long long)a->offset_ms, sliding ? "slide" : "size", (long long)step);
	if (a->lateness_ms < 0)
		return weir_error_set(err, WEIR_EINVALID, "the allowed lateness is %lld ms: give 0 or more", (long long)a->lateness_ms);
	return 0;
}

int weir_window_check_time(int64_t time_ms, struct weir_error *err)
{
	if (time_ms != INT64_MIN)
		return 0;
	return weir_error_set(err, WEIR_EINVALID, "a row without an event time came to an event-time window: give the source a time column and a watermark");
}

void weir_window_sliding_begin(struct weir_window_sliding *it, const struct weir_window_rule *a, int64_t time_ms)
{
	it->start = weir_window_start(time_ms, a->offset_ms, a->slide_ms);
	it->floor = (int64_t)((uint64_t)time_ms - (uint64_t)a->size_ms);
	it->size_ms = a->size_ms;
	it->slide_ms = a->slide_ms;
	it->more = true;
}

bool weir_window_sliding_next(struct weir_window_sliding *it, struct weir_window *out)
{
	if (!it->more || it->start <= it->floor)
		return false;
	*out = (struct weir_window){ it->start, (int64_t)((uint64_t)it->start + (uint64_t)it->size_ms) };
	it->more = it->start >= INT64_MIN + it->slide_ms;
	if (it->more)
		it->start -= it->slide_ms;
	return true;
}

int64_t weir_window_cleanup_time(const struct weir_window_rule *a, struct weir_window w)
{
	if (a->kind == WEIR_WINDOW_GLOBAL)
		return INT64_MAX;
	return a->event_time ? later(weir_window_max_time(w), a->lateness_ms) : weir_window_max_time(w);
}

bool weir_window_is_late(const struct weir_window_rule *a, struct weir_window w, int64_t watermark)
{
	return a->event_time && a->kind != WEIR_WINDOW_GLOBAL && weir_window_cleanup_time(a, w) <= watermark;
}

bool weir_window_is_row_late(const struct weir_window_rule *a, int64_t time_ms, int64_t watermark)
{
	return a->event_time && a->kind != WEIR_WINDOW_GLOBAL && later(time_ms, a->lateness_ms) <= watermark;
}

/* ---- sessions ---- */
/* Number of windows whose end is below `start`: they lie wholly before it. */
static uint32_t count_before(const struct weir_window *sorted, uint32_t n, int64_t start)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (sorted[mid].end_ms < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Number of windows whose start is at most `end`. */
static uint32_t count_until(const struct weir_window *sorted, uint32_t n, int64_t end)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (sorted[mid].start_ms <= end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct weir_window_merge weir_window_session_find(const struct weir_window *sorted, uint32_t n, struct weir_window add)
{
	uint32_t first = count_before(sorted, n, add.start_ms), until = count_until(sorted, n, add.end_ms);
	struct weir_window_merge m = { .first = first, .count = until > first ? until - first : 0, .cover = add };

	if (m.count)
		m.cover = weir_window_cover(weir_window_cover(add, sorted[first]), sorted[until - 1]);
	return m;
}

uint32_t weir_window_session_apply(struct weir_window *sorted, uint32_t n, const struct weir_window_merge *m)
{
	uint32_t tail = m->first + m->count;

	memmove(sorted + m->first + 1, sorted + tail, (n - tail) * sizeof(*sorted));
	sorted[m->first] = m->cover;
	return n - m->count + 1;
}

uint32_t weir_window_merge_sorted(struct weir_window *w, uint32_t n, uint32_t *out_group)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (kept && weir_window_intersects(w[kept - 1], w[i]))
			w[kept - 1] = weir_window_cover(w[kept - 1], w[i]);
		else
			w[kept++] = w[i];
		if (out_group)
			out_group[i] = kept - 1;
	}
	return kept;
}
