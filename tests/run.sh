#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run.sh BUILD [NAME...]: run the unit programs of one build folder (those whose name has one of the words), one on each core, and add up their counts.
set -u
export WEIR_SOURCE=${WEIR_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
build=$1; shift; only=$(IFS='|'; echo "$*")
passed=0; failed=0; skipped=0
log=$(mktemp -d); trap 'rm -rf "$log"' EXIT
tests=$(find "$build/tests" -type f -perm -u+x -name 'test_*' | grep -E "/test_[a-z0-9_]*(${only})[a-z0-9_]*$" | sort)
printf '%s' "$tests" | xargs -P "$(nproc)" -I{} sh -c 'to=$2/$(printf %s "$1" | tr / _); "$1" >"$to" 2>&1; echo $? >"$to.rc"' sh {} "$log"
for t in $tests; do
    to=$log/$(printf %s "$t" | tr / _); out=$(cat "$to"); rc=$(cat "$to.rc")
    line=$(printf '%s\n' "$out" | grep -E '^[a-z0-9_]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' | tail -n 1)
    if [ -z "$line" ]; then
        printf '%s\n' "$out" | tail -n 40; echo "$(basename "$t"): ended with status $rc before its last line"
        failed=$((failed + 1)); continue
    fi
    [ "$rc" -eq 0 ] || printf '%s\n' "$out" | tail -n 60
    printf '%s\n' "$out" | grep '^SKIP ' | sed "s/^/  $(basename "$t"): /"
    set -- $(printf '%s' "$line" | grep -oE '[0-9]+ (passed|failed|skipped)' | cut -d' ' -f1)
    passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3))
    [ -n "${QUIET:-}" ] || echo "  $line"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
