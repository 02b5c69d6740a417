/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watermarks: the merge over the input channels of a task, generators, idleness. Pure.
 * A watermark t says that no more rows with a time <= t will come. INT64_MIN: none yet. INT64_MAX: nothing will come at all.
 */
#ifndef WEIR_RUNTIME_WATERMARK_H
#define WEIR_RUNTIME_WATERMARK_H

#include <stdbool.h>

#include <weir/error.h>

#define WEIR_WATERMARK_MIN INT64_MIN
#define WEIR_WATERMARK_MAX INT64_MAX

/* ---- merge ---- */
enum weir_watermark_event_kind {
	WEIR_WATERMARK_ADVANCE,  /* value; also makes an idle channel active. A lower one than before is ignored */
	WEIR_WATERMARK_IDLE,     /* the channel holds nobody back until it is active again */
	WEIR_WATERMARK_ACTIVE,
	WEIR_WATERMARK_FINISHED, /* the same as advancing to WEIR_WATERMARK_MAX: nothing is awaited from it; later events are ignored */
};

struct weir_watermark_event {
	enum weir_watermark_event_kind kind;
	uint32_t channel;
	int64_t value;
};

/* What is to be told downstream after an event: ACTIVE before the watermark, IDLE after it. */
struct weir_watermark_change {
	bool advanced;       /* watermark is new and higher than ever before */
	bool status_changed; /* idle is new */
	bool idle;
	int64_t watermark;
};

struct weir_watermark_merge {
	int64_t *tree;      /* min tree: root at 1, leaves at cap..; channels that do not count hold WEIR_WATERMARK_MAX */
	int64_t *value;     /* newest watermark of each channel */
	uint8_t *flags;     /* WEIR__WATERMARK_* of each channel */
	uint32_t channels, cap;
	uint32_t active;    /* channels neither idle nor finished */
	uint32_t aligned;   /* of those: counted in the minimum, because not behind the output */
	uint32_t finished;
	int64_t output;     /* last told */
	bool idle;
};

int weir_watermark_merge_init(struct weir_watermark_merge *m, uint32_t channels, struct weir_error *err) WEIR_CHECK;
void weir_watermark_merge_fini(struct weir_watermark_merge *m);
/* WEIR_EBUG for a channel that does not exist. O(log channels), O(1) where the minimum does not move. */
int weir_watermark_merge_step(struct weir_watermark_merge *m, const struct weir_watermark_event *ev, struct weir_watermark_change *out,
			      struct weir_error *err) WEIR_CHECK;
/* Back to the start: all channels active, no watermark. */
void weir_watermark_merge_reset(struct weir_watermark_merge *m);

/* ---- generators ---- */
/*
 * Bounded out-of-orderness: highest time seen - bound - 1. Monotonous times are a bound of 0. Emission is by position in the
 * data, after each every_rows rows of a split, never by the clock; so a source that stores max_ms, rows and emitted with its
 * offset gives the same watermarks after a restore.
 */
struct weir_watermark_gen {
	int64_t bound_ms;
	int64_t max_ms;      /* highest time seen; INT64_MIN before the first */
	int64_t emitted;     /* last watermark given out; INT64_MIN before the first */
	uint32_t every_rows; /* >= 1 */
	uint32_t rows;       /* since the last emission point, < every_rows */
};

int weir_watermark_gen_init(struct weir_watermark_gen *g, int64_t bound_ms, uint32_t every_rows, struct weir_error *err) WEIR_CHECK;
/* A row. Does not emit. */
static inline void weir_watermark_gen_on_event(struct weir_watermark_gen *g, int64_t time_ms)
{
	if (time_ms > g->max_ms)
		g->max_ms = time_ms;
}
/* The watermark now; true when it is higher than the last one given out. */
bool weir_watermark_gen_on_periodic(struct weir_watermark_gen *g, int64_t *out_watermark);
/* Rows until the next emission point: cut batches there. */
static inline uint32_t weir_watermark_gen_rows_left(const struct weir_watermark_gen *g) { return g->every_rows - g->rows; }
/* n rows, n <= rows_left. At the emission point it emits as on_periodic does. */
bool weir_watermark_gen_on_rows(struct weir_watermark_gen *g, const int64_t *time_ms, uint32_t n, int64_t *out_watermark);
/* Continue where a stored generator was (max_ms, rows, emitted of then). Send `emitted` at once, before any row, when it is
 * above WEIR_WATERMARK_MIN: then the same rows are late as in a run without the restore. */
void weir_watermark_gen_restore(struct weir_watermark_gen *g, int64_t max_ms, uint32_t rows, int64_t emitted);

/* ---- idleness ---- */
struct weir_idleness {
	int64_t timeout_ms; /* 0: never idle */
	int64_t since_ms;   /* last activity */
	bool idle;
};
void weir_idleness_init(struct weir_idleness *i, int64_t timeout_ms, int64_t now_ms);
/* Rows came. True when the split was idle and is active again. */
bool weir_idleness_on_activity(struct weir_idleness *i, int64_t now_ms);
/* True when it just became idle. */
bool weir_idleness_on_tick(struct weir_idleness *i, int64_t now_ms);
/* When to tick next; INT64_MAX: no need. */
int64_t weir_idleness_wake_ms(const struct weir_idleness *i);

#endif
