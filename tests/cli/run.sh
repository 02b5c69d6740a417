#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/cli/run.sh BUILD [NAME]: run the command line as a stranger would. Each tests/cli/test_*.sh is sourced in a fresh folder; `check`
# lines count. Expected outputs lie in tests/cli/expected (--update writes them). Last line: N passed, N failed, N skipped.
set -u
update=; [ "${1:-}" = --update ] && { update=1; shift; }
build=$(cd "${1:-build}" && pwd); only=${2:-}
here=$(cd "$(dirname "$0")" && pwd); root=$(cd "$here/../.." && pwd)
weir=$build/weir
golden=$root/tests/golden/flights
shared=${WEIR_SHARED:-$root/../shared}
passed=0; failed=0; skipped=0
export NO_COLOR=1 LC_ALL=C.UTF-8
pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAIL $name: $*"; [ -s out ] && sed 's/^/    out: /' out | head -n 8; [ -s err ] && sed 's/^/    err: /' err | head -n 8; }
skip() { skipped=$((skipped + 1)); echo "SKIP $name: $*"; }
# run STATUS COMMAND...: output in ./out and ./err
run() {
    local want=$1; shift
    "$@" >out 2>err </dev/null; local rc=$?
    if [ $rc -eq "$want" ]; then pass; else fail "status $rc, not $want: $*"; fi
}
out_has() { if grep -qF -- "$1" out; then pass; else fail "output lacks: $1"; fi; }
err_has() { if grep -qF -- "$1" err; then pass; else fail "message lacks: $1"; fi; }
out_empty() { if [ -s out ]; then fail "output is not empty"; else pass; fi; }
err_empty() { if [ -s err ]; then fail "stderr is not empty"; else pass; fi; }
out_is() { # file of expected output; paths of this machine are cut
    sed "s|$root/||g" out >out.cut
    [ -n "$update" ] && cp out.cut "$here/expected/$1"
    if diff -u "$here/expected/$1" out.cut >diff.txt; then pass; else fail "output differs from expected/$1"; head -n 20 diff.txt; fi
}
same() { if cmp -s "$1" "$2"; then pass; else fail "$1 and $2 differ"; fi; }
# savepoint NAME: a copy of a golden savepoint, its metadata uncompressed
savepoint() {
    local from=$golden/$1 to=$2
    mkdir -p "$to"
    if [ -f "$from/_metadata" ]; then cp "$from/_metadata" "$to/_metadata"; else gunzip -c "$from/_metadata.gz" >"$to/_metadata"; fi
}
for t in "$here"/test_*"$only"*.sh; do
    name=$(basename "$t" .sh); before=$failed
    dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-cli-XXXXXX"); cd "$dir" || exit 1
    . "$t"
    cd "$root" || exit 1
    rm -rf "$dir"
    [ -n "${QUIET:-}" ] || echo "  $name: $([ $failed -eq $before ] && echo ok || echo FAILED)"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
