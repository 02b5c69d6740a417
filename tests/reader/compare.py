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
SHOWN_VALUE = re.compile(r',"(?:value|undecodable)":.*(?=,"value_hex")')
SHOWN = 4
COUNTED = {'weir': 0, 'Flink': 0}


def snapshots(top):
    for folder, _, files in sorted(os.walk(top)):
        if '_metadata' in files: yield folder


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


def bare(text): return SHOWN_VALUE.sub('', text)


def same(mine, theirs):
    """Where either side cannot decode a value, its bytes count."""
    return mine == theirs or ('"undecodable":' in mine or '"undecodable":' in theirs) and bare(mine) == bare(theirs)


def differences(mine, theirs):
    if len(mine) != len(theirs): yield '%d entries, there %d' % (len(mine), len(theirs)), ''
    for a, b in zip(mine, theirs):
        if not same(a, b): yield a, b


def weir_lines(weir, folder):
    done = subprocess.run([weir, 'state', 'dump', folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if b'{"summary":' not in done.stdout: raise OSError(done.stderr.decode('utf-8', 'replace').strip())
    return done.stdout.decode('utf-8', 'surrogatepass').split('\n')[:-1]


def against_flink(path, lines, left_out):
    """The expected file may hold only the first entries of each state; then its digest counts, unless something was left out."""
    with open(path, encoding='utf-8') as f: expected = f.read().split('\n')[:-1]
    summary = json.loads(expected[-1])['summary']
    theirs = list(kept(expected, left_out))
    COUNTED['Flink'] += len(lines) if summary['printed'] < summary['entries'] and len(theirs) == len(expected) - 1 else len(theirs)
    if summary['printed'] < summary['entries']:
        known, raw = set(lines), {bare(x) for x in lines if '"undecodable":' in x}
        missing = [(x, '') for x in theirs if x not in known and bare(x) not in raw]
        whole = len(theirs) == len(expected) - 1 and not raw
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
    COUNTED['weir'] += len(lines)
    out = []
    for who, found in ('weir', list(differences(lines, list(kept(weir_lines(weir, folder), left_out))))), ('Flink', flink(folder, expected, lines, left_out)):
        for a, b in found[:SHOWN]: out.append('%s\n    reader %s\n    %s %s' % (who, a[:1500], who.ljust(6), b[:1500]))
        if len(found) > SHOWN: out.append('%s: %d more' % (who, len(found) - SHOWN))
    return out


def flink(folder, expected, lines, left_out):
    path = expected_file(folder, expected)
    return against_flink(path, lines, left_out) if path else []


def unpacked(top, into):
    """Folders with files.gz are copied without the .gz."""
    if not any(f.endswith('.gz') for _, _, files in os.walk(top) for f in files): return top
    for folder, _, files in os.walk(top):
        at = os.path.join(into, os.path.relpath(folder, top))
        os.makedirs(at, exist_ok=True)
        for f in files:
            with (gzip.open if f.endswith('.gz') else open)(os.path.join(folder, f), 'rb') as g: data = g.read()
            with open(os.path.join(at, f[:-3] if f.endswith('.gz') else f), 'wb') as g: g.write(data)
    return into


def checked(weir, folder, expected):
    try: return one(weir, folder, expected)
    except (Damage, Unknown, OSError, ValueError, KeyError, TypeError, IndexError) as e: return ['%s: %s' % (type(e).__name__, e)]


def main(args):
    expected = None
    if '--expected' in args:
        at = args.index('--expected')
        expected = args[at + 1], args[at + 2]
        del args[at:at + 3]
    counts = [0, 0, 0]
    for top in args[1:]:
        with tempfile.TemporaryDirectory() as into:
            at = unpacked(top, into)
            for folder in snapshots(at):
                found = checked(args[0], folder, expected)
                if found: print('%s/%s\n  %s' % (top.rstrip('/'), os.path.relpath(folder, at), '\n  '.join(found)))
                counts[2 if found is None else 1 if found else 0] += 1
    print('%d entries beside weir, %d beside Flink' % (COUNTED['weir'], COUNTED['Flink']))
    print('%d passed, %d failed, %d skipped' % tuple(counts))
    return 1 if counts[1] or not sum(counts) else 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
