// SPDX-License-Identifier: Apache-2.0
/*
 * weir run: compile, build the graph, run the job in this process, exactly once. Progress and notices go to stderr; the job's own output is its sinks'.
 * The first Ctrl-C (or SIGTERM) takes a last checkpoint where checkpoints are stored and then cancels; the second ends the process at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/crash.h"
#include "cli/job_file.h"
#include "runtime/config.h"
#include "runtime/job.h"

static const struct weir_option run_options[] = {
	{ "p", "parallelism", "N", "parallelism of operators that set none", 0 },
	{ "s", "fromSavepoint", "PATH", "start from a savepoint, a chk-N folder, or the newest complete checkpoint below a folder", WEIR_OPT_FILE },
	{ NULL, "resume", NULL, "start from the newest checkpoint in execution.checkpointing.dir, or afresh when there is none", 0 },
	{ "n", "allowNonRestoredState", NULL, "drop state of operators that the job does not have", 0 },
	{ "d", "detached", NULL, "print the job id and return; the job goes on in the background", 0 },
	{ "D", "define", "KEY=VALUE", "set a configuration key (see `weir help configuration`)", WEIR_OPT_REPEAT },
	{ NULL, "config", "FILE", "configuration file (config.yaml or flink-conf.yaml); default $FLINK_CONF_DIR/config.yaml", WEIR_OPT_FILE },
	{ NULL, "log", "FILE", "with --detached: where its messages go (default: /tmp/weir-UID-PID.log)", WEIR_OPT_FILE },
	{ 0 },
};

struct run {
	const struct weir_args *args;
	struct weir_config config;
	struct weir_job_config job_config;
	struct weir_job_file file;
	struct weir_env *env;
	struct weir_plan *plan;
	struct weir_host *host;
	struct weir_job *job;
	struct weir_control *control;
	struct weir_fs_lock *lock;
	char *restore, *restore_found;
	struct weir_error damaged; /* --resume: a checkpoint newer than restore_found that was complete once */
	uint32_t parallelism, max_parallelism;
	int ready_fd;           /* detached: tell the parent */
	bool quiet_note;
};

/* ---- signals ---- */

static volatile sig_atomic_t interrupts, interrupted_by;

static void on_interrupt(int sig)
{
	interrupted_by = sig;
	if (interrupts++) {
		static const char text[] = "\nweir: ended at once\n";

		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		_exit(128 + sig);
	}
}

static void catch_interrupts(void)
{
	struct sigaction stop = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- set-up ---- */

static void notice(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "weir: %s\n", text);
}

static int configure(struct run *r, struct weir_error *err)
{
	const char *file = weir_args_value(r->args, "config"), *dir = getenv("FLINK_CONF_DIR"), *v;
	char beside[4200];
	int code = 0;

	if (!file && dir) {
		snprintf(beside, sizeof(beside), "%s/config.yaml", dir);
		if (access(beside, R_OK) == 0)
			file = beside;
	}
	if (file)
		code = weir_config_load(&r->config, file, notice, NULL, err);
	for (size_t i = 0; !code && (v = weir_args_nth(r->args, "define", i)) != NULL; i++) {
		const char *eq = strchr(v, '=');
		char key[256];

		if (!eq || eq == v)
			return weir_error_set(err, WEIR_EINVALID, "-D%s: write it as -Dkey=value", v);
		snprintf(key, sizeof(key), "%.*s", (int)(eq - v), v);
		code = weir_config_set(&r->config, key, eq + 1, "-D", notice, NULL, err);
	}
	r->job_config = weir_job_config_default();
	r->parallelism = 1;
	if (!code)
		code = weir_config_apply(&r->config, &r->job_config, &r->parallelism, &r->max_parallelism, err);
	if (!code) {
		int64_t p = r->parallelism;

		code = weir_args_i64(r->args, "parallelism", 1, 32768, &p, err);
		r->parallelism = (uint32_t)p;
	}
	r->job_config.max_parallelism = r->max_parallelism;
	if (weir_args_has(r->args, "allowNonRestoredState"))
		r->job_config.allow_non_restored = true;
	if (weir_args_value(r->args, "fromSavepoint"))
		r->job_config.restore = weir_args_value(r->args, "fromSavepoint");
	return code;
}

/* An option and its value are one argument to people. */
static void name_unused(const struct run *r)
{
	char *const *a = r->args->rest;

	for (int i = 0; i < r->args->nrest; i++) {
		bool pair = a[i][0] == '-' && !strchr(a[i], '=') && i + 1 < r->args->nrest && a[i + 1][0] != '-' && !r->env->arg_used[i + 1];

		if (r->env->arg_used[i])
			continue;
		fprintf(stderr, "weir: the job does not use the argument '%s%s%s'\n", a[i], pair ? " " : "", pair ? a[i + 1] : "");
		i += pair;
	}
}

static int build(struct run *r, struct weir_error *err)
{
	const char *name = weir_config_get(&r->config, "pipeline.name");
	int returned, code = weir_job_file_open(r->args->words[0], &r->file, err);

	if (code)
		return code;
	r->env = weir_env_new(r->args->nrest, r->args->rest);
	if (!r->env)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	weir_crash_catch();
	weir_crash_in_main(r->args->words[0]);
	returned = r->file.main(r->env, r->args->nrest, r->args->rest);
	weir_crash_in_main(NULL);
	if (returned != 0 && r->env->err.code == 0)
		return weir_error_set(err, WEIR_EINVALID, "weir_main of %s returned %d", r->args->words[0], returned);
	if (name)
		weir_job_name(r->env, name);
	else if (!r->env->job_name)
		weir_job_name(r->env, r->file.name);
	code = weir_plan_make(r->env, r->parallelism, r->max_parallelism, &r->plan, err);
	if (!code)
		name_unused(r);
	return code;
}

/* The id of a job's run number n in a checkpoint folder: the same for the same name, so that a second process meets the first one's lock, and --resume
 * finds the job's own checkpoints where several jobs share the folder. */
static void own_id(const char *name, uint32_t n, char out[33])
{
	struct weir_buf b = { 0 };
	uint8_t sum[16];

	weir_buf_printf(&b, n ? "%s\n%u" : "%s", name, n);
	weir_xxh3_128(b.data, b.len, sum);
	weir_buf_fini(&b);
	for (int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

static void note_damage(void *arg, const char *uri, const struct weir_error *why)
{
	struct weir_error *damaged = arg;

	(void)uri;
	if (!damaged->code && weir_code_disposition(why->code) == WEIR_DAMAGED)
		*damaged = *why;
}

static void skipped(void *arg, const char *uri, const struct weir_error *why)
{
	char text[1200];

	note_damage(arg, uri, why);
	if (weir_code_disposition(why->code) != WEIR_DAMAGED)
		fprintf(stderr, "weir: %s is not complete and is passed over: %s\n", uri, weir_error_text(why, text, sizeof(text)));
}

/* It has been complete, so results were committed with it: an older one would write them again, and so would a fresh start. */
static int refuse_damaged(const struct run *r, struct weir_error *err)
{
	char older[600] = "no older one is complete";

	if (r->restore_found)
		snprintf(older, sizeof(older), "the newest complete one is %s: start from that with -s, and what was committed since is written again", r->restore_found);
	return weir_error_at(err, r->damaged.code, r->damaged.path, r->damaged.offset, "the newest checkpoint is damaged: %.500s; %s", r->damaged.msg, older);
}

#define RUNS_GAP 16 /* numbers without checkpoints behind which no more are looked for */

/* The last run of this job that has a complete checkpoint: its id and that checkpoint (malloc'ed). *out_next: the number of the next run. */
static int find_last_run(const char *dir, const char *name, weir_store_skip_fn *skip, struct weir_error *out_damaged, char id[33], char **out_uri, uint32_t *out_next,
			 struct weir_error *err)
{
	uint32_t gap = 0;
	int code = 0;

	*out_uri = NULL;
	*out_next = 0;
	for (uint32_t n = 0; !code && gap < RUNS_GAP; n++) {
		struct weir_error none = WEIR_ERROR_INIT, damaged = WEIR_ERROR_INIT;
		char uri[4300], of[33], *found = NULL;

		own_id(name, n, of);
		snprintf(uri, sizeof(uri), "%s/%s", dir, of);
		code = weir_store_newest(uri, &found, skip, &damaged, &none);
		if (code == 0 || damaged.code)
			*out_damaged = damaged; /* of the last run that has checkpoints */
		gap = code ? gap + 1 : 0;
		if (code == 0) {
			free(*out_uri);
			*out_uri = found;
			*out_next = n + 1;
			memcpy(id, of, 33);
		} else if (code == WEIR_ENOTFOUND) {
			code = 0;
		} else if (err) {
			*err = none;
		}
	}
	return code;
}

static int choose_resume(struct run *r, const char *own, struct weir_error *err)
{
	struct weir_job_config *c = &r->job_config;
	struct weir_error none = WEIR_ERROR_INIT;
	int code = 0;

	if (!c->dir)
		return weir_error_set(err, WEIR_EINVALID, "--resume needs the folder of the checkpoints: -D execution.checkpointing.dir=DIR");
	if (weir_args_value(r->args, "fromSavepoint"))
		return weir_error_set(err, WEIR_EINVALID, "--resume and -s exclude each other");
	if (r->damaged.code)
		return refuse_damaged(r, err);
	if (own) {
		c->restore = own;
		return 0;
	}
	code = weir_store_newest(c->dir, &r->restore_found, note_damage, &r->damaged, &none); /* of a job with another name, or Flink's */
	if (r->damaged.code) {
		code = refuse_damaged(r, err);
	} else if (code == 0) {
		c->restore = r->restore_found;
	} else if (code == WEIR_ENOTFOUND) {
		fprintf(stderr, "weir: no checkpoint in %s yet: starting afresh\n", c->dir);
		code = 0;
	} else if (err) {
		*err = none;
	}
	return code;
}

/* Which job id, and from which checkpoint. */
static int choose_start(struct run *r, struct weir_rng *rng, struct weir_error *err)
{
	struct weir_job_config *c = &r->job_config;
	bool resume = weir_args_has(r->args, "resume");
	char last[33];
	uint32_t next = 0;
	int code = 0;

	if (c->dir)
		own_id(r->plan->job_name, 0, c->job_id);
	else /* no folder to be found in again: an id of its own, as in Flink */
		weir_rng_hex(rng, c->job_id, 32);
	if (c->dir && c->create_subdir)
		code = find_last_run(c->dir, r->plan->job_name, resume ? skipped : NULL, &r->damaged, last, &r->restore_found, &next, err);
	if (code)
		return code;
	if (resume) {
		if (next)
			memcpy(c->job_id, last, sizeof(last));
		return choose_resume(r, r->restore_found, err);
	}
	if (next) { /* an earlier run's: keep them, as a run of its own would */
		fprintf(stderr, "weir: checkpoints of an earlier run stay in %s/%s; --resume would go on from them\n", c->dir, last);
		own_id(r->plan->job_name, next, c->job_id);
	}
	return 0;
}

/* ---- progress ---- */

static void print_rate(const struct weir_job_status *s, double rate, bool tty)
{
	char wm[40] = "-", ckpt[80] = "";

	if (s->watermark_ms == INT64_MAX) {
		snprintf(wm, sizeof(wm), "end");
	} else if (s->watermark_ms != INT64_MIN) {
		struct weir_buf b = { 0 };

		(void)!weir_type_value_json(&weir_timestamp, &s->watermark_ms, &b);
		snprintf(wm, sizeof(wm), "%.*s", b.len > 2 ? (int)b.len - 2 : 0, b.len > 2 ? (char *)b.data + 1 : "");
		weir_buf_fini(&b);
	}
	if (s->last_checkpoint >= 0)
		snprintf(ckpt, sizeof(ckpt), "  chk-%lld %lld ms %.1f KB", (long long)s->last_checkpoint, (long long)s->last_checkpoint_ms,
			 (double)s->last_checkpoint_bytes / 1024);
	fprintf(stderr, "%s%s  %llu rows  %.0f rows/s  watermark %s%s  backpressured %u/%u%s", tty ? "\r\033[K" : "", weir_job_state_name(s->state),
		(unsigned long long)s->rows_in, rate, wm, ckpt, s->backpressured, s->ntasks, tty ? "" : "\n");
	fflush(stderr);
}

static void on_job_event(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%sweir: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text);
}

/* ---- running ---- */

static void on_last_checkpoint(void *arg, int code, const char *uri, const struct weir_error *err)
{
	struct weir_job_request cancel = { .kind = WEIR_JOB_CANCEL, .keep = true };

	(void)err;
	if (code == 0 && uri)
		fprintf(stderr, "weir: checkpoint %s taken; go on from it with the same command and -s %s\n", uri, uri);
	weir_job_ask(arg, &cancel);
}

static void stop_cleanly(struct run *r)
{
	struct weir_job_request q = { .kind = r->job_config.dir ? WEIR_JOB_CHECKPOINT : WEIR_JOB_CANCEL, .answer = r->job_config.dir ? on_last_checkpoint : NULL,
				      .arg = r->job };

	fprintf(stderr, "\nweir: stopping%s; once more ends it at once\n", r->job_config.dir ? " after a last checkpoint" : "");
	weir_job_ask(r->job, &q);
}

static void watch(struct run *r)
{
	bool tty = isatty(STDERR_FILENO) && !r->args->json, asked = false, shown = false;
	int64_t last_ns = weir_mono_ns(&weir_system_clock), start = last_ns;
	struct weir_job_status s;
	uint64_t last_rows = 0;

	while (!weir_job_wait(r->job, tty ? 100 : 50)) {
		int64_t now = weir_mono_ns(&weir_system_clock);

		if (interrupts && !asked) {
			asked = true;
			stop_cleanly(r);
		}
		weir_job_status(r->job, &s);
		if (!tty || now - start < 500000000 || now - last_ns < 500000000)
			continue;
		print_rate(&s, (double)(s.rows_in - last_rows) / ((double)(now - last_ns) / 1e9), true);
		last_rows = s.rows_in;
		last_ns = now;
		shown = true;
	}
	if (shown)
		fprintf(stderr, "\r\033[K");
}

static void print_accumulator(void *arg, const char *name, int64_t value)
{
	(void)arg;
	fprintf(stderr, "  %s: %lld\n", name, (long long)value);
}

static int report(struct run *r, int64_t started_ns, struct weir_error *err)
{
	struct weir_job_status s;
	int code = weir_job_result(r->job, err);
	double seconds = (double)(weir_mono_ns(&weir_system_clock) - started_ns) / 1e9;

	weir_job_status(r->job, &s);
	if (code == WEIR_ECANCELED && interrupts) {
		fprintf(stderr, "weir: job %s was stopped\n", r->plan->job_name);
		weir_error_clear(err);
		return 128 + interrupted_by;
	}
	if (code)
		return code;
	if (s.finished_before) {
		fprintf(stderr, "weir: job %s had already finished (%s); nothing was to be done\n", r->plan->job_name, weir_job_restored_from(r->job));
		return 0;
	}
	fprintf(stderr, "weir: job %s finished: %llu rows in %.2f s\n", r->plan->job_name, (unsigned long long)s.rows_in, seconds);
	weir_job_accumulators(r->job, print_accumulator, NULL);
	return 0;
}

/* Say that the job runs, once its inputs, outputs and state could be opened: what is missing is found before that. */
static void accept_job(struct run *r)
{
	struct weir_job_status s;

	while (!weir_job_wait_started(r->job, 50) && !interrupts)
		;
	weir_job_status(r->job, &s);
	if (!s.started)
		return;
	fprintf(stderr, "Job has been submitted with JobID %s\n", r->job_config.job_id);
	if (weir_job_restored_from(r->job))
		fprintf(stderr, "weir: restored from %s\n", weir_job_restored_from(r->job));
	if (r->ready_fd >= 0) {
		(void)!write(r->ready_fd, "ok", 2);
		close(r->ready_fd);
		r->ready_fd = -1;
		dup2(STDOUT_FILENO, STDERR_FILENO); /* the log; and who waits for the end of our messages waits no longer */
	}
}

static int run_job(struct run *r, struct weir_error *err)
{
	int64_t started = weir_mono_ns(&weir_system_clock);
	struct weir_rng rng = weir_rng_system();
	int code = choose_start(r, &rng, err);

	if (code)
		return code;
	r->host = weir_host_threads_new(2);
	if (!r->host)
		return weir_error_set(err, WEIR_ENOMEM, "cannot start threads");
	code = weir_job_new(r->plan, &r->job_config, r->host, weir_rng_next(&rng), &r->job, err);
	if (code)
		return code;
	weir_job_on_event(r->job, on_job_event, NULL);
	code = weir_control_open(r->job, r->plan->job_name, &r->control, err);
	if (code)
		return code;
	catch_interrupts();
	code = weir_job_start(r->job, err);
	if (code)
		return code;
	accept_job(r);
	watch(r);
	return report(r, started, err);
}

static void clean_up(struct run *r)
{
	weir_control_close(r->control);
	weir_job_free(r->job);
	weir_host_threads_free(r->host);
	weir_env_free(r->env);
	weir_config_fini(&r->config);
	free(r->restore_found);
	weir_crash_release();
}

/* ---- in the background ---- */

/* The parent returns when the job has been accepted, or has failed before. */
static int detach(struct run *r, int *out_status, struct weir_error *err)
{
	const char *log = weir_args_value(r->args, "log");
	char name[300], answer[8] = "";
	int p[2], fd, status;
	pid_t pid;

	snprintf(name, sizeof(name), "/tmp/weir-%u-%ld.log", (unsigned)getuid(), (long)getpid());
	if (pipe2(p, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return weir_error_sys(err, errno, NULL, "go to the background");
	if (pid > 0) {
		close(p[1]);
		if (read(p[0], answer, 2) == 2) {
			*out_status = 0;
			fprintf(stderr, "weir: pid %ld, messages in %s\n", (long)pid, log ? log : name);
		} else {
			waitpid(pid, &status, 0);
			*out_status = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
		}
		close(p[0]);
		return 1;
	}
	close(p[0]);
	setsid();
	snprintf(name, sizeof(name), "/tmp/weir-%u-%ld.log", (unsigned)getuid(), (long)getppid());
	fd = open(log ? log : name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (log ? 0 : O_NOFOLLOW), 0600);
	if (fd >= 0) { /* the first messages still reach the terminal through the parent's stderr until the job runs */
		dup2(fd, STDOUT_FILENO);
		close(fd);
	}
	r->ready_fd = p[1];
	return 0;
}

static int run_run(const struct weir_args *args, struct weir_error *err)
{
	struct run r = { .args = args, .ready_fd = -1, .damaged = WEIR_ERROR_INIT };
	int status = 0, code = configure(&r, err);

	if (!code)
		code = build(&r, err);
	if (!code && weir_args_has(args, "detached")) {
		code = detach(&r, &status, err);
		if (code == 1) {
			clean_up(&r);
			return status;
		}
	}
	if (!code)
		code = run_job(&r, err);
	clean_up(&r);
	return code;
}

const struct weir_command weir_cmd_run = {
	.name = "run",
	.words = "JOB.c|JOB.so [-- ARGUMENTS OF THE JOB]",
	.min_words = 1, .max_words = 1,
	.summary = "run a job in this process",
	.about = "A C file is compiled with the system's compiler and kept in a cache. Without checkpoints the results are committed at the end.\n"
		 "With -D execution.checkpointing.dir=DIR and -D execution.checkpointing.interval='10 s' the job can be killed at any time and resumed\n"
		 "with --resume: nothing is lost, nothing is doubled.",
	.examples = "weir run examples/delays.c -- --input examples/data/flights-20k.csv --output out/\n"
		    "weir run -p 2 -Dexecution.checkpointing.dir=/tmp/ck -Dexecution.checkpointing.interval=1s --resume job.c -- --input x.csv",
	.options = run_options,
	.flags = WEIR_COMMAND_REST | WEIR_COMMAND_FILES,
	.run = run_run,
};

/* ---- weir info ---- */

static const struct weir_option info_options[] = {
	{ "p", "parallelism", "N", "parallelism of operators that set none", 0 },
	{ "D", "define", "KEY=VALUE", "set a configuration key", WEIR_OPT_REPEAT },
	{ NULL, "config", "FILE", "configuration file", WEIR_OPT_FILE },
	{ 0 },
};

static int info_run(const struct weir_args *args, struct weir_error *err)
{
	struct run r = { .args = args, .ready_fd = -1 };
	struct weir_buf b = { 0 };
	int code = configure(&r, err);

	if (!code)
		code = build(&r, err);
	if (!code) {
		own_id(r.plan->job_name, 0, r.job_config.job_id);
		code = weir_plan_json(r.plan, r.job_config.job_id, &b);
	}
	if (!code)
		printf("%s\n", weir_buf_cstr(&b));
	weir_buf_fini(&b);
	clean_up(&r);
	return code;
}

const struct weir_command weir_cmd_info = {
	.name = "info",
	.words = "JOB.c|JOB.so [-- ARGUMENTS OF THE JOB]",
	.min_words = 1, .max_words = 1,
	.summary = "print a job's graph as JSON, without running it",
	.examples = "weir info examples/delays.c -- --input x --output y | jq .nodes[].contents",
	.options = info_options,
	.flags = WEIR_COMMAND_REST | WEIR_COMMAND_FILES,
	.run = info_run,
};
