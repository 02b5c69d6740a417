// SPDX-License-Identifier: Apache-2.0
/* Serializer snapshots that Flink 1.6 and 1.7 wrote (tests/golden/old-snapshots.txt): what they say of the types; values; damage. */
#include "tests/unit/type/hex.h"

#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

/* What is expected: of the snapshot alone (1.6 does not hold the serializer in it), and with the serializer's Java object. */
static const struct expected {
	const char *what, *alone, *with_object, *json;
} table[] = {
	{ "int", "int32", "int32", "5" },
	{ "string", "string", "string", "\"abc\"" },
	{ "bytes", "bytes", "bytes", "{\"hex\":\"0102\"}" },
	{ "list", "list<string>", "list<string>", "[\"a\",\"b\"]" },
	{ "map", "map<string, int64>", "map<string, int64>", "[[\"k\",5]]" },
	{ "tuple", "tuple<string, int32>", "tuple<string, int32>", "[\"a\",1]" },
	{ "nested tuple", "tuple<string, tuple<int64, boolean>>", "tuple<string, tuple<int64, boolean>>", "[\"a\",[5,true]]" },
	{ "row", "row<int32, string>", "row<int32, string>", "{\"row\":\"+I\",\"f\":[7,null]}" },
	{ "either", "Either<string, int32>", "Either<string, int32>", "{\"@\":\"org.apache.flink.types.Either$Left\",\"value\":\"a\",\"right\":null}" },
	{ "array", NULL, NULL, NULL },
	{ "pojo", NULL, NULL, NULL },
	{ "kryo", NULL, NULL, NULL },
	{ "list of pojos", NULL, NULL, NULL },
};

static const struct expected *find(const char *what)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].what, what) == 0)
			return &table[i];
	ck_abort_msg("%s is not expected", what);
	return NULL;
}

static bool at_end(struct weir_src at, void *arg)
{
	(void)arg;
	return weir_src_left(&at) == 0;
}

static void use(struct weir_slice s, bool list, struct weir_slice value, const struct expected *e, const char *line)
{
	uint8_t *exact = malloc(s.len ? s.len : 1);
	struct weir_type *types[2] = { NULL, NULL }, *t;
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf again = { 0 };
	struct weir_src src;
	char text[300];
	int code;

	ck_assert_ptr_nonnull(exact);
	if (s.len)
		memcpy(exact, s.ptr, s.len);
	src = weir_src_of((struct weir_slice){ exact, s.len }, "file", 0);
	code = list ? weir_serializer_snapshot_read_list(&src, &mem, 2, types, &why) : weir_serializer_snapshot_read_proxy(&src, &mem, at_end, NULL, types, &why);
	t = types[0];
	if (e)
		ck_assert_msg(code == 0 && weir_src_left(&src) == 0, "%s: %s", line, why.msg);
	if (code) {
		ck_assert_int_eq(why.code, code);
		ck_assert(why.msg[0] && why.offset <= s.len);
	} else {
		struct weir_src v = weir_src_of(value, "value", 0);

		weir_type_text(t, text, sizeof(text));
		if (e && e->alone)
			ck_assert_str_eq(text, list ? e->with_object : e->alone);
		if (e && e->json && value.len)
			ck_assert_str_eq(json_of(&A, t, value), e->json);
		if (e && list)
			ck_assert_int_eq(types[1]->kind, WEIR_INT32);
		if (!list) {
			ck_ok(weir_serializer_snapshot_write_proxy(t, &again, &err));
			ck_assert(weir_slice_eq(weir_buf_slice(&again), (struct weir_slice){ exact, s.len - weir_src_left(&src) }));
		}
		weir_error_clear(&err);
		weir_buf_clear(&again);
		(void)!weir_type_skip(t, &v);
		v = weir_src_of(value, "value", 0);
		(void)!weir_type_to_json(t, &v, &again);
	}
	weir_buf_fini(&again);
	weir_arena_fini(&mem);
	free(exact);
}

static unsigned each(bool damage)
{
	FILE *f = fopen(weir_test_source("tests/golden/old-snapshots.txt"), "r");
	static char line[100000];
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		char *p = line, *what = strsep(&p, "\t") + 4;
		bool list = strcmp(strsep(&p, "\t"), "list") == 0;
		struct weir_slice s = unhex(&A, strsep(&p, "\t")), value = unhex(&A, strtok(p, "\n") ? p : "");
		uint8_t *bytes = (uint8_t *)s.ptr;
		size_t step = s.len / 300 + 1;

		use(s, list, value, find(what), line);
		n++;
		for (size_t i = 0; damage && i < s.len; i += step) {
			uint8_t was = bytes[i];

			use((struct weir_slice){ s.ptr, i }, list, value, NULL, line);
			for (unsigned bit = 0; bit < 8; bit++) {
				bytes[i] = (uint8_t)(was ^ 1u << bit);
				use(s, list, value, NULL, line);
			}
			bytes[i] = 0xff;
			use(s, list, value, NULL, line);
			bytes[i] = was;
		}
	}
	fclose(f);
	return n;
}

WEIR_TEST(snapshots_of_flink_1_6_and_1_7)
{
	ck_assert_uint_eq(each(false), 52);
	weir_arena_fini(&A);
}

WEIR_TEST(damaged_snapshots_of_flink_1_6_and_1_7)
{
	each(true);
	weir_arena_fini(&A);
}

/* A type of 1.6 becomes part of something new: its snapshot is written as Flink writes it now. */
WEIR_TEST(old_types_are_written_anew_inside_others)
{
	FILE *f = fopen(weir_test_source("tests/golden/old-snapshots.txt"), "r");
	static char line[100000];
	struct weir_type *t;
	struct weir_buf out = { 0 };
	char text[100];

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	ck_assert_int_eq(strncmp(line, "1.6 int\tproxy\t", 14), 0);
	*strchr(line + 14, '\t') = 0;
	t = weir_type_list(&A, type_of_snapshot(&A, unhex(&A, line + 14), &err), &err);
	ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
	t = type_of_snapshot(&A, weir_buf_slice(&out), &err);
	ck_assert_str_eq(weir_type_text(t, text, sizeof(text)), "list<int32>");
	weir_buf_fini(&out);
	weir_arena_fini(&A);
}

WEIR_TEST(lists_must_have_the_length_that_is_asked_for)
{
	struct weir_type *types[3];
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_src src = weir_src_of(unhex(&A, "00000000" "00000000"), "file", 7);

	ck_assert_int_eq(weir_serializer_snapshot_read_list(&src, &A, 2, types, &e), WEIR_ECORRUPT);
	ck_assert(strstr(e.msg, "another length"));
	weir_error_clear(&e);
	src = weir_src_of(unhex(&A, "00000001" "00000004" "00000000" "00000004" "00000000"), "file", 7); /* offsets go back */
	ck_assert_int_eq(weir_serializer_snapshot_read_list(&src, &A, 1, types, &e), WEIR_ECORRUPT);
	ck_assert(strstr(e.msg, "damaged") && e.offset == 7);
	weir_arena_fini(&A);
}
