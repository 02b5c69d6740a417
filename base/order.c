// SPDX-License-Identifier: Apache-2.0
/* Orders for qsort, and a binary search. Pure. */
#include "base/order.h"

int weir_order_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int weir_order_i64_down(const void *a, const void *b) { return weir_order_i64(b, a); }

size_t weir_above_i64(const int64_t *items, size_t n, int64_t v)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (items[mid] <= v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
