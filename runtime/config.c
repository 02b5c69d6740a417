// SPDX-License-Identifier: Apache-2.0
/*
 * The table of Flink's configuration keys that weir knows, and how their values are read. Pure but for weir_config_load(), which reads one file.
 * Adding a key: a row in `keys`, and a line in weir_config_apply().
 */
#include "runtime/config.h"

#include <ctype.h>
#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

enum value_type { TEXT, NUMBER, DURATION, SIZE, FLAG, CHOICE, FACTOR };

struct key {
	const char *name;
	enum value_type type;
	const char *otherwise; /* default, as text */
	const char *text;      /* for people; CHOICE: the choices, separated by | */
	const char *old;       /* older names, separated by blanks */
};

static const struct key keys[] = {
	{ "execution.checkpointing.interval", DURATION, "none", "time between checkpoints", NULL },
	{ "execution.checkpointing.mode", CHOICE, "EXACTLY_ONCE", "EXACTLY_ONCE|AT_LEAST_ONCE", NULL },
	{ "execution.checkpointing.timeout", DURATION, "10 min", "a checkpoint that takes longer is given up", NULL },
	{ "execution.checkpointing.min-pause", DURATION, "0 ms", "least time between the end of one checkpoint and the start of the next", NULL },
	{ "execution.checkpointing.max-concurrent-checkpoints", NUMBER, "1", "checkpoints under way at one time", NULL },
	{ "execution.checkpointing.tolerable-failed-checkpoints", NUMBER, "0", "checkpoints in a row that may fail", NULL },
	{ "execution.checkpointing.externalized-checkpoint-retention", CHOICE, "RETAIN_ON_CANCELLATION",
	  "RETAIN_ON_CANCELLATION|DELETE_ON_CANCELLATION|NO_EXTERNALIZED_CHECKPOINTS", NULL },
	{ "execution.checkpointing.dir", TEXT, "none", "folder of the checkpoints (URI)", "state.checkpoints.dir" },
	{ "execution.checkpointing.savepoint-dir", TEXT, "none", "folder of savepoints that name none (URI)", "state.savepoints.dir" },
	{ "execution.checkpointing.num-retained", NUMBER, "1", "complete checkpoints that are kept", "state.checkpoints.num-retained" },
	{ "execution.checkpointing.create-subdir", FLAG, "true", "a folder per job id below execution.checkpointing.dir", "state.checkpoints.create-subdir" },
	{ "execution.checkpointing.data-inline-threshold", SIZE, "20 kb", "state up to this size is stored in _metadata",
	  "state.storage.fs.memory-threshold state.backend.fs.memory-threshold" },
	{ "execution.checkpointing.storage", CHOICE, "filesystem", "filesystem|jobmanager", "state.checkpoint-storage" },
	{ "execution.state-recovery.path", TEXT, "none", "checkpoint or savepoint to start from", "execution.savepoint.path" },
	{ "execution.state-recovery.ignore-unclaimed-state", FLAG, "false", "drop state of operators that the job does not have",
	  "execution.savepoint.ignore-unclaimed-state" },
	{ "weir.metadata-version", NUMBER, "4", "metadata version to write: 2 (Flink 1.8-1.10), 3 (1.11-1.15), 4 (1.16-1.20), 5 (2.0), 6 (2.1-2.3)", NULL },
	{ "state.backend.type", CHOICE, "hashmap", "hashmap", "state.backend" },
	{ "restart-strategy.type", TEXT, "fixed-delay with checkpoints, else none", "one of none, fixed-delay, failure-rate, exponential-delay", "restart-strategy" },
	{ "restart-strategy.fixed-delay.attempts", NUMBER, "unlimited", "restarts before the job fails", NULL },
	{ "restart-strategy.fixed-delay.delay", DURATION, "1 s", "time before each restart", NULL },
	{ "restart-strategy.failure-rate.max-failures-per-interval", NUMBER, "1", "failures within the interval; one more fails the job", NULL },
	{ "restart-strategy.failure-rate.failure-rate-interval", DURATION, "1 min", "the interval in which failures are counted", NULL },
	{ "restart-strategy.failure-rate.delay", DURATION, "1 s", "time before each restart", NULL },
	{ "restart-strategy.exponential-delay.initial-backoff", DURATION, "1 s", "time before the first restart", NULL },
	{ "restart-strategy.exponential-delay.max-backoff", DURATION, "1 min", "longest time before a restart", NULL },
	{ "restart-strategy.exponential-delay.backoff-multiplier", FACTOR, "1.5", "each time is the one before, multiplied by this", NULL },
	{ "restart-strategy.exponential-delay.reset-backoff-threshold", DURATION, "1 h", "after so long without a failure the first time holds again", NULL },
	{ "restart-strategy.exponential-delay.jitter-factor", FACTOR, "0.1", "part of the time that is chosen at random", NULL },
	{ "restart-strategy.exponential-delay.attempts-before-reset-backoff", NUMBER, "unlimited", "restarts within that threshold before the job fails", NULL },
	{ "parallelism.default", NUMBER, "1", "parallelism of operators that set none", NULL },
	{ "pipeline.max-parallelism", NUMBER, "from the parallelism", "number of key groups", NULL },
	{ "pipeline.name", TEXT, "the job's own", "name of the job", NULL },
};
#define NKEYS (sizeof(keys) / sizeof(keys[0]))

/* Settings of Flink that have no meaning here: taken, said once, ignored. */
static const char *const ignored[] = { "env.", "classloader.", "akka.", "pekko.", "jobmanager.", "taskmanager.", "rest.", "metrics.", "high-availability.",
				       "web.", "security.", "blob.", "cluster.", "heartbeat.", "historyserver.", "io.tmp.dirs", "execution.target",
				       "execution.attached", "execution.shutdown-on-attached-exit", "execution.buffer-timeout", "execution.runtime-mode",
				       "pipeline.object-reuse", "pipeline.auto-watermark-interval", "pipeline.operator-chaining", "pipeline.auto-generate-uids",
				       "pipeline.jars", "pipeline.classpaths", "state.backend.rocksdb.", "state.backend.incremental", "fs." };

/* ---- values ---- */

static const struct { const char *unit; int64_t ms; } durations[] = {
	{ "ms", 1 }, { "milli", 1 }, { "millis", 1 }, { "millisecond", 1 }, { "milliseconds", 1 }, { "", 1 }, { "s", 1000 }, { "sec", 1000 }, { "secs", 1000 },
	{ "second", 1000 }, { "seconds", 1000 }, { "m", 60000 }, { "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 }, { "h", 3600000 },
	{ "hour", 3600000 }, { "hours", 3600000 }, { "d", 86400000 }, { "day", 86400000 }, { "days", 86400000 },
};
static const struct { const char *unit; int shift; } sizes[] = {
	{ "", 0 }, { "b", 0 }, { "bytes", 0 }, { "k", 10 }, { "kb", 10 }, { "kibibytes", 10 }, { "m", 20 }, { "mb", 20 }, { "mebibytes", 20 },
	{ "g", 30 }, { "gb", 30 }, { "gibibytes", 30 }, { "t", 40 }, { "tb", 40 },
};

static bool number_and_unit(const char *text, int64_t *out, char *unit, size_t size)
{
	char *end;
	size_t n = 0;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (end == text || errno)
		return false;
	while (isspace((unsigned char)*end))
		end++;
	while (*end && !isspace((unsigned char)*end) && n + 1 < size)
		unit[n++] = (char)tolower((unsigned char)*end++);
	unit[n] = 0;
	while (isspace((unsigned char)*end))
		end++;
	return *end == 0;
}

static bool parse_duration(const char *text, int64_t *out)
{
	char unit[24];
	int64_t n;

	if (!number_and_unit(text, &n, unit, sizeof(unit)))
		return false;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		if (strcmp(unit, durations[i].unit) == 0)
			return !__builtin_mul_overflow(n, durations[i].ms, out) && *out >= 0;
	return false;
}

static bool parse_size(const char *text, int64_t *out)
{
	char unit[24];
	int64_t n;

	if (!number_and_unit(text, &n, unit, sizeof(unit)) || n < 0)
		return false;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (strcmp(unit, sizes[i].unit) == 0)
			return !__builtin_mul_overflow(n, (int64_t)1 << sizes[i].shift, out);
	return false;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strncasecmp(p, value, n) == 0 && (p[n] == '|' || p[n] == 0))
			return true;
	return false;
}

static int check_value(const struct key *k, const char *value, const char *from, struct weir_error *err)
{
	static const char *const wanted[] = { "", "a whole number", "a duration such as '10 s'", "a size such as '20 kb'", "true or false", "", "a number" };
	char unit[8], *end;
	int64_t n;
	bool ok = true;

	switch (k->type) {
	case TEXT: break;
	case NUMBER: ok = number_and_unit(value, &n, unit, sizeof(unit)) && !unit[0]; break;
	case DURATION: ok = parse_duration(value, &n); break;
	case SIZE: ok = parse_size(value, &n); break;
	case FLAG: ok = is_choice("true|false", value); break;
	case CHOICE: ok = is_choice(k->text, value); break;
	case FACTOR: ok = (strtod(value, &end), end != value && *end == 0); break;
	}
	if (ok)
		return 0;
	if (k->type == CHOICE)
		return weir_error_set(err, WEIR_EINVALID, "%s: %s: '%s' is not one of %s", from, k->name, value, k->text);
	return weir_error_set(err, WEIR_EINVALID, "%s: %s: '%s' is not %s", from, k->name, value, wanted[k->type]);
}

/* ---- keys ---- */

static const struct key *by_name(const char *name)
{
	for (size_t i = 0; i < NKEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static const struct key *by_old_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < NKEYS; i++)
		for (const char *p = keys[i].old; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL)
			if (strncmp(p, name, n) == 0 && (p[n] == ' ' || p[n] == 0))
				return &keys[i];
	return NULL;
}

static void warn_unknown(const char *key, const char *from, weir_config_notice_fn *notice, void *arg)
{
	char text[400];
	size_t best = SIZE_MAX;
	const char *near = NULL;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		if (strncmp(key, ignored[i], strlen(ignored[i])) == 0) {
			snprintf(text, sizeof(text), "%s: %s has no meaning in weir and is ignored", from, key);
			if (notice)
				notice(arg, text);
			return;
		}
	}
	for (size_t i = 0; i < NKEYS; i++) {
		size_t d = weir_edit_distance(key, keys[i].name);

		if (d < best) {
			best = d;
			near = keys[i].name;
		}
	}
	if (near && best <= strlen(key) / 3)
		snprintf(text, sizeof(text), "%s: unknown key %s is ignored; did you mean %s?", from, key, near);
	else
		snprintf(text, sizeof(text), "%s: unknown key %s is ignored", from, key);
	if (notice)
		notice(arg, text);
}

void weir_config_fini(struct weir_config *c)
{
	weir_vec_fini(&c->entries);
	weir_arena_fini(&c->arena);
}

const char *weir_config_get(const struct weir_config *c, const char *key)
{
	for (size_t i = 0; i < c->entries.len; i++)
		if (strcmp(c->entries.items[i].key, key) == 0)
			return c->entries.items[i].value;
	return NULL;
}

int weir_config_set(struct weir_config *c, const char *key, const char *value, const char *from, weir_config_notice_fn *notice, void *arg, struct weir_error *err)
{
	const struct key *k = by_name(key);
	struct weir_config_entry *e = NULL;
	int code;

	if (!k && (k = by_old_name(key)) && notice) {
		char text[300];

		snprintf(text, sizeof(text), "%s: %s is the old name of %s", from, key, k->name);
		notice(arg, text);
	}
	if (!k) {
		warn_unknown(key, from, notice, arg);
		return 0;
	}
	code = check_value(k, value, from, err);
	if (code)
		return code;
	for (size_t i = 0; i < c->entries.len && !e; i++)
		if (strcmp(c->entries.items[i].key, k->name) == 0)
			e = &c->entries.items[i];
	if (!e)
		e = weir_vec_push(&c->entries);
	value = weir_arena_text(&c->arena, value, strlen(value));
	from = weir_arena_text(&c->arena, from, strlen(from));
	if (!e || !value || !from)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	*e = (struct weir_config_entry){ k->name, value, from };
	return 0;
}

/* ---- files ---- */

struct loading {
	struct weir_config *c;
	const char *path;
	weir_config_notice_fn *notice;
	void *arg;
	struct weir_error *err;
};

static int load_node(struct loading *l, struct fy_node *n, const char *prefix, int depth)
{
	struct fy_node_pair *pair;
	void *iter = NULL;
	int code = 0;

	if (depth > 16)
		return weir_error_at(l->err, WEIR_EINVALID, l->path, WEIR_NO_OFFSET, "%s: nested too deep", prefix);
	if (fy_node_is_scalar(n)) {
		size_t len = 0;
		const char *text = fy_node_get_scalar(n, &len);
		char *value = weir_arena_text(&l->c->arena, text ? text : "", text ? len : 0);

		return value ? weir_config_set(l->c, prefix, value, l->path, l->notice, l->arg, l->err) : WEIR_ENOMEM;
	}
	if (!fy_node_is_mapping(n)) {
		if (by_name(prefix) || by_old_name(prefix))
			return weir_error_at(l->err, WEIR_EINVALID, l->path, WEIR_NO_OFFSET, "%s: a list stands where one value is wanted", prefix);
		warn_unknown(prefix, l->path, l->notice, l->arg);
		return 0;
	}
	while (!code && (pair = fy_node_mapping_iterate(n, &iter)) != NULL) {
		size_t len = 0;
		const char *name = fy_node_get_scalar(fy_node_pair_key(pair), &len);
		struct weir_buf key = { 0 };

		weir_buf_printf(&key, "%s%s%.*s", prefix, *prefix ? "." : "", (int)len, name ? name : "");
		code = load_node(l, fy_node_pair_value(pair), weir_buf_cstr(&key), depth + 1);
		weir_buf_fini(&key);
	}
	return code;
}

/* flink-conf.yaml: "key: value" a line, # starts a comment, bad lines are left out. */
static int load_lines(struct loading *l, char *text)
{
	char *save = NULL;
	int code = 0;

	for (char *line = strtok_r(text, "\r\n", &save); line && !code; line = strtok_r(NULL, "\r\n", &save)) {
		char *hash = strchr(line, '#'), *colon, *end;

		if (hash)
			*hash = 0;
		colon = strstr(line, ": ");
		if (!colon)
			continue;
		*colon = 0;
		for (colon += 2; isspace((unsigned char)*colon); colon++)
			;
		for (end = colon + strlen(colon); end > colon && isspace((unsigned char)end[-1]);)
			*--end = 0;
		while (isspace((unsigned char)*line))
			line++;
		code = weir_config_set(l->c, line, colon, l->path, l->notice, l->arg, l->err);
	}
	return code;
}

/* Nothing but blanks, comments and document marks: a configuration without keys. libfyaml has no document for it. */
static bool is_empty(const char *text)
{
	while (*text) {
		text += strspn(text, " \t\r\n");
		if (strncmp(text, "---", 3) == 0)
			text += 3;
		else if (*text == '#')
			text += strcspn(text, "\n");
		else if (*text)
			return false;
	}
	return true;
}

static int load_yaml(struct loading *l, const char *text, size_t n)
{
	struct fy_diag *diag = fy_diag_create(NULL);
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET, .diag = diag };
	struct fy_diag_error *why;
	struct fy_document *doc;
	void *iter = NULL;
	int code = 0;

	if (!diag)
		return weir_error_set(l->err, WEIR_ENOMEM, "out of memory");
	fy_diag_set_collect_errors(diag, true); /* else they are printed */
	doc = fy_document_build_from_string(&cfg, text, n);
	if (!doc) {
		why = fy_diag_errors_iterate(diag, &iter);
		code = weir_error_at(l->err, WEIR_EINVALID, l->path, WEIR_NO_OFFSET, "line %d, column %d: the configuration is not well-formed YAML: %s",
				     why ? why->line : 1, why ? why->column : 1, why && why->msg ? why->msg : "a key stands twice, perhaps");
	} else if (fy_document_root(doc) && !fy_node_is_mapping(fy_document_root(doc))) {
		code = weir_error_at(l->err, WEIR_EINVALID, l->path, WEIR_NO_OFFSET, "the configuration has no keys: write lines such as parallelism.default: 2");
	} else if (fy_document_root(doc)) {
		code = load_node(l, fy_document_root(doc), "", 0);
	}
	fy_document_destroy(doc);
	fy_diag_destroy(diag);
	return code;
}

int weir_config_load(struct weir_config *c, const char *path, weir_config_notice_fn *notice, void *arg, struct weir_error *err)
{
	struct loading l = { c, path, notice, arg, err };
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char text[65536];
	size_t n;
	FILE *f = fopen(path, "re");
	int code = 0;

	if (!f)
		return weir_error_sys(err, errno, path, "open the configuration");
	n = fread(text, 1, sizeof(text) - 1, f);
	if (ferror(f) || !feof(f))
		code = weir_error_at(err, WEIR_EINVALID, path, WEIR_NO_OFFSET, "the configuration cannot be read, or is larger than 64 KiB");
	else if (memchr(text, 0, n))
		code = weir_error_at(err, WEIR_EINVALID, path, (uint64_t)((char *)memchr(text, 0, n) - text), "the configuration is not text in UTF-8");
	fclose(f);
	text[n] = 0;
	if (code)
		return code;
	if (strcmp(base, "flink-conf.yaml") == 0)
		return load_lines(&l, text);
	return is_empty(text) ? 0 : load_yaml(&l, text, n);
}

/* ---- to a job ---- */

static void set_i64(const struct weir_config *c, const char *key, int64_t *out)
{
	const char *v = weir_config_get(c, key);

	if (!v)
		return;
	switch (by_name(key)->type) {
	case DURATION: (void)parse_duration(v, out); break; /* checked when it was set */
	case SIZE: (void)parse_size(v, out); break;
	case FLAG: *out = strcasecmp(v, "true") == 0; break;
	default: *out = strtoll(v, NULL, 10);
	}
}

static int in_range(const char *key, int64_t v, int64_t min, int64_t max, struct weir_error *err)
{
	if (v >= min && v <= max)
		return 0;
	return weir_error_set(err, WEIR_EINVALID, "%s: %lld is not within %lld..%lld", key, (long long)v, (long long)min, (long long)max);
}

static int apply_restart(const struct weir_config *c, struct weir_job_config *job, struct weir_error *err)
{
	const char *type = weir_config_get(c, "restart-strategy.type"), *v;
	enum weir_restart_kind kind = job->dir && job->interval_ms ? WEIR_RESTART_FIXED_DELAY : WEIR_RESTART_NONE;
	struct weir_restart_config *r = &job->restart;
	int64_t attempts = -1, failures;
	int code = type ? weir_restart_kind_parse(type, &kind, err) : 0;

	if (code)
		return code;
	*r = weir_restart_default(kind);
	for (size_t i = 0; i < c->entries.len; i++)
		r->chosen |= strncmp(c->entries.items[i].key, "restart-strategy", 16) == 0;
	failures = r->max_failures;
	set_i64(c, kind == WEIR_RESTART_EXPONENTIAL_DELAY ? "restart-strategy.exponential-delay.attempts-before-reset-backoff" : "restart-strategy.fixed-delay.attempts",
		&attempts);
	if (attempts >= 0)
		r->attempts = (uint32_t)attempts;
	set_i64(c, kind == WEIR_RESTART_FAILURE_RATE ? "restart-strategy.failure-rate.delay" : "restart-strategy.fixed-delay.delay", &r->delay_ms);
	set_i64(c, "restart-strategy.failure-rate.max-failures-per-interval", &failures);
	r->max_failures = (uint32_t)failures;
	set_i64(c, "restart-strategy.failure-rate.failure-rate-interval", &r->interval_ms);
	set_i64(c, "restart-strategy.exponential-delay.initial-backoff", &r->initial_ms);
	set_i64(c, "restart-strategy.exponential-delay.max-backoff", &r->max_ms);
	set_i64(c, "restart-strategy.exponential-delay.reset-backoff-threshold", &r->reset_ms);
	if ((v = weir_config_get(c, "restart-strategy.exponential-delay.backoff-multiplier")) != NULL)
		r->multiplier = strtod(v, NULL);
	if ((v = weir_config_get(c, "restart-strategy.exponential-delay.jitter-factor")) != NULL)
		r->jitter = strtod(v, NULL);
	return 0;
}

int weir_config_apply(const struct weir_config *c, struct weir_job_config *job, uint32_t *parallelism, uint32_t *max_parallelism, struct weir_error *err)
{
	int64_t p = *parallelism, maxp = *max_parallelism, concurrent = job->max_concurrent, tolerable = job->tolerable_failed, retained = job->num_retained,
		threshold = (int64_t)job->inline_threshold, version = job->meta_version, subdir = job->create_subdir, ignore = job->allow_non_restored;
	const char *v;
	int code;

	set_i64(c, "execution.checkpointing.interval", &job->interval_ms);
	set_i64(c, "execution.checkpointing.timeout", &job->timeout_ms);
	set_i64(c, "execution.checkpointing.min-pause", &job->min_pause_ms);
	set_i64(c, "execution.checkpointing.max-concurrent-checkpoints", &concurrent);
	set_i64(c, "execution.checkpointing.tolerable-failed-checkpoints", &tolerable);
	set_i64(c, "execution.checkpointing.num-retained", &retained);
	set_i64(c, "execution.checkpointing.data-inline-threshold", &threshold);
	set_i64(c, "execution.checkpointing.create-subdir", &subdir);
	set_i64(c, "execution.state-recovery.ignore-unclaimed-state", &ignore);
	set_i64(c, "weir.metadata-version", &version);
	set_i64(c, "parallelism.default", &p);
	set_i64(c, "pipeline.max-parallelism", &maxp);
	if ((v = weir_config_get(c, "execution.checkpointing.mode")) != NULL)
		job->exactly_once = strcasecmp(v, "EXACTLY_ONCE") == 0;
	if ((v = weir_config_get(c, "execution.checkpointing.externalized-checkpoint-retention")) != NULL)
		job->retention = strcasecmp(v, "RETAIN_ON_CANCELLATION") == 0 ? WEIR_RETAIN_ON_CANCELLATION :
				 strcasecmp(v, "DELETE_ON_CANCELLATION") == 0 ? WEIR_DELETE_ON_CANCELLATION : WEIR_NO_EXTERNALIZED_CHECKPOINTS;
	if ((v = weir_config_get(c, "execution.checkpointing.dir")) != NULL)
		job->dir = v;
	if ((v = weir_config_get(c, "execution.checkpointing.savepoint-dir")) != NULL)
		job->savepoint_dir = v;
	if ((v = weir_config_get(c, "execution.state-recovery.path")) != NULL)
		job->restore = v;
	code = in_range("parallelism.default", p, 1, 32768, err);
	if (!code && maxp != 0 && maxp != -1)
		code = in_range("pipeline.max-parallelism", maxp, 1, 32768, err);
	if (!code)
		code = in_range("execution.checkpointing.max-concurrent-checkpoints", concurrent, 1, WEIR_COORD_CONCURRENT_MAX, err);
	if (!code)
		code = in_range("execution.checkpointing.num-retained", retained, 1, 1000000, err);
	if (!code)
		code = in_range("execution.checkpointing.data-inline-threshold", threshold, 0, 1 << 20, err);
	if (!code)
		code = in_range("weir.metadata-version", version, WEIR_META_OLDEST, WEIR_META_NEWEST, err);
	if (code)
		return code;
	job->max_concurrent = (uint32_t)concurrent;
	job->tolerable_failed = (int32_t)tolerable;
	job->num_retained = (uint32_t)retained;
	job->inline_threshold = (uint64_t)threshold;
	job->create_subdir = subdir != 0;
	job->allow_non_restored = ignore != 0;
	job->meta_version = (int32_t)version;
	*parallelism = (uint32_t)p;
	*max_parallelism = maxp > 0 ? (uint32_t)maxp : 0;
	return apply_restart(c, job, err);
}

/* ---- for people ---- */

static const char restarts[] =
	"\n## What is tried again\n\n"
	"Rows and arguments that are wrong are never tried again, nor are errors inside weir. Where no `restart-strategy` key is set, a full disk and missing permissions\n"
	"fail the job at once too, and the same error four times in a row does (in a row: within a minute of each other, or without a checkpoint in between).\n"
	"With a `restart-strategy` of one's own that alone decides.\n";

static const char retention[] =
	"\n## What happens to checkpoints at the end\n\n"
	"`execution.checkpointing.externalized-checkpoint-retention` decides, as in Flink. Savepoints are never deleted.\n\n"
	"| | `weir cancel` | the job fails | it finishes, is stopped or drained | Ctrl-C, SIGTERM, SIGKILL |\n|---|---|---|---|---|\n"
	"| `RETAIN_ON_CANCELLATION` (default; Flink's is the last) | kept | kept | kept | kept |\n"
	"| `DELETE_ON_CANCELLATION` | deleted | kept | kept | kept |\n"
	"| `NO_EXTERNALIZED_CHECKPOINTS` | deleted | deleted | kept | kept |\n\n"
	"Flink deletes the checkpoints of a finished job; weir keeps the last (`num-retained` of them) under each setting, for that is what tells `--resume` that nothing is left to do: without it a\n"
	"supervisor would run the job, and write its results, a second time. After a deletion `--resume` starts afresh, beside the results that are there.\n";

void weir_config_help(struct weir_buf *out)
{
	static const char *const types[] = { "text", "number", "duration", "size", "true or false", "one of", "number with a fraction" };

	weir_buf_text(out, "# Configuration\n\n"
		      "Flink's keys, from `--config FILE` (config.yaml, or flink-conf.yaml with `key: value` lines; without it `$FLINK_CONF_DIR/config.yaml`) and from\n"
		      "`-D key=value`, which wins. Durations: `10 min`, `500 ms`, a number alone is milliseconds. Sizes: `20 kb` (1 kb = 1024), a number alone is bytes.\n"
		      "Older names of a key are taken with a notice. Flink's keys that have no meaning here (the JVM's, a cluster's) are ignored with a notice, unknown\n"
		      "keys too. This page is the output of `weir help configuration`.\n\n");
	for (size_t i = 0; i < NKEYS; i++) {
		const struct key *k = &keys[i];

		weir_buf_printf(out, "- `%s`: %s", k->name, types[k->type]);
		for (const char *p = k->type == CHOICE ? k->text : NULL; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
			weir_buf_printf(out, "%s`%.*s`", p == k->text ? " " : ", ", (int)strcspn(p, "|"), p);
		weir_buf_printf(out, "; default %s.", k->otherwise);
		if (k->type != CHOICE)
			weir_buf_printf(out, " %c%s.", toupper((unsigned char)k->text[0]), k->text + 1);
		for (const char *p = k->old; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL)
			weir_buf_printf(out, "%s`%.*s`", p == k->old ? " Older: " : ", ", (int)strcspn(p, " "), p);
		weir_buf_text(out, k->old ? ".\n" : "\n");
	}
	weir_buf_text(out, restarts);
	weir_buf_text(out, retention);
}
