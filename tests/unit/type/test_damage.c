// SPDX-License-Identifier: Apache-2.0
/*
 * Damaged snapshots and values: every truncation and every flipped bit. Nothing may crash or read past the end (inputs lie in
 * exactly sized heap blocks, so AddressSanitizer sees one byte too far), and every failure says what and where.
 */
#include "tests/unit/type/hex.h"

#include <ftw.h>
#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

static void use_value(const struct weir_type *t, struct weir_slice data)
{
	uint8_t *exact = malloc(data.len ? data.len : 1);
	struct weir_buf out = { 0 }, again = { 0 };
	struct weir_arena mem = { 0 };
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_src src;
	void *v = weir_arena_zero(&mem, t->size + 1);
	int skipped, read;

	ck_assert(exact && v);
	if (data.len)
		memcpy(exact, data.ptr, data.len);
	src = weir_src_of((struct weir_slice){ exact, data.len }, "file", 0);
	skipped = weir_type_skip(t, &src);
	const uint8_t *skip_end = src.p;

	src = weir_src_of((struct weir_slice){ exact, data.len }, "file", 0);
	int shown = weir_type_to_json(t, &src, &out);

	if (!(t->flags & WEIR_TYPE_OPAQUE)) /* what can be stepped over can be shown, and the other way round */
		ck_assert_msg(skipped == shown || skipped == WEIR_ENOTYPE, "skip %d, show %d", skipped, shown);
	src = weir_src_of((struct weir_slice){ exact, data.len }, "file", 0);
	read = weir_type_read(t, &src, &mem, v, &e);
	if (read) {
		ck_assert_int_eq(e.code, read);
		ck_assert(e.msg[0] && strcmp(e.path, "file") == 0);
		ck_assert_msg(skipped || read == WEIR_EINCOMPATIBLE, "read fails where skip does not: %s", e.msg);
	} else {
		ck_assert_int_eq(skipped, 0);
		ck_assert(src.p == skip_end);
		ck_ok(weir_type_write(t, v, &again, &err));
		struct weir_src back = weir_src_of(weir_buf_slice(&again), NULL, 0);

		ck_assert_int_eq(weir_type_skip(t, &back), 0);
		ck_assert_uint_eq(weir_src_left(&back), 0);
	}
	weir_buf_fini(&out);
	weir_buf_fini(&again);
	weir_arena_fini(&mem);
	free(exact);
}

static void use_snapshot(struct weir_slice proxy, struct weir_slice value)
{
	uint8_t *exact = malloc(proxy.len ? proxy.len : 1);
	struct weir_arena mem = { 0 };
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_src src;
	struct weir_type *t;
	struct weir_buf out = { 0 };
	char text[300];
	int code;

	ck_assert_ptr_nonnull(exact);
	if (proxy.len)
		memcpy(exact, proxy.ptr, proxy.len);
	src = weir_src_of((struct weir_slice){ exact, proxy.len }, "file", 0);
	code = weir_serializer_snapshot_read_proxy(&src, &mem, NULL, NULL, &t, &e);
	if (code) {
		ck_assert_int_eq(e.code, code);
		ck_assert(e.msg[0] && e.offset != WEIR_NO_OFFSET && e.offset <= proxy.len);
	} else {
		ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
		ck_assert(weir_slice_eq(weir_buf_slice(&out), (struct weir_slice){ exact, proxy.len - weir_src_left(&src) }));
		weir_type_text(t, text, sizeof(text));
		use_value(t, value);
	}
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	free(exact);
}

static void damage_bytes(struct weir_type *t, struct weir_slice value)
{
	struct weir_buf out = { 0 };
	struct weir_slice proxy;
	uint8_t *p;

	ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
	proxy = weir_buf_slice(&out);
	use_snapshot(proxy, value);
	for (size_t n = 0; n < value.len; n++)
		use_value(t, (struct weir_slice){ value.ptr, n });
	p = (uint8_t *)value.ptr;
	for (size_t bit = 0; bit < 8 * value.len; bit++) {
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		use_value(t, value);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < proxy.len; n++)
		use_snapshot((struct weir_slice){ proxy.ptr, n }, value);
	for (size_t bit = 0; bit < 8 * proxy.len; bit++) {
		out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		use_snapshot(proxy, value);
		out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	weir_buf_fini(&out);
}

static void damage(struct weir_type *t, const char *hex)
{
	ck_assert_ptr_nonnull(t);
	damage_bytes(t, unhex(&A, hex));
}

WEIR_TEST(containers)
{
	damage(weir_type_list(&A, &weir_string, &err), "00000003" "03e96101" "02ac41" "0661616161e901");
	damage(weir_type_map(&A, &weir_string, weir_type_list(&A, &weir_bytes, &err), &err), "00000002" "026b00" "0000000200000001ff00000000" "026e01");
}

WEIR_TEST(records)
{
	struct weir_type *row = weir_type_row(&A, 3, (struct weir_type *[]){ &weir_int32, &weir_string, &weir_boolean }, NULL, &err);
	struct weir_type *pojo = weir_type_pojo(&A, "a.B", 3, (struct weir_type *[]){ row, &weir_timestamp, &weir_double }, (const char *const[]){ "r", "t", "d" }, &err);

	damage(row, "40" "00000007" "0261" "01");
	damage(pojo, "02" "003ff8000000000000" "00" "10000000070261" "00000000005e5a5f7e1dcd6500");
	damage(weir_type_tuple(&A, 2, (struct weir_type *[]){ pojo, &weir_char }, &err), "01" "0041");
}

WEIR_TEST(state_types)
{
	damage(weir_type_timer(&A, &weir_string, &weir_time_window, &err), "80000000000003e8026b00000000000003e800000000000007d0");
	damage(weir_type_ttl(&A, weir_type_map(&A, &weir_int64, &weir_global_window, &err), &err), "00000000000003e8" "00000001" "0000000000000001" "00" "00");
}

/* ---- serializers nobody knows ---- */

static void put_snap(struct weir_buf *b, const char *name, int32_t version)
{
	weir_buf_utf(b, name);
	weir_buf_i32(b, version);
}

static bool after_marker(struct weir_src at, void *arg)
{
	struct weir_slice s = weir_src_bytes(&at, strlen(arg));

	return s.len && memcmp(s.ptr, arg, s.len) == 0;
}

WEIR_TEST(unknown_snapshots_end_where_the_caller_says)
{
	struct weir_buf b = { 0 }, out = { 0 };
	struct weir_type *t;
	struct weir_src src;
	struct weir_error e = WEIR_ERROR_INIT;

	weir_buf_i32(&b, 2);
	put_snap(&b, "com.acme.MySnapshot", 7);
	weir_buf_text(&b, "body without length");
	weir_buf_text(&b, "NEXT...");
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_ok(weir_serializer_snapshot_read_proxy(&src, &A, after_marker, (char[]){ "NEXT" }, &t, &err));
	ck_assert_int_eq(t->kind, WEIR_OPAQUE);
	ck_assert_str_eq(t->java, "com.acme.MySnapshot");
	ck_assert_uint_eq(weir_src_left(&src), 7);
	ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
	ck_assert(weir_slice_eq(weir_buf_slice(&out), (struct weir_slice){ b.data, b.len - 7 }));
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "0102")), "{\"hex\":\"0102\"}");
	src = weir_src_of(unhex(&A, "0102"), NULL, 0);
	ck_assert_int_eq(weir_type_skip(t, &src), WEIR_ENOTYPE);
	src = weir_src_of(weir_buf_slice(&b), "f", 0);
	ck_assert_int_eq(weir_serializer_snapshot_read_proxy(&src, &A, after_marker, (char[]){ "NOT THERE" }, &t, &e), WEIR_ENOTYPE);
	ck_assert(strstr(e.msg, "com.acme.MySnapshot"));
	weir_error_clear(&e);
	src = weir_src_of(weir_buf_slice(&b), "f", 0);
	ck_assert_int_eq(weir_serializer_snapshot_read_proxy(&src, &A, NULL, NULL, &t, &e), WEIR_ENOTYPE);
	weir_buf_fini(&b);
	weir_buf_fini(&out);
}

WEIR_TEST(unknown_inside_known)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;
	struct weir_src src;
	char text[200];

	/* Map<Kryo, String>: the unknown key serializer ends where the next snapshot starts */
	put_snap(&b, "org.apache.flink.api.common.typeutils.base.MapSerializerSnapshot", 3);
	weir_buf_i32(&b, 911108), weir_buf_i32(&b, 1), weir_buf_i32(&b, 1333245), weir_buf_i32(&b, 1), weir_buf_i32(&b, 2);
	put_snap(&b, "com.acme.KeySnapshot", 2);
	weir_buf_text(&b, "\x01\x02 some.thing\x03");
	ck_ok(weir_serializer_snapshot_write(&weir_string, &b, &err));
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_ok(weir_serializer_snapshot_read(&src, &A, NULL, NULL, &t, &err));
	ck_assert_uint_eq(weir_src_left(&src), 0);
	ck_assert_str_eq(weir_type_text(t, text, sizeof(text)), "map<opaque com.acme.KeySnapshot, string>");
	ck_assert(t->flags & WEIR_TYPE_OPAQUE);
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "0000000105000161")), "{\"hex\":\"0000000105000161\"}"); /* opaque in the middle */
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000000")), "[]");

	/* an unknown composite ends with its nested snapshots */
	weir_buf_clear(&b);
	put_snap(&b, "com.acme.PairSnapshot", 3);
	weir_buf_i32(&b, 911108), weir_buf_i32(&b, 1), weir_buf_i32(&b, 1333245), weir_buf_i32(&b, 1), weir_buf_i32(&b, 2);
	ck_ok(weir_serializer_snapshot_write(&weir_string, &b, &err));
	ck_ok(weir_serializer_snapshot_write(&weir_int32, &b, &err));
	weir_buf_text(&b, "tail");
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_ok(weir_serializer_snapshot_read(&src, &A, NULL, NULL, &t, &err));
	ck_assert_uint_eq(weir_src_left(&src), 4);
	ck_assert_int_eq(t->kind, WEIR_OPAQUE);
	weir_buf_fini(&b);
}

WEIR_TEST(opaque_in_last_place_shows_what_is_before_it)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;
	struct weir_src src;

	put_snap(&b, "org.apache.flink.runtime.state.ttl.TtlStateFactory$TtlSerializerSnapshot", 3);
	weir_buf_i32(&b, 911108), weir_buf_i32(&b, 2), weir_buf_i32(&b, 1333245), weir_buf_i32(&b, 1), weir_buf_i32(&b, 2);
	ck_ok(weir_serializer_snapshot_write(&weir_int64, &b, &err));
	put_snap(&b, "com.acme.Value", 1);
	weir_buf_text(&b, "END");
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_ok(weir_serializer_snapshot_read(&src, &A, after_marker, (char[]){ "END" }, &t, &err));
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "00000000000003e8cafe")), "{\"ttl\":1000,\"value\":{\"hex\":\"cafe\"}}");
	weir_buf_fini(&b);
}

WEIR_TEST(searching_is_bounded)
{
	struct weir_buf b = { 0 };
	struct weir_type *t;
	struct weir_src src;
	struct weir_error e = WEIR_ERROR_INIT;

	/* thousands of unknown composites, none of which ever ends */
	for (int i = 0; i < 60000; i++) {
		put_snap(&b, "a.B", 3);
		weir_buf_i32(&b, 911108), weir_buf_i32(&b, 1), weir_buf_i32(&b, 1333245), weir_buf_i32(&b, 1), weir_buf_i32(&b, 2);
	}
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_assert_int_ne(weir_serializer_snapshot_read(&src, &A, after_marker, (char[]){ "X" }, &t, &e), 0);
	ck_assert(e.msg[0]);
	weir_buf_fini(&b);
}

WEIR_TEST(old_and_odd_versions)
{
	struct weir_error e = WEIR_ERROR_INIT;

	ck_assert_ptr_null(type_of_snapshot(&A, unhex(&A, "00000001"), &e));
	ck_assert(strstr(e.msg, "Flink 1.6"));
	weir_error_clear(&e);
	ck_assert_ptr_null(type_of_snapshot(&A, unhex(&A, "00000003"), &e));
	ck_assert_int_eq(e.code, WEIR_ECORRUPT);
}

/* ---- every serializer that Flink's own tests have ---- */

static unsigned damaged;

static struct weir_slice slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = weir_arena_alloc(&A, 4096, 1);
	size_t n = f ? fread(p, 1, 4096, f) : 0;

	if (f)
		fclose(f);
	return (struct weir_slice){ p, n };
}

static int damage_fixture(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char data[4096];
	struct weir_type *t;
	struct weir_slice proxy, value;

	if (type != FTW_F || strcmp(path + ftw->base, "serializer-snapshot") != 0 || !strstr(path, "-2.1/") || st->st_size > 1500)
		return 0;
	snprintf(data, sizeof(data), "%.*stest-data", ftw->base, path);
	proxy = slurp(path);
	value = slurp(data);
	t = type_of_snapshot(&A, proxy, &err);
	if (t && t->kind != WEIR_OPAQUE && value.len <= 400) {
		damage_bytes(t, value);
		damaged++;
	}
	weir_error_clear(&err);
	weir_arena_reset(&A);
	return 0;
}

WEIR_TEST(damaged_fixtures)
{
	const char *shared = weir_test_shared("fixtures/flink/serializers");

	if (!shared)
		weir_test_skip("fixtures/flink/serializers is not there");
	ck_assert_int_eq(nftw(shared, damage_fixture, 16, FTW_PHYS), 0);
	ck_assert_uint_ge(damaged, 60);
}
