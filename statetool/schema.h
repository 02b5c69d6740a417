/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of schema: fields of the POJO or row that a state holds are dropped, added and reordered. From the serializer as stored it makes the
 * serializer to store, and turns values of the one into values of the other. Pure.
 */
#ifndef WEIR_STATETOOL_SCHEMA_H
#define WEIR_STATETOOL_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/src.h"
#include "state/ckpt/view.h"

enum weir_change_kind { WEIR_ADD_FIELD, WEIR_DROP_FIELD };
struct weir_schema_change {
	enum weir_change_kind kind;
	const char *text;  /* ADD: "name:type" or "name:type=default"; DROP: name, or position in a row without names */
};

struct weir_schema;
/* stored: the state's VALUE_SERIALIZER. order: "a,b,c" or NULL: all fields after the other changes. Memory from the arena.
 * WEIR_EINVALID: the change does not make sense for this type; WEIR_EUNSUPPORTED: there is no POJO or row in it. */
int weir_schema_new(struct weir_type *stored, enum weir_state_kind kind, const struct weir_schema_change *changes, size_t nchanges, const char *order,
		    struct weir_arena *mem, struct weir_schema **out, struct weir_error *err) WEIR_CHECK;
/* What to store instead. */
struct weir_type *weir_schema_stored(const struct weir_schema *s);
/* The record before and after, for people. */
const struct weir_type *weir_schema_before(const struct weir_schema *s);
const struct weir_type *weir_schema_after(const struct weir_schema *s);
/* One value in the serializer's own form (HEAP). */
int weir_schema_convert(const struct weir_schema *s, struct weir_slice value, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/* One value in canonical form (FULL): a LIST joined by 0x2c, a MAP value behind its null flag. */
int weir_schema_convert_canonical(const struct weir_schema *s, struct weir_slice value, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

#endif
