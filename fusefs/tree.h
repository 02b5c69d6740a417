/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounted tree without FUSE: names to nodes, children, attributes, links, content. Node kinds are a table (tree.c): a new file or
 * directory is a kind, a row, and a function that renders it (render.c). Everything is computed from the node's coordinates and
 * the snapshot's view. Thread-safe.
 *
 * Errors: WEIR_ENOTFOUND when a name is not there; damage, and state in a layout that is not read, are told as such and are never
 * shown as data.
 */
#ifndef WEIR_FUSEFS_TREE_H
#define WEIR_FUSEFS_TREE_H

#include "base/buf.h"
#include "fusefs/index.h"
#include "fusefs/inode.h"
#include "fusefs/source.h"
#include "statetool/pick.h"

enum weir_shape { WEIR_SHAPE_DIR, WEIR_SHAPE_FILE, WEIR_SHAPE_LINK };

struct weir_attr {
	enum weir_shape shape;
	uint64_t size;      /* exact; directories: number of names; 0 for a stream */
	uint64_t stored;    /* bytes of serialized state behind it */
	bool stream;        /* its length is not known yet: read to the end */
	bool changing;      /* may differ at the next look */
	int64_t mtime_ms;
};

/* Forms of a leaf: all are found by name, one is listed. */
enum weir_leaf_form { WEIR_LEAF_JSON, WEIR_LEAF_RAW, WEIR_LEAF_HEX, WEIR_LEAF_TXT };

struct weir_tree_options {
	struct weir_uids uids;
	uint64_t cache_bytes;   /* of indexes; 0 = 256 MiB */
	uint64_t exact_bytes;   /* lengths of listings are computed at once for operators up to this size; 0 = 32 MiB */
	const char *at;         /* name of a snapshot ("latest" too): it is the root, and nothing else is there. NULL: all of them */
	enum weir_leaf_form view; /* which form of leaves is listed */
	bool bare;              /* leaves are the value alone, without key and namespace */
};

struct weir_tree;
/* Takes the source over. */
int weir_tree_new(struct weir_source *src, const struct weir_tree_options *o, struct weir_tree **out, struct weir_error *err) WEIR_CHECK;
void weir_tree_free(struct weir_tree *t);
struct weir_source *weir_tree_source(struct weir_tree *t);

int weir_tree_lookup(struct weir_tree *t, uint64_t parent, const char *name, uint64_t *out_ino, struct weir_error *err) WEIR_CHECK;
/* A path from the root, for tests and tools; links are not followed. */
int weir_tree_walk(struct weir_tree *t, const char *path, uint64_t *out_ino, struct weir_error *err) WEIR_CHECK;
/* A path with links followed. */
int weir_tree_resolve(struct weir_tree *t, const char *path, uint64_t *out_ino, struct weir_error *err) WEIR_CHECK;
/* The i-th name of a directory; WEIR_ENOTFOUND after the last. name is replaced. */
int weir_tree_child(struct weir_tree *t, uint64_t dir, uint64_t i, uint64_t *out_ino, struct weir_buf *name, struct weir_error *err) WEIR_CHECK;
int weir_tree_count(struct weir_tree *t, uint64_t dir, uint64_t *out, struct weir_error *err) WEIR_CHECK;
enum weir_shape weir_tree_shape(uint64_t ino);
int weir_tree_attr(struct weir_tree *t, uint64_t ino, struct weir_attr *out, struct weir_error *err) WEIR_CHECK;
/* Where a link leads, replacing out. */
int weir_tree_link(struct weir_tree *t, uint64_t ino, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

struct weir_file;
int weir_tree_open(struct weir_tree *t, uint64_t ino, struct weir_file **out, struct weir_error *err) WEIR_CHECK;
/* Up to len bytes; fewer only at the end. */
int weir_tree_read(struct weir_file *f, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err) WEIR_CHECK;
void weir_tree_close(struct weir_file *f);

/* Extended attributes, without "user.weir.". WEIR_ENOTFOUND for one that does not apply. */
int weir_tree_xattr(struct weir_tree *t, uint64_t ino, const char *name, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/* Their full names, each with its NUL. */
void weir_tree_xattr_list(struct weir_tree *t, uint64_t ino, struct weir_buf *out);

/* Note a failure in .weir/errors.jsonl. */
void weir_tree_note(struct weir_tree *t, uint64_t ino, const struct weir_error *err);
/* A live source is looked at again, at most once a second (now_ms from any steady clock). */
void weir_tree_refresh(struct weir_tree *t, int64_t now_ms);

/* For statfs. */
void weir_tree_totals(struct weir_tree *t, uint64_t *out_bytes, uint64_t *out_files);

#endif
