// SPDX-License-Identifier: Apache-2.0
/*
 * print: rows as JSON lines on standard output, each batch in one write, so that lines of subtasks do not mix (a pipe keeps up to PIPE_BUF together).
 * With more than one subtask each line begins with "3> ", the subtask's number from 1, as Flink prints it. At least once.
 * discard: takes rows and counts them.
 *
 * A reader that went away is an error like another: SIGPIPE is held back from this thread during the write.
 */
#include "runtime/op.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/format_rows.h"
#include "runtime/graph.h"

struct print {
	struct weir_op op;
	struct weir_row_writer *rows;
	struct weir_buf buf;
};

static int print_open(struct weir_op *op, struct weir_error *err)
{
	struct print *s = (struct print *)op;
	const struct weir_sink_config *c = op->config;
	const struct weir_type *type = c && c->type ? c->type : op->node->in;
	char prefix[16];

	snprintf(prefix, sizeof(prefix), "%u> ", op->subtask + 1);
	return weir_row_writer_new(WEIR_ROWS_JSON, type, op->parallelism > 1 ? prefix : NULL, &s->rows, err);
}

static int write_all(const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(STDOUT_FILENO, p, n);

		if (done < 0 && errno == EAGAIN) { /* somebody made standard output non-blocking */
			struct pollfd f = { .fd = STDOUT_FILENO, .events = POLLOUT };

			(void)poll(&f, 1, -1);
			continue;
		}
		if (done < 0 && errno != EINTR)
			return errno;
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* write_all() without SIGPIPE: it is blocked, and taken back when the write raised it. */
static int write_quietly(const uint8_t *p, size_t n)
{
	sigset_t pipe_set, pending, old;
	bool was_pending;
	int sys;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	sys = write_all(p, n);
	if (sys == EPIPE && !was_pending) {
		struct timespec none = { 0, 0 };

		while (sigtimedwait(&pipe_set, NULL, &none) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return sys;
}

static int print_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct print *s = (struct print *)op;
	int rc, sys;

	weir_buf_clear(&s->buf);
	rc = weir_row_writer_put(s->rows, in, rows, &s->buf, err);
	if (rc)
		return rc;
	sys = write_quietly(s->buf.data, s->buf.len);
	return sys ? weir_error_sys(err, sys, "standard output", "print rows") : 0;
}

static void print_close(struct weir_op *op)
{
	struct print *s = (struct print *)op;

	weir_row_writer_free(s->rows);
	s->rows = NULL;
	weir_buf_fini(&s->buf);
}

const struct weir_op_ops weir_op_print = {
	.name = "Print", .size = sizeof(struct print), .open = print_open, .batch = print_batch, .close = print_close,
};

/* ---- discard ---- */

struct discard {
	struct weir_op op;
	char name[160];
};

static int discard_open(struct weir_op *op, struct weir_error *err)
{
	struct discard *s = (struct discard *)op;

	(void)err;
	snprintf(s->name, sizeof(s->name), "%s.rows", op->node->uid ? op->node->uid : "discard");
	return 0;
}

static int discard_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	(void)err;
	weir_op_accumulate(op, ((struct discard *)op)->name, rows && rows->rows ? rows->n : in->rows);
	return 0;
}

const struct weir_op_ops weir_op_discard = {
	.name = "Discard", .size = sizeof(struct discard), .open = discard_open, .batch = discard_batch,
};
