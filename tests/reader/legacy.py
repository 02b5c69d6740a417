# SPDX-License-Identifier: Apache-2.0
"""Snapshots of before Flink 1.8 (docs/formats/serializers.md, "Before 1.8"): a configuration, and the serializer as a Java object beside it."""
import javaobject
import values as V
from cursor import Cursor, Damage, Unknown


def one(c, what):
    if c.i32() != 1: raise Damage('no %s at byte %d' % (what, c.pos - 4))


def serializer(c):
    """i32 1, i32 length, Java object: the name of its class."""
    one(c, 'serializer')
    o = javaobject.read(Cursor(c.blob()))
    return o.cls if isinstance(o, javaobject.Obj) else ''


def snapshot(c, cls, snap):
    """SNAP with version 7a53c4f0, behind that."""
    name = serializer(c)
    return body(c, cls, c.i32(), name, snap)


def proxy(c, snap):
    """PROXY, behind its i32 1; the serializer's class is in the body, or told by the configuration's."""
    cls, version = c.utf(), c.i32()
    return body(c, cls, version, '', snap)


def parts(c, snap):
    """LIST"""
    table = [(c.i32(), c.i32()) for _ in range(c.count())]
    area, out = c.blob(), []
    for first, second in table:
        name = serializer(Cursor(area, first))
        config = Cursor(area, second)
        kind = config.i32()
        if kind not in (1, 2): raise Damage('a configuration of kind %d' % kind)
        if kind == 2: out.append(snap(config)); continue
        cls, version = config.utf(), config.i32()
        out.append(body(config, cls, version, name, snap))
    return out


def body(c, cls, version, name, snap):
    tail = cls.replace('$', '.').rsplit('.', 1)[-1]
    if tail == 'ParameterlessTypeSerializerConfig': return simple(c.utf())
    if tail in ('TupleSerializerConfigSnapshot', 'GenericArraySerializerConfigSnapshot', 'ScalaCaseClassSerializerConfigSnapshot'):
        nested, of = parts(c, snap), javaobject.read(c)
        if tail[0] == 'T': return V.Tuple(nested)
        if tail[0] == 'G': return V.Present(nested[0])
        return V.Fields(of.name, ['_%d' % (i + 1) for i in range(len(nested))], nested)
    if tail in SHAPES: return SHAPES[tail](*parts(c, snap))
    if tail == 'CollectionSerializerConfigSnapshot': return V.List(*parts(c, snap))
    raise Unknown(name or cls)


def simple(cls):
    name = cls.replace('$', '.').rsplit('.', 1)[-1]
    t = V.SIMPLE.get(name[:-len('Serializer')]) if cls.startswith('org.apache.flink.') and name.endswith('Serializer') else None
    if cls.endswith('TimeWindow$Serializer'): t = V.SIMPLE['TimeWindow']
    if cls.endswith('GlobalWindow$Serializer'): t = V.SIMPLE['GlobalWindow']
    if t is None: raise Unknown(cls)
    return t


SHAPES = {'MapSerializerConfigSnapshot': V.Map, 'EitherSerializerConfigSnapshot': V.Either, 'RowSerializerConfigSnapshot': lambda *f: V.Row(f, False),
          'TimerSerializerConfigSnapshot': V.Timer, 'TimerSerializerSnapshot': V.Timer}
