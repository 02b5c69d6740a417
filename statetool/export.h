/* SPDX-License-Identifier: Apache-2.0 */
/* weir state export: states as NDJSON, CSV, a SQLite database or a tar archive. */
#ifndef WEIR_STATETOOL_EXPORT_H
#define WEIR_STATETOOL_EXPORT_H

#include "statetool/columns.h"
#include "statetool/pick.h"
#include "statetool/sink.h"

enum weir_export_format { WEIR_EXPORT_NDJSON, WEIR_EXPORT_CSV, WEIR_EXPORT_SQLITE, WEIR_EXPORT_TAR };
extern const char *const weir_export_formats[]; /* by name, NULL at the end */

struct weir_export_options {
	const struct weir_operator_state *op; /* NULL = all */
	const char *state;                    /* NULL = all; CSV: exactly one */
	struct weir_uids uids;
	enum weir_export_format format;
	const char *file;                     /* SQLITE: the local file to make; it must not exist */
};
struct weir_export_result {
	uint64_t states, entries, rows;
};
/* Into the sink; SQLITE into o->file, which is left half written when it fails: see statetool/part.h. The sink's step is called for each entry. */
int weir_state_export(struct weir_view *v, const struct weir_export_options *o, struct weir_sink *sink, struct weir_export_result *out, struct weir_error *err) WEIR_CHECK;

/* One format: states one after the other, each between begin and end. Errors end the export. */
struct weir__export_ops {
	int (*begin)(void *x, const struct weir_state_info *s, struct weir_error *err);
	int (*entry)(void *x, const struct weir_entry *e, struct weir_error *err);
	int (*end)(void *x, struct weir_error *err);
};
struct weir__sqlite;
int weir__sqlite_open(const char *file, const struct weir_uids *uids, struct weir__sqlite **out, struct weir_error *err) WEIR_CHECK;
extern const struct weir__export_ops weir__sqlite_ops;
/* Commits when rc is 0. Frees x. *rows: how many were written. */
int weir__sqlite_close(struct weir__sqlite *x, int rc, uint64_t *rows, struct weir_error *err);

#endif
