/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of an expression, for expr_parse.c (makes it), expr_bind.c (checks it) and expr.c (evaluates it). */
#ifndef WEIR_STATETOOL_EXPR_PRIV_H
#define WEIR_STATETOOL_EXPR_PRIV_H

#include <regex.h>

#include "statetool/expr.h"
#include "statetool/json_tree.h"

enum weir__expr_root {
	WEIR__ROOT_KEY, WEIR__ROOT_NS, WEIR__ROOT_UK, WEIR__ROOT_VALUE, /* read from the entry's bytes, once, when asked for */
	WEIR__ROOT_KG, WEIR__ROOT_SUBTASK, WEIR__ROOT_INDEX, WEIR__ROOT_TIMESTAMP, WEIR__ROOT_BYTES, WEIR__ROOT_OP, WEIR__ROOT_STATE, WEIR__ROOT_KIND,
	WEIR__ROOT_MAX
};
enum weir__expr_op {
	WEIR__LITERAL, WEIR__ROOT, WEIR__MEMBER, WEIR__SUBSCRIPT, WEIR__LIST,
	WEIR__OR, WEIR__AND, WEIR__NOT, WEIR__NEGATE,
	WEIR__EQ, WEIR__NE, WEIR__LT, WEIR__LE, WEIR__GT, WEIR__GE, WEIR__IN, WEIR__CONTAINS, WEIR__STARTS, WEIR__ENDS, WEIR__MATCHES,
	WEIR__ADD, WEIR__SUB, WEIR__MUL, WEIR__DIV, WEIR__MOD,
	WEIR__LEN, WEIR__LOWER, WEIR__UPPER, WEIR__ABS, WEIR__NUM, WEIR__STR
};

struct weir__expr {
	enum weir__expr_op op;
	uint32_t at;                 /* where in the text */
	enum weir__expr_root root;
	struct weir__expr *a, *b;    /* operands */
	struct weir__expr *next;     /* LIST: a is the first of its items */
	struct weir_json literal;    /* LITERAL; MEMBER: the name is its text */
	regex_t *regex;              /* MATCHES; then chain is the next node that has one */
	struct weir__expr *chain;
	/* bound */
	int32_t index;               /* MEMBER of a record that JSON shows as a list, SUBSCRIPT: that field; else -1 */
	bool map;                    /* SUBSCRIPT, MEMBER: a is a map, shown as a list of pairs */
};

struct weir_expr {
	char *text;
	struct weir__expr *root;
	struct weir__expr *regexes;  /* nodes with a regex */
	struct weir_arena mem;       /* the tree */
	struct weir_arena scratch;   /* of one evaluation */
	struct weir_buf json;
	const struct weir_entry *entry;
	const struct weir_json *roots[WEIR__ROOT_MAX]; /* of the entry, once read */
	struct weir_slice label;     /* of `op`: the uid, name or id */
	bool nomem;
};

/* err with the text and a caret under byte `at`. Returns code. */
int weir__expr_fail(const struct weir_expr *x, uint32_t at, int code, struct weir_error *err, const char *fmt, ...) WEIR_PRINTF(5, 6);

#endif
