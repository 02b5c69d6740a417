// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: _metadata. Whatever is accepted must be walked without harm, be written again as the same bytes, and either convert to
 * every other version into something that is accepted, or be refused with a message.
 * With libFuzzer: clang -fsanitize=fuzzer,address tests/fuzz/fuzz_metadata.c libweir.a; without: replay.c runs the corpus.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include <weir/ckpt.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static int touch(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	(void)arg, (void)op, (void)sub;
	for (size_t i = 0; i < h->name.len; i++)
		sink += h->name.ptr[i];
	for (size_t i = 0; i < h->data.len; i++)
		sink += h->data.ptr[i];
	return 0;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void convert(const struct weir_ckpt *c, int32_t version, struct weir_arena *mem)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	struct weir_ckpt *again;

	if (weir_ckpt_encode(c, version, &out, &err) == 0)
		check(weir_ckpt_decode(weir_buf_slice(&out), "converted", mem, &again, &err) == 0);
	else
		check(err.msg[0] != 0 && out.len == 0);
	weir_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf out = { 0 };
	struct weir_ckpt *c;

	if (weir_ckpt_decode((struct weir_slice){ data, size }, "input", &mem, &c, &err) == 0) {
		weir_ckpt_each_handle(c, touch, NULL);
		check(weir_ckpt_encode(c, c->version, &out, &err) == 0);
		check(weir_slice_eq(weir_buf_slice(&out), (struct weir_slice){ data, size }));
		for (int32_t version = WEIR_META_OLDEST; version <= WEIR_META_NEWEST; version++)
			convert(c, version, &mem);
	} else {
		check(err.msg[0] != 0 && err.offset <= size);
	}
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	return 0;
}
