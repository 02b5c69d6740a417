/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: what moves between operators. Up to WEIR_BATCH_ROWS rows as columns: one 64-byte aligned array of native values per
 * field of the row type (a type without fields has one column). Text views point into the batch's memory or into memory of a batch it
 * keeps alive. A published batch is immutable and reference-counted (atomic: it may be shared by threads); a selection picks rows without
 * copying.
 */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include <weir/type.h>

#define WEIR_BATCH_ROWS 1024u
#define WEIR_NO_TIME INT64_MIN

struct weir_batch {
	uint32_t rows;
	uint32_t ncols;
	const struct weir_type *type;
	void **cols;                /* ncols arrays of WEIR_BATCH_ROWS values */
	int64_t *times;             /* event times in ms, or NULL when rows carry none */
	/* A key computed once, upstream of a keyed operator: by whom the batch was last partitioned. NULL otherwise. */
	const void *keys;           /* native keys, dense */
	const uint64_t *hashes;     /* weir_type_hash of each */
	const uint16_t *groups;     /* key group of each */
	/* private: runtime/batch.c */
	uint32_t refs;
	struct weir_batch_memory *memory;
};

/* Rows of a batch: n ascending row numbers, or all of them when rows is NULL. */
struct weir_select {
	uint32_t n;
	uint16_t *rows;
};

/* The column of a record's field: const int32_t *delay = weir_column(in, flight, delay); */
#define weir_column(batch, record, field) weir_column_at((batch), offsetof(struct record, field))
/* By byte offset in the record; NULL when no field starts there. */
const void *weir_column_at(const struct weir_batch *b, size_t offset);

/* Keep row i when the condition holds, without a branch. out->rows has room for every row of the batch. */
#define weir_select_if(out, i, condition) \
	((out)->rows[(out)->n] = (uint16_t)(i), (out)->n += (condition) ? 1u : 0u)

/* Copy row i into a record of the batch's type. Text still points into the batch. */
void weir_batch_row(const struct weir_batch *b, uint32_t i, void *out_record);

#endif
