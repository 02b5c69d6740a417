/* SPDX-License-Identifier: Apache-2.0 */
/* A value damaged in every place: whatever comes out, nothing crashes or reads past the end, and stepping over agrees with showing. */
#ifndef WEIR_TESTS_TYPE_DAMAGE_H
#define WEIR_TESTS_TYPE_DAMAGE_H

#include "tests/unit/type/hex.h"

/* Bytes in a block of exactly their size, so that AddressSanitizer sees one byte too far. */
static inline void use_damaged(const struct weir_type *t, const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct weir_buf out = { 0 };
	struct weir_src skip, show;
	int skipped, shown;

	ck_assert_ptr_nonnull(exact);
	if (n)
		memcpy(exact, p, n);
	skip = show = weir_src_of((struct weir_slice){ exact, n }, "file", 0);
	skipped = weir_type_skip(t, &skip);
	shown = weir_type_to_json(t, &show, &out);
	if (skipped == 0) {
		ck_assert_int_eq(shown, 0);
		ck_assert_msg(skip.p == show.p, "stepping over ends at %zu, showing at %zu", (size_t)(skip.p - skip.base), (size_t)(show.p - show.base));
	} else {
		ck_assert_ptr_nonnull(skip.what);
	}
	ck_assert_uint_lt(out.len, 8u << 20);
	weir_buf_fini(&out);
	free(exact);
}

static inline void damage_value(const struct weir_type *t, struct weir_slice value)
{
	static const uint8_t with[] = { 0, 0xff, 0x7f, 0x80 };
	uint8_t *p = (uint8_t *)(uintptr_t)value.ptr;

	for (size_t n = 0; n < value.len; n++)
		use_damaged(t, p, n);
	for (size_t i = 0; i < value.len; i++) {
		uint8_t was = p[i];

		for (size_t k = 0; k < 8 + sizeof(with); k++) {
			p[i] = k < 8 ? (uint8_t)(was ^ 1u << k) : with[k - 8];
			use_damaged(t, p, value.len);
		}
		p[i] = was;
	}
}

/* A snapshot in proxy form: a type whose bytes are written again as they are, or an error that says what and where. */
static inline void use_snapshot_bytes(const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct weir_arena mem = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	struct weir_type *t;
	struct weir_src src;

	ck_assert_ptr_nonnull(exact);
	if (n)
		memcpy(exact, p, n);
	src = weir_src_of((struct weir_slice){ exact, n }, "file", 0);
	if (weir_serializer_snapshot_read_proxy(&src, &mem, NULL, NULL, &t, &err)) {
		ck_assert(err.code && err.msg[0]);
	} else {
		char text[300];

		weir_type_text(t, text, sizeof(text));
		ck_assert_int_eq(weir_serializer_snapshot_write_proxy(t, &out, &err), 0);
		ck_assert(weir_slice_eq(weir_buf_slice(&out), (struct weir_slice){ exact, n - weir_src_left(&src) }));
		use_damaged(t, exact, n < 40 ? n : 40);
	}
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	free(exact);
}

static inline void damage_snapshot(struct weir_slice proxy)
{
	uint8_t *p = (uint8_t *)(uintptr_t)proxy.ptr;

	for (size_t n = 0; n < proxy.len; n++)
		use_snapshot_bytes(p, n);
	for (size_t i = 0; i < proxy.len; i++) {
		uint8_t was = p[i];

		for (unsigned bit = 0; bit < 8; bit++) {
			p[i] = (uint8_t)(was ^ 1u << bit);
			use_snapshot_bytes(p, proxy.len);
		}
		p[i] = was;
	}
}

#endif
