// SPDX-License-Identifier: Apache-2.0
/*
 * Reading serializer snapshots.
 *
 * Invariants
 *  1. A known class is read to its last byte or refused; what it said is kept as bytes for writing it again.
 *  2. An unknown class becomes OPAQUE. Where its body ends is known inside a frame; for a composite class by its nested snapshots;
 *     else it is the first place from which on the data goes on plausibly (the caller's `after`, or another snapshot).
 *  3. All searching together looks at no more than SEARCH_BUDGET places, and nesting is capped: no input makes this slow.
 *  4. While reading, snapshot slices point into the source; finish() moves all of them to one copy in the arena.
 * Pure. May fail: damage, versions nobody wrote, unknown bodies without a plausible end, out of memory.
 */
#include "state/flink/snapshot_priv.h"

#include "base/arena.h"
#include "base/src.h"
#include "state/type/type_priv.h"

#include <stdio.h>

#define SEARCH_LIMIT ((size_t)1 << 20)
#define SEARCH_BUDGET (4u << 20)
#define OUTER_LIMIT ((size_t)64 << 10) /* outer body of an unknown composite */

static struct weir_type *read_snap(struct weir__snapshot_reader *r, struct weir__snapshot_next next, uint32_t level);

static struct weir_type *nomem(struct weir__snapshot_reader *r)
{
	weir_src_fail(r->src, WEIR_ENOMEM, "out of memory for a serializer snapshot");
	return NULL;
}

static struct weir_type *new_type(struct weir__snapshot_reader *r, enum weir_kind kind, uint32_t nfields)
{
	struct weir_type *t = weir_arena_zero(r->mem, sizeof(*t));

	if (!t)
		return nomem(r);
	t->kind = kind;
	t->null_offset = (kind == WEIR_ROW || kind == WEIR_POJO) && nfields <= 64 ? 0 : WEIR_NO_NULLS;
	t->nfields = nfields;
	t->fields = weir_arena_zero(r->mem, (nfields + (size_t)1) * sizeof(*t->fields));
	return t->fields ? t : nomem(r);
}

char *weir__snapshot_utf(struct weir__snapshot_reader *r)
{
	return weir__mutf8_text(r->src, weir_src_utf(r->src), r->mem);
}

/* ---- unknown classes ---- */

static bool class_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '.' || c >= 0x80;
}

/* Do the bytes at the cursor start as a snapshot does: a qualified class name and a small version? */
static bool looks_like_snap(struct weir_src at, void *arg)
{
	struct weir_slice s = weir_src_utf(&at);
	int32_t version = weir_src_i32(&at);
	bool dot = false;

	(void)arg;
	if (at.code || s.len < 3 || s.len > 512 || s.ptr[0] == '.' || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!class_char(s.ptr[i]))
			return false;
		dot |= s.ptr[i] == '.';
	}
	return dot && ((version > 0 && version < 256) || version == 0x7A53C4F0);
}

static bool spend(struct weir__snapshot_reader *r)
{
	return r->budget > 0 && r->budget-- > 0;
}

/* An unknown composite: outer body of unknown length, then nested snapshots. Restores the cursor on failure. */
static bool read_unknown_composite(struct weir__snapshot_reader *r, int32_t version, struct weir__snapshot_next next, uint32_t level)
{
	static const uint8_t nested[8] = { 0x00, 0x14, 0x57, 0xfd, 0, 0, 0, 1 };
	struct weir_src start = *r->src;
	const char *unknown = r->unknown;

	if (version != 3 || weir_src_i32(r->src) != WEIR__COMPOSITE_MAGIC)
		goto no;
	weir_src_i32(r->src);
	for (size_t i = 0; weir_src_left(r->src) >= 12 && i < OUTER_LIMIT && spend(r); i++, r->src->p++) {
		if (memcmp(r->src->p, nested, 8) != 0)
			continue;
		r->src->p += 8;
		uint32_t n = weir_src_count(r->src, 7);

		for (uint32_t k = 0; k < n && !r->src->code; k++)
			read_snap(r, k + 1 < n ? (struct weir__snapshot_next){ false, looks_like_snap, NULL } : next, level + 1);
		if (!r->src->code)
			return true;
		break;
	}
no:
	if (r->src->code == WEIR_ENOMEM)
		return false;
	*r->src = start;
	r->unknown = unknown;
	return false;
}

static void find_end(struct weir__snapshot_reader *r, const char *class_name, struct weir__snapshot_next next)
{
	struct weir_src *src = r->src;

	if (next.framed) {
		src->p = src->end;
		return;
	}
	for (size_t i = 0; next.after && i <= SEARCH_LIMIT && i <= (size_t)(src->end - src->p) && spend(r); i++) {
		struct weir_src at = *src;

		at.p += i;
		if (next.after(at, next.arg)) {
			src->p += i;
			return;
		}
	}
	if (!r->unknown)
		r->unknown = class_name;
	weir_src_fail(src, WEIR_ENOTYPE, "the snapshot of a serializer weir does not know has no recognizable end");
}

void weir__snapshot_find_end(struct weir__snapshot_reader *r, const char *class_name)
{
	find_end(r, class_name, r->next);
}

static struct weir_type *read_unknown(struct weir__snapshot_reader *r, char *class_name, int32_t version, struct weir__snapshot_next next, uint32_t level)
{
	struct weir_type *t = new_type(r, WEIR_OPAQUE, 0);

	if (!t)
		return NULL;
	t->java = class_name;
	t->snapshot_version = version;
	if (next.framed || !read_unknown_composite(r, version, next, level))
		if (!r->src->code)
			find_end(r, class_name, next);
	return t;
}

/* ---- known classes ---- */

static void read_outer(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, int32_t version, int32_t *outer, const char **tuple, bool *kinds)
{
	*outer = version; /* up to Flink 1.7 */
	if (version == 3) {
		if (weir_src_i32(r->src) != WEIR__COMPOSITE_MAGIC)
			weir_src_fail(r->src, WEIR_ECORRUPT, "a composite serializer snapshot lacks its magic number 911108");
		*outer = weir_src_i32(r->src);
	}
	if (!r->src->code && (*outer < 1 || *outer > c->outer))
		weir_src_fail(r->src, WEIR_EVERSION, "a composite serializer snapshot has an outer version weir does not know");
	if (c->kind == WEIR_TUPLE)
		*tuple = weir__snapshot_utf(r);
	*kinds = true;
	if (c->kind == WEIR_ROW)
		*kinds = *outer == 3 || (*outer >= 4 && weir__wire_bool(r->src, "the row kind flag of a row snapshot is neither 0 nor 1"));
}

void weir__snapshot_name_fields(struct weir__snapshot_reader *r, struct weir_type *t)
{
	static const char *const names[WEIR_KIND_MAX][2] = {
		[WEIR_LIST] = { "element" }, [WEIR_MAP] = { "key", "value" }, [WEIR_TIMER] = { "key", "namespace" }, [WEIR_TTL] = { "value" }
	};

	for (uint32_t i = 0; i < t->nfields; i++) {
		if (t->kind == WEIR_TUPLE) {
			char text[16];
			int len = snprintf(text, sizeof(text), "f%u", i);

			t->fields[i].name = weir_arena_text(r->mem, text, (size_t)len);
			if (!t->fields[i].name)
				nomem(r);
		} else if (i < 2) {
			t->fields[i].name = names[t->kind][i];
		}
	}
}

static struct weir_type *read_composite(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, int32_t version, struct weir__snapshot_next next, uint32_t level)
{
	uint32_t n, skip = c->kind == WEIR_TTL;
	const char *tuple = NULL;
	struct weir_type *t;
	int32_t outer;
	bool kinds;

	if (version < 1 || version > 3)
		weir_src_fail(r->src, WEIR_EVERSION, "a composite serializer snapshot is of a version weir does not know");
	read_outer(r, c, version, &outer, &tuple, &kinds);
	if (weir_src_i32(r->src) != WEIR__NESTED_MAGIC || weir_src_i32(r->src) != 1)
		weir_src_fail(r->src, WEIR_ECORRUPT, "the nested serializer snapshots lack their magic number 1333245");
	n = weir_src_count(r->src, 7);
	if (!r->src->code && (n < skip || ((c->kind == WEIR_LIST || c->kind == WEIR_TTL) && n != 1 + skip) || ((c->kind == WEIR_MAP || c->kind == WEIR_TIMER) && n != 2)))
		weir_src_fail(r->src, WEIR_ECORRUPT, "a composite serializer snapshot has the wrong number of nested snapshots");
	t = r->src->code ? NULL : new_type(r, c->kind, n - skip);
	if (!t)
		return NULL;
	t->snapshot_version = c->kind == WEIR_ROW && !kinds ? 2 : outer;
	for (uint32_t i = 0; i < n && !r->src->code; i++) {
		struct weir_type *f = read_snap(r, i + 1 < n ? (struct weir__snapshot_next){ false, looks_like_snap, NULL } : next, level + 1);

		if (i < skip) {
			if (f && f->kind != WEIR_INT64)
				weir_src_fail(r->src, WEIR_ECORRUPT, "the time of a TTL snapshot is not a LongSerializer");
			continue;
		}
		t->fields[i - skip].type = f;
	}
	weir__snapshot_name_fields(r, t);
	if (tuple) {
		char usual[64];

		snprintf(usual, sizeof(usual), WEIR__TUPLE_CLASS, n);
		t->java = strcmp(tuple, usual) == 0 ? NULL : tuple;
	}
	return t;
}

/* A present key or value: the cursor is narrowed to its frame until leave_frame. */
static bool enter_frame(struct weir__snapshot_reader *r, const uint8_t **end)
{
	uint32_t len;

	if (!weir__wire_bool(r->src, "a flag of an optional map is neither 0 nor 1"))
		return false;
	len = weir_src_count(r->src, 1);
	if (r->src->code)
		return false;
	*end = r->src->end;
	r->src->end = r->src->p + len;
	return true;
}

static void leave_frame(struct weir__snapshot_reader *r, const uint8_t *end)
{
	weir_src_end(r->src, "a frame of a POJO snapshot holds more than a serializer snapshot");
	r->src->end = end;
}

static struct weir_type *absent_type(struct weir__snapshot_reader *r, const char *what)
{
	struct weir_type *t = new_type(r, WEIR_OPAQUE, 0);

	if (t)
		t->java = what;
	return t;
}

/* LinkedOptionalMap from names to serializer snapshots. */
static struct weir_field *read_map(struct weir__snapshot_reader *r, uint32_t *out_n, bool subclasses, uint32_t level)
{
	struct weir_field *fields;
	uint32_t n;

	*out_n = 0;
	if (weir_src_u64(r->src) != WEIR__OPTIONAL_MAP_HEADER)
		weir_src_fail(r->src, WEIR_ECORRUPT, "an optional map of a POJO snapshot lacks its header");
	n = weir_src_count(r->src, 4);
	fields = r->src->code ? NULL : weir_arena_zero(r->mem, (n + (size_t)1) * sizeof(*fields));
	if (!fields) {
		if (!r->src->code)
			nomem(r);
		return NULL;
	}
	for (uint32_t i = 0; i < n && !r->src->code; i++) {
		const uint8_t *end;

		fields[i].name = weir__snapshot_utf(r);
		if (enter_frame(r, &end)) { /* declaring class and field: kept in the bytes */
			r->src->p = r->src->end;
			leave_frame(r, end);
		}
		if (enter_frame(r, &end)) {
			fields[i].type = read_snap(r, (struct weir__snapshot_next){ .framed = true }, level + 1);
			leave_frame(r, end);
		} else if (!r->src->code && !subclasses) {
			fields[i].type = absent_type(r, "(a serializer the snapshot does not hold)");
		}
	}
	*out_n = n;
	return fields;
}

static struct weir_type *read_pojo(struct weir__snapshot_reader *r, int32_t version, uint32_t level)
{
	struct weir_field *fields, *registered, *others;
	uint32_t n, nregistered, nothers;
	struct weir_type *t;
	char *java;

	if (version != 2)
		weir_src_fail(r->src, WEIR_EVERSION, "a POJO snapshot is of a version weir does not know");
	java = weir__snapshot_utf(r);
	fields = read_map(r, &n, false, level);
	registered = read_map(r, &nregistered, true, level);
	others = read_map(r, &nothers, true, level);
	t = r->src->code ? NULL : new_type(r, WEIR_POJO, n);
	if (!t)
		return NULL;
	t->java = java;
	t->fields = fields;
	t->nregistered = nregistered;
	t->nsubs = nregistered + nothers;
	t->subs = weir_arena_zero(r->mem, (t->nsubs + (size_t)1) * sizeof(*t->subs));
	if (!t->subs)
		return nomem(r);
	memcpy(t->subs, registered, nregistered * sizeof(*registered));
	memcpy(t->subs + nregistered, others, nothers * sizeof(*others));
	return t;
}

static struct weir_type *read_simple(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, int32_t version)
{
	struct weir_type *t;

	if (version == 2)
		weir_src_utf(r->src); /* Flink 1.7: the serializer's class */
	else if (version != 3)
		weir_src_fail(r->src, WEIR_EVERSION, "a serializer snapshot is of a version weir does not know");
	t = new_type(r, c->kind, 0);
	if (t)
		t->serializer = c->serializer;
	return t;
}

/* Values of user classes that write themselves: where the snapshot ends is known, where a value ends is not. */
static struct weir_type *read_generic(struct weir__snapshot_reader *r, int32_t version)
{
	struct weir_type *t;

	if (version != 2)
		weir_src_fail(r->src, WEIR_EVERSION, "a snapshot of self-writing values is of a version weir does not know");
	t = new_type(r, WEIR_OPAQUE, 0);
	if (t)
		t->name = weir__snapshot_utf(r);
	return t;
}

static struct weir_type *read_ttl_aware(struct weir__snapshot_reader *r, int32_t version, struct weir__snapshot_next next, uint32_t level)
{
	if (version != 1)
		weir_src_fail(r->src, WEIR_EVERSION, "a TtlAwareSerializer snapshot is of a version weir does not know");
	weir__wire_bool(r->src, "the flag of a TtlAwareSerializer snapshot is neither 0 nor 1");
	return read_snap(r, next, level + 1); /* values are those of the serializer inside */
}

/* ---- serializers of families ---- */

void *weir__snapshot_zero(struct weir__snapshot_reader *r, size_t bytes)
{
	void *p = weir_arena_zero(r->mem, bytes);

	return p ? p : nomem(r);
}

bool weir__snapshot_fields(struct weir__snapshot_reader *r, struct weir_type *t, uint32_t n)
{
	t->fields = weir__snapshot_zero(r, (n + (size_t)1) * sizeof(*t->fields));
	t->nfields = t->fields ? n : 0;
	return t->fields != NULL;
}

struct weir_type *weir__snapshot_inner(struct weir__snapshot_reader *r, bool last)
{
	struct weir__snapshot_next next = r->next;
	int32_t version = r->version;
	struct weir_type *t = read_snap(r, last ? next : (struct weir__snapshot_next){ false, looks_like_snap, NULL }, r->level + 1);

	r->next = next;
	r->version = version;
	return t;
}

void weir__snapshot_nested(struct weir__snapshot_reader *r, struct weir_type *t, uint32_t want, bool last)
{
	uint32_t n;

	if (weir_src_i32(r->src) != WEIR__NESTED_MAGIC || weir_src_i32(r->src) != 1)
		weir_src_fail(r->src, WEIR_ECORRUPT, "the nested serializer snapshots lack their magic number 1333245");
	n = weir_src_count(r->src, 7);
	if (!r->src->code && want != WEIR__ANY_NESTED && n != want)
		weir_src_fail(r->src, WEIR_ECORRUPT, "a composite serializer snapshot has the wrong number of nested snapshots");
	if (r->src->code || !weir__snapshot_fields(r, t, n))
		return;
	for (uint32_t i = 0; i < n && !r->src->code; i++)
		t->fields[i].type = weir__snapshot_inner(r, last && i + 1 == n);
}

static struct weir_type *read_family(struct weir__snapshot_reader *r, const struct weir__snapshot_class *c, int32_t version,
				     struct weir__snapshot_next next, uint32_t level)
{
	struct weir_type *t = new_type(r, WEIR_WIRE, 0);

	if (!t)
		return NULL;
	t->serializer = c->serializer;
	t->java = c->name;
	t->snapshot_version = version;
	r->next = next;
	r->level = level;
	r->version = version;
	if (c->form == WEIR__SNAPSHOT_OWN) {
		c->read(r, c, t);
		return t;
	}
	if (version < 1 || version > 3)
		weir_src_fail(r->src, WEIR_EVERSION, "a composite serializer snapshot is of a version weir does not know");
	if (version == 3) {
		if (weir_src_i32(r->src) != WEIR__COMPOSITE_MAGIC)
			weir_src_fail(r->src, WEIR_ECORRUPT, "a composite serializer snapshot lacks its magic number 911108");
		r->version = weir_src_i32(r->src);
	}
	if (!r->src->code && (r->version < 0 || r->version > c->outer))
		weir_src_fail(r->src, WEIR_EVERSION, "a composite serializer snapshot has an outer version weir does not know");
	t->snapshot_version = r->version;
	if (!r->src->code && c->read)
		c->read(r, c, t);
	if (!r->src->code)
		weir__snapshot_nested(r, t, c->nested, true);
	return t;
}

static struct weir_type *read_snap(struct weir__snapshot_reader *r, struct weir__snapshot_next next, uint32_t level)
{
	const uint8_t *start = r->src->p;
	const struct weir__snapshot_class *c;
	struct weir_type *t = NULL;
	int32_t version;
	char *name;

	if (level >= WEIR__TYPE_DEPTH)
		weir_src_fail(r->src, WEIR_EUNSUPPORTED, "serializer snapshots are nested deeper than 32");
	name = weir__snapshot_utf(r);
	version = weir_src_i32(r->src);
	if (r->src->code)
		return NULL;
	if (!*name) {
		weir_src_fail(r->src, WEIR_ECORRUPT, "a serializer snapshot has no class name");
		return NULL;
	}
	c = weir__snapshot_class_named(name);
	if (version == WEIR__LEGACY_MARKER || (r->before_1_7 && !c)) {
		r->next = next;
		r->level = level;
		t = weir__snapshot_legacy(r, name, version);
	} else if (!c) {
		t = read_unknown(r, name, version, next, level);
	} else {
		switch (c->form) {
		case WEIR__SNAPSHOT_SIMPLE: t = read_simple(r, c, version); break;
		case WEIR__SNAPSHOT_COMPOSITE: t = c->serializer ? read_family(r, c, version, next, level) : read_composite(r, c, version, next, level); break;
		case WEIR__SNAPSHOT_GENERIC: t = read_generic(r, version); break;
		case WEIR__SNAPSHOT_OWN: t = read_family(r, c, version, next, level); break;
		case WEIR__SNAPSHOT_POJO: t = read_pojo(r, version, level); break;
		case WEIR__SNAPSHOT_TTL_AWARE: t = read_ttl_aware(r, version, next, level); break;
		}
		if (t && !c->usual && c->form != WEIR__SNAPSHOT_TTL_AWARE)
			t->java = c->name;
	}
	if (t && !r->src->code)
		t->snapshot = (struct weir_slice){ start, (size_t)(r->src->p - start) };
	return r->src->code ? NULL : t;
}

static void move_snapshots(struct weir_type *t, const uint8_t *from, const uint8_t *to)
{
	if (t->snapshot.len)
		t->snapshot.ptr = to + (t->snapshot.ptr - from);
	for (uint32_t i = 0; i < t->nfields; i++)
		move_snapshots(t->fields[i].type, from, to);
	for (uint32_t i = 0; i < t->nsubs; i++)
		if (t->subs[i].type)
			move_snapshots(t->subs[i].type, from, to);
}

static int read_whole(struct weir_src *src, struct weir_arena *mem, weir_serializer_snapshot_after_fn *after, void *arg, bool before_1_7, struct weir_type **out,
		      struct weir_error *err)
{
	struct weir__snapshot_reader r = { .src = src, .mem = mem, .budget = SEARCH_BUDGET, .before_1_7 = before_1_7 };
	uint64_t offset = weir_src_offset(src);
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_type *t;
	uint8_t *copy;

	t = read_snap(&r, (struct weir__snapshot_next){ false, after, arg }, 0);
	if (!t) {
		if (src->code == WEIR_ENOTYPE && r.unknown)
			return weir_error_at(err, src->code, src->path, src->fail_offset, "the snapshot of %s, a serializer weir does not know, has no recognizable end",
					     r.unknown);
		return weir_src_error(src, err);
	}
	copy = weir_arena_copy(mem, t->snapshot.ptr, t->snapshot.len);
	if (!copy) {
		weir_src_fail(src, WEIR_ENOMEM, "out of memory for a serializer snapshot");
		return weir_src_error(src, err);
	}
	move_snapshots(t, t->snapshot.ptr, copy);
	if (weir__type_prepare_in(t, mem, &why)) { /* names twice, no or too many fields */
		weir_src_fail(src, why.code == WEIR_ENOMEM ? WEIR_ENOMEM : WEIR_ECORRUPT, "a serializer snapshot describes an impossible type");
		return weir_error_at(err, src->code, src->path, offset, "a serializer snapshot describes an impossible type: %s", why.msg);
	}
	*out = t;
	return 0;
}

int weir_serializer_snapshot_read(struct weir_src *src, struct weir_arena *mem, weir_serializer_snapshot_after_fn *after, void *arg, struct weir_type **out,
				  struct weir_error *err)
{
	return read_whole(src, mem, after, arg, false, out, err);
}

int weir_serializer_snapshot_read_proxy(struct weir_src *src, struct weir_arena *mem, weir_serializer_snapshot_after_fn *after, void *arg, struct weir_type **out,
					struct weir_error *err)
{
	int32_t version = weir_src_i32(src);
	int code;

	if (!src->code && version != 1 && version != 2) {
		src->p -= 4;
		weir_src_fail(src, WEIR_ECORRUPT, "a serializer snapshot does not start with its version, 1 or 2");
	}
	if (src->code)
		return weir_src_error(src, err);
	code = read_whole(src, mem, after, arg, version == 1, out, err);
	if (code && version == 1 && err)
		weir_error_wrap(err, "a serializer snapshot of Flink 1.6 or before");
	if (!code && version == 1)
		(*out)->flags |= WEIR_TYPE_OLD;
	return code;
}

int weir_serializer_snapshot_read_list(struct weir_src *src, struct weir_arena *mem, uint32_t want, struct weir_type **out, struct weir_error *err)
{
	struct weir__snapshot_reader r = { .src = src, .mem = mem, .budget = SEARCH_BUDGET, .next = { .framed = true } };
	struct weir_error why = WEIR_ERROR_INIT;
	const uint8_t *start = src->p, *copy;
	struct weir_type **parts;
	uint32_t n;

	parts = weir__snapshot_legacy_list(&r, &n);
	if (!parts && !src->code)
		weir_src_fail(src, WEIR_ECORRUPT, "a list of serializers with their configurations is damaged");
	if (!src->code && n != want)
		weir_src_fail(src, WEIR_ECORRUPT, "a list of serializers has another length than the state needs");
	if (src->code)
		return weir_src_error(src, err);
	copy = weir_arena_copy(mem, start, (size_t)(src->p - start));
	for (uint32_t i = 0; i < n; i++) {
		if (copy)
			move_snapshots(parts[i], start, copy);
		if (!copy || weir__type_prepare_in(parts[i], mem, &why)) {
			weir_src_fail(src, !copy || why.code == WEIR_ENOMEM ? WEIR_ENOMEM : WEIR_ECORRUPT, "a list of serializers describes an impossible type");
			return weir_src_error(src, err);
		}
		out[i] = parts[i];
	}
	return 0;
}
