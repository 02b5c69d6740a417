// SPDX-License-Identifier: Apache-2.0
/* weir state find: an expression, and the entries that satisfy it. */
#include "cli/cmd_state.h"
#include "statetool/show.h"

static const struct weir_option options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ "n", "limit", "N", "at most N entries", 0 },
	{ "c", "count", NULL, "print only how many there are", 0 },
	{ 0 },
};

static int run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_show_options opt = { .limit = -1, .key_group = -1, .subtask = -1, .count = weir_args_has(args, "count"), .json = args->json };
	struct weir_expr *where = NULL;
	struct weir_opened o;
	bool more = false;
	int rc = weir_args_i64(args, "limit", 0, INT64_MAX, &opt.limit, err);

	if (rc == 0)
		rc = weir_expr_parse(args->words[args->nwords - 1], &where, err);
	if (rc == 0)
		rc = weir_opened_init(args, args->nwords == 3 ? args->words[1] : NULL, &o, err);
	if (rc) {
		weir_expr_free(where);
		return rc;
	}
	opt.op = o.op;
	opt.state = o.state;
	opt.uids = o.uids;
	opt.where = where;
	rc = weir_state_show(o.view, &opt, &o.sink, &more, err);
	rc = weir_opened_fini(&o, rc, err);
	weir_expr_free(where);
	if (rc == 0 && more)
		fprintf(stderr, "note: there are more than %lld entries\n", (long long)opt.limit);
	return rc;
}

const struct weir_command weir_cmd_state_find = {
	.name = "state find",
	.words = "PATH [OP[/STATE]] EXPR",
	.min_words = 2,
	.max_words = 3,
	.summary = "print the entries that satisfy an expression",
	.about = "Names: key, ns (namespace), uk (key of a map's entry), value, kg (key group), subtask, timestamp (of timers), index, bytes, op, state, kind.\n"
		 "value.count and value[\"count\"] are fields, value.f0 and value[0] of tuples and rows, value[-1] the last of a list, value[\"k\"] an entry of a map.\n"
		 "Operators: || && ! == != < <= > >= in contains startsWith endsWith matches (POSIX extended) + - * / %. Functions: len lower upper abs num str.\n"
		 "What an entry does not have is null. Text stands in \"\" or ''. docs/state-tool.md has the whole language.",
	.examples = "  weir state find chk-42 tally 'value.flights > 100 && key startsWith \"O\"'\n"
		    "  weir state find chk-42 by-pair/sum 'key[0] in [\"GRB\", \"ORD\"]' --json\n"
		    "  weir state find chk-42 'bytes > 1000000' --count",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};
