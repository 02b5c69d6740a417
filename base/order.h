/* SPDX-License-Identifier: Apache-2.0 */
/* Orders for qsort, and the search that goes with them. Pure. */
#ifndef WEIR_BASE_ORDER_H
#define WEIR_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

int weir_order_i64(const void *a, const void *b);      /* int64_t, ascending */
int weir_order_i64_down(const void *a, const void *b); /* descending */
/* Index of the first of n ascending items that is above v; n if there is none. */
size_t weir_above_i64(const int64_t *items, size_t n, int64_t v);

#endif
