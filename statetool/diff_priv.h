/* SPDX-License-Identifier: Apache-2.0 */
/* What diff.c (which compares) and diff_text.c (which tells) share. */
#ifndef WEIR_STATETOOL_DIFF_PRIV_H
#define WEIR_STATETOOL_DIFF_PRIV_H

#include "base/buf.h"
#include "statetool/diff.h"

enum weir__diff_change { WEIR__ADDED, WEIR__REMOVED, WEIR__CHANGED };

/* A state that is on one side or on both. */
struct weir__diff_pair {
	const struct weir_state_info *on[2];
	bool list;                    /* compared as a bag of elements */
	bool regrouped;               /* another max parallelism: the key groups of one side say nothing about the other */
	uint64_t added, removed, changed, same;
	uint32_t skipped;             /* key groups */
};

struct weir__diff_kept {
	uint64_t key[2];
	uint32_t pair, group;         /* key group + 1 */
	enum weir__diff_change change;
	char *text[2];                /* JSON of the entry on each side, once read */
	char *head;                   /* its key, for people */
};

struct weir__diff {
	struct weir_view *view[2];
	const struct weir_diff_options *o;
	struct weir_sink *sink;
	struct weir_error *err;
	WEIR_VEC(struct weir__diff_pair) pairs;
	WEIR_VEC(struct weir__diff_kept) kept;
	struct weir_sorter sorter;
	struct weir_buf scratch;
	struct weir_diff_result result;
	/* the scan at hand */
	uint32_t side, last;
	/* the merge at hand */
	struct weir_record now;
	uint64_t count[2], value[2];
	bool any;
};

/* Into the sink: operators that differ; states and types; the counts; one entry. */
void weir__diff_operators(struct weir__diff *d);
void weir__diff_types(struct weir__diff *d);
void weir__diff_summary_text(struct weir__diff *d);
void weir__diff_summary_json(struct weir__diff *d);
void weir__diff_line(struct weir__diff *d, const struct weir__diff_kept *k);

#endif
