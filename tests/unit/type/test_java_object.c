// SPDX-License-Identifier: Apache-2.0
/*
 * Java object streams as data: real streams (written by java.io.ObjectOutputStream), the odd corners of the grammar, streams that contain
 * themselves, and damage.
 */
#include "tests/unit/type/hex.h"

#include "state/flink/java_object.h"

static struct weir_arena A;

#define HEAD "aced0005"
#define INTEGER "737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870"

static const char *what;
static struct weir_src last;

static struct weir_java_value read_hex(const char *hex)
{
	struct weir_java_value v = { 0 };

	last = weir_src_of(unhex(&A, hex), "stream", 0);
	what = weir_java_read(&last, &A, &v) ? last.what : weir_src_left(&last) ? "bytes left" : "fine";
	return v;
}

WEIR_TEST(objects_fields_and_superclasses)
{
	struct weir_java_value v = read_hex(HEAD INTEGER "0000001a");
	const struct weir_java_node *o = v.u.node;

	ck_assert_str_eq(what, "fine");
	ck_assert(weir_java_is(o, "java.lang.Integer"));
	ck_assert_uint_eq(o->class->uid, 0x12e2a0a4f7818738u);
	ck_assert_str_eq(o->class->super->name, "java.lang.Number");
	ck_assert_uint_eq(o->n, 1); /* Number wrote nothing */
	ck_assert_int_eq(weir_java_int_of(o, "value", -1), 26);
	ck_assert_int_eq(weir_java_int_of(o, "other", -1), -1);
	ck_assert_ptr_null(weir_java_field(o, "other"));
	ck_assert_ptr_null(weir_java_node_of(o, "value")); /* no reference */
	ck_assert_ptr_null(weir_java_field(NULL, "value"));
}

WEIR_TEST(null_strings_and_text)
{
	struct weir_buf b = { 0 };
	struct weir_java_value v = read_hex(HEAD "70");

	ck_assert_str_eq(what, "fine");
	ck_assert_ptr_null(v.u.node);
	v = read_hex(HEAD "740003616263");
	ck_assert(weir_java_text_is(v.u.node, "abc"));
	ck_assert(!weir_java_text_is(v.u.node, "ab") && !weir_java_text_is(NULL, "ab"));
	v = read_hex(HEAD "7c0000000000000003616263"); /* long */
	ck_assert(weir_java_text_is(v.u.node, "abc"));
	v = read_hex(HEAD "740008" "eda0bdedb880" "c080"); /* U+1F600, U+0000 */
	weir_java_put_text(&b, v.u.node);
	ck_assert_uint_eq(b.len, 5);
	ck_assert(memcmp(b.data, "\xf0\x9f\x98\x80\0", 5) == 0);
	weir_buf_fini(&b);
	read_hex(HEAD "7400016180");
	ck_assert_str_eq(what, "bytes left");
	read_hex(HEAD "740001" "80");
	ck_assert_str_eq(what, "a string of a Java object stream is not text (modified UTF-8)");
	read_hex(HEAD "7c7fffffffffffffff");
	ck_assert_str_eq(what, "a string of a Java object stream is longer than the data that follows");
}

WEIR_TEST(collections_of_the_library)
{
	const struct weir_java_value *items;
	struct weir_java_value v;
	uint32_t n;

	/* new ArrayList<>(List.of("a", "b")) */
	v = read_hex(HEAD "737200136a6176612e7574696c2e41727261794c6973747881d21d99c7619d03000149000473697a657870000000027704000000027400016174000162" "7800");
	ck_assert_str_eq(what, "bytes left");
	v = read_hex(HEAD "737200136a6176612e7574696c2e41727261794c6973747881d21d99c7619d03000149000473697a65787000000002770400000002740001617400016278");
	ck_assert_str_eq(what, "fine");
	ck_assert(weir_java_elements(v.u.node, &items, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert(weir_java_text_is(items[1].u.node, "b"));
	ck_assert(!weir_java_entries(v.u.node, &items, &n));
	/* Map.of("k", 1) */
	v = read_hex(HEAD "737200116a6176612e7574696c2e436f6c6c536572578eabb63a1ba811030001490003746167787000000003770400000002740001" "6b" INTEGER "0000000178");
	ck_assert_str_eq(what, "fine");
	ck_assert(weir_java_entries(v.u.node, &items, &n) && n == 1);
	ck_assert(!weir_java_elements(v.u.node, &items, &n));
	/* new String[] { "x", null, the same "x" } */
	v = read_hex(HEAD "757200135b4c6a6176612e6c616e672e537472696e673badd256e7e91d7b470200007870000000037400017870" "71007e0002");
	ck_assert_str_eq(what, "fine");
	ck_assert(weir_java_elements(v.u.node, &items, &n) && n == 3);
	ck_assert_ptr_null(items[1].u.node);
	ck_assert_ptr_eq(items[0].u.node, items[2].u.node);
	/* new int[] { 1, -1 } */
	v = read_hex(HEAD "757200025b494dba602676eab2a50200007870000000020000000" "1ffffffff");
	ck_assert_str_eq(what, "fine");
	ck_assert_uint_eq(v.u.node->n, 2);
	ck_assert_uint_eq(v.u.node->bytes.len, 8);
	ck_assert(!weir_java_elements(v.u.node, &items, &n));
}

WEIR_TEST(corners_of_the_grammar)
{
	static const char *const cases[][2] = {
		{ "", "the data ends inside a value" },
		{ "aced0006" "70", "a Java object stream does not start with aced0005" },
		{ HEAD "00", "a Java object stream has an element that does not exist or may not stand there" },
		{ HEAD "78", "a Java object stream has an element that does not exist or may not stand there" },
		{ HEAD "770100", "a Java object stream has an element that does not exist or may not stand there" },
		{ HEAD "7970", "fine" }, /* reset */
		{ HEAD "7b", "a Java object stream was broken off by an exception, which it holds" },
		{ HEAD "71007e0000", "a Java object stream refers to something it has not said before" },
		{ HEAD "71ffffffff", "a Java object stream refers to something it has not said before" },
		{ HEAD "7370", "an object of a Java object stream has no class" },
		{ HEAD "7370" "00", "an object of a Java object stream has no class" },
		/* class A extends (a reference to itself) */
		{ HEAD "73720001410000000000000000020000" "78" "71007e0000", "a Java object stream has no class where one must be" },
		/* a field of type 'V' */
		{ HEAD "73720001410000000000000000020001" "56000161" "7870", "a field of a Java object stream is of a type Java does not have" },
		/* more fields than bytes */
		{ HEAD "7372000141000000000000000002ffff" "49000161", "a class of a Java object stream has more fields than the data that follows" },
		/* Externalizable: protocol 1 cannot be delimited, protocol 2 can */
		{ HEAD "7372000141000000000000000004" "0000" "7870", "an Externalizable object of a Java object stream is of protocol 1, which does not say where it ends" },
		{ HEAD "737200014100000000000000000c" "0000" "7870" "77020102" "70" "78", "fine" },
		/* proxy class with one interface */
		{ HEAD "737d00000001" "000141" "7870", "fine" },
		/* an array of 2^31-1 references */
		{ HEAD "757200025b4c0000000000000000020000" "7870" "7fffffff" "70", NULL },
		{ HEAD "757200014c0000000000000000020000" "7870" "00000000", "an array of a Java object stream has no class of arrays" },
		/* an enum constant and a class object */
		{ HEAD "7e72000145000000000000000012" "0000" "7870" "740003524544", "fine" },
		{ HEAD "7e72000145000000000000000012" "0000" "7870" "70", "a Java object stream has no string where one must be" },
		{ HEAD "7672000145000000000000000000" "0000" "7870", "fine" },
		/* an array of a class that was named, but as an object */
		{ HEAD "757200025b4c0000000000000000020000" "7870" "00000001" "71007e0000", "a Java object stream refers to a class where an object must be" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_hex(cases[i][0]);
		if (cases[i][1])
			ck_assert_msg(strcmp(what, cases[i][1]) == 0, "%s: %s", cases[i][0], what);
		else
			ck_assert_int_ne(last.code, 0);
		if (last.code)
			ck_assert_uint_le(last.fail_offset, unhex(&A, cases[i][0]).len);
	}
}

WEIR_TEST(nesting_is_capped_and_memory_is_linear)
{
	struct weir_buf b = { 0 };
	struct weir_arena mem = { 0 };
	struct weir_java_value v;
	struct weir_src src;

	/* arrays inside arrays, 100,000 deep, with classes by reference */
	weir_buf_u32(&b, 0xaced0005);
	for (int i = 0; i < 100000; i++) {
		static const uint8_t first[] = { 0x75, 0x72, 0, 2, '[', 'L', 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0x78, 0x70, 0, 0, 0, 1 };
		static const uint8_t next[] = { 0x75, 0x71, 0, 0x7e, 0, 0, 0, 0, 0, 1 };

		weir_buf_put(&b, i ? next : first, i ? sizeof(next) : sizeof(first));
	}
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_assert_int_eq(weir_java_read(&src, &mem, &v), WEIR_EUNSUPPORTED);
	ck_assert_str_eq(src.what, "a Java object stream is nested deeper than 200");
	ck_assert_uint_lt(mem.total, 4u << 20);
	weir_arena_fini(&mem);
	/* 100,000 objects of a class without fields: six bytes each */
	weir_buf_clear(&b);
	weir_buf_u32(&b, 0xaced0005);
	weir_buf_put_slice(&b, unhex(&A, "757200025b4c0000000000000000020000" "7870" "000186a0" "7372000141000000000000000002" "0000" "7870"));
	for (int i = 1; i < 100000; i++)
		weir_buf_put_slice(&b, unhex(&A, "7371007e0002"));
	src = weir_src_of(weir_buf_slice(&b), NULL, 0);
	ck_assert_int_eq(weir_java_read(&src, &mem, &v), 0);
	ck_assert_uint_eq(v.u.node->n, 100000);
	ck_assert_uint_lt(mem.total, 64 * b.len);
	weir_arena_fini(&mem);
	weir_buf_fini(&b);
}

/* ---- as values: JavaSerializer ---- */

static const struct weir_type *java_type(void)
{
	struct weir_buf proxy = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *t;

	weir_buf_i32(&proxy, 2);
	weir_buf_utf(&proxy, "org.apache.flink.runtime.state.JavaSerializer$JavaSerializerSnapshot");
	weir_buf_i32(&proxy, 3);
	t = type_of_snapshot(&A, weir_buf_slice(&proxy), &err);
	weir_buf_fini(&proxy);
	ck_assert_msg(t && t->kind == WEIR_WIRE, "%s", err.msg);
	return t;
}

WEIR_TEST(values_as_json)
{
	static const char *const cases[][2] = {
		{ HEAD INTEGER "0000001a", "26" },
		{ HEAD "70", "null" },
		{ HEAD "740003612262", "\"a\\\"b\"" },
		{ HEAD "757200025b424dba602676eab2a5020000787000000002" "01ff", "{\"hex\":\"01ff\"}" },
		{ HEAD "757200025b494dba602676eab2a50200007870000000020000000" "1ffffffff", "[1,-1]" },
		{ HEAD "757200025b5a4dba602676eab2a50200007870000000020100", "[true,false]" },
		{ HEAD "757200025b434dba602676eab2a502000078700000000200412" "0ac", "[\"A\",\"\xe2\x82\xac\"]" },
		{ HEAD "757200025b444dba602676eab2a5020000787000000001" "3ff8000000000000", "[1.5]" },
		{ HEAD "737200116a6176612e7574696c2e436f6c6c536572578eabb63a1ba811030001490003746167787000000003770400000002740001" "6b" INTEGER "0000000178", "[[\"k\",1]]" },
		/* class A { int i = 5; String s = null; A self = this; } */
		{ HEAD "7372000141" "0000000000000000" "02" "0002" "490001" "69" "4c0001" "73" "740001" "53" "7870" "00000005" "70", "{\"@\":\"A\",\"i\":5,\"s\":null}" },
		{ HEAD "7e72000145000000000000000012" "0000" "7870" "740003524544", "\"RED\"" },
	};
	const struct weir_type *t = java_type();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(json_of(&A, t, unhex(&A, cases[i][0])), cases[i][1]);
}

/* An object that is its own field, and objects that name another twice, thirty deep: shown as bytes, at once. */
WEIR_TEST(values_that_contain_themselves_show_as_bytes)
{
	const struct weir_type *t = java_type();
	struct weir_buf b = { 0 };
	const char *json = json_of(&A, t, unhex(&A, HEAD "7372000141" "0000000000000000" "02" "0001" "4c0001" "73" "740001" "41" "7870" "71007e0002"));

	ck_assert_msg(strncmp(json, "{\"hex\":\"aced0005", 16) == 0, "%s", json);
	/* Object[] { Object[] { .., the same .. }, reference to the first } */
	weir_buf_put_slice(&b, unhex(&A, HEAD "757200025b4c0000000000000000020000" "7870" "00000002"));
	for (int i = 1; i < 40; i++)
		weir_buf_put_slice(&b, unhex(&A, "7571007e0000" "00000002"));
	weir_buf_put_slice(&b, unhex(&A, "7070")); /* the innermost holds nulls */
	for (int i = 39; i > 0; i--) { /* each outer one: its inner one again */
		weir_buf_u8(&b, 0x71);
		weir_buf_u32(&b, 0x7e0000u + 1 + (uint32_t)i);
	}
	json = json_of(&A, t, weir_buf_slice(&b));
	ck_assert_msg(strncmp(json, "{\"hex\":\"aced0005", 16) == 0, "%.60s", json);
	weir_buf_fini(&b);
}

WEIR_TEST(damaged_streams)
{
	static const char *const streams[] = {
		HEAD INTEGER "0000001a",
		HEAD "737200116a6176612e7574696c2e436f6c6c536572578eabb63a1ba811030001490003746167787000000003770400000002740001" "6b" INTEGER "0000000178",
		HEAD "757200135b4c6a6176612e6c616e672e537472696e673badd256e7e91d7b470200007870000000037400017870" "71007e0002",
		HEAD "7372000141" "0000000000000000" "02" "0002" "490001" "69" "4c0001" "73" "740001" "53" "7870" "00000005" "70",
		HEAD "7e72000145000000000000000012" "0000" "7870" "740003524544",
	};
	const struct weir_type *t = java_type();

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		struct weir_slice s = unhex(&A, streams[i]);

		for (size_t n = 0; n <= s.len; n++)
			for (unsigned k = 0; k < 10 && (n == s.len ? k == 0 : true); k++) {
				uint8_t *exact = malloc(s.len);
				struct weir_buf json = { 0 };
				struct weir_src skip, show;

				ck_assert_ptr_nonnull(exact);
				memcpy(exact, s.ptr, s.len);
				if (n < s.len && k < 9)
					exact[n] = k == 8 ? 0xff : (uint8_t)(exact[n] ^ 1u << k);
				skip = show = weir_src_of((struct weir_slice){ exact, k == 9 ? n : s.len }, NULL, 0);
				ck_assert_int_eq(weir_type_skip(t, &skip), weir_type_to_json(t, &show, &json));
				ck_assert(skip.code || skip.p == show.p);
				weir_buf_fini(&json);
				free(exact);
			}
	}
}
