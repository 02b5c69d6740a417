// SPDX-License-Identifier: Apache-2.0
/*
 * The local file system: what only a real disk shows. Links, odd files, locks and kills between processes, the operation counter.
 * The counter reads the environment at the first changing operation of a process, so parents here change nothing through weir
 * before their children have run.
 */
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "fs-abstraction/fs_layers.h"

static struct weir_error err = WEIR_ERROR_INIT;

static const char *in_dir(const char *name)
{
	static char paths[8][4200];
	static int turn;
	char *p = paths[turn++ % 8];

	snprintf(p, sizeof(paths[0]), "%s/%s", weir_test_dir(), name);
	return p;
}

static struct weir_slice text(const char *t) { return (struct weir_slice){ (const uint8_t *)t, strlen(t) }; }

static void put(const char *name, const char *content)
{
	FILE *f = fopen(in_dir(name), "w");

	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

/* "-" when the file is missing. */
static const char *get(const char *name)
{
	static char content[256];
	FILE *f = fopen(in_dir(name), "r");

	if (!f)
		return "-";
	content[fread(content, 1, sizeof(content) - 1, f)] = 0;
	fclose(f);
	return content;
}

/* ---- links and other things that are no plain files ---- */

WEIR_TEST(recursive_remove_does_not_follow_links)
{
	ck_assert_int_eq(mkdir(in_dir("keep"), 0777), 0);
	put("keep/precious", "x");
	ck_assert_int_eq(mkdir(in_dir("tree"), 0777), 0);
	ck_assert_int_eq(symlink(in_dir("keep"), in_dir("tree/dir-link")), 0);
	ck_assert_int_eq(symlink(in_dir("keep/precious"), in_dir("tree/file-link")), 0);
	ck_assert_int_eq(symlink("/nowhere", in_dir("tree/dangling")), 0);
	ck_ok(weir_fs_remove(weir_fs_local, in_dir("tree"), true, &err));
	ck_assert_str_eq(get("keep/precious"), "x");
	ck_assert_int_ne(access(in_dir("tree"), F_OK), 0);
	ck_assert_int_eq(symlink(in_dir("keep"), in_dir("link")), 0);
	ck_ok(weir_fs_remove(weir_fs_local, in_dir("link"), true, &err));
	ck_assert_str_eq(get("keep/precious"), "x");
}

static int see(void *arg, const char *name, const struct weir_fs_stat *st)
{
	char *seen = arg;

	snprintf(seen + strlen(seen), 200 - strlen(seen), "%s:%d%s ", name, (int)st->type, st->link ? "L" : "");
	return 0;
}

WEIR_TEST(links_are_told_with_what_they_lead_to)
{
	struct weir_fs_stat st;
	char seen[200] = "";

	ck_assert_int_eq(mkdir(in_dir("d"), 0777), 0);
	put("d/f", "12345");
	ck_assert_int_eq(symlink("f", in_dir("d/l")), 0);
	ck_assert_int_eq(symlink("none", in_dir("d/dangling")), 0);
	ck_ok(weir_fs_stat(weir_fs_local, in_dir("d/l"), &st, &err));
	ck_assert(st.link && st.type == WEIR_FS_FILE && st.size == 5);
	ck_ok(weir_fs_list(weir_fs_local, in_dir("d"), see, seen, &err));
	ck_assert_ptr_nonnull(strstr(seen, "f:0 "));
	ck_assert_ptr_nonnull(strstr(seen, "l:0L "));
	ck_assert_ptr_nonnull(strstr(seen, "dangling:2L "));
}

WEIR_TEST(a_fifo_is_refused_and_does_not_hang)
{
	struct weir_fs_in *in;

	ck_assert_int_eq(mkfifo(in_dir("pipe"), 0666), 0);
	ck_assert_int_eq(weir_fs_open(weir_fs_local, in_dir("pipe"), &in, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "not a regular file"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_fs_open(weir_fs_local, "/dev/null", &in, &err), WEIR_EINVALID);
}

WEIR_TEST(messages_name_path_and_reason)
{
	struct weir_fs_in *in;
	struct weir_fs_out *out;
	char line[1300], name[400];

	ck_assert_int_eq(weir_fs_open(weir_fs_local, in_dir("none"), &in, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(weir_error_text(&err, line, sizeof(line)), "/none: cannot open: No such file"));
	weir_error_clear(&err);
	memset(name, 'x', 300);
	name[300] = 0;
	ck_assert_int_eq(weir_fs_create(weir_fs_local, in_dir(name), WEIR_FS_NO_OVERWRITE, &out, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "too long"));
}

/* A real limit instead of a full disk: writes past it fail with EFBIG. */
WEIR_TEST(a_real_write_error_leaves_no_file)
{
	struct rlimit limit = { 100000, 100000 };
	char *big = calloc(1, 300000);
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put("f", "old");
	rc = weir_fs_publish(weir_fs_local, in_dir("f"), (struct weir_slice){ (uint8_t *)big, 300000 }, &err);
	ck_assert_int_eq(rc, WEIR_EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "cannot write"));
	ck_assert_str_eq(get("f"), "old");
	free(big);
	weir_error_clear(&err);
	ck_ok(weir_fs_remove(weir_fs_local, in_dir("f"), false, &err));
	ck_assert_int_eq(rmdir(weir_test_dir()), 0); /* nothing else in it */
	ck_assert_int_eq(mkdir(weir_test_dir(), 0777), 0);
}

WEIR_TEST(descriptors_are_not_leaked_nor_inherited)
{
	struct weir_fs_in *in;
	struct weir_fs_out *out;
	struct weir_fs_lock *lock;
	struct weir_fs_map *map;
	struct weir_slice s;
	int before = dup(0), after;

	close(before);
	for (int i = 0; i < 20; i++) {
		ck_ok(weir_fs_create(weir_fs_local, in_dir("f"), WEIR_FS_OVERWRITE, &out, &err));
		ck_ok(weir_fs_open(weir_fs_local, in_dir("f"), &in, &err));
		ck_ok(weir_fs_lock(weir_fs_local, in_dir("lock"), &lock, &err));
		for (int fd = before; fd < before + 3; fd++)
			ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		ck_ok(weir_fs_map(weir_fs_local, in_dir("f"), &map, &s, &err));
		weir_fs_unmap(map);
		weir_fs_unlock(lock);
		weir_fs_in_close(in);
		if (i % 2)
			weir_fs_abort(out);
		else
			ck_ok(weir_fs_close(out, &err));
		ck_ok(weir_fs_publish(weir_fs_local, in_dir("g"), text("x"), &err));
		ck_ok(weir_fs_sync_dir(weir_fs_local, weir_test_dir(), &err));
		ck_assert_int_ne(weir_fs_open(weir_fs_local, weir_test_dir(), &in, NULL), 0);
		ck_assert_int_ne(weir_fs_create(weir_fs_local, in_dir("g"), WEIR_FS_NO_OVERWRITE, &out, NULL), 0);
	}
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
}

/* ---- locks ---- */

WEIR_TEST(many_processes_never_hold_one_lock_twice)
{
	for (int child = 0; child < 4; child++)
		if (fork() == 0) {
			int got = 0;

			for (int i = 0; i < 100000 && got < 50; i++) {
				struct weir_fs_lock *lock;

				if (weir_fs_lock(weir_fs_local, in_dir("lock"), &lock, NULL)) {
					usleep(100);
					continue;
				}
				got++;
				if (open(in_dir("mark"), O_CREAT | O_EXCL | O_CLOEXEC, 0666) < 0 || unlink(in_dir("mark")) != 0)
					_exit(2); /* another one is inside */
				weir_fs_unlock(lock);
			}
			_exit(got == 50 ? 0 : 3);
		}
	for (int child = 0; child < 4; child++) {
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_ne(access(in_dir("lock"), F_OK), 0); /* unlock takes the file away */
}

/* ---- the operation counter ---- */

/* What the crash test does in miniature: a checkpoint directory, a state file, _metadata. */
static int small_checkpoint(void)
{
	struct weir_fs_out *out;
	int rc = weir_fs_mkdirs_durable(weir_fs_local, in_dir("ckpt/chk-1"), &err);

	if (!rc)
		rc = weir_fs_create(weir_fs_local, in_dir("ckpt/chk-1/state"), WEIR_FS_OVERWRITE, &out, &err);
	if (rc)
		return rc;
	rc = weir_fs_write(out, "state", 5, &err);
	if (!rc)
		rc = weir_fs_sync(out, &err);
	if (rc) {
		weir_fs_abort(out);
		return rc;
	}
	rc = weir_fs_close(out, &err);
	if (!rc)
		rc = weir_fs_sync_dir(weir_fs_local, in_dir("ckpt/chk-1"), &err);
	return rc ? rc : weir_fs_publish(weir_fs_local, in_dir("ckpt/chk-1/_metadata"), text("metadata"), &err);
}

/* Runs it in a child with one variable set. The wait status; 1 << 8 when it failed as told, its message in "message". */
static int run_child(const char *variable, const char *value)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		char line[1300];

		setenv(variable, value, 1);
		if (small_checkpoint() == 0)
			exit(0);
		put("message", weir_error_text(&err, line, sizeof(line)));
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void clear(void)
{
	char command[4300];

	snprintf(command, sizeof(command), "rm -rf '%s/ckpt'", weir_test_dir());
	ck_assert_int_eq(system(command), 0);
}

static int operations(void)
{
	int n;

	ck_assert_int_eq(run_child("WEIR_FS_COUNT", in_dir("count")), 0);
	n = atoi(get("count"));
	clear();
	return n;
}

WEIR_TEST(killed_at_every_operation)
{
	int n = operations();
	char value[16];

	ck_assert_int_ge(n, 15);
	for (int i = 1; i <= n + 1; i++) {
		int status;

		snprintf(value, sizeof(value), "%d", i);
		status = run_child("WEIR_FS_KILL_AT", value);
		if (i <= n)
			ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		else
			ck_assert_int_eq(status, 0);
		if (strcmp(get("ckpt/chk-1/_metadata"), "-") != 0) { /* complete, and so is what it stands for */
			ck_assert_str_eq(get("ckpt/chk-1/_metadata"), "metadata");
			ck_assert_str_eq(get("ckpt/chk-1/state"), "state");
			ck_assert_int_ge(i, n); /* only the last sync_dir is missing */
		} else {
			ck_assert_int_lt(i, n);
		}
		ck_assert_int_eq(run_child("WEIR_FS_KILL_AT", "0"), 0); /* and the next attempt is not disturbed */
		ck_assert_str_eq(get("ckpt/chk-1/_metadata"), "metadata");
		clear();
	}
}

WEIR_TEST(counting_begins_where_it_is_told_to)
{
	int all = operations(), rest;

	setenv("WEIR_FS_COUNT_FROM", "._metadata", 1);
	rest = operations();
	ck_assert_int_gt(rest, 0);
	ck_assert_int_lt(rest, all);
	ck_assert(WIFSIGNALED(run_child("WEIR_FS_KILL_AT", "1")));
	ck_assert_str_eq(get("ckpt/chk-1/state"), "state");
	clear();
	setenv("WEIR_FS_COUNT_FROM", "/nothing-is-called-so", 1);
	ck_assert_int_eq(operations(), 0);
	unsetenv("WEIR_FS_COUNT_FROM");
}

WEIR_TEST(failed_at_every_operation)
{
	int n = operations();
	char value[32];

	for (int i = 1; i <= n; i++)
		for (int sticky = 0; sticky < 2; sticky++) {
			snprintf(value, sizeof(value), sticky ? "%d+:NOSPC" : "%d:NOSPC", i);
			ck_assert_int_eq(run_child("WEIR_FS_FAIL_AT", value), 1 << 8);
			ck_assert_ptr_nonnull(strstr(get("message"), "no space left on device"));
			if (i > 1) /* the first syncs the parent of the test's directory */
				ck_assert_ptr_nonnull(strstr(get("message"), weir_test_dir()));
			if (strcmp(get("ckpt/chk-1/_metadata"), "-") != 0)
				ck_assert_str_eq(get("ckpt/chk-1/_metadata"), "metadata");
			clear();
		}
}

WEIR_TEST(a_counter_that_cannot_be_read_fails_loudly)
{
	static const char *const bad[][2] = { { "WEIR_FS_KILL_AT", "x" },	   { "WEIR_FS_KILL_AT", "3x" },	     { "WEIR_FS_FAIL_AT", "3" },
					      { "WEIR_FS_FAIL_AT", "3:ENOSPC" }, { "WEIR_FS_FAIL_AT", ":NOSPC" }, { "WEIR_FS_FAIL_AT", "3:" } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(run_child(bad[i][0], bad[i][1]), 1 << 8);
		ck_assert_ptr_nonnull(strstr(get("message"), bad[i][0]));
	}
}
