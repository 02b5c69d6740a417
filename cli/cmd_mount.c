// SPDX-License-Identifier: Apache-2.0
/* weir mount, unmount: options in, fusefs. Usable as a helper of mount(8): `mount.weir SOURCE DIR -o ...`. */
#include "cli/command.h"
#include "fusefs/mount.h"
#include "fusefs/mounts.h"

#include "base/json.h"

static const struct weir_option options[] = {
	{ "f", "foreground", NULL, "stay in the foreground; otherwise return when mounted", 0 },
	{ "s", "single-thread", NULL, "serve with one thread", 0 },
	{ "d", "debug", NULL, "show FUSE requests on stderr; stays in the foreground", 0 },
	{ "o", "options", "OPT[,OPT...]", "mount options: at=NAME, uids=FILE, view=FORM, bare, cache=BYTES, exact=BYTES, auto_unmount, ...", WEIR_OPT_REPEAT },
	{ NULL, "allow-other", NULL, "other users may read it too (needs user_allow_other in /etc/fuse.conf, or root)", 0 },
	{ NULL, "clean", NULL, "remove a mount at DIR whose server died, first", 0 },
	{ "l", "list", NULL, "show the mounts of weir that there are", 0 },
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

static int print_mount(void *arg, const struct weir_mount_info *m)
{
	struct weir_buf *json = arg;
	bool first = true;

	if (!json) {
		printf("%s  %s%s\n", m->dir, m->source, m->dead ? "  (its server died: weir unmount)" : "");
		return 0;
	}
	weir_buf_text(json, json->len > 1 ? ",{" : "{");
	weir_json_key(json, &first, "dir");
	weir_json_text(json, m->dir);
	weir_json_key(json, &first, "source");
	weir_json_text(json, m->source);
	weir_buf_printf(json, ",\"dead\":%s}", m->dead ? "true" : "false");
	return 0;
}

static int list(bool json, struct weir_error *err)
{
	struct weir_buf b = { 0 };
	int rc;

	weir_buf_u8(&b, '[');
	rc = weir_mounts_each(print_mount, json ? &b : NULL, err);
	if (json && rc == 0)
		printf("%s]\n", weir_buf_cstr(&b));
	weir_buf_fini(&b);
	return rc ? rc : weir_cli_flush(err);
}

static int run(const struct weir_args *args, struct weir_error *err)
{
	const char *fuse[32], *uids[64];
	struct weir_mount_options o = {
		.sources = (const char *const *)args->words, .foreground = weir_args_has(args, "foreground"), .single_thread = weir_args_has(args, "single-thread"),
		.debug = weir_args_has(args, "debug"), .clean = weir_args_has(args, "clean"), .allow_other = weir_args_has(args, "allow-other"), .fuse_options = fuse,
		.uids.names = uids,
	};

	if (weir_args_has(args, "list"))
		return list(args->json, err);
	if (args->nwords < 2)
		return weir_error_set(err, WEIR_EINVALID, "usage: weir mount [options] PATH... DIR: what to mount, and an empty directory");
	o.nsources = (size_t)args->nwords - 1;
	o.dir = args->words[args->nwords - 1];
	o.nfuse_options = gather(args, "options", fuse, 32);
	o.uids.count = gather(args, "uid", uids, 64);
	return weir_mount(&o, err);
}

const struct weir_command weir_cmd_mount = {
	.name = "mount",
	.words = "PATH... DIR",
	.min_words = 0,
	.max_words = -1,
	.summary = "show savepoints, checkpoints or checkpoint roots as files",
	.about = "Read-only. PATH is a savepoint, a chk-N directory, a _metadata file, an archive (tar, zip) of one, or a directory of checkpoints; of the last one new\n"
		 "checkpoints appear while it is mounted. DIR/README says what is where. Unmount with `weir unmount DIR`.",
	.examples = "  weir mount checkpoints/ mnt && cat mnt/latest/summary.txt\n  jq . mnt/latest/by-uid/late-alert/keyed/states/tally/get/ORD.json\n"
		    "  weir mount -o at=latest,view=txt,bare savepoint.tar mnt",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};

/* ---- unmount ---- */
static const struct weir_option unmount_options[] = {
	{ "z", "lazy", NULL, "when it is in use: out of sight now, gone once nobody uses it any more", 0 },
	{ 0 },
};

static int unmount_run(const struct weir_args *args, struct weir_error *err)
{
	for (int i = 0; i < args->nwords; i++) {
		int rc = weir_unmount(args->words[i], weir_args_has(args, "lazy"), err);

		if (rc)
			return rc;
	}
	return 0;
}

const struct weir_command weir_cmd_unmount = {
	.name = "unmount",
	.words = "DIR...",
	.min_words = 1,
	.max_words = -1,
	.summary = "end a mount of weir, also one whose server died",
	.options = unmount_options,
	.flags = WEIR_COMMAND_FILES,
	.run = unmount_run,
};
