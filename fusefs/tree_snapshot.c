// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of snapshots: which are complete, which is the latest, which files each of them consists of. `gone` and `complete` may change while a live
 * source is refreshed; a slot never does.
 */
#include "fusefs/tree_rows.h"

static bool listed(const struct weir_snapshot *s, bool complete)
{
	return complete ? weir_snapshot_listed(s) : !__atomic_load_n(&s->gone, __ATOMIC_ACQUIRE) && !__atomic_load_n(&s->complete, __ATOMIC_ACQUIRE);
}

static int snapshots(struct weir_tree *t, bool complete, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n)
{
	uint64_t seen = 0;

	for (uint32_t k = 0; k < weir_source_count(t->src); k++) {
		const struct weir_snapshot *s = weir_source_slot(t->src, k);

		if (!listed(s, complete) || seen++ != i)
			continue;
		out->snapshot = k;
		weir_snapshot_name(s, name);
		return 1;
	}
	*out_n = seen;
	return 0;
}

int weir__complete_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			   struct weir_error *err)
{
	(void)dir, (void)err;
	return snapshots(t, true, i, out, name, out_n);
}

int weir__incomplete_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			     struct weir_error *err)
{
	int rc = snapshots(t, false, i, out, name, out_n);

	(void)dir, (void)err;
	if (rc > 0)
		weir_buf_text(name, ".txt");
	return rc;
}

int weir__latest_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err)
{
	(void)dir, (void)err;
	return weir_source_latest(t->src) >= 0;
}

/* In a snapshot only where that is the root. */
int weir__control_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err)
{
	(void)err;
	return dir.kind == t->root.kind;
}

/* ---- raw files, by where they lie ---- */
static int files_at(struct weir_tree *t, struct weir_inode dir, enum weir_file_place place, uint64_t i,
		    struct weir_inode *out, struct weir_buf *name, uint64_t *out_n, struct weir_error *err)
{
	struct weir__place p;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (uint32_t k = 0; k < p.snap->nfiles; k++) {
		const struct weir_raw_file *f = &p.snap->files[k];

		if (f->place != place || seen++ != i)
			continue;
		out->rank = k;
		weir__put_name(f->name ? f->name : f->uri, name);
		return 1;
	}
	*out_n = seen;
	return 0;
}

int weir__raw_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		      struct weir_error *err)
{
	return files_at(t, dir, dir.kind == NODE_RAW ? WEIR_PLACE_HERE : (enum weir_file_place)dir.rank, i, out, name, out_n, err);
}

int weir__raw_dir_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			  struct weir_error *err)
{
	static const char *const names[] = { NULL, "shared", "taskowned", "abs" };
	uint64_t seen = 0, files = 0;

	for (uint32_t place = WEIR_PLACE_SHARED; place <= WEIR_PLACE_ABSOLUTE; place++) {
		int rc = files_at(t, dir, (enum weir_file_place)place, WEIR__COUNT_ONLY, out, NULL, &files, err);

		if (rc < 0)
			return rc;
		if (!files || seen++ != i)
			continue;
		out->rank = place;
		weir_buf_text(name, names[place]);
		return 1;
	}
	*out_n = seen;
	return 0;
}
