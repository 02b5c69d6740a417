/* SPDX-License-Identifier: Apache-2.0 */
/* Kryo values inside HEAP files: those that say where they end are stepped over, whatever they look like; the others are found by the keys behind them. */
#include "tests/unit/type/hex.h"

#include "state/flink/keyed.h"

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

static int put(void *arg, const void *p, size_t n, struct weir_error *e)
{
	(void)e;
	weir_buf_put(arg, p, n);
	return 0;
}

/* A KryoSerializer for class a.B, nothing else registered. */
static struct weir_type *kryo(void)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;

	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, "org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializerSnapshot");
	weir_buf_i32(&b, 2);
	weir_buf_utf(&b, "a.B");
	for (int i = 0; i < 3; i++) {
		weir_buf_i64(&b, 0x000004F2C69A3D70);
		weir_buf_i32(&b, i == 0);
		if (i == 0) {
			weir_buf_utf(&b, "a.B");
			weir_buf_bool(&b, false);
			weir_buf_bool(&b, true);
			weir_buf_i32(&b, 9);
			weir_buf_utf(&b, "a.B");
			weir_buf_i32(&b, 0);
		}
	}
	t = type_of_snapshot(&A, (struct weir_slice){ weir_arena_copy(&A, b.data, b.len), b.len }, &err);
	ck_assert_msg(t != NULL, "%s", err.msg);
	weir_buf_fini(&b);
	return t;
}

/* The n-th key of group 3 of 128. */
static struct weir_slice key_in(int n)
{
	for (int64_t k = 1;; k++) {
		struct weir_arena scratch = { 0 };
		struct weir_buf b = { 0 };
		struct weir_slice key;
		uint32_t g;

		weir_buf_i64(&b, k);
		key = (struct weir_slice){ weir_arena_copy(&A, b.data, 8), 8 };
		weir_buf_fini(&b);
		ck_assert(weir_keyed_group_of(&weir_int64, key, 128, &scratch, &g));
		weir_arena_fini(&scratch);
		if (g == 3 && n-- == 0)
			return key;
	}
}

static int print_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct weir_buf *b = arg;

	weir_buf_printf(b, "%u%s ", state, e->undecodable ? "?" : "");
	if (e->user_key.ptr) {
		weir_buf_hex(b, e->user_key);
		weir_buf_u8(b, '=');
	}
	weir_buf_hex(b, e->value);
	weir_buf_u8(b, ' ');
	return 0;
}

struct heap {
	struct weir_buf bytes;
	int64_t offset;
	uint64_t size;
};

/* One group; every state holds the values, one for each key. */
static void write_heap(struct heap *h, uint32_t nstates, const struct weir_keyed_state_meta *states, const char *const values[][2])
{
	struct weir_keyed_writer *w;

	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int64, nstates, states, 128, 3, 1, put, &h->bytes, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 3, &err));
	for (uint32_t s = 0; s < nstates; s++) {
		ck_ok(weir_keyed_writer_state(w, s, 2, &err));
		for (int i = 0; i < 2; i++)
			ck_ok(weir_keyed_writer_entry(w, key_in(i), (struct weir_slice){ (const uint8_t *)"", 1 }, (struct weir_slice){ NULL, 0 }, unhex(&A, values[s][i]), 0, &err));
	}
	ck_ok(weir_keyed_writer_finish(w, &h->offset, &h->size, &err));
	weir_keyed_writer_free(w);
}

/* All entries; metadata: of which release the checkpoint is. */
static const char *read_heap(struct heap *h, int32_t metadata)
{
	struct weir_keyed_meta *meta;
	struct weir_buf out = { 0 };
	const char *text;

	ck_ok(weir_keyed_read_meta((struct weir_slice){ h->bytes.data, (size_t)h->offset }, "stream", &A, &meta, &err));
	for (uint32_t i = 0; i < meta->nstates; i++)
		weir_serializer_written_by(meta->states[i].stored, metadata);
	ck_ok(weir_keyed_read_group(WEIR_FORMAT_HEAP, weir_buf_slice(&h->bytes), "stream", meta, 3, h->offset, (int64_t)h->bytes.len, 128, print_entry, &out, &err));
	text = weir_arena_text(&A, weir_buf_cstr(&out), out.len);
	weir_buf_fini(&out);
	weir_buf_fini(&h->bytes);
	return text;
}

#define LIST_AB "01006a6176612e7574696c2e41727261794c6973f401020301826103018262" /* Kryo 2: ArrayList["a","b"] */

/* The first value holds what could be the next entry: [00 key "Y"]. Stepping over it leaves no doubt. */
WEIR_TEST(values_that_say_where_they_end_are_stepped_over)
{
	struct weir_keyed_state_meta states[2] = { { "a", WEIR_STATE_VALUE, &weir_void, kryo(), false }, { "b", WEIR_STATE_VALUE, &weir_void, &weir_int32, false } };
	struct heap h = { 0 };
	char holds_key[64], want[400];

	snprintf(holds_key, sizeof(holds_key), "01005bc2010c00%s0401", tohex(&A, key_in(5))); /* byte[11] */
	const char *const values[][2] = { { holds_key, LIST_AB }, { "00000001", "00000002" } };

	write_heap(&h, 2, states, values);
	snprintf(want, sizeof(want), "0 %s 0 " LIST_AB " 1 00000001 1 00000002 ", holds_key);
	ck_assert_str_eq(read_heap(&h, 4), want);
}

/* Lists and maps of Kryo values come apart. */
WEIR_TEST(lists_and_maps_of_kryo_values)
{
	struct weir_type *list = weir_type_list(&A, kryo(), &err), *map = weir_type_map(&A, &weir_int32, kryo(), &err);
	struct weir_keyed_state_meta states[2] = { { "l", WEIR_STATE_LIST, &weir_void, list, false }, { "m", WEIR_STATE_MAP, &weir_void, map, false } };
	const char *const values[][2] = { { "00000002" "03018261" "0202", "00000001" "00" }, { "00000002" "00000001" "00" "0202" "00000002" "01", "00000001" "00000003" "00" "03018261" } };
	struct heap h = { 0 };

	write_heap(&h, 2, states, values);
	ck_assert_str_eq(read_heap(&h, 4), "0 03018261" "2c" "0202 0 00 1 00000001=000202 1 00000002=01 1 00000003=0003018261 ");
}

/* One value of an unknown class: its end is found, and those of the others are known, which leaves fewer ways. */
WEIR_TEST(unknown_objects_among_known_ones)
{
	struct weir_keyed_state_meta states[2] = { { "a", WEIR_STATE_VALUE, &weir_void, kryo(), false }, { "b", WEIR_STATE_VALUE, &weir_void, &weir_int32, false } };
	const char *const values[][2] = { { "57010a014d53595048d8", LIST_AB }, { "00000001", "00000002" } };
	struct heap h = { 0 };

	write_heap(&h, 2, states, values);
	ck_assert_str_eq(read_heap(&h, 4), "0 57010a014d53595048d8 0 " LIST_AB " 1 00000001 1 00000002 ");
	/* the release unknown: by the keys alone */
	write_heap(&h, 2, states, values);
	ck_assert_str_eq(read_heap(&h, 0), "0 57010a014d53595048d8 0 " LIST_AB " 1 00000001 1 00000002 ");
	weir_arena_fini(&A);
}
