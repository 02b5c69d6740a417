/* SPDX-License-Identifier: Apache-2.0 */
/* FUSE requests as calls of the tree. Only for mount.c. */
#ifndef WEIR_FUSEFS_OPS_H
#define WEIR_FUSEFS_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "fusefs/tree.h"

/* userdata of the session: a struct weir_tree. */
extern const struct fuse_lowlevel_ops weir__fuse_ops;

#endif
