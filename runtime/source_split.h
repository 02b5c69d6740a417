/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits: the pieces of a file source's input, and how far each has been read. They are the source's state: operator list "splits", split-distributed,
 * elements of Flink's Tuple9<String, Long, Long, Long, Long, Long, Long, Long, Boolean> in the order of struct weir_split.
 */
#ifndef WEIR_RUNTIME_SOURCE_SPLIT_H
#define WEIR_RUNTIME_SOURCE_SPLIT_H

#include "base/arena.h"
#include "base/vec.h"
#include "runtime/op.h"

#define WEIR_SPLITS_STATE "splits"

struct weir_split {
	struct weir_str path;      /* f0: URI of the file, or "-" */
	int64_t start, end;        /* f1, f2: rows that begin in [start, end); end INT64_MAX = to the end of the input */
	int64_t offset;            /* f3: where the next row begins, in unpacked bytes */
	int64_t lines;             /* f4: line ends passed since the split's first row (the file's, when start is 0) */
	int64_t rows;              /* f5: rows read, bad ones included */
	int64_t max_time;          /* f6: greatest event time; WEIR_NO_TIME before the first */
	int64_t watermark;         /* f7: what the subtask had emitted when this was written; INT64_MIN = nothing. The same in all its splits */
	bool finished;             /* f8 */
};

struct weir_split_list {
	WEIR_VEC(struct weir_split) v;   /* in order of path and start */
	struct weir_arena arena;         /* paths */
};

/* Lay out the input: a file, a folder (its files, and those of folders in it, in name order; names that begin with . or _ are left out), or "-". Keep
 * what falls to `subtask`: every split whose number modulo `parallelism` is subtask. Split numbers depend on the input alone. */
int weir_splits_enumerate(struct weir_split_list *l, const char *uri, uint64_t split_bytes, uint32_t subtask, uint32_t parallelism, struct weir_error *err) WEIR_CHECK;
int weir_splits_restore(struct weir_split_list *l, struct weir_op *op, struct weir_error *err) WEIR_CHECK;
int weir_splits_snapshot(const struct weir_split_list *l, int64_t watermark, struct weir_op_snapshot *out, struct weir_error *err) WEIR_CHECK;
void weir_splits_fini(struct weir_split_list *l);
/* NUL-terminated (paths lie in the list's arena). */
char *weir_split_uri(struct weir_split_list *l, const struct weir_split *s);

/* ---- watermarks over the splits of a subtask ----
 * The watermark follows the rows: the least, over the splits that are begun and not finished, of (greatest event time - out-of-orderness - 1). */
int64_t weir_splits_watermark(const struct weir_split_list *l, int64_t out_of_orderness_ms);
/* What had been emitted when the state was taken; INT64_MIN = nothing. */
int64_t weir_splits_restored_watermark(const struct weir_split_list *l);

#endif
