/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FileSystem: the files that state lives in. One interface over local disks, memory, archives, object stores; every
 * implementation passes one contract suite (fs-abstraction/contract.c), whose numbers are the ones below.
 *
 * The contract (Flink's class comment of FileSystem, and what weir adds; docs/contracts/filesystem.md)
 *  FS-01 visibility   when close() has returned 0, every process that may access the file and opens it by its absolute
 *                     path sees the same, complete content.
 *  FS-02 durability   when close() has returned 0, the content survives what the file system's own level survives:
 *                     WEIR_FS_DURABLE_CLOSE set: a machine crash. Not set: only a process crash, until sync() returned 0.
 *  FS-03 listings     may lag; nothing but opening by absolute path counts. With WEIR_FS_DIR_SYNC the entry itself is
 *                     durable only after sync_dir() of its parent.
 *  FS-04 errors       a write, sync or close that failed makes the file untrusted for ever: abort it, use a new name.
 *                     close() after a failure returns that failure and leaves no file, as abort() does.
 *  FS-05 no append    an output stream only grows a new file; no seeking back, no appending to an existing file.
 *  FS-06 overwrite    NO_OVERWRITE fails with WEIR_EEXISTS when the path exists. OVERWRITE is delete and create: others may see
 *                     the old, the new, or no file in between; who has the old one open keeps it. Recovery code never writes
 *                     one path twice. create() does not make parents: WEIR_ENOTFOUND.
 *  FS-07 rename       with WEIR_FS_ATOMIC_RENAME: replaces the target in one step; a crash leaves the old or the new.
 *  FS-08 mkdirs       creates parents; succeeds when the directory exists; WEIR_EEXISTS when a file is in the way.
 *  FS-09 remove       of a missing path is WEIR_ENOTFOUND; a non-empty directory only with `recursive`, else WEIR_EEXISTS.
 *  FS-10 threads      a struct weir_fs may be used by many threads; a stream by one at a time.
 *  FS-11 reading      read_at at or past the end yields 0 bytes; a short count means the end of the file, nothing else.
 *  FS-12 abort        leaves no file at the path and may be called after any failure.
 *  FS-13 recoverable  with WEIR_FS_RECOVERABLE: bytes persisted are never lost, bytes after the last persist may be; commit is
 *                     atomic and may be repeated; nothing is visible under the final path before it.
 *  FS-14 lock         a lock is exclusive between processes and goes when its holder dies.
 *
 * Paths. `path` arguments are absolute paths within the file system ("/a/b"); URIs choose the file system:
 * "/a/b", "file:/a/b", "file:///a/b", "memory://name/a/b". Relative local paths are made absolute when a URI is resolved.
 * Nothing is percent-decoded: a URI is a scheme in front of the name as it is, as in Flink's Path. "." and ".." are taken out
 * lexically. Names are bytes other than 0 and '/'.
 */
#ifndef WEIR_FS_H
#define WEIR_FS_H

#include <weir/error.h>
#include <weir/str.h>

enum weir_fs_caps {
	WEIR_FS_ATOMIC_RENAME = 1u << 0,
	WEIR_FS_DURABLE_CLOSE = 1u << 1,
	WEIR_FS_DIR_SYNC = 1u << 2,
	WEIR_FS_RECOVERABLE = 1u << 3,
	WEIR_FS_LOCK = 1u << 4,
	WEIR_FS_MAP = 1u << 5,       /* map() gives page-cache memory, not a copy */
	WEIR_FS_READ_ONLY = 1u << 6,
	WEIR_FS_SHARED = 1u << 7,    /* other processes reach the same files by the same path */
};

enum weir_fs_write_mode { WEIR_FS_NO_OVERWRITE, WEIR_FS_OVERWRITE };
enum weir_fs_type { WEIR_FS_FILE, WEIR_FS_DIRECTORY, WEIR_FS_OTHER };

struct weir_fs_stat {
	enum weir_fs_type type;
	bool link; /* the name is a symbolic link; the other fields are about what it leads to (OTHER when that is missing) */
	uint64_t size;
	int64_t mtime_ms;
};

struct weir_fs;
struct weir_fs_in;   /* an open file to read */
struct weir_fs_out;  /* a file being written */
struct weir_fs_lock;
struct weir_fs_map;

/* A name in a directory: not a path. Return non-zero to stop; list() then returns that value. */
typedef int weir_fs_list_fn(void *arg, const char *name, const struct weir_fs_stat *st);

/* ---- finding a file system ---- */

/* The file system of a URI and the path within it (malloc'ed, absolute, normalised: free()). Built-in file systems live for the
 * whole process. Unknown scheme: WEIR_EUNSUPPORTED naming the known ones. */
int weir_fs_resolve(const char *uri, struct weir_fs **out_fs, char **out_path, struct weir_error *err) WEIR_CHECK;
uint32_t weir_fs_caps(const struct weir_fs *fs);
const char *weir_fs_scheme(const struct weir_fs *fs);
/* "file:/a/b": the unescaped form that Flink writes into metadata. malloc'ed. */
char *weir_fs_uri(const struct weir_fs *fs, const char *path);
extern struct weir_fs *const weir_fs_local;

/* ---- reading ---- */
int weir_fs_open(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err) WEIR_CHECK;
int weir_fs_size(struct weir_fs_in *in, uint64_t *out, struct weir_error *err) WEIR_CHECK;
/* Up to len bytes at offset; *out_n < len only at the end of the file (FS-11). */
int weir_fs_read_at(struct weir_fs_in *in, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err) WEIR_CHECK;
void weir_fs_in_close(struct weir_fs_in *in); /* NULL is allowed */
/* The whole file as memory: mapped where the file system can, else read. Valid until unmap. */
int weir_fs_map(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *out_bytes, struct weir_error *err) WEIR_CHECK;
void weir_fs_unmap(struct weir_fs_map *m);
/* These bytes of the mapping will not be needed again soon: their pages stop counting as the process's memory. They may still be read. */
void weir_fs_map_done(struct weir_fs_map *m, struct weir_slice bytes);

/* ---- writing: create, write..., [sync], close or abort; both free the stream ---- */
int weir_fs_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err) WEIR_CHECK;
int weir_fs_write(struct weir_fs_out *out, const void *p, size_t len, struct weir_error *err) WEIR_CHECK; /* all of it or an error */
int weir_fs_flush(struct weir_fs_out *out, struct weir_error *err) WEIR_CHECK; /* weir's buffer to the file system; no durability */
int weir_fs_sync(struct weir_fs_out *out, struct weir_error *err) WEIR_CHECK;  /* flush, and durable (FS-02) */
uint64_t weir_fs_position(const struct weir_fs_out *out);
int weir_fs_close(struct weir_fs_out *out, struct weir_error *err) WEIR_CHECK; /* flush; no sync; frees out whatever it returns */
void weir_fs_abort(struct weir_fs_out *out);                                    /* NULL is allowed */

/* ---- names ---- */
int weir_fs_stat(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err) WEIR_CHECK;
int weir_fs_list(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;
int weir_fs_mkdirs(struct weir_fs *fs, const char *path, struct weir_error *err) WEIR_CHECK;
int weir_fs_rename(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err) WEIR_CHECK;
int weir_fs_remove(struct weir_fs *fs, const char *path, bool recursive, struct weir_error *err) WEIR_CHECK;
int weir_fs_sync_dir(struct weir_fs *fs, const char *path, struct weir_error *err) WEIR_CHECK; /* no-op without WEIR_FS_DIR_SYNC */
/* mkdirs, with sync_dir of each parent in which a directory was made, before the next level is made. The parent of the deepest
 * directory that was there already is synced too: a process killed between mkdir and sync_dir may have left it. */
int weir_fs_mkdirs_durable(struct weir_fs *fs, const char *path, struct weir_error *err) WEIR_CHECK;
/* Exclusive, not waiting: WEIR_EBUSY when another process (or this one) holds it; err names the holder if it left its pid. */
int weir_fs_lock(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err) WEIR_CHECK;
void weir_fs_unlock(struct weir_fs_lock *lock);

/* ---- the durable publish of one file: hidden temporary name, write, sync, close, rename, sync_dir ----
 * After 0 the content is durable under path. After an error no temporary file is left and path is as it was, with one
 * exception: when only the last sync_dir failed and path existed before, it has the new content, complete. The directory must exist. */
int weir_fs_publish(struct weir_fs *fs, const char *path, struct weir_slice content, struct weir_error *err) WEIR_CHECK;

/* ---- recoverable writer (FS-13): what an exactly-once file sink needs ----
 * Bytes go to a hidden file ".<name>.inprogress.<uuid>" beside the target. persist() makes what was written so far durable and
 * describes it as bytes to keep in a checkpoint; recover() reopens at that point and drops what came after. prepare() ends
 * writing and describes the pending commit; commit() publishes (rename, sync_dir) and may be repeated after a crash: a commit
 * whose hidden file is gone and whose target has the expected length has already happened. commit() never replaces a target
 * (WEIR_EEXISTS). A hidden file that is gone, shorter or longer than described, or a damaged description: WEIR_ECORRUPT; commit with neither file there: WEIR_ENOTFOUND.
 * After any failure of a writer only close and abort may follow. close() is for a task that failed: what was persisted stays for
 * recover(); abort() is for a result nobody will ask for again. */
struct weir_fs_writer;
struct weir_buf;
/* Makes the target's directory, durably, when it is missing. WEIR_EEXISTS when the target is there. */
int weir_fs_writer_open(struct weir_fs *fs, const char *target, struct weir_fs_writer **out, struct weir_error *err) WEIR_CHECK;
int weir_fs_writer_write(struct weir_fs_writer *w, const void *p, size_t len, struct weir_error *err) WEIR_CHECK;
uint64_t weir_fs_writer_position(const struct weir_fs_writer *w);
int weir_fs_writer_persist(struct weir_fs_writer *w, struct weir_buf *out_resume, struct weir_error *err) WEIR_CHECK;
/* Frees w whatever it returns; after an error what was persisted before is still there. */
int weir_fs_writer_prepare(struct weir_fs_writer *w, struct weir_buf *out_commit, struct weir_error *err) WEIR_CHECK;
void weir_fs_writer_close(struct weir_fs_writer *w); /* keeps the hidden file if anything was persisted; NULL is allowed */
void weir_fs_writer_abort(struct weir_fs_writer *w); /* removes the hidden file; NULL is allowed */
int weir_fs_writer_recover(struct weir_fs *fs, struct weir_slice resume, struct weir_fs_writer **out, struct weir_error *err) WEIR_CHECK;
int weir_fs_commit(struct weir_fs *fs, struct weir_slice commit, struct weir_error *err) WEIR_CHECK;
/* Drop what a description (of either kind) leads to: remove its hidden file. Nothing to remove is success. */
int weir_fs_discard(struct weir_fs *fs, struct weir_slice commit, struct weir_error *err) WEIR_CHECK;

/* ---- implementing a file system (called only by fs-abstraction/fs*.c, which check the contract first, and by wrappers) ----
 * Paths arrive absolute and normal (fs-abstraction/path.h). The caller of create and resume sets out->fs and out->path before any
 * other call on the stream, and out->keep. Outputs are untouched on failure. */
struct weir_fs_ops {
	const char *scheme;
	uint32_t size; /* sizeof(struct weir_fs_ops) */
	uint32_t caps;
	int (*open)(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err);                /* required */
	int (*size_of)(struct weir_fs_in *in, uint64_t *out, struct weir_error *err);                                       /* required */
	int (*read_at)(struct weir_fs_in *in, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err); /* required */
	void (*in_close)(struct weir_fs_in *in);                                                                            /* required */
	int (*map)(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *bytes, struct weir_error *err); /* optional */
	void (*unmap)(struct weir_fs_map *m);                                                                               /* with map */
	void (*map_done)(struct weir_fs_map *m, struct weir_slice bytes); /* optional: bytes lies in the mapping */
	/* create to sync_dir: required unless READ_ONLY */
	int (*create)(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err);
	/* reopen an existing file for the recoverable writer: truncate to `length`, continue there. Only with RECOVERABLE */
	int (*resume)(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err);
	int (*write)(struct weir_fs_out *out, const void *p, size_t len, struct weir_error *err);                           /* unbuffered */
	int (*sync)(struct weir_fs_out *out, struct weir_error *err);
	int (*close)(struct weir_fs_out *out, struct weir_error *err); /* frees out in every case; when it fails, as abort */
	void (*abort)(struct weir_fs_out *out);                        /* closes, removes the file unless out->keep, frees */
	int (*stat)(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err);                /* required */
	int (*list)(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err);          /* required */
	int (*mkdir)(struct weir_fs *fs, const char *path, struct weir_error *err); /* one level; WEIR_EEXISTS if it is there */
	int (*rename)(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err);
	int (*remove)(struct weir_fs *fs, const char *path, bool directory, struct weir_error *err); /* one file, or an empty directory */
	int (*sync_dir)(struct weir_fs *fs, const char *path, struct weir_error *err);
	int (*lock)(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err);
	void (*unlock)(struct weir_fs_lock *lock);
	/* optional: a number that never repeats, for hidden names (deterministic in the simulator). NULL: the system's entropy */
	uint64_t (*unique)(struct weir_fs *fs);
};

/* Implementations embed these first. */
struct weir_fs {
	const struct weir_fs_ops *ops;
	const char *authority; /* what stands between "//" and the path in its URIs, or NULL: "scheme:/path" */
};
struct weir_fs_in {
	struct weir_fs *fs; /* set by fs.c */
};
struct weir_fs_map {
	struct weir_fs *fs; /* set by the implementation */
};
struct weir_fs_lock {
	struct weir_fs *fs; /* set by the implementation */
};
struct weir_fs_out {
	struct weir_fs *fs;
	char *path;        /* owned by the caller of ops->create */
	uint64_t position; /* bytes accepted; resume sets it */
	uint8_t *buffer;   /* owned by fs.c */
	size_t buffered, buffer_cap;
	int failed;        /* first error code; sticky (FS-04) */
	bool keep;         /* abort leaves the file: a resumed one, or one that the recoverable writer has persisted */
};

#endif
