# SPDX-License-Identifier: Apache-2.0
# A running job from other terminals: in the background, with a silent client, a savepoint that cannot begin, a cancel; and functions that crash.
export XDG_RUNTIME_DIR=$PWD/run; mkdir -p run
cat >job.c <<'C'
#include <weir/weir.h>
#include <stdlib.h>

static const char *how;

static int deeper(volatile char *above)
{
	char here[65536];

	here[0] = above ? above[0] : 0;
	return deeper(here) + here[0];
}

static int trip(struct weir_ctx *ctx, const void *in, void *out)
{
	int64_t n = *(const int64_t *)in;

	(void)ctx;
	*(int64_t *)out = n;
	if (n == 50 && how[0] == 's')
		*(volatile int *)(intptr_t)n = 1;
	if (n == 50 && how[0] == 'a')
		abort();
	if (n == 50 && how[0] == 'd')
		return deeper(NULL);
	return 0;
}

int weir_main(struct weir_env *env, int argc, char **argv)
{
	(void)argc, (void)argv;
	how = weir_arg_or(env, "crash", "");
	weir_discard(weir_map(weir_sequence_source(env, "numbers", 0, weir_arg_int(env, "last", 1000000000), .rows_per_second = 1000), "trip", trip, &weir_int64), "sink");
	return 0;
}
C
for how in segv abort deep; do
    ( ulimit -c 0; timeout 60 $weir run job.c -- --crash $how >out 2>err </dev/null ) 2>/dev/null; rc=$?
    [ $rc -gt 128 ] && pass || fail "status $rc after $how"
    err_has "operator 'trip' crashed"
done

# -d lets go of the caller's output; its messages go on in the log
timeout 60 bash -c "x=\$($weir run -d --log log -Dexecution.checkpointing.dir=$PWD/ck job.c 2>&1); printf '%s' \"\$x\"" >out 2>err </dev/null && pass || fail "weir run -d does not return"
out_has "submitted with JobID"
run 0 $weir list; out_has "job (RUNNING)"
if command -v perl >/dev/null; then
    perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ARGV[0])) or die; sleep 60' run/weir/*.sock &
    silent=$!; sleep 0.3
    run 0 timeout 10 $weir list; out_has "job (RUNNING)"
else
    skip "no perl to be a silent client"
fi
run 3 timeout 10 $weir savepoint job /proc/nowhere; err_has "/proc/nowhere"
run 3 timeout 10 $weir stop -p /proc/nowhere job; err_has "/proc/nowhere"
run 0 $weir list; out_has "job (RUNNING)" # the request failed, not the job
run 0 timeout 10 $weir savepoint job $PWD/sp; out_has "savepoint-"
pid=$($weir list --json | grep -o '"pid":[0-9]*' | cut -d: -f2)
run 0 timeout 10 $weir cancel job
for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
if kill -0 "$pid" 2>/dev/null; then fail "the job does not end while a client is connected"; kill -9 "$pid"; else pass; fi
grep -q "checkpoint .* failed" log && pass || fail "the log lacks the failed savepoint"
[ -z "${silent:-}" ] || { kill $silent; wait $silent; } 2>/dev/null

# jobs share a folder of checkpoints: --resume takes the job's own, of its last run
once() { run 0 timeout 20 $weir run -Dexecution.checkpointing.dir=$PWD/ck2 "$@" job.c -- --last 10; }
where() { sed -n 's|.*restored from .*/\([0-9a-f]\{32\}\)/chk-[0-9]*$|\1|p' err; }
once -Dpipeline.name=first; sed -n 's/.*JobID //p' err >first
once -Dpipeline.name=second; sed -n 's/.*JobID //p' err >second
cmp -s first second && fail "two jobs have one id" || pass
once -Dpipeline.name=first --resume; err_has "had already finished"; where >is; same is first
once -Dpipeline.name=first; err_has "checkpoints of an earlier run stay"; sed -n 's/.*JobID //p' err >again
cmp -s first again && fail "a run of its own has the id of the earlier one" || pass
once -Dpipeline.name=second --resume; where >is; same is second
once -Dpipeline.name=first --resume; where >is; same is again; sed -n 's/.*JobID //p' err >is; same is again
unset XDG_RUNTIME_DIR
