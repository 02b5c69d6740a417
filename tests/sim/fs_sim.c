// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator's disk: a memory file system behind a wrapper that is reached as sim:/path. The wrapper counts operations and fails or crashes at
 * chosen ones.
 *
 * A crash is a moment: from the operation on at which it strikes, the memory file system has been killed (streams of before change nothing any more) and
 * every operation fails. The job is then taken down at leisure; sim_fs_reboot() decides what the disk has kept.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t text_hash(const char *p)
{
	uint64_t h = 1469598103934665603u;

	for (; *p; p++)
		h = (h ^ (uint8_t)*p) * 1099511628211u;
	return h;
}

void sim_fs_crash_now(struct sim_fs *f)
{
	if (f->crashed)
		return;
	f->crashed = true;
	weir_fs_memory_kill(f->memory);
	if (f->trace)
		printf("              *** crash\n");
}

static int before(struct weir__fs_wrap *w, const struct weir_fs_call *call, size_t *n, struct weir_error *err)
{
	struct sim_fs *f = (struct sim_fs *)w;
	bool changing = WEIR_FS_OPS_CHANGING >> call->op & 1;

	(void)n;
	if (f->quiet)
		return 0;
	if (!f->crashed) {
		f->calls++;
		f->changes += changing;
		f->on_call(f->arg, text_hash(call->path) ^ call->op ^ call->n << 8);
	}
	for (uint32_t i = 0; i < f->nfaults && !f->crashed; i++) {
		struct sim_fs_fault *x = &f->faults[i];
		uint64_t at = x->changing ? f->changes : f->calls;

		if (!x->at || (x->changing && !changing) || at < x->at)
			continue;
		if (x->crash) {
			sim_fs_crash_now(f);
			break;
		}
		if (call->op == WEIR_FS_OP_ABORT)
			continue;
		if (--x->times <= 0)
			x->at = 0;
		f->struck++;
		if (f->trace)
			printf("              *** %s of %s fails\n", weir_fs_op_name(call->op), call->path);
		return weir_error_at(err, x->code, call->path, WEIR_NO_OFFSET, "%s failed: %s (on purpose)", weir_fs_op_name(call->op), weir_code_text(x->code));
	}
	if (f->crashed)
		return weir_error_at(err, WEIR_EIO, call->path, WEIR_NO_OFFSET, "the machine has stopped");
	return 0;
}

static void after(struct weir__fs_wrap *w, const struct weir_fs_call *call)
{
	struct sim_fs *f = (struct sim_fs *)w;
	char text[400];

	if (f->quiet || f->crashed)
		return;
	if (f->trace)
		printf("              %s\n", weir_fs_call_text(call, text, sizeof(text)));
	if (call->op == WEIR_FS_OP_RENAME && call->result == 0 && f->crash_at_rename && --f->crash_at_rename == 0)
		sim_fs_crash_now(f);
}

void sim_fs_open(struct sim_fs *f)
{
	struct weir_error err = WEIR_ERROR_INIT;

	f->memory = weir_fs_memory_new("sim");
	if (!f->memory)
		abort();
	weir__fs_wrap_init(&f->wrap, f->memory);
	f->wrap.ops.scheme = "sim";
	f->wrap.base.authority = NULL;
	f->wrap.before = before;
	f->wrap.after = after;
	if (weir_fs_register("sim", &f->wrap.base, &err) != 0) {
		fprintf(stderr, "sim: %s\n", err.msg);
		abort();
	}
}

void sim_fs_close(struct sim_fs *f)
{
	weir_fs_unregister("sim");
	weir_fs_memory_free(f->memory);
}

void sim_fs_arm(struct sim_fs *f, const struct sim_fs_fault *faults, uint32_t n)
{
	f->calls = f->changes = f->struck = f->crash_at_rename = 0;
	f->nfaults = n;
	for (uint32_t i = 0; i < n; i++)
		f->faults[i] = faults[i];
}

void sim_fs_fail_soon(struct sim_fs *f, uint64_t within)
{
	if (f->nfaults < SIM_FS_FAULTS)
		f->faults[f->nfaults++] = (struct sim_fs_fault){ .at = f->changes + within, .changing = true, .code = WEIR_EIO, .times = 1 };
}

void sim_fs_reboot(struct sim_fs *f, bool lose, uint64_t seed)
{
	if (lose)
		weir_fs_memory_crash(f->memory, seed);
	else
		weir_fs_memory_kill(f->memory);
	f->crashed = false;
}
