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
# What weir itself writes: checkpoints of a job, plain and with snappy; a savepoint for each release; and one whose added fields hold odd values.
own() {
    local dir name golden=$golden/flights/2.1.1/canonical-hashmap ck=execution.checkpointing rc=0
    dir=$(mktemp -d) || return 1
    for name in false true; do
        XDG_CACHE_HOME=$dir/cache "$weir" run -p 2 -D $ck.dir="$dir/snapshots/$name" -D $ck.interval='20 ms' -D $ck.num-retained=3 -D $ck.snapshot-compression=$name \
            -D $ck.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION examples/delays.c -- --input examples/data/flights-20k.csv --output "$dir/out-$name" > "$dir/log" 2>&1 ||
            { cat "$dir/log"; rc=1; }
    done
    for name in 1.15 1.20 2.0 2.1; do "$weir" state migrate $golden "$dir/snapshots/$name" --format $name > "$dir/log" 2>&1 || { cat "$dir/log"; rc=1; }; done
    "$weir" state migrate $golden "$dir/snapshots/odd" --state stat --operator by-distance --add 'a:double="NaN"' --add 'b:float=1.17549435E-38' --add 'c:double=-1.0E-5' \
        --add 'd:list<double>=[9007199254740993,4.9E-324,1.0E7,2.0E-3,1.0E23,-0.0]' --add 'e:list<float>=[1.4E-45,16777216,9999999,0.001,3.4028235E38,3.3554432E7]' \
        --add 'f:string="a\u0001\u007f\u0085\u2028\ud83d\ude00\ud800\"\\/\u0000\n"' --add 'g:char="\ud800"' --add 'h:map<int32,string>=[[10,"a"],[9,null]]' \
        --add 'i:list<timestamp>=["-0001-12-31T23:59:59.001Z","+12345-01-31T23:59:59.5Z","1969-12-31T23:59:59.999Z"]' --add 'j:bytes={"hex":"00ff"}' --add 'k:int8=-128' > "$dir/log" 2>&1 ||
        { cat "$dir/log"; rc=1; }
    [ -n "$(find "$dir/snapshots/false" "$dir/snapshots/true" -name _metadata)" ] || { echo "the job left no checkpoint"; rc=1; }
    python3 $here/compare.py "$weir" "$dir/snapshots" || rc=1
    rm -rf "$dir"
    return $rc
}
part golden python3 $here/compare.py "$weir" $golden
part vectors python3 $here/vectors.py $golden/sql-values.txt $golden/old-snapshots.txt tests/unit/type/avro_vectors.h tests/unit/type/kryo_vectors.h
if "${CC:-cc}" --version > /dev/null 2>&1; then part own own; else echo "SKIP reader: no C compiler for a job"; skipped=$((skipped + 1)); fi
if [ -d "$fixtures/expected" ]; then
    part fixtures python3 $here/compare.py "$weir" "$fixtures/flights" "$fixtures/special" "$fixtures/flink" --expected "$fixtures" "$fixtures/expected"
    part serializers python3 $here/serializers.py "$fixtures/flink/serializers" "$fixtures/expected/flink/serializers"
else
    echo "SKIP reader: no fixtures in $fixtures"; skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
