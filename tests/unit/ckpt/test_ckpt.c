// SPDX-License-Identifier: Apache-2.0
/* Opening checkpoints by every name they have, and the bytes behind their handles. */
#include "ckpt_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "state/ckpt/store.h"

#define FORTY "0123456789012345678901234567890123456789"

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
	char command[9000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	ck_assert_msg(system(command) == 0, "%s", command);
}

static const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *fmt, ...)
{
	static char path[8][4600];
	static int k;
	size_t n;
	va_list ap;

	k = (k + 1) % 8;
	n = (size_t)snprintf(path[k], sizeof(path[k]), "%s/", weir_test_dir());
	va_start(ap, fmt);
	vsnprintf(path[k] + n, sizeof(path[k]) - n, fmt, ap);
	va_end(ap);
	return path[k];
}

/* A checkpoint of one operator whose keyed state is `stream`. */
static void write_checkpoint(const char *dir, int64_t id, struct weir_stream_handle stream)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_subtask_state sub = { .managed_keyed = { .kind = WEIR_KEYED_GROUPS, .groups = { .first = 0, .count = 1, .offsets = (int64_t[]){ 0 } }, .stream = stream } };
	struct weir_operator_state op = { .id = weir_operator_id_of_uid("my-uid"), .parallelism = 1, .max_parallelism = 1, .nsubtasks = 1, .subtasks = &sub };
	struct weir_ckpt c = { .id = id, .noperators = 1, .operators = &op };
	struct weir_buf b = { 0 };

	ck_ok(weir_ckpt_encode(&c, 4, &b, &err));
	shell("mkdir -p '%s'", dir);
	test_write_file(at("tmp"), weir_buf_slice(&b));
	shell("mv '%s' '%s/_metadata'", at("tmp"), dir);
	weir_buf_fini(&b);
}

static struct weir_stream_handle relative(const char *name, int64_t size)
{
	return (struct weir_stream_handle){ .kind = WEIR_HANDLE_RELATIVE, .name = test_text(name), .size = size };
}

static const struct weir_stream_handle *keyed_of(const struct weir_ckpt *c) { return &c->operators[0].subtasks[0].managed_keyed.stream; }

WEIR_TEST(operator_ids)
{
	static const char *const rows[][2] = {
		{ "", "00000000000000000000000000000000" }, { "a", "897859f6655555855a890e51483ab5e6" }, { "my-uid", "8409efe6adc6d20787611f16017c808f" },
		{ "aaaaaaaaaaaaaaaaa", "98d6f2cec714726fbba5de4e53bcfda4" }, { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "0aa66820300f93c61d48fa1831543515" },
		{ "BrProcess2", "56a26c4c54bda3adf3700194db4afe93" },
	};
	struct weir_operator_id id, back;
	char hex[33];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		id = weir_operator_id_of_uid(rows[i][0]);
		weir_operator_id_hex(&id, hex);
		ck_assert_str_eq(hex, rows[i][1]);
		ck_assert(weir_operator_id_parse(hex, &back));
		ck_assert_mem_eq(&id, &back, sizeof(id));
	}
	ck_assert(!weir_operator_id_parse("897859f6655555855a890e51483ab5e", &back));
	ck_assert(!weir_operator_id_parse("897859f6655555855a890e51483ab5e6a", &back));
	ck_assert(!weir_operator_id_parse("g97859f6655555855a890e51483ab5e6", &back));
	ck_assert(weir_operator_id_parse("897859F6655555855A890E51483AB5E6", &back));
}

WEIR_TEST(opens_by_every_name)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const char *job = "00000000000000000000000000000abc";
	const char *names[] = { "root/%s/chk-10", "root/%s/chk-10/_metadata", "root/%s", "root" };
	struct weir_ckpt *c;
	char *uri = NULL;

	write_checkpoint(at("root/%s/chk-9", job), 9, relative("f", 40));
	write_checkpoint(at("root/%s/chk-10", job), 10, relative("f", 40));
	shell("printf %s > '%s'; printf %s > '%s'; mkdir '%s'", FORTY, at("root/%s/chk-9/f", job), FORTY, at("root/%s/chk-10/f", job), at("root/%s/chk-11", job));
	for (size_t i = 0; i < 4; i++) {
		char sub[100];

		snprintf(sub, sizeof(sub), "root/%s%s", i == 3 ? "" : job, i == 0 ? "/chk-10" : i == 1 ? "/chk-10/_metadata" : "");
		ck_assert_ptr_nonnull(names[i]);
		ck_ok(weir_ckpt_open(at("%s", sub), &c, &err));
		ck_assert_int_eq(c->id, 10);
		ck_assert_str_eq(c->dir, at("root/%s/chk-10", job));
		ck_ok(weir_ckpt_check_files(c, &err));
		weir_ckpt_close(c);
	}
	shell("cp -r '%s' '%s' && mv '%s/_metadata' '%s/other-name'", at("root/%s/chk-10", job), at("copy"), at("copy"), at("copy"));
	ck_ok(weir_ckpt_open(at("copy/other-name"), &c, &err));
	ck_ok(weir_ckpt_check_files(c, &err));
	weir_ckpt_close(c);
	ck_ok(weir_store_newest(at("root"), &uri, NULL, NULL, &err));
	char want[4700];
	snprintf(want, sizeof(want), "file:%s", at("root/%s/chk-10", job));
	ck_assert_str_eq(uri, want);
	ck_ok(weir_ckpt_open(uri, &c, &err));
	weir_ckpt_close(c);
	free(uri);
	weir_ckpt_close(NULL);
}

WEIR_TEST(messages_of_what_cannot_be_opened)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	char text[1200];

	ck_assert_int_eq(weir_ckpt_open(at("nowhere"), &c, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(weir_error_text(&err, text, sizeof(text)), "no checkpoint or savepoint here"));
	ck_assert_ptr_nonnull(strstr(text, "/nowhere"));
	weir_error_clear(&err);
	shell("mkdir -p '%s' '%s'", at("sp/savepoint-aabbcc-112233445566"), at("sp/chk-x"));
	ck_assert_int_eq(weir_ckpt_open(at("sp"), &c, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "looked for _metadata, chk-N/_metadata and <job id>/chk-N/_metadata; it holds 1 savepoint: name one, such as savepoint-aabbcc"));
	weir_error_clear(&err);
	shell("mkdir -p '%s'", at("job/chk-3"));
	ck_assert_int_eq(weir_ckpt_open(at("job"), &c, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "none of 1 checkpoint here is complete"));
	ck_assert_ptr_nonnull(strstr(err.msg, "never completed"));
	weir_error_clear(&err);
	shell("echo hello > '%s'", at("job/chk-3/_metadata"));
	ck_assert_int_eq(weir_ckpt_open(at("job/chk-3"), &c, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "not a Flink metadata file"));
	ck_assert_ptr_nonnull(strstr(err.path, "job/chk-3/_metadata"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_ckpt_open("gopher://x/y", &c, &err), WEIR_EUNSUPPORTED);
	ck_assert_ptr_null(c);
}

static void count_skip(void *arg, const char *uri, const struct weir_error *why)
{
	struct weir_buf *b = arg;

	weir_buf_printf(b, "%s %s\n", strrchr(uri, '/') + 1, why->msg);
}

WEIR_TEST(the_newest_complete_one_and_why_not_the_others)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf why = { 0 };
	char *uri;

	write_checkpoint(at("j/chk-7"), 7, relative("f", 40));
	write_checkpoint(at("j/chk-8"), 8, relative("f", 40));
	write_checkpoint(at("j/chk-9"), 9, relative("f", 40));
	write_checkpoint(at("j/chk-10"), 10, relative("../chk-7/f", 40));
	write_checkpoint(at("j/chk-11"), 11, relative("f", 40));
	for (int i = 7; i <= 11; i++)
		if (i != 8)
			shell("printf %s > '%s'", i == 9 ? "short" : FORTY, at("j/chk-%d/f", i));
	shell("truncate -s -1 '%s'; mkdir '%s' '%s'", at("j/chk-11/_metadata"), at("j/chk-12"), at("j/chk-013"));
	ck_ok(weir_store_newest(at("j"), &uri, count_skip, &why, &err));
	ck_assert_str_eq(strrchr(uri, '/'), "/chk-7");
	ck_assert_msg(strstr(weir_buf_cstr(&why), "chk-12 there is no _metadata") == weir_buf_cstr(&why), "%s", weir_buf_cstr(&why));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&why), "chk-11 the data ends inside"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&why), "leads outside the checkpoint's directory"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&why), "subtask 0: the file has 5 bytes, the checkpoint wrote 40"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&why), "subtask 0: the file is missing, with 40 bytes of state of "));
	ck_assert_ptr_null(strstr(weir_buf_cstr(&why), "chk-013"));
	free(uri);
	weir_buf_fini(&why);
}

WEIR_TEST(a_damaged_checkpoint_names_a_complete_one)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_stream_handle h = { .kind = WEIR_HANDLE_INLINE, .name = test_text("x"), .data = test_text("y") };
	struct weir_ckpt *c;
	char text[1200];

	write_checkpoint(at("j/chk-6"), 6, h);
	write_checkpoint(at("j/chk-7"), 7, h);
	shell("truncate -s 60 '%s'", at("j/chk-7/_metadata"));
	ck_assert_int_eq(weir_ckpt_open(at("j/chk-7"), &c, &err), WEIR_ETRUNCATED);
	weir_error_text(&err, text, sizeof(text));
	ck_assert_msg(strstr(text, "j/chk-7/_metadata: byte 0x39: operator 1 of 1, subtask 0: the data ends inside a value; chk-6 beside it is complete: start from that"),
		      "%s", text);
	weir_error_clear(&err);
	ck_ok(weir_ckpt_open(at("j"), &c, &err));
	ck_assert_int_eq(c->id, 6);
	weir_error_set(&err, WEIR_ECORRUPT, "bad entry");
	shell("rm '%s'", at("j/chk-7/_metadata"));
	weir_ckpt_suggest(c->fs, c->path, &err); /* of chk-6 itself */
	ck_assert_str_eq(err.msg, "bad entry; no other checkpoint beside it is complete");
	weir_error_clear(&err);
	weir_error_set(&err, WEIR_EINVALID, "other");
	weir_ckpt_suggest(c->fs, c->path, &err);
	ck_assert_str_eq(err.msg, "other");
	weir_ckpt_close(c);
}

WEIR_TEST(several_jobs_the_one_written_last)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *uri;

	for (int i = 0; i < 3; i++) {
		const char *dir = at("r/%031d%d/chk-%d", 0, i, 20 - i);

		write_checkpoint(dir, 20 - i, (struct weir_stream_handle){ .kind = WEIR_HANDLE_INLINE, .name = test_text("x"), .data = test_text("y") });
		shell("touch -d @%d '%s/_metadata'", i == 1 ? 2000000 : 1000000 + i, dir);
	}
	ck_ok(weir_store_newest(at("r"), &uri, NULL, NULL, &err));
	ck_assert_str_eq(strrchr(uri, '/'), "/chk-19");
	free(uri);
}

WEIR_TEST(bytes_of_every_kind_of_handle)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_stream_handle h = { .kind = WEIR_HANDLE_SEGMENT, .start = 10, .size = 5 }, outer = { .kind = WEIR_HANDLE_KEY_GROUPS, .inner = &h };
	struct weir_fs_map *map;
	struct weir_slice bytes;
	struct weir_ckpt *c;
	char *path, uri[4700];

	write_checkpoint(at("j/chk-1"), 1, relative("f", 40));
	shell("printf %s > '%s'; : > '%s'", FORTY, at("j/chk-1/f"), at("j/chk-1/empty"));
	ck_ok(weir_ckpt_open(at("j/chk-1"), &c, &err));
	ck_ok(weir_ckpt_bytes(c, keyed_of(c), &map, &bytes, &path, &err));
	ck_assert(test_is(bytes, FORTY));
	ck_assert_str_eq(path, at("j/chk-1/f"));
	weir_fs_unmap(map);
	free(path);
	snprintf(uri, sizeof(uri), "file:%s", at("j/chk-1/f"));
	h.name = test_text(uri);
	ck_ok(weir_ckpt_bytes(c, &outer, &map, &bytes, &path, &err));
	ck_assert(test_is(bytes, "01234"));
	weir_fs_unmap(map);
	free(path);
	h.start = 36;
	ck_assert_int_eq(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err), WEIR_ECORRUPT);
	ck_assert_str_eq(err.msg, "the file has 40 bytes, the checkpoint needs bytes 36 to 41 of it");
	weir_error_clear(&err);
	h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_FILE, .name = h.name, .size = -1 };
	ck_ok(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err));
	ck_assert_uint_eq(bytes.len, 40);
	weir_fs_unmap(map);
	free(path);
	h.size = 41;
	ck_assert_int_eq(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err), WEIR_ECORRUPT);
	ck_assert_str_eq(err.msg, "the file has 40 bytes, the checkpoint wrote 41: it was cut or replaced");
	ck_assert_str_eq(err.path, at("j/chk-1/f"));
	weir_error_clear(&err);
	h = relative("empty", 0);
	ck_ok(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err));
	ck_assert_uint_eq(bytes.len, 0);
	weir_fs_unmap(map);
	free(path);
	h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_INLINE, .data = test_text("in") };
	ck_ok(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err));
	ck_assert_ptr_null(map);
	ck_assert(test_is(bytes, "in"));
	ck_assert_ptr_nonnull(strstr(path, "_metadata (inline state)"));
	free(path);
	h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_FILE, .name = test_text("hdfs://nn/a/b"), .size = 9 };
	ck_assert_int_eq(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "the file is missing, with 9 bytes of state"));
	ck_assert_str_eq(err.path, "hdfs://nn/a/b");
	weir_error_clear(&err);
	h = relative("..", 0);
	ck_assert_int_eq(weir_ckpt_bytes(c, &h, &map, &bytes, &path, &err), WEIR_ECORRUPT);
	weir_ckpt_close(c);
}

WEIR_TEST(a_moved_job_directory_is_followed)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_stream_handle h = { .kind = WEIR_HANDLE_FILE, .name = test_text("s3://bucket/weir/00000000000000000000000000000abc/shared/aaaa"), .size = 40 };
	struct weir_ckpt *c;
	struct weir_fs_map *map;
	struct weir_slice bytes;
	char *path;

	write_checkpoint(at("here/00000000000000000000000000000abc/chk-1"), 1, h);
	shell("mkdir '%s'; printf %s > '%s'", at("here/00000000000000000000000000000abc/shared"), FORTY, at("here/00000000000000000000000000000abc/shared/aaaa"));
	ck_ok(weir_ckpt_open(at("here"), &c, &err));
	ck_assert_str_eq(c->moved_from, "/weir");
	ck_assert_str_eq(c->moved_to, at("here"));
	ck_ok(weir_ckpt_bytes(c, keyed_of(c), &map, &bytes, &path, &err));
	ck_assert(test_is(bytes, FORTY));
	weir_fs_unmap(map);
	free(path);
	weir_ckpt_close(c);
	shell("mv '%s' '%s'", at("here/00000000000000000000000000000abc"), at("here/renamed")); /* the job id is gone from the path */
	ck_ok(weir_ckpt_open(at("here/renamed"), &c, &err));
	ck_ok(weir_ckpt_check_files(c, &err));
	ck_assert_str_eq(c->moved_to, at("here/renamed"));
	weir_ckpt_close(c);
	shell("mv '%s' '%s'", at("here/renamed/shared/aaaa"), at("here/renamed/chk-1/aaaa")); /* all in one directory, as savepoints of 1.10 */
	ck_ok(weir_ckpt_open(at("here/renamed/chk-1"), &c, &err));
	ck_ok(weir_ckpt_check_files(c, &err));
	weir_ckpt_close(c);
}

WEIR_TEST(every_fixture_opens_with_all_its_files)
{
	size_t n, files = 0, moved = 0;
	char **paths = test_fixtures(&n);

	if (!paths)
		weir_test_skip("no shared fixtures");
	for (size_t i = 0; i < n; i++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_ckpt *c;

		*strrchr(paths[i], '/') = 0;
		ck_ok(weir_ckpt_open(paths[i], &c, &err));
		ck_ok(weir_ckpt_check_files(c, &err));
		files++;
		moved += c->moved_from != NULL;
		weir_ckpt_close(c);
	}
	ck_assert_uint_eq(files, n);
	ck_assert_uint_gt(moved, 10);
	test_free_fixtures(paths, n);
}
