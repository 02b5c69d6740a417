// SPDX-License-Identifier: Apache-2.0
/* Registration, misuse, batches, growth, schema evolution, damage: what random operations do not reach. */
#include "tests/unit/backend/model.h"

#define OLD(F) F(string, name) F(int64, n) F(int32, gone)
WEIR_RECORD_AS(old, OLD, WEIR_POJO, "weir.stats")
#define NEW(F) F(int64, n) F(double, added) F(string, name)
WEIR_RECORD_AS(new, NEW, WEIR_POJO, "weir.stats")
#define OTHER(F) F(string, n) F(string, name)
WEIR_RECORD_AS(other, OTHER, WEIR_POJO, "weir.stats")

static const struct weir_backend_config int_config = { .key = &weir_int64, .max_parallelism = 16, .ngroups = 16 };

static struct weir_backend *open_ints(void)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b;

	ck_ok(weir_backend_open_hashmap(&int_config, &b, &err));
	return b;
}

static struct weir_state *reg(struct weir_backend *b, const char *name, enum weir_state_kind kind, struct weir_type *value, struct weir_type *user_key)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state_desc d = { .name = name, .kind = kind, .value = value, .user_key = user_key };
	struct weir_state *s;

	ck_ok(weir_backend_state(b, &d, &s, &err));
	return s;
}

static void key(struct weir_backend *b, int64_t k)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_backend_set_key(b, &k, &err));
}

WEIR_TEST(misuse_is_refused_with_a_reason)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config c = int_config;
	struct weir_backend *b = open_ints(), *bad;
	struct weir_state *s = reg(b, "count", WEIR_STATE_VALUE, &weir_int64, NULL), *again;
	struct weir_state_desc d = { .name = "count", .kind = WEIR_STATE_VALUE, .value = &weir_string };
	struct weir_snapshot *snap, *second;
	struct weir_list list;
	const void *v;

	ck_assert_int_eq(weir_state_get(s, NULL, &v, &err), WEIR_EBUG);
	ck_assert_ptr_nonnull(strstr(err.msg, "without a current key"));
	key(b, 1);
	weir_error_clear(&err);
	ck_assert_int_eq(weir_state_list_get(s, NULL, &list, &err), WEIR_EBUG);
	ck_assert_ptr_nonnull(strstr(err.msg, "'count' is a value state"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_backend_state(b, &d, &again, &err), WEIR_EINCOMPATIBLE);
	ck_assert_ptr_nonnull(strstr(err.msg, "registered twice with different types (int64, then string)"));
	d.kind = WEIR_STATE_LIST;
	weir_error_clear(&err);
	ck_assert_int_eq(weir_backend_state(b, &d, &again, &err), WEIR_EINCOMPATIBLE);
	ck_assert_ptr_nonnull(strstr(err.msg, "as value and as list"));
	ck_assert_ptr_eq(reg(b, "count", WEIR_STATE_VALUE, &weir_int64, NULL), s);
	weir_error_clear(&err);
	ck_ok(weir_backend_snapshot(b, &snap, &err));
	ck_assert_int_eq(weir_backend_snapshot(b, &second, &err), WEIR_EBUSY);
	weir_snapshot_end(snap); /* never written */
	weir_error_clear(&err);
	ck_ok(weir_backend_snapshot(b, &snap, &err));
	weir_snapshot_end(snap);
	weir_backend_close(b);
	c.first_group = 10;
	weir_error_clear(&err);
	ck_assert_int_eq(weir_backend_open_hashmap(&c, &bad, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "key groups 10 to 25"));
	c.ngroups = 2;
	weir_error_clear(&err);
	ck_ok(weir_backend_open_hashmap(&c, &b, &err));
	for (int64_t k = 0; !err.code; k++)
		(void)!weir_backend_set_key(b, &k, &err);
	ck_assert_int_eq(err.code, WEIR_EBUG);
	ck_assert_ptr_nonnull(strstr(err.msg, "of key groups 10 to 11"));
	weir_backend_close(b);
}

WEIR_TEST(no_state_means_no_snapshot_and_an_idle_backend_is_small)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b = open_ints();
	struct weir_snapshot *snap = (void *)1;

	ck_ok(weir_backend_snapshot(b, &snap, &err));
	ck_assert_ptr_null(snap);
	weir_snapshot_end(snap);
	reg(b, "a", WEIR_STATE_VALUE, &weir_int64, NULL);
	ck_assert_uint_lt(weir_backend_bytes(b), 64 << 10);
	weir_backend_close(b);
}

WEIR_TEST(batches_resolve_to_the_same_values_through_growth)
{
	enum { N = 1024, KEYS = 120000 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b = open_ints();
	struct weir_state *s = reg(b, "count", WEIR_STATE_VALUE, &weir_int64, NULL), *text = reg(b, "text", WEIR_STATE_VALUE, &weir_string, NULL);
	static int64_t keys[N], counts[KEYS];
	static uint64_t hashes[N];
	static uint16_t groups[N];
	static void *slots[N];
	static uint8_t created[N];
	struct weir_rng rng = { 3 };
	uint64_t distinct = 0;

	for (int round = 0; round < 500; round++) {
		for (int i = 0; i < N; i++) {
			int32_t java;

			keys[i] = (int64_t)weir_rng_below(&rng, round < 250 ? 1 + (uint32_t)round * 400 : KEYS);
			hashes[i] = weir_type_hash(&weir_int64, &keys[i]);
			ck_ok(weir_type_java_hash(&weir_int64, &keys[i], &java, &err));
			groups[i] = (uint16_t)weir_key_group(java, 16);
		}
		ck_ok(weir_state_resolve(s, N, keys, hashes, groups, NULL, 0, slots, created, &err));
		for (int i = 0; i < N; i++) {
			int64_t *v = slots[i];

			ck_assert_msg(*v == counts[keys[i]], "round %d row %d key %lld: %lld, want %lld", round, i, (long long)keys[i], (long long)*v, (long long)counts[keys[i]]);
			ck_assert_int_eq(created[i], counts[keys[i]] == 0);
			distinct += created[i];
			counts[keys[i]] = ++*v;
		}
		ck_assert_uint_eq(weir_state_count(s), distinct);
		if (round % 50 == 7) { /* single calls in between see the same, and delete */
			for (int i = 0; i < 300; i++) {
				int64_t k = (int64_t)weir_rng_below(&rng, KEYS);
				const void *v;

				key(b, k);
				ck_ok(weir_state_get(s, NULL, &v, &err));
				ck_assert_int_eq(v ? *(const int64_t *)v : 0, counts[k]);
				ck_ok(weir_state_clear(s, NULL, &err));
				distinct -= counts[k] != 0;
				counts[k] = 0;
			}
		}
	}
	ck_assert_int_eq(weir_state_resolve(text, N, keys, hashes, groups, NULL, 0, slots, created, &err), WEIR_EUNSUPPORTED);
	groups[5] = 16;
	weir_error_clear(&err);
	ck_assert_int_eq(weir_state_resolve(s, N, keys, hashes, groups, NULL, 0, slots, created, &err), WEIR_EBUG);
	weir_backend_close(b);
}

/* A snapshot of states with the old record type. */
static void write_old(struct shot *shot, enum weir_keyed_format format)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b = open_ints();
	struct weir_state *v = reg(b, "v", WEIR_STATE_VALUE, &old_type, NULL), *l = reg(b, "l", WEIR_STATE_LIST, &old_type, NULL);
	struct weir_state *m = reg(b, "m", WEIR_STATE_MAP, &old_type, &weir_string);

	for (int64_t k = 0; k < 200; k++) {
		char name[64];
		struct old o = { .name = weir_str_view(name, (uint32_t)sprintf(name, "the name of number %lld", (long long)k)), .n = k, .gone = 9 }, *at;

		key(b, k);
		ck_ok(weir_state_set(v, NULL, &o, &err));
		for (int i = 0; i < k % 4; i++)
			ck_ok(weir_state_list_add(l, NULL, &o, &err));
		ck_ok(weir_state_map_edit(m, NULL, &o.name, (void **)&at, NULL, &err));
		*at = o;
		ck_ok(weir_backend_settle(b, &err)); /* before the text goes */
	}
	shot_take(shot, b, format, &int_config);
	weir_backend_close(b);
}

WEIR_TEST(a_record_that_changed_is_converted_when_the_job_registers_it)
{
	for (int format = WEIR_FORMAT_FULL; format <= WEIR_FORMAT_HEAP; format++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_backend *b = open_ints();
		struct weir_state *v, *l, *m;
		struct shot shot;

		write_old(&shot, (enum weir_keyed_format)format);
		ck_ok(shot_restore(&shot, b, &err));
		v = reg(b, "v", WEIR_STATE_VALUE, &new_type, NULL);
		l = reg(b, "l", WEIR_STATE_LIST, &new_type, NULL);
		m = reg(b, "m", WEIR_STATE_MAP, &new_type, &weir_string);
		ck_assert_uint_eq(weir_state_count(v), 200);
		for (int64_t k = 0; k < 200; k++) {
			char name[64];
			struct weir_str want = weir_str_view(name, (uint32_t)sprintf(name, "the name of number %lld", (long long)k));
			const struct new *n;
			struct weir_list list;

			key(b, k);
			ck_ok(weir_state_get(v, NULL, (const void **)&n, &err));
			ck_assert(n && n->n == k && n->added == 0 && weir_str_eq(&n->name, &want));
			ck_ok(weir_state_list_get(l, NULL, &list, &err));
			ck_assert_uint_eq(list.count, k % 4);
			if (list.count)
				ck_assert(weir_str_eq(&((const struct new *)list.items)[list.count - 1].name, &want));
			ck_ok(weir_state_map_get(m, NULL, &want, (const void **)&n, &err));
			ck_assert(n && n->n == k && weir_str_eq(&n->name, &want));
		}
		shot_free(&shot);
		weir_backend_close(b);
	}
}

WEIR_TEST(what_does_not_fit_is_refused_and_named)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state_desc d = { .name = "v", .kind = WEIR_STATE_VALUE, .value = &other_type };
	struct weir_backend_config c = int_config;
	struct weir_backend *b = open_ints();
	struct weir_state *s;
	struct shot shot;

	write_old(&shot, WEIR_FORMAT_HEAP);
	ck_ok(shot_restore(&shot, b, &err));
	ck_assert_int_eq(weir_backend_state(b, &d, &s, &err), WEIR_EINCOMPATIBLE);
	ck_assert_ptr_nonnull(strstr(err.msg, "state 'v': the restored values do not fit"));
	d.kind = WEIR_STATE_LIST;
	weir_error_clear(&err);
	ck_assert_int_eq(weir_backend_state(b, &d, &s, &err), WEIR_EINCOMPATIBLE);
	ck_assert_ptr_nonnull(strstr(err.msg, "restored as value, but the job registers it as list"));
	weir_backend_close(b);
	c.key = &weir_string;
	weir_error_clear(&err);
	ck_ok(weir_backend_open_hashmap(&c, &b, &err));
	ck_assert_int_eq(shot_restore(&shot, b, &err), WEIR_EINCOMPATIBLE);
	ck_assert_ptr_nonnull(strstr(err.msg, "key of the restored state"));
	weir_backend_close(b);
	b = open_ints();
	reg(b, "v", WEIR_STATE_VALUE, &weir_int64, NULL);
	weir_error_clear(&err);
	ck_assert_int_eq(shot_restore(&shot, b, &err), WEIR_EBUG);
	weir_backend_close(b);
	shot_free(&shot);
}

WEIR_TEST(damaged_streams_are_errors_and_never_crash)
{
	for (int format = WEIR_FORMAT_FULL; format <= WEIR_FORMAT_HEAP; format++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_rng rng = { 8 };
		struct shot shot;
		uint32_t failed = 0;

		write_old(&shot, (enum weir_keyed_format)format);
		for (int i = 0; i < 400; i++) {
			size_t at = weir_rng_below(&rng, shot.bytes.len), len = shot.bytes.len;
			uint8_t was = shot.bytes.data[at];
			struct weir_backend *b = open_ints();
			int code;

			if (i % 4 == 0)
				shot.bytes.len = at;
			else
				shot.bytes.data[at] ^= (uint8_t)(1u << weir_rng_below(&rng, 8));
			weir_error_clear(&err);
			code = shot_restore(&shot, b, &err);
			ck_assert_int_eq(code, err.code);
			ck_assert(code == 0 || err.msg[0]);
			failed += code != 0;
			ck_assert(i % 4 || code);
			shot.bytes.len = len;
			shot.bytes.data[at] = was;
			weir_backend_close(b);
		}
		ck_assert_uint_gt(failed, 150);
		shot_free(&shot);
	}
}

WEIR_TEST(a_key_in_the_wrong_key_group_is_damage)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config c = int_config;
	struct weir_backend *b;
	struct shot shot;

	write_old(&shot, WEIR_FORMAT_HEAP);
	c.max_parallelism = 64; /* the same stream under another max parallelism */
	ck_ok(weir_backend_open_hashmap(&c, &b, &err));
	ck_assert_int_eq(shot_restore(&shot, b, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "belongs to another key group"));
	weir_backend_close(b);
	shot_free(&shot);
}

static int put_fails(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)p, (void)n;
	return --*(int *)arg < 0 ? weir_error_set(err, WEIR_ENOSPC, "disk full") : 0;
}

WEIR_TEST(a_snapshot_that_cannot_be_written_leaves_the_state_whole)
{
	enum { KEYS = 100000 }; /* more than six writes */

	for (int after = 0; after < 6; after++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_backend *b = open_ints();
		struct weir_state *s = reg(b, "v", WEIR_STATE_VALUE, &weir_int64, NULL);
		struct weir_snapshot *snap;
		int64_t offsets[16];
		uint64_t size;
		int left = after;
		struct shot shot;
		struct lines have = { 0 };

		for (int64_t k = 0; k < KEYS; k++) {
			key(b, k);
			ck_ok(weir_state_set(s, NULL, &k, &err));
		}
		ck_ok(weir_backend_snapshot(b, &snap, &err));
		ck_assert_int_eq(weir_snapshot_write(snap, WEIR_FORMAT_HEAP, put_fails, &left, offsets, &size, &err), WEIR_ENOSPC);
		ck_assert_str_eq(err.msg, "disk full");
		for (int64_t k = 0; k < KEYS; k++) { /* writes go on; images of the unwritten rest are dropped */
			key(b, k);
			ck_ok(weir_state_set(s, NULL, &k, &(struct weir_error)WEIR_ERROR_INIT));
		}
		weir_snapshot_end(snap);
		shot_take(&shot, b, WEIR_FORMAT_HEAP, &int_config);
		shot_lines(&shot, &have);
		ck_assert_uint_eq(have.len, KEYS);
		lines_free(&have);
		shot_free(&shot);
		weir_backend_close(b);
	}
}

WEIR_TEST(text_that_cannot_be_stored_fails_the_snapshot_and_names_the_state)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b = open_ints();
	struct weir_state *s = reg(b, "bad", WEIR_STATE_VALUE, &weir_string, NULL);
	struct weir_str v = weir_str_view("\xff\xfe", 2);
	struct weir_snapshot *snap;
	int64_t offsets[16];
	uint64_t size;
	struct shot shot = { 0 };

	key(b, 1);
	ck_ok(weir_state_set(s, NULL, &v, &err));
	ck_ok(weir_backend_snapshot(b, &snap, &err));
	ck_assert_int_eq(weir_snapshot_write(snap, WEIR_FORMAT_FULL, shot_put, &shot, offsets, &size, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "state 'bad', key group"));
	weir_snapshot_end(snap);
	shot_free(&shot);
	weir_backend_close(b);
}

/* ---- timers ---- */

static void fire_order(const uint32_t *order, uint32_t n, char *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config c = { .key = &weir_string, .max_parallelism = 16, .ngroups = 16 };
	struct weir_backend *b;
	struct weir_timers *t;
	const struct weir_window *w;
	int64_t time;

	ck_ok(weir_backend_open_hashmap(&c, &b, &err));
	ck_ok(weir_backend_timers(b, "t", &weir_time_window, &t, &err));
	ck_assert_int_eq(weir_timers_next(t, WEIR_EVENT_TIME), INT64_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = order[i];
		char text[64];
		struct weir_str s = weir_str_view(text, (uint32_t)sprintf(text, k % 3 ? "key with a long name %u" : "%u", k % 20));
		struct weir_window win = { 0, k % 2 };

		ck_ok(weir_backend_set_key(b, &s, &err));
		ck_ok(weir_timers_add(t, WEIR_EVENT_TIME, k % 5, &win, &err));
		ck_ok(weir_timers_add(t, WEIR_EVENT_TIME, k % 5, &win, &err));
		ck_ok(weir_timers_add(t, WEIR_EVENT_TIME, 100 + k, &win, &err));
		ck_ok(weir_timers_remove(t, WEIR_EVENT_TIME, 100 + k, &win, &err));
	}
	while (weir_timers_pop(t, WEIR_EVENT_TIME, 1000, &time, (const void **)&w)) {
		const struct weir_str *k = weir_backend_key(b);

		out += sprintf(out, "%lld %.*s %lld\n", (long long)time, (int)k->len, weir_str_data(k), (long long)w->end_ms);
	}
	ck_assert_uint_eq(weir_timers_count(t, WEIR_EVENT_TIME), 0);
	weir_backend_close(b);
}

WEIR_TEST(timers_fire_in_an_order_that_does_not_depend_on_insertion)
{
	enum { N = 300 };
	static char first[N * 64], other[N * 64];
	struct weir_rng rng = { 2 };
	uint32_t order[N];

	for (uint32_t i = 0; i < N; i++)
		order[i] = i;
	fire_order(order, N, first);
	ck_assert_int_eq(strncmp(first, "0 0 0\n0 5 1\n0 10 0\n0 15 1\n", 26), 0); /* time, then key: its length comes first in the wire form */
	for (int round = 0; round < 10; round++) {
		for (uint32_t i = N - 1; i; i--) {
			uint32_t k = (uint32_t)weir_rng_below(&rng, i + 1), t = order[i];

			order[i] = order[k];
			order[k] = t;
		}
		memset(other, 0, sizeof(other));
		fire_order(order, N, other);
		ck_assert_str_eq(first, other);
	}
}

WEIR_TEST(removed_timers_do_not_pile_up)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b = open_ints();
	struct weir_timers *t;
	uint64_t bytes = 0;

	ck_ok(weir_backend_timers(b, "t", NULL, &t, &err));
	key(b, 7);
	ck_ok(weir_timers_add(t, WEIR_PROCESSING_TIME, 1, NULL, &err)); /* stays at the top */
	for (int64_t i = 0; i < 100000; i++) {
		ck_ok(weir_timers_add(t, WEIR_PROCESSING_TIME, 1000 + i, NULL, &err));
		ck_ok(weir_timers_remove(t, WEIR_PROCESSING_TIME, 1000 + i, NULL, &err));
		if (i == 1000)
			bytes = weir_backend_bytes(b);
	}
	ck_assert_uint_eq(weir_timers_count(t, WEIR_PROCESSING_TIME), 1);
	ck_assert_uint_eq(weir_backend_bytes(b), bytes);
	weir_backend_close(b);
}
