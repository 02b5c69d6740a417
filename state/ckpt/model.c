// SPDX-License-Identifier: Apache-2.0
/*
 * What can be asked of a checkpoint in memory: operators by id, every stream handle, and operator ids as text. Pure; the model is only read.
 * The walk follows nesting of the model, which the decoder has capped.
 */
#include <weir/ckpt.h>

#include "base/hash.h"

#include "base/text.h"

struct weir_operator_id weir_operator_id_of_uid(const char *uid)
{
	struct weir_operator_id id;

	weir_murmur128(uid, strlen(uid), id.bytes);
	return id;
}

void weir_operator_id_hex(const struct weir_operator_id *id, char out[33])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		out[2 * i] = digits[id->bytes[i] >> 4];
		out[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	out[32] = 0;
}

bool weir_operator_id_parse(const char *hex, struct weir_operator_id *out)
{
	struct weir_operator_id id;

	for (int i = 0; i < 16; i++) {
		int high = weir_hex_digit(hex[2 * i]), low = high < 0 ? -1 : weir_hex_digit(hex[2 * i + 1]);

		if (low < 0)
			return false;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (hex[32])
		return false;
	*out = id;
	return true;
}

struct weir_operator_state *weir_ckpt_operator(const struct weir_ckpt *c, const struct weir_operator_id *id)
{
	for (uint32_t i = 0; i < c->noperators; i++)
		if (memcmp(c->operators[i].id.bytes, id->bytes, 16) == 0)
			return &c->operators[i];
	return NULL;
}

/* ---- every handle ---- */

struct walk {
	weir_ckpt_handle_fn *fn;
	void *arg;
	const struct weir_operator_state *op;
	const struct weir_subtask_state *sub;
};

static int visit(const struct walk *w, const struct weir_stream_handle *h)
{
	while (h && h->kind == WEIR_HANDLE_KEY_GROUPS)
		h = h->inner;
	return !h || h->kind == WEIR_HANDLE_NONE || h->kind == WEIR_HANDLE_EMPTY_SEGMENT ? 0 : w->fn(w->arg, w->op, w->sub, h);
}

static int visit_named(const struct walk *w, uint32_t n, const struct weir_named_handle *list)
{
	int code = 0;

	for (uint32_t i = 0; i < n && !code; i++)
		code = visit(w, &list[i].handle);
	return code;
}

static int visit_keyed(const struct walk *w, const struct weir_keyed_handle *h)
{
	int code = visit(w, &h->stream);

	if (!code)
		code = visit_named(w, h->nshared, h->shared);
	if (!code)
		code = visit_named(w, h->nprivate, h->private_);
	for (uint32_t i = 0; i < h->nmaterialized && !code; i++)
		code = visit_keyed(w, &h->materialized[i]);
	for (uint32_t i = 0; i < h->nincrements && !code; i++)
		code = visit_keyed(w, &h->increments[i]);
	for (uint32_t i = 0; i < h->nfiles && !code; i++)
		code = visit(w, &h->files[i].handle);
	return code;
}

static int visit_subtask(const struct walk *w, const struct weir_subtask_state *t)
{
	int code = t->managed_operator.present ? visit(w, &t->managed_operator.stream) : 0;

	if (!code && t->raw_operator.present)
		code = visit(w, &t->raw_operator.stream);
	if (!code)
		code = visit_keyed(w, &t->managed_keyed);
	if (!code)
		code = visit_keyed(w, &t->raw_keyed);
	for (uint32_t i = 0; i < t->ninputs && !code; i++)
		code = visit(w, &t->inputs[i].stream);
	for (uint32_t i = 0; i < t->noutputs && !code; i++)
		code = visit(w, &t->outputs[i].stream);
	return code;
}

int weir_ckpt_each_handle(const struct weir_ckpt *c, weir_ckpt_handle_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	int code = 0;

	for (uint32_t i = 0; i < c->noperators && !code; i++) {
		w.op = &c->operators[i];
		w.sub = NULL;
		code = visit(&w, &w.op->coordinator);
		for (uint32_t k = 0; k < w.op->nsubtasks && !code; k++) {
			w.sub = &w.op->subtasks[k];
			code = visit_subtask(&w, w.sub);
		}
	}
	return code;
}
