// SPDX-License-Identifier: Apache-2.0
/*
 * diff/A..B/: what changed from one snapshot to another, as weir state diff tells it. Neighbours of a source are listed, oldest first; any pair of names is found. The node's snapshot
 * is A, its key group B. What was compared is not kept: the kernel keeps what was read.
 */
#include "fusefs/tree_rows.h"

#include <stdlib.h>
#include <string.h>

#include "statetool/diff.h"

enum { CHANGES_MAX = 1 << 20 };

/* The complete snapshot of the same source that comes before slot `b`, or -1. */
static int before(struct weir_tree *t, uint32_t b)
{
	const struct weir_snapshot *to = weir_source_slot(t->src, b);
	int best = -1;

	for (uint32_t i = 0; i < weir_source_count(t->src); i++) {
		const struct weir_snapshot *s = weir_source_slot(t->src, i), *than = best < 0 ? NULL : weir_source_slot(t->src, (uint32_t)best);

		if (i == b || !weir_snapshot_listed(s) || (s->root != to->root && (t->src->roots[s->root].live || t->src->roots[to->root].live)))
			continue;
		if ((s->mtime_ms < to->mtime_ms || (s->mtime_ms == to->mtime_ms && (s->id < to->id || (s->id == to->id && i < b)))) &&
		    (!than || s->mtime_ms > than->mtime_ms || (s->mtime_ms == than->mtime_ms && (s->id > than->id || (s->id == than->id && i > (uint32_t)best)))))
			best = (int)i;
	}
	return best;
}

int weir__diff_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		       struct weir_error *err)
{
	uint64_t seen = 0;

	(void)dir, (void)err;
	for (uint32_t b = 0; b < weir_source_count(t->src); b++) {
		int a = weir_snapshot_listed(weir_source_slot(t->src, b)) ? before(t, b) : -1;

		if (a < 0 || seen++ != i)
			continue;
		out->snapshot = (uint32_t)a;
		out->group = b;
		weir_snapshot_name(weir_source_slot(t->src, (uint32_t)a), name);
		weir_buf_text(name, "..");
		weir_snapshot_name(weir_source_slot(t->src, b), name);
		return 1;
	}
	*out_n = seen;
	return 0;
}

int weir__diff_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	char *copy = strdup(name);
	int rc = copy ? WEIR_ENOTFOUND : weir_error_set(err, WEIR_ENOMEM, "out of memory for a name");

	(void)dir;
	for (char *dots = copy ? strstr(copy, "..") : NULL; dots && rc == WEIR_ENOTFOUND; dots = strstr(dots + 1, "..")) {
		int a, b;

		*dots = 0;
		a = weir_source_find(t->src, copy);
		b = weir_source_find(t->src, dots + 2);
		*dots = '.';
		if (a < 0 || b < 0)
			continue;
		out->snapshot = (uint32_t)a;
		out->group = (uint32_t)b;
		rc = 0;
	}
	free(copy);
	return rc;
}

bool weir__diff_is_small(struct weir_tree *t, struct weir_inode n)
{
	struct weir__place a, b;
	struct weir_inode other = { .kind = NODE_SNAPSHOT, .snapshot = n.group };

	return weir__place_of(t, n, &a, NULL) == 0 && weir__place_of(t, other, &b, NULL) == 0 && weir__is_small(t, &a) && weir__is_small(t, &b);
}

int weir__render_diff(struct weir_tree *t, struct weir_inode n, const struct weir__place *a, struct weir_buf *b, struct weir_error *err)
{
	struct weir_diff_options o = { .uids = t->uids, .limit = n.kind == NODE_DIFF_ALL ? CHANGES_MAX : 0, .json = n.kind == NODE_DIFF_ALL };
	struct weir_inode other = { .kind = NODE_SNAPSHOT, .snapshot = n.group };
	struct weir_diff_result result;
	struct weir_sink sink = { 0 };
	struct weir__place to;
	int rc = weir__place_of(t, other, &to, err);

	if (rc == 0)
		rc = weir_state_diff(a->view, to.view, &o, &sink, &result, err);
	if (rc == 0 && result.added + result.removed + result.changed > o.limit && o.json)
		rc = weir_error_set(err, WEIR_EUNSUPPORTED, "more than %d changes; weir state diff has a --limit", CHANGES_MAX);
	if (rc == 0)
		weir_buf_put_slice(b, weir_buf_slice(&sink.buf));
	weir_buf_fini(&sink.buf);
	return rc;
}
