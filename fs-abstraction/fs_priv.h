/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of fs-abstraction share with each other and with nobody else. */
#ifndef WEIR_FS_PRIV_H
#define WEIR_FS_PRIV_H

#include <weir/fs.h>

/* A path argument, absolute and normal: the caller's text when it is that already, else a copy. */
struct weir__fs_path {
	const char *text;
	char *owned;
};
int weir__fs_path_take(struct weir__fs_path *p, const char *path, struct weir_error *err) WEIR_CHECK;
void weir__fs_path_drop(struct weir__fs_path *p);
/* WEIR_EUNSUPPORTED or WEIR_EPERM when the file system cannot change anything. */
int weir__fs_writable(const struct weir_fs *fs, const char *path, struct weir_error *err) WEIR_CHECK;

/* ops->resume behind the usual checks. */
int weir__fs_resume(struct weir_fs *fs, const char *path, uint64_t length, struct weir_fs_out **out, struct weir_error *err) WEIR_CHECK;
/* A fresh hidden name beside path; NULL when out of memory. */
char *weir__fs_hidden_path(struct weir_fs *fs, const char *path);
int weir__fs_nomem(struct weir_error *err, const char *path);

/* memory://NAME: the newest living instance of that name, or NULL. "" is made on demand and lives for the process. */
struct weir_fs *weir__fs_memory_find(const char *name, size_t len);

#endif
