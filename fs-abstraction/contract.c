// SPDX-License-Identifier: Apache-2.0
/*
 * The contract suite: its table, its runner, and the steps its checks are made of. The checks themselves: contract_files.c
 * (FS-01 to FS-06, FS-10 to FS-12), contract_names.c (FS-03, FS-07 to FS-09, FS-14), contract_writer.c (FS-13, publish).
 * A check leaves its directory to the runner, which removes it whatever the outcome.
 */
#include "fs-abstraction/contract.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vec.h"
#include "fs-abstraction/contract_priv.h"

/* ---- steps ---- */

int weir__want_code(int got, int want, const char *what, struct weir_error *err)
{
	if (got == want) {
		weir_error_clear(err);
		return 0;
	}
	if (got == 0)
		BREAK("%s succeeded; %s was promised", what, weir_code_name(want));
	weir_error_clear(err);
	BREAK("%s failed with %s; %s was promised", what, weir_code_name(got), weir_code_name(want));
}

int weir__want_no_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, int code, const char *what, struct weir_error *err)
{
	struct weir_fs_out *out = NULL;
	int rc = weir_fs_create(fs, path, mode, &out, err);

	weir_fs_abort(out);
	return weir__want_code(rc, code, what, err);
}

int weir__want_no_open(struct weir_fs *fs, const char *path, int code, const char *what, struct weir_error *err)
{
	struct weir_fs_in *in = NULL;
	int rc = weir_fs_open(fs, path, &in, err);

	weir_fs_in_close(in);
	return weir__want_code(rc, code, what, err);
}

int weir__want_no_map(struct weir_fs *fs, const char *path, int code, const char *what, struct weir_error *err)
{
	struct weir_fs_map *m = NULL;
	struct weir_slice bytes;
	int rc = weir_fs_map(fs, path, &m, &bytes, err);

	weir_fs_unmap(m);
	return weir__want_code(rc, code, what, err);
}

int weir__want_no_lock(struct weir_fs *fs, const char *path, int code, const char *what, struct weir_error *err)
{
	struct weir_fs_lock *lock = NULL;
	int rc = weir_fs_lock(fs, path, &lock, err);

	weir_fs_unlock(lock);
	return weir__want_code(rc, code, what, err);
}

int weir__put_file(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, const void *p, size_t len, struct weir_error *err)
{
	struct weir_fs_out *out = NULL;
	int rc = weir_fs_create(fs, path, mode, &out, err);

	if (rc)
		return rc;
	rc = weir_fs_write(out, p, len, err);
	if (rc) {
		weir_fs_abort(out);
		return rc;
	}
	return weir_fs_close(out, err);
}

int weir__put_text(struct weir_fs *fs, const char *path, const char *text, struct weir_error *err)
{
	return weir__put_file(fs, path, WEIR_FS_NO_OVERWRITE, text, strlen(text), err);
}

static int compare(struct weir_fs_in *in, const char *path, const uint8_t *p, size_t len, struct weir_error *err)
{
	uint8_t piece[16384];
	uint64_t size = 0;

	TRY(weir_fs_size(in, &size, err));
	WANT(size == len, "%s has %llu bytes, not %zu", path, (unsigned long long)size, len);
	for (size_t at = 0; at <= len;) {
		size_t n = 0;

		TRY(weir_fs_read_at(in, piece, sizeof(piece), at, &n, err));
		WANT(n == (len - at < sizeof(piece) ? len - at : sizeof(piece)), "%s: %zu bytes came from offset %zu of %zu", path, n, at, len);
		WANT(n == 0 || memcmp(piece, p + at, n) == 0, "%s: other bytes than were written, from offset %zu on", path, at);
		if (n < sizeof(piece))
			break;
		at += n;
	}
	return 0;
}

int weir__want_file(struct weir_fs *fs, const char *path, const void *p, size_t len, struct weir_error *err)
{
	struct weir_fs_in *in = NULL;
	int rc = weir_fs_open(fs, path, &in, err);

	if (rc)
		return rc;
	rc = compare(in, path, p, len, err);
	weir_fs_in_close(in);
	return rc;
}

int weir__want_text(struct weir_fs *fs, const char *path, const char *text, struct weir_error *err)
{
	return weir__want_file(fs, path, text, strlen(text), err);
}

int weir__want_absent(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct weir_fs_stat st;
	int rc = weir_fs_stat(fs, path, &st, err);

	WANT(rc, "%s is there and should not be", path);
	WANT_CODE(rc, WEIR_ENOTFOUND, "stat of a missing file");
	return weir__want_no_open(fs, path, WEIR_ENOTFOUND, "open of a missing file", err);
}

struct name_list {
	WEIR_VEC(char *) all;
};

static int keep_name(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct name_list *l = arg;
	char **slot = weir_vec_push(&l->all);

	(void)st;
	return slot && (*slot = strdup(name)) ? 0 : WEIR_ENOMEM;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int weir__want_entries(struct weir_fs *fs, const char *dir, size_t n, struct weir_error *err)
{
	struct name_list l = { 0 };
	int rc = weir_fs_list(fs, dir, keep_name, &l, err);

	if (!rc && l.all.len)
		qsort(l.all.items, l.all.len, sizeof(char *), compare_names);
	for (size_t i = 1; i < l.all.len && !rc; i++)
		if (strcmp(l.all.items[i - 1], l.all.items[i]) == 0)
			rc = weir_error_set(err, WEIR_EFAILED, "%s: the listing names %s twice", dir, l.all.items[i]);
	if (!rc && l.all.len != n)
		rc = weir_error_set(err, WEIR_EFAILED, "%s: the listing has %zu names, not %zu", dir, l.all.len, n);
	for (size_t i = 0; i < l.all.len; i++)
		free(l.all.items[i]);
	weir_vec_fini(&l.all);
	return rc;
}

int weir__in_child(int (*fn)(void *arg, struct weir_error *err), void *arg, struct weir_error *err)
{
	struct weir_error theirs = WEIR_ERROR_INIT;
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return weir_error_set(err, WEIR_EIO, "no pipe to a second process");
	pid = fork();
	if (pid == 0) {
		int rc = fn(arg, &theirs);

		theirs.code = rc;
		n = write(fds[1], &theirs, sizeof(theirs)); /* less than PIPE_BUF: whole or not */
		_exit(n == (ssize_t)sizeof(theirs) ? 0 : 1);
	}
	close(fds[1]);
	n = pid > 0 ? read(fds[0], &theirs, sizeof(theirs)) : -1;
	close(fds[0]);
	if (pid < 0)
		return weir_error_set(err, WEIR_EIO, "no second process");
	while (waitpid(pid, &status, 0) < 0)
		;
	if (n != (ssize_t)sizeof(theirs))
		return weir_error_set(err, WEIR_EBUG, "the second process died (status 0x%x)", (unsigned)status);
	if (theirs.code && err && !err->code)
		*err = theirs;
	return theirs.code;
}

/* ---- table and runner ---- */

static const struct weir_fs_check *all;
static size_t nall;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct weir_fs_check table[128];

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct weir_fs_check *)a)->id, ((const struct weir_fs_check *)b)->id);
}

static void fill_table(void)
{
	const struct weir_fs_check *const parts[] = { weir__fs_checks_files, weir__fs_checks_names, weir__fs_checks_writer };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const struct weir_fs_check *c = parts[i]; c->id && nall < sizeof(table) / sizeof(table[0]); c++)
			table[nall++] = *c;
	qsort(table, nall, sizeof(table[0]), compare_ids);
	all = table;
}

const struct weir_fs_check *weir_fs_checks(size_t *out_n)
{
	pthread_once(&once, fill_table);
	*out_n = nall;
	return all;
}

static enum weir_fs_verdict run_one(struct weir_fs *fs, const char *dir, const struct weir_fs_check *c, struct weir_error *found)
{
	struct named own = weir__named(dir, c->id);
	int rc;

	if (c->caps & ~weir_fs_caps(fs)) {
		weir_error_set(found, WEIR_EUNSUPPORTED, "the file system %s: does not claim it", weir_fs_scheme(fs));
		return WEIR_FS_NOT_APPLICABLE;
	}
	rc = weir_fs_mkdirs(fs, own.path, found);
	if (!rc) {
		struct weir_error clean = WEIR_ERROR_INIT;

		rc = c->fn(fs, own.path, found);
		if (weir_fs_remove(fs, own.path, true, &clean) && !rc) {
			*found = clean;
			rc = weir_error_wrap(found, "what the check left could not be removed");
		}
	}
	return rc ? WEIR_FS_BROKEN : WEIR_FS_HOLDS;
}

int weir_fs_contract(struct weir_fs *fs, const char *dir, const char *prefix, weir_fs_verdict_fn *fn, void *arg, struct weir_error *err)
{
	struct weir_error first = WEIR_ERROR_INIT;
	const struct weir_fs_check *c, *first_check = NULL;
	size_t n, broken = 0, ran = 0;
	char text[1100];
	int rc;

	c = weir_fs_checks(&n);
	rc = weir_fs_mkdirs(fs, dir, err);
	if (rc)
		return weir_error_wrap(err, "the checks need a directory to work in"), rc;
	for (size_t i = 0; i < n; i++) {
		struct weir_error found = WEIR_ERROR_INIT;
		enum weir_fs_verdict v;

		if (prefix && strncmp(c[i].id, prefix, strlen(prefix)) != 0)
			continue;
		ran++;
		v = run_one(fs, dir, &c[i], &found);
		if (v == WEIR_FS_BROKEN && broken++ == 0) {
			first = found;
			first_check = &c[i];
		}
		if (fn)
			fn(arg, &c[i], v, &found);
	}
	rc = weir_fs_remove(fs, dir, true, err);
	if (broken)
		return weir_error_clear(err), weir_error_set(err, WEIR_EFAILED, "%zu of %zu checks of the contract fail; the first is %s (%s): %s", broken, ran,
							     first_check->id, first_check->text, weir_error_text(&first, text, sizeof(text)));
	if (!rc && ran == 0)
		return weir_error_set(err, WEIR_EINVALID, "no check begins with \"%s\"", prefix);
	return rc;
}
