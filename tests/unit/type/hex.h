/* SPDX-License-Identifier: Apache-2.0 */
/* Hex and small conversions for the type tests. */
#ifndef WEIR_TESTS_TYPE_HEX_H
#define WEIR_TESTS_TYPE_HEX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/src.h"
#include "state/flink/snapshot.h"
#include "tests/lib/weirtest.h"

#include <weir/type.h>

#include <stdio.h>
#include <stdlib.h>

/* Bytes of hex text in the arena; blanks are skipped. */
static inline struct weir_slice unhex(struct weir_arena *a, const char *hex)
{
	uint8_t *p = weir_arena_alloc(a, strlen(hex) / 2 + 1, 1);
	size_t n = 0;

	for (; *hex; hex++) {
		if (*hex == ' ' || *hex == '\n')
			continue;
		char two[3] = { hex[0], hex[1], 0 };

		p[n++] = (uint8_t)strtoul(two, NULL, 16);
		hex++;
	}
	return (struct weir_slice){ p, n };
}

static inline const char *tohex(struct weir_arena *a, struct weir_slice s)
{
	struct weir_buf b = { 0 };
	const char *text;

	weir_buf_hex(&b, s);
	text = weir_arena_text(a, (const char *)b.data, b.len);
	weir_buf_fini(&b);
	return text;
}

/* Wire bytes as JSON text; on failure the name of the code. */
static inline const char *json_of(struct weir_arena *a, const struct weir_type *t, struct weir_slice wire)
{
	struct weir_src src = weir_src_of(wire, NULL, 0);
	struct weir_buf b = { 0 };
	const char *text;
	int code = weir_type_to_json(t, &src, &b);

	text = code ? weir_code_name(code) : weir_src_left(&src) ? "bytes left" : weir_arena_text(a, (const char *)b.data, b.len);
	weir_buf_fini(&b);
	return text;
}

/* JSON typed, as the hex of its bytes; on failure the message. */
static inline const char *typed_hex(struct weir_arena *a, const struct weir_type *t, const char *json)
{
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	const char *text;

	text = weir_type_from_json(t, json, strlen(json), false, &out, &e) ? weir_arena_text(a, e.msg, strlen(e.msg)) : tohex(a, weir_buf_slice(&out));
	weir_buf_fini(&out);
	return text;
}

static inline struct weir_type *type_of_snapshot(struct weir_arena *a, struct weir_slice proxy, struct weir_error *err)
{
	struct weir_src src = weir_src_of(proxy, NULL, 0);
	struct weir_type *t = NULL;

	if (weir_serializer_snapshot_read_proxy(&src, a, NULL, NULL, &t, err) || weir_src_left(&src))
		return NULL;
	return t;
}
#endif
