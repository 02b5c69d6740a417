/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding operators and states by what people call them, and calling operators by the best name there is.
 * Metadata before Flink 2.0 holds no uids: names the user gives are hashed and compared.
 */
#ifndef WEIR_STATETOOL_PICK_H
#define WEIR_STATETOOL_PICK_H

#include "base/buf.h"
#include "state/ckpt/view.h"

/* uids the user told us, for labels. */
struct weir_uids {
	const char *const *names;
	size_t count;
};

/* The uid if the metadata or the user knows it, else the operator's name and id, else its id. Plain UTF-8. Returns buf. */
const char *weir_operator_label(const struct weir_operator_state *op, const struct weir_uids *uids, char *buf, size_t size);
/* The uid alone, or NULL. */
const char *weir_operator_uid(const struct weir_operator_state *op, const struct weir_uids *uids, char *buf, size_t size);
/* Metadata text (modified UTF-8) as UTF-8. Returns buf. */
const char *weir_slice_text(struct weir_slice s, char *buf, size_t size);

/* By id (32 hex digits), uid (in the metadata, told by the user, or by its hash), or name; else by the beginning of one of these (of an id, 4 digits or
 * more). WEIR_EINVALID when several answer to it, naming them; WEIR_ENOTFOUND lists what there is. uids may be NULL. */
int weir_pick_operator_of(const struct weir_ckpt *c, const struct weir_uids *uids, const char *text, const struct weir_operator_state **out, struct weir_error *err) WEIR_CHECK;
int weir_pick_operator(const struct weir_ckpt *c, const char *text, const struct weir_operator_state **out, struct weir_error *err) WEIR_CHECK; /* uids NULL */

/* "OP", "STATE" or "OP/STATE" as people type them; both names may hold slashes. An operator's exact name comes first, then a state's, then OP/STATE, then the
 * beginning of an operator's name. *state points into text, or is NULL for a whole operator. *op is left alone by a state's name alone. */
int weir_pick_target(struct weir_view *v, const struct weir_uids *uids, const char *text, const struct weir_operator_state **op, const char **state,
		     struct weir_error *err) WEIR_CHECK;

/* What keeps the state of an operator from being read by this version, or NULL. */
const char *weir_operator_unreadable(const struct weir_operator_state *op);
/* What keeps it from being rewritten in place of its streams: "files of RocksDB or ForSt", or NULL when it is streams of key groups. */
const char *weir_operator_not_streams(const struct weir_operator_state *op);
/* How its keyed state is stored: "canonical", "hashmap", "RocksDB files", "changelog", or "" for none. */
const char *weir_operator_layout(const struct weir_operator_state *op);

/* The states that match an operator (NULL = any), a name (NULL = any) and kinds; calls fn for each. When none does: WEIR_ENOTFOUND with the
 * states there are, or WEIR_EUNSUPPORTED when what was asked for may lie in state that cannot be read. Stops on a non-zero result. */
typedef int weir_state_fn(void *arg, const struct weir_state_info *s);
int weir_pick_states(struct weir_view *v, const struct weir_operator_state *op, const char *name, weir_state_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;
/* Exactly one keyed state: WEIR_EINVALID when the name is ambiguous, naming the operators. */
int weir_pick_state(struct weir_view *v, const struct weir_operator_state *op, const char *name, const struct weir_state_info **out, struct weir_error *err) WEIR_CHECK;
bool weir_state_is_keyed(enum weir_state_kind k);
static inline bool weir_state_is_timer(enum weir_state_kind k) { return k == WEIR_STATE_TIMER || k == WEIR_STATE_RAW_TIMER; }

#endif
