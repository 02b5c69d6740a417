// SPDX-License-Identifier: Apache-2.0
/*
 * The breaking wrapper: counts the operations that match, and fails or kills at the Nth (fs_layers.h).
 * A failing operation is not carried out, but for half a WRITE when asked. The counter is atomic; the fault itself is fixed at
 * the start, so many threads may run into it.
 */
#include "fs-abstraction/fs_layers.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs-abstraction/fs_wrap.h"

struct fault_fs {
	struct weir__fs_wrap wrap;
	struct weir_fs_fault fault;
	char *glob;
	uint64_t count; /* atomic */
};

static bool matches(const struct fault_fs *f, const struct weir_fs_call *call)
{
	uint32_t ops = f->fault.ops ? f->fault.ops : WEIR_FS_OPS_CHANGING;

	if (!(ops & 1u << call->op))
		return false;
	return !f->glob || fnmatch(f->glob, call->path, 0) == 0 || (call->to && fnmatch(f->glob, call->to, 0) == 0);
}

static int strike(struct weir__fs_wrap *w, const struct weir_fs_call *call, size_t *n, struct weir_error *err)
{
	struct fault_fs *f = (struct fault_fs *)w;
	uint64_t k;

	if (!matches(f, call))
		return 0;
	k = __atomic_add_fetch(&f->count, 1, __ATOMIC_SEQ_CST);
	if (f->fault.nth == 0 || !(k == f->fault.nth || (f->fault.sticky && k > f->fault.nth)))
		return 0;
	if (f->fault.kill) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
	if (f->fault.at && k == f->fault.nth)
		f->fault.at(f->fault.arg);
	if (f->fault.half && n && call->op == WEIR_FS_OP_WRITE)
		*n = (size_t)call->n / 2;
	return weir_error_at(err, f->fault.code, call->path, WEIR_NO_OFFSET, "%s failed: %s (fault %llu, on purpose)", weir_fs_op_name(call->op),
			     weir_code_text(f->fault.code), (unsigned long long)k);
}

struct weir_fs *weir_fs_fault_new(struct weir_fs *inner, const struct weir_fs_fault *fault)
{
	struct fault_fs *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	weir__fs_wrap_init(&f->wrap, inner);
	f->wrap.before = strike;
	f->fault = *fault;
	if (f->fault.code >= 0)
		f->fault.code = WEIR_EIO;
	if (fault->glob && !(f->glob = strdup(fault->glob))) {
		free(f);
		return NULL;
	}
	return &f->wrap.base;
}

uint64_t weir_fs_fault_count(const struct weir_fs *fs) { return __atomic_load_n(&((const struct fault_fs *)fs)->count, __ATOMIC_SEQ_CST); }

void weir_fs_fault_free(struct weir_fs *fs)
{
	struct fault_fs *f = (struct fault_fs *)fs;

	if (!f)
		return;
	free(f->glob);
	free(f);
}
