// SPDX-License-Identifier: Apache-2.0
/* Reference counts of checkpoint requests. The last one to let go of an aborted request removes its directory: nobody can be writing into it any more. */
#include "runtime/checkpoint.h"

#include <stdlib.h>

struct weir_ckpt_request *weir_ckpt_request_ref(struct weir_ckpt_request *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void weir_ckpt_request_unref(struct weir_ckpt_request *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (r->target)
		weir_store_abort(r->store, r->target);
	free(r);
}

void weir_task_ack_free(struct weir_task_ack *a)
{
	if (!a)
		return;
	weir_arena_fini(&a->arena);
	free(a);
}
