// SPDX-License-Identifier: Apache-2.0
/*
 * The tree: which shape each kind of node has, what each directory holds (rows), and how names become nodes.
 *
 * 1. A row is one entry of a directory, or many: then it has a function that counts and numbers them (tree_rows.h).
 * 2. The children of a directory are its rows in order; child number i is stable for a snapshot, so a reader may seek.
 * 3. Rows without `entries` are found by name only (get/, uids nobody listed).
 * Locks: facts_lock while a state is counted (tree_fact.c); error_lock for the list of errors.
 */
#include "fusefs/tree_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "statetool/list.h"

struct row {
	enum weir_inode_kind parent, kind;
	const char *name;            /* of a single entry */
	weir__present_fn *present;   /* single; NULL: always */
	weir__entries_fn *entries;   /* many; NULL: found by name only */
	weir__find_fn *find;         /* many; NULL: compare with every name */
};

static const uint8_t shapes[NODE_KINDS] = {
	[NODE_ROOT] = WEIR_SHAPE_DIR, [NODE_README] = WEIR_SHAPE_FILE, [NODE_LATEST] = WEIR_SHAPE_LINK, [NODE_CHECKPOINTS] = WEIR_SHAPE_DIR,
	[NODE_INCOMPLETE] = WEIR_SHAPE_DIR, [NODE_INCOMPLETE_FILE] = WEIR_SHAPE_FILE, [NODE_CONTROL] = WEIR_SHAPE_DIR, [NODE_STATUS] = WEIR_SHAPE_FILE,
	[NODE_ERRORS] = WEIR_SHAPE_FILE, [NODE_SCHEMA_VERSION] = WEIR_SHAPE_FILE, [NODE_SNAPSHOT] = WEIR_SHAPE_DIR, [NODE_METADATA] = WEIR_SHAPE_FILE,
	[NODE_SUMMARY] = WEIR_SHAPE_FILE, [NODE_FILES] = WEIR_SHAPE_FILE, [NODE_PROBLEMS] = WEIR_SHAPE_FILE, [NODE_RAW] = WEIR_SHAPE_DIR,
	[NODE_RAW_DIR] = WEIR_SHAPE_DIR, [NODE_RAW_FILE] = WEIR_SHAPE_FILE, [NODE_OPERATORS] = WEIR_SHAPE_DIR, [NODE_BY_UID] = WEIR_SHAPE_DIR,
	[NODE_UID_LINK] = WEIR_SHAPE_LINK, [NODE_BY_NAME] = WEIR_SHAPE_DIR, [NODE_NAME_LINK] = WEIR_SHAPE_LINK, [NODE_OPERATOR] = WEIR_SHAPE_DIR,
	[NODE_INFO] = WEIR_SHAPE_FILE, [NODE_UID] = WEIR_SHAPE_FILE, [NODE_NAME] = WEIR_SHAPE_FILE, [NODE_MAX_PARALLELISM] = WEIR_SHAPE_FILE,
	[NODE_KEYED] = WEIR_SHAPE_DIR, [NODE_KEYED_META] = WEIR_SHAPE_FILE, [NODE_STATES] = WEIR_SHAPE_DIR, [NODE_TIMERS] = WEIR_SHAPE_DIR,
	[NODE_SERVICE] = WEIR_SHAPE_DIR, [NODE_TIMER] = WEIR_SHAPE_DIR, [NODE_OPER] = WEIR_SHAPE_DIR, [NODE_OPER_STATE] = WEIR_SHAPE_DIR,
	[NODE_MODE] = WEIR_SHAPE_FILE, [NODE_BROADCASTS] = WEIR_SHAPE_DIR, [NODE_BROADCAST] = WEIR_SHAPE_DIR, [NODE_STATE] = WEIR_SHAPE_DIR,
	[NODE_TYPE] = WEIR_SHAPE_FILE, [NODE_SCHEMA] = WEIR_SHAPE_FILE, [NODE_COUNT] = WEIR_SHAPE_FILE, [NODE_BYTES] = WEIR_SHAPE_FILE,
	[NODE_ALL] = WEIR_SHAPE_FILE, [NODE_KEYS] = WEIR_SHAPE_FILE, [NODE_GET] = WEIR_SHAPE_DIR, [NODE_BY_KEY] = WEIR_SHAPE_DIR,
	[NODE_GROUP] = WEIR_SHAPE_DIR, [NODE_SHARD] = WEIR_SHAPE_DIR, [NODE_LEAF] = WEIR_SHAPE_FILE, [NODE_LEAF_RAW] = WEIR_SHAPE_FILE,
	[NODE_LEAF_HEX] = WEIR_SHAPE_FILE, [NODE_LEAF_TXT] = WEIR_SHAPE_FILE,
	[NODE_BY_TIME] = WEIR_SHAPE_DIR, [NODE_TIME_LINK] = WEIR_SHAPE_LINK, [NODE_BY_SIZE] = WEIR_SHAPE_DIR, [NODE_SIZE_LINK] = WEIR_SHAPE_LINK,
	[NODE_HANDLES] = WEIR_SHAPE_DIR, [NODE_HANDLE] = WEIR_SHAPE_FILE, [NODE_COORDINATOR] = WEIR_SHAPE_FILE, [NODE_KEY_GROUPS] = WEIR_SHAPE_FILE,
	[NODE_RAW_KEYEDS] = WEIR_SHAPE_DIR, [NODE_RAW_OPERS] = WEIR_SHAPE_DIR, [NODE_RAW_STATE] = WEIR_SHAPE_DIR, [NODE_TSV] = WEIR_SHAPE_FILE,
	[NODE_RANGES] = WEIR_SHAPE_DIR, [NODE_RANGE] = WEIR_SHAPE_FILE, [NODE_TOP] = WEIR_SHAPE_DIR, [NODE_TOP_FILE] = WEIR_SHAPE_FILE,
	[NODE_NEXT] = WEIR_SHAPE_FILE, [NODE_HISTOGRAM] = WEIR_SHAPE_FILE, [NODE_BUCKETS] = WEIR_SHAPE_DIR, [NODE_BUCKET] = WEIR_SHAPE_DIR,
	[NODE_ENTRY] = WEIR_SHAPE_FILE, [NODE_DIFFS] = WEIR_SHAPE_DIR, [NODE_DIFF] = WEIR_SHAPE_DIR, [NODE_DIFF_SUMMARY] = WEIR_SHAPE_FILE,
	[NODE_DIFF_ALL] = WEIR_SHAPE_FILE,
};

enum weir_shape weir_tree_shape(uint64_t ino)
{
	struct weir_inode n = weir_inode_unpack(ino);

	return n.kind < NODE_KINDS ? (enum weir_shape)shapes[n.kind] : WEIR_SHAPE_FILE;
}

/* ---- the table ---- */
static const struct row rows[] = {
	{ NODE_ROOT, NODE_README, "README", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_LATEST, "latest", weir__latest_present, NULL, NULL },
	{ NODE_ROOT, NODE_CHECKPOINTS, "checkpoints", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_BY_TIME, "by-time", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_DIFFS, "diff", NULL, NULL, NULL },
	{ NODE_DIFFS, NODE_DIFF, NULL, NULL, weir__diff_entries, weir__diff_find },
	{ NODE_DIFF, NODE_DIFF_SUMMARY, "summary.txt", NULL, NULL, NULL },
	{ NODE_DIFF, NODE_DIFF_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_INCOMPLETE, "incomplete", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_CONTROL, ".weir", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_CONTROL, ".weir", weir__control_present, NULL, NULL },
	{ NODE_CONTROL, NODE_STATUS, "status.json", NULL, NULL, NULL },
	{ NODE_CONTROL, NODE_ERRORS, "errors.jsonl", NULL, NULL, NULL },
	{ NODE_CONTROL, NODE_SCHEMA_VERSION, "schema-version", NULL, NULL, NULL },
	{ NODE_BY_TIME, NODE_TIME_LINK, NULL, NULL, weir__time_entries, NULL },
	{ NODE_CHECKPOINTS, NODE_SNAPSHOT, NULL, NULL, weir__complete_entries, NULL },
	{ NODE_INCOMPLETE, NODE_INCOMPLETE_FILE, NULL, NULL, weir__incomplete_entries, NULL },

	{ NODE_SNAPSHOT, NODE_METADATA, "metadata.json", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_SUMMARY, "summary.txt", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_FILES, "files.tsv", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_PROBLEMS, "problems.jsonl", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_RAW, "raw", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_OPERATORS, "operators", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_BY_UID, "by-uid", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_BY_NAME, "by-name", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_BY_SIZE, "by-size", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_HANDLES, "handles", NULL, NULL, NULL },
	{ NODE_BY_SIZE, NODE_SIZE_LINK, NULL, NULL, weir__size_entries, weir__size_find },
	{ NODE_HANDLES, NODE_HANDLE, NULL, NULL, weir__handle_entries, NULL },
	{ NODE_RAW, NODE_RAW_DIR, NULL, NULL, weir__raw_dir_entries, NULL },
	{ NODE_RAW, NODE_RAW_FILE, NULL, NULL, weir__raw_entries, NULL },
	{ NODE_RAW_DIR, NODE_RAW_FILE, NULL, NULL, weir__raw_entries, NULL },
	{ NODE_OPERATORS, NODE_OPERATOR, NULL, NULL, weir__operator_entries, NULL },
	{ NODE_BY_UID, NODE_UID_LINK, NULL, NULL, weir__uid_entries, weir__uid_find },
	{ NODE_BY_NAME, NODE_NAME_LINK, NULL, NULL, weir__name_entries, NULL },

	{ NODE_OPERATOR, NODE_INFO, "info.json", NULL, NULL, NULL },
	{ NODE_OPERATOR, NODE_UID, "uid", weir__uid_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_NAME, "name", weir__name_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_MAX_PARALLELISM, "max-parallelism", NULL, NULL, NULL },
	{ NODE_OPERATOR, NODE_COORDINATOR, "coordinator.raw", weir__coordinator_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_KEYED, "keyed", weir__keyed_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_TIMERS, "timers", weir__timer_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_OPER, "operator", weir__oper_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_BROADCASTS, "broadcast", weir__broadcast_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_RAW_KEYEDS, "raw-keyed", weir__raw_keyed_present, NULL, NULL },
	{ NODE_OPERATOR, NODE_RAW_OPERS, "raw-operator", weir__raw_oper_present, NULL, NULL },
	{ NODE_RAW_KEYEDS, NODE_RAW_STATE, NULL, NULL, weir__raw_keyed_entries, NULL },
	{ NODE_RAW_OPERS, NODE_RAW_STATE, NULL, NULL, weir__raw_oper_entries, NULL },
	{ NODE_RAW_STATE, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_RAW_STATE, NODE_BYTES, "bytes", NULL, NULL, NULL },
	{ NODE_RAW_STATE, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_KEYED, NODE_KEYED_META, "meta.json", NULL, NULL, NULL },
	{ NODE_KEYED, NODE_KEY_GROUPS, "key-groups.tsv", NULL, NULL, NULL },
	{ NODE_KEYED, NODE_STATES, "states", NULL, NULL, NULL },
	{ NODE_STATES, NODE_STATE, NULL, NULL, weir__keyed_entries, NULL },
	{ NODE_TIMERS, NODE_SERVICE, NULL, NULL, weir__service_entries, NULL },
	{ NODE_SERVICE, NODE_TIMER, NULL, NULL, weir__domain_entries, NULL },
	{ NODE_OPER, NODE_OPER_STATE, NULL, NULL, weir__oper_entries, NULL },
	{ NODE_BROADCASTS, NODE_BROADCAST, NULL, NULL, weir__broadcast_entries, NULL },

	{ NODE_STATE, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_STATE, NODE_SCHEMA, "schema.txt", NULL, NULL, NULL },
	{ NODE_STATE, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_STATE, NODE_BYTES, "bytes", NULL, NULL, NULL },
	{ NODE_STATE, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_STATE, NODE_TSV, "all.tsv", NULL, NULL, NULL },
	{ NODE_STATE, NODE_KEYS, "keys.txt", NULL, NULL, NULL },
	{ NODE_STATE, NODE_GET, "get", NULL, NULL, NULL },
	{ NODE_STATE, NODE_BY_KEY, "by-key", NULL, NULL, NULL },
	{ NODE_STATE, NODE_RANGES, "ranges", NULL, NULL, NULL },
	{ NODE_STATE, NODE_TOP, "top", NULL, NULL, NULL },
	{ NODE_STATE, NODE_BUCKETS, "by-window", weir__buckets_present, NULL, NULL },
	{ NODE_RANGES, NODE_RANGE, NULL, NULL, weir__range_entries, NULL },
	{ NODE_TOP, NODE_TOP_FILE, NULL, NULL, weir__top_entries, NULL },
	{ NODE_BUCKETS, NODE_BUCKET, NULL, NULL, weir__bucket_entries, NULL },
	{ NODE_BUCKET, NODE_ENTRY, NULL, NULL, weir__bucket_leaf_entries, weir__bucket_leaf_find },
	{ NODE_GET, NODE_LEAF, NULL, NULL, NULL, weir__leaf_find },
	{ NODE_BY_KEY, NODE_GROUP, NULL, NULL, weir__group_entries, weir__group_find },
	{ NODE_GROUP, NODE_SHARD, NULL, NULL, weir__shard_entries, NULL },
	{ NODE_GROUP, NODE_LEAF, NULL, NULL, weir__leaf_entries, weir__leaf_find },
	{ NODE_SHARD, NODE_SHARD, NULL, NULL, weir__shard_entries, NULL },
	{ NODE_SHARD, NODE_LEAF, NULL, NULL, weir__leaf_entries, weir__leaf_find },
	{ NODE_TIMER, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_SCHEMA, "schema.txt", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_BYTES, "bytes", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_TSV, "all.tsv", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_NEXT, "next.jsonl", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_HISTOGRAM, "histogram.tsv", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_BUCKETS, "by-time", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_MODE, "mode", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_SCHEMA, "schema.txt", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_BYTES, "bytes", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_TSV, "all.tsv", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_BUCKETS, "subtasks", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_SCHEMA, "schema.txt", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_BYTES, "bytes", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_TSV, "all.tsv", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_BUCKETS, "subtasks", NULL, NULL, NULL },
};

#define EACH_ROW(r, dir_kind) \
	for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++) \
		if (r->parent == (dir_kind))

static int row_count(struct weir_tree *t, const struct row *r, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir_inode n = dir;
	int rc = 1;

	*out = 0;
	if (r->entries)
		return r->entries(t, dir, WEIR__COUNT_ONLY, &n, NULL, out, err);
	if (r->name && r->present)
		rc = r->present(t, dir, err);
	if (r->name && rc > 0)
		*out = 1;
	return rc < 0 ? rc : 0;
}

static int find_among(struct weir_tree *t, const struct row *r, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	struct weir_buf buf = { 0 };
	uint64_t n;
	int rc = 1;

	for (uint64_t i = 0; rc > 0; i++) {
		weir_buf_clear(&buf);
		rc = r->entries(t, dir, i, out, &buf, &n, err);
		if (rc > 0 && strcmp(weir_buf_cstr(&buf), name) == 0)
			break;
	}
	weir_buf_fini(&buf);
	return rc > 0 ? 0 : rc ? rc : WEIR_ENOTFOUND;
}

static int find_in_row(struct weir_tree *t, const struct row *r, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	uint64_t n;
	int rc;

	*out = dir;
	out->kind = r->kind;
	if (!r->name)
		return r->find ? r->find(t, dir, name, out, err) : find_among(t, r, dir, name, out, err);
	if (strcmp(r->name, name) != 0)
		return WEIR_ENOTFOUND;
	rc = row_count(t, r, dir, &n, err);
	return rc ? rc : n ? 0 : WEIR_ENOTFOUND;
}

int weir_tree_lookup(struct weir_tree *t, uint64_t parent, const char *name, uint64_t *out_ino, struct weir_error *err)
{
	struct weir_inode dir = weir__node(t, parent), n;

	EACH_ROW(r, dir.kind) {
		int rc = find_in_row(t, r, dir, name, &n, err);

		if (rc == 0)
			*out_ino = weir_inode_pack(n);
		if (rc != WEIR_ENOTFOUND)
			return rc;
	}
	weir_error_clear(err);
	return WEIR_ENOTFOUND;
}

int weir_tree_child(struct weir_tree *t, uint64_t dir_ino, uint64_t i, uint64_t *out_ino, struct weir_buf *name, struct weir_error *err)
{
	struct weir_inode dir = weir__node(t, dir_ino), n = dir;

	weir_buf_clear(name);
	EACH_ROW(r, dir.kind) {
		uint64_t count = 0;
		int rc;

		n.kind = r->kind;
		if (r->entries) {
			rc = r->entries(t, dir, i, &n, name, &count, err);
		} else {
			rc = row_count(t, r, dir, &count, err);
			if (rc == 0 && i < count) {
				weir_buf_text(name, r->name);
				rc = 1;
			}
		}
		if (rc < 0)
			return rc;
		if (rc == 0) {
			i -= count;
			continue;
		}
		if (weir_buf_error(name))
			return weir_error_set(err, WEIR_ENOMEM, "out of memory for a name");
		*out_ino = weir_inode_pack(n);
		return 0;
	}
	return WEIR_ENOTFOUND;
}

int weir_tree_count(struct weir_tree *t, uint64_t dir_ino, uint64_t *out, struct weir_error *err)
{
	struct weir_inode dir = weir__node(t, dir_ino);
	uint64_t sum = 0;

	EACH_ROW(r, dir.kind) {
		uint64_t n;
		int rc = row_count(t, r, dir, &n, err);

		if (rc)
			return rc;
		sum += n;
	}
	*out = sum;
	return 0;
}

/* ---- its life ---- */
static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory for the mount"); }

int weir_tree_new(struct weir_source *src, const struct weir_tree_options *o, struct weir_tree **out, struct weir_error *err)
{
	struct weir_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return no_memory(err);
	t->cache = weir_index_cache_new(o && o->cache_bytes ? o->cache_bytes : 256ull << 20);
	if (!t->cache) {
		free(t);
		return no_memory(err);
	}
	pthread_mutex_init(&t->facts_lock, NULL);
	pthread_mutex_init(&t->error_lock, NULL);
	t->src = src;
	t->exact_bytes = o && o->exact_bytes ? o->exact_bytes : 32ull << 20;
	if (o && o->uids.count) {
		t->uid_texts = calloc(o->uids.count, sizeof(char *));
		for (size_t i = 0; t->uid_texts && i < o->uids.count; i++)
			if ((t->uid_texts[i] = strdup(o->uids.names[i])))
				t->uids.count = i + 1;
			else
				break;
		t->uids.names = (const char *const *)t->uid_texts;
	}
	t->view = o ? o->view : WEIR_LEAF_JSON;
	t->bare = o && o->bare;
	if (o && o->at) {
		int slot = strcmp(o->at, "latest") == 0 ? weir_source_latest(src) : weir_source_find(src, o->at);

		if (slot < 0) {
			t->src = NULL;
			weir_tree_free(t);
			return weir_error_set(err, WEIR_ENOTFOUND, "at=%s: no complete checkpoint or savepoint here has this name", o->at);
		}
		t->root = (struct weir_inode){ .kind = NODE_SNAPSHOT, .snapshot = (uint32_t)slot };
	}
	*out = t;
	return 0;
}

void weir_tree_free(struct weir_tree *t)
{
	if (!t)
		return;
	weir_index_cache_free(t->cache);
	weir_source_close(t->src);
	for (size_t i = 0; i < t->uids.count; i++)
		free(t->uid_texts[i]);
	free(t->uid_texts);
	weir_buf_fini(&t->errors);
	pthread_mutex_destroy(&t->facts_lock);
	pthread_mutex_destroy(&t->error_lock);
	free(t);
}

struct weir_source *weir_tree_source(struct weir_tree *t) { return t->src; }

void weir_tree_refresh(struct weir_tree *t, int64_t now_ms)
{
	struct weir_error err = WEIR_ERROR_INIT;

	int64_t last = __atomic_load_n(&t->refreshed_ms, __ATOMIC_RELAXED);

	if ((last && now_ms - last < 1000) ||
	    !__atomic_compare_exchange_n(&t->refreshed_ms, &last, now_ms, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	if (weir_source_refresh(t->src, &err))
		weir_tree_note(t, 1, &err);
}

/* ---- errors, totals ---- */
void weir_tree_note(struct weir_tree *t, uint64_t ino, const struct weir_error *err)
{
	struct weir_inode n = weir__node(t, ino);
	bool first = true;

	pthread_mutex_lock(&t->error_lock);
	t->nerrors++;
	if (t->nerrors <= 1000) { /* a damaged file read in a loop must not fill memory */
		struct weir_buf *b = &t->errors;

		weir_buf_u8(b, '{');
		weir_json_key(b, &first, "code");
		weir_json_text(b, weir_code_name(err->code));
		weir_json_key(b, &first, "node");
		weir_buf_printf(b, "%d", (int)n.kind);
		if (n.kind >= NODE_GROUP && weir__group_of(n) != WEIR_GROUP_WHOLE) {
			weir_json_key(b, &first, "keyGroup");
			weir_buf_printf(b, "%u", n.group);
		}
		if (err->path[0]) {
			weir_json_key(b, &first, "path");
			weir_json_text(b, err->path);
		}
		if (err->offset != WEIR_NO_OFFSET) {
			weir_json_key(b, &first, "offset");
			weir_json_i64(b, (int64_t)err->offset);
		}
		weir_json_key(b, &first, "message");
		weir_json_text(b, err->msg[0] ? err->msg : weir_code_text(err->code));
		weir_buf_text(b, "}\n");
	}
	pthread_mutex_unlock(&t->error_lock);
}

void weir_tree_totals(struct weir_tree *t, uint64_t *out_bytes, uint64_t *out_files)
{
	*out_bytes = *out_files = 0;
	for (uint32_t i = 0; i < weir_source_count(t->src); i++) {
		const struct weir_snapshot *s = weir_source_slot(t->src, i);

		if (!weir_snapshot_listed(s))
			continue;
		for (uint32_t k = 0; k < s->ckpt->noperators; k++)
			*out_bytes += weir_operator_bytes(&s->ckpt->operators[k]);
		*out_files += s->ckpt->noperators;
	}
}
