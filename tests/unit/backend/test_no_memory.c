// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that runs out: every allocation of beginning, writing and restoring a snapshot fails once. Each time the call says WEIR_ENOMEM and why, what
 * is there stays whole, and everything taken is given back. The program brings its own malloc and mmap; memory that was freed or is new is garbage.
 */
#include "tests/unit/backend/model.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ---- the allocator ---- */

static long countdown = -1; /* allocations until the one that fails; less than 0: none does */
static long live;           /* blocks and mappings held */

#ifndef SANITIZED
extern void *__libc_malloc(size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

static bool fails(void)
{
	if (countdown >= 0 && countdown-- == 0) {
		errno = ENOMEM;
		return true;
	}
	return false;
}

static void *given(void *p, int fill)
{
	if (p) {
		live++;
		memset(p, fill, malloc_usable_size(p));
	}
	return p;
}

void *malloc(size_t n) { return fails() ? NULL : given(__libc_malloc(n), 0xa5); }
void *calloc(size_t n, size_t size) { return fails() || (size && n > SIZE_MAX / size) ? NULL : given(__libc_malloc(n * size), 0); }
void *aligned_alloc(size_t align, size_t n) { return fails() ? NULL : given(__libc_memalign(align, n), 0xa5); }
void free(void *p)
{
	if (!p)
		return;
	live--;
	memset(p, 0xdd, malloc_usable_size(p));
	__libc_free(p);
}
void *realloc(void *p, size_t n)
{
	if (!p)
		return malloc(n);
	return fails() ? NULL : __libc_realloc(p, n);
}
void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (flags & MAP_ANONYMOUS && fails())
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, off);
}
#endif

/* ---- a backend with a little of everything ---- */

static const struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = 4, .ngroups = 4 };

struct content {
	struct weir_backend *b;
	struct weir_state *number, *text, *wide, *list, *map;
	struct weir_timers *timers;
};

static void open_content(struct content *c)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state_desc number = { .name = "number", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };
	struct weir_state_desc text = { .name = "text", .kind = WEIR_STATE_VALUE, .ns = &weir_string, .value = &weir_string };
	struct weir_state_desc wide = { .name = "wide", .kind = WEIR_STATE_VALUE, .value = &wide_type };
	struct weir_state_desc list = { .name = "list", .kind = WEIR_STATE_LIST, .value = &weir_string };
	struct weir_state_desc map = { .name = "map", .kind = WEIR_STATE_MAP, .value = &weir_int64, .user_key = &weir_string };

	ck_ok(weir_backend_open_hashmap(&config, &c->b, &err));
	ck_ok(weir_backend_state(c->b, &number, &c->number, &err));
	ck_ok(weir_backend_state(c->b, &text, &c->text, &err));
	ck_ok(weir_backend_state(c->b, &wide, &c->wide, &err));
	ck_ok(weir_backend_state(c->b, &list, &c->list, &err));
	ck_ok(weir_backend_state(c->b, &map, &c->map, &err));
	ck_ok(weir_backend_timers(c->b, "t", &weir_time_window, &c->timers, &err));
}

/* Values of key k; round makes them differ. */
static int set_all(struct content *c, int64_t k, int64_t round, struct weir_error *err)
{
	char buf[64];
	struct weir_str s = weir_str_view(buf, (uint32_t)sprintf(buf, "text %lld, which is too long for a view, %lld", (long long)k, (long long)round)), ns = weir_str_view("ns", 2);
	struct weir_window w = { 0, k % 3 * 1000 };
	struct wide wide = { .a = k, .h = (int32_t)round };
	int64_t v = k + round, *at;
	bool created;
	int code = weir_backend_set_key(c->b, &k, err);

	if (!code)
		code = weir_state_set(c->number, NULL, &v, err);
	if (code || k % 8)
		return code;
	code = weir_state_set(c->text, &ns, &s, err);
	if (!code)
		code = weir_state_set(c->wide, NULL, &wide, err);
	if (!code)
		code = weir_state_list_add(c->list, NULL, &s, err);
	if (!code)
		code = weir_state_map_edit(c->map, NULL, &s, (void **)&at, &created, err);
	if (!code)
		*at = v;
	return code ? code : weir_timers_add(c->timers, WEIR_EVENT_TIME, k, &w, err);
}

#define NKEYS 4000

static void fill(struct content *c)
{
	struct weir_error err = WEIR_ERROR_INIT;

	for (int64_t k = 0; k < NKEYS; k++)
		ck_ok(set_all(c, k, 0, &err));
	ck_ok(weir_backend_settle(c->b, &err));
}

static void lines_of(struct content *c, enum weir_keyed_format format, struct lines *out)
{
	struct shot shot;

	shot_take(&shot, c->b, format, &config);
	shot_lines(&shot, out);
	shot_free(&shot);
}

static int put_away(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)p, (void)err;
	*(uint64_t *)arg += n;
	return 0;
}

static void is_no_memory(int code, const struct weir_error *err)
{
	char text[1200];

	ck_assert_msg(code == WEIR_ENOMEM, "%s: %s", weir_code_name(code), weir_error_text(err, text, sizeof(text)));
	ck_assert_int_eq(err->code, WEIR_ENOMEM);
	ck_assert_msg(strstr(err->msg, "memory") != NULL, "%s", err->msg);
}

/* ---- tests ---- */

/* One snapshot where the n-th allocation fails. False when none did. What can do without (qsort) may go on: then it writes all of `whole` bytes. */
static bool snapshot_failing(struct content *c, enum weir_keyed_format format, long n, uint64_t whole, long *failed)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_snapshot *s = NULL;
	int64_t offsets[4];
	uint64_t size = 0, put = 0;
	bool more;
	int code;

	countdown = n;
	code = weir_backend_snapshot(c->b, &s, &err);
	if (!code)
		code = weir_snapshot_write(s, format, put_away, &put, offsets, &size, &err);
	weir_snapshot_end(s);
	more = countdown < 0;
	countdown = -1;
	if (more && code) {
		is_no_memory(code, &err);
		++*failed;
		return true;
	}
	ck_ok(code);
	ck_assert_uint_eq(put, size);
	ck_assert_uint_eq(put, whole);
	return more;
}

WEIR_TEST(a_snapshot_that_finds_no_memory_leaves_the_state_whole)
{
#ifdef SANITIZED
	weir_test_skip("a sanitizer has its own malloc");
#endif
	struct content c;
	struct lines want = { 0 };
	long before;

	open_content(&c);
	fill(&c);
	for (int format = 0; format < 2; format++) {
		long n = 0, failed = 0;
		struct shot shot;

		shot_take(&shot, c.b, (enum weir_keyed_format)format, &config);
		shot_lines(&shot, &want);
		before = live;
		while (snapshot_failing(&c, (enum weir_keyed_format)format, n, shot.bytes.len, &failed)) {
			struct lines have = { 0 };

			ck_assert_int_eq(live, before);
			if (n++ % 8)
				continue;
			lines_of(&c, (enum weir_keyed_format)format, &have);
			lines_equal(&want, &have, "after a snapshot that failed");
			lines_free(&have);
		}
		ck_assert_int_gt(failed, 30);
		lines_free(&want);
		shot_free(&shot);
	}
	weir_backend_close(c.b);
}

/* No memory to keep a block for the snapshot: that is lost, the task goes on. */
WEIR_TEST(updates_that_find_no_memory_for_an_image_lose_the_snapshot_only)
{
#ifdef SANITIZED
	weir_test_skip("a sanitizer has its own malloc");
#endif
	struct content c;
	bool lost = true;
	int failed = 0;

	open_content(&c);
	fill(&c);
	for (long n = 0; lost; n++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_snapshot *s = NULL;
		int64_t offsets[4];
		uint64_t size, put = 0;
		int code = 0;

		ck_ok(weir_backend_snapshot(c.b, &s, &err));
		countdown = n;
		for (int64_t k = 1; k < NKEYS; k += 10) { /* numbers only: nothing is added */
			if (k % 8 && !code)
				code = set_all(&c, k, n, &err);
		}
		lost = countdown < 0;
		countdown = -1;
		ck_ok(code);
		code = weir_snapshot_write(s, WEIR_FORMAT_HEAP, put_away, &put, offsets, &size, &err);
		weir_snapshot_end(s);
		if (lost && code)
			is_no_memory(code, &err);
		else
			ck_ok(code);
		failed += code != 0;
	}
	ck_assert_int_ge(failed, 4); /* an image for each of the key groups */
	ck_assert_uint_eq(weir_state_count(c.number), NKEYS);
	for (int64_t k = 1; k < NKEYS; k += 10) {
		struct weir_error err = WEIR_ERROR_INIT;
		const void *v;

		ck_ok(weir_backend_set_key(c.b, &k, &err));
		ck_ok(weir_state_get(c.number, NULL, &v, &err));
		ck_assert(k % 8 == 0 || *(const int64_t *)v > k);
	}
	weir_backend_close(c.b);
}

/* One restore where the n-th allocation fails. */
static bool restore_failing(const struct shot *shot, long n)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b = NULL;
	int code;

	countdown = n;
	code = weir_backend_open_hashmap(&config, &b, &err);
	if (!code)
		code = shot_restore(shot, b, &err);
	if (b)
		weir_backend_close(b);
	if (countdown >= 0) {
		countdown = -1;
		ck_ok(code);
		return false;
	}
	is_no_memory(code, &err);
	return true;
}

WEIR_TEST(a_restore_that_finds_no_memory_says_so_and_keeps_nothing)
{
#ifdef SANITIZED
	weir_test_skip("a sanitizer has its own malloc");
#endif
	struct content c;

	open_content(&c);
	fill(&c);
	for (int format = 0; format < 2; format++) {
		struct shot shot;
		long n = 0, before;

		shot_take(&shot, c.b, (enum weir_keyed_format)format, &config);
		before = live;
		while (restore_failing(&shot, n)) {
			ck_assert_msg(live == before, "allocation %ld: %ld blocks are held afterwards", n, live - before);
			n++;
		}
		ck_assert_int_eq(live, before);
		ck_assert_int_gt(n, 30);
		shot_free(&shot);
	}
	weir_backend_close(c.b);
}
