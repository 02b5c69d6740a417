/* SPDX-License-Identifier: Apache-2.0 */
/* java.math.BigInteger and BigDecimal as text: two's complement bytes, big endian, to and from decimal digits. Pure. */
#ifndef WEIR_STATE_TYPE_BIG_NUMBER_H
#define WEIR_STATE_TYPE_BIG_NUMBER_H

#include "base/buf.h"

/* Longer numbers are shown as hex: turning them into digits takes time that grows with the square of their length. */
#define WEIR__BIG_LIMIT 16384u

/* Append BigInteger.toString() of the bytes (none: 0). At most WEIR__BIG_LIMIT bytes. */
void weir__big_text(struct weir_buf *out, struct weir_slice two);
/* Append BigDecimal.toString() of unscaled value and scale: with an exponent where Java has one. */
void weir__big_decimal_text(struct weir_buf *out, struct weir_slice unscaled, int32_t scale);
/* Text of an optional sign, digits, fraction and exponent -> the least two's complement bytes and the scale, as new BigDecimal(text). False:
 * not a number, or out of memory (in *out). */
bool weir__big_parse(const char *text, size_t len, struct weir_buf *unscaled, int32_t *scale);

#endif
