// SPDX-License-Identifier: Apache-2.0
/* weir state export: where to, and a file that is whole or not there. */
#include <string.h>

#include "cli/cmd_state.h"
#include "statetool/export.h"
#include "statetool/part.h"

static const struct weir_option options[] = {
	WEIR_OPT_OPERATOR,
	WEIR_OPTS_OPEN,
	{ NULL, "to", "FORMAT", "ndjson, csv, sqlite or tar", 0 },
	{ "o", "output", "FILE", "the file to write; default: standard output (sqlite needs a file)", WEIR_OPT_FILE },
	{ 0 },
};

static int choose(const struct weir_args *args, struct weir_export_options *o, struct weir_error *err)
{
	const char *to = weir_args_value(args, "to"), *file = weir_args_value(args, "output");

	if (!to)
		return weir_error_set(err, WEIR_EINVALID, "into what? --to ndjson, csv, sqlite or tar");
	for (int i = 0; weir_export_formats[i]; i++)
		if (strcmp(weir_export_formats[i], to) == 0) {
			o->format = (enum weir_export_format)i;
			if (o->format == WEIR_EXPORT_SQLITE && (!file || strcmp(file, "-") == 0))
				return weir_error_set(err, WEIR_EINVALID, "a database is a file: say which with --output FILE");
			return 0;
		}
	return weir_error_set(err, WEIR_EINVALID, "--to: there is no format '%s'; there are ndjson, csv, sqlite, tar", to);
}

static int run(const struct weir_args *args, struct weir_error *err)
{
	const char *file = weir_args_value(args, "output");
	struct weir_export_options opt = { 0 };
	struct weir_export_result r = { 0 };
	struct weir_part part = { 0 };
	struct weir_opened o;
	int rc = choose(args, &opt, err);

	if (file && strcmp(file, "-") == 0)
		file = NULL;
	if (rc == 0)
		rc = weir_opened_init(args, args->nwords > 1 ? args->words[1] : NULL, &o, err);
	if (rc)
		return rc;
	opt.op = o.op;
	opt.state = o.state;
	opt.uids = o.uids;
	if (file) {
		rc = weir_part_begin(file, &part, err);
		if (rc == 0 && opt.format == WEIR_EXPORT_SQLITE && part.fs != weir_fs_local) {
			weir_part_abort(&part);
			rc = weir_error_set(err, WEIR_EUNSUPPORTED, "SQLite writes local files only");
		}
		if (rc)
			return weir_opened_fini(&o, rc, err);
		opt.file = part.temporary;
		o.sink.put = weir_part_put;
		o.sink.arg = &part;
		if (part.fs == weir_fs_local)
			weir_temporary(part.temporary);
	}
	rc = weir_state_export(o.view, &opt, &o.sink, &r, err);
	rc = weir_opened_fini(&o, rc, err);
	if (file && rc == 0)
		rc = weir_part_publish(&part, err);
	else if (file)
		weir_part_abort(&part);
	weir_temporary(NULL);
	if (rc == 0 && args->json && file)
		fprintf(stdout, "{\"states\":%llu,\"entries\":%llu,\"rows\":%llu}\n", (unsigned long long)r.states, (unsigned long long)r.entries, (unsigned long long)r.rows);
	else if (rc == 0 && file)
		fprintf(stderr, "%s: %llu entries of %llu state%s\n", file, (unsigned long long)r.entries, (unsigned long long)r.states, r.states == 1 ? "" : "s");
	return rc;
}

const struct weir_command weir_cmd_state_export = {
	.name = "state export",
	.words = "PATH [OP[/STATE]]",
	.min_words = 1,
	.max_words = 2,
	.summary = "write states as NDJSON, CSV, a SQLite database or a tar archive",
	.about = "ndjson: one entry a line, as `weir state find --json` prints. csv: one state, a column for each scalar of key, namespace and value. sqlite: a table of such\n"
		 "columns for each state. tar: a folder for each state, a file for each entry. A list has a row for each element. FILE appears when it is whole; it must not exist.",
	.examples = "  weir state export chk-42 by-origin/stats --to csv >stats.csv\n"
		    "  weir state export chk-42 --to sqlite -o state.db && sqlite3 state.db 'select * from weir_states'",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};
