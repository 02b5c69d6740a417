// SPDX-License-Identifier: Apache-2.0
/*
 * The contract suite of keyed state backends: random operations against a model, snapshots while the task goes on, restore and rescaling,
 * timers, misuse. `backends` lists what it runs over.
 */
#include "tests/unit/backend/model.h"

#include <pthread.h>

static const struct backend_kind {
	const char *name;
	int (*open)(const struct weir_backend_config *, struct weir_backend **, struct weir_error *);
} backends[] = { { "hashmap", weir_backend_open_hashmap } };
#define NBACKENDS (sizeof(backends) / sizeof(backends[0]))

/* ---- a job: seven states and two timer services over one key type ---- */

enum { COUNTS, PEOPLE, WIDES, TEXTS, LISTS, MAPS, FOLKS, NSTATES, EVENT = NSTATES, PROCESSING, WEVENT, WPROCESSING, NALL };
enum key_kind { INT_KEYS, TEXT_KEYS, LONG_TEXT_KEYS, TUPLE_KEYS, NKEY_KINDS };

struct tuple_key { int64_t a; struct weir_str b; };

struct job {
	const struct backend_kind *kind;
	struct weir_backend_config config;
	struct weir_backend *b;
	struct weir_state *states[NSTATES];
	struct weir_timers *timers, *wtimers;
	struct model *model;
	struct weir_arena mem;
	struct weir_rng rng;
	enum key_kind keys;
	uint32_t nkeys;
	/* current key */
	struct weir_buf key;
	int32_t group;
};

static const char *const names[NALL] = { "counts", "people", "wides", "texts", "lists", "maps", "folks", "_timer_state/event_user-timers",
					 "_timer_state/processing_user-timers", "_timer_state/event_window-timers", "_timer_state/processing_window-timers" };

static const struct weir_state_desc descs[NSTATES] = {
	{ .name = "counts", .kind = WEIR_STATE_VALUE, .value = &weir_int64 },
	{ .name = "people", .kind = WEIR_STATE_REDUCING, .ns = &weir_time_window, .value = &person_type },
	{ .name = "wides", .kind = WEIR_STATE_AGGREGATING, .ns = &weir_int64, .value = &wide_type },
	{ .name = "texts", .kind = WEIR_STATE_VALUE, .ns = &weir_string, .value = &weir_string },
	{ .name = "lists", .kind = WEIR_STATE_LIST, .value = &person_type },
	{ .name = "maps", .kind = WEIR_STATE_MAP, .value = &weir_int64, .user_key = &weir_string },
	{ .name = "folks", .kind = WEIR_STATE_MAP, .ns = &weir_time_window, .value = &person_type, .user_key = &weir_int64 },
};

static struct weir_type *key_type(struct job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;

	if (j->keys == INT_KEYS)
		return &weir_int64;
	if (j->keys != TUPLE_KEYS)
		return &weir_string;
	return weir_type_tuple(&j->mem, 2, (struct weir_type *[]){ &weir_int64, &weir_string }, &err);
}

static void job_register(struct job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;

	for (int i = 0; i < NSTATES; i++)
		ck_ok(weir_backend_state(j->b, &descs[i], &j->states[i], &err));
	ck_ok(weir_backend_timers(j->b, "user-timers", NULL, &j->timers, &err));
	ck_ok(weir_backend_timers(j->b, "window-timers", &weir_time_window, &j->wtimers, &err));
}

static void job_open(struct job *j, const struct backend_kind *kind, enum key_kind keys, uint32_t nkeys, uint32_t max_parallelism, int32_t first, uint32_t ngroups,
		     uint64_t seed)
{
	struct weir_error err = WEIR_ERROR_INIT;

	*j = (struct job){ .kind = kind, .keys = keys, .nkeys = nkeys, .rng = { seed } };
	j->config = (struct weir_backend_config){ .key = key_type(j), .max_parallelism = max_parallelism, .first_group = first, .ngroups = ngroups };
	ck_ok(kind->open(&j->config, &j->b, &err));
	j->model = calloc(1, sizeof(*j->model));
	memcpy(j->model->names, names, sizeof(names));
}

static void job_close(struct job *j)
{
	weir_backend_close(j->b);
	model_free(j->model);
	free(j->model);
	weir_arena_fini(&j->mem);
	weir_buf_fini(&j->key);
}

static uint32_t below(struct job *j, uint32_t n) { return (uint32_t)weir_rng_below(&j->rng, n); }

/* A view of text that is gone or changed as soon as the next one is made: what the backend keeps must be its own. */
static struct weir_str text(struct job *j, const char *what, uint32_t i)
{
	static char ring[8][96];
	static uint32_t at;
	char *p = ring[at++ % 8];

	memset(p, 'X', 96);
	if (below(j, 2))
		return weir_str_view(p, (uint32_t)sprintf(p, "%s%u", what, i));
	return weir_str_view(p, (uint32_t)sprintf(p, "%s number %u, which is too long to lie in a view", what, i));
}

static struct weir_slice wire(const struct weir_type *t, const void *v, struct weir_buf *b)
{
	struct weir_error err = WEIR_ERROR_INIT;

	weir_buf_clear(b);
	ck_ok(weir_type_write(t, v, b, &err));
	return weir_buf_slice(b);
}

/* Make key i current. False when its key group is another subtask's. */
static bool use_key(struct job *j, uint32_t i)
{
	struct weir_error err = WEIR_ERROR_INIT;
	int64_t number = (int64_t)i * 7919 - 5000;
	char buf[96];
	struct weir_str str;
	struct tuple_key tuple;
	const void *key = &number;
	int32_t hash;

	if (j->keys == TEXT_KEYS)
		str = weir_str_view(buf, (uint32_t)sprintf(buf, "k%u", i)), key = &str;
	if (j->keys == LONG_TEXT_KEYS)
		str = weir_str_view(buf, (uint32_t)sprintf(buf, "the key with the number %u", i)), key = &str;
	if (j->keys == TUPLE_KEYS) {
		memset(&tuple, 0, sizeof(tuple));
		tuple.a = i % 10;
		tuple.b = weir_str_view(buf, (uint32_t)sprintf(buf, i % 3 ? "t%u" : "the tuple key number %u", i));
		key = &tuple;
	}
	ck_ok(weir_type_java_hash(j->config.key, key, &hash, &err));
	j->group = (int32_t)weir_key_group(hash, j->config.max_parallelism);
	if (j->group < j->config.first_group || j->group >= j->config.first_group + (int32_t)j->config.ngroups)
		return false;
	ck_ok(weir_backend_set_key(j->b, key, &err));
	wire(j->config.key, key, &j->key);
	memset(buf, '!', sizeof(buf));
	return true;
}

static struct mentry **place(struct job *j, uint32_t state, struct weir_slice ns, struct weir_slice uk, int64_t ts)
{
	return model_place(j->model, state, weir_buf_slice(&j->key), ns, uk, ts);
}
static struct mentry *put(struct job *j, uint32_t state, struct weir_slice ns, struct weir_slice uk, int64_t ts)
{
	return model_put(j->model, state, j->group, weir_buf_slice(&j->key), ns, uk, ts);
}
static void set_bytes(struct mentry *e, struct weir_slice v)
{
	weir_buf_clear(&e->value);
	weir_buf_put_slice(&e->value, v);
}
/* Copies, because the buffers that slices point to are used again. */
struct parts { struct weir_buf ns, uk, value; };
static void parts_fini(struct parts *p)
{
	weir_buf_fini(&p->ns);
	weir_buf_fini(&p->uk);
	weir_buf_fini(&p->value);
}

/* ---- one random operation on the backend and on the model ---- */

static void op_counts(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[COUNTS];
	struct weir_slice ns = wire(&weir_void, NULL, &p->ns), uk = { NULL, 0 };
	struct mentry **e = place(j, COUNTS, ns, uk, 0);
	int64_t v = (int64_t)weir_rng_next(&j->rng), *at;
	const void *got;
	bool created;

	ck_ok(weir_state_get(s, NULL, &got, &err));
	ck_assert((got != NULL) == (*e != NULL));
	if (got)
		ck_assert(weir_slice_eq(wire(&weir_int64, got, &p->value), weir_buf_slice(&(*e)->value)));
	switch (below(j, 6)) {
	case 0:
		ck_ok(weir_state_clear(s, NULL, &err));
		model_remove(e);
		break;
	case 1:
		ck_ok(weir_state_set(s, NULL, &v, &err));
		set_bytes(put(j, COUNTS, ns, uk, 0), wire(&weir_int64, &v, &p->value));
		break;
	default:
		ck_ok(weir_state_edit(s, NULL, (void **)&at, &created, &err));
		ck_assert(created == (*e == NULL));
		ck_assert(!created || *at == 0);
		*at += 3;
		set_bytes(put(j, COUNTS, ns, uk, 0), wire(&weir_int64, at, &p->value));
	}
}

static struct person any_person(struct job *j)
{
	uint32_t i = below(j, 1000);
	struct person p = { .name = text(j, "name", i), .n = i, .city = text(j, "city", below(j, 50)) };

	if (below(j, 9) == 0)
		p.city = WEIR_STR_NULL;
	return p;
}

static void op_people(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[PEOPLE];
	struct weir_window w = { below(j, 3) * 1000, 5000 };
	struct weir_slice ns = wire(&weir_time_window, &w, &p->ns), uk = { NULL, 0 };
	struct mentry **e = place(j, PEOPLE, ns, uk, 0);
	struct person v = any_person(j), *at;
	const void *got;
	bool created;

	ck_ok(weir_state_get(s, &w, &got, &err));
	ck_assert((got != NULL) == (*e != NULL));
	if (got)
		ck_assert(weir_slice_eq(wire(&person_type, got, &p->value), weir_buf_slice(&(*e)->value)));
	switch (below(j, 8)) {
	case 0:
		ck_ok(weir_state_clear(s, &w, &err));
		model_remove(e);
		return;
	case 1:
		ck_ok(weir_state_set(s, &w, &v, &err));
		break;
	case 2: /* the value of another window, straight from state */
		if (!got)
			return;
		w.start_ms = 9000;
		ck_ok(weir_state_set(s, &w, got, &err));
		wire(&person_type, got, &p->value);
		ck_ok(weir_state_get(s, &w, &got, &err));
		set_bytes(put(j, PEOPLE, wire(&weir_time_window, &w, &p->ns), uk, 0), wire(&person_type, got, &p->value));
		return;
	default:
		ck_ok(weir_state_edit(s, &w, (void **)&at, &created, &err));
		ck_assert(created == (*e == NULL));
		at->n++;
		if (created || below(j, 2))
			at->name = v.name;
		if (below(j, 4) == 0) { /* swapped, and one text twice */
			struct weir_str t = at->name;

			at->name = at->city;
			at->city = t;
		}
		if (below(j, 6) == 0)
			at->city = at->name;
		v = *at;
	}
	set_bytes(put(j, PEOPLE, ns, uk, 0), wire(&person_type, &v, &p->value));
	if (below(j, 3) == 0)
		ck_ok(weir_backend_settle(j->b, &err));
}

static void op_wides(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[WIDES];
	int64_t n = below(j, 2);
	struct weir_slice ns = wire(&weir_int64, &n, &p->ns), uk = { NULL, 0 };
	struct mentry **e = place(j, WIDES, ns, uk, 0);
	struct wide *at;
	bool created;

	if (below(j, 5) == 0) {
		ck_ok(weir_state_clear(s, &n, &err));
		model_remove(e);
		return;
	}
	ck_ok(weir_state_edit(s, &n, (void **)&at, &created, &err));
	ck_assert(created == (*e == NULL));
	at->a++;
	at->g -= at->a;
	at->h = (int32_t)below(j, 100);
	set_bytes(put(j, WIDES, ns, uk, 0), wire(&wide_type, at, &p->value));
}

static void op_texts(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[TEXTS];
	struct weir_str space = text(j, "space", below(j, 3)), v = text(j, "value", below(j, 1000));
	struct weir_slice ns = wire(&weir_string, &space, &p->ns), uk = { NULL, 0 };
	struct mentry **e = place(j, TEXTS, ns, uk, 0);
	const void *got;

	ck_ok(weir_state_get(s, &space, &got, &err));
	ck_assert((got != NULL) == (*e != NULL));
	if (got)
		ck_assert(weir_slice_eq(wire(&weir_string, got, &p->value), weir_buf_slice(&(*e)->value)));
	if (below(j, 4) == 0) {
		ck_ok(weir_state_clear(s, &space, &err));
		model_remove(e);
		return;
	}
	ck_ok(weir_state_set(s, &space, &v, &err));
	set_bytes(put(j, TEXTS, ns, uk, 0), wire(&weir_string, &v, &p->value));
}

static void op_lists(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[LISTS];
	struct weir_slice ns = wire(&weir_void, NULL, &p->ns), uk = { NULL, 0 };
	struct mentry **e = place(j, LISTS, ns, uk, 0), *m;
	struct person v[3] = { any_person(j), any_person(j), any_person(j) };
	struct weir_list list;
	uint32_t what = below(j, 10);

	ck_ok(weir_state_list_get(s, NULL, &list, &err));
	ck_assert_uint_eq(list.count, *e ? (*e)->count : 0);
	if (what == 0 || (what == 1 && !list.count)) {
		ck_ok(weir_state_clear(s, NULL, &err));
		model_remove(e);
	} else if (what == 1) { /* itself without the first element */
		list = (struct weir_list){ (const struct person *)list.items + 1, list.count - 1 };
		ck_ok(weir_state_list_set(s, NULL, &list, &err));
		if (!list.count) {
			model_remove(e);
			return;
		}
		ck_ok(weir_state_list_get(s, NULL, &list, &err));
		m = *e;
		weir_buf_clear(&m->value);
		m->count = list.count;
		for (uint32_t i = 0; i < list.count; i++) {
			if (i)
				weir_buf_u8(&m->value, 0x2c);
			weir_buf_put_slice(&m->value, wire(&person_type, (const struct person *)list.items + i, &p->value));
		}
	} else if (what == 2) {
		list = (struct weir_list){ v, 3 };
		ck_ok(weir_state_list_set(s, NULL, &list, &err));
		m = put(j, LISTS, ns, uk, 0);
		weir_buf_clear(&m->value);
		m->count = 3;
		for (int i = 0; i < 3; i++) {
			if (i)
				weir_buf_u8(&m->value, 0x2c);
			weir_buf_put_slice(&m->value, wire(&person_type, &v[i], &p->value));
		}
	} else {
		const struct person *add = list.count && what == 3 ? list.items : v; /* an element of the list itself */

		wire(&person_type, add, &p->value);
		ck_ok(weir_state_list_add(s, NULL, add, &err));
		m = put(j, LISTS, ns, uk, 0);
		if (m->count++)
			weir_buf_u8(&m->value, 0x2c);
		weir_buf_put_slice(&m->value, weir_buf_slice(&p->value));
	}
}

static void op_maps(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[MAPS];
	struct weir_str key = text(j, "user", below(j, 40));
	struct weir_slice ns = wire(&weir_void, NULL, &p->ns), uk = wire(&weir_string, &key, &p->uk);
	struct mentry **e = place(j, MAPS, ns, uk, 0);
	const void *got;
	uint8_t one[9] = { 0 };
	int64_t *at;
	bool created;

	ck_ok(weir_state_map_get(s, NULL, &key, &got, &err));
	ck_assert((got != NULL) == (*e != NULL));
	if (below(j, 3) == 0) {
		uint32_t n = weir_state_map_count(s, NULL);

		ck_ok(weir_state_map_remove(s, NULL, &key, &err));
		ck_assert_uint_eq(weir_state_map_count(s, NULL), n - (*e != NULL));
		model_remove(e);
		return;
	}
	ck_ok(weir_state_map_edit(s, NULL, &key, (void **)&at, &created, &err));
	ck_assert(created == (*e == NULL));
	ck_assert(!created || *at == 0);
	*at += 1;
	memcpy(one + 1, wire(&weir_int64, at, &p->value).ptr, 8);
	set_bytes(put(j, MAPS, ns, uk, 0), (struct weir_slice){ one, 9 });
}

static void op_folks(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s = j->states[FOLKS];
	struct weir_window w = { 0, below(j, 2) * 1000 };
	int64_t key = below(j, 12);
	struct weir_slice ns = wire(&weir_time_window, &w, &p->ns), uk = wire(&weir_int64, &key, &p->uk);
	struct mentry **e = place(j, FOLKS, ns, uk, 0), *m;
	struct person v = any_person(j), *at;
	bool created;

	if (below(j, 60) == 0) { /* the whole map: walk it to know the keys */
		const void *k, *value;
		uint64_t cursor = 0;

		while (weir_state_map_next(s, &w, &cursor, &k, &value))
			model_remove(place(j, FOLKS, ns, wire(&weir_int64, k, &p->uk), 0));
		ck_ok(weir_state_clear(s, &w, &err));
		ck_assert_uint_eq(weir_state_map_count(s, &w), 0);
		return;
	}
	if (below(j, 3) == 0) {
		ck_ok(weir_state_map_remove(s, &w, &key, &err));
		model_remove(e);
		return;
	}
	ck_ok(weir_state_map_edit(s, &w, &key, (void **)&at, &created, &err));
	ck_assert(created == (*e == NULL));
	at->n += v.n;
	if (created || below(j, 2))
		at->name = v.name;
	v = *at;
	wire(&person_type, &v, &p->value);
	m = put(j, FOLKS, ns, uk, 0);
	weir_buf_clear(&m->value);
	weir_buf_u8(&m->value, 0);
	weir_buf_put_slice(&m->value, weir_buf_slice(&p->value));
}

static void op_timers(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_window w = { 0, below(j, 4) * 1000 };
	bool windows = below(j, 2);
	enum weir_time_domain d = below(j, 3) ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME;
	struct weir_timers *t = windows ? j->wtimers : j->timers;
	uint32_t queue = (windows ? WEVENT : EVENT) + (d == WEIR_PROCESSING_TIME);
	struct weir_slice ns = windows ? wire(&weir_time_window, &w, &p->ns) : wire(&weir_void, NULL, &p->ns), uk = { NULL, 0 };
	int64_t time = (int64_t)below(j, 50) - 10;
	uint64_t n = weir_timers_count(t, d);
	bool had = *place(j, queue, ns, uk, time) != NULL;

	if (below(j, 3) == 0) {
		ck_ok(weir_timers_remove(t, d, time, windows ? &w : NULL, &err));
		ck_assert_uint_eq(weir_timers_count(t, d), n - had);
		model_remove(place(j, queue, ns, uk, time));
		return;
	}
	ck_ok(weir_timers_add(t, d, time, windows ? &w : NULL, &err));
	ck_assert_uint_eq(weir_timers_count(t, d), n + !had);
	put(j, queue, ns, uk, time);
}

/* Pops one timer: it must be the least of the model. */
static void op_pop(struct job *j, struct parts *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	int64_t time, next = weir_timers_next(j->wtimers, WEIR_EVENT_TIME);
	struct mentry *least = NULL;
	const void *ns;
	int32_t hash;

	for (uint32_t i = 0; i < NBUCKETS; i++)
		for (struct mentry *e = j->model->buckets[i]; e; e = e->next)
			if (e->state == WEVENT && (!least || e->ts < least->ts))
				least = e;
	ck_assert_int_eq(next, least ? least->ts : INT64_MAX);
	if (!weir_timers_pop(j->wtimers, WEIR_EVENT_TIME, 20, &time, &ns)) {
		ck_assert(!least || least->ts > 20);
		return;
	}
	ck_assert_int_eq(time, least->ts);
	wire(j->config.key, weir_backend_key(j->b), &j->key);
	ck_ok(weir_type_java_hash(j->config.key, weir_backend_key(j->b), &hash, &err));
	j->group = (int32_t)weir_key_group(hash, j->config.max_parallelism);
	wire(&weir_time_window, ns, &p->ns);
	ck_assert_ptr_nonnull(*place(j, WEVENT, weir_buf_slice(&p->ns), (struct weir_slice){ NULL, 0 }, time));
	model_remove(place(j, WEVENT, weir_buf_slice(&p->ns), (struct weir_slice){ NULL, 0 }, time));
}

static void job_run(struct job *j, uint32_t nops)
{
	static void (*const ops[])(struct job *, struct parts *) = { op_counts, op_people, op_wides, op_texts, op_lists, op_maps, op_folks, op_timers, op_timers };
	struct parts p = { 0 };

	for (uint32_t i = 0; i < nops; i++) {
		if (below(j, 200) == 0)
			op_pop(j, &p);
		if (!use_key(j, below(j, j->nkeys)))
			continue;
		for (uint32_t k = below(j, 3); k < 3; k++)
			ops[below(j, sizeof(ops) / sizeof(ops[0]))](j, &p);
	}
	parts_fini(&p);
}

static void job_check(struct job *j, enum weir_keyed_format format, const char *what)
{
	struct lines want = { 0 }, have = { 0 };
	struct shot s;

	shot_take(&s, j->b, format, &j->config);
	shot_lines(&s, &have);
	model_lines(j->model, &want);
	lines_equal(&want, &have, what);
	lines_free(&want);
	lines_free(&have);
	shot_free(&s);
}

/* ---- tests ---- */

static void random_ops(enum key_kind keys, uint32_t nseeds, uint32_t nkeys, uint32_t nops)
{
	for (size_t k = 0; k < NBACKENDS; k++)
		for (uint64_t seed = 1; seed <= nseeds; seed++) {
			struct job j;

			job_open(&j, &backends[k], keys, nkeys, seed % 3 ? 16 : 300, 0, seed % 3 ? 16 : 300, seed * 1000 + keys);
			job_register(&j);
			job_run(&j, nops / 2);
			job_check(&j, WEIR_FORMAT_HEAP, "half way");
			job_run(&j, nops / 2);
			job_check(&j, WEIR_FORMAT_FULL, "canonical");
			job_check(&j, WEIR_FORMAT_HEAP, "native");
			job_close(&j);
		}
}

WEIR_TEST(random_operations_equal_the_model_with_int_keys) { random_ops(INT_KEYS, 12, 60, 3000); }
WEIR_TEST(random_operations_equal_the_model_with_text_keys) { random_ops(TEXT_KEYS, 8, 300, 3000); }
WEIR_TEST(random_operations_equal_the_model_with_long_text_keys) { random_ops(LONG_TEXT_KEYS, 8, 300, 3000); }
WEIR_TEST(random_operations_equal_the_model_with_tuple_keys) { random_ops(TUPLE_KEYS, 8, 100, 3000); }

struct writer { struct shot shot; struct weir_snapshot *snap; const struct weir_backend_config *config; enum weir_keyed_format format; };

static void *write_thread(void *arg)
{
	struct writer *w = arg;

	shot_write(&w->shot, w->snap, w->format, w->config);
	return NULL;
}

#if defined(__SANITIZE_THREAD__)
#define SNAPSHOT_SEEDS 2 /* one of each kind: text keys without, then with changes before the writer starts */
#else
#define SNAPSHOT_SEEDS 6
#endif

WEIR_TEST(a_snapshot_is_the_state_at_its_beginning_while_the_task_goes_on)
{
	for (size_t k = 0; k < NBACKENDS; k++)
		for (uint64_t seed = 1; seed <= SNAPSHOT_SEEDS; seed++) {
			struct weir_error err = WEIR_ERROR_INIT;
			struct job j;

			job_open(&j, &backends[k], (enum key_kind)(seed % NKEY_KINDS), 2000, 32, 0, 32, seed);
			job_register(&j);
			job_run(&j, 8000);
			for (int round = 0; round < 4; round++) {
				struct writer w = { .config = &j.config, .format = round % 2 ? WEIR_FORMAT_FULL : WEIR_FORMAT_HEAP };
				struct lines want = { 0 }, have = { 0 };
				pthread_t thread;

				model_lines(j.model, &want);
				ck_ok(weir_backend_snapshot(j.b, &w.snap, &err));
				if (seed % 2)
					job_run(&j, 300); /* also before the writer starts */
				ck_assert_int_eq(pthread_create(&thread, NULL, write_thread, &w), 0);
				job_run(&j, 3000);
				pthread_join(thread, NULL);
				job_run(&j, 100);
				weir_snapshot_end(w.snap);
				shot_lines(&w.shot, &have);
				lines_equal(&want, &have, "snapshot");
				lines_free(&want);
				lines_free(&have);
				shot_free(&w.shot);
			}
			job_check(&j, WEIR_FORMAT_HEAP, "afterwards");
			job_close(&j);
		}
}

static void rescale(const struct backend_kind *kind, enum key_kind keys, enum weir_keyed_format format, bool claim)
{
	static const uint32_t parallelism[] = { 3, 2, 1 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct lines want = { 0 };
	struct shot shots[3];
	uint32_t nshots = 1, max = 20;
	struct job j;

	job_open(&j, kind, keys, 400, max, 0, max, 77);
	job_register(&j);
	job_run(&j, 6000);
	model_lines(j.model, &want);
	ck_assert_uint_gt(want.len, 500);
	shot_take(&shots[0], j.b, format, &j.config);
	job_close(&j);
	for (int round = 0; round < 3; round++) {
		uint32_t p = parallelism[round];
		struct lines have = { 0 };
		struct shot next[3];

		for (uint32_t i = 0; i < p; i++) {
			uint32_t first = (i * max + p - 1) / p, last = ((i + 1) * max - 1) / p;

			job_open(&j, kind, keys, 400, max, (int32_t)first, last - first + 1, 5);
			for (uint32_t k = 0; k < nshots; k++)
				ck_ok(shot_restore(&shots[k], j.b, &err));
			if (claim)
				job_register(&j);
			else
				ck_assert_ptr_nonnull(weir_backend_unclaimed(j.b, 0));
			shot_take(&next[i], j.b, round == 1 ? WEIR_FORMAT_FULL : format, &j.config);
			shot_lines(&next[i], &have);
			job_close(&j);
		}
		lines_sort(&have);
		lines_equal(&want, &have, "rescaled");
		lines_free(&have);
		for (uint32_t k = 0; k < nshots; k++)
			shot_free(&shots[k]);
		memcpy(shots, next, sizeof(next));
		nshots = p;
	}
	for (uint32_t k = 0; k < nshots; k++)
		shot_free(&shots[k]);
	lines_free(&want);
}

WEIR_TEST(restored_state_is_the_same_after_rescaling_native)
{
	for (size_t k = 0; k < NBACKENDS; k++)
		for (int keys = 0; keys < NKEY_KINDS; keys++)
			rescale(&backends[k], (enum key_kind)keys, WEIR_FORMAT_HEAP, true);
}
WEIR_TEST(restored_state_is_the_same_after_rescaling_canonical)
{
	for (size_t k = 0; k < NBACKENDS; k++)
		for (int keys = 0; keys < NKEY_KINDS; keys++)
			rescale(&backends[k], (enum key_kind)keys, WEIR_FORMAT_FULL, true);
}
WEIR_TEST(states_that_no_one_registers_are_kept)
{
	for (size_t k = 0; k < NBACKENDS; k++) {
		rescale(&backends[k], LONG_TEXT_KEYS, WEIR_FORMAT_HEAP, false);
		rescale(&backends[k], INT_KEYS, WEIR_FORMAT_FULL, false);
	}
}

WEIR_TEST(a_restored_job_goes_on_as_before)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct job j, r;
	struct shot s;

	job_open(&j, &backends[0], LONG_TEXT_KEYS, 200, 16, 0, 16, 9);
	job_register(&j);
	job_run(&j, 4000);
	shot_take(&s, j.b, WEIR_FORMAT_HEAP, &j.config);
	job_open(&r, &backends[0], LONG_TEXT_KEYS, 200, 16, 0, 16, 9);
	ck_ok(shot_restore(&s, r.b, &err));
	job_register(&r);
	ck_assert_ptr_null(weir_backend_unclaimed(r.b, 0));
	free(r.model);
	r.model = j.model; /* every later operation is checked against it */
	j.model = calloc(1, sizeof(*j.model));
	job_run(&r, 4000);
	job_check(&r, WEIR_FORMAT_HEAP, "after restore");
	shot_free(&s);
	job_close(&j);
	job_close(&r);
}

WEIR_TEST(unclaimed_states_are_listed_and_dropped)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_state *s;
	struct lines have = { 0 };
	struct job j, r;
	struct shot shot;
	uint32_t n = 0;

	job_open(&j, &backends[0], INT_KEYS, 50, 8, 0, 8, 3);
	job_register(&j);
	job_run(&j, 500);
	shot_take(&shot, j.b, WEIR_FORMAT_FULL, &j.config);
	job_open(&r, &backends[0], INT_KEYS, 50, 8, 0, 8, 3);
	ck_ok(shot_restore(&shot, r.b, &err));
	ck_ok(weir_backend_state(r.b, &descs[COUNTS], &s, &err));
	while (weir_backend_unclaimed(r.b, n))
		n++;
	ck_assert_uint_eq(n, NSTATES - 1 + 2);
	ck_assert_str_eq(weir_backend_unclaimed(r.b, 0), "people");
	ck_ok(weir_backend_drop_unclaimed(r.b, &err));
	ck_assert_ptr_null(weir_backend_unclaimed(r.b, 0));
	shot_free(&shot);
	shot_take(&shot, r.b, WEIR_FORMAT_HEAP, &r.config);
	shot_lines(&shot, &have);
	ck_assert_uint_eq(have.len, weir_state_count(s));
	for (size_t i = 0; i < have.len; i++)
		ck_assert_int_eq(strncmp(have.items[i], "counts ", 7), 0);
	lines_free(&have);
	shot_free(&shot);
	job_close(&j);
	job_close(&r);
}
