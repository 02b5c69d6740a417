/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are changelogs (handle tags 8 and 14): what is materialized, of any other layout, and the changes since.
 *
 * 1. The materialized handles are parts of their own below this one. Their states come first, then those that only the log defines.
 * 2. A scan delivers the state that both make together: materialized entries that the log does not touch, and what the log says. With scan->changes it delivers
 *    both as they are stored.
 * 3. Records are resolved when the view opens; what they make is built by the first scan, once (view->lock), and only read after that.
 * Memory grows with the log.
 */
#include "state/ckpt/view_priv.h"

#include <stdlib.h>

#include "state/ckpt/changelog.h"

struct changelog {
	struct weir__log log;
	struct weir__part *base;  /* materialized */
	uint32_t nbase;
	bool built;
	struct weir__overlay overlay;
};

void weir__changelog_close(struct weir__part *part)
{
	struct changelog *c = part->held;

	if (!c)
		return;
	for (uint32_t i = 0; i < c->nbase; i++)
		weir__part_close(&c->base[i]);
	weir__overlay_fini(&c->overlay);
	weir__log_fini(&c->log);
	free(c->base);
	free(c);
	part->held = NULL;
}

/* ---- opening ---- */

/* Add the states of a materialized handle to those of the part, each once. */
static int add_states(struct weir_view *v, struct weir_keyed_meta *meta, const struct weir_keyed_meta *base, struct weir_error *err)
{
	struct weir_keyed_state_meta *all = weir_arena_alloc(&v->mem, ((size_t)meta->nstates + base->nstates + 1) * sizeof(*all), 16);

	if (!all)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the states of a changelog");
	if (meta->nstates)
		memcpy(all, meta->states, meta->nstates * sizeof(*all));
	meta->states = all;
	for (uint32_t i = 0; i < base->nstates; i++) {
		bool known = false;

		for (uint32_t k = 0; k < meta->nstates && !known; k++)
			known = all[k].kind == base->states[i].kind && strcmp(all[k].name, base->states[i].name) == 0 &&
				weir_type_equal(all[k].stored, base->states[i].stored);
		if (!known)
			all[meta->nstates++] = base->states[i];
	}
	if (!meta->key)
		meta->key = base->key;
	return 0;
}

static int open_base(struct weir_view *v, struct weir__part *part, struct changelog *c, struct weir_error *err)
{
	const struct weir_keyed_handle *k = part->keyed;
	int code = 0;

	c->base = calloc(k->nmaterialized + 1, sizeof(*c->base));
	if (!c->base)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for the materialized part of a changelog");
	for (uint32_t i = 0; i < k->nmaterialized && code == 0; i++) {
		struct weir__part *b = &c->base[c->nbase];

		if (k->materialized[i].kind == WEIR_KEYED_NONE)
			continue;
		if (k->materialized[i].kind == WEIR_KEYED_CHANGELOG || k->materialized[i].kind == WEIR_KEYED_CHANGELOG_OLD)
			return weir_error_set(err, WEIR_ECORRUPT, "a changelog is materialized as a changelog");
		*b = (struct weir__part){ .class_ = part->class_, .op = part->op, .subtask = part->subtask, .keyed = &k->materialized[i] };
		c->nbase++;
		code = weir__part_open_keyed(v, b, err);
		if (code == 0)
			code = add_states(v, part->meta, b->meta, err);
	}
	return code;
}

int weir__changelog_open(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	struct changelog *c = calloc(1, sizeof(*c));
	int code;

	part->held = c;
	part->meta = weir_arena_zero(&v->mem, sizeof(*part->meta));
	if (!c || !part->meta)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a changelog");
	code = open_base(v, part, c, err);
	if (code == 0)
		code = weir__log_read(v->ckpt, part->keyed, &c->log, err);
	if (code == 0)
		code = weir__log_resolve(&c->log, &v->mem, part->meta, err);
	if (c->log.path)
		part->path = strdup(c->log.path);
	return code;
}

/* ---- the state that both make ---- */

static uint32_t state_of(const struct weir__part *part, const struct weir_state_info *info)
{
	for (uint32_t i = 0; i < part->ninfos; i++)
		if (part->infos[i] == info)
			return i;
	return UINT32_MAX;
}

static int build(struct weir_view *v, struct weir__part *part, struct changelog *c, struct weir_error *err)
{
	bool *has_base = calloc(part->ninfos + 1, sizeof(*has_base));
	int code = has_base ? 0 : weir_error_set(err, WEIR_ENOMEM, "no memory to apply a changelog");

	pthread_mutex_lock(&v->lock);
	if (code == 0 && !c->built) {
		for (uint32_t i = 0; i < c->nbase; i++)
			for (uint32_t k = 0; k < c->base[i].ninfos; k++) {
				uint32_t state = state_of(part, c->base[i].infos[k]);

				if (state != UINT32_MAX)
					has_base[state] = true;
			}
		code = weir__overlay_build(&c->log, part->infos, has_base, &c->overlay, err);
		c->built = code == 0;
		if (code) {
			weir__overlay_fini(&c->overlay);
			c->overlay = (struct weir__overlay){ 0 };
		}
	}
	pthread_mutex_unlock(&v->lock);
	free(has_base);
	return code;
}

struct merging {
	struct weir__scan_ctx *x;
	struct weir__part *part;
	struct changelog *c;
	uint8_t *done;          /* by cell: delivered together with its materialized elements */
	struct weir_buf buf;
	const struct weir_state_info *last;
	uint32_t last_state;
};

static const struct weir_slice none = { NULL, 0 };

static int base_list(struct merging *m, const struct weir__cell *cell, const struct weir_entry *e)
{
	struct weir_entry all = *e;

	weir_buf_clear(&m->buf);
	weir_buf_put_slice(&m->buf, e->value);
	if (e->value.len)
		weir_buf_u8(&m->buf, 0x2c);
	weir_buf_put_slice(&m->buf, weir_buf_slice(&cell->list));
	if (weir_buf_error(&m->buf))
		return WEIR_ENOMEM;
	m->done[cell - m->c->overlay.cells.items] = 1;
	all.value = weir_buf_slice(&m->buf);
	return weir__scan_entry(m->x, m->last_state, &all);
}

/* A materialized entry: what does the log make of it? */
static int base_entry(void *arg, const struct weir_entry *e)
{
	struct merging *m = arg;
	const struct weir__overlay *o = &m->c->overlay;
	const struct weir__cell *cell, *entry;

	if (m->last != e->state) {
		m->last = e->state;
		m->last_state = state_of(m->part, e->state);
	}
	if (e->undecodable)
		return weir__scan_entry(m->x, m->last_state, e);
	if (e->state->kind == WEIR_STATE_TIMER) {
		weir_buf_clear(&m->buf);
		weir_buf_u64(&m->buf, (uint64_t)e->timestamp ^ 1ull << 63);
		weir_buf_put_slice(&m->buf, e->key);
		weir_buf_put_slice(&m->buf, e->ns);
		cell = weir__overlay_find(o, m->last_state, e->key_group, weir_buf_slice(&m->buf), none, none);
		return cell ? 0 : weir__scan_entry(m->x, m->last_state, e);
	}
	cell = weir__overlay_find(o, m->last_state, e->key_group, e->key, e->ns, none);
	if (!cell)
		return weir__scan_entry(m->x, m->last_state, e);
	if (cell->hides)
		return 0;
	if (e->state->kind == WEIR_STATE_MAP) {
		entry = weir__overlay_find(o, m->last_state, e->key_group, e->key, e->ns, e->user_key);
		return entry && entry->generation == cell->generation ? 0 : weir__scan_entry(m->x, m->last_state, e);
	}
	return cell->list.len ? base_list(m, cell, e) : weir__scan_entry(m->x, m->last_state, e);
}

static int deliver_cell(struct merging *m, const struct weir__cell *cell)
{
	const struct weir_state_info *info = m->part->infos[cell->state];
	struct weir_entry e = { .key_group = cell->key_group, .index = -1, .key = cell->key, .ns = cell->ns, .user_key = cell->user_key, .value = cell->value,
				.undecodable = cell->unknown };

	if (info->kind == WEIR_STATE_TIMER) {
		struct weir_src src = weir_src_of(cell->key, NULL, 0);
		struct weir_slice element;

		weir__change_timer(info, &src, &element, &e);
		e.value = none;
	} else if (info->kind == WEIR_STATE_MAP) {
		const struct weir__cell *map = weir__overlay_find(&m->c->overlay, cell->state, cell->key_group, cell->key, cell->ns, none);

		if (!cell->user_key.ptr || map->generation != cell->generation)
			return 0;
	} else if (info->kind == WEIR_STATE_LIST && !cell->unknown) {
		e.value = weir_buf_slice(&cell->list);
	}
	return weir__scan_entry(m->x, cell->state, &e);
}

static int deliver_bad(struct merging *m, uint32_t record)
{
	const struct weir__change *c = &m->c->log.changes.items[record];
	struct weir__change_parts parts;
	struct weir_entry e = { .key_group = c->key_group, .index = -1, .value = c->bytes };
	struct weir_error err = WEIR_ERROR_INIT;

	if (c->state == UINT32_MAX) {
		weir_error_at(&err, WEIR_ECORRUPT, m->part->path, WEIR_NO_OFFSET, "key group %d: a change of a state that no record before it describes", c->key_group);
		return weir__scan_damage(m->x, c->key_group, WEIR_ECORRUPT, &err);
	}
	e.undecodable = weir__change_parse(m->part->infos[c->state], c->bytes, &parts);
	e.damaged = parts.damaged || !e.undecodable;
	if (!e.undecodable)
		e.undecodable = "a change cannot be applied: its map does not decode";
	return weir__scan_entry(m->x, c->state, &e);
}

static int scan_base(struct weir__scan_ctx *x, struct changelog *c, weir_entry_fn *fn, void *arg, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < c->nbase && code == 0; i++) {
		struct weir__scan_ctx y = { .view = x->view, .scan = x->scan, .fn = fn, .arg = arg, .part = &c->base[i] };

		code = c->base[i].layout->scan(&y, &c->base[i], err);
		x->stopped |= y.stopped;
	}
	return code;
}

static int scan_merged(struct weir__scan_ctx *x, struct weir__part *part, struct changelog *c, struct weir_error *err)
{
	struct merging m = { .x = x, .part = part, .c = c };
	int32_t want = weir__wanted_group(x, part);
	int code = build(x->view, part, c, err);

	if (code)
		return code;
	m.done = calloc(c->overlay.cells.len + 1, 1);
	code = m.done ? scan_base(x, c, base_entry, &m, err) : WEIR_ENOMEM;
	for (size_t i = 0; i < c->overlay.cells.len && code == 0; i++) {
		const struct weir__cell *cell = &c->overlay.cells.items[i];

		if (cell->present && !m.done[i] && (want == -1 || want == cell->key_group))
			code = deliver_cell(&m, cell);
	}
	for (size_t i = 0; i < c->overlay.bad.len && code == 0; i++)
		if (want == -1 || want == c->log.changes.items[c->overlay.bad.items[i]].key_group)
			code = deliver_bad(&m, c->overlay.bad.items[i]);
	if (code == WEIR_ENOMEM && !x->stopped)
		weir_error_set(err, code, "no memory to apply a changelog");
	free(m.done);
	weir_buf_fini(&m.buf);
	return code;
}

/* ---- as it is stored ---- */

static int scan_changes(struct weir__scan_ctx *x, struct weir__part *part, struct changelog *c, struct weir_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < c->log.changes.len && code == 0; i++) {
		const struct weir__change *ch = &c->log.changes.items[i];
		struct weir_entry e = { .key_group = ch->key_group, .index = (int32_t)i, .value = ch->bytes, .change = true };
		struct weir__change_parts parts = { .op = 0 };

		if (x->scan->key_group >= 0 && x->scan->key_group != ch->key_group)
			continue;
		if (ch->state == UINT32_MAX) {
			weir_error_at(err, WEIR_ECORRUPT, part->path, WEIR_NO_OFFSET, "key group %d: a change of a state that no record before it describes",
				      ch->key_group);
			code = weir__scan_damage(x, ch->key_group, WEIR_ECORRUPT, err);
			continue;
		}
		if (ch->key_group >= 0) {
			e.undecodable = weir__change_parse(part->infos[ch->state], ch->bytes, &parts);
			e.damaged = parts.damaged;
			e.key = parts.key;
			e.ns = parts.ns;
			e.user_key = parts.user_key;
		}
		code = weir__scan_entry(x, ch->state, &e);
	}
	return code;
}

int weir__changelog_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	struct changelog *c = part->held;
	int code;

	if (!x->scan->changes)
		return scan_merged(x, part, c, err);
	code = scan_base(x, c, x->fn, x->arg, err);
	return code ? code : scan_changes(x, part, c, err);
}
