// SPDX-License-Identifier: Apache-2.0
/*
 * The one binary. Finds the command in the table, parses its options, runs it, and turns what it returns into a message and an
 * exit status (docs/man/weir.1.scd). `weir --version` leaves before anything is set up.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/json.h"
#include "cli/command.h"

const struct weir_command *const weir_commands[] = {
#define X(name) &weir_cmd_##name,
	WEIR_COMMANDS(X)
#undef X
	NULL,
};

static const struct weir_option top_options[] = {
	{ "V", "version", NULL, "show the version", 0 },
	{ 0 },
};

const struct weir_command weir_cmd_top = {
	.name = "",
	.words = "COMMAND ...",
	.max_words = -1,
	.summary = "stateful stream processing, and tools that open its state",
	.options = top_options,
};

static bool no_colour;

bool weir_cli_colour(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !no_colour && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0) && isatty(fileno(to));
}

int weir_cli_flush(struct weir_error *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return weir_error_sys(err, errno ? errno : EIO, "standard output", "write");
}

int weir_cli_put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)arg;
	if (fwrite(p, 1, n, stdout) == n)
		return 0;
	return weir_error_sys(err, errno ? errno : EIO, "standard output", "write");
}

static void report_json(const char *name, const struct weir_error *err, int status)
{
	struct weir_buf b = { 0 };
	bool first = true;

	weir_buf_text(&b, "{\"error\":{");
	weir_json_key(&b, &first, "command");
	weir_json_text(&b, name);
	weir_json_key(&b, &first, "code");
	weir_json_text(&b, weir_code_name(err->code));
	weir_json_key(&b, &first, "exit");
	weir_json_i64(&b, status);
	if (err->path[0]) {
		weir_json_key(&b, &first, "path");
		weir_json_text(&b, err->path);
	}
	if (err->offset != WEIR_NO_OFFSET) {
		weir_json_key(&b, &first, "offset");
		weir_json_i64(&b, (int64_t)err->offset);
	}
	weir_json_key(&b, &first, "message");
	weir_json_text(&b, err->msg[0] ? err->msg : weir_code_text(err->code));
	weir_buf_text(&b, "}}");
	fprintf(stderr, "%s\n", weir_buf_cstr(&b));
	weir_buf_fini(&b);
}

static int finish(const char *name, int rc, struct weir_error *err, bool json)
{
	char text[1200];
	int status;

	if (rc >= 0)
		return rc;
	if (err->sys == EPIPE) /* the reader has seen enough: say nothing, as a filter does */
		return 128 + SIGPIPE;
	if (err->code == 0)
		err->code = rc;
	status = weir_code_exit(rc);
	if (json)
		report_json(name, err, status);
	else
		fprintf(stderr, "weir%s%s: %s\n", name[0] ? " " : "", name, weir_error_text(err, text, sizeof(text)));
	return status;
}

static int unknown_command(int argc, char **argv, struct weir_error *err)
{
	const char *names[256], *near;
	char typed[128];
	size_t n = 0;

	bool two = argc > 1 && weir_command_is_group(argv[0]);

	for (size_t i = 0; weir_commands[i] && n < 255; i++) {
		size_t word = strcspn(weir_commands[i]->name, " ");

		if (two == (weir_commands[i]->name[word] == ' '))
			names[n++] = weir_commands[i]->name;
		else if (!two && strncmp(weir_commands[i]->name, "state ", 6) == 0)
			names[n++] = "state";
	}
	names[n] = NULL;
	snprintf(typed, sizeof(typed), "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
	near = weir_nearest(typed, names);
	if (near)
		return weir_error_set(err, WEIR_EINVALID, "unknown command '%s'; did you mean `weir %s`?", typed, near);
	return weir_error_set(err, WEIR_EINVALID, "unknown command '%s'; `weir help` lists the commands", typed);
}

static int run_command(const struct weir_command *c, int argc, char **argv)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_args args = { 0 };
	bool json = false;
	int rc;

	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		json |= strcmp(argv[i], "--json") == 0;
	rc = weir_args_parse(c, argc, argv, &args, &err);
	if (rc == 0) {
		no_colour = weir_args_has(&args, "no-color");
		if (weir_args_has(&args, "help"))
			weir_command_help(c, stdout);
		else
			rc = c->run(&args, &err);
		if (rc == 0)
			rc = weir_cli_flush(&err);
		else
			fflush(stdout);
		weir_args_fini(&args);
	}
	return finish(c->name, rc, &err, json);
}

int main(int argc, char **argv)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const struct weir_command *c;
	const char *name;
	int used = 0;

	if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
		puts("weir " WEIR_VERSION);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error with a status of its own */
	name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	if (strcmp(name, "mount.weir") == 0 || (argc > 2 && argv[1][0] == '/')) /* by mount(8); by mount.fuse3 for "weir#/PATH" */
		return run_command(&weir_cmd_mount, argc - 1, argv + 1);
	if (argc < 2) {
		weir_commands_help(NULL, stderr);
		return weir_code_exit(WEIR_EINVALID);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		weir_commands_help(NULL, stdout);
		return finish("", weir_cli_flush(&err), &err, false);
	}
	c = weir_command_find(argc - 1, argv + 1, &used);
	if (c)
		return run_command(c, argc - 1 - used, argv + 1 + used);
	if (weir_command_is_group(argv[1]) && (argc == 2 || strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
		weir_commands_help(argv[1], argc == 2 ? stderr : stdout);
		return argc == 2 ? weir_code_exit(WEIR_EINVALID) : 0;
	}
	if (argv[1][0] == '-') {
		struct weir_args args;
		int rc = weir_args_parse(&weir_cmd_top, argc - 1, argv + 1, &args, &err);

		if (rc == 0)
			weir_args_fini(&args);
		return finish("", rc ? rc : weir_error_set(&err, WEIR_EINVALID, "the command comes first: weir COMMAND %s ...", argv[1]), &err, false);
	}
	return finish("", unknown_command(argc - 1, argv + 1, &err), &err, false);
}
