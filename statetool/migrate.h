/* SPDX-License-Identifier: Apache-2.0 */
/* weir state migrate: a new savepoint in which one state has another schema, or all of it another metadata version. */
#ifndef WEIR_STATETOOL_MIGRATE_H
#define WEIR_STATETOOL_MIGRATE_H

#include "statetool/schema.h"
#include "statetool/sink.h"

struct weir_migrate_options {
	const char *in, *out;        /* URIs; out may be NULL in a dry run */
	const char *op;              /* weir_pick_operator's text, or NULL */
	const char *state;           /* or NULL: only the format changes */
	const struct weir_schema_change *changes;
	size_t nchanges;
	const char *order;           /* or NULL */
	int32_t meta_version;        /* 0 = as it is */
	bool dry_run;                /* read and convert everything, write nothing */
	bool json;
};

/* "1.10", "1.15", "1.20", "2.0", "2.1": the newest metadata version that this Flink release reads. 0 when unknown. */
int32_t weir_meta_version_of_flink(const char *release);

/* Prints what was done. The result is complete and durable, or there is none. */
int weir_state_migrate(const struct weir_migrate_options *o, struct weir_sink *sink, struct weir_error *err) WEIR_CHECK;

#endif
