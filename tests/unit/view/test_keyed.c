/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed state streams: exact bytes, round trips of every kind, the search for opaque values, misuse, damage. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "state/flink/keyed.h"

static struct weir_slice text(const char *s)
{
	return (struct weir_slice){ (const uint8_t *)s, strlen(s) };
}

#define BYTES(lit) ((struct weir_slice){ (const uint8_t *)(lit), sizeof(lit) - 1 })

static int put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

static void assert_hex(struct weir_slice s, const char *hex)
{
	struct weir_buf b = { 0 };

	weir_buf_hex(&b, s);
	ck_assert_str_eq(weir_buf_cstr(&b), hex);
	weir_buf_fini(&b);
}

/* Entries as text: "state kg key/ns/uk=value@timestamp", one a line. */
static int print_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct weir_buf *b = arg;

	weir_buf_printf(b, "%u %d ", state, e->key_group);
	if (e->undecodable)
		weir_buf_printf(b, "(%.40s) ", e->undecodable);
	weir_buf_hex(b, e->key);
	weir_buf_u8(b, '/');
	weir_buf_hex(b, e->ns);
	if (e->user_key.ptr) {
		weir_buf_u8(b, '/');
		weir_buf_hex(b, e->user_key);
	}
	weir_buf_u8(b, '=');
	weir_buf_hex(b, e->value);
	if (e->timestamp)
		weir_buf_printf(b, "@%lld", (long long)e->timestamp);
	weir_buf_u8(b, '\n');
	return 0;
}

struct stream {
	struct weir_buf bytes;
	int64_t offsets[16];
	uint64_t size;
};

static int64_t end_of(const struct stream *s, uint32_t n, uint32_t i)
{
	int64_t end = (int64_t)s->bytes.len;

	for (uint32_t k = 0; k < n; k++)
		if (s->offsets[k] > s->offsets[i] && s->offsets[k] < end)
			end = s->offsets[k];
	return end;
}

static int read_all(enum weir_keyed_format format, const struct stream *s, int32_t first, uint32_t n, uint32_t max, struct weir_buf *out, struct weir_error *err)
{
	struct weir_arena mem = { 0 };
	struct weir_keyed_meta *meta = NULL;
	struct weir_slice head = weir_buf_slice(&s->bytes);
	int code;

	for (uint32_t i = 0; i < n; i++)
		if (s->offsets[i] > 0 && (uint64_t)s->offsets[i] < head.len)
			head.len = (size_t)s->offsets[i];
	code = weir_keyed_read_meta(head, "stream", &mem, &meta, err);
	for (uint32_t i = 0; i < n && code == 0; i++)
		code = weir_keyed_read_group(format, weir_buf_slice(&s->bytes), "stream", meta, first + (int32_t)i, s->offsets[i], end_of(s, n, i), max, print_entry, out, err);
	weir_arena_fini(&mem);
	return code;
}

/* ---- exact bytes ---- */

WEIR_TEST(the_worked_examples_of_the_specification)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_type *fields[1] = { &weir_int64 }, *key = weir_type_tuple(&mem, 1, fields, &err);
	struct weir_keyed_state_meta state = { "state-name", WEIR_STATE_VALUE, &weir_void, &weir_int64, false };
	struct weir_keyed_writer *w;
	struct stream full = { 0 }, heap = { 0 };
	struct weir_slice three = BYTES("\0\0\0\0\0\0\0\3"), none = { NULL, 0 };

	/* Flink 1.20, rocksdb canonical savepoint, max parallelism 4, subtask 1 */
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, key, 1, &state, 4, 1, 1, put, &full.bytes, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 1, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, three, BYTES("\0"), none, three, 0, &err));
	ck_ok(weir_keyed_writer_finish(w, full.offsets, &full.size, &err));
	weir_keyed_writer_free(w);
	ck_assert_int_eq(full.offsets[0], 505);
	ck_assert_uint_eq(full.size, full.bytes.len);
	assert_hex((struct weir_slice){ full.bytes.data + 505, full.bytes.len - 505 }, "00000000000a81000000000000000300000000080000000000000003ffff");
	assert_hex((struct weir_slice){ full.bytes.data, 11 }, "0000000600000000020043");

	/* the same group as a heap checkpoint */
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, key, 1, &state, 4, 1, 1, put, &heap.bytes, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 1, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 1, &err));
	ck_ok(weir_keyed_writer_entry(w, three, BYTES("\0"), none, three, 0, &err));
	ck_ok(weir_keyed_writer_finish(w, heap.offsets, &heap.size, &err));
	weir_keyed_writer_free(w);
	ck_assert_int_eq(heap.offsets[0], 505);
	assert_hex((struct weir_slice){ heap.bytes.data + 505, heap.bytes.len - 505 }, "0000000100000000000100000000000000000300" "00000000000003");
	weir_buf_fini(&full.bytes);
	weir_buf_fini(&heap.bytes);
	weir_arena_fini(&mem);
}

WEIR_TEST(ambiguous_keys_carry_lengths)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta state = { "s", WEIR_STATE_VALUE, &weir_string, &weir_int8, false };
	struct weir_keyed_writer *w;
	struct stream s = { 0 };
	struct weir_buf out = { 0 }, longkey = { 0 };
	struct weir_slice none = { NULL, 0 };

	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_string, 1, &state, 128, 5, 2, put, &s.bytes, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 5, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, BYTES("\3ab"), BYTES("\2n"), none, BYTES("\7"), 0, &err));
	weir_buf_varint(&longkey, 300); /* 299 characters, 301 bytes: length 2d 01 */
	for (int i = 0; i < 299; i++)
		weir_buf_u8(&longkey, 'k');
	ck_ok(weir_keyed_writer_entry(w, weir_buf_slice(&longkey), BYTES("\1"), none, BYTES("\1"), 0, &err));
	ck_ok(weir_keyed_writer_finish(w, s.offsets, &s.size, &err));
	weir_keyed_writer_free(w);
	assert_hex((struct weir_slice){ s.bytes.data + s.offsets[0], 18 }, "0000" "00000008" "05" "03616203026e02" "00000001");
	ck_assert_int_eq(s.offsets[1], 0); /* no entries: no bytes */
	ck_ok(read_all(WEIR_FORMAT_FULL, &s, 5, 2, 128, &out, &err));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "0 5 036162/026e=07\n0 5 ac026b6b"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "6b/01=01\n"));
	/* a wrong length is seen */
	s.bytes.data[s.offsets[0] + 10]++;
	weir_buf_clear(&out);
	ck_ok(read_all(WEIR_FORMAT_FULL, &s, 5, 2, 128, &out, &err));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "0 5 (the length behind its key is wrong) 0503616204026e02/=07\n"));
	weir_buf_fini(&out);
	weir_buf_fini(&longkey);
	weir_buf_fini(&s.bytes);
}

/* ---- every kind, both formats ---- */

struct kinds {
	struct weir_arena mem;
	struct weir_keyed_state_meta states[7];
};

static void make_kinds(struct kinds *k)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *timer = weir_type_timer(&k->mem, &weir_int32, &weir_time_window, &err);

	k->states[0] = (struct weir_keyed_state_meta){ "value", WEIR_STATE_VALUE, &weir_void, &weir_string, false };
	k->states[1] = (struct weir_keyed_state_meta){ "list", WEIR_STATE_LIST, &weir_time_window, weir_type_list(&k->mem, &weir_string, &err), false };
	k->states[2] = (struct weir_keyed_state_meta){ "reducing", WEIR_STATE_REDUCING, &weir_void, &weir_int64, false };
	k->states[3] = (struct weir_keyed_state_meta){ "aggregating", WEIR_STATE_AGGREGATING, &weir_string, &weir_double, false };
	k->states[4] = (struct weir_keyed_state_meta){ "map", WEIR_STATE_MAP, &weir_void, weir_type_map(&k->mem, &weir_string, &weir_int16, &err), false };
	k->states[5] = (struct weir_keyed_state_meta){ "_timer_state/event_x", WEIR_STATE_TIMER, NULL, timer, false };
	k->states[6] = (struct weir_keyed_state_meta){ "empty \xf0\x9f\x98\x80", WEIR_STATE_VALUE, &weir_void, &weir_boolean, false };
}

#define WINDOW "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2"

static void write_full(struct weir_keyed_writer *w, int32_t group)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice key = BYTES("\0\0\0\7"), none = { NULL, 0 };

	ck_ok(weir_keyed_writer_group(w, group, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, BYTES("\3hi"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 6, 0, &err)); /* nothing comes: not in the stream */
	ck_ok(weir_keyed_writer_state(w, 1, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES(WINDOW), none, BYTES("\2a,\2,,\2b"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 2, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, BYTES("\0\0\0\0\0\0\0\x9"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 3, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\3ns"), none, BYTES("\x3f\xf0\0\0\0\0\0\0"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 4, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), BYTES("\2x"), BYTES("\0\0\5"), 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), BYTES("\2y"), BYTES("\1"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 5, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES(WINDOW), none, none, -5, &err));
}

static void write_heap(struct weir_keyed_writer *w, int32_t group)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice key = BYTES("\0\0\0\7"), none = { NULL, 0 };

	ck_ok(weir_keyed_writer_group(w, group, &err));
	ck_ok(weir_keyed_writer_state(w, 5, 1, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES(WINDOW), none, none, -5, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 1, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, BYTES("\3hi"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 6, 0, &err));
	ck_ok(weir_keyed_writer_state(w, 1, 2, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES(WINDOW), none, BYTES("\0\0\0\3\2a\2,\2b"), 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES(WINDOW), none, BYTES("\0\0\0\0"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 2, 1, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, BYTES("\0\0\0\0\0\0\0\x9"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 3, 1, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\3ns"), none, BYTES("\x3f\xf0\0\0\0\0\0\0"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 4, 2, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, BYTES("\0\0\0\2\2x\0\0\5\2y\1"), 0, &err));
	ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, BYTES("\0\0\0\0"), 0, &err));
}

#define W "00000000000000010000000000000002"

static void check_kinds(enum weir_keyed_format format, uint32_t max, int32_t group, bool compress)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct kinds k = { 0 };
	struct weir_keyed_writer *w;
	struct stream s = { 0 };
	struct weir_buf out = { 0 }, want = { 0 };

	make_kinds(&k);
	ck_ok(weir_keyed_writer_new(format, &weir_int32, 7, k.states, max, group, 2, put, &s.bytes, &w, &err));
	if (compress)
		weir_keyed_writer_compress(w);
	(format == WEIR_FORMAT_FULL ? write_full : write_heap)(w, group);
	(format == WEIR_FORMAT_FULL ? write_full : write_heap)(w, group + 1);
	ck_ok(weir_keyed_writer_finish(w, s.offsets, &s.size, &err));
	weir_keyed_writer_free(w);
	ck_assert_uint_eq(s.size, s.bytes.len);
	for (int32_t g = group; g < group + 2; g++) {
		if (format == WEIR_FORMAT_HEAP)
			weir_buf_printf(&want, "5 %d 00000007/" W "=@-5\n", g);
		weir_buf_printf(&want, "0 %d 00000007/00=036869\n", g);
		weir_buf_printf(&want, "1 %d 00000007/" W "=02612c022c2c0262\n", g);
		if (format == WEIR_FORMAT_HEAP)
			weir_buf_printf(&want, "1 %d 00000007/" W "=\n", g); /* an empty list stays; an empty map has no entries */
		weir_buf_printf(&want, "2 %d 00000007/00=0000000000000009\n3 %d 00000007/036e73=3ff0000000000000\n", g, g);
		weir_buf_printf(&want, "4 %d 00000007/00/0278=000005\n4 %d 00000007/00/0279=01\n", g, g);
		if (format == WEIR_FORMAT_FULL)
			weir_buf_printf(&want, "5 %d 00000007/" W "=@-5\n", g);
	}
	ck_ok(read_all(format, &s, group, 2, max, &out, &err));
	ck_assert_str_eq(weir_buf_cstr(&out), weir_buf_cstr(&want));
	/* which format it is, is seen */
	struct weir_keyed_meta *meta;
	struct weir_key_group_offsets g = { group, 2, s.offsets };

	ck_ok(weir_keyed_read_meta(weir_buf_slice(&s.bytes), "stream", &k.mem, &meta, &err));
	ck_assert_uint_eq(meta->nstates, 7);
	ck_assert_str_eq(meta->states[6].name, "empty \xf0\x9f\x98\x80");
	ck_assert_int_eq(meta->compressed, compress);
	ck_assert_int_eq(weir_keyed_detect(WEIR_KEYED_GROUPS, weir_buf_slice(&s.bytes), meta, &g, max), format);
	g.count = 1;
	ck_assert_int_eq(weir_keyed_detect(WEIR_KEYED_GROUPS_OLD, weir_buf_slice(&s.bytes), meta, &g, max), format);
	weir_buf_fini(&s.bytes);
	weir_buf_fini(&out);
	weir_buf_fini(&want);
	weir_arena_fini(&k.mem);
}

WEIR_TEST(every_kind_round_trips_in_both_formats)
{
	for (int compress = 0; compress < 2; compress++) {
		check_kinds(WEIR_FORMAT_FULL, 128, 0, compress);
		check_kinds(WEIR_FORMAT_FULL, 128, 126, compress);
		check_kinds(WEIR_FORMAT_FULL, 129, 0, compress);     /* two bytes of key group */
		check_kinds(WEIR_FORMAT_FULL, 32768, 32766, compress);
		check_kinds(WEIR_FORMAT_HEAP, 128, 0, compress);
		check_kinds(WEIR_FORMAT_HEAP, 32768, 32766, compress);
	}
}

WEIR_TEST(a_stream_without_entries_is_its_metadata)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct kinds k = { 0 };
	struct weir_keyed_writer *w;
	struct stream s = { 0 };
	struct weir_buf out = { 0 };

	make_kinds(&k);
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int32, 7, k.states, 8, 0, 8, put, &s.bytes, &w, &err));
	ck_ok(weir_keyed_writer_finish(w, s.offsets, &s.size, &err));
	weir_keyed_writer_free(w);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(s.offsets[i], 0);
	ck_ok(read_all(WEIR_FORMAT_FULL, &s, 0, 8, 8, &out, &err));
	ck_assert_uint_eq(out.len, 0);
	weir_buf_fini(&s.bytes);
	weir_arena_fini(&k.mem);
}

/* ---- the writer refuses misuse ---- */

#define REFUSED(call, words)                                                       \
	do {                                                                       \
		weir_error_clear(&err);                                            \
		ck_assert_int_eq((call), WEIR_EINVALID);                           \
		ck_assert_msg(strstr(err.msg, words) != NULL, "%s", err.msg);      \
	} while (0)

WEIR_TEST(the_writer_refuses_what_the_format_cannot_hold)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta states[2] = { { "a", WEIR_STATE_VALUE, &weir_void, &weir_int8, false }, { "b", WEIR_STATE_VALUE, &weir_void, &weir_int8, false } };
	struct weir_keyed_writer *w;
	struct weir_buf b = { 0 };
	struct weir_slice none = { NULL, 0 }, one = BYTES("\1");
	int64_t offsets[4];
	uint64_t size;

	REFUSED(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int8, 2, states, 4, 2, 3, put, &b, &w, &err), "key groups 2 to 4 do not lie within max parallelism 4");
	REFUSED(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int8, 2, states, 40000, 2, 3, put, &b, &w, &err), "max parallelism 40000");
	weir_error_clear(&err);
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int8, 2, states, 4, 0, 4, put, &b, &w, &err));
	REFUSED(weir_keyed_writer_state(w, 0, 1, &err), "before a key group");
	weir_error_clear(&err);
	ck_ok(weir_keyed_writer_group(w, 0, &err));
	REFUSED(weir_keyed_writer_state(w, 2, 1, &err), "not one of them");
	REFUSED(weir_keyed_writer_entry(w, one, one, none, one, 0, &err), "before its state");
	weir_error_clear(&err);
	ck_ok(weir_keyed_writer_state(w, 0, 1, &err));
	REFUSED(weir_keyed_writer_state(w, 1, 0, &err), "1 entries fewer than announced");
	weir_error_clear(&err);
	ck_ok(weir_keyed_writer_entry(w, one, BYTES("\0"), none, one, 0, &err));
	REFUSED(weir_keyed_writer_entry(w, one, one, none, one, 0, &err), "more entries than announced");
	REFUSED(weir_keyed_writer_state(w, 0, 1, &err), "written twice");
	REFUSED(weir_keyed_writer_group(w, 1, &err), "state 'b' was not written");
	weir_keyed_writer_free(w);

	weir_error_clear(&err);
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int8, 0, NULL, 4, 0, 4, put, &b, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 0, &err));
	REFUSED(weir_keyed_writer_group(w, 2, &err), "key group 1 was left out");
	REFUSED(weir_keyed_writer_finish(w, offsets, &size, &err), "key groups after 0 were left out");
	weir_keyed_writer_free(w);

	weir_error_clear(&err);
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int8, 2, states, 4, 1, 2, put, &b, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 2, &err));
	REFUSED(weir_keyed_writer_group(w, 1, &err), "must ascend");
	REFUSED(weir_keyed_writer_group(w, 3, &err), "within the range");
	weir_keyed_writer_free(w);
	weir_buf_fini(&b);
}

static int full_disk(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)arg, (void)p, (void)n;
	return weir_error_set(err, WEIR_ENOSPC, "disk full");
}

WEIR_TEST(a_failing_sink_fails_the_writer)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta state = { "a", WEIR_STATE_VALUE, &weir_void, &weir_int8, false };
	struct weir_keyed_writer *w;
	int64_t offset;
	uint64_t size;

	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int8, 1, &state, 4, 0, 1, full_disk, NULL, &w, &err));
	ck_assert_int_eq(weir_keyed_writer_finish(w, &offset, &size, &err), WEIR_ENOSPC);
	ck_assert_str_eq(err.msg, "disk full");
	weir_keyed_writer_free(w);
}

/* ---- values of unknown serializers ---- */

/* An opaque type as reading a snapshot gives it. */
static struct weir_type *opaque(struct weir_arena *mem, const char *class_)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *t = weir_arena_zero(mem, sizeof(*t));
	struct weir_buf b = { 0 };

	weir_buf_utf(&b, class_);
	weir_buf_i32(&b, 1);
	weir_buf_text(&b, "some bytes of its own");
	t->kind = WEIR_OPAQUE;
	t->null_offset = WEIR_NO_NULLS;
	t->java = class_;
	t->snapshot = (struct weir_slice){ weir_arena_copy(mem, b.data, b.len), b.len };
	weir_buf_fini(&b);
	ck_ok(weir_type_prepare(t, &err));
	return t;
}

static struct weir_slice key_bytes(struct weir_arena *mem, int64_t key)
{
	struct weir_buf b = { 0 };
	struct weir_slice s;

	weir_buf_i64(&b, key);
	s = (struct weir_slice){ weir_arena_copy(mem, b.data, 8), 8 };
	weir_buf_fini(&b);
	return s;
}

/* The n-th key of a key group. */
static int64_t key_in(int32_t group, uint32_t max, int n)
{
	for (int64_t k = 1;; k++) {
		struct weir_arena mem = { 0 }, scratch = { 0 };
		uint32_t g;
		bool known = weir_keyed_group_of(&weir_int64, key_bytes(&mem, k), max, &scratch, &g);

		weir_arena_fini(&mem);
		weir_arena_fini(&scratch);
		ck_assert(known);
		if ((int32_t)g == group && n-- == 0)
			return k;
	}
}

struct opaque_case {
	struct weir_arena mem;
	struct stream s;
};

/* Two opaque states, one known between them, timers; entries of group 3 of 128. */
static void write_opaque(struct opaque_case *c, int nkeys, const char *const *values)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *kryo = opaque(&c->mem, "com.acme.KryoSerializerSnapshot");
	struct weir_keyed_state_meta states[4] = {
		{ "o1", WEIR_STATE_VALUE, &weir_void, kryo, false },
		{ "count", WEIR_STATE_VALUE, &weir_void, &weir_int64, false },
		{ "o2", WEIR_STATE_VALUE, &weir_void, kryo, false },
		{ "_timer_state/event_x", WEIR_STATE_TIMER, NULL, weir_type_timer(&c->mem, &weir_int64, &weir_void, &err), false },
	};
	struct weir_keyed_writer *w;
	struct weir_slice none = { NULL, 0 };

	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int64, 4, states, 128, 3, 1, put, &c->s.bytes, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 3, &err));
	for (uint32_t st = 0; st < 4; st++) {
		uint32_t order = (uint32_t[]){ 1, 0, 3, 2 }[st];

		ck_ok(weir_keyed_writer_state(w, order, (uint32_t)nkeys, &err));
		for (int i = 0; i < nkeys; i++) {
			struct weir_slice key = key_bytes(&c->mem, key_in(3, 128, i));

			ck_ok(weir_keyed_writer_entry(w, key, BYTES("\0"), none, order == 1 ? key : text(values[i]), i, &err));
		}
	}
	ck_ok(weir_keyed_writer_finish(w, c->s.offsets, &c->s.size, &err));
	weir_keyed_writer_free(w);
}

WEIR_TEST(values_of_unknown_serializers_are_delimited_by_the_keys_that_follow)
{
	static const char *const values[] = { "Wx", "\x57some longer value", "\x57!", "\x58zzzzzzzzzzzzzzzzzzzzzzzzzzzz" };
	struct weir_error err = WEIR_ERROR_INIT;
	struct opaque_case c = { 0 };
	struct weir_buf out = { 0 }, want = { 0 };

	write_opaque(&c, 4, values);
	ck_ok(read_all(WEIR_FORMAT_HEAP, &c.s, 3, 1, 128, &out, &err));
	for (int st = 0; st < 4; st++)
		for (int i = 0; i < 4; i++) {
			int order = (int[]){ 1, 0, 3, 2 }[st];
			struct weir_slice key = key_bytes(&c.mem, key_in(3, 128, i));

			weir_buf_printf(&want, "%d 3 ", order);
			weir_buf_hex(&want, key);
			weir_buf_text(&want, "/00=");
			weir_buf_hex(&want, order == 1 ? key : order == 3 ? (struct weir_slice){ NULL, 0 } : text(values[i]));
			if (order == 3 && i)
				weir_buf_printf(&want, "@%d", i);
			weir_buf_u8(&want, '\n');
		}
	ck_assert_str_eq(weir_buf_cstr(&out), weir_buf_cstr(&want));
	weir_buf_fini(&out);
	weir_buf_fini(&want);
	weir_buf_fini(&c.s.bytes);
	weir_arena_fini(&c.mem);
}

WEIR_TEST(an_opaque_value_that_holds_a_key_is_not_guessed)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct opaque_case c = { 0 };
	struct weir_buf out = { 0 };
	const char *values[2] = { "W", "X" };

	write_opaque(&c, 2, values);
	/* put into the first value of state 0 what could be the next entry: [00 key 'Y'] */
	{
		struct weir_keyed_meta *meta;
		struct weir_slice key = key_bytes(&c.mem, key_in(3, 128, 5));
		size_t at = (size_t)c.s.offsets[0] + 4 + (6 + 2 * 17) + 6 + 10; /* behind the value 'W' of the first entry of state 0 */
		struct weir_buf spliced = { 0 };

		ck_ok(weir_keyed_read_meta((struct weir_slice){ c.s.bytes.data, (size_t)c.s.offsets[0] }, "stream", &c.mem, &meta, &err));
		ck_assert_uint_eq(c.s.bytes.data[at - 1], 'W');
		weir_buf_put(&spliced, c.s.bytes.data, at);
		weir_buf_u8(&spliced, 0);
		weir_buf_put_slice(&spliced, key);
		weir_buf_u8(&spliced, 'Y');
		weir_buf_put(&spliced, c.s.bytes.data + at, c.s.bytes.len - at);
		weir_buf_fini(&c.s.bytes);
		c.s.bytes = spliced;
	}
	ck_ok(read_all(WEIR_FORMAT_HEAP, &c.s, 3, 1, 128, &out, &err));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "1 3 ")); /* what stands before it is delivered */
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "0 3 (where its values end cannot be told: the"));
	weir_buf_fini(&out);
	weir_buf_fini(&c.s.bytes);
	weir_arena_fini(&c.mem);
}

WEIR_TEST(opaque_values_in_full_streams_have_lengths)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_type *x = opaque(&mem, "com.example.XSerializerSnapshot");
	struct weir_keyed_state_meta states[3] = {
		{ "v", WEIR_STATE_VALUE, &weir_time_window, x, false },
		{ "m", WEIR_STATE_MAP, &weir_void, weir_type_map(&mem, &weir_int32, x, &err), false },
		{ "t", WEIR_STATE_TIMER, NULL, weir_type_timer(&mem, x, &weir_void, &err), false },
	};
	struct weir_keyed_writer *w;
	struct stream s = { 0 };
	struct weir_buf out = { 0 };
	struct weir_slice none = { NULL, 0 };

	/* even the key is opaque: it ends where the parts of known size behind it begin */
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, x, 3, states, 128, 3, 1, put, &s.bytes, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 3, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, text("key"), BYTES(WINDOW), none, text("value"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 1, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, text("key"), BYTES("\0"), BYTES("\0\0\0\1"), BYTES("\0value"), 0, &err));
	ck_ok(weir_keyed_writer_state(w, 2, 0, &err));
	ck_ok(weir_keyed_writer_entry(w, text("key"), BYTES("\0"), none, none, 99, &err));
	ck_ok(weir_keyed_writer_finish(w, s.offsets, &s.size, &err));
	weir_keyed_writer_free(w);
	ck_ok(read_all(WEIR_FORMAT_FULL, &s, 3, 1, 128, &out, &err));
	ck_assert_str_eq(weir_buf_cstr(&out), "0 3 6b6579/" W "=76616c7565\n1 3 6b6579/00/00000001=0076616c7565\n2 3 6b6579/00=@99\n");
	weir_buf_fini(&out);
	weir_buf_fini(&s.bytes);
	weir_arena_fini(&mem);
}

/* ---- lists ---- */

WEIR_TEST(lists_convert_both_ways)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_type *list = weir_type_list(&mem, &weir_string, &err);
	struct weir_buf out = { 0 };

	ck_ok(weir_list_to_canonical(list, BYTES("\0\0\0\2\2,\3ab"), &out, &err));
	assert_hex(weir_buf_slice(&out), "022c2c036162");
	weir_buf_clear(&out);
	ck_ok(weir_list_from_canonical(list, BYTES("\2,,\3ab"), &out, &err));
	assert_hex(weir_buf_slice(&out), "00000002022c036162");
	weir_buf_clear(&out);
	ck_ok(weir_list_from_canonical(list, BYTES(""), &out, &err));
	assert_hex(weir_buf_slice(&out), "00000000");
	ck_assert_int_eq(weir_list_from_canonical(list, BYTES("\2a;\2b"), &out, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "not joined by the byte 2c"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_list_from_canonical(list, BYTES("\2a,"), &out, &err), WEIR_ECORRUPT);
	weir_error_clear(&err);
	ck_assert_int_lt(weir_list_from_canonical(list, BYTES("\x9" "a"), &out, &err), 0);
	weir_error_clear(&err);
	ck_assert_int_lt(weir_list_to_canonical(list, BYTES("\0\0\1\0\2a"), &out, &err), 0);
	weir_error_clear(&err);
	ck_assert_int_eq(weir_list_to_canonical(list, BYTES("\0\0\0\1\2ab"), &out, &err), WEIR_ECORRUPT);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
}

/* ---- damage ---- */

WEIR_TEST(old_and_foreign_streams_are_named)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_keyed_meta *meta;

	ck_assert_int_eq(weir_keyed_read_meta(BYTES("\0\0\0\5rest"), "f", &mem, &meta, &err), WEIR_EVERSION);
	ck_assert_ptr_nonnull(strstr(err.msg, "Flink 1.6 or older"));
	ck_assert_ptr_nonnull(strstr(err.msg, "take a new savepoint"));
	ck_assert_str_eq(err.path, "f");
	weir_error_clear(&err);
	ck_assert_int_eq(weir_keyed_read_meta(BYTES("PK\3\4"), "f", &mem, &meta, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "not a keyed state stream"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_keyed_read_meta(BYTES("\0\0"), "f", &mem, &meta, &err), WEIR_ETRUNCATED);
	weir_arena_fini(&mem);
}

static void make_stream(enum weir_keyed_format format, bool compress, struct stream *s)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct kinds k = { 0 };
	struct weir_keyed_writer *w;

	make_kinds(&k);
	ck_ok(weir_keyed_writer_new(format, &weir_int32, 7, k.states, 128, 3, 2, put, &s->bytes, &w, &err));
	if (compress)
		weir_keyed_writer_compress(w);
	(format == WEIR_FORMAT_FULL ? write_full : write_heap)(w, 3);
	(format == WEIR_FORMAT_FULL ? write_full : write_heap)(w, 4);
	ck_ok(weir_keyed_writer_finish(w, s->offsets, &s->size, &err));
	weir_keyed_writer_free(w);
	weir_arena_fini(&k.mem);
}

/* A copy of exactly its size, so that a read past the end is seen by the sanitizer. */
static struct stream exact(const struct stream *s, size_t len)
{
	struct stream t = *s;

	t.bytes = (struct weir_buf){ .data = malloc(len ? len : 1), .len = len, .cap = len };
	memcpy(t.bytes.data, s->bytes.data, len);
	return t;
}

WEIR_TEST(a_cut_anywhere_is_an_error_that_names_the_place)
{
	for (int f = 0; f < 4; f++) {
		enum weir_keyed_format format = f & 1 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL;
		struct stream s = { 0 };

		make_stream(format, f & 2, &s);
		for (size_t len = 0; len < s.bytes.len; len++) {
			struct weir_error err = WEIR_ERROR_INIT;
			struct stream cut = exact(&s, len);
			struct weir_buf out = { 0 };
			int code = read_all(format, &cut, 3, 2, 128, &out, &err);

			ck_assert_msg(code == WEIR_ETRUNCATED || code == WEIR_ECORRUPT || code == WEIR_ENOTYPE, "format %d, cut at %zu of %zu: %d", f, len, s.bytes.len, code);
			ck_assert_str_eq(err.path, "stream");
			if (len > (size_t)s.offsets[0])
				ck_assert_msg(strstr(err.msg, "key group ") != NULL, "%s", err.msg);
			weir_buf_fini(&out);
			weir_buf_fini(&cut.bytes);
		}
		weir_buf_fini(&s.bytes);
	}
}

WEIR_TEST(flipped_bits_never_crash_and_compressed_ones_are_always_seen)
{
	for (int f = 0; f < 4; f++) {
		enum weir_keyed_format format = f & 1 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL;
		struct stream s = { 0 };
		struct weir_buf good = { 0 };
		struct weir_error err = WEIR_ERROR_INIT;

		make_stream(format, f & 2, &s);
		ck_ok(read_all(format, &s, 3, 2, 128, &good, &err));
		for (size_t i = 0; i < s.bytes.len * 8; i++) {
			struct stream bad = exact(&s, s.bytes.len);
			struct weir_buf out = { 0 };
			int code;

			weir_error_clear(&err);
			bad.bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
			code = read_all(format, &bad, 3, 2, 128, &out, &err);
			if (code == 0 && (f & 2) && i / 8 >= (size_t)s.offsets[0]) /* checksums: nothing wrong is delivered */
				ck_assert_msg(out.len == good.len && memcmp(out.data, good.data, out.len) == 0, "format %d, bit %zu", f, i);
			if (code)
				ck_assert_int_ne(err.code, 0);
			weir_buf_fini(&out);
			weir_buf_fini(&bad.bytes);
		}
		weir_buf_fini(&good);
		weir_buf_fini(&s.bytes);
	}
}

WEIR_TEST(messages_of_damaged_groups_say_where)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct stream s = { 0 };
	struct weir_buf out = { 0 };

	make_stream(WEIR_FORMAT_FULL, false, &s);
	s.bytes.data[s.offsets[0] + 6] = 9; /* the key group in the first key */
	ck_assert_int_eq(read_all(WEIR_FORMAT_FULL, &s, 3, 2, 128, &out, &err), WEIR_ECORRUPT);
	ck_assert_str_eq(err.msg, "key group 3, state 'value': an entry's key names another key group");
	ck_assert_uint_eq(err.offset, (uint64_t)s.offsets[0] + 6);
	s.bytes.data[s.offsets[0] + 6] = 0x83;
	weir_error_clear(&err);
	s.bytes.data[s.offsets[0]] = 0x11; /* state 0x1100 */
	ck_assert_int_eq(read_all(WEIR_FORMAT_FULL, &s, 3, 2, 128, &out, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "key group 3: the number of a state is larger"));
	weir_buf_fini(&s.bytes);
	memset(&s, 0, sizeof(s));
	weir_error_clear(&err);
	make_stream(WEIR_FORMAT_HEAP, false, &s);
	s.bytes.data[s.offsets[1] + 3] = 3; /* the number of the second group */
	ck_assert_int_eq(read_all(WEIR_FORMAT_HEAP, &s, 3, 2, 128, &out, &err), WEIR_ECORRUPT);
	ck_assert_str_eq(err.msg, "key group 4: its number is that of another key group");
	ck_assert_uint_eq(err.offset, (uint64_t)s.offsets[1]);
	weir_buf_fini(&s.bytes);
	weir_buf_fini(&out);
}

/* KEY_VALUE_V2 keeps the parts of lists and maps apart; Flink 2.0 leaves out what a map's user keys are. */
WEIR_TEST(asynchronous_state_of_flink_2)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_keyed_state_meta states[2] = {
		{ .name = "list", .kind = WEIR_STATE_LIST, .ns = &weir_void, .stored = weir_type_list(&mem, &weir_int32, &err), .v2 = true },
		{ .name = "map", .kind = WEIR_STATE_MAP, .ns = &weir_void, .stored = weir_type_map(&mem, &weir_string, &weir_int64, &err), .v2 = true },
	};
	struct weir_buf with = { 0 }, without = { 0 }, again = { 0 };
	struct weir_keyed_meta *meta;
	struct weir_entry e;

	ck_ok(weir_keyed_write_meta(false, &weir_int32, 2, states, &with, &err));
	ck_ok(weir_keyed_read_meta(weir_buf_slice(&with), "with", &mem, &meta, &err));
	ck_assert(weir_type_equal(meta->states[0].stored, states[0].stored) && weir_type_equal(meta->states[1].stored, states[1].stored));

	states[1].stored = weir_type_map(&mem, weir_keyed_unknown_type(&mem, "?", &err), &weir_int64, &err);
	ck_ok(weir_keyed_write_meta(false, &weir_int32, 2, states, &without, &err));
	ck_assert_uint_lt(without.len, with.len);
	ck_assert_ptr_null(memmem(without.data, without.len, "USER_KEY", 8));
	ck_ok(weir_keyed_read_meta(weir_buf_slice(&without), "without", &mem, &meta, &err));
	ck_assert_int_eq(meta->states[1].stored->kind, WEIR_MAP);
	ck_assert_int_eq(meta->states[1].stored->fields[0].type->kind, WEIR_OPAQUE);
	ck_assert_int_eq(meta->states[1].stored->fields[1].type->kind, WEIR_INT64);
	ck_ok(weir_keyed_write_meta(false, meta->key, 2, meta->states, &again, &err));
	ck_assert(weir_slice_eq(weir_buf_slice(&again), weir_buf_slice(&without)));

	/* whatever is behind key and namespace is the user key */
	weir_keyed_split(meta, 1, 3, 128, BYTES("\x03\0\0\0\x07\0\x04" "abc"), BYTES("\0\0\0\0\0\0\0\0\x2a"), &e);
	ck_assert_ptr_null(e.undecodable);
	assert_hex(e.key, "00000007");
	assert_hex(e.ns, "00");
	assert_hex(e.user_key, "04616263");
	weir_buf_fini(&with);
	weir_buf_fini(&without);
	weir_buf_fini(&again);
	weir_arena_fini(&mem);
}
