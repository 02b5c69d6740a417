// SPDX-License-Identifier: Apache-2.0
/*
 * KryoSerializer (GenericTypeInfo): object graphs of Kryo 2.24 (Flink 1.x) and 5.6 (2.x). docs/formats/serializers.md, "Kryo".
 *
 * 1. The snapshot gives the class of the values and what is registered: numbers from 85 on, in order, except for classes that have a number already.
 * 2. Which Kryo wrote a value is not in the snapshot. The metadata of a checkpoint says it (weir_serializer_written_by); else both are tried, and the one
 *    that consumes the value counts; when both do and differ, the value is shown as bytes.
 * 3. Objects of classes that are not known here do not say where they end: such a value counts as opaque, what stands in front is shown.
 * 4. Stepping over a value reads it as showing does, with the text thrown away, so the two agree.
 * Pure, but for weir_serializer_written_by, which is called before a type is shared.
 */
#include "state/flink/serializer_kryo.h"

#include "state/flink/snapshot_priv.h"

static const struct weir__kryo *detail(const struct weir_type *t) { return t->detail; }

/* One value by one Kryo. Returns the cursor's code. */
static int read_by(const struct weir_type *t, struct weir_src *src, bool five, bool tail, struct weir_buf *out, bool *cut)
{
	struct weir__kryo_graph g;

	weir__kryo_graph_init(&g, src, out, detail(t), five, tail);
	weir__kryo_object(&g);
	*cut = g.cut;
	weir__kryo_graph_fini(&g);
	return src->code ? src->code : out->code;
}

struct trial {
	struct weir_src src;
	struct weir_buf out;
	bool cut, good; /* good: read to its end, and when nothing follows to the end of the data */
};

static void try_by(const struct weir_type *t, const struct weir_src *from, bool five, bool tail, struct trial *r)
{
	*r = (struct trial){ .src = *from };
	r->good = read_by(t, &r->src, five, tail, &r->out, &r->cut) == 0 && !r->cut && (!tail || weir_src_left(&r->src) == 0);
}

static bool same(const struct trial *a, const struct trial *b)
{
	return a->src.p == b->src.p && weir_slice_eq(weir_buf_slice(&a->out), weir_buf_slice(&b->out));
}

/* Which Kryo is not known. */
static void read_by_either(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct trial two, five, *best = NULL;

	try_by(t, src, false, tail, &two);
	try_by(t, src, true, tail, &five);
	if (!tail) /* what follows cannot tell */
		best = two.good && five.good && same(&two, &five) ? &two : NULL;
	else if (two.good && five.good)
		best = same(&two, &five) ? &two : NULL;
	else if (two.good || five.good)
		best = two.good ? &two : &five;
	else if (same(&two, &five) || five.src.code || two.src.code)
		best = two.src.code ? &five : &two; /* cut, or damaged for both */
	if (best) {
		weir_buf_put_slice(out, weir_buf_slice(&best->out));
		out->code = out->code ? out->code : best->out.code;
		*src = best->src;
	} else {
		weir_src_fail(src, WEIR_ENOTYPE, "a Kryo value reads in two ways, as of Flink 1.x and of 2.x; which of them wrote it is not known");
	}
	weir_buf_fini(&two.out);
	weir_buf_fini(&five.out);
}

static void put_kryo(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	bool cut;

	if (src->code)
		return;
	if (detail(t)->major)
		(void)read_by(t, src, detail(t)->major == 5, tail, out, &cut);
	else
		read_by_either(t, src, tail, out);
}

static void skip_kryo(const struct weir_type *t, struct weir_src *src, bool tail)
{
	struct weir_buf away = { 0 };

	put_kryo(t, src, tail, &away);
	if (away.code)
		weir_src_fail(src, away.code, "out of memory for a Kryo value");
	weir_buf_fini(&away);
}

static bool undelimited_kryo(const struct weir_type *t)
{
	(void)t;
	return true;
}

static void put_kryo_name(const struct weir_type *t, struct weir_buf *out)
{
	weir_buf_text(out, "Kryo ");
	weir_buf_text(out, detail(t)->java);
}

static const struct weir_serializer kryo = {
	.name = "Kryo",
	.min = 1,
	.skip = skip_kryo,
	.put_json = put_kryo,
	.undelimited = undelimited_kryo,
	.put_name = put_kryo_name,
};

void weir_serializer_written_by(struct weir_type *t, int32_t metadata_version)
{
	if (t->kind == WEIR_WIRE && t->serializer == &kryo)
		((struct weir__kryo *)(uintptr_t)t->detail)->major = metadata_version >= 5 ? 5 : metadata_version > 0 ? 2 : 0;
	for (uint32_t i = 0; i < t->nfields; i++)
		weir_serializer_written_by(t->fields[i].type, metadata_version);
	for (uint32_t i = 0; i < t->nsubs; i++)
		if (t->subs[i].type)
			weir_serializer_written_by(t->subs[i].type, metadata_version);
}

/* ---- snapshot ---- */

/* A present key or value of an optional map, as a cursor over its frame. */
static bool take_frame(struct weir__snapshot_reader *r, struct weir_src *frame)
{
	struct weir_slice s;

	if (!weir__wire_bool(r->src, "a flag of an optional map is neither 0 nor 1"))
		return false;
	s = weir_src_blob32(r->src);
	*frame = weir_src_of(s, r->src->path, 0);
	return !r->src->code;
}

static uint32_t take_map_size(struct weir__snapshot_reader *r)
{
	if (weir_src_u64(r->src) != WEIR__OPTIONAL_MAP_HEADER)
		weir_src_fail(r->src, WEIR_ECORRUPT, "an optional map of a Kryo snapshot lacks its header");
	return weir_src_count(r->src, 4);
}

static bool has_id(const char *name)
{
	for (uint32_t id = 0; id < WEIR__KRYO_FIRST_ID; id++) {
		const char *known = weir__kryo_class_of_id(id);

		if (known && strcmp(known, name) == 0)
			return true;
	}
	return false;
}

/* The value of one registration: class, and who serializes it (0: Kryo's choice, 1: a class, 2: an object). */
static struct weir__kryo_class read_registration(struct weir__snapshot_reader *r, const char *name, struct weir_src *frame)
{
	int32_t kind;
	char *serializer;

	weir_src_utf(frame);
	kind = weir_src_i32(frame);
	if (frame->code)
		weir_src_fail(r->src, WEIR_ECORRUPT, "a registration of a Kryo snapshot is cut short");
	if (kind != 1)
		return kind == 0 || strstr(name, "GenericData$Array") ? weir__kryo_class_named(name) : weir__kryo_class_written_by(name, "");
	serializer = weir__mutf8_text(frame, weir_src_utf(frame), r->mem);
	if (!serializer) {
		weir_src_fail(r->src, frame->code ? frame->code : WEIR_ENOMEM, "a registration of a Kryo snapshot is damaged");
		return (struct weir__kryo_class){ .name = name };
	}
	return weir__kryo_class_written_by(name, serializer);
}

static void read_registrations(struct weir__snapshot_reader *r, struct weir__kryo *k)
{
	uint32_t n = take_map_size(r);

	k->registered = r->src->code ? NULL : weir__snapshot_zero(r, (n + (size_t)1) * sizeof(*k->registered));
	for (uint32_t i = 0; i < n && !r->src->code; i++) {
		const char *name = weir__snapshot_utf(r);
		struct weir__kryo_class c = { .name = name, .read = weir__kryo_unknown, .flags = WEIR__KRYO_UNSURE };
		struct weir_src frame;

		take_frame(r, &frame);
		if (take_frame(r, &frame))
			c = read_registration(r, name, &frame);
		if (!r->src->code && !has_id(name))
			k->registered[k->n++] = c;
	}
}

/* Default serializers: a class that has one is no longer written as Kryo would by itself. */
static void read_defaults(struct weir__snapshot_reader *r, struct weir__kryo *k)
{
	uint32_t n = take_map_size(r);

	for (uint32_t i = 0; i < n && !r->src->code; i++) {
		const char *name = weir__snapshot_utf(r);
		struct weir_src frame;

		take_frame(r, &frame);
		take_frame(r, &frame);
		for (uint32_t j = 0; name && j < k->n; j++)
			if (strcmp(k->registered[j].name, name) == 0 && k->registered[j].read != weir__kryo_bytes)
				k->registered[j].read = weir__kryo_unknown;
	}
}

static void read_kryo(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct weir__kryo *k = weir__snapshot_zero(r, sizeof(*k));

	(void)c;
	if (r->version < 1 || r->version > 2)
		weir_src_fail(r->src, WEIR_EVERSION, "a Kryo serializer snapshot is of a version weir does not know");
	if (!k || r->src->code)
		return;
	k->java = weir__snapshot_utf(r);
	read_registrations(r, k);
	read_defaults(r, k);
	read_defaults(r, k);
	t->detail = k;
}

const struct weir__snapshot_class weir__serializers_kryo[] = {
	{ .name = "org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &kryo, .read = read_kryo },
	{ .name = NULL },
};
