// SPDX-License-Identifier: Apache-2.0
/* Paths as text, and URIs. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs-abstraction/fs_layers.h"
#include "fs-abstraction/path.h"

static struct weir_error err = WEIR_ERROR_INIT;

static void same(char *got, const char *want)
{
	ck_assert_str_eq(got, want);
	free(got);
}

WEIR_TEST(normal_paths)
{
	static const char *const cases[][2] = {
		{ "/", "/" }, { "//", "/" }, { "/a", "/a" }, { "/a/", "/a" }, { "//a///b//", "/a/b" }, { "/./a/.", "/a" }, { "/a/../b", "/b" },
		{ "/..", "/" }, { "/../../a", "/a" }, { "/a/b/../../c", "/c" }, { "/...", "/..." }, { "/.a/..b", "/.a/..b" }, { "/a/..", "/" },
		{ "/a\nb/%2e%2e", "/a\nb/%2e%2e" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(weir_path_is_normal(cases[i][0]), strcmp(cases[i][0], cases[i][1]) == 0);
		ck_assert(weir_path_is_normal(cases[i][1]));
		same(weir_path_normal(cases[i][0]), cases[i][1]);
	}
	ck_assert(!weir_path_is_normal("a"));
	ck_assert(!weir_path_is_normal(""));
}

WEIR_TEST(parts_of_paths)
{
	ck_assert_str_eq(weir_path_name("/a/b"), "b");
	ck_assert_str_eq(weir_path_name("/"), "");
	same(weir_path_parent("/a/b"), "/a");
	same(weir_path_parent("/a"), "/");
	same(weir_path_parent("/"), "/");
	same(weir_path_join("/", "a"), "/a");
	same(weir_path_join("/a", "b"), "/a/b");
	ck_assert(weir_path_is_within("/a/b", "/a"));
	ck_assert(weir_path_is_within("/a", "/a"));
	ck_assert(weir_path_is_within("/x", "/"));
	ck_assert(!weir_path_is_within("/ab", "/a"));
	ck_assert(!weir_path_is_within("/a", "/a/b"));
}

WEIR_TEST(hidden_names)
{
	const char *uuid = "01234567-89ab-4def-8123-456789abcdef";
	char name[300] = "/d/", *h;

	h = weir_path_hidden("/d/part-0", uuid);
	ck_assert_str_eq(h, "/d/.part-0.inprogress.01234567-89ab-4def-8123-456789abcdef");
	ck_assert(weir_path_name_is_hidden(weir_path_name(h)));
	free(h);
	same(weir_path_hidden("/f", uuid), "/.f.inprogress.01234567-89ab-4def-8123-456789abcdef");
	for (int i = 0; i < 85; i++)
		strcat(name, "\xe2\x82\xac");
	h = weir_path_hidden(name, uuid);
	ck_assert_uint_le(strlen(weir_path_name(h)), 255);
	ck_assert_uint_ge(strlen(weir_path_name(h)), 253);
	ck_assert_mem_eq(strstr(h, ".inprogress.") - 3, "\xe2\x82\xac", 3);
	free(h);
	ck_assert(!weir_path_name_is_hidden("part-0"));
	ck_assert(!weir_path_name_is_hidden(".inprogress."));
	ck_assert(!weir_path_name_is_hidden(".hidden"));
}

static void resolves(const char *uri, const struct weir_fs *want_fs, const char *want)
{
	struct weir_fs *fs = NULL;
	char *path = NULL;

	ck_ok(weir_fs_resolve(uri, &fs, &path, &err));
	ck_assert_ptr_eq(fs, want_fs);
	ck_assert_str_eq(path, want);
	free(path);
}

static void refuses(const char *uri, int code, const char *part)
{
	struct weir_fs *fs = NULL;
	char *path = NULL;

	ck_assert_int_eq(weir_fs_resolve(uri, &fs, &path, &err), code);
	ck_assert_msg(strstr(err.msg, part) != NULL, "\"%s\" is not in: %s", part, err.msg);
	ck_assert(!fs && !path);
	weir_error_clear(&err);
}

WEIR_TEST(uris_of_local_files)
{
	char cwd[4096], want[4200];

	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	snprintf(want, sizeof(want), "%s%sx/y", cwd, cwd[1] ? "/" : "");
	resolves("/a/b", weir_fs_local, "/a/b");
	resolves("file:/a/b", weir_fs_local, "/a/b");
	resolves("file:///a/b", weir_fs_local, "/a/b");
	resolves("FILE:///a/b/", weir_fs_local, "/a/b");
	resolves("file://localhost/a", weir_fs_local, "/a");
	resolves("file:///", weir_fs_local, "/");
	resolves("file:///a b%20c/../d:e", weir_fs_local, "/d:e");
	resolves("x/y", weir_fs_local, want);
	resolves("./x/y", weir_fs_local, want);
	resolves("file:x/y", weir_fs_local, want);
	resolves("/%41", weir_fs_local, "/%41"); /* nothing is decoded */
}

WEIR_TEST(uris_that_are_refused)
{
	refuses("", WEIR_EINVALID, "empty");
	refuses("s3://bucket/a", WEIR_EUNSUPPORTED, "\"s3\" (known: file, memory)");
	refuses("hdfs:///a", WEIR_EUNSUPPORTED, "known: file, memory");
	refuses("note:1", WEIR_EUNSUPPORTED, "written ./note:1");
	refuses("file://a/b", WEIR_EINVALID, "file:///a/b");
	refuses("memory://nobody/a", WEIR_ENOTFOUND, "\"nobody\"");
	refuses("memory:a", WEIR_EINVALID, "slash");
}

WEIR_TEST(uris_of_memory_file_systems)
{
	struct weir_fs *a = weir_fs_memory_new("a"), *b = weir_fs_memory_new("b"), *fs, *again;
	char *path, *uri;

	resolves("memory://a/x/y", a, "/x/y");
	resolves("memory://b", b, "/");
	uri = weir_fs_uri(a, "/x/y");
	ck_assert_str_eq(uri, "memory://a/x/y");
	resolves(uri, a, "/x/y");
	free(uri);
	weir_fs_memory_free(a);
	refuses("memory://a/x", WEIR_ENOTFOUND, "\"a\"");
	weir_fs_memory_free(b);
	ck_ok(weir_fs_resolve("memory:///x", &fs, &path, &err)); /* the one without a name is always there */
	free(path);
	ck_ok(weir_fs_resolve("memory:/y", &again, &path, &err));
	ck_assert_ptr_eq(fs, again);
	free(path);
	same(weir_fs_uri(weir_fs_local, "/a b"), "file:/a b");
	ck_assert_str_eq(weir_fs_scheme(weir_fs_local), "file");
	weir_fs_memory_free(fs);
}
