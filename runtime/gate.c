// SPDX-License-Identifier: Apache-2.0
/*
 * Barrier alignment of one task.
 *
 * Exactly once: the first barrier of a checkpoint starts an alignment; a channel that delivered it is blocked until every
 * live channel has. At least once: nothing is blocked; the barriers of up to seven checkpoints are counted side by side.
 *
 * Invariants
 * 1. A snapshot of an id is asked for at most once, and only when every live channel has delivered its barrier (or it is the
 *    end of the last channel that owed it).
 * 2. Exactly once: between a channel's barrier and the snapshot (or abort) that channel is blocked, and `blocked` is the
 *    number of such channels.
 * 3. An id at or below `closed` is decided: taken, aborted or passed over. Every id that started was either taken or aborted.
 * 4. pending[k].missing is the number of live channels whose bit k is not set; 0 means the slot is free.
 *
 * Transitions: start_pending makes IDLE ALIGNING; free_slot makes it IDLE again; end_channel makes it CLOSED; reset any IDLE.
 * No clock, no lock, no allocation. One thread at a time. Fails only when the caller breaks the protocol (WEIR_EBUG).
 */
#include "runtime/gate.h"

#include <assert.h>
#include <string.h>

#define ENDED 0x80u

static const struct {
	const char *name;
	uint8_t next; /* bit set of states */
} states[WEIR_GATE_STATE_MAX] = {
	[WEIR_GATE_IDLE] = { "IDLE", 1u << WEIR_GATE_IDLE | 1u << WEIR_GATE_ALIGNING | 1u << WEIR_GATE_CLOSED },
	[WEIR_GATE_ALIGNING] = { "ALIGNING", 1u << WEIR_GATE_ALIGNING | 1u << WEIR_GATE_IDLE },
	[WEIR_GATE_CLOSED] = { "CLOSED", 1u << WEIR_GATE_IDLE | 1u << WEIR_GATE_CLOSED },
};

const char *weir_gate_state_name(enum weir_gate_state s) { return states[s].name; }

static void set_state(struct weir_gate *g, enum weir_gate_state to)
{
	assert(states[g->state].next & 1u << to);
	g->state = to;
}

void weir_gate_init(struct weir_gate *g, uint32_t channels, bool exactly_once, uint8_t *storage)
{
	assert(channels >= 1 && channels <= WEIR_GATE_CHANNELS_MAX);
	memset(g, 0, sizeof(*g));
	memset(storage, 0, channels);
	g->channel = storage;
	g->channels = g->live = channels;
	g->exactly_once = exactly_once;
	g->newest = g->closed = -1;
}

bool weir_gate_is_blocked(const struct weir_gate *g, uint32_t channel)
{
	return g->exactly_once && channel < g->channels && (g->channel[channel] & 1u);
}

static void push(struct weir_gate_actions *out, struct weir_gate_action a)
{
	assert(out->count < WEIR_GATE_ACTIONS_MAX);
	out->items[out->count++] = a;
}

static uint32_t slots(const struct weir_gate *g) { return g->exactly_once ? 1 : WEIR_GATE_PENDING_MAX; }

/* The pending slot with the lowest id, or -1. */
static int oldest(const struct weir_gate *g)
{
	int best = -1;

	for (uint32_t k = 0; k < slots(g); k++)
		if (g->pending[k].missing && (best < 0 || g->pending[k].ckpt < g->pending[best].ckpt))
			best = (int)k;
	return best;
}

static int slot_of(const struct weir_gate *g, int64_t ckpt)
{
	for (uint32_t k = 0; k < slots(g); k++)
		if (g->pending[k].missing && g->pending[k].ckpt == ckpt)
			return (int)k;
	return -1;
}

/* Forget who delivered what for slot k, and let blocked channels go. */
static void free_slot(struct weir_gate *g, int k, struct weir_gate_actions *out)
{
	for (uint32_t i = 0; i < g->channels; i++)
		g->channel[i] &= (uint8_t)~(1u << k);
	g->pending[k].missing = 0;
	if (g->blocked) {
		g->blocked = 0;
		push(out, (struct weir_gate_action){ .kind = WEIR_GATE_UNBLOCK_ALL, .ckpt = g->pending[k].ckpt });
	}
	if (oldest(g) < 0)
		set_state(g, WEIR_GATE_IDLE);
}

static void abort_slot(struct weir_gate *g, int k, enum weir_ckpt_failure reason, struct weir_gate_actions *out)
{
	const struct weir_gate_pending *p = &g->pending[k];

	push(out, (struct weir_gate_action){ .kind = WEIR_GATE_ABORT, .ckpt = p->ckpt, .start_ms = p->start_ms, .reason = reason });
	if (p->ckpt > g->closed)
		g->closed = p->ckpt;
	free_slot(g, k, out);
}

/* Pending checkpoints older than ckpt can no longer complete: their missing barriers were overtaken. */
static void abort_older(struct weir_gate *g, int64_t ckpt, struct weir_gate_actions *out)
{
	for (int k; (k = oldest(g)) >= 0 && g->pending[k].ckpt < ckpt;)
		abort_slot(g, k, WEIR_CKPT_CHECKPOINT_DECLINED_SUBSUMED, out);
}

static void complete_slot(struct weir_gate *g, int k, struct weir_gate_actions *out)
{
	struct weir_gate_pending p = g->pending[k];

	push(out, (struct weir_gate_action){ .kind = WEIR_GATE_SNAPSHOT, .ckpt = p.ckpt, .start_ms = p.start_ms });
	g->closed = p.ckpt;
	if (p.ckpt == g->newest)
		g->newest_done = true;
	free_slot(g, k, out);
}

/* The slot for a barrier whose id is not pending yet, or -1: seven newer ones are, so the oldest to go is this one. */
static int start_pending(struct weir_gate *g, const struct weir_gate_event *ev, struct weir_gate_actions *out)
{
	int k = 0;

	if (g->exactly_once) {
		abort_older(g, ev->ckpt, out);
		g->closed = ev->ckpt - 1;
	} else {
		while (k < WEIR_GATE_PENDING_MAX && g->pending[k].missing)
			k++;
		if (k == WEIR_GATE_PENDING_MAX) {
			k = oldest(g);
			if (ev->ckpt < g->pending[k].ckpt) {
				push(out, (struct weir_gate_action){ .kind = WEIR_GATE_ABORT, .ckpt = ev->ckpt, .start_ms = ev->at_ms,
								     .reason = WEIR_CKPT_CHECKPOINT_DECLINED_SUBSUMED });
				g->closed = ev->ckpt;
				return -1;
			}
			abort_slot(g, k, WEIR_CKPT_CHECKPOINT_DECLINED_SUBSUMED, out);
		}
	}
	g->pending[k] = (struct weir_gate_pending){ .ckpt = ev->ckpt, .start_ms = ev->at_ms, .missing = g->live };
	if (ev->ckpt > g->newest) {
		g->newest = ev->ckpt;
		g->newest_done = false;
	}
	set_state(g, WEIR_GATE_ALIGNING);
	return k;
}

static int on_barrier(struct weir_gate *g, const struct weir_gate_event *ev, struct weir_gate_actions *out, struct weir_error *err)
{
	uint8_t *mine = &g->channel[ev->channel];
	int k;

	if (ev->ckpt == g->newest && g->newest_done)
		return weir_error_set(err, WEIR_EBUG, "gate: channel %u delivered the barrier of checkpoint %lld again after its snapshot",
				      ev->channel, (long long)ev->ckpt);
	if (ev->ckpt <= g->closed)
		return 0;
	k = slot_of(g, ev->ckpt);
	if (k >= 0 && (*mine & 1u << k))
		return weir_error_set(err, WEIR_EBUG, "gate: channel %u delivered the barrier of checkpoint %lld twice", ev->channel,
				      (long long)ev->ckpt);
	if (k < 0)
		k = start_pending(g, ev, out);
	if (k < 0)
		return 0;
	*mine |= (uint8_t)(1u << k);
	if (--g->pending[k].missing == 0) {
		abort_older(g, ev->ckpt, out);
		complete_slot(g, k, out);
	} else if (g->exactly_once) {
		g->blocked++;
		push(out, (struct weir_gate_action){ .kind = WEIR_GATE_BLOCK, .channel = ev->channel, .ckpt = ev->ckpt });
	}
	return 0;
}

static void on_end(struct weir_gate *g, uint32_t channel, struct weir_gate_actions *out)
{
	uint8_t had = g->channel[channel];
	int done[WEIR_GATE_PENDING_MAX], ndone = 0;

	g->channel[channel] = had | ENDED;
	g->live--;
	for (uint32_t k = 0; k < slots(g); k++)
		if (g->pending[k].missing && !(had & 1u << k) && --g->pending[k].missing == 0) {
			int at = ndone++; /* keep the list ascending by id */

			for (; at > 0 && g->pending[done[at - 1]].ckpt > g->pending[k].ckpt; at--)
				done[at] = done[at - 1];
			done[at] = (int)k;
		}
	for (int i = 0; i < ndone; i++) {
		abort_older(g, g->pending[done[i]].ckpt, out);
		complete_slot(g, done[i], out);
	}
	if (g->live == 0)
		set_state(g, WEIR_GATE_CLOSED);
}

static void on_cancel(struct weir_gate *g, const struct weir_gate_event *ev, struct weir_gate_actions *out)
{
	int k;

	if (ev->ckpt <= g->closed)
		return;
	abort_older(g, ev->ckpt, out);
	k = slot_of(g, ev->ckpt);
	if (k >= 0)
		abort_slot(g, k, WEIR_CKPT_CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER, out);
	else
		push(out, (struct weir_gate_action){ .kind = WEIR_GATE_ABORT, .ckpt = ev->ckpt, .start_ms = ev->at_ms,
						     .reason = WEIR_CKPT_CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER });
	g->closed = ev->ckpt;
	if (ev->ckpt > g->newest) {
		g->newest = ev->ckpt;
		g->newest_done = false;
	}
}

static void on_reset(struct weir_gate *g, struct weir_gate_actions *out)
{
	if (g->blocked)
		push(out, (struct weir_gate_action){ .kind = WEIR_GATE_UNBLOCK_ALL, .ckpt = g->pending[0].ckpt });
	set_state(g, WEIR_GATE_IDLE);
	weir_gate_init(g, g->channels, g->exactly_once, g->channel);
}

int weir_gate_step(struct weir_gate *g, const struct weir_gate_event *ev, struct weir_gate_actions *out, struct weir_error *err)
{
	out->count = 0;
	if (ev->kind == WEIR_GATE_BARRIER || ev->kind == WEIR_GATE_END) {
		const char *what = ev->kind == WEIR_GATE_END ? "its end" : "a barrier";

		if (ev->channel >= g->channels)
			return weir_error_set(err, WEIR_EBUG, "gate: %s came from channel %u, but the task has %u", what, ev->channel, g->channels);
		if (g->channel[ev->channel] & ENDED)
			return weir_error_set(err, WEIR_EBUG, "gate: %s came from channel %u, which has ended", what, ev->channel);
		if (weir_gate_is_blocked(g, ev->channel))
			return weir_error_set(err, WEIR_EBUG, "gate: %s came from channel %u, which is blocked by checkpoint %lld", what, ev->channel,
					      (long long)g->pending[0].ckpt);
	}
	switch (ev->kind) {
	case WEIR_GATE_BARRIER: return on_barrier(g, ev, out, err);
	case WEIR_GATE_END: on_end(g, ev->channel, out); break;
	case WEIR_GATE_CANCEL: on_cancel(g, ev, out); break;
	case WEIR_GATE_RESET: on_reset(g, out); break;
	}
	return 0;
}
