// SPDX-License-Identifier: Apache-2.0
/*
 * The checkpoint model to _metadata, V2 to V6. docs/formats/metadata.md.
 *
 * 1. At the version that was read everything is written in the form that it had: the same bytes.
 * 2. At another version handles are rewritten into forms that this version's releases know, as long as nothing is lost that a restore
 *    needs; otherwise the writer refuses, naming operator and subtask. Lost silently: names, uids and properties below V5 and V4.
 * 3. Errors are sticky; the output is cut back to where it began.
 *
 * Pure; any thread. Fails with UNSUPPORTED (the version cannot hold it), INVALID (no version can), NOMEM.
 */
#include "state/flink/metadata_priv.h"

#include "state/flink/properties.h"

#include <stdio.h>

void weir__meta_refuse(struct weir__meta_writer *w, int code, const char *fmt, ...)
{
	char what[400], where[160] = "";
	va_list ap;

	if (w->code)
		return;
	w->code = code;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (w->op) {
		const struct weir_operator_state *op = &w->c->operators[w->op - 1];
		struct weir_slice name = op->uid.len ? op->uid : op->name;
		char hex[33], subtask[32] = "";

		weir_operator_id_hex(&op->id, hex);
		if (w->subtask >= 0)
			snprintf(subtask, sizeof(subtask), ", subtask %d", w->subtask);
		snprintf(where, sizeof(where), "operator %u of %u (%.*s)%s: ", w->op, w->c->noperators, name.len ? (int)(name.len < 64 ? name.len : 64) : 32,
			 name.len ? (const char *)name.ptr : hex, subtask);
	}
	weir_error_at(w->err, code, w->c->path, WEIR_NO_OFFSET, "%s%s%s%s", where, what, code == WEIR_EUNSUPPORTED ? " cannot be written for Flink " : "",
		      code == WEIR_EUNSUPPORTED ? w->v->releases : "");
	if (code == WEIR_EUNSUPPORTED && w->err && w->err->code == code) {
		char tail[64];
		size_t n = strlen(w->err->msg);

		snprintf(tail, sizeof(tail), " (metadata version %d)", w->v->version);
		snprintf(w->err->msg + n, sizeof(w->err->msg) - n, "%s", tail);
	}
}

void weir__meta_write_offsets(struct weir__meta_writer *w, uint32_t n, const int64_t *offsets)
{
	for (uint32_t i = 0; i < n; i++)
		weir_buf_i64(w->out, offsets[i]);
}

/* ---- channel state ---- */

static void write_channel_body(struct weir__meta_writer *w, int32_t subtask, int32_t a, int32_t b, struct weir_slice offsets, int64_t size,
			       const struct weir_stream_handle *stream)
{
	if (!(w->exact && w->c->profile == WEIR_META_1_11))
		weir_buf_i32(w->out, subtask);
	weir_buf_i32(w->out, a);
	weir_buf_i32(w->out, b);
	weir_buf_u32(w->out, (uint32_t)(offsets.len / 8));
	weir_buf_put_slice(w->out, offsets); /* big endian already */
	weir_buf_i64(w->out, size);
	weir__meta_write_stream(w, stream, 0);
}

static int32_t channel_subtask(const struct weir__meta_writer *w, const struct weir_channel_handle *h)
{
	return h->subtask >= 0 || w->exact ? h->subtask : w->subtask; /* Flink 1.11 stored none: always its own */
}

static void write_channel(struct weir__meta_writer *w, const struct weir_channel_handle *h)
{
	struct weir_buf offsets = { 0 };

	for (uint32_t i = 0; i < h->noffsets; i++)
		weir_buf_i64(&offsets, h->offsets[i]);
	if (weir_buf_error(&offsets))
		weir__meta_refuse(w, WEIR_ENOMEM, "not enough memory");
	else
		write_channel_body(w, channel_subtask(w, h), h->a, h->b, weir_buf_slice(&offsets), h->size, &h->stream);
	weir_buf_fini(&offsets);
}

/* A merged handle as the entries that it packs. w NULL: count only. */
static uint32_t unpack(struct weir__meta_writer *w, const struct weir_channel_handle *h)
{
	struct weir_src in = weir_src_of(h->packed, NULL, 0);
	uint32_t n = weir_src_count(&in, 20), done = 0;

	for (; done < n && !in.code; done++) {
		int32_t a = weir_src_i32(&in), b = weir_src_i32(&in);
		int64_t size = weir_src_i64(&in);
		struct weir_slice offsets = weir_src_bytes(&in, (size_t)weir_src_count(&in, 8) * 8);

		if (!in.code && w)
			write_channel_body(w, channel_subtask(w, h), a, b, offsets, size, &h->stream);
	}
	if (in.code && w)
		weir__meta_refuse(w, WEIR_EINVALID, "the packed offsets of a merged channel handle are damaged");
	return done;
}

static void write_channels(struct weir__meta_writer *w, uint32_t n, const struct weir_channel_handle *h)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += h[i].merged && !w->v->channel_types ? unpack(NULL, &h[i]) : 1;
	if (count > INT32_MAX)
		weir__meta_refuse(w, WEIR_EINVALID, "more channel handles than a count can say");
	weir_buf_u32(w->out, (uint32_t)count);
	for (uint32_t i = 0; i < n && !w->code; i++) {
		if (!w->v->channel_types) {
			if (h[i].merged)
				unpack(w, &h[i]);
			else
				write_channel(w, &h[i]);
			continue;
		}
		weir_buf_u8(w->out, (uint8_t)((h[i].merged ? 3 : 1) + h[i].output));
		if (!h[i].merged) {
			write_channel(w, &h[i]);
			continue;
		}
		weir_buf_i32(w->out, channel_subtask(w, &h[i]));
		weir_buf_i64(w->out, h[i].size);
		weir__meta_write_stream(w, &h[i].stream, 0);
		weir_buf_u32(w->out, (uint32_t)h[i].packed.len);
		weir_buf_put_slice(w->out, h[i].packed);
	}
}

/* ---- subtasks and operators ---- */

static void write_operator_state(struct weir__meta_writer *w, const struct weir_operator_handle *h)
{
	weir_buf_u32(w->out, h->present);
	if (h->present)
		weir__meta_write_operator_handle(w, h);
}

static void write_subtask(struct weir__meta_writer *w, const struct weir_subtask_state *t)
{
	w->subtask = (int32_t)t->index;
	if (t->index >= WEIR__MAX_PARALLELISM)
		weir__meta_refuse(w, WEIR_EINVALID, "the subtask index is larger than %d", WEIR__MAX_PARALLELISM - 1);
	if (t->finished) {
		if (!w->v->finished)
			weir__meta_refuse(w, WEIR_EUNSUPPORTED, "a finished subtask");
		weir_buf_i32(w->out, -(int32_t)t->index - 1);
		return;
	}
	weir_buf_u32(w->out, t->index);
	if (w->v->version == 2) {
		weir_buf_i64(w->out, w->exact ? ~t->duration_inverted : -1);
		weir_buf_u32(w->out, 0); /* legacy states */
	}
	write_operator_state(w, &t->managed_operator);
	write_operator_state(w, &t->raw_operator);
	weir__meta_write_keyed(w, &t->managed_keyed, 0);
	weir__meta_write_keyed(w, &t->raw_keyed, 0);
	if (w->v->channels) {
		write_channels(w, t->ninputs, t->inputs);
		write_channels(w, t->noutputs, t->outputs);
	} else if (t->ninputs || t->noutputs) {
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "in-flight data of an unaligned checkpoint");
	}
}

static void write_operator(struct weir__meta_writer *w, const struct weir_operator_state *op)
{
	if (op->max_parallelism < 1 || op->max_parallelism > WEIR__MAX_PARALLELISM || op->parallelism > op->max_parallelism)
		weir__meta_refuse(w, WEIR_EINVALID, "parallelism %u of at most %u: the maximum must be 1 to %d and not below the parallelism", op->parallelism,
				  op->max_parallelism, WEIR__MAX_PARALLELISM);
	if (w->v->names) {
		weir_buf_utf_raw(w->out, op->name);
		weir_buf_utf_raw(w->out, op->uid);
	}
	weir_buf_put(w->out, op->id.bytes, 16);
	weir_buf_u32(w->out, op->parallelism);
	weir_buf_u32(w->out, op->max_parallelism);
	if (w->v->version == 2)
		weir_buf_u32(w->out, w->exact ? op->chain_extra + 1 : 1);
	if (op->coordinator.kind != WEIR_HANDLE_NONE && op->coordinator.kind != WEIR_HANDLE_INLINE)
		weir__meta_refuse(w, WEIR_EINVALID, "coordinator state must be inline");
	if (op->fully_finished && (op->nsubtasks || op->coordinator.kind != WEIR_HANDLE_NONE))
		weir__meta_refuse(w, WEIR_EINVALID, "a finished operator has no state");
	if (w->v->coordinator)
		weir__meta_write_stream(w, &op->coordinator, 0);
	else if (op->coordinator.kind != WEIR_HANDLE_NONE)
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "the state of an operator coordinator (such as a source's splits)");
	if (op->fully_finished && !w->v->finished)
		weir__meta_refuse(w, WEIR_EUNSUPPORTED, "a finished operator");
	weir_buf_i32(w->out, op->fully_finished ? -1 : (int32_t)op->nsubtasks);
	for (uint32_t i = 0; i < op->nsubtasks && !w->code; i++)
		write_subtask(w, &op->subtasks[i]);
	w->subtask = -1;
}

static void write_master(struct weir__meta_writer *w, const struct weir_master_state *m)
{
	size_t at;

	weir_buf_u32(w->out, WEIR__META_MASTER_MAGIC);
	at = w->out->len;
	weir_buf_u32(w->out, 0);
	weir_buf_i32(w->out, m->version);
	weir_buf_utf_raw(w->out, m->name);
	weir_buf_u32(w->out, (uint32_t)m->payload.len);
	weir_buf_put_slice(w->out, m->payload);
	weir_buf_patch_u32(w->out, at, (uint32_t)(w->out->len - at - 4));
}

static void write_all(struct weir__meta_writer *w)
{
	const struct weir_ckpt *c = w->c;

	weir_buf_u32(w->out, WEIR__META_MAGIC);
	weir_buf_i32(w->out, w->v->version);
	if (c->id < 0)
		weir__meta_refuse(w, WEIR_EINVALID, "the checkpoint id %lld is negative", (long long)c->id);
	weir_buf_i64(w->out, c->id);
	weir_buf_u32(w->out, c->nmasters);
	for (uint32_t i = 0; i < c->nmasters; i++)
		write_master(w, &c->masters[i]);
	weir_buf_u32(w->out, c->noperators);
	for (uint32_t i = 0; i < c->noperators && !w->code; i++) {
		w->op = i + 1;
		write_operator(w, &c->operators[i]);
		if (w->out->code == WEIR_EINVALID)
			weir__meta_refuse(w, WEIR_EINVALID, "a name or path is longer than 65535 bytes");
	}
	w->op = 0;
	if (w->v->properties)
		weir_properties_write(&c->properties, w->out);
}

int weir_ckpt_encode(const struct weir_ckpt *c, int32_t version, struct weir_buf *out, struct weir_error *err)
{
	struct weir__meta_writer w = { .out = out, .c = c, .v = weir__meta_version(version), .exact = c->version == version, .subtask = -1, .err = err };
	size_t start = out->len;

	if (!w.v)
		return weir_error_set(err, WEIR_EVERSION, "metadata version %d cannot be written: %d to %d can", version, WEIR_META_OLDEST, WEIR_META_NEWEST);
	write_all(&w);
	if (!w.code && weir_buf_error(out))
		w.code = weir_error_set(err, out->code, out->code == WEIR_EINVALID ? "a name is longer than 65535 bytes" : "not enough memory for the metadata");
	if (w.code) {
		out->len = start;
		out->code = 0;
	}
	return w.code;
}
