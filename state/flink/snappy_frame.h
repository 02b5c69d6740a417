/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snappy framing format, as Flink's compressed state uses it: the identifier chunk "ff 06 00 00 sNaPpY", then chunks of at most
 * 64 KiB uncompressed, each with a masked CRC-32C. Pure.
 */
#ifndef WEIR_STATE_FLINK_SNAPPY_FRAME_H
#define WEIR_STATE_FLINK_SNAPPY_FRAME_H

#include "base/buf.h"

#define WEIR_SNAPPY_BLOCK 65536u
#define WEIR_SNAPPY_IDENTIFIER_LEN 10u

/* Append the identifier chunk. */
void weir_snappy_frame_begin(struct weir_buf *out);
/* Append the data in chunks (without identifier); nothing for no data. As snappy-java: a block that does not shrink to 85 % is stored. */
int weir_snappy_frame_put(struct weir_slice in, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/*
 * Decode chunks from in, appending to out, until the input ends or a chunk is not whole or not right. Identifier chunks may come
 * anywhere; with `need_identifier` the first chunk must be one. *used = bytes of whole and right chunks. Returns 0 when everything
 * was decoded; else the code, with *what (a static string) saying what was wrong at *used. What was decoded before stays in out.
 */
int weir_snappy_frame_read(struct weir_slice in, bool need_identifier, struct weir_buf *out, size_t *used, const char **what) WEIR_CHECK;

#endif
