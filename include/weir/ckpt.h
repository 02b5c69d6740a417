/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint model: what a checkpoint or savepoint is, free of versions. state/flink turns it to and from bytes of every
 * metadata version (docs/formats/metadata.md); the runtime, the tools and the mount know only this.
 *
 * Everything hangs in the arena of its struct weir_ckpt and is plain data: read it, or build one and write it.
 * Text that came from a file is modified UTF-8 as stored (for ordinary text the same as UTF-8).
 */
#ifndef WEIR_CKPT_H
#define WEIR_CKPT_H

#include <weir/error.h>
#include <weir/fs.h>
#include <weir/str.h>

struct weir_arena;
struct weir_buf;

/* Metadata versions that are written: 2 (Flink 1.3-1.10), 3 (1.11-1.15), 4 (1.16-1.20), 5 (2.0), 6 (2.1-2.3). */
#define WEIR_META_OLDEST 2
#define WEIR_META_DEFAULT 4
#define WEIR_META_NEWEST 6

struct weir_operator_id {
	uint8_t bytes[16]; /* printed order */
};
/* Flink's hash of a uid. */
struct weir_operator_id weir_operator_id_of_uid(const char *uid);
void weir_operator_id_hex(const struct weir_operator_id *id, char out[33]);
bool weir_operator_id_parse(const char *hex, struct weir_operator_id *out); /* 32 hex digits */

/* ---- where bytes are ---- */
enum weir_handle_kind {
	WEIR_HANDLE_NONE,
	WEIR_HANDLE_INLINE,     /* data lies in the metadata; name is the path it would have had */
	WEIR_HANDLE_FILE,       /* absolute: a URI */
	WEIR_HANDLE_RELATIVE,   /* name relative to the directory of _metadata */
	WEIR_HANDLE_KEY_GROUPS, /* tag 3 as a stream (rare) */
	WEIR_HANDLE_SEGMENT,    /* [start, start+size) of an absolute file */
	WEIR_HANDLE_EMPTY_SEGMENT,
};

struct weir_key_group_offsets {
	int32_t first;    /* key group */
	uint32_t count;
	int64_t *offsets; /* count; 0 = no data (full), -1 = not started (raw) */
};

struct weir_stream_handle {
	enum weir_handle_kind kind;
	struct weir_slice name;         /* path or name */
	int64_t size;                   /* bytes, or -1 unknown; INLINE: data.len */
	bool longer;                    /* the file may be longer than size: a changelog's, whose last bytes Flink does not count */
	struct weir_slice data;         /* INLINE */
	int64_t start;                  /* SEGMENT */
	int32_t scope;                  /* SEGMENT: 0 exclusive, 1 shared */
	struct weir_slice logical_id;   /* SEGMENT */
	struct weir_key_group_offsets groups; /* KEY_GROUPS */
	struct weir_stream_handle *inner;     /* KEY_GROUPS */
};

/* ---- keyed state of a subtask ---- */
enum weir_keyed_kind {
	WEIR_KEYED_NONE = 0,
	WEIR_KEYED_GROUPS_OLD = 3,
	WEIR_KEYED_INCREMENTAL_OLD = 5,
	WEIR_KEYED_SAVEPOINT = 7,       /* canonical */
	WEIR_KEYED_CHANGELOG_OLD = 8,
	WEIR_KEYED_CHANGES_INLINE = 9,
	WEIR_KEYED_CHANGES_FILES_OLD = 10,
	WEIR_KEYED_INCREMENTAL = 11,
	WEIR_KEYED_GROUPS = 12,         /* hashmap native */
	WEIR_KEYED_CHANGES_FILES = 13,
	WEIR_KEYED_CHANGELOG = 14,
};

struct weir_named_handle {
	struct weir_slice name;
	struct weir_stream_handle handle;
};

struct weir_change {
	int32_t key_group; /* -1 = metadata */
	struct weir_slice bytes;
};

struct weir_change_file {
	int64_t offset;
	struct weir_stream_handle handle;
};

struct weir_keyed_handle {
	enum weir_keyed_kind kind;           /* the tag */
	struct weir_key_group_offsets groups; /* range always; offsets for 3, 7, 12 */
	struct weir_stream_handle stream;    /* 3, 7, 12: the data; 5, 11: the backend's meta */
	struct weir_slice id;                /* state handle id, or empty */
	int64_t checkpoint_id;               /* 5, 11, 14 */
	struct weir_slice backend_id;        /* 5, 11 */
	int64_t checkpointed_size;           /* 11, 13, 14; -1 unknown */
	uint32_t nshared, nprivate;          /* 5, 11 */
	struct weir_named_handle *shared, *private_;
	uint32_t nmaterialized, nincrements; /* 8, 14 */
	struct weir_keyed_handle *materialized, *increments;
	int64_t materialization_id;          /* 8, 14 */
	int64_t from_seq, to_seq;            /* 9 */
	uint32_t nchanges;                   /* 9 */
	struct weir_change *changes;
	uint32_t nfiles;                     /* 10, 13 */
	struct weir_change_file *files;
	int64_t size;                        /* 10, 13 */
	struct weir_slice storage_id;        /* 13 */
};

/* ---- operator state of a subtask ---- */
enum weir_distribution { WEIR_SPLIT_DISTRIBUTE, WEIR_UNION, WEIR_BROADCAST };

struct weir_operator_list {
	struct weir_slice name;
	enum weir_distribution mode;
	uint32_t count;
	int64_t *offsets;
};

struct weir_operator_handle {
	bool present;
	bool merged;                          /* tag 17 */
	uint32_t nlists;
	struct weir_operator_list *lists;
	struct weir_slice task_owned_dir, shared_dir; /* tag 17 */
	bool empty;                           /* tag 17 */
	struct weir_stream_handle stream;
};

/* ---- in-flight data (unaligned checkpoints) ---- */
struct weir_channel_handle {
	bool output;              /* result subpartition, else input channel */
	bool merged;              /* V6 types 3, 4: offsets are packed */
	int32_t subtask;          /* -1: not stored (Flink 1.11) */
	int32_t a, b;             /* gate and channel, or partition and subpartition */
	uint32_t noffsets;
	int64_t *offsets;
	int64_t size;
	struct weir_slice packed;
	struct weir_stream_handle stream;
};

struct weir_subtask_state {
	uint32_t index;
	bool finished;
	int64_t duration_inverted;          /* V2 only: ~duration as read. 0 = -1, what Flink writes; nobody uses it */
	struct weir_operator_handle managed_operator, raw_operator;
	struct weir_keyed_handle managed_keyed, raw_keyed;
	uint32_t ninputs, noutputs;
	struct weir_channel_handle *inputs, *outputs;
};

struct weir_operator_state {
	struct weir_operator_id id;
	struct weir_slice name, uid;        /* empty = unknown (before V5) */
	uint32_t parallelism, max_parallelism;
	uint32_t chain_extra;               /* V2 only: chain length - 1 as read. 0 = 1, what Flink writes; nobody uses it */
	bool fully_finished;                /* then without subtasks and coordinator state */
	struct weir_stream_handle coordinator; /* NONE or INLINE */
	uint32_t nsubtasks;
	struct weir_subtask_state *subtasks; /* ascending index when weir writes; as found when read */
};

struct weir_master_state {
	int32_t version;
	struct weir_slice name, payload;
};

/* What kind of snapshot it is: the CheckpointProperties at the end of V4 and later. */
enum weir_snapshot_kind {
	WEIR_SNAPSHOT_UNKNOWN,  /* null or not understood; the raw bytes are kept */
	WEIR_SNAPSHOT_CHECKPOINT,
	WEIR_SNAPSHOT_FULL_CHECKPOINT,
	WEIR_SNAPSHOT_SAVEPOINT,
	WEIR_SNAPSHOT_SUSPEND,  /* stop with savepoint */
	WEIR_SNAPSHOT_TERMINATE, /* stop with drain */
};
struct weir_snapshot_properties {
	enum weir_snapshot_kind kind;
	bool native;            /* savepoints: NATIVE, else CANONICAL */
	bool discard_cancelled, discard_failed, discard_finished, discard_subsumed, discard_suspended, forced, unclaimed;
	struct weir_slice raw;  /* as read; written again when not empty */
};

/* V3 has one number and three layouts: which Flink release wrote it. */
enum weir_meta_profile {
	WEIR_META_SINCE_1_12, /* and what is written */
	WEIR_META_1_14,       /* changelog handles without sizes and ids */
	WEIR_META_1_11,       /* channel handles without their subtask */
};

struct weir_ckpt {
	int32_t version;        /* as read; 0 for one that is being built */
	enum weir_meta_profile profile; /* as read */
	int64_t id;
	uint32_t nmasters, noperators;
	struct weir_master_state *masters;
	struct weir_operator_state *operators;
	struct weir_snapshot_properties properties;
	/* where it came from; empty for one that is being built */
	struct weir_fs *fs;
	char *dir;              /* directory of _metadata: what RELATIVE is relative to */
	char *path;             /* of _metadata */
	char *moved_from, *moved_to; /* the checkpoint lies elsewhere than its absolute references say: path prefix there and here; or NULL */
	struct weir_arena *arena;
	struct weir_fs_map *map; /* what slices point into */
};

struct weir_operator_state *weir_ckpt_operator(const struct weir_ckpt *c, const struct weir_operator_id *id);

/* Every stream handle of the checkpoint once, in file order, inner ones of KEY_GROUPS instead of their outer; NONE and EMPTY_SEGMENT are
 * left out. sub is NULL for coordinator state. A non-zero result of fn stops the walk and is returned. */
typedef int weir_ckpt_handle_fn(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h);
int weir_ckpt_each_handle(const struct weir_ckpt *c, weir_ckpt_handle_fn *fn, void *arg);

/* ---- bytes ---- */
/* Parse; slices point into `bytes`, which must outlive the result. */
int weir_ckpt_decode(struct weir_slice bytes, const char *path_for_messages, struct weir_arena *mem, struct weir_ckpt **out, struct weir_error *err) WEIR_CHECK;
/* Write as `version`. A decoded file encodes to the same bytes at its own version. At another version handles are rewritten as far as it takes:
 * to V2: 7, 12 -> 3, 11 -> 5, relative -> absolute (by c->fs and c->dir); to V3 also 14 -> 8, 13 -> 10; below V6 merged channel handles are unpacked.
 * What cannot be expressed is refused (WEIR_EUNSUPPORTED), naming operator and subtask. On failure *out is as it was. */
int weir_ckpt_encode(const struct weir_ckpt *c, int32_t version, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

/* ---- files ---- */
/* Open a checkpoint or savepoint: a directory with _metadata, a _metadata file under any name, a job's checkpoint directory
 * or a checkpoint root (then its newest complete chk-N). Errors name what was looked for. */
int weir_ckpt_open(const char *uri, struct weir_ckpt **out, struct weir_error *err) WEIR_CHECK;
void weir_ckpt_close(struct weir_ckpt *c); /* NULL is allowed */
/* For an error of damaged state (CORRUPT, TRUNCATED): append which other checkpoint of the same job is complete. meta_path is the path of the
 * damaged _metadata within fs (c->fs and c->path). weir_ckpt_open() has done it for its own errors. Does nothing for other errors. */
void weir_ckpt_suggest(struct weir_fs *fs, const char *meta_path, struct weir_error *err);
/* The file behind a FILE, RELATIVE or SEGMENT handle: present and long enough, else WEIR_ECORRUPT naming it, the expected and the actual size.
 * An absolute reference to a file that is not there is looked for where the checkpoint was moved to. *out_path is malloc'ed. */
int weir_ckpt_locate(const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_fs **out_fs, char **out_path, struct weir_error *err) WEIR_CHECK;
/* All files are there: weir_ckpt_locate() of every handle. */
int weir_ckpt_check_files(const struct weir_ckpt *c, struct weir_error *err) WEIR_CHECK;
/* The bytes behind a handle: mapped or inline. `map` may come back NULL (inline). Messages name the file; a missing or short file is
 * WEIR_ECORRUPT. */
int weir_ckpt_bytes(const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_fs_map **out_map, struct weir_slice *out, char **out_path,
		    struct weir_error *err) WEIR_CHECK;

#endif
