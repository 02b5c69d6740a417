/* SPDX-License-Identifier: Apache-2.0 */
/* The view: states, scans and their filters, verification of whole and of damaged checkpoints. */
#include "tests/unit/view/golden.h"

#include "base/arena.h"
#include "base/hash.h"
#include "state/flink/keyed.h"
#include "state/flink/oper.h"

#define BYTES(lit) ((struct weir_slice){ (const uint8_t *)(lit), sizeof(lit) - 1 })

static const struct weir_state_info *state_of(struct weir_view *v, const char *uid, const char *name)
{
	struct weir_operator_id id = weir_operator_id_of_uid(uid);

	return weir_view_find(v, &id, name);
}

WEIR_TEST(states_are_merged_over_subtasks_and_sorted)
{
	for (size_t i = 0; i < GOLDEN_SETS; i++) {
		struct weir_view *v = golden_view(golden_sets[i]);
		const struct weir_state_info *s;
		char text[300];

		for (uint32_t k = 1; k < weir_view_nstates(v); k++) {
			const struct weir_state_info *a = weir_view_state(v, k - 1), *b = weir_view_state(v, k);
			int c = memcmp(a->op->id.bytes, b->op->id.bytes, 16);

			if (c == 0)
				c = strcmp(weir_state_kind_name(a->kind), weir_state_kind_name(b->kind));
			if (c == 0)
				c = strcmp(a->name, b->name);
			ck_assert_int_lt(c, 0); /* each once: parallelism is 2 */
		}
		s = state_of(v, "by-origin", "to-ttl");
		ck_assert_ptr_nonnull(s);
		ck_assert_int_eq(s->kind, WEIR_STATE_MAP);
		ck_assert_int_eq(s->key->kind, WEIR_STRING);
		ck_assert_int_eq(s->ns->kind, WEIR_VOID);
		ck_assert_int_eq(s->stored->kind, WEIR_MAP);
		ck_assert_int_eq(s->user_key->kind, WEIR_STRING);
		ck_assert_int_eq(s->value->kind, WEIR_TTL);
		s = state_of(v, "tumbling", "_timer_state/event_window-timers");
		ck_assert_int_eq(s->kind, WEIR_STATE_TIMER);
		ck_assert_int_eq(s->ns->kind, WEIR_TIME_WINDOW);
		s = state_of(v, "names", "names");
		ck_assert_int_eq(s->kind, WEIR_STATE_BROADCAST);
		s = state_of(v, "by-distance", "opaque");
		ck_assert_int_eq(s->value->kind, WEIR_WIRE);
		ck_assert_uint_ne(s->value->flags & WEIR_TYPE_OPAQUE, 0);
		ck_assert_ptr_nonnull(strstr(s->value->java, "KryoSerializerSnapshot"));
		ck_assert_str_eq(weir_type_text(s->value, text, sizeof(text)), "Kryo weir.jobs.Types$Opaque");
		ck_assert_ptr_null(state_of(v, "by-origin", "nothing"));
		ck_assert_ptr_nonnull(weir_view_find(v, NULL, "merging-window-set"));
		weir_view_close(v);
	}
}

struct count {
	unsigned n, undecodable, groups;
	int32_t last_group;
	int64_t sum;
};

static int count_entry(void *arg, const struct weir_entry *e)
{
	struct count *c = arg;

	c->n++;
	c->undecodable += e->undecodable != NULL;
	if (e->key_group != c->last_group)
		c->groups++;
	c->last_group = e->key_group;
	c->sum += e->subtask;
	return 0;
}

static struct count scan(struct weir_view *v, const struct weir_scan *s)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct count c = { .last_group = -1 };

	ck_ok(weir_view_scan(v, s, count_entry, &c, &err));
	return c;
}

WEIR_TEST(scans_filter_by_state_subtask_group_and_key)
{
	for (size_t i = 0; i < GOLDEN_SETS; i++) {
		struct weir_view *v = golden_view(golden_sets[i]);
		struct weir_scan s = WEIR_SCAN_ALL;
		struct count all = scan(v, &s), one, sum = { 0 };

		s.state = state_of(v, "by-origin", "to");
		one = scan(v, &s);
		ck_assert_uint_gt(one.n, 1500);
		ck_assert_uint_lt(one.n, all.n);
		for (s.subtask = 0; s.subtask < 2; s.subtask++)
			sum.n += scan(v, &s).n;
		ck_assert_uint_eq(sum.n, one.n);
		s.subtask = -1;
		sum.n = 0;
		for (s.key_group = 0; s.key_group < 128; s.key_group++) {
			struct count g = scan(v, &s);

			ck_assert_uint_le(g.groups, 1);
			sum.n += g.n;
		}
		ck_assert_uint_eq(sum.n, one.n);
		s.key_group = 128;
		ck_assert_uint_eq(scan(v, &s).n, 0);
		/* by key: "SYR" lies in key group 1 */
		s.key_group = -1;
		s.key = BYTES("\4SYR");
		one = scan(v, &s);
		ck_assert_uint_gt(one.n, 0);
		ck_assert_uint_eq(one.groups, 1);
		ck_assert_int_eq(one.last_group, 1);
		s.key_group = 2; /* not where that key is */
		ck_assert_uint_eq(scan(v, &s).n, 0);
		s.key_group = -1;
		s.key = BYTES("\4???");
		ck_assert_uint_eq(scan(v, &s).n, 0);
		/* a POJO key has the user's hash: all groups are looked through */
		s.state = state_of(v, "by-route", "by-day");
		s.key = BYTES("\2\0\4AMA\0\2D");
		ck_assert_uint_gt(scan(v, &s).n, 0);
		weir_view_close(v);
	}
}

static int stop_at_third(void *arg, const struct weir_entry *e)
{
	unsigned *n = arg;

	(void)e;
	return ++*n == 3 ? 77 : 0;
}

WEIR_TEST(a_scan_can_be_stopped)
{
	struct weir_view *v = golden_view(golden_sets[1]);
	struct weir_scan s = WEIR_SCAN_ALL;
	struct weir_error err = WEIR_ERROR_INIT;
	unsigned n = 0;

	ck_assert_int_eq(weir_view_scan(v, &s, stop_at_third, &n, &err), 77);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(err.code, 0);
	s.problem = (weir_problem_fn *)NULL;
	s.state = state_of(v, "by-origin", "to");
	n = 0;
	ck_assert_int_eq(weir_view_scan(v, &s, stop_at_third, &n, NULL), 77);
	weir_view_close(v);
}

/* ---- verification ---- */

struct findings {
	unsigned n;
	char first[1500], path[300], state[100];
	int code;
};

static void note(void *arg, const struct weir_problem *p)
{
	struct findings *f = arg;

	if (f->n++ == 0) {
		snprintf(f->first, sizeof(f->first), "%s", p->text);
		snprintf(f->path, sizeof(f->path), "%s", p->path);
		snprintf(f->state, sizeof(f->state), "%s", p->state);
		f->code = p->code;
	}
}

static struct findings verify(struct weir_view *v)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct findings f = { 0 };

	ck_ok(weir_view_verify(v, note, &f, &err));
	return f;
}

WEIR_TEST(whole_checkpoints_have_no_findings)
{
	for (size_t i = 0; i < GOLDEN_SETS; i++) {
		struct weir_view *v = golden_view(golden_sets[i]);
		struct findings f = verify(v);

		ck_assert_msg(f.n == 0, "%s: %s", golden_sets[i], f.first);
		weir_view_close(v);
	}
}

WEIR_TEST(flights_fixtures_verify)
{
	static const char *const whole[] = { "1.20.1/canonical-hashmap-snappy", "2.1.1/canonical-hashmap-snappy", "1.20.1/canonical-rocksdb",
					     "2.1.1/canonical-rocksdb", "1.20.1/native-rocksdb", "2.1.1/native-rocksdb",
					     "1.20.1/incremental-rocksdb/1d35fe8353ab8f54e58e57abe3ff4d17/chk-6",
					     "1.20.1/incremental-rocksdb/1d35fe8353ab8f54e58e57abe3ff4d17/chk-7",
					     "2.1.1/incremental-rocksdb/cc2b462f21c6e48c1a6a1f1e07fde08e/chk-7" };
	struct weir_error err = WEIR_ERROR_INIT;
	char dir[1024];
	struct weir_ckpt *c;
	struct weir_view *v;

	if (!weir_test_shared("fixtures/flights"))
		weir_test_skip("shared fixtures are not here");
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct findings f;

		snprintf(dir, sizeof(dir), "%s/%s", weir_test_shared("fixtures/flights"), whole[i]);
		ck_ok(weir_ckpt_open(dir, &c, &err));
		ck_ok(weir_view_open(c, &v, &err));
		f = verify(v);
		ck_assert_msg(f.n == 0, "%s: %s", dir, f.first);
		ck_assert_int_eq(state_of(v, "by-origin", "to")->user_key->kind, WEIR_STRING);
		weir_view_close(v);
	}
}

/* A checkpoint of one operator with inline state, two subtasks. */
struct small {
	struct weir_arena mem;
	struct weir_ckpt c;
	struct weir_operator_state op;
	struct weir_subtask_state subs[2];
	struct weir_buf streams[2], bytes;
	int64_t offsets[2][8];
};

static int put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

static void make_small(struct small *s, int shift_group)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta state = { "count", WEIR_STATE_VALUE, &weir_void, &weir_int32, false };

	s->op = (struct weir_operator_state){ .id = weir_operator_id_of_uid("counter"), .parallelism = 2, .max_parallelism = 16, .nsubtasks = 2, .subtasks = s->subs };
	for (uint32_t sub = 0; sub < 2; sub++) {
		struct weir_keyed_writer *w;
		uint64_t size;

		ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int64, 1, &state, 16, (int32_t)sub * 8, 8, put, &s->streams[sub], &w, &err));
		for (int32_t g = (int32_t)sub * 8; g < (int32_t)sub * 8 + 8; g++) {
			ck_ok(weir_keyed_writer_group(w, g, &err));
			ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
			for (int64_t k = 0; k < 100; k++) {
				struct weir_buf key = { 0 };

				weir_buf_i64(&key, k);
				if ((int32_t)weir_key_group(weir_java_hash_i64(k), 16) == (g + (k == 42 ? shift_group : 0)) % 16)
					ck_ok(weir_keyed_writer_entry(w, weir_buf_slice(&key), BYTES("\0"), (struct weir_slice){ NULL, 0 }, BYTES("\0\0\0\1"), 0, &err));
				weir_buf_fini(&key);
			}
		}
		ck_ok(weir_keyed_writer_finish(w, s->offsets[sub], &size, &err));
		weir_keyed_writer_free(w);
		s->subs[sub] = (struct weir_subtask_state){
			.index = sub,
			.managed_keyed = { .kind = WEIR_KEYED_SAVEPOINT, .groups = { (int32_t)sub * 8, 8, s->offsets[sub] },
					   .stream = { .kind = WEIR_HANDLE_INLINE, .name = sub ? BYTES("b") : BYTES("a"), .data = weir_buf_slice(&s->streams[sub]),
						       .size = (int64_t)size } },
		};
	}
	s->c.id = 1;
	s->c.noperators = 1;
	s->c.operators = &s->op;
}

static struct weir_view *small_view(struct small *s)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_view *v;

	weir_buf_clear(&s->bytes);
	ck_ok(weir_ckpt_encode(&s->c, 4, &s->bytes, &err));
	ck_ok(view_of(s->bytes.data, s->bytes.len, &v, &err));
	return v;
}

static void free_small(struct small *s)
{
	weir_buf_fini(&s->streams[0]);
	weir_buf_fini(&s->streams[1]);
	weir_buf_fini(&s->bytes);
	weir_arena_fini(&s->mem);
}

WEIR_TEST(a_key_in_the_wrong_group_is_found)
{
	struct small s = { 0 };
	struct weir_view *v;
	struct findings f;

	make_small(&s, 0);
	v = small_view(&s);
	f = verify(v);
	ck_assert_msg(f.n == 0, "%s", f.first);
	weir_view_close(v);
	free_small(&s);

	memset(&s, 0, sizeof(s));
	make_small(&s, 1); /* key 42 one group too early */
	v = small_view(&s);
	f = verify(v);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_int_eq(f.code, WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(f.first, "state 'count', key group"));
	ck_assert_ptr_nonnull(strstr(f.first, "key 000000000000002a: the key belongs to key group 13"));
	ck_assert_str_eq(f.state, "count");
	weir_view_close(v);
	free_small(&s);
}

WEIR_TEST(a_damaged_group_stops_a_plain_scan_but_not_verification)
{
	struct small s = { 0 };
	struct weir_view *v;
	struct findings f;
	struct weir_scan all = WEIR_SCAN_ALL;
	struct weir_error err = WEIR_ERROR_INIT;
	struct count c = { .last_group = -1 }, whole;
	char text[1500];

	make_small(&s, 0);
	v = small_view(&s);
	whole = scan(v, &all);
	ck_assert_uint_eq(whole.n, 100);
	weir_view_close(v);
	s.streams[0].data[s.offsets[0][3] + 2] = 0x7f; /* the length of the first key in group 3 */
	v = small_view(&s);
	ck_assert_int_eq(weir_view_scan(v, &all, count_entry, &c, &err), WEIR_ECORRUPT);
	ck_assert_uint_gt(c.n, 0);
	ck_assert_uint_lt(c.n, 100);
	ck_assert_msg(strstr(err.msg, "subtask 0: key group 3, state 'count': ") != NULL, "%s", err.msg);
	ck_assert_ptr_nonnull(strstr(weir_error_text(&err, text, sizeof(text)), "byte 0x"));
	ck_assert_ptr_nonnull(strstr(err.path, "_metadata"));
	f = verify(v);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_ptr_nonnull(strstr(f.first, "key group 3"));
	weir_view_close(v);
	free_small(&s);
}

WEIR_TEST(an_undecodable_value_is_found_in_place)
{
	struct small s = { 0 };
	struct weir_view *v;
	struct findings f;

	make_small(&s, 0);
	/* the last value of a group becomes a byte shorter: ... 00000004 00000001 ffff -> move the end */
	{
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_keyed_state_meta state = { "count", WEIR_STATE_VALUE, &weir_void, &weir_int32, false };
		struct weir_keyed_writer *w;
		uint64_t size;

		weir_buf_clear(&s.streams[0]);
		ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int64, 1, &state, 16, 0, 8, put, &s.streams[0], &w, &err));
		ck_ok(weir_keyed_writer_group(w, 3, &err));
		ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
		for (int64_t k = 0;; k++)
			if (weir_key_group(weir_java_hash_i64(k), 16) == 3) {
				struct weir_buf key = { 0 };

				weir_buf_i64(&key, k);
				ck_ok(weir_keyed_writer_entry(w, weir_buf_slice(&key), BYTES("\0"), (struct weir_slice){ NULL, 0 }, BYTES("\0\0\1"), 0, &err));
				ck_ok(weir_keyed_writer_entry(w, weir_buf_slice(&key), BYTES(""), (struct weir_slice){ NULL, 0 }, BYTES("\0\0\0\1"), 0, &err));
				weir_buf_fini(&key);
				break;
			}
		ck_ok(weir_keyed_writer_finish(w, s.offsets[0], &size, &err));
		weir_keyed_writer_free(w);
		s.subs[0].managed_keyed.stream.data = weir_buf_slice(&s.streams[0]);
		s.subs[0].managed_keyed.stream.size = (int64_t)size;
	}
	v = small_view(&s);
	f = verify(v);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_ptr_nonnull(strstr(f.first, "the data ends inside a value"));
	weir_view_close(v);
	free_small(&s);
}

WEIR_TEST(wrong_ranges_are_found)
{
	struct small s = { 0 };
	struct weir_view *v;
	struct findings f;

	make_small(&s, 0);
	s.subs[1].managed_keyed.groups.first = 7; /* overlaps subtask 0 */
	s.subs[1].managed_keyed.kind = WEIR_KEYED_SAVEPOINT;
	v = small_view(&s);
	f = verify(v);
	ck_assert_uint_ge(f.n, 2);
	ck_assert_ptr_nonnull(strstr(f.first, "its key groups are 7 to 14 where parallelism 2 of 16 gives 8 to 15"));
	weir_view_close(v);
	s.subs[1].managed_keyed.groups.first = 12;
	v = small_view(&s);
	f = verify(v);
	ck_assert_ptr_nonnull(strstr(f.first, "do not lie within max parallelism 16"));
	weir_view_close(v);
	free_small(&s);
}

WEIR_TEST(a_missing_file_is_a_problem_not_a_failure)
{
	struct small s = { 0 };
	struct weir_view *v;
	struct findings f;
	struct weir_scan all = WEIR_SCAN_ALL;
	struct weir_error err = WEIR_ERROR_INIT;
	struct count c = { .last_group = -1 };

	make_small(&s, 0);
	s.subs[0].managed_keyed.stream = (struct weir_stream_handle){ .kind = WEIR_HANDLE_RELATIVE, .name = BYTES("lost-file"), .size = 999 };
	v = small_view(&s);
	ck_assert_uint_eq(weir_view_nstates(v), 1); /* from the other subtask */
	f = verify(v);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_ptr_nonnull(strstr(f.first, "subtask 0"));
	ck_assert_ptr_nonnull(strstr(f.path, "lost-file"));
	ck_assert_int_lt(weir_view_scan(v, &all, count_entry, &c, &err), 0); /* a scan of it all does not hide it */
	weir_error_clear(&err);
	all.subtask = 1;
	ck_ok(weir_view_scan(v, &all, count_entry, &c, &err));
	ck_assert_uint_gt(c.n, 10);
	weir_view_close(v);
	free_small(&s);
}

/* ---- any damage ---- */

static int touch_entry(void *arg, const struct weir_entry *e)
{
	struct weir_sha256 *sha = arg;

	weir_sha256_put(sha, e->key.ptr, e->key.len);
	weir_sha256_put(sha, e->ns.ptr, e->ns.len);
	weir_sha256_put(sha, e->user_key.ptr, e->user_key.len);
	weir_sha256_put(sha, e->value.ptr, e->value.len);
	return 0;
}

WEIR_TEST(golden_savepoints_with_flipped_bits_never_crash)
{
	for (size_t i = 0; i < GOLDEN_SETS; i++) {
		struct weir_buf b = golden_bytes(golden_sets[i]);
		uint64_t x = 12345 + i;

		for (int n = 0; n < 60; n++) {
			struct weir_error err = WEIR_ERROR_INIT;
			struct weir_scan all = WEIR_SCAN_ALL;
			struct weir_view *v = NULL;
			struct weir_sha256 sha;
			struct findings f = { 0 };
			size_t at[4];

			for (int k = 0; k < 4; k++) {
				x = weir_hash_u64(x + 1);
				at[k] = (size_t)(x % (b.len * 8));
				b.data[at[k] / 8] ^= (uint8_t)(1u << at[k] % 8);
			}
			if (view_of(b.data, b.len, &v, &err) == 0) {
				all.problem = note;
				all.problem_arg = &f;
				weir_sha256_init(&sha);
				ck_ok(weir_view_scan(v, &all, touch_entry, &sha, &err));
				ck_ok(weir_view_verify(v, note, &f, &err));
				weir_view_close(v);
			}
			for (int k = 0; k < 4; k++)
				b.data[at[k] / 8] ^= (uint8_t)(1u << at[k] % 8);
		}
		weir_buf_fini(&b);
	}
}
