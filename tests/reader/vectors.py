#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads values that Flink wrote: tests/golden/sql-values.txt and old-snapshots.txt, and the vectors of Avro and Kryo in tests/unit/type/*_vectors.h.

    python3 vectors.py FILE...
"""
import ast
import os
import re
import sys
import avro
import kryo
import legacy
import snapshot
from cursor import Cursor, Damage, Unknown

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\bNULL\b')


def rows(path):
    """The texts of each row of a table in C."""
    with open(path, encoding='utf-8') as f: body = f.read().split('[] = {', 1)[1]
    for row in re.split(r'\n\t\{', body)[1:]:
        yield [None if x == 'NULL' else c_text(x) for x in TEXT.findall(row)]


def c_text(x): return ast.literal_eval('"""' + x[1:-1].replace('\\"', '\\x22') + '"""')


def value(name, t, data, want, version):
    c = Cursor(bytes.fromhex(data), kryo=version)
    text = t.read(c)
    if c.left(): return name, '%d bytes behind the value %s' % (c.left(), text)
    return name, '' if text == want else 'reader %s\n    Flink  %s' % (text, want)


def avro_rows(path):
    for name, schema, data, want in rows(path): yield lambda: value('Avro ' + name, avro.Avro(schema), data, want, 5)


def kryo_rows(path):
    for cls, two, five, want in rows(path):
        for version, data in (2, two), (5, two if five is None else five):
            if data: yield lambda: value('Kryo %d %s %s' % (version, cls, data[:80]), kryo.Kryo(cls, [cls] if cls != 'java.lang.Object' else ['java.lang.Object']), data, want, version)


def sql_rows(path):
    with open(path, encoding='utf-8') as f:
        for line in f.read().split('\n'):
            if line and not line.startswith('#'): yield lambda: one(line)


def old_rows(path):
    with open(path, encoding='utf-8') as f:
        for line in f.read().split('\n'):
            if line and not line.startswith('#'): yield lambda: old(*line.split('\t')[:4])


def old(name, kind, head, data):
    """A snapshot of before 1.8 must lead to a type that uses all bytes of a value."""
    c = Cursor(bytes.fromhex(head))
    t = snapshot.proxy(c) if kind == 'proxy' else legacy.parts(c, snapshot.snap)[0]
    if c.left(): return name, '%d bytes behind the snapshot' % c.left()
    c = Cursor(bytes.fromhex(data))
    text = t.read(c)
    return name, '%d bytes behind the value %s' % (c.left(), text) if c.left() else ''


def one(line):
    what, head, data, json = line.split('\t')[:4]
    if not data or data == '-': return what, None
    c = Cursor(bytes.fromhex(head))
    t = snapshot.proxy(c)
    if c.left(): return what, '%d bytes behind the snapshot' % c.left()
    c = Cursor(bytes.fromhex(data), kryo=5)
    text = t.read(c)
    if c.left(): return what, '%d bytes behind the value' % c.left()
    return what, '' if text == json else 'reader %s\n    Flink  %s' % (text, json)


KINDS = {'avro': avro_rows, 'kryo': kryo_rows, 'old': old_rows, 'sql': sql_rows}


def main(args):
    counts = [0, 0, 0]
    for path in args:
        kind = KINDS[os.path.basename(path).split('_')[0].split('-')[0]]
        for check in kind(path):
            try: what, wrong = check()
            except Unknown as e: what, wrong = '', None
            except (Damage, KeyError, ValueError, TypeError, AttributeError) as e: what, wrong = path, '%s: %s' % (type(e).__name__, e)
            if wrong: print('%s\n    %s' % (what, wrong))
            counts[2 if wrong is None else 1 if wrong else 0] += 1
    print('%d passed, %d failed, %d skipped' % tuple(counts))
    return 1 if counts[1] or not sum(counts) else 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
