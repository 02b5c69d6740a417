// SPDX-License-Identifier: Apache-2.0
/* The coding of names: injective, reversible, never a bad path component. */
#include "base/hash.h"
#include "base/rng.h"
#include "fusefs/name.h"
#include "tests/lib/weirtest.h"

#include <stdlib.h>

static void expect(const char *bytes, size_t len, const char *name)
{
	struct weir_buf b = { 0 };

	weir_name_encode((struct weir_slice){ (const uint8_t *)bytes, len }, &b);
	ck_assert_str_eq(weir_buf_cstr(&b), name);
	weir_buf_fini(&b);
}

WEIR_TEST(names_are_readable_where_they_can_be)
{
	expect("ORD", 3, "ORD");
	expect("", 0, "%");
	expect("a b", 3, "a b");
	expect(" a ", 3, "%20a%20");
	expect(".", 1, "%2E");
	expect("..", 2, "%2E.");
	expect("a.b", 3, "a.b");
	expect("a/b%c@d~e\\f", 11, "a%2Fb%25c%40d%7Ee%5Cf");
	expect("\0\n\x7f", 3, "%00%0A%7F");
	expect("\xc3\xa9\xe4\xb8\xad", 5, "\xc3\xa9\xe4\xb8\xad");
	expect("\xf0\x9f\x9b\xab", 4, "\xf0\x9f\x9b\xab");
	expect("\xff", 1, "%FF");
	expect("\xc0\x80", 2, "%C0%80");             /* overlong */
	expect("\xed\xa0\x80", 3, "%ED%A0%80");     /* a surrogate */
	expect("\xe2\x80\xa8", 3, "%E2%80%A8");     /* line separator */
	expect("\xe2\x80\xae", 3, "%E2%80%AE");     /* right-to-left override */
	expect("\xc2\x85", 2, "%C2%85");             /* a control */
	expect("[\"GRB\",0]", 9, "[\"GRB\",0]");
}

static void round_trip(const uint8_t *bytes, size_t len)
{
	struct weir_buf name = { 0 }, back = { 0 };

	weir_name_encode((struct weir_slice){ bytes, len }, &name);
	ck_assert(weir_name_decode((char *)name.data, name.len, &back));
	ck_assert_uint_eq(back.len, len);
	ck_assert(len == 0 || memcmp(back.data, bytes, len) == 0);
	ck_assert(!memchr(name.data, '/', name.len) && !memchr(name.data, 0, name.len) && !memchr(name.data, '\n', name.len));
	ck_assert(name.len > 0 && name.data[0] != '.');
	weir_buf_fini(&name);
	weir_buf_fini(&back);
}

static int cmp(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

WEIR_TEST(every_string_of_up_to_two_bytes_comes_back_and_no_two_share_a_name)
{
	uint8_t b[2] = { 0 };
	uint64_t *seen = calloc(65536 + 256 + 1, sizeof(*seen));
	size_t n = 0;
	struct weir_buf name = { 0 };

	round_trip(b, 0);
	for (unsigned i = 0; i < 65536 + 256; i++) {
		size_t len = i < 256 ? 1 : 2;

		b[0] = (uint8_t)(i < 256 ? i : (i - 256) >> 8);
		b[1] = (uint8_t)(i - 256);
		round_trip(b, len);
		weir_buf_clear(&name);
		weir_name_encode((struct weir_slice){ b, len }, &name);
		seen[n++] = weir_xxh3(name.data, name.len);
	}
	qsort(seen, n, sizeof(*seen), cmp);
	for (size_t i = 1; i < n; i++)
		ck_assert(seen[i] != seen[i - 1]);
	weir_buf_fini(&name);
	free(seen);
}

WEIR_TEST(random_strings_come_back)
{
	struct weir_rng rng = { 7 };
	static const char *const pieces[] = { "/", "%", "%41", "~", "@", ".", " ", "\xc3\xa9", "\xc3", "\xe4\xb8\xad", "\xed\xb0\x80", "\xf0\x9f\x9b\xab", "x", "\0", "\xff", "\n" };
	uint8_t b[64];

	for (int i = 0; i < 20000; i++) {
		size_t len = 0;

		for (uint64_t k = weir_rng_below(&rng, 12); k > 0; k--) {
			const char *p = pieces[weir_rng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))];
			size_t n = p[0] ? strlen(p) : 1;

			memcpy(b + len, p, n);
			len += n;
		}
		round_trip(b, len);
	}
}

WEIR_TEST(only_what_the_coder_writes_decodes)
{
	static const char *const bad[] = { "a/b", "%4", "%", "%4g", "%41", "%2f", "a%", ".x", "a ", "a@b", "~", "" };
	struct weir_buf b = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(bad[i], "%") != 0) {
			ck_assert_msg(!weir_name_decode(bad[i], strlen(bad[i]), &b), "%s", bad[i]);
			ck_assert_uint_eq(b.len, 0);
		}
	ck_assert(weir_name_decode("%", 1, &b));
	ck_assert_uint_eq(b.len, 0);
	weir_buf_fini(&b);
}

WEIR_TEST(long_names_are_cut_at_a_character_and_carry_the_hash)
{
	uint8_t hash[16] = { 0xab };
	struct weir_buf b = { 0 };

	for (int i = 0; i < 300; i++)
		weir_buf_text(&b, i % 2 ? "\xe4\xb8\xad" : "%FF");
	weir_name_shorten(&b, 0, 250, hash, false);
	ck_assert_uint_le(b.len, 180 + 33);
	ck_assert_uint_ge(b.len, 176 + 33);
	const char *text = weir_buf_cstr(&b);
	ck_assert_str_eq(strchr(text, '~'), "~ab000000000000000000000000000000");
	ck_assert(strchr(text, '~')[-1] == 'F' || (strchr(text, '~')[-1] & 0xc0) == 0x80);
	weir_buf_clear(&b);
	weir_buf_text(&b, "short");
	weir_name_shorten(&b, 0, 250, hash, false);
	ck_assert_str_eq(weir_buf_cstr(&b), "short");
	weir_name_shorten(&b, 0, 250, hash, true);
	ck_assert_str_eq(weir_buf_cstr(&b), "short~ab000000000000000000000000000000");
	weir_buf_fini(&b);
}
