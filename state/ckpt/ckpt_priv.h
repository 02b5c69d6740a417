/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of state/ckpt share: opening by path, and looking for checkpoints. */
#ifndef WEIR_STATE_CKPT_PRIV_H
#define WEIR_STATE_CKPT_PRIV_H

#include <weir/ckpt.h>

#include "state/ckpt/store.h"

/* Open the metadata file at path within fs. */
int weir__ckpt_open_file(struct weir_fs *fs, const char *path, struct weir_ckpt **out, struct weir_error *err) WEIR_CHECK;
/* weir_store_newest() within a file system. A directory that itself holds _metadata is its own answer, unchecked. *out_dir is malloc'ed. */
int weir__ckpt_find_newest(struct weir_fs *fs, const char *path, char **out_dir, weir_store_skip_fn *skip, void *arg, struct weir_error *err) WEIR_CHECK;
/* The same, leaving out the directory `than` (NULL: none). */
int weir__ckpt_find_other(struct weir_fs *fs, const char *path, const char *than, char **out_dir, weir_store_skip_fn *skip, void *arg,
			  struct weir_error *err) WEIR_CHECK;
/* dir/_metadata decodes and every file it names is there. */
int weir__ckpt_check_dir(struct weir_fs *fs, const char *dir, struct weir_error *err) WEIR_CHECK;
/* "chk-12" gives 12; -1 for any other name. */
int64_t weir__ckpt_id_of_name(const char *name);
/* 32 lower-case hex digits. */
bool weir__ckpt_is_job_id(const char *name);

/* Names of the entries of a directory. */
struct weir__dir_entry {
	char *name;
	bool directory;
};
struct weir__dir {
	struct weir__dir_entry *items;
	size_t len, cap;
};
int weir__dir_read(struct weir_fs *fs, const char *path, struct weir__dir *out, struct weir_error *err) WEIR_CHECK;
void weir__dir_fini(struct weir__dir *d);

#endif
