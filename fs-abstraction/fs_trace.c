// SPDX-License-Identifier: Apache-2.0
/* The tracing wrapper: reports every operation that reached the inner file system, in the order in which they returned. */
#include "fs-abstraction/fs_layers.h"

#include <stdlib.h>

#include "fs-abstraction/fs_wrap.h"

struct trace_fs {
	struct weir__fs_wrap wrap;
	weir_fs_trace_fn *fn;
	void *arg;
};

static void report(struct weir__fs_wrap *w, const struct weir_fs_call *call)
{
	struct trace_fs *t = (struct trace_fs *)w;

	t->fn(t->arg, call);
}

struct weir_fs *weir_fs_trace_new(struct weir_fs *inner, weir_fs_trace_fn *fn, void *arg)
{
	struct trace_fs *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	weir__fs_wrap_init(&t->wrap, inner);
	t->wrap.after = report;
	t->fn = fn;
	t->arg = arg;
	return &t->wrap.base;
}

void weir_fs_trace_free(struct weir_fs *fs) { free(fs); }
