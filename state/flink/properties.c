// SPDX-License-Identifier: Apache-2.0
/*
 * CheckpointProperties, a Java object: read with the parser of java_object.c, written from templates.
 *
 * 1. The reader understands by class and field name, not by position, so added fields do no harm.
 * 2. An object it does not know, or a stream outside the grammar, is "not understood" (kept as raw bytes), never an error; only an early end is.
 * 3. The writer produces byte for byte what Flink's own classes write (serial version UIDs included).
 *
 * Pure; any thread.
 */
#include "state/flink/properties.h"

#include "base/arena.h"
#include "state/flink/java_object.h"

enum { TC_NULL = 0x70, TC_REFERENCE, TC_CLASSDESC, TC_OBJECT, TC_STRING, TC_ENDBLOCKDATA = 0x78, TC_ENUM = 0x7e }; /* see java_object.c */
#define JAVA_HEADER 0xaced0005u
#define BASE_HANDLE 0x7e0000u

#define PACKAGE "org.apache.flink.runtime.checkpoint."
#define PROPERTIES PACKAGE "CheckpointProperties"
#define CHECKPOINT_TYPE PACKAGE "CheckpointType"
#define SAVEPOINT_TYPE PACKAGE "SavepointType"

/* ---- reading ---- */

static enum weir_snapshot_kind kind_of(const struct weir_java_node *type)
{
	static const struct { const char *class_name, *name; enum weir_snapshot_kind kind; } kinds[] = {
		{ CHECKPOINT_TYPE, "Checkpoint", WEIR_SNAPSHOT_CHECKPOINT },
		{ CHECKPOINT_TYPE, "Full Checkpoint", WEIR_SNAPSHOT_FULL_CHECKPOINT },
		{ SAVEPOINT_TYPE, "Savepoint", WEIR_SNAPSHOT_SAVEPOINT },
		{ SAVEPOINT_TYPE, "Suspend Savepoint", WEIR_SNAPSHOT_SUSPEND },
		{ SAVEPOINT_TYPE, "Terminate Savepoint", WEIR_SNAPSHOT_TERMINATE },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (weir_java_is(type, kinds[i].class_name) && weir_java_text_is(weir_java_node_of(type, "name"), kinds[i].name))
			return kinds[i].kind;
	return WEIR_SNAPSHOT_UNKNOWN;
}

static void take_properties(const struct weir_java_node *o, struct weir_snapshot_properties *p)
{
	const struct weir_java_node *type = weir_java_node_of(o, "checkpointType");

	if (!weir_java_is(o, PROPERTIES) || kind_of(type) == WEIR_SNAPSHOT_UNKNOWN)
		return;
	p->kind = kind_of(type);
	p->native = weir_java_text_is(weir_java_node_of(type, "formatType"), "NATIVE");
	p->discard_cancelled = weir_java_int_of(o, "discardCancelled", 0);
	p->discard_failed = weir_java_int_of(o, "discardFailed", 0);
	p->discard_finished = weir_java_int_of(o, "discardFinished", 0);
	p->discard_subsumed = weir_java_int_of(o, "discardSubsumed", 0);
	p->discard_suspended = weir_java_int_of(o, "discardSuspended", 0);
	p->forced = weir_java_int_of(o, "forced", 0);
	p->unclaimed = weir_java_int_of(o, "unclaimed", 0);
}

void weir_properties_read(struct weir_src *s, struct weir_snapshot_properties *out)
{
	struct weir_snapshot_properties p = { .raw = { s->p, weir_src_left(s) } };
	struct weir_arena tree = { 0 };
	struct weir_src java = *s;
	struct weir_java_value v;

	if (weir_src_u32(s) != JAVA_HEADER)
		weir_src_fail(s, WEIR_ECORRUPT, "the checkpoint properties are no Java object stream");
	if (!s->code && weir_java_read(&java, &tree, &v) == 0)
		take_properties(v.u.node, &p);
	if (!s->code && (!java.code || java.code == WEIR_ETRUNCATED || java.code == WEIR_ENOMEM))
		*s = java;
	else if (!s->code)
		s->p = s->end; /* not understood: kept as it is */
	weir_arena_fini(&tree);
	weir_src_end(s, "bytes follow the checkpoint properties");
	if (!s->code)
		*out = p;
}

/* ---- writing ---- */

static void put_class(struct weir_buf *b, const char *name, uint64_t uid, uint8_t flags, uint16_t nfields)
{
	weir_buf_u8(b, TC_CLASSDESC);
	weir_buf_utf(b, name);
	weir_buf_u64(b, uid);
	weir_buf_u8(b, flags);
	weir_buf_u16(b, nfields);
}

static void put_string(struct weir_buf *b, const char *text)
{
	weir_buf_u8(b, TC_STRING);
	weir_buf_utf(b, text);
}

static void put_field(struct weir_buf *b, const char *name, const char *class_)
{
	weir_buf_u8(b, class_ ? 'L' : 'Z');
	weir_buf_utf(b, name);
	if (class_)
		put_string(b, class_);
}

static void put_class_end(struct weir_buf *b) /* without a super class */
{
	weir_buf_u8(b, TC_ENDBLOCKDATA);
	weir_buf_u8(b, TC_NULL);
}

/* An enum constant. enum_handle: the handle of java.lang.Enum's descriptor when it was written before, else 0. */
static void put_enum(struct weir_buf *b, const char *class_, uint32_t enum_handle, const char *constant)
{
	weir_buf_u8(b, TC_ENUM);
	put_class(b, class_, 0, 0x12, 0);
	weir_buf_u8(b, TC_ENDBLOCKDATA);
	if (enum_handle) {
		weir_buf_u8(b, TC_REFERENCE);
		weir_buf_u32(b, BASE_HANDLE + enum_handle);
	} else {
		put_class(b, "java.lang.Enum", 0, 0x12, 0);
		put_class_end(b);
	}
	put_string(b, constant);
}

static void put_checkpoint_type(struct weir_buf *b, bool full)
{
	weir_buf_u8(b, TC_OBJECT);
	put_class(b, CHECKPOINT_TYPE, 0xd6de4f0305ae1d3au, 2, 2);
	put_field(b, "name", "Ljava/lang/String;");
	put_field(b, "sharingFilesStrategy", "Lorg/apache/flink/runtime/checkpoint/SnapshotType$SharingFilesStrategy;");
	put_class_end(b);
	put_string(b, full ? "Full Checkpoint" : "Checkpoint");
	put_enum(b, PACKAGE "SnapshotType$SharingFilesStrategy", 0, full ? "FORWARD" : "FORWARD_BACKWARD");
}

static void put_savepoint_type(struct weir_buf *b, enum weir_snapshot_kind kind, bool native)
{
	const char *name = kind == WEIR_SNAPSHOT_SUSPEND ? "Suspend Savepoint" : kind == WEIR_SNAPSHOT_TERMINATE ? "Terminate Savepoint" : "Savepoint";
	const char *action = kind == WEIR_SNAPSHOT_SUSPEND ? "SUSPEND" : kind == WEIR_SNAPSHOT_TERMINATE ? "TERMINATE" : "NONE";

	weir_buf_u8(b, TC_OBJECT);
	put_class(b, SAVEPOINT_TYPE, 0xa087d308a45814b8u, 2, 3);
	put_field(b, "formatType", "Lorg/apache/flink/core/execution/SavepointFormatType;");
	put_field(b, "name", "Ljava/lang/String;");
	put_field(b, "postCheckpointAction", "Lorg/apache/flink/runtime/checkpoint/SavepointType$PostCheckpointAction;");
	put_class_end(b);
	put_enum(b, "org.apache.flink.core.execution.SavepointFormatType", 0, native ? "NATIVE" : "CANONICAL");
	put_string(b, name);
	put_enum(b, PACKAGE "SavepointType$PostCheckpointAction", 9, action);
}

void weir_properties_write(const struct weir_snapshot_properties *p, struct weir_buf *b)
{
	if (p->raw.len) {
		weir_buf_put_slice(b, p->raw);
		return;
	}
	weir_buf_u32(b, JAVA_HEADER);
	if (p->kind == WEIR_SNAPSHOT_UNKNOWN) {
		weir_buf_u8(b, TC_NULL);
		return;
	}
	weir_buf_u8(b, TC_OBJECT);
	put_class(b, PROPERTIES, 2, 2, 8);
	put_field(b, "discardCancelled", NULL);
	put_field(b, "discardFailed", NULL);
	put_field(b, "discardFinished", NULL);
	put_field(b, "discardSubsumed", NULL);
	put_field(b, "discardSuspended", NULL);
	put_field(b, "forced", NULL);
	put_field(b, "unclaimed", NULL);
	put_field(b, "checkpointType", "Lorg/apache/flink/runtime/checkpoint/SnapshotType;");
	put_class_end(b);
	weir_buf_bool(b, p->discard_cancelled);
	weir_buf_bool(b, p->discard_failed);
	weir_buf_bool(b, p->discard_finished);
	weir_buf_bool(b, p->discard_subsumed);
	weir_buf_bool(b, p->discard_suspended);
	weir_buf_bool(b, p->forced);
	weir_buf_bool(b, p->unclaimed);
	if (p->kind == WEIR_SNAPSHOT_CHECKPOINT || p->kind == WEIR_SNAPSHOT_FULL_CHECKPOINT)
		put_checkpoint_type(b, p->kind == WEIR_SNAPSHOT_FULL_CHECKPOINT);
	else
		put_savepoint_type(b, p->kind, p->native);
}

struct weir_snapshot_properties weir_properties_of(enum weir_snapshot_kind kind, bool native, bool retained)
{
	struct weir_snapshot_properties p = { .kind = kind, .native = native };

	if (kind == WEIR_SNAPSHOT_CHECKPOINT || kind == WEIR_SNAPSHOT_FULL_CHECKPOINT) {
		p.discard_finished = p.discard_subsumed = true;
		p.discard_cancelled = p.discard_failed = p.discard_suspended = !retained;
	} else if (kind != WEIR_SNAPSHOT_UNKNOWN) {
		p.forced = true;
	}
	return p;
}
