// SPDX-License-Identifier: Apache-2.0
/* Paths in the tree, from its root: with links followed, as a kernel would. Links may lead up; a path never leaves the tree. */
#include "fusefs/tree_priv.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, LINKS_MAX = 40 };

int weir_tree_walk(struct weir_tree *t, const char *path, uint64_t *out_ino, struct weir_error *err)
{
	uint64_t ino = 1;
	char name[512];
	int rc = 0;

	while (*path && rc == 0) {
		size_t n = strcspn(path, "/");

		if (n >= sizeof(name))
			return WEIR_ENOTFOUND;
		memcpy(name, path, n);
		name[n] = 0;
		if (n)
			rc = weir_tree_lookup(t, ino, name, &ino, err);
		path += n + (path[n] == '/');
	}
	if (rc == 0)
		*out_ino = ino;
	return rc;
}

struct stack {
	uint64_t at[DEPTH_MAX]; /* from the root to where we are */
	int depth;
};

static int step(struct weir_tree *t, struct stack *s, const char *name, struct weir_error *err)
{
	uint64_t ino;
	int rc;

	if (strcmp(name, ".") == 0 || !name[0])
		return 0;
	if (strcmp(name, "..") == 0) {
		s->depth -= s->depth > 0;
		return 0;
	}
	if (weir_tree_shape(s->at[s->depth]) != WEIR_SHAPE_DIR || s->depth + 1 == DEPTH_MAX)
		return WEIR_ENOTFOUND;
	rc = weir_tree_lookup(t, s->at[s->depth], name, &ino, err);
	if (rc == 0)
		s->at[++s->depth] = ino;
	return rc;
}

int weir_tree_resolve(struct weir_tree *t, const char *path, uint64_t *out_ino, struct weir_error *err)
{
	struct stack s = { .at = { 1 } };
	char *rest = strdup(path), *p = rest, *slash, *more;
	struct weir_buf link = { 0 };
	int rc = rest ? 0 : WEIR_ENOMEM;

	for (int links = 0; rc == 0 && *p;) {
		slash = strchr(p, '/');
		if (slash)
			*slash = 0;
		rc = step(t, &s, p, err);
		p = slash ? slash + 1 : p + strlen(p);
		if (rc || weir_tree_shape(s.at[s.depth]) != WEIR_SHAPE_LINK)
			continue;
		rc = ++links > LINKS_MAX ? WEIR_ENOTFOUND : weir_tree_link(t, s.at[s.depth], &link, err);
		if (rc)
			break;
		s.depth--;
		weir_buf_u8(&link, '/');
		weir_buf_text(&link, p);
		more = weir_buf_error(&link) ? NULL : strdup(weir_buf_cstr(&link));
		if (!more)
			rc = WEIR_ENOMEM;
		free(rest);
		rest = p = more;
	}
	free(rest);
	weir_buf_fini(&link);
	if (rc == 0)
		*out_ino = s.at[s.depth];
	return rc;
}
