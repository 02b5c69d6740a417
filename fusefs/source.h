/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mounted: one or more places, each a snapshot (in an archive too) or a directory of checkpoints, whose list may grow and shrink while it is mounted.
 * A snapshot has a slot for the life of the mount (its number is part of inode numbers); its view is opened when first needed. Another
 * snapshot under the path of an earlier one has a slot of its own.
 * Thread-safe.
 */
#ifndef WEIR_FUSEFS_SOURCE_H
#define WEIR_FUSEFS_SOURCE_H

#include <pthread.h>

#include "base/arena.h"
#include "base/buf.h"
#include "state/ckpt/view.h"

#define WEIR_SNAPSHOTS_MAX 1024

/* A physical file of a snapshot. */
enum weir_file_place { WEIR_PLACE_HERE, WEIR_PLACE_SHARED, WEIR_PLACE_TASKOWNED, WEIR_PLACE_ABSOLUTE };
struct weir_raw_file {
	const char *name;                         /* in its directory of raw/ */
	const char *uri;                          /* as recorded */
	enum weir_file_place place;
	const struct weir_stream_handle *handle;  /* one that names it; NULL for _metadata */
	uint32_t refs;
	int64_t size;                             /* recorded, or -1 */
};

/* A state handle of a snapshot, as handles/ names it. */
struct weir_named_part {
	const struct weir_operator_state *op;
	const struct weir_subtask_state *sub;     /* NULL: of the coordinator */
	const struct weir_stream_handle *handle;
	char kind[32];
	uint32_t number;                          /* among those of its operator, subtask and kind */
};

/* What is known about a state, learnt when first asked for. Guarded by snapshot->lock. */
struct weir_facts {
	bool counted;
	int code;               /* why it could not be counted, or 0 */
	uint64_t count, bytes;
	uint32_t ngroups;       /* length of the arrays: max parallelism, or 1 for state that is not keyed */
	uint32_t *groups;       /* entries in each */
	uint32_t nfull;         /* groups with entries, */
	uint32_t *full;         /* ascending */
	int64_t *all_len, *keys_len; /* bytes of all.jsonl and keys.txt for full[i]; -1 = not known yet */
	int64_t *tsv_len;       /* of all.tsv: the header, then as these */
	int64_t top_len[3];
};

struct weir_snapshot {
	char *name, *uri;
	uint32_t same;          /* how many have the name before it: shown as NAME~2, ... */
	uint32_t root;          /* of the source */
	bool complete, gone;    /* by __atomic builtins: they change under readers */
	bool seen;              /* in the listing at hand */
	bool changed;           /* its files were replaced or cut short since they were opened: nothing of it is shown any more */
	uint64_t faults;        /* weir_fault_total() when its files were looked at last */
	int64_t id, mtime_ms;
	uint64_t size;          /* of _metadata; with mtime_ms: is it still the same? */
	struct weir_error why;  /* when not complete */
	struct weir_ckpt *ckpt; /* belongs to the view once that is open */
	struct weir_view *view; /* NULL until needed */
	int view_code;          /* opening it failed */
	uint32_t nfiles;
	struct weir_raw_file *files;
	uint32_t nhandles;
	struct weir_named_part *handles;
	struct weir_facts *facts; /* one a state */
	uint64_t *state_bytes;    /* of each state, and */
	uint32_t *by_size;        /* the states, largest first; both NULL until somebody asks */
	struct weir_arena mem;
	pthread_mutex_t lock;
};

/* A place that was given. */
struct weir_source_root {
	char *uri;               /* as given */
	struct weir_fs *fs;
	char *path;
	bool live;               /* a directory whose list may change */
};

struct weir_source {
	uint32_t nroots;
	struct weir_source_root *roots;
	bool live;               /* any of them is */
	uint32_t nslots;
	struct weir_snapshot *slots[WEIR_SNAPSHOTS_MAX];
	uint32_t left_out;       /* snapshots beyond the last slot */
	pthread_mutex_t lock;
};

/* Fails when nothing at one of the paths is a checkpoint or savepoint, with the reason. Paths are what weir_locate() takes. */
int weir_source_open_all(const char *const *uris, size_t n, struct weir_source **out, struct weir_error *err) WEIR_CHECK;
int weir_source_open(const char *uri, struct weir_source **out, struct weir_error *err) WEIR_CHECK;
void weir_source_close(struct weir_source *s);
/* Look again which snapshots there are. */
int weir_source_refresh(struct weir_source *s, struct weir_error *err) WEIR_CHECK;
uint32_t weir_source_count(struct weir_source *s);
/* NULL when the slot was never used. */
struct weir_snapshot *weir_source_slot(struct weir_source *s, uint32_t slot);
/* Slot of the newest complete snapshot, or -1. */
int weir_source_latest(struct weir_source *s);
/* Is it there and complete? */
bool weir_snapshot_listed(const struct weir_snapshot *s);
/* Its name as a path component; appended. */
void weir_snapshot_name(const struct weir_snapshot *s, struct weir_buf *out);
/* The complete snapshot of this name, or -1. */
int weir_source_find(struct weir_source *s, const char *name);
/* Fill s->handles (tree_handle.c). WEIR_ENOMEM. */
int weir__gather_handles(struct weir_snapshot *s);
/* The view of a snapshot, opened now if need be. */
int weir_snapshot_view(struct weir_snapshot *s, struct weir_view **out, struct weir_error *err) WEIR_CHECK;

#endif
