// SPDX-License-Identifier: Apache-2.0
/*
 * One pass that adds up. The entries of one map lie together in every layout (by key, namespace, then user key), so that the size of a map is known when
 * the next key begins.
 */
#include "statetool/usage.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/src.h"
#include "fs-abstraction/path.h"

struct collecting {
	struct weir_view *v;
	struct weir_usage *u;
	struct weir_sink *sink;
	struct weir_state_index index;
	uint32_t last;               /* state of the entry before */
	struct weir_operator_usage *op; /* of that state, or NULL */
	bool nomem;
	/* the map that entries are being counted of */
	const struct weir_state_info *map;
	struct weir_buf map_key;     /* key and namespace */
	size_t map_key_len;
	int32_t map_group, map_subtask;
	uint64_t map_entries, map_bytes;
};

/* ---- the largest ---- */
bool weir_largest_init(struct weir_largest *l, uint32_t top)
{
	*l = (struct weir_largest){ calloc(top + (size_t)1, sizeof(*l->items)), 0, top };
	return l->items != NULL;
}

bool weir_largest_keep(struct weir_largest *l, const struct weir_large *item, struct weir_slice key, struct weir_slice ns)
{
	uint32_t at = l->n;
	uint8_t *copy = NULL;

	if (!l->cap || (l->n == l->cap && item->size <= l->items[l->n - 1].size))
		return true;
	if (key.ptr) {
		copy = malloc(key.len + ns.len + 1);
		if (!copy)
			return false;
		memcpy(copy, key.ptr, key.len);
		if (ns.len)
			memcpy(copy + key.len, ns.ptr, ns.len);
	}
	if (l->n == l->cap)
		free(l->items[--at].key);
	else
		l->n++;
	for (; at > 0 && l->items[at - 1].size < item->size; at--)
		l->items[at] = l->items[at - 1];
	l->items[at] = *item;
	l->items[at].key = copy;
	l->items[at].key_len = key.ptr ? key.len : 0;
	l->items[at].ns_len = key.ptr ? ns.len : 0;
	return true;
}

void weir_largest_fini(struct weir_largest *l)
{
	for (uint32_t i = 0; l->items && i < l->n; i++)
		free(l->items[i].key);
	free(l->items);
	*l = (struct weir_largest){ 0 };
}

static void keep(struct collecting *c, struct weir_largest *l, const struct weir_large *item, struct weir_slice key, struct weir_slice ns)
{
	c->nomem |= !weir_largest_keep(l, item, key, ns);
}

static void end_map(struct collecting *c)
{
	struct weir_slice both = weir_buf_slice(&c->map_key);
	struct weir_large item = { .state = c->map, .key_group = c->map_group, .subtask = c->map_subtask, .size = c->map_entries, .bytes = c->map_bytes };

	if (!c->map)
		return;
	keep(c, &c->u->maps, &item, (struct weir_slice){ both.ptr ? both.ptr : (const uint8_t *)"", c->map_key_len },
	     (struct weir_slice){ both.ptr ? both.ptr + c->map_key_len : NULL, both.len - c->map_key_len });
	c->map = NULL;
}

static void count_map(struct collecting *c, const struct weir_entry *e, uint64_t bytes)
{
	struct weir_slice both = weir_buf_slice(&c->map_key);

	if (c->map != e->state || c->map_subtask != e->subtask || c->map_key_len != e->key.len || both.len != e->key.len + e->ns.len ||
	    memcmp(both.ptr ? both.ptr : (const uint8_t *)"", e->key.ptr, e->key.len) != 0 || (e->ns.len && memcmp(both.ptr + c->map_key_len, e->ns.ptr, e->ns.len) != 0)) {
		end_map(c);
		c->map = e->state;
		c->map_group = e->key_group;
		c->map_subtask = e->subtask;
		c->map_entries = c->map_bytes = 0;
		c->map_key_len = e->key.len;
		weir_buf_clear(&c->map_key);
		weir_buf_put_slice(&c->map_key, e->key);
		weir_buf_put_slice(&c->map_key, e->ns);
		c->nomem |= weir_buf_error(&c->map_key) != 0;
	}
	c->map_entries++;
	c->map_bytes += bytes;
}

/* Elements of a list value, or 0 when they cannot be counted. */
static uint64_t list_elements(const struct weir_type *element, struct weir_slice value)
{
	struct weir_src src = weir_src_of(value, NULL, 0);
	uint64_t n = 0;

	if (!element || element->flags & WEIR_TYPE_OPAQUE)
		return 0;
	while (weir_src_left(&src)) {
		if (n && weir_src_u8(&src) != 0x2c)
			return 0;
		if (weir_type_skip(element, &src))
			return 0;
		n++;
	}
	return n;
}

/* ---- adding up ---- */
static bool find_state(struct collecting *c, const struct weir_state_info *s)
{
	uint32_t at = weir_state_index_of(&c->index, s);

	if (at != c->last)
		c->op = s->op ? &c->u->operators[s->op - weir_view_ckpt(c->v)->operators] : NULL;
	c->last = at;
	return at != UINT32_MAX;
}

static void count_group(struct collecting *c, int32_t group, uint64_t bytes)
{
	uint32_t n = c->op->op->max_parallelism;

	if (group < 0 || (uint32_t)group >= n || n > 32768)
		return;
	if (!c->op->groups)
		c->op->groups = calloc(n, sizeof(*c->op->groups));
	if (!c->op->groups) {
		c->nomem = true;
		return;
	}
	c->op->groups[group].entries++;
	c->op->groups[group].bytes += bytes;
}

static int count_entry(void *arg, const struct weir_entry *e)
{
	struct collecting *c = arg;
	const struct weir_state_info *s = e->state;
	struct weir_large item = { .state = s, .key_group = e->key_group, .subtask = e->subtask };
	uint64_t elements;

	if (!find_state(c, s))
		return 0;
	if (e->undecodable && weir_state_is_keyed(s->kind) && s->op && weir_operator_unreadable(s->op)) {
		c->u->states[c->last].complete = false; /* stands for all that is there */
		return 0;
	}
	item.bytes = item.size = e->key.len + e->ns.len + e->user_key.len + e->value.len + (weir_state_is_timer(s->kind) ? 8 : 0);
	c->u->states[c->last].entries++;
	c->u->states[c->last].bytes += item.bytes;
	c->u->entries++;
	c->u->bytes += item.bytes;
	if (c->op) {
		c->op->entries++;
		c->op->bytes += item.bytes;
		count_group(c, e->key_group, item.bytes);
	}
	keep(c, &c->u->entries_top, &item, e->key, e->ns);
	if (s->kind == WEIR_STATE_MAP && !e->undecodable && c->u->maps.cap)
		count_map(c, e, item.bytes);
	else
		end_map(c);
	if (s->kind == WEIR_STATE_LIST && !e->undecodable && c->u->lists.cap &&
	    (c->u->lists.n < c->u->lists.cap || e->value.len >= c->u->lists.items[c->u->lists.n - 1].size)) { /* an element has a byte at least, nearly always */
		elements = list_elements(s->value, e->value);
		item.size = elements;
		if (elements)
			keep(c, &c->u->lists, &item, e->key, e->ns);
	}
	if (c->nomem)
		return WEIR_ENOMEM;
	return c->sink ? weir_sink_step(c->sink) : 0;
}

static void count_problem(void *arg, const struct weir_problem *p)
{
	struct collecting *c = arg;

	for (uint32_t i = 0; i < weir_view_nstates(c->v); i++) {
		const struct weir_state_info *s = weir_view_state(c->v, i);

		if (s->op == p->op && (!p->state || !p->state[0] || strcmp(p->state, s->name ? s->name : "") == 0))
			c->u->states[i].complete = false;
	}
	if (c->u->why.code == 0 && p->code != WEIR_EUNSUPPORTED)
		weir_error_at(&c->u->why, p->code, p->path, p->offset, "%s", p->text ? p->text : weir_code_text(p->code));
}

/* ---- files ---- */
struct files {
	const struct weir_ckpt *c;
	struct weir_usage *u;
	const struct weir_operator_state *only;
	uint64_t *table; /* hashes of the names that were seen */
	size_t mask, used;
	bool nomem;
};

static bool first_time(struct files *f, uint64_t hash)
{
	hash += !hash;
	if (f->used * 2 >= f->mask) {
		size_t mask = f->mask ? f->mask * 2 + 1 : 1023;
		uint64_t *table = calloc(mask + 1, sizeof(*table));

		if (!table) {
			f->nomem = true;
			return false;
		}
		for (size_t i = 0; f->table && i <= f->mask; i++)
			if (f->table[i]) {
				size_t at = f->table[i] & mask;

				while (table[at])
					at = (at + 1) & mask;
				table[at] = f->table[i];
			}
		free(f->table);
		f->table = table;
		f->mask = mask;
	}
	for (size_t at = hash & f->mask;; at = (at + 1) & f->mask) {
		if (f->table[at] == hash)
			return false;
		if (!f->table[at]) {
			f->table[at] = hash;
			f->used++;
			return true;
		}
	}
}

static enum weir_file_class class_of(const struct weir_ckpt *c, const struct weir_stream_handle *h)
{
	size_t n = c->dir ? strlen(c->dir) : 0;

	if (h->kind == WEIR_HANDLE_INLINE)
		return WEIR_FILES_INLINE;
	if (h->kind == WEIR_HANDLE_RELATIVE)
		return WEIR_FILES_EXCLUSIVE;
	if (h->kind == WEIR_HANDLE_SEGMENT && h->scope == 1)
		return WEIR_FILES_SHARED;
	if (memmem(h->name.ptr, h->name.len, "/shared/", 8))
		return WEIR_FILES_SHARED;
	if (memmem(h->name.ptr, h->name.len, "/taskowned/", 11))
		return WEIR_FILES_TASK_OWNED;
	if ((n && memmem(h->name.ptr, h->name.len, c->dir, n)) || memmem(h->name.ptr, h->name.len, "/chk-", 5) || h->kind == WEIR_HANDLE_SEGMENT)
		return WEIR_FILES_EXCLUSIVE;
	return WEIR_FILES_ELSEWHERE;
}

static int count_file(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct files *f = arg;
	struct weir_file_usage *u = &f->u->files[class_of(f->c, h)];
	uint64_t hash;

	(void)sub;
	if (f->only && f->only != op)
		return 0;
	if (h->kind == WEIR_HANDLE_INLINE) {
		u->files++;
		u->bytes += h->data.len;
		return 0;
	}
	hash = weir_xxh3(h->name.ptr, h->name.len);
	if (h->kind == WEIR_HANDLE_SEGMENT) { /* bytes by segment, files by name */
		if (first_time(f, hash ^ weir_hash_u64((uint64_t)h->start + 1)))
			u->bytes += h->size > 0 ? (uint64_t)h->size : 0;
		u->files += first_time(f, hash);
	} else if (first_time(f, hash)) {
		u->files++;
		u->bytes += h->size > 0 ? (uint64_t)h->size : 0;
	}
	return f->nomem ? WEIR_ENOMEM : 0;
}

static bool make_room(struct weir_usage *u, const struct weir_view *v, uint32_t top)
{
	const struct weir_ckpt *c = weir_view_ckpt(v);
	uint32_t n = weir_view_nstates(v);

	u->states = calloc(n + 1u, sizeof(*u->states));
	u->operators = calloc(c->noperators + 1u, sizeof(*u->operators));
	u->why = (struct weir_error)WEIR_ERROR_INIT;
	if (!weir_largest_init(&u->entries_top, top) || !weir_largest_init(&u->lists, top) || !weir_largest_init(&u->maps, top) || !u->states || !u->operators)
		return false;
	for (uint32_t i = 0; i < n; i++)
		u->states[i].complete = true;
	for (uint32_t i = 0; i < c->noperators; i++)
		u->operators[i].op = &c->operators[i];
	return true;
}

static int scan_states(struct collecting *c, const struct weir_operator_state *op, const struct weir_state_info *state)
{
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct weir_error why = WEIR_ERROR_INIT;
	int rc = 0;

	scan.problem = count_problem;
	scan.problem_arg = c;
	scan.state = state;
	if (!op || state) {
		rc = weir_view_scan(c->v, &scan, count_entry, c, &why);
	} else {
		for (uint32_t i = 0; i < weir_view_nstates(c->v) && rc == 0; i++) {
			scan.state = weir_view_state(c->v, i);
			if (scan.state->op == op)
				rc = weir_view_scan(c->v, &scan, count_entry, c, &why);
		}
	}
	end_map(c);
	if (rc && rc != WEIR_EUNSUPPORTED && why.code && c->u->why.code == 0)
		c->u->why = why;
	return rc == WEIR_ENOMEM || c->nomem ? WEIR_ENOMEM : c->sink && c->sink->code ? c->sink->code : 0;
}

int weir_usage_collect(struct weir_view *v, const struct weir_operator_state *op, const struct weir_state_info *state, uint32_t top, struct weir_sink *sink,
		       struct weir_usage *out, struct weir_error *err)
{
	struct collecting c = { .v = v, .u = out, .sink = sink, .last = UINT32_MAX };
	struct files f = { .c = weir_view_ckpt(v), .u = out, .only = op };
	int rc;

	*out = (struct weir_usage){ 0 };
	rc = make_room(out, v, top) && weir_state_index_init(&c.index, v) ? scan_states(&c, op, state) : WEIR_ENOMEM;
	weir_state_index_fini(&c.index);
	weir_buf_fini(&c.map_key);
	if (rc == 0)
		rc = weir_ckpt_each_handle(f.c, count_file, &f);
	free(f.table);
	if (rc) {
		weir_usage_fini(out);
		return rc == WEIR_ENOMEM ? weir_error_set(err, rc, "out of memory") : rc;
	}
	return 0;
}

void weir_usage_fini(struct weir_usage *u)
{
	const uint32_t n = u->operators ? UINT32_MAX : 0;

	for (uint32_t i = 0; i < n && u->operators[i].op; i++)
		free(u->operators[i].groups);
	free(u->operators);
	free(u->states);
	weir_largest_fini(&u->entries_top);
	weir_largest_fini(&u->lists);
	weir_largest_fini(&u->maps);
	*u = (struct weir_usage){ 0 };
}
