// SPDX-License-Identifier: Apache-2.0
/*
 * Which stored state a restored subtask reads.
 *
 * Keyed state goes by key-group ranges: a new subtask takes the overlapping part of every old handle. Operator list state goes
 * by a plan: lists of one name and mode form a group, whose elements are numbered in order of old subtasks. A SPLIT group
 * that is dealt anew gives each new subtask one run of those numbers, so the plan stores only where the dealing starts and
 * pieces are found when asked for; nothing of size (old x new parallelism) is ever built.
 *
 * Flink deals state after state, and the first state's last receiver decides where the next begins. It walks its states in the order
 * of a Java HashMap, so that order is computed here too (java_map_order); otherwise a state with a remainder would lie elsewhere.
 *
 * Invariants
 * 1. Every key group is wanted by exactly one new subtask; every element of a SPLIT group is given to exactly one.
 * 2. Pieces of a state come in order of old subtasks and of elements.
 *
 * Pure. Allocates in the caller's arena while a plan is made. Stored numbers are foreign input and checked.
 */
#include "runtime/assign.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"

struct entry {
	uint32_t old_subtask;
	const struct weir_operator_handle *handle;
	const struct weir_operator_list *list;
	uint64_t before; /* elements of the group in earlier entries */
	uint32_t group;  /* while the plan is made */
};

enum dealing {
	DEAL_IN_PLACE, /* own lists only */
	DEAL_RUNS,     /* a run of all elements */
	DEAL_ALL,      /* everything */
	DEAL_ONE_COPY, /* the copy of reporter index mod reporters */
};

struct group {
	struct weir_slice name;
	enum weir_distribution mode;
	enum dealing dealing;
	int32_t java_hash;
	uint32_t first, count; /* entries */
	uint64_t total;        /* elements */
	uint32_t start;        /* new subtask that gets the first run */
};

struct weir_assign_plan {
	uint32_t parallelism, ngroups;
	struct group *groups; /* in Flink's order: SPLIT, UNION, BROADCAST */
	struct entry *entries;
};

/* ---- key groups ---- */
uint32_t weir_max_parallelism_default(uint32_t parallelism)
{
	uint64_t want = (uint64_t)parallelism + parallelism / 2, power = 1;

	while (power < want)
		power *= 2;
	if (power < WEIR_MAX_PARALLELISM_DEFAULT_LOW)
		return WEIR_MAX_PARALLELISM_DEFAULT_LOW;
	return power > WEIR_MAX_PARALLELISM_LIMIT ? WEIR_MAX_PARALLELISM_LIMIT : (uint32_t)power;
}

/* How people know the operator: uid, else name, else id. */
static void operator_label(const struct weir_operator_state *o, char out[80])
{
	struct weir_slice s = o->uid.len ? o->uid : o->name;

	if (s.len == 0) {
		weir_operator_id_hex(&o->id, out);
		return;
	}
	if (s.len > 79)
		s.len = 79;
	memcpy(out, s.ptr, s.len);
	out[s.len] = 0;
}

int weir_assign_check(const struct weir_operator_state *stored, uint32_t parallelism, uint32_t set_max, uint32_t *out_max, struct weir_error *err)
{
	uint32_t max = stored->max_parallelism;
	char who[80];

	operator_label(stored, who);
	if (parallelism < 1 || parallelism > WEIR_MAX_PARALLELISM_LIMIT)
		return weir_error_set(err, WEIR_EINVALID, "operator '%s': parallelism %u: give 1 to %u", who, parallelism, WEIR_MAX_PARALLELISM_LIMIT);
	if (set_max > WEIR_MAX_PARALLELISM_LIMIT)
		return weir_error_set(err, WEIR_EINVALID, "operator '%s': pipeline.max-parallelism %u: give 1 to %u", who, set_max, WEIR_MAX_PARALLELISM_LIMIT);
	if (max < 1 || max > WEIR_MAX_PARALLELISM_LIMIT)
		return weir_error_set(err, WEIR_ECORRUPT, "operator '%s': the stored max parallelism is %u, outside 1 to %u", who, max,
				      WEIR_MAX_PARALLELISM_LIMIT);
	if (set_max != 0 && set_max != max)
		return weir_error_set(err, WEIR_EINCOMPATIBLE,
				      "operator '%s': its state was stored with max parallelism %u, and the job sets %u: leave pipeline.max-parallelism "
				      "unset, or set it to %u (the stored keys are grouped by it)",
				      who, max, set_max, max);
	if (parallelism > max)
		return weir_error_set(err, WEIR_EINCOMPATIBLE,
				      "operator '%s': parallelism %u is above the max parallelism %u of its stored state: lower it to %u or less (-p %u)",
				      who, parallelism, max, max, max);
	*out_max = max;
	return 0;
}

/* ---- keyed state ---- */
uint32_t weir_assign_keyed(const struct weir_operator_state *stored, bool raw, uint32_t parallelism, uint32_t index, struct weir_assign_keyed *out,
			   uint32_t cap)
{
	struct weir_key_group_range mine = weir_key_group_range_of(stored->max_parallelism, parallelism, index);
	uint32_t n = 0;

	for (uint32_t i = 0; i < stored->nsubtasks; i++) {
		const struct weir_subtask_state *s = &stored->subtasks[i];
		const struct weir_keyed_handle *h = raw ? &s->raw_keyed : &s->managed_keyed;
		int64_t first = h->groups.first, last = first + (int64_t)h->groups.count - 1;

		if (h->kind == WEIR_KEYED_NONE)
			continue;
		first = first > mine.first ? first : mine.first;
		last = last < mine.last ? last : mine.last;
		if (first > last)
			continue;
		if (n < cap)
			out[n] = (struct weir_assign_keyed){ s->index, h, { (uint32_t)first, (uint32_t)last } };
		n++;
	}
	return n;
}

/* ---- the order of Java's HashMap<String, ...> ---- */
/* String.hashCode of modified UTF-8 (ordinary 4-byte characters count as their surrogate pair). */
static int32_t java_string_hash(struct weir_slice s)
{
	uint32_t h = 0;

	for (size_t i = 0; i < s.len;) {
		uint32_t c = s.ptr[i], more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (i + more >= s.len)
			more = 0;
		if (more)
			c &= 0x3fu >> more;
		for (uint32_t k = 1; k <= more; k++)
			c = c << 6 | (s.ptr[i + k] & 0x3fu);
		i += 1 + more;
		if (c >= 0x10000) {
			h = 31 * h + (0xd800 + ((c - 0x10000) >> 10 & 0x3ff));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		h = 31 * h + c;
	}
	return (int32_t)h;
}

struct place {
	uint32_t bin, at, item; /* sorted by bin, then at */
	uint32_t spread;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->bin != y->bin)
		return x->bin < y->bin ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/*
 * Sort places[0..n), given in order of insertion with `item` and the hash code in `spread`, into the iteration order of a
 * HashMap. Two ways to fill it: put() into a map of initial capacity `cap` appends to a bin and grows after an insertion;
 * computeIfAbsent() prepends and grows before it looks, so also
 * when it then finds the key: `again` says that it was called after the last insertion. A bin that gets long in a small table makes it grow, too. (Bins that have
 * become trees, nine names of one bin in a table of 64 or more, may be walked in another order there; here they are not.)
 */
static void java_map_order(struct place *places, uint32_t n, uint32_t cap, bool prepend, bool again)
{
	uint32_t size = 0, power = 1;

	while (power < cap && power < 1u << 30)
		power *= 2;
	cap = power;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t same = 0, h = places[i].spread;

		places[i].spread = h ^ h >> 16;
		if (prepend && size > cap / 4 * 3)
			cap *= 2;
		for (uint32_t k = 0; cap < 64 && k < i; k++)
			same += ((places[k].spread ^ places[i].spread) & (cap - 1)) == 0;
		if (cap < 64 && same >= (prepend ? 7u : 8u))
			cap *= 2;
		size++;
		if (!prepend && size > (uint32_t)((uint64_t)cap * 3 / 4))
			cap *= 2;
	}
	if (again && size > cap / 4 * 3)
		cap *= 2;
	for (uint32_t i = 0; i < n; i++) {
		places[i].bin = places[i].spread & (cap - 1);
		places[i].at = prepend ? n - i : i;
	}
	qsort(places, n, sizeof(*places), compare_places);
}

/* The initial capacity that Flink's metadata reader gives the map of a handle (CollectionUtil.newHashMapWithExpectedSize). */
static uint32_t capacity_for(uint32_t n)
{
	uint32_t room = n < 1u << 29 ? (uint32_t)((float)n / 0.75f) : 1u << 30;

	return n <= 2 ? n + 1 : room + ((float)room < (float)n / 0.75f);
}

/* ---- making the plan ---- */
struct maker {
	struct weir_assign_plan *plan;
	struct entry *unsorted;
	uint32_t nentries;
	uint32_t *table, mask; /* open addressing: group + 1 */
	struct place *places;  /* scratch, one per list */
	bool again[WEIR_BROADCAST + 1]; /* by mode: a list of a known group came after the last new group */
};

static const struct weir_operator_handle *handle_of(const struct weir_subtask_state *s, bool raw)
{
	return raw ? &s->raw_operator : &s->managed_operator;
}

static int compare_subtasks(const void *a, const void *b)
{
	const struct weir_subtask_state *x = *(const struct weir_subtask_state *const *)a, *y = *(const struct weir_subtask_state *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Subtasks by number: Flink asks for them 0, 1, 2... whatever their order in the file. */
static int order_subtasks(const struct weir_operator_state *o, bool raw, struct weir_arena *mem, const struct weir_subtask_state ***out, struct weir_error *err)
{
	const struct weir_subtask_state **s = weir_arena_alloc(mem, (o->nsubtasks + (size_t)1) * sizeof(*s), _Alignof(void *));
	char who[80];

	if (!s)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for %u subtasks", o->nsubtasks);
	operator_label(o, who);
	for (uint32_t i = 0; i < o->nsubtasks; i++)
		s[i] = &o->subtasks[i];
	qsort(s, o->nsubtasks, sizeof(*s), compare_subtasks);
	for (uint32_t i = 0; i < o->nsubtasks; i++) {
		const struct weir_operator_handle *h = handle_of(s[i], raw);

		if (s[i]->index >= o->parallelism)
			return weir_error_set(err, WEIR_ECORRUPT, "operator '%s': stored state of subtask %u, but its parallelism is %u", who, s[i]->index,
					      o->parallelism);
		if (i > 0 && s[i]->index == s[i - 1]->index)
			return weir_error_set(err, WEIR_ECORRUPT, "operator '%s': subtask %u is stored twice", who, s[i]->index);
		for (uint32_t k = 0; h->present && k < h->nlists; k++)
			if ((unsigned)h->lists[k].mode > WEIR_BROADCAST)
				return weir_error_set(err, WEIR_ECORRUPT, "operator '%s': list %u of subtask %u has distribution mode %d, above 2", who, k,
						      s[i]->index, (int)h->lists[k].mode);
	}
	*out = s;
	return 0;
}

/* The slot of (name, mode): either its group + 1 or 0 where it belongs. */
static uint32_t *find_group(struct maker *m, const struct weir_operator_list *l)
{
	uint64_t at = weir_xxh3_seed(l->name.ptr, l->name.len, (uint64_t)l->mode);

	for (;; at++) {
		uint32_t *slot = &m->table[at & m->mask];
		const struct group *g = *slot ? &m->plan->groups[*slot - 1] : NULL;

		if (!g || (g->mode == l->mode && weir_slice_eq(g->name, l->name)))
			return slot;
	}
}

static void add_handle(struct maker *m, const struct weir_subtask_state *s, const struct weir_operator_handle *h)
{
	struct weir_assign_plan *p = m->plan;
	uint32_t fresh = 0;

	/* Names seen for the first time become groups in the order in which Flink's map of this handle yields them. */
	for (uint32_t i = 0; i < h->nlists; i++) {
		fresh += *find_group(m, &h->lists[i]) == 0;
		m->again[h->lists[i].mode] = true;
	}
	if (fresh) {
		for (uint32_t i = 0; i < h->nlists; i++)
			m->places[i] = (struct place){ .item = i, .spread = (uint32_t)java_string_hash(h->lists[i].name) };
		java_map_order(m->places, h->nlists, capacity_for(h->nlists), false, false);
		for (uint32_t i = 0; i < h->nlists; i++) {
			const struct weir_operator_list *l = &h->lists[m->places[i].item];
			uint32_t *slot = find_group(m, l);

			m->again[l->mode] = *slot != 0;
			if (*slot)
				continue;
			p->groups[p->ngroups] = (struct group){ .name = l->name, .mode = l->mode, .java_hash = java_string_hash(l->name) };
			*slot = ++p->ngroups;
		}
	}
	for (uint32_t i = 0; i < h->nlists; i++) {
		uint32_t g = *find_group(m, &h->lists[i]) - 1;

		m->unsorted[m->nentries++] = (struct entry){ s->index, h, &h->lists[i], p->groups[g].total, g };
		p->groups[g].total += h->lists[i].count;
		p->groups[g].count++;
	}
}

/* Put entries of a group side by side; they are in order of subtasks already. */
static void sort_entries(struct maker *m)
{
	struct weir_assign_plan *p = m->plan;
	uint32_t at = 0;

	for (uint32_t g = 0; g < p->ngroups; g++) {
		p->groups[g].first = at;
		at += p->groups[g].count;
		p->groups[g].count = 0;
	}
	for (uint32_t i = 0; i < m->nentries; i++) {
		struct group *g = &p->groups[m->unsorted[i].group];

		p->entries[g->first + g->count++] = m->unsorted[i];
	}
}

static void order_groups(struct maker *m, struct group *sorted)
{
	static const enum weir_distribution modes[] = { WEIR_SPLIT_DISTRIBUTE, WEIR_UNION, WEIR_BROADCAST };
	struct weir_assign_plan *p = m->plan;
	uint32_t done = 0;

	for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
		uint32_t n = 0;

		for (uint32_t g = 0; g < p->ngroups; g++)
			if (p->groups[g].mode == modes[k])
				m->places[n++] = (struct place){ .item = g, .spread = (uint32_t)p->groups[g].java_hash };
		java_map_order(m->places, n, 16, true, m->again[modes[k]]);
		for (uint32_t i = 0; i < n; i++)
			sorted[done++] = p->groups[m->places[i].item];
	}
	p->groups = sorted;
	p->ngroups = done;
}

static void choose_dealing(struct weir_assign_plan *p, uint32_t old_parallelism)
{
	bool same = p->parallelism == old_parallelism;
	uint32_t start = 0;

	for (uint32_t i = 0; i < p->ngroups; i++) {
		struct group *g = &p->groups[i];

		if (g->mode == WEIR_UNION) {
			g->dealing = DEAL_ALL;
		} else if (g->mode == WEIR_BROADCAST) {
			g->dealing = same && g->count == old_parallelism ? DEAL_IN_PLACE : DEAL_ONE_COPY;
		} else if (same) {
			g->dealing = DEAL_IN_PLACE;
		} else {
			g->dealing = DEAL_RUNS;
			g->start = start;
			start = (uint32_t)((start + g->total % p->parallelism) % p->parallelism);
		}
	}
}

int weir_assign_plan_new(const struct weir_operator_state *stored, bool raw, uint32_t parallelism, struct weir_arena *mem, struct weir_assign_plan **out,
			 struct weir_error *err)
{
	const struct weir_subtask_state **subtasks = NULL;
	struct maker m = { 0 };
	struct group *sorted;
	size_t lists = 0, slots = 8;
	int code;

	if (parallelism < 1)
		return weir_error_set(err, WEIR_EINVALID, "parallelism 0: give 1 or more");
	code = order_subtasks(stored, raw, mem, &subtasks, err);
	if (code)
		return code;
	for (uint32_t i = 0; i < stored->nsubtasks; i++)
		if (handle_of(subtasks[i], raw)->present)
			lists += handle_of(subtasks[i], raw)->nlists;
	while (slots < 2 * lists)
		slots *= 2;
	m.plan = lists < UINT32_MAX / 4 ? weir_arena_zero(mem, sizeof(*m.plan)) : NULL;
	sorted = m.plan ? weir_arena_zero(mem, (lists + 1) * sizeof(*sorted)) : NULL;
	m.unsorted = sorted ? weir_arena_zero(mem, (lists + 1) * sizeof(*m.unsorted)) : NULL;
	m.places = m.unsorted ? weir_arena_zero(mem, (lists + 1) * sizeof(*m.places)) : NULL;
	m.table = m.places ? weir_arena_zero(mem, slots * sizeof(*m.table)) : NULL;
	if (m.table) {
		m.plan->groups = weir_arena_zero(mem, (lists + 1) * sizeof(struct group));
		m.plan->entries = weir_arena_zero(mem, (lists + 1) * sizeof(struct entry));
	}
	if (!m.table || !m.plan->groups || !m.plan->entries)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for %zu operator state lists", lists);
	m.mask = (uint32_t)slots - 1;
	m.plan->parallelism = parallelism;
	for (uint32_t i = 0; i < stored->nsubtasks; i++)
		if (handle_of(subtasks[i], raw)->present)
			add_handle(&m, subtasks[i], handle_of(subtasks[i], raw));
	sort_entries(&m);
	order_groups(&m, sorted);
	choose_dealing(m.plan, stored->parallelism);
	*out = m.plan;
	return 0;
}

/* ---- asking the plan ---- */
struct pieces {
	struct weir_assign_piece *out;
	uint32_t cap, n;
};

static void give(struct pieces *to, const struct entry *e, uint32_t first, uint32_t count)
{
	if (to->n < to->cap)
		to->out[to->n] = (struct weir_assign_piece){ e->old_subtask, e->handle, e->list, first, count };
	to->n++;
}

static void give_run(const struct weir_assign_plan *p, const struct group *g, uint32_t index, struct pieces *to)
{
	uint64_t turn = (index + (uint64_t)p->parallelism - g->start) % p->parallelism;
	uint64_t base = g->total / p->parallelism, rest = g->total % p->parallelism;
	uint64_t from = turn * base + (turn < rest ? turn : rest), until = from + base + (turn < rest);
	const struct entry *e = p->entries + g->first;
	uint32_t lo = 0, hi = g->count;

	while (lo < hi) { /* the first entry that ends after `from` */
		uint32_t mid = lo + (hi - lo) / 2;

		if (e[mid].before + e[mid].list->count <= from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < g->count && e[lo].before < until; lo++) {
		uint64_t a = e[lo].before > from ? e[lo].before : from, b = e[lo].before + e[lo].list->count;

		b = b < until ? b : until;
		if (a < b)
			give(to, &e[lo], (uint32_t)(a - e[lo].before), (uint32_t)(b - a));
	}
}

static void give_own(const struct weir_assign_plan *p, const struct group *g, uint32_t index, struct pieces *to)
{
	const struct entry *e = p->entries + g->first;
	uint32_t lo = 0, hi = g->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (e[mid].old_subtask < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < g->count && e[lo].old_subtask == index; lo++)
		give(to, &e[lo], 0, e[lo].list->count);
}

uint32_t weir_assign_plan_pieces(const struct weir_assign_plan *p, uint32_t index, struct weir_assign_piece *out, uint32_t cap)
{
	struct pieces to = { out, cap, 0 };

	for (uint32_t i = 0; i < p->ngroups; i++) {
		const struct group *g = &p->groups[i];
		const struct entry *e = p->entries + g->first;

		switch (g->dealing) {
		case DEAL_IN_PLACE: give_own(p, g, index, &to); break;
		case DEAL_RUNS: give_run(p, g, index, &to); break;
		case DEAL_ALL:
			for (uint32_t k = 0; k < g->count; k++)
				give(&to, &e[k], 0, e[k].list->count);
			break;
		case DEAL_ONE_COPY: give(&to, &e[index % g->count], 0, e[index % g->count].list->count); break;
		}
	}
	return to.n;
}
