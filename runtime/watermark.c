// SPDX-License-Identifier: Apache-2.0
/*
 * Watermark merge with idleness (Flink's StatusWatermarkValve), generators, idleness timers.
 *
 * Invariants of the merge
 * 1. The output never goes back. It is the minimum over aligned channels: those that are active, not finished and not behind
 *    the output. A channel that comes back from idleness behind the output is active but not aligned, until it has caught up.
 * 2. A leaf of the min tree holds the watermark of an aligned channel, and WEIR_WATERMARK_MAX for any other.
 * 3. When the last active channel becomes idle, the output first goes up to the highest watermark of the idle ones, as nobody is
 *    left who could be waited for, and then is idle.
 * 4. Finished channels are awaited no more. WEIR_WATERMARK_MAX comes out when all have finished; while unfinished ones are idle
 *    the output is idle instead (Flink would send the maximum there, and make everything late that an idle input brings later).
 *
 * No clock, no lock, no allocation after init. One thread at a time.
 */
#include "runtime/watermark.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define IDLE 1u
#define FINISHED 2u
#define ALIGNED 4u

/* ---- merge ---- */
static void set_leaf(struct weir_watermark_merge *m, uint32_t channel, int64_t value)
{
	uint32_t i = m->cap + channel;

	m->tree[i] = value;
	for (i /= 2; i >= 1; i /= 2) {
		int64_t least = m->tree[2 * i] < m->tree[2 * i + 1] ? m->tree[2 * i] : m->tree[2 * i + 1];

		if (m->tree[i] == least)
			break;
		m->tree[i] = least;
	}
}

int weir_watermark_merge_init(struct weir_watermark_merge *m, uint32_t channels, struct weir_error *err)
{
	uint32_t cap = 1;
	int64_t *words;

	if (channels < 1 || channels > 1u << 24)
		return weir_error_set(err, WEIR_EINVALID, "a watermark merge has 1 to %u channels: got %u", 1u << 24, channels);
	while (cap < channels)
		cap *= 2;
	words = malloc((2 * (size_t)cap + channels) * sizeof(*words) + channels);
	if (!words)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for the watermarks of %u channels", channels);
	*m = (struct weir_watermark_merge){ .tree = words, .value = words + 2 * (size_t)cap, .channels = channels, .cap = cap };
	m->flags = (uint8_t *)(m->value + channels);
	weir_watermark_merge_reset(m);
	return 0;
}

void weir_watermark_merge_fini(struct weir_watermark_merge *m)
{
	free(m->tree);
	memset(m, 0, sizeof(*m));
}

void weir_watermark_merge_reset(struct weir_watermark_merge *m)
{
	for (uint32_t i = 0; i < m->cap; i++)
		m->tree[m->cap + i] = i < m->channels ? WEIR_WATERMARK_MIN : WEIR_WATERMARK_MAX;
	for (uint32_t i = m->cap - 1; i >= 1; i--)
		m->tree[i] = m->tree[2 * i] < m->tree[2 * i + 1] ? m->tree[2 * i] : m->tree[2 * i + 1];
	for (uint32_t i = 0; i < m->channels; i++)
		m->value[i] = WEIR_WATERMARK_MIN;
	memset(m->flags, ALIGNED, m->channels);
	m->active = m->aligned = m->channels;
	m->finished = 0;
	m->output = WEIR_WATERMARK_MIN;
	m->idle = false;
}

static void align(struct weir_watermark_merge *m, uint32_t channel)
{
	if (!(m->flags[channel] & ALIGNED) && m->value[channel] >= m->output) {
		m->flags[channel] |= ALIGNED;
		m->aligned++;
	}
	if (m->flags[channel] & ALIGNED)
		set_leaf(m, channel, m->value[channel]);
}

static void leave(struct weir_watermark_merge *m, uint32_t channel, uint8_t flag)
{
	if (m->flags[channel] & ALIGNED) {
		m->aligned--;
		set_leaf(m, channel, WEIR_WATERMARK_MAX);
	}
	if (!(m->flags[channel] & IDLE))
		m->active--;
	m->flags[channel] = flag;
}

static void become_active(struct weir_watermark_merge *m, uint32_t channel)
{
	if (m->flags[channel] & IDLE) {
		m->flags[channel] &= (uint8_t)~IDLE;
		m->active++;
	}
	align(m, channel);
}

static int64_t highest_idle(const struct weir_watermark_merge *m)
{
	int64_t most = WEIR_WATERMARK_MIN;

	for (uint32_t i = 0; i < m->channels; i++)
		if (!(m->flags[i] & FINISHED) && m->value[i] > most)
			most = m->value[i];
	return most;
}

/*
 * Compare what is so with what was told. was_aligned: the channel of this event counted in the minimum before it. Becoming
 * active alone moves nothing: the channel's next watermark does (so in Flink).
 */
static void tell(struct weir_watermark_merge *m, enum weir_watermark_event_kind kind, bool was_aligned, struct weir_watermark_change *out)
{
	int64_t now = m->output;
	bool idle = m->active == 0 && m->finished < m->channels;

	if (m->finished == m->channels)
		now = WEIR_WATERMARK_MAX;
	else if (m->aligned > 0 && kind != WEIR_WATERMARK_ACTIVE)
		now = m->tree[1];
	else if (idle && !m->idle && was_aligned)
		now = highest_idle(m);
	if (now > m->output) {
		m->output = now;
		out->advanced = true;
	}
	out->status_changed = idle != m->idle;
	m->idle = out->idle = idle;
	out->watermark = m->output;
}

int weir_watermark_merge_step(struct weir_watermark_merge *m, const struct weir_watermark_event *ev, struct weir_watermark_change *out,
			      struct weir_error *err)
{
	enum weir_watermark_event_kind kind = ev->kind;
	uint32_t c = ev->channel;
	bool was_aligned;

	*out = (struct weir_watermark_change){ .idle = m->idle, .watermark = m->output };
	if (c >= m->channels)
		return weir_error_set(err, WEIR_EBUG, "watermark of channel %u, but the task has %u", c, m->channels);
	if (m->flags[c] & FINISHED)
		return 0;
	was_aligned = m->flags[c] & ALIGNED;
	if (ev->kind == WEIR_WATERMARK_FINISHED || (ev->kind == WEIR_WATERMARK_ADVANCE && ev->value == WEIR_WATERMARK_MAX)) {
		leave(m, c, FINISHED);
		m->finished++;
	} else if (ev->kind == WEIR_WATERMARK_ADVANCE) {
		if (ev->value > m->value[c])
			m->value[c] = ev->value;
		else
			kind = WEIR_WATERMARK_ACTIVE; /* no news but that it is there */
		become_active(m, c);
	} else if (ev->kind == WEIR_WATERMARK_ACTIVE) {
		become_active(m, c);
	} else if (!(m->flags[c] & IDLE)) {
		leave(m, c, IDLE);
	}
	tell(m, kind, was_aligned, out);
	return 0;
}

/* ---- generators ---- */
int weir_watermark_gen_init(struct weir_watermark_gen *g, int64_t bound_ms, uint32_t every_rows, struct weir_error *err)
{
	if (bound_ms < 0)
		return weir_error_set(err, WEIR_EINVALID, "the bound on out-of-order times is %lld ms: give 0 or more", (long long)bound_ms);
	if (every_rows < 1)
		return weir_error_set(err, WEIR_EINVALID, "a watermark after each 0 rows: give 1 or more");
	*g = (struct weir_watermark_gen){ .bound_ms = bound_ms, .every_rows = every_rows, .max_ms = INT64_MIN, .emitted = WEIR_WATERMARK_MIN };
	return 0;
}

bool weir_watermark_gen_on_periodic(struct weir_watermark_gen *g, int64_t *out_watermark)
{
	int64_t w;

	if (g->max_ms <= INT64_MIN + g->bound_ms) /* none seen, or so early that the watermark has no number */
		return false;
	w = g->max_ms - g->bound_ms - 1;
	if (w <= g->emitted)
		return false;
	*out_watermark = g->emitted = w;
	return true;
}

bool weir_watermark_gen_on_rows(struct weir_watermark_gen *g, const int64_t *time_ms, uint32_t n, int64_t *out_watermark)
{
	int64_t most = g->max_ms;

	assert(n <= weir_watermark_gen_rows_left(g));
	for (uint32_t i = 0; i < n; i++)
		most = time_ms[i] > most ? time_ms[i] : most;
	g->max_ms = most;
	g->rows += n;
	if (g->rows < g->every_rows)
		return false;
	g->rows = 0;
	return weir_watermark_gen_on_periodic(g, out_watermark);
}

void weir_watermark_gen_restore(struct weir_watermark_gen *g, int64_t max_ms, uint32_t rows, int64_t emitted)
{
	g->max_ms = max_ms;
	g->rows = rows % g->every_rows;
	g->emitted = emitted;
}

/* ---- idleness ---- */
void weir_idleness_init(struct weir_idleness *i, int64_t timeout_ms, int64_t now_ms)
{
	*i = (struct weir_idleness){ .timeout_ms = timeout_ms, .since_ms = now_ms };
}

bool weir_idleness_on_activity(struct weir_idleness *i, int64_t now_ms)
{
	bool woke = i->idle;

	i->since_ms = now_ms;
	i->idle = false;
	return woke;
}

bool weir_idleness_on_tick(struct weir_idleness *i, int64_t now_ms)
{
	if (i->idle || now_ms < weir_idleness_wake_ms(i))
		return false;
	i->idle = true;
	return true;
}

int64_t weir_idleness_wake_ms(const struct weir_idleness *i)
{
	if (i->idle || i->timeout_ms <= 0 || (i->since_ms > 0 && i->timeout_ms > INT64_MAX - i->since_ms))
		return INT64_MAX;
	return i->since_ms + i->timeout_ms;
}
