// SPDX-License-Identifier: Apache-2.0
/*
 * Names of leaves: KEY[@NAMESPACE] and a suffix. The listed name of an entry is computed from its bytes; the way back parses the
 * name with the types of the state and looks the bytes up, so no table of names exists.
 *
 * A key that does not decode although its type is known, Java's null, and names too long carry the hash of (key, namespace) behind "~"; those are
 * found by comparing. "~" stands in no coded text, so no two entries share a name.
 */
#include "fusefs/tree_rows.h"

#include <string.h>

#include "fusefs/name.h"
#include "statetool/text.h"

static const struct suffix {
	const char *text;
	enum weir_inode_kind kind;
} suffixes[] = { /* by enum weir_leaf_form */
	 { ".json", NODE_LEAF }, { ".raw", NODE_LEAF_RAW }, { ".hex", NODE_LEAF_HEX }, { ".txt", NODE_LEAF_TXT } };

enum weir_inode_kind weir__leaf_kind(enum weir_leaf_form form) { return suffixes[form].kind; }
const char *weir__leaf_suffix(enum weir_leaf_form form) { return suffixes[form].text; }

bool weir__put_coded(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out)
{
	struct weir_buf plain = { 0 };
	bool null = false, ok = weir_text_plain(t, bytes, &plain, &null);

	weir_name_encode(weir_buf_slice(&plain), out);
	weir_buf_fini(&plain);
	return null || (!ok && t && t->kind != WEIR_OPAQUE);
}

static bool has_namespace(const struct weir_state_info *s) { return s->ns && s->ns->kind != WEIR_VOID; }

void weir__leaf_name(const struct weir_state_info *s, const struct weir_index *x, uint32_t rank, struct weir_buf *out)
{
	const struct weir_entry *e = &x->entries[x->leaves[rank].first];
	uint8_t hash[16];
	size_t from = out->len;
	bool ambiguous;

	if (!e->key.ptr) {
		weir_buf_printf(out, "~undecodable-%u", rank);
		return;
	}
	ambiguous = weir__put_coded(s->key, e->key, out);
	if (has_namespace(s) && e->ns.ptr) {
		weir_buf_u8(out, '@');
		ambiguous |= weir__put_coded(s->ns, e->ns, out);
	}
	weir_leaf_hash(e->key, e->ns, hash);
	weir_name_shorten(out, from, WEIR_NAME_MAX - 5, hash, ambiguous);
}

static bool in_shard(const struct weir_index *x, uint32_t leaf, struct weir_inode dir)
{
	uint32_t level = dir.kind == NODE_SHARD ? dir.rank >> 16 : 0;

	if (dir.kind == NODE_GET)
		return true;
	return level == x->depth && (level == 0 || x->leaves[leaf].hash >> (level == 1 ? 56 : 48) == (dir.rank & 0xffff));
}

/* Compare names: for those that carry a hash. */
static int find_by_name(struct weir_tree *t, struct weir_inode dir, const struct weir__place *p, uint32_t group, const char *base, size_t len, struct weir_inode *out,
			struct weir_error *err)
{
	const struct weir_index *x;
	struct weir_buf name = { 0 };
	int rc = weir_index_get(t->cache, dir.snapshot, p->view, dir.slot, group, &x, err);

	if (rc)
		return rc;
	rc = WEIR_ENOTFOUND;
	for (uint32_t i = 0; i < x->nleaves && rc; i++) {
		weir_buf_clear(&name);
		weir__leaf_name(p->state, x, i, &name);
		if (name.len == len && memcmp(name.data, base, len) == 0 && in_shard(x, i, dir)) {
			out->group = group;
			out->rank = i;
			rc = 0;
		}
	}
	weir_buf_fini(&name);
	weir_index_put(t->cache, x);
	return rc;
}

static int find_in_all(struct weir_tree *t, struct weir_inode dir, const struct weir__place *p, const char *base, size_t len, struct weir_inode *out, struct weir_error *err)
{
	struct weir_facts *f;
	int rc = weir__facts(t, dir, &f, err);

	if (rc)
		return rc;
	rc = WEIR_ENOTFOUND;
	for (uint32_t i = 0; i < f->nfull && rc == WEIR_ENOTFOUND; i++)
		rc = find_by_name(t, dir, p, f->full[i], base, len, out, err);
	return rc;
}

/* "KEY" or "KEY@NS" -> serialized. WEIR_ENOTFOUND when it cannot be the name of anything here. */
static int parse_base(const struct weir_state_info *s, const char *base, size_t len, struct weir_buf *key, struct weir_buf *ns)
{
	const char *at = memchr(base, '@', len);
	size_t key_len = at ? (size_t)(at - base) : len;
	struct weir_buf text = { 0 };
	int rc = WEIR_ENOTFOUND;

	if ((at != NULL) != has_namespace(s) || !weir_name_decode(base, key_len, &text))
		goto out;
	if (weir_text_parse(s->key, (const char *)text.data, text.len, false, key, NULL))
		goto out;
	if (at) {
		weir_buf_clear(&text);
		if (!weir_name_decode(at + 1, len - key_len - 1, &text) || weir_text_parse(s->ns, (const char *)text.data, text.len, false, ns, NULL))
			goto out;
	} else if (s->ns) {
		weir_buf_u8(ns, 0); /* VoidNamespace */
	}
	rc = 0;
out:
	weir_buf_fini(&text);
	return rc;
}

static int note_group(void *arg, const struct weir_entry *e)
{
	*(int32_t *)arg = e->key_group;
	return 1;
}

static int group_of_key(const struct weir__place *p, struct weir_slice key, int32_t *out, struct weir_error *err)
{
	struct weir_scan scan = WEIR_SCAN_ALL;
	int rc;

	scan.state = p->state;
	scan.key = key;
	*out = -1;
	rc = weir_view_scan(p->view, &scan, note_group, out, err);
	return rc < 0 ? rc : *out < 0 ? WEIR_ENOTFOUND : 0;
}

/* The name as it is listed equals what was asked for; get/ takes other spellings of the same key too. */
static bool same_name(const struct weir__place *p, const struct weir_index *x, uint32_t rank, struct weir_inode dir, const char *base, size_t len)
{
	struct weir_buf name = { 0 };
	bool same;

	if (dir.kind == NODE_GET)
		return true;
	weir__leaf_name(p->state, x, rank, &name);
	same = name.len == len && memcmp(name.data, base, len) == 0 && in_shard(x, rank, dir);
	weir_buf_fini(&name);
	return same;
}

static int find_by_bytes(struct weir_tree *t, struct weir_inode dir, const struct weir__place *p, int32_t group, const char *base, size_t len, struct weir_inode *out,
			 struct weir_error *err)
{
	struct weir_buf key = { 0 }, ns = { 0 };
	const struct weir_index *x;
	int64_t at = -1;
	int rc = parse_base(p->state, base, len, &key, &ns);

	if (rc == 0 && !key.data)
		weir_buf_room(&key, 1);
	if (rc == 0 && group < 0)
		rc = group_of_key(p, weir_buf_slice(&key), &group, err);
	if (rc == 0)
		rc = weir_index_get(t->cache, dir.snapshot, p->view, dir.slot, (uint32_t)group, &x, err);
	if (rc == 0) {
		at = weir_index_find(x, weir_buf_slice(&key), weir_buf_slice(&ns));
		rc = at >= 0 && same_name(p, x, (uint32_t)at, dir, base, len) ? 0 : WEIR_ENOTFOUND;
		weir_index_put(t->cache, x);
	}
	if (rc == 0) {
		out->group = (uint32_t)group;
		out->rank = (uint32_t)at;
	}
	weir_buf_fini(&key);
	weir_buf_fini(&ns);
	return rc;
}

int weir__leaf_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	int32_t group = dir.kind == NODE_GET ? -1 : (int32_t)dir.group;
	size_t len = strlen(name);
	struct weir__place p;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i].text);

		if (len <= n || memcmp(name + len - n, suffixes[i].text, n) != 0)
			continue;
		*out = dir;
		out->kind = suffixes[i].kind;
		if (!memchr(name, '~', len - n))
			return find_by_bytes(t, dir, &p, group, name, len - n, out, err);
		return group < 0 ? find_in_all(t, dir, &p, name, len - n, out, err) : find_by_name(t, dir, &p, (uint32_t)group, name, len - n, out, err);
	}
	return WEIR_ENOTFOUND;
}
