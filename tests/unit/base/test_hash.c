// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/hash.h"
#include "tests/lib/weirtest.h"

#include <string.h>

static void expect_id(const char *uid, const char *hex)
{
	struct weir_buf b = { 0 };
	uint8_t id[16];

	weir_murmur128(uid, strlen(uid), id);
	weir_buf_hex(&b, (struct weir_slice){ id, 16 });
	ck_assert_str_eq(weir_buf_cstr(&b), hex);
	weir_buf_fini(&b);
}

WEIR_TEST(operator_ids_equal_flinks)
{
	expect_id("", "00000000000000000000000000000000");
	expect_id("a", "897859f6655555855a890e51483ab5e6");
	expect_id("my-uid", "8409efe6adc6d20787611f16017c808f");
	expect_id("aaaaaaaaaaaaaaa", "bc7f2efddba8077d59f95fa84a04a88f");
	expect_id("aaaaaaaaaaaaaaaa", "cea6aa620d18c1f24239b22b03f3f66a");
	expect_id("aaaaaaaaaaaaaaaaa", "98d6f2cec714726fbba5de4e53bcfda4");
	expect_id("0123456789abcdef0123456789abcdef!", "3503929145dd631d6d5858a82a70fcb3");
	expect_id("\u00e4\u20ac\U0001F600", "0aa66820300f93c61d48fa1831543515");
	expect_id("BrProcess2", "56a26c4c54bda3adf3700194db4afe93");
}

WEIR_TEST(key_groups_equal_flinks)
{
	ck_assert_int_eq(weir_murmur_java(0), 593689054);
	ck_assert_int_eq(weir_murmur_java(-1), 1982413648);
	ck_assert_int_eq(weir_murmur_java(INT32_MIN), 1718298732);
	ck_assert_int_eq((int)weir_key_group(99162322, 128), 35);
	ck_assert_int_eq((int)weir_key_group(weir_java_hash_i64(1234567890123), 32768), 32092);
	ck_assert_int_eq((int)weir_key_group(weir_java_hash_i64(-1), 128), 94);
}

WEIR_TEST(checksums_have_their_known_values)
{
	struct weir_buf b = { 0 };
	uint8_t sum[32];

	ck_assert_uint_eq(weir_crc32c(0, "123456789", 9), 0xe3069283u);
	ck_assert_uint_eq(weir__crc32c_by_table(0, "123456789", 9), 0xe3069283u);
	for (size_t i = 0; i < 40; i++) /* both ways, every length and alignment, in one piece and in two */
		for (size_t n = 0; n + i <= 40; n++) {
			static const char text[] = "0123456789 the quick brown fox \xff\x80\x00 jumps";

			ck_assert_uint_eq(weir_crc32c(7, text + i, n), weir__crc32c_by_table(7, text + i, n));
			ck_assert_uint_eq(weir_crc32c(weir_crc32c(0, text, i), text + i, n), weir_crc32c(0, text, i + n));
		}
	weir_sha256("abc", 3, sum);
	weir_buf_hex(&b, (struct weir_slice){ sum, 32 });
	ck_assert_str_eq(weir_buf_cstr(&b), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	weir_buf_fini(&b);
}
