# SPDX-License-Identifier: Apache-2.0
"""Serializer snapshots (docs/formats/serializers.md): from their bytes to a type that reads values."""
import avro
import cep
import javaobject
import kryo
import legacy
import sql
import values as V
from cursor import Cursor, Damage, Unknown

MAGIC_OUTER, MAGIC_NESTED, MAGIC_MAP = 911108, 1333245, 0x4F2C69A3D70


class Unbounded(Unknown):
    """A snapshot whose end is not known; the cursor stands at its body."""


def proxy(c):
    """i32 2 and SNAP; i32 1 and a configuration in Flink 1.6."""
    kind = c.i32()
    if kind == 1: return legacy.proxy(c, snap)
    if kind != 2: raise Damage('serializer proxy %d at byte %d' % (kind, c.pos - 4))
    return snap(c)


def short_name(cls):
    name = cls.replace('$', '.').rsplit('.', 1)[-1]
    for tail in 'SerializerSnapshotV2', 'SerializerSnapshot', 'Snapshot':
        if name.endswith(tail): return name[:-len(tail)]
    return name


def snap(c):
    cls, version = c.utf(), c.i32()
    if version == 0x7a53c4f0: return legacy.snapshot(c, cls, snap)
    name = short_name(cls)
    if not cls.startswith('org.apache.flink.'): return unknown(c, cls, version)
    if cls.startswith('org.apache.flink.table.'):
        t = sql.snapshot(name, cls, version, c, snap, composite)
        if t: return t
    if name in OWN: return OWN[name](c, version)
    if name in V.SIMPLE:
        if version < 3: c.utf()
        return V.SIMPLE[name]
    if name in COMPOSITES: return composite(c, version, COMPOSITES[name])
    return unknown(c, cls, version)


def nested(c):
    if c.i32() != MAGIC_NESTED or c.i32() != 1: raise Damage('no nested serializers at byte %d' % (c.pos - 8))
    return [snap(c) for _ in range(c.count())]


def composite(c, version, shape):
    """shape: (outer version, cursor) gives a function of the nested types."""
    outer = version
    if version == 3:
        if c.i32() != MAGIC_OUTER: raise Damage('no composite snapshot at byte %d' % (c.pos - 4))
        outer = c.i32()
    build = shape(outer, c)
    return build(*nested(c))


def unknown(c, cls, version):
    """Stepped over when it looks like a composite without an outer body, or is a bounded POJO; else its end is not known."""
    t = V.Opaque(cls)
    t.unbounded = True
    return t


def row(outer, c):
    kind = c.flag() if outer >= 4 else outer >= 3
    return lambda *f: V.Row(f, kind)


def case_class(outer, c):
    cls = c.utf()
    return lambda *f: V.Fields(cls, ['_%d' % (i + 1) for i in range(len(f))], f)


def traversable(outer, c):
    code = c.utf()
    kind = code[code.find('[') + 1:] if 'CanBuildFrom[' in code else code
    if 'Map[' in kind.split(',')[0] or '.Map' in kind.split('[')[0]: return lambda e: V.Present(e, lambda p: V.sorted_json(p))
    shape = V.sorted_json if 'Set' in kind.split('[')[0] else V.list_json
    return lambda e: V.Present(e, shape)


def two_phase(outer, c):
    leading = c.flag() if outer >= 4 else outer == 3
    return lambda t, x: V.TwoPhase(t, x, leading)


def after(read, build):
    def shape(outer, c):
        v = read(c)
        return lambda *f: build(v, *f)
    return shape


def plain(build): return lambda outer, c: build


def scala(cls, member): return lambda t: (cls, member, t)


THROWABLE = kryo.Kryo('java.lang.Throwable', {})
COMPOSITES = {
    'List': plain(V.List), 'ArrayList': plain(V.List), 'Map': plain(V.Map), 'Set': plain(V.Set), 'Timer': plain(V.Timer),
    'Tuple': after(lambda c: c.utf(), lambda cls, *f: V.Tuple(f)), 'Row': row, 'Ttl': plain(lambda at, v: V.Ttl(v)),
    'GenericArray': after(lambda c: c.utf(), lambda cls, e: V.Present(e)), 'JavaEither': plain(V.Either), 'Either': plain(V.Either),
    'Nullable': after(lambda c: c.i32(), lambda pad, v: V.Nullable(v, pad)), 'Union': plain(V.Union), 'StreamElement': plain(V.StreamElement),
    'BufferEntry': plain(V.BufferEntry),
    'State': two_phase, 'ScalaCaseClass': case_class, 'Traversable': traversable,
    'ScalaOption': plain(lambda v: V.Choice(('scala.Some', 'value', v), ('scala.None$', '', None))),
    'ScalaEither': plain(lambda a, b: V.Choice(('scala.util.Left', 'value', a), ('scala.util.Right', 'value', b))),
    'ScalaTry': plain(lambda v, e: V.Choice(('scala.util.Success', 'value', v), ('scala.util.Failure', 'exception', e))),
    'NodeId': plain(cep.node_id), 'SharedBufferEdge': plain(cep.edge), 'Lockable': plain(cep.lockable), 'LockableType': plain(cep.lockable),
    'SharedBufferNode': plain(cep.buffer_node), 'NFAState': cep.nfa_state}


def optional_map(c):
    """name -> (key bytes, value bytes), each or None."""
    if c.i64() != MAGIC_MAP: raise Damage('no optional map at byte %d' % (c.pos - 8))
    out = {}
    for _ in range(c.count()):
        name = c.utf()
        out[name] = tuple(c.blob() if c.flag() else None for _ in range(2))
    return out


def pojo(c, version):
    cls, maps = c.utf(), [optional_map(c) for _ in range(3)]
    table = [{n: snap(Cursor(v)) if v is not None else None for n, (k, v) in m.items()} for m in maps]
    return V.Pojo(cls, list(table[0].items()), table[1], table[2])


def enum(c, version):
    c.utf()
    return V.Enum([c.utf() for _ in range(c.count())])


def enumeration(c, version):
    c.utf()
    names = [(c.utf(), c.i32()) for _ in range(c.count())]
    return V.Enumeration({i: n for n, i in names})


def ttl_aware(c, version):
    c.flag()
    return snap(c)


def named(c, version):
    return V.Opaque(c.utf())


def avro_snapshot(c, version):
    if version == 1: return avro.Avro(c.utf())
    if version == 2:
        c.utf()
        return avro.Avro(c.utf())
    V.read_text(c)
    return avro.Avro(V.read_text(c))


def kryo_snapshot(c, version):
    cls, maps = c.utf(), [optional_map(c) for _ in range(3)]
    return kryo.Kryo(cls, maps[0])


def old_array(c, version):
    """GenericArraySerializerConfigSnapshot of Flink 1.7, version 2."""
    c.utf()
    return V.Present(*nested(c))


OWN = {'GenericArraySerializerConfig': old_array, 'Pojo': pojo, 'Enum': enum, 'ScalaEnum': enumeration, 'TtlAware': ttl_aware, 'CopyableValue': named, 'Value': named, 'Writable': named,
       'Avro': avro_snapshot, 'Kryo': kryo_snapshot, 'DeweyNumber': cep.dewey, 'EventId': cep.event_id}
