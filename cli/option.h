/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as tables. A command lists its options once; parsing, --help, bash completion and the check of the man page all read
 * that table. Every option has one form `--name`, may have a short one, and is accepted with a single dash as Flink's are
 * (`-savepointPath DIR`). `--name=value`, `--name value`, `-pVALUE` (one-letter options) and `-Dkey=value` all work; `--` ends options.
 */
#ifndef WEIR_CLI_OPTION_H
#define WEIR_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weir/error.h>

enum weir_option_flags {
	WEIR_OPT_REPEAT = 1u << 0,   /* may be given more than once; else twice is an error */
	WEIR_OPT_OPTIONAL = 1u << 1, /* the argument may be missing: taken when the next word is not an option */
	WEIR_OPT_HIDDEN = 1u << 2,   /* accepted for Flink's sake, not shown in help */
	WEIR_OPT_FILE = 1u << 3,     /* completion offers files */
};

struct weir_option {
	const char *short_name; /* "p", "sae", or NULL */
	const char *name;       /* long name without dashes; NULL ends a table */
	const char *arg;        /* "N", "DIR"; NULL = takes none */
	const char *help;       /* one sentence, lower case */
	unsigned flags;
};

/* Options of every command. */
extern const struct weir_option weir_common_options[];

struct weir_given {
	const struct weir_option *option;
	const char *value; /* NULL = flag, or optional argument left out */
};

struct weir_command;

/* What was typed. Strings are argv's. */
struct weir_args {
	const struct weir_command *command;
	struct weir_given *given;
	size_t ngiven;
	char **words;           /* positional arguments */
	int nwords;
	char **rest;            /* what follows "--", for commands that pass it on */
	int nrest;
	bool json;
};

/* argv[0] is the first word after the command's name. On failure (WEIR_EINVALID) the message names the word and the nearest known option. */
int weir_args_parse(const struct weir_command *command, int argc, char **argv, struct weir_args *out, struct weir_error *err) WEIR_CHECK;
void weir_args_fini(struct weir_args *a);

bool weir_args_has(const struct weir_args *a, const char *name);
/* The last value given, or NULL. */
const char *weir_args_value(const struct weir_args *a, const char *name);
/* The n-th value of a repeatable option, or NULL. */
const char *weir_args_nth(const struct weir_args *a, const char *name, size_t n);
/* A whole number within [min, max]; left alone when the option was not given. */
int weir_args_i64(const struct weir_args *a, const char *name, int64_t min, int64_t max, int64_t *out, struct weir_error *err) WEIR_CHECK;

/* The candidate nearest to a word, or NULL when none is near enough to be meant. candidates ends with NULL. */
const char *weir_nearest(const char *word, const char *const *candidates);

/* The help of one table, aligned. */
void weir_options_print(const struct weir_option *options, FILE *to);

#endif
