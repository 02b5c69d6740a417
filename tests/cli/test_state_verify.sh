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
