/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state as a table: a column for each scalar of key, namespace, user key and value, named after its path ("key", "value_count", "ns_start"); records are
 * taken apart, lists and maps inside of values are JSON. A list state has a row for each element. docs/state-tool.md, "Taking it elsewhere".
 */
#ifndef WEIR_STATETOOL_COLUMNS_H
#define WEIR_STATETOOL_COLUMNS_H

#include "base/arena.h"
#include "state/ckpt/view.h"
#include "statetool/json_tree.h"

enum weir_column_kind { WEIR_COLUMN_INTEGER, WEIR_COLUMN_REAL, WEIR_COLUMN_TEXT, WEIR_COLUMN_BLOB, WEIR_COLUMN_ANY /* by value; lists, maps: JSON */ };
struct weir_column {
	const char *name;
	enum weir_column_kind kind;
};

struct weir_columns;
/* Memory is the arena's. */
int weir_columns_of(const struct weir_state_info *s, struct weir_arena *mem, struct weir_columns **out, struct weir_error *err) WEIR_CHECK;
uint32_t weir_columns_count(const struct weir_columns *c);
const struct weir_column *weir_column(const struct weir_columns *c, uint32_t i);

/* The rows of one entry: a node for each column, never NULL; valid during the call. A non-zero result of fn stops and is returned. */
typedef int weir_row_fn(void *arg, const struct weir_json *const *cells);
int weir_columns_rows(struct weir_columns *c, const struct weir_entry *e, weir_row_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;
/* Free what rows were made in. The columns go with their arena. */
void weir_columns_fini(struct weir_columns *c);
/* A node as compact JSON text. */
void weir_json_put(const struct weir_json *j, struct weir_buf *out);

#endif
