# SPDX-License-Identifier: Apache-2.0
# The examples of docs/state-tool.md and docs/mount.md: every line that begins with "$ " works as written.
savepoint 2.1.1/canonical-hashmap SP; savepoint 1.20.1/native-hashmap OLD
mkdir bin DIR; ln -s "$weir" bin/weir; PATH=$PWD/bin:$PATH
examples() { sed -n 's/^\$ //p' "$root/docs/$1"; }
while IFS= read -r line; do run 0 bash -c "$line"; [ -s out ] || case $line in *verify*) ;; *) fail "no output: $line" ;; esac; done < <(examples state-tool.md)
if [ -c /dev/fuse ] && command -v fusermount3 >/dev/null && weir mount SP DIR 2>err; then
    while IFS= read -r line; do run 0 bash -c "$line"; [ -s out ] || fail "no output: $line"; done < <(examples mount.md)
    fusermount3 -u DIR
else
    skip "cannot mount here"
fi
PATH=${PATH#*:}
