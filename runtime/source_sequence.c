// SPDX-License-Identifier: Apache-2.0
/*
 * The sequence from..to as int64 rows, both ends included, cut into one contiguous range per subtask.
 *
 * State: operator list "ranges", split-distributed, Flink's Tuple4<Long, Long, Long, Long>: first, last, next number (as a count of rows done, so
 * that a range may end at the greatest number), and the watermark emitted. The invariants of source_file.c hold; a range is a split.
 */
#include "runtime/op.h"

#include <stdlib.h>

#include "base/vec.h"
#include "runtime/graph.h"
#include "runtime/source_pace.h"

struct range {
	int64_t first, last, done, watermark; /* f0..f3; first > last: empty */
};

static struct weir_field fields[] = { { "f0", &weir_int64, 0 }, { "f1", &weir_int64, 0 }, { "f2", &weir_int64, 0 }, { "f3", &weir_int64, 0 } };
static struct weir_type range_type = {
	.kind = WEIR_TUPLE, .size = sizeof(struct range), .align = _Alignof(struct range), .name = "weir_range",
	.fields = fields, .nfields = sizeof(fields) / sizeof(fields[0]), .null_offset = WEIR_NO_NULLS,
};

struct sequence {
	struct weir_op op;
	const struct weir_source_config *config;
	WEIR_VEC(struct range) ranges;
	size_t current;
	struct weir_pace pace;
	uint32_t every_rows;
	int64_t watermark;
	bool say_watermark, stopped;
};

static uint64_t count_of(const struct range *r)
{
	return r->first > r->last ? 0 : (uint64_t)r->last - (uint64_t)r->first + 1; /* 2^64 numbers are refused at open */
}

static int add_range(void *arg, const void *value, struct weir_error *err)
{
	struct sequence *s = arg;
	const struct range *from = value;
	struct range *r;

	if (from->done < 0 || (uint64_t)from->done > count_of(from))
		return weir_error_set(err, WEIR_ECORRUPT, "the state says that %lld numbers of %lld..%lld are done, which cannot be", (long long)from->done,
				      (long long)from->first, (long long)from->last);
	r = weir_vec_push(&s->ranges);
	if (!r)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for the ranges of a sequence");
	*r = *from;
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int restore(struct sequence *s, struct weir_error *err)
{
	int rc = weir_op_restored(&s->op, "ranges", &range_type, add_range, s, err);
	int64_t least = INT64_MAX;

	if (rc)
		return rc;
	if (s->ranges.len)
		qsort(s->ranges.items, s->ranges.len, sizeof(*s->ranges.items), by_first);
	for (size_t i = 0; i < s->ranges.len; i++) {
		const struct range *r = &s->ranges.items[i];

		if ((uint64_t)r->done < count_of(r) && r->watermark < least)
			least = r->watermark;
	}
	s->watermark = least == INT64_MAX ? INT64_MIN : least;
	s->say_watermark = s->watermark != INT64_MIN;
	return 0;
}

static int sequence_open(struct weir_op *op, struct weir_error *err)
{
	struct sequence *s = (struct sequence *)op;
	const struct weir_source_config *c = op->config;
	const struct weir_type *t = c->opts.type;
	struct range all = { c->from, c->to, 0, INT64_MIN }, mine;
	uint64_t n = count_of(&all);
	int rc = weir_type_prepare(&range_type, err);

	s->config = c;
	s->watermark = INT64_MIN;
	s->every_rows = c->strategy.every_rows ? c->strategy.every_rows : 512;
	s->pace = (struct weir_pace){ .rows_per_second = c->opts.rows_per_second, .parallelism = op->parallelism };
	if (rc)
		return rc;
	if (t->kind != WEIR_INT64 && (t->kind < WEIR_TUPLE || t->kind > WEIR_POJO || t->nfields != 1 || t->fields[0].type->kind != WEIR_INT64))
		return weir_error_set(err, WEIR_EINVALID, "a sequence gives rows of int64, or of a record with one field of int64");
	if (c->from <= c->to && (n == 0 || n > (uint64_t)INT64_MAX))
		return weir_error_set(err, WEIR_EINVALID, "a sequence may have up to 2^63 - 1 numbers; %lld..%lld is longer", (long long)c->from, (long long)c->to);
	if (weir_op_is_restored(op))
		return restore(s, err);
	if (n == 0)
		return 0;
	mine = all;
	mine.first = (int64_t)((uint64_t)c->from + (uint64_t)((unsigned __int128)n * op->subtask / op->parallelism));
	n = (uint64_t)((unsigned __int128)n * (op->subtask + 1) / op->parallelism);
	if ((uint64_t)c->from + n == (uint64_t)mine.first)
		return 0; /* fewer numbers than subtasks */
	mine.last = (int64_t)((uint64_t)c->from + n - 1);
	return add_range(s, &mine, err);
}

/* Ranges that are begun hold the watermark back, as splits do. */
static int emit_watermark(struct sequence *s, struct weir_error *err)
{
	int64_t least = INT64_MAX, delay, wm;

	for (size_t i = 0; i < s->ranges.len; i++) {
		const struct range *r = &s->ranges.items[i];

		if (r->done > 0 && (uint64_t)r->done < count_of(r) && r->first + r->done - 1 < least)
			least = r->first + r->done - 1;
	}
	if (least == INT64_MAX || __builtin_add_overflow(s->config->strategy.out_of_orderness_ms, 1, &delay) || __builtin_sub_overflow(least, delay, &wm) ||
	    wm <= s->watermark)
		return 0;
	s->watermark = wm;
	return weir_op_emit_watermark(&s->op, wm, err);
}

static int emit_rows(struct sequence *s, struct range *r, uint32_t n, struct weir_error *err)
{
	struct weir_batch *b = weir_batch_new(s->config->opts.type, s->config->timed);
	int64_t *col;
	int rc;

	if (!b)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for a batch");
	col = b->cols[0];
	for (uint32_t i = 0; i < n; i++)
		col[i] = (int64_t)((uint64_t)r->first + (uint64_t)r->done + i);
	if (s->config->timed)
		memcpy(b->times, col, n * sizeof(*col));
	b->rows = n;
	r->done += n;
	weir_pace_take(&s->pace, n);
	rc = weir_op_emit(&s->op, b, NULL, err);
	weir_batch_unref(b);
	if (!rc && s->config->timed && r->done % s->every_rows == 0)
		rc = emit_watermark(s, err);
	return rc;
}

static int sequence_poll(struct weir_op *op, int64_t now_ms, enum weir_poll *out, int64_t *out_wake_ms, struct weir_error *err)
{
	struct sequence *s = (struct sequence *)op;
	struct range *r;
	uint64_t left;
	uint32_t within, n;
	int64_t wait_ns;

	*out = WEIR_POLL_MORE;
	if (s->say_watermark) {
		s->say_watermark = false;
		return weir_op_emit_watermark(op, s->watermark, err);
	}
	while (s->current < s->ranges.len && (uint64_t)s->ranges.items[s->current].done == count_of(&s->ranges.items[s->current]))
		s->current++;
	if (s->stopped || s->current == s->ranges.len) {
		*out = WEIR_POLL_END;
		return 0;
	}
	r = &s->ranges.items[s->current];
	within = (uint32_t)((uint64_t)r->done % (s->config->timed ? s->every_rows : WEIR_BATCH_ROWS));
	n = WEIR_BATCH_ROWS - within % WEIR_BATCH_ROWS;
	if (s->config->timed && n > s->every_rows - within)
		n = s->every_rows - within;
	left = count_of(r) - (uint64_t)r->done;
	n = left < n ? (uint32_t)left : n;
	n = weir_pace_due(&s->pace, weir_mono_ns(op->clock), n, &wait_ns);
	if (n == 0) {
		*out = WEIR_POLL_IDLE;
		*out_wake_ms = now_ms + (wait_ns + 999999) / 1000000;
		return 0;
	}
	return emit_rows(s, r, n, err);
}

static void sequence_stop(struct weir_op *op)
{
	((struct sequence *)op)->stopped = true;
}

static int sequence_snapshot(struct weir_op *op, int64_t checkpoint_id, struct weir_op_snapshot *out, struct weir_error *err)
{
	struct sequence *s = (struct sequence *)op;
	int rc = weir_op_snapshot_list(out, "ranges", &range_type, WEIR_SPLIT_DISTRIBUTE, err);

	(void)checkpoint_id;
	for (size_t i = 0; !rc && i < s->ranges.len; i++) {
		struct range r = s->ranges.items[i];

		r.watermark = s->watermark;
		rc = weir_op_snapshot_add(out, &r, err);
	}
	return rc;
}

static void sequence_close(struct weir_op *op)
{
	struct sequence *s = (struct sequence *)op;

	weir_vec_fini(&s->ranges);
}

const struct weir_op_ops weir_op_sequence_source = {
	.name = "Sequence source", .size = sizeof(struct sequence), .open = sequence_open, .snapshot = sequence_snapshot, .close = sequence_close,
	.poll = sequence_poll, .stop = sequence_stop,
};
