// SPDX-License-Identifier: Apache-2.0
/*
 * The file sink: part files of CSV or NDJSON rows in a folder, exactly once, by two-phase commit with the checkpoint.
 *
 * Rows go to a hidden file (weir/fs.h, recoverable writer). snapshot() ends it, durably, and keeps the token that commits it, under that checkpoint's
 * id, in the state. committed() publishes the files of that checkpoint and of older ones. After a restore open() publishes what the state holds:
 * that checkpoint is complete, so its files are results; publishing twice is harmless.
 *
 * Invariants
 *  1. A row is in exactly one file, and the file is in the state of the first checkpoint that covers the row, until it has been published.
 *  2. Nothing that a failed attempt wrote after its last complete checkpoint is ever published: no state names it.
 *  3. File names hold digits of the job, its checkpoint folder and the sink, and random ones of the attempt, so an attempt never meets the files of another.
 * Hidden files of earlier attempts are removed by subtask 0 when the first checkpoint of this attempt is complete, if the job has its checkpoint folder to
 * itself (op->locked_dir): then no other process can be writing under these digits, and what this attempt was restored from has been published. Not
 * earlier: a checkpoint that failed at its last sync was removed again, but a crash of the machine may bring it back, and then it must find its files.
 * A restored token whose file is neither pending nor published has been consumed by somebody (files are published only once): counted, not an error.
 * State: operator list "pending", union (each subtask sees every token and publishes its share), Flink's Tuple2<Long, byte[]>: checkpoint id, token.
 * Threading: the task's thread. After a failed write the sink refuses everything: the task restarts from the last checkpoint.
 */
#include "runtime/op.h"

#include <stdio.h>
#include <stdlib.h>

#include <weir/fs.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/vec.h"
#include "runtime/format_rows.h"
#include "runtime/graph.h"

struct pending {
	int64_t checkpoint_id;   /* f0 */
	struct weir_str token;   /* f1; owned */
};

static struct weir_field fields[] = { { "f0", &weir_int64, 0 }, { "f1", &weir_bytes, 0 } };
static struct weir_type pending_type = {
	.kind = WEIR_TUPLE, .size = sizeof(struct pending), .align = _Alignof(struct pending), .name = "weir_pending",
	.fields = fields, .nfields = sizeof(fields) / sizeof(fields[0]), .null_offset = WEIR_NO_NULLS,
};

struct file_sink {
	struct weir_op op;
	const struct weir_sink_config *config;
	struct weir_row_writer *rows;
	struct weir_buf buf;
	struct weir_fs *fs;
	char *folder;                   /* path in fs */
	struct weir_fs_writer *writer;  /* NULL between files */
	char *name;                     /* of the open file, for messages */
	WEIR_VEC(struct pending) pending;
	char run[16];                   /* in every file name: 6 digits of job, checkpoint folder and sink, then the attempt's */
	uint32_t seen;                  /* restored tokens, while they are read */
	bool tidy;                      /* leftovers have been removed */
	uint32_t files;                 /* opened by this attempt */
	int failed;                     /* sticky */
};

static void free_pending(struct pending *p)
{
	if (p->token.len > WEIR_STR_INLINE && !weir_str_is_null(&p->token))
		free((void *)(uintptr_t)p->token.u.ptr);
}

/* ---- open ---- */

/* Every subtask sees every token; each publishes its share. */
static int commit_restored(void *arg, const void *value, struct weir_error *err)
{
	struct file_sink *s = arg;
	const struct pending *p = value;
	struct weir_slice token = weir_str_slice(&p->token);
	struct weir_error why = WEIR_ERROR_INIT;
	char counter[64];
	int rc;

	if (s->seen++ % s->op.parallelism != s->op.subtask)
		return 0;
	rc = weir_fs_commit(s->fs, token, &why);
	if (rc == WEIR_ENOTFOUND) {
		snprintf(counter, sizeof(counter), "%.40s.results-gone", s->op.node->uid);
		weir_op_accumulate(&s->op, counter, 1);
		return 0;
	}
	if (rc) {
		if (err)
			*err = why;
		weir_error_wrap(err, "the results of checkpoint %lld, whose state this job starts from, cannot be published", (long long)p->checkpoint_id);
	}
	return rc;
}

/* ---- leftovers ---- */

static int find_leftover(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct file_sink *s = arg;
	const char *digits = strncmp(name, ".part-", 6) == 0 ? strchr(name + 6, '-') : NULL;
	struct weir_error ignored = WEIR_ERROR_INIT;
	char *path;

	(void)st;
	if (!digits || strncmp(digits + 1, s->run, 6) != 0 || strncmp(digits + 1, s->run, strlen(s->run)) == 0 || !strstr(name, ".inprogress."))
		return 0;
	if (asprintf(&path, "%s/%s", s->folder, name) < 0)
		return 0;
	(void)!weir_fs_remove(s->fs, path, false, &ignored); /* best effort: it is hidden and nobody's */
	free(path);
	return 0;
}

static void remove_leftovers(struct file_sink *s)
{
	struct weir_error ignored = WEIR_ERROR_INIT;

	s->tidy = true;
	if (s->op.locked_dir && s->op.subtask == 0)
		(void)!weir_fs_list(s->fs, s->folder, find_leftover, s, &ignored); /* what stays is hidden; the next attempt tries again */
}

static void name_run(struct file_sink *s)
{
	struct weir_buf b = { 0 };
	uint8_t sum[16];

	weir_buf_printf(&b, "%s:%s:%s", s->op.job_id ? s->op.job_id : "", s->op.locked_dir ? s->op.locked_dir : "", s->op.node->uid);
	weir_murmur128(b.data, b.len, sum);
	weir_buf_fini(&b);
	snprintf(s->run, sizeof(s->run), "%02x%02x%02x", sum[0], sum[1], sum[2]);
	if (s->op.attempt)
		snprintf(s->run + 6, sizeof(s->run) - 6, "%.8s", s->op.attempt);
	else
		weir_rng_hex(s->op.rng, s->run + 6, 8);
}

static int sink_open(struct weir_op *op, struct weir_error *err)
{
	struct file_sink *s = (struct file_sink *)op;
	int rc = weir_type_prepare(&pending_type, err);

	s->config = op->config;
	name_run(s);
	if (!rc && (!s->config->opts.path || !*s->config->opts.path))
		rc = weir_error_set(err, WEIR_EINVALID, "the path of the output folder is empty");
	if (!rc)
		rc = weir_row_writer_new(s->config->format, s->config->type, NULL, &s->rows, err);
	if (!rc)
		rc = weir_fs_resolve(s->config->opts.path, &s->fs, &s->folder, err);
	if (!rc && !(weir_fs_caps(s->fs) & WEIR_FS_RECOVERABLE))
		rc = weir_error_at(err, WEIR_EUNSUPPORTED, s->config->opts.path, WEIR_NO_OFFSET,
				   "the file system %s has no recoverable writer, which a file sink needs to be exactly once", weir_fs_scheme(s->fs));
	if (!rc)
		rc = weir_fs_mkdirs_durable(s->fs, s->folder, err);
	if (!rc && weir_op_is_restored(op))
		rc = weir_op_restored(op, "pending", &pending_type, commit_restored, s, err);
	return rc;
}

/* ---- writing ---- */

static int open_file(struct file_sink *s, struct weir_error *err)
{
	const char *end = s->config->format == WEIR_ROWS_CSV ? "csv" : "json";
	int rc;

	free(s->name);
	if (asprintf(&s->name, "%s/part-%u-%s-%u.%s", strcmp(s->folder, "/") == 0 ? "" : s->folder, s->op.subtask, s->run, s->files, end) < 0) {
		s->name = NULL;
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a file name");
	}
	rc = weir_fs_writer_open(s->fs, s->name, &s->writer, err);
	if (rc)
		return rc;
	s->files++;
	if (s->config->opts.header)
		weir_row_writer_header(s->rows, &s->buf);
	return 0;
}

/* The state of the sink is unknown after a failure; only a restart from the last checkpoint makes it known. */
static int give_up(struct file_sink *s, int rc, struct weir_error *err)
{
	s->failed = rc;
	weir_error_wrap(err, "cannot write results to %s", s->name ? s->name : s->config->opts.path);
	return rc;
}

static int check_failed(const struct file_sink *s, struct weir_error *err)
{
	return s->failed ? weir_error_set(err, s->failed, "writing results to %s has failed before", s->name ? s->name : s->config->opts.path) : 0;
}

static int sink_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct file_sink *s = (struct file_sink *)op;
	int rc = check_failed(s, err);

	if (rc)
		return rc;
	if ((rows && rows->rows ? rows->n : in->rows) == 0)
		return 0;
	weir_buf_clear(&s->buf);
	if (!s->writer)
		rc = open_file(s, err);
	if (!rc)
		rc = weir_row_writer_put(s->rows, in, rows, &s->buf, err);
	if (!rc)
		rc = weir_fs_writer_write(s->writer, s->buf.data, s->buf.len, err);
	return rc ? give_up(s, rc, err) : 0;
}

/* End the open file and remember its token under this checkpoint. */
static int roll(struct file_sink *s, int64_t checkpoint_id, struct weir_error *err)
{
	struct weir_buf token = { 0 };
	struct weir_fs_writer *w = s->writer;
	struct pending *p;
	int rc;

	if (!w)
		return 0;
	s->writer = NULL; /* prepare frees it in any case */
	rc = weir_fs_writer_prepare(w, &token, err);
	if (!rc && weir_buf_error(&token))
		rc = weir_error_set(err, WEIR_ENOMEM, "out of memory for a pending file");
	p = rc ? NULL : weir_vec_push(&s->pending);
	if (!rc && !p)
		rc = weir_error_set(err, WEIR_ENOMEM, "out of memory for a pending file");
	if (!rc) {
		*p = (struct pending){ checkpoint_id, weir_str_view((const char *)token.data, (uint32_t)token.len) };
		if (token.len > WEIR_STR_INLINE)
			token = (struct weir_buf){ 0 }; /* the view owns its bytes */
	}
	weir_buf_fini(&token);
	return rc ? give_up(s, rc, err) : 0;
}

/* Publish what belongs to this checkpoint and older ones. What was published is forgotten at once, so a failure in the middle loses nothing. */
static int commit_up_to(struct file_sink *s, int64_t checkpoint_id, struct weir_error *err)
{
	size_t kept = 0, i = 0;
	int rc = 0;

	for (; i < s->pending.len; i++) {
		struct pending *p = &s->pending.items[i];

		if (!rc && p->checkpoint_id <= checkpoint_id) {
			rc = weir_fs_commit(s->fs, weir_str_slice(&p->token), err);
			if (!rc) {
				free_pending(p);
				continue;
			}
			weir_error_wrap(err, "the results of checkpoint %lld cannot be published", (long long)p->checkpoint_id);
		}
		s->pending.items[kept++] = *p;
	}
	s->pending.len = kept;
	return rc;
}

/* ---- the protocol ---- */

static int sink_snapshot(struct weir_op *op, int64_t checkpoint_id, struct weir_op_snapshot *out, struct weir_error *err)
{
	struct file_sink *s = (struct file_sink *)op;
	int rc = check_failed(s, err);

	if (!rc)
		rc = roll(s, checkpoint_id, err);
	if (!rc)
		rc = weir_op_snapshot_list(out, "pending", &pending_type, WEIR_UNION, err);
	for (size_t i = 0; !rc && i < s->pending.len; i++)
		rc = weir_op_snapshot_add(out, &s->pending.items[i], err);
	return rc;
}

static int sink_committed(struct weir_op *op, int64_t checkpoint_id, struct weir_error *err)
{
	struct file_sink *s = (struct file_sink *)op;
	int rc = commit_up_to(s, checkpoint_id, err);

	if (!rc && !s->tidy)
		remove_leftovers(s);
	return rc;
}

/* Without checkpoints the end of the input is the only commit. */
static int sink_finish(struct weir_op *op, struct weir_error *err)
{
	struct file_sink *s = (struct file_sink *)op;
	int rc = check_failed(s, err);

	if (rc || weir_op_has_checkpoints(op))
		return rc;
	rc = roll(s, 0, err);
	return rc ? rc : commit_up_to(s, INT64_MAX, err);
}

static void sink_close(struct weir_op *op)
{
	struct file_sink *s = (struct file_sink *)op;

	weir_fs_writer_abort(s->writer);
	s->writer = NULL;
	for (size_t i = 0; i < s->pending.len; i++)
		free_pending(&s->pending.items[i]);
	weir_vec_fini(&s->pending);
	weir_row_writer_free(s->rows);
	s->rows = NULL;
	weir_buf_fini(&s->buf);
	free(s->folder);
	free(s->name);
	s->folder = s->name = NULL;
}

const struct weir_op_ops weir_op_file_sink = {
	.name = "File sink", .size = sizeof(struct file_sink), .open = sink_open, .batch = sink_batch, .finish = sink_finish, .snapshot = sink_snapshot,
	.committed = sink_committed, .close = sink_close,
};
