/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Window arithmetic: which windows a time belongs to, when a window or row is late, when state may go, how sessions merge.
 * Pure. A window is [start, end); its maximum time is end - 1. Additions wrap as Java's do where Flink's do, so that the
 * windows of extreme times are the same in both; the tests of lateness do not wrap.
 */
#ifndef WEIR_RUNTIME_WINDOW_H
#define WEIR_RUNTIME_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/type.h>

static inline int64_t weir_window_max_time(struct weir_window w) { return (int64_t)((uint64_t)w.end_ms - 1); }

/* Start of the window of length `size` that time_ms falls into: Flink's getWindowStartWithOffset, right for negative times. */
static inline int64_t weir_window_start(int64_t time_ms, int64_t offset_ms, int64_t size_ms)
{
	int64_t rest = (int64_t)((uint64_t)time_ms - (uint64_t)offset_ms) % size_ms;

	return (int64_t)((uint64_t)time_ms - (uint64_t)(rest < 0 ? rest + size_ms : rest));
}

enum weir_window_kind { WEIR_WINDOW_TUMBLING, WEIR_WINDOW_SLIDING, WEIR_WINDOW_SESSION, WEIR_WINDOW_GLOBAL };

struct weir_window_rule {
	enum weir_window_kind kind;
	bool event_time;
	int64_t size_ms;    /* tumbling, sliding; session: the gap */
	int64_t slide_ms;   /* sliding */
	int64_t offset_ms;  /* tumbling, sliding */
	int64_t lateness_ms; /* allowed; event time only */
};

/* WEIR_EINVALID: size, slide or gap not positive, |offset| not below the size (sliding: the slide), negative lateness. */
int weir_window_rule_check(const struct weir_window_rule *a, struct weir_error *err) WEIR_CHECK;

static inline struct weir_window weir_window_tumbling(const struct weir_window_rule *a, int64_t time_ms)
{
	int64_t start = weir_window_start(time_ms, a->offset_ms, a->size_ms);

	return (struct weir_window){ start, (int64_t)((uint64_t)start + (uint64_t)a->size_ms) };
}
static inline struct weir_window weir_window_session(const struct weir_window_rule *a, int64_t time_ms)
{
	return (struct weir_window){ time_ms, (int64_t)((uint64_t)time_ms + (uint64_t)a->size_ms) };
}
#define WEIR_WINDOW_GLOBAL_MAX ((struct weir_window){ INT64_MIN, INT64_MAX })

/* The sliding windows of a time, newest first (Flink's order); fewer than size/slide, or none, where slide > size leaves gaps. */
struct weir_window_sliding {
	int64_t start, floor, size_ms, slide_ms; /* next start; windows start above floor */
	bool more;
};
void weir_window_sliding_begin(struct weir_window_sliding *it, const struct weir_window_rule *a, int64_t time_ms);
bool weir_window_sliding_next(struct weir_window_sliding *it, struct weir_window *out);

/* When the state of a window is dropped: maximum time + lateness in event time (never past INT64_MAX), else maximum time. */
int64_t weir_window_cleanup_time(const struct weir_window_rule *a, struct weir_window w);
/* Its state is gone already at this watermark: rows for it are late. Never in processing time or for the global window. */
bool weir_window_is_late(const struct weir_window_rule *a, struct weir_window w, int64_t watermark);
/* A row that fell into no window is late (side output, counted) when time + lateness <= watermark. */
bool weir_window_is_row_late(const struct weir_window_rule *a, int64_t time_ms, int64_t watermark);
/* A row without a time (INT64_MIN) cannot be assigned. */
int weir_window_check_time(int64_t time_ms, struct weir_error *err) WEIR_CHECK;

/* ---- sessions ---- */
static inline bool weir_window_intersects(struct weir_window a, struct weir_window b) { return a.start_ms <= b.end_ms && a.end_ms >= b.start_ms; }
static inline struct weir_window weir_window_cover(struct weir_window a, struct weir_window b)
{
	return (struct weir_window){ a.start_ms < b.start_ms ? a.start_ms : b.start_ms, a.end_ms > b.end_ms ? a.end_ms : b.end_ms };
}

/* What a new window does to the sessions of a key: items first..first+count-1 of the array merge with it into `cover`. */
struct weir_window_merge {
	uint32_t first, count; /* count 0: it stands alone and belongs at index first */
	struct weir_window cover;
};
/* `sorted` is ascending and disjoint; windows that touch count as overlapping, so no two touch. O(log n). */
struct weir_window_merge weir_window_session_find(const struct weir_window *sorted, uint32_t n, struct weir_window add);
/* Do it: returns the new number of items; the array has room for n + 1. */
uint32_t weir_window_session_apply(struct weir_window *sorted, uint32_t n, const struct weir_window_merge *m);
/* Merge any windows sorted by start, in place: returns how many remain. out_group (n, may be NULL) says where each went. */
uint32_t weir_window_merge_sorted(struct weir_window *w, uint32_t n, uint32_t *out_group);

#endif
