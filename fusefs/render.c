// SPDX-License-Identifier: Apache-2.0
/*
 * What files of the mount hold: one function a kind. Text, newline at the end, JSON compact; entries as `weir state show --json` prints
 * them but for operator and state, which the path says.
 */
#include "fusefs/tree_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "statetool/describe.h"
#include "statetool/list.h"
#include "statetool/text.h"
#include "statetool/verify.h"

static const char readme[] =
	"State of a stream processing job, as files. Read-only; nothing here changes the checkpoint.\n"
	"\n"
	"latest                     the newest complete checkpoint or savepoint\n"
	"by-time/                   all of them, by the time of their metadata\n"
	"diff/A..B/                 what changed from A to B (any two): summary.txt all.jsonl\n"
	"checkpoints/NAME/          one checkpoint or savepoint:\n"
	"  summary.txt              operators and states, with counts\n"
	"  metadata.json            everything its _metadata says\n"
	"  files.tsv                files it consists of: path, size, references, place, present or missing\n"
	"  problems.jsonl           what is wrong with it; empty when all is well\n"
	"  raw/  handles/           the bytes as stored: by file, by state handle\n"
	"  by-uid/UID               an operator by its uid (any uid works, listed or not)\n"
	"  by-name/NAME             an operator by its name\n"
	"  by-size/                 states, the largest first\n"
	"  operators/ID/            one operator:\n"
	"    info.json uid name max-parallelism\n"
	"    keyed/key-groups.tsv   how its keyed state is spread\n"
	"    keyed/states/STATE/    one keyed state:\n"
	"      type.json schema.txt count bytes\n"
	"      all.jsonl all.tsv    every entry, one a line; as columns\n"
	"      ranges/              all.jsonl in pieces, for xargs -P\n"
	"      keys.txt             every key, as file names spell it\n"
	"      get/KEY.json         one entry by its key (not listed; also KEY@NAMESPACE.json, .raw .hex .txt)\n"
	"      by-key/KEYGROUP/     every entry as a file\n"
	"      by-window/WINDOW/    the same by time window, where there are any\n"
	"      top/                 the largest entries\n"
	"    timers/SERVICE/{event,processing}/   all.jsonl next.jsonl histogram.tsv by-time/HOUR/\n"
	"    operator/STATE/  broadcast/STATE/    all.jsonl subtasks/NUMBER/\n"
	"    raw-keyed/  raw-operator/            streams that users wrote\n"
	"incomplete/                directories that hold no readable checkpoint, with the reason\n"
	".weir/                     status.json, errors.jsonl\n"
	"\n"
	"Names: bytes that cannot stand in a file name, and / % @ ~ \\, are written %XX. Time windows are START_END in ms.\n"
	"\n"
	"  cat latest/summary.txt\n"
	"  jq .value latest/by-uid/UID/keyed/states/STATE/get/KEY.json\n"
	"  grep -c . latest/by-uid/UID/keyed/states/STATE/all.jsonl\n";

/* ---- the mount itself ---- */
static int status(struct weir_tree *t, struct weir_buf *b)
{
	weir_buf_text(b, "{\"sources\":[");
	for (uint32_t i = 0; i < t->src->nroots; i++) {
		weir_buf_text(b, i ? "," : "");
		weir_json_text(b, t->src->roots[i].uri);
	}
	weir_buf_printf(b, "],\"live\":%s,\"indexBytes\":%llu,\"errors\":%llu,\"notShown\":%u,\"snapshots\":[", t->src->live ? "true" : "false",
			(unsigned long long)weir_index_cache_bytes(t->cache), (unsigned long long)t->nerrors, t->src->left_out);
	for (uint32_t i = 0; i < weir_source_count(t->src); i++) {
		const struct weir_snapshot *s = weir_source_slot(t->src, i);

		weir_buf_text(b, i ? ",{\"name\":" : "{\"name\":");
		weir_json_text(b, s->name);
		weir_buf_printf(b, ",\"complete\":%s,\"gone\":%s,\"opened\":%s}", s->complete ? "true" : "false", s->gone ? "true" : "false", s->view ? "true" : "false");
	}
	weir_buf_text(b, "]}\n");
	return 0;
}

static int incomplete(struct weir_tree *t, struct weir_inode n, struct weir_buf *b)
{
	const struct weir_snapshot *s = weir_source_slot(t->src, n.snapshot);
	char text[1200];

	if (!s)
		return WEIR_ENOTFOUND;
	weir_buf_printf(b, "%s\n", weir_error_text(&s->why, text, sizeof(text)));
	return 0;
}

static int errors(struct weir_tree *t, struct weir_buf *b)
{
	pthread_mutex_lock(&t->error_lock);
	weir_buf_put_slice(b, weir_buf_slice(&t->errors));
	pthread_mutex_unlock(&t->error_lock);
	return 0;
}

/* ---- a snapshot ---- */
static int summary(struct weir_tree *t, const struct weir__place *p, struct weir_buf *b, struct weir_error *err)
{
	struct weir_list_options o = { .uids = t->uids };
	struct weir_sink sink = { 0 };
	struct weir_error damage = WEIR_ERROR_INIT;
	int rc = weir_state_list(p->view, &o, &sink, &damage);

	weir_buf_put_slice(b, weir_buf_slice(&sink.buf));
	weir_buf_fini(&sink.buf);
	if (rc == WEIR_ENOMEM) {
		if (err)
			*err = damage;
		return rc;
	}
	return 0; /* what is damaged is marked in the table */
}

static int files(const struct weir__place *p, struct weir_buf *b)
{
	static const char *const places[] = { "exclusive", "shared", "taskowned", "absolute" };

	weir_buf_text(b, "path\tsize\treferences\tplace\tpresent\n");
	for (uint32_t i = 0; i < p->snap->nfiles; i++) {
		const struct weir_raw_file *f = &p->snap->files[i];
		struct weir_fs *fs;
		struct weir_fs_stat st = { 0 };
		char *path = NULL;
		bool there = f->handle ? weir_ckpt_locate(p->ckpt, f->handle, &fs, &path, NULL) == 0 : true;

		if (there && weir_fs_stat(f->handle ? fs : p->ckpt->fs, f->handle ? path : p->ckpt->path, &st, NULL) == 0)
			weir_buf_printf(b, "%s\t%llu\t%u\t%s\tpresent\n", f->handle ? path : p->ckpt->path, (unsigned long long)st.size, f->refs, places[f->place]);
		else
			weir_buf_printf(b, "%s\t%lld\t%u\t%s\tmissing\n", f->uri, (long long)f->size, f->refs, places[f->place]);
		free(path);
	}
	return 0;
}

static void problem_line(void *arg, const struct weir_problem *p) { weir_problem_json(p, arg); }

/* ---- an operator ---- */
static int info(struct weir_tree *t, const struct weir__place *p, struct weir_buf *b)
{
	const struct weir_operator_state *op = p->op;
	char text[1024], hex[33];
	uint32_t finished = 0;

	weir_operator_id_hex(&op->id, hex);
	weir_buf_printf(b, "{\"id\":\"%s\"", hex);
	if (weir_operator_uid(op, &t->uids, text, sizeof(text))) {
		weir_buf_text(b, ",\"uid\":");
		weir_json_text(b, text);
	}
	if (op->name.len) {
		weir_buf_text(b, ",\"name\":");
		weir_json_text(b, weir_slice_text(op->name, text, sizeof(text)));
	}
	for (uint32_t i = 0; i < op->nsubtasks; i++)
		finished += op->subtasks[i].finished;
	weir_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u,\"subtasks\":%u,\"finishedSubtasks\":%u,\"fullyFinished\":%s,\"coordinatorBytes\":%zu,\"bytes\":%llu", op->parallelism,
			op->max_parallelism, op->nsubtasks, finished, op->fully_finished ? "true" : "false", op->coordinator.data.len, (unsigned long long)weir_operator_bytes(op));
	if (weir_operator_layout(op)[0])
		weir_buf_printf(b, ",\"keyedLayout\":\"%s\"", weir_operator_layout(op));
	if (weir_operator_unreadable(op))
		weir_buf_printf(b, ",\"unreadable\":\"%s\"", weir_operator_unreadable(op));
	weir_buf_text(b, "}\n");
	return 0;
}

static int keyed_meta(const struct weir__place *p, struct weir_buf *b)
{
	const struct weir_type *key = NULL;
	char text[1024];
	bool first = true;

	for (uint32_t i = 0; i < weir_view_nstates(p->view) && !key; i++)
		if (weir_view_state(p->view, i)->op == p->op)
			key = weir_view_state(p->view, i)->key;
	weir_buf_printf(b, "{\"layout\":\"%s\"", weir_operator_layout(p->op));
	if (key) {
		weir_buf_text(b, ",\"key\":");
		weir_json_text(b, weir_type_text(key, text, sizeof(text)));
	}
	weir_buf_text(b, ",\"states\":[");
	for (uint32_t i = 0; i < weir_view_nstates(p->view); i++) {
		const struct weir_state_info *s = weir_view_state(p->view, i);

		if (s->op != p->op || !weir_state_is_keyed(s->kind))
			continue;
		weir_buf_text(b, first ? "" : ",");
		first = false;
		weir_json_text(b, s->name);
	}
	weir_buf_text(b, "]}\n");
	return 0;
}

/* ---- entries ---- */
static void leaf_pairs(const struct weir_state_info *s, const struct weir_entry *e, uint32_t n, struct weir_buf *b)
{
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_text(b, i ? ",[" : "[[");
		weir_text_json(s->user_key, e[i].user_key, b);
		weir_buf_u8(b, ',');
		weir_text_value(&e[i], b);
		weir_buf_u8(b, ']');
	}
	weir_buf_u8(b, ']');
}

static void leaf_bare(const struct weir_state_info *s, const struct weir_entry *e, uint32_t n, struct weir_buf *b)
{
	if (s->kind == WEIR_STATE_MAP && !e->undecodable) {
		leaf_pairs(s, e, n, b);
		weir_buf_u8(b, '\n');
	}
	for (uint32_t i = 0; i < n && (s->kind != WEIR_STATE_MAP || e->undecodable); i++) {
		weir_text_value(&e[i], b);
		weir_buf_u8(b, '\n');
	}
}

static void leaf_json(const struct weir_state_info *s, const struct weir_entry *e, uint32_t n, struct weir_buf *b)
{
	bool first = true;

	if (s->kind != WEIR_STATE_MAP || e->undecodable) {
		for (uint32_t i = 0; i < n; i++) {
			weir_text_entry(&e[i], NULL, b);
			weir_buf_u8(b, '\n');
		}
		return;
	}
	weir_buf_u8(b, '{');
	weir_json_key(b, &first, "kg");
	weir_json_i64(b, e->key_group);
	weir_json_key(b, &first, "key");
	weir_text_json(s->key, e->key, b);
	if (s->ns && s->ns->kind != WEIR_VOID) {
		weir_json_key(b, &first, "ns");
		weir_text_json(s->ns, e->ns, b);
	}
	weir_json_key(b, &first, "value");
	leaf_pairs(s, e, n, b);
	weir_buf_text(b, "}\n");
}

static void hex_dump(struct weir_slice s, struct weir_buf *b)
{
	for (size_t i = 0; i < s.len; i += 16) {
		size_t n = s.len - i < 16 ? s.len - i : 16;

		weir_buf_printf(b, "%08zx: ", i);
		for (size_t k = 0; k < 16; k++) {
			if (k < n)
				weir_buf_printf(b, "%02x", s.ptr[i + k]);
			else
				weir_buf_text(b, "  ");
			if (k & 1)
				weir_buf_u8(b, ' ');
		}
		weir_buf_u8(b, ' ');
		for (size_t k = 0; k < n; k++)
			weir_buf_u8(b, s.ptr[i + k] >= 0x20 && s.ptr[i + k] < 0x7f ? s.ptr[i + k] : '.');
		weir_buf_u8(b, '\n');
	}
}

static void leaf_text(const struct weir_state_info *s, const struct weir_entry *e, uint32_t n, struct weir_buf *b)
{
	for (uint32_t i = 0; i < n; i++) {
		if (e[i].user_key.ptr) {
			weir_text_plain(s->user_key, e[i].user_key, b, NULL);
			weir_buf_u8(b, '\t');
		}
		if (s->kind == WEIR_STATE_LIST || s->kind == WEIR_STATE_MAP || e[i].undecodable)
			weir_text_value(&e[i], b);
		else
			weir_text_plain(s->value, e[i].value, b, NULL);
		weir_buf_u8(b, '\n');
	}
}

static int leaf(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, struct weir_buf *b, struct weir_error *err)
{
	const struct weir_index *x;
	const struct weir_entry *e;
	struct weir_buf raw = { 0 };
	uint32_t count;
	int rc = weir_index_get(t->cache, n.snapshot, p->view, n.slot, weir__group_of(n), &x, err);

	if (rc)
		return rc;
	if (n.rank >= x->nleaves) {
		weir_index_put(t->cache, x);
		return WEIR_ENOTFOUND;
	}
	e = &x->entries[x->leaves[n.rank].first];
	count = x->leaves[n.rank].count;
	if ((n.kind == NODE_LEAF || n.kind == NODE_ENTRY) && t->bare && !weir_state_is_timer(p->state->kind))
		leaf_bare(p->state, e, count, b);
	else if (n.kind == NODE_LEAF || n.kind == NODE_ENTRY)
		leaf_json(p->state, e, count, b);
	else if (n.kind == NODE_LEAF_TXT)
		leaf_text(p->state, e, count, b);
	for (uint32_t i = 0; i < count && (n.kind == NODE_LEAF_RAW || n.kind == NODE_LEAF_HEX); i++) {
		weir_buf_put_slice(&raw, e[i].user_key);
		weir_buf_put_slice(&raw, e[i].value);
	}
	if (n.kind == NODE_LEAF_RAW)
		weir_buf_put_slice(b, weir_buf_slice(&raw));
	else if (n.kind == NODE_LEAF_HEX)
		hex_dump(weir_buf_slice(&raw), b);
	weir_buf_fini(&raw);
	weir_index_put(t->cache, x);
	return 0;
}

/* all.jsonl and keys.txt: one segment a key group. */
static int listing(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, uint64_t segment, struct weir_buf *b, struct weir_error *err)
{
	const struct weir_index *x;
	struct weir_facts *f;
	uint32_t from, to;
	int rc = weir__facts(t, n, &f, err);

	if (rc == 0 && n.kind == NODE_RANGE) {
		weir__range_of(f, n.rank, &from, &to);
		segment = segment < to - from ? from + segment : f->nfull;
	}
	if (rc == 0 && segment >= f->nfull)
		return 0;
	if (rc == 0)
		rc = weir_index_get(t->cache, n.snapshot, p->view, n.slot, f->full[segment], &x, err);
	if (rc)
		return rc;
	for (uint32_t i = 0; n.kind != NODE_KEYS && i < x->nentries; i++) {
		weir_text_entry(&x->entries[i], NULL, b);
		weir_buf_u8(b, '\n');
	}
	for (uint32_t i = 0; n.kind == NODE_KEYS && i < x->nleaves; i++) {
		weir__leaf_name(p->state, x, i, b);
		weir_buf_u8(b, '\n');
	}
	weir_index_put(t->cache, x);
	return 0;
}

static int number(struct weir_tree *t, struct weir_inode n, struct weir_buf *b, struct weir_error *err)
{
	struct weir_facts *f;
	int rc = weir__facts(t, n, &f, err);

	if (rc == 0 && f->code) /* a number that leaves out damaged parts would be wrong */
		rc = weir_error_set(err, f->code, "part of this state is damaged, so its entries cannot be counted; problems.jsonl says what");
	if (rc == 0)
		weir_buf_printf(b, "%llu\n", (unsigned long long)(n.kind == NODE_COUNT ? f->count : f->bytes));
	return rc;
}

/* ---- dispatch ---- */
int weir__segments(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err)
{
	struct weir_facts *f;
	uint32_t from, to;
	int rc = 0;

	*out = 1;
	if (n.kind == NODE_ALL || n.kind == NODE_KEYS || n.kind == NODE_TSV || n.kind == NODE_RANGE)
		rc = weir__facts(t, n, &f, err);
	if (rc == 0 && (n.kind == NODE_ALL || n.kind == NODE_KEYS))
		*out = f->nfull;
	if (rc == 0 && n.kind == NODE_TSV)
		*out = f->nfull + 1;
	if (rc == 0 && n.kind == NODE_RANGE) {
		weir__range_of(f, n.rank, &from, &to);
		*out = to - from;
	}
	return rc;
}

static int render_state(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, uint64_t segment, struct weir_buf *b, struct weir_error *err)
{
	switch (n.kind) {
	case NODE_TYPE: weir_describe_state(p->state, b); return 0;
	case NODE_SCHEMA: weir_describe_state_text(p->state, b); return 0;
	case NODE_MODE: weir_buf_text(b, p->state->kind == WEIR_STATE_OPERATOR_UNION ? "union\n" : "split\n"); return 0;
	case NODE_COUNT:
	case NODE_BYTES: return number(t, n, b, err);
	case NODE_ALL:
	case NODE_KEYS: return listing(t, n, p, segment, b, err);
	case NODE_LEAF:
	case NODE_LEAF_RAW:
	case NODE_LEAF_HEX:
	case NODE_LEAF_TXT:
	case NODE_ENTRY: return leaf(t, n, p, b, err);
	case NODE_TSV: return weir__render_tsv(t, n, p, segment, b, err);
	case NODE_RANGE: return listing(t, n, p, segment, b, err);
	case NODE_TOP_FILE: return weir__render_top(t, n, p, b, err);
	case NODE_NEXT:
	case NODE_HISTOGRAM: return weir__render_timers(t, n, p, b, err);
	default: return WEIR_ENOTFOUND;
	}
}

static int render_operator(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, struct weir_buf *b, struct weir_error *err)
{
	char text[1024];

	switch (n.kind) {
	case NODE_INFO: return info(t, p, b);
	case NODE_UID:
		if (!weir_operator_uid(p->op, &t->uids, text, sizeof(text)))
			return WEIR_ENOTFOUND;
		weir_buf_printf(b, "%s\n", text);
		return 0;
	case NODE_NAME: weir_buf_printf(b, "%s\n", weir_slice_text(p->op->name, text, sizeof(text))); return 0;
	case NODE_MAX_PARALLELISM: weir_buf_printf(b, "%u\n", p->op->max_parallelism); return 0;
	case NODE_KEYED_META: return keyed_meta(p, b);
	case NODE_KEY_GROUPS: return weir__render_key_groups(p, b, err);
	case NODE_COORDINATOR: weir_buf_put_slice(b, p->op->coordinator.data); return 0;
	default: return WEIR_ENOTFOUND;
	}
}

int weir__render(struct weir_tree *t, struct weir_inode n, uint64_t segment, struct weir_buf *b, struct weir_error *err)
{
	struct weir__place p;
	int rc;

	switch (n.kind) {
	case NODE_README: weir_buf_text(b, readme); return 0;
	case NODE_STATUS: return status(t, b);
	case NODE_ERRORS: return errors(t, b);
	case NODE_SCHEMA_VERSION: weir_buf_text(b, "1\n"); return 0;
	case NODE_INCOMPLETE_FILE: return incomplete(t, n, b);
	default: break;
	}
	rc = weir__place_of(t, n, &p, err);
	if (rc)
		return rc;
	switch (n.kind) {
	case NODE_METADATA: weir_describe_metadata(p.ckpt, b); return 0;
	case NODE_SUMMARY: return summary(t, &p, b, err);
	case NODE_FILES: return files(&p, b);
	case NODE_DIFF_SUMMARY:
	case NODE_DIFF_ALL: return weir__render_diff(t, n, &p, b, err);
	case NODE_HANDLE: /* an inline one; others are read from their file */
		if (n.rank < p.snap->nhandles)
			weir_buf_put_slice(b, p.snap->handles[n.rank].handle->data);
		return n.rank < p.snap->nhandles ? 0 : WEIR_ENOTFOUND;
	case NODE_PROBLEMS: return weir_view_verify(p.view, problem_line, b, err);
	default: break;
	}
	return weir__inode_is_state(n.kind) ? render_state(t, n, &p, segment, b, err) : render_operator(t, n, &p, b, err);
}

static int64_t *length_slot(struct weir_tree *t, struct weir_inode n, uint64_t segment)
{
	struct weir_snapshot *s = weir_source_slot(t->src, n.snapshot);
	struct weir_facts *f;

	uint32_t from = 0, to;

	if (!s || !s->facts || (n.kind != NODE_ALL && n.kind != NODE_KEYS && n.kind != NODE_TSV && n.kind != NODE_RANGE && n.kind != NODE_TOP_FILE))
		return NULL;
	f = &s->facts[n.slot];
	if (!__atomic_load_n(&f->counted, __ATOMIC_ACQUIRE) || segment > f->nfull)
		return NULL;
	if (n.kind == NODE_TOP_FILE)
		return &f->top_len[n.rank];
	if (n.kind == NODE_TSV)
		return &f->tsv_len[segment];
	if (n.kind == NODE_RANGE)
		weir__range_of(f, n.rank, &from, &to);
	return from + segment < f->nfull ? &(n.kind == NODE_KEYS ? f->keys_len : f->all_len)[from + segment] : NULL;
}

int64_t weir__segment_length(struct weir_tree *t, struct weir_inode n, uint64_t segment)
{
	int64_t *slot = length_slot(t, n, segment);

	return slot ? __atomic_load_n(slot, __ATOMIC_RELAXED) : -1;
}

void weir__segment_learn(struct weir_tree *t, struct weir_inode n, uint64_t segment, uint64_t length)
{
	int64_t *slot = length_slot(t, n, segment);

	if (slot)
		__atomic_store_n(slot, (int64_t)length, __ATOMIC_RELAXED);
}
