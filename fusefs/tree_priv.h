/* SPDX-License-Identifier: Apache-2.0 */
/* What tree*.c and render.c share. */
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
	struct weir_inode root;      /* what inode 1 is: the root, or a snapshot */
	enum weir_leaf_form view;
	bool bare;
};

static inline struct weir_inode weir__node(const struct weir_tree *t, uint64_t ino) { return ino == 1 ? t->root : weir_inode_unpack(ino); }

/* ---- where a node lives (tree_place.c) ---- */
struct weir__place {
	struct weir_snapshot *snap;
	struct weir_view *view;
	const struct weir_ckpt *ckpt;
	const struct weir_operator_state *op;  /* of operator and state nodes */
	const struct weir_state_info *state;   /* of state nodes */
};
int weir__place_of(struct weir_tree *t, struct weir_inode n, struct weir__place *out, struct weir_error *err) WEIR_CHECK;
bool weir__inode_is_state(enum weir_inode_kind k);

/* Is everything about the place's operator quickly computed? */
bool weir__is_small(struct weir_tree *t, const struct weir__place *p);

/* ---- facts about a state (tree_fact.c): learnt once ---- */
int weir__facts(struct weir_tree *t, struct weir_inode n, struct weir_facts **out, struct weir_error *err) WEIR_CHECK;

/* Fill the snapshot's by_size. */
int weir__sizes(struct weir_tree *t, const struct weir__place *p, struct weir_error *err) WEIR_CHECK;

/* ---- name of a leaf (tree_leaf.c), without suffix; appended ---- */
void weir__leaf_name(const struct weir_state_info *s, const struct weir_index *x, uint32_t rank, struct weir_buf *out);

enum weir_inode_kind weir__leaf_kind(enum weir_leaf_form form);
const char *weir__leaf_suffix(enum weir_leaf_form form);

/* ---- content (render.c) ---- */
/* Content comes in segments, so that one of any length is never in memory as a whole. */
int weir__segments(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err) WEIR_CHECK;
int weir__render(struct weir_tree *t, struct weir_inode n, uint64_t segment, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/* Length of a segment if it is known, else -1. */
int64_t weir__segment_length(struct weir_tree *t, struct weir_inode n, uint64_t segment);
void weir__segment_learn(struct weir_tree *t, struct weir_inode n, uint64_t segment, uint64_t length);

/* ---- tables (render_table.c) ---- */
int weir__render_tsv(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, uint64_t segment, struct weir_buf *b, struct weir_error *err) WEIR_CHECK;
int weir__render_top(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, struct weir_buf *b, struct weir_error *err) WEIR_CHECK;
int weir__render_key_groups(const struct weir__place *p, struct weir_buf *b, struct weir_error *err) WEIR_CHECK;
int weir__render_timers(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, struct weir_buf *b, struct weir_error *err) WEIR_CHECK;
/* How many files ranges/ has, and which of f->full (from, to) each holds. */
uint32_t weir__ranges(const struct weir_facts *f);
void weir__range_of(const struct weir_facts *f, uint32_t r, uint32_t *out_from, uint32_t *out_to);

/* ---- diffs (tree_diff.c) ---- */
bool weir__diff_is_small(struct weir_tree *t, struct weir_inode n);
int weir__render_diff(struct weir_tree *t, struct weir_inode n, const struct weir__place *a, struct weir_buf *b, struct weir_error *err) WEIR_CHECK;

/* ---- names (tree_leaf.c, tree_bucket.c, tree_state.c) ---- */
/* Plain text of a value, coded; appended. True when the text alone does not say which value it is. */
bool weir__put_coded(const struct weir_type *type, struct weir_slice bytes, struct weir_buf *out);
/* "2026-11-22T14", or with the rest of it "2026-11-22T14-03-07.123Z": no colons, sorts as text. */
void weir__time_name(int64_t ms, bool hour, struct weir_buf *out);
/* From the snapshot to the directory of a state: "operators/ID/keyed/states/NAME" ... WEIR_ENOTFOUND for one that has none. */
int weir__state_path(struct weir_tree *t, struct weir_inode n, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

/* The key group, or WEIR_GROUP_WHOLE, whose index a leaf is in. */
static inline uint32_t weir__group_of(struct weir_inode n) { return n.kind == NODE_ENTRY || n.kind == NODE_BUCKET ? WEIR_GROUP_WHOLE : n.group; }

/* ---- a file as stored (tree_file.c) ---- */
int weir__raw_size(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err) WEIR_CHECK;

#endif
