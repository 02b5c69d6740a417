// SPDX-License-Identifier: Apache-2.0
/*
 * What operators of the DataStream API keep: elements of a stream, both sides of a join, buffered join input, two-phase commit transactions.
 * docs/formats/serializers.md. Shown as the oracle shows these classes: the object with its fields. Pure.
 */
#include "state/flink/snapshot_priv.h"

#define STREAMING "org.apache.flink.streaming."

/* ---- CoGroupedStreams.UnionSerializer: i8 1 or 2, the value of that side. The class moved in 2.0; the bytes do not tell, so it has its name of 1.x ---- */

static void put_union(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint8_t side = weir_src_u8(src);

	if (!src->code && side != 1 && side != 2)
		weir_src_fail(src, WEIR_ECORRUPT, "the side of a joined value is neither 1 nor 2");
	if (src->code)
		return;
	weir__wire_text(out, side == 1 ? "{\"@\":\"" STREAMING "api.datastream.CoGroupedStreams$TaggedUnion\",\"one\":" : "{\"@\":\"" STREAMING "api.datastream.CoGroupedStreams$TaggedUnion\",\"one\":null,\"two\":");
	weir__wire_value(t->fields[side - 1].type, src, tail, out);
	weir__wire_text(out, side == 1 ? ",\"two\":null}" : "}");
}

/* ---- IntervalJoinOperator.BufferEntrySerializer: bool, the element ---- */

static void put_buffered(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	bool joined = weir__wire_bool(src, "the flag of a buffered element is neither 0 nor 1");

	weir__wire_text(out, "{\"@\":\"" STREAMING "api.operators.co.IntervalJoinOperator$BufferEntry\",\"element\":");
	weir__wire_value(t->fields[0].type, src, tail, out);
	weir__wire_text(out, joined ? ",\"hasBeenJoined\":true}" : ",\"hasBeenJoined\":false}");
}

/* ---- StreamElementSerializer: i8 tag ---- */

static void put_marker(struct weir_src *src, struct weir_buf *out)
{
	int64_t marked = weir_src_i64(src), lower = weir_src_i64(src), upper = weir_src_i64(src);
	int32_t subtask = weir_src_i32(src);

	if (out)
		weir_buf_printf(out,
				"{\"@\":\"" STREAMING "runtime.streamrecord.LatencyMarker\",\"markedTime\":%lld,\"operatorId\":{\"@\":\"org.apache.flink.runtime.jobgraph.OperatorID\","
				"\"upperPart\":%lld,\"lowerPart\":%lld},\"subtaskIndex\":%d}",
				(long long)marked, (long long)upper, (long long)lower, subtask);
}

static void put_element(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint8_t tag = weir_src_u8(src);
	int32_t channel;

	switch (tag) {
	case 0:
	case 1: /* a record with or without a time */
		weir__wire_text(out, "{\"timestamp\":");
		if (tag)
			weir__wire_text(out, "null");
		else
			weir__wire_i64(out, weir_src_i64(src));
		weir__wire_text(out, ",\"value\":");
		weir__wire_value(t->fields[0].type, src, tail, out);
		break;
	case 2:
		weir__wire_text(out, "{\"@\":\"" STREAMING "api.watermark.Watermark\",\"timestamp\":");
		weir__wire_i64(out, weir_src_i64(src));
		break;
	case 3: put_marker(src, out); return;
	case 4:
		weir__wire_text(out, "{\"@\":\"" STREAMING "runtime.watermarkstatus.WatermarkStatus\",\"status\":");
		weir__wire_i64(out, weir_src_i32(src));
		break;
	case 5:
		weir__wire_text(out, "{\"@\":\"" STREAMING "runtime.streamrecord.RecordAttributes\",\"isBacklog\":");
		weir__wire_text(out, weir__wire_bool(src, "the flag of record attributes is neither 0 nor 1") ? "true" : "false");
		break;
	case 6:
		channel = weir_src_i32(src);
		weir__wire_text(out, "{\"@\":\"" STREAMING "api.watermark.InternalWatermark\",\"subpartitionIndex\":");
		weir__wire_i64(out, channel);
		weir__wire_text(out, ",\"timestamp\":");
		weir__wire_i64(out, weir_src_i64(src));
		break;
	default: weir_src_fail(src, WEIR_ECORRUPT, "the tag of a stream element is not known"); return;
	}
	weir__wire_text(out, "}");
}

/* ---- TwoPhaseCommitSinkFunction.StateSerializer ---- */

#define TWO_PHASE STREAMING "api.functions.sink.TwoPhaseCommitSinkFunction$"

/* Is there a flag before the pending transaction? Not up to outer version 2, always in 3, from 4 on the snapshot says. */
static void read_two_phase(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	bool *flag = weir__snapshot_zero(r, sizeof(*flag));

	(void)c;
	if (flag)
		*flag = r->version == 3 || (r->version >= 4 && weir__wire_bool(r->src, "the flag of a two-phase commit snapshot is neither 0 nor 1"));
	t->detail = flag;
}

static void put_transaction(const struct weir_type *t, struct weir_src *src, struct weir_buf *out)
{
	weir__wire_text(out, "{\"@\":\"" TWO_PHASE "TransactionHolder\",\"handle\":");
	weir__wire_value(t->fields[0].type, src, false, out);
	weir__wire_text(out, ",\"transactionStartTime\":");
	weir__wire_i64(out, weir_src_i64(src));
	weir__wire_text(out, "}");
}

/* An Optional, by its toString; a text without its quotes. */
static void put_context(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct weir_buf text = { 0 };
	size_t quotes;

	weir__value_json(t, src, tail, &text);
	quotes = text.len >= 2 && text.data[0] == '"';
	weir_buf_text(out, "\"Optional[");
	if (quotes) { /* already escaped */
		weir_buf_put(out, text.data + 1, text.len - 2);
		weir_buf_text(out, "]\"");
	} else {
		struct weir_buf escaped = { 0 };

		weir_json_str(&escaped, weir_buf_cstr(&text), text.len);
		weir_buf_put(out, escaped.data + 1, escaped.len >= 2 ? escaped.len - 2 : 0);
		weir_buf_text(out, "]\"");
		weir_buf_fini(&escaped);
	}
	weir_buf_fini(&text);
}

static void put_two_phase(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	bool pending = !*(const bool *)t->detail || weir__wire_bool(src, "a flag of a two-phase commit state is neither 0 nor 1");
	uint32_t n;

	weir__wire_text(out, "{\"@\":\"" TWO_PHASE "State\",\"pendingTransaction\":");
	if (pending && !src->code)
		put_transaction(t, src, out);
	else
		weir__wire_text(out, "null");
	weir__wire_text(out, ",\"pendingCommitTransactions\":[");
	n = weir_src_count(src, 8);
	for (uint32_t i = 0; i < n && !src->code; i++) {
		if (i)
			weir__wire_text(out, ",");
		put_transaction(t, src, out);
	}
	weir__wire_text(out, "],\"context\":");
	if (!weir__wire_bool(src, "a flag of a two-phase commit state is neither 0 nor 1"))
		weir__wire_text(out, "\"Optional.empty\"");
	else if (!src->code && out)
		put_context(t->fields[1].type, src, tail, out);
	else if (!src->code)
		weir__value_skip(t->fields[1].type, src, tail);
	weir__wire_text(out, "}");
}

#define SERIALIZER(variable, title, least)                                                                \
	static void skip_##variable(const struct weir_type *t, struct weir_src *src, bool tail)             \
	{                                                                                                   \
		put_##variable(t, src, tail, NULL);                                                         \
	}                                                                                                   \
	static const struct weir_serializer variable##_serializer = { .name = title, .min = least, .skip = skip_##variable, .put_json = put_##variable };
SERIALIZER(union, "TaggedUnion", 1)
SERIALIZER(buffered, "BufferEntry", 1)
SERIALIZER(element, "StreamElement", 1)
SERIALIZER(two_phase, "two-phase commit state", 5)

#define COMPOSITE(class_name, s, max, n, fn) \
	{ .name = class_name, .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_COMPOSITE, .serializer = &(s##_serializer), .outer = max, .nested = n, .read = fn }
const struct weir__snapshot_class weir__serializers_stream[] = {
	COMPOSITE(STREAMING "api.datastream.CoGroupedStreams$UnionSerializerSnapshot", union, 2, 2, NULL),
	COMPOSITE(STREAMING "api.operators.co.IntervalJoinOperator$BufferEntrySerializerSnapshot", buffered, 2, 1, NULL),
	COMPOSITE(STREAMING "runtime.streamrecord.StreamElementSerializer$StreamElementSerializerSnapshot", element, 2, 1, NULL),
	COMPOSITE(TWO_PHASE "StateSerializerSnapshot", two_phase, 4, 2, read_two_phase),
	COMPOSITE(STREAMING "api.functions.sink.legacy.TwoPhaseCommitSinkFunction$StateSerializerSnapshot", two_phase, 4, 2, read_two_phase),
	{ .name = NULL },
};
