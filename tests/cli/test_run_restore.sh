# SPDX-License-Identifier: Apache-2.0
# Starting from state: damaged and half-written checkpoints, full disks, state that does not fit, folders of others.
. "$here/jobs.sh"
on="-- --input in.csv --output o"
from_copy() { rm -rf ck o; cp -r good ck; cp -r good.o o; newest=$(for d in $(ls -d ck/*/chk-* | sort -V); do [ -e "$d/_metadata" ] && echo "$d"; done | tail -n 1); }
state_file() { ls -S "$newest"/????????-* | sed -n "$1p"; }
plain
# ---- damage: never a crash, never other results: which file, which byte, and which older checkpoint is complete ----
start $ck -Dexecution.checkpointing.num-retained=3 -Dexecution.checkpointing.data-inline-threshold=0 --resume "$delays" $on --rows-per-second 100; until_rows 60
for _ in $(seq 200); do [ "$(find ck -name _metadata | wc -l)" -ge 3 ] && break; sleep 0.02; done
kill -9 $job; ends 137; mv ck good; mv o good.o
resume() { run "$1" "$weir" run $ck -Dexecution.checkpointing.num-retained=3 --resume "$delays" $on; }
from_copy; resume 0; equal o
from_copy; [ "$(find ck -name _metadata | wc -l)" -ge 3 ] && pass || fail "three checkpoints are kept"; id=${newest##*chk-}; older="chk-$((id - 1))"
from_copy; truncate -s 100 "$newest/_metadata"; resume 7; err_has "$newest/_metadata: byte 0x"; err_has "the newest checkpoint is damaged"; err_has "the newest complete one is file:$PWD/${newest%/*}/$older"
run 0 "$weir" run -s "${newest%/*}/$older" "$delays" -- --input in.csv --output o2; err_has "restored from file:$PWD/${newest%/*}/$older"; rm -rf o2
from_copy; : > "$newest/_metadata"; resume 7; err_has "$newest/_metadata: byte 0x0: "; err_has "$older"
from_copy; f=$(state_file 1); rm "$f"; resume 7; err_has "$PWD/$f: the newest checkpoint is damaged: state of operator"; err_has "the file is missing"; err_has "$older"
from_copy; f=$(state_file 2); truncate -s -5 "$f"; resume 7; err_has "$PWD/$f"; err_has "it was cut or replaced"; err_has "$older"
run 7 "$weir" run -s "$newest" "$delays" $on; err_has "$PWD/$f"; err_has "$older"
from_copy; for d in ck/*/chk-*; do truncate -s 50 "$d/_metadata" 2> /dev/null; done; resume 7; err_has "no older one is complete"
# bytes changed within files that are as long as they should be: every so many positions of _metadata and of the two largest state files
hits=0
damage() { # FILE: a changed byte ends in a message that names a file of the checkpoint, or changes a value alone; never in a crash, a hang or a restart
    local f=$1 at size; size=$(stat -c %s "$f")
    for at in $(seq 3 "$2" $((size - 1))); do
        cp "$f" kept; printf '\xff' | dd of="$f" bs=1 seek="$at" conv=notrunc status=none; rm -rf ox
        timeout 20 "$weir" run -s "$newest" "$delays" -- --input in.csv --output ox > out 2> err < /dev/null; local rc=$?
        case $rc in
        0) ;;
        7) hits=$((hits + 1)); grep -q "$newest/" err || fail "byte $at of $f: no file is named"; grep -q "is complete" err || fail "byte $at of $f: no other checkpoint is named" ;;
        1|2|3|6) hits=$((hits + 1)); [ -s err ] || fail "byte $at of $f: no message" ;;
        *) fail "byte $at of $f: status $rc" ;;
        esac
        cp kept "$f"
    done
    pass
}
from_copy; damage "$newest/_metadata" 61; damage "$(state_file 1)" 29; damage "$(state_file 2)" 29
[ $hits -gt 20 ] && pass || fail "only $hits changes of bytes were noticed"
# _metadata that is not there: the checkpoint was never completed, and the one before is the newest
from_copy; rm "$newest/_metadata"; rm -rf o; resume 0; err_has "chk-$id is not complete and is passed over"; err_has "never completed"; err_has "restored from file:$PWD/${newest%/*}/$older"
# ---- a full disk ----
from_copy; rm -rf ck o
run 1 env WEIR_FS_FAIL_AT=60+:NOSPC "$weir" run $ck -Drestart-strategy.type=none --resume "$delays" $on --rows-per-second 3000; err_has "no space left on device"
run 0 "$weir" state verify ck; run 0 "$weir" run $ck --resume "$delays" $on; equal o
# the same with the restart strategy that nobody chose: once it was started again once a second, for ever
rm -rf ck o; run 1 timeout 20 env WEIR_FS_FAIL_AT=60+:NOSPC "$weir" run $ck --resume "$delays" $on --rows-per-second 3000; err_has "no space left on device"
err_has "The job is not restarted: no restart mends that. To go on, make room and start it with --resume"; run 0 "$weir" run $ck --resume "$delays" $on; equal o
mkdir small
if mount -t tmpfs -o size=64k tmpfs small 2> /dev/null; then
    big=$root/examples/data/flights-20k.csv; rm -rf ck
    run 1 "$weir" run $ck -Drestart-strategy.type=none --resume "$delays" -- --input "$big" --output small/o; err_has "small/o/"; err_has "No space left on device"
    umount small; mount -t tmpfs -o size=256k tmpfs small; rm -rf ck
    smallck="-Dexecution.checkpointing.dir=small/ck -Dexecution.checkpointing.interval=20ms -Drestart-strategy.type=none"
    head -c 180000 /dev/zero > small/ballast
    run 1 "$weir" run $smallck -Dexecution.checkpointing.data-inline-threshold=0 --resume "$delays" -- --input "$big" --output o4 --rows-per-second 20000; err_has "No space left on device"; err_has "small/ck/"
    grep -Eq "checkpoint [0-9]+ failed: (Failure to finalize checkpoint|Asynchronous task checkpoint failed)\. $PWD/small/ck/" err && pass || fail "no path"; err_has "Exceeded checkpoint tolerable failure threshold: "
    rm small/ballast; mount -o remount,size=8m small; run 0 "$weir" state verify small/ck
    run 0 "$weir" run $smallck --resume "$delays" -- --input "$big" --output o4; err_has "restored from"
    cp plain.txt kept.txt; plain "$big"; equal o4; mv kept.txt plain.txt
    umount small
else
    skip "a disk that is really full (tmpfs cannot be mounted)"
fi
# ---- state that does not fit ----
rm -rf ck o; start "$delays" $on --rows-per-second 300; until_rows 60; run 0 "$weir" stop -p sp delays; ends 0; sp=$(ls -d sp/*); mv o o.first
retry() { rm -rf o; cp -r o.first o; }
edit() { sed "$1" "$delays" > edited.c; cmp -s "$delays" edited.c && fail "the edit changed nothing: $1"; retry; }
edit 's/late-alert"/late-alarm"/'
run 6 "$weir" run -s "$sp" edited.c $on; err_has "1 operator of this snapshot is not in the job: b56226e4b5ffd42cdb77dc2e426bbb16"; err_has "add -n (--allowNonRestoredState); if an operator was renamed, give it its old uid"
run 0 "$weir" run -n -s "$sp" edited.c $on
edit 's/F(int64, flights) F(int64, delay_sum) F(int32, delay_max)$/F(int64, flights) F(int64, delay_sum) F(int64, delay_max)/'
run 6 "$weir" run -s "$sp" edited.c $on; err_has "state '"; err_has "the restored values do not fit: field delay_max is int32 in the state and int64 in the job; "; err_has "weir state migrate"
edit 's/"delays", &weir_int32/"delays", \&weir_int64/'
run 6 "$weir" run -s "$sp" edited.c $on; err_has "operator 'late-alert': state 'delays': the restored values do not fit: field element is int32 in the state and int64 in the job"
edit 's/weir_list_state(ctx, "delays", &weir_int32)/(void *)weir_value_state(ctx, "delays", \&weir_int32)/'
run 6 "$weir" run -s "$sp" edited.c $on; err_has "state 'delays' was restored as list, but the job registers it as value"
edit 's/key_by(flights, "origin")/key_by(flights, "delay")/'
run 6 "$weir" run -s "$sp" edited.c $on; err_has "the key of the restored state does not fit this job's: the value is string in the state and int32 in the job"
run 6 "$weir" run -s "$sp" "$root/examples/wordcount.c" -- --input in.csv; err_has "7 operators of this snapshot are not in the job"; err_has "Is it another job's?"
retry; run 6 "$weir" run -s "$sp" -Dpipeline.max-parallelism=64 "$delays" $on; err_has "max parallelism 128, and the job sets 64: leave pipeline.max-parallelism unset, or set it to 128"
run 6 "$weir" run -s "$sp" -p 200 "$delays" $on; err_has "parallelism 200 is above the max parallelism 128 of its stored state: lower it to 128 or less (-p 128)"
for p in 1 2 3; do retry; run 0 "$weir" run -p $p -s "$sp" "$delays" $on; equal o; done
edit 's/F(int64, flights) F(int64, delay_sum) F(int32, delay_max)$/F(int32, delay_max) F(int64, delay_sum) F(int64, flights) F(int64, unused)/'
run 0 "$weir" run -s "$sp" edited.c $on; equal o                       # fields reordered and added: Flink's rules for POJOs
retry; mv in.csv away.csv; run 3 "$weir" run -s "$sp" "$delays" $on; err_has "in.csv"; mv away.csv in.csv
cp in.csv away.csv; head -n 50 away.csv > in.csv; run 1 "$weir" run -s "$sp" "$delays" $on; err_has "it has been cut or replaced"; mv away.csv in.csv
# another input beside the state: the state goes on with its own, and says so, once
retry; cp in.csv other.csv; run 0 "$weir" run -p 2 -s "$sp" "$delays" -- --input other.csv --output o; equal o
err_has "operator 'departures': the restored state goes on with file:$PWD/in.csv; file:$PWD/other.csv, which the job names now, is not read"; [ "$(grep -c "is not read" err)" = 1 ] && pass || fail "said once"
retry; run 0 "$weir" run -s "$sp" "$delays" $on; grep -q "is not read" err && fail "the same input is no other" || pass
# ---- folders ----
run 3 "$weir" run -s sp/nope "$delays" $on; err_has "sp/nope: no checkpoint or savepoint here"
run 3 "$weir" run -s o "$delays" $on; err_has "looked for _metadata, chk-N/_metadata and <job id>/chk-N/_metadata"
run 2 "$weir" run --resume "$delays" $on; err_has "--resume needs the folder of the checkpoints: -D execution.checkpointing.dir=DIR"
run 2 "$weir" run $ck --resume -s "$sp" "$delays" $on; err_has "--resume and -s exclude each other"
rm -rf ck; flat="-Dexecution.checkpointing.create-subdir=false"
run 0 "$weir" run $ck $flat "$delays" -- --input in.csv --output o5
run 4 "$weir" run $ck $flat -Dpipeline.name=other "$delays" -- --input in.csv --output o6; err_has "this directory holds the checkpoints of job"; err_has "use another execution.checkpointing.dir"
run 4 "$weir" run $ck -Dpipeline.name=other "$delays" -- --input in.csv --output o6; err_has "$PWD/ck"; err_has "not a root for job"
rm -rf ck; run 0 "$weir" run $ck "$delays" -- --input in.csv --output o7
run 6 "$weir" run $ck --resume "$root/examples/wordcount.c" -- --input in.csv; err_has "operators of this snapshot are not in the job"
run 0 "$weir" run $ck "$delays" -- --input in.csv --output o8; err_has "checkpoints of an earlier run stay in ck/"
printf x > filed; run 4 "$weir" run -Dexecution.checkpointing.dir=filed "$delays" $on; err_has "$PWD/filed"
umount small 2> /dev/null || true
