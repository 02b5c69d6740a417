// SPDX-License-Identifier: Apache-2.0
/* Restoring: large states in the order weir writes them; savepoints that Flink wrote, at other parallelisms, against what Flink says is inside. */
#include "tests/unit/backend/model.h"
#include "tests/unit/view/golden.h"

#include <time.h>

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* n keys, a timer for each of the first ntimers, in one key group, through a snapshot into a new backend. Returns the CPU time of the restore. */
static double restore_many(enum weir_keyed_format format, int64_t n, int64_t ntimers)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = 1, .ngroups = 1 };
	struct weir_state_desc desc = { .name = "count", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };
	struct weir_backend *b;
	struct weir_state *s;
	struct weir_timers *t;
	struct shot shot;
	const void *v;
	double cpu;

	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	ck_ok(weir_backend_timers(b, "t", NULL, &t, &err));
	for (int64_t k = 0; k < n; k++) {
		int64_t twice = 2 * k;

		ck_ok(weir_backend_set_key(b, &k, &err));
		ck_ok(weir_state_set(s, NULL, &twice, &err));
		if (k < ntimers)
			ck_ok(weir_timers_add(t, WEIR_EVENT_TIME, k % 10, NULL, &err));
	}
	shot_take(&shot, b, format, &config);
	weir_backend_close(b);
	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	cpu = cpu_seconds();
	ck_ok(shot_restore(&shot, b, &err));
	cpu = cpu_seconds() - cpu;
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	ck_ok(weir_backend_timers(b, "t", NULL, &t, &err));
	ck_assert_uint_eq(weir_state_count(s), (uint64_t)n);
	ck_assert_uint_eq(weir_timers_count(t, WEIR_EVENT_TIME), (uint64_t)ntimers);
	for (int64_t k = 0; k < n; k += 97) {
		ck_ok(weir_backend_set_key(b, &k, &err));
		ck_ok(weir_state_get(s, NULL, &v, &err));
		ck_assert_ptr_nonnull(v);
		ck_assert_int_eq(*(const int64_t *)v, 2 * k);
	}
	weir_backend_close(b);
	shot_free(&shot);
	return cpu;
}

/* A table that grew while entries came in the order of their hashes had all of them in one place: 21 million keys took nine minutes. */
WEIR_TEST(a_canonical_stream_in_the_order_of_the_hash_is_restored_at_once)
{
	double few = restore_many(WEIR_FORMAT_FULL, 50000, 20000), many = restore_many(WEIR_FORMAT_FULL, 400000, 160000);

	ck_assert_msg(many < 25 * few + 0.5, "%.3f s for 50000 keys, %.3f s for 400000", few, many);
}

WEIR_TEST(a_native_stream_of_more_than_a_million_keys_is_restored_at_once)
{
	double few = restore_many(WEIR_FORMAT_HEAP, 200000, 0), many = restore_many(WEIR_FORMAT_HEAP, 1800000, 0);

	ck_assert_msg(many < 30 * few + 0.5, "%.3f s for 200000 keys, %.3f s for 1800000", few, many);
}

/* A count that the bytes cannot hold is damage, before any memory is taken for it. */
WEIR_TEST(a_native_stream_that_announces_too_many_entries_is_damaged)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = 1, .ngroups = 1 };
	struct weir_state_desc desc = { .name = "count", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };
	struct weir_backend *b;
	struct weir_state *s;
	struct shot shot;
	size_t at;

	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	ck_ok(weir_backend_state(b, &desc, &s, &err));
	for (int64_t k = 0; k < 100; k++) {
		ck_ok(weir_backend_set_key(b, &k, &err));
		ck_ok(weir_state_set(s, NULL, &k, &err));
	}
	shot_take(&shot, b, WEIR_FORMAT_HEAP, &config);
	weir_backend_close(b);
	ck_ok(weir_backend_open_hashmap(&config, &b, &err));
	at = (size_t)shot.offsets[0] + 4 + 2; /* behind the numbers of key group and state */
	ck_assert_uint_eq(shot.bytes.data[at + 3], 100);
	shot.bytes.data[at + 3] = 101;
	ck_assert_int_eq(shot_restore(&shot, b, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "key group 0, state 'count': more entries are announced than bytes follow"));
	weir_backend_close(b);
	shot_free(&shot);
}

/* ---- what Flink wrote ---- */

/* The text of a field of a line of Flink's dump, "" without it. */
static const char *field(const char *line, const char *name, char *out, size_t size)
{
	char what[64];
	const char *at;
	size_t n = 0;

	snprintf(what, sizeof(what), "\"%s\":", name);
	at = strstr(line, what);
	if (at) {
		at += strlen(what);
		at += *at == '"';
		n = strcspn(at, "\",}");
		ck_assert_uint_lt(n, size);
		memcpy(out, at, n);
	}
	out[n] = 0;
	return out;
}

static bool is_keyed(const char *kind) { return strcmp(kind, "broadcast") && strncmp(kind, "operator", 8) && strcmp(kind, "coordinator"); }

/* have: the keyed entries of one operator. Those that Flink's own classes printed are among them, and there are as many of each state as Flink counted. (That
 * all of them are Flink's, tests/unit/view/test_fixtures.c shows by their hash.) */
static void as_expected(const char *file, const char *op, const struct lines *have, const char *what)
{
	static char line[1 << 16], value[1 << 16];
	char kind[64], state[256], key[512], ns[256], uk[512], time[64], kg[16], name[64];
	FILE *f = fopen(file, "r");
	struct weir_buf b = { 0 };
	size_t counted = 0, printed = 0;

	ck_assert_msg(f != NULL, "%s is missing", file);
	while (fgets(line, sizeof(line), f)) {
		const char *text;
		unsigned count;
		size_t n = 0;

		field(line, "kind", kind, sizeof(kind));
		if (strcmp(field(line, "op", name, sizeof(name)), op) == 0 && is_keyed(kind)) {
			field(line, "timestamp", time, sizeof(time));
			weir_buf_clear(&b);
			weir_buf_printf(&b, "%s %s key=%s ns=%s uk=%s v=%s t=%s", field(line, "state", state, sizeof(state)), field(line, "kg", kg, sizeof(kg)),
					field(line, "key_hex", key, sizeof(key)), field(line, "ns_hex", ns, sizeof(ns)), field(line, "uk_hex", uk, sizeof(uk)),
					field(line, "value_hex", value, sizeof(value)), *time ? time : "0");
			text = weir_buf_cstr(&b);
			ck_assert_msg(bsearch(&text, have->items, have->len, sizeof(char *), lines_cmp) != NULL, "%s: missing: %s", what, text);
			printed++;
		}
		if (strncmp(line, "{\"summary\"", 10) != 0)
			continue;
		for (const char *at = line; (at = strstr(at, op)) != NULL; at++) { /* "OP KIND STATE":COUNT */
			ck_assert_int_eq(sscanf(at, "%*s %63s %255[^\"]\":%u", kind, state, &count), 3);
			if (!is_keyed(kind))
				continue;
			for (size_t i = 0; i < have->len; i++)
				n += strncmp(have->items[i], state, strlen(state)) == 0 && have->items[i][strlen(state)] == ' ';
			ck_assert_msg(n == count, "%s: %zu entries of state %s, Flink counts %u", what, n, state, count);
			counted += n;
			n = 0;
		}
	}
	weir_buf_fini(&b);
	fclose(f);
	ck_assert_uint_eq(counted, have->len);
	ck_assert_uint_gt(printed, 0);
}

/* The keyed entries of an operator, from the streams themselves. Gives the type of the key. */
static struct weir_type *stream_lines(const struct weir_ckpt *c, const struct weir_operator_state *op, struct weir_arena *mem, struct lines *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct shot_reader r = { .out = out };
	struct weir_type *key = NULL;

	for (uint32_t i = 0; i < op->nsubtasks; i++) {
		const struct weir_keyed_handle *h = &op->subtasks[i].managed_keyed;
		struct weir_fs_map *map = NULL;
		struct weir_slice stream;
		enum weir_keyed_format format;
		char *path;

		if (h->kind == WEIR_KEYED_NONE)
			continue;
		ck_ok(weir_ckpt_bytes(c, &h->stream, &map, &stream, &path, &err));
		ck_ok(weir_keyed_read_meta(stream, path, mem, &r.meta, &err));
		key = r.meta->key;
		format = weir_keyed_detect(h->kind, stream, r.meta, &h->groups, op->max_parallelism);
		for (uint32_t g = 0; g < h->groups.count; g++) {
			int64_t end = (int64_t)stream.len;

			for (uint32_t k = 0; k < h->groups.count; k++)
				if (h->groups.offsets[k] > h->groups.offsets[g] && h->groups.offsets[k] < end)
					end = h->groups.offsets[k];
			ck_ok(weir_keyed_read_group(format, stream, path, r.meta, h->groups.first + (int32_t)g, h->groups.offsets[g], end, op->max_parallelism, shot_entry,
						    &r, &err));
		}
		weir_fs_unmap(map);
		free(path);
	}
	lines_sort(out);
	return key;
}

/* All of an operator into backends of a new parallelism; what they then write, in both formats, against want. */
static void restore_operator(const struct weir_ckpt *c, const struct weir_operator_state *op, struct weir_type *key, uint32_t parallelism, const struct lines *want,
			     const char *what)
{
	struct lines have[2] = { { 0 }, { 0 } };
	uint32_t m = op->max_parallelism;

	for (uint32_t s = 0; s < parallelism; s++) {
		struct weir_error err = WEIR_ERROR_INIT;
		uint32_t first = (s * m + parallelism - 1) / parallelism, last = ((s + 1) * m - 1) / parallelism;
		struct weir_backend_config config = { .key = key, .max_parallelism = m, .first_group = (int32_t)first, .ngroups = last - first + 1 };
		struct weir_backend *b;

		ck_ok(weir_backend_open_hashmap(&config, &b, &err));
		for (uint32_t i = 0; i < op->nsubtasks; i++)
			ck_ok(weir_backend_restore(b, c, &op->subtasks[i].managed_keyed, &err));
		for (int format = 0; format < 2; format++) {
			struct shot shot;

			shot_take(&shot, b, (enum weir_keyed_format)format, &config);
			shot_lines(&shot, &have[format]);
			shot_free(&shot);
		}
		weir_backend_close(b);
	}
	for (int format = 0; format < 2; format++) {
		char text[600];

		snprintf(text, sizeof(text), "%s at parallelism %u, written %s", what, parallelism, format == WEIR_FORMAT_FULL ? "canonical" : "native");
		lines_sort(&have[format]);
		lines_equal(want, &have[format], text);
		lines_free(&have[format]);
	}
}

/* Every operator of a savepoint. expected: what Flink says is in it, or NULL. Returns the number of entries. */
static size_t restore_savepoint(const char *path, const char *expected)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;
	size_t n = 0;

	ck_ok(weir_ckpt_open(path, &c, &err));
	for (uint32_t o = 0; o < c->noperators; o++) {
		const struct weir_operator_state *op = &c->operators[o];
		struct weir_arena mem = { 0 };
		struct lines want = { 0 };
		struct weir_type *key = stream_lines(c, op, &mem, &want);
		char id[33], what[1400];

		weir_operator_id_hex(&op->id, id);
		snprintf(what, sizeof(what), "%s, operator %s", path, id);
		if (key && expected)
			as_expected(expected, id, &want, what);
		for (uint32_t p = 1; key && p <= 3; p++)
			restore_operator(c, op, key, p, &want, what);
		n += want.len;
		lines_free(&want);
		weir_arena_fini(&mem);
	}
	weir_ckpt_close(c);
	return n;
}

WEIR_TEST(golden_savepoints_of_flink_are_restored_entry_by_entry)
{
	for (size_t i = 0; i < GOLDEN_SETS; i++) {
		struct weir_buf b = golden_bytes(golden_sets[i]);
		char path[1300];
		FILE *f;

		snprintf(path, sizeof(path), "%s/_metadata", weir_test_dir());
		f = fopen(path, "wb");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(b.data, 1, b.len, f), b.len);
		fclose(f);
		weir_buf_fini(&b);
		ck_assert_uint_gt(restore_savepoint(path, NULL), 300);
	}
}

WEIR_TEST(flights_savepoints_of_flink_are_restored_as_flink_reads_them)
{
	static const char *const sets[] = { "1.20.1/canonical-hashmap", "1.20.1/canonical-hashmap-snappy", "1.20.1/canonical-rocksdb", "1.20.1/native-hashmap",
					    "2.1.1/canonical-hashmap",	"2.1.1/canonical-hashmap-snappy",  "2.1.1/canonical-rocksdb",  "2.1.1/native-hashmap" };
	const char *shared = weir_test_shared("fixtures");

	if (!shared)
		weir_test_skip("shared fixtures are not here");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		char path[1200], expected[1200];

		snprintf(path, sizeof(path), "%s/flights/%s", shared, sets[i]);
		snprintf(expected, sizeof(expected), "%s/expected/flights/%s.ndjson", shared, sets[i]);
		ck_assert_uint_gt(restore_savepoint(path, expected), 300);
	}
}
