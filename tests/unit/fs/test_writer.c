// SPDX-License-Identifier: Apache-2.0
/*
 * The recoverable writer in a job that crashes everywhere: before every operation, with every kind of crash, and again during the
 * recovery. The job keeps the last description it was given, as a checkpoint does, and must end with exactly its content.
 */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "fs-abstraction/fs_layers.h"

#define TARGET "/out/2001-01-01--00/part-0"
#define SEEDS 20

static struct weir_error err = WEIR_ERROR_INIT;

/* What a checkpoint holds: survives every crash here, because it is only written when the call that gave it has returned. */
struct checkpoint {
	enum { NO_STATE, WRITING_A, WRITING_AB, PENDING } stage;
	struct weir_buf token;
};

static void keep(struct checkpoint *c, int stage, struct weir_buf *token)
{
	weir_buf_fini(&c->token);
	c->token = *token;
	c->stage = stage;
	*token = (struct weir_buf){ 0 };
}

/* Writes A, checkpoint, B, checkpoint, C, commit; from wherever the checkpoint stands. 0 when the result is committed. */
static int run_job(struct weir_fs *fs, struct checkpoint *c, struct weir_error *e)
{
	struct weir_fs_writer *w = NULL;
	struct weir_buf token = { 0 };
	int rc = 0;

	if (c->stage == NO_STATE)
		rc = weir_fs_writer_open(fs, TARGET, &w, e);
	else if (c->stage != PENDING)
		rc = weir_fs_writer_recover(fs, weir_buf_slice(&c->token), &w, e);
	for (; !rc && c->stage != PENDING;) {
		rc = weir_fs_writer_write(w, &"AAAABBBBCCCC"[4 * c->stage], 4, e);
		if (!rc && c->stage == WRITING_AB) {
			rc = weir_fs_writer_prepare(w, &token, e);
			w = NULL;
		} else if (!rc) {
			rc = weir_fs_writer_persist(w, &token, e);
		}
		if (!rc)
			keep(c, c->stage + 1, &token);
	}
	weir_fs_writer_close(w);
	weir_buf_fini(&token);
	return rc ? rc : weir_fs_commit(fs, weir_buf_slice(&c->token), e);
}

static bool complete(struct weir_fs *fs)
{
	struct weir_fs_map *m;
	struct weir_slice s;
	bool same;

	if (weir_fs_map(fs, TARGET, &m, &s, NULL))
		return false;
	same = s.len == 12 && memcmp(s.ptr, "AAAABBBBCCCC", 12) == 0;
	weir_fs_unmap(m);
	return same;
}

static bool absent(struct weir_fs *fs)
{
	struct weir_fs_stat st;

	return weir_fs_stat(fs, TARGET, &st, NULL) == WEIR_ENOTFOUND;
}

struct crash { struct weir_fs *fs; uint64_t seed; };
static void crash_now(void *arg)
{
	struct crash *c = arg;

	weir_fs_memory_crash(c->fs, c->seed);
}

/* Runs the job until the crash before its nth operation. Returns what the job returned. */
static int run_until(struct weir_fs *fs, uint64_t nth, uint64_t seed, struct checkpoint *c)
{
	struct crash crash = { fs, seed };
	struct weir_fs_fault fault = { .nth = nth, .code = WEIR_EIO, .sticky = true, .at = crash_now, .arg = &crash };
	struct weir_fs *mortal = weir_fs_fault_new(fs, &fault);
	int rc = run_job(mortal, c, NULL);

	weir_fs_fault_free(mortal);
	return rc;
}

/* All crash points, twice in a row. Returns the number of runs that broke a promise. */
static int explore(void (*change)(struct weir_fs *fs), int *out_runs)
{
	int broken = 0, runs = 0;
	bool done1 = false;

	for (uint64_t n1 = 1; !done1; n1++)
		for (uint64_t seed = 0; seed <= SEEDS; seed++) {
			bool done2 = false;

			for (uint64_t n2 = 1; !done2 && n2 < 50; n2++) {
				struct weir_fs *fs = weir_fs_memory_new("writer");
				struct checkpoint c = { 0 };

				if (change)
					change(fs);
				runs++;
				done1 = run_until(fs, n1, seed * 7919, &c) == 0;
				if (done1)
					weir_fs_memory_crash(fs, seed);
				if (!(complete(fs) || absent(fs)) || (done1 && !complete(fs)) || (c.stage != PENDING && !absent(fs)))
					broken++;
				done2 = run_until(fs, n2, seed * 104729 + n2, &c) == 0 || seed % 4 != 0;
				if (!(complete(fs) || absent(fs)))
					broken++;
				if (run_job(fs, &c, NULL) || !complete(fs)) {
					broken++;
				} else { /* and the commit is durable */
					weir_fs_memory_crash(fs, 0);
					broken += !complete(fs) || weir_fs_commit(fs, weir_buf_slice(&c.token), NULL) != 0;
				}
				weir_buf_fini(&c.token);
				weir_fs_memory_free(fs);
			}
		}
	*out_runs = runs;
	return broken;
}

WEIR_TEST(every_crash_ends_in_exactly_the_result)
{
	int runs = 0;

	ck_assert_int_eq(explore(NULL, &runs), 0);
	ck_assert_int_gt(runs, 1000);
}

static int no_sync(struct weir_fs_out *out, struct weir_error *e)
{
	(void)out, (void)e;
	return 0;
}
static int no_sync_dir(struct weir_fs *fs, const char *path, struct weir_error *e)
{
	(void)fs, (void)path, (void)e;
	return 0;
}
static struct weir_fs_ops weak;
static void without_sync(struct weir_fs *fs)
{
	weak = *fs->ops;
	weak.sync = no_sync;
	fs->ops = &weak;
}
static void without_sync_dir(struct weir_fs *fs)
{
	weak = *fs->ops;
	weak.sync_dir = no_sync_dir;
	fs->ops = &weak;
}

WEIR_TEST(a_missing_barrier_is_found_out)
{
	int runs;

	ck_assert_int_gt(explore(without_sync, &runs), 50);
	ck_assert_int_gt(explore(without_sync_dir, &runs), 50);
}

/* Every operation fails once, or on and on (a full disk); the job restarts from its checkpoint as the runtime does. */
WEIR_TEST(every_failing_operation_ends_in_exactly_the_result)
{
	for (int how = 0; how < 4; how++) {
		bool clean = false;

		for (uint64_t nth = 1; !clean; nth++) {
			struct weir_fs *fs = weir_fs_memory_new("writer");
			struct weir_fs_fault fault = { .nth = nth, .code = WEIR_ENOSPC, .sticky = how & 1, .half = how & 2 };
			struct weir_fs *bad = weir_fs_fault_new(fs, &fault);
			struct checkpoint c = { 0 };
			int rc = run_job(bad, &c, &err);

			clean = rc == 0;
			ck_assert(clean || rc == WEIR_ENOSPC);
			ck_assert(clean || strstr(err.msg, "no space left") != NULL);
			weir_error_clear(&err);
			ck_assert(complete(fs) || (absent(fs) && !clean));
			ck_ok(run_job(fs, &c, &err));
			ck_assert(complete(fs));
			weir_buf_fini(&c.token);
			weir_fs_fault_free(bad);
			weir_fs_memory_free(fs);
			ck_assert_uint_lt(nth, 100);
		}
	}
}

/* ---- messages ---- */

static struct weir_fs *prepared(struct weir_buf *resume, struct weir_buf *commit)
{
	struct weir_fs *fs = weir_fs_memory_new("writer");
	struct weir_fs_writer *w;

	ck_ok(weir_fs_writer_open(fs, TARGET, &w, &err));
	ck_ok(weir_fs_writer_write(w, "123456", 6, &err));
	ck_ok(weir_fs_writer_persist(w, resume, &err));
	ck_ok(weir_fs_writer_write(w, "789", 3, &err));
	ck_ok(weir_fs_writer_prepare(w, commit, &err));
	return fs;
}

static char hidden[512];
static int find_hidden(void *arg, const char *name, const struct weir_fs_stat *st)
{
	(void)arg, (void)st;
	if (name[0] == '.')
		snprintf(hidden, sizeof(hidden), "/out/2001-01-01--00/%s", name);
	return 0;
}

static void expect(int rc, int code, const char *a, const char *b)
{
	char line[1300];

	weir_error_text(&err, line, sizeof(line));
	ck_assert_msg(rc == code && strstr(line, a) && strstr(line, b), "%s: %s (want \"%s\" and \"%s\")", weir_code_name(rc), line, a, b);
	weir_error_clear(&err);
}

static void overwrite(struct weir_fs *fs, const char *path, const char *text)
{
	struct weir_fs_out *out;

	ck_ok(weir_fs_create(fs, path, WEIR_FS_OVERWRITE, &out, &err));
	ck_ok(weir_fs_write(out, text, strlen(text), &err));
	ck_ok(weir_fs_close(out, &err));
}

WEIR_TEST(refusals_name_files_and_lengths)
{
	struct weir_buf resume = { 0 }, commit = { 0 };
	struct weir_fs *fs = prepared(&resume, &commit);
	struct weir_fs_writer *w;

	ck_ok(weir_fs_list(fs, "/out/2001-01-01--00", find_hidden, NULL, &err));
	ck_assert_ptr_nonnull(strstr(hidden, "/.part-0.inprogress."));
	overwrite(fs, hidden, "12345"); /* a hidden file that lost its end */
	expect(weir_fs_writer_recover(fs, weir_buf_slice(&resume), &w, &err), WEIR_ECORRUPT, "has 5 bytes", "6 that were persisted");
	expect(weir_fs_commit(fs, weir_buf_slice(&commit), &err), WEIR_ECORRUPT, "has 5 bytes", "9 were to be committed");
	overwrite(fs, hidden, "1234567890"); /* one that somebody went on writing */
	expect(weir_fs_commit(fs, weir_buf_slice(&commit), &err), WEIR_ECORRUPT, "has 10 bytes", "9 were to be committed");
	overwrite(fs, hidden, "123456789");
	overwrite(fs, TARGET, "other");
	expect(weir_fs_commit(fs, weir_buf_slice(&commit), &err), WEIR_EEXISTS, "with 5 bytes", "move it away");
	ck_ok(weir_fs_discard(fs, weir_buf_slice(&commit), &err));
	expect(weir_fs_commit(fs, weir_buf_slice(&commit), &err), WEIR_ECORRUPT, "has 5 bytes", "9 were to be committed");
	expect(weir_fs_writer_recover(fs, weir_buf_slice(&resume), &w, &err), WEIR_ECORRUPT, "gone", "newer checkpoint");
	ck_ok(weir_fs_remove(fs, TARGET, false, &err));
	expect(weir_fs_commit(fs, weir_buf_slice(&commit), &err), WEIR_ENOTFOUND, "the pending result file is gone", TARGET);
	expect(weir_fs_writer_recover(fs, weir_buf_slice(&resume), &w, &err), WEIR_ECORRUPT, "of which 6 bytes", "is gone");
	ck_ok(weir_fs_mkdirs(fs, TARGET, &err));
	expect(weir_fs_commit(fs, weir_buf_slice(&commit), &err), WEIR_EEXISTS, "directory", TARGET);
	expect(weir_fs_writer_open(fs, TARGET, &w, &err), WEIR_EEXISTS, "there already", TARGET);
	weir_buf_fini(&resume);
	weir_buf_fini(&commit);
	weir_fs_memory_free(fs);
}

WEIR_TEST(damaged_descriptions_say_what_is_wrong)
{
	struct weir_buf resume = { 0 }, commit = { 0 };
	struct weir_fs *fs = prepared(&resume, &commit);
	struct weir_fs_writer *w;

	expect(weir_fs_commit(fs, (struct weir_slice){ NULL, 0 }, &err), WEIR_ECORRUPT, "0 bytes only", "");
	expect(weir_fs_commit(fs, (struct weir_slice){ commit.data, commit.len - 1 }, &err), WEIR_ECORRUPT, "checksum", "");
	expect(weir_fs_commit(fs, weir_buf_slice(&resume), &err), WEIR_EINVALID, "where to resume", "what to commit");
	expect(weir_fs_writer_recover(fs, weir_buf_slice(&commit), &w, &err), WEIR_EINVALID, "where to commit", "what to resume");
	weir_buf_fini(&resume);
	weir_buf_fini(&commit);
	weir_fs_memory_free(fs);
}

/* FS-13: the bytes persisted stay also when the writer then fails and is closed. */
WEIR_TEST(a_failed_writer_keeps_what_was_persisted)
{
	static const uint32_t ops[] = { 1u << WEIR_FS_OP_WRITE, 1u << WEIR_FS_OP_SYNC, 1u << WEIR_FS_OP_CLOSE };

	for (int i = 0; i < 3; i++) {
		struct weir_fs_fault fault = { .ops = ops[i], .nth = i == 2 ? 1 : 2, .code = WEIR_EIO };
		struct weir_fs *fs = weir_fs_memory_new("writer"), *bad = weir_fs_fault_new(fs, &fault);
		struct weir_buf resume = { 0 }, commit = { 0 };
		struct weir_fs_writer *w;
		size_t before;

		ck_ok(weir_fs_writer_open(bad, TARGET, &w, &err));
		ck_ok(weir_fs_writer_write(w, "safe", 4, &err));
		ck_ok(weir_fs_writer_persist(w, &resume, &err));
		ck_ok(weir_fs_writer_write(w, "lost", 4, &err));
		weir_buf_text(&commit, "before");
		before = commit.len;
		ck_assert_int_eq(weir_fs_writer_prepare(w, &commit, NULL), WEIR_EIO);
		ck_assert_uint_eq(commit.len, before); /* outputs untouched on failure */
		ck_ok(weir_fs_writer_recover(fs, weir_buf_slice(&resume), &w, &err));
		ck_assert_uint_eq(weir_fs_writer_position(w), 4);
		weir_buf_clear(&commit);
		ck_ok(weir_fs_writer_prepare(w, &commit, &err));
		ck_ok(weir_fs_commit(fs, weir_buf_slice(&commit), &err));
		weir_buf_fini(&resume);
		weir_buf_fini(&commit);
		weir_fs_fault_free(bad);
		weir_fs_memory_free(fs);
	}
}

WEIR_TEST(a_file_system_without_recovery_says_so)
{
	struct weir_fs *fs = weir_fs_memory_new("writer");
	struct weir_fs_ops ops = *fs->ops;
	struct weir_fs_writer *w;

	ops.caps &= ~(uint32_t)WEIR_FS_RECOVERABLE;
	fs->ops = &ops;
	expect(weir_fs_writer_open(fs, TARGET, &w, &err), WEIR_EUNSUPPORTED, "no recoverable writer", "exactly-once");
	weir_fs_memory_free(fs);
}

/* Past the checksum: every byte changed with the checksum made right again. The fields are checked one by one, and nothing but the
 * pending file of the description itself is ever touched. */
WEIR_TEST(forged_descriptions_are_refused_or_harmless)
{
	struct weir_buf resume = { 0 }, commit = { 0 };
	struct weir_fs *fs = prepared(&resume, &commit);
	int version = 0, corrupt = 0, kind = 0;

	for (size_t at = 0; at + 4 < commit.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct weir_buf forged = { 0 };
			int rc;

			weir_buf_put(&forged, commit.data, commit.len - 4);
			forged.data[at] ^= (uint8_t)(1 << bit);
			weir_buf_u32(&forged, weir_crc32c(0, forged.data, forged.len));
			rc = weir_fs_commit(fs, weir_buf_slice(&forged), NULL);
			ck_assert_int_ne(rc, WEIR_EBUG);
			version += rc == WEIR_EVERSION;
			corrupt += rc == WEIR_ECORRUPT;
			kind += rc == WEIR_EINVALID;
			if (!rc) /* another target in the same directory: put it back */
				ck_assert_uint_gt(at, 14);
			weir_buf_fini(&forged);
			if (!rc) {
				weir_fs_memory_free(fs);
				weir_buf_clear(&resume);
				weir_buf_clear(&commit);
				fs = prepared(&resume, &commit);
			}
		}
	ck_assert_int_eq(version, 8);
	ck_assert_int_eq(kind, 0); /* no single bit makes a commit (2) a resume (1): 0, 3 and the rest are no kinds */
	ck_assert_int_gt(corrupt, 300);
	weir_buf_fini(&resume);
	weir_buf_fini(&commit);
	weir_fs_memory_free(fs);
}
