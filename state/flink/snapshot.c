// SPDX-License-Identifier: Apache-2.0
/*
 * Serializer snapshots: the registry of classes, and writing.
 *
 * Invariants
 *  1. A type read from a snapshot is written as the bytes that were read.
 *  2. A type of a job is written as Flink 1.20 and 2.x write it (vectors in the tests).
 * Adding a class: one row here; a new form also needs a case below and one in snapshot_read.c.
 * Pure. May fail: a type without a Flink class, names longer than writeUTF can hold.
 */
#include "state/flink/snapshot_priv.h"

#include "base/buf.h"

#include <stdio.h>

#define BASE "org.apache.flink.api.common.typeutils.base."
#define ROW(class_name, k, f, o, u) { .name = class_name, .kind = k, .form = f, .outer = o, .usual = u }
#define GENERIC(class_name) ROW(class_name, WEIR_OPAQUE, WEIR__SNAPSHOT_GENERIC, 0, false)
#define SIMPLE_BASE(X, k) ROW(BASE X "Serializer$" X "SerializerSnapshot", k, WEIR__SNAPSHOT_SIMPLE, 0, true)

static const struct weir__snapshot_class classes[] = {
	SIMPLE_BASE("Boolean", WEIR_BOOLEAN),
	SIMPLE_BASE("Byte", WEIR_INT8),
	SIMPLE_BASE("Short", WEIR_INT16),
	SIMPLE_BASE("Int", WEIR_INT32),
	SIMPLE_BASE("Long", WEIR_INT64),
	SIMPLE_BASE("Float", WEIR_FLOAT),
	SIMPLE_BASE("Double", WEIR_DOUBLE),
	SIMPLE_BASE("Char", WEIR_CHAR),
	SIMPLE_BASE("String", WEIR_STRING),
	SIMPLE_BASE("Instant", WEIR_TIMESTAMP),
	ROW(BASE "array.BytePrimitiveArraySerializer$BytePrimitiveArraySerializerSnapshot", WEIR_BYTES, WEIR__SNAPSHOT_SIMPLE, 0, true),
	ROW(BASE "ListSerializerSnapshot", WEIR_LIST, WEIR__SNAPSHOT_COMPOSITE, 1, true),
	ROW("org.apache.flink.runtime.state.ArrayListSerializerSnapshot", WEIR_LIST, WEIR__SNAPSHOT_COMPOSITE, 1, false),
	ROW(BASE "MapSerializerSnapshot", WEIR_MAP, WEIR__SNAPSHOT_COMPOSITE, 1, true),
	ROW("org.apache.flink.api.java.typeutils.runtime.TupleSerializerSnapshot", WEIR_TUPLE, WEIR__SNAPSHOT_COMPOSITE, 2, true),
	ROW("org.apache.flink.api.java.typeutils.runtime.RowSerializer$RowSerializerSnapshot", WEIR_ROW, WEIR__SNAPSHOT_COMPOSITE, 4, true),
	ROW("org.apache.flink.api.java.typeutils.runtime.PojoSerializerSnapshot", WEIR_POJO, WEIR__SNAPSHOT_POJO, 0, true),
	ROW("org.apache.flink.runtime.state.VoidNamespaceSerializer$VoidNamespaceSerializerSnapshot", WEIR_VOID, WEIR__SNAPSHOT_SIMPLE, 0, true),
	ROW(BASE "VoidSerializer$VoidSerializerSnapshot", WEIR_VOID, WEIR__SNAPSHOT_SIMPLE, 0, false),
	ROW("org.apache.flink.streaming.api.windowing.windows.TimeWindow$Serializer$TimeWindowSerializerSnapshot", WEIR_TIME_WINDOW, WEIR__SNAPSHOT_SIMPLE, 0, true),
	ROW("org.apache.flink.streaming.api.windowing.windows.GlobalWindow$Serializer$GlobalWindowSerializerSnapshot", WEIR_GLOBAL_WINDOW, WEIR__SNAPSHOT_SIMPLE, 0, true),
	ROW("org.apache.flink.streaming.api.operators.TimerSerializerSnapshot", WEIR_TIMER, WEIR__SNAPSHOT_COMPOSITE, 2, true),
	ROW("org.apache.flink.runtime.state.ttl.TtlStateFactory$TtlSerializerSnapshot", WEIR_TTL, WEIR__SNAPSHOT_COMPOSITE, 2, true),
	ROW("org.apache.flink.runtime.state.ttl.TtlAwareSerializerSnapshot", WEIR_KIND_MAX, WEIR__SNAPSHOT_TTL_AWARE, 0, false),
	GENERIC("org.apache.flink.api.java.typeutils.runtime.ValueSerializer$ValueSerializerSnapshot"),
	GENERIC("org.apache.flink.api.java.typeutils.runtime.CopyableValueSerializer$CopyableValueSerializerSnapshot"),
	GENERIC("org.apache.flink.api.java.typeutils.runtime.WritableSerializer$WritableSerializerSnapshot"),
	{ .name = NULL },
};

static const struct weir__snapshot_class *const families[] = {
	classes,
	weir__serializers_time,
	weir__serializers_sql,
	weir__serializers_sql_state,
	weir__serializers_java,
	weir__serializers_number,
	weir__serializers_collection,
	weir__serializers_stream,
	weir__serializers_cep,
	weir__serializers_avro,
	weir__serializers_kryo,
	weir__serializers_scala,
	weir__serializers_variant,
};

const struct weir__snapshot_class *weir__snapshot_class_named(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (const struct weir__snapshot_class *c = families[i]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

static int write_snap(const struct weir_type *t, struct weir_buf *out, struct weir_error *err);

static const struct weir__snapshot_class *class_of(const struct weir_type *t)
{
	bool named = t->java && t->kind != WEIR_POJO && t->kind != WEIR_TUPLE;

	if (named) {
		const struct weir__snapshot_class *c = weir__snapshot_class_named(t->java);

		return c && c->kind == t->kind ? c : NULL;
	}
	for (const struct weir__snapshot_class *c = classes; c->name; c++)
		if (c->kind == t->kind && c->usual)
			return c;
	return NULL;
}

static void write_outer(const struct weir_type *t, const struct weir__snapshot_class *c, struct weir_buf *out)
{
	int32_t outer = c->outer;
	char tuple[64];

	if (t->kind == WEIR_ROW && t->snapshot_version)
		outer = t->snapshot_version;
	weir_buf_i32(out, WEIR__COMPOSITE_MAGIC);
	weir_buf_i32(out, outer);
	if (t->kind == WEIR_TUPLE) {
		snprintf(tuple, sizeof(tuple), WEIR__TUPLE_CLASS, t->nfields);
		weir_buf_utf(out, t->java ? t->java : tuple);
	} else if (t->kind == WEIR_ROW && outer >= 4) {
		weir_buf_bool(out, true);
	}
}

static int write_composite(const struct weir_type *t, const struct weir__snapshot_class *c, struct weir_buf *out, struct weir_error *err)
{
	int code = 0;

	weir_buf_i32(out, 3);
	write_outer(t, c, out);
	weir_buf_i32(out, WEIR__NESTED_MAGIC);
	weir_buf_i32(out, 1);
	weir_buf_i32(out, (int32_t)t->nfields + (t->kind == WEIR_TTL));
	if (t->kind == WEIR_TTL) /* the time of last access comes first */
		code = write_snap(&weir_int64, out, err);
	for (uint32_t i = 0; i < t->nfields && !code; i++)
		code = write_snap(t->fields[i].type, out, err);
	return code;
}

/* One present key or value of a LinkedOptionalMap: its frame's length is filled in by end_frame. */
static size_t begin_frame(struct weir_buf *out)
{
	weir_buf_bool(out, true);
	weir_buf_i32(out, 0);
	return out->len;
}

static void end_frame(struct weir_buf *out, size_t start)
{
	weir_buf_patch_u32(out, start - 4, (uint32_t)(out->len - start));
}

static int write_pojo(const struct weir_type *t, struct weir_buf *out, struct weir_error *err)
{
	int code = 0;

	weir_buf_i32(out, 2);
	weir_buf_utf(out, t->java);
	weir_buf_i64(out, WEIR__OPTIONAL_MAP_HEADER);
	weir_buf_i32(out, (int32_t)t->nfields);
	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		const struct weir_field *f = &t->fields[t->wire_order ? t->wire_order[i] : i];
		size_t at;

		weir_buf_utf(out, f->name);
		at = begin_frame(out);
		weir_buf_utf(out, t->java); /* the class that declares the field */
		weir_buf_utf(out, f->name);
		end_frame(out, at);
		at = begin_frame(out);
		code = write_snap(f->type, out, err);
		end_frame(out, at);
	}
	for (int subclasses = 0; subclasses < 2; subclasses++) { /* registered, other: none */
		weir_buf_i64(out, WEIR__OPTIONAL_MAP_HEADER);
		weir_buf_i32(out, 0);
	}
	return code;
}

static int write_snap(const struct weir_type *t, struct weir_buf *out, struct weir_error *err)
{
	const struct weir__snapshot_class *c;

	if (t->snapshot.len && !(t->flags & WEIR_TYPE_OLD)) {
		weir_buf_put_slice(out, t->snapshot);
		return 0;
	}
	c = class_of(t);
	if (!c) {
		char text[256];

		return weir_error_set(err, WEIR_ENOTYPE, "weir cannot write a serializer snapshot for %s: it knows no Flink class for it", weir_type_text(t, text, sizeof(text)));
	}
	weir_buf_utf(out, c->name);
	switch (c->form) {
	case WEIR__SNAPSHOT_SIMPLE: weir_buf_i32(out, 3); return 0;
	case WEIR__SNAPSHOT_COMPOSITE:
		if (c->serializer) /* only as it was read */
			break;
		return write_composite(t, c, out, err);
	case WEIR__SNAPSHOT_POJO: return write_pojo(t, out, err);
	case WEIR__SNAPSHOT_GENERIC:
	case WEIR__SNAPSHOT_OWN: /* only as it was read */
	case WEIR__SNAPSHOT_TTL_AWARE: break;
	}
	return weir_error_set(err, WEIR_EBUG, "no way to write a snapshot of class %s", c->name);
}

int weir_serializer_snapshot_write(const struct weir_type *t, struct weir_buf *out, struct weir_error *err)
{
	int code = write_snap(t, out, err);
	char text[256];

	if (!code && out->code == WEIR_EINVALID)
		code = weir_error_set(err, WEIR_EINVALID, "a class or field name of %s is longer than 65535 bytes", weir_type_text(t, text, sizeof(text)));
	return code;
}

int weir_serializer_snapshot_write_proxy(const struct weir_type *t, struct weir_buf *out, struct weir_error *err)
{
	if (t->flags & WEIR_TYPE_OLD) { /* as it was read */
		weir_buf_i32(out, 1);
		weir_buf_put_slice(out, t->snapshot);
		return 0;
	}
	weir_buf_i32(out, 2);
	return weir_serializer_snapshot_write(t, out, err);
}
