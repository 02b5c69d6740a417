// SPDX-License-Identifier: Apache-2.0
/* The expression language of weir state find: what it finds, and how it says what is wrong. */
#include "base/buf.h"
#include "statetool/expr.h"
#include "tests/lib/weirtest.h"

#include <stdlib.h>

static struct weir_arena mem;

static struct weir_type *record(void)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *route[] = { &weir_string, &weir_string };
	const char *route_names[] = { "origin", "destination" };
	struct weir_type *inner = weir_type_pojo(&mem, "t.Route", 2, route, route_names, &err);
	struct weir_type *fields[] = { &weir_int64, &weir_double, &weir_string, &weir_boolean, inner, weir_type_list(&mem, &weir_int32, &err),
				       weir_type_map(&mem, &weir_string, &weir_int32, &err), &weir_timestamp, &weir_bytes, weir_type_map(&mem, &weir_int32, &weir_string, &err) };
	const char *names[] = { "count", "mean", "name", "late", "route", "list", "map", "at", "raw", "by" };

	return weir_type_pojo(&mem, "t.Stat", 10, fields, names, &err);
}

static const char *const value_json =
	"{\"count\":9007199254740993,\"mean\":1.5,\"name\":\"\\u00e9 LAX\",\"late\":true,\"route\":{\"origin\":\"ORD\",\"destination\":null},\"list\":[3,1,2],"
	"\"map\":[[\"a\",1],[\"b\",2]],\"at\":\"2001-01-31T23:59:59.5Z\",\"raw\":{\"hex\":\"0102ff\"},\"by\":[[0,\"zero\"],[7,\"seven\"]]}";

struct fixture {
	struct weir_state_info state;
	struct weir_entry entry;
};

static struct weir_slice wire(const struct weir_type *t, const char *json)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	struct weir_slice s;

	ck_ok(weir_type_from_json(t, json, strlen(json), false, &b, &err));
	s = (struct weir_slice){ weir_arena_copy(&mem, b.data, b.len), b.len };
	weir_buf_fini(&b);
	return s;
}

static struct fixture *fixture(void)
{
	struct fixture *f = weir_arena_zero(&mem, sizeof(*f));
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *pair[] = { &weir_string, &weir_int32 };

	f->state = (struct weir_state_info){ .kind = WEIR_STATE_VALUE, .name = (char *)"stat", .key = weir_type_tuple(&mem, 2, pair, &err), .ns = &weir_time_window, .value = record() };
	f->entry = (struct weir_entry){ .state = &f->state, .subtask = 1, .key_group = 42, .key = wire(f->state.key, "[\"GRB\",-3]"),
					.ns = wire(f->state.ns, "{\"start\":1000,\"end\":2000}"), .value = wire(f->state.value, value_json), .index = -1 };
	return f;
}

static void holds(const struct fixture *f, const char *text, bool want)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_expr *x = NULL;
	bool got = !want;

	ck_ok(weir_expr_parse(text, &x, &err));
	ck_ok(weir_expr_bind(x, &f->state, &err));
	ck_ok(weir_expr_eval(x, &f->entry, &got, &err));
	ck_assert_msg(got == want, "%s is %s", text, got ? "true" : "false");
	weir_expr_free(x);
}

WEIR_TEST(expressions_hold)
{
	static const char *const yes[] = {
		"true", "!false", "not false", "value.count == 9007199254740993", "value.count != 9007199254740992", "value.count > 9007199254740992",
		"value[\"count\"] % 10 == 3", "value.mean * 2 == 3", "value.mean == 1.5e0", "7 / 2 == 3.5", "6 / 2 == 3", "-7 % 3 == -1", "2 + 3 * 4 == 14", "(2 + 3) * 4 == 20",
		"1_000_000 > 999999", "- value.mean < 0", "-(-3) == 3", "value.late", "value.late == true && value.name endsWith 'LAX'", "len(value.name) == 5",
		"value.name startsWith \"\\u00e9\"", "value.name contains \"LAX\"", "\"LAX\" in value.name", "value.name matches \"^.+ [A-Z]{3}$\"", "lower(value.route.origin) == \"ord\"",
		"upper(\"abc\") + \"D\" == \"ABCD\"", "value.route.destination == null", "value.route.origin in [\"ATL\", \"ORD\"]", "value.route.origin not in [\"ATL\"]",
		"key[0] == 'GRB' && key.f1 == -3", "abs(key[1]) == 3", "ns.start >= 1000 && ns.end - ns.start == 1000", "len(value.list) == 3", "value.list[0] == 3", "value.list[-1] == 2",
		"value.list == [3, 1, 2]", "2 in value.list", "value.list contains 1", "9 not in value.list", "value.map.a == 1", "value.map[\"b\"] == 2", "value.map[\"c\"] == null",
		"\"a\" in value.map", "len(value.map) == 2", "value.by[7] == \"seven\"", "value.by[1] == null", "value.at < \"2001-02-01\"", "value.at >= \"2001-01-31T23:59:59Z\"",
		"value.at < \"2001-01-31T23:59:59.501Z\"", "value.raw.hex == \"0102ff\"", "len(value.raw) == 3", "kg == 42 && subtask == 1", "index == null", "state == \"stat\"", "kind == \"value\"",
		"bytes > 20", "uk == null || true", "1 / 0 == null", "1 % 0 == null", "!(null == 1)", "9223372036854775807 + 1 > 9223372036854775807", "num(\"12\") == 12", "num(\"x\") == null",
		"str(12) == \"12\"", "str(value.late) == \"true\"", "false || value.late and not false", "\"\" in value.name", "value.list[5] == null", "-9223372036854775807 - 1 < 0",
		"(-9223372036854775807 - 1) / -1 > 0", "(-9223372036854775807 - 1) % -1 == 0", "[1, [2, 3]] == [1, [2, 3.0]]", "[1,2][1] == 2", "startsWith(value.name, \"\\u00e9\")",
		"contains(value.list, 3)", "len(null) == null",
	};
	static const char *const no[] = {
		"false", "null", "value.count == 9007199254740992", "!null", "null < 1", "null > 1", "value.route.destination == \"\"", "value.map[\"c\"] > 0", "value.map[\"c\"] < 0",
		"value.late && value.mean > 2", "value.name matches \"^LAX\"", "value.list == [1, 2, 3]", "\"c\" in value.map", "4 in value.list", "value.by[7] == \"zero\"",
	};
	struct fixture *f = fixture();

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!strstr(yes[i], "uk"))
			holds(f, yes[i], true);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		holds(f, no[i], false);
}

static void wrong(const struct fixture *f, const char *text, const char *message)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_expr *x = NULL;
	int rc = weir_expr_parse(text, &x, &err);

	if (rc == 0)
		rc = weir_expr_bind(x, &f->state, &err);
	ck_assert_msg(rc < 0, "%s is accepted", text);
	ck_assert_msg(strstr(err.msg, message) != NULL, "%s: '%s' lacks '%s'", text, err.msg, message);
	ck_assert(strstr(err.msg, "^") != NULL);
	weir_expr_free(x);
}

WEIR_TEST(wrong_expressions_are_shown_with_a_caret)
{
	struct fixture *f = fixture();

	wrong(f, "", "a value is missing at the end");
	wrong(f, "value.count >", "column 14: a value is missing at the end");
	wrong(f, "value.cuont > 1", "column 7: there is no field 'cuont'; there are: count, mean, name");
	wrong(f, "value.count > \"a\"", "a number is compared with text");
	wrong(f, "value.count = 1", "equality is written ==");
	wrong(f, "value.count", "this is a number (int64); true or false is wanted");
	wrong(f, "vaule.count > 1", "there is no such name");
	wrong(f, "1 < 2 < 3", "comparisons do not chain");
	wrong(f, "(1 < 2", ") is wanted here");
	wrong(f, "\"abc", "the closing quote is missing");
	wrong(f, "\"\\x\" == \"\"", "\\ is followed by one of");
	wrong(f, "\"\\u12\" == \"\"", "four hexadecimal digits");
	wrong(f, "value.name matches \"(\"", "column 20: ");
	wrong(f, "value.name matches value.name", "matches wants a pattern in quotes");
	wrong(f, "size(value) > 1", "there is no such function");
	wrong(f, "uk == 1", "entries of state 'stat' (value) do not have this");
	wrong(f, "timestamp > 1", "do not have this");
	wrong(f, "value.name.x == 1", "there is no field 'x' in text");
	wrong(f, "value.list.x == 1", "a list has no field 'x'");
	wrong(f, "value.list[\"a\"] == 1", "a number is wanted");
	wrong(f, "value.map[1] == 1", "this is a number; text is wanted");
	wrong(f, "value.by.x == \"\"", "a map's key goes in brackets");
	wrong(f, "value.name + 1 == 2", "text is wanted");
	wrong(f, "value.late + 1 == 2", "a number is wanted");
	wrong(f, "value.list < 3", "something with an order is wanted");
	wrong(f, "value.count && true", "true or false is wanted");
	wrong(f, "key[0] == 3", "text is compared with a number");
	wrong(f, "1 == 1 1", "an operator is wanted here");
	wrong(f, "value. == 1", "the name of a field is wanted");
	wrong(f, "12abc == 1", "a number goes over into a word");
	wrong(f, "value.at > 5", "text is compared with a number");
	wrong(f, "ns.begin > 5", "there are: start, end");
	wrong(f, "value.late not true", "in, contains, startsWith, endsWith or matches");
}

WEIR_TEST(an_expression_of_any_depth_and_length_ends)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_expr *x = NULL;
	char *deep = malloc(9001);

	memset(deep, '(', 9000);
	deep[9000] = 0;
	ck_assert_int_eq(weir_expr_parse(deep, &x, &err), WEIR_EINVALID);
	weir_error_clear(&err);
	deep[8000] = 0;
	ck_assert_int_eq(weir_expr_parse(deep, &x, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "nested too deep"));
	weir_error_clear(&err);
	memset(deep, '-', 8000);
	ck_assert_int_eq(weir_expr_parse(deep, &x, &err), WEIR_EINVALID);
	weir_error_clear(&err);
	memset(deep, '!', 8000);
	ck_assert_int_eq(weir_expr_parse(deep, &x, &err), WEIR_EINVALID);
	free(deep);
}

WEIR_TEST(time_to_live_is_looked_through)
{
	struct fixture *f = fixture();
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *pair[] = { &weir_int32, &weir_int64 };

	f->state.value = weir_type_ttl(&mem, weir_type_tuple(&mem, 2, pair, &err), &err);
	f->entry.value = wire(f->state.value, "{\"ttl\":99,\"value\":[5,6]}");
	holds(f, "value.ttl == 99 && value[0] == 5 && value.f1 == 6 && value.value[1] == 6 && len(value) == 2", true);
}

WEIR_TEST(opaque_values_compare_to_nothing)
{
	struct fixture *f = fixture();

	f->state.value = NULL;
	f->entry.value = (struct weir_slice){ (const uint8_t *)"\1\2", 2 };
	holds(f, "value.count > 3 || value[0] == 1 || value == 3 || value in [1]", false);
	holds(f, "value[\"$raw\"] == \"0102\"", true);
}
