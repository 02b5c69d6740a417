/* SPDX-License-Identifier: Apache-2.0 */
/* Files beside a checkpoint that nothing refers to. */
#ifndef WEIR_STATETOOL_LEFTOVERS_H
#define WEIR_STATETOOL_LEFTOVERS_H

#include <weir/ckpt.h>

/* path is valid during the call. */
typedef int weir_leftover_fn(void *arg, const char *path, uint64_t bytes);
/* In the directory of the checkpoint; with `shared` also in the directories shared/ and taskowned/ beside it, where the other checkpoints of the job refer to files, too: when
 * one of them cannot be read these two are not looked at, which *out_unknown tells. Neither _metadata nor a loss report is a leftover. */
int weir_leftovers(const struct weir_ckpt *c, bool shared, weir_leftover_fn *fn, void *arg, bool *out_unknown, struct weir_error *err) WEIR_CHECK;

#endif
