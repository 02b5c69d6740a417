// SPDX-License-Identifier: Apache-2.0
// delays.c one release later: its state counts flights on time as well. A savepoint of the old job fits after
//     weir state migrate OLD HALF --state tally --add on_time:int64
//     weir state migrate HALF NEW --state window-contents --add on_time:int64
#define WITH_ON_TIME
#include "delays.c"
