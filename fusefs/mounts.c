// SPDX-License-Identifier: Apache-2.0
/*
 * The system's table of mounts, and unmounting. A mount is weir's when its type is fuse.weir. Nothing here needs libfuse. A dead mount is told by ENOTCONN
 * from statfs; live ones answer at once from memory. Paths in the table have \040 and the like for blanks.
 */
#include "fusefs/mounts.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Octal escapes of the table, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = 0;
}

bool weir_mount_is_dead(const char *dir)
{
	struct statfs st;

	return statfs(dir, &st) != 0 && errno == ENOTCONN;
}

/* "ID PARENT DEV ROOT DIR OPTIONS [TAGS] - TYPE SOURCE OPTIONS" */
static bool take_line(char *line, struct weir_mount_info *m)
{
	char *dash = strstr(line, " - "), *save = NULL, *dir = NULL, *type, *source;

	if (!dash)
		return false;
	*dash = 0;
	type = strtok_r(dash + 3, " ", &save);
	source = strtok_r(NULL, " ", &save);
	if (!type || !source || strcmp(type, "fuse.weir") != 0)
		return false;
	dir = strtok_r(line, " ", &save);
	for (int i = 0; i < 4 && dir; i++)
		dir = strtok_r(NULL, " ", &save);
	if (!dir)
		return false;
	unescape(dir);
	unescape(source);
	m->dir = dir;
	m->source = strncmp(source, "weir:", 5) == 0 ? source + 5 : source;
	return true;
}

int weir_mounts_each(weir_mount_fn *fn, void *arg, struct weir_error *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct weir_mount_info m;
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	if (!f)
		return weir_error_sys(err, errno, "/proc/self/mountinfo", "read the table of mounts");
	while (rc == 0 && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (!take_line(line, &m))
			continue;
		m.dead = weir_mount_is_dead(m.dir);
		rc = fn(arg, &m);
	}
	free(line);
	fclose(f);
	return rc;
}

static int match(void *arg, const struct weir_mount_info *m) { return strcmp(m->dir, arg) == 0; }

/* The path as the table has it. realpath() fails below a dead mount, not for its parent. */
static int full_path(const char *dir, char out[PATH_MAX], struct weir_error *err)
{
	char copy[PATH_MAX], parent[PATH_MAX], *slash;

	if (realpath(dir, out))
		return 0;
	if (errno != ENOTCONN || strlen(dir) >= sizeof(copy))
		return weir_error_sys(err, errno, dir, "unmount");
	strcpy(copy, dir);
	while (copy[1] && copy[strlen(copy) - 1] == '/')
		copy[strlen(copy) - 1] = 0;
	slash = strrchr(copy, '/');
	if (slash)
		*slash = 0;
	if (!realpath(slash ? slash == copy ? "/" : copy : ".", parent) || strlen(parent) + strlen(slash ? slash + 1 : copy) + 2 > PATH_MAX)
		return weir_error_sys(err, errno, dir, "unmount");
	strcpy(out, strcmp(parent, "/") == 0 ? "" : parent);
	strcat(out, "/");
	strcat(out, slash ? slash + 1 : copy);
	return 0;
}

static int by_helper(const char *dir, bool lazy, struct weir_error *err)
{
	char fusermount[] = "fusermount3", u[] = "-u", q[] = "-q", z[] = "-z", end[] = "--";
	char *copy = strdup(dir), *argv[] = { fusermount, u, q, lazy ? z : end, lazy ? end : copy, lazy ? copy : NULL, NULL };
	pid_t pid;
	int status = -1, rc = copy ? posix_spawnp(&pid, fusermount, NULL, NULL, argv, environ) : ENOMEM;

	if (rc == 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	free(copy);
	if (rc == ENOENT)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "unmounting needs fusermount3 (package fuse3), or root");
	if (rc)
		return weir_error_sys(err, rc, "fusermount3", "start the helper");
	if (status != 0)
		return weir_error_at(err, WEIR_EBUSY, dir, WEIR_NO_OFFSET, "the mount is in use: end what reads it or has its working directory there, or unmount with --lazy");
	return 0;
}

int weir_unmount(const char *dir, bool lazy, struct weir_error *err)
{
	char full[PATH_MAX];
	int rc = full_path(dir, full, err), found;

	if (rc)
		return rc;
	found = weir_mounts_each(match, full, err);
	if (found < 0)
		return found;
	if (!found)
		return weir_error_at(err, WEIR_EINVALID, full, WEIR_NO_OFFSET, "nothing of weir is mounted here; `weir mount --list` shows what is");
	lazy |= weir_mount_is_dead(full);
	if (geteuid() == 0 && umount2(full, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (geteuid() == 0 && errno == EBUSY)
		return weir_error_at(err, WEIR_EBUSY, full, WEIR_NO_OFFSET, "the mount is in use: end what reads it or has its working directory there, or unmount with --lazy");
	return by_helper(full, lazy, err);
}
