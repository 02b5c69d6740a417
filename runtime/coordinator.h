/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint coordinator of one job: when to trigger checkpoints and savepoints, who has acknowledged, what completes,
 * what fails and whether the job fails with it. A pure step function: (coordinator, event) to actions, to be carried out in
 * order. Time comes with the events; after each step the shell calls again at next_wake_ms with a tick, or earlier with news.
 *
 * A task is a subtask of any vertex, numbered 0..ntasks-1. Sources are the tasks that are triggered.
 */
#ifndef WEIR_RUNTIME_COORDINATOR_H
#define WEIR_RUNTIME_COORDINATOR_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/error.h>

/*
 * Why a checkpoint failed: Flink's names and texts. The first 24 are those of Flink 1.20 and 2.x, the rest older names of
 * 1.10 that may turn up in histories. X(name, before any task was asked, counts as a failure, text).
 */
#define WEIR_CKPT_FAILURES(X)                                                                                              \
	X(PERIODIC_SCHEDULER_SHUTDOWN, 1, 0, "Periodic checkpoint scheduler is shut down.")                                 \
	X(TOO_MANY_CHECKPOINT_REQUESTS, 1, 0, "The maximum number of queued checkpoint requests exceeded")                  \
	X(MINIMUM_TIME_BETWEEN_CHECKPOINTS, 1, 0,                                                                           \
	  "The minimum time between checkpoints is still pending. Checkpoint will be triggered after the minimum time.")    \
	X(NOT_ALL_REQUIRED_TASKS_RUNNING, 1, 0, "Not all required tasks are currently running.")                            \
	X(IO_EXCEPTION, 1, 1, "An Exception occurred while triggering the checkpoint. IO-problem detected.")                \
	X(BLOCKING_OUTPUT_EXIST, 1, 0, "Blocking output edge exists in running tasks.")                                     \
	X(CHECKPOINT_ASYNC_EXCEPTION, 0, 1, "Asynchronous task checkpoint failed.")                                         \
	X(CHANNEL_STATE_SHARED_STREAM_EXCEPTION, 0, 0,                                                                      \
	  "The checkpoint was aborted due to exception of other subtasks sharing the ChannelState file.")                   \
	X(CHECKPOINT_EXPIRED, 0, 1, "Checkpoint expired before completing.")                                                \
	X(CHECKPOINT_SUBSUMED, 0, 0, "Checkpoint has been subsumed.")                                                       \
	X(CHECKPOINT_DECLINED, 0, 1, "Checkpoint was declined.")                                                            \
	X(CHECKPOINT_DECLINED_TASK_NOT_READY, 0, 0, "Checkpoint was declined (tasks not ready)")                            \
	X(CHECKPOINT_DECLINED_TASK_CLOSING, 0, 0, "Checkpoint was declined (task is closing)")                              \
	X(CHECKPOINT_DECLINED_SUBSUMED, 0, 0, "Checkpoint was canceled because a barrier from newer checkpoint was received.") \
	X(CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER, 0, 0, "Task received cancellation from one of its inputs")           \
	X(CHECKPOINT_DECLINED_INPUT_END_OF_STREAM, 0, 0, "Checkpoint was declined because one input stream is finished")    \
	X(CHECKPOINT_COORDINATOR_SHUTDOWN, 0, 0, "CheckpointCoordinator shutdown.")                                         \
	X(CHECKPOINT_COORDINATOR_SUSPEND, 0, 0, "Checkpoint Coordinator is suspending.")                                    \
	X(JOB_FAILOVER_REGION, 0, 0, "FailoverRegion is restarting.")                                                       \
	X(TASK_FAILURE, 0, 0, "Task has failed.")                                                                           \
	X(TASK_CHECKPOINT_FAILURE, 0, 0, "Task local checkpoint failure.")                                                  \
	X(UNKNOWN_TASK_CHECKPOINT_NOTIFICATION_FAILURE, 0, 0, "Unknown task for the checkpoint to notify.")                 \
	X(FINALIZE_CHECKPOINT_FAILURE, 0, 1, "Failure to finalize checkpoint.")                                             \
	X(TRIGGER_CHECKPOINT_FAILURE, 0, 0, "Trigger checkpoint failure.")                                                  \
	X(ALREADY_QUEUED, 1, 0, "Another checkpoint request has already been queued.")                                      \
	X(TOO_MANY_CONCURRENT_CHECKPOINTS, 1, 0, "The maximum number of concurrent checkpoints is exceeded")                \
	X(EXCEPTION, 1, 0, "An Exception occurred while triggering the checkpoint.")                                        \
	X(CHECKPOINT_DECLINED_TASK_NOT_CHECKPOINTING, 0, 0, "Task does not support checkpointing")                          \
	X(CHECKPOINT_DECLINED_ALIGNMENT_LIMIT_EXCEEDED, 0, 0,                                                               \
	  "The checkpoint alignment phase needed to buffer more than the configured maximum bytes")                         \
	X(JOB_FAILURE, 0, 0, "The job has failed.")

enum weir_ckpt_failure {
	WEIR_CKPT_OK = 0,
#define X(name, preflight, counted, text) WEIR_CKPT_##name,
	WEIR_CKPT_FAILURES(X)
#undef X
	WEIR_CKPT_FAILURE_MAX,
};

const char *weir_ckpt_failure_name(enum weir_ckpt_failure f); /* "CHECKPOINT_EXPIRED" */
const char *weir_ckpt_failure_text(enum weir_ckpt_failure f);
bool weir_ckpt_failure_preflight(enum weir_ckpt_failure f);
bool weir_ckpt_failure_counted(enum weir_ckpt_failure f);     /* raises the number of failures in a row */

/* What kind of snapshot. */
enum weir_coordinator_kind {
	WEIR_COORD_CHECKPOINT, /* periodic, or asked for by hand */
	WEIR_COORD_SAVEPOINT,
	WEIR_COORD_STOP,       /* savepoint, then stop: a source sends the barrier and nothing after it */
	WEIR_COORD_DRAIN,      /* the same, but a source sends the MAX watermark before the barrier */
	WEIR_COORD_FINAL,      /* every source has ended: the checkpoint that commits the last results */
	WEIR_COORD_SUSPEND,    /* the checkpoint behind a stop's savepoint, at the same position: it commits the results, not the savepoint */
	WEIR_COORD_TERMINATE,  /* the same behind a drain's. Neither can be asked for */
	WEIR_COORD_KIND_MAX,
};

enum weir_coordinator_job {
	WEIR_COORD_CREATED,    /* not all tasks run yet */
	WEIR_COORD_RUNNING,
	WEIR_COORD_STOPPING,   /* a stop, drain or final checkpoint completed: sources were told to end */
	WEIR_COORD_FAILING,    /* the coordinator asked to fail the job */
	WEIR_COORD_RESTARTING,
	WEIR_COORD_STOPPED,    /* finished, failed or cancelled for good */
	WEIR_COORD_JOB_MAX,
};

struct weir_coordinator_config {
	int64_t interval_ms;      /* 0: no periodic checkpoints */
	int64_t min_pause_ms;     /* from the end of one to the start of the next; above 0 it makes max_concurrent 1 */
	int64_t timeout_ms;       /* 0: never expires */
	uint32_t max_concurrent;  /* 1..WEIR_COORD_CONCURRENT_MAX; savepoints do not count */
	int32_t tolerable_failed; /* checkpoints that may fail in a row; below 0 any number */
	bool final_checkpoint;    /* take one when every source has ended */
	bool seal_stops;          /* checkpoints are stored: the savepoint of a stop or drain is followed by SUSPEND or TERMINATE, which commits */
	int64_t first_id;         /* of the first checkpoint: 1, or the restored one's id + 1 */
};
#define WEIR_COORD_CONFIG_DEFAULT ((struct weir_coordinator_config){ .timeout_ms = 600000, .max_concurrent = 1, .final_checkpoint = true, .first_id = 1 })

enum weir_coordinator_event_kind {
	WEIR_COORD_TICK,
	WEIR_COORD_REQUEST,      /* request, kind: someone asks for a snapshot. One ANSWER follows, now or later */
	WEIR_COORD_ACK,          /* task, ckpt: its state is stored */
	WEIR_COORD_DECLINE,      /* task, ckpt, reason */
	WEIR_COORD_WRITTEN,      /* ckpt, reason: the answer to WRITE; WEIR_CKPT_OK or why it failed (IO_EXCEPTION, FINALIZE...) */
	WEIR_COORD_SOURCE_ENDED, /* task: a source has sent all it had; it still takes triggers until told to end */
	WEIR_COORD_TASK_FINISHED, /* task: is gone; counts as acknowledged */
	WEIR_COORD_JOB,          /* job: RUNNING, RESTARTING or STOPPED */
};

struct weir_coordinator_event {
	enum weir_coordinator_event_kind kind;
	int64_t now_ms; /* never goes back */
	uint32_t task;
	int64_t ckpt;
	uint64_t request;
	enum weir_coordinator_kind snapshot;
	enum weir_ckpt_failure reason;
	enum weir_coordinator_job job;
};

enum weir_coordinator_action_kind {
	WEIR_COORD_TRIGGER,         /* ckpt, snapshot: to every source that is alive, and to tasks whose inputs have all ended */
	WEIR_COORD_ABORT,           /* ckpt, reason: to tasks: stop working on it */
	WEIR_COORD_WRITE,           /* ckpt, snapshot: publish the metadata; answer with WRITTEN, always */
	WEIR_COORD_NOTIFY_COMPLETE, /* ckpt: to tasks: commit. Older checkpoints may be deleted after it. Not sent for plain savepoints */
	WEIR_COORD_NOTIFY_ABORTED,  /* ckpt, reason: to tasks and storage: it will never complete, delete what it wrote */
	WEIR_COORD_STOP_SOURCES,    /* snapshot: SUSPEND, TERMINATE, FINAL, or an unsealed STOP or DRAIN completed: sources end now */
	WEIR_COORD_ANSWER,          /* request, ckpt (of a sealed stop: its savepoint), reason: WEIR_CKPT_OK or why not */
	WEIR_COORD_FAIL_JOB,        /* ckpt, reason, text */
};

struct weir_coordinator_action {
	enum weir_coordinator_action_kind kind;
	enum weir_coordinator_kind snapshot;
	enum weir_ckpt_failure reason;
	int64_t ckpt;     /* -1: none was triggered */
	bool asked;       /* TRIGGER and what follows it: `request` asked for this checkpoint */
	uint64_t request;
	const char *text; /* FAIL_JOB: static */
};

#define WEIR_COORD_CONCURRENT_MAX 16
#define WEIR_COORD_PENDING_MAX 32
#define WEIR_COORD_QUEUE_MAX 16
#define WEIR_COORD_ACTIONS_MAX (3 * WEIR_COORD_PENDING_MAX + 2 * WEIR_COORD_QUEUE_MAX + 8)
#define WEIR_COORD_FINAL_RETRY_MS 1000 /* at least, before a failed final checkpoint is tried again */

struct weir_coordinator_actions {
	uint32_t count;
	int64_t next_wake_ms; /* INT64_MAX: nothing to wake for */
	struct weir_coordinator_action items[WEIR_COORD_ACTIONS_MAX];
};

enum weir_coordinator_pending_state {
	WEIR_COORD_FREE,
	WEIR_COORD_COLLECTING, /* waits for tasks */
	WEIR_COORD_WRITING,    /* every task acknowledged; the metadata is being published */
	WEIR_COORD_PENDING_STATE_MAX,
};

struct weir_coordinator_pending {
	enum weir_coordinator_pending_state state;
	enum weir_coordinator_kind kind;
	bool orphaned;        /* the job failed while the metadata was being written: completing it commits nothing */
	bool asked;           /* `request` waits for it */
	int64_t ckpt, triggered_ms, expires_ms;
	int64_t savepoint;    /* SUSPEND, TERMINATE: the savepoint in front of it, which `request` asked for; else -1 */
	uint64_t request;
	uint32_t missing;     /* tasks that have not acknowledged */
	uint64_t *acked;      /* a bit per task */
};

struct weir_coordinator {
	struct weir_coordinator_config cfg;
	enum weir_coordinator_job job;
	uint32_t ntasks, nsources, words;
	uint64_t *source, *ended, *finished; /* bits per task: is a source; a source that has ended or is gone; is gone */
	uint32_t nfinished, nended;
	int64_t next_id;
	int64_t completed_id;                /* newest completed checkpoint (savepoints not), or -1 */
	int64_t success_id;                  /* newest completed of any kind, or -1 */
	int64_t now_ms, due_ms, last_done_ms, final_ms; /* due: next periodic; last_done: INT64_MIN before the first */
	uint32_t failures;                   /* in a row */
	uint32_t nqueued;
	uint64_t queue[WEIR_COORD_QUEUE_MAX]; /* requests for a checkpoint by hand that wait for a free place */
	struct weir_coordinator_pending pending[WEIR_COORD_PENDING_MAX];
	uint64_t *words_mem;
	/* counts, for statistics */
	uint64_t triggered, completed, failed, late_acks;
};

/* Allocates its bit sets; nothing allocates later. WEIR_EINVALID names the setting that is wrong. `is_source` is read now only. */
int weir_coordinator_init(struct weir_coordinator *c, const struct weir_coordinator_config *cfg, uint32_t ntasks, const bool *is_source,
			  struct weir_error *err) WEIR_CHECK;
void weir_coordinator_fini(struct weir_coordinator *c);

/* One event. WEIR_EBUG, with nothing changed, for a task number, job state or written id that cannot be. */
int weir_coordinator_step(struct weir_coordinator *c, const struct weir_coordinator_event *ev, struct weir_coordinator_actions *out,
			  struct weir_error *err) WEIR_CHECK;

/* A metadata write is under way. After a failure, wait for it before choosing the checkpoint to restart from. */
bool weir_coordinator_is_writing(const struct weir_coordinator *c);
const char *weir_coordinator_kind_name(enum weir_coordinator_kind k);
const char *weir_coordinator_job_name(enum weir_coordinator_job j);
bool weir_coordinator_job_may(enum weir_coordinator_job from, enum weir_coordinator_job to);

#endif
