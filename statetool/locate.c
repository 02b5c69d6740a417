// SPDX-License-Identifier: Apache-2.0
/*
 * Choosing a checkpoint by its number, and finding uids by their hashes: a uid is a text whose murmur hash is an operator's id (128 bits, so a match is no
 * accident). Each line of a file, each quoted part of it and each word is tried. Only reads.
 */
#include "statetool/locate.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs-abstraction/fs_archive.h"
#include "fs-abstraction/fs_layers.h"
#include "fs-abstraction/path.h"

enum { TEXT_MAX = 512 };

/* ---- archives ---- */
struct inside {
	char *dir;        /* the common directory of what was found */
	uint32_t n;
	bool checkpoints; /* all are chk-N */
	char list[400];
	size_t used;
	bool nomem;
};

static int take_metadata(void *arg, const char *path, uint64_t size)
{
	struct inside *in = arg;
	char *dir;

	(void)size;
	if (strcmp(weir_path_name(path), "_metadata") != 0)
		return 0;
	dir = weir_path_parent(path);
	if (!dir) {
		in->nomem = true;
		return 1;
	}
	in->checkpoints = (in->n == 0 || in->checkpoints) && strncmp(weir_path_name(dir), "chk-", 4) == 0;
	if (in->used < sizeof(in->list) - 1)
		in->used += (size_t)snprintf(in->list + in->used, sizeof(in->list) - in->used, "%s%s", in->n ? ", " : "", dir);
	in->n++;
	while (in->dir && !weir_path_is_within(dir, in->dir) && strcmp(in->dir, "/") != 0) {
		char *up = weir_path_parent(in->dir);

		free(in->dir);
		in->dir = up;
		in->nomem |= !up;
	}
	if (in->n == 1)
		in->dir = dir;
	else
		free(dir);
	return in->nomem;
}

static int choose_inside(struct weir_fs *fs, const char *archive, char **out, struct weir_error *err)
{
	struct inside in = { 0 };
	int rc = 0;

	(void)weir_fs_archive_each(fs, take_metadata, &in);
	if (in.nomem)
		rc = weir_error_set(err, WEIR_ENOMEM, "out of memory");
	else if (!in.n)
		rc = weir_error_at(err, WEIR_ENOTFOUND, archive, WEIR_NO_OFFSET, "there is no savepoint in this archive: none of its files is called _metadata");
	else if (in.n > 1 && !in.checkpoints)
		rc = weir_error_at(err, WEIR_EINVALID, archive, WEIR_NO_OFFSET, "there are %u savepoints or checkpoints in this archive; name one as %s!DIR: %s%s", in.n, archive, in.list,
				   in.used >= sizeof(in.list) - 1 ? "..." : "");
	if (rc)
		free(in.dir);
	else
		*out = in.dir;
	return rc;
}

static bool looks_like_archive(const char *path)
{
	uint8_t start[512];
	struct weir_fs_in *in;
	size_t n = 0;
	bool yes;

	if (weir_fs_open(weir_fs_local, path, &in, NULL))
		return false;
	yes = weir_fs_read_at(in, start, sizeof(start), 0, &n, NULL) == 0 && weir_fs_is_archive((struct weir_slice){ start, n });
	weir_fs_in_close(in);
	return yes;
}

int weir_locate(const char *path, char **out_uri, struct weir_error *err)
{
	static const char *const schemes[] = { "archive", "archive2", "archive3", "archive4" };
	static unsigned used;
	const char *bang = strstr(path, "!/");
	char *file = bang ? strndup(path, (size_t)(bang - path)) : strdup(path), *full = NULL, *inside = NULL;
	struct weir_fs *fs = NULL, *local;
	int rc = file ? weir_fs_resolve(file, &local, &full, NULL) : WEIR_ENOMEM;

	if (rc || local != weir_fs_local || !looks_like_archive(full)) {
		*out_uri = strdup(path);
		rc = *out_uri ? 0 : weir_error_set(err, WEIR_ENOMEM, "out of memory");
		goto out;
	}
	if (used == sizeof(schemes) / sizeof(schemes[0])) {
		rc = weir_error_set(err, WEIR_EUNSUPPORTED, "more than %u archives at once", used);
		goto out;
	}
	rc = weir_fs_archive_open(full, schemes[used], &fs, err);
	if (rc == 0)
		rc = bang ? (inside = strdup(bang + 1)) ? 0 : weir_error_set(err, WEIR_ENOMEM, "out of memory") : choose_inside(fs, full, &inside, err);
	if (rc == 0)
		rc = weir_fs_register(schemes[used], fs, err);
	if (rc == 0) {
		used++;
		*out_uri = weir_fs_uri(fs, inside);
		rc = *out_uri ? 0 : weir_error_set(err, WEIR_ENOMEM, "out of memory");
	} else if (fs) {
		weir_fs_archive_close(fs);
	}
out:
	free(inside);
	free(full);
	free(file);
	return rc;
}

/* ---- a checkpoint by its number ---- */
struct candidates {
	struct weir_fs *fs;
	const char *root;
	char name[32];    /* chk-N */
	char *found;
	uint32_t nfound;
	char list[300];   /* names of chk-* seen */
	size_t used;
	bool nested;      /* inside a job's directory */
	int code;
};

static bool has_metadata(struct weir_fs *fs, const char *dir)
{
	char *meta = weir_path_join(dir, "_metadata");
	struct weir_fs_stat st;
	bool ok = meta && weir_fs_stat(fs, meta, &st, NULL) == 0 && st.type == WEIR_FS_FILE;

	free(meta);
	return ok;
}

static int look(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct candidates *c = arg;
	char *path;

	if (st->type != WEIR_FS_DIRECTORY)
		return 0;
	path = weir_path_join(c->root, name);
	if (!path)
		return c->code = WEIR_ENOMEM;
	if (strncmp(name, "chk-", 4) == 0) {
		if (strcmp(name, c->name) == 0 && has_metadata(c->fs, path)) {
			free(c->found);
			c->found = path;
			c->nfound++;
			return 0;
		}
		if (c->used < sizeof(c->list) - 1)
			c->used += (size_t)snprintf(c->list + c->used, sizeof(c->list) - c->used, "%s%s", c->used ? ", " : "", name);
	} else if (!c->nested && strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32) {
		const char *root = c->root;

		c->root = path;
		c->nested = true;
		(void)!weir_fs_list(c->fs, path, look, c, NULL); /* a job that cannot be read is not the one */
		c->root = root;
		c->nested = false;
	}
	free(path);
	return c->code;
}

int weir_ckpt_open_at(const char *uri, int64_t id, struct weir_ckpt **out, struct weir_error *err)
{
	struct candidates c = { 0 };
	char *root = NULL, *target;
	int rc = weir_fs_resolve(uri, &c.fs, &root, err);

	if (rc)
		return rc;
	snprintf(c.name, sizeof(c.name), "chk-%lld", (long long)id);
	c.root = root;
	if (strcmp(weir_path_name(root), c.name) == 0 && has_metadata(c.fs, root)) { /* it is that one itself */
		c.found = strdup(root);
		c.nfound = 1;
		rc = c.found ? 0 : WEIR_ENOMEM;
	} else {
		rc = weir_fs_list(c.fs, root, look, &c, err);
	}
	if (rc == WEIR_ENOMEM)
		weir_error_set(err, rc, "out of memory");
	else if (rc == 0 && !c.nfound)
		rc = weir_error_at(err, WEIR_ENOTFOUND, root, WEIR_NO_OFFSET, "there is no complete %s here; there is: %s%s", c.name, c.used ? c.list : "none",
				   c.used >= sizeof(c.list) - 1 ? "..." : "");
	else if (rc == 0 && c.nfound > 1)
		rc = weir_error_at(err, WEIR_EINVALID, root, WEIR_NO_OFFSET, "%u jobs have a %s here; name the directory of one job", c.nfound, c.name);
	if (rc == 0) {
		target = weir_fs_uri(c.fs, c.found);
		rc = target ? weir_ckpt_open(target, out, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");
		free(target);
	}
	free(c.found);
	free(root);
	return rc;
}

/* ---- uids ---- */
struct uid_search {
	const struct weir_ckpt *c;
	struct weir_uid_list *out;
	bool failed;
};

static void try_uid(struct uid_search *x, const char *p, size_t n)
{
	char text[TEXT_MAX];
	struct weir_operator_id id;

	while (n && (*p == ' ' || *p == '\t'))
		p++, n--;
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (!n || n >= sizeof(text))
		return;
	memcpy(text, p, n);
	text[n] = 0;
	id = weir_operator_id_of_uid(text);
	if (!weir_ckpt_operator(x->c, &id))
		return;
	for (size_t i = 0; i < x->out->names.len; i++)
		if (strcmp(x->out->names.items[i], text) == 0)
			return;
	char *copy = weir_arena_text(&x->out->mem, text, n);
	const char **slot = copy ? weir_vec_push(&x->out->names) : NULL;

	if (slot)
		*slot = copy;
	else
		x->failed = true;
}

static void try_line(struct uid_search *x, const char *p, size_t n)
{
	size_t from = 0;

	try_uid(x, p, n);
	for (size_t i = 0; i < n; i++) /* between quotes */
		if (p[i] == '"' || p[i] == '\'') {
			const char *end = memchr(p + i + 1, p[i], n - i - 1);

			if (end)
				try_uid(x, p + i + 1, (size_t)(end - p) - i - 1);
		}
	for (size_t i = 0; i <= n; i++) /* words */
		if (i == n || p[i] == ' ' || p[i] == '\t' || p[i] == ',' || p[i] == ';') {
			if (i - from < n)
				try_uid(x, p + from, i - from);
			from = i + 1;
		}
}

int weir_uids_from_file(const struct weir_ckpt *c, const char *uri, struct weir_uid_list *out, struct weir_error *err)
{
	struct uid_search x = { .c = c, .out = out };
	struct weir_fs *fs;
	struct weir_fs_map *map;
	struct weir_slice s;
	char *path = NULL;
	size_t from = 0;
	int rc = weir_fs_resolve(uri, &fs, &path, err);

	if (rc == 0)
		rc = weir_fs_map(fs, path, &map, &s, err);
	free(path);
	if (rc)
		return rc;
	for (size_t i = 0; i <= s.len && !x.failed; i++)
		if (i == s.len || (s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f) {
			if (i > from)
				try_line(&x, (const char *)s.ptr + from, i - from);
			from = i + 1;
		}
	weir_fs_unmap(map);
	return x.failed ? weir_error_set(err, WEIR_ENOMEM, "out of memory") : 0;
}

void weir_uid_list_fini(struct weir_uid_list *l)
{
	weir_vec_fini(&l->names);
	weir_arena_fini(&l->mem);
}
