/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system around another one: every operation goes to the inner one between two hooks. Trace and fault are such wrappers.
 * Scheme, authority and capabilities are the inner one's; locks and maps are the inner one's own.
 */
#ifndef WEIR_FS_WRAP_H
#define WEIR_FS_WRAP_H

#include "fs-abstraction/fs_layers.h"

struct weir__fs_wrap {
	struct weir_fs base;
	struct weir_fs_ops ops;
	struct weir_fs *inner;
	/* Before: not 0 = the operation is not carried out and fails with that code. *n may be made smaller for a WRITE that is to fail
	 * after that many bytes. NULL = nothing. Not called for CLOSE's and ABORT's clean-up. */
	int (*before)(struct weir__fs_wrap *w, const struct weir_fs_call *call, size_t *n, struct weir_error *err);
	/* After, with the result. NULL = nothing. */
	void (*after)(struct weir__fs_wrap *w, const struct weir_fs_call *call);
};

void weir__fs_wrap_init(struct weir__fs_wrap *w, struct weir_fs *inner);

#endif
