#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads serializer snapshots with the value each of them wrote (folders with serializer-snapshot and test-data), beside what Flink says is in them.

    python3 serializers.py FIXTURES EXPECTED
"""
import json
import os
import sys
import snapshot
from cursor import Cursor, Damage, Unknown


def like_flink(text, theirs):
    """The same object; members in any order, as Flink's classes are shown by reflection. StringValue and TaggedUnion differ on purpose (docs/formats/json.md)."""
    mine = json.loads(text)
    if isinstance(theirs, dict) and theirs.get('@') == 'org.apache.flink.types.StringValue': theirs = {'@': theirs['@'], 'value': ''.join(theirs['value'])}
    if isinstance(theirs, dict) and theirs.get('@') == 'org.apache.flink.util.TaggedUnion': mine['@'] = theirs['@']
    return mine == theirs


def one(folder, expected):
    """What is wrong, '' for nothing. Where Flink could not show a value, all its bytes must be used."""
    with open(expected, encoding='utf-8') as f: known = json.load(f)
    with open(os.path.join(folder, 'serializer-snapshot'), 'rb') as f: head = Cursor(f.read())
    t = snapshot.proxy(head)
    if head.left() and not getattr(t, 'unbounded', False): return '%d bytes behind the snapshot' % head.left()
    old = not folder.rstrip('/').rsplit('-', 1)[-1].startswith('2')
    with open(os.path.join(folder, 'test-data'), 'rb') as f: data = Cursor(f.read(), kryo=2 if old else 5)
    text = t.read(data)
    if data.left() != known.get('valueBytesLeft', 0): return '%d bytes behind the value %s' % (data.left(), text[:300])
    if 'value' not in known or like_flink(text, known['value']): return ''
    return 'reader %s\n    Flink  %s' % (text[:600], json.dumps(known['value'])[:600])


def main(args):
    counts, opaque = [0, 0, 0], {}
    for folder, _, files in sorted(os.walk(args[0])):
        if 'serializer-snapshot' not in files: continue
        expected = os.path.join(args[1], os.path.relpath(folder, args[0])) + '.json'
        try: wrong = one(folder, expected)
        except Unknown as e:
            wrong, opaque[str(e)] = None, opaque.get(str(e), 0) + 1
        except (Damage, RecursionError) as e: wrong = '%s: %s' % (type(e).__name__, e)
        if wrong: print('%s\n    %s' % (folder, wrong))
        counts[2 if wrong is None else 1 if wrong else 0] += 1
    for what, n in sorted(opaque.items()): print('not known to the documents: %d x %s' % (n, what))
    print('%d passed, %d failed, %d skipped' % tuple(counts))
    return 1 if counts[1] or not sum(counts) else 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
