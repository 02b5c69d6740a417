/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the rows of tree.c: the functions that say which entries a directory has. One file per
 * kind of thing: tree_snapshot.c, tree_operator.c, tree_state.c, tree_group.c, tree_leaf.c.
 */
#ifndef WEIR_FUSEFS_TREE_ROWS_H
#define WEIR_FUSEFS_TREE_ROWS_H

#include "fusefs/tree_priv.h"

/* The i-th of the entries that the row stands for: 1, its coordinates in *out (which is the directory's before) and its name appended. 0: there are
 * fewer, *out_n of them; i = WEIR__COUNT_ONLY asks for that alone, name may be NULL then. Negative: an error. */
typedef int weir__entries_fn(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			     struct weir_error *err);
#define WEIR__COUNT_ONLY UINT64_MAX
/* The entry of this name, or WEIR_ENOTFOUND. */
typedef int weir__find_fn(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err);
/* Is a single entry there: 1 or 0, or an error. */
typedef int weir__present_fn(struct weir_tree *t, struct weir_inode dir, struct weir_error *err);

weir__present_fn weir__latest_present, weir__control_present;
weir__entries_fn weir__diff_entries;
weir__find_fn weir__diff_find; /* of any two snapshots */
weir__entries_fn weir__time_entries, weir__size_entries, weir__handle_entries;
weir__entries_fn weir__complete_entries, weir__incomplete_entries, weir__raw_entries, weir__raw_dir_entries;

weir__present_fn weir__uid_present, weir__name_present;
weir__entries_fn weir__operator_entries, weir__uid_entries, weir__name_entries;
weir__find_fn weir__size_find, weir__uid_find; /* of a uid that nobody listed too */

weir__present_fn weir__coordinator_present, weir__raw_keyed_present, weir__raw_oper_present, weir__buckets_present;
weir__entries_fn weir__raw_keyed_entries, weir__raw_oper_entries, weir__range_entries, weir__top_entries;
weir__entries_fn weir__bucket_entries, weir__bucket_leaf_entries;
weir__find_fn weir__bucket_leaf_find;
weir__present_fn weir__keyed_present, weir__timer_present, weir__oper_present, weir__broadcast_present;
weir__entries_fn weir__keyed_entries, weir__oper_entries, weir__broadcast_entries, weir__service_entries, weir__domain_entries;

weir__entries_fn weir__group_entries, weir__shard_entries, weir__leaf_entries;
weir__find_fn weir__group_find;
weir__find_fn weir__leaf_find; /* in a key group, a shard, or get/ */

/* Text as the name of an entry (tree_place.c). */
void weir__put_name(const char *text, struct weir_buf *name);

#endif
