/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task: a chain of operators run as one actor, with a mailbox, input channels and output channels. Only task*.c look inside.
 *
 * States: NEW -> RUNNING -> ENDED (every input has ended, operators are finished; checkpoints go on) -> CLOSED. From any state an error leads to FAILED,
 * a CANCEL mail to CANCELED. CLOSED, FAILED and CANCELED are final: operators are closed, step() says DONE.
 */
#ifndef WEIR_RUNTIME_TASK_H
#define WEIR_RUNTIME_TASK_H

#include <pthread.h>

#include "runtime/assign.h"
#include "runtime/channel.h"
#include "runtime/checkpoint.h"
#include "runtime/gate.h"
#include "runtime/graph.h"
#include "runtime/watermark.h"

enum weir_task_state { WEIR_TASK_NEW, WEIR_TASK_RUNNING, WEIR_TASK_ENDED, WEIR_TASK_CLOSED, WEIR_TASK_FAILED, WEIR_TASK_CANCELED, WEIR_TASK_STATE_MAX };

enum weir_mail_kind {
	WEIR_MAIL_TRIGGER,       /* request: sources only */
	WEIR_MAIL_COMMITTED,     /* id */
	WEIR_MAIL_ABORTED,       /* id */
	WEIR_MAIL_SNAPSHOT_DONE, /* snapshot: the writing thread is through with it */
	WEIR_MAIL_CLOSE,         /* the job is over: close and say so */
	WEIR_MAIL_CANCEL,
};
struct weir_mail {
	enum weir_mail_kind kind;
	int64_t id;
	struct weir_ckpt_request *request; /* owned */
	struct weir_snapshot *snapshot;
	struct weir_mail *next;
};

/* What a task tells its job. Called on the task's or an I/O thread: the job queues it. */
enum weir_task_event_kind { WEIR_TASK_IS_RUNNING, WEIR_TASK_ACK, WEIR_TASK_DECLINE, WEIR_TASK_HAS_ENDED, WEIR_TASK_IS_DONE, WEIR_TASK_NOTICE };
struct weir_task_event {
	enum weir_task_event_kind kind;
	uint32_t task;
	int64_t ckpt;
	enum weir_ckpt_failure reason;   /* DECLINE */
	struct weir_task_ack *ack;       /* ACK: owned by the job from now on */
	enum weir_task_state state;      /* IS_DONE */
	struct weir_error err;           /* DECLINE, IS_DONE/FAILED; NOTICE: the text is its message */
};
typedef void weir_task_event_fn(void *job, const struct weir_task_event *e);

struct weir_output {                     /* one output edge of an operator */
	const struct weir_node *consumer;
	const struct weir_edge *edge;    /* of the consumer */
	const char *tag;
	struct weir_op *chained;         /* next in the chain, or */
	enum weir_exchange exchange;
	const struct weir_key_spec *key;
	uint32_t nchannels, first;       /* ... the channels: task->out[first..] */
	uint32_t next;                   /* REBALANCE: whose turn */
	uint32_t consumer_max_parallelism;
	uint16_t (*picked)[WEIR_BATCH_ROWS]; /* BY_KEY: scratch, one row list per channel */
	uint32_t *npicked;
};

struct weir_overflow { /* an element that found its channel full */
	uint32_t channel;
	struct weir_element element;
};

struct weir_accumulator {
	char name[64];
	int64_t value;
	struct weir_accumulator *next;
};

struct weir_op_slot { /* an operator instance and what the task keeps about it */
	struct weir_op *op;
	uint32_t noutputs;
	struct weir_output *outputs;
	const struct weir_operator_state *restored; /* NULL: starts empty */
	struct weir_assign_piece *pieces;           /* operator state that falls to this subtask */
	uint32_t npieces;
	int64_t wake_ms;                            /* processing time, INT64_MAX = none */
	uint32_t max_parallelism;
	bool finished;                              /* finish() has run, now or before the snapshot that this start is restored from */
};

/* A watermark whose timers do not all fire in one step. What it holds back: itself, then the rest of the element that it came from. */
struct weir_firing {
	bool on;
	int64_t watermark;
	bool idle_after;                 /* the inputs became idle with it */
	bool input_ended;                /* it came with the end of input `channel` */
	uint32_t channel;
};

#define WEIR_TASK_ALIGNING (WEIR_GATE_PENDING_MAX + 1)

struct weir_task {
	struct weir_actor actor;         /* first */
	uint32_t number;                 /* in the job */
	const struct weir_vertex *vertex;
	uint32_t subtask;
	enum weir_task_state state;
	struct weir_arena arena;
	struct weir_rng rng;
	struct weir_clock *clock;

	uint32_t nops;
	struct weir_op_slot *ops;        /* chain order */

	uint32_t nin, nout;
	struct weir_channel **in, **out;
	struct weir_gate gate;
	struct weir_watermark_merge merge;
	uint32_t next_in;                /* fairness */
	uint32_t ended_in;
	uint32_t waiting_in;             /* inputs that have not started: no rows are taken before it is 0 */
	bool *started_in;                /* of each input */
	bool started;                    /* START was sent */
	bool polled;                     /* sources: once at least */
	struct weir_firing firing;       /* while it is on no input is taken */
	bool source_ended;
	bool stop_requested;             /* the snapshot of a stop was taken: nothing that would change the state or the output happens any more */
	bool finished_before;            /* restored from the checkpoint of a finished job */

	WEIR_VEC(struct weir_overflow) overflow; /* from overflow_head on, in order */
	size_t overflow_head;
	int64_t step_ns, owed_since_ns;  /* end of the last step; since when a consumer has not been told of rows */

	pthread_mutex_t mail_lock;
	struct weir_mail *mail, **mail_last;
	_Atomic bool has_mail;

	struct weir_snapshot *running_snapshot; /* the backend allows one at a time */
	struct weir_ckpt_request *aligning[WEIR_TASK_ALIGNING]; /* whose barriers are coming in; exactly once: one */
	WEIR_VEC(int64_t) aborted;              /* exactly once: checkpoints given up before their barriers came; those are passed over */
	struct weir_ckpt_request *waiting;      /* aligned, but an earlier snapshot is still being written: input waits */
	_Atomic uint32_t inflight;              /* work submitted and not over */
	int64_t last_snapshot_id;

	const struct weir_ckpt *restore; /* NULL: fresh start */
	weir_task_event_fn *tell;
	void *job;

	/* read by others for progress */
	_Atomic uint64_t rows_in, rows_out;
	_Atomic int64_t watermark_ms;
	_Atomic bool backpressured;
	_Atomic int task_state;          /* mirror of state */
	struct weir_accumulator *accumulators; /* task's until DONE */
	struct weir_error err;
};

struct weir_task *weir_task_new(const struct weir_plan *plan, const struct weir_vertex *v, uint32_t subtask, uint32_t number, struct weir_host *host, uint64_t seed);
void weir_task_free(struct weir_task *t); /* after join */
int64_t weir_task_step(struct weir_actor *a);
/* Any thread. The mail is copied; a request reference passes to the task. */
void weir_task_mail(struct weir_task *t, const struct weir_mail *m);

/* ---- between the task's files ---- */
/* exchange.c */
int weir__task_send(struct weir_task *t, uint32_t channel, struct weir_element *e, struct weir_error *err); /* takes the element over */
int weir__task_send_all(struct weir_task *t, enum weir_element_kind kind, int64_t value, struct weir_ckpt_request *request, struct weir_error *err);
int weir__task_send_start(struct weir_task *t, struct weir_error *err); /* once; comes by itself before the first batch */
bool weir__task_flush_overflow(struct weir_task *t); /* true when nothing is left */
/* task_state.c */
int weir__task_restore(struct weir_task *t, struct weir_error *err);  /* find what falls to this subtask; restore backends */
int weir__task_snapshot(struct weir_task *t, struct weir_ckpt_request *r, struct weir_error *err);
void weir__task_snapshot_done(struct weir_task *t, struct weir_snapshot *s);
/* task.c: puts the operator's name in front of the message, once. Returns code. */
int weir__blame(const struct weir_op *op, int code, struct weir_error *err);

/* The operator whose user function runs on this thread, for the message of a crash. NULL outside. */
extern _Thread_local const struct weir_op *weir__current_op;

/* Something that was sent waits for a slower consumer. */
static inline bool weir__task_is_full(const struct weir_task *t) { return t->overflow_head < t->overflow.len; }
static inline struct weir_op_slot *weir__slot_of(struct weir_op *op) { return &op->task->ops[op->node->chain_index]; }

#endif
