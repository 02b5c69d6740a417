/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are cut short while they are mapped: the kernel then raises SIGBUS. A server must not die of it, and must not show what is not there.
 */
#ifndef WEIR_FUSEFS_FAULT_H
#define WEIR_FUSEFS_FAULT_H

#include <stdint.h>

/* From now on a page that is gone reads as zeros, and is counted. For a process that serves a mount. */
void weir_fault_guard(void);
/* Pages that were gone so far: of this thread; of all. What was computed while the first of them grew is worth nothing. */
uint64_t weir_fault_mine(void);
uint64_t weir_fault_total(void);

#endif
