# SPDX-License-Identifier: Apache-2.0
# --classes: Kryo values of a job's own classes are read once the classes are described.
savepoint 2.1.1/canonical-hashmap sp
savepoint 1.20.1/native-hashmap old
run 0 $weir state get sp by-distance/opaque 13; out_has '{"@":"weir.jobs.Types$Opaque","hex":"'
echo 'class weir.jobs.Types$Opaque { private final String text; private final int number; }' >classes
run 0 $weir state get sp by-distance/opaque 13 --classes classes; out_has '{"@":"weir.jobs.Types$Opaque","text":"MSYPHX","number":5}'
for s in sp old; do
    run 0 $weir state dump $s --classes classes; out_has '"undecodable":0'; out_has '"value":{"@":"weir.jobs.Types$Opaque","text":"MSYPHX","number":5},"value_hex":"57010a014d53595048d8"'
done
echo 'class weir.jobs.Types$Opaque { String text() }' >bad
run 2 $weir state dump sp --classes bad; err_has "class descriptions, line 1: expected ; behind a field"
run 0 $weir state ls sp --classes classes --no-count
run 3 $weir state ls sp --classes nothing; err_has nothing
