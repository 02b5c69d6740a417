/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a job, shared by job.c (from outside), job_life.c (its states), job_tasks.c (tasks and channels) and job_checkpoint.c (requests, files, answers). */
#ifndef WEIR_RUNTIME_JOB_PRIV_H
#define WEIR_RUNTIME_JOB_PRIV_H

#include "runtime/coordinator.h"
#include "runtime/job.h"
#include "runtime/task.h"

enum weir_job_event_kind { WEIR_JOB_EV_TASK, WEIR_JOB_EV_ASK, WEIR_JOB_EV_BEGUN, WEIR_JOB_EV_WRITTEN, WEIR_JOB_EV_RETIRED };

struct weir_job_event {
	enum weir_job_event_kind kind;
	uint32_t generation;              /* TASK: of which start of the tasks */
	struct weir_task_event task;
	struct weir_job_request ask;
	int64_t ckpt;                     /* BEGUN, WRITTEN */
	struct weir_store_target *target; /* BEGUN */
	char *uri;                        /* WRITTEN */
	struct weir_error err;            /* BEGUN, WRITTEN, RETIRED */
	struct weir_job_event *next;
};

struct weir_pending { /* a checkpoint under way */
	int64_t id;
	struct weir_ckpt_request *request; /* NULL until its directory is there */
	enum weir_coordinator_kind kind;
	uint64_t ask;                      /* whose request, 0 = nobody's */
	struct weir_task_ack **acks;       /* by task */
	int64_t started_ms;
	bool aborted, completed;
	bool sent;                         /* the sources were asked for it */
	char *uri;                         /* once written */
	struct weir_error err;             /* the first thing that went wrong */
	struct weir_pending *next;
};

struct weir_asked { /* a request that waits for its answer */
	uint64_t id;
	struct weir_job_request r;
	struct weir_asked *next;
};

struct weir_job {
	struct weir_actor actor; /* first */
	struct weir_plan *plan;
	struct weir_job_config cfg;
	struct weir_host *host;
	struct weir_rng rng;
	struct weir_store *store;      /* NULL: nothing is stored */
	enum weir_job_state state;
	_Atomic int shown_state;
	struct weir_error err;         /* how it ended */
	struct weir_failover failover;
	struct weir_coordinator coord;
	bool has_coord;
	int64_t coord_wake_ms;         /* mono ms */
	int64_t restart_at_ms;
	int64_t next_ckpt;             /* first id of the next start */

	uint32_t generation;           /* of the tasks */
	char attempt[9];               /* digits of this start */
	struct weir_task **tasks;      /* ntasks, or NULL between starts */
	struct weir_channel *channels;
	uint32_t nchannels, ndone, nrunning;
	struct weir_ckpt *restore;     /* what the running tasks were restored from */
	char *restore_uri, *newest_uri; /* newest complete checkpoint of this run */
	int64_t newest_id, started_id; /* started_id: what was the newest when the tasks were started */
	char *stop_uri;                /* the savepoint that the job was stopped with, once its results are being published: a restart goes on from it, and ends */
	bool finished_before, closing;
	bool keep;                     /* a cancel that leaves the checkpoints */

	struct weir_pending *pending;
	struct weir_asked *asked;
	uint64_t next_ask;
	_Atomic uint32_t works;        /* submitted by the job itself */

	pthread_mutex_t lock;          /* guards what follows */
	pthread_cond_t over_cond;      /* over, or status.started */
	struct weir_job_event *events, **events_last;
	bool over;
	struct weir_job_status status;
	WEIR_VEC(struct weir_accumulator) totals;

	struct weir_error noticed;     /* what was said last of what operators say */
	void (*on_event)(void *arg, const char *text);
	void *on_event_arg;
};

/* job.c */
int64_t weir__job_now_ms(const struct weir_job *j); /* monotonic */
void weir__job_post(struct weir_job *j, struct weir_job_event *e); /* takes it over; any thread */
struct weir_job_event *weir__job_take_events(struct weir_job *j);
void weir__job_drop_events(struct weir_job *j);
void weir__job_say(struct weir_job *j, const char *fmt, ...) WEIR_PRINTF(2, 3);

/* job_life.c */
int64_t weir__job_step(struct weir_actor *a);
int weir__job_open_restore(struct weir_job *j, const char *uri, struct weir_error *err);
void weir__job_fail(struct weir_job *j, const struct weir_error *why);
void weir__job_over(struct weir_job *j, enum weir_job_state s);

/* job_tasks.c */
int weir__job_check_fit(struct weir_job *j, const struct weir_ckpt *c, struct weir_error *err);
int weir__job_build(struct weir_job *j, struct weir_error *err);  /* tasks and channels, restored from j->restore */
int weir__job_launch(struct weir_job *j, struct weir_error *err); /* start them */
void weir__job_mail_all(struct weir_job *j, enum weir_mail_kind kind, int64_t id);
bool weir__job_tasks_quiet(struct weir_job *j);                   /* all done and no work in flight */
void weir__job_teardown(struct weir_job *j);                      /* join, collect, free */

/* job_checkpoint.c */
int weir__job_coord_start(struct weir_job *j, struct weir_error *err);
void weir__job_coord_event(struct weir_job *j, struct weir_coordinator_event ev);
void weir__job_on_task(struct weir_job *j, struct weir_job_event *e); /* ACK and DECLINE */
void weir__job_on_begun(struct weir_job *j, struct weir_job_event *e);
void weir__job_on_written(struct weir_job *j, struct weir_job_event *e);
void weir__job_on_retired(struct weir_job *j, const struct weir_error *err);
void weir__job_on_ask(struct weir_job *j, struct weir_job_event *e);
void weir__job_drop_pending(struct weir_job *j);
void weir__job_answer_all(struct weir_job *j, int code, const char *text);

#endif
