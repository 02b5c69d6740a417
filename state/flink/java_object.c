// SPDX-License-Identifier: Apache-2.0
/*
 * Java object streams, read into a tree.
 *
 * Invariants
 *  1. Everything allocated is paid for by bytes that were read: at most some forty bytes of memory for one of input. Levels of an object
 *     whose class has neither fields nor data of its own take none.
 *  2. Recursion is capped (DEPTH), and so is the number of classes above a class (a class may not be its own superclass).
 *  3. Handles are numbered as Java numbers them: class descriptors, objects, arrays, strings, enum constants, class objects.
 *  4. Nothing is executed or resolved: readObject, readResolve and classes of the job do not exist here.
 * A class whose writeObject leaves its own fields out without saying so cannot be told from one that writes them (the stream does not
 * say); none of the classes that Flink serializes does that.
 * Pure. May fail: damage, streams of protocol 1 inside, an exception written into the stream, out of memory.
 */
#include "state/flink/java_object.h"

#include "base/arena.h"
#include "base/text.h"
#include "state/type/type_priv.h"

#include <stdlib.h>

enum { TC_NULL = 0x70, TC_REFERENCE, TC_CLASSDESC, TC_OBJECT, TC_STRING, TC_ARRAY, TC_CLASS, TC_BLOCKDATA, TC_ENDBLOCKDATA, TC_RESET, TC_BLOCKDATALONG,
       TC_EXCEPTION, TC_LONGSTRING, TC_PROXYCLASSDESC, TC_ENUM };

#define HEADER 0xaced0005u
#define BASE_HANDLE 0x7e0000u
#define DEPTH 200u
#define CLASS_DEPTH 64u

struct handle {
	struct weir_java_class *class;
	struct weir_java_node *node; /* one of the two */
};

struct reader {
	struct weir_src *src;
	struct weir_arena *mem;
	struct handle *handles;
	uint32_t nhandles, cap;
};

static void read_content(struct reader *r, uint32_t depth, bool *end, struct weir_java_value *out);

static void *fail(struct reader *r, int code, const char *what)
{
	weir_src_fail(r->src, code, what);
	return NULL;
}

static void *room(struct reader *r, size_t n, size_t size)
{
	void *p = r->src->code ? NULL : weir_arena_zero(r->mem, (n ? n : 1) * size);

	return p || r->src->code ? p : fail(r, WEIR_ENOMEM, "out of memory for a Java object stream");
}

static bool add_handle(struct reader *r, struct weir_java_class *class, struct weir_java_node *node)
{
	if (r->src->code)
		return false;
	if (r->nhandles == r->cap) {
		uint32_t cap = r->cap ? 2 * r->cap : 32;
		struct handle *more = realloc(r->handles, cap * sizeof(*more));

		if (!more)
			return fail(r, WEIR_ENOMEM, "out of memory for a Java object stream") != NULL;
		r->handles = more;
		r->cap = cap;
	}
	r->handles[r->nhandles++] = (struct handle){ class, node };
	return true;
}

static const struct handle *read_reference(struct reader *r)
{
	uint32_t at = weir_src_u32(r->src) - BASE_HANDLE;

	if (!r->src->code && at < r->nhandles)
		return &r->handles[at];
	return fail(r, WEIR_ECORRUPT, "a Java object stream refers to something it has not said before");
}

static struct weir_java_node *new_node(struct reader *r, enum weir_java_kind kind, const struct weir_java_class *class)
{
	struct weir_java_node *o = room(r, 1, sizeof(*o));

	if (o) {
		o->kind = kind;
		o->class = class;
	}
	return o;
}

/* ---- text ---- */

/* One UTF-16 unit of modified UTF-8. */
static bool take_unit(const uint8_t **p, const uint8_t *end, uint32_t *unit)
{
	uint32_t c = **p, n = c < 0x80 ? 1 : c >= 0xc0 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 0;

	if (!n || (size_t)(end - *p) < n)
		return false;
	*unit = n == 1 ? c : n == 2 ? c & 31 : c & 15;
	for (uint32_t i = 1; i < n; i++) {
		if ((*p)[i] >> 6 != 2)
			return false;
		*unit = *unit << 6 | ((*p)[i] & 63);
	}
	*p += n;
	return true;
}

static struct weir_slice check_text(struct reader *r, struct weir_slice s)
{
	const uint8_t *p = s.ptr, *end = s.ptr ? s.ptr + s.len : NULL;
	uint32_t unit;

	while (!r->src->code && p < end)
		if (!take_unit(&p, end, &unit))
			fail(r, WEIR_ECORRUPT, "a string of a Java object stream is not text (modified UTF-8)");
	return s;
}

static struct weir_slice read_long_text(struct reader *r)
{
	uint64_t n = weir_src_u64(r->src);

	if (n > weir_src_left(r->src))
		fail(r, WEIR_ETRUNCATED, "a string of a Java object stream is longer than the data that follows");
	return weir_src_bytes(r->src, (size_t)n);
}

void weir_java_put_text(struct weir_buf *out, const struct weir_java_node *o)
{
	const uint8_t *p = o->bytes.ptr, *end = p ? p + o->bytes.len : NULL;
	uint32_t unit, high = 0;

	while (p < end && take_unit(&p, end, &unit)) {
		uint8_t *to = weir_buf_room(out, 4);
		uint32_t cp = unit;

		if (!to)
			return;
		if (high && unit >= 0xdc00 && unit < 0xe000) {
			cp = 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
			out->len -= 3;
			to = out->data + out->len;
		}
		high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
		out->len += weir_utf8_put(to, cp);
	}
}

bool weir_java_text_is(const struct weir_java_node *o, const char *ascii)
{
	return o && (o->kind == WEIR_JAVA_STRING || o->kind == WEIR_JAVA_ENUM_CONSTANT) && weir_slice_is(o->bytes, ascii);
}

static struct weir_java_node *read_string(struct reader *r, uint8_t tc)
{
	struct weir_java_node *o = new_node(r, WEIR_JAVA_STRING, NULL);

	if (!o || !add_handle(r, NULL, o))
		return NULL;
	o->bytes = check_text(r, tc == TC_STRING ? weir_src_utf(r->src) : read_long_text(r));
	return o;
}

/* A string or a reference to one. */
static struct weir_java_node *read_string_content(struct reader *r)
{
	uint8_t tc = weir_src_u8(r->src);
	const struct handle *h;

	if (tc == TC_STRING || tc == TC_LONGSTRING)
		return read_string(r, tc);
	h = tc == TC_REFERENCE ? read_reference(r) : NULL;
	if (h && h->node && h->node->kind == WEIR_JAVA_STRING)
		return h->node;
	return fail(r, WEIR_ECORRUPT, "a Java object stream has no string where one must be");
}

/* ---- class descriptors ---- */

/* Items up to the end mark. */
static void read_items(struct reader *r, uint32_t depth, struct weir_java_value **items, uint32_t *n)
{
	uint32_t cap = 0;

	*n = 0;
	*items = NULL;
	while (!r->src->code) {
		struct weir_java_value v;
		bool end = true;

		read_content(r, depth, &end, &v);
		if (r->src->code || end)
			return;
		if (*n == cap) {
			struct weir_java_value *more;

			cap = cap ? 2 * cap : 4;
			more = room(r, cap, sizeof(v));
			if (!more)
				return;
			if (*n)
				memcpy(more, *items, *n * sizeof(v));
			*items = more;
		}
		(*items)[(*n)++] = v;
	}
}

static void read_declared(struct reader *r, struct weir_java_class *c)
{
	c->nfields = weir_src_u16(r->src);
	if (!r->src->code && c->nfields > weir_src_left(r->src) / 3)
		fail(r, WEIR_ETRUNCATED, "a class of a Java object stream has more fields than the data that follows");
	c->fields = room(r, c->nfields, sizeof(*c->fields));
	for (uint16_t i = 0; i < c->nfields && !r->src->code; i++) {
		c->fields[i].type = (char)weir_src_u8(r->src);
		c->fields[i].name = weir__mutf8_text(r->src, weir_src_utf(r->src), r->mem);
		if (!r->src->code && (!c->fields[i].type || !strchr("BCDFIJSZL[", c->fields[i].type)))
			fail(r, WEIR_ECORRUPT, "a field of a Java object stream is of a type Java does not have");
		if (c->fields[i].type == 'L' || c->fields[i].type == '[')
			read_string_content(r); /* its class, which nobody needs */
	}
}

static struct weir_java_class *read_class(struct reader *r, uint32_t depth);

static struct weir_java_class *read_new_class(struct reader *r, bool proxy, uint32_t depth)
{
	struct weir_java_class *c = room(r, 1, sizeof(*c));
	struct weir_java_value *items;
	uint32_t n;

	if (!c)
		return NULL;
	c->proxy = proxy;
	c->name = "(proxy)";
	if (proxy) {
		add_handle(r, c, NULL);
		n = weir_src_count(r->src, 2);
		for (uint32_t i = 0; i < n && !r->src->code; i++)
			check_text(r, weir_src_utf(r->src));
		c->flags = WEIR_JAVA_SERIALIZABLE;
	} else {
		c->name = weir__mutf8_text(r->src, weir_src_utf(r->src), r->mem);
		c->uid = weir_src_u64(r->src);
		add_handle(r, c, NULL);
		c->flags = weir_src_u8(r->src);
		read_declared(r, c);
	}
	read_items(r, depth + 1, &items, &n);
	c->super = read_class(r, depth + 1);
	if (r->src->code)
		return NULL;
	c->depth = c->super ? c->super->depth + 1 : 0;
	if (c->depth > CLASS_DEPTH)
		return fail(r, WEIR_EUNSUPPORTED, "a class of a Java object stream has more than 64 superclasses");
	c->complete = true;
	return c;
}

/* A class descriptor, a reference to one, or NULL for null. */
static struct weir_java_class *read_class(struct reader *r, uint32_t depth)
{
	uint8_t tc = weir_src_u8(r->src);
	const struct handle *h;

	if (r->src->code || tc == TC_NULL)
		return NULL;
	if (depth >= DEPTH)
		return fail(r, WEIR_EUNSUPPORTED, "a Java object stream is nested deeper than 200");
	if (tc == TC_CLASSDESC || tc == TC_PROXYCLASSDESC)
		return read_new_class(r, tc == TC_PROXYCLASSDESC, depth);
	h = tc == TC_REFERENCE ? read_reference(r) : NULL;
	if (h && h->class && h->class->complete)
		return h->class;
	return fail(r, WEIR_ECORRUPT, "a Java object stream has no class where one must be");
}

/* ---- values ---- */

static void read_value(struct reader *r, char type, uint32_t depth, struct weir_java_value *v)
{
	v->type = type;
	switch (type) {
	case 'B': v->u.i = (int8_t)weir_src_u8(r->src); break;
	case 'Z': v->u.i = weir_src_u8(r->src) != 0; break;
	case 'S': v->u.i = weir_src_i16(r->src); break;
	case 'C': v->u.i = weir_src_u16(r->src); break;
	case 'I': v->u.i = weir_src_i32(r->src); break;
	case 'J': v->u.i = weir_src_i64(r->src); break;
	case 'F': v->u.d = (double)weir_src_f32(r->src); break;
	case 'D': v->u.d = weir_src_f64(r->src); break;
	default: read_content(r, depth, NULL, v);
	}
}

static void read_level(struct reader *r, const struct weir_java_class *c, uint32_t depth, struct weir_java_level *l)
{
	l->class = c;
	if (c->flags & WEIR_JAVA_EXTERNALIZABLE) {
		if (!(c->flags & WEIR_JAVA_BLOCK_DATA))
			fail(r, WEIR_EUNSUPPORTED, "an Externalizable object of a Java object stream is of protocol 1, which does not say where it ends");
		else
			read_items(r, depth, &l->items, &l->nitems);
		return;
	}
	if (!r->src->code && c->nfields > weir_src_left(r->src))
		fail(r, WEIR_ETRUNCATED, "an object of a Java object stream ends inside its fields");
	l->fields = room(r, c->nfields, sizeof(*l->fields));
	for (uint16_t i = 0; i < c->nfields && !r->src->code; i++)
		read_value(r, c->fields[i].type, depth, &l->fields[i]);
	if (c->flags & WEIR_JAVA_WRITE_METHOD)
		read_items(r, depth, &l->items, &l->nitems);
}

static bool writes_something(const struct weir_java_class *c)
{
	return c->nfields || (c->flags & (WEIR_JAVA_WRITE_METHOD | WEIR_JAVA_EXTERNALIZABLE));
}

static struct weir_java_node *read_object(struct reader *r, uint32_t depth)
{
	const struct weir_java_class *c = read_class(r, depth + 1), *chain[CLASS_DEPTH + 1];
	struct weir_java_node *o;
	uint32_t n = 0;

	if (!c)
		return fail(r, WEIR_ECORRUPT, "an object of a Java object stream has no class");
	o = new_node(r, WEIR_JAVA_OBJECT, c);
	if (!o || !add_handle(r, NULL, o))
		return NULL;
	for (; c; c = c->super)
		if (writes_something(c))
			chain[n++] = c;
	o->levels = room(r, n, sizeof(*o->levels));
	for (; n > 0 && !r->src->code; n--)
		read_level(r, chain[n - 1], depth + 1, &o->levels[o->n++]);
	return o;
}

static uint32_t primitive_size(char type)
{
	static const char types[] = "BZSCIFJD", sizes[] = { 1, 1, 2, 2, 4, 4, 8, 8 };
	const char *at = type ? strchr(types, type) : NULL;

	return at ? (uint32_t)sizes[at - types] : 0;
}

static struct weir_java_node *read_array(struct reader *r, uint32_t depth)
{
	const struct weir_java_class *c = read_class(r, depth + 1);
	struct weir_java_node *o = c ? new_node(r, WEIR_JAVA_ARRAY, c) : NULL;
	uint32_t size, n;

	if (!o || c->name[0] != '[' || !add_handle(r, NULL, o))
		return fail(r, WEIR_ECORRUPT, "an array of a Java object stream has no class of arrays");
	size = primitive_size(c->name[1]);
	n = weir_src_count(r->src, size ? size : 1);
	if (r->src->code)
		return NULL;
	o->n = n;
	if (size) {
		o->bytes = weir_src_bytes(r->src, (size_t)n * size);
		return o;
	}
	o->items = room(r, n, sizeof(*o->items));
	for (uint32_t i = 0; i < n && !r->src->code; i++)
		read_content(r, depth + 1, NULL, &o->items[i]);
	return o;
}

static struct weir_java_node *read_enum(struct reader *r, uint32_t depth)
{
	const struct weir_java_class *c = read_class(r, depth + 1);
	struct weir_java_node *o = c ? new_node(r, WEIR_JAVA_ENUM_CONSTANT, c) : NULL, *name;

	if (!o || !add_handle(r, NULL, o))
		return fail(r, WEIR_ECORRUPT, "an enum constant of a Java object stream has no class");
	name = read_string_content(r);
	if (name)
		o->bytes = name->bytes;
	return o;
}

static struct weir_java_node *read_class_object(struct reader *r, uint32_t depth)
{
	const struct weir_java_class *c = read_class(r, depth + 1);
	struct weir_java_node *o = c ? new_node(r, WEIR_JAVA_CLASS, c) : NULL;

	if (!o || !add_handle(r, NULL, o))
		return fail(r, WEIR_ECORRUPT, "a class object of a Java object stream has no class");
	return o;
}

static struct weir_java_node *read_block(struct reader *r, uint8_t tc)
{
	struct weir_java_node *o = new_node(r, WEIR_JAVA_BLOCK, NULL);

	if (o)
		o->bytes = weir_src_bytes(r->src, tc == TC_BLOCKDATA ? weir_src_u8(r->src) : weir_src_count(r->src, 1));
	return o;
}

/* One value. end: among items, where blocks of data and the end mark may stand; it is set to whether this was the end mark. */
static void read_content(struct reader *r, uint32_t depth, bool *end, struct weir_java_value *out)
{
	uint8_t tc = weir_src_u8(r->src);
	const struct handle *h;

	*out = (struct weir_java_value){ .type = 'L' };
	while (tc == TC_RESET && !r->src->code && depth == 0) {
		r->nhandles = 0;
		tc = weir_src_u8(r->src);
	}
	if (end)
		*end = tc == TC_ENDBLOCKDATA;
	if (r->src->code || tc == TC_NULL || (end && *end))
		return;
	if (depth >= DEPTH) {
		fail(r, WEIR_EUNSUPPORTED, "a Java object stream is nested deeper than 200");
		return;
	}
	switch (tc) {
	case TC_REFERENCE:
		h = read_reference(r);
		if (h && !h->node)
			fail(r, WEIR_ECORRUPT, "a Java object stream refers to a class where an object must be");
		out->u.node = h ? h->node : NULL;
		return;
	case TC_OBJECT: out->u.node = read_object(r, depth); return;
	case TC_STRING:
	case TC_LONGSTRING: out->u.node = read_string(r, tc); return;
	case TC_ARRAY: out->u.node = read_array(r, depth); return;
	case TC_CLASS: out->u.node = read_class_object(r, depth); return;
	case TC_ENUM: out->u.node = read_enum(r, depth); return;
	case TC_BLOCKDATA:
	case TC_BLOCKDATALONG:
		if (!end)
			break;
		out->u.node = read_block(r, tc);
		return;
	case TC_EXCEPTION: fail(r, WEIR_EUNSUPPORTED, "a Java object stream was broken off by an exception, which it holds"); return;
	default: break;
	}
	r->src->p--;
	fail(r, WEIR_ECORRUPT, "a Java object stream has an element that does not exist or may not stand there");
}

int weir_java_read(struct weir_src *src, struct weir_arena *mem, struct weir_java_value *out)
{
	struct reader r = { .src = src, .mem = mem };
	struct weir_java_value v = { .type = 'L' };

	if (weir_src_u32(src) != HEADER)
		weir_src_fail(src, WEIR_ECORRUPT, "a Java object stream does not start with aced0005");
	read_content(&r, 0, NULL, &v);
	free(r.handles);
	if (!src->code)
		*out = v;
	return src->code;
}

/* ---- looking at what was read ---- */

bool weir_java_is(const struct weir_java_node *o, const char *class_name)
{
	return o && o->class && strcmp(o->class->name, class_name) == 0;
}

const struct weir_java_value *weir_java_field(const struct weir_java_node *o, const char *name)
{
	if (!o || o->kind != WEIR_JAVA_OBJECT)
		return NULL;
	for (uint32_t l = o->n; l > 0; l--) {
		const struct weir_java_level *level = &o->levels[l - 1];

		for (uint16_t i = 0; level->fields && i < level->class->nfields; i++)
			if (strcmp(level->class->fields[i].name, name) == 0)
				return &level->fields[i];
	}
	return NULL;
}

const struct weir_java_node *weir_java_node_of(const struct weir_java_node *o, const char *name)
{
	const struct weir_java_value *v = weir_java_field(o, name);

	return v && v->type == 'L' ? v->u.node : NULL;
}

int64_t weir_java_int_of(const struct weir_java_node *o, const char *name, int64_t otherwise)
{
	const struct weir_java_value *v = weir_java_field(o, name);

	return v && strchr("BCIJSZ", v->type) ? v->u.i : otherwise;
}

/* Items that the last class added behind one block of `skip` bytes. */
static bool items_behind_block(const struct weir_java_node *o, size_t skip, const struct weir_java_value **items, uint32_t *n)
{
	const struct weir_java_level *l = o->n ? &o->levels[o->n - 1] : NULL;
	const struct weir_java_node *block = l && l->nitems ? l->items[0].u.node : NULL;

	if (!block || block->kind != WEIR_JAVA_BLOCK || block->bytes.len != skip)
		return false;
	*items = l->items + 1;
	*n = l->nitems - 1;
	for (uint32_t i = 0; i < *n; i++)
		if ((*items)[i].u.node && (*items)[i].u.node->kind == WEIR_JAVA_BLOCK)
			return false;
	return true;
}

/* Classes whose writeObject adds a block of so many bytes, then the elements. */
static const struct listed {
	const char *class_name;
	size_t block;
} lists[] = {
	{ "java.util.ArrayList", 4 },    { "java.util.LinkedList", 4 },     { "java.util.ArrayDeque", 4 },       { "java.util.PriorityQueue", 4 }, { "java.util.CollSer", 4 },
	{ "java.util.HashSet", 12 },     { "java.util.LinkedHashSet", 12 }, { "java.util.concurrent.CopyOnWriteArrayList", 4 },
}, maps[] = {
	{ "java.util.HashMap", 8 }, { "java.util.LinkedHashMap", 8 }, { "java.util.TreeMap", 4 }, { "java.util.CollSer", 4 },
};

static bool listed(const struct weir_java_node *o, const struct listed *list, size_t nlist, const struct weir_java_value **items, uint32_t *n)
{
	for (size_t i = 0; i < nlist; i++)
		if (weir_java_is(o, list[i].class_name))
			return items_behind_block(o, list[i].block, items, n);
	return false;
}

bool weir_java_elements(const struct weir_java_node *o, const struct weir_java_value **items, uint32_t *n)
{
	static const char *const wrapped[] = { "list", "c", "element", "a" }; /* Unmodifiable*, Synchronized*; Singleton*; Arrays.asList */

	for (uint32_t depth = 0; o && depth < 8; depth++) {
		const struct weir_java_node *inner = NULL;

		if (o->kind == WEIR_JAVA_ARRAY) {
			*items = o->items;
			*n = o->n;
			return !o->bytes.ptr;
		}
		if (o->kind != WEIR_JAVA_OBJECT || strncmp(o->class->name, "java.util.", 10) != 0)
			return false;
		if (weir_java_is(o, "java.util.CollSer") && weir_java_int_of(o, "tag", 0) == 3)
			return false; /* a map */
		if (listed(o, lists, sizeof(lists) / sizeof(lists[0]), items, n))
			return true;
		if (strcmp(o->class->name, "java.util.Collections$EmptyList") == 0 || strcmp(o->class->name, "java.util.Collections$EmptySet") == 0) {
			*items = NULL;
			*n = 0;
			return true;
		}
		if (strncmp(o->class->name, "java.util.Collections$Singleton", 31) == 0 && weir_java_field(o, "element")) {
			*items = weir_java_field(o, "element");
			*n = 1;
			return true;
		}
		for (size_t i = 0; i < sizeof(wrapped) / sizeof(wrapped[0]) && !inner; i++)
			inner = weir_java_node_of(o, wrapped[i]);
		o = inner;
	}
	return false;
}

bool weir_java_entries(const struct weir_java_node *o, const struct weir_java_value **items, uint32_t *n_pairs)
{
	for (uint32_t depth = 0; o && depth < 8; depth++) {
		uint32_t n;

		if (o->kind != WEIR_JAVA_OBJECT || strncmp(o->class->name, "java.util.", 10) != 0)
			return false;
		if (weir_java_is(o, "java.util.CollSer") && weir_java_int_of(o, "tag", 0) != 3)
			return false;
		if (listed(o, maps, sizeof(maps) / sizeof(maps[0]), items, &n)) {
			*n_pairs = n / 2;
			return n % 2 == 0;
		}
		if (strcmp(o->class->name, "java.util.Collections$EmptyMap") == 0) {
			*items = NULL;
			*n_pairs = 0;
			return true;
		}
		o = weir_java_node_of(o, "m"); /* Unmodifiable*, Synchronized* */
	}
	return false;
}
