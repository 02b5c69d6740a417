// SPDX-License-Identifier: Apache-2.0
/* The contract suite over every file system, and over broken ones, which it must find out. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs-abstraction/contract.h"
#include "fs-abstraction/fs_layers.h"

struct tally { int holds, broken, skipped; };

static void count(void *arg, const struct weir_fs_check *c, enum weir_fs_verdict v, const struct weir_error *err)
{
	struct tally *t = arg;
	char text[1200];

	if (v == WEIR_FS_BROKEN)
		printf("%s %s: %s\n", c->id, c->text, weir_error_text(err, text, sizeof(text)));
	*(v == WEIR_FS_HOLDS ? &t->holds : v == WEIR_FS_BROKEN ? &t->broken : &t->skipped) += 1;
}

static void run_all(struct weir_fs *fs, const char *dir, int want_skipped)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct tally t = { 0 };
	struct weir_fs_stat st;
	size_t n;

	weir_fs_checks(&n);
	ck_ok(weir_fs_contract(fs, dir, NULL, count, &t, &err));
	ck_assert_int_eq(t.broken, 0);
	ck_assert_int_eq(t.skipped, want_skipped);
	ck_assert_int_eq(t.holds, (int)n - want_skipped);
	ck_assert_int_ge(t.holds, 30);
	ck_assert_int_eq(weir_fs_stat(fs, dir, &st, NULL), WEIR_ENOTFOUND);
}

static const char *local_dir(void)
{
	static char dir[4200];

	snprintf(dir, sizeof(dir), "%s/contract", weir_test_dir());
	return dir;
}

static void ignore(void *arg, const struct weir_fs_call *call)
{
	char text[9000];

	if (weir_fs_call_text(call, text, sizeof(text))[0])
		__atomic_add_fetch((uint64_t *)arg, 1, __ATOMIC_SEQ_CST);
}

WEIR_TEST(local_keeps_the_contract)
{
	run_all(weir_fs_local, local_dir(), 0);
}

WEIR_TEST(memory_keeps_the_contract)
{
	struct weir_fs *fs = weir_fs_memory_new("contract");

	run_all(fs, "/t/contract", 3); /* no second process can see it */
	weir_fs_memory_free(fs);
}

WEIR_TEST(trace_of_local_keeps_the_contract)
{
	uint64_t calls = 0;
	struct weir_fs *fs = weir_fs_trace_new(weir_fs_local, ignore, &calls);

	run_all(fs, local_dir(), 0);
	ck_assert_uint_gt(calls, 40000);
	weir_fs_trace_free(fs);
}

WEIR_TEST(fault_that_never_comes_keeps_the_contract)
{
	struct weir_fs_fault never = { .nth = 0, .code = WEIR_ENOSPC };
	struct weir_fs *fs = weir_fs_fault_new(weir_fs_local, &never);

	run_all(fs, local_dir(), 0);
	ck_assert_uint_gt(weir_fs_fault_count(fs), 20000);
	weir_fs_fault_free(fs);
}

WEIR_TEST(trace_of_fault_of_memory_keeps_the_contract)
{
	struct weir_fs_fault never = { 0 };
	uint64_t calls = 0;
	struct weir_fs *memory = weir_fs_memory_new("deep"), *fault = weir_fs_fault_new(memory, &never), *fs = weir_fs_trace_new(fault, ignore, &calls);

	run_all(fs, "/contract", 3);
	weir_fs_trace_free(fs);
	weir_fs_fault_free(fault);
	weir_fs_memory_free(memory);
}

WEIR_TEST(a_prefix_picks_checks)
{
	struct weir_fs *fs = weir_fs_memory_new("prefix");
	struct weir_error err = WEIR_ERROR_INIT;
	struct tally t = { 0 };

	ck_ok(weir_fs_contract(fs, "/x", "FS-13", count, &t, &err));
	ck_assert_int_eq(t.holds, 9);
	ck_assert_int_eq(weir_fs_contract(fs, "/x", "FS-99", count, &t, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "FS-99"));
	weir_fs_memory_free(fs);
}

/* ---- broken file systems: the memory one with one operation replaced ---- */

static const struct weir_fs_ops *good;

static int create_that_replaces(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err)
{
	(void)mode;
	return good->create(fs, path, WEIR_FS_OVERWRITE, out, err);
}

static int create_that_makes_parents(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err)
{
	char *parent = strdup(path);
	int rc;

	*strrchr(parent, '/') = 0;
	rc = *parent ? weir_fs_mkdirs(fs, parent, NULL) : 0;
	(void)rc;
	free(parent);
	return good->create(fs, path, mode, out, err);
}

static int write_that_loses_a_byte(struct weir_fs_out *out, const void *p, size_t len, struct weir_error *err)
{
	return good->write(out, p, len > 60000 ? len - 1 : len, err);
}

static void abort_that_leaves(struct weir_fs_out *out)
{
	int rc = good->close(out, NULL);

	(void)rc;
}

static int read_that_is_short(struct weir_fs_in *in, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	return good->read_at(in, buf, len > 4096 ? 4096 : len, offset, out_n, err);
}

static int rename_that_refuses(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err)
{
	struct weir_fs_stat st;

	return good->stat(fs, to, &st, NULL) == 0 ? weir_error_set(err, WEIR_EEXISTS, "the target exists") : good->rename(fs, from, to, err);
}

static int remove_that_skips_hidden(struct weir_fs *fs, const char *path, bool directory, struct weir_error *err)
{
	return strrchr(path, '/')[1] == '.' ? 0 : good->remove(fs, path, directory, err);
}

struct lie { struct weir_fs_lock base; };
static int lock_that_is_none(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err)
{
	struct lie *l = malloc(sizeof(*l));

	(void)path, (void)err;
	l->base.fs = fs;
	*out = &l->base;
	return 0;
}
static void unlock_nothing(struct weir_fs_lock *l) { free(l); }

struct twice { weir_fs_list_fn *fn; void *arg; };
static int tell_twice(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct twice *t = arg;
	int rc = t->fn(t->arg, name, st);

	return rc || strcmp(name, "a") != 0 ? rc : t->fn(t->arg, name, st);
}
static int list_that_repeats(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err)
{
	struct twice t = { fn, arg };

	return good->list(fs, path, tell_twice, &t, err);
}

static int resume_that_appends(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err)
{
	struct weir_fs_stat st;
	int rc = good->stat(fs, path, &st, err);

	return rc ? rc : good->resume(fs, path, st.size > length ? st.size : length, out, err);
}

static int resume_that_believes(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err)
{
	struct weir_fs_stat st;
	int rc = good->stat(fs, path, &st, err);

	return rc ? rc : good->resume(fs, path, st.size < length ? st.size : length, out, err);
}

static int stat_of_half(struct weir_fs *fs, const char *path, struct weir_fs_stat *st, struct weir_error *err)
{
	int rc = good->stat(fs, path, st, err);

	if (!rc)
		st->size /= 2;
	return rc;
}

static struct weir_error broken_first;
static void keep_first(void *arg, const struct weir_fs_check *c, enum weir_fs_verdict v, const struct weir_error *err)
{
	char *id = arg;

	if (v == WEIR_FS_BROKEN && !id[0]) {
		snprintf(id, 16, "%s", c->id);
		broken_first = *err;
	}
}

static void expect_broken(const struct weir_fs_ops *bad, const char *want)
{
	struct weir_fs *fs = weir_fs_memory_new("broken");
	struct weir_error err = WEIR_ERROR_INIT;
	char id[16] = "";
	int rc;

	fs->ops = bad;
	rc = weir_fs_contract(fs, "/t", NULL, keep_first, id, &err);
	ck_assert_int_eq(rc, WEIR_EFAILED);
	ck_assert_str_eq(id, want);
	ck_assert_ptr_nonnull(strstr(err.msg, want)); /* the summary names the first */
	ck_assert_int_gt((int)strlen(broken_first.msg), 10);
	weir_fs_memory_free(fs);
}

WEIR_TEST(broken_file_systems_are_found_out)
{
	struct weir_fs *fs = weir_fs_memory_new("good");
	struct weir_fs_ops bad;

	good = fs->ops;
#define MUTANT(member, function, id) (bad = *good, bad.member = function, expect_broken(&bad, id))
	MUTANT(create, create_that_replaces, "FS-06.a");
	MUTANT(create, create_that_makes_parents, "FS-06.a");
	MUTANT(write, write_that_loses_a_byte, "FS-01.a");
	MUTANT(abort, abort_that_leaves, "FS-04.a");
	MUTANT(read_at, read_that_is_short, "FS-01.a");
	MUTANT(rename, rename_that_refuses, "FS-07.a");
	MUTANT(remove, remove_that_skips_hidden, "FS-03.a");
	MUTANT(list, list_that_repeats, "FS-03.a");
	MUTANT(resume, resume_that_appends, "FS-13.d");
	MUTANT(stat, stat_of_half, "FS-01.d");
	bad = *good;
	bad.lock = lock_that_is_none;
	bad.unlock = unlock_nothing;
	expect_broken(&bad, "FS-14.a");
	weir_fs_memory_free(fs);
}

/* recover.c looks at the length itself: a file system that would continue a file too short does not get the chance. */
WEIR_TEST(recovery_does_not_trust_the_file_system_with_lengths)
{
	struct weir_fs *fs = weir_fs_memory_new("trusting");
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_ops bad = *fs->ops;

	good = fs->ops;
	bad.resume = resume_that_believes;
	fs->ops = &bad;
	ck_ok(weir_fs_contract(fs, "/t", "FS-13", NULL, NULL, &err));
	weir_fs_memory_free(fs);
}
