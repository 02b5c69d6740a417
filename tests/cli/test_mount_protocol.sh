# SPDX-License-Identifier: Apache-2.0
# A mount as a kernel and real tools use it, and its end under load.
savepoint 2.1.1/canonical-hashmap sp; mkdir mnt
ask() { if python3 "$root/tests/cli/mount_protocol.py" mnt "$@" >py.out 2>&1; then pass; else fail "$*: $(head -n 5 py.out)"; fi; }
start() { # a server of which the pid is known
    $weir mount -f "$@" mnt 2>err & pid=$!
    for i in $(seq 200); do [ -e mnt/README ] && return 0; kill -0 $pid 2>/dev/null || return 1; sleep 0.02; done; return 1
}
no_mount() { grep -q " $PWD/mnt " /proc/self/mountinfo && fail "still mounted: $1" || pass; }
if [ ! -c /dev/fuse ] || ! command -v fusermount3 >/dev/null || ! command -v python3 >/dev/null || ! start sp; then
    skip "mounting is not possible here, or no python3"
else
    for what in directories mutating walk; do ask $what; done
    ask leak $pid
    # tools, by what they print or copy
    s=mnt/latest/by-uid/by-origin/keyed/states
    run 0 ls -lR mnt/; err_empty
    run 0 du -s mnt/latest/by-uid/by-origin/; err_empty
    run 0 grep -rl '"key":"ORD"' $s/count/by-key; [ "$(wc -l <out)" = 1 ] && pass || fail "grep -r found $(wc -l <out)"
    run 0 bash -c "find mnt/ -name all.jsonl -newermt 2000-01-01 | wc -l"; [ "$(cat out)" -gt 30 ] && pass || fail "find"
    run 0 bash -c "ls $s/to/ranges | xargs -P 2 -I{} cat $s/to/ranges/{} | sort"; cp out a; sort $s/to/all.jsonl >b; same a b
    run 0 jq -s length $s/to/all.jsonl; [ "$(cat out)" = "$(cat $s/to/count)" ] && pass || fail "jq"
    rm -rf copy; run 0 cp -a mnt/checkpoints/sp copy; run 0 diff -r --no-dereference mnt/checkpoints/sp copy; same copy/raw/_metadata sp/_metadata
    if command -v rsync >/dev/null; then run 0 rsync -a mnt/checkpoints/ synced; run 0 diff -r --no-dereference mnt/checkpoints synced; fi
    if command -v sqlite3 >/dev/null; then
        run 0 sqlite3 :memory: ".mode ascii" ".separator \"\t\" \"\n\"" ".import $s/count/all.tsv t" "select count(*) from t; select value from t where key = 'ORD'"
        [ "$(tr '\n' ' ' <out)" = "$(cat $s/count/count) $(cat $s/count/get/ORD.txt) " ] && pass || fail "sqlite's .import: $(cat out)"
    fi
    # the source goes, and what is mapped stays
    cp -r sp gone; run 0 cp -r gone keep; run 0 $weir unmount mnt; wait $pid 2>/dev/null
    start gone && pass || fail "no mount"; run 0 cat $s/count/count; cp out a; rm -r gone
    run 0 cat $s/count/all.jsonl; [ "$(wc -l <out)" = "$(cat a)" ] && pass || fail "the source was deleted: $(wc -l <out) lines"
    run 1 cat mnt/latest/raw/_metadata; err_has "Input/output error"; run 0 grep -c _metadata mnt/.weir/errors.jsonl
    run 0 $weir unmount mnt; wait $pid; [ $? -eq 0 ] && pass || fail "the server's status after unmount"
    # its end while 64 read: by each way
    for way in TERM KILL lazy; do
        start sp || fail "no mount for $way"
        python3 "$root/tests/cli/mount_protocol.py" mnt load 4 ENOTCONN ECONNABORTED ENOENT EIO >py.out 2>&1 & py=$!
        for i in $(seq 200); do grep -q started py.out && break; sleep 0.02; done; sleep 0.5
        if [ $way = lazy ]; then run 0 $weir unmount --lazy mnt; else kill -$way $pid; fi
        wait $py && pass || fail "$way: $(head -n 3 py.out)"
        { wait $pid; } 2>/dev/null; rc=$?
        case $way in KILL) [ $rc -eq 137 ] && pass || fail "KILL: $rc"; run 0 $weir unmount mnt ;; *) [ $rc -eq 0 ] && pass || fail "$way: status $rc" ;; esac
        no_mount $way
    done
    start sp && pass || fail "no mount afterwards"; run 0 cat $s/count/count; run 0 $weir unmount mnt; wait $pid
fi
