/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that bench_tools looks into: one operator, 128 key groups, one value state of about 100 bytes an entry, written by our own writer in each layout. RocksDB's files are
 * written by librocksdb, which is loaded when it is needed; without it those rows are left out.
 */
#ifndef WEIR_BENCH_TOOLS_CORPUS_H
#define WEIR_BENCH_TOOLS_CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#define CORPUS_GROUPS 128u
#define CORPUS_STATE "visits"
#define CORPUS_UID "visits-by-user"
#define CORPUS_CHANGED 100u /* each hundredth key has another value in the changed one */

enum corpus_layout { CORPUS_CANONICAL, CORPUS_SNAPPY, CORPUS_HASHMAP, CORPUS_ROCKSDB, CORPUS_LAYOUTS };
extern const char *const corpus_layouts[CORPUS_LAYOUTS];

struct corpus {
	char dir[200];
	uint64_t entries;
	int64_t *keys; /* ordered by key group, then by value */
	uint64_t first[CORPUS_GROUPS + 1];
};

/* False, with a message on stderr, when memory or files fail. */
bool corpus_init(struct corpus *c, const char *dir, uint64_t entries);
void corpus_fini(struct corpus *c);
/* <dir>/<layout>: _metadata and its files. Not for ROCKSDB. changed: <dir>/<layout>-changed. */
bool corpus_write(const struct corpus *c, enum corpus_layout layout, bool changed);
/* <dir>/rocksdb and <dir>/rocksdb-changed: two incremental checkpoints of one database, the second has one more file. *out_there false: no librocksdb. */
bool corpus_write_rocksdb(const struct corpus *c, bool *out_there);
/* <dir>/wide: one operator of `subtasks` subtasks with a little keyed state each, inside the metadata. */
bool corpus_write_wide(const struct corpus *c, uint32_t subtasks);

/* ---- what the same work costs with librocksdb alone ---- */
/* Open <dir>/rocksdb/db, step over every entry of the state, close: how many; 0 when it failed. *out_sum: so that nothing is left out. */
uint64_t corpus_iterate(const struct corpus *c, uint64_t *out_sum);
/* Open, get one key, close. The length of its value. */
uint64_t corpus_get(const struct corpus *c, int64_t key);

/* ---- between the files ---- */
struct weir_buf;
struct weir_named_handle;
struct weir_keyed_state_meta;
void corpus__value(int64_t key, bool changed, struct weir_buf *out);
void corpus__meta(struct weir_keyed_state_meta *out);
/* _metadata of the directory for one RocksDB handle. */
bool corpus__write_incremental(const char *dir, uint32_t nshared, struct weir_named_handle *shared, uint32_t nprivate, struct weir_named_handle *private_, int64_t id);

#endif
