/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the changing operations of the local file system, and stops or fails the process at one of them (fs_layers.h).
 * Costs one predictable branch when the environment asks for nothing.
 */
#ifndef WEIR_FS_COUNTER_H
#define WEIR_FS_COUNTER_H

#include "fs-abstraction/fs_layers.h"

extern int weir__fs_counter_off; /* 1 once the environment has been read and asks for nothing; atomic */
int weir__fs_counter_hit(enum weir_fs_op op, const char *path, struct weir_error *err);

/* Call before the operation is carried out: 0 = go on, else the code to fail with. */
static inline int weir__fs_count(enum weir_fs_op op, const char *path, struct weir_error *err)
{
	return __builtin_expect(__atomic_load_n(&weir__fs_counter_off, __ATOMIC_RELAXED), 1) ? 0 : weir__fs_counter_hit(op, path, err);
}

#endif
