// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of snapshots: which are complete, which is the latest, which files each of them consists of. `gone` and `complete` may change while a live
 * source is refreshed; a slot never does.
 */
#include "fusefs/tree_rows.h"

#include <stdlib.h>
#include <string.h>

#include "statetool/list.h"

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

/* By the time of _metadata; of several at the same millisecond the later slots carry a number. */
int weir__time_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		       struct weir_error *err)
{
	const struct weir_snapshot *s, *o;
	int rc = snapshots(t, true, i, out, name, out_n);

	(void)dir, (void)err;
	if (rc <= 0)
		return rc;
	weir_buf_clear(name);
	s = weir_source_slot(t->src, out->snapshot);
	weir__time_name(s->mtime_ms, false, name);
	rc = 1;
	for (uint32_t k = 0; k < out->snapshot && (o = weir_source_slot(t->src, k)) != NULL; k++)
		rc += listed(o, true) && o->mtime_ms == s->mtime_ms;
	if (rc > 1)
		weir_buf_printf(name, "~%d", rc);
	return 1;
}

/* Every state that has a directory, largest first. */
int weir__size_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		       struct weir_error *err)
{
	const struct weir_state_info *s;
	struct weir__place p;
	uint64_t seen = 0;
	char bytes[24], uid[1024], hex[33];
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		rc = weir__sizes(t, &p, err);
	for (uint32_t k = 0; rc == 0 && k < weir_view_nstates(p.view); k++) {
		uint32_t slot = p.snap->by_size[k];

		s = weir_view_state(p.view, slot);
		if (slot >= WEIR_SLOTS_MAX || !s->op || s->kind == WEIR_STATE_COORDINATOR || seen++ != i)
			continue;
		out->slot = slot;
		out->rank = (uint32_t)i;
		weir_bytes_text(p.snap->state_bytes[slot], bytes);
		for (char *c = bytes; *c; c++)
			*c = *c == ' ' ? '_' : *c;
		weir_operator_id_hex(&s->op->id, hex);
		hex[8] = 0;
		weir_buf_printf(name, "%04u_%s_", (unsigned)(i + 1), bytes);
		weir__put_name(weir_operator_uid(s->op, &t->uids, uid, sizeof(uid)) ? uid : hex, name);
		weir_buf_u8(name, '_');
		weir__put_name(s->name && s->name[0] ? s->name : "state", name);
		if (name->len > 255) { /* two long names: the number says which */
			name->len = 180;
			while (name->len > 30 && ((name->data[name->len] & 0xc0) == 0x80 || name->data[name->len - 1] == '%' || name->data[name->len - 2] == '%'))
				name->len--;
		}
		return 1;
	}
	*out_n = seen;
	return rc;
}

/* The name begins with its number. */
int weir__size_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	uint64_t i = strtoull(name, NULL, 10), n;
	struct weir_buf buf = { 0 };
	int rc = i ? weir__size_entries(t, dir, i - 1, out, &buf, &n, err) : 0;

	if (rc >= 0)
		rc = rc && strcmp(weir_buf_cstr(&buf), name) == 0 ? 0 : WEIR_ENOTFOUND;
	weir_buf_fini(&buf);
	return rc;
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
