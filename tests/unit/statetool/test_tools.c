// SPDX-License-Identifier: Apache-2.0
/* The state tools on savepoints that Flink wrote: text of values, lookups, migrations, damage. */
#include "statetool/list.h"
#include "statetool/migrate.h"
#include "statetool/show.h"
#include "statetool/text.h"
#include "statetool/verify.h"
#include "state/ckpt/dump.h"
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *native(void) { return weir_test_source("tests/golden/flights/1.20.1/native-hashmap"); }

static struct weir_view *open_view(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;

	ck_ok(weir_ckpt_open(path, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	return v;
}

/* ---- text ---- */
static void plain_and_back(const struct weir_type *t, const char *json, const char *plain)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf wire = { 0 }, text = { 0 }, again = { 0 };

	ck_ok(weir_type_from_json(t, json, strlen(json), false, &wire, &err));
	ck_assert(weir_text_plain(t, weir_buf_slice(&wire), &text, NULL));
	ck_assert_str_eq(weir_buf_cstr(&text), plain);
	ck_ok(weir_text_parse(t, (char *)text.data, text.len, false, &again, &err));
	ck_assert(weir_slice_eq(weir_buf_slice(&wire), weir_buf_slice(&again)));
	weir_buf_fini(&wire);
	weir_buf_fini(&text);
	weir_buf_fini(&again);
}

WEIR_TEST(plain_text_of_values_reads_back)
{
	struct weir_arena mem = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *fields[] = { &weir_string, &weir_int32 };
	struct weir_type *tuple = weir_type_tuple(&mem, 2, fields, &err);

	plain_and_back(&weir_string, "\"ORD\"", "ORD");
	plain_and_back(&weir_string, "\"\\\"q\\\"\"", "\"q\"");
	plain_and_back(&weir_string, "\"0x41\"", "0x41");
	plain_and_back(&weir_string, "\"\"", "");
	plain_and_back(&weir_string, "\"a\\n\\u0001\\u00e9\"", "a\n\x01\xc3\xa9");
	plain_and_back(&weir_int64, "-42", "-42");
	plain_and_back(&weir_boolean, "true", "true");
	plain_and_back(&weir_double, "1.5", "1.5");
	plain_and_back(&weir_double, "\"NaN\"", "NaN");
	plain_and_back(&weir_timestamp, "\"2001-01-14T00:00:00Z\"", "2001-01-14T00:00:00Z");
	plain_and_back(&weir_time_window, "{\"start\":1,\"end\":20}", "1_20");
	plain_and_back(tuple, "[\"GRB\",0]", "[\"GRB\",0]");
	weir_arena_fini(&mem);
}

WEIR_TEST(what_does_not_decode_is_shown_raw)
{
	struct weir_buf b = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;

	ck_assert(!weir_text_json(&weir_int64, (struct weir_slice){ (const uint8_t *)"\x01\x02", 2 }, &b));
	ck_assert_str_eq(weir_buf_cstr(&b), "{\"$raw\":\"0102\",\"serializer\":\"unknown\"}");
	weir_buf_clear(&b);
	ck_assert(!weir_text_json(&weir_int32, (struct weir_slice){ (const uint8_t *)"\0\0\0\1x", 5 }, &b)); /* one byte too many */
	weir_buf_clear(&b);
	ck_assert(!weir_text_plain(&weir_int64, (struct weir_slice){ (const uint8_t *)"\xff", 1 }, &b, NULL));
	ck_assert_str_eq(weir_buf_cstr(&b), "0xff");
	weir_buf_clear(&b);
	ck_assert_int_eq(weir_text_parse(&weir_int64, "seven", 5, true, &b, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "'seven' is not a value of type int64"));
	weir_buf_fini(&b);
}

/* ---- ls, show, get ---- */
static int put_nowhere(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)arg, (void)p, (void)n, (void)err;
	return 0;
}

WEIR_TEST(ls_counts_every_entry)
{
	struct weir_view *v = open_view(native());
	struct weir_state_count *rows = calloc(weir_view_nstates(v) + 1, sizeof(*rows));
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_dump_result r;
	struct weir_sink sink = { 0 };
	uint64_t sum = 0;

	ck_ok(weir_state_counts(v, rows, &err));
	ck_assert_int_eq(err.code, 0);
	for (uint32_t i = 0; i < weir_view_nstates(v); i++) {
		ck_assert(rows[i].complete);
		sum += rows[i].entries;
	}
	ck_ok(weir_dump(v, put_nowhere, NULL, &r, &err));
	ck_assert_uint_eq(sum, r.entries);
	struct weir_list_options o = { .json = true };
	ck_ok(weir_state_list(v, &o, &sink, &err));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&sink.buf), "\"name\":\"count\",\"kind\":\"value\",\"key\":\"string\""));
	weir_buf_fini(&sink.buf);
	free(rows);
	weir_view_close(v);
}

static int get(struct weir_view *v, const char *op, const char *state, const char *key, const char *ns, struct weir_buf *out, struct weir_error *err)
{
	struct weir_get_options o = { .state = state, .key = key, .ns = ns };
	struct weir_sink sink = { 0 };
	int rc = op ? weir_pick_operator(weir_view_ckpt(v), op, &o.op, err) : 0;

	if (rc == 0)
		rc = weir_state_get_key(v, &o, &sink, err);
	weir_buf_clear(out);
	weir_buf_put_slice(out, weir_buf_slice(&sink.buf));
	weir_buf_fini(&sink.buf);
	return rc;
}

WEIR_TEST(get_says_what_is_not_there)
{
	struct weir_view *v = open_view(native());
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };

	ck_ok(get(v, "by-origin", "count", "ORD", NULL, &b, &err));
	ck_assert_int_gt(atoi(weir_buf_cstr(&b)), 0);
	ck_ok(get(v, "dd6667d0126c0567e1d895d744174c63", "count", "\"ORD\"", NULL, &b, &err));
	ck_assert_int_eq(get(v, NULL, "count", "XXX", NULL, &b, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "has no key XXX"));
	weir_error_clear(&err);
	ck_assert_int_eq(get(v, NULL, "total", "ORD", NULL, &b, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "--operator"));
	weir_error_clear(&err);
	ck_assert_int_eq(get(v, NULL, "cuont", "ORD", NULL, &b, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "count"));
	weir_error_clear(&err);
	ck_assert_int_eq(get(v, "nobody", "count", "ORD", NULL, &b, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "no operator 'nobody'"));
	weir_error_clear(&err);
	ck_assert_int_eq(get(v, NULL, "read", "1", NULL, &b, &err), WEIR_EUNSUPPORTED);
	weir_buf_fini(&b);
	weir_view_close(v);
}

/* ---- migrate ---- */
static int migrate(const char *in, const char *out, const char *state, const char *add, const char *drop, const char *order, int32_t version, struct weir_error *err)
{
	struct weir_schema_change changes[2];
	struct weir_migrate_options o = { .in = in, .out = out, .state = state, .changes = changes, .order = order, .meta_version = version };
	struct weir_sink sink = { 0 };
	int rc;

	if (add)
		changes[o.nchanges++] = (struct weir_schema_change){ WEIR_ADD_FIELD, add };
	if (drop)
		changes[o.nchanges++] = (struct weir_schema_change){ WEIR_DROP_FIELD, drop };
	rc = weir_state_migrate(&o, &sink, err);
	weir_buf_fini(&sink.buf);
	return rc;
}

static char *out_dir(const char *name)
{
	char *path;

	ck_assert(asprintf(&path, "%s/%s", weir_test_dir(), name) > 0);
	return path;
}

static void same_files(const char *a_dir, const char *b_dir)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *ma, *mb;
	struct weir_slice a, b;
	char path[2][1200];

	snprintf(path[0], sizeof(path[0]), "%s/_metadata", a_dir);
	snprintf(path[1], sizeof(path[1]), "%s/_metadata", b_dir);
	ck_ok(weir_fs_map(weir_fs_local, path[0], &ma, &a, &err));
	ck_ok(weir_fs_map(weir_fs_local, path[1], &mb, &b, &err));
	ck_assert_uint_eq(a.len, b.len);
	ck_assert(memcmp(a.ptr, b.ptr, a.len) == 0);
	weir_fs_unmap(ma);
	weir_fs_unmap(mb);
}

/* Add a field, check it, drop it again: byte for byte what Flink wrote. */
static void there_and_back(const char *in, const char *state, const char *add, const char *drop)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *one = out_dir("one"), *two = out_dir("two"), *source = strdup(in);
	struct weir_sink sink = { 0 };
	struct weir_verify_result r;

	ck_ok(migrate(source, one, state, add, NULL, NULL, 0, &err));
	ck_ok(weir_state_verify(one, &(struct weir_verify_options){ .json = false }, &sink, &r, &err));
	ck_assert_uint_eq(r.problems, 0);
	ck_ok(migrate(one, two, state, NULL, drop, NULL, 0, &err));
	same_files(source, two);
	weir_buf_fini(&sink.buf);
	free(one);
	free(two);
	free(source);
}

WEIR_TEST(a_field_comes_and_goes_native_value) { there_and_back(native(), "stat", "note:string=\"x\"", "note"); }
WEIR_TEST(a_field_comes_and_goes_native_map) { there_and_back(native(), "by-day", "extra:int64", "extra"); }
WEIR_TEST(a_field_comes_and_goes_canonical_value) { there_and_back(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap"), "stat", "a:double=1.5", "a"); }
WEIR_TEST(a_field_comes_and_goes_canonical_map) { there_and_back(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap"), "by-day", "zz:list<int>", "zz"); }
WEIR_TEST(a_field_comes_and_goes_row) { there_and_back(native(), "row", "x:int64=9", "3"); }

WEIR_TEST(a_field_comes_and_goes_in_list_elements)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *one = out_dir("one"), *two = out_dir("two"), *source = strdup(native());
	struct weir_migrate_options o = { .in = source, .out = one, .op = "sessions", .state = "window-contents" };
	struct weir_schema_change add = { WEIR_ADD_FIELD, "carrier:string=\"?\"" }, drop = { WEIR_DROP_FIELD, "carrier" };
	struct weir_sink sink = { 0 };
	struct weir_view *v;

	o.changes = &add;
	o.nchanges = 1;
	ck_ok(weir_state_migrate(&o, &sink, &err));
	v = open_view(one);
	struct weir_show_options show = { .state = "window-contents", .limit = 1, .key_group = -1, .subtask = -1 };
	ck_ok(weir_pick_operator(weir_view_ckpt(v), "sessions", &show.op, &err));
	weir_buf_clear(&sink.buf);
	ck_ok(weir_state_show(v, &show, &sink, NULL, &err));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&sink.buf), "\"carrier\":\"?\",\"delay\""));
	weir_view_close(v);
	o.in = one;
	o.out = two;
	o.changes = &drop;
	ck_ok(weir_state_migrate(&o, &sink, &err));
	same_files(source, two);
	weir_buf_fini(&sink.buf);
	free(one);
	free(two);
	free(source);
}

WEIR_TEST(values_after_a_migration)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *out = out_dir("out");
	struct weir_buf before = { 0 }, after = { 0 };
	struct weir_view *v = open_view(native());

	ck_ok(get(v, NULL, "row", "13", NULL, &before, &err));
	weir_view_close(v);
	ck_ok(migrate(native(), out, "row", "n:int32=7", NULL, "2,n,1,0", 6, &err));
	v = open_view(out);
	ck_assert_int_eq(weir_view_ckpt(v)->version, 6);
	ck_ok(get(v, NULL, "row", "13", NULL, &after, &err));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&before), "\"f\":[\"MSY\",5,false]"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&after), "\"f\":[false,7,5,\"MSY\"]"));
	weir_view_close(v);
	weir_buf_fini(&before);
	weir_buf_fini(&after);
	free(out);
}

WEIR_TEST(every_metadata_version_can_be_written)
{
	static const struct {
		const char *flink;
		int32_t version;
	} rows[] = { { "1.10", 2 }, { "1.15", 3 }, { "1.20", 4 }, { "2.0", 5 }, { "2.1", 6 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct weir_error err = WEIR_ERROR_INIT;
		char name[16], *out;
		struct weir_view *v;

		ck_assert_int_eq(weir_meta_version_of_flink(rows[i].flink), rows[i].version);
		snprintf(name, sizeof(name), "v%d", rows[i].version);
		out = out_dir(name);
		if (rows[i].version == 2) { /* a coordinator's state has no place there: refused, and nothing is left behind */
			ck_assert_int_eq(migrate(native(), out, NULL, NULL, NULL, NULL, 2, &err), WEIR_EUNSUPPORTED);
			ck_assert_int_ne(access(out, F_OK), 0);
			free(out);
			continue;
		}
		ck_ok(migrate(native(), out, NULL, NULL, NULL, NULL, rows[i].version, &err));
		v = open_view(out);
		ck_assert_int_eq(weir_view_ckpt(v)->version, rows[i].version);
		weir_view_close(v);
		free(out);
	}
	ck_assert_int_eq(weir_meta_version_of_flink("1.9"), 0);
}

static void refused(const char *state, const char *add, const char *drop, const char *order, int code, const char *says)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *out = out_dir("refused");
	int rc = migrate(native(), out, state, add, drop, order, 0, &err);

	ck_assert_msg(rc == code, "%s: %s", weir_code_name(rc), err.msg);
	ck_assert_msg(strstr(err.msg, says) != NULL, "%s", err.msg);
	ck_assert_int_ne(access(out, F_OK), 0); /* nothing is left behind */
	free(out);
}

WEIR_TEST(migrations_that_make_no_sense)
{
	refused("stat", NULL, NULL, NULL, WEIR_EINVALID, "nothing to change");
	refused("stat", NULL, "nope", NULL, WEIR_EINVALID, "no field 'nope'; there are: count, day");
	refused("stat", "count:int64", NULL, NULL, WEIR_EINVALID, "already");
	refused("stat", "x", NULL, NULL, WEIR_EINVALID, "NAME:TYPE");
	refused("stat", "x:integr", NULL, NULL, WEIR_EINVALID, "unknown type 'integr'");
	refused("stat", "x:int32=abc", NULL, NULL, WEIR_EPARSE, "default value 'abc'");
	refused("row", NULL, NULL, "1,0", WEIR_EINVALID, "leaves out field '2'");
	refused("row", NULL, NULL, "1,1,0", WEIR_EINVALID, "twice");
	refused("count", "x:int32", NULL, NULL, WEIR_EUNSUPPORTED, "has no fields");
	refused("opaque", "x:int32", NULL, NULL, WEIR_EUNSUPPORTED, "has no fields");
	refused("nowhere", "x:int32", NULL, NULL, WEIR_ENOTFOUND, "no state 'nowhere'");
	refused("_timer_state/processing_window-timers", "x:int32", NULL, NULL, WEIR_EINVALID, "--operator");
}

WEIR_TEST(an_existing_directory_is_not_written_into)
{
	struct weir_error err = WEIR_ERROR_INIT;
	char *out = out_dir("full"), path[1200];

	mkdir(out, 0755);
	snprintf(path, sizeof(path), "%s/mine", out);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	ck_assert_int_eq(migrate(native(), out, "stat", "x:int32", NULL, NULL, 0, &err), WEIR_EEXISTS);
	ck_assert_int_eq(access(path, F_OK), 0);
	weir_error_clear(&err);
	ck_assert_int_eq(migrate(native(), native(), "stat", "x:int32", NULL, NULL, 0, &err), WEIR_EEXISTS);
	unlink(path);
	weir_error_clear(&err);
	ck_ok(migrate(native(), out, "stat", "x:int32", NULL, NULL, 0, &err)); /* an empty one is fine */
	free(out);
}

/* ---- verify ---- */
static void copy_cut(const char *to_dir, size_t cut, size_t flip)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map;
	struct weir_slice s;
	char path[1200];
	uint8_t *copy;
	int fd;

	snprintf(path, sizeof(path), "%s/_metadata", native());
	ck_ok(weir_fs_map(weir_fs_local, path, &map, &s, &err));
	copy = malloc(s.len);
	memcpy(copy, s.ptr, s.len);
	if (flip)
		copy[flip] ^= 0x55;
	mkdir(to_dir, 0755);
	snprintf(path, sizeof(path), "%s/_metadata", to_dir);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	ck_assert(fd >= 0 && write(fd, copy, cut ? cut : s.len) == (ssize_t)(cut ? cut : s.len));
	close(fd);
	free(copy);
	weir_fs_unmap(map);
}

WEIR_TEST(verify_names_damage_and_the_checkpoint_to_go_on_from)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink sink = { 0 };
	struct weir_verify_result r;
	char *good = out_dir("chk-4"), *bad = out_dir("chk-5");

	copy_cut(good, 0, 0);
	copy_cut(bad, 100000, 0);
	ck_ok(weir_state_verify(bad, &(struct weir_verify_options){ .json = false }, &sink, &r, &err));
	ck_assert_uint_eq(r.problems, 1);
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&sink.buf), "chk-5/_metadata"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&sink.buf), "byte 0x"));
	ck_assert_ptr_nonnull(r.complete);
	ck_assert_ptr_nonnull(strstr(r.complete, "/chk-4"));
	free(r.complete);
	weir_buf_clear(&sink.buf);
	ck_ok(weir_state_verify(good, &(struct weir_verify_options){ .json = false }, &sink, &r, &err));
	ck_assert_uint_eq(r.problems, 0);
	ck_assert_uint_eq(sink.buf.len, 0);
	weir_buf_fini(&sink.buf);
	free(good);
	free(bad);
}

WEIR_TEST(verify_of_nothing_is_an_error)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_sink sink = { 0 };
	struct weir_verify_result r;
	char *none = out_dir("none");

	ck_assert_int_eq(weir_state_verify(none, &(struct weir_verify_options){ .json = false }, &sink, &r, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.path, "none"));
	free(none);
	weir_buf_fini(&sink.buf);
}
