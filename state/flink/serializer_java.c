// SPDX-License-Identifier: Apache-2.0
/*
 * Java-serialized objects as values (JavaSerializer of runtime.state). docs/formats/serializers.md, "Java objects".
 *
 * Invariants
 *  1. An object is shown from the stream alone: numbers, texts, enums, the usual collections and maps as JSON has them, any other object as
 *     {"@":class,field:..} with its fields in the order of the stream, superclasses first.
 *  2. References to what was shown already are shown again, within a budget and a depth: a stream may contain itself.
 * Pure. May fail: damage, out of memory.
 */
#include "state/flink/java_object.h"
#include "state/flink/sql_type.h"

#include "base/arena.h"
#include "base/json.h"

#include <stdlib.h>

/* ---- values ---- */

#define SHOW_DEPTH 64u
#define SHOW_BUDGET (1u << 20) /* references followed in one value, beyond which it is shown as bytes */

struct show {
	struct weir_buf *out;
	uint32_t budget;
	bool too_large;
};

static void put_value(struct show *x, const struct weir_java_value *v, uint32_t depth);

static void put_elements(struct show *x, const struct weir_java_value *items, uint32_t n, uint32_t depth)
{
	weir_buf_u8(x->out, '[');
	for (uint32_t i = 0; i < n && !x->too_large; i++) {
		if (i)
			weir_buf_u8(x->out, ',');
		put_value(x, &items[i], depth + 1);
	}
	weir_buf_u8(x->out, ']');
}

static void put_set(struct show *x, const struct weir_java_value *items, uint32_t n, uint32_t step, uint32_t depth)
{
	struct weir__json_item *texts = malloc((n + (size_t)1) * sizeof(*texts));
	size_t start;

	if (!texts) {
		x->out->code = WEIR_ENOMEM;
		return;
	}
	weir_buf_u8(x->out, '[');
	start = x->out->len;
	for (uint32_t i = 0; i < n && !x->too_large; i++) {
		texts[i].at = x->out->len;
		if (step == 2)
			put_elements(x, items + 2 * (size_t)i, 2, depth);
		else
			put_value(x, &items[i], depth + 1);
	}
	if (!x->too_large && !x->out->code)
		weir__json_sort(x->out, start, texts, n);
	weir_buf_u8(x->out, ']');
	free(texts);
}

/* An array of primitives. */
static void put_primitives(struct show *x, const struct weir_java_node *o)
{
	struct weir_src src = weir_src_of(o->bytes, NULL, 0);
	char type = o->class->name[1];
	uint8_t c;

	if (type == 'B') {
		weir__put_hex_json(x->out, o->bytes);
		return;
	}
	weir_buf_u8(x->out, '[');
	for (uint32_t i = 0; i < o->n; i++) {
		if (i)
			weir_buf_u8(x->out, ',');
		switch (type) {
		case 'Z':
			c = weir_src_u8(&src);
			weir_buf_text(x->out, c ? "true" : "false");
			break;
		case 'S': weir_json_i64(x->out, weir_src_i16(&src)); break;
		case 'I': weir_json_i64(x->out, weir_src_i32(&src)); break;
		case 'J': weir_json_i64(x->out, weir_src_i64(&src)); break;
		case 'F': weir_json_f32(x->out, weir_src_f32(&src)); break;
		case 'D': weir_json_f64(x->out, weir_src_f64(&src)); break;
		default: weir__value_json(&weir_char, &src, false, x->out);
		}
	}
	weir_buf_u8(x->out, ']');
}

static void put_plain(struct show *x, const struct weir_java_value *v)
{
	uint8_t unit[2] = { (uint8_t)(v->u.i >> 8), (uint8_t)v->u.i };
	struct weir_src src = weir_src_of((struct weir_slice){ unit, 2 }, NULL, 0);

	switch (v->type) {
	case 'Z': weir_buf_text(x->out, v->u.i ? "true" : "false"); return;
	case 'C': weir__value_json(&weir_char, &src, false, x->out); return;
	case 'F': weir_json_f32(x->out, (float)v->u.d); return;
	case 'D': weir_json_f64(x->out, v->u.d); return;
	default: weir_json_i64(x->out, v->u.i);
	}
}

/* java.lang.Integer and its like. */
static bool put_boxed(struct show *x, const struct weir_java_node *o)
{
	static const char *const boxes[] = { "Boolean", "Byte", "Character", "Short", "Integer", "Long", "Float", "Double" };
	const struct weir_java_value *v = weir_java_field(o, "value");

	if (!v || v->type == 'L' || strncmp(o->class->name, "java.lang.", 10) != 0)
		return false;
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++)
		if (strcmp(o->class->name + 10, boxes[i]) == 0) {
			put_plain(x, v);
			return true;
		}
	return false;
}

static void put_fields(struct show *x, const struct weir_java_node *o, uint32_t depth)
{
	weir_buf_text(x->out, "{\"@\":");
	weir_json_text(x->out, o->class->name);
	for (uint32_t l = 0; l < o->n && !x->too_large; l++) {
		const struct weir_java_level *level = &o->levels[l];

		for (uint16_t i = 0; level->fields && i < level->class->nfields && !x->too_large; i++) {
			weir_buf_u8(x->out, ',');
			weir_json_text(x->out, level->class->fields[i].name);
			weir_buf_u8(x->out, ':');
			put_value(x, &level->fields[i], depth + 1);
		}
		if (level->nitems) {
			weir_buf_text(x->out, ",\"written\":");
			put_elements(x, level->items, level->nitems, depth);
		}
	}
	weir_buf_u8(x->out, '}');
}

static void put_object(struct show *x, const struct weir_java_node *o, uint32_t depth)
{
	const struct weir_java_value *items;
	uint32_t n;
	bool sorted = weir_java_is(o, "java.util.HashSet") || weir_java_is(o, "java.util.LinkedHashSet") || weir_java_is(o, "java.util.PriorityQueue");

	if (put_boxed(x, o))
		return;
	if (weir_java_entries(o, &items, &n))
		put_set(x, items, n, 2, depth);
	else if (!weir_java_elements(o, &items, &n))
		put_fields(x, o, depth);
	else if (sorted)
		put_set(x, items, n, 1, depth);
	else
		put_elements(x, items, n, depth);
}

static void put_value(struct show *x, const struct weir_java_value *v, uint32_t depth)
{
	const struct weir_java_node *o = v->type == 'L' ? v->u.node : NULL;
	struct weir_buf text = { 0 };

	if (v->type != 'L') {
		put_plain(x, v);
		return;
	}
	if (!o) {
		weir_buf_text(x->out, "null");
		return;
	}
	if (depth >= SHOW_DEPTH || !x->budget) {
		x->too_large = true;
		return;
	}
	x->budget--;
	switch (o->kind) {
	case WEIR_JAVA_STRING:
	case WEIR_JAVA_ENUM_CONSTANT:
		weir_java_put_text(&text, o);
		weir_json_str(x->out, text.data ? (const char *)text.data : "", text.len);
		if (text.code)
			x->out->code = text.code;
		weir_buf_fini(&text);
		return;
	case WEIR_JAVA_CLASS: weir_json_text(x->out, o->class->name); return;
	case WEIR_JAVA_BLOCK: weir__put_hex_json(x->out, o->bytes); return;
	case WEIR_JAVA_ARRAY:
		if (o->bytes.ptr)
			put_primitives(x, o);
		else
			put_elements(x, o->items, o->n, depth);
		return;
	case WEIR_JAVA_OBJECT: put_object(x, o, depth);
	}
}

static void skip_java(const struct weir_type *t, struct weir_src *src, bool tail)
{
	struct weir_arena tree = { 0 };
	struct weir_java_value v;

	(void)t, (void)tail;
	weir_java_read(src, &tree, &v);
	weir_arena_fini(&tree);
}

static void put_java(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct show x = { .out = out, .budget = SHOW_BUDGET };
	const uint8_t *start = src->p;
	struct weir_arena tree = { 0 };
	struct weir_java_value v;
	size_t at = out->len;

	(void)t, (void)tail;
	if (weir_java_read(src, &tree, &v) == 0) {
		put_value(&x, &v, 0);
		if (x.too_large) { /* contains itself, or nearly so */
			out->len = at;
			weir__put_hex_json(out, (struct weir_slice){ start, (size_t)(src->p - start) });
		}
	}
	weir_arena_fini(&tree);
}

static const struct weir_serializer java = { .name = "Java object", .min = 5, .skip = skip_java, .put_json = put_java };

const struct weir__snapshot_class weir__serializers_java[] = {
	{ .name = "org.apache.flink.runtime.state.JavaSerializer$JavaSerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &java },
	{ .name = NULL },
};

void weir__java_skip(struct weir__snapshot_reader *r, uint32_t n)
{
	for (; n > 0 && !r->src->code; n--)
		skip_java(NULL, r->src, false);
}
