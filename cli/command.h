/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands as a table. To add one: define `const struct weir_command weir_cmd_<name>` in cli/cmd_*.c and add its name to
 * WEIR_COMMANDS. Commands of several words ("state ls") are found by their longest match; `weir state` alone lists its group.
 *
 * A command returns 0, a negative WEIR_E* with *err filled (printed here, exit status from the table of codes), or a positive
 * exit status when it has told everything itself. Data goes to stdout, everything else to stderr.
 */
#ifndef WEIR_CLI_COMMAND_H
#define WEIR_CLI_COMMAND_H

#include "cli/option.h"

enum weir_command_flags {
	WEIR_COMMAND_REST = 1u << 0,  /* what follows "--" is kept apart in args->rest (weir run) */
	WEIR_COMMAND_FILES = 1u << 1, /* completion offers files for its words */
};

struct weir_command {
	const char *name;     /* "state ls" */
	const char *words;    /* "PATH [STATE]" */
	int min_words, max_words; /* max -1 = any number */
	const char *summary;  /* one line */
	const char *about;    /* paragraphs, or NULL */
	const char *examples; /* lines, or NULL */
	const struct weir_option *options; /* or NULL */
	unsigned flags;
	int (*run)(const struct weir_args *args, struct weir_error *err);
};

/* The one table: order is the order of `weir help`. */
#define WEIR_COMMANDS(X) \
	X(run)           \
	X(info)          \
	X(list)          \
	X(savepoint)     \
	X(checkpoint)    \
	X(stop)          \
	X(cancel)        \
	X(state_ls)      \
	X(state_show)    \
	X(state_get)     \
	X(state_find)    \
	X(state_du)      \
	X(state_timers)  \
	X(state_meta)    \
	X(state_export)  \
	X(state_diff)    \
	X(state_dump)    \
	X(state_verify)  \
	X(state_migrate) \
	X(state_tree)    \
	X(state_cat)     \
	X(mount)         \
	X(unmount)       \
	X(completion)    \
	X(version)       \
	X(help)

#define X(name) extern const struct weir_command weir_cmd_##name;
WEIR_COMMANDS(X)
#undef X

extern const struct weir_command *const weir_commands[]; /* NULL-terminated */
extern const struct weir_command weir_cmd_top;           /* `weir` itself: its options */

/* Longest command at the front of argv; *out_used words belong to it. NULL when there is none. */
const struct weir_command *weir_command_find(int argc, char **argv, int *out_used);
bool weir_command_is_group(const char *word);
void weir_command_usage(const struct weir_command *c, FILE *to);
void weir_command_help(const struct weir_command *c, FILE *to);
void weir_commands_help(const char *group, FILE *to); /* NULL = all */

/* Colour and progress only when `to` is a terminal, and never with NO_COLOR or TERM=dumb. */
bool weir_cli_colour(FILE *to);
/* Flush stdout; a full disk or a closed pipe is an error here. */
int weir_cli_flush(struct weir_error *err) WEIR_CHECK;
/* The weir_put_fn of stdout. */
int weir_cli_put(void *arg, const void *p, size_t n, struct weir_error *err);

#endif
