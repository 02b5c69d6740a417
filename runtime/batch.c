// SPDX-License-Identifier: Apache-2.0
/*
 * Column batches. One malloc holds the header, the column pointers, the columns (64-byte aligned) and the times; text lives in the batch's arena or in
 * batches that it keeps alive.
 *
 * Invariants: a batch with refs > 1 is not changed; `kept` forms no cycles (a batch only keeps batches made before it).
 * Threading: building is one thread's; ref and unref are anybody's. Fails only for want of memory.
 */
#include "runtime/batch.h"

#include <stdlib.h>

#include "base/vec.h"

struct weir_batch_memory {
	struct weir_arena arena;
	WEIR_VEC(struct weir_batch *) kept;
};

static uint32_t columns_of(const struct weir_type *t)
{
	return t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO ? t->nfields : 1;
}

static size_t aligned(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static struct weir_batch *new_header(uint32_t ncols, size_t data, char **out_data)
{
	size_t head = aligned(sizeof(struct weir_batch) + sizeof(struct weir_batch_memory) + ncols * sizeof(void *));
	struct weir_batch *b;
	char *p;

	if (posix_memalign((void **)&p, 64, head + data) != 0)
		return NULL;
	memset(p, 0, sizeof(struct weir_batch) + sizeof(struct weir_batch_memory));
	b = (struct weir_batch *)p;
	b->memory = (struct weir_batch_memory *)(b + 1);
	b->cols = (void **)(b->memory + 1);
	b->ncols = ncols;
	b->refs = 1;
	*out_data = p + head;
	return b;
}

struct weir_batch *weir_batch_new(const struct weir_type *t, bool timed)
{
	uint32_t n = columns_of(t);
	size_t data = timed ? aligned(WEIR_BATCH_ROWS * sizeof(int64_t)) : 0;
	struct weir_batch *b;
	char *p;

	for (uint32_t i = 0; i < n; i++)
		data += aligned((size_t)WEIR_BATCH_ROWS * weir_col_width(t, i));
	b = new_header(n, data, &p);
	if (!b)
		return NULL;
	b->type = t;
	for (uint32_t i = 0; i < n; i++) {
		b->cols[i] = p;
		p += aligned((size_t)WEIR_BATCH_ROWS * weir_col_width(t, i));
	}
	if (timed)
		b->times = (int64_t *)(void *)p;
	return b;
}

struct weir_batch *weir_batch_ref(struct weir_batch *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void weir_batch_unref(struct weir_batch *b)
{
	if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	for (size_t i = 0; i < b->memory->kept.len; i++)
		weir_batch_unref(b->memory->kept.items[i]);
	weir_vec_fini(&b->memory->kept);
	weir_arena_fini(&b->memory->arena);
	free(b);
}

struct weir_batch *weir_batch_reuse(struct weir_batch *b)
{
	if (__atomic_load_n(&b->refs, __ATOMIC_ACQUIRE) != 1) {
		weir_batch_unref(b);
		return NULL;
	}
	for (size_t i = 0; i < b->memory->kept.len; i++)
		weir_batch_unref(b->memory->kept.items[i]);
	b->memory->kept.len = 0;
	weir_arena_reset(&b->memory->arena);
	b->rows = 0;
	return b;
}

struct weir_arena *weir_batch_arena(struct weir_batch *b)
{
	return &b->memory->arena;
}

bool weir_batch_keep(struct weir_batch *b, struct weir_batch *from)
{
	struct weir_batch **slot;

	if (b->memory->kept.len && b->memory->kept.items[b->memory->kept.len - 1] == from)
		return true;
	slot = weir_vec_push(&b->memory->kept);
	if (slot)
		*slot = weir_batch_ref(from);
	return slot != NULL;
}

struct weir_batch *weir_batch_alias_room(struct weir_batch *from, size_t bytes, void **out_room)
{
	char *room;
	struct weir_batch *b = new_header(from->ncols, aligned(bytes), &room);

	if (!b)
		return NULL;
	b->rows = from->rows;
	b->type = from->type;
	memcpy(b->cols, from->cols, from->ncols * sizeof(void *));
	b->times = from->times;
	if (!weir_batch_keep(b, from)) {
		weir_batch_unref(b);
		return NULL;
	}
	*out_room = room;
	return b;
}

struct weir_batch *weir_batch_alias(struct weir_batch *from)
{
	void *none;

	return weir_batch_alias_room(from, 0, &none);
}

static inline void put(void *col, uint32_t i, uint32_t width, const void *from)
{
	switch (width) {
	case 1: ((uint8_t *)col)[i] = *(const uint8_t *)from; break;
	case 4: memcpy((char *)col + (size_t)i * 4, from, 4); break;
	case 8: memcpy((char *)col + (size_t)i * 8, from, 8); break;
	case 16: memcpy((char *)col + (size_t)i * 16, from, 16); break;
	default: memcpy((char *)col + (size_t)i * width, from, width);
	}
}

static inline bool put_deep(struct weir_batch *b, const struct weir_type *t, void *col, const void *from)
{
	char *to = (char *)col + (size_t)b->rows * t->size;

	if (t->kind == WEIR_STRING || t->kind == WEIR_BYTES) {
		const struct weir_str *text = from;

		if (text->len <= WEIR_STR_INLINE) {
			memcpy(to, from, sizeof(*text));
			return true;
		}
		return weir_arena_str(&b->memory->arena, *text, (struct weir_str *)(void *)to);
	}
	return weir_type_copy(t, from, &b->memory->arena, to);
}

bool weir_batch_append(struct weir_batch *b, const void *row, int64_t time)
{
	const struct weir_type *t = b->type;

	if (b->ncols == 1 && columns_of(t) == 1 && !(t->kind >= WEIR_TUPLE && t->kind <= WEIR_POJO)) {
		if (t->flags & WEIR_TYPE_FLAT)
			put(b->cols[0], b->rows, t->size, row);
		else if (!put_deep(b, t, b->cols[0], row))
			return false;
	} else {
		for (uint32_t i = 0; i < b->ncols; i++) {
			const struct weir_field *f = &t->fields[i];
			const void *from = (const char *)row + f->offset;

			if (f->type->flags & WEIR_TYPE_FLAT)
				put(b->cols[i], b->rows, f->type->size, from);
			else if (!put_deep(b, f->type, b->cols[i], from))
				return false;
		}
	}
	if (b->times)
		b->times[b->rows] = time;
	b->rows++;
	return true;
}

const void *weir_column_at(const struct weir_batch *b, size_t offset)
{
	for (uint32_t i = 0; i < b->type->nfields && i < b->ncols; i++)
		if (b->type->fields[i].offset == offset)
			return b->cols[i];
	return NULL;
}

static inline void get(const void *col, uint32_t i, uint32_t width, void *to)
{
	switch (width) {
	case 1: *(uint8_t *)to = ((const uint8_t *)col)[i]; break;
	case 4: memcpy(to, (const char *)col + (size_t)i * 4, 4); break;
	case 8: memcpy(to, (const char *)col + (size_t)i * 8, 8); break;
	case 16: memcpy(to, (const char *)col + (size_t)i * 16, 16); break;
	default: memcpy(to, (const char *)col + (size_t)i * width, width);
	}
}

void weir_batch_row(const struct weir_batch *b, uint32_t i, void *out)
{
	const struct weir_type *t = b->type;

	if (!(t->kind >= WEIR_TUPLE && t->kind <= WEIR_POJO)) {
		get(b->cols[0], i, t->size, out);
		return;
	}
	for (uint32_t c = 0; c < b->ncols; c++)
		get(b->cols[c], i, t->fields[c].type->size, (char *)out + t->fields[c].offset);
}

/* ---- rows in blocks ---- */

/* The compiler gets the width as a constant, and four values a turn. */
#define EACH_ROW(width)                                                                                                                              \
	for (; n >= 4; n -= 4, from += 4 * from_step, to += 4 * to_step) {                                                                           \
		memcpy(to, from, width);                                                                                                             \
		memcpy(to + to_step, from + from_step, width);                                                                                       \
		memcpy(to + 2 * to_step, from + 2 * from_step, width);                                                                               \
		memcpy(to + 3 * to_step, from + 3 * from_step, width);                                                                               \
	}                                                                                                                                            \
	for (; n; n--, from += from_step, to += to_step)                                                                                             \
		memcpy(to, from, width)

/* n values, from_step and to_step bytes apart. */
static inline void move_column(uint32_t width, const char *from, size_t from_step, char *to, size_t to_step, uint32_t n)
{
	switch (width) {
	case 1: EACH_ROW(1); break;
	case 4: EACH_ROW(4); break;
	case 8: EACH_ROW(8); break;
	case 16: EACH_ROW(16); break;
	default: EACH_ROW(width);
	}
}

/* The same from the picked rows of a column. */
static inline void pick_column(uint32_t width, const char *col, const uint16_t *pick, char *to, size_t to_step, uint32_t n)
{
#define EACH_PICKED(width)                                                                                                                           \
	for (uint32_t i = 0; i < n; i++, to += to_step)                                                                                              \
		memcpy(to, col + (size_t)pick[i] * (width), width)

	switch (width) {
	case 1: EACH_PICKED(1); break;
	case 4: EACH_PICKED(4); break;
	case 8: EACH_PICKED(8); break;
	case 16: EACH_PICKED(16); break;
	default: EACH_PICKED(width);
	}
}

void weir_batch_rows(const struct weir_batch *b, const uint16_t *pick, uint32_t first, uint32_t n, void *out)
{
	const struct weir_type *t = b->type;
	bool record = t->kind >= WEIR_TUPLE && t->kind <= WEIR_POJO;

	for (uint32_t c = 0; c < b->ncols; c++) {
		uint32_t width = record ? t->fields[c].type->size : t->size;
		char *to = (char *)out + (record ? t->fields[c].offset : 0);

		if (pick)
			pick_column(width, b->cols[c], pick, to, t->size, n);
		else
			move_column(width, (const char *)b->cols[c] + (size_t)first * width, width, to, t->size, n);
	}
}

bool weir_batch_is_plain(const struct weir_type *t)
{
	uint32_t n = columns_of(t);

	if (n == 1 && !(t->kind >= WEIR_TUPLE && t->kind <= WEIR_POJO))
		return t->flags & WEIR_TYPE_FLAT || t->kind == WEIR_STRING || t->kind == WEIR_BYTES;
	for (uint32_t i = 0; i < n; i++) {
		const struct weir_type *f = t->fields[i].type;

		if (!(f->flags & WEIR_TYPE_FLAT) && f->kind != WEIR_STRING && f->kind != WEIR_BYTES)
			return false;
	}
	return true;
}

void weir_batch_append_rows(struct weir_batch *b, const void *rows, uint32_t n, const int64_t *times)
{
	const struct weir_type *t = b->type;
	bool record = t->kind >= WEIR_TUPLE && t->kind <= WEIR_POJO;

	for (uint32_t c = 0; c < b->ncols; c++) {
		uint32_t width = record ? t->fields[c].type->size : t->size;

		move_column(width, (const char *)rows + (record ? t->fields[c].offset : 0), t->size, (char *)b->cols[c] + (size_t)b->rows * width, width, n);
	}
	if (b->times)
		memcpy(b->times + b->rows, times, n * sizeof(*times));
	b->rows += n;
}
