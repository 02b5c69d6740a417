#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads every savepoint and checkpoint under some folders with this reader, with `weir state dump`, and beside what Flink says, when that is known.

    python3 compare.py WEIR FOLDER... [--expected FIXTURES EXPECTED]

One line for each that differs, with the first differences; a last line "N passed, N failed, N skipped". Kinds that the reader does not read (RocksDB
files, changelogs, raw and channel state) are left out on the other side; a snapshot with nothing else is skipped. Where weir cannot decode, nothing but the hex is compared.
"""
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import dump as reader
from cursor import Damage, Unknown

ALWAYS_OUT = ('raw-keyed', 'raw-timer', 'raw-operator', 'input-channel', 'result-subpartition', 'change')
HEAD = re.compile(r'^\{"op":"([0-9a-f]*)".*?"maxp":-?\d+(?:,"sub":(\d+))?,"kind":"([a-z-]*)"')
UNDECODABLE = re.compile(r',"undecodable":".*"\}$')
SHOWN = 4


def snapshots(folders):
    for top in folders:
        for folder, _, files in sorted(os.walk(top)):
            for f in '_metadata', '_metadata.gz':
                if f in files: yield folder, f


def unread(dump):
    """(operator, subtask) whose managed keyed state the reader does not read."""
    return {(op['id'], s['index']) for op in dump.meta['operators'] for s in op['subtasks']
            if s.get('managedKeyed') and s['managedKeyed']['tag'] not in (3, 7, 12)}


def kept(lines, left_out):
    for text in lines:
        m = HEAD.match(text)
        if text.startswith('{"summary"') or m and m.group(3) in ALWAYS_OUT: continue
        keyed = m and m.group(3) in ('value', 'list', 'map', 'reducing', 'aggregating', 'folding', 'timer')
        if keyed and (m.group(1), int(m.group(2) or 0)) in left_out: continue
        yield text


def same(mine, theirs):
    if mine == theirs: return True
    if '"undecodable":' not in theirs: return False
    bare = [re.sub(r'"value":.*,"value_hex"', '"value_hex"', UNDECODABLE.sub('}', x)) for x in (mine, theirs)]
    return bare[0] == bare[1]


def differences(mine, theirs):
    if len(mine) != len(theirs): yield '%d entries, there %d' % (len(mine), len(theirs)), ''
    for a, b in zip(mine, theirs):
        if not same(a, b): yield a, b


def weir_lines(weir, folder):
    done = subprocess.run([weir, 'state', 'dump', folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in (0, 3): raise OSError(done.stderr.decode('utf-8', 'replace').strip())
    return done.stdout.decode('utf-8', 'surrogatepass').split('\n')[:-1]


def against_flink(path, lines, left_out):
    """The expected file may hold only the first entries of each state; then its digest counts, unless something was left out."""
    with open(path, encoding='utf-8') as f: expected = f.read().split('\n')[:-1]
    summary = json.loads(expected[-1])['summary']
    theirs = list(kept(expected, left_out))
    if summary['printed'] < summary['entries']:
        known = set(lines)
        missing = [(x, '') for x in theirs if x not in known]
        whole = len(theirs) == len(expected) - 1
        digest = hashlib.sha256(''.join(x + '\n' for x in lines).encode('utf-8', 'surrogatepass')).hexdigest()
        if whole and not missing and digest != summary['sha256']: missing.append(('', 'the digest of all lines differs'))
        return missing
    return list(differences(lines, theirs))


def expected_file(folder, expected):
    if not expected: return None
    at = os.path.join(expected[1], os.path.relpath(folder, expected[0])) + '.ndjson'
    return at if os.path.exists(at) else None


def one(weir, folder, expected):
    """A list of complaints, or None when there was nothing to read."""
    dump = reader.Dump(folder)
    lines = dump.run()
    left_out = unread(dump)
    if not lines: return None
    out = []
    for who, found in ('weir', list(differences(lines, list(kept(weir_lines(weir, folder), left_out))))), ('Flink', flink(folder, expected, lines, left_out)):
        for a, b in found[:SHOWN]: out.append('%s\n    reader %s\n    %s %s' % (who, a[:1500], who.ljust(6), b[:1500]))
        if len(found) > SHOWN: out.append('%s: %d more' % (who, len(found) - SHOWN))
    return out


def flink(folder, expected, lines, left_out):
    path = expected_file(folder, expected)
    return against_flink(path, lines, left_out) if path else []


def unpacked(folder, name, into):
    if name == '_metadata': return folder
    with gzip.open(os.path.join(folder, name)) as f, open(os.path.join(into, '_metadata'), 'wb') as g: g.write(f.read())
    return into


def main(args):
    expected = None
    if '--expected' in args:
        at = args.index('--expected')
        expected = args[at + 1], args[at + 2]
        del args[at:at + 3]
    counts = [0, 0, 0]
    for folder, name in snapshots(args[1:]):
        with tempfile.TemporaryDirectory() as into:
            try: found = one(args[0], unpacked(folder, name, into), expected)
            except (Damage, Unknown, OSError) as e: found = ['%s: %s' % (type(e).__name__, e)]
        if found: print('%s\n  %s' % (folder, '\n  '.join(found)))
        counts[2 if found is None else 1 if found else 0] += 1
    print('%d passed, %d failed, %d skipped' % tuple(counts))
    return 1 if counts[1] or not sum(counts) else 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
