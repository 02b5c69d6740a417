// SPDX-License-Identifier: Apache-2.0
/* Sources: splits, restore at every row, watermarks by position, bad input. */
#include "tests/unit/runtime/op_harness.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "fs-abstraction/fs_layers.h"

#define FLIGHT(F) F(timestamp, date) F(string, origin) F(int32, delay)
WEIR_RECORD(flight, FLIGHT)
#define NUMBER(F) F(int64, n) F(string, text)
WEIR_RECORD(number, NUMBER)
#define LINE(F) F(string, text)
WEIR_RECORD(line, LINE)

static const char *in_dir(const char *name)
{
	static char room[64][512];
	static int turn;
	char *to = room[turn++ & 63];

	snprintf(to, sizeof(room[0]), "%s/%s", weir_test_dir(), name);
	return to;
}

static void write_file(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	fclose(f);
}

static void write_gz(const char *path, const char *text, size_t n, const char *mode)
{
	gzFile f = gzopen(path, mode);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(gzwrite(f, text, (unsigned)n), (int)n);
	gzclose(f);
}

/* CSV of n rows, out of order by up to 5 rows; every `bad`th row (0: none) is malformed. */
static struct weir_buf numbers(int n, int bad)
{
	struct weir_buf b = { 0 };

	weir_buf_text(&b, "text,n\n");
	for (int i = 0; i < n; i++) {
		if (bad && i % bad == bad - 1)
			weir_buf_printf(&b, "bad %d,x%d\n", i, i);
		else if (i % 11 == 10)
			weir_buf_printf(&b, "\"row, number\n%d\",%d\n", i, i * 10 - i % 5 * 10);
		else
			weir_buf_printf(&b, "row %d with some text,%d\n", i, i * 10 - i % 5 * 10);
	}
	weir_buf_cstr(&b);
	return b;
}

static struct weir_source_config config_of(const char *path, struct weir_type *type)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_type_prepare(type, &err));
	return (struct weir_source_config){ .path = path, .opts = { .type = type } };
}

/* Everything a source emits, as text. malloc'ed. */
static char *run_all(const struct weir_op_ops *ops, const struct weir_source_config *c)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct harness h;
	char *text;

	harness_init(&h, ops, c, c->opts.type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	text = strdup(weir_buf_cstr(&h.log));
	harness_fini(&h);
	return text;
}

/* The message with which a source ends. */
static const char *fails(const struct weir_op_ops *ops, const struct weir_source_config *c, int code)
{
	static char text[1200];
	struct weir_error err = WEIR_ERROR_INIT;
	struct harness h;
	int rc;

	harness_init(&h, ops, c, c->opts.type, 0, 1, NULL);
	rc = harness_open(&h, &err);
	if (!rc)
		rc = harness_run(&h, &err);
	harness_fini(&h);
	ck_assert_msg(rc == code, "ended with %s, expected %s: %s", weir_code_name(rc), weir_code_name(code), err.msg);
	return weir_error_text(&err, text, sizeof(text));
}

#define ends_with(text, tail) ck_assert_msg(strlen(text) >= strlen(tail) && strcmp((text) + strlen(text) - strlen(tail), (tail)) == 0, "%s\nends not with\n%s", (text), (tail))

/* Run, take a snapshot after `polls` polls, restore, run on. What both emitted, without the watermark that is said again. */
static char *run_with_restore(const struct weir_op_ops *ops, const struct weir_source_config *c, int polls, bool *out_ended)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_op_snapshot snap;
	struct harness a, b;
	struct weir_buf all = { 0 };
	const char *second;
	char again[64] = "";

	harness_init(&a, ops, c, c->opts.type, 0, 1, NULL);
	ck_ok(harness_open(&a, &err));
	for (int i = 0; i < polls && !a.ended; i++)
		ck_ok(harness_poll(&a, &err));
	*out_ended = a.ended;
	ck_ok(harness_snapshot(&a, 1, &snap, &err));
	ck_assert_int_eq(snap.mode, WEIR_SPLIT_DISTRIBUTE);
	for (int i = 0; i < 3 && !a.ended; i++) /* goes on, and is lost */
		ck_ok(harness_poll(&a, &err));
	harness_init(&b, ops, c, c->opts.type, 0, 1, &snap);
	ck_ok(harness_open(&b, &err));
	ck_ok(harness_run(&b, &err));
	/* what a had emitted by then is the log of an equal run of as many polls */
	harness_fini(&a);
	harness_init(&a, ops, c, c->opts.type, 0, 1, NULL);
	ck_ok(harness_open(&a, &err));
	for (int i = 0; i < polls && !a.ended; i++)
		ck_ok(harness_poll(&a, &err));
	weir_buf_put_slice(&all, weir_buf_slice(&a.log));
	second = weir_buf_cstr(&b.log);
	if (a.last_watermark != INT64_MIN && !*out_ended) {
		snprintf(again, sizeof(again), "W %lld\n", (long long)a.last_watermark);
		if (strncmp(second, again, strlen(again)) == 0)
			second += strlen(again);
		else /* only when all its splits were read to the end */
			ck_assert_msg(*second == 0, "after the restore the watermark is not said first: %s", second);
	}
	weir_buf_text(&all, second);
	harness_fini(&a);
	harness_fini(&b);
	snapshot_free(&snap);
	weir_buf_cstr(&all);
	return (char *)all.data;
}

static int restore_everywhere(const struct weir_op_ops *ops, const struct weir_source_config *c)
{
	char *whole = run_all(ops, c), *parts;
	bool ended = false;
	int polls = 0;

	for (; !ended; polls++) {
		parts = run_with_restore(ops, c, polls, &ended);
		ck_assert_msg(strcmp(whole, parts) == 0, "restored after %d polls:\n%s\nexpected\n%s", polls, parts, whole);
		free(parts);
	}
	free(whole);
	return polls;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

WEIR_TEST(restore_at_every_row)
{
	struct weir_buf text = numbers(60, 0);
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);

	write_file(c.path, (char *)text.data, text.len);
	c.timed = true;
	c.time_field = 0;
	for (uint32_t every = 1; every <= 13; every += 4) {
		c.strategy = (struct weir_watermark_strategy){ .out_of_orderness_ms = 20, .every_rows = every };
		c.opts.rows_per_second = 0;
		ck_assert_int_gt(restore_everywhere(&weir_op_csv_source, &c), 60 / (int)every);
		c.opts.rows_per_second = 100; /* one row at a time: batches end anywhere, watermarks stay */
		ck_assert_int_gt(restore_everywhere(&weir_op_csv_source, &c), 60);
	}
	weir_buf_fini(&text);
}

WEIR_TEST(restore_at_every_row_of_many_splits)
{
	struct weir_buf text = { 0 };
	struct weir_source_config c = config_of(in_dir("in.txt"), &line_type);

	for (int i = 0; i < 40; i++)
		weir_buf_printf(&text, "line %d\n", i);
	write_file(c.path, (char *)text.data, text.len);
	c.strategy.every_rows = 3;
	c.opts.split_bytes = 50;
	restore_everywhere(&weir_op_text_source, &c);
	c.opts.rows_per_second = 10;
	restore_everywhere(&weir_op_text_source, &c);
	weir_buf_fini(&text);
}

WEIR_TEST(restore_in_gzip_and_among_bad_rows)
{
	struct weir_buf text = numbers(50, 6);
	struct weir_source_config c = config_of(in_dir("in.csv.gz"), &number_type);
	char *plain, *packed;

	write_gz(c.path, (char *)text.data, text.len, "w");
	c.timed = true;
	c.strategy = (struct weir_watermark_strategy){ .out_of_orderness_ms = 20, .every_rows = 7 };
	c.opts.on_error = "skip";
	restore_everywhere(&weir_op_csv_source, &c);
	c.opts.rows_per_second = 100;
	restore_everywhere(&weir_op_csv_source, &c);
	packed = run_all(&weir_op_csv_source, &c);
	c.path = in_dir("in.csv");
	write_file(c.path, (char *)text.data, text.len);
	plain = run_all(&weir_op_csv_source, &c);
	ck_assert_str_eq(plain, packed);
	ck_assert_int_eq(count(plain, "row"), 50 - 50 / 6);
	free(plain);
	free(packed);
	weir_buf_fini(&text);
}

WEIR_TEST(watermarks_stand_at_row_numbers)
{
	struct weir_source_config c = config_of(in_dir("in.json"), &number_type);
	struct weir_buf b = { 0 };
	char *got;

	for (int i = 1; i <= 10; i++)
		weir_buf_printf(&b, "{\"n\":%d,\"text\":\"\"}\n", i == 4 ? 100 : i * 10);
	write_file(c.path, (char *)b.data, b.len);
	c.timed = true;
	c.strategy = (struct weir_watermark_strategy){ .out_of_orderness_ms = 5, .every_rows = 3 };
	got = run_all(&weir_op_json_source, &c);
	ck_assert_str_eq(got, "{\"n\":10,\"text\":\"\"}\n{\"n\":20,\"text\":\"\"}\n{\"n\":30,\"text\":\"\"}\nW 24\n"
			      "{\"n\":100,\"text\":\"\"}\n{\"n\":50,\"text\":\"\"}\n{\"n\":60,\"text\":\"\"}\nW 94\n"
			      "{\"n\":70,\"text\":\"\"}\n{\"n\":80,\"text\":\"\"}\n{\"n\":90,\"text\":\"\"}\n" /* 94 again is not said */
			      "{\"n\":100,\"text\":\"\"}\n");
	free(got);
	c.opts.rows_per_second = 1; /* the clock moves nothing */
	got = run_all(&weir_op_json_source, &c);
	ck_assert_int_eq(count(got, "W "), 2);
	free(got);
	weir_buf_fini(&b);
}

WEIR_TEST(batches_end_where_they_should)
{
	struct weir_source_config c = config_of(in_dir("in.txt"), &line_type);
	struct weir_error err = WEIR_ERROR_INIT;
	static const uint32_t every[] = { 0, 1024, 1000, 3000 }, batches[] = { 10, 5, 5, 6 };
	struct weir_buf b = { 0 };

	for (int i = 0; i < 5000; i++)
		weir_buf_text(&b, "x\n");
	write_file(c.path, (char *)b.data, b.len);
	for (int i = 0; i < 4; i++) {
		struct harness h;

		c.strategy.every_rows = every[i];
		harness_init(&h, &weir_op_text_source, &c, NULL, 0, 1, NULL);
		ck_ok(harness_open(&h, &err));
		ck_ok(harness_run(&h, &err));
		ck_assert_uint_eq(h.rows, 5000);
		ck_assert_uint_eq(h.batches, i == 3 ? 5 : batches[i]); /* 3000: 1024 1024 952 | 1024 976 */
		harness_fini(&h);
	}
	weir_buf_fini(&b);
}

WEIR_TEST(every_split_size_gives_every_row_once)
{
	struct weir_buf b = { 0 }, whole = { 0 };
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);

	weir_buf_text(&b, "n,text\r\n");
	for (int i = 0; i < 25; i++) {
		weir_buf_printf(&b, "%d,text %d%s", i, i, i == 24 ? "" : i % 3 ? "\n" : "\r\n");
		weir_buf_printf(&whole, "{\"n\":%d,\"text\":\"text %d\"}\n", i, i);
	}
	write_file(c.path, (char *)b.data, b.len);
	for (c.opts.split_bytes = 1; c.opts.split_bytes <= b.len + 1; c.opts.split_bytes++) {
		char *got = run_all(&weir_op_csv_source, &c);

		ck_assert_msg(strcmp(got, weir_buf_cstr(&whole)) == 0, "split_bytes %llu: %s", (unsigned long long)c.opts.split_bytes, got);
		free(got);
	}
	weir_buf_fini(&b);
	weir_buf_fini(&whole);
}

/* Rows of all subtasks, each seen once? */
static void note_rows(const struct harness *h, char *seen, int n)
{
	const char *p = (const char *)h->log.data, *end = p + h->log.len;

	while (p < end && (p = memmem(p, (size_t)(end - p), "\"n\":", 4))) {
		int i = atoi(p += 4);

		ck_assert(i >= 0 && i < n);
		ck_assert_msg(!seen[i], "row %d twice", i);
		seen[i] = 1;
	}
}

WEIR_TEST(rescaling_reads_every_row_once)
{
	struct weir_source_config c = config_of(in_dir("in.json"), &number_type);
	struct weir_buf b = { 0 };
	enum { N = 300 };

	for (int i = 0; i < N; i++)
		weir_buf_printf(&b, "{\"n\":%d,\"text\":\"abc\"}\n", i);
	write_file(c.path, (char *)b.data, b.len);
	c.timed = true;
	c.strategy.every_rows = 4;
	c.opts.split_bytes = 700;
	for (uint32_t from = 1; from <= 4; from++)
		for (uint32_t to = 1; to <= 5; to++)
			for (int polls = 0; polls < 100; polls += 9) {
				struct weir_error err = WEIR_ERROR_INIT;
				struct weir_op_snapshot before[4], after[5];
				char seen[N] = { 0 };
				struct harness h;

				for (uint32_t s = 0; s < from; s++) {
					harness_init(&h, &weir_op_json_source, &c, &number_type, s, from, NULL);
					ck_ok(harness_open(&h, &err));
					for (int i = 0; i < polls + (int)s * 3 && !h.ended; i++)
						ck_ok(harness_poll(&h, &err));
					ck_ok(harness_snapshot(&h, 1, &before[s], &err));
					note_rows(&h, seen, N);
					harness_fini(&h);
				}
				snapshot_deal(before, from, after, to);
				for (uint32_t s = 0; s < to; s++) {
					harness_init(&h, &weir_op_json_source, &c, &number_type, s, to, &after[s]);
					ck_ok(harness_open(&h, &err));
					ck_ok(harness_run(&h, &err));
					note_rows(&h, seen, N);
					harness_fini(&h);
					snapshot_free(&after[s]);
				}
				for (uint32_t s = 0; s < from; s++)
					snapshot_free(&before[s]);
				for (int i = 0; i < N; i++)
					ck_assert_msg(seen[i], "row %d is lost (%u to %u, %d polls)", i, from, to, polls);
			}
	weir_buf_fini(&b);
}

WEIR_TEST(a_finished_source_stays_finished)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_op_snapshot snap;
	struct harness h;

	write_file(c.path, "n,text\n1,a\n", 11);
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_ok(harness_snapshot(&h, 1, &snap, &err));
	ck_assert_uint_eq(snap.elements.len, 1);
	harness_fini(&h);
	write_file(c.path, "n,text\n1,a\n2,b\n", 15); /* grew */
	unlink(c.path);                                /* and went */
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, &snap);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_assert_uint_eq(h.rows, 0);
	harness_fini(&h);
	snapshot_free(&snap);
}

WEIR_TEST(folders_in_name_order)
{
	struct weir_source_config c = config_of(in_dir("in"), &line_type);
	char *got;

	ck_assert_int_eq(mkdir(c.path, 0755), 0);
	ck_assert_int_eq(mkdir(in_dir("in/b"), 0755), 0);
	ends_with(fails(&weir_op_text_source, &c, WEIR_ENOTFOUND), "/in: the folder has no files to read (names that begin with . or _ are left out)");
	write_file(in_dir("in/c.txt"), "4\n", 2);
	write_file(in_dir("in/a.txt"), "1\n", 2);
	write_gz(in_dir("in/b/y.gz"), "3\n", 2, "w");
	write_file(in_dir("in/b/x"), "2", 1);
	write_file(in_dir("in/.hidden"), "hidden\n", 7);
	write_file(in_dir("in/_SUCCESS"), "hidden\n", 7);
	write_file(in_dir("in/empty"), "", 0);
	got = run_all(&weir_op_text_source, &c);
	ck_assert_str_eq(got, "{\"text\":\"1\"}\n{\"text\":\"2\"}\n{\"text\":\"3\"}\n{\"text\":\"4\"}\n");
	free(got);
}

WEIR_TEST(gzip_members_and_damage)
{
	struct weir_source_config c = config_of(in_dir("in.gz"), &line_type);
	struct weir_buf b = { 0 };
	struct stat st;
	char *got, *bytes;
	FILE *f;

	write_gz(c.path, "one\ntw", 6, "w");
	write_gz(c.path, "o\nthree", 7, "a"); /* a second member */
	got = run_all(&weir_op_text_source, &c);
	ck_assert_str_eq(got, "{\"text\":\"one\"}\n{\"text\":\"two\"}\n{\"text\":\"three\"}\n");
	free(got);
	for (int i = 0; i < 20000; i++)
		weir_buf_printf(&b, "%d\n", i * 7919 % 100003);
	write_gz(c.path, (char *)b.data, b.len, "w");
	ck_assert_int_eq(stat(c.path, &st), 0);
	ck_assert_int_eq(truncate(c.path, st.st_size / 2), 0);
	ends_with(fails(&weir_op_text_source, &c, WEIR_EPARSE), ": the compressed data ends too early: the .gz file is cut off");
	write_file(c.path, "plain text\n", 11);
	ends_with(fails(&weir_op_text_source, &c, WEIR_EPARSE), ": this is not gzip data, though the name ends in .gz");
	write_gz(c.path, (char *)b.data, b.len, "w");
	f = fopen(c.path, "r+");
	fseek(f, st.st_size / 2, SEEK_SET);
	bytes = calloc(1, 64);
	fwrite(bytes, 1, 64, f);
	fclose(f);
	free(bytes);
	ends_with(fails(&weir_op_text_source, &c, WEIR_EPARSE), ": the compressed data is damaged");
	weir_buf_fini(&b);
}

WEIR_TEST(files_that_are_not_there)
{
	struct weir_source_config c = config_of(in_dir("none.csv"), &number_type);
	const char *text = fails(&weir_op_csv_source, &c, WEIR_ENOTFOUND);

	ck_assert_msg(strstr(text, "/none.csv"), "%s", text);
	c.path = "";
	ck_assert_str_eq(fails(&weir_op_csv_source, &c, WEIR_EINVALID), "the path of the input is empty");
	c.path = in_dir("locked.csv");
	write_file(c.path, "n,text\n", 7);
	chmod(c.path, 0);
	if (geteuid() != 0)
		ck_assert_msg(strstr(fails(&weir_op_csv_source, &c, WEIR_EPERM), "/locked.csv"), "names the file");
	c.path = "/dev/null";
	ends_with(fails(&weir_op_csv_source, &c, WEIR_EUNSUPPORTED), "this is neither a file nor a folder; pipe it into standard input and read \"-\"");
}

static const char *fails_restored(const struct weir_source_config *c, const struct weir_op_snapshot *snap, int code)
{
	static char text[1200];
	struct weir_error err = WEIR_ERROR_INIT;
	struct harness h;
	int rc;

	harness_init(&h, &weir_op_csv_source, c, &number_type, 0, 1, snap);
	rc = harness_open(&h, &err);
	if (!rc)
		rc = harness_run(&h, &err);
	harness_fini(&h);
	ck_assert_msg(rc == code, "ended with %s: %s", weir_code_name(rc), err.msg);
	return weir_error_text(&err, text, sizeof(text));
}

WEIR_TEST(files_that_changed_under_the_state)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_op_snapshot snap;
	struct weir_buf b = numbers(50, 0);
	struct harness h;

	write_file(c.path, (char *)b.data, b.len);
	c.strategy.every_rows = 10;
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_poll(&h, &err));
	ck_ok(harness_poll(&h, &err));
	ck_ok(harness_snapshot(&h, 1, &snap, &err));
	harness_fini(&h);
	ck_assert_int_eq(truncate(c.path, (off_t)b.len - 1), 0);
	ck_assert_msg(strstr(fails_restored(&c, &snap, WEIR_EIO), "the file ends here, but had"), "cut");
	ck_assert_int_eq(truncate(c.path, 100), 0);
	ck_assert_msg(strstr(fails_restored(&c, &snap, WEIR_EIO), "the file ends at byte 100, but it was read up to byte"), "too short");
	unlink(c.path);
	ck_assert_msg(strstr(fails_restored(&c, &snap, WEIR_ENOTFOUND), "/in.csv"), "gone");
	snapshot_free(&snap);
	weir_buf_fini(&b);
}

WEIR_TEST(bad_rows_fail)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	const char text[] = "n,text\n1,a\n\"2\",\"two\nlines\"\nthree,b\n";
	const char *message;

	write_file(c.path, text, sizeof(text) - 1);
	message = fails(&weir_op_csv_source, &c, WEIR_EPARSE);
	ends_with(message, "/in.csv: byte 0x1b: line 5, column 1 (n): expected a whole number of 64 bits (int64), found \"three\"");
	c.opts.on_error = "fail";
	ck_assert_str_eq(fails(&weir_op_csv_source, &c, WEIR_EPARSE), message);
	write_file(c.path, "text,m\n", 7);
	ends_with(fails(&weir_op_csv_source, &c, WEIR_EPARSE),
		  "/in.csv: line 1: no column is called n, which is a field of the record; the header has: text, m (no_header reads files without one)");
}

WEIR_TEST(bad_rows_quote_long_text_cut)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	char text[400] = "n,text\n\x01\t";

	memset(text + strlen(text), 'x', 200);
	strcat(text, ",a\n");
	write_file(c.path, text, strlen(text));
	ends_with(fails(&weir_op_csv_source, &c, WEIR_EPARSE),
		  "found \"\\x01\\x09xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"");
}

WEIR_TEST(line_numbers_in_later_splits)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	struct weir_buf b = { 0 };

	weir_buf_text(&b, "n,text\n");
	for (int i = 0; i < 100; i++)
		weir_buf_printf(&b, i == 77 ? "x,%d\n" : "%d,a\n", i);
	write_file(c.path, (char *)b.data, b.len);
	for (c.opts.split_bytes = 20; c.opts.split_bytes < 1000; c.opts.split_bytes += 37)
		ck_assert_msg(strstr(fails(&weir_op_csv_source, &c, WEIR_EPARSE), ": line 79, column 1 (n): "), "at %llu", (unsigned long long)c.opts.split_bytes);
	weir_buf_fini(&b);
}

WEIR_TEST(bad_rows_are_skipped_and_counted)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = numbers(100, 7);
	struct harness h;

	write_file(c.path, (char *)b.data, b.len);
	c.opts.on_error = "skip";
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_assert_uint_eq(h.rows, 100 - 14);
	ck_assert_int_eq(h.accumulated, 14);
	ck_assert_str_eq(h.accumulator, "flights.skipped-rows");
	harness_fini(&h);
	weir_buf_fini(&b);
}

static char *read_file(const char *path)
{
	static char text[4096];
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

WEIR_TEST(bad_rows_go_to_a_file)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	struct weir_error err = WEIR_ERROR_INIT;
	const char text[] = "n,text\n1,a\nx,\"quo\"\"ted\"\n2,caf\xe9\n3,c\n";
	struct weir_op_snapshot snap;
	struct harness h;
	char expected[2000];

	write_file(c.path, text, sizeof(text) - 1);
	c.opts.on_error = in_dir("bad.json");
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_assert_uint_eq(h.rows, 2);
	ck_assert_int_eq(h.accumulated, 2);
	ck_ok(harness_snapshot(&h, 1, &snap, &err));
	harness_fini(&h);
	snapshot_free(&snap);
	snprintf(expected, sizeof(expected),
		 "{\"file\":\"%s\",\"line\":3,\"byte\":11,\"error\":\"line 3, column 1 (n): expected a whole number of 64 bits (int64), found \\\"x\\\"\",\"row\":\"x,\\\"quo\\\"\\\"ted\\\"\"}\n"
		 "{\"file\":\"%s\",\"line\":4,\"byte\":24,\"error\":\"line 4, column 2 (text): expected text in UTF-8, found \\\"caf\\\\xe9\\\"\",\"row_base64\":\"MixjYWbp\"}\n",
		 c.path, c.path);
	ck_assert_str_eq(read_file(c.opts.on_error), expected);
	c.opts.on_error = in_dir("no/such/folder/bad.json");
	ck_assert_msg(strstr(fails(&weir_op_csv_source, &c, WEIR_ENOTFOUND), "cannot open the file for bad rows (on_error)"), "names it");
	struct weir_fs *memory = weir_fs_memory_new("x");

	c.opts.on_error = "memory://x/bad";
	ck_assert_str_eq(fails(&weir_op_csv_source, &c, WEIR_EUNSUPPORTED),
			 "memory://x/bad: bad rows can only be kept in a local file; on_error is fail, skip, or such a file");
	weir_fs_memory_free(memory);
}

WEIR_TEST(quoted_line_breaks_across_splits_are_refused)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	const char text[] = "n,text\n1,\"first\n2,half\n3,x\"\n4,b\n5,c\n";
	int refused = 0;

	write_file(c.path, text, sizeof(text) - 1);
	for (c.opts.split_bytes = 8; c.opts.split_bytes < sizeof(text) + 3; c.opts.split_bytes++) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct harness h;
		char message[1200];
		int rc;

		harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, NULL);
		ck_ok(harness_open(&h, &err));
		rc = harness_run(&h, &err);
		ck_assert(rc == 0 || rc == WEIR_EUNSUPPORTED);
		refused += rc != 0;
		if (rc)
			ends_with(weir_error_text(&err, message, sizeof(message)),
				  "a quoted field with a line break in it lies across the byte where the file is cut into splits; set split_bytes above the file's size");
		else
			ck_assert_uint_eq(h.rows, 3);
		harness_fini(&h);
	}
	ck_assert_int_eq(refused, 16); /* every cut for which the first line end behind it is inside the quotes */
}

WEIR_TEST(byte_order_marks)
{
	struct weir_source_config c = config_of(in_dir("in.csv"), &number_type);
	char *got;

	write_file(c.path, "\xef\xbb\xbfn,text\n1,a\n", 14);
	got = run_all(&weir_op_csv_source, &c);
	ck_assert_str_eq(got, "{\"n\":1,\"text\":\"a\"}\n");
	free(got);
	c.path = in_dir("in.json");
	write_file(c.path, "\xef\xbb\xbf{\"n\":1,\"text\":\"a\"}\n", 22);
	got = run_all(&weir_op_json_source, &c);
	ck_assert_str_eq(got, "{\"n\":1,\"text\":\"a\"}\n");
	free(got);
}

WEIR_TEST(rows_longer_than_the_window)
{
	struct weir_source_config c = config_of(in_dir("in.txt"), &line_type);
	struct weir_error err = WEIR_ERROR_INIT;
	size_t n = 3 << 20;
	char *text = malloc(n + 4);
	struct harness h;

	memset(text, 'x', n);
	memcpy(text + n, "\ny\n", 3);
	write_file(c.path, text, n + 3);
	harness_init(&h, &weir_op_text_source, &c, &line_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_assert_uint_eq(h.rows, 2);
	ck_assert_uint_eq(h.log.len, n + 2 * strlen("{\"text\":\"\"}\n") + 1);
	harness_fini(&h);
	free(text);
}

WEIR_TEST(stop_ends_the_source)
{
	struct weir_source_config c = config_of(in_dir("in.txt"), &line_type);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_op_snapshot snap;
	struct harness h;

	write_file(c.path, "1\n2\n3\n", 6);
	c.strategy.every_rows = 1;
	harness_init(&h, &weir_op_text_source, &c, &line_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_poll(&h, &err));
	h.op->ops->stop(h.op);
	ck_ok(harness_poll(&h, &err));
	ck_assert(h.ended);
	ck_assert_uint_eq(h.rows, 1);
	ck_ok(harness_snapshot(&h, 1, &snap, &err));
	harness_fini(&h);
	harness_init(&h, &weir_op_text_source, &c, &line_type, 0, 1, &snap); /* and goes on from there */
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_assert_str_eq(weir_buf_cstr(&h.log), "{\"text\":\"2\"}\n{\"text\":\"3\"}\n");
	harness_fini(&h);
	snapshot_free(&snap);
}

WEIR_TEST(standard_input)
{
	struct weir_source_config c = config_of("-", &number_type);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_op_snapshot snap;
	struct harness h;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(dup2(p[0], STDIN_FILENO), 0);
	c.strategy.idle_ms = 100;
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_poll(&h, &err)); /* nothing there: no waiting */
	ck_assert_int_eq(write(p[1], "n,te", 4), 4);
	ck_ok(harness_poll(&h, &err));
	ck_assert_int_eq(write(p[1], "xt\n1,a\n2,", 9), 9);
	ck_ok(harness_poll(&h, &err));
	ck_assert_uint_eq(h.rows, 1); /* what is there goes on at once */
	for (int i = 0; i < 10; i++)
		ck_ok(harness_poll(&h, &err));
	ck_ok(harness_snapshot(&h, 1, &snap, &err));
	ck_assert_int_eq(write(p[1], "b\n", 2), 2);
	ck_ok(harness_poll(&h, &err));
	close(p[1]);
	ck_ok(harness_run(&h, &err));
	ck_assert_str_eq(weir_buf_cstr(&h.log), "{\"n\":1,\"text\":\"a\"}\nI 1\nI 0\n{\"n\":2,\"text\":\"b\"}\n");
	harness_fini(&h);
	ends_with(fails_restored(&c, &snap, WEIR_EUNSUPPORTED), "1 rows had been read from standard input, which cannot be read again; use a file to resume a job");
	snapshot_free(&snap);
	harness_init(&h, &weir_op_csv_source, &c, &number_type, 1, 2, NULL); /* one subtask reads it */
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_poll(&h, &err));
	ck_assert(h.ended);
	harness_fini(&h);
}

WEIR_TEST(pacing)
{
	struct weir_source_config c = { .from = 1, .to = 100000, .opts = { .type = &weir_int64, .rows_per_second = 1000 } };
	struct weir_error err = WEIR_ERROR_INIT;
	struct harness h;

	harness_init(&h, &weir_op_sequence_source, &c, NULL, 0, 2, NULL);
	ck_ok(harness_open(&h, &err));
	while (weir_mono_ns(h.op->clock) < 10 * INT64_C(1000000000))
		ck_ok(harness_poll(&h, &err));
	ck_assert_uint_ge(h.rows, 4990); /* half of 1000 rows a second, for ten seconds */
	ck_assert_uint_le(h.rows, 5010);
	ck_assert_uint_le(h.batches, 1100); /* in slices, not one row at a time */
	h.clock.ns += 60 * INT64_C(1000000000); /* held back for a minute: that is not made up for */
	for (int i = 0; i < 3; i++)
		ck_ok(harness_poll(&h, &err));
	ck_assert_uint_le(h.rows, 5030);
	harness_fini(&h);
}

WEIR_TEST(slow_pacing_gives_single_rows)
{
	struct weir_source_config c = { .from = 1, .to = 5, .opts = { .type = &weir_int64, .rows_per_second = 2 } };
	struct weir_error err = WEIR_ERROR_INIT;
	struct harness h;

	harness_init(&h, &weir_op_sequence_source, &c, NULL, 0, 1, NULL);
	ck_ok(harness_open(&h, &err));
	ck_ok(harness_run(&h, &err));
	ck_assert_uint_eq(h.rows, 5);
	ck_assert_uint_eq(h.batches, 5);
	ck_assert_int_ge(weir_mono_ns(h.op->clock), 2 * INT64_C(1000000000));
	ck_assert_int_le(weir_mono_ns(h.op->clock), 3 * INT64_C(1000000000));
	harness_fini(&h);
}

/* ---- sequence ---- */

WEIR_TEST(sequences_are_cut_over_subtasks)
{
	static const int64_t ends[][2] = { { 0, 0 }, { 1, 10 }, { -5, 5000 }, { 3, 2 }, { INT64_MAX - 20, INT64_MAX }, { INT64_MIN, INT64_MIN + 3 } };

	for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++)
		for (uint32_t p = 1; p <= 5; p++) {
			struct weir_source_config c = { .from = ends[e][0], .to = ends[e][1], .opts = { .type = &weir_int64 } };
			struct weir_buf all = { 0 }, want = { 0 };

			for (uint32_t s = 0; s < p; s++) {
				struct weir_error err = WEIR_ERROR_INIT;
				struct harness h;

				harness_init(&h, &weir_op_sequence_source, &c, &weir_int64, s, p, NULL);
				ck_ok(harness_open(&h, &err));
				ck_ok(harness_run(&h, &err));
				weir_buf_put_slice(&all, weir_buf_slice(&h.log));
				harness_fini(&h);
			}
			for (int64_t v = c.from; c.from <= c.to; v++) {
				weir_buf_printf(&want, "%lld\n", (long long)v);
				if (v == c.to)
					break;
			}
			ck_assert_str_eq(weir_buf_cstr(&all), weir_buf_cstr(&want));
			weir_buf_fini(&all);
			weir_buf_fini(&want);
		}
}

WEIR_TEST(sequences_restore)
{
	struct weir_source_config c = { .from = -3, .to = 50, .timed = true, .strategy = { .every_rows = 5, .out_of_orderness_ms = 2 }, .opts = { .type = &weir_int64 } };

	restore_everywhere(&weir_op_sequence_source, &c);
	c.opts.rows_per_second = 10;
	restore_everywhere(&weir_op_sequence_source, &c);
}

WEIR_TEST(sequences_that_cannot_be)
{
	struct weir_source_config c = { .from = INT64_MIN, .to = INT64_MAX, .opts = { .type = &weir_int64 } };

	ck_assert_str_eq(fails(&weir_op_sequence_source, &c, WEIR_EINVALID),
			 "a sequence may have up to 2^63 - 1 numbers; -9223372036854775808..9223372036854775807 is longer");
	c = config_of(NULL, &number_type);
	ck_assert_str_eq(fails(&weir_op_sequence_source, &c, WEIR_EINVALID), "a sequence gives rows of int64, or of a record with one field of int64");
}

/* ---- the flights ---- */

WEIR_TEST(flights_as_csv_and_json_are_the_same)
{
	const char *path = weir_test_shared("data/flights-20k.csv");
	struct weir_source_config c = config_of(path, &flight_type);
	char *csv, *json;

	if (!path)
		weir_test_skip("no shared data");
	c.path = strdup(path);
	c.timed = true;
	c.time_field = 0;
	c.strategy.out_of_orderness_ms = 600000;
	csv = run_all(&weir_op_csv_source, &c);
	free((char *)(uintptr_t)c.path);
	c.path = strdup(weir_test_shared("data/flights-20k.ndjson"));
	json = run_all(&weir_op_json_source, &c);
	free((char *)(uintptr_t)c.path);
	ck_assert_int_eq(count(csv, "\n{"), 20000 - 1);
	ck_assert_int_gt(count(csv, "\nW "), 30);
	ck_assert(strcmp(csv, json) == 0);
	free(csv);
	free(json);
}
