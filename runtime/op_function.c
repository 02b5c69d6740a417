// SPDX-License-Identifier: Apache-2.0
/*
 * Stateless functions: flat map, map and filter, a row or a batch at a time. Row functions see a struct filled from the columns; batch functions see the
 * columns. A filter passes the batch on with a shorter row list; nothing is copied.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"

struct function_op {
	struct weir_op base;
	struct weir_ctx *c;
	void *out_row;                      /* map: scratch for WEIR_ROW_BLOCK output rows */
	bool plain;                         /* map: the output type is made of flat fields and text */
	uint32_t *texts, ntexts;            /* map: where in a record the text is */
	uint16_t picked[WEIR_BATCH_ROWS + 1]; /* filters */
};

static bool find_texts(struct function_op *f, const struct weir_type *t)
{
	bool record = t->kind >= WEIR_TUPLE && t->kind <= WEIR_POJO;
	uint32_t n = record ? t->nfields : 1;

	f->texts = weir_arena_zero(&f->c->states, (n + 1) * sizeof(*f->texts));
	for (uint32_t i = 0; f->texts && i < n; i++) {
		enum weir_kind kind = record ? t->fields[i].type->kind : t->kind;

		if (kind == WEIR_STRING || kind == WEIR_BYTES)
			f->texts[f->ntexts++] = record ? t->fields[i].offset : 0;
	}
	return f->texts != NULL;
}

static int function_open(struct weir_op *op, struct weir_error *err)
{
	struct function_op *f = (struct function_op *)op;
	const struct weir_function_config *cfg = op->config;

	f->c = op->ctx = weir_ctx_new(op, err);
	if (!f->c)
		return WEIR_ENOMEM;
	f->out_row = weir_arena_zero(&f->c->states, (size_t)cfg->out->size * WEIR_ROW_BLOCK + 1);
	f->plain = weir_batch_is_plain(cfg->out);
	return f->out_row && find_texts(f, cfg->out) ? 0 : weir_error_set(err, WEIR_ENOMEM, "out of memory");
}

static void function_close(struct weir_op *op)
{
	struct function_op *f = (struct function_op *)op;

	weir_ctx_free(f->c);
	f->c = op->ctx = NULL;
}

static inline uint32_t count_of(const struct weir_batch *b, const struct weir_select *rows) { return rows && rows->rows ? rows->n : b->rows; }

static int flat_map_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct function_op *f = (struct function_op *)op;
	const struct weir_function_config *cfg = op->config;
	struct weir_rows it = weir__rows(f->c, in, rows ? rows->rows : NULL, count_of(in, rows));
	const void *row;
	int code = 0;

	while (!code && (row = weir__rows_next(&it, f->c)) != NULL)
		code = weir_ctx_result(f->c, cfg->fn.flat_map(f->c, row, &f->c->out), err);
	return code ? code : weir_out_flush(&f->c->out, err);
}

/* Long text of an output record is copied into the batch: what it points to may change with the next call. */
static bool own_text(const struct function_op *f, struct weir_batch *b, char *record)
{
	for (uint32_t i = 0; i < f->ntexts; i++) {
		struct weir_str *s = (struct weir_str *)(void *)(record + f->texts[i]);

		if (s->len > WEIR_STR_INLINE && !weir_str_is_null(s) && !weir_arena_str(weir_batch_arena(b), *s, s))
			return false;
	}
	return true;
}

/* Output types of flat fields and text: records are made in a block and put into columns a column at a time. */
static int map_plain(struct function_op *f, struct weir_rows *it, struct weir_batch *out, struct weir_error *err)
{
	const struct weir_function_config *cfg = f->base.config;
	weir_map_fn *fn = cfg->fn.map;
	size_t size = cfg->out->size;
	struct weir_ctx *c = f->c;
	int64_t times[WEIR_ROW_BLOCK];

	while (weir__rows_block(it)) {
		char *to = f->out_row;
		uint32_t n = 0;

		memset(to, 0, it->left * size);
		for (; it->left; to += size) {
			int code = weir_ctx_result(c, fn(c, weir__rows_next(it, c), to), err);

			if (code)
				return code;
			if (f->ntexts && !own_text(f, out, to))
				return weir_error_set(err, WEIR_ENOMEM, "out of memory for a row");
			times[n++] = c->time_ms;
		}
		weir_batch_append_rows(out, f->out_row, n, times);
	}
	return 0;
}

static int map_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct function_op *f = (struct function_op *)op;
	const struct weir_function_config *cfg = op->config;
	struct weir_rows it = weir__rows(f->c, in, rows ? rows->rows : NULL, count_of(in, rows));
	const void *row;
	int code = 0;

	if (f->plain) {
		if (!f->c->out.batch)
			f->c->out.batch = weir_batch_new(cfg->out, true);
		code = f->c->out.batch ? map_plain(f, &it, f->c->out.batch, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");
		return code ? code : weir_out_flush(&f->c->out, err);
	}
	while (!code && (row = weir__rows_next(&it, f->c)) != NULL) {
		memset(f->out_row, 0, cfg->out->size);
		code = weir_ctx_result(f->c, cfg->fn.map(f->c, row, f->out_row), err);
		if (!code) {
			weir_emit(&f->c->out, f->out_row);
			code = weir_ctx_result(f->c, 0, err);
		}
	}
	return code ? code : weir_out_flush(&f->c->out, err);
}

static int filter_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct function_op *f = (struct function_op *)op;
	const struct weir_function_config *cfg = op->config;
	struct weir_rows it = weir__rows(f->c, in, rows ? rows->rows : NULL, count_of(in, rows));
	struct weir_select out = { 0, f->picked };
	const void *row;

	while ((row = weir__rows_next(&it, f->c)) != NULL) {
		bool keep = false;
		int code = weir_ctx_result(f->c, cfg->fn.filter(f->c, row, &keep), err);

		if (code)
			return code;
		weir_select_if(&out, it.row, keep);
	}
	return weir_op_emit(op, in, &out, err);
}

/* The function judges every row of the batch; rows that were filtered out before stay out. */
static void intersect(struct weir_select *picked, const struct weir_select *rows)
{
	uint32_t n = 0, k = 0;

	for (uint32_t i = 0; i < picked->n; i++) {
		while (k < rows->n && rows->rows[k] < picked->rows[i])
			k++;
		if (k < rows->n && rows->rows[k] == picked->rows[i])
			picked->rows[n++] = picked->rows[i];
	}
	picked->n = n;
}

static int batch_filter_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct function_op *f = (struct function_op *)op;
	const struct weir_function_config *cfg = op->config;
	struct weir_select out = { 0, f->picked };
	int code = weir_ctx_result(f->c, cfg->fn.batch_filter(f->c, in, &out), err);

	if (code)
		return code;
	if (out.n > in->rows)
		return weir_error_set(err, WEIR_EFAILED, "the batch filter picked %u of %u rows", out.n, in->rows);
	if (rows && rows->rows)
		intersect(&out, rows);
	return weir_op_emit(op, in, &out, err);
}

static int batch_map_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct function_op *f = (struct function_op *)op;
	const struct weir_function_config *cfg = op->config;
	struct weir_batch *out = f->c->out.batch ? f->c->out.batch : weir_batch_new(cfg->out, true);
	int code;

	f->c->out.batch = NULL;
	if (!out || !weir_batch_keep(out, in)) {
		weir_batch_unref(out);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	out->rows = in->rows;
	if (in->times)
		memcpy(out->times, in->times, in->rows * sizeof(*in->times));
	else
		for (uint32_t i = 0; i < in->rows; i++)
			out->times[i] = WEIR_NO_TIME;
	code = weir_ctx_result(f->c, cfg->fn.batch_map(f->c, in, out->cols), err);
	if (!code)
		code = weir_op_emit(op, out, rows, err);
	f->c->out.batch = weir_batch_reuse(out);
	return code;
}

const struct weir_op_ops weir_op_flat_map = { .name = "FlatMap", .size = sizeof(struct function_op), .open = function_open, .batch = flat_map_batch, .close = function_close };
const struct weir_op_ops weir_op_map = { .name = "Map", .size = sizeof(struct function_op), .open = function_open, .batch = map_batch, .close = function_close };
const struct weir_op_ops weir_op_filter = { .name = "Filter", .size = sizeof(struct function_op), .open = function_open, .batch = filter_batch, .close = function_close };
const struct weir_op_ops weir_op_batch_filter = { .name = "BatchFilter", .size = sizeof(struct function_op), .open = function_open, .batch = batch_filter_batch, .close = function_close };
const struct weir_op_ops weir_op_batch_map = { .name = "BatchMap", .size = sizeof(struct function_op), .open = function_open, .batch = batch_map_batch, .close = function_close };
