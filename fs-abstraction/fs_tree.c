// SPDX-License-Identifier: Apache-2.0
/*
 * Whole directory trees: mkdirs, mkdirs_durable, recursive remove; built on the one-level operations of any file system.
 *
 * Invariants
 *  1. A race with another maker or remover of the same names is not an error.
 *  2. Symbolic links are removed, never followed.
 *  3. mkdirs_durable makes a level only when the levels above it are durable.
 */
#include "fs-abstraction/fs_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "fs-abstraction/path.h"

#define DEPTH_MAX 256

/* FS-08 for one existing path. */
static int check_is_dir(const struct weir_fs_stat *st, const char *path, struct weir_error *err)
{
	return st->type == WEIR_FS_DIRECTORY ? 0 : weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "a file is in the way of this directory");
}

static void pass_on(struct weir_error *err, const struct weir_error *mine)
{
	if (err && !err->code)
		*err = *mine;
}

static int make_level(struct weir_fs *fs, const char *path, struct weir_error *err)
{
	struct weir_fs_stat st;
	struct weir_error mine = WEIR_ERROR_INIT;
	int rc = fs->ops->mkdir(fs, path, &mine);

	if (rc == WEIR_EEXISTS && fs->ops->stat(fs, path, &st, NULL) == 0) /* somebody else was faster */
		return check_is_dir(&st, path, err);
	if (rc)
		pass_on(err, &mine);
	return rc;
}

/* Length of the longest prefix of path that exists, which is a directory; WEIR_EEXISTS when it is a file. path is cut and restored. */
static int existing_prefix(struct weir_fs *fs, char *path, size_t *out_len, struct weir_error *err)
{
	size_t whole = strlen(path), len = whole;
	struct weir_fs_stat st;

	for (;;) {
		struct weir_error mine = WEIR_ERROR_INIT;
		char cut = path[len];
		int rc;

		path[len] = 0;
		rc = len == 0 ? 0 : fs->ops->stat(fs, path, &st, &mine);
		if (rc == 0 && len)
			rc = check_is_dir(&st, path, &mine);
		path[len] = cut;
		if (rc == 0)
			*out_len = len;
		else if (rc != WEIR_ENOTFOUND)
			pass_on(err, &mine);
		if (rc != WEIR_ENOTFOUND)
			return rc;
		while (path[--len] != '/')
			;
	}
}

/* sync_dir of the parent of path[0..len). */
static int sync_parent(struct weir_fs *fs, const char *path, size_t len, struct weir_error *err)
{
	char *own = strndup(path, len), *parent = own ? weir_path_parent(own) : NULL;
	int rc = parent ? weir_fs_sync_dir(fs, parent, err) : weir__fs_nomem(err, path);

	free(own);
	free(parent);
	return rc;
}

static int make_tree(struct weir_fs *fs, const char *given, bool durable, struct weir_error *err)
{
	struct weir__fs_path p;
	char *path = NULL;
	size_t len = 0;
	int rc = weir__fs_path_take(&p, given, err);

	if (rc)
		return rc;
	rc = weir__fs_writable(fs, p.text, err);
	if (rc)
		goto out;
	path = strdup(p.text[1] ? p.text : "");
	if (!path) {
		rc = weir__fs_nomem(err, p.text);
		goto out;
	}
	rc = existing_prefix(fs, path, &len, err);
	if (!rc && durable && len) {
		struct weir_error mine = WEIR_ERROR_INIT;

		rc = sync_parent(fs, path, len, &mine);
		if (rc == WEIR_EPERM) /* a directory above ours that we may not read: not made by us */
			rc = 0;
		else if (rc)
			pass_on(err, &mine);
	}
	while (!rc && path[len]) {
		char cut;

		len += strcspn(path + len + 1, "/") + 1;
		cut = path[len];
		path[len] = 0;
		rc = make_level(fs, path, err);
		if (!rc && durable)
			rc = sync_parent(fs, path, len, err);
		path[len] = cut;
	}
out:
	free(path);
	weir__fs_path_drop(&p);
	return rc;
}

int weir_fs_mkdirs(struct weir_fs *fs, const char *path, struct weir_error *err) { return make_tree(fs, path, false, err); }
int weir_fs_mkdirs_durable(struct weir_fs *fs, const char *path, struct weir_error *err) { return make_tree(fs, path, true, err); }

/* ---- remove ---- */

struct child {
	char *name;
	bool directory; /* a real one, not a link */
};
struct children {
	WEIR_VEC(struct child) all;
};

static int collect(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct children *c = arg;
	char *copy = strdup(name);
	struct child *slot = copy ? weir_vec_push(&c->all) : NULL;

	if (!slot) {
		free(copy);
		return WEIR_ENOMEM;
	}
	*slot = (struct child){ copy, st->type == WEIR_FS_DIRECTORY && !st->link };
	return 0;
}

static int remove_tree(struct weir_fs *fs, const char *path, int depth, struct weir_error *err)
{
	struct children c = { 0 };
	int rc;

	if (depth > DEPTH_MAX)
		return weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "more than %d directories inside each other: not removed", DEPTH_MAX);
	rc = fs->ops->list(fs, path, collect, &c, err);
	if (rc == WEIR_ENOMEM)
		weir__fs_nomem(err, path);
	for (size_t i = 0; i < c.all.len && !rc; i++) {
		struct weir_error mine = WEIR_ERROR_INIT;
		char *child = weir_path_join(path, c.all.items[i].name);

		if (!child)
			rc = weir__fs_nomem(&mine, path);
		else if (c.all.items[i].directory)
			rc = remove_tree(fs, child, depth + 1, &mine);
		else
			rc = fs->ops->remove(fs, child, false, &mine);
		free(child);
		if (rc == WEIR_ENOTFOUND) /* somebody else was faster */
			rc = 0;
		else if (rc)
			pass_on(err, &mine);
	}
	for (size_t i = 0; i < c.all.len; i++)
		free(c.all.items[i].name);
	weir_vec_fini(&c.all);
	return rc ? rc : fs->ops->remove(fs, path, true, err);
}

int weir_fs_remove(struct weir_fs *fs, const char *path, bool recursive, struct weir_error *err)
{
	struct weir__fs_path p;
	struct weir_fs_stat st;
	int rc = weir__fs_path_take(&p, path, err);

	if (rc)
		return rc;
	rc = weir__fs_writable(fs, p.text, err);
	if (!rc && p.text[1] == 0)
		rc = weir_error_at(err, WEIR_EINVALID, p.text, WEIR_NO_OFFSET, "the root directory cannot be removed");
	if (!rc)
		rc = fs->ops->stat(fs, p.text, &st, err);
	if (!rc) {
		bool directory = st.type == WEIR_FS_DIRECTORY && !st.link;

		rc = directory && recursive ? remove_tree(fs, p.text, 0, err) : fs->ops->remove(fs, p.text, directory, err);
	}
	weir__fs_path_drop(&p);
	return rc;
}
