// SPDX-License-Identifier: Apache-2.0
/*
 * The durable publish of one small file, such as _metadata: hidden temporary file, write, sync, close, rename, sync_dir.
 *
 * Invariants
 *  1. Nothing is ever written under the final path; it changes by one atomic rename of a synced file.
 *  2. A failure removes the temporary file. A target that this call brought and could not make durable is removed again.
 * A file system without renames publishes by its atomic, durable close instead (object stores).
 */
#include "fs-abstraction/fs_priv.h"

#include <stdlib.h>

#include "fs-abstraction/path.h"

/* Write all of it under path and close. No file is left after a failure. */
static int write_file(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, struct weir_slice content, struct weir_error *err)
{
	struct weir_fs_out *out = NULL;
	int rc = weir_fs_create(fs, path, mode, &out, err);

	if (rc)
		return rc;
	rc = weir_fs_write(out, content.ptr, content.len, err);
	if (!rc && !(fs->ops->caps & WEIR_FS_DURABLE_CLOSE))
		rc = weir_fs_sync(out, err);
	if (rc) {
		weir_fs_abort(out);
		return rc;
	}
	return weir_fs_close(out, err);
}

static int publish_by_rename(struct weir_fs *fs, const char *path, struct weir_slice content, struct weir_error *err)
{
	char *hidden = weir__fs_hidden_path(fs, path), *dir = weir_path_parent(path);
	struct weir_fs_stat st;
	bool fresh;
	int rc;

	if (!hidden || !dir) {
		rc = weir__fs_nomem(err, path);
		goto out;
	}
	rc = weir_fs_stat(fs, path, &st, NULL);
	fresh = rc == WEIR_ENOTFOUND;
	if (rc && !fresh) {
		rc = weir_fs_stat(fs, path, &st, err);
		if (rc)
			goto out;
	}
	rc = write_file(fs, hidden, WEIR_FS_NO_OVERWRITE, content, err);
	if (rc)
		goto out;
	rc = weir_fs_rename(fs, hidden, path, err);
	if (rc) {
		if (weir_fs_remove(fs, hidden, false, NULL)) { /* nothing more can be done; the name is hidden and never used again */
		}
		goto out;
	}
	rc = weir_fs_sync_dir(fs, dir, err);
	if (rc && fresh && weir_fs_remove(fs, path, false, NULL) == 0)
		weir_error_wrap(err, "not published, and removed again");
out:
	free(hidden);
	free(dir);
	return rc;
}

int weir_fs_publish(struct weir_fs *fs, const char *path, struct weir_slice content, struct weir_error *err)
{
	struct weir__fs_path p;
	int rc = weir__fs_path_take(&p, path, err);

	if (rc)
		return rc;
	rc = weir__fs_writable(fs, p.text, err);
	if (!rc) {
		if (fs->ops->caps & WEIR_FS_ATOMIC_RENAME)
			rc = publish_by_rename(fs, p.text, content, err);
		else if (fs->ops->caps & WEIR_FS_DURABLE_CLOSE)
			rc = write_file(fs, p.text, WEIR_FS_OVERWRITE, content, err);
		else
			rc = weir_error_at(err, WEIR_EUNSUPPORTED, p.text, WEIR_NO_OFFSET, "the file system %s: has neither atomic renames nor a durable close",
					   fs->ops->scheme);
	}
	weir__fs_path_drop(&p);
	return rc;
}
