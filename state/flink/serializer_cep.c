// SPDX-License-Identifier: Apache-2.0
/*
 * State of pattern matching (flink-cep): Dewey numbers, events, nodes and edges of the shared buffer, NFA states. docs/formats/serializers.md.
 * Shown as the oracle shows these classes: the object with its fields. One function walks a value, with or without a text to write. Pure.
 */
#include "state/flink/snapshot_priv.h"

#include <stdlib.h>

#define NFA "org.apache.flink.cep.nfa."
#define BUFFER NFA "sharedbuffer."

static void walk_name(struct weir_src *src, struct weir_buf *out)
{
	weir__wire_value(&weir_string, src, false, out);
}

static void walk_dewey(struct weir_src *src, struct weir_buf *out)
{
	uint32_t n = weir_src_count(src, 4);

	weir__wire_text(out, "{\"@\":\"" NFA "DeweyNumber\",\"deweyNumber\":[");
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (i)
			weir__wire_text(out, ",");
		weir__wire_i64(out, weir_src_i32(src));
	}
	weir__wire_text(out, "]}");
}

static void walk_event(struct weir_src *src, struct weir_buf *out)
{
	weir__wire_text(out, "{\"@\":\"" BUFFER "EventId\",\"id\":");
	weir__wire_i64(out, weir_src_i32(src));
	weir__wire_text(out, ",\"timestamp\":");
	weir__wire_i64(out, weir_src_i64(src));
	weir__wire_text(out, "}");
}

/* i8 0: null; 1: event, page name. The page is shown first. */
static void walk_node(struct weir_src *src, struct weir_buf *out)
{
	uint8_t there = weir_src_u8(src);
	struct weir_src event;

	if (there > 1)
		weir_src_fail(src, WEIR_ECORRUPT, "the first byte of a NodeId is neither 0 nor 1");
	if (src->code || !there) {
		weir__wire_text(out, "null");
		return;
	}
	event = *src;
	walk_event(src, NULL);
	weir__wire_text(out, "{\"@\":\"" BUFFER "NodeId\",\"pageName\":");
	walk_name(src, out);
	weir__wire_text(out, ",\"eventId\":");
	if (out && !src->code)
		walk_event(&event, out);
	weir__wire_text(out, "}");
}

static void walk_edge(struct weir_src *src, struct weir_buf *out)
{
	weir__wire_text(out, "{\"@\":\"" BUFFER "SharedBufferEdge\",\"target\":");
	walk_node(src, out);
	weir__wire_text(out, ",\"deweyNumber\":");
	walk_dewey(src, out);
	weir__wire_text(out, "}");
}

/* From 1.13 each edge is lockable: i32 count of references in front. */
static void walk_buffer_node(struct weir_src *src, struct weir_buf *out, bool lockable)
{
	uint32_t n = weir_src_count(src, lockable ? 9 : 5);

	weir__wire_text(out, "{\"@\":\"" BUFFER "SharedBufferNode\",\"edges\":[");
	for (uint32_t i = 0; i < n && !src->code; i++) {
		int32_t references = lockable ? weir_src_i32(src) : 0;

		weir__wire_text(out, i ? ",{\"@\":\"" BUFFER "Lockable\",\"refCounter\":" : "{\"@\":\"" BUFFER "Lockable\",\"refCounter\":");
		weir__wire_i64(out, references);
		weir__wire_text(out, ",\"element\":");
		walk_edge(src, out);
		weir__wire_text(out, "}");
	}
	weir__wire_text(out, "]}");
}

static void walk_computation(struct weir_src *src, struct weir_buf *out, bool previous)
{
	struct weir_src name = *src, version, node;
	int64_t start, before = -1;

	walk_name(src, NULL);
	node = *src;
	walk_node(src, NULL);
	version = *src;
	walk_dewey(src, NULL);
	start = weir_src_i64(src);
	if (previous)
		before = weir_src_i64(src);
	weir__wire_text(out, "{\"@\":\"" NFA "ComputationState\",\"currentStateName\":");
	if (out && !src->code)
		walk_name(&name, out);
	weir__wire_text(out, ",\"version\":");
	if (out && !src->code)
		walk_dewey(&version, out);
	weir__wire_text(out, ",\"startTimestamp\":");
	weir__wire_i64(out, start);
	weir__wire_text(out, ",\"previousTimestamp\":");
	weir__wire_i64(out, before);
	weir__wire_text(out, ",\"previousBufferEntry\":");
	if (out && !src->code)
		walk_node(&node, out);
	weir__wire_text(out, ",\"startEventID\":");
	if (weir__wire_bool(src, "the flag of a computation state's start event is neither 0 nor 1"))
		walk_event(src, out);
	else
		weir__wire_text(out, "null");
	weir__wire_text(out, "}");
}

/* Both lists are priority queues: shown sorted by text. */
static void walk_nfa(struct weir_src *src, struct weir_buf *out, bool previous)
{
	for (int list = 0; list < 2; list++) {
		uint32_t n = weir_src_count(src, previous ? 23 : 15);
		struct weir__json_item *items = out ? malloc((n + (size_t)1) * sizeof(*items)) : NULL;
		size_t start;

		if (out && !items)
			weir_src_fail(src, WEIR_ENOMEM, "out of memory for an NFA state");
		weir__wire_text(out, list ? "],\"completedMatches\":[" : "{\"@\":\"" NFA "NFAState\",\"partialMatches\":[");
		start = out ? out->len : 0;
		for (uint32_t i = 0; i < n && !src->code; i++) {
			if (items)
				items[i].at = out->len;
			walk_computation(src, out, previous);
		}
		if (items && !src->code && !out->code)
			weir__json_sort(out, start, items, n);
		free(items);
	}
	weir__wire_text(out, "],\"stateChanged\":false,\"isNewStartPartialMatch\":false}");
}

static void walk_lockable(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	weir__wire_text(out, "{\"refCounter\":");
	weir__wire_i64(out, weir_src_i32(src));
	weir__wire_text(out, ",\"element\":");
	weir__wire_value(t->fields[0].type, src, tail, out);
	weir__wire_text(out, "}");
}

static const struct weir_serializer dewey, event_id, node_id, edge, node, old_node, nfa_state;

static void put_json(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)tail;
	if (t->serializer == &dewey)
		walk_dewey(src, out);
	else if (t->serializer == &event_id)
		walk_event(src, out);
	else if (t->serializer == &node_id)
		walk_node(src, out);
	else if (t->serializer == &edge)
		walk_edge(src, out);
	else if (t->serializer == &nfa_state)
		walk_nfa(src, out, *(const bool *)t->detail);
	else
		walk_buffer_node(src, out, t->serializer == &node);
}

static void skip(const struct weir_type *t, struct weir_src *src, bool tail)
{
	put_json(t, src, tail, NULL);
}

static void skip_lockable(const struct weir_type *t, struct weir_src *src, bool tail)
{
	walk_lockable(t, src, tail, NULL);
}

/* Outer version 2 says whether computation states hold the time of the event before. */
static void read_nfa(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	bool *previous = weir__snapshot_zero(r, sizeof(*previous));

	(void)c;
	if (previous && r->version >= 2)
		*previous = weir__wire_bool(r->src, "the flag of an NFA state's snapshot is neither 0 nor 1");
	t->detail = previous;
}

#define SERIALIZER(variable, title, least) static const struct weir_serializer variable = { .name = title, .min = least, .skip = skip, .put_json = put_json }
SERIALIZER(dewey, "DeweyNumber", 4);
SERIALIZER(event_id, "EventId", 12);
SERIALIZER(node_id, "NodeId", 1);
SERIALIZER(edge, "SharedBufferEdge", 5);
SERIALIZER(node, "SharedBufferNode", 4);
SERIALIZER(old_node, "SharedBufferNode (1.12)", 4);
SERIALIZER(nfa_state, "NFAState", 8);
static const struct weir_serializer lockable = { .name = "Lockable", .min = 4, .skip = skip_lockable, .put_json = walk_lockable };

#define COMPOSITE(class_name, s, max, n, fn) \
	{ .name = class_name, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .serializer = &(s), .outer = max, .nested = n, .read = fn }
const struct weir__snapshot_class weir__serializers_cep[] = {
	{ .name = NFA "DeweyNumber$DeweyNumberSerializer$DeweyNumberSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &dewey },
	{ .name = BUFFER "EventId$EventIdSerializer$EventIdSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &event_id },
	COMPOSITE(BUFFER "NodeId$NodeIdSerializer$NodeIdSerializerSnapshot", node_id, 1, 1, NULL),
	COMPOSITE(BUFFER "SharedBufferEdge$SharedBufferEdgeSerializer$SharedBufferEdgeSerializerSnapshot", edge, 1, 2, NULL),
	COMPOSITE(BUFFER "LockableTypeSerializerSnapshot", lockable, 1, 1, NULL),
	COMPOSITE(BUFFER "SharedBufferNodeSerializerSnapshotV2", node, 1, 1, NULL),
	COMPOSITE(BUFFER "SharedBufferNodeSerializerSnapshot", old_node, 1, 1, NULL),
	COMPOSITE(NFA "NFAStateSerializerSnapshot", nfa_state, 2, 3, read_nfa),
	{ .name = NULL },
};
