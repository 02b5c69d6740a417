#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job on real data: run, kill, resume, savepoint, mount, migrate, resume. Prints each command, so that it can be repeated by hand.
#     examples/demo.sh WEIR [FOLDER]      (make demo)
set -eu
weir=$1; work=${2:-build/demo}
cd "$(dirname "$0")/.."
input=examples/data/flights-20k.csv
rm -rf "$work"; mkdir -p "$work"
export XDG_RUNTIME_DIR; XDG_RUNTIME_DIR=$(mktemp -d) # where running jobs are found: other jobs named delays stay out of this
bg=; trap 'rm -rf "$XDG_RUNTIME_DIR"; [ -z "$bg" ] || kill -9 $bg 2>/dev/null || true; fusermount3 -qu "$work/mnt" 2>/dev/null || true' EXIT

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; }
run() { show "$*"; "$@"; }
results() { for d in hours late alerts; do cat "$1/$d"/part-* 2>/dev/null | sort; done; }
until_rows() { # wait until job delays has read $1 rows
    for _ in $(seq 400); do
        n=$("$weir" list --json | sed -n 's/.*"name":"delays","state":"RUNNING","pid":[0-9]*,"started":[0-9]*,"rows":\([0-9]*\).*/\1/p')
        [ "${n:-0}" -ge "$1" ] && return; sleep 0.05
    done
    echo "the job did not get to row $1" >&2; exit 1
}

say "1. The job, uninterrupted: hourly delays per airport over 20,000 real flights"
run "$weir" run examples/delays.c -- --input $input --output "$work/plain"
run head -n 3 "$work/plain/hours/"part-*

say "2. The same, slowed down, with a checkpoint every 200 ms, and killed half way"
ck="-Dexecution.checkpointing.dir=$work/checkpoints -Dexecution.checkpointing.interval=200ms"
job="examples/delays.c -- --input $input --output $work/killed"
show "$weir run $ck --resume $job --rows-per-second 8000 &"
"$weir" run $ck --resume $job --rows-per-second 8000 & bg=$!
until_rows 9000
run kill -9 $bg
wait $bg 2>/dev/null || true; bg=

say "3. Resumed with the same command line: nothing lost, nothing doubled"
run "$weir" run $ck --resume $job
results "$work/plain" > "$work/plain.txt"; results "$work/killed" > "$work/killed.txt"
run cmp "$work/plain.txt" "$work/killed.txt"
echo "equal: $(wc -l < "$work/plain.txt") result rows"

say "4. A savepoint of a running job"
job="examples/delays.c -- --input $input --output $work/saved"
show "$weir run $job --rows-per-second 8000 &"
"$weir" run $job --rows-per-second 8000 & bg=$!
until_rows 8000
run "$weir" stop -p "$work/savepoints" delays
wait $bg; bg=
sp=$(ls -d "$work"/savepoints/savepoint-* | head -n 1)
run "$weir" state ls "$sp"

say "5. Looked into: one airport's state"
first_key() { "$weir" state dump "$sp" | sed -n "s/.*\"state\":\"$1\".*\"key\":\"\([A-Z]*\)\".*/\1/p" | head -n 1; }
uid=late-alert; state=tally; key=$(first_key $state)
[ -n "$key" ] || { uid=hourly-delays; state=window-contents; key=$(first_key $state); } # stopped at a time of night when nobody was late
run "$weir" state get "$sp" $state "$key"
if [ -e /dev/fuse ] && command -v fusermount3 >/dev/null; then
    mkdir -p "$work/mnt"
    run "$weir" mount "$sp" "$work/mnt"
    run ls "$work/mnt/latest/by-uid/$uid/keyed/states"
    run grep -m 1 "\"$key\"" "$work/mnt/latest/by-uid/$uid/keyed/states/$state/all.jsonl"
    run fusermount3 -u "$work/mnt"
else
    echo "(there is no /dev/fuse here: the mount is left out; weir state shows the same)"
fi

say "6. A new release keeps one more number in its state: the savepoint is migrated, the new job resumes from it"
run "$weir" state migrate "$sp" "$work/half" --state tally --add on_time:int64
run "$weir" state migrate "$work/half" "$work/migrated" --state window-contents --add on_time:int64
run "$weir" state get "$work/migrated" $state "$key"
run "$weir" run -s "$work/migrated" examples/delays_v2.c -- --input $input --output "$work/saved"
results "$work/saved" > "$work/saved.txt"
run cmp "$work/plain.txt" "$work/saved.txt"
echo "equal: $(wc -l < "$work/saved.txt") result rows, over a stop, a schema change and a new release"
