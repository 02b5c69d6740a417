// SPDX-License-Identifier: Apache-2.0
/* Types as trees, with the serializer of each node. The depth of a type is bounded where it is read. Pure. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/src.h"
#include "statetool/inspect.h"

/* The snapshot's class, and its version; false when the type does not say. */
static bool serializer_of(const struct weir_type *t, char *class_, size_t size, int32_t *version)
{
	struct weir_src src = weir_src_of(t->snapshot, NULL, 0);
	struct weir_slice name = weir_src_utf(&src);

	*version = weir_src_i32(&src);
	if (src.code || !name.len)
		return false;
	weir_slice_text(name, class_, size);
	return true;
}

static bool is_leaf(const struct weir_type *t) { return t->nfields == 0; }

/* What the node itself is called: a record by its class, all else by its text when it has no fields. */
static void node_text(const struct weir_type *t, struct weir_buf *out)
{
	static const char *const names[] = { [WEIR_LIST] = "list", [WEIR_MAP] = "map", [WEIR_TUPLE] = "tuple", [WEIR_ROW] = "row", [WEIR_POJO] = "POJO", [WEIR_TIMER] = "timer", [WEIR_TTL] = "with time to live" };
	char text[600];

	weir_type_text(t, text, sizeof(text));
	if (is_leaf(t) || t->kind == WEIR_WIRE || t->kind >= sizeof(names) / sizeof(names[0]) || !names[t->kind]) {
		weir_buf_text(out, text);
		return;
	}
	weir_buf_text(out, names[t->kind]);
	if (t->java && t->kind == WEIR_POJO)
		weir_buf_printf(out, " %s", t->java);
}

static void put_serializer(const struct weir_type *t, struct weir_buf *out)
{
	char class_[300], *p = class_, *end;
	int32_t version;

	if (serializer_of(t, class_, sizeof(class_), &version)) { /* for people without the package, the outer class and "Snapshot" */
		for (char *c = class_; *c; c++)
			if ((*c == '.' || *c == '$') && c[1])
				p = c + 1;
		end = p + strlen(p);
		if (end - p > 8 && strcmp(end - 8, "Snapshot") == 0)
			end[-8] = 0;
		weir_buf_printf(out, "  [%s %d]", p, version);
	}
	if (t->kind == WEIR_POJO && t->nsubs)
		weir_buf_printf(out, "  and %u subclass%s", t->nsubs, t->nsubs == 1 ? "" : "es");
}

static const char *field_name(const struct weir_type *t, uint32_t i, char buf[32])
{
	static const char *const map[] = { "key", "value" }, *const timer[] = { "key", "namespace" };

	if (t->fields[i].name && t->fields[i].name[0])
		return t->fields[i].name;
	if (t->kind == WEIR_MAP && i < 2)
		return map[i];
	if (t->kind == WEIR_TIMER && i < 2)
		return timer[i];
	if (t->kind == WEIR_LIST)
		return "element";
	if (t->kind == WEIR_TTL)
		return "value";
	snprintf(buf, 32, "%s%u", t->kind == WEIR_WIRE ? "" : "f", i);
	return buf;
}

static void children_text(const struct weir_type *t, struct weir_buf *indent, struct weir_buf *out)
{
	char position[32];

	for (uint32_t i = 0; i < t->nfields; i++) {
		uint32_t at = t->wire_order ? t->wire_order[i] : i;
		bool last = i + 1 == t->nfields;
		size_t mark = indent->len;

		weir_buf_put_slice(out, weir_buf_slice(indent));
		weir_buf_printf(out, "%s %s: ", last ? "└" : "├", field_name(t, at, position));
		node_text(t->fields[at].type, out);
		put_serializer(t->fields[at].type, out);
		weir_buf_u8(out, '\n');
		weir_buf_text(indent, last ? "  " : "│ ");
		children_text(t->fields[at].type, indent, out);
		indent->len = mark;
	}
}

void weir_type_tree_text(const struct weir_type *t, const char *name, const char *indent, struct weir_buf *out)
{
	struct weir_buf deeper = { 0 };

	if (!t)
		return;
	weir_buf_printf(out, "%s%-10s ", indent, name);
	node_text(t, out);
	put_serializer(t, out);
	weir_buf_u8(out, '\n');
	weir_buf_printf(&deeper, "%s%-10s ", indent, "");
	children_text(t, &deeper, out);
	weir_buf_fini(&deeper);
}

void weir_type_tree_json(const struct weir_type *t, struct weir_buf *out)
{
	char text[1024], class_[300], position[32];
	int32_t version;

	if (!t) {
		weir_buf_text(out, "null");
		return;
	}
	weir_buf_text(out, "{\"type\":");
	weir_json_text(out, weir_type_text(t, text, sizeof(text)));
	if (t->java) {
		weir_buf_text(out, ",\"class\":");
		weir_json_text(out, t->java);
	}
	if (serializer_of(t, class_, sizeof(class_), &version)) {
		weir_buf_text(out, ",\"serializer\":");
		weir_json_text(out, class_);
		weir_buf_printf(out, ",\"version\":%d", version);
	}
	for (uint32_t i = 0; i < t->nfields; i++) {
		uint32_t at = t->wire_order ? t->wire_order[i] : i;

		weir_buf_text(out, i ? ",{\"name\":" : ",\"fields\":[{\"name\":");
		weir_json_text(out, field_name(t, at, position));
		weir_buf_text(out, ",\"of\":");
		weir_type_tree_json(t->fields[at].type, out);
		weir_buf_text(out, i + 1 == t->nfields ? "}]" : "}");
	}
	for (uint32_t i = 0; t->kind == WEIR_POJO && i < t->nsubs; i++) {
		weir_buf_text(out, i ? "," : ",\"subclasses\":[");
		weir_json_text(out, t->subs[i].name ? t->subs[i].name : "");
		weir_buf_text(out, i + 1 == t->nsubs ? "]" : "");
	}
	weir_buf_u8(out, '}');
}
