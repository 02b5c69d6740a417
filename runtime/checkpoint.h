/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint on its way through a job: the request that barriers carry, and what one task hands in.
 */
#ifndef WEIR_RUNTIME_CHECKPOINT_H
#define WEIR_RUNTIME_CHECKPOINT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "runtime/coordinator.h"
#include "state/ckpt/store.h"
#include "state/flink/keyed.h"

/* Shared by the job, the barriers in channels and the writing threads; the last reference frees it and removes what an aborted one wrote. */
struct weir_ckpt_request {
	_Atomic uint32_t refs;
	_Atomic bool aborted;
	_Atomic uint64_t bytes;             /* written so far */
	int64_t id;
	enum weir_coordinator_kind kind;
	bool savepoint;                     /* has a directory of its own and is not counted among the checkpoints */
	enum weir_keyed_format format;
	int32_t oper_version;               /* operator state proxy: 5 or 6 */
	struct weir_store *store;           /* NULL: nothing is stored, only committed */
	struct weir_store_target *target;   /* NULL likewise, and once completed */
	int64_t triggered_ms;
};
struct weir_ckpt_request *weir_ckpt_request_ref(struct weir_ckpt_request *r);
void weir_ckpt_request_unref(struct weir_ckpt_request *r);

/* What one task hands in: for each operator of its chain, the state of this subtask. Owned by whoever holds it. */
struct weir_task_ack {
	struct weir_arena arena;
	uint32_t nops;
	struct weir_subtask_state *ops;     /* index = subtask */
};
void weir_task_ack_free(struct weir_task_ack *a);

#endif
