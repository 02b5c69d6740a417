// SPDX-License-Identifier: Apache-2.0
/* weir state tree, cat: what a mount would show, without one. The paths are those below a mount's directory. One thread. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/command.h"
#include "fusefs/options.h"

#define OPTIONS                                                                                                                  \
	{ "o", "options", "OPT[,OPT...]", "as weir mount has them: at=NAME, uids=FILE, view=FORM, bare", WEIR_OPT_REPEAT },      \
	{ NULL, "uid", "UID", "a uid the job uses, to list operators of savepoints that hold no uids", WEIR_OPT_REPEAT }

static int open_tree(const struct weir_args *args, struct weir_tree **out, struct weir_error *err)
{
	const char *source = args->words[0], *names[64], *v;
	struct weir_uids uids = { names, 0 };
	struct weir_mount_words w = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && (v = weir_args_nth(args, "options", i)); i++)
		rc = weir_mount_words_take_all(v, &w, err);
	while (uids.count < 64 && (v = weir_args_nth(args, "uid", uids.count)))
		names[uids.count++] = v;
	if (rc == 0)
		rc = weir_tree_open_all(&source, 1, &w, &uids, out, err);
	weir_mount_words_fini(&w);
	return rc;
}

/* What is there instead: the names of the last directory on the path. */
static int not_found(struct weir_tree *t, const char *path, struct weir_error *err)
{
	struct weir_buf names = { 0 }, name = { 0 };
	char *copy = strdup(path), *slash = NULL;
	uint64_t dir = 1, child, count = 0;

	while (copy && (slash = strrchr(copy, '/')) != NULL) {
		*slash = 0;
		if (weir_tree_resolve(t, copy, &dir, NULL) == 0)
			break;
	}
	if (!copy || !strchr(path, '/') || !slash)
		dir = 1;
	for (uint64_t i = 0; i < 12 && weir_tree_child(t, dir, i, &child, &name, NULL) == 0; i++)
		weir_buf_printf(&names, "%s%s", i ? ", " : "", weir_buf_cstr(&name));
	(void)!weir_tree_count(t, dir, &count, NULL);
	weir_error_clear(err);
	weir_error_set(err, WEIR_ENOTFOUND, "%s: there is no such file or directory; %s has %s%s", path, copy && slash ? copy : "the root", names.len ? weir_buf_cstr(&names) : "nothing listed",
		       count > 12 ? ", ..." : "");
	free(copy);
	weir_buf_fini(&names);
	weir_buf_fini(&name);
	return WEIR_ENOTFOUND;
}

static int resolve(struct weir_tree *t, const char *path, uint64_t *ino, struct weir_error *err)
{
	int rc = weir_tree_resolve(t, path, ino, err);

	return rc == WEIR_ENOTFOUND ? not_found(t, path, err) : rc;
}

/* ---- tree ---- */
static const struct weir_option tree_options[] = {
	{ NULL, "depth", "N", "how many levels (3)", 0 },
	{ "l", "long", NULL, "with sizes; - for a file whose length is not known until it is read", 0 },
	OPTIONS,
	{ 0 },
};

struct listing {
	struct weir_tree *t;
	bool json, sizes;
	int64_t depth;
	struct weir_buf path;
	uint32_t bad;
};

static void print_node(struct listing *l, uint64_t ino, const struct weir_attr *a, int failed)
{
	static const char *const shapes[] = { "directory", "file", "link" };
	struct weir_buf link = { 0 }, b = { 0 };
	enum weir_shape shape = weir_tree_shape(ino);
	bool first = true;

	if (shape == WEIR_SHAPE_LINK && weir_tree_link(l->t, ino, &link, NULL))
		weir_buf_clear(&link);
	if (l->json) {
		weir_buf_u8(&b, '{');
		weir_json_key(&b, &first, "path");
		weir_json_text(&b, weir_buf_cstr(&l->path));
		weir_buf_printf(&b, ",\"type\":\"%s\"", shapes[shape]);
		if (failed)
			weir_buf_printf(&b, ",\"error\":\"%s\"", weir_code_name(failed));
		else if (shape == WEIR_SHAPE_FILE && !a->stream)
			weir_buf_printf(&b, ",\"size\":%llu", (unsigned long long)a->size);
		if (link.len) {
			weir_json_key(&b, &first, "target");
			weir_json_text(&b, weir_buf_cstr(&link));
		}
		weir_buf_u8(&b, '}');
		puts(weir_buf_cstr(&b));
	} else {
		if (l->sizes && (failed || a->stream || shape != WEIR_SHAPE_FILE))
			printf("%12s  ", failed ? "unreadable" : "-");
		else if (l->sizes)
			printf("%12llu  ", (unsigned long long)a->size);
		printf("%s%s%s%s\n", weir_buf_cstr(&l->path), shape == WEIR_SHAPE_DIR ? "/" : "", link.len ? " -> " : "", link.len ? weir_buf_cstr(&link) : "");
	}
	weir_buf_fini(&link);
	weir_buf_fini(&b);
}

static int list(struct listing *l, uint64_t dir, int64_t level, struct weir_error *err)
{
	struct weir_buf name = { 0 };
	size_t mark = l->path.len;
	int rc = 0;

	for (uint64_t i = 0; rc == 0; i++) {
		struct weir_attr a = { 0 };
		struct weir_error why = WEIR_ERROR_INIT;
		uint64_t ino;
		int failed;

		rc = weir_tree_child(l->t, dir, i, &ino, &name, err);
		if (rc)
			break;
		weir_buf_printf(&l->path, "%s%s", mark ? "/" : "", weir_buf_cstr(&name));
		failed = l->sizes || l->json ? weir_tree_attr(l->t, ino, &a, &why) : 0;
		l->bad += failed != 0;
		print_node(l, ino, &a, failed);
		if (weir_tree_shape(ino) == WEIR_SHAPE_DIR && level < l->depth) {
			struct weir_error below = WEIR_ERROR_INIT;
			char text[1200];

			if (list(l, ino, level + 1, &below)) { /* its siblings may be whole */
				l->bad++;
				fprintf(stderr, "weir state tree: %s: %s\n", weir_buf_cstr(&l->path), weir_error_text(&below, text, sizeof(text)));
			}
		}
		l->path.len = mark;
	}
	weir_buf_fini(&name);
	return rc == WEIR_ENOTFOUND ? 0 : rc;
}

static int tree_run(const struct weir_args *args, struct weir_error *err)
{
	struct listing l = { .json = args->json, .sizes = weir_args_has(args, "long"), .depth = 3 };
	const char *below = args->nwords > 1 ? args->words[1] : "";
	uint64_t ino = 1;
	int rc = weir_args_i64(args, "depth", 1, 60, &l.depth, err);

	if (rc == 0)
		rc = open_tree(args, &l.t, err);
	if (rc)
		return rc;
	while (*below == '/')
		below++;
	weir_buf_text(&l.path, below);
	while (l.path.len && l.path.data[l.path.len - 1] == '/')
		l.path.len--;
	rc = resolve(l.t, below, &ino, err);
	if (rc == 0 && weir_tree_shape(ino) == WEIR_SHAPE_DIR) {
		rc = list(&l, ino, 1, err);
	} else if (rc == 0) {
		struct weir_attr a = { 0 };

		rc = weir_tree_attr(l.t, ino, &a, err);
		if (rc == 0)
			print_node(&l, ino, &a, 0);
	}
	weir_buf_fini(&l.path);
	weir_tree_free(l.t);
	return rc ? rc : l.bad ? weir_code_exit(WEIR_ECORRUPT) : 0;
}

const struct weir_command weir_cmd_state_tree = {
	.name = "state tree",
	.words = "PATH [SUBPATH]",
	.min_words = 1,
	.max_words = 2,
	.summary = "list what a mount would show, without mounting",
	.about = "The tree of `weir mount PATH`; docs/mount.md describes it. Directories end in /, links say where they lead.",
	.examples = "  weir state tree chk-42 latest/by-uid/tally/keyed/states\n  weir state tree -l --depth 9 chk-42 latest/operators",
	.options = tree_options,
	.flags = WEIR_COMMAND_FILES,
	.run = tree_run,
};

/* ---- cat ---- */
static const struct weir_option cat_options[] = { OPTIONS, { 0 } };

static int cat_one(struct weir_tree *t, const char *path, struct weir_error *err)
{
	enum { PIECE = 1 << 17 };
	struct weir_file *f = NULL;
	uint64_t ino, at = 0;
	uint8_t *buf = malloc(PIECE);
	size_t n = PIECE;
	int rc = buf ? resolve(t, path, &ino, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");

	if (rc == 0 && weir_tree_shape(ino) != WEIR_SHAPE_FILE)
		rc = weir_error_set(err, WEIR_EINVALID, "%s is a directory; `weir state tree` lists it", path);
	if (rc == 0)
		rc = weir_tree_open(t, ino, &f, err);
	for (; rc == 0 && n == PIECE; at += n) {
		rc = weir_tree_read(f, buf, PIECE, at, &n, err);
		if (rc == 0 && n)
			rc = weir_cli_put(NULL, buf, n, err);
	}
	weir_tree_close(f);
	free(buf);
	return rc;
}

static int cat_run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_tree *t = NULL;
	int rc = open_tree(args, &t, err);

	for (int i = 1; i < args->nwords && rc == 0; i++)
		rc = cat_one(t, args->words[i], err);
	weir_tree_free(t);
	return rc;
}

const struct weir_command weir_cmd_state_cat = {
	.name = "state cat",
	.words = "PATH SUBPATH...",
	.min_words = 2,
	.max_words = -1,
	.summary = "print files that a mount would show, without mounting",
	.about = "SUBPATH is a path below the mount of PATH; links are followed.",
	.examples = "  weir state cat chk-42 latest/by-uid/tally/keyed/states/count/get/ORD.json\n  weir state cat root/ .weir/status.json latest/summary.txt",
	.options = cat_options,
	.flags = WEIR_COMMAND_FILES,
	.run = cat_run,
};
