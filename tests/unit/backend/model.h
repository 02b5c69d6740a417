/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slow, obvious model of keyed state, and the means to compare a backend with it: both are turned into sorted text lines, one per entry in
 * canonical form. Included by the tests of this folder.
 */
#ifndef TEST_BACKEND_MODEL_H
#define TEST_BACKEND_MODEL_H

#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/rng.h"
#include "state/backend/backend.h"

#define NBUCKETS 4096u

#define PERSON(F) F(string, name) F(int64, n) F(string, city)
WEIR_RECORD(person, PERSON)
#define WIDE(F) F(int64, a) F(int64, b) F(int64, c) F(int64, d) F(int64, e) F(int64, f) F(int64, g) F(int32, h)
WEIR_RECORD(wide, WIDE)

/* ---- lines ---- */

struct lines { char **items; size_t len, cap; };

static inline void lines_add(struct lines *l, const char *state, int32_t group, struct weir_slice key, struct weir_slice ns, struct weir_slice uk, struct weir_slice value,
			     int64_t ts)
{
	struct weir_buf b = { 0 };

	weir_buf_printf(&b, "%s %d key=", state, group);
	weir_buf_hex(&b, key);
	weir_buf_text(&b, " ns=");
	weir_buf_hex(&b, ns);
	weir_buf_text(&b, " uk=");
	weir_buf_hex(&b, uk);
	weir_buf_text(&b, " v=");
	weir_buf_hex(&b, value);
	weir_buf_printf(&b, " t=%lld", (long long)ts);
	if (l->len == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->items = realloc(l->items, l->cap * sizeof(char *));
	}
	l->items[l->len++] = strdup(weir_buf_cstr(&b));
	weir_buf_fini(&b);
}

static inline int lines_cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static inline void lines_sort(struct lines *l)
{
	if (l->len)
		qsort(l->items, l->len, sizeof(char *), lines_cmp);
}
static inline void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct lines){ 0 };
}
static inline void lines_equal(const struct lines *want, const struct lines *have, const char *what)
{
	for (size_t i = 0; i < want->len && i < have->len; i++)
		ck_assert_msg(strcmp(want->items[i], have->items[i]) == 0, "%s: line %zu: want %.300s have %.300s", what, i, want->items[i], have->items[i]);
	ck_assert_msg(want->len == have->len, "%s: %zu lines, want %zu; first surplus %.300s", what, have->len, want->len,
		      want->len > have->len ? want->items[have->len] : have->items[want->len]);
}

/* ---- the model: (state, key group, key, ns, uk) -> value, in bytes ---- */

struct mentry {
	struct mentry *next;
	uint32_t state;
	int32_t group;
	int64_t ts;
	struct weir_buf key, ns, uk, value; /* value canonical; lists: count kept beside */
	uint32_t count;
};
struct model {
	struct mentry *buckets[NBUCKETS];
	const char *names[16];
};

static inline uint64_t model_hash(uint32_t state, struct weir_slice key, struct weir_slice ns, struct weir_slice uk, int64_t ts)
{
	return (weir_xxh3(key.ptr, key.len) * 3 + weir_xxh3(ns.ptr, ns.len) * 5 + weir_xxh3(uk.ptr, uk.len) * 7 + (uint64_t)ts * 11 + state) % NBUCKETS;
}
static inline struct mentry **model_place(struct model *m, uint32_t state, struct weir_slice key, struct weir_slice ns, struct weir_slice uk, int64_t ts)
{
	struct mentry **p = &m->buckets[model_hash(state, key, ns, uk, ts)];

	for (; *p; p = &(*p)->next)
		if ((*p)->state == state && (*p)->ts == ts && weir_slice_eq(weir_buf_slice(&(*p)->key), key) && weir_slice_eq(weir_buf_slice(&(*p)->ns), ns) &&
		    weir_slice_eq(weir_buf_slice(&(*p)->uk), uk))
			return p;
	return p;
}
static inline struct mentry *model_put(struct model *m, uint32_t state, int32_t group, struct weir_slice key, struct weir_slice ns, struct weir_slice uk, int64_t ts)
{
	struct mentry **p = model_place(m, state, key, ns, uk, ts), *e = *p;

	if (!e) {
		e = *p = calloc(1, sizeof(*e));
		e->state = state;
		e->group = group;
		e->ts = ts;
		weir_buf_put_slice(&e->key, key);
		weir_buf_put_slice(&e->ns, ns);
		weir_buf_put_slice(&e->uk, uk);
	}
	return e;
}
static inline void mentry_free(struct mentry *e)
{
	weir_buf_fini(&e->key);
	weir_buf_fini(&e->ns);
	weir_buf_fini(&e->uk);
	weir_buf_fini(&e->value);
	free(e);
}
static inline void model_remove(struct mentry **p)
{
	struct mentry *e = *p;

	if (e) {
		*p = e->next;
		mentry_free(e);
	}
}
static inline void model_free(struct model *m)
{
	for (uint32_t i = 0; i < NBUCKETS; i++)
		while (m->buckets[i])
			model_remove(&m->buckets[i]);
}
static inline void model_lines(const struct model *m, struct lines *out)
{
	for (uint32_t i = 0; i < NBUCKETS; i++)
		for (const struct mentry *e = m->buckets[i]; e; e = e->next)
			lines_add(out, m->names[e->state], e->group, weir_buf_slice(&e->key), weir_buf_slice(&e->ns), weir_buf_slice(&e->uk), weir_buf_slice(&e->value), e->ts);
	lines_sort(out);
}

/* ---- a snapshot in memory ---- */

struct shot {
	enum weir_keyed_format format;
	struct weir_buf bytes;
	int64_t *offsets;
	int32_t first;
	uint32_t ngroups, max_parallelism;
};

static inline int shot_put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	struct shot *s = arg;

	(void)err;
	weir_buf_put(&s->bytes, p, n);
	return weir_buf_error(&s->bytes);
}
static inline void shot_write(struct shot *s, struct weir_snapshot *snap, enum weir_keyed_format format, const struct weir_backend_config *c)
{
	struct weir_error err = WEIR_ERROR_INIT;
	uint64_t size;

	*s = (struct shot){ .format = format, .first = c->first_group, .ngroups = c->ngroups, .max_parallelism = c->max_parallelism };
	s->offsets = calloc(c->ngroups, sizeof(int64_t));
	ck_ok(weir_snapshot_write(snap, format, shot_put, s, s->offsets, &size, &err));
	ck_assert_uint_eq(size, s->bytes.len);
}
static inline void shot_take(struct shot *s, struct weir_backend *b, enum weir_keyed_format format, const struct weir_backend_config *c)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_snapshot *snap;

	ck_ok(weir_backend_snapshot(b, &snap, &err));
	shot_write(s, snap, format, c);
	weir_snapshot_end(snap);
}
static inline void shot_free(struct shot *s)
{
	weir_buf_fini(&s->bytes);
	free(s->offsets);
}

struct shot_reader { struct lines *out; struct weir_keyed_meta *meta; };
static inline int shot_entry(void *arg, uint32_t i, const struct weir_entry *e)
{
	struct shot_reader *r = arg;

	ck_assert_ptr_null(e->undecodable);
	lines_add(r->out, r->meta->states[i].name, e->key_group, e->key, e->ns, e->user_key, e->value, e->timestamp);
	return 0;
}
static inline void shot_lines(const struct shot *s, struct lines *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice stream = { s->bytes.data, s->bytes.len };
	struct weir_arena mem = { 0 };
	struct shot_reader r = { .out = out };

	ck_ok(weir_keyed_read_meta(stream, "shot", &mem, &r.meta, &err));
	for (uint32_t g = 0; g < s->ngroups; g++) {
		int64_t end = (int64_t)stream.len;

		if (!s->offsets[g])
			continue;
		for (uint32_t k = 0; k < s->ngroups; k++)
			if (s->offsets[k] > s->offsets[g] && s->offsets[k] < end)
				end = s->offsets[k];
		ck_ok(weir_keyed_read_group(s->format, stream, "shot", r.meta, s->first + (int32_t)g, s->offsets[g], end, s->max_parallelism, shot_entry, &r, &err));
	}
	weir_arena_fini(&mem);
	lines_sort(out);
}
static inline int shot_restore(const struct shot *s, struct weir_backend *b, struct weir_error *err)
{
	static const struct weir_ckpt none;
	struct weir_keyed_handle h = { .kind = s->format == WEIR_FORMAT_HEAP ? WEIR_KEYED_GROUPS : WEIR_KEYED_SAVEPOINT };

	h.groups = (struct weir_key_group_offsets){ .first = s->first, .count = s->ngroups, .offsets = s->offsets };
	h.stream = (struct weir_stream_handle){ .kind = WEIR_HANDLE_INLINE, .data = { s->bytes.data, s->bytes.len }, .size = (int64_t)s->bytes.len };
	return weir_backend_restore(b, &none, &h, err);
}

#endif
