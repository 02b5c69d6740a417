/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the hashmap backend share. Read README.md, then hashmap.c. */
#ifndef WEIR_STATE_BACKEND_HASHMAP_H
#define WEIR_STATE_BACKEND_HASHMAP_H

#include "base/arena.h"
#include "base/vec.h"
#include "state/backend/backend.h"
#include "state/backend/map.h"
#include "state/backend/table.h"

/* How the values of a state are held. */
enum weir__form {
	WEIR__NATIVE,     /* as the types say */
	WEIR__BOXED,      /* restored, not yet claimed: each value, list element, user key and map value (with its null flag) is the bytes that were stored */
	WEIR__WHOLE_FULL, /* the same, one blob for the whole value, because it cannot be taken apart: canonical ... */
	WEIR__WHOLE_HEAP, /* ... or as its serializer writes it */
};

struct weir_state {
	struct weir_backend *b;
	char *name;
	enum weir_state_kind kind;      /* as registered or stored */
	bool list, map;                 /* what a slot holds; else a value */
	enum weir__form form;
	bool ns_boxed;
	bool claimed;                   /* registered by the job */
	struct weir_type *ns, *value, *user_key; /* native, in use: value, element or user value */
	struct weir_type *real_ns;      /* what ns_boxed bytes are; else ns */
	struct weir_type *stored;       /* VALUE_SERIALIZER */
	struct weir__layout layout;
	struct weir__map_layout entries;
	struct weir__table *tables;     /* ngroups */
	uint64_t count;
	/* kept by window (panes.c): tables have panes by window, layout is that of a pane's table */
	bool by_window;
	struct weir__layout outer;      /* of tables */
	struct weir__recent *recent;    /* WEIR__RECENT of them, or NULL */
	uint32_t recent_next;
	uint32_t *expected;             /* entries of the pane dropped last, by key group */
	struct weir_windows *windows;   /* that arm its entries, or NULL */
};

struct weir__queue {
	struct weir__table *tables;     /* ngroups; a slot's key is a pointer to the timer's cell */
	struct weir__timer_ref *heap;
	size_t len, cap, dead;
	uint64_t count;
};

struct weir_timers {
	struct weir_backend *b;
	char *service;
	bool claimed, ns_boxed;
	struct weir_windows *windows;   /* whose panes stand for most event-time timers, or NULL */
	struct weir_type *ns, *real_ns;
	struct weir_type *timer;        /* (time, key, ns) in use */
	struct weir_type *stored;       /* TimerSerializer of key and real ns */
	struct weir_type ref;           /* a pointer to a timer, for the layout */
	struct weir_field ref_field;
	struct weir__layout layout;
	struct weir__queue queues[2];   /* by enum weir_time_domain */
	uint8_t *probe;                 /* a timer being looked for */
	uint8_t *popped;                /* namespace of the last popped timer */
	struct weir_arena popped_mem;
	struct weir_buf a, z;           /* serialized sides of a comparison */
};

struct weir_backend {
	struct weir_backend_config config;
	struct weir_arena mem;          /* types and names */
	struct weir__space *spaces;     /* ngroups */
	struct weir__pool pool;
	WEIR_VEC(struct weir_state *) states;
	WEIR_VEC(struct weir_timers *) timers;
	WEIR_VEC(struct weir_windows *) windows;
	/* current key */
	void *key;
	struct weir_arena key_mem;
	bool has_key;
	uint64_t key_hash;
	uint32_t group;                 /* index: key group - first_group */
	/* value handed out for editing, not FLAT */
	const struct weir_type *edit_type;
	void *edit_value;
	uint32_t edit_group;
	uint8_t *before;                /* its native bytes before */
	uint8_t *stage;                 /* copies of arguments that may lie in state */
	size_t before_size, stage_size;
	uint32_t batch;
	struct weir_snapshot *snapshot; /* running */
	int late_code;                  /* failure of a call that returns none; the next one reports it */
};

#define WEIR__STEP_SLOTS 256u /* of a rehash per call */
#define WEIR__STEP_BATCH 16384u

static inline struct weir__space *weir__space_of(struct weir_state *s) { return &s->b->spaces[s->b->group]; }
static inline struct weir__table *weir__table_of(struct weir_state *s) { return &s->tables[s->b->group]; }
int weir__backend_nomem(const struct weir_state *s, struct weir_error *err);
/* Settles, checks kind and current key. */
int weir__state_enter(struct weir_state *s, bool list, bool map, struct weir_error *err);
/* The slot of the current key and ns, or NULL. */
uint8_t *weir__state_find(struct weir_state *s, const void *ns);
/* Found or made, touched; *out_created. NULL when out of memory. */
uint8_t *weir__state_put(struct weir_state *s, const void *ns, bool *out_created);
/* Free what the entries of a table own, and its slots. */
void weir__state_drop_entries(struct weir_state *s, uint32_t g, struct weir__table *t);
/* Remove a slot of key group index g with everything it owns. */
void weir__state_drop_slot(struct weir_state *s, uint32_t g, uint8_t *slot);
/* Remember what v was before it is edited. */
int weir__state_begin_edit(struct weir_state *s, const struct weir_type *t, void *v, struct weir_error *err);
/* Shallow copy of an argument. */
const void *weir__backend_stage(struct weir_backend *b, const void *p, size_t n);
/* A state that is not registered yet; types prepared. */
struct weir_state *weir__state_new(struct weir_backend *b, const char *name, enum weir_state_kind kind, enum weir__form form, struct weir_type *ns, struct weir_type *value,
				   struct weir_type *user_key, struct weir_error *err);
/* The same as the job registers it. */
struct weir_state *weir__state_new_as(struct weir_backend *b, const struct weir_state_desc *d, struct weir_type *ns, struct weir_error *err);
/* Empty the state. */
void weir__state_empty(struct weir_state *s);
void weir__state_empty_group(struct weir_state *s, uint32_t g);
void weir__state_free(struct weir_state *s);
/* Make key current: a native key of the config's type. */
int weir__backend_take_key(struct weir_backend *b, const void *key, uint64_t hash, uint32_t group, struct weir_error *err);

/* claim.c: a restored state meets the job's registration. */
int weir__state_claim(struct weir_state *s, const struct weir_state_desc *desc, struct weir_type *stored, struct weir_error *err);
/* timers.c */
struct weir_timers *weir__timers_new(struct weir_backend *b, const char *service, struct weir_type *ns, struct weir_type *real_ns, bool ns_boxed, struct weir_error *err);
struct weir_timers *weir__timers_find(struct weir_backend *b, const char *service);
int weir__timers_put(struct weir_timers *t, enum weir_time_domain d, uint32_t group, int64_t time_ms, const void *key, const void *ns, struct weir_error *err);
/* Each timer of a queue; those that are not to be kept are removed. */
typedef bool weir__timers_keep_fn(void *arg, uint32_t group, int64_t time_ms, const void *key, const void *ns);
void weir__timers_filter(struct weir_timers *t, enum weir_time_domain d, weir__timers_keep_fn *keep, void *arg);
/* The order of timers of one time: by the first 8 bytes of the serialized key, then by all of it, then by namespace. */
uint64_t weir__timers_prefix(struct weir_timers *t, const void *key);
int weir__timers_order(struct weir_timers *t, const void *key_a, const void *ns_a, const void *key_z, const void *ns_z); /* prefixes are equal */
bool weir__timers_top_is_before(struct weir_timers *t, enum weir_time_domain d, uint64_t prefix, const void *key, const void *ns); /* there is a top */
void weir__timers_empty(struct weir_timers *t);
void weir__timers_free(struct weir_timers *t);
int weir__timers_claim(struct weir_timers *t, struct weir_type *ns, struct weir_error *err);

#endif
