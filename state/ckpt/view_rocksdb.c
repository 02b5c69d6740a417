/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are RocksDB files (handle tags 5 and 11). Their metadata block is read, so their states are known with all types; the entries in the
 * SST files are not read by this version: each state of each subtask shows as one undecodable entry.
 */
#include "state/ckpt/view_priv.h"

#define NOT_READ "RocksDB files are not read by this version"

int weir__rocksdb_open(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	int code;

	part->stream = &part->keyed->stream;
	code = weir__part_load(v, part, err);
	return code ? code : weir_keyed_read_meta(part->bytes, part->path, &v->mem, &part->meta, err);
}

int weir__rocksdb_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	(void)err;
	for (uint32_t i = 0; i < part->ninfos; i++) {
		struct weir_entry e = { .key_group = -1, .index = -1, .undecodable = NOT_READ };
		int code = weir__scan_entry(x, i, &e);

		if (code)
			return code;
	}
	return 0;
}
