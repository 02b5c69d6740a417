// SPDX-License-Identifier: Apache-2.0
/*
 * Arrays, collections, maps, tuples and objects known by their fields. docs/formats/serializers.md, "Kryo".
 * Kryo 5 writes the class of the elements once when it is the same for all; Kryo 2 with each element. Sets and maps without an order of their own are shown
 * sorted by text. Pure.
 */
#include "state/flink/serializer_kryo.h"

#include "base/json.h"
#include "base/text.h"
#include "state/type/type_priv.h"

#include <stdlib.h>

/* ---- elements of a list in JSON ---- */

struct list {
	struct weir__json_item *items; /* sorted ones only */
	uint32_t n;
	size_t start;
	bool sort;
};

static void list_begin(struct weir__kryo_graph *g, struct list *l, bool sort)
{
	weir_buf_u8(g->out, '[');
	*l = (struct list){ .start = g->out->len, .sort = sort };
}

/* False: no more elements. */
static bool list_next(struct weir__kryo_graph *g, struct list *l)
{
	if (weir__kryo_stop(g) || g->out->code)
		return false;
	if (++g->steps > 65536 + 64 * (uint64_t)(g->src->p - g->start))
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo value has implausibly many parts without bytes");
	if (!l->sort) {
		weir_buf_text(g->out, l->n ? "," : "");
	} else if (!(l->n & (l->n - 1))) {
		struct weir__json_item *more = realloc(l->items, (l->n ? l->n * (size_t)2 : 1) * sizeof(*more));

		if (!more) {
			weir_src_fail(g->src, WEIR_ENOMEM, "out of memory for a Kryo value");
			return false;
		}
		l->items = more;
	}
	if (l->sort)
		l->items[l->n].at = g->out->len;
	l->n++;
	return !g->src->code;
}

static void list_end(struct weir__kryo_graph *g, struct list *l)
{
	if (l->sort && l->n && !g->src->code && !g->out->code)
		weir__json_sort(g->out, l->start, l->items, l->n);
	free(l->items);
	weir_buf_u8(g->out, ']');
}

/* What the type of a field says of the next container's elements; it says nothing of those inside them. */
static void take_generics(struct weir__kryo_graph *g, struct weir__kryo_class out[2], bool there[2])
{
	for (int i = 0; i < 2; i++) {
		there[i] = g->generic[i];
		if (there[i])
			out[i] = *g->generic[i];
		g->generic[i] = NULL;
	}
}

/* An object whose text is not wanted: a comparator. */
static void pass_over(struct weir__kryo_graph *g)
{
	struct weir_buf away = { 0 }, *out = g->out;
	bool tail = g->tail;

	g->out = &away;
	g->tail = false;
	weir__kryo_object(g);
	g->tail = tail;
	g->out = out;
	weir_buf_fini(&away);
}

/* ---- arrays ---- */

static void put_unit(struct weir__kryo_graph *g, uint16_t unit)
{
	char text[3];
	size_t n = 0;

	if (unit >= 0x800)
		text[n++] = (char)(0xe0 | unit >> 12);
	if (unit >= 0x80)
		text[n++] = (char)(unit >= 0x800 ? 0x80 | (unit >> 6 & 63) : 0xc0 | unit >> 6);
	text[n++] = (char)(unit >= 0x80 ? 0x80 | (unit & 63) : unit);
	weir_json_str(g->out, text, n);
}

/* A number of a Java type. */
void weir__kryo_put_primitive(struct weir__kryo_graph *g, char type)
{
	uint64_t bits;
	uint32_t word;
	double d;
	float f;

	switch (type) {
	case 'Z': weir_buf_text(g->out, weir_src_u8(g->src) ? "true" : "false"); break;
	case 'B': weir_json_i64(g->out, (int8_t)weir_src_u8(g->src)); break;
	case 'S': weir_json_i64(g->out, (int16_t)weir__kryo_fixed(g, 2)); break;
	case 'C': put_unit(g, (uint16_t)weir__kryo_fixed(g, 2)); break;
	case 'I': weir_json_i64(g->out, weir__kryo_zigzag(g)); break;
	case 'J': weir_json_i64(g->out, weir__kryo_zigzag64(g)); break;
	case 'F':
		word = (uint32_t)weir__kryo_fixed(g, 4);
		memcpy(&f, &word, 4);
		weir_json_f32(g->out, f);
		break;
	case 'D':
		bits = weir__kryo_fixed(g, 8);
		memcpy(&d, &bits, 8);
		weir_json_f64(g->out, d);
		break;
	case 'b': weir_buf_text(g->out, weir__kryo_zigzag(g) ? "\"true\"" : "\"false\""); break; /* AtomicBoolean */
	default: weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo value has an array of no known type");
	}
}

void weir__kryo_scalar(struct weir__kryo_graph *g, const struct weir__kryo_class *c) { weir__kryo_put_primitive(g, c->arg[0]); }

static void put_bytes(struct weir__kryo_graph *g, uint32_t n)
{
	weir__put_hex_json(g->out, weir_src_bytes(g->src, n));
}

static struct weir__kryo_class element_of(struct weir__kryo_graph *g, const char *arg)
{
	char *name = weir_arena_text(&g->mem, arg[0] == 'L' ? arg + 1 : arg, arg[0] == 'L' ? strcspn(arg + 1, ";") : strlen(arg));
	struct weir__kryo_class e;

	if (!name) {
		weir_src_fail(g->src, WEIR_ENOMEM, "out of memory for a Kryo value");
		return (struct weir__kryo_class){ "", weir__kryo_unknown, 0, NULL };
	}
	e = weir__kryo_class_named(name);
	for (uint32_t i = 0; i < g->kryo->n; i++)
		if (strcmp(g->kryo->registered[i].name, name) == 0)
			e = g->kryo->registered[i];
	return e;
}

void weir__kryo_array(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	bool objects = c->arg[0] == 'L' || c->arg[0] == '[', known;
	uint32_t n = weir__kryo_int(g);
	struct weir__kryo_class e = { 0 };
	struct list l;

	if (n == 0 || g->src->code) {
		weir_buf_text(g->out, "null");
		return;
	}
	n--;
	if (c->arg[0] == 'B') {
		put_bytes(g, n);
		return;
	}
	if (n > weir_src_left(g->src)) {
		weir_src_fail(g->src, WEIR_ECORRUPT, "a Kryo array is longer than the data that follows");
		return;
	}
	if (objects)
		e = element_of(g, c->arg);
	known = objects && (c->arg[0] == '[' || e.flags & WEIR__KRYO_FINAL);
	if (objects && !known && e.flags & WEIR__KRYO_UNSURE && n) {
		weir__kryo_unknown(g, c); /* whether each element names its class depends on whether this one is final */
		return;
	}
	list_begin(g, &l, false);
	for (uint32_t i = 0; i < n && list_next(g, &l); i++) {
		if (!objects)
			weir__kryo_put_primitive(g, c->arg[0]);
		else if (known)
			weir__kryo_known(g, &e, true);
		else
			weir__kryo_object(g);
	}
	list_end(g, &l);
}

/* ---- collections ---- */

/* Kryo 5: flag and number in one varint, whose first byte holds six bits of the number. */
static uint32_t take_flagged(struct weir__kryo_graph *g, bool *flag)
{
	uint8_t b = weir_src_u8(g->src);
	uint32_t v = b & 63;

	*flag = b & 0x80;
	if (b & 0x40)
		for (unsigned shift = 6; shift < 34; shift += 7) {
			b = weir_src_u8(g->src);
			v |= shift < 32 ? (uint32_t)(b & 0x7f) << shift : 0;
			if (!(b & 0x80))
				break;
		}
	return v;
}

static void collection_5(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const struct weir__kryo_class *same = NULL;
	struct weir__kryo_class element;
	struct weir__kryo_class generic[2];
	bool flag, sort = c->flags & WEIR__KRYO_UNSORTED, nulls = false, typed[2];
	uint32_t n = take_flagged(g, &flag);
	struct list l;

	take_generics(g, generic, typed);
	if (n == 0) {
		weir_buf_text(g->out, "null");
		return;
	}
	if (c->flags & WEIR__KRYO_ORDERED)
		pass_over(g);
	if (typed[0]) { /* the flag says whether there are nulls */
		element = generic[0];
		same = &element;
		nulls = flag;
		flag = true;
	} else if (flag && n > 1 && !g->src->code) {
		same = weir__kryo_take_class(g);
		nulls = same && !(c->flags & WEIR__KRYO_NO_NULLS) && weir_src_bool(g->src);
		if (same)
			element = *same;
	}
	list_begin(g, &l, sort);
	for (uint32_t i = 1; i < n && list_next(g, &l); i++) {
		if (!flag)
			weir__kryo_object(g);
		else if (same)
			weir__kryo_known(g, &element, nulls);
		else
			weir_buf_text(g->out, "null"); /* all of them are */
	}
	list_end(g, &l);
}

static void objects(struct weir__kryo_graph *g, uint32_t n, bool sort)
{
	struct list l;

	list_begin(g, &l, sort);
	for (uint32_t i = 0; i < n && list_next(g, &l); i++)
		weir__kryo_object(g);
	list_end(g, &l);
}

void weir__kryo_collection(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	struct weir__kryo_class generic[2];
	bool typed[2];
	struct list l;
	uint32_t n;

	if (g->five) {
		collection_5(g, c);
		return;
	}
	take_generics(g, generic, typed);
	if (c->flags & WEIR__KRYO_ORDERED)
		pass_over(g);
	n = weir__kryo_int(g);
	if (!typed[0]) {
		objects(g, n, c->flags & WEIR__KRYO_UNSORTED);
		return;
	}
	list_begin(g, &l, c->flags & WEIR__KRYO_UNSORTED);
	for (uint32_t i = 0; i < n && list_next(g, &l); i++)
		weir__kryo_known(g, &generic[0], true);
	list_end(g, &l);
}

void weir__kryo_priority_queue(struct weir__kryo_graph *g, const struct weir__kryo_class *c) { weir__kryo_collection(g, c); }

void weir__kryo_as_list(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t n;

	if (g->five) {
		collection_5(g, c);
		return;
	}
	n = weir__kryo_int(g);
	weir__kryo_take_class(g); /* of the array */
	objects(g, n, false);
}

void weir__kryo_single_list(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	objects(g, 1, false);
}

/* key, value: their classes, where the type of a field tells; NULL: they are written. */
static void put_pair(struct weir__kryo_graph *g, const struct weir__kryo_class *key, const struct weir__kryo_class *value)
{
	weir_buf_u8(g->out, '[');
	if (key)
		weir__kryo_known(g, key, true);
	else
		weir__kryo_object(g);
	if (!weir__kryo_stop(g)) {
		weir_buf_u8(g->out, ',');
		if (value)
			weir__kryo_known(g, value, true);
		else
			weir__kryo_object(g);
	}
	weir_buf_u8(g->out, ']');
}

void weir__kryo_single_map(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir_buf_u8(g->out, '[');
	put_pair(g, NULL, NULL);
	weir_buf_u8(g->out, ']');
}

void weir__kryo_map(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	bool header = c->flags & WEIR__KRYO_ORDERED && (g->five || !c->arg); /* ConcurrentSkipListMap: in Kryo 5 alone */
	bool sort = c->flags & WEIR__KRYO_UNSORTED, typed[2];
	struct weir__kryo_class generic[2];
	struct list l;
	uint32_t n;

	take_generics(g, generic, typed);
	if (header && !g->five)
		pass_over(g);
	n = weir__kryo_int(g);
	if (g->five && n == 0) {
		weir_buf_text(g->out, "null");
		return;
	}
	if (header && g->five)
		pass_over(g);
	n -= g->five;
	list_begin(g, &l, sort);
	for (uint32_t i = 0; i < n && list_next(g, &l); i++)
		put_pair(g, typed[0] ? &generic[0] : NULL, typed[1] ? &generic[1] : NULL);
	list_end(g, &l);
}

void weir__kryo_enum_set(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const struct weir__kryo_class *e = weir__kryo_take_class(g);
	struct weir__kryo_class element = e ? *e : (struct weir__kryo_class){ "java.lang.Enum", weir__kryo_enum, 0, NULL };
	uint32_t n = weir__kryo_int(g);
	struct list l;

	(void)c;
	element.read = weir__kryo_enum;
	list_begin(g, &l, true);
	for (uint32_t i = 0; i < n && list_next(g, &l); i++)
		weir__kryo_enum(g, &element);
	list_end(g, &l);
}

/* ---- Scala (chill) ---- */

/* The entries of a map are Tuple2. */
void weir__kryo_traversable(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t n = weir__kryo_int(g);
	struct list l;

	list_begin(g, &l, c->flags & WEIR__KRYO_UNSORTED);
	for (uint32_t i = 0; i < n && list_next(g, &l); i++) {
		g->pair = c->arg;
		weir__kryo_object(g);
		g->pair = false;
	}
	list_end(g, &l);
}

/* "_1", "_2", ... of a tuple, or the commas of a pair. */
static void put_part(struct weir__kryo_graph *g, bool pair, uint32_t i, const char *suffix)
{
	if (pair)
		weir_buf_text(g->out, i ? "," : "");
	else
		weir_buf_printf(g->out, ",\"_%u%s\":", i + 1, suffix);
}

static bool begin_tuple(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	bool pair = g->pair;

	g->pair = false;
	if (pair) {
		weir_buf_u8(g->out, '[');
	} else {
		weir_buf_text(g->out, "{\"@\":");
		weir_json_text(g->out, c->name);
	}
	return pair;
}

void weir__kryo_product(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t n = (uint32_t)atoi(c->name + strlen("scala.Tuple"));
	bool pair = begin_tuple(g, c);

	for (uint32_t i = 0; i < n && !weir__kryo_stop(g); i++) {
		put_part(g, pair, i, "");
		weir__kryo_object(g);
	}
	weir_buf_u8(g->out, pair ? ']' : '}');
}

/* Tuples of long, int and double: fixed numbers, in fields of their own beside those of any tuple. */
void weir__kryo_specialized(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	bool pair = begin_tuple(g, c);
	uint32_t n = (uint32_t)strlen(c->arg);

	for (uint32_t i = 0; i < n; i++) {
		char type = c->arg[i], suffix[] = { '$', 'm', 'c', type, '$', 's', 'p', 0 };
		uint64_t bits = weir__kryo_fixed(g, type == 'I' ? 4 : 8);
		double d;

		put_part(g, pair, i, suffix);
		memcpy(&d, &bits, 8);
		if (type == 'D')
			weir_json_f64(g->out, d);
		else
			weir_json_i64(g->out, type == 'I' ? (int32_t)bits : (int64_t)bits);
	}
	for (uint32_t i = 0; i < n && !pair; i++)
		weir_buf_printf(g->out, ",\"_%u\":null", i + 1);
	weir_buf_u8(g->out, pair ? ']' : '}');
}

void weir__kryo_wrapper(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	weir_buf_text(g->out, "{\"@\":");
	weir_json_text(g->out, c->name);
	weir_buf_printf(g->out, ",\"%s\":", c->arg);
	weir__kryo_object(g);
	weir_buf_u8(g->out, '}');
}

/* ---- objects by their fields ---- */

struct field {
	const char *type, *name;
	size_t type_len, name_len;
	size_t at, len; /* of its text */
};

/* "Iname", "=some.Class;name": false at the end. */
static bool next_field(const char **p, struct field *f)
{
	const char *s = *p + strspn(*p, " ");

	if (!*s || *s == '|')
		return false;
	f->type = s;
	f->type_len = *s == '=' ? strcspn(s, ";") : 1;
	f->name = s + f->type_len + (*s == '=');
	f->name_len = strcspn(f->name, " |");
	*p = f->name + f->name_len;
	return true;
}

static void put_field(struct weir__kryo_graph *g, const struct field *f)
{
	if (*f->type == 'L') {
		weir__kryo_object(g);
	} else if (*f->type == '=') {
		char *name = weir_arena_text(&g->mem, f->type + 1, f->type_len - 1);
		struct weir__kryo_class c;

		if (!name) {
			weir_src_fail(g->src, WEIR_ENOMEM, "out of memory for a Kryo value");
			return;
		}
		c = weir__kryo_class_named(name);
		weir__kryo_known(g, &c, true);
	} else {
		weir__kryo_put_primitive(g, *f->type);
	}
}

static struct weir_slice text_of(const struct weir_buf *texts, const struct field *fields, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (strlen(name) == fields[i].name_len && memcmp(name, fields[i].name, fields[i].name_len) == 0)
			return (struct weir_slice){ texts->data + fields[i].at, fields[i].len };
	return (struct weir_slice){ NULL, 0 };
}

/* Classes that JSON has a form of its own for. */
static bool put_special(struct weir_buf *out, const char *class_name, const struct weir_buf *texts, const struct field *f, uint32_t n)
{
	if (strcmp(class_name, "org.apache.flink.types.Row") == 0 && n == 4) {
		struct weir_slice kind = text_of(texts, f, n, "kind"), values = text_of(texts, f, n, "fieldByPosition");
		bool named = !weir_slice_is(text_of(texts, f, n, "fieldByName"), "null");
		const char *sign = weir_slice_is(kind, "\"UPDATE_BEFORE\"") ? "-U" : weir_slice_is(kind, "\"UPDATE_AFTER\"") ? "+U" : weir_slice_is(kind, "\"DELETE\"") ? "-D" : "+I";

		if (named)
			return false;
		weir_buf_printf(out, "{\"row\":\"%s\",\"f\":", sign);
		weir_buf_put_slice(out, values);
		weir_buf_u8(out, '}');
		return true;
	}
	if (strcmp(class_name, "org.apache.flink.streaming.api.windowing.windows.TimeWindow") == 0 && n == 2) {
		weir_buf_text(out, "{\"start\":");
		weir_buf_put_slice(out, text_of(texts, f, n, "start"));
		weir_buf_text(out, ",\"end\":");
		weir_buf_put_slice(out, text_of(texts, f, n, "end"));
		weir_buf_u8(out, '}');
		return true;
	}
	return false;
}

static void put_object(struct weir__kryo_graph *g, const struct weir__kryo_class *c, const struct weir_buf *texts, const struct field *f, uint32_t n)
{
	const char *order = strchr(c->arg, '|');
	bool first = true;

	if (!g->cut && put_special(g->out, c->name, texts, f, n))
		return;
	weir_buf_u8(g->out, '{');
	weir_json_key(g->out, &first, "@");
	weir_json_text(g->out, c->name);
	for (uint32_t i = 0; i < n; i++) {
		const struct field *next = &f[order && !g->cut ? (uint32_t)(order[1 + i] - '0') : i];

		weir_buf_text(g->out, ",");
		weir_json_str(g->out, next->name, next->name_len);
		weir_buf_u8(g->out, ':');
		weir_buf_put(g->out, texts->data + next->at, next->len);
	}
	weir_buf_u8(g->out, '}');
}

/* f0 to f24 in the order of their names: f0 f1 f10 f11 ... f2 f20 ... */
static void put_tuple(struct weir__kryo_graph *g, uint32_t n)
{
	struct weir_buf texts = { 0 }, *out = g->out;
	size_t at[26] = { 0 }, len[26] = { 0 };

	g->out = &texts;
	for (uint32_t first = 0; first < n && first < 10 && !weir__kryo_stop(g); first++)
		for (uint32_t i = first; i < n && !weir__kryo_stop(g); i = i == first && first ? first * 10 : i + 1) {
			if (i != first && i / 10 != first)
				break;
			at[i] = texts.len;
			weir__kryo_object(g);
			len[i] = texts.len - at[i];
			if (first == 0)
				break;
		}
	g->out = out;
	weir_buf_u8(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_text(out, i ? "," : "");
		if (len[i])
			weir_buf_put(out, texts.data + at[i], len[i]);
		else
			weir_buf_text(out, "null");
	}
	weir_buf_u8(out, ']');
	out->code = out->code ? out->code : texts.code;
	weir_buf_fini(&texts);
}

enum { MAX_FIELDS = 8 };

void weir__kryo_fields(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	struct weir_buf texts = { 0 }, *out = g->out;
	struct field f[MAX_FIELDS];
	const char *p = c->arg;
	uint32_t n = 0;

	if (strcmp(c->arg, "tuple") == 0) {
		put_tuple(g, (uint32_t)atoi(c->name + strlen("org.apache.flink.api.java.tuple.Tuple")));
		return;
	}
	g->out = &texts;
	while (n < MAX_FIELDS && !weir__kryo_stop(g) && next_field(&p, &f[n])) {
		f[n].at = texts.len;
		put_field(g, &f[n]);
		f[n].len = texts.len - f[n].at;
		n++;
	}
	g->out = out;
	if (!g->src->code)
		put_object(g, c, &texts, f, n);
	out->code = out->code ? out->code : texts.code;
	weir_buf_fini(&texts);
}
