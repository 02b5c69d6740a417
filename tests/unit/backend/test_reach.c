// SPDX-License-Identifier: Apache-2.0
/* The short ways against the long ones: the same calls on two backends, one of which goes the short way where it can. */
#include "tests/unit/backend/model.h"
#include "state/backend/reach.h"

#define TALLY(F) F(int64, n) F(int32, worst)
WEIR_RECORD(tally, TALLY)

struct side {
	struct weir_backend *b;
	struct weir_state *tally, *person, *list, *map;
	uint64_t reached; /* the short way led there */
};

static const struct weir_backend_config text_config = { .key = &weir_string, .max_parallelism = 16, .ngroups = 16 };

static struct weir_state *declare(struct weir_backend *b, const char *name, enum weir_state_kind kind, struct weir_type *value, struct weir_type *user_key)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state_desc d = { .name = name, .kind = kind, .value = value, .user_key = user_key };
	struct weir_state *s;

	ck_ok(weir_backend_state(b, &d, &s, &err));
	return s;
}

static struct side open_side(void)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct side s = { 0 };

	ck_ok(weir_backend_open_hashmap(&text_config, &s.b, &err));
	s.tally = declare(s.b, "tally", WEIR_STATE_VALUE, &tally_type, NULL);
	s.person = declare(s.b, "person", WEIR_STATE_VALUE, &person_type, NULL);
	s.list = declare(s.b, "list", WEIR_STATE_LIST, &weir_int32, NULL);
	s.map = declare(s.b, "map", WEIR_STATE_MAP, &weir_int64, &weir_string);
	return s;
}

static struct weir_str text_of(char room[40], uint64_t k, const char *more)
{
	return weir_str_view(room, (uint32_t)snprintf(room, 40, "%c%llu%s", 'A' + (int)(k % 26), (unsigned long long)k, k % 5 ? "" : more));
}

static void set_key(struct side *s, bool quick, uint64_t k)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char room[40];
	struct weir_str key = text_of(room, k, " which is a long name");
	int32_t java;

	ck_ok(weir_type_java_hash(&weir_string, &key, &java, &err));
	if (quick && weir_backend_reach_key(s->b, &key, weir_hash_str(&key), weir_key_group(java, 16)))
		s->reached++;
	else
		ck_ok(weir_backend_set_key(s->b, &key, &err));
	ck_assert(weir_str_eq(weir_backend_key(s->b), &key));
}

static void edit_tally(struct side *s, bool quick, int32_t by)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct tally *t = quick ? weir_state_reach_edit(s->tally) : NULL;

	s->reached += t != NULL;
	if (!t)
		ck_ok(weir_state_edit(s->tally, NULL, (void **)&t, NULL, &err));
	t->n += by;
	t->worst = by > t->worst ? by : t->worst;
}

static int64_t read_tally(struct side *s, bool quick)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const struct tally *t = quick ? weir_state_reach(s->tally) : NULL;

	s->reached += t != NULL;
	if (!t)
		ck_ok(weir_state_get(s->tally, NULL, (const void **)&t, &err));
	return t ? t->n : -1;
}

static int64_t one_step(struct side *s, bool quick, uint64_t what, uint64_t k, int32_t by)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char room[40];
	struct weir_str entry = text_of(room, (uint64_t)by % 40, " and more of it");
	struct weir_list list;
	struct person *p;
	int64_t *n;

	set_key(s, quick, k);
	switch (what) {
	case 0: case 1: case 2:
		edit_tally(s, quick, by);
		return read_tally(s, quick);
	case 3:
		ck_ok(weir_state_edit(s->person, NULL, (void **)&p, NULL, &err)); /* not settled when the next call comes */
		p->city = entry;
		p->n++;
		return read_tally(s, quick);
	case 4: case 5: case 6:
		ck_ok(weir_state_list_add(s->list, NULL, &by, &err));
		ck_ok(weir_state_list_get(s->list, NULL, &list, &err));
		return list.count * 1000000ll + ((const int32_t *)list.items)[list.count / 2];
	case 7: case 8: case 9:
		ck_ok(weir_state_map_edit(s->map, NULL, &entry, (void **)&n, NULL, &err));
		*n += by;
		return *n + weir_state_map_count(s->map, NULL);
	case 10:
		ck_ok(weir_state_map_remove(s->map, NULL, &entry, &err));
		return weir_state_map_count(s->map, NULL);
	default:
		ck_ok(weir_state_clear(what == 11 ? s->tally : what == 12 ? s->list : s->map, NULL, &err));
		return read_tally(s, quick);
	}
}

static void same_state(struct side *a, struct side *b)
{
	struct shot sa, sb;
	struct lines la = { 0 }, lb = { 0 };

	shot_take(&sa, a->b, WEIR_FORMAT_HEAP, &text_config);
	shot_take(&sb, b->b, WEIR_FORMAT_HEAP, &text_config);
	shot_lines(&sa, &la);
	shot_lines(&sb, &lb);
	lines_equal(&la, &lb, "the short way");
	lines_free(&la), lines_free(&lb);
	shot_free(&sa), shot_free(&sb);
}

WEIR_TEST(the_short_way_does_what_the_long_one_does)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct weir_rng r = { seed };
		struct side slow = open_side(), quick = open_side();
		uint64_t keys = 1 + weir_rng_below(&r, seed % 2 ? 40 : 3000);

		for (int i = 0; i < 20000; i++) {
			uint64_t what = weir_rng_below(&r, 14), k = weir_rng_below(&r, keys);
			int32_t by = (int32_t)weir_rng_below(&r, 1000);

			ck_assert_int_eq(one_step(&slow, false, what, k, by), one_step(&quick, true, what, k, by));
			if (i % 5000 == 4999)
				same_state(&slow, &quick);
		}
		ck_assert_uint_gt(quick.reached, 10000);
		weir_backend_close(slow.b);
		weir_backend_close(quick.b);
	}
}

WEIR_TEST(an_edit_by_the_short_way_is_not_in_a_snapshot_that_began_before)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct side a = open_side(), b = open_side();
	struct weir_snapshot *snap;
	struct shot want, have;
	struct lines lw = { 0 }, lh = { 0 };

	for (uint64_t k = 0; k < 500; k++)
		for (uint64_t what = 0; what < 9; what += 4)
			(void)one_step(&a, false, what, k, 7), (void)one_step(&b, false, what, k, 7);
	shot_take(&want, a.b, WEIR_FORMAT_HEAP, &text_config);
	ck_ok(weir_backend_snapshot(b.b, &snap, &err));
	for (uint64_t k = 0; k < 500; k++)
		for (uint64_t what = 0; what < 9; what += 4)
			(void)one_step(&b, true, what, k, 7);
	ck_assert_uint_gt(b.reached, 500);
	shot_write(&have, snap, WEIR_FORMAT_HEAP, &text_config);
	weir_snapshot_end(snap);
	shot_lines(&want, &lw);
	shot_lines(&have, &lh);
	lines_equal(&lw, &lh, "the snapshot");
	lines_free(&lw), lines_free(&lh);
	shot_free(&want), shot_free(&have);
	weir_backend_close(a.b);
	weir_backend_close(b.b);
}

WEIR_TEST(the_short_way_leads_nowhere_when_something_is_to_be_done_first)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct side s = open_side();
	struct weir_str key = weir_str_of("ORD");
	struct person *p;

	ck_assert_ptr_null(weir_state_reach(s.tally)); /* no key */
	ck_assert(!weir_backend_reach_key(s.b, &key, weir_hash_str(&key), 16)); /* another subtask's */
	ck_assert(weir_backend_reach_key(s.b, &key, weir_hash_str(&key), 3));
	ck_assert_ptr_null(weir_state_reach(s.tally)); /* no value */
	edit_tally(&s, false, 1);
	ck_assert_ptr_nonnull(weir_state_reach(s.tally));
	ck_assert_ptr_null(weir_state_reach(s.list)); /* another kind */
	ck_ok(weir_state_edit(s.person, NULL, (void **)&p, NULL, &err));
	p->name = weir_str_of("a name that the state must copy");
	ck_assert_ptr_null(weir_state_reach(s.tally)); /* the name is still the caller's */
	ck_assert_ptr_null(weir_state_reach_edit(s.tally));
	ck_assert(!weir_backend_reach_key(s.b, &key, weir_hash_str(&key), 3));
	ck_ok(weir_backend_settle(s.b, &err));
	ck_assert_ptr_nonnull(weir_state_reach_edit(s.tally));
	ck_assert_ptr_null(weir_state_reach(s.person)); /* a value with text */
	weir_backend_close(s.b);
}
