# SPDX-License-Identifier: Apache-2.0
# Options, help, suggestions, exit codes.
run 0 $weir --version; out_has "weir 0."; err_empty
run 0 $weir version --json; out_has '{"version":"'
run 2 $weir; out_empty; err_has "usage: weir COMMAND"
run 0 $weir --help; out_has "state ls"; err_empty
run 0 $weir help state migrate; out_has "--dry-run"
run 0 $weir state migrate --help; out_has "usage: weir state migrate [options] IN OUT"
run 2 $weir state; err_has "state verify"
run 0 $weir state --help; out_has "state verify"
run 2 $weir statte ls x; err_has "did you mean \`weir state\`?"
run 2 $weir state shwo x; err_has "did you mean \`weir state show\`?"
run 2 $weir mnt a b; err_has "did you mean \`weir mount\`?"
run 2 $weir frobnicate; err_has "\`weir help\` lists the commands"
run 2 $weir state ls --jsn x; err_has "unknown option --jsn; did you mean --json?"
run 2 $weir state show x --limt=3; err_has "did you mean --limit?"
run 2 $weir state show x --limit; err_has "option --limit needs a value: N"
run 2 $weir state show x --limit many; err_has "--limit wants a whole number"
run 2 $weir state show x --limit 1 --limit 2; err_has "given twice"
run 2 $weir state ls; err_has "too few arguments; usage: weir state ls PATH"
run 2 $weir state ls a b; err_has "unexpected argument 'b'"
run 2 $weir state ls --json=yes x; err_has "takes no value"
run 2 $weir --json state ls x; err_has "the command comes first"
run 3 $weir state ls -- --json; err_has "/--json: "   # after -- it is a path
run 3 $weir state ls --json nowhere; err_has '{"error":{"command":"state ls","code":"NOTFOUND","exit":3,"path":'; out_empty
run 0 $weir completion bash; out_has "complete -o filenames -F _weir weir"
bash -n out && pass || fail "completion is no bash"
( . ./out; COMP_WORDS=(weir state migrate --d); COMP_CWORD=3; _weir; [ "${COMPREPLY[*]}" = "--drop --dry-run" ] ) && pass || fail "completion of options"
( . ./out; COMP_WORDS=(weir state mi); COMP_CWORD=2; _weir; [ "${COMPREPLY[*]}" = "migrate" ] ) && pass || fail "completion of commands"
run 2 $weir completion fish; err_has "not for 'fish'"
# the manual knows every command and option
run 0 $weir completion options
while read -r line; do
    case $line in
    *--*) grep -qE -- "\*(-[a-zA-Z]+\*, \*)?--${line##*--}\*" "$root/docs/man/weir.1.scd" || fail "the manual lacks: $line" ;;
    *) grep -qF -- "*weir $line*" "$root/docs/man/weir.1.scd" || fail "the manual lacks: weir $line" ;;
    esac
done <out
pass
# a full disk under stdout is told
if [ -e /dev/full ]; then
    savepoint 2.1.1/canonical-hashmap sp
    $weir state show sp >/dev/full 2>err; [ $? -eq 1 ] && pass || fail "writing to a full disk"
    err_has "No space left on device"
fi
# the page of configuration keys is what the program says
run 0 $weir help configuration; err_empty
cmp -s out "$root/docs/options.md" && pass || fail "docs/options.md is old: weir help configuration > docs/options.md"
