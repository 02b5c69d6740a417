// SPDX-License-Identifier: Apache-2.0
/*
 * A tiny reader and writer of Java object streams, as large as Flink's CheckpointProperties needs: class descriptors, objects,
 * strings, enum constants, references, null. Fields are booleans and object references.
 *
 * 1. The reader understands by class and field name, not by position, so added fields do no harm.
 * 2. A grammar element outside this set makes the tail "not understood" (kept as raw bytes), never an error; only an early end is.
 * 3. Handles, fields and depth are capped by fixed tables: nothing is allocated.
 * 4. The writer produces byte for byte what Flink's own classes write (serial version UIDs included).
 *
 * Pure; any thread.
 */
#include "state/flink/properties.h"

#include <string.h>

enum { TC_NULL = 0x70, TC_REFERENCE, TC_CLASSDESC, TC_OBJECT, TC_STRING, TC_ENDBLOCKDATA = 0x78, TC_ENUM = 0x7e };
#define JAVA_HEADER 0xaced0005u
#define BASE_HANDLE 0x7e0000u
#define MAX_HANDLES 64
#define MAX_FIELDS 24
#define MAX_DEPTH 8

#define PACKAGE "org.apache.flink.runtime.checkpoint."
#define PROPERTIES PACKAGE "CheckpointProperties"
#define CHECKPOINT_TYPE PACKAGE "CheckpointType"
#define SAVEPOINT_TYPE PACKAGE "SavepointType"

/* ---- reading ---- */

struct java_field {
	char type;
	struct weir_slice name;
};
struct java_class {
	struct weir_slice name;
	uint8_t nfields;
	struct java_field fields[MAX_FIELDS];
	int super; /* handle, or -1 */
};
enum handle_kind { H_NONE, H_CLASS, H_STRING, H_ENUM, H_OBJECT };
struct java_handle {
	enum handle_kind kind;
	struct weir_slice text; /* STRING, ENUM: the constant */
	int index;              /* CLASS: of classes */
};
struct java_reader {
	struct weir_src *s;
	bool strange; /* outside the grammar above */
	int nhandles, nclasses;
	struct java_handle handles[MAX_HANDLES];
	struct java_class classes[MAX_DEPTH * 2];
	struct weir_snapshot_properties *out;
	struct weir_slice type_class, type_name, format; /* what was found of the snapshot type */
	bool is_properties;
};

static int read_content(struct java_reader *j, int depth, const struct java_field *field);

static bool stopped(const struct java_reader *j) { return j->s->code || j->strange; }

static int give_up(struct java_reader *j)
{
	j->strange = true;
	return -1;
}

static int new_handle(struct java_reader *j, enum handle_kind kind)
{
	if (j->nhandles == MAX_HANDLES)
		return give_up(j);
	j->handles[j->nhandles] = (struct java_handle){ .kind = kind };
	return j->nhandles++;
}

static bool is_text(struct weir_slice s, const char *text) { return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0; }

static int read_reference(struct java_reader *j)
{
	uint32_t at = weir_src_u32(j->s) - BASE_HANDLE;

	return at < (uint32_t)j->nhandles ? (int)at : give_up(j);
}

/* A class descriptor, a reference to one, or null. Returns its handle or -1. */
static int read_class(struct java_reader *j, int depth)
{
	uint8_t tc = weir_src_u8(j->s);
	struct java_class *c;
	int h;

	if (stopped(j) || tc == TC_NULL)
		return -1;
	if (tc == TC_REFERENCE) {
		h = read_reference(j);
		return h >= 0 && j->handles[h].kind == H_CLASS ? h : give_up(j);
	}
	if (tc != TC_CLASSDESC || depth >= MAX_DEPTH || j->nclasses == (int)(sizeof(j->classes) / sizeof(j->classes[0])))
		return give_up(j);
	c = &j->classes[j->nclasses];
	*c = (struct java_class){ .name = weir_src_utf(j->s), .super = -1 };
	weir_src_u64(j->s); /* serial version UID */
	h = new_handle(j, H_CLASS);
	if (h < 0)
		return -1;
	j->handles[h].index = j->nclasses++;
	weir_src_u8(j->s); /* flags */
	uint16_t n = weir_src_u16(j->s);
	if (n > MAX_FIELDS)
		return give_up(j);
	for (uint16_t i = 0; i < n && !stopped(j); i++) {
		c->fields[i] = (struct java_field){ .type = (char)weir_src_u8(j->s), .name = weir_src_utf(j->s) };
		if (c->fields[i].type == 'L')
			read_content(j, depth + 1, NULL); /* the type's name */
		else if (c->fields[i].type != 'Z' && !j->s->code)
			give_up(j);
	}
	c->nfields = (uint8_t)n;
	if (weir_src_u8(j->s) != TC_ENDBLOCKDATA && !j->s->code)
		give_up(j);
	c->super = read_class(j, depth + 1);
	return stopped(j) ? -1 : h;
}

static void take_boolean(struct java_reader *j, struct weir_slice name, bool v)
{
	struct weir_snapshot_properties *p = j->out;
	const struct { const char *name; bool *to; } fields[] = {
		{ "discardCancelled", &p->discard_cancelled }, { "discardFailed", &p->discard_failed }, { "discardFinished", &p->discard_finished },
		{ "discardSubsumed", &p->discard_subsumed }, { "discardSuspended", &p->discard_suspended }, { "forced", &p->forced },
		{ "unclaimed", &p->unclaimed },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (is_text(name, fields[i].name))
			*fields[i].to = v;
}

static void read_fields(struct java_reader *j, int class_handle, int depth)
{
	const struct java_class *c = &j->classes[j->handles[class_handle].index];
	struct weir_slice class_name = c->name;

	if (c->super >= 0) { /* fields of the super class come first */
		if (depth >= MAX_DEPTH)
			give_up(j);
		else
			read_fields(j, c->super, depth + 1);
	}
	for (uint8_t i = 0; i < c->nfields && !stopped(j); i++) {
		if (c->fields[i].type == 'Z')
			take_boolean(j, c->fields[i].name, weir_src_bool(j->s));
		else
			read_content(j, depth + 1, &c->fields[i]);
	}
	if (is_text(class_name, PROPERTIES))
		j->is_properties = true;
	else if (is_text(class_name, CHECKPOINT_TYPE) || is_text(class_name, SAVEPOINT_TYPE))
		j->type_class = class_name;
}

/* Any object; field says where it belongs, or NULL. Returns its handle or -1. */
static int read_content(struct java_reader *j, int depth, const struct java_field *field)
{
	uint8_t tc = weir_src_u8(j->s);
	int h = -1, class_;

	if (stopped(j) || tc == TC_NULL)
		return -1;
	if (depth >= MAX_DEPTH)
		return give_up(j);
	switch (tc) {
	case TC_REFERENCE:
		h = read_reference(j);
		break;
	case TC_STRING:
		h = new_handle(j, H_STRING);
		if (h >= 0)
			j->handles[h].text = weir_src_utf(j->s);
		break;
	case TC_ENUM:
		class_ = read_class(j, depth + 1);
		h = class_ < 0 ? give_up(j) : new_handle(j, H_ENUM);
		if (h >= 0) {
			int name = read_content(j, depth + 1, NULL);

			if (name >= 0)
				j->handles[h].text = j->handles[name].text;
		}
		break;
	case TC_OBJECT:
		class_ = read_class(j, depth + 1);
		h = class_ < 0 ? give_up(j) : new_handle(j, H_OBJECT);
		if (h >= 0)
			read_fields(j, class_, depth + 1);
		break;
	default:
		return give_up(j);
	}
	if (stopped(j) || h < 0 || !field)
		return h;
	if (is_text(field->name, "name") && j->handles[h].kind == H_STRING)
		j->type_name = j->handles[h].text;
	else if (is_text(field->name, "formatType") && j->handles[h].kind == H_ENUM)
		j->format = j->handles[h].text;
	return h;
}

static enum weir_snapshot_kind kind_of(const struct java_reader *j)
{
	if (j->strange || !j->is_properties)
		return WEIR_SNAPSHOT_UNKNOWN;
	if (is_text(j->type_class, CHECKPOINT_TYPE))
		return is_text(j->type_name, "Checkpoint") ? WEIR_SNAPSHOT_CHECKPOINT :
		       is_text(j->type_name, "Full Checkpoint") ? WEIR_SNAPSHOT_FULL_CHECKPOINT : WEIR_SNAPSHOT_UNKNOWN;
	if (is_text(j->type_class, SAVEPOINT_TYPE))
		return is_text(j->type_name, "Savepoint") ? WEIR_SNAPSHOT_SAVEPOINT :
		       is_text(j->type_name, "Suspend Savepoint") ? WEIR_SNAPSHOT_SUSPEND :
		       is_text(j->type_name, "Terminate Savepoint") ? WEIR_SNAPSHOT_TERMINATE : WEIR_SNAPSHOT_UNKNOWN;
	return WEIR_SNAPSHOT_UNKNOWN;
}

void weir_properties_read(struct weir_src *s, struct weir_snapshot_properties *out)
{
	struct weir_snapshot_properties p = { .raw = { s->p, weir_src_left(s) } };
	struct java_reader j = { .s = s, .out = &p };

	if (weir_src_u32(s) != JAVA_HEADER)
		weir_src_fail(s, WEIR_ECORRUPT, "the checkpoint properties are no Java object stream");
	read_content(&j, 0, NULL);
	p.kind = kind_of(&j);
	p.native = is_text(j.format, "NATIVE");
	if (p.kind == WEIR_SNAPSHOT_UNKNOWN)
		p = (struct weir_snapshot_properties){ .raw = p.raw };
	if (j.strange && !s->code)
		s->p = s->end;
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
