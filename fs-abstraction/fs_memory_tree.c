// SPDX-License-Identifier: Apache-2.0
/*
 * The tree behind the memory file system, and its crash.
 *
 * There is one tree, the volatile one. Each directory logs the changes of its entries since its last sync_dir(), each with the
 * node before and after; the durable image is the tree with all logs undone. A file keeps how much of it is durable: files
 * only grow, so that is a length; when one is cut back (the recoverable writer), its durable content is kept aside.
 *
 * The crash, per directory, top down in order of creation:
 *   seed 0        every log is undone; every file has its durable content.
 *   another seed  one third: a prefix of the log in order of issue is kept (a journal); one third: each change is kept or dropped
 *                 by itself, but a change implies the earlier ones of the same names (independent entries; a rename within a
 *                 directory stays atomic); one third: all or nothing. A file whose content is not all durable has its durable
 *                 content, or all of it, or a part of the rest, or all of its length with zeros from some point on.
 * A file renamed between directories can be left under both names or none; the move of a directory between parents is taken as
 * durable at once in both (else the tree could become a loop).
 *
 * Invariants: node->refs = slots + log records + streams; a slot with no node has logged > 0. Callers hold the mutex.
 */
#include "fs-abstraction/fs_memory_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"

#define SMALL_DIR 8u

/* ---- files ---- */

struct mem_node *weir__mem_node_new(bool directory)
{
	struct mem_node *n = calloc(1, sizeof(*n));

	if (n) {
		n->refs = 1;
		n->directory = directory;
	}
	return n;
}

void weir__mem_blob_unref(struct mem_blob *b)
{
	if (b && --b->refs == 0)
		free(b);
}

static struct mem_blob *new_blob(size_t cap)
{
	struct mem_blob *b = cap < SIZE_MAX / 2 ? malloc(sizeof(*b) + cap) : NULL;

	if (b) {
		b->refs = 1;
		b->cap = cap;
	}
	return b;
}

/* A blob of its own for the file, with room for cap bytes. */
static int move_content(struct mem_node *n, size_t cap)
{
	struct mem_blob *b;

	if (n->blob && n->blob->refs == 1) {
		b = cap < SIZE_MAX / 2 ? realloc(n->blob, sizeof(*b) + cap) : NULL;
		if (!b)
			return WEIR_ENOMEM;
		b->cap = cap;
	} else {
		b = new_blob(cap);
		if (!b)
			return WEIR_ENOMEM;
		if (n->len)
			memcpy(b->bytes, n->blob->bytes, n->len);
		weir__mem_blob_unref(n->blob);
	}
	n->blob = b;
	return 0;
}

int weir__mem_append(struct mem_fs *m, struct mem_node *n, const void *p, size_t len)
{
	size_t cap = n->blob ? n->blob->cap : 0, need = n->len + len;

	if (need < len)
		return WEIR_ENOMEM;
	if (need > cap) { /* the first write is often the only one: exact; later ones double */
		size_t want = cap ? cap * 2 : need;
		int rc = move_content(n, want > need ? want : need);

		if (rc)
			return rc;
	}
	memcpy(n->blob->bytes + n->len, p, len);
	n->len = need;
	n->mtime = ++m->ticks;
	m->bytes += len;
	return 0;
}

int weir__mem_cut(struct mem_fs *m, struct mem_node *n, size_t len)
{
	size_t was = n->len;

	if (len == was)
		return 0;
	if (len < n->durable && !n->old) { /* the durable bytes are about to be overwritten in this blob */
		n->old = n->blob;
		n->old_len = n->durable;
		n->old->refs++;
	}
	n->len = len;
	if (n->blob->refs > 1 && move_content(n, n->blob->cap)) {
		n->len = was;
		return WEIR_ENOMEM;
	}
	if (n->durable > len)
		n->durable = len;
	m->bytes -= was - len;
	n->mtime = ++m->ticks;
	return 0;
}

void weir__mem_sync(struct mem_fs *m, struct mem_node *n)
{
	(void)m;
	n->durable = n->len;
	weir__mem_blob_unref(n->old);
	n->old = NULL;
	n->old_len = 0;
}

/* ---- directories ---- */

static bool same_name(const struct mem_slot *s, uint64_t hash, const char *name, size_t len)
{
	return s->hash == hash && memcmp(s->name, name, len) == 0 && s->name[len] == 0;
}

static struct mem_slot *find_hashed(const struct mem_node *dir, uint64_t hash, const char *name, size_t len)
{
	struct mem_slot *s;

	if (!dir->buckets) {
		for (s = dir->first; s; s = s->next)
			if (same_name(s, hash, name, len))
				return s;
		return NULL;
	}
	for (s = dir->buckets[hash & (dir->nbuckets - 1)]; s; s = s->chain)
		if (same_name(s, hash, name, len))
			return s;
	return NULL;
}

struct mem_slot *weir__mem_find(const struct mem_node *dir, const char *name, size_t len)
{
	return find_hashed(dir, weir_xxh3(name, len), name, len);
}

/* More buckets; without memory for them the old ones do. */
static void grow_buckets(struct mem_node *dir)
{
	size_t n = dir->nbuckets ? dir->nbuckets * 4 : SMALL_DIR * 4;
	struct mem_slot **b = calloc(n, sizeof(struct mem_slot *));

	if (!b)
		return;
	for (struct mem_slot *s = dir->first; s; s = s->next) {
		s->chain = b[s->hash & (n - 1)];
		b[s->hash & (n - 1)] = s;
	}
	free(dir->buckets);
	dir->buckets = b;
	dir->nbuckets = n;
}

struct mem_slot *weir__mem_slot(struct mem_node *dir, const char *name, size_t len)
{
	uint64_t hash = weir_xxh3(name, len);
	struct mem_slot *s = find_hashed(dir, hash, name, len);

	if (s)
		return s;
	s = calloc(1, sizeof(*s) + len + 1);
	if (!s)
		return NULL;
	s->hash = hash;
	memcpy(s->name, name, len);
	s->prev = dir->last;
	*(dir->last ? &dir->last->next : &dir->first) = s;
	dir->last = s;
	if (dir->buckets) {
		s->chain = dir->buckets[hash & (dir->nbuckets - 1)];
		dir->buckets[hash & (dir->nbuckets - 1)] = s;
	}
	if (++dir->nslots > (dir->nbuckets ? dir->nbuckets : SMALL_DIR))
		grow_buckets(dir);
	return s;
}

void weir__mem_tidy(struct mem_node *dir, struct mem_slot *s)
{
	if (!s || s->node || s->logged)
		return;
	if (dir->buckets) {
		struct mem_slot **at = &dir->buckets[s->hash & (dir->nbuckets - 1)];

		while (*at != s)
			at = &(*at)->chain;
		*at = s->chain;
	}
	*(s->prev ? &s->prev->next : &dir->first) = s->next;
	*(s->next ? &s->next->prev : &dir->last) = s->prev;
	dir->nslots--;
	free(s);
}

/* The references of slot, record and caller are counted apart: this one moves the slot's. */
static void set_slot(struct mem_fs *m, struct mem_node *dir, struct mem_slot *s, struct mem_node *to)
{
	struct mem_node *was = s->node;

	if (to)
		to->refs++;
	s->node = to;
	dir->live += (size_t)(to != NULL) - (size_t)(was != NULL);
	if (was)
		weir__mem_node_unref(m, was);
}

int weir__mem_change(struct mem_fs *m, struct mem_node *dir, struct mem_slot *a, struct mem_node *to_a, struct mem_slot *b, struct mem_node *to_b)
{
	struct mem_slot *slots[2] = { a, b };
	struct mem_node *to[2] = { to_a, to_b };
	struct mem_change *c;

	if (dir->nlog == dir->log_cap) {
		size_t cap = dir->log_cap ? dir->log_cap * 2 : 4;
		struct mem_change *log = realloc(dir->log, cap * sizeof(*log));

		if (!log)
			return WEIR_ENOMEM;
		dir->log = log;
		dir->log_cap = cap;
	}
	c = &dir->log[dir->nlog++];
	*c = (struct mem_change){ 0 };
	for (int i = 0; i < 2 && slots[i]; i++) {
		c->slot[i] = slots[i];
		c->before[i] = slots[i]->node;
		c->after[i] = to[i];
		slots[i]->logged++;
		if (c->before[i])
			c->before[i]->refs++;
		if (to[i])
			to[i]->refs++;
	}
	for (int i = 0; i < 2 && slots[i]; i++)
		set_slot(m, dir, slots[i], to[i]);
	dir->mtime = ++m->ticks;
	return 0;
}

/* Forget the log; the tree stays as it is. */
void weir__mem_sync_dir(struct mem_fs *m, struct mem_node *dir)
{
	for (size_t i = 0; i < dir->nlog; i++) {
		struct mem_change *c = &dir->log[i];

		for (int k = 0; k < 2 && c->slot[k]; k++) {
			if (c->before[k])
				weir__mem_node_unref(m, c->before[k]);
			if (c->after[k])
				weir__mem_node_unref(m, c->after[k]);
			c->slot[k]->logged--;
			weir__mem_tidy(dir, c->slot[k]);
		}
	}
	dir->nlog = 0;
}

void weir__mem_node_unref(struct mem_fs *m, struct mem_node *n)
{
	if (--n->refs)
		return;
	if (n->directory) {
		weir__mem_sync_dir(m, n);
		for (struct mem_slot *s = n->first, *next; s; s = next) {
			next = s->next;
			if (s->node)
				weir__mem_node_unref(m, s->node);
			free(s);
		}
		free(n->buckets);
		free(n->log);
	} else {
		m->bytes -= n->len;
		weir__mem_blob_unref(n->blob);
		weir__mem_blob_unref(n->old);
	}
	free(n);
}

/* ---- the crash ---- */

/* Each change by itself with even odds; a kept one wants the earlier ones of its names. */
static void choose_each(struct mem_node *dir, struct weir_rng *rng)
{
	for (size_t i = dir->nlog; i-- > 0;) {
		struct mem_change *c = &dir->log[i];
		struct mem_slot *a = c->slot[0], *b = c->slot[1];

		c->keep = a->wanted || (b && b->wanted) || weir_rng_below(rng, 2);
		if (c->keep) {
			a->wanted = true;
			if (b)
				b->wanted = true;
		}
	}
	for (size_t i = 0; i < dir->nlog; i++)
		for (int k = 0; k < 2 && dir->log[i].slot[k]; k++)
			dir->log[i].slot[k]->wanted = false;
}

static void choose(struct mem_node *dir, struct weir_rng *rng)
{
	size_t n = dir->nlog, cut = 0;
	uint64_t how = rng ? weir_rng_below(rng, 3) : 3;

	if (how == 1) {
		choose_each(dir, rng);
		return;
	}
	if (how == 0)
		cut = weir_rng_below(rng, n + 1);
	else if (how == 2)
		cut = weir_rng_below(rng, 2) ? n : 0;
	for (size_t i = 0; i < n; i++)
		dir->log[i].keep = i < cut;
}

static void crash_file(struct mem_fs *m, struct mem_node *n, struct weir_rng *rng)
{
	size_t len = n->durable, unsynced = n->len - n->durable;
	uint64_t how = (unsynced || n->old) && rng ? weir_rng_below(rng, 4) : 0;

	if (how == 0 && n->old) {
		m->bytes += n->old_len;
		m->bytes -= n->len;
		weir__mem_blob_unref(n->blob);
		n->blob = n->old;
		n->len = n->durable = n->old_len;
		n->old = NULL;
		return;
	}
	if (how == 1 || how == 3)
		len = n->len;
	else if (how == 2)
		len += weir_rng_below(rng, unsynced + 1);
	if (how == 3 && unsynced && n->blob->refs > 1 && move_content(n, n->blob->cap))
		len = n->durable;
	else if (how == 3 && unsynced) {
		size_t from = n->durable + weir_rng_below(rng, unsynced);

		memset(n->blob->bytes + from, 0, n->len - from);
	}
	m->bytes -= n->len - len;
	n->len = len;
	weir__mem_sync(m, n);
}

static void crash_dir(struct mem_fs *m, struct mem_node *dir, struct weir_rng *rng)
{
	if (dir->nlog) {
		choose(dir, rng);
		for (size_t i = dir->nlog; i-- > 0;)
			for (int k = 0; k < 2 && dir->log[i].slot[k]; k++)
				set_slot(m, dir, dir->log[i].slot[k], dir->log[i].before[k]);
		for (size_t i = 0; i < dir->nlog; i++)
			for (int k = 0; k < 2 && dir->log[i].slot[k] && dir->log[i].keep; k++)
				set_slot(m, dir, dir->log[i].slot[k], dir->log[i].after[k]);
		weir__mem_sync_dir(m, dir);
	}
	for (struct mem_slot *s = dir->first; s; s = s->next) {
		struct mem_node *n = s->node;

		if (n->crash_seen == m->epoch)
			continue;
		n->crash_seen = m->epoch;
		if (n->directory)
			crash_dir(m, n, rng);
		else
			crash_file(m, n, rng);
	}
}

void weir__mem_crash(struct mem_fs *m, uint64_t seed)
{
	struct weir_rng rng = { seed };

	crash_dir(m, m->root, seed ? &rng : NULL);
}
