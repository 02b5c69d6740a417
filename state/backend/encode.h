/* SPDX-License-Identifier: Apache-2.0 */
/* Wire form of values of fixed size, without calls: a list of moves made once from the type. See encode.c. */
#ifndef WEIR_STATE_BACKEND_ENCODE_H
#define WEIR_STATE_BACKEND_ENCODE_H

#include <weir/type.h>

#define WEIR__ENCODE_OPS 64u
#define WEIR__ENCODE_BYTES 512u

struct weir__encoder {
	uint32_t nops, size; /* size: bytes of every value */
	struct weir__encode_op {
		uint32_t offset;
		uint8_t what, byte;
	} ops[WEIR__ENCODE_OPS];
};

/* False when the type's wire form is not of fixed size, or the list would be too long. */
bool weir__encoder_make(struct weir__encoder *e, const struct weir_type *t);
/* Append the value of type t that lies `at` bytes behind the address given to weir__encode. *e starts zeroed. */
bool weir__encoder_add(struct weir__encoder *e, const struct weir_type *t, uint32_t at);
/* Write e->size bytes; returns their end. The same bytes as weir_type_write. */
uint8_t *weir__encode(const struct weir__encoder *e, const void *v, uint8_t *out);

#endif
