/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operator, without a task around it: what it emits becomes text ("row as JSON", "W <watermark>", "I <idle>"), its list state becomes wire bytes that
 * another instance can be restored from. Included by one file of a test program; it takes the place of the functions that runtime/task*.c defines.
 */
#ifndef WEIR_TESTS_OP_HARNESS_H
#define WEIR_TESTS_OP_HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/src.h"
#include "base/vec.h"
#include "runtime/format_rows.h"
#include "runtime/graph.h"
#include "tests/lib/weirtest.h"

struct element { uint8_t *bytes; size_t len; };
struct weir_op_snapshot {
	char name[32];
	struct weir_type *type;
	enum weir_distribution mode;
	WEIR_VEC(struct element) elements;
};

struct harness {
	struct weir_op *op;
	struct weir_node node;
	struct weir_virtual_clock clock;
	struct weir_rng rng;
	const struct weir_op_snapshot *restored;
	struct weir_row_writer *writer;
	struct weir_buf log;
	uint64_t rows, batches;
	int64_t last_watermark;
	int64_t accumulated;
	char accumulator[160];
	bool no_checkpoints;
	bool ended;
	char notice[600];
};

static struct harness *harness_of(const struct weir_op *op) { return (struct harness *)op->task; }

int weir_op_emit(struct weir_op *op, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err)
{
	struct harness *h = harness_of(op);

	ck_assert(b->rows > 0 && b->rows <= WEIR_BATCH_ROWS);
	h->rows += b->rows;
	h->batches++;
	return h->writer ? weir_row_writer_put(h->writer, b, rows, &h->log, err) : 0;
}

int weir_op_emit_side(struct weir_op *op, const char *tag, struct weir_batch *b, const struct weir_select *rows, struct weir_error *err)
{
	(void)op, (void)tag, (void)b, (void)rows, (void)err;
	return 0;
}

int weir_op_emit_watermark(struct weir_op *op, int64_t watermark_ms, struct weir_error *err)
{
	struct harness *h = harness_of(op);

	(void)err;
	ck_assert_msg(watermark_ms > h->last_watermark, "a watermark goes back");
	h->last_watermark = watermark_ms;
	if (h->writer)
		weir_buf_printf(&h->log, "W %lld\n", (long long)watermark_ms);
	return 0;
}

int weir_op_emit_idle(struct weir_op *op, bool idle, struct weir_error *err)
{
	(void)err;
	weir_buf_printf(&harness_of(op)->log, "I %d\n", idle);
	return 0;
}

void weir_op_accumulate(struct weir_op *op, const char *name, int64_t n)
{
	struct harness *h = harness_of(op);

	h->accumulated += n;
	snprintf(h->accumulator, sizeof(h->accumulator), "%s", name);
}

int64_t weir_op_now_ms(const struct weir_op *op) { return weir_now_ms(op->clock); }

/* The last one is kept. */
void weir_op_notice(struct weir_op *op, const char *fmt, ...)
{
	struct harness *h = harness_of(op);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->notice, sizeof(h->notice), fmt, ap);
	va_end(ap);
}

bool weir_op_has_checkpoints(const struct weir_op *op) { return !harness_of(op)->no_checkpoints; }
bool weir_op_is_restored(const struct weir_op *op) { return harness_of(op)->restored != NULL; }

int weir_op_restored(struct weir_op *op, const char *name, struct weir_type *type, weir_op_element_fn *fn, void *arg, struct weir_error *err)
{
	const struct weir_op_snapshot *s = harness_of(op)->restored;
	int rc = weir_type_prepare(type, err);

	if (rc || !s || strcmp(s->name, name) != 0)
		return rc;
	for (size_t i = 0; !rc && i < s->elements.len; i++) {
		struct weir_src src = weir_src_of((struct weir_slice){ s->elements.items[i].bytes, s->elements.items[i].len }, "state", 0);
		struct weir_arena mem = { 0 };
		max_align_t value[16];

		ck_assert(type->size <= sizeof(value));
		rc = weir_type_read(type, &src, &mem, value, err);
		if (!rc)
			rc = fn(arg, value, err);
		weir_arena_fini(&mem);
	}
	return rc;
}

int weir_op_snapshot_list(struct weir_op_snapshot *s, const char *name, struct weir_type *type, enum weir_distribution mode, struct weir_error *err)
{
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->type = type;
	s->mode = mode;
	return weir_type_prepare(type, err);
}

int weir_op_snapshot_add(struct weir_op_snapshot *s, const void *value, struct weir_error *err)
{
	struct weir_buf b = { 0 };
	struct element *e;
	int rc = weir_type_write(s->type, value, &b, err);

	if (rc)
		return rc;
	e = weir_vec_push(&s->elements);
	ck_assert_ptr_nonnull(e);
	*e = (struct element){ b.data, b.len };
	return 0;
}

static void snapshot_free(struct weir_op_snapshot *s)
{
	for (size_t i = 0; i < s->elements.len; i++)
		free(s->elements.items[i].bytes);
	weir_vec_fini(&s->elements);
	*s = (struct weir_op_snapshot){ 0 };
}

/* Elements of all `from`, dealt round-robin to n, as a rescale does. */
__attribute__((unused)) static void snapshot_deal(const struct weir_op_snapshot *from, size_t nfrom, struct weir_op_snapshot *to, size_t n)
{
	size_t turn = 0;

	for (size_t i = 0; i < n; i++)
		to[i] = (struct weir_op_snapshot){ 0 };
	for (size_t i = 0; i < nfrom; i++) {
		for (size_t k = 0; k < n; k++)
			if (from[i].type) {
				memcpy(to[k].name, from[i].name, sizeof(to[k].name));
				to[k].type = from[i].type;
				to[k].mode = from[i].mode;
			}
		for (size_t k = 0; k < from[i].elements.len; k++, turn++) {
			struct element *e = weir_vec_push(&to[turn % n].elements);
			const struct element *x = &from[i].elements.items[k];

			ck_assert_ptr_nonnull(e);
			e->len = x->len;
			e->bytes = malloc(x->len + 1);
			memcpy(e->bytes, x->bytes, x->len);
		}
	}
}

/* out_type: NULL for sinks and when the rows are not wanted as text. */
static void harness_init(struct harness *h, const struct weir_op_ops *ops, const void *config, const struct weir_type *out_type, uint32_t subtask,
			 uint32_t parallelism, const struct weir_op_snapshot *restored)
{
	struct weir_error err = WEIR_ERROR_INIT;

	*h = (struct harness){ 0 };
	weir_virtual_clock_init(&h->clock, 1000000);
	h->rng = (struct weir_rng){ 42 + subtask };
	h->node.uid = "flights";
	h->restored = restored;
	h->last_watermark = INT64_MIN;
	h->op = calloc(1, ops->size);
	ck_assert_ptr_nonnull(h->op);
	h->op->ops = ops;
	h->op->node = &h->node;
	h->op->task = (struct weir_task *)h;
	h->op->config = config;
	h->op->subtask = subtask;
	h->op->parallelism = parallelism;
	h->op->max_parallelism = 128;
	h->op->clock = &h->clock.base;
	h->op->rng = &h->rng;
	if (out_type)
		ck_ok(weir_row_writer_new(WEIR_ROWS_JSON, out_type, NULL, &h->writer, &err));
}

static void harness_fini(struct harness *h)
{
	if (h->op->ops->close)
		h->op->ops->close(h->op);
	free(h->op);
	weir_row_writer_free(h->writer);
	weir_buf_fini(&h->log);
}

static int harness_open(struct harness *h, struct weir_error *err) { return h->op->ops->open ? h->op->ops->open(h->op, err) : 0; }

/* One poll; moves the clock when the source waits. */
__attribute__((unused)) static int harness_poll(struct harness *h, struct weir_error *err)
{
	enum weir_poll what = WEIR_POLL_MORE;
	int64_t wake = 0, now = weir_op_now_ms(h->op);
	int rc = h->op->ops->poll(h->op, now, &what, &wake, err);

	if (rc)
		return rc;
	if (what == WEIR_POLL_IDLE) {
		ck_assert_int_gt(wake, now);
		h->clock.ns += (wake - now) * 1000000;
	}
	h->ended = what == WEIR_POLL_END;
	return 0;
}

__attribute__((unused)) static int harness_run(struct harness *h, struct weir_error *err)
{
	int rc = 0;

	while (!rc && !h->ended)
		rc = harness_poll(h, err);
	return rc;
}

__attribute__((unused)) static int harness_snapshot(struct harness *h, int64_t id, struct weir_op_snapshot *out, struct weir_error *err)
{
	*out = (struct weir_op_snapshot){ 0 };
	return h->op->ops->snapshot(h->op, id, out, err);
}

#endif
