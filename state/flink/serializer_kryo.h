/* SPDX-License-Identifier: Apache-2.0 */
/* Kryo object graphs: what the serializer_kryo*.c share. Read serializer_kryo.c first. */
#ifndef WEIR_STATE_FLINK_SERIALIZER_KRYO_H
#define WEIR_STATE_FLINK_SERIALIZER_KRYO_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/src.h"

struct weir__kryo_graph;
struct weir__kryo_class;

/* Reads the body of an object (behind class and reference) and appends its JSON. */
typedef void weir__kryo_read_fn(struct weir__kryo_graph *g, const struct weir__kryo_class *c);

enum weir__kryo_flags {
	WEIR__KRYO_FINAL = 1,   /* a final class: arrays and fields of it do not name the class of each element */
	WEIR__KRYO_PLAIN = 2,   /* never a reference: boxed numbers */
	WEIR__KRYO_ENUM = 4,    /* no reference in Kryo 5 */
	WEIR__KRYO_UNSURE = 8,  /* not known whether final */
	WEIR__KRYO_UNSORTED = 16, /* a Java set, or a map that is not a SortedMap: shown sorted by text */
	WEIR__KRYO_ORDERED = 32,  /* holds a comparator */
	WEIR__KRYO_NO_NULLS = 64, /* cannot hold null, and Kryo 5 does not say that it does not */
};

struct weir__kryo_class {
	const char *name;
	weir__kryo_read_fn *read;
	uint32_t flags;
	const char *arg;              /* the reader's: fields, names of constants, ... */
};

/* What the snapshot says. */
struct weir__kryo {
	const char *java;             /* class of the values */
	uint32_t n;
	struct weir__kryo_class *registered; /* those that got a number: WEIR__KRYO_FIRST_ID, ... */
	int major;                    /* of Kryo: 2 (Flink 1.x) or 5 (2.x); 0: not known */
};
#define WEIR__KRYO_FIRST_ID 85

struct weir__kryo_object {
	const uint8_t *at;            /* its body */
	struct weir__kryo_class class;
	uint32_t nnames;              /* class names known before it */
	bool done;
};

struct weir__kryo_graph {
	struct weir_src *src;
	struct weir_buf *out;
	const struct weir__kryo *kryo;
	bool five;                    /* Kryo 5 */
	bool tail;                    /* nothing follows: what cannot be read may be shown as the bytes that are left */
	bool cut;                     /* ... and has been: everything unwinds */
	struct weir_arena mem;
	struct weir__kryo_class *names;
	struct weir__kryo_object *objects;
	uint32_t nnames, nobjects, known_names, known_objects; /* known: read once already; a reference is shown by reading its object again */
	const struct weir__kryo_class *generic[2]; /* final classes of the elements, or of keys and values, of the next container, told by the type of a field */
	uint32_t depth;
	bool pair;                    /* the next object is an entry of a Scala map: a tuple that is shown as one */
	uint64_t steps;
	const uint8_t *start;
	const char *unknown;          /* class that was not readable */
};

/* ---- serializer_kryo_graph.c ---- */
void weir__kryo_graph_init(struct weir__kryo_graph *g, struct weir_src *src, struct weir_buf *out, const struct weir__kryo *k, bool five, bool tail);
void weir__kryo_graph_fini(struct weir__kryo_graph *g);
static inline bool weir__kryo_stop(const struct weir__kryo_graph *g) { return g->src->code || g->cut; }
uint32_t weir__kryo_int(struct weir__kryo_graph *g);    /* varint */
int32_t weir__kryo_zigzag(struct weir__kryo_graph *g);
int64_t weir__kryo_long(struct weir__kryo_graph *g);    /* varint of up to nine bytes */
int64_t weir__kryo_zigzag64(struct weir__kryo_graph *g);
uint64_t weir__kryo_fixed(struct weir__kryo_graph *g, unsigned bytes); /* big endian in Kryo 2, little in 5 */
/* A string appended as UTF-8. False: null. */
bool weir__kryo_text(struct weir__kryo_graph *g, struct weir_buf *text);
void weir__kryo_put_text(struct weir__kryo_graph *g);   /* ... as JSON */
/* A class; NULL for null. */
const struct weir__kryo_class *weir__kryo_take_class(struct weir__kryo_graph *g);
void weir__kryo_object(struct weir__kryo_graph *g);     /* class, reference, body */
/* Reference and body of a class known from elsewhere. nullable: numbers and enums, which have no reference, have a mark instead. */
void weir__kryo_known(struct weir__kryo_graph *g, const struct weir__kryo_class *c, bool nullable);
/* The reference of an object inside another, which must be new; the caller reads the body. */
void weir__kryo_mark(struct weir__kryo_graph *g, const char *name);
/* The bytes that are left, or the failure that the value cannot be read. */
void weir__kryo_unknown(struct weir__kryo_graph *g, const struct weir__kryo_class *c);
/* The text Java makes of the object that is next, without quotes but escaped for a JSON string. */
void weir__kryo_put_plain(struct weir__kryo_graph *g);

/* ---- serializer_kryo_class.c ---- */
/* By name, of Java's, Scala's and Flink's classes, or an array; else one that is read by weir__kryo_unknown. name must live as long as the result. */
struct weir__kryo_class weir__kryo_class_named(const char *name);
/* Ids below WEIR__KRYO_FIRST_ID; NULL. */
const char *weir__kryo_class_of_id(uint32_t id);
/* A class with a Kryo serializer of its own. */
struct weir__kryo_class weir__kryo_class_written_by(const char *name, const char *serializer);

/* ---- serializer_kryo_describe.c ---- */
/* A class that the user described. */
bool weir__kryo_description(const char *name, struct weir__kryo_class *out);
weir__kryo_read_fn weir__kryo_described;
void weir__kryo_put_primitive(struct weir__kryo_graph *g, char type);

/* ---- readers: serializer_kryo_container.c, serializer_kryo_value.c ---- */
weir__kryo_read_fn weir__kryo_array, weir__kryo_collection, weir__kryo_map, weir__kryo_as_list, weir__kryo_priority_queue, weir__kryo_nothing, weir__kryo_single_list,
	weir__kryo_single_map, weir__kryo_enum_set, weir__kryo_traversable, weir__kryo_product, weir__kryo_fields, weir__kryo_specialized, weir__kryo_wrapper,
	weir__kryo_symbol, weir__kryo_plain;
weir__kryo_read_fn weir__kryo_scalar, weir__kryo_string, weir__kryo_enum, weir__kryo_big, weir__kryo_date, weir__kryo_uuid, weir__kryo_bit_set, weir__kryo_text_body,
	weir__kryo_time, weir__kryo_optional, weir__kryo_optional_number, weir__kryo_pattern, weir__kryo_locale, weir__kryo_socket, weir__kryo_class_object,
	weir__kryo_calendar, weir__kryo_entry, weir__kryo_reference, weir__kryo_bytes, weir__kryo_java, weir__kryo_avro_array;

#endif
