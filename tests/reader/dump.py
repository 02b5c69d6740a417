#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a savepoint or checkpoint of Flink and prints every entry as `weir state dump` does.

Written from docs/formats/*.md and docs/state-json.md alone, so that it can disagree with weir. Canonical (FULL) and hashmap (HEAP) streams,
operator state, timers, TTL. Not RocksDB files, changelogs, raw keyed state and channel state: those are counted on stderr and skipped.
    python3 dump.py DIR
"""
import os
import sys
import metadata
import streams
from cursor import Damage, Unknown, text_json


class Dump:
    def __init__(self, folder):
        self.folder, self.lines, self.skipped = folder, [], {}
        path = folder if os.path.isfile(folder) else os.path.join(folder, '_metadata')
        with open(path, 'rb') as f: self.meta = metadata.read(f.read())
        self.files = metadata.Files(os.path.dirname(path) or '.')
        self.kryo = 2 if self.meta['version'] <= 4 else 5

    def skip(self, what): self.skipped[what] = self.skipped.get(what, 0) + 1

    def add(self, op, sub, kind, state, e):
        head = [('op', text_json(op['id']))]
        head += [(n, text_json(op[n])) for n in ('uid', 'name') if op[n]]
        head.append(('maxp', '%d' % op['maxp']))
        if sub is not None: head.append(('sub', '%d' % sub))
        head += [('kind', text_json(kind)), ('state', text_json(state))]
        order = [op['id'], kind, state, -1 if sub is None else sub, e.get('kg', -1)]
        head += [(n, '%d' % e[n]) for n in ('kg', 'index', 'timestamp') if n in e]
        for n in 'key', 'ns', 'uk', 'value':
            if n not in e: order.append(''); continue
            text, raw, why = e[n]
            if text is not None: head.append((n, text))
            if why: head.append(('undecodable', text_json(why)))
            head.append((n + '_hex', text_json(raw.hex())))
            order.append(raw.hex())
        order = order[:8] + [e.get('timestamp', 0), e.get('index', -1)]
        self.lines.append((order, '{' + ','.join('"%s":%s' % m for m in head) + '}'))

    def run(self):
        """The lines, sorted. What is not as the documents say is Damage, whatever Python calls it."""
        try: return self.read()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as e:
            raise Damage('not as the documents say (%s: %s)' % (type(e).__name__, e)) from e

    def read(self):
        for m in self.meta['masters']:
            self.lines.append((['', 'master', m['name'], -1, -1, '', '', '', 0, -1], '{"kind":"master","state":%s,"version":%d,"value_hex":"%s"}' % (
                text_json(m['name']), m['version'], m['data'].hex())))
        for op in self.meta['operators']:
            if op['coordinator']: self.add(op, None, 'coordinator', '', {'value': (None, self.files.bytes(op['coordinator']), None)})
            for s in op['subtasks']:
                if not s.get('finished'): self.subtask(op, s)
        self.lines.sort(key=lambda x: x[0])
        return [text for _, text in self.lines]

    def subtask(self, op, s):
        if s['managedOperator']: self.operator(op, s)
        if s['rawOperator']: self.skip('raw operator state')
        if s['rawKeyed']: self.skip('raw keyed state')
        if any(s.get('channels', [])): self.skip('channel state')
        h = s['managedKeyed']
        if h is None: return
        if h['tag'] not in (3, 7, 12):
            self.skip('RocksDB files' if h['tag'] in (5, 11) else 'changelog')
            return
        if h['stream'] is None: return
        for state, e in streams.Keyed(self.files.bytes(h['stream']), h, op['maxp'], self.kryo).entries():
            self.add(op, s['index'], state.kind, state.name, e)

    def operator(self, op, s):
        h = s['managedOperator']
        if h['stream'] is None: return
        for state, kind, e in streams.operator_states(self.files.bytes(h['stream']), h, self.kryo):
            self.add(op, s['index'], kind, state.name, e)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    dump = Dump(sys.argv[1])
    try: lines = dump.run()
    except (Damage, Unknown, OSError) as e:
        print('%s: %s' % (sys.argv[1], e), file=sys.stderr)
        return 1
    for n, k in dump.skipped.items(): print('%s: %d x %s not read' % (sys.argv[1], k, n), file=sys.stderr)
    sys.stdout.buffer.write(''.join(x + '\n' for x in lines).encode('utf-8', 'surrogatepass'))
    return 0


if __name__ == '__main__': sys.exit(main())
