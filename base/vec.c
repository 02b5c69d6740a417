// SPDX-License-Identifier: Apache-2.0
#include "base/vec.h"

#include <stdint.h>

bool weir__vec_grow(void **items, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 8;
	void *p;

	if (need <= *cap)
		return true;
	while (n < need)
		n *= 2;
	if (n > SIZE_MAX / size / 2)
		return false;
	p = realloc(*items, n * size);
	if (!p)
		return false;
	*items = p;
	*cap = n;
	return true;
}
