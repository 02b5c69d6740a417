// SPDX-License-Identifier: Apache-2.0
/* Java hash codes and key groups against what a JVM with Flink computed (tests/golden/README.md). */
#include "tests/unit/type/hex.h"

#include "base/hash.h"
#include "base/rng.h"

#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

/* "tuple<string,int32>" as a type; *p moves behind it. */
static struct weir_type *parse_type(const char **p)
{
	static const struct { const char *name; struct weir_type *t; } scalars[] = {
		{ "boolean", &weir_boolean }, { "int8", &weir_int8 }, { "int16", &weir_int16 }, { "int32", &weir_int32 }, { "int64", &weir_int64 },
		{ "float", &weir_float }, { "double", &weir_double }, { "char", &weir_char }, { "string", &weir_string }, { "bytes", &weir_bytes },
		{ "timestamp", &weir_timestamp }, { "window", &weir_time_window },
	};
	size_t n = strcspn(*p, "<,>\t ");
	struct weir_type *inner[8];
	const char *name = *p;
	uint32_t count = 0;

	*p += n;
	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++)
		if (strlen(scalars[i].name) == n && memcmp(scalars[i].name, name, n) == 0)
			return scalars[i].t;
	ck_assert_int_eq(**p, '<');
	do {
		(*p)++;
		inner[count++] = parse_type(p);
	} while (**p == ',');
	ck_assert_int_eq(*(*p)++, '>');
	return *name == 'l' ? weir_type_list(&A, inner[0], &err) : *name == 'm' ? weir_type_map(&A, inner[0], inner[1], &err) :
	       *name == 't' ? weir_type_tuple(&A, count, inner, &err) : weir_type_row(&A, count, inner, NULL, &err);
}

WEIR_TEST(hash_codes_of_a_jvm)
{
	FILE *f = fopen(weir_test_source("tests/golden/java-hashes.txt"), "r");
	static char line[8192];
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		const char *p = line;
		struct weir_type *t = parse_type(&p);
		char *json = strchr(line, '\t') + 1, *end = strrchr(line, '\t');
		struct weir_buf wire = { 0 };
		struct weir_src src;
		int32_t hash;
		void *v = weir_arena_zero(&A, t->size + 1);

		ck_ok(weir_type_from_json(t, json, (size_t)(end - json), false, &wire, &err));
		src = weir_src_of(weir_buf_slice(&wire), NULL, 0);
		ck_ok(weir_type_read(t, &src, &A, v, &err));
		ck_ok(weir_type_java_hash(t, v, &hash, &err));
		ck_assert_msg(hash == atoi(end + 1), "%s is %d", line, hash);
		weir_buf_fini(&wire);
		n++;
	}
	fclose(f);
	ck_assert_uint_eq(n, 339);
}

/* ---- key groups: the keys of tests/interop/KeyGroups.java ---- */

static void put_char(char *text, size_t *n, uint32_t c)
{
	if (c < 0x80) {
		text[(*n)++] = (char)c;
		return;
	}
	if (c < 0x800) {
		text[(*n)++] = (char)(0xc0 | c >> 6);
	} else {
		if (c >= 0x10000)
			text[(*n)++] = (char)(0xf0 | c >> 18);
		text[(*n)++] = (char)(c >= 0x10000 ? 0x80 | (c >> 12 & 63) : 0xe0 | c >> 12);
		text[(*n)++] = (char)(0x80 | (c >> 6 & 63));
	}
	text[(*n)++] = (char)(0x80 | (c & 63));
}

static struct weir_str random_key_text(struct weir_rng *r, char *text)
{
	uint64_t units = weir_rng_below(r, 24);
	size_t n = 0;

	while (units-- > 0) {
		uint64_t k = weir_rng_below(r, 20);

		put_char(text, &n, (uint32_t)(k < 16 ? 0x20 + weir_rng_below(r, 95) : k == 16 ? weir_rng_below(r, 0x800) :
					      k == 17 ? 0x4e00 + weir_rng_below(r, 0x1000) : 0x1f300 + weir_rng_below(r, 0x300)));
	}
	return weir_str_view(text, (uint32_t)n);
}

static int32_t key_hash(const char *type, struct weir_rng *r, struct weir_type *pair)
{
	struct { struct weir_str f0; int32_t f1; } v;
	int32_t hash = 0, number;
	int64_t wide;
	char text[128];

	if (strcmp(type, "int32") == 0) {
		number = (int32_t)weir_rng_next(r);
		ck_ok(weir_type_java_hash(&weir_int32, &number, &hash, &err));
	} else if (strcmp(type, "int64") == 0) {
		wide = (int64_t)weir_rng_next(r);
		ck_ok(weir_type_java_hash(&weir_int64, &wide, &hash, &err));
	} else {
		v.f0 = random_key_text(r, text);
		if (strcmp(type, "string") == 0) {
			ck_ok(weir_type_java_hash(&weir_string, &v.f0, &hash, &err));
		} else {
			v.f1 = (int32_t)weir_rng_next(r);
			ck_ok(weir_type_java_hash(pair, &v, &hash, &err));
		}
	}
	return hash;
}

WEIR_TEST(key_groups_of_flink)
{
	FILE *f = fopen(weir_test_source("tests/golden/key-groups.txt"), "r");
	struct weir_type *pair = weir_type_tuple(&A, 2, (struct weir_type *[]){ &weir_string, &weir_int32 }, &err);
	char type[64], want[80];
	unsigned max, lines = 0;

	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%63s %u %79s", type, &max, want) == 3) {
		struct weir_rng r = { ++lines };
		struct weir_buf out = { 0 };
		uint8_t sum[32];

		for (int i = 0; i < 100000; i++)
			weir_buf_printf(&out, "%u\n", weir_key_group(key_hash(type, &r, pair), max));
		weir_sha256(out.data, out.len, sum);
		ck_assert_msg(strcmp(tohex(&A, (struct weir_slice){ sum, 32 }), want) == 0, "key groups of %s, maximum parallelism %u", type, max);
		weir_buf_fini(&out);
	}
	fclose(f);
	ck_assert_uint_eq(lines, 12);
}

WEIR_TEST(what_has_no_hash_says_why)
{
	struct weir_type *pojo = weir_type_pojo(&A, "x.P", 1, (struct weir_type *[]){ &weir_int32 }, (const char *const[]){ "a" }, &err);
	struct weir_type *in = weir_type_tuple(&A, 2, (struct weir_type *[]){ &weir_int32, pojo }, &err);
	struct { int32_t f0; uint64_t nulls; int32_t a; } v = { 0 };
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_str bytes = weir_str_of("abc"), bad = weir_str_of("abc\xff");
	int32_t hash = 77;

	ck_assert_int_eq(weir_type_java_hash(in, &v, &hash, &e), WEIR_EUNSUPPORTED);
	ck_assert_msg(strstr(e.msg, "POJO x.P") && strstr(e.msg, "key"), "%s", e.msg);
	ck_assert_int_eq(hash, 77);
	weir_error_clear(&e);
	ck_assert_int_eq(weir_type_java_hash(&weir_bytes, &bytes, &hash, &e), WEIR_EUNSUPPORTED);
	weir_error_clear(&e);
	ck_assert_int_eq(weir_type_java_hash(&weir_string, &bad, &hash, &e), WEIR_EINVALID);
	ck_assert_msg(strstr(e.msg, "0xff at offset 3"), "%s", e.msg);
}
