// SPDX-License-Identifier: Apache-2.0
/*
 * The tree: which kinds of nodes there are (kinds), what each directory holds (rows), and how names become nodes.
 *
 * 1. A row is one entry of a directory, or many: then it has functions to count, number and find them.
 * 2. The children of a directory are its rows in order; child number i is stable for a snapshot, so a reader may seek.
 * 3. Rows without `count` are found by name only (get/, uids nobody listed).
 * Locks: facts_lock while a state is counted; error_lock for the list of errors.
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

typedef int count_fn(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err);
typedef int nth_fn(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err);
typedef int find_fn(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err);

struct row {
	enum weir_inode_kind parent, kind;
	const char *name; /* of a single entry */
	count_fn *count;  /* a single entry: 0 or 1; NULL = 1 */
	nth_fn *nth;      /* many */
	find_fn *find;    /* many; NULL: compare with every name */
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
};

enum weir_shape weir_tree_shape(uint64_t ino)
{
	struct weir_inode n = weir_inode_unpack(ino);

	return n.kind < NODE_KINDS ? (enum weir_shape)shapes[n.kind] : WEIR_SHAPE_FILE;
}

/* ---- where a node lives ---- */
bool weir__inode_is_state(enum weir_inode_kind k)
{
	return k >= NODE_STATE || k == NODE_TIMER || k == NODE_SERVICE || k == NODE_OPER_STATE || k == NODE_MODE || k == NODE_BROADCAST;
}

static bool is_operator(enum weir_inode_kind k)
{
	return (k >= NODE_OPERATOR && !weir__inode_is_state(k)) || k == NODE_UID_LINK || k == NODE_NAME_LINK;
}

int weir__place_of(struct weir_tree *t, struct weir_inode n, struct weir__place *out, struct weir_error *err)
{
	struct weir__place p = { 0 };
	int rc;

	if (n.kind >= NODE_KINDS)
		return WEIR_ENOTFOUND;
	p.snap = weir_source_slot(t->src, n.snapshot);
	if (!p.snap)
		return WEIR_ENOTFOUND;
	rc = weir_snapshot_view(p.snap, &p.view, err);
	if (rc)
		return rc;
	p.ckpt = weir_view_ckpt(p.view);
	if (weir__inode_is_state(n.kind)) {
		if (n.slot >= weir_view_nstates(p.view))
			return WEIR_ENOTFOUND;
		p.state = weir_view_state(p.view, n.slot);
		p.op = p.state->op;
	} else if (is_operator(n.kind)) {
		if (n.slot >= p.ckpt->noperators)
			return WEIR_ENOTFOUND;
		p.op = &p.ckpt->operators[n.slot];
	}
	*out = p;
	return 0;
}

bool weir__is_small(struct weir_tree *t, const struct weir__place *p)
{
	uint64_t sum = 0;

	if (p->op)
		return weir_operator_bytes(p->op) <= t->exact_bytes;
	for (uint32_t i = 0; i < p->ckpt->noperators; i++)
		sum += weir_operator_bytes(&p->ckpt->operators[i]);
	return sum <= t->exact_bytes;
}

/* ---- snapshots ---- */
static bool listed(const struct weir_snapshot *s, bool complete) { return !s->gone && __atomic_load_n(&s->complete, __ATOMIC_ACQUIRE) == complete; }

static int snapshots_count(struct weir_tree *t, bool complete, uint64_t *out)
{
	*out = 0;
	for (uint32_t i = 0; i < weir_source_count(t->src); i++)
		*out += listed(weir_source_slot(t->src, i), complete);
	return 0;
}

static int snapshots_nth(struct weir_tree *t, bool complete, uint64_t i, struct weir_inode *out, struct weir_buf *name)
{
	for (uint32_t k = 0; k < weir_source_count(t->src); k++) {
		const struct weir_snapshot *s = weir_source_slot(t->src, k);

		if (!listed(s, complete) || i--)
			continue;
		out->snapshot = k;
		weir_name_encode((struct weir_slice){ (const uint8_t *)s->name, strlen(s->name) }, name);
		return 0;
	}
	return WEIR_ENOTFOUND;
}

static int complete_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	(void)dir, (void)err;
	return snapshots_count(t, true, out);
}

static int complete_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	(void)dir, (void)err;
	return snapshots_nth(t, true, i, out, name);
}

static int incomplete_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	(void)dir, (void)err;
	return snapshots_count(t, false, out);
}

static int incomplete_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	int rc = snapshots_nth(t, false, i, out, name);

	(void)dir, (void)err;
	weir_buf_text(name, ".txt");
	return rc;
}

static int latest_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	(void)dir, (void)err;
	*out = weir_source_latest(t->src) >= 0;
	return 0;
}

/* ---- operators ---- */
static int operators_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir__place p;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		*out = p.ckpt->noperators < WEIR_SLOTS_MAX ? p.ckpt->noperators : WEIR_SLOTS_MAX;
	return rc;
}

static int operators_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	struct weir__place p;
	char hex[33];
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	weir_operator_id_hex(&p.ckpt->operators[i].id, hex);
	weir_buf_text(name, hex);
	out->slot = (uint32_t)i;
	return 0;
}

/* The i-th operator with a name that `text` gives; *out_seen: how many of them there are if i is beyond. */
typedef const char *text_fn(struct weir_tree *t, const struct weir_operator_state *op, char *buf, size_t size);

static const char *uid_text(struct weir_tree *t, const struct weir_operator_state *op, char *buf, size_t size)
{
	return weir_operator_uid(op, &t->uids, buf, size);
}

static const char *name_text(struct weir_tree *t, const struct weir_operator_state *op, char *buf, size_t size)
{
	(void)t;
	return op->name.len ? weir_slice_text(op->name, buf, size) : NULL;
}

static int named_nth(struct weir_tree *t, const struct weir_ckpt *c, text_fn *text, uint64_t i, uint32_t *out_slot, char *buf, size_t size, uint64_t *out_seen)
{
	uint64_t seen = 0;

	for (uint32_t k = 0; k < c->noperators && k < WEIR_SLOTS_MAX; k++)
		if (text(t, &c->operators[k], buf, size) && seen++ == i) {
			*out_slot = k;
			return 0;
		}
	if (out_seen)
		*out_seen = seen;
	return WEIR_ENOTFOUND;
}

static int named_count(struct weir_tree *t, struct weir_inode dir, text_fn *text, uint64_t *out, struct weir_error *err)
{
	struct weir__place p;
	char buf[1024];
	uint32_t slot;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0 && named_nth(t, p.ckpt, text, UINT64_MAX, &slot, buf, sizeof(buf), out) == 0)
		*out = 0;
	return rc;
}

static void put_name(const char *text, struct weir_buf *name)
{
	struct weir_slice s = { (const uint8_t *)text, strlen(text) };
	uint8_t hash[16];
	size_t from = name->len;

	weir_name_encode(s, name);
	weir_leaf_hash(s, (struct weir_slice){ 0 }, hash);
	weir_name_shorten(name, from, 240, hash, false);
}

static int uids_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err) { return named_count(t, dir, uid_text, out, err); }

static int uids_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	struct weir__place p;
	char buf[1024];
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		rc = named_nth(t, p.ckpt, uid_text, i, &out->slot, buf, sizeof(buf), NULL);
	if (rc == 0)
		put_name(buf, name);
	return rc;
}

/* Any name at all: its hash is the operator's id, if there is such an operator. */
static int uids_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_buf uid = { 0 };
	struct weir_operator_id id;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	rc = WEIR_ENOTFOUND;
	if (weir_name_decode(name, strlen(name), &uid)) {
		id = weir_operator_id_of_uid(weir_buf_cstr(&uid));
		for (uint32_t i = 0; i < p.ckpt->noperators && i < WEIR_SLOTS_MAX && rc; i++)
			if (memcmp(&p.ckpt->operators[i].id, &id, sizeof(id)) == 0) {
				out->slot = i;
				rc = 0;
			}
	}
	weir_buf_fini(&uid);
	return rc;
}

static int names_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err) { return named_count(t, dir, name_text, out, err); }

static int names_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	struct weir__place p;
	char buf[1024], other[1024];
	uint32_t same = 1;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		rc = named_nth(t, p.ckpt, name_text, i, &out->slot, buf, sizeof(buf), NULL);
	if (rc)
		return rc;
	for (uint32_t k = 0; k < out->slot; k++)
		same += name_text(t, &p.ckpt->operators[k], other, sizeof(other)) && strcmp(buf, other) == 0;
	put_name(buf, name);
	if (same > 1)
		weir_buf_printf(name, "~%u", same);
	return 0;
}

static int has_uid(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir__place p;
	char buf[1024];
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		*out = uid_text(t, p.op, buf, sizeof(buf)) != NULL;
	return rc;
}

static int has_name(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir__place p;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		*out = p.op->name.len > 0;
	return rc;
}

/* ---- states of an operator, by what they are ---- */
static bool is_plain_keyed(const struct weir_state_info *s) { return s->kind < WEIR_STATE_TIMER; }
static bool is_timer(const struct weir_state_info *s) { return s->kind == WEIR_STATE_TIMER; }
static bool is_oper(const struct weir_state_info *s) { return s->kind == WEIR_STATE_OPERATOR_LIST || s->kind == WEIR_STATE_OPERATOR_UNION; }
static bool is_broadcast(const struct weir_state_info *s) { return s->kind == WEIR_STATE_BROADCAST; }
static bool is_keyed(const struct weir_state_info *s) { return weir_state_is_keyed(s->kind); }
typedef bool state_test(const struct weir_state_info *s);

/* The i-th state that passes, as a slot; else WEIR_ENOTFOUND with *out_seen. */
static int state_nth(const struct weir__place *p, state_test *test, uint64_t i, uint32_t *out_slot, uint64_t *out_seen)
{
	uint64_t seen = 0;

	for (uint32_t k = 0; k < weir_view_nstates(p->view) && k < WEIR_SLOTS_MAX; k++) {
		const struct weir_state_info *s = weir_view_state(p->view, k);

		if (s->op == p->op && test(s) && seen++ == i) {
			*out_slot = k;
			return 0;
		}
	}
	if (out_seen)
		*out_seen = seen;
	return WEIR_ENOTFOUND;
}

static int count_states(struct weir_tree *t, struct weir_inode dir, state_test *test, uint64_t *out, struct weir_error *err)
{
	struct weir__place p;
	uint32_t slot;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0 && state_nth(&p, test, UINT64_MAX, &slot, out) == 0)
		*out = 0;
	return rc;
}

static int nth_state(struct weir_tree *t, struct weir_inode dir, state_test *test, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	struct weir__place p;
	const struct weir_state_info *s;
	uint32_t same = 1;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc == 0)
		rc = state_nth(&p, test, i, &out->slot, NULL);
	if (rc)
		return rc;
	s = weir_view_state(p.view, out->slot);
	for (uint32_t k = 0; k < out->slot; k++) { /* the same name with another type */
		const struct weir_state_info *o = weir_view_state(p.view, k);

		same += o->op == p.op && test(o) && strcmp(o->name, s->name) == 0;
	}
	put_name(s->name, name);
	if (same > 1)
		weir_buf_printf(name, "~%u", same);
	return 0;
}

#define STATES(prefix, test)                                                                                                                      \
	static int prefix##_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)                               \
	{                                                                                                                                         \
		return count_states(t, dir, test, out, err);                                                                                      \
	}                                                                                                                                         \
	static int prefix##_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err) \
	{                                                                                                                                         \
		return nth_state(t, dir, test, i, out, name, err);                                                                                \
	}
STATES(keyed, is_plain_keyed)
STATES(oper, is_oper)
STATES(broadcast, is_broadcast)

#define PRESENT(prefix, test)                                                                                       \
	static int prefix(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)         \
	{                                                                                                           \
		int rc = count_states(t, dir, test, out, err);                                                      \
															    \
		*out = rc == 0 && *out > 0;                                                                         \
		return rc;                                                                                          \
	}
PRESENT(any_keyed, is_keyed)
PRESENT(any_timer, is_timer)
PRESENT(any_oper, is_oper)
PRESENT(any_broadcast, is_broadcast)

/* ---- timers: _timer_state/event_SERVICE and _timer_state/processing_SERVICE ---- */
static const char *timer_service(const struct weir_state_info *s, const char **out_domain)
{
	static const char head[] = "_timer_state/";

	if (strncmp(s->name, head, sizeof(head) - 1) == 0) {
		const char *rest = s->name + sizeof(head) - 1;

		if (strncmp(rest, "event_", 6) == 0) {
			*out_domain = "event";
			return rest + 6;
		}
		if (strncmp(rest, "processing_", 11) == 0) {
			*out_domain = "processing";
			return rest + 11;
		}
	}
	*out_domain = "queue";
	return s->name;
}

static bool first_of_service(const struct weir__place *p, uint32_t slot)
{
	const char *domain, *service = timer_service(weir_view_state(p->view, slot), &domain);

	for (uint32_t k = 0; k < slot; k++) {
		const struct weir_state_info *s = weir_view_state(p->view, k);

		if (s->op == p->op && is_timer(s) && strcmp(timer_service(s, &domain), service) == 0)
			return false;
	}
	return true;
}

static int services(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n, struct weir_error *err)
{
	struct weir__place p;
	const char *domain;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (uint32_t k = 0; k < weir_view_nstates(p.view) && k < WEIR_SLOTS_MAX; k++) {
		const struct weir_state_info *s = weir_view_state(p.view, k);

		if (s->op != p.op || !is_timer(s) || !first_of_service(&p, k) || seen++ != i)
			continue;
		out->slot = k;
		put_name(timer_service(s, &domain), name);
		return 0;
	}
	if (out_n)
		*out_n = seen;
	return out_n ? 0 : WEIR_ENOTFOUND;
}

static int services_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir_inode n = { 0 };

	return services(t, dir, UINT64_MAX, &n, NULL, out, err);
}

static int services_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	return services(t, dir, i, out, name, NULL, err);
}

static int domains(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n, struct weir_error *err)
{
	struct weir__place p;
	const char *domain, *service;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	service = timer_service(p.state, &domain);
	for (uint32_t k = 0; k < weir_view_nstates(p.view) && k < WEIR_SLOTS_MAX; k++) {
		const struct weir_state_info *s = weir_view_state(p.view, k);

		if (s->op != p.op || !is_timer(s) || strcmp(timer_service(s, &domain), service) != 0 || seen++ != i)
			continue;
		out->slot = k;
		weir_buf_text(name, domain);
		return 0;
	}
	if (out_n)
		*out_n = seen;
	return out_n ? 0 : WEIR_ENOTFOUND;
}

static int domains_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir_inode n = { 0 };

	return domains(t, dir, UINT64_MAX, &n, NULL, out, err);
}

static int domains_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	return domains(t, dir, i, out, name, NULL, err);
}

/* ---- key groups, shards, leaves ---- */
static int groups_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir_facts *f;
	int rc = weir__facts(t, dir, &f, err);

	if (rc == 0)
		*out = f->nfull;
	return rc;
}

static int groups_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	struct weir_facts *f;
	int rc = weir__facts(t, dir, &f, err);

	if (rc)
		return rc;
	out->group = f->full[i];
	weir_buf_printf(name, "%05u", out->group);
	return 0;
}

static int groups_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	struct weir_facts *f;
	int rc;

	if (strlen(name) != 5 || strspn(name, "0123456789") != 5)
		return WEIR_ENOTFOUND;
	out->group = (uint32_t)strtoul(name, NULL, 10);
	rc = weir__facts(t, dir, &f, err);
	if (rc)
		return rc;
	return out->group < f->ngroups && f->groups[out->group] ? 0 : WEIR_ENOTFOUND;
}

static int get_index(struct weir_tree *t, struct weir_inode n, const struct weir_index **out, struct weir__place *p, struct weir_error *err)
{
	int rc = weir__place_of(t, n, p, err);

	return rc ? rc : weir_index_get(t->cache, n.snapshot, p->view, n.slot, n.group, out, err);
}

/* Is this directory divided further? Its shards have this level then. */
static uint32_t next_level(struct weir_inode dir, const struct weir_index *x)
{
	uint32_t level = dir.kind == NODE_SHARD ? dir.rank >> 16 : 0;

	return level < x->depth ? level + 1 : 0;
}

/* The i-th non-empty shard; UINT64_MAX only counts. */
static int shards(const struct weir_index *x, struct weir_inode dir, uint32_t level, uint64_t i, uint32_t *out_bits, uint64_t *out_n)
{
	uint32_t base = level == 2 ? (dir.rank & 0xff) << 8 : 0, lo, hi;
	uint64_t seen = 0;

	for (uint32_t b = 0; b < 256; b++) {
		weir__shard_range(x, level, base | b, &lo, &hi);
		if (lo < hi && seen++ == i) {
			*out_bits = base | b;
			return 0;
		}
	}
	if (out_n)
		*out_n = seen;
	return WEIR_ENOTFOUND;
}

static int shards_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	uint32_t bits, level;
	int rc = get_index(t, dir, &x, &p, err);

	if (rc)
		return rc;
	level = next_level(dir, x);
	*out = 0;
	if (level && shards(x, dir, level, UINT64_MAX, &bits, out) == 0)
		*out = 0;
	weir_index_put(t->cache, x);
	return 0;
}

static int shards_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	uint32_t bits = 0, level;
	int rc = get_index(t, dir, &x, &p, err);

	if (rc)
		return rc;
	level = next_level(dir, x);
	rc = level ? shards(x, dir, level, i, &bits, NULL) : WEIR_ENOTFOUND;
	out->rank = level << 16 | bits;
	weir_buf_printf(name, "%02x", bits & 0xff);
	weir_index_put(t->cache, x);
	return rc;
}

static int leaves_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	uint32_t lo = 0, hi;
	int rc = get_index(t, dir, &x, &p, err);

	if (rc)
		return rc;
	hi = x->nleaves;
	if (next_level(dir, x))
		hi = 0;
	else if (dir.kind == NODE_SHARD)
		weir__shard_range(x, dir.rank >> 16, dir.rank & 0xffff, &lo, &hi);
	*out = hi - lo;
	weir_index_put(t->cache, x);
	return 0;
}

static int leaves_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	uint32_t lo = 0, hi;
	int rc = get_index(t, dir, &x, &p, err);

	if (rc)
		return rc;
	if (dir.kind == NODE_SHARD)
		weir__shard_range(x, dir.rank >> 16, dir.rank & 0xffff, &lo, &hi);
	out->rank = x->by_hash ? x->by_hash[lo + i] : (uint32_t)i;
	weir__leaf_name(p.state, x, out->rank, name);
	weir_buf_text(name, ".json");
	weir_index_put(t->cache, x);
	return 0;
}

static int leaves_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	return weir__leaf_find(t, dir, (int32_t)dir.group, name, out, err);
}

static int get_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	return weir__leaf_find(t, dir, -1, name, out, err);
}

/* ---- raw files ---- */
static int raw_nth_in(struct weir_tree *t, struct weir_inode dir, enum weir_file_place place, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		      struct weir_error *err)
{
	struct weir__place p;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (uint32_t k = 0; k < p.snap->nfiles; k++) {
		const struct weir_raw_file *f = &p.snap->files[k];

		if (f->place != place || seen++ != i)
			continue;
		out->rank = k;
		put_name(f->name ? f->name : f->uri, name);
		return 0;
	}
	if (out_n)
		*out_n = seen;
	return out_n ? 0 : WEIR_ENOTFOUND;
}

static int raw_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir_inode n = { 0 };

	return raw_nth_in(t, dir, dir.kind == NODE_RAW ? WEIR_PLACE_HERE : (enum weir_file_place)dir.rank, UINT64_MAX, &n, NULL, out, err);
}

static int raw_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	return raw_nth_in(t, dir, dir.kind == NODE_RAW ? WEIR_PLACE_HERE : (enum weir_file_place)dir.rank, i, out, name, NULL, err);
}

static int raw_dirs(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n, struct weir_error *err)
{
	static const char *const names[] = { NULL, "shared", "taskowned", "abs" };
	struct weir_inode n = { 0 };
	uint64_t seen = 0, files = 0;

	for (uint32_t place = WEIR_PLACE_SHARED; place <= WEIR_PLACE_ABSOLUTE; place++) {
		int rc = raw_nth_in(t, dir, (enum weir_file_place)place, UINT64_MAX, &n, NULL, &files, err);

		if (rc)
			return rc;
		if (!files || seen++ != i)
			continue;
		out->rank = place;
		weir_buf_text(name, names[place]);
		return 0;
	}
	if (out_n)
		*out_n = seen;
	return out_n ? 0 : WEIR_ENOTFOUND;
}

static int raw_dirs_count(struct weir_tree *t, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	struct weir_inode n = { 0 };

	return raw_dirs(t, dir, UINT64_MAX, &n, NULL, out, err);
}

static int raw_dirs_nth(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, struct weir_error *err)
{
	return raw_dirs(t, dir, i, out, name, NULL, err);
}

/* ---- the table ---- */
static const struct row rows[] = {
	{ NODE_ROOT, NODE_README, "README", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_LATEST, "latest", latest_count, NULL, NULL },
	{ NODE_ROOT, NODE_CHECKPOINTS, "checkpoints", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_INCOMPLETE, "incomplete", NULL, NULL, NULL },
	{ NODE_ROOT, NODE_CONTROL, ".weir", NULL, NULL, NULL },
	{ NODE_CONTROL, NODE_STATUS, "status.json", NULL, NULL, NULL },
	{ NODE_CONTROL, NODE_ERRORS, "errors.jsonl", NULL, NULL, NULL },
	{ NODE_CONTROL, NODE_SCHEMA_VERSION, "schema-version", NULL, NULL, NULL },
	{ NODE_CHECKPOINTS, NODE_SNAPSHOT, NULL, complete_count, complete_nth, NULL },
	{ NODE_INCOMPLETE, NODE_INCOMPLETE_FILE, NULL, incomplete_count, incomplete_nth, NULL },

	{ NODE_SNAPSHOT, NODE_METADATA, "metadata.json", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_SUMMARY, "summary.txt", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_FILES, "files.tsv", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_PROBLEMS, "problems.jsonl", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_RAW, "raw", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_OPERATORS, "operators", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_BY_UID, "by-uid", NULL, NULL, NULL },
	{ NODE_SNAPSHOT, NODE_BY_NAME, "by-name", NULL, NULL, NULL },
	{ NODE_RAW, NODE_RAW_DIR, NULL, raw_dirs_count, raw_dirs_nth, NULL },
	{ NODE_RAW, NODE_RAW_FILE, NULL, raw_count, raw_nth, NULL },
	{ NODE_RAW_DIR, NODE_RAW_FILE, NULL, raw_count, raw_nth, NULL },
	{ NODE_OPERATORS, NODE_OPERATOR, NULL, operators_count, operators_nth, NULL },
	{ NODE_BY_UID, NODE_UID_LINK, NULL, uids_count, uids_nth, uids_find },
	{ NODE_BY_NAME, NODE_NAME_LINK, NULL, names_count, names_nth, NULL },

	{ NODE_OPERATOR, NODE_INFO, "info.json", NULL, NULL, NULL },
	{ NODE_OPERATOR, NODE_UID, "uid", has_uid, NULL, NULL },
	{ NODE_OPERATOR, NODE_NAME, "name", has_name, NULL, NULL },
	{ NODE_OPERATOR, NODE_MAX_PARALLELISM, "max-parallelism", NULL, NULL, NULL },
	{ NODE_OPERATOR, NODE_KEYED, "keyed", any_keyed, NULL, NULL },
	{ NODE_OPERATOR, NODE_TIMERS, "timers", any_timer, NULL, NULL },
	{ NODE_OPERATOR, NODE_OPER, "operator", any_oper, NULL, NULL },
	{ NODE_OPERATOR, NODE_BROADCASTS, "broadcast", any_broadcast, NULL, NULL },
	{ NODE_KEYED, NODE_KEYED_META, "meta.json", NULL, NULL, NULL },
	{ NODE_KEYED, NODE_STATES, "states", NULL, NULL, NULL },
	{ NODE_STATES, NODE_STATE, NULL, keyed_count, keyed_nth, NULL },
	{ NODE_TIMERS, NODE_SERVICE, NULL, services_count, services_nth, NULL },
	{ NODE_SERVICE, NODE_TIMER, NULL, domains_count, domains_nth, NULL },
	{ NODE_OPER, NODE_OPER_STATE, NULL, oper_count, oper_nth, NULL },
	{ NODE_BROADCASTS, NODE_BROADCAST, NULL, broadcast_count, broadcast_nth, NULL },

	{ NODE_STATE, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_STATE, NODE_SCHEMA, "schema.txt", NULL, NULL, NULL },
	{ NODE_STATE, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_STATE, NODE_BYTES, "bytes", NULL, NULL, NULL },
	{ NODE_STATE, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_STATE, NODE_KEYS, "keys.txt", NULL, NULL, NULL },
	{ NODE_STATE, NODE_GET, "get", NULL, NULL, NULL },
	{ NODE_STATE, NODE_BY_KEY, "by-key", NULL, NULL, NULL },
	{ NODE_GET, NODE_LEAF, NULL, NULL, NULL, get_find },
	{ NODE_BY_KEY, NODE_GROUP, NULL, groups_count, groups_nth, groups_find },
	{ NODE_GROUP, NODE_SHARD, NULL, shards_count, shards_nth, NULL },
	{ NODE_GROUP, NODE_LEAF, NULL, leaves_count, leaves_nth, leaves_find },
	{ NODE_SHARD, NODE_SHARD, NULL, shards_count, shards_nth, NULL },
	{ NODE_SHARD, NODE_LEAF, NULL, leaves_count, leaves_nth, leaves_find },
	{ NODE_TIMER, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_TIMER, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_MODE, "mode", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_OPER_STATE, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_TYPE, "type.json", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_COUNT, "count", NULL, NULL, NULL },
	{ NODE_BROADCAST, NODE_ALL, "all.jsonl", NULL, NULL, NULL },
};

#define EACH_ROW(r, dir_kind) \
	for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++) \
		if (r->parent == (dir_kind))

static int row_count(struct weir_tree *t, const struct row *r, struct weir_inode dir, uint64_t *out, struct weir_error *err)
{
	*out = r->name ? 1 : 0;
	return r->count ? r->count(t, dir, out, err) : 0;
}

static int find_in_row(struct weir_tree *t, const struct row *r, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	struct weir_buf buf = { 0 };
	uint64_t n = 0;
	int rc;

	*out = dir;
	out->kind = r->kind;
	if (r->name) {
		if (strcmp(r->name, name) != 0)
			return WEIR_ENOTFOUND;
		rc = row_count(t, r, dir, &n, err);
		return rc ? rc : n ? 0 : WEIR_ENOTFOUND;
	}
	if (r->find)
		return r->find(t, dir, name, out, err);
	rc = row_count(t, r, dir, &n, err);
	for (uint64_t i = 0; i < n && rc == 0; i++) {
		weir_buf_clear(&buf);
		rc = r->nth(t, dir, i, out, &buf, err);
		if (rc == 0 && strcmp(weir_buf_cstr(&buf), name) == 0) {
			weir_buf_fini(&buf);
			return 0;
		}
	}
	weir_buf_fini(&buf);
	return rc ? rc : WEIR_ENOTFOUND;
}

int weir_tree_lookup(struct weir_tree *t, uint64_t parent, const char *name, uint64_t *out_ino, struct weir_error *err)
{
	struct weir_inode dir = weir_inode_unpack(parent), n;

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

int weir_tree_walk(struct weir_tree *t, const char *path, uint64_t *out_ino, struct weir_error *err)
{
	uint64_t ino = 1;
	char name[512];
	int rc = 0;

	while (*path && rc == 0) {
		size_t n = strcspn(path, "/");

		if (n >= sizeof(name))
			return WEIR_ENOTFOUND;
		memcpy(name, path, n);
		name[n] = 0;
		if (n)
			rc = weir_tree_lookup(t, ino, name, &ino, err);
		path += n + (path[n] == '/');
	}
	if (rc == 0)
		*out_ino = ino;
	return rc;
}

int weir_tree_child(struct weir_tree *t, uint64_t dir_ino, uint64_t i, uint64_t *out_ino, struct weir_buf *name, struct weir_error *err)
{
	struct weir_inode dir = weir_inode_unpack(dir_ino), n = dir;

	weir_buf_clear(name);
	EACH_ROW(r, dir.kind) {
		uint64_t count;
		int rc = row_count(t, r, dir, &count, err);

		if (rc)
			return rc;
		if (i >= count) {
			i -= count;
			continue;
		}
		n.kind = r->kind;
		if (r->name)
			weir_buf_text(name, r->name);
		else
			rc = r->nth(t, dir, i, &n, name, err);
		if (rc == 0 && weir_buf_error(name))
			rc = weir_error_set(err, WEIR_ENOMEM, "out of memory for a name");
		if (rc == 0)
			*out_ino = weir_inode_pack(n);
		return rc;
	}
	return WEIR_ENOTFOUND;
}

int weir_tree_count(struct weir_tree *t, uint64_t dir_ino, uint64_t *out, struct weir_error *err)
{
	struct weir_inode dir = weir_inode_unpack(dir_ino);
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
