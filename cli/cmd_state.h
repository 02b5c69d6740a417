/* SPDX-License-Identifier: Apache-2.0 */
/* What the state commands share: opening a checkpoint, the operator they were asked about, and stdout as a sink. */
#ifndef WEIR_CLI_CMD_STATE_H
#define WEIR_CLI_CMD_STATE_H

#include "cli/command.h"
#include "statetool/pick.h"
#include "statetool/sink.h"

struct weir_opened {
	struct weir_view *view;
	const struct weir_operator_state *op; /* of --operator, or NULL */
	const char *names[64];                /* of --uid */
	struct weir_uids uids;
	struct weir_sink sink;                /* stdout */
};

#define WEIR_OPT_OPERATOR { NULL, "operator", "ID|UID|NAME", "only this operator", 0 }
#define WEIR_OPT_UID { NULL, "uid", "UID", "a uid the job uses, to name operators of savepoints that hold no uids", WEIR_OPT_REPEAT }

int weir_opened_init(const struct weir_args *args, struct weir_opened *o, struct weir_error *err) WEIR_CHECK;
/* Ends the output; rc is what the verb returned. On damage tells (stderr) which neighbour is complete. Returns the first failure. */
int weir_opened_fini(struct weir_opened *o, int rc, struct weir_error *err);

#endif
