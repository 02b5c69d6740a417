/* SPDX-License-Identifier: Apache-2.0 */
/* weir mount: checkpoints, savepoints and checkpoint roots as a read-only file system. */
#ifndef WEIR_FUSEFS_MOUNT_H
#define WEIR_FUSEFS_MOUNT_H

#include "fusefs/tree.h"

struct weir_mount_options {
	const char *const *sources;
	size_t nsources;
	const char *dir;
	bool clean;           /* a dead mount at dir is removed first */
	bool allow_other;     /* other users may read it too */
	bool foreground;      /* else a daemon; the call returns when the mount is there */
	bool single_thread;
	bool debug;           /* libfuse's log on stderr; implies foreground */
	const char *const *fuse_options; /* each "a,b=c", as for mount -o; passed on to libfuse but for the ones below */
	size_t nfuse_options;
	/* of ours among them: notify_pipe=PATH ('s' or 'f' is written when mounted or failed), cache=BYTES, exact=BYTES, at=NAME, uids=FILE,
	 * view=json|raw|hex|txt, bare; and what fstab may hold for others (noauto, nofail, user, x-...) is passed over */
	struct weir_uids uids;
};

/* Foreground: returns when unmounted (fusermount3 -u, SIGTERM, SIGINT, SIGHUP). Daemon: returns in the parent once mounted; the child never returns.
 * WEIR_EUNSUPPORTED when there is no FUSE here. */
int weir_mount(const struct weir_mount_options *o, struct weir_error *err) WEIR_CHECK;

#endif
