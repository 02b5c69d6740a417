// SPDX-License-Identifier: Apache-2.0
/*
 * The handler of SIGBUS: puts a page of zeros where the file has none any more, counts, and returns; the access is then repeated. A second fault at the same
 * place cannot come. Signals sent by others (no address) keep their meaning. Only mmap, which is a plain system call, is used in the handler.
 */
#include "fusefs/fault.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uintptr_t page_bytes;
static uint64_t total;
static _Thread_local volatile uint64_t mine;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_bytes - 1);

	(void)context;
	if (info->si_code != BUS_ADRERR ||
	    mmap((void *)page, page_bytes, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
		signal(sig, SIG_DFL);
		return; /* once more, and to the end */
	}
	mine++;
	__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
}

void weir_fault_guard(void)
{
	struct sigaction act;

	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	memset(&act, 0, sizeof(act));
	act.sa_sigaction = on_bus;
	act.sa_flags = SA_SIGINFO;
	sigaction(SIGBUS, &act, NULL);
}

uint64_t weir_fault_mine(void) { return mine; }
uint64_t weir_fault_total(void) { return __atomic_load_n(&total, __ATOMIC_RELAXED); }
