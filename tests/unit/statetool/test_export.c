// SPDX-License-Identifier: Apache-2.0
/* Columns of types, rows of entries, files that are whole or not there. */
#include "statetool/columns.h"
#include "statetool/export.h"
#include "statetool/part.h"
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct weir_arena mem;

static void names(const struct weir_columns *c, struct weir_buf *out)
{
	static const char kinds[] = "irtb?";

	weir_buf_clear(out);
	for (uint32_t i = 0; i < weir_columns_count(c); i++)
		weir_buf_printf(out, "%s%s:%c", i ? " " : "", weir_column(c, i)->name, kinds[weir_column(c, i)->kind]);
}

static int put_cells(void *arg, const struct weir_json *const *cells)
{
	struct weir_buf *b = arg;

	for (int i = 0; i < 12; i++) {
		weir_buf_u8(b, i ? '|' : '\n');
		weir_json_put(cells[i], b);
	}
	return 0;
}

static struct weir_slice wire(const struct weir_type *t, const char *json)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };

	ck_ok(weir_type_from_json(t, json, strlen(json), false, &b, &err));
	struct weir_slice s = { weir_arena_copy(&mem, b.data, b.len), b.len };
	weir_buf_fini(&b);
	return s;
}

WEIR_TEST(records_become_columns)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *pair[] = { &weir_string, &weir_int32 }, *inner[] = { &weir_double, &weir_bytes };
	const char *inner_names[] = { "mean", "RAW" };
	struct weir_type *fields[] = { &weir_int64, weir_type_pojo(&mem, "t.In", 2, inner, inner_names, &err), weir_type_list(&mem, &weir_int32, &err), &weir_boolean };
	const char *field_names[] = { "count", "in", "list", "COUNT" };
	struct weir_state_info s = { .kind = WEIR_STATE_LIST, .name = (char *)"s", .key = weir_type_tuple(&mem, 2, pair, &err), .ns = &weir_time_window };
	struct weir_columns *c = NULL;
	struct weir_buf b = { 0 };
	struct weir_slice one, two, both;
	uint8_t *joined;

	s.value = weir_type_ttl(&mem, weir_type_pojo(&mem, "t.Out", 4, fields, field_names, &err), &err);
	ck_ok(weir_columns_of(&s, &mem, &c, &err));
	names(c, &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "key_group:i key_f0:t key_f1:i ns_start:i ns_end:i position:i value_ttl:i value_COUNT:i value_count_2:i value_in_RAW:b value_in_mean:r value_list:? undecodable:t");
	one = wire(s.value, "{\"ttl\":7,\"value\":{\"count\":9223372036854775807,\"in\":{\"mean\":1.5,\"RAW\":{\"hex\":\"00ff\"}},\"list\":[1,2],\"COUNT\":true}}");
	two = wire(s.value, "{\"ttl\":8,\"value\":null}");
	joined = malloc(one.len + two.len + 1);
	memcpy(joined, one.ptr, one.len);
	joined[one.len] = 0x2c;
	memcpy(joined + one.len + 1, two.ptr, two.len);
	both = (struct weir_slice){ joined, one.len + two.len + 1 };
	struct weir_entry e = { .state = &s, .subtask = 0, .key_group = 5, .key = wire(s.key, "[\"a\",-1]"), .ns = wire(s.ns, "{\"start\":1,\"end\":2}"), .value = both, .index = -1 };
	weir_buf_clear(&b);
	ck_ok(weir_columns_rows(c, &e, put_cells, &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "\n5|\"a\"|-1|1|2|0|7|true|9223372036854775807|{\"hex\":\"00ff\"}|1.5|[1,2]\n5|\"a\"|-1|1|2|1|8|null|null|null|null|null");
	free(joined);
	weir_columns_fini(c);
	weir_buf_fini(&b);
}

/* A type nested deeper than columns go is one column, whatever it is. */
WEIR_TEST(deep_types_end_as_json)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *t = &weir_int32;
	struct weir_state_info s = { .kind = WEIR_STATE_VALUE, .name = (char *)"s", .key = &weir_int32 };
	struct weir_columns *c = NULL;

	for (int i = 0; i < 30; i++)
		t = i % 2 ? weir_type_ttl(&mem, t, &err) : weir_type_row(&mem, 1, &t, NULL, &err);
	ck_assert_ptr_nonnull(t);
	s.value = t;
	ck_ok(weir_columns_of(&s, &mem, &c, &err));
	ck_assert_uint_le(weir_columns_count(c), 10);
	weir_columns_fini(c);
}

WEIR_TEST(a_part_is_whole_or_not_there)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_part p;
	char path[1200], command[1300];

	snprintf(path, sizeof(path), "%s/file", weir_test_dir());
	ck_ok(weir_part_begin(path, &p, &err));
	ck_ok(weir_part_put(&p, "half", 4, &err));
	ck_assert_int_ne(access(path, F_OK), 0);
	weir_part_abort(&p);
	snprintf(command, sizeof(command), "test -z \"$(ls -A %s)\"", weir_test_dir());
	ck_assert_int_eq(system(command), 0);
	ck_ok(weir_part_begin(path, &p, &err));
	ck_ok(weir_part_put(&p, "whole", 5, &err));
	ck_ok(weir_part_publish(&p, &err));
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(weir_part_begin(path, &p, &err), WEIR_EEXISTS);
	weir_error_clear(&err);
	snprintf(path, sizeof(path), "%s/empty", weir_test_dir());
	ck_ok(weir_part_begin(path, &p, &err));
	ck_ok(weir_part_publish(&p, &err));
	ck_assert_int_eq(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/no/folder", weir_test_dir());
	ck_ok(weir_part_begin(path, &p, &err));
	ck_assert_int_eq(weir_part_put(&p, "x", 1, &err), WEIR_ENOTFOUND);
	weir_part_abort(&p);
}
