/* SPDX-License-Identifier: Apache-2.0 */
/* Taking keys out of rows, a batch at a time: native keys, table hashes and key groups, computed once and carried with the batch. */
#ifndef WEIR_RUNTIME_KEYS_H
#define WEIR_RUNTIME_KEYS_H

#include "runtime/graph.h"

/* The batch under its key: an alias that has keys, hashes and groups for the selected rows (others are undefined). */
int weir_keys_attach(const struct weir_key_spec *k, struct weir_batch *b, const struct weir_select *rows, uint32_t max_parallelism, struct weir_batch **out,
		     struct weir_error *err) WEIR_CHECK;

#endif
