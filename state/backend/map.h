/* SPDX-License-Identifier: Apache-2.0 */
/* The map of one MAP state value, and the array of a LIST state value, inside a shard. See map.c. */
#ifndef WEIR_STATE_BACKEND_MAP_H
#define WEIR_STATE_BACKEND_MAP_H

#include "state/backend/value.h"

/* Entry: u32 tag, u32 null flag, user key, value. Entries are dense, in the order of insertion (the last one takes the place of a removed one). */
struct weir__map_layout {
	struct weir_type *key, *value;
	enum weir__eq key_eq;
	uint32_t entry_size, key_off, value_off;
};
struct weir__map {
	uint8_t *entries;
	uint32_t *index;       /* 2 * cap of entry number + 1; NULL while cap <= 8 */
	uint32_t count, cap;   /* cap: a power of two */
};
/* Begins like struct weir_list. */
struct weir__list {
	void *items;
	uint32_t count, cap;
};

void weir__map_layout_init(struct weir__map_layout *l, struct weir_type *key, struct weir_type *value);
static inline uint8_t *weir__map_entry(const struct weir__map_layout *l, const struct weir__map *m, uint32_t i) { return m->entries + (size_t)i * l->entry_size; }
static inline bool weir__map_entry_null(const uint8_t *e)
{
	uint32_t null;

	memcpy(&null, e + 4, 4);
	return null != 0;
}
uint8_t *weir__map_find(const struct weir__map_layout *l, const struct weir__map *m, uint32_t tag, const void *key);
/* Add an absent key: copied in; value zeroed. *m must have been touched. NULL when out of memory. */
uint8_t *weir__map_add(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s, uint32_t tag, const void *key);
/* Remove an entry with what it owns. *m must have been touched. */
void weir__map_remove(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s, uint8_t *entry);
void weir__map_free(const struct weir__map_layout *l, struct weir__map *m, struct weir__space *s);

/* Append a copy; *list must have been touched. item must not lie in the list. */
bool weir__list_add(const struct weir_type *t, struct weir__list *list, struct weir__space *s, const void *item) WEIR_CHECK;
void weir__list_free(const struct weir_type *t, struct weir__list *list, struct weir__space *s);

#endif
