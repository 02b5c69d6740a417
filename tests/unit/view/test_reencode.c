/* SPDX-License-Identifier: Apache-2.0 */
/* Every keyed and operator stream of the shared fixtures that our types cover, read and written again in the stored order: the same bytes. */
#include "tests/lib/weirtest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "state/flink/keyed.h"
#include "state/flink/oper.h"

struct tally {
	unsigned dirs, full, heap, compressed, opaque, oper, oper_opaque, missing, failed;
};

static int put_buf(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

struct copy {
	struct weir_keyed_writer *w;
	struct weir_error *err;
	bool undecodable;
};

static int copy_state(void *arg, uint32_t state, uint32_t count)
{
	struct copy *c = arg;

	return weir_keyed_writer_state(c->w, state, count, c->err);
}

static int copy_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct copy *c = arg;

	(void)state;
	if (e->undecodable) {
		c->undecodable = true;
		return 1;
	}
	return weir_keyed_writer_entry(c->w, e->key, e->ns, e->user_key, e->value, e->timestamp, c->err);
}

/* 0 equal, 1 not covered, 2 different. */
static int copy_keyed(const struct weir_operator_state *op, const struct weir_keyed_handle *h, struct weir_slice bytes, const char *path, struct tally *t)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const struct weir_key_group_offsets *g = &h->groups;
	struct weir_arena mem = { 0 };
	struct weir_keyed_meta *meta = NULL;
	struct weir_slice head = bytes;
	struct weir_buf out = { 0 };
	struct copy c = { .err = &err };
	struct weir_keyed_walk walk = { copy_state, copy_entry, &c };
	int64_t *offsets = calloc(g->count + 1, sizeof(*offsets));
	uint64_t size = 0;
	int result = 0;

	for (uint32_t i = 0; i < g->count; i++)
		if (g->offsets[i] > 0 && (uint64_t)g->offsets[i] < head.len)
			head.len = (size_t)g->offsets[i];
	ck_ok(weir_keyed_read_meta(head, path, &mem, &meta, &err));
	enum weir_keyed_format format = weir_keyed_detect(h->kind, bytes, meta, g, op->max_parallelism);

	ck_ok(weir_keyed_writer_new(format, meta->key, meta->nstates, meta->states, op->max_parallelism, g->first, g->count, put_buf, &out, &c.w, &err));
	if (meta->compressed)
		weir_keyed_writer_compress(c.w);
	for (uint32_t i = 0; i < g->count && !c.undecodable; i++) {
		int64_t end = (int64_t)bytes.len;
		int code;

		for (uint32_t k = 0; k < g->count; k++)
			if (g->offsets[k] > g->offsets[i] && g->offsets[k] < end)
				end = g->offsets[k];
		ck_ok(weir_keyed_writer_group(c.w, g->first + (int32_t)i, &err));
		code = weir_keyed_read_group_stored(format, bytes, path, meta, g->first + (int32_t)i, g->offsets[i], end, op->max_parallelism, &walk, &err);
		if (!c.undecodable)
			ck_ok(code);
	}
	if (c.undecodable) {
		result = 1;
	} else {
		ck_ok(weir_keyed_writer_finish(c.w, offsets, &size, &err));
		if (size != bytes.len || memcmp(out.data, bytes.ptr, bytes.len) != 0 || memcmp(offsets, g->offsets, g->count * sizeof(*offsets)) != 0)
			result = 2;
	}
	t->full += result == 0 && format == WEIR_FORMAT_FULL;
	t->heap += result == 0 && format == WEIR_FORMAT_HEAP;
	t->compressed += result == 0 && meta->compressed;
	t->opaque += result == 1;
	weir_keyed_writer_free(c.w);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	free(offsets);
	return result;
}

struct elements {
	struct weir_slice *items;
	size_t len, cap;
	bool undecodable;
};

static int gather(void *arg, const struct weir_entry *e)
{
	struct elements *el = arg;

	if (el->len == el->cap) {
		el->cap = el->cap ? el->cap * 2 : 64;
		el->items = realloc(el->items, el->cap * sizeof(*el->items));
	}
	el->undecodable |= e->undecodable != NULL;
	el->items[el->len++] = e->value;
	return 0;
}

static int copy_oper(const struct weir_operator_handle *h, struct weir_slice bytes, const char *path, struct tally *t)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_oper_header *head = NULL;
	struct weir_operator_handle again = { 0 };
	struct weir_buf out = { 0 };
	int result = 0;

	ck_ok(weir_oper_read_header(bytes, path, h, &mem, &head, &err));
	struct weir_oper_state *states = calloc(head->nstates + 1, sizeof(*states));
	struct elements *els = calloc(head->nstates + 1, sizeof(*els));

	/* elements must lie in the order of the states for our writer */
	for (uint32_t i = 0; i < head->nstates && result == 0; i++) {
		struct weir_slice whole;

		states[i].meta = head->states[i];
		if (head->states[i].mode == WEIR_BROADCAST && head->states[i].list) { /* one element: the map as stored */
			int64_t from = head->states[i].list->offsets[0], to = (int64_t)bytes.len;

			for (uint32_t a = 0; a < h->nlists; a++)
				for (uint32_t b = 0; b < h->lists[a].count; b++)
					if (h->lists[a].offsets[b] > from && h->lists[a].offsets[b] < to)
						to = h->lists[a].offsets[b];
			whole = (struct weir_slice){ bytes.ptr + from, (size_t)(to - from) };
			gather(&els[i], &(struct weir_entry){ .value = whole });
		} else {
			ck_ok(weir_oper_read(bytes, path, h, head, i, gather, &els[i], &err));
		}
		states[i].count = (uint32_t)els[i].len;
		states[i].elements = els[i].items;
		if (els[i].undecodable)
			result = 1;
	}
	if (head->compressed)
		result = 1; /* our writer does not compress operator state */
	if (result == 0) {
		int32_t version = bytes.ptr[3];

		ck_ok(weir_oper_write(head->nstates, states, version, &out, &mem, &again, &err));
		if (out.len != bytes.len || memcmp(out.data, bytes.ptr, out.len) != 0)
			result = 2;
		for (uint32_t i = 0; i < head->nstates; i++)
			if (head->states[i].list && states[i].count && memcmp(head->states[i].list->offsets, again.lists[i].offsets, states[i].count * sizeof(int64_t)) != 0)
				result = 2;
	}
	t->oper += result == 0;
	t->oper_opaque += result == 1;
	for (uint32_t i = 0; i < head->nstates; i++)
		free(els[i].items);
	free(els);
	free(states);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	return result;
}

static void copy_subtask(const struct weir_ckpt *c, const struct weir_operator_state *op, const struct weir_subtask_state *s, struct tally *t)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	char *path = NULL;
	enum weir_keyed_kind kind = s->managed_keyed.kind;

	if (kind == WEIR_KEYED_GROUPS_OLD || kind == WEIR_KEYED_SAVEPOINT || kind == WEIR_KEYED_GROUPS) {
		if (weir_ckpt_bytes(c, &s->managed_keyed.stream, &map, &bytes, &path, &err) == 0) {
			if (copy_keyed(op, &s->managed_keyed, bytes, path, t) == 2) {
				printf("keyed stream differs: %s\n", path);
				t->failed++;
			}
		} else {
			t->missing++; /* a checkpoint that names absolute paths of another machine */
		}
		if (map)
			weir_fs_unmap(map);
		free(path);
	}
	map = NULL;
	path = NULL;
	weir_error_clear(&err);
	if (s->managed_operator.present && weir_ckpt_bytes(c, &s->managed_operator.stream, &map, &bytes, &path, &err) == 0) {
		if (bytes.len && copy_oper(&s->managed_operator, bytes, path, t) == 2) {
			printf("operator stream differs: %s\n", path);
			t->failed++;
		}
		if (map)
			weir_fs_unmap(map);
		free(path);
	}
}

static void visit(const char *dir, struct tally *t)
{
	char path[1024];
	struct stat st;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/_metadata", dir);
	if (stat(path, &st) == 0) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_ckpt *c = NULL;

		ck_ok(weir_ckpt_open(dir, &c, &err));
		for (uint32_t i = 0; i < c->noperators; i++)
			for (uint32_t k = 0; k < c->operators[i].nsubtasks; k++)
				copy_subtask(c, &c->operators[i], &c->operators[i].subtasks[k], t);
		weir_ckpt_close(c);
		t->dirs++;
		return;
	}
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			visit(path, t);
	}
	if (d)
		closedir(d);
}

WEIR_TEST(streams_of_all_fixtures_are_written_again_byte_for_byte)
{
	const char *dir = weir_test_shared("fixtures");
	struct tally t = { 0 };

	if (!dir)
		weir_test_skip("shared fixtures are not here");
	visit(dir, &t);
	printf("%u checkpoints: %u FULL, %u HEAP (%u of them compressed), %u operator streams equal; not covered: %u keyed, %u operator; %u files elsewhere\n", t.dirs,
	       t.full, t.heap, t.compressed, t.oper, t.opaque, t.oper_opaque, t.missing);
	ck_assert_uint_eq(t.failed, 0);
	ck_assert_uint_gt(t.full, 100);
	ck_assert_uint_gt(t.heap, 50);
	ck_assert_uint_gt(t.oper, 100);
}
