#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What weir writes, Flink reads, and the reverse. Each comparison is a test.
#     tests/interop/run.sh WEIR            FLINKS="1.20.1 2.1.1" picks versions
#  1. Flink's own classes (flink/oracle) print every entry of every kind of snapshot that the demo job and kinds.c write: each line equals `weir state dump`.
#  2. A Flink job (java/jobs/Delays.java) goes on from the demo job's savepoints and checkpoints, on both backends, and writes the very rows that weir writes
#     from there. Another (java/jobs/Kinds.java) restores every covered type in every kind of state: each entry comes back under its key, byte for byte.
#  3. weir prints the golden savepoints that Flink wrote as Flink does; classes that only Kryo knows apart.
# Needs Java 17, Maven, Python 3 with pip; Flink is fetched once (flink/README.md). Skipped, with the reason, where something is missing.
set -u
weir=$(realpath "$1")
cd "$(dirname "$0")/../.."
root=$PWD here=$PWD/tests/interop
kit=$here/flink
skip() { echo "interop: SKIP $1"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
for tool in java javac mvn python3; do command -v $tool >/dev/null || skip "$tool is not installed"; done
java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
[ "${java:-0}" -ge 17 ] || skip "Java ${java:-?} is older than 17"
python3 -m pip --version >/dev/null 2>&1 || skip "pip is not installed"
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-interop.XXXXXX"); bg=
trap '[ -z "$bg" ] || kill -9 $bg 2>/dev/null; rm -rf "$work"' EXIT
export XDG_RUNTIME_DIR=$work
versions=${FLINKS:-1.20.1 2.1.1}
cache=${WEIR_FLINK_CACHE:-$HOME/.cache/weir-flink}
. "$kit/lib.sh"
for v in $versions; do
    "$kit/get" "$v" > /dev/null 2> "$work/get.log" || { tail -n 3 "$work/get.log"; skip "Flink $v cannot be fetched"; }
    for project in oracle jobs; do
        (built $project "$v") > "$work/mvn.log" 2>&1 && continue
        tail -n 20 "$work/mvn.log"
        grep -qE 'Could not (transfer|resolve)|cannot be resolved|Unknown host|offline mode' "$work/mvn.log" && skip "Maven cannot fetch what $project needs"
        echo "$project does not compile for Flink $v"; echo "0 passed, 1 failed, 0 skipped"; exit 1
    done
done
passed=0; failed=0
pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAIL $1"; [ -z "${2:-}" ] || diff "$2" "$3" 2>&1 | cut -c1-300 | head -n 4; }
same() { if [ "$(wc -l < "$2")" -ge "${4:-1}" ] && cmp -s "$2" "$3"; then pass; else fail "$1" "$2" "$3"; fi; } # WHAT WEIR'S FLINK'S [LEAST LINES]

# The Java classes of the POJOs, and the jobs.
mkdir "$work/classes"
javac -Xlint:-options --release 11 -d "$work/classes" "$here"/java/weir/*.java || exit 1
for v in $versions; do
    mkdir "$work/jobs-$v"
    javac -Xlint:-options -nowarn --release 11 -cp "$cache/$v/lib/*:$work/classes" -d "$work/jobs-$v" "$here"/java/jobs/*.java 2> "$work/javac.log" || { cat "$work/javac.log"; exit 1; }
done

# ---- what weir writes ----
input=$root/examples/data/flights-20k.csv
snaps=$work/snaps; mkdir -p "$snaps"
rows() { "$weir" list --json | grep -oE '"rows":[0-9]+' | grep -oE '[0-9]+' | head -n 1; }
# snapshots NAME JOB LEAST OPTIONS...: run a job; beyond LEAST rows take a canonical and a native savepoint and a checkpoint, then stop it with a savepoint
once() {
    local name=$1 job=$2 least=$3 n rc=0; shift 3
    "$weir" run -Dexecution.checkpointing.dir="$snaps/$name/ck" -Dexecution.checkpointing.num-retained=2 "$@" 2> "$work/$name.log" & bg=$!
    for _ in $(seq 400); do n=$(rows); [ "${n:-0}" -ge "$least" ] && break; sleep 0.05; done
    "$weir" savepoint "$job" "$snaps/$name/canonical" > /dev/null && "$weir" savepoint --type native "$job" "$snaps/$name/native" > /dev/null &&
        "$weir" checkpoint "$job" > /dev/null && "$weir" stop -p "$snaps/$name/stopped" "$job" > /dev/null || { rc=1; kill -9 $bg 2>/dev/null; }
    wait $bg 2>/dev/null; bg=
    return $rc
}
snapshots() { # a machine so slow that the job ended before its last savepoint gets a second chance
    once "$@" || { rm -rf "${snaps:?}/$1"; once "$@"; } || { echo "$1:"; cat "$work/$1.log"; exit 1; }
}
delays() { # NAME OPTIONS...
    local name=$1; shift
    snapshots "$name" delays 700 -Dexecution.checkpointing.interval=300ms "$@" examples/delays.c -- --input "$input" --output "$work/out-$name" --rows-per-second 500
}
kinds() { local name=$1; shift; snapshots "$name" kinds 900 "$@" tests/interop/kinds.c -- --rows-per-second 1500; }
stopped() { ls -d "$snaps/$1"/stopped/*; }
for p in 1 2 3; do delays p$p -p $p; done
delays files -p 2 -Dexecution.checkpointing.data-inline-threshold=0
delays rescaled -p 3 -s "$(stopped p1)"
delays back -p 1 -s "$(stopped rescaled)"
delays wide -p 2 -Dpipeline.max-parallelism=1000
for m in 2 3 5 6; do delays v$m -p 2 -Dweir.metadata-version=$m; done
kinds kinds -p 2
kinds kinds-wide -p 3 -Dpipeline.max-parallelism=1000 -Dexecution.checkpointing.data-inline-threshold=0

# ---- 1. Flink's classes read it; 3. and what Flink wrote ----
find "$snaps" -name _metadata | sort | while read -r m; do d=$(dirname "$m"); n=${d#"$snaps"/}; printf '%s\t%s\n' "$d" "${n//\//_}"; done > "$work/all"
moved=()
for d in tests/golden/flights/*/*; do
    n=golden_$(basename "$(dirname "$d")")_$(basename "$d"); mkdir -p "$work/golden"; cp -r "$d" "$work/golden/$n"; find "$work/golden/$n" -name '*.gz' -exec gunzip -q {} +
    m=$(find "$work/golden/$n" -name _metadata)
    printf '%s\t%s\n' "$(dirname "$m")" "$n" >> "$work/golden-list"
    from=$(grep -aoE 'file:/[^ ]*/(chk-[0-9]+|shared)/' "$m" | head -n 1 | sed -E 's,/(chk-[0-9]+|shared)/$,,') # checkpoints hold absolute paths
    [ -z "$from" ] || moved+=(--map "${from#file:}=$work/golden/$n")
done
mkdir "$work/dumps"
while IFS=$'\t' read -r dir name; do "$weir" state dump "$dir" > "$work/dumps/$name" 2>> "$work/weir.log"; done < <(cat "$work/all" "$work/golden-list")
understood() { grep -v -e '"state":"opaque"' -e '^{"summary"' "$1"; }
for v in $versions; do
    case $v in 1.*) grep -vE '	(v[56]_|golden_2)' "$work/all" "$work/golden-list" -h > "$work/list" ;; *) cat "$work/all" "$work/golden-list" > "$work/list" ;; esac # 1.20 reads up to version 4
    JAVA_TOOL_OPTIONS="-Xbootclasspath/a:$work/classes" "$kit/oracle/oracle" -v "$v" batch "${moved[@]}" "$work/flink-$v" "$work/list" > "$work/oracle-$v.log" 2>&1 ||
        { tail -n 20 "$work/oracle-$v.log"; fail "the oracle of Flink $v"; continue; }
    while IFS=$'\t' read -r dir name; do
        f=$work/flink-$v/$name.ndjson
        case $name in
        golden_*) understood "$work/dumps/$name" > "$work/a"; understood "$f" > "$work/b"; same "weir and Flink $v print $name differently" "$work/a" "$work/b" 5000 ;;
        *) same "Flink $v and weir print $name differently" "$work/dumps/$name" "$f" 9 ;;
        esac
    done < "$work/list"
    rm -rf "$work/flink-$v"
done
echo "entries: $(wc -l < "$work/all") snapshots of weir, $(wc -l < "$work/golden-list") of Flink, by Flink $versions: $passed equal"

# ---- 2. Flink goes on from it ----
goes_on() { # NAME SNAPSHOT: what weir writes from there on; its position for the Java job
    "$weir" run -s "$2" examples/delays.c -- --input "$input" --output "$work/on-$1" 2> "$work/on.log" || { cat "$work/on.log"; return 1; }
    python3 "$here/lines.py" results "$work/on-$1" > "$work/$1.weir"
    "$weir" state dump "$2" | python3 "$here/lines.py" position > "$work/$1.position"
}
from() { # NAME SNAPSHOT MAXP: one row of the table of restores
    goes_on "$1" "$2" && printf '%s\t%s\t%s\n' "$1" "$2" "$3" >> "$work/restores" || fail "weir does not go on from $1"
}
latest() { ls -d "$1"/ck/*/chk-* | sort -t- -k 2 -V | tail -n 1; }
from p1 "$(stopped p1)" 128
from p3 "$(stopped p3)" 128
from rescaled "$(stopped rescaled)" 128
from native "$(ls -d "$snaps"/p2/native/*)" 128
from checkpoint "$(latest "$snaps/files")" 128
from wide "$(stopped wide)" 1000
from v3 "$(stopped v3)" 128
from v6 "$(stopped v6)" 128
"$weir" info tests/interop/kinds.c > "$work/info.json"
for k in kinds kinds-wide; do "$weir" state dump "$(stopped $k)" | python3 "$here/lines.py" kinds "$work/info.json" | LC_ALL=C sort > "$work/$k.weir"; done
mapfile -t flags < <(java_flags)
before=$passed
for v in $versions; do
    : > "$work/list"; : > "$work/names"
    row() { printf '%s\n' "$1" >> "$work/names"; shift; echo "$*" >> "$work/list"; }
    while IFS=$'\t' read -r name dir maxp; do
        case $v-$name in 1.*-v6) continue ;; esac
        args="--savepoint $dir --input $input --maxp $maxp $(cat "$work/$name.position")"
        row "$name hashmap" Delays "$args" --out "$work/$name.hashmap"
        case $name in native|checkpoint) ;; *) row "$name rocksdb" Delays "$args" --parallelism 2 --backend rocksdb --out "$work/$name.rocksdb" ;; esac
    done < "$work/restores"
    row "kinds hashmap" Kinds --savepoint "$(stopped kinds)" --out "$work/kinds.hashmap"
    row "kinds rocksdb" Kinds --savepoint "$(stopped kinds)" --out "$work/kinds.rocksdb" --backend rocksdb --parallelism 2
    row "kinds-wide hashmap" Kinds --savepoint "$(stopped kinds-wide)" --maxp 1000 --parallelism 2 --out "$work/kinds-wide.hashmap"
    $NICE "$(java_for "$v")" "${flags[@]}" -Xmx1g -Dlog4j.configurationFile="$kit/oracle/log4j2-off.properties" -cp "$cache/$v/lib/*:$work/classes:$work/jobs-$v" \
        jobs.Start "$work/list" > "$work/jobs.log" 2> "$work/jobs.err"
    while read -r name backend <&3 && IFS= read -r said <&4; do
        f=$work/$name.$backend
        if [ "$said" != ok ]; then fail "Flink $v does not restore $name on $backend: ${said:0:700}"; continue; fi
        case $name in
        kinds*) LC_ALL=C sort "$f" > "$f.lines"; same "kinds that came back from Flink $v, $name on $backend" "$work/$name.weir" "$f.lines" 1000 ;;
        *) python3 "$here/lines.py" flink "$f" > "$f.lines"; same "results of Flink $v going on from $name on $backend" "$work/$name.weir" "$f.lines" 1000 ;;
        esac
        rm -f "$f" "$f.lines"
    done 3< "$work/names" 4< "$work/jobs.log"
    [ "$(wc -l < "$work/names")" = "$(wc -l < "$work/jobs.log")" ] || { fail "Flink $v ended early"; tail -n 5 "$work/jobs.err"; }
done
echo "restores: $((passed - before)) equal"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
