// SPDX-License-Identifier: Apache-2.0
/* The names of file system operations, and one call as one line of text. Pure. */
#include "fs-abstraction/fs_layers.h"

#include <stdio.h>

static const char *const names[WEIR_FS_OP_MAX] = {
	[WEIR_FS_OP_OPEN] = "open",     [WEIR_FS_OP_READ] = "read",     [WEIR_FS_OP_MAP] = "map",         [WEIR_FS_OP_CREATE] = "create",
	[WEIR_FS_OP_RESUME] = "resume", [WEIR_FS_OP_WRITE] = "write",   [WEIR_FS_OP_SYNC] = "sync",       [WEIR_FS_OP_CLOSE] = "close",
	[WEIR_FS_OP_ABORT] = "abort",   [WEIR_FS_OP_STAT] = "stat",     [WEIR_FS_OP_LIST] = "list",       [WEIR_FS_OP_MKDIR] = "mkdir",
	[WEIR_FS_OP_RENAME] = "rename", [WEIR_FS_OP_REMOVE] = "remove", [WEIR_FS_OP_SYNC_DIR] = "sync_dir", [WEIR_FS_OP_LOCK] = "lock",
};

const char *weir_fs_op_name(enum weir_fs_op op) { return (unsigned)op < WEIR_FS_OP_MAX ? names[op] : "?"; }

const char *weir_fs_call_text(const struct weir_fs_call *call, char *buf, size_t size)
{
	char n[32] = "";

	if (1u << call->op & (1u << WEIR_FS_OP_READ | 1u << WEIR_FS_OP_WRITE | 1u << WEIR_FS_OP_RESUME | 1u << WEIR_FS_OP_LIST))
		snprintf(n, sizeof(n), " %llu", (unsigned long long)call->n);
	snprintf(buf, size, "%s %s%s%s%s = %s", weir_fs_op_name(call->op), call->path, call->to ? " " : "", call->to ? call->to : "", n,
		 call->result ? weir_code_name(call->result) : "0");
	return buf;
}
