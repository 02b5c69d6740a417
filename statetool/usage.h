/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes how much: entries and bytes by state, operator and key group, and the largest of everything; one pass over the entries. Memory is a few
 * words for each state and key group, and the keys of what is kept.
 */
#ifndef WEIR_STATETOOL_USAGE_H
#define WEIR_STATETOOL_USAGE_H

#include "base/vec.h"
#include "statetool/list.h"
#include "statetool/sink.h"

/* One of the largest. */
struct weir_large {
	const struct weir_state_info *state;
	int32_t key_group, subtask;
	uint64_t size;                /* what it is ordered by: bytes, or elements */
	uint64_t bytes;
	uint8_t *key;                 /* malloc'ed: key, then namespace; NULL when the state has no keys */
	size_t key_len, ns_len;
};
struct weir_largest {
	struct weir_large *items;     /* descending */
	uint32_t n, cap;
};

bool weir_largest_init(struct weir_largest *l, uint32_t top);
/* Take item in if it is one of the largest; equal ones stay in the order they came. False when out of memory. */
bool weir_largest_keep(struct weir_largest *l, const struct weir_large *item, struct weir_slice key, struct weir_slice ns);
void weir_largest_fini(struct weir_largest *l);

struct weir_group_usage {
	uint64_t entries, bytes;
};
struct weir_operator_usage {
	const struct weir_operator_state *op;
	uint64_t entries, bytes;
	struct weir_group_usage *groups; /* max_parallelism of them, or NULL when there is no keyed entry */
};
struct weir_file_usage {
	uint64_t files, bytes;
};
enum weir_file_class { WEIR_FILES_INLINE, WEIR_FILES_EXCLUSIVE, WEIR_FILES_SHARED, WEIR_FILES_TASK_OWNED, WEIR_FILES_ELSEWHERE, WEIR_FILES_MAX };

struct weir_usage {
	struct weir_state_count *states;        /* of the view's states */
	struct weir_operator_usage *operators;  /* of the checkpoint's operators */
	uint64_t entries, bytes;
	struct weir_largest entries_top, lists, maps;
	struct weir_file_usage files[WEIR_FILES_MAX]; /* each file once */
	struct weir_error why;                  /* the first damage met, or code 0 */
};

/* op and state narrow what is read (NULL: all). top: how many of the largest to keep. Damage makes the states it touches incomplete and is told in why; fails
 * when out of memory. sink may be NULL: only its step is called. */
int weir_usage_collect(struct weir_view *v, const struct weir_operator_state *op, const struct weir_state_info *state, uint32_t top, struct weir_sink *sink,
		       struct weir_usage *out, struct weir_error *err) WEIR_CHECK;
void weir_usage_fini(struct weir_usage *u);

/* weir state du. */
struct weir_du_options {
	const struct weir_operator_state *op; /* NULL = all */
	struct weir_uids uids;
	uint32_t top;
	bool json;
};
int weir_state_du(struct weir_view *v, const struct weir_du_options *o, struct weir_sink *sink, struct weir_error *err) WEIR_CHECK;

#endif
