/* SPDX-License-Identifier: Apache-2.0 */
/* The dump equals what Flink's own classes say, line by line and as a whole. */
#include "tests/unit/view/golden.h"

#include "base/hash.h"
#include "state/ckpt/dump_priv.h"

/* Our line of an entry with an unknown serializer, as expect.py leaves Flink's: without the reason. */
static void strip_reason(struct weir_buf *line)
{
	const char *text = weir_buf_cstr(line), *from = strstr(text, ",\"undecodable\":\""), *to = from ? strstr(from, "\",\"value_hex\"") : NULL;

	if (!to)
		return;
	size_t at = (size_t)(from - text), skip = (size_t)(to + 1 - from);

	memmove(line->data + at, line->data + at + skip, line->len - at - skip);
	line->len -= skip;
}

/* "op kind state" of a line. */
static void name_of(const char *line, char *out, size_t size)
{
	const char *op = strstr(line, "\"op\":\""), *kind = strstr(line, "\"kind\":\""), *state = strstr(line, "\"state\":\"");

	ck_assert(kind && state);
	snprintf(out, size, "%.*s %.*s %.*s", op ? 32 : 1, op ? op + 6 : "-", (int)strcspn(kind + 8, "\""), kind + 8, (int)strcspn(state + 9, "\""), state + 9);
}

static void put_state(struct weir_buf *out, struct weir_sha256 *sha, unsigned n, const char *name)
{
	uint8_t digest[32];

	if (n == 0)
		return;
	weir_sha256_done(sha, digest);
	weir_buf_hex(out, (struct weir_slice){ digest, sizeof(digest) });
	weir_buf_printf(out, " %u %s\n", n, name);
}

static void check_golden(struct weir_view *v, const char *set, unsigned least, unsigned kryo)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf dump = { 0 }, states = { 0 }, line = { 0 };
	struct weir_dump_result r;
	char path[1200], name[512] = "", now[512];
	struct weir_sha256 sha;
	unsigned n = 0, samples = 0;

	ck_ok(weir_dump(v, put_to_buf, &dump, &r, &err));
	snprintf(path, sizeof(path), "%s/%s/samples.ndjson", weir_test_source("tests/golden/flights"), set);
	struct weir_buf want_lines = read_file(path);
	const char *want = weir_buf_cstr(&want_lines);

	snprintf(path, sizeof(path), "%s/%s/states.txt", weir_test_source("tests/golden/flights"), set);
	struct weir_buf want_states = read_file(path);

	for (const char *p = weir_buf_cstr(&dump), *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		weir_buf_clear(&line);
		weir_buf_put(&line, p, (size_t)(end + 1 - p));
		if (strncmp(weir_buf_cstr(&line), "{\"summary\"", 10) == 0)
			break;
		strip_reason(&line);
		name_of(weir_buf_cstr(&line), now, sizeof(now));
		if (strcmp(now, name) != 0) {
			put_state(&states, &sha, n, name);
			strcpy(name, now);
			weir_sha256_init(&sha);
			n = 0;
		}
		if (n++ < 2) {
			size_t len = strcspn(want, "\n") + 1;

			ck_assert_msg(len == line.len && memcmp(want, line.data, len) == 0, "%s\nwanted %.*s\ngot    %s", set, (int)len, want, weir_buf_cstr(&line));
			want += len;
			samples++;
		}
		weir_sha256_put(&sha, line.data, line.len);
	}
	put_state(&states, &sha, n, name);
	ck_assert_str_eq(weir_buf_cstr(&states), weir_buf_cstr(&want_states));
	ck_assert_uint_eq(*want, 0);
	ck_assert_uint_gt(samples, 60);
	ck_assert_uint_eq(r.undecodable, kryo);
	ck_assert_uint_eq(r.damaged, 0);
	ck_assert_uint_gt(r.entries, least);
	weir_buf_fini(&dump);
	weir_buf_fini(&states);
	weir_buf_fini(&line);
	weir_buf_fini(&want_lines);
	weir_buf_fini(&want_states);
	weir_view_close(v);
}

WEIR_TEST(golden_savepoints_dump_as_flink_says)
{
	for (size_t i = 0; i < GOLDEN_SETS; i++)
		check_golden(golden_view(golden_sets[i]), golden_sets[i], 8000, 31);
}

WEIR_TEST(golden_rocksdb_files_dump_as_flink_says)
{
	check_golden(golden_view("2.1.1/native-rocksdb"), "2.1.1/native-rocksdb", 8000, 31);
	check_golden(view_at(unpack_incremental()), "1.20.1/incremental-rocksdb", 5700, 29);
}

/* ---- a dump that does not keep everything ---- */

static void check_pieces(struct weir_view *v)
{
	static const size_t limits[] = { 0, 100000 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf whole = { 0 };
	struct weir_dump_result r;

	ck_ok(weir_dump(v, put_to_buf, &whole, &r, &err));
	for (int i = 0; i < 2; i++) {
		struct weir_buf pieces = { 0 };
		struct weir_dump_result p;

		ck_ok(weir__dump_within(v, limits[i], put_to_buf, &pieces, &p, &err));
		ck_assert_uint_eq(p.entries, r.entries);
		ck_assert_uint_eq(p.undecodable, r.undecodable);
		ck_assert_uint_eq(p.damaged, r.damaged);
		ck_assert_uint_eq(pieces.len, whole.len);
		ck_assert_int_eq(memcmp(pieces.data, whole.data, whole.len), 0);
		weir_buf_fini(&pieces);
	}
	weir_buf_fini(&whole);
	weir_view_close(v);
}

WEIR_TEST(piece_by_piece_it_is_the_same)
{
	char path[1300];

	for (size_t i = 0; i < GOLDEN_SETS; i++)
		check_pieces(golden_view(golden_sets[i]));
	check_pieces(view_at(unpack_incremental()));
	snprintf(path, sizeof(path), "%s/job/shared/c5590281-e9fa-4fbf-ad6d-94130b43a6a8", weir_test_dir());
	ck_assert_int_eq(unlink(path), 0); /* and with damage */
	snprintf(path, sizeof(path), "%s/job/chk-7", weir_test_dir());
	check_pieces(view_at(path));
}

WEIR_TEST(shared_fixtures_are_the_same_piece_by_piece)
{
	static const char *const some[] = { "special/1.20.1/changelog-rocksdb-materialized/0e94f280f1dc1bd761a440130bcad5c8/chk-6", "special/2.1.1/maxp-1000-native",
					    "special/2.1.1/unaligned/8e3043f3ae427e8e5f4dfcd8dfed9ec3/chk-2", "special/2.1.1/sql-forst/c79fff795d02118405119d9708b32055/chk-5",
					    "flights/2.1.1/sql/savepoint", "flink/table/table-state" };

	if (!weir_test_shared("fixtures/special"))
		weir_test_skip("shared fixtures are not here");
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		char path[1100];

		snprintf(path, sizeof(path), "%s/%s", weir_test_shared("fixtures"), some[i]);
		check_pieces(view_at(path));
	}
}

/* ---- what a dump does with damage ---- */

WEIR_TEST(a_missing_file_becomes_undecodable_lines)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt c = { .id = 1 };
	struct weir_operator_state op = { .id = weir_operator_id_of_uid("x"), .parallelism = 1, .max_parallelism = 4, .nsubtasks = 1 };
	struct weir_subtask_state sub = { 0 };
	int64_t offsets[4] = { 100, 100, 100, 100 };
	struct weir_buf bytes = { 0 }, dump = { 0 };
	struct weir_dump_result r;
	struct weir_view *v;

	sub.managed_keyed = (struct weir_keyed_handle){
		.kind = WEIR_KEYED_SAVEPOINT, .groups = { 0, 4, offsets },
		.stream = { .kind = WEIR_HANDLE_RELATIVE, .name = { (const uint8_t *)"gone", 4 }, .size = 1000 } };
	op.subtasks = &sub;
	c.noperators = 1;
	c.operators = &op;
	ck_ok(weir_ckpt_encode(&c, 3, &bytes, &err));
	ck_ok(view_of(bytes.data, bytes.len, &v, &err));
	ck_assert_uint_eq(weir_view_nstates(v), 0);
	ck_ok(weir_dump(v, put_to_buf, &dump, &r, &err));
	ck_assert_uint_eq(r.entries, 1);
	ck_assert_uint_eq(r.undecodable, 1);
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&dump), "\"sub\":0,\"kind\":\"keyed\",\"state\":\"\",\"size\":1000,\"undecodable\":\"operator "));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&dump), "{\"summary\":{\"entries\":1,\"printed\":1,\"undecodable\":1,"));
	weir_view_close(v);
	weir_buf_fini(&dump);
	weir_buf_fini(&bytes);
}
