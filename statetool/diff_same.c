// SPDX-License-Identifier: Apache-2.0
/*
 * Which key groups need not be compared entry by entry. Streams of the hashmap backend and canonical ones say where each key group begins: equal metadata blocks and
 * equal bytes are equal entries. RocksDB: the same set of SST files is the same content (the manifest only says where in the tree they are). Comparing bytes costs
 * a small part of taking them apart.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "statetool/diff.h"

struct group {
	struct weir_slice head, bytes; /* of a stream: its metadata block, the group's part */
	struct weir_fs_map *map;       /* that they lie in, or NULL */
	uint64_t files;                /* RocksDB: hash of the set; 0 none */
	bool known;
};

struct loaded {
	struct group *groups;
	uint32_t n;
	WEIR_VEC(struct weir_fs_map *) maps;
};

static int64_t end_of(const struct weir_key_group_offsets *g, int64_t offset, size_t size)
{
	int64_t end = (int64_t)size;

	for (uint32_t i = 0; i < g->count; i++)
		if (g->offsets[i] > offset && g->offsets[i] < end)
			end = g->offsets[i];
	return end;
}

/* Offsets mostly ascend: the next one is the end, else it is searched for. */
static struct weir_slice group_bytes(const struct weir_key_group_offsets *g, uint32_t i, struct weir_slice all)
{
	int64_t offset = g->offsets[i], end;

	if (offset <= 0 || (uint64_t)offset > all.len)
		return (struct weir_slice){ all.ptr, 0 };
	end = i + 1 < g->count && g->offsets[i + 1] > offset ? g->offsets[i + 1] : end_of(g, offset, all.len);
	if ((uint64_t)end > all.len)
		end = (int64_t)all.len;
	return (struct weir_slice){ all.ptr + offset, (size_t)(end - offset) };
}

static void load_stream(struct loaded *l, const struct weir_ckpt *c, const struct weir_keyed_handle *k)
{
	struct weir_fs_map *map = NULL, **slot;
	struct weir_slice all;
	char *path = NULL;
	int64_t first = INT64_MAX;

	if (!k->groups.offsets || weir_ckpt_bytes(c, &k->stream, &map, &all, &path, NULL))
		return;
	free(path);
	slot = map ? weir_vec_push(&l->maps) : NULL;
	if (map && !slot) {
		weir_fs_unmap(map);
		return;
	}
	if (slot)
		*slot = map;
	for (uint32_t i = 0; i < k->groups.count; i++)
		if (k->groups.offsets[i] > 0 && k->groups.offsets[i] < first)
			first = k->groups.offsets[i];
	if (first > (int64_t)all.len)
		first = (int64_t)all.len;
	for (uint32_t i = 0; i < k->groups.count; i++) {
		int64_t kg = (int64_t)k->groups.first + i;

		if (kg >= 0 && kg < l->n)
			l->groups[kg] = (struct group){ .head = { all.ptr, (size_t)first }, .bytes = group_bytes(&k->groups, i, all), .map = map, .known = true };
	}
}

static uint64_t hash_files(const struct weir_ckpt *c, const struct weir_named_handle *h, uint32_t n, bool *known)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct weir_stream_handle *s = &h[i].handle;
		uint64_t seed = weir_hash_u64((uint64_t)s->size) ^ weir_hash_u64((uint64_t)s->start + 1);

		if (h[i].name.len < 4 || memcmp(h[i].name.ptr + h[i].name.len - 4, ".sst", 4) != 0)
			continue;
		if (s->kind == WEIR_HANDLE_RELATIVE && c->dir)
			seed ^= weir_xxh3(c->dir, strlen(c->dir));
		if (s->kind == WEIR_HANDLE_INLINE)
			sum += weir_xxh3_seed(s->data.ptr, s->data.len, 1);
		else if (s->kind == WEIR_HANDLE_FILE || s->kind == WEIR_HANDLE_RELATIVE || s->kind == WEIR_HANDLE_SEGMENT)
			sum += weir_xxh3_seed(s->name.ptr, s->name.len, seed);
		else
			*known = false;
	}
	return sum;
}

static void load_files(struct loaded *l, const struct weir_ckpt *c, const struct weir_keyed_handle *k)
{
	bool known = true;
	uint64_t hash = hash_files(c, k->shared, k->nshared, &known) + hash_files(c, k->private_, k->nprivate, &known);

	for (uint32_t i = 0; known && i < k->groups.count; i++) {
		int64_t kg = (int64_t)k->groups.first + i;

		if (kg >= 0 && kg < l->n)
			l->groups[kg] = (struct group){ .files = hash | 1, .known = true };
	}
}

static bool load(struct loaded *l, const struct weir_ckpt *c, const struct weir_operator_state *op, uint32_t n)
{
	l->n = n;
	l->groups = calloc(n + 1u, sizeof(*l->groups));
	for (uint32_t i = 0; l->groups && i < op->nsubtasks; i++) {
		const struct weir_keyed_handle *k = &op->subtasks[i].managed_keyed;

		switch (k->kind) {
		case WEIR_KEYED_GROUPS_OLD: case WEIR_KEYED_SAVEPOINT: case WEIR_KEYED_GROUPS: load_stream(l, c, k); break;
		case WEIR_KEYED_INCREMENTAL_OLD: case WEIR_KEYED_INCREMENTAL: load_files(l, c, k); break;
		default: break;
		}
	}
	return l->groups != NULL;
}

static void unload(struct loaded *l)
{
	for (size_t i = 0; i < l->maps.len; i++)
		weir_fs_unmap(l->maps.items[i]);
	weir_vec_fini(&l->maps);
	free(l->groups);
}

uint32_t weir__diff_same_groups(const struct weir_ckpt *ca, const struct weir_operator_state *a, const struct weir_ckpt *cb, const struct weir_operator_state *b, uint32_t n,
				uint8_t *same)
{
	struct loaded la = { 0 }, lb = { 0 };
	uint32_t count = 0;
	bool equal;

	memset(same, 0, n);
	if (load(&la, ca, a, n) && load(&lb, cb, b, n))
		for (uint32_t i = 0; i < n; i++) {
			const struct group *x = &la.groups[i], *y = &lb.groups[i];

			if (!x->known || !y->known || x->files != y->files || !weir_slice_eq(x->head, y->head))
				continue;
			equal = weir_slice_eq(x->bytes, y->bytes);
			weir_fs_map_done(x->map, x->bytes);
			weir_fs_map_done(y->map, y->bytes);
			if (!equal)
				continue;
			same[i] = 1;
			count++;
		}
	unload(&la);
	unload(&lb);
	return count;
}
