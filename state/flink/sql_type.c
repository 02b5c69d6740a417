// SPDX-License-Identifier: Apache-2.0
/*
 * LogicalTypes and DataTypes out of Java object streams, and their text.
 *
 * Invariants
 *  1. Classes are known by the constant of their typeRoot and their fields by name; serialVersionUIDs and the order of fields do not matter,
 *     so the streams of 1.10 to 2.4 read alike.
 *  2. A type that the stream names several times is made once (memo), so work is linear; a type inside itself ends at the depth cap.
 *  3. Nothing points into the Java tree, whose memory goes when the type is made.
 * Pure. May fail: damage, roots nobody writes, out of memory.
 */
#include "state/flink/sql_type.h"

#include "base/arena.h"
#include "state/flink/java_object.h"

static const struct root {
	const char *constant, *name;
} roots[SQL_ROOTS] = {
	[SQL_CHAR] = { "CHAR", "CHAR" },
	[SQL_VARCHAR] = { "VARCHAR", "VARCHAR" },
	[SQL_BOOLEAN] = { "BOOLEAN", "BOOLEAN" },
	[SQL_BINARY] = { "BINARY", "BINARY" },
	[SQL_VARBINARY] = { "VARBINARY", "VARBINARY" },
	[SQL_DECIMAL] = { "DECIMAL", "DECIMAL" },
	[SQL_TINYINT] = { "TINYINT", "TINYINT" },
	[SQL_SMALLINT] = { "SMALLINT", "SMALLINT" },
	[SQL_INTEGER] = { "INTEGER", "INT" },
	[SQL_BIGINT] = { "BIGINT", "BIGINT" },
	[SQL_FLOAT] = { "FLOAT", "FLOAT" },
	[SQL_DOUBLE] = { "DOUBLE", "DOUBLE" },
	[SQL_DATE] = { "DATE", "DATE" },
	[SQL_TIME] = { "TIME_WITHOUT_TIME_ZONE", "TIME" },
	[SQL_TIMESTAMP] = { "TIMESTAMP_WITHOUT_TIME_ZONE", "TIMESTAMP" },
	[SQL_TIMESTAMP_TZ] = { "TIMESTAMP_WITH_TIME_ZONE", "TIMESTAMP" },
	[SQL_TIMESTAMP_LTZ] = { "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "TIMESTAMP_LTZ" },
	[SQL_INTERVAL_YEAR_MONTH] = { "INTERVAL_YEAR_MONTH", "INTERVAL YEAR TO MONTH" },
	[SQL_INTERVAL_DAY_TIME] = { "INTERVAL_DAY_TIME", "INTERVAL DAY TO SECOND" },
	[SQL_ARRAY] = { "ARRAY", "ARRAY" },
	[SQL_MULTISET] = { "MULTISET", "MULTISET" },
	[SQL_MAP] = { "MAP", "MAP" },
	[SQL_ROW] = { "ROW", "ROW" },
	[SQL_DISTINCT] = { "DISTINCT_TYPE", "DISTINCT" },
	[SQL_STRUCTURED] = { "STRUCTURED_TYPE", "STRUCTURED" },
	[SQL_NULL] = { "NULL", "NULL" },
	[SQL_RAW] = { "RAW", "RAW" },
	[SQL_SYMBOL] = { "SYMBOL", "SYMBOL" },
	[SQL_VARIANT] = { "VARIANT", "VARIANT" },
	[SQL_BITMAP] = { "BITMAP", "BITMAP" },
	[SQL_DESCRIPTOR] = { "DESCRIPTOR", "DESCRIPTOR" },
	[SQL_UNRESOLVED] = { "UNRESOLVED", "UNRESOLVED" },
};

static void *bad(struct weir__snapshot_reader *r, const char *what)
{
	weir_src_fail(r->src, WEIR_ECORRUPT, what);
	return NULL;
}

struct weir__sql_type *weir__sql_type_new(struct weir__snapshot_reader *r, enum weir__sql_root root, uint32_t nparts)
{
	struct weir__sql_type *t = weir__snapshot_zero(r, sizeof(*t));

	if (!t)
		return NULL;
	if (nparts > r->budget) { /* few bytes may name many parts again and again */
		weir_src_fail(r->src, WEIR_EUNSUPPORTED, "the SQL types of one snapshot have more than four million parts");
		return NULL;
	}
	r->budget -= nparts;
	t->root = root;
	t->n = nparts;
	if (nparts) {
		t->parts = weir__snapshot_zero(r, nparts * sizeof(struct weir__sql_type *));
		if (!t->parts)
			return NULL;
	}
	return t;
}

static const char *copy_text(struct weir__snapshot_reader *r, const struct weir_java_node *o)
{
	struct weir_buf b = { 0 };
	char *text = NULL;

	if (!o)
		return NULL;
	weir_java_put_text(&b, o);
	if (!b.code)
		text = weir_arena_text(r->mem, (const char *)b.data, b.len);
	weir_buf_fini(&b);
	if (!text)
		weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for a SQL type");
	return text;
}

static const char *class_of(struct weir__snapshot_reader *r, const struct weir_java_node *o, const char *field)
{
	const struct weir_java_node *c = weir_java_node_of(o, field);
	char *text;

	if (!c || c->kind != WEIR_JAVA_CLASS)
		return NULL;
	text = weir_arena_text(r->mem, c->class->name, strlen(c->class->name));
	if (!text)
		weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for a SQL type");
	return text;
}

static void remember(const struct weir_java_node *o, struct weir__sql_type *t)
{
	((struct weir_java_node *)(uintptr_t)o)->memo = t;
}

/* ---- LogicalType ---- */

static struct weir__sql_type *read_logical(struct weir__snapshot_reader *r, const struct weir_java_node *o, uint32_t depth);

static void read_part(struct weir__snapshot_reader *r, struct weir__sql_type *t, uint32_t i, const struct weir_java_node *o, uint32_t depth)
{
	t->parts[i] = read_logical(r, o, depth + 1);
}

/* ROW, STRUCTURED: lists of objects with name and type. */
static void read_fields(struct weir__snapshot_reader *r, struct weir__sql_type *t, const struct weir_java_value *items, uint32_t n, uint32_t first, uint32_t depth)
{
	for (uint32_t i = 0; i < n && !r->src->code; i++) {
		const struct weir_java_node *f = items[i].u.node;

		t->names[first + i] = copy_text(r, weir_java_node_of(f, "name"));
		if (!t->names[first + i])
			bad(r, "a field of a SQL row type has no name");
		read_part(r, t, first + i, weir_java_node_of(f, "type"), depth);
	}
}

static struct weir__sql_type *read_record(struct weir__snapshot_reader *r, const struct weir_java_node *o, enum weir__sql_root root, uint32_t depth)
{
	const char *list = root == SQL_ROW ? "fields" : "attributes";
	const struct weir_java_value *items;
	struct weir__sql_type *t, *super = NULL;
	uint32_t n, inherited = 0;

	if (!weir_java_elements(weir_java_node_of(o, list), &items, &n))
		return bad(r, "a SQL row type has no list of fields");
	if (root == SQL_STRUCTURED && weir_java_node_of(o, "superType"))
		super = read_logical(r, weir_java_node_of(o, "superType"), depth + 1);
	if (super && super->root == SQL_STRUCTURED)
		inherited = super->n;
	if (n > UINT16_MAX - inherited)
		return bad(r, "a SQL row type has more than 65535 fields");
	t = r->src->code ? NULL : weir__sql_type_new(r, root, inherited + n);
	if (!t)
		return NULL;
	t->names = weir__snapshot_zero(r, (t->n + (size_t)1) * sizeof(*t->names));
	if (!t->names)
		return NULL;
	for (uint32_t i = 0; i < inherited; i++) {
		t->parts[i] = super->parts[i];
		t->names[i] = super->names[i];
	}
	read_fields(r, t, items, n, inherited, depth);
	if (root == SQL_STRUCTURED) {
		t->class_name = class_of(r, o, "implementationClass");
		if (!t->class_name && weir_java_node_of(o, "className"))
			t->class_name = copy_text(r, weir_java_node_of(o, "className"));
	}
	return t;
}

static struct weir__sql_type *read_container(struct weir__snapshot_reader *r, const struct weir_java_node *o, enum weir__sql_root root, uint32_t depth)
{
	static const char *const fields[SQL_ROOTS][2] = {
		[SQL_ARRAY] = { "elementType" }, [SQL_MULTISET] = { "elementType" }, [SQL_MAP] = { "keyType", "valueType" }, [SQL_DISTINCT] = { "sourceType" }
	};
	struct weir__sql_type *t = weir__sql_type_new(r, root, root == SQL_MAP ? 2 : 1);

	for (uint32_t i = 0; t && i < t->n && !r->src->code; i++)
		read_part(r, t, i, weir_java_node_of(o, fields[root][i]), depth);
	return t;
}

static void read_digits(struct weir__snapshot_reader *r, struct weir__sql_type *t, const struct weir_java_node *o)
{
	const struct weir_java_node *kind = weir_java_node_of(o, "kind");
	bool text = t->root == SQL_CHAR || t->root == SQL_VARCHAR || t->root == SQL_BINARY || t->root == SQL_VARBINARY;
	bool stamp = t->root == SQL_TIMESTAMP || t->root == SQL_TIMESTAMP_LTZ || t->root == SQL_TIMESTAMP_TZ;
	/* a legacy type brings no digits: Flink takes them to be those of Java's classes */
	int64_t usual = text ? INT32_MAX : t->root == SQL_DECIMAL ? 38 : stamp ? 3 : 0;

	t->precision = (int32_t)weir_java_int_of(o, text ? "length" : "precision", usual);
	t->scale = (int32_t)weir_java_int_of(o, "scale", t->root == SQL_DECIMAL ? 18 : 0);
	t->clock = weir_java_text_is(kind, "ROWTIME") ? 'R' : weir_java_text_is(kind, "PROCTIME") ? 'P' : 0;
	if (t->root == SQL_DECIMAL && (t->precision < 1 || t->precision > 38 || t->scale < 0 || t->scale > t->precision))
		bad(r, "a DECIMAL type has digits that SQL does not allow");
	if (stamp && (t->precision < 0 || t->precision > 9))
		bad(r, "a TIMESTAMP type has a precision that is not from 0 to 9");
}

static struct weir__sql_type *read_logical(struct weir__snapshot_reader *r, const struct weir_java_node *o, uint32_t depth)
{
	const struct weir_java_node *constant = weir_java_node_of(o, "typeRoot");
	struct weir__sql_type *t;
	uint32_t root = 0;

	if (o && o->memo)
		return o->memo;
	if (depth >= WEIR__TYPE_DEPTH) {
		weir_src_fail(r->src, WEIR_EUNSUPPORTED, "SQL types are nested deeper than 32");
		return NULL;
	}
	while (root < SQL_ROOTS && !weir_java_text_is(constant, roots[root].constant))
		root++;
	if (root == SQL_ROOTS)
		return bad(r, "a Java object that should be a SQL type has no known typeRoot");
	if (root == SQL_STRUCTURED && !weir_java_node_of(o, "attributes"))
		root = SQL_RAW; /* a legacy type: objects of a TypeInformation */
	if (root == SQL_ROW || root == SQL_STRUCTURED)
		t = read_record(r, o, (enum weir__sql_root)root, depth);
	else if (root == SQL_ARRAY || root == SQL_MULTISET || root == SQL_MAP || root == SQL_DISTINCT)
		t = read_container(r, o, (enum weir__sql_root)root, depth);
	else
		t = weir__sql_type_new(r, (enum weir__sql_root)root, 0);
	if (!t || r->src->code)
		return NULL;
	if (!t->n)
		read_digits(r, t, o);
	if (root == SQL_RAW) {
		t->class_name = class_of(r, o, "clazz");
		t->raw = weir__java_serializer_type(r, weir_java_node_of(o, "serializer"));
	}
	t->not_null = !weir_java_int_of(o, "isNullable", 1);
	remember(o, t);
	return r->src->code ? NULL : t;
}

/* ---- DataType: a LogicalType and the classes its values have outside ---- */

static enum weir__sql_external external_of(const struct weir__sql_type *t, const char *class_name)
{
	if (!class_name)
		return SQL_INTERNAL;
	if (strcmp(class_name, "java.math.BigDecimal") == 0)
		return SQL_BIG_DECIMAL;
	if (strncmp(class_name, "java.time.", 10) == 0)
		return SQL_JAVA_TIME;
	if (strncmp(class_name, "java.sql.", 9) == 0)
		return SQL_JAVA_SQL;
	if (t->root == SQL_STRUCTURED && strncmp(class_name, "org.apache.flink.t", 18) != 0) /* neither Row nor RowData */
		return SQL_POJO;
	return SQL_INTERNAL;
}

static struct weir__sql_type *read_data_type(struct weir__snapshot_reader *r, const struct weir_java_node *o, uint32_t depth)
{
	const struct weir_java_node *parts[2] = { weir_java_node_of(o, "elementDataType") };
	struct weir_java_value list[2] = { { .type = 'L' }, { .type = 'L' } };
	const struct weir_java_value *items = list;
	struct weir__sql_type *t, *logical;
	const char *outside;
	uint32_t n = 0;

	if (o && o->memo)
		return o->memo;
	logical = read_logical(r, weir_java_node_of(o, "logicalType"), depth);
	outside = class_of(r, o, "conversionClass");
	if (!logical || r->src->code)
		return NULL;
	t = weir__sql_type_new(r, logical->root, logical->n);
	if (!t)
		return NULL;
	if (parts[0]) {
		n = 1;
	} else if (weir_java_node_of(o, "keyDataType")) {
		parts[0] = weir_java_node_of(o, "keyDataType");
		parts[1] = weir_java_node_of(o, "valueDataType");
		n = 2;
	}
	for (uint32_t i = 0; i < n; i++)
		list[i].u.node = parts[i];
	if (!n && weir_java_node_of(o, "fieldDataTypes") && !weir_java_elements(weir_java_node_of(o, "fieldDataTypes"), &items, &n))
		return bad(r, "a SQL data type has no list of fields");
	if (n && n != logical->n && logical->root != SQL_DISTINCT)
		return bad(r, "a SQL data type has other parts than its logical type");
	struct weir__sql_type **copies = t->parts;

	*t = *logical;
	t->external = external_of(logical, outside);
	t->parts = copies;
	for (uint32_t i = 0; i < t->n && !r->src->code; i++) {
		if (depth >= WEIR__TYPE_DEPTH)
			weir_src_fail(r->src, WEIR_EUNSUPPORTED, "SQL types are nested deeper than 32");
		else
			t->parts[i] = i < n ? read_data_type(r, items[i].u.node, depth + 1) : logical->parts[i];
	}
	remember(o, t);
	return r->src->code ? NULL : t;
}

static struct weir__sql_type *read_stream(struct weir__snapshot_reader *r, bool data_type)
{
	struct weir_arena tree = { 0 };
	struct weir_java_value v;
	struct weir__sql_type *t = NULL;
	uint64_t at = weir_src_offset(r->src);

	if (weir_java_read(r->src, &tree, &v) == 0)
		t = data_type ? read_data_type(r, v.u.node, 0) : read_logical(r, v.u.node, 0);
	if (!t && r->src->code == WEIR_ECORRUPT && r->src->fail_offset > at && weir_src_offset(r->src) == r->src->fail_offset)
		r->src->fail_offset = at; /* the stream is whole, but what it says is not a type */
	weir_arena_fini(&tree);
	return t;
}

struct weir__sql_type *weir__sql_type_read(struct weir__snapshot_reader *r)
{
	return read_stream(r, false);
}

struct weir__sql_type *weir__sql_data_type_read(struct weir__snapshot_reader *r)
{
	return read_stream(r, true);
}

/* ---- text ---- */

static void put_parts(const struct weir__sql_type *t, struct weir_buf *out, uint32_t depth)
{
	weir_buf_u8(out, '<');
	for (uint32_t i = 0; i < t->n && out->len < 4096 && !out->code; i++) {
		if (i)
			weir_buf_text(out, ", ");
		if (t->names && t->names[i])
			weir_buf_printf(out, "`%s` ", t->names[i]);
		weir__sql_type_text(t->parts[i], out, depth + 1);
	}
	weir_buf_u8(out, '>');
}

void weir__sql_type_text(const struct weir__sql_type *t, struct weir_buf *out, uint32_t depth)
{
	bool sized = t->root == SQL_CHAR || t->root == SQL_BINARY || t->root == SQL_VARCHAR || t->root == SQL_VARBINARY || t->root == SQL_TIME ||
		     t->root == SQL_TIMESTAMP || t->root == SQL_TIMESTAMP_TZ || t->root == SQL_TIMESTAMP_LTZ;

	if (depth > WEIR__TYPE_DEPTH || out->len > 4096) /* names in messages: nobody reads more */
		return;
	if ((t->root == SQL_VARCHAR || t->root == SQL_VARBINARY) && t->precision == INT32_MAX) {
		weir_buf_text(out, t->root == SQL_VARCHAR ? "STRING" : "BYTES");
	} else {
		weir_buf_text(out, roots[t->root].name);
		if (sized)
			weir_buf_printf(out, "(%d)", t->precision);
	}
	if (t->root == SQL_DECIMAL)
		weir_buf_printf(out, "(%d, %d)", t->precision, t->scale);
	if (t->root == SQL_TIMESTAMP_TZ)
		weir_buf_text(out, " WITH TIME ZONE");
	if (t->class_name)
		weir_buf_printf(out, " %s", t->class_name);
	if (t->parts)
		put_parts(t, out, depth);
	if (t->not_null)
		weir_buf_text(out, " NOT NULL");
	if (t->clock)
		weir_buf_text(out, t->clock == 'R' ? " *ROWTIME*" : " *PROCTIME*");
}

uint32_t weir__sql_scalar_bytes(const struct weir__sql_type *t)
{
	switch (t->root) {
	case SQL_BOOLEAN:
	case SQL_TINYINT: return 1;
	case SQL_SMALLINT: return 2;
	case SQL_INTEGER:
	case SQL_DATE:
	case SQL_TIME:
	case SQL_INTERVAL_YEAR_MONTH:
	case SQL_FLOAT: return 4;
	case SQL_BIGINT:
	case SQL_INTERVAL_DAY_TIME:
	case SQL_DOUBLE: return 8;
	default: return 0;
	}
}
