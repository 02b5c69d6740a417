// SPDX-License-Identifier: Apache-2.0
/*
 * Keyed sum, min, max and reduce: the accumulator is a row of the input's type, kept as VALUE state "_op_state" (Flink's name), and emitted after each
 * input row. Rows without text are folded a chunk at a time: all accumulators are resolved first, with prefetching, then updated in place; sum, min and
 * max go from column to column. A chunk is small enough that what was resolved is still in the first-level cache when it is updated.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"

#define CHUNK 256u

struct reduce_op {
	struct weir_op base;
	struct weir_ctx *c;
	struct weir_state *state;
	const struct weir_reduce_config *cfg;
	/* scratch of a chunk, dense */
	void *slots[CHUNK];
	uint8_t created[CHUNK];
	uint64_t hashes[CHUNK];
	uint16_t groups[CHUNK];
	char *keys;
};

static int reduce_open(struct weir_op *op, struct weir_error *err)
{
	struct reduce_op *s = (struct reduce_op *)op;

	s->cfg = op->config;
	s->c = op->ctx = weir_ctx_new(op, err);
	if (!s->c)
		return WEIR_ENOMEM;
	s->keys = weir_arena_alloc(&s->c->states, (size_t)op->node->key->type->size * CHUNK + 1, 64);
	if (!s->keys)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	return weir_backend_state(op->backend, &(struct weir_state_desc){ .name = "_op_state", .kind = WEIR_STATE_VALUE, .value = s->cfg->type }, &s->state, err);
}

/* What a field's kind and the fold decide is decided once a chunk, not once a row: FOLD is the body for one of them. Integer sums wrap, as Java's do. */
#define FOLD(T, EXPR)                                                                                           \
	do {                                                                                                    \
		const T *from = col;                                                                            \
		T *to = out;                                                                                    \
		for (uint32_t i = 0; i < n; i++) {                                                              \
			T *acc = (T *)(void *)((char *)slots[i] + offset), x = *acc, y = from[pick ? pick[i] : first + i]; \
			to[i] = *acc = fresh[i] ? y : (T)(EXPR);                                                \
		}                                                                                               \
	} while (0)
#define FOLDS(T, U)                                             \
	switch (kind) {                                         \
	case WEIR_REDUCE_SUM: FOLD(T, (U)x + (U)y); break;      \
	case WEIR_REDUCE_MIN: FOLD(T, y < x ? y : x); break;    \
	default: FOLD(T, y < x ? x : y);                        \
	}

/* Fold rows first.. (or pick[0..]) of a column into field `offset` of n accumulators; out gets what each one was after its row. */
static void fold(enum weir_reduce_kind kind, enum weir_kind type, const void *col, const uint16_t *pick, uint32_t first, uint32_t n, void *const *slots,
		 const uint8_t *fresh, uint32_t offset, void *out)
{
	switch (type) {
	case WEIR_INT8: FOLDS(int8_t, uint8_t); break;
	case WEIR_INT16: FOLDS(int16_t, uint16_t); break;
	case WEIR_INT32: FOLDS(int32_t, uint32_t); break;
	case WEIR_INT64: FOLDS(int64_t, uint64_t); break;
	case WEIR_FLOAT: FOLDS(float, float); break;
	case WEIR_DOUBLE: FOLDS(double, double); break;
	default: break;
	}
}

/* in: a record in c->row. */
static int one(struct reduce_op *s, void *acc, bool created, const void *in)
{
	const struct weir_field *f = &s->cfg->type->fields[s->cfg->field];
	uint8_t fresh = 0;
	double result; /* of any number type */

	if (created) {
		memcpy(acc, in, s->cfg->type->size);
		return 0;
	}
	if (s->cfg->kind == WEIR_REDUCE_FN)
		return s->cfg->fn(s->c, acc, in);
	fold(s->cfg->kind, f->type->kind, (const char *)in + f->offset, NULL, 0, 1, &acc, &fresh, f->offset, &result);
	return 0;
}

static int by_row(struct reduce_op *s, struct weir_batch *in, const uint16_t *pick, uint32_t n, struct weir_error *err)
{
	size_t key_size = s->base.node->key->type->size;
	int code = 0;

	for (uint32_t i = 0; i < n && !code; i++) {
		uint32_t r = pick ? pick[i] : i;
		void *acc;
		bool created;

		code = weir_backend_set_key_hashed(s->base.backend, (const char *)in->keys + r * key_size, in->hashes[r], in->groups[r], err);
		if (!code)
			code = weir_state_edit(s->state, NULL, &acc, &created, err);
		if (code)
			return code;
		weir_batch_row(in, r, s->c->row);
		s->c->time_ms = in->times ? in->times[r] : WEIR_NO_TIME;
		code = weir_ctx_result(s->c, one(s, acc, created, s->c->row), err);
		if (!code) {
			weir_emit(&s->c->out, acc);
			code = weir_ctx_result(s->c, 0, err);
		}
	}
	return code ? code : weir_backend_settle(s->base.backend, err);
}

/* Built-in folds: column to column. The accumulators of the chunk are resolved. */
static int fold_columns(struct reduce_op *s, struct weir_batch *in, const uint16_t *pick, uint32_t first, uint32_t n, struct weir_error *err)
{
	const struct weir_key_spec *key = s->base.node->key;
	const struct weir_type *t = s->cfg->type;
	struct weir_batch *out = s->c->out.batch;
	uint32_t at;

	if (!out && !(out = s->c->out.batch = weir_batch_new(t, true)))
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	at = out->rows;
	for (uint32_t i = 0; i < n; i++)
		if (s->created[i])
			weir_batch_row(in, pick ? pick[i] : first + i, s->slots[i]);
	for (uint32_t c = 0; c < t->nfields; c++) {
		uint32_t width = t->fields[c].type->size, offset = t->fields[c].offset;
		char *to = (char *)out->cols[c] + (size_t)at * width;

		if (c == s->cfg->field)
			fold(s->cfg->kind, t->fields[c].type->kind, in->cols[c], pick, first, n, s->slots, s->created, offset, to);
		else if (!pick && key->nfields == 1 && key->fields[0] == c && t->fields[c].type->kind != WEIR_FLOAT && t->fields[c].type->kind != WEIR_DOUBLE)
			memcpy(to, (const char *)in->cols[c] + (size_t)first * width, (size_t)n * width); /* the accumulator's key is the row's */
		else if (width == 8)
			for (uint32_t i = 0; i < n; i++)
				memcpy(to + (size_t)i * 8, (const char *)s->slots[i] + offset, 8);
		else
			for (uint32_t i = 0; i < n; i++)
				memcpy(to + (size_t)i * width, (const char *)s->slots[i] + offset, width);
	}
	for (uint32_t i = 0; i < n; i++)
		out->times[at + i] = in->times ? in->times[pick ? pick[i] : first + i] : WEIR_NO_TIME;
	out->rows += n;
	return 0;
}

static int fold_rows(struct reduce_op *s, struct weir_batch *in, const uint16_t *pick, uint32_t first, uint32_t n, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < n && !code; i++) {
		uint32_t r = pick ? pick[i] : first + i;

		weir_batch_row(in, r, s->c->row);
		s->c->time_ms = in->times ? in->times[r] : WEIR_NO_TIME;
		code = weir_ctx_result(s->c, one(s, s->slots[i], s->created[i], s->c->row), err);
		if (!code) {
			weir_emit(&s->c->out, s->slots[i]);
			code = weir_ctx_result(s->c, 0, err);
		}
	}
	return code;
}

static int by_chunk(struct reduce_op *s, struct weir_batch *in, const uint16_t *pick, uint32_t first, uint32_t n, struct weir_error *err)
{
	size_t key_size = s->base.node->key->type->size;
	const void *keys = (const char *)in->keys + first * key_size;
	const uint64_t *hashes = in->hashes + first;
	const uint16_t *groups = in->groups + first;
	int code;

	if (pick) {
		for (uint32_t i = 0; i < n; i++) {
			memcpy(s->keys + i * key_size, (const char *)in->keys + pick[i] * key_size, key_size);
			s->hashes[i] = in->hashes[pick[i]];
			s->groups[i] = in->groups[pick[i]];
		}
		keys = s->keys;
		hashes = s->hashes;
		groups = s->groups;
	}
	code = weir_state_resolve(s->state, n, keys, hashes, groups, NULL, 0, s->slots, s->created, err);
	if (code)
		return code;
	return s->cfg->kind == WEIR_REDUCE_FN ? fold_rows(s, in, pick, first, n, err) : fold_columns(s, in, pick, first, n, err);
}

static int by_batch(struct reduce_op *s, struct weir_batch *in, const uint16_t *pick, uint32_t n, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < n && !code; i += CHUNK)
		code = by_chunk(s, in, pick ? pick + i : NULL, pick ? 0 : i, n - i < CHUNK ? n - i : CHUNK, err);
	return code;
}

static int reduce_batch(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct reduce_op *s = (struct reduce_op *)op;
	const uint16_t *pick = rows ? rows->rows : NULL;
	uint32_t n = pick ? rows->n : in->rows;
	int code = s->cfg->type->flags & WEIR_TYPE_FLAT ? by_batch(s, in, pick, n, err) : by_row(s, in, pick, n, err);

	return code ? code : weir_out_flush(&s->c->out, err);
}

static void reduce_close(struct weir_op *op)
{
	struct reduce_op *s = (struct reduce_op *)op;

	weir_ctx_free(s->c);
	s->c = op->ctx = NULL;
}

const struct weir_op_ops weir_op_reduce = { .name = "KeyedReduce", .size = sizeof(struct reduce_op), .keyed = true, .open = reduce_open,
					    .batch = reduce_batch, .close = reduce_close };
