// SPDX-License-Identifier: Apache-2.0
/* weir state verify: options in, statetool/verify.h and salvage.h, stdout; summaries on stderr. */
#include "cli/cmd_state.h"

#include <errno.h>
#include <stdlib.h>

#include "statetool/salvage.h"
#include "statetool/verify.h"

/* One path's summary; its exit status. */
static int tell(const struct weir_args *args, const char *path, const struct weir_verify_result *r)
{
	if (r->problems) {
		fprintf(stderr, "%s: %llu problem%s\n", path, (unsigned long long)r->problems, r->problems == 1 ? "" : "s");
		if (r->complete)
			fprintf(stderr, "note: %s is complete\n", r->complete);
		return weir_code_exit(WEIR_ECORRUPT);
	}
	if (r->unread) {
		fprintf(stderr, "%s: no damage was found, but the state of %llu operator%s could not be checked\n", path, (unsigned long long)r->unread, r->unread == 1 ? "" : "s");
		return weir_code_exit(WEIR_EUNSUPPORTED);
	}
	if (!args->json)
		fprintf(stderr, "%s: complete\n", path);
	return 0;
}

/* 0 and the exit status of this path, or an error. */
static int verify_one(const struct weir_args *args, const char *path, int *out_status, struct weir_error *err)
{
	struct weir_sink sink = { .put = weir_cli_put, .err = WEIR_ERROR_INIT };
	struct weir_verify_options o = { .json = args->json, .leftovers = weir_args_has(args, "leftovers") };
	struct weir_verify_result r = { 0 };
	char *uri = NULL;
	int rc = weir_locate(path, &uri, err);

	if (rc)
		return rc;
	rc = weir_state_verify(uri, &o, &sink, &r, err);
	free(uri);
	if (weir_sink_close(&sink, rc ? NULL : err) && rc == 0)
		rc = sink.code;
	if (rc == 0)
		*out_status = tell(args, path, &r);
	free(r.complete);
	return rc;
}

static int salvage_one(const struct weir_args *args, int *out_status, struct weir_error *err)
{
	const char *out = weir_args_value(args, "salvage");
	struct weir_salvage_result r;
	char *uri = NULL;
	int rc = weir_locate(args->words[0], &uri, err);

	if (rc)
		return rc;
	rc = weir_state_salvage(uri, out, &r, err);
	free(uri);
	if (rc)
		return rc;
	fprintf(stderr, "%s: a savepoint of what can be read", out);
	if (r.losses == 0) {
		fprintf(stderr, ": all of it\n");
		return 0;
	}
	fprintf(stderr, "; %llu loss%s, %llu entr%s known to be lost: %s/loss-report.ndjson\n", (unsigned long long)r.losses, r.losses == 1 ? "" : "es",
		(unsigned long long)r.entries_lost, r.entries_lost == 1 ? "y is" : "ies are", out);
	*out_status = weir_code_exit(WEIR_ECORRUPT);
	return 0;
}

/* Damage is worse than a path that cannot be read, that is worse than what is not understood. */
static int worse(int a, int b)
{
	const int damaged = weir_code_exit(WEIR_ECORRUPT), unread = weir_code_exit(WEIR_EUNSUPPORTED);

	if (a == damaged || b == damaged)
		return damaged;
	return a == 0 || (a == unread && b != 0) ? b : a;
}

static int verify_run(const struct weir_args *args, struct weir_error *err)
{
	bool one = args->nwords == 1, salvage = weir_args_has(args, "salvage");
	int status = 0;

	if (salvage && !one)
		return weir_error_set(err, WEIR_EINVALID, "--salvage writes one savepoint: name one PATH");
	for (int i = 0; i < args->nwords; i++) {
		int of_this = 0, rc = verify_one(args, args->words[i], &of_this, err);
		char text[1400];

		if (rc && (one || err->sys == EPIPE))
			return rc;
		if (rc) {
			fprintf(stderr, "%s: %s\n", args->words[i], weir_error_text(err, text, sizeof(text)));
			of_this = weir_code_exit(rc);
			weir_error_clear(err);
		}
		status = worse(status, of_this);
	}
	if (salvage) {
		int of_it = 0, rc = salvage_one(args, &of_it, err);

		if (rc)
			return rc;
		status = worse(status, of_it);
	}
	return status;
}

static const struct weir_option verify_options[] = {
	{ NULL, "leftovers", NULL, "look for files that no checkpoint of the job refers to in shared/ and taskowned/, too", 0 },
	{ NULL, "salvage", "OUT", "write what can be read as a new savepoint, with OUT/loss-report.ndjson", WEIR_OPT_FILE },
	{ 0 },
};

const struct weir_command weir_cmd_state_verify = {
	.name = "state verify",
	.words = "PATH...",
	.min_words = 1,
	.max_words = -1,
	.summary = "read every byte of savepoints or checkpoints and print what is wrong",
	.about = "One problem a line on stdout: file, byte, what is wrong, what can still be read; nothing when all is well. Lines \"note: ...\" name files that nothing refers to: no damage.\n"
		 "Status 7 when anything is damaged; then the newest complete checkpoint beside it is named. Status 2 when nothing is, but some state is not understood: then each such\n"
		 "state is a line \"not read: ...\". Of several paths the worst status. With --json each path ends with an object that has \"checkpoint\" and \"status\".\n"
		 "--salvage: operators that are whole are copied as they are; keyed state of the others is written in the canonical form, without the entries that cannot be read. The report has\n"
		 "one line for each loss.",
	.examples = "  weir state verify checkpoints/0123456789abcdef0123456789abcdef/chk-42\n  weir state verify savepoint-*\n  weir state verify chk-42 --salvage /backup/saved",
	.options = verify_options,
	.flags = WEIR_COMMAND_FILES,
	.run = verify_run,
};
