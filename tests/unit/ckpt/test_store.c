// SPDX-License-Identifier: Apache-2.0
/* The checkpoint store: what it writes, what it refuses, and what is left after every crash and every full disk. */
#include "ckpt_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "fs-abstraction/fs_layers.h"
#include "state/ckpt/ckpt_priv.h"
#include "state/ckpt/store.h"
#include "state/flink/properties.h"

#define JOB "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define SIZES 3
static const size_t sizes[SIZES] = { 10, 100, 5000 }; /* the first stays inline */

static struct weir_store_config config_of(struct weir_fs *fs, const char *root, uint32_t retained)
{
	return (struct weir_store_config){ .fs = fs, .root = root, .job_id = JOB, .create_subdir = true, .num_retained = retained, .inline_threshold = 32,
					   .meta_version = WEIR_META_DEFAULT };
}

/* State of checkpoint `id`, part k: bytes that say which. */
static uint8_t byte_of(int64_t id, size_t k, size_t i) { return (uint8_t)((uint64_t)id * 31 + k * 7 + i); }

static int write_part(struct weir_store_target *t, int64_t id, size_t k, struct weir_rng *rng, struct weir_arena *mem, struct weir_stream_handle *h,
		      struct weir_error *err)
{
	struct weir_state_out *o;
	uint8_t chunk[50];
	int code = weir_state_out_open(t, rng, &o, err);

	for (size_t i = 0; i < sizes[k] && !code; i += sizeof(chunk)) {
		size_t n = sizes[k] - i < sizeof(chunk) ? sizes[k] - i : sizeof(chunk);

		for (size_t x = 0; x < n; x++)
			chunk[x] = byte_of(id, k, i + x);
		code = weir_state_out_put(o, chunk, n, err);
		if (code)
			weir_state_out_abort(o);
		else
			ck_assert_uint_eq(weir_state_out_position(o), i + n);
	}
	return code ? code : weir_state_out_close(o, mem, h, err);
}

static int write_target(struct weir_store *s, struct weir_store_target *t, struct weir_rng *rng, char **out_uri, struct weir_error *err)
{
	struct weir_subtask_state subs[SIZES] = { { .index = 0 }, { .index = 1 }, { .index = 2 } };
	struct weir_operator_state op = { .id = weir_operator_id_of_uid("u"), .parallelism = SIZES, .max_parallelism = SIZES, .nsubtasks = SIZES, .subtasks = subs };
	struct weir_ckpt c = { .id = t->id, .noperators = 1, .operators = &op, .properties = weir_properties_of(WEIR_SNAPSHOT_CHECKPOINT, false, true) };
	struct weir_arena mem = { 0 };
	int64_t zero = 0;
	int code = 0;

	for (size_t k = 0; k < SIZES && !code; k++) {
		subs[k].managed_keyed = (struct weir_keyed_handle){ .kind = WEIR_KEYED_GROUPS, .groups = { (int32_t)k, 1, &zero }, .id = test_text("id") };
		code = write_part(t, t->id, k, rng, &mem, &subs[k].managed_keyed.stream, err);
	}
	if (code)
		weir_store_abort(s, t);
	else
		code = weir_store_complete(s, t, &c, out_uri, err);
	weir_arena_fini(&mem);
	return code;
}

static int write_checkpoint(struct weir_store *s, int64_t id, struct weir_rng *rng, struct weir_error *err)
{
	struct weir_store_target *t;
	int code = weir_store_begin(s, id, &t, err);

	return code ? code : write_target(s, t, rng, NULL, err);
}

/* Open and compare every byte; returns the id. */
static int64_t verify(struct weir_fs *fs, const char *dir)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;
	char meta[4700];
	int64_t id;

	snprintf(meta, sizeof(meta), "%s/_metadata", dir);
	ck_ok(weir__ckpt_open_file(fs, meta, &c, &err));
	id = c->id;
	ck_assert_uint_eq(c->operators[0].nsubtasks, SIZES);
	for (size_t k = 0; k < SIZES; k++) {
		const struct weir_stream_handle *h = &c->operators[0].subtasks[k].managed_keyed.stream;
		struct weir_fs_map *map;
		struct weir_slice bytes;
		char *path;

		ck_assert_int_eq(h->kind, k ? WEIR_HANDLE_RELATIVE : WEIR_HANDLE_INLINE);
		ck_ok(weir_ckpt_bytes(c, h, &map, &bytes, &path, &err));
		ck_assert_uint_eq(bytes.len, sizes[k]);
		for (size_t i = 0; i < bytes.len; i++)
			ck_assert_uint_eq(bytes.ptr[i], byte_of(id, k, i));
		weir_fs_unmap(map);
		free(path);
	}
	weir_ckpt_close(c);
	return id;
}

/* Id of the newest complete checkpoint, with its bytes verified; 0 when there is none. */
static int64_t newest(struct weir_fs *fs, const char *root)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *dir;
	int64_t id;
	int code = weir__ckpt_find_newest(fs, root, &dir, NULL, NULL, &err);

	if (code == WEIR_ENOTFOUND)
		return 0;
	ck_assert_msg(code == 0, "%s", err.msg);
	id = verify(fs, dir);
	free(dir);
	return id;
}

static int collect_name(void *arg, const char *name, const struct weir_fs_stat *st)
{
	(void)st;
	weir_buf_printf(arg, "%s ", name);
	return 0;
}

static int compare_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The sorted names in a directory, joined by blanks; hidden ones left out. */
static const char *names_in(struct weir_fs *fs, const char *dir)
{
	static char out[2000];
	char *parts[64];
	size_t n = 0;
	struct weir_buf b = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_fs_list(fs, dir, collect_name, &b, &err));
	for (char *save, *p = strtok_r((char *)(uintptr_t)weir_buf_cstr(&b), " ", &save); p && n < 64; p = strtok_r(NULL, " ", &save))
		if (p[0] != '.')
			parts[n++] = p;
	qsort(parts, n, sizeof(*parts), compare_text);
	out[0] = 0;
	for (size_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? " " : "", parts[i]);
	weir_buf_fini(&b);
	return out;
}

WEIR_TEST(layout_and_retention)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("layout");
	struct weir_store_config config = config_of(mem, "/ck", 2);
	struct weir_rng rng = { 1 };
	struct weir_store *s;
	int64_t highest = -1;

	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_assert_str_eq(weir_store_dir(s), "memory://layout/ck/" JOB);
	ck_ok(weir_store_highest(s, &highest, &err));
	ck_assert_int_eq(highest, 0);
	for (int64_t id = 9; id <= 11; id++) {
		ck_ok(write_checkpoint(s, id, &rng, &err));
		ck_ok(weir_store_retire(s, &err));
		ck_assert_int_eq(newest(mem, "/ck"), id);
	}
	ck_assert_str_eq(names_in(mem, "/ck/" JOB), "chk-10 chk-11 shared taskowned");
	ck_ok(weir_store_highest(s, &highest, &err));
	ck_assert_int_eq(highest, 11);
	ck_assert_int_eq(write_checkpoint(s, 11, &rng, &err), WEIR_EEXISTS);
	ck_assert_ptr_nonnull(strstr(err.msg, "this checkpoint exists already"));
	ck_assert_int_eq(verify(mem, "/ck/" JOB "/chk-11"), 11);
	weir_store_close(s);
	weir_fs_memory_free(mem);
}

WEIR_TEST(retire_counts_only_what_is_complete)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("count");
	struct weir_store_config config = config_of(mem, "/ck", 1);
	struct weir_rng rng = { 2 };
	struct weir_store_target *t;
	struct weir_store *s;
	int64_t highest;

	ck_ok(weir_store_open(&config, &rng, &s, &err));
	for (int64_t id = 1; id <= 3; id++)
		ck_ok(write_checkpoint(s, id, &rng, &err));
	weir_store_close(s);
	/* a new process; chk-3 lost its _metadata's end, chk-4 and chk-20 never had one */
	ck_ok(weir_fs_remove(mem, "/ck/" JOB "/chk-3/_metadata", false, &err));
	ck_ok(weir_fs_publish(mem, "/ck/" JOB "/chk-3/_metadata", test_text("\x49\x60\x67\x2d"), &err));
	ck_ok(weir_fs_mkdirs(mem, "/ck/" JOB "/chk-4", &err));
	ck_ok(weir_fs_publish(mem, "/ck/" JOB "/chk-4/x", test_text("x"), &err));
	ck_ok(weir_fs_mkdirs(mem, "/ck/" JOB "/chk-20", &err));
	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_ok(weir_store_highest(s, &highest, &err));
	ck_assert_int_eq(highest, 20);
	ck_ok(weir_store_begin(s, 21, &t, &err)); /* is being written: not a leftover */
	ck_ok(weir_store_retire(s, &err));
	ck_assert_str_eq(names_in(mem, "/ck/" JOB), "chk-2 chk-21 chk-3 shared taskowned");
	ck_ok(weir_store_highest(s, &highest, &err));
	ck_assert_int_eq(highest, 21);
	ck_assert_int_eq(newest(mem, "/ck"), 2);
	ck_ok(write_target(s, t, &rng, NULL, &err));
	ck_ok(weir_store_retire(s, &err));
	ck_assert_str_eq(names_in(mem, "/ck/" JOB), "chk-21 shared taskowned");
	weir_store_close(s);
	weir_fs_memory_free(mem);
}

WEIR_TEST(abort_and_leftovers)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("abort");
	struct weir_store_config config = config_of(mem, "/ck", 1);
	struct weir_rng rng = { 3 };
	struct weir_store_target *t;
	struct weir_store *s;
	struct weir_arena arena = { 0 };
	struct weir_stream_handle h;
	char *uri;

	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_ok(weir_store_begin(s, 1, &t, &err));
	ck_ok(write_part(t, 1, 2, &rng, &arena, &h, &err));
	weir_store_abort(s, t);
	ck_assert_str_eq(names_in(mem, "/ck/" JOB), "shared taskowned");
	ck_ok(weir_fs_mkdirs(mem, "/ck/" JOB "/chk-2/deep", &err)); /* of an attempt that crashed */
	ck_ok(weir_store_begin(s, 2, &t, &err));
	ck_assert_str_eq(names_in(mem, t->dir), "");
	ck_ok(write_target(s, t, &rng, &uri, &err));
	ck_assert_str_eq(uri, "memory://abort/ck/" JOB "/chk-2");
	ck_assert_int_eq(newest(mem, "/ck"), 2);
	free(uri);
	weir_arena_fini(&arena);
	weir_store_close(s);
	weir_fs_memory_free(mem);
}

WEIR_TEST(savepoints)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("sp");
	struct weir_rng rng = { 4 };
	struct weir_store_target *t;
	struct weir_ckpt *c;
	char *uri;

	ck_ok(weir_store_begin_savepoint(NULL, "memory://sp/a/b", JOB, 7, &rng, &t, &err));
	ck_assert_uint_eq(t->inline_threshold, 20480);
	ck_assert_int_eq(t->meta_version, WEIR_META_DEFAULT);
	ck_assert_int_eq(strncmp(t->dir, "/a/b/savepoint-012345-", 22), 0);
	ck_assert_uint_eq(strlen(t->dir), 22 + 12);
	t->inline_threshold = 32;
	ck_ok(write_target(NULL, t, &rng, &uri, &err));
	ck_ok(weir_ckpt_open(uri, &c, &err));
	ck_ok(weir_ckpt_check_files(c, &err));
	ck_assert_int_eq(c->id, 7);
	weir_ckpt_close(c);
	free(uri);
	ck_ok(weir_store_begin_savepoint(NULL, "memory://sp/a/b", JOB, 8, &rng, &t, &err));
	t->meta_version = 2; /* references become absolute */
	t->inline_threshold = 32;
	ck_ok(write_target(NULL, t, &rng, &uri, &err));
	ck_ok(weir_ckpt_open(uri, &c, &err));
	ck_assert_int_eq(c->version, 2);
	ck_assert_int_eq(c->operators[0].subtasks[2].managed_keyed.stream.kind, WEIR_HANDLE_FILE);
	ck_ok(weir_ckpt_check_files(c, &err));
	weir_ckpt_close(c);
	free(uri);
	ck_assert_int_eq(weir_store_begin_savepoint(NULL, "memory://sp/a", "XYZ", 8, &rng, &t, &err), WEIR_EINVALID);
	weir_fs_memory_free(mem);
}

WEIR_TEST(a_checkpoint_that_names_missing_files_is_not_published)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("names");
	struct weir_store_config config = config_of(mem, "/ck", 1);
	struct weir_rng rng = { 5 };
	struct weir_subtask_state sub = { .raw_operator = { .present = true, .stream = { .kind = WEIR_HANDLE_RELATIVE, .name = test_text("gone"), .size = 3 } } };
	struct weir_operator_state op = { .parallelism = 1, .max_parallelism = 1, .nsubtasks = 1, .subtasks = &sub };
	struct weir_ckpt c = { .noperators = 1, .operators = &op };
	struct weir_store_target *t;
	struct weir_store *s;

	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_ok(weir_store_begin(s, 1, &t, &err));
	ck_assert_int_eq(weir_store_complete(s, t, &c, NULL, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.path, "chk-1/gone"));
	ck_assert_str_eq(names_in(mem, "/ck/" JOB), "shared taskowned");
	weir_store_close(s);
	weir_fs_memory_free(mem);
}

WEIR_TEST(whose_directory)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("whose");
	struct weir_store_config config = config_of(mem, "/flat", 1);
	struct weir_rng rng = { 6 };
	struct weir_store *s;

	config.create_subdir = false;
	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_ok(write_checkpoint(s, 1, &rng, &err));
	weir_store_close(s);
	ck_ok(weir_store_open(&config, &rng, &s, &err)); /* the same job again */
	weir_store_close(s);
	config.job_id = OTHER;
	ck_assert_int_eq(weir_store_open(&config, &rng, &s, &err), WEIR_EEXISTS);
	ck_assert_ptr_nonnull(strstr(err.msg, "holds the checkpoints of job " JOB ", this is job " OTHER));
	weir_error_clear(&err);
	config.create_subdir = true;
	ck_assert_int_eq(weir_store_open(&config, &rng, &s, &err), WEIR_EEXISTS);
	ck_assert_ptr_nonnull(strstr(err.msg, "checkpoint directory of a job itself"));
	weir_error_clear(&err);
	config = config_of(mem, "/ck", 1);
	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_ok(write_checkpoint(s, 1, &rng, &err));
	weir_store_close(s);
	config.job_id = OTHER;
	config.root = "/ck/" JOB;
	ck_assert_int_eq(weir_store_open(&config, &rng, &s, &err), WEIR_EEXISTS);
	ck_assert_ptr_nonnull(strstr(err.msg, "of job " JOB " itself"));
	weir_error_clear(&err);
	config.create_subdir = false;
	ck_assert_int_eq(weir_store_open(&config, &rng, &s, &err), WEIR_EEXISTS);
	ck_assert_ptr_nonnull(strstr(err.msg, "which has left no name"));
	ck_assert_int_eq(newest(mem, "/ck"), 1);
	weir_error_clear(&err);
	config.job_id = "nonsense";
	ck_assert_int_eq(weir_store_open(&config, &rng, &s, &err), WEIR_EINVALID);
	weir_fs_memory_free(mem);
}

WEIR_TEST(two_processes_one_directory)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_store_config config = config_of(NULL, weir_test_dir(), 1);
	struct weir_rng rng = { 7 };
	struct weir_store *s;
	char byte, pid[32], text[1200];
	int ready[2];
	pid_t child;

	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		int ok = weir_store_open(&config, &rng, &s, &err) == 0;

		if (write(ready[1], ok ? "y" : "n", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
	ck_assert_int_eq(weir_store_open(&config, &rng, &s, &err), WEIR_EBUSY);
	snprintf(pid, sizeof(pid), "process %d", (int)child);
	weir_error_text(&err, text, sizeof(text));
	ck_assert_msg(strstr(text, pid) && strstr(text, JOB "/.lock") && strstr(text, "another process writes checkpoints"), "%s", text);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	weir_error_clear(&err);
	ck_ok(weir_store_open(&config, &rng, &s, &err)); /* the lock went with its holder */
	weir_store_close(s);
}

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct weir_store *s;
	_Atomic int64_t *next;
	int failures;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct weir_rng rng = { (uint64_t)(uintptr_t)w };

	for (int i = 0; i < 20; i++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_store_target *t;
		int64_t id = atomic_fetch_add(w->next, 1);

		if (i % 5 == 4) { /* one that is given up */
			w->failures += weir_store_begin(w->s, id, &t, &err) != 0;
			if (!err.code)
				weir_store_abort(w->s, t);
		} else {
			w->failures += write_checkpoint(w->s, id, &rng, &err) != 0;
		}
		w->failures += weir_store_retire(w->s, &err) != 0;
	}
	return NULL;
}

WEIR_TEST(many_threads_one_store)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("threads");
	struct weir_store_config config = config_of(mem, "/ck", 2);
	struct weir_rng rng = { 8 };
	struct worker w[3] = { 0 };
	_Atomic int64_t next = 1;
	struct weir_store *s;
	int64_t highest, best;

	ck_ok(weir_store_open(&config, &rng, &s, &err));
	for (int i = 0; i < 3; i++) {
		w[i] = (struct worker){ .s = s, .next = &next };
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_int_eq(w[i].failures, 0);
	}
	ck_ok(weir_store_highest(s, &highest, &err));
	ck_assert_int_eq(highest, 60);
	best = newest(mem, "/ck");
	ck_assert_int_ge(best, 57);
	ck_ok(weir_store_retire(s, &err));
	ck_assert_int_eq(newest(mem, "/ck"), best);
	weir_store_close(s);
	weir_fs_memory_free(mem);
}

/* ---- crashes ---- */

#define ROUNDS 4

/* Write checkpoints from `first` on until something fails. *acked: the last one that was acknowledged. */
static int run(struct weir_fs *fs, const char *root, int64_t first, volatile int64_t *acked, struct weir_error *err)
{
	struct weir_store_config config = config_of(fs, root, 1);
	struct weir_rng rng = { (uint64_t)first };
	struct weir_store *s;
	int code = weir_store_open(&config, &rng, &s, err);

	if (code)
		return code;
	for (int64_t id = first; id < first + ROUNDS && !code; id++) {
		code = write_checkpoint(s, id, &rng, err);
		if (!code) {
			*acked = id;
			code = weir_store_retire(s, err);
		}
	}
	weir_store_close(s);
	return code;
}

/* After a crash: nothing that was acknowledged is lost, nothing damaged is taken for good, and the job goes on with fresh ids. */
static void recover(struct weir_fs *fs, const char *root, int64_t acked, const char *what, uint64_t nth)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_store_config config = config_of(fs, root, 1);
	struct weir_rng rng = { 99 };
	struct weir_fs_stat st;
	char dir[4700], want[100];
	int64_t highest = -1, found = weir_fs_stat(fs, root, &st, NULL) == 0 ? newest(fs, root) : 0;
	struct weir_store *s;

	ck_assert_msg(found >= acked && found <= ROUNDS, "%s at operation %llu: acknowledged %lld, found %lld", what, (unsigned long long)nth, (long long)acked,
		      (long long)found);
	ck_ok(weir_store_open(&config, &rng, &s, &err));
	ck_ok(weir_store_highest(s, &highest, &err));
	ck_assert_int_ge(highest, found);
	ck_ok(write_checkpoint(s, highest + 1, &rng, &err));
	ck_ok(weir_store_retire(s, &err));
	ck_assert_int_eq(newest(fs, root), highest + 1);
	snprintf(dir, sizeof(dir), "%s/" JOB, root);
	snprintf(want, sizeof(want), "chk-%lld shared taskowned", (long long)highest + 1);
	ck_assert_str_eq(names_in(fs, dir), want);
	weir_store_close(s);
}

static uint64_t count_operations(void)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *mem = weir_fs_memory_new("ops");
	struct weir_fs *counted = weir_fs_fault_new(mem, &(struct weir_fs_fault){ .nth = 0 });
	int64_t acked = 0;
	uint64_t n;

	ck_ok(run(counted, "/ck", 1, &acked, &err));
	ck_assert_int_eq(acked, ROUNDS);
	n = weir_fs_fault_count(counted);
	ck_assert_uint_gt(n, 60);
	weir_fs_fault_free(counted);
	weir_fs_memory_free(mem);
	return n;
}

struct crash {
	struct weir_fs *mem;
	uint64_t seed;
	bool machine;
};

static void crash_now(void *arg)
{
	struct crash *c = arg;

	if (c->machine)
		weir_fs_memory_crash(c->mem, c->seed);
	else
		weir_fs_memory_kill(c->mem);
}

WEIR_TEST(crash_at_every_operation)
{
	uint64_t n = count_operations();

	for (uint64_t nth = 1; nth <= n; nth++)
		for (uint64_t seed = 0; seed < 5; seed++) {
			struct weir_error err = WEIR_ERROR_INIT;
			struct crash crash = { weir_fs_memory_new("crash"), seed, seed < 4 };
			/* the outer one stops the machine, the inner one refuses all that the dead process still asks for */
			struct weir_fs *dead = weir_fs_fault_new(crash.mem, &(struct weir_fs_fault){ .nth = nth, .code = WEIR_EIO, .sticky = true });
			struct weir_fs *top = weir_fs_fault_new(dead, &(struct weir_fs_fault){ .nth = nth, .at = crash_now, .arg = &crash });
			int64_t acked = 0;

			ck_assert_int_ne(run(top, "/ck", 1, &acked, &err), 0);
			recover(crash.mem, "/ck", acked, seed < 4 ? "crash" : "kill", nth);
			weir_fs_fault_free(top);
			weir_fs_fault_free(dead);
			weir_fs_memory_free(crash.mem);
		}
}

/* The test must notice when the order is wrong: without any directory sync, acknowledged checkpoints are lost. */
WEIR_TEST(the_crash_test_notices_missing_directory_syncs)
{
	uint64_t n = count_operations(), lost = 0;

	for (uint64_t nth = 1; nth <= n; nth++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct crash crash = { weir_fs_memory_new("unsynced"), 0, true };
		struct weir_fs_ops broken_ops = *crash.mem->ops;
		const struct weir_fs_ops *ops = crash.mem->ops;
		struct weir_fs *dead, *top;
		int64_t acked = 0;

		broken_ops.caps &= ~(uint32_t)WEIR_FS_DIR_SYNC;
		crash.mem->ops = &broken_ops;
		dead = weir_fs_fault_new(crash.mem, &(struct weir_fs_fault){ .nth = nth, .code = WEIR_EIO, .sticky = true });
		top = weir_fs_fault_new(dead, &(struct weir_fs_fault){ .nth = nth, .at = crash_now, .arg = &crash });
		if (run(top, "/ck", 1, &acked, &err) && acked) {
			struct weir_fs_stat st;

			crash.mem->ops = ops;
			lost += weir_fs_stat(crash.mem, "/ck", &st, NULL) != 0 || newest(crash.mem, "/ck") < acked;
		}
		crash.mem->ops = ops;
		weir_fs_fault_free(top);
		weir_fs_fault_free(dead);
		weir_fs_memory_free(crash.mem);
	}
	ck_assert_uint_gt(lost, 0);
}

static void full_disk_at(struct weir_fs *inner, const char *root, uint64_t nth, bool half)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs *fs = weir_fs_fault_new(inner, &(struct weir_fs_fault){ .nth = nth, .code = WEIR_ENOSPC, .half = half });
	struct weir_fs_stat st;
	int64_t acked = 0, found;
	int code = run(fs, root, 1, &acked, &err);

	if (code) { /* every failure must be told, but for one while tidying up */
		char text[1200];

		ck_assert_msg(code == WEIR_ENOSPC && err.code == WEIR_ENOSPC && err.path[0], "%llu: %s", (unsigned long long)nth, weir_error_text(&err, text, sizeof(text)));
	}
	found = weir_fs_stat(inner, root, &st, NULL) == 0 ? newest(inner, root) : 0;
	ck_assert_int_eq(found, acked);
	recover(inner, root, acked, "full disk", nth);
	weir_fs_fault_free(fs);
}

WEIR_TEST(full_disk_at_every_operation)
{
	uint64_t n = count_operations();

	for (uint64_t nth = 1; nth <= n; nth++)
		for (int half = 0; half < 2; half++) {
			struct weir_fs *mem = weir_fs_memory_new("full");

			full_disk_at(mem, "/ck", nth, half);
			weir_fs_memory_free(mem);
		}
}

WEIR_TEST(full_local_disk_at_every_operation)
{
	uint64_t n = count_operations();

	for (uint64_t nth = 1; nth <= n; nth += 3) {
		struct weir_error err = WEIR_ERROR_INIT;
		char root[4600];

		snprintf(root, sizeof(root), "%s/full", weir_test_dir());
		full_disk_at(weir_fs_local, root, nth, nth % 2);
		ck_ok(weir_fs_remove(weir_fs_local, root, true, &err));
	}
}

WEIR_TEST(killed_at_every_local_operation)
{
	uint64_t n = count_operations();
	int64_t *acked = mmap(NULL, sizeof(*acked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char root[4600];

	ck_assert(acked != MAP_FAILED);
	snprintf(root, sizeof(root), "%s/killed", weir_test_dir());
	for (uint64_t nth = 1; nth <= n; nth++) {
		struct weir_error err = WEIR_ERROR_INIT;
		int status;
		pid_t child;

		*acked = 0;
		child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0) {
			struct weir_fs *fs = weir_fs_fault_new(weir_fs_local, &(struct weir_fs_fault){ .nth = nth, .kill = true });

			_exit(run(fs, root, 1, acked, NULL) ? 1 : 0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "operation %llu of %llu: status %d", (unsigned long long)nth, (unsigned long long)n, status);
		recover(weir_fs_local, root, *acked, "kill", nth);
		ck_ok(weir_fs_remove(weir_fs_local, root, true, &err));
	}
}
