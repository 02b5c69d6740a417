// SPDX-License-Identifier: Apache-2.0
/* weir state migrate: options in, statetool's function. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "statetool/locate.h"
#include "statetool/migrate.h"

static const struct weir_option options[] = {
	{ NULL, "state", "NAME", "the state to change", 0 },
	{ NULL, "operator", "ID|UID|NAME", "the operator it belongs to, where the name alone does not say", 0 },
	{ NULL, "add", "FIELD:TYPE[=DEFAULT]", "add a field at the end; without DEFAULT null, 0 or false, as Flink does", WEIR_OPT_REPEAT },
	{ NULL, "drop", "FIELD", "drop a field", WEIR_OPT_REPEAT },
	{ NULL, "order", "F1,F2,...", "put the fields into this order", 0 },
	{ NULL, "format", "RELEASE", "write the metadata for this Flink release: 1.10, 1.15, 1.20, 2.0, 2.1", 0 },
	{ NULL, "dry-run", NULL, "read and convert everything, write nothing, say what would change", 0 },
	{ 0 },
};

static int run(const struct weir_args *args, struct weir_error *err)
{
	struct weir_sink sink = { .put = weir_cli_put, .err = WEIR_ERROR_INIT };
	struct weir_schema_change changes[128];
	const char *format = weir_args_value(args, "format");
	struct weir_migrate_options o = {
		.out = args->nwords > 1 ? args->words[1] : NULL, .op = weir_args_value(args, "operator"), .state = weir_args_value(args, "state"),
		.changes = changes, .order = weir_args_value(args, "order"), .dry_run = weir_args_has(args, "dry-run"), .json = args->json,
	};
	char *in = NULL;
	int rc;

	for (size_t i = 0; i < args->ngiven; i++) { /* in the order they were given */
		const char *name = args->given[i].option->name;
		bool add = strcmp(name, "add") == 0;

		if (!add && strcmp(name, "drop") != 0)
			continue;
		if (o.nchanges == sizeof(changes) / sizeof(changes[0]))
			return weir_error_set(err, WEIR_EINVALID, "more than %zu changes at once", o.nchanges);
		changes[o.nchanges++] = (struct weir_schema_change){ add ? WEIR_ADD_FIELD : WEIR_DROP_FIELD, args->given[i].value };
	}
	if (format && !(o.meta_version = weir_meta_version_of_flink(format)))
		return weir_error_set(err, WEIR_EINVALID, "--format: '%s' is no Flink release from 1.10 to 2.3", format);
	if (!o.out && !o.dry_run)
		return weir_error_set(err, WEIR_EINVALID, "where to? usage: weir state migrate IN OUT (or --dry-run)");
	rc = weir_locate(args->words[0], &in, err);
	o.in = in;
	if (rc == 0)
		rc = weir_state_migrate(&o, &sink, err);
	free(in);
	if (weir_sink_close(&sink, rc ? NULL : err) && rc == 0)
		rc = sink.code;
	return rc;
}

const struct weir_command weir_cmd_state_migrate = {
	.name = "state migrate",
	.words = "IN OUT",
	.min_words = 1,
	.max_words = 2,
	.summary = "write a new savepoint in which a state has other fields, or all of it another format",
	.about = "IN is never changed. OUT is a new directory. Fields are those of the POJO or row that the state holds (of its list elements, map values or accumulator);\n"
		 "fields of a row without names are called by position: 0, 1, ... A POJO's fields are stored by name, so their order changes nothing in Flink.\n"
		 "TYPE: boolean int8 int16 int32 int64 float double char string bytes timestamp list<T> map<K,V>.",
	.examples = "  weir state migrate sp1 sp2 --state tally --add median:double --drop delay_sum\n"
		    "  weir state migrate sp1 sp2 --format 2.1",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};
