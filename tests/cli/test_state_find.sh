# SPDX-License-Identifier: Apache-2.0
# weir state find: entries by an expression.
savepoint 2.1.1/canonical-hashmap sp
run 0 $weir state find sp count 'key == "ORD"'; out_has "ORD	"; [ "$(wc -l <out)" -eq 1 ] && pass || fail "more than ORD"
run 0 $weir state find sp by-origin/to 'uk == "LAX" && value > 10' --json; jq -e '.uk == "LAX" and .value > 10' out >/dev/null && pass || fail "not what was asked for"
run 0 $weir state find sp by-origin/to 'true' --count; cp out all
run 0 $weir state show sp to --operator by-origin --limit 1000000; [ "$(wc -l <out)" -eq "$(cat all)" ] && pass || fail "counts differ"
run 0 $weir state find sp by-origin/to 'value >= 0 and value < 5' -c; a=$(cat out); run 0 $weir state find sp by-origin/to 'not (value >= 0 and value < 5)' -c
[ $((a + $(cat out))) -eq "$(cat all)" ] && pass || fail "a condition and its opposite do not add up"
run 0 $weir state find sp 'value.route.origin == "ORD"' -c --json; out_has '{"entries":'     # states without such a field are passed over
run 2 $weir state find sp by-origin/to 'value.x > 1'; err_has "column 7"; err_has "value.x > 1"; out_empty
run 2 $weir state find sp by-day 'value.nowhere > 1'; err_has "there is no field 'nowhere'"
run 2 $weir state find sp 'key =='; err_has "a value is missing at the end"; err_has "^"
run 3 $weir state find sp by-origin/nothing true; err_has "there is no state 'nothing'"
run 0 $weir state find sp window-contents 'ns.start >= 0' --operator tumbling --limit 2; err_has "there are more than 2"
bash -c "$weir state find sp true | head -n 1 >/dev/null; echo \${PIPESTATUS[0]}" >out 2>err; err_empty
run 1 bash -c "$weir state find sp true >/dev/full"; err_has "No space left"
if [ -d "$shared/fixtures/flights/2.1.1/sql/savepoint" ]; then
    sql=$shared/fixtures/flights/2.1.1/sql/savepoint
    run 0 $weir state find $sql 20_join/left-records true -c; n=$(cat out)
    run 0 $weir state find $sql 20_join/left-records 'key.f0 == uk.f1 or key[0] != uk[1]' -c; [ "$(cat out)" = "$n" ] && pass || fail "fields of SQL rows"
    run 0 $weir state find $sql 20_join/left-records 'key.f0 >= "M" && value.ttl > 0 && uk.f0 > 100' -c; [ "$(cat out)" -gt 0 ] && [ "$(cat out)" -lt "$n" ] && pass || fail "$(cat out) of $n"
    run 2 $weir state find $sql 20_join/left-records 'key.origin == "ORD"'; err_has "there is no field 'origin'; there are: f0"
    run 0 $weir state export $sql 20_join/left-records --to csv; [ "$(head -n 1 out)" = key_group,key_f0,map_key_f0,map_key_f1,value_ttl,value,undecodable ] && pass || fail "columns of SQL rows"
else
    skip "the shared fixtures are not there"
fi
