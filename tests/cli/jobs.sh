# SPDX-License-Identifier: Apache-2.0
# For the tests that run jobs: 300 flights, a control folder and a cache of their own, and ways to start, watch and end the demo job.
export WEIR_INCLUDE=$root/include XDG_RUNTIME_DIR=$PWD/run XDG_CACHE_HOME=$PWD/cache
mkdir -p run; unset FLINK_CONF_DIR
ulimit -c 0
delays=$root/examples/delays.c
head -n 301 "$root/examples/data/flights-20k.csv" > in.csv
cp "$root/examples/flight.h" .
ck="-Dexecution.checkpointing.dir=ck -Dexecution.checkpointing.interval=20ms"
# start ARGUMENTS...: weir run in the background
start() { "$weir" run "$@" > job.out 2> job.err < /dev/null & job=$!; }
# until_rows N [NAME]: wait until the job has read N rows
until_rows() {
    local n
    for _ in $(seq 400); do
        n=$("$weir" list --json 2> /dev/null | grep -oE "\"name\":\"${2:-delays}\",\"state\":\"RUNNING\",\"pid\":[0-9]*,\"started\":[0-9]*,\"rows\":[0-9]*" | sed 's/.*://' | head -n 1)
        [ "${n:-0}" -ge "$1" ] && return
        sleep 0.02
    done
    cp job.err err; fail "the job did not get to row $1"
}
# ends STATUS: the job of start ends so; its messages are in err
ends() {
    local rc
    { wait $job; rc=$?; } 2> /dev/null
    cp job.out out; cp job.err err
    if [ $rc -eq "$1" ]; then pass; else fail "the job ended with $rc, not $1"; fi
}
# killed STATUS COMMAND...: as run, for a command that dies of a signal (the shell's own message goes to err)
killed() { local want=$1; shift; run "$want" sh -c '"$@"; exit $?' sh "$@"; }
results() { local d; for d in hours late alerts; do cat "$1/$d"/part-* 2> /dev/null | sort; done; }
# plain [INPUT]: what an uninterrupted run writes, in plain.txt
plain() { "$weir" run "$delays" -- --input "${1:-in.csv}" --output plain > /dev/null 2>&1; results plain > plain.txt; [ -s plain.txt ] || fail "the uninterrupted run"; rm -rf plain; }
# equal FOLDER: the same results
equal() { results "$1" > results.txt; if cmp -s plain.txt results.txt; then pass; else fail "results of $1 differ: $(diff plain.txt results.txt | grep -c '^[<>]') lines"; fi; }
