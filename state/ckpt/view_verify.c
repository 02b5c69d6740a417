/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification: read everything, tell every finding.
 *
 * 1. A scan with a problem function reads the parts; what it cannot open or take apart is told there, each entry's content is checked here.
 * 2. Files below other handles (RocksDB's, changelog's, in-flight data) must be there with their sizes, each told once.
 * 3. The key-group ranges of an operator's subtasks are those Flink computes from parallelism and max parallelism.
 * A whole checkpoint gives no finding. Values of unknown serializers are not looked into.
 */
#include "state/ckpt/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "state/ckpt/view_priv.h"
#include "state/flink/keyed_priv.h"

struct verify {
	struct weir_view *view;
	weir_problem_fn *fn;
	int (*entry)(void *arg, const struct weir_entry *e, bool sound);
	void *arg;
	struct weir_arena scratch;
	WEIR_VEC(char *) told; /* files that are missing or short: told once, not again by whoever needs them */
};

/* ---- entries ---- */

/* The part that the entry is in; of a state that several handles of a subtask hold, the one whose bytes it points into. */
static const struct weir__part *part_of(const struct weir_view *view, const struct weir_entry *e)
{
	const struct weir__part *found = NULL;

	for (size_t i = 0; i < view->parts.len; i++) {
		const struct weir__part *part = &view->parts.items[i];

		for (uint32_t k = 0; part->op == e->state->op && part->subtask == e->subtask && k < part->ninfos; k++)
			if (part->infos[k] == e->state && part->path)
				found = part;
	}
	return found;
}

/* Where the entry's bytes lie in the file, when they are there as they are (not compressed, not in RocksDB files). */
static void place_entry(const struct weir__part *part, const struct weir_entry *e, struct weir_problem *p)
{
	const struct weir_slice parts[] = { e->key, e->ns, e->user_key, e->value };
	const uint8_t *from = NULL, *to = NULL;

	for (size_t i = 0; i < 4; i++) {
		const struct weir_slice s = parts[i];

		if (!s.ptr || !s.len || !part->bytes.ptr || s.ptr < part->bytes.ptr || s.ptr + s.len > part->bytes.ptr + part->bytes.len)
			continue;
		if (!from || s.ptr < from)
			from = s.ptr;
		if (!to || s.ptr + s.len > to)
			to = s.ptr + s.len;
	}
	if (!from || part->stream->kind == WEIR_HANDLE_INLINE)
		return;
	p->offset = (uint64_t)(from - part->bytes.ptr) + (part->stream->kind == WEIR_HANDLE_SEGMENT ? (uint64_t)part->stream->start : 0);
	p->bytes = (uint64_t)(to - from);
}

static void tell_entry(struct verify *v, const struct weir_entry *e, int code, const char *what)
{
	char op[160], text[900], where[64] = "", subtask[32] = "";
	const struct weir__part *part = part_of(v->view, e);
	struct weir_problem p = { .path = part ? part->path : "", .offset = WEIR_NO_OFFSET, .operator_ = weir__operator_text(e->state->op, op, sizeof(op)),
				  .state = e->state->name, .code = code, .text = text, .reason = what, .op = e->state->op, .subtask = e->subtask, .key_group = e->key_group,
				  .kind = weir_state_kind_name(e->state->kind), .size = -1 };
	struct weir_buf key = { 0 };

	if (part && part->stream)
		place_entry(part, e, &p);
	if (e->key_group >= 0)
		snprintf(where, sizeof(where), ", key group %d", e->key_group);
	else if (e->index >= 0)
		snprintf(where, sizeof(where), ", element %d", e->index);
	if (e->subtask >= 0)
		snprintf(subtask, sizeof(subtask), ", subtask %d", e->subtask);
	weir_buf_hex(&key, (struct weir_slice){ e->key.ptr, e->key.len < 64 ? e->key.len : 64 });
	snprintf(text, sizeof(text), "operator %s%s, state '%.100s'%s%s%s: %s", op, subtask, e->state->name, where, key.len ? ", key " : "", weir_buf_cstr(&key), what);
	weir_buf_fini(&key);
	weir_text_visible(op, sizeof(op), false);
	weir_text_visible(text, sizeof(text), false);
	v->fn(v->arg, &p);
}

/* Does a value of the type fill the bytes? */
static const char *check_whole(const struct weir_type *t, struct weir_slice s)
{
	struct weir_src src = weir_src_of(s, NULL, 0);

	if (!t || weir__keyed_is_opaque(t))
		return NULL;
	if (weir_type_skip(t, &src) == 0)
		weir_src_end(&src, "bytes are left behind the value");
	return src.code ? src.what : NULL;
}

static const char *check_list(const struct weir_state_info *info, struct weir_slice s)
{
	struct weir_src src = weir_src_of(s, NULL, 0);

	if (info->stored->kind != WEIR_LIST)
		return check_whole(info->value, s);
	if (weir__keyed_is_opaque(info->value))
		return NULL;
	while (weir_src_left(&src))
		if (weir_type_skip(info->value, &src) == 0 && weir_src_left(&src) && weir_src_u8(&src) != 0x2c)
			weir_src_fail(&src, WEIR_ECORRUPT, "the elements of a list are not joined by the byte 2c");
	return src.code ? src.what : NULL;
}

static const char *check_value(const struct weir_entry *e)
{
	const struct weir_state_info *info = e->state;

	switch (info->kind) {
	case WEIR_STATE_VALUE: case WEIR_STATE_REDUCING: case WEIR_STATE_FOLDING: case WEIR_STATE_AGGREGATING: case WEIR_STATE_BROADCAST:
		return check_whole(info->value, e->value);
	case WEIR_STATE_LIST:
		return check_list(info, e->value);
	case WEIR_STATE_MAP:
		if (info->stored->kind != WEIR_MAP)
			return NULL;
		if (e->value.len == 0)
			return "the value of a map entry has no null flag";
		if (e->value.ptr[0] > 1)
			return "the null flag of a map entry is neither 0 nor 1";
		return e->value.ptr[0] ? NULL : check_whole(info->value, (struct weir_slice){ e->value.ptr + 1, e->value.len - 1 });
	default:
		return NULL;
	}
}

/* What is wrong with the entry was told: false. */
static bool is_sound(struct verify *v, const struct weir_entry *e)
{
	const struct weir_state_info *info = e->state;
	const char *what;
	char text[160];
	uint32_t group;

	if (e->undecodable) {
		tell_entry(v, e, e->damaged ? WEIR_ECORRUPT : WEIR_ENOTYPE, e->undecodable);
		return false;
	}
	what = check_value(e);
	if (what)
		tell_entry(v, e, WEIR_ECORRUPT, what);
	if (e->key.ptr && info->key && e->key_group >= 0 &&
	    weir_keyed_group_of(info->key, e->key, info->op->max_parallelism, &v->scratch, &group) && group != (uint32_t)e->key_group) {
		snprintf(text, sizeof(text), "the key belongs to key group %u: Flink would not find it where it is", group);
		tell_entry(v, e, WEIR_ECORRUPT, text);
		return false;
	}
	return !what;
}

static int check_entry(void *arg, const struct weir_entry *e)
{
	struct verify *v = arg;
	bool sound = is_sound(v, e);

	return v->entry ? v->entry(v->arg, e, sound) : 0;
}

/* ---- files nobody reads ---- */

static int remember(struct verify *v, const char *path, struct weir_error *err)
{
	char **slot = weir_vec_push(&v->told);

	if (slot)
		*slot = strdup(path);
	return slot && *slot ? 0 : weir_error_set(err, WEIR_ENOMEM, "no memory to verify a checkpoint");
}

static void scan_problem(void *arg, const struct weir_problem *p)
{
	struct verify *v = arg;

	for (size_t i = 0; i < v->told.len; i++)
		if (p->path[0] && weir_problem_is_damage(p) && strcmp(v->told.items[i], p->path) == 0)
			return;
	v->fn(v->arg, p);
}

static int check_file(struct verify *v, const struct weir_operator_state *op, int32_t subtask, const struct weir_stream_handle *h, const char *kind,
		      struct weir_error *err)
{
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_fs_map *map = NULL;
	struct weir_slice bytes;
	char *path = NULL;
	int code;

	if (h->kind == WEIR_HANDLE_NONE || h->kind == WEIR_HANDLE_INLINE || h->kind == WEIR_HANDLE_EMPTY_SEGMENT)
		return 0;
	code = weir_ckpt_bytes(v->view->ckpt, h, &map, &bytes, &path, &why);
	if (code == WEIR_ENOMEM)
		return weir_error_set(err, code, "%s", why.msg);
	if (code) {
		struct weir__part part = { .class_ = WEIR__PART_KEYED, .op = op, .subtask = subtask, .stream = h, .path = path };
		struct weir__problem_text text;
		struct weir_problem p;

		weir__problem_fill(&p, &text, &part, &why);
		p.kind = kind;
		v->fn(v->arg, &p);
		code = remember(v, p.path, err);
	}
	if (map)
		weir_fs_unmap(map);
	free(path);
	return code;
}

static int check_keyed_files(struct verify *v, const struct weir_operator_state *op, int32_t subtask, const struct weir_keyed_handle *k, int depth,
			     struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < k->nshared && code == 0; i++)
		code = check_file(v, op, subtask, &k->shared[i].handle, "files", err);
	for (uint32_t i = 0; i < k->nprivate && code == 0; i++)
		code = check_file(v, op, subtask, &k->private_[i].handle, "files", err);
	for (uint32_t i = 0; i < k->nfiles && code == 0; i++)
		code = check_file(v, op, subtask, &k->files[i].handle, "files", err);
	if (depth == 0)
		return code;
	for (uint32_t i = 0; i < k->nmaterialized && code == 0; i++) {
		code = check_file(v, op, subtask, &k->materialized[i].stream, "files", err);
		if (code == 0)
			code = check_keyed_files(v, op, subtask, &k->materialized[i], depth - 1, err);
	}
	for (uint32_t i = 0; i < k->nincrements && code == 0; i++)
		code = check_keyed_files(v, op, subtask, &k->increments[i], depth - 1, err);
	return code;
}

static int check_files(struct verify *v, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < v->view->ckpt->noperators; i++) {
		const struct weir_operator_state *op = &v->view->ckpt->operators[i];

		for (uint32_t k = 0; k < op->nsubtasks && code == 0; k++) {
			const struct weir_subtask_state *s = &op->subtasks[k];

			code = check_keyed_files(v, op, (int32_t)s->index, &s->managed_keyed, 2, err);
			for (uint32_t c = 0; c < s->ninputs && code == 0; c++)
				code = check_file(v, op, (int32_t)s->index, &s->inputs[c].stream, "input-channel", err);
			for (uint32_t c = 0; c < s->noutputs && code == 0; c++)
				code = check_file(v, op, (int32_t)s->index, &s->outputs[c].stream, "result-subpartition", err);
		}
	}
	return code;
}

/* ---- ranges ---- */

static void tell_range(struct verify *v, const struct weir_operator_state *op, int32_t subtask, const char *what)
{
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir__part part = { .class_ = WEIR__PART_KEYED, .op = op, .subtask = subtask };
	struct weir__problem_text text;
	struct weir_problem p;

	weir_error_at(&why, WEIR_ECORRUPT, v->view->ckpt->path, WEIR_NO_OFFSET, "%s", what);
	weir__problem_fill(&p, &text, &part, &why);
	v->fn(v->arg, &p);
}

static void check_subtask_range(struct verify *v, const struct weir_operator_state *op, const struct weir_subtask_state *s, uint8_t *owned)
{
	const struct weir_key_group_offsets *g = &s->managed_keyed.groups;
	uint64_t max = op->max_parallelism, p = op->parallelism;
	int64_t first = (int64_t)((s->index * max + p - 1) / p), last = (int64_t)(((s->index + 1) * max - 1) / p);
	char text[200];

	if (g->count == 0)
		return;
	if (g->first < 0 || (uint64_t)g->first + g->count > max) {
		snprintf(text, sizeof(text), "its key groups %d to %lld do not lie within max parallelism %u", g->first, (long long)g->first + g->count - 1, op->max_parallelism);
		tell_range(v, op, (int32_t)s->index, text);
		return;
	}
	if (g->first != first || (int64_t)g->first + g->count - 1 != last) {
		snprintf(text, sizeof(text), "its key groups are %d to %lld where parallelism %u of %u gives %lld to %lld", g->first,
			 (long long)g->first + g->count - 1, op->parallelism, op->max_parallelism, (long long)first, (long long)last);
		tell_range(v, op, (int32_t)s->index, text);
	}
	for (uint32_t i = 0; i < g->count; i++)
		if (owned[g->first + (int32_t)i]++) {
			snprintf(text, sizeof(text), "key group %d belongs to more than one subtask", g->first + (int32_t)i);
			tell_range(v, op, (int32_t)s->index, text);
			return;
		}
}

static int check_ranges(struct verify *v, struct weir_error *err)
{
	for (uint32_t i = 0; i < v->view->ckpt->noperators; i++) {
		const struct weir_operator_state *op = &v->view->ckpt->operators[i];
		uint8_t *owned;

		if (op->max_parallelism == 0 || op->max_parallelism > 32768 || op->parallelism == 0)
			continue; /* opening the parts has told it */
		owned = calloc(op->max_parallelism, 1);
		if (!owned)
			return weir_error_set(err, WEIR_ENOMEM, "no memory for %u key groups", op->max_parallelism);
		for (uint32_t k = 0; k < op->nsubtasks; k++) {
			if (op->subtasks[k].index >= op->parallelism)
				tell_range(v, op, (int32_t)op->subtasks[k].index, "there is no such subtask at this parallelism");
			else if (op->subtasks[k].managed_keyed.kind != WEIR_KEYED_NONE)
				check_subtask_range(v, op, &op->subtasks[k], owned);
		}
		free(owned);
	}
	return 0;
}

static int read_all(struct verify *v, struct weir__part *part, int32_t key_group, struct weir_error *err)
{
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct weir_error local = WEIR_ERROR_INIT;
	int code;

	scan.problem = scan_problem;
	scan.problem_arg = v;
	scan.key_group = key_group;
	code = part ? weir__scan_part(v->view, part, &scan, check_entry, v, err ? err : &local) : weir_view_scan(v->view, &scan, check_entry, v, err);
	weir_arena_fini(&v->scratch);
	return code;
}

int weir_view_check(struct weir_view *view, const struct weir_check *check, struct weir_error *err)
{
	struct verify v = { .view = view, .fn = check->problem, .entry = check->entry, .arg = check->arg };
	int code = check_ranges(&v, err);

	if (code == 0)
		code = check_files(&v, err);
	if (code == 0)
		code = read_all(&v, NULL, -1, err);
	for (size_t i = 0; i < v.told.len; i++)
		free(v.told.items[i]);
	weir_vec_fini(&v.told);
	return code;
}

int weir_view_verify(struct weir_view *view, weir_problem_fn *fn, void *arg, struct weir_error *err)
{
	struct weir_check check = { .problem = fn, .arg = arg };

	return weir_view_check(view, &check, err);
}

/* ---- one handle ---- */

struct weir__part *weir_view_part(const struct weir_view *v, const void *handle)
{
	for (size_t i = 0; i < v->parts.len; i++)
		if (v->parts.items[i].keyed == handle || v->parts.items[i].oper == handle)
			return &v->parts.items[i];
	return NULL;
}

int weir_view_check_part(struct weir_view *view, struct weir__part *part, int32_t key_group, const struct weir_check *check, struct weir_error *err)
{
	struct verify v = { .view = view, .fn = check->problem, .entry = check->entry, .arg = check->arg };

	return read_all(&v, part, key_group, err);
}

const struct weir_keyed_meta *weir_view_part_keyed(const struct weir__part *part) { return part->failure ? NULL : part->meta; }
const struct weir_oper_header *weir_view_part_oper(const struct weir__part *part) { return part->failure ? NULL : part->header; }
struct weir_slice weir_view_part_bytes(const struct weir__part *part) { return part->bytes; }

int32_t weir_view_part_state(const struct weir__part *part, const struct weir_state_info *info)
{
	for (uint32_t i = 0; i < part->ninfos; i++)
		if (part->infos[i] == info)
			return (int32_t)i;
	return -1;
}
