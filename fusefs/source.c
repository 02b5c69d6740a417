// SPDX-License-Identifier: Apache-2.0
/*
 * Finding and opening snapshots. A slot is never reused, so that an inode number means one thing for ever; a snapshot that was deleted
 * under the mount keeps its slot, marked gone, and what is mapped of it stays readable.
 */
#include "fusefs/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs-abstraction/path.h"

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory for the mount"); }

static void free_snapshot(struct weir_snapshot *s)
{
	if (s->view)
		weir_view_close(s->view);
	else
		weir_ckpt_close(s->ckpt);
	weir_arena_fini(&s->mem);
	pthread_mutex_destroy(&s->lock);
	free(s->name);
	free(s->uri);
	free(s);
}

/* Open its metadata. Not being able to is not a failure: the snapshot is then listed as incomplete. */
static void try_complete(struct weir_source *src, struct weir_snapshot *s)
{
	struct weir_fs_stat st;

	weir_error_clear(&s->why);
	if (weir_ckpt_open(s->uri, &s->ckpt, &s->why))
		return;
	s->id = s->ckpt->id;
	if (weir_fs_stat(src->fs, s->ckpt->path, &st, NULL) == 0)
		s->mtime_ms = st.mtime_ms;
	__atomic_store_n(&s->complete, true, __ATOMIC_RELEASE); /* after all it announces */
}

static struct weir_snapshot *by_name(struct weir_source *src, const char *name)
{
	for (uint32_t i = 0; i < src->nslots; i++)
		if (strcmp(src->slots[i]->name, name) == 0)
			return src->slots[i];
	return NULL;
}

static int add(struct weir_source *src, const char *name, const char *uri, struct weir_error *err)
{
	struct weir_snapshot *s = by_name(src, name);

	if (s) {
		s->gone = false;
		if (!s->complete)
			try_complete(src, s);
		return 0;
	}
	if (src->nslots == WEIR_SNAPSHOTS_MAX) {
		src->left_out++;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return no_memory(err);
	pthread_mutex_init(&s->lock, NULL);
	s->name = strdup(name);
	s->uri = strdup(uri);
	if (!s->name || !s->uri) {
		free_snapshot(s);
		return no_memory(err);
	}
	try_complete(src, s);
	src->slots[src->nslots] = s;
	__atomic_store_n(&src->nslots, src->nslots + 1, __ATOMIC_RELEASE);
	return 0;
}

struct listing {
	struct weir_source *src;
	const char *dir, *prefix; /* prefix of names, for the root of several jobs */
	uint32_t jobs;
	char job[33];
	int code;
	struct weir_error *err;
};

static bool has_metadata(struct weir_fs *fs, const char *dir)
{
	char *path = weir_path_join(dir, "_metadata");
	struct weir_fs_stat st;
	bool yes = path && weir_fs_stat(fs, path, &st, NULL) == 0 && st.type == WEIR_FS_FILE;

	free(path);
	return yes;
}

static bool is_job(const char *name) { return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32; }

static int one_dir(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct listing *l = arg;
	char *path, label[600];

	if (st->type != WEIR_FS_DIRECTORY)
		return 0;
	path = weir_path_join(l->dir, name);
	if (!path)
		return l->code = no_memory(l->err);
	if (is_job(name)) {
		l->jobs++;
		memcpy(l->job, name, 33);
	}
	if (strncmp(name, "chk-", 4) == 0 || has_metadata(l->src->fs, path)) {
		snprintf(label, sizeof(label), "%s%s", l->prefix, name);
		l->code = add(l->src, label, path, l->err);
	}
	free(path);
	return l->code;
}

/* Below the directory of one job. */
static int list_job(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct listing *l = arg, inner = { .src = l->src, .err = l->err, .prefix = "" };
	char prefix[40] = "", *path;

	if (st->type != WEIR_FS_DIRECTORY || !is_job(name))
		return 0;
	path = weir_path_join(l->dir, name);
	if (!path)
		return l->code = no_memory(l->err);
	if (l->jobs > 1)
		snprintf(prefix, sizeof(prefix), "%s-", name);
	inner.dir = path;
	inner.prefix = prefix;
	l->code = weir_fs_list(l->src->fs, path, one_dir, &inner, l->err);
	free(path);
	return l->code;
}

static int list_all(struct weir_source *src, struct weir_error *err)
{
	struct listing l = { .src = src, .dir = src->path, .prefix = "", .err = err };
	int rc = weir_fs_list(src->fs, src->path, one_dir, &l, err);

	if (rc == 0 && l.jobs)
		rc = weir_fs_list(src->fs, src->path, list_job, &l, err);
	return rc;
}

int weir_source_refresh(struct weir_source *src, struct weir_error *err)
{
	int rc;

	if (!src->live)
		return 0;
	pthread_mutex_lock(&src->lock);
	src->left_out = 0;
	for (uint32_t i = 0; i < src->nslots; i++)
		src->slots[i]->gone = true;
	rc = list_all(src, err);
	pthread_mutex_unlock(&src->lock);
	return rc;
}

static int find_shape(struct weir_source *src, struct weir_error *err)
{
	struct weir_fs_stat st;
	int rc = weir_fs_stat(src->fs, src->path, &st, err);

	if (rc) {
		weir_error_wrap(err, "nothing to mount");
		return rc;
	}
	if (st.type == WEIR_FS_FILE) {
		char *dir = weir_path_parent(src->path);

		rc = dir ? add(src, weir_path_name(dir)[0] ? weir_path_name(dir) : "snapshot", src->path, err) : no_memory(err);
		free(dir);
	} else if (has_metadata(src->fs, src->path)) {
		rc = add(src, weir_path_name(src->path)[0] ? weir_path_name(src->path) : "snapshot", src->path, err);
	} else {
		src->live = true;
		rc = list_all(src, err);
	}
	if (rc == 0 && !src->live && !src->slots[0]->complete) {
		if (err)
			*err = src->slots[0]->why;
		return src->slots[0]->why.code;
	}
	if (rc == 0 && src->nslots == 0)
		return weir_error_at(err, WEIR_ENOTFOUND, src->path, WEIR_NO_OFFSET,
				     "there is no checkpoint or savepoint here: a directory with _metadata, with chk-N directories, or a job's checkpoint root was expected");
	return rc;
}

int weir_source_open(const char *uri, struct weir_source **out, struct weir_error *err)
{
	struct weir_source *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return no_memory(err);
	pthread_mutex_init(&s->lock, NULL);
	s->uri = strdup(uri);
	rc = s->uri ? weir_fs_resolve(uri, &s->fs, &s->path, err) : no_memory(err);
	if (rc == 0)
		rc = find_shape(s, err);
	if (rc)
		weir_source_close(s);
	else
		*out = s;
	return rc;
}

void weir_source_close(struct weir_source *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->nslots; i++)
		free_snapshot(s->slots[i]);
	pthread_mutex_destroy(&s->lock);
	free(s->uri);
	free(s->path);
	free(s);
}

uint32_t weir_source_count(struct weir_source *s) { return __atomic_load_n(&s->nslots, __ATOMIC_ACQUIRE); }

struct weir_snapshot *weir_source_slot(struct weir_source *s, uint32_t slot)
{
	return slot < weir_source_count(s) ? s->slots[slot] : NULL;
}

int weir_source_latest(struct weir_source *s)
{
	int best = -1;

	for (uint32_t i = 0; i < weir_source_count(s); i++) {
		const struct weir_snapshot *a = s->slots[i], *b = best < 0 ? NULL : s->slots[best];

		if (__atomic_load_n(&a->complete, __ATOMIC_ACQUIRE) && !a->gone && (!b || a->mtime_ms > b->mtime_ms || (a->mtime_ms == b->mtime_ms && a->id > b->id)))
			best = (int)i;
	}
	return best;
}

/* ---- files ---- */
struct collecting {
	struct weir_snapshot *s;
	uint32_t cap;
	int code;
};

static void place(struct weir_raw_file *f, const char *uri, struct weir_arena *mem)
{
	const char *slash = strrchr(uri, '/'), *dir = slash;

	f->place = WEIR_PLACE_ABSOLUTE;
	f->name = NULL; /* named by its whole URI, coded */
	if (!slash)
		return;
	while (dir > uri && dir[-1] != '/')
		dir--;
	if (strncmp(dir, "shared/", 7) == 0)
		f->place = WEIR_PLACE_SHARED;
	else if (strncmp(dir, "taskowned/", 10) == 0)
		f->place = WEIR_PLACE_TASKOWNED;
	else if (strncmp(dir, "chk-", 4) == 0)
		f->place = WEIR_PLACE_HERE;
	else
		return;
	f->name = weir_arena_text(mem, slash + 1, strlen(slash + 1));
}

static int collect(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct collecting *c = arg;
	struct weir_snapshot *s = c->s;
	struct weir_raw_file *f;
	char *uri;

	(void)op, (void)sub;
	if (h->kind != WEIR_HANDLE_FILE && h->kind != WEIR_HANDLE_RELATIVE && h->kind != WEIR_HANDLE_SEGMENT)
		return 0;
	for (uint32_t i = 0; i < s->nfiles; i++)
		if (strlen(s->files[i].uri) == h->name.len && memcmp(s->files[i].uri, h->name.ptr, h->name.len) == 0) {
			s->files[i].refs++;
			return 0;
		}
	if (s->nfiles == c->cap) {
		struct weir_raw_file *more = weir_arena_alloc(&s->mem, 2 * c->cap * sizeof(*more), 16);

		if (!more)
			return WEIR_ENOMEM;
		memcpy(more, s->files, s->nfiles * sizeof(*more));
		s->files = more;
		c->cap *= 2;
	}
	uri = weir_arena_text(&s->mem, (const char *)h->name.ptr, h->name.len);
	if (!uri)
		return WEIR_ENOMEM;
	f = &s->files[s->nfiles++];
	*f = (struct weir_raw_file){ .uri = uri, .handle = h, .refs = 1, .size = h->kind == WEIR_HANDLE_SEGMENT ? -1 : h->size };
	if (h->kind == WEIR_HANDLE_RELATIVE && !strchr(uri, '/'))
		f->name = uri;
	else
		place(f, uri, &s->mem);
	for (uint32_t i = 0; f->name && i + 1 < s->nfiles; i++) /* a name there already: by the whole URI then */
		if (s->files[i].name && s->files[i].place == f->place && strcmp(s->files[i].name, f->name) == 0) {
			f->place = WEIR_PLACE_ABSOLUTE;
			f->name = NULL;
		}
	return 0;
}

static int collect_files(struct weir_snapshot *s, struct weir_error *err)
{
	struct collecting c = { .s = s, .cap = 64 };

	s->files = weir_arena_alloc(&s->mem, c.cap * sizeof(*s->files), 16);
	if (!s->files)
		return no_memory(err);
	s->files[0] = (struct weir_raw_file){ .name = "_metadata", .uri = s->ckpt->path, .refs = 1, .size = -1 };
	s->nfiles = 1;
	return weir_ckpt_each_handle(s->ckpt, collect, &c) ? no_memory(err) : 0;
}

int weir_snapshot_view(struct weir_snapshot *s, struct weir_view **out, struct weir_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (!s->complete || s->view_code) {
		if (err)
			*err = s->why;
		rc = s->why.code ? s->why.code : WEIR_ECORRUPT;
	} else if (!s->view) {
		rc = collect_files(s, &s->why);
		if (rc == 0)
			rc = weir_view_open(s->ckpt, &s->view, &s->why);
		if (rc == 0) {
			s->facts = weir_arena_zero(&s->mem, (weir_view_nstates(s->view) + 1) * sizeof(*s->facts));
			if (!s->facts)
				rc = no_memory(&s->why);
		}
		if (rc) {
			s->view_code = rc;
			if (err)
				*err = s->why;
		}
	}
	*out = s->view;
	pthread_mutex_unlock(&s->lock);
	return rc;
}
