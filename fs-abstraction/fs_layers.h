/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems made for tests and tools: memory with a crash, and wrappers that trace or break another file system.
 * All are found by the contract suite like the real ones.
 */
#ifndef WEIR_FS_LAYERS_H
#define WEIR_FS_LAYERS_H

#include <weir/fs.h>

/* ---- memory: two images, volatile and durable (fs_memory.c describes the model) ----
 * sync() copies a file's content into the durable image, sync_dir() its directory's entries. crash() drops what is volatile
 * only; with a seed, each unsynced piece is kept, dropped or cut at random instead (what a real disk may do).
 * Deterministic: times are a counter of changes, listings are in order of creation, hidden names come from a fixed sequence. */
struct weir_fs *weir_fs_memory_new(const char *name); /* also reachable as memory://name/... until freed. NULL: out of memory */
void weir_fs_memory_free(struct weir_fs *fs);         /* no stream, map or lock may be open */
/* The machine stops: 0 = drop everything that is not durable. Open streams, maps and locks of before stay valid only to be closed or
 * aborted, which then changes nothing; any other use of them is WEIR_EIO. */
void weir_fs_memory_crash(struct weir_fs *fs, uint64_t seed);
/* Only the processes stop: everything issued is kept; streams and locks as after a crash. */
void weir_fs_memory_kill(struct weir_fs *fs);
/* Bytes of file content held, with that of removed files whose removal is not durable yet. */
uint64_t weir_fs_memory_bytes(const struct weir_fs *fs);

/* ---- a file system under a name of its own ----
 * "scheme:/path" (an authority is ignored) leads to fs until unregister; so tests reach a wrapper by URI. The text of scheme must live as
 * long; fs->ops->scheme and fs->authority should agree with it, as weir_fs_uri() goes by them. Any thread. WEIR_EEXISTS: the scheme is taken. */
int weir_fs_register(const char *scheme, struct weir_fs *fs, struct weir_error *err) WEIR_CHECK;
void weir_fs_unregister(const char *scheme);

/* ---- operations, as the wrappers name them ---- */
enum weir_fs_op {
	WEIR_FS_OP_OPEN, WEIR_FS_OP_READ, WEIR_FS_OP_MAP, WEIR_FS_OP_CREATE, WEIR_FS_OP_RESUME, WEIR_FS_OP_WRITE, WEIR_FS_OP_SYNC,
	WEIR_FS_OP_CLOSE, WEIR_FS_OP_ABORT, WEIR_FS_OP_STAT, WEIR_FS_OP_LIST, WEIR_FS_OP_MKDIR, WEIR_FS_OP_RENAME, WEIR_FS_OP_REMOVE,
	WEIR_FS_OP_SYNC_DIR, WEIR_FS_OP_LOCK,
	WEIR_FS_OP_MAX
};
/* Those that change something, abort and lock apart. */
#define WEIR_FS_OPS_CHANGING                                                                                                   	(1u << WEIR_FS_OP_CREATE | 1u << WEIR_FS_OP_RESUME | 1u << WEIR_FS_OP_WRITE | 1u << WEIR_FS_OP_SYNC | 1u << WEIR_FS_OP_CLOSE | 	 1u << WEIR_FS_OP_MKDIR | 1u << WEIR_FS_OP_RENAME | 1u << WEIR_FS_OP_REMOVE | 1u << WEIR_FS_OP_SYNC_DIR)
const char *weir_fs_op_name(enum weir_fs_op op); /* "sync_dir" */

/* ---- trace: every call that reached the inner file system, in order, after it returned ---- */
struct weir_fs_call {
	enum weir_fs_op op;
	const char *path, *to; /* to: RENAME only, else NULL. Valid during the callback */
	uint64_t n;            /* READ, WRITE: bytes; RESUME: length; LIST: entries; else 0 */
	int result;
};
typedef void weir_fs_trace_fn(void *arg, const struct weir_fs_call *call); /* may be called from many threads */
struct weir_fs *weir_fs_trace_new(struct weir_fs *inner, weir_fs_trace_fn *fn, void *arg);
void weir_fs_trace_free(struct weir_fs *fs);
/* One line of text, without a newline: "sync /d/x = 0", "write /d/x 4096 = NOSPC", "rename /d/x /d/y = 0". Returns buf. */
const char *weir_fs_call_text(const struct weir_fs_call *call, char *buf, size_t size);

/* ---- fault: the Nth operation that matches fails, once or from then on ---- */
struct weir_fs_fault {
	uint32_t ops;         /* bit set of 1u << enum weir_fs_op; 0 = WEIR_FS_OPS_CHANGING */
	const char *glob;     /* fnmatch() on the path (of RENAME: either), or NULL = any */
	uint64_t nth;         /* 1 = the first match; 0 = never */
	int code;             /* error to return, e.g. WEIR_ENOSPC; 0 = WEIR_EIO */
	bool sticky;          /* every later match fails too */
	bool half;            /* WRITE: write half of the bytes before failing */
	bool kill;            /* instead of failing: SIGKILL this process, before the operation is carried out */
	void (*at)(void *arg); /* called at the Nth, before it fails: with `sticky`, a simulated crash. NULL = nothing */
	void *arg;
};
struct weir_fs *weir_fs_fault_new(struct weir_fs *inner, const struct weir_fs_fault *fault);
uint64_t weir_fs_fault_count(const struct weir_fs *fs); /* matches so far */
void weir_fs_fault_free(struct weir_fs *fs);

/* The local file system counts its changing operations (WEIR_FS_OPS_CHANGING) when the environment sets WEIR_FS_KILL_AT=N
 * (SIGKILL before the Nth), or WEIR_FS_FAIL_AT=N:CODE, e.g. 7:NOSPC (N+:CODE: that one and all later ones); with
 * WEIR_FS_COUNT=FILE it writes their number there at exit. For tests/crash. */

#endif
