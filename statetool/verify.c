// SPDX-License-Identifier: Apache-2.0
/*
 * weir state verify. The checks are weir_view_verify's; here they become lines, and the neighbours of a damaged checkpoint are
 * searched for one to go on from.
 */
#include "statetool/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/order.h"
#include "base/vec.h"

struct verifying {
	struct weir_sink *sink;
	bool json;
	uint64_t problems, unread;
	const struct weir_operator_state *last_unread;
};

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
	weir_json_key(b, &first, "text");
	weir_json_text(b, p->text ? p->text : weir_code_text(p->code));
	weir_buf_text(b, "}\n");
}

static void problem(void *arg, const struct weir_problem *p)
{
	struct verifying *x = arg;
	struct weir_buf *b = &x->sink->buf;

	if (p->code == WEIR_EUNSUPPORTED && p->op) { /* not damage; one line an operator is enough */
		if (x->last_unread == p->op)
			return;
		x->last_unread = p->op;
		x->unread++;
	} else {
		x->problems++;
	}
	if (x->json) {
		weir_problem_json(p, b);
	} else {
		if (p->path && p->path[0])
			weir_buf_printf(b, "%s: ", p->path);
		if (p->offset != WEIR_NO_OFFSET)
			weir_buf_printf(b, "byte 0x%" PRIx64 ": ", p->offset);
		weir_buf_printf(b, "%s\n", p->text ? p->text : weir_code_text(p->code));
	}
	weir_sink_step(x->sink);
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

int weir_state_verify(const char *uri, bool json, struct weir_sink *sink, struct weir_verify_result *result, struct weir_error *err)
{
	struct verifying x = { .sink = sink, .json = json };
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;
	char *dir = NULL;
	int rc;

	*result = (struct weir_verify_result){ 0 };
	rc = weir_ckpt_open(uri, &c, &e);
	if (rc == 0) {
		dir = strdup(c->dir ? c->dir : uri);
		rc = weir_view_open(c, &v, &e);
		if (rc)
			weir_ckpt_close(c);
	} else {
		dir = strdup(uri);
	}
	if (rc == 0)
		rc = weir_view_verify(v, problem, &x, &e);
	weir_view_close(v);
	if (rc && weir_code_disposition(rc) == WEIR_DAMAGED)
		rc = as_problem(&x, &e);
	if (rc && err)
		*err = e;
	if (rc == 0 && x.problems && dir)
		result->complete = weir_complete_beside(dir);
	result->problems = x.problems;
	result->unread = x.unread;
	free(dir);
	return rc ? rc : weir_sink_step(sink);
}
