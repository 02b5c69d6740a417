/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator is to the task that runs it. An operator instance belongs to one subtask and is driven by one thread; it never blocks: what it
 * emits is queued by the task, which stops feeding it while the queue is full (task.c).
 *
 * Life: open (state is restored) -> batch / watermark / tick ... -> finish (all inputs ended) -> close. At a checkpoint: snapshot() on the task's thread between
 * two batches; later committed() or aborted() for that id. After finish() the operator still takes part in checkpoints until the last one.
 */
#ifndef WEIR_RUNTIME_OP_H
#define WEIR_RUNTIME_OP_H

#include <weir/flow.h>

#include "base/clock.h"
#include "runtime/batch.h"
#include "state/backend/backend.h"

struct weir_task;
struct weir_node;
struct weir_op;
struct weir_op_snapshot;

enum weir_poll { WEIR_POLL_MORE, WEIR_POLL_IDLE, WEIR_POLL_END };

struct weir_op_ops {
	const char *name;      /* for people: "Window", "CSV source" */
	size_t size;           /* of the instance, which embeds struct weir_op first; zeroed */
	bool keyed;            /* gets a backend */
	bool own_watermarks;   /* makes its own: those of its input stop here, but for the last (INT64_MAX) */
	int (*open)(struct weir_op *op, struct weir_error *err);                                                               /* optional */
	/* rows->rows NULL = all rows. The batch is the task's: ref it to keep it. */
	int (*batch)(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err);      /* all but sources */
	/* optional; then the task forwards it. The first operator of a chain may stop early, when weir__must_pause() (context.h) says so, with *out_more set: it
	 * is called again with the same watermark before anything else of the input is taken, and the watermark is forwarded when all is done. */
	int (*watermark)(struct weir_op *op, int64_t watermark_ms, bool *out_more, struct weir_error *err);
	int (*tick)(struct weir_op *op, int64_t now_ms, struct weir_error *err);                                               /* optional: processing time; see weir_op_wake_at */
	int (*finish)(struct weir_op *op, struct weir_error *err);                                                             /* optional */
	/* Add operator state to the snapshot (keyed state is taken by the task). Must be quick. */
	int (*snapshot)(struct weir_op *op, int64_t checkpoint_id, struct weir_op_snapshot *out, struct weir_error *err);     /* optional */
	int (*committed)(struct weir_op *op, int64_t checkpoint_id, struct weir_error *err);                                   /* optional */
	void (*aborted)(struct weir_op *op, int64_t checkpoint_id);                                                             /* optional */
	void (*close)(struct weir_op *op);                                                                                      /* optional; also after a failed open */
	/* Sources: emit at most one batch (and a watermark after it). *out_wake_ms: with IDLE, when to poll again at the latest (mono ns is the task's business). */
	int (*poll)(struct weir_op *op, int64_t now_ms, enum weir_poll *out, int64_t *out_wake_ms, struct weir_error *err);
	/* Sources: stop reading (stop with savepoint); the next poll returns END. */
	void (*stop)(struct weir_op *op);                                                                                       /* sources */
};

struct weir_op {
	const struct weir_op_ops *ops;
	const struct weir_node *node;
	struct weir_task *task;
	const void *config;                /* the node's: made by the builder call, immutable, lives as long as the graph */
	uint32_t subtask, parallelism, max_parallelism;
	struct weir_clock *clock;
	struct weir_rng *rng;
	struct weir_backend *backend;      /* keyed operators */
	const char *job_id;                /* 32 hex digits, or NULL outside a job */
	const char *attempt;               /* 8 random hex digits, the same for every task of one start of the job; or NULL */
	const char *locked_dir;            /* URI of the job's checkpoint folder, whose lock it holds: no other process runs with both; or NULL */
	uint64_t rows_in, rows_out;        /* counters, kept by task.c */
	int64_t watermark_ms;              /* current, INT64_MIN before the first */
	struct weir_ctx *ctx;              /* for user functions */
};

/* ---- what an operator may call ---- */
/* Emit rows to the main output. The batch is passed by reference; the operator keeps its own reference. rows may be NULL (= all). */
int weir_op_emit(struct weir_op *op, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err) WEIR_CHECK;
int weir_op_emit_side(struct weir_op *op, const char *tag, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err) WEIR_CHECK;
int weir_op_emit_watermark(struct weir_op *op, int64_t watermark_ms, struct weir_error *err) WEIR_CHECK; /* sources and timestamp assigners */
int weir_op_emit_idle(struct weir_op *op, bool idle, struct weir_error *err) WEIR_CHECK;
/* Call tick() at this processing time or soon after; earlier calls replace later ones. */
void weir_op_wake_at(struct weir_op *op, int64_t now_ms);
void weir_op_accumulate(struct weir_op *op, const char *name, int64_t n);
int64_t weir_op_now_ms(const struct weir_op *op);
/* Something that the user should know and that is no error; with the operator's name. What several subtasks say is shown once. */
void weir_op_notice(struct weir_op *op, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* Will there be a checkpoint after finish()? (Always, in a job; the last one commits results.) */
bool weir_op_has_checkpoints(const struct weir_op *op);

/* ---- operator state: lists of serialized elements ----
 * Restored: in open(), the elements that fell to this subtask (SPLIT: its share, UNION: everybody's). fn gets each element's native value, which is valid
 * during the call. State stored with another type is WEIR_EINCOMPATIBLE. */
typedef int weir_op_element_fn(void *arg, const void *value, struct weir_error *err);
int weir_op_restored(struct weir_op *op, const char *name, struct weir_type *type, weir_op_element_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;
bool weir_op_is_restored(const struct weir_op *op); /* does this run start from a snapshot that knows this operator? */
/* In snapshot(): declare the list once (also when it is empty), then add its elements. */
int weir_op_snapshot_list(struct weir_op_snapshot *s, const char *name, struct weir_type *type, enum weir_distribution mode, struct weir_error *err) WEIR_CHECK;
int weir_op_snapshot_add(struct weir_op_snapshot *s, const void *value, struct weir_error *err) WEIR_CHECK;

/* ---- the operators, one table each ---- */
extern const struct weir_op_ops weir_op_text_source, weir_op_csv_source, weir_op_json_source, weir_op_sequence_source;
extern const struct weir_op_ops weir_op_timestamps, weir_op_flat_map, weir_op_map, weir_op_filter, weir_op_batch_filter, weir_op_batch_map;
extern const struct weir_op_ops weir_op_reduce, weir_op_process, weir_op_process_stream, weir_op_window;
extern const struct weir_op_ops weir_op_file_sink, weir_op_print, weir_op_discard;

/* config of the sources: copied by the builder */
struct weir_source_config {
	const char *path;
	struct weir_source_opts opts;
	int64_t from, to;                       /* sequence */
	/* set when weir_assign_timestamps follows directly: watermarks per split */
	bool timed;
	uint32_t time_field;                    /* index in opts.type */
	struct weir_watermark_strategy strategy;
};
enum weir_row_format { WEIR_ROWS_CSV, WEIR_ROWS_JSON };
struct weir_sink_config {
	enum weir_row_format format;
	struct weir_sink_opts opts;
	const struct weir_type *type;
};

#endif
