# SPDX-License-Identifier: Apache-2.0
"""State of pattern matching (docs/formats/serializers.md, "CEP")."""
import values as V
from cursor import list_json, object_json, sorted_json

NFA, BUFFER = 'org.apache.flink.cep.nfa.', 'org.apache.flink.cep.nfa.sharedbuffer.'


def read_dewey(c): return object_json(NFA + 'DeweyNumber', ('deweyNumber', list_json(['%d' % c.i32() for _ in range(c.count())])))
def read_event(c): return object_json(BUFFER + 'EventId', ('id', '%d' % c.i32()), ('timestamp', '%d' % c.i64()))


def read_node(c):
    if not c.flag(): return 'null'
    event = read_event(c)
    return object_json(BUFFER + 'NodeId', ('pageName', V.string(c)), ('eventId', event))


def read_edge(c):
    target = read_node(c)
    return object_json(BUFFER + 'SharedBufferEdge', ('target', target), ('deweyNumber', read_dewey(c)))


class Lockable(V.Type):
    def __init__(self, element, cls=''): self.element, self.cls = element, cls

    def read(self, c):
        n = c.i32()
        return object_json(self.cls, ('refCounter', '%d' % n), ('element', self.element.read(c)))


class BufferNode(V.Type):
    def __init__(self, edge): self.edges = V.List(edge)
    def read(self, c): return object_json(BUFFER + 'SharedBufferNode', ('edges', self.edges.read(c)))


class NfaState(V.Type):
    def __init__(self, previous): self.previous = previous

    def computation(self, c):
        name, node, version, start = V.string(c), read_node(c), read_dewey(c), c.i64()
        before = c.i64() if self.previous else -1
        event = read_event(c) if c.flag() else 'null'
        return object_json(NFA + 'ComputationState', ('currentStateName', name), ('version', version), ('startTimestamp', '%d' % start),
                           ('previousTimestamp', '%d' % before), ('previousBufferEntry', node), ('startEventID', event))

    def read(self, c):
        lists = [sorted_json([self.computation(c) for _ in range(c.count())]) for _ in range(2)]
        return object_json(NFA + 'NFAState', ('partialMatches', lists[0]), ('completedMatches', lists[1]), ('stateChanged', 'false'), ('isNewStartPartialMatch', 'false'))


def dewey(c, version): return V.Simple(read_dewey)
def event_id(c, version): return V.Simple(read_event, True)
def node_id(event): return V.Simple(read_node)
def edge(node, number): return V.Simple(read_edge)
def lockable(element): return Lockable(element)
def buffer_node(edge_type): return BufferNode(Lockable(edge_type, BUFFER + 'Lockable'))


def nfa_state(outer, c):
    previous = c.flag() if outer >= 2 else False
    return lambda *nested: NfaState(previous)
