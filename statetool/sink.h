/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a tool's data goes: a buffer that is passed on in pieces of 64 KiB. The first error of the receiver is kept; later
 * output is dropped, and the verb that checks weir_sink_error() once per entry stops soon. One thread.
 */
#ifndef WEIR_STATETOOL_SINK_H
#define WEIR_STATETOOL_SINK_H

#include "base/buf.h"
#include "state/flink/keyed.h"

struct weir_sink {
	weir_put_fn *put; /* NULL: everything stays in buf */
	void *arg;
	void (*step)(struct weir_sink *s); /* NULL, or called at each weir_sink_step: to show progress */
	uint64_t steps;   /* how often that was: entries, for most verbs */
	struct weir_buf buf;
	int code;
	struct weir_error err;
};

/* Pass on what has gathered when it is much. 0 or the first error. */
int weir_sink_step(struct weir_sink *s);
/* Pass on everything, free the buffer; the first error goes to *err. */
int weir_sink_close(struct weir_sink *s, struct weir_error *err) WEIR_CHECK;

#endif
