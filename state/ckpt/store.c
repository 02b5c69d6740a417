// SPDX-License-Identifier: Apache-2.0
/*
 * The directory of a job's checkpoints: who may write there, begin, complete, abort, retire. docs/contracts/filesystem.md, the commit protocol.
 *
 * 1. chk-N exists durably before anything is written into it. State files are durable before their handles exist (state_out.c), their
 *    directory is synced before _metadata is published, and _metadata appears by an atomic rename: a crash leaves chk-N complete or
 *    without _metadata.
 * 2. Nothing is deleted for its age before num_retained newer checkpoints are complete: made so by this store, or checked file by file.
 * 3. A checkpoint is deleted _metadata first, so a crash in between leaves a leftover, never a half one. Leftovers are chk-N without
 *    _metadata that nobody is writing; begin() and retire() remove them. Ids are never used again: weir_store_highest().
 * 4. One store per job directory: <job dir>/.lock, held until close. Without job directories (create_subdir off) <root>/.job says
 *    whose checkpoints these are. Flink ignores both.
 *
 * Only exclusive files are written; files in shared/ and taskowned/ (Flink's incremental checkpoints) are never deleted.
 *
 * Any thread, close() apart. The mutex guards the lists of ids, never I/O. A checkpoint is in `active` from before its directory exists until
 * after it is complete or gone, and retire() looks at the list after it has listed the directory: so it never takes one that is being
 * written for a leftover.
 */
#include "state/ckpt/ckpt_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/order.h"
#include "base/rng.h"
#include "base/vec.h"
#include "fs-abstraction/path.h"

#define FLINK_THRESHOLD 20480u
#define NAME_ATTEMPTS 10

struct ids { int64_t *items; size_t len, cap; };

struct weir_store {
	struct weir_fs *fs;
	struct weir_fs *own_fs; /* as configured, or NULL */
	char *dir;      /* of the job */
	char *uri;      /* of dir */
	char job_id[33];
	uint32_t num_retained;
	uint64_t inline_threshold;
	int32_t meta_version;
	struct weir_fs_lock *lock;
	pthread_mutex_t mutex; /* of what follows */
	struct ids active;   /* begun, neither complete nor aborted */
	struct ids complete; /* known to be */
	int64_t highest;
};

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "not enough memory for the checkpoint store"); }

static bool ids_has(const struct ids *v, int64_t id)
{
	for (size_t i = 0; i < v->len; i++)
		if (v->items[i] == id)
			return true;
	return false;
}

static bool ids_add(struct ids *v, int64_t id)
{
	int64_t *p = weir_vec_push(v);

	if (p)
		*p = id;
	return p != NULL;
}

static void ids_drop(struct ids *v, int64_t id)
{
	for (size_t i = 0; i < v->len; i++)
		if (v->items[i] == id)
			v->items[i--] = v->items[--v->len];
}

static bool has(struct weir_store *s, const struct ids *v, int64_t id)
{
	pthread_mutex_lock(&s->mutex);
	bool yes = ids_has(v, id);
	pthread_mutex_unlock(&s->mutex);
	return yes;
}

static bool add(struct weir_store *s, struct ids *v, int64_t id)
{
	pthread_mutex_lock(&s->mutex);
	bool ok = ids_has(v, id) || ids_add(v, id);
	pthread_mutex_unlock(&s->mutex);
	return ok;
}

static void drop(struct weir_store *s, struct ids *v, int64_t id)
{
	pthread_mutex_lock(&s->mutex);
	ids_drop(v, id);
	pthread_mutex_unlock(&s->mutex);
}

/* Remember an id that was seen, and tell the largest. */
static int64_t note_id(struct weir_store *s, int64_t id)
{
	pthread_mutex_lock(&s->mutex);
	int64_t highest = s->highest = id > s->highest ? id : s->highest;
	pthread_mutex_unlock(&s->mutex);
	return highest;
}

/* ---- whose directory ---- */

/* An answer only when it is sure: what cannot be looked at is not taken for absent. */
static int is_there(struct weir_fs *fs, const char *dir, const char *name, bool *out, struct weir_error *err)
{
	struct weir_fs_stat st;
	struct weir_error why = WEIR_ERROR_INIT;
	char *path = weir_path_join(dir, name);
	int code = path ? weir_fs_stat(fs, path, &st, &why) : no_memory(&why);

	free(path);
	if (code && code != WEIR_ENOTFOUND) {
		if (err && !err->code)
			*err = why;
		return code;
	}
	*out = code == 0;
	return 0;
}

static int has_checkpoints(struct weir_fs *fs, const char *dir, bool *out, struct weir_error *err)
{
	struct weir__dir d;
	int code = weir__dir_read(fs, dir, &d, err);

	if (code)
		return code;
	*out = false;
	for (size_t i = 0; i < d.len; i++)
		*out |= d.items[i].directory && weir__ckpt_id_of_name(d.items[i].name) >= 0;
	weir__dir_fini(&d);
	return 0;
}

/* A root that is the directory of one job takes no other job's directory below it. */
static int check_root(struct weir_fs *fs, const char *root, const char *job_id, struct weir_error *err)
{
	const char *name = weir_path_name(root);
	bool exists, marked, used = false;
	int code = is_there(fs, root, "", &exists, err);

	if (code || !exists)
		return code;
	code = is_there(fs, root, ".job", &marked, err);
	if (!code && !marked && weir__ckpt_is_job_id(name))
		code = has_checkpoints(fs, root, &used, err);
	if (code || (!marked && !used))
		return code;
	return weir_error_at(err, WEIR_EEXISTS, root, WEIR_NO_OFFSET,
			     "this is the checkpoint directory of %s%s itself, not a root for job %s: name %s as execution.checkpointing.dir", marked ? "a job" : "job ",
			     marked ? "" : name, job_id, marked ? "another directory" : "its parent");
}

/* Without a directory per job, .job names the owner. Called under the lock. */
static int check_owner(struct weir_store *s, struct weir_error *err)
{
	char *path = weir_path_join(s->dir, ".job");
	struct weir_fs_map *map = NULL;
	struct weir_slice owner = { NULL, 0 };
	int code = path ? weir_fs_map(s->fs, path, &map, &owner, NULL) : WEIR_ENOMEM;

	if (code == 0) {
		if (owner.len < 32 || memcmp(owner.ptr, s->job_id, 32) != 0)
			code = weir_error_at(err, WEIR_EEXISTS, s->dir, WEIR_NO_OFFSET,
					     "this directory holds the checkpoints of job %.*s, this is job %s: use another execution.checkpointing.dir, "
					     "or -s to start from them",
					     (int)(owner.len < 32 ? owner.len : 32), owner.len ? (const char *)owner.ptr : "", s->job_id);
	} else if (code == WEIR_ENOTFOUND) {
		bool used = false;

		code = has_checkpoints(s->fs, s->dir, &used, err);
		if (!code && used)
			code = weir_error_at(err, WEIR_EEXISTS, s->dir, WEIR_NO_OFFSET,
					     "this directory holds the checkpoints of another job, which has left no name: use another execution.checkpointing.dir, "
					     "or -s to start from them");
		else if (!code)
			code = weir_fs_publish(s->fs, path, (struct weir_slice){ (const uint8_t *)s->job_id, 32 }, err);
	} else if (code == WEIR_ENOMEM) {
		no_memory(err);
	} else {
		code = weir_error_at(err, code, path, WEIR_NO_OFFSET, "cannot read whose checkpoints these are");
	}
	weir_fs_unmap(map);
	free(path);
	return code;
}

static int take_lock(struct weir_store *s, struct weir_error *err)
{
	char *path;
	int code;

	if (!(weir_fs_caps(s->fs) & WEIR_FS_LOCK))
		return 0;
	path = weir_path_join(s->dir, ".lock");
	code = path ? weir_fs_lock(s->fs, path, &s->lock, err) : no_memory(err);
	free(path);
	if (code == WEIR_EBUSY)
		weir_error_wrap(err, "another process writes checkpoints of job %s here", s->job_id);
	return code;
}

static int make_below(struct weir_store *s, const char *name, struct weir_error *err)
{
	char *path = weir_path_join(s->dir, name);
	int code = path ? weir_fs_mkdirs_durable(s->fs, path, err) : no_memory(err);

	free(path);
	return code;
}

static int check_config(const struct weir_store_config *config, struct weir_error *err)
{
	if (!config->job_id || !weir__ckpt_is_job_id(config->job_id))
		return weir_error_set(err, WEIR_EINVALID, "the job id \"%s\" is not 32 lower-case hex digits", config->job_id ? config->job_id : "");
	if (config->num_retained < 1)
		return weir_error_set(err, WEIR_EINVALID, "execution.checkpointing.num-retained must be at least 1");
	if (config->meta_version < WEIR_META_OLDEST || config->meta_version > WEIR_META_NEWEST)
		return weir_error_set(err, WEIR_EINVALID, "metadata version %d cannot be written: %d to %d can", config->meta_version, WEIR_META_OLDEST,
				      WEIR_META_NEWEST);
	return 0;
}

/* With a file system given, paths are paths within it. */
static int resolve(struct weir_fs *given, const char *uri, struct weir_fs **out_fs, char **out_path, struct weir_error *err)
{
	char *path;

	if (!given || uri[0] != '/')
		return weir_fs_resolve(uri, out_fs, out_path, err);
	path = weir_path_normal(uri);
	if (!path)
		return no_memory(err);
	*out_fs = given;
	*out_path = path;
	return 0;
}

static int open_in(struct weir_store *s, const struct weir_store_config *config, const char *root, struct weir_error *err)
{
	int code;

	s->dir = config->create_subdir ? weir_path_join(root, config->job_id) : strdup(root);
	s->uri = s->dir ? weir_fs_uri(s->fs, s->dir) : NULL;
	if (!s->uri)
		return no_memory(err);
	code = config->create_subdir ? check_root(s->fs, root, s->job_id, err) : 0;
	if (!code)
		code = weir_fs_mkdirs_durable(s->fs, s->dir, err);
	if (!code)
		code = take_lock(s, err);
	if (!code && !config->create_subdir)
		code = check_owner(s, err);
	if (!code)
		code = make_below(s, "shared", err);
	if (!code)
		code = make_below(s, "taskowned", err);
	return code;
}

int weir_store_open(const struct weir_store_config *config, struct weir_rng *rng, struct weir_store **out, struct weir_error *err)
{
	struct weir_store *s;
	char *root = NULL;
	int code = check_config(config, err);

	(void)rng; /* names are drawn by the callers of the streams */
	if (code)
		return code;
	s = calloc(1, sizeof(*s));
	if (!s)
		return no_memory(err);
	pthread_mutex_init(&s->mutex, NULL);
	snprintf(s->job_id, sizeof(s->job_id), "%s", config->job_id);
	s->num_retained = config->num_retained;
	s->inline_threshold = config->inline_threshold;
	s->meta_version = config->meta_version;
	s->own_fs = config->fs;
	code = resolve(config->fs, config->root, &s->fs, &root, err);
	if (!code)
		code = open_in(s, config, root, err);
	free(root);
	if (code)
		weir_store_close(s);
	else
		*out = s;
	return code;
}

void weir_store_close(struct weir_store *s)
{
	if (!s)
		return;
	if (s->lock)
		weir_fs_unlock(s->lock);
	pthread_mutex_destroy(&s->mutex);
	weir_vec_fini(&s->active);
	weir_vec_fini(&s->complete);
	free(s->dir);
	free(s->uri);
	free(s);
}

const char *weir_store_dir(const struct weir_store *s) { return s->uri; }

int weir_store_highest(struct weir_store *s, int64_t *out, struct weir_error *err)
{
	struct weir__dir d;
	int code = weir__dir_read(s->fs, s->dir, &d, err);

	if (code)
		return code;
	for (size_t i = 0; i < d.len; i++)
		note_id(s, weir__ckpt_id_of_name(d.items[i].name));
	weir__dir_fini(&d);
	*out = note_id(s, 0);
	return 0;
}

/* ---- targets ---- */

static void target_free(struct weir_store_target *t)
{
	if (t)
		free(t->dir);
	free(t);
}

static char *chk_path(const struct weir_store *s, int64_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "chk-%lld", (long long)id);
	return weir_path_join(s->dir, name);
}

static int clear_leftover(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	bool exists, complete;
	int code = is_there(fs, dir, "", &exists, err);

	if (code || !exists)
		return code;
	code = is_there(fs, dir, "_metadata", &complete, err);
	if (code)
		return code;
	if (complete)
		return weir_error_at(err, WEIR_EEXISTS, dir, WEIR_NO_OFFSET, "this checkpoint exists already: the next id must be larger than all that were used");
	return weir_fs_remove(fs, dir, true, err);
}

int weir_store_begin(struct weir_store *s, int64_t id, struct weir_store_target **out, struct weir_error *err)
{
	struct weir_store_target *t;
	bool fresh;
	int code;

	if (id < 0)
		return weir_error_set(err, WEIR_EINVALID, "checkpoint id %lld is negative", (long long)id);
	t = calloc(1, sizeof(*t));
	if (!t)
		return no_memory(err);
	*t = (struct weir_store_target){ .fs = s->fs, .dir = chk_path(s, id), .id = id, .inline_threshold = s->inline_threshold, .meta_version = s->meta_version };
	pthread_mutex_lock(&s->mutex);
	fresh = !ids_has(&s->active, id);
	code = !fresh ? weir_error_set(err, WEIR_EINVALID, "checkpoint id %lld is being written already", (long long)id) :
	       t->dir && ids_add(&s->active, id) ? 0 : no_memory(err);
	pthread_mutex_unlock(&s->mutex);
	if (!code) {
		code = clear_leftover(s->fs, t->dir, err);
		if (!code)
			code = weir_fs_mkdirs_durable(s->fs, t->dir, err);
		if (code)
			drop(s, &s->active, id);
	}
	if (code) {
		target_free(t);
		return code;
	}
	note_id(s, id);
	*out = t;
	return 0;
}

static int name_savepoint(struct weir_store_target *t, const char *parent, const char *job_id, struct weir_rng *rng, struct weir_error *err)
{
	for (int i = 0; i < NAME_ATTEMPTS; i++) {
		char name[40], random[13];
		bool exists;
		int code;

		weir_rng_hex(rng, random, 12);
		snprintf(name, sizeof(name), "savepoint-%.6s-%s", job_id, random);
		free(t->dir);
		t->dir = weir_path_join(parent, name);
		if (!t->dir)
			return no_memory(err);
		code = is_there(t->fs, t->dir, "", &exists, err);
		if (code || !exists)
			return code ? code : weir_fs_mkdirs_durable(t->fs, t->dir, err);
	}
	return weir_error_at(err, WEIR_EEXISTS, parent, WEIR_NO_OFFSET, "%d random savepoint names were all taken", NAME_ATTEMPTS);
}

int weir_store_begin_savepoint(struct weir_store *s, const char *uri, const char *job_id, int64_t id, struct weir_rng *rng, struct weir_store_target **out,
			       struct weir_error *err)
{
	struct weir_store_target *t;
	char *parent = NULL;
	int code;

	if (s && !job_id)
		job_id = s->job_id;
	if (!job_id || !weir__ckpt_is_job_id(job_id))
		return weir_error_set(err, WEIR_EINVALID, "the job id \"%s\" is not 32 lower-case hex digits", job_id ? job_id : "");
	t = calloc(1, sizeof(*t));
	if (!t)
		return no_memory(err);
	*t = (struct weir_store_target){ .id = id, .savepoint = true, .inline_threshold = s ? s->inline_threshold : FLINK_THRESHOLD,
					 .meta_version = s ? s->meta_version : WEIR_META_DEFAULT };
	code = resolve(s ? s->own_fs : NULL, uri, &t->fs, &parent, err);
	if (!code)
		code = name_savepoint(t, parent, job_id, rng, err);
	free(parent);
	if (code) {
		target_free(t);
		return code;
	}
	*out = t;
	return 0;
}

static int publish(struct weir_store_target *t, const struct weir_ckpt *c, struct weir_error *err)
{
	struct weir_ckpt copy = *c;
	struct weir_buf bytes = { 0 };
	char *path = weir_path_join(t->dir, "_metadata");
	int code;

	copy.id = t->id;
	copy.fs = t->fs;
	copy.dir = t->dir;
	copy.path = path;
	code = path ? weir_ckpt_check_files(&copy, err) : no_memory(err);
	if (!code)
		code = weir_ckpt_encode(&copy, t->meta_version, &bytes, err);
	if (!code)
		code = weir_fs_sync_dir(t->fs, t->dir, err);
	if (!code)
		code = weir_fs_publish(t->fs, path, weir_buf_slice(&bytes), err);
	weir_buf_fini(&bytes);
	free(path);
	return code;
}

int weir_store_complete(struct weir_store *s, struct weir_store_target *t, const struct weir_ckpt *c, char **out_uri, struct weir_error *err)
{
	char *uri = weir_fs_uri(t->fs, t->dir);
	int code = uri ? 0 : no_memory(err);

	if (!code && s && !t->savepoint && !add(s, &s->complete, t->id)) /* counts once it is no longer active */
		code = no_memory(err);
	if (!code)
		code = publish(t, c, err);
	if (code) {
		free(uri);
		weir_store_abort(s, t);
		return code;
	}
	if (s && !t->savepoint)
		drop(s, &s->active, t->id);
	if (out_uri)
		*out_uri = uri;
	else
		free(uri);
	target_free(t);
	return 0;
}

/* _metadata first: what is left by a crash in between is a leftover. */
static int remove_checkpoint(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	char *meta = weir_path_join(dir, "_metadata");
	int code = meta ? weir_fs_remove(fs, meta, false, NULL) : no_memory(err);

	if (code && code != WEIR_ENOTFOUND && meta)
		code = weir_error_at(err, code, meta, WEIR_NO_OFFSET, "cannot delete a checkpoint that is no longer needed");
	else if (meta)
		code = weir_fs_remove(fs, dir, true, err);
	free(meta);
	return code == WEIR_ENOTFOUND ? 0 : code;
}

void weir_store_abort(struct weir_store *s, struct weir_store_target *t)
{
	if (!t)
		return;
	if (remove_checkpoint(t->fs, t->dir, NULL)) { /* a leftover, then: the next begin or retire tries again */
	}
	if (s && !t->savepoint) {
		drop(s, &s->complete, t->id);
		drop(s, &s->active, t->id);
	}
	target_free(t);
}

/* ---- retiring ---- */

/* Known to be complete, or checked now. */
static bool is_complete(struct weir_store *s, const char *dir, int64_t id)
{
	if (has(s, &s->complete, id))
		return true;
	return weir__ckpt_check_dir(s->fs, dir, NULL) == 0 && add(s, &s->complete, id);
}

static int retire_one(struct weir_store *s, int64_t id, uint32_t *kept, struct weir_error *err)
{
	char *dir = chk_path(s, id);
	bool complete = false;
	int code = dir ? is_there(s->fs, dir, "_metadata", &complete, err) : no_memory(err);

	if (code) {
		free(dir);
		return code;
	}
	if (!complete) {
		code = weir_fs_remove(s->fs, dir, true, err);
	} else if (*kept >= s->num_retained) {
		code = remove_checkpoint(s->fs, dir, err);
		drop(s, &s->complete, id);
	} else if (is_complete(s, dir, id)) {
		++*kept;
	}
	free(dir);
	return code == WEIR_ENOTFOUND ? 0 : code;
}

/* The hidden file of a .job that was being published when a process died. */
static void remove_hidden(struct weir_store *s, const struct weir__dir *d)
{
	for (size_t i = 0; i < d->len; i++) {
		char *path;

		if (d->items[i].directory || !weir_path_name_is_hidden(d->items[i].name))
			continue;
		path = weir_path_join(s->dir, d->items[i].name);
		if (path && weir_fs_remove(s->fs, path, false, NULL)) { /* next time */
		}
		free(path);
	}
}

int weir_store_retire(struct weir_store *s, struct weir_error *err)
{
	struct weir__dir d;
	struct ids found = { 0 };
	uint32_t kept = 0;
	int code = weir__dir_read(s->fs, s->dir, &d, err), first = 0;

	if (code)
		return code;
	for (size_t i = 0; i < d.len && !code; i++) {
		int64_t id = weir__ckpt_id_of_name(d.items[i].name);

		if (!d.items[i].directory || id < 0 || has(s, &s->active, id))
			continue;
		note_id(s, id);
		if (!ids_add(&found, id))
			code = no_memory(err);
	}
	if (!code) {
		if (found.len)
			qsort(found.items, found.len, sizeof(*found.items), weir_order_i64_down);
		remove_hidden(s, &d);
	}
	/* the oldest go first: count what stays from the newest on, then delete backwards */
	size_t keep = 0;
	while (!code && keep < found.len && kept < s->num_retained) {
		int rc = retire_one(s, found.items[keep++], &kept, err);

		first = first ? first : rc;
	}
	for (size_t i = found.len; !code && i > keep; i--) {
		int rc = retire_one(s, found.items[i - 1], &kept, err);

		first = first ? first : rc;
	}
	weir_vec_fini(&found);
	weir__dir_fini(&d);
	return code ? code : first;
}

int weir_store_discard(struct weir_store *s, struct weir_error *err)
{
	s->num_retained = 0;
	return weir_store_retire(s, err);
}
