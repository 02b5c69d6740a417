// SPDX-License-Identifier: Apache-2.0
/*
 * The graph: numbers, strings, classes by id or name, references. docs/formats/serializers.md, "Kryo".
 *
 * 1. Objects are numbered in the order of their first occurrence, class names too; both begin anew with every record.
 * 2. A reference is shown by reading its object once more, with the counters as they stood, so that the names and numbers inside come out the same. An
 *    object inside itself, and one whose text would grow without measure, is shown as {"ref":number}.
 * 3. Nesting is bounded by DEPTH, work by STEPS and some for each byte read.
 * Pure; one graph is one record. May fail: damage, classes whose bytes do not say what they are (WEIR_ENOTYPE), out of memory.
 */
#include "state/flink/serializer_kryo.h"

#include "base/json.h"
#include "state/type/type_priv.h"

#include <stdlib.h>

enum { DEPTH = 200, STEPS = 65536 };

void weir__kryo_graph_init(struct weir__kryo_graph *g, struct weir_src *src, struct weir_buf *out, const struct weir__kryo *k, bool five, bool tail)
{
	*g = (struct weir__kryo_graph){ .src = src, .out = out, .kryo = k, .five = five, .tail = tail, .start = src->p };
}

void weir__kryo_graph_fini(struct weir__kryo_graph *g)
{
	weir_arena_fini(&g->mem);
	free(g->names);
	free(g->objects);
}

/* ---- numbers ---- */

int64_t weir__kryo_long(struct weir__kryo_graph *g)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 56; shift += 7) {
		uint8_t b = weir_src_u8(g->src);

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return (int64_t)v;
	}
	return (int64_t)(v | (uint64_t)weir_src_u8(g->src) << 56); /* the ninth byte holds eight bits */
}

uint32_t weir__kryo_int(struct weir__kryo_graph *g) { return weir_src_varint(g->src); }

int32_t weir__kryo_zigzag(struct weir__kryo_graph *g)
{
	uint32_t v = weir__kryo_int(g);

	return (int32_t)(v >> 1 ^ (0u - (v & 1)));
}

int64_t weir__kryo_zigzag64(struct weir__kryo_graph *g)
{
	uint64_t v = (uint64_t)weir__kryo_long(g);

	return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

uint64_t weir__kryo_fixed(struct weir__kryo_graph *g, unsigned bytes)
{
	const uint8_t *p = weir_src_take(g->src, bytes);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < bytes; i++)
		v = v << 8 | p[g->five ? bytes - 1 - i : i];
	return v;
}

/* ---- strings ---- */

static void put_unit(struct weir_buf *text, uint32_t *high, uint32_t c)
{
	uint8_t p[4];
	size_t n = 0;

	if (*high && c >= 0xdc00 && c < 0xe000) { /* the pair; its first half lies there as three bytes */
		text->len -= text->len >= 3 ? 3 : 0;
		c = 0x10000 + ((*high - 0xd800) << 10) + (c - 0xdc00);
		p[n++] = (uint8_t)(0xf0 | c >> 18);
		p[n++] = (uint8_t)(0x80 | (c >> 12 & 63));
	} else if (c >= 0x800) {
		p[n++] = (uint8_t)(0xe0 | c >> 12);
	}
	if (c >= 0x800)
		p[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
	else if (c >= 0x80)
		p[n++] = (uint8_t)(0xc0 | c >> 6);
	p[n++] = c < 0x80 ? (uint8_t)c : (uint8_t)(0x80 | (c & 63));
	*high = c >= 0xd800 && c < 0xdc00 ? c : 0;
	weir_buf_put(text, p, n);
}

/* n UTF-16 units, each of one to three bytes. */
static void take_units(struct weir__kryo_graph *g, uint32_t n, struct weir_buf *text)
{
	uint32_t high = 0;

	for (uint32_t i = 0; i < n && !g->src->code; i++) {
		uint32_t c = weir_src_u8(g->src), more = c < 0x80 ? 0 : c >= 0xe0 ? 2 : 1;

		if ((c >= 0x80 && c < 0xc0) || c >= 0xf0)
			weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo string is not made of UTF-8 units");
		c &= more == 2 ? 15 : more ? 31 : 127;
		for (; more > 0; more--)
			c = c << 6 | (weir_src_u8(g->src) & 63);
		put_unit(text, &high, c);
	}
}

bool weir__kryo_text(struct weir__kryo_graph *g, struct weir_buf *text)
{
	uint8_t b = weir_src_u8(g->src);
	uint32_t n = b & 63, shift = 6;

	if (!(b & 0x80)) { /* ASCII; the last byte has its top bit set */
		for (; !(b & 0x80) && !g->src->code; b = weir_src_u8(g->src))
			weir_buf_u8(text, b);
		weir_buf_u8(text, b & 0x7f);
		return !g->src->code;
	}
	for (bool more = b & 0x40; more && !g->src->code; shift += 7) {
		b = weir_src_u8(g->src);
		n |= shift < 32 ? (uint32_t)(b & 0x7f) << shift : 0;
		more = b & 0x80;
		if (shift > 27)
			weir_src_fail(g->src, WEIR_ECORRUPT, "the length of a Kryo string has too many bytes");
	}
	if (n && n - 1 > weir_src_left(g->src))
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo string is longer than the data that follows");
	if (n && !g->src->code)
		take_units(g, n - 1, text);
	return n != 0 && !g->src->code;
}

void weir__kryo_put_text(struct weir__kryo_graph *g)
{
	struct weir_buf text = { 0 };

	if (weir__kryo_text(g, &text))
		weir_json_str(g->out, text.data ? (const char *)text.data : "", text.len);
	else
		weir_buf_text(g->out, "null");
	g->out->code = g->out->code ? g->out->code : text.code;
	weir_buf_fini(&text);
}

/* ---- classes ---- */

static bool no_memory(struct weir__kryo_graph *g)
{
	weir_src_fail(g->src, WEIR_ENOMEM, "out of memory for a Kryo value");
	return false;
}

/* A list with room for one more, doubled at each power of two; NULL with the cursor failed. */
static void *grown(struct weir__kryo_graph *g, void *list, uint32_t n, size_t size)
{
	void *more = n & (n - 1) ? list : realloc(list, (n ? n * (size_t)2 : 1) * size);

	if (!more)
		no_memory(g);
	return more;
}

/* The class of a name that is new in this record. */
static bool add_name(struct weir__kryo_graph *g)
{
	struct weir_buf text = { 0 };
	char *name = NULL;

	if (!weir__kryo_text(g, &text) || text.len == 0 || text.len > 1000 || memchr(text.data, 0, text.len))
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo class has an impossible name");
	else
		name = weir_arena_text(&g->mem, (const char *)text.data, text.len);
	weir_buf_fini(&text);
	if (g->src->code)
		return false;
	struct weir__kryo_class *names = name ? grown(g, g->names, g->known_names, sizeof(*names)) : NULL;

	if (!names)
		return no_memory(g);
	g->names = names;
	g->names[g->known_names] = weir__kryo_class_named(name);
	for (uint32_t i = 0; i < g->kryo->n; i++) /* registered under another number of this Kryo */
		if (strcmp(g->kryo->registered[i].name, name) == 0)
			g->names[g->known_names] = g->kryo->registered[i];
	g->known_names++;
	return true;
}

static const struct weir__kryo_class *named(struct weir__kryo_graph *g)
{
	uint32_t id = weir__kryo_int(g);

	if (g->src->code || id > g->nnames) {
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo value uses the number of a class name that it has not given");
		return NULL;
	}
	if (id == g->nnames) {
		if (id < g->known_names) { /* read before: an object shown again */
			struct weir_buf again = { 0 };

			weir__kryo_text(g, &again);
			weir_buf_fini(&again);
		} else if (!add_name(g)) {
			return NULL;
		}
		g->nnames++;
	}
	return g->src->code ? NULL : &g->names[id];
}

const struct weir__kryo_class *weir__kryo_take_class(struct weir__kryo_graph *g)
{
	uint32_t code = weir__kryo_int(g);
	const char *name;

	if (g->src->code || code == 0)
		return NULL;
	if (code == 1)
		return named(g);
	code -= 2;
	if (code >= WEIR__KRYO_FIRST_ID && code - WEIR__KRYO_FIRST_ID < g->kryo->n)
		return &g->kryo->registered[code - WEIR__KRYO_FIRST_ID];
	name = weir__kryo_class_of_id(code);
	if (!name || (g->five && code == 9)) {
		weir_src_fail(g->src, WEIR_ENOTYPE, "a Kryo value uses the number of a class that was not registered");
		return NULL;
	}
	struct weir__kryo_class *c = weir_arena_zero(&g->mem, sizeof(*c));

	if (!c) {
		no_memory(g);
		return NULL;
	}
	*c = weir__kryo_class_named(name);
	return c;
}

/* ---- objects ---- */

static bool enter(struct weir__kryo_graph *g)
{
	if (weir__kryo_stop(g))
		return false;
	if (g->depth >= DEPTH)
		weir_src_fail(g->src, WEIR_EUNSUPPORTED, "a Kryo value is nested deeper than 200");
	if (++g->steps > STEPS + 64 * (uint64_t)(g->src->p - g->start))
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo value has implausibly many parts without bytes");
	return !g->src->code;
}

/* The body, for the first time or again. */
static void body(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	g->depth++;
	c->read(g, c);
	g->depth--;
}

static void show_again(struct weir__kryo_graph *g, uint32_t i)
{
	struct weir__kryo_object o = g->objects[i];
	struct weir_src here = *g->src;
	uint32_t nnames = g->nnames, nobjects = g->nobjects;
	bool plenty = g->steps > STEPS / 2 + 32 * (uint64_t)(here.p - g->start);

	if (!o.done || plenty) {
		weir_buf_printf(g->out, "{\"ref\":%u}", i);
		return;
	}
	g->src->p = o.at;
	g->nnames = o.nnames;
	g->nobjects = i + 1;
	body(g, &o.class);
	g->nnames = nnames;
	g->nobjects = nobjects;
	if (!g->src->code)
		*g->src = here;
}

/* A number for the object whose body is next. False: out of memory. */
static bool number(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t i = g->nobjects;

	if (i == g->known_objects) {
		struct weir__kryo_object *objects = grown(g, g->objects, i, sizeof(*objects));

		if (!objects)
			return false;
		g->objects = objects;
		g->objects[i] = (struct weir__kryo_object){ g->src->p, *c, g->nnames, false };
		g->known_objects++;
	}
	g->nobjects++;
	return true;
}

static void new_object(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	struct weir__kryo_class class = *c; /* g->names may move */
	uint32_t i = g->nobjects;

	if (!number(g, &class))
		return;
	body(g, &class);
	g->objects[i].done = true;
}

void weir__kryo_mark(struct weir__kryo_graph *g, const char *name)
{
	struct weir__kryo_class c = weir__kryo_class_named(name);

	if (weir__kryo_int(g) != 1 && !g->src->code)
		weir_src_fail(g->src, WEIR_ENOTYPE, "an object inside another of a Kryo value is shared or null");
	if (!g->src->code && number(g, &c))
		g->objects[g->nobjects - 1].done = true;
}

/* Kryo 5 writes no reference for enums, but their number. Of a class that is not known, a first object begins with 1, and a later reference leads to an
 * object of the same class: else it was an enum. From then on the class is known for one. */
static bool is_enum(struct weir__kryo_graph *g, const struct weir__kryo_class *c, uint32_t r)
{
	if (!g->five || !(c->flags & WEIR__KRYO_UNSURE) || c->read != weir__kryo_unknown || r < 2)
		return false;
	if (r - 2 < g->nobjects && strcmp(g->objects[r - 2].class.name, c->name) == 0)
		return false;
	for (uint32_t i = 0; i < g->nnames; i++)
		if (strcmp(g->names[i].name, c->name) == 0)
			g->names[i] = (struct weir__kryo_class){ g->names[i].name, weir__kryo_enum, WEIR__KRYO_ENUM, NULL };
	return true;
}

/* A reference where one may stand, and the body. */
static void reference(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const uint8_t *at = g->src->p;
	uint32_t r = weir__kryo_int(g);

	if (g->src->code)
		return;
	if (is_enum(g, c, r)) {
		g->src->p = at;
		weir__kryo_enum(g, c);
	} else if (r == 0) {
		weir_buf_text(g->out, "null");
	} else if (r == 1) {
		new_object(g, c);
	} else if (r - 2 < g->nobjects) {
		show_again(g, r - 2);
	} else {
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo value refers to an object that has not come yet");
	}
}

static bool has_reference(const struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	return !(c->flags & WEIR__KRYO_PLAIN) && !(g->five && c->flags & WEIR__KRYO_ENUM);
}

void weir__kryo_known(struct weir__kryo_graph *g, const struct weir__kryo_class *c, bool nullable)
{
	struct weir__kryo_class class = *c;

	if (!enter(g))
		return;
	if (has_reference(g, &class)) {
		reference(g, &class);
	} else if (nullable && weir_src_u8(g->src) == 0) {
		weir_buf_text(g->out, "null");
	} else {
		body(g, &class);
	}
}

void weir__kryo_object(struct weir__kryo_graph *g)
{
	const struct weir__kryo_class *c;

	if (!enter(g))
		return;
	c = weir__kryo_take_class(g);
	if (!c && !g->src->code)
		weir_buf_text(g->out, "null");
	else if (c)
		weir__kryo_known(g, c, false);
}

void weir__kryo_unknown(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	bool first = true;

	if (weir_src_left(g->src) >= 4 && memcmp(g->src->p, "\xac\xed\0\5", 4) == 0) { /* throwables, and what has Flink's JavaSerializer */
		weir__kryo_java(g, c);
		return;
	}
	if (!g->unknown)
		g->unknown = c->name;
	if (!g->tail) {
		weir_src_fail(g->src, WEIR_ENOTYPE, "a Kryo value holds an object whose fields are not in its bytes: describe its class with --classes");
		return;
	}
	weir_buf_u8(g->out, '{');
	weir_json_key(g->out, &first, "@");
	weir_json_text(g->out, c->name);
	weir_json_key(g->out, &first, g->depth <= 1 ? "hex" : "rest"); /* rest: its bytes, and those of everything behind it */
	weir_buf_u8(g->out, '"');
	weir_buf_hex(g->out, weir_src_bytes(g->src, weir_src_left(g->src)));
	weir_buf_text(g->out, "\"}");
	g->cut = true;
}

void weir__kryo_put_plain(struct weir__kryo_graph *g)
{
	struct weir_buf inner = { 0 }, *out = g->out;

	g->out = &inner;
	weir__kryo_object(g);
	g->out = out;
	if (inner.len >= 2 && inner.data[0] == '"') {
		weir_buf_put(out, inner.data + 1, inner.len - 2);
	} else {
		struct weir_buf quoted = { 0 };

		weir_json_str(&quoted, inner.data ? (const char *)inner.data : "", inner.len);
		if (quoted.len >= 2)
			weir_buf_put(out, quoted.data + 1, quoted.len - 2);
		weir_buf_fini(&quoted);
	}
	out->code = out->code ? out->code : inner.code;
	weir_buf_fini(&inner);
}
