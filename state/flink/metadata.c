// SPDX-License-Identifier: Apache-2.0
/*
 * _metadata to the checkpoint model: envelope, master states, operators, subtasks, channel state. docs/formats/metadata.md.
 *
 * 1. One decoder for V2 to V6, steered by the version table; handles are in metadata_handle.c.
 * 2. Sticky cursor: after a failure every read yields zero and loops end; the message is made once, at the end.
 * 3. Every count is compared with the bytes that remain before memory is taken.
 * 4. What decodes, encodes to the same bytes at its own version (metadata_write.c). So values that Flink ignores are kept, and
 *    spellings that Flink never writes (a flag of 2, a count of -7) are refused.
 * 5. V3 has three layouts under one number: the newest is tried first and the others only when a part was seen that differs in them.
 *
 * Pure; any thread. Fails with CORRUPT, TRUNCATED, VERSION, NOMEM.
 */
#include "state/flink/metadata_priv.h"

#include "state/flink/properties.h"

#include <stdio.h>

static const struct weir__meta_version versions[] = {
	{ 2, false, false, false, false, false, false, "1.3 to 1.10" },
	{ 3, true, true, true, false, false, false, "1.11 to 1.15" },
	{ 4, true, true, true, true, false, false, "1.16 to 1.20" },
	{ 5, true, true, true, true, true, false, "2.0" },
	{ 6, true, true, true, true, true, true, "2.1 to 2.3" },
};

const struct weir__meta_version *weir__meta_version(int32_t version)
{
	return version >= WEIR_META_OLDEST && version <= WEIR_META_NEWEST ? &versions[version - WEIR_META_OLDEST] : NULL;
}

void weir__meta_fail(struct weir__meta_reader *r, int code, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	if (r->src.code)
		return;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	weir_src_fail(&r->src, code, r->why);
	r->src.fail_offset = offset;
}

void *weir__meta_array(struct weir__meta_reader *r, uint32_t n, size_t size)
{
	void *p = n && !r->src.code ? weir_arena_zero(r->mem, n * size) : NULL;

	if (n && !p)
		weir_src_fail(&r->src, WEIR_ENOMEM, "not enough memory for the metadata");
	return p;
}

static bool read_flag(struct weir__meta_reader *r, const char *what)
{
	uint64_t at = weir_src_offset(&r->src);
	int32_t v = weir_src_i32(&r->src);

	if (v != 0 && v != 1)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "the flag for %s is %d, not 0 or 1", what, v);
	return v == 1;
}

/* ---- channel state ---- */

static void read_packed(struct weir__meta_reader *r, struct weir_channel_handle *h)
{
	uint64_t at = weir_src_offset(&r->src) + 4;
	struct weir_src in;
	uint32_t n;

	h->packed = weir_src_blob32(&r->src);
	if (r->src.code)
		return;
	in = weir_src_of(h->packed, r->src.path, at);
	n = weir_src_count(&in, 20);
	for (uint32_t i = 0; i < n && !in.code; i++) {
		weir_src_bytes(&in, 16);
		weir_src_bytes(&in, (size_t)weir_src_count(&in, 8) * 8);
	}
	weir_src_end(&in, "the packed channel offsets are longer than their entries");
	if (in.code)
		weir__meta_fail(r, in.code, in.fail_offset, "packed channel offsets: %s", in.what);
}

static void read_channel(struct weir__meta_reader *r, struct weir_channel_handle *h, bool output)
{
	struct weir_src *s = &r->src;
	uint64_t at = weir_src_offset(s);
	uint8_t type = r->v->channel_types ? weir_src_u8(s) : output ? 2 : 1;

	if (type < 1 || type > 4 || (type % 2 == 0) != output)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "type %u is not one of an %s channel handle", type, output ? "output" : "input");
	h->output = output;
	h->merged = type > 2;
	h->subtask = r->profile == WEIR_META_1_11 ? -1 : weir_src_i32(s);
	if (h->merged) {
		h->size = weir_src_i64(s);
		weir__meta_read_stream(r, &h->stream, 0);
		read_packed(r, h);
		return;
	}
	h->a = weir_src_i32(s);
	h->b = weir_src_i32(s);
	h->noffsets = weir_src_count(s, 8);
	h->offsets = weir__meta_array(r, h->noffsets, 8);
	for (uint32_t i = 0; i < h->noffsets && !s->code; i++)
		h->offsets[i] = weir_src_i64(s);
	h->size = weir_src_i64(s);
	weir__meta_read_stream(r, &h->stream, 0);
}

static void read_channels(struct weir__meta_reader *r, bool output, uint32_t *out_n, struct weir_channel_handle **out)
{
	uint32_t n = weir_src_count(&r->src, 18);

	r->saw_channels |= n > 0;
	*out = weir__meta_array(r, n, sizeof(**out));
	*out_n = *out ? n : 0;
	for (uint32_t i = 0; i < n && !r->src.code; i++)
		read_channel(r, &(*out)[i], output);
}

/* ---- subtasks and operators ---- */

static void read_v2_extras(struct weir__meta_reader *r, struct weir_subtask_state *t)
{
	int32_t legacy;

	t->duration_inverted = ~weir_src_i64(&r->src);
	uint64_t at = weir_src_offset(&r->src);
	legacy = weir_src_i32(&r->src);
	if (legacy != 0)
		weir__meta_fail(r, WEIR_EVERSION, at,
				"%d legacy state handles (Flink 1.3 and older): restore and savepoint the job with Flink 1.4 to 1.10 first", legacy);
}

static void read_subtask(struct weir__meta_reader *r, struct weir_subtask_state *t)
{
	struct weir_src *s = &r->src;
	uint64_t at = weir_src_offset(s);
	int32_t index = weir_src_i32(s);

	if (index < 0 && r->v->finished) {
		t->finished = true;
		index = -(index + 1);
	}
	r->subtask = index;
	if (index < 0 || index >= WEIR__MAX_PARALLELISM)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "subtask index %d is outside 0 to %d", index, WEIR__MAX_PARALLELISM - 1);
	t->index = (uint32_t)index;
	if (t->finished)
		return;
	if (r->v->version == 2)
		read_v2_extras(r, t);
	if (read_flag(r, "managed operator state"))
		weir__meta_read_operator_handle(r, &t->managed_operator);
	if (read_flag(r, "raw operator state"))
		weir__meta_read_operator_handle(r, &t->raw_operator);
	weir__meta_read_keyed(r, &t->managed_keyed, 0);
	weir__meta_read_keyed(r, &t->raw_keyed, 0);
	if (!r->v->channels)
		return;
	read_channels(r, false, &t->ninputs, &t->inputs);
	read_channels(r, true, &t->noutputs, &t->outputs);
}

static void read_subtasks(struct weir__meta_reader *r, struct weir_operator_state *op)
{
	uint64_t at = weir_src_offset(&r->src);
	int32_t n = weir_src_i32(&r->src);

	if (n == -1 && r->v->finished) {
		op->fully_finished = true;
		if (op->coordinator.kind != WEIR_HANDLE_NONE)
			weir__meta_fail(r, WEIR_ECORRUPT, at, "a finished operator has coordinator state");
		return;
	}
	if (n < 0)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "%d subtask entries: the count is negative", n);
	else if ((size_t)n > weir_src_left(&r->src) / 4)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "%d subtask entries: the count is larger than the data that follows", n);
	if (r->src.code)
		return;
	op->subtasks = weir__meta_array(r, (uint32_t)n, sizeof(*op->subtasks));
	op->nsubtasks = op->subtasks ? (uint32_t)n : 0;
	for (uint32_t i = 0; i < op->nsubtasks && !r->src.code; i++)
		read_subtask(r, &op->subtasks[i]);
	if (!r->src.code)
		r->subtask = -1;
}

static void read_operator(struct weir__meta_reader *r, struct weir_operator_state *op)
{
	struct weir_src *s = &r->src;
	struct weir_slice id;
	uint64_t at;

	if (r->v->names) {
		op->name = weir_src_utf(s);
		op->uid = weir_src_utf(s);
	}
	id = weir_src_bytes(s, 16);
	if (id.len)
		memcpy(op->id.bytes, id.ptr, 16);
	at = weir_src_offset(s);
	op->parallelism = weir_src_u32(s);
	op->max_parallelism = weir_src_u32(s);
	if (!s->code && (op->max_parallelism < 1 || op->max_parallelism > WEIR__MAX_PARALLELISM || op->parallelism > op->max_parallelism))
		weir__meta_fail(r, WEIR_ECORRUPT, at, "parallelism %d of at most %d: the maximum must be 1 to %d and not below the parallelism",
				(int)op->parallelism, (int)op->max_parallelism, WEIR__MAX_PARALLELISM);
	if (r->v->version == 2)
		op->chain_extra = weir_src_u32(s) - 1;
	if (r->v->coordinator) {
		at = weir_src_offset(s);
		weir__meta_read_stream(r, &op->coordinator, 0);
		if (op->coordinator.kind != WEIR_HANDLE_NONE && op->coordinator.kind != WEIR_HANDLE_INLINE)
			weir__meta_fail(r, WEIR_ECORRUPT, at, "coordinator state is neither absent nor inline");
	}
	read_subtasks(r, op);
}

static void read_master(struct weir__meta_reader *r, struct weir_master_state *m)
{
	struct weir_src *s = &r->src;
	uint64_t at = weir_src_offset(s);
	struct weir_src body;

	if (weir_src_u32(s) != WEIR__META_MASTER_MAGIC)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "a master state does not begin with its magic number");
	at = weir_src_offset(s) + 4;
	body = weir_src_of(weir_src_blob32(s), s->path, at);
	m->version = weir_src_i32(&body);
	m->name = weir_src_utf(&body);
	m->payload = weir_src_blob32(&body);
	weir_src_end(&body, "bytes follow its payload");
	if (body.code)
		weir__meta_fail(r, body.code, body.fail_offset, "master state: %s", body.what);
}

static void read_body(struct weir__meta_reader *r, struct weir_ckpt *c)
{
	struct weir_src *s = &r->src;
	uint64_t at = weir_src_offset(s);

	c->id = weir_src_i64(s);
	if (c->id < 0)
		weir__meta_fail(r, WEIR_ECORRUPT, at, "the checkpoint id %lld is negative", (long long)c->id);
	c->nmasters = weir_src_count(s, 18);
	c->masters = weir__meta_array(r, c->nmasters, sizeof(*c->masters));
	for (uint32_t i = 0; i < c->nmasters && !s->code; i++)
		read_master(r, &c->masters[i]);
	c->noperators = r->nops = weir_src_count(s, r->v->names ? 33 : 29);
	c->operators = weir__meta_array(r, c->noperators, sizeof(*c->operators));
	for (uint32_t i = 0; i < c->noperators && !s->code; i++) {
		r->op = i + 1;
		read_operator(r, &c->operators[i]);
	}
	if (!s->code)
		r->op = 0;
	if (r->v->properties && !s->code)
		weir_properties_read(s, &c->properties);
	weir_src_end(s, "bytes follow the end of the metadata");
}

static int fail_with(const struct weir__meta_reader *r, struct weir_error *err)
{
	const struct weir_src *s = &r->src;

	if (r->op && r->subtask >= 0)
		return weir_error_at(err, s->code, s->path, s->fail_offset, "operator %u of %u, subtask %d: %s", r->op, r->nops, r->subtask, s->what);
	if (r->op)
		return weir_error_at(err, s->code, s->path, s->fail_offset, "operator %u of %u: %s", r->op, r->nops, s->what);
	return weir_src_error(s, err);
}

/* One attempt under one profile. The checkpoint's fields are set in every case. */
static void attempt(struct weir__meta_reader *r, struct weir_src body, enum weir_meta_profile profile, struct weir_ckpt *c)
{
	struct weir_arena *mem = c->arena;

	*c = (struct weir_ckpt){ .version = r->v->version, .profile = profile, .arena = mem };
	*r = (struct weir__meta_reader){ .src = body, .mem = mem, .v = r->v, .profile = profile, .subtask = -1 };
	read_body(r, c);
}

static int check_header(struct weir_src *s, const char *path, int32_t *out_version, struct weir_error *err)
{
	uint32_t magic = weir_src_u32(s);

	if (s->code)
		return weir_error_at(err, WEIR_ETRUNCATED, path, 0, "only %zu bytes: no Flink metadata file is this short", (size_t)(s->end - s->base));
	if (magic != WEIR__META_MAGIC)
		return weir_error_at(err, WEIR_ECORRUPT, path, 0, "not a Flink metadata file: it begins with %08x, not %08x", magic, WEIR__META_MAGIC);
	*out_version = weir_src_i32(s);
	if (s->code)
		return weir_src_error(s, err);
	if (weir__meta_version(*out_version))
		return 0;
	if (*out_version == 0 || *out_version == 1)
		return weir_error_at(err, WEIR_EVERSION, path, 4,
				     "metadata version %d (Flink 1.%d) is not read: restore and savepoint the job with a Flink between 1.4 and 1.10 first",
				     *out_version, *out_version + 1);
	return weir_error_at(err, WEIR_EVERSION, path, 4, "metadata version %d is not supported: %d to %d (Flink 1.3 to 2.3) are", *out_version,
			     WEIR_META_OLDEST, WEIR_META_NEWEST);
}

int weir_ckpt_decode(struct weir_slice bytes, const char *path, struct weir_arena *mem, struct weir_ckpt **out, struct weir_error *err)
{
	struct weir_src s = weir_src_of(bytes, path, 0);
	struct weir_ckpt *c, *other;
	struct weir__meta_reader first = { .subtask = -1 }, again;
	int32_t version = 0;
	int code = check_header(&s, path, &version, err);

	if (code)
		return code;
	c = weir_arena_zero(mem, sizeof(*c));
	other = weir_arena_zero(mem, sizeof(*other));
	if (!c || !other)
		return weir_error_at(err, WEIR_ENOMEM, path, WEIR_NO_OFFSET, "not enough memory for the metadata");
	c->arena = other->arena = mem;
	first.v = weir__meta_version(version);
	attempt(&first, s, WEIR_META_SINCE_1_12, c);
	if (!first.src.code) {
		*out = c;
		return 0;
	}
	for (int profile = WEIR_META_1_14; version == 3 && profile <= WEIR_META_1_11; profile++) {
		if (profile == WEIR_META_1_14 ? !first.saw_changelog : !first.saw_channels)
			continue;
		again.v = first.v;
		attempt(&again, s, (enum weir_meta_profile)profile, other);
		if (!again.src.code) {
			*out = other;
			return 0;
		}
	}
	return fail_with(&first, err);
}
