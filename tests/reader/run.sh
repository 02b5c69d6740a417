#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/reader/run.sh BUILD/weir: the independent reader beside weir on tests/golden, and beside Flink on the fixtures in ${WEIR_SHARED:-../shared} when they are there.
set -u
cd "$(dirname "$0")/../.."
weir=$(realpath "${1:-build/weir}"); here=tests/reader; golden=tests/golden
shared=${WEIR_SHARED:-../shared}; fixtures=$shared/fixtures
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2> /dev/null; then
    echo "SKIP reader: no python3 of 3.8 or later"; echo "0 passed, 0 failed, 1 skipped"; exit 0
fi
export PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1
passed=0; failed=0; skipped=0
part() {
    local name=$1 out rc; shift
    out=$("$@" 2>&1); rc=$?
    set -- $(printf '%s\n' "$out" | tail -n 1 | grep -oE '[0-9]+ (passed|failed|skipped)' | cut -d' ' -f1)
    if [ $# -ne 3 ]; then set -- 0 1 0; elif [ $rc -ne 0 ] && [ "$2" -eq 0 ]; then set -- "$1" 1 "$3"; fi
    printf '%s\n' "$out" | sed '$d' | head -n 60
    echo "  $name: $1 passed, $2 failed, $3 skipped"
    passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3))
}
part golden python3 $here/compare.py "$weir" $golden
part vectors python3 $here/vectors.py $golden/sql-values.txt $golden/old-snapshots.txt tests/unit/type/avro_vectors.h tests/unit/type/kryo_vectors.h
if [ -d "$fixtures/expected" ]; then
    part fixtures python3 $here/compare.py "$weir" "$fixtures/flights" "$fixtures/special" "$fixtures/flink" --expected "$fixtures" "$fixtures/expected"
    part serializers python3 $here/serializers.py "$fixtures/flink/serializers" "$fixtures/expected/flink/serializers"
else
    echo "SKIP reader: no fixtures in $fixtures"; skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
