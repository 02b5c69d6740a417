/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a job's checkpoints on a file system: <root>/<job id>/{chk-N,shared,taskowned}, and savepoint directories.
 * It writes what weir/ckpt.h describes, in the durable order: state files and their directory synced, then _metadata published, then (and
 * only then) what is superseded deleted. docs/contracts/filesystem.md, the commit protocol.
 *
 * Threads: a store may be used by many threads, close() apart. A target and a stream are one thread's at a time; streams of one target
 * may be written by many threads at once.
 */
#ifndef WEIR_STATE_CKPT_STORE_H
#define WEIR_STATE_CKPT_STORE_H

#include <weir/ckpt.h>

struct weir_rng;
struct weir_store;

struct weir_store_config {
	struct weir_fs *fs;        /* NULL: the one of the URI. Else root, and savepoint URIs without a scheme, are paths within it */
	const char *root;          /* URI of the checkpoint directory */
	const char *job_id;        /* 32 hex digits */
	bool create_subdir;        /* execution.checkpointing.create-subdir */
	uint32_t num_retained;     /* >= 1 */
	uint64_t inline_threshold; /* state up to this many bytes goes into _metadata */
	int32_t meta_version;      /* WEIR_META_DEFAULT */
};
/* Takes the exclusive lock of the job's directory: a second process is refused (WEIR_EBUSY, naming the pid). */
int weir_store_open(const struct weir_store_config *config, struct weir_rng *rng, struct weir_store **out, struct weir_error *err) WEIR_CHECK;
void weir_store_close(struct weir_store *s); /* NULL is allowed. Gives the lock back; targets must be complete or aborted */
/* The largest N of any chk-N seen in the job's directory, complete or not; 0 when there is none. The next id must be larger. */
int weir_store_highest(struct weir_store *s, int64_t *out, struct weir_error *err) WEIR_CHECK;
const char *weir_store_dir(const struct weir_store *s); /* URI of <root>/<job id> */

/* One checkpoint or savepoint being written: its directory. */
struct weir_store_target {
	struct weir_fs *fs;
	char *dir;                 /* path within fs */
	int64_t id;
	bool savepoint;
	uint64_t inline_threshold; /* may be changed before the first stream is opened */
	int32_t meta_version;      /* may be changed before complete() */
};
/* mkdir chk-<id>, durable. A leftover directory of an earlier attempt (no _metadata in it) is cleared first. */
int weir_store_begin(struct weir_store *s, int64_t id, struct weir_store_target **out, struct weir_error *err) WEIR_CHECK;
/* A new savepoint directory under `uri`: savepoint-<6 hex of the job id>-<12 random hex>. s may be NULL (tools); job_id then names the job,
 * the threshold is Flink's 20 KiB and the version WEIR_META_DEFAULT. */
int weir_store_begin_savepoint(struct weir_store *s, const char *uri, const char *job_id, int64_t id, struct weir_rng *rng, struct weir_store_target **out,
			       struct weir_error *err) WEIR_CHECK;

/* One state stream of a target: collected in memory up to the threshold, then a file with a random name. */
struct weir_state_out;
int weir_state_out_open(struct weir_store_target *t, struct weir_rng *rng, struct weir_state_out **out, struct weir_error *err) WEIR_CHECK;
int weir_state_out_put(void *out, const void *p, size_t n, struct weir_error *err) WEIR_CHECK; /* a weir_put_fn */
uint64_t weir_state_out_position(const struct weir_state_out *out);
/* Makes the file durable (sync, close) and fills the handle: NONE when nothing was written, INLINE, or RELATIVE. Memory from the arena. Frees out. */
int weir_state_out_close(struct weir_state_out *out, struct weir_arena *mem, struct weir_stream_handle *handle, struct weir_error *err) WEIR_CHECK;
void weir_state_out_abort(struct weir_state_out *out);

/* Publish _metadata. After 0 the checkpoint is complete and durable. *out_uri (malloc'ed, may be NULL) names the directory. Frees t whatever it
 * returns; after an error everything the target wrote has been removed. c->id is ignored: the target's counts. Every file that c names must be there. */
int weir_store_complete(struct weir_store *s, struct weir_store_target *t, const struct weir_ckpt *c, char **out_uri, struct weir_error *err) WEIR_CHECK;
/* Remove everything the target wrote. Frees t. Never touches a complete checkpoint. */
void weir_store_abort(struct weir_store *s, struct weir_store_target *t);
/* Delete complete checkpoints beyond num_retained, oldest first; and leftovers. Called after complete (and after two-phase commits were told).
 * Nothing is deleted for its age before num_retained newer ones are known to be complete; damaged ones do not count and are left alone while they are
 * newer than those. Goes on after a failure and returns the first. */
int weir_store_retire(struct weir_store *s, struct weir_error *err) WEIR_CHECK;
/* Delete every checkpoint of the job, oldest first, and leftovers: the job is over, and nobody shall go on from it. No target may be open. */
int weir_store_discard(struct weir_store *s, struct weir_error *err) WEIR_CHECK;

/* ---- finding ---- */
/* The newest chk-N under a root, job directory or the root of several jobs whose _metadata decodes and whose files are all there with their sizes.
 * Skipped newer ones are reported through skip (may be NULL). WEIR_ENOTFOUND when there is none. Returns malloc'ed URI of the directory. */
typedef void weir_store_skip_fn(void *arg, const char *uri, const struct weir_error *why);
int weir_store_newest(const char *uri, char **out_uri, weir_store_skip_fn *skip, void *arg, struct weir_error *err) WEIR_CHECK;

#endif
