/* SPDX-License-Identifier: Apache-2.0 */
/* The dump equals what Flink's own classes say, line by line and as a whole. */
#include "tests/unit/view/golden.h"

#include <dirent.h>

#include "base/hash.h"

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

static void check_golden(const char *set)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_view *v = golden_view(set);
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
	ck_assert_uint_eq(r.undecodable, 31); /* the Kryo values */
	ck_assert_uint_gt(r.entries, 8000);
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
		check_golden(golden_sets[i]);
}

/* ---- the shared fixtures ---- */

struct tally {
	unsigned dirs, equal, lines, opaque, raw_timers, undecodable, different;
};

/* Is `line` (with its newline) in the dump? */
static bool has_line(const struct weir_buf *dump, const char *line, size_t len)
{
	const uint8_t *p = dump->data, *end = dump->data + dump->len;

	while ((p = memmem(p, (size_t)(end - p), line, len)) != NULL) {
		if (p == dump->data || p[-1] == '\n')
			return true;
		p++;
	}
	return false;
}

/* The line up to its value, and the value's bytes: what an opaque entry must share with Flink's. */
static bool has_opaque(const struct weir_buf *dump, const char *line, size_t len)
{
	char head[4096], tail[65536];
	const char *value = memmem(line, len, ",\"value\":", 9), *hex = memmem(line, len, ",\"value_hex\":", 13);
	const uint8_t *p = dump->data, *end = dump->data + dump->len;
	size_t nhead, ntail;

	if (!value || !hex || value > hex || (size_t)(value - line) >= sizeof(head))
		return false;
	nhead = (size_t)snprintf(head, sizeof(head), "%.*s,\"undecodable\":", (int)(value - line), line);
	ntail = (size_t)snprintf(tail, sizeof(tail), "%.*s", (int)(line + len - hex), hex);
	while ((p = memmem(p, (size_t)(end - p), head, nhead)) != NULL) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));

		if (nl && (size_t)(nl + 1 - p) >= ntail && memcmp(nl + 1 - ntail, tail, ntail) == 0)
			return true;
		p++;
	}
	return false;
}

/* Do we say of the state (or of the keyed handle) this line belongs to that it cannot be taken apart? */
static bool is_told(const struct weir_buf *dump, const char *line, size_t len)
{
	const char *state = memmem(line, len, "\"state\":\"", 9), *kind = memmem(line, len, "\"kind\":\"", 8);
	const uint8_t *p = dump->data, *end = dump->data + dump->len;
	char head[4096], keyed[4096];

	ck_assert(state && kind);
	snprintf(head, sizeof(head), "%.*s", (int)(state + 9 + strcspn(state + 9, "\"") + 1 - line), line);
	snprintf(keyed, sizeof(keyed), "%.*s\"kind\":\"keyed\",\"state\":\"\",", (int)(kind - line), line);
	if (memmem(p, (size_t)(end - p), keyed, strlen(keyed)))
		return true;
	while ((p = memmem(p, (size_t)(end - p), head, strlen(head))) != NULL) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));

		if (nl && memmem(p, (size_t)(nl - p), "\"undecodable\":", 14))
			return true;
		p++;
	}
	/* the rest of a key group is told under the first state in it */
	return memmem(dump->data, dump->len, "rest_of_key_group_hex", 21) != NULL;
}

/* Every line Flink gives is ours too, or ours has the same bytes with an unknown class, or ours says that it cannot take it apart. */
static void compare_dir(const char *dir, const char *expected, struct tally *t)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf dump = { 0 }, want = read_file(expected);
	struct weir_dump_result r;
	struct weir_ckpt *c;
	struct weir_view *v;
	const char *text = weir_buf_cstr(&want);

	ck_ok(weir_ckpt_open(dir, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	ck_ok(weir_dump(v, put_to_buf, &dump, &r, &err));
	t->dirs++;
	t->undecodable += (unsigned)r.undecodable;
	weir_buf_cstr(&dump);
	if (strstr(text, r.sha256)) {
		t->equal++;
	} else {
		for (const char *p = text, *end; (end = strchr(p, '\n')) != NULL && strncmp(p, "{\"summary\"", 10) != 0; p = end + 1) {
			size_t len = (size_t)(end + 1 - p);

			if (has_line(&dump, p, len))
				t->lines++;
			else if (has_opaque(&dump, p, len))
				t->opaque++;
			else if (memmem(p, len, "\"kind\":\"raw-timer\"", 18)) /* we show raw keyed state as bytes */
				t->raw_timers++;
			else if (!is_told(&dump, p, len)) {
				printf("%s: %.*s", dir, (int)len, p);
				t->different++;
			}
		}
	}
	weir_view_close(v);
	weir_buf_fini(&dump);
	weir_buf_fini(&want);
}

static void visit(const char *dir, const char *expected, struct tally *t)
{
	char sub[1024], other[1100];
	struct stat st;
	struct dirent *e;
	DIR *d;

	snprintf(sub, sizeof(sub), "%s/_metadata", dir);
	snprintf(other, sizeof(other), "%s.ndjson", expected);
	if (stat(sub, &st) == 0 && stat(other, &st) == 0) {
		compare_dir(dir, other, t);
		return;
	}
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", dir, e->d_name);
		snprintf(other, sizeof(other), "%s/%s", expected, e->d_name);
		if (stat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			visit(sub, other, t);
	}
	if (d)
		closedir(d);
}

static void visit_shared(const char *which, struct tally *t)
{
	char dir[1024], expected[1024];

	snprintf(dir, sizeof(dir), "%s/%s", weir_test_shared("fixtures"), which);
	snprintf(expected, sizeof(expected), "%s/expected/%s", weir_test_shared("fixtures"), which);
	visit(dir, expected, t);
}

WEIR_TEST(shared_fixtures_dump_as_flink_says)
{
	struct tally t = { 0 };

	if (!weir_test_shared("fixtures/expected"))
		weir_test_skip("shared fixtures are not here");
	visit_shared("flights", &t);
	visit_shared("special", &t);
	visit_shared("flink", &t);
	printf("%u checkpoints, %u equal as a whole; of the others %u lines equal, %u with an unknown class; %u undecodable entries\n", t.dirs, t.equal, t.lines, t.opaque,
	       t.undecodable);
	ck_assert_uint_eq(t.different, 0);
	ck_assert_uint_ge(t.equal, 48);
	ck_assert_uint_ge(t.lines, 5000);
}

/* Entries in the expected file. */
static unsigned wanted_lines(const char *which)
{
	char path[1024];
	struct weir_buf b;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/expected/%s.ndjson", weir_test_shared("fixtures"), which);
	b = read_file(path);
	for (size_t i = 0; i < b.len; i++)
		n += b.data[i] == '\n';
	weir_buf_fini(&b);
	return n - 1; /* the summary */
}

WEIR_TEST(flights_are_equal_in_every_entry)
{
	static const char *const kinds[] = { "canonical-hashmap", "canonical-hashmap-snappy", "native-hashmap", "canonical-rocksdb" };
	static const char *const versions[] = { "1.20.1", "2.1.1" };

	if (!weir_test_shared("fixtures/expected/flights"))
		weir_test_skip("shared fixtures are not here");
	for (int v = 0; v < 2; v++)
		for (int k = 0; k < 4; k++) {
			struct tally t = { 0 };
			char which[200];

			snprintf(which, sizeof(which), "flights/%s/%s", versions[v], kinds[k]);
			visit_shared(which, &t);
			ck_assert_uint_eq(t.dirs, 1);
			ck_assert_uint_eq(t.undecodable, 31);
			ck_assert_uint_ge(t.lines, 400);           /* all that the cut file shows, */
			ck_assert_uint_gt(t.opaque, 0);            /* but for the Kryo values, whose bytes are equal */
			ck_assert_uint_eq(t.lines + t.opaque, wanted_lines(which));
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
