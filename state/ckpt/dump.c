/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dump: an index of entries is sorted, then each is printed once.
 *
 * 0. While it stays under a limit the index is that of everything. Beyond, entries are read again piece by piece in the order of printing (a key group of a state of
 *    a subtask), so that memory does not grow with the state.
 * 1. The index holds slices into the checkpoint's own bytes; only what lies elsewhere (decompressed, converted) is copied, into one arena.
 * 2. Order is that of Java's strings over the oracle's sort key. Its parts are compared as bytes, which is the same: hex and fixed-width numbers;
 *    state names by UTF-16 unit (compare_utf16).
 * 3. Entries with equal sort keys are ordered by their lines.
 * One thread. Fails when the sink fails and out of memory; damage becomes lines.
 */
#include "state/ckpt/dump.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "state/ckpt/dump_priv.h"

enum { INDEX_BYTES = 24 * 1024 * 1024 };

/* Lines with equal op, kind and state. */
struct group {
	const struct weir_operator_state *op;
	const char *kind, *state;
	uint64_t count;
	uint32_t rank;
};

struct item {
	struct weir_entry e;  /* e.state NULL: a problem, told in `why`, or in-flight data */
	uint32_t group;
	const char *why;      /* NULL with e.state NULL: a network buffer in e.value */
	int64_t size;         /* problem: of the handle; buffer: the subtask it came from */
};

struct dump {
	struct weir_view *view;
	WEIR_VEC(struct group) groups;
	WEIR_VEC(struct item) items;
	WEIR_VEC(struct item) rest;          /* problems and in-flight data, of the first scan */
	struct weir_arena rest_mem;
	size_t limit;                        /* bytes of the index */
	bool too_much;                       /* it was reached: entries are only counted */
	bool again;                          /* reading piece by piece: entries of `only` are kept, nothing is counted */
	uint32_t only;
	WEIR_VEC(struct weir_fs_map *) maps; /* of in-flight data */
	struct weir_arena mem;
	const struct weir_state_info *last_state; /* with its group: entries of a state come in runs */
	bool last_change;
	uint32_t last_group;
	bool no_memory;
	struct weir_buf line, line2;
};

/* ---- order ---- */

/* UTF-8 text in the order of its UTF-16 units: characters above U+FFFF come before U+E000. */
static int compare_utf16(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	size_t n = na < nb ? na : nb;

	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i]) {
			if ((a[i] >= 0xf0) != (b[i] >= 0xf0) && a[i] >= 0xee && b[i] >= 0xee)
				return a[i] >= 0xf0 ? -1 : 1;
			return a[i] < b[i] ? -1 : 1;
		}
	return (na > nb) - (na < nb);
}

static int compare_names(const char *a, const char *b)
{
	return compare_utf16((const uint8_t *)a, strlen(a), (const uint8_t *)b, strlen(b));
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;
	int c = (x->op != NULL) - (y->op != NULL);

	if (c == 0 && x->op)
		c = memcmp(x->op->id.bytes, y->op->id.bytes, sizeof(x->op->id.bytes));
	if (c == 0)
		c = strcmp(x->kind, y->kind);
	return c ? c : compare_names(x->state, y->state);
}

static int compare_slices(struct weir_slice a, struct weir_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_ints(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static bool key_is_composite(const struct item *i)
{
	return i->e.undecodable && !i->e.change && i->e.key.ptr && !i->e.ns.ptr;
}

/* A record that describes a state comes before key group 0; what has no key group is sorted as 0. */
static int32_t sorting_group(const struct weir_entry *e)
{
	return e->key_group < 0 && !e->change ? 0 : e->key_group;
}

static void render(struct dump *d, const struct item *i, struct weir_buf *b)
{
	weir_buf_clear(b);
	if (i->e.state) {
		weir__dump_head(b, i->e.state->op);
		weir__dump_line(d->view, &i->e, b);
		return;
	}
	weir__dump_head(b, d->groups.items[i->group].op);
	if (i->e.subtask >= 0)
		weir_buf_printf(b, "\"sub\":%d,", i->e.subtask);
	weir_buf_printf(b, "\"kind\":\"%s\",\"state\":\"%s\"", d->groups.items[i->group].kind, d->groups.items[i->group].state);
	if (!i->why) {
		weir_buf_printf(b, ",\"from_subtask\":%lld,\"index\":%d,\"size\":%zu,\"value_hex\":\"", (long long)i->size, i->e.index, i->e.value.len);
		weir_buf_hex(b, i->e.value);
		weir_buf_text(b, "\"}");
		return;
	}
	if (i->e.key_group >= 0)
		weir_buf_printf(b, ",\"kg\":%d", i->e.key_group);
	weir_buf_printf(b, ",\"size\":%lld,\"undecodable\":", (long long)i->size);
	weir_json_text(b, i->why);
	weir_buf_u8(b, '}');
}

static int compare_items(const void *a, const void *b, void *arg)
{
	const struct item *x = a, *y = b;
	struct dump *d = arg;
	struct weir_slice none = { NULL, 0 };
	bool cx = key_is_composite(x), cy = key_is_composite(y);
	int c = compare_ints(d->groups.items[x->group].rank, d->groups.items[y->group].rank);

	if (c == 0)
		c = compare_ints(x->e.subtask < 0 ? 0 : x->e.subtask, y->e.subtask < 0 ? 0 : y->e.subtask);
	if (c == 0)
		c = compare_ints(sorting_group(&x->e), sorting_group(&y->e));
	if (c == 0)
		c = compare_slices(cx ? none : x->e.key, cy ? none : y->e.key);
	if (c == 0)
		c = compare_slices(x->e.ns, y->e.ns);
	if (c == 0)
		c = compare_slices(x->e.user_key, y->e.user_key);
	if (c == 0)
		c = compare_slices(cx ? x->e.key : none, cy ? y->e.key : none);
	if (c == 0)
		c = compare_ints(x->e.timestamp, y->e.timestamp);
	if (c == 0)
		c = compare_ints(x->e.index < 0 ? 0 : x->e.index, y->e.index < 0 ? 0 : y->e.index);
	if (c || x == y)
		return c;
	render(d, x, &d->line);
	render(d, y, &d->line2);
	return compare_utf16(d->line.data, d->line.len, d->line2.data, d->line2.len);
}

/* ---- the index ---- */

static uint32_t group_of(struct dump *d, const struct weir_operator_state *op, const char *kind, const char *state)
{
	struct group *g;

	for (size_t i = 0; i < d->groups.len; i++) {
		g = &d->groups.items[i];
		if (g->op == op && strcmp(g->kind, kind) == 0 && strcmp(g->state, state) == 0)
			return (uint32_t)i;
	}
	if (d->again) /* the first scan has seen them all */
		return UINT32_MAX;
	g = weir_vec_push(&d->groups);
	if (!g) {
		d->no_memory = true;
		return 0;
	}
	*g = (struct group){ .op = op, .kind = kind, .state = state };
	return (uint32_t)(d->groups.len - 1);
}

static void keep(struct dump *d, struct weir_slice *s)
{
	if (!s->ptr || s->len == 0 || weir__view_holds(d->view, *s))
		return;
	s->ptr = weir_arena_copy(&d->mem, s->ptr, s->len);
	if (!s->ptr)
		d->no_memory = true;
}

static void forget_items(struct dump *d)
{
	d->items.len = 0;
	weir_arena_reset(&d->mem);
}

static int add_entry(void *arg, const struct weir_entry *e)
{
	struct dump *d = arg;
	struct item *i;

	if (e->state != d->last_state || e->change != d->last_change) {
		d->last_state = e->state;
		d->last_change = e->change;
		d->last_group = group_of(d, e->state->op, e->change ? "change" : weir_state_kind_name(e->state->kind), e->state->name);
	}
	if (d->no_memory)
		return WEIR_ENOMEM;
	if (!d->again)
		d->groups.items[d->last_group].count++;
	if (d->again ? d->last_group != d->only : d->too_much)
		return 0;
	i = weir_vec_push(&d->items);
	if (!i)
		return WEIR_ENOMEM;
	*i = (struct item){ .e = *e, .group = d->last_group };
	keep(d, &i->e.key);
	keep(d, &i->e.ns);
	keep(d, &i->e.user_key);
	keep(d, &i->e.value);
	if (!d->again && d->items.len * sizeof(*i) + d->mem.total > d->limit) {
		d->too_much = true;
		weir_vec_fini(&d->items);
		weir_arena_fini(&d->mem);
	}
	return d->no_memory ? WEIR_ENOMEM : 0;
}

static void add_problem(void *arg, const struct weir_problem *p)
{
	struct dump *d = arg;
	struct item *i = d->again ? NULL : weir_vec_push(&d->rest);

	if (d->again)
		return; /* told by the first scan */
	if (!i) {
		d->no_memory = true;
		return;
	}
	*i = (struct item){ .e = { .subtask = p->subtask, .key_group = p->key_group, .index = -1, .damaged = weir_problem_is_damage(p) }, .size = p->size };
	i->group = group_of(d, p->op, p->kind, "");
	i->why = weir_arena_text(&d->rest_mem, p->text, strlen(p->text));
	if (!i->why || d->no_memory)
		d->no_memory = true;
	else
		d->groups.items[i->group].count++;
}

static int add_buffer(void *arg, const struct weir__dump_buffer *b)
{
	struct dump *d = arg;
	struct item *i = weir_vec_push(&d->rest);
	char name[64];
	const char *state;

	snprintf(name, sizeof(name), b->output ? "partition %d subpartition %d" : "gate %d channel %d", b->a, b->b);
	state = weir_arena_text(&d->rest_mem, name, strlen(name));
	if (!i || !state)
		return WEIR_ENOMEM;
	*i = (struct item){ .e = { .subtask = b->subtask, .key_group = -1, .index = b->index, .value = b->bytes }, .size = b->from_subtask };
	i->group = group_of(d, b->op, b->output ? "result-subpartition" : "input-channel", state);
	if (d->no_memory)
		return WEIR_ENOMEM;
	d->groups.items[i->group].count++;
	return 0;
}

static bool hold_map(void *arg, struct weir_fs_map *map)
{
	struct dump *d = arg;
	struct weir_fs_map **slot = weir_vec_push(&d->maps);

	if (slot)
		*slot = map;
	return slot != NULL;
}

/* ---- output ---- */

struct out {
	weir_put_fn *put;
	void *arg;
	struct weir_buf buf;
	struct weir_sha256 sha;
};

static int flush(struct out *o, size_t at_least, struct weir_error *err)
{
	int code = weir_buf_error(&o->buf);

	if (code)
		return weir_error_set(err, code, "no memory for a line of the dump");
	if (o->buf.len < at_least || o->buf.len == 0)
		return 0;
	code = o->put(o->arg, o->buf.data, o->buf.len, err);
	weir_buf_clear(&o->buf);
	return code;
}

static int print_items(struct dump *d, struct out *o, struct weir_dump_result *r, struct weir_error *err)
{
	struct weir_buf head = { 0 };
	uint32_t head_of = UINT32_MAX;
	int code = 0;

	for (size_t k = 0; k < d->items.len && code == 0; k++) {
		struct item *i = &d->items.items[k];
		struct weir__trouble trouble;
		size_t at = o->buf.len;

		if (!i->e.state) {
			render(d, i, &d->line);
			weir_buf_put_slice(&o->buf, weir_buf_slice(&d->line));
			r->undecodable += i->why != NULL;
			r->damaged += i->why != NULL && i->e.damaged;
		} else {
			if (head_of != i->group) {
				weir_buf_clear(&head);
				weir__dump_head(&head, i->e.state->op);
				head_of = i->group;
			}
			weir_buf_put_slice(&o->buf, weir_buf_slice(&head));
			trouble = weir__dump_line(d->view, &i->e, &o->buf);
			r->undecodable += trouble.what != NULL;
			r->damaged += trouble.what && trouble.damaged;
		}
		weir_buf_u8(&o->buf, '\n');
		if (weir_buf_error(&o->buf) == 0)
			weir_sha256_put(&o->sha, o->buf.data + at, o->buf.len - at);
		code = flush(o, 64 * 1024, err);
	}
	weir_buf_fini(&head);
	return code;
}

static int print_summary(struct dump *d, struct group **order, struct out *o, struct weir_dump_result *r, struct weir_error *err)
{
	uint8_t digest[32];
	struct weir_buf hex = { 0 }, name = { 0 };

	weir_sha256_done(&o->sha, digest);
	weir_buf_hex(&hex, (struct weir_slice){ digest, sizeof(digest) });
	if (hex.len == 64)
		memcpy(r->sha256, hex.data, 64);
	for (size_t i = 0; i < d->groups.len; i++)
		r->entries += d->groups.items[i].count;
	weir_buf_printf(&o->buf, "{\"summary\":{\"entries\":%llu,\"printed\":%llu,\"undecodable\":%llu,\"sha256\":\"%s\",\"counts\":{", (unsigned long long)r->entries,
			(unsigned long long)r->entries, (unsigned long long)r->undecodable, r->sha256);
	for (size_t i = 0; i < d->groups.len; i++) {
		char op[33] = "-";

		if (order[i]->op)
			weir_operator_id_hex(&order[i]->op->id, op);
		weir_buf_clear(&name);
		weir_buf_printf(&name, "%s %s %s", op, order[i]->kind, order[i]->state);
		if (i)
			weir_buf_u8(&o->buf, ',');
		weir_json_str(&o->buf, (const char *)name.data, name.len);
		weir_buf_printf(&o->buf, ":%llu", (unsigned long long)order[i]->count);
	}
	weir_buf_text(&o->buf, "}}}\n");
	weir_buf_fini(&hex);
	weir_buf_fini(&name);
	return flush(o, 0, err);
}

static struct group **rank_groups(struct dump *d)
{
	struct group **order = malloc((d->groups.len + 1) * sizeof(*order));

	if (!order)
		return NULL;
	for (size_t i = 0; i < d->groups.len; i++)
		order[i] = &d->groups.items[i];
	if (d->groups.len)
		qsort(order, d->groups.len, sizeof(struct group *), compare_groups);
	for (uint32_t i = 0; i < d->groups.len; i++)
		order[i]->rank = i;
	return order;
}

/* ---- pieces ---- */

/* Problems and in-flight data of a group, or (UINT32_MAX) all. */
static int add_rest(struct dump *d, uint32_t group)
{
	for (size_t i = 0; i < d->rest.len; i++) {
		struct item *slot;

		if (group != UINT32_MAX && d->rest.items[i].group != group)
			continue;
		slot = weir_vec_push(&d->items);
		if (!slot)
			return WEIR_ENOMEM;
		*slot = d->rest.items[i];
	}
	return 0;
}

static int print_piece(struct dump *d, struct out *o, struct weir_dump_result *r, struct weir_error *err)
{
	int code;

	if (d->items.len)
		qsort_r(d->items.items, d->items.len, sizeof(*d->items.items), compare_items, d);
	code = print_items(d, o, r, err);
	forget_items(d);
	return code;
}

/* Keep the entries of d->only that the scan gives. */
static int gather(struct dump *d, int32_t subtask, int32_t key_group, struct weir_error *err)
{
	const struct group *g = &d->groups.items[d->only];
	struct weir_scan scan = { .subtask = subtask, .key_group = key_group, .changes = true, .problem = add_problem, .problem_arg = d };
	int code = 0;

	for (uint32_t i = 0; i < weir_view_nstates(d->view) && code == 0; i++) {
		scan.state = weir_view_state(d->view, i);
		if (scan.state->op == g->op && strcmp(scan.state->name, g->state) == 0 &&
		    (strcmp(g->kind, "change") == 0 || strcmp(g->kind, weir_state_kind_name(scan.state->kind)) == 0))
			code = weir_view_scan(d->view, &scan, add_entry, d, err);
	}
	return code;
}

static bool is_split(const struct group *g)
{
	for (int k = 0; k <= WEIR_STATE_TIMER; k++)
		if (strcmp(g->kind, weir_state_kind_name((enum weir_state_kind)k)) == 0)
			return true;
	return false;
}

/* By index, whatever order they are stored in. */
static const struct weir_subtask_state *next_subtask(const struct weir_operator_state *op, int64_t after)
{
	const struct weir_subtask_state *next = NULL;

	for (uint32_t i = 0; i < op->nsubtasks; i++)
		if (op->subtasks[i].index > after && (!next || op->subtasks[i].index < next->index))
			next = &op->subtasks[i];
	return next;
}

static int print_group(struct dump *d, struct out *o, struct weir_dump_result *r, struct weir_error *err)
{
	const struct group *g = &d->groups.items[d->only];
	int code = 0;

	if (!is_split(g)) {
		code = gather(d, -1, -1, err);
		if (code == 0)
			code = add_rest(d, d->only);
		return code ? code : print_piece(d, o, r, err);
	}
	for (const struct weir_subtask_state *t = next_subtask(g->op, -1); t && code == 0; t = next_subtask(g->op, t->index)) {
		const struct weir_key_group_offsets *k = &t->managed_keyed.groups;

		for (uint32_t n = 0; n < k->count && code == 0; n++) {
			code = gather(d, (int32_t)t->index, k->first + (int32_t)n, err);
			if (code == 0)
				code = print_piece(d, o, r, err);
		}
	}
	return code;
}

static int print_all(struct dump *d, struct group **order, struct out *o, struct weir_dump_result *r, struct weir_error *err)
{
	int code = 0;

	if (!d->too_much) {
		code = add_rest(d, UINT32_MAX);
		return code ? code : print_piece(d, o, r, err);
	}
	d->again = true;
	for (size_t i = 0; i < d->groups.len && code == 0; i++) {
		d->only = (uint32_t)(order[i] - d->groups.items);
		code = print_group(d, o, r, err);
	}
	return code;
}

int weir__dump_within(struct weir_view *v, size_t limit, weir_put_fn *put, void *arg, struct weir_dump_result *out, struct weir_error *err)
{
	struct dump d = { .view = v, .limit = limit };
	struct out o = { .put = put, .arg = arg };
	struct weir_dump_result r = { 0 };
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct group **order = NULL;
	int code;

	weir_sha256_init(&o.sha);
	scan.changes = true;
	scan.problem = add_problem;
	scan.problem_arg = &d;
	code = weir_view_scan(v, &scan, add_entry, &d, err);
	if (code == 0)
		code = weir__dump_channels(v->ckpt, add_buffer, add_problem, hold_map, &d);
	if (code == 0)
		order = rank_groups(&d);
	if (code == 0 && (d.no_memory || !order))
		code = WEIR_ENOMEM;
	if (code == 0)
		code = print_all(&d, order, &o, &r, err);
	if (code == 0)
		code = print_summary(&d, order, &o, &r, err);
	if (code == WEIR_ENOMEM)
		weir_error_set(err, code, "no memory for an index of %zu entries", d.items.len);
	if (code == 0 && out)
		*out = r;
	free(order);
	for (size_t i = 0; i < d.maps.len; i++)
		weir_fs_unmap(d.maps.items[i]);
	weir_vec_fini(&d.maps);
	weir_vec_fini(&d.groups);
	weir_vec_fini(&d.items);
	weir_vec_fini(&d.rest);
	weir_arena_fini(&d.mem);
	weir_arena_fini(&d.rest_mem);
	weir_buf_fini(&d.line);
	weir_buf_fini(&d.line2);
	weir_buf_fini(&o.buf);
	return code;
}

int weir_dump(struct weir_view *v, weir_put_fn *put, void *arg, struct weir_dump_result *out, struct weir_error *err)
{
	return weir__dump_within(v, INDEX_BYTES, put, arg, out, err);
}
