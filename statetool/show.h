/* SPDX-License-Identifier: Apache-2.0 */
/* weir state show --entries, find and get: entries as lines. */
#ifndef WEIR_STATETOOL_SHOW_H
#define WEIR_STATETOOL_SHOW_H

#include "statetool/expr.h"
#include "statetool/pick.h"
#include "statetool/sink.h"

struct weir_show_options {
	const struct weir_operator_state *op; /* NULL = all */
	const char *state;                    /* NULL = all */
	struct weir_uids uids;
	int64_t limit;                        /* entries in all; -1 = no limit */
	int32_t key_group, subtask;           /* -1 = all */
	struct weir_expr *where;              /* NULL = every entry; states for which it makes no sense are passed over, unless it makes sense for none */
	bool count;                           /* only how many there are */
	bool json;
};
/* Text: OPERATOR/STATE, key, namespace, user key, value, separated by tabs (the first only when more than one state is shown; a
 * void namespace and what does not apply are left out). JSON: {"op","state", and weir_text_entry's members}, one a line.
 * *out_more (may be NULL): the limit cut the output. */
int weir_state_show(struct weir_view *v, const struct weir_show_options *o, struct weir_sink *sink, bool *out_more, struct weir_error *err) WEIR_CHECK;

struct weir_get_options {
	const struct weir_operator_state *op; /* NULL = the one that has the state */
	const char *state, *key;              /* key: weir_text_parse */
	const char *ns;                       /* NULL = every namespace */
	const char *map_key;                  /* MAP: NULL = every key of the map */
	struct weir_uids uids;
	bool json;
};
/* The entries of one key. Text: [namespace,] [user key,] value. WEIR_ENOTFOUND when there is none. */
int weir_state_get_key(struct weir_view *v, const struct weir_get_options *o, struct weir_sink *sink, struct weir_error *err) WEIR_CHECK;

#endif
