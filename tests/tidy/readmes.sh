#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every source file is named in the README of its folder, and what a README or a page links to is there.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for readme in base/README.md fs-abstraction/README.md state/*/README.md runtime/README.md statetool/README.md fusefs/README.md cli/README.md; do
    dir=$(dirname "$readme")
    for c in "$dir"/*.c; do
        grep -qE "(^|[^a-z_])$(basename "$c" .c)(\.c)?([^a-z_.]|$|\.( |$))" "$readme" || { echo "$readme does not name $(basename "$c")"; bad=1; }
    done
done
for page in README.md */README.md */*/README.md docs/*.md docs/*/*.md; do
    dir=$(dirname "$page")
    while read -r link; do
        [ -e "$dir/$link" ] || { echo "$page links to $link, which is not there"; bad=1; }
    done < <(grep -oE '\]\([^)#]+' "$page" | sed 's/](//' | grep -v '^http')
    while read -r path; do
        [ -e "$path" ] || [ -e "$dir/$path" ] || { echo "$page names $path, which is not there"; bad=1; }
    done < <(grep -oE '`(tests|base|state|runtime|fusefs|statetool|cli|docs|examples|bench|include|fs-abstraction)/[A-Za-z0-9_./-]+`' "$page" | tr -d '`')
done
exit $bad
