# SPDX-License-Identifier: Apache-2.0
# Bad rows, bad files, bad arguments: file, line, column, text and what was expected; and what is done about them.
. "$here/jobs.sh"
bad() { sed "$1" in.csv > bad.csv; }
try() { local want=$1; shift; rm -rf o; run "$want" "$weir" run "$delays" -- --input bad.csv --output o "$@"; }
at=$PWD/bad.csv
bad '100s/,[0-9-]*,/,abc,/'; try 1
err_has "$at: byte 0xc85: operator 'departures': line 100, column 2 (delay): expected a whole number from -2147483648 to 2147483647 (int32), found \"abc\""
[ -z "$(results o)" ] && pass || fail "a failed job committed results"
try 1 --on-error fail; err_has "line 100, column 2 (delay)"
try 0 --on-error skip; err_has "departures.skipped-rows: 1"; err_has "299 rows"
sed -i '50s/.*/too,few/' bad.csv; rm -f rows.bad; try 0 --on-error rows.bad; err_has "departures.skipped-rows: 2"; err_has "298 rows"
cp rows.bad out; out_has '"line":50,"byte":1593,"error":"line 50: the row has 2 columns, expected 5 as in the header'; out_has '"row":"too,few"'; out_has '"line":100'
[ "$(wc -l < rows.bad)" = 2 ] && pass || fail "bad rows: $(wc -l < rows.bad)"
try 3 --on-error no/such/folder; err_has "cannot open the file for bad rows"
bad '1s/delay/delai/'; try 1; err_has "line 1: no column is called delay, which is a field of the record; the header has: date, delai, distance"
bad '1s/delay/date/'; try 1; err_has "the header names column date twice"
bad '100s/^[^,]*/2001-13-45/'; try 1; err_has 'line 100, column 1 (date): expected a time such as 2001-01-31T23:59:00Z'; err_has 'found "2001-13-45"'
bad '100s/,[0-9-]*,/,99999999999,/'; try 1; err_has 'found "99999999999"'
bad '100s/$/,extra/'; try 1; err_has "the row has 6 columns, expected 5"
bad '100s/^/"/'; try 1; err_has "line 100, column 1 (date): the quote that opens here is never closed"
LC_ALL=C sed '100s/,[A-Z]*,[A-Z]*$/,\xff\xfe,ABC/' in.csv > bad.csv; try 1; err_has "line 100, column 4 (origin): expected text in UTF-8"
# with checkpoints and restarts: a bad row is as bad the next time, so there is no second try
bad '100s/,[0-9-]*,/,abc,/'; rm -rf o ck; run 1 "$weir" run $ck "$delays" -- --input bad.csv --output o; err_has "line 100, column 2"
grep -q restart err && fail "a bad row was tried again" || pass
# JSON
cat > words.c << 'END'
#include <weir/weir.h>
#define ROW(F) F(string, word) F(int64, n) F(timestamp, at) F(double, x) F(boolean, ok)
WEIR_RECORD(row, ROW)
int weir_main(struct weir_env *env, int argc, char **argv)
{
	(void)argc, (void)argv;
	weir_print(weir_json_source(env, "rows", weir_arg(env, "input"), &row_type, .on_error = weir_arg_or(env, "on-error", "fail")), "print");
	return 0;
}
END
good='{"word":"a","n":1,"at":"2001-01-01T00:00:00Z","x":1.5,"ok":true}'
json() { local want=$1; shift; printf '%s\n%s\n' "$good" "$1" > rows.json; shift; run "$want" "$weir" run words.c -- --input rows.json "$@"; }
json 0 "$good"; [ "$(wc -l < out)" = 2 ] && pass || fail "two rows"
json 1 '{"word":"a","n":"one"}'; err_has "rows.json: byte 0x41: operator 'rows': line 2"; err_has 'found "'
json 1 '{"word":"a",'; err_has "line 2"
json 1 'not json'; err_has "line 2"; err_has "not json"
json 1 '{"word":"a","n":1,"at":"2001-01-01T00:00:00Z","x":1.5,"ok":"yes"}'; err_has "ok"; err_has "line 2"
json 1 '[1,2]'; err_has "line 2"
json 1 '{"word":"a","n":99999999999999999999,"at":"2001-01-01T00:00:00Z","x":1.5,"ok":true}'; err_has "99999999999999999999"
json 0 'not json' --on-error skip; err_has "rows.skipped-rows: 1"; [ "$(wc -l < out)" = 1 ] && pass || fail "one row is left"
# files
plain
run 3 "$weir" run "$delays" -- --input nowhere.csv --output o; err_has "$PWD/nowhere.csv: operator 'departures': "; err_has "No such file or directory"
grep -q "has been submitted" err && fail "announced before its input was looked for" || pass
run 3 "$weir" run -d "$delays" -- --input nowhere.csv --output o; err_has "No such file or directory"; grep -q "has been submitted" err && fail "announced, detached" || pass
: > empty.csv; rm -rf o; run 0 "$weir" run "$delays" -- --input empty.csv --output o; err_has "finished: 0 rows"
head -n 1 in.csv > head.csv; run 0 "$weir" run "$delays" -- --input head.csv --output o; err_has "finished: 0 rows"
gzip -c in.csv > in.csv.gz; rm -rf o; run 0 "$weir" run "$delays" -- --input in.csv.gz --output o; equal o
head -c 2000 in.csv.gz > cut.csv.gz; run 1 "$weir" run "$delays" -- --input cut.csv.gz --output o2; err_has "cut.csv.gz: byte 0x7d0: "; err_has "the .gz file is cut off"
mkdir none; run 3 "$weir" run "$delays" -- --input none --output o2; err_has "the folder has no files to read"
if [ "$(id -u)" != 0 ]; then chmod 000 head.csv; run 8 "$weir" run "$delays" -- --input head.csv --output o2; err_has "Permission denied"; else skip "an unreadable file (root reads all)"; fi
run 4 "$weir" run "$delays" -- --input in.csv --output in.csv; err_has "a file is in the way of this directory"
run 3 "$weir" run "$delays" -- --input in.csv --output /proc/nope; err_has "/proc/nope"; err_has "operator 'hours'"
# arguments of the job
run 2 "$weir" run "$delays" -- --input in.csv; err_has "the job needs the argument --output VALUE (after --)"
run 2 "$weir" run "$delays" -- --input in.csv --output o --rows-per-second fast; err_has "argument --rows-per-second: 'fast' is not a whole number"
rm -rf o; run 0 "$weir" run "$delays" -- --input=in.csv --output o --colour red; err_has "the job does not use the argument '--colour red'"; equal o; err_has "numLateRecordsToSideOutput: "
rm -rf o; run 0 "$weir" run "$delays" -- --colour --input in.csv --output=o --shade=1 red; err_has "argument '--colour'"; err_has "argument '--shade=1'"; err_has "argument 'red'"; [ "$(grep -c "does not use" err)" = 3 ] && pass || fail "three arguments"
