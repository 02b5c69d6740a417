// SPDX-License-Identifier: Apache-2.0
/* Metadata as JSON: of every fixture the JSON encodes to the same bytes; wrong JSON is refused by the path of the member. */
#include "statetool/meta.h"
#include "tests/lib/weirtest.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned files;

static void round_trip(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL, *again = NULL;
	struct weir_buf json = { 0 }, bytes = { 0 };
	struct weir_arena mem = { 0 };
	struct weir_fs_map *map;
	struct weir_slice file;

	ck_ok(weir_ckpt_open(path, &c, &err));
	weir_meta_json(c, true, &json);
	ck_ok(weir_meta_parse(weir_buf_slice(&json), &mem, &again, &err));
	ck_ok(weir_ckpt_encode(again, again->version, &bytes, &err));
	ck_ok(weir_fs_map(weir_fs_local, path, &map, &file, &err));
	ck_assert_msg(weir_slice_eq(file, weir_buf_slice(&bytes)), "%s: %zu bytes became %zu others", path, file.len, bytes.len);
	weir_fs_unmap(map);
	weir_ckpt_close(c);
	weir_buf_fini(&json);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
	files++;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (type == FTW_F && strcmp(path + ftw->base, "_metadata") == 0)
		round_trip(path);
	return 0;
}

WEIR_TEST(json_of_every_fixture_encodes_to_the_same_bytes)
{
	const char *root = weir_test_shared("fixtures");

	round_trip(weir_test_source("tests/golden/flights/1.20.1/native-hashmap/_metadata"));
	if (!root)
		weir_test_skip("the shared fixtures are not there");
	ck_assert_int_eq(nftw(root, visit, 16, FTW_PHYS), 0);
	ck_assert_uint_ge(files, 179);
}

static void refused(const char *json, const char *message)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_ckpt *c = NULL;
	int rc = weir_meta_parse((struct weir_slice){ (const uint8_t *)json, strlen(json) }, &mem, &c, &err);

	ck_assert_int_lt(rc, 0);
	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(err.msg, message) != NULL, "'%s' lacks '%s'", err.msg, message);
	weir_arena_fini(&mem);
}

WEIR_TEST(wrong_metadata_json_is_refused_by_its_path)
{
	refused("", "");
	refused("[]", "an object is wanted");
	refused("{\"version\":4}", "checkpointId: is missing");
	refused("{\"version\":1,\"checkpointId\":1}", "version: a whole number");
	refused("{\"version\":7,\"checkpointId\":1}", "version: a whole number");
	refused("{\"version\":4.0,\"checkpointId\":1}", "version: a whole number");
	refused("{\"version\":4,\"checkpointId\":1,\"operators\":[{\"id\":\"xyz\"}]}", "operators[0].id: 32 hexadecimal digits");
	refused("{\"version\":4,\"checkpointId\":1,\"cats\":2}", "cats: is not a member");
	refused("{\"version\":4,\"version\":4,\"checkpointId\":1}", "version: is not a member of metadata JSON (see docs/state-json.md), or is there twice");
	refused("{\"version\":4,\"checkpointId\":1,\"operators\":[{\"id\":\"00000000000000000000000000000000\",\"parallelism\":1,\"maxParallelism\":128,"
		"\"subtasks\":[{\"index\":0,\"managedKeyed\":{\"tag\":4}}]}]}", "operators[0].subtasks[0].managedKeyed.tag: is not a kind of keyed state");
	refused("{\"version\":4,\"checkpointId\":1,\"operators\":[{\"id\":\"00000000000000000000000000000000\",\"parallelism\":1,\"maxParallelism\":128,"
		"\"coordinator\":{\"kind\":\"inline\",\"size\":3,\"xxh3\":\"00\"}}]}", "the bytes are left out in this JSON");
	refused("{\"version\":4,\"checkpointId\":1,\"masters\":[{\"name\":\"m\",\"version\":1,\"payload\":{\"hex\":\"0g\"}}]}", "masters[0].payload: is not hexadecimal");
	refused("{\"version\":4,\"checkpointId\":1} x", "");
}

WEIR_TEST(names_that_are_not_text_keep_their_bytes)
{
	static const uint8_t odd[][8] = { { 0xc0, 0x80 }, { 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80 }, { 0xff, 0xfe }, { 'a', 0x01, '"', '\\' }, { 0xf0, 0x9f, 0x98, 0x80 }, { 0xc3, 0xa9 } };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_arena mem = { 0 };
		struct weir_master_state m = { .version = 1, .name = { odd[i], strnlen((const char *)odd[i], 8) }, .payload = { odd[i], 2 } };
		struct weir_ckpt c = { .version = 4, .id = INT64_MAX, .nmasters = 1, .masters = &m }, *again = NULL;
		struct weir_buf json = { 0 };

		weir_meta_json(&c, true, &json);
		ck_ok(weir_meta_parse(weir_buf_slice(&json), &mem, &again, &err));
		ck_assert(weir_slice_eq(again->masters[0].name, m.name));
		ck_assert(weir_slice_eq(again->masters[0].payload, m.payload));
		ck_assert(again->id == INT64_MAX);
		weir_buf_fini(&json);
		weir_arena_fini(&mem);
	}
}
