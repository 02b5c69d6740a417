# SPDX-License-Identifier: Apache-2.0
# weir state diff.
savepoint 2.1.1/canonical-hashmap a
savepoint 1.20.1/native-hashmap b
cp -r a a2
run 0 $weir state diff a a2; out_empty; err_empty
run 0 $weir state diff a a2 --exit-code
run 0 $weir state diff a a2 --json; jq -e '.what == "summary" and .added + .removed + .changed == 0 and .keyGroupsSkipped > 0' out >/dev/null && pass || fail "summary"
run 1 $weir state diff a b --exit-code -n 1; out_has "by-route/by-day"
run 0 $weir state diff a b by-origin/count --json --limit 1000000; cp out d.json
# the same from the entries themselves
for s in a b; do $weir state export $s by-origin/count --to ndjson | jq -c '[.key, .value]' | sort >$s.txt; done
want=$(jq -n -c --slurpfile a a.txt --slurpfile b b.txt '[($a | map({(.[0]): .[1]}) | add), ($b | map({(.[0]): .[1]}) | add)] | {added: [.[1] as $n | .[0] as $o | $n | keys[] | select($o[.] == null)] | length,
    removed: [.[1] as $n | .[0] as $o | $o | keys[] | select($n[.] == null)] | length, changed: [.[1] as $n | .[0] as $o | $o | keys[] | select($n[.] != null and $n[.] != $o[.])] | length}')
[ "$(tail -n 1 d.json | jq -c '{added, removed, changed}')" = "$want" ] && pass || fail "counts are not $want"
[ "$(jq -s '[.[] | select(.what == "entry")] | length' d.json)" -eq "$(echo "$want" | jq 'add')" ] && pass || fail "entries that are shown"
run 0 $weir state diff b a by-origin/count --json --limit 0; [ "$(tail -n 1 out | jq -c '[.added, .removed, .changed]')" = "$(echo "$want" | jq -c '[.removed, .added, .changed]')" ] && pass || fail "the other way round"
run 0 $weir state migrate a m --state stat --operator by-distance --add 'note:string="none"'
run 0 $weir state diff a m -n 0; out_has "~ state by-distance/stat  value: "; out_has "by-distance/stat  +0"
run 0 $weir state diff a m --no-entries; out_has "note: string"; grep -q '=' out && fail "entries in --no-entries" || pass
run 3 $weir state diff a nowhere; err_has "nowhere"
run 3 $weir state diff a b by-origin/nothing; err_has "there is no state 'nothing'"
head -c 60000 a/_metadata >cut; run 7 $weir state diff a cut; err_has "cut"
