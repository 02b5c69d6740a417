# SPDX-License-Identifier: Apache-2.0
# weir mount, for real.
savepoint 2.1.1/canonical-hashmap sp
mkdir mnt
run 3 $weir mount nowhere mnt; err_has "nothing to mount"
run 3 $weir mount sp nodir; err_has "nodir"
run 2 $weir mount sp sp/_metadata; err_has "not a directory"
if [ "$(id -u)" = 0 ] && [ -c /dev/fuse ] && [ "$(stat -c %a /dev/fuse)" = 600 ] && chmod a+rx . 2>/dev/null && setpriv --reuid=65534 --clear-groups test -x "$weir" -a -r sp/_metadata -a -d mnt; then
    run 8 setpriv --reuid=65534 --clear-groups "$weir" mount sp mnt; err_has "may not open the FUSE device"
fi
if [ ! -c /dev/fuse ] || ! command -v fusermount3 >/dev/null; then
    skip "no /dev/fuse or no fusermount3"
elif ! $weir mount sp mnt 2>err; then
    skip "mounting is not allowed here: $(cat err)"
else
    s=mnt/latest/by-uid/by-origin/keyed/states
    run 0 cat mnt/README; out_has "Read-only"
    run 0 ls -R mnt; err_empty
    run 0 find mnt -type f -exec cat {} +; err_empty
    [ "$(cat $s/count/count)" = "$(wc -l <$s/count/all.jsonl)" ] && pass || fail "count is not the number of lines"
    find mnt/ -type f ! -path '*/.weir/*' -printf '%s %p\n' | sort >a
    find mnt/ -type f ! -path '*/.weir/*' -exec wc -c {} + | sed 's/^ *//' | grep -v ' total$' | sort >b
    same a b; [ "$(wc -l <a)" -gt 3000 ] && pass || fail "only $(wc -l <a) files"
    for st in count to recent; do
        $weir state show --entries --json sp $st --operator by-origin | sed 's/^{.*"kg"/{"kg"/' | sort >show.txt
        sort $s/$st/all.jsonl >all.txt
        same show.txt all.txt
    done
    cat $s/count/by-key/*/*.json | sort >leaves.txt; sort $s/count/all.jsonl >all.txt; same leaves.txt all.txt
    ls $s/count/by-key/* | grep json | sort >a; sed 's/$/.json/' $s/count/keys.txt | sort >b; same a b
    run 0 cat $s/count/get/ORD.txt; cp out a; $weir state get sp count ORD >b; same a b
    run 1 cat $s/count/get/XXX.json; err_has "No such file"
    cat mnt/latest/raw/_metadata >raw; same raw sp/_metadata
    run 0 tar cf t.tar mnt; run 0 tar xf t.tar --one-top-level=x; run 0 diff -r --no-dereference --exclude .weir mnt x/mnt
    for c in "touch mnt/x" "rm -f mnt/README" "mkdir mnt/d" "mv mnt/README mnt/R" "ln -s a mnt/l" "chmod 644 mnt/README" "truncate -s 0 mnt/README" "rmdir mnt/checkpoints" \
             "ln mnt/README mnt/h" "mkfifo mnt/f"; do
        $c >out 2>err && fail "$c worked" || err_has "Read-only file system"
    done
    for i in 1 2 3 4 5 6; do find mnt/ -type f -exec cat {} + >r.$i 2>e.$i & done; wait
    for i in 2 3 4 5 6; do cmp -s r.1 r.$i && [ ! -s e.$i ] && pass || fail "reader $i"; done
    run 0 fusermount3 -u mnt; [ -e mnt/README ] && fail "still mounted" || pass
    # in the foreground, ended by SIGTERM; a pipe tells when it is there
    mkfifo pipe
    $weir mount -f -o notify_pipe=pipe sp mnt 2>err & pid=$!
    [ "$(head -c 1 pipe)" = s ] && pass || fail "no notification"
    [ -e mnt/README ] && pass || fail "not mounted"
    kill -TERM $pid; wait $pid; [ $? -eq 0 ] && pass || fail "SIGTERM: status not 0"
    [ -e mnt/README ] && fail "still mounted after SIGTERM" || pass
    # a root of checkpoints grows
    mkdir job; cp -r sp job/chk-1; $weir mount job mnt && pass || fail "mount of a root"
    [ "$(readlink mnt/latest)" = checkpoints/chk-1 ] && pass || fail "latest"
    mkdir job/chk-2; head -c 1000 sp/_metadata >job/chk-2/_metadata; sleep 1.2
    [ -s mnt/incomplete/chk-2.txt ] && pass || fail "incomplete"
    cp sp/_metadata job/chk-2/_metadata; sleep 2.2
    [ "$(readlink mnt/latest)" = checkpoints/chk-2 ] && pass || fail "latest after chk-2"
    run 0 fusermount3 -u mnt
    # RocksDB's files, through the mount and without it
    if [ -d "$shared/fixtures/flights/2.1.1/native-rocksdb" ]; then
        $weir state show --entries --json "$shared/fixtures/flights/2.1.1/native-rocksdb" recent --operator by-origin | sed 's/^{.*"kg"/{"kg"/' | sort >show.txt
        $weir mount "$shared/fixtures/flights/2.1.1/native-rocksdb" mnt
        run 0 sort mnt/latest/by-uid/by-origin/keyed/states/recent/all.jsonl; same out show.txt
        [ "$(wc -l <show.txt)" -gt 100 ] && pass || fail "only $(wc -l <show.txt) entries"
        run 0 fusermount3 -u mnt
    fi
fi
