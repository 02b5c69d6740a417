// SPDX-License-Identifier: Apache-2.0
/*
 * AvroSerializer: records of generic, generated and reflected classes, by the writer's schema that the snapshot holds. docs/formats/serializers.md, "Avro".
 * The schema is parsed once, when the snapshot is read. Pure.
 */
#include "state/flink/snapshot_priv.h"

#include "base/arena.h"
#include "state/flink/serializer_avro.h"

struct avro {
	const struct weir__avro *schema;
	const char *java; /* runtime class, or NULL (version 1) */
};

#define GENERIC "org.apache.avro.generic."

static const struct avro *detail(const struct weir_type *t) { return t->detail; }

/* Generated classes (of Avro 1.9 and later) turn logical times into java.time; generic records hold the numbers. */
static struct weir__avro_form form_of(const struct weir_type *t)
{
	const char *java = detail(t)->java;

	return (struct weir__avro_form){ .converted = java && strncmp(java, GENERIC, strlen(GENERIC)) != 0 };
}

static void skip_avro(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)tail;
	weir__avro_skip(detail(t)->schema, src, form_of(t));
}

static void put_avro(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	(void)tail;
	weir__avro_json(detail(t)->schema, src, form_of(t), out);
}

static int parse_avro(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	return weir__avro_parse(detail(t)->schema, j, form_of(t), out);
}

static bool hash_avro(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	return weir__avro_hash(detail(t)->schema, src, form_of(t), out);
}

static uint32_t least_avro(const struct weir_type *t) { return detail(t)->schema->min; }

static void put_avro_name(const struct weir_type *t, struct weir_buf *out)
{
	const struct weir__avro *s = detail(t)->schema;

	weir_buf_text(out, "Avro ");
	weir_buf_text(out, s->name ? s->name : detail(t)->java ? detail(t)->java : "value");
	if (s->kind != WEIR__AVRO_RECORD)
		return;
	weir_buf_u8(out, '{');
	for (uint32_t i = 0; i < s->n; i++)
		weir_buf_printf(out, "%s%s", i ? ", " : "", s->names[i]);
	weir_buf_u8(out, '}');
}

static const struct weir_serializer avro = {
	.name = "Avro",
	.skip = skip_avro,
	.put_json = put_avro,
	.parse = parse_avro,
	.java_hash = hash_avro,
	.least = least_avro,
	.put_name = put_avro_name,
};

/* A StringValue as UTF-8 in the arena. */
static char *take_string(struct weir__snapshot_reader *r)
{
	struct weir_buf scratch = { 0 };
	struct weir_slice s = { NULL, 0 };
	char *text = NULL;
	uint32_t n;

	if (!weir__string_length(r->src, &n)) {
		weir_src_fail(r->src, WEIR_ECORRUPT, "an Avro snapshot has no class or no schema");
	} else {
		s = weir__string_units(r->src, n, &scratch);
		text = r->src->code ? NULL : weir_arena_text(r->mem, s.len ? (const char *)s.ptr : "", s.len);
		if (!text)
			weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for an Avro snapshot");
	}
	weir_buf_fini(&scratch);
	return text;
}

/* Version 1: schema; 2 (Flink 1.7 to 1.11): class, schema; 3: the same as StringValues, which may be longer than 64 KiB. A schema that does not parse here
 * leaves the values opaque; the snapshot can be delimited all the same. */
static void read_avro(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type *t)
{
	struct avro *a = weir__snapshot_zero(r, sizeof(*a));
	struct weir_src at;
	const char *json;

	if (r->version < 1 || r->version > 3)
		weir_src_fail(r->src, WEIR_EVERSION, "an Avro serializer snapshot is of a version weir does not know");
	if (!a || r->src->code)
		return;
	if (r->version > 1)
		a->java = r->version == 2 ? weir__snapshot_utf(r) : take_string(r);
	json = r->version < 3 ? weir__snapshot_utf(r) : take_string(r);
	at = *r->src;
	if (json)
		a->schema = weir__avro_schema(r->src, (struct weir_slice){ (const uint8_t *)json, strlen(json) }, r->mem);
	t->detail = a;
	if (!json || a->schema || r->src->code == WEIR_ENOMEM)
		return;
	*r->src = at;
	t->kind = WEIR_OPAQUE;
	t->serializer = NULL;
	t->java = c->name;
}

const struct weir__snapshot_class weir__serializers_avro[] = {
	{ .name = "org.apache.flink.formats.avro.typeutils.AvroSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_OWN, .serializer = &avro, .read = read_avro },
	{ .name = NULL },
};
