# SPDX-License-Identifier: Apache-2.0
# The state commands on archives, and on one of several checkpoints.
savepoint 2.1.1/canonical-hashmap sp
tar cf sp.tar sp
run 0 $weir state export sp by-origin --to ndjson; cp out want
run 0 $weir state export sp.tar by-origin --to ndjson; same out want; err_empty
run 0 $weir state verify sp.tar; err_has "complete"
run 0 $weir state diff sp sp.tar; out_empty
run 0 $weir state migrate sp.tar m --state stat --operator by-distance --drop max; run 0 $weir state verify m
mkdir -p job; cp -r sp job/chk-3; cp -r sp job/chk-5; tar cf job.tar job
run 0 $weir state ls job.tar --no-count; out_has "/job/chk-5"
run 0 $weir state ls job.tar --no-count --at 3; out_has "/job/chk-3"
run 0 $weir state ls 'job.tar!/job/chk-3' --no-count; out_has "/job/chk-3"
run 3 $weir state ls job.tar --no-count --at 4; err_has "there is no complete chk-4 here"
cp -r sp sp2; tar cf two.tar sp sp2
run 2 $weir state ls two.tar; err_has "name one as"; err_has "/sp, /sp2"
run 0 $weir state ls 'two.tar!/sp2' --no-count; out_has "/sp2"
run 3 $weir state ls 'two.tar!/sp3'; err_has "sp3"
mkdir none; echo hello >none/file; tar cf none.tar none; run 3 $weir state ls none.tar; err_has "no savepoint in this archive"
head -c 70000 sp.tar >cut.tar; run 7 $weir state ls cut.tar; err_has "but the archive ends"
if ldconfig -p 2>/dev/null | grep -q libarchive.so.13; then
    tar czf sp.tgz sp; run 0 $weir state export sp.tgz by-origin --to ndjson; same out want
    [ -z "$(ls -A "${TMPDIR:-/tmp}" | grep weir-archive)" ] && pass || fail "temporary files are left"
else
    skip "no libarchive here"
fi
