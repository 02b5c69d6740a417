#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All tests, in order of how much they tell per second. Each part ends with a line "N passed, N failed, N skipped"; the last line adds them up.
#     tests/check.sh [PART...]      parts: tidy headers unit fuzz cli reader crash sim clang asan tsan
set -u
cd "$(dirname "$0")/.."
parts=${*:-tidy headers unit fuzz cli reader crash sim clang asan tsan}
passed=0; failed=0; skipped=0
jobs=$(nproc)
log=$(mktemp -d); trap 'rm -rf "$log"' EXIT

# count NAME COMMAND...: run it; take its last "N passed, N failed, N skipped", or count it as one test.
count() {
    local name=$1 rc line; shift
    local start=$SECONDS
    "$@" > "$log/$name" 2>&1; rc=$?
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log/$name" | tail -n 1)
    if [ -z "$line" ]; then [ $rc -eq 0 ] && line='1 passed, 0 failed, 0 skipped' || line='0 passed, 1 failed, 0 skipped'; fi
    set -- $(printf '%s' "$line" | grep -oE '[0-9]+')
    [ $rc -eq 0 ] || [ "$2" -ne 0 ] || set -- "$1" 1 "$3"
    passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3))
    [ $rc -eq 0 ] || tail -n 60 "$log/$name"
    grep -E '^ *(SKIP|[a-z_]+: SKIP)' "$log/$name" | sort | uniq -c | sed 's/^ */    /' | head -n 20
    printf '%-16s %s (%d s)\n' "$name" "$1 passed, $2 failed, $3 skipped" $((SECONDS - start))
}
build() { make -s -j"$jobs" "$@"; }
unit() { build "$@" all tests && tests/run.sh "$(printf '%s\n' "$@" | sed -n 's/^BUILD=//p')"; }
replay() {
    local n=0 bad=0
    for f in "$1"/fuzz/fuzz_*; do
        [ -x "$f" ] || continue
        out=$("$f" "tests/fuzz/corpus/$(basename "$f" | sed 's/^fuzz_//')" 2>&1) || { printf '%s\n' "$out" | tail -n 20; bad=$((bad + 1)); }
        k=$(printf '%s\n' "$out" | grep -oE '[0-9]+ passed' | tail -n 1 | grep -oE '[0-9]+'); n=$((n + ${k:-0}))
    done
    echo "$n passed, $bad failed, 0 skipped"; [ $bad -eq 0 ]
}

for part in $parts; do
    case $part in
    tidy)    count tidy make -s tidy ;;
    headers) count headers make -s headers ;;
    unit)    count unit unit BUILD=build ;;
    fuzz)    build BUILD=build tests && count fuzz replay build ;;
    cli)     build all && count cli tests/cli/run.sh build ;;
    reader)  build all && count reader tests/reader/run.sh build/weir ;;
    crash)   build all && count crash tests/crash/run.sh build/weir ;;
    sim)     build build/sim && count sim build/sim "${SEEDS:-20000}" ;;
    clang)   count clang build CC=clang BUILD=build/clang all tests ;;
    asan)    count asan env QUIET=1 ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 WEIR_TEST_TIMEOUT=600 \
                 bash -c "$(declare -f build unit); jobs=$jobs; unit BUILD=build/asan SAN=address,undefined OPT=-O1"
             count asan-fuzz replay build/asan
             build BUILD=build/asan SAN=address,undefined OPT=-O1 build/asan/sim && count asan-sim build/asan/sim 1000 ;;
    tsan)    build BUILD=build/tsan SAN=thread OPT=-O1 all tests
             count tsan env QUIET=1 TSAN_OPTIONS=halt_on_error=1 WEIR_TEST_TIMEOUT=600 tests/run.sh build/tsan backend job space states windows snapshot firing ;;
    *)       echo "unknown part: $part"; exit 2 ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
