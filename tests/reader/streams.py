# SPDX-License-Identifier: Apache-2.0
"""Keyed state streams (docs/formats/keyed-state.md): FULL and HEAP; and operator state (docs/formats/metadata.md)."""
import search
import snapshot
import values as V
from cursor import Cursor, Damage, Unknown, hex_json, list_json, snappy_frames, unsnappy

KEYED = {0: 'KEY_VALUE', 1: 'OPERATOR', 2: 'BROADCAST', 3: 'PRIORITY_QUEUE', 4: 'KEY_VALUE_V2'}
SERIALIZERS = (b'VALUE_SERIALIZER', b'NAMESPACE_SERIALIZER', b'USER_KEY_SERIALIZER', b'KEY_SERIALIZER')


class State:
    """name, kind (VALUE, LIST, MAP .. or TIMER), key, namespace, value and user key types."""

    def __init__(self, name, code, options, types):
        self.name, self.code, self.options, self.types = name, code, options, types
        kind = options.get('KEYED_STATE_TYPE', 'VALUE')
        self.kind = 'timer' if code == 3 else kind.lower()
        self.namespace, self.value, self.user_key = types.get('NAMESPACE_SERIALIZER'), types.get('VALUE_SERIALIZER'), types.get('USER_KEY_SERIALIZER')
        if code == 0 and self.kind == 'map' and isinstance(self.value, V.Map): self.user_key, self.value = self.value.key, self.value.value
        if code == 0 and self.kind == 'list' and isinstance(self.value, V.List): self.value = self.value.element
        if code == 3:
            self.namespace = self.value.namespace


def read_state(c, last, first_at):
    name, code = c.utf(), c.i32()
    if code not in KEYED: raise Damage('state type %d at byte %d' % (code, c.pos - 4))
    options = {c.utf(): c.utf() for _ in range(c.count())}
    types, n = {}, c.count()
    for i in range(n):
        what = c.utf()
        types[what] = read_type(c, last and i == n - 1, first_at)
    return State(name, code, options, types)


def read_type(c, is_last, first_at):
    """A PROXY; one of a class without a known end is stepped over to where the data goes on."""
    t = snapshot.proxy(c)
    if contains_unbounded(t): step_over(c, is_last, first_at)
    return t


def contains_unbounded(t): return getattr(t, 'unbounded', False)


def step_over(c, is_last, first_at):
    if is_last and first_at is not None:
        c.pos = first_at
        return
    for at in range(c.pos, min(c.end, c.pos + (1 << 20))):
        if continues(c, at):
            c.pos = at
            return
    raise Unknown('a snapshot without an end')


def continues(c, at):
    for name in SERIALIZERS:
        if c.data[at + 2:at + 2 + len(name)] == name and c.data[at:at + 2] == len(name).to_bytes(2, 'big') \
                and c.data[at + 2 + len(name):at + 6 + len(name)] == b'\0\0\0\2': return True
    probe = Cursor(c.data, at, c.end)
    try:
        name, code, n = probe.utf(), probe.i32(), probe.i32()
        return name.isprintable() and name != '' and code in KEYED and 0 <= n <= 4 and (n == 0 or probe.utf().isupper())
    except (Damage, UnicodeError):
        return False


class Head:
    def __init__(self, data, first_at):
        c = self.c = Cursor(data)
        version = c.i32()
        if version != 6: raise Damage('keyed state format %d' % version)
        self.compressed = c.flag()
        self.key = snapshot.proxy(c)
        if contains_unbounded(self.key): raise Unknown(self.key.cls)
        n = c.u16()
        self.states = [read_state(c, i == n - 1, first_at) for i in range(n)]


def is_heap(data, handle):
    """HEAP when every group has an offset above 0 and its number stands there."""
    return all(o > 0 and data[o:o + 4] == (handle['first'] + i).to_bytes(4, 'big') for i, o in enumerate(handle['offsets']))


def span(c, start): return bytes(c.data[start:c.pos])


def value_of(t, c, end=None):
    """JSON and bytes of one value; with an end, all of it must be used. What is not known is shown as hex."""
    start = c.pos
    try:
        text = t.read(c)
        if end is not None and c.pos != end: raise Damage('%d bytes behind the value at byte %d' % (end - c.pos, c.pos))
    except Unknown as e:
        if end is None: raise
        c.pos = end
        return None, span(c, start), str(e)
    return text, span(c, start), None


class Keyed:
    """Gives (state, entry) for every entry of one handle; entry: a dictionary of members of the line."""

    def __init__(self, data, handle, maxp, kryo):
        self.data, self.handle, self.maxp, self.kryo = data, handle, maxp, kryo
        offsets = [o for o in handle['offsets'] if o > 0]
        self.head = Head(data, min(offsets) if offsets else None)

    def groups(self):
        """(key group, first byte, end)"""
        known = sorted(o for o in self.handle['offsets'] if o > 0) + [len(self.data)]
        for i, o in enumerate(self.handle['offsets']):
            if o > 0: yield self.handle['first'] + i, o, known[known.index(o) + 1]

    def entries(self):
        full = self.handle['tag'] == 7 or not is_heap(self.data, self.handle)
        for kg, start, end in self.groups():
            yield from self.full(kg, start, end) if full else self.heap_group(kg, start, end)

    def cursor(self, data, pos=0, end=None): return Cursor(data, pos, end, self.kryo)

    def full(self, kg, start, end):
        data = self.data[start:end]
        if self.head.compressed: data = unsnappy(self.data, start, end)
        c, number = self.cursor(data), None
        number = c.u16()
        while number != 0xffff:
            key, value = bytearray(c.blob()), c.blob()
            last = bool(key[0] & 0x80)
            key[0] &= 0x7f
            yield self.full_entry(kg, self.head.states[number], bytes(key), value)
            if last: number = c.u16()
        if c.left(): raise Damage('key group %d: %d bytes behind its end' % (kg, c.left()))

    def full_entry(self, kg, s, key, value):
        c, width = self.cursor(key), 2 if self.maxp > 128 else 1
        if int.from_bytes(c.take(width), 'big') != kg: raise Damage('an entry of another key group in %d' % kg)
        e = {'kg': kg}
        if s.kind == 'timer':
            e['timestamp'] = V.flipped(c)
            e['key'], e['ns'] = value_of(self.head.key, c), value_of(s.namespace, c)
            return s, e
        variable = not self.head.key.fixed and not s.namespace.fixed
        e['key'] = self.with_length(self.head.key, c, variable)
        e['ns'] = self.with_length(s.namespace, c, variable)
        if s.kind == 'map': e['uk'] = value_of(s.user_key, c, len(key))
        if c.left(): raise Damage('%d bytes behind a key' % c.left())
        e['value'] = self.value(s, value)
        return s, e

    def with_length(self, t, c, variable):
        v = value_of(t, c)
        if variable:
            n = len(v[1])
            want = n.to_bytes(max(1, (n.bit_length() + 7) // 8), 'little')
            if c.take(len(want)) != want: raise Damage('a key of %d bytes with another length behind it' % n)
        return v

    def value(self, s, raw):
        c = self.cursor(raw)
        if s.kind == 'map':
            if c.flag(): return 'null', b'\1', None
            text, _, why = value_of(s.value, c, len(raw))
            return text, raw, why
        if s.kind == 'list':
            parts = []
            while c.left():
                if parts and c.u8() != 0x2c: raise Damage('no 2c between elements')
                start = c.pos
                try: parts.append(s.value.read(c))
                except Unknown as e: return None, raw, str(e)
            return list_json(parts), raw, None
        return value_of(s.value, c, len(raw))

    def heap_group(self, kg, start, end):
        try: return list(self.heap(kg, start, end))
        except Unknown:
            if self.head.compressed: raise
            return search.Search(self, kg, self.data, end).entries(start + 4)

    def heap(self, kg, start, end):
        c = self.cursor(self.data, start, end)
        if c.i32() != kg: raise Damage('key group %d does not start with its number' % kg)
        frames = None
        for _ in self.head.states:
            if self.head.compressed: part, c = self.section(c)
            else: part = c
            s = self.head.states[part.u16()]
            for _ in range(part.count()): yield from self.heap_entry(kg, s, part)
            if part is not c and part.left(): raise Damage('%d bytes behind a state' % part.left())
        if c.left(): raise Damage('key group %d: %d bytes behind its end' % (kg, c.left()))

    def section(self, c):
        """Each state is a framed stream of its own: the next identifier begins another."""
        out, pos = b'', c.pos
        for part, behind in snappy_frames(self.data, c.pos, c.end):
            out, pos = out + part, behind
            if self.data[pos:pos + 4] == b'\xff\6\0\0': break
        c.pos = pos
        return self.cursor(out), c

    def heap_entry(self, kg, s, c):
        if s.kind == 'timer':
            e = {'kg': kg, 'timestamp': V.flipped(c)}
            e['key'], e['ns'] = value_of(self.head.key, c), value_of(s.namespace, c)
            yield s, e
            return
        ns, key = value_of(s.namespace, c), value_of(self.head.key, c)
        if s.kind == 'map':
            for _ in range(c.count()):
                uk, start = value_of(s.user_key, c), c.pos
                yield s, {'kg': kg, 'key': key, 'ns': ns, 'uk': uk, 'value': (V.optional(s.value, c), span(c, start), None)}
            return
        if s.kind == 'list':
            parts = [value_of(s.value, c) for _ in range(c.count())]
            value = list_json([p[0] for p in parts]), b'\x2c'.join(p[1] for p in parts), None
        else: value = value_of(s.value, c)
        yield s, {'kg': kg, 'key': key, 'ns': ns, 'value': value}


def operator_states(data, handle, kryo):
    """(state name, kind, entry) of one managed operator state handle."""
    offsets = sorted(o for _, os in handle['states'].values() for o in os)
    c = Cursor(data)
    version = c.i32()
    if version not in (5, 6): raise Damage('operator state format %d' % version)
    compressed = version == 6 and c.flag()
    first = offsets[0] - (10 if compressed else 0) if offsets else None
    states = []
    for part in range(2):
        n = c.u16()
        for i in range(n): states.append(read_state(c, i == n - 1, first))
    known = offsets + [len(data)]
    for s in states:
        mode, at = handle['states'].get(s.name, (0, []))
        for i, o in enumerate(at):
            end = known[known.index(o) + 1]
            raw = unsnappy(data, o, end) if compressed else data[o:end]
            yield from operator_entries(s, i, Cursor(raw, kryo=kryo))


def operator_entries(s, index, c):
    if s.code != 2:
        kind = 'operator-union' if s.options.get('OPERATOR_STATE_DISTRIBUTION_MODE') == 'UNION' else 'operator-list'
        yield s, kind, {'index': index, 'value': value_of(s.value, c, c.end)}
        return
    for _ in range(c.count()):
        yield s, 'broadcast', {'uk': value_of(s.types['KEY_SERIALIZER'], c), 'value': value_of(s.value, c)}
    if c.left(): raise Damage('%d bytes behind a broadcast state' % c.left())
