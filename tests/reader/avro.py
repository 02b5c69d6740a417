# SPDX-License-Identifier: Apache-2.0
"""Avro values (docs/formats/serializers.md, "Avro"): a schema as JSON, values in Flink's encoding, records shown as Avro's own text."""
import json
import struct
import values as V
from cursor import Damage, double_text, float32_text, hex_json, list_json, pairs_json, text_json

PRIMITIVES = 'null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'


class Schema:
    """Names resolve as in Avro: a name without a dot stands in the namespace around it."""

    def __init__(self): self.named = {}

    def parse(self, s, space=''):
        if isinstance(s, list): return {'type': 'union', 'of': [self.parse(x, space) for x in s]}
        if isinstance(s, str):
            if s in PRIMITIVES: return {'type': s}
            full = s if '.' in s or not space else space + '.' + s
            if full not in self.named and s not in self.named: raise Damage('Avro type %s is not known' % s)
            return self.named.get(full) or self.named[s]
        kind = s['type']
        if not isinstance(kind, str): return self.parse(kind, space)
        if kind in ('record', 'error', 'enum', 'fixed'): return self.parse_named(s, kind, space)
        if kind == 'array': return {'type': 'array', 'of': self.parse(s['items'], space)}
        if kind == 'map': return {'type': 'map', 'of': self.parse(s['values'], space), 'java': s.get('avro.java.string') == 'String'}
        t = dict(self.parse(kind, space))
        t['logical'] = s.get('logicalType')
        return t

    def parse_named(self, s, kind, space):
        name = s['name']
        if '.' not in name:
            space = s.get('namespace', space)
            name = space + '.' + name if space else name
        else: space = name.rsplit('.', 1)[0]
        t = self.named[name] = {'type': 'record' if kind == 'error' else kind, 'name': name}
        if kind == 'enum': t['symbols'] = s['symbols']
        elif kind == 'fixed': t['size'] = s['size']
        else: t['fields'] = [(f['name'], self.parse(f['type'], space)) for f in s['fields']]
        return t


def read(t, c, depth=0):
    """A value as Python data with its type: (type, value)."""
    if depth > 200: raise Damage('Avro values nested too deep')
    k = t['type']
    if k == 'null': return t, None
    if k == 'boolean': return t, c.flag()
    if k in ('int', 'enum', 'union'):
        i = c.i32()
        if k == 'int': return t, i
        many = t['symbols'] if k == 'enum' else t['of']
        if not 0 <= i < len(many): raise Damage('Avro %s %d of %d' % (k, i, len(many)))
        return (t, many[i]) if k == 'enum' else read(many[i], c, depth + 1)
    if k == 'long': return t, c.i64()
    if k == 'float': return t, c.f32()
    if k == 'double': return t, c.f64()
    if k == 'string': return t, c.blob().decode('utf-8')
    if k == 'bytes': return t, c.blob()
    if k == 'fixed': return t, c.take(t['size'])
    if k == 'record': return t, [(n, read(f, c, depth + 1)) for n, f in t['fields']]
    out, n = [], c.varint()
    while n:
        for _ in range(n):
            if k == 'map': out.append((c.blob().decode('utf-8'), read(t['of'], c, depth + 1)))
            else: out.append(read(t['of'], c, depth + 1))
        n = c.varint()
    return t, out


def quote(s):
    """A text inside Avro's text of a record."""
    out = ['"']
    for ch in s:
        o = ord(ch)
        if ch in '"\\': out.append('\\' + ch)
        elif ch in '\b\f\n\r\t': out.append({'\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t'}[ch])
        elif o < 0x20 or 0x7f <= o < 0xa0 or 0x2000 <= o < 0x2100: out.append('\\u%04X' % o)
        else: out.append(ch)
    return ''.join(out) + '"'


def own_text(tv):
    t, v = tv
    k = t['type']
    if v is None: return 'null'
    if k == 'boolean': return 'true' if v else 'false'
    if k in ('int', 'long'): return '%d' % v
    if k in ('float', 'double'):
        s = (float32_text if k == 'float' else double_text)(v)
        return s if s[-1].isdigit() else '"%s"' % s
    if k in ('string', 'enum'): return quote(v)
    if k == 'bytes': return quote(v.decode('latin-1'))
    if k == 'fixed': return '[' + ', '.join('%d' % (b - 256 if b > 127 else b) for b in v) + ']'
    if k == 'array': return '[' + ', '.join(own_text(x) for x in v) + ']'
    if k == 'map': v = hash_map_order(v, t['java'])
    return '{' + ', '.join('%s: %s' % (quote(n), own_text(x)) for n, x in v) + '}'


def hash_map_order(pairs, java):
    """The order in which a HashMap of so many entries gives them, by the hash of their UTF-8 bytes or, as Java texts, of their units."""
    size = 1
    while size < len(pairs): size *= 2
    while len(pairs) > size * 0.75: size *= 2
    return sorted(pairs, key=lambda p: spread_hash(p[0], java) & size - 1)


def spread_hash(text, java):
    h, raw = 0, text.encode('utf-16-be' if java else 'utf-8')
    for b in struct.unpack('>%dH' % (len(raw) // 2), raw) if java else struct.unpack('%db' % len(raw), raw): h = h * 31 + b & 0xffffffff
    return h ^ h >> 16


def to_json(tv):
    t, v = tv
    k = t['type']
    if k in ('record', 'fixed'): return text_json(own_text(tv))
    if k in ('string', 'enum') and v is not None: return text_json(v)
    if k == 'bytes': return hex_json(v)
    if k == 'array': return list_json([to_json(x) for x in v])
    if k == 'map': return pairs_json([(text_json(n), to_json(x)) for n, x in v])
    return own_text(tv)


class Avro(V.Type):
    def __init__(self, schema):
        self.cls = 'org.apache.flink.formats.avro.typeutils.AvroSerializer'
        self.schema = Schema().parse(json.loads(schema))

    def read(self, c): return to_json(read(self.schema, c))
