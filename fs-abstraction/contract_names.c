// SPDX-License-Identifier: Apache-2.0
/* The contract of names: listings, renames, directories, removal, locks. */
#include "fs-abstraction/contract_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- FS-03 listings ---- */

struct expected {
	const char *name;
	uint64_t size;
	enum weir_fs_type type;
	int seen;
};

static int find_expected(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct expected *e = arg;

	for (; e->name; e++)
		if (strcmp(e->name, name) == 0 && e->type == st->type && (st->type != WEIR_FS_FILE || e->size == st->size))
			e->seen++;
	return 0;
}

static int stop_at_once(void *arg, const char *name, const struct weir_fs_stat *st)
{
	(void)name, (void)st;
	++*(int *)arg;
	return 42;
}

static int check_list(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct expected want[] = { { "a", 3, WEIR_FS_FILE, 0 }, { ".hidden", 0, WEIR_FS_FILE, 0 }, { "sub", 0, WEIR_FS_DIRECTORY, 0 }, { 0 } };
	int calls = 0, rc;

	TRY(weir__want_entries(fs, dir, 0, err));
	TRY(weir__put_text(fs, IN(dir, "a"), "abc", err));
	TRY(weir__put_text(fs, IN(dir, ".hidden"), "", err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "sub/below"), err));
	TRY(weir_fs_list(fs, dir, find_expected, want, err));
	for (size_t i = 0; want[i].name; i++)
		WANT(want[i].seen == 1, "the listing names %s %d times with its type and size", want[i].name, want[i].seen);
	TRY(weir__want_entries(fs, dir, 3, err));
	rc = weir_fs_list(fs, dir, stop_at_once, &calls, err);
	WANT(rc == 42 && calls == 1, "a callback that says stop with 42 was called %d times and list gave %d", calls, rc);
	WANT_CODE(weir_fs_list(fs, IN(dir, "a"), find_expected, want, err), WEIR_EINVALID, "list of a file");
	WANT_CODE(weir_fs_list(fs, IN(dir, "none"), find_expected, want, err), WEIR_ENOTFOUND, "list of a missing directory");
	return 0;
}

static int check_many(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	char name[32];

	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "entry-%d", i);
		TRY(weir__put_text(fs, IN(dir, name), "", err));
	}
	TRY(weir__want_entries(fs, dir, 10000, err));
	for (int i = 0; i < 10000; i += 2) {
		snprintf(name, sizeof(name), "entry-%d", i);
		TRY(weir_fs_remove(fs, IN(dir, name), false, err));
	}
	TRY(weir__want_entries(fs, dir, 5000, err));
	TRY(weir__want_absent(fs, IN(dir, "entry-4000"), err));
	return weir__want_text(fs, IN(dir, "entry-4001"), "", err);
}

/* Every byte but 0 and the slash, and names that look like something else. */
static int check_odd_names(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	static const char *const odd[] = { "...", "..a", ".a.", " ", "a b", "%41", "a%2Fb", "file:x", "\xff\xfe", "new\nline", "*", "-rf", "~", "\\", "\xc3\xa9" };
	char longest[256], name[8];
	size_t n = 0;

	for (unsigned c = 1; c < 256; c++) {
		if (c == '/')
			continue;
		snprintf(name, sizeof(name), "n%c", (int)c);
		TRY(weir__put_text(fs, IN(dir, name), name, err));
		n++;
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++, n++) {
		TRY(weir__put_text(fs, IN(dir, odd[i]), odd[i], err));
		TRY(weir__want_text(fs, IN(dir, odd[i]), odd[i], err));
	}
	memset(longest, 'x', 255);
	longest[255] = 0;
	TRY(weir__put_text(fs, IN(dir, longest), "long", err));
	TRY(weir__want_entries(fs, dir, n + 1, err));
	return weir__want_text(fs, IN(dir, "n\x80"), "n\x80", err);
}

/* Paths are taken lexically: many slashes, "." and ".." mean nothing. */
static int check_spellings(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir_fs_mkdirs(fs, IN(dir, "a//b/./c/"), err));
	TRY(weir__put_text(fs, IN(dir, "/a/b/../b/c/f"), "x", err));
	TRY(weir__want_text(fs, IN(dir, "a/b/c/f"), "x", err));
	TRY(weir__want_text(fs, IN(dir, "not-there/../a/b/c//f"), "x", err));
	TRY(weir__want_no_open(fs, "relative/f", WEIR_EINVALID, "open of a relative path", err));
	TRY(weir__want_no_open(fs, "", WEIR_EINVALID, "open of an empty path", err));
	return 0;
}

/* ---- FS-07 rename ---- */

static int check_rename(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir__put_text(fs, IN(dir, "a"), "new", err));
	TRY(weir__put_text(fs, IN(dir, "b"), "old", err));
	TRY(weir_fs_rename(fs, IN(dir, "a"), IN(dir, "b"), err));
	TRY(weir__want_text(fs, IN(dir, "b"), "new", err));
	TRY(weir__want_absent(fs, IN(dir, "a"), err));
	TRY(weir_fs_rename(fs, IN(dir, "b"), IN(dir, "b"), err));
	TRY(weir__want_text(fs, IN(dir, "b"), "new", err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "d"), err));
	TRY(weir_fs_rename(fs, IN(dir, "b"), IN(dir, "d/c"), err));
	TRY(weir__want_text(fs, IN(dir, "d/c"), "new", err));
	return weir__want_entries(fs, dir, 1, err);
}

static int check_rename_refused(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir_fs_mkdirs(fs, IN(dir, "d/e"), err));
	TRY(weir__put_text(fs, IN(dir, "f"), "x", err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "empty"), err));
	WANT_CODE(weir_fs_rename(fs, IN(dir, "none"), IN(dir, "x"), err), WEIR_ENOTFOUND, "rename of a missing file");
	WANT_CODE(weir_fs_rename(fs, IN(dir, "f"), IN(dir, "no/x"), err), WEIR_ENOTFOUND, "rename into a missing directory");
	WANT_CODE(weir_fs_rename(fs, IN(dir, "f"), IN(dir, "d"), err), WEIR_EEXISTS, "rename of a file over a directory");
	WANT_CODE(weir_fs_rename(fs, IN(dir, "d"), IN(dir, "f"), err), WEIR_EEXISTS, "rename of a directory over a file");
	WANT_CODE(weir_fs_rename(fs, IN(dir, "empty"), IN(dir, "d"), err), WEIR_EEXISTS, "rename over a directory that is not empty");
	WANT_CODE(weir_fs_rename(fs, IN(dir, "d"), IN(dir, "d/e/g"), err), WEIR_EINVALID, "rename of a directory into itself");
	WANT_CODE(weir_fs_rename(fs, "/", IN(dir, "g"), err), WEIR_EINVALID, "rename of the root");
	TRY(weir__want_text(fs, IN(dir, "f"), "x", err));
	return weir__want_entries(fs, dir, 3, err);
}

static int check_rename_dir(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir_fs_mkdirs(fs, IN(dir, "d/e"), err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "other"), err));
	TRY(weir__put_text(fs, IN(dir, "d/e/f"), "x", err));
	TRY(weir_fs_rename(fs, IN(dir, "d"), IN(dir, "other/d"), err));
	TRY(weir__want_text(fs, IN(dir, "other/d/e/f"), "x", err));
	TRY(weir__want_absent(fs, IN(dir, "d"), err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "empty"), err));
	TRY(weir_fs_rename(fs, IN(dir, "other/d"), IN(dir, "empty"), err));
	return weir__want_text(fs, IN(dir, "empty/e/f"), "x", err);
}

/* ---- FS-08 mkdirs ---- */

static int check_mkdirs(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_stat st = { 0 };

	TRY(weir_fs_mkdirs(fs, "/", err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "a/b/c"), err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "a/b/c"), err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "a/b"), err));
	TRY(weir_fs_stat(fs, IN(dir, "a/b/c"), &st, err));
	WANT(st.type == WEIR_FS_DIRECTORY, "mkdirs made something that is no directory");
	TRY(weir_fs_mkdirs_durable(fs, IN(dir, "d/e/f"), err));
	TRY(weir_fs_mkdirs_durable(fs, IN(dir, "d/e/f"), err));
	TRY(weir_fs_stat(fs, IN(dir, "d/e/f"), &st, err));
	TRY(weir__put_text(fs, IN(dir, "file"), "x", err));
	WANT_CODE(weir_fs_mkdirs(fs, IN(dir, "file"), err), WEIR_EEXISTS, "mkdirs where a file is");
	WANT_CODE(weir_fs_mkdirs(fs, IN(dir, "file/a/b"), err), WEIR_EEXISTS, "mkdirs below a file");
	WANT_CODE(weir_fs_mkdirs_durable(fs, IN(dir, "file/a/b"), err), WEIR_EEXISTS, "mkdirs_durable below a file");
	return weir__want_text(fs, IN(dir, "file"), "x", err);
}

static int check_sync_dir(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir_fs_sync_dir(fs, dir, err));
	TRY(weir__put_text(fs, IN(dir, "f"), "x", err));
	TRY(weir_fs_sync_dir(fs, dir, err));
	TRY(weir_fs_sync_dir(fs, "/", err));
	WANT_CODE(weir_fs_sync_dir(fs, IN(dir, "none"), err), WEIR_ENOTFOUND, "sync_dir of a missing directory");
	return weir__want_text(fs, IN(dir, "f"), "x", err);
}

/* ---- FS-09 remove ---- */

static int check_remove(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	WANT_CODE(weir_fs_remove(fs, IN(dir, "none"), false, err), WEIR_ENOTFOUND, "remove of a missing file");
	WANT_CODE(weir_fs_remove(fs, IN(dir, "none"), true, err), WEIR_ENOTFOUND, "recursive remove of a missing file");
	WANT_CODE(weir_fs_remove(fs, "/", true, err), WEIR_EINVALID, "remove of the root");
	TRY(weir__put_text(fs, IN(dir, "f"), "x", err));
	TRY(weir_fs_remove(fs, IN(dir, "f"), false, err));
	TRY(weir__want_absent(fs, IN(dir, "f"), err));
	TRY(weir__put_text(fs, IN(dir, "f"), "x", err));
	TRY(weir_fs_remove(fs, IN(dir, "f"), true, err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "empty"), err));
	TRY(weir_fs_remove(fs, IN(dir, "empty"), false, err));
	TRY(weir_fs_mkdirs(fs, IN(dir, "d/e/g"), err));
	TRY(weir__put_text(fs, IN(dir, "d/e/f"), "x", err));
	TRY(weir__put_text(fs, IN(dir, "d/.hidden"), "x", err));
	WANT_CODE(weir_fs_remove(fs, IN(dir, "d"), false, err), WEIR_EEXISTS, "remove of a directory that is not empty");
	TRY(weir__want_text(fs, IN(dir, "d/e/f"), "x", err));
	TRY(weir_fs_remove(fs, IN(dir, "d"), true, err));
	return weir__want_entries(fs, dir, 0, err);
}

/* ---- FS-14 lock ---- */

static int check_lock(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_lock *a = NULL, *b = NULL, *c = NULL;
	int second, other;

	weir_fs_unlock(NULL);
	TRY(weir_fs_lock(fs, IN(dir, "lock"), &a, err));
	second = weir_fs_lock(fs, IN(dir, "lock"), &b, NULL);
	other = weir_fs_lock(fs, IN(dir, "another"), &c, err);
	if (!second)
		weir_fs_unlock(b);
	weir_fs_unlock(c);
	weir_fs_unlock(a);
	WANT_CODE(second, WEIR_EBUSY, "a second lock of the same name");
	TRY(other);
	TRY(weir_fs_lock(fs, IN(dir, "lock"), &a, err));
	weir_fs_unlock(a);
	return weir__want_no_lock(fs, IN(dir, "no/lock"), WEIR_ENOTFOUND, "a lock in a missing directory", err);
}

struct locker {
	struct weir_fs *fs;
	const char *path;
};

static int lock_there(void *arg, struct weir_error *err)
{
	struct locker *l = arg;
	struct weir_fs_lock *lock = NULL;
	int rc = weir_fs_lock(l->fs, l->path, &lock, err);

	if (!rc)
		weir_fs_unlock(lock);
	return rc;
}

static int check_lock_process(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct named path = weir__named(dir, "lock");
	struct locker l = { fs, path.path };
	struct weir_fs_lock *mine = NULL;
	char pid[32];
	int rc;

	TRY(weir_fs_lock(fs, path.path, &mine, err));
	rc = weir__in_child(lock_there, &l, err);
	weir_fs_unlock(mine);
	WANT(rc == WEIR_EBUSY, "another process got a lock that is held (%s)", weir_code_name(rc));
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	WANT(strstr(err->msg, pid), "the refusal does not name the holder: %s", err->msg);
	weir_error_clear(err);
	return weir__in_child(lock_there, &l, err);
}

/* A child takes the lock, says so, and is killed. */
static int check_lock_death(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct named path = weir__named(dir, "lock");
	struct weir_fs_lock *lock = NULL;
	char byte = 0;
	int fds[2], held;
	pid_t pid;

	WANT(pipe(fds) == 0, "no pipe");
	pid = fork();
	if (pid == 0) {
		byte = weir_fs_lock(fs, path.path, &lock, NULL) == 0 ? 'y' : 'n';
		if (write(fds[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	held = pid > 0 && read(fds[0], &byte, 1) == 1 && byte == 'y' ? weir_fs_lock(fs, path.path, &lock, NULL) : 0;
	close(fds[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	WANT(byte == 'y', "the second process did not get the lock");
	if (held == 0)
		weir_fs_unlock(lock);
	WANT_CODE(held, WEIR_EBUSY, "a lock that another process holds");
	TRY(weir_fs_lock(fs, path.path, &lock, err));
	weir_fs_unlock(lock);
	return 0;
}

const struct weir_fs_check weir__fs_checks_names[] = {
	{ "FS-03.a", "a listing names each entry once, with type and size", 0, check_list },
	{ "FS-03.b", "a directory of 10,000 entries", 0, check_many },
	{ "FS-03.c", "every byte but 0 and the slash may stand in a name", 0, check_odd_names },
	{ "FS-03.d", "spellings of a path are one path", 0, check_spellings },
	{ "FS-03.e", "sync_dir works on every directory", WEIR_FS_DIR_SYNC, check_sync_dir },
	{ "FS-07.a", "rename replaces its target and takes the old name away", WEIR_FS_ATOMIC_RENAME, check_rename },
	{ "FS-07.b", "renames that cannot be are refused and change nothing", WEIR_FS_ATOMIC_RENAME, check_rename_refused },
	{ "FS-07.c", "a directory is renamed with what is in it", WEIR_FS_ATOMIC_RENAME, check_rename_dir },
	{ "FS-08.a", "mkdirs makes parents, accepts what is there, refuses files in the way", 0, check_mkdirs },
	{ "FS-09.a", "remove: missing, file, empty and full directories", 0, check_remove },
	{ "FS-14.a", "a lock is held once", WEIR_FS_LOCK, check_lock },
	{ "FS-14.b", "a lock excludes other processes and names its holder", WEIR_FS_LOCK | WEIR_FS_SHARED, check_lock_process },
	{ "FS-14.c", "a lock goes when its holder dies", WEIR_FS_LOCK | WEIR_FS_SHARED, check_lock_death },
	{ 0 },
};
