// SPDX-License-Identifier: Apache-2.0
/*
 * The corpus of bench_tools: what lies in which key group, the values, and the streams that our own writer makes of them. Values are a function of the key alone: no random
 * numbers, the same bytes each time. One thread. Fails with a line on stderr.
 */
#include "bench/tools_corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <weir/type.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "state/flink/keyed.h"

#define VISIT(F) F(string, page) F(string, agent) F(int64, first_ms) F(int64, last_ms) F(int32, clicks) F(double, seconds) F(double, score) F(boolean, bot)
WEIR_RECORD(visit, VISIT)

const char *const corpus_layouts[CORPUS_LAYOUTS] = { "canonical", "snappy", "hashmap", "rocksdb" };

static bool failed(const char *what, const struct weir_error *err)
{
	char text[1200];

	fprintf(stderr, "bench_tools: %s: %s\n", what, weir_error_text(err, text, sizeof(text)));
	return false;
}

bool corpus_init(struct corpus *c, const char *dir, uint64_t entries)
{
	uint64_t at[CORPUS_GROUPS];

	*c = (struct corpus){ .entries = entries, .keys = malloc(entries * sizeof(*c->keys)) };
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	if (!c->keys)
		return false;
	for (uint64_t k = 0; k < entries; k++)
		c->first[weir_key_group(weir_java_hash_i64((int64_t)k), CORPUS_GROUPS) + 1]++;
	for (uint32_t g = 0; g < CORPUS_GROUPS; g++) {
		c->first[g + 1] += c->first[g];
		at[g] = c->first[g];
	}
	for (uint64_t k = 0; k < entries; k++)
		c->keys[at[weir_key_group(weir_java_hash_i64((int64_t)k), CORPUS_GROUPS)]++] = (int64_t)k;
	return true;
}

void corpus_fini(struct corpus *c)
{
	free(c->keys);
}

void corpus__value(int64_t key, bool changed, struct weir_buf *out)
{
	static const char *const agents[] = { "Firefox/117.0", "Chrome/116", "Safari/605.1", "curl/8.2" };
	uint64_t h = weir_hash_u64((uint64_t)key);
	char page[64];
	int n = snprintf(page, sizeof(page), "/p/%llu/reviews", (unsigned long long)(h >> 40));
	struct visit v = { .page = weir_str_view(page, (uint32_t)n), .agent = weir_str_of(agents[h & 3]), .first_ms = 1693526400000 + (int64_t)(h >> 32),
			   .clicks = (int32_t)(h >> 8 & 1023), .seconds = (double)(h >> 20 & 0xffff) / 100, .bot = (h & 0x70) == 0 };

	v.last_ms = v.first_ms + (int64_t)(h >> 50);
	v.score = (double)(h >> 11) / 9007199254740992.0;
	v.clicks += changed && (uint64_t)key % CORPUS_CHANGED == 0;
	(void)!weir_type_write(&visit_type, &v, out, NULL);
}

void corpus__meta(struct weir_keyed_state_meta *out)
{
	struct weir_error err = WEIR_ERROR_INIT;

	if (weir_type_prepare(&visit_type, &err))
		failed("type", &err);
	*out = (struct weir_keyed_state_meta){ .name = CORPUS_STATE, .kind = WEIR_STATE_VALUE, .ns = &weir_void, .stored = &visit_type };
}

/* ---- files ---- */

static int put_file(void *arg, const void *p, size_t n, struct weir_error *err)
{
	return fwrite(p, 1, n, arg) == n ? 0 : weir_error_set(err, WEIR_EIO, "cannot write");
}

static int put_buf(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

static bool write_metadata(const char *dir, uint32_t version, struct weir_operator_state *op, int64_t id)
{
	struct weir_ckpt ckpt = { .id = id, .noperators = 1, .operators = op };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	char path[400];
	FILE *f;
	bool ok;

	op->id = weir_operator_id_of_uid(CORPUS_UID);
	if (weir_ckpt_encode(&ckpt, (int32_t)version, &out, &err))
		return failed(dir, &err);
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	f = fopen(path, "w");
	ok = f && fwrite(out.data, 1, out.len, f) == out.len;
	ok = f && fclose(f) == 0 && ok;
	weir_buf_fini(&out);
	if (!ok)
		perror(path);
	return ok;
}

static int write_groups(const struct corpus *c, struct weir_keyed_writer *w, bool changed, struct weir_error *err)
{
	static const uint8_t ns[1];
	struct weir_buf value = { 0 };
	struct weir_slice none = { NULL, 0 };
	int code = 0;

	for (uint32_t g = 0; g < CORPUS_GROUPS && code == 0; g++) {
		code = weir_keyed_writer_group(w, (int32_t)g, err);
		if (code == 0)
			code = weir_keyed_writer_state(w, 0, (uint32_t)(c->first[g + 1] - c->first[g]), err);
		for (uint64_t i = c->first[g]; i < c->first[g + 1] && code == 0; i++) {
			uint64_t key = __builtin_bswap64((uint64_t)c->keys[i]);

			weir_buf_clear(&value);
			corpus__value(c->keys[i], changed, &value);
			code = weir_keyed_writer_entry(w, (struct weir_slice){ (const uint8_t *)&key, 8 }, (struct weir_slice){ ns, 1 }, none, weir_buf_slice(&value), 0, err);
		}
	}
	weir_buf_fini(&value);
	return code;
}

bool corpus_write(const struct corpus *c, enum corpus_layout layout, bool changed)
{
	struct weir_subtask_state sub = { 0 };
	struct weir_operator_state op = { .parallelism = 1, .max_parallelism = CORPUS_GROUPS, .nsubtasks = 1, .subtasks = &sub };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta meta;
	struct weir_keyed_writer *w;
	int64_t offsets[CORPUS_GROUPS];
	char dir[300], path[400];
	uint64_t size = 0;
	FILE *f;
	int code;

	snprintf(dir, sizeof(dir), "%s/%s%s", c->dir, corpus_layouts[layout], changed ? "-changed" : "");
	snprintf(path, sizeof(path), "%s/state", dir);
	if (mkdir(dir, 0700) || !(f = fopen(path, "w")))
		return perror(path), false;
	corpus__meta(&meta);
	code = weir_keyed_writer_new(layout == CORPUS_HASHMAP ? WEIR_FORMAT_HEAP : WEIR_FORMAT_FULL, &weir_int64, 1, &meta, CORPUS_GROUPS, 0, CORPUS_GROUPS, put_file, f, &w, &err);
	if (code == 0) {
		if (layout == CORPUS_SNAPPY)
			weir_keyed_writer_compress(w);
		code = write_groups(c, w, changed, &err);
		if (code == 0)
			code = weir_keyed_writer_finish(w, offsets, &size, &err);
		weir_keyed_writer_free(w);
	}
	if (fclose(f) && code == 0)
		code = weir_error_set(&err, WEIR_EIO, "cannot write");
	if (code)
		return failed(path, &err);
	sub.managed_keyed = (struct weir_keyed_handle){ .kind = layout == CORPUS_HASHMAP ? WEIR_KEYED_GROUPS : WEIR_KEYED_SAVEPOINT,
							.groups = { 0, CORPUS_GROUPS, offsets },
							.stream = { .kind = WEIR_HANDLE_RELATIVE, .name = { (const uint8_t *)"state", 5 }, .size = (int64_t)size } };
	return write_metadata(dir, WEIR_META_DEFAULT, &op, changed ? 2 : 1);
}

bool corpus__write_incremental(const char *dir, uint32_t nshared, struct weir_named_handle *shared, uint32_t nprivate, struct weir_named_handle *private_, int64_t id)
{
	struct weir_subtask_state sub = { 0 };
	struct weir_operator_state op = { .parallelism = 1, .max_parallelism = CORPUS_GROUPS, .nsubtasks = 1, .subtasks = &sub };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_state_meta meta;
	struct weir_buf block = { 0 };
	bool ok;

	corpus__meta(&meta);
	if (weir_keyed_write_meta(false, &weir_int64, 1, &meta, &block, &err))
		return failed(dir, &err);
	sub.managed_keyed = (struct weir_keyed_handle){ .kind = WEIR_KEYED_INCREMENTAL, .groups = { 0, CORPUS_GROUPS, NULL }, .checkpoint_id = id, .checkpointed_size = -1,
							.id = { (const uint8_t *)"1f0e3dad-9990-4345-b743-9f8ffabdffc4", 36 },
							.backend_id = { (const uint8_t *)"98f13708-2101-44c4-9568-7be6106a3b84", 36 },
							.stream = { .kind = WEIR_HANDLE_INLINE, .name = { (const uint8_t *)"meta", 4 }, .size = (int64_t)block.len, .data = weir_buf_slice(&block) },
							.nshared = nshared, .shared = shared, .nprivate = nprivate, .private_ = private_ };
	ok = write_metadata(dir, WEIR_META_DEFAULT, &op, id);
	weir_buf_fini(&block);
	return ok;
}

/* ---- many subtasks ---- */

static int write_small(const struct weir_operator_state *op, uint32_t i, struct weir_arena *mem, struct weir_error *err)
{
	int32_t first = (int32_t)(((uint64_t)i * op->max_parallelism + op->parallelism - 1) / op->parallelism);
	uint32_t n = (uint32_t)(((i + 1ull) * op->max_parallelism - 1) / op->parallelism) - (uint32_t)first + 1;
	int64_t *offsets = weir_arena_zero(mem, n * sizeof(*offsets));
	struct weir_keyed_state_meta meta;
	struct weir_keyed_writer *w;
	struct weir_buf out = { 0 };
	uint64_t size = 0;
	int code;

	corpus__meta(&meta);
	code = offsets ? weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int64, 1, &meta, op->max_parallelism, first, n, put_buf, &out, &w, err) : WEIR_ENOMEM;
	if (code)
		return code;
	for (uint32_t g = 0; g < n && code == 0; g++) { /* no entries: ls is about handles */
		code = weir_keyed_writer_group(w, first + (int32_t)g, err);
		if (code == 0)
			code = weir_keyed_writer_state(w, 0, 0, err);
	}
	if (code == 0)
		code = weir_keyed_writer_finish(w, offsets, &size, err);
	weir_keyed_writer_free(w);
	op->subtasks[i] = (struct weir_subtask_state){ .index = i, .managed_keyed = { .kind = WEIR_KEYED_GROUPS, .groups = { first, n, offsets },
			.stream = { .kind = WEIR_HANDLE_INLINE, .name = { (const uint8_t *)"s", 1 }, .size = (int64_t)out.len, .data = { weir_arena_copy(mem, out.data, out.len), out.len } } } };
	weir_buf_fini(&out);
	return code;
}

bool corpus_write_wide(const struct corpus *c, uint32_t subtasks)
{
	struct weir_operator_state op = { .parallelism = subtasks, .max_parallelism = 32768, .nsubtasks = subtasks, .subtasks = calloc(subtasks, sizeof(*op.subtasks)) };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	char dir[300];
	int code = 0;
	bool ok;

	snprintf(dir, sizeof(dir), "%s/wide", c->dir);
	if (!op.subtasks || mkdir(dir, 0700))
		return perror(dir), false;
	for (uint32_t i = 0; i < subtasks && code == 0; i++)
		code = write_small(&op, i, &mem, &err);
	ok = code ? failed(dir, &err) : write_metadata(dir, WEIR_META_DEFAULT, &op, 1);
	weir_arena_fini(&mem);
	free(op.subtasks);
	return ok;
}
