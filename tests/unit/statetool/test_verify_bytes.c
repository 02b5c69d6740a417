// SPDX-License-Identifier: Apache-2.0
/*
 * Every byte of small checkpoints set to 0, to 0xff and flipped, and every truncation: verification ends within a second, in little memory, and finds whatever a checksum covers.
 * By default a byte here and there; with WEIR_EVERY_BYTE set all of them (minutes).
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/vec.h"
#include "state/ckpt/view.h"
#include "state/flink/keyed.h"
#include "statetool/verify.h"
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

struct range {
	size_t from, to;
};

struct subject {
	char path[1200];                 /* of the file in the test's folder */
	char name[256];
	uint8_t *bytes;
	size_t len;
	WEIR_VEC(struct range) covered;  /* by checksums */
	uint64_t whole;                  /* hash of all entries, undamaged */
	uint64_t runs, found;
};

/* ---- one reading ---- */

struct reading {
	uint64_t hash, problems, unread;
};

static void found(void *arg, const struct weir_problem *p)
{
	struct reading *r = arg;

	ck_assert_ptr_nonnull(p->text);
	if (weir_problem_is_damage(p))
		r->problems++;
	else
		r->unread++;
}

static int entry(void *arg, const struct weir_entry *e, bool sound)
{
	struct reading *r = arg;
	const struct weir_slice all[] = { e->key, e->ns, e->user_key, e->value };

	(void)sound;
	r->hash = weir_xxh3_seed(e->state->name, strlen(e->state->name), r->hash + (uint64_t)(e->key_group + 2) + (uint64_t)e->timestamp);
	for (int i = 0; i < 4; i++)
		r->hash = weir_xxh3_seed(all[i].len ? all[i].ptr : (const uint8_t *)"", all[i].len, r->hash);
	return 0;
}

static int read_it(const char *path, struct reading *r)
{
	struct weir_check check = { .problem = found, .entry = entry, .arg = r };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;
	int rc = weir_ckpt_open(path, &c, &err);

	*r = (struct reading){ 0 };
	if (rc)
		return rc;
	rc = weir_view_open(c, &v, &err);
	if (rc) {
		weir_ckpt_close(c);
		return rc;
	}
	rc = weir_view_check(v, &check, &err);
	weir_view_close(v);
	return rc;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* of this process: another may have the processor */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void try_it(struct subject *s, size_t at, const char *what)
{
	uint64_t start = now_ms(), took;
	struct reading r;
	int rc = read_it(weir_test_dir(), &r);

	took = now_ms() - start;
	s->runs++;
	s->found += rc != 0 || r.problems || r.unread;
	ck_assert_msg(took < 1000 * SLOWER, "%s, byte %zu %s: %llu ms", s->name, at, what, (unsigned long long)took);
	ck_assert_msg(rc != WEIR_EBUG && rc != WEIR_ENOMEM, "%s, byte %zu %s: %s", s->name, at, what, weir_code_name(rc));
	if (rc || r.problems)
		return;
	for (size_t i = 0; i < s->covered.len; i++)
		if (at >= s->covered.items[i].from && at < s->covered.items[i].to)
			ck_assert_msg(r.hash == s->whole, "%s, byte %zu %s: a checksum covers it, and other entries came out without a problem", s->name, at, what);
	ck_assert_msg(strcmp(what, "cut") != 0, "%s cut at byte %zu of %zu: it went unnoticed", s->name, at, s->len);
}

/* ---- what checksums cover: tables of RocksDB, snappy frames ---- */

static void cover(struct subject *s, size_t from, size_t to)
{
	struct range *slot = from < to && to <= s->len ? weir_vec_push(&s->covered) : NULL;

	if (slot)
		*slot = (struct range){ from, to };
}

/* Where the bytes of the handle begin in this file. */
static bool is_here(const struct subject *s, const struct weir_slice metadata, const struct weir_stream_handle *h, size_t *out)
{
	size_t n = strlen(s->name);

	*out = 0;
	if (h->kind == WEIR_HANDLE_INLINE) {
		*out = h->data.len ? (size_t)(h->data.ptr - metadata.ptr) : 0;
		return strcmp(s->name, "_metadata") == 0;
	}
	return h->name.len >= n && memcmp(h->name.ptr + h->name.len - n, s->name, n) == 0 && h->kind != WEIR_HANDLE_NONE;
}

static void cover_files(struct subject *s, struct weir_slice metadata, const struct weir_named_handle *h, uint32_t n)
{
	size_t at;

	for (uint32_t i = 0; i < n; i++)
		if (h[i].name.len > 4 && memcmp(h[i].name.ptr + h[i].name.len - 4, ".sst", 4) == 0 && is_here(s, metadata, &h[i].handle, &at))
			cover(s, at, at + (size_t)h[i].handle.size);
}

static void cover_groups(struct subject *s, struct weir_slice metadata, const struct weir_keyed_handle *k)
{
	struct weir_keyed_meta *meta = NULL;
	struct weir_arena mem = { 0 };
	size_t at, head = (size_t)k->stream.size;

	if (!k->groups.offsets || !is_here(s, metadata, &k->stream, &at) || at + head > s->len)
		return;
	for (uint32_t i = 0; i < k->groups.count; i++)
		if (k->groups.offsets[i] > 0 && (size_t)k->groups.offsets[i] < head)
			head = (size_t)k->groups.offsets[i];
	if (weir_keyed_read_meta((struct weir_slice){ s->bytes + at, head }, "test", &mem, &meta, NULL) == 0 && meta->compressed)
		cover(s, at + head, at + (size_t)k->stream.size);
	weir_arena_fini(&mem);
}

static void find_covered(struct subject *s, struct weir_slice metadata)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_ckpt *c = NULL;

	ck_ok(weir_ckpt_decode(metadata, "test", &mem, &c, &err));
	for (uint32_t i = 0; i < c->noperators; i++)
		for (uint32_t k = 0; k < c->operators[i].nsubtasks; k++) {
			const struct weir_keyed_handle *h = &c->operators[i].subtasks[k].managed_keyed;

			cover_files(s, metadata, h->shared, h->nshared);
			cover_files(s, metadata, h->private_, h->nprivate);
			if (h->kind == WEIR_KEYED_GROUPS || h->kind == WEIR_KEYED_GROUPS_OLD || h->kind == WEIR_KEYED_SAVEPOINT)
				cover_groups(s, metadata, h);
		}
	weir_arena_fini(&mem);
}

/* ---- all of it ---- */

static void write_bytes(const struct subject *s, size_t at, const void *p, size_t n)
{
	int fd = open(s->path, O_WRONLY | O_CREAT, 0644);

	ck_assert(fd >= 0 && pwrite(fd, p, n, (off_t)at) == (ssize_t)n);
	close(fd);
}

struct checkpoint {
	const char *dir;
	WEIR_VEC(struct subject) files;
};

static int load(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct checkpoint *c = arg;
	struct subject *s = strchr(name, '.') ? NULL : weir_vec_push(&c->files);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map;
	struct weir_slice b;
	char from[1200];

	if (!s)
		return 0; /* what a README says about it */
	ck_assert(st->type == WEIR_FS_FILE);
	*s = (struct subject){ .runs = 0 };
	snprintf(from, sizeof(from), "%s/%s", c->dir, name);
	snprintf(s->name, sizeof(s->name), "%s", name);
	snprintf(s->path, sizeof(s->path), "%s/%s", weir_test_dir(), name);
	ck_ok(weir_fs_map(weir_fs_local, from, &map, &b, &err));
	s->bytes = malloc(b.len + 1);
	s->len = b.len;
	memcpy(s->bytes, b.ptr, b.len);
	weir_fs_unmap(map);
	write_bytes(s, 0, s->bytes, s->len);
	return 0;
}

/* `tries` places in a file, or every one. */
static void every_byte_of(struct subject *s, size_t tries)
{
	size_t stride = !getenv("WEIR_EVERY_BYTE") && s->len > tries ? s->len / tries | 1 : 1;

	for (size_t at = (s->len - 1) % stride; at < s->len; at += stride) {
		const uint8_t values[] = { 0, 0xff, (uint8_t)~s->bytes[at] };
		static const char *const names[] = { "0", "0xff", "flipped" };

		for (int i = 0; i < 3; i++) {
			if (values[i] == s->bytes[at])
				continue;
			write_bytes(s, at, &values[i], 1);
			try_it(s, at, names[i]);
		}
		write_bytes(s, at, &s->bytes[at], 1);
		ck_assert_int_eq(truncate(s->path, (off_t)at), 0);
		try_it(s, at, "cut");
		write_bytes(s, at, s->bytes + at, s->len - at);
	}
	ck_assert_uint_ge(s->found, s->runs / 4); /* the truncations alone are so many */
}

static void every_byte(const char *dir, size_t tries)
{
	struct checkpoint c = { .dir = dir };
	struct weir_slice metadata = { NULL, 0 };
	struct rusage usage;
	struct reading r;

	ck_assert_int_eq(weir_fs_list(weir_fs_local, dir, load, &c, NULL), 0);
	ck_assert_int_eq(read_it(weir_test_dir(), &r), 0);
	ck_assert_uint_eq(r.problems, 0);
	for (size_t i = 0; i < c.files.len; i++)
		if (strcmp(c.files.items[i].name, "_metadata") == 0)
			metadata = (struct weir_slice){ c.files.items[i].bytes, c.files.items[i].len };
	tries = tries / SLOWER / c.files.len + 1;
	for (size_t i = 0; i < c.files.len; i++) {
		c.files.items[i].whole = r.hash;
		find_covered(&c.files.items[i], metadata);
		every_byte_of(&c.files.items[i], tries);
	}
	getrusage(RUSAGE_SELF, &usage);
	if (SLOWER == 1)
		ck_assert_msg(usage.ru_maxrss < 256 * 1024, "%ld KB of memory", usage.ru_maxrss);
	for (size_t i = 0; i < c.files.len; i++) {
		weir_vec_fini(&c.files.items[i].covered);
		free(c.files.items[i].bytes);
	}
	weir_vec_fini(&c.files);
}

static void shared_bytes(const char *sub, size_t tries)
{
	const char *dir = weir_test_shared(sub);

	if (!dir)
		weir_test_skip("no shared fixtures");
	every_byte(dir, tries);
}

#define DATASTREAM "fixtures/flink/datastream/"
#define SQL "fixtures/flink/sql/"
WEIR_TEST(bytes_of_a_golden_savepoint) { every_byte(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"), 10); }
WEIR_TEST(bytes_of_a_canonical_savepoint) { shared_bytes(DATASTREAM "new-stateful-udf-migration-itcase-flink1.18-hashmap-savepoint", 100); }
WEIR_TEST(bytes_of_a_hashmap_checkpoint) { shared_bytes(DATASTREAM "new-stateful-udf-migration-itcase-flink2.1-hashmap-checkpoint", 100); }
WEIR_TEST(bytes_of_broadcast_state) { shared_bytes(DATASTREAM "new-stateful-broadcast-udf-migration-itcase-flink2.1-hashmap-savepoint-native", 100); }
WEIR_TEST(bytes_of_raw_timers) { shared_bytes(DATASTREAM "legacy-raw-state-heap-timers-rocks-db-1.12", 100); }
WEIR_TEST(bytes_of_rocksdb_files) { shared_bytes(DATASTREAM "new-stateful-udf-migration-itcase-flink1.16-rocksdb-savepoint-native", 10); }
WEIR_TEST(bytes_of_old_metadata) { shared_bytes(DATASTREAM "new-stateful-broadcast-udf-migration-itcase-flink1.10-rocksdb-savepoint", 50); }
WEIR_TEST(bytes_of_sql_state) { shared_bytes(SQL "stream-exec-union_1/union-all-with-filter/savepoint", 50); }
WEIR_TEST(bytes_of_sql_windows) { shared_bytes(SQL "stream-exec-group-window-aggregate_1/group-window-aggregate-hop-proc-time/savepoint", 50); }
WEIR_TEST(bytes_of_snappy_frames) { shared_bytes("fixtures/special/2.1.1/native-hashmap-snappy/savepoint", 50); }
WEIR_TEST(bytes_of_snappy_frames_canonical) { shared_bytes("fixtures/flights/2.1.1/canonical-hashmap-snappy", 10); }
WEIR_TEST(bytes_of_two_byte_key_groups) { shared_bytes("fixtures/special/2.1.1/maxp-1000-native", 50); }
