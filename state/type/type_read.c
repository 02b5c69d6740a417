// SPDX-License-Identifier: Apache-2.0
/*
 * Wire form -> native form.
 *
 * Invariants
 *  1. On success every byte of the value's fields is defined; null fields are zero (text: null), so hashing and comparing are defined.
 *  2. A null or a part that the native form cannot hold is WEIR_EINCOMPATIBLE and names the field, never a silent zero.
 *  3. ASCII text and byte arrays point into the source; other text and containers into the arena.
 *  4. Allocations follow counts that were checked against the bytes that are left.
 * Pure. Recursion follows the type.
 */
#include "state/type/serializer.h"

#include "base/arena.h"

struct reader {
	struct weir_src *src;
	struct weir_arena *mem;
	struct weir_error *err;
	struct weir_buf scratch;
};

/* Reads one value. A null goes to *null when the caller can hold it; else it is an error. */
static void read_value(struct reader *r, const struct weir_type *t, void *v, bool *null);

static void nomem(struct reader *r)
{
	weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for a value");
}

static void *room(struct reader *r, uint32_t n, const struct weir_type *t)
{
	void *p = weir_arena_alloc(r->mem, (size_t)n * t->size, t->align);

	if (!p)
		nomem(r);
	else
		memset(p, 0, (size_t)n * t->size);
	return p;
}

static void null_value(struct reader *r, const struct weir_type *t, void *v, bool *null)
{
	if (null) {
		*null = true;
		memset(v, 0, t->size);
	} else {
		weir_src_fail(r->src, WEIR_EINCOMPATIBLE, "a null where the type in memory has no room for one");
	}
}

static void read_string(struct reader *r, struct weir_str *v)
{
	struct weir_slice text;
	uint32_t n;

	if (!weir__string_length(r->src, &n)) {
		*v = WEIR_STR_NULL;
		return;
	}
	text = weir__string_units(r->src, n, &r->scratch);
	if (text.len >= WEIR_STR_NULL_LEN) {
		weir_src_fail(r->src, WEIR_EINCOMPATIBLE, "a string is larger than 4 GiB");
		return;
	}
	if (text.len > WEIR_STR_INLINE && text.ptr == r->scratch.data) {
		text.ptr = (const uint8_t *)weir_arena_text(r->mem, (const char *)text.ptr, text.len);
		if (!text.ptr) {
			nomem(r);
			return;
		}
	}
	*v = weir_str_view((const char *)text.ptr, (uint32_t)text.len);
}

static void read_timestamp(struct reader *r, const struct weir_type *t, int64_t *v, bool *null)
{
	int64_t seconds, ms;
	int32_t nanos;

	*v = 0;
	if (!weir__wire_instant(r->src, &seconds, &nanos)) {
		if (!r->src->code)
			null_value(r, t, v, null);
	} else if (nanos % 1000000) {
		weir_src_fail(r->src, WEIR_EINCOMPATIBLE, "a timestamp has a part below a millisecond, which type timestamp cannot hold");
	} else if (__builtin_mul_overflow(seconds, (int64_t)1000, &ms) || __builtin_add_overflow(ms, (int64_t)(nanos / 1000000), v)) {
		weir_src_fail(r->src, WEIR_EINCOMPATIBLE, "a timestamp does not fit into 64-bit milliseconds");
	}
}

static void read_list(struct reader *r, const struct weir_type *t, struct weir_list *v)
{
	const struct weir_type *e = t->fields[0].type;
	uint32_t n = weir__wire_count(r->src, e->wire_min);
	char *items = r->src->code ? NULL : room(r, n, e);

	for (uint32_t i = 0; i < n && !r->src->code; i++)
		read_value(r, e, items + (size_t)i * e->size, NULL);
	*v = (struct weir_list){ items, n };
}

static void read_map(struct reader *r, const struct weir_type *t, struct weir_map *v)
{
	const struct weir_type *k = t->fields[0].type, *e = t->fields[1].type;
	uint32_t n = weir__wire_count(r->src, k->wire_min + 1);
	char *keys = r->src->code ? NULL : room(r, n, k), *values = r->src->code ? NULL : room(r, n, e);
	uint8_t *nulls = NULL;

	for (uint32_t i = 0; i < n && !r->src->code; i++) {
		char *to = values + (size_t)i * e->size;
		bool null;

		read_value(r, k, keys + (size_t)i * k->size, NULL);
		null = weir__wire_bool(r->src, WEIR__BAD_NULL_FLAG);
		if (r->src->code)
			break;
		if (!null) {
			read_value(r, e, to, &null);
		} else if (e->kind == WEIR_STRING || e->kind == WEIR_BYTES) {
			*(struct weir_str *)to = WEIR_STR_NULL;
		}
		if (null && !nulls && !(nulls = weir_arena_zero(r->mem, n)))
			nomem(r);
		if (null && nulls)
			nulls[i] = 1;
	}
	*v = (struct weir_map){ keys, values, nulls, n };
}

/* A field of a record: null (told by the record), or a value that may itself turn out null. */
static void read_field(struct reader *r, const struct weir_type *t, const struct weir_field *f, void *record, bool null)
{
	void *v = (char *)record + f->offset;
	uint32_t i = (uint32_t)(f - t->fields);
	bool room_for_null = t->null_offset != WEIR_NO_NULLS, text = f->type->kind == WEIR_STRING || f->type->kind == WEIR_BYTES;

	if (!null)
		read_value(r, f->type, v, room_for_null ? &null : NULL);
	else if (!room_for_null && !text)
		null_value(r, f->type, v, NULL);
	else
		memset(v, 0, f->type->size);
	if (null && text)
		*(struct weir_str *)v = WEIR_STR_NULL;
	if (null && room_for_null) {
		uint64_t *bits = (uint64_t *)((char *)record + t->null_offset);

		*bits |= (uint64_t)1 << i;
	}
	if (r->src->code && r->err && !r->err->code) {
		const char *owner = t->name ? t->name : t->java ? t->java : weir__kind_name(t->kind);

		weir_error_at(r->err, r->src->code, r->src->path, r->src->fail_offset, "field %s (%s) of %s: %s", f->name ? f->name : "without name",
			      weir__kind_name(f->type->kind), owner, r->src->what);
	}
}

static void read_fields(struct reader *r, const struct weir_type *t, void *v)
{
	for (uint32_t i = 0; i < t->nfields && !r->src->code; i++)
		read_field(r, t, &t->fields[i], v, false);
}

static void read_pojo(struct reader *r, const struct weir_type *t, void *v, bool *null)
{
	const struct weir_type *sub;
	const char *name;
	uint8_t flags;
	uint64_t offset = weir_src_offset(r->src);

	memset(v, 0, t->size);
	flags = weir__wire_pojo_flags(t, r->src, &sub, &name);
	if (r->src->code)
		return;
	if (flags == WEIR__POJO_NULL) {
		null_value(r, t, v, null);
		return;
	}
	if (flags != WEIR__POJO_PLAIN) {
		weir_src_fail(r->src, WEIR_EINCOMPATIBLE, "a POJO is of a subclass, which a record cannot hold");
		weir_error_at(r->err, WEIR_EINCOMPATIBLE, r->src->path, offset, "a value of type %s is of its subclass %s, which a record cannot hold", t->java,
			      name ? name : "(not named in the snapshot)");
		return;
	}
	for (uint32_t i = 0; i < t->nfields && !r->src->code; i++) {
		const struct weir_field *f = weir__wire_field(t, i);
		bool is_null = weir__wire_bool(r->src, WEIR__BAD_NULL_FLAG);

		if (!r->src->code)
			read_field(r, t, f, v, is_null);
	}
}

static void read_row(struct reader *r, const struct weir_type *t, void *v)
{
	uint32_t first = weir__row_mask_bits(t) - t->nfields;
	uint8_t kind;
	const uint8_t *mask;

	memset(v, 0, t->size);
	mask = weir__wire_row_mask(t, r->src, &kind);
	if (!mask)
		return;
	if (t->null_offset != WEIR_NO_NULLS)
		((struct weir_row_head *)v)->kind = kind;
	else if (kind)
		weir_src_fail(r->src, WEIR_EINCOMPATIBLE, "a row is not of kind +I, and the record in memory has no room for a row kind");
	for (uint32_t i = 0; i < t->nfields && !r->src->code; i++)
		read_field(r, t, &t->fields[i], v, weir__mask_bit(mask, first + i));
}

static void read_value(struct reader *r, const struct weir_type *t, void *v, bool *null)
{
	struct weir_src *src = r->src;

	switch (t->kind) {
	case WEIR_BOOLEAN: *(bool *)v = weir__wire_bool(src, "a boolean is neither 0 nor 1"); break;
	case WEIR_INT8: *(uint8_t *)v = weir_src_u8(src); break;
	case WEIR_CHAR:
	case WEIR_INT16: *(uint16_t *)v = weir_src_u16(src); break;
	case WEIR_INT32: *(uint32_t *)v = weir_src_u32(src); break;
	case WEIR_INT64: *(uint64_t *)v = weir_src_u64(src); break;
	case WEIR_FLOAT: *(float *)v = weir_src_f32(src); break;
	case WEIR_DOUBLE: *(double *)v = weir_src_f64(src); break;
	case WEIR_STRING: read_string(r, v); break;
	case WEIR_BYTES: {
		struct weir_slice s = weir_src_blob32(src);

		*(struct weir_str *)v = weir_str_view((const char *)s.ptr, (uint32_t)s.len);
		break;
	}
	case WEIR_TIMESTAMP: read_timestamp(r, t, v, null); break;
	case WEIR_LIST: read_list(r, t, v); break;
	case WEIR_MAP: read_map(r, t, v); break;
	case WEIR_ROW: read_row(r, t, v); break;
	case WEIR_POJO: read_pojo(r, t, v, null); break;
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW: weir_src_u8(src); break;
	case WEIR_TIME_WINDOW:
		((struct weir_window *)v)->start_ms = weir_src_i64(src);
		((struct weir_window *)v)->end_ms = weir_src_i64(src);
		break;
	case WEIR_TIMER:
	case WEIR_TTL:
		memset(v, 0, t->size);
		*(uint64_t *)v = weir_src_u64(src) ^ (t->kind == WEIR_TIMER ? (uint64_t)1 << 63 : 0);
		read_fields(r, t, v);
		break;
	case WEIR_TUPLE:
		memset(v, 0, t->size);
		read_fields(r, t, v);
		break;
	case WEIR_WIRE: {
		const uint8_t *start = src->p;

		t->serializer->skip(t, src, false);
		if (src->p - start >= WEIR_STR_NULL_LEN)
			weir_src_fail(src, WEIR_EINCOMPATIBLE, "a value is larger than 4 GiB");
		*(struct weir_str *)v = src->code ? weir_str_view("", 0) : weir_str_view((const char *)start, (uint32_t)(src->p - start));
		break;
	}
	case WEIR_OPAQUE:
	case WEIR_KIND_MAX:
		weir_src_fail(src, WEIR_ENOTYPE, "a value of a serializer weir does not know has no form in memory");
		break;
	}
}

int weir_type_read(const struct weir_type *t, struct weir_src *src, struct weir_arena *mem, void *v, struct weir_error *err)
{
	struct reader r = { .src = src, .mem = mem, .err = err };

	read_value(&r, t, v, NULL);
	weir_buf_fini(&r.scratch);
	return weir_src_error(src, err);
}
