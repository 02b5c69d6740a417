# SPDX-License-Identifier: Apache-2.0
"""Entries of a HEAP key group whose values have no known end (docs/formats/keyed-state.md, "Values of serializers weir does not know").

An end is right when what follows is another entry of this key group or the head of another state, and all ends where the group ends. Only when exactly one
way fits are those the entries.
"""
import json
import struct
import sys
import values as V
from cursor import Cursor, Damage, Unknown


def signed(v): return (v & 0xffffffff) - (1 << 32 if v & 0x80000000 else 0)


def java_hash(t, value):
    """Java's hashCode of a key that was read as JSON; None when the type has none here."""
    if t in (V.BYTE, V.SHORT, V.INT): return signed(value)
    if t is V.LONG: return signed((value & (1 << 64) - 1) >> 32 ^ value)
    if t is V.BOOLEAN: return 1231 if value else 1237
    if t is V.STRING:
        h, raw = 0, value.encode('utf-16-be', 'surrogatepass')
        for i in range(0, len(raw), 2): h = h * 31 + (raw[i] << 8 | raw[i + 1]) & 0xffffffff
        return signed(h)
    if isinstance(t, V.Tuple):
        h = 0
        for i, (f, x) in enumerate(zip(t.fields, value)):
            part = 0 if x is None else java_hash(f, x)
            if part is None: return None
            h = part if i == 0 else h * 31 + part
        return signed(h)
    return None


def murmur(code):
    def rotated(v, n): return (v << n | v >> 32 - n) & 0xffffffff
    h = rotated(code * 0xcc9e2d51 & 0xffffffff, 15) * 0x1b873593 & 0xffffffff
    h = (rotated(h, 13) * 5 + 0xe6546b64 & 0xffffffff) ^ 4
    for shift, by in (16, 0x85ebca6b), (13, 0xc2b2ae35), (16, 1): h = (h ^ h >> shift) * by & 0xffffffff
    v = signed(h)
    return v if v >= 0 else -v if v != -1 << 31 else 0


class Search:
    def __init__(self, keyed, kg, data, end):
        self.keyed, self.kg, self.data, self.end, self.known = keyed, kg, data, end, {}

    def entries(self, pos):
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 20000))
        ways = self.sections(pos, frozenset(range(len(self.keyed.head.states))))
        if len(ways) != 1: raise Unknown('key group %d can be read in %s ways' % (self.kg, len(ways) or 'no'))
        way = ways[0]
        while way:
            yield from way[0]
            way = way[1]

    def sections(self, pos, todo):
        """Up to two ways to read from the head of a section on; a way is (entries, rest)."""
        if not todo: return [None] if pos == self.end else []
        c = self.keyed.cursor(self.data, pos, self.end)
        try: number, n = c.u16(), c.count()
        except Damage: return []
        return self.rows(c.pos, number, n, todo - {number}) if number in todo else []

    def rows(self, pos, number, n, todo):
        at = pos, number, n, todo
        if at not in self.known:
            self.known[at] = self.sections(pos, todo) if n == 0 else self.row(pos, number, n, todo)
        return self.known[at]

    def row(self, pos, number, n, todo):
        s, c = self.keyed.head.states[number], self.keyed.cursor(self.data, pos, self.end)
        try:
            if s.kind != 'timer' and s.namespace is V.SIMPLE['VoidNamespace'] and self.data[pos:pos + 1] != b'\0': return []
            found = list(self.keyed.heap_entry(self.kg, s, c))
            if found and not self.fits(found[0][1]['key'][0]): return []
            return [(found, rest) for rest in self.rows(c.pos, number, n - 1, todo)]
        except Damage: return []
        except Unknown as e: why = str(e)
        try: ns, key, start = self.head(s, pos)
        except Damage: return []
        ways = []
        if not self.fits(key[0]): return []
        for end in range(start + 1, self.end + 1):
            for rest in self.rows(end, number, n - 1, todo):
                ways.append(([(s, {'kg': self.kg, 'key': key, 'ns': ns, 'value': (None, bytes(self.data[start:end]), why)})], rest))
            if len(ways) > 1: return ways[:2]
        return ways

    def head(self, s, pos):
        c = self.keyed.cursor(self.data, pos, self.end)
        ns = s.namespace.read(c), bytes(self.data[pos:c.pos]), None
        start = c.pos
        key = self.keyed.head.key.read(c), bytes(self.data[start:c.pos]), None
        return ns, key, c.pos

    def fits(self, key):
        h = java_hash(self.keyed.head.key, json.loads(key))
        return h is None or murmur(h) % self.keyed.maxp == self.kg
