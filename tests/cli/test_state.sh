# SPDX-License-Identifier: Apache-2.0
# weir state on savepoints that Flink wrote.
savepoint 2.1.1/canonical-hashmap sp
savepoint 1.20.1/native-hashmap old
run 0 $weir state ls sp; sed -i "s|$PWD/||" out; out_is ls.txt; err_empty
run 0 $weir state ls --json sp; sed -i "s|$PWD/||" out; out_is ls.json
run 0 $weir state ls --no-count sp --operator by-origin; out_has "count "
run 0 $weir state ls old --uid by-origin; out_has "by-origin  dd6667d0126c0567e1d895d744174c63"
run 0 $weir state show sp total --operator tumbling-totals --limit 5; out_is show.txt; err_has "more than 5 entries"
run 0 $weir state show sp window-contents --operator tumbling --limit 3 --json; out_is show.json
run 0 $weir state show sp to --key-group 1; out_is show-map.txt
run 0 $weir state show sp _timer_state/event_user-timers --operator by-pair --limit 3; out_has "1009843200000"
run 0 $weir state get sp count ORD; out_is get.txt; err_empty
run 0 $weir state get sp count '"ORD"'; out_is get.txt
run 0 $weir state get sp sum '["GRB",0]' --operator by-pair --json; out_has '"key":["GRB",0]'
run 0 $weir state get sp window-contents SYR --operator tumbling; out_has "979430400000_979603200000"
run 3 $weir state get sp window-contents SYR --operator tumbling --ns 1_2; err_has "in namespace 1_2"
run 3 $weir state get sp count NOWHERE; err_has "has no key NOWHERE"; out_empty
run 3 $weir state get sp cuont ORD; err_has "there is no state 'cuont'"
run 2 $weir state get sp total ORD; err_has "say which with --operator"
run 2 $weir state get sp sum GRB; err_has "is not a value of type tuple<string, int32>"
run 3 $weir state ls sp --operator nobody; err_has "there is no operator 'nobody'"
run 0 $weir state dump sp; tail -n 1 out | grep -q '"entries":' && pass || fail "dump has no summary"
run 0 $weir state verify sp; out_empty; err_has "complete"
# strangers
run 3 $weir state ls nowhere; err_has "nowhere: no checkpoint or savepoint here"
mkdir empty; run 3 $weir state ls empty; err_has "empty"
echo hello >text; run 7 $weir state ls text; err_has "text: "
head -c 20000 sp/_metadata >cut; run 7 $weir state ls cut; err_has "byte 0x"
run 7 $weir state verify cut; out_has "byte 0x"; err_has "1 problem"
mkdir job; savepoint 2.1.1/canonical-hashmap job/chk-1; mkdir job/chk-2; cp cut job/chk-2/_metadata
run 7 $weir state verify job/chk-2; err_has "job/chk-1 is complete"
run 0 $weir state ls job; out_has "job/chk-1"   # the newest complete one
if [ "$(id -u)" -ne 0 ]; then chmod 000 sp/_metadata; run 8 $weir state ls sp; chmod 644 sp/_metadata; fi
if [ -d "$shared/fixtures/special/2.1.1/file-merging" ]; then
    cp -r "$shared/fixtures/special/1.20.1/changelog-hashmap" cl; chmod -R u+w cl
    chk=$(find cl -name _metadata -printf '%h\n' | sort | tail -n 1)
    run 0 $weir state ls "$chk"; out_has "changelog"
    cp -r "$shared/fixtures/flights/2.1.1/incremental-rocksdb" inc; chmod -R u+w inc
    run 0 $weir state ls inc/*/chk-7; out_has "RocksDB"
    run 0 $weir state show --entries inc/*/chk-7 count; out_has "ATL"
    run 0 $weir state verify inc/*/chk-7; err_has "complete"
    find inc -path '*/shared/*' | head -n 1 | xargs rm
    run 7 $weir state verify inc/*/chk-7; out_has "missing"
else
    skip "the shared fixtures are not there"
fi
