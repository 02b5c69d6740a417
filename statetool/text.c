// SPDX-License-Identifier: Apache-2.0
/*
 * Text of serialized values. weir_text_plain and weir_text_parse are inverse to each other for every value that decodes;
 * tests/unit/statetool/test_text.c checks it.
 */
#include "statetool/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/src.h"
#include "base/text.h"
#include "statetool/pick.h"

static void put_raw(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out)
{
	weir_buf_text(out, "{\"$raw\":\"");
	weir_buf_hex(out, bytes);
	weir_buf_text(out, "\",\"serializer\":");
	weir_json_text(out, t && t->java ? t->java : "unknown");
	weir_buf_u8(out, '}');
}

bool weir_text_json(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out)
{
	struct weir_src src = weir_src_of(bytes, NULL, 0);
	size_t mark = out->len;

	if (t && t->kind != WEIR_OPAQUE && weir_type_to_json(t, &src, out) == 0 && !src.code && weir_src_left(&src) == 0)
		return true;
	out->len = mark < out->len ? mark : out->len;
	put_raw(t, bytes, out);
	return t && t->kind == WEIR_OPAQUE;
}

/* Elements joined by one 0x2c. */
static bool list_json(const struct weir_type *element, struct weir_slice bytes, struct weir_buf *out)
{
	struct weir_src src = weir_src_of(bytes, NULL, 0);
	size_t mark = out->len;
	bool first = true;

	if (!element || element->flags & WEIR_TYPE_OPAQUE)
		goto raw;
	weir_buf_u8(out, '[');
	while (weir_src_left(&src)) {
		if (!first) {
			if (weir_src_u8(&src) != 0x2c)
				goto raw;
			weir_buf_u8(out, ',');
		}
		if (weir_type_to_json(element, &src, out) || src.code)
			goto raw;
		first = false;
	}
	weir_buf_u8(out, ']');
	return true;
raw:
	out->len = mark < out->len ? mark : out->len;
	put_raw(element, bytes, out);
	return element && element->flags & WEIR_TYPE_OPAQUE;
}

bool weir_text_value(const struct weir_entry *e, struct weir_buf *out)
{
	const struct weir_state_info *s = e->state;

	if (e->undecodable || !s) {
		put_raw(s ? s->stored ? s->stored : s->value : NULL, e->value, out);
		return false;
	}
	switch (s->kind) {
	case WEIR_STATE_LIST: return list_json(s->value, e->value, out);
	case WEIR_STATE_MAP:
		if (e->value.len && e->value.ptr[0] == 1) {
			weir_buf_text(out, "null");
			return true;
		}
		if (e->value.len == 0)
			break;
		return weir_text_json(s->value, (struct weir_slice){ e->value.ptr + 1, e->value.len - 1 }, out);
	default: break;
	}
	return weir_text_json(s->value, e->value, out);
}

/* ---- plain ---- */
/* The content of a JSON string that weir_json_str wrote: p points behind the first quote. */
static void unquote(const uint8_t *p, size_t len, struct weir_buf *out)
{
	for (size_t i = 0; i < len && p[i] != '"'; i++) {
		uint8_t utf8[4];
		uint32_t u;

		if (p[i] != '\\' || i + 1 >= len) {
			weir_buf_u8(out, p[i]);
			continue;
		}
		switch (p[++i]) {
		case 'n': weir_buf_u8(out, '\n'); break;
		case 'r': weir_buf_u8(out, '\r'); break;
		case 't': weir_buf_u8(out, '\t'); break;
		case 'b': weir_buf_u8(out, '\b'); break;
		case 'f': weir_buf_u8(out, '\f'); break;
		case 'u':
			if (len - i > 4 && weir_hex4((const char *)p + i + 1, &u))
				weir_buf_put(out, utf8, weir_utf8_put(utf8, u));
			i += 4;
			break;
		default: weir_buf_u8(out, p[i]);
		}
	}
}

bool weir_text_plain(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out, bool *out_null)
{
	struct weir_src src = weir_src_of(bytes, NULL, 0);
	struct weir_buf json = { 0 };
	bool ok = false;

	if (out_null)
		*out_null = false;
	if (t && t->kind == WEIR_TIME_WINDOW && bytes.len == 16) {
		int64_t start = weir_src_i64(&src), end = weir_src_i64(&src);

		weir_buf_printf(out, "%lld_%lld", (long long)start, (long long)end);
		return true;
	}
	if (t && t->kind != WEIR_OPAQUE && weir_type_to_json(t, &src, &json) == 0 && !src.code && weir_src_left(&src) == 0) {
		if (json.len && json.data[0] == '"')
			unquote(json.data + 1, json.len - 1, out);
		else
			weir_buf_put_slice(out, weir_buf_slice(&json));
		if (out_null)
			*out_null = t->kind == WEIR_STRING && json.len == 4 && memcmp(json.data, "null", 4) == 0;
		ok = true;
	} else {
		weir_buf_text(out, "0x");
		weir_buf_hex(out, bytes);
	}
	weir_buf_fini(&json);
	return ok;
}

static bool has_control(const struct weir_buf *b, size_t from, bool c0)
{
	for (size_t i = from; i < b->len; i++)
		if ((c0 && b->data[i] < 0x20) || b->data[i] == 0x7f || (b->data[i] == 0xc2 && i + 1 < b->len && b->data[i + 1] < 0xa0))
			return true;
	return false;
}

void weir_text_safe(struct weir_buf *b, size_t from)
{
	struct weir_buf safe = { 0 };

	if (!has_control(b, from, false))
		return;
	for (size_t i = from; i < b->len; i++) {
		if (b->data[i] == 0x7f)
			weir_buf_text(&safe, "\\u007f");
		else if (b->data[i] == 0xc2 && i + 1 < b->len && b->data[i + 1] < 0xa0)
			weir_buf_printf(&safe, "\\u00%02x", b->data[++i]);
		else
			weir_buf_u8(&safe, b->data[i]);
	}
	b->len = from;
	weir_buf_put_slice(b, weir_buf_slice(&safe));
	if (safe.code)
		b->code = safe.code;
	weir_buf_fini(&safe);
}

void weir_text_column(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *out)
{
	size_t from = out->len;

	weir_text_plain(t, bytes, out, NULL);
	if (!has_control(out, from, true))
		return;
	out->len = from;
	weir_text_json(t, bytes, out);
	weir_text_safe(out, from);
}

static bool parse_hex(const char *text, size_t len, struct weir_buf *out)
{
	size_t mark = out->len;

	if (len < 2 || len % 2 || text[0] != '0' || text[1] != 'x')
		return false;
	for (size_t i = 2; i < len; i += 2) {
		int a = weir_hex_digit(text[i]), b = weir_hex_digit(text[i + 1]);

		if (a < 0 || b < 0) {
			out->len = mark;
			return false;
		}
		weir_buf_u8(out, (uint8_t)(a << 4 | b));
	}
	return true;
}

static bool parse_window(const char *text, size_t len, struct weir_buf *out)
{
	char buf[64], *end;
	long long a, b;

	if (len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	a = strtoll(buf, &end, 10);
	if (end == buf || *end != '_')
		return false;
	text = end + 1;
	b = strtoll(text, &end, 10);
	if (end == text || *end)
		return false;
	weir_buf_i64(out, a);
	weir_buf_i64(out, b);
	return true;
}

static int parse_quoted(const struct weir_type *t, const char *text, size_t len, struct weir_buf *out, struct weir_error *err)
{
	struct weir_buf json = { 0 };
	int rc;

	weir_json_str(&json, text, len);
	rc = weir_buf_error(&json) ? weir_error_set(err, WEIR_ENOMEM, "out of memory") : weir_type_from_json(t, (char *)json.data, json.len, false, out, err);
	weir_buf_fini(&json);
	return rc;
}

int weir_text_parse(const struct weir_type *t, const char *text, size_t len, bool json, struct weir_buf *out, struct weir_error *err)
{
	char type[256];
	size_t mark = out->len;
	struct weir_error quiet = WEIR_ERROR_INIT;

	if (!t || t->kind == WEIR_OPAQUE) {
		if (parse_hex(text, len, out))
			return 0;
		return weir_error_set(err, WEIR_EINVALID, "the key's type is not known here (%s); give its serialized bytes as 0x and hex", t ? weir_type_text(t, type, sizeof(type)) : "?");
	}
	if (t->kind == WEIR_TIME_WINDOW && parse_window(text, len, out))
		return 0;
	if (t->kind == WEIR_STRING && json && len > 1 && text[0] == '"' && text[len - 1] == '"' && weir_type_from_json(t, text, len, false, out, &quiet) == 0)
		return 0;
	out->len = mark;
	weir_error_clear(&quiet);
	if (t->kind == WEIR_STRING)
		return parse_quoted(t, text, len, out, err);
	if (weir_type_from_json(t, text, len, false, out, &quiet) == 0)
		return 0;
	out->len = mark;
	weir_error_clear(&quiet);
	if (parse_quoted(t, text, len, out, &quiet) == 0)
		return 0;
	out->len = mark;
	return weir_error_set(err, WEIR_EINVALID, "'%.*s' is not a value of type %s", (int)(len < 80 ? len : 80), text, weir_type_text(t, type, sizeof(type)));
}

/* ---- entries ---- */
static void member(const char *name, const struct weir_type *t, struct weir_slice bytes, bool *first, struct weir_buf *out)
{
	if (!bytes.ptr || (t && t->kind == WEIR_VOID))
		return;
	weir_json_key(out, first, name);
	weir_text_json(t, bytes, out);
}

static void number(const char *name, int64_t v, bool *first, struct weir_buf *out)
{
	weir_json_key(out, first, name);
	weir_json_i64(out, v);
}

void weir_text_entry(const struct weir_entry *e, const char *head, struct weir_buf *out)
{
	const struct weir_state_info *s = e->state;
	bool first = !head || !head[0];

	weir_buf_u8(out, '{');
	if (!first) {
		weir_buf_text(out, head);
	}
	if (e->key_group >= 0)
		number("kg", e->key_group, &first, out);
	else if (e->subtask >= 0)
		number("sub", e->subtask, &first, out);
	if (e->index >= 0)
		number("index", e->index, &first, out);
	if (s && weir_state_is_timer(s->kind))
		number("timestamp", e->timestamp, &first, out);
	member("key", s ? s->key : NULL, e->key, &first, out);
	member("ns", s ? s->ns : NULL, e->ns, &first, out);
	member("uk", s ? s->user_key : NULL, e->user_key, &first, out);
	if (!s || !weir_state_is_timer(s->kind) || e->undecodable) {
		weir_json_key(out, &first, "value");
		weir_text_value(e, out);
	}
	if (e->undecodable) {
		weir_json_key(out, &first, "undecodable");
		weir_json_text(out, e->undecodable);
	}
	weir_buf_u8(out, '}');
}
