/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In-flight data (unaligned checkpoints) for the dump: one entry per network buffer. At each offset of a channel's stream stand i32 size and that many bytes.
 * Merged handles (metadata V6) pack the offsets of many channels: i32 count, then per channel i32 a, i32 b, i64 size, i32 n, n x i64.
 * Damage is told as a problem of the handle; other handles go on.
 */
#include "state/ckpt/dump_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct channels {
	const struct weir_ckpt *ckpt;
	const struct weir_operator_state *op;
	const struct weir_subtask_state *subtask;
	const struct weir_channel_handle *handle;
	weir__dump_buffer_fn *fn;
	weir_problem_fn *problem;
	void *arg;
	struct weir_slice bytes;
	const char *path;
};

static int buffers(struct channels *c, int32_t a, int32_t b, struct weir_src *packed, uint32_t n, const int64_t *offsets, struct weir_error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t at = packed ? weir_src_i64(packed) : offsets[i];
		struct weir_src src = weir_src_of(c->bytes, c->path, 0);
		struct weir__dump_buffer out = { .op = c->op, .subtask = (int32_t)c->subtask->index, .output = c->handle->output, .from_subtask = c->handle->subtask,
						 .a = a, .b = b, .index = (int32_t)i };
		int code;

		if (at < 0 || (uint64_t)at > c->bytes.len)
			return weir_error_at(err, WEIR_ECORRUPT, c->path, WEIR_NO_OFFSET, "in-flight data: buffer %u lies at %lld, outside of the %zu bytes of its stream", i,
					     (long long)at, c->bytes.len);
		src.p += at;
		out.bytes = weir_src_blob32(&src);
		if (src.code)
			return weir_src_error(&src, err);
		code = c->fn(c->arg, &out);
		if (code)
			return code;
	}
	return 0;
}

static int merged(struct channels *c, struct weir_error *err)
{
	struct weir_src src = weir_src_of(c->handle->packed, c->ckpt->path, 0);
	uint32_t n = weir_src_count(&src, 20);
	int code = 0;

	for (uint32_t i = 0; i < n && code == 0 && !src.code; i++) {
		int32_t a = weir_src_i32(&src), b = weir_src_i32(&src);
		uint32_t k;

		weir_src_i64(&src);
		k = weir_src_count(&src, 8);
		if (!src.code)
			code = buffers(c, a, b, &src, k, NULL, err);
	}
	if (code)
		return code;
	weir_src_end(&src, "bytes are left behind the packed offsets of in-flight data");
	return weir_src_error(&src, err);
}

static int one_handle(struct channels *c, weir__dump_hold_fn *hold)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map = NULL;
	char *path = NULL;
	int code = weir_ckpt_bytes(c->ckpt, &c->handle->stream, &map, &c->bytes, &path, &err);

	c->path = path;
	if (code == 0)
		code = c->handle->merged ? merged(c, &err)
					 : buffers(c, c->handle->a, c->handle->b, NULL, c->handle->noffsets, c->handle->offsets, &err);
	if (code && code != WEIR_ENOMEM) {
		struct weir__part part = { .class_ = WEIR__PART_KEYED, .op = c->op, .subtask = (int32_t)c->subtask->index, .stream = &c->handle->stream, .path = path };
		struct weir__problem_text text;
		struct weir_problem p;

		if (!err.code)
			weir_error_set(&err, code, "in-flight data cannot be read");
		weir__problem_fill(&p, &text, &part, &err);
		p.kind = c->handle->output ? "result-subpartition" : "input-channel";
		c->problem(c->arg, &p);
		code = 0;
	}
	free(path);
	if (map && !hold(c->arg, map)) {
		weir_fs_unmap(map);
		code = WEIR_ENOMEM;
	}
	return code;
}

int weir__dump_channels(const struct weir_ckpt *ckpt, weir__dump_buffer_fn *fn, weir_problem_fn *problem, weir__dump_hold_fn *hold, void *arg)
{
	for (uint32_t i = 0; i < ckpt->noperators; i++)
		for (uint32_t k = 0; k < ckpt->operators[i].nsubtasks; k++) {
			const struct weir_subtask_state *s = &ckpt->operators[i].subtasks[k];

			for (uint32_t n = 0; n < s->ninputs + s->noutputs; n++) {
				struct channels c = { .ckpt = ckpt, .op = &ckpt->operators[i], .subtask = s, .fn = fn, .problem = problem, .arg = arg,
						      .handle = n < s->ninputs ? &s->inputs[n] : &s->outputs[n - s->ninputs] };
				int code = one_handle(&c, hold);

				if (code)
					return code;
			}
		}
	return 0;
}
