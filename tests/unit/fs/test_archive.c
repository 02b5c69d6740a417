// SPDX-License-Identifier: Apache-2.0
/* Archives as a file system: what tar and zip hold, names of any length, and archives that are damaged. */
#include "fs-abstraction/fs_archive.h"
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in_dir(const char *name)
{
	static char path[4][1200];
	static unsigned at;
	char *p = path[at++ % 4];

	snprintf(p, 1200, "%s/%s", weir_test_dir(), name);
	return p;
}

static void shell(const char *text)
{
	char command[4000];

	snprintf(command, sizeof(command), "cd '%s' && %s", weir_test_dir(), text);
	ck_assert_int_eq(system(command), 0);
}

static int join_names(void *arg, const char *name, const struct weir_fs_stat *st)
{
	char *list = arg;

	snprintf(list + strlen(list), 400 - strlen(list), "%s%s ", name, st->type == WEIR_FS_DIRECTORY ? "/" : "");
	return 0;
}

static void holds(struct weir_fs *fs, const char *path, const char *content)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map;
	struct weir_slice s;
	struct weir_fs_in *in;
	char buf[64];
	size_t n;

	ck_ok(weir_fs_map(fs, path, &map, &s, &err));
	ck_assert_uint_eq(s.len, strlen(content));
	ck_assert(memcmp(s.ptr, content, s.len) == 0);
	weir_fs_unmap(map);
	ck_ok(weir_fs_open(fs, path, &in, &err));
	ck_ok(weir_fs_read_at(in, buf, sizeof(buf), 1, &n, &err));
	ck_assert_uint_eq(n, s.len ? s.len - 1 : 0);
	ck_ok(weir_fs_read_at(in, buf, sizeof(buf), 1000, &n, &err));
	ck_assert_uint_eq(n, 0);
	weir_fs_in_close(in);
}

#define LONG "a-very-long-name-that-needs-a-header-of-its-own-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789"

static void check_tree(const char *archive)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = NULL;
	struct weir_fs_stat st;
	struct weir_fs_out *out;
	char list[400] = "";

	ck_ok(weir_fs_archive_open(in_dir(archive), "archive", &fs, &err));
	holds(fs, "/t/one", "first\n");
	holds(fs, "/t/sub/two", "second file\n");
	holds(fs, "/t/empty", "");
	holds(fs, "/t/" LONG "/" LONG, "long\n");
	ck_ok(weir_fs_list(fs, "/t", join_names, list, &err));
	ck_assert_ptr_nonnull(strstr(list, "one "));
	ck_assert_ptr_nonnull(strstr(list, "sub/ "));
	ck_assert_ptr_nonnull(strstr(list, "sub-x "));
	ck_assert_ptr_null(strstr(strstr(list, "sub/ ") + 1, "sub/ "));
	list[0] = 0;
	ck_ok(weir_fs_list(fs, "/", join_names, list, &err));
	ck_assert_str_eq(list, "t/ ");
	ck_ok(weir_fs_stat(fs, "/t/sub", &st, &err));
	ck_assert_int_eq(st.type, WEIR_FS_DIRECTORY);
	ck_ok(weir_fs_stat(fs, "/t/one", &st, &err));
	ck_assert_uint_eq(st.size, 6);
	ck_assert_int_eq(weir_fs_stat(fs, "/t/su", &st, NULL), WEIR_ENOTFOUND);
	ck_assert_int_eq(weir_fs_stat(fs, "/nothing", &st, NULL), WEIR_ENOTFOUND);
	ck_assert_int_lt(weir_fs_create(fs, "/t/new", WEIR_FS_OVERWRITE, &out, &err), 0);
	weir_fs_archive_close(fs);
}

static void make_tree(void)
{
	shell("mkdir -p t/sub t/" LONG " && echo first >t/one && echo second file >t/sub/two && : >t/empty && echo long >t/" LONG "/" LONG " && echo x >t/sub-x && echo y >t/sub.y");
}

WEIR_TEST(tar_of_every_kind)
{
	make_tree();
	shell("tar --format=gnu -cf gnu.tar t && tar --format=pax -cf pax.tar ./t");
	check_tree("gnu.tar");
	check_tree("pax.tar");
}

WEIR_TEST(compressed_archives)
{
	make_tree();
	shell("tar czf t.tgz t");
	if (access("/usr/lib/x86_64-linux-gnu/libarchive.so.13", F_OK) != 0)
		weir_test_skip("no libarchive here");
	check_tree("t.tgz");
	if (system("python3 -c 'import zipfile' 2>/dev/null") != 0)
		weir_test_skip("no python3 to make a zip");
	shell("python3 -m zipfile -c t.zip t");
	check_tree("t.zip");
}

static void refused(const char *archive, int code, const char *message)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = NULL;

	ck_assert_int_eq(weir_fs_archive_open(in_dir(archive), "archive", &fs, &err), code);
	ck_assert_msg(strstr(err.msg, message) != NULL, "'%s' lacks '%s'", err.msg, message);
	ck_assert_ptr_null(fs);
}

WEIR_TEST(damaged_archives_are_refused)
{
	make_tree();
	shell("tar --format=gnu -cf t.tar t && head -c 1600 t.tar >cut.tar && cp t.tar sum.tar && printf x | dd of=sum.tar bs=1 seek=3 conv=notrunc 2>/dev/null && : >empty");
	shell("mkdir u && echo evil >u/x && tar cf out.tar --transform 's,^u,../../u,' -P u/x");
	shell("tar czf t.tgz t && head -c 200 t.tgz >cut.tgz");
	refused("sum.tar", WEIR_ECORRUPT, "checksum is wrong");
	refused("out.tar", WEIR_ECORRUPT, "outside of itself");
	refused("empty", WEIR_ECORRUPT, "empty");
	refused("nowhere", WEIR_ENOTFOUND, "");
	if (access("/usr/lib/x86_64-linux-gnu/libarchive.so.13", F_OK) == 0)
		refused("cut.tgz", WEIR_ECORRUPT, "the archive cannot be read");
}

/* Every byte of a header set to 0, 0xff and flipped; every length: an answer, never a crash, never bytes beyond the archive. */
WEIR_TEST(any_damage_of_a_tar_is_survived)
{
	struct stat st;
	uint8_t *bytes;
	int fd;

	shell("mkdir t && echo first >t/one && echo second >t/two && tar --format=pax -cf t.tar t && head -c 4096 t.tar >small.tar");
	fd = open(in_dir("small.tar"), O_RDONLY);
	ck_assert(fd >= 0 && fstat(fd, &st) == 0);
	bytes = malloc((size_t)st.st_size);
	ck_assert_int_eq(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	for (off_t i = 0; i < st.st_size; i += 3) {
		for (int how = 0; how < 4; how++) {
			uint8_t was = bytes[i];
			struct weir_fs *fs = NULL;
			size_t len = how == 3 ? (size_t)i : (size_t)st.st_size;

			bytes[i] = how == 0 ? 0 : how == 1 ? 0xff : how == 2 ? (uint8_t)~was : was;
			fd = open(in_dir("try.tar"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
			ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
			close(fd);
			bytes[i] = was;
			if (len < 512)
				continue;
			if (weir_fs_archive_open(in_dir("try.tar"), "archive", &fs, NULL) == 0) {
				struct weir_fs_stat s;

				if (weir_fs_stat(fs, "/t/one", &s, NULL) == 0 && s.type == WEIR_FS_FILE) {
					struct weir_fs_map *map;
					struct weir_slice content;
					volatile uint8_t sum = 0;

					ck_assert_int_eq(weir_fs_map(fs, "/t/one", &map, &content, NULL), 0);
					for (size_t k = 0; k < content.len; k++)
						sum = (uint8_t)(sum + content.ptr[k]);
					weir_fs_unmap(map);
				}
				weir_fs_archive_close(fs);
			}
		}
	}
	free(bytes);
}
