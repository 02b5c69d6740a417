# SPDX-License-Identifier: Apache-2.0
# What `make install` puts in place works from there, without the source tree.
put=$PWD/put/usr
if ! command -v scdoc >/dev/null; then
    skip "scdoc is not installed"
else
    run 0 make -s -C "$root" BUILD="$build" DESTDIR="$PWD/put" PREFIX=/usr install
    for f in bin/weir lib/libweir.a include/weir/weir.h share/man/man1/weir.1 share/bash-completion/completions/weir lib/pkgconfig/libweir.pc; do
        if [ -s "$put/$f" ]; then pass; else fail "not installed: $f"; fi
    done
    run 0 bash -n "$put/share/bash-completion/completions/weir"
    run 0 grep -q '^\.TH "weir" "1"' "$put/share/man/man1/weir.1"
    # headers are found beside the installed program, and only there
    printf 'to be or not to be\n' >in.txt
    cp "$root/examples/wordcount.c" .
    run 0 env -u WEIR_INCLUDE XDG_CACHE_HOME="$PWD/cache" "$put/bin/weir" run wordcount.c -- --input in.txt; out_has '{"word":"be","count":2}'
    mv "$put/include" "$put/moved"
    run 3 env -u WEIR_INCLUDE XDG_CACHE_HOME="$PWD/cache2" "$put/bin/weir" run wordcount.c -- --input in.txt; err_has "set WEIR_INCLUDE"
    run 0 env WEIR_INCLUDE="$put/moved" XDG_CACHE_HOME="$PWD/cache2" "$put/bin/weir" run wordcount.c -- --input in.txt; out_has '{"word":"be","count":2}'
    mv "$put/moved" "$put/include"
    # a program of one's own on the library
    cat >mine.c <<'C'
#include <stdio.h>
#include <weir/ckpt.h>

int main(int argc, char **argv)
{
	struct weir_error err;
	struct weir_ckpt *c;
	int code = weir_ckpt_open(argv[argc - 1], &c, &err);

	if (code)
		return fprintf(stderr, "%s\n", err.msg), 1;
	printf("%u operators\n", c->noperators);
	weir_ckpt_close(c);
	return 0;
}
C
    savepoint 2.1.1/canonical-hashmap sp
    flags() { PKG_CONFIG_SYSROOT_DIR="$PWD/put" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 PKG_CONFIG_PATH="$put/lib/pkgconfig" pkg-config "$@" libweir; }
    run 0 flags --cflags; out_has "-I$put/include"
    run 0 ${CC:-cc} -o mine mine.c $(flags --cflags --libs)
    run 0 ./mine sp; out_has "operators"
fi
