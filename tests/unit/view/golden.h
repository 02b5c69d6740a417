/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the golden savepoints, gzipped or not, and collecting a dump. */
#ifndef TESTS_UNIT_VIEW_GOLDEN_H
#define TESTS_UNIT_VIEW_GOLDEN_H

#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "state/ckpt/dump.h"

static const char *const golden_sets[] = { "1.20.1/canonical-hashmap", "1.20.1/native-hashmap", "2.1.1/canonical-hashmap", "2.1.1/native-hashmap" };
#define GOLDEN_SETS (sizeof(golden_sets) / sizeof(golden_sets[0]))

/* The bytes of a file, gunzipped where needed (gzread reads both). */
static inline struct weir_buf read_file(const char *path)
{
	struct weir_buf b = { 0 };
	gzFile f = gzopen(path, "rb");
	char chunk[65536];
	int n;

	ck_assert_msg(f != NULL, "%s is missing", path);
	while ((n = gzread(f, chunk, sizeof(chunk))) > 0)
		weir_buf_put(&b, chunk, (size_t)n);
	gzclose(f);
	return b;
}

static inline struct weir_buf golden_bytes(const char *set)
{
	char path[1200], gz[1250];

	snprintf(path, sizeof(path), "%s/%s/_metadata", weir_test_source("tests/golden/flights"), set);
	snprintf(gz, sizeof(gz), "%s.gz", path);
	return read_file(access(path, R_OK) == 0 ? path : gz);
}

/* Write bytes as <test dir>/_metadata and open a view of it. */
static inline int view_of(const void *bytes, size_t len, struct weir_view **out, struct weir_error *err)
{
	char path[1200];
	struct weir_ckpt *c;
	FILE *f;
	int code;

	snprintf(path, sizeof(path), "%s/_metadata", weir_test_dir());
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	fclose(f);
	code = weir_ckpt_open(path, &c, err);
	if (code)
		return code;
	code = weir_view_open(c, out, err);
	if (code)
		weir_ckpt_close(c);
	return code;
}

static inline struct weir_view *golden_view(const char *set)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = golden_bytes(set);
	struct weir_view *v = NULL;

	ck_ok(view_of(b.data, b.len, &v, &err));
	weir_buf_fini(&b);
	return v;
}

static inline void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_msg(f != NULL, "%s cannot be written", path);
	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* The golden incremental checkpoint as it lies below a checkpoint directory: <test dir>/job/{chk-7,shared}. Returns the path of chk-7. */
static inline const char *unpack_incremental(void)
{
	static const char *const shared[] = { "26db11de-9120-4450-8530-13b6a3cc2791", "51f860e0-af14-4e8d-a64c-94dcd0c34846", "9468e84e-b2c7-41c0-8293-8e79893ec9c7",
					      "a36c3888-4488-4bec-8b26-2c427209f1ae", "c5590281-e9fa-4fbf-ad6d-94130b43a6a8", "cdab7046-edb7-4d30-826b-c8018ad5b6be",
					      "d48baef0-ba84-4753-a99d-dc4c46e26460" };
	static const char from[] = "tests/golden/flights/1.20.1/incremental-rocksdb";
	static char dir[1100];
	char path[1200];
	struct weir_buf b;

	snprintf(dir, sizeof(dir), "%s/job", weir_test_dir());
	mkdir(dir, 0777);
	snprintf(path, sizeof(path), "%s/shared", dir);
	mkdir(path, 0777);
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/shared/%s.gz", weir_test_source("."), from, shared[i]);
		b = read_file(path);
		snprintf(path, sizeof(path), "%s/shared/%s", dir, shared[i]);
		write_file(path, b.data, b.len);
		weir_buf_fini(&b);
	}
	snprintf(path, sizeof(path), "%s/%s/chk-7/_metadata.gz", weir_test_source("."), from);
	b = read_file(path);
	strcat(dir, "/chk-7");
	mkdir(dir, 0777);
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	write_file(path, b.data, b.len);
	weir_buf_fini(&b);
	return dir;
}

static inline struct weir_view *view_at(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;
	struct weir_view *v;

	ck_ok(weir_ckpt_open(path, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	return v;
}

static inline int put_to_buf(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

#endif
