# SPDX-License-Identifier: Apache-2.0
"""`_metadata` as docs/formats/metadata.md describes it: operators, subtasks and handles, as plain dictionaries."""
import os
import urllib.parse
from cursor import Cursor, Damage

MAGIC = 0x4960672d


class Reader:
    """old: None, or which of the two older layouts of version 3 is tried ('1.14' or '1.11')."""

    def __init__(self, data, old=None):
        self.c, self.old = Cursor(data), old

    def file(self):
        c = self.c
        if c.i32() != MAGIC: raise Damage('not a _metadata file')
        self.version = v = c.i32()
        if not 2 <= v <= 6: raise Damage('metadata version %d' % v)
        c.i64()
        masters = [self.master() for _ in range(c.count())]
        operators = [self.operator() for _ in range(c.count())]
        if v < 4 and c.left(): raise Damage('%d bytes behind the end' % c.left())
        return {'version': v, 'masters': masters, 'operators': operators}

    def master(self):
        c = self.c
        if c.i32() & 0xffffffff != 0xc96b1696: raise Damage('no master state')
        body = Cursor(c.blob())
        return {'version': body.i32(), 'name': body.utf(), 'data': body.blob()}

    def operator(self):
        c, v = self.c, self.version
        op = {'name': '', 'uid': '', 'subtasks': []}
        if v >= 5: op['name'], op['uid'] = c.utf(), c.utf()
        op['id'] = c.take(16).hex()
        op['parallelism'], op['maxp'] = c.i32(), c.i32()
        if v == 2: c.i32()
        op['coordinator'] = self.stream() if v >= 3 else None
        n = c.i32()
        for _ in range(max(n, 0)):
            op['subtasks'].append(self.subtask())
        return op

    def subtask(self):
        c, v = self.c, self.version
        s = {'index': c.i32()}
        if s['index'] < 0: return {'index': -s['index'] - 1, 'finished': True}
        if v == 2: c.i64(), c.i32()
        for name in 'managedOperator', 'rawOperator':
            s[name] = self.operator_handle() if c.i32() else None
        for name in 'managedKeyed', 'rawKeyed':
            s[name] = self.keyed()
        if v >= 3:
            s['channels'] = [[self.channel() for _ in range(c.count())] for _ in range(2)]
        return s

    def channel(self):
        c = self.c
        kind = c.u8() if self.version >= 6 else 1
        if kind > 2: return {'subtask': c.i32(), 'size': c.i64(), 'stream': self.stream(), 'packed': c.blob()}
        sub = None if self.old == '1.11' else c.i32()
        return {'subtask': sub, 'a': c.i32(), 'b': c.i32(), 'offsets': [c.i64() for _ in range(c.count())],
                'size': c.i64(), 'stream': self.stream()}

    def stream(self):
        c, tag = self.c, self.c.u8()
        if tag in (0, 16): return None
        if tag == 1: return {'kind': 'inline', 'name': c.utf(), 'data': c.blob()}
        if tag == 2: return {'kind': 'absolute', 'size': c.i64(), 'name': c.utf()}
        if tag == 6: return {'kind': 'relative', 'name': c.utf(), 'size': c.i64()}
        if tag == 15:
            s = {'kind': 'segment', 'start': c.i64(), 'size': c.i64()}
            c.i32()
            s['name'], s['id'] = c.utf(), c.utf()
            return s
        if tag == 3: return self.key_groups(tag)['stream']
        raise Damage('stream handle tag %d at byte %d' % (tag, c.pos - 1))

    def key_groups(self, tag):
        c = self.c
        h = {'tag': tag, 'first': c.i32()}
        h['offsets'] = [c.i64() for _ in range(c.count())]
        h['stream'] = self.stream()
        if tag == 12: c.utf()
        return h

    def keyed(self):
        c, tag = self.c, self.c.u8()
        if tag == 0: return None
        if tag in (3, 7, 12): return self.key_groups(tag)
        if tag in (5, 11): return self.incremental(tag)
        if tag in (8, 14): return self.changelog(tag)
        if tag == 9: return self.changes()
        if tag in (10, 13): return self.change_files(tag)
        raise Damage('keyed handle tag %d at byte %d' % (tag, c.pos - 1))

    def incremental(self, tag):
        c = self.c
        c.i64(), c.utf(), c.i32(), c.i32()
        if tag == 11: c.i64()
        self.stream()
        for _ in range(2):
            for _ in range(c.count()): c.utf(), self.stream()
        if tag == 11: c.utf()
        return {'tag': tag}

    def changelog(self, tag):
        c, old = self.c, self.old and tag == 8
        c.i32(), c.i32()
        if not old: c.i64()
        for _ in range(2):
            for _ in range(c.count()): self.keyed()
        if not old: c.i64()
        if tag == 14: c.i64()
        if not old: c.utf()
        return {'tag': tag}

    def changes(self):
        c = self.c
        c.i32(), c.i32(), c.i64(), c.i64()
        for _ in range(c.count()): c.i32(), c.blob()
        if not self.old: c.utf()
        return {'tag': 9}

    def change_files(self, tag):
        c, old = self.c, self.old and tag == 10
        c.i32(), c.i32()
        for _ in range(c.count()): c.i64(), self.stream()
        c.i64()
        if not old: c.i64(), c.utf()
        if tag == 13: c.utf()
        return {'tag': tag}

    def operator_handle(self):
        c, tag = self.c, self.c.u8()
        if tag not in (4, 17): raise Damage('operator handle tag %d at byte %d' % (tag, c.pos - 1))
        states = {}
        for _ in range(c.count()):
            name = c.utf()
            states[name] = (c.u8(), [c.i64() for _ in range(c.count())])
        if tag == 17: c.utf(), c.utf(), c.u8()
        return {'states': states, 'stream': self.stream()}


def read(data):
    """The newest layout of version 3 that ends exactly at the end of the file wins."""
    first = None
    for old in (None, '1.14', '1.11'):
        try:
            return Reader(data, old).file()
        except (Damage, OverflowError) as e:
            first = first or e
            if len(data) < 8 or int.from_bytes(data[4:8], 'big') != 3: break
    raise first


class Files:
    """Finds the bytes of a stream handle: inline, beside `_metadata`, or by the rest of an absolute path."""

    def __init__(self, folder):
        self.folder, self.cache = folder, {}

    def bytes(self, s):
        if s is None: return b''
        if s['kind'] == 'inline': return s['data']
        data = self.load(self.find(s))
        if s['kind'] == 'segment': return data[s['start']:s['start'] + s['size']]
        if len(data) != s['size']: raise Damage('%s has %d bytes, %d recorded' % (s['name'], len(data), s['size']))
        return data

    def load(self, path):
        if path not in self.cache:
            with open(path, 'rb') as f: self.cache[path] = f.read()
        return self.cache[path]

    def find(self, s):
        if s['kind'] == 'relative': return os.path.join(self.folder, s['name'])
        path = urllib.parse.urlsplit(s['name']).path
        if os.path.exists(path): return path
        parts = path.strip('/').split('/')
        for up in '', '..', '../..':
            for i in range(len(parts)):
                at = os.path.join(self.folder, up, *parts[i:])
                if os.path.exists(at): return at
        raise Damage('%s is not there' % s['name'])
