// SPDX-License-Identifier: Apache-2.0
/*
 * Variant (2.1 and later) and Bitmap (2.3 and later) of the table API: bytes of their own formats, kept as they are. docs/formats/serializers.md.
 * A Variant is two parts, value and metadata, each shown as hex, as the Java object holds them; a Bitmap is RoaringBitmap's portable format. Pure.
 */
#include "state/flink/snapshot_priv.h"

#include "base/json.h"

#define BASE "org.apache.flink.api.common.typeutils.base."
#define VARIANT "org.apache.flink.types.variant.BinaryVariant"

/* i32 length of the value, i32 length of the metadata, value, metadata. */
static void put_variant(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	uint32_t nvalue = weir_src_count(src, 1), nmeta = weir_src_count(src, 1);
	struct weir_slice value = weir_src_bytes(src, nvalue), meta = weir_src_bytes(src, nmeta);

	(void)t, (void)tail;
	if (!out || src->code)
		return;
	weir_buf_text(out, "{\"@\":\"" VARIANT "\",\"value\":");
	weir__put_hex_json(out, value);
	weir_buf_text(out, ",\"metadata\":");
	weir__put_hex_json(out, meta);
	weir_buf_text(out, ",\"pos\":0}");
}

static void skip_variant(const struct weir_type *t, struct weir_src *src, bool tail) { put_variant(t, src, tail, NULL); }

/* {"hex":..} behind its length. */
static int parse_hex(struct json_in *j, struct json_span span, struct weir_buf *out)
{
	struct json_in in = { j->start, span.p, span.end, j->err };
	int code = weir__value_parse(&weir_bytes, &in, out);

	return !code && weir__json_peek(&in) ? weir__json_fail(&in, "the end of the value") : code;
}

static int parse_variant(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	static const char *const names[] = { "value", "metadata", "pos" };
	struct weir_buf value = { 0 }, meta = { 0 };
	struct json_span s[3];
	int code = weir__json_object(j, 3, names, VARIANT, s);

	(void)t;
	if (!code && (!s[0].p || !s[1].p))
		code = weir_error_set(j->err, WEIR_EPARSE, "JSON: a Variant is {\"value\":{\"hex\":..},\"metadata\":{\"hex\":..}}");
	if (!code)
		code = parse_hex(j, s[0], &value);
	if (!code)
		code = parse_hex(j, s[1], &meta);
	if (!code && (value.code || meta.code))
		code = weir_error_set(j->err, WEIR_ENOMEM, "no memory for a Variant");
	if (!code) {
		weir_buf_i32(out, (int32_t)(value.len - 4));
		weir_buf_i32(out, (int32_t)(meta.len - 4));
		weir_buf_put(out, value.data + 4, value.len - 4);
		weir_buf_put(out, meta.data + 4, meta.len - 4);
	}
	weir_buf_fini(&value);
	weir_buf_fini(&meta);
	return code;
}

static void put_bitmap(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct weir_slice s = weir_src_blob32(src);

	(void)t, (void)tail;
	if (out && !src->code)
		weir__put_hex_json(out, s);
}

static void skip_bitmap(const struct weir_type *t, struct weir_src *src, bool tail) { put_bitmap(t, src, tail, NULL); }

static int parse_bitmap(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	(void)t;
	return weir__value_parse(&weir_bytes, j, out);
}

static const struct weir_serializer variant = { .name = "Variant", .min = 8, .skip = skip_variant, .put_json = put_variant, .parse = parse_variant };
static const struct weir_serializer bitmap = { .name = "Bitmap", .min = 4, .skip = skip_bitmap, .put_json = put_bitmap, .parse = parse_bitmap };

#define SIMPLE(X, s) { .name = BASE X "Serializer$" X "SerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
const struct weir__snapshot_class weir__serializers_variant[] = {
	SIMPLE("Variant", variant),
	SIMPLE("Bitmap", bitmap),
	{ .name = NULL },
};
