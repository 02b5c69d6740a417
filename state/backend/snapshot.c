// SPDX-License-Identifier: Apache-2.0
/*
 * Snapshots: the synchronous parts. The beginning copies the heads of all tables and starts copy-on-write in every key group that has memory: its
 * cost is the number of states times key groups, never that of entries. snapshot_write.c writes what was frozen here.
 *
 * Invariants
 *   1. Of states the writer sees only what was copied here (types are immutable).
 *   2. Order of states: as registered, key/value states first, then timer queues (processing before event time, as Flink makes them).
 *   3. Key groups that the writer did not come to are released by weir_snapshot_end().
 * Threads: the task's. Fails when memory runs out, or while another snapshot is running; nothing has changed then.
 */
#include "state/backend/snapshot_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the synchronous part ---- */

static struct weir__table *copy_tables(struct weir_snapshot *s, const struct weir__table *from)
{
	size_t n = s->config.ngroups * sizeof(*from);
	struct weir__table *to = weir_arena_alloc(&s->mem, n, 64);

	return to ? memcpy(to, from, n) : NULL;
}

static bool add_state(struct weir_snapshot *s, const struct weir_state *from)
{
	struct weir__part *p = &s->parts[s->nparts++];

	*p = (struct weir__part){ .form = from->form, .list = from->list, .map = from->map, .ns_boxed = from->ns_boxed, .value = from->value,
			    .user_key = from->user_key, .ns = from->ns, .layout = from->layout, .entries = from->entries };
	p->meta = (struct weir_keyed_state_meta){ .name = weir_arena_text(&s->mem, from->name, strlen(from->name)), .kind = from->kind, .ns = from->real_ns,
						  .stored = from->stored };
	p->tables = copy_tables(s, from->tables);
	p->by_window = from->by_window;
	p->outer = from->outer;
	return p->meta.name && p->tables;
}

static bool add_queue(struct weir_snapshot *s, const struct weir_timers *t, enum weir_time_domain d)
{
	struct weir__part *p = &s->parts[s->nparts++];
	size_t n = strlen(t->service) + 40;
	char *name = weir_arena_alloc(&s->mem, n, 1);

	if (!name)
		return false;
	snprintf(name, n, "_timer_state/%s_%s", d == WEIR_EVENT_TIME ? "event" : "processing", t->service);
	*p = (struct weir__part){ .ns_boxed = t->ns_boxed, .value = t->timer, .ns = t->ns, .layout = t->layout };
	p->meta = (struct weir_keyed_state_meta){ .name = name, .kind = WEIR_STATE_TIMER, .stored = t->stored };
	p->tables = copy_tables(s, t->queues[d].tables);
	for (size_t i = 0; t->windows && d == WEIR_EVENT_TIME && i < s->b->states.len; i++)
		if (s->b->states.items[i] == t->windows->state) {
			p->windows = &s->parts[i];
			p->lateness_ms = t->windows->lateness_ms;
		}
	return p->tables != NULL;
}

int weir_backend_snapshot(struct weir_backend *b, struct weir_snapshot **out, struct weir_error *err)
{
	size_t n = b->states.len + 2 * b->timers.len;
	struct weir_snapshot *s;
	bool ok;
	int code = weir_backend_settle(b, err);

	if (code)
		return code;
	if (b->snapshot)
		return weir_error_set(err, WEIR_EBUSY, "a snapshot of this state is still being written");
	for (size_t i = 0; i < b->windows.len; i++)
		if (b->windows.items[i]->firing)
			return weir_error_set(err, WEIR_EBUG, "a snapshot was asked for between the windows of one watermark");
	*out = NULL;
	if (!n)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return weir_error_set(err, WEIR_ENOMEM, "no memory to begin a snapshot");
	s->b = b;
	s->config = b->config;
	s->parts = weir_arena_zero(&s->mem, n * sizeof(*s->parts));
	s->heads = weir_arena_zero(&s->mem, b->config.ngroups * sizeof(struct weir__region *));
	ok = s->parts && s->heads;
	for (size_t i = 0; i < b->states.len && ok; i++)
		ok = add_state(s, b->states.items[i]);
	for (size_t i = 0; i < b->timers.len && ok; i++)
		ok = add_queue(s, b->timers.items[i], WEIR_PROCESSING_TIME) && add_queue(s, b->timers.items[i], WEIR_EVENT_TIME);
	if (!ok) {
		weir_arena_fini(&s->mem);
		free(s);
		return weir_error_set(err, WEIR_ENOMEM, "no memory to begin a snapshot");
	}
	for (uint32_t g = 0; g < b->config.ngroups; g++) {
		if (!b->spaces[g].regions)
			continue;
		weir__space_begin(&b->spaces[g]);
		s->heads[g] = b->spaces[g].regions;
	}
	b->snapshot = s;
	*out = s;
	return 0;
}

void weir_snapshot_end(struct weir_snapshot *s)
{
	if (!s)
		return;
	for (uint32_t g = 0; g < s->config.ngroups; g++) {
		struct weir__image im = { .space = &s->b->spaces[g], .head = s->heads[g] };

		if (s->heads[g])
			weir__image_release(&im);
		weir__space_sweep(&s->b->spaces[g]);
	}
	weir__pool_images_drop(&s->b->pool);
	s->b->snapshot = NULL;
	weir_arena_fini(&s->mem);
	free(s);
}
