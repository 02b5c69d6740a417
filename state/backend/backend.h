/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed state backends: the live state of one operator on one subtask. One contract suite (tests/unit/backend/test_backend.c) runs over all
 * of them. Values are in native form (weir/type.h); a checkpoint turns them into Flink's bytes.
 *
 * The current key. Every access is under a current key (weir_backend_set_key) and a namespace; window operators pass windows, everyone
 * else NULL (VoidNamespace).
 *
 * Pointers into state are valid until the next call on the same backend. weir_state_edit() hands out writable memory: what was written there is taken over
 * (text copied into the backend) at the next call on the backend; weir_backend_settle() does that explicitly.
 *
 * Threads: all calls are the owning task's, except weir_snapshot_write(), which runs on another thread while the task goes on.
 */
#ifndef WEIR_STATE_BACKEND_H
#define WEIR_STATE_BACKEND_H

#include "state/ckpt/view.h"
#include "state/flink/keyed.h"

struct weir_backend;
struct weir_state;

struct weir_backend_config {
	struct weir_type *key;
	uint32_t max_parallelism;
	int32_t first_group;  /* key-group range of this subtask */
	uint32_t ngroups;
};

struct weir_state_desc {
	const char *name;
	enum weir_state_kind kind;     /* VALUE, LIST, MAP, REDUCING, AGGREGATING */
	struct weir_type *ns;          /* NULL = &weir_void */
	struct weir_type *value;       /* value, accumulator, list element, map value */
	struct weir_type *user_key;    /* MAP */
	bool by_window;                /* kept by window: set by weir_backend_windows() */
};


int weir_backend_open_hashmap(const struct weir_backend_config *config, struct weir_backend **out, struct weir_error *err) WEIR_CHECK;
void weir_backend_close(struct weir_backend *b); /* waits for nothing: no snapshot may be running */

/* Register a state, or find it again (same name: kind and types must be equal or, when it was restored, readable by Flink's rules: fields
 * added or dropped are converted, everything else is WEIR_EINCOMPATIBLE naming the state and the difference). */
int weir_backend_state(struct weir_backend *b, const struct weir_state_desc *desc, struct weir_state **out, struct weir_error *err) WEIR_CHECK;

/* ---- one key at a time ---- */
int weir_backend_set_key(struct weir_backend *b, const void *key, struct weir_error *err) WEIR_CHECK; /* WEIR_EBUG outside the range */
/* The same when hash (weir_type_hash) and key group are already known, as in a batch. */
int weir_backend_set_key_hashed(struct weir_backend *b, const void *key, uint64_t hash, uint32_t group, struct weir_error *err) WEIR_CHECK;
const void *weir_backend_key(const struct weir_backend *b);
int weir_backend_settle(struct weir_backend *b, struct weir_error *err) WEIR_CHECK;

/* VALUE, REDUCING, AGGREGATING */
int weir_state_get(struct weir_state *s, const void *ns, const void **out_value, struct weir_error *err) WEIR_CHECK; /* NULL = absent */
int weir_state_edit(struct weir_state *s, const void *ns, void **out_value, bool *out_created, struct weir_error *err) WEIR_CHECK; /* zeroed when created */
int weir_state_set(struct weir_state *s, const void *ns, const void *value, struct weir_error *err) WEIR_CHECK;
/* any kind */
int weir_state_clear(struct weir_state *s, const void *ns, struct weir_error *err) WEIR_CHECK;
/* LIST. items are native elements, contiguous. */
int weir_state_list_add(struct weir_state *s, const void *ns, const void *item, struct weir_error *err) WEIR_CHECK;
int weir_state_list_get(struct weir_state *s, const void *ns, struct weir_list *out, struct weir_error *err) WEIR_CHECK; /* count 0 = absent */
int weir_state_list_set(struct weir_state *s, const void *ns, const struct weir_list *list, struct weir_error *err) WEIR_CHECK;
/* MAP */
int weir_state_map_get(struct weir_state *s, const void *ns, const void *user_key, const void **out_value, struct weir_error *err) WEIR_CHECK;
int weir_state_map_edit(struct weir_state *s, const void *ns, const void *user_key, void **out_value, bool *out_created, struct weir_error *err) WEIR_CHECK;
int weir_state_map_remove(struct weir_state *s, const void *ns, const void *user_key, struct weir_error *err) WEIR_CHECK;
uint32_t weir_state_map_count(struct weir_state *s, const void *ns);
/* Iterate: *cursor starts at 0. Order is unspecified but the same for the same content written in the same order. False at the end. Any change of the map ends the iteration. */
bool weir_state_map_next(struct weir_state *s, const void *ns, uint64_t *cursor, const void **out_user_key, const void **out_value);
/* Every (key, namespace) that has a value, e.g. for queries and tests. Non-zero from fn stops. */
typedef int weir_state_each_fn(void *arg, const void *key, const void *ns, const void *value);
int weir_state_each(struct weir_state *s, weir_state_each_fn *fn, void *arg);
uint64_t weir_state_count(const struct weir_state *s); /* entries */

/* ---- a batch of keys at a time: the fast path (VALUE, REDUCING, AGGREGATING) ----
 * keys: an array of n native keys; hashes: weir_type_hash of each (computed once, upstream); groups: the key group of each.
 * ns: one namespace for all (ns_stride 0) or an array. slots[i] receives the value's address, created[i] whether it is new and zeroed. Equal keys give
 * the same address. FLAT value types only (others: WEIR_EUNSUPPORTED, use the one-key calls). All slots stay valid until the next call. */
int weir_state_resolve(struct weir_state *s, uint32_t n, const void *keys, const uint64_t *hashes, const uint16_t *groups, const void *ns, size_t ns_stride,
		       void **slots, uint8_t *created, struct weir_error *err) WEIR_CHECK;

/* ---- timers: priority queues, deduplicated by (time, key, namespace) ---- */
struct weir_timers;
enum weir_time_domain { WEIR_EVENT_TIME, WEIR_PROCESSING_TIME };
/* Both queues of a service: states "_timer_state/event_<service>" and "_timer_state/processing_<service>". */
int weir_backend_timers(struct weir_backend *b, const char *service, struct weir_type *ns, struct weir_timers **out, struct weir_error *err) WEIR_CHECK;
int weir_timers_add(struct weir_timers *t, enum weir_time_domain d, int64_t time_ms, const void *ns, struct weir_error *err) WEIR_CHECK; /* for the current key */
int weir_timers_remove(struct weir_timers *t, enum weir_time_domain d, int64_t time_ms, const void *ns, struct weir_error *err) WEIR_CHECK;
/* Earliest time in the queue; INT64_MAX when empty. */
int64_t weir_timers_next(const struct weir_timers *t, enum weir_time_domain d);
/* Take the earliest timer with time <= up_to: makes its key the current key, gives time and namespace (valid until the next call). False: none.
 * Order: time, then serialized key, then namespace: independent of insertion order, so that a restored job fires alike. */
bool weir_timers_pop(struct weir_timers *t, enum weir_time_domain d, int64_t up_to_ms, int64_t *out_time, const void **out_ns);
uint64_t weir_timers_count(const struct weir_timers *t, enum weir_time_domain d);

/* ---- windows: values by (key, time window), and the timers that fire and drop them ----
 * A state of kind VALUE, REDUCING or AGGREGATING (desc; its namespace is the window) and the event-time timers of `service`, which is all that a
 * checkpoint has of it. An entry has a timer at the last millisecond of its window, unless the watermark has passed that when the entry is made, and
 * with lateness_ms another one so much later, when it goes.
 * Clearing an entry takes its timers with it. */
struct weir_windows;
int weir_backend_windows(struct weir_backend *b, const struct weir_state_desc *desc, const char *service, int64_t lateness_ms, struct weir_windows **out,
			 struct weir_error *err) WEIR_CHECK;
struct weir_state *weir_windows_state(const struct weir_windows *w); /* to resolve, edit and get */
/* Entries made from now on are made at this watermark. Nothing fires. */
void weir_windows_watermark(struct weir_windows *w, int64_t watermark_ms);
struct weir_window_due {
	const void *key;           /* valid until the next call, as value; not made current. NULL: nothing more is due */
	struct weir_window window;
	const void *value;         /* NULL: there is none; nothing fires */
};
/* The next window that fires at the watermark, in the order of time, serialized key, window. Its state is dropped at a later call, if it goes. Until
 * nothing more is due, only this may be called: no entry may be added, and no snapshot begun. */
int weir_windows_next(struct weir_windows *w, int64_t watermark_ms, struct weir_window_due *out, struct weir_error *err) WEIR_CHECK;

/* ---- checkpoints ---- */
struct weir_snapshot;
/* The synchronous part: constant time, whatever the size of the state. One at a time. *out is NULL when no state is registered (no handle then). */
int weir_backend_snapshot(struct weir_backend *b, struct weir_snapshot **out, struct weir_error *err) WEIR_CHECK;
/* The asynchronous part, on any one thread: write the state as it was at weir_backend_snapshot(). offsets has ngroups entries. */
int weir_snapshot_write(struct weir_snapshot *s, enum weir_keyed_format format, weir_put_fn *put, void *arg, int64_t *offsets, uint64_t *out_size,
			struct weir_error *err) WEIR_CHECK;
/* Back on the task's thread. Must be called once, written or not. */
void weir_snapshot_end(struct weir_snapshot *s);

/* ---- restore: before any other use ----
 * Read every entry of the handle whose key group lies in this backend's range; may be called for several handles (rescaling). States become registered
 * with the types they were stored with; weir_backend_state() later resolves them against the job's. */
int weir_backend_restore(struct weir_backend *b, const struct weir_ckpt *c, const struct weir_keyed_handle *h, struct weir_error *err) WEIR_CHECK;

/* Restored states (and timer services) that the job has not registered: the i-th name, or NULL. They are kept and written into later snapshots as they
 * were stored. Ask after the job has registered its states: refuse to run, or, when the user allows it (--allowNonRestoredState), drop them. */
const char *weir_backend_unclaimed(const struct weir_backend *b, uint32_t i);
int weir_backend_drop_unclaimed(struct weir_backend *b, struct weir_error *err) WEIR_CHECK;

uint64_t weir_backend_bytes(const struct weir_backend *b); /* memory held */

#endif
