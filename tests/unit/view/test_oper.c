/* SPDX-License-Identifier: Apache-2.0 */
/* Operator state streams: exact bytes of both versions, round trips, damage. */
#include "tests/lib/weirtest.h"

#include <stdlib.h>

#include "base/arena.h"
#include "state/flink/oper.h"
#include "state/flink/snappy_frame.h"

#define BYTES(lit) ((struct weir_slice){ (const uint8_t *)(lit), sizeof(lit) - 1 })

static int print_entry(void *arg, const struct weir_entry *e)
{
	struct weir_buf *b = arg;

	weir_buf_printf(b, "%d ", e->index);
	if (e->undecodable)
		weir_buf_printf(b, "(%s) ", e->undecodable);
	if (e->user_key.ptr) {
		weir_buf_hex(b, e->user_key);
		weir_buf_u8(b, ':');
	}
	weir_buf_hex(b, e->value);
	weir_buf_u8(b, '\n');
	return 0;
}

/* The stream of the specification: source-state, four strings. */
WEIR_TEST(a_real_list_state_is_written_byte_for_byte)
{
	static const char *const texts[] = { "Here be dragons!", "Here be more dragons!", "Here be yet more dragons!", "Here be the mother of all dragons!" };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf out = { 0 }, elements[4] = { 0 };
	struct weir_slice slices[4];
	struct weir_operator_handle h = { 0 };
	struct weir_oper_state state = { .meta = { .name = "source-state", .mode = WEIR_SPLIT_DISTRIBUTE, .value = &weir_string }, .count = 4, .elements = slices };

	for (int i = 0; i < 4; i++) {
		weir_buf_varint(&elements[i], (uint32_t)strlen(texts[i]) + 1);
		weir_buf_text(&elements[i], texts[i]);
		slices[i] = weir_buf_slice(&elements[i]);
	}
	ck_ok(weir_oper_write(1, &state, 6, &out, &mem, &h, &err));
	ck_assert_int_eq(h.lists[0].offsets[0], 199);
	ck_assert_int_eq(h.lists[0].offsets[1], 216);
	ck_assert_int_eq(h.lists[0].offsets[2], 238);
	ck_assert_int_eq(h.lists[0].offsets[3], 264);
	ck_assert_mem_eq(out.data, "\0\0\0\6\0\0\1\0\x0csource-state\0\0\0\1\0\0\0\1\0 OPERATOR_STATE_DISTRIBUTION_MODE\0\x10SPLIT_DISTRIBUTE\0\0\0\1\0\x10VALUE_SERIALIZER\0\0\0\2",
			 107);
	for (int i = 0; i < 4; i++)
		weir_buf_fini(&elements[i]);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
}

struct oper_case {
	struct weir_arena mem;
	struct weir_buf out;
	struct weir_operator_handle h;
	struct weir_oper_header *head;
};

static void write_all(struct oper_case *c, int32_t version)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice list[3] = { BYTES("\0\1"), BYTES("\0\2"), BYTES("\0\3") }, texts[1] = { BYTES("\3hi") }, map[1] = { BYTES("\0\0\0\2\2a\0\1\2b\0\2") };
	struct weir_oper_state states[4] = {
		{ { "names", WEIR_BROADCAST, &weir_string, &weir_int16, NULL }, 1, map }, /* stands first, but is written behind the lists */
		{ { "list", WEIR_SPLIT_DISTRIBUTE, NULL, &weir_int16, NULL }, 3, list },
		{ { "union", WEIR_UNION, NULL, &weir_string, NULL }, 1, texts },
		{ { "empty", WEIR_SPLIT_DISTRIBUTE, NULL, &weir_string, NULL }, 0, NULL },
	};

	ck_ok(weir_oper_write(4, states, version, &c->out, &c->mem, &c->h, &err));
}

static void print_all(struct oper_case *c, struct weir_buf *b)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_oper_read_header(weir_buf_slice(&c->out), "stream", &c->h, &c->mem, &c->head, &err));
	for (uint32_t i = 0; i < c->head->nstates; i++) {
		weir_buf_printf(b, "%s %d\n", c->head->states[i].name, c->head->states[i].mode);
		ck_ok(weir_oper_read(weir_buf_slice(&c->out), "stream", &c->h, c->head, i, print_entry, b, &err));
	}
}

static void fini(struct oper_case *c)
{
	weir_buf_fini(&c->out);
	weir_arena_fini(&c->mem);
}

#define ALL "list 0\n0 0001\n1 0002\n2 0003\nunion 1\n0 036869\nempty 0\nnames 2\n-1 0261:0001\n-1 0262:0002\n"

WEIR_TEST(lists_unions_and_broadcasts_round_trip_in_both_versions)
{
	for (int32_t version = 5; version <= 6; version++) {
		struct oper_case c = { 0 };
		struct weir_buf b = { 0 };

		write_all(&c, version);
		ck_assert_uint_eq(c.out.data[3], (unsigned)version);
		print_all(&c, &b);
		ck_assert_str_eq(weir_buf_cstr(&b), ALL);
		weir_buf_fini(&b);
		fini(&c);
	}
}

/* As Flink compresses: the header plain, an identifier, then chunks; each offset is the start of a chunk. */
static void compress_case(struct oper_case *c)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf z = { 0 };
	size_t first = (size_t)c->h.lists[0].offsets[0];

	weir_buf_put(&z, c->out.data, first);
	z.data[4] = 1;
	weir_snappy_frame_begin(&z);
	for (uint32_t i = 0; i < c->h.nlists; i++)
		for (uint32_t k = 0; k < c->h.lists[i].count; k++) {
			size_t from = (size_t)c->h.lists[i].offsets[k], to = c->out.len;

			for (uint32_t a = 0; a < c->h.nlists; a++)
				for (uint32_t n = 0; n < c->h.lists[a].count; n++)
					if ((a > i || (a == i && n > k)) && (size_t)c->h.lists[a].offsets[n] < to)
						to = (size_t)c->h.lists[a].offsets[n];
			c->h.lists[i].offsets[k] = (int64_t)z.len;
			ck_ok(weir_snappy_frame_put((struct weir_slice){ c->out.data + from, to - from }, &z, &err));
		}
	weir_buf_fini(&c->out);
	c->out = z;
}

WEIR_TEST(compressed_streams_are_read_chunk_by_chunk)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct oper_case c = { 0 };
	struct weir_buf b = { 0 };

	write_all(&c, 6);
	compress_case(&c);
	print_all(&c, &b);
	ck_assert_str_eq(weir_buf_cstr(&b), ALL);
	c.out.data[c.h.lists[0].offsets[1] + 5] ^= 1; /* a checksum */
	ck_assert_int_eq(weir_oper_read(weir_buf_slice(&c.out), "stream", &c.h, c.head, 0, print_entry, &b, &err), WEIR_ECORRUPT);
	ck_assert_str_eq(err.msg, "operator state 'list', element 1: the checksum of a compressed chunk does not match its data");
	ck_assert_uint_eq(err.offset, (uint64_t)c.h.lists[0].offsets[1]);
	weir_buf_fini(&b);
	fini(&c);
}

WEIR_TEST(bad_streams_are_refused_with_reasons)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct oper_case c = { 0 };
	struct weir_buf b = { 0 };

	ck_assert_int_eq(weir_oper_read_header(BYTES("\0\0\0\3rest"), "f", &c.h, &c.mem, &c.head, &err), WEIR_EVERSION);
	ck_assert_ptr_nonnull(strstr(err.msg, "Flink 1.6 or older"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_oper_read_header(BYTES("\0\0\1\0rest"), "f", &c.h, &c.mem, &c.head, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "not an operator state stream"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_oper_write(0, NULL, 4, &b, &c.mem, &c.h, &err), WEIR_EVERSION);
	weir_error_clear(&err);
	write_all(&c, 6);
	ck_ok(weir_oper_read_header(weir_buf_slice(&c.out), "f", &c.h, &c.mem, &c.head, &err));
	c.h.lists[0].offsets[2] = 1000000;
	ck_assert_int_eq(weir_oper_read(weir_buf_slice(&c.out), "f", &c.h, c.head, 0, print_entry, &b, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "operator state 'list', element 2: its offset 1000000 lies outside"));
	c.h.lists[0].offsets[2] = c.h.lists[0].offsets[1] + 1; /* an element of one byte, and one that runs on */
	weir_error_clear(&err);
	weir_buf_clear(&b);
	ck_ok(weir_oper_read(weir_buf_slice(&c.out), "f", &c.h, c.head, 0, print_entry, &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "0 0001\n1 (the data ends inside a value) 00\n2 (bytes are left behind the element) 020003\n");
	c.h.lists[0].name = BYTES("other");
	ck_assert_int_eq(weir_oper_read_header(weir_buf_slice(&c.out), "f", &c.h, &c.mem, &c.head, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "'other' has elements but the stream does not describe it"));
	weir_buf_fini(&b);
	fini(&c);
}

static int ignore(void *arg, const struct weir_entry *e)
{
	(void)arg, (void)e;
	return 0;
}

WEIR_TEST(cuts_and_flips_never_crash)
{
	for (int compressed = 0; compressed < 2; compressed++) {
		struct oper_case c = { 0 };

		write_all(&c, 6);
		if (compressed)
			compress_case(&c);
		for (size_t i = 0; i < c.out.len * 9; i++) {
			struct weir_error err = WEIR_ERROR_INIT;
			struct weir_arena mem = { 0 };
			struct weir_oper_header *head = NULL;
			bool cut = i < c.out.len;
			size_t len = cut ? i : c.out.len;
			uint8_t *copy = malloc(len ? len : 1); /* exactly, so that the sanitizer sees a read past the end */
			int code;

			memcpy(copy, c.out.data, len);
			if (!cut)
				copy[(i - c.out.len) / 8] ^= (uint8_t)(1u << i % 8);
			code = weir_oper_read_header((struct weir_slice){ copy, len }, "f", &c.h, &mem, &head, &err);
			for (uint32_t k = 0; code == 0 && k < head->nstates; k++)
				code = weir_oper_read((struct weir_slice){ copy, len }, "f", &c.h, head, k, ignore, NULL, &err);
			if (cut)
				ck_assert_msg(code != 0, "cut at %zu of %zu", len, c.out.len);
			ck_assert(code == 0 || err.code == code);
			free(copy);
			weir_arena_fini(&mem);
		}
		fini(&c);
	}
}
