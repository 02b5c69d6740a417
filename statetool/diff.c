// SPDX-License-Identifier: Apache-2.0
/*
 * Comparing two checkpoints. Entries become records of hashes (128 bits of what identifies one, 64 of its value), which are sorted, outside of memory if need be, and
 * merged: that counts. The entries that are printed are then read again, by state and key group. So neither layouts nor the order of entries matter, and memory is
 * for the sorter and for what is printed.
 *
 * What identifies an entry: state, key, namespace, user key; of timers also the time; of operators' lists the element itself (their order means nothing: a changed
 * element is one removed and one added); of a broadcast state the user key (each subtask has the same copy).
 */
#include "statetool/diff_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "statetool/text.h"

/* ---- pairing ---- */
static int pair_order(const struct weir_state_info *x, const struct weir_state_info *y)
{
	int c = !x->op != !y->op ? (x->op ? 1 : -1) : x->op ? memcmp(&x->op->id, &y->op->id, sizeof(x->op->id)) : 0;

	if (!c)
		c = (int)x->kind - (int)y->kind;
	return c ? c : strcmp(x->name ? x->name : "", y->name ? y->name : "");
}

static int by_pair(const void *a, const void *b) { return pair_order(*(const struct weir_state_info *const *)a, *(const struct weir_state_info *const *)b); }

static bool wanted(const struct weir__diff *d, const struct weir_state_info *s)
{
	return (!d->o->op || (s->op && memcmp(&s->op->id, d->o->op, sizeof(*d->o->op)) == 0)) && (!d->o->state || strcmp(s->name ? s->name : "", d->o->state) == 0);
}

static int pair_states(struct weir__diff *d)
{
	const struct weir_state_info **s[2] = { NULL, NULL };
	uint32_t n[2] = { 0, 0 }, at[2] = { 0, 0 };
	int rc = 0;

	for (int side = 0; side < 2; side++) {
		s[side] = calloc(weir_view_nstates(d->view[side]) + 1u, sizeof(*s[side]));
		for (uint32_t i = 0; s[side] && i < weir_view_nstates(d->view[side]); i++)
			if (wanted(d, weir_view_state(d->view[side], i)))
				s[side][n[side]++] = weir_view_state(d->view[side], i);
		if (s[side] && n[side])
			qsort(s[side], n[side], sizeof(*s[side]), by_pair);
	}
	while (s[0] && s[1] && (at[0] < n[0] || at[1] < n[1])) {
		int c = at[0] == n[0] ? 1 : at[1] == n[1] ? -1 : pair_order(s[0][at[0]], s[1][at[1]]);
		struct weir__diff_pair *p = weir_vec_push(&d->pairs);

		if (!p)
			break;
		*p = (struct weir__diff_pair){ .on = { c <= 0 ? s[0][at[0]] : NULL, c >= 0 ? s[1][at[1]] : NULL } };
		const struct weir_state_info *one = p->on[0] ? p->on[0] : p->on[1];
		p->list = one->kind == WEIR_STATE_OPERATOR_LIST || one->kind == WEIR_STATE_OPERATOR_UNION;
		p->regrouped = p->on[0] && p->on[1] && one->op && p->on[0]->op->max_parallelism != p->on[1]->op->max_parallelism;
		at[0] += c <= 0;
		at[1] += c >= 0;
	}
	if (!s[0] || !s[1] || at[0] < n[0] || at[1] < n[1])
		rc = weir_error_set(d->err, WEIR_ENOMEM, "out of memory");
	free(s[0]);
	free(s[1]);
	return rc;
}

/* ---- records ---- */
static bool find_pair(struct weir__diff *d, const struct weir_state_info *s)
{
	uint32_t lo = 0, hi = (uint32_t)d->pairs.len;

	if (d->last < hi && d->pairs.items[d->last].on[d->side] == s)
		return true;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		const struct weir__diff_pair *p = &d->pairs.items[mid];
		int c = pair_order(p->on[0] ? p->on[0] : p->on[1], s);

		if (c == 0) {
			d->last = mid;
			return p->on[d->side] == s;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static void put_part(struct weir_buf *b, struct weir_slice s)
{
	weir_buf_u64(b, s.len);
	weir_buf_put_slice(b, s);
}

static void record_of(struct weir__diff *d, const struct weir_entry *e, struct weir_record *r)
{
	const struct weir__diff_pair *p = &d->pairs.items[d->last];
	enum weir_state_kind kind = e->state->kind;
	struct weir_buf *b = &d->scratch;
	uint8_t hash[16];

	weir_buf_clear(b);
	if (p->list) {
		put_part(b, e->value);
	} else {
		put_part(b, e->key);
		put_part(b, e->ns);
		put_part(b, e->user_key);
		if (weir_state_is_timer(kind))
			weir_buf_i64(b, e->timestamp);
		else if (!weir_state_is_keyed(kind) && kind != WEIR_STATE_BROADCAST) { /* raw, coordinator, master */
			weir_buf_i32(b, e->subtask);
			weir_buf_i32(b, e->key_group);
			weir_buf_i32(b, e->index);
		}
	}
	weir_xxh3_128(b->data, b->len, hash);
	memcpy(r->key, hash, sizeof(r->key));
	r->value = p->list ? 0 : weir_xxh3(e->value.ptr ? e->value.ptr : (const uint8_t *)"", e->value.len);
	r->state = d->last;
	r->side = d->side & 1u;
	r->group = p->regrouped ? 0 : (uint32_t)(e->key_group + 1) & 0x7fffffffu;
}

static int take_entry(void *arg, const struct weir_entry *e)
{
	struct weir__diff *d = arg;
	struct weir_record r = { 0 };
	int rc;

	if (!find_pair(d, e->state))
		return 0;
	if (e->undecodable && e->state->op && weir_state_is_keyed(e->state->kind) && weir_operator_unreadable(e->state->op))
		return weir_error_set(d->err, WEIR_EUNSUPPORTED, "keyed state is stored as %s, which this version does not read", weir_operator_unreadable(e->state->op));
	record_of(d, e, &r);
	if (weir_buf_error(&d->scratch))
		return weir_error_set(d->err, WEIR_ENOMEM, "out of memory");
	rc = weir_sorter_add(&d->sorter, &r, d->err);
	return rc ? rc : weir_sink_step(d->sink);
}

/* ---- merging ---- */
static int keep(struct weir__diff *d, enum weir__diff_change change)
{
	struct weir__diff_kept *k;

	if (d->kept.len >= d->o->limit)
		return 0;
	k = weir_vec_push(&d->kept);
	if (!k)
		return weir_error_set(d->err, WEIR_ENOMEM, "out of memory for the changes that are printed");
	*k = (struct weir__diff_kept){ .key = { d->now.key[0], d->now.key[1] }, .pair = d->now.state, .group = d->now.group, .change = change };
	return 0;
}

static int end_key(struct weir__diff *d)
{
	struct weir__diff_pair *p;
	uint64_t a = d->count[0], b = d->count[1], both;

	if (!d->any)
		return 0;
	d->any = false;
	p = &d->pairs.items[d->now.state];
	if (p->list) {
		both = a < b ? a : b;
		p->same += both;
		p->removed += a - both;
		p->added += b - both;
		return a > b ? keep(d, WEIR__REMOVED) : b > a ? keep(d, WEIR__ADDED) : 0;
	}
	if (a && b && d->value[0] == d->value[1]) {
		p->same++;
		return 0;
	}
	p->changed += a && b;
	p->removed += !b;
	p->added += !a;
	return keep(d, a && b ? WEIR__CHANGED : a ? WEIR__REMOVED : WEIR__ADDED);
}

static int merge_record(void *arg, const struct weir_record *r)
{
	struct weir__diff *d = arg;
	int rc = 0;

	if (d->any && (d->now.state != r->state || d->now.key[0] != r->key[0] || d->now.key[1] != r->key[1]))
		rc = end_key(d);
	if (!d->any) {
		d->any = true;
		d->now = *r;
		d->count[0] = d->count[1] = 0;
	}
	d->value[r->side] = r->value;
	d->count[r->side]++;
	return rc;
}

static int merge(struct weir__diff *d)
{
	int rc = weir_sorter_merge(&d->sorter, merge_record, d, d->err);

	return rc ? rc : end_key(d);
}

/* ---- scanning ---- */
static int scan_pair(struct weir__diff *d, struct weir__diff_pair *p, const uint8_t *same, uint32_t ngroups)
{
	int rc = 0;

	for (d->side = 0; d->side < 2 && rc == 0; d->side++) {
		struct weir_scan scan = WEIR_SCAN_ALL;

		scan.state = p->on[d->side];
		if (!scan.state)
			continue;
		if (!same)
			rc = weir_view_scan(d->view[d->side], &scan, take_entry, d, d->err);
		for (uint32_t g = 0; same && g < ngroups && rc == 0; g++) {
			scan.key_group = (int32_t)g;
			if (!same[g])
				rc = weir_view_scan(d->view[d->side], &scan, take_entry, d, d->err);
		}
	}
	return rc;
}

/* The states of one operator are next to each other. */
static int compare_states(struct weir__diff *d, uint8_t *same)
{
	const struct weir_operator_state *last = NULL;
	uint32_t nsame = 0;
	int rc = 0;

	for (uint32_t i = 0; i < d->pairs.len && rc == 0; i++) {
		struct weir__diff_pair *p = &d->pairs.items[i];
		const struct weir_state_info *a = p->on[0], *b = p->on[1];
		bool both = !d->o->read_all && a && b && a->op && b->op && a->op->max_parallelism == b->op->max_parallelism && a->op->max_parallelism <= 32768 && a->kind <= WEIR_STATE_TIMER;

		if (both && a->op != last) {
			last = a->op;
			nsame = weir__diff_same_groups(weir_view_ckpt(d->view[0]), a->op, weir_view_ckpt(d->view[1]), b->op, a->op->max_parallelism, same);
			d->result.groups_skipped += nsame;
		}
		if (both)
			p->skipped = nsame;
		rc = scan_pair(d, p, both && nsame ? same : NULL, both ? a->op->max_parallelism : 0);
		if (rc == 0)
			rc = merge(d);
	}
	return rc;
}

/* ---- the changes that are printed ---- */
static void render(struct weir__diff *d, struct weir__diff_kept *k, const struct weir_entry *e)
{
	const struct weir_state_info *s = e->state;
	struct weir_buf *b = &d->scratch;

	weir_buf_clear(b);
	if (weir_state_is_timer(s->kind))
		weir_json_i64(b, e->timestamp);
	else
		weir_text_value(e, b);
	if (!d->o->json)
		weir_text_safe(b, 0);
	free(k->text[d->side]);
	k->text[d->side] = strdup(weir_buf_cstr(b));
	if (k->head)
		return;
	weir_buf_clear(b);
	if (d->o->json) {
		weir_text_entry(&(struct weir_entry){ .state = s, .subtask = e->subtask, .key_group = e->key_group, .index = e->index, .key = e->key, .ns = e->ns, .user_key = e->user_key,
						      .timestamp = e->timestamp, .value = e->value, .undecodable = e->undecodable }, NULL, b);
	} else {
		const struct weir_type *types[] = { s->key, s->ns, s->user_key };
		const struct weir_slice parts[] = { e->key, e->ns, e->user_key };

		for (int i = 0; i < 3; i++) {
			if (!parts[i].ptr || (types[i] && types[i]->kind == WEIR_VOID))
				continue;
			weir_text_column(types[i], parts[i], b);
			weir_buf_u8(b, '\t');
		}
	}
	k->head = strdup(weir_buf_cstr(b));
}

static int by_place(const void *a, const void *b)
{
	const struct weir__diff_kept *x = a, *y = b;

	if (x->pair != y->pair)
		return x->pair < y->pair ? -1 : 1;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return memcmp(x->key, y->key, sizeof(x->key));
}

static int take_kept(void *arg, const struct weir_entry *e)
{
	struct weir__diff *d = arg;
	struct weir_record r = { 0 };
	struct weir__diff_kept want, *k;

	if (!find_pair(d, e->state))
		return 0;
	record_of(d, e, &r);
	want = (struct weir__diff_kept){ .key = { r.key[0], r.key[1] }, .pair = r.state, .group = r.group };
	k = bsearch(&want, d->kept.items, d->kept.len, sizeof(*k), by_place);
	if (k)
		render(d, k, e);
	return 0;
}

static int read_kept(struct weir__diff *d)
{
	int rc = 0;

	if (d->kept.len)
		qsort(d->kept.items, d->kept.len, sizeof(*d->kept.items), by_place);
	for (size_t i = 0; i < d->kept.len && rc == 0; i++) {
		const struct weir__diff_kept *k = &d->kept.items[i];
		struct weir_scan scan = WEIR_SCAN_ALL;

		if (i && k[-1].pair == k->pair && k[-1].group == k->group)
			continue;
		scan.key_group = (int32_t)k->group - 1;
		for (d->side = 0; d->side < 2 && rc == 0; d->side++) {
			scan.state = d->pairs.items[k->pair].on[d->side];
			if (scan.state)
				rc = weir_view_scan(d->view[d->side], &scan, take_kept, d, d->err);
		}
	}
	return rc;
}

static void add_up(struct weir__diff *d)
{
	for (size_t i = 0; i < d->pairs.len; i++) {
		d->result.added += d->pairs.items[i].added;
		d->result.removed += d->pairs.items[i].removed;
		d->result.changed += d->pairs.items[i].changed;
		d->result.same += d->pairs.items[i].same;
	}
}

static int compare_entries(struct weir__diff *d)
{
	uint8_t *same = malloc(32768);
	int rc = same ? compare_states(d, same) : weir_error_set(d->err, WEIR_ENOMEM, "out of memory");

	free(same);
	if (rc == 0)
		rc = read_kept(d);
	if (rc)
		return rc;
	add_up(d);
	if (!d->o->json)
		weir__diff_summary_text(d);
	for (size_t i = 0; i < d->kept.len && rc == 0; i++) {
		weir__diff_line(d, &d->kept.items[i]);
		rc = weir_sink_step(d->sink);
	}
	return rc;
}

int weir_state_diff(struct weir_view *a, struct weir_view *b, const struct weir_diff_options *o, struct weir_sink *sink, struct weir_diff_result *out, struct weir_error *err)
{
	struct weir__diff d = { .view = { a, b }, .o = o, .sink = sink, .err = err, .sorter = { .limit = o->sort_limit }, .last = UINT32_MAX };
	int rc = pair_states(&d);

	if (rc == 0) {
		weir__diff_operators(&d);
		weir__diff_types(&d);
		rc = o->no_entries ? 0 : compare_entries(&d);
	}
	if (rc == 0 && o->json)
		weir__diff_summary_json(&d);
	if (rc == 0)
		rc = weir_sink_step(sink);
	if (rc == 0)
		*out = d.result;
	for (size_t i = 0; i < d.kept.len; i++) {
		free(d.kept.items[i].text[0]);
		free(d.kept.items[i].text[1]);
		free(d.kept.items[i].head);
	}
	weir_vec_fini(&d.kept);
	weir_vec_fini(&d.pairs);
	weir_sorter_fini(&d.sorter);
	weir_buf_fini(&d.scratch);
	return rc;
}
