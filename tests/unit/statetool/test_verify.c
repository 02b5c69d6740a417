// SPDX-License-Identifier: Apache-2.0
/* What verification finds in streams made for it, and what salvage takes out of them. */
#include "base/arena.h"
#include "base/buf.h"
#include "state/flink/keyed.h"
#include "statetool/salvage.h"
#include "statetool/verify.h"
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX = 4, KEYS = 200 };

static int put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return weir_buf_error(arg);
}

static struct weir_slice key_of(int64_t k, uint8_t out[8])
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)((uint64_t)k >> (56 - 8 * i));
	return (struct weir_slice){ out, 8 };
}

/* A savepoint at `name` below the test's folder: one operator, one subtask, state "n" of the keys, in this order. The stream is a file "stream" beside the metadata. malloc'ed path. */
static char *savepoint(const char *name, enum weir_keyed_kind kind, const int64_t *keys, size_t n)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta state = { "n", WEIR_STATE_VALUE, &weir_void, &weir_int64, false };
	enum weir_keyed_format format = kind == WEIR_KEYED_SAVEPOINT ? WEIR_FORMAT_FULL : WEIR_FORMAT_HEAP;
	struct weir_buf stream = { 0 }, meta = { 0 };
	struct weir_keyed_writer *w;
	struct weir_arena mem = { 0 };
	int64_t offsets[MAX];
	uint64_t size;
	uint32_t group;
	uint8_t bytes[8];
	char *dir, path[1300];
	int fd;

	ck_ok(weir_keyed_writer_new(format, &weir_int64, 1, &state, MAX, 0, MAX, put, &stream, &w, &err));
	for (int32_t g = 0; g < MAX; g++) {
		uint32_t count = 0;

		for (size_t i = 0; i < n; i++)
			count += weir_keyed_group_of(&weir_int64, key_of(keys[i], bytes), MAX, &mem, &group) && (int32_t)group == g;
		ck_ok(weir_keyed_writer_group(w, g, &err));
		ck_ok(weir_keyed_writer_state(w, 0, count, &err));
		for (size_t i = 0; i < n; i++)
			if (weir_keyed_group_of(&weir_int64, key_of(keys[i], bytes), MAX, &mem, &group) && (int32_t)group == g)
				ck_ok(weir_keyed_writer_entry(w, key_of(keys[i], bytes), (struct weir_slice){ (const uint8_t *)"", 1 }, (struct weir_slice){ NULL, 0 },
							      key_of(keys[i], bytes), 0, &err));
	}
	ck_ok(weir_keyed_writer_finish(w, offsets, &size, &err));
	weir_keyed_writer_free(w);

	struct weir_subtask_state sub = { .managed_keyed = { .kind = kind, .groups = { 0, MAX, offsets },
							     .stream = { .kind = WEIR_HANDLE_RELATIVE, .name = { (const uint8_t *)"stream", 6 }, .size = (int64_t)size } } };
	struct weir_operator_state op = { .id = { "0123456789abcde" }, .parallelism = 1, .max_parallelism = MAX, .nsubtasks = 1, .subtasks = &sub };
	struct weir_ckpt c = { .id = 1, .noperators = 1, .operators = &op, .arena = &mem };

	ck_ok(weir_ckpt_encode(&c, 4, &meta, &err));
	ck_assert(asprintf(&dir, "%s/%s", weir_test_dir(), name) > 0);
	mkdir(dir, 0755);
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	ck_assert(fd >= 0 && write(fd, meta.data, meta.len) == (ssize_t)meta.len);
	close(fd);
	snprintf(path, sizeof(path), "%s/stream", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	ck_assert(fd >= 0 && write(fd, stream.data, stream.len) == (ssize_t)stream.len);
	close(fd);
	weir_buf_fini(&stream);
	weir_buf_fini(&meta);
	weir_arena_fini(&mem);
	return dir;
}

/* Verify: how many problems, and the output holds `text` (or is empty). */
static struct weir_verify_result verified(const char *dir, bool json, uint64_t problems, const char *text)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_verify_options o = { .json = json };
	struct weir_sink sink = { 0 };
	struct weir_verify_result r;

	ck_ok(weir_state_verify(dir, &o, &sink, &r, &err));
	ck_assert_msg(r.problems == problems, "%llu problems, not %llu: %s", (unsigned long long)r.problems, (unsigned long long)problems, weir_buf_cstr(&sink.buf));
	if (text)
		ck_assert_msg(strstr(weir_buf_cstr(&sink.buf), text) != NULL, "no '%s' in: %s", text, weir_buf_cstr(&sink.buf));
	else
		ck_assert_msg(sink.buf.len == 0, "%s", weir_buf_cstr(&sink.buf));
	weir_buf_fini(&sink.buf);
	free(r.complete);
	return r;
}

static void ascending(int64_t *keys)
{
	for (int64_t i = 0; i < KEYS; i++)
		keys[i] = i;
}

static void scattered(int64_t *keys)
{
	for (int64_t i = 0; i < KEYS; i++)
		keys[i] = i * 77 % KEYS;
}

WEIR_TEST(ordered_and_unordered_streams_are_whole)
{
	int64_t keys[KEYS];
	char *dir;

	ascending(keys);
	dir = savepoint("up", WEIR_KEYED_SAVEPOINT, keys, KEYS);
	ck_assert_uint_eq(verified(dir, false, 0, NULL).entries, KEYS);
	free(dir);
	scattered(keys);
	dir = savepoint("any", WEIR_KEYED_SAVEPOINT, keys, KEYS);
	verified(dir, false, 0, NULL);
	free(dir);
	dir = savepoint("heap", WEIR_KEYED_GROUPS, keys, KEYS);
	verified(dir, false, 0, NULL);
	free(dir);
	dir = savepoint("none", WEIR_KEYED_SAVEPOINT, keys, 0);
	verified(dir, false, 0, NULL);
	free(dir);
}

WEIR_TEST(a_key_that_is_there_twice_is_named)
{
	int64_t keys[KEYS + 1];
	char *dir;

	scattered(keys);
	keys[KEYS] = 0x2a;
	dir = savepoint("heap", WEIR_KEYED_GROUPS, keys, KEYS + 1);
	verified(dir, false, 1, "key 000000000000002a: it is there more than once");
	verified(dir, true, 1, "\"keyGroup\":");
	free(dir);
	dir = savepoint("full", WEIR_KEYED_SAVEPOINT, keys, KEYS + 1);
	verified(dir, false, 1, "key 000000000000002a: it is there more than once");
	free(dir);
	ascending(keys);
	keys[KEYS] = KEYS - 1; /* behind itself */
	dir = savepoint("next", WEIR_KEYED_SAVEPOINT, keys, KEYS + 1);
	verified(dir, false, 1, "it is there more than once");
	free(dir);
	for (int i = 0; i <= 30; i++)
		keys[i] = 7;
	dir = savepoint("often", WEIR_KEYED_GROUPS, keys, 30);
	verified(dir, false, 1, "key 0000000000000007"); /* told once */
	free(dir);
}

WEIR_TEST(one_key_out_of_order_in_a_sorted_stream_is_found)
{
	int64_t keys[KEYS], swap;
	char *dir;

	ascending(keys);
	swap = keys[150], keys[150] = keys[20], keys[20] = swap;
	dir = savepoint("swapped", WEIR_KEYED_SAVEPOINT, keys, KEYS);
	verified(dir, false, 2, "its key is smaller than the one in front of it");
	free(dir);
	dir = savepoint("few", WEIR_KEYED_SAVEPOINT, keys, 25); /* too few to tell an order */
	verified(dir, false, 0, NULL);
	free(dir);
	dir = savepoint("heap", WEIR_KEYED_GROUPS, keys, KEYS); /* never promised */
	verified(dir, false, 0, NULL);
	free(dir);
}

static void append(const char *dir, const char *name, const char *text)
{
	char path[1300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0644);
	ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

WEIR_TEST(leftovers_are_notes)
{
	int64_t keys[KEYS];
	char *dir;

	ascending(keys);
	dir = savepoint("sp", WEIR_KEYED_SAVEPOINT, keys, KEYS);
	append(dir, "stray", "12345");
	ck_assert_uint_eq(verified(dir, false, 0, "stray: nothing in the checkpoint refers to this file of 5 bytes").notes, 1);
	append(dir, "stream", "abc");
	ck_assert_uint_eq(verified(dir, true, 1, "\"note\":\"leftover\"").notes, 1); /* more bytes than were written: damage */
	free(dir);
}

/* ---- salvage ---- */

static uint64_t salvaged(const char *dir, const char *name, struct weir_salvage_result *r, char *report, size_t size)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map;
	struct weir_slice b;
	char *out, path[1300];
	uint64_t entries;

	ck_assert(asprintf(&out, "%s/%s", weir_test_dir(), name) > 0);
	ck_ok(weir_state_salvage(dir, out, r, &err));
	entries = verified(out, false, 0, NULL).entries;
	snprintf(path, sizeof(path), "%s/loss-report.ndjson", out);
	ck_ok(weir_fs_map(weir_fs_local, path, &map, &b, &err));
	snprintf(report, size, "%.*s", (int)b.len, b.len ? (const char *)b.ptr : "");
	weir_fs_unmap(map);
	free(out);
	return entries;
}

WEIR_TEST(salvage_of_a_whole_savepoint_loses_nothing)
{
	struct weir_salvage_result r;
	char report[4000], *dir;
	int64_t keys[KEYS];

	scattered(keys);
	dir = savepoint("heap", WEIR_KEYED_GROUPS, keys, KEYS);
	ck_assert_uint_eq(salvaged(dir, "out", &r, report, sizeof(report)), KEYS);
	ck_assert_uint_eq(r.losses, 0);
	ck_assert_str_eq(report, "");
	free(dir);
}

static void truncated(enum weir_keyed_kind kind, const char *name, const char *out)
{
	struct weir_salvage_result r;
	char report[8000], path[1300], *dir;
	int64_t keys[KEYS];
	struct stat st;
	uint64_t kept;

	scattered(keys);
	dir = savepoint(name, kind, keys, KEYS);
	snprintf(path, sizeof(path), "%s/stream", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size * 2 / 3), 0);
	verified(dir, false, 1, "stream");
	kept = salvaged(dir, out, &r, report, sizeof(report));
	ck_assert_uint_gt(kept, KEYS / 3);
	ck_assert_uint_lt(kept, KEYS);
	ck_assert_uint_ge(r.losses, 1);
	ck_assert_ptr_nonnull(strstr(report, "\"keyGroup\":3"));
	ck_assert_ptr_nonnull(strstr(report, "\"operator\":"));
	ck_assert_ptr_nonnull(strstr(report, "\"entries\":null"));
	free(dir);
}

WEIR_TEST(salvage_of_a_truncated_canonical_file) { truncated(WEIR_KEYED_SAVEPOINT, "full", "full-out"); }
WEIR_TEST(salvage_of_a_truncated_hashmap_file) { truncated(WEIR_KEYED_GROUPS, "heap", "heap-out"); }

WEIR_TEST(salvage_leaves_out_an_entry_of_another_key_group)
{
	struct weir_salvage_result r;
	char report[8000], path[1300], *dir;
	uint8_t byte = 0xee;
	int64_t keys[KEYS];
	struct stat st;
	int fd;

	scattered(keys);
	dir = savepoint("heap", WEIR_KEYED_GROUPS, keys, KEYS);
	snprintf(path, sizeof(path), "%s/stream", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	fd = open(path, O_WRONLY);
	ck_assert(fd >= 0);
	for (uint64_t lost = 0; lost == 0; byte++) { /* the key of the last entry, until it belongs elsewhere */
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_sink sink = { 0 };
		struct weir_verify_options o = { .json = false };
		struct weir_verify_result v;

		ck_assert_int_eq(pwrite(fd, &byte, 1, st.st_size - 9), 1);
		ck_ok(weir_state_verify(dir, &o, &sink, &v, &err));
		lost = v.problems;
		free(v.complete);
		weir_buf_fini(&sink.buf);
	}
	close(fd);
	verified(dir, false, 1, "the key belongs to key group");
	verified(dir, false, 1, "the other entries can be read");
	ck_assert_uint_eq(salvaged(dir, "out", &r, report, sizeof(report)), KEYS - 1);
	ck_assert_uint_eq(r.entries_lost, 1);
	ck_assert_ptr_nonnull(strstr(report, "\"entries\":1}"));
	ck_assert_ptr_nonnull(strstr(report, "\"from\":"));
	free(dir);
}

WEIR_TEST(salvage_without_its_file_keeps_the_operator)
{
	struct weir_salvage_result r;
	char report[8000], path[1300], *dir;
	int64_t keys[KEYS];

	ascending(keys);
	dir = savepoint("sp", WEIR_KEYED_SAVEPOINT, keys, KEYS);
	snprintf(path, sizeof(path), "%s/stream", dir);
	unlink(path);
	ck_assert_uint_eq(salvaged(dir, "out", &r, report, sizeof(report)), 0);
	ck_assert_uint_eq(r.losses, 1);
	ck_assert_ptr_nonnull(strstr(report, "stream"));
	free(dir);
}

WEIR_TEST(salvage_without_metadata_is_refused_and_leaves_nothing)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_salvage_result r;
	char path[1300], out[1300], *dir;
	int64_t keys[KEYS];

	ascending(keys);
	dir = savepoint("sp", WEIR_KEYED_SAVEPOINT, keys, KEYS);
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	snprintf(out, sizeof(out), "%s/out", weir_test_dir());
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_int_ne(weir_state_salvage(dir, out, &r, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "nothing can be salvaged"));
	ck_assert_int_ne(access(out, F_OK), 0);
	free(dir);
}
