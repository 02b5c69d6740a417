# SPDX-License-Identifier: Apache-2.0
# weir state meta: JSON there and back.
savepoint 2.1.1/canonical-hashmap sp
savepoint 1.20.1/native-hashmap old
for d in sp old; do
    run 0 $weir state meta $d; cp out $d.json; err_empty
    run 0 $weir state meta --encode $d.json; same out $d/_metadata
    run 0 bash -c "$weir state meta --encode - <$d.json"; same out $d/_metadata
done
run 0 bash -c "$weir state meta old | jq -c '.operators[0].maxParallelism = 256' | $weir state meta --encode - >changed"
run 0 bash -c "$weir state meta changed | jq '.operators[0].maxParallelism'"; out_has 256
echo '{"version":4}' >bad.json; run 2 $weir state meta --encode bad.json; err_has "checkpointId: is missing"; out_empty
run 1 $weir state meta --encode old/_metadata; err_has "expected"; out_empty
run 3 $weir state meta --encode nowhere.json; err_has "nowhere.json"
run 2 $weir state meta; err_has "usage"
run 2 $weir state meta sp --encode sp.json; err_has "either PATH"
run 7 $weir state meta sp.json; err_has "sp.json"
# names: uids told by the user, or found in a file
run 0 $weir state ls old --no-count --uids "$root/tests/golden/flights/README.md" --uid by-pair; out_has "by-pair"
run 0 $weir state ls old --no-count --operator dd6667; out_has "dd6667d0126c0567e1d895d744174c63"
run 2 $weir state ls old --no-count --uid tumbling --uid tumbling-totals --operator tum; err_has "may be any of 2 operators"
mkdir -p job; cp -r old job/chk-3; cp -r old job/chk-5
run 0 $weir state ls job --at 3 --no-count; out_has "job/chk-3"
run 3 $weir state ls job --at 4 --no-count; err_has "there is no complete chk-4 here"
