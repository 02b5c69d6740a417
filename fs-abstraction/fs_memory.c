// SPDX-License-Identifier: Apache-2.0
/*
 * The memory file system: for the deterministic simulator and for tests of crashes (model: fs_memory_tree.c).
 *
 * Invariants
 *  1. Same calls, same answers, same listings, same crash for the same seed. No clock: times count changes.
 *  2. OVERWRITE makes a new node; who has the old one open or mapped keeps it. Mapped bytes never move or change.
 *  3. A stream, map or lock of before a crash or kill cannot change anything any more.
 * Threading: one mutex per instance; callbacks of list() run without it. Fails only for lack of memory.
 */
#include "fs-abstraction/fs_memory_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "fs-abstraction/fs_layers.h"
#include "fs-abstraction/fs_priv.h"
#include "fs-abstraction/path.h"

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mem_fs *registry; /* newest first */

struct mem_in {
	struct weir_fs_in base;
	struct mem_fs *m;
	struct mem_node *node;
	uint64_t epoch;
};

struct mem_out {
	struct weir_fs_out base;
	struct mem_fs *m;
	struct mem_node *node;
	uint64_t epoch;
};

struct mem_map {
	struct weir_fs_map base;
	struct mem_blob *blob;
};

struct mem_lock {
	struct weir_fs_lock base;
	uint64_t epoch;
	struct mem_lock_name *name;
};

static void lock(struct mem_fs *m) { pthread_mutex_lock(&m->mutex); }
static void unlock(struct mem_fs *m) { pthread_mutex_unlock(&m->mutex); }
static struct mem_fs *mem_of(struct weir_fs *fs) { return (struct mem_fs *)fs; }

/* ---- finding nodes ---- */

static int missing(struct weir_error *err, const char *path)
{
	return weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET, "no such file or directory");
}

static int dead(struct weir_error *err, const char *path)
{
	return weir_error_at(err, WEIR_EIO, path, WEIR_NO_OFFSET, "the file system has crashed since this file was opened");
}

static struct mem_node *child(const struct mem_node *dir, const char *name, size_t len)
{
	struct mem_slot *s = dir->directory ? weir__mem_find(dir, name, len) : NULL;

	return s ? s->node : NULL;
}

/* The node of path[0..len), or NULL. */
static struct mem_node *walk(struct mem_fs *m, const char *path, size_t len)
{
	struct mem_node *n = m->root;
	const char *p = path, *end = path + len;

	while (n && p < end) {
		const char *name = ++p, *slash = memchr(name, '/', (size_t)(end - name));

		p = slash ? slash : end;
		if (p > name)
			n = child(n, name, (size_t)(p - name));
	}
	return n;
}

static struct mem_node *look_up(struct mem_fs *m, const char *path) { return walk(m, path, strlen(path)); }

/* The directory that holds the last name of path. */
static int parent_of(struct mem_fs *m, const char *path, struct mem_node **out, struct weir_error *err)
{
	const char *name = weir_path_name(path);
	struct mem_node *dir = walk(m, path, (size_t)(name - path) - 1);

	if (!dir || !dir->directory)
		return weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET, "its directory does not exist");
	*out = dir;
	return 0;
}

/* ---- reading ---- */

static int file_of(struct mem_fs *m, const char *path, struct mem_node **out, struct weir_error *err)
{
	struct mem_node *n = look_up(m, path);

	if (!n)
		return missing(err, path);
	if (n->directory)
		return weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "is a directory, not a file");
	*out = n;
	return 0;
}

static int mem_open(struct weir_fs *fs, const char *path, struct weir_fs_in **out, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_in *in = malloc(sizeof(*in));
	struct mem_node *n = NULL;
	int rc;

	if (!in)
		return weir__fs_nomem(err, path);
	lock(m);
	rc = file_of(m, path, &n, err);
	if (!rc) {
		n->refs++;
		*in = (struct mem_in){ { fs }, m, n, m->epoch };
		*out = &in->base;
	} else {
		free(in);
	}
	unlock(m);
	return rc;
}

static int mem_size_of(struct weir_fs_in *base, uint64_t *out, struct weir_error *err)
{
	struct mem_in *in = (struct mem_in *)base;
	int rc = 0;

	lock(in->m);
	if (in->epoch != in->m->epoch)
		rc = dead(err, NULL);
	else
		*out = in->node->len;
	unlock(in->m);
	return rc;
}

static int mem_read_at(struct weir_fs_in *base, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	struct mem_in *in = (struct mem_in *)base;
	size_t n = 0;
	int rc = 0;

	lock(in->m);
	if (in->epoch != in->m->epoch) {
		rc = dead(err, NULL);
	} else if (offset < in->node->len) {
		n = in->node->len - (size_t)offset;
		n = n < len ? n : len;
		memcpy(buf, in->node->blob->bytes + offset, n);
	}
	unlock(in->m);
	if (!rc)
		*out_n = n;
	return rc;
}

static void mem_in_close(struct weir_fs_in *base)
{
	struct mem_in *in = (struct mem_in *)base;

	lock(in->m);
	weir__mem_node_unref(in->m, in->node);
	unlock(in->m);
	free(in);
}

static int mem_map(struct weir_fs *fs, const char *path, struct weir_fs_map **out, struct weir_slice *bytes, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_map *map = malloc(sizeof(*map));
	struct mem_node *n = NULL;
	int rc;

	if (!map)
		return weir__fs_nomem(err, path);
	lock(m);
	rc = file_of(m, path, &n, err);
	if (!rc) {
		*map = (struct mem_map){ { fs }, n->blob };
		if (n->blob)
			n->blob->refs++;
		*bytes = (struct weir_slice){ n->blob ? n->blob->bytes : (const void *)"", n->len };
		*out = &map->base;
	} else {
		free(map);
	}
	unlock(m);
	return rc;
}

static void mem_unmap(struct weir_fs_map *base)
{
	struct mem_map *map = (struct mem_map *)base;
	struct mem_fs *m = mem_of(base->fs);

	lock(m);
	weir__mem_blob_unref(map->blob);
	unlock(m);
	free(map);
}

/* ---- writing ---- */

static int put_node(struct mem_fs *m, const char *path, struct mem_node *dir, struct mem_node *n, struct weir_error *err)
{
	const char *name = weir_path_name(path);
	struct mem_slot *s = weir__mem_slot(dir, name, strlen(name));
	int rc = s ? weir__mem_change(m, dir, s, n, NULL, NULL) : WEIR_ENOMEM;

	if (rc) {
		weir__mem_tidy(dir, s);
		return weir__fs_nomem(err, path);
	}
	n->mtime = m->ticks;
	return 0;
}

static int create_locked(struct mem_fs *m, const char *path, enum weir_fs_write_mode mode, struct mem_node *fresh, struct weir_error *err)
{
	const char *name = weir_path_name(path);
	struct mem_node *dir = NULL, *there;
	int rc = parent_of(m, path, &dir, err);

	if (rc)
		return rc;
	there = child(dir, name, strlen(name));
	if (there && there->directory)
		return weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "a directory is in the way of this file");
	if (there && mode == WEIR_FS_NO_OVERWRITE)
		return weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "cannot create: the file exists");
	return put_node(m, path, dir, fresh, err);
}

static int mem_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_fs_out **out, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_out *o = malloc(sizeof(*o));
	struct mem_node *n = weir__mem_node_new(false);
	int rc = o && n ? 0 : weir__fs_nomem(err, path);

	lock(m);
	if (!rc)
		rc = create_locked(m, path, mode, n, err);
	if (!rc) {
		*o = (struct mem_out){ { 0 }, m, n, m->epoch }; /* the stream takes over our reference */
		*out = &o->base;
	} else {
		free(o);
		if (n)
			weir__mem_node_unref(m, n);
	}
	unlock(m);
	return rc;
}

static int resume_locked(struct mem_fs *m, const char *path, uint64_t length, struct mem_node **out, struct weir_error *err)
{
	struct mem_node *n = NULL;
	int rc = file_of(m, path, &n, err);

	if (rc)
		return rc;
	if (n->len < length)
		return weir_error_at(err, WEIR_ECORRUPT, path, n->len, "the file has %zu bytes, fewer than the %llu to continue at", n->len,
				     (unsigned long long)length);
	if (weir__mem_cut(m, n, (size_t)length))
		return weir__fs_nomem(err, path);
	*out = n;
	return 0;
}

static int mem_resume(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_out *o = malloc(sizeof(*o));
	struct mem_node *n = NULL;
	int rc;

	if (!o)
		return weir__fs_nomem(err, path);
	lock(m);
	rc = resume_locked(m, path, length, &n, err);
	if (!rc) {
		n->refs++;
		*o = (struct mem_out){ { 0 }, m, n, m->epoch };
		*out = &o->base;
	} else {
		free(o);
	}
	unlock(m);
	return rc;
}

static int mem_write(struct weir_fs_out *base, const void *p, size_t len, struct weir_error *err)
{
	struct mem_out *o = (struct mem_out *)base;
	int rc;

	lock(o->m);
	if (o->epoch != o->m->epoch)
		rc = dead(err, base->path);
	else if ((rc = weir__mem_append(o->m, o->node, p, len)))
		weir__fs_nomem(err, base->path);
	unlock(o->m);
	return rc;
}

static int mem_sync(struct weir_fs_out *base, struct weir_error *err)
{
	struct mem_out *o = (struct mem_out *)base;
	int rc = 0;

	lock(o->m);
	if (o->epoch != o->m->epoch)
		rc = dead(err, base->path);
	else
		weir__mem_sync(o->m, o->node);
	unlock(o->m);
	return rc;
}

static int mem_close(struct weir_fs_out *base, struct weir_error *err)
{
	struct mem_out *o = (struct mem_out *)base;
	int rc = 0;

	lock(o->m);
	if (o->epoch != o->m->epoch)
		rc = dead(err, base->path);
	weir__mem_node_unref(o->m, o->node);
	unlock(o->m);
	free(o);
	return rc;
}

static void mem_abort(struct weir_fs_out *base)
{
	struct mem_out *o = (struct mem_out *)base;
	struct mem_fs *m = o->m;
	const char *name = weir_path_name(base->path);
	struct mem_node *dir = NULL;
	struct mem_slot *s;

	lock(m);
	if (!base->keep && o->epoch == m->epoch && parent_of(m, base->path, &dir, NULL) == 0) {
		s = weir__mem_find(dir, name, strlen(name));
		if (s && s->node == o->node && weir__mem_change(m, dir, s, NULL, NULL, NULL)) {
			/* no memory even to remove: the file stays, and its content is complete as far as it goes */
		}
	}
	weir__mem_node_unref(m, o->node);
	unlock(m);
	free(o);
}

/* ---- names ---- */

static void fill_stat(const struct mem_node *n, struct weir_fs_stat *out)
{
	*out = (struct weir_fs_stat){ n->directory ? WEIR_FS_DIRECTORY : WEIR_FS_FILE, false, n->directory ? 0 : n->len, n->mtime };
}

static int mem_stat(struct weir_fs *fs, const char *path, struct weir_fs_stat *out, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_node *n;

	lock(m);
	n = look_up(m, path);
	if (n)
		fill_stat(n, out);
	unlock(m);
	return n ? 0 : missing(err, path);
}

struct listed {
	struct weir_fs_stat st;
	char *name;
};
struct listing {
	WEIR_VEC(struct listed) all;
};

static int copy_names(const struct mem_node *dir, struct listing *to)
{
	for (struct mem_slot *s = dir->first; s; s = s->next) {
		struct listed *l;

		if (!s->node)
			continue;
		l = weir_vec_push(&to->all);
		if (!l)
			return WEIR_ENOMEM;
		fill_stat(s->node, &l->st);
		l->name = strdup(s->name);
		if (!l->name)
			return WEIR_ENOMEM;
	}
	return 0;
}

static int mem_list(struct weir_fs *fs, const char *path, weir_fs_list_fn *fn, void *arg, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct listing l = { 0 };
	struct mem_node *n;
	int rc;

	lock(m);
	n = look_up(m, path);
	if (!n)
		rc = missing(err, path);
	else if (!n->directory)
		rc = weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "is a file, not a directory");
	else if ((rc = copy_names(n, &l)))
		weir__fs_nomem(err, path);
	unlock(m);
	for (size_t i = 0; i < l.all.len; i++) {
		if (!rc)
			rc = fn(arg, l.all.items[i].name, &l.all.items[i].st);
		free(l.all.items[i].name);
	}
	weir_vec_fini(&l.all);
	return rc;
}

static int mem_mkdir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_node *dir = NULL, *n = weir__mem_node_new(true);
	const char *name = weir_path_name(path);
	int rc;

	if (!n)
		return weir__fs_nomem(err, path);
	lock(m);
	rc = path[1] ? parent_of(m, path, &dir, err) : weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "the root exists");
	if (!rc && child(dir, name, strlen(name)))
		rc = weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "cannot make the directory: it exists");
	if (!rc)
		rc = put_node(m, path, dir, n, err);
	weir__mem_node_unref(m, n); /* the slot has its own */
	unlock(m);
	return rc;
}

/* Whether n may take the place of what is at `to`. */
static int check_target(const struct mem_node *n, const struct mem_node *there, const char *from, const char *to, struct weir_error *err)
{
	if (!there || (!n->directory && !there->directory) || (n->directory && there->directory && there->live == 0))
		return 0;
	return weir_error_at(err, WEIR_EEXISTS, to, WEIR_NO_OFFSET, "is in the way: %s cannot take its place", from);
}

static int rename_locked(struct mem_fs *m, const char *from, const char *to, struct weir_error *err)
{
	const char *a = weir_path_name(from), *b = weir_path_name(to);
	struct mem_node *da = NULL, *db = NULL, *n;
	struct mem_slot *sa, *sb;
	int rc = parent_of(m, from, &da, err);

	if (rc)
		return rc;
	n = child(da, a, strlen(a));
	if (!n)
		return missing(err, from);
	rc = parent_of(m, to, &db, err);
	if (rc || n == child(db, b, strlen(b)))
		return rc;
	rc = check_target(n, child(db, b, strlen(b)), from, to, err);
	if (rc)
		return rc;
	sa = weir__mem_find(da, a, strlen(a));
	sb = weir__mem_slot(db, b, strlen(b));
	if (!sb)
		return weir__fs_nomem(err, from);
	if (da == db) {
		rc = weir__mem_change(m, da, sa, NULL, sb, n);
	} else {
		rc = weir__mem_change(m, db, sb, n, NULL, NULL);
		if (!rc)
			rc = weir__mem_change(m, da, sa, NULL, NULL, NULL);
		if (!rc && n->directory) {
			weir__mem_sync_dir(m, da);
			weir__mem_sync_dir(m, db);
		}
	}
	if (rc) {
		weir__mem_tidy(db, sb);
		weir__fs_nomem(err, from);
	}
	return rc;
}

static int mem_rename(struct weir_fs *fs, const char *from, const char *to, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	int rc;

	lock(m);
	rc = rename_locked(m, from, to, err);
	unlock(m);
	return rc;
}

static int remove_locked(struct mem_fs *m, const char *path, bool directory, struct weir_error *err)
{
	const char *name = weir_path_name(path);
	struct mem_node *dir = NULL, *n;
	int rc = parent_of(m, path, &dir, err);

	if (rc)
		return rc;
	n = child(dir, name, strlen(name));
	if (!n)
		return missing(err, path);
	if (n->directory && !directory)
		return weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "cannot remove: is a directory");
	if (!n->directory && directory)
		return weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET, "cannot remove: is not a directory");
	if (n->live)
		return weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "cannot remove: the directory is not empty");
	rc = weir__mem_change(m, dir, weir__mem_find(dir, name, strlen(name)), NULL, NULL, NULL);
	return rc ? weir__fs_nomem(err, path) : 0;
}

static int mem_remove(struct weir_fs *fs, const char *path, bool directory, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	int rc;

	lock(m);
	rc = remove_locked(m, path, directory, err);
	unlock(m);
	return rc;
}

static int mem_sync_dir(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	struct mem_node *n;

	lock(m);
	n = look_up(m, path);
	if (n && n->directory)
		weir__mem_sync_dir(m, n);
	unlock(m);
	return n && n->directory ? 0 : missing(err, path);
}

/* ---- locks ---- */

static int mem_lock(struct weir_fs *fs, const char *path, struct weir_fs_lock **out, struct weir_error *err)
{
	struct mem_fs *m = mem_of(fs);
	size_t len = strlen(path) + 1;
	struct mem_lock *l = malloc(sizeof(*l));
	struct mem_lock_name *name = malloc(sizeof(*name) + len);
	struct mem_node *dir = NULL;
	int rc = l && name ? 0 : weir__fs_nomem(err, path);

	lock(m);
	if (!rc)
		rc = parent_of(m, path, &dir, err);
	for (struct mem_lock_name *x = m->locks; x && !rc; x = x->next)
		if (strcmp(x->path, path) == 0)
			rc = weir_error_at(err, WEIR_EBUSY, path, WEIR_NO_OFFSET, "in use by this process already");
	if (!rc) {
		memcpy(name->path, path, len);
		name->next = m->locks;
		m->locks = name;
		*l = (struct mem_lock){ { fs }, m->epoch, name };
		*out = &l->base;
	} else {
		free(l);
		free(name);
	}
	unlock(m);
	return rc;
}

static void mem_unlock(struct weir_fs_lock *base)
{
	struct mem_lock *l = (struct mem_lock *)base;
	struct mem_fs *m = mem_of(base->fs);

	lock(m);
	if (l->epoch == m->epoch) {
		struct mem_lock_name **at = &m->locks;

		while (*at != l->name)
			at = &(*at)->next;
		*at = l->name->next;
		free(l->name);
	}
	unlock(m);
	free(l);
}

static uint64_t mem_unique(struct weir_fs *fs) { return __atomic_add_fetch(&mem_of(fs)->unique, 1, __ATOMIC_RELAXED); }

static const struct weir_fs_ops ops = {
	.scheme = "memory",
	.size = sizeof(struct weir_fs_ops),
	.caps = WEIR_FS_ATOMIC_RENAME | WEIR_FS_DIR_SYNC | WEIR_FS_RECOVERABLE | WEIR_FS_LOCK | WEIR_FS_MAP,
	.open = mem_open,
	.size_of = mem_size_of,
	.read_at = mem_read_at,
	.in_close = mem_in_close,
	.map = mem_map,
	.unmap = mem_unmap,
	.create = mem_create,
	.resume = mem_resume,
	.write = mem_write,
	.sync = mem_sync,
	.close = mem_close,
	.abort = mem_abort,
	.stat = mem_stat,
	.list = mem_list,
	.mkdir = mem_mkdir,
	.rename = mem_rename,
	.remove = mem_remove,
	.sync_dir = mem_sync_dir,
	.lock = mem_lock,
	.unlock = mem_unlock,
	.unique = mem_unique,
};

/* ---- instances ---- */

static struct mem_fs *new_instance(const char *name, size_t len)
{
	struct mem_fs *m = calloc(1, sizeof(*m) + len + 1);

	if (!m)
		return NULL;
	memcpy(m->name, name, len);
	m->base = (struct weir_fs){ &ops, m->name };
	m->root = weir__mem_node_new(true);
	if (!m->root) {
		free(m);
		return NULL;
	}
	pthread_mutex_init(&m->mutex, NULL);
	return m;
}

struct weir_fs *weir_fs_memory_new(const char *name)
{
	struct mem_fs *m = new_instance(name, strlen(name));

	if (!m)
		return NULL;
	pthread_mutex_lock(&registry_mutex);
	m->next = registry;
	registry = m;
	pthread_mutex_unlock(&registry_mutex);
	return &m->base;
}

struct weir_fs *weir__fs_memory_find(const char *name, size_t len)
{
	struct mem_fs *m;

	pthread_mutex_lock(&registry_mutex);
	for (m = registry; m; m = m->next)
		if (strlen(m->name) == len && memcmp(m->name, name, len) == 0)
			break;
	if (!m && len == 0 && (m = new_instance("", 0))) {
		m->next = registry;
		registry = m;
	}
	pthread_mutex_unlock(&registry_mutex);
	return m ? &m->base : NULL;
}

static void drop_locks(struct mem_fs *m)
{
	for (struct mem_lock_name *l = m->locks, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	m->locks = NULL;
}

void weir_fs_memory_free(struct weir_fs *fs)
{
	struct mem_fs *m = fs ? mem_of(fs) : NULL, **at = &registry;

	if (!m)
		return;
	pthread_mutex_lock(&registry_mutex);
	while (*at && *at != m)
		at = &(*at)->next;
	if (*at)
		*at = m->next;
	pthread_mutex_unlock(&registry_mutex);
	weir__mem_node_unref(m, m->root);
	drop_locks(m);
	pthread_mutex_destroy(&m->mutex);
	free(m);
}

void weir_fs_memory_crash(struct weir_fs *fs, uint64_t seed)
{
	struct mem_fs *m = mem_of(fs);

	lock(m);
	m->epoch++;
	drop_locks(m);
	weir__mem_crash(m, seed);
	unlock(m);
}

void weir_fs_memory_kill(struct weir_fs *fs)
{
	struct mem_fs *m = mem_of(fs);

	lock(m);
	m->epoch++;
	drop_locks(m);
	unlock(m);
}

uint64_t weir_fs_memory_bytes(const struct weir_fs *fs)
{
	struct mem_fs *m = (struct mem_fs *)fs;
	uint64_t bytes;

	lock(m);
	bytes = m->bytes;
	unlock(m);
	return bytes;
}
