/* SPDX-License-Identifier: Apache-2.0 */
/* An Avro schema as a tree, and values by it, in Flink's own encoding or in Avro's binary one. Shared by the serializer_avro*.c and Kryo. */
#ifndef WEIR_STATE_FLINK_SERIALIZER_AVRO_H
#define WEIR_STATE_FLINK_SERIALIZER_AVRO_H

#include "base/src.h"

struct json_in;
struct weir_arena;
struct weir_buf;

enum weir__avro_kind {
	WEIR__AVRO_NULL,
	WEIR__AVRO_BOOLEAN,
	WEIR__AVRO_INT,
	WEIR__AVRO_LONG,
	WEIR__AVRO_FLOAT,
	WEIR__AVRO_DOUBLE,
	WEIR__AVRO_BYTES,
	WEIR__AVRO_STRING,
	WEIR__AVRO_RECORD,
	WEIR__AVRO_ENUM,
	WEIR__AVRO_ARRAY, /* parts[0] = items */
	WEIR__AVRO_MAP,   /* parts[0] = values */
	WEIR__AVRO_UNION, /* parts = branches */
	WEIR__AVRO_FIXED,
};

enum weir__avro_logical { WEIR__AVRO_PLAIN, WEIR__AVRO_DATE, WEIR__AVRO_TIME_MS, WEIR__AVRO_TIME_US, WEIR__AVRO_STAMP_MS, WEIR__AVRO_STAMP_US, WEIR__AVRO_LOCAL_MS, WEIR__AVRO_LOCAL_US };

/* A name used inside its own definition makes the tree a graph: values are followed by a walk with a depth and a budget. */
struct weir__avro {
	enum weir__avro_kind kind;
	enum weir__avro_logical logical;
	const char *name;            /* full name of a record, enum or fixed */
	uint32_t n;                  /* fields, branches, symbols; bytes of a fixed */
	struct weir__avro **parts;
	const char **names;          /* of fields, or the symbols */
	const bool *ignored;         /* of fields: "order" is "ignore", so they are not part of hashCode */
	bool java_string;            /* map keys are java.lang.String ("avro.java.string") */
	bool measured;
	uint32_t min;                /* least bytes of a value in Flink's encoding */
};

struct weir__avro_form {
	bool standard;               /* Avro's binary encoding instead of Flink's */
	bool converted;              /* times are shown as generated classes show them: as java.time */
};

/* The schema of a JSON text, in the arena; NULL with the cursor failed. */
struct weir__avro *weir__avro_schema(struct weir_src *src, struct weir_slice json, struct weir_arena *mem);
void weir__avro_skip(const struct weir__avro *s, struct weir_src *src, struct weir__avro_form form);
/* The text of GenericData.toString(value), which is nearly JSON, and the value as JSON as the dump shows it: such a text quoted for records. */
void weir__avro_json(const struct weir__avro *s, struct weir_src *src, struct weir__avro_form form, struct weir_buf *out);
/* Flink's encoding from what weir__avro_json shows; an object instead of a quoted text is good too. */
int weir__avro_parse(const struct weir__avro *s, struct json_in *j, struct weir__avro_form form, struct weir_buf *out);
/* Java's hashCode. False: not known (maps, whose hash is that of their classes; times of generated classes). */
bool weir__avro_hash(const struct weir__avro *s, struct weir_src *src, struct weir__avro_form form, int32_t *out);

#endif
