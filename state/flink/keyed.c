/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed state streams: which of the two formats, one key group, and the conversions between them (docs/formats/keyed-state.md).
 *
 * 1. What is handed out is canonical whatever the stream stores; weir_keyed_read_group_stored() gives it unconverted.
 * 2. A group ends exactly at `end`, or, at the end of the stream, where another group of it begins: a handle may name a part of a stream.
 * 3. A compressed group is decompressed whole; what lies behind it in the stream is not looked at unless the group needs it.
 * Pure: bytes in memory. Threads share nothing. Fails on damage (path, offset, key group, state) and when memory runs out.
 */
#include "state/flink/keyed.h"

#include <stdio.h>

#include "base/hash.h"
#include "state/flink/keyed_priv.h"
#include "state/flink/snappy_frame.h"

/* ---- types ---- */

/* Whether a namespace of an unknown serializer has a fixed length is not known. It is taken as everything behind the key, so that what was read is written
 * again byte for byte; a length that Flink may have put there stays inside it. */
bool weir__keyed_ambiguous(const struct weir_type *key, const struct weir_type *ns)
{
	return !weir__keyed_is_opaque(ns) && weir_type_java_length(key) < 0 && weir_type_java_length(ns) < 0;
}

int weir__keyed_fixed_size(const struct weir_type *t)
{
	int sum = 0;

	switch (t->kind) {
	case WEIR_BOOLEAN: case WEIR_INT8: case WEIR_VOID: case WEIR_GLOBAL_WINDOW:
		return 1;
	case WEIR_INT16: case WEIR_CHAR:
		return 2;
	case WEIR_INT32: case WEIR_FLOAT:
		return 4;
	case WEIR_INT64: case WEIR_DOUBLE:
		return 8;
	case WEIR_TIME_WINDOW:
		return 16;
	case WEIR_TIMESTAMP:
		return 12;
	case WEIR_TUPLE:
		for (uint32_t i = 0; i < t->nfields; i++) {
			int n = weir__keyed_fixed_size(t->fields[i].type);

			if (n < 0)
				return -1;
			sum += n;
		}
		return sum;
	default:
		return -1;
	}
}

bool weir_keyed_group_of(const struct weir_type *key, struct weir_slice bytes, uint32_t max_parallelism, struct weir_arena *scratch, uint32_t *out)
{
	struct weir_src src = weir_src_of(bytes, NULL, 0);
	int32_t hash;
	void *v;

	if (key->kind == WEIR_INT64 && bytes.len == 8) {
		*out = weir_key_group(weir_java_hash_i64(weir_src_i64(&src)), max_parallelism);
		return true;
	}
	if (weir__keyed_is_opaque(key) || key->kind == WEIR_POJO)
		return false;
	weir_arena_reset(scratch);
	v = weir_arena_zero(scratch, key->size ? key->size : 1);
	if (!v || weir_type_read(key, &src, scratch, v, NULL) != 0 || weir_src_left(&src) != 0 || weir_type_java_hash(key, v, &hash, NULL) != 0)
		return false;
	*out = weir_key_group(hash, max_parallelism);
	return true;
}

/* ---- messages ---- */

int weir__keyed_fail(struct weir__keyed_group *g, int code, uint64_t at, uint32_t state, const char *text)
{
	char where[48] = "";
	const char *name = state < g->meta->nstates ? g->meta->states[state].name : NULL;

	if (g->compressed)
		snprintf(where, sizeof(where), " (byte %llu of the decompressed key group)", (unsigned long long)at);
	return weir_error_at(g->err, code, g->path, g->compressed ? g->offset : g->offset + at, "key group %d%s%.200s%s: %s%s", g->key_group, name ? ", state '" : "",
			     name ? name : "", name ? "'" : "", text, where);
}

int weir__keyed_src_fail(struct weir__keyed_group *g, const struct weir_src *src, uint32_t state)
{
	return weir__keyed_fail(g, src->code, src->fail_offset - src->origin, state, src->what);
}

/* ---- FULL or HEAP ---- */

/* Does the group at o read as FULL to a clean end? Lengths only. */
static bool walks_as_full(struct weir_slice stream, uint64_t o, uint32_t nstates, uint32_t prefix, uint32_t group)
{
	struct weir_src src = weir_src_of((struct weir_slice){ stream.ptr + o, stream.len - o }, NULL, 0);
	uint32_t state = weir_src_u16(&src);

	while (!src.code && state != WEIR__KEYED_END) {
		struct weir_slice key = weir_src_blob32(&src);
		uint32_t in_key;

		weir_src_blob32(&src);
		if (src.code || state >= nstates || key.len < prefix)
			return false;
		in_key = prefix == 2 ? (key.ptr[0] & 0x7fu) << 8 | key.ptr[1] : key.ptr[0] & 0x7fu;
		if (in_key != group)
			return false;
		if (key.ptr[0] & 0x80)
			state = weir_src_u16(&src);
	}
	return !src.code;
}

enum weir_keyed_format weir_keyed_detect(enum weir_keyed_kind kind, struct weir_slice stream, const struct weir_keyed_meta *meta,
					 const struct weir_key_group_offsets *groups, uint32_t max_parallelism)
{
	uint32_t agree = 0, differ = 0; /* most of them decide: one may be damaged, and some lie behind the end of a file that was cut */
	bool sure = false;

	if (kind == WEIR_KEYED_SAVEPOINT || groups->count == 0)
		return WEIR_FORMAT_FULL;
	for (uint32_t i = 0; i < groups->count; i++) {
		uint64_t o = (uint64_t)groups->offsets[i];
		uint32_t g = (uint32_t)groups->first + i;

		if (groups->offsets[i] <= 0)
			return WEIR_FORMAT_FULL;
		if (o + 4 > stream.len)
			continue;
		if (weir_be32(stream.ptr + o) != g) {
			differ++;
			continue;
		}
		agree++;
		sure |= g != 0;
	}
	if (agree <= differ)
		return WEIR_FORMAT_FULL;
	if (sure || meta->compressed) /* a FULL compressed group begins ff 06 */
		return WEIR_FORMAT_HEAP;
	return walks_as_full(stream, (uint64_t)groups->offsets[0], meta->nstates, weir_keyed_prefix(max_parallelism), 0) ? WEIR_FORMAT_FULL : WEIR_FORMAT_HEAP;
}

/* ---- lists ---- */

int weir_list_to_canonical(const struct weir_type *list, struct weir_slice stored, struct weir_buf *out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(stored, NULL, 0), all = src;
	uint32_t n = weir_src_count(&src, 1);

	if (weir__keyed_is_opaque(list) && (weir_type_skip(list, &all) || weir_src_left(&all))) { /* only what needs no boundaries */
		if (!src.code && list->kind == WEIR_LIST && n == 1)
			weir_buf_put(out, src.p, weir_src_left(&src));
		else if (src.code || list->kind != WEIR_LIST || n > 1)
			return weir_error_set(err, WEIR_ENOTYPE, "the elements of a list cannot be told apart: their serializer is not known");
		return weir_buf_error(out) ? weir_error_set(err, weir_buf_error(out), "no memory to convert a list") : 0;
	}
	for (uint32_t i = 0; i < n && !src.code; i++) {
		const uint8_t *from = src.p;

		if (i)
			weir_buf_u8(out, 0x2c);
		if (weir_type_skip(list->fields[0].type, &src) == 0)
			weir_buf_put(out, from, (size_t)(src.p - from));
	}
	weir_src_end(&src, "bytes are left behind the elements of a list");
	if (src.code)
		return weir_src_error(&src, err);
	return weir_buf_error(out) ? weir_error_set(err, weir_buf_error(out), "no memory to convert a list") : 0;
}

int weir_list_from_canonical(const struct weir_type *list, struct weir_slice canonical, struct weir_buf *out, struct weir_error *err)
{
	struct weir_src src = weir_src_of(canonical, NULL, 0);
	size_t count_at = out->len;
	uint32_t n = 0;

	if (list->kind != WEIR_LIST || list->fields[0].type->kind == WEIR_OPAQUE)
		return weir_error_set(err, WEIR_ENOTYPE, "the elements of a list cannot be told apart: their serializer is not known");
	weir_buf_u32(out, 0);
	for (; weir_src_left(&src); n++) {
		const uint8_t *from = src.p;

		if (weir_type_skip(list->fields[0].type, &src) != 0)
			break;
		weir_buf_put(out, from, (size_t)(src.p - from));
		if (weir_src_left(&src) && (weir_src_u8(&src) != 0x2c || weir_src_left(&src) == 0))
			weir_src_fail(&src, WEIR_ECORRUPT, "the elements of a list are not joined by the byte 2c");
	}
	if (src.code)
		return weir_src_error(&src, err);
	weir_buf_patch_u32(out, count_at, n);
	return weir_buf_error(out) ? weir_error_set(err, weir_buf_error(out), "no memory to convert a list") : 0;
}

/* ---- one key group ---- */

/* A group may be followed by another one of the same stream that this handle does not name. */
static bool plausible_next(const struct weir__keyed_group *g, enum weir_keyed_format format, struct weir_slice rest)
{
	uint32_t prefix = weir_keyed_prefix(g->max_parallelism), group;

	if (format == WEIR_FORMAT_HEAP)
		return rest.len >= 4 && weir_be32(rest.ptr) > (uint32_t)g->key_group && weir_be32(rest.ptr) < g->max_parallelism;
	if (rest.len < 6 + prefix)
		return false;
	group = prefix == 2 ? (rest.ptr[6] & 0x7fu) << 8 | rest.ptr[7] : rest.ptr[6] & 0x7fu;
	return ((uint32_t)rest.ptr[0] << 8 | rest.ptr[1]) < g->meta->nstates && weir_be32(rest.ptr + 2) >= prefix && group > (uint32_t)g->key_group;
}

static int read_plain(struct weir__keyed_group *g, enum weir_keyed_format format, struct weir_slice body)
{
	struct weir_src src = weir_src_of(body, g->path, g->offset);
	int code = format == WEIR_FORMAT_FULL ? weir__keyed_read_full(g, &src) : weir__keyed_read_heap(g, &src);

	if (code == 0 && weir_src_left(&src) && !(g->open_ended && plausible_next(g, format, (struct weir_slice){ src.p, weir_src_left(&src) })))
		code = weir__keyed_fail(g, WEIR_ECORRUPT, (uint64_t)(src.p - src.base), UINT32_MAX, "bytes are left behind its last entry");
	return code;
}

static int read_compressed(struct weir__keyed_group *g, enum weir_keyed_format format, struct weir_slice body)
{
	struct weir_buf plain = { 0 };
	struct weir_slice frames = body;
	struct weir_error *err = g->err, local = WEIR_ERROR_INIT;
	const char *what;
	struct weir_src src;
	size_t used, head = 0;
	int code, frame_code;

	if (format == WEIR_FORMAT_HEAP) { /* the number of the group is not compressed */
		if (body.len < 4)
			return weir__keyed_fail(g, WEIR_ETRUNCATED, 0, UINT32_MAX, "the data ends inside its number");
		weir_buf_put(&plain, body.ptr, 4);
		head = 4;
		frames = (struct weir_slice){ body.ptr + 4, body.len - 4 };
	}
	frame_code = weir_snappy_frame_read(frames, format == WEIR_FORMAT_FULL || g->meta->nstates > 0, &plain, &used, &what);
	if (weir_buf_error(&plain))
		frame_code = WEIR_ENOMEM, what = "no memory to decompress state";
	if (frame_code && (!g->open_ended || frame_code == WEIR_ENOMEM)) {
		code = weir__keyed_fail(g, frame_code, head + used, UINT32_MAX, what);
		weir_buf_fini(&plain);
		return code;
	}
	g->compressed = true;
	src = weir_src_of(weir_buf_slice(&plain), g->path, 0);
	g->err = &local;
	code = format == WEIR_FORMAT_FULL ? weir__keyed_read_full(g, &src) : weir__keyed_read_heap(g, &src);
	g->err = err;
	if (code == 0 && weir_src_left(&src) && (format == WEIR_FORMAT_HEAP || !g->open_ended ||
						 !plausible_next(g, format, (struct weir_slice){ src.p, weir_src_left(&src) })))
		code = weir__keyed_fail(g, WEIR_ECORRUPT, (uint64_t)(src.p - src.base), UINT32_MAX, "bytes are left behind its last entry");
	else if (frame_code && (code == WEIR_ETRUNCATED || code == 0)) { /* a damaged chunk, or the number of the next group of a HEAP stream */
		struct weir_slice rest = { frames.ptr + used, frames.len - used };

		g->compressed = false;
		if (code || format == WEIR_FORMAT_FULL || !plausible_next(g, format, rest))
			code = weir__keyed_fail(g, frame_code, head + used, UINT32_MAX, what);
	} else if (code && err && !err->code) {
		*err = local;
	}
	weir_buf_fini(&plain);
	return code;
}

int weir_keyed_read_group_stored(enum weir_keyed_format format, struct weir_slice stream, const char *path, const struct weir_keyed_meta *meta,
				 int32_t key_group, int64_t offset, int64_t end, uint32_t max_parallelism, const struct weir_keyed_walk *walk,
				 struct weir_error *err)
{
	struct weir__keyed_group g = { .meta = meta, .path = path, .key_group = key_group, .max_parallelism = max_parallelism,
				       .offset = (uint64_t)offset, .walk = walk, .err = err };
	struct weir_slice body;
	int code;

	if (format == WEIR_FORMAT_FULL && offset == 0)
		return 0;
	if (offset < 0 || end < offset || (uint64_t)end > stream.len || (uint64_t)offset < meta->size)
		return weir_error_at(err, WEIR_ECORRUPT, path, offset < 0 ? WEIR_NO_OFFSET : (uint64_t)offset,
				     "key group %d: its bytes %lld to %lld do not lie in the stream, whose entries are bytes %llu to %zu", key_group, (long long)offset,
				     (long long)end, (unsigned long long)meta->size, stream.len);
	body = (struct weir_slice){ stream.ptr + offset, (size_t)(end - offset) };
	g.open_ended = (uint64_t)end == stream.len;
	code = meta->compressed ? read_compressed(&g, format, body) : read_plain(&g, format, body);
	weir_arena_fini(&g.scratch);
	return code;
}
