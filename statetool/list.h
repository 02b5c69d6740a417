/* SPDX-License-Identifier: Apache-2.0 */
/* weir state ls: what a checkpoint holds, counted by one pass over it. */
#ifndef WEIR_STATETOOL_LIST_H
#define WEIR_STATETOOL_LIST_H

#include "statetool/pick.h"
#include "statetool/sink.h"

struct weir_state_count {
	uint64_t entries;
	uint64_t bytes;      /* serialized keys, namespaces, user keys and values */
	bool complete;       /* every entry was counted */
};

/* From a state of a view to its place in it; for views of many thousand states. */
struct weir_state_index {
	const struct weir_view *v;
	uint32_t *table;  /* place + 1, by hash of the address; 0 = free */
	uint32_t mask, last;
};
bool weir_state_index_init(struct weir_state_index *x, const struct weir_view *v); /* false: out of memory */
/* UINT32_MAX when the view does not have it. */
uint32_t weir_state_index_of(struct weir_state_index *x, const struct weir_state_info *s);
void weir_state_index_fini(struct weir_state_index *x);

/* The states of an operator (NULL: master state) lie next to each other: the first, and the one behind the last. */
uint32_t weir_states_of(const struct weir_view *v, const struct weir_operator_state *op, uint32_t *out_end);

/* Counts of every state of the view (weir_view_nstates rows), in one scan. Damage leaves the states it touches with complete = false, everything
 * else is counted, and the first damage is told in *why (may be NULL); state in a layout that is not read is incomplete, not
 * damaged. Fails only when out of memory. */
int weir_state_counts(struct weir_view *v, struct weir_state_count *rows, struct weir_error *why) WEIR_CHECK;

struct weir_list_options {
	const struct weir_operator_state *op; /* NULL = all */
	struct weir_uids uids;
	bool json;
	bool bold;     /* emphasis for a terminal */
	bool no_count; /* do not read the entries */
};
/* The first damage is the result (WEIR_ECORRUPT...), after everything that can be told was told. */
int weir_state_list(struct weir_view *v, const struct weir_list_options *o, struct weir_sink *sink, struct weir_error *err) WEIR_CHECK;

/* Bytes for people: "12.3 KiB". Returns buf. */
const char *weir_bytes_text(uint64_t n, char buf[24]);
/* Bytes behind all handles of an operator. */
uint64_t weir_operator_bytes(const struct weir_operator_state *op);

#endif
