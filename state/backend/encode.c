// SPDX-License-Identifier: Apache-2.0
/*
 * A checkpoint writes tens of millions of small values. For types whose wire form is a fixed sequence of numbers (numbers, windows,
 * tuples of them, POJOs without null bitmap) the sequence is worked out once and then replayed. Everything else goes through weir_type_write.
 * Invariant: the bytes are those of weir_type_write (tests/unit/backend/test_encode.c compares them). Pure.
 */
#include "state/backend/encode.h"

#include <string.h>

enum { PUT_BYTE, MOVE_BOOL, MOVE_1, MOVE_2, MOVE_4, MOVE_8, MOVE_FLOAT, MOVE_DOUBLE, MOVE_INSTANT };

static bool add(struct weir__encoder *e, uint8_t what, uint32_t offset, uint8_t byte, uint32_t size)
{
	if (e->nops == WEIR__ENCODE_OPS || e->size + size > WEIR__ENCODE_BYTES)
		return false;
	e->ops[e->nops++] = (struct weir__encode_op){ .offset = offset, .what = what, .byte = byte };
	e->size += size;
	return true;
}

static bool make(struct weir__encoder *e, const struct weir_type *t, uint32_t at)
{
	switch (t->kind) {
	case WEIR_BOOLEAN:
		return add(e, MOVE_BOOL, at, 0, 1);
	case WEIR_INT8:
		return add(e, MOVE_1, at, 0, 1);
	case WEIR_INT16:
	case WEIR_CHAR:
		return add(e, MOVE_2, at, 0, 2);
	case WEIR_INT32:
		return add(e, MOVE_4, at, 0, 4);
	case WEIR_INT64:
		return add(e, MOVE_8, at, 0, 8);
	case WEIR_FLOAT:
		return add(e, MOVE_FLOAT, at, 0, 4);
	case WEIR_DOUBLE:
		return add(e, MOVE_DOUBLE, at, 0, 8);
	case WEIR_TIMESTAMP:
		return add(e, MOVE_INSTANT, at, 0, 12);
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW:
		return add(e, PUT_BYTE, 0, 0, 1);
	case WEIR_TIME_WINDOW:
		return add(e, MOVE_8, at, 0, 8) && add(e, MOVE_8, at + 8, 0, 8);
	case WEIR_TUPLE:
		for (uint32_t i = 0; i < t->nfields; i++)
			if (!make(e, t->fields[i].type, at + t->fields[i].offset))
				return false;
		return true;
	case WEIR_POJO: /* flags: plain; then each field by name with its null flag */
		if (t->null_offset != WEIR_NO_NULLS || !add(e, PUT_BYTE, 0, 2, 1))
			return false;
		for (uint32_t i = 0; i < t->nfields; i++) {
			const struct weir_field *f = &t->fields[t->wire_order ? t->wire_order[i] : i];

			if (!add(e, PUT_BYTE, 0, 0, 1) || !make(e, f->type, at + f->offset))
				return false;
		}
		return true;
	default:
		return false;
	}
}

bool weir__encoder_make(struct weir__encoder *e, const struct weir_type *t)
{
	e->nops = e->size = 0;
	return make(e, t, 0);
}

bool weir__encoder_add(struct weir__encoder *e, const struct weir_type *t, uint32_t at)
{
	return make(e, t, at);
}

static uint8_t *put_instant(int64_t ms, uint8_t *out)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	uint64_t s = __builtin_bswap64((uint64_t)seconds);
	uint32_t n = __builtin_bswap32((uint32_t)(ms - seconds * 1000) * 1000000u);

	memcpy(out, &s, 8);
	memcpy(out + 8, &n, 4);
	return out + 12;
}

uint8_t *weir__encode(const struct weir__encoder *e, const void *value, uint8_t *out)
{
	for (uint32_t i = 0; i < e->nops; i++) {
		const struct weir__encode_op *op = &e->ops[i];
		const uint8_t *v = op->what == PUT_BYTE ? NULL : (const uint8_t *)value + op->offset;
		uint64_t x8;
		uint32_t x4;
		uint16_t x2;
		double d;
		float f;

		switch (op->what) {
		case PUT_BYTE:
			*out++ = op->byte;
			break;
		case MOVE_BOOL:
			*out++ = *v != 0;
			break;
		case MOVE_1:
			*out++ = *v;
			break;
		case MOVE_2:
			memcpy(&x2, v, 2), x2 = __builtin_bswap16(x2), memcpy(out, &x2, 2), out += 2;
			break;
		case MOVE_FLOAT:
			memcpy(&f, v, 4), memcpy(&x4, v, 4);
			x4 = __builtin_bswap32(f != f ? 0x7fc00000u : x4), memcpy(out, &x4, 4), out += 4;
			break;
		case MOVE_4:
			memcpy(&x4, v, 4), x4 = __builtin_bswap32(x4), memcpy(out, &x4, 4), out += 4;
			break;
		case MOVE_DOUBLE:
			memcpy(&d, v, 8), memcpy(&x8, v, 8);
			x8 = __builtin_bswap64(d != d ? 0x7ff8000000000000u : x8), memcpy(out, &x8, 8), out += 8;
			break;
		case MOVE_8:
			memcpy(&x8, v, 8), x8 = __builtin_bswap64(x8), memcpy(out, &x8, 8), out += 8;
			break;
		default: {
			int64_t ms;

			memcpy(&ms, v, 8);
			out = put_instant(ms, out);
		}
		}
	}
	return out;
}
