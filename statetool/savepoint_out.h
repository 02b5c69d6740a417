/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a savepoint that is made from another checkpoint: a directory of the user's choice, files copied as bytes or written anew.
 * Durable order: every state file synced and closed, the directory synced, then _metadata published (weir_fs_publish); so a
 * crash leaves either no savepoint or a whole one. One thread.
 */
#ifndef WEIR_STATETOOL_SAVEPOINT_OUT_H
#define WEIR_STATETOOL_SAVEPOINT_OUT_H

#include <weir/ckpt.h>

struct weir_savepoint_out;

/* uri must not exist, or be an empty directory: else WEIR_EEXISTS. */
int weir_savepoint_out_begin(const char *uri, struct weir_savepoint_out **out, struct weir_error *err) WEIR_CHECK;
const char *weir_savepoint_out_dir(const struct weir_savepoint_out *o);
/* Copy the bytes behind a handle of c and make *h refer to the copy (RELATIVE). Inline handles are left as they are; a file that several
 * handles name is copied once. New text is in c's arena. */
int weir_savepoint_out_copy(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_stream_handle *h, struct weir_error *err) WEIR_CHECK;
/* All files behind the handle of a subtask; it refers to the copies then. */
int weir_savepoint_out_copy_keyed(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_keyed_handle *k, struct weir_error *err) WEIR_CHECK;
int weir_savepoint_out_copy_operator(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_operator_handle *h, struct weir_error *err) WEIR_CHECK;
/* A file that is no state: the caller writes, syncs and closes it. It goes away with an abort. */
int weir_savepoint_out_side(struct weir_savepoint_out *o, const char *name, struct weir_fs_out **out, struct weir_error *err) WEIR_CHECK;
/* A new stream in place of *h: inline if *h was, else a file. Bytes come through put (a weir_put_fn, arg = o) until end. */
int weir_savepoint_out_open(struct weir_savepoint_out *o, const struct weir_ckpt *c, const struct weir_stream_handle *h, struct weir_error *err) WEIR_CHECK;
int weir_savepoint_out_put(void *o, const void *p, size_t n, struct weir_error *err) WEIR_CHECK;
int weir_savepoint_out_end(struct weir_savepoint_out *o, const struct weir_ckpt *c, struct weir_stream_handle *h, struct weir_error *err) WEIR_CHECK;
/* Encode c as `version` with relative references into this directory and publish it. After 0 the savepoint is complete. Frees o. */
int weir_savepoint_out_complete(struct weir_savepoint_out *o, struct weir_ckpt *c, int32_t version, struct weir_error *err) WEIR_CHECK;
/* Remove what was written. Frees o. NULL is allowed. */
void weir_savepoint_out_abort(struct weir_savepoint_out *o);

#endif
