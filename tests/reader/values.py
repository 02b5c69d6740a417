# SPDX-License-Identifier: Apache-2.0
"""Values of docs/formats/serializers.md outside SQL, Avro and Kryo. A type reads one value from a cursor and gives its JSON text."""
import datetime
import json
import struct
import cursor
import javaobject
from cursor import Damage, Unknown, double_json, float_json, hex_json, list_json, object_json, pairs_json, sorted_json, text_json

MIN32, MIN64 = -1 << 31, -1 << 63
WINDOW = 'org.apache.flink.streaming.api.operators.TimerHeapInternalTimer'


class Type:
    """fixed: every value has the same number of bytes."""
    fixed = False

    def __init__(self, cls=''): self.cls = cls
    def read(self, c): raise Unknown(self.cls)


class Simple(Type):
    def __init__(self, reader, fixed=False): self.reader, self.fixed = reader, fixed
    def read(self, c): return self.reader(c)


class Opaque(Type):
    """A class nobody knows. Its bytes end where something outside of it says so."""
    def read(self, c): raise Unknown(self.cls)


class List(Type):
    def __init__(self, element): self.element = element
    def read(self, c): return list_json([self.element.read(c) for _ in range(c.count())])


class Set(List):
    def read(self, c): return sorted_json([optional(self.element, c) for _ in range(c.count())])


class Present(List):
    """A GenericArray, and Scala's collections: the flag says that an element is there."""
    def __init__(self, element, shape=list_json): self.element, self.shape = element, shape
    def read(self, c): return self.shape([self.element.read(c) if c.flag() else 'null' for _ in range(c.count())])


class Map(Type):
    def __init__(self, key, value): self.key, self.value = key, value
    def read(self, c): return pairs_json([(self.key.read(c), optional(self.value, c)) for _ in range(c.count())])


class Tuple(Type):
    def __init__(self, fields):
        self.fields, self.fixed = fields, all(f.fixed for f in fields)
    def read(self, c): return list_json([f.read(c) for f in self.fields])


class Fields(Type):
    """Something with a class name and named fields, one behind the other."""
    def __init__(self, cls, names, fields): self.cls, self.names, self.fields = cls, names, fields
    def read(self, c): return object_json(self.cls, *[(n, f.read(c)) for n, f in zip(self.names, self.fields)])


class Row(Type):
    def __init__(self, fields, has_kind): self.fields, self.has_kind = fields, has_kind

    def read(self, c):
        extra = 2 if self.has_kind else 0
        bits = extra + len(self.fields)
        mask = ''.join(format(b, '08b') for b in c.take((bits + 7) // 8))
        kind = {'00': '+I', '10': '-U', '01': '+U', '11': '-D'}[mask[:2]] if extra else '+I'
        parts = ['null' if mask[extra + i] == '1' else f.read(c) for i, f in enumerate(self.fields)]
        return '{"row":"%s","f":%s}' % (kind, list_json(parts))


class Pojo(Type):
    def __init__(self, cls, fields, registered, others): self.cls, self.fields, self.registered, self.others = cls, fields, registered, others

    def read(self, c):
        flags = c.u8()
        if flags & 1: return 'null'
        if flags & 4: return self.of(self.others, c.utf()).read(c)
        if flags & 8:
            n = c.u8()
            return self.of(self.registered, list(self.registered)[n] if n < len(self.registered) else n).read(c)
        if not flags & 2: raise Damage('POJO flags %02x at byte %d' % (flags, c.pos - 1))
        return object_json(self.cls, *[(n, optional(t, c)) for n, t in self.fields])

    def of(self, table, name):
        if table.get(name) is None: raise Unknown(str(name))
        return table[name]


class Timer(Type):
    def __init__(self, key, namespace): self.key, self.namespace = key, namespace

    def read(self, c):
        at = flipped(c)
        return object_json(WINDOW, ('key', self.key.read(c)), ('namespace', self.namespace.read(c)), ('timestamp', '%d' % at))


class Ttl(Type):
    def __init__(self, value): self.value, self.fixed = value, value.fixed
    def read(self, c): return '{"ttl":%d,"value":%s}' % (c.i64(), self.value.read(c))


class Enum(Type):
    fixed = True
    def __init__(self, names): self.names = names

    def read(self, c):
        i = c.i32()
        if not 0 <= i < len(self.names): raise Damage('enum constant %d of %d' % (i, len(self.names)))
        return text_json(self.names[i])


class Either(Type):
    cls = 'org.apache.flink.types.Either'
    def __init__(self, left, right): self.sides = left, right

    def read(self, c):
        if c.flag(): return object_json(self.cls + '$Left', ('value', self.sides[0].read(c)), ('right', 'null'))
        return object_json(self.cls + '$Right', ('value', self.sides[1].read(c)), ('left', 'null'))


class Choice(Type):
    """A boolean, then one of two sides: (class, member, type or None)."""
    def __init__(self, true, false): self.sides = false, true

    def read(self, c):
        cls, member, t = self.sides[c.flag()]
        return object_json(cls, *([(member, t.read(c))] if t else []))


class Nullable(Type):
    def __init__(self, value, padding): self.value, self.padding, self.fixed = value, padding, value.fixed and padding > 0

    def read(self, c):
        if not c.flag(): return self.value.read(c)
        c.take(self.padding)
        return 'null'


class Enumeration(Type):
    def __init__(self, names): self.names = names

    def read(self, c):
        i = c.i32()
        if i not in self.names: raise Damage('enumeration id %d' % i)
        return text_json(self.names[i])


class StreamElement(Type):
    def __init__(self, value): self.value = value

    def read(self, c):
        tag = c.u8()
        if tag == 0:
            at = c.i64()
            return '{"timestamp":%d,"value":%s}' % (at, self.value.read(c))
        if tag == 1: return '{"timestamp":null,"value":%s}' % self.value.read(c)
        if tag == 2: return object_json('org.apache.flink.streaming.api.watermark.Watermark', ('timestamp', '%d' % c.i64()))
        raise Unknown('stream element %d' % tag)


class Union(Type):
    cls = 'org.apache.flink.streaming.api.datastream.CoGroupedStreams$TaggedUnion'
    def __init__(self, one, two): self.sides = one, two

    def read(self, c):
        side = c.u8()
        if side not in (1, 2): raise Damage('side %d of a union' % side)
        parts = ['null', 'null']
        parts[side - 1] = self.sides[side - 1].read(c)
        return object_json(self.cls, ('one', parts[0]), ('two', parts[1]))


class BufferEntry(Type):
    cls = 'org.apache.flink.streaming.api.operators.co.IntervalJoinOperator$BufferEntry'
    def __init__(self, element): self.element = element

    def read(self, c):
        joined = BOOLEAN.read(c)
        return object_json(self.cls, ('element', self.element.read(c)), ('hasBeenJoined', joined))


class TwoPhase(Type):
    cls = 'org.apache.flink.streaming.api.functions.sink.TwoPhaseCommitSinkFunction$'
    def __init__(self, transaction, context, leading): self.transaction, self.context, self.leading = transaction, context, leading

    def one(self, c):
        handle = self.transaction.read(c)
        return object_json(self.cls + 'TransactionHolder', ('handle', handle), ('transactionStartTime', '%d' % c.i64()))

    def read(self, c):
        pending = self.one(c) if not self.leading or c.flag() else 'null'
        commits = list_json([self.one(c) for _ in range(c.count())])
        context = text_json('Optional[%s]' % bare(self.context.read(c))) if c.flag() else text_json('Optional.empty')
        return object_json(self.cls + 'State', ('pendingTransaction', pending), ('pendingCommitTransactions', commits), ('context', context))


def bare(text): return json.loads(text) if text[:1] == '"' else text
def optional(t, c): return 'null' if c.flag() else t.read(c)
def flipped(c): return c.i64() ^ MIN64
def whole(method): return Simple(lambda c: '%d' % method(c), True)


def read_text(c):
    n = c.varint()
    return None if n == 0 else c.units(n - 1)


def text_or_null(s): return 'null' if s is None else text_json(s)
def string(c): return text_or_null(read_text(c))
def character(c): return text_json(cursor.from_units([c.u16()]))


def date_of(ms):
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)


def fraction(nanos, groups):
    """Nanoseconds behind the point: in groups of three digits, or as short as can be."""
    digits = '%09d' % nanos
    if not nanos: return ''
    if groups: return '.' + digits[:3 if digits.endswith('000000') else 6 if digits.endswith('000') else 9]
    return '.' + digits.rstrip('0')


def civil(days):
    """Year, month, day of any day since 1970, beyond what datetime can."""
    z = days + 719468
    era, doe = z // 146097, z % 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    m = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (m <= 2), m, doy - (153 * mp + 2) // 5 + 1


def date_text(y, m, d):
    year = '%04d' % y if 0 <= y <= 9999 else '+%d' % y if y > 9999 else '-%04d' % -y
    return '%s-%02d-%02d' % (year, m, d)


def local_time_text(h, m, s, n, always=False):
    t = '%02d:%02d' % (h, m)
    if s or n or always: t += ':%02d' % s
    return t + fraction(n, True)


def seconds_text(seconds, nanos, zone='', always=False):
    day, rest = divmod(seconds, 86400)
    return date_text(*civil(day)) + 'T' + local_time_text(rest // 3600, rest // 60 % 60, rest % 60, nanos, always) + zone


def instant_text(seconds, nanos): return seconds_text(seconds, nanos, 'Z', True)


def instant(c):
    s, n = c.i64(), c.i32()
    return 'null' if s == MIN64 and n == MIN32 else '"%s"' % instant_text(s, n)


def java_date_text(ms): return date_of(ms).strftime('%a %b %d %H:%M:%S UTC ') + '%d' % date_of(ms).year


def java_date(c):
    ms = c.i64()
    return 'null' if ms == MIN64 else '"%s"' % java_date_text(ms)


def sql_date(c):
    ms = c.i64()
    return 'null' if ms == MIN64 else '"%s"' % date_text(*civil(ms // 86400000))


def sql_time(c):
    ms = c.i64()
    return 'null' if ms == MIN64 else '"%s"' % date_of(ms).strftime('%H:%M:%S')


def sql_timestamp_text(ms, nanos):
    return date_of(ms // 1000 * 1000).strftime('%Y-%m-%d %H:%M:%S') + (fraction(nanos, False) or '.0')


def sql_timestamp(c):
    ms, nanos = c.i64(), c.i32()
    return 'null' if ms == MIN64 else '"%s"' % sql_timestamp_text(ms, nanos)


def local_date_parts(c):
    y, m, d = c.i32(), c.i8(), c.i8()
    return None if y == MIN32 else date_text(y, m, d)


def local_time_parts(c):
    h, m, s, n = c.i8(), c.i8(), c.i8(), c.i32()
    return None if h == -128 else local_time_text(h, m, s, n)


def local_date_time(c):
    d, t = local_date_parts(c), local_time_parts(c)
    return 'null' if d is None else '"%sT%s"' % (d, t)


def big_int(c):
    n = c.i32()
    if n <= 3: return [None, 0, 1, 10][n]
    return int.from_bytes(c.take(n - 4), 'big', signed=True)


def big_json(v): return 'null' if v is None else '"%d"' % v


def decimal_text(unscaled, scale):
    """BigDecimal.toString."""
    sign, digits = ('-' if unscaled < 0 else ''), '%d' % abs(unscaled)
    adjusted = len(digits) - 1 - scale
    if scale >= 0 and adjusted >= -6:
        if scale == 0: return sign + digits
        digits = digits.rjust(scale + 1, '0')
        return sign + digits[:-scale] + '.' + digits[-scale:]
    return sign + digits[0] + ('.' + digits[1:] if len(digits) > 1 else '') + ('E%+d' % adjusted)


def big_dec(c):
    v = big_int(c)
    return 'null' if v is None else '"%s"' % decimal_text(v, c.i32())


def window(c): return '{"start":%d,"end":%d}' % (c.i64(), c.i64())
def nothing(c): c.u8(); return 'null'
def array_of(read): return Simple(lambda c: list_json([read(c) for _ in range(c.count())]))


def variant(c):
    n, m = c.count(), c.count()
    value = hex_json(c.take(n))
    return object_json('org.apache.flink.types.variant.BinaryVariant', ('value', value), ('metadata', hex_json(c.take(m))), ('pos', '0'))


def boxed(name, t): return Simple(lambda c: object_json('org.apache.flink.types.%s' % name, ('value', t.read(c))), t.fixed)
def string_value(c): return text_json(c.units(c.varint()))


BOOLEAN = Simple(lambda c: 'true' if c.flag() else 'false', True)
STRING, CHAR = Simple(string), Simple(character, True)
BYTE, SHORT, INT, LONG = [whole(m) for m in (cursor.Cursor.i8, cursor.Cursor.i16, cursor.Cursor.i32, cursor.Cursor.i64)]
FLOAT, DOUBLE = Simple(lambda c: float_json(c.f32()), True), Simple(lambda c: double_json(c.f64()), True)
NUMBERS = {'Boolean': BOOLEAN, 'Byte': BYTE, 'Short': SHORT, 'Int': INT, 'Long': LONG, 'Float': FLOAT, 'Double': DOUBLE, 'Char': CHAR}
BYTES = Simple(lambda c: hex_json(c.blob()))

# by the name of the snapshot class without its package, outer class, and 'SerializerSnapshot'
SIMPLE = dict(NUMBERS, **{
    'String': STRING, 'BytePrimitiveArray': BYTES, 'Instant': Simple(instant, True), 'Void': Simple(nothing, True), 'VoidNamespace': Simple(nothing, True),
    'TimeWindow': Simple(window, True), 'GlobalWindow': Simple(lambda c: (c.u8(), '"GlobalWindow"')[1], True), 'Date': Simple(java_date, True),
    'SqlDate': Simple(sql_date, True), 'SqlTime': Simple(sql_time, True), 'SqlTimestamp': Simple(sql_timestamp, True),
    'LocalDate': Simple(lambda c: text_or_null(local_date_parts(c)), True), 'LocalTime': Simple(lambda c: text_or_null(local_time_parts(c)), True),
    'LocalDateTime': Simple(local_date_time, True), 'BigInt': Simple(lambda c: big_json(big_int(c))), 'BigDec': Simple(big_dec),
    'StringArray': array_of(string), 'StringValue': boxed('StringValue', Simple(string_value)), 'Variant': Simple(variant), 'Bitmap': BYTES,
    'NullValue': Simple(lambda c: object_json('org.apache.flink.types.NullValue'), True), 'Java': Simple(javaobject.text),
    'Unit': Simple(lambda c: (c.u8(), object_json('scala.runtime.BoxedUnit'))[1], True)})
for _n, _t in NUMBERS.items():
    SIMPLE[_n + 'Value'] = boxed(_n + 'Value', _t)
    if _n != 'Byte': SIMPLE[_n + 'PrimitiveArray'] = array_of(_t.read)
