/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RocksDB directory opened to read, through the C API of librocksdb, which is loaded when the first one is opened: a program that meets no RocksDB state
 * does not pay for it. One column family per state; lists are merged as Flink merges them.
 *
 * Threads: one iterator is one thread's; opening and several iterators may run side by side.
 */
#ifndef WEIR_STATE_CKPT_ROCKSDB_H
#define WEIR_STATE_CKPT_ROCKSDB_H

#include <weir/error.h>
#include <weir/str.h>

struct weir__rocksdb;
struct weir__rocksdb_iter;

/* max_open_files: table files held open at a time; -1 opens all of them now, after which the directory may be removed. WEIR_EUNSUPPORTED when librocksdb is not
 * installed. Damage is WEIR_ECORRUPT with RocksDB's own words. */
int weir__rocksdb_open(const char *dir, int max_open_files, struct weir__rocksdb **out, struct weir_error *err) WEIR_CHECK;
void weir__rocksdb_close(struct weir__rocksdb *db); /* NULL is allowed; after all iterators */

/* Number of a column family, or -1. */
int weir__rocksdb_family(const struct weir__rocksdb *db, const char *name);

int weir__rocksdb_iter_new(struct weir__rocksdb *db, int family, struct weir__rocksdb_iter **out, struct weir_error *err) WEIR_CHECK;
void weir__rocksdb_iter_free(struct weir__rocksdb_iter *it); /* NULL is allowed */
void weir__rocksdb_seek(struct weir__rocksdb_iter *it, struct weir_slice key); /* the first entry at or behind key */
/* The entry it stands at; valid until it moves. False at the end and after damage, which weir__rocksdb_iter_error() tells apart. */
bool weir__rocksdb_entry(const struct weir__rocksdb_iter *it, struct weir_slice *out_key, struct weir_slice *out_value);
void weir__rocksdb_next(struct weir__rocksdb_iter *it);
int weir__rocksdb_iter_error(const struct weir__rocksdb_iter *it, struct weir_error *err) WEIR_CHECK;

#endif
