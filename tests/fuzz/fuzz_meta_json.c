// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: metadata as JSON. What is refused has a message. What is accepted and can be encoded gives bytes that decode, whose JSON gives the same bytes.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "statetool/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf bytes = { 0 }, json = { 0 }, again = { 0 };
	struct weir_ckpt *c = NULL, *read = NULL, *parsed = NULL;

	if (weir_meta_parse((struct weir_slice){ data, size }, &mem, &c, &err)) {
		check(err.msg[0] != 0);
	} else if (weir_ckpt_encode(c, c->version, &bytes, &err) == 0 && weir_ckpt_decode(weir_buf_slice(&bytes), "made", &mem, &read, NULL) == 0) {
		weir_meta_json(read, true, &json);
		check(weir_meta_parse(weir_buf_slice(&json), &mem, &parsed, &err) == 0);
		check(weir_ckpt_encode(parsed, parsed->version, &again, &err) == 0);
		check(weir_slice_eq(weir_buf_slice(&bytes), weir_buf_slice(&again)));
	}
	weir_buf_fini(&bytes);
	weir_buf_fini(&json);
	weir_buf_fini(&again);
	weir_arena_fini(&mem);
	return 0;
}
