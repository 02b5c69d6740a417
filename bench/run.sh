#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run every benchmark of a build and print what it says, after a line about the machine.
#     bench/run.sh BUILD [--quick]
set -u
build=$1; shift
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | sed 's/^ *//'), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg), huge pages $(sed 's/.*\[\(.*\)\].*/\1/' /sys/kernel/mm/transparent_hugepage/enabled)"
start() { # least wall time of 20 starts, in ms
    local best=999999 a b
    for _ in $(seq 20); do a=$EPOCHREALTIME; "$@" > /dev/null 2>&1; b=$EPOCHREALTIME; t=$(( (${b/./} - ${a/./}) )); [ $t -lt $best ] && best=$t; done
    echo "$((best / 1000)).$(printf '%03d' $((best % 1000))) ms"
}
echo "weir --version: $(start "$build/weir" --version)   (target: at most 3 ms)"
for b in "$build"/bench/bench_*; do
    echo; echo "# $(basename "$b")"
    case $b in *_demo) "$b" "$build/weir" "$@" ;; *) "$b" "$@" ;; esac
done
