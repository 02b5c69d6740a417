/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dataflows. A job is a shared object with one function, weir_main, that builds a graph; nothing runs before it returns.
 *
 * Building. Every call returns a handle and never NULL. Errors stick to the environment (the first is kept, with the operator's name) and are
 *   reported once, before anything runs: calls after an error do nothing. `uid` names an operator: unique in the job, it is hashed to Flink's operator
 *   id, so state finds its operator again. Text arguments are copied; types and function tables must live as long as the job (static).
 * Running. Functions return 0 or weir_fail(ctx, ...). Inputs are valid during the call; emitted rows are copied; a pointer into state is valid until
 *   the next access to any state or timer of that function. One instance's functions are never called by two threads at a time.
 * Options are designated initialisers behind the last argument: weir_window(k, "uid", weir_tumbling(ms), &agg, .late = "late-rows").
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include <weir/batch.h>

struct weir_env;
struct weir_stream;
struct weir_keyed;
struct weir_ctx;
struct weir_out;

int weir_main(struct weir_env *env, int argc, char **argv);

#define WEIR_SECONDS(n) ((int64_t)(n) * 1000)
#define WEIR_MINUTES(n) ((int64_t)(n) * 60000)
#define WEIR_HOURS(n) ((int64_t)(n) * 3600000)
#define WEIR_DAYS(n) ((int64_t)(n) * 86400000)

/* ---- arguments: what follows -- on the command line, as --name value or --name=value ---- */
const char *weir_arg(struct weir_env *env, const char *name);                       /* missing: a build error; returns "" */
const char *weir_arg_or(struct weir_env *env, const char *name, const char *otherwise);
int64_t weir_arg_int(struct weir_env *env, const char *name, int64_t otherwise);

/* ---- job-wide settings; the command line and configuration win ---- */
void weir_job_name(struct weir_env *env, const char *name);
void weir_env_error(struct weir_env *env, const char *fmt, ...) WEIR_PRINTF(2, 3); /* refuse to run */

/* ---- sources ---- */
struct weir_line {
	struct weir_str text; /* without its line end */
};
extern struct weir_type weir_line_type;

struct weir_source_opts {
	struct weir_type *type;
	int64_t rows_per_second;    /* 0 = as fast as possible; over all subtasks */
	const char *on_error;       /* "fail" (default), "skip", or a file that receives the bad rows */
	bool no_header;             /* CSV: the first line is data (else it names the columns; they may stand in any order) */
	char delimiter;             /* CSV: default ',' */
	uint32_t parallelism;       /* 0 = the job's */
	uint64_t split_bytes;       /* files larger than this are cut into splits at line ends; default 64 MiB; .gz files are one split */
};
/* path: a file, or a folder (its files in name order; hidden ones are left out); "-" is standard input (not restorable). .gz is unpacked. */
struct weir_stream *weir__text_source(struct weir_env *env, const char *uid, const char *path, struct weir_source_opts opts);
struct weir_stream *weir__csv_source(struct weir_env *env, const char *uid, const char *path, struct weir_source_opts opts);
struct weir_stream *weir__json_source(struct weir_env *env, const char *uid, const char *path, struct weir_source_opts opts);
struct weir_stream *weir__sequence_source(struct weir_env *env, const char *uid, int64_t from, int64_t to, struct weir_source_opts opts);
#define weir_text_source(env, uid, ...) weir__text_source((env), (uid), WEIR__PATH(__VA_ARGS__))
#define weir_csv_source(env, uid, path, ...) weir__csv_source((env), (uid), (path), (struct weir_source_opts){ .type = __VA_ARGS__ })
#define weir_json_source(env, uid, path, ...) weir__json_source((env), (uid), (path), (struct weir_source_opts){ .type = __VA_ARGS__ })
/* int64 from..to, both included. */
#define weir_sequence_source(env, uid, from, ...) weir__sequence_source((env), (uid), (from), WEIR__LAST(__VA_ARGS__))
/* (last positional argument, options) -> last, options struct */
#define WEIR__PATH(...) WEIR__SPLIT(__VA_ARGS__, .type = &weir_line_type)
#define WEIR__LAST(...) WEIR__SPLIT(__VA_ARGS__, .type = &weir_int64)
#define WEIR__SPLIT(last, ...) (last), (struct weir_source_opts){ __VA_ARGS__ }

/* ---- event time ---- */
struct weir_watermark_strategy {
	int64_t out_of_orderness_ms;
	uint32_t every_rows;  /* a watermark after each so many rows of a split; 0 = 512 */
	int64_t idle_ms;      /* > 0: a source that gave nothing for so long does not hold others back */
};
static inline struct weir_watermark_strategy weir_bounded_out_of_orderness(int64_t ms)
{
	return (struct weir_watermark_strategy){ .out_of_orderness_ms = ms };
}
/* field: a timestamp (or int64, ms) of the row. Behind a source, watermarks are placed per split, by position in the data. */
struct weir_stream *weir_assign_timestamps(struct weir_stream *s, const char *field, struct weir_watermark_strategy w);

/* ---- one row at a time ---- */
typedef int weir_flat_map_fn(struct weir_ctx *ctx, const void *in, struct weir_out *out);
typedef int weir_map_fn(struct weir_ctx *ctx, const void *in, void *out);              /* fills out, which is zeroed */
typedef int weir_filter_fn(struct weir_ctx *ctx, const void *in, bool *out_keep);
struct weir_stream *weir_flat_map(struct weir_stream *s, const char *uid, weir_flat_map_fn *fn, struct weir_type *out);
struct weir_stream *weir_map(struct weir_stream *s, const char *uid, weir_map_fn *fn, struct weir_type *out);
struct weir_stream *weir_filter(struct weir_stream *s, const char *uid, weir_filter_fn *fn);

/* ---- a batch at a time: the fast path ---- */
typedef int weir_batch_filter_fn(struct weir_ctx *ctx, const struct weir_batch *in, struct weir_select *out);
/* Row i of out belongs to row i of in. out_cols[c] has room for in->rows values; fill them all. Text may point into in. */
typedef int weir_batch_map_fn(struct weir_ctx *ctx, const struct weir_batch *in, void *const *out_cols);
struct weir_stream *weir_batch_filter(struct weir_stream *s, const char *uid, weir_batch_filter_fn *fn);
struct weir_stream *weir_batch_map(struct weir_stream *s, const char *uid, weir_batch_map_fn *fn, struct weir_type *out);

/* ---- redistribution ---- */
#define weir_key_by(s, ...) weir__key_by((s), (const char *const[]){ __VA_ARGS__, NULL }) /* one or more field names; "" = the row itself */
struct weir_keyed *weir__key_by(struct weir_stream *s, const char *const *fields);
struct weir_stream *weir_rebalance(struct weir_stream *s);
struct weir_stream *weir_broadcast(struct weir_stream *s);
#define weir_union(...) weir__union((struct weir_stream *const[]){ __VA_ARGS__, NULL })
struct weir_stream *weir__union(struct weir_stream *const *streams);
struct weir_stream *weir_parallelism(struct weir_stream *s, uint32_t parallelism); /* of the operator that made s */
struct weir_stream *weir_disable_chaining(struct weir_stream *s);

/* ---- keyed: built-in aggregates; state "_op_state" as Flink's ---- */
struct weir_stream *weir_sum(struct weir_keyed *k, const char *uid, const char *field); /* emits the row with the running sum */
struct weir_stream *weir_min(struct weir_keyed *k, const char *uid, const char *field);
struct weir_stream *weir_max(struct weir_keyed *k, const char *uid, const char *field);
typedef int weir_reduce_fn(struct weir_ctx *ctx, void *acc, const void *in); /* folds in into acc, both of the row's type */
struct weir_stream *weir_reduce(struct weir_keyed *k, const char *uid, weir_reduce_fn *fn);

/* ---- keyed: process functions ---- */
struct weir_process {
	size_t size;               /* of the function's own struct, zeroed, one per subtask */
	struct weir_type *in, *out;
	int (*open)(struct weir_ctx *ctx, void *self);                                                     /* optional: declare state here */
	int (*element)(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out);            /* required */
	int (*timer)(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out);                /* optional */
	int (*finish)(struct weir_ctx *ctx, void *self, struct weir_out *out);                             /* optional: end of input */
	void (*close)(struct weir_ctx *ctx, void *self);                                                   /* optional */
};
struct weir_stream *weir_process(struct weir_keyed *k, const char *uid, const struct weir_process *p);
struct weir_stream *weir_process_stream(struct weir_stream *s, const char *uid, const struct weir_process *p); /* without keyed state or timers */

/* ---- keyed: windows ---- */
struct weir_window_assigner {
	int kind; /* private */
	int64_t size_ms, slide_ms, offset_ms;
};
struct weir_window_assigner weir_tumbling(int64_t size_ms);
struct weir_window_assigner weir_sliding(int64_t size_ms, int64_t slide_ms);

struct weir_aggregate {
	struct weir_type *acc, *out;
	int (*add)(struct weir_ctx *ctx, void *acc, const void *in);
	int (*merge)(struct weir_ctx *ctx, void *acc, const void *other);                          /* merging windows only */
	/* key: the native key; window; acc -> out, which is zeroed */
	int (*result)(struct weir_ctx *ctx, const void *key, const struct weir_window *window, const void *acc, void *out);
	/* optional fast path: rows[i] of `in` belongs to accs[i], n of them */
	int (*add_batch)(struct weir_ctx *ctx, const struct weir_batch *in, const struct weir_select *rows, void *const *accs);
};
struct weir_window_opts {
	const struct weir_aggregate *aggregate;
	const char *late;              /* name of the side output for late rows; NULL: they are dropped. Counted either way */
	int64_t allowed_lateness_ms;
	uint32_t parallelism;
};
struct weir_stream *weir__window(struct weir_keyed *k, const char *uid, struct weir_window_assigner w, struct weir_window_opts opts);
#define weir_window(k, uid, assigner, ...) weir__window((k), (uid), (assigner), (struct weir_window_opts){ .aggregate = __VA_ARGS__ })

/* ---- side outputs ---- */
/* The rows that the operator behind s emitted to the side output `tag`. Windows: type of their input. Process functions declare theirs: */
struct weir_stream *weir_side_output(struct weir_stream *s, const char *tag);
struct weir_stream *weir_side_output_of(struct weir_stream *s, const char *tag, struct weir_type *type);

/* ---- sinks ---- */
struct weir_sink_opts {
	const char *path;
	bool header;                   /* CSV: a first line with the field names in each file */
	uint32_t parallelism;
};
/* Folders of part files: exactly once. Files of rows that are not committed yet begin with a dot. */
void weir__csv_sink(struct weir_stream *s, const char *uid, struct weir_sink_opts opts);
void weir__json_sink(struct weir_stream *s, const char *uid, struct weir_sink_opts opts);
#define weir_csv_sink(s, uid, ...) weir__csv_sink((s), (uid), (struct weir_sink_opts){ .path = __VA_ARGS__ })
#define weir_json_sink(s, uid, ...) weir__json_sink((s), (uid), (struct weir_sink_opts){ .path = __VA_ARGS__ })
void weir_print(struct weir_stream *s, const char *uid);   /* JSON lines on standard output; at least once */
void weir_discard(struct weir_stream *s, const char *uid);

/* ---- inside functions ---- */
int weir_fail(struct weir_ctx *ctx, const char *fmt, ...) WEIR_PRINTF(2, 3); /* returns a negative code: return weir_fail(...) */
void weir_emit(struct weir_out *out, const void *row);                        /* with the input's or the timer's time */
void weir_emit_at(struct weir_out *out, const void *row, int64_t time_ms);
void weir_emit_side(struct weir_out *out, const char *tag, const void *row);
int64_t weir_time(const struct weir_ctx *ctx);                                /* event time of the row or timer, or WEIR_NO_TIME */
int64_t weir_watermark(const struct weir_ctx *ctx);                           /* INT64_MIN before the first */
int64_t weir_processing_time(const struct weir_ctx *ctx);                     /* ms */
uint32_t weir_subtask(const struct weir_ctx *ctx);
const void *weir_key(const struct weir_ctx *ctx);                             /* native, of the key type */
void weir_accumulate(struct weir_ctx *ctx, const char *accumulator, int64_t n); /* summed over subtasks; shown at the end */

struct weir_value_state;
struct weir_list_state;
struct weir_map_state;
/* Only from open(). */
struct weir_value_state *weir_value_state(struct weir_ctx *ctx, const char *name, struct weir_type *type);
struct weir_list_state *weir_list_state(struct weir_ctx *ctx, const char *name, struct weir_type *element);
struct weir_map_state *weir_map_state(struct weir_ctx *ctx, const char *name, struct weir_type *key, struct weir_type *value);
/* An access that fails (out of memory) is remembered and fails the task after the call; the pointer returned is then zeroed scratch memory. */
const void *weir_value(struct weir_value_state *s);                 /* NULL when absent */
void *weir_value_edit(struct weir_value_state *s);                  /* in place; zeroed at first use */
void weir_value_set(struct weir_value_state *s, const void *value);
void weir_value_clear(struct weir_value_state *s);
void weir_list_add(struct weir_list_state *s, const void *element);
struct weir_list weir_list(struct weir_list_state *s);
void weir_list_clear(struct weir_list_state *s);
const void *weir_map_get(struct weir_map_state *s, const void *key); /* NULL when absent */
void *weir_map_edit(struct weir_map_state *s, const void *key);      /* in place; zeroed at first use */
void weir_map_remove(struct weir_map_state *s, const void *key);
void weir_map_clear(struct weir_map_state *s);
uint32_t weir_map_count(struct weir_map_state *s);
/* uint64_t c = 0; while (weir_map_next(s, &c, &key, &value)) ...   not to be changed meanwhile */
bool weir_map_next(struct weir_map_state *s, uint64_t *cursor, const void **out_key, const void **out_value);

/* For the current key; the same time twice is one timer. */
void weir_event_timer(struct weir_ctx *ctx, int64_t time_ms);
void weir_processing_timer(struct weir_ctx *ctx, int64_t time_ms);
void weir_delete_event_timer(struct weir_ctx *ctx, int64_t time_ms);
void weir_delete_processing_timer(struct weir_ctx *ctx, int64_t time_ms);

#endif
