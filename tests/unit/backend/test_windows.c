// SPDX-License-Identifier: Apache-2.0
/*
 * Windows of a backend against what they stand for: the same operations on a state under the window as namespace and single timers, as Flink's WindowOperator
 * does them. Both must fire the same in the same order, and write the same entries into snapshots, whoever wrote the one they were restored from.
 */
#include "tests/unit/backend/model.h"

#include <pthread.h>

#define NAMED(F) F(string, name) F(int64, n)
#define COUNT(F) F(int64, n) F(int64, sum)
#define LARGE(F) F(int64, n) F(int64, b) F(int64, c) F(int64, d) F(int64, e) F(int64, f) F(int64, g) F(int64, h)
WEIR_RECORD(named, NAMED)
WEIR_RECORD(count, COUNT)
WEIR_RECORD(large, LARGE)

enum accumulator { COUNTS, LARGES, NAMES, NACCS };
static struct weir_type *const accs[NACCS] = { &count_type, &large_type, &named_type };
enum key_kind { INTS, TEXTS, LONG_TEXTS, NKEYS };

#define SIZE 10

struct side { /* with windows, or by hand */
	struct weir_backend *b;
	struct weir_windows *windows;
	struct weir_state *s;
	struct weir_timers *t;
	struct weir_buf log;
};

struct pair {
	struct weir_backend_config config;
	enum key_kind keys;
	enum accumulator acc;
	uint32_t nkeys;
	int64_t lateness, watermark;
	bool keep;               /* clear nothing: single timers would stay */
	struct side made, hand;
	struct weir_rng rng;
};

static uint32_t below(struct pair *p, uint32_t n) { return (uint32_t)weir_rng_below(&p->rng, n); }
static int64_t last_ms(struct weir_window w) { return w.end_ms - 1; }

/* ---- the two sides ---- */

static void open_backends(struct pair *p)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_backend_open_hashmap(&p->config, &p->made.b, &err));
	ck_ok(weir_backend_open_hashmap(&p->config, &p->hand.b, &err));
}

static void register_both(struct pair *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state_desc d = { .name = "window-contents", .kind = WEIR_STATE_AGGREGATING, .ns = &weir_time_window, .value = accs[p->acc] };

	ck_ok(weir_backend_windows(p->made.b, &d, "window-timers", p->lateness, &p->made.windows, &err));
	p->made.s = weir_windows_state(p->made.windows);
	weir_windows_watermark(p->made.windows, p->watermark);
	ck_ok(weir_backend_state(p->hand.b, &d, &p->hand.s, &err));
	ck_ok(weir_backend_timers(p->hand.b, "window-timers", &weir_time_window, &p->hand.t, &err));
}

static void pair_open(struct pair *p, uint64_t seed, enum key_kind keys, enum accumulator acc, int64_t lateness, uint32_t nkeys)
{
	uint32_t groups = seed % 3 ? 16 : 1100; /* with many key groups no panes are remembered */

	*p = (struct pair){ .keys = keys, .acc = acc, .nkeys = nkeys, .lateness = lateness, .watermark = INT64_MIN, .rng = { seed } };
	p->config = (struct weir_backend_config){ .key = keys == INTS ? &weir_int64 : &weir_string, .max_parallelism = groups, .ngroups = groups };
	open_backends(p);
	register_both(p);
}

static void close_backends(struct pair *p)
{
	weir_backend_close(p->made.b);
	weir_backend_close(p->hand.b);
}

static void pair_close(struct pair *p)
{
	close_backends(p);
	weir_buf_fini(&p->made.log);
	weir_buf_fini(&p->hand.log);
}

/* ---- rows ---- */

union any_key { int64_t number; struct weir_str text; };

static const void *make_key(struct pair *p, uint32_t i, char text[96], union any_key *k)
{
	if (p->keys == INTS)
		k->number = ((int64_t)i - 3) * 7919;
	else
		k->text = weir_str_view(text, (uint32_t)sprintf(text, p->keys == TEXTS ? "k%u" : "a key of more than a few letters, number %u", i));
	return k;
}

static void bump(struct pair *p, void *acc, int64_t by, char text[96])
{
	if (p->acc == NAMES) {
		struct named *v = acc;

		v->n += by;
		v->name = weir_str_view(text, (uint32_t)sprintf(text, v->n % 2 ? "odd" : "even, as long as it is the number %lld", (long long)v->n));
	} else if (p->acc == LARGES) {
		((struct large *)acc)->n += by;
		((struct large *)acc)->h -= by;
	} else {
		((struct count *)acc)->n++;
		((struct count *)acc)->sum += by;
	}
}

static void add_row(struct pair *p, const void *key, struct weir_window w, int64_t by)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct side *sides[2] = { &p->made, &p->hand };

	for (int i = 0; i < 2; i++) {
		char text[96];
		bool created;
		void *acc;

		ck_ok(weir_backend_set_key(sides[i]->b, key, &err));
		ck_ok(weir_state_edit(sides[i]->s, &w, &acc, &created, &err));
		bump(p, acc, by, text);
		ck_ok(weir_backend_settle(sides[i]->b, &err));
		if (i == 0 || !created)
			continue;
		if (last_ms(w) > p->watermark)
			ck_ok(weir_timers_add(p->hand.t, WEIR_EVENT_TIME, last_ms(w), &w, &err));
		if (p->lateness)
			ck_ok(weir_timers_add(p->hand.t, WEIR_EVENT_TIME, last_ms(w) + p->lateness, &w, &err));
	}
}

/* A window that is not late: of a few lengths, so that some end together. */
static bool some_window(struct pair *p, struct weir_window *w)
{
	int64_t from = p->watermark == INT64_MIN ? 0 : p->watermark;

	w->start_ms = (from + below(p, 40) - 5) / SIZE * SIZE;
	w->end_ms = w->start_ms + SIZE;
	if (below(p, 6) == 0)
		w->start_ms -= SIZE * below(p, 3);
	return last_ms(*w) + p->lateness > p->watermark;
}

static void add_some(struct pair *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct weir_window w;
		union any_key k;
		char text[96];

		if (some_window(p, &w))
			add_row(p, make_key(p, below(p, p->nkeys), text, &k), w, below(p, 100));
	}
}

/* The same through a batch; by hand row by row. */
static void add_batch(struct pair *p, uint32_t n)
{
	struct weir_error err = WEIR_ERROR_INIT;
	union any_key keys[256];
	int64_t numbers[256];
	char texts[256][96], scratch[96];
	uint64_t hashes[256];
	uint16_t groups[256];
	struct weir_window windows[256];
	void *slots[256];
	uint8_t created[256];
	uint32_t m = 0;
	struct weir_str strings[256];

	if (p->acc == NAMES)
		return;
	for (uint32_t i = 0; i < n && i < 256; i++) {
		int32_t java;
		const void *key;

		if (!some_window(p, &windows[m]))
			continue;
		key = make_key(p, below(p, p->nkeys), texts[m], &keys[m]);
		ck_ok(weir_type_java_hash(p->config.key, key, &java, &err));
		hashes[m] = weir_type_hash(p->config.key, key);
		groups[m] = (uint16_t)weir_key_group(java, p->config.max_parallelism);
		numbers[m] = keys[m].number;
		strings[m] = keys[m].text;
		m++;
	}
	ck_ok(weir_state_resolve(p->made.s, m, p->keys == INTS ? (void *)numbers : (void *)strings, hashes, groups, windows, sizeof(windows[0]), slots, created, &err));
	for (uint32_t i = 0; i < m; i++)
		bump(p, slots[i], i, scratch);
	for (uint32_t i = 0; i < m; i++) {
		bool was;
		void *acc;

		ck_ok(weir_backend_set_key(p->hand.b, &keys[i], &err));
		ck_ok(weir_state_edit(p->hand.s, &windows[i], &acc, &was, &err));
		ck_assert_int_eq(was, created[i]);
		bump(p, acc, i, scratch);
		if (was && last_ms(windows[i]) > p->watermark)
			ck_ok(weir_timers_add(p->hand.t, WEIR_EVENT_TIME, last_ms(windows[i]), &windows[i], &err));
		if (was && p->lateness)
			ck_ok(weir_timers_add(p->hand.t, WEIR_EVENT_TIME, last_ms(windows[i]) + p->lateness, &windows[i], &err));
	}
}

/* Not what an operator does; the timers of a cleared entry are gone with it. */
static void clear_some(struct pair *p, uint32_t n)
{
	struct weir_error err = WEIR_ERROR_INIT;

	for (uint32_t i = 0; i < n; i++) {
		struct weir_window w;
		union any_key k;
		char text[96];

		if (!some_window(p, &w))
			continue;
		make_key(p, below(p, p->nkeys), text, &k);
		ck_ok(weir_backend_set_key(p->made.b, &k, &err));
		ck_ok(weir_backend_set_key(p->hand.b, &k, &err));
		ck_ok(weir_state_clear(p->made.s, &w, &err));
		ck_ok(weir_state_clear(p->hand.s, &w, &err));
		ck_ok(weir_timers_remove(p->hand.t, WEIR_EVENT_TIME, last_ms(w), &w, &err));
		ck_ok(weir_timers_remove(p->hand.t, WEIR_EVENT_TIME, last_ms(w) + p->lateness, &w, &err));
		ck_assert_uint_eq(weir_state_count(p->made.s), weir_state_count(p->hand.s));
	}
}

/* ---- firing ---- */

static void fired(struct pair *p, struct side *side, const void *key, struct weir_window w, const void *value)
{
	struct weir_error err = WEIR_ERROR_INIT;

	weir_buf_printf(&side->log, "%lld..%lld ", (long long)w.start_ms, (long long)w.end_ms);
	ck_ok(weir_type_write(p->config.key, key, &side->log, &err));
	ck_ok(weir_type_write(accs[p->acc], value, &side->log, &err));
	weir_buf_u8(&side->log, '\n');
}

static uint32_t advance(struct pair *p, int64_t to)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_window_due due;
	const void *ns, *value;
	uint32_t n = 0;
	int64_t time;

	p->watermark = to;
	weir_buf_clear(&p->made.log);
	weir_buf_clear(&p->hand.log);
	for (;;) {
		ck_ok(weir_windows_next(p->made.windows, to, &due, &err));
		if (!due.key)
			break;
		if (due.value)
			fired(p, &p->made, due.key, due.window, due.value), n++;
	}
	while (weir_timers_pop(p->hand.t, WEIR_EVENT_TIME, to, &time, &ns)) {
		struct weir_window w = *(const struct weir_window *)ns;

		ck_ok(weir_state_get(p->hand.s, &w, &value, &err));
		if (time == last_ms(w) && value)
			fired(p, &p->hand, weir_backend_key(p->hand.b), w, value);
		if (time == last_ms(w) + p->lateness)
			ck_ok(weir_state_clear(p->hand.s, &w, &err));
	}
	ck_ok(weir_backend_settle(p->hand.b, &err));
	ck_assert_msg(p->made.log.len == p->hand.log.len && (!n || memcmp(p->made.log.data, p->hand.log.data, p->made.log.len) == 0),
		      "at watermark %lld other windows fire, or in another order", (long long)to);
	ck_assert_uint_eq(weir_state_count(p->made.s), weir_state_count(p->hand.s));
	return n;
}

/* ---- snapshots ---- */

static void same_snapshots(struct pair *p, enum weir_keyed_format format, const char *what)
{
	struct lines made = { 0 }, hand = { 0 };
	struct shot a, b;

	shot_take(&a, p->made.b, format, &p->config);
	shot_take(&b, p->hand.b, format, &p->config);
	shot_lines(&a, &made);
	shot_lines(&b, &hand);
	lines_sort(&made);
	lines_sort(&hand);
	lines_equal(&hand, &made, what);
	lines_free(&made);
	lines_free(&hand);
	shot_free(&a);
	shot_free(&b);
}

/* Both go on from a snapshot of one of them. */
static void restore_both(struct pair *p, bool from_made, enum weir_keyed_format format)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct shot s;

	shot_take(&s, from_made ? p->made.b : p->hand.b, format, &p->config);
	close_backends(p);
	open_backends(p);
	ck_ok(shot_restore(&s, p->made.b, &err));
	ck_ok(shot_restore(&s, p->hand.b, &err));
	register_both(p);
	shot_free(&s);
	ck_assert_uint_eq(weir_state_count(p->made.s), weir_state_count(p->hand.s));
}

static void some_operation(struct pair *p)
{
	switch (below(p, 8)) {
	case 0: advance(p, (p->watermark == INT64_MIN ? 0 : p->watermark) + below(p, 15)); break;
	case 1: clear_some(p, p->keep ? 0 : below(p, 4)); break;
	case 2:
	case 3: add_batch(p, 1 + below(p, 255)); break;
	default: add_some(p, below(p, 60));
	}
}

/* ---- tests ---- */

WEIR_TEST(windows_fire_and_are_written_as_single_timers_would_be)
{
	for (uint64_t seed = 1; seed <= 24; seed++) {
		struct pair p;
		uint32_t n = 0;

		pair_open(&p, seed, (enum key_kind)(seed % NKEYS), (enum accumulator)(seed / 3 % NACCS), seed % 4 ? 0 : 12, seed % 5 ? 150 : 3);
		for (int i = 0; i < 120; i++) {
			some_operation(&p);
			if (i % 40 == 20)
				same_snapshots(&p, i % 80 == 20 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL, "meanwhile");
			if (i % 40 == 30)
				restore_both(&p, i % 80 == 30, seed % 2 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL);
		}
		n = advance(&p, INT64_MAX);
		ck_assert_uint_gt(n, 0);
		ck_assert_uint_eq(weir_state_count(p.made.s), 0);
		same_snapshots(&p, WEIR_FORMAT_HEAP, "at the end");
		pair_close(&p);
	}
}

struct writer { struct shot shot; struct weir_snapshot *snap; const struct weir_backend_config *config; };

static void *write_thread(void *arg)
{
	struct writer *w = arg;

	shot_write(&w->shot, w->snap, WEIR_FORMAT_HEAP, w->config);
	return NULL;
}

WEIR_TEST(a_snapshot_holds_windows_and_timers_as_they_were_at_its_beginning)
{
	for (uint64_t seed = 1; seed <= 9; seed++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct pair p;

		pair_open(&p, seed, (enum key_kind)(seed % NKEYS), (enum accumulator)(seed / 3 % NACCS), seed % 4 ? 0 : 12, 700);
		for (int round = 0; round < 8; round++) {
			struct writer w = { .config = &p.config };
			struct lines want = { 0 }, have = { 0 };
			struct shot before;
			pthread_t thread;

			for (int i = 0; i < 12; i++)
				some_operation(&p);
			shot_take(&before, p.hand.b, WEIR_FORMAT_HEAP, &p.config);
			ck_ok(weir_backend_snapshot(p.made.b, &w.snap, &err));
			for (int i = 0; i < 6 && round % 2; i++)
				some_operation(&p); /* also before the writer starts */
			ck_assert_int_eq(pthread_create(&thread, NULL, write_thread, &w), 0);
			for (int i = 0; i < 12; i++)
				some_operation(&p);
			advance(&p, p.watermark == INT64_MIN ? 9 : p.watermark + 20);
			pthread_join(thread, NULL);
			some_operation(&p);
			weir_snapshot_end(w.snap);
			shot_lines(&before, &want);
			shot_lines(&w.shot, &have);
			lines_sort(&want);
			lines_sort(&have);
			lines_equal(&want, &have, "snapshot");
			lines_free(&want);
			lines_free(&have);
			shot_free(&before);
			shot_free(&w.shot);
		}
		same_snapshots(&p, WEIR_FORMAT_FULL, "afterwards");
		pair_close(&p);
	}
}

/* Timers without state, state without timers, timers for other times: as another trigger or an edited savepoint leaves them. */
WEIR_TEST(restored_timers_that_do_not_match_the_state_fire_as_they_are)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct pair p;

		pair_open(&p, seed, (enum key_kind)(seed % NKEYS), COUNTS, seed % 2 ? 0 : 12, 40);
		p.keep = true;
		add_some(&p, 600);
		for (uint32_t i = 0; i < 60; i++) {
			struct weir_window w;
			union any_key k;
			char text[96];

			some_window(&p, &w);
			ck_ok(weir_backend_set_key(p.hand.b, make_key(&p, below(&p, 40), text, &k), &err));
			switch (below(&p, 4)) {
			case 0: ck_ok(weir_timers_remove(p.hand.t, WEIR_EVENT_TIME, last_ms(w), &w, &err)); break;
			case 1: ck_ok(weir_timers_add(p.hand.t, WEIR_EVENT_TIME, last_ms(w), &w, &err)); break;
			case 2: ck_ok(weir_timers_add(p.hand.t, WEIR_EVENT_TIME, last_ms(w) - below(&p, 5), &w, &err)); break;
			default: ck_ok(weir_state_clear(p.hand.s, &w, &err));
			}
		}
		restore_both(&p, false, seed % 3 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL);
		same_snapshots(&p, WEIR_FORMAT_HEAP, "restored");
		for (int i = 0; i < 60; i++) {
			some_operation(&p);
			if (i % 20 == 10)
				same_snapshots(&p, WEIR_FORMAT_HEAP, "later");
		}
		advance(&p, INT64_MAX);
		same_snapshots(&p, WEIR_FORMAT_HEAP, "at the end");
		pair_close(&p);
	}
}

WEIR_TEST(windows_at_the_end_of_time)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_window_due due;
	struct pair p;
	int64_t key = 1;

	pair_open(&p, 1, INTS, COUNTS, 12, 1);
	ck_ok(weir_backend_set_key(p.made.b, &key, &err));
	ck_ok(weir_state_set(p.made.s, &(struct weir_window){ INT64_MAX - 10, INT64_MAX }, &(struct count){ .n = 1, .sum = 5 }, &err));
	ck_ok(weir_windows_next(p.made.windows, INT64_MAX - 2, &due, &err));
	ck_assert_ptr_null(due.key);
	ck_ok(weir_windows_next(p.made.windows, INT64_MAX, &due, &err));
	ck_assert_ptr_nonnull(due.key);
	ck_assert_int_eq(((const struct count *)due.value)->sum, 5);
	ck_ok(weir_windows_next(p.made.windows, INT64_MAX, &due, &err));
	ck_assert_ptr_null(due.key);
	ck_assert_uint_eq(weir_state_count(p.made.s), 0);
	pair_close(&p);
}

WEIR_TEST(misuse_of_windows_is_refused_with_a_reason)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state_desc d = { .name = "window-contents", .kind = WEIR_STATE_AGGREGATING, .ns = &weir_time_window, .value = &count_type };
	struct weir_window_due due;
	struct weir_snapshot *snap;
	struct weir_windows *again;
	struct weir_state *s;
	struct pair p;
	int64_t key = 1;

	pair_open(&p, 1, INTS, COUNTS, 0, 1);
	add_row(&p, &key, (struct weir_window){ 0, 10 }, 5);
	add_row(&p, &key, (struct weir_window){ 1, 10 }, 5);
	ck_assert_int_eq(weir_backend_windows(p.made.b, &d, "window-timers", 0, &again, &err), WEIR_EBUG);
	ck_assert_ptr_nonnull(strstr(err.msg, "'window-contents' and timers 'window-timers' are registered twice"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_backend_state(p.made.b, &d, &s, &err), WEIR_EINCOMPATIBLE); /* not by window */
	weir_error_clear(&err);
	d.kind = WEIR_STATE_LIST;
	d.name = "list";
	ck_assert_int_eq(weir_backend_windows(p.made.b, &d, "others", 0, &again, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "state 'list': a list state cannot be kept by window"));
	weir_error_clear(&err);
	ck_ok(weir_windows_next(p.made.windows, 9, &due, &err));
	ck_assert_ptr_nonnull(due.key);
	ck_assert_int_eq(weir_backend_snapshot(p.made.b, &snap, &err), WEIR_EBUG);
	ck_assert_ptr_nonnull(strstr(err.msg, "between the windows of one watermark"));
	pair_close(&p);
}
