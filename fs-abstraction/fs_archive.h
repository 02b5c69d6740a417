/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar, zip or compressed tar as a read-only file system: an index of its files over their bytes. An uncompressed tar is used as it lies; everything else is
 * unpacked once into an unnamed file in TMPDIR by libarchive, which is loaded then.
 */
#ifndef WEIR_FS_ARCHIVE_H
#define WEIR_FS_ARCHIVE_H

#include <weir/fs.h>

/* Do these first bytes (512 are enough) look like an archive? */
bool weir_fs_is_archive(struct weir_slice start);
/* scheme: what its URIs begin with; must live as long as the file system. path is a local file. WEIR_ECORRUPT, WEIR_EUNSUPPORTED (libarchive is not there). */
int weir_fs_archive_open(const char *path, const char *scheme, struct weir_fs **out, struct weir_error *err) WEIR_CHECK;
void weir_fs_archive_close(struct weir_fs *fs); /* nothing of it may be open or mapped */
/* Every file: its path and size, ascending. Stops on a non-zero result. */
typedef int weir_archive_file_fn(void *arg, const char *path, uint64_t size);
int weir_fs_archive_each(struct weir_fs *fs, weir_archive_file_fn *fn, void *arg);

#endif
