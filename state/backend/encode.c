// SPDX-License-Identifier: Apache-2.0
/*
 * A checkpoint writes tens of millions of small values. For types whose wire form is a fixed sequence of numbers (numbers, windows, tuples of them, POJOs
 * without null bitmap) the sequence is worked out once and then replayed, one move at a time over a whole batch of rows, so that the loops know what
 * they move. Everything else goes through weir_type_write.
 *
 * Invariants
 *   1. The bytes are those of weir_type_write (tests/unit/backend/test_encode.c compares them).
 *   2. Every byte of a row is written by exactly one operation, so their order does not matter.
 * Pure.
 */
#include "state/backend/encode.h"

#include <string.h>

enum { PUT_1, PUT_2, PUT_4, PUT_8, MOVE_BOOL, MOVE_1, MOVE_2, MOVE_4, MOVE_8, MOVE_8_FLIPPED, MOVE_FLOAT, MOVE_DOUBLE, MOVE_INSTANT };

/* ---- the plan ---- */

uint32_t weir__row_size(const struct weir_type *t)
{
	uint32_t sum = t->kind == WEIR_POJO ? 1 + t->nfields : 0;

	switch (t->kind) {
	case WEIR_BOOLEAN:
	case WEIR_INT8:
	case WEIR_VOID:
	case WEIR_GLOBAL_WINDOW:
		return 1;
	case WEIR_INT16:
	case WEIR_CHAR:
		return 2;
	case WEIR_INT32:
	case WEIR_FLOAT:
		return 4;
	case WEIR_INT64:
	case WEIR_DOUBLE:
		return 8;
	case WEIR_TIMESTAMP:
		return 12;
	case WEIR_TIME_WINDOW:
		return 16;
	case WEIR_POJO:
		if (t->null_offset != WEIR_NO_NULLS)
			return 0;
		/* fall through */
	case WEIR_TUPLE:
		for (uint32_t i = 0; i < t->nfields; i++) {
			uint32_t n = weir__row_size(t->fields[i].type);

			if (!n || sum + n > WEIR__ROW_BYTES)
				return 0;
			sum += n;
		}
		return sum;
	default:
		return 0;
	}
}

static bool add_op(struct weir__row_plan *p, uint8_t what, uint32_t source, uint32_t offset, uint32_t at, uint32_t size)
{
	if (p->nops == WEIR__ROW_OPS)
		return false;
	memset(p->moved + at, 1, size);
	p->ops[p->nops++] = (struct weir__row_op){ .what = what, .source = (uint8_t)source, .at = (uint16_t)at, .offset = offset };
	return true;
}

bool weir__row_begin(struct weir__row_plan *p, const uint8_t *fixed, size_t size)
{
	if (size > WEIR__ROW_BYTES)
		return false;
	p->size = (uint32_t)size;
	p->nops = 0;
	memcpy(p->fixed, fixed, size);
	memset(p->moved, 0, size);
	return true;
}

bool weir__row_add_timestamp(struct weir__row_plan *p, uint32_t source, uint32_t offset, uint32_t at)
{
	return add_op(p, MOVE_8_FLIPPED, source, offset, at, 8);
}

bool weir__row_add(struct weir__row_plan *p, const struct weir_type *t, uint32_t source, uint32_t offset, uint32_t at)
{
	switch (t->kind) {
	case WEIR_BOOLEAN:
		return add_op(p, MOVE_BOOL, source, offset, at, 1);
	case WEIR_INT8:
		return add_op(p, MOVE_1, source, offset, at, 1);
	case WEIR_INT16:
	case WEIR_CHAR:
		return add_op(p, MOVE_2, source, offset, at, 2);
	case WEIR_INT32:
		return add_op(p, MOVE_4, source, offset, at, 4);
	case WEIR_INT64:
		return add_op(p, MOVE_8, source, offset, at, 8);
	case WEIR_FLOAT:
		return add_op(p, MOVE_FLOAT, source, offset, at, 4);
	case WEIR_DOUBLE:
		return add_op(p, MOVE_DOUBLE, source, offset, at, 8);
	case WEIR_TIMESTAMP:
		return add_op(p, MOVE_INSTANT, source, offset, at, 12);
	case WEIR_TIME_WINDOW:
		return add_op(p, MOVE_8, source, offset, at, 8) && add_op(p, MOVE_8, source, offset + 8, at + 8, 8);
	case WEIR_POJO: /* flags: plain; then each field by name with its null flag */
		p->fixed[at++] = 2;
		for (uint32_t i = 0; i < t->nfields; i++) {
			const struct weir_field *f = &t->fields[t->wire_order ? t->wire_order[i] : i];

			p->fixed[at++] = 0;
			if (!weir__row_add(p, f->type, source, offset + f->offset, at))
				return false;
			at += weir__row_size(f->type);
		}
		return true;
	case WEIR_TUPLE:
		for (uint32_t i = 0; i < t->nfields; i++) {
			if (!weir__row_add(p, t->fields[i].type, source, offset + t->fields[i].offset, at))
				return false;
			at += weir__row_size(t->fields[i].type);
		}
		return true;
	default: /* void, global window */
		p->fixed[at] = 0;
		return true;
	}
}

bool weir__row_end(struct weir__row_plan *p)
{
	for (uint32_t at = 0, n; at < p->size; at += n) {
		uint32_t run = 0, what = PUT_1;

		n = 1;
		if (p->moved[at])
			continue;
		while (at + run < p->size && run < 8 && !p->moved[at + run])
			run++;
		while (n * 2 <= run)
			n *= 2, what++;
		if (p->nops == WEIR__ROW_OPS)
			return false;
		p->ops[p->nops] = (struct weir__row_op){ .what = (uint8_t)what, .at = (uint16_t)at };
		memcpy(&p->ops[p->nops++].bytes, p->fixed + at, n);
	}
	return true;
}

/* ---- replaying it ---- */

static void put_instant(int64_t ms, uint8_t *out)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	uint64_t s = __builtin_bswap64((uint64_t)seconds);
	uint32_t n = __builtin_bswap32((uint32_t)(ms - seconds * 1000) * 1000000u);

	memcpy(out, &s, 8);
	memcpy(out + 8, &n, 4);
}

/* One operation over all rows: `to` is the place in the row. */
#define EACH(T, FROM, TO)                                                                    \
	for (uint32_t i = 0; i < n; i++, to += size) {                                       \
		T x;                                                                         \
		FROM;                                                                        \
		TO;                                                                          \
		memcpy(to, &x, sizeof(x));                                                   \
	}
#define EACH_MOVED(T, TO) EACH(T, memcpy(&x, from[i] + offset, sizeof(x)), TO)

static void encode_op(const struct weir__row_op *op, uint32_t n, const uint8_t *const *from, uint8_t *to, size_t size)
{
	uint32_t offset = op->offset;

	switch (op->what) {
	case PUT_1:
		EACH(uint8_t, x = (uint8_t)op->bytes, )
		break;
	case PUT_2:
		EACH(uint16_t, memcpy(&x, &op->bytes, 2), )
		break;
	case PUT_4:
		EACH(uint32_t, memcpy(&x, &op->bytes, 4), )
		break;
	case PUT_8:
		EACH(uint64_t, x = op->bytes, )
		break;
	case MOVE_BOOL:
		EACH_MOVED(uint8_t, x = x != 0)
		break;
	case MOVE_1:
		EACH_MOVED(uint8_t, )
		break;
	case MOVE_2:
		EACH_MOVED(uint16_t, x = __builtin_bswap16(x))
		break;
	case MOVE_4:
		EACH_MOVED(uint32_t, x = __builtin_bswap32(x))
		break;
	case MOVE_8:
		EACH_MOVED(uint64_t, x = __builtin_bswap64(x))
		break;
	case MOVE_8_FLIPPED:
		EACH_MOVED(uint64_t, x = __builtin_bswap64(x ^ (uint64_t)1 << 63))
		break;
	case MOVE_FLOAT: /* every NaN is Java's */
		EACH_MOVED(uint32_t, x = __builtin_bswap32((x & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : x))
		break;
	case MOVE_DOUBLE:
		EACH_MOVED(uint64_t, x = __builtin_bswap64((x & INT64_MAX) > 0x7ff0000000000000u ? 0x7ff8000000000000u : x))
		break;
	default:
		for (uint32_t i = 0; i < n; i++, to += size) {
			int64_t ms;

			memcpy(&ms, from[i] + offset, 8);
			put_instant(ms, to);
		}
	}
}

void weir__row_encode(const struct weir__row_plan *p, uint32_t n, const uint8_t *const *const sources[WEIR__ROW_SOURCES], uint8_t *out)
{
	for (uint32_t i = 0; i < p->nops; i++)
		encode_op(&p->ops[i], n, sources[p->ops[i].source], out + p->ops[i].at, p->size);
}
