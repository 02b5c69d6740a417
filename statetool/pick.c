// SPDX-License-Identifier: Apache-2.0
/* Names of operators and states, both ways. Reads the model only; the one failure besides "not found" is state in a layout that is not read. */
#include "statetool/pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *weir_slice_text(struct weir_slice s, char *buf, size_t size)
{
	size_t n = 0;

	/* modified UTF-8 differs in NUL (c0 80) and in surrogate pairs (two 3-byte halves) */
	for (size_t i = 0; i < s.len && n + 5 < size; i++) {
		const uint8_t *p = s.ptr + i;

		if (s.len - i >= 6 && p[0] == 0xed && (p[1] & 0xf0) == 0xa0 && p[3] == 0xed && (p[4] & 0xf0) == 0xb0) {
			uint32_t hi = (p[1] & 0x0fu) << 6 | (p[2] & 0x3fu), lo = (p[4] & 0x0fu) << 6 | (p[5] & 0x3fu), c = 0x10000 + (hi << 10 | lo);

			buf[n++] = (char)(0xf0 | c >> 18);
			buf[n++] = (char)(0x80 | (c >> 12 & 0x3f));
			buf[n++] = (char)(0x80 | (c >> 6 & 0x3f));
			buf[n++] = (char)(0x80 | (c & 0x3f));
			i += 5;
		} else if (p[0] == 0xc0 && s.len - i >= 2) {
			buf[n++] = '?'; /* a NUL cannot be in C text */
			i++;
		} else {
			buf[n++] = (char)p[0];
		}
	}
	buf[n] = 0;
	return buf;
}

const char *weir_operator_uid(const struct weir_operator_state *op, const struct weir_uids *uids, char *buf, size_t size)
{
	if (op->uid.len)
		return weir_slice_text(op->uid, buf, size);
	for (size_t i = 0; uids && i < uids->count; i++) {
		struct weir_operator_id id = weir_operator_id_of_uid(uids->names[i]);

		if (memcmp(&id, &op->id, sizeof(id)) == 0) {
			snprintf(buf, size, "%s", uids->names[i]);
			return buf;
		}
	}
	return NULL;
}

const char *weir_operator_label(const struct weir_operator_state *op, const struct weir_uids *uids, char *buf, size_t size)
{
	char hex[33], name[512];

	if (weir_operator_uid(op, uids, buf, size))
		return buf;
	weir_operator_id_hex(&op->id, hex);
	if (op->name.len)
		snprintf(buf, size, "%s (%s)", weir_slice_text(op->name, name, sizeof(name)), hex);
	else
		snprintf(buf, size, "%s", hex);
	return buf;
}

/* How well a text names an operator. */
enum match { NO_MATCH, BEGINS, NAME, EXACT };

static bool begins(const char *whole, const char *text) { return strncmp(whole, text, strlen(text)) == 0; }

static enum match match_operator(const struct weir_operator_state *op, const struct weir_uids *uids, const char *text)
{
	struct weir_operator_id hashed = weir_operator_id_of_uid(text);
	char buf[512], hex[33];
	const char *uid = weir_operator_uid(op, uids, buf, sizeof(buf));
	enum match m = NO_MATCH;

	weir_operator_id_hex(&op->id, hex);
	if (strcasecmp(hex, text) == 0 || memcmp(&op->id, &hashed, sizeof(hashed)) == 0 || (uid && strcmp(uid, text) == 0))
		return EXACT;
	if (!text[0])
		return NO_MATCH;
	if ((uid && begins(uid, text)) || (strlen(text) >= 4 && strncasecmp(hex, text, strlen(text)) == 0))
		m = BEGINS;
	if (op->name.len && begins(weir_slice_text(op->name, buf, sizeof(buf)), text))
		m = strcmp(buf, text) == 0 ? NAME : BEGINS;
	return m;
}

/* The best match of at least `least`; *out_second is another that is as good. */
static enum match best_operator(const struct weir_ckpt *c, const struct weir_uids *uids, const char *text, enum match least, const struct weir_operator_state **out,
				uint32_t *out_count)
{
	enum match best = NO_MATCH;

	*out = NULL;
	*out_count = 0;
	for (uint32_t i = 0; i < c->noperators; i++) {
		enum match m = match_operator(&c->operators[i], uids, text);

		if (m < least || m < best || m == NO_MATCH)
			continue;
		if (m > best) {
			*out = &c->operators[i];
			*out_count = 0;
		}
		best = m;
		++*out_count;
	}
	return best;
}

/* The operators that match as well as `only` (NO_MATCH: all), for messages. */
static const char *operator_list(const struct weir_ckpt *c, const struct weir_uids *uids, const char *text, enum match only, char *list, size_t size)
{
	char buf[512], hex[33];
	size_t n = 0;

	list[0] = 0;
	for (uint32_t i = 0; i < c->noperators && n < size - 1; i++) {
		const struct weir_operator_state *op = &c->operators[i];
		bool named = op->uid.len || op->name.len;

		if (only && match_operator(op, uids, text) != only)
			continue;
		weir_operator_id_hex(&op->id, hex);
		n += (size_t)snprintf(list + n, size - n, "%s%s", n ? ", " : "", weir_operator_label(op, uids, buf, sizeof(buf)));
		if (only && named && op->uid.len && n < size - 1)
			n += (size_t)snprintf(list + n, size - n, " (%s)", hex);
	}
	if (n >= size - 1)
		memcpy(list + size - 4, "...", 4);
	return list;
}

int weir_pick_operator_of(const struct weir_ckpt *c, const struct weir_uids *uids, const char *text, const struct weir_operator_state **out, struct weir_error *err)
{
	const struct weir_operator_state *op;
	char list[400];
	uint32_t n;
	enum match m = best_operator(c, uids, text, BEGINS, &op, &n);

	if (m && (n == 1 || m == EXACT)) {
		*out = op;
		return 0;
	}
	if (m)
		return weir_error_at(err, WEIR_EINVALID, c->path, WEIR_NO_OFFSET, "'%s' may be any of %u operators: %s", text, n,
				     operator_list(c, uids, text, m, list, sizeof(list)));
	return weir_error_at(err, WEIR_ENOTFOUND, c->path, WEIR_NO_OFFSET, "there is no operator '%s' (neither as id, uid nor name); there are: %s", text,
			     operator_list(c, uids, text, NO_MATCH, list, sizeof(list)));
}

int weir_pick_operator(const struct weir_ckpt *c, const char *text, const struct weir_operator_state **out, struct weir_error *err)
{
	return weir_pick_operator_of(c, NULL, text, out, err);
}

static enum weir_keyed_kind keyed_kind(const struct weir_operator_state *op)
{
	for (uint32_t i = 0; i < op->nsubtasks; i++)
		if (op->subtasks[i].managed_keyed.kind != WEIR_KEYED_NONE)
			return op->subtasks[i].managed_keyed.kind;
	return WEIR_KEYED_NONE;
}

const char *weir_operator_layout(const struct weir_operator_state *op)
{
	switch (keyed_kind(op)) {
	case WEIR_KEYED_NONE: return "";
	case WEIR_KEYED_GROUPS_OLD: return "key groups";
	case WEIR_KEYED_SAVEPOINT: return "canonical";
	case WEIR_KEYED_GROUPS: return "native";
	case WEIR_KEYED_INCREMENTAL_OLD:
	case WEIR_KEYED_INCREMENTAL: return "RocksDB files";
	case WEIR_KEYED_CHANGELOG_OLD:
	case WEIR_KEYED_CHANGELOG:
	case WEIR_KEYED_CHANGES_INLINE:
	case WEIR_KEYED_CHANGES_FILES_OLD:
	case WEIR_KEYED_CHANGES_FILES: return "changelog";
	}
	return "unknown";
}

const char *weir_operator_unreadable(const struct weir_operator_state *op)
{
	return strcmp(weir_operator_layout(op), "unknown") ? NULL : "an unknown layout";
}

const char *weir_operator_not_streams(const struct weir_operator_state *op)
{
	switch (keyed_kind(op)) {
	case WEIR_KEYED_NONE:
	case WEIR_KEYED_GROUPS_OLD:
	case WEIR_KEYED_SAVEPOINT:
	case WEIR_KEYED_GROUPS: return NULL;
	case WEIR_KEYED_INCREMENTAL_OLD:
	case WEIR_KEYED_INCREMENTAL: return "files of RocksDB or ForSt";
	default: return "a changelog";
	}
}

bool weir_state_is_keyed(enum weir_state_kind k)
{
	return k <= WEIR_STATE_TIMER || k == WEIR_STATE_RAW_TIMER;
}

static int not_there(struct weir_view *v, const struct weir_operator_state *op, const char *name, struct weir_error *err)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	char label[512], list[400] = "";
	const char *last = NULL;
	size_t n = 0;

	for (uint32_t i = 0; i < c->noperators; i++) {
		const struct weir_operator_state *o = op ? op : &c->operators[i];
		const char *why = weir_operator_unreadable(o);

		if (why)
			return weir_error_at(err, WEIR_EUNSUPPORTED, c->path, WEIR_NO_OFFSET,
					     "the keyed state of operator %s is stored as %s, which this version does not read; a canonical savepoint of the job can be read",
					     weir_operator_label(o, NULL, label, sizeof(label)), why);
		if (op)
			break;
	}
	for (uint32_t i = 0; i < weir_view_nstates(v) && n < sizeof(list) - 1; i++) {
		const struct weir_state_info *s = weir_view_state(v, i);

		if ((op && s->op != op) || !s->name || !s->name[0] || (last && strcmp(last, s->name) == 0) || (weir_state_is_timer(s->kind) && name && name[0] != '_'))
			continue;
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", s->name);
		last = s->name;
	}
	return weir_error_at(err, WEIR_ENOTFOUND, c->path, WEIR_NO_OFFSET, "there is no state '%s'%s%s; there %s: %s%s", name ? name : "", op ? " in operator " : "",
			     op ? weir_operator_label(op, NULL, label, sizeof(label)) : "", n ? "are" : "is", n ? list : "none",
			     n >= sizeof(list) - 1 ? "..." : "");
}

int weir_pick_states(struct weir_view *v, const struct weir_operator_state *op, const char *name, weir_state_fn *fn, void *arg, struct weir_error *err)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < weir_view_nstates(v); i++) {
		const struct weir_state_info *s = weir_view_state(v, i);
		int rc;

		if ((op && s->op != op) || (name && strcmp(s->name ? s->name : "", name) != 0))
			continue;
		found++;
		rc = fn(arg, s);
		if (rc)
			return rc;
	}
	if (!found && (name || op))
		return not_there(v, op, name, err);
	return 0;
}

struct one {
	const struct weir_state_info *first, *second;
};

static int take_one(void *arg, const struct weir_state_info *s)
{
	struct one *o = arg;

	if (!weir_state_is_keyed(s->kind))
		return 0;
	if (!o->first)
		o->first = s;
	else if (!o->second)
		o->second = s;
	return 0;
}

int weir_pick_state(struct weir_view *v, const struct weir_operator_state *op, const char *name, const struct weir_state_info **out, struct weir_error *err)
{
	struct one o = { 0 };
	char a[256], b[256];
	int rc = weir_pick_states(v, op, name, take_one, &o, err);

	if (rc)
		return rc;
	if (!o.first)
		return weir_error_at(err, WEIR_EUNSUPPORTED, weir_view_ckpt(v)->path, WEIR_NO_OFFSET, "state '%s' is not keyed state: it has no keys to look up", name);
	if (o.second && o.second->op == o.first->op)
		return weir_error_set(err, WEIR_EINVALID, "operator %s has two states called '%s' (%s, %s)", weir_operator_label(o.first->op, NULL, a, sizeof(a)), name,
				      weir_state_kind_name(o.first->kind), weir_state_kind_name(o.second->kind));
	if (o.second)
		return weir_error_set(err, WEIR_EINVALID, "state '%s' is in operator %s and in operator %s; say which with --operator", name,
				      weir_operator_label(o.first->op, NULL, a, sizeof(a)), weir_operator_label(o.second->op, NULL, b, sizeof(b)));
	*out = o.first;
	return 0;
}

static bool has_state(const struct weir_view *v, const struct weir_operator_state *op, const char *name)
{
	for (uint32_t i = 0; i < weir_view_nstates(v); i++) {
		const struct weir_state_info *s = weir_view_state(v, i);

		if ((!op || s->op == op) && s->name && strcmp(s->name, name) == 0)
			return true;
	}
	return false;
}

/* OP/STATE at each slash. 0 with *op set; or the error of the best attempt; WEIR_ENOTFOUND without a message when no part before a slash is an operator. */
static int split_target(struct weir_view *v, const struct weir_uids *uids, const char *text, const struct weir_operator_state **op, const char **state,
			struct weir_error *err)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	const struct weir_operator_state *near = NULL;
	const char *rest = NULL;

	for (const char *slash = strchr(text, '/'); slash; slash = strchr(slash + 1, '/')) {
		const struct weir_operator_state *found;
		char *head = strndup(text, (size_t)(slash - text));
		uint32_t n = 0;
		enum match m = head ? best_operator(c, uids, head, BEGINS, &found, &n) : NO_MATCH;

		free(head);
		if (!head)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
		if (!m)
			continue;
		if (n > 1 && m != EXACT)
			return WEIR_EINVALID;
		near = found;
		rest = slash + 1;
		if (!rest[0] || has_state(v, found, rest)) {
			*op = found;
			*state = rest[0] ? rest : NULL;
			return 0;
		}
	}
	return near ? not_there(v, near, rest, err) : WEIR_ENOTFOUND;
}

int weir_pick_target(struct weir_view *v, const struct weir_uids *uids, const char *text, const struct weir_operator_state **op, const char **state, struct weir_error *err)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	const struct weir_operator_state *found;
	struct weir_error why = WEIR_ERROR_INIT;
	uint32_t n;
	enum match m;
	int rc;

	if (*op) { /* the operator was told: this is a state of it */
		*state = text;
		return 0;
	}
	m = best_operator(c, uids, text, NAME, &found, &n);
	if (m && (n == 1 || m == EXACT)) {
		*op = found;
		*state = NULL;
		return 0;
	}
	if (!m && text[0] && has_state(v, NULL, text)) {
		*state = text;
		return 0;
	}
	rc = m ? WEIR_ENOTFOUND : split_target(v, uids, text, op, state, &why);
	if (rc == 0)
		return 0;
	if (why.code) {
		if (err && err->code == 0)
			*err = why;
		return rc;
	}
	if (rc == WEIR_EINVALID) { /* the part before a slash is ambiguous */
		char head[256];

		snprintf(head, sizeof(head), "%.*s", (int)strcspn(text, "/"), text);
		return weir_pick_operator_of(c, uids, head, op, err);
	}
	if (!m && best_operator(c, uids, text, BEGINS, &found, &n) == NO_MATCH)
		return not_there(v, NULL, text, err);
	*state = NULL;
	return weir_pick_operator_of(c, uids, text, op, err);
}
