// SPDX-License-Identifier: Apache-2.0
/*
 * Duplicates and order.
 *
 * 1. A run is what one handle holds of one state in one key group; the same key, namespace and user key (of timers: and time) may be in it once. A run whose entries ascend holds
 *    nothing twice: that is seen by looking at neighbours. Else the hashes (128 bits) of its entries are sorted, outside of memory if there are many.
 * 2. RocksDB files must ascend. Canonical streams do when the RocksDB backend wrote them, and nothing in them says so: a state of a handle counts as ascending when at least
 *    MANY neighbours were compared and all but one in FEW of them ascend, which in the order of a hash table does not happen. Timers of the hashmap backend lie in a heap, so theirs
 *    is not judged.
 * 3. Which entry is twice is known by its hash alone; the run is read once more to name its key.
 * The order of RocksDB is that of the composite key, whose parts lie side by side where these layouts come from. One thread. Fails without memory, or space in TMPDIR.
 */
#include "statetool/duplicates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/vec.h"
#include "statetool/pick.h"
#include "statetool/sorter.h"

enum { MANY = 40, FEW = 20, LATE = 4, TOLD = 8 };

/* A state in the handle that is being read. */
struct stretch {
	const struct weir_state_info *state;
	uint64_t pairs, descents;
	uint32_t nlate;
	struct weir_buf late[LATE]; /* keys that came out of order */
	int32_t group[LATE];
};

struct weir_duplicates {
	struct weir_view *view;
	weir_problem_fn *problem;
	void *arg;
	struct weir_error *err;
	/* the run */
	const struct weir_state_info *state;
	const struct weir_operator_state *op;
	int32_t subtask, key_group;
	enum weir_keyed_kind kind;       /* of the handle */
	bool any, descended;
	struct weir_buf before, now;     /* identities: composite keys, or the parts and their lengths */
	struct weir_sorter sorter;
	/* hashes found twice in it */
	struct weir_record last;
	uint64_t twice[TOLD][2];
	uint64_t ntwice;
	WEIR_VEC(struct stretch) stretches; /* of the handle */
};

int weir_duplicates_new(struct weir_view *view, weir_problem_fn *problem, void *arg, struct weir_duplicates **out, struct weir_error *err)
{
	struct weir_duplicates *d = calloc(1, sizeof(*d));

	if (!d)
		return weir_error_set(err, WEIR_ENOMEM, "no memory to look for duplicates");
	d->view = view;
	d->problem = problem;
	d->arg = arg;
	*out = d;
	return 0;
}

static void free_stretches(struct weir_duplicates *d)
{
	for (size_t i = 0; i < d->stretches.len; i++)
		for (uint32_t k = 0; k < d->stretches.items[i].nlate; k++)
			weir_buf_fini(&d->stretches.items[i].late[k]);
	d->stretches.len = 0;
}

void weir_duplicates_free(struct weir_duplicates *d)
{
	if (!d)
		return;
	free_stretches(d);
	weir_vec_fini(&d->stretches);
	weir_buf_fini(&d->before);
	weir_buf_fini(&d->now);
	weir_sorter_fini(&d->sorter);
	free(d);
}

/* ---- telling ---- */

static void tell(struct weir_duplicates *d, const struct weir_state_info *state, int32_t group, struct weir_slice key, const char *what)
{
	char label[512], text[1100], where[64] = "", subtask[32] = "";
	struct weir_buf hex = { 0 };
	struct weir_problem p = { .path = "", .offset = WEIR_NO_OFFSET, .operator_ = label, .state = state->name, .code = WEIR_ECORRUPT, .text = text, .reason = what,
				  .op = state->op, .subtask = d->subtask, .key_group = group, .kind = weir_state_kind_name(state->kind), .size = -1 };

	weir_operator_label(state->op, NULL, label, sizeof(label));
	weir_buf_hex(&hex, (struct weir_slice){ key.ptr, key.len < 64 ? key.len : 64 });
	if (group >= 0)
		snprintf(where, sizeof(where), ", key group %d", group);
	if (d->subtask >= 0)
		snprintf(subtask, sizeof(subtask), ", subtask %d", d->subtask);
	snprintf(text, sizeof(text), "operator %.300s%s, state '%.100s'%s%s%s: %s", label, subtask, state->name, where, hex.len ? ", key " : "", weir_buf_cstr(&hex), what);
	weir_buf_fini(&hex);
	weir_text_visible(label, sizeof(label), false);
	weir_text_visible(text, sizeof(text), false);
	d->problem(d->arg, &p);
}

static const char out_of_order[] = "its key is smaller than the one in front of it, in state that is sorted by its keys";

static void end_handle(struct weir_duplicates *d)
{
	for (size_t i = 0; i < d->stretches.len; i++) {
		struct stretch *s = &d->stretches.items[i];

		if (s->descents && s->pairs >= MANY && s->descents * FEW <= s->pairs)
			for (uint32_t k = 0; k < s->nlate; k++)
				tell(d, s->state, s->group[k], weir_buf_slice(&s->late[k]), out_of_order);
	}
	free_stretches(d);
}

/* ---- identities ---- */

static bool is_rocksdb(enum weir_keyed_kind k) { return k == WEIR_KEYED_INCREMENTAL || k == WEIR_KEYED_INCREMENTAL_OLD; }

static void put_part(struct weir_buf *b, struct weir_slice s)
{
	weir_buf_put_slice(b, s);
	weir_buf_u64(b, s.len);
}

static const uint8_t *end_of(struct weir_slice s) { return s.ptr ? s.ptr + s.len : NULL; }

/* What identifies the entry within its run. True: in the order of RocksDB. */
static bool identify(const struct weir_duplicates *d, const struct weir_entry *e, struct weir_buf *b)
{
	bool stored = d->kind == WEIR_KEYED_SAVEPOINT || is_rocksdb(d->kind);
	const uint8_t *end = end_of(e->key);

	weir_buf_clear(b);
	if (weir_state_is_timer(e->state->kind))
		weir_buf_u64(b, (uint64_t)e->timestamp ^ 1ull << 63);
	if (stored && e->key.ptr && weir_state_is_keyed(e->state->kind)) {
		const uint8_t *last = e->user_key.ptr ? end_of(e->user_key) : e->ns.ptr ? end_of(e->ns) : end;

		if (last >= end && (size_t)(last - end) <= e->ns.len + e->user_key.len + 16) {
			weir_buf_put(b, e->key.ptr, (size_t)(last - e->key.ptr));
			return true;
		}
	}
	put_part(b, e->key);
	put_part(b, e->ns);
	put_part(b, e->user_key);
	return false;
}

static void hash_of(const struct weir_buf *b, uint64_t out[2])
{
	uint8_t hash[16];

	weir_xxh3_128(b->data, b->len, hash);
	memcpy(out, hash, sizeof(hash));
}

/* ---- runs ---- */

static int one_record(void *arg, const struct weir_record *r)
{
	struct weir_duplicates *d = arg;

	bool same = d->last.group && r->key[0] == d->last.key[0] && r->key[1] == d->last.key[1];

	if (same && d->last.group == 1) { /* a third one is not told again */
		if (d->ntwice < TOLD)
			memcpy(d->twice[d->ntwice], r->key, sizeof(r->key));
		d->ntwice++;
	}
	d->last = *r;
	d->last.group = same ? 2 : 1;
	return 0;
}

/* The run again: the first entry of each hash that was found twice has the key to be told. */
static int name_twice(void *arg, const struct weir_entry *e)
{
	struct weir_duplicates *d = arg;
	uint64_t hash[2];

	if (e->undecodable)
		return 0;
	identify(d, e, &d->now);
	hash_of(&d->now, hash);
	for (uint64_t i = 0; i < d->ntwice && i < TOLD; i++)
		if (memcmp(hash, d->twice[i], sizeof(hash)) == 0) {
			d->twice[i][0] = d->twice[i][1] = 0;
			tell(d, e->state, e->key_group, e->key.ptr ? e->key : e->user_key, "it is there more than once: of several entries with one key Flink keeps only one");
			return 0;
		}
	return 0;
}

static int tell_twice(struct weir_duplicates *d)
{
	struct weir_scan scan = { .state = d->state, .subtask = d->subtask, .key_group = d->key_group };
	char text[100];
	int code = weir_view_scan(d->view, &scan, name_twice, d, d->err);

	if (code && weir_code_disposition(code) == WEIR_DAMAGED) /* told by who reads it first */
		code = 0, weir_error_clear(d->err);
	if (code == 0 && d->ntwice > TOLD) {
		snprintf(text, sizeof(text), "%llu more keys are there more than once", (unsigned long long)(d->ntwice - TOLD));
		tell(d, d->state, d->key_group, (struct weir_slice){ NULL, 0 }, text);
	}
	return code;
}

static int end_run(struct weir_duplicates *d)
{
	int code = 0;

	if (d->descended) {
		d->ntwice = 0;
		d->last.group = 0;
		code = weir_sorter_merge(&d->sorter, one_record, d, d->err);
		if (code == 0 && d->ntwice)
			code = tell_twice(d);
	} else if (d->sorter.runs.len) {
		weir_sorter_fini(&d->sorter); /* it ascends: nothing is twice */
		d->sorter = (struct weir_sorter){ 0 };
	}
	d->sorter.now.len = 0;
	d->any = d->descended = false;
	return code;
}

static enum weir_keyed_kind kind_of(const struct weir_entry *e)
{
	const struct weir_operator_state *op = e->state->op;

	if (!weir_state_is_keyed(e->state->kind) || e->state->kind == WEIR_STATE_RAW_TIMER || !op)
		return WEIR_KEYED_NONE;
	for (uint32_t i = 0; i < op->nsubtasks; i++)
		if ((int32_t)op->subtasks[i].index == e->subtask)
			return op->subtasks[i].managed_keyed.kind;
	return WEIR_KEYED_NONE;
}

static int handle_of(enum weir_state_kind k) { return k == WEIR_STATE_RAW_TIMER ? 2 : weir_state_is_keyed(k); }

static int begin_run(struct weir_duplicates *d, const struct weir_entry *e)
{
	int code = end_run(d);

	if (d->op != e->state->op || d->subtask != e->subtask || !d->state || handle_of(d->state->kind) != handle_of(e->state->kind)) {
		end_handle(d);
		d->kind = kind_of(e);
	}
	d->state = e->state;
	d->op = e->state->op;
	d->subtask = e->subtask;
	d->key_group = e->key_group;
	return code;
}

static struct stretch *stretch_of(struct weir_duplicates *d, const struct weir_state_info *state)
{
	struct stretch *s;

	for (size_t i = 0; i < d->stretches.len; i++)
		if (d->stretches.items[i].state == state)
			return &d->stretches.items[i];
	s = weir_vec_push(&d->stretches);
	if (s)
		*s = (struct stretch){ .state = state };
	return s;
}

static int keep_late(struct stretch *s, const struct weir_entry *e)
{
	struct weir_buf *b;

	s->descents++;
	if (s->nlate == LATE)
		return 0;
	b = &s->late[s->nlate];
	*b = (struct weir_buf){ 0 };
	weir_buf_put(b, e->key.ptr, e->key.len < 64 ? e->key.len : 64);
	if (weir_buf_error(b))
		return WEIR_ENOMEM;
	s->group[s->nlate++] = e->key_group;
	return 0;
}

/* The entry after the one before: does it ascend? */
static int compare(struct weir_duplicates *d, const struct weir_entry *e, bool ordered)
{
	size_t n = d->before.len < d->now.len ? d->before.len : d->now.len;
	int c = n ? memcmp(d->before.data, d->now.data, n) : 0;
	struct stretch *s;

	if (c == 0)
		c = (d->before.len > d->now.len) - (d->before.len < d->now.len);
	if (c >= 0)
		d->descended = true;
	if (!ordered || c == 0)
		return 0;
	if (is_rocksdb(d->kind)) {
		if (c > 0)
			tell(d, e->state, e->key_group, e->key, out_of_order);
		return 0;
	}
	if (weir_state_is_timer(e->state->kind))
		return 0;
	s = stretch_of(d, e->state);
	if (!s)
		return WEIR_ENOMEM;
	s->pairs++;
	return c > 0 ? keep_late(s, e) : 0;
}

static bool has_identity(enum weir_state_kind k) { return weir_state_is_keyed(k) || weir_state_is_timer(k) || k == WEIR_STATE_BROADCAST; }

int weir_duplicates_add(struct weir_duplicates *d, const struct weir_entry *e, struct weir_error *err)
{
	struct weir_record r = { 0 };
	struct weir_buf swap;
	bool ordered;
	int code = 0;

	if (!has_identity(e->state->kind))
		return 0;
	d->err = err;
	if (d->state != e->state || d->subtask != e->subtask || d->key_group != e->key_group)
		code = begin_run(d, e);
	if (code)
		return code;
	ordered = identify(d, e, &d->now);
	code = weir_buf_error(&d->now);
	if (code == 0 && d->any)
		code = compare(d, e, ordered);
	if (code)
		return weir_error_set(err, code, "no memory to look for duplicates");
	swap = d->before, d->before = d->now, d->now = swap;
	d->any = true;
	if (ordered && is_rocksdb(d->kind))
		return 0; /* nothing is twice in what RocksDB gives */
	hash_of(&d->before, r.key);
	return weir_sorter_add(&d->sorter, &r, err);
}

int weir_duplicates_end(struct weir_duplicates *d, struct weir_error *err)
{
	int code;

	d->err = err;
	code = end_run(d);
	if (code == 0)
		end_handle(d);
	return code;
}
