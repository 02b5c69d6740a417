/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of states kept by window. See windows.c. */
#ifndef WEIR_STATE_BACKEND_WINDOWS_H
#define WEIR_STATE_BACKEND_WINDOWS_H

#include "state/backend/panes.h"

struct weir__pane_due {   /* a time at which a pane has timers */
	int64_t time;
	struct weir__pane *pane;
	uint32_t group;   /* index */
};
struct weir__entry_due {  /* an entry of the windows that fire now */
	uint64_t prefix;  /* of its serialized key */
	const uint8_t *slot;
	const struct weir__pane *pane;
};

struct weir_windows {
	struct weir_backend *b;
	struct weir_state *state;
	struct weir_timers *timers;   /* those that no pane stands for are in its queue */
	int64_t lateness_ms, watermark;
	WEIR_VEC(struct weir__pane_due) heap; /* by time */
	/* what is firing */
	bool firing;
	int64_t time;
	WEIR_VEC(struct weir__pane_due) panes;
	struct weir__entry_due *due, *spare;
	size_t ndue, cap, next;
	bool clear;                   /* the entry handed out last goes: current key, clear_window */
	struct weir_window clear_window;
};

void weir__windows_free(struct weir_windows *w);
/* A pane is new: give it its timers. False: no memory. */
bool weir__windows_arm(struct weir_windows *w, struct weir__pane *p, uint32_t g);
/* An entry of a pane of single timers is new. */
bool weir__windows_arm_one(struct weir_windows *w, const struct weir__pane *p, uint32_t g, const void *key);
/* The timers of each entry of a pane: 0 to 2 times. */
uint32_t weir__windows_times(int64_t lateness_ms, const struct weir__pane *p, int64_t out[2]);

#endif
