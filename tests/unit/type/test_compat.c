// SPDX-License-Identifier: Apache-2.0
/* Schema evolution by Flink's rules, and conversion of values. */
#include "tests/unit/type/hex.h"

#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

#define TYPES(...) ((struct weir_type *[]){ __VA_ARGS__ })
#define NAMES(...) ((const char *const[]){ __VA_ARGS__ })

static void compat(const struct weir_type *from, const struct weir_type *to, enum weir_compat want, const char *piece)
{
	char why[300];

	ck_assert(from && to);
	ck_assert_int_eq(weir_type_compat(from, to, why, sizeof(why)), want);
	ck_assert_msg(piece ? strstr(why, piece) != NULL : !why[0], "why: %s", why);
	ck_assert_int_eq(weir_type_compat(from, to, NULL, 0), want);
}

static void converts(const struct weir_type *from, const struct weir_type *to, const char *hex, const char *want)
{
	struct weir_slice wire = unhex(&A, hex);
	struct weir_src src = weir_src_of(wire, NULL, 0);
	struct weir_buf out = { 0 };

	ck_ok(weir_type_convert(from, to, &src, &out, &err));
	ck_assert_uint_eq(weir_src_left(&src), 0);
	ck_assert_str_eq(tohex(&A, weir_buf_slice(&out)), want);
	src = weir_src_of(weir_buf_slice(&out), NULL, 0);
	ck_assert_int_eq(weir_type_skip(to, &src), 0);
	ck_assert_uint_eq(weir_src_left(&src), 0);
	for (size_t n = 0; n < wire.len; n++) { /* truncated */
		struct weir_error e = WEIR_ERROR_INIT;

		src = weir_src_of((struct weir_slice){ wire.ptr, n }, "f", 0);
		weir_buf_clear(&out);
		ck_assert_int_ne(weir_type_convert(from, to, &src, &out, &e), 0);
		ck_assert(e.msg[0]);
	}
	weir_buf_fini(&out);
}

WEIR_TEST(scalars_stay_what_they_are)
{
	compat(&weir_int32, &weir_int32, WEIR_COMPAT_AS_IS, NULL);
	compat(&weir_int32, &weir_int64, WEIR_COMPAT_INCOMPATIBLE, "the value is int32 in the state and int64 in the job");
	compat(weir_type_list(&A, &weir_int32, &err), weir_type_list(&A, &weir_int32, &err), WEIR_COMPAT_AS_IS, NULL);
	compat(weir_type_list(&A, &weir_int32, &err), weir_type_list(&A, &weir_string, &err), WEIR_COMPAT_INCOMPATIBLE, "field element is int32");
	compat(weir_type_tuple(&A, 1, TYPES(&weir_int32), &err), weir_type_tuple(&A, 2, TYPES(&weir_int32, &weir_int32), &err), WEIR_COMPAT_INCOMPATIBLE, "1 fields");
	compat(weir_type_row(&A, 1, TYPES(&weir_int32), NULL, &err), weir_type_row(&A, 2, TYPES(&weir_int32, &weir_int32), NULL, &err), WEIR_COMPAT_INCOMPATIBLE, "number");
}

WEIR_TEST(pojo_fields_come_and_go)
{
	struct weir_type *from = weir_type_pojo(&A, "x.P", 3, TYPES(&weir_int32, &weir_string, &weir_int64), NAMES("b", "a", "c"), &err);
	struct weir_type *more = weir_type_pojo(&A, "x.P", 5, TYPES(&weir_int32, &weir_string, &weir_int64, &weir_double, &weir_timestamp), NAMES("b", "a", "c", "aa", "z"), &err);
	struct weir_type *less = weir_type_pojo(&A, "x.P", 1, TYPES(&weir_int64), NAMES("c"), &err);
	struct weir_type *changed = weir_type_pojo(&A, "x.P", 3, TYPES(&weir_int64, &weir_string, &weir_int64), NAMES("b", "a", "c"), &err);
	struct weir_type *other = weir_type_pojo(&A, "x.Q", 3, TYPES(&weir_int32, &weir_string, &weir_int64), NAMES("b", "a", "c"), &err);
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	struct weir_src src = weir_src_of(unhex(&A, "02" "000261" "0000000007" "000000000000000009"), "f", 0);

	compat(from, more, WEIR_COMPAT_AFTER_MIGRATION, "field aa of x.P is new");
	compat(from, less, WEIR_COMPAT_AFTER_MIGRATION, "field a of x.P is no longer there");
	compat(from, changed, WEIR_COMPAT_INCOMPATIBLE, "field b is int32 in the state and int64 in the job");
	compat(from, other, WEIR_COMPAT_INCOMPATIBLE, "class x.P");
	compat(weir_type_map(&A, &weir_int32, from, &err), weir_type_map(&A, &weir_int32, more, &err), WEIR_COMPAT_AFTER_MIGRATION, "is new");
	converts(from, more, "02" "000261" "0000000007" "000000000000000009", "02000261000000000000000000" "0000000007" "000000000000000009" "01");
	converts(from, more, "02" "01" "01" "01", "0201" "000000000000000000" "01" "01" "01");
	converts(from, less, "02" "000261" "0000000007" "000000000000000009", "02000000000000000009");
	converts(from, less, "01", "01");
	converts(from, from, "02" "01" "01" "01", "02010101");
	converts(weir_type_list(&A, from, &err), weir_type_list(&A, less, &err), "00000002" "01" "02" "01" "01" "000000000000000009", "00000002" "01" "02000000000000000009");
	converts(weir_type_map(&A, &weir_string, from, &err), weir_type_map(&A, &weir_string, less, &err), "00000002" "0261" "01" "0262" "00" "02010101", "00000002" "026101" "026200" "0201");
	converts(weir_type_ttl(&A, from, &err), weir_type_ttl(&A, less, &err), "00000000000003e8" "02010101", "00000000000003e8" "0201");
	ck_assert_int_eq(weir_type_convert(from, changed, &src, &out, &e), WEIR_EINCOMPATIBLE);
	ck_assert_msg(strstr(e.msg, "field b") && strstr(e.msg, "int32") && strstr(e.msg, "int64"), "%s", e.msg);
	weir_error_clear(&e);
	src = weir_src_of(unhex(&A, "0400035a2e5a" "02"), "f", 0);
	ck_assert_int_eq(weir_type_convert(from, less, &src, &out, &e), WEIR_EINCOMPATIBLE);
	ck_assert(strstr(e.msg, "subclass"));
	weir_buf_fini(&out);
}

WEIR_TEST(row_fields_by_position_or_name)
{
	struct weir_type *two = weir_type_row(&A, 2, TYPES(&weir_int32, &weir_string), NULL, &err), *one = weir_type_row(&A, 1, TYPES(&weir_int32), NULL, &err);
	struct weir_type *ten = weir_type_row(&A, 10, TYPES(&weir_int32, &weir_string, &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8, &weir_int8), NULL, &err);
	struct weir_type *ab = weir_type_row(&A, 2, TYPES(&weir_int32, &weir_string), NAMES("a", "b"), &err);
	struct weir_type *cba = weir_type_row(&A, 3, TYPES(&weir_int64, &weir_string, &weir_int32), NAMES("c", "b", "a"), &err);
	struct weir_type *old = weir_arena_copy(&A, two, sizeof(*two));

	old->flags = 0, old->size = 0, old->snapshot_version = 2;
	ck_ok(weir_type_prepare(old, &err));
	converts(two, one, "40" "00000007" "0261", "40" "00000007"); /* +U stays */
	converts(two, ten, "80" "00000007" "0261", "8ff0" "00000007" "0261");
	converts(two, ten, "20" "0261", "2ff0" "0261");
	converts(ab, cba, "00" "00000007" "0261", "20" "0261" "00000007");
	converts(cba, ab, "00" "0000000000000001" "0261" "00000007", "00" "00000007" "0261");
	converts(two, cba->kind == WEIR_ROW ? ab : two, "00" "00000007" "0261", "00" "00000007" "0261");
	compat(old, two, WEIR_COMPAT_AFTER_MIGRATION, "row kind");
	converts(old, two, "40" "00000007", "10" "00000007");
	converts(two, old, "10" "00000007", "40" "00000007");
}
