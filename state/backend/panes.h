/* SPDX-License-Identifier: Apache-2.0 */
/* States kept by window: the entries of one key group under one window are a pane. See panes.c. */
#ifndef WEIR_STATE_BACKEND_PANES_H
#define WEIR_STATE_BACKEND_PANES_H

#include "state/backend/hashmap.h"

/* Timers that every entry of a pane has without their being written down anywhere (windows.c) ... */
#define WEIR__PANE_END 1u    /* at the last millisecond of the window */
#define WEIR__PANE_GOES 2u   /* when its state is dropped, if that is later */
#define WEIR__PANE_SINGLE 4u /* ... or entries may or may not have timers, each in the timer queue */

struct weir__pane { /* in a cell of the key group's space */
	struct weir__table table;  /* keys to values */
	struct weir_window window;
	uint32_t timers;           /* WEIR__PANE_* */
	uint32_t ends, goes;       /* restored timers, while windows.c counts them */
};

#define WEIR__RECENT 4u
struct weir__near {            /* what a batch needs of a pane, close together; the task's memory */
	struct weir__pane *pane;   /* NULL: not looked for yet */
	uint8_t *slots;            /* of its table; NULL: ask the pane */
	uint32_t shift;
};
struct weir__recent {          /* the panes of a window that a batch met lately */
	struct weir_window window;
	struct weir__near *near;   /* by key group */
};

static inline bool weir__window_eq(struct weir_window a, struct weir_window b) { return a.start_ms == b.start_ms && a.end_ms == b.end_ms; }

bool weir__panes_init(struct weir_state *s); /* false: no memory; then fini */
void weir__panes_fini(struct weir_state *s);
/* g: index of the key group. NULL: there is none; get makes it: NULL without memory. */
struct weir__pane *weir__pane_find(const struct weir_state *s, uint32_t g, const struct weir_window *w);
struct weir__pane *weir__pane_get(struct weir_state *s, uint32_t g, const struct weir_window *w);
/* The panes of a window, for a run of rows with few windows. Only when s->recent. */
struct weir__recent *weir__panes_recent(struct weir_state *s, const struct weir_window *w);
/* The slots of a pane may be others now. */
void weir__pane_moved(struct weir_state *s, uint32_t g, const struct weir__pane *p);
/* Room for one more entry, and for those to be expected. Moves slots. The pane must have been touched. */
bool weir__pane_grow(struct weir_state *s, uint32_t g, struct weir__pane *p);
/* The entry of a key: found or made. Touched. NULL without memory. */
uint8_t *weir__pane_put(struct weir_state *s, uint32_t g, struct weir__pane *p, const void *key, uint64_t hash, bool *out_created);
/* Remove one entry; the pane stays. */
void weir__pane_remove(struct weir_state *s, uint32_t g, struct weir__pane *p, uint8_t *slot);
/* Remove the pane with all its entries. */
void weir__pane_drop(struct weir_state *s, uint32_t g, struct weir__pane *p);
void weir__panes_empty_group(struct weir_state *s, uint32_t g);

static inline void weir__pane_touch(struct weir__space *space, struct weir__pane *p) { weir__space_touch(space, NULL, p, sizeof(*p)); }

/* All entries of a key group, pane by pane: live, or as they were in an image. Zeroed but for the first four. */
struct weir__pane_walk {
	struct weir__table panes;              /* of the key group */
	const struct weir__layout *outer, *layout;
	struct weir__image *image;             /* or NULL */
	const struct weir__pane *pane;         /* of the slot that next gave */
	struct weir__table table;
	uint64_t pane_at, at;
	bool begun;
};
const struct weir__pane *weir__pane_walk_pane(struct weir__pane_walk *w); /* the next pane, or NULL */
uint8_t *weir__pane_walk_slot(struct weir__pane_walk *w);                 /* the next entry, or NULL */

#endif
