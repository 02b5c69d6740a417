/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files in the mount: any bytes as one path component, and back (docs/mount.md, section on names).
 *
 * enc(bytes): valid UTF-8 of printable characters stays; every other byte becomes %XX (upper case): controls, bytes that are no
 * UTF-8, / % @ ~ \, a leading dot, a leading or trailing space, line and paragraph separators, bidirectional controls. Empty is "%".
 * So enc is injective, and a name never is "." or "..", never holds a slash, newline or NUL. Pure.
 */
#ifndef WEIR_FUSEFS_NAME_H
#define WEIR_FUSEFS_NAME_H

#include "base/buf.h"

#define WEIR_NAME_MAX 255

void weir_name_encode(struct weir_slice bytes, struct weir_buf *out);
/* The bytes of a name. False when it is not what weir_name_encode writes. */
bool weir_name_decode(const char *name, size_t len, struct weir_buf *out);

/* Shorten what lies in buf from `from` on, if it is longer than max: its first 180 bytes (never cut inside a character or %XX), "~" and the
 * 32 hex digits of `hash`. With `always` the hash is appended in any case (what was encoded is not the whole identity). */
void weir_name_shorten(struct weir_buf *buf, size_t from, size_t max, const uint8_t hash[16], bool always);

#endif
