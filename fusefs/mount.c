// SPDX-License-Identifier: Apache-2.0
/*
 * A mount's life: open the source, mount, become a daemon, serve until unmounted or told to end.
 *
 * The source is opened before anything is mounted, so that a bad path is an ordinary error of the command. Everything libfuse would print is caught
 * and becomes the message. Without libfuse's headers at build time weir_mount says so.
 */
#include "fusefs/mount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if __has_include(<fuse_lowlevel.h>)
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fusefs/fault.h"
#include "fusefs/mounts.h"
#include "fusefs/ops.h"
#include "fusefs/options.h"

static char log_text[512]; /* libfuse's last complaint; one mount a process */

__attribute__((format(printf, 2, 0))) static void catch_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	size_t n = strlen(log_text);

	if (level <= FUSE_LOG_WARNING && n + 2 < sizeof(log_text)) {
		vsnprintf(log_text + n, sizeof(log_text) - n, fmt, ap);
		n = strlen(log_text);
		if (n && log_text[n - 1] == '\n')
			log_text[n - 1] = ' ';
	}
}

static int said(struct weir_error *err, int code, const char *dir, const char *what)
{
	return weir_error_at(err, code, dir, WEIR_NO_OFFSET, "%s%s%s", what, log_text[0] ? ": " : "", log_text);
}

static int add_options(const struct weir_mount_options *o, struct fuse_args *args, struct weir_mount_words *ours, struct weir_error *err)
{
	char *opts = NULL, fsname[PATH_MAX + 32];
	int bad;

	snprintf(fsname, sizeof(fsname), "fsname=weir:%s", o->sources[0]);
	for (size_t i = 1; i < o->nsources; i++)
		snprintf(fsname + strlen(fsname), sizeof(fsname) - strlen(fsname), " %s", o->sources[i]);
	bad = fuse_opt_add_arg(args, "weir") || fuse_opt_add_opt(&opts, "ro") || fuse_opt_add_opt(&opts, "subtype=weir") ||
	      fuse_opt_add_opt(&opts, "default_permissions") || fuse_opt_add_opt_escaped(&opts, fsname) ||
	      (o->allow_other && fuse_opt_add_opt(&opts, "allow_other"));
	for (size_t i = 0; i < o->nfuse_options && !bad; i++) {
		char *copy = strdup(o->fuse_options[i]), *save = NULL;

		for (char *p = copy ? strtok_r(copy, ",", &save) : NULL; p && !bad; p = strtok_r(NULL, ",", &save))
			bad = !weir_mount_word_take(p, ours) && fuse_opt_add_opt(&opts, p);
		bad |= !copy;
		free(copy);
	}
	bad = bad || fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, opts) || (o->debug && fuse_opt_add_arg(args, "-d"));
	free(opts);
	return bad ? weir_error_set(err, WEIR_ENOMEM, "out of memory for mount options") : 0;
}

static int check_dir(const char *dir, bool clean, char *real, struct weir_error *err)
{
	struct stat st;

	if (weir_mount_is_dead(dir)) {
		int rc = clean ? weir_unmount(dir, true, err)
			       : weir_error_at(err, WEIR_EBUSY, dir, WEIR_NO_OFFSET,
					       "a mount whose server died is in the way; `weir unmount %s` removes it, or mount with --clean", dir);
		if (rc)
			return rc;
	}

	if (!realpath(dir, real) || stat(real, &st))
		return weir_error_sys(err, errno, dir, "mount here");
	if (!S_ISDIR(st.st_mode))
		return weir_error_at(err, WEIR_EINVALID, dir, WEIR_NO_OFFSET, "the mount point is not a directory");
	if (access("/dev/fuse", F_OK))
		return weir_error_at(err, WEIR_EUNSUPPORTED, "/dev/fuse", WEIR_NO_OFFSET, "this system has no FUSE device; `weir state` shows the same without a mount");
	if (access("/dev/fuse", R_OK | W_OK))
		return weir_error_at(err, WEIR_EPERM, "/dev/fuse", WEIR_NO_OFFSET,
				     "this user may not open the FUSE device (most systems give it mode 0666); mount as root, or use `weir state`, which shows the same");
	return 0;
}

/* To whom it may concern: a pipe (as squashfuse has), and systemd. */
static void notify(const char *pipe_path, bool mounted)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = pipe_path ? open(pipe_path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		if (write(fd, mounted ? "s" : "f", 1) != 1)
			(void)0; /* nobody listens */
		close(fd);
	}
	if (!path || !mounted || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		(void)0;
	close(fd);
}

static int serve(struct fuse_session *se, const struct weir_mount_options *o)
{
	struct fuse_loop_config *config;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int rc;

	if (o->single_thread)
		return fuse_session_loop(se);
	config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, cpus < 2 ? 2 : cpus > 16 ? 16 : (unsigned)cpus);
	rc = fuse_session_loop_mt(se, config);
	fuse_loop_cfg_destroy(config);
	return rc;
}

static int run(struct fuse_session *se, const struct weir_mount_options *o, const char *dir, const struct weir_mount_words *ours, struct weir_error *err)
{
	bool foreground = o->foreground || o->debug;
	int rc;

	if (fuse_set_signal_handlers(se))
		return said(err, WEIR_EIO, dir, "cannot install signal handlers");
	if (fuse_session_mount(se, dir)) {
		fuse_remove_signal_handlers(se);
		return said(err, WEIR_EPERM, dir, "cannot mount");
	}
	rc = fuse_daemonize(foreground); /* the parent leaves here, once the mount is there */
	if (rc == 0) {
		notify(ours->notify_pipe, true);
		rc = serve(se, o);
	}
	fuse_session_unmount(se);
	fuse_remove_signal_handlers(se);
	if (rc < 0)
		return weir_error_sys(err, -rc, dir, "serve the mount");
	return 0; /* unmounted, or a signal asked for the end */
}

int weir_mount(const struct weir_mount_options *o, struct weir_error *err)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct weir_mount_words ours = { 0 };
	struct weir_tree *tree = NULL;
	struct fuse_session *se;
	char dir[PATH_MAX];
	int rc = check_dir(o->dir, o->clean, dir, err);

	log_text[0] = 0;
	weir_fault_guard();
	if (rc == 0)
		rc = add_options(o, &args, &ours, err);
	if (rc == 0)
		rc = weir_tree_open_all(o->sources, o->nsources, &ours, &o->uids, &tree, err);
	if (rc == 0) {
		if (!o->debug)
			fuse_set_log_func(catch_log);
		se = fuse_session_new(&args, &weir__fuse_ops, sizeof(weir__fuse_ops), tree);
		rc = se ? run(se, o, dir, &ours, err) : said(err, WEIR_EINVALID, dir, "cannot start the mount");
		if (se)
			fuse_session_destroy(se);
	}
	if (rc)
		notify(ours.notify_pipe, false);
	weir_tree_free(tree);
	fuse_opt_free_args(&args);
	weir_mount_words_fini(&ours);
	return rc;
}
#else
int weir_mount(const struct weir_mount_options *o, struct weir_error *err)
{
	(void)o;
	return weir_error_set(err, WEIR_EUNSUPPORTED, "this weir was built without libfuse3 (libfuse3-dev); `weir state` shows the same without a mount");
}
#endif
