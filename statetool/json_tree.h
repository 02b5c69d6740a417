/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text as a tree of plain values in an arena. Whole numbers of 64 bits are exact; every other number keeps its text beside the nearest
 * double. Object members keep their order. Text with trailing characters, nesting above 200, or unpaired quotes is refused with its column.
 */
#ifndef WEIR_STATETOOL_JSON_TREE_H
#define WEIR_STATETOOL_JSON_TREE_H

#include "base/arena.h"
#include "base/buf.h"

enum weir_json_kind { WEIR_JSON_NULL, WEIR_JSON_BOOL, WEIR_JSON_INT, WEIR_JSON_FLOAT, WEIR_JSON_STRING, WEIR_JSON_ARRAY, WEIR_JSON_OBJECT };

struct weir_json_member;
struct weir_json {
	enum weir_json_kind kind;
	uint32_t n;                 /* ARRAY, OBJECT: how many */
	union {
		bool b;
		int64_t i;
		double f;
		const struct weir_json *items;
		const struct weir_json_member *members;
	} u;
	struct weir_slice text;     /* STRING: UTF-8, terminated by a NUL that is not counted; INT, FLOAT: as written */
};
struct weir_json_member {
	struct weir_slice name;     /* terminated, as above */
	struct weir_json value;
};

/* *out in the arena. WEIR_EPARSE with the column. */
int weir_json_parse(struct weir_slice text, struct weir_arena *mem, const struct weir_json **out, struct weir_error *err) WEIR_CHECK;
/* NULL when j is no object or has no such member. */
const struct weir_json *weir_json_member(const struct weir_json *j, const char *name);
static inline double weir_json_number(const struct weir_json *j) { return j->kind == WEIR_JSON_INT ? (double)j->u.i : j->u.f; }
static inline bool weir_json_is_number(const struct weir_json *j) { return j->kind == WEIR_JSON_INT || j->kind == WEIR_JSON_FLOAT; }

#endif
