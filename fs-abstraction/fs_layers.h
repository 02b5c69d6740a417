/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems made for tests and tools: memory with a crash, and wrappers that trace or break another file system.
 * All are found by the contract suite like the real ones.
 */
#ifndef WEIR_FS_LAYERS_H
#define WEIR_FS_LAYERS_H

#include <weir/fs.h>

/* ---- memory: two images, volatile and durable ----
 * sync() copies a file's content into the durable image, sync_dir() its directory's entries. crash() drops what is volatile
 * only; with a seed, each unsynced piece is kept, dropped or cut at random instead (what a real disk may do). */
struct weir_fs *weir_fs_memory_new(const char *name); /* also reachable as memory://name/... until freed */
void weir_fs_memory_free(struct weir_fs *fs);
void weir_fs_memory_crash(struct weir_fs *fs, uint64_t seed); /* 0 = drop everything that is not durable */
uint64_t weir_fs_memory_bytes(const struct weir_fs *fs);

/* ---- operations, as the wrappers name them ---- */
enum weir_fs_op {
	WEIR_FS_OP_OPEN, WEIR_FS_OP_READ, WEIR_FS_OP_CREATE, WEIR_FS_OP_WRITE, WEIR_FS_OP_SYNC, WEIR_FS_OP_CLOSE, WEIR_FS_OP_ABORT,
	WEIR_FS_OP_STAT, WEIR_FS_OP_LIST, WEIR_FS_OP_MKDIR, WEIR_FS_OP_RENAME, WEIR_FS_OP_REMOVE, WEIR_FS_OP_SYNC_DIR, WEIR_FS_OP_LOCK,
	WEIR_FS_OP_MAX
};
const char *weir_fs_op_name(enum weir_fs_op op);

/* ---- trace: every call, in order, as one line of text: "sync /d/x = 0", "write /d/x 4096 = ENOSPC" ---- */
typedef void weir_fs_trace_fn(void *arg, enum weir_fs_op op, const char *path, uint64_t n, int result);
struct weir_fs *weir_fs_trace_new(struct weir_fs *inner, weir_fs_trace_fn *fn, void *arg);
void weir_fs_trace_free(struct weir_fs *fs);

/* ---- fault: the Nth operation that matches fails, once or from then on ---- */
struct weir_fs_fault {
	uint32_t ops;         /* bit set of 1u << enum weir_fs_op; 0 = every operation that changes something */
	const char *glob;     /* fnmatch() on the path, or NULL = any */
	uint64_t nth;         /* 1 = the first match; 0 = never */
	int code;             /* error to return, e.g. WEIR_ENOSPC */
	bool sticky;          /* every later match fails too */
	bool half;            /* WRITE: write half of the bytes before failing */
	bool kill;            /* instead of failing: SIGKILL this process, before the operation is carried out */
};
struct weir_fs *weir_fs_fault_new(struct weir_fs *inner, const struct weir_fs_fault *fault);
uint64_t weir_fs_fault_count(const struct weir_fs *fs); /* matches so far */
void weir_fs_fault_free(struct weir_fs *fs);

/* The local file system counts its changing operations (create, write, sync, close, mkdir, rename, remove, sync_dir) when the
 * environment sets WEIR_FS_KILL_AT=N (SIGKILL before the Nth) or WEIR_FS_FAIL_AT=N:CODE, e.g. 7:NOSPC; with
 * WEIR_FS_COUNT=FILE it writes their number there at exit. For tests/crash. */

#endif
