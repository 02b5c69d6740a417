/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of one size from native values: a list of moves made once from the types, then replayed over many values. See encode.c. */
#ifndef WEIR_STATE_BACKEND_ENCODE_H
#define WEIR_STATE_BACKEND_ENCODE_H

#include <weir/type.h>

#define WEIR__ROW_OPS 96u
#define WEIR__ROW_BYTES 1024u
#define WEIR__ROW_SOURCES 2u

struct weir__row_plan {
	uint32_t size, nops;
	struct weir__row_op {
		uint8_t what, source;
		uint16_t at;      /* in the row */
		uint32_t offset;  /* in the source */
		uint64_t bytes;   /* of a constant */
	} ops[WEIR__ROW_OPS];
	uint8_t fixed[WEIR__ROW_BYTES]; /* what no move fills */
	uint8_t moved[WEIR__ROW_BYTES]; /* not 0: a move fills this byte */
};

/* Bytes that every value of the type takes on the wire, or 0 when that is not known or the values need more than moves. */
uint32_t weir__row_size(const struct weir_type *t);
/* A row that is the same for all values so far. False: too long. */
bool weir__row_begin(struct weir__row_plan *p, const uint8_t *fixed, size_t size);
/* At `at` in the row comes the value of type t that lies `offset` bytes behind the source's address. weir__row_size(t) is not 0. False: too many moves. */
bool weir__row_add(struct weir__row_plan *p, const struct weir_type *t, uint32_t source, uint32_t offset, uint32_t at);
/* The same for a timestamp whose sign is flipped, as timers have it. */
bool weir__row_add_timestamp(struct weir__row_plan *p, uint32_t source, uint32_t offset, uint32_t at);
/* After the last value. */
bool weir__row_end(struct weir__row_plan *p);
/* Write n rows. sources[k][i] is the address of source k for row i. The bytes of each value are those of weir_type_write. */
void weir__row_encode(const struct weir__row_plan *p, uint32_t n, const uint8_t *const *const sources[WEIR__ROW_SOURCES], uint8_t *out);

#endif
