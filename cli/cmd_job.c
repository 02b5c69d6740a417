// SPDX-License-Identifier: Apache-2.0
/* The commands that reach a running job: list, savepoint, checkpoint, stop, cancel. Flink's verbs, flags and output lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/fs.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/control.h"

/* ---- list ---- */

struct listing {
	bool json;
	int count;
};

static void print_job(void *arg, const struct weir_found_job *j)
{
	struct listing *l = arg;
	char when[32];
	time_t t = (time_t)(j->started_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(when, sizeof(when), "%d.%m.%Y %H:%M:%S", &tm);
	if (l->json) {
		struct weir_buf b = { 0 };

		weir_buf_printf(&b, "%s{\"id\":\"%s\",\"name\":", l->count ? "," : "", j->id);
		weir_json_text(&b, j->name);
		weir_buf_printf(&b, ",\"state\":\"%s\",\"pid\":%lld,\"started\":%lld,\"rows\":%lld,\"checkpoint\":%lld}", j->state, (long long)j->pid,
				(long long)j->started_ms, (long long)j->rows, (long long)j->last_checkpoint);
		fputs(weir_buf_cstr(&b), stdout);
		weir_buf_fini(&b);
	} else {
		printf("%s : %s : %s (%s)\n", when, j->id, j->name, j->state);
	}
	l->count++;
}

static int list_run(const struct weir_args *args, struct weir_error *err)
{
	struct listing l = { .json = args->json };
	int code;

	if (l.json)
		fputs("{\"jobs\":[", stdout);
	code = weir_control_each(print_job, &l, err);
	if (l.json)
		fputs("]}\n", stdout);
	else if (!code && l.count == 0)
		fprintf(stderr, "No running jobs.\n");
	return code;
}

static const struct weir_option list_options[] = {
	{ "r", "running", NULL, "only running jobs", 0 },
	{ "a", "all", NULL, "all jobs that answer", 0 },
	{ 0 },
};

const struct weir_command weir_cmd_list = {
	.name = "list", .words = "", .summary = "list running jobs", .options = list_options, .run = list_run,
};

/* ---- requests ---- */

static int request(const struct weir_args *args, const char *verb, const char *target, bool drain, bool native, char **out_uri, struct weir_error *err)
{
	struct weir_found_job j;
	struct weir_buf b = { 0 };
	int code = weir_control_find(args->words[0], &j, err);

	if (code)
		return code;
	weir_buf_printf(&b, "{\"do\":\"%s\",\"drain\":%s,\"native\":%s", verb, drain ? "true" : "false", native ? "true" : "false");
	if (target) { /* relative to where the user is, not to where the job runs */
		struct weir_fs *fs;
		char *path = NULL, *uri;

		code = weir_fs_resolve(target, &fs, &path, err);
		uri = code ? NULL : weir_fs_uri(fs, path);
		weir_buf_text(&b, ",\"target\":");
		weir_json_text(&b, uri ? uri : "");
		free(path);
		free(uri);
	}
	weir_buf_u8(&b, '}');
	if (!code)
		code = weir_control_ask(&j, weir_buf_cstr(&b), out_uri, err);
	weir_buf_fini(&b);
	return code;
}

static int native_format(const struct weir_args *args, bool *out, struct weir_error *err)
{
	const char *t = weir_args_value(args, "type");

	if (t && strcmp(t, "canonical") != 0 && strcmp(t, "native") != 0)
		return weir_error_set(err, WEIR_EINVALID, "--type %s: give canonical or native", t);
	*out = t && strcmp(t, "native") == 0;
	return 0;
}

static void print_path(const struct weir_args *args, const char *what, const char *uri)
{
	if (args->json) {
		struct weir_buf b = { 0 };

		weir_buf_text(&b, "{\"location\":");
		weir_json_text(&b, uri ? uri : "");
		weir_buf_u8(&b, '}');
		printf("%s\n", weir_buf_cstr(&b));
		weir_buf_fini(&b);
	} else {
		printf("%s completed. Path: %s\n", what, uri ? uri : "");
	}
}

static const struct weir_option savepoint_options[] = {
	{ "type", "type", "FORMAT", "canonical (every backend reads it; default) or native", 0 },
	{ "d", "dispose", "PATH", "delete a savepoint instead of taking one", WEIR_OPT_FILE },
	{ 0 },
};

static int dispose(const char *path, struct weir_error *err)
{
	struct weir_ckpt *c;
	struct weir_fs *fs;
	char *dir;
	int code = weir_ckpt_open(path, &c, err);

	if (code)
		return code;
	fs = c->fs;
	dir = strdup(c->dir);
	weir_ckpt_close(c);
	code = weir_fs_remove(fs, dir, true, err);
	if (!code)
		printf("Savepoint '%s' disposed.\n", dir);
	free(dir);
	return code;
}

static int savepoint_run(const struct weir_args *args, struct weir_error *err)
{
	char *uri = NULL;
	bool native;
	int code = native_format(args, &native, err);

	if (!code && weir_args_value(args, "dispose"))
		return dispose(weir_args_value(args, "dispose"), err);
	if (!code && args->nwords < 1)
		code = weir_error_set(err, WEIR_EINVALID, "which job? `weir list` shows their ids");
	if (!code)
		code = request(args, "savepoint", args->nwords > 1 ? args->words[1] : NULL, false, native, &uri, err);
	if (!code)
		print_path(args, "Savepoint", uri);
	free(uri);
	return code;
}

const struct weir_command weir_cmd_savepoint = {
	.name = "savepoint", .words = "JOB [FOLDER]", .min_words = 0, .max_words = 2, .summary = "take a savepoint of a running job",
	.about = "JOB is an id, the beginning of one, or a name.", .options = savepoint_options, .run = savepoint_run,
};

static int checkpoint_run(const struct weir_args *args, struct weir_error *err)
{
	char *uri = NULL;
	int code = request(args, "checkpoint", NULL, false, false, &uri, err);

	if (!code)
		print_path(args, "Checkpoint", uri);
	free(uri);
	return code;
}

const struct weir_command weir_cmd_checkpoint = {
	.name = "checkpoint", .words = "JOB", .min_words = 1, .max_words = 1, .summary = "take a checkpoint of a running job now", .run = checkpoint_run,
};

static const struct weir_option stop_options[] = {
	{ "d", "drain", NULL, "send the end of time first: windows and timers fire before the savepoint", 0 },
	{ "p", "savepointPath", "FOLDER", "where the savepoint goes", WEIR_OPT_FILE },
	{ "type", "type", "FORMAT", "canonical (default) or native", 0 },
	{ 0 },
};

static int stop_run(const struct weir_args *args, struct weir_error *err)
{
	char *uri = NULL;
	bool native;
	int code = native_format(args, &native, err);

	if (!code)
		code = request(args, "stop", weir_args_value(args, "savepointPath"), weir_args_has(args, "drain"), native, &uri, err);
	if (!code)
		print_path(args, "Savepoint", uri);
	free(uri);
	return code;
}

const struct weir_command weir_cmd_stop = {
	.name = "stop", .words = "JOB", .min_words = 1, .max_words = 1, .summary = "stop a job with a savepoint", .options = stop_options, .run = stop_run,
};

static int cancel_run(const struct weir_args *args, struct weir_error *err)
{
	int code = request(args, "cancel", NULL, false, false, NULL, err);

	if (!code)
		printf("Cancelled job %s.\n", args->words[0]);
	return code;
}

const struct weir_command weir_cmd_cancel = {
	.name = "cancel", .words = "JOB", .min_words = 1, .max_words = 1, .summary = "cancel a job at once", .run = cancel_run,
};
