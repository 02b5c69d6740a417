/* SPDX-License-Identifier: Apache-2.0 */
/* weir state diff: what changed from one checkpoint to another: operators, states and their types, entries. */
#ifndef WEIR_STATETOOL_DIFF_H
#define WEIR_STATETOOL_DIFF_H

#include "statetool/pick.h"
#include "statetool/sink.h"
#include "statetool/sorter.h"

struct weir_diff_options {
	const struct weir_operator_id *op; /* NULL = all */
	const char *state;                 /* NULL = all */
	struct weir_uids uids;
	uint64_t limit;                    /* how many changed entries to print */
	bool json;
	bool no_entries;                   /* operators and types only */
	bool read_all;                     /* compare key groups that are known to be the same too */
	size_t sort_limit;                 /* weir_sorter's limit; 0 = its own */
};
struct weir_diff_result {
	uint64_t operators, states;        /* that differ but for entries */
	uint64_t added, removed, changed;  /* entries */
	uint64_t same;                     /* compared and equal */
	uint64_t groups_skipped;           /* key groups whose bytes or files are the same: not read */
};
int weir_state_diff(struct weir_view *a, struct weir_view *b, const struct weir_diff_options *o, struct weir_sink *sink, struct weir_diff_result *out,
		    struct weir_error *err) WEIR_CHECK;

/* same[kg] = 1 for each key group whose managed keyed state is known to be the same in both: its bytes are equal, or it lies in the same RocksDB files. Both operators
 * have max_parallelism n. Files that cannot be read make nothing the same. Returns how many. */
uint32_t weir__diff_same_groups(const struct weir_ckpt *ca, const struct weir_operator_state *a, const struct weir_ckpt *cb, const struct weir_operator_state *b, uint32_t n,
				uint8_t *same);

#endif
