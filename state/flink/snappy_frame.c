/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snappy framing format over libsnappy's raw blocks.
 *
 * 1. Every chunk's checksum is verified, though Flink does not: damage is found here rather than in a value.
 * 2. A chunk never makes more than 64 KiB, so a length in a damaged file cannot make us allocate.
 * Fails on damage and when memory runs out. No shared state.
 */
#include "state/flink/snappy_frame.h"

#include <snappy-c.h>

#include "base/hash.h"

static const uint8_t identifier[WEIR_SNAPPY_IDENTIFIER_LEN] = { 0xff, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y' };

enum { CHUNK_COMPRESSED = 0, CHUNK_STORED = 1, CHUNK_SKIPPABLE = 0x80, CHUNK_IDENTIFIER = 0xff };

static uint32_t masked_crc(const void *p, size_t n)
{
	uint32_t crc = weir_crc32c(0, p, n);

	return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

void weir_snappy_frame_begin(struct weir_buf *out)
{
	weir_buf_put(out, identifier, sizeof(identifier));
}

static void put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_block(const uint8_t *p, size_t n, struct weir_buf *out)
{
	size_t room = snappy_max_compressed_length(n);
	uint8_t *head = weir_buf_room(out, 8 + (room > n ? room : n));
	uint8_t type = CHUNK_COMPRESSED;

	if (!head)
		return;
	if (snappy_compress((const char *)p, n, (char *)head + 8, &room) != SNAPPY_OK || (double)room / (double)n > 0.85) {
		type = CHUNK_STORED;
		memcpy(head + 8, p, n);
		room = n;
	}
	put_le32(head, (uint32_t)(room + 4) << 8 | type);
	put_le32(head + 4, masked_crc(p, n));
	out->len += 8 + room;
}

int weir_snappy_frame_put(struct weir_slice in, struct weir_buf *out, struct weir_error *err)
{
	for (size_t at = 0; at < in.len; at += WEIR_SNAPPY_BLOCK) {
		size_t n = in.len - at;

		put_block(in.ptr + at, n < WEIR_SNAPPY_BLOCK ? n : WEIR_SNAPPY_BLOCK, out);
	}
	if (weir_buf_error(out))
		return weir_error_set(err, weir_buf_error(out), "no memory to compress %zu bytes of state", in.len);
	return 0;
}

static int fail(const char **what, int code, const char *text)
{
	*what = text;
	return code;
}

/* One data chunk: p is its body after the 4 header bytes, n its length with the checksum. */
static int read_data(uint8_t type, const uint8_t *p, size_t n, struct weir_buf *out, const char **what)
{
	size_t size = n - 4;
	uint8_t *to;

	if (type == CHUNK_COMPRESSED && snappy_uncompressed_length((const char *)p + 4, n - 4, &size) != SNAPPY_OK)
		return fail(what, WEIR_ECORRUPT, "a compressed chunk does not begin with its length");
	if (size > WEIR_SNAPPY_BLOCK)
		return fail(what, WEIR_ECORRUPT, "a compressed chunk claims more than 64 KiB");
	to = weir_buf_room(out, size ? size : 1);
	if (!to)
		return fail(what, WEIR_ENOMEM, "no memory to decompress state");
	if (type == CHUNK_STORED)
		memcpy(to, p + 4, size);
	else if (snappy_uncompress((const char *)p + 4, n - 4, (char *)to, &size) != SNAPPY_OK)
		return fail(what, WEIR_ECORRUPT, "a compressed chunk does not decompress");
	if (masked_crc(to, size) != get_le32(p))
		return fail(what, WEIR_ECORRUPT, "the checksum of a compressed chunk does not match its data");
	out->len += size;
	return 0;
}

int weir_snappy_frame_read(struct weir_slice in, bool need_identifier, struct weir_buf *out, size_t *used, const char **what)
{
	size_t at = 0;

	*used = 0;
	*what = NULL;
	while (at < in.len) {
		const uint8_t *p = in.ptr + at;
		size_t left = in.len - at, n;
		int code = 0;

		if (left < 4)
			return fail(what, WEIR_ETRUNCATED, "the data ends inside the header of a compressed chunk");
		n = get_le32(p) >> 8;
		if (need_identifier && at == 0 && p[0] != CHUNK_IDENTIFIER)
			return fail(what, WEIR_ECORRUPT, "compressed data does not begin with the snappy identifier ff 06 00 00");
		if (n > left - 4)
			return fail(what, WEIR_ETRUNCATED, "the data ends inside a compressed chunk");
		if (p[0] == CHUNK_IDENTIFIER) {
			if (n != sizeof(identifier) - 4 || memcmp(p, identifier, sizeof(identifier)) != 0)
				return fail(what, WEIR_ECORRUPT, "the snappy identifier is damaged");
		} else if (p[0] == CHUNK_COMPRESSED || p[0] == CHUNK_STORED) {
			if (n < 4)
				return fail(what, WEIR_ECORRUPT, "a compressed chunk is too short for its checksum");
			code = read_data(p[0], p + 4, n, out, what);
		} else if (p[0] < CHUNK_SKIPPABLE) {
			return fail(what, WEIR_ECORRUPT, "a compressed chunk has an unknown type");
		}
		if (code)
			return code;
		at += 4 + n;
		*used = at;
	}
	if (need_identifier && in.len == 0)
		return fail(what, WEIR_ETRUNCATED, "the data ends before the snappy identifier");
	return 0;
}
