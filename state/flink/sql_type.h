/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL types (Flink's LogicalType) as the snapshots of SQL serializers hold them, and the values that BinaryRowData, BinaryArrayData and
 * BinaryMapData make of them. docs/formats/serializers.md, "SQL".
 */
#ifndef WEIR_STATE_FLINK_SQL_TYPE_H
#define WEIR_STATE_FLINK_SQL_TYPE_H

#include "state/flink/snapshot_priv.h"

enum weir__sql_root {
	SQL_CHAR, SQL_VARCHAR, SQL_BOOLEAN, SQL_BINARY, SQL_VARBINARY, SQL_DECIMAL, SQL_TINYINT, SQL_SMALLINT, SQL_INTEGER, SQL_BIGINT, SQL_FLOAT,
	SQL_DOUBLE, SQL_DATE, SQL_TIME, SQL_TIMESTAMP, SQL_TIMESTAMP_TZ, SQL_TIMESTAMP_LTZ, SQL_INTERVAL_YEAR_MONTH, SQL_INTERVAL_DAY_TIME, SQL_ARRAY,
	SQL_MULTISET, SQL_MAP, SQL_ROW, SQL_DISTINCT, SQL_STRUCTURED, SQL_NULL, SQL_RAW, SQL_SYMBOL, SQL_VARIANT, SQL_BITMAP, SQL_DESCRIPTOR,
	SQL_UNRESOLVED, SQL_ROOTS
};

/* How a value of an ExternalSerializer looks to the job, where its text differs from that of the internal value. */
enum weir__sql_external { SQL_INTERNAL, SQL_JAVA_TIME, SQL_JAVA_SQL, SQL_BIG_DECIMAL, SQL_POJO };

struct weir__sql_type {
	enum weir__sql_root root;
	enum weir__sql_external external;
	bool not_null;
	int32_t precision;            /* DECIMAL, TIME, TIMESTAMP...; length of CHAR, VARCHAR, BINARY, VARBINARY */
	int32_t scale;
	char clock;                   /* TIMESTAMP...: 'R' rowtime, 'P' proctime attribute, or 0 */
	const char *class_name;       /* STRUCTURED: its class, RAW: the class of its objects; or NULL */
	uint32_t n;
	struct weir__sql_type **parts; /* ARRAY, MULTISET: element; MAP: key, value; DISTINCT: its source; ROW, STRUCTURED: fields */
	const char **names;           /* ROW, STRUCTURED; or NULL */
	struct weir_type *raw;        /* RAW: of its objects; NULL = not known */
};

/* A LogicalType or a DataType, one Java stream at the cursor. NULL with the cursor failed. */
struct weir__sql_type *weir__sql_type_read(struct weir__snapshot_reader *r);
struct weir__sql_type *weir__sql_data_type_read(struct weir__snapshot_reader *r);
struct weir__sql_type *weir__sql_type_new(struct weir__snapshot_reader *r, enum weir__sql_root root, uint32_t nparts);
/* As SQL writes it: ROW<`a` INT NOT NULL, `b` STRING>. */
void weir__sql_type_text(const struct weir__sql_type *t, struct weir_buf *out, uint32_t depth);
static inline const struct weir__sql_type *weir__sql_resolved(const struct weir__sql_type *t)
{
	while (t->root == SQL_DISTINCT)
		t = t->parts[0];
	return t;
}
/* Bytes of a type whose values are numbers of fixed size; 0 for others. */
uint32_t weir__sql_scalar_bytes(const struct weir__sql_type *t);
/* Bytes that an element takes in the fixed part of an array image. */
static inline uint32_t weir__sql_element_bytes(const struct weir__sql_type *t)
{
	uint32_t n = weir__sql_scalar_bytes(weir__sql_resolved(t));

	return n ? n : 8;
}

/*
 * The value of t that its internal serializer wrote at the cursor (InternalSerializers.create(t)): int for DATE, a sized image for rows, arrays
 * and maps. out = NULL only checks and steps over. Errors are the cursor's.
 */
void weir__sql_value_walk(const struct weir__sql_type *t, struct weir_src *src, bool tail, struct weir_buf *out);
int weir__sql_value_parse(const struct weir__sql_type *t, struct json_in *j, struct weir_buf *out);
/* Least bytes of such a value. */
uint32_t weir__sql_value_min(const struct weir__sql_type *t);
/* Is it RowDataSerializer's? */
bool weir__sql_is_row(const struct weir_type *t);

#endif
