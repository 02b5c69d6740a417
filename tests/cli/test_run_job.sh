# SPDX-License-Identifier: Apache-2.0
# The job's source, its functions' failures and crashes, the configuration.
. "$here/jobs.sh"
on="-- --input in.csv --output o"
plain
# a job that cannot be had
echo 'int x = 5' > bad.c; run 2 "$weir" run bad.c; err_has "bad.c:1:"; err_has "error: "; err_has "bad.c does not compile (its messages are above)"
echo 'int foo(void) { return 1; }' > nomain.c; run 2 "$weir" run nomain.c; err_has "nomain.c has no function weir_main(struct weir_env *, int, char **), where a job begins"
echo 'int weir_main(void *e, int c, char **v) { return 3; }' > three.c; run 2 "$weir" run three.c; err_has "weir_main of three.c returned 3"
echo 'int weir_main(void *e, int c, char **v) { return 0; }' > none.c; run 2 "$weir" run none.c; err_has "the job is empty: weir_main made no source"
run 3 env CC=nosuchcc XDG_CACHE_HOME="$PWD/cache2" "$weir" run none.c; err_has "the C compiler 'nosuchcc' cannot be run; install one, set CC, or give a built .so"
printf 'x' > bad.so; run 2 "$weir" run bad.so; err_has "bad.so cannot be loaded"
run 3 "$weir" run nowhere.c; err_has "nowhere.c: cannot open the job: No such file or directory"
run 2 "$weir" run in.csv; err_has "a job is a C file (.c) or a shared object (.so)"
run 2 "$weir" run; err_has "too few arguments; usage: weir run"
# compiled once per content: also of the headers that it includes
cp "$delays" mine.c; rm -rf cache
run 0 "$weir" run mine.c $on; n=$(ls cache/weir/jobs | wc -l)
run 0 "$weir" run mine.c $on; [ "$(ls cache/weir/jobs | wc -l)" = "$n" ] && pass || fail "it was compiled again"
echo '/* new */' >> flight.h; rm -rf o; run 0 "$weir" run mine.c $on; [ "$(ls cache/weir/jobs | wc -l)" = $((n + 1)) ] && pass || fail "a changed header was not seen"
equal o
cc -shared -fPIC -I"$root/include" -o built.so mine.c && rm -rf o && run 0 "$weir" run built.so $on; equal o
run 0 "$weir" run ./built.so $on; run 0 "$weir" info built.so $on; out_has '"uid":"late-alert"'
# weir info
run 0 "$weir" info -p 3 "$delays" $on; out_has '"name":"delays"'; out_has '"operator_id":"b56226e4b5ffd42cdb77dc2e426bbb16"'; out_has '"parallelism":3'; out_has '"ship_strategy":"HASH"'
[ -e o/hours ] && rm -rf o; run 0 "$weir" info "$delays" $on; [ ! -e o ] && pass || fail "weir info wrote something"
# a function that fails, or crashes: the operator is named
edit() { sed "s|if (f->delay < LATE_MINUTES)|$1 if (f->delay < LATE_MINUTES)|" "$delays" > edited.c; rm -rf o; }
edit 'if (f->delay == 66) return weir_fail(ctx, "delay %d is not allowed", f->delay);'
run 10 "$weir" run edited.c $on; err_has "weir run: operator 'late-alert': delay 66 is not allowed"; [ -z "$(results o)" ] && pass || fail "a failed job committed results"
run 10 "$weir" run -Drestart-strategy.type=fixed-delay -Drestart-strategy.fixed-delay.attempts=2 -Drestart-strategy.fixed-delay.delay=5ms edited.c $on
err_has "delay 66 is not allowed: restart 1 of 2 in 5 ms"; err_has "restart 2 of 2"; err_has "weir run: operator 'late-alert': delay 66"
# with checkpoints it is tried again by default, but not for ever
rm -rf o ck; run 10 timeout 30 "$weir" run $ck --resume edited.c $on
err_has "delay 66 is not allowed. The job is not restarted: the same error came 4 times in a row. To go on, mend it and start it with --resume"; [ "$(grep -c ": restart " err)" = 3 ] && pass || fail "three restarts"
run 0 "$weir" run $ck --resume "$delays" $on; rm -rf ck
# a function, or weir_main, that calls exit(): once a silent status 0, which a supervisor takes for a finished job
for status in 0 3; do
    edit "if (f->delay == 66) exit($status);"; sed -i '1i #include <stdlib.h>' edited.c; rm -rf ck
    run 10 "$weir" run -p 2 $ck --resume edited.c $on; err_has "weir: operator 'late-alert' called exit(), which ends the whole process."
    [ -z "$(results o)" ] && pass || fail "a job that exits committed results"
    run 0 "$weir" run $ck --resume "$delays" $on; equal o; rm -rf ck
done
sed 's|weir_job_name(env, "delays");|exit(0);|; 1i #include <stdlib.h>' "$delays" > edited.c; rm -rf o
run 10 "$weir" run edited.c $on; err_has "weir: weir_main of edited.c called exit()"; run 10 "$weir" info edited.c $on; err_has "weir_main of edited.c called exit()"
run 10 "$weir" run -d edited.c $on; err_has "weir_main of edited.c called exit()"
# what POSIX has is declared: in strict C11 strdup was an int, and its result half a pointer
sed 's|const char \*out = weir_arg(env, "output");|const char *out = strdup(weir_arg(env, "output"));|; 1i #include <string.h>' "$delays" > edited.c
run 0 "$weir" run edited.c $on; equal o; grep -q "implicit declaration" err && fail "strdup is not declared" || pass
if nm "$weir" 2>/dev/null | grep -q __asan_init; then
    skip "crashes: the sanitizer has handlers of its own"
else
    edit 'if (f->delay == 66) *(volatile int *)(size_t)f->delay = 1;'
    killed 139 "$weir" run edited.c $on; err_has "weir: operator 'late-alert' crashed: segmentation fault in the job's function"
    edit 'if (f->delay == 66) __builtin_trap();'
    killed 132 "$weir" run edited.c $on; err_has "operator 'late-alert' crashed: illegal instruction"
    edit 'if (f->delay == 66) __builtin_abort();'
    killed 134 "$weir" run edited.c $on; err_has "operator 'late-alert' crashed: abort"
    sed 's|s->flights++;|s->flights++; if (f->delay == 66) *(volatile int *)(size_t)f->delay = 1;|' "$delays" > edited.c
    killed 139 "$weir" run edited.c $on; err_has "operator 'hourly-delays' crashed"
    sed 's|f->time = d->date|f->time = (d->delay == 66 ? *(volatile int *)(size_t)d->delay : 0) + d->date|' "$delays" > edited.c
    killed 139 "$weir" run edited.c $on; err_has "operator 'flights' crashed"
    sed 's|h->origin = |if (s->delay_max == 66) *(volatile int *)(size_t)s->delay_max = 1; h->origin = |' "$delays" > edited.c
    killed 139 "$weir" run -p 2 edited.c $on; err_has "operator 'hourly-delays' crashed"
    sed 's|weir_job_name(env, "delays");|*(volatile int *)(size_t)argc = 1;|' "$delays" > edited.c
    killed 139 "$weir" run edited.c $on; err_has "weir: weir_main of edited.c crashed: segmentation fault. Nothing ran yet."
    # and the state is safe: a mended job goes on
    edit 'if (f->delay == 27) *(volatile int *)(size_t)f->delay = 1;'; rm -rf ck
    killed 139 "$weir" run $ck --resume edited.c $on --rows-per-second 1000; err_has "operator 'late-alert' crashed"
    run 0 "$weir" run $ck --resume "$delays" $on; equal o
fi
# configuration
on="$on --rows-per-second 100000"; rm -rf o
run 2 "$weir" run -p 0 "$delays" $on; err_has "--parallelism wants a whole number from 1 to 32768, not '0'"
run 2 "$weir" run -p many "$delays" $on; err_has "not 'many'"
run 2 "$weir" run -Dparallelism.default=x "$delays" $on; err_has "-D: parallelism.default: 'x' is not a whole number"
run 2 "$weir" run -Dexecution.checkpointing.interval=soon "$delays" $on; err_has "'soon' is not a duration such as '10 s'"
run 2 "$weir" run -Dexecution.checkpointing.mode=TWICE "$delays" $on; err_has "'TWICE' is not one of EXACTLY_ONCE|AT_LEAST_ONCE"
run 2 "$weir" run -Dweir.metadata-version=9 "$delays" $on; err_has "weir.metadata-version: 9 is not within 2..6"
run 2 "$weir" run -Drestart-strategy.type=never "$delays" $on; err_has "never"
run 2 "$weir" run -Dfoo "$delays" $on; err_has "write it as -Dkey=value"
run 0 "$weir" run -Dparalelism.default=2 "$delays" $on; err_has "unknown key paralelism.default is ignored; did you mean parallelism.default?"; equal o
rm -rf o; run 0 "$weir" run -Drest.port=1 "$delays" $on; err_has "rest.port has no meaning in weir and is ignored"
run 0 "$weir" run -Dstate.checkpoints.dir=ck3 "$delays" $on; err_has "state.checkpoints.dir is the old name of execution.checkpointing.dir"
ls -d ck3/*/chk-1 > /dev/null 2>&1 && pass || fail "no final checkpoint"
run 3 "$weir" run --config nope.yaml "$delays" $on; err_has "nope.yaml: cannot open the configuration: No such file or directory"
printf 'a: [b\n' > c.yaml; run 2 "$weir" run --config c.yaml "$delays" $on; err_has "c.yaml: line 2, column 1: the configuration is not well-formed YAML"; [ "$(wc -l < err)" = 1 ] && pass || fail "more than the message"
# a file without keys is a configuration; it was refused, with a line of the YAML library's own
for text in '' '# only\n\n  # comments\n' '---\n'; do printf -- "$text" > c.yaml; run 0 "$weir" info --config c.yaml "$delays" $on; [ ! -s err ] && pass || fail "an empty configuration"; done
printf 'just text\n' > c.yaml; run 2 "$weir" info --config c.yaml "$delays" $on; err_has "c.yaml: the configuration has no keys: write lines such as parallelism.default: 2"
printf 'parallelism:\n  default: [1, 2]\n' > c.yaml; run 2 "$weir" info --config c.yaml "$delays" $on; err_has "c.yaml: parallelism.default: a list stands where one value is wanted"
printf 'a\0b: 1\n' > c.yaml; run 2 "$weir" info --config c.yaml "$delays" $on; err_has "c.yaml: byte 0x1: the configuration is not text in UTF-8"
printf 'parallelism:\n  default: 3\nexecution.checkpointing.intervall: 5\npipeline.name: other\n' > c.yaml
run 0 "$weir" info --config c.yaml "$delays" $on; out_has '"parallelism":3'; out_has '"name":"other"'; err_has "c.yaml: unknown key execution.checkpointing.intervall is ignored; did you mean execution.checkpointing.interval?"
run 0 "$weir" info --config c.yaml -p 2 "$delays" $on; out_has '"parallelism":2'                           # the command line wins
run 0 "$weir" info --config c.yaml -Dparallelism.default=4 "$delays" $on; out_has '"parallelism":4'
printf 'parallelism.default: 5 # five\nnonsense line\n' > flink-conf.yaml; run 0 "$weir" info --config flink-conf.yaml "$delays" $on; out_has '"parallelism":5'
mkdir conf; cp c.yaml conf/config.yaml; run 0 env FLINK_CONF_DIR=conf "$weir" info "$delays" $on; out_has '"parallelism":3'
