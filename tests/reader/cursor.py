# SPDX-License-Identifier: Apache-2.0
"""A cursor over bytes, JSON text, and snappy: what every other file of the reader stands on."""
import struct


class Damage(Exception):
    """The bytes are not what docs/formats says they are."""


class Unknown(Exception):
    """A class that the documents do not describe: its values have no known end."""


class Cursor:
    def __init__(self, data, pos=0, end=None, kryo=2):
        self.data, self.pos, self.end, self.kryo = data, pos, len(data) if end is None else end, kryo

    def left(self):
        return self.end - self.pos

    def take(self, n):
        if n < 0 or n > self.end - self.pos:
            raise Damage('%d bytes wanted at byte %d, %d left' % (n, self.pos, self.left()))
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def unpack(self, form, n):
        return struct.unpack(form, self.take(n))[0]

    def u8(self): return self.take(1)[0]
    def i8(self): return self.unpack('>b', 1)
    def u16(self): return self.unpack('>H', 2)
    def i16(self): return self.unpack('>h', 2)
    def i32(self): return self.unpack('>i', 4)
    def i64(self): return self.unpack('>q', 8)
    def f32(self): return self.unpack('>f', 4)
    def f64(self): return self.unpack('>d', 8)

    def flag(self):
        b = self.u8()
        if b > 1:
            raise Damage('a boolean of %d at byte %d' % (b, self.pos - 1))
        return b == 1

    def count(self):
        n = self.i32()
        if n < 0:
            raise Damage('a count of %d at byte %d' % (n, self.pos - 4))
        return n

    def blob(self):
        return self.take(self.count())

    def utf(self):
        """Java's writeUTF: u16 length, modified UTF-8."""
        return modified_utf8(self.take(self.u16()))

    def varint(self):
        v = shift = 0
        while True:
            b = self.u8()
            v |= (b & 127) << shift
            shift += 7
            if b < 128:
                return v
            if shift > 63:
                raise Damage('a varint without an end at byte %d' % self.pos)

    def units(self, n):
        if n > self.left():
            raise Damage('a text of %d units at byte %d' % (n, self.pos))
        return from_units([self.varint() & 0xffff for _ in range(n)])


def from_units(units):
    return struct.pack('<%dH' % len(units), *units).decode('utf-16-le', 'surrogatepass')


def modified_utf8(raw):
    units, i = [], 0
    while i < len(raw):
        b = raw[i]
        more = 0 if b < 0x80 else 1 if b >> 5 == 6 else 2 if b >> 4 == 14 else -1
        if more < 0 or i + more >= len(raw):
            raise Damage('text that is not modified UTF-8')
        units.append(b if not more else (b & 31) << 6 | raw[i + 1] & 63 if more == 1
                     else (b & 15) << 12 | (raw[i + 1] & 63) << 6 | raw[i + 2] & 63)
        i += 1 + more
    return from_units(units)


def text_json(s):
    """A JSON text by the rules of docs/formats/json.md."""
    out = ['"']
    for ch in s:
        o = ord(ch)
        if ch in '"\\': out.append('\\' + ch)
        elif ch in '\n\r\t': out.append({'\n': '\\n', '\r': '\\r', '\t': '\\t'}[ch])
        elif o < 0x20 or 0xd800 <= o < 0xe000: out.append('\\u%04x' % o)
        else: out.append(ch)
    return ''.join(out) + '"'


def hex_json(raw): return '{"hex":"%s"}' % bytes(raw).hex()


def object_json(name, *members):
    return '{' + ','.join((['"@":' + text_json(name)] if name else []) + ['"%s":%s' % m for m in members]) + '}'


def list_json(parts): return '[' + ','.join(parts) + ']'


def unit_order(text): return text.encode('utf-16-be', 'surrogatepass')


def sorted_json(parts): return list_json(sorted(parts, key=unit_order))


def pairs_json(pairs): return sorted_json('[%s,%s]' % p for p in pairs)


def float_text(digits_of, v):
    """Java's Double.toString and Float.toString from Python's shortest digits."""
    if v != v: return 'NaN'
    if v in (float('inf'), float('-inf')): return 'Infinity' if v > 0 else '-Infinity'
    sign = '-' if str(v)[0] == '-' else ''
    if v == 0: return sign + '0.0'
    mantissa, exponent = ('%s' % digits_of(abs(v))).split('e')
    digits, e = mantissa.replace('.', '').rstrip('0') or '0', int(exponent)
    if 1e-3 <= abs(v) < 1e7:
        if e < 0: return sign + '0.' + '0' * (-e - 1) + digits
        digits = digits.ljust(e + 2, '0')
        return sign + digits[:e + 1] + '.' + digits[e + 1:]
    return sign + digits[0] + '.' + (digits[1:] or '0') + 'E%d' % e


def shortest64(v):
    for p in range(1, 18):
        s = '%.*e' % (p, v)
        if float(s) == v: return s


def shortest32(v):
    """Of the doubles with few digits, the first that is this float again."""
    for p in range(1, 10):
        s = '%.*e' % (p, v)
        try: same = struct.unpack('>f', struct.pack('>f', float(s)))[0] == v
        except OverflowError: same = False
        if same: return s


def double_text(v): return float_text(shortest64, v)
def float32_text(v): return float_text(shortest32, v)
def double_json(v): return quote_odd(double_text(v))
def float_json(v): return quote_odd(float32_text(v))
def quote_odd(t): return t if t[-1].isdigit() else '"%s"' % t


def snappy_raw(src):
    """Snappy's block format: a varint length, then literals (00) and copies (01, 10, 11)."""
    c, out = Cursor(src), bytearray()
    want = c.varint()
    while c.left():
        tag = c.u8()
        kind, n = tag & 3, tag >> 2
        if kind == 0:
            if n >= 60: n = int.from_bytes(c.take(n - 59), 'little')
            out += c.take(n + 1)
            continue
        if kind == 1: n, far = (n & 7) + 4, (tag >> 5) << 8 | c.u8()
        elif kind == 2: n, far = n + 1, int.from_bytes(c.take(2), 'little')
        else: n, far = n + 1, int.from_bytes(c.take(4), 'little')
        if far == 0 or far > len(out): raise Damage('a snappy copy from before the start')
        for _ in range(n): out.append(out[-far])
    if len(out) != want: raise Damage('snappy: %d bytes, %d announced' % (len(out), want))
    return bytes(out)


def snappy_frames(src, pos, end):
    """Yields what the chunks of a framed stream hold, with the position behind each."""
    while pos < end:
        kind, n = src[pos], int.from_bytes(src[pos + 1:pos + 4], 'little')
        body = src[pos + 4:pos + 4 + n]
        if len(body) != n or pos + 4 + n > end: raise Damage('a snappy chunk beyond the end at byte %d' % pos)
        pos += 4 + n
        if kind == 0: yield snappy_raw(body[4:]), pos
        elif kind == 1: yield body[4:], pos
        elif kind != 0xff and kind < 0x80: raise Damage('snappy chunk of kind %d at byte %d' % (kind, pos))
        elif kind == 0xff and body != b'sNaPpY': raise Damage('no snappy stream at byte %d' % pos)


def unsnappy(src, pos, end):
    return b''.join(part for part, _ in snappy_frames(src, pos, end))
