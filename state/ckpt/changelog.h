/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a changelog state backend: records of changes since the last materialization (docs/formats/keyed-state.md, "Changelog").
 * changelog.c finds and parses records, changelog_apply.c makes state of them.
 */
#ifndef WEIR_STATE_CKPT_CHANGELOG_H
#define WEIR_STATE_CKPT_CHANGELOG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/src.h"
#include "base/vec.h"
#include "state/flink/keyed.h"

enum weir__change_op {
	WEIR__CHANGE_CLEAR, WEIR__CHANGE_SET, WEIR__CHANGE_SET_INTERNAL, WEIR__CHANGE_ADD, WEIR__CHANGE_MERGE_NS, WEIR__CHANGE_ADD_ELEMENT,
	WEIR__CHANGE_ADD_OR_UPDATE_ELEMENT, WEIR__CHANGE_REMOVE_ELEMENT, WEIR__CHANGE_METADATA,
};
const char *weir__change_op_name(uint8_t op); /* "SET"; "?" for what is none */

struct weir__change {
	int32_t key_group;        /* -1: METADATA */
	uint32_t state;           /* the state it belongs to or defines, UINT32_MAX: none defined before it */
	struct weir_slice bytes;  /* the record; as long as the log */
};

struct weir__log {
	WEIR_VEC(struct weir__change) changes; /* in the order of application */
	WEIR_VEC(struct weir_fs_map *) maps;
	WEIR_VEC(struct weir_buf) plain;       /* decompressed files */
	char *path;                            /* of the file read last, for messages */
};

/* All records of the increments of a handle, in order, without their states. */
int weir__log_read(const struct weir_ckpt *c, const struct weir_keyed_handle *k, struct weir__log *log, struct weir_error *err) WEIR_CHECK;
void weir__log_fini(struct weir__log *log);
/* Give each record its state. meta: on entry key (NULL: not known) and states of what is materialized; on return with those the log defines, which lie in the arena. */
int weir__log_resolve(struct weir__log *log, struct weir_arena *mem, struct weir_keyed_meta *meta, struct weir_error *err) WEIR_CHECK;

/* A record taken apart; which fields it has depends on the operation and on the kind of state. */
struct weir__change_parts {
	uint8_t op;
	bool damaged;                       /* with a reason: the bytes are wrong, else a serializer is not known */
	struct weir_slice key, ns, user_key;
	struct weir_slice value;            /* to the end of the record: value, element, whole list or map in the serializer's form, user value */
	struct weir_slice target;           /* MERGE_NS */
	uint32_t nsources, ntimers;
	struct weir_slice sources, timers;  /* one behind the other */
};
/* NULL, or why it cannot be taken apart (static). Not for METADATA. */
const char *weir__change_parse(const struct weir_state_info *state, struct weir_slice record, struct weir__change_parts *out);
/* Take a timer from a queue's elements: its whole bytes, and what they hold. False when it does not decode. */
bool weir__change_timer(const struct weir_state_info *state, struct weir_src *src, struct weir_slice *out_element, struct weir_entry *out);

/* ---- the state that a log makes ---- */
/* What the log says of one value, one user key of a map, one timer; or of a whole map (user_key NULL). */
struct weir__cell {
	uint32_t state;
	int32_t key_group;
	struct weir_slice key, ns, user_key; /* timers: key is the whole element */
	uint64_t hash;
	bool hides;               /* what is materialized for it does not count any more */
	bool present;             /* it has a value: `value`, for lists `list` */
	uint32_t generation;      /* of a map: times it was cleared; of its entries: when they were written */
	const char *unknown;      /* why the value cannot be told, or NULL */
	struct weir_slice value;
	struct weir_buf list;     /* canonical; behind the materialized elements unless `hides` */
};

struct weir__overlay {
	WEIR_VEC(struct weir__cell) cells; /* in the order of their first change */
	uint32_t *slots;                   /* 1 + index of a cell, open addressing; a power of two */
	size_t nslots;
	WEIR_VEC(uint32_t) bad;            /* records that cannot be applied */
	struct weir_arena mem;
};

/* has_base: by state, is any of it materialized? */
int weir__overlay_build(const struct weir__log *log, const struct weir_state_info *const *states, const bool *has_base, struct weir__overlay *o,
			struct weir_error *err) WEIR_CHECK;
void weir__overlay_fini(struct weir__overlay *o);
const struct weir__cell *weir__overlay_find(const struct weir__overlay *o, uint32_t state, int32_t key_group, struct weir_slice key, struct weir_slice ns,
					    struct weir_slice user_key);

#endif
