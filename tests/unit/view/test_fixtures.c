/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every savepoint and checkpoint of the shared fixtures against what Flink's own classes say of it: each line that is shown, the counts of all states, and, where
 * everything is understood, the hash over all lines. What is not understood is counted by reason; the counts may only fall.
 */
#include "tests/unit/view/golden.h"

#include <dirent.h>

/* ---- what is not understood, and how often ---- */

struct reason {
	char text[200];
	unsigned count;
};
struct tally {
	unsigned checkpoints, files, states, equal, different;
	uint64_t entries, opaque;
	struct reason reasons[100];
	unsigned nreasons;
};

/* Most of each there may be, by the beginning of the reason. A new serializer lowers them; nothing may raise them. */
static const struct reason allowed[] = {
	{ "org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializerSnapshot: ", 397 },
	{ "org.apache.flink.test.migration.TypeSerializerSnapshotMigrationITCase$TestSerializerSnapshot: ", 8 }, /* a class of Flink's own tests */
};

static void count_reason(struct tally *t, const char *text, size_t len)
{
	struct reason *r;

	for (unsigned i = 0; i < t->nreasons; i++)
		if (strlen(t->reasons[i].text) == len && memcmp(t->reasons[i].text, text, len) == 0) {
			t->reasons[i].count++;
			return;
		}
	ck_assert_uint_lt(t->nreasons, 100);
	r = &t->reasons[t->nreasons++];
	ck_assert_uint_lt(len, sizeof(r->text));
	snprintf(r->text, sizeof(r->text), "%.*s", (int)len, text);
	r->count = 1;
}

static void count_reasons(struct tally *t, const struct weir_buf *dump)
{
	static const char mark[] = ",\"undecodable\":\"";
	const uint8_t *p = dump->data, *end = dump->data + dump->len;

	while ((p = memmem(p, (size_t)(end - p), mark, sizeof(mark) - 1)) != NULL) {
		const char *text = (const char *)p + sizeof(mark) - 1;
		size_t len = strcspn(text, "\"");

		count_reason(t, text, len < 180 ? len : 180);
		p += sizeof(mark);
	}
}

/* ---- comparing ---- */

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

/* Ours has the line up to its value, says why it goes no further, and has the value's bytes. */
static bool has_opaque(const struct weir_buf *dump, const char *line, size_t len)
{
	char head[8192], tail[131072];
	const char *value = memmem(line, len, ",\"value\":", 9), *hex = memmem(line, len, ",\"value_hex\":", 13);
	const uint8_t *p = dump->data, *end = dump->data + dump->len;
	size_t nhead, ntail;

	if (!value || !hex || value > hex || (size_t)(value - line) >= sizeof(head) - 20)
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

/* The counts of the summary, as text. */
static const char *counts_of(const char *dump, size_t *out_len)
{
	const char *at = strstr(dump, "{\"summary\":"), *counts = at ? strstr(at, "\"counts\":{") : NULL;

	ck_assert_ptr_nonnull(counts);
	*out_len = strcspn(counts, "\n");
	return counts;
}

static void different(struct tally *t, const char *dir, const char *what, size_t len)
{
	printf("%s: %.*s\n", dir, (int)(len < 600 ? len : 600), what);
	t->different++;
}

static void compare(const char *dir, const struct weir_buf *dump, const char *want, const struct weir_dump_result *r, struct tally *t)
{
	const char *ours = (const char *)dump->data, *counts, *wanted_counts;
	bool rest = strstr(ours, "\"rest_of_key_group_hex\":") != NULL; /* then what is in it cannot be counted */
	size_t n, wanted_n;

	if (strstr(want, r->sha256)) {
		t->equal++;
		return;
	}
	if (r->undecodable == 0)
		different(t, dir, "everything is understood, but it is not what Flink says", 60);
	counts = counts_of(ours, &n);
	wanted_counts = counts_of(want, &wanted_n);
	if (!rest && (n != wanted_n || memcmp(counts, wanted_counts, n) != 0))
		different(t, dir, counts, n);
	for (const char *p = want, *end; (end = strchr(p, '\n')) != NULL && strncmp(p, "{\"summary\"", 10) != 0; p = end + 1) {
		size_t len = (size_t)(end + 1 - p);

		if (!has_line(dump, p, len) && !has_opaque(dump, p, len) && !rest)
			different(t, dir, p, len - 1);
	}
}

static int count_file(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	(void)op, (void)sub;
	*(unsigned *)arg += h->kind != WEIR_HANDLE_INLINE;
	return 0;
}

static void compare_dir(const char *dir, const char *expected, struct tally *t)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf dump = { 0 }, want = read_file(expected);
	struct weir_dump_result r;
	struct weir_ckpt *c;
	struct weir_view *v;

	ck_ok(weir_ckpt_open(dir, &c, &err));
	t->files++;
	weir_ckpt_each_handle(c, count_file, &t->files);
	ck_ok(weir_view_open(c, &v, &err));
	ck_ok(weir_dump(v, put_to_buf, &dump, &r, &err));
	weir_buf_cstr(&dump);
	ck_assert_msg(r.damaged == 0, "%s: %llu entries are called damaged", dir, (unsigned long long)r.damaged);
	t->checkpoints++;
	t->states += weir_view_nstates(v);
	t->entries += r.entries;
	t->opaque += r.undecodable;
	count_reasons(t, &dump);
	compare(dir, &dump, weir_buf_cstr(&want), &r, t);
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
	if (stat(sub, &st) == 0) {
		if (stat(other, &st) == 0)
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

/* How many files Flink's answers are in. */
static unsigned answers(const char *dir)
{
	char sub[1100];
	struct dirent *e;
	struct stat st;
	unsigned n = 0;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", dir, e->d_name);
		if (stat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			n += answers(sub);
		else
			n += len > 7 && strcmp(e->d_name + len - 7, ".ndjson") == 0;
	}
	if (d)
		closedir(d);
	return n;
}

WEIR_TEST(every_shared_fixture_is_what_flink_says)
{
	static const char *const sets[] = { "flights", "special", "flink" };
	struct tally t = { 0 };
	unsigned present = 0;

	if (!weir_test_shared("fixtures/expected"))
		weir_test_skip("shared fixtures are not here");
	printf("%-10s %12s %8s %8s %10s %8s %8s\n", "set", "checkpoints", "files", "states", "entries", "equal", "opaque");
	for (int i = 0; i < 3; i++) {
		struct tally before = t;
		char dir[1024], expected[1024];

		snprintf(dir, sizeof(dir), "%s/%s", weir_test_shared("fixtures"), sets[i]);
		snprintf(expected, sizeof(expected), "%s/expected/%s", weir_test_shared("fixtures"), sets[i]);
		visit(dir, expected, &t);
		present += answers(expected);
		printf("%-10s %12u %8u %8u %10llu %8u %8llu\n", sets[i], t.checkpoints - before.checkpoints, t.files - before.files, t.states - before.states,
		       (unsigned long long)(t.entries - before.entries), t.equal - before.equal, (unsigned long long)(t.opaque - before.opaque));
	}
	for (unsigned i = 0; i < t.nreasons; i++) {
		unsigned most = 0;

		printf("%8u opaque: %s\n", t.reasons[i].count, t.reasons[i].text);
		for (size_t k = 0; k < sizeof(allowed) / sizeof(allowed[0]); k++)
			if (strncmp(t.reasons[i].text, allowed[k].text, strlen(allowed[k].text)) == 0)
				most = allowed[k].count;
		ck_assert_msg(t.reasons[i].count <= most, "%u entries where %u were not understood before: %s", t.reasons[i].count, most, t.reasons[i].text);
	}
	ck_assert_uint_eq(t.different, 0);
	ck_assert_uint_eq(t.checkpoints, present);
	ck_assert_uint_ge(t.equal, 163);
}
