// SPDX-License-Identifier: Apache-2.0
/* The Java-serialized end of _metadata: built from fields it equals what real files hold; strange ones are kept as they are. */
#include "ckpt_test.h"

#include "recipe.h"
#include "state/flink/properties.h"

static struct weir_buf written(const struct weir_snapshot_properties *p)
{
	struct weir_buf b = { 0 };

	weir_properties_write(p, &b);
	ck_assert_int_eq(weir_buf_error(&b), 0);
	return b;
}

static int read_back(struct weir_slice s, struct weir_snapshot_properties *out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(s, "tail", 0);

	weir_error_clear(err);
	weir_properties_read(&src, out);
	return weir_src_error(&src, err);
}

WEIR_TEST(built_tails_equal_those_of_real_files)
{
	size_t n, understood = 0, null = 0;
	unsigned kinds = 0, natives = 0;
	char **paths = test_fixtures(&n);

	if (!paths)
		weir_test_skip("no shared fixtures");
	for (size_t i = 0; i < n; i++) {
		struct weir_slice bytes = test_read_file(paths[i]);
		struct weir_arena mem = { 0 };
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_snapshot_properties p;
		struct weir_buf b;
		struct weir_ckpt *c;

		ck_ok(weir_ckpt_decode(bytes, paths[i], &mem, &c, &err));
		p = c->properties;
		if (c->version < 4) {
			ck_assert_uint_eq(p.raw.len, 0);
			ck_assert_int_eq(p.kind, WEIR_SNAPSHOT_UNKNOWN);
		} else if (p.raw.len == 5) {
			null++;
		} else {
			ck_assert_msg(p.kind != WEIR_SNAPSHOT_UNKNOWN, "%s: not understood", paths[i]);
			p.raw = (struct weir_slice){ NULL, 0 };
			b = written(&p);
			ck_assert_msg(weir_slice_eq(weir_buf_slice(&b), c->properties.raw), "%s: %zu bytes, not %zu", paths[i], b.len, c->properties.raw.len);
			weir_buf_fini(&b);
			understood++;
			kinds |= 1u << p.kind;
			natives |= 1u << p.native;
		}
		weir_arena_fini(&mem);
		test_free(bytes);
	}
	ck_assert_uint_gt(understood, 100);
	ck_assert_uint_eq(kinds, 1u << WEIR_SNAPSHOT_CHECKPOINT | 1u << WEIR_SNAPSHOT_SAVEPOINT | 1u << WEIR_SNAPSHOT_SUSPEND);
	ck_assert_uint_eq(natives, 3);
	ck_assert_uint_le(null, n);
	test_free_fixtures(paths, n);
}

static void check_recipe(struct weir_snapshot_properties p, const char *flags, const char *first, const char *text, const char *second, const char *third, size_t size)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_snapshot_properties back;
	struct weir_buf want = test_hex(recipe_p0), part, got = written(&p);
	bool savepoint = p.kind >= WEIR_SNAPSHOT_SAVEPOINT;
	const char *texts[3] = { text, second, third };

	for (const char *f = flags; *f; f++)
		weir_buf_u8(&want, (uint8_t)(*f - '0'));
	part = test_hex(first);
	weir_buf_put_slice(&want, weir_buf_slice(&part));
	weir_buf_fini(&part);
	for (int i = 0; i < 3 && texts[i]; i++) {
		if ((savepoint && i == 2) || (!savepoint && i == 1)) {
			part = test_hex(savepoint ? recipe_s2 : recipe_c2);
			weir_buf_put_slice(&want, weir_buf_slice(&part));
			weir_buf_fini(&part);
		}
		weir_buf_u8(&want, 0x74);
		weir_buf_utf(&want, texts[i]);
	}
	ck_assert_uint_eq(want.len, size);
	ck_assert_msg(weir_slice_eq(weir_buf_slice(&want), weir_buf_slice(&got)), "%s %s %s", flags, text, second);
	ck_ok(read_back(weir_buf_slice(&got), &back, &err));
	ck_assert_int_eq(back.kind, p.kind);
	ck_assert_int_eq(back.native, p.native);
	ck_assert_int_eq(back.forced, p.forced);
	ck_assert_int_eq(back.unclaimed, p.unclaimed);
	ck_assert_int_eq(back.discard_cancelled, p.discard_cancelled);
	ck_assert_int_eq(back.discard_failed, p.discard_failed);
	ck_assert_int_eq(back.discard_suspended, p.discard_suspended);
	weir_buf_fini(&want);
	weir_buf_fini(&got);
}

WEIR_TEST(every_kind_is_written_by_the_recipe)
{
	struct weir_snapshot_properties p = weir_properties_of(WEIR_SNAPSHOT_CHECKPOINT, false, false);

	check_recipe(p, "1111100", recipe_c1, "Checkpoint", "FORWARD_BACKWARD", NULL, 604);
	p.discard_failed = false;
	check_recipe(p, "1011100", recipe_c1, "Checkpoint", "FORWARD_BACKWARD", NULL, 604);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_CHECKPOINT, false, true), "0011000", recipe_c1, "Checkpoint", "FORWARD_BACKWARD", NULL, 604);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_FULL_CHECKPOINT, false, true), "0011000", recipe_c1, "Full Checkpoint", "FORWARD", NULL, 600);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_SAVEPOINT, false, false), "0000010", recipe_s1, "CANONICAL", "Savepoint", "NONE", 745);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_SAVEPOINT, true, false), "0000010", recipe_s1, "NATIVE", "Savepoint", "NONE", 742);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_SUSPEND, false, false), "0000010", recipe_s1, "CANONICAL", "Suspend Savepoint", "SUSPEND", 756);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_SUSPEND, true, false), "0000010", recipe_s1, "NATIVE", "Suspend Savepoint", "SUSPEND", 753);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_TERMINATE, false, false), "0000010", recipe_s1, "CANONICAL", "Terminate Savepoint", "TERMINATE", 760);
	check_recipe(weir_properties_of(WEIR_SNAPSHOT_TERMINATE, true, false), "0000010", recipe_s1, "NATIVE", "Terminate Savepoint", "TERMINATE", 757);
	p = (struct weir_snapshot_properties){ .kind = WEIR_SNAPSHOT_SAVEPOINT, .unclaimed = true };
	check_recipe(p, "0000001", recipe_s1, "CANONICAL", "Savepoint", "NONE", 745);
}

WEIR_TEST(null_only_for_the_unknown)
{
	struct weir_snapshot_properties p = weir_properties_of(WEIR_SNAPSHOT_UNKNOWN, false, false), back;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = written(&p);

	ck_assert_uint_eq(b.len, 5);
	ck_assert_mem_eq(b.data, "\xac\xed\0\5\x70", 5);
	ck_ok(read_back(weir_buf_slice(&b), &back, &err));
	ck_assert_int_eq(back.kind, WEIR_SNAPSHOT_UNKNOWN);
	ck_assert_uint_eq(back.raw.len, 5);
	weir_buf_u8(&b, 0x70);
	ck_assert_int_eq(read_back(weir_buf_slice(&b), &back, &err), WEIR_ECORRUPT);
	ck_assert_str_eq(err.msg, "bytes follow the checkpoint properties");
	ck_assert_uint_eq(err.offset, 5);
	weir_buf_fini(&b);
}

WEIR_TEST(strange_shapes_are_kept_and_cut_ones_refused)
{
	struct weir_snapshot_properties p = weir_properties_of(WEIR_SNAPSHOT_SUSPEND, true, false), back;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = written(&p), again;

	for (size_t len = 0; len < b.len; len++) {
		ck_assert_int_ne(read_back((struct weir_slice){ b.data, len }, &back, &err), 0);
		ck_assert_uint_le(err.offset, len);
	}
	b.data[60] ^= 0x20; /* another class name */
	ck_ok(read_back(weir_buf_slice(&b), &back, &err));
	ck_assert_int_eq(back.kind, WEIR_SNAPSHOT_UNKNOWN);
	ck_assert(!back.forced && !back.native);
	again = written(&back);
	ck_assert(weir_slice_eq(weir_buf_slice(&b), weir_buf_slice(&again)));
	weir_buf_fini(&again);
	b.data[60] ^= 0x20;
	b.data[4] = 0x77; /* block data: outside the grammar */
	ck_ok(read_back(weir_buf_slice(&b), &back, &err));
	ck_assert_int_eq(back.kind, WEIR_SNAPSHOT_UNKNOWN);
	ck_assert_uint_eq(back.raw.len, b.len);
	b.data[0] = 0;
	ck_assert_int_eq(read_back(weir_buf_slice(&b), &back, &err), WEIR_ECORRUPT);
	weir_buf_fini(&b);
}
