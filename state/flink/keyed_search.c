/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where do values end whose serializer weir does not know? In a HEAP key group nothing says so. But the whole group must come out: each next entry begins
 * with a namespace and a key that decode, and whose Java hash leads to this very key group; every state has one section with an exact count;
 * and the last one ends where the group ends. So the rest of the group is searched for all ways to take it apart, and only a single way counts.
 *
 * 1. For a state, the positions where an entry may begin (`places`) depend on nothing else, so they are found once.
 * 2. Chains of exactly `count` places are counted, not listed: ways[i][j] is the number of chains whose entry i begins at place i + j, at most 2. With n
 *    places only j <= n - count can occur.
 * 3. Work is bounded by `budget`; a body that needs more is left as it is. No recursion deeper than MAX_DEPTH sections with unknown values.
 * Pure. Memory from the group's arena.
 */
#include "state/flink/keyed_priv.h"

#include <stdlib.h>

enum { MAX_DEPTH = 32, MAX_BODY = 64 * 1024 * 1024, BUDGET = 32 * 1000 * 1000, STEP_LIMIT = 64 * 1024 };

#define NO_ANSWER "where its values end cannot be told: their serializer is not known to weir, and the keys that follow do not decide it"
#define NO_WAY "its values have a serializer that is not known to weir, and no way was found to tell where they end"
#define TOO_MUCH "its values have a serializer that is not known to weir, and there are too many places where they may end"

struct place {
	uint32_t pos, value; /* of the entry, and of its value */
	uint32_t end;        /* of the value, where it says so itself (Kryo); 0: not known */
};

struct places {
	bool found;
	uint32_t n;
	struct place *at;
};

struct search {
	struct weir__keyed_group *g;
	struct weir_slice body;
	uint8_t *seen;
	struct places *places;   /* by state */
	struct weir_arena *mem, keys;
	int64_t budget;
	bool too_much, no_memory;
};

static bool spend(struct search *s, int64_t work)
{
	s->budget -= work;
	if (s->budget < 0)
		s->too_much = true;
	return !s->too_much;
}

/* Could a Kryo value begin here? writeClassAndObject: 0 = null, 1 = class by name, n = registered class n - 2. */
static bool kryo_begins(const uint8_t *p, size_t left)
{
	if (p[0] != 1)
		return true;
	if (left < 3 || p[1] != 0)
		return false;
	for (size_t i = 2; i < left && i < 300; i++) { /* ASCII, the last character with its top bit set */
		uint8_t c = p[i] & 0x7f;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '$' || c == '[' || c == ';'))
			return false;
		if (p[i] & 0x80)
			return i > 2;
	}
	return false;
}

static bool value_begins(const struct weir_type *t, const uint8_t *p, size_t left)
{
	if (left == 0)
		return false;
	if (t->java && strstr(t->java, "KryoSerializerSnapshot"))
		return kryo_begins(p, left);
	if (t->kind == WEIR_LIST || t->kind == WEIR_MAP)
		return left >= 4 && weir_be32(p) <= left;
	return true;
}

/* Step over a namespace that could be one: VoidNamespace writes 0, a window does not end before it starts. */
static bool skip_ns(const struct weir_type *ns, struct weir_src *src)
{
	struct weir_src at = *src;

	if (ns->kind == WEIR_VOID && weir_src_left(src) && *src->p != 0)
		return false;
	if (ns->kind == WEIR_TIME_WINDOW) {
		int64_t start = weir_src_i64(&at), end = weir_src_i64(&at);

		if (start > end)
			return false;
	}
	return weir_type_skip(ns, src) == 0;
}

/* Where a value ends that can be stepped over although its serializer does not promise it; 0: cannot. Looks at no more than STEP_LIMIT bytes. */
static uint32_t value_end(struct search *s, const struct weir_type *t, const struct weir_src *from, uint32_t pos)
{
	struct weir_src src = *from;

	if (t->kind == WEIR_OPAQUE || !spend(s, 64))
		return 0;
	if (weir_src_left(&src) > STEP_LIMIT)
		src.end = src.p + STEP_LIMIT;
	return weir_type_skip(t, &src) == 0 ? (uint32_t)(src.p - src.base) + pos : 0;
}

static bool entry_begins(struct search *s, const struct weir_keyed_state_meta *m, uint32_t pos, struct place *out)
{
	struct weir_slice rest = { s->body.ptr + pos, s->body.len - pos };
	struct weir_src src = weir_src_of(rest, NULL, 0);
	const uint8_t *key;
	uint32_t group;

	if (!skip_ns(m->ns, &src))
		return false;
	key = src.p;
	if (weir_type_skip(s->g->meta->key, &src) != 0 || !value_begins(m->stored, src.p, weir_src_left(&src)))
		return false;
	if (weir_keyed_group_of(s->g->meta->key, (struct weir_slice){ key, (size_t)(src.p - key) }, s->g->max_parallelism, &s->keys, &group) &&
	    group != (uint32_t)s->g->key_group)
		return false;
	*out = (struct place){ pos, (uint32_t)(src.p - src.base) + pos, value_end(s, m->stored, &src, pos) };
	return true;
}

/* Keys whose types are unknown cannot be looked for. */
static bool searchable(const struct search *s, uint32_t state)
{
	const struct weir_keyed_state_meta *m = &s->g->meta->states[state];

	return m->kind != WEIR_STATE_TIMER && !weir__keyed_is_opaque(s->g->meta->key) && !weir__keyed_is_opaque(m->ns);
}

static const struct places *find_places(struct search *s, uint32_t state)
{
	struct places *p = &s->places[state];
	uint32_t cap = 0;

	if (p->found)
		return p;
	if (!spend(s, (int64_t)s->body.len * 8))
		return NULL;
	for (uint32_t pos = 0; pos < s->body.len; pos++) {
		struct place place;

		if (!entry_begins(s, &s->g->meta->states[state], pos, &place))
			continue;
		if (p->n == cap) {
			struct place *more = weir_arena_alloc(s->mem, (cap ? cap * 2 : 64) * sizeof(*more), 8);

			if (!more) {
				s->no_memory = true;
				return NULL;
			}
			if (cap)
				memcpy(more, p->at, cap * sizeof(*more));
			p->at = more;
			cap = cap ? cap * 2 : 64;
		}
		p->at[p->n++] = place;
	}
	p->found = true;
	return p;
}

/* May the entry at `place` end at `end`? */
static bool may_end(const struct place *place, uint32_t end)
{
	return place->value < end && (!place->end || place->end == end);
}

/* ---- chains of exactly `count` entries in one section ---- */

struct chains {
	const struct place *at;  /* place 0 is where the section's first entry begins */
	uint32_t count, width;   /* width: n - count + 1 */
	uint8_t *ways;           /* count x width */
};

static bool count_chains(struct search *s, const struct places *p, uint32_t start, uint32_t count, struct chains *c)
{
	uint32_t lo = 0, hi = p->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->at[mid].pos < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == p->n || p->at[lo].pos != start || p->n - lo < count)
		return false;
	c->at = p->at + lo;
	c->count = count;
	c->width = p->n - lo - count + 1;
	if (!spend(s, (int64_t)count * c->width) || !spend(s, (int64_t)count * c->width * c->width / 2))
		return false;
	c->ways = weir_arena_zero(s->mem, (size_t)count * c->width);
	if (!c->ways) {
		s->no_memory = true;
		return false;
	}
	c->ways[0] = 1;
	for (uint32_t i = 1; i < count; i++) {
		const uint8_t *from = c->ways + (size_t)(i - 1) * c->width;
		uint8_t *to = c->ways + (size_t)i * c->width;

		for (uint32_t j = 0; j < c->width; j++)
			for (uint32_t k = 0; k <= j && to[j] < 2; k++)
				if (from[k] && may_end(&c->at[i - 1 + k], c->at[i + j].pos))
					to[j] = (uint8_t)(to[j] + from[k] > 2 ? 2 : to[j] + from[k]);
	}
	return true;
}

/* Chains whose last value ends at `end`. */
static uint32_t chains_to(const struct chains *c, uint32_t end)
{
	const uint8_t *last = c->ways + (size_t)(c->count - 1) * c->width;
	uint32_t n = 0;

	for (uint32_t j = 0; j < c->width && n < 2; j++)
		if (last[j] && may_end(&c->at[c->count - 1 + j], end))
			n += last[j];
	return n < 2 ? n : 2;
}

/* The only chain that ends at `end`. */
static bool trace_chain(struct search *s, const struct chains *c, uint32_t end, struct weir__keyed_section *sec)
{
	uint32_t next = end, top = c->width - 1;

	sec->starts = weir_arena_alloc(s->mem, ((size_t)c->count + 1) * sizeof(*sec->starts), 4);
	if (!sec->starts) {
		s->no_memory = true;
		return false;
	}
	sec->starts[c->count] = end;
	for (uint32_t i = c->count; i-- > 0;) {
		const uint8_t *ways = c->ways + (size_t)i * c->width;
		uint32_t j = 0;

		while (j <= top && !(ways[j] && may_end(&c->at[i + j], next)))
			j++;
		if (j > top)
			return false;
		sec->starts[i] = next = c->at[i + j].pos;
		top = j;
	}
	return true;
}

/* ---- sections ---- */

static uint32_t solve(struct search *s, uint32_t pos, uint32_t nseen, uint32_t depth, struct weir__keyed_section **out);

/* A header at pos of a state not seen yet? */
static bool header_at(const struct search *s, uint32_t pos, uint32_t *state, uint32_t *count)
{
	if (s->body.len - pos < 6)
		return false;
	*state = (uint32_t)s->body.ptr[pos] << 8 | s->body.ptr[pos + 1];
	*count = weir_be32(s->body.ptr + pos + 2);
	return *state < s->g->meta->nstates && !s->seen[*state] && *count <= s->body.len - pos - 6;
}


/* Step over a key, which must belong to this key group. */
static bool skip_key(struct search *s, const struct weir_type *key, struct weir_src *src)
{
	const uint8_t *from = src->p;
	uint32_t group;

	if (weir_type_skip(key, src) != 0)
		return false;
	return !weir_keyed_group_of(key, (struct weir_slice){ from, (size_t)(src->p - from) }, s->g->max_parallelism, &s->keys, &group) ||
	       group == (uint32_t)s->g->key_group;
}

static bool skip_plain(struct search *s, uint32_t state, uint32_t count, uint32_t *pos)
{
	const struct weir_keyed_state_meta *m = &s->g->meta->states[state];
	struct weir_src src = weir_src_of((struct weir_slice){ s->body.ptr + *pos, s->body.len - *pos }, NULL, 0);
	const struct weir_type *t = m->stored;

	if (!spend(s, count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		bool good;

		if (m->kind == WEIR_STATE_TIMER) {
			weir_src_u64(&src);
			good = skip_key(s, t->fields[0].type, &src) && skip_ns(t->fields[1].type, &src);
		} else {
			good = skip_ns(m->ns, &src) && skip_key(s, s->g->meta->key, &src) && weir_type_skip(t, &src) == 0;
		}
		if (!good || src.code)
			return false;
	}
	*pos += (uint32_t)(src.p - src.base);
	return true;
}

/* The entries of an undelimited section, and every way to go on behind them. */
static uint32_t solve_undelimited(struct search *s, struct weir__keyed_section *sec, uint32_t nseen, uint32_t depth)
{
	bool last = nseen == s->g->meta->nstates;
	struct chains c = { 0 };
	struct weir__keyed_section *found = NULL, *rest = NULL;
	const struct places *p = searchable(s, sec->state) ? find_places(s, sec->state) : NULL;
	uint32_t total = 0, end = 0;

	if (!p || !count_chains(s, p, sec->start, sec->count, &c))
		return 0;
	for (uint32_t q = last ? (uint32_t)s->body.len : c.at[c.count - 1].value + 1; q <= s->body.len && total < 2 && !s->too_much; q++) {
		uint32_t state, count, ways, behind;

		if (!spend(s, 1))
			break;
		if (!last && !header_at(s, q, &state, &count))
			continue;
		ways = chains_to(&c, q);
		behind = ways ? solve(s, q, nseen, depth + 1, &rest) : 0;
		if (!behind)
			continue;
		total += ways * behind;
		found = rest;
		end = q;
	}
	if (s->too_much || s->no_memory || total != 1)
		return total < 2 ? total && !s->too_much : 2;
	sec->next = found;
	return trace_chain(s, &c, end, sec) ? 1 : 0;
}

/* In how many ways (0, 1, 2 = more) can [pos, end) be taken apart? *out: the sections, when it is 1. */
static uint32_t solve(struct search *s, uint32_t pos, uint32_t nseen, uint32_t depth, struct weir__keyed_section **out)
{
	struct weir__keyed_section *first = NULL, **link = &first, *sec;
	uint32_t ways = 0, from = nseen;

	if (depth > MAX_DEPTH)
		s->too_much = true;
	while (!s->too_much && !s->no_memory) {
		uint32_t state, count;

		if (nseen == s->g->meta->nstates) {
			ways = pos == s->body.len;
			break;
		}
		if (!header_at(s, pos, &state, &count))
			break;
		sec = weir_arena_zero(s->mem, sizeof(*sec));
		if (!sec) {
			s->no_memory = true;
			break;
		}
		sec->state = state;
		sec->count = count;
		sec->start = pos = pos + 6;
		*link = sec;
		link = &sec->next;
		s->seen[state] = 1;
		nseen++;
		if (count && weir__keyed_undelimited(s->g->meta, state)) {
			ways = solve_undelimited(s, sec, nseen, depth);
			break;
		}
		if (!skip_plain(s, state, count, &pos))
			break;
	}
	sec = first;
	for (; from < nseen; from++, sec = sec->next) /* only the sections of this call */
		s->seen[sec->state] = 0;
	*out = first;
	return ways;
}

int weir__keyed_search(struct weir__keyed_group *g, struct weir_slice body, const uint8_t *seen, struct weir__keyed_section **out, const char **why)
{
	struct search s = { .g = g, .body = body, .mem = &g->scratch, .budget = BUDGET };
	uint32_t nseen = 0, ways = 0;

	s.seen = weir_arena_copy(&g->scratch, seen, g->meta->nstates + 1);
	s.places = weir_arena_zero(&g->scratch, (g->meta->nstates + 1) * sizeof(*s.places));
	if (!s.seen || !s.places)
		return WEIR_ENOMEM;
	for (uint32_t i = 0; i < g->meta->nstates; i++)
		nseen += seen[i];
	if (body.len > MAX_BODY)
		s.too_much = true;
	else
		ways = solve(&s, 0, nseen, 0, out);
	weir_arena_fini(&s.keys);
	if (s.no_memory)
		return WEIR_ENOMEM;
	*why = s.too_much ? TOO_MUCH : ways == 1 ? NULL : ways ? NO_ANSWER : NO_WAY;
	return 0;
}
