// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: a serializer snapshot (PROXY), then a value of that type, through everything that takes bytes from outside.
 * Checks what must hold for any input: an accepted snapshot is rewritten identically; stepping over, showing and reading agree on
 * where a value ends; what was read is written and read again as an equal value; JSON reads back to the same JSON.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/src.h"
#include "state/flink/snapshot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void json_again(const struct weir_type *t, const struct weir_buf *json)
{
	struct weir_buf wire = { 0 }, again = { 0 };

	if (weir_type_from_json(t, (const char *)json->data, json->len, false, &wire, NULL) == 0) {
		struct weir_src src = weir_src_of(weir_buf_slice(&wire), NULL, 0);

		must(weir_type_to_json(t, &src, &again) == 0);
		must(weir_src_left(&src) == 0);
		must(weir_slice_eq(weir_buf_slice(json), weir_buf_slice(&again)));
	} else {
		must(t->flags & WEIR_TYPE_OPAQUE || t->nsubs || t->depth > 1 || t->kind == WEIR_WIRE); /* subclasses, opaque parts and what cannot be typed need not read back */
	}
	weir_buf_fini(&wire);
	weir_buf_fini(&again);
}

static void write_again(const struct weir_type *t, const void *v)
{
	struct weir_arena mem = { 0 };
	struct weir_buf wire = { 0 };
	struct weir_src src;
	void *w = weir_arena_zero(&mem, t->size + (size_t)1);

	if (w && weir_type_write(t, v, &wire, NULL) == 0 && !wire.code) {
		src = weir_src_of(weir_buf_slice(&wire), NULL, 0);
		must(weir_type_read(t, &src, &mem, w, NULL) == 0);
		must(weir_src_left(&src) == 0);
		must(weir_type_value_equal(t, v, w));
		must(weir_type_hash(t, v) == weir_type_hash(t, w));
	}
	weir_buf_fini(&wire);
	weir_arena_fini(&mem);
}

static void use_value(const struct weir_type *t, struct weir_src start)
{
	struct weir_src skip = start, show = start, read = start, convert = start;
	struct weir_arena mem = { 0 };
	struct weir_buf json = { 0 }, out = { 0 };
	void *v = t->size < (1u << 20) ? weir_arena_zero(&mem, t->size + (size_t)1) : NULL;
	int skipped = weir_type_skip(t, &skip), shown = weir_type_to_json(t, &show, &json);
	bool opaque = t->flags & WEIR_TYPE_OPAQUE;

	if (skipped == 0 && !opaque) {
		must(shown == 0 && show.p == skip.p);
		must(weir_type_convert(t, t, &convert, &out, NULL) == 0);
		must(out.len == (size_t)(skip.p - start.p) && (out.len == 0 || memcmp(out.data, start.p, out.len) == 0));
	}
	if (shown == 0)
		json_again(t, &json);
	if (v && weir_type_read(t, &read, &mem, v, NULL) == 0) {
		must(skipped == 0 && read.p == skip.p);
		write_again(t, v);
	}
	weir_buf_fini(&json);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_src src = weir_src_of((struct weir_slice){ data, size }, "fuzz", 0);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf out = { 0 };
	struct weir_type *t;
	char text[256];

	if (weir_serializer_snapshot_read_proxy(&src, &mem, NULL, NULL, &t, &err) == 0) {
		must(weir_serializer_snapshot_write_proxy(t, &out, NULL) == 0);
		must(out.len == (size_t)(src.p - data) && memcmp(out.data, data, out.len) == 0);
		must(weir_type_text(t, text, sizeof(text)) == text);
		must(weir_type_compat(t, t, text, sizeof(text)) == WEIR_COMPAT_AS_IS);
		use_value(t, src);
	} else {
		must(err.code != 0 && err.msg[0]);
	}
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	return 0;
}
