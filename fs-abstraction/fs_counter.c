// SPDX-License-Identifier: Apache-2.0
/*
 * WEIR_FS_KILL_AT=N, WEIR_FS_FAIL_AT=N:CODE or N+:CODE, WEIR_FS_COUNT=FILE, WEIR_FS_COUNT_FROM=TEXT: the operation counter of the local file system.
 * One counter for the whole process, across threads; the environment is read once, at the first operation. A child made by
 * fork() goes on counting from its parent's number but does not write COUNT's file. A value that cannot be read fails every
 * operation, with a message: a crash test that silently tests nothing would be worse.
 */
#include "fs-abstraction/fs_counter.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int weir__fs_counter_off;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
	uint64_t done; /* atomic */
	uint64_t kill_at, fail_at;
	bool fail_sticky;
	int fail_code;
	const char *bad; /* the variable whose value cannot be read */
	char count_file[4096];
	char from[256]; /* counting begins with the first operation whose path contains this; "": at once */
	int begun;      /* atomic */
	pid_t pid;
} counter;

static void write_count(void)
{
	FILE *f = getpid() == counter.pid ? fopen(counter.count_file, "we") : NULL;

	if (!f)
		return;
	fprintf(f, "%llu\n", (unsigned long long)__atomic_load_n(&counter.done, __ATOMIC_SEQ_CST));
	fclose(f);
}

static int code_of_name(const char *name)
{
	for (int code = WEIR__ERRORS_END - 1; code > 0; code--)
		if (strcmp(weir_code_name(-code), name) == 0)
			return -code;
	return 0;
}

static void read_environment(void)
{
	const char *kill_at = getenv("WEIR_FS_KILL_AT"), *fail_at = getenv("WEIR_FS_FAIL_AT"), *file = getenv("WEIR_FS_COUNT");
	const char *from = getenv("WEIR_FS_COUNT_FROM");
	char *end;

	counter.pid = getpid();
	if (kill_at && *kill_at) {
		counter.kill_at = strtoull(kill_at, &end, 10);
		if (*end || end == kill_at)
			counter.bad = "WEIR_FS_KILL_AT (want a number)";
	}
	if (fail_at && *fail_at) {
		counter.fail_at = strtoull(fail_at, &end, 10);
		counter.fail_sticky = *end == '+';
		if (end == fail_at || end[counter.fail_sticky] != ':' || !(counter.fail_code = code_of_name(end + counter.fail_sticky + 1)))
			counter.bad = "WEIR_FS_FAIL_AT (want number:CODE or number+:CODE, such as 7:NOSPC)";
	}
	if (from)
		snprintf(counter.from, sizeof(counter.from), "%s", from);
	if (file && *file && strlen(file) < sizeof(counter.count_file)) {
		memcpy(counter.count_file, file, strlen(file) + 1);
		atexit(write_count);
	}
	if (!counter.kill_at && !counter.fail_at && !counter.count_file[0] && !counter.bad)
		__atomic_store_n(&weir__fs_counter_off, 1, __ATOMIC_RELAXED);
}

int weir__fs_counter_hit(enum weir_fs_op op, const char *path, struct weir_error *err)
{
	uint64_t n;

	pthread_once(&once, read_environment);
	if (__atomic_load_n(&weir__fs_counter_off, __ATOMIC_RELAXED))
		return 0;
	if (counter.bad)
		return weir_error_set(err, WEIR_EINVALID, "the value of the environment variable %s cannot be read", counter.bad);
	if (!__atomic_load_n(&counter.begun, __ATOMIC_SEQ_CST)) {
		if (counter.from[0] && (!path || !strstr(path, counter.from)))
			return 0;
		__atomic_store_n(&counter.begun, 1, __ATOMIC_SEQ_CST);
	}
	n = __atomic_add_fetch(&counter.done, 1, __ATOMIC_SEQ_CST);
	if (n == counter.kill_at) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
	if (counter.fail_at && (n == counter.fail_at || (counter.fail_sticky && n > counter.fail_at)))
		return weir_error_at(err, counter.fail_code, path, WEIR_NO_OFFSET, "%s failed: %s (operation %llu, asked for by WEIR_FS_FAIL_AT)",
				     weir_fs_op_name(op), weir_code_text(counter.fail_code), (unsigned long long)n);
	return 0;
}
