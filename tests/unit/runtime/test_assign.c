// SPDX-License-Identifier: Apache-2.0
/* Assignment of stored state against Flink's own classes and its published numbers. */
#include "runtime/assign.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/rng.h"
#include "tests/unit/runtime/cores_golden.h"

/* ---- key groups ---- */
WEIR_TEST(ranges_equal_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "range")); n++) {
		uint32_t m = (uint32_t)golden_int(&p), par = (uint32_t)golden_int(&p), i = (uint32_t)golden_int(&p);
		struct weir_key_group_range r = weir_key_group_range_of(m, par, i);

		ck_assert_int_eq(r.first, golden_int(&p));
		ck_assert_int_eq(r.last, golden_int(&p));
	}
	ck_assert_int_gt(n, 100);
	golden_open(&g);
	for (char *p; (p = golden_next(&g, "default-max"));) {
		uint32_t par = (uint32_t)golden_int(&p);

		ck_assert_int_eq(weir_max_parallelism_default(par), golden_int(&p));
	}
	ck_assert_int_eq(weir_max_parallelism_default(UINT32_MAX), 32768);
}

WEIR_TEST(ranges_cover_every_key_group_once_and_agree_with_the_owner)
{
	for (uint32_t m = 1; m <= 200; m++)
		for (uint32_t p = 1; p <= m; p++) {
			uint32_t next = 0;

			for (uint32_t i = 0; i < p; i++) {
				struct weir_key_group_range r = weir_key_group_range_of(m, p, i);

				ck_assert(r.first == next && r.last >= r.first);
				for (uint32_t k = r.first; k <= r.last; k++)
					ck_assert_uint_eq(weir_key_group_owner(m, p, k), i);
				next = r.last + 1;
			}
			ck_assert_uint_eq(next, m);
		}
}

/* The table in docs/formats: Java hash of a key, max parallelism 128, subtask of 4. */
WEIR_TEST(published_keys_go_to_their_subtasks)
{
	static const struct { int32_t hash; uint32_t group, subtask; } rows[] = {
		{ 0, 94, 2 }, { 1, 86, 2 }, { 42, 29, 0 }, { -1, 80, 2 }, { INT32_MIN, 108, 3 }, { INT32_MAX, 62, 1 }, { 97, 81, 2 },
		{ 99162322, 35, 1 }, { -147182656, 20, 0 }, { 15432, 92, 2 }, { 2, 127, 3 }, { 1912276436, 92, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_uint_eq(weir_key_group(rows[i].hash, 128), rows[i].group);
		ck_assert_uint_eq(weir_key_group_owner(128, 4, rows[i].group), rows[i].subtask);
	}
}

/* ---- keyed state ---- */
static struct weir_operator_state keyed_operator(struct weir_subtask_state *s, uint32_t max, uint32_t parallelism)
{
	memset(s, 0, parallelism * sizeof(*s));
	for (uint32_t i = 0; i < parallelism; i++) {
		struct weir_key_group_range r = weir_key_group_range_of(max, parallelism, i);

		s[i].index = i;
		s[i].managed_keyed.kind = WEIR_KEYED_GROUPS;
		s[i].managed_keyed.groups.first = (int32_t)r.first;
		s[i].managed_keyed.groups.count = r.last - r.first + 1;
	}
	return (struct weir_operator_state){ .parallelism = parallelism, .max_parallelism = max, .nsubtasks = parallelism, .subtasks = s };
}

WEIR_TEST(keyed_parts_cover_everything_once)
{
	static struct weir_subtask_state s[64];
	struct weir_assign_keyed part[64];

	for (uint32_t max = 7; max <= 128; max += 11)
		for (uint32_t old = 1; old <= 64 && old <= max; old += 3)
			for (uint32_t now = 1; now <= max; now += 5) {
				struct weir_operator_state o = keyed_operator(s, max, old);
				uint32_t next = 0;

				for (uint32_t i = 0; i < now; i++) {
					uint32_t n = weir_assign_keyed(&o, false, now, i, part, 64);

					ck_assert_uint_ge(n, 1);
					for (uint32_t k = 0; k < n; k++) {
						ck_assert_uint_eq(part[k].range.first, next);
						ck_assert_uint_eq(weir_key_group_owner(max, old, next), part[k].old_subtask);
						ck_assert_uint_eq(weir_key_group_owner(max, now, part[k].range.last), i);
						ck_assert_ptr_eq(part[k].handle, &s[part[k].old_subtask].managed_keyed);
						next = part[k].range.last + 1;
					}
				}
				ck_assert_uint_eq(next, max);
			}
}

WEIR_TEST(keyed_parts_of_subtasks_without_state_are_left_out)
{
	struct weir_subtask_state s[3];
	struct weir_operator_state o = keyed_operator(s, 128, 3);
	struct weir_assign_keyed part[1];

	s[1].managed_keyed.kind = WEIR_KEYED_NONE;
	ck_assert_uint_eq(weir_assign_keyed(&o, false, 1, 0, part, 1), 2); /* counts all, stores what fits */
	ck_assert_uint_eq(part[0].range.last, 42);
	ck_assert_uint_eq(weir_assign_keyed(&o, false, 3, 1, part, 1), 0);
	ck_assert_uint_eq(weir_assign_keyed(&o, true, 3, 0, part, 1), 0);
	s[2].managed_keyed.groups.first = INT32_MAX; /* damaged: outside every range */
	s[2].managed_keyed.groups.count = UINT32_MAX;
	ck_assert_uint_eq(weir_assign_keyed(&o, false, 1, 0, part, 1), 1);
}

/* ---- operator state ---- */
struct vector {
	uint32_t old, now;
	struct weir_subtask_state s[16];
	struct weir_operator_list lists[16][64];
	char names[16][64][40];
};

/* The rest of a vector's lines, up to "end": lists become the operator; pieces are ticked off as they come. */
static void read_list(struct vector *v, char *p)
{
	uint32_t s = (uint32_t)golden_int(&p);
	struct weir_operator_handle *h = &v->s[s].managed_operator;
	struct weir_operator_list *l = &v->lists[s][h->nlists];
	char *name = v->names[s][h->nlists];

	h->present = true;
	h->lists = v->lists[s];
	l->mode = (enum weir_distribution)golden_int(&p);
	l->count = (uint32_t)golden_int(&p);
	ck_assert_uint_lt(strlen(p), 40);
	memcpy(name, p + 1, strlen(p)); /* behind the blank, up to the final dot */
	l->name = (struct weir_slice){ (const uint8_t *)name, strlen(name) - 1 };
	h->nlists++;
}

struct wanted {
	uint32_t now, old, first, count;
	char name[40];
};

static bool take_piece(const struct weir_assign_piece *got, uint32_t now, struct wanted *want, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (want[i].count && want[i].now == now && want[i].old == got->old_subtask && want[i].first == got->first && want[i].count == got->count &&
		    strlen(want[i].name) == got->list->name.len && memcmp(want[i].name, got->list->name.ptr, got->list->name.len) == 0) {
			want[i].count = 0;
			return true;
		}
	return false;
}

/* Broadcast state that only some reported: Flink gives a reporter its own copy and another one, which are equal; here it is one. */
static bool is_extra_copy(const struct vector *v, const struct wanted *w)
{
	const struct weir_operator_handle *h = &v->s[w->old].managed_operator;

	for (uint32_t i = 0; i < h->nlists; i++)
		if (h->lists[i].mode == WEIR_BROADCAST && h->lists[i].name.len == strlen(w->name) &&
		    memcmp(h->lists[i].name.ptr, w->name, h->lists[i].name.len) == 0)
			return v->old == v->now && w->old == w->now;
	return false;
}

static void check_vector(const struct vector *v, struct wanted *want, uint32_t nwant, int line)
{
	struct weir_operator_state o = { .parallelism = v->old, .max_parallelism = 128, .nsubtasks = v->old, .subtasks = (struct weir_subtask_state *)v->s };
	struct weir_assign_piece piece[1024];
	struct weir_assign_plan *plan;
	struct weir_arena mem = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_assign_plan_new(&o, false, v->now, &mem, &plan, &err));
	for (uint32_t i = 0; i < v->now; i++) {
		uint32_t n = weir_assign_plan_pieces(plan, i, piece, 1024);

		ck_assert_uint_lt(n, 1024);
		for (uint32_t k = 0; k < n; k++)
			ck_assert_msg(piece[k].count == 0 || take_piece(&piece[k], i, want, nwant), "before line %d: subtask %u gets %u..+%u of '%.*s' of %u", line, i,
				      piece[k].first, piece[k].count, (int)piece[k].list->name.len, (const char *)piece[k].list->name.ptr,
				      piece[k].old_subtask);
	}
	for (uint32_t i = 0; i < nwant; i++)
		ck_assert_msg(want[i].count == 0 || is_extra_copy(v, &want[i]), "before line %d: subtask %u lacks %u..+%u of '%s' of %u", line, want[i].now,
			      want[i].first, want[i].count, want[i].name, want[i].old);
	weir_arena_fini(&mem);
}

WEIR_TEST(operator_state_is_dealt_as_flink_deals_it)
{
	static struct vector v;
	static struct wanted want[4096];
	struct golden g;
	uint32_t nwant = 0;
	int n = 0;

	golden_open(&g);
	while (fgets(g.line, sizeof(g.line), g.f)) {
		char *p = g.line + 2;

		g.number++;
		g.line[strcspn(g.line, "\n")] = 0;
		if (strncmp(g.line, "assign ", 7) == 0) {
			memset(&v, 0, sizeof(v));
			nwant = 0;
			p = g.line + 7;
			v.old = (uint32_t)golden_int(&p);
			v.now = (uint32_t)golden_int(&p);
			for (uint32_t i = 0; i < v.old; i++)
				v.s[i].index = i;
		} else if (strncmp(g.line, "l ", 2) == 0) {
			read_list(&v, p);
		} else if (strncmp(g.line, "p ", 2) == 0) {
			struct wanted *w = &want[nwant++];

			w->now = (uint32_t)golden_int(&p);
			w->old = (uint32_t)golden_int(&p);
			w->first = (uint32_t)golden_int(&p);
			w->count = (uint32_t)golden_int(&p);
			snprintf(w->name, sizeof(w->name), "%.*s", (int)strlen(p) - 2, p + 1);
		} else if (strcmp(g.line, "end") == 0) {
			check_vector(&v, want, nwant, g.number);
			n++;
		}
	}
	fclose(g.f);
	ck_assert_int_gt(n, 50);
}

static struct weir_slice text(const char *s) { return (struct weir_slice){ (const uint8_t *)s, strlen(s) }; }

/* Subtasks may lie in any order in the file; what was finished has no handle. */
WEIR_TEST(subtasks_are_taken_by_number)
{
	struct weir_operator_list a = { text("x"), WEIR_SPLIT_DISTRIBUTE, 3, NULL }, b = { text("x"), WEIR_SPLIT_DISTRIBUTE, 2, NULL };
	struct weir_subtask_state s[3] = { { .index = 2, .managed_operator = { .present = true, .nlists = 1, .lists = &b } },
					   { .index = 1, .finished = true },
					   { .index = 0, .managed_operator = { .present = true, .nlists = 1, .lists = &a } } };
	struct weir_operator_state o = { .parallelism = 3, .max_parallelism = 128, .nsubtasks = 3, .subtasks = s };
	struct weir_assign_piece p[4];
	struct weir_assign_plan *plan;
	struct weir_arena mem = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_assign_plan_new(&o, false, 2, &mem, &plan, &err));
	ck_assert_uint_eq(weir_assign_plan_pieces(plan, 0, p, 4), 1);
	ck_assert(p[0].old_subtask == 0 && p[0].first == 0 && p[0].count == 3);
	ck_assert_uint_eq(weir_assign_plan_pieces(plan, 1, p, 4), 1);
	ck_assert(p[0].old_subtask == 2 && p[0].first == 0 && p[0].count == 2);
	ck_ok(weir_assign_plan_new(&o, false, 3, &mem, &plan, &err)); /* same parallelism: in place */
	ck_assert_uint_eq(weir_assign_plan_pieces(plan, 1, p, 4), 0);
	ck_assert_uint_eq(weir_assign_plan_pieces(plan, 2, p, 4), 1);
	ck_assert(p[0].list == &b);
	ck_ok(weir_assign_plan_new(&o, true, 3, &mem, &plan, &err)); /* no raw state */
	ck_assert_uint_eq(weir_assign_plan_pieces(plan, 2, p, 4), 0);
	s[1].index = 2;
	ck_assert_int_eq(weir_assign_plan_new(&o, false, 2, &mem, &plan, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "subtask 2 is stored twice"));
	weir_error_clear(&err);
	s[1].index = 7;
	ck_assert_int_eq(weir_assign_plan_new(&o, false, 2, &mem, &plan, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "subtask 7, but its parallelism is 3"));
	weir_error_clear(&err);
	s[1].index = 1;
	b.mode = (enum weir_distribution)3;
	ck_assert_int_eq(weir_assign_plan_new(&o, false, 2, &mem, &plan, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "list 0 of subtask 2 has distribution mode 3"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_assign_plan_new(&o, false, 0, &mem, &plan, &err), WEIR_EINVALID);
	weir_arena_fini(&mem);
}

/* Large and small: every element of a SPLIT list goes to exactly one subtask, and shares differ by one at most per state. */
WEIR_TEST(every_element_once)
{
	struct weir_rng rng = { 5 };

	for (int round = 0; round < 300; round++) {
		struct weir_subtask_state s[8] = { 0 };
		struct weir_operator_list l[8];
		uint32_t old = 1 + (uint32_t)weir_rng_below(&rng, 8), now = 1 + (uint32_t)weir_rng_below(&rng, 40), at = 0;
		uint64_t in = 0, sum = 0;
		struct weir_operator_state o = { .parallelism = old, .max_parallelism = 128, .nsubtasks = old, .subtasks = s };
		struct weir_assign_piece p[16];
		struct weir_assign_plan *plan;
		struct weir_arena mem = { 0 };
		struct weir_error err = WEIR_ERROR_INIT;
		uint32_t next[8] = { 0 };

		for (uint32_t i = 0; i < old; i++) {
			l[i] = (struct weir_operator_list){ text("x"), WEIR_SPLIT_DISTRIBUTE, (uint32_t)weir_rng_below(&rng, round % 2 ? 5 : 1u << 31), NULL };
			s[i] = (struct weir_subtask_state){ .index = i, .managed_operator = { .present = true, .nlists = 1, .lists = &l[i] } };
			in += l[i].count;
		}
		if (now == old)
			now++;
		ck_ok(weir_assign_plan_new(&o, false, now, &mem, &plan, &err));
		for (uint32_t i = 0; i < now; i++) {
			uint32_t n = weir_assign_plan_pieces(plan, i, p, 16);
			uint64_t share = 0;

			for (uint32_t k = 0; k < n; k++) {
				ck_assert(p[k].old_subtask >= at && p[k].first == next[p[k].old_subtask] && p[k].count > 0);
				at = p[k].old_subtask;
				next[at] += p[k].count;
				share += p[k].count;
			}
			ck_assert(share == in / now || share == in / now + 1);
			sum += share;
		}
		ck_assert_uint_eq(sum, in);
		weir_arena_fini(&mem);
	}
}

/* ---- checks ---- */
WEIR_TEST(parallelism_checks_say_what_to_do)
{
	struct weir_operator_state o = { .uid = text("window"), .parallelism = 2, .max_parallelism = 128 };
	struct weir_error err = WEIR_ERROR_INIT;
	uint32_t max = 0;

	ck_ok(weir_assign_check(&o, 128, 0, &max, &err));
	ck_assert_uint_eq(max, 128);
	ck_ok(weir_assign_check(&o, 3, 128, &max, &err));
	max = 5;
	ck_assert_int_eq(weir_assign_check(&o, 200, 0, &max, &err), WEIR_EINCOMPATIBLE);
	ck_assert_str_eq(err.msg, "operator 'window': parallelism 200 is above the max parallelism 128 of its stored state: lower it to 128 or less (-p 128)");
	ck_assert_uint_eq(max, 5); /* untouched on failure */
	weir_error_clear(&err);
	ck_assert_int_eq(weir_assign_check(&o, 2, 256, &max, &err), WEIR_EINCOMPATIBLE);
	ck_assert_str_eq(err.msg, "operator 'window': its state was stored with max parallelism 128, and the job sets 256: leave pipeline.max-parallelism unset, "
				  "or set it to 128 (the stored keys are grouped by it)");
	weir_error_clear(&err);
	ck_assert_int_eq(weir_assign_check(&o, 0, 0, &max, &err), WEIR_EINVALID);
	weir_error_clear(&err);
	ck_assert_int_eq(weir_assign_check(&o, 1, 40000, &max, &err), WEIR_EINVALID);
	weir_error_clear(&err);
	o.max_parallelism = 0;
	ck_assert_int_eq(weir_assign_check(&o, 1, 0, &max, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "max parallelism is 0"));
}
