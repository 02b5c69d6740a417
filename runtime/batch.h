/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making batches. weir/batch.h says what a batch is.
 *
 * A batch is built by one thread, then published (immutable) and shared by reference: ref/unref are atomic. Its memory is one block for columns and
 * times, an arena for text, and references to batches whose memory its text points into.
 */
#ifndef WEIR_RUNTIME_BATCH_H
#define WEIR_RUNTIME_BATCH_H

#include <weir/batch.h>

#include "base/arena.h"

/* An empty batch with room for WEIR_BATCH_ROWS rows of t (prepared). With times when `timed`. NULL when out of memory. */
struct weir_batch *weir_batch_new(const struct weir_type *t, bool timed);
struct weir_batch *weir_batch_ref(struct weir_batch *b);
void weir_batch_unref(struct weir_batch *b); /* NULL is allowed */
/* Take back a batch that was emitted: emptied for the next rows when nobody else holds it, else NULL. The reference is given up either way. */
struct weir_batch *weir_batch_reuse(struct weir_batch *b);
struct weir_arena *weir_batch_arena(struct weir_batch *b);      /* for text of rows being built */
/* Text of b may point into `from`, which then lives as long as b. False when out of memory. */
bool weir_batch_keep(struct weir_batch *b, struct weir_batch *from);
/* Append a row (a native record): text and containers are copied. False when out of memory. The caller sees to room. */
bool weir_batch_append(struct weir_batch *b, const void *row, int64_t time);
/* Another batch with the same columns but other types or columns is made with weir_batch_new and column copies; a batch that shares columns: */
/* Columns of `from` by reference under another key (hashes etc. NULL). Used to attach keys after partitioning. */
struct weir_batch *weir_batch_alias(struct weir_batch *from);
/* The same with room for `bytes` more (64-byte aligned) that live as long as it does. */
struct weir_batch *weir_batch_alias_room(struct weir_batch *from, size_t bytes, void **out_room);

/* Rows in blocks: columns <-> records a column at a time, so that a field's width is decided once a block. Records lie type->size bytes apart. */
#define WEIR_ROW_BLOCK 64u
/* Records of n rows: pick[0..], or first.. when pick is NULL. Padding and null bits of out are left alone. Text still points into the batch. */
void weir_batch_rows(const struct weir_batch *b, const uint16_t *pick, uint32_t first, uint32_t n, void *out);
/* Append n records at once. Only when weir_batch_is_plain(type); text of more than 12 bytes must be in memory that the batch keeps alive. */
void weir_batch_append_rows(struct weir_batch *b, const void *rows, uint32_t n, const int64_t *times);
/* Every column is flat or text. */
bool weir_batch_is_plain(const struct weir_type *t);

/* Column of field `f` (its index). */
static inline void *weir_batch_col(const struct weir_batch *b, uint32_t f) { return b->cols[f]; }
static inline uint32_t weir_col_width(const struct weir_type *t, uint32_t f) { return t->nfields && t->kind >= WEIR_TUPLE ? t->fields[f].type->size : t->size; }

#endif
