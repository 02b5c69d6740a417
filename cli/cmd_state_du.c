// SPDX-License-Identifier: Apache-2.0
/* weir state du, timers: options in, statetool's functions. */
#include "cli/cmd_state.h"
#include "statetool/timers.h"
#include "statetool/usage.h"

/* ---- du ---- */
static const struct weir_option du_options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ NULL, "top", "N", "how many of the largest entries, lists and maps (5)", 0 },
	{ 0 },
};

static int du_run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_opened o;
	int64_t top = 5;
	int rc = weir_args_i64(args, "top", 0, 100000, &top, err);

	if (rc == 0)
		rc = weir_opened_init(args, NULL, &o, err);
	if (rc)
		return rc;
	struct weir_du_options opt = { .op = o.op, .uids = o.uids, .top = (uint32_t)top, .json = args->json };
	rc = weir_state_du(o.view, &opt, &o.sink, err);
	return weir_opened_fini(&o, rc, err);
}

const struct weir_command weir_cmd_state_du = {
	.name = "state du",
	.words = "PATH",
	.min_words = 1,
	.max_words = 1,
	.summary = "show what takes how much: entries and bytes by operator, state and key group",
	.about = "Bytes are those of keys, namespaces and values as serialized. Then: the largest key group of each operator against the mean, the largest entries, longest lists\n"
		 "and biggest maps, and files: in _metadata, of this checkpoint alone, shared with others.",
	.examples = "  weir state du chk-42 --top 20\n  weir state du chk-42 --json | jq '.operators[].keyGroups | max_by(.bytes)'",
	.options = du_options,
	.flags = WEIR_COMMAND_FILES,
	.run = du_run,
};

/* ---- timers ---- */
static const struct weir_option timers_options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ "n", "limit", "N", "how many of the timers that fire next (10)", 0 },
	{ 0 },
};

static int timers_run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_opened o;
	int64_t next = 10;
	int rc = weir_args_i64(args, "limit", 0, 100000, &next, err);

	if (rc == 0)
		rc = weir_opened_init(args, args->nwords > 1 ? args->words[1] : NULL, &o, err);
	if (rc)
		return rc;
	struct weir_timers_options opt = { .op = o.op, .state = o.state, .uids = o.uids, .next = (uint32_t)next, .json = args->json };
	rc = weir_state_timers(o.view, &opt, &o.sink, err);
	return weir_opened_fini(&o, rc, err);
}

const struct weir_command weir_cmd_state_timers = {
	.name = "state timers",
	.words = "PATH [OP]",
	.min_words = 1,
	.max_words = 2,
	.summary = "show which timers fire when",
	.about = "How many timers each timer service has, from when to when; a histogram of event time and one of processing time; and those that fire next.",
	.examples = "  weir state timers chk-42\n  weir state timers chk-42 by-pair --limit 100",
	.options = timers_options,
	.flags = WEIR_COMMAND_FILES,
	.run = timers_run,
};
