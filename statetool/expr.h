/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expressions of weir state find: value.count > 100 && key.origin == "ORD". docs/state-tool.md describes the language; values are those of
 * docs/state-json.md. Three steps, all pure: parse the text once, bind it to each state (fields and kinds are checked against its types), evaluate it for
 * each entry. Errors of the first two show the text with a caret below; the third has none but lack of memory: what an entry does not have is null.
 */
#ifndef WEIR_STATETOOL_EXPR_H
#define WEIR_STATETOOL_EXPR_H

#include "base/arena.h"
#include "state/ckpt/view.h"

struct weir_expr;

/* WEIR_EINVALID, as for a wrong option. */
int weir_expr_parse(const char *text, struct weir_expr **out, struct weir_error *err) WEIR_CHECK;
/* WEIR_EINVALID when the expression can make no sense for this state: a field that is not there, a number compared with text. May be called again, for
 * another state; the last one counts. */
int weir_expr_bind(struct weir_expr *x, const struct weir_state_info *s, struct weir_error *err) WEIR_CHECK;
/* *out: does the entry (of the state bound to) satisfy it? Only `true` does; null does not. */
int weir_expr_eval(struct weir_expr *x, const struct weir_entry *e, bool *out, struct weir_error *err) WEIR_CHECK;
void weir_expr_free(struct weir_expr *x); /* NULL is allowed */

#endif
