/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inode numbers. A node is its coordinates, packed into 64 bits; there is no table of inodes and forgetting one costs nothing.
 * 7 bits kind, 10 snapshot, 12 operator or state, 15 key group, 20 rank. The root is 1, as FUSE wants it.
 */
#ifndef WEIR_FUSEFS_INODE_H
#define WEIR_FUSEFS_INODE_H

#include <stdint.h>

enum weir_inode_kind {
	NODE_ROOT, NODE_README, NODE_LATEST, NODE_CHECKPOINTS, NODE_INCOMPLETE, NODE_INCOMPLETE_FILE, NODE_CONTROL, NODE_STATUS, NODE_ERRORS,
	NODE_SCHEMA_VERSION, NODE_BY_TIME, NODE_TIME_LINK, NODE_DIFFS,
	NODE_SNAPSHOT, NODE_METADATA, NODE_SUMMARY, NODE_FILES, NODE_PROBLEMS, NODE_RAW, NODE_RAW_DIR, NODE_RAW_FILE, NODE_OPERATORS, NODE_BY_UID,
	NODE_UID_LINK, NODE_BY_NAME, NODE_NAME_LINK, NODE_BY_SIZE, NODE_SIZE_LINK, NODE_HANDLES, NODE_HANDLE,
	NODE_DIFF, NODE_DIFF_SUMMARY, NODE_DIFF_ALL,
	NODE_OPERATOR, NODE_INFO, NODE_UID, NODE_NAME, NODE_MAX_PARALLELISM, NODE_KEYED, NODE_KEYED_META, NODE_STATES, NODE_TIMERS, NODE_SERVICE,
	NODE_TIMER, NODE_OPER, NODE_OPER_STATE, NODE_MODE, NODE_BROADCASTS, NODE_BROADCAST, NODE_COORDINATOR, NODE_KEY_GROUPS, NODE_RAW_KEYEDS, NODE_RAW_OPERS, NODE_RAW_STATE,
	NODE_STATE, NODE_TYPE, NODE_SCHEMA, NODE_COUNT, NODE_BYTES, NODE_ALL, NODE_KEYS, NODE_GET, NODE_BY_KEY, NODE_TSV, NODE_RANGES, NODE_RANGE, NODE_TOP, NODE_TOP_FILE, NODE_NEXT,
	NODE_HISTOGRAM, NODE_BUCKETS, NODE_GROUP, NODE_SHARD, NODE_BUCKET,
	NODE_LEAF, NODE_LEAF_RAW, NODE_LEAF_HEX, NODE_LEAF_TXT, NODE_ENTRY,
	NODE_KINDS
};

#define WEIR_SLOTS_MAX 4096u

struct weir_inode {
	enum weir_inode_kind kind;
	uint32_t snapshot; /* slot in the source */
	uint32_t slot;     /* operator: index in the checkpoint; state: index in the view */
	uint32_t group;    /* key group; of a diff: the other snapshot */
	uint32_t rank;     /* leaf: in its index; raw file, handle: in the snapshot's list; shard: level << 16 | hash bytes; raw directory: place; bucket: number;
	                    * size link: place; range, top file: which */
};

static inline uint64_t weir_inode_pack(struct weir_inode n)
{
	uint64_t ino = (uint64_t)n.kind << 57 | (uint64_t)n.snapshot << 47 | (uint64_t)n.slot << 35 | (uint64_t)n.group << 20 | n.rank;

	return ino ? ino : 1;
}

static inline struct weir_inode weir_inode_unpack(uint64_t ino)
{
	if (ino == 1)
		ino = 0;
	return (struct weir_inode){ (enum weir_inode_kind)(ino >> 57), ino >> 47 & 1023, ino >> 35 & 4095, ino >> 20 & 32767, ino & 0xfffff };
}

#endif
