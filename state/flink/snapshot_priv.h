/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of snapshot classes, shared by snapshot.c (writing) and snapshot_read.c. */
#ifndef WEIR_STATE_FLINK_SNAPSHOT_PRIV_H
#define WEIR_STATE_FLINK_SNAPSHOT_PRIV_H

#include "state/flink/snapshot.h"
#include "state/type/serializer.h"

enum weir__snapshot_form {
	WEIR__SNAPSHOT_SIMPLE,    /* version 3, no body */
	WEIR__SNAPSHOT_COMPOSITE, /* version 3: outer version and body, nested snapshots */
	WEIR__SNAPSHOT_POJO,      /* version 2: class, fields, subclasses */
	WEIR__SNAPSHOT_TTL_AWARE, /* version 1: bool, the snapshot of the serializer it wraps */
	WEIR__SNAPSHOT_GENERIC,   /* version 2: the class of the values, which write themselves (OPAQUE) */
	WEIR__SNAPSHOT_OWN,       /* `read` reads everything after the version */
};

struct weir__snapshot_reader;
struct weir__snapshot_class;
/* Reads into t (kind, serializer and java are set) at the cursor of r; sets t->detail and fields. Failures go to the cursor. */
typedef void weir__snapshot_read_fn(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t);

struct weir__snapshot_class {
	const char *name;         /* of the snapshot class */
	enum weir_kind kind;
	enum weir__snapshot_form form;
	int32_t outer;            /* COMPOSITE: outer version that is written; lower ones are read */
	bool usual;               /* written for types of the kind that name no class */
	/* kind WIRE */
	const struct weir_serializer *serializer;
	uint32_t nested;          /* COMPOSITE: number of nested snapshots; WEIR__ANY_NESTED */
	weir__snapshot_read_fn *read; /* COMPOSITE: the outer body, or NULL when it is empty; OWN: all */
};

#define WEIR__ANY_NESTED UINT32_MAX

/* Families of serializers in files of their own (serializer_<family>.c). Each ends with a row without name. */
extern const struct weir__snapshot_class weir__serializers_time[], weir__serializers_number[], weir__serializers_collection[], weir__serializers_stream[], weir__serializers_cep[];

extern const struct weir__snapshot_class weir__serializers_avro[], weir__serializers_kryo[], weir__serializers_scala[], weir__serializers_variant[];

extern const struct weir__snapshot_class weir__serializers_sql[], weir__serializers_sql_state[], weir__serializers_java[];

/* ---- for `read` ---- */

/* What follows a snapshot, which tells where one of an unknown class ends. */
struct weir__snapshot_next {
	bool framed; /* nothing: the cursor ends with it */
	weir_serializer_snapshot_after_fn *after;
	void *arg;
};

struct weir__snapshot_reader {
	struct weir_src *src;
	struct weir_arena *mem;
	struct weir__snapshot_next next; /* after the whole snapshot being read */
	int32_t version;                 /* OWN: of the snapshot; COMPOSITE: the outer one */
	uint32_t level;
	bool before_1_7;                 /* inside PROXY version 1 */
	const char *unknown;             /* class whose end was not found */
	uint32_t budget;
};

/* Text of writeUTF in the arena, or NULL. */
char *weir__snapshot_utf(struct weir__snapshot_reader *r);
/* Room for n fields of t. False: out of memory, told to the cursor. */
bool weir__snapshot_fields(struct weir__snapshot_reader *r, struct weir_type *t, uint32_t n);
/* Zeroed memory in the arena, or NULL with the cursor failed. */
void *weir__snapshot_zero(struct weir__snapshot_reader *r, size_t bytes);
/* A snapshot inside this one. last: nothing of this one follows it. */
struct weir_type *weir__snapshot_inner(struct weir__snapshot_reader *r, bool last);
/* The block of nested snapshots (magic 1333245): all of them become fields of t. want: their number, or WEIR__ANY_NESTED. */
void weir__snapshot_nested(struct weir__snapshot_reader *r, struct weir_type *t, uint32_t want, bool last);

/* Go to the end of a body nobody knows: where r->next begins. */
void weir__snapshot_find_end(struct weir__snapshot_reader *r, const char *class_name);
/* The names that fields of list, map, timer, ttl and tuple have. */
void weir__snapshot_name_fields(struct weir__snapshot_reader *r, struct weir_type *t);

/* ---- before 1.8 (snapshot_legacy.c) ---- */
struct weir_java_node;

#define WEIR__LEGACY_MARKER 0x7A53C4F0 /* version of a SNAP that holds a Java-serialized serializer and its configuration */
/* Behind class name and version, which is the marker or, in PROXY 1, that of the configuration. Uses next and level. */
struct weir_type *weir__snapshot_legacy(struct weir__snapshot_reader *r, char *class_name, int32_t version);
/* The list of serializers with configurations at the cursor. NULL: there is none (the cursor stands where it stood), or its error. */
struct weir_type **weir__snapshot_legacy_list(struct weir__snapshot_reader *r, uint32_t *n);
/* The type of a TypeSerializer object of a Java stream, prepared; NULL: not known, or out of memory (the cursor's error). */
struct weir_type *weir__java_serializer_type(struct weir__snapshot_reader *r, const struct weir_java_node *serializer);
/* Step over n Java streams. */
void weir__java_skip(struct weir__snapshot_reader *r, uint32_t n);

/* By the name of the snapshot class, among the built-in kinds and the families; NULL. */
const struct weir__snapshot_class *weir__snapshot_class_named(const char *name);

#define WEIR__COMPOSITE_MAGIC 911108
#define WEIR__NESTED_MAGIC 1333245
#define WEIR__OPTIONAL_MAP_HEADER 0x000004F2C69A3D70
#define WEIR__TUPLE_CLASS "org.apache.flink.api.java.tuple.Tuple%u"

#endif
