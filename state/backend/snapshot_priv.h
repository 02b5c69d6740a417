/* SPDX-License-Identifier: Apache-2.0 */
/* What snapshot.c freezes and snapshot_write.c writes. */
#ifndef WEIR_STATE_BACKEND_SNAPSHOT_PRIV_H
#define WEIR_STATE_BACKEND_SNAPSHOT_PRIV_H

#include "state/backend/windows.h"

/* A state or timer queue as it was. */
struct weir__part {
	struct weir_keyed_state_meta meta;
	enum weir__form form;
	bool list, map, ns_boxed;
	struct weir_type *value, *user_key;   /* of values; timers: value is the timer type */
	struct weir_type *ns;
	struct weir__layout layout;
	struct weir__map_layout entries;
	struct weir__table *tables;
	bool by_window;                       /* tables have panes */
	struct weir__layout outer;            /* ... in this layout */
	const struct weir__part *windows;     /* timers: the state whose panes have timers too, or NULL */
	int64_t lateness_ms;
};

struct weir_snapshot {
	struct weir_backend *b;
	struct weir_backend_config config;
	struct weir_arena mem;
	uint32_t nparts;
	struct weir__part *parts;
	struct weir__region **heads;          /* ngroups; NULL: no memory then, or released */
	bool written;
};

#endif
