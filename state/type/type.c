// SPDX-License-Identifier: Apache-2.0
/*
 * Types: the built-in ones, preparation, and builders.
 *
 * Invariants
 *  1. A prepared type (WEIR_TYPE_READY) never changes; every type below it is prepared too, and its depth is at most 32.
 *  2. The native form of a record is what a C compiler makes of the struct: fields in declared order, each at its natural
 *     alignment; with null_offset 0 a bitmap (rows: struct weir_row_head) stands in front of them.
 *  3. Wire order of a POJO is String.compareTo of the field names, unless it was read from a snapshot, whose order rules.
 * Adding a kind: the enum, `kinds` below, then one case in each of type_write.c, type_read.c, type_skip.c, type_json.c, type_parse.c,
 * type_value.c, type_hash.c, type_java.c, and a row in the registry of state/flink/snapshot.c.
 * Threads: preparation is serialized by one mutex; the READY flag is set last, with release order.
 * May fail: malformed types, out of memory.
 */
#include "state/type/type_priv.h"

#include "base/arena.h"
#include "state/type/serializer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* What is known about a kind without its fields. min and java_length of kinds with fields are computed. */
static const struct kind {
	const char *name;
	uint32_t size, align, min;
	int java_length;
	bool flat;
} kinds[WEIR_KIND_MAX] = {
#define SCALAR(n, T, min, len) { n, sizeof(T), _Alignof(T), min, len, true }
	[WEIR_BOOLEAN] = SCALAR("boolean", bool, 1, 1),
	[WEIR_INT8] = SCALAR("int8", int8_t, 1, 1),
	[WEIR_INT16] = SCALAR("int16", int16_t, 2, 2),
	[WEIR_INT32] = SCALAR("int32", int32_t, 4, 4),
	[WEIR_INT64] = SCALAR("int64", int64_t, 8, 8),
	[WEIR_FLOAT] = SCALAR("float", float, 4, 4),
	[WEIR_DOUBLE] = SCALAR("double", double, 8, 8),
	[WEIR_CHAR] = SCALAR("char", uint16_t, 2, 2),
	[WEIR_STRING] = { "string", sizeof(struct weir_str), _Alignof(struct weir_str), 1, -1, false },
	[WEIR_BYTES] = { "bytes", sizeof(struct weir_str), _Alignof(struct weir_str), 4, -1, false },
	[WEIR_TIMESTAMP] = SCALAR("timestamp", int64_t, 12, 12),
	[WEIR_LIST] = { "list", sizeof(struct weir_list), _Alignof(struct weir_list), 4, -1, false },
	[WEIR_MAP] = { "map", sizeof(struct weir_map), _Alignof(struct weir_map), 4, -1, false },
	[WEIR_TUPLE] = { "tuple", 0, 1, 0, 0, true },
	[WEIR_ROW] = { "row", 0, 1, 0, -1, true },
	[WEIR_POJO] = { "POJO", 0, 1, 1, -1, true },
	[WEIR_VOID] = { "void", 0, 1, 1, 0, true },
	[WEIR_TIME_WINDOW] = SCALAR("time window", struct weir_window, 16, 16),
	[WEIR_GLOBAL_WINDOW] = { "global window", 0, 1, 1, 1, true },
	[WEIR_TIMER] = { "timer", 0, 1, 8, 8, true },
	[WEIR_TTL] = { "ttl", 0, 1, 8, 8, true },
	[WEIR_WIRE] = { "wire", sizeof(struct weir_str), _Alignof(struct weir_str), 0, -1, false },
	[WEIR_OPAQUE] = { "opaque", sizeof(struct weir_str), _Alignof(struct weir_str), 0, -1, false },
};

#define BUILT_IN(variable, k, T, minimum)                                                                                   \
	struct weir_type variable = { .kind = (k), .flags = WEIR_TYPE_READY | WEIR_TYPE_FLAT, .size = sizeof(T),           \
				      .align = _Alignof(T), .null_offset = WEIR_NO_NULLS, .wire_min = (minimum), .depth = 1 }
#define BUILT_IN_TEXT(variable, k, minimum)                                                                                 \
	struct weir_type variable = { .kind = (k), .flags = WEIR_TYPE_READY, .size = sizeof(struct weir_str),              \
				      .align = _Alignof(struct weir_str), .null_offset = WEIR_NO_NULLS, .wire_min = (minimum), .depth = 1 }
#define BUILT_IN_NOTHING(variable, k)                                                                                       \
	struct weir_type variable = { .kind = (k), .flags = WEIR_TYPE_READY | WEIR_TYPE_FLAT, .size = 0, .align = 1,       \
				      .null_offset = WEIR_NO_NULLS, .wire_min = 1, .depth = 1 }

BUILT_IN(weir_boolean, WEIR_BOOLEAN, bool, 1);
BUILT_IN(weir_int8, WEIR_INT8, int8_t, 1);
BUILT_IN(weir_int16, WEIR_INT16, int16_t, 2);
BUILT_IN(weir_int32, WEIR_INT32, int32_t, 4);
BUILT_IN(weir_int64, WEIR_INT64, int64_t, 8);
BUILT_IN(weir_float, WEIR_FLOAT, float, 4);
BUILT_IN(weir_double, WEIR_DOUBLE, double, 8);
BUILT_IN(weir_char, WEIR_CHAR, uint16_t, 2);
BUILT_IN_TEXT(weir_string, WEIR_STRING, 1);
BUILT_IN_TEXT(weir_bytes, WEIR_BYTES, 4);
BUILT_IN(weir_timestamp, WEIR_TIMESTAMP, int64_t, 12);
BUILT_IN_NOTHING(weir_void, WEIR_VOID);
BUILT_IN(weir_time_window, WEIR_TIME_WINDOW, struct weir_window, 16);
BUILT_IN_NOTHING(weir_global_window, WEIR_GLOBAL_WINDOW);

static pthread_mutex_t prepare_lock = PTHREAD_MUTEX_INITIALIZER;

const char *weir__kind_name(enum weir_kind k)
{
	return (unsigned)k < WEIR_KIND_MAX ? kinds[k].name : "unknown kind";
}

const char *weir__type_noun(const struct weir_type *t)
{
	return t->kind == WEIR_WIRE && t->serializer ? t->serializer->name : weir__kind_name(t->kind);
}

int weir_type_field(const struct weir_type *t, const char *name)
{
	for (uint32_t i = 0; i < t->nfields; i++)
		if (t->fields[i].name && strcmp(t->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

int weir_type_java_length(const struct weir_type *t)
{
	int sum = kinds[t->kind].java_length;

	if (t->kind == WEIR_VOID && t->java) /* VoidSerializer; only VoidNamespaceSerializer says 0 */
		return 1;
	if (t->kind == WEIR_WIRE)
		return t->serializer->length ? t->serializer->length(t) : -1;
	if (t->kind != WEIR_TUPLE && t->kind != WEIR_TIMER && t->kind != WEIR_TTL)
		return sum;
	for (uint32_t i = 0; i < t->nfields; i++) {
		int n = weir_type_java_length(t->fields[i].type);

		if (n < 0 || (n == 0 && t->kind != WEIR_TIMER))
			return -1;
		sum += n;
	}
	return sum;
}

/* ---- preparation ---- */

static int prepare(struct weir_type *t, struct weir_arena *a, uint32_t level, struct weir_error *err);

static const char *title(const struct weir_type *t)
{
	return t->name ? t->name : t->java ? t->java : weir__type_noun(t);
}

static int check_arity(const struct weir_type *t, struct weir_error *err)
{
	static const uint8_t exact[WEIR_KIND_MAX] = { [WEIR_LIST] = 1, [WEIR_MAP] = 2, [WEIR_TIMER] = 2, [WEIR_TTL] = 1 };
	bool record = t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO;

	if ((unsigned)t->kind >= WEIR_KIND_MAX)
		return weir_error_set(err, WEIR_EINVALID, "a type has the unknown kind %d", (int)t->kind);
	if (t->kind == WEIR_WIRE)
		return t->serializer ? 0 : weir_error_set(err, WEIR_EINVALID, "a type of kind wire names no serializer");
	if (!record && t->nfields != exact[t->kind])
		return weir_error_set(err, WEIR_EINVALID, "a %s has %u inner types; it needs %u", weir__kind_name(t->kind), t->nfields, exact[t->kind]);
	if (t->kind == WEIR_TUPLE && (t->nfields < 1 || t->nfields > 25))
		return weir_error_set(err, WEIR_EINVALID, "a tuple has %u fields; Flink has Tuple1 to Tuple25", t->nfields);
	if (t->nfields > UINT16_MAX)
		return weir_error_set(err, WEIR_EINVALID, "%s has %u fields; the limit is 65535", title(t), t->nfields);
	if (t->kind == WEIR_POJO && !t->java)
		return weir_error_set(err, WEIR_EINVALID, "a POJO has no class name");
	if (record && t->null_offset != WEIR_NO_NULLS && (t->null_offset != 0 || t->nfields > 64))
		return weir_error_set(err, WEIR_EINVALID, "the null bitmap of %s must stand in front and covers at most 64 fields", title(t));
	return 0;
}

static int by_name(const void *a, const void *b, void *arg)
{
	const struct weir_field *fields = arg;
	const char *x = fields[*(const uint16_t *)a].name, *y = fields[*(const uint16_t *)b].name;

	return weir__utf16_cmp(x, strlen(x), y, strlen(y));
}

/* Field names present and distinct; POJO: wire order. */
static int order_fields(struct weir_type *t, struct weir_arena *a, struct weir_error *err)
{
	uint16_t *order;
	uint32_t n = t->nfields;
	int code = 0;

	if ((t->kind != WEIR_POJO && t->kind != WEIR_ROW) || n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		if (t->fields[i].name)
			continue;
		if (t->kind == WEIR_ROW && !t->fields[0].name) /* a row without names has none at all */
			return 0;
		return weir_error_set(err, WEIR_EINVALID, "field %u of %s has no name", i, title(t));
	}
	order = a ? weir_arena_alloc(a, n * sizeof(*order), 8) : malloc(n * sizeof(*order));
	if (!order)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory for the fields of %s", title(t));
	for (uint32_t i = 0; i < n; i++)
		order[i] = (uint16_t)i;
	qsort_r(order, n, sizeof(*order), by_name, t->fields);
	for (uint32_t i = 1; i < n && !code; i++)
		if (strcmp(t->fields[order[i]].name, t->fields[order[i - 1]].name) == 0)
			code = weir_error_set(err, WEIR_EINVALID, "%s has two fields called %s", title(t), t->fields[order[i]].name);
	if (!code && t->kind == WEIR_POJO && !t->wire_order && !t->snapshot.len)
		t->wire_order = order;
	else if (!a)
		free(order);
	return code;
}

static uint32_t add_min(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static uint32_t wire_min(const struct weir_type *t)
{
	uint32_t min = kinds[t->kind].min;

	if (t->kind == WEIR_ROW)
		return (weir__row_mask_bits(t) + 7) / 8;
	if (t->kind == WEIR_WIRE)
		return t->serializer->least ? t->serializer->least(t) : t->serializer->min;
	if (t->kind == WEIR_TUPLE || t->kind == WEIR_TIMER || t->kind == WEIR_TTL)
		for (uint32_t i = 0; i < t->nfields; i++)
			min = add_min(min, t->fields[i].type->wire_min);
	return min;
}

/* Offsets, size and alignment of the native struct. */
static int lay_out(struct weir_type *t, struct weir_error *err)
{
	bool record = t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO || t->kind == WEIR_TIMER || t->kind == WEIR_TTL;
	uint64_t at = 0, size;
	uint32_t align = kinds[t->kind].align;

	if (!record) {
		t->size = kinds[t->kind].size;
		t->align = align;
		return 0;
	}
	if (t->kind == WEIR_TIMER || t->kind == WEIR_TTL || t->null_offset == 0) {
		at = t->kind == WEIR_ROW ? sizeof(struct weir_row_head) : 8;
		align = 8;
	}
	for (uint32_t i = 0; i < t->nfields; i++) {
		const struct weir_type *f = t->fields[i].type;

		at = (at + f->align - 1) & ~(uint64_t)(f->align - 1);
		t->fields[i].offset = (uint32_t)at;
		at += f->size;
		if (f->align > align)
			align = f->align;
		if (at > INT32_MAX)
			return weir_error_set(err, WEIR_EINVALID, "%s is larger than 2 GiB in memory", title(t));
	}
	size = (at + align - 1) & ~(uint64_t)(align - 1);
	if (t->size && (t->size != size || t->align != align))
		return weir_error_set(err, WEIR_EINVALID,
				      "%s: the struct is %u bytes (alignment %u), its declared fields make %llu (alignment %u); "
				      "declare every member of the struct, in order",
				      title(t), t->size, t->align, (unsigned long long)size, align);
	t->size = (uint32_t)size;
	t->align = align;
	return 0;
}

static int prepare_inner(struct weir_type *t, struct weir_field *fields, uint32_t n, struct weir_arena *a, uint32_t level, struct weir_error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		struct weir_type *f = fields[i].type;
		int code;

		if (!f && fields == t->subs)
			continue;
		if (!f)
			return weir_error_set(err, WEIR_EINVALID, "field %u of %s has no type", i, title(t));
		code = prepare(f, a, level + 1, err);
		if (code)
			return code;
		if (f->depth + 1 > t->depth)
			t->depth = f->depth + 1;
		if (t->depth + level > WEIR__TYPE_DEPTH)
			return weir_error_set(err, WEIR_EINVALID, "%s: types are nested deeper than %u", title(t), WEIR__TYPE_DEPTH);
	}
	return 0;
}

static int prepare(struct weir_type *t, struct weir_arena *a, uint32_t level, struct weir_error *err)
{
	uint32_t flags = WEIR_TYPE_READY;
	int code;

	if (__atomic_load_n(&t->flags, __ATOMIC_ACQUIRE) & WEIR_TYPE_READY)
		return 0;
	if (level >= WEIR__TYPE_DEPTH)
		return weir_error_set(err, WEIR_EINVALID, "%s: types are nested deeper than %u", title(t), WEIR__TYPE_DEPTH);
	code = check_arity(t, err);
	if (code)
		return code;
	t->depth = 1;
	code = prepare_inner(t, t->fields, t->nfields, a, level, err);
	if (!code)
		code = prepare_inner(t, t->subs, t->nsubs, a, level, err);
	if (!code)
		code = order_fields(t, a, err);
	if (!code)
		code = lay_out(t, err);
	if (code)
		return code;
	t->wire_min = wire_min(t);
	if (kinds[t->kind].flat)
		flags |= WEIR_TYPE_FLAT;
	if (t->kind == WEIR_OPAQUE || (t->kind == WEIR_WIRE && t->serializer->undelimited && t->serializer->undelimited(t)))
		flags |= WEIR_TYPE_OPAQUE;
	for (uint32_t i = 0; i < t->nfields; i++) {
		if (!(t->fields[i].type->flags & WEIR_TYPE_FLAT))
			flags &= ~(uint32_t)WEIR_TYPE_FLAT;
		if (t->kind != WEIR_WIRE || !t->serializer->undelimited) /* a serializer that says so speaks for what is inside too */
			flags |= t->fields[i].type->flags & WEIR_TYPE_OPAQUE;
	}
	__atomic_store_n(&t->flags, flags, __ATOMIC_RELEASE);
	return 0;
}

int weir__type_prepare_in(struct weir_type *t, struct weir_arena *a, struct weir_error *err)
{
	int code;

	if (__atomic_load_n(&t->flags, __ATOMIC_ACQUIRE) & WEIR_TYPE_READY)
		return 0;
	pthread_mutex_lock(&prepare_lock);
	code = prepare(t, a, 0, err);
	pthread_mutex_unlock(&prepare_lock);
	return code;
}

int weir_type_prepare(struct weir_type *t, struct weir_error *err)
{
	return weir__type_prepare_in(t, NULL, err);
}

/* ---- builders ---- */

static struct weir_type *build(struct weir_arena *a, enum weir_kind kind, const char *java, uint32_t n, struct weir_type *const *fields,
			       const char *const *names, bool nulls, struct weir_error *err)
{
	struct weir_type *t = weir_arena_zero(a, sizeof(*t));
	char text[16];

	if (!t)
		goto nomem;
	t->kind = kind;
	t->nfields = n;
	t->null_offset = nulls && n <= 64 ? 0 : WEIR_NO_NULLS;
	if (java && !(t->java = weir_arena_text(a, java, strlen(java))))
		goto nomem;
	if (n > UINT16_MAX) {
		weir_error_set(err, WEIR_EINVALID, "a %s of %u fields; the limit is 65535", weir__kind_name(kind), n);
		return NULL;
	}
	t->fields = weir_arena_zero(a, (n + 1) * sizeof(*t->fields));
	if (!t->fields)
		goto nomem;
	for (uint32_t i = 0; i < n; i++) {
		const char *name = names ? names[i] : NULL;

		if (kind == WEIR_TUPLE) {
			snprintf(text, sizeof(text), "f%u", i);
			name = text;
		}
		t->fields[i].type = fields[i];
		if (name && !(t->fields[i].name = weir_arena_text(a, name, strlen(name))))
			goto nomem;
		if (fields[i] && weir_type_prepare(fields[i], err)) /* not in this arena: it may belong to someone else */
			return NULL;
	}
	return weir__type_prepare_in(t, a, err) ? NULL : t;
nomem:
	weir_error_set(err, WEIR_ENOMEM, "out of memory for a type");
	return NULL;
}

struct weir_type *weir_type_list(struct weir_arena *a, struct weir_type *element, struct weir_error *err)
{
	return build(a, WEIR_LIST, NULL, 1, &element, (const char *const[]){ "element" }, false, err);
}

struct weir_type *weir_type_map(struct weir_arena *a, struct weir_type *key, struct weir_type *value, struct weir_error *err)
{
	return build(a, WEIR_MAP, NULL, 2, (struct weir_type *[]){ key, value }, (const char *const[]){ "key", "value" }, false, err);
}

struct weir_type *weir_type_tuple(struct weir_arena *a, uint32_t n, struct weir_type *const *fields, struct weir_error *err)
{
	return build(a, WEIR_TUPLE, NULL, n, fields, NULL, false, err);
}

struct weir_type *weir_type_row(struct weir_arena *a, uint32_t n, struct weir_type *const *fields, const char *const *names, struct weir_error *err)
{
	return build(a, WEIR_ROW, NULL, n, fields, names, true, err);
}

struct weir_type *weir_type_pojo(struct weir_arena *a, const char *java, uint32_t n, struct weir_type *const *fields, const char *const *names,
				 struct weir_error *err)
{
	return build(a, WEIR_POJO, java, n, fields, names, true, err);
}

struct weir_type *weir_type_timer(struct weir_arena *a, struct weir_type *key, struct weir_type *ns, struct weir_error *err)
{
	return build(a, WEIR_TIMER, NULL, 2, (struct weir_type *[]){ key, ns }, (const char *const[]){ "key", "namespace" }, false, err);
}

struct weir_type *weir_type_ttl(struct weir_arena *a, struct weir_type *value, struct weir_error *err)
{
	return build(a, WEIR_TTL, NULL, 1, &value, (const char *const[]){ "value" }, false, err);
}
