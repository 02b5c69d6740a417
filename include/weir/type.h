/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types: the spine. A struct weir_type describes a value once: its kind and fields, its layout in C memory ("native
 * form"), its Flink serializer ("wire form": canonical bytes and the serializer snapshot), its Java hash code and its JSON.
 *
 * Native forms
 *   boolean bool · int8..int64 · float · double · char_ uint16_t (UTF-16 unit) · string, bytes struct weir_str ·
 *   timestamp int64_t, ms since the epoch · list struct weir_list · map struct weir_map · tuple, row, POJO a C struct ·
 *   void nothing (size 0) · time window struct weir_window · wire struct weir_str of its wire form.
 * Wire forms: ../docs/formats/serializers.md, Flink's TypeSerializers byte for byte.
 *   timestamp is java.time.Instant (InstantSerializer): bytes with a part below a millisecond do not fit the native form and
 *   are an error when read into it (they render as JSON and pass through tools unharmed).
 *   timer: struct of int64_t timestamp, key, namespace · TTL: struct of int64_t last access ms, value.
 * Null. string, bytes: WEIR_STR_NULL. Fields of a record: only when the record has a null bitmap (null_offset); reading a
 *   null number into a record without one is WEIR_EINCOMPATIBLE, never a silent zero.
 *
 * Types are immutable once prepared (weir_type_prepare) and may then be shared by threads.
 */
#ifndef WEIR_TYPE_H
#define WEIR_TYPE_H

#include <weir/error.h>
#include <weir/str.h>

struct weir_arena;
struct weir_buf;
struct weir_src;

enum weir_kind {
	WEIR_BOOLEAN,
	WEIR_INT8,
	WEIR_INT16,
	WEIR_INT32,
	WEIR_INT64,
	WEIR_FLOAT,
	WEIR_DOUBLE,
	WEIR_CHAR,
	WEIR_STRING,
	WEIR_BYTES,
	WEIR_TIMESTAMP,
	WEIR_LIST,          /* fields[0] = element */
	WEIR_MAP,           /* fields[0] = key, fields[1] = value */
	WEIR_TUPLE,         /* Tuple1..Tuple25 */
	WEIR_ROW,
	WEIR_POJO,
	WEIR_VOID,          /* VoidNamespace */
	WEIR_TIME_WINDOW,
	WEIR_GLOBAL_WINDOW,
	WEIR_TIMER,         /* fields[0] = key, fields[1] = namespace */
	WEIR_TTL,           /* fields[0] = value; wire: i64 last access ms, value */
	WEIR_WIRE,          /* a serializer that is known in its wire form only: `serializer` says which (state/type/serializer.h) */
	WEIR_OPAQUE,        /* a serializer weir does not know: bytes that are kept, listed and copied */
	WEIR_KIND_MAX
};

enum weir_type_flags {
	WEIR_TYPE_READY = 1u << 0,  /* prepared */
	WEIR_TYPE_FLAT = 1u << 1,   /* native form holds no pointer: memcpy copies it */
	WEIR_TYPE_OPAQUE = 1u << 2, /* an OPAQUE is inside: the wire form cannot be delimited */
	WEIR_TYPE_OLD = 1u << 3,    /* its snapshot is one of Flink 1.6 or before, which stands nowhere but behind PROXY 1 */
};

#define WEIR_NO_NULLS UINT32_MAX

struct weir_field {
	const char *name;             /* "f0".. for tuples; NULL for rows read from a snapshot */
	struct weir_type *type;
	uint32_t offset;              /* in the native struct; set by weir_type_prepare */
};

struct weir_type {
	enum weir_kind kind;
	uint32_t flags;               /* enum weir_type_flags */
	uint32_t size, align;         /* native form */
	const char *name;             /* of the record in C, or NULL */
	const char *java;             /* POJO: class name; OPAQUE, WIRE: snapshot class name; TUPLE: class, NULL for TupleN; other kinds:
	                                 the snapshot class where it is not the kind's usual one (ArrayListSerializerSnapshot), else NULL */
	uint32_t nfields;
	struct weir_field *fields;    /* in declared order */
	const uint16_t *wire_order;   /* fields[wire_order[i]] is the i-th on the wire; NULL = declared order. POJO: by name */
	uint32_t null_offset;         /* 0: a uint64_t null bitmap (bit i = fields[i]; ROW: a struct weir_row_head) in front; or WEIR_NO_NULLS */
	int32_t snapshot_version;     /* outer version as read from a snapshot, or 0 = the newest (ROW: 2 = no row kind, see docs) */
	struct weir_slice snapshot;   /* its SNAP bytes as read (class name, version, body), or empty */
	uint32_t nsubs, nregistered;  /* POJO read from a snapshot: subclasses it lists; the first nregistered are the registered ones, */
	struct weir_field *subs;      /* by tag; name = class, type = NULL when the snapshot does not say */
	const struct weir_serializer *serializer; /* WIRE: how its bytes read */
	const void *detail;           /* WIRE: what its snapshot said beyond the fields; the serializer's, in the type's arena */
	uint32_t wire_min;            /* least bytes of a wire form; set by weir_type_prepare, as is */
	uint32_t depth;               /* nesting, 1 for a scalar */
};

struct weir_list {
	const void *items;            /* count native elements */
	uint32_t count;
};

struct weir_map {
	const void *keys, *values;    /* count native keys; count native values */
	const uint8_t *nulls;         /* count bytes, 1 = that value is null; or NULL */
	uint32_t count;
};

struct weir_window {
	int64_t start_ms, end_ms;     /* end exclusive */
};

extern struct weir_type weir_boolean, weir_int8, weir_int16, weir_int32, weir_int64, weir_float, weir_double, weir_char, weir_string,
	weir_bytes, weir_timestamp, weir_void, weir_time_window, weir_global_window;

/* ---- records ----
 *
 *     #define WORD(F) F(string, word) F(int64, count)
 *     WEIR_RECORD(word, WORD)        struct word { struct weir_str word; int64_t count; };  and  word_type
 *
 * A record is a Flink POJO of class weir.<name>: fields by name, so they can be added, dropped and reordered.
 * WEIR_RECORD_AS chooses the kind and the Java class. A record as a field of another: after WEIR_RECORD(inner, INNER) say
 * #define WEIR_T_inner inner_type, then F(inner, x).
 * Field types: boolean int8 int16 int32 int64 float double char string bytes timestamp.
 */
typedef bool weir_c_boolean;
typedef int8_t weir_c_int8;
typedef int16_t weir_c_int16;
typedef int32_t weir_c_int32;
typedef int64_t weir_c_int64;
typedef float weir_c_float;
typedef double weir_c_double;
typedef uint16_t weir_c_char;
typedef struct weir_str weir_c_string;
typedef struct weir_str weir_c_bytes;
typedef int64_t weir_c_timestamp;
#define WEIR_T_boolean weir_boolean
#define WEIR_T_int8 weir_int8
#define WEIR_T_int16 weir_int16
#define WEIR_T_int32 weir_int32
#define WEIR_T_int64 weir_int64
#define WEIR_T_float weir_float
#define WEIR_T_double weir_double
#define WEIR_T_char weir_char
#define WEIR_T_string weir_string
#define WEIR_T_bytes weir_bytes
#define WEIR_T_timestamp weir_timestamp

#define WEIR__MEMBER(T, n) weir_c_##T n;
#define WEIR__FIELD(T, n) { #n, &WEIR_T_##T, 0 },
#define WEIR_RECORD_AS(record, LIST, as_kind, as_java)                                                           \
	struct record { LIST(WEIR__MEMBER) };                                                                     \
	typedef struct record weir_c_##record;                                                                    \
	static struct weir_field weir__fields_##record[] = { LIST(WEIR__FIELD) };                                 \
	static struct weir_type record##_type __attribute__((unused)) = {                                         \
		.kind = (as_kind), .size = sizeof(struct record), .align = _Alignof(struct record),               \
		.name = #record, .java = (as_java), .fields = weir__fields_##record,                              \
		.nfields = sizeof(weir__fields_##record) / sizeof(weir__fields_##record[0]),                      \
		.null_offset = WEIR_NO_NULLS,                                                                     \
	};
#define WEIR_RECORD(record, LIST) WEIR_RECORD_AS(record, LIST, WEIR_POJO, "weir." #record)

/*
 * Make a type ready: compute field offsets, flags and wire order, and so for every type inside. Idempotent, thread-safe,
 * done by every call that takes a type from a job. Fails with WEIR_EINVALID on a type that cannot be (duplicate or missing
 * field name, nesting deeper than 32, a struct that is not laid out as C lays it out).
 */
int weir_type_prepare(struct weir_type *t, struct weir_error *err) WEIR_CHECK;

/* Types built at run time, in an arena, prepared. NULL when out of memory or malformed (err says which). Rows and POJOs built
 * here have a null bitmap in front of their fields (and rows a row kind: see struct weir_row_head), unless they have more than 64
 * fields: then their native form holds no nulls and only +I rows. */
struct weir_type *weir_type_list(struct weir_arena *a, struct weir_type *element, struct weir_error *err);
struct weir_type *weir_type_map(struct weir_arena *a, struct weir_type *key, struct weir_type *value, struct weir_error *err);
struct weir_type *weir_type_tuple(struct weir_arena *a, uint32_t n, struct weir_type *const *fields, struct weir_error *err);
struct weir_type *weir_type_row(struct weir_arena *a, uint32_t n, struct weir_type *const *fields, const char *const *names, struct weir_error *err);
struct weir_type *weir_type_pojo(struct weir_arena *a, const char *java, uint32_t n, struct weir_type *const *fields, const char *const *names,
				 struct weir_error *err);
struct weir_type *weir_type_timer(struct weir_arena *a, struct weir_type *key, struct weir_type *ns, struct weir_error *err);
struct weir_type *weir_type_ttl(struct weir_arena *a, struct weir_type *value, struct weir_error *err);

struct weir_row_head {
	uint64_t nulls;               /* bit i = fields[i] is null */
	uint8_t kind;                 /* 0 +I, 1 -U, 2 +U, 3 -D */
};

/* Same kind, Java class, fields and order, so the same bytes. Names too, except that a row without names equals one with. */
bool weir_type_equal(const struct weir_type *a, const struct weir_type *b);
/* For messages: "POJO weir.stats{flights: int64, ...}". Returns buf. */
const char *weir_type_text(const struct weir_type *t, char *buf, size_t size);
/* Field index by name, or -1. */
int weir_type_field(const struct weir_type *t, const char *name);
/* Java's TypeSerializer.getLength(): bytes, or -1 when variable. VOID says 0 though it writes one byte, as Flink does. */
int weir_type_java_length(const struct weir_type *t);

/* ---- native form <-> wire form ---- */

/* Append the wire form of the value at v. Out of memory is sticky in *out. Fails on what the wire form cannot hold. */
int weir_type_write(const struct weir_type *t, const void *v, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/* Read one value into v (t->size bytes). Text and containers point into the arena, or straight into the source's bytes where
 * the forms agree; so both must live as long as the value. Damage is reported with the source's path and offset. */
int weir_type_read(const struct weir_type *t, struct weir_src *src, struct weir_arena *mem, void *v, struct weir_error *err) WEIR_CHECK;

/* ---- wire form alone (any type, no native form needed) ---- */

/* Step over one value. OPAQUE: fails with WEIR_ENOTYPE (its length is not in the bytes); a caller that knows where the value
 * ends does not call this. Returns the cursor's code; details with weir_src_error. */
int weir_type_skip(const struct weir_type *t, struct weir_src *src) WEIR_CHECK;
/* One value as compact JSON, in the form of ../docs/formats/json.md. An OPAQUE takes all bytes that are left: {"hex":..}. */
int weir_type_to_json(const struct weir_type *t, struct weir_src *src, struct weir_buf *out) WEIR_CHECK;
/* The reverse: text of JSON -> wire form. For strings a bare word without quotes is accepted when `bare` is set. */
int weir_type_from_json(const struct weir_type *t, const char *json, size_t len, bool bare, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

/* ---- native form ---- */

/* Compact JSON, the same text as weir_type_to_json of the wire form. */
int weir_type_value_json(const struct weir_type *t, const void *v, struct weir_buf *out) WEIR_CHECK;
/* Deep copy: pointers of the copy lead into mem. False when out of memory. v and to may be the same. */
bool weir_type_copy(const struct weir_type *t, const void *v, struct weir_arena *mem, void *to);
bool weir_type_value_equal(const struct weir_type *t, const void *a, const void *b);
/* A 64-bit table hash; equal values hash equal. */
uint64_t weir_type_hash(const struct weir_type *t, const void *v);
/* Java's hashCode of the value as Flink holds it. WEIR_EUNSUPPORTED for types whose hash is the user's (POJO) or identity. */
int weir_type_java_hash(const struct weir_type *t, const void *v, int32_t *out_hash, struct weir_error *err) WEIR_CHECK;

/* ---- schema evolution, by Flink's rules (docs/formats/serializers.md) ---- */

enum weir_compat { WEIR_COMPAT_AS_IS, WEIR_COMPAT_AFTER_MIGRATION, WEIR_COMPAT_INCOMPATIBLE };

/* May state written as `from` be read by a job that uses `to`? why (may be NULL) receives one sentence when the answer is not AS_IS. */
enum weir_compat weir_type_compat(const struct weir_type *from, const struct weir_type *to, char *why, size_t why_size);
/* Convert one value of wire form `from` into wire form `to`: fields by name, added ones as Java's default (null for
 * objects, 0 for numbers), dropped ones gone. */
int weir_type_convert(const struct weir_type *from, const struct weir_type *to, struct weir_src *src, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

#endif
