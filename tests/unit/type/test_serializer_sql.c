// SPDX-License-Identifier: Apache-2.0
/*
 * SQL serializers: values that Flink wrote (tests/golden/sql-values.txt) and vectors of the format's specification; values typed back to the
 * same bytes; damage; what a damaged image must not do (parts outside, parts that overlap, more elements than bytes).
 */
#include "tests/unit/type/hex.h"

#include "state/flink/snapshot_priv.h"

#include <stdio.h>

static struct weir_arena A;
static struct weir_error err = WEIR_ERROR_INIT;

/* ---- what Flink wrote ---- */

struct golden {
	char *what, *json;
	struct weir_slice proxy, value;
	int hash;
};

static struct golden goldens[200];
static size_t ngoldens;

static void load(void)
{
	FILE *f = fopen(weir_test_source("tests/golden/sql-values.txt"), "r");
	static char line[200000];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		struct golden *g = &goldens[ngoldens++];
		char *p = line;

		ck_assert_uint_lt(ngoldens, 200);
		g->what = strdup(strsep(&p, "\t"));
		g->proxy = unhex(&A, strsep(&p, "\t"));
		g->value = unhex(&A, strsep(&p, "\t"));
		g->json = strdup(strsep(&p, "\t"));
		g->hash = atoi(p);
	}
	fclose(f);
	ck_assert_uint_ge(ngoldens, 67);
}

static struct weir_type *golden_type(const char *what, struct golden **out)
{
	if (!ngoldens)
		load();
	for (size_t i = 0; i < ngoldens; i++)
		if (strcmp(goldens[i].what, what) == 0) {
			struct weir_type *t = type_of_snapshot(&A, goldens[i].proxy, &err);

			ck_assert_msg(t != NULL, "%s: %s", what, err.msg);
			if (out)
				*out = &goldens[i];
			return t;
		}
	ck_abort_msg("no golden value is called %s", what);
	return NULL;
}

WEIR_TEST(values_that_flink_wrote)
{
	unsigned same_bytes = 0, hashes = 0;

	load();
	for (size_t i = 0; i < ngoldens; i++) {
		struct golden *g = &goldens[i];
		struct weir_type *t = type_of_snapshot(&A, g->proxy, &err);
		struct weir_buf out = { 0 };
		struct weir_src src;
		int32_t hash;
		void *v;

		ck_assert_msg(t != NULL, "%s: %s", g->what, err.msg);
		ck_assert_msg(t->kind != WEIR_OPAQUE && !(t->flags & WEIR_TYPE_OPAQUE), "%s is opaque", g->what);
		ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
		ck_assert_msg(weir_slice_eq(weir_buf_slice(&out), g->proxy), "%s: the snapshot is rewritten differently", g->what);
		ck_assert_msg(strcmp(json_of(&A, t, g->value), g->json) == 0, "%s: %s, expected %s", g->what, json_of(&A, t, g->value), g->json);
		src = weir_src_of(g->value, NULL, 0);
		ck_assert_int_eq(weir_type_skip(t, &src), 0);
		ck_assert_uint_eq(weir_src_left(&src), 0);
		ck_assert_uint_le(t->wire_min, g->value.len);
		weir_buf_clear(&out);
		if (weir_type_from_json(t, g->json, strlen(g->json), false, &out, &err) == WEIR_EUNSUPPORTED) {
			weir_error_clear(&err);
		} else {
			ck_assert_msg(err.code == 0, "%s: %s does not read back: %s", g->what, g->json, err.msg);
			ck_assert_str_eq(json_of(&A, t, weir_buf_slice(&out)), g->json);
			if (weir_slice_eq(weir_buf_slice(&out), g->value))
				same_bytes++;
			else /* maps are shown sorted, and null keys came from a HashMap */
				ck_assert_msg(strstr(g->json, "[["), "%s: other bytes: %s", g->what, tohex(&A, weir_buf_slice(&out)));
		}
		v = weir_arena_zero(&A, t->size + (size_t)1);
		src = weir_src_of(g->value, NULL, 0);
		if (t->kind == WEIR_WIRE && weir_type_read(t, &src, &A, v, &err) == 0 && weir_type_java_hash(t, v, &hash, &err) == 0) {
			ck_assert_msg(hash == g->hash, "%s hashes to %d, in Java to %d", g->what, hash, g->hash);
			hashes++;
		}
		weir_error_clear(&err);
		weir_buf_fini(&out);
	}
	ck_assert_uint_ge(same_bytes, 50);
	ck_assert_uint_ge(hashes, 20);
}

WEIR_TEST(types_as_text)
{
	static const char *const texts[][2] = {
		{ "kind and long text", "ROW<INT NOT NULL, VARCHAR(10)>" },
		{ "texts", "ROW<CHAR(3), VARCHAR(7), STRING, STRING>" },
		{ "decimal 10", "DECIMAL(10, 2)" },
		{ "timestamp attributes", "ROW<TIMESTAMP(3) *ROWTIME*, TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*>" },
		{ "containers", "ROW<ARRAY<INT>, ROW<`a` INT>, MAP<VARCHAR(5), INT>, MULTISET<VARCHAR(9)>>" },
		{ "nested", "ROW<ARRAY<ARRAY<VARCHAR(20)>>, ROW<`f` MAP<INT, ROW<`d` DECIMAL(25, 3), `t` TIMESTAMP(6)>>, `g` BOOLEAN NOT NULL>>" },
		{ "structured", "ROW<STRUCTURED SqlValues$Point<`x` INT, `name` STRING>>" },
		{ "raw", "ROW<RAW java.lang.Integer, RAW java.lang.String, ARRAY<RAW java.lang.Long>>" },
		{ "dates", "ROW<DATE, TIME(0), TIME(3), INTERVAL YEAR TO MONTH, INTERVAL DAY TO SECOND>" },
		{ "external date", "external DATE" },
		{ "linked list", "linked list<string>" },
		{ "null-aware map", "map with null keys<string, int32>" },
	};
	char text[400];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_str_eq(weir_type_text(golden_type(texts[i][0], NULL), text, sizeof(text)), texts[i][1]);
	ck_assert_str_eq(weir_type_text(golden_type("kind and long text", NULL), text, 16), "ROW<INT NOT ...");
}

/* ---- what people type ---- */

static const char *typed(const struct weir_type *t, const char *json, bool bare)
{
	struct weir_buf out = { 0 };
	struct weir_error e = WEIR_ERROR_INIT;
	const char *text;

	if (weir_type_from_json(t, json, strlen(json), bare, &out, &e))
		text = weir_arena_text(&A, e.msg, strlen(e.msg));
	else
		text = json_of(&A, t, weir_buf_slice(&out));
	weir_buf_fini(&out);
	return text;
}

WEIR_TEST(rows_as_people_type_them)
{
	struct weir_type *one = golden_type("delete", NULL), *two = golden_type("kind and long text", NULL);

	ck_assert_str_eq(typed(one, "42", false), "{\"row\":\"+I\",\"f\":[42]}");
	ck_assert_str_eq(typed(one, "[42]", false), "{\"row\":\"+I\",\"f\":[42]}");
	ck_assert_str_eq(typed(one, "{\"f\":[42],\"row\":\"-U\"}", false), "{\"row\":\"-U\",\"f\":[42]}");
	ck_assert_str_eq(typed(two, " [ 1 , null ] ", false), "{\"row\":\"+I\",\"f\":[1,null]}");
	ck_assert_str_eq(typed(golden_type("string", NULL), "abc def", true), "\"abc def\"");
	ck_assert_str_eq(typed(golden_type("dates", NULL), "[\"2001-02-03\",\"01:02:03\",\"23:59:58.5\",1,2]", false), "{\"row\":\"+I\",\"f\":[11356,3723000,86398500,1,2]}");
	ck_assert_str_eq(typed(golden_type("decimal 10", NULL), "12", false), "\"12.00\"");
	ck_assert_str_eq(typed(golden_type("decimal 20", NULL), "-0.5", false), "\"-0.50\"");
	ck_assert_str_eq(typed(golden_type("decimal 20", NULL), "1.5000E3", false), "\"1500.00\"");
	ck_assert_str_eq(typed(golden_type("decimal 20", NULL), "0e99", false), "\"0.00\"");
	ck_assert_str_eq(typed(golden_type("timestamp 3", NULL), "\"2001-02-03 04:05:06\"", false), "\"2001-02-03T04:05:06\"");
	ck_assert_str_eq(typed(golden_type("timestamp 3", NULL), "1001", false), "\"1970-01-01T00:00:01.001\"");
}

WEIR_TEST(text_that_does_not_fit)
{
	static const char *const bad[][3] = {
		{ "delete", "[1,2]", "expected ']'" },
		{ "delete", "[]", "expected a whole number" },
		{ "delete", "[3000000000]", "a number from -2147483648 to 2147483647" },
		{ "delete", "{\"row\":\"+X\",\"f\":[1]}", "a row kind is one of +I, -U, +U, -D" },
		{ "delete", "{\"row\":\"+I\"}", "a row lacks \"f\"" },
		{ "delete", "{\"row\":\"+I\",\"f\":[1],\"g\":1}", "no field is called \"g\"" },
		{ "numbers", "[1,1,1,1,1,1,1]", "true or false" },
		{ "numbers", "[true,128,1,1,1,1,1]", "a number from -128 to 127" },
		{ "bytes", "[{\"hex\":\"0\"},null,null]", "pairs of hex digits" },
		{ "bytes", "[{\"hex\":\"0x\"},null,null]", "\"0x\" in \"hex\" is not a pair" },
		{ "decimal 10", "\"1.234\"", "a number of at most 10 digits, 2 of them behind the point" },
		{ "decimal 10", "123456789", "a number of at most 10 digits" },
		{ "decimal 10", "\"\"", "a number of at most 10 digits" },
		{ "decimal 10", "\"1E+9\"", "a number of at most 10 digits" },
		{ "decimal 10", "\"x\"", "a number of at most 10 digits" },
		{ "timestamp 3", "\"2001-02-30T00:00\"", "a time like 2001-01-31T23:59:59.999" },
		{ "timestamp 3", "\"2001-02-03T04:05:06.0001\"", "a time like 2001-01-31T23:59:59.999" },
		{ "dates", "[\"2001-02-30\",1,1,1,1]", "a date like 2001-12-31" },
		{ "dates", "[1,\"24:00\",1,1,1]", "a time like 23:59:58.123" },
		{ "external period", "\"P1D\"", "a period like P2Y1M" },
		{ "external period", "\"P1M2Y\"", "a period like P2Y1M" },
		{ "external duration 0", "\"PT\"", "a duration like PT25H1M1.001S" },
		{ "external duration 0", "\"PT99999999999999999H\"", "a duration like PT25H1M1.001S" },
		{ "array", "[1,2", "but the text ends" },
		{ "array", "{}", "expected '['" },
		{ "map", "{\"k\":1}", "expected '['" },
		{ "map", "[[\"k\"]]", "expected ','" },
		{ "null", "0", "expected null" },
		{ "count window", "{}", "lacks \"id\"" },
		{ "external structured", "{\"@\":\"Other\"}", "SqlValues$Point" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *said = typed(golden_type(bad[i][0], NULL), bad[i][1], false);

		ck_assert_msg(strstr(said, bad[i][2]) != NULL, "%s as %s: %s", bad[i][1], bad[i][0], said);
	}
}

/* ---- the specification's vectors, in the image ---- */

static void shows(const char *what, const char *hex, const char *json)
{
	ck_assert_str_eq(json_of(&A, golden_type(what, NULL), unhex(&A, hex)), json);
}

WEIR_TEST(vectors)
{
	shows("delete", "0000001000000000000000000700000000000000", "{\"row\":\"+I\",\"f\":[7]}");
	shows("string", "0000000368c3a9", "\"h\xc3\xa9\"");
	shows("decimal 10", "00000000000004d2", "\"12.34\"");
	shows("decimal 20", "00000002fb2e", "\"-12.34\"");
	shows("timestamp 3", "00000000000003e9", "\"1970-01-01T00:00:01.001\"");
	shows("timestamp 6", "00000000000003e900000005", "\"1970-01-01T00:00:01.001000005\"");
	shows("array", "00000018030000000200000001000000000000000300000000000000", "[1,null,3]");
	shows("array of text", "000000200200000000000000080000001800000061000000000000816162636465666768", "[\"abcdefgh\",\"a\"]");
	shows("map", "000000241000000001000000000000006b0000000000008101000000000000000500000000000000", "[[\"k\",5]]");
	/* text that is not UTF-8 shows as Java shows it */
	shows("string", "00000005" "61fe62c328", "\"a\xef\xbf\xbd" "b\xef\xbf\xbd(\"");
	shows("string", "00000004" "e282f061", "\"\xef\xbf\xbd\xef\xbf\xbd" "a\"");
	/* a null DECIMAL of more than 18 digits whose slot generated code left pointing at its part */
	shows("all null", "00000070" "00f8070000000000" "0000000000000000" "0000000000000000" "0000000000000000" "0000000000000000" "0000000000000000" "0000000000000000"
			  "0000000000000000" "0000000000000080" "0000000060000000" "0000000000000000" "0000000000000000" "00000000000000000000000000000000",
	      "{\"row\":\"+I\",\"f\":[false,0,0,null,null,null,null,null,null,null,null]}");
}

WEIR_TEST(images_that_cannot_be)
{
	/* ROW<INT NOT NULL, VARCHAR(10)>: 24 bytes of slots */
	static const char *const rows[] = {
		"00000010" "0000000000000000" "0700000000000000",                                          /* shorter than its fields */
		"00000018" "0400000000000000" "0700000000000000" "0000000000000080",                       /* a kind of 4 */
		"00000018" "0000000000000000" "0700000000000000" "0000000000000088",                       /* eight bytes inside a slot */
		"00000020" "0000000000000000" "0700000000000000" "0800000010000000" "6162636465666768",   /* the part lies in the slots */
		"00000020" "0000000000000000" "0700000000000000" "0900000018000000" "6162636465666768",   /* the part is longer than the image */
		"00000020" "0000000000000000" "0700000000000000" "ffffff7fffffff7f" "6162636465666768",
		"00000020" "0000000000000000" "0700000000000000" "0000000021000000" "6162636465666768",
	}, *const arrays[] = {
		"00000003" "030000",
		"00000008" "ffffffff" "00000000",
		"00000018" "ffffff7f" "00000000" "0000000000000000" "0000000000000000",
		"0000000c" "02000000" "00000000" "01000000",
	}, *const maps[] = {
		"00000002" "0000",
		"0000000c" "ffffff7f" "00000000" "00000000",
		"0000001c" "10000000" "01000000" "00000000" "6b00000000000081" "00000000" "00000000", /* one key, no value */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		shows("kind and long text", rows[i], "CORRUPT");
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		shows("array", arrays[i], "CORRUPT");
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		shows("map", maps[i], "CORRUPT");
	shows("string", "00000005616263", "CORRUPT");
	shows("string", "ffffffff", "CORRUPT");
	shows("decimal 20", "00000000", "CORRUPT");
	shows("decimal 20", "000000110000000000000000000000000000000001", "CORRUPT");
	shows("timestamp 6", "00000000000003e9000f4240", "CORRUPT");
	shows("linked list", "7fffffff", "CORRUPT");
	shows("linked list", "0000000120", "CORRUPT");
}

/* Parts that share bytes would let a few bytes unfold without end: row<array<array<..>>> where both elements name the same part. */
WEIR_TEST(overlapping_parts_are_damage)
{
	/* ARRAY<ARRAY<VARCHAR(20)>> of "nested", first field: two elements at the same offset */
	static const char hex[] = "00000070" "0000000000000000" "4000000020000000" "0000000000000000" "0000000000000000"
				  "02000000" "00000000" "2000000018000000" "2000000018000000" /* both elements name the 32 bytes at 24 */
				  "01000000" "00000000" "6100000000000081" "0000000000000000" "0000000000000000"
				  "0000000000000000" "0000000000000000";

	shows("nested", hex, "CORRUPT");
}

/* ---- damage ---- */

static uint64_t used;

static void use_value(const struct weir_type *t, struct weir_slice data)
{
	uint8_t *exact = malloc(data.len ? data.len : 1);
	struct weir_buf out = { 0 }, wire = { 0 };
	struct weir_src src, show;
	int skipped, shown;

	ck_assert_ptr_nonnull(exact);
	if (data.len)
		memcpy(exact, data.ptr, data.len);
	src = show = weir_src_of((struct weir_slice){ exact, data.len }, "file", 0);
	skipped = weir_type_skip(t, &src);
	shown = weir_type_to_json(t, &show, &out);
	ck_assert_msg(skipped == shown || (t->flags & WEIR_TYPE_OPAQUE), "skip %d, show %d", skipped, shown);
	if (!skipped) {
		ck_assert(src.p == show.p);
		if (weir_type_from_json(t, (const char *)out.data, out.len, false, &wire, NULL) == 0) {
			const char *again = json_of(&A, t, weir_buf_slice(&wire));

			ck_assert_msg(strlen(again) == out.len && memcmp(again, out.data, out.len) == 0, "%.*s read back is %s", (int)out.len, (char *)out.data, again);
		}
	} else {
		ck_assert(src.what && src.fail_offset <= data.len);
	}
	used++;
	weir_buf_fini(&out);
	weir_buf_fini(&wire);
	free(exact);
}

static void use_proxy(struct weir_slice proxy, struct weir_slice value)
{
	uint8_t *exact = malloc(proxy.len ? proxy.len : 1);
	struct weir_arena mem = { 0 };
	struct weir_error e = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	struct weir_type *t;
	struct weir_src src;
	char text[300];

	ck_assert_ptr_nonnull(exact);
	if (proxy.len)
		memcpy(exact, proxy.ptr, proxy.len);
	src = weir_src_of((struct weir_slice){ exact, proxy.len }, "file", 0);
	if (weir_serializer_snapshot_read_proxy(&src, &mem, NULL, NULL, &t, &e)) {
		ck_assert(e.msg[0] && e.offset <= proxy.len);
	} else {
		ck_ok(weir_serializer_snapshot_write_proxy(t, &out, &err));
		ck_assert(weir_slice_eq(weir_buf_slice(&out), (struct weir_slice){ exact, proxy.len - weir_src_left(&src) }));
		weir_type_text(t, text, sizeof(text));
		use_value(t, value);
	}
	ck_assert_uint_le(mem.total, (4u << 20) + 64 * proxy.len);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	free(exact);
}

WEIR_TEST(damaged_values)
{
	load();
	for (size_t i = 0; i < ngoldens; i++) {
		struct weir_type *t = type_of_snapshot(&A, goldens[i].proxy, &err);
		struct weir_slice v = goldens[i].value;
		uint8_t *p = (uint8_t *)v.ptr;

		for (size_t n = 0; n < v.len; n++)
			use_value(t, (struct weir_slice){ v.ptr, n });
		for (size_t k = 0; k < v.len; k++) {
			static const uint8_t other[] = { 0x00, 0xff, 0x7f, 0x80 };
			uint8_t was = p[k];

			for (unsigned bit = 0; bit < 8; bit++) {
				p[k] = (uint8_t)(was ^ 1u << bit);
				use_value(t, v);
			}
			for (size_t o = 0; o < sizeof(other); o++) {
				p[k] = other[o];
				use_value(t, v);
			}
			p[k] = was;
		}
	}
	ck_assert_uint_gt(used, 10000);
}

WEIR_TEST(damaged_snapshots)
{
	load();
	for (size_t i = 0; i < ngoldens; i++) {
		struct weir_slice s = goldens[i].proxy;
		uint8_t *p = (uint8_t *)s.ptr;
		size_t step = s.len < 1200 ? 1 : s.len / 600; /* every byte of the small ones, 600 of each large one */

		for (size_t n = 0; n < s.len; n += step)
			use_proxy((struct weir_slice){ s.ptr, n }, goldens[i].value);
		for (size_t k = 0; k < s.len; k += step) {
			uint8_t was = p[k];

			for (unsigned bit = 0; bit < 8; bit += 3) {
				p[k] = (uint8_t)(was ^ 1u << bit);
				use_proxy(s, goldens[i].value);
			}
			p[k] = 0xff;
			use_proxy(s, goldens[i].value);
			p[k] = was;
		}
	}
}

/* ---- snapshots of other releases ---- */

WEIR_TEST(classes_of_other_releases_are_known)
{
	static const char *const names[] = {
		/* 1.10 */
		"typeutils.BinaryStringSerializer$BinaryStringSerializerSnapshot", "typeutils.DecimalSerializer$DecimalSerializerSnapshot",
		"typeutils.SqlTimestampSerializer$SqlTimestampSerializerSnapshot", "typeutils.BinaryRowSerializer$BinaryRowSerializerSnapshot",
		"typeutils.BaseRowSerializer$BaseRowSerializerSnapshot", "typeutils.BaseArraySerializer$BaseArraySerializerSnapshot",
		"typeutils.BaseMapSerializer$BaseMapSerializerSnapshot", "typeutils.BinaryGenericSerializer$BinaryGenericSerializerSnapshot",
		"typeutils.SortedMapSerializerSnapshot",
		/* 2.2, 2.4 */
		"sequencedmultisetstate.linked.MetaSqnInfoSerializer$MetaSqnInfoSerializerSnapshot", "sequencedmultisetstate.linked.RowSqnInfoSerializer$RowSqnInfoSerializerSnapshot",
		"sequencedmultisetstate.linked.NodeSerializer$NodeSerializerSnapshot", "sequencedmultisetstate.linked.RowDataKeySerializerSnapshot",
		"operators.sink.SortedLongSerializer$SortedLongSerializerSnapshot",
	};
	char name[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "org.apache.flink.table.runtime.%s", names[i]);
		ck_assert_msg(weir__snapshot_class_named(name) != NULL, "%s is not known", name);
	}
}

/* Flink 2.4 writes version 4: the names of the fields at the end. */
WEIR_TEST(rows_with_field_names)
{
	static const char class_name[] = "org.apache.flink.table.runtime.typeutils.RowDataSerializer$RowDataSerializerSnapshot";
	size_t at = 4 + 2 + sizeof(class_name) - 1;
	struct weir_buf b = { 0 };
	struct golden *g;
	struct weir_type *t;
	char text[200];

	golden_type("kind and long text", &g);
	weir_buf_put_slice(&b, g->proxy);
	ck_assert_int_eq(b.data[at + 3], 3);
	b.data[at + 3] = 4;
	weir_buf_bool(&b, true);
	weir_buf_utf(&b, "id");
	weir_buf_utf(&b, "name");
	t = type_of_snapshot(&A, weir_buf_slice(&b), &err);
	ck_assert_msg(t != NULL, "%s", err.msg);
	ck_assert_str_eq(weir_type_text(t, text, sizeof(text)), "ROW<`id` INT NOT NULL, `name` VARCHAR(10)>");
	ck_assert_str_eq(t->fields[1].name, "name");
	ck_assert_str_eq(json_of(&A, t, g->value), g->json);
	b.len = g->proxy.len;
	weir_buf_bool(&b, false);
	ck_assert_ptr_nonnull(type_of_snapshot(&A, weir_buf_slice(&b), &err));
	b.len--;
	ck_assert_ptr_null(type_of_snapshot(&A, weir_buf_slice(&b), &err));
	weir_buf_fini(&b);
}

/* Node of SinkUpsertMaterializer V2 (2.2): row, number, three nullable numbers of nine bytes, time. */
WEIR_TEST(nodes_of_the_sequenced_multiset)
{
	static const char node[] = "org.apache.flink.table.runtime.sequencedmultisetstate.linked.NodeSerializer$NodeSerializerSnapshot";
	struct weir_buf b = { 0 };
	struct golden *g;
	struct weir_type *t;

	golden_type("delete", &g);
	weir_buf_i32(&b, 2), weir_buf_utf(&b, node), weir_buf_i32(&b, 3), weir_buf_i32(&b, 911108), weir_buf_i32(&b, 0);
	weir_buf_i32(&b, 1333245), weir_buf_i32(&b, 1), weir_buf_i32(&b, 6);
	weir_buf_put(&b, g->proxy.ptr + 4, g->proxy.len - 4);
	ck_ok(weir_serializer_snapshot_write(&weir_int64, &b, &err));
	for (int i = 0; i < 3; i++) {
		weir_buf_utf(&b, "org.apache.flink.api.java.typeutils.runtime.NullableSerializer$NullableSerializerSnapshot");
		weir_buf_i32(&b, 3), weir_buf_i32(&b, 911108), weir_buf_i32(&b, 2), weir_buf_i32(&b, 8), weir_buf_i32(&b, 1333245), weir_buf_i32(&b, 1), weir_buf_i32(&b, 1);
		ck_ok(weir_serializer_snapshot_write(&weir_int64, &b, &err));
	}
	ck_ok(weir_serializer_snapshot_write(&weir_int64, &b, &err));
	t = type_of_snapshot(&A, weir_buf_slice(&b), &err);
	ck_assert_msg(t != NULL, "%s", err.msg);
	ck_assert_str_eq(json_of(&A, t, unhex(&A, "0000001000000000000000000700000000000000" "0000000000000005" "000000000000000004" "010000000000000000" "000000000000000006" "00000000000003e8")),
			 "{\"@\":\"org.apache.flink.table.runtime.sequencedmultisetstate.linked.Node\",\"row\":{\"row\":\"+I\",\"f\":[7]},\"sqn\":5,\"prevSqn\":4,\"nextSqn\":null,"
			 "\"nextSqnForRecord\":6,\"timestamp\":1000}");
	weir_buf_fini(&b);
}
