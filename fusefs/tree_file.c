// SPDX-License-Identifier: Apache-2.0
/*
 * The tree's life, and what nodes are besides their names: facts about states, attributes, links, reading, extended attributes.
 * A size is exact or the file is a stream; which of the two is decided by weir__is_small and by what has been learnt since.
 */
#include "fusefs/tree_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fusefs/name.h"
#include "statetool/list.h"
#include "statetool/text.h"

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

	if (!t->src->live || (t->refreshed_ms && now_ms - t->refreshed_ms < 1000))
		return;
	t->refreshed_ms = now_ms;
	if (weir_source_refresh(t->src, &err))
		weir_tree_note(t, 1, &err);
}

/* ---- facts ---- */
struct counting {
	struct weir_facts *f;
	bool keyed;
	struct weir_error *why;
};

static int count_entry(void *arg, const struct weir_entry *e)
{
	struct counting *c = arg;
	uint32_t g = c->keyed && e->key_group >= 0 && (uint32_t)e->key_group < c->f->ngroups ? (uint32_t)e->key_group : 0;

	if (e->undecodable && c->keyed && e->state->op && weir_operator_unreadable(e->state->op)) {
		c->f->code = weir_error_set(c->why, WEIR_EUNSUPPORTED, "this keyed state is stored as %s, which this version does not read", weir_operator_unreadable(e->state->op));
		return c->f->code;
	}
	c->f->count++;
	c->f->bytes += e->key.len + e->ns.len + e->user_key.len + e->value.len + (e->state->kind == WEIR_STATE_TIMER ? 8 : 0);
	if (c->f->groups[g] < UINT32_MAX)
		c->f->groups[g]++;
	return 0;
}

static void count_problem(void *arg, const struct weir_problem *p)
{
	struct counting *c = arg;

	if (c->f->code == 0)
		c->f->code = weir_error_at(c->why, p->code, p->path, p->offset, "%s", p->text ? p->text : weir_code_text(p->code));
	if (c->keyed && p->key_group >= 0 && (uint32_t)p->key_group < c->f->ngroups && !c->f->groups[p->key_group])
		c->f->groups[p->key_group] = 1; /* listed, so that opening it says what is wrong */
}

static int count_state(struct weir_facts *f, const struct weir__place *p, struct weir_error *why)
{
	struct counting c = { f, weir_state_is_keyed(p->state->kind), why };
	struct weir_arena *mem = &p->snap->mem;
	struct weir_scan scan = WEIR_SCAN_ALL;
	int rc;

	f->ngroups = c.keyed && p->op ? p->op->max_parallelism : 1;
	if (f->ngroups == 0 || f->ngroups > 32768)
		f->ngroups = 32768;
	f->groups = weir_arena_zero(mem, f->ngroups * sizeof(*f->groups));
	if (!f->groups)
		return no_memory(why);
	scan.state = p->state;
	scan.problem = count_problem;
	scan.problem_arg = &c;
	rc = weir_view_scan(p->view, &scan, count_entry, &c, why);
	if (rc == WEIR_ENOMEM)
		return rc;
	if (rc && f->code == 0)
		f->code = rc;
	for (uint32_t i = 0; i < f->ngroups; i++)
		f->nfull += f->groups[i] > 0;
	f->full = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->full));
	f->all_len = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->all_len));
	f->keys_len = weir_arena_zero(mem, (f->nfull + 1) * sizeof(*f->keys_len));
	if (!f->full || !f->all_len || !f->keys_len)
		return no_memory(why);
	for (uint32_t i = 0, n = 0; i < f->ngroups; i++)
		if (f->groups[i]) {
			f->all_len[n] = f->keys_len[n] = -1;
			f->full[n++] = i;
		}
	return 0;
}

/* Damage in a state does not hide the rest of it: the facts are there, with .code. State that is not read at all is an error. */
int weir__facts(struct weir_tree *t, struct weir_inode n, struct weir_facts **out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_facts *f;
	int rc = weir__place_of(t, n, &p, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&t->facts_lock);
	f = &p.snap->facts[n.slot];
	if (!f->counted) {
		memset(f, 0, sizeof(*f));
		rc = count_state(f, &p, &why);
		__atomic_store_n(&f->counted, rc == 0, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&t->facts_lock);
	if (rc == 0 && f->code == WEIR_EUNSUPPORTED) {
		rc = f->code;
		if (why.code == 0)
			weir_error_set(&why, rc, "this keyed state is stored as %s, which this version does not read",
				       p.op && weir_operator_unreadable(p.op) ? weir_operator_unreadable(p.op) : "files");
	} else if (rc == 0 && why.code) {
		weir_tree_note(t, weir_inode_pack(n), &why);
	}
	if (rc && err)
		*err = why;
	else
		*out = f;
	return rc;
}

/* ---- attributes ---- */
static bool is_listing(enum weir_inode_kind k)
{
	return k == NODE_ALL || k == NODE_KEYS || k == NODE_COUNT || k == NODE_BYTES || k == NODE_SUMMARY || k == NODE_PROBLEMS;
}

static int raw_size(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err);

/* Length of a file whose content is rendered; -1: only reading to the end will tell. */
static int content_size(struct weir_tree *t, struct weir_inode n, int64_t *out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_buf text = { 0 };
	uint64_t segments;
	int64_t sum = 0;
	bool cheap = true;
	int rc;

	if (is_listing(n.kind)) {
		rc = weir__place_of(t, n, &p, err);
		if (rc)
			return rc;
		cheap = weir__is_small(t, &p);
		if (!cheap && (n.kind == NODE_SUMMARY || n.kind == NODE_PROBLEMS || !__atomic_load_n(&p.snap->facts[n.slot].counted, __ATOMIC_ACQUIRE))) {
			*out = -1;
			return 0;
		}
	}
	rc = weir__segments(t, n, &segments, err);
	for (uint64_t i = 0; i < segments && rc == 0; i++) {
		int64_t len = weir__segment_length(t, n, i);

		if (len < 0 && !cheap && segments > 1) {
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

	if (n.kind == NODE_RAW_FILE)
		return size;
	if (n.kind != NODE_LEAF || weir__place_of(t, n, &p, NULL) || weir_index_get(t->cache, n.snapshot, p.view, n.slot, n.group, &x, NULL))
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
	struct weir_inode n = weir_inode_unpack(ino);
	struct weir_attr a = { .shape = weir_tree_shape(ino) };
	struct weir_snapshot *s = weir_source_slot(t->src, n.snapshot);
	struct weir_buf text = { 0 };
	int64_t size = 0;
	int rc = 0;

	if (n.kind >= NODE_KINDS || !s)
		return WEIR_ENOTFOUND;
	a.changing = n.kind < NODE_SNAPSHOT && (t->src->live || n.kind == NODE_STATUS || n.kind == NODE_ERRORS);
	a.mtime_ms = s->mtime_ms;
	if (a.shape == WEIR_SHAPE_DIR) {
		struct weir_error quiet = WEIR_ERROR_INIT; /* a directory that cannot be listed is still there */

		if (n.kind != NODE_GET && n.kind != NODE_BY_KEY && n.kind != NODE_GROUP && n.kind != NODE_SHARD && weir_tree_count(t, ino, &a.size, &quiet))
			a.size = 0;
	} else if (a.shape == WEIR_SHAPE_LINK) {
		rc = weir_tree_link(t, ino, &text, err);
		a.size = text.len;
	} else if (n.kind == NODE_RAW_FILE) {
		rc = raw_size(t, n, &a.size, err);
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
	struct weir_inode n = weir_inode_unpack(ino);
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
		weir_name_encode((struct weir_slice){ (const uint8_t *)s->name, strlen(s->name) }, out);
		return weir_buf_error(out) ? no_memory(err) : 0;
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

/* ---- reading ---- */
struct weir_file {
	struct weir_tree *t;
	struct weir_inode n;
	pthread_mutex_t lock;
	/* rendered */
	uint64_t segments, segment, start; /* the segment in text and where it begins; segment == segments: none */
	struct weir_buf text;
	/* as stored */
	struct weir_fs_in *in;
};

static int raw_path(struct weir_tree *t, struct weir_inode n, struct weir_fs **fs, char **path, struct weir_error *err)
{
	struct weir__place p;
	const struct weir_raw_file *f;
	int rc = weir__place_of(t, n, &p, err);

	if (rc)
		return rc;
	if (n.rank >= p.snap->nfiles)
		return WEIR_ENOTFOUND;
	f = &p.snap->files[n.rank];
	if (f->handle)
		return weir_ckpt_locate(p.ckpt, f->handle, fs, path, err);
	*fs = p.ckpt->fs;
	*path = strdup(p.ckpt->path);
	return *path ? 0 : no_memory(err);
}

static int raw_size(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err)
{
	struct weir_fs *fs;
	struct weir_fs_stat st;
	char *path = NULL;
	int rc = raw_path(t, n, &fs, &path, err);

	if (rc == 0)
		rc = weir_fs_stat(fs, path, &st, err);
	free(path);
	if (rc == 0)
		*out = st.size;
	return rc == WEIR_ENOTFOUND ? WEIR_ECORRUPT : rc;
}

int weir_tree_open(struct weir_tree *t, uint64_t ino, struct weir_file **out, struct weir_error *err)
{
	struct weir_file *f;
	struct weir_inode n = weir_inode_unpack(ino);
	int rc = 0;

	if (weir_tree_shape(ino) != WEIR_SHAPE_FILE)
		return weir_error_set(err, WEIR_EINVALID, "not a file");
	f = calloc(1, sizeof(*f));
	if (!f)
		return no_memory(err);
	f->t = t;
	f->n = n;
	pthread_mutex_init(&f->lock, NULL);
	if (n.kind == NODE_RAW_FILE) {
		struct weir_fs *fs;
		char *path = NULL;

		rc = raw_path(t, n, &fs, &path, err);
		if (rc == 0)
			rc = weir_fs_open(fs, path, &f->in, err);
		free(path);
	} else {
		rc = weir__segments(t, n, &f->segments, err);
		f->segment = f->segments;
	}
	if (rc)
		weir_tree_close(f);
	else
		*out = f;
	return rc;
}

void weir_tree_close(struct weir_file *f)
{
	if (!f)
		return;
	weir_fs_in_close(f->in);
	weir_buf_fini(&f->text);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static int load_segment(struct weir_file *f, uint64_t i, uint64_t start, struct weir_error *err)
{
	int rc;

	weir_buf_clear(&f->text);
	f->segment = f->segments;
	rc = weir__render(f->t, f->n, i, &f->text, err);
	if (rc == 0 && weir_buf_error(&f->text))
		rc = no_memory(err);
	if (rc)
		return rc;
	f->segment = i;
	f->start = start;
	weir__segment_learn(f->t, f->n, i, f->text.len);
	return 0;
}

/* Copy from segment i, which begins at start, on. */
static int copy_from(struct weir_file *f, uint64_t i, uint64_t start, uint8_t *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	size_t n = 0;

	for (; i < f->segments && n < len; i++) {
		int64_t known = i == f->segment ? (int64_t)f->text.len : weir__segment_length(f->t, f->n, i);
		size_t piece;

		if (known >= 0 && start + (uint64_t)known <= offset + n) {
			start += (uint64_t)known;
			continue;
		}
		if (i != f->segment) {
			int rc = load_segment(f, i, start, err);

			if (rc)
				return rc; /* never a short read in place of an error */
			known = (int64_t)f->text.len;
			if (start + (uint64_t)known <= offset + n) {
				start += (uint64_t)known;
				continue;
			}
		}
		piece = (size_t)(start + (uint64_t)known - offset - n);
		if (piece > len - n)
			piece = len - n;
		memcpy(buf + n, f->text.data + (offset + n - start), piece);
		n += piece;
		start += (uint64_t)known;
	}
	*out_n = n;
	return 0;
}

int weir_tree_read(struct weir_file *f, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	int rc;

	if (f->in)
		return weir_fs_read_at(f->in, buf, len, offset, out_n, err);
	pthread_mutex_lock(&f->lock);
	if (f->segment < f->segments && offset >= f->start)
		rc = copy_from(f, f->segment, f->start, buf, len, offset, out_n, err);
	else
		rc = copy_from(f, 0, 0, buf, len, offset, out_n, err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* ---- extended attributes ---- */
static int leaf_xattr(struct weir_tree *t, struct weir_inode n, const struct weir__place *p, const char *name, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_index *x;
	const struct weir_entry *e;
	int rc = weir_index_get(t->cache, n.snapshot, p->view, n.slot, n.group, &x, err);

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
	struct weir_inode n = weir_inode_unpack(ino);
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
	} else if (strcmp(name, "key_group") == 0 && n.kind >= NODE_GROUP) {
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

/* ---- errors, totals ---- */
void weir_tree_note(struct weir_tree *t, uint64_t ino, const struct weir_error *err)
{
	struct weir_inode n = weir_inode_unpack(ino);
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
		if (n.kind >= NODE_GROUP) {
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

		if (!__atomic_load_n(&s->complete, __ATOMIC_ACQUIRE) || s->gone)
			continue;
		for (uint32_t k = 0; k < s->ckpt->noperators; k++)
			*out_bytes += weir_operator_bytes(&s->ckpt->operators[k]);
		*out_files += s->ckpt->noperators;
	}
}
