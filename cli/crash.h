/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CRASH_H
#define WEIR_CLI_CRASH_H

/* From here on a crash or an exit() of the job's code is told on stderr. Once in a process, before weir_main is called. */
void weir_crash_catch(void);
/* What runs outside of operators: the job file while its weir_main runs, else NULL. */
void weir_crash_in_main(const char *job_file);
/* No code of the job runs any more: the end of the process is weir's own. */
void weir_crash_release(void);

#endif
