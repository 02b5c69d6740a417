/* SPDX-License-Identifier: Apache-2.0 */
/* The files behind an incremental keyed handle, under the names RocksDB gave them, in a temporary directory. */
#ifndef WEIR_STATE_CKPT_ROCKSDB_DIR_H
#define WEIR_STATE_CKPT_ROCKSDB_DIR_H

#include <weir/ckpt.h>

#define WEIR__ROCKSDB_PREFIX "weir-rocksdb-" /* their names begin with it */

struct weir__rocksdb_dir {
	char *path; /* NULL: none */
	int lock;   /* held while the directory is in use */
};

/* Hard links where the file system allows, else symbolic links, else copies (inline data, segments of merged files, other file systems). A file that is missing, short or badly
 * named is WEIR_ECORRUPT naming it; nothing is left behind then. */
int weir__rocksdb_dir_build(const struct weir_ckpt *c, const struct weir_keyed_handle *k, struct weir__rocksdb_dir *out, struct weir_error *err) WEIR_CHECK;
void weir__rocksdb_dir_remove(struct weir__rocksdb_dir *d); /* allowed twice, and on a zeroed struct */

#endif
