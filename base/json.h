/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of JSON text, as Java would print them. Compact, no spaces. Pure. */
#ifndef WEIR_BASE_JSON_H
#define WEIR_BASE_JSON_H

#include "base/buf.h"

/* A quoted string from UTF-8: escapes only " \ \n \r \t, other controls and unpaired surrogates (their 3-byte form) as \u00xx. */
void weir_json_str(struct weir_buf *b, const char *text, size_t len);
static inline void weir_json_text(struct weir_buf *b, const char *text) { weir_json_str(b, text, strlen(text)); }
/* "name": with a comma before it when *first is false; sets *first to false. */
void weir_json_key(struct weir_buf *b, bool *first, const char *name);
/* As Double.toString and Float.toString: shortest digits, "1.0E10"; NaN and infinities quoted. */
void weir_json_f64(struct weir_buf *b, double v);
void weir_json_f32(struct weir_buf *b, float v);
void weir_json_i64(struct weir_buf *b, int64_t v);

#endif
