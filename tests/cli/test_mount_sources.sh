# SPDX-License-Identifier: Apache-2.0
# What can be mounted, and how: several sources, archives, options, unmounting, dead mounts.
savepoint 2.1.1/canonical-hashmap sp; savepoint 1.20.1/native-hashmap old
mkdir mnt m2
run 2 $weir mount; err_has "usage: weir mount"
run 2 $weir mount sp; err_has "usage: weir mount"
run 2 $weir mount -o view=xml sp mnt; err_has "json, raw, hex and txt"
run 3 $weir mount -o at=chk-9 sp mnt; err_has "at=chk-9: no complete checkpoint"
run 3 $weir mount -o uids=nofile sp mnt; err_has "nofile"
run 3 $weir mount sp nowhere mnt; err_has "nowhere"
run 2 $weir unmount mnt; err_has "nothing of weir is mounted here"
run 3 $weir unmount nodir; err_has "nodir"
mkdir none; run 3 $weir mount none mnt; err_has "there is no checkpoint or savepoint here"
if [ ! -c /dev/fuse ] || ! command -v fusermount3 >/dev/null || ! $weir mount sp old mnt 2>err; then
    skip "mounting is not possible here"
else
    [ "$(ls mnt/checkpoints | tr '\n' ' ')" = "old sp " ] && pass || fail "two sources: $(ls mnt/checkpoints)"
    for s in old sp; do run 0 cat mnt/checkpoints/$s/by-uid/by-origin/keyed/states/count/get/ORD.txt; cp out a; $weir state get $s count ORD >b; same a b; done
    run 0 $weir mount --list; out_has "$PWD/mnt  sp old"
    run 0 $weir mount --list --json; out_has "{\"dir\":\"$PWD/mnt\",\"source\":\"sp old\",\"dead\":false}"
    (cd mnt && sleep 0.5) & sleep 0.1; run 4 $weir unmount mnt; wait; [ -e mnt/README ] && pass || fail "a mount in use was unmounted"
    run 0 $weir unmount mnt; [ -e mnt/README ] && fail "still mounted" || pass
    # two with one name, two roots of checkpoints
    mkdir -p x jobA jobB; cp -r sp x/sp; cp -r sp jobA/chk-1; cp -r sp jobB/chk-1
    run 0 $weir mount sp x/sp jobA jobB mnt
    [ "$(ls mnt/checkpoints | tr '\n' ' ')" = "jobA-chk-1 jobB-chk-1 sp sp~2 " ] && pass || fail "equal names: $(ls mnt/checkpoints)"
    # a checkpoint goes, another takes its name: never the bytes of one under the inode of the other
    exec 7<mnt/checkpoints/jobB-chk-1/raw/_metadata; ls -i mnt/checkpoints >a
    cp old/_metadata jobA/chk-1/_metadata; run 1 cat mnt/checkpoints/jobA-chk-1/raw/_metadata; err_has "Input/output error"; [ -e mnt/README ] && pass || fail "the server died of a file that was cut short"
    rm -r jobA/chk-1; sleep 1.1; ls mnt/checkpoints >out; sleep 1.1
    [ -e mnt/checkpoints/jobA-chk-1 ] && fail "a removed checkpoint is still there" || pass
    cp -r old jobA/chk-1; sleep 2.2; run 0 ls mnt/checkpoints/jobA-chk-1; ls -i mnt/checkpoints >b
    [ "$(grep jobA a)" != "$(grep jobA b)" ] && pass || fail "another checkpoint has the inode of the old one"
    cmp -s mnt/checkpoints/jobA-chk-1/raw/_metadata old/_metadata && pass || fail "the new checkpoint's bytes"
    rm -r jobA jobB; cmp -s - sp/_metadata <&7 && pass || fail "an open file of a removed checkpoint"; exec 7<&-; sleep 1.1; ls mnt/checkpoints >/dev/null; sleep 1.1; [ "$(ls mnt/checkpoints | tr '\n' ' ')" = "sp sp~2 " ] && pass || fail "sources that went: $(ls mnt/checkpoints)"
    run 0 $weir unmount mnt
    # archives
    tar cf sp.tar sp; mkdir job; cp -r sp job/chk-3; cp -r old job/chk-4; tar cf job.tar job; (cd sp && tar cf ../flat.tar _metadata)
    run 0 $weir mount sp.tar flat.tar mnt; [ "$(ls mnt/checkpoints | tr '\n' ' ')" = "flat sp " ] && pass || fail "archives: $(ls mnt/checkpoints)"
    cmp -s mnt/checkpoints/sp/raw/_metadata sp/_metadata && pass || fail "raw bytes from an archive"
    run 0 cat mnt/checkpoints/flat/by-uid/by-origin/keyed/states/count/get/ORD.txt; cp out a; $weir state get sp count ORD >b; same a b
    run 0 $weir unmount mnt
    run 0 $weir mount job.tar mnt; [ "$(ls mnt/checkpoints | tr '\n' ' ')" = "chk-3 chk-4 " ] && pass || fail "an archive of checkpoints: $(ls mnt/checkpoints)"
    run 0 $weir unmount mnt
    # one snapshot at the root; other forms of leaves
    run 0 $weir mount -o at=chk-3,view=txt,bare job mnt
    run 0 cat mnt/by-uid/by-origin/keyed/states/count/get/ORD.json; $weir state get job/chk-3 count ORD >b; [ "$(cat out)" = "$(cat b)" ] && pass || fail "bare: $(cat out)"
    ls mnt/by-uid/by-origin/keyed/states/count/by-key/*/ | grep -c '\.txt$' >n; [ "$(cat n)" -gt 100 ] && pass || fail "view=txt lists $(cat n)"
    run 0 ls mnt/.weir; out_has errors.jsonl
    run 0 find mnt -type f -exec cat {} +; err_empty
    run 0 $weir unmount mnt
    run 0 $weir mount -o at=latest job mnt; [ -e mnt/summary.txt ] && pass || fail "at=latest"; run 0 $weir unmount mnt
    # uids that the metadata does not hold
    printf 'nothing\nby-origin\n' >uids; run 0 $weir mount -o uids=uids old mnt; run 0 ls mnt/latest/by-uid; out_has by-origin; run 0 $weir unmount mnt
    # as mount(8) and mount.fuse3 call it
    ln -s "$weir" mount.weir; run 0 ./mount.weir "$PWD/sp" "$PWD/mnt" -o rw,noauto,nofail,x-systemd.automount,user
    [ -e mnt/latest/summary.txt ] && pass || fail "mount.weir"; run 0 $weir unmount mnt
    run 0 $weir "$PWD/sp" "$PWD/mnt" -o ro,noauto; [ -e mnt/latest/summary.txt ] && pass || fail "weir#"; run 0 $weir unmount mnt
    # the server is killed
    $weir mount -f -o notify_pipe=/dev/null sp mnt 2>err & pid=$!
    for i in $(seq 100); do [ -e mnt/README ] && break; sleep 0.05; done
    kill -KILL $pid; wait $pid 2>/dev/null
    run 1 cat mnt/README; err_has "not connected"
    run 0 $weir mount --list; out_has "mnt  sp  (its server died"
    run 4 $weir mount sp mnt; err_has "a mount whose server died is in the way; \`weir unmount mnt\` removes it"
    run 0 $weir mount --clean sp mnt; [ -e mnt/README ] && pass || fail "--clean"; run 0 $weir unmount mnt
    # unmounted while it is read
    run 0 $weir mount sp mnt; exec 7<mnt/README
    run 4 $weir unmount mnt; err_has "in use"; err_has "--lazy"
    run 0 $weir unmount --lazy mnt; [ -e mnt/README ] && fail "still there after --lazy" || pass
    [ "$(head -c 5 <&7)" = State ] && pass || fail "an open file after --lazy"; exec 7<&-
fi
