/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir state meta: the whole _metadata as JSON, and back. With data the JSON says everything that the bytes say: encoding what it reads back to
 * gives the same bytes (docs/state-json.md). Without data inline state is its length and XXH3: for reading only.
 */
#ifndef WEIR_STATETOOL_META_H
#define WEIR_STATETOOL_META_H

#include <weir/ckpt.h>

#include "base/arena.h"
#include "statetool/json_tree.h"

void weir_meta_json(const struct weir_ckpt *c, bool data, struct weir_buf *out);
/* The model of such JSON, in the arena; slices point into it and into the tree's. Encode it with weir_ckpt_encode(c, c->version). WEIR_EINVALID names the
 * member that is missing or wrong, by its path. */
int weir_meta_parse(struct weir_slice json, struct weir_arena *mem, struct weir_ckpt **out, struct weir_error *err) WEIR_CHECK;

/* The names of kinds, in both directions. */
extern const char *const weir__meta_handle_kinds[];
extern const char *const weir__meta_list_modes[];
extern const char *const weir__meta_snapshot_kinds[];
extern const char *const weir__meta_profiles[];

#endif
