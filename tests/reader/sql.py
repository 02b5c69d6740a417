# SPDX-License-Identifier: Apache-2.0
"""SQL values (docs/formats/serializers.md, "SQL"): row, array and map images, and their snapshots."""
import javaobject
import values as V
from cursor import Cursor, Damage, Unknown, double_json, float_json, hex_json, list_json, object_json, pairs_json, text_json

KINDS = '+I', '-U', '+U', '-D'
TIMES = 'TIMESTAMP_WITHOUT_TIME_ZONE', 'TIMESTAMP_WITH_LOCAL_TIME_ZONE'
WIDTHS = {'BOOLEAN': 1, 'TINYINT': 1, 'SMALLINT': 2, 'INTEGER': 4, 'DATE': 4, 'TIME_WITHOUT_TIME_ZONE': 4, 'FLOAT': 4, 'INTERVAL_YEAR_MONTH': 4}
TEXTS = 'CHAR', 'VARCHAR'
BINARIES = 'BINARY', 'VARBINARY'


class Logical:
    """A LogicalType: root, precision, scale, children; raw: what reads a RAW value; view: 'external' class and the children's."""

    def __init__(self, o):
        f = o.fields
        self.root, self.raw, self.external, self.names, self.children = f['typeRoot'].name, None, None, None, []
        self.precision, self.scale = f.get('precision'), f.get('scale')
        if self.root == 'RAW': self.raw = raw_serializer(f.get('serializer'))
        if self.root == 'TIMESTAMP_WITH_LOCAL_TIME_ZONE' and self.precision is None: self.precision = 6
        if 'fields' in f:
            self.children = [Logical(x.fields['type']) for x in items(f['fields'])]
            self.names = [x.fields['name'] for x in items(f['fields'])]
        elif 'attributes' in f:
            self.children = [Logical(x.fields['type']) for x in items(f['attributes'])]
            self.names = [x.fields['name'] for x in items(f['attributes'])]
            cls = f.get('implementationClass')
            self.cls = cls.name if cls else None
        elif self.root == 'DISTINCT_TYPE': self.__init__(f['sourceType'])
        elif self.root == 'MULTISET':
            self.children = [Logical(f['elementType']), fixed('INTEGER')]
        else: self.children = [Logical(f[n]) for n in ('elementType', 'keyType', 'valueType') if f.get(n) is not None]


def fixed(root):
    t = Logical.__new__(Logical)
    t.root, t.raw, t.external, t.names, t.children, t.precision, t.scale = root, None, None, None, [], None, None
    return t


def items(v):
    if isinstance(v, javaobject.Array): return v.items
    found = javaobject.elements(v)
    if found is None: found = items(v.fields.get('list') or v.fields.get('c') or v.fields['a'])
    return found


def raw_serializer(o):
    """The type behind the Java object of a serializer without settings, or None."""
    name = o.cls.rsplit('.', 1)[-1] if o else ''
    return V.SIMPLE.get(name[:-len('Serializer')]) if name.endswith('Serializer') else None


class Image:
    """Bytes that offsets inside count from."""

    def __init__(self, data): self.data = data

    def part(self, slot):
        n, at = (slot & 0xffffffff), slot >> 32
        if at + n > len(self.data): raise Damage('a part of an SQL image lies outside of it')
        return self.data[at:at + n]

    def int(self, at, n, signed=True):
        if at + n > len(self.data): raise Damage('an SQL image is too short')
        return int.from_bytes(self.data[at:at + n], 'little', signed=signed)


def text_or_bytes(image, at):
    raw = image.data[at:at + 8]
    if len(raw) < 8: raise Damage('an SQL image is too short')
    if raw[7] & 0x80: return raw[:raw[7] & 0x7f]
    return part_at(image, at)


def part_at(image, at): return image.part(image.int(at, 8, False))


def read_slot(t, image, at):
    r = t.root
    if r in TEXTS: return text_json(text_or_bytes(image, at).decode('utf-8', 'replace'))
    if r in BINARIES: return hex_json(text_or_bytes(image, at))
    if r == 'BOOLEAN': return 'true' if image.int(at, 1) else 'false'
    if r == 'FLOAT': return show_float(image.data[at:at + 4])
    if r == 'DOUBLE': return double_json(Cursor(image.data[at:at + 8][::-1]).f64())
    if r in WIDTHS: return number(t, image.int(at, WIDTHS[r]))
    if r in ('BIGINT', 'INTERVAL_DAY_TIME'): return number(t, image.int(at, 8))
    if r == 'DECIMAL':
        v = image.int(at, 8) if t.precision <= 18 else int.from_bytes(part_at(image, at), 'big', signed=True)
        return decimal(t, v)
    if r in TIMES:
        if t.precision <= 3: return timestamp(t, image.int(at, 8), 0)
        return timestamp(t, image.int(image.int(at + 4, 4), 8), image.int(at, 4))
    part = text_or_bytes(image, at)
    return read_part(t, part)


def read_part(t, part):
    if t.root == 'ROW' or t.root == 'STRUCTURED_TYPE': return row_image(t, part)
    if t.root == 'ARRAY': return list_json(array_image(t.children[0], part))
    if t.root in ('MAP', 'MULTISET'): return map_image(t, part)
    if t.raw is not None: return t.raw.read(Cursor(part))
    raise Unknown('SQL type ' + t.root)


def show_float(raw): return float_json(Cursor(raw[::-1]).f32())


def number(t, v):
    if t.external == 'java.time.LocalDate': return '"%s"' % V.date_text(*V.civil(v))
    if t.external == 'java.time.LocalTime':
        return '"%s"' % V.local_time_text(v // 3600000, v // 60000 % 60, v // 1000 % 60, v % 1000 * 1000000)
    if t.external == 'java.time.Period': return '"%s"' % period_text(v)
    if t.external == 'java.time.Duration': return '"%s"' % duration_text(v)
    return '%d' % v


def period_text(months):
    sign = -1 if months < 0 else 1
    years, rest = divmod(abs(months), 12)
    return 'P' + ('%dY' % (sign * years) if years else '') + ('%dM' % (sign * rest) if rest else '') if months else 'P0D'


def duration_text(ms):
    """Hours, minutes and seconds have one sign."""
    if ms == 0: return 'PT0S'
    sign, ms = ('-' if ms < 0 else ''), abs(ms)
    h, m, s = ms // 3600000, ms // 60000 % 60, ms % 60000
    out = 'PT' + ('%s%dH' % (sign, h) if h else '') + ('%s%dM' % (sign, m) if m else '')
    if s: out += '%s%d%sS' % (sign, s // 1000, V.fraction(s % 1000 * 1000000, False))
    return out


def decimal(t, v):
    if t.external == 'java.math.BigDecimal': return '"%s"' % V.decimal_text(v, t.scale)
    digits = ('%d' % abs(v)).rjust(t.scale + 1, '0')
    return '"%s%s"' % ('-' if v < 0 else '', digits if not t.scale else digits[:-t.scale] + '.' + digits[-t.scale:])


def timestamp(t, ms, nanos):
    nanos += ms % 1000 * 1000000
    if t.external == 'java.sql.Timestamp': return '"%s"' % V.sql_timestamp_text(ms, nanos)
    if t.external == 'java.time.Instant': return '"%s"' % V.instant_text(ms // 1000, nanos)
    return '"%s"' % V.seconds_text(ms // 1000, nanos)


def row_image(t, part):
    image, n = Image(part), len(t.children)
    start = (n + 8 + 63) // 64 * 8
    if len(part) < start + 8 * n: raise Damage('an SQL row image of %d bytes for %d fields' % (len(part), n))
    nulls = image.int(0, start, False) >> 8
    fields = ['null' if nulls >> i & 1 else read_slot(c, image, start + 8 * i) for i, c in enumerate(t.children)]
    if t.root == 'STRUCTURED_TYPE' and t.external and 'RowData' not in t.external: return object_json(t.external, *zip(t.names, fields))
    return '{"row":"%s","f":%s}' % (KINDS[part[0] & 3], list_json(fields))


def array_image(t, part):
    image, n = Image(part), Image(part).int(0, 4)
    start, width = 4 + (n + 31) // 32 * 4, WIDTHS.get(t.root, 8)
    if n < 0 or start + n * width > len(part): raise Damage('an SQL array image of %d bytes for %d elements' % (len(part), n))
    nulls = image.int(4, start - 4, False)
    return ['null' if nulls >> i & 1 else read_slot(t, image, start + width * i) for i in range(n)]


def map_image(t, part):
    n = Image(part).int(0, 4)
    keys, vals = array_image(t.children[0], part[4:4 + n]), array_image(t.children[1], part[4 + n:])
    return pairs_json(list(zip(keys, vals)))


class Internal(V.Type):
    """A value of a logical type as its internal serializer writes it."""

    def __init__(self, t):
        self.t, self.fixed = t, t.root in WIDTHS or t.root in TIMES or t.root in ('DOUBLE', 'BIGINT', 'INTERVAL_DAY_TIME')

    def read(self, c):
        t = self.t
        r = t.root
        if r in TEXTS: return text_json(c.blob().decode('utf-8', 'replace'))
        if r in BINARIES: return hex_json(c.blob())
        if r == 'BOOLEAN': return V.BOOLEAN.read(c)
        if r == 'FLOAT': return float_json(c.f32())
        if r == 'DOUBLE': return double_json(c.f64())
        if r in WIDTHS: return number(t, int.from_bytes(c.take(WIDTHS[r]), 'big', signed=True))
        if r in ('BIGINT', 'INTERVAL_DAY_TIME'): return number(t, c.i64())
        if r == 'DECIMAL': return decimal(t, c.i64() if t.precision <= 18 else int.from_bytes(c.blob(), 'big', signed=True))
        if r in TIMES:
            ms = c.i64()
            return timestamp(t, ms, c.i32() if t.precision > 3 else 0)
        return read_part(t, c.blob())


def logical_of(t):
    """The logical type behind a snapshot's type, when it has one; RAW for the rest."""
    return t.t if isinstance(t, Internal) else None


def row_type(children):
    t = fixed('ROW')
    t.children = children
    return Internal(t)


def block(c, snap):
    if c.i32() != 1333245 or c.i32() != 1: raise Damage('no nested serializers at byte %d' % (c.pos - 8))
    return [snap(c) for _ in range(c.count())]


def raw_from(logical, nested):
    """RAW parts are read by the nested snapshot, also those of rows inside the row."""
    if logical.root == 'RAW' and isinstance(nested, Raw): logical.raw = nested.value
    if isinstance(nested, Internal) and len(nested.t.children) == len(logical.children):
        for mine, theirs in zip(logical.children, nested.t.children): copy_raw(mine, theirs)
    return logical


def copy_raw(mine, theirs):
    mine.raw = mine.raw or theirs.raw
    for a, b in zip(mine.children, theirs.children): copy_raw(a, b)


class Raw(V.Type):
    def __init__(self, value): self.value = value
    def read(self, c): return self.value.read(Cursor(c.blob()))


def row_snapshot(c, version, snap):
    if version >= 4:
        if c.flag(): [c.utf() for _ in range(c.count())]
    n = c.count()
    types = [Logical(javaobject.read(c)) for _ in range(n)]
    return row_type([raw_from(t, s) for t, s in zip(types, block(c, snap))])


def one(root, count):
    def build(c, version, snap):
        t = fixed(root)
        t.children = [Logical(javaobject.read(c)) for _ in range(count)]
        for _ in range(count): javaobject.read(c)
        return Internal(t)
    return build


def with_precision(root, scale):
    def build(c, version, snap):
        t = fixed(root)
        t.precision = c.i32()
        if scale: t.scale = c.i32()
        return Internal(t)
    return build


class LinkedList(V.Type):
    def __init__(self, element, masked): self.element, self.masked = element, masked

    def read(self, c):
        n = c.count()
        mask = ''.join(format(b, '08b') for b in c.take((n + 7) // 8)) if self.masked else '0' * n
        return list_json(['null' if mask[i] == '1' else self.element.read(c) for i in range(n)])


def linked_list(outer, c):
    masked = c.flag() if outer >= 3 else outer >= 2
    return lambda e: LinkedList(e, masked)


def external(outer, c):
    data_type = javaobject.read(c)
    c.flag()

    def build(inner):
        t = Logical(data_type.fields['logicalType'])
        if t.root in ('RAW', 'NULL', 'SYMBOL', 'UNRESOLVED'): return inner
        known = logical_of(inner)
        if known is not None: copy_raw(t, known)
        convert(t, data_type)
        return Internal(t)
    return build


def convert(t, data_type):
    """Marks what a job sees of a value: the conversion class of its DataType and of its parts."""
    f = data_type.fields
    cls = f.get('conversionClass')
    t.external = cls.name if cls else None
    parts = [f[n] for n in ('elementDataType', 'keyDataType', 'valueDataType') if f.get(n) is not None]
    if f.get('fieldDataTypes') is not None: parts = items(f['fieldDataTypes'])
    if t.root == 'MULTISET': parts = parts[:1]
    for child, part in zip(t.children, parts): convert(child, part)


class NullAwareMap(V.Type):
    def __init__(self, key, value): self.key, self.value = key, value
    def read(self, c): return pairs_json([(V.optional(self.key, c), V.optional(self.value, c)) for _ in range(c.count())])


class SortedMap(V.Type):
    def __init__(self, key, value): self.key, self.value = key, value
    def read(self, c): return list_json(['[%s,%s]' % (self.key.read(c), V.optional(self.value, c)) for _ in range(c.count())])


def sorted_map(c, version, snap):
    javaobject.read(c)
    return SortedMap(*block(c, snap))


def binary_row(c, version, snap):
    """Only the number of fields is known, not their types."""
    c.i32()
    return IMAGE


IMAGE = V.Simple(lambda c: hex_json(c.blob()))


VIEWS = 'org.apache.flink.table.api.dataview.'
WINDOWS = 'org.apache.flink.table.runtime.operators.window.'
OWN = {'RowData': row_snapshot, 'BaseRow': row_snapshot, 'ArrayData': one('ARRAY', 1), 'BaseArray': one('ARRAY', 1), 'MapData': one('MAP', 2),
       'BaseMap': one('MAP', 2), 'Decimal': with_precision('DECIMAL', True), 'DecimalData': with_precision('DECIMAL', True),
       'TimestampData': with_precision(TIMES[0], False), 'SqlTimestamp': with_precision(TIMES[0], False), 'SortedMap': sorted_map, 'BinaryRowData': binary_row}
COMPOSITES = {
    'RawValueData': lambda outer, c: Raw, 'BinaryGeneric': lambda outer, c: Raw, 'External': external, 'LinkedList': linked_list,
    'NullAwareMap': lambda outer, c: NullAwareMap, 'ListView': lambda outer, c: lambda v: V.Fields(VIEWS + 'ListView', ['list'], [v]),
    'MapView': lambda outer, c: lambda v: V.Fields(VIEWS + 'MapView', ['map'], [v]),
    'WindowKey': lambda outer, c: lambda v: V.Fields('org.apache.flink.table.runtime.util.WindowKey', ['window', 'key'], [V.LONG, IMAGE])}
SIMPLE = {
    'StringData': Internal(fixed('VARCHAR')), 'BinaryString': Internal(fixed('VARCHAR')), 'Null': V.Simple(V.nothing, True),
    'SortedLong': V.Simple(lambda c: '%d' % V.flipped(c), True),
    'TimeWindow': V.Simple(V.window, True),
    'GlobalWindow': V.Simple(lambda c: (c.u8(), object_json(WINDOWS + 'GlobalWindow'))[1], True),
    'CountWindow': V.Simple(lambda c: object_json(WINDOWS + 'CountWindow', ('id', '%d' % c.i64())), True)}


def snapshot(name, cls, version, c, snap, composite):
    """The type of a snapshot of table's packages, or None for one that is not theirs."""
    if name in OWN: return OWN[name](c, version, snap)
    if name in COMPOSITES: return composite(c, version, COMPOSITES[name])
    if name in SIMPLE: return SIMPLE[name]
    return None
