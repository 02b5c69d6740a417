// SPDX-License-Identifier: Apache-2.0
/*
 * Random values of random types: native -> wire -> native -> wire, JSON and back, snapshot and back, copy, equality, hash.
 * WEIR_SEED replays one seed.
 */
#include "tests/unit/type/hex.h"

#include "base/rng.h"

#include <stdio.h>

static struct weir_arena A;
static struct weir_rng R;
static struct weir_error err = WEIR_ERROR_INIT;

static uint64_t below(uint64_t n) { return weir_rng_below(&R, n); }

static struct weir_type *random_type(unsigned depth)
{
	static struct weir_type *const scalars[] = { &weir_boolean, &weir_int8, &weir_int16, &weir_int32, &weir_int64, &weir_float, &weir_double, &weir_char,
						     &weir_string, &weir_string, &weir_bytes, &weir_timestamp, &weir_void, &weir_time_window, &weir_global_window };
	struct weir_type *inner[25];
	const char *names[25];
	uint32_t n = 1 + (uint32_t)below(depth > 2 ? 4 : 9);
	uint64_t kind = depth ? below(10) : 0;

	if (kind < 3)
		return scalars[below(sizeof(scalars) / sizeof(scalars[0]))];
	for (uint32_t i = 0; i < n; i++) {
		char name[32];

		inner[i] = random_type(depth - 1);
		snprintf(name, sizeof(name), "%s%x", (const char *[]){ "a", "Z", "é", "😀", "_" }[below(5)], i);
		names[i] = weir_arena_text(&A, name, strlen(name));
	}
	if (kind == 3)
		return weir_type_list(&A, inner[0], &err);
	if (kind == 4)
		return weir_type_map(&A, random_type(depth - 1), inner[0], &err);
	if (kind == 5)
		return weir_type_tuple(&A, n, inner, &err);
	if (kind < 8)
		return weir_type_row(&A, n, inner, kind == 6 ? names : NULL, &err);
	return weir_type_pojo(&A, "test.Thing$Inner", n, inner, names, &err);
}

static struct weir_str random_text(bool utf8)
{
	static const char *const pieces[] = { "a", "Zürich", "€", "😀", "\xed\xa0\xbd", "-", "\x7f", "\"\\\n\t\x01", "plain ascii text of some length", "中文", "" };
	char text[400] = "";
	size_t n = 0;

	for (uint64_t i = below(6); i > 0; i--) {
		const char *p = pieces[below(11)];

		if (utf8) {
			memcpy(text + n, p, strlen(p));
			n += strlen(p);
		} else {
			text[n++] = (char)below(256);
		}
	}
	return weir_str_view(weir_arena_copy(&A, text, n), (uint32_t)n);
}

static void random_value(const struct weir_type *t, void *v);

static void random_fields(const struct weir_type *t, void *v)
{
	for (uint32_t i = 0; i < t->nfields; i++) {
		const struct weir_field *f = &t->fields[i];
		void *p = (char *)v + f->offset;

		if (t->null_offset != WEIR_NO_NULLS && below(4) == 0) {
			*(uint64_t *)v |= (uint64_t)1 << i;
			if (f->type->kind == WEIR_STRING || f->type->kind == WEIR_BYTES)
				*(struct weir_str *)p = WEIR_STR_NULL;
		} else {
			random_value(f->type, p);
		}
	}
}

static void *random_items(const struct weir_type *t, uint32_t n)
{
	char *p = weir_arena_zero(&A, (size_t)n * t->size + 1);

	for (uint32_t i = 0; i < n; i++)
		random_value(t, p + (size_t)i * t->size);
	return p;
}

static void random_value(const struct weir_type *t, void *v)
{
	uint64_t bits = weir_rng_next(&R) >> below(64);
	float f = (float)below(100000) / 100;
	double d = (double)below(1000000) / 1000;

	switch (t->kind) {
	case WEIR_BOOLEAN: *(bool *)v = bits & 1; break;
	case WEIR_FLOAT: memcpy(v, &f, 4); break;
	case WEIR_DOUBLE: memcpy(v, &d, 8); break;
	case WEIR_STRING: *(struct weir_str *)v = random_text(true); break;
	case WEIR_BYTES: *(struct weir_str *)v = random_text(false); break;
	case WEIR_TIMESTAMP: *(int64_t *)v = (int64_t)(bits >> 8) * (below(2) ? 1 : -1); break;
	case WEIR_LIST: {
		uint32_t n = (uint32_t)below(4);

		*(struct weir_list *)v = (struct weir_list){ random_items(t->fields[0].type, n), n };
		break;
	}
	case WEIR_MAP: {
		uint32_t n = (uint32_t)below(4);
		uint8_t *nulls = weir_arena_zero(&A, n + 1);

		for (uint32_t i = 0; i < n; i++)
			nulls[i] = below(4) == 0;
		*(struct weir_map *)v = (struct weir_map){ random_items(t->fields[0].type, n), random_items(t->fields[1].type, n), below(2) ? nulls : NULL, n };
		break;
	}
	case WEIR_ROW: ((struct weir_row_head *)v)->kind = (uint8_t)below(4); /* fall through */
	case WEIR_TUPLE:
	case WEIR_POJO: random_fields(t, v); break;
	default: memcpy(v, &bits, t->size < 8 ? t->size : 8); /* little endian: the low bytes */
	}
}

/* A bytes value in a place that cannot be null is never null here, so writing always succeeds. */
static void round_trip(const struct weir_type *t, uint64_t seed)
{
	struct weir_buf wire = { 0 }, again = { 0 }, json = { 0 }, json2 = { 0 };
	void *v = weir_arena_zero(&A, t->size + 1), *w = weir_arena_zero(&A, t->size + 1), *c = weir_arena_zero(&A, t->size + 1);
	struct weir_src src;
	char text[200];
	int32_t h1 = 0, h2 = 0;

	random_value(t, v);
	ck_ok(weir_type_write(t, v, &wire, &err));
	src = weir_src_of(weir_buf_slice(&wire), NULL, 0);
	ck_assert_int_eq(weir_type_skip(t, &src), 0);
	ck_assert_msg(weir_src_left(&src) == 0, "seed %llu: skip left bytes of %s", (unsigned long long)seed, weir_type_text(t, text, sizeof(text)));
	src = weir_src_of(weir_buf_slice(&wire), NULL, 0);
	ck_ok(weir_type_read(t, &src, &A, w, &err));
	ck_assert_int_eq(weir_src_left(&src), 0);
	ck_ok(weir_type_write(t, w, &again, &err));
	ck_assert_msg(weir_slice_eq(weir_buf_slice(&wire), weir_buf_slice(&again)), "seed %llu: %s", (unsigned long long)seed, weir_type_text(t, text, sizeof(text)));
	ck_assert_msg(weir_type_value_equal(t, v, w), "seed %llu: read value differs: %s", (unsigned long long)seed, weir_type_text(t, text, sizeof(text)));
	ck_assert(weir_type_hash(t, v) == weir_type_hash(t, w));
	ck_assert(weir_type_copy(t, w, &A, c));
	ck_assert(weir_type_value_equal(t, c, w));
	ck_assert_int_eq(weir_type_java_hash(t, v, &h1, NULL), weir_type_java_hash(t, c, &h2, NULL));
	ck_assert_int_eq(h1, h2);
	src = weir_src_of(weir_buf_slice(&wire), NULL, 0);
	ck_assert_int_eq(weir_type_to_json(t, &src, &json), 0);
	weir_buf_clear(&again);
	ck_ok(weir_type_from_json(t, (const char *)json.data, json.len, false, &again, &err));
	src = weir_src_of(weir_buf_slice(&again), NULL, 0);
	ck_assert_int_eq(weir_type_to_json(t, &src, &json2), 0);
	ck_assert_str_eq(weir_buf_cstr(&json), weir_buf_cstr(&json2));
	weir_buf_fini(&wire);
	weir_buf_fini(&again);
	weir_buf_fini(&json);
	weir_buf_fini(&json2);
}

static void snapshot_trip(struct weir_type *t)
{
	struct weir_buf out = { 0 }, again = { 0 };
	struct weir_type *read = NULL;
	struct weir_src src;

	ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
	src = weir_src_of(weir_buf_slice(&out), NULL, 0);
	ck_ok(weir_serializer_snapshot_read_proxy(&src, &A, NULL, NULL, &read, &err));
	ck_assert_int_eq(weir_src_left(&src), 0);
	ck_assert(weir_type_equal(t, read));
	ck_assert_int_eq(weir_type_compat(t, read, NULL, 0), WEIR_COMPAT_AS_IS);
	ck_assert_int_eq(read->wire_min, t->wire_min);
	ck_assert_int_eq(weir_type_java_length(t), weir_type_java_length(read));
	ck_ok(weir_serializer_snapshot_write_proxy(read, &again, &err));
	ck_assert(weir_slice_eq(weir_buf_slice(&out), weir_buf_slice(&again)));
	weir_buf_fini(&out);
	weir_buf_fini(&again);
}

WEIR_TEST(random_types_and_values)
{
	const char *one = getenv("WEIR_SEED");

	for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1; seed <= (one ? strtoull(one, NULL, 10) : 1500); seed++) {
		struct weir_type *t;

		R.state = seed;
		t = random_type((unsigned)below(5));
		ck_assert_msg(t != NULL, "seed %llu: %s", (unsigned long long)seed, err.msg);
		snapshot_trip(t);
		for (int i = 0; i < 8; i++)
			round_trip(t, seed);
		weir_arena_reset(&A);
	}
	weir_arena_fini(&A);
}

WEIR_TEST(big_maps_are_equal_in_any_order)
{
	struct weir_type *t = weir_type_map(&A, &weir_int64, &weir_string, &err);
	uint32_t n = 50000;
	int64_t *x = weir_arena_zero(&A, n * sizeof(*x)), *y = weir_arena_zero(&A, n * sizeof(*y));
	struct weir_str *values = weir_arena_zero(&A, n * sizeof(*values));
	struct weir_map a = { x, values, NULL, n }, b = { y, values, NULL, n };

	for (uint32_t i = 0; i < n; i++) {
		x[i] = i;
		y[i] = n - 1 - i;
	}
	ck_assert(weir_type_value_equal(t, &a, &b));
	ck_assert(weir_type_hash(t, &a) == weir_type_hash(t, &b));
	values[17] = weir_str_of("other"); /* key 17 in a, key n - 18 in b */
	ck_assert(!weir_type_value_equal(t, &a, &b));
	y[5] = 1000000;
	ck_assert(!weir_type_value_equal(t, &a, &b));
}
