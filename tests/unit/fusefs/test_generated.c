// SPDX-License-Identifier: Apache-2.0
/*
 * Generated states against a model: random keys (those that make bad file names above all), windows, parallelisms; the tree must show exactly them. WEIR_SEEDS=n tries more
 * seeds; a failure names its seed. And what a state of a million keys in one key group costs.
 */
#include "base/arena.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/vec.h"
#include "fusefs/name.h"
#include "fusefs/tree.h"
#include "state/flink/keyed.h"
#include "statetool/text.h"
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static struct weir_error err = WEIR_ERROR_INIT;

struct model_entry {
	char text[400];
	size_t len;
	int64_t start, value; /* window [start, start + 1000), -1: none */
	uint32_t group;
	struct weir_buf key, ns;
};

struct model {
	WEIR_VEC(struct model_entry) v;
	uint32_t max_parallelism;
	bool windows;
};

static int put(void *arg, const void *p, size_t n, struct weir_error *e)
{
	(void)e;
	weir_buf_put(arg, p, n);
	return weir_buf_error(arg);
}

/* By key group, then serialized key and namespace: the order a canonical stream has. */
static int by_group(const void *x, const void *y)
{
	const struct model_entry *a = x, *b = y;
	size_t n = a->key.len < b->key.len ? a->key.len : b->key.len;
	int c = a->group != b->group ? (a->group < b->group ? -1 : 1) : n ? memcmp(a->key.data, b->key.data, n) : 0;

	return c ? c : a->key.len != b->key.len ? (a->key.len < b->key.len ? -1 : 1) : a->ns.len ? memcmp(a->ns.data, b->ns.data, a->ns.len) : 0;
}

static void random_key(struct weir_rng *r, struct model_entry *e)
{
	static const char *const odd[] = { "", ".", "..", "/", "a/b", "%", "%41", "@", "~", "\n", "a\nb", " ", " x ", "\x7f", "\x1b[2J", "ORD.json", "ORD.raw", "\\", "\xe2\x80\xa8", "\xc3\xa9", "e\xcc\x81",
					   "\xf0\x9f\x98\x80", "\t", "null", "0x00", "~0123", "-", "--help", "*", "\"", "{\"a\":1}", "\xe2\x80\xae", ".hidden", "A", "a" };
	size_t n;

	if (weir_rng_below(r, 3) == 0) {
		const char *text = odd[weir_rng_below(r, sizeof(odd) / sizeof(odd[0]))];

		e->len = strlen(text);
		memcpy(e->text, text, e->len);
		return;
	}
	n = weir_rng_below(r, 10) == 0 ? 200 + weir_rng_below(r, 150) : weir_rng_below(r, 12);
	for (e->len = 0; e->len < n; e->len++)
		e->text[e->len] = (char)(weir_rng_below(r, 8) ? 'a' + (int)weir_rng_below(r, 26) : 1 + (int)weir_rng_below(r, 126));
}

static void make_model(struct model *m, uint64_t seed)
{
	static const uint32_t parallelisms[] = { 1, 2, 4, 128, 1000 };
	struct weir_rng r = { seed };
	size_t n = weir_rng_below(&r, 120);

	m->max_parallelism = parallelisms[weir_rng_below(&r, 5)];
	m->windows = weir_rng_below(&r, 2);
	while (m->v.len < n) {
		struct model_entry *e = weir_vec_push(&m->v);
		struct weir_str s;
		char window[64];
		int32_t hash;

		memset(e, 0, sizeof(*e));
		random_key(&r, e);
		e->start = m->windows ? (int64_t)weir_rng_below(&r, 3) * 1000 - 1000 : -1;
		e->value = (int64_t)weir_rng_next(&r);
		s = weir_str_view(e->text, (uint32_t)e->len);
		ck_ok(weir_type_java_hash(&weir_string, &s, &hash, &err));
		e->group = weir_key_group(hash, m->max_parallelism);
		ck_ok(weir_text_parse(&weir_string, e->text, e->len, false, &e->key, &err));
		snprintf(window, sizeof(window), "%lld_%lld", (long long)e->start, (long long)e->start + 1000);
		if (m->windows)
			ck_ok(weir_text_parse(&weir_time_window, window, strlen(window), false, &e->ns, &err));
		else
			weir_buf_u8(&e->ns, 0);
		for (size_t i = 0; i + 1 < m->v.len; i++)
			if (m->v.items[i].len == e->len && memcmp(m->v.items[i].text, e->text, e->len) == 0 && m->v.items[i].start == e->start) {
				weir_buf_fini(&e->key);
				weir_buf_fini(&e->ns);
				m->v.len--; /* there already */
				break;
			}
		if (weir_rng_below(&r, 200) == 0)
			break;
	}
	if (m->v.len)
		qsort(m->v.items, m->v.len, sizeof(*m->v.items), by_group);
}

static void clear_model(struct model *m)
{
	for (size_t i = 0; i < m->v.len; i++) {
		weir_buf_fini(&m->v.items[i].key);
		weir_buf_fini(&m->v.items[i].ns);
	}
	weir_vec_fini(&m->v);
}

/* Write `stream` as the keyed state of the only operator. */
static void write_savepoint(const char *dir, uint32_t max_parallelism, const struct weir_buf *stream, int64_t *offsets)
{
	struct weir_operator_state op = { .id = weir_operator_id_of_uid("op"), .parallelism = 1, .max_parallelism = max_parallelism, .nsubtasks = 1 };
	struct weir_ckpt c = { .id = 7, .noperators = 1, .operators = &op, .properties = { .kind = WEIR_SNAPSHOT_SAVEPOINT } };
	struct weir_subtask_state sub = { .managed_keyed = { .kind = WEIR_KEYED_SAVEPOINT, .groups = { 0, max_parallelism, offsets },
							     .stream = { .kind = WEIR_HANDLE_INLINE, .name = { (const uint8_t *)"x", 1 }, .size = (int64_t)stream->len, .data = weir_buf_slice(stream) } } };
	struct weir_buf meta = { 0 };
	char path[700];
	FILE *f;

	op.subtasks = &sub;
	ck_ok(weir_ckpt_encode(&c, WEIR_META_DEFAULT, &meta, &err));
	mkdir(dir, 0755);
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	f = fopen(path, "wb");
	ck_assert(f && fwrite(meta.data, 1, meta.len, f) == meta.len);
	ck_assert_int_eq(fclose(f), 0);
	weir_buf_fini(&meta);
}

static void write_model(const char *dir, const struct model *m)
{
	struct weir_keyed_state_meta state = { .name = "s", .kind = WEIR_STATE_VALUE, .ns = m->windows ? &weir_time_window : &weir_void, .stored = &weir_int64 };
	struct weir_buf stream = { 0 };
	struct weir_keyed_writer *w;
	int64_t *offsets = calloc(m->max_parallelism, sizeof(*offsets));
	uint64_t size;
	size_t at = 0;

	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_string, 1, &state, m->max_parallelism, 0, m->max_parallelism, put, &stream, &w, &err));
	for (uint32_t g = 0; g < m->max_parallelism; g++) {
		ck_ok(weir_keyed_writer_group(w, (int32_t)g, &err));
		if (at < m->v.len && m->v.items[at].group == g)
			ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
		for (; at < m->v.len && m->v.items[at].group == g; at++) {
			const struct model_entry *e = &m->v.items[at];
			uint64_t big = __builtin_bswap64((uint64_t)e->value);

			ck_ok(weir_keyed_writer_entry(w, weir_buf_slice(&e->key), weir_buf_slice(&e->ns), (struct weir_slice){ 0 }, (struct weir_slice){ (uint8_t *)&big, 8 }, 0, &err));
		}
	}
	ck_ok(weir_keyed_writer_finish(w, offsets, &size, &err));
	weir_keyed_writer_free(w);
	write_savepoint(dir, m->max_parallelism, &stream, offsets);
	weir_buf_fini(&stream);
	free(offsets);
}

static struct weir_tree *open_tree(const char *dir)
{
	struct weir_source *src = NULL;
	struct weir_tree *t = NULL;

	ck_ok(weir_source_open(dir, &src, &err));
	ck_ok(weir_tree_new(src, NULL, &t, &err));
	return t;
}

static void read_all(struct weir_tree *t, uint64_t ino, struct weir_buf *out)
{
	struct weir_file *f = NULL;
	struct weir_attr a;
	size_t n;

	weir_buf_clear(out);
	ck_ok(weir_tree_attr(t, ino, &a, &err));
	ck_ok(weir_tree_open(t, ino, &f, &err));
	do {
		ck_ok(weir_tree_read(f, weir_buf_room(out, 333), 333, out->len, &n, &err));
		out->len += n;
	} while (n);
	weir_tree_close(f);
	ck_assert_uint_eq(a.size, out->len);
}

#define STATE "latest/by-uid/op/keyed/states/s/"

static uint64_t find(struct weir_tree *t, const char *path)
{
	uint64_t ino;

	ck_ok(weir_tree_resolve(t, path, &ino, &err));
	return ino;
}

/* Each entry of the model under the name that the coding gives it (long ones as they are listed), with its value. */
static void check_entry(struct weir_tree *t, const struct model_entry *e, uint64_t seed)
{
	struct weir_buf name = { 0 }, path = { 0 }, got = { 0 };
	char want[32];
	uint8_t hash[16];
	uint64_t dir;

	weir_name_encode((struct weir_slice){ (const uint8_t *)e->text, e->len }, &name);
	if (e->start >= 0 || e->ns.len > 1)
		weir_buf_printf(&name, "@%lld_%lld", (long long)e->start, (long long)e->start + 1000);
	weir_leaf_hash(weir_buf_slice(&e->key), weir_buf_slice(&e->ns), hash);
	weir_name_shorten(&name, 0, 250, hash, false);
	for (int listed = 0; listed < 2; listed++) {
		uint64_t ino;

		weir_buf_clear(&path);
		if (listed)
			weir_buf_printf(&path, STATE "by-key/%05u", e->group);
		else
			weir_buf_text(&path, STATE "get");
		dir = find(t, weir_buf_cstr(&path));
		weir_buf_clear(&path);
		weir_buf_printf(&path, "%s.txt", weir_buf_cstr(&name));
		ck_assert_msg(weir_tree_lookup(t, dir, weir_buf_cstr(&path), &ino, &err) == 0, "seed %llu: %s is not there", (unsigned long long)seed, weir_buf_cstr(&path));
		read_all(t, ino, &got);
		snprintf(want, sizeof(want), "%lld\n", (long long)e->value);
		ck_assert_msg(strcmp(weir_buf_cstr(&got), want) == 0, "seed %llu: %s", (unsigned long long)seed, weir_buf_cstr(&path));
	}
	weir_buf_fini(&name);
	weir_buf_fini(&path);
	weir_buf_fini(&got);
}

/* Names below a directory: each is found again, none is a bad one. */
static uint64_t count_leaves(struct weir_tree *t, uint64_t dir, uint64_t seed)
{
	struct weir_buf name = { 0 };
	uint64_t ino, again, n = 0;

	for (uint64_t i = 0; weir_tree_child(t, dir, i, &ino, &name, &err) == 0; i++) {
		const char *s = weir_buf_cstr(&name);

		ck_assert_msg(name.len <= 255 && s[0] != '.' && !strpbrk(s, "/\n\x1b"), "seed %llu: the name %s", (unsigned long long)seed, s);
		ck_assert_msg(weir_tree_lookup(t, dir, s, &again, &err) == 0 && again == ino, "seed %llu: %s", (unsigned long long)seed, s);
		n += weir_tree_shape(ino) == WEIR_SHAPE_DIR ? count_leaves(t, ino, seed) : 1;
	}
	weir_buf_fini(&name);
	return n;
}

static void try_seed(uint64_t seed)
{
	struct model m = { 0 };
	struct weir_buf got = { 0 };
	struct weir_tree *t;
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/sp", weir_test_dir());
	make_model(&m, seed);
	write_model(dir, &m);
	t = open_tree(dir);
	read_all(t, find(t, STATE "count"), &got);
	ck_assert_msg(strtoull(weir_buf_cstr(&got), NULL, 10) == m.v.len, "seed %llu: count %s", (unsigned long long)seed, weir_buf_cstr(&got));
	for (size_t i = 0; i < m.v.len; i++)
		check_entry(t, &m.v.items[i], seed);
	ck_assert_msg(count_leaves(t, find(t, STATE "by-key"), seed) == m.v.len, "seed %llu: by-key", (unsigned long long)seed);
	if (m.windows)
		ck_assert_msg(count_leaves(t, find(t, STATE "by-window"), seed) == m.v.len, "seed %llu: by-window", (unsigned long long)seed);
	read_all(t, find(t, "latest/problems.jsonl"), &got);
	ck_assert_msg(got.len == 0, "seed %llu: %s", (unsigned long long)seed, weir_buf_cstr(&got));
	weir_tree_free(t);
	clear_model(&m);
	weir_buf_fini(&got);
}

WEIR_TEST(random_states_are_shown_as_they_are)
{
	const char *more = getenv("WEIR_SEEDS");
	uint64_t n = more ? strtoull(more, NULL, 10) : 300;

	for (uint64_t seed = 1; seed <= n; seed++)
		try_seed(seed);
}

/* Every byte of a small savepoint set to 0, 255 and flipped: nothing crashes, and what is read is whole or an error. */
static void survive(struct weir_tree *t, uint64_t dir, int depth)
{
	struct weir_error quiet = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 };
	uint64_t ino;

	for (uint64_t i = 0; depth < 12 && weir_tree_child(t, dir, i, &ino, &name, &quiet) == 0; i++) {
		struct weir_file *f = NULL;
		struct weir_attr a;
		uint8_t buf[8192];
		uint64_t at = 0;
		size_t n = 0;
		int rc;

		weir_error_clear(&quiet);
		if (weir_tree_shape(ino) == WEIR_SHAPE_DIR) {
			survive(t, ino, depth + 1);
			continue;
		}
		if (weir_tree_shape(ino) == WEIR_SHAPE_LINK || weir_tree_attr(t, ino, &a, &quiet) || weir_tree_open(t, ino, &f, &quiet))
			continue;
		do {
			rc = weir_tree_read(f, buf, sizeof(buf), at, &n, &quiet);
			at += rc ? 0 : n;
		} while (rc == 0 && n);
		if (rc == 0 && !a.stream)
			ck_assert_msg(at == a.size, "%s: %llu bytes of %llu", weir_buf_cstr(&name), (unsigned long long)at, (unsigned long long)a.size);
		weir_tree_close(f);
	}
	weir_buf_fini(&name);
}

WEIR_TEST(every_damaged_byte_is_an_error_or_seen)
{
	struct model m = { 0 };
	char dir[600], path[700];
	uint8_t bytes[65536];
	size_t len, opened = 0;
	uint64_t seed = 0;
	FILE *f;

	snprintf(dir, sizeof(dir), "%s/sp", weir_test_dir());
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	do {
		clear_model(&m);
		make_model(&m, ++seed);
	} while (m.v.len < 4 || m.v.len > 12 || !m.windows || m.max_parallelism > 4);
	write_model(dir, &m);
	f = fopen(path, "rb");
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert(len > 200 && len < sizeof(bytes));
	for (size_t at = 0; at < len * 3; at++) {
		struct weir_error why = WEIR_ERROR_INIT;
		struct weir_source *src = NULL;
		struct weir_tree *t = NULL;
		uint8_t was = bytes[at / 3];

		bytes[at / 3] = at % 3 == 0 ? 0 : at % 3 == 1 ? 255 : (uint8_t)~was;
		f = fopen(path, "wb");
		ck_assert(fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
		bytes[at / 3] = was;
		if (weir_source_open(dir, &src, &why)) {
			ck_assert_msg(why.path[0] && why.msg[0], "byte %zu: no message", at / 3);
			continue;
		}
		ck_ok(weir_tree_new(src, NULL, &t, &err));
		survive(t, 1, 0);
		weir_tree_free(t);
		opened++;
	}
	ck_assert_uint_gt(opened, 100);
	clear_model(&m);
}

/* A million keys in one key group: shards of about 4096 at most; finding one takes no walk. */
WEIR_TEST(a_million_keys_in_one_key_group)
{
	enum { N = 1000000 };
	struct weir_keyed_state_meta state = { .name = "s", .kind = WEIR_STATE_VALUE, .ns = &weir_void, .stored = &weir_int64 };
	struct weir_buf stream = { 0 }, name = { 0 }, got = { 0 };
	struct weir_keyed_writer *w;
	struct weir_tree *t;
	int64_t offset;
	uint64_t size, by_key, group, shard, ino, n, sum = 0;
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/sp", weir_test_dir());
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_FULL, &weir_int64, 1, &state, 1, 0, 1, put, &stream, &w, &err));
	ck_ok(weir_keyed_writer_group(w, 0, &err));
	ck_ok(weir_keyed_writer_state(w, 0, 0, &err));
	for (uint64_t i = 0; i < N; i++) {
		uint64_t big = __builtin_bswap64(i), value = __builtin_bswap64(i * 7);

		ck_ok(weir_keyed_writer_entry(w, (struct weir_slice){ (uint8_t *)&big, 8 }, (struct weir_slice){ (const uint8_t *)"", 1 }, (struct weir_slice){ 0 },
					      (struct weir_slice){ (uint8_t *)&value, 8 }, 0, &err));
	}
	ck_ok(weir_keyed_writer_finish(w, &offset, &size, &err));
	weir_keyed_writer_free(w);
	write_savepoint(dir, 1, &stream, &offset);
	weir_buf_fini(&stream);
	t = open_tree(dir);
	by_key = find(t, STATE "by-key");
	ck_ok(weir_tree_child(t, by_key, 0, &group, &name, &err));
	ck_assert_str_eq(weir_buf_cstr(&name), "00000");
	for (uint64_t i = 0; weir_tree_child(t, group, i, &shard, &name, &err) == 0; i++) {
		ck_assert(weir_tree_shape(shard) == WEIR_SHAPE_DIR);
		ck_ok(weir_tree_count(t, shard, &n, &err));
		ck_assert_uint_le(n, 4096 + 400);
		sum += n;
	}
	ck_assert_uint_eq(sum, N);
	for (uint64_t i = 0; i < N; i += 9973) {
		char path[200];

		snprintf(path, sizeof(path), STATE "get/%llu.txt", (unsigned long long)i);
		ck_ok(weir_tree_resolve(t, path, &ino, &err));
		read_all(t, ino, &got);
		ck_assert_uint_eq(strtoull(weir_buf_cstr(&got), NULL, 10), i * 7);
	}
	weir_tree_free(t);
	weir_buf_fini(&name);
	weir_buf_fini(&got);
}
