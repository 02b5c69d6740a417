/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting more records than fit in memory: sorted runs in an unlinked temporary file, then one merge. What fits in memory never touches a file. One thread.
 */
#ifndef WEIR_STATETOOL_SORTER_H
#define WEIR_STATETOOL_SORTER_H

#include "base/vec.h"
#include <weir/error.h>

struct weir_record {
	uint64_t key[2];    /* hash of what identifies an entry within its state */
	uint64_t value;     /* hash of the rest */
	uint32_t state;     /* whose */
	uint32_t side : 1;  /* 0 or 1 */
	uint32_t group : 31; /* key group + 1, or 0: not a part of the order */
};

struct weir_sorter {
	size_t limit;       /* records in memory before a run is written; 0 = half a million (16 MB) */
	WEIR_VEC(struct weir_record) now;
	WEIR_VEC(uint64_t) runs; /* where each ends, in records */
	int fd;             /* with runs */
};

int weir_sorter_add(struct weir_sorter *s, const struct weir_record *r, struct weir_error *err) WEIR_CHECK;
/* Every record by state, key, side, value; then the sorter is empty and may be filled again. A non-zero result of fn stops and is returned. */
typedef int weir_record_fn(void *arg, const struct weir_record *r);
int weir_sorter_merge(struct weir_sorter *s, weir_record_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;
void weir_sorter_fini(struct weir_sorter *s);

#endif
