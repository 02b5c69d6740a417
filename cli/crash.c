// SPDX-License-Identifier: Apache-2.0
/*
 * The last words of a process that the job's own code brings down: whose function crashed, or called exit(). A crash then takes its usual course (core,
 * status of the signal); an exit() ends with the status of a failed job, whatever it was called with: a supervisor that sees 0 would take the job for done.
 * The handlers make async-signal-safe calls only. weir__current_op is the thread's own; in_main is set by the one thread that builds the graph.
 */
#include "cli/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/error.h>

#include "runtime/task.h"

static const char *volatile in_main;
static volatile sig_atomic_t caught;

static void put(const char *text) { (void)!write(STDERR_FILENO, text, strlen(text)); }

/* Who runs on this thread: "operator 'uid'", "weir_main of job.c", or nobody of the job's. */
static bool put_who(void)
{
	const struct weir_op *op = weir__current_op;

	put("\nweir: ");
	if (op) {
		put("operator '");
		put(op->node->uid);
		put("'");
	} else if (in_main) {
		put("weir_main of ");
		put(in_main);
	}
	return op || in_main;
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	const char *what = sig == SIGSEGV ? "segmentation fault" : sig == SIGBUS ? "bus error" : sig == SIGFPE ? "arithmetic error" :
			   sig == SIGILL ? "illegal instruction" : "abort";

	(void)info, (void)context;
	if (put_who())
		put(" crashed: ");
	put(what);
	put(weir__current_op ? " in the job's function. State is safe: the last complete checkpoint can be resumed.\n" :
	    in_main ? ". Nothing ran yet.\n" : " outside the job's functions: a bug in weir.\n");
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_exit_called(void)
{
	if (!caught)
		return;
	if (!put_who())
		put("a thread of the job");
	put(" called exit(), which ends the whole process. ");
	put(weir__current_op ? "To fail the job, return weir_fail(ctx, ...). State is safe: the last complete checkpoint can be resumed.\n" :
			       "To refuse to run, call weir_env_error(env, ...) and return.\n");
	_exit(weir_code_exit(WEIR_EFAILED));
}

void weir_crash_in_main(const char *job_file) { in_main = job_file; }
void weir_crash_release(void) { caught = 0; }

void weir_crash_catch(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	static char stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction crash = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };

	sigaltstack(&alt, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &crash, NULL);
	caught = 1;
	(void)!atexit(on_exit_called); /* without memory for it an exit() goes untold */
}
