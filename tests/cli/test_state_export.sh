# SPDX-License-Identifier: Apache-2.0
# weir state export: every format, and nothing half written.
savepoint 2.1.1/canonical-hashmap sp
run 0 $weir state export sp --to ndjson; cp out all.ndjson; err_empty
run 0 $weir state ls sp --json; entries=$(jq '[.operators[].states[].entries] | add' out)
[ "$(jq -c . all.ndjson | wc -l)" -eq "$entries" ] && pass || fail "ndjson has not $entries entries"
run 0 $weir state export sp by-origin/count --to csv; cp out c.csv
[ "$(head -n 1 c.csv)" = key_group,key,value,undecodable ] && pass || fail "header of csv"
run 0 $weir state find sp by-origin/count true; [ $(($(wc -l <c.csv) - 1)) -eq "$(wc -l <out)" ] && pass || fail "csv has other rows than find"
[ "$(awk -F, 'NR > 1 { s += $3 } END { print s }' c.csv)" = "$(awk -F'\t' '{ s += $2 } END { print s }' out)" ] && pass || fail "csv has another sum"
run 0 $weir state export sp sessions/window-contents --to csv; [ "$(head -n 1 out)" = key_group,key,ns_start,ns_end,position,value_delay,value_destination,value_distance,value_origin,value_time,undecodable ] && pass || fail "columns of a list of POJOs"
run 2 $weir state export sp --to csv; err_has "CSV holds one table"; out_empty
run 2 $weir state export sp; err_has "--to"
run 2 $weir state export sp --to xml; err_has "no format 'xml'"
run 2 $weir state export sp --to sqlite; err_has "--output FILE"
run 0 $weir state export sp by-origin --to tar -o t.tar; err_has "t.tar: "
mkdir t; tar xf t.tar -C t 2>err && pass || fail "tar does not read it"
[ "$(find t -name '0*.json' | wc -l)" -eq "$(jq -c 'select(.uid == "by-origin")' all.ndjson | wc -l)" ] && pass || fail "files in the archive"
jq -e .kind t/by-origin/count/type.json >out && pass || fail "type.json"
run 4 $weir state export sp --to ndjson -o t.tar; err_has "is there already"
# whole, or not there
head -c 60000 sp/_metadata >cut; $weir state export cut --to ndjson -o half.ndjson >out 2>err && fail "damage is exported" || pass; [ -e half.ndjson ] && fail "half a file" || pass
(trap '' XFSZ; ulimit -f 4; $weir state export sp --to ndjson -o big.ndjson) >out 2>err && fail "a file above the limit" || pass; [ -e big.ndjson ] && fail "half a file" || pass
[ -z "$(find . -name '.*inprogress*')" ] && pass || fail "temporary files are left"
if ldconfig -p 2>/dev/null | grep -q libsqlite3.so.0 && python3 -c 'import sqlite3' 2>/dev/null; then
    sql() { python3 -c 'import sqlite3, sys
for r in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*r, sep="|")' "$@"; }
    run 0 $weir state export sp --to sqlite -o s.db
    [ "$(sql s.db 'select sum(value) from count')" = "$(awk -F, 'NR > 1 { s += $3 } END { print s }' c.csv)" ] && pass || fail "sqlite has another sum"
    [ "$(sql s.db 'pragma integrity_check')" = ok ] && pass || fail "the database is damaged"
    [ "$(sql s.db "select typeof(value), typeof(key) from count limit 1")" = "integer|text" ] && pass || fail "types"
    [ "$(sql s.db "select rows from weir_states where uid = 'by-origin' and state = 'to'")" -eq "$(sql s.db 'select count(*) from "to"')" ] && pass || fail "weir_states"
    [ "$(sql s.db "select sum(rows) from weir_states where kind <> 'list'")" -eq "$(jq -c 'select(.kind != "list")' all.ndjson | wc -l)" ] && pass || fail "rows"
    (trap '' XFSZ; ulimit -f 8; $weir state export sp --to sqlite -o big.db) >out 2>err && fail "a database above the limit" || pass; err_has "SQLite"; [ -e big.db ] && fail "half a database" || pass
    [ -z "$(find . -name '.*inprogress*')" ] && pass || fail "temporary files are left"
    # Ctrl-C removes what was being written
    for i in 1 2 3 4 5 6; do cp sp/_metadata x; done
    $weir state export sp --to sqlite -o slow.db >out 2>err & pid=$!; kill -INT $pid 2>/dev/null; wait $pid; ls -A | grep -q inprogress && fail "a temporary file is left" || pass
else
    skip "no SQLite here"
fi
