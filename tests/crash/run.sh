#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo job killed before every file operation that it makes, and every one of them made to fail; resumed, and its result compared with an
# uninterrupted run (crash.c says what is checked). Each point is a test.
#     tests/crash/run.sh WEIR [all]       all: every point at -p 2 and 3 too, which is otherwise a sample (or WEIR_CRASH=all)
#     WEIR_CRASH_JOBS=N   workers        WEIR_CRASH_ROWS=N   rows of the input (600)
set -u
weir=$(realpath "$1"); extent=${2:-${WEIR_CRASH:-}}
cd "$(dirname "$0")/../.."
base=${TMPDIR:-/tmp}
[ -w /dev/shm ] && base=/dev/shm # a killed process loses nothing that it wrote: what the disk does is tested in tests/unit/fs
work=$(mktemp -d "$base/weir-crash.XXXXXX")
export XDG_RUNTIME_DIR=$work XDG_CACHE_HOME=$work/cache
case $extent in all) two=1 three=3 again=1 lives=200 ;; *) two=9 three=31 again=5 lives=16 ;; esac
rc=0
{
    head -n $((1 + ${WEIR_CRASH_ROWS:-600})) examples/data/flights-20k.csv > "$work/flights.csv" &&
    ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -o "$work/crash" tests/crash/crash.c &&
    ${CC:-cc} -std=c11 -O2 -fPIC -shared -Iinclude -o "$work/delays.so" examples/delays.c
} || { echo "crash: cannot be built"; exit 1; }
mkdir "$work/points"
while read -r mode parallelism step; do
    "$work/crash" "$weir" "$work/delays.so" "$work/flights.csv" "$work/points" "$mode" "$parallelism" "$step" || rc=1
done > >(tee "$work/log") << END
kill 1 1
nospc 1 1
io 1 1
full 1 3
again 1 $again
lives 1 $lives
kill 2 $two
lives 2 $lives
nospc 2 $((two * 3))
io 2 $((two * 3))
kill 3 $three
stop 1 1
stop 2 $((two / 4 + 1))
stopio 1 $((two / 4 + 1))
END
wait
count() { grep -oE "[0-9]+ $1" "$work/log" | awk '{ n += $1 } END { print n + 0 }'; }
passed=$(count passed); failed=$(count failed)
[ "$rc" = 0 ] && rm -rf "$work" || echo "crash: what failed is kept in $work/points"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$rc" = 0 ]
