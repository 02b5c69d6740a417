/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel: a bounded single-producer single-consumer ring of elements between two tasks of one process. Its free slots are the producer's
 * credits. Elements keep their order; barriers and watermarks travel among the rows.
 */
#ifndef WEIR_RUNTIME_CHANNEL_H
#define WEIR_RUNTIME_CHANNEL_H

#include <stdatomic.h>

#include "runtime/batch.h"
#include "runtime/host.h"

struct weir_ckpt_request;

enum weir_element_kind {
	WEIR_EL_BATCH,
	WEIR_EL_WATERMARK, /* value */
	WEIR_EL_IDLE,      /* value: 1 idle, 0 active again */
	WEIR_EL_BARRIER,   /* request */
	WEIR_EL_CANCEL,    /* value: checkpoint id that will not happen */
	WEIR_EL_END,       /* no more rows; barriers may still come */
	WEIR_EL_START,     /* the watermark from which the producer starts has been sent: rows may follow */
};

struct weir_element {
	enum weir_element_kind kind;
	struct weir_select rows;          /* BATCH: owned (malloc) or rows == NULL */
	union {
		struct weir_batch *batch;     /* owned reference */
		int64_t value;
		struct weir_ckpt_request *request; /* owned reference */
	} u;
};
void weir_element_drop(struct weir_element *e);

#define WEIR_CHANNEL_SLOTS 16u
#define WEIR_CHANNEL_WAKE_AT 6u  /* elements that a sleeping consumer lets gather */

struct weir_channel {
	_Alignas(64) _Atomic uint32_t head; /* next to read: the consumer's */
	_Alignas(64) _Atomic uint32_t tail; /* next to write: the producer's */
	bool owed;                          /* the producer's: the consumer may sleep and has not been told of what is here */
	_Alignas(64) struct weir_element slots[WEIR_CHANNEL_SLOTS];
	struct weir_actor *producer, *consumer;
};

/* Producer. False when the ring is full; the element then stays the caller's. Rows and watermarks do not wake a sleeping consumer one by one: the producer
 * owes it a flush, before it sleeps itself and within WEIR_FLUSH_NS. Everything else wakes at once. */
bool weir_channel_push(struct weir_channel *c, const struct weir_element *e);
void weir_channel_flush(struct weir_channel *c);
#define WEIR_FLUSH_NS 200000
static inline uint32_t weir_channel_credits(const struct weir_channel *c)
{
	return WEIR_CHANNEL_SLOTS - (atomic_load_explicit(&c->tail, memory_order_relaxed) - atomic_load(&c->head));
}
/* Consumer. False when it is empty. The element is the caller's. */
bool weir_channel_pop(struct weir_channel *c, struct weir_element *out);
static inline bool weir_channel_empty(const struct weir_channel *c)
{
	return atomic_load_explicit(&c->head, memory_order_relaxed) == atomic_load(&c->tail);
}
/* Consumer. The kind of the next element; false when it is empty. */
static inline bool weir_channel_peek(const struct weir_channel *c, enum weir_element_kind *out)
{
	uint32_t head = atomic_load_explicit(&c->head, memory_order_relaxed);

	if (head == atomic_load(&c->tail))
		return false;
	*out = c->slots[head % WEIR_CHANNEL_SLOTS].kind;
	return true;
}
/* Drop what is left: neither side may be running. */
void weir_channel_discard(struct weir_channel *c);

#endif
