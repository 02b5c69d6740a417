// SPDX-License-Identifier: Apache-2.0
/*
 * Parsing against option tables, and suggestions for what was mistyped.
 * Invariants: argv is not changed and not copied; an option is looked up in the command's table first, then in the common one;
 * nothing here prints except weir_options_print.
 */
#include "cli/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"

const struct weir_option weir_common_options[] = {
	{ "h", "help", NULL, "show this help", 0 },
	{ NULL, "json", NULL, "print JSON: one document, or one object per line for lists of entries", 0 },
	{ NULL, "no-color", NULL, "never use colour (as the environment's NO_COLOR)", 0 },
	{ "v", "verbose", NULL, "accepted as Flink's command line does", WEIR_OPT_HIDDEN },
	{ 0 },
};

const char *weir_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	size_t len = strlen(word), least = len < 3 ? 2 : len / 3 + 2;

	for (; *candidates; candidates++) {
		size_t d = weir_edit_distance(word, *candidates);

		if (d < least)
			least = d, best = *candidates;
		else if (!best && len >= 3 && strncmp(word, *candidates, len) == 0)
			best = *candidates; /* a beginning of it */
	}
	return best;
}

typedef bool match_fn(const struct weir_option *o, const char *word, size_t len);

static bool match_long(const struct weir_option *o, const char *word, size_t len)
{
	return strncmp(o->name, word, len) == 0 && o->name[len] == 0;
}

static bool match_short(const struct weir_option *o, const char *word, size_t len)
{
	return o->short_name && strncmp(o->short_name, word, len) == 0 && o->short_name[len] == 0;
}

static const struct weir_option *find(const struct weir_command *c, match_fn *match, const char *word, size_t len)
{
	for (const struct weir_option *o = c->options; o && o->name; o++)
		if (match(o, word, len))
			return o;
	for (const struct weir_option *o = weir_common_options; o->name; o++)
		if (match(o, word, len))
			return o;
	return NULL;
}

static const char *spelled(const struct weir_option *o, char *buf, size_t size)
{
	snprintf(buf, size, "--%s", o->name);
	return buf;
}

static int unknown(const struct weir_command *c, const char *word, struct weir_error *err)
{
	const char *names[128];
	size_t n = 0, len = strcspn(word, "=");
	char name[64];
	const char *near;

	for (const struct weir_option *o = c->options; o && o->name && n < 120; o++)
		if (!(o->flags & WEIR_OPT_HIDDEN))
			names[n++] = o->name;
	for (const struct weir_option *o = weir_common_options; o->name && n < 127; o++)
		if (!(o->flags & WEIR_OPT_HIDDEN))
			names[n++] = o->name;
	names[n] = NULL;
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	near = weir_nearest(name + strspn(name, "-"), names);
	if (near)
		return weir_error_set(err, WEIR_EINVALID, "unknown option %.*s; did you mean --%s?", (int)len, word, near);
	return weir_error_set(err, WEIR_EINVALID, "unknown option %.*s; see `weir %s%s--help`", (int)len, word, c->name, c->name[0] ? " " : "");
}

static int add(struct weir_args *a, const struct weir_option *o, const char *value, struct weir_error *err)
{
	char buf[80];

	if (!(o->flags & (WEIR_OPT_REPEAT | WEIR_OPT_HIDDEN)) && o->arg && weir_args_has(a, o->name))
		return weir_error_set(err, WEIR_EINVALID, "option %s was given twice", spelled(o, buf, sizeof(buf)));
	a->given[a->ngiven++] = (struct weir_given){ o, value };
	if (strcmp(o->name, "json") == 0)
		a->json = true;
	return 0;
}

/* "-abc" as three flags; false when a letter is none. */
static bool bundle(const struct weir_command *c, const char *letters)
{
	for (; *letters; letters++) {
		const struct weir_option *o = find(c, match_short, letters, 1);

		if (!o || o->arg)
			return false;
	}
	return true;
}

static bool looks_like_option(const char *word)
{
	return word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9') && word[1] != '.';
}

static int with_value(struct weir_args *a, const struct weir_option *o, const char *glued, int argc, char **argv, int *i, struct weir_error *err)
{
	char buf[80];

	if (!o->arg) {
		if (glued)
			return weir_error_set(err, WEIR_EINVALID, "option %s takes no value", spelled(o, buf, sizeof(buf)));
		return add(a, o, NULL, err);
	}
	if (glued)
		return add(a, o, glued, err);
	if (*i + 1 < argc && !(o->flags & WEIR_OPT_OPTIONAL && looks_like_option(argv[*i + 1])) && strcmp(argv[*i + 1], "--") != 0)
		return add(a, o, argv[++*i], err);
	if (o->flags & WEIR_OPT_OPTIONAL)
		return add(a, o, NULL, err);
	return weir_error_set(err, WEIR_EINVALID, "option %s needs a value: %s", spelled(o, buf, sizeof(buf)), o->arg);
}

static int option_word(struct weir_args *a, int argc, char **argv, int *i, struct weir_error *err)
{
	const struct weir_command *c = a->command;
	const char *word = argv[*i], *name = word + (word[1] == '-' ? 2 : 1), *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct weir_option *o = NULL;
	int rc;

	if (word[1] != '-')
		o = find(c, match_short, name, len);
	if (!o)
		o = find(c, match_long, name, len);
	if (o)
		return with_value(a, o, eq ? eq + 1 : NULL, argc, argv, i, err);
	if (word[1] == '-')
		return unknown(c, word, err);
	o = find(c, match_short, name, 1);
	if (o && o->arg) /* -Dkey=value, -p4 */
		return add(a, o, name + 1, err);
	if (!bundle(c, name))
		return unknown(c, word, err);
	for (rc = 0; *name && rc == 0; name++)
		rc = add(a, find(c, match_short, name, 1), NULL, err);
	return rc;
}

static int check_words(const struct weir_args *a, struct weir_error *err)
{
	const struct weir_command *c = a->command;
	const char *gap = c->words && c->words[0] ? " " : "";

	if (weir_args_has(a, "help"))
		return 0;
	if (a->nwords < c->min_words)
		return weir_error_set(err, WEIR_EINVALID, "too few arguments; usage: weir %s%s%s", c->name, gap, c->words);
	if (c->max_words >= 0 && a->nwords > c->max_words)
		return weir_error_set(err, WEIR_EINVALID, "unexpected argument '%s'; usage: weir %s%s%s", a->words[c->max_words], c->name, gap, c->words);
	return 0;
}

int weir_args_parse(const struct weir_command *command, int argc, char **argv, struct weir_args *out, struct weir_error *err)
{
	struct weir_args a = { .command = command };
	size_t letters = 0;
	int rc = 0, i;

	for (i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	a.given = calloc(letters + 1, sizeof(*a.given)); /* "-abc" can be three options */
	a.words = calloc((size_t)argc + 1, sizeof(*a.words));
	if (!a.given || !a.words) {
		rc = weir_error_set(err, WEIR_ENOMEM, "out of memory");
		goto out;
	}
	for (i = 0; i < argc && rc == 0; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (looks_like_option(argv[i]))
			rc = option_word(&a, argc, argv, &i, err);
		else
			a.words[a.nwords++] = argv[i];
	}
	if (rc == 0 && i < argc && command->flags & WEIR_COMMAND_REST) {
		a.rest = argv + i + 1;
		a.nrest = argc - i - 1;
	} else if (rc == 0) {
		for (i++; i < argc; i++)
			a.words[a.nwords++] = argv[i];
	}
	if (rc == 0)
		rc = check_words(&a, err);
out:
	if (rc)
		weir_args_fini(&a);
	else
		*out = a;
	return rc;
}

void weir_args_fini(struct weir_args *a)
{
	free(a->given);
	free(a->words);
	a->given = NULL;
	a->words = NULL;
}

bool weir_args_has(const struct weir_args *a, const char *name)
{
	for (size_t i = 0; i < a->ngiven; i++)
		if (strcmp(a->given[i].option->name, name) == 0)
			return true;
	return false;
}

const char *weir_args_value(const struct weir_args *a, const char *name)
{
	for (size_t i = a->ngiven; i > 0; i--)
		if (strcmp(a->given[i - 1].option->name, name) == 0)
			return a->given[i - 1].value;
	return NULL;
}

const char *weir_args_nth(const struct weir_args *a, const char *name, size_t n)
{
	for (size_t i = 0; i < a->ngiven; i++)
		if (strcmp(a->given[i].option->name, name) == 0 && n-- == 0)
			return a->given[i].value;
	return NULL;
}

int weir_args_i64(const struct weir_args *a, const char *name, int64_t min, int64_t max, int64_t *out, struct weir_error *err)
{
	const char *text = weir_args_value(a, name);
	char *end;
	long long v;

	if (!text)
		return 0;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end || errno || v < min || v > max)
		return weir_error_set(err, WEIR_EINVALID, "--%s wants a whole number from %lld to %lld, not '%s'", name, (long long)min, (long long)max, text);
	*out = v;
	return 0;
}

static int left_column(const struct weir_option *o, char *buf, size_t size)
{
	const char *open = o->flags & WEIR_OPT_OPTIONAL ? "[" : "", *close = o->flags & WEIR_OPT_OPTIONAL ? "]" : "";

	return snprintf(buf, size, "  %s%s%s--%s%s%s%s%s", o->short_name ? "-" : "    ", o->short_name ? o->short_name : "", o->short_name ? ", " : "", o->name,
			o->arg ? " " : "", open, o->arg ? o->arg : "", close);
}

void weir_options_print(const struct weir_option *options, FILE *to)
{
	char left[128];
	int width = 0;

	for (const struct weir_option *o = options; o && o->name; o++)
		if (!(o->flags & WEIR_OPT_HIDDEN)) {
			int n = left_column(o, left, sizeof(left));

			width = n > width ? n : width;
		}
	for (const struct weir_option *o = options; o && o->name; o++)
		if (!(o->flags & WEIR_OPT_HIDDEN)) {
			left_column(o, left, sizeof(left));
			fprintf(to, "%-*s  %s%s\n", width, left, o->help, o->flags & WEIR_OPT_REPEAT ? " (repeatable)" : "");
		}
}
