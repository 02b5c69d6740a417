# SPDX-License-Identifier: Apache-2.0
# A running job from another terminal: list, savepoint, checkpoint, stop, cancel; Ctrl-C; in the background.
. "$here/jobs.sh"
plain
slow="-- --input in.csv --output o --rows-per-second 150"
rest="-- --input in.csv --output o"
fresh() { rm -rf o ck sp; }
how_many() { find "$1" -name _metadata | wc -l; }
path() { sed -n 's/.* Path: file://p' out; }
run 0 "$weir" list; out_empty; err_has "No running jobs."
run 0 "$weir" list --json; out_has '{"jobs":[]}'; err_empty
for verb in savepoint checkpoint stop cancel; do run 3 "$weir" $verb nope; err_has "no running job has the id or name 'nope'; \`weir list\` shows those there are"; done
# the verbs
start $ck -Dexecution.checkpointing.num-retained=100 "$delays" $slow; until_rows 40
run 0 "$weir" list; out_has ": delays (RUNNING)"
run 0 "$weir" list --json; out_has "\"name\":\"delays\",\"state\":\"RUNNING\",\"pid\":$job,"; id=$(grep -oE '[0-9a-f]{32}' out | head -n 1)
run 2 "$weir" savepoint delays; err_has "no folder for the savepoint: name one, or set execution.checkpointing.savepoint-dir"
run 2 "$weir" savepoint --type odd delays sp; err_has "--type odd: give canonical or native"
run 0 "$weir" savepoint delays sp; out_has "Savepoint completed. Path: file:$PWD/sp/savepoint-${id:0:6}-"; canonical=$(path)
run 0 "$weir" savepoint --type native "${id:0:8}" sp; native=$(path)
run 0 "$weir" savepoint --json "$id" sp; out_has '{"location":"file:'
(mkdir elsewhere && cd elsewhere && "$weir" savepoint delays here > /dev/null 2>&1); [ "$(how_many elsewhere/here)" = 1 ] && pass || fail "a relative folder is that of who asks"
run 0 "$weir" checkpoint delays; out_has "Checkpoint completed. Path: file:$PWD/ck/$id/chk-"; chk=$(path)
printf 'x' > file; run 4 "$weir" savepoint delays file; err_has "$PWD/file"
run 0 "$weir" list; out_has "(RUNNING)"                                                # a savepoint that fails harms nobody
run 0 "$weir" stop -p sp "$job"; out_has "Savepoint completed. Path: file:$PWD/sp/savepoint-"; stopped=$(path)  # by its pid
ends 0; err_has "finished:"; [ ! -S "run/weir/$id-$job.sock" ] && pass || fail "the socket was left"
[ "$(results o | wc -l)" -gt 0 ] && pass || fail "stop committed nothing"
run 0 "$weir" run -s "$stopped" "$delays" $rest; err_has "restored from file:$stopped"; equal o
for from in "$canonical" "$native" "$chk"; do
    rm -rf o2; run 0 "$weir" run -s "$from" "$delays" -- --input in.csv --output o2
    [ "$(results o2 | wc -l)" -gt 100 ] && pass || fail "nothing was read from $from"
    run 0 "$weir" state verify "$from"
done
# stop --drain: the windows fire as if the input had ended
fresh; start "$delays" $slow; until_rows 40; run 0 "$weir" stop --drain -p sp delays; ends 0; [ "$(results o | wc -l)" -gt 30 ] && pass || fail "drained"
"$weir" state show --entries "$(path)" 2> /dev/null | grep -q window-contents && fail "windows are left after a drain" || pass
# cancel; results that were not committed stay hidden
fresh; start "$delays" $slow; until_rows 40; run 0 "$weir" cancel delays; out_has "Cancelled job delays."; ends 11; err_has "canceled"
[ -z "$(results o)" ] && pass || fail "a canceled job without checkpoints committed"
# Ctrl-C once: a last checkpoint, where there are any; then the same command goes on
fresh; start -Dexecution.checkpointing.dir=ck --resume "$delays" $slow; until_rows 40; kill -INT $job; ends 130
err_has "stopping after a last checkpoint; once more ends it at once"; err_has "taken; go on from it"; [ "$(how_many ck)" = 1 ] && pass || fail "no last checkpoint"
start -Dexecution.checkpointing.dir=ck --resume "$delays" $slow; until_rows 20; kill -TERM $job; ends 143; err_has "restored from"
run 0 "$weir" run -Dexecution.checkpointing.dir=ck --resume "$delays" $rest; equal o
run 0 "$weir" run -Dexecution.checkpointing.dir=ck --resume "$delays" $rest; err_has "had already finished"; equal o
fresh; start "$delays" $slow; until_rows 40; kill -INT $job; ends 130; err_has "weir: stopping; once more ends it at once"; [ -z "$(results o)" ] && pass || fail "committed"
# twice: at once, even when the last checkpoint cannot end
cat > stuck.c << 'END'
#include <unistd.h>
#include <weir/weir.h>
static int stuck(struct weir_ctx *ctx, const void *in, bool *keep)
{
	(void)ctx, (void)in, (void)keep;
	for (;;)
		sleep(1);
}
int weir_main(struct weir_env *env, int argc, char **argv)
{
	(void)argc, (void)argv;
	weir_job_name(env, "stuck");
	weir_discard(weir_filter(weir_sequence_source(env, "numbers", 1, 10), "stuck", stuck), "sink");
	return 0;
}
END
start -Dexecution.checkpointing.dir=ck4 stuck.c; for _ in $(seq 100); do "$weir" list 2> /dev/null | grep -q stuck && break; sleep 0.02; done
kill -INT $job; sleep 0.3; kill -0 $job 2> /dev/null && pass || fail "once is not enough for this one"
kill -INT $job; ends 130; err_has "weir: ended at once"
# in the background
fresh; run 0 "$weir" run -d --log log $ck --resume "$delays" $slow; err_has "Job has been submitted with JobID"; err_has "messages in log"
pid=$(sed -n 's/.*pid \([0-9]*\).*/\1/p' err); until_rows 30
run 0 "$weir" list --json; out_has "\"pid\":$pid,"
run 4 "$weir" run -d $ck --resume "$delays" $rest; err_has "another process writes checkpoints of job"; err_has "in use by process $pid"
run 4 "$weir" run $ck --resume "$delays" $rest; err_has "in use by process $pid: wait for it or stop it"
kill -9 "$pid"; while kill -0 "$pid" 2> /dev/null; do sleep 0.02; done
run 0 "$weir" list; err_has "No running jobs."; [ -z "$(ls run/weir)" ] && pass || fail "a dead socket was left: $(ls run/weir)"
run 0 "$weir" run $ck --resume "$delays" $rest; equal o                                # the lock of the dead is none
run 3 "$weir" run -d nowhere.c; err_has "nowhere.c"
run 2 "$weir" run -d "$delays" -- --input in.csv; err_has "needs the argument --output"
# two jobs of one name
rm -rf o; start "$delays" $slow; first=$job; start "$delays" -- --input in.csv --output o9 --rows-per-second 150; second=$job; until_rows 10; sleep 0.2
run 0 "$weir" list; [ "$(wc -l < out)" = 2 ] && pass || fail "two jobs are listed"
run 2 "$weir" cancel delays; err_has "2 running jobs fit 'delays'; give more of the id, or the pid"
run 0 "$weir" cancel $first; job=$first; ends 11; run 0 "$weir" cancel delays; job=$second; ends 11
# stopped with checkpoints stored: both ways on, --resume and -s, from the same files
fresh; start $ck --resume "$delays" $slow; until_rows 60; run 0 "$weir" stop -p sp delays; stopped=$(path); ends 0; rm -rf kept; mkdir kept; cp -r ck o kept
run 0 "$weir" run $ck --resume "$delays" $rest; err_has "restored from file:$PWD/ck/"; equal o
rm -rf ck o; cp -r kept/ck kept/o .; run 0 "$weir" run $ck -s "$stopped" "$delays" $rest; err_has "restored from file:$stopped"; equal o
rm -rf ck o "$stopped"; cp -r kept/ck kept/o .; run 0 "$weir" run $ck --resume "$delays" $rest; equal o       # the checkpoint does not need the savepoint
# drained: nothing is left to do
fresh; start $ck --resume "$delays" $slow; until_rows 60; run 0 "$weir" stop --drain -p sp delays; ends 0; results o > drained.txt
run 0 "$weir" run $ck --resume "$delays" $rest; err_has "had already finished"; results o | cmp -s - drained.txt && pass || fail "a drained job went on"
# what is left after a cancel
keep=-Dexecution.checkpointing.externalized-checkpoint-retention
for retention in RETAIN_ON_CANCELLATION DELETE_ON_CANCELLATION NO_EXTERNALIZED_CHECKPOINTS; do
    fresh; start $ck $keep=$retention "$delays" $slow; until_rows 60; run 0 "$weir" checkpoint delays; run 0 "$weir" cancel delays; ends 11
    n=$(find ck -name _metadata | wc -l)
    if [ $retention = RETAIN_ON_CANCELLATION ]; then [ "$n" = 1 ] && pass || fail "$n are left"; else [ "$n" = 0 ] && pass || fail "$n are left"; err_has "were deleted, as execution.checkpointing.externalized-checkpoint-retention says"; fi
done
fresh; start $ck $keep=DELETE_ON_CANCELLATION --resume "$delays" $slow; until_rows 60; kill -INT $job; ends 130; [ "$(find ck -name _metadata | wc -l)" = 1 ] && pass || fail "Ctrl-C is no cancel"
run 0 "$weir" run $ck --resume "$delays" $rest; equal o
