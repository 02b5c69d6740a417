/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dump share. */
#ifndef WEIR_STATE_CKPT_DUMP_PRIV_H
#define WEIR_STATE_CKPT_DUMP_PRIV_H

#include "base/buf.h"
#include "base/src.h"
#include "state/ckpt/dump.h"
#include "state/ckpt/view_priv.h"

/* `{"op":..,"uid":..,"name":..,"maxp":..,`; `{` without an operator. */
void weir__dump_head(struct weir_buf *b, const struct weir_operator_state *op);
/* weir_dump() with an index of at most so many bytes (0: everything piece by piece). */
int weir__dump_within(struct weir_view *v, size_t limit, weir_put_fn *put, void *arg, struct weir_dump_result *out, struct weir_error *err) WEIR_CHECK;

/* What stopped an entry: the first reason counts. */
struct weir__trouble {
	const char *class_, *what; /* what NULL: nothing did */
	bool damaged;              /* else it is not understood */
};
/* The rest of the line, from "sub" to the closing brace; says what stopped the entry. */
struct weir__trouble weir__dump_line(const struct weir_view *v, const struct weir_entry *e, struct weir_buf *b);
/* The same for a record of a changelog (e->change). */
struct weir__trouble weir__dump_change(const struct weir_entry *e, struct weir_buf *b);
/* `,"field":<json>` when the bytes decode; else nothing, and why. */
void weir__dump_json(struct weir_buf *b, const char *field, const struct weir_type *t, struct weir_slice s, struct weir__trouble *trouble);
void weir__dump_hex(struct weir_buf *b, const char *field, struct weir_slice s); /* `,"<field>_hex":".."` */
void weir__dump_part(struct weir_buf *b, const char *field, const struct weir_type *t, struct weir_slice s, struct weir__trouble *trouble); /* both */
void weir__dump_trouble(struct weir_buf *b, const struct weir__trouble *t); /* `,"undecodable":".."` when there is any */

/* One network buffer of in-flight data. */
struct weir__dump_buffer {
	const struct weir_operator_state *op;
	int32_t subtask, from_subtask, a, b, index;
	bool output;
	struct weir_slice bytes;
};
typedef int weir__dump_buffer_fn(void *arg, const struct weir__dump_buffer *b);
/* Keep a mapping until the dump is done; false when out of memory. */
typedef bool weir__dump_hold_fn(void *arg, struct weir_fs_map *map);
int weir__dump_channels(const struct weir_ckpt *ckpt, weir__dump_buffer_fn *fn, weir_problem_fn *problem, weir__dump_hold_fn *hold, void *arg);

#endif
