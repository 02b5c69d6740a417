/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces of text that readers and writers share: hex digits, UTF-8, likeness of words. Pure. */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <weir/str.h>

static inline bool weir_slice_is(struct weir_slice s, const char *text) { return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0; }

/* 0 to 15, or -1. */
int weir_hex_digit(char c);
/* Four hex digits at p. */
bool weir_hex4(const char *p, uint32_t *out);
/* One character as UTF-8 (unpaired surrogates too, as their 3-byte form): writes up to 4 bytes, returns how many. */
size_t weir_utf8_put(uint8_t *to, uint32_t cp);
/* Letters to change, add, leave out or swap with the next to make b of a. SIZE_MAX when one of them is longer than 127 bytes. */
size_t weir_edit_distance(const char *a, const char *b);

/* Make text fit to be shown, in place: control characters and bytes that are not UTF-8 become \xNN; newlines stay when `lines`. size: of the buffer; what no longer fits is cut
 * between characters. Applying it again changes nothing. */
void weir_text_visible(char *text, size_t size, bool lines);

#endif
