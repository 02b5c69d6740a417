/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed state streams: FULL (canonical) and HEAP (the hashmap backend's), docs/formats/keyed-state.md. Bytes only: keys, namespaces
 * and values arrive and leave serialized; the types are used to find where one ends.
 */
#ifndef WEIR_STATE_FLINK_KEYED_H
#define WEIR_STATE_FLINK_KEYED_H

#include "base/buf.h"
#include "base/src.h"
#include "state/flink/entry.h"

enum weir_keyed_format { WEIR_FORMAT_FULL, WEIR_FORMAT_HEAP };

/* One state of a stream's metadata block. For MAP, value_type is the whole MapSerializer, for LIST the ListSerializer. */
struct weir_keyed_state_meta {
	const char *name;
	enum weir_state_kind kind;      /* VALUE..MAP, TIMER */
	struct weir_type *ns;           /* NULL for TIMER */
	struct weir_type *stored;       /* VALUE_SERIALIZER; TIMER: TimerSerializer */
	bool v2;                        /* KEY_VALUE_V2 (ForSt): the parts of a list or map were stored apart */
};

/* ---- writing ---- */
/* Append the metadata block, proxy version 6. Also the whole content of an incremental checkpoint's meta stream. */
int weir_keyed_write_meta(bool compressed, const struct weir_type *key, uint32_t nstates, const struct weir_keyed_state_meta *states,
			  struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/* A writer into any output: `put` receives the bytes in order. It records where each key group starts. */
typedef int weir_put_fn(void *arg, const void *p, size_t n, struct weir_error *err);
struct weir_keyed_writer;
int weir_keyed_writer_new(enum weir_keyed_format format, struct weir_type *key, uint32_t nstates, const struct weir_keyed_state_meta *states,
			  uint32_t max_parallelism, int32_t first_group, uint32_t ngroups, weir_put_fn *put, void *arg, struct weir_keyed_writer **out,
			  struct weir_error *err) WEIR_CHECK;
/* Write key groups snappy-compressed. Before the first group. */
void weir_keyed_writer_compress(struct weir_keyed_writer *w);
/* Key groups in ascending order; HEAP: every group of the range, every state once with its exact count. FULL: begin_state is free of order and
 * the count is ignored; states without entries may be left out. */
int weir_keyed_writer_group(struct weir_keyed_writer *w, int32_t key_group, struct weir_error *err) WEIR_CHECK;
int weir_keyed_writer_state(struct weir_keyed_writer *w, uint32_t state, uint32_t count, struct weir_error *err) WEIR_CHECK;
/* One entry. FULL: key, ns, user_key (MAP), value in canonical form (LIST joined by 0x2c; MAP flag + value), one call per map entry.
 * HEAP: value is the whole value in its serializer's form (MAP one call per key). TIMER: key, ns, timestamp. */
int weir_keyed_writer_entry(struct weir_keyed_writer *w, struct weir_slice key, struct weir_slice ns, struct weir_slice user_key, struct weir_slice value,
			    int64_t timestamp, struct weir_error *err) WEIR_CHECK;
/* Entries whose parts always take so many bytes: what is the same in all of them, and where in an entry the parts go. VALUE, REDUCING, AGGREGATING, TIMER
 * (value_size 0), of the state and key group begun last; size 0: this state's entries have no such form, or are longer than `bytes`. */
struct weir_keyed_row {
	size_t size, key, ns, value, timestamp;
	uint8_t bytes[1024];
};
void weir_keyed_writer_row(const struct weir_keyed_writer *w, size_t key_size, size_t ns_size, size_t value_size, struct weir_keyed_row *out);
/* n entries of row_size bytes, one behind the other: the caller fills *room before its next call. */
int weir_keyed_writer_rows(struct weir_keyed_writer *w, uint32_t n, size_t row_size, uint8_t **room, struct weir_error *err) WEIR_CHECK;
/* Ends the stream. offsets: ngroups entries, as the handle wants them. */
int weir_keyed_writer_finish(struct weir_keyed_writer *w, int64_t *out_offsets, uint64_t *out_size, struct weir_error *err) WEIR_CHECK;
void weir_keyed_writer_free(struct weir_keyed_writer *w);

/* ---- reading ---- */
/* Bytes of key group in front of a composite key. */
static inline uint32_t weir_keyed_prefix(uint32_t max_parallelism) { return max_parallelism > 128 ? 2 : 1; }
struct weir_keyed_meta {
	bool compressed;
	struct weir_type *key;
	uint32_t nstates;
	struct weir_keyed_state_meta *states;
	uint64_t size;                  /* bytes of the metadata block */
};
/* Everything in the arena, nothing points into the stream. A serializer weir does not know is delimited by what follows it; for that of the
 * last state this works only when `stream` is cut at the first key group's offset. */
int weir_keyed_read_meta(struct weir_slice stream, const char *path, struct weir_arena *mem, struct weir_keyed_meta **out, struct weir_error *err) WEIR_CHECK;
/* An opaque type for what nothing stored says the serializer of; `what` (static) stands in its messages. */
struct weir_type *weir_keyed_unknown_type(struct weir_arena *mem, const char *what, struct weir_error *err);
/* The description of one state as a changelog holds it; bytes may follow it. */
int weir_keyed_read_state_meta(struct weir_slice bytes, const char *path, struct weir_arena *mem, struct weir_keyed_state_meta *out, struct weir_error *err) WEIR_CHECK;
/* FULL or HEAP? The handle's tag does not say for 3 and 12. */
enum weir_keyed_format weir_keyed_detect(enum weir_keyed_kind kind, struct weir_slice stream, const struct weir_keyed_meta *meta,
					 const struct weir_key_group_offsets *groups, uint32_t max_parallelism);
/* Walk one key group: fn gets entries with key, ns, user_key, value (canonical), timestamp; e->state is NULL, state_index says which.
 * `end` is the next larger offset of the handle, or the size of the stream. FULL with offset 0: no entries.
 * An entry whose own bytes do not fit its types, but whose end is known, arrives with `undecodable` set (then user_key and ns may be missing
 * and key may be the whole composite key): a restore must treat it as damage.
 * OPAQUE values inside HEAP have no length: they are delimited by the key-group check of the keys that follow; where that is
 * ambiguous the rest of the group becomes one entry with `undecodable` set. */
typedef int weir_keyed_entry_fn(void *arg, uint32_t state_index, const struct weir_entry *e);
int weir_keyed_read_group(enum weir_keyed_format format, struct weir_slice stream, const char *path, const struct weir_keyed_meta *meta, int32_t key_group,
			  int64_t offset, int64_t end, uint32_t max_parallelism, weir_keyed_entry_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

/* The same entries as they are stored: HEAP gives whole LIST and MAP values in their serializer's form, one entry per key and namespace. state (may be
 * NULL) is called where a state's entries begin, with their count: HEAP also for states without any; FULL counts the (key, namespace) of the run. */
struct weir_keyed_walk {
	int (*state)(void *arg, uint32_t state_index, uint32_t count);
	weir_keyed_entry_fn *entry;
	void *arg;
};
int weir_keyed_read_group_stored(enum weir_keyed_format format, struct weir_slice stream, const char *path, const struct weir_keyed_meta *meta,
				 int32_t key_group, int64_t offset, int64_t end, uint32_t max_parallelism, const struct weir_keyed_walk *walk,
				 struct weir_error *err) WEIR_CHECK;
/* A composite key (key group, key, namespace, user key; or a timer) of at least weir_keyed_prefix() bytes and its value, as FULL streams and RocksDB store them,
 * taken apart. What does not fit the types of the state comes back `undecodable`, with the whole composite key as its key. */
void weir_keyed_split(const struct weir_keyed_meta *meta, uint32_t state, int32_t key_group, uint32_t max_parallelism, struct weir_slice key,
		      struct weir_slice value, struct weir_entry *out);
/* The key group a serialized key belongs to; scratch is reset. False when the Java hash of its type is the user's, or the key does not decode. */
bool weir_keyed_group_of(const struct weir_type *key, struct weir_slice bytes, uint32_t max_parallelism, struct weir_arena *scratch, uint32_t *out);

/* Convert a canonical LIST value (joined by 0x2c) or gathered MAP entries to the serializer's form and back is done by the reader and by: */
int weir_list_to_canonical(const struct weir_type *list, struct weir_slice stored, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
int weir_list_from_canonical(const struct weir_type *list, struct weir_slice canonical, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

#endif
