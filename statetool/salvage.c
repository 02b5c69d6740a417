// SPDX-License-Identifier: Apache-2.0
/*
 * weir state verify --salvage.
 *
 * 1. Everything is read once to learn which handles are damaged. What is whole is copied as bytes, in the layout it has.
 * 2. Handles of one operator must be of one kind for Flink: when the keyed state of one subtask is damaged, that of all its subtasks is written anew as canonical streams.
 * 3. A file that is shorter than it was is read as far as it goes. An entry is taken when it decodes, fills its bytes and lies in the key group of its key. Where a key group as a whole does not come
 *    out right, nothing behind its first unsound entry is taken: it may have been read from a wrong place.
 * 4. Each loss is a line of the report when it is met; nothing is kept in memory but the elements of one damaged handle of operator state.
 * The source is opened twice: the view reads the one, the handles of the other come to mean the new files. IN is never written to; OUT is a savepoint when it is whole. One thread.
 */
#include "statetool/salvage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/vec.h"
#include "state/flink/keyed.h"
#include "state/flink/oper.h"
#include "statetool/pick.h"
#include "statetool/savepoint_out.h"

enum damage { KEYED = 1, OPERATOR = 2, RAW_KEYED = 4, RAW_OPERATOR = 8, CUT = 16 /* times one of them: the file of that handle has another size than it had */ };

struct salvage {
	struct weir_view *view;
	const struct weir_ckpt *from;   /* of the view */
	struct weir_ckpt *c;            /* becomes the new savepoint */
	struct weir_savepoint_out *out;
	struct weir_fs_out *report;
	struct weir_salvage_result *r;
	uint32_t *first;                /* of each operator, the first of its subtasks in: */
	uint8_t *marks;
	struct weir_buf line;
	struct weir_error *err;
	int code;                       /* the report could not be written */
};

/* ---- the report ---- */

struct loss {
	const struct weir_operator_state *op;
	int32_t subtask, key_group;     /* or -1 */
	const char *state, *kind, *path, *what;
	uint64_t from, to;              /* bytes of the file; WEIR_NO_OFFSET: not known */
	int64_t entries;                /* known to be lost, or -1 */
};

static void key_number(struct weir_buf *b, bool *first, const char *key, int64_t n)
{
	weir_json_key(b, first, key);
	weir_json_i64(b, n);
}

static void key_text(struct weir_buf *b, bool *first, const char *key, const char *text)
{
	weir_json_key(b, first, key);
	weir_json_text(b, text);
}

static void lose(struct salvage *s, const struct loss *l)
{
	struct weir_buf *b = &s->line;
	bool first = true;
	char label[512];

	weir_buf_clear(b);
	weir_buf_u8(b, '{');
	if (l->op)
		key_text(b, &first, "operator", weir_operator_label(l->op, NULL, label, sizeof(label)));
	if (l->subtask >= 0)
		key_number(b, &first, "subtask", l->subtask);
	key_text(b, &first, "kind", l->kind ? l->kind : "");
	if (l->state && l->state[0])
		key_text(b, &first, "state", l->state);
	if (l->key_group >= 0)
		key_number(b, &first, "keyGroup", l->key_group);
	if (l->path && l->path[0])
		key_text(b, &first, "file", l->path);
	if (l->from != WEIR_NO_OFFSET)
		key_number(b, &first, "from", (int64_t)l->from);
	if (l->from != WEIR_NO_OFFSET && l->to != WEIR_NO_OFFSET)
		key_number(b, &first, "to", (int64_t)l->to);
	key_text(b, &first, "what", l->what);
	weir_json_key(b, &first, "entries");
	if (l->entries >= 0)
		weir_json_i64(b, l->entries);
	else
		weir_buf_text(b, "null");
	weir_buf_text(b, "}\n");
	s->r->losses++;
	s->r->entries_lost += l->entries > 0 ? (uint64_t)l->entries : 0;
	if (s->code == 0)
		s->code = weir_buf_error(b) ? weir_error_set(s->err, WEIR_ENOMEM, "no memory for a loss report") : weir_fs_write(s->report, b->data, b->len, s->err);
}

/* ---- what is damaged ---- */

static enum damage damage_of(const char *kind)
{
	static const struct {
		const char *kind;
		enum damage damage;
	} rows[] = { { "operator", OPERATOR }, { "operator-list", OPERATOR }, { "operator-union", OPERATOR }, { "broadcast", OPERATOR }, { "raw-operator", RAW_OPERATOR },
		     { "raw-keyed", RAW_KEYED }, { "raw-timer", RAW_KEYED }, { "input-channel", 0 }, { "result-subpartition", 0 }, { "coordinator", 0 }, { "master", 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].kind, kind) == 0)
			return rows[i].damage;
	return KEYED;
}

static void mark(void *arg, const struct weir_problem *p)
{
	struct salvage *s = arg;
	uint32_t op;

	if (!weir_problem_is_damage(p) || !p->op || p->subtask < 0 || !p->kind)
		return;
	op = (uint32_t)(p->op - s->from->operators);
	for (uint32_t k = 0; k < p->op->nsubtasks; k++)
		if ((int32_t)p->op->subtasks[k].index == p->subtask)
			s->marks[s->first[op] + k] |= (uint8_t)damage_of(p->kind);
}

/* A file that is there but shorter or longer than it was: its handle takes the size it has. */
static bool cut(const struct weir_ckpt *c, struct weir_stream_handle *h)
{
	struct weir_stream_handle any = *h;
	struct weir_fs_stat st;
	struct weir_fs *fs;
	char *path = NULL;
	bool is = false;

	if ((h->kind != WEIR_HANDLE_FILE && h->kind != WEIR_HANDLE_RELATIVE) || h->size < 0)
		return false;
	any.size = -1;
	if (weir_ckpt_locate(c, &any, &fs, &path, NULL) == 0 && weir_fs_stat(fs, path, &st, NULL) == 0 && st.size != (uint64_t)h->size) {
		h->size = (int64_t)st.size;
		is = true;
	}
	free(path);
	return is;
}

static bool is_groups(const struct weir_keyed_handle *k)
{
	return k->kind == WEIR_KEYED_GROUPS || k->kind == WEIR_KEYED_GROUPS_OLD || k->kind == WEIR_KEYED_SAVEPOINT;
}

/* RocksDB's own options are no state: without them the rest can be read. */
static bool leave_options(const struct weir_ckpt *c, struct weir_keyed_handle *k)
{
	uint32_t kept = 0, n = k->nprivate;

	for (uint32_t i = 0; i < n; i++) {
		const struct weir_named_handle *f = &k->private_[i];
		struct weir_fs *fs;
		char *path = NULL;

		if (f->name.len > 8 && memcmp(f->name.ptr, "OPTIONS-", 8) == 0 && f->handle.kind != WEIR_HANDLE_INLINE && weir_ckpt_locate(c, &f->handle, &fs, &path, NULL))
			continue;
		free(path);
		k->private_[kept++] = *f;
	}
	k->nprivate = kept;
	return kept < n;
}

static uint8_t cut_subtask(const struct weir_ckpt *c, struct weir_subtask_state *t)
{
	uint8_t marks = 0;

	if (is_groups(&t->managed_keyed) && cut(c, &t->managed_keyed.stream))
		marks |= KEYED | KEYED * CUT;
	if (leave_options(c, &t->managed_keyed))
		marks |= KEYED;
	if (is_groups(&t->raw_keyed) && cut(c, &t->raw_keyed.stream))
		marks |= RAW_KEYED | RAW_KEYED * CUT;
	if (t->managed_operator.present && cut(c, &t->managed_operator.stream))
		marks |= OPERATOR | OPERATOR * CUT;
	if (t->raw_operator.present && cut(c, &t->raw_operator.stream))
		marks |= RAW_OPERATOR | RAW_OPERATOR * CUT;
	return marks;
}

static int cut_all(struct salvage *s, struct weir_ckpt *c, struct weir_error *err)
{
	uint32_t n = 0;

	free(s->first);
	s->first = calloc(c->noperators + 1u, sizeof(*s->first));
	for (uint32_t i = 0; s->first && i < c->noperators; i++) {
		s->first[i] = n;
		n += c->operators[i].nsubtasks;
	}
	if (!s->marks)
		s->marks = calloc(n + 1u, 1);
	if (!s->first || !s->marks)
		return weir_error_set(err, WEIR_ENOMEM, "no memory to salvage a checkpoint");
	for (uint32_t i = 0; i < c->noperators; i++)
		for (uint32_t k = 0; k < c->operators[i].nsubtasks; k++)
			s->marks[s->first[i] + k] |= cut_subtask(c, &c->operators[i].subtasks[k]);
	return 0;
}

/* ---- keyed state ---- */

struct keyed {
	struct salvage *s;
	struct weir__part *part;
	const struct weir_operator_state *op;
	const struct weir_keyed_handle *handle; /* as it was */
	struct weir_keyed_writer *w;
	int32_t key_group, state;
	bool broken;        /* the key group as a whole does not come out right */
	bool suspect;       /* and an unsound entry was met */
	uint64_t left_out;  /* entries behind it */
	char told[160];     /* the beginning of what concerns the whole handle: each key group finds it again */
	struct weir_error *err;
};

static void look(void *arg, const struct weir_problem *p)
{
	struct keyed *k = arg;

	k->broken |= weir_problem_is_damage(p) && !(p->state && p->state[0]);
}

/* Where the key group ends in the file. */
static uint64_t end_of_group(const struct keyed *k)
{
	const struct weir_key_group_offsets *g = &k->handle->groups;
	uint64_t end = WEIR_NO_OFFSET;
	int64_t from;

	if (!is_groups(k->handle) || k->key_group < g->first || (uint32_t)(k->key_group - g->first) >= g->count)
		return end;
	from = g->offsets[k->key_group - g->first];
	for (uint32_t i = 0; i < g->count; i++)
		if (g->offsets[i] > from && (uint64_t)g->offsets[i] < end)
			end = (uint64_t)g->offsets[i];
	return end != WEIR_NO_OFFSET ? end : (uint64_t)k->handle->stream.size;
}

static void keyed_loss(void *arg, const struct weir_problem *p)
{
	struct keyed *k = arg;
	bool entry = p->state && p->state[0];
	struct loss l = { .op = p->op, .subtask = p->subtask, .key_group = p->key_group, .state = p->state, .kind = p->kind, .path = p->path, .what = p->reason ? p->reason : p->text,
			  .from = p->offset, .to = WEIR_NO_OFFSET, .entries = entry ? 1 : -1 };

	if (entry && k->suspect)
		return; /* counted as left out */
	if (p->key_group < 0 && !entry) {
		if (strncmp(k->told, l.what, sizeof(k->told) - 1) == 0)
			return;
		snprintf(k->told, sizeof(k->told), "%s", l.what);
	}
	if (entry && p->bytes)
		l.to = p->offset + p->bytes;
	else if (!entry && p->key_group >= 0)
		l.to = end_of_group(k);
	lose(k->s, &l);
}

static int keyed_entry(void *arg, const struct weir_entry *e, bool sound)
{
	struct keyed *k = arg;
	int32_t state = weir_view_part_state(k->part, e->state);
	int code = k->s->code;

	if (!sound || k->suspect) {
		k->left_out += k->suspect;
		k->suspect |= k->broken;
		return code;
	}
	if (code == 0 && state >= 0 && state != k->state)
		code = weir_keyed_writer_state(k->w, (uint32_t)state, 0, k->err);
	k->state = state;
	if (code == 0 && state >= 0)
		code = weir_keyed_writer_entry(k->w, e->key, e->ns, e->user_key, e->value, e->timestamp, k->err);
	k->s->r->entries++;
	return code;
}

static int keyed_group(struct keyed *k)
{
	struct weir_check first = { .problem = look, .arg = k }, check = { .problem = keyed_loss, .entry = keyed_entry, .arg = k };
	int code = 0;

	k->state = -1;
	k->broken = k->suspect = false;
	k->left_out = 0;
	if (is_groups(k->handle))
		code = weir_view_check_part(k->s->view, k->part, k->key_group, &first, k->err);
	if (code == 0)
		code = weir_keyed_writer_group(k->w, k->key_group, k->err);
	if (code == 0)
		code = weir_view_check_part(k->s->view, k->part, k->key_group, &check, k->err);
	if (code == 0 && k->left_out) {
		struct loss l = { .op = k->op, .subtask = -1, .key_group = k->key_group, .kind = "keyed", .what = "entries behind the damage are left out: they may have been read from a wrong place",
				  .from = WEIR_NO_OFFSET, .entries = (int64_t)k->left_out };

		lose(k->s, &l);
	}
	return code ? code : k->s->code;
}

static bool can_be_written(const struct weir_keyed_meta *meta, struct weir_error *why)
{
	struct weir_buf b = { 0 };
	bool can = weir_keyed_write_meta(false, meta->key, meta->nstates, meta->states, &b, why) == 0;

	weir_buf_fini(&b);
	return can;
}

/* Nothing of the handle can be taken: the problems that reading it gives say why, or this one. */
static int lose_handle(struct salvage *s, struct weir__part *part, const struct weir_operator_state *op, const struct weir_subtask_state *t, const char *kind,
		       const struct weir_error *why)
{
	struct keyed k = { .s = s, .part = part, .op = op, .handle = &t->managed_keyed, .key_group = -1 };
	struct weir_check check = { .problem = keyed_loss, .arg = &k };
	struct loss l = { .op = op, .subtask = (int32_t)t->index, .key_group = -1, .kind = kind, .from = WEIR_NO_OFFSET, .entries = -1, .what = "it cannot be read" };
	uint64_t before = s->r->losses;
	int code = part && !why ? weir_view_check_part(s->view, part, -1, &check, s->err) : 0;

	if (why)
		l.what = why->msg, l.path = why->path;
	if (code == 0 && s->r->losses == before)
		lose(s, &l);
	return code ? code : s->code;
}

static int write_groups(struct keyed *k, const struct weir_keyed_meta *meta, struct weir_keyed_handle *to, struct weir_error *err)
{
	struct salvage *s = k->s;
	const struct weir_key_group_offsets *g = &k->handle->groups;
	int64_t *offsets = weir_arena_zero(s->c->arena, (g->count + 1u) * sizeof(*offsets));
	struct weir_stream_handle stream = { .kind = WEIR_HANDLE_RELATIVE };
	uint64_t size;
	int code = offsets ? weir_savepoint_out_open(s->out, s->c, &stream, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");

	if (code == 0)
		code = weir_keyed_writer_new(WEIR_FORMAT_FULL, meta->key, meta->nstates, meta->states, k->op->max_parallelism, g->first, g->count, weir_savepoint_out_put, s->out,
					     &k->w, err);
	for (uint32_t i = 0; i < g->count && code == 0; i++) {
		k->key_group = g->first + (int32_t)i;
		code = keyed_group(k);
	}
	if (code == 0)
		code = weir_keyed_writer_finish(k->w, offsets, &size, err);
	if (code == 0)
		code = weir_savepoint_out_end(s->out, s->c, &stream, err);
	weir_keyed_writer_free(k->w);
	if (code == 0)
		*to = (struct weir_keyed_handle){ .kind = WEIR_KEYED_SAVEPOINT, .groups = { g->first, g->count, offsets }, .stream = stream, .id = to->id };
	return code;
}

static int write_keyed(struct salvage *s, const struct weir_operator_state *op, const struct weir_subtask_state *from, struct weir_keyed_handle *to, struct weir_error *err)
{
	struct keyed k = { .s = s, .part = weir_view_part(s->view, &from->managed_keyed), .op = op, .handle = &from->managed_keyed, .err = err };
	const struct weir_keyed_meta *meta = k.part ? weir_view_part_keyed(k.part) : NULL;
	const struct weir_key_group_offsets *g = &from->managed_keyed.groups;
	struct weir_error why = WEIR_ERROR_INIT;
	bool lost = !meta;

	if (meta && (g->count == 0 || g->first < 0 || (uint64_t)g->first + g->count > op->max_parallelism))
		lost = weir_error_set(&why, WEIR_ECORRUPT, "its key groups do not lie within max parallelism %u", op->max_parallelism) != 0;
	else if (meta)
		lost = !can_be_written(meta, &why);
	if (!lost)
		return write_groups(&k, meta, to, err);
	*to = (struct weir_keyed_handle){ .kind = WEIR_KEYED_NONE };
	return lose_handle(s, k.part, op, from, "keyed", meta ? &why : NULL);
}

/* ---- raw keyed state: the bytes of whole key groups, or none of them ---- */

struct bad_groups {
	struct salvage *s;
	struct weir_key_group_offsets *groups;
	bool all;
};

static void bad_group(void *arg, const struct weir_problem *p)
{
	struct bad_groups *b = arg;
	struct weir_key_group_offsets *g = b->groups;
	struct loss l = { .op = p->op, .subtask = p->subtask, .key_group = p->key_group, .state = p->state, .kind = p->kind, .path = p->path, .what = p->reason ? p->reason : p->text,
			  .from = p->offset, .to = WEIR_NO_OFFSET, .entries = -1 };

	if (!weir_problem_is_damage(p))
		return;
	if (p->key_group < g->first || (uint32_t)(p->key_group - g->first) >= g->count)
		b->all = true;
	else if (g->offsets[p->key_group - g->first] >= 0)
		g->offsets[p->key_group - g->first] = -1;
	else
		return; /* told */
	lose(b->s, &l);
}

static int copy_raw_keyed(struct salvage *s, const struct weir_operator_state *op, const struct weir_subtask_state *from, struct weir_keyed_handle *to, bool is_cut,
			  struct weir_error *err)
{
	struct weir__part *part = weir_view_part(s->view, &from->raw_keyed);
	struct weir_key_group_offsets *g = &to->groups;
	struct bad_groups b = { s, g, part == NULL };
	struct weir_check check = { .problem = bad_group, .arg = &b };
	uint32_t last = 0;
	int code = part ? weir_view_check_part(s->view, part, -1, &check, err) : 0;

	for (uint32_t i = 0; i < g->count; i++) /* what the end of the file cuts has no end of its own */
		if (g->offsets[i] > g->offsets[last])
			last = i;
	if (code == 0 && is_cut && !b.all && g->count && g->offsets[last] >= 0) {
		struct loss l = { .op = op, .subtask = (int32_t)from->index, .key_group = g->first + (int32_t)last, .kind = "raw-keyed", .what = "the file ends here, and not where it did",
				  .from = (uint64_t)g->offsets[last], .to = WEIR_NO_OFFSET, .entries = -1 };

		g->offsets[last] = -1;
		lose(s, &l);
	}
	if (code || s->code)
		return code ? code : s->code;
	if (!b.all)
		return weir_savepoint_out_copy_keyed(s->out, s->c, to, err);
	*to = (struct weir_keyed_handle){ .kind = WEIR_KEYED_NONE };
	return 0;
}

/* ---- operator state ---- */

struct elements {
	struct salvage *s;
	struct weir__part *part;
	const struct weir_operator_state *op;
	const uint8_t *end;             /* of a file that has another size: what reaches it may not be what it was */
	WEIR_VEC(struct weir_slice) *of; /* by state; broadcast: key and value in turn */
	struct weir_arena mem;
	struct weir_error *err;
};

static int keep(struct elements *x, int32_t state, struct weir_slice bytes)
{
	struct weir_slice *slot = weir_vec_push(&x->of[state]);
	uint8_t *copy = weir_arena_copy(&x->mem, bytes.len ? bytes.ptr : (const uint8_t *)"", bytes.len ? bytes.len : 1);

	if (!slot || !copy)
		return weir_error_set(x->err, WEIR_ENOMEM, "no memory for operator state");
	*slot = (struct weir_slice){ copy, bytes.len };
	return 0;
}

static int element(void *arg, const struct weir_entry *e, bool sound)
{
	struct elements *x = arg;
	int32_t state = weir_view_part_state(x->part, e->state);
	int code = x->s->code;

	if (!sound || state < 0 || code)
		return code;
	if (x->end && e->value.ptr + e->value.len == x->end) {
		struct loss l = { .op = x->op, .subtask = e->subtask, .key_group = -1, .state = e->state->name, .kind = weir_state_kind_name(e->state->kind),
				  .what = "the file ends with this element, and not where it did", .from = WEIR_NO_OFFSET, .entries = 1 };

		lose(x->s, &l);
		return x->s->code;
	}
	if (e->user_key.ptr)
		code = keep(x, state, e->user_key);
	if (code == 0)
		code = keep(x, state, e->value);
	x->s->r->entries++;
	return code;
}

/* The states as weir_oper_write() takes them: a broadcast state is one element of all its entries. */
static int gather(struct elements *x, const struct weir_oper_header *header, struct weir_oper_state *states)
{
	struct weir_buf b = { 0 };
	int code = 0;

	for (uint32_t i = 0; i < header->nstates && code == 0; i++) {
		states[i] = (struct weir_oper_state){ .meta = header->states[i], .count = (uint32_t)x->of[i].len, .elements = x->of[i].items };
		states[i].meta.list = NULL;
		if (header->states[i].mode != WEIR_BROADCAST)
			continue;
		weir_buf_clear(&b);
		weir_buf_u32(&b, (uint32_t)(x->of[i].len / 2));
		for (size_t k = 0; k < x->of[i].len; k++)
			weir_buf_put_slice(&b, x->of[i].items[k]);
		x->of[i].len = 0;
		code = weir_buf_error(&b) ? weir_error_set(x->err, WEIR_ENOMEM, "no memory for operator state") : keep(x, (int32_t)i, weir_buf_slice(&b));
		states[i].elements = x->of[i].items;
		states[i].count = 1;
	}
	weir_buf_fini(&b);
	return code;
}

static int put_operator(struct elements *x, const struct weir_oper_header *header, struct weir_operator_handle *to)
{
	struct weir_oper_state *states = calloc(header->nstates + 1u, sizeof(*states));
	struct salvage *s = x->s;
	struct weir_buf stream = { 0 };
	struct weir_operator_handle h = { .present = true, .stream = to->stream };
	int code = states ? gather(x, header, states) : weir_error_set(x->err, WEIR_ENOMEM, "no memory for operator state");

	if (code == 0)
		code = weir_oper_write(header->nstates, states, s->c->version >= 5 ? 6 : 5, &stream, s->c->arena, &h, x->err);
	if (code == 0)
		code = weir_savepoint_out_open(s->out, s->c, &h.stream, x->err);
	if (code == 0)
		code = weir_savepoint_out_put(s->out, stream.data, stream.len, x->err);
	if (code == 0)
		code = weir_savepoint_out_end(s->out, s->c, &h.stream, x->err);
	if (code == 0)
		*to = h;
	weir_buf_fini(&stream);
	free(states);
	return code;
}

static void element_loss(void *arg, const struct weir_problem *p)
{
	struct elements *x = arg;
	bool entry = p->state && p->state[0];
	struct loss l = { .op = p->op, .subtask = p->subtask, .key_group = -1, .state = p->state, .kind = p->kind, .path = p->path, .what = p->reason ? p->reason : p->text,
			  .from = p->offset, .to = entry && p->bytes ? p->offset + p->bytes : WEIR_NO_OFFSET, .entries = entry ? 1 : -1 };

	lose(x->s, &l);
}

static int write_operator(struct salvage *s, const struct weir_operator_state *op, const struct weir_subtask_state *from, struct weir_operator_handle *to, bool is_cut,
			  struct weir_error *err)
{
	struct elements x = { .s = s, .part = weir_view_part(s->view, &from->managed_operator), .op = op, .err = err };
	const struct weir_oper_header *header = x.part ? weir_view_part_oper(x.part) : NULL;
	struct weir_check check = { .problem = element_loss, .entry = element, .arg = &x };
	int code;

	if (!header) {
		*to = (struct weir_operator_handle){ .present = false };
		return lose_handle(s, x.part, op, from, "operator", NULL);
	}
	x.of = calloc(header->nstates + 1u, sizeof(*x.of));
	if (!x.of)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for operator state");
	if (is_cut)
		x.end = weir_view_part_bytes(x.part).ptr + weir_view_part_bytes(x.part).len;
	code = weir_view_check_part(s->view, x.part, -1, &check, err);
	if (code == 0)
		code = s->code ? s->code : put_operator(&x, header, to);
	for (uint32_t i = 0; i < header->nstates; i++)
		weir_vec_fini(&x.of[i]);
	free(x.of);
	weir_arena_fini(&x.mem);
	return code;
}

/* ---- everything ---- */

static int lose_whole(struct salvage *s, const struct weir_operator_state *op, int32_t subtask, const char *kind, const struct weir_error *why)
{
	struct loss l = { .op = op, .subtask = subtask, .key_group = -1, .kind = kind, .path = why->path, .what = why->msg, .from = WEIR_NO_OFFSET, .entries = -1 };

	lose(s, &l);
	return s->code;
}

/* In-flight data whose file is there; the others are left out. */
static int copy_channels(struct salvage *s, const struct weir_operator_state *op, int32_t subtask, struct weir_channel_handle *h, uint32_t *n, const char *kind, struct weir_error *err)
{
	uint32_t kept = 0;
	int code = 0;

	for (uint32_t i = 0; i < *n && code == 0; i++) {
		struct weir_error why = WEIR_ERROR_INIT;
		struct weir_fs_map *map = NULL;
		struct weir_slice bytes;
		char *path = NULL;

		if (weir_ckpt_bytes(s->c, &h[i].stream, &map, &bytes, &path, &why)) {
			code = lose_whole(s, op, subtask, kind, &why);
		} else {
			code = weir_savepoint_out_copy(s->out, s->c, &h[i].stream, err);
			h[kept++] = h[i];
		}
		weir_fs_unmap(map);
		free(path);
	}
	*n = kept;
	return code;
}

static int write_subtask(struct salvage *s, const struct weir_operator_state *op, uint32_t i, uint32_t k, bool keyed, struct weir_error *err)
{
	const struct weir_subtask_state *from = &op->subtasks[k];
	struct weir_subtask_state *to = &s->c->operators[i].subtasks[k];
	uint8_t marks = s->marks[s->first[i] + k];
	int code = 0;

	if (from->managed_keyed.kind != WEIR_KEYED_NONE)
		code = keyed ? write_keyed(s, op, from, &to->managed_keyed, err) : weir_savepoint_out_copy_keyed(s->out, s->c, &to->managed_keyed, err);
	if (code == 0 && from->raw_keyed.kind != WEIR_KEYED_NONE)
		code = marks & RAW_KEYED ? copy_raw_keyed(s, op, from, &to->raw_keyed, marks & RAW_KEYED * CUT, err)
					 : weir_savepoint_out_copy_keyed(s->out, s->c, &to->raw_keyed, err);
	if (code == 0 && from->managed_operator.present)
		code = marks & OPERATOR ? write_operator(s, op, from, &to->managed_operator, marks & OPERATOR * CUT, err)
					: weir_savepoint_out_copy_operator(s->out, s->c, &to->managed_operator, err);
	if (code == 0 && from->raw_operator.present && marks & RAW_OPERATOR) {
		to->raw_operator = (struct weir_operator_handle){ .present = false };
		code = lose_handle(s, weir_view_part(s->view, &from->raw_operator), op, from, "raw-operator", NULL);
	} else if (code == 0) {
		code = weir_savepoint_out_copy_operator(s->out, s->c, &to->raw_operator, err);
	}
	if (code == 0)
		code = copy_channels(s, op, (int32_t)from->index, to->inputs, &to->ninputs, "input-channel", err);
	if (code == 0)
		code = copy_channels(s, op, (int32_t)from->index, to->outputs, &to->noutputs, "result-subpartition", err);
	return code;
}

static int write_all(struct salvage *s, struct weir_error *err)
{
	char label[512];
	int code = 0;

	for (uint32_t i = 0; i < s->from->noperators && code == 0; i++) {
		const struct weir_operator_state *op = &s->from->operators[i];
		bool keyed = false;

		for (uint32_t k = 0; k < op->nsubtasks; k++)
			keyed |= (s->marks[s->first[i] + k] & KEYED) != 0;
		for (uint32_t k = 0; k < op->nsubtasks && code == 0; k++)
			code = write_subtask(s, op, i, k, keyed, err);
		if (code)
			weir_error_wrap(err, "operator %s", weir_operator_label(op, NULL, label, sizeof(label)));
	}
	return code;
}

/* The source twice: one for the view, one to be changed; files of another size than they had have the sizes they have, in both. */
static int open_twice(struct salvage *s, const char *uri, struct weir_error *err)
{
	struct weir_ckpt *c = NULL;
	int code = weir_ckpt_open(uri, &c, err);

	if (code == 0)
		code = weir_ckpt_open(c->path, &s->c, err);
	if (code == 0)
		code = cut_all(s, s->c, err);
	if (code == 0)
		code = cut_all(s, c, err);
	if (code == 0)
		code = weir_view_open(c, &s->view, err);
	if (code) {
		weir_ckpt_close(c);
		return code;
	}
	s->from = weir_view_ckpt(s->view);
	return 0;
}

static int write_savepoint(struct salvage *s, const char *out, struct weir_error *err)
{
	int32_t version = s->c->version < WEIR_META_OLDEST ? WEIR_META_OLDEST : s->c->version;
	int code = weir_savepoint_out_begin(out, &s->out, err);

	if (code)
		return code;
	code = weir_savepoint_out_side(s->out, "loss-report.ndjson", &s->report, err);
	if (code == 0)
		code = write_all(s, err);
	if (code == 0)
		code = s->code;
	if (code == 0)
		code = weir_fs_sync(s->report, err);
	if (code == 0) {
		code = weir_fs_close(s->report, err);
		s->report = NULL;
	}
	weir_fs_abort(s->report);
	if (code)
		weir_savepoint_out_abort(s->out);
	return code ? code : weir_savepoint_out_complete(s->out, s->c, version, err);
}

int weir_state_salvage(const char *uri, const char *out, struct weir_salvage_result *result, struct weir_error *err)
{
	struct salvage s = { .r = result, .err = err };
	struct weir_check check = { .problem = mark, .arg = &s };
	int code;

	*result = (struct weir_salvage_result){ 0 };
	code = open_twice(&s, uri, err);
	if (code && weir_code_disposition(code) == WEIR_DAMAGED)
		weir_error_wrap(err, "nothing can be salvaged when the metadata does not say what the files are");
	if (code == 0)
		code = weir_view_check(s.view, &check, err);
	if (code == 0)
		code = write_savepoint(&s, out, err);
	weir_view_close(s.view);
	weir_ckpt_close(s.c);
	weir_buf_fini(&s.line);
	free(s.first);
	free(s.marks);
	return code;
}
