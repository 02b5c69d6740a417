// SPDX-License-Identifier: Apache-2.0
/*
 * The contract of results: publish, and the recoverable writer (FS-13) with the cases that Flink's own suite has (commit after
 * close, recovery with no, one, many persists, resume after commit, wrong offset) and those it lacks (commit twice, damaged tokens).
 */
#include "fs-abstraction/contract_priv.h"

#include <stdlib.h>

#include "base/buf.h"

/* ---- publish ---- */

static struct weir_slice text_slice(const char *text) { return (struct weir_slice){ (const uint8_t *)text, strlen(text) }; }

static int check_publish(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	TRY(weir_fs_publish(fs, IN(dir, "f"), text_slice("first"), err));
	TRY(weir__want_text(fs, IN(dir, "f"), "first", err));
	TRY(weir_fs_publish(fs, IN(dir, "f"), text_slice("second"), err));
	TRY(weir__want_text(fs, IN(dir, "f"), "second", err));
	TRY(weir_fs_publish(fs, IN(dir, "f"), (struct weir_slice){ NULL, 0 }, err));
	TRY(weir__want_text(fs, IN(dir, "f"), "", err));
	WANT_CODE(weir_fs_publish(fs, IN(dir, "no/f"), text_slice("x"), err), WEIR_ENOTFOUND, "publish in a missing directory");
	TRY(weir_fs_mkdirs(fs, IN(dir, "d"), err));
	WANT_CODE(weir_fs_publish(fs, IN(dir, "d"), text_slice("x"), err), WEIR_EEXISTS, "publish over a directory");
	return weir__want_entries(fs, dir, 2, err);
}

static int check_publish_long_name(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	char name[256];

	for (size_t i = 0; i < 255; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3); /* a hidden name must not cut a character */
	name[255] = 0;
	TRY(weir_fs_publish(fs, IN(dir, name), text_slice("x"), err));
	TRY(weir__want_text(fs, IN(dir, name), "x", err));
	return weir__want_entries(fs, dir, 1, err);
}

/* ---- a recoverable writer and its tokens, cleaned up in one place ---- */

struct run {
	struct weir_fs *fs;
	struct named target;
	struct weir_fs_writer *w;
	struct weir_buf resume[3], commit;
};

static int put(struct run *r, const char *text, struct weir_error *err) { return weir_fs_writer_write(r->w, text, strlen(text), err); }

static int prepare(struct run *r, struct weir_error *err)
{
	struct weir_fs_writer *w = r->w;

	r->w = NULL;
	return weir_fs_writer_prepare(w, &r->commit, err);
}

/* As a process that dies: the stream is closed, nothing is flushed. */
static void die(struct run *r)
{
	weir_fs_writer_close(r->w);
	r->w = NULL;
}

static int recover(struct run *r, int which, struct weir_error *err)
{
	return weir_fs_writer_recover(r->fs, weir_buf_slice(&r->resume[which]), &r->w, err);
}

static int commit(struct run *r, struct weir_error *err) { return weir_fs_commit(r->fs, weir_buf_slice(&r->commit), err); }

static int with_writer(struct weir_fs *fs, const char *dir, int (*steps)(struct run *r, const char *dir, struct weir_error *err), struct weir_error *err)
{
	struct run r = { .fs = fs, .target = weir__named(dir, "result") };
	int rc = weir_fs_writer_open(fs, r.target.path, &r.w, err);

	if (!rc)
		rc = steps(&r, dir, err);
	weir_fs_writer_abort(r.w);
	for (size_t i = 0; i < sizeof(r.resume) / sizeof(r.resume[0]); i++)
		weir_buf_fini(&r.resume[i]);
	weir_buf_fini(&r.commit);
	return rc;
}

/* ---- the straight way ---- */

static int commit_steps(struct run *r, const char *dir, struct weir_error *err)
{
	TRY(put(r, "abc", err));
	WANT(weir_fs_writer_position(r->w) == 3, "position() is %llu after 3 bytes", (unsigned long long)weir_fs_writer_position(r->w));
	TRY(weir__want_absent(r->fs, r->target.path, err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[0], err));
	TRY(weir__want_absent(r->fs, r->target.path, err));
	TRY(put(r, "def", err));
	TRY(prepare(r, err));
	TRY(weir__want_absent(r->fs, r->target.path, err));
	TRY(commit(r, err));
	TRY(weir__want_text(r->fs, r->target.path, "abcdef", err));
	TRY(commit(r, err)); /* again, as after a crash */
	TRY(commit(r, err));
	TRY(weir__want_text(r->fs, r->target.path, "abcdef", err));
	TRY(weir_fs_discard(r->fs, weir_buf_slice(&r->commit), err)); /* too late, and harmless */
	TRY(weir__want_text(r->fs, r->target.path, "abcdef", err));
	return weir__want_entries(r->fs, dir, 1, err);
}

static int empty_steps(struct run *r, const char *dir, struct weir_error *err)
{
	TRY(prepare(r, err));
	TRY(commit(r, err));
	TRY(weir__want_text(r->fs, r->target.path, "", err));
	return weir__want_entries(r->fs, dir, 1, err);
}

static int check_commit(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, commit_steps, err); }
static int check_empty(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, empty_steps, err); }

static int abort_steps(struct run *r, const char *dir, struct weir_error *err)
{
	TRY(put(r, "abc", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[0], err));
	TRY(put(r, "def", err));
	weir_fs_writer_abort(r->w);
	r->w = NULL;
	TRY(weir__want_entries(r->fs, dir, 0, err));
	weir_fs_writer_abort(NULL);
	weir_fs_writer_close(NULL);
	TRY(weir_fs_writer_open(r->fs, r->target.path, &r->w, err));
	TRY(put(r, "xyz", err));
	TRY(prepare(r, err));
	TRY(weir_fs_discard(r->fs, weir_buf_slice(&r->commit), err));
	TRY(weir_fs_discard(r->fs, weir_buf_slice(&r->commit), err));
	TRY(weir__want_entries(r->fs, dir, 0, err));
	WANT_CODE(commit(r, err), WEIR_ENOTFOUND, "commit of what was discarded");
	TRY(weir_fs_writer_open(r->fs, r->target.path, &r->w, err));
	die(r); /* nothing was persisted: nothing is kept */
	return weir__want_entries(r->fs, dir, 0, err);
}

static int check_drop(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, abort_steps, err); }

/* ---- recovery ---- */

/* Persist after nothing, "abc", "abcdef"; lose "lost"; go back to each point, latest first. */
static int recover_steps(struct run *r, const char *dir, struct weir_error *err)
{
	static const char *const kept[3] = { "", "abc", "abcdef" };
	char want[32];

	TRY(weir_fs_writer_persist(r->w, &r->resume[0], err));
	TRY(put(r, "abc", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[1], err));
	TRY(put(r, "def", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[2], err));
	TRY(put(r, "lost", err));
	die(r);
	for (int which = 2; which >= 0; which--) {
		TRY(recover(r, which, err));
		WANT(weir_fs_writer_position(r->w) == strlen(kept[which]), "recover() to %zu bytes stands at %llu", strlen(kept[which]),
		     (unsigned long long)weir_fs_writer_position(r->w));
		TRY(put(r, "+lost", err));
		die(r);
	}
	TRY(recover(r, 0, err));
	TRY(put(r, "again", err));
	weir_buf_clear(&r->resume[1]);
	TRY(weir_fs_writer_persist(r->w, &r->resume[1], err));
	TRY(put(r, ", and more", err));
	die(r);
	TRY(recover(r, 1, err));
	TRY(put(r, "!", err));
	TRY(prepare(r, err));
	TRY(commit(r, err));
	snprintf(want, sizeof(want), "again!");
	TRY(weir__want_text(r->fs, r->target.path, want, err));
	return weir__want_entries(r->fs, dir, 1, err);
}

static int check_recover(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, recover_steps, err); }

/* What was cut off is gone also if nothing is written after the recovery. */
static int cut_steps(struct run *r, const char *dir, struct weir_error *err)
{
	(void)dir;
	TRY(put(r, "keep", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[0], err));
	TRY(put(r, "lost", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[1], err));
	die(r);
	TRY(recover(r, 0, err));
	TRY(prepare(r, err));
	TRY(commit(r, err));
	TRY(weir__want_text(r->fs, r->target.path, "keep", err));
	WANT_CODE(recover(r, 0, err), WEIR_ECORRUPT, "recover after the commit");
	return 0;
}

static int check_cut(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, cut_steps, err); }

static int short_steps(struct run *r, const char *dir, struct weir_error *err)
{
	(void)dir;
	TRY(put(r, "keep", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[0], err));
	TRY(put(r, "more", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[1], err));
	die(r);
	TRY(recover(r, 0, err));
	die(r);
	WANT_CODE(recover(r, 1, err), WEIR_ECORRUPT, "recover to 8 bytes of a file of 4");
	return 0;
}

static int check_short(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, short_steps, err); }

/* ---- commits that must be refused ---- */

static int existing_steps(struct run *r, const char *dir, struct weir_error *err)
{
	struct weir_fs_writer *second = NULL;
	int rc;

	TRY(put(r, "mine", err));
	TRY(prepare(r, err));
	TRY(weir__put_text(r->fs, r->target.path, "theirs!", err));
	WANT_CODE(commit(r, err), WEIR_EEXISTS, "commit onto another file");
	TRY(weir__want_text(r->fs, r->target.path, "theirs!", err));
	rc = weir_fs_writer_open(r->fs, r->target.path, &second, err);
	weir_fs_writer_abort(second);
	WANT_CODE(rc, WEIR_EEXISTS, "a writer for a result that is there");
	TRY(weir_fs_remove(r->fs, r->target.path, false, err));
	TRY(commit(r, err));
	TRY(weir__want_text(r->fs, r->target.path, "mine", err));
	TRY(weir__put_file(r->fs, r->target.path, WEIR_FS_OVERWRITE, "longer", 6, err));
	WANT_CODE(commit(r, err), WEIR_ECORRUPT, "commit whose target has another length");
	TRY(weir__want_text(r->fs, r->target.path, "longer", err));
	return weir__want_entries(r->fs, dir, 1, err);
}

static int check_existing(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, existing_steps, err); }

/* Every cut and every changed byte of a token. */
static int token_steps(struct run *r, const char *dir, struct weir_error *err)
{
	(void)dir;
	TRY(put(r, "abc", err));
	TRY(weir_fs_writer_persist(r->w, &r->resume[0], err));
	TRY(prepare(r, err));
	WANT_CODE(weir_fs_commit(r->fs, weir_buf_slice(&r->resume[0]), err), WEIR_EINVALID, "commit of a resume token");
	WANT_CODE(weir_fs_writer_recover(r->fs, weir_buf_slice(&r->commit), &r->w, err), WEIR_EINVALID, "recover of a commit token");
	for (size_t i = 0; i < r->commit.len; i++) {
		WANT_CODE(weir_fs_commit(r->fs, (struct weir_slice){ r->commit.data, i }, err), WEIR_ECORRUPT, "commit of a token cut short");
		r->commit.data[i] ^= 0x20;
		WANT_CODE(commit(r, err), WEIR_ECORRUPT, "commit of a damaged token");
		WANT_CODE(weir_fs_discard(r->fs, weir_buf_slice(&r->commit), err), WEIR_ECORRUPT, "discard of a damaged token");
		r->commit.data[i] ^= 0x20;
	}
	TRY(commit(r, err));
	return weir__want_text(r->fs, r->target.path, "abc", err);
}

static int check_tokens(struct weir_fs *fs, const char *dir, struct weir_error *err) { return with_writer(fs, dir, token_steps, err); }

/* Two writers of one target: one result, and the other is told. */
static int check_two_writers(struct weir_fs *fs, const char *dir, struct weir_error *err)
{
	struct weir_buf a = { 0 }, b = { 0 };
	struct weir_fs_writer *w = NULL;
	int rc = weir_fs_writer_open(fs, IN(dir, "new/part/result"), &w, err);

	if (!rc)
		rc = weir_fs_writer_write(w, "first", 5, err);
	if (!rc)
		rc = weir_fs_writer_prepare(w, &a, err);
	else
		weir_fs_writer_abort(w);
	if (!rc)
		rc = weir_fs_writer_open(fs, IN(dir, "new/part/result"), &w, err);
	if (!rc)
		rc = weir_fs_writer_prepare(w, &b, err);
	if (!rc)
		rc = weir_fs_commit(fs, weir_buf_slice(&a), err);
	if (!rc)
		rc = weir__want_code(weir_fs_commit(fs, weir_buf_slice(&b), err), WEIR_EEXISTS, "the second commit of one target", err);
	if (!rc)
		rc = weir__want_text(fs, IN(dir, "new/part/result"), "first", err);
	weir_buf_fini(&a);
	weir_buf_fini(&b);
	return rc;
}

const struct weir_fs_check weir__fs_checks_writer[] = {
	{ "FS-07.d", "publish replaces a whole file and leaves nothing else", WEIR_FS_ATOMIC_RENAME, check_publish },
	{ "FS-07.e", "publish works for names of 255 bytes", WEIR_FS_ATOMIC_RENAME, check_publish_long_name },
	{ "FS-13.a", "nothing is visible before commit; commit may be repeated", WEIR_FS_RECOVERABLE, check_commit },
	{ "FS-13.b", "an empty result is a result", WEIR_FS_RECOVERABLE, check_empty },
	{ "FS-13.c", "abort, discard and an unpersisted close leave nothing", WEIR_FS_RECOVERABLE, check_drop },
	{ "FS-13.d", "recovery goes back to any persisted point and on from there", WEIR_FS_RECOVERABLE, check_recover },
	{ "FS-13.e", "what a recovery cut off is not committed", WEIR_FS_RECOVERABLE, check_cut },
	{ "FS-13.f", "recovery past the end of the file is refused", WEIR_FS_RECOVERABLE, check_short },
	{ "FS-13.g", "commit never replaces another file", WEIR_FS_RECOVERABLE, check_existing },
	{ "FS-13.h", "damaged and foreign tokens are refused", WEIR_FS_RECOVERABLE, check_tokens },
	{ "FS-13.i", "of two writers of one target one commits", WEIR_FS_RECOVERABLE, check_two_writers },
	{ 0 },
};
