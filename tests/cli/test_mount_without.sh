# SPDX-License-Identifier: Apache-2.0
# weir state tree and cat: the tree of a mount without one.
savepoint 2.1.1/canonical-hashmap sp
s=latest/by-uid/by-origin/keyed/states/count
run 0 $weir state tree sp; out_has "latest -> checkpoints/sp"; out_has "checkpoints/sp/metadata.json"; err_empty
run 0 $weir state tree sp --depth 1; [ "$(tr "\n" " " <out)" = "README latest -> checkpoints/sp checkpoints/ by-time/ diff/ incomplete/ .weir/ " ] && pass || fail "one level"
run 0 $weir state tree -l sp $s; out_has "$s/type.json"; out_has "$s/by-key/"
run 0 $weir state tree sp /$s/count --json; out_has '"path":"latest/by-uid/by-origin/keyed/states/count/count","type":"file","size":4}'
run 0 $weir state cat sp $s/get/ORD.txt; cp out a; $weir state get sp count ORD >b; same a b
run 0 $weir state cat sp $s/get/ORD.txt ../../latest/./raw/../raw/_metadata; head -c "$(wc -c <a)" out >o1; tail -c +"$(($(wc -c <a) + 1))" out >o2; same o1 a; same o2 sp/_metadata
run 0 $weir state cat -o at=sp,bare sp by-uid/by-origin/keyed/states/count/get/ORD.json; same out a
# two checkpoints of one job
mkdir job; cp -r sp job/chk-1; savepoint 2.1.1/native-hashmap job/chk-2; touch -d '2001-01-01' job/chk-1/_metadata
run 0 $weir state tree --depth 1 job diff; [ "$(cat out)" = "diff/chk-1..chk-2/" ] && pass || fail "neighbours"
run 0 $weir state cat job diff/chk-1..chk-2/summary.txt; cp out a; rc=0; $weir state diff --limit 0 job/chk-1 job/chk-2 >b || rc=$?; same a b
run 0 $weir state cat job diff/chk-2..chk-1/all.jsonl; cp out a; $weir state diff --json --limit 1000000 job/chk-2 job/chk-1 >b; same a b
run 0 $weir state cat job diff/chk-1..chk-1/all.jsonl
run 3 $weir state cat job diff/chk-1..chk-3/all.jsonl; err_has "diff has chk-1..chk-2"
run 3 $weir state cat job diff/chk-1/all.jsonl
run 3 $weir state cat sp latest/by-uid/by-origin/kayed/x; err_has "latest/by-uid/by-origin has info.json, uid, name"; out_empty
run 3 $weir state cat sp nothing; err_has "the root has README, latest, checkpoints"
run 3 $weir state cat sp $s/count/count; err_has "no such file or directory"
run 2 $weir state cat sp latest/raw; err_has "is a directory"
run 2 $weir state tree sp -o allow_other; err_has "without a mount the options are"
run 2 $weir state tree sp --depth 0; err_has "depth"
run 3 $weir state tree nowhere; err_has "nothing to mount"
run 141 bash -c "$weir state tree --depth 20 sp 2>err2 | head -n 1 >/dev/null; exit \${PIPESTATUS[0]}"; [ -s err2 ] && fail "a closed pipe is told" || pass
# every file of the tree is the one of the mount
$weir state tree --depth 20 --json sp | jq -r 'select(.type == "file") | .path' | grep -v '^\.weir/' >files
[ "$(wc -l <files)" -gt 3000 ] && pass || fail "only $(wc -l <files) files"
mkdir mnt
if [ -c /dev/fuse ] && command -v fusermount3 >/dev/null && $weir mount sp mnt 2>err; then
    (cd mnt && find . -type f ! -path './.weir/*' | sed 's|^\./||') | sort >a; sort files >b; same a b
    (cd mnt && xargs -d '\n' cat <../files) >a; xargs -d '\n' "$weir" state cat sp <files >b; same a b
    run 0 $weir unmount mnt
else
    skip "mounting is not possible here"
fi
