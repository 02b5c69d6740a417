// SPDX-License-Identifier: Apache-2.0
/*
 * The recoverable writer (FS-13), over any file system with WEIR_FS_RECOVERABLE.
 *
 * Invariants
 *  1. The final name appears by one rename of a synced, closed file, and never replaces anything.
 *  2. A description is handed out only when the bytes it names and the hidden file's entry are durable.
 *  3. Every step may be repeated after a crash: recover() cuts back to the length described, commit() of what is committed
 *     already syncs the directory again and succeeds, discard() of nothing succeeds.
 * What a description ("token") holds, big endian: u32 magic "WFRW", u8 version 1, u8 kind (1 resume, 2 commit), u64 length,
 * writeUTF-like u32 length and bytes of the target path, the same of the hidden path, u32 CRC-32C of all before.
 */
#include <weir/fs.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/src.h"
#include "fs-abstraction/fs_priv.h"
#include "fs-abstraction/path.h"

#define TOKEN_MAGIC 0x57465257u
#define TOKEN_VERSION 1
#define PATH_BYTES_MAX (64u << 10)

enum token_kind { TOKEN_RESUME = 1, TOKEN_COMMIT = 2 };

struct token {
	enum token_kind kind;
	uint64_t length;
	char *target, *hidden, *dir;
};

struct weir_fs_writer {
	struct weir_fs *fs;
	struct weir_fs_out *out;
	char *target, *hidden, *dir;
	bool entry_durable;
	bool persisted;            /* a token may be in some checkpoint */
	uint64_t persisted_length; /* of the last one handed out; UINT64_MAX after recover */
};

/* ---- tokens ---- */

static void token_fini(struct token *t)
{
	free(t->target);
	free(t->hidden);
	free(t->dir);
}

static void put_path(struct weir_buf *b, const char *path)
{
	weir_buf_u32(b, (uint32_t)strlen(path));
	weir_buf_text(b, path);
}

/* Append a token to *out; on failure *out is as before. */
static int put_token(const struct weir_fs_writer *w, enum token_kind kind, uint64_t length, struct weir_buf *out, struct weir_error *err)
{
	size_t from = out->len;

	weir_buf_u32(out, TOKEN_MAGIC);
	weir_buf_u8(out, TOKEN_VERSION);
	weir_buf_u8(out, (uint8_t)kind);
	weir_buf_u64(out, length);
	put_path(out, w->target);
	put_path(out, w->hidden);
	if (!weir_buf_error(out))
		weir_buf_u32(out, weir_crc32c(0, out->data + from, out->len - from));
	if (!weir_buf_error(out))
		return 0;
	out->len = from;
	return weir__fs_nomem(err, w->target);
}

static char *take_path(struct weir_src *s)
{
	uint32_t n = weir_src_u32(s);
	struct weir_slice bytes = { 0 };
	char *path;

	if (n > PATH_BYTES_MAX)
		weir_src_fail(s, WEIR_ECORRUPT, "a path is too long");
	else
		bytes = weir_src_bytes(s, n);
	if (s->code)
		return NULL;
	path = strndup((const char *)bytes.ptr, bytes.len);
	if (!path)
		weir_src_fail(s, WEIR_ENOMEM, "out of memory");
	else if (strlen(path) != n || !weir_path_is_normal(path))
		weir_src_fail(s, WEIR_ECORRUPT, "a path is not absolute and normal");
	return path;
}

static int damaged(struct weir_error *err, const char *what)
{
	return weir_error_set(err, WEIR_ECORRUPT, "the description of a pending result file is damaged: %s", what);
}

static int take_fields(struct weir_src *s, struct token *t, struct weir_error *err)
{
	uint8_t version, kind;
	char *hidden_dir = NULL;
	int rc = 0;

	if (weir_src_u32(s) != TOKEN_MAGIC)
		return damaged(err, "it does not begin with its magic number");
	version = weir_src_u8(s);
	if (!s->code && version != TOKEN_VERSION)
		return weir_error_set(err, WEIR_EVERSION, "the description of a pending result file has version %u; this weir knows %u", version, TOKEN_VERSION);
	kind = weir_src_u8(s);
	t->kind = (enum token_kind)kind;
	t->length = weir_src_u64(s);
	t->target = take_path(s);
	t->hidden = take_path(s);
	if (s->code == WEIR_ENOMEM)
		return weir__fs_nomem(err, NULL);
	if (s->code)
		return damaged(err, s->what);
	t->dir = weir_path_parent(t->target);
	hidden_dir = weir_path_parent(t->hidden);
	if (!t->dir || !hidden_dir)
		rc = weir__fs_nomem(err, NULL);
	else if ((kind != TOKEN_RESUME && kind != TOKEN_COMMIT) || strcmp(t->dir, hidden_dir) != 0 || !weir_path_name_is_hidden(weir_path_name(t->hidden)))
		rc = damaged(err, "its fields contradict each other");
	free(hidden_dir);
	return rc;
}

/* want 0: any kind. On failure nothing is left to free. */
static int take_token(struct weir_slice bytes, unsigned want, struct token *t, struct weir_error *err)
{
	struct weir_src crc, s;
	int rc;

	*t = (struct token){ 0 };
	if (bytes.len < 4)
		return weir_error_set(err, WEIR_ECORRUPT, "the description of a pending result file is damaged: it has %zu bytes only", bytes.len);
	crc = weir_src_of((struct weir_slice){ bytes.ptr + bytes.len - 4, 4 }, NULL, 0);
	s = weir_src_of((struct weir_slice){ bytes.ptr, bytes.len - 4 }, NULL, 0);
	if (weir_src_u32(&crc) != weir_crc32c(0, bytes.ptr, bytes.len - 4))
		return damaged(err, "its checksum is wrong");
	rc = take_fields(&s, t, err);
	if (!rc && weir_src_left(&s))
		rc = damaged(err, "bytes follow its end");
	if (!rc && want && t->kind != want)
		rc = weir_error_set(err, WEIR_EINVALID, "%s: this describes where to %s, not what to %s", t->target, t->kind == TOKEN_RESUME ? "resume" : "commit",
				    want == TOKEN_RESUME ? "resume" : "commit");
	if (rc)
		token_fini(t);
	return rc;
}

/* ---- writer ---- */

static void writer_free(struct weir_fs_writer *w)
{
	free(w->target);
	free(w->hidden);
	free(w->dir);
	free(w);
}

static int check_recoverable(const struct weir_fs *fs, const char *path, struct weir_error *err)
{
	if (fs->ops->caps & WEIR_FS_RECOVERABLE)
		return 0;
	return weir_error_at(err, WEIR_EUNSUPPORTED, path, WEIR_NO_OFFSET, "the file system %s: has no recoverable writer, which exactly-once results need",
			     fs->ops->scheme);
}

static int check_absent(struct weir_fs *fs, const char *target, struct weir_error *err)
{
	struct weir_fs_stat st;
	struct weir_error mine = WEIR_ERROR_INIT;
	int rc = weir_fs_stat(fs, target, &st, &mine);

	if (rc == WEIR_ENOTFOUND)
		return 0;
	if (rc) {
		if (err && !err->code)
			*err = mine;
		return rc;
	}
	return weir_error_at(err, WEIR_EEXISTS, target, WEIR_NO_OFFSET, "the result file is there already: move it away or write elsewhere");
}

int weir_fs_writer_open(struct weir_fs *fs, const char *target, struct weir_fs_writer **out, struct weir_error *err)
{
	struct weir_fs_writer *w = NULL;
	struct weir__fs_path p;
	int rc = weir__fs_path_take(&p, target, err);

	if (rc)
		return rc;
	rc = check_recoverable(fs, p.text, err);
	if (rc)
		goto out;
	w = calloc(1, sizeof(*w));
	if (!w || !(w->target = strdup(p.text)) || !(w->dir = weir_path_parent(p.text)) || !(w->hidden = weir__fs_hidden_path(fs, p.text))) {
		rc = weir__fs_nomem(err, p.text);
		goto out;
	}
	w->fs = fs;
	rc = check_absent(fs, w->target, err);
	if (!rc)
		rc = weir_fs_mkdirs_durable(fs, w->dir, err);
	if (!rc)
		rc = weir_fs_create(fs, w->hidden, WEIR_FS_NO_OVERWRITE, &w->out, err);
	if (!rc) {
		*out = w;
		w = NULL;
	}
out:
	if (w)
		writer_free(w);
	weir__fs_path_drop(&p);
	return rc;
}

int weir_fs_writer_write(struct weir_fs_writer *w, const void *p, size_t len, struct weir_error *err) { return weir_fs_write(w->out, p, len, err); }
uint64_t weir_fs_writer_position(const struct weir_fs_writer *w) { return weir_fs_position(w->out); }

/* Invariant 2. */
static int make_durable(struct weir_fs_writer *w, struct weir_error *err)
{
	uint64_t length = weir_fs_position(w->out);
	int rc;

	if (w->out->failed || !w->persisted || w->persisted_length != length) {
		rc = weir_fs_sync(w->out, err);
		if (rc)
			return rc;
	}
	if (!w->entry_durable) {
		rc = weir_fs_sync_dir(w->fs, w->dir, err);
		if (rc) {
			w->out->failed = rc;
			return rc;
		}
		w->entry_durable = true;
	}
	return 0;
}

int weir_fs_writer_persist(struct weir_fs_writer *w, struct weir_buf *out_resume, struct weir_error *err)
{
	int rc = make_durable(w, err);

	if (!rc)
		rc = put_token(w, TOKEN_RESUME, weir_fs_position(w->out), out_resume, err);
	if (!rc) {
		w->persisted = true;
		w->persisted_length = weir_fs_position(w->out);
	}
	return rc;
}

/* Close without flushing. What was persisted stays. */
static void drop_stream(struct weir_fs_writer *w)
{
	w->out->keep = w->persisted;
	weir_fs_abort(w->out);
}

void weir_fs_writer_close(struct weir_fs_writer *w)
{
	if (!w)
		return;
	drop_stream(w);
	writer_free(w);
}

void weir_fs_writer_abort(struct weir_fs_writer *w)
{
	if (!w)
		return;
	drop_stream(w);
	if (w->persisted && weir_fs_remove(w->fs, w->hidden, false, NULL)) { /* a hidden leftover harms nobody */
	}
	writer_free(w);
}

int weir_fs_writer_prepare(struct weir_fs_writer *w, struct weir_buf *out_commit, struct weir_error *err)
{
	size_t from = out_commit->len;
	int rc = make_durable(w, err);

	if (!rc)
		rc = put_token(w, TOKEN_COMMIT, weir_fs_position(w->out), out_commit, err);
	if (rc) {
		drop_stream(w);
	} else {
		w->out->keep = w->persisted;
		rc = weir_fs_close(w->out, err);
		if (rc)
			out_commit->len = from;
	}
	writer_free(w);
	return rc;
}

/* ---- after a restart ---- */

/* What a path leads to: *out_there false when there is nothing. */
static int look(struct weir_fs *fs, const char *path, bool *out_there, uint64_t *out_size, struct weir_error *err)
{
	struct weir_error mine = WEIR_ERROR_INIT;
	struct weir_fs_stat st = { 0 };
	int rc = weir_fs_stat(fs, path, &st, &mine);

	if (rc && rc != WEIR_ENOTFOUND) {
		if (err && !err->code)
			*err = mine;
		return rc;
	}
	if (!rc && st.type != WEIR_FS_FILE)
		return weir_error_at(err, WEIR_EEXISTS, path, WEIR_NO_OFFSET, "a directory stands where a result file belongs");
	*out_there = rc == 0;
	*out_size = st.size;
	return 0;
}

static int check_resumable(struct weir_fs *fs, const struct token *t, struct weir_error *err)
{
	bool hidden = false, target = false;
	uint64_t size = 0, target_size = 0;
	int rc = look(fs, t->hidden, &hidden, &size, err);

	if (rc)
		return rc;
	if (!hidden) {
		rc = look(fs, t->target, &target, &target_size, NULL);
		if (!rc && target)
			return weir_error_at(err, WEIR_ECORRUPT, t->hidden, WEIR_NO_OFFSET,
					     "the pending result file is gone; %s is there with %llu bytes: a newer checkpoint than this one has committed it",
					     t->target, (unsigned long long)target_size);
		return weir_error_at(err, WEIR_ECORRUPT, t->hidden, WEIR_NO_OFFSET, "the pending result file, of which %llu bytes were persisted, is gone",
				     (unsigned long long)t->length);
	}
	if (size < t->length)
		return weir_error_at(err, WEIR_ECORRUPT, t->hidden, size, "the pending result file has %llu bytes, fewer than the %llu that were persisted",
				     (unsigned long long)size, (unsigned long long)t->length);
	return 0;
}

int weir_fs_writer_recover(struct weir_fs *fs, struct weir_slice resume, struct weir_fs_writer **out, struct weir_error *err)
{
	struct weir_fs_writer *w = NULL;
	struct token t;
	int rc = take_token(resume, TOKEN_RESUME, &t, err);

	if (rc)
		return rc;
	rc = check_recoverable(fs, t.target, err);
	if (!rc)
		rc = check_resumable(fs, &t, err);
	if (rc)
		goto out;
	w = calloc(1, sizeof(*w));
	if (!w) {
		rc = weir__fs_nomem(err, t.target);
		goto out;
	}
	/* the length cut off is not durable yet: the next persist syncs even if nothing is written */
	*w = (struct weir_fs_writer){ fs, NULL, t.target, t.hidden, t.dir, true, true, UINT64_MAX };
	rc = weir__fs_resume(fs, w->hidden, t.length, &w->out, err);
	if (rc) {
		free(w);
		goto out;
	}
	*out = w;
	return 0;
out:
	token_fini(&t);
	return rc;
}

static int commit(struct weir_fs *fs, const struct token *t, struct weir_error *err)
{
	bool hidden = false, target = false;
	uint64_t size = 0, target_size = 0;
	int rc = look(fs, t->hidden, &hidden, &size, err);

	if (!rc)
		rc = look(fs, t->target, &target, &target_size, err);
	if (rc)
		return rc;
	if (hidden && size != t->length)
		return weir_error_at(err, WEIR_ECORRUPT, t->hidden, WEIR_NO_OFFSET, "the pending result file has %llu bytes; %llu were to be committed as %s",
				     (unsigned long long)size, (unsigned long long)t->length, t->target);
	if (hidden && target)
		return weir_error_at(err, WEIR_EEXISTS, t->target, WEIR_NO_OFFSET,
				     "is there already, with %llu bytes, and is not this result, whose %llu bytes wait in %s: move it away and commit again",
				     (unsigned long long)target_size, (unsigned long long)t->length, t->hidden);
	if (!hidden && !target)
		return weir_error_at(err, WEIR_ENOTFOUND, t->hidden, WEIR_NO_OFFSET, "the pending result file is gone: neither it nor %s is there", t->target);
	if (!hidden && target_size != t->length)
		return weir_error_at(err, WEIR_ECORRUPT, t->target, WEIR_NO_OFFSET,
				     "the result file has %llu bytes; %llu were to be committed, and the pending file is gone", (unsigned long long)target_size,
				     (unsigned long long)t->length);
	if (hidden)
		rc = weir_fs_rename(fs, t->hidden, t->target, err);
	return rc ? rc : weir_fs_sync_dir(fs, t->dir, err);
}

int weir_fs_commit(struct weir_fs *fs, struct weir_slice bytes, struct weir_error *err)
{
	struct token t;
	int rc = take_token(bytes, TOKEN_COMMIT, &t, err);

	if (rc)
		return rc;
	rc = check_recoverable(fs, t.target, err);
	if (!rc)
		rc = commit(fs, &t, err);
	token_fini(&t);
	return rc;
}

int weir_fs_discard(struct weir_fs *fs, struct weir_slice bytes, struct weir_error *err)
{
	struct weir_error mine = WEIR_ERROR_INIT;
	struct token t;
	int rc = take_token(bytes, 0, &t, err);

	if (rc)
		return rc;
	rc = weir_fs_remove(fs, t.hidden, false, &mine);
	if (rc == WEIR_ENOTFOUND)
		rc = 0;
	else if (rc && err && !err->code)
		*err = mine;
	token_fini(&t);
	return rc;
}
