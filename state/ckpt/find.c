// SPDX-License-Identifier: Apache-2.0
/*
 * Finding the newest complete checkpoint below a directory: of a job, or of a root that holds several jobs.
 *
 * 1. Complete means: _metadata decodes, and every file it names is there with its size. Nothing else is ever returned, but for a directory
 *    that the caller named itself.
 * 2. Newest within a job is the largest id; between jobs, the job whose newest _metadata was written last.
 * 3. What was passed over is reported with its reason, newest first.
 *
 * Only reads. Fails with NOTFOUND, and with what listing fails with.
 */
#include "state/ckpt/ckpt_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "fs-abstraction/path.h"

struct candidate {
	char *dir;
	int64_t id, mtime;     /* mtime of _metadata, INT64_MIN when there is none */
	int64_t job_mtime;     /* the newest of its job */
	size_t job;
};
struct found {
	struct candidate *items;
	size_t len, cap;
	size_t njobs, nsavepoints;
	char savepoint[64]; /* one of them */
};

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "not enough memory to list checkpoints"); }

int64_t weir__ckpt_id_of_name(const char *name)
{
	int64_t id = 0;

	if (strncmp(name, "chk-", 4) != 0 || !name[4] || (name[4] == '0' && name[5]))
		return -1;
	for (const char *p = name + 4; *p; p++) {
		if (*p < '0' || *p > '9' || id > (INT64_MAX - 9) / 10)
			return -1;
		id = id * 10 + (*p - '0');
	}
	return id;
}

bool weir__ckpt_is_job_id(const char *name)
{
	return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

/* ---- listing ---- */

static int add_entry(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct weir__dir *d = arg;
	struct weir__dir_entry *e;
	char *copy = strdup(name);

	if (!copy || !(e = weir_vec_push(d))) {
		free(copy);
		return WEIR_ENOMEM;
	}
	*e = (struct weir__dir_entry){ copy, st->type == WEIR_FS_DIRECTORY };
	return 0;
}

int weir__dir_read(struct weir_fs *fs, const char *path, struct weir__dir *out, struct weir_error *err)
{
	int code;

	*out = (struct weir__dir){ 0 };
	code = weir_fs_list(fs, path, add_entry, out, err);
	if (code) {
		weir__dir_fini(out);
		if (code == WEIR_ENOMEM)
			weir_error_set(err, WEIR_ENOMEM, "not enough memory to list %s", path);
	}
	return code;
}

void weir__dir_fini(struct weir__dir *d)
{
	for (size_t i = 0; i < d->len; i++)
		free(d->items[i].name);
	weir_vec_fini(d);
}

/* ---- collecting ---- */

static int add_candidate(struct weir_fs *fs, struct found *f, const char *job_dir, const char *name, size_t job, struct weir_error *err)
{
	struct candidate *c = weir_vec_push(f);
	struct weir_fs_stat st;
	char *meta;

	if (!c)
		return no_memory(err);
	*c = (struct candidate){ .id = weir__ckpt_id_of_name(name), .mtime = INT64_MIN, .job = job, .dir = weir_path_join(job_dir, name) };
	meta = c->dir ? weir_path_join(c->dir, "_metadata") : NULL;
	if (!meta)
		return no_memory(err);
	if (weir_fs_stat(fs, meta, &st, NULL) == 0)
		c->mtime = st.mtime_ms;
	free(meta);
	return 0;
}

static int collect(struct weir_fs *fs, const char *dir, struct found *f, bool below, struct weir_error *err)
{
	struct weir__dir entries;
	size_t job = f->njobs, first = f->len;
	int64_t newest = INT64_MIN;
	int code = weir__dir_read(fs, dir, &entries, err);

	if (code)
		return code;
	for (size_t i = 0; i < entries.len && !code; i++) {
		const char *name = entries.items[i].name;

		if (!entries.items[i].directory)
			continue;
		if (weir__ckpt_id_of_name(name) >= 0) {
			code = add_candidate(fs, f, dir, name, job, err);
		} else if (strncmp(name, "savepoint-", 10) == 0) {
			f->nsavepoints++;
			snprintf(f->savepoint, sizeof(f->savepoint), "%s", name);
		}
	}
	for (size_t i = first; i < f->len; i++)
		if (f->items[i].mtime > newest)
			newest = f->items[i].mtime;
	for (size_t i = first; i < f->len; i++)
		f->items[i].job_mtime = newest;
	f->njobs += f->len > first;
	for (size_t i = 0; i < entries.len && !code && !below; i++) {
		char *sub;

		if (!entries.items[i].directory || !weir__ckpt_is_job_id(entries.items[i].name))
			continue;
		sub = weir_path_join(dir, entries.items[i].name);
		code = sub ? collect(fs, sub, f, true, err) : no_memory(err);
		free(sub);
	}
	weir__dir_fini(&entries);
	return code;
}

static int newer_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->job != y->job && x->job_mtime != y->job_mtime)
		return x->job_mtime < y->job_mtime ? 1 : -1;
	if (x->job != y->job)
		return x->job < y->job ? -1 : 1;
	return x->id < y->id ? 1 : x->id > y->id ? -1 : 0;
}

/* ---- choosing ---- */

int weir__ckpt_check_dir(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_ckpt *c = NULL;
	char *meta = weir_path_join(dir, "_metadata");
	int code = meta ? weir__ckpt_open_file(fs, meta, &c, err) : no_memory(err);

	free(meta);
	if (code == WEIR_ENOTFOUND && err)
		snprintf(err->msg, sizeof(err->msg), "there is no _metadata: the checkpoint was never completed");
	if (!code)
		code = weir_ckpt_check_files(c, err);
	weir_ckpt_close(c);
	return code;
}

static int none_found(const struct found *f, const char *path, const struct weir_error *newest, struct weir_error *err)
{
	char savepoints[160] = "", text[600] = "";

	if (f->nsavepoints)
		snprintf(savepoints, sizeof(savepoints), "; it holds %zu savepoint%s: name one, such as %s", f->nsavepoints, f->nsavepoints == 1 ? "" : "s",
			 f->savepoint);
	if (!f->len)
		return weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET,
				     "no checkpoint or savepoint here: looked for _metadata, chk-N/_metadata and <job id>/chk-N/_metadata%s", savepoints);
	return weir_error_at(err, WEIR_ENOTFOUND, path, WEIR_NO_OFFSET, "none of %zu checkpoint%s here is complete (the newest: %s)%s", f->len,
			     f->len == 1 ? "" : "s", weir_error_text(newest, text, sizeof(text)), savepoints);
}

int weir__ckpt_find_newest(struct weir_fs *fs, const char *path, char **out_dir, weir_store_skip_fn *skip, void *arg, struct weir_error *err)
{
	return weir__ckpt_find_other(fs, path, NULL, out_dir, skip, arg, err);
}

int weir__ckpt_find_other(struct weir_fs *fs, const char *path, const char *than, char **out_dir, weir_store_skip_fn *skip, void *arg, struct weir_error *err)
{
	struct found f = { 0 };
	struct weir_error newest = WEIR_ERROR_INIT;
	struct weir_fs_stat st;
	char *meta = weir_path_join(path, "_metadata"), *dir = NULL;
	int code = meta ? 0 : no_memory(err);

	if (!code && weir_fs_stat(fs, meta, &st, NULL) == 0 && st.type == WEIR_FS_FILE) {
		dir = strdup(path);
		code = dir ? 0 : no_memory(err);
		goto out;
	}
	if (!code)
		code = collect(fs, path, &f, false, err);
	if (f.len)
		qsort(f.items, f.len, sizeof(*f.items), newer_first);
	for (size_t i = 0; i < f.len && !code && !dir; i++) {
		struct weir_error why = WEIR_ERROR_INIT;
		char *uri;

		if (than && strcmp(f.items[i].dir, than) == 0)
			continue;
		code = weir__ckpt_check_dir(fs, f.items[i].dir, &why);
		if (code == 0) {
			dir = f.items[i].dir;
			f.items[i].dir = NULL;
			break;
		}
		if (code == WEIR_ENOMEM) {
			no_memory(err);
			break;
		}
		code = 0;
		if (!newest.code)
			newest = why;
		uri = skip ? weir_fs_uri(fs, f.items[i].dir) : NULL;
		if (skip)
			skip(arg, uri ? uri : f.items[i].dir, &why);
		free(uri);
	}
	if (!code && !dir)
		code = none_found(&f, path, &newest, err);
out:
	for (size_t i = 0; i < f.len; i++)
		free(f.items[i].dir);
	weir_vec_fini(&f);
	free(meta);
	if (!code)
		*out_dir = dir;
	return code;
}

void weir_ckpt_suggest(struct weir_fs *fs, const char *meta_path, struct weir_error *err)
{
	char *dir = weir_path_parent(meta_path), *job = dir ? weir_path_parent(dir) : NULL, *other = NULL;
	int64_t id = dir ? weir__ckpt_id_of_name(weir_path_name(dir)) : -1;
	size_t used;

	if (err && job && id >= 0 && (err->code == WEIR_ECORRUPT || err->code == WEIR_ETRUNCATED) && (used = strlen(err->msg)) < sizeof(err->msg)) {
		int code = weir__ckpt_find_other(fs, job, dir, &other, NULL, NULL, NULL);

		if (code == 0)
			snprintf(err->msg + used, sizeof(err->msg) - used, "; %s beside it is complete: start from that", weir_path_name(other));
		else if (code == WEIR_ENOTFOUND)
			snprintf(err->msg + used, sizeof(err->msg) - used, "; no other checkpoint beside it is complete");
	}
	free(other);
	free(job);
	free(dir);
}

int weir_store_newest(const char *uri, char **out_uri, weir_store_skip_fn *skip, void *arg, struct weir_error *err)
{
	struct weir_fs *fs;
	char *path = NULL, *dir = NULL, *result;
	int code = weir_fs_resolve(uri, &fs, &path, err);

	if (code)
		return code;
	code = weir__ckpt_find_newest(fs, path, &dir, skip, arg, err);
	result = code ? NULL : weir_fs_uri(fs, dir);
	if (!code && !result)
		code = no_memory(err);
	if (!code)
		*out_uri = result;
	free(dir);
	free(path);
	return code;
}
