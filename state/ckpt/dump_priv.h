/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dump share. */
#ifndef WEIR_STATE_CKPT_DUMP_PRIV_H
#define WEIR_STATE_CKPT_DUMP_PRIV_H

#include "base/buf.h"
#include "state/ckpt/view_priv.h"

/* `{"op":..,"uid":..,"name":..,"maxp":..,`; `{` without an operator. */
void weir__dump_head(struct weir_buf *b, const struct weir_operator_state *op);
/* The rest of the line, from "sub" to the closing brace. True when the entry is undecodable. */
bool weir__dump_line(const struct weir_view *v, const struct weir_entry *e, struct weir_buf *b);

#endif
