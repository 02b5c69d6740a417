/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The managed operator state stream: lists (split or union) and broadcast maps. docs/formats/metadata.md, section on operator state.
 */
#ifndef WEIR_STATE_FLINK_OPER_H
#define WEIR_STATE_FLINK_OPER_H

#include "base/buf.h"
#include "base/src.h"
#include "state/flink/entry.h"

struct weir_oper_meta {
	const char *name;
	enum weir_distribution mode;
	struct weir_type *key;      /* BROADCAST */
	struct weir_type *value;    /* element, or broadcast value */
	const struct weir_operator_list *list; /* reading: its part of the handle, or NULL */
};

/* One state to write. Elements are serialized; BROADCAST: one element, "i32 count, key, value, ...". */
struct weir_oper_state {
	struct weir_oper_meta meta;
	uint32_t count;
	const struct weir_slice *elements;
};
/* Append the stream to out (which it must begin) and fill handle->lists (offsets in the arena). The stream handle itself is the caller's to set.
 * proxy_version: 5 (Flink up to 1.17) or 6 (1.18 and later). */
int weir_oper_write(uint32_t n, const struct weir_oper_state *states, int32_t proxy_version, struct weir_buf *out, struct weir_arena *mem,
		    struct weir_operator_handle *handle, struct weir_error *err) WEIR_CHECK;

struct weir_oper_header {
	bool compressed;
	uint32_t nstates;
	struct weir_oper_meta *states; /* list states, then broadcast states */
};
int weir_oper_read_header(struct weir_slice stream, const char *path, const struct weir_operator_handle *handle, struct weir_arena *mem,
			  struct weir_oper_header **out, struct weir_error *err) WEIR_CHECK;
/* Every element of one list: fn gets value = its bytes, index = its position. BROADCAST: user_key and value per entry. Decompresses where needed. */
int weir_oper_read(struct weir_slice stream, const char *path, const struct weir_operator_handle *handle, const struct weir_oper_header *header, uint32_t state,
		   weir_entry_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

#endif
