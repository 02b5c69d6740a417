/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that appears under its name only when it is whole: written beside it under a hidden name, synced, renamed. An existing file is never replaced.
 * Or a stream to someone else (standard output). One thread.
 */
#ifndef WEIR_STATETOOL_PART_H
#define WEIR_STATETOOL_PART_H

#include <weir/fs.h>

struct weir_part {
	struct weir_fs *fs;
	char *path, *temporary; /* within fs, malloc'ed */
	struct weir_fs_out *out;
};

/* Choose the hidden name. WEIR_EEXISTS when uri is there. Nothing is created yet. */
int weir_part_begin(const char *uri, struct weir_part *p, struct weir_error *err) WEIR_CHECK;
/* A weir_put_fn; arg is the part. The first call creates the file. */
int weir_part_put(void *arg, const void *bytes, size_t n, struct weir_error *err);
/* Make the file at p->temporary durable and give it its name; a local file may also have been written by its name (SQLite). Ends p in every case. */
int weir_part_publish(struct weir_part *p, struct weir_error *err) WEIR_CHECK;
void weir_part_abort(struct weir_part *p);

#endif
