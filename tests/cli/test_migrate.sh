# SPDX-License-Identifier: Apache-2.0
# weir state migrate: there and back gives Flink's bytes again.
savepoint 1.20.1/native-hashmap sp
cp -r sp before
run 0 $weir state migrate sp one --state stat --add 'note:string=-' --drop route --dry-run; out_has "would be rewritten"; [ -e one ] && fail "a dry run wrote" || pass
run 0 $weir state migrate sp one --state stat --add 'note:string=-' --drop route; out_has "31 entries rewritten"
run 0 $weir state get one stat 13; out_is migrated.txt
run 0 $weir state verify one
run 4 $weir state migrate sp one --state stat --drop sum; err_has "is not empty"
run 0 $weir state migrate sp a --state by-day --add 'x:int64=5' --json; out_has '"before":"POJO'
run 0 $weir state migrate a b --state by-day --drop x
same b/_metadata sp/_metadata
run 0 $weir state migrate sp new --format 2.1; out_has "metadata version 6"
run 0 $weir state migrate new back --format 1.20
same back/_metadata sp/_metadata
run 2 $weir state migrate sp c --format 3.9; err_has "no Flink release"
run 2 $weir state migrate sp c --state stat; err_has "nothing to change"
run 2 $weir state migrate sp c --add x:int; err_has "--state"
run 2 $weir state migrate sp; err_has "where to?"
same sp/_metadata before/_metadata
