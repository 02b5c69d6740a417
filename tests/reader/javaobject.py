# SPDX-License-Identifier: Apache-2.0
"""Java's serialization protocol 2, read as data: one object, and its text by docs/formats/json.md."""
from cursor import Cursor, Damage, double_json, float_json, hex_json, list_json, object_json, pairs_json, sorted_json, text_json

NUMBERS = {'B': Cursor.i8, 'C': Cursor.u16, 'D': Cursor.f64, 'F': Cursor.f32, 'I': Cursor.i32, 'J': Cursor.i64, 'S': Cursor.i16, 'Z': Cursor.flag}
BOXES = {'Byte', 'Short', 'Integer', 'Long', 'Float', 'Double', 'Boolean', 'Character'}


class Desc:
    def __init__(self): self.name, self.flags, self.fields, self.up = '', 0, [], None


class Obj:
    """fields: by name, base class first; extra: what writeObject wrote, as a list of bytes and objects."""

    def __init__(self, cls): self.cls, self.fields, self.extra = cls, {}, []


class Enum:
    def __init__(self, cls, name): self.cls, self.name = cls, name


class Class:
    def __init__(self, name): self.name = name


class Array:
    def __init__(self, kind, items): self.kind, self.items = kind, items


class Stream:
    def __init__(self, c): self.c, self.handles = c, []

    def root(self):
        if self.c.take(4) != b'\xac\xed\0\5': raise Damage('no Java object stream')
        return self.value(0)

    def keep(self, x):
        self.handles.append(x)
        return x

    def value(self, depth):
        c = self.c
        if depth > 200: raise Damage('Java objects nested too deep')
        tc = c.u8()
        if tc == 0x70: return None
        if tc == 0x71:
            h = c.i32() - 0x7e0000
            if not 0 <= h < len(self.handles): raise Damage('a Java reference to nothing')
            return self.handles[h]
        if tc == 0x72 or tc == 0x7d: return self.desc_body(tc, depth)
        if tc == 0x73: return self.object(depth)
        if tc == 0x74: return self.keep(c.utf())
        if tc == 0x7c:
            n = c.i64()
            from cursor import modified_utf8
            return self.keep(modified_utf8(c.take(n)))
        if tc == 0x75: return self.array(depth)
        if tc == 0x76: return self.keep(Class(self.value(depth + 1).name))
        if tc == 0x7e:
            d, e = self.value(depth + 1), self.keep(Enum(None, None))
            e.cls, e.name = d.name, self.value(depth + 1)
            return e
        if tc == 0x77: return bytes(c.take(c.u8()))
        if tc == 0x7a: return bytes(c.take(c.i32()))
        raise Damage('Java type code %02x at byte %d' % (tc, c.pos - 1))

    def desc_body(self, tc, depth):
        c, d = self.c, self.keep(Desc()) if tc == 0x7d else Desc()
        if tc == 0x7d: raise Damage('a Java proxy class')
        d.name = c.utf()
        c.i64()
        self.keep(d)
        d.flags = c.u8()
        for _ in range(c.u16()):
            kind, name = chr(c.u8()), c.utf()
            if kind in 'L[': self.value(depth + 1)
            d.fields.append((kind, name))
        self.annotation([], depth)
        d.up = self.value(depth + 1)
        return d

    def annotation(self, out, depth):
        while self.c.data[self.c.pos:self.c.pos + 1] != b'\x78': out.append(self.value(depth + 1))
        self.c.u8()

    def object(self, depth):
        d = self.value(depth + 1)
        o, chain = self.keep(Obj(d.name)), []
        while d: chain, d = [d] + chain, d.up
        for k in chain:
            if k.flags & 4: self.annotation(o.extra, depth); continue
            for kind, name in k.fields:
                o.fields[name] = self.item(kind, depth)
            if k.flags & 1: self.annotation(o.extra, depth)
        return o

    def item(self, kind, depth):
        if kind in 'L[': return self.value(depth + 1)
        v = NUMBERS[kind](self.c)
        return chr(v) if kind == 'C' else v

    def array(self, depth):
        d = self.value(depth + 1)
        a = self.keep(Array(d.name[1:], []))
        for _ in range(self.c.count()): a.items.append(self.item(a.kind[0], depth))
        return a


def read(c): return Stream(c).root()


def text(c):
    """One object as JSON; one that contains itself as its bytes."""
    start = c.pos
    o = read(c)
    try: return to_json(o)
    except RecursionError: return hex_json(c.data[start:c.pos])


def elements(o):
    """The members of a Java collection, or None."""
    name = o.cls.rsplit('.', 1)[-1]
    objects = [x for x in o.extra if not isinstance(x, bytes)]
    if o.cls == 'java.util.Arrays$ArrayList': return o.fields['a'].items
    if o.cls in ('java.util.ArrayList', 'java.util.LinkedList', 'java.util.ArrayDeque', 'java.util.Vector'): return objects
    if o.cls in ('java.util.HashSet', 'java.util.LinkedHashSet', 'java.util.TreeSet'):
        return objects[1:] if name == 'TreeSet' else objects
    if o.cls.startswith('java.util.Collections$Empty'): return []
    if o.cls == 'java.util.CollSer': return objects
    if o.cls.startswith('java.util.Collections$Singleton'): return [o.fields['element']]
    return None


def mapping(o):
    objects = [x for x in o.extra if not isinstance(x, bytes)]
    if o.cls in ('java.util.HashMap', 'java.util.LinkedHashMap', 'java.util.TreeMap', 'java.util.Hashtable'):
        return list(zip(objects[::2], objects[1::2]))
    return None


def to_json(v, kind='', above=()):
    if v is None: return 'null'
    if any(v is x for x in above): raise RecursionError
    if v is True or v is False: return 'true' if v else 'false'
    if isinstance(v, float): return float_json(v) if kind == 'F' else double_json(v)
    if isinstance(v, int): return '%d' % v
    if isinstance(v, str): return text_json(v)
    if isinstance(v, Enum): return text_json(v.name)
    if isinstance(v, Class): return text_json('class ' + v.name)
    above = above + (v,)
    if isinstance(v, Array):
        if v.kind == 'B': return hex_json(bytes(x & 255 for x in v.items))
        return list_json([to_json(x, v.kind, above) for x in v.items])
    name = v.cls.rsplit('.', 1)[-1]
    if v.cls.startswith('java.lang.') and name in BOXES:
        return to_json(v.fields['value'], 'F' if name == 'Float' else '')
    m = mapping(v)
    if m is not None: return pairs_json([(to_json(a, '', above), to_json(b, '', above)) for a, b in m])
    items = elements(v)
    if items is not None:
        parts = [to_json(x, '', above) for x in items]
        return sorted_json(parts) if name in ('HashSet', 'LinkedHashSet') else list_json(parts)
    return object_json(v.cls, *[(k, to_json(x, '', above)) for k, x in v.fields.items()])
