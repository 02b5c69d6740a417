// SPDX-License-Identifier: Apache-2.0
/* Schemes that tests register: found by URI, once each, gone again. */
#include "tests/lib/weirtest.h"

#include <stdlib.h>

#include "fs-abstraction/fs_layers.h"

WEIR_TEST(a_registered_scheme_leads_to_its_file_system)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("reg"), *found = NULL;
	char *path = NULL;

	ck_ok(weir_fs_register("trial", fs, &err));
	ck_ok(weir_fs_resolve("trial:/a/./b", &found, &path, &err));
	ck_assert_ptr_eq(found, fs);
	ck_assert_str_eq(path, "/a/b");
	free(path);
	ck_ok(weir_fs_resolve("TRIAL:///c", &found, &path, &err));
	ck_assert_ptr_eq(found, fs);
	ck_assert_str_eq(path, "/c");
	free(path);
	ck_assert_int_eq(weir_fs_resolve("trial:a", &found, &path, &err), WEIR_EINVALID);
	weir_error_clear(&err);
	weir_fs_unregister("trial");
	ck_assert_int_eq(weir_fs_resolve("trial:/a", &found, &path, &err), WEIR_EUNSUPPORTED);
	weir_fs_memory_free(fs);
}

WEIR_TEST(a_scheme_is_taken_once)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_memory_new("reg");

	ck_assert_int_eq(weir_fs_register("file", fs, &err), WEIR_EEXISTS);
	weir_error_clear(&err);
	ck_ok(weir_fs_register("twice", fs, &err));
	ck_assert_int_eq(weir_fs_register("twice", fs, &err), WEIR_EEXISTS);
	ck_assert_ptr_nonnull(strstr(err.msg, "twice"));
	weir_fs_unregister("twice");
	weir_fs_unregister("twice");
	weir_error_clear(&err);
	ck_ok(weir_fs_register("twice", fs, &err));
	weir_fs_unregister("twice");
	weir_fs_memory_free(fs);
}
