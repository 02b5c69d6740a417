/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States and entries: what every reader of keyed and operator state hands out, whatever layout stored it.
 *
 * Canonical bytes are the FULL form (docs/formats/keyed-state.md): a LIST value is its elements joined by one 0x2c, a MAP is one
 * entry per user key with its null flag in front of the value, keys and namespaces carry no lengths.
 */
#ifndef WEIR_STATE_FLINK_ENTRY_H
#define WEIR_STATE_FLINK_ENTRY_H

#include <weir/ckpt.h>
#include <weir/type.h>

enum weir_state_kind {
	WEIR_STATE_VALUE, WEIR_STATE_LIST, WEIR_STATE_REDUCING, WEIR_STATE_FOLDING, WEIR_STATE_AGGREGATING, WEIR_STATE_MAP, /* managed keyed */
	WEIR_STATE_TIMER,                                                                                                    /* managed keyed */
	WEIR_STATE_OPERATOR_LIST, WEIR_STATE_OPERATOR_UNION, WEIR_STATE_BROADCAST,                                           /* managed operator */
	WEIR_STATE_RAW_KEYED, WEIR_STATE_RAW_TIMER /* timers found in raw keyed state */, WEIR_STATE_RAW_OPERATOR, WEIR_STATE_COORDINATOR, WEIR_STATE_MASTER,
	WEIR_STATE_KIND_MAX
};
/* "value", "list", ... "operator-union", as the dump prints them. */
const char *weir_state_kind_name(enum weir_state_kind k);

struct weir_state_info {
	const struct weir_operator_state *op; /* NULL for master state */
	enum weir_state_kind kind;
	char *name;                           /* UTF-8; timers: "_timer_state/event_user-timers" */
	struct weir_type *key, *ns;           /* keyed; timers: of the key and namespace */
	struct weir_type *user_key;           /* MAP, BROADCAST */
	struct weir_type *value;              /* VALUE..: value or accumulator; LIST, operator lists: element; MAP, BROADCAST: user value */
	struct weir_type *stored;             /* the VALUE_SERIALIZER as stored: ListSerializer, MapSerializer, TimerSerializer, value */
};

struct weir_entry {
	const struct weir_state_info *state;
	int32_t subtask;               /* -1 where none applies */
	int32_t key_group;             /* -1 where none applies */
	struct weir_slice key, ns, user_key, value; /* canonical bytes; ptr NULL = not applicable. Valid during the call */
	int64_t timestamp;             /* TIMER */
	int32_t index;                 /* position in an operator list, raw partition or the master states; -1 otherwise */
	bool change;                   /* value is a record of a changelog, index its place in the order of application; only for scans that ask for changes */
	const char *undecodable;       /* why the content could not be taken apart, else NULL; then value holds what there is */
	bool damaged;                  /* with undecodable: its bytes are wrong; else this version does not understand them */
};

/* Return non-zero to stop the scan, which then returns that value. */
typedef int weir_entry_fn(void *arg, const struct weir_entry *e);

#endif
