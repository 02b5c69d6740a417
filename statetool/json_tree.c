// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON reader of the tools. Pure; everything it makes lies in the arena; recursion is capped. Fails with PARSE and NOMEM only.
 */
#include "statetool/json_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "state/type/json_in.h"

enum { DEPTH_MAX = 200 };

struct reader {
	struct json_in in;
	struct weir_arena *mem;
	struct weir_buf scratch;
};

static int no_memory(struct reader *r) { return weir_error_set(r->in.err, WEIR_ENOMEM, "not enough memory for JSON"); }

static int read_value(struct reader *r, unsigned depth, struct weir_json *out);

static int read_string(struct reader *r, struct weir_slice *out)
{
	int rc;
	char *text;

	weir_buf_clear(&r->scratch);
	rc = weir__json_string(&r->in, &r->scratch);
	if (rc == 0 && weir_buf_error(&r->scratch))
		rc = no_memory(r);
	if (rc)
		return rc;
	text = weir_arena_text(r->mem, r->scratch.data ? (const char *)r->scratch.data : "", r->scratch.len);
	if (!text)
		return no_memory(r);
	*out = (struct weir_slice){ (const uint8_t *)text, r->scratch.len };
	return 0;
}

static int read_number(struct reader *r, struct weir_json *out)
{
	const char *start = r->in.p, *p = start;
	bool whole = true;
	char *text, *end;

	if (p < r->in.end && *p == '-')
		p++;
	if (p == r->in.end || *p < '0' || *p > '9')
		return weir__json_fail(&r->in, "a value");
	for (; p < r->in.end && ((*p >= '0' && *p <= '9') || *p == '.' || *p == 'e' || *p == 'E' || *p == '+' || *p == '-'); p++)
		whole &= (*p >= '0' && *p <= '9') || (p == start && *p == '-');
	text = weir_arena_text(r->mem, start, (size_t)(p - start));
	if (!text)
		return no_memory(r);
	out->text = (struct weir_slice){ (const uint8_t *)text, (size_t)(p - start) };
	errno = 0;
	out->kind = WEIR_JSON_INT;
	if (whole)
		out->u.i = strtoll(text, &end, 10);
	if (!whole || errno) {
		out->kind = WEIR_JSON_FLOAT;
		out->u.f = strtod(text, &end);
		if (*end)
			return weir__json_fail(&r->in, "a number");
	}
	r->in.p = p;
	return 0;
}

/* Room for one more of n elements: blocks of the arena, doubled. */
static void *grow(struct reader *r, void *items, uint32_t n, size_t size)
{
	void *more;

	if (n && (n & (n - 1)))
		return items;
	more = weir_arena_alloc(r->mem, size * (n ? 2 * (size_t)n : 1), 16);
	if (more && n)
		memcpy(more, items, n * size);
	return more;
}

static int read_array(struct reader *r, unsigned depth, struct weir_json *out)
{
	struct weir_json *items = NULL;
	int rc = 0;

	out->kind = WEIR_JSON_ARRAY;
	if (weir__json_take(&r->in, ']'))
		return 0;
	do {
		items = grow(r, items, out->n, sizeof(*items));
		if (!items)
			return no_memory(r);
		memset(&items[out->n], 0, sizeof(*items));
		rc = read_value(r, depth, &items[out->n++]);
	} while (rc == 0 && weir__json_take(&r->in, ','));
	out->u.items = items;
	return rc ? rc : weir__json_expect(&r->in, ']');
}

static int read_object(struct reader *r, unsigned depth, struct weir_json *out)
{
	struct weir_json_member *members = NULL;
	int rc = 0;

	out->kind = WEIR_JSON_OBJECT;
	if (weir__json_take(&r->in, '}'))
		return 0;
	do {
		members = grow(r, members, out->n, sizeof(*members));
		if (!members)
			return no_memory(r);
		memset(&members[out->n], 0, sizeof(*members));
		if (weir__json_peek(&r->in) != '"')
			rc = weir__json_fail(&r->in, "a member's name in quotes");
		else
			rc = read_string(r, &members[out->n].name);
		if (rc == 0)
			rc = weir__json_expect(&r->in, ':');
		if (rc == 0)
			rc = read_value(r, depth, &members[out->n++].value);
	} while (rc == 0 && weir__json_take(&r->in, ','));
	out->u.members = members;
	return rc ? rc : weir__json_expect(&r->in, '}');
}

static int read_value(struct reader *r, unsigned depth, struct weir_json *out)
{
	char c = weir__json_peek(&r->in);

	if (depth >= DEPTH_MAX)
		return weir__json_fail(&r->in, "less nesting");
	if (c == '"') {
		out->kind = WEIR_JSON_STRING;
		return read_string(r, &out->text);
	}
	if (weir__json_take(&r->in, '['))
		return read_array(r, depth + 1, out);
	if (weir__json_take(&r->in, '{'))
		return read_object(r, depth + 1, out);
	if (weir__json_word(&r->in, "null"))
		return 0;
	out->kind = WEIR_JSON_BOOL;
	out->u.b = true;
	if (weir__json_word(&r->in, "true"))
		return 0;
	out->u.b = false;
	if (weir__json_word(&r->in, "false"))
		return 0;
	return read_number(r, out);
}

int weir_json_parse(struct weir_slice text, struct weir_arena *mem, const struct weir_json **out, struct weir_error *err)
{
	const char *p = text.ptr ? (const char *)text.ptr : "";
	struct weir_error local = WEIR_ERROR_INIT;
	struct reader r = { .in = { p, p, p + text.len, err ? err : &local }, .mem = mem };
	struct weir_json *root = weir_arena_zero(mem, sizeof(*root));
	int rc = root ? read_value(&r, 0, root) : no_memory(&r);

	if (rc == 0 && weir__json_peek(&r.in))
		rc = weir__json_fail(&r.in, "the end of the text");
	weir_buf_fini(&r.scratch);
	if (rc == 0)
		*out = root;
	return rc;
}

const struct weir_json *weir_json_member(const struct weir_json *j, const char *name)
{
	for (uint32_t i = 0; j && j->kind == WEIR_JSON_OBJECT && i < j->n; i++)
		if (weir_slice_is(j->u.members[i].name, name))
			return &j->u.members[i].value;
	return NULL;
}
