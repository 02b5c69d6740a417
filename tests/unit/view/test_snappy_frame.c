/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/weirtest.h"

#include "state/flink/snappy_frame.h"

/* The key group of a compressed Flink 1.19 savepoint: docs/formats/keyed-state.md. */
static const uint8_t group[30] = { 0, 0, 0, 0, 0, 10, 0x81, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff };
static const uint8_t framed[48] = { 0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59, 1, 0x22, 0, 0, 0xd7, 0x22, 0x27, 0xb6,
				    0, 0, 0, 0, 0, 10, 0x81, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff };

static struct weir_slice slice(const void *p, size_t n)
{
	return (struct weir_slice){ p, n };
}

WEIR_TEST(a_real_key_group_is_framed_as_snappy_java_does)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 }, back = { 0 };
	const char *what;
	size_t used;

	weir_snappy_frame_begin(&out);
	ck_ok(weir_snappy_frame_put(slice(group, sizeof(group)), &out, &err));
	ck_assert_uint_eq(out.len, sizeof(framed));
	ck_assert_mem_eq(out.data, framed, sizeof(framed));
	ck_assert_int_eq(weir_snappy_frame_read(weir_buf_slice(&out), true, &back, &used, &what), 0);
	ck_assert_uint_eq(used, sizeof(framed));
	ck_assert_uint_eq(back.len, sizeof(group));
	ck_assert_mem_eq(back.data, group, sizeof(group));
	weir_buf_fini(&out);
	weir_buf_fini(&back);
}

WEIR_TEST(large_content_goes_in_blocks_and_comes_back)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
	struct weir_error err = WEIR_ERROR_INIT;

	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		for (int noise = 0; noise < 2; noise++) {
			struct weir_buf in = { 0 }, out = { 0 }, back = { 0 };
			uint32_t x = 1;
			const char *what;
			size_t used;

			for (size_t i = 0; i < sizes[k]; i++) {
				x = x * 1664525u + 1013904223u;
				weir_buf_u8(&in, noise ? (uint8_t)(x >> 24) : (uint8_t)(i / 100));
			}
			weir_snappy_frame_begin(&out);
			ck_ok(weir_snappy_frame_put(weir_buf_slice(&in), &out, &err));
			if (sizes[k] > 1000) {
				ck_assert_uint_eq(out.data[10], noise ? 1 : 0); /* stored, compressed */
				ck_assert(noise ? out.len > in.len : out.len < in.len / 4);
			}
			/* a second identifier in the middle, as HEAP streams have, and a skippable chunk */
			weir_snappy_frame_begin(&out);
			weir_buf_put(&out, "\x80\x03\0\0abc", 7);
			ck_ok(weir_snappy_frame_put(slice("tail", 4), &out, &err));
			ck_assert_int_eq(weir_snappy_frame_read(weir_buf_slice(&out), true, &back, &used, &what), 0);
			ck_assert_uint_eq(back.len, in.len + 4);
			ck_assert(in.len == 0 || memcmp(back.data, in.data, in.len) == 0);
			weir_buf_fini(&in);
			weir_buf_fini(&out);
			weir_buf_fini(&back);
		}
}

WEIR_TEST(every_flipped_bit_and_every_cut_is_noticed)
{
	for (size_t i = 0; i < sizeof(framed); i++) {
		struct weir_buf back = { 0 };
		const char *what;
		size_t used;
		int code = weir_snappy_frame_read(slice(framed, i), true, &back, &used, &what);

		if (i == 10)
			ck_assert_int_eq(code, 0); /* a frame of nothing */
		else
			ck_assert_int_eq(code, WEIR_ETRUNCATED);
		for (int bit = 0; bit < 8; bit++) {
			uint8_t copy[sizeof(framed)];

			memcpy(copy, framed, sizeof(framed));
			copy[i] ^= (uint8_t)(1 << bit);
			weir_buf_clear(&back);
			code = weir_snappy_frame_read(slice(copy, sizeof(copy)), true, &back, &used, &what);
			/* a data chunk may turn into a skippable one: then its content is missing */
			ck_assert_msg(code != 0 || back.len != sizeof(group), "byte %zu bit %d", i, bit);
		}
		weir_buf_fini(&back);
	}
}

static void check_bad(const void *p, size_t n, int want, const char *text)
{
	struct weir_buf back = { 0 };
	const char *what;
	size_t used;

	ck_assert_int_eq(weir_snappy_frame_read(slice(p, n), true, &back, &used, &what), want);
	ck_assert_msg(strstr(what, text) != NULL, "'%s' lacks '%s'", what, text);
	weir_buf_fini(&back);
}

WEIR_TEST(damage_is_told_by_kind)
{
	uint8_t copy[sizeof(framed)];

	check_bad("\x82SNAPPY", 7, WEIR_ECORRUPT, "does not begin with the snappy identifier");
	check_bad("", 0, WEIR_ETRUNCATED, "before the snappy identifier");
	check_bad("\xff\x06\0\0sNaPpY\x02\x04\0\0abcd", 18, WEIR_ECORRUPT, "unknown type");
	check_bad("\xff\x06\0\0sNaPpY\x01\x03\0\0abc", 17, WEIR_ECORRUPT, "too short for its checksum");
	check_bad("\xff\x06\0\0sNaPpY\0\x09\0\0crc!\xff\xff\xff\x0f\0", 23, WEIR_ECORRUPT, "more than 64 KiB");
	check_bad("\xff\x06\0\0sNaPpY\0\x06\0\0crc!\x05x", 20, WEIR_ECORRUPT, "does not decompress");
	memcpy(copy, framed, sizeof(framed));
	copy[20] ^= 1;
	check_bad(copy, sizeof(copy), WEIR_ECORRUPT, "checksum");
}
