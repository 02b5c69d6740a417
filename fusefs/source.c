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
#include "fusefs/fault.h"
#include "fusefs/name.h"
#include "statetool/locate.h"

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

static bool is_complete(const struct weir_snapshot *s) { return __atomic_load_n(&s->complete, __ATOMIC_ACQUIRE); }
static bool is_gone(const struct weir_snapshot *s) { return __atomic_load_n(&s->gone, __ATOMIC_ACQUIRE); }

/* Open its metadata. Not being able to is not a failure: the snapshot is then listed as incomplete. */
static void try_complete(struct weir_snapshot *s)
{
	struct weir_fs_stat st;

	weir_error_clear(&s->why);
	if (weir_ckpt_open(s->uri, &s->ckpt, &s->why))
		return;
	s->id = s->ckpt->id;
	if (weir_fs_stat(s->ckpt->fs, s->ckpt->path, &st, NULL) == 0) {
		s->mtime_ms = st.mtime_ms;
		s->size = st.size;
	}
	__atomic_store_n(&s->complete, true, __ATOMIC_RELEASE); /* after all it announces */
}

/* Was _metadata replaced since it was opened? A job that starts anew counts from chk-1 again. */
static bool was_replaced(const struct weir_snapshot *s)
{
	struct weir_fs_stat st;

	return is_complete(s) && weir_fs_stat(s->ckpt->fs, s->ckpt->path, &st, NULL) == 0 && (st.mtime_ms != s->mtime_ms || st.size != s->size);
}

static struct weir_snapshot *by_uri(struct weir_source *src, const char *uri)
{
	for (uint32_t i = src->nslots; i-- > 0;) /* the last one: earlier ones of the path may have been replaced */
		if (strcmp(src->slots[i]->uri, uri) == 0)
			return src->slots[i];
	return NULL;
}

/* How many that are there have this name. */
static uint32_t count_name(struct weir_source *src, const char *name)
{
	uint32_t same = 0;

	for (uint32_t i = 0; i < src->nslots; i++)
		if (!is_gone(src->slots[i]) && strcmp(src->slots[i]->name, name) == 0 && src->slots[i]->same >= same)
			same = src->slots[i]->same + 1;
	return same;
}

static int add(struct weir_source *src, uint32_t root, const char *name, const char *uri, struct weir_error *err)
{
	struct weir_snapshot *s = by_uri(src, uri);

	if (s && was_replaced(s)) {
		__atomic_store_n(&s->gone, true, __ATOMIC_RELEASE);
		s = NULL;
	}
	if (s) {
		s->seen = true;
		if (!s->complete)
			try_complete(s);
		__atomic_store_n(&s->gone, false, __ATOMIC_RELEASE);
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
	s->same = count_name(src, name);
	s->root = root;
	s->seen = true;
	try_complete(s);
	src->slots[src->nslots] = s;
	__atomic_store_n(&src->nslots, src->nslots + 1, __ATOMIC_RELEASE);
	return 0;
}

struct listing {
	struct weir_source *src;
	const struct weir_source_root *root;
	const char *dir, *prefix; /* prefix of names: several sources, several jobs */
	uint32_t jobs;
	int code;
	struct weir_error *err;
};

static uint32_t root_number(const struct listing *l) { return (uint32_t)(l->root - l->src->roots); }

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
	char *path, *uri, label[600];

	if (st->type != WEIR_FS_DIRECTORY)
		return 0;
	l->jobs += is_job(name);
	path = weir_path_join(l->dir, name);
	if (!path)
		return l->code = no_memory(l->err);
	if (strncmp(name, "chk-", 4) == 0 || has_metadata(l->root->fs, path)) {
		snprintf(label, sizeof(label), "%s%s", l->prefix, name);
		uri = weir_fs_uri(l->root->fs, path);
		l->code = uri ? add(l->src, root_number(l), label, uri, l->err) : no_memory(l->err);
		free(uri);
	}
	free(path);
	return l->code;
}

/* Below the directory of one job. */
static int list_job(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct listing *l = arg, inner = { .src = l->src, .root = l->root, .err = l->err };
	char prefix[600], *path;

	if (st->type != WEIR_FS_DIRECTORY || !is_job(name))
		return 0;
	path = weir_path_join(l->dir, name);
	if (!path)
		return l->code = no_memory(l->err);
	snprintf(prefix, sizeof(prefix), "%s%s%s", l->prefix, l->jobs > 1 ? name : "", l->jobs > 1 ? "-" : "");
	inner.dir = path;
	inner.prefix = prefix;
	l->code = weir_fs_list(l->root->fs, path, one_dir, &inner, l->err);
	free(path);
	return l->code;
}

static int list_all(struct weir_source *src, const struct weir_source_root *root, struct weir_error *err)
{
	struct listing l = { .src = src, .root = root, .dir = root->path, .err = err };
	char prefix[300] = "";
	int rc;

	if (src->nroots > 1)
		snprintf(prefix, sizeof(prefix), "%s-", weir_path_name(root->path));
	l.prefix = prefix;
	rc = weir_fs_list(root->fs, root->path, one_dir, &l, err);
	if (rc == 0 && l.jobs)
		rc = weir_fs_list(root->fs, root->path, list_job, &l, err);
	return rc;
}

/* Snapshots whose metadata is another file's by now. One that was deleted is still what it was. */
static void look_for_changes(struct weir_source *src)
{
	for (uint32_t i = 0; i < src->nslots; i++)
		if (was_replaced(src->slots[i]))
			__atomic_store_n(&src->slots[i]->changed, true, __ATOMIC_RELEASE);
}

int weir_source_refresh(struct weir_source *src, struct weir_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&src->lock);
	look_for_changes(src);
	src->left_out = 0;
	for (uint32_t r = 0; r < src->nroots; r++) {
		int code;

		if (!src->roots[r].live)
			continue;
		for (uint32_t i = 0; i < src->nslots; i++)
			src->slots[i]->seen = false;
		code = list_all(src, &src->roots[r], rc ? NULL : err);
		/* what could not be listed for another reason than its absence may still be there */
		for (uint32_t i = 0; i < src->nslots && (code == 0 || code == WEIR_ENOTFOUND); i++)
			if (src->slots[i]->root == r && !src->slots[i]->seen)
				__atomic_store_n(&src->slots[i]->gone, true, __ATOMIC_RELEASE);
		rc = rc ? rc : code;
	}
	pthread_mutex_unlock(&src->lock);
	return rc;
}

/* A single snapshot is called after its directory, in an archive after the archive. */
static int add_single(struct weir_source *src, struct weir_source_root *root, bool file, const char *uri, struct weir_error *err)
{
	char *dir = file ? weir_path_parent(root->path) : strdup(root->path), *archive = strdup(root->uri);
	const char *name = dir ? weir_path_name(dir) : "";
	uint32_t slot = src->nslots;
	int rc = dir && archive ? 0 : no_memory(err);

	if (rc == 0 && !name[0] && root->fs != weir_fs_local) {
		char *slash = strrchr(archive, '/'), *start = slash ? slash + 1 : archive, *dot = strchr(start, '.');

		if (dot && dot != start)
			*dot = 0;
		name = start;
	}
	if (rc == 0)
		rc = add(src, (uint32_t)(root - src->roots), name[0] ? name : "snapshot", uri, err);
	if (rc == 0 && slot < src->nslots && !src->slots[slot]->complete) {
		if (err)
			*err = src->slots[slot]->why;
		rc = src->slots[slot]->why.code;
	}
	free(dir);
	free(archive);
	return rc;
}

static int find_shape(struct weir_source *src, struct weir_source_root *root, const char *uri, struct weir_error *err)
{
	struct weir_fs_stat st;
	uint32_t before = src->nslots;
	int rc = weir_fs_stat(root->fs, root->path, &st, err);

	if (rc) {
		weir_error_wrap(err, "nothing to mount");
		return rc;
	}
	if (st.type == WEIR_FS_FILE || has_metadata(root->fs, root->path))
		return add_single(src, root, st.type == WEIR_FS_FILE, uri, err);
	root->live = true;
	src->live = true;
	rc = list_all(src, root, err);
	if (rc == 0 && src->nslots == before)
		return weir_error_at(err, WEIR_ENOTFOUND, root->path, WEIR_NO_OFFSET,
				     "there is no checkpoint or savepoint here: a directory with _metadata, with chk-N directories, or a job's checkpoint root was expected");
	return rc;
}

static int add_root(struct weir_source *s, struct weir_source_root *root, const char *path, struct weir_error *err)
{
	char *uri = NULL;
	int rc;

	root->uri = strdup(path);
	rc = root->uri ? weir_locate(path, &uri, err) : no_memory(err);
	if (rc == 0)
		rc = weir_fs_resolve(uri, &root->fs, &root->path, err);
	if (rc == 0)
		rc = find_shape(s, root, uri, err);
	free(uri);
	return rc;
}

int weir_source_open_all(const char *const *uris, size_t n, struct weir_source **out, struct weir_error *err)
{
	struct weir_source *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return no_memory(err);
	pthread_mutex_init(&s->lock, NULL);
	s->roots = calloc(n + 1, sizeof(*s->roots));
	s->nroots = s->roots ? (uint32_t)n : 0;
	if (!s->roots)
		rc = no_memory(err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_root(s, &s->roots[i], uris[i], err);
	if (rc)
		weir_source_close(s);
	else
		*out = s;
	return rc;
}

int weir_source_open(const char *uri, struct weir_source **out, struct weir_error *err) { return weir_source_open_all(&uri, 1, out, err); }

void weir_source_close(struct weir_source *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->nslots; i++)
		free_snapshot(s->slots[i]);
	for (uint32_t i = 0; i < s->nroots; i++) {
		free(s->roots[i].uri);
		free(s->roots[i].path);
	}
	pthread_mutex_destroy(&s->lock);
	free(s->roots);
	free(s);
}

uint32_t weir_source_count(struct weir_source *s) { return __atomic_load_n(&s->nslots, __ATOMIC_ACQUIRE); }

struct weir_snapshot *weir_source_slot(struct weir_source *s, uint32_t slot)
{
	return slot < weir_source_count(s) ? s->slots[slot] : NULL;
}

bool weir_snapshot_listed(const struct weir_snapshot *s) { return !is_gone(s) && is_complete(s); }

void weir_snapshot_name(const struct weir_snapshot *s, struct weir_buf *out)
{
	weir_name_encode((struct weir_slice){ (const uint8_t *)s->name, strlen(s->name) }, out);
	if (s->same)
		weir_buf_printf(out, "~%u", s->same + 1);
}

int weir_source_find(struct weir_source *s, const char *name)
{
	struct weir_buf b = { 0 };
	int found = -1;

	for (uint32_t i = 0; i < weir_source_count(s) && found < 0; i++) {
		weir_buf_clear(&b);
		weir_snapshot_name(s->slots[i], &b);
		if (weir_snapshot_listed(s->slots[i]) && strcmp(weir_buf_cstr(&b), name) == 0)
			found = (int)i;
	}
	weir_buf_fini(&b);
	return found;
}

int weir_source_latest(struct weir_source *s)
{
	int best = -1;

	for (uint32_t i = 0; i < weir_source_count(s); i++) {
		const struct weir_snapshot *a = s->slots[i], *b = best < 0 ? NULL : s->slots[best];

		if (weir_snapshot_listed(a) && (!b || a->mtime_ms > b->mtime_ms || (a->mtime_ms == b->mtime_ms && a->id > b->id)))
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
	return weir_ckpt_each_handle(s->ckpt, collect, &c) || weir__gather_handles(s) ? no_memory(err) : 0;
}

/* With s->lock. */
static bool is_changed(struct weir_snapshot *s)
{
	uint64_t faults = weir_fault_total();

	if (s->complete && faults != s->faults) { /* something was cut short: this? */
		s->faults = faults;
		if (was_replaced(s) || weir_ckpt_check_files(s->ckpt, NULL))
			__atomic_store_n(&s->changed, true, __ATOMIC_RELEASE);
	}
	return __atomic_load_n(&s->changed, __ATOMIC_ACQUIRE);
}

int weir_snapshot_view(struct weir_snapshot *s, struct weir_view **out, struct weir_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (is_changed(s)) {
		rc = weir_error_at(err, WEIR_EIO, s->uri, WEIR_NO_OFFSET, "the files of this checkpoint were replaced since it was mounted; mount it again");
	} else if (!s->complete || s->view_code) {
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
