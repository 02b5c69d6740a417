/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of one (state, key group), sorted, as the mount needs them: a leaf is all entries of one key and namespace. Built when first
 * needed by one scan of that key group; kept until the cache holds more than its budget. State that is not keyed has one group, 0.
 * The whole of a state can be had as one index too, in buckets: timers by the hour they fire in, windows by window, operator state by subtask.
 * Order: serialized key, namespace, user key; timers by time first; operator lists as stored. Thread-safe; what was got is read-only.
 */
#ifndef WEIR_FUSEFS_INDEX_H
#define WEIR_FUSEFS_INDEX_H

#include "base/arena.h"
#include "base/buf.h"
#include "state/ckpt/view.h"

#define WEIR_LEAVES_MAX (1u << 20) /* per key group: what an inode number can count */
#define WEIR_SHARD_LEAVES 4096u    /* a directory holds at most about so many */

#define WEIR_GROUP_WHOLE 0xffffu   /* in place of a key group: all of them, in buckets */
#define WEIR_HOUR_MS 3600000

struct weir_leaf {
	uint32_t first, count; /* entries */
	uint64_t hash;         /* XXH3-64 of the serialized key: which shard */
};

struct weir_index {
	uint32_t nentries, nleaves;
	struct weir_entry *entries;  /* slices lie in the arena */
	struct weir_leaf *leaves;
	uint32_t *by_hash;           /* leaves ordered by hash; NULL when depth is 0 */
	uint32_t depth;              /* shard levels: 0, 1 or 2 */
	uint32_t nbuckets;           /* WHOLE: */
	uint32_t *buckets;           /* first leaf of each, and nleaves */
	uint64_t bytes;              /* memory it takes */
	struct weir_arena mem;
};

struct weir_index_cache;
struct weir_index_cache *weir_index_cache_new(uint64_t budget_bytes); /* NULL when out of memory */
void weir_index_cache_free(struct weir_index_cache *c);
uint64_t weir_index_cache_bytes(struct weir_index_cache *c);

/* slot tells snapshots apart. A layout that is not read is WEIR_EUNSUPPORTED, damage its error; neither is remembered. */
int weir_index_get(struct weir_index_cache *c, uint32_t slot, struct weir_view *v, uint32_t state, uint32_t group, const struct weir_index **out,
		   struct weir_error *err) WEIR_CHECK;
void weir_index_put(struct weir_index_cache *c, const struct weir_index *x);

/* Binary search. -1 when there is none. */
int64_t weir_index_find(const struct weir_index *x, struct weir_slice key, struct weir_slice ns);
/* The hour a timer fires in: rounded down. */
int64_t weir_timer_hour(int64_t timestamp_ms);
/* Can the state be had in buckets that mean something? */
bool weir_state_has_buckets(const struct weir_state_info *s);
/* XXH3-128 over (serialized key, namespace), as names use it. */
void weir_leaf_hash(struct weir_slice key, struct weir_slice ns, uint8_t out[16]);

#endif
