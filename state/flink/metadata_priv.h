/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the _metadata codec: the reader's and the writer's state, and the version table.
 */
#ifndef WEIR_STATE_FLINK_METADATA_PRIV_H
#define WEIR_STATE_FLINK_METADATA_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/src.h"
#include <weir/ckpt.h>

#define WEIR__META_MAGIC 0x4960672du
#define WEIR__META_MASTER_MAGIC 0xc96b1696u
#define WEIR__META_DEPTH 8 /* of handles within handles; Flink writes 2 */
#define WEIR__MAX_PARALLELISM 32768

/* Tags of stream and operator handles; those of keyed handles are enum weir_keyed_kind. */
enum {
	WEIR__TAG_NULL = 0, WEIR__TAG_INLINE = 1, WEIR__TAG_FILE = 2, WEIR__TAG_KEY_GROUPS = 3, WEIR__TAG_RELATIVE = 6,
	WEIR__TAG_SEGMENT = 15, WEIR__TAG_EMPTY_SEGMENT = 16,
	WEIR__TAG_OPERATOR = 4, WEIR__TAG_OPERATOR_MERGED = 17,
	WEIR__TAG_LAST = 17,
};

/* What a version holds. */
struct weir__meta_version {
	int32_t version;
	bool coordinator, channels, finished; /* from V3 */
	bool properties;                      /* from V4 */
	bool names;                           /* from V5 */
	bool channel_types;                   /* from V6 */
	const char *releases;
};
const struct weir__meta_version *weir__meta_version(int32_t version); /* NULL when not supported */

struct weir__meta_reader {
	struct weir_src src;
	struct weir_arena *mem;
	const struct weir__meta_version *v;
	enum weir_meta_profile profile;
	bool saw_changelog, saw_channels; /* parts whose layout depends on the profile */
	uint32_t op, nops;                /* op: 1 for the first; 0 outside operators */
	int32_t subtask;                  /* -1 outside subtasks */
	char why[160];
};

/* Record a failure with its text at the byte `offset`. */
void weir__meta_fail(struct weir__meta_reader *r, int code, uint64_t offset, const char *fmt, ...) WEIR_PRINTF(4, 5);
/* A zeroed array in the arena; NULL for n == 0 and after a failure. */
void *weir__meta_array(struct weir__meta_reader *r, uint32_t n, size_t size);
void weir__meta_read_stream(struct weir__meta_reader *r, struct weir_stream_handle *h, int depth);
void weir__meta_read_keyed(struct weir__meta_reader *r, struct weir_keyed_handle *h, int depth);
void weir__meta_read_operator_handle(struct weir__meta_reader *r, struct weir_operator_handle *h);

struct weir__meta_writer {
	struct weir_buf *out;
	const struct weir_ckpt *c;
	const struct weir__meta_version *v;
	bool exact;             /* the version that was read: write every form as it was */
	uint32_t op;            /* as in the reader */
	int32_t subtask;
	int code;               /* sticky */
	struct weir_error *err;
};
/* Refuse, with operator and subtask in front. The first one wins. */
void weir__meta_refuse(struct weir__meta_writer *w, int code, const char *fmt, ...) WEIR_PRINTF(3, 4);
void weir__meta_write_stream(struct weir__meta_writer *w, const struct weir_stream_handle *h, int depth);
void weir__meta_write_keyed(struct weir__meta_writer *w, const struct weir_keyed_handle *h, int depth);
void weir__meta_write_operator_handle(struct weir__meta_writer *w, const struct weir_operator_handle *h);
void weir__meta_write_offsets(struct weir__meta_writer *w, uint32_t n, const int64_t *offsets);

#endif
