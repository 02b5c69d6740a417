/* SPDX-License-Identifier: Apache-2.0 */
/* What tree.c, tree_names.c and render.c share. */
#ifndef WEIR_FUSEFS_TREE_PRIV_H
#define WEIR_FUSEFS_TREE_PRIV_H

#include "base/vec.h"
#include "fusefs/tree.h"

struct weir_tree {
	struct weir_source *src;
	struct weir_index_cache *cache;
	struct weir_uids uids;
	char **uid_texts;
	uint64_t exact_bytes;
	pthread_mutex_t facts_lock;
	pthread_mutex_t error_lock;
	struct weir_buf errors;      /* .weir/errors.jsonl */
	uint64_t nerrors;
	int64_t refreshed_ms;
};

/* Where a node lives. */
struct weir__place {
	struct weir_snapshot *snap;
	struct weir_view *view;
	const struct weir_ckpt *ckpt;
	const struct weir_operator_state *op;  /* of operator and state nodes */
	const struct weir_state_info *state;   /* of state nodes */
};
int weir__place_of(struct weir_tree *t, struct weir_inode n, struct weir__place *out, struct weir_error *err) WEIR_CHECK;
bool weir__inode_is_state(enum weir_inode_kind k);

/* Learn the number of entries of a state, once. */
int weir__facts(struct weir_tree *t, struct weir_inode n, struct weir_facts **out, struct weir_error *err) WEIR_CHECK;
/* Is everything about this node's operator quickly computed? */
bool weir__is_small(struct weir_tree *t, const struct weir__place *p);

/* ---- names of leaves (tree_names.c) ---- */
/* Without suffix; appended. */
void weir__leaf_name(const struct weir_state_info *s, const struct weir_index *x, uint32_t rank, struct weir_buf *out);
/* A name in by-key/GROUP[/SHARD] (group known) or in get/ (group = -1). */
int weir__leaf_find(struct weir_tree *t, struct weir_inode dir, int32_t group, const char *name, struct weir_inode *out, struct weir_error *err) WEIR_CHECK;
/* Leaves of a shard: [lo, hi) of by_hash. level 1 or 2. */
void weir__shard_range(const struct weir_index *x, uint32_t level, uint32_t bits, uint32_t *lo, uint32_t *hi);

/* ---- content (render.c) ---- */
/* Content comes in segments, so that one of any length is never in memory as a whole. */
int weir__segments(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err) WEIR_CHECK;
int weir__render(struct weir_tree *t, struct weir_inode n, uint64_t segment, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/* Length of a segment if it is known, else -1. */
int64_t weir__segment_length(struct weir_tree *t, struct weir_inode n, uint64_t segment);
void weir__segment_learn(struct weir_tree *t, struct weir_inode n, uint64_t segment, uint64_t length);

#endif
