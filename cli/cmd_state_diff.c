// SPDX-License-Identifier: Apache-2.0
/* weir state diff: two checkpoints in, statetool's function. */
#include "cli/cmd_state.h"
#include "statetool/diff.h"

static const struct weir_option options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPT_UID,
	WEIR_OPT_UIDS,
	{ "n", "limit", "N", "how many changed entries to print (20)", 0 },
	{ NULL, "no-entries", NULL, "operators and types only", 0 },
	{ NULL, "exit-code", NULL, "end with status 1 when there are differences", 0 },
	{ 0 },
};

static int open_other(const struct weir_args *args, struct weir_view **out, struct weir_error *err)
{
	struct weir_ckpt *c = NULL;
	int rc = weir_opened_ckpt(args, args->words[1], &c, err);

	if (rc == 0)
		rc = weir_view_open(c, out, err);
	if (rc && c)
		weir_ckpt_close(c);
	return rc;
}

static int run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_diff_options opt = { .limit = 20, .json = args->json, .no_entries = weir_args_has(args, "no-entries") };
	struct weir_diff_result r = { 0 };
	struct weir_view *other = NULL;
	struct weir_opened o;
	int64_t limit = 20;
	int rc = weir_args_i64(args, "limit", 0, INT64_MAX, &limit, err);

	if (rc == 0)
		rc = weir_opened_init(args, args->nwords > 2 ? args->words[2] : NULL, &o, err);
	if (rc)
		return rc;
	rc = open_other(args, &other, err);
	opt.op = o.op ? &o.op->id : NULL;
	opt.state = o.state;
	opt.uids = o.uids;
	opt.limit = (uint64_t)limit;
	if (rc == 0)
		rc = weir_state_diff(o.view, other, &opt, &o.sink, &r, err);
	rc = weir_opened_fini(&o, rc, err);
	weir_view_close(other);
	if (rc)
		return rc;
	if (!args->json && r.added + r.removed + r.changed > opt.limit && !opt.no_entries)
		fprintf(stderr, "note: %llu changed entries; --limit says how many are shown\n", (unsigned long long)(r.added + r.removed + r.changed));
	return weir_args_has(args, "exit-code") && r.operators + r.states + r.added + r.removed + r.changed ? 1 : 0;
}

const struct weir_command weir_cmd_state_diff = {
	.name = "state diff",
	.words = "A B [OP[/STATE]]",
	.min_words = 2,
	.max_words = 3,
	.summary = "show what changed from one savepoint or checkpoint to another",
	.about = "Operators and states that are new (+), gone (-) or differ (~); then for each state how many entries were added, removed and changed, and the first of them with old\n"
		 "and new value. Layouts, parallelism and the order of entries do not matter. Key groups whose bytes are equal, or that lie in the same RocksDB files, are not read.",
	.examples = "  weir state diff chk-41 chk-42\n  weir state diff yesterday today by-origin/stats --limit 1000 --json",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};
