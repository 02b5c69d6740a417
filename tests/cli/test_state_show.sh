# SPDX-License-Identifier: Apache-2.0
# weir state show: what is known about a checkpoint, an operator, a state; get by the parts of a key.
savepoint 2.1.1/canonical-hashmap sp
savepoint 1.20.1/native-hashmap old
run 0 $weir state show sp; out_has "metadata version 6 (Flink 2.1 to 2.3)"; out_has "keyed state canonical"; out_has "POJO weir.jobs.Types\$Stat  [PojoSerializer 2]"; err_empty
run 0 $weir state show old; out_has "metadata version 4 (Flink 1.16 to 1.20)"; out_has "keyed state native"
run 0 $weir state show sp by-route/by-day; out_has "├ destination: string  [StringSerializer 3]"; out_has "└ sum: double  [DoubleSerializer 3]"; out_has "key groups"; out_has "120-127"
[ "$(grep -c 'by-day' out)" -eq 1 ] && pass || fail "other states"
run 0 $weir state show sp by-origin; out_has "recent-ttl  list"; out_has "with time to live"; out_has "inside _metadata"
run 0 $weir state show sp by-route/by-day --json; cp out s.json
[ "$(jq '[.operators[0].states[0].keyGroups[].entries] | add' s.json)" -eq "$(jq '.operators[0].states[0].entries' s.json)" ] && pass || fail "key groups do not add up"
[ "$(jq -r '.operators[0].states[0].value.fields[] | select(.name == "sum") | .of.serializer' s.json)" = 'org.apache.flink.api.common.typeutils.base.DoubleSerializer$DoubleSerializerSnapshot' ] && pass || fail "serializer"
run 0 $weir state show sp --json; [ "$(jq '.operators | length' out)" -eq 16 ] && pass || fail "operators"
run 0 $weir state show sp by-origin/count --entries; [ "$(wc -l <out)" -eq "$($weir state find sp by-origin/count true -c)" ] && pass || fail "entries"
run 3 $weir state show sp nothing; err_has "nothing"
run 3 $weir state show sp by-origin/nothing; err_has "there is no state 'nothing' in operator by-origin"
head -c 60000 old/_metadata >cut; run 7 $weir state show cut; err_has "byte 0x"
# get
run 0 $weir state get sp by-origin/to ORD --map-key LAX; [ "$(wc -l <out)" -eq 1 ] && pass || fail "one entry of the map"
run 3 $weir state get sp by-origin/to ORD --map-key XXX; err_has "has no key ORD with map key XXX"
run 2 $weir state get sp by-origin/count ORD --map-key LAX; err_has "is no map"
run 2 $weir state get sp by-pair/sum GRB; err_has "a key of this state is [\""
run 2 $weir state get sp tumbling/window-contents ORD --namespace x; err_has "a namespace of this state is 9"
run 2 $weir state get sp by-origin ORD; err_has "which state of it"
# an operator whose uid is also the name of a state
$weir state meta sp | jq -c '(.operators[] | select(.uid == "by-origin")).uid = "count"' | $weir state meta --encode - >twins
run 0 $weir state get sp count ORD; cp out want; run 0 $weir state get twins count ORD; same out want
