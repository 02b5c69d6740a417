/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaching a running job from another terminal: each `weir run` listens on a Unix socket named by its job id and pid in $XDG_RUNTIME_DIR/weir or /tmp/weir-UID. One
 * request per connection: a line of JSON in, a line of JSON out.
 */
#ifndef WEIR_CLI_CONTROL_H
#define WEIR_CLI_CONTROL_H

#include "runtime/job.h"

struct weir_control;
/* Listen for this job on a thread of its own. name is shown by `weir list`. */
int weir_control_open(struct weir_job *job, const char *name, struct weir_control **out, struct weir_error *err) WEIR_CHECK;
void weir_control_close(struct weir_control *c); /* NULL is allowed; waits for a request that is being answered */

/* A job that answers. */
struct weir_found_job {
	char id[33], name[128], state[16], socket[108];
	int64_t pid, started_ms, rows, last_checkpoint;
};
typedef void weir_found_fn(void *arg, const struct weir_found_job *j);
int weir_control_each(weir_found_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;
/* The one job whose id begins with `id`, or whose name or pid is `id`. */
int weir_control_find(const char *id, struct weir_found_job *out, struct weir_error *err) WEIR_CHECK;
/* Send a request ({"do":"savepoint",...}) and wait for its answer. The error of the job comes back as an error here. *out_uri: malloc'ed or NULL. */
int weir_control_ask(const struct weir_found_job *j, const char *request, char **out_uri, struct weir_error *err) WEIR_CHECK;

#endif
