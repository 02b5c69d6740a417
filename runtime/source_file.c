// SPDX-License-Identifier: Apache-2.0
/*
 * Sources over files: lines of text, CSV, NDJSON.
 *
 * Invariants
 *  1. The rows a subtask emits, the rows at which its batches end and the watermarks between them are a function of its splits' bytes. Batches end at
 *     multiples of every_rows of the split's row count (and of 1024 rows within that); watermarks stand at multiples of every_rows only. Pacing may cut
 *     batches elsewhere; watermarks stay where they are.
 *  2. A split's state is that of the last emitted row: what poll() reads but does not emit is read again after a restore.
 *  3. A subtask reads its splits one after another.
 *  4. After a restore the watermark that had been emitted is emitted first, so a row that was late before a crash is late after it.
 * Threading: the task's thread. Fails on missing, unreadable, cut or damaged files and, as on_error says, on bad rows.
 */
#include "runtime/op.h"

#include <stdio.h>
#include <stdlib.h>

#include <weir/fs.h>

#include "runtime/format_rows.h"
#include "runtime/graph.h"
#include "runtime/input_file.h"
#include "runtime/source_bad.h"
#include "runtime/source_pace.h"
#include "runtime/source_split.h"

#define SPLIT_BYTES ((uint64_t)64 << 20)
#define STDIN_WAIT_MS 20

struct file_source {
	struct weir_op op;
	const struct weir_source_config *config;
	enum weir_rows_format format;
	struct weir_row_parser *parser;
	struct weir_split_list splits;
	struct weir_input *in;          /* of splits[current], or NULL */
	bool ready;                     /* `in` stands at the next row */
	size_t current;
	char *uri;                      /* of the current split */
	int64_t lines_before;           /* in its file, before its first row; -1 = not counted yet */
	struct weir_bad_rows bad;
	struct weir_pace pace;
	uint32_t every_rows;
	int64_t watermark;              /* emitted; INT64_MIN = none */
	bool say_watermark;             /* restored: emit it first */
	bool stopped, idle;
	int64_t last_row_ms;            /* processing time, for idleness of standard input */
	char skipped[160];              /* name of the accumulator */
};

/* ---- open ---- */

static int check_config(const struct weir_source_config *c, struct weir_error *err)
{
	const struct weir_type *t = c->opts.type;

	if (c->timed) {
		enum weir_kind k = c->time_field < t->nfields ? t->fields[c->time_field].type->kind : t->kind;

		if (k != WEIR_TIMESTAMP && k != WEIR_INT64)
			return weir_error_set(err, WEIR_EINVALID, "the event time must be a timestamp or an int64, not a %s", weir__value_kind(k));
	}
	if (c->opts.rows_per_second < 0)
		return weir_error_set(err, WEIR_EINVALID, "rows_per_second is %lld; it must not be negative (0 = as fast as possible)", (long long)c->opts.rows_per_second);
	if (!c->path || !*c->path)
		return weir_error_set(err, WEIR_EINVALID, "the path of the input is empty");
	return 0;
}

/* The state knows its files, and no others are looked for: say so when the job names another input now. */
static void tell_of_other_input(struct file_source *s)
{
	struct weir_error ignored = WEIR_ERROR_INIT;
	struct weir_fs *fs;
	char *path = NULL, *uri = NULL;
	size_t n, others = 0;

	if (s->splits.v.len == 0 || strcmp(s->config->path, WEIR_INPUT_STDIN) == 0 || weir_fs_resolve(s->config->path, &fs, &path, &ignored) != 0)
		return;
	uri = weir_fs_uri(fs, path);
	n = uri ? strlen(uri) : 0;
	for (size_t i = 0; uri && i < s->splits.v.len; i++) {
		struct weir_slice is = weir_str_slice(&s->splits.v.items[i].path);

		others += is.len < n || memcmp(is.ptr, uri, n) != 0 || (is.len > n && is.ptr[n] != '/');
	}
	if (others == s->splits.v.len)
		weir_op_notice(&s->op, "the restored state goes on with %s; %s, which the job names now, is not read (start without the state to read it)",
			       weir_split_uri(&s->splits, &s->splits.v.items[0]), uri);
	free(path);
	free(uri);
}

static int take_splits(struct file_source *s, struct weir_error *err)
{
	uint64_t split_bytes = s->config->opts.split_bytes ? s->config->opts.split_bytes : SPLIT_BYTES;
	int rc;

	if (!weir_op_is_restored(&s->op))
		return weir_splits_enumerate(&s->splits, s->config->path, split_bytes, s->op.subtask, s->op.parallelism, err);
	rc = weir_splits_restore(&s->splits, &s->op, err);
	s->watermark = weir_splits_restored_watermark(&s->splits);
	s->say_watermark = s->watermark != INT64_MIN;
	if (!rc)
		tell_of_other_input(s);
	return rc;
}

static int file_open(struct weir_op *op, enum weir_rows_format format, struct weir_error *err)
{
	struct file_source *s = (struct file_source *)op;
	const struct weir_source_config *c = op->config;
	int rc = check_config(c, err);

	s->config = c;
	s->format = format;
	s->watermark = INT64_MIN;
	s->bad.fd = -1;
	s->every_rows = c->strategy.every_rows ? c->strategy.every_rows : 512;
	s->pace = (struct weir_pace){ .rows_per_second = c->opts.rows_per_second, .parallelism = op->parallelism };
	snprintf(s->skipped, sizeof(s->skipped), "%s.skipped-rows", op->node->uid ? op->node->uid : "source");
	if (!rc)
		rc = weir_bad_rows_open(&s->bad, c->opts.on_error, err);
	if (!rc)
		rc = weir_row_parser_new(format, c->opts.type, c->opts.delimiter, &s->parser, err);
	if (!rc)
		rc = take_splits(s, err);
	s->last_row_ms = weir_op_now_ms(op);
	return rc;
}

static int text_open(struct weir_op *op, struct weir_error *err) { return file_open(op, WEIR_FORMAT_TEXT, err); }
static int csv_open(struct weir_op *op, struct weir_error *err) { return file_open(op, WEIR_FORMAT_CSV, err); }
static int json_open(struct weir_op *op, struct weir_error *err) { return file_open(op, WEIR_FORMAT_JSON, err); }

/* ---- one split ---- */

static bool plain(const struct file_source *s) { return strcmp(s->uri, WEIR_INPUT_STDIN) != 0 && !weir_input_is_gzip(s->uri); }

/* A split that begins inside a file begins at its first line start: behind the first line feed at or after start - 1. */
static int find_line_start(struct file_source *s, struct weir_split *split, struct weir_error *err)
{
	struct weir_row_cursor *w = weir_input_window(s->in);
	bool waiting;
	int rc = weir_input_seek(s->in, (uint64_t)split->start - 1, err);

	while (!rc) {
		const char *nl = w->p < w->end ? memchr(w->p, '\n', (size_t)(w->end - w->p)) : NULL;

		w->p = nl ? nl + 1 : w->end;
		if (nl || w->last)
			break;
		rc = weir_input_fill(s->in, &waiting, err);
	}
	split->offset = (int64_t)weir_input_offset(s->in);
	return rc;
}

/* Read the header at the start of the file. *out_waiting: standard input has not got that far. */
static int take_header(struct file_source *s, bool *out_waiting, struct weir_error *err)
{
	for (;;) {
		enum weir_rows_stop stop = weir_row_parser_header(s->parser, weir_input_window(s->in), err);
		int rc;

		if (stop == WEIR_ROWS_FULL || stop == WEIR_ROWS_END)
			return 0;
		if (stop == WEIR_ROWS_NOMEM)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory for the columns of a header");
		if (stop == WEIR_ROWS_BAD) {
			if (err)
				snprintf(err->path, sizeof(err->path), "%s", weir_input_path(s->in));
			return err ? err->code : WEIR_EPARSE;
		}
		rc = weir_input_fill(s->in, out_waiting, err);
		if (rc || *out_waiting)
			return rc;
	}
}

static int skip_byte_order_mark(struct file_source *s, bool *out_waiting, struct weir_error *err)
{
	struct weir_row_cursor *w = weir_input_window(s->in);
	int rc = 0;

	while (!rc && !*out_waiting && w->end - w->p < 3 && !w->last)
		rc = weir_input_fill(s->in, out_waiting, err);
	if (!rc && w->end - w->p >= 3 && memcmp(w->p, "\xef\xbb\xbf", 3) == 0)
		w->p += 3;
	return rc;
}

/* Open the current split's input and go to its next row. */
static int open_split(struct file_source *s, bool *out_waiting, struct weir_error *err)
{
	struct weir_split *split = &s->splits.v.items[s->current];
	bool header = s->format == WEIR_FORMAT_CSV && !s->config->opts.no_header;
	int rc = 0;

	if (!s->in) {
		s->uri = weir_split_uri(&s->splits, split);
		if (!s->uri)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory for a path");
		if (strcmp(s->uri, WEIR_INPUT_STDIN) == 0 && split->rows > 0)
			return weir_error_set(err, WEIR_EUNSUPPORTED, "%lld rows had been read from standard input, which cannot be read again; use a file to resume a job",
					      (long long)split->rows);
		s->lines_before = split->start == 0 ? 0 : -1;
		rc = weir_input_open(s->uri, &s->in, err);
	}
	if (!rc && (header || split->offset == 0)) {
		struct weir_row_cursor *w = weir_input_window(s->in);

		rc = skip_byte_order_mark(s, out_waiting, err);
		if (!rc && !*out_waiting && header)
			rc = take_header(s, out_waiting, err);
		if (rc || *out_waiting)
			return rc;
		if (split->offset == 0) {
			split->lines = (int64_t)w->lines;
			split->offset = (int64_t)weir_input_offset(s->in);
		}
	}
	if (rc)
		return rc;
	if (split->start > 0 && split->offset == split->start)
		rc = find_line_start(s, split, err);
	else if ((uint64_t)split->offset != weir_input_offset(s->in))
		rc = weir_input_seek(s->in, (uint64_t)split->offset, err);
	weir_input_limit(s->in, split->end == INT64_MAX ? UINT64_MAX : (uint64_t)split->end);
	weir_input_window(s->in)->lines = (uint64_t)split->lines;
	s->ready = !rc;
	return rc;
}

/* The row that crossed the split's end must end at the first line feed behind it: the next split begins there. */
static int check_boundary(struct file_source *s, const struct weir_split *split, struct weir_error *err)
{
	uint64_t offset = weir_input_offset(s->in), last_row_end = offset;
	struct weir_split probe = { .start = split->end };
	int rc;

	if (s->format != WEIR_FORMAT_CSV || split->end == INT64_MAX || split->end == 0 || !plain(s)) /* 0: an empty file */
		return 0;
	rc = find_line_start(s, &probe, err);
	if (rc || (uint64_t)probe.offset == last_row_end)
		return rc;
	return weir_error_at(err, WEIR_EUNSUPPORTED, weir_input_path(s->in), (uint64_t)split->end,
			     "a quoted field with a line break in it lies across the byte where the file is cut into splits; set split_bytes above the file's size");
}

static int finish_split(struct file_source *s, struct weir_error *err)
{
	struct weir_split *split = &s->splits.v.items[s->current];
	int rc = 0;

	split->offset = (int64_t)weir_input_offset(s->in);
	if (split->end != INT64_MAX && split->offset < split->end)
		rc = weir_error_at(err, WEIR_EIO, weir_input_path(s->in), (uint64_t)split->offset,
				   "the file ends here, but had %lld bytes when the job began: it was cut while it was read", (long long)split->end);
	if (!rc)
		rc = check_boundary(s, split, err);
	weir_input_close(s->in);
	s->in = NULL;
	s->ready = false;
	split->finished = !rc;
	return rc;
}

/* ---- rows ---- */

/* Line number, from 1, of the bad row. Splits inside a file count the lines before them the first time that one is asked for. */
static int line_of(struct file_source *s, const struct weir_split *split, uint64_t lines, uint64_t *out, struct weir_error *err)
{
	uint64_t before;

	if (s->lines_before < 0) {
		int rc = weir_input_count_lines(s->uri, (uint64_t)split->start - 1, &before, err);

		if (rc)
			return rc;
		s->lines_before = (int64_t)before + 1;
	}
	*out = (uint64_t)s->lines_before + lines + 1;
	return 0;
}

static int bad_row(struct file_source *s, const struct weir_split *split, const struct weir_row_fault *f, struct weir_error *err)
{
	uint64_t offset = weir_input_offset_of(s->in, f->row), line;
	int rc = line_of(s, split, f->line, &line, err);

	if (rc)
		return rc;
	if (s->bad.mode == WEIR_BAD_FAIL)
		return weir_bad_row_error(f, weir_input_path(s->in), offset, line, err);
	weir_op_accumulate(&s->op, s->skipped, 1);
	return weir_bad_rows_put(&s->bad, f, weir_input_path(s->in), offset, line, err);
}

/* Read up to n rows (bad ones count) into b. *out_ended: the split has no more. */
static int read_rows(struct file_source *s, struct weir_batch *b, uint32_t n, uint32_t *out_read, bool *out_ended, bool *out_waiting, struct weir_error *err)
{
	const struct weir_split *split = &s->splits.v.items[s->current];
	struct weir_row_cursor *w = weir_input_window(s->in);
	uint32_t bad = 0;
	int rc = 0;

	while (!rc && b->rows + bad < n && !*out_ended && !*out_waiting) {
		struct weir_row_fault fault;

		switch (weir_row_parser_run(s->parser, w, b, n - bad, &fault)) {
		case WEIR_ROWS_FULL:
			break;
		case WEIR_ROWS_MORE:
			rc = weir_input_fill(s->in, out_waiting, err);
			break;
		case WEIR_ROWS_END:
			*out_ended = true;
			break;
		case WEIR_ROWS_BAD:
			bad++;
			rc = bad_row(s, split, &fault, err);
			break;
		case WEIR_ROWS_NOMEM:
			rc = weir_error_at(err, WEIR_ENOMEM, weir_input_path(s->in), weir_input_offset(s->in), "out of memory for a row");
			break;
		}
	}
	*out_read = b->rows + bad;
	return rc;
}

static void stamp_times(struct file_source *s, struct weir_split *split, struct weir_batch *b)
{
	const int64_t *from = b->cols[s->config->opts.type->nfields ? s->config->time_field : 0];
	int64_t max = split->max_time;

	memcpy(b->times, from, b->rows * sizeof(*from));
	for (uint32_t i = 0; i < b->rows; i++)
		max = from[i] > max ? from[i] : max;
	split->max_time = max;
}

static int emit_watermark(struct file_source *s, struct weir_error *err)
{
	int64_t wm = weir_splits_watermark(&s->splits, s->config->strategy.out_of_orderness_ms);

	if (wm <= s->watermark)
		return 0;
	s->watermark = wm;
	return weir_op_emit_watermark(&s->op, wm, err);
}

static int set_idle(struct file_source *s, bool idle, struct weir_error *err)
{
	if (idle == s->idle)
		return 0;
	s->idle = idle;
	return weir_op_emit_idle(&s->op, idle, err);
}

/* Rows until a batch or a watermark interval ends. */
static uint32_t rows_to_cut(const struct file_source *s, const struct weir_split *split)
{
	uint32_t within = (uint32_t)(split->rows % s->every_rows), left = s->every_rows - within, batch = WEIR_BATCH_ROWS - within % WEIR_BATCH_ROWS;

	return left < batch ? left : batch;
}

static int emit_rows(struct file_source *s, struct weir_split *split, uint32_t n, int64_t now_ms, bool *out_waiting, struct weir_error *err)
{
	struct weir_batch *b = weir_batch_new(s->config->opts.type, s->config->timed);
	bool ended = false;
	uint32_t read = 0;
	int rc;

	if (!b)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a batch");
	rc = read_rows(s, b, n, &read, &ended, out_waiting, err);
	if (!rc && read) {
		*out_waiting = false;
		split->rows += read;
		split->lines = (int64_t)weir_input_window(s->in)->lines;
		split->offset = (int64_t)weir_input_offset(s->in);
		s->last_row_ms = now_ms;
		weir_pace_take(&s->pace, read);
		if (s->config->timed)
			stamp_times(s, split, b);
		rc = set_idle(s, false, err);
	}
	if (!rc && b->rows)
		rc = weir_op_emit(&s->op, b, NULL, err);
	if (!rc && read && s->config->timed && split->rows % s->every_rows == 0)
		rc = emit_watermark(s, err);
	if (!rc && ended)
		rc = finish_split(s, err);
	weir_batch_unref(b);
	return rc;
}

static int wait_for_stdin(struct file_source *s, int64_t now_ms, enum weir_poll *out, int64_t *out_wake_ms, struct weir_error *err)
{
	int64_t idle_ms = s->config->strategy.idle_ms;

	*out = WEIR_POLL_IDLE;
	*out_wake_ms = now_ms + STDIN_WAIT_MS;
	return idle_ms > 0 && now_ms - s->last_row_ms >= idle_ms ? set_idle(s, true, err) : 0;
}

static int file_poll(struct weir_op *op, int64_t now_ms, enum weir_poll *out, int64_t *out_wake_ms, struct weir_error *err)
{
	struct file_source *s = (struct file_source *)op;
	struct weir_split *split;
	bool waiting = false;
	int64_t wait_ns;
	uint32_t n;
	int rc = 0;

	*out = WEIR_POLL_MORE;
	if (s->say_watermark) {
		s->say_watermark = false;
		return weir_op_emit_watermark(op, s->watermark, err);
	}
	while (s->current < s->splits.v.len && s->splits.v.items[s->current].finished)
		s->current++;
	if (s->stopped || s->current == s->splits.v.len) {
		*out = WEIR_POLL_END;
		return 0;
	}
	split = &s->splits.v.items[s->current];
	n = weir_pace_due(&s->pace, weir_mono_ns(op->clock), rows_to_cut(s, split), &wait_ns);
	if (n == 0) {
		*out = WEIR_POLL_IDLE;
		*out_wake_ms = now_ms + (wait_ns + 999999) / 1000000;
		return 0;
	}
	if (!s->ready)
		rc = open_split(s, &waiting, err);
	if (!rc && !waiting)
		rc = emit_rows(s, split, n, now_ms, &waiting, err);
	return !rc && waiting ? wait_for_stdin(s, now_ms, out, out_wake_ms, err) : rc;
}

static void file_stop(struct weir_op *op)
{
	((struct file_source *)op)->stopped = true;
}

static int file_snapshot(struct weir_op *op, int64_t checkpoint_id, struct weir_op_snapshot *out, struct weir_error *err)
{
	struct file_source *s = (struct file_source *)op;
	int rc = weir_bad_rows_sync(&s->bad, err);

	(void)checkpoint_id;
	return rc ? rc : weir_splits_snapshot(&s->splits, s->watermark, out, err);
}

static void file_close(struct weir_op *op)
{
	struct file_source *s = (struct file_source *)op;

	weir_input_close(s->in);
	s->in = NULL;
	weir_row_parser_free(s->parser);
	s->parser = NULL;
	weir_bad_rows_close(&s->bad);
	weir_splits_fini(&s->splits);
}

const struct weir_op_ops weir_op_text_source = {
	.name = "Text source", .size = sizeof(struct file_source), .open = text_open, .snapshot = file_snapshot, .close = file_close,
	.poll = file_poll, .stop = file_stop,
};
const struct weir_op_ops weir_op_csv_source = {
	.name = "CSV source", .size = sizeof(struct file_source), .open = csv_open, .snapshot = file_snapshot, .close = file_close,
	.poll = file_poll, .stop = file_stop,
};
const struct weir_op_ops weir_op_json_source = {
	.name = "JSON source", .size = sizeof(struct file_source), .open = json_open, .snapshot = file_snapshot, .close = file_close,
	.poll = file_poll, .stop = file_stop,
};
