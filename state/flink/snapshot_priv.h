/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of snapshot classes, shared by snapshot.c (writing) and snapshot_read.c. */
#ifndef WEIR_STATE_FLINK_SNAPSHOT_PRIV_H
#define WEIR_STATE_FLINK_SNAPSHOT_PRIV_H

#include "state/flink/snapshot.h"

enum weir__snapshot_form {
	WEIR__SNAPSHOT_SIMPLE,    /* version 3, no body */
	WEIR__SNAPSHOT_COMPOSITE, /* version 3: outer version and body, nested snapshots */
	WEIR__SNAPSHOT_POJO,      /* version 2: class, fields, subclasses */
	WEIR__SNAPSHOT_TTL_AWARE, /* version 1: bool, the snapshot of the serializer it wraps */
};

struct weir__snapshot_class {
	const char *name;         /* of the snapshot class */
	enum weir_kind kind;
	enum weir__snapshot_form form;
	int32_t outer;            /* COMPOSITE: outer version that is written; lower ones are read */
	bool usual;               /* written for types of the kind that name no class */
};

extern const struct weir__snapshot_class weir__snapshot_classes[];
extern const uint32_t weir__snapshot_nclasses;

#define WEIR__COMPOSITE_MAGIC 911108
#define WEIR__NESTED_MAGIC 1333245
#define WEIR__OPTIONAL_MAP_HEADER 0x000004F2C69A3D70
#define WEIR__TUPLE_CLASS "org.apache.flink.api.java.tuple.Tuple%u"

#endif
