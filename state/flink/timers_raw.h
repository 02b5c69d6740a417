/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in raw keyed state: what RocksDB jobs with heap timers and Flink 2's asynchronous operators write, one blob a key group
 * (docs/formats/keyed-state.md, "Raw timers"). Bytes only.
 */
#ifndef WEIR_STATE_FLINK_TIMERS_RAW_H
#define WEIR_STATE_FLINK_TIMERS_RAW_H

#include "base/arena.h"
#include "base/vec.h"
#include "state/flink/entry.h"

/* A timer service as blobs name it; the blobs of all key groups repeat the same bytes. */
struct weir_raw_service {
	char *name;              /* "user-timers" */
	struct weir_type *key, *ns;
	struct weir_slice head;  /* those bytes: name and serializer snapshots; in the arena */
};
struct weir_raw_services {
	WEIR_VEC(struct weir_raw_service) items;
};

/* One timer; `service` counts in the services. key and ns are serialized. */
typedef int weir_raw_timer_fn(void *arg, uint32_t service, bool event, int64_t timestamp, struct weir_slice key, struct weir_slice ns);

/* Does raw keyed state of one key group hold timers? */
bool weir_raw_timers_are(struct weir_slice blob);
/* Read one blob. mem: services not met before are added to `services` with it; NULL: they are WEIR_ENOTYPE. fn NULL: only the services are wanted. A serializer that weir does not know is
 * WEIR_ENOTYPE. */
int weir_raw_timers_read(struct weir_slice blob, const char *path, uint64_t origin, struct weir_raw_services *services, struct weir_arena *mem,
			 weir_raw_timer_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

#endif
