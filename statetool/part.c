// SPDX-License-Identifier: Apache-2.0
/* Files that are whole or not there. */
#include "statetool/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "fs-abstraction/path.h"

int weir_part_begin(const char *uri, struct weir_part *p, struct weir_error *err)
{
	struct weir_rng rng = weir_rng_system();
	struct weir_fs_stat st;
	char uuid[37];
	int rc;

	*p = (struct weir_part){ 0 };
	rc = weir_fs_resolve(uri, &p->fs, &p->path, err);
	if (rc)
		return rc;
	if (weir_fs_stat(p->fs, p->path, &st, NULL) == 0) {
		rc = weir_error_at(err, WEIR_EEXISTS, p->path, WEIR_NO_OFFSET, "the file is there already; it is not replaced");
		free(p->path);
		return rc;
	}
	weir_rng_uuid(&rng, uuid);
	p->temporary = weir_path_hidden(p->path, uuid);
	if (!p->temporary) {
		free(p->path);
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	}
	return 0;
}

int weir_part_put(void *arg, const void *bytes, size_t n, struct weir_error *err)
{
	struct weir_part *p = arg;
	int rc = p->out ? 0 : weir_fs_create(p->fs, p->temporary, WEIR_FS_NO_OVERWRITE, &p->out, err);

	return rc ? rc : weir_fs_write(p->out, bytes, n, err);
}

static int sync_named(const char *path, struct weir_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return weir_error_sys(err, errno, path, "open");
	if (fsync(fd) != 0)
		rc = weir_error_sys(err, errno, path, "sync");
	close(fd);
	return rc;
}

int weir_part_publish(struct weir_part *p, struct weir_error *err)
{
	struct weir_fs_stat st;
	char *dir;
	int rc = 0;

	if (p->out) {
		rc = weir_fs_sync(p->out, err);
		if (rc == 0) {
			rc = weir_fs_close(p->out, err);
			p->out = NULL;
		}
	} else if (weir_fs_stat(p->fs, p->temporary, &st, NULL) == 0) {
		rc = sync_named(p->temporary, err);
	} else { /* nothing was put: an empty file */
		rc = weir_part_put(p, "", 0, err);
		if (rc == 0) {
			rc = weir_fs_close(p->out, err);
			p->out = NULL;
		}
	}
	if (rc == 0)
		rc = weir_fs_rename(p->fs, p->temporary, p->path, err);
	if (rc) {
		weir_part_abort(p);
		return rc;
	}
	dir = weir_path_parent(p->path);
	rc = dir ? weir_fs_sync_dir(p->fs, dir, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");
	free(dir);
	free(p->path);
	free(p->temporary);
	*p = (struct weir_part){ 0 };
	return rc;
}

void weir_part_abort(struct weir_part *p)
{
	if (!p->path)
		return;
	if (p->out)
		weir_fs_abort(p->out);
	(void)!weir_fs_remove(p->fs, p->temporary, false, NULL);
	free(p->path);
	free(p->temporary);
	*p = (struct weir_part){ 0 };
}
