/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serialized values as text, and back. JSON is weir_type_to_json's. Plain text is what people type and what names in the mount are
 * made of: strings as they are, time windows START_END in ms, what JSON would quote without its quotes, everything else compact JSON,
 * what does not decode "0x" and hex. Pure; the functions are total: damage becomes {"$raw":hex,"serializer":class}.
 */
#ifndef WEIR_STATETOOL_TEXT_H
#define WEIR_STATETOOL_TEXT_H

#include "base/buf.h"
#include "state/ckpt/view.h"

/* JSON of one whole value; bytes that are left over count as damage. t NULL = no type known. False when it did not decode. */
bool weir_text_json(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out);
/* The value of an entry as JSON: the list of a LIST, the user value of a MAP ("null" for its null flag). False as above. */
bool weir_text_value(const struct weir_entry *e, struct weir_buf *out);
/* Plain text. False when it did not decode (the hex form was written). *out_null, may be NULL: the value is Java's null. */
bool weir_text_plain(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out, bool *out_null);
/* The same for one column of a line on a terminal: text with control characters (C0, DEL, C1) is JSON instead, with each of them escaped. */
void weir_text_column(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out);
/* Escape DEL and C1 control characters behind `from`, which JSON leaves as they are. */
void weir_text_safe(struct weir_buf *b, size_t from);
/* Plain text -> serialized. Text that is JSON of the type is understood too when `json` is set and the plain reading is none. */
int weir_text_parse(const struct weir_type *t, const char *text, size_t len, bool json, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

/* One entry as a JSON object, without newline: {"kg":..,"key":..,"ns":..,"uk":..,"value":..}, members as they apply to its kind; a
 * VoidNamespace is left out. head (may be NULL) is put in front: "\"op\":\"..\"". */
void weir_text_entry(const struct weir_entry *e, const char *head, struct weir_buf *out);

#endif
