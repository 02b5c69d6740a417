/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: its tasks, its coordinator, its restarts. An actor that is driven by a host; the other calls may come from any thread.
 *
 * States: CREATED -> RUNNING -> FINISHED; RUNNING -> FAILING -> RESTARTING -> RUNNING, or FAILED; any -> CANCELLING -> CANCELED.
 */
#ifndef WEIR_RUNTIME_JOB_H
#define WEIR_RUNTIME_JOB_H

#include "runtime/failover.h"
#include "runtime/graph.h"
#include "runtime/host.h"
#include "state/ckpt/store.h"

struct weir_job;

enum weir_job_state { WEIR_JOB_CREATED, WEIR_JOB_RUNNING, WEIR_JOB_FAILING, WEIR_JOB_RESTARTING, WEIR_JOB_CANCELLING, WEIR_JOB_FINISHED, WEIR_JOB_FAILED,
		      WEIR_JOB_CANCELED, WEIR_JOB_STATE_MAX };
const char *weir_job_state_name(enum weir_job_state s);

/* What happens to the checkpoints at the end. The last one of a finished job always stays: it says that nothing is left to do. */
enum weir_retention {
	WEIR_RETAIN_ON_CANCELLATION,
	WEIR_DELETE_ON_CANCELLATION,
	WEIR_NO_EXTERNALIZED_CHECKPOINTS, /* deleted on failure too */
};

struct weir_job_config {
	char job_id[33];                  /* 32 hex digits */
	/* checkpoints */
	int64_t interval_ms;              /* 0: none but the last */
	int64_t min_pause_ms, timeout_ms;
	uint32_t max_concurrent;
	int32_t tolerable_failed;
	bool exactly_once;
	const char *dir;                  /* URI; NULL: checkpoints are not stored */
	const char *savepoint_dir;        /* default target of savepoints, or NULL */
	bool create_subdir;
	uint32_t num_retained;
	uint64_t inline_threshold;
	int32_t meta_version;
	enum weir_retention retention;
	struct weir_restart_config restart;
	/* restore */
	const char *restore;              /* URI of a checkpoint or savepoint, or NULL */
	bool allow_non_restored;
	uint32_t max_parallelism;         /* asked for by the configuration: must be that of the restored state; 0 = take the state's */
};
/* Flink's defaults. */
struct weir_job_config weir_job_config_default(void);

/* Check that the restored state fits, open the store. The plan and what config points to must outlive the job. The job is not running yet. */
int weir_job_new(struct weir_plan *plan, const struct weir_job_config *config, struct weir_host *host, uint64_t seed, struct weir_job **out,
		 struct weir_error *err) WEIR_CHECK;
/* Start the job's actor on its host. */
int weir_job_start(struct weir_job *job, struct weir_error *err) WEIR_CHECK;
/* Wait up to timeout_ms (< 0: for ever; only with a threads host). True when the job is over. */
bool weir_job_wait(struct weir_job *job, int64_t timeout_ms);
/* The same, until all tasks have opened what they read and write, or the job is over. */
bool weir_job_wait_started(struct weir_job *job, int64_t timeout_ms);
/* Of a job that is over: 0, or the error it ended with (WEIR_EFAILED.., WEIR_ECANCELED). */
int weir_job_result(struct weir_job *job, struct weir_error *err);
/* After the job is over (or was never started). */
void weir_job_free(struct weir_job *job);

enum weir_job_request_kind { WEIR_JOB_SAVEPOINT, WEIR_JOB_CHECKPOINT, WEIR_JOB_STOP, WEIR_JOB_CANCEL };
/* Called once, on the job's thread. uri: where the savepoint or checkpoint is. */
typedef void weir_job_answer_fn(void *arg, int code, const char *uri, const struct weir_error *err);
struct weir_job_request {
	enum weir_job_request_kind kind;
	bool drain;                       /* STOP */
	bool keep;                        /* CANCEL: only for now: the checkpoints stay, whatever the retention says */
	bool native;                      /* SAVEPOINT, STOP: the backend's own format instead of canonical */
	char *target;                     /* SAVEPOINT, STOP: URI of the folder for it (malloc'ed, passes to the job), or NULL = config */
	weir_job_answer_fn *answer;       /* may be NULL */
	void *arg;
};
void weir_job_ask(struct weir_job *job, const struct weir_job_request *r);

struct weir_job_status {
	enum weir_job_state state;
	char job_id[33];
	uint64_t rows_in, rows_out;       /* from sources; into sinks */
	int64_t watermark_ms;             /* smallest of the sinks' tasks; INT64_MIN none yet, INT64_MAX at the end */
	int64_t last_checkpoint;          /* id, or -1 */
	int64_t last_checkpoint_ms;       /* how long it took */
	uint64_t last_checkpoint_bytes;
	uint32_t restarts, failed_checkpoints, ntasks, backpressured;
	bool started;                     /* all tasks have been running: inputs and outputs could be opened, state be restored */
	bool finished_before;             /* restored from the last checkpoint of a finished job: nothing was to be done */
};
void weir_job_status(struct weir_job *job, struct weir_job_status *out);
/* Sums over tasks, after the end. fn(arg, name, value) in the order of names. */
void weir_job_accumulators(struct weir_job *job, void (*fn)(void *arg, const char *name, int64_t value), void *arg);
const char *weir_job_restored_from(const struct weir_job *job); /* URI or NULL */
/* What happened, for the user's eyes: restarts, failed checkpoints. Called on the job's thread. Set before start. */
void weir_job_on_event(struct weir_job *job, void (*fn)(void *arg, const char *text), void *arg);

#endif
