// SPDX-License-Identifier: Apache-2.0
/*
 * Building and keeping indexes.
 *
 * 1. One lock guards the cache. An index is built outside of it by the thread that asked first; others who want the same wait for it.
 * 2. What somebody holds is never freed; beyond the budget the least recently used of the rest go.
 * 3. Copies of entries: a view hands out bytes for the time of a call only.
 */
#include "fusefs/index.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/vec.h"
#include "statetool/pick.h"

struct cell {
	struct weir_index x; /* first: weir_index_put gets this */
	uint32_t slot, state, group;
	uint32_t refs;
	bool building;
	uint64_t used;
	struct cell *next;
};

#define BUCKETS 1024u
struct weir_index_cache {
	pthread_mutex_t lock;
	pthread_cond_t built;
	struct cell *buckets[BUCKETS];
	uint64_t bytes, budget, clock;
};

struct weir_index_cache *weir_index_cache_new(uint64_t budget_bytes)
{
	struct weir_index_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->built, NULL);
	c->budget = budget_bytes;
	return c;
}

static void free_cell(struct cell *e)
{
	weir_arena_fini(&e->x.mem);
	free(e->x.entries);
	free(e->x.leaves);
	free(e->x.by_hash);
	free(e->x.buckets);
	free(e);
}

void weir_index_cache_free(struct weir_index_cache *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < BUCKETS; i++)
		while (c->buckets[i]) {
			struct cell *next = c->buckets[i]->next;

			free_cell(c->buckets[i]);
			c->buckets[i] = next;
		}
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->built);
	free(c);
}

uint64_t weir_index_cache_bytes(struct weir_index_cache *c)
{
	uint64_t n;

	pthread_mutex_lock(&c->lock);
	n = c->bytes;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* ---- building ---- */
struct gathering {
	WEIR_VEC(struct weir_entry) v;
	struct weir_arena *mem;
	bool whole;
	struct weir_error *err;
};

static bool keep(struct weir_arena *mem, struct weir_slice *s)
{
	uint8_t *p;

	if (!s->ptr)
		return true;
	p = weir_arena_alloc(mem, s->len + 1, 1);
	if (p && s->len)
		memcpy(p, s->ptr, s->len);
	s->ptr = p;
	return p != NULL;
}

static int gather(void *arg, const struct weir_entry *e)
{
	struct gathering *g = arg;
	struct weir_entry *to;

	if (e->undecodable && e->state->op && weir_state_is_keyed(e->state->kind) && weir_operator_unreadable(e->state->op))
		return weir_error_set(g->err, WEIR_EUNSUPPORTED, "this keyed state is stored as %s, which this version does not read", weir_operator_unreadable(e->state->op));
	if (g->v.len >= (g->whole ? 4 * WEIR_LEAVES_MAX : UINT32_MAX))
		return weir_error_set(g->err, WEIR_EUNSUPPORTED, g->whole ? "more entries than can be shown in this order; by-key/ and all.jsonl have them" : "more entries in one key group than can be shown");
	to = weir_vec_push(&g->v);
	if (!to)
		return WEIR_ENOMEM;
	*to = *e;
	if (e->undecodable)
		to->undecodable = weir_arena_text(g->mem, e->undecodable, strlen(e->undecodable));
	return keep(g->mem, &to->key) && keep(g->mem, &to->ns) && keep(g->mem, &to->user_key) && keep(g->mem, &to->value) ? 0 : WEIR_ENOMEM;
}

static int slice_cmp(struct weir_slice a, struct weir_slice b)
{
	int c = memcmp(a.ptr ? a.ptr : (const uint8_t *)"", b.ptr ? b.ptr : (const uint8_t *)"", a.len < b.len ? a.len : b.len);

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int entry_cmp(const void *x, const void *y)
{
	const struct weir_entry *a = x, *b = y;
	int c;

	if (!a->key.ptr != !b->key.ptr) /* what has no key comes last */
		return a->key.ptr ? -1 : 1;
	if (a->timestamp != b->timestamp)
		return a->timestamp < b->timestamp ? -1 : 1;
	c = slice_cmp(a->key, b->key);
	if (!c)
		c = slice_cmp(a->ns, b->ns);
	return c ? c : slice_cmp(a->user_key, b->user_key);
}

int64_t weir_timer_hour(int64_t ms) { return ms / WEIR_HOUR_MS - (ms % WEIR_HOUR_MS < 0); }

bool weir_state_has_buckets(const struct weir_state_info *s)
{
	return weir_state_is_timer(s->kind) || s->kind == WEIR_STATE_OPERATOR_LIST || s->kind == WEIR_STATE_OPERATOR_UNION || s->kind == WEIR_STATE_BROADCAST ||
	       (weir_state_is_keyed(s->kind) && s->ns && s->ns->kind == WEIR_TIME_WINDOW);
}

/* Which of two entries has the earlier bucket. */
static int bucket_cmp(const struct weir_entry *a, const struct weir_entry *b)
{
	int64_t x = a->subtask, y = b->subtask;

	if (weir_state_is_timer(a->state->kind)) {
		x = weir_timer_hour(a->timestamp);
		y = weir_timer_hour(b->timestamp);
	} else if (weir_state_is_keyed(a->state->kind)) {
		return slice_cmp(a->ns, b->ns);
	}
	return (x > y) - (x < y);
}

static int whole_cmp(const void *x, const void *y)
{
	const struct weir_entry *a = x, *b = y;
	int c = bucket_cmp(a, b);

	if (c)
		return c;
	if (!weir_state_is_keyed(a->state->kind) && !a->user_key.ptr)
		return (a->index > b->index) - (a->index < b->index);
	return entry_cmp(x, y);
}

static bool same_leaf(const struct weir_entry *a, const struct weir_entry *b)
{
	return a->key.ptr && b->key.ptr && weir_slice_eq(a->key, b->key) && weir_slice_eq(a->ns, b->ns);
}

static int hash_cmp(const void *x, const void *y, void *arg)
{
	const struct weir_leaf *leaves = arg;
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	uint64_t ha = leaves[a].hash >> 48, hb = leaves[b].hash >> 48;

	return ha != hb ? (ha < hb ? -1 : 1) : (a > b) - (a < b);
}

static int make_leaves(struct weir_index *x, struct weir_error *err)
{
	x->leaves = calloc(x->nentries + 1u, sizeof(*x->leaves));
	if (!x->leaves)
		return WEIR_ENOMEM;
	for (uint32_t i = 0; i < x->nentries; i++) {
		struct weir_leaf *l = &x->leaves[x->nleaves];

		if (x->nleaves && same_leaf(&x->entries[i], &x->entries[l[-1].first])) {
			l[-1].count++;
			continue;
		}
		*l = (struct weir_leaf){ .first = i, .count = 1, .hash = weir_xxh3(x->entries[i].key.ptr ? x->entries[i].key.ptr : (const uint8_t *)"", x->entries[i].key.len) };
		x->nleaves++;
	}
	if (x->nleaves >= WEIR_LEAVES_MAX)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "%u keys in one place; %u can be shown as files (all.jsonl has all of them)", x->nleaves, WEIR_LEAVES_MAX - 1);
	x->depth = x->nleaves <= WEIR_SHARD_LEAVES ? 0 : x->nleaves <= WEIR_SHARD_LEAVES * 256u ? 1 : 2;
	if (x->depth == 0)
		return 0;
	x->by_hash = malloc(x->nleaves * sizeof(*x->by_hash));
	if (!x->by_hash)
		return WEIR_ENOMEM;
	for (uint32_t i = 0; i < x->nleaves; i++)
		x->by_hash[i] = i;
	qsort_r(x->by_hash, x->nleaves, sizeof(*x->by_hash), hash_cmp, x->leaves);
	return 0;
}

static int make_buckets(struct weir_index *x)
{
	x->buckets = calloc(x->nleaves + 1u, sizeof(*x->buckets));
	if (!x->buckets)
		return WEIR_ENOMEM;
	for (uint32_t i = 0; i < x->nleaves; i++)
		if (i == 0 || bucket_cmp(&x->entries[x->leaves[i - 1].first], &x->entries[x->leaves[i].first]) != 0)
			x->buckets[x->nbuckets++] = i;
	x->buckets[x->nbuckets] = x->nleaves;
	return 0;
}

static int build(struct weir_index *x, struct weir_view *v, uint32_t state, uint32_t group, struct weir_error *err)
{
	const struct weir_state_info *s = weir_view_state(v, state);
	struct gathering g = { .mem = &x->mem, .whole = group == WEIR_GROUP_WHOLE, .err = err };
	struct weir_scan scan = WEIR_SCAN_ALL;
	int rc;

	scan.state = s;
	if (weir_state_is_keyed(s->kind) && !g.whole)
		scan.key_group = (int32_t)group;
	rc = weir_view_scan(v, &scan, gather, &g, err);
	x->entries = g.v.items;
	x->nentries = (uint32_t)g.v.len;
	if (rc == 0 && x->nentries && (g.whole || weir_state_is_keyed(s->kind)))
		qsort(x->entries, x->nentries, sizeof(*x->entries), g.whole ? whole_cmp : entry_cmp);
	if (rc == 0)
		rc = make_leaves(x, err);
	if (rc == 0 && g.whole)
		rc = make_buckets(x);
	x->bytes = x->mem.total + g.v.cap * sizeof(struct weir_entry) + (x->nentries + 1u) * sizeof(struct weir_leaf) + (x->by_hash ? x->nleaves * 4u : 0);
	return rc == WEIR_ENOMEM ? weir_error_set(err, rc, "out of memory for the entries of key group %u", group) : rc;
}

/* ---- cache ---- */
static uint32_t bucket_of(uint32_t slot, uint32_t state, uint32_t group)
{
	return (uint32_t)(weir_hash_u64((uint64_t)slot << 48 ^ (uint64_t)state << 24 ^ group) % BUCKETS);
}

static void unlink_cell(struct weir_index_cache *c, struct cell *e)
{
	struct cell **at = &c->buckets[bucket_of(e->slot, e->state, e->group)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
}

static void make_room(struct weir_index_cache *c)
{
	while (c->bytes > c->budget) {
		struct cell *oldest = NULL;

		for (uint32_t i = 0; i < BUCKETS; i++)
			for (struct cell *e = c->buckets[i]; e; e = e->next)
				if (!e->refs && !e->building && (!oldest || e->used < oldest->used))
					oldest = e;
		if (!oldest)
			return;
		c->bytes -= oldest->x.bytes;
		unlink_cell(c, oldest);
		free_cell(oldest);
	}
}

int weir_index_get(struct weir_index_cache *c, uint32_t slot, struct weir_view *v, uint32_t state, uint32_t group, const struct weir_index **out,
		   struct weir_error *err)
{
	uint32_t b = bucket_of(slot, state, group);
	struct cell *e;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
again:
	for (e = c->buckets[b]; e && (e->slot != slot || e->state != state || e->group != group);)
		e = e->next;
	if (e && e->building) {
		pthread_cond_wait(&c->built, &c->lock);
		goto again; /* it may have failed and be gone */
	}
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e) {
			pthread_mutex_unlock(&c->lock);
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
		}
		e->slot = slot;
		e->state = state;
		e->group = group;
		e->building = true;
		e->next = c->buckets[b];
		c->buckets[b] = e;
		pthread_mutex_unlock(&c->lock);
		rc = build(&e->x, v, state, group, err);
		pthread_mutex_lock(&c->lock);
		e->building = false;
		pthread_cond_broadcast(&c->built);
		if (rc) {
			unlink_cell(c, e);
			free_cell(e);
		} else {
			c->bytes += e->x.bytes;
		}
	}
	if (rc == 0) {
		e->refs++;
		e->used = ++c->clock;
		make_room(c);
		*out = &e->x;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void weir_index_put(struct weir_index_cache *c, const struct weir_index *x)
{
	if (!x)
		return;
	pthread_mutex_lock(&c->lock);
	((struct cell *)(uintptr_t)x)->refs--;
	pthread_mutex_unlock(&c->lock);
}

int64_t weir_index_find(const struct weir_index *x, struct weir_slice key, struct weir_slice ns)
{
	uint32_t lo = 0, hi = x->nleaves;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct weir_entry *e = &x->entries[x->leaves[mid].first];
		int c = e->key.ptr ? slice_cmp(e->key, key) : 1;

		if (!c)
			c = slice_cmp(e->ns, ns);
		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

void weir_leaf_hash(struct weir_slice key, struct weir_slice ns, uint8_t out[16])
{
	struct weir_buf b = { 0 };

	weir_buf_put_slice(&b, key);
	weir_buf_put_slice(&b, ns);
	weir_xxh3_128(b.data ? b.data : (const uint8_t *)"", b.len, out);
	weir_buf_fini(&b);
}
