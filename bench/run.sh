#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the benchmarks of a build and print one table: what the engine costs, what a program written by hand costs, their ratio, the target. Asserts nothing.
#     bench/run.sh BUILD [--quick]
set -u
cd "$(dirname "$0")/.."
case ${1:-} in '' | -*) echo "bench/run.sh BUILD [--quick]" >&2; exit 2 ;; /*) build=$1 ;; *) build=$PWD/$1 ;; esac
shift
b=$build/bench
failed=0
"$b/bench_machine"
"$b/bench_chain" "$@" || failed=1
"$b/bench_keyed" "$@" || failed=1
"$b/bench_window" "$@" || failed=1
"$b/bench_demo" "$build/weir" "$@" || failed=1
"$b/bench_start" "$build/weir" "$@" || failed=1
echo
echo "the tools, on state of 100 bytes an entry:"
"$b/bench_tools" "$build/weir" "$@" || failed=1
echo
echo "the state backend alone:"
"$b/bench_state" "$@" || failed=1
exit $failed
