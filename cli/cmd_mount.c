// SPDX-License-Identifier: Apache-2.0
/* weir mount: options in, fusefs. Usable as mount.fuse's helper: `weir mount SOURCE DIR -o ...`. */
#include "cli/command.h"
#include "fusefs/mount.h"

static const struct weir_option options[] = {
	{ "f", "foreground", NULL, "stay in the foreground; otherwise return when mounted", 0 },
	{ "s", "single-thread", NULL, "serve with one thread", 0 },
	{ "d", "debug", NULL, "show FUSE requests on stderr; stays in the foreground", 0 },
	{ "o", "options", "OPT[,OPT...]", "mount options: allow_other, auto_unmount, notify_pipe=PATH, cache=BYTES, exact=BYTES, ...", WEIR_OPT_REPEAT },
	{ NULL, "uid", "UID", "a uid the job uses, to list operators of savepoints that hold no uids", WEIR_OPT_REPEAT },
	{ 0 },
};

static size_t gather(const struct weir_args *args, const char *name, const char **out, size_t max)
{
	size_t n = 0;
	const char *v;

	while (n < max && (v = weir_args_nth(args, name, n)))
		out[n++] = v;
	return n;
}

static int run(const struct weir_args *args, struct weir_error *err)
{
	const char *fuse[32], *uids[64];
	struct weir_mount_options o = {
		.source = args->words[0], .dir = args->words[1], .foreground = weir_args_has(args, "foreground"),
		.single_thread = weir_args_has(args, "single-thread"), .debug = weir_args_has(args, "debug"), .fuse_options = fuse, .uids.names = uids,
	};

	o.nfuse_options = gather(args, "options", fuse, 32);
	o.uids.count = gather(args, "uid", uids, 64);
	return weir_mount(&o, err);
}

const struct weir_command weir_cmd_mount = {
	.name = "mount",
	.words = "PATH DIR",
	.min_words = 2,
	.max_words = 2,
	.summary = "show a savepoint, checkpoint or checkpoint root as files",
	.about = "Read-only. PATH is a savepoint, a chk-N directory, a _metadata file, or a directory of checkpoints; of the last one new checkpoints appear while\n"
		 "it is mounted. DIR/README says what is where. Unmount with `fusermount3 -u DIR`.",
	.examples = "  weir mount checkpoints/ mnt && cat mnt/latest/summary.txt\n  jq . mnt/latest/by-uid/late-alert/keyed/states/tally/get/ORD.json",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};
