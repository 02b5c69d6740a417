/* SPDX-License-Identifier: Apache-2.0 */
/* What a state command is asked about: one checkpoint of several, and the uids that its metadata does not hold. */
#ifndef WEIR_STATETOOL_LOCATE_H
#define WEIR_STATETOOL_LOCATE_H

#include "base/arena.h"
#include "base/vec.h"
#include "statetool/pick.h"

/* What a person names, as a URI that weir_ckpt_open() takes; malloc'ed. An archive (tar, zip, compressed tar; a local file) is opened, for the life of the process:
 * "FILE" is the one savepoint in it, or the newest of its checkpoints; "FILE!/DIR" names one. WEIR_EINVALID lists them when that is not clear. All else is as it is. */
int weir_locate(const char *path, char **out_uri, struct weir_error *err) WEIR_CHECK;

/* weir_ckpt_open() of checkpoint `id` below a root or job directory: chk-<id>. WEIR_ENOTFOUND names those that are there; WEIR_EINVALID when several jobs
 * have it. */
int weir_ckpt_open_at(const char *uri, int64_t id, struct weir_ckpt **out, struct weir_error *err) WEIR_CHECK;

struct weir_uid_list {
	WEIR_VEC(const char *) names;
	struct weir_arena mem;
};
/* Every text in a file whose hash is the id of an operator of c: in a list of uids, the source of a job, or a built .so alike. No code is run. */
int weir_uids_from_file(const struct weir_ckpt *c, const char *uri, struct weir_uid_list *out, struct weir_error *err) WEIR_CHECK;
void weir_uid_list_fini(struct weir_uid_list *l);

#endif
