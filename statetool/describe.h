/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint's metadata as JSON: everything that _metadata says; inline bytes as their length and XXH3. */
#ifndef WEIR_STATETOOL_DESCRIBE_H
#define WEIR_STATETOOL_DESCRIBE_H

#include "base/buf.h"
#include "state/ckpt/view.h"

void weir_describe_metadata(const struct weir_ckpt *c, struct weir_buf *out);
/* One state: kind, name and schemas; and for people. */
void weir_describe_state(const struct weir_state_info *s, struct weir_buf *out);
void weir_describe_state_text(const struct weir_state_info *s, struct weir_buf *out);

#endif
