// SPDX-License-Identifier: Apache-2.0
/* weir state ls, show, get, dump: options in, statetool's functions, stdout. */
#include "cli/cmd_state.h"

#include <stdlib.h>
#include <string.h>

#include "state/ckpt/dump.h"
#include "statetool/inspect.h"
#include "statetool/list.h"
#include "statetool/show.h"

/* ---- ls ---- */
static const struct weir_option ls_options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ NULL, "no-count", NULL, "do not read the entries: types and handles only", 0 },
	{ 0 },
};

static int ls_run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_opened o;
	int rc = weir_opened_init(args, NULL, &o, err);

	if (rc)
		return rc;
	struct weir_list_options opt = {
		.op = o.op, .uids = o.uids, .json = args->json, .no_count = weir_args_has(args, "no-count"), .bold = weir_cli_colour(stdout),
	};
	rc = weir_state_list(o.view, &opt, &o.sink, err);
	return weir_opened_fini(&o, rc, err);
}

const struct weir_command weir_cmd_state_ls = {
	.name = "state ls",
	.words = "PATH",
	.min_words = 1,
	.max_words = 1,
	.summary = "list the operators and states of a savepoint or checkpoint",
	.about = "PATH is a savepoint, a chk-N directory, a _metadata file, or a directory of checkpoints (then its newest complete one).",
	.examples = "  weir state ls savepoint-ab12cd-0123456789ab\n  weir state ls --json chk-42 | jq '.operators[].states[].name'",
	.options = ls_options,
	.flags = WEIR_COMMAND_FILES,
	.run = ls_run,
};

/* ---- show ---- */
static const struct weir_option show_options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ "e", "entries", NULL, "print the entries", 0 },
	{ "n", "limit", "N", "at most N entries", 0 },
	{ NULL, "key-group", "KG", "only this key group", 0 },
	{ NULL, "subtask", "N", "only what this subtask wrote", 0 },
	{ 0 },
};

static int show_entries(const struct weir_args *args, struct weir_opened *o, struct weir_error *err)
{
	struct weir_show_options opt = { .op = o->op, .state = o->state, .uids = o->uids, .limit = -1, .json = args->json };
	int64_t group = -1, subtask = -1;
	bool more = false;
	int rc = weir_args_i64(args, "limit", 0, INT64_MAX, &opt.limit, err);

	if (rc == 0)
		rc = weir_args_i64(args, "key-group", 0, 32767, &group, err);
	if (rc == 0)
		rc = weir_args_i64(args, "subtask", 0, 32767, &subtask, err);
	if (rc)
		return weir_opened_fini(o, rc, err);
	opt.key_group = (int32_t)group;
	opt.subtask = (int32_t)subtask;
	rc = weir_state_show(o->view, &opt, &o->sink, &more, err);
	rc = weir_opened_fini(o, rc, err);
	if (rc == 0 && more)
		fprintf(stderr, "note: there are more than %lld entries\n", (long long)opt.limit);
	return rc;
}

static int show_run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_opened o;
	int64_t ignored;
	int rc = weir_args_i64(args, "limit", 0, INT64_MAX, &ignored, err); /* wrong options before wrong paths */

	if (rc == 0)
		rc = weir_opened_init(args, args->nwords > 1 ? args->words[1] : NULL, &o, err);
	if (rc)
		return rc;
	if (weir_args_has(args, "entries") || weir_args_has(args, "limit") || weir_args_has(args, "key-group") || weir_args_has(args, "subtask"))
		return show_entries(args, &o, err);
	struct weir_inspect_options opt = { .op = o.op, .state = o.state, .uids = o.uids, .json = args->json };
	rc = weir_state_inspect(o.view, &opt, &o.sink, err);
	return weir_opened_fini(&o, rc, err);
}

const struct weir_command weir_cmd_state_show = {
	.name = "state show",
	.words = "PATH [OP[/STATE]]",
	.min_words = 1,
	.max_words = 2,
	.summary = "show everything that is known about a checkpoint, an operator or a state; or its entries",
	.about = "Types as trees with the classes and versions of their serializers, backend, time to live, namespaces, the Flink releases that write such a checkpoint, files and\n"
		 "sizes, and how evenly the key groups are filled. With --entries (or one of the options that choose entries): one entry a line, columns separated by tabs;\n"
		 "with --json one object a line.",
	.examples = "  weir state show chk-42\n  weir state show chk-42 by-origin/stats\n  weir state show chk-42 stats --limit 10",
	.options = show_options,
	.flags = WEIR_COMMAND_FILES,
	.run = show_run,
};

/* ---- get ---- */
static const struct weir_option get_options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ NULL, "namespace", "NAMESPACE", "only this namespace: START_END in ms for time windows, else as a key", 0 },
	{ NULL, "ns", "NAMESPACE", "the same", WEIR_OPT_HIDDEN },
	{ NULL, "map-key", "KEY", "of a map state: only this key of the map", 0 },
	{ 0 },
};

static int get_run(const struct weir_args *args, struct weir_error *err)
{
	const char *ns = weir_args_value(args, "namespace");
	struct weir_opened o;
	int rc = weir_opened_init(args, args->words[1], &o, err);

	if (rc)
		return rc;
	if (!o.state && weir_view_find(o.view, NULL, args->words[1])) { /* an operator and a state have this name: a key is of a state */
		o.state = args->words[1];
		o.op = NULL;
	}
	struct weir_get_options opt = {
		.op = o.op, .state = o.state, .key = args->words[2], .ns = ns ? ns : weir_args_value(args, "ns"), .map_key = weir_args_value(args, "map-key"), .uids = o.uids,
		.json = args->json,
	};
	if (o.state)
		rc = weir_state_get_key(o.view, &opt, &o.sink, err);
	else
		rc = weir_error_set(err, WEIR_EINVALID, "'%s' is an operator: which state of it? Say OPERATOR/STATE", args->words[1]);
	return weir_opened_fini(&o, rc, err);
}

const struct weir_command weir_cmd_state_get = {
	.name = "state get",
	.words = "PATH [OP/]STATE KEY",
	.min_words = 3,
	.max_words = 3,
	.summary = "print the value of one key",
	.about = "KEY is a string or number as it is, JSON for tuples, rows and POJOs (fields in the order `weir state show` prints), or 0x and hex for serialized bytes of unknown types.\n"
		 "Several namespaces print all. Status 3 when the key is not there.",
	.examples = "  weir state get chk-42 tally ORD\n  weir state get chk-42 by-pair/sum '[\"GRB\",0]'",
	.options = get_options,
	.flags = WEIR_COMMAND_FILES,
	.run = get_run,
};

/* ---- dump ---- */
static const struct weir_option dump_options[] = { WEIR_OPT_AT, WEIR_OPT_CLASSES, { NULL, NULL, NULL, NULL, 0 } };

static int dump_run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_opened o;
	struct weir_dump_result r;
	int rc = weir_opened_init(args, NULL, &o, err);

	if (rc)
		return rc;
	rc = weir_dump(o.view, weir_cli_put, NULL, &r, err);
	if (rc == 0 && r.damaged)
		rc = weir_error_set(err, WEIR_ECORRUPT, "%llu of %llu entries are damaged: `weir state verify` says where", (unsigned long long)r.damaged,
				    (unsigned long long)r.entries);
	return weir_opened_fini(&o, rc, err);
}

const struct weir_command weir_cmd_state_dump = {
	.name = "state dump",
	.words = "PATH",
	.min_words = 1,
	.max_words = 1,
	.summary = "print every entry of every state with its canonical bytes, for comparison",
	.about = "One JSON object per entry, in the order and form that a dump by Flink's own classes has, and a last line with counts and a hash.\n"
		 "Status 7 when entries are damaged; they are printed as far as they go, with the reason.",
	.examples = "  diff <(weir state dump a) <(weir state dump b)",
	.options = dump_options,
	.flags = WEIR_COMMAND_FILES,
	.run = dump_run,
};
