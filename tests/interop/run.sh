#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Flink's own classes read every kind of snapshot that the demo job writes: each must print exactly what `weir state dump` prints.
#     tests/interop/run.sh WEIR            FLINKS="1.20.1 2.1.1" picks versions
# Needs Java 17, Maven, Python 3 with pip; Flink is fetched once (flink/README.md). Skipped, with the reason, where something is missing.
set -u
weir=$(realpath "$1")
cd "$(dirname "$0")/../.."
kit=tests/interop/flink
skip() { echo "interop: SKIP $1"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
for tool in java javac mvn python3; do command -v $tool >/dev/null || skip "$tool is not installed"; done
python3 -m pip --version >/dev/null 2>&1 || skip "pip is not installed"
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-interop.XXXXXX"); bg=
main=$BASHPID
trap '[ -z "$bg" ] || kill -9 $bg 2>/dev/null; [ "$BASHPID" != "$main" ] || rm -rf "$work"' EXIT
export XDG_RUNTIME_DIR=$work
versions=${FLINKS:-1.20.1 2.1.1}
for v in $versions; do "$kit/get" "$v" > /dev/null 2> "$work/get.log" || { tail -n 3 "$work/get.log"; skip "Flink $v cannot be fetched"; }; done

# The state's POJO, as a Java program would have it.
mkdir -p "$work/src/weir" "$work/classes"
printf 'package weir;\npublic class stats { public long flights; public long delay_sum; public int delay_max; public stats() {} }\n' > "$work/src/weir/stats.java"
javac --release 11 -d "$work/classes" "$work/src/weir/stats.java" 2> "$work/javac.log" || { cat "$work/javac.log"; exit 1; }
export JAVA_TOOL_OPTIONS="-Xbootclasspath/a:$work/classes"

input=examples/data/flights-20k.csv
snaps=$work/snaps; mkdir -p "$snaps"
rows() { "$weir" list --json | grep -oE '"rows":[0-9]+' | grep -oE '[0-9]+' | head -n 1; }
# write NAME PARALLELISM [OPTIONS OF weir run...]: run the job, take a canonical and a native savepoint, a checkpoint, and stop it
write() {
    local name=$1 p=$2 n; shift 2
    "$weir" run -p "$p" -Dexecution.checkpointing.dir="$snaps/$name/ck" -Dexecution.checkpointing.interval=500ms -Dexecution.checkpointing.num-retained=3 "$@" \
        examples/delays.c -- --input $input --output "$work/out-$name" --rows-per-second 300 2> "$work/$name.log" & bg=$!
    for _ in $(seq 200); do n=$(rows); [ "${n:-0}" -ge 700 ] && break; sleep 0.05; done
    "$weir" savepoint delays "$snaps/$name/canonical" > /dev/null && "$weir" savepoint --type native delays "$snaps/$name/native" > /dev/null &&
        "$weir" checkpoint delays > /dev/null && "$weir" stop -p "$snaps/$name/stopped" delays > /dev/null || { echo "$name:"; cat "$work/$name.log"; exit 1; }
    wait $bg; bg=
}
# A machine so slow that the job ended before its last savepoint gets a second chance.
twice() { (write "$@") || { rm -rf "${snaps:?}/$1" "$work/out-$1"; pkill -9 -f "$snaps/$1/ck" 2>/dev/null; write "$@"; }; }
for p in 1 2 3; do twice p$p $p; done
twice files 2 -Dexecution.checkpointing.data-inline-threshold=0
twice rescaled 3 -s "$(ls -d "$snaps"/p1/stopped/*)"
twice v3 2 -Dweir.metadata-version=3
twice wide 2 -Dpipeline.max-parallelism=1000
for v in 5 6; do twice v$v 2 -Dweir.metadata-version=$v; done

passed=0; failed=0
find "$snaps" -name _metadata | sort | while read -r m; do d=$(dirname "$m"); printf '%s\t%s\n' "$d" "$(printf '%s' "${d#"$snaps"/}" | tr / _)"; done > "$work/all"
for v in $versions; do
    case $v in 1.*) grep -vE '	v[56]_' "$work/all" > "$work/list" ;; *) cp "$work/all" "$work/list" ;; esac # 1.20 reads metadata up to version 4
    "$kit/oracle/oracle" -v "$v" batch "$work/flink-$v" "$work/list" > "$work/oracle-$v.log" 2>&1 || { tail -n 20 "$work/oracle-$v.log"; failed=$((failed + 1)); continue; }
    while IFS=$'\t' read -r dir name; do
        "$weir" state dump "$dir" > "$work/weir.ndjson" 2>> "$work/weir.log"
        if [ -s "$work/weir.ndjson" ] && [ "$(wc -l < "$work/weir.ndjson")" -gt 8 ] && cmp -s "$work/weir.ndjson" "$work/flink-$v/$name.ndjson"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1)); echo "Flink $v and weir differ on $name:"; diff "$work/weir.ndjson" "$work/flink-$v/$name.ndjson" 2>&1 | cut -c1-300 | head -n 4
        fi
    done < "$work/list"
done
echo "interop: $(wc -l < "$work/all") snapshots, Flink $versions"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
