/* SPDX-License-Identifier: Apache-2.0 */
/* weir state show: everything that is known about a checkpoint, an operator or a state. */
#ifndef WEIR_STATETOOL_INSPECT_H
#define WEIR_STATETOOL_INSPECT_H

#include "statetool/pick.h"
#include "statetool/sink.h"

struct weir_inspect_options {
	const struct weir_operator_state *op; /* NULL = the checkpoint and its operators */
	const char *state;                    /* NULL = all states of op; without op: every state of that name */
	struct weir_uids uids;
	bool json;
};
/* Reads every entry of what is shown, for the counts and the balance of key groups; damage is told last, as the result. */
int weir_state_inspect(struct weir_view *v, const struct weir_inspect_options *o, struct weir_sink *sink, struct weir_error *err) WEIR_CHECK;

/* Which Flink releases write this metadata. */
const char *weir_flink_releases(const struct weir_ckpt *c);
/* A type as a tree: for people, each line behind `indent`; as JSON. With the classes and versions of serializers as the snapshot names them. */
void weir_type_tree_text(const struct weir_type *t, const char *name, const char *indent, struct weir_buf *out);
void weir_type_tree_json(const struct weir_type *t, struct weir_buf *out);

#endif
