/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one input: a file of any file system, plain or gzip, or standard input; as a window that moves forward over them.
 *
 * window.p .. window.end are the bytes at hand; the reader moves p. Offsets count unpacked bytes.
 */
#ifndef WEIR_RUNTIME_INPUT_FILE_H
#define WEIR_RUNTIME_INPUT_FILE_H

#include <weir/fs.h>

#include "runtime/format_rows.h"

#define WEIR_INPUT_STDIN "-"
#define WEIR_INPUT_MAX_ROW ((size_t)64 << 20)

struct weir_input;
/* uri: of the file, or "-". A name that ends in .gz is unpacked. */
int weir_input_open(const char *uri, struct weir_input **out, struct weir_error *err) WEIR_CHECK;
void weir_input_close(struct weir_input *in); /* NULL is allowed */
struct weir_row_cursor *weir_input_window(struct weir_input *in);
/* Of window.p, and of a pointer into the window. */
uint64_t weir_input_offset(const struct weir_input *in);
uint64_t weir_input_offset_of(const struct weir_input *in, const char *p);
/* More bytes behind those at hand; pointers into the window move. At the end of the input sets window.last. When the window holds
 * WEIR_INPUT_MAX_ROW bytes already: window.full. Standard input that has nothing just now: *out_waiting. */
int weir_input_fill(struct weir_input *in, bool *out_waiting, struct weir_error *err) WEIR_CHECK;
/* Continue at this offset. gzip: not before the present one. An input that ends before it is WEIR_EIO. */
int weir_input_seek(struct weir_input *in, uint64_t offset, struct weir_error *err) WEIR_CHECK;
/* Rows that begin at `end` or later are not ours: sets window.limit, now and at every fill. UINT64_MAX = none. */
void weir_input_limit(struct weir_input *in, uint64_t end);
const char *weir_input_path(const struct weir_input *in); /* for messages */
bool weir_input_is_gzip(const char *path);
/* Line feeds before an offset of a plain file. */
int weir_input_count_lines(const char *uri, uint64_t before, uint64_t *out, struct weir_error *err) WEIR_CHECK;

#endif
