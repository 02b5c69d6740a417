// SPDX-License-Identifier: Apache-2.0
/* The contract of files: what is written is what is read, by whom, and what a failure leaves. */
#include "fs-abstraction/contract_priv.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/rng.h"
#include "fs-abstraction/fs_layers.h"

/* Bytes that are easy to compare and never repeat with a short period. */
static uint8_t *pattern(size_t len, struct weir_error *err)
{
	uint8_t *p = malloc(len + 8);
	struct weir_rng rng = { len };

	if (!p) {
		weir_error_set(err, WEIR_ENOMEM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = weir_rng_next(&rng);

		memcpy(p + i, &v, 8);
	}
	return p;
}

/* ---- FS-01 visibility ---- */

static int round_trip(struct weir_fs *fs, const char *path, size_t len, size_t piece, struct weir_error *err)
{
	uint8_t *p = pattern(len, err);
	struct weir_fs_out *out = NULL;
	int rc = p ? weir_fs_create(fs, path, WEIR_FS_NO_OVERWRITE, &out, err) : WEIR_ENOMEM;

	for (size_t at = 0; at < len && !rc; at += piece) {
		rc = weir_fs_write(out, p + at, len - at < piece ? len - at : piece, err);
		if (!rc && weir_fs_position(out) != (len - at < piece ? len : at + piece))
			rc = weir_error_set(err, WEIR_EFAILED, "position() is %llu after %zu bytes", (unsigned long long)weir_fs_position(out), at + piece);
	}
	if (rc)
		weir_fs_abort(out);
	else
		rc = weir_fs_close(out, err);
	if (!rc)
		rc = weir__want_file(fs, path, p, len, err);
	free(p);
	return rc;
}

static int check_sizes(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	static const struct { size_t len, piece; } cases[] = {
		{ 0, 1 }, { 1, 1 }, { 1023, 100 }, { 1024, 1024 }, { 1025, 1024 }, { 65535, 65535 }, { 65536, 1000 }, { 65537, 65537 },
		{ 131072, 65536 }, { 200000, 7 }, { (3u << 20) + 5, 70000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%zu", i);
		TRY(round_trip(fs, IN(dir, name), cases[i].len, cases[i].piece, err));
	}
	return 0;
}

struct visit {
	struct weir_fs *fs;
	const char *path, *text;
};

static int read_there(void *arg, struct weir_error *err)
{
	struct visit *v = arg;

	return weir__want_text(v->fs, v->path, v->text, err);
}

static int write_there(void *arg, struct weir_error *err)
{
	struct visit *v = arg;

	return weir__put_text(v->fs, v->path, v->text, err);
}

static int check_other_process(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct named here = weir__named(dir, "here"), there = weir__named(dir, "there");
	struct visit a = { fs, here.path, "written here, read there" }, b = { fs, there.path, "written there, read here" };

	TRY(weir__want_absent(fs, here.path, err)); /* an answer of before must not be remembered */
	TRY(weir__want_absent(fs, there.path, err));
	TRY(weir__put_text(fs, a.path, a.text, err));
	TRY(weir__in_child(read_there, &a, err));
	TRY(weir__in_child(write_there, &b, err));
	return weir__want_text(fs, b.path, b.text, err);
}

static int map_equals(struct weir_fs *fs, const char *path, const void *p, size_t len, struct weir_error *err)
{
	struct weir_fs_map *m = NULL;
	struct weir_slice bytes = { 0 };
	bool same;

	TRY(weir_fs_map(fs, path, &m, &bytes, err));
	same = bytes.ptr && bytes.len == len && (len == 0 || memcmp(bytes.ptr, p, len) == 0);
	weir_fs_map_done(m, bytes); /* a hint: they can still be read */
	same = same && (len == 0 || memcmp(bytes.ptr, p, len) == 0);
	weir_fs_unmap(m);
	WANT(same, "map() of %zu bytes gives other content", len);
	return 0;
}

static int check_map(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	uint8_t *p = pattern(100000, err);
	int rc = p ? weir__put_file(fs, IN(dir, "big"), WEIR_FS_NO_OVERWRITE, p, 100000, err) : WEIR_ENOMEM;

	if (!rc)
		rc = map_equals(fs, IN(dir, "big"), p, 100000, err);
	free(p);
	TRY(rc);
	TRY(weir__put_text(fs, IN(dir, "empty"), "", err));
	TRY(map_equals(fs, IN(dir, "empty"), "", 0, err));
	TRY(weir__want_no_map(fs, IN(dir, "none"), WEIR_ENOTFOUND, "map of a missing file", err));
	TRY(weir__want_no_map(fs, dir, WEIR_EINVALID, "map of a directory", err));
	return 0;
}

static int check_stat(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_stat st = { 0 };

	TRY(weir__put_text(fs, IN(dir, "f"), "12345", err));
	TRY(weir_fs_stat(fs, IN(dir, "f"), &st, err));
	WANT(st.type == WEIR_FS_FILE && st.size == 5 && !st.link, "stat of a file of 5 bytes: type %d, %llu bytes", (int)st.type, (unsigned long long)st.size);
	TRY(weir_fs_stat(fs, dir, &st, err));
	WANT(st.type == WEIR_FS_DIRECTORY, "stat of a directory: type %d", (int)st.type);
	WANT_CODE(weir_fs_stat(fs, IN(dir, "f/below"), &st, err), WEIR_ENOTFOUND, "stat below a file");
	return 0;
}

/* ---- FS-02 durability: that the calls exist and harm nothing; what survives a crash is tested on the memory file system ---- */

static int write_and_sync(struct weir_fs_out *out, struct weir_error *err)
{
	TRY(weir_fs_sync(out, err));
	TRY(weir_fs_write(out, "one", 3, err));
	TRY(weir_fs_sync(out, err));
	TRY(weir_fs_sync(out, err));
	TRY(weir_fs_write(out, "two", 3, err));
	return weir_fs_flush(out, err);
}

static int check_sync(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_out *out = NULL;
	int rc;

	TRY(weir_fs_create(fs, IN(dir, "f"), WEIR_FS_NO_OVERWRITE, &out, err));
	rc = write_and_sync(out, err);
	if (rc) {
		weir_fs_abort(out);
		return rc;
	}
	TRY(weir_fs_close(out, err));
	return weir__want_text(fs, IN(dir, "f"), "onetwo", err);
}

/* ---- FS-04 errors, with a broken layer on top ---- */

static int fail_once(struct weir_fs *fs, const char *path, uint32_t op, bool half, struct weir_error *err)
{
	struct weir_fs_fault fault = { .ops = op, .nth = 1, .code = WEIR_ENOSPC, .half = half };
	struct weir_fs *bad = weir_fs_fault_new(fs, &fault);
	struct weir_fs_out *out = NULL;
	int rc = bad ? weir_fs_create(bad, path, WEIR_FS_NO_OVERWRITE, &out, err) : WEIR_ENOMEM, first;

	if (rc)
		goto out;
	rc = weir_fs_write(out, "some content", 12, err);
	first = rc ? rc : weir_fs_sync(out, NULL);
	if (op != 1u << WEIR_FS_OP_CLOSE) {
		rc = weir__want_code(first, WEIR_ENOSPC, "the broken operation", err);
		if (!rc)
			rc = weir__want_code(weir_fs_write(out, "more", 4, err), WEIR_ENOSPC, "write after a failure", err);
		if (!rc)
			rc = weir__want_code(weir_fs_sync(out, err), WEIR_ENOSPC, "sync after a failure", err);
	}
	if (!rc)
		rc = weir__want_code(weir_fs_close(out, err), WEIR_ENOSPC, "close after a failure", err);
	else
		weir_fs_abort(out);
	if (!rc)
		rc = weir__want_absent(fs, path, err);
out:
	weir_fs_fault_free(bad);
	return rc;
}

static int check_write_error(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(fail_once(fs, IN(dir, "whole"), 1u << WEIR_FS_OP_WRITE, false, err));
	return fail_once(fs, IN(dir, "half"), 1u << WEIR_FS_OP_WRITE, true, err);
}

static int check_sync_error(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	return fail_once(fs, IN(dir, "f"), 1u << WEIR_FS_OP_SYNC, false, err);
}

static int check_close_error(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	return fail_once(fs, IN(dir, "f"), 1u << WEIR_FS_OP_CLOSE, false, err);
}

/* ---- FS-06 overwrite ---- */

static int check_no_overwrite(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir__put_text(fs, IN(dir, "f"), "old", err));
	TRY(weir__want_no_create(fs, IN(dir, "f"), WEIR_FS_NO_OVERWRITE, WEIR_EEXISTS, "create(NO_OVERWRITE) of a file that exists", err));
	TRY(weir__want_text(fs, IN(dir, "f"), "old", err));
	TRY(weir__want_no_create(fs, dir, WEIR_FS_NO_OVERWRITE, WEIR_EEXISTS, "create(NO_OVERWRITE) over a directory", err));
	TRY(weir__want_no_create(fs, dir, WEIR_FS_OVERWRITE, WEIR_EEXISTS, "create(OVERWRITE) over a directory", err));
	TRY(weir__want_no_create(fs, IN(dir, "no/f"), WEIR_FS_NO_OVERWRITE, WEIR_ENOTFOUND, "create in a missing directory", err));
	return weir__want_absent(fs, IN(dir, "no"), err);
}

/* The old file, open or mapped, stays what it was. */
static int check_overwrite(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_in *in = NULL;
	struct weir_fs_map *m = NULL;
	struct weir_slice bytes = { 0 };
	char buf[16];
	size_t n = 0;
	int rc;

	TRY(weir__put_text(fs, IN(dir, "f"), "old content", err));
	TRY(weir_fs_open(fs, IN(dir, "f"), &in, err));
	rc = weir_fs_map(fs, IN(dir, "f"), &m, &bytes, err);
	if (!rc)
		rc = weir__put_file(fs, IN(dir, "f"), WEIR_FS_OVERWRITE, "new", 3, err);
	if (!rc)
		rc = weir_fs_read_at(in, buf, sizeof(buf), 0, &n, err);
	if (!rc && (n != 11 || memcmp(buf, "old content", 11) != 0))
		rc = weir_error_set(err, WEIR_EFAILED, "a reader of before the overwrite sees a mix");
	if (!rc && (bytes.len != 11 || memcmp(bytes.ptr, "old content", 11) != 0))
		rc = weir_error_set(err, WEIR_EFAILED, "a map of before the overwrite changed");
	weir_fs_unmap(m);
	weir_fs_in_close(in);
	TRY(rc);
	TRY(weir__want_text(fs, IN(dir, "f"), "new", err));
	return weir__want_entries(fs, dir, 1, err);
}

/* ---- FS-10 threads, FS-06 races ---- */

#define THREADS 8
struct racer {
	struct weir_fs *fs;
	const char *dir;
	int number, rc, won;
	struct weir_error err;
};

static int work(struct racer *r, struct weir_error *err)
{
	for (int i = 0; i < 40; i++) {
		char name[32], text[64];

		snprintf(name, sizeof(name), "%d-%d", r->number, i);
		snprintf(text, sizeof(text), "thread %d, file %d", r->number, i);
		TRY(weir__put_text(r->fs, IN(r->dir, name), text, err));
		TRY(weir__want_text(r->fs, IN(r->dir, name), text, err));
		if (i % 4 == 0)
			TRY(weir_fs_remove(r->fs, IN(r->dir, name), false, err));
		TRY(weir_fs_mkdirs(r->fs, IN(r->dir, "shared/deep"), err));
		snprintf(name, sizeof(name), "race-%d", i);
		if (weir__put_text(r->fs, IN(r->dir, name), "x", NULL) == 0)
			r->won++;
	}
	return 0;
}

static void *run_racer(void *arg)
{
	struct racer *r = arg;

	r->rc = work(r, &r->err);
	return NULL;
}

static int check_threads(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct racer *r = calloc(THREADS, sizeof(*r));
	pthread_t t[THREADS];
	int started = 0, won = 0, rc = r ? 0 : WEIR_ENOMEM;

	for (; !rc && started < THREADS; started++) {
		r[started] = (struct racer){ fs, dir, started, 0, 0, WEIR_ERROR_INIT };
		if (pthread_create(&t[started], NULL, run_racer, &r[started]))
			break;
	}
	for (int i = 0; i < started; i++) {
		pthread_join(t[i], NULL);
		won += r[i].won;
		if (r[i].rc && !rc) {
			rc = r[i].rc;
			*err = r[i].err;
		}
	}
	free(r);
	TRY(rc);
	WANT(won == 40, "%d threads raced to create 40 files and %d creations succeeded", started, won);
	return weir__want_entries(fs, dir, (size_t)started * 30 + 1 + 40, err);
}

/* ---- FS-11 reading ---- */

static int read_edges(struct weir_fs_in *in, struct weir_error *err)
{
	static const struct { uint64_t offset; size_t len, want; } cases[] = {
		{ 0, 10, 10 }, { 0, 0, 0 }, { 3, 4, 4 }, { 9, 1, 1 }, { 9, 100, 1 }, { 10, 1, 0 }, { 11, 5, 0 }, { UINT64_MAX, 5, 0 }, { 1u << 31, 5, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[128];
		size_t n = 77;

		memset(buf, '#', sizeof(buf));
		TRY(weir_fs_read_at(in, buf, cases[i].len, cases[i].offset, &n, err));
		WANT(n == cases[i].want, "read_at of %zu bytes at %llu of 10 gives %zu", cases[i].len, (unsigned long long)cases[i].offset, n);
		WANT(n == 0 || memcmp(buf, &"0123456789"[cases[i].offset < 10 ? cases[i].offset : 0], n) == 0, "read_at at %llu gives other bytes", (unsigned long long)cases[i].offset);
		WANT(buf[n] == '#', "read_at writes past what it read");
	}
	return 0;
}

static int check_read(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_in *in = NULL;
	int rc;

	TRY(weir__put_text(fs, IN(dir, "f"), "0123456789", err));
	TRY(weir_fs_open(fs, IN(dir, "f"), &in, err));
	rc = read_edges(in, err);
	weir_fs_in_close(in);
	TRY(rc);
	TRY(weir__want_no_open(fs, dir, WEIR_EINVALID, "open of a directory", err));
	TRY(weir__want_no_open(fs, IN(dir, "none"), WEIR_ENOTFOUND, "open of a missing file", err));
	return 0;
}

/* ---- FS-12 abort ---- */

static int check_abort(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_out *out = NULL;
	struct named f = weir__named(dir, "f");

	weir_fs_abort(NULL);
	for (int how = 0; how < 4; how++) {
		int rc = 0;

		TRY(weir_fs_create(fs, f.path, how == 3 ? WEIR_FS_OVERWRITE : WEIR_FS_NO_OVERWRITE, &out, err));
		if (how >= 1)
			rc = weir_fs_write(out, "abc", 3, err);
		if (how >= 2 && !rc)
			rc = weir_fs_sync(out, err);
		weir_fs_abort(out);
		TRY(rc);
		TRY(weir__want_absent(fs, f.path, err));
	}
	return weir__want_entries(fs, dir, 0, err);
}

/* Who took the name meanwhile keeps it. */
static int check_abort_replaced(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_fs_out *out = NULL;
	int rc;

	TRY(weir_fs_create(fs, IN(dir, "f"), WEIR_FS_NO_OVERWRITE, &out, err));
	rc = weir__put_text(fs, IN(dir, "g"), "another", err);
	if (!rc)
		rc = weir_fs_rename(fs, IN(dir, "g"), IN(dir, "f"), err);
	weir_fs_abort(out);
	return rc ? rc : weir__want_text(fs, IN(dir, "f"), "another", err);
}

const struct weir_fs_check weir__fs_checks_files[] = {
	{ "FS-01.a", "what was written and closed is read back, at every size", 0, check_sizes },
	{ "FS-01.b", "another process sees a closed file at once, in both directions", WEIR_FS_SHARED, check_other_process },
	{ "FS-01.c", "a mapped file is its content, an empty one too", 0, check_map },
	{ "FS-01.d", "stat tells type and size of a closed file", 0, check_stat },
	{ "FS-02.a", "sync may come at any time, any number of times", 0, check_sync },
	{ "FS-04.a", "after a failed write nothing is accepted and no file is left", 0, check_write_error },
	{ "FS-04.b", "after a failed sync nothing is accepted and no file is left", 0, check_sync_error },
	{ "FS-04.c", "after a failed close no file is left", 0, check_close_error },
	{ "FS-06.a", "NO_OVERWRITE never replaces; create makes no parents", 0, check_no_overwrite },
	{ "FS-06.b", "OVERWRITE is delete and create: open readers keep the old file", 0, check_overwrite },
	{ "FS-10.a", "many threads use one file system; one of many creators of a name wins", 0, check_threads },
	{ "FS-11.a", "reads stop at the end of the file and nowhere else", 0, check_read },
	{ "FS-12.a", "abort leaves no file, at any stage", 0, check_abort },
	{ "FS-12.b", "abort leaves the file of somebody else who took the name", WEIR_FS_ATOMIC_RENAME, check_abort_replaced },
	{ 0 },
};
