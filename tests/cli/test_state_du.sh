# SPDX-License-Identifier: Apache-2.0
# weir state du and timers.
savepoint 2.1.1/canonical-hashmap sp
savepoint 1.20.1/native-hashmap old
run 0 $weir state du sp; out_has "by-route/by-day"; out_has "largest entries"; out_has "longest lists"; out_has "biggest maps"; out_has "largest key groups"; out_has "inside _metadata"; err_empty
run 0 $weir state du sp --json --top 3; cp out du.json
[ "$(jq '.largest | length' du.json)" -eq 3 ] && pass || fail "--top"
[ "$(jq '.entries' du.json)" -eq "$(jq '[.operators[].states[].entries] | add' du.json)" ] && pass || fail "entries do not add up"
[ "$(jq '[.operators[].keyGroups[].bytes] | add' du.json)" -le "$(jq .bytes du.json)" ] && pass || fail "key groups are more than all"
[ "$(jq -r '.maps[0].key' du.json)" = ORD ] && pass || fail "biggest map"
run 0 $weir state ls sp --json; [ "$(jq '[.operators[].states[].entries] | add' out)" -eq "$(jq .entries du.json)" ] && pass || fail "du and ls differ"
run 0 $weir state du sp --operator by-pair --top 0; out_has "by-pair/sum"; grep -q "by-route" out && fail "another operator" || pass
run 2 $weir state du sp --top many; err_has "whole number"
echo hello >text; run 7 $weir state du text; err_has "text: "
run 0 $weir state timers sp; out_has "event time, by 100 days"; out_has "processing time, by 1 ms"; out_has "sessions/_timer_state/event_window-timers  "; err_empty
run 0 $weir state timers sp --json; cp out t.json
[ "$(jq '[.services[].timers] | add' t.json)" -eq "$(jq '.event.timers + .processing.timers' t.json)" ] && pass || fail "timers do not add up"
[ "$(jq '[.event.bins[].timers] | add' t.json)" -eq "$(jq '.event.timers - .event.never' t.json)" ] && pass || fail "bins do not add up"
[ "$(jq -c '[.next[].timestamp] == ([.next[].timestamp] | sort)' t.json)" = true ] && pass || fail "next timers are not in order"
run 0 $weir state timers sp by-pair -n 2; out_has "by-pair/_timer_state/event_user-timers"; grep -q sessions out && fail "another operator" || pass
run 3 $weir state timers sp nobody; err_has "nobody"
# a key with control characters does not reach the terminal
run 0 $weir state find sp by-origin/recent 'len(value) > 0' ; grep -qP '[\x00-\x08\x0b-\x1f\x7f]' out && fail "control characters in the output" || pass
