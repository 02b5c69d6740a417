# SPDX-License-Identifier: Apache-2.0
"""Kryo values (docs/formats/serializers.md, "Kryo"), of version 2 (Flink 1) and 5 (Flink 2). Classes that the document does not list have no known end."""
import re
import struct
import javaobject
import values as V
from cursor import Damage, Unknown, double_json, float_json, from_units, hex_json, list_json, object_json, pairs_json, sorted_json, text_json

BOXES = ['int', 'java.lang.String', 'float', 'boolean', 'byte', 'char', 'short', 'long', 'double', 'void']
FLINK = dict(enumerate(BOXES))
FLINK.update(enumerate(['java.util.Arrays$ArrayList', 'java.util.BitSet', 'java.util.PriorityQueue', 'java.util.regex.Pattern', 'java.sql.Date', 'java.sql.Time',
                        'java.sql.Timestamp', 'java.net.URI', 'java.net.InetSocketAddress', 'java.util.UUID', 'java.util.Locale', 'java.text.SimpleDateFormat'], 73))
BOXED = {'java.lang.Integer': 'int', 'java.lang.Float': 'float', 'java.lang.Boolean': 'boolean', 'java.lang.Byte': 'byte', 'java.lang.Character': 'char',
         'java.lang.Short': 'short', 'java.lang.Long': 'long', 'java.lang.Double': 'double'}
LISTS = {'java.util.' + n for n in ('ArrayList', 'LinkedList', 'ArrayDeque', 'Vector', 'Stack', 'PriorityQueue')} | {
    'java.util.concurrent.' + n for n in ('CopyOnWriteArrayList', 'ConcurrentLinkedQueue', 'LinkedBlockingQueue')}
SETS = {'java.util.HashSet', 'java.util.LinkedHashSet'}
MAPS = {'java.util.' + n for n in ('HashMap', 'LinkedHashMap', 'Hashtable', 'IdentityHashMap', 'WeakHashMap', 'concurrent.ConcurrentHashMap', 'concurrent.ConcurrentSkipListMap', 'TreeMap')}
ENUMS = {'java.util.concurrent.TimeUnit': 'NANOSECONDS MICROSECONDS MILLISECONDS SECONDS MINUTES HOURS DAYS',
         'java.time.DayOfWeek': 'MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY', 'org.apache.flink.types.RowKind': 'INSERT UPDATE_BEFORE UPDATE_AFTER DELETE'}
FINAL = {'java.lang.String', 'java.util.UUID'} | set(BOXED)
IMMUTABLE = 'java.util.ImmutableCollections$'
FORMS = {'short': ('h', 2), 'char': ('H', 2), 'float': ('f', 4), 'double': ('d', 8), 'i32': ('i', 4), 'i64': ('q', 8)}
ELEMENTS = {'B': 'byte', 'I': 'int', 'J': 'long', 'S': 'short', 'C': 'char', 'F': 'float', 'D': 'double', 'Z': 'boolean'}
ROW = 'org.apache.flink.types.Row'


class Graph:
    """One value: the names and objects met so far."""

    def __init__(self, c, registered): self.c, self.registered, self.names, self.objects, self.five = c, registered, [], [], c.kryo == 5

    # numbers and texts

    def v(self):
        """Low group first; at most nine bytes, the ninth of eight bits."""
        out = 0
        for i in range(9):
            b = self.c.u8()
            if i == 8: return out | b << 56
            out |= (b & 127) << 7 * i
            if b < 128: return out

    def vint(self): return struct.unpack('<i', struct.pack('<I', self.v() & 0xffffffff))[0]
    def vlong(self): return struct.unpack('<q', struct.pack('<Q', self.v()))[0]

    def z(self):
        v = self.v()
        return v >> 1 ^ -(v & 1)

    def fixed(self, kind):
        form, n = FORMS[kind]
        return self.c.unpack(('<' if self.five else '>') + form, n)

    def flagged(self):
        """A flag (80), 40 = more, 6 bits; then 7 bits each."""
        b = self.c.u8()
        flag, n, shift = b & 0x80, b & 0x3f, 6
        while b & 0x40 if shift == 6 else b & 0x80:
            b = self.c.u8()
            n |= (b & 0x7f) << shift
            shift += 7
            if shift > 40: raise Damage('a Kryo length without an end')
        return flag, n

    def string(self):
        c, out = self.c, []
        if not c.data[c.pos:c.pos + 1] or c.pos >= c.end: raise Damage('a Kryo text at the end')
        if c.data[c.pos] & 0x80:
            n = self.flagged()[1]
            if n == 0: return None
            return from_units([self.unit() for _ in range(n - 1)])
        while True:
            b = c.u8()
            out.append(b & 0x7f)
            if b & 0x80: return from_units(out)

    def unit(self):
        b = self.c.u8()
        if b < 0x80: return b
        if b >> 5 == 6: return (b & 31) << 6 | self.c.u8() & 63
        return (b & 15) << 12 | (self.c.u8() & 63) << 6 | self.c.u8() & 63

    # classes and objects

    def cls(self):
        n = self.v()
        if n == 0: return None
        if n > 1: return self.number(n - 2)
        i = self.v()
        if i == len(self.names): self.names.append(self.string())
        if i >= len(self.names): raise Damage('a Kryo class name of number %d' % i)
        return self.names[i]

    def number(self, n):
        if n >= 85 and n - 85 < len(self.registered): return self.registered[n - 85]
        if n not in FLINK: raise Unknown('Kryo class number %d' % n)
        return FLINK[n]

    def object(self):
        cls = self.cls()
        return 'null' if cls is None else self.known(cls, False)

    def known(self, cls, nullable=True):
        cls = BOXED.get(cls, cls)
        if cls in ('int', 'float', 'boolean', 'byte', 'char', 'short', 'long', 'double', 'void') or self.five and cls in ENUMS:
            if nullable and self.c.u8() == 0: return 'null'
            return self.body(cls)
        n = self.v()
        if n == 0: return 'null'
        if n > 1:
            if n - 2 >= len(self.objects): raise Damage('a Kryo reference to object %d' % (n - 2))
            return self.objects[n - 2] or '{"ref":%d}' % (n - 2)
        at = len(self.objects)
        self.objects.append(None)
        self.objects[at] = self.body(cls)
        return self.objects[at]

    def body(self, cls):
        if cls in SCALARS: return SCALARS[cls](self)
        if cls[0] == '[': return self.array(cls)
        if cls in ENUMS:
            i = self.v() - 1
            names = ENUMS[cls].split()
            if not 0 <= i < len(names): raise Damage('Kryo enum constant %d' % i)
            return text_json(names[i])
        if cls in LISTS or cls in SETS or cls == 'java.util.TreeSet' or cls == 'java.util.Arrays$ArrayList': return self.collection(cls)
        if cls in MAPS: return self.map(cls)
        if cls.startswith(IMMUTABLE): return self.map(cls) if 'Map' in cls else self.collection(cls)
        if cls.startswith('java.util.Collections$'): return self.fixed_collection(cls)
        if cls.startswith('org.apache.flink.api.java.tuple.Tuple'):
            order = sorted(range(int(cls[37:])), key=lambda i: 'f%d' % i)
            found = {i: self.object() for i in order}
            return list_json([found[i] for i in sorted(found)])
        if re.search('(Exception|Error|Throwable)$', cls): return javaobject.text(self.c)
        raise Unknown(cls)

    def array(self, cls):
        n = self.v() - 1
        if n > self.c.left() or n < 0: raise Damage('a Kryo array of %d' % n)
        kind = cls[1:]
        if kind == 'B': return hex_json(self.c.take(n))
        if kind in ELEMENTS: return list_json([self.body(ELEMENTS[kind]) for _ in range(n)])
        inner = kind[1:-1] if kind[0] == 'L' else kind
        final = inner in FINAL or inner[0] == '['
        return list_json([self.known(inner) if final else self.object() for _ in range(n)])

    def collection(self, cls):
        sorts, shape = cls in ('java.util.TreeSet', 'java.util.PriorityQueue'), sorted_json if cls in SETS or '$Set' in cls or cls == 'java.util.PriorityQueue' else list_json
        if not self.five:
            if sorts: self.object()
            n = self.v()
            if cls == 'java.util.Arrays$ArrayList': self.cls()
            return shape([self.object() for _ in range(n)])
        flag, n = self.flagged()
        if sorts: self.object()
        if n <= 1: return '[]'
        if not flag: return shape([self.object() for _ in range(n - 1)])
        element = self.cls()
        if element is None: return shape(['null'] * (n - 1))
        nulls = not cls.startswith(IMMUTABLE) and self.c.flag()
        return shape([self.known(element, nulls) for _ in range(n - 1)])

    def map(self, cls):
        tree = cls == 'java.util.TreeMap' or self.five and cls.endswith('SkipListMap')
        if tree and not self.five: self.object()
        n = self.v() - (1 if self.five else 0)
        if tree and self.five: self.object()
        if n > self.c.left(): raise Damage('a Kryo map of %d' % n)
        pairs = [(self.object(), self.object()) for _ in range(n)]
        return list_json(['[%s,%s]' % p for p in pairs]) if 'TreeMap' in cls or 'SkipList' in cls else pairs_json(pairs)

    def fixed_collection(self, cls):
        name = cls.split('$')[1]
        if name.startswith('Empty'): return '[]'
        if name == 'SingletonMap': return pairs_json([(self.object(), self.object())])
        if name.startswith('Singleton'): return list_json([self.object()])
        if name == 'ReverseComparator': return object_json(cls)
        raise Unknown(cls)

    # classes with a form of their own

    def big(self):
        n = self.v() - 1
        return int.from_bytes(self.c.take(n), 'big', signed=True)

    def timestamp(self):
        ms, nanos = self.vlong(), self.vint()
        return '"%s"' % V.sql_timestamp_text(ms, nanos)

    def local_date(self):
        if self.five: y, m, d = self.vint(), self.c.i8(), self.c.i8()
        else: d, m, y = self.c.i16(), self.c.i16(), self.z()
        return V.date_text(y, m, d)

    def local_time(self):
        if not self.five:
            h, m, n, s = self.c.i8(), self.c.i8(), self.z(), self.c.i8()
            return V.local_time_text(h, m, s, n)
        parts = [0, 0, 0]
        for i in range(3):
            b = self.c.i8()
            parts[i] = b if b >= 0 else ~b
            if b < 0: return V.local_time_text(*parts, 0)
        return V.local_time_text(*parts, self.vint())

    def local_date_time(self):
        if self.five: return '"%sT%s"' % (self.local_date(), self.local_time())
        d, t = self.known('java.time.LocalDate'), self.known('java.time.LocalTime')
        return '"%sT%s"' % (d[1:-1], t[1:-1])

    def instant(self):
        if self.five: s, n = self.vlong(), self.vint()
        else: n, s = self.z(), self.z()
        return '"%s"' % V.instant_text(s, n)

    def bits(self):
        n = self.v()
        words = [self.fixed('i64') & (1 << 64) - 1 for _ in range(n)]
        return text_json('{' + ', '.join('%d' % (64 * i + b) for i, w in enumerate(words) for b in range(64) if w >> b & 1) + '}')

    def uuid(self):
        two = [(self.fixed('i64') if self.five else self.z()) & (1 << 64) - 1 for _ in range(2)]
        h = '%016x%016x' % tuple(two)
        return '"%s-%s-%s-%s-%s"' % (h[:8], h[8:12], h[12:16], h[16:20], h[20:])

    def optional(self):
        text = self.object()
        return text_json('Optional.empty' if text == 'null' else 'Optional[%s]' % V.bare(text))

    def optional_number(self, name, kind):
        if not self.c.flag(): return text_json('Optional%s.empty' % name)
        if kind == 'double': text = double_json(self.fixed('double'))
        else: text = '%d' % (self.fixed(kind) if self.five else self.z())
        return text_json('Optional%s[%s]' % (name, text))

    def duration(self):
        s, n = (self.fixed('i64'), self.vint()) if self.five else (0, self.z())
        if not self.five: s = self.z()
        return '"%s"' % duration_text(s, n)

    def period(self):
        y, m, d = [self.vint() for _ in range(3)] if self.five else [self.z() for _ in range(3)][::-1]
        parts = ''.join('%d%s' % (v, u) for v, u in ((y, 'Y'), (m, 'M'), (d, 'D')) if v)
        return '"P%s"' % (parts or '0D')

    def row(self):
        self.object()
        fields, kind = self.object(), self.known('org.apache.flink.types.RowKind')
        self.object()
        kinds = {'"INSERT"': '+I', '"UPDATE_BEFORE"': '-U', '"UPDATE_AFTER"': '+U', '"DELETE"': '-D'}
        return '{"row":"%s","f":%s}' % (kinds[kind], fields)

    def either(self, cls, other):
        self.object()
        return object_json(cls, ('value', self.object()), (other, 'null'))

    def window(self):
        end, start = self.z(), self.z()
        return '{"start":%d,"end":%d}' % (start, end)


def duration_text(s, n):
    """java.time.Duration.toString: the sign goes to each part."""
    if s == 0 and n == 0: return 'PT0S'
    total = s * 1000000000 + n
    sign, total = (-1 if total < 0 else 1), abs(total)
    seconds, nanos = divmod(total, 1000000000)
    h, m, sec = seconds // 3600, seconds // 60 % 60, seconds % 60
    out = 'PT' + ('%dH' % (sign * h) if h else '') + ('%dM' % (sign * m) if m else '')
    if sec or nanos: out += '%s%d%sS' % ('-' if sign < 0 else '', sec, V.fraction(nanos, False))
    return out


def quoted(s): return 'null' if s is None else text_json(s)
def socket(g): return text_json('%s/<unresolved>:%d' % (g.string(), g.v()))


def pattern(g):
    s = g.string()
    if g.five: g.v()
    return text_json(s)


def class_object(g):
    cls = g.cls()
    primitive = (not g.five or cls in BOXES[:1] + BOXES[2:]) and g.c.flag()
    return text_json(cls if primitive else 'class ' + cls)


def entry(g): return text_json('%s=%s' % (V.bare(g.object()), V.bare(g.object())))
def flag(g): return 'true' if g.c.flag() else 'false'


FLINK_TYPES = 'org.apache.flink.types.'
SCALARS = {
    'int': lambda g: '%d' % g.z(), 'long': lambda g: '%d' % g.z(), 'short': lambda g: '%d' % g.fixed('short'), 'byte': lambda g: '%d' % g.c.i8(),
    'char': lambda g: text_json(from_units([g.fixed('char')])), 'float': lambda g: float_json(g.fixed('float')), 'double': lambda g: double_json(g.fixed('double')),
    'boolean': flag, 'void': lambda g: 'null', 'java.lang.String': lambda g: quoted(g.string()),
    'java.math.BigInteger': lambda g: '"%d"' % g.big(), 'java.math.BigDecimal': lambda g: '"%s"' % V.decimal_text(g.big(), g.z()),
    'java.util.Date': lambda g: '"%s"' % V.java_date_text(g.vlong()), 'java.sql.Date': lambda g: '"%s"' % V.date_text(*V.civil(g.vlong() // 86400000)),
    'java.sql.Time': lambda g: '"%s"' % V.date_of(g.vlong()).strftime('%H:%M:%S'), 'java.sql.Timestamp': Graph.timestamp, 'java.util.UUID': Graph.uuid,
    'java.util.BitSet': Graph.bits, 'java.util.Optional': Graph.optional, 'java.util.OptionalInt': lambda g: g.optional_number('Int', 'i32'),
    'java.util.OptionalLong': lambda g: g.optional_number('Long', 'i64'), 'java.util.OptionalDouble': lambda g: g.optional_number('Double', 'double'),
    'java.time.Instant': Graph.instant, 'java.time.LocalDate': lambda g: '"%s"' % g.local_date(), 'java.time.LocalTime': lambda g: '"%s"' % g.local_time(),
    'java.time.LocalDateTime': Graph.local_date_time, 'java.time.Duration': Graph.duration, 'java.time.Period': Graph.period,
    'java.time.ZoneRegion': lambda g: quoted(g.string()) if g.five else g.known('java.lang.String'), 'java.time.Year': lambda g: '"%d"' % (g.vint() if g.five else g.z()),
    'java.time.YearMonth': lambda g: '"%04d-%02d"' % ((g.vint(), g.c.i8()) if g.five else (g.z(), g.z())[::-1]),
    'java.time.MonthDay': lambda g: '"--%02d-%02d"' % ((g.c.i8(), g.c.i8()) if g.five else (g.z(), g.z())[::-1]),
    'java.util.regex.Pattern': pattern, 'java.net.URI': lambda g: quoted(g.string()), 'java.net.InetSocketAddress': socket,
    'java.util.Currency': lambda g: quoted(g.string()), 'java.lang.Class': class_object, 'java.lang.StringBuilder': lambda g: quoted(g.string()),
    'java.lang.StringBuffer': lambda g: quoted(g.string()), 'java.util.concurrent.atomic.AtomicInteger': lambda g: '%d' % g.z(),
    'java.util.concurrent.atomic.AtomicLong': lambda g: '%d' % g.z(), 'java.util.concurrent.atomic.AtomicBoolean': lambda g: '"true"' if g.z() else '"false"',
    'java.util.concurrent.atomic.AtomicReference': Graph.object, 'java.util.AbstractMap$SimpleEntry': entry, ROW: Graph.row,
    FLINK_TYPES + 'Either$Left': lambda g: g.either(FLINK_TYPES + 'Either$Left', 'right'), FLINK_TYPES + 'Either$Right': lambda g: g.either(FLINK_TYPES + 'Either$Right', 'left'),
    'org.apache.flink.streaming.api.windowing.windows.TimeWindow': Graph.window,
    FLINK_TYPES + 'IntValue': lambda g: object_json(FLINK_TYPES + 'IntValue', ('value', '%d' % g.z()))}


class Kryo(V.Type):
    """A registration has a number of Flink's, or the next one from 85 on."""

    def __init__(self, cls, registrations):
        self.cls, own = cls, set(FLINK.values()) | set(BOXED)
        self.registered = [n for n in registrations or [cls] if n not in own]

    def read(self, c):
        start = c.pos
        try: return Graph(c, self.registered).object()
        except Unknown:
            c.pos = start
            raise
