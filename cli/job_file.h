/* SPDX-License-Identifier: Apache-2.0 */
/* From what the user names ("job.c", "job.so") to weir_main. */
#ifndef WEIR_CLI_JOB_FILE_H
#define WEIR_CLI_JOB_FILE_H

#include <weir/flow.h>

typedef int weir_main_fn(struct weir_env *env, int argc, char **argv);

struct weir_job_file {
	void *handle;          /* dlopen's */
	weir_main_fn *main;
	char name[128];        /* "delays": the file's name without its ending */
};

/* A .c file is compiled with the system's compiler into a cache, keyed by its content and that of the headers it includes; a .so is loaded as it is.
 * What the compiler says goes to stderr as it is. */
int weir_job_file_open(const char *path, struct weir_job_file *out, struct weir_error *err) WEIR_CHECK;

#endif
