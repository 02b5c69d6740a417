/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The barrier gate of one task: which input channels have delivered the barrier of a checkpoint, which must wait, and when
 * the task takes its snapshot. A pure step function: (gate, event) to actions, in the order in which they must be carried out.
 * Channels are numbered 0..channels-1 over all inputs of the task.
 */
#ifndef WEIR_RUNTIME_GATE_H
#define WEIR_RUNTIME_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/error.h>

#include "runtime/coordinator.h"

#define WEIR_GATE_CHANNELS_MAX 65535u
#define WEIR_GATE_PENDING_MAX 7 /* at-least-once: checkpoints whose barriers are being counted at one time */

enum weir_gate_event_kind {
	WEIR_GATE_BARRIER, /* channel, ckpt, at_ms */
	WEIR_GATE_END,     /* channel: nothing more will come from it; counts as aligned from now on */
	WEIR_GATE_CANCEL,  /* ckpt: cancelled upstream or by the coordinator. channel is not looked at */
	WEIR_GATE_RESET,   /* forget pending checkpoints and finished channels (the task restarts) */
};

struct weir_gate_event {
	enum weir_gate_event_kind kind;
	uint32_t channel;
	int64_t ckpt;
	int64_t at_ms; /* when the barrier arrived */
};

enum weir_gate_action_kind {
	WEIR_GATE_BLOCK,       /* read nothing more from `channel` */
	WEIR_GATE_UNBLOCK_ALL, /* read every channel again */
	WEIR_GATE_SNAPSHOT,    /* take the snapshot of `ckpt` now and send its barrier on; alignment began at start_ms */
	WEIR_GATE_ABORT,       /* `ckpt` cannot be taken here: decline it with `reason`, send a cancel marker on */
};

struct weir_gate_action {
	enum weir_gate_action_kind kind;
	uint32_t channel;
	int64_t ckpt;
	int64_t start_ms;
	enum weir_ckpt_failure reason;
};

/* An event of an exactly-once gate gives at most 4 actions; an end of channel of an at-least-once gate one per pending checkpoint. */
#define WEIR_GATE_ACTIONS_MAX (WEIR_GATE_PENDING_MAX + 2)
struct weir_gate_actions {
	uint32_t count;
	struct weir_gate_action items[WEIR_GATE_ACTIONS_MAX];
};

enum weir_gate_state {
	WEIR_GATE_IDLE,     /* no checkpoint is pending */
	WEIR_GATE_ALIGNING, /* some live channel still owes the barrier of a pending checkpoint */
	WEIR_GATE_CLOSED,   /* every channel has ended */
	WEIR_GATE_STATE_MAX,
};

struct weir_gate_pending {
	int64_t ckpt;
	int64_t start_ms;
	uint32_t missing; /* live channels that have not delivered its barrier; 0 = the slot is free */
};

struct weir_gate {
	uint8_t *channel; /* one byte each: bit k = delivered the barrier of pending[k], bit 7 = ended */
	uint32_t channels, live, blocked;
	bool exactly_once;
	bool newest_done; /* the snapshot of `newest` was taken, so its barrier can come only twice by mistake */
	enum weir_gate_state state;
	int64_t newest;   /* highest id whose barrier or cancellation was seen */
	int64_t closed;   /* ids up to here are decided: their barriers are ignored */
	struct weir_gate_pending pending[WEIR_GATE_PENDING_MAX]; /* exactly-once uses the first only */
};

/* `storage` has one byte per channel and lives as long as the gate. 1 <= channels <= WEIR_GATE_CHANNELS_MAX. Ids start above -1. */
void weir_gate_init(struct weir_gate *g, uint32_t channels, bool exactly_once, uint8_t *storage);

/*
 * One event. Fills *out (never adds to it). WEIR_EBUG, with nothing changed and out->count 0, when the caller broke the
 * protocol: no such channel, an event from an ended or (exactly once) a blocked channel, a barrier delivered twice.
 */
int weir_gate_step(struct weir_gate *g, const struct weir_gate_event *ev, struct weir_gate_actions *out, struct weir_error *err) WEIR_CHECK;

/* True when `channel` must not be read: it delivered its barrier and others have not. */
bool weir_gate_is_blocked(const struct weir_gate *g, uint32_t channel);
const char *weir_gate_state_name(enum weir_gate_state s);

#endif
