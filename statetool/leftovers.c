// SPDX-License-Identifier: Apache-2.0
/*
 * Leftovers: what lies in the directories of a checkpoint and is no part of it. The names of the files of all handles are gathered and sorted, then directories are listed and each file is
 * looked up, by its name alone: a checkpoint may have been moved, or be reached by another path. Nothing is opened or changed. What cannot be listed has no leftovers: damage is found by who reads. One thread; fails without memory.
 */
#include "statetool/leftovers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "fs-abstraction/path.h"

struct listing {
	const struct weir_ckpt *c;
	const char *dir;
	WEIR_VEC(char *) named;
	weir_leftover_fn *fn;
	void *arg;
	bool no_memory, unknown;
	int stopped;
};

static int name_one(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct listing *l = arg;
	char **slot;
	size_t from = h->name.len;
	char *name;

	(void)op, (void)sub;
	if (h->kind != WEIR_HANDLE_FILE && h->kind != WEIR_HANDLE_RELATIVE && h->kind != WEIR_HANDLE_SEGMENT)
		return 0;
	while (from > 0 && h->name.ptr[from - 1] != '/')
		from--;
	name = strndup((const char *)h->name.ptr + from, h->name.len - from);
	slot = name ? weir_vec_push(&l->named) : NULL;
	if (!slot) {
		free(name);
		l->no_memory = true;
		return 1;
	}
	*slot = name;
	return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_ours(const char *name) { return strcmp(name, "_metadata") == 0 || strcmp(name, "loss-report.ndjson") == 0; }

static int one_file(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct listing *l = arg;
	char *path;

	if (st->type != WEIR_FS_FILE || is_ours(name))
		return 0;
	if (l->named.len && bsearch(&name, l->named.items, l->named.len, sizeof(*l->named.items), by_name))
		return 0;
	path = weir_path_join(l->dir, name);
	if (!path) {
		l->no_memory = true;
		return 1;
	}
	l->stopped = l->fn(l->arg, path, st->size);
	free(path);
	return l->stopped;
}

static void list(struct listing *l, const char *dir)
{
	if (l->named.len)
		qsort(l->named.items, l->named.len, sizeof(*l->named.items), by_name);
	l->dir = dir;
	if (!l->no_memory && !l->stopped && weir_fs_list(l->c->fs, dir, one_file, l, NULL))
		(void)0; /* not there, or not to be listed */
}

/* ---- the other checkpoints of the job ---- */

static int one_checkpoint(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct listing *l = arg;
	struct weir_fs_stat meta;
	struct weir_ckpt *other = NULL;
	const struct weir_ckpt *self = l->c;
	char *path, *metadata;

	(void)st;
	if (strncmp(name, "chk-", 4) != 0)
		return 0;
	path = weir_path_join(l->dir, name);
	metadata = path ? weir_path_join(path, "_metadata") : NULL;
	if (!metadata) {
		l->no_memory = true;
	} else if (strcmp(path, self->dir) != 0 && weir_fs_stat(self->fs, metadata, &meta, NULL) == 0) { /* never completed: refers to nothing */
		if (weir_ckpt_open(metadata, &other, NULL)) {
			l->unknown = true;
		} else {
			l->c = other;
			weir_ckpt_each_handle(other, name_one, l);
			l->c = self;
			weir_ckpt_close(other);
		}
	}
	free(metadata);
	free(path);
	return l->no_memory;
}

static void list_shared(struct listing *l)
{
	static const char *const names[] = { "shared", "taskowned" };
	char *job = strdup(l->c->dir), *slash = job ? strrchr(job, '/') : NULL;

	if (!job)
		l->no_memory = true;
	if (!slash || slash == job || strncmp(slash + 1, "chk-", 4) != 0) {
		free(job);
		return;
	}
	*slash = 0;
	l->dir = job;
	if (weir_fs_list(l->c->fs, job, one_checkpoint, l, NULL))
		l->unknown = true;
	for (size_t i = 0; i < 2 && !l->unknown && !l->no_memory; i++) {
		char *dir = weir_path_join(job, names[i]);

		if (dir)
			list(l, dir);
		else
			l->no_memory = true;
		free(dir);
	}
	free(job);
}

int weir_leftovers(const struct weir_ckpt *c, bool shared, weir_leftover_fn *fn, void *arg, bool *out_unknown, struct weir_error *err)
{
	struct listing l = { .c = c, .fn = fn, .arg = arg };

	if (c->dir && c->fs && c->path && strcmp(weir_path_name(c->path), "_metadata") == 0) {
		weir_ckpt_each_handle(c, name_one, &l);
		list(&l, c->dir);
		if (shared && !l.stopped)
			list_shared(&l);
	}
	for (size_t i = 0; i < l.named.len; i++)
		free(l.named.items[i]);
	weir_vec_fini(&l.named);
	*out_unknown = l.unknown;
	return l.no_memory ? weir_error_set(err, WEIR_ENOMEM, "no memory for the files of a checkpoint") : l.stopped;
}
