// SPDX-License-Identifier: Apache-2.0
/*
 * Keyed sum, min, max and reduce: the accumulator is a row of the input's type, kept as VALUE state "_op_state" (Flink's name), and emitted after each
 * input row. Rows without text are folded a batch at a time: all accumulators are resolved first, with prefetching, then updated in place.
 */
#include "runtime/context.h"
#include "runtime/op_config.h"

struct reduce_op {
	struct weir_op base;
	struct weir_ctx *c;
	struct weir_state *state;
	const struct weir_reduce_config *cfg;
	/* scratch of the batch path, dense */
	void *slots[WEIR_BATCH_ROWS];
	uint8_t created[WEIR_BATCH_ROWS];
	uint64_t hashes[WEIR_BATCH_ROWS];
	uint16_t groups[WEIR_BATCH_ROWS];
	char *keys;
};

static int reduce_open(struct weir_op *op, struct weir_error *err)
{
	struct reduce_op *s = (struct reduce_op *)op;

	s->cfg = op->config;
	s->c = op->ctx = weir_ctx_new(op, err);
	if (!s->c)
		return WEIR_ENOMEM;
	s->keys = weir_arena_alloc(&s->c->states, (size_t)op->node->key->type->size * WEIR_BATCH_ROWS + 1, 64);
	if (!s->keys)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	return weir_backend_state(op->backend, &(struct weir_state_desc){ .name = "_op_state", .kind = WEIR_STATE_VALUE, .value = s->cfg->type }, &s->state, err);
}

/* acc[f] = acc[f] op in[f]. Integer sums wrap, as Java's do. */
static inline void fold(const struct weir_reduce_config *cfg, void *acc, const void *in)
{
	const struct weir_field *f = &cfg->type->fields[cfg->field];
	char *a = (char *)acc + f->offset;
	const char *b = (const char *)in + f->offset;

#define FOLD(T, U)                                                                                                  \
	do {                                                                                                        \
		T x, y;                                                                                             \
		memcpy(&x, a, sizeof(x));                                                                           \
		memcpy(&y, b, sizeof(y));                                                                           \
		x = cfg->kind == WEIR_REDUCE_SUM ? (T)((U)x + (U)y) : (cfg->kind == WEIR_REDUCE_MIN) == (y < x) ? y : x; \
		memcpy(a, &x, sizeof(x));                                                                           \
	} while (0)
	switch (f->type->kind) {
	case WEIR_INT8: FOLD(int8_t, uint8_t); break;
	case WEIR_INT16: FOLD(int16_t, uint16_t); break;
	case WEIR_INT32: FOLD(int32_t, uint32_t); break;
	case WEIR_INT64: FOLD(int64_t, uint64_t); break;
	case WEIR_FLOAT: FOLD(float, float); break;
	case WEIR_DOUBLE: FOLD(double, double); break;
	default: break;
	}
#undef FOLD
}

static int one(struct reduce_op *s, void *acc, bool fresh, const void *in)
{
	if (fresh) {
		memcpy(acc, in, s->cfg->type->size);
		return 0;
	}
	if (s->cfg->kind == WEIR_REDUCE_FN)
		return s->cfg->fn(s->c, acc, in);
	fold(s->cfg, acc, in);
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

static int by_batch(struct reduce_op *s, struct weir_batch *in, const uint16_t *pick, uint32_t n, struct weir_error *err)
{
	size_t key_size = s->base.node->key->type->size;
	const void *keys = in->keys;
	const uint64_t *hashes = in->hashes;
	const uint16_t *groups = in->groups;
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
	for (uint32_t i = 0; i < n && !code; i++) {
		uint32_t r = pick ? pick[i] : i;

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
