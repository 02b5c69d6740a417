// SPDX-License-Identifier: Apache-2.0
/* The model of a checkpoint, and types, as JSON. Pure; out of memory is sticky in the buffer. */
#include "statetool/describe.h"

#include <stdio.h>

#include "base/json.h"
#include "statetool/meta.h"
#include "statetool/pick.h"

void weir_describe_metadata(const struct weir_ckpt *c, struct weir_buf *b)
{
	weir_meta_json(c, false, b);
}

/* ---- states ---- */
static void type_json(const char *name, const struct weir_type *t, struct weir_buf *b)
{
	char text[1024];

	if (!t)
		return;
	weir_buf_printf(b, ",\"%s\":", name);
	weir_json_text(b, weir_type_text(t, text, sizeof(text)));
	if (t->kind == WEIR_OPAQUE && t->java) {
		weir_buf_printf(b, ",\"%sSerializer\":", name);
		weir_json_text(b, t->java);
	}
	if (t->kind != WEIR_POJO && t->kind != WEIR_ROW)
		return;
	weir_buf_printf(b, ",\"%sFields\":[", name);
	for (uint32_t i = 0; i < t->nfields; i++) {
		weir_buf_text(b, i ? ",{" : "{");
		if (t->fields[i].name) {
			weir_buf_text(b, "\"name\":");
			weir_json_text(b, t->fields[i].name);
			weir_buf_u8(b, ',');
		}
		weir_buf_text(b, "\"type\":");
		weir_json_text(b, weir_type_text(t->fields[i].type, text, sizeof(text)));
		weir_buf_u8(b, '}');
	}
	weir_buf_u8(b, ']');
}

void weir_describe_state(const struct weir_state_info *s, struct weir_buf *b)
{
	weir_buf_text(b, "{\"name\":");
	weir_json_text(b, s->name ? s->name : "");
	weir_buf_printf(b, ",\"kind\":\"%s\"", weir_state_kind_name(s->kind));
	type_json("key", s->key, b);
	type_json("namespace", s->ns, b);
	type_json("userKey", s->user_key, b);
	if (!weir_state_is_timer(s->kind))
		type_json("value", s->value, b);
	weir_buf_text(b, "}\n");
}

static void type_line(const char *name, const struct weir_type *t, struct weir_buf *b)
{
	char text[1024];

	if (t)
		weir_buf_printf(b, "%-10s %s\n", name, weir_type_text(t, text, sizeof(text)));
}

void weir_describe_state_text(const struct weir_state_info *s, struct weir_buf *b)
{
	weir_buf_printf(b, "%-10s %s\n%-10s %s\n", "state", s->name ? s->name : "", "kind", weir_state_kind_name(s->kind));
	type_line("key", s->key, b);
	type_line("namespace", s->ns, b);
	type_line("user key", s->user_key, b);
	if (!weir_state_is_timer(s->kind))
		type_line("value", s->value, b);
}
