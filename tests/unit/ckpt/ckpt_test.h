/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this folder share: files as bytes, hex, and every _metadata of the fixtures. */
#ifndef WEIR_TEST_CKPT_H
#define WEIR_TEST_CKPT_H

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tests/lib/weirtest.h"
#include <weir/ckpt.h>

static inline struct weir_slice test_read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct weir_buf b = { 0 };
	char chunk[65536];
	size_t n;

	ck_assert_msg(f != NULL, "cannot open %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		weir_buf_put(&b, chunk, n);
	fclose(f);
	ck_assert_int_eq(b.code, 0);
	return weir_buf_slice(&b); /* free((void *)ptr) */
}

static inline void test_write_file(const char *path, struct weir_slice s)
{
	FILE *f = fopen(path, "wb");

	ck_assert_msg(f != NULL, "cannot create %s", path);
	ck_assert_uint_eq(fwrite(s.ptr, 1, s.len, f), s.len);
	ck_assert_int_eq(fclose(f), 0);
}

static inline struct weir_buf test_hex(const char *hex)
{
	struct weir_buf b = { 0 };

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned v;

		ck_assert_int_eq(sscanf(hex, "%2x", &v), 1);
		weir_buf_u8(&b, (uint8_t)v);
	}
	return b;
}

static inline void test_free(struct weir_slice s)
{
	free((void *)(uintptr_t)s.ptr);
}

/* Paths of all _metadata files below the shared fixtures. NULL when the fixtures are absent. */
static inline char **test_fixtures(size_t *out_n)
{
	const char *root = weir_test_shared("fixtures");
	char command[4500], line[4500];
	char **paths = NULL;
	size_t n = 0;
	FILE *p;

	*out_n = 0;
	if (!root)
		return NULL;
	snprintf(command, sizeof(command), "find '%s' -name _metadata | sort", root);
	p = popen(command, "r");
	ck_assert(p != NULL);
	while (fgets(line, sizeof(line), p)) {
		line[strcspn(line, "\n")] = 0;
		paths = realloc(paths, (n + 1) * sizeof(*paths));
		ck_assert(paths != NULL);
		paths[n++] = strdup(line);
	}
	ck_assert_int_eq(pclose(p), 0);
	*out_n = n;
	return paths;
}

static inline void test_free_fixtures(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

static inline bool test_is(struct weir_slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}

static inline struct weir_slice test_text(const char *text)
{
	return (struct weir_slice){ (const uint8_t *)text, strlen(text) };
}

#endif
