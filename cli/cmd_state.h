/* SPDX-License-Identifier: Apache-2.0 */
/* What the state commands share: opening a checkpoint, what they were asked about, stdout as a sink, progress, temporary files. */
#ifndef WEIR_CLI_CMD_STATE_H
#define WEIR_CLI_CMD_STATE_H

#include "cli/command.h"
#include "statetool/locate.h"
#include "statetool/sink.h"

struct weir_opened {
	struct weir_view *view;
	const struct weir_operator_state *op; /* of --operator or the target, or NULL */
	const char *state;                    /* of the target, or NULL */
	struct weir_uid_list named;           /* of --uid and --uids */
	struct weir_uids uids;
	struct weir_sink sink;                /* stdout */
	struct weir_error why;
};

#define WEIR_OPT_OPERATOR { NULL, "operator", "ID|UID|NAME", "only this operator", 0 }
#define WEIR_OPT_UID { NULL, "uid", "UID", "a uid the job uses, to name operators of savepoints that hold no uids", WEIR_OPT_REPEAT }
#define WEIR_OPT_UIDS { NULL, "uids", "FILE", "a file that has uids in it: a list, a job's source, a built .so", WEIR_OPT_FILE }
#define WEIR_OPT_AT { NULL, "at", "N", "PATH holds several checkpoints: take chk-N, not the newest complete one", 0 }
#define WEIR_OPT_CLASSES { NULL, "classes", "FILE", "the job's classes as Java declares them, to read Kryo values of them", WEIR_OPT_FILE }
#define WEIR_OPTS_OPEN WEIR_OPT_UID, WEIR_OPT_UIDS, WEIR_OPT_AT, WEIR_OPT_CLASSES

/* The checkpoint at path, by --at; --classes are described before. A note says when it was moved. */
int weir_opened_ckpt(const struct weir_args *args, const char *path, struct weir_ckpt **out, struct weir_error *err) WEIR_CHECK;
/* The same with a view, the uids, --operator, and "OP[/STATE]" in target (NULL: none). Ends with everything freed, or with o to be ended. */
int weir_opened_init(const struct weir_args *args, const char *target, struct weir_opened *o, struct weir_error *err) WEIR_CHECK;
/* Ends the output; rc is what the verb returned. On damage tells (stderr) which neighbour is complete. Returns the first failure. */
int weir_opened_fini(struct weir_opened *o, int rc, struct weir_error *err);

/* The step function of a sink: entries so far, on stderr when it is a terminal and stdout is not, twice a second. */
void weir_progress_step(struct weir_sink *s);
void weir_progress_end(void);

/* A file to be removed if the process ends by a signal (SIGINT, SIGTERM, SIGHUP). One at a time; NULL: none any more. */
void weir_temporary(const char *path);

#endif
