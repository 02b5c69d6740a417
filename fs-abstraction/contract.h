/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of weir/fs.h as checks that can be run over any file system: by the tests, and by users on their own storage.
 * A check works in a fresh directory of its own and says in one sentence what it found broken.
 */
#ifndef WEIR_FS_CONTRACT_H
#define WEIR_FS_CONTRACT_H

#include <weir/fs.h>

struct weir_fs_check {
	const char *id;   /* "FS-06.b": the clause, and a letter */
	const char *text; /* what is promised */
	uint32_t caps;    /* capabilities without which it does not apply */
	/* 0 = holds; WEIR_EFAILED = broken, with a message; another code = an operation that should have worked failed */
	int (*fn)(struct weir_fs *fs, const char *dir, struct weir_error *err);
};

/* All checks, in order of their ids. */
const struct weir_fs_check *weir_fs_checks(size_t *out_n);

enum weir_fs_verdict { WEIR_FS_HOLDS, WEIR_FS_BROKEN, WEIR_FS_NOT_APPLICABLE };
/* err: what was found, for BROKEN; why, for NOT_APPLICABLE. */
typedef void weir_fs_verdict_fn(void *arg, const struct weir_fs_check *check, enum weir_fs_verdict verdict, const struct weir_error *err);

/* Run the checks whose id begins with `prefix` (NULL: all), each in a directory under `dir`, which is made and removed again. fn may
 * be NULL. Returns 0 when none is broken, WEIR_EFAILED when some are (*err: how many, and the first), or why the run was not
 * possible. Some checks fork(): the caller should hold no locks. */
int weir_fs_contract(struct weir_fs *fs, const char *dir, const char *prefix, weir_fs_verdict_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

#endif
