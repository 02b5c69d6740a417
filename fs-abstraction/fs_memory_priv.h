/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of the memory file system: fs_memory_tree.c keeps nodes, slots and the log of undurable changes and plays the
 * crash; fs_memory.c makes a struct weir_fs of it.
 */
#ifndef WEIR_FS_MEMORY_PRIV_H
#define WEIR_FS_MEMORY_PRIV_H

#include <pthread.h>

#include <weir/fs.h>

/* Bytes that readers may hold on to while the file grows into another blob. */
struct mem_blob {
	uint32_t refs;
	size_t cap;
	uint8_t bytes[];
};

/* A file or directory. Counted: by slots, by log records, by open streams. */
struct mem_node {
	uint32_t refs;
	bool directory;
	uint64_t crash_seen;         /* last crash that decided about this node */
	int64_t mtime;
	/* file: content = blob[0..len). Durable: blob[0..durable), or old[0..old_len) when the file was cut back since */
	struct mem_blob *blob;
	size_t len, durable;
	struct mem_blob *old;
	size_t old_len;
	/* directory */
	struct mem_slot *first, *last; /* in order of creation */
	struct mem_slot **buckets;     /* power of two; NULL while small */
	size_t nbuckets, nslots, live; /* live: slots with a node */
	struct mem_change *log;        /* changes that are not durable, oldest first */
	size_t nlog, log_cap;
};

/* A name in a directory. With no node it is only kept because the log speaks of it. */
struct mem_slot {
	struct mem_node *node;
	struct mem_slot *prev, *next, *chain;
	uint64_t hash;
	uint32_t logged; /* log records that name this slot */
	bool wanted;     /* scratch of the crash */
	char name[];
};

/* One atomic change of one or (rename within a directory) two slots. */
struct mem_change {
	struct mem_slot *slot[2];
	struct mem_node *before[2], *after[2];
	bool keep; /* scratch of the crash */
};

struct mem_lock_name {
	struct mem_lock_name *next;
	char path[];
};

struct mem_fs {
	struct weir_fs base;
	pthread_mutex_t mutex;
	struct mem_node *root;
	uint64_t epoch;  /* crashes and kills so far: streams of an earlier one are dead */
	int64_t ticks;
	uint64_t unique; /* atomic */
	uint64_t bytes;
	struct mem_lock_name *locks;
	struct mem_fs *next; /* of all instances */
	char name[];
};

struct mem_node *weir__mem_node_new(bool directory);
void weir__mem_node_unref(struct mem_fs *m, struct mem_node *n);
void weir__mem_blob_unref(struct mem_blob *b);
/* Append, or WEIR_ENOMEM with nothing changed. */
int weir__mem_append(struct mem_fs *m, struct mem_node *n, const void *p, size_t len);
/* Cut the file back to len <= n->len, keeping what is durable and what readers see. */
int weir__mem_cut(struct mem_fs *m, struct mem_node *n, size_t len);
void weir__mem_sync(struct mem_fs *m, struct mem_node *n);

/* The slot of a name, also one without a node; NULL when there is none. */
struct mem_slot *weir__mem_find(const struct mem_node *dir, const char *name, size_t len);
/* The same, made if missing; NULL when out of memory. */
struct mem_slot *weir__mem_slot(struct mem_node *dir, const char *name, size_t len);
/* Set a slot (or two, atomically: b may be NULL) and log it. WEIR_ENOMEM with nothing changed. */
int weir__mem_change(struct mem_fs *m, struct mem_node *dir, struct mem_slot *a, struct mem_node *to_a, struct mem_slot *b, struct mem_node *to_b);
/* Drop a slot that has neither node nor log. */
void weir__mem_tidy(struct mem_node *dir, struct mem_slot *s);
void weir__mem_sync_dir(struct mem_fs *m, struct mem_node *dir);
void weir__mem_crash(struct mem_fs *m, uint64_t seed);

#endif
