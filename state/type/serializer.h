/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serializer that weir knows in its wire form only (kind WEIR_WIRE): values are delimited, shown, typed and copied, and kept as
 * bytes in memory. One serializer is one struct weir_serializer and one row of a registry of snapshot classes
 * (state/flink/snapshot_priv.h), both in one file: state/flink/serializer_<family>.c.
 *
 * Rules for its functions
 *  - Pure; they may be called by several threads at once on the same type.
 *  - Damage is a sticky error of the cursor (weir_src_fail); after a failure reads give zeros, so check before loops and allocations.
 *  - Lengths are compared with the bytes left before memory is taken; recursion is bounded (WEIR__TYPE_DEPTH).
 *  - skip and put_json accept the same values and agree where a value ends; parse writes what put_json showed as the same bytes.
 *  - tail: nothing follows the value in its frame; hand it on to the last nested value (it may be OPAQUE).
 */
#ifndef WEIR_STATE_TYPE_SERIALIZER_H
#define WEIR_STATE_TYPE_SERIALIZER_H

#include "base/json.h"
#include "state/type/json_in.h"
#include "state/type/type_priv.h"

struct weir_serializer {
	const char *name;  /* in messages and type texts: "BigDecimal", "binary row" */
	uint32_t min;      /* least bytes of a value */
	void (*skip)(const struct weir_type *t, struct weir_src *src, bool tail);
	void (*put_json)(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out);
	/* Optional: JSON -> wire form. NULL: values cannot be typed, and the message says so. */
	int (*parse)(const struct weir_type *t, struct json_in *j, struct weir_buf *out);
	/* Optional: the value is a text in JSON and may be typed without quotes ("bare"). */
	bool text;
	/* Optional: Java's hashCode of the value at the cursor. NULL: not known. False: not known for this value. */
	bool (*java_hash)(const struct weir_type *t, struct weir_src *src, int32_t *out);
	/* Optional: least bytes of a value, where the snapshot decides. NULL: min. */
	uint32_t (*least)(const struct weir_type *t);
	/* Optional: whether values need not say where they end (as OPAQUE): skip may fail with WEIR_ENOTYPE unless tail. NULL: when a nested type is so. */
	bool (*undelimited)(const struct weir_type *t);
	/* Optional: TypeSerializer.getLength(); NULL: -1. */
	int (*length)(const struct weir_type *t);
	/* Optional: the name in type texts, "decimal(10,2)"; NULL: name and the nested types. */
	void (*put_name)(const struct weir_type *t, struct weir_buf *out);
};

/* For serializers whose skip and put_json are one function: with `out` NULL nothing is written, the value is only stepped over. */
static inline void weir__wire_value(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	if (out)
		weir__value_json(t, src, tail, out);
	else
		weir__value_skip(t, src, tail);
}
static inline void weir__wire_text(struct weir_buf *out, const char *text)
{
	if (out)
		weir_buf_text(out, text);
}
static inline void weir__wire_i64(struct weir_buf *out, int64_t v)
{
	if (out)
		weir_json_i64(out, v);
}

#endif
