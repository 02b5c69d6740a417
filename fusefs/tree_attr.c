// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes, links and extended attributes of nodes. A size is exact or the file is a stream; which of the two is decided by weir__is_small and by
 * what has been learnt since.
 */
#include "fusefs/tree_priv.h"

#include <string.h>

#include "statetool/text.h"

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory for the mount"); }

static bool is_listing(enum weir_inode_kind k)
{
	return k == NODE_ALL || k == NODE_KEYS || k == NODE_COUNT || k == NODE_BYTES || k == NODE_SUMMARY || k == NODE_PROBLEMS || k == NODE_TSV || k == NODE_RANGE ||
	       k == NODE_TOP_FILE || k == NODE_NEXT || k == NODE_HISTOGRAM || k == NODE_KEY_GROUPS;
}

/* Length of a file whose content is rendered; -1: only reading to the end will tell. */
static int content_size(struct weir_tree *t, struct weir_inode n, int64_t *out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_buf text = { 0 };
	uint64_t segments;
	int64_t sum = 0;
	bool cheap = true;
	int rc;

	if ((n.kind == NODE_DIFF_SUMMARY || n.kind == NODE_DIFF_ALL) && !weir__diff_is_small(t, n)) {
		*out = -1;
		return 0;
	}
	if (is_listing(n.kind)) {
		rc = weir__place_of(t, n, &p, err);
		if (rc)
			return rc;
		cheap = weir__is_small(t, &p);
		if (!cheap && (!weir__inode_is_state(n.kind) || !__atomic_load_n(&p.snap->facts[n.slot].counted, __ATOMIC_ACQUIRE))) {
			*out = -1;
			return 0;
		}
	}
	rc = weir__segments(t, n, &segments, err);
	for (uint64_t i = 0; i < segments && rc == 0; i++) {
		int64_t len = weir__segment_length(t, n, i);

		if (len < 0 && !cheap && (segments > 1 || n.kind == NODE_ALL || n.kind == NODE_TOP_FILE || n.kind == NODE_NEXT || n.kind == NODE_HISTOGRAM)) {
			*out = -1;
			weir_buf_fini(&text);
			return 0;
		}
		if (len < 0) {
			weir_buf_clear(&text);
			rc = weir__render(t, n, i, &text, err);
			len = (int64_t)text.len;
			if (rc == 0)
				weir__segment_learn(t, n, i, text.len);
		}
		sum += len;
	}
	weir_buf_fini(&text);
	if (rc == 0)
		*out = sum;
	return rc;
}

static uint64_t stored_bytes(struct weir_tree *t, struct weir_inode n, uint64_t size)
{
	struct weir__place p;
	const struct weir_index *x;
	uint64_t sum = 0;

	if (n.kind == NODE_RAW_FILE || n.kind == NODE_HANDLE)
		return size;
	if (n.kind < NODE_LEAF || weir__place_of(t, n, &p, NULL) || weir_index_get(t->cache, n.snapshot, p.view, n.slot, weir__group_of(n), &x, NULL))
		return 0;
	for (uint32_t i = 0; n.rank < x->nleaves && i < x->leaves[n.rank].count; i++) {
		const struct weir_entry *e = &x->entries[x->leaves[n.rank].first + i];

		sum += e->key.len + e->ns.len + e->user_key.len + e->value.len;
	}
	weir_index_put(t->cache, x);
	return sum;
}

int weir_tree_attr(struct weir_tree *t, uint64_t ino, struct weir_attr *out, struct weir_error *err)
{
	struct weir_inode n = weir__node(t, ino);
	struct weir_attr a = { .shape = weir_tree_shape(ino) };
	struct weir_snapshot *s = weir_source_slot(t->src, n.snapshot);
	struct weir_buf text = { 0 };
	int64_t size = 0;
	int rc = 0;

	if (n.kind >= NODE_KINDS || !s)
		return WEIR_ENOTFOUND;
	a.changing = n.kind <= NODE_SNAPSHOT && ((t->src->live && t->root.kind == NODE_ROOT) || n.kind == NODE_STATUS || n.kind == NODE_ERRORS);
	a.mtime_ms = s->mtime_ms;
	if (a.shape == WEIR_SHAPE_DIR) {
		struct weir_error quiet = WEIR_ERROR_INIT; /* a directory that cannot be listed is still there */

		if (n.kind != NODE_GET && n.kind != NODE_BY_KEY && n.kind != NODE_BY_SIZE && n.kind != NODE_RANGES && n.kind != NODE_BUCKETS && n.kind != NODE_GROUP && n.kind != NODE_SHARD && weir_tree_count(t, ino, &a.size, &quiet))
			a.size = 0;
	} else if (a.shape == WEIR_SHAPE_LINK) {
		rc = weir_tree_link(t, ino, &text, err);
		a.size = text.len;
	} else if (n.kind == NODE_RAW_FILE || n.kind == NODE_HANDLE) {
		rc = weir__raw_size(t, n, &a.size, err);
	} else if (n.kind == NODE_ERRORS || n.kind == NODE_STATUS) {
		a.stream = true;
	} else {
		rc = content_size(t, n, &size, err);
		a.stream = size < 0;
		a.size = size < 0 ? 0 : (uint64_t)size;
	}
	weir_buf_fini(&text);
	a.changing |= a.stream;
	a.stored = rc == 0 ? stored_bytes(t, n, a.size) : 0;
	if (rc == 0)
		*out = a;
	return rc;
}

int weir_tree_link(struct weir_tree *t, uint64_t ino, struct weir_buf *out, struct weir_error *err)
{
	struct weir_inode n = weir__node(t, ino);
	struct weir__place p;
	char hex[33];
	int rc, slot;

	weir_buf_clear(out);
	if (n.kind == NODE_LATEST) {
		const struct weir_snapshot *s;

		slot = weir_source_latest(t->src);
		if (slot < 0)
			return WEIR_ENOTFOUND;
		s = weir_source_slot(t->src, (uint32_t)slot);
		weir_buf_text(out, "checkpoints/");
		weir_snapshot_name(s, out);
		return weir_buf_error(out) ? no_memory(err) : 0;
	}
	if (n.kind == NODE_TIME_LINK) {
		const struct weir_snapshot *s = weir_source_slot(t->src, n.snapshot);

		if (!s)
			return WEIR_ENOTFOUND;
		weir_buf_text(out, "../checkpoints/");
		weir_snapshot_name(s, out);
		return weir_buf_error(out) ? no_memory(err) : 0;
	}
	if (n.kind == NODE_SIZE_LINK) {
		weir_buf_text(out, "../");
		return weir__state_path(t, n, out, err);
	}
	if (n.kind != NODE_UID_LINK && n.kind != NODE_NAME_LINK)
		return weir_error_set(err, WEIR_EINVALID, "not a symbolic link");
	rc = weir__place_of(t, n, &p, err);
	if (rc)
		return rc;
	weir_operator_id_hex(&p.op->id, hex);
	weir_buf_printf(out, "../operators/%s", hex);
	return weir_buf_error(out) ? no_memory(err) : 0;
}

/* ---- extended attributes ---- */
static int leaf_xattr(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, const char *name, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_index *x;
	const struct weir_entry *e;
	int rc = weir_index_get(t->cache, n.snapshot, p->view, n.slot, weir__group_of(n), &x, err);

	if (rc)
		return rc;
	rc = n.rank < x->nleaves ? 0 : WEIR_ENOTFOUND;
	e = rc ? NULL : &x->entries[x->leaves[n.rank].first];
	if (e && strcmp(name, "key") == 0 && e->key.ptr)
		weir_text_json(p->state->key, e->key, out);
	else if (e && strcmp(name, "namespace") == 0 && e->ns.ptr)
		weir_text_json(p->state->ns, e->ns, out);
	else
		rc = WEIR_ENOTFOUND;
	weir_index_put(t->cache, x);
	return rc;
}

int weir_tree_xattr(struct weir_tree *t, uint64_t ino, const char *name, struct weir_buf *out, struct weir_error *err)
{
	struct weir_inode n = weir__node(t, ino);
	struct weir__place p;
	struct weir_attr a;
	char text[1024], hex[33];
	int rc;

	weir_buf_clear(out);
	if (strcmp(name, "stream") == 0) {
		rc = weir_tree_attr(t, ino, &a, err);
		if (rc == 0)
			weir_buf_text(out, a.stream ? "1" : "0");
		return rc;
	}
	if (n.kind < NODE_OPERATOR)
		return WEIR_ENOTFOUND;
	rc = weir__place_of(t, n, &p, err);
	if (rc)
		return rc;
	if (strcmp(name, "operator") == 0 && p.op) {
		weir_operator_id_hex(&p.op->id, hex);
		weir_buf_text(out, weir_operator_uid(p.op, &t->uids, text, sizeof(text)) ? text : hex);
	} else if (strcmp(name, "state") == 0 && p.state) {
		weir_buf_text(out, p.state->name);
	} else if (strcmp(name, "serializer") == 0 && p.state && p.state->stored) {
		weir_buf_text(out, weir_type_text(p.state->stored, text, sizeof(text)));
	} else if (strcmp(name, "key_group") == 0 && n.kind >= NODE_GROUP && weir__group_of(n) != WEIR_GROUP_WHOLE) {
		weir_buf_printf(out, "%u", n.group);
	} else if (n.kind >= NODE_LEAF) {
		return leaf_xattr(t, n, &p, name, out, err);
	} else {
		return WEIR_ENOTFOUND;
	}
	return 0;
}

void weir_tree_xattr_list(struct weir_tree *t, uint64_t ino, struct weir_buf *out)
{
	static const char *const names[] = { "operator", "state", "serializer", "key_group", "key", "namespace", "stream" };
	struct weir_buf value = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], "stream") == 0 || weir_tree_xattr(t, ino, names[i], &value, NULL))
			continue;
		weir_buf_printf(out, "user.weir.%s", names[i]);
		weir_buf_u8(out, 0);
	}
	weir_buf_fini(&value);
}
