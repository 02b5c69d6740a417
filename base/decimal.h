/* SPDX-License-Identifier: Apache-2.0 */
/* The shortest decimal of a double. */
#ifndef WEIR_BASE_DECIMAL_H
#define WEIR_BASE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* The decimal with the fewest digits that reads back as v; of several the closest: v = digits * 10^exp, digits not divisible by ten. For finite v from
 * 2^-36 up to 2^53; false outside (the caller has a slower way). */
bool weir_decimal_shortest(double v, uint64_t *out_digits, int *out_exp);

#endif
