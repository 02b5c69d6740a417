/* SPDX-License-Identifier: Apache-2.0 */
/* What a source does about rows it cannot read: fail, skip and count, or skip, count and write them to a file. */
#ifndef WEIR_RUNTIME_SOURCE_BAD_H
#define WEIR_RUNTIME_SOURCE_BAD_H

#include "runtime/format_rows.h"

enum weir_bad_mode { WEIR_BAD_FAIL, WEIR_BAD_SKIP, WEIR_BAD_FILE };
struct weir_bad_rows {
	enum weir_bad_mode mode;
	int fd;             /* FILE */
	bool dirty;         /* written since the last sync */
	char *path;
};

/* on_error: NULL or "fail", "skip", or the local file that receives the bad rows, one JSON object per line, appended. */
int weir_bad_rows_open(struct weir_bad_rows *bad, const char *on_error, struct weir_error *err) WEIR_CHECK;
/* The bad row as an error: "path: byte 0x1a2: line 17, column 2 (delay): expected a whole number ..., found "abc"". `line` counts from 1. */
int weir_bad_row_error(const struct weir_row_fault *f, const char *path, uint64_t offset, uint64_t line, struct weir_error *err);
/* FILE: append the row. It is there at least once: a restart reads rows again. */
int weir_bad_rows_put(struct weir_bad_rows *bad, const struct weir_row_fault *f, const char *path, uint64_t offset, uint64_t line, struct weir_error *err) WEIR_CHECK;
/* Before a checkpoint: what was appended is durable. */
int weir_bad_rows_sync(struct weir_bad_rows *bad, struct weir_error *err) WEIR_CHECK;
void weir_bad_rows_close(struct weir_bad_rows *bad);

#endif
