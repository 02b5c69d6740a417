// SPDX-License-Identifier: Apache-2.0
/* Comparing checkpoints: against a comparison that knows no sorting, with and without temporary files, with and without skipping. */
#include "statetool/diff.h"
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"

static struct weir_view *open_view(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;

	ck_ok(weir_ckpt_open(path, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	return v;
}

static bool read_all;

static struct weir_diff_result diff(struct weir_view *a, struct weir_view *b, size_t sort_limit, const char *state, struct weir_buf *out)
{
	struct weir_diff_options o = { .limit = 1000000, .sort_limit = sort_limit, .state = state, .json = true, .read_all = read_all };
	struct weir_diff_result r = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink sink = { 0 };

	ck_ok(weir_state_diff(a, b, &o, &sink, &r, &err));
	if (out)
		weir_buf_put_slice(out, weir_buf_slice(&sink.buf));
	weir_buf_fini(&sink.buf);
	return r;
}

/* ---- a plain comparison of one state with one entry for a key ---- */
struct plain {
	struct weir_buf key, value;
};
struct plains {
	struct plain *items;
	size_t n;
};

static int gather(void *arg, const struct weir_entry *e)
{
	struct plains *p = arg;
	struct plain *it;

	p->items = realloc(p->items, (p->n + 1) * sizeof(*p->items));
	it = &p->items[p->n++];
	*it = (struct plain){ 0 };
	weir_buf_put_slice(&it->key, e->key);
	weir_buf_put_slice(&it->key, e->ns);
	weir_buf_put_slice(&it->key, e->user_key);
	weir_buf_put_slice(&it->value, e->value);
	return 0;
}

static void plain_diff(struct weir_view *a, struct weir_view *b, const char *op, const char *state, struct weir_diff_result *r)
{
	struct weir_view *v[2] = { a, b };
	struct plains p[2] = { { 0 } };
	struct weir_operator_id id = weir_operator_id_of_uid(op);
	struct weir_error err = WEIR_ERROR_INIT;

	for (int i = 0; i < 2; i++) {
		struct weir_scan scan = WEIR_SCAN_ALL;

		scan.state = weir_view_find(v[i], &id, state);
		ck_assert_ptr_nonnull(scan.state);
		ck_ok(weir_view_scan(v[i], &scan, gather, &p[i], &err));
	}
	for (size_t i = 0; i < p[0].n; i++) {
		size_t k = 0;

		while (k < p[1].n && !weir_slice_eq(weir_buf_slice(&p[0].items[i].key), weir_buf_slice(&p[1].items[k].key)))
			k++;
		if (k == p[1].n)
			r->removed++;
		else if (weir_slice_eq(weir_buf_slice(&p[0].items[i].value), weir_buf_slice(&p[1].items[k].value)))
			r->same++;
		else
			r->changed++;
	}
	r->added = p[1].n - r->same - r->changed;
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < p[side].n; i++) {
			weir_buf_fini(&p[side].items[i].key);
			weir_buf_fini(&p[side].items[i].value);
		}
		free(p[side].items);
	}
}

static uint64_t lines(const struct weir_buf *b, const char *text)
{
	uint64_t n = 0;
	const char *p = (const char *)b->data;

	for (size_t left = b->len; left && (p = memmem(p, left, text, strlen(text))); p++, left = b->len - (size_t)(p - (const char *)b->data))
		n++;
	return n;
}

WEIR_TEST(diff_agrees_with_a_plain_comparison)
{
	static const char *const states[][2] = { { "by-route", "by-day" }, { "by-origin", "count" }, { "by-origin", "to" }, { "by-origin", "delay" }, { "by-pair", "sum" }, { "by-origin", "miles" } };
	struct weir_view *a = open_view(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"));
	const char *other = weir_test_shared("fixtures/flights/1.20.1/canonical-rocksdb");
	struct weir_view *b;

	if (!other)
		weir_test_skip("the shared fixtures are not there");
	b = open_view(other);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct weir_diff_result want = { 0 }, got;
		struct weir_buf out = { 0 };

		plain_diff(a, b, states[i][0], states[i][1], &want);
		ck_assert_uint_gt(want.added + want.changed, 0);
		for (int round = 0; round < 2; round++) {
			weir_buf_clear(&out);
			got = diff(a, b, round ? 10 : 0, states[i][1], &out);
			ck_assert_uint_eq(got.added, want.added);
			ck_assert_uint_eq(got.removed, want.removed);
			ck_assert_uint_eq(got.changed, want.changed);
			ck_assert_uint_eq(got.same, want.same);
			ck_assert_uint_eq(lines(&out, "\"what\":\"entry\""), want.added + want.removed + want.changed);
			ck_assert_uint_eq(lines(&out, ",\"old\":"), want.removed + want.changed);
			ck_assert_uint_eq(lines(&out, ",\"new\":"), want.added + want.changed);
		}
		weir_buf_fini(&out);
	}
	weir_view_close(a);
	weir_view_close(b);
}

WEIR_TEST(a_checkpoint_does_not_differ_from_itself_and_is_not_read)
{
	struct weir_view *a = open_view(weir_test_source("tests/golden/flights/1.20.1/native-hashmap")), *b = open_view(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"));
	struct weir_diff_result r = diff(a, b, 0, NULL, NULL);

	ck_assert_uint_eq(r.operators + r.states + r.added + r.removed + r.changed, 0);
	ck_assert_uint_gt(r.groups_skipped, 128);
	ck_assert_uint_lt(r.same, 1000); /* operator state only */
	weir_view_close(a);
	weir_view_close(b);
}

/* RocksDB files that are the same are not read; and when they are, nothing differs. */
WEIR_TEST(the_same_rocksdb_files_are_not_read)
{
	const char *path = weir_test_shared("fixtures/flights/2.1.1/native-rocksdb");
	struct weir_diff_result r;
	struct weir_view *a, *b;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	a = open_view(path);
	b = open_view(path);
	read_all = true;
	r = diff(a, b, 3, NULL, NULL);
	ck_assert_uint_eq(r.operators + r.states + r.added + r.removed + r.changed, 0);
	ck_assert_uint_gt(r.same, 5000);
	read_all = false;
	r = diff(a, b, 3, NULL, NULL);
	ck_assert_uint_eq(r.operators + r.states + r.added + r.removed + r.changed, 0);
	ck_assert_uint_lt(r.same, 1000);
	weir_view_close(a);
	weir_view_close(b);
}

WEIR_TEST(operators_and_states_of_one_side_are_told)
{
	struct weir_view *a = open_view(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"));
	const char *other = weir_test_shared("fixtures/special/2.1.1/maxp-1000-canonical");
	struct weir_diff_result r;
	struct weir_buf out = { 0 };
	struct weir_view *b;

	if (!other)
		weir_test_skip("the shared fixtures are not there");
	b = open_view(other);
	r = diff(a, b, 0, NULL, &out);
	ck_assert_uint_gt(r.operators, 0);
	ck_assert_uint_gt(r.removed, 0);
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "{\"what\":\"operator\",\"change\":\"removed\",\"op\":\""));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&out), "{\"what\":\"state\",\"change\":\"removed\",\"op\":\""));
	weir_buf_fini(&out);
	weir_view_close(a);
	weir_view_close(b);
}

/* ---- the sorter ---- */
struct checking {
	struct weir_record last;
	size_t n;
	uint64_t sum;
};

static int check_record(void *arg, const struct weir_record *r)
{
	struct checking *c = arg;
	const struct weir_record *l = &c->last;

	if (c->n++)
		ck_assert(l->state < r->state || (l->state == r->state && (l->key[0] < r->key[0] || (l->key[0] == r->key[0] && (l->key[1] < r->key[1] || (l->key[1] == r->key[1] && l->side <= r->side))))));
	c->last = *r;
	c->sum += r->value * 3 + r->group;
	return 0;
}

WEIR_TEST(sorting_with_and_without_files)
{
	static const size_t limits[] = { 0, 1, 7, 100, 1000, 5000 };
	struct weir_error err = WEIR_ERROR_INIT;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct weir_sorter s = { .limit = limits[i] };

		for (size_t n = 0; n < 3000; n = n * 3 + 1) { /* used again and again */
			struct weir_rng rng = { n + i };
			struct checking c = { .n = 0 };
			uint64_t sum = 0;

			for (size_t k = 0; k < n; k++) {
				struct weir_record r = { { weir_rng_below(&rng, 9), weir_rng_below(&rng, 50) }, weir_rng_next(&rng), (uint32_t)weir_rng_below(&rng, 3), weir_rng_below(&rng, 2) & 1,
							 (uint32_t)weir_rng_below(&rng, 4) };

				sum += r.value * 3 + r.group;
				ck_ok(weir_sorter_add(&s, &r, &err));
			}
			ck_ok(weir_sorter_merge(&s, check_record, &c, &err));
			ck_assert_uint_eq(c.n, n);
			ck_assert_uint_eq(c.sum, sum);
		}
		weir_sorter_fini(&s);
	}
}

WEIR_TEST(sorting_says_where_it_could_not_write)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sorter s = { .limit = 1 };
	struct weir_record r = { { 1, 2 }, 3, 0, 0, 0 };

	setenv("TMPDIR", "/nowhere/at/all", 1);
	ck_ok(weir_sorter_add(&s, &r, &err));
	ck_assert_int_eq(weir_sorter_add(&s, &r, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.path, "/nowhere/at/all"));
	weir_sorter_fini(&s);
}
