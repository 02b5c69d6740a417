// SPDX-License-Identifier: Apache-2.0
/*
 * Snapshots and values that real Flink releases wrote (flink-core/src/test/resources and others, 1.10 to 2.1): snapshots parse to the
 * last byte and are rewritten identically; values decode to the last byte and their JSON is what Flink's own classes decoded.
 */
#include "state/type/serializer.h"
#include "tests/unit/type/hex.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static struct weir_arena A;

static struct weir_slice slurp(const char *path)
{
	struct weir_buf b = { 0 };
	FILE *f = fopen(path, "rb");
	struct weir_slice s = { NULL, 0 };
	uint8_t chunk[4096];
	size_t n;

	if (!f)
		return s;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		weir_buf_put(&b, chunk, n);
	fclose(f);
	s = (struct weir_slice){ weir_arena_copy(&A, b.data, b.len), b.len };
	weir_buf_fini(&b);
	return s;
}

static char *dirs[2000];
static size_t ndirs, root_len;

static int collect(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type == FTW_F && ndirs < 2000 && strcmp(path + ftw->base, "serializer-snapshot") == 0)
		dirs[ndirs++] = weir_arena_text(&A, path, (size_t)ftw->base - 1);
	return 0;
}

static bool at_end(struct weir_src at, void *arg)
{
	(void)arg;
	return weir_src_left(&at) == 0;
}

/* The JSON that the oracle's file has under "value", or NULL. */
static const char *expected_value(const char *dir)
{
	char path[4096];
	const char *shared = weir_test_shared("fixtures/expected/flink/serializers");
	struct weir_slice s;
	const char *from, *to;

	if (!shared)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s.json", shared, dir + root_len + 1);
	s = slurp(path);
	if (!s.len)
		return NULL;
	const char *text = weir_arena_text(&A, (const char *)s.ptr, s.len);

	from = strstr(text, "\"snapshotBytesLeft\":0,\"value\":");
	to = from ? strstr(from, ",\"valueBytesLeft\":0") : NULL;
	return to ? weir_arena_text(&A, from + 30, (size_t)(to - from - 30)) : NULL;
}

static bool has_subclass_or_opaque(const struct weir_type *t, const char *json)
{
	return (t->flags & WEIR_TYPE_OPAQUE) || strstr(json, "ubclass");
}

static unsigned known, opaque, values, jsons, parsed, nclasses;
static const char *classes[200];

/* What is shown, typed again, is shown the same (bytes may differ: some texts drop what the bytes say, as java.util.Date's milliseconds). */
static void parse_back(const char *dir, const struct weir_type *t, const char *json)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	int code = weir_type_from_json(t, json, strlen(json), false, &out, &err);

	if (code == WEIR_EUNSUPPORTED || strcmp(t->kind == WEIR_WIRE ? t->serializer->name : "", "java.util.Date") == 0)
		goto out;
	ck_assert_msg(code == 0, "%s: %s does not read back: %s", dir, json, err.msg);
	ck_assert_str_eq(json_of(&A, t, weir_buf_slice(&out)), json);
	parsed++;
out:
	weir_buf_fini(&out);
}

static void list_opaque(const char *class_name)
{
	for (unsigned i = 0; i < nclasses; i++)
		if (strcmp(classes[i], class_name) == 0)
			return;
	if (nclasses < sizeof(classes) / sizeof(classes[0]))
		classes[nclasses++] = class_name;
}

static void check(const char *dir)
{
	char path[4096];
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_slice snap, data;
	struct weir_src src;
	struct weir_type *t;
	struct weir_buf out = { 0 };
	const char *json, *want;
	int code;

	snprintf(path, sizeof(path), "%s/serializer-snapshot", dir);
	snap = slurp(path);
	src = weir_src_of(snap, path, 0);
	code = weir_serializer_snapshot_read_proxy(&src, &A, at_end, NULL, &t, &err);
	ck_assert_msg(code == 0, "%s: %s", path, err.msg);
	ck_assert_msg(weir_src_left(&src) == 0, "%s: %zu bytes left", path, weir_src_left(&src));
	ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
	ck_assert_msg(weir_slice_eq(weir_buf_slice(&out), snap), "%s is rewritten differently", path);
	weir_buf_fini(&out);
	if (t->kind == WEIR_OPAQUE) {
		opaque++;
		list_opaque(t->java);
		return;
	}
	known++;
	snprintf(path, sizeof(path), "%s/test-data", dir);
	data = slurp(path);
	if (!data.ptr)
		return;
	json = json_of(&A, t, data);
	ck_assert_msg(*json == '{' || *json == '[' || *json == '"' || *json == '-' || (*json >= '0' && *json <= '9') || *json == 't' || *json == 'f' || *json == 'n',
		      "%s: %s", path, json);
	want = expected_value(dir);
	if (!want || has_subclass_or_opaque(t, json)) /* opaque parts show as hex; the oracle prints a subclass by reflection */
		return;
	values++;
	src = weir_src_of(data, path, 0);
	ck_assert_int_eq(weir_type_skip(t, &src), 0);
	ck_assert_int_eq(weir_src_left(&src), 0);
	if (strncmp(want, "{\"@\":\"org.apache.flink.util.TaggedUnion\"", 40) == 0) { /* the class of 2.x; the same bytes were another's in 1.x */
		json = strstr(json, "\"one\"");
		want = strstr(want, "\"one\"");
	}
	ck_assert_msg(strcmp(json, want) == 0, "%s: %s, expected %s", path, json, want);
	jsons++;
	parse_back(dir, t, json_of(&A, t, data));
}

WEIR_TEST(flink_serializer_fixtures)
{
	const char *shared = weir_test_shared("fixtures/flink/serializers");
	char *root;

	if (!shared)
		weir_test_skip("fixtures/flink/serializers is not there");
	root = weir_arena_text(&A, shared, strlen(shared));
	root_len = strlen(root);
	ck_assert_int_eq(nftw(root, collect, 16, FTW_PHYS), 0);
	for (size_t i = 0; i < ndirs; i++)
		check(dirs[i]);
	printf("fixtures: %zu snapshots, %u known, %u opaque; %u values, %u with Flink's JSON, %u typed again\n", ndirs, known, opaque, values, jsons, parsed);
	for (unsigned i = 0; i < nclasses; i++)
		printf("  not read: %s\n", classes[i]);
	fflush(stdout);
	/* as counted when this was written: fewer means that something is no longer looked at */
	ck_assert_uint_ge(known + opaque, 339);
	ck_assert_uint_ge(known, 327);
	if (weir_test_shared("fixtures/expected/flink/serializers"))
		ck_assert_uint_ge(jsons, 247);
	weir_arena_fini(&A);
}
