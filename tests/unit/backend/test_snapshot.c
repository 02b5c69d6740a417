// SPDX-License-Identifier: Apache-2.0
/* A snapshot is the state at its beginning: large tables that are streamed while the task changes every entry and goes on adding. */
#include "tests/unit/backend/model.h"

#include <pthread.h>

struct job { struct weir_snapshot *s; struct shot shot; const struct weir_backend_config *config; enum weir_keyed_format format; _Atomic bool done; };

static void *write_it(void *arg)
{
	struct job *j = arg;

	shot_write(&j->shot, j->s, j->format, j->config);
	j->done = true;
	return NULL;
}

struct seen { int64_t nkeys, value; uint8_t *keys; uint64_t n; bool pair; };

static int64_t i64(struct weir_slice s, size_t at)
{
	uint64_t x;

	ck_assert_uint_ge(s.len, at + 8);
	memcpy(&x, s.ptr + at, 8);
	return (int64_t)__builtin_bswap64(x);
}

/* Key k once, with k + value; in pairs also its double. */
static int see(void *arg, uint32_t i, const struct weir_entry *e)
{
	struct seen *s = arg;
	int64_t k = i64(e->key, 0);

	(void)i;
	ck_assert(k >= 0 && k < s->nkeys && !s->keys[k]);
	s->keys[k] = 1;
	s->n++;
	ck_assert_int_eq(i64(e->value, 0), k + s->value);
	if (s->pair)
		ck_assert_int_eq(i64(e->value, 8), 2 * (k + s->value));
	return 0;
}

static void check_shot(const struct shot *shot, int64_t nkeys, int64_t value, bool pair)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice stream = { shot->bytes.data, shot->bytes.len };
	struct weir_keyed_meta *meta;
	struct weir_arena mem = { 0 };
	struct seen seen = { .nkeys = nkeys, .value = value, .keys = calloc((size_t)nkeys, 1), .pair = pair };

	ck_ok(weir_keyed_read_meta(stream, "shot", &mem, &meta, &err));
	for (uint32_t g = 0; g < shot->ngroups; g++)
		ck_ok(weir_keyed_read_group(shot->format, stream, "shot", meta, (int32_t)g, shot->offsets[g], g + 1 < shot->ngroups ? shot->offsets[g + 1] : (int64_t)stream.len,
					    shot->max_parallelism, see, &seen, &err));
	ck_assert_int_eq((int64_t)seen.n, nkeys);
	free(seen.keys);
	weir_arena_fini(&mem);
}

/* Values of `size` bytes begin with k + round; those in pairs have its double behind. */
static void set_value(struct weir_state *s, struct weir_backend *b, int64_t k, int64_t round, bool pair)
{
	struct weir_error err = WEIR_ERROR_INIT;
	bool created;
	int64_t *v;

	ck_ok(weir_backend_set_key(b, &k, &err));
	ck_ok(weir_state_edit(s, NULL, (void **)&v, &created, &err));
	v[0] = k + round;
	if (pair)
		v[1] = 2 * (k + round);
}

/* type: int64, or a tuple that begins with two of them. Tables grow while they are written, so old ones are in it too. */
static void snapshots_under_updates(struct weir_type *type, bool pair, int64_t start)
{
	static const struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = 3, .ngroups = 3 };
	struct weir_state_desc desc = { .name = "v", .kind = WEIR_STATE_VALUE, .value = type };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend *b;
	struct weir_state *s;
	int64_t n = start;

	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	for (int64_t k = 0; k < n; k++)
		set_value(s, b, k, 0, pair);
	for (int64_t round = 0; round < 6; round++) {
		struct job j = { .config = &config, .format = round % 2 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL };
		int64_t more = n + start / 8;
		pthread_t thread;

		ck_ok(weir_backend_snapshot(b, &j.s, &err));
		ck_assert_int_eq(pthread_create(&thread, NULL, write_it, &j), 0);
		for (int64_t k = 0; k < n; k++)
			set_value(s, b, round % 3 ? k : n - 1 - k, round + 1, pair);
		for (int64_t k = n; k < more; k++)
			set_value(s, b, k, round + 1, pair);
		pthread_join(thread, NULL);
		weir_snapshot_end(j.s);
		check_shot(&j.shot, n, round, pair);
		shot_free(&j.shot);
		n = more;
	}
	weir_backend_close(b);
}

WEIR_TEST(streamed_tables_are_as_they_were_while_every_entry_changes)
{
	snapshots_under_updates(&weir_int64, false, 20000);
}

/* 24-byte values: slots that lie across blocks and windows. */
WEIR_TEST(slots_across_blocks_are_whole)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_type *t = weir_type_tuple(&mem, 3, (struct weir_type *[]){ &weir_int64, &weir_int64, &weir_int64 }, &err);

	ck_assert_ptr_nonnull(t);
	snapshots_under_updates(t, true, 15000);
	weir_arena_fini(&mem);
}

/* Seven of them: too large for a slot, so the slots lead to cells. */
WEIR_TEST(values_in_cells_are_as_they_were)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_type *i = &weir_int64, *t = weir_type_tuple(&mem, 7, (struct weir_type *[]){ i, i, i, i, i, i, i }, &err);

	ck_assert_ptr_nonnull(t);
	snapshots_under_updates(t, true, 8000);
	weir_arena_fini(&mem);
}

/* Text keys do not have one size: entry by entry, from the same windows. */
WEIR_TEST(a_streamed_table_with_text_keys_is_whole)
{
	static const struct weir_backend_config config = { .key = &weir_string, .max_parallelism = 1, .ngroups = 1 };
	struct weir_state_desc desc = { .name = "v", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct lines want = { 0 }, have = { 0 };
	struct weir_backend *b;
	struct weir_state *s;
	struct shot shot;

	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	for (int64_t k = 0; k < 20000; k++) {
		struct weir_buf key = { 0 }, value = { 0 };
		char text[64];
		struct weir_str v = weir_str_view(text, (uint32_t)sprintf(text, k % 2 ? "%lld" : "a key that does not fit in a view, %lld", (long long)k));

		ck_ok(weir_backend_set_key(b, &v, &err));
		ck_ok(weir_state_set(s, NULL, &k, &err));
		ck_ok(weir_type_write(&weir_string, &v, &key, &err));
		weir_buf_i64(&value, k);
		lines_add(&want, "v", 0, weir_buf_slice(&key), (struct weir_slice){ (const uint8_t *)"", 1 }, (struct weir_slice){ NULL, 0 }, weir_buf_slice(&value), 0);
		weir_buf_fini(&key);
		weir_buf_fini(&value);
	}
	lines_sort(&want);
	for (int format = 0; format < 2; format++) {
		shot_take(&shot, b, (enum weir_keyed_format)format, &config);
		shot_lines(&shot, &have);
		lines_equal(&want, &have, "text keys");
		lines_free(&have);
		shot_free(&shot);
	}
	lines_free(&want);
	weir_backend_close(b);
}

/* ---- rows made in batches are the bytes that the writer makes entry by entry ---- */

struct again { struct weir_keyed_writer *w; struct weir_error err; uint64_t n; };

static int again_state(void *arg, uint32_t state, uint32_t count)
{
	struct again *a = arg;

	return weir_keyed_writer_state(a->w, state, count, &a->err);
}

static int again_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct again *a = arg;

	(void)state;
	ck_assert_ptr_null(e->undecodable);
	a->n++;
	return weir_keyed_writer_entry(a->w, e->key, e->ns, e->user_key, e->value, e->timestamp, &a->err);
}

static uint64_t same_entry_by_entry(const struct shot *shot)
{
	struct weir_slice stream = { shot->bytes.data, shot->bytes.len };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_meta *meta;
	struct weir_arena mem = { 0 };
	struct shot copy = { 0 };
	struct again a = { .err = WEIR_ERROR_INIT };
	struct weir_keyed_walk walk = { again_state, again_entry, &a };
	int64_t *offsets = calloc(shot->ngroups, sizeof(*offsets));
	uint64_t size;

	ck_ok(weir_keyed_read_meta(stream, "shot", &mem, &meta, &err));
	ck_ok(weir_keyed_writer_new(shot->format, meta->key, meta->nstates, meta->states, shot->max_parallelism, 0, shot->ngroups, shot_put, &copy, &a.w, &err));
	for (uint32_t g = 0; g < shot->ngroups; g++) {
		int64_t end = (int64_t)stream.len;

		for (uint32_t k = 0; k < shot->ngroups; k++)
			if (shot->offsets[k] > shot->offsets[g] && shot->offsets[k] < end)
				end = shot->offsets[k];
		ck_ok(weir_keyed_writer_group(a.w, (int32_t)g, &err));
		ck_ok(weir_keyed_read_group_stored(shot->format, stream, "shot", meta, (int32_t)g, shot->offsets[g], end, shot->max_parallelism, &walk, &err));
	}
	ck_ok(weir_keyed_writer_finish(a.w, offsets, &size, &err));
	ck_assert_uint_eq(copy.bytes.len, shot->bytes.len);
	ck_assert_mem_eq(copy.bytes.data, shot->bytes.data, shot->bytes.len);
	ck_assert_mem_eq(offsets, shot->offsets, shot->ngroups * sizeof(*offsets));
	weir_keyed_writer_free(a.w);
	weir_arena_fini(&mem);
	shot_free(&copy);
	free(offsets);
	return a.n;
}

#define SPOT(F) F(int64, x) F(int32, y)
WEIR_RECORD(spot, SPOT)

/* Keys and namespaces of fixed and, as POJOs are for Flink, of varying length: then lengths stand behind them in canonical keys. */
static void every_row(struct weir_type *key, struct weir_type *ns, uint32_t max_parallelism)
{
	struct weir_backend_config config = { .key = key, .max_parallelism = max_parallelism, .ngroups = max_parallelism };
	struct weir_state_desc small = { .name = "small", .kind = WEIR_STATE_REDUCING, .ns = ns, .value = &spot_type };
	struct weir_state_desc large = { .name = "large", .kind = WEIR_STATE_AGGREGATING, .ns = ns, .value = &wide_type };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *a, *b;
	struct weir_timers *t;
	struct weir_backend *back;

	ck_ok(weir_backend_open_hashmap(&config, &back, &err));
	ck_ok(weir_backend_state(back, &small, &a, &err));
	ck_ok(weir_backend_state(back, &large, &b, &err));
	ck_ok(weir_backend_timers(back, "t", ns, &t, &err));
	for (int64_t k = 0; k < 3000; k++) {
		struct spot spot = { .x = k * 7919, .y = (int32_t)k }, at = { .x = k % 3 };
		int64_t window[2] = { k % 3 * 1000, k % 3 * 1000 + 1000 };
		struct wide wide = { .a = k, .g = -k, .h = (int32_t)k };
		const void *n = ns == &spot_type ? (const void *)&at : window;

		if (key == &spot_type) /* the key group is its author's */
			ck_ok(weir_backend_set_key_hashed(back, &spot, weir_type_hash(key, &spot), (uint32_t)k % max_parallelism, &err));
		else
			ck_ok(weir_backend_set_key(back, &spot.x, &err));
		ck_ok(weir_state_set(a, n, &spot, &err));
		ck_ok(weir_timers_add(t, WEIR_EVENT_TIME, k - 100, n, &err));
		if (k % 2)
			ck_ok(weir_state_set(b, n, &wide, &err));
	}
	for (int format = 0; format < 2; format++) {
		struct shot shot;

		shot_take(&shot, back, (enum weir_keyed_format)format, &config);
		ck_assert_uint_eq(same_entry_by_entry(&shot), 3000 + 1500 + 3000);
		shot_free(&shot);
	}
	weir_backend_close(back);
}

WEIR_TEST(batches_of_rows_are_the_bytes_of_entries)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_type_prepare(&spot_type, &err));
	ck_ok(weir_type_prepare(&wide_type, &err));
	every_row(&weir_int64, &weir_void, 1);
	every_row(&weir_int64, &weir_time_window, 128);
	every_row(&weir_int64, &weir_time_window, 1000);
	every_row(&spot_type, &weir_int64, 4);
	every_row(&spot_type, &spot_type, 300);
}
