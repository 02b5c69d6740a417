/* SPDX-License-Identifier: Apache-2.0 */
/* weir state verify --salvage: a new savepoint of what can be read of a damaged one, and a report of the rest. */
#ifndef WEIR_STATETOOL_SALVAGE_H
#define WEIR_STATETOOL_SALVAGE_H

#include "state/ckpt/view.h"

struct weir_salvage_result {
	uint64_t losses;       /* lines of the report */
	uint64_t entries_lost; /* known to be lost */
	uint64_t entries;      /* written anew */
};
/* From uri (as weir_ckpt_open() takes it) to a new directory: out must not exist, or be empty. Operators without damage are copied as they are; keyed state of the others becomes
 * canonical. Every loss is a line of OUT/loss-report.ndjson. Metadata that does not decode is an error: nothing says then what the files are. On failure nothing is left behind. */
int weir_state_salvage(const char *uri, const char *out, struct weir_salvage_result *result, struct weir_error *err) WEIR_CHECK;

#endif
