// SPDX-License-Identifier: Apache-2.0
/*
 * Event time and watermarks away from a source: rows get the time of a field, watermarks follow the rows' number. (Directly behind a source the source
 * does both, per split.) The generator's position is operator state, so that a restored job places the same watermarks.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"
#include "runtime/watermark.h"

struct timestamps_op {
	struct weir_op base;
	struct weir_watermark_gen gen;
};

struct position {
	int64_t max_ms, emitted_ms, rows;
};
static struct weir_field position_fields[] = { { "f0", &weir_int64, 0 }, { "f1", &weir_int64, 0 }, { "f2", &weir_int64, 0 } };
static struct weir_type position_type = { .kind = WEIR_TUPLE, .size = sizeof(struct position), .align = _Alignof(struct position), .name = "position",
					  .fields = position_fields, .nfields = 3, .null_offset = WEIR_NO_NULLS };

static int restored(void *arg, const void *value, struct weir_error *err)
{
	struct timestamps_op *t = arg;
	const struct position *p = value;

	(void)err;
	if (p->max_ms > t->gen.max_ms)
		t->gen.max_ms = p->max_ms;
	if (p->emitted_ms > t->gen.emitted)
		t->gen.emitted = p->emitted_ms;
	t->gen.rows = (uint32_t)p->rows % t->gen.every_rows;
	return 0;
}

static int timestamps_open(struct weir_op *op, struct weir_error *err)
{
	struct timestamps_op *t = (struct timestamps_op *)op;
	const struct weir_timestamps_config *c = op->config;
	int code = weir_watermark_gen_init(&t->gen, c->strategy.out_of_orderness_ms, c->strategy.every_rows ? c->strategy.every_rows : 512, err);

	if (!code)
		code = weir_op_restored(op, "watermark", &position_type, restored, t, err);
	if (!code && t->gen.emitted != WEIR_WATERMARK_MIN)
		code = weir_op_emit_watermark(op, t->gen.emitted, err);
	return code;
}

static int emit_part(struct timestamps_op *t, struct weir_batch *b, const uint16_t *pick, uint32_t from, uint32_t to, struct weir_error *err)
{
	uint16_t rows[WEIR_BATCH_ROWS];
	struct weir_select s = { to - from, rows };
	int64_t w;
	int code;

	for (uint32_t i = from; i < to; i++) {
		rows[i - from] = pick ? pick[i] : (uint16_t)i;
		weir_watermark_gen_on_event(&t->gen, b->times[rows[i - from]]);
	}
	code = weir_op_emit(&t->base, b, &s, err);
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
	struct position p = { t->gen.max_ms, t->gen.emitted, t->gen.rows };
	int code = weir_op_snapshot_list(out, "watermark", &position_type, WEIR_SPLIT_DISTRIBUTE, err);

	(void)id;
	return code ? code : weir_op_snapshot_add(out, &p, err);
}

const struct weir_op_ops weir_op_timestamps = { .name = "Timestamps/Watermarks", .size = sizeof(struct timestamps_op), .own_watermarks = true,
						.open = timestamps_open, .batch = timestamps_batch, .snapshot = timestamps_snapshot };
