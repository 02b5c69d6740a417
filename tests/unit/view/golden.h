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

static inline int put_to_buf(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

#endif
