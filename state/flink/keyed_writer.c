/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing FULL and HEAP key-group streams (docs/formats/keyed-state.md, sections 4 and 5).
 *
 * 1. FULL: whether an entry carries the "state changes after me" flag (0x80 in its first key byte) is known only when the next one comes. So the last entry
 *    is always still in the buffer: `flag_at` is where its first key byte lies, and bytes leave the buffer only before the next entry is added.
 * 2. FULL: a group's offset is set by its first entry; a group without entries has offset 0 and no bytes.
 * 3. HEAP: every group has an offset, every state one section with exactly the announced count; finish() refuses anything else.
 * 4. Compressed: FULL frames a whole group, HEAP each section; that unit is collected and compressed at its end.
 * One thread per writer. Fails when `put` fails, on misuse (WEIR_EINVALID) and when memory runs out; after a failure only free() is meaningful.
 */
#include "state/flink/keyed.h"

#include <stdlib.h>

#include "state/flink/keyed_priv.h"
#include "state/flink/snappy_frame.h"

#define FLUSH_BYTES (256u * 1024)
#define NO_FLAG SIZE_MAX
#define NO_STATE UINT32_MAX

struct state {
	enum weir_state_kind kind;
	bool ambiguous;
	bool seen;               /* HEAP: in this group */
};

struct weir_keyed_writer {
	enum weir_keyed_format format;
	uint32_t nstates, prefix;
	struct state *states;
	const struct weir_type *key;
	struct weir_arena mem;   /* state copies, offsets */
	const struct weir_keyed_state_meta *metas;
	int32_t first_group;
	uint32_t ngroups;
	int64_t *offsets;
	weir_put_fn *put;
	void *arg;
	bool compress, started;
	struct weir_buf buf, frame;
	uint64_t flushed;
	int32_t group;           /* current, or first_group - 1 */
	uint32_t state;          /* current, or NO_STATE */
	uint32_t left;           /* HEAP: entries still to come in the section */
	uint32_t written_state;  /* FULL: of the last entry in this group, or NO_STATE */
	size_t flag_at;
};

int weir_keyed_writer_new(enum weir_keyed_format format, struct weir_type *key, uint32_t nstates, const struct weir_keyed_state_meta *states,
			  uint32_t max_parallelism, int32_t first_group, uint32_t ngroups, weir_put_fn *put, void *arg, struct weir_keyed_writer **out,
			  struct weir_error *err)
{
	struct weir_keyed_writer *w;

	if (max_parallelism == 0 || max_parallelism > 32768 || first_group < 0 || ngroups == 0 || (uint64_t)first_group + ngroups > max_parallelism)
		return weir_error_set(err, WEIR_EINVALID, "key groups %d to %lld do not lie within max parallelism %u", first_group,
				      (long long)first_group + ngroups - 1, max_parallelism);
	if (nstates > WEIR__KEYED_MAX_STATES)
		return weir_error_set(err, WEIR_EINVALID, "%u states in one operator: Flink allows %u", nstates, WEIR__KEYED_MAX_STATES);
	w = calloc(1, sizeof(*w));
	if (!w)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a state writer");
	w->format = format;
	w->nstates = nstates;
	w->prefix = weir_keyed_prefix(max_parallelism);
	w->key = key;
	w->first_group = first_group;
	w->ngroups = ngroups;
	w->put = put;
	w->arg = arg;
	w->group = first_group - 1;
	w->state = w->written_state = NO_STATE;
	w->flag_at = NO_FLAG;
	w->states = weir_arena_zero(&w->mem, (nstates + 1) * sizeof(*w->states));
	w->metas = weir_arena_copy(&w->mem, states, nstates * sizeof(*states));
	w->offsets = weir_arena_zero(&w->mem, ngroups * sizeof(*w->offsets));
	if (!w->states || (nstates && !w->metas) || !w->offsets) {
		weir_keyed_writer_free(w);
		return weir_error_set(err, WEIR_ENOMEM, "no memory for a state writer of %u key groups", ngroups);
	}
	for (uint32_t i = 0; i < nstates; i++) {
		w->states[i].kind = states[i].kind;
		w->states[i].ambiguous = states[i].ns && weir__keyed_ambiguous(key, states[i].ns);
	}
	*out = w;
	return 0;
}

void weir_keyed_writer_free(struct weir_keyed_writer *w)
{
	if (!w)
		return;
	weir_buf_fini(&w->buf);
	weir_buf_fini(&w->frame);
	weir_arena_fini(&w->mem);
	free(w);
}

void weir_keyed_writer_compress(struct weir_keyed_writer *w)
{
	w->compress = true;
}

static int no_memory(const struct weir_keyed_writer *w, int code, struct weir_error *err)
{
	return weir_error_set(err, code, "no memory to write key group %d", w->group);
}

static int emit(struct weir_keyed_writer *w, struct weir_buf *b, struct weir_error *err)
{
	int code = weir_buf_error(b);

	if (code)
		return no_memory(w, code, err);
	if (b->len == 0)
		return 0;
	code = w->put(w->arg, b->data, b->len, err);
	if (code)
		return code;
	w->flushed += b->len;
	weir_buf_clear(b);
	return 0;
}

static int emit_much(struct weir_keyed_writer *w, struct weir_error *err)
{
	return !w->compress && w->buf.len >= FLUSH_BYTES ? emit(w, &w->buf, err) : 0;
}

static int start(struct weir_keyed_writer *w, struct weir_error *err)
{
	if (w->started)
		return 0;
	w->started = true;
	int code = weir_keyed_write_meta(w->compress, w->key, w->nstates, w->metas, &w->buf, err);
	return code ? code : emit(w, &w->buf, err);
}

/* Compress and send what was collected. */
static int emit_frame(struct weir_keyed_writer *w, struct weir_error *err)
{
	int code;

	weir_snappy_frame_begin(&w->frame);
	code = weir_snappy_frame_put(weir_buf_slice(&w->buf), &w->frame, err);
	if (code)
		return code;
	if (weir_buf_error(&w->buf))
		return no_memory(w, weir_buf_error(&w->buf), err);
	weir_buf_clear(&w->buf);
	return emit(w, &w->frame, err);
}

static int end_section(struct weir_keyed_writer *w, struct weir_error *err)
{
	if (w->state == NO_STATE)
		return 0;
	if (w->left)
		return weir_error_set(err, WEIR_EINVALID, "key group %d, state '%s': %u entries fewer than announced", w->group, w->metas[w->state].name, w->left);
	w->state = NO_STATE;
	return w->compress ? emit_frame(w, err) : emit_much(w, err);
}

static int end_group_heap(struct weir_keyed_writer *w, struct weir_error *err)
{
	int code = end_section(w, err);

	if (code)
		return code;
	for (uint32_t i = 0; i < w->nstates; i++) {
		if (!w->states[i].seen)
			return weir_error_set(err, WEIR_EINVALID, "key group %d: state '%s' was not written; this format needs every state in every key group",
					      w->group, w->metas[i].name);
		w->states[i].seen = false;
	}
	return emit_much(w, err);
}

static int end_group(struct weir_keyed_writer *w, struct weir_error *err)
{
	if (w->group < w->first_group)
		return 0;
	if (w->format == WEIR_FORMAT_HEAP)
		return end_group_heap(w, err);
	w->state = NO_STATE;
	if (w->written_state == NO_STATE)
		return 0;
	if (!weir_buf_error(&w->buf))
		w->buf.data[w->flag_at] |= 0x80;
	weir_buf_u16(&w->buf, WEIR__KEYED_END);
	w->written_state = NO_STATE;
	w->flag_at = NO_FLAG;
	return w->compress ? emit_frame(w, err) : emit_much(w, err);
}

int weir_keyed_writer_group(struct weir_keyed_writer *w, int32_t key_group, struct weir_error *err)
{
	int code = start(w, err);

	if (code == 0)
		code = end_group(w, err);
	if (code)
		return code;
	if (key_group <= w->group || key_group >= w->first_group + (int32_t)w->ngroups)
		return weir_error_set(err, WEIR_EINVALID, "key group %d after %d, in a stream of %d to %d: they must ascend within the range", key_group, w->group,
				      w->first_group, w->first_group + (int32_t)w->ngroups - 1);
	if (w->format == WEIR_FORMAT_HEAP && key_group != w->group + 1)
		return weir_error_set(err, WEIR_EINVALID, "key group %d was left out; this format needs every key group of its range", w->group + 1);
	w->group = key_group;
	if (w->format == WEIR_FORMAT_FULL)
		return 0;
	w->offsets[key_group - w->first_group] = (int64_t)(w->flushed + w->buf.len);
	weir_buf_i32(&w->buf, key_group);
	return w->compress ? emit(w, &w->buf, err) : 0; /* the number stays outside of the frames */
}

int weir_keyed_writer_state(struct weir_keyed_writer *w, uint32_t state, uint32_t count, struct weir_error *err)
{
	int code = 0;

	if (w->group < w->first_group || state >= w->nstates)
		return weir_error_set(err, WEIR_EINVALID, "state %u of %u was begun %s", state, w->nstates,
				      state >= w->nstates ? "but is not one of them" : "before a key group");
	if (w->format == WEIR_FORMAT_FULL) {
		w->state = state;
		return 0;
	}
	code = end_section(w, err);
	if (code)
		return code;
	if (w->states[state].seen)
		return weir_error_set(err, WEIR_EINVALID, "key group %d: state '%s' was written twice", w->group, w->metas[state].name);
	if (count > INT32_MAX)
		return weir_error_set(err, WEIR_EINVALID, "key group %d, state '%s': %u entries do not fit in a key group", w->group, w->metas[state].name, count);
	w->states[state].seen = true;
	w->state = state;
	w->left = count;
	weir_buf_u16(&w->buf, (uint16_t)state);
	weir_buf_u32(&w->buf, count);
	return 0;
}

/* Flink's length behind a field of an ambiguous key: little endian, as few bytes as it needs, at least one. */
static void put_length(struct weir_buf *b, size_t n)
{
	do {
		weir_buf_u8(b, (uint8_t)n);
		n >>= 8;
	} while (n);
}

static void put_timestamp(struct weir_buf *b, int64_t timestamp)
{
	weir_buf_u64(b, (uint64_t)timestamp ^ 1ull << 63);
}

/* What comes in front of a FULL entry: the end of the run before it, or the head of the group. */
static int before_full(struct weir_keyed_writer *w, struct weir_error *err)
{
	if (w->written_state == NO_STATE) {
		w->offsets[w->group - w->first_group] = (int64_t)(w->flushed + w->buf.len);
		weir_buf_u16(&w->buf, (uint16_t)w->state);
	} else if (w->written_state != w->state) {
		if (!weir_buf_error(&w->buf))
			w->buf.data[w->flag_at] |= 0x80;
		weir_buf_u16(&w->buf, (uint16_t)w->state);
	}
	w->written_state = w->state;
	w->flag_at = NO_FLAG;
	return emit_much(w, err);
}

static int put_full(struct weir_keyed_writer *w, struct weir_slice key, struct weir_slice ns, struct weir_slice user_key, struct weir_slice value,
		    int64_t timestamp, struct weir_error *err)
{
	const struct state *s = &w->states[w->state];
	struct weir_buf *b = &w->buf;
	size_t length_at, n;
	int code = before_full(w, err);

	if (code)
		return code;
	length_at = b->len;
	weir_buf_u32(b, 0);
	w->flag_at = b->len;
	if (w->prefix == 2)
		weir_buf_u16(b, (uint16_t)w->group);
	else
		weir_buf_u8(b, (uint8_t)w->group);
	if (s->kind == WEIR_STATE_TIMER)
		put_timestamp(b, timestamp);
	weir_buf_put_slice(b, key);
	if (s->ambiguous)
		put_length(b, key.len);
	weir_buf_put_slice(b, ns);
	if (s->ambiguous)
		put_length(b, ns.len);
	if (s->kind == WEIR_STATE_MAP)
		weir_buf_put_slice(b, user_key);
	n = b->len - w->flag_at;
	if (s->kind == WEIR_STATE_TIMER)
		value.len = 0;
	if (n > INT32_MAX || value.len > INT32_MAX)
		return weir_error_set(err, WEIR_EINVALID, "key group %d, state '%s': a key or value of more than 2 GiB cannot be stored", w->group, w->metas[w->state].name);
	weir_buf_patch_u32(b, length_at, (uint32_t)n);
	weir_buf_u32(b, (uint32_t)value.len);
	weir_buf_put_slice(b, value);
	return 0;
}

int weir_keyed_writer_entry(struct weir_keyed_writer *w, struct weir_slice key, struct weir_slice ns, struct weir_slice user_key, struct weir_slice value,
			    int64_t timestamp, struct weir_error *err)
{
	int code = 0;

	if (w->state == NO_STATE)
		return weir_error_set(err, WEIR_EINVALID, "an entry was written before its state");
	if (w->format == WEIR_FORMAT_FULL) {
		code = put_full(w, key, ns, user_key, value, timestamp, err);
	} else {
		if (w->left == 0)
			return weir_error_set(err, WEIR_EINVALID, "key group %d, state '%s': more entries than announced", w->group, w->metas[w->state].name);
		w->left--;
		if (w->states[w->state].kind == WEIR_STATE_TIMER) {
			put_timestamp(&w->buf, timestamp);
			weir_buf_put_slice(&w->buf, key);
			weir_buf_put_slice(&w->buf, ns);
		} else {
			weir_buf_put_slice(&w->buf, ns);
			weir_buf_put_slice(&w->buf, key);
			weir_buf_put_slice(&w->buf, value);
		}
		code = emit_much(w, err);
	}
	if (code == 0 && weir_buf_error(&w->buf))
		code = no_memory(w, weir_buf_error(&w->buf), err);
	return code;
}

static size_t length_size(size_t n)
{
	size_t size = 1;

	while (n >>= 8)
		size++;
	return size;
}

void weir_keyed_writer_row(const struct weir_keyed_writer *w, size_t key_size, size_t ns_size, size_t value_size, struct weir_keyed_row *out)
{
	const struct state *s = &w->states[w->state];
	bool full = w->format == WEIR_FORMAT_FULL, timer = s->kind == WEIR_STATE_TIMER;
	size_t time = timer ? 8 : 0, extra = full && s->ambiguous ? length_size(key_size) + length_size(ns_size) : 0;
	size_t composite = w->prefix + time + key_size + ns_size + extra;
	struct weir_buf b = { .data = out->bytes, .cap = sizeof(out->bytes) };

	out->size = (full ? 4 + composite + 4 : time + key_size + ns_size) + value_size;
	if (s->kind == WEIR_STATE_LIST || s->kind == WEIR_STATE_MAP || out->size > sizeof(out->bytes)) {
		out->size = 0;
		return;
	}
	memset(out->bytes, 0, out->size);
	if (!full) {
		out->timestamp = 0;
		out->ns = timer ? 8 + key_size : 0;
		out->key = timer ? 8 : ns_size;
		out->value = ns_size + key_size;
		return;
	}
	weir_buf_u32(&b, (uint32_t)composite);
	if (w->prefix == 2)
		weir_buf_u16(&b, (uint16_t)w->group);
	else
		weir_buf_u8(&b, (uint8_t)w->group);
	out->timestamp = b.len;
	out->key = b.len += time;
	b.len += key_size;
	if (s->ambiguous)
		put_length(&b, key_size);
	out->ns = b.len;
	b.len += ns_size;
	if (s->ambiguous)
		put_length(&b, ns_size);
	weir_buf_u32(&b, (uint32_t)value_size);
	out->value = b.len;
}

int weir_keyed_writer_rows(struct weir_keyed_writer *w, uint32_t n, size_t row_size, uint8_t **room, struct weir_error *err)
{
	int code;

	if (w->state == NO_STATE || (w->format == WEIR_FORMAT_HEAP && w->left < n))
		return weir_error_set(err, WEIR_EINVALID, w->state == NO_STATE ? "entries were written before their state" : "more entries than announced");
	code = w->format == WEIR_FORMAT_FULL ? before_full(w, err) : emit_much(w, err);
	if (code)
		return code;
	*room = weir_buf_room(&w->buf, n * row_size);
	if (!*room)
		return no_memory(w, WEIR_ENOMEM, err);
	w->buf.len += n * row_size;
	if (w->format == WEIR_FORMAT_HEAP)
		w->left -= n;
	else
		w->flag_at = w->buf.len - row_size + 4; /* of the last one */
	return 0;
}

int weir_keyed_writer_finish(struct weir_keyed_writer *w, int64_t *out_offsets, uint64_t *out_size, struct weir_error *err)
{
	int code = start(w, err);

	if (code == 0)
		code = end_group(w, err);
	if (code == 0 && w->format == WEIR_FORMAT_HEAP && w->group != w->first_group + (int32_t)w->ngroups - 1)
		code = weir_error_set(err, WEIR_EINVALID, "key groups after %d were left out; this format needs every key group of its range", w->group);
	if (code == 0)
		code = emit(w, &w->buf, err);
	if (code)
		return code;
	memcpy(out_offsets, w->offsets, w->ngroups * sizeof(*out_offsets));
	*out_size = w->flushed;
	return 0;
}
