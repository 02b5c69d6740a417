/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are RocksDB or ForSt files (handle tags 5 and 11): native savepoints, incremental and full checkpoints.
 *
 * 1. Opening a view reads only the metadata block: states and types are known without librocksdb. The files are assembled and opened by the first scan.
 * 2. An open database stays for the next scan; of those nobody uses at most MAX_IDLE stay. view->lock guards part->held and users.
 * 3. Only key groups of the handle are delivered: after a rescale the files hold others too.
 * 4. A database with few files is opened whole and its directory removed at once, so that a killed process leaves nothing behind.
 * Memory: one cache a database, never the state. Damage is told with the checkpoint's file, not the temporary one, and reading goes on with the next key group.
 */
#include "state/ckpt/view_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "state/ckpt/rocksdb.h"
#include "state/ckpt/rocksdb_dir.h"

enum { MAX_IDLE = 4, FILES_AT_ONCE = 200, FILES_OPEN = 256 };

struct live {
	struct weir__rocksdb *db;
	struct weir__rocksdb_dir dir;
	uint32_t users;
};

int weir__rocksdb_part_open(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	int code;

	part->stream = &part->keyed->stream;
	code = weir__part_load(v, part, err);
	return code ? code : weir_keyed_read_meta(part->bytes, part->path, &v->mem, &part->meta, err);
}

void weir__rocksdb_part_close(struct weir__part *part)
{
	struct live *live = part->held;

	if (!live)
		return;
	weir__rocksdb_close(live->db);
	weir__rocksdb_dir_remove(&live->dir);
	free(live);
	part->held = NULL;
}

/* ---- damage ---- */

static const struct weir_named_handle *named_in(const struct weir_named_handle *files, uint32_t n, const char *text)
{
	char name[260];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "/%.*s", (int)(files[i].name.len < 255 ? files[i].name.len : 255), (const char *)files[i].name.ptr);
		if (strstr(text, name))
			return &files[i];
	}
	return NULL;
}

/* RocksDB names files of the temporary directory: name those of the checkpoint. */
static void blame(const struct weir_view *v, const struct weir__part *part, struct weir_error *err)
{
	const struct weir_keyed_handle *k = part->keyed;
	const struct weir_named_handle *f = named_in(k->private_, k->nprivate, err->msg);
	struct weir_fs *fs;
	char *path = NULL, *at;

	if (!f)
		f = named_in(k->shared, k->nshared, err->msg);
	while ((at = strstr(err->msg, WEIR__ROCKSDB_PREFIX)) != NULL) {
		char *rest = at + strcspn(at, "/ :");

		while (at > err->msg && at[-1] != ' ')
			at--;
		rest += *rest == '/';
		memmove(at, rest, strlen(rest) + 1);
	}
	if (f && f->handle.kind != WEIR_HANDLE_INLINE && weir_ckpt_locate(v->ckpt, &f->handle, &fs, &path, NULL) == 0)
		snprintf(err->path, sizeof(err->path), "%s", path);
	else if (!err->path[0])
		snprintf(err->path, sizeof(err->path), "%s", v->ckpt->path ? v->ckpt->path : "");
	free(path);
}

/* ---- open databases ---- */

static int open_live(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	struct live *live = calloc(1, sizeof(*live));
	bool few = part->keyed->nshared + part->keyed->nprivate <= FILES_AT_ONCE;
	int code = live ? weir__rocksdb_dir_build(v->ckpt, part->keyed, &live->dir, err)
			: weir_error_set(err, WEIR_ENOMEM, "no memory to open RocksDB files");

	if (code == 0) {
		code = weir__rocksdb_open(live->dir.path, few ? -1 : FILES_OPEN, &live->db, err);
		if (code && code != WEIR_EUNSUPPORTED && code != WEIR_ENOMEM)
			blame(v, part, err);
	}
	if (live && (few || code))
		weir__rocksdb_dir_remove(&live->dir);
	if (code)
		free(live);
	else
		part->held = live;
	return code;
}

/* Close all but the MAX_IDLE - 1 opened last of those nobody uses. */
static void close_idle(struct weir_view *v)
{
	uint32_t idle = 0;

	for (size_t i = v->open.len; i-- > 0;) {
		struct weir__part *p = v->open.items[i];

		if (((struct live *)p->held)->users == 0 && ++idle >= MAX_IDLE) {
			weir__rocksdb_part_close(p);
			memmove(&v->open.items[i], &v->open.items[i + 1], (--v->open.len - i) * sizeof(v->open.items[0]));
		}
	}
}

static int acquire(struct weir_view *v, struct weir__part *part, struct live **out, struct weir_error *err)
{
	int code = 0;

	pthread_mutex_lock(&v->lock);
	if (!part->held) {
		close_idle(v);
		code = weir_vec_reserve(&v->open, v->open.len + 1) ? open_live(v, part, err) : weir_error_set(err, WEIR_ENOMEM, "no memory to open RocksDB files");
		if (code == 0)
			v->open.items[v->open.len++] = part;
	}
	if (code == 0) {
		*out = part->held;
		(*out)->users++;
	}
	pthread_mutex_unlock(&v->lock);
	return code;
}

static void release(struct weir_view *v, struct live *live)
{
	pthread_mutex_lock(&v->lock);
	live->users--;
	pthread_mutex_unlock(&v->lock);
}

/* ---- reading ---- */

struct reader {
	struct weir__scan_ctx *x;
	struct weir__part *part;
	struct weir__rocksdb_iter *it;
	uint32_t state, prefix;
	int32_t first, last;    /* key groups */
	char told[128];         /* the beginning of the last damage told since the last entry */
	struct weir_error *err;
};

static void seek(struct reader *r, int32_t group, struct weir_slice key, struct weir_buf *target)
{
	weir_buf_clear(target);
	if (r->prefix == 2)
		weir_buf_u8(target, (uint8_t)(group >> 8));
	weir_buf_u8(target, (uint8_t)group);
	weir_buf_put_slice(target, key);
	weir__rocksdb_seek(r->it, weir_buf_slice(target));
}

static int32_t group_of(const struct reader *r, struct weir_slice key)
{
	return r->prefix == 2 ? key.ptr[0] << 8 | key.ptr[1] : key.ptr[0];
}

/* What stopped the iterator: 0 at its end, or when it was told; *out_damaged says which. */
static int stopped(struct reader *r, int32_t group, bool *out_damaged)
{
	struct weir_error why = WEIR_ERROR_INIT;
	int code = weir__rocksdb_iter_error(r->it, &why);

	*out_damaged = code != 0;
	if (code == 0 || strncmp(why.msg, r->told, sizeof(r->told) - 1) == 0)
		return 0;
	snprintf(r->told, sizeof(r->told), "%s", why.msg);
	blame(r->x->view, r->part, &why);
	weir_error_wrap(&why, "key group %d, state '%.100s'", group, r->part->meta->states[r->state].name);
	if (r->err)
		*r->err = why;
	return weir__scan_damage(r->x, group, code, r->err);
}

static int deliver(struct reader *r, int32_t group, struct weir_slice key, struct weir_slice value)
{
	struct weir_entry e;

	r->told[0] = '\0';
	weir_keyed_split(r->part->meta, r->state, group, r->part->op->max_parallelism, key, value, &e);
	return weir__scan_entry(r->x, r->state, &e);
}

/* Every entry of the key groups first to last. */
static int scan_groups(struct reader *r, struct weir_buf *target)
{
	struct weir_slice none = { NULL, 0 }, key, value;
	int32_t group = r->first;
	bool damaged;
	int code;

	seek(r, group, none, target);
	for (;;) {
		if (!weir__rocksdb_entry(r->it, &key, &value)) {
			code = stopped(r, group, &damaged);
			if (code || !damaged || ++group > r->last)
				return code;
			seek(r, group, none, target);
			continue;
		}
		if (key.len < r->prefix) {
			weir_error_at(r->err, WEIR_ECORRUPT, r->part->path, WEIR_NO_OFFSET, "state '%.100s': a key is too short for its key group",
				      r->part->meta->states[r->state].name);
			code = weir__scan_damage(r->x, group, WEIR_ECORRUPT, r->err);
		} else {
			group = group_of(r, key);
			if (group > r->last)
				return 0;
			code = deliver(r, group, key, value);
		}
		if (code)
			return code;
		weir__rocksdb_next(r->it);
	}
}

/* What begins with this key, in each key group from first to last. */
static int scan_key(struct reader *r, struct weir_slice wanted, struct weir_buf *target)
{
	struct weir_slice key, value;
	int code = 0;

	for (int32_t group = r->first; group <= r->last && code == 0; group++) {
		bool damaged;

		seek(r, group, wanted, target);
		while (code == 0 && weir__rocksdb_entry(r->it, &key, &value) && key.len >= target->len && memcmp(key.ptr, target->data, target->len) == 0) {
			code = deliver(r, group, key, value);
			if (code == 0)
				weir__rocksdb_next(r->it);
		}
		if (code == 0 && !weir__rocksdb_entry(r->it, &key, &value))
			code = stopped(r, group, &damaged);
	}
	return code;
}

static int scan_state(struct reader *r, struct live *live)
{
	const struct weir_keyed_state_meta *s = &r->part->meta->states[r->state];
	int family = weir__rocksdb_family(live->db, s->name), code;
	struct weir_slice key = r->x->scan->key;
	struct weir_buf target = { 0 };

	if (family < 0) {
		code = weir_error_at(r->err, WEIR_ECORRUPT, r->part->path, WEIR_NO_OFFSET, "the RocksDB files have no column family for state '%.200s'", s->name);
		return weir__scan_damage(r->x, -1, code, r->err);
	}
	code = weir__rocksdb_iter_new(live->db, family, &r->it, r->err);
	if (code)
		return code;
	r->told[0] = '\0';
	code = key.ptr && s->kind != WEIR_STATE_TIMER ? scan_key(r, key, &target) : scan_groups(r, &target);
	weir__rocksdb_iter_free(r->it);
	if (code == 0 && weir_buf_error(&target))
		code = weir_error_set(r->err, WEIR_ENOMEM, "no memory to read RocksDB files");
	weir_buf_fini(&target);
	return code;
}

int weir__rocksdb_part_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	const struct weir_key_group_offsets *g = &part->keyed->groups;
	int32_t want = weir__wanted_group(x, part);
	struct reader r = { .x = x, .part = part, .prefix = weir_keyed_prefix(part->op->max_parallelism), .first = g->first,
			    .last = g->first + (int32_t)g->count - 1, .err = err };
	struct live *live;
	int code;

	if (want != -1) {
		if (want < r.first || want > r.last)
			return 0;
		r.first = r.last = want;
	}
	if (g->count == 0 || r.first < 0)
		return 0;
	code = acquire(x->view, part, &live, err);
	if (code)
		return weir__scan_damage(x, -1, code, err);
	for (r.state = 0; r.state < part->ninfos && code == 0; r.state++)
		if (weir__scan_wants(x, r.state))
			code = scan_state(&r, live);
	release(x->view, live);
	return code;
}
