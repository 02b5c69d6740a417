#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the values of tests/golden/sql-values.txt: what, snapshot and bytes as hex, JSON as Flink shows it, hashCode.

    python3 vectors.py FILE
"""
import sys
import snapshot
from cursor import Cursor, Damage, Unknown


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


def main(args):
    counts = [0, 0, 0]
    with open(args[0], encoding='utf-8') as f: lines = [x for x in f.read().split('\n') if x and not x.startswith('#')]
    for line in lines:
        try: what, wrong = one(line)
        except (Damage, Unknown, KeyError, ValueError, TypeError, AttributeError) as e: what, wrong = line.split('\t')[0], '%s: %s' % (type(e).__name__, e)
        if wrong: print('%s\n    %s' % (what, wrong))
        counts[2 if wrong is None else 1 if wrong else 0] += 1
    print('%d passed, %d failed, %d skipped' % tuple(counts))
    return 1 if counts[1] or not sum(counts) else 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
