// SPDX-License-Identifier: Apache-2.0
/*
 * Timers: for each queue and key group a set (a weir__table whose keys are pointers to timer cells in the shard, so that snapshots see
 * them), and over all key groups of the subtask one 4-ary heap of references, ordered by time, serialized key, serialized namespace.
 *
 * A removed timer leaves the set at once; its cell stays, marked dead, until its reference comes to the top of the heap or until dead
 * references outnumber live ones, when the heap is rebuilt.
 *
 * Invariants
 *   1. The set holds exactly the live timers. Every live timer has exactly one reference.
 *   2. The top of the heap is live.
 *   3. Order does not depend on the order of insertion: no two live timers compare equal.
 * The first 8 bytes of the serialized key are kept in the reference; most comparisons end there.
 *
 * Threads: the task's. Nothing of the heap is in a snapshot: it is rebuilt from the sets.
 */
#include "state/backend/hashmap.h"

#include <stdlib.h>

#include "base/hash.h"

struct weir__timer_ref {
	int64_t time;
	uint64_t prefix;   /* of the serialized key, big endian, zero-filled */
	uint8_t *timer;    /* native; in front of it: u32 dead, u32 unused */
	uint32_t group;    /* index */
};

#define HEAD 16u /* keeps the timer 16-aligned */

static const void *timer_key(const struct weir_timers *t, const uint8_t *timer) { return timer + t->timer->fields[0].offset; }
static const void *timer_ns(const struct weir_timers *t, const uint8_t *timer) { return timer + t->timer->fields[1].offset; }

static bool is_dead(const uint8_t *timer)
{
	uint32_t dead;

	memcpy(&dead, timer - HEAD, 4);
	return dead != 0;
}

/* ---- order ---- */

uint64_t weir__timers_prefix(struct weir_timers *t, const void *key)
{
	const struct weir_type *k = t->b->config.key;
	uint8_t first[8] = { 0 };
	uint64_t v;

	if (k->kind == WEIR_INT64) {
		memcpy(&v, key, 8);
		return v;
	}
	if (k->kind == WEIR_STRING) { /* a length of one byte, then one byte for each ASCII character; behind them zeros, as here */
		const struct weir_str *s = key;

		memcpy(first + 1, (const char *)s + 4, 7);
		memcpy(&v, first, 8);
		if (s->len <= WEIR_STR_INLINE && !(v & 0x8080808080808080u)) {
			first[0] = (uint8_t)(s->len + 1);
			memcpy(&v, first, 8);
			return __builtin_bswap64(v);
		}
		memset(first, 0, sizeof(first));
	}
	weir_buf_clear(&t->a);
	if (weir_type_write(k, key, &t->a, NULL) == 0 && t->a.len)
		memcpy(first, t->a.data, t->a.len < 8 ? t->a.len : 8);
	memcpy(&v, first, 8);
	return __builtin_bswap64(v);
}

static int compare_bytes(const struct weir_buf *a, const struct weir_buf *z)
{
	int c = memcmp(a->data, z->data, a->len < z->len ? a->len : z->len);

	return c ? c : (a->len > z->len) - (a->len < z->len);
}

/* Serialized forms of one part; a failure to serialize (no text is stored that cannot be) leaves it empty. */
static int compare_part(struct weir_timers *t, const struct weir_type *type, bool boxed, const void *a, const void *z)
{
	if (weir__is_flat(type) && memcmp(a, z, type->size) == 0)
		return 0;
	weir_buf_clear(&t->a);
	weir_buf_clear(&t->z);
	weir_buf_u8(&t->a, 0); /* never without memory */
	weir_buf_u8(&t->z, 0);
	if (boxed) {
		weir_buf_put_slice(&t->a, weir_str_slice(a));
		weir_buf_put_slice(&t->z, weir_str_slice(z));
	} else if (weir_type_write(type, a, &t->a, NULL) || weir_type_write(type, z, &t->z, NULL)) {
		return weir_type_hash(type, a) < weir_type_hash(type, z) ? -1 : 1;
	}
	return compare_bytes(&t->a, &t->z);
}

int weir__timers_order(struct weir_timers *t, const void *key_a, const void *ns_a, const void *key_z, const void *ns_z)
{
	int c = 0;

	if (t->b->config.key->kind != WEIR_INT64)
		c = compare_part(t, t->b->config.key, false, key_a, key_z);
	return c ? c : compare_part(t, t->ns, t->ns_boxed, ns_a, ns_z);
}

static __attribute__((noinline)) bool before_full(struct weir_timers *t, const struct weir__timer_ref *a, const struct weir__timer_ref *z)
{
	return weir__timers_order(t, timer_key(t, a->timer), timer_ns(t, a->timer), timer_key(t, z->timer), timer_ns(t, z->timer)) < 0;
}

static inline bool before(struct weir_timers *t, const struct weir__timer_ref *a, const struct weir__timer_ref *z)
{
	if (a->time != z->time)
		return a->time < z->time;
	if (a->prefix != z->prefix)
		return a->prefix < z->prefix;
	return before_full(t, a, z);
}

/* ---- heap ---- */

static void sift_up(struct weir_timers *t, struct weir__queue *q, size_t i)
{
	struct weir__timer_ref r = q->heap[i];

	while (i) {
		size_t parent = (i - 1) / 4;

		if (!before(t, &r, &q->heap[parent]))
			break;
		q->heap[i] = q->heap[parent];
		i = parent;
	}
	q->heap[i] = r;
}

static void sift_down(struct weir_timers *t, struct weir__queue *q, size_t i)
{
	struct weir__timer_ref r = q->heap[i];

	for (;;) {
		size_t child = i * 4 + 1, end = child + 4 < q->len ? child + 4 : q->len, least = child;

		if (child >= q->len)
			break;
		for (size_t c = child + 1; c < end; c++)
			if (before(t, &q->heap[c], &q->heap[least]))
				least = c;
		if (!before(t, &q->heap[least], &r))
			break;
		q->heap[i] = q->heap[least];
		i = least;
	}
	q->heap[i] = r;
}

static void free_cell(struct weir_timers *t, uint32_t group, uint8_t *timer)
{
	struct weir__space *s = &t->b->spaces[group];

	weir__value_free(s, t->timer, timer);
	weir__space_free(s, timer - HEAD, HEAD + t->timer->size);
}

static void drop_top(struct weir_timers *t, struct weir__queue *q)
{
	q->heap[0] = q->heap[--q->len];
	if (q->len)
		sift_down(t, q, 0);
	for (size_t i = 1; i < 5 && i < q->len; i++) /* one of them is the next top, whose cell is read at once */
		__builtin_prefetch(q->heap[i].timer - HEAD);
}

/* Invariant 2. */
static void clean_top(struct weir_timers *t, struct weir__queue *q)
{
	while (q->len && is_dead(q->heap[0].timer)) {
		struct weir__timer_ref r = q->heap[0];

		drop_top(t, q);
		free_cell(t, r.group, r.timer);
		q->dead--;
	}
}

static void rebuild(struct weir_timers *t, struct weir__queue *q)
{
	size_t kept = 0;

	for (size_t i = 0; i < q->len; i++) {
		if (is_dead(q->heap[i].timer))
			free_cell(t, q->heap[i].group, q->heap[i].timer);
		else
			q->heap[kept++] = q->heap[i];
	}
	q->len = kept;
	q->dead = 0;
	for (size_t i = kept / 4 + 1; kept && i-- > 0;)
		if (i < kept)
			sift_down(t, q, i);
}

static bool heap_room(struct weir__queue *q)
{
	return weir__vec_grow((void **)&q->heap, &q->cap, q->len + 1, sizeof(*q->heap));
}

/* ---- services ---- */

void weir__timers_free(struct weir_timers *t)
{
	if (!t)
		return;
	for (int d = 0; d < 2; d++) {
		free(t->queues[d].tables);
		free(t->queues[d].heap);
	}
	weir_arena_fini(&t->popped_mem);
	weir_buf_fini(&t->a);
	weir_buf_fini(&t->z);
	free(t->probe);
	free(t->popped);
	free(t->service);
	free(t);
}

static bool set_timer_type(struct weir_timers *t, struct weir_error *err)
{
	t->timer = weir_type_timer(&t->b->mem, t->b->config.key, t->ns, err);
	t->stored = t->ns_boxed ? weir_type_timer(&t->b->mem, t->b->config.key, t->real_ns, err) : t->timer;
	if (!t->timer || !t->stored)
		return false;
	t->ref_field = (struct weir_field){ .type = t->timer };
	t->ref = (struct weir_type){ .kind = WEIR_INT64, .flags = WEIR_TYPE_READY | WEIR_TYPE_FLAT, .size = sizeof(void *), .align = sizeof(void *), .fields = &t->ref_field,
				     .null_offset = WEIR_NO_NULLS };
	weir__layout_init(&t->layout, &t->ref, &weir_void, 0, 1);
	t->layout.key_eq = WEIR__EQ_TIMER;
	free(t->probe);
	free(t->popped);
	t->probe = calloc(1, t->timer->size + 16);
	t->popped = calloc(1, t->ns->size + 16);
	return t->probe && t->popped;
}

struct weir_timers *weir__timers_new(struct weir_backend *b, const char *service, struct weir_type *ns, struct weir_type *real_ns, bool ns_boxed, struct weir_error *err)
{
	struct weir_timers *t = calloc(1, sizeof(*t)), **place = NULL;

	if (t) {
		t->b = b;
		t->ns = ns;
		t->real_ns = real_ns;
		t->ns_boxed = ns_boxed;
		t->service = strdup(service);
		for (int d = 0; d < 2; d++)
			t->queues[d].tables = calloc(b->config.ngroups, sizeof(struct weir__table));
		if (t->service && t->queues[0].tables && t->queues[1].tables && set_timer_type(t, err))
			place = weir_vec_push(&b->timers);
		if (place) {
			*place = t;
			return t;
		}
		weir__timers_free(t);
	}
	weir_error_set(err, WEIR_ENOMEM, "no memory for the timers of '%s'", service);
	return NULL;
}

struct weir_timers *weir__timers_find(struct weir_backend *b, const char *service)
{
	for (size_t i = 0; i < b->timers.len; i++)
		if (strcmp(b->timers.items[i]->service, service) == 0)
			return b->timers.items[i];
	return NULL;
}

int weir_backend_timers(struct weir_backend *b, const char *service, struct weir_type *ns, struct weir_timers **out, struct weir_error *err)
{
	struct weir_timers *t;
	int code = weir_backend_settle(b, err);

	if (!ns)
		ns = &weir_void;
	if (!code)
		code = weir_type_prepare(ns, err);
	if (code)
		return code;
	if (ns->flags & WEIR_TYPE_OPAQUE)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "timers of '%s': a namespace without a known serializer cannot be used by a job", service);
	t = weir__timers_find(b, service);
	if (t && t->claimed && !weir_type_equal(t->ns, ns)) {
		char have[200], want[200];

		return weir_error_set(err, WEIR_EINCOMPATIBLE, "timers of '%s' are registered twice with different namespaces (%s, then %s)", service,
				      weir_type_text(t->ns, have, sizeof(have)), weir_type_text(ns, want, sizeof(want)));
	}
	if (t && !t->claimed)
		code = weir__timers_claim(t, ns, err);
	else if (!t)
		t = weir__timers_new(b, service, ns, ns, false, err);
	if (!t || code)
		return code ? code : WEIR_ENOMEM;
	t->claimed = true;
	*out = t;
	return 0;
}

/* ---- add, remove, pop ---- */

/* The timer in t->probe; borrowed pointers. */
static uint32_t fill_probe(struct weir_timers *t, int64_t time_ms, const void *key, const void *ns, uint64_t key_hash)
{
	uint64_t h = key_hash ^ weir_hash_u64((uint64_t)time_ms + 0x9e3779b97f4a7c15u);

	memcpy(t->probe, &time_ms, 8);
	memcpy(t->probe + t->timer->fields[0].offset, key, t->b->config.key->size);
	if (t->ns->size && ns)
		memcpy(t->probe + t->timer->fields[1].offset, ns, t->ns->size);
	return weir__tag(weir__hash_with_ns(h * 0x9e3779b97f4a7c15u ^ h >> 32, t->ns, weir__eq_of(t->ns), ns));
}

static int no_memory(const struct weir_timers *t, struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "no memory for another timer of '%s' (%llu are set)", t->service,
			      (unsigned long long)(t->queues[0].count + t->queues[1].count));
}

static int put_timer(struct weir_timers *t, enum weir_time_domain d, uint32_t group, int64_t time_ms, const void *key, uint64_t key_hash, const void *ns,
		     struct weir_error *err)
{
	struct weir__queue *q = &t->queues[d];
	struct weir__table *table = &q->tables[group];
	struct weir__space *space = &t->b->spaces[group];
	uint32_t tag = fill_probe(t, time_ms, key, ns, key_hash);
	uint8_t *cell, *timer = t->probe, *slot;
	bool created;

	slot = heap_room(q) ? weir__table_put(table, &t->layout, space, tag, &timer, NULL, &created) : NULL;
	if (!slot)
		return no_memory(t, err);
	if (!created)
		return 0;
	cell = weir__space_alloc(space, HEAD + t->timer->size); /* the slot points to the probe until it has a cell */
	if (cell) {
		memset(cell, 0, HEAD);
		timer = cell + HEAD;
		memcpy(timer, t->probe, t->timer->size);
	}
	if (!cell || !weir__value_own(space, t->timer, timer)) {
		weir__table_delete(table, &t->layout, space, slot);
		if (cell)
			free_cell(t, group, timer);
		return no_memory(t, err);
	}
	weir__table_touch(table, &t->layout, space, slot);
	memcpy(slot + t->layout.key_off, &timer, sizeof(void *));
	q->count++;
	q->heap[q->len++] = (struct weir__timer_ref){ .time = time_ms, .prefix = weir__timers_prefix(t, timer_key(t, timer)), .timer = timer, .group = group };
	sift_up(t, q, q->len - 1);
	weir__table_step(table, &t->layout, space, WEIR__STEP_SLOTS);
	return 0;
}

int weir__timers_put(struct weir_timers *t, enum weir_time_domain d, uint32_t group, int64_t time_ms, const void *key, const void *ns, struct weir_error *err)
{
	return put_timer(t, d, group, time_ms, key, weir_type_hash(t->b->config.key, key), ns, err);
}

static int enter(struct weir_timers *t, struct weir_error *err)
{
	int code = weir_backend_settle(t->b, err);

	if (!code && !t->b->has_key)
		return weir_error_set(err, WEIR_EBUG, "a timer of '%s' was used without a current key", t->service);
	return code;
}

int weir_timers_add(struct weir_timers *t, enum weir_time_domain d, int64_t time_ms, const void *ns, struct weir_error *err)
{
	int code = enter(t, err);

	return code ? code : put_timer(t, d, t->b->group, time_ms, t->b->key, t->b->key_hash, ns, err);
}

int weir_timers_remove(struct weir_timers *t, enum weir_time_domain d, int64_t time_ms, const void *ns, struct weir_error *err)
{
	struct weir__queue *q = &t->queues[d];
	struct weir_backend *b = t->b;
	uint8_t *slot, *timer;
	uint32_t tag, dead = 1;
	int code = enter(t, err);

	if (code)
		return code;
	tag = fill_probe(t, time_ms, b->key, ns, b->key_hash);
	timer = t->probe;
	slot = weir__table_find(&q->tables[b->group], &t->layout, tag, &timer, NULL);
	if (!slot)
		return 0;
	memcpy(&timer, slot + t->layout.key_off, sizeof(void *));
	weir__table_delete(&q->tables[b->group], &t->layout, &b->spaces[b->group], slot);
	weir__space_touch(&b->spaces[b->group], NULL, timer - HEAD, 4);
	memcpy(timer - HEAD, &dead, 4);
	q->count--;
	q->dead++;
	if (q->dead > 64 && q->dead > q->count)
		rebuild(t, q);
	clean_top(t, q);
	return 0;
}

int64_t weir_timers_next(const struct weir_timers *t, enum weir_time_domain d)
{
	return t->queues[d].len ? t->queues[d].heap[0].time : INT64_MAX;
}

bool weir_timers_pop(struct weir_timers *t, enum weir_time_domain d, int64_t up_to_ms, int64_t *out_time, const void **out_ns)
{
	struct weir__queue *q = &t->queues[d];
	struct weir_backend *b = t->b;
	struct weir__timer_ref top;
	uint8_t *slot;
	uint32_t tag;
	int code;

	if (!q->len || q->heap[0].time > up_to_ms)
		return false;
	code = weir_backend_settle(b, NULL);
	top = q->heap[0];
	if (!code)
		code = weir__backend_take_key(b, timer_key(t, top.timer), weir_type_hash(b->config.key, timer_key(t, top.timer)), (uint32_t)b->config.first_group + top.group, NULL);
	weir_arena_reset(&t->popped_mem);
	if (code || !weir_type_copy(t->ns, timer_ns(t, top.timer), &t->popped_mem, t->popped)) {
		b->late_code = code ? code : WEIR_ENOMEM; /* the timer stays; the next call that can fail says why */
		return false;
	}
	tag = fill_probe(t, top.time, b->key, t->popped, b->key_hash);
	slot = weir__table_find(&q->tables[top.group], &t->layout, tag, &top.timer, NULL);
	weir__table_delete(&q->tables[top.group], &t->layout, &b->spaces[top.group], slot);
	q->count--;
	drop_top(t, q);
	free_cell(t, top.group, top.timer);
	clean_top(t, q);
	*out_time = top.time;
	*out_ns = t->popped;
	return true;
}

bool weir__timers_top_is_before(struct weir_timers *t, enum weir_time_domain d, uint64_t prefix, const void *key, const void *ns)
{
	const struct weir__timer_ref *top = &t->queues[d].heap[0];

	return top->prefix != prefix ? top->prefix < prefix : weir__timers_order(t, timer_key(t, top->timer), timer_ns(t, top->timer), key, ns) < 0;
}

uint64_t weir_timers_count(const struct weir_timers *t, enum weir_time_domain d)
{
	return t->queues[d].count;
}

/* ---- restored services ---- */

void weir__timers_filter(struct weir_timers *t, enum weir_time_domain d, weir__timers_keep_fn *keep, void *arg)
{
	struct weir__queue *q = &t->queues[d];
	uint32_t dead = 1;

	for (size_t i = 0; i < q->len; i++) {
		const struct weir__timer_ref *r = &q->heap[i];
		const void *key = timer_key(t, r->timer), *ns = timer_ns(t, r->timer);
		uint8_t *timer = r->timer;
		uint32_t tag;

		if (is_dead(timer) || keep(arg, r->group, r->time, key, ns))
			continue;
		tag = fill_probe(t, r->time, key, ns, weir_type_hash(t->b->config.key, key));
		weir__table_delete(&q->tables[r->group], &t->layout, &t->b->spaces[r->group], weir__table_find(&q->tables[r->group], &t->layout, tag, &timer, NULL));
		weir__space_touch(&t->b->spaces[r->group], NULL, timer - HEAD, 4);
		memcpy(timer - HEAD, &dead, 4);
		q->count--;
		q->dead++;
	}
	if (q->dead)
		rebuild(t, q);
}

void weir__timers_empty(struct weir_timers *t)
{
	for (int d = 0; d < 2; d++) {
		struct weir__queue *q = &t->queues[d];

		for (size_t i = 0; i < q->len; i++)
			free_cell(t, q->heap[i].group, q->heap[i].timer);
		for (uint32_t g = 0; g < t->b->config.ngroups; g++)
			weir__table_clear(&q->tables[g], &t->layout, &t->b->spaces[g]);
		q->len = q->dead = 0;
		q->count = 0;
	}
}

/* Namespaces were bytes: put every timer again with the native one. */
static int unbox(struct weir_timers *t, struct weir_timers *from, struct weir_error *err)
{
	struct weir_arena mem = { 0 };
	uint8_t *ns = weir_arena_zero(&mem, t->ns->size + 1);
	int code = ns ? 0 : no_memory(t, err);

	for (int d = 0; d < 2 && !code; d++)
		for (size_t i = 0; i < from->queues[d].len && !code; i++) {
			const struct weir__timer_ref *r = &from->queues[d].heap[i];
			struct weir_src src = weir_src_of(weir_str_slice(timer_ns(from, r->timer)), NULL, 0);

			code = weir_type_read(t->ns, &src, &mem, ns, err);
			if (!code)
				code = weir__timers_put(t, (enum weir_time_domain)d, r->group, r->time, timer_key(from, r->timer), ns, err);
		}
	weir_arena_fini(&mem);
	return code;
}

int weir__timers_claim(struct weir_timers *t, struct weir_type *ns, struct weir_error *err)
{
	char why[256] = "";
	struct weir_timers *fresh, swap;
	int code;

	if (weir_type_compat(t->real_ns, ns, why, sizeof(why)) != WEIR_COMPAT_AS_IS)
		return weir_error_set(err, WEIR_EINCOMPATIBLE, "the restored timers of '%s' do not fit this job: namespace: %s", t->service, why);
	if (!t->ns_boxed)
		return 0;
	fresh = weir__timers_new(t->b, t->service, ns, ns, false, err);
	if (!fresh)
		return WEIR_ENOMEM;
	code = unbox(fresh, t, err);
	if (code)
		return code;
	weir__timers_empty(t);
	swap = *t; /* the restored one keeps its place */
	*t = *fresh;
	*fresh = swap;
	t->ref_field.type = t->timer;
	t->ref.fields = &t->ref_field;
	t->layout.key = &t->ref;
	t->b->timers.len--;
	weir__timers_free(fresh);
	return 0;
}
