// SPDX-License-Identifier: Apache-2.0
/*
 * Time windows: a state kept by window (panes.c) and the timers that fire its entries and drop them, as Flink's WindowOperator has them: one at the last millisecond
 * of the window; with allowed lateness another one when the state goes.
 *
 * A timer of (key, window) exists exactly when the state does, so it is not written down: a pane says which timers all of its entries have, and a heap
 * over panes says when. When a time has come, the entries of its panes are gathered and sorted by serialized key, then window: the order of single timers, whatever the order
 * of rows. Snapshots write the timers from the panes.
 *
 * Restored timers need not match the state (somebody edited it; another trigger left timers without state). Panes for which they do not are SINGLE: their
 * timers stay in the queue of the service, new entries add theirs to it, and they fire merged with the others.
 *
 * Invariants
 *   1. A pane that is not SINGLE is in the heap once for each of its timers, and lives until the last one has fired.
 *   2. Between the first and the last entry handed out for a time nothing is added, and no snapshot begins.
 *   3. The order does not depend on the order of insertion.
 *
 * Threads: the task's. Fails only for want of memory.
 */
#include "state/backend/windows.h"

#include <stdlib.h>

#define KEPT ((size_t)64 << 10) /* entries for which memory is kept from one firing to the next */

/* ---- times ---- */

static int64_t end_of(struct weir_window w) { return (int64_t)((uint64_t)w.end_ms - 1); }

static int64_t gone_at(int64_t lateness_ms, struct weir_window w)
{
	int64_t end = end_of(w);

	return end > 0 && lateness_ms > INT64_MAX - end ? INT64_MAX : end + lateness_ms;
}

uint32_t weir__windows_times(int64_t lateness_ms, const struct weir__pane *p, int64_t out[2])
{
	uint32_t n = 0;

	if (p->timers & WEIR__PANE_END)
		out[n++] = end_of(p->window);
	if (p->timers & WEIR__PANE_GOES)
		out[n++] = gone_at(lateness_ms, p->window);
	return n;
}

/* ---- the heap ---- */

/* There is room. */
static void push(struct weir_windows *w, int64_t time, struct weir__pane *p, uint32_t g)
{
	struct weir__pane_due *h = w->heap.items;
	size_t i;

	for (i = w->heap.len++; i && h[(i - 1) / 2].time > time; i = (i - 1) / 2)
		h[i] = h[(i - 1) / 2];
	h[i] = (struct weir__pane_due){ time, p, g };
}

static struct weir__pane_due pop(struct weir_windows *w)
{
	struct weir__pane_due *h = w->heap.items, top = h[0], last = h[--w->heap.len];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->heap.len) {
		child += child + 1 < w->heap.len && h[child + 1].time < h[child].time;
		if (h[child].time >= last.time)
			break;
		h[i] = h[child];
		i = child;
	}
	h[i] = last;
	return top;
}

static bool push_timers(struct weir_windows *w, struct weir__pane *p, uint32_t g)
{
	int64_t times[2];
	uint32_t n = weir__windows_times(w->lateness_ms, p, times);

	if (!weir_vec_reserve(&w->heap, w->heap.len + n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		push(w, times[i], p, g);
	return true;
}

bool weir__windows_arm(struct weir_windows *w, struct weir__pane *p, uint32_t g)
{
	p->timers = (end_of(p->window) > w->watermark ? WEIR__PANE_END : 0) | (gone_at(w->lateness_ms, p->window) != end_of(p->window) ? WEIR__PANE_GOES : 0);
	return push_timers(w, p, g);
}

bool weir__windows_arm_one(struct weir_windows *w, const struct weir__pane *p, uint32_t g, const void *key)
{
	int64_t end = end_of(p->window), gone = gone_at(w->lateness_ms, p->window);

	if (end > w->watermark && weir__timers_put(w->timers, WEIR_EVENT_TIME, g, end, key, &p->window, NULL))
		return false;
	return gone == end || weir__timers_put(w->timers, WEIR_EVENT_TIME, g, gone, key, &p->window, NULL) == 0;
}

/* ---- restored timers ---- */

#define ODD UINT32_MAX

struct adoption {
	struct weir_windows *w;
	bool no_memory;
};

static bool count_timer(void *arg, uint32_t g, int64_t time, const void *key, const void *ns)
{
	struct adoption *a = arg;
	struct weir_state *s = a->w->state;
	const struct weir_window *window = ns;
	struct weir__pane *p = weir__pane_get(s, g, window);
	bool ends = time == end_of(*window), goes = time == gone_at(a->w->lateness_ms, *window);

	if (!p) {
		a->no_memory = true;
		return true;
	}
	if ((!ends && !goes) || !weir__table_find(&p->table, &s->layout, weir__tag(weir_type_hash(s->layout.key, key)), key, NULL))
		p->ends = ODD;
	p->ends += ends && p->ends != ODD;
	p->goes += goes;
	return true;
}

static bool is_single(void *arg, uint32_t g, int64_t time, const void *key, const void *ns)
{
	struct adoption *a = arg;

	(void)time, (void)key;
	return weir__pane_find(a->w->state, g, ns)->timers & WEIR__PANE_SINGLE;
}

/* Every entry has the timers that it must have, and there are no others. */
static bool is_regular(const struct weir_windows *w, const struct weir__pane *p)
{
	uint32_t n = p->table.count;

	return n && p->goes == n && (p->ends == n || (p->ends == 0 && gone_at(w->lateness_ms, p->window) != end_of(p->window)));
}

/* Restored timers that match the state are from now on the panes'. */
static int adopt(struct weir_windows *w, struct weir_error *err)
{
	struct adoption a = { .w = w };
	struct weir_state *s = w->state;

	weir__timers_filter(w->timers, WEIR_EVENT_TIME, count_timer, &a);
	for (uint32_t g = 0; g < w->b->config.ngroups && !a.no_memory; g++) {
		struct weir__pane_walk walk = { .panes = s->tables[g], .outer = &s->outer, .layout = &s->layout };
		const struct weir__pane *at;

		while (!a.no_memory && (at = weir__pane_walk_pane(&walk)) != NULL) {
			struct weir__pane *p = (struct weir__pane *)(uintptr_t)at;

			if (!is_regular(w, p))
				continue;
			p->timers = (p->ends ? WEIR__PANE_END : 0) | (gone_at(w->lateness_ms, p->window) != end_of(p->window) ? WEIR__PANE_GOES : 0);
			a.no_memory = !push_timers(w, p, g);
		}
	}
	if (a.no_memory)
		return weir__backend_nomem(s, err);
	weir__timers_filter(w->timers, WEIR_EVENT_TIME, is_single, &a);
	return 0;
}

/* ---- registering ---- */

void weir__windows_free(struct weir_windows *w)
{
	weir_vec_fini(&w->heap);
	weir_vec_fini(&w->panes);
	free(w->due);
	free(w->spare);
	free(w);
}

int weir_backend_windows(struct weir_backend *b, const struct weir_state_desc *desc, const char *service, int64_t lateness_ms, struct weir_windows **out,
			 struct weir_error *err)
{
	struct weir_state_desc d = *desc;
	struct weir_windows *w, **place;
	struct weir_state *s;
	struct weir_timers *t;
	int code;

	d.ns = &weir_time_window;
	d.by_window = true;
	code = weir_backend_state(b, &d, &s, err);
	if (!code)
		code = weir_backend_timers(b, service, &weir_time_window, &t, err);
	if (code)
		return code;
	if (s->windows || t->windows)
		return weir_error_set(err, WEIR_EBUG, "the windows of state '%s' and timers '%s' are registered twice", s->name, service);
	w = calloc(1, sizeof(*w));
	place = w ? weir_vec_push(&b->windows) : NULL;
	if (!place) {
		free(w);
		return weir__backend_nomem(s, err);
	}
	*place = w;
	*w = (struct weir_windows){ .b = b, .state = s, .timers = t, .lateness_ms = lateness_ms, .watermark = INT64_MIN };
	code = adopt(w, err);
	if (code)
		return code;
	s->windows = w;
	t->windows = w;
	*out = w;
	return 0;
}

struct weir_state *weir_windows_state(const struct weir_windows *w) { return w->state; }

void weir_windows_watermark(struct weir_windows *w, int64_t watermark)
{
	if (watermark > w->watermark)
		w->watermark = watermark;
}

/* ---- the order of what is due ---- */

static int compare_full(const void *x, const void *y, void *arg)
{
	const struct weir_windows *w = arg;
	const struct weir__entry_due *a = x, *z = y;
	uint32_t key = w->state->layout.key_off;

	return a == z ? 0 : weir__timers_order(w->timers, a->slot + key, &a->pane->window, z->slot + key, &z->pane->window);
}

/* Stable passes of one byte each over the bytes in which prefixes differ. */
static void sort_by_prefix(struct weir_windows *w)
{
	uint64_t differ = 0;

	for (size_t i = 1; i < w->ndue; i++)
		differ |= w->due[i].prefix ^ w->due[0].prefix;
	for (uint32_t shift = 0; shift < 64; shift += 8) {
		struct weir__entry_due *from = w->due, *to = w->spare;
		size_t at[256] = { 0 }, sum = 0;

		if (!(differ >> shift & 0xff))
			continue;
		for (size_t i = 0; i < w->ndue; i++)
			at[from[i].prefix >> shift & 0xff]++;
		for (uint32_t d = 0; d < 256; d++) {
			size_t n = at[d];

			at[d] = sum;
			sum += n;
		}
		for (size_t i = 0; i < w->ndue; i++)
			to[at[from[i].prefix >> shift & 0xff]++] = from[i];
		w->due = to;
		w->spare = from;
	}
}

static void sort_few(struct weir_windows *w)
{
	for (size_t i = 1; i < w->ndue; i++) {
		struct weir__entry_due e = w->due[i];
		size_t k = i;

		for (; k && w->due[k - 1].prefix > e.prefix; k--)
			w->due[k] = w->due[k - 1];
		w->due[k] = e;
	}
}

static void sort_due(struct weir_windows *w)
{
	if (w->ndue < 48)
		sort_few(w);
	else
		sort_by_prefix(w);
	for (size_t i = 0, end; i < w->ndue; i = end) { /* what the prefix does not decide */
		for (end = i + 1; end < w->ndue && w->due[end].prefix == w->due[i].prefix; end++)
			;
		if (end - i > 1)
			qsort_r(w->due + i, end - i, sizeof(*w->due), compare_full, w);
	}
}

/* ---- a time has come ---- */

static bool room_for_due(struct weir_windows *w, size_t n)
{
	if (n <= w->cap)
		return true;
	free(w->due);
	free(w->spare);
	w->due = malloc(n * sizeof(*w->due));
	w->spare = malloc(n * sizeof(*w->spare));
	w->cap = w->due && w->spare ? n : 0;
	return w->cap != 0;
}

static bool fires(const struct weir_windows *w, const struct weir__pane *p) { return p->timers & WEIR__PANE_END && end_of(p->window) == w->time; }

static int begin_time(struct weir_windows *w, int64_t time, struct weir_error *err)
{
	struct weir_state *s = w->state;
	size_t n = 0;

	w->time = time;
	for (size_t i = w->panes.len = 0; w->heap.len && w->heap.items[0].time == time; i++) {
		struct weir__pane_due *d = weir_vec_push(&w->panes);

		if (!d)
			return weir__backend_nomem(s, err);
		*d = pop(w);
		n += fires(w, d->pane) ? d->pane->table.count : 0;
	}
	if (!room_for_due(w, n))
		return weir__backend_nomem(s, err);
	w->firing = true;
	w->ndue = w->next = 0;
	for (size_t i = 0; i < w->panes.len; i++) {
		const struct weir__pane *p = w->panes.items[i].pane;
		uint64_t at = 0;
		uint8_t *slot;

		while (fires(w, p) && (slot = weir__table_next(&p->table, &s->layout, &at)) != NULL)
			w->due[w->ndue++] = (struct weir__entry_due){ weir__timers_prefix(w->timers, slot + s->layout.key_off), slot, p };
	}
	sort_due(w);
	return 0;
}

static void end_time(struct weir_windows *w)
{
	for (size_t i = 0; i < w->panes.len; i++) {
		struct weir__pane_due *d = &w->panes.items[i];

		if (gone_at(w->lateness_ms, d->pane->window) == w->time) {
			weir__pane_drop(w->state, d->group, d->pane);
		} else {
			weir__pane_touch(&w->b->spaces[d->group], d->pane);
			d->pane->timers &= ~WEIR__PANE_END;
		}
	}
	w->firing = false;
	if (w->cap > KEPT) {
		free(w->due);
		free(w->spare);
		w->due = w->spare = NULL;
		w->cap = 0;
	}
}

/* ---- handing out ---- */

/* The entry of a single timer that was handed out goes. */
static int clear_single(struct weir_windows *w, struct weir_error *err)
{
	struct weir__pane *p = weir__pane_find(w->state, w->b->group, &w->clear_window);
	int code = weir_state_clear(w->state, &w->clear_window, err);

	w->clear = false;
	if (!code && p && p->timers & WEIR__PANE_SINGLE && !p->table.count)
		weir__pane_drop(w->state, w->b->group, p);
	return code;
}

static bool single_is_next(struct weir_windows *w)
{
	const struct weir__entry_due *e = w->next < w->ndue ? &w->due[w->next] : NULL;

	if (!weir_timers_count(w->timers, WEIR_EVENT_TIME) || weir_timers_next(w->timers, WEIR_EVENT_TIME) != w->time)
		return false;
	return !e || weir__timers_top_is_before(w->timers, WEIR_EVENT_TIME, e->prefix, e->slot + w->state->layout.key_off, &e->pane->window);
}

static int hand_out_single(struct weir_windows *w, struct weir_window_due *out, struct weir_error *err)
{
	const void *ns;
	int64_t time;
	uint8_t *slot;

	if (!weir_timers_pop(w->timers, WEIR_EVENT_TIME, w->time, &time, &ns))
		return weir_backend_settle(w->b, err);
	w->clear_window = *(const struct weir_window *)ns;
	w->clear = time == gone_at(w->lateness_ms, w->clear_window);
	slot = time == end_of(w->clear_window) ? weir__state_find(w->state, &w->clear_window) : NULL;
	*out = (struct weir_window_due){ .key = weir_backend_key(w->b), .window = w->clear_window, .value = slot ? weir__slot_value(&w->state->layout, slot) : NULL };
	return 0;
}

#define AHEAD 8u

static void hand_out(struct weir_windows *w, struct weir_window_due *out)
{
	const struct weir__entry_due *e = &w->due[w->next++];

	if (w->next + AHEAD < w->ndue)
		__builtin_prefetch(e[AHEAD].slot);
	*out = (struct weir_window_due){ .key = e->slot + w->state->layout.key_off, .window = e->pane->window,
					 .value = weir__slot_value(&w->state->layout, (uint8_t *)(uintptr_t)e->slot) };
}

int weir_windows_next(struct weir_windows *w, int64_t watermark, struct weir_window_due *out, struct weir_error *err)
{
	bool single;
	int64_t time;
	int code = 0;

	out->key = NULL;
	if (__builtin_expect(w->clear, 0))
		code = clear_single(w, err);
	weir_windows_watermark(w, watermark);
	while (!code) {
		if (w->firing && single_is_next(w))
			return hand_out_single(w, out, err);
		if (w->firing && w->next < w->ndue) {
			hand_out(w, out);
			return 0;
		}
		if (w->firing)
			end_time(w);
		single = weir_timers_count(w->timers, WEIR_EVENT_TIME) != 0;
		time = single ? weir_timers_next(w->timers, WEIR_EVENT_TIME) : INT64_MAX;
		if (w->heap.len && w->heap.items[0].time < time)
			time = w->heap.items[0].time;
		if ((!single && !w->heap.len) || time > watermark)
			break;
		code = begin_time(w, time, err);
	}
	return code;
}
