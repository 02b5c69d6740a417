// SPDX-License-Identifier: Apache-2.0
/* Publish under every failing operation and every crash point: the old file or the new one, nothing else, ever. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs-abstraction/fs_layers.h"

#define OLD "the old content"
#define SEEDS 20

static struct weir_error err = WEIR_ERROR_INIT;
static char content[100000]; /* more than the buffer: more than one write */

static struct weir_slice new_content(void)
{
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)('a' + i % 23);
	return (struct weir_slice){ (const uint8_t *)content, sizeof(content) };
}

static struct weir_slice text(const char *t) { return (struct weir_slice){ (const uint8_t *)t, strlen(t) }; }

static struct weir_fs *fresh(bool old)
{
	struct weir_fs *fs = weir_fs_memory_new("publish");

	ck_ok(weir_fs_mkdirs_durable(fs, "/d", &err));
	if (old)
		ck_ok(weir_fs_publish(fs, "/d/f", text(OLD), &err));
	return fs;
}

enum found { NOTHING, OLD_ONE, NEW_ONE, DAMAGED };

static enum found look(struct weir_fs *fs)
{
	struct weir_fs_map *m;
	struct weir_slice s;
	enum found f;
	int rc = weir_fs_map(fs, "/d/f", &m, &s, NULL);

	if (rc == WEIR_ENOTFOUND)
		return NOTHING;
	if (rc)
		return DAMAGED;
	f = weir_slice_eq(s, text(OLD)) ? OLD_ONE : weir_slice_eq(s, (struct weir_slice){ (uint8_t *)content, sizeof(content) }) ? NEW_ONE : DAMAGED;
	weir_fs_unmap(m);
	return f;
}

static int count_other(void *arg, const char *name, const struct weir_fs_stat *st)
{
	(void)st;
	*(int *)arg += strcmp(name, "f") != 0;
	return 0;
}

static int leftovers(struct weir_fs *fs)
{
	int n = 0;

	ck_ok(weir_fs_list(fs, "/d", count_other, &n, &err));
	return n;
}

static uint64_t operations(void)
{
	struct weir_fs_fault never = { 0 };
	struct weir_fs *fs = fresh(false), *counting = weir_fs_fault_new(fs, &never);
	uint64_t n;

	ck_ok(weir_fs_publish(counting, "/d/f", new_content(), &err));
	n = weir_fs_fault_count(counting);
	weir_fs_fault_free(counting);
	weir_fs_memory_free(fs);
	return n;
}

WEIR_TEST(publish_does_what_it_says)
{
	ck_assert_uint_ge(operations(), 6); /* create, write, sync, close, rename, sync_dir */
}

/* One failing operation, of every kind of error, once or on and on. A sticky failure spares remove: a full disk can still delete. */
WEIR_TEST(every_failing_operation)
{
	static const int codes[] = { WEIR_ENOSPC, WEIR_EIO, WEIR_EPERM };
	uint64_t n = operations();
	char line[1300];

	for (int old = 0; old < 2; old++)
		for (unsigned how = 0; how < 4; how++)
			for (uint64_t nth = 1; nth <= n; nth++) {
				struct weir_fs_fault fault = { .nth = nth, .code = codes[nth % 3], .sticky = how & 1, .half = how & 2 };
				struct weir_fs *fs = fresh(old), *bad;
				struct weir_error found = WEIR_ERROR_INIT;
				enum found f;
				int rc;

				if (how & 1)
					fault.ops = WEIR_FS_OPS_CHANGING & ~(1u << WEIR_FS_OP_REMOVE);
				bad = weir_fs_fault_new(fs, &fault);
				rc = weir_fs_publish(bad, "/d/f", new_content(), &found);
				f = look(fs);
				ck_assert_msg(rc == codes[nth % 3], "operation %llu failed and publish gave %s", (unsigned long long)nth, weir_code_name(rc));
				ck_assert_ptr_nonnull(strstr(weir_error_text(&found, line, sizeof(line)), weir_code_text(rc)));
				ck_assert_ptr_nonnull(strstr(line, "/d"));
				ck_assert_int_eq(leftovers(fs), 0);
				if (nth < n)
					ck_assert_int_eq(f, old ? OLD_ONE : NOTHING);
				else /* only the last sync_dir failed */
					ck_assert_int_eq(f, old ? NEW_ONE : NOTHING);
				ck_ok(weir_fs_publish(fs, "/d/f", new_content(), &err));
				ck_assert_int_eq(look(fs), NEW_ONE);
				weir_fs_fault_free(bad);
				weir_fs_memory_free(fs);
			}
}

struct crash { struct weir_fs *fs; uint64_t seed; };

static void crash_now(void *arg)
{
	struct crash *c = arg;

	weir_fs_memory_crash(c->fs, c->seed);
}

/* Crash before the Nth operation (past the last: after all of them), then look. Returns the number of states that are neither. */
static int crash_everywhere(uint64_t n, void (*change)(struct weir_fs *fs))
{
	int damaged = 0;

	for (int old = 0; old < 2; old++)
		for (uint64_t nth = 1; nth <= n + 1; nth++)
			for (uint64_t seed = 0; seed <= SEEDS; seed++) {
				struct crash c = { fresh(old), seed * 1000003 };
				struct weir_fs_fault fault = { .nth = nth, .code = WEIR_EIO, .sticky = true, .at = crash_now, .arg = &c };
				struct weir_fs *bad = weir_fs_fault_new(c.fs, &fault);
				enum found f;
				int rc;

				if (change)
					change(c.fs);
				rc = weir_fs_publish(bad, "/d/f", new_content(), NULL);
				if (!rc)
					crash_now(&c);
				f = look(c.fs);
				if (f == DAMAGED || (rc == 0 && f != NEW_ONE) || (old && f == NOTHING))
					damaged++;
				if (!change) { /* what the crash left does not disturb the next attempt */
					ck_ok(weir_fs_publish(c.fs, "/d/f", new_content(), &err));
					weir_fs_memory_crash(c.fs, 0);
					ck_assert_int_eq(look(c.fs), NEW_ONE);
				}
				weir_fs_fault_free(bad);
				weir_fs_memory_free(c.fs);
			}
	return damaged;
}

WEIR_TEST(every_crash_leaves_the_old_or_the_new)
{
	ck_assert_int_eq(crash_everywhere(operations(), NULL), 0);
}

/* The same with a barrier that does nothing: the exploration above can see what goes wrong. */
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
	ck_assert_int_gt(crash_everywhere(operations(), without_sync), 10);
	ck_assert_int_gt(crash_everywhere(operations(), without_sync_dir), 10);
}

WEIR_TEST(a_file_system_that_cannot_publish_says_so)
{
	struct weir_fs *fs = fresh(false);
	struct weir_fs_ops ops = *fs->ops;

	ops.caps &= ~(uint32_t)WEIR_FS_ATOMIC_RENAME;
	fs->ops = &ops;
	ck_assert_int_eq(weir_fs_publish(fs, "/d/f", text("x"), &err), WEIR_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "neither atomic renames nor a durable close"));
	weir_error_clear(&err);
	ops.caps |= WEIR_FS_DURABLE_CLOSE; /* an object store */
	ck_ok(weir_fs_publish(fs, "/d/f", text("x"), &err));
	ops.caps |= WEIR_FS_READ_ONLY;
	ck_assert_int_eq(weir_fs_publish(fs, "/d/f", text("y"), &err), WEIR_EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "only be read"));
	weir_fs_memory_free(fs);
}

/* A buffer's worth of small writes and a failing disk: the first error is the one told, at write, flush, sync or close. */
WEIR_TEST(errors_of_buffered_writes_stick)
{
	for (int last = 0; last < 4; last++) {
		struct weir_fs_fault fault = { .ops = 1u << WEIR_FS_OP_WRITE, .nth = 2, .code = WEIR_ENOSPC };
		struct weir_fs *fs = fresh(false), *bad = weir_fs_fault_new(fs, &fault);
		struct weir_fs_out *out;
		int rc = 0;

		ck_ok(weir_fs_create(bad, "/d/f", WEIR_FS_NO_OVERWRITE, &out, &err));
		for (int i = 0; i < (last == 0 ? 3000 : 900) && !rc; i++)
			rc = weir_fs_write(out, content, 100, NULL);
		if (last == 1)
			rc = weir_fs_flush(out, NULL);
		else if (last == 2)
			rc = weir_fs_sync(out, NULL);
		else if (last == 3) {
			ck_assert_int_eq(rc, 0);
			ck_assert_int_eq(weir_fs_close(out, &err), WEIR_ENOSPC);
		}
		if (last < 3) {
			ck_assert_int_eq(rc, WEIR_ENOSPC);
			ck_assert_int_eq(weir_fs_flush(out, &err), WEIR_ENOSPC);
			ck_assert_ptr_nonnull(strstr(err.msg, "not trusted"));
			ck_assert_ptr_nonnull(strstr(err.path, "/d/f"));
			weir_fs_abort(out);
		}
		weir_error_clear(&err);
		ck_assert_int_eq(look(fs), NOTHING);
		ck_assert_int_eq(leftovers(fs), 0);
		weir_fs_fault_free(bad);
		weir_fs_memory_free(fs);
	}
}
