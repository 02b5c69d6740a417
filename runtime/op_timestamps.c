// SPDX-License-Identifier: Apache-2.0
/*
 * Event time and watermarks away from a source: rows get the time of a field, watermarks follow the rows' number. (Directly behind a source the source
 * does both, per split.) The generator's position is operator state, so that a restored job places the same watermarks.
 *
 * State: union list "watermark", Flink's Tuple6 of longs: subtask, parallelism, highest time, last watermark, rows since, whether rows came at all. At the stored
 * parallelism each subtask goes on from its own element. At another one nobody knows which subtask's rows now come here, so everyone goes on from the
 * furthest-behind generator that had seen rows (else from what those had inherited): with one active split that is its own, and the result is the same as
 * without the restore.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"
#include "runtime/watermark.h"

struct timestamps_op {
	struct weir_op base;
	struct weir_watermark_gen gen;
	bool active;                    /* rows have come to this subtask, not only to those whose position it inherited */
};

struct position {
	int64_t subtask, parallelism, max_ms, emitted_ms, rows, active;
};
static struct weir_field position_fields[] = { { "f0", &weir_int64, 0 }, { "f1", &weir_int64, 0 }, { "f2", &weir_int64, 0 }, { "f3", &weir_int64, 0 },
					       { "f4", &weir_int64, 0 }, { "f5", &weir_int64, 0 } };
static struct weir_type position_type = { .kind = WEIR_TUPLE, .size = sizeof(struct position), .align = _Alignof(struct position), .name = "position",
					  .fields = position_fields, .nfields = 6, .null_offset = WEIR_NO_NULLS };

struct restoring {
	struct timestamps_op *op;
	struct position best;
	bool found;
};

static int restored(void *arg, const void *value, struct weir_error *err)
{
	struct restoring *r = arg;
	const struct position *p = value;

	(void)err;
	if (p->parallelism == r->op->base.parallelism) {
		if (p->subtask != r->op->base.subtask)
			return 0;
	} else if (p->max_ms == INT64_MIN || (r->found && (p->active < r->best.active || (p->active == r->best.active && p->max_ms >= r->best.max_ms)))) {
		return 0;
	}
	r->best = *p;
	r->found = true;
	return 0;
}

static int timestamps_open(struct weir_op *op, struct weir_error *err)
{
	struct timestamps_op *t = (struct timestamps_op *)op;
	const struct weir_timestamps_config *c = op->config;
	struct restoring r = { .op = t };
	int code = weir_watermark_gen_init(&t->gen, c->strategy.out_of_orderness_ms, c->strategy.every_rows ? c->strategy.every_rows : 512, err);

	if (!code)
		code = weir_op_restored(op, "watermark", &position_type, restored, &r, err);
	if (code || !r.found)
		return code;
	t->active = r.best.active && r.best.parallelism == op->parallelism;
	t->gen.max_ms = r.best.max_ms;
	t->gen.emitted = r.best.emitted_ms;
	t->gen.rows = (uint32_t)((uint64_t)r.best.rows % t->gen.every_rows);
	return t->gen.emitted == WEIR_WATERMARK_MIN ? 0 : weir_op_emit_watermark(op, t->gen.emitted, err);
}

static int emit_part(struct timestamps_op *t, struct weir_batch *b, const uint16_t *pick, uint32_t from, uint32_t to, struct weir_error *err)
{
	bool all = !pick && from == 0 && to == b->rows; /* the usual case: no row list, so that what follows need not gather */
	uint16_t rows[WEIR_BATCH_ROWS];
	struct weir_select s = { to - from, rows };
	int64_t w, max = INT64_MIN;
	int code;

	for (uint32_t i = from; i < to; i++) {
		uint32_t r = pick ? pick[i] : i;

		rows[i - from] = (uint16_t)r;
		max = b->times[r] > max ? b->times[r] : max;
	}
	weir_watermark_gen_on_event(&t->gen, max);
	code = weir_op_emit(&t->base, b, all ? NULL : &s, err);
	t->gen.rows += to - from;
	if (code || t->gen.rows < t->gen.every_rows)
		return code;
	t->gen.rows = 0;
	return weir_watermark_gen_on_periodic(&t->gen, &w) ? weir_op_emit_watermark(&t->base, w, err) : 0;
}

static int timestamps_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct timestamps_op *t = (struct timestamps_op *)op;
	const struct weir_timestamps_config *c = op->config;
	const uint16_t *pick = rows ? rows->rows : NULL;
	uint32_t n = pick ? rows->n : in->rows;
	struct weir_batch *b = weir_batch_alias(in);
	int code = 0;

	if (!b)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	t->active |= n > 0;
	b->times = b->cols[c->field]; /* timestamp and int64 columns are milliseconds already */
	for (uint32_t at = 0; at < n && !code;) {
		uint32_t left = t->gen.every_rows - t->gen.rows, to = n - at < left ? n : at + left;

		code = emit_part(t, b, pick, at, to, err);
		at = to;
	}
	weir_batch_unref(b);
	return code;
}

static int timestamps_snapshot(struct weir_op *op, int64_t id, struct weir_op_snapshot *out, struct weir_error *err)
{
	struct timestamps_op *t = (struct timestamps_op *)op;
	struct position p = { op->subtask, op->parallelism, t->gen.max_ms, t->gen.emitted, t->gen.rows, t->active };
	int code = weir_op_snapshot_list(out, "watermark", &position_type, WEIR_UNION, err);

	(void)id;
	return code ? code : weir_op_snapshot_add(out, &p, err);
}

const struct weir_op_ops weir_op_timestamps = { .name = "Timestamps/Watermarks", .size = sizeof(struct timestamps_op), .own_watermarks = true,
						.open = timestamps_open, .batch = timestamps_batch, .snapshot = timestamps_snapshot };
