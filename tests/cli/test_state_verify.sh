# SPDX-License-Identifier: Apache-2.0
# weir state verify and dump: whole, damaged, not understood; RocksDB files; names that are not text.
savepoint 2.1.1/native-rocksdb rocks
run 0 $weir state verify rocks; out_empty; err_has "rocks: complete"
run 0 $weir state get rocks count ATL --operator by-origin; out_has "5"
run 0 $weir state dump rocks; out_has '"kind":"map","state":"to"'

# an incremental checkpoint, whole and then without one of its files
mkdir -p job/chk-7 job/shared
gunzip -c "$golden/1.20.1/incremental-rocksdb/chk-7/_metadata.gz" >job/chk-7/_metadata
for f in "$golden"/1.20.1/incremental-rocksdb/shared/*.gz; do gunzip -c "$f" >"job/shared/$(basename "$f" .gz)"; done
run 0 $weir state verify job/chk-7; out_empty
run 0 $weir state verify job; err_has "complete"
lost=$(ls job/shared | head -n 1); mv "job/shared/$lost" lost
run 7 $weir state verify job/chk-7; out_has "$lost"; out_has "missing"; err_has "1 problem"
run 7 $weir state dump job/chk-7; out_has '"undecodable":'; err_has "are damaged"
mv lost "job/shared/$lost"

# a root: what is newer and damaged is told, what was never completed is not
mkdir job/chk-9; run 0 $weir state verify job; out_empty
mkdir job/chk-8; head -c 3000 job/chk-7/_metadata >job/chk-8/_metadata
run 7 $weir state verify job; out_has "job/chk-8: "; out_has "passed over"; err_has "1 problem"; err_has "job/chk-7 is complete"
run 7 $weir state verify --json job; out_has '"code":"'
rm job/chk-7/_metadata; run 7 $weir state verify job; out_has "job/chk-8: "
rm -r job/chk-8; run 3 $weir state verify job; err_has "none of 2 checkpoints here is complete"

# names from a damaged file never reach the terminal as they are
LC_ALL=C sed -i 's/by-origin/by\x1b[2Jgin/; s/miles/m\x1b[2J/' rocks/_metadata
run 7 $weir state verify rocks; out_has 'by\x1b[2Jgin'
if LC_ALL=C grep -q "$(printf '\033')" out err; then fail "raw bytes of a name"; else pass; fi

# not understood is not damaged
savepoint 2.1.1/canonical-hashmap strange
LC_ALL=C sed -i 's/StringSerializer\$StringS/StringSerializer$SurelyS/g' strange/_metadata
run 2 $weir state verify strange; out_has "not read: operator "; out_has " entries: "; err_has "no damage was found"
run 0 $weir state dump strange; out_has '"undecodable":'

# several paths: a line for each, the worst status
savepoint 2.1.1/canonical-hashmap whole
run 7 $weir state verify whole rocks strange; err_has "whole: complete"; err_has "rocks: "; err_has "strange: no damage was found"
run 2 $weir state verify whole strange
run 3 $weir state verify whole nowhere; err_has "nowhere: "; err_has "whole: complete"
run 0 $weir state verify --json whole; out_has '"status":"complete"'; out_has '"entries":'; err_empty
run 2 $weir state verify whole strange --salvage both; err_has "name one PATH"
run 2 $weir state verify; err_has "PATH"

# leftovers: in the checkpoint, and with --leftovers in shared/, where the other checkpoints have theirs
gunzip -c "$golden/1.20.1/incremental-rocksdb/chk-7/_metadata.gz" | { mkdir -p job/chk-7; cat >job/chk-7/_metadata; }
printf 'stray' >"$(printf 'job/chk-7/a\033b')"; printf 'old' >job/shared/old
run 0 $weir state verify job/chk-7; out_has 'job/chk-7/a\x1bb: nothing'; err_has "complete"
if grep -qF shared/old out; then fail "shared/ was searched"; else pass; fi
run 0 $weir state verify --leftovers job/chk-7; out_has "job/shared/old: nothing in the checkpoint refers to this file of 3 bytes"
mkdir -p job/chk-8; head -c 3000 job/chk-7/_metadata >job/chk-8/_metadata
run 0 $weir state verify --leftovers job/chk-7; out_has "shared/ was not searched"; rm -r job/chk-8

# salvage: what is whole is copied, what is damaged is written anew without what cannot be read
run 0 $weir state verify whole --salvage copy; err_has "all of it"; run 0 $weir state verify copy; out_empty
$weir state dump whole >a; $weir state dump copy >b; same a b
run 4 $weir state verify whole --salvage copy; err_has "not empty"
cp -r whole hurt; printf '\377\377\377\377\377\377\377\377' | dd of=hurt/_metadata bs=1 seek=235000 conv=notrunc 2>/dev/null
run 7 $weir state verify hurt --salvage saved; err_has "loss"; err_has "saved/loss-report.ndjson"; out_has "can be read"
run 0 $weir state verify saved; out_empty
if grep -q '"what":' saved/loss-report.ndjson; then pass; else fail "no report"; fi
$weir state dump saved >b; LC_ALL=C sort a >a.s; LC_ALL=C sort b >b.s
run 0 test "$(comm -13 a.s b.s | grep -vc '"summary"')" -eq 0 # nothing is there that was not there before
run 0 test "$(wc -l <b)" -gt "$(($(wc -l <a) * 9 / 10))"
lost=$(ls job/shared | grep -v old | head -n 1); rm "job/shared/$lost"
run 7 $weir state verify job/chk-7 --salvage rest; out_has "missing"; run 0 $weir state verify rest
if [ "$(wc -l <rest/loss-report.ndjson)" -le 1 ]; then pass; else fail "a loss is told for each key group"; fi
