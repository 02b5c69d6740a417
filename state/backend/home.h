/* SPDX-License-Identifier: Apache-2.0 */
/* The home slot of the current key: where reach.c and collection.c look before they search. */
#ifndef WEIR_STATE_BACKEND_HOME_H
#define WEIR_STATE_BACKEND_HOME_H

#include "state/backend/hashmap.h"

/* Must a call do something first: settle an edit, report a failure? */
static inline bool weir__backend_is_quiet(const struct weir_backend *b) { return !b->edit_type && !b->late_code; }

/* The slot of the current key and namespace NULL, if it is at home and nothing is to be done before (an edit to settle, a rehash to continue). */
static inline uint8_t *weir__state_home(const struct weir_state *s)
{
	const struct weir_backend *b = s->b;
	const struct weir__table *t = &s->tables[b->group];
	const struct weir__layout *l = &s->layout;
	uint32_t tag = weir__tag(b->key_hash), have;
	uint8_t *slot;

	if (!weir__backend_is_quiet(b) || !b->has_key || !s->claimed || s->by_window || l->ns_eq != WEIR__EQ_NONE || t->old.slots || !t->cur.slots)
		return NULL;
	slot = t->cur.slots + (size_t)(tag >> t->cur.shift) * l->slot_size;
	memcpy(&have, slot, 4);
	return have == tag && weir__same_bytes(l->key_eq, slot + l->key_off, b->key) ? slot : NULL;
}

#endif
