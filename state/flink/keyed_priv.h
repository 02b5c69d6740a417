/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the keyed codec share. */
#ifndef WEIR_STATE_FLINK_KEYED_PRIV_H
#define WEIR_STATE_FLINK_KEYED_PRIV_H

#include "base/arena.h"
#include "state/flink/keyed.h"

#define WEIR__KEYED_END 0xffffu /* "no more states in this key group" */
#define WEIR__KEYED_MAX_STATES 32767u

/* One key group being read. */
struct weir__keyed_group {
	const struct weir_keyed_meta *meta;
	const char *path;
	int32_t key_group;
	uint32_t max_parallelism;
	uint64_t offset;        /* of the group in the stream */
	bool compressed;        /* the cursor is over decompressed bytes */
	bool open_ended;        /* bytes of another key group may follow */
	const struct weir_keyed_walk *walk;
	struct weir_arena scratch;
	struct weir_error *err;
};

/* Set the error of a group: path and offset, "key group 7, state 'x': ...". at: position within the cursor's bytes. state UINT32_MAX: none. */
int weir__keyed_fail(struct weir__keyed_group *g, int code, uint64_t at, uint32_t state, const char *text);
/* The same from a failed cursor. */
int weir__keyed_src_fail(struct weir__keyed_group *g, const struct weir_src *src, uint32_t state);

int weir__keyed_read_full(struct weir__keyed_group *g, struct weir_src *src);
int weir__keyed_read_heap(struct weir__keyed_group *g, struct weir_src *src);

/* Is a length written behind key and namespace in composite keys? */
bool weir__keyed_ambiguous(const struct weir_type *key, const struct weir_type *ns);
/* Bytes a value of this type always takes on the wire, or -1. */
int weir__keyed_fixed_size(const struct weir_type *t);
static inline bool weir__keyed_is_opaque(const struct weir_type *t) { return t->flags & WEIR_TYPE_OPAQUE || t->kind == WEIR_OPAQUE; }
/* Any wire_min bytes are a value: nothing to walk over. */
static inline bool weir__keyed_is_number(const struct weir_type *t) { return (t->kind >= WEIR_INT8 && t->kind <= WEIR_CHAR) || t->kind == WEIR_TIME_WINDOW; }

/* ---- the search for the ends of values whose serializer is unknown (keyed_search.c) ---- */
/* One section (state) of a HEAP key group from the first undelimited one on. */
struct weir__keyed_section {
	uint32_t state, count;
	uint32_t start;                  /* of its first entry */
	uint32_t *starts;                /* OPAQUE: start of each entry, then the end of the last; NULL for others */
	struct weir__keyed_section *next;
};
/* body: from the header of the first undelimited section to the end of the group; seen: nstates flags of the sections before it.
 * *out is the only way to take the body apart, in g->scratch; or NULL with *why (static) when there is none, more than one, or too much work. */
int weir__keyed_search(struct weir__keyed_group *g, struct weir_slice body, const uint8_t *seen, struct weir__keyed_section **out, const char **why);
/* State index must be handled by the search: its entries have no known end. */
bool weir__keyed_undelimited(const struct weir_keyed_meta *meta, uint32_t state);

/* Modified UTF-8 (as DataOutput.writeUTF) as ordinary UTF-8, NUL-terminated, in the arena. NULL when out of memory. */
char *weir__keyed_text(struct weir_arena *mem, struct weir_slice mutf8);

#endif
