/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding entries that are there twice, and keys out of order, while entries go by. Memory is bounded: what is in order needs the entry before only; else
 * hashes are sorted (sorter.h), of one state in one key group of one handle at a time.
 */
#ifndef WEIR_STATETOOL_DUPLICATES_H
#define WEIR_STATETOOL_DUPLICATES_H

#include "state/ckpt/view.h"

struct weir_duplicates;
/* The problem function is told of each that is found; the view is read again to name a key. */
int weir_duplicates_new(struct weir_view *view, weir_problem_fn *problem, void *arg, struct weir_duplicates **out, struct weir_error *err) WEIR_CHECK;
/* Entries as weir_view_scan() gives them. 0, or WEIR_ENOMEM, or that the temporary file cannot be written. */
int weir_duplicates_add(struct weir_duplicates *d, const struct weir_entry *e, struct weir_error *err) WEIR_CHECK;
int weir_duplicates_end(struct weir_duplicates *d, struct weir_error *err) WEIR_CHECK; /* behind the last entry */
void weir_duplicates_free(struct weir_duplicates *d);                                  /* NULL is allowed */

#endif
