/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a keyed state stream: the metadata block, then key groups in both formats. The first byte chooses format, max parallelism and key group;
 * the group begins behind the metadata block. What decodes is written again and must come out the same.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "state/flink/keyed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
	uint64_t entries, bytes;
	struct weir_keyed_writer *w;
	bool stop;
};

static int count(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct sink *s = arg;

	(void)state;
	s->entries++;
	for (size_t i = 0; i < e->value.len; i++) /* touch every byte */
		s->bytes += e->value.ptr[i];
	for (size_t i = 0; i < e->key.len; i++)
		s->bytes += e->key.ptr[i];
	for (size_t i = 0; i < e->ns.len; i++)
		s->bytes += e->ns.ptr[i];
	for (size_t i = 0; i < e->user_key.len; i++)
		s->bytes += e->user_key.ptr[i];
	return 0;
}

static int copy_state(void *arg, uint32_t state, uint32_t n)
{
	struct sink *s = arg;

	return weir_keyed_writer_state(s->w, state, n, NULL);
}

static int copy_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct sink *s = arg;

	(void)state;
	s->stop |= e->undecodable != NULL;
	return s->stop ? 1 : weir_keyed_writer_entry(s->w, e->key, e->ns, e->user_key, e->value, e->timestamp, NULL);
}

static int put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

/* Read a group, write it, read what was written: as many entries and the same bytes. */
static void again(enum weir_keyed_format format, struct weir_slice stream, const struct weir_keyed_meta *meta, int32_t group, uint32_t max)
{
	struct weir_buf out = { 0 };
	struct sink s = { 0 }, first = { 0 }, second = { 0 };
	struct weir_keyed_walk walk = { copy_state, copy_entry, &s };
	int64_t offset;
	uint64_t size;
	int code = weir_keyed_writer_new(format, meta->key, meta->nstates, meta->states, max, group, 1, put, &out, &s.w, NULL);

	if (code)
		abort();
	if (weir_keyed_read_group(format, stream, "fuzz", meta, group, (int64_t)meta->size, (int64_t)stream.len, max, count, &first, NULL) == 0 &&
	    weir_keyed_writer_group(s.w, group, NULL) == 0 &&
	    weir_keyed_read_group_stored(format, stream, "fuzz", meta, group, (int64_t)meta->size, (int64_t)stream.len, max, &walk, NULL) == 0 && !s.stop &&
	    weir_keyed_writer_finish(s.w, &offset, &size, NULL) == 0) {
		struct weir_keyed_meta *meta2 = NULL;
		struct weir_arena mem = { 0 };

		if (weir_keyed_read_meta((struct weir_slice){ out.data, offset ? (size_t)offset : out.len }, "again", &mem, &meta2, NULL) == 0) {
			code = weir_keyed_read_group(format, weir_buf_slice(&out), "again", meta2, group, offset, (int64_t)out.len, max, count, &second, NULL);
			if (code || first.entries != second.entries || first.bytes != second.bytes)
				abort();
		}
		weir_arena_fini(&mem);
	}
	weir_keyed_writer_free(s.w);
	weir_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t parallelism[] = { 4, 128, 1000, 32768 };
	struct weir_arena mem = { 0 };
	struct weir_keyed_meta *meta = NULL;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice stream;
	enum weir_keyed_format format;
	uint32_t max;
	int32_t group;

	if (size < 2)
		return 0;
	format = data[0] & 1 ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL;
	max = parallelism[data[0] >> 1 & 3];
	group = (int32_t)(data[1] % max);
	stream = (struct weir_slice){ data + 2, size - 2 };
	if (weir_keyed_read_meta(stream, "fuzz", &mem, &meta, &err) == 0)
		again(format, stream, meta, group, max);
	weir_arena_fini(&mem);
	return 0;
}
