/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java Object Serialization streams (protocol 2) as data: the shape that the bytes spell out, never what a class would make of it.
 * Snapshots and old state hold them; where such a stream ends is known only by reading it. docs/formats/serializers.md, "Java objects".
 */
#ifndef WEIR_STATE_FLINK_JAVA_OBJECT_H
#define WEIR_STATE_FLINK_JAVA_OBJECT_H

#include "base/buf.h"
#include "base/src.h"

struct weir_arena;

struct weir_java_class {
	const char *name;     /* binary name, "[I" for an array; UTF-8 */
	uint64_t uid;         /* serialVersionUID */
	uint8_t flags;        /* enum weir_java_flags */
	bool proxy;           /* a dynamic proxy: no name */
	uint16_t nfields;
	struct weir_java_declared { char type; const char *name; } *fields; /* type: B C D F I J S Z L [ */
	struct weir_java_class *super;
	uint32_t depth;       /* number of classes above it */
	bool complete;
};
enum weir_java_flags { WEIR_JAVA_WRITE_METHOD = 1, WEIR_JAVA_SERIALIZABLE = 2, WEIR_JAVA_EXTERNALIZABLE = 4, WEIR_JAVA_BLOCK_DATA = 8, WEIR_JAVA_ENUM = 16 };

enum weir_java_kind { WEIR_JAVA_OBJECT, WEIR_JAVA_STRING, WEIR_JAVA_ARRAY, WEIR_JAVA_CLASS, WEIR_JAVA_ENUM_CONSTANT, WEIR_JAVA_BLOCK };

struct weir_java_value {
	char type;            /* as a field's; 'L' for every reference */
	union {
		int64_t i;    /* B C I J S Z */
		double d;     /* D F */
		const struct weir_java_node *node; /* L; NULL = null */
	} u;
};

/* What one class of an object's hierarchy wrote. */
struct weir_java_level {
	const struct weir_java_class *class;
	struct weir_java_value *fields; /* class->nfields */
	struct weir_java_value *items;  /* what its writeObject or writeExternal added: objects, and blocks of bytes */
	uint32_t nitems;
};

struct weir_java_node {
	enum weir_java_kind kind;
	const struct weir_java_class *class; /* OBJECT, ARRAY, CLASS, ENUM_CONSTANT */
	struct weir_slice bytes;      /* STRING, ENUM_CONSTANT: modified UTF-8, checked; BLOCK: bytes; ARRAY of primitives: its elements, big endian */
	uint32_t n;                   /* OBJECT: levels, the topmost class that wrote anything first; ARRAY: elements */
	struct weir_java_level *levels;
	struct weir_java_value *items; /* ARRAY of references */
	void *memo;                   /* the walker's: what it made of this node */
};

/*
 * Read one complete stream at the cursor (aced0005 and one value) and stop behind it. The tree lies in the arena and points into the
 * source. Work and memory are linear in the bytes; nesting is capped. Streams may contain themselves: whoever walks must bound the depth.
 * Damage goes to the cursor, whose code is returned.
 */
int weir_java_read(struct weir_src *src, struct weir_arena *mem, struct weir_java_value *out);

/* Is it an object (enum constant, class object, array) of this class? NULL is none. */
bool weir_java_is(const struct weir_java_node *o, const char *class_name);
/* A field by name, of the most derived class that has it; NULL. */
const struct weir_java_value *weir_java_field(const struct weir_java_node *o, const char *name);
/* Fields as what they should be, else the default. */
const struct weir_java_node *weir_java_node_of(const struct weir_java_node *o, const char *name);
int64_t weir_java_int_of(const struct weir_java_node *o, const char *name, int64_t otherwise);
/* The elements of the usual lists and sets (ArrayList, Arrays.asList, LinkedList, unmodifiable and immutable ones, ArrayDeque...), and of arrays
 * of references. False: not one of them. */
bool weir_java_elements(const struct weir_java_node *o, const struct weir_java_value **items, uint32_t *n);
/* Key and value alternating, of the usual maps. */
bool weir_java_entries(const struct weir_java_node *o, const struct weir_java_value **items, uint32_t *n_pairs);
/* Text of a string or enum constant as UTF-8. */
void weir_java_put_text(struct weir_buf *out, const struct weir_java_node *o);
bool weir_java_text_is(const struct weir_java_node *o, const char *ascii);

#endif
