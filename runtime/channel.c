// SPDX-License-Identifier: Apache-2.0
/*
 * The ring between two tasks. head and tail only grow; slot i % SLOTS. The consumer is woken when the ring was empty, the producer when it was full.
 * Waking is sometimes done needlessly, never forgotten: the flag of the other side is read after the own index is published (both seq_cst).
 */
#include "runtime/channel.h"

#include <stdlib.h>

#include "runtime/checkpoint.h"

void weir_element_drop(struct weir_element *e)
{
	if (e->kind == WEIR_EL_BATCH) {
		weir_batch_unref(e->u.batch);
		free(e->rows.rows);
	} else if (e->kind == WEIR_EL_BARRIER) {
		weir_ckpt_request_unref(e->u.request);
	}
}

bool weir_channel_push(struct weir_channel *c, const struct weir_element *e)
{
	uint32_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);
	uint32_t head = atomic_load(&c->head);

	if (tail - head == WEIR_CHANNEL_SLOTS)
		return false;
	c->slots[tail % WEIR_CHANNEL_SLOTS] = *e;
	atomic_store(&c->tail, tail + 1);
	if (atomic_load(&c->head) == tail) /* it was empty */
		weir_wake(c->consumer);
	return true;
}

bool weir_channel_pop(struct weir_channel *c, struct weir_element *out)
{
	uint32_t head = atomic_load_explicit(&c->head, memory_order_relaxed);
	uint32_t tail = atomic_load(&c->tail);

	if (head == tail)
		return false;
	*out = c->slots[head % WEIR_CHANNEL_SLOTS];
	atomic_store(&c->head, head + 1);
	if (atomic_load(&c->tail) - head == WEIR_CHANNEL_SLOTS) /* it was full */
		weir_wake(c->producer);
	return true;
}

void weir_channel_discard(struct weir_channel *c)
{
	for (uint32_t i = atomic_load(&c->head); i != atomic_load(&c->tail); i++)
		weir_element_drop(&c->slots[i % WEIR_CHANNEL_SLOTS]);
	atomic_store(&c->head, atomic_load(&c->tail));
}
