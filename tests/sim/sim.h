/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulator's files share: a scenario (everything that a seed decides about the job and its input), the file system with faults, the expected
 * and the committed lines, and one run. docs/design/simulator.md.
 */
#ifndef WEIR_SIM_H
#define WEIR_SIM_H

#include <weir/flow.h>

#include "base/arena.h"
#include "base/rng.h"
#include "base/vec.h"
#include "fs-abstraction/fs_layers.h"
#include "fs-abstraction/fs_wrap.h"
#include "runtime/job.h"

/* ---- scenario.c ---- */

enum sim_graph {
	SIM_TIMED,    /* event time: windows, late rows, a process function with timers. One source subtask has the data: lateness is a matter of order */
	SIM_WORDS,    /* running counts: any parallelism */
	SIM_FLOW,     /* no state: rebalance, broadcast, union, filters */
	SIM_SEQUENCE, /* a reduce over numbers; in order when one subtask makes them */
	SIM_GRAPHS
};

#define SIM_ROWS_MAX 160
#define SIM_FILES_MAX 4
#define SIM_KEYS_MAX 8

struct sim_row {
	int64_t t;
	uint32_t key;
	int32_t v;
	bool bad;
	uint32_t file;
	uint64_t offset; /* of the row in its file */
};

struct sim_scenario {
	uint64_t seed;
	enum sim_graph graph;
	/* input */
	uint32_t nrows, nfiles, nkeys;
	struct sim_row rows[SIM_ROWS_MAX];
	uint64_t file_size[SIM_FILES_MAX];
	uint64_t split_bytes;       /* 0: files are whole */
	int64_t sequence_from;      /* SEQUENCE: nrows numbers from here */
	/* graph */
	bool direct_times;          /* timestamps right behind the source, so per split */
	bool filter, text_acc, sliding, late_sink, process_side;
	int64_t size_ms, slide_ms, lateness_ms, bound_ms, timer_ms;
	uint32_t every_rows;
	int32_t threshold;
	uint32_t finishers;         /* parallelism of the process function, which then emits a row at the end; 0: the job's, and none */
	uint32_t copies;            /* parallelism of what receives the broadcast */
	bool with_union, in_order;  /* in_order: a reduce that minds the order */
	uint32_t unchained;         /* bits */
	uint32_t sink_parallelism;
	int64_t rows_per_second;
	uint32_t source_parallelism; /* 0: the job's */
	bool rescales;              /* TIMED: the source's parallelism is drawn anew for each process; one split has all the data */
	bool loose;                 /* TIMED: several subtasks have data. Windows only, without allowed lateness: sim_loose_check() */
	/* the job */
	uint32_t max_parallelism;
	struct weir_job_config config;
	bool exactly_once, stored;
	/* what happens */
	uint32_t attempts;          /* that may meet faults; what comes later is left in peace */
	uint32_t calm;              /* chance, of 16, that an attempt meets none */
	bool with_requests, may_drain;
	bool chain;                 /* every process is asked to stop early: one rescale after another */
};

void sim_scenario_make(struct sim_scenario *s, uint64_t seed);
void sim_scenario_print(const struct sim_scenario *s);
const char *sim_key(uint32_t key);
/* The text of input file `file`; also sets the rows' offsets. */
void sim_input(struct sim_scenario *s, uint32_t file, struct weir_buf *out);

/* ---- fs_sim.c: memory, reached by sim:/..., with a crash and errors at chosen operations ---- */

struct sim_fs_fault {
	uint64_t at;    /* operation number, from 1; 0 = none */
	bool crash;     /* else an error, once */
	bool changing;  /* count only what changes something */
	int code;
	int times;      /* errors in a row */
};

#define SIM_FS_FAULTS 4

struct sim_fs {
	struct weir__fs_wrap wrap;
	struct weir_fs *memory;
	struct sim_fs_fault faults[SIM_FS_FAULTS];
	uint32_t nfaults;
	uint64_t calls, changes;   /* so far in this attempt */
	uint64_t crash_at_rename;  /* the crash comes right behind the so-maniest rename, before the sync of its directory; 0 = none */
	uint64_t struck;           /* errors given, crashes apart */
	bool crashed;              /* nothing changes any more */
	bool quiet;                /* the simulator itself looks: no faults, no trace */
	bool trace;
	void (*on_call)(void *arg, uint64_t what);
	void *arg;
};

void sim_fs_open(struct sim_fs *f);
void sim_fs_close(struct sim_fs *f);
void sim_fs_arm(struct sim_fs *f, const struct sim_fs_fault *faults, uint32_t n); /* a new attempt */
/* One of the next few changes fails. */
void sim_fs_fail_soon(struct sim_fs *f, uint64_t within);
void sim_fs_crash_now(struct sim_fs *f);
/* After the processes are gone: lose = the machine stopped, not only the process. */
void sim_fs_reboot(struct sim_fs *f, bool lose, uint64_t seed);

/* ---- graph.c ---- */

/* Build the scenario's job. User functions find it by a global: one run at a time. fail_at: the call of a user function that fails, once; 0 = none. */
void sim_graph_build(const struct sim_scenario *s, struct weir_env *env);
void sim_graph_arm(const struct sim_scenario *s, uint64_t fail_at);
bool sim_graph_struck(void);       /* it has failed */
/* Names of the folders of results, ended by NULL. */
const char *const *sim_graph_sinks(void);

/* ---- lines.c ---- */

struct sim_lines {
	struct weir_arena arena;
	WEIR_VEC(const char *) v;
};
void sim_lines_add(struct sim_lines *l, const char *fmt, ...) WEIR_PRINTF(2, 3);
void sim_lines_add_text(struct sim_lines *l, const char *sink, const char *p, size_t n);
void sim_lines_sort(struct sim_lines *l);
void sim_lines_fini(struct sim_lines *l);
/* Both sorted. False, with up to eight lines of what is too many or too few, when `got` is not `want`. more_ok: lines may come more often than expected;
 * fewer_ok: some may be missing. */
bool sim_lines_compare(const struct sim_lines *want, const struct sim_lines *got, bool more_ok, bool fewer_ok, char *why, size_t why_size);
/* What is committed: files whose names do not begin with a dot. *out_hidden: how many others there are. */
void sim_lines_read(struct sim_lines *l, struct sim_fs *fs, uint32_t *out_hidden);

/* ---- oracle.c ---- */

/* What must be committed when the first nrows rows (all of them: s->nrows) were the input. */
void sim_oracle(const struct sim_scenario *s, uint32_t nrows, struct sim_lines *out);
/* Where several source subtasks have data, which rows are late depends on their order in time. What holds all the same: each row is in one window's result or
 * is late, once; and it is late only if the rows that its own subtask had read before it make it so. */
bool sim_loose_check(const struct sim_scenario *s, const struct sim_lines *got, bool finished, char *why, size_t why_size);

/* ---- run.c ---- */

struct sim_verdict {
	bool passed;
	uint64_t hash, steps;
	uint32_t attempts, crashes, restarts, checkpoints;
	uint32_t from_stopped; /* attempts that went on from the savepoint of a stop */
	char why[2000];
};
void sim_run(uint64_t seed, bool verbose, struct sim_verdict *out);

#endif
