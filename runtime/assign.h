/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets what: key-group ranges of subtasks, and which stored state each subtask of a restored operator reads, at the old
 * or at a new parallelism. Flink's arithmetic, so that a job moves between both. Pure; works on the checkpoint model.
 */
#ifndef WEIR_RUNTIME_ASSIGN_H
#define WEIR_RUNTIME_ASSIGN_H

#include <stdbool.h>

#include <weir/ckpt.h>
#include <weir/error.h>

struct weir_arena;

#define WEIR_MAX_PARALLELISM_LIMIT 32768u
#define WEIR_MAX_PARALLELISM_DEFAULT_LOW 128u

/* ---- key groups ---- */
struct weir_key_group_range {
	uint32_t first, last; /* inclusive */
};
/* Of subtask `index` of `parallelism` <= max_parallelism. */
static inline struct weir_key_group_range weir_key_group_range_of(uint32_t max_parallelism, uint32_t parallelism, uint32_t index)
{
	uint64_t m = max_parallelism, p = parallelism, i = index;

	return (struct weir_key_group_range){ (uint32_t)((i * m + p - 1) / p), (uint32_t)(((i + 1) * m - 1) / p) };
}
/* The subtask that owns a key group. */
static inline uint32_t weir_key_group_owner(uint32_t max_parallelism, uint32_t parallelism, uint32_t key_group)
{
	return (uint32_t)((uint64_t)key_group * parallelism / max_parallelism);
}
/* What Flink takes when nothing is set: the power of two at or above 1.5 times the parallelism, within 128..32768. */
uint32_t weir_max_parallelism_default(uint32_t parallelism);

/* ---- may this operator be restored so? ---- */
/*
 * set_max: what the job asks for (`pipeline.max-parallelism` or the operator's own), 0 when nothing is set. *out_max is what
 * the job must use. WEIR_EINCOMPATIBLE with a message that says what to do: max parallelism differs from the stored one, or
 * the parallelism is above it; WEIR_EINVALID for numbers outside 1..32768.
 */
int weir_assign_check(const struct weir_operator_state *stored, uint32_t parallelism, uint32_t set_max, uint32_t *out_max, struct weir_error *err) WEIR_CHECK;

/* ---- keyed state ---- */
struct weir_assign_keyed {
	uint32_t old_subtask;                   /* its number, not its place in the array */
	const struct weir_keyed_handle *handle;
	struct weir_key_group_range range;      /* the part of it that is wanted */
};
/* The handles that hold key groups of new subtask `index`. Returns how many there are and stores the first `cap`. */
uint32_t weir_assign_keyed(const struct weir_operator_state *stored, bool raw, uint32_t parallelism, uint32_t index, struct weir_assign_keyed *out,
			   uint32_t cap);

/* ---- operator state ---- */
/* Elements first..first+count-1 of a list of an old subtask's operator handle. */
struct weir_assign_piece {
	uint32_t old_subtask;                    /* its number */
	const struct weir_operator_handle *handle;
	const struct weir_operator_list *list;
	uint32_t first, count;
};

struct weir_assign_plan;
/*
 * Redistribution as Flink's RoundRobinOperatorStateRepartitioner does it. The plan and what it needs live in `mem`; the stored
 * operator must outlive it. Same parallelism: lists stay where they are, UNION goes to all, BROADCAST is spread again only
 * when some subtasks did not report it. WEIR_ECORRUPT: two subtasks with one number, a number outside the parallelism, an
 * unknown mode.
 */
int weir_assign_plan_new(const struct weir_operator_state *stored, bool raw, uint32_t parallelism, struct weir_arena *mem, struct weir_assign_plan **out,
			 struct weir_error *err) WEIR_CHECK;
/*
 * The pieces of new subtask `index`: state by state in Flink's order, each in order of old subtasks. Returns how many there
 * are and stores the first `cap`. A list that stays in place is given even when empty.
 */
uint32_t weir_assign_plan_pieces(const struct weir_assign_plan *p, uint32_t index, struct weir_assign_piece *out, uint32_t cap);

#endif
