// SPDX-License-Identifier: Apache-2.0
/*
 * weir state verify. The checks are weir_view_verify's; here they become lines, and the neighbours of a damaged checkpoint are
 * searched for one to go on from.
 *
 * 1. Damage is a line when it is found. What is not understood is counted by operator, state and reason: one line each at the end.
 * 2. Entries that are there twice and keys out of order (duplicates.c) are damage; files that nothing refers to (leftovers.c) are notes.
 * 3. Of a root the newest complete checkpoint is read; damaged ones that are newer are damage, too. One that was never completed is passed over in silence.
 */
#include "statetool/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/order.h"
#include "base/text.h"
#include "base/vec.h"
#include "state/ckpt/store.h"
#include "statetool/duplicates.h"
#include "statetool/leftovers.h"

/* A state, or a handle, that is not understood. */
struct unread {
	const struct weir_operator_state *op;
	char *path, *state, *reason, *operator_, *kind;
	uint64_t count;
	int code;
};

struct verifying {
	struct weir_sink *sink;
	bool json, no_memory;
	uint64_t problems, entries, notes;
	struct weir_duplicates *duplicates;
	struct weir_error *err;
	WEIR_VEC(struct unread) unread;
};

/* What is not lost by it, or NULL. */
static const char *still_readable(const struct weir_problem *p)
{
	if (!p->op || !weir_problem_is_damage(p))
		return NULL;
	if (p->state && p->state[0])
		return "the other entries can be read";
	if (p->key_group >= 0)
		return "what is before it and the other key groups can be read";
	return "the other handles can be read";
}

void weir_problem_json(const struct weir_problem *p, struct weir_buf *b)
{
	bool first = true;

	weir_buf_u8(b, '{');
	weir_json_key(b, &first, "code");
	weir_json_text(b, weir_code_name(p->code));
	if (p->path && p->path[0]) {
		weir_json_key(b, &first, "path");
		weir_json_text(b, p->path);
	}
	if (p->offset != WEIR_NO_OFFSET) {
		weir_json_key(b, &first, "offset");
		weir_json_i64(b, (int64_t)p->offset);
	}
	if (p->operator_ && p->operator_[0]) {
		weir_json_key(b, &first, "operator");
		weir_json_text(b, p->operator_);
	}
	if (p->state && p->state[0]) {
		weir_json_key(b, &first, "state");
		weir_json_text(b, p->state);
	}
	if (p->bytes) {
		weir_json_key(b, &first, "bytes");
		weir_json_i64(b, (int64_t)p->bytes);
	}
	if (p->op && p->subtask >= 0) {
		weir_json_key(b, &first, "subtask");
		weir_json_i64(b, p->subtask);
	}
	if (p->op && p->key_group >= 0) {
		weir_json_key(b, &first, "keyGroup");
		weir_json_i64(b, p->key_group);
	}
	if (still_readable(p)) {
		weir_json_key(b, &first, "readable");
		weir_json_text(b, still_readable(p));
	}
	weir_json_key(b, &first, "text");
	weir_json_text(b, p->text ? p->text : weir_code_text(p->code));
	weir_buf_text(b, "}\n");
}

/* A path as it may be shown. */
static void put_path(struct weir_buf *b, const char *path)
{
	char text[4200];

	snprintf(text, sizeof(text), "%s", path);
	weir_text_visible(text, sizeof(text), false);
	weir_buf_text(b, text);
}

static void print_problem(struct verifying *x, const struct weir_problem *p, const char *head)
{
	struct weir_buf *b = &x->sink->buf;

	if (x->json) {
		weir_problem_json(p, b);
	} else {
		weir_buf_text(b, head);
		if (p->path && p->path[0]) {
			put_path(b, p->path);
			weir_buf_text(b, ": ");
		}
		if (p->offset != WEIR_NO_OFFSET)
			weir_buf_printf(b, "byte 0x%" PRIx64 ": ", p->offset);
		weir_buf_text(b, p->text ? p->text : weir_code_text(p->code));
		if (still_readable(p))
			weir_buf_printf(b, "; %s", still_readable(p));
		weir_buf_u8(b, '\n');
	}
	weir_sink_step(x->sink);
}

/* ---- what is not understood ---- */

static char *copy(struct verifying *x, const char *text)
{
	char *c = strdup(text ? text : "");

	x->no_memory |= !c;
	return c;
}

static void count_unread(struct verifying *x, const struct weir_problem *p)
{
	const char *state = p->state ? p->state : "", *reason = p->reason ? p->reason : p->text, *kind = p->kind ? p->kind : "";
	struct unread *u;

	for (size_t i = 0; i < x->unread.len; i++) {
		u = &x->unread.items[i];
		if (u->op == p->op && strcmp(u->state, state) == 0 && strcmp(u->kind, kind) == 0 && strcmp(u->reason, reason) == 0) {
			u->count++;
			return;
		}
	}
	u = weir_vec_push(&x->unread);
	if (!u) {
		x->no_memory = true;
		return;
	}
	*u = (struct unread){ .op = p->op, .path = copy(x, p->path), .state = copy(x, state), .reason = copy(x, reason), .operator_ = copy(x, p->operator_),
			      .kind = copy(x, kind), .count = 1, .code = p->code };
	if (x->no_memory)
		x->unread.len--;
}

/* Prints and frees them; how many operators they belong to. */
static uint64_t tell_unread(struct verifying *x)
{
	uint64_t operators = 0;

	for (size_t i = 0; i < x->unread.len; i++) {
		struct unread *u = &x->unread.items[i];
		struct weir_buf text = { 0 };
		struct weir_problem p = { .path = "", .offset = WEIR_NO_OFFSET, .operator_ = u->operator_, .state = u->state, .code = u->code, .op = u->op };
		bool first = true;

		for (size_t k = 0; k < i && first; k++)
			first = x->unread.items[k].op != u->op;
		operators += first;
		if (u->op)
			weir_buf_printf(&text, "operator %s, ", u->operator_);
		weir_buf_text(&text, u->kind);
		if (u->state[0])
			weir_buf_printf(&text, " state '%.100s', %" PRIu64 " %s", u->state, u->count, u->count == 1 ? "entry" : "entries");
		else if (u->count > 1)
			weir_buf_printf(&text, ", %" PRIu64 " times", u->count);
		weir_buf_printf(&text, ": %s", u->reason);
		p.text = weir_buf_cstr(&text);
		weir_text_visible((char *)text.data, text.len + 1, false);
		print_problem(x, &p, "not read: ");
		weir_buf_fini(&text);
	}
	for (size_t i = 0; i < x->unread.len; i++) {
		struct unread *u = &x->unread.items[i];

		free(u->path), free(u->state), free(u->reason), free(u->operator_), free(u->kind);
	}
	weir_vec_fini(&x->unread);
	return operators;
}

static void problem(void *arg, const struct weir_problem *p)
{
	struct verifying *x = arg;

	if (!weir_problem_is_damage(p)) {
		count_unread(x, p);
		return;
	}
	x->problems++;
	print_problem(x, p, "");
}

/* ---- neighbours ---- */
struct neighbours {
	WEIR_VEC(int64_t) ids;
};

static bool chk_number(const char *name, int64_t *out)
{
	char *end;

	if (strncmp(name, "chk-", 4) != 0)
		return false;
	*out = strtoll(name + 4, &end, 10);
	return end != name + 4 && *end == 0;
}

static int neighbour(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct neighbours *n = arg;
	int64_t id, *slot;

	(void)st;
	if (!chk_number(name, &id))
		return 0;
	slot = weir_vec_push(&n->ids);
	if (slot)
		*slot = id;
	return 0;
}

static bool complete(const char *uri)
{
	struct weir_ckpt *c = NULL;
	bool ok = weir_ckpt_open(uri, &c, NULL) == 0 && weir_ckpt_check_files(c, NULL) == 0;

	weir_ckpt_close(c);
	return ok;
}

char *weir_complete_beside(const char *dir)
{
	struct neighbours n = { { 0 } };
	struct weir_fs *fs;
	char *path = NULL, *slash, *found = NULL, *uri;
	int64_t self = -1;

	if (weir_fs_resolve(dir, &fs, &path, NULL))
		return NULL;
	slash = strrchr(path, '/');
	if (slash && strcmp(slash + 1, "_metadata") == 0) {
		*slash = 0;
		slash = strrchr(path, '/');
	}
	if (!slash || slash == path)
		goto out;
	chk_number(slash + 1, &self);
	*slash = 0;
	if (weir_fs_list(fs, path, neighbour, &n, NULL))
		goto out;
	if (n.ids.len)
		qsort(n.ids.items, n.ids.len, sizeof(int64_t), weir_order_i64_down);
	for (size_t i = 0; i < n.ids.len && !found; i++) {
		if (n.ids.items[i] == self || asprintf(&uri, "%s/chk-%" PRId64, path, n.ids.items[i]) < 0)
			continue;
		if (complete(uri))
			found = uri;
		else
			free(uri);
	}
out:
	weir_vec_fini(&n.ids);
	free(path);
	return found;
}

static int as_problem(struct verifying *x, const struct weir_error *e)
{
	struct weir_problem p = { .path = e->path, .offset = e->offset, .code = e->code, .text = e->msg };

	problem(x, &p);
	return 0;
}

/* ---- which checkpoint ---- */

static void passed_over(void *arg, const char *uri, const struct weir_error *why)
{
	char text[1100], reason[1024];
	struct weir_problem p = { .path = uri, .offset = WEIR_NO_OFFSET, .code = why->code, .text = text };

	if (weir_code_disposition(why->code) != WEIR_DAMAGED)
		return;
	snprintf(text, sizeof(text), "a newer checkpoint than the one that is complete, passed over: %s", weir_error_text(why, reason, sizeof(reason)));
	problem(arg, &p);
}

static bool is_directory(const char *uri)
{
	struct weir_fs *fs;
	struct weir_fs_stat st;
	char *path = NULL;
	bool yes = weir_fs_resolve(uri, &fs, &path, NULL) == 0 && weir_fs_stat(fs, path, &st, NULL) == 0 && st.type == WEIR_FS_DIRECTORY;

	free(path);
	return yes;
}

/* Open uri, or the newest complete checkpoint below it, telling what is newer and damaged. */
static int open_one(struct verifying *x, const char *uri, struct weir_ckpt **out, struct weir_error *err)
{
	char *newest = NULL;
	int rc = is_directory(uri) ? weir_store_newest(uri, &newest, passed_over, x, err) : 0;

	if (rc == 0)
		rc = weir_ckpt_open(newest ? newest : uri, out, err);
	free(newest);
	return rc;
}

/* ---- reading it all ---- */

static int entry(void *arg, const struct weir_entry *e, bool sound)
{
	struct verifying *x = arg;

	x->entries++;
	return sound ? weir_duplicates_add(x->duplicates, e, x->err) : 0;
}

static int leftover(void *arg, const char *path, uint64_t bytes)
{
	struct verifying *x = arg;
	struct weir_buf *b = &x->sink->buf;
	bool first = true;

	x->notes++;
	if (!x->json) {
		weir_buf_text(b, "note: ");
		put_path(b, path);
		weir_buf_printf(b, ": nothing in the checkpoint refers to this file of %" PRIu64 " bytes\n", bytes);
		return weir_sink_step(x->sink);
	}
	weir_buf_u8(b, '{');
	weir_json_key(b, &first, "note");
	weir_json_text(b, "leftover");
	weir_json_key(b, &first, "path");
	weir_json_text(b, path);
	weir_json_key(b, &first, "bytes");
	weir_json_i64(b, (int64_t)bytes);
	weir_buf_text(b, "}\n");
	return weir_sink_step(x->sink);
}

static int read_all(struct verifying *x, struct weir_view *v, const struct weir_verify_options *o, struct weir_error *err)
{
	struct weir_check check = { .problem = problem, .entry = entry, .arg = x };
	bool unknown = false;
	int rc = weir_duplicates_new(v, problem, x, &x->duplicates, err);

	x->err = err;
	if (rc == 0)
		rc = weir_view_check(v, &check, err);
	if (rc == 0)
		rc = weir_duplicates_end(x->duplicates, err);
	weir_duplicates_free(x->duplicates);
	if (rc == 0)
		rc = weir_leftovers(weir_view_ckpt(v), o->leftovers, leftover, x, &unknown, err);
	if (rc == 0 && unknown && !x->json)
		weir_buf_text(&x->sink->buf, "note: shared/ was not searched for leftovers: another checkpoint of the job cannot be read\n");
	return rc;
}

static void summary(struct verifying *x, const char *name, const struct weir_verify_result *r)
{
	struct weir_buf *b = &x->sink->buf;
	bool first = true;

	if (!x->json)
		return;
	weir_buf_u8(b, '{');
	weir_json_key(b, &first, "checkpoint");
	weir_json_text(b, name);
	weir_json_key(b, &first, "status");
	weir_json_text(b, r->problems ? "damaged" : r->unread ? "not understood" : "complete");
	weir_json_key(b, &first, "problems");
	weir_json_i64(b, (int64_t)r->problems);
	weir_json_key(b, &first, "operatorsNotRead");
	weir_json_i64(b, (int64_t)r->unread);
	weir_json_key(b, &first, "notes");
	weir_json_i64(b, (int64_t)x->notes);
	weir_json_key(b, &first, "entries");
	weir_json_i64(b, (int64_t)x->entries);
	if (r->complete) {
		weir_json_key(b, &first, "completeBeside");
		weir_json_text(b, r->complete);
	}
	weir_buf_text(b, "}\n");
}

int weir_state_verify(const char *uri, const struct weir_verify_options *o, struct weir_sink *sink, struct weir_verify_result *result, struct weir_error *err)
{
	struct verifying x = { .sink = sink, .json = o->json };
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;
	char *dir = NULL;
	uint64_t newer;
	bool opened;
	int rc;

	*result = (struct weir_verify_result){ 0 };
	rc = open_one(&x, uri, &c, &e);
	newer = x.problems;
	if (rc == 0) {
		dir = strdup(c->dir ? c->dir : uri);
		rc = weir_view_open(c, &v, &e);
		if (rc)
			weir_ckpt_close(c);
	} else {
		dir = strdup(uri);
	}
	opened = rc == 0;
	if (rc == 0)
		rc = read_all(&x, v, o, &e);
	result->unread = tell_unread(&x);
	weir_view_close(v);
	if (rc == WEIR_ENOTFOUND && newer)
		rc = 0; /* there are checkpoints, but none is whole: told above */
	else if (rc && weir_code_disposition(rc) == WEIR_DAMAGED)
		rc = as_problem(&x, &e);
	if (rc == 0 && x.no_memory)
		rc = weir_error_set(&e, WEIR_ENOMEM, "no memory to say what is not read");
	if (rc && err)
		*err = e;
	if (rc == 0 && x.problems && dir)
		result->complete = opened && x.problems == newer ? strdup(dir) : weir_complete_beside(dir);
	result->problems = x.problems;
	result->entries = x.entries;
	result->notes = x.notes;
	if (rc == 0)
		summary(&x, dir ? dir : uri, result);
	free(dir);
	return rc ? rc : weir_sink_step(sink);
}
