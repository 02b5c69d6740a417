// SPDX-License-Identifier: Apache-2.0
/*
 * Java's hashCode of values as Flink holds them: Flink's key groups depend on it, so it is as fixed as a file format.
 * Arithmetic is Java's: 32 bits, wrapping. `deep` is org.apache.flink.types.RowUtils, which hashes what lies in a Row in its own
 * way: a scalar counts 31 more, a map 1 more, byte arrays by content. Checked against a JVM (tests/golden/java-hashes.txt).
 * Pure. Recursion follows the type. May fail: types whose hashCode is the user's (POJO) or the object's identity (byte[]).
 */
#include "state/type/serializer.h"

#include "base/hash.h"

static int hash_value(const struct weir_type *t, const void *v, bool deep, uint32_t *out, struct weir_error *err);

static int no_hash(const struct weir_type *t, struct weir_error *err)
{
	char text[256];

	weir_type_text(t, text, sizeof(text));
	if (t->kind == WEIR_POJO)
		return weir_error_set(err, WEIR_EUNSUPPORTED,
				      "%s: the hashCode of a POJO is written by its author, so the key group of such a key cannot be computed; use a scalar or a tuple as key", text);
	return weir_error_set(err, WEIR_EUNSUPPORTED, "%s has no hashCode that depends on its value alone, so it cannot be a key", text);
}

static int hash_string(const struct weir_str *s, uint32_t *out, struct weir_error *err)
{
	const uint8_t *p = (const uint8_t *)weir_str_data(s);
	uint32_t len = weir_str_len(s), h = 0, i = 0;
	size_t bad;

	for (; i < len && p[i] < 0x80; i++)
		h = 31 * h + p[i];
	if (i < len && weir__utf8_units((const char *)p, len, &bad) < 0)
		return weir_error_set(err, WEIR_EINVALID, "a string key is not UTF-8: byte 0x%02x at offset %zu", (unsigned)p[bad], bad);
	while (i < len) {
		uint32_t c = p[i], n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		uint32_t cp = n == 1 ? c : n == 2 ? c & 31u : n == 3 ? c & 15u : c & 7u;

		for (uint32_t k = 1; k < n; k++)
			cp = cp << 6 | (p[i + k] & 63u);
		if (n == 4) {
			h = 31 * h + (0xd800 + ((cp - 0x10000) >> 10));
			cp = 0xdc00 + (cp & 0x3ff);
		}
		h = 31 * h + cp;
		i += n;
	}
	*out = h;
	return 0;
}

static uint32_t hash_double(double d)
{
	uint64_t bits = 0x7ff8000000000000u;

	if (d == d)
		memcpy(&bits, &d, 8);
	return (uint32_t)weir_java_hash_i64((int64_t)bits);
}

static uint32_t hash_float(float f)
{
	uint32_t bits = 0x7fc00000u;

	if (f == f)
		memcpy(&bits, &f, 4);
	return bits;
}

static uint32_t hash_instant(int64_t ms)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);

	return (uint32_t)weir_java_hash_i64(seconds) + 51u * ((uint32_t)(ms - seconds * 1000) * 1000000u);
}

static uint32_t hash_window(const struct weir_window *w)
{
	uint64_t x = (uint64_t)w->start_ms + (uint64_t)w->end_ms;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(x ^ x >> 31);
}

static int hash_list(const struct weir_type *t, const struct weir_list *l, bool deep, uint32_t *out, struct weir_error *err)
{
	const struct weir_type *e = t->fields[0].type;
	uint32_t h = 1;
	int code = 0;

	for (uint32_t i = 0; i < l->count && !code; i++) {
		const void *v = (const char *)l->items + (size_t)i * e->size;
		uint32_t x = 0;

		if (!weir__value_is_null(e, v))
			code = hash_value(e, v, deep, &x, err);
		h = 31 * h + x;
	}
	*out = h;
	return code;
}

static int hash_map(const struct weir_type *t, const struct weir_map *m, bool deep, uint32_t *out, struct weir_error *err)
{
	const struct weir_type *k = t->fields[0].type, *e = t->fields[1].type;
	uint32_t sum = deep;
	int code = 0;

	for (uint32_t i = 0; i < m->count && !code; i++) {
		const void *key = (const char *)m->keys + (size_t)i * k->size;
		uint32_t x = 0, y = 0;

		if (!weir__value_is_null(k, key))
			code = hash_value(k, key, deep, &x, err);
		if (!code && !weir__map_value_is_null(t, m, i))
			code = hash_value(e, (const char *)m->values + (size_t)i * e->size, deep, &y, err);
		sum += x ^ y;
	}
	*out = sum;
	return code;
}

/* Tuples: 31 * h + field from the first field on; rows: from 1 on, deep, then the row kind in front. */
static int hash_record(const struct weir_type *t, const void *v, uint32_t *out, struct weir_error *err)
{
	bool row = t->kind == WEIR_ROW;
	uint32_t h = row;
	int code = 0;

	for (uint32_t i = 0; i < t->nfields && !code; i++) {
		uint32_t x = 0;

		if (!weir__field_is_null(t, i, v))
			code = hash_value(t->fields[i].type, (const char *)v + t->fields[i].offset, row, &x, err);
		h = 31 * h + x;
	}
	if (row && t->null_offset != WEIR_NO_NULLS)
		h += 31u * ((const struct weir_row_head *)v)->kind;
	*out = h;
	return code;
}

static uint32_t hash_bytes(const struct weir_str *s)
{
	const int8_t *p = (const int8_t *)weir_str_data(s);
	uint32_t h = 1;

	for (uint32_t i = 0; i < weir_str_len(s); i++)
		h = 31 * h + (uint32_t)(int32_t)p[i];
	return h;
}

static int hash_wire(const struct weir_type *t, const void *v, uint32_t *out, struct weir_error *err)
{
	const struct weir_str *s = v;
	struct weir_src src = weir_src_of((struct weir_slice){ (const uint8_t *)weir_str_data(s), weir_str_len(s) }, NULL, 0);
	int32_t h;

	if (!t->serializer->java_hash || !t->serializer->java_hash(t, &src, &h) || src.code)
		return no_hash(t, err);
	*out = (uint32_t)h;
	return 0;
}

static int hash_value(const struct weir_type *t, const void *v, bool deep, uint32_t *out, struct weir_error *err)
{
	int code = 0;

	switch (t->kind) {
	case WEIR_BOOLEAN: *out = *(const uint8_t *)v ? 1231 : 1237; break;
	case WEIR_INT8: *out = (uint32_t)(int32_t)*(const int8_t *)v; break;
	case WEIR_INT16: *out = (uint32_t)(int32_t)*(const int16_t *)v; break;
	case WEIR_CHAR: *out = *(const uint16_t *)v; break;
	case WEIR_INT32: *out = *(const uint32_t *)v; break;
	case WEIR_INT64: *out = (uint32_t)weir_java_hash_i64(*(const int64_t *)v); break;
	case WEIR_FLOAT: *out = hash_float(*(const float *)v); break;
	case WEIR_DOUBLE: *out = hash_double(*(const double *)v); break;
	case WEIR_STRING: code = hash_string(v, out, err); break;
	case WEIR_TIMESTAMP: *out = hash_instant(*(const int64_t *)v); break;
	case WEIR_TIME_WINDOW: *out = hash_window(v); break;
	case WEIR_VOID: *out = t->java ? 0 : 99; break; /* java.lang.Void is always null; VoidNamespace says 99 */
	case WEIR_GLOBAL_WINDOW: *out = 0; break;
	case WEIR_BYTES:
		if (!deep)
			return no_hash(t, err);
		*out = hash_bytes(v);
		break;
	case WEIR_LIST: return hash_list(t, v, deep, out, err);
	case WEIR_MAP: return hash_map(t, v, deep, out, err);
	case WEIR_WIRE: code = hash_wire(t, v, out, err); break;
	case WEIR_TUPLE:
	case WEIR_ROW: code = hash_record(t, v, out, err); break;
	default: return no_hash(t, err);
	}
	if (deep)
		*out += 31;
	return code;
}

int weir_type_java_hash(const struct weir_type *t, const void *v, int32_t *out_hash, struct weir_error *err)
{
	uint32_t h = 0;
	int code = 0;

	if (!weir__value_is_null(t, v))
		code = hash_value(t, v, false, &h, err);
	if (!code)
		*out_hash = (int32_t)h;
	return code;
}
