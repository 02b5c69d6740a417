// SPDX-License-Identifier: Apache-2.0
/*
 * Serializers of before Flink 1.8: TypeSerializer objects in Java streams turned into types, and the snapshots called configurations (1.2 to 1.7,
 * in user serializers to 1.16). docs/formats/serializers.md, "Before 1.8".
 *
 *   SNAP with version 0x7A53C4F0: i32 1, i32 length, Java object of the serializer; i32 version and body of the configuration
 *   PROXY 1: i32 1, UTF class, i32 version, body: of a configuration, or of a snapshot that a class known today reads
 *   body of composites: i32 n; n times i32 offset of the serializer, i32 offset of its configuration; i32 bytes; there, for each,
 *     i32 1, i32 length, Java object; PROXY
 *
 * Invariants
 *  1. A serializer is known by its class: the class of its snapshot is named after it. Its parts are told by the configurations where they are
 *     known, else by the fields of the Java object. What neither tells is OPAQUE, and its bytes are kept.
 *  2. Offsets frame every part, so damage inside one makes that part opaque, not the whole.
 * Pure. May fail: damage outside of frames, configurations of unknown classes without a plausible end, out of memory.
 */
#include "state/flink/java_object.h"
#include "state/flink/sql_type.h"

#include "base/arena.h"

#include <stdio.h>

#define MAX_PARTS 1024u

/* ---- from a serializer's class to its type ---- */

/* The registry's row of the snapshot class that is named after a serializer's class. */
static const struct weir__snapshot_class *row_of_serializer(const char *class_name)
{
	const char *last = class_name, *outer = NULL;
	const struct weir__snapshot_class *c = NULL;
	struct weir_buf b = { 0 };

	for (const char *p = class_name; *p; p++)
		if (*p == '.' || *p == '$') {
			outer = last;
			last = p + 1;
		}
	for (int way = 0; way < 3 && !c; way++) {
		weir_buf_clear(&b);
		if (way == 0) /* IntSerializer$IntSerializerSnapshot */
			weir_buf_printf(&b, "%s$%sSnapshot", class_name, last);
		else if (way == 1) /* ListSerializerSnapshot */
			weir_buf_printf(&b, "%sSnapshot", class_name);
		else if (outer && strcmp(last, "Serializer") == 0) /* TimeWindow$Serializer$TimeWindowSerializerSnapshot */
			weir_buf_printf(&b, "%s$%.*sSerializerSnapshot", class_name, (int)(last - outer - 1), outer);
		c = weir__snapshot_class_named(weir_buf_cstr(&b));
	}
	weir_buf_fini(&b);
	return c;
}

/* A type of this class with these parts. NULL: they do not fit it, or its snapshot would say more than its parts. */
static struct weir_type *assemble(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, struct weir_type **parts, uint32_t n)
{
	bool builtin = c && !c->serializer;
	struct weir_type *t;

	if (!c || (c->form != WEIR__SNAPSHOT_SIMPLE && c->form != WEIR__SNAPSHOT_COMPOSITE) || (c->form == WEIR__SNAPSHOT_SIMPLE && n))
		return NULL;
	if (c->form == WEIR__SNAPSHOT_COMPOSITE && !builtin && (c->read || (c->nested != n && c->nested != WEIR__ANY_NESTED)))
		return NULL;
	if (c->kind == WEIR_TTL && n == 2 && parts[0]->kind == WEIR_INT64) { /* the time of last access is its own */
		parts++;
		n--;
	}
	if ((c->kind == WEIR_LIST || c->kind == WEIR_TTL) ? n != 1 : (c->kind == WEIR_MAP || c->kind == WEIR_TIMER) ? n != 2 : c->kind == WEIR_TUPLE && (n < 1 || n > 25))
		return NULL;
	t = weir__snapshot_zero(r, sizeof(*t));
	if (!t || !weir__snapshot_fields(r, t, n))
		return NULL;
	t->kind = c->kind;
	t->serializer = c->serializer;
	t->java = c->usual ? NULL : c->name;
	t->null_offset = c->kind == WEIR_ROW && n <= 64 ? 0 : WEIR_NO_NULLS;
	t->snapshot_version = c->kind == WEIR_ROW ? 2 : 0; /* rows had no kind then */
	for (uint32_t i = 0; i < n; i++)
		t->fields[i].type = parts[i];
	weir__snapshot_name_fields(r, t);
	return r->src->code ? NULL : t;
}

/* ---- from a serializer's Java object ---- */

static struct weir_type *type_of_object(struct weir__snapshot_reader *r, const struct weir_java_node *o, uint32_t depth)
{
	static const char *const names[][2] = { { "elementSerializer" }, { "keySerializer", "valueSerializer" }, { "leftSerializer", "rightSerializer" } };
	const struct weir__snapshot_class *c = o && o->kind == WEIR_JAVA_OBJECT && depth < 8 ? row_of_serializer(o->class->name) : NULL;
	struct weir_java_value list[2] = { { .type = 'L' }, { .type = 'L' } };
	const struct weir_java_value *items = list;
	struct weir_type **parts;
	uint32_t n = 0;

	if (!c)
		return NULL;
	if (c->form == WEIR__SNAPSHOT_COMPOSITE && !weir_java_elements(weir_java_node_of(o, "fieldSerializers"), &items, &n))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !n; i++)
			for (; n < 2 && names[i][n] && weir_java_node_of(o, names[i][n]); n++)
				list[n].u.node = weir_java_node_of(o, names[i][n]);
	if (n > MAX_PARTS || n > r->budget)
		return NULL;
	r->budget -= n;
	parts = weir__snapshot_zero(r, (n + (size_t)1) * sizeof(*parts));
	for (uint32_t i = 0; i < n && parts; i++) {
		parts[i] = type_of_object(r, items[i].u.node, depth + 1);
		if (!parts[i])
			return NULL;
	}
	return parts ? assemble(r, c, parts, n) : NULL;
}

struct weir_type *weir__java_serializer_type(struct weir__snapshot_reader *r, const struct weir_java_node *serializer)
{
	struct weir_type *t = type_of_object(r, serializer, 0);

	return t && weir__type_prepare_in(t, r->mem, NULL) == 0 ? t : NULL; /* it is no field of a type that would prepare it */
}

/* i32 1, i32 length, Java object: its type (NULL: not known) and class. Damage inside is not damage of the snapshot. */
static struct weir_type *read_serializer(struct weir__snapshot_reader *r, const char **class_name)
{
	struct weir_arena tree = { 0 };
	struct weir_java_value v;
	struct weir_type *t = NULL;
	struct weir_slice s;
	struct weir_src src;

	if (weir_src_i32(r->src) != 1)
		weir_src_fail(r->src, WEIR_EVERSION, "a Java-serialized serializer is of a version weir does not know");
	s = weir_src_blob32(r->src);
	src = weir_src_of(s, NULL, 0);
	if (!r->src->code && weir_java_read(&src, &tree, &v) == 0 && v.u.node && v.u.node->kind == WEIR_JAVA_OBJECT) {
		*class_name = weir_arena_text(r->mem, v.u.node->class->name, strlen(v.u.node->class->name));
		t = weir__java_serializer_type(r, v.u.node);
	}
	weir_arena_fini(&tree);
	if (src.code == WEIR_ENOMEM)
		weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for a serializer snapshot");
	return t;
}

/* ---- configurations ---- */

/* The bytes of a frame for one reader; damage in them ends there. */
static struct weir_type *read_part(struct weir__snapshot_reader *r, struct weir_slice s, struct weir_type *(*read)(struct weir__snapshot_reader *r))
{
	struct weir_src outer = *r->src;
	struct weir__snapshot_next next = r->next;
	struct weir_type *t;
	int code;

	r->src->p = s.ptr;
	r->src->end = s.ptr + s.len;
	r->next = (struct weir__snapshot_next){ .framed = true };
	t = read(r);
	code = r->src->code;
	r->next = next;
	if (code != WEIR_ENOMEM)
		*r->src = outer;
	return code ? NULL : t;
}

static struct weir_type *read_object_part(struct weir__snapshot_reader *r)
{
	const char *class_name;

	return read_serializer(r, &class_name);
}

static struct weir_type *read_proxy_part(struct weir__snapshot_reader *r)
{
	int32_t version = weir_src_i32(r->src);
	bool before = r->before_1_7;
	struct weir_type *t;

	if (version != 1 && version != 2)
		weir_src_fail(r->src, WEIR_EVERSION, "a serializer snapshot is of a version weir does not know");
	if (r->src->code)
		return NULL;
	r->before_1_7 = version == 1;
	t = weir__snapshot_inner(r, true);
	r->before_1_7 = before;
	return t;
}

static struct weir_type *opaque(struct weir__snapshot_reader *r, const char *class_name)
{
	struct weir_type *t = weir__snapshot_zero(r, sizeof(*t));

	if (!t || !weir__snapshot_fields(r, t, 0))
		return NULL;
	t->kind = WEIR_OPAQUE;
	t->java = class_name;
	t->null_offset = WEIR_NO_NULLS;
	return t;
}

/* The frames of a list of serializers with their configurations. False, at the start again: this is not one. */
static bool read_frames(struct weir_src *src, uint32_t *n, const uint8_t **offsets, struct weir_slice *frames)
{
	struct weir_src start = *src;
	uint32_t before = 0;

	*n = weir_src_count(src, 8);
	if (*n > MAX_PARTS)
		weir_src_fail(src, WEIR_EUNSUPPORTED, "a list of serializers is longer than 1024");
	*offsets = weir_src_take(src, src->code ? 0 : 8 * (size_t)*n);
	*frames = weir_src_blob32(src);
	for (uint32_t i = 0; i < 2 * *n && !src->code; i++) {
		uint32_t at = weir_be32(*offsets + 4 * (size_t)i);

		if (at < before || at > frames->len)
			weir_src_fail(src, WEIR_ECORRUPT, "the parts of a list of serializers do not follow each other");
		before = at;
	}
	if (!src->code)
		return true;
	*src = start;
	return false;
}

struct weir_type **weir__snapshot_legacy_list(struct weir__snapshot_reader *r, uint32_t *n)
{
	struct weir_type **parts;
	const uint8_t *offsets;
	struct weir_slice frames;

	if (r->src->code || !read_frames(r->src, n, &offsets, &frames)) {
		*n = 0;
		return NULL;
	}
	parts = weir__snapshot_zero(r, (*n + (size_t)1) * sizeof(*parts));
	for (uint32_t i = 0; i < *n && parts && !r->src->code; i++) {
		uint32_t from = weir_be32(offsets + 8 * (size_t)i), middle = weir_be32(offsets + 8 * (size_t)i + 4);
		uint32_t to = i + 1 < *n ? weir_be32(offsets + 8 * (size_t)i + 8) : (uint32_t)frames.len;
		struct weir_type *object, *config;

		config = read_part(r, (struct weir_slice){ frames.ptr + middle, to - middle }, read_proxy_part);
		object = !config || config->kind == WEIR_OPAQUE ? read_part(r, (struct weir_slice){ frames.ptr + from, middle - from }, read_object_part) : NULL;
		parts[i] = object ? object : config ? config : opaque(r, "(a serializer the snapshot does not tell)");
	}
	return r->src->code ? NULL : parts;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* The serializer that a configuration belongs to, by their names: TupleSerializerConfigSnapshot, RowSerializer$RowSerializerConfigSnapshot. */
static const struct weir__snapshot_class *row_of_config(const char *config)
{
	const char *inner = strchr(config, '$');
	size_t n = inner ? (size_t)(inner - config) : strlen(config) - (ends_with(config, "ConfigSnapshot") ? 14 : 0);
	char name[256];

	if (ends_with(config, ".CollectionSerializerConfigSnapshot"))
		return row_of_serializer("org.apache.flink.api.common.typeutils.base.ListSerializer");
	if (n >= sizeof(name))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)n, config);
	return row_of_serializer(name);
}

struct weir_type *weir__snapshot_legacy(struct weir__snapshot_reader *r, char *class_name, int32_t version)
{
	const char *serializer = NULL;
	struct weir_type *t = NULL, **parts = NULL, *whole;
	uint32_t n = 0;

	if (version == WEIR__LEGACY_MARKER) {
		t = read_serializer(r, &serializer);
		version = weir_src_i32(r->src);
	}
	if (!r->src->code && (version < 0 || version > 255))
		weir_src_fail(r->src, WEIR_ECORRUPT, "the configuration of a serializer is of an impossible version");
	if (ends_with(class_name, ".ParameterlessTypeSerializerConfig")) {
		char *named = weir__snapshot_utf(r);

		serializer = serializer ? serializer : named;
	} else if (ends_with(class_name, ".GenericTypeSerializerConfigSnapshot")) {
		weir__snapshot_utf(r);
	} else {
		parts = weir__snapshot_legacy_list(r, &n);
		if (!parts && !r->src->code)
			weir__snapshot_find_end(r, class_name);
		else if (ends_with(class_name, ".TupleSerializerConfigSnapshot") || ends_with(class_name, "CaseClassSerializerConfigSnapshot") ||
			 ends_with(class_name, ".GenericArraySerializerConfigSnapshot"))
			weir__java_skip(r, 1); /* the class of the values */
	}
	if (r->src->code)
		return NULL;
	whole = parts || serializer ? assemble(r, serializer ? row_of_serializer(serializer) : row_of_config(class_name), parts, n) : NULL;
	t = whole ? whole : t ? t : opaque(r, class_name);
	if (t && t->kind == WEIR_OPAQUE)
		t->snapshot_version = version;
	return r->src->code ? NULL : t;
}
