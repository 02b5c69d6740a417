/* SPDX-License-Identifier: Apache-2.0 */
/* examples/delays.c as one loop over one file, written for nothing else. Writes hours, late and alerts into folder. 0, or -1 with a message on stderr. */
#ifndef WEIR_BENCH_DELAYS_BY_HAND_H
#define WEIR_BENCH_DELAYS_BY_HAND_H

int delays_by_hand(const char *input, const char *folder, unsigned watermark_rows);

#endif
