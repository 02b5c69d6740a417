// SPDX-License-Identifier: Apache-2.0
/* The memory file system's crash: what survives, with and without a seed. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "fs-abstraction/fs_layers.h"

static struct weir_error err = WEIR_ERROR_INIT;

static void put(struct weir_fs *fs, const char *path, const char *text, bool sync)
{
	struct weir_fs_out *out;

	ck_ok(weir_fs_create(fs, path, WEIR_FS_NO_OVERWRITE, &out, &err));
	ck_ok(weir_fs_write(out, text, strlen(text), &err));
	if (sync)
		ck_ok(weir_fs_sync(out, &err));
	ck_ok(weir_fs_close(out, &err));
}

/* The content as text, "-" when the file is missing. */
static const char *get(struct weir_fs *fs, const char *path)
{
	static char text[4][256];
	static int turn;
	char *to = text[turn++ % 4];
	struct weir_fs_in *in;
	size_t n = 0;

	if (weir_fs_open(fs, path, &in, NULL))
		return "-";
	ck_ok(weir_fs_read_at(in, to, 255, 0, &n, &err));
	to[n] = 0;
	weir_fs_in_close(in);
	return to;
}

static struct weir_fs *fresh(void)
{
	struct weir_fs *fs = weir_fs_memory_new("m");

	ck_ok(weir_fs_mkdirs_durable(fs, "/d", &err));
	return fs;
}

WEIR_TEST(without_a_directory_sync_a_new_file_is_gone)
{
	struct weir_fs *fs = fresh();

	put(fs, "/d/synced", "x", true);
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/synced"), "-");
	weir_fs_memory_free(fs);
}

WEIR_TEST(without_a_file_sync_the_content_is_gone)
{
	struct weir_fs *fs = fresh();

	put(fs, "/d/f", "x", false);
	put(fs, "/d/g", "y", true);
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/f"), "");
	ck_assert_str_eq(get(fs, "/d/g"), "y");
	weir_fs_memory_crash(fs, 0); /* what survived once is durable */
	ck_assert_str_eq(get(fs, "/d/g"), "y");
	weir_fs_memory_free(fs);
}

WEIR_TEST(writes_after_the_sync_are_gone)
{
	struct weir_fs *fs = fresh();
	struct weir_fs_out *out;

	ck_ok(weir_fs_create(fs, "/d/f", WEIR_FS_NO_OVERWRITE, &out, &err));
	ck_ok(weir_fs_write(out, "one", 3, &err));
	ck_ok(weir_fs_sync(out, &err));
	ck_ok(weir_fs_write(out, "two", 3, &err));
	ck_ok(weir_fs_close(out, &err));
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	ck_assert_str_eq(get(fs, "/d/f"), "onetwo");
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/f"), "one");
	weir_fs_memory_free(fs);
}

WEIR_TEST(unsynced_renames_and_removals_come_back)
{
	struct weir_fs *fs = fresh();

	put(fs, "/d/a", "a", true);
	put(fs, "/d/b", "b", true);
	put(fs, "/d/c", "c", true);
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	ck_ok(weir_fs_rename(fs, "/d/a", "/d/b", &err));
	ck_ok(weir_fs_remove(fs, "/d/c", false, &err));
	put(fs, "/d/c", "another", true);
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/a"), "a");
	ck_assert_str_eq(get(fs, "/d/b"), "b");
	ck_assert_str_eq(get(fs, "/d/c"), "c");
	ck_ok(weir_fs_rename(fs, "/d/a", "/d/b", &err));
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/a"), "-");
	ck_assert_str_eq(get(fs, "/d/b"), "a");
	weir_fs_memory_free(fs);
}

WEIR_TEST(a_directory_goes_with_its_parents_entry)
{
	struct weir_fs *fs = fresh();
	struct weir_fs_stat st;

	ck_ok(weir_fs_mkdirs(fs, "/d/chk-1", &err));
	put(fs, "/d/chk-1/_metadata", "m", true);
	ck_ok(weir_fs_sync_dir(fs, "/d/chk-1", &err)); /* but not /d */
	weir_fs_memory_crash(fs, 0);
	ck_assert_int_eq(weir_fs_stat(fs, "/d/chk-1", &st, NULL), WEIR_ENOTFOUND);
	ck_ok(weir_fs_mkdirs_durable(fs, "/d/x/y/chk-2", &err));
	put(fs, "/d/x/y/chk-2/_metadata", "m", true);
	ck_ok(weir_fs_sync_dir(fs, "/d/x/y/chk-2", &err));
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/x/y/chk-2/_metadata"), "m");
	ck_ok(weir_fs_remove(fs, "/d/x", true, &err));
	weir_fs_memory_crash(fs, 0); /* the removal of the top was not synced, nor those below */
	ck_assert_str_eq(get(fs, "/d/x/y/chk-2/_metadata"), "m");
	weir_fs_memory_free(fs);
}

/* A process killed between mkdir and sync_dir leaves a directory that the next mkdirs_durable must make durable. */
WEIR_TEST(mkdirs_durable_finishes_what_a_killed_one_began)
{
	struct weir_fs_stat st;

	for (uint64_t n = 1; n <= 6; n++) {
		struct weir_fs *fs = weir_fs_memory_new("m");
		struct weir_fs_fault die = { .nth = n, .sticky = true, .code = WEIR_EIO };
		struct weir_fs *mortal = weir_fs_fault_new(fs, &die);
		int rc = weir_fs_mkdirs_durable(mortal, "/a/b/c", NULL);

		ck_assert_int_eq(rc, WEIR_EIO);
		weir_fs_memory_kill(fs);
		ck_ok(weir_fs_mkdirs_durable(fs, "/a/b/c", &err));
		weir_fs_memory_crash(fs, 0);
		ck_ok(weir_fs_stat(fs, "/a/b/c", &st, &err));
		weir_fs_fault_free(mortal);
		weir_fs_memory_free(fs);
	}
}

WEIR_TEST(overwriting_is_undone_as_a_whole)
{
	struct weir_fs *fs = fresh();
	struct weir_fs_out *out;

	put(fs, "/d/f", "old", true);
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	ck_ok(weir_fs_create(fs, "/d/f", WEIR_FS_OVERWRITE, &out, &err));
	ck_ok(weir_fs_write(out, "newer", 5, &err));
	ck_ok(weir_fs_sync(out, &err));
	ck_ok(weir_fs_close(out, &err));
	weir_fs_memory_crash(fs, 0);
	ck_assert_str_eq(get(fs, "/d/f"), "old");
	weir_fs_memory_free(fs);
}

WEIR_TEST(handles_of_before_a_crash_are_dead)
{
	for (int kill = 0; kill < 2; kill++) {
		struct weir_fs *fs = fresh();
		struct weir_fs_out *a, *b, *c;
		struct weir_fs_in *in;
		struct weir_fs_lock *lock, *again;
		char byte;
		size_t n;

		put(fs, "/d/f", "old", true);
		ck_ok(weir_fs_sync_dir(fs, "/d", &err));
		ck_ok(weir_fs_open(fs, "/d/f", &in, &err));
		ck_ok(weir_fs_lock(fs, "/d/lock", &lock, &err));
		ck_ok(weir_fs_create(fs, "/d/a", WEIR_FS_NO_OVERWRITE, &a, &err));
		ck_ok(weir_fs_create(fs, "/d/b", WEIR_FS_NO_OVERWRITE, &b, &err));
		ck_ok(weir_fs_create(fs, "/d/c", WEIR_FS_NO_OVERWRITE, &c, &err));
		ck_ok(weir_fs_write(c, "flushed", 7, &err));
		ck_ok(weir_fs_flush(c, &err));
		if (kill)
			weir_fs_memory_kill(fs);
		else
			weir_fs_memory_crash(fs, 0);
		ck_assert_int_eq(weir_fs_read_at(in, &byte, 1, 0, &n, NULL), WEIR_EIO);
		ck_ok(weir_fs_write(a, "x", 1, &err)); /* into the buffer */
		ck_assert_int_eq(weir_fs_close(a, NULL), WEIR_EIO);
		weir_fs_abort(b);
		ck_assert_int_eq(weir_fs_sync(c, &err), WEIR_EIO);
		ck_assert_ptr_nonnull(strstr(err.msg, "crashed"));
		weir_error_clear(&err);
		weir_fs_abort(c);
		ck_ok(weir_fs_lock(fs, "/d/lock", &again, &err)); /* the holder died */
		weir_fs_unlock(lock);
		ck_assert_int_eq(weir_fs_lock(fs, "/d/lock", &lock, NULL), WEIR_EBUSY); /* the old handle did not free the new lock */
		weir_fs_unlock(again);
		weir_fs_in_close(in);
		ck_assert_str_eq(get(fs, "/d/a"), kill ? "" : "-");
		ck_assert_str_eq(get(fs, "/d/b"), kill ? "" : "-"); /* a dead process cannot tidy up */
		ck_assert_str_eq(get(fs, "/d/c"), kill ? "flushed" : "-");
		ck_assert_str_eq(get(fs, "/d/f"), "old");
		weir_fs_memory_free(fs);
	}
}

/* With seeds every legal outcome of an unsynced tail comes up: none, all, a part, and zeros; never other bytes. */
WEIR_TEST(seeds_cut_keep_and_zero_unsynced_content)
{
	bool none = false, whole = false, part = false, zeros = false;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct weir_fs *fs = fresh();
		struct weir_fs_out *out;
		struct weir_fs_map *m;
		struct weir_slice s;
		bool zero = false;

		ck_ok(weir_fs_create(fs, "/d/f", WEIR_FS_NO_OVERWRITE, &out, &err));
		ck_ok(weir_fs_write(out, "SYNC", 4, &err));
		ck_ok(weir_fs_sync(out, &err));
		ck_ok(weir_fs_write(out, "tailtail", 8, &err));
		ck_ok(weir_fs_close(out, &err));
		ck_ok(weir_fs_sync_dir(fs, "/d", &err));
		weir_fs_memory_crash(fs, seed);
		ck_ok(weir_fs_map(fs, "/d/f", &m, &s, &err));
		ck_assert_uint_ge(s.len, 4);
		ck_assert_mem_eq(s.ptr, "SYNC", 4);
		for (size_t i = 4; i < s.len; i++) {
			if (s.ptr[i] == 0)
				zero = true;
			else
				ck_assert(!zero && s.ptr[i] == (uint8_t)"SYNCtailtail"[i]);
		}
		zeros |= zero;
		none |= s.len == 4;
		whole |= s.len == 12 && !zero;
		part |= s.len > 4 && s.len < 12;
		weir_fs_unmap(m);
		weir_fs_memory_free(fs);
	}
	ck_assert(none && whole && part && zeros);
}

/* Entries: as a prefix, and one by one; a rename inside a directory is there or not, never half. */
WEIR_TEST(seeds_keep_and_drop_entries)
{
	bool prefix[5] = { false }, hole = false;
	int renamed = 0, kept = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct weir_fs *fs = fresh();
		char pattern[5] = "";

		put(fs, "/d/from", "r", true);
		ck_ok(weir_fs_sync_dir(fs, "/d", &err));
		for (int i = 0; i < 4; i++)
			put(fs, (const char *[]){ "/d/0", "/d/1", "/d/2", "/d/3" }[i], "x", true);
		ck_ok(weir_fs_rename(fs, "/d/from", "/d/to", &err));
		weir_fs_memory_crash(fs, seed);
		for (int i = 0; i < 4; i++)
			pattern[i] = get(fs, (const char *[]){ "/d/0", "/d/1", "/d/2", "/d/3" }[i])[0];
		prefix[strchrnul(pattern, '-') - pattern] = true;
		hole |= strstr(pattern, "-x") != NULL;
		ck_assert_int_ne(get(fs, "/d/from")[0], get(fs, "/d/to")[0]);
		*(get(fs, "/d/to")[0] == 'r' ? &renamed : &kept) += 1;
		weir_fs_memory_free(fs);
	}
	for (int i = 0; i <= 4; i++)
		ck_assert(prefix[i]);
	ck_assert(hole && renamed > 50 && kept > 50);
}

/* A chain of renames over one name must never lose the file that was durable. */
WEIR_TEST(atomic_replacement_survives_every_seed)
{
	for (uint64_t seed = 0; seed <= 500; seed++) {
		struct weir_fs *fs = fresh();
		const char *got;

		put(fs, "/d/f", "0", true);
		ck_ok(weir_fs_sync_dir(fs, "/d", &err));
		for (int i = 1; i < 5; i++) {
			put(fs, "/d/tmp", (const char *[]){ "", "1", "2", "3", "4" }[i], true);
			ck_ok(weir_fs_rename(fs, "/d/tmp", "/d/f", &err));
		}
		weir_fs_memory_crash(fs, seed);
		got = get(fs, "/d/f");
		ck_assert_msg(strlen(got) == 1 && got[0] >= '0' && got[0] <= '4', "seed %llu: \"%s\"", (unsigned long long)seed, got);
		if (seed == 0)
			ck_assert_str_eq(got, "0");
		weir_fs_memory_free(fs);
	}
}

static void add_call(void *arg, const struct weir_fs_call *call)
{
	char text[512];
	uint64_t *h = arg;

	weir_fs_call_text(call, text, sizeof(text));
	*h = weir_xxh3_seed(text, strlen(text), *h);
}

static int add_name(void *arg, const char *name, const struct weir_fs_stat *st)
{
	uint64_t *h = arg;

	*h = weir_xxh3_seed(name, strlen(name), *h + (uint64_t)st->mtime_ms);
	return 0;
}

WEIR_TEST(the_same_calls_give_the_same_trace_and_the_same_crash)
{
	uint64_t hash[3] = { 0 };

	for (int run = 0; run < 3; run++) {
		struct weir_fs *fs = fresh(), *trace = weir_fs_trace_new(fs, add_call, &hash[run]);

		for (int i = 0; i < 40; i++) {
			char path[32];

			snprintf(path, sizeof(path), "/d/f%d", i);
			put(fs, path, "abc", i % 3 == 0);
			snprintf(path, sizeof(path), "/d/p%d", i % 7);
			ck_ok(weir_fs_publish(trace, path, (struct weir_slice){ (const uint8_t *)"pub", 3 }, &err));
			if (i % 5 == 0) {
				put(fs, "/d/brief", "z", false);
				ck_ok(weir_fs_remove(trace, "/d/brief", false, &err));
			}
		}
		for (int i = 40; i < 60; i++) {
			char path[32];

			snprintf(path, sizeof(path), "/d/f%d", i);
			put(fs, path, "abc", false);
		}
		weir_fs_memory_crash(fs, run < 2 ? 77 : 78);
		ck_ok(weir_fs_list(fs, "/d", add_name, &hash[run], &err));
		weir_fs_trace_free(trace);
		weir_fs_memory_free(fs);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
	ck_assert_uint_ne(hash[0], hash[2]);
}

WEIR_TEST(trace_lines_read_as_promised)
{
	char text[200];
	struct weir_fs_call a = { WEIR_FS_OP_SYNC, "/d/x", NULL, 0, 0 }, b = { WEIR_FS_OP_WRITE, "/d/x", NULL, 4096, WEIR_ENOSPC },
			    c = { WEIR_FS_OP_RENAME, "/d/x", "/d/y", 0, 0 };

	ck_assert_str_eq(weir_fs_call_text(&a, text, sizeof(text)), "sync /d/x = 0");
	ck_assert_str_eq(weir_fs_call_text(&b, text, sizeof(text)), "write /d/x 4096 = NOSPC");
	ck_assert_str_eq(weir_fs_call_text(&c, text, sizeof(text)), "rename /d/x /d/y = 0");
	for (int op = 0; op < WEIR_FS_OP_MAX; op++)
		ck_assert_str_ne(weir_fs_op_name(op), "?");
}

WEIR_TEST(bytes_are_counted)
{
	struct weir_fs *fs = fresh();

	put(fs, "/d/a", "12345", true);
	put(fs, "/d/b", "123", false);
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	ck_assert_uint_eq(weir_fs_memory_bytes(fs), 8);
	ck_ok(weir_fs_remove(fs, "/d/a", false, &err));
	ck_assert_uint_eq(weir_fs_memory_bytes(fs), 8); /* may come back */
	ck_ok(weir_fs_sync_dir(fs, "/d", &err));
	ck_assert_uint_eq(weir_fs_memory_bytes(fs), 3);
	weir_fs_memory_crash(fs, 0);
	ck_assert_uint_eq(weir_fs_memory_bytes(fs), 0);
	weir_fs_memory_free(fs);
}

/* The recoverable writer cuts a file whose durable content is longer: until the next sync the old one may come back. */
WEIR_TEST(a_cut_is_not_durable_before_a_sync)
{
	int old = 0, cut = 0;

	for (uint64_t seed = 0; seed <= 60; seed++) {
		struct weir_fs *fs = fresh();
		struct weir_fs_writer *w;
		struct weir_buf first = { 0 }, second = { 0 }, third = { 0 };
		int rc;

		ck_ok(weir_fs_writer_open(fs, "/d/f", &w, &err));
		ck_ok(weir_fs_writer_write(w, "1234", 4, &err));
		ck_ok(weir_fs_writer_persist(w, &first, &err));
		ck_ok(weir_fs_writer_write(w, "5678", 4, &err));
		ck_ok(weir_fs_writer_persist(w, &second, &err));
		weir_fs_writer_close(w);
		ck_ok(weir_fs_writer_recover(fs, weir_buf_slice(&first), &w, &err));
		ck_ok(weir_fs_writer_write(w, "ab", 2, &err));
		if (seed == 60)
			ck_ok(weir_fs_writer_persist(w, &third, &err));
		weir_fs_memory_crash(fs, seed);
		weir_fs_writer_close(w);
		rc = weir_fs_writer_recover(fs, weir_buf_slice(seed == 60 ? &third : &second), &w, NULL);
		if (seed == 0 || seed == 60)
			ck_assert_int_eq(rc, 0);
		*(rc ? &cut : &old) += 1;
		if (!rc)
			weir_fs_writer_close(w);
		ck_ok(weir_fs_writer_recover(fs, weir_buf_slice(&first), &w, &err)); /* the earlier point is always there */
		weir_buf_clear(&first);
		ck_ok(weir_fs_writer_prepare(w, &first, &err));
		ck_ok(weir_fs_commit(fs, weir_buf_slice(&first), &err));
		ck_assert_str_eq(get(fs, "/d/f"), "1234");
		weir_buf_fini(&first);
		weir_buf_fini(&second);
		weir_buf_fini(&third);
		weir_fs_memory_free(fs);
	}
	ck_assert(old > 5 && cut > 5);
}
