/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of weir that this system has, and ending one. */
#ifndef WEIR_FUSEFS_MOUNTS_H
#define WEIR_FUSEFS_MOUNTS_H

#include <stdbool.h>
#include <weir/error.h>

struct weir_mount_info {
	const char *dir, *source; /* source: without "weir:" */
	bool dead;                /* its server is gone: every access fails with ENOTCONN */
};
/* Each mount of weir, from /proc/self/mountinfo. A non-zero result of fn stops and is returned. */
typedef int weir_mount_fn(void *arg, const struct weir_mount_info *m);
int weir_mounts_each(weir_mount_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

/* Is a mount at dir whose server died? */
bool weir_mount_is_dead(const char *dir);
/* Unmount dir: as root directly, else with fusermount3. WEIR_EBUSY when it is in use, unless lazy (then it goes once nobody uses it any more); WEIR_EINVALID when nothing of
 * weir is mounted there. A dead mount is always removed. */
int weir_unmount(const char *dir, bool lazy, struct weir_error *err) WEIR_CHECK;

#endif
